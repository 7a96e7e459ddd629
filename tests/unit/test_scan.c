/* Reading: bodies of GetItem and Scan, all pages, odd answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dynamodb/read.h"
#include "dynamodb/scan.h"
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
  scripted_transport_answer_with(f.script, &(scripted_answer){.never = true});
  assert_true(dds_scan_open(&f.table, &request, &scan, &f.error));
  assert_true(dds_scan_next(scan, &item, &f.error));
  assert_non_null(item.json.text);
  dds_scan_close(scan);
  assert_int_equal(scripted_transport_request_count(f.script), 2);
  assert_non_null(strstr(f.records, "cancelled: its answer was not needed"));
  assert_string_equal(table_fixture_body(&f, 0),
                      "{\"TableName\":\"prod-sessions\",\"ConsistentRead\":"
                      "true,\"ReturnConsumedCapacity\":\"TOTAL\"}");
  dds_scan_close(NULL);
  table_fixture_tear_down(&f);
}

static void refuses_odd_answers(void **state) {
  (void)state;
  static const char *const answers[] = {"{}",
                                        "{\"Items\":{}}",
                                        "{\"Items\":[1]}",
                                        "{\"Count\":3}",
                                        "{\"Items\":[],\"LastEvaluatedKey\":\"x\"}",
                                        "{\"Items\":[{\"id\":{\"S\":\"a\"}}],\"Count\":2}"};
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

/* It would never end. */
static void refuses_a_key_that_does_not_move_on(void **state) {
  (void)state;
  table_fixture f;
  char ids[100];
  const dds_scan_request request = {.projection = whole};
  table_fixture_set_up(&f);
  for (int i = 0; i < 2; i++) {
    scripted_transport_answer(f.script, 200,
                              "{\"Items\":[],\"LastEvaluatedKey\":{\"id\":{\"S\":\"a\"}}}");
  }
  scripted_transport_answer_with(f.script, &(scripted_answer){.never = true});
  assert_false(scan_all(&f, &request, ids, &f.error));
  assert_string_equal(f.error.message, "Scan of \"prod-sessions\" failed: unexpected answer: its "
                                       "LastEvaluatedKey is the key that it started from");
  table_fixture_tear_down(&f);
}

static void queries_an_index(void **state) {
  (void)state;
  static const char user[] = "{\"S\":\"42\"}";
  table_fixture f;
  char ids[100];
  dds_condition *is_user = dds_condition_compare("userId", DDS_EQUAL, user, strlen(user));
  dds_condition *filter = dds_condition_exists("expires");
  const dds_scan_request request = {.projection = projection,
                                    .filter = filter,
                                    .index = "userId-index",
                                    .key_condition = is_user,
                                    .segments = 4};
  table_fixture_set_up(&f);
  scripted_transport_answer(
      f.script, 200,
      "{\"Count\":1,\"Items\":[{\"id\":{\"S\":\"a\"}}],"
      "\"LastEvaluatedKey\":{\"id\":{\"S\":\"a\"},\"userId\":{\"S\":\"42\"}}}");
  scripted_transport_answer(f.script, 200, "{\"Count\":0,\"Items\":[]}");
  assert_true(scan_all(&f, &request, ids, &f.error));
  assert_string_equal(ids, "a");
  assert_string_equal(
      table_fixture_body(&f, 1),
      "{\"TableName\":\"prod-sessions\",\"IndexName\":\"userId-index\",\"KeyConditionExpression\":"
      "\"#n0 = :v0\",\"ProjectionExpression\":\"#n1, #n2, #n3\",\"FilterExpression\":"
      "\"attribute_exists(#n3)\",\"ExpressionAttributeNames\":{\"#n0\":\"userId\",\"#n1\":\"id\","
      "\"#n2\":\"sess\",\"#n3\":\"expires\"},\"ExpressionAttributeValues\":{\":v0\":{\"S\":\"42\"}}"
      ","
      "\"ConsistentRead\":false,\"ReturnConsumedCapacity\":\"TOTAL\",\"ExclusiveStartKey\":"
      "{\"id\":{\"S\":\"a\"},\"userId\":{\"S\":\"42\"}}}");
  assert_non_null(strstr(f.records, "Query [userId-index where userId = ?; "
                                    "attribute_exists(expires); attributes id, sess, expires] "));
  dds_condition_release(is_user);
  dds_condition_release(filter);
  table_fixture_tear_down(&f);
}

/* Of whole items, so that an index that lacks some attributes is an error. */
static void queries_whole_items_for_all_attributes(void **state) {
  (void)state;
  static const char user[] = "{\"S\":\"42\"}";
  table_fixture f;
  char ids[100];
  dds_condition *is_user = dds_condition_compare("userId", DDS_EQUAL, user, strlen(user));
  const dds_scan_request request = {.index = "userId-index", .key_condition = is_user};
  table_fixture_set_up(&f);
  scripted_transport_answer(f.script, 200, "{\"Count\":0,\"Items\":[]}");
  assert_true(scan_all(&f, &request, ids, &f.error));
  assert_non_null(strstr(table_fixture_body(&f, 0), "\"Select\":\"ALL_ATTRIBUTES\""));
  dds_condition_release(is_user);
  table_fixture_tear_down(&f);
}

/* Of 64 units each, of an item each: a, b and so on, and behind each another page. */
static void script_costly_pages(table_fixture *f, int count) {
  for (int i = 0; i < count; i++) {
    char page[200];
    snprintf(page, sizeof page,
             "{\"ConsumedCapacity\":{\"CapacityUnits\":64},\"Count\":1,\"Items\":["
             "{\"id\":{\"S\":\"%c\"}}],\"LastEvaluatedKey\":{\"id\":{\"S\":\"%c\"}}}",
             'a' + i, 'a' + i);
    scripted_transport_answer(f->script, 200, page);
  }
}

/* The units of the second page reach the limit: its items are given all the same, no page is asked
 * for ahead, and the error comes when the one behind is needed. */
static void gives_what_came_before_a_limit_of_units(void **state) {
  (void)state;
  table_fixture f;
  char ids[100];
  dds_meter meter = {.limit_units = 100};
  const dds_scan_request request = {.projection = whole};
  table_fixture_set_up(&f);
  f.table.meter = &meter;
  script_costly_pages(&f, 2);
  assert_false(scan_all(&f, &request, ids, &f.error));
  assert_string_equal(ids, "ab");
  assert_non_null(strstr(f.error.message, "capacity_limit=100"));
  table_fixture_tear_down(&f);
}

/* A page that comes while the one before it is read counts as well before another is asked for. */
static void counts_a_page_that_came_meanwhile(void **state) {
  (void)state;
  table_fixture f;
  dds_scan *scan = NULL;
  dds_item item;
  dds_meter meter = {.limit_units = 100};
  const dds_scan_request request = {.projection = whole};
  table_fixture_set_up(&f);
  f.table.meter = &meter;
  script_costly_pages(&f, 2);
  assert_true(dds_scan_open(&f.table, &request, &scan, &f.error));
  assert_true(dds_scan_next(scan, &item, &f.error));
  assert_true(dds_client_pause(f.client, 1000, &f.error));
  assert_true(dds_scan_next(scan, &item, &f.error));
  assert_int_equal(scripted_transport_request_count(f.script), 2);
  dds_scan_close(scan);
  table_fixture_tear_down(&f);
}

/* Pages of a LIMIT that is gone beyond; what stands in the log of each. */
static void grows_its_pages_behind_a_limit(void **state) {
  (void)state;
  table_fixture f;
  char ids[100];
  static const char *const limits[] = {
      "\"Limit\":2}", "\"Limit\":1,\"ExclusiveStartKey\":{\"id\":{\"S\":\"a\"}}}",
      "\"Limit\":128,\"ExclusiveStartKey\":{\"id\":{\"S\":\"b\"}}}",
      "\"Limit\":256,\"ExclusiveStartKey\":{\"id\":{\"S\":\"c\"}}}"};
  const dds_scan_request request = {.projection = whole, .wanted = 2};
  table_fixture_set_up(&f);
  for (int i = 0; i < 4; i++) {
    char page[200];
    snprintf(page, sizeof page, "{\"Count\":1,\"Items\":[{\"id\":{\"S\":\"%c\"}}]%s%c%s}", 'a' + i,
             i == 3 ? ",\"x\":\"" : ",\"LastEvaluatedKey\":{\"id\":{\"S\":\"", 'a' + i,
             i == 3 ? "\"" : "\"}}");
    scripted_transport_answer(f.script, 200, page);
  }
  assert_true(scan_all(&f, &request, ids, &f.error));
  assert_string_equal(ids, "abcd");
  for (size_t i = 0; i < 4; i++) {
    assert_non_null(strstr(table_fixture_body(&f, i), limits[i]));
  }
  assert_non_null(strstr(f.records, "Scan [any items; limit 2] "));
  assert_non_null(strstr(f.records, "Scan [any items; limit 256] "));
  table_fixture_tear_down(&f);
}

static void names_its_segments(void **state) {
  (void)state;
  table_fixture f;
  char ids[100];
  const dds_scan_request request = {.projection = whole, .segments = 2};
  table_fixture_set_up(&f);
  scripted_transport_answer(f.script, 200, "{\"Items\":[{\"id\":{\"S\":\"a\"}}]}");
  scripted_transport_answer(f.script, 200, "{\"Items\":[{\"id\":{\"S\":\"b\"}}]}");
  assert_true(scan_all(&f, &request, ids, &f.error));
  assert_string_equal(ids, "ab");
  assert_non_null(strstr(table_fixture_body(&f, 0), ",\"Segment\":0,\"TotalSegments\":2}"));
  assert_non_null(strstr(table_fixture_body(&f, 1), ",\"Segment\":1,\"TotalSegments\":2}"));
  assert_non_null(strstr(f.records, "Scan [all items; segment 2 of 2] "));
  assert_int_equal(scripted_transport_most_in_flight(f.script), 2);
  table_fixture_tear_down(&f);
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

/* Each segment gives one item, which has its number. */
static void serve_segment(void *context, const scripted_request *request, scripted_answer *answer) {
  static char page[100];
  const char *number = strstr(request->body, "\"Segment\":");
  (void)context;
  assert_non_null(number);
  snprintf(page, sizeof page, "{\"Items\":[{\"id\":{\"N\":\"%d\"}}]}",
           (int)strtol(number + strlen("\"Segment\":"), NULL, 10));
  *answer = (scripted_answer){.status = 200, .body = page};
}

static void reads_so_many_segments_at_one_time(void **state) {
  enum { SEGMENTS = 700 };
  (void)state;
  table_fixture f;
  dds_scan *scan = NULL;
  dds_item item;
  bool has_come[SEGMENTS] = {false};
  size_t count = 0;
  const dds_scan_request request = {.projection = whole, .segments = SEGMENTS};
  table_fixture_set_up(&f);
  f.table.observer = (dds_observer){0};
  scripted_transport_serve(f.script, serve_segment, NULL);
  assert_true(dds_scan_open(&f.table, &request, &scan, &f.error));
  for (;;) {
    dds_value value;
    assert_true(dds_scan_next(scan, &item, &f.error));
    if (item.json.text == NULL) {
      break;
    }
    assert_true(dds_item_find(&item, "id", 2, &value));
    long number = strtol(value.content.text + 1, NULL, 10);
    assert_in_range(number, 0, SEGMENTS - 1);
    assert_false(has_come[number]);
    has_come[number] = true;
    count++;
  }
  assert_int_equal(count, SEGMENTS);
  assert_int_equal(scripted_transport_most_in_flight(f.script), 256);
  assert_int_equal(scripted_transport_request_count(f.script), SEGMENTS);
  dds_scan_close(scan);
  table_fixture_tear_down(&f);
}

enum { GRADUAL_SEGMENTS = 3, GRADUAL_PAGES = 4 };

/* Pages of two items; each comes after the milliseconds of the context. */
static void serve_slow_page(void *context, const scripted_request *request,
                            scripted_answer *answer) {
  static char page[200];
  const char *key = strstr(request->body, "\"ExclusiveStartKey\":{\"id\":{\"N\":\"");
  long number = key == NULL ? 1 : strtol(strstr(key, "\"N\":\"") + strlen("\"N\":\""), NULL, 10);
  char next[60] = "";
  if (number < GRADUAL_PAGES) {
    snprintf(next, sizeof next, ",\"LastEvaluatedKey\":{\"id\":{\"N\":\"%ld\"}}", number + 1);
  }
  snprintf(page, sizeof page,
           "{\"ConsumedCapacity\":{\"CapacityUnits\":7.0},"
           "\"Items\":[{\"id\":{\"N\":\"1\"}},{\"id\":{\"N\":\"2\"}}]%s}",
           next);
  *answer =
      (scripted_answer){.status = 200, .body = page, .duration_ms = *(const int64_t *)context};
}

/* Reads all, as a host that takes so long for each item; returns after how many of them a second
 * segment was begun. */
static size_t read_gradually(int64_t page_ms, int64_t item_ms) {
  table_fixture f;
  dds_scan *scan = NULL;
  dds_item item = {.json = {0}};
  const dds_scan_request request = {
      .projection = whole, .segments = GRADUAL_SEGMENTS, .is_gradual = true};
  size_t count = 0;
  size_t first = SIZE_MAX;
  table_fixture_set_up(&f);
  scripted_transport_serve(f.script, serve_slow_page, &page_ms);
  assert_true(dds_scan_open(&f.table, &request, &scan, &f.error));
  while (dds_scan_next(scan, &item, &f.error) && item.json.text != NULL) {
    size_t sent = scripted_transport_request_count(f.script);
    bool has_second =
        strstr(scripted_transport_request(f.script, sent - 1)->body, "\"Segment\":0") == NULL;
    first = first == SIZE_MAX && has_second ? count : first;
    count++;
    scripted_transport_set_now(f.script, scripted_transport_now(f.script) + item_ms);
  }
  assert_int_equal(f.error.code, DDS_OK);
  assert_int_equal(count, 2 * GRADUAL_PAGES * GRADUAL_SEGMENTS);
  assert_int_equal(scripted_transport_request_count(f.script), GRADUAL_PAGES * GRADUAL_SEGMENTS);
  dds_scan_close(scan);
  table_fixture_tear_down(&f);
  return first;
}

static void begins_segments_where_it_waits(void **state) {
  (void)state;
  const struct {
    int64_t page_ms;
    int64_t item_ms;
    size_t first;
  } cases[] = {
      {10, 0, 0},                /* the first page is waited for already */
      {3, 0, 2},                 /* which may be so once */
      {3, 2, 2 * GRADUAL_PAGES}, /* reading takes longer: one after another */
      {10, 50, 0},               /* which it does not know of yet */
      {3, 1, 2 * GRADUAL_PAGES},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    assert_int_equal(read_gradually(cases[i].page_ms, cases[i].item_ms), cases[i].first);
  }
}

/* What a page cost that came is given, though no other segment may be begun any more. */
static void gives_the_page_that_reached_the_limit(void **state) {
  (void)state;
  const int64_t page_ms = 10;
  table_fixture f;
  dds_meter meter = {.limit_units = 7};
  dds_scan *scan = NULL;
  dds_item item = {.json = {0}};
  const dds_scan_request request = {
      .projection = whole, .segments = GRADUAL_SEGMENTS, .is_gradual = true};
  size_t count = 0;
  table_fixture_set_up(&f);
  f.table.meter = &meter;
  scripted_transport_serve(f.script, serve_slow_page, (void *)(uintptr_t)&page_ms);
  assert_true(dds_scan_open(&f.table, &request, &scan, &f.error));
  while (dds_scan_next(scan, &item, &f.error)) {
    assert_non_null(item.json.text);
    count++;
  }
  assert_int_equal(count, 2);
  assert_non_null(strstr(f.error.message, "7 capacity units"));
  assert_int_equal(scripted_transport_request_count(f.script), 1);
  dds_scan_close(scan);
  table_fixture_tear_down(&f);
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
      cmocka_unit_test(refuses_a_key_that_does_not_move_on),
      cmocka_unit_test(queries_an_index),
      cmocka_unit_test(queries_whole_items_for_all_attributes),
      cmocka_unit_test(gives_what_came_before_a_limit_of_units),
      cmocka_unit_test(counts_a_page_that_came_meanwhile),
      cmocka_unit_test(grows_its_pages_behind_a_limit),
      cmocka_unit_test(names_its_segments),
      cmocka_unit_test(reads_so_many_segments_at_one_time),
      cmocka_unit_test(begins_segments_where_it_waits),
      cmocka_unit_test(gives_the_page_that_reached_the_limit),
      cmocka_unit_test(survives_every_refused_allocation),
  };
  return cmocka_run_group_tests(tests, failing_allocator_set_up, NULL);
}
