/* What a DELETE read: a row is found by its sid, whatever its bytes, and the newest reading counts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "failing_allocator.h"
#include "vtab/row_reads.h"

static dds_item item_of(const char *text) {
  return (dds_item){.json = {.text = text, .length = strlen(text)}};
}

static void finds_what_was_put(void **state) {
  (void)state;
  enum { ROWS = 5000 };
  dds_row_reads *reads = dds_row_reads_create();
  assert_non_null(reads);
  assert_null(dds_row_reads_find(reads, "a", 1));
  for (unsigned i = 0; i < ROWS; i++) {
    char sid[16];
    size_t length = (size_t)snprintf(sid, sizeof sid, "s%u", i);
    dds_row_read *read = dds_row_reads_put(reads, sid, length);
    assert_non_null(read);
    assert_int_equal(read->columns_read, 0);
    read->columns_read = i;
    memset(sid, '#', sizeof sid);
  }
  for (unsigned i = 0; i < ROWS; i++) {
    char sid[16];
    size_t length = (size_t)snprintf(sid, sizeof sid, "s%u", i);
    const dds_row_read *read = dds_row_reads_find(reads, sid, length);
    assert_non_null(read);
    assert_int_equal(read->columns_read, i);
    assert_int_equal(read->sid_length, length);
    assert_null(dds_row_reads_find(reads, sid, length - 1 > 1 ? 1 : 0));
  }
  dds_row_reads_free(reads);
  assert_int_equal(failing_allocator_live_blocks(), 0);
}

static void tells_bytes_apart(void **state) {
  (void)state;
  static const struct {
    const char *bytes;
    size_t length;
  } sids[] = {{"", 0}, {"\0", 1}, {"a", 1}, {"a\0", 2}, {"a\0b", 3}, {"A", 1}, {"\xc3\xa4", 2}};
  enum { COUNT = sizeof sids / sizeof sids[0] };
  dds_row_reads *reads = dds_row_reads_create();
  assert_non_null(reads);
  for (size_t i = 0; i < COUNT; i++) {
    dds_row_read *read = dds_row_reads_put(reads, sids[i].bytes, sids[i].length);
    assert_non_null(read);
    read->now_ms = (int64_t)i + 1;
  }
  for (size_t i = 0; i < COUNT; i++) {
    const dds_row_read *read = dds_row_reads_find(reads, sids[i].bytes, sids[i].length);
    assert_int_equal(read->now_ms, i + 1);
  }
  dds_row_reads_free(reads);
}

static void keeps_what_was_read_first(void **state) {
  (void)state;
  dds_error error = DDS_ERROR_INIT;
  dds_row_reads *reads = dds_row_reads_create();
  assert_non_null(reads);
  dds_row_read *read = dds_row_reads_put(reads, "a", 1);
  assert_non_null(read);
  char text[] = "{\"id\":{\"S\":\"a\"},\"n\":{\"N\":\"1\"}}";
  dds_item item = item_of(text);
  assert_true(dds_row_reads_keep(reads, read, &item, &error));
  assert_true(dds_key_from_text("id", "a", 1, &read->key, &error));
  text[2] = '#'; /* the copy is its own */
  assert_int_equal(read->item_length, strlen(text));
  assert_memory_equal(read->item, "{\"id\"", 5);
  dds_row_read *again = dds_row_reads_put(reads, "a", 1);
  assert_ptr_equal(again, read);
  item = item_of("{\"m\":{\"N\":\"7\"},\"n\":{\"N\":\"2\"},\"id\":{\"S\":\"a\"}}");
  assert_true(dds_row_reads_keep(reads, again, &item, &error));
  assert_string_equal(dds_row_reads_find(reads, "a", 1)->item,
                      "{\"id\":{\"S\":\"a\"},\"n\":{\"N\":\"1\"},\"m\":{\"N\":\"7\"}}");
  read = dds_row_reads_put(reads, "b", 1);
  assert_non_null(read);
  item = item_of("{}");
  assert_true(dds_row_reads_keep(reads, read, &item, &error));
  assert_true(dds_row_reads_keep(reads, read, &item, &error));
  assert_string_equal(read->item, "{}");

  dds_row_reads_free(reads);
  dds_row_reads_free(NULL);
  assert_int_equal(failing_allocator_live_blocks(), 0);
}

static bool read_rows(dds_row_reads *reads, dds_error *error) {
  dds_condition *matches = dds_condition_exists("id");
  bool ok = matches != NULL;
  for (int i = 0; ok && i < 20; i++) {
    char sid[8];
    dds_row_read *read = dds_row_reads_put(reads, sid, (size_t)snprintf(sid, 8, "s%d", i));
    dds_item item = item_of("{\"n\":{\"N\":\"1\"}}");
    ok = read != NULL && dds_row_reads_keep(reads, read, &item, error);
    if (ok) {
      dds_condition_release(read->matches);
      read->matches = dds_condition_retain(matches);
    }
  }
  dds_condition_release(matches);
  return ok;
}

static void survives_every_refused_allocation(void **state) {
  (void)state;
  while (failing_allocator_next()) {
    dds_error error = DDS_ERROR_INIT;
    failing_allocator_start();
    dds_row_reads *reads = dds_row_reads_create();
    bool ok = reads != NULL && read_rows(reads, &error);
    bool refused = failing_allocator_stop();
    assert_int_equal(ok, !refused);
    /* Tried again on what is there, it works. */
    if (reads != NULL) {
      error = DDS_ERROR_INIT;
      assert_true(read_rows(reads, &error));
      assert_non_null(dds_row_reads_find(reads, "s19", 3));
    }
    dds_row_reads_free(reads);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(finds_what_was_put),
      cmocka_unit_test(tells_bytes_apart),
      cmocka_unit_test(keeps_what_was_read_first),
      cmocka_unit_test(survives_every_refused_allocation),
  };
  return cmocka_run_group_tests(tests, failing_allocator_set_up, NULL);
}
