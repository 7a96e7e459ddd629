/* Writes: bodies, local checks, and what became of a write whose condition failed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "dynamodb/write.h"
#include "failing_allocator.h"
#include "table_fixture.h"

/* Sends a write and waits for it. */
static bool send(const dds_table *table, const dds_write *write, dds_write_result *result,
                 bool *may_have_been_applied, dds_error *error) {
  dds_operation *operation;
  dds_item old;
  *result = DDS_WRITE_APPLIED;
  *may_have_been_applied = false;
  bool ok = dds_write_start(table, write, &operation, error) &&
            dds_write_finish(write, operation, result, &old, may_have_been_applied, error);
  dds_operation_free(operation);
  return ok;
}

static const char five[] = "{\"N\":\"5\"}";

static dds_condition *is_five(const char *attribute) {
  return dds_condition_compare(attribute, DDS_EQUAL, five, strlen(five));
}

/* A write of the item with id a; NULL members are left out. */
static dds_write make(dds_write_kind kind, const char *item) {
  dds_write write = {.kind = kind};
  dds_error error = DDS_ERROR_INIT;
  assert_true(dds_key_from_text("id", "a", 1, &write.key, &error));
  if (item != NULL) {
    write.item = dds_alloc_copy(item, strlen(item));
    write.item_length = strlen(item);
  }
  return write;
}

static void expect_body(dds_write *write, const char *expected) {
  dds_buffer body = DDS_BUFFER_INIT(10000);
  dds_error error = DDS_ERROR_INIT;
  assert_true(dds_write_append_body(write, "t", &body, &error));
  assert_string_equal(dds_buffer_text(&body), expected);
  dds_buffer_free(&body);
  dds_write_free(write);
}

#define TAIL    ",\"ReturnConsumedCapacity\":\"TOTAL\"}"
#define ALL_OLD ",\"ReturnValuesOnConditionCheckFailure\":\"ALL_OLD\""
#define KEY     "{\"TableName\":\"t\",\"Key\":{\"id\":{\"S\":\"a\"}}"

static void builds_puts(void **state) {
  (void)state;
  dds_write write = make(DDS_WRITE_PUT, "{\"id\":{\"S\":\"a\"}}");
  assert_string_equal(dds_write_operation(&write), "PutItem");
  expect_body(&write, "{\"TableName\":\"t\",\"Item\":{\"id\":{\"S\":\"a\"}}" TAIL);
  write = make(DDS_WRITE_PUT, "{\"id\":{\"S\":\"a\"}}");
  write.asserted = dds_condition_not_exists("id");
  expect_body(&write,
              "{\"TableName\":\"t\",\"Item\":{\"id\":{\"S\":\"a\"}},\"ConditionExpression\":"
              "\"attribute_not_exists(#n0)\"" ALL_OLD
              ",\"ExpressionAttributeNames\":{\"#n0\":\"id\"}" TAIL);
}

static void builds_updates(void **state) {
  (void)state;
  dds_error error = DDS_ERROR_INIT;
  dds_write write = make(DDS_WRITE_UPDATE, NULL);
  assert_true(dds_write_assign(&write, "sess", "{\"S\":\"x\"}", 9, &error));
  assert_true(dds_write_assign(&write, "old", NULL, 0, &error));
  assert_true(dds_write_assign(&write, "expires", five, strlen(five), &error));
  write.asserted = is_five("expires");
  expect_body(&write,
              KEY ",\"UpdateExpression\":\"SET #n0 = :v0, #n1 = :v1 REMOVE #n2\","
                  "\"ConditionExpression\":\"#n1 = :v2\"" ALL_OLD
                  ",\"ExpressionAttributeNames\":{\"#n0\":\"sess\",\"#n1\":\"expires\",\"#n2\":"
                  "\"old\"},\"ExpressionAttributeValues\":{\":v0\":{\"S\":\"x\"},\":v1\":{\"N\":"
                  "\"5\"},\":v2\":{\"N\":\"5\"}}" TAIL);
  /* Nothing asserted, or nothing that a missing item fails: the item must exist all the same. */
  write = make(DDS_WRITE_UPDATE, NULL);
  assert_true(dds_write_assign(&write, "old", NULL, 0, &error));
  expect_body(&write, KEY ",\"UpdateExpression\":\"REMOVE #n0\",\"ConditionExpression\":"
                          "\"attribute_exists(#n1)\"" ALL_OLD
                          ",\"ExpressionAttributeNames\":{\"#n0\":\"old\",\"#n1\":\"id\"}" TAIL);
  write = make(DDS_WRITE_UPDATE, NULL);
  assert_true(dds_write_assign(&write, "a", five, strlen(five), &error));
  write.asserted = dds_condition_not_exists("a");
  expect_body(&write, KEY ",\"UpdateExpression\":\"SET #n0 = :v0\",\"ConditionExpression\":"
                          "\"attribute_exists(#n1) AND attribute_not_exists(#n0)\"" ALL_OLD
                          ",\"ExpressionAttributeNames\":{\"#n0\":\"a\",\"#n1\":\"id\"},"
                          "\"ExpressionAttributeValues\":{\":v0\":{\"N\":\"5\"}}" TAIL);
}

static void builds_deletes(void **state) {
  (void)state;
  dds_write write = make(DDS_WRITE_DELETE, NULL);
  expect_body(&write, KEY TAIL);
  write = make(DDS_WRITE_DELETE, NULL);
  write.matches = is_five("n");
  write.asserted = is_five("m");
  expect_body(&write, KEY ",\"ConditionExpression\":\"attribute_not_exists(#n0) OR #n1 = :v0 AND "
                          "#n2 = :v1\"" ALL_OLD ",\"ExpressionAttributeNames\":{\"#n0\":\"id\","
                          "\"#n1\":\"n\",\"#n2\":\"m\"},\"ExpressionAttributeValues\":{\":v0\":"
                          "{\"N\":\"5\"},\":v1\":{\"N\":\"5\"}}" TAIL);
}

static dds_condition *many_fives(int count) {
  dds_condition *condition = is_five("n0");
  for (int i = 1; i < count; i++) {
    char name[20];
    snprintf(name, sizeof name, "n%d", i);
    condition = dds_condition_and(condition, is_five(name));
  }
  return condition;
}

static void checks_limits(void **state) {
  (void)state;
  static const struct {
    int asserted;
    bool is_allowed;
  } cases[] = {{150, true}, {151, false}};
  for (size_t i = 0; i < 2; i++) {
    dds_error error = DDS_ERROR_INIT;
    dds_write write = make(DDS_WRITE_UPDATE, NULL);
    write.asserted = many_fives(cases[i].asserted);
    assert_int_equal(dds_write_check(&write, &error), cases[i].is_allowed);
    assert_int_equal(error.code, cases[i].is_allowed ? DDS_OK : DDS_TOOBIG);
    dds_write_free(&write);
  }
  for (size_t size = DDS_ITEM_MAX_BYTES; size <= DDS_ITEM_MAX_BYTES + 1; size++) {
    for (int is_put = 0; is_put <= 1; is_put++) {
      dds_error error = DDS_ERROR_INIT;
      dds_buffer item = DDS_BUFFER_INIT(1 << 20);
      dds_buffer_append_text(&item, is_put ? "{\"id\":{\"S\":\"" : "{\"S\":\"");
      for (size_t i = 0; i < size - 2; i++) {
        dds_buffer_append_char(&item, 'x');
      }
      dds_buffer_append_text(&item, is_put ? "\"}}" : "\"}");
      dds_write write =
          make(is_put ? DDS_WRITE_PUT : DDS_WRITE_UPDATE, is_put ? dds_buffer_text(&item) : NULL);
      if (!is_put) {
        assert_true(dds_write_assign(&write, "id", dds_buffer_text(&item), item.length, &error));
      }
      assert_int_equal(dds_write_check(&write, &error), size == DDS_ITEM_MAX_BYTES);
      assert_true(dds_write_memory_bytes(&write) >= size);
      dds_write_free(&write);
      dds_buffer_free(&item);
    }
  }
}

/* An item takes less than its text: escapes, here, which count as what they stand for. */
static void measures_an_item_not_its_text(void **state) {
  (void)state;
  dds_error error = DDS_ERROR_INIT;
  dds_buffer item = DDS_BUFFER_INIT(4 << 20);
  dds_buffer_append_text(&item, "{\"id\":{\"S\":\"");
  for (size_t i = 0; i < DDS_ITEM_MAX_BYTES - 2; i++) {
    dds_buffer_append_text(&item, "\\u0041");
  }
  dds_buffer_append_text(&item, "\"}}");
  dds_write write = make(DDS_WRITE_PUT, dds_buffer_text(&item));
  assert_true(dds_write_check(&write, &error));
  assert_int_equal(dds_write_payload_bytes(&write), DDS_ITEM_MAX_BYTES);
  dds_write_free(&write);
  dds_buffer_free(&item);
}

/* Assigns some of each kind. */
static bool assign_some(dds_write *write, dds_error *error) {
  return dds_write_assign_string(write, "s\"", "a\"\n", 3, error) &&
         dds_write_assign_number(write, "n", "-1200", 5, error) &&
         dds_write_assign(write, "sess", "{\"BOOL\":true}", 13, error) &&
         dds_write_assign(write, "none", NULL, 0, error);
}

/* A new item from a list of assignments, or at once. */
static bool make_new(bool at_once, dds_write *write, dds_error *error) {
  static const dds_item nothing = {.json = {.text = "{}", .length = 2}};
  dds_buffer item = DDS_BUFFER_INIT(1000);
  *write = (dds_write){.kind = DDS_WRITE_UPDATE};
  if (!dds_key_from_text("id", "a", 1, &write->key, error)) {
    return false;
  }
  if (!at_once) {
    return assign_some(write, error) && dds_write_assigns(write, "n") &&
           !dds_write_assigns(write, "sess2") && dds_write_make_put(write, &nothing, error);
  }
  bool ok = dds_write_begin_put(write, &item, 3, error) && !dds_write_assigns(write, "n") &&
            assign_some(write, error) && dds_write_assigns(write, "n") &&
            !dds_write_assigns(write, "sess2");
  ok = dds_write_end_put(write, error) && ok;
  dds_buffer_free(&item);
  return ok;
}

static void makes_new_items(void **state) {
  (void)state;
  for (int at_once = 0; at_once <= 1; at_once++) {
    dds_error error = DDS_ERROR_INIT;
    dds_write write;
    assert_true(make_new(at_once, &write, &error));
    assert_int_equal(write.kind, DDS_WRITE_PUT);
    assert_int_equal(write.assignment_count, 0);
    assert_null(write.new_item);
    assert_int_equal(write.item_length, strlen(write.item));
    assert_string_equal(write.item, "{\"id\":{\"S\":\"a\"},\"s\\\"\":{\"S\":\"a\\\"\\n\"},"
                                    "\"n\":{\"N\":\"-1200\"},\"sess\":{\"BOOL\":true}}");
    assert_int_equal(dds_write_payload_bytes(&write), 3 + 5 + 4 + 5);
    dds_write_free(&write);
  }
}

static void makes_new_items_with_each_allocation_refused(void **state) {
  (void)state;
  for (int at_once = 0; at_once <= 1; at_once++) {
    long before = failing_allocator_live_blocks();
    bool has_refused = true;
    for (long nth = 1; has_refused; nth++) {
      dds_error error = DDS_ERROR_INIT;
      dds_write write;
      failing_allocator_refuse(nth);
      bool ok = make_new(at_once, &write, &error);
      has_refused = failing_allocator_check(ok, &error);
      dds_write_free(&write);
      assert_int_equal(failing_allocator_live_blocks(), before);
    }
  }
}

static void a_new_item_too_large_for_its_buffer(void **state) {
  (void)state;
  char text[600] = {0};
  dds_error error = DDS_ERROR_INIT;
  dds_buffer item = DDS_BUFFER_INIT(1000);
  dds_write write = make(DDS_WRITE_PUT, NULL);
  memset(text, '"', sizeof text - 1);
  assert_true(dds_write_begin_put(&write, &item, 10, &error));
  assert_false(dds_write_assign_string(&write, "s", text, sizeof text - 1, &error));
  assert_int_equal(error.code, DDS_TOOBIG);
  assert_false(dds_write_end_put(&write, &error));
  dds_buffer_free(&item);
  dds_write_free(&write);
}

#define FAILED                                                                               \
  "{\"__type\":\"a#ConditionalCheckFailedException\",\"message\":\"The conditional request " \
  "failed\""

static void tells_which_condition_failed(void **state) {
  (void)state;
  static const struct {
    dds_write_kind kind;
    const char *answer;
    dds_write_result result;
  } cases[] = {
      {DDS_WRITE_DELETE,
       FAILED ",\"Item\":{\"id\":{\"S\":\"a\"},\"m\":{\"N\":\"4\"},\"s\":{\"N\":\"5\"}}}",
       DDS_WRITE_UNMATCHED},
      {DDS_WRITE_DELETE,
       FAILED ",\"Item\":{\"id\":{\"S\":\"a\"},\"m\":{\"N\":\"5\"},\"s\":{\"N\":\"4\"}}}",
       DDS_WRITE_REFUSED},
      {DDS_WRITE_DELETE, FAILED ",\"Item\":{\"id\":{\"S\":\"a\"}}}", DDS_WRITE_UNMATCHED},
      {DDS_WRITE_UPDATE, FAILED "}", DDS_WRITE_REFUSED},
      {DDS_WRITE_UPDATE, FAILED ",\"Item\":{\"id\":{\"S\":\"a\"},\"x\":{\"N\":\"5\"}}}",
       DDS_WRITE_REFUSED},
      {DDS_WRITE_PUT, FAILED ",\"Item\":{\"id\":{\"S\":\"a\"}}}", DDS_WRITE_REFUSED},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    table_fixture f;
    dds_write_result result;
    bool may_have_been_applied;
    table_fixture_set_up(&f);
    dds_write write = make(cases[i].kind, "{\"id\":{\"S\":\"a\"}}");
    write.asserted = is_five("s");
    if (cases[i].kind == DDS_WRITE_DELETE) {
      write.matches = is_five("m");
    }
    if (cases[i].kind == DDS_WRITE_UPDATE) {
      assert_true(dds_write_assign(&write, "x", five, strlen(five), &f.error));
    }
    scripted_transport_answer(f.script, 400, cases[i].answer);
    assert_true(send(&f.table, &write, &result, &may_have_been_applied, &f.error));
    assert_int_equal(result, cases[i].result);
    assert_int_equal(f.error.code, DDS_OK);
    assert_non_null(strstr(f.records, "items=0 "));
    dds_write_free(&write);
    table_fixture_tear_down(&f);
  }
}

static void applied_by_an_attempt_without_an_answer(void **state) {
  (void)state;
  static const struct {
    dds_write_kind kind;
    const char *item; /* that DynamoDB gives back */
    dds_write_result result;
  } cases[] = {
      {DDS_WRITE_PUT, "{\"x\":{\"N\":\"5.0\"},\"id\":{\"S\":\"a\"}}", DDS_WRITE_APPLIED},
      {DDS_WRITE_PUT, "{\"x\":{\"N\":\"6\"},\"id\":{\"S\":\"a\"}}", DDS_WRITE_REFUSED},
      {DDS_WRITE_UPDATE, "{\"id\":{\"S\":\"a\"},\"x\":{\"N\":\"5\"},\"other\":{\"S\":\"\"}}",
       DDS_WRITE_REFUSED}, /* another's UPDATE may have made the same */
      {DDS_WRITE_UPDATE, "{\"id\":{\"S\":\"a\"},\"x\":{\"N\":\"5\"},\"gone\":{\"S\":\"\"}}",
       DDS_WRITE_REFUSED},
      {DDS_WRITE_UPDATE, "{\"id\":{\"S\":\"a\"}}", DDS_WRITE_REFUSED},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    table_fixture f;
    dds_write_result result;
    bool may_have_been_applied;
    dds_buffer answer = DDS_BUFFER_INIT(1000);
    table_fixture_set_up(&f);
    dds_write write = make(cases[i].kind, "{\"id\":{\"S\":\"a\"},\"x\":{\"N\":\"5\"}}");
    write.asserted = dds_condition_not_exists("x");
    if (cases[i].kind == DDS_WRITE_UPDATE) {
      assert_true(dds_write_assign(&write, "x", five, strlen(five), &f.error));
      assert_true(dds_write_assign(&write, "gone", NULL, 0, &f.error));
    }
    dds_buffer_append_format(&answer, FAILED ",\"Item\":%s}", cases[i].item);
    scripted_transport_answer(f.script, 500, "{\"__type\":\"a#InternalServerError\"}");
    scripted_transport_answer(f.script, 400, dds_buffer_text(&answer));
    assert_true(send(&f.table, &write, &result, &may_have_been_applied, &f.error));
    assert_int_equal(result, cases[i].result);
    assert_int_equal(may_have_been_applied, result == DDS_WRITE_REFUSED);
    dds_buffer_free(&answer);
    dds_write_free(&write);
    table_fixture_tear_down(&f);
  }
}

static void says_whether_a_failed_write_may_have_been_applied(void **state) {
  (void)state;
  table_fixture f;
  dds_write_result result;
  bool may_have_been_applied;
  table_fixture_set_up(&f);
  dds_write write = make(DDS_WRITE_PUT, "{\"id\":{\"S\":\"a\"}}");
  scripted_transport_answer(f.script, 400,
                            "{\"__type\":\"a#ValidationException\",\"message\":\"no\"}");
  assert_false(send(&f.table, &write, &result, &may_have_been_applied, &f.error));
  assert_false(may_have_been_applied);
  assert_string_equal(f.error.message,
                      "PutItem of \"prod-sessions\" failed: ValidationException: no");
  f.error = DDS_ERROR_INIT;
  scripted_transport_answer(f.script, 500, "{\"__type\":\"a#InternalServerError\"}");
  scripted_transport_answer(f.script, 400, "{\"__type\":\"a#ValidationException\"}");
  assert_false(send(&f.table, &write, &result, &may_have_been_applied, &f.error));
  assert_true(may_have_been_applied);
  f.error = DDS_ERROR_INIT;
  scripted_transport_answer_with(f.script, &(scripted_answer){.never = true});
  f.stop_at = f.stop_calls + 2;
  assert_false(send(&f.table, &write, &result, &may_have_been_applied, &f.error));
  assert_true(may_have_been_applied);
  assert_int_equal(f.error.code, DDS_INTERRUPT);
  dds_write_free(&write);
  table_fixture_tear_down(&f);
}

static void script_refusal(table_fixture *f) {
  scripted_transport_answer(f->script, 200, "{}");
}

static bool send_once(table_fixture *f, dds_error *error) {
  dds_write_result result;
  bool may_have_been_applied;
  dds_write write = {.kind = DDS_WRITE_DELETE};
  write.asserted = is_five("n");
  write.matches = is_five("m");
  bool is_done =
      ((write.asserted != NULL && write.matches != NULL) || dds_error_set_nomem(error)) &&
      dds_key_from_text("id", "a", 1, &write.key, error) &&
      dds_write_assign(&write, "x", five, strlen(five), error) && dds_write_check(&write, error) &&
      send(&f->table, &write, &result, &may_have_been_applied, error);
  dds_write_free(&write);
  return is_done;
}

static void survives_every_refused_allocation(void **state) {
  (void)state;
  table_fixture_sweep(script_refusal, send_once);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(builds_puts),
      cmocka_unit_test(builds_updates),
      cmocka_unit_test(builds_deletes),
      cmocka_unit_test(checks_limits),
      cmocka_unit_test(measures_an_item_not_its_text),
      cmocka_unit_test(makes_new_items),
      cmocka_unit_test(makes_new_items_with_each_allocation_refused),
      cmocka_unit_test(a_new_item_too_large_for_its_buffer),
      cmocka_unit_test(tells_which_condition_failed),
      cmocka_unit_test(applied_by_an_attempt_without_an_answer),
      cmocka_unit_test(says_whether_a_failed_write_may_have_been_applied),
      cmocka_unit_test(survives_every_refused_allocation),
  };
  return cmocka_run_group_tests(tests, failing_allocator_set_up, NULL);
}
