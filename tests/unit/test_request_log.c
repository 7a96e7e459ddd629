/* The ring of requests: texts of its own, the oldest overwritten, ids that go on counting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "failing_allocator.h"
#include "vtab/request_log.h"

static void add(dds_request_log *log, int64_t number) {
  char words[32];
  snprintf(words, sizeof words, "Scan %lld", (long long)number);
  const dds_record record = {.started_ms = number,
                             .operation = "Scan",
                             .table_name = "sessions",
                             .words = words,
                             .http_status = 200,
                             .items = number,
                             .scanned = -1,
                             .request_id = "R"};
  dds_request_log_add(log, &record);
  memset(words, '#', sizeof words); /* the log's texts are its own */
}

static void starts_empty(void **state) {
  (void)state;
  dds_request_log *log = dds_request_log_create();
  assert_non_null(log);
  assert_int_equal(dds_request_log_first(log), 1);
  assert_int_equal(dds_request_log_end(log), 1);
  assert_null(dds_request_log_get(log, 0));
  assert_null(dds_request_log_get(log, 1));
  dds_request_log_free(log);
  dds_request_log_free(NULL);
}

static void keeps_the_newest(void **state) {
  (void)state;
  dds_request_log *log = dds_request_log_create();
  assert_non_null(log);
  int64_t first = 1;
  for (int64_t number = 1; number <= 3 * DDS_REQUEST_LOG_ENTRIES + 7; number++) {
    add(log, number);
    if (number - first == DDS_REQUEST_LOG_ENTRIES) {
      first++;
    }
    assert_int_equal(dds_request_log_first(log), first);
    assert_int_equal(dds_request_log_end(log), number + 1);
  }
  for (int64_t id = first; id < dds_request_log_end(log); id++) {
    const dds_request_entry *entry = dds_request_log_get(log, id);
    char words[32];
    snprintf(words, sizeof words, "Scan %lld", (long long)id);
    assert_non_null(entry);
    assert_int_equal(entry->id, id);
    assert_string_equal(entry->record.words, words);
    assert_int_equal(entry->record.items, id);
    assert_string_equal(entry->record.request_id, "R");
    assert_null(entry->record.error);
  }
  assert_null(dds_request_log_get(log, first - 1));
  assert_null(dds_request_log_get(log, dds_request_log_end(log)));
  assert_null(dds_request_log_get(log, -1));
  dds_request_log_free(log);
  assert_int_equal(failing_allocator_live_blocks(), 0);
}

static void is_an_observer(void **state) {
  (void)state;
  dds_request_log *log = dds_request_log_create();
  assert_non_null(log);
  dds_observer observer = dds_request_log_observer(log);
  const dds_record record = {.operation = "PutItem", .error = "refused", .capacity_units = -1};
  observer.record(observer.context, &record);
  const dds_request_entry *entry = dds_request_log_get(log, 1);
  assert_string_equal(entry->record.operation, "PutItem");
  assert_string_equal(entry->record.error, "refused");
  assert_null(entry->record.table_name);
  dds_request_log_free(log);
}

/* A log must not fail a request: an entry without texts is still an entry, and where there is no
 * place for one the next has its id. */
static void leaves_texts_out_without_memory(void **state) {
  (void)state;
  failing_allocator_refuse(1);
  assert_null(dds_request_log_create());
  failing_allocator_refuse(0);
  dds_request_log *log = dds_request_log_create();
  assert_non_null(log);
  failing_allocator_refuse(1);
  add(log, 7);
  assert_true(failing_allocator_has_refused());
  failing_allocator_refuse(0);
  assert_int_equal(dds_request_log_end(log), 1);
  assert_null(dds_request_log_get(log, 1));
  for (long number = 1; number <= 3; number++) {
    bool has_texts = number != 2;
    failing_allocator_refuse(has_texts ? 0 : 1);
    add(log, number);
    failing_allocator_refuse(0);
    const dds_request_entry *entry = dds_request_log_get(log, number);
    assert_int_equal(entry->id, number);
    assert_int_equal(entry->record.started_ms, number);
    assert_int_equal(entry->record.operation != NULL, has_texts);
    assert_int_equal(entry->record.table_name != NULL, has_texts);
    assert_int_equal(entry->record.words != NULL, has_texts);
    assert_int_equal(entry->record.request_id != NULL, has_texts);
  }
  dds_request_log_free(log);
  assert_int_equal(failing_allocator_live_blocks(), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(starts_empty),
      cmocka_unit_test(keeps_the_newest),
      cmocka_unit_test(is_an_observer),
      cmocka_unit_test(leaves_texts_out_without_memory),
  };
  return cmocka_run_group_tests(tests, failing_allocator_set_up, NULL);
}
