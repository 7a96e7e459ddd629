/* TransactWriteItems: body and token, and what its answers mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "dynamodb/transact.h"
#include "failing_allocator.h"
#include "table_fixture.h"

enum { WRITES = 3, TOKEN_LENGTH = 36 };

/* Two puts of new keys, and a delete in another table. */
typedef struct fixture {
  table_fixture base;
  dds_table other;
  dds_write writes[WRITES];
  dds_table_write list[WRITES];
} fixture;

static void make_writes(fixture *f) {
  f->other = f->base.table;
  f->other.name = "other";
  for (size_t i = 0; i < WRITES; i++) {
    static const char *const ids[] = {"a", "b", "c"};
    static const char *const items[] = {"{\"id\":{\"S\":\"a\"}}", "{\"id\":{\"S\":\"b\"}}", ""};
    dds_error error = DDS_ERROR_INIT;
    dds_write *write = &f->writes[i];
    *write = (dds_write){.kind = i < 2 ? DDS_WRITE_PUT : DDS_WRITE_DELETE};
    assert_true(dds_key_from_text("id", ids[i], 1, &write->key, &error));
    if (i < 2) {
      write->item = dds_alloc_copy(items[i], strlen(items[i]));
      write->item_length = strlen(items[i]);
      write->asserted = dds_condition_not_exists("id");
    }
    f->list[i] = (dds_table_write){.table = i < 2 ? &f->base.table : &f->other, .write = write};
  }
}

static void set_up(fixture *f) {
  table_fixture_set_up(&f->base);
  make_writes(f);
}

static void free_writes(fixture *f) {
  for (size_t i = 0; i < WRITES; i++) {
    dds_write_free(&f->writes[i]);
  }
}

static void tear_down(fixture *f) {
  free_writes(f);
  table_fixture_tear_down(&f->base);
}

static bool run(fixture *f, bool *is_applied, dds_transact_reason *reasons, bool *lost,
                dds_operation **operation) {
  return dds_transact_start(f->list, WRITES, operation, &f->base.error) &&
         dds_transact_finish(*operation, WRITES, is_applied, reasons, lost, &f->base.error);
}

static const char *token_of(const char *body) {
  static const char name[] = "\"ClientRequestToken\":\"";
  const char *at = strstr(body, name);
  assert_non_null(at);
  return at + strlen(name);
}

static void builds_the_request(void **state) {
  (void)state;
  static const char before[] =
      "{\"TransactItems\":["
      "{\"Put\":{\"TableName\":\"prod-sessions\",\"Item\":{\"id\":{\"S\":\"a\"}},"
      "\"ConditionExpression\":\"attribute_not_exists(#n0)\","
      "\"ReturnValuesOnConditionCheckFailure\":\"ALL_OLD\","
      "\"ExpressionAttributeNames\":{\"#n0\":\"id\"}}},"
      "{\"Put\":{\"TableName\":\"prod-sessions\",\"Item\":{\"id\":{\"S\":\"b\"}},"
      "\"ConditionExpression\":\"attribute_not_exists(#n0)\","
      "\"ReturnValuesOnConditionCheckFailure\":\"ALL_OLD\","
      "\"ExpressionAttributeNames\":{\"#n0\":\"id\"}}},"
      "{\"Delete\":{\"TableName\":\"other\",\"Key\":{\"id\":{\"S\":\"c\"}}}}],"
      "\"ClientRequestToken\":\"";
  fixture f;
  bool is_applied, lost;
  dds_transact_reason reasons[WRITES];
  dds_operation *operation;
  set_up(&f);
  scripted_transport_answer(f.base.script, 200,
                            "{\"ConsumedCapacity\":[{\"CapacityUnits\":4},{\"CapacityUnits\":2}]}");
  assert_true(run(&f, &is_applied, reasons, &lost, &operation));
  assert_true(is_applied);
  assert_false(lost);
  dds_operation_free(operation);
  const char *body = table_fixture_body(&f.base, 0);
  assert_memory_equal(body, before, strlen(before));
  assert_string_equal(token_of(body) + TOKEN_LENGTH, "\",\"ReturnConsumedCapacity\":\"TOTAL\"}");
  assert_string_equal(f.base.records,
                      "TransactWriteItems [2 × put if attribute_not_exists(id); delete] items=3 "
                      "scanned=-1 capacity=6 attempts=1 http=200 ok\n");
  tear_down(&f);
}

/* Version and variant of a UUID; one for each call, the same in all of its attempts. */
static void has_a_token_for_each_call(void **state) {
  (void)state;
  fixture f;
  bool is_applied, lost;
  dds_transact_reason reasons[WRITES];
  dds_operation *operation;
  set_up(&f);
  scripted_transport_fail(f.base.script, DDS_HTTP_INTERRUPTED);
  scripted_transport_answer(f.base.script, 400,
                            "{\"__type\":\"x#TransactionInProgressException\"}");
  scripted_transport_answer(f.base.script, 200, "{}");
  scripted_transport_answer(f.base.script, 200, "{}");
  for (int i = 0; i < 2; i++) {
    assert_true(run(&f, &is_applied, reasons, &lost, &operation));
    assert_true(is_applied); /* applied once, whichever attempt it was */
    dds_operation_free(operation);
  }
  const char *first = token_of(table_fixture_body(&f.base, 0));
  assert_int_equal(first[8], '-');
  assert_int_equal(first[14], '4');
  assert_non_null(strchr("89ab", first[19]));
  assert_memory_equal(first, token_of(table_fixture_body(&f.base, 1)), TOKEN_LENGTH);
  assert_memory_equal(first, token_of(table_fixture_body(&f.base, 2)), TOKEN_LENGTH);
  assert_memory_not_equal(first, token_of(table_fixture_body(&f.base, 3)), TOKEN_LENGTH);
  tear_down(&f);
}

#define CANCELLED(reasons) \
  "{\"__type\":\"x#TransactionCanceledException\",\"CancellationReasons\":[" reasons "]}"
#define NONE     "{\"Code\":\"None\"}"
#define REFUSED  "{\"Code\":\"ConditionalCheckFailed\",\"Message\":\"m\"}"
#define WITH_OLD "{\"Code\":\"ConditionalCheckFailed\",\"Item\":{\"id\":{\"S\":\"b\"}}}"

static void tells_which_conditions_failed(void **state) {
  (void)state;
  fixture f;
  bool is_applied, lost;
  dds_transact_reason reasons[WRITES];
  dds_operation *operation;
  set_up(&f);
  scripted_transport_answer(f.base.script, 400,
                            CANCELLED(REFUSED "," WITH_OLD ",{\"Code\":\"TransactionConflict\"}"));
  assert_true(run(&f, &is_applied, reasons, &lost, &operation));
  assert_false(is_applied);
  assert_false(lost);
  assert_true(reasons[0].is_refused && reasons[1].is_refused && !reasons[2].is_refused);
  assert_true(!reasons[0].is_other && !reasons[1].is_other && reasons[2].is_other);
  assert_null(reasons[0].old.json.text);
  assert_memory_equal(reasons[1].old.json.text, "{\"id\":{\"S\":\"b\"}}", 16);
  dds_operation_free(operation);
  tear_down(&f);
}

static void tells_failures_apart(void **state) {
  (void)state;
  static const struct {
    int status;
    const char *body;
    int times; /* it is answered */
    dds_code code;
    bool may_have_been_applied;
  } cases[] = {
      /* Others were faster until the end: nothing applied. */
      {400, CANCELLED(NONE ",{\"Code\":\"TransactionConflict\"}," NONE), 4, DDS_BUSY, false},
      {400, CANCELLED(NONE ",{\"Code\":\"ThrottlingError\"}," NONE), 1, DDS_BUSY, false},
      {400, CANCELLED(NONE ",{\"Code\":\"ProvisionedThroughputExceeded\"}," NONE), 1, DDS_BUSY,
       false},
      {400, CANCELLED(NONE ",{\"Code\":\"ValidationError\"}," NONE), 1, DDS_ERROR, false},
      {400, "{\"__type\":\"x#TransactionCanceledException\"}", 1, DDS_ERROR, false},
      /* Without a reason that passes, nobody is told to try again. */
      {400, CANCELLED(""), 1, DDS_ERROR, false},
      {400, CANCELLED(NONE "," NONE "," NONE), 1, DDS_ERROR, false},
      {400, CANCELLED("5,[],null"), 1, DDS_ERROR, false},
      {400, CANCELLED("{\"Code\":\"ThrottlingError\"},{\"Code\":\"Odd\"}," NONE), 1, DDS_ERROR,
       false},
      {400, "{\"__type\":\"x#ValidationException\"}", 1, DDS_ERROR, false},
      {400, "{\"__type\":\"x#IdempotentParameterMismatchException\"}", 1, DDS_ERROR, false},
      {400, "{\"__type\":\"x#ThrottlingException\"}", 4, DDS_BUSY, false},
      {400, "{\"__type\":\"x#TransactionInProgressException\"}", 4, DDS_ERROR, true},
      {500, "{\"__type\":\"x#InternalServerError\"}", 4, DDS_ERROR, true},
      {200, "{\"a\":", 4, DDS_ERROR, true},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    fixture f;
    bool is_applied, lost;
    dds_transact_reason reasons[WRITES];
    dds_operation *operation;
    set_up(&f);
    for (int j = 0; j < cases[i].times; j++) {
      scripted_transport_answer(f.base.script, cases[i].status, cases[i].body);
    }
    assert_false(run(&f, &is_applied, reasons, &lost, &operation));
    if (f.base.error.code != cases[i].code || lost != cases[i].may_have_been_applied) {
      fail_msg("%s: %d %d %s", cases[i].body, f.base.error.code, lost, f.base.error.message);
    }
    dds_operation_free(operation);
    tear_down(&f);
  }
}

static void script_a_run(table_fixture *base) {
  scripted_transport_answer(base->script, 400, CANCELLED(REFUSED "," NONE));
}

/* Of writes that own nothing. */
static bool run_once(table_fixture *base, dds_error *error) {
  static char keys[2][20] = {"{\"id\":{\"S\":\"a\"}}", "{\"id\":{\"S\":\"b\"}}"};
  const dds_write writes[2] = {
      {.kind = DDS_WRITE_PUT, .item = keys[0], .item_length = 16, .key = {keys[0], 16}},
      {.kind = DDS_WRITE_DELETE, .key = {keys[1], 16}},
  };
  const dds_table_write list[2] = {{&base->table, &writes[0]}, {&base->table, &writes[1]}};
  bool is_applied, lost;
  dds_transact_reason reasons[2];
  dds_operation *operation = NULL;
  bool ok = dds_transact_start(list, 2, &operation, error) &&
            dds_transact_finish(operation, 2, &is_applied, reasons, &lost, error);
  dds_operation_free(operation);
  return ok;
}

static void survives_every_refused_allocation(void **state) {
  (void)state;
  table_fixture_sweep(script_a_run, run_once);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(builds_the_request),
      cmocka_unit_test(has_a_token_for_each_call),
      cmocka_unit_test(tells_which_conditions_failed),
      cmocka_unit_test(tells_failures_apart),
      cmocka_unit_test(survives_every_refused_allocation),
  };
  return cmocka_run_group_tests(tests, failing_allocator_set_up, NULL);
}
