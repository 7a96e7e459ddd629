/* Reading: bodies of GetItem and Scan, all pages, odd answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dynamodb/read.h"
#include "failing_allocator.h"
#include "table_fixture.h"

static const char *const attributes[] = {"id", "sess", "expires"};
static const dds_projection projection = {.attributes = attributes, .count = 3};
static const dds_projection whole = {0};

static dds_key key_of(const char *id) {
  dds_key key;
  dds_error error = DDS_ERROR_INIT;
  assert_true(dds_key_from_text("id", id, strlen(id), &key, &error));
  return key;
}

static void gets_one_item(void **state) {
  (void)state;
  table_fixture f;
  dds_operation *holder;
  dds_item item;
  dds_value value;
  dds_key key = key_of("a");
  table_fixture_set_up(&f);
  scripted_transport_answer(f.script, 200,
                            "{\"Item\":{\"id\":{\"S\":\"a\"},\"sess\":{\"S\":\"{}\"}},"
                            "\"ConsumedCapacity\":{\"CapacityUnits\":1}}");
  assert_true(dds_read_get(&f.table, &key, &projection, true, &holder, &item, &f.error));
  assert_true(dds_item_find(&item, "sess", 4, &value));
  assert_string_equal(
      table_fixture_body(&f, 0),
      "{\"TableName\":\"prod-sessions\",\"Key\":{\"id\":{\"S\":\"a\"}},"
      "\"ProjectionExpression\":\"#n0, #n1, #n2\",\"ExpressionAttributeNames\":"
      "{\"#n0\":\"id\",\"#n1\":\"sess\",\"#n2\":\"expires\"},\"ConsistentRead\":true,"
      "\"ReturnConsumedCapacity\":\"TOTAL\"}");
  assert_string_equal(f.records,
                      "GetItem [by key; attributes id, sess, expires; consistent] items=1 "
                      "scanned=-1 capacity=1 attempts=1 http=200 ok\n");
  dds_operation_free(holder);
  scripted_transport_answer(f.script, 200, "{}");
  assert_true(dds_read_get(&f.table, &key, &whole, false, &holder, &item, &f.error));
  assert_null(item.json.text);
  assert_string_equal(table_fixture_body(&f, 1),
                      "{\"TableName\":\"prod-sessions\",\"Key\":{\"id\":{\"S\":\"a\"}},"
                      "\"ConsistentRead\":false,\"ReturnConsumedCapacity\":\"TOTAL\"}");
  dds_operation_free(holder);
  scripted_transport_answer(f.script, 200, "{\"Item\":[]}");
  assert_false(dds_read_get(&f.table, &key, &whole, false, &holder, &item, &f.error));
  assert_null(holder);
  assert_non_null(strstr(f.error.message, "unexpected answer"));
  dds_key_free(&key);
  table_fixture_tear_down(&f);
}

/* Scans to the end; the ids that came, in order. */
static bool scan_all(table_fixture *f, const dds_scan_request *request, char ids[100],
                     dds_error *error) {
  dds_scan *scan = NULL;
  dds_item item;
  ids[0] = '\0';
  bool goes_on = dds_scan_open(&f->table, request, &scan, error);
  while (goes_on && (goes_on = dds_scan_next(scan, &item, error)) && item.json.text != NULL) {
    dds_value value;
    dds_buffer id = DDS_BUFFER_INIT(100);
    assert_true(dds_item_find(&item, "id", 2, &value));
    bool is_copied = dds_value_append_bytes(&value, &id) && dds_buffer_check(&id, error);
    size_t used = strlen(ids);
    snprintf(ids + used, 100 - used, "%s", dds_buffer_text(&id));
    dds_buffer_free(&id);
    goes_on = is_copied;
  }
  dds_scan_close(scan);
  return goes_on;
}

static void script_pages(table_fixture *f) {
  scripted_transport_answer(f->script, 200,
                            "{\"Items\":[],\"Count\":0,\"ScannedCount\":9,"
                            "\"LastEvaluatedKey\":{\"id\":{\"S\":\"x\\u0000\"}}}");
  scripted_transport_answer(f->script, 200,
                            "{\"LastEvaluatedKey\":{\"id\":{\"S\":\"b\"}},\"Count\":2,\"Items\":["
                            "{\"id\":{\"S\":\"a\"}} , {\"id\":{\"S\":\"b\"}}]}");
  scripted_transport_answer(f->script, 200,
                            "{\"Items\":[],\"LastEvaluatedKey\":{\"id\":{\"S\":\"c\"}}}");
  scripted_transport_answer(f->script, 200, "{\"Items\":[{\"id\":{\"S\":\"d\"}}],\"Count\":1}");
}

static void reads_every_page_and_empty_ones(void **state) {
  (void)state;
  static const char now[] = "{\"N\":\"1700000000\"}";
  table_fixture f;
  char ids[100];
  dds_condition *filter =
      dds_condition_or(dds_condition_not_exists("expires"),
                       dds_condition_compare("expires", DDS_LESS_EQUAL, now, strlen(now)));
  const dds_scan_request request = {.projection = projection, .filter = filter};
  table_fixture_set_up(&f);
  script_pages(&f);
  assert_true(scan_all(&f, &request, ids, &f.error));
  assert_string_equal(ids, "abd");
  dds_condition_release(filter);
  assert_int_equal(scripted_transport_request_count(f.script), 4);
#define COMMON                                                                          \
  "{\"TableName\":\"prod-sessions\",\"ProjectionExpression\":\"#n0, #n1, #n2\","        \
  "\"FilterExpression\":\"attribute_not_exists(#n2) OR #n2 <= :v0\","                   \
  "\"ExpressionAttributeNames\":{\"#n0\":\"id\",\"#n1\":\"sess\",\"#n2\":\"expires\"}," \
  "\"ExpressionAttributeValues\":{\":v0\":{\"N\":\"1700000000\"}},"                     \
  "\"ConsistentRead\":false,\"ReturnConsumedCapacity\":\"TOTAL\""
  assert_string_equal(table_fixture_body(&f, 0), COMMON "}");
  assert_string_equal(table_fixture_body(&f, 1),
                      COMMON ",\"ExclusiveStartKey\":{\"id\":{\"S\":\"x\\u0000\"}}}");
  assert_string_equal(table_fixture_body(&f, 3),
                      COMMON ",\"ExclusiveStartKey\":{\"id\":{\"S\":\"c\"}}}");
  assert_non_null(strstr(f.records,
                         "Scan [attribute_not_exists(expires) OR expires <= ?; attributes "
                         "id, sess, expires] items=0 scanned=9"));
  assert_int_equal(f.record_count, 4);
  table_fixture_tear_down(&f);
}

static void ends_in_the_middle(void **state) {
  (void)state;
  table_fixture f;
  dds_scan *scan;
  dds_item item;
  const dds_scan_request request = {.projection = whole, .consistent = true};
  table_fixture_set_up(&f);
  scripted_transport_answer(f.script, 200,
                            "{\"Items\":[{\"id\":{\"S\":\"a\"}},{}],"
                            "\"LastEvaluatedKey\":{\"id\":{\"S\":\"b\"}}}");
  assert_true(dds_scan_open(&f.table, &request, &scan, &f.error));
  assert_true(dds_scan_next(scan, &item, &f.error));
  assert_non_null(item.json.text);
  dds_scan_close(scan);
  assert_int_equal(scripted_transport_request_count(f.script), 1);
  assert_string_equal(table_fixture_body(&f, 0),
                      "{\"TableName\":\"prod-sessions\",\"ConsistentRead\":"
                      "true,\"ReturnConsumedCapacity\":\"TOTAL\"}");
  dds_scan_close(NULL);
  table_fixture_tear_down(&f);
}

static void refuses_odd_answers(void **state) {
  (void)state;
  static const char *const answers[] = {"{}", "{\"Items\":{}}", "{\"Items\":[1]}", "{\"Count\":3}",
                                        "{\"Items\":[],\"LastEvaluatedKey\":\"x\"}"};
  const dds_scan_request request = {.projection = whole};
  for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
    table_fixture f;
    char ids[100];
    table_fixture_set_up(&f);
    scripted_transport_answer(f.script, 200, answers[i]);
    assert_false(scan_all(&f, &request, ids, &f.error));
    assert_non_null(
        strstr(f.error.message, "Scan of \"prod-sessions\" failed: unexpected answer: "));
    table_fixture_tear_down(&f);
  }
}

static bool scan_once(table_fixture *f, dds_error *error) {
  static const char now[] = "{\"N\":\"5\"}";
  char ids[100];
  dds_condition *filter = dds_condition_compare("expires", DDS_LESS, now, strlen(now));
  if (filter == NULL) {
    return dds_error_set_nomem(error);
  }
  const dds_scan_request request = {.projection = projection, .filter = filter};
  bool is_done = scan_all(f, &request, ids, error);
  dds_condition_release(filter);
  return is_done;
}

static void script_item(table_fixture *f) {
  scripted_transport_answer(f->script, 200, "{\"Item\":{\"id\":{\"S\":\"a\"}}}");
}

static bool get_once(table_fixture *f, dds_error *error) {
  dds_key key;
  dds_item item;
  dds_operation *holder = NULL;
  bool is_done = dds_key_from_text("id", "a", 1, &key, error) &&
                 dds_read_get(&f->table, &key, &projection, true, &holder, &item, error);
  dds_operation_free(holder);
  dds_key_free(&key);
  return is_done;
}

static void survives_every_refused_allocation(void **state) {
  (void)state;
  table_fixture_sweep(script_pages, scan_once);
  table_fixture_sweep(script_item, get_once);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(gets_one_item),
      cmocka_unit_test(reads_every_page_and_empty_ones),
      cmocka_unit_test(ends_in_the_middle),
      cmocka_unit_test(refuses_odd_answers),
      cmocka_unit_test(survives_every_refused_allocation),
  };
  return cmocka_run_group_tests(tests, failing_allocator_set_up, NULL);
}
