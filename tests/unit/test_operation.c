/* One call: its context in errors, its remedies, and what the observer is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dynamodb/operation.h"
#include "failing_allocator.h"
#include "table_fixture.h"

static bool run(table_fixture *f, const char *name, dds_operation **operation, dds_json *answer,
                dds_error *error) {
  dds_buffer body = DDS_BUFFER_INIT(1000);
  dds_buffer_append_text(&body, "{}");
  bool is_done = dds_operation_run(&f->table, name, &body, "words", operation, answer, error);
  assert_null(body.data);
  return is_done;
}

static void gives_the_answer_and_tells_of_it(void **state) {
  (void)state;
  static const struct {
    const char *operation;
    const char *body;
    const char *record;
  } cases[] = {
      {"GetItem", "{\"Item\":{\"id\":{\"S\":\"a\"}},\"ConsumedCapacity\":{\"CapacityUnits\":0.5}}",
       "GetItem [words] items=1 scanned=-1 capacity=0.5 attempts=1 http=200 ok\n"},
      {"GetItem", "{}", "GetItem [words] items=0 scanned=-1 capacity=-1 attempts=1 http=200 ok\n"},
      {"Scan",
       "{\"Items\":[],\"Count\":0,\"ScannedCount\":120,\"ConsumedCapacity\":{\"TableName\":\"t\","
       "\"CapacityUnits\":128.5}}",
       "Scan [words] items=0 scanned=120 capacity=128.5 attempts=1 http=200 ok\n"},
      {"PutItem", "{}", "PutItem [words] items=1 scanned=-1 capacity=-1 attempts=1 http=200 ok\n"},
      {"TransactWriteItems",
       "{\"ConsumedCapacity\":[{\"CapacityUnits\":2},{\"CapacityUnits\":3.5}]}",
       "TransactWriteItems [words] items=-1 scanned=-1 capacity=5.5 attempts=1 http=200 ok\n"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    table_fixture f;
    dds_operation *operation;
    dds_json answer;
    table_fixture_set_up(&f);
    scripted_transport_answer(f.script, 200, cases[i].body);
    assert_true(run(&f, cases[i].operation, &operation, &answer, &f.error));
    assert_int_equal(answer.length, strlen(cases[i].body));
    assert_string_equal(f.records, cases[i].record);
    dds_operation_free(operation);
    assert_int_equal(f.record_count, 1);
    table_fixture_tear_down(&f);
  }
}

static void puts_context_and_remedy_into_errors(void **state) {
  (void)state;
  static const struct {
    const char *body;
    const char *message;
  } cases[] = {
      {"{\"__type\":\"a#ResourceNotFoundException\",\"message\":\"Requested resource not found\"}",
       "Scan of \"prod-sessions\" failed: ResourceNotFoundException: Requested resource not found: "
       "check its name, the region and the account, or create it with SELECT "
       "dynamodb_create_table('…')"},
      {"{\"__type\":\"a#ValidationException\",\"message\":\"The provided key element does not "
       "match "
       "the schema\"}",
       "Scan of \"prod-sessions\" failed: ValidationException: The provided key element does not "
       "match the schema: the table's key is not the layout's: check layout= and hash_key="},
      {"{\"__type\":\"a#ValidationException\",\"message\":\"One or more parameter values were "
       "invalid: "
       "Missing the key id in the item\"}",
       "Scan of \"prod-sessions\" failed: ValidationException: One or more parameter values were "
       "invalid: Missing the key id in the item: the table's key is not the layout's: check "
       "layout= and hash_key="},
      {"{\"__type\":\"a#ValidationException\",\"message\":\"Invalid FilterExpression\"}",
       "Scan of \"prod-sessions\" failed: ValidationException: Invalid FilterExpression"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    table_fixture f;
    dds_operation *operation;
    dds_json answer;
    table_fixture_set_up(&f);
    scripted_transport_answer(f.script, 400, cases[i].body);
    assert_false(run(&f, "Scan", &operation, &answer, &f.error));
    assert_null(operation);
    assert_string_equal(f.error.message, cases[i].message);
    assert_int_equal(f.error.http_status, 400);
    assert_int_equal(f.record_count, 1);
    assert_non_null(strstr(f.records, cases[i].message));
    assert_non_null(strstr(f.records, "items=0 scanned=-1 capacity=-1 attempts=1 http=400"));
    table_fixture_tear_down(&f);
  }
}

static void names_region_and_key_on_loopback(void **state) {
  (void)state;
  table_fixture f;
  dds_operation *operation;
  dds_json answer;
  table_fixture_set_up_loopback(&f);
  scripted_transport_answer(
      f.script, 400, "{\"__type\":\"a#ResourceNotFoundException\",\"message\":\"No such table\"}");
  assert_false(run(&f, "GetItem", &operation, &answer, &f.error));
  assert_non_null(strstr(f.error.message, "dynamodb_create_table"));
  assert_non_null(strstr(f.error.message, "region us-east-1 with access key id AKIDEXAMPLE"));
  assert_null(strstr(f.error.message, "wJalr"));
  table_fixture_tear_down(&f);
}

static void refuses_an_answer_that_is_no_json(void **state) {
  (void)state;
  table_fixture f;
  dds_operation *operation;
  dds_json answer;
  table_fixture_set_up(&f);
  scripted_transport_answer(f.script, 200, "{\"Items\":[1,}");
  assert_false(run(&f, "Scan", &operation, &answer, &f.error));
  assert_string_equal(
      f.error.message,
      "Scan of \"prod-sessions\" failed: unexpected answer: not valid JSON at byte 13 of 13");
  assert_int_equal(f.record_count, 1);
  table_fixture_tear_down(&f);
}

static void tells_of_a_call_that_could_not_start(void **state) {
  (void)state;
  table_fixture f;
  dds_operation *operation;
  dds_json answer;
  table_fixture_set_up_without_credentials(&f);
  assert_false(run(&f, "GetItem", &operation, &answer, &f.error));
  assert_int_equal(f.error.code, DDS_AUTH);
  assert_non_null(strstr(f.error.message, "GetItem of \"prod-sessions\" failed: "));
  assert_int_equal(f.record_count, 1);
  assert_non_null(strstr(f.records, "attempts=0 http=0 GetItem of"));
  table_fixture_tear_down(&f);
}

static void tells_of_what_was_interrupted_or_cancelled(void **state) {
  (void)state;
  for (int is_interrupted = 0; is_interrupted <= 1; is_interrupted++) {
    table_fixture f;
    dds_operation *operation;
    dds_json answer;
    dds_buffer body = DDS_BUFFER_INIT(1000);
    table_fixture_set_up(&f);
    scripted_transport_answer_with(f.script, &(scripted_answer){.never = true});
    dds_buffer_append_text(&body, "{}");
    assert_true(dds_operation_start(&f.table, "PutItem", &body, "words", &operation, &f.error));
    if (is_interrupted) {
      f.stop_at = 2;
      assert_false(dds_operation_wait(operation, &answer, &f.error));
      assert_int_equal(f.error.code, DDS_INTERRUPT);
    }
    assert_true(dds_operation_may_have_been_applied(operation));
    assert_int_equal(f.record_count, 0);
    dds_operation_free(operation);
    assert_int_equal(f.record_count, 1);
    assert_non_null(strstr(f.records, is_interrupted ? "attempts=1 http=0 interrupted"
                                                     : "attempts=1 http=0 cancelled"));
    table_fixture_tear_down(&f);
  }
}

static void waits_for_any_of_several(void **state) {
  (void)state;
  table_fixture f;
  dds_operation *operations[2];
  dds_json answer;
  size_t index = 9;
  table_fixture_set_up(&f);
  scripted_transport_answer_with(
      f.script, &(scripted_answer){.status = 200, .body = "{\"a\":1}", .duration_ms = 100});
  scripted_transport_answer_with(
      f.script, &(scripted_answer){.status = 200, .body = "{\"b\":1}", .duration_ms = 10});
  for (int i = 0; i < 2; i++) {
    dds_buffer body = DDS_BUFFER_INIT(1000);
    dds_buffer_append_text(&body, "{}");
    assert_true(dds_operation_start(&f.table, "Scan", &body, "", &operations[i], &f.error));
  }
  assert_true(dds_operation_wait_any(operations, 2, &index, &f.error));
  assert_int_equal(index, 1);
  dds_json value;
  assert_true(dds_operation_wait(operations[1], &answer, &f.error));
  assert_true(dds_operation_find(operations[1], "b", &value));
  assert_true(dds_operation_wait(operations[0], &answer, &f.error));
  assert_true(dds_operation_find(operations[0], "a", &value));
  assert_false(dds_operation_find(operations[0], "b", &value));
  dds_operation_free(operations[0]);
  dds_operation_free(operations[1]);
  table_fixture_tear_down(&f);
}

static dds_operation *start(table_fixture *f, const char *name) {
  dds_operation *operation;
  dds_buffer body = DDS_BUFFER_INIT(1000);
  dds_buffer_append_text(&body, "{}");
  assert_true(dds_operation_start(&f->table, name, &body, "words", &operation, &f->error));
  return operation;
}

/* The transport may leave to the wait what is waited for at once, each attempt of it, alone. */
static void what_is_started_ahead_is_not_awaited(void **state) {
  (void)state;
  table_fixture f;
  dds_operation *awaited;
  dds_json answer;
  table_fixture_set_up(&f);
  scripted_transport_answer(f.script, 200, "{}");
  dds_operation *ahead = start(&f, "Scan");
  scripted_transport_answer(f.script, 500, "{}");
  scripted_transport_answer(f.script, 200, "{}");
  assert_true(run(&f, "GetItem", &awaited, &answer, &f.error));
  assert_int_equal(scripted_transport_request_count(f.script), 3);
  for (size_t i = 0; i < 3; i++) {
    assert_int_equal(scripted_transport_request(f.script, i)->is_awaited, i > 0);
  }
  dds_operation_free(awaited);
  dds_operation_free(ahead);
  table_fixture_tear_down(&f);
}

static void counts_batches_and_transactions(void **state) {
  (void)state;
  static const struct {
    const char *operation;
    size_t writes; /* 0: it is not said */
    int status;
    const char *body;
    const char *record;
  } cases[] = {
      {"BatchGetItem", 0, 200, "{\"Responses\":{\"t\":[{},{}],\"u\":[{}]}}", "items=3"},
      {"BatchGetItem", 0, 200, "{\"Responses\":{}}", "items=0"},
      {"BatchGetItem", 0, 400, "{\"__type\":\"a#ValidationException\"}", "items=0"},
      {"BatchWriteItem", 25, 200, "{\"UnprocessedItems\":{}}", "items=25"},
      {"BatchWriteItem", 25, 200, "{\"UnprocessedItems\":{\"t\":[{},{}]}}", "items=23"},
      {"BatchWriteItem", 0, 200, "{\"UnprocessedItems\":{}}", "items=-1"},
      {"TransactWriteItems", 40, 200, "{}", "items=40"},
      {"TransactWriteItems", 40, 400, "{\"__type\":\"a#TransactionCanceledException\"}", "items=0"},
      {"DescribeTable", 0, 200, "{}", "items=-1"},
      {"DescribeTable", 0, 400, "{\"__type\":\"a#ValidationException\"}", "items=-1"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    table_fixture f;
    dds_json answer;
    table_fixture_set_up(&f);
    scripted_transport_answer(f.script, cases[i].status, cases[i].body);
    dds_operation *operation = start(&f, cases[i].operation);
    if (cases[i].writes > 0) {
      dds_operation_note_writes(operation, cases[i].writes);
    }
    assert_int_equal(dds_operation_wait(operation, &answer, &f.error), cases[i].status == 200);
    if (strstr(f.records, cases[i].record) == NULL) {
      fail_msg("case %zu: %s", i, f.records);
    }
    dds_operation_free(operation);
    table_fixture_tear_down(&f);
  }
}

#define PAGE \
  "{\"Items\":[],\"Count\":7,\"ScannedCount\":9,\"ConsumedCapacity\":{\"CapacityUnits\":4.5}}"

/* One that came and that nobody looked at is told as it was, what it cost included. */
static void tells_of_an_answer_that_was_not_looked_at(void **state) {
  (void)state;
  static const struct {
    scripted_answer answer;
    const char *record;
  } cases[] = {
      {{.status = 200, .body = PAGE},
       "Scan [words] items=7 scanned=9 capacity=4.5 attempts=1 http=200 ok\n"},
      {{.status = 400, .body = "{\"__type\":\"a#ValidationException\"}"},
       "Scan [words] items=0 scanned=-1 capacity=-1 attempts=1 http=400 Scan of \"prod-sessions\" "
       "failed: ValidationException\n"},
      {{.status = 503, .body = ""},
       "Scan [words] items=-1 scanned=-1 capacity=-1 attempts=1 http=503 Scan of \"prod-sessions\" "
       "failed: HTTP status 503 without a message\n"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    table_fixture f;
    size_t index;
    dds_meter meter = {0};
    table_fixture_set_up(&f);
    f.table.meter = &meter;
    scripted_transport_answer_with(f.script, &cases[i].answer);
    dds_operation *operation = start(&f, "Scan");
    dds_operation_read_as_page(operation);
    assert_true(dds_operation_wait_arrival(&operation, 1, &index, &f.error));
    assert_true(dds_operation_may_have_been_applied(operation));
    assert_int_equal(f.record_count, 0);
    dds_operation_free(operation);
    assert_int_equal(f.record_count, 1);
    assert_string_equal(f.records, cases[i].record);
    assert_int_equal(meter.requests, 1);
    assert_true(meter.used_units == (i == 0 ? 4.5 : 0.0));
    table_fixture_tear_down(&f);
  }
}

/* A page's members are there from its arrival on; of an answer that turns out wrong, and of one
 * that did not come, there are none. */
static void peeks_at_what_has_come(void **state) {
  (void)state;
  table_fixture f;
  dds_json answer, value;
  size_t index;
  table_fixture_set_up(&f);
  scripted_transport_answer_with(f.script,
                                 &(scripted_answer){.status = 200, .body = PAGE, .crc32 = "1"});
  scripted_transport_answer(f.script, 200, "{\"Items\":[],\"Count\":8}");
  dds_operation *operation = start(&f, "Scan");
  dds_operation_read_as_page(operation);
  assert_false(dds_operation_peek(operation, "Count", &value));
  assert_true(dds_operation_wait_arrival(&operation, 1, &index, &f.error));
  assert_true(dds_operation_peek(operation, "Count", &value));
  assert_memory_equal(value.text, "7", value.length);
  assert_false(dds_operation_peek(operation, "LastEvaluatedKey", &value));
  assert_true(dds_operation_wait(operation, &answer, &f.error));
  assert_null(answer.text);
  assert_true(dds_operation_find(operation, "Count", &value));
  assert_memory_equal(value.text, "8", value.length);
  assert_true(dds_operation_peek(operation, "Count", &value));
  assert_memory_equal(value.text, "8", value.length);
  dds_operation_free(operation);
  table_fixture_tear_down(&f);
}

/* The limit holds for what has come, read or not, and nothing is counted twice. */
static void holds_requests_against_the_meter(void **state) {
  (void)state;
  table_fixture f;
  dds_operation *refused;
  dds_json answer;
  size_t index;
  dds_meter meter = {.limit_units = 6};
  table_fixture_set_up(&f);
  f.table.meter = &meter;
  dds_operation *operations[2];
  for (int i = 0; i < 2; i++) {
    scripted_transport_answer(f.script, 200, PAGE);
    operations[i] = start(&f, "Scan");
    dds_operation_read_as_page(operations[i]);
    assert_int_equal(meter.in_flight, 1);
    assert_true(dds_operation_wait_arrival(&operations[i], 1, &index, &f.error));
    assert_int_equal(meter.requests, i + 1);
    assert_int_equal(meter.in_flight, 0);
  }
  dds_buffer body = DDS_BUFFER_INIT(1000);
  dds_buffer_append_text(&body, "{}");
  assert_false(dds_operation_start(&f.table, "Scan", &body, "words", &refused, &f.error));
  assert_null(refused);
  assert_null(body.data);
  assert_string_equal(f.error.message,
                      "Scan of \"prod-sessions\" was not sent: stopped by capacity_limit=6: 9 "
                      "capacity units were used by 2 requests for 14 items; raise the limit, or "
                      "ask for less: by sid, by an index or with LIMIT");
  assert_int_equal(scripted_transport_request_count(f.script), 2);
  assert_true(dds_operation_wait(operations[0], &answer, &f.error));
  dds_operation_free(operations[0]);
  dds_operation_free(operations[1]);
  assert_int_equal(f.record_count, 2);
  assert_int_equal(meter.requests, 2);
  assert_int_equal(meter.in_flight, 0);
  assert_int_equal(meter.items, 14);
  assert_int_equal(meter.scanned, 18);
  assert_true(meter.used_units == 9.0);
  table_fixture_tear_down(&f);
}

static bool run_by_arrival(table_fixture *f, dds_error *error) {
  dds_operation *operation;
  dds_json answer, value;
  dds_meter meter = {.limit_units = 100};
  size_t index;
  dds_buffer body = DDS_BUFFER_INIT(1000);
  dds_buffer_append_text(&body, "{}");
  f->table.meter = &meter;
  bool is_done = dds_buffer_check(&body, error) &&
                 dds_operation_start(&f->table, "Scan", &body, "words", &operation, error);
  dds_buffer_free(&body);
  if (!is_done) {
    return false;
  }
  dds_operation_read_as_page(operation);
  is_done = dds_operation_wait_arrival(&operation, 1, &index, error);
  (void)dds_operation_peek(operation, "LastEvaluatedKey", &value);
  is_done = is_done && dds_operation_wait(operation, &answer, error);
  dds_operation_free(operation);
  return is_done;
}

static void script_a_page(table_fixture *f) {
  scripted_transport_answer(f->script, 200,
                            "{\"Count\":0,\"ConsumedCapacity\":{\"CapacityUnits\":1}}");
}

static bool run_once(table_fixture *f, dds_error *error) {
  dds_operation *operation;
  dds_json answer;
  bool is_done = run(f, "Scan", &operation, &answer, error);
  dds_operation_free(operation);
  return is_done;
}

static void survives_every_refused_allocation(void **state) {
  (void)state;
  table_fixture_sweep(script_a_page, run_once);
  table_fixture_sweep(script_a_page, run_by_arrival);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(gives_the_answer_and_tells_of_it),
      cmocka_unit_test(puts_context_and_remedy_into_errors),
      cmocka_unit_test(names_region_and_key_on_loopback),
      cmocka_unit_test(refuses_an_answer_that_is_no_json),
      cmocka_unit_test(tells_of_a_call_that_could_not_start),
      cmocka_unit_test(tells_of_what_was_interrupted_or_cancelled),
      cmocka_unit_test(waits_for_any_of_several),
      cmocka_unit_test(what_is_started_ahead_is_not_awaited),
      cmocka_unit_test(counts_batches_and_transactions),
      cmocka_unit_test(tells_of_an_answer_that_was_not_looked_at),
      cmocka_unit_test(peeks_at_what_has_come),
      cmocka_unit_test(holds_requests_against_the_meter),
      cmocka_unit_test(survives_every_refused_allocation),
  };
  return cmocka_run_group_tests(tests, failing_allocator_set_up, NULL);
}
