/* The snapshot of a row: comes back whole, and nothing that was not sealed here is taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "failing_allocator.h"
#include "vtab/snapshot.h"

enum { SNAPSHOT_BYTES = 1000000 };

static dds_snapshot_seal own = {.secret = {1, 2, 3}};
static dds_snapshot_seal other = {.secret = {1, 2, 4}};
static const char text[] = "{\"id\":{\"S\":\"a\"},\"n\":{\"N\":\"1\"}}";

static dds_item item_of(const char *json) {
  return (dds_item){.json = {.text = json, .length = strlen(json)}};
}

static void seal(dds_buffer *snapshot) {
  dds_item item = item_of(text);
  dds_error error = DDS_ERROR_INIT;
  const dds_old_row row = {
      .item = &item, .columns_read = UINT64_C(0x8000000000000005), .now_ms = -7};
  assert_true(dds_snapshot_append(&own, &row, snapshot, &error));
}

static bool opens(dds_snapshot_seal *with, const void *bytes, size_t length) {
  dds_old_row row = {0};
  dds_item item = {0};
  dds_error error = DDS_ERROR_INIT;
  bool ok = dds_snapshot_open(with, bytes, length, &row, &item, &error);
  assert_int_equal(ok, error.code == DDS_OK);
  if (!ok) {
    assert_int_equal(error.code, DDS_ERROR);
    assert_non_null(strstr(error.message, "leave it out of the UPDATE"));
  }
  return ok;
}

static void comes_back_whole(void **state) {
  (void)state;
  dds_buffer snapshot = DDS_BUFFER_INIT(SNAPSHOT_BYTES);
  dds_old_row row = {0};
  dds_item item = {0};
  dds_error error = DDS_ERROR_INIT;
  seal(&snapshot);
  assert_true(dds_snapshot_open(&own, snapshot.data, snapshot.length, &row, &item, &error));
  assert_ptr_equal(row.item, &item);
  assert_int_equal(item.json.length, strlen(text));
  assert_memory_equal(item.json.text, text, strlen(text));
  assert_true(row.columns_read == UINT64_C(0x8000000000000005));
  assert_int_equal(row.now_ms, -7);
  dds_buffer_free(&snapshot);
}

/* Appended behind other bytes, the snapshot is its own part alone. */
static void is_sealed_where_it_stands(void **state) {
  (void)state;
  dds_buffer snapshot = DDS_BUFFER_INIT(SNAPSHOT_BYTES);
  dds_buffer_append_text(&snapshot, "before");
  seal(&snapshot);
  assert_true(opens(&own, snapshot.data + 6, snapshot.length - 6));
  dds_buffer_free(&snapshot);
}

static void refuses_what_is_not_its_own(void **state) {
  (void)state;
  dds_buffer snapshot = DDS_BUFFER_INIT(SNAPSHOT_BYTES);
  seal(&snapshot);
  assert_true(opens(&own, snapshot.data, snapshot.length));
  assert_false(opens(&other, snapshot.data, snapshot.length));
  assert_false(opens(&own, NULL, 0));
  for (size_t i = 0; i < snapshot.length; i++) {
    assert_false(opens(&own, snapshot.data, i));
    snapshot.data[i] ^= 1;
    assert_false(opens(&own, snapshot.data, snapshot.length));
    snapshot.data[i] ^= 1;
  }
  dds_buffer longer = DDS_BUFFER_INIT(SNAPSHOT_BYTES);
  dds_buffer_append(&longer, snapshot.data, snapshot.length);
  dds_buffer_append_char(&longer, ' ');
  assert_false(opens(&own, longer.data, longer.length));
  dds_buffer_free(&longer);
  dds_buffer_free(&snapshot);
}

static void survives_every_refused_allocation(void **state) {
  (void)state;
  while (failing_allocator_next()) {
    dds_buffer snapshot = DDS_BUFFER_INIT(SNAPSHOT_BYTES);
    dds_item item = item_of(text);
    dds_error error = DDS_ERROR_INIT;
    const dds_old_row row = {.item = &item};
    failing_allocator_start();
    bool ok = dds_snapshot_append(&own, &row, &snapshot, &error);
    failing_allocator_check(ok, &error);
    dds_buffer_free(&snapshot);
  }
}

static int free_seals(void **state) {
  (void)state;
  dds_hasher_free(&own.hasher);
  dds_hasher_free(&other.hasher);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(comes_back_whole),
      cmocka_unit_test(is_sealed_where_it_stands),
      cmocka_unit_test(refuses_what_is_not_its_own),
      cmocka_unit_test(survives_every_refused_allocation),
  };
  return cmocka_run_group_tests(tests, failing_allocator_set_up, free_seals);
}
