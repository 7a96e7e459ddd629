/*
 * What waiting writes do to a Scan, and to a read by key: which rows are the writes' own, which
 * are DynamoDB's, and which requests that takes.
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
#include "fake_environment.h"
#include "scripted_transport.h"
#include "vtab/connection.h"
#include "vtab/overlay.h"
#include "vtab/row_source.h"
#include "vtab/table.h"

#define ITEM(sid, n) "{\"id\":{\"S\":\"" sid "\"},\"n\":{\"N\":\"" n "\"}}"

/* Two virtual tables on one DynamoDB table; a table of the same name elsewhere is the third. */
enum { TARGETS = 3 };
typedef struct fixture {
  fake_environment environment;
  scripted_transport *script;
  dds_connection connection;
  dds_client *clients[TARGETS];
  dds_target *targets[TARGETS];
  dds_vtab owner;
  dds_loop loop;
  dds_row_source source;
  dds_error error;
} fixture;

static void end_loop(fixture *f) {
  dds_row_source_close(&f->source);
  dds_memo_free(&f->loop.memo);
  dds_rescans_free(&f->loop.rescans);
}

/* Each read is a loop of its own, which remembers nothing of the others. */
static void begin_loop(fixture *f, bool is_joined) {
  end_loop(f);
  f->loop = (dds_loop){.target = f->targets[0]};
  dds_loop_open_table(&f->loop);
  dds_row_source_open(&f->source, &f->loop, UINT64_MAX, is_joined);
}

static void set_up(fixture *f) {
  static const char *const regions[TARGETS] = {"us-east-1", "us-east-1", "eu-west-1"};
  static const char *const arguments[] = {"table=a", "layout=connect-dynamodb",
                                          "prefix=", "hash_key=id"};
  *f = (fixture){0};
  fake_environment_init(&f->environment);
  fake_environment_set(&f->environment, "AWS_ACCESS_KEY_ID", "AKIDEXAMPLE");
  fake_environment_set(&f->environment, "AWS_SECRET_ACCESS_KEY", "secret-of-p");
  f->script = scripted_transport_create(NULL);
  f->connection.requests = dds_request_log_create();
  for (int i = 0; i < TARGETS; i++) {
    dds_options options;
    const dds_client_options client = {.region = regions[i]};
    assert_true(dds_options_parse(4, arguments, &options, &f->error));
    assert_true(dds_target_create(&f->connection, &options, &f->targets[i], &f->error));
    assert_true(dds_client_open(&client, &f->environment.base, scripted_transport_base(f->script),
                                &(dds_observer){0}, &f->clients[i], &f->error));
    f->targets[i]->table.client = f->clients[i];
    f->targets[i]->options.total_segments = 1;
  }
  begin_loop(f, false);
}

static void tear_down(fixture *f) {
  end_loop(f);
  dds_pending_free(&f->connection.pending);
  for (int i = 0; i < TARGETS; i++) {
    dds_target_release(f->targets[i]);
    dds_client_close(f->clients[i]);
  }
  dds_request_log_free(f->connection.requests);
  scripted_transport_destroy(f->script);
  assert_int_equal(failing_allocator_live_blocks(), 0);
}

static dds_key key_of(const char *sid) {
  dds_key key = {0};
  dds_error error = DDS_ERROR_INIT;
  assert_true(dds_key_from_text("id", sid, strlen(sid), &key, &error));
  return key;
}

/* `item` NULL: a DELETE. */
static void add_to(fixture *f, int target, const char *sid, const char *item, bool is_ignored) {
  dds_write write = {.kind = item != NULL ? DDS_WRITE_PUT : DDS_WRITE_DELETE, .key = key_of(sid)};
  dds_pending_rules rules = {.when_refused = DDS_PRIMARYKEY, .is_ignored = is_ignored};
  if (item != NULL) {
    write.item_length = strlen(item);
    write.item = dds_alloc_copy(item, write.item_length);
    assert_non_null(write.item);
  }
  assert_true(dds_pending_add(&f->connection.pending, &f->owner, f->targets[target], &write, &rules,
                              &f->error));
}

static void put(fixture *f, const char *sid, const char *item) {
  add_to(f, 0, sid, item, false);
}

static void put_or_ignore(fixture *f, const char *sid, const char *item) {
  add_to(f, 0, sid, item, true);
}

static void erase(fixture *f, const char *sid) {
  add_to(f, 0, sid, NULL, false);
}

static bool admits(dds_overlay *overlay, const char *sid) {
  dds_key key = key_of(sid);
  bool admitted = dds_overlay_admits(overlay, &key);
  dds_key_free(&key);
  return admitted;
}

static void assert_next(dds_overlay *overlay, const char *sid, bool is_decided) {
  dds_key key = key_of(sid);
  const dds_overlay_row *row = dds_overlay_next(overlay);
  assert_non_null(row);
  assert_true(dds_key_equal(&row->key, &key));
  assert_int_equal(row->is_decided, is_decided);
  dds_key_free(&key);
}

static void gathers_each_key_once(void **state) {
  (void)state;
  fixture f;
  dds_overlay overlay;
  set_up(&f);
  put(&f, "a", ITEM("a", "1"));
  erase(&f, "b");
  put_or_ignore(&f, "c", ITEM("c", "1"));
  put(&f, "a", ITEM("a", "2"));
  add_to(&f, 1, "d", ITEM("d", "1"), false);
  add_to(&f, 2, "e", ITEM("e", "1"), false);
  assert_true(
      dds_overlay_open(&f.connection.pending, f.targets[0], UINT64_MAX, &overlay, &f.error));
  assert_int_equal(overlay.count, 4);
  assert_false(admits(&overlay, "a"));
  assert_false(admits(&overlay, "b"));
  assert_true(admits(&overlay, "c"));
  assert_false(admits(&overlay, "d"));
  assert_true(admits(&overlay, "e"));
  assert_true(admits(&overlay, "f"));
  assert_next(&overlay, "a", true);
  assert_next(&overlay, "b", true);
  assert_next(&overlay, "d", true);
  assert_null(dds_overlay_next(&overlay));
  assert_null(dds_overlay_next(&overlay));
  dds_overlay_free(&overlay);
  tear_down(&f);
}

static void a_row_that_no_scan_found_is_left_to_the_write(void **state) {
  (void)state;
  fixture f;
  dds_overlay overlay;
  set_up(&f);
  put_or_ignore(&f, "a", ITEM("a", "1"));
  put_or_ignore(&f, "b", ITEM("b", "1"));
  assert_true(
      dds_overlay_open(&f.connection.pending, f.targets[1], UINT64_MAX, &overlay, &f.error));
  assert_true(admits(&overlay, "b"));
  assert_next(&overlay, "a", false);
  assert_null(dds_overlay_next(&overlay));
  dds_overlay_free(&overlay);
  tear_down(&f);
}

static void sees_only_what_was_written_before(void **state) {
  (void)state;
  fixture f;
  dds_overlay overlay;
  set_up(&f);
  put(&f, "a", ITEM("a", "1"));
  uint64_t position = f.connection.pending.next_position;
  erase(&f, "a");
  put(&f, "b", ITEM("b", "1"));
  assert_true(dds_overlay_open(&f.connection.pending, f.targets[0], position, &overlay, &f.error));
  assert_next(&overlay, "a", true);
  assert_null(dds_overlay_next(&overlay));
  dds_overlay_free(&overlay);
  assert_true(dds_overlay_open(&f.connection.pending, f.targets[0], 0, &overlay, &f.error));
  assert_int_equal(overlay.count, 0);
  assert_true(admits(&overlay, "a"));
  assert_null(dds_overlay_next(&overlay));
  dds_overlay_free(&overlay);
  tear_down(&f);
}

static void holds_thousands_of_keys(void **state) {
  (void)state;
  enum { KEYS = 5000 };
  fixture f;
  dds_overlay overlay;
  char sid[16];
  set_up(&f);
  for (int i = 0; i < KEYS; i++) {
    snprintf(sid, sizeof sid, "k%d", i);
    erase(&f, sid);
  }
  assert_true(
      dds_overlay_open(&f.connection.pending, f.targets[0], UINT64_MAX, &overlay, &f.error));
  assert_int_equal(overlay.count, KEYS);
  for (int i = 0; i < 2 * KEYS; i++) {
    snprintf(sid, sizeof sid, "k%d", i);
    assert_int_equal(admits(&overlay, sid), i >= KEYS);
  }
  dds_overlay_free(&overlay);
  tear_down(&f);
}

static void survives_every_refused_allocation(void **state) {
  (void)state;
  fixture f;
  set_up(&f);
  for (int i = 0; i < 20; i++) {
    char sid[16];
    snprintf(sid, sizeof sid, "k%d", i);
    erase(&f, sid);
  }
  while (failing_allocator_next()) {
    dds_overlay overlay;
    dds_error error = DDS_ERROR_INIT;
    failing_allocator_start();
    bool ok = dds_overlay_open(&f.connection.pending, f.targets[0], UINT64_MAX, &overlay, &error);
    failing_allocator_check(ok, &error);
    dds_overlay_free(&overlay);
  }
  tear_down(&f);
}

/* ---- rows ------------------------------------------------------------------------------------ */

static void assert_row(const fixture *f, const char *item) {
  const dds_json *json = &f->source.item.json;
  if (item == NULL) {
    assert_null(json->text);
    return;
  }
  assert_non_null(json->text);
  assert_int_equal(json->length, strlen(item));
  assert_memory_equal(json->text, item, json->length);
}

static void get(fixture *f, const char *sid) {
  dds_key key = key_of(sid);
  begin_loop(f, false);
  assert_true(dds_row_source_get(&f->source, &key, &f->error));
  dds_key_free(&key);
}

static void next(fixture *f) {
  assert_true(dds_row_source_next(&f->source, &f->error));
}

static void scan(fixture *f, const dds_filter *filter) {
  begin_loop(f, false);
  assert_true(dds_row_source_scan(&f->source, filter, &f->error));
}

static void a_decided_key_is_not_asked_for(void **state) {
  (void)state;
  fixture f;
  set_up(&f);
  put(&f, "a", ITEM("a", "1.50"));
  erase(&f, "b");
  get(&f, "a");
  assert_row(&f, ITEM("a", "1.5"));
  get(&f, "b");
  assert_row(&f, NULL);
  assert_int_equal(scripted_transport_request_count(f.script), 0);
  scripted_transport_answer(f.script, 200, "{\"Item\":" ITEM("c", "3") "}");
  get(&f, "c");
  assert_row(&f, ITEM("c", "3"));
  next(&f);
  assert_row(&f, NULL);
  tear_down(&f);
}

static void a_row_of_the_server_comes_before_one_that_yields(void **state) {
  (void)state;
  fixture f;
  set_up(&f);
  put_or_ignore(&f, "a", ITEM("a", "1"));
  scripted_transport_answer(f.script, 200, "{\"Item\":" ITEM("a", "2") "}");
  get(&f, "a");
  assert_row(&f, ITEM("a", "2"));
  scripted_transport_answer(f.script, 200, "{}");
  get(&f, "a");
  assert_row(&f, ITEM("a", "1"));
  tear_down(&f);
}

static void a_scan_shows_each_row_once(void **state) {
  (void)state;
  fixture f;
  dds_filter filter = {0};
  set_up(&f);
  put(&f, "a", ITEM("a", "10"));
  erase(&f, "b");
  put_or_ignore(&f, "c", ITEM("c", "10"));
  put_or_ignore(&f, "d", ITEM("d", "10"));
  scripted_transport_answer(f.script, 200,
                            "{\"Items\":[" ITEM("a", "1") "," ITEM(
                                "b", "1") "],"
                                          "\"LastEvaluatedKey\":{\"id\":{\"S\":\"b\"}}}");
  scripted_transport_answer(f.script, 200, "{\"Items\":[" ITEM("c", "1") "," ITEM("z", "1") "]}");
  scan(&f, &filter);
  next(&f);
  assert_row(&f, ITEM("c", "1"));
  next(&f);
  assert_row(&f, ITEM("z", "1"));
  next(&f);
  assert_row(&f, ITEM("a", "10"));
  next(&f);
  assert_row(&f, ITEM("d", "10")); /* the Scan was whole: there is no item d */
  next(&f);
  assert_row(&f, NULL);
  tear_down(&f);
}

static void a_filtered_scan_asks_for_what_it_may_have_hidden(void **state) {
  (void)state;
  fixture f;
  set_up(&f);
  put_or_ignore(&f, "a", ITEM("a", "10"));
  put_or_ignore(&f, "b", ITEM("b", "10"));
  dds_filter filter = {.condition = dds_condition_exists("n")};
  put(&f, "c", ITEM("c", "10"));
  put_or_ignore(&f, "d", ITEM("d", "10"));
  scripted_transport_answer(f.script, 200, "{\"Items\":[" ITEM("d", "1") "]}");
  scripted_transport_answer(f.script, 200, "{\"Responses\":{\"a\":[" ITEM("a", "1") "]}}");
  scan(&f, &filter);
  next(&f);
  assert_row(&f, ITEM("d", "1"));
  next(&f);
  assert_row(&f, ITEM("a", "1"));
  assert_non_null(strstr(scripted_transport_request(f.script, 1)->body,
                         "\"Keys\":[{\"id\":{\"S\":\"a\"}},{\"id\":{\"S\":\"b\"}}]"));
  next(&f);
  assert_row(&f, ITEM("b", "10"));
  next(&f);
  assert_row(&f, ITEM("c", "10"));
  next(&f);
  assert_row(&f, NULL);
  assert_int_equal(scripted_transport_request_count(f.script), 2);
  dds_condition_release(filter.condition);
  tear_down(&f);
}

/* ROLLBACK TO while a SELECT runs: its items of these keys were skipped, so they are asked for. */
static void writes_that_are_taken_back_lose_no_row(void **state) {
  (void)state;
  fixture f;
  dds_filter filter = {0};
  set_up(&f);
  put(&f, "a", ITEM("a", "10"));
  put(&f, "b", ITEM("b", "10"));
  scripted_transport_answer(f.script, 200, "{\"Items\":[" ITEM("a", "1") "," ITEM("b", "1") "]}");
  scan(&f, &filter);
  next(&f);
  assert_row(&f, ITEM("a", "10"));
  dds_pending_truncate(&f.connection.pending, &f.owner, 0);
  assert_row(&f, ITEM("a", "10")); /* a copy */
  scripted_transport_answer(f.script, 200, "{\"Item\":" ITEM("b", "1") "}");
  next(&f);
  assert_row(&f, ITEM("b", "1"));
  next(&f);
  assert_row(&f, NULL);
  tear_down(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(gathers_each_key_once),
      cmocka_unit_test(a_row_that_no_scan_found_is_left_to_the_write),
      cmocka_unit_test(sees_only_what_was_written_before),
      cmocka_unit_test(holds_thousands_of_keys),
      cmocka_unit_test(survives_every_refused_allocation),
      cmocka_unit_test(a_decided_key_is_not_asked_for),
      cmocka_unit_test(a_row_of_the_server_comes_before_one_that_yields),
      cmocka_unit_test(a_scan_shows_each_row_once),
      cmocka_unit_test(a_filtered_scan_asks_for_what_it_may_have_hidden),
      cmocka_unit_test(writes_that_are_taken_back_lose_no_row),
  };
  return cmocka_run_group_tests(tests, failing_allocator_set_up, NULL);
}
