/*
 * Which loop a cursor is in: known by the address of its words, and never taken for one of another
 * statement that happens to have the same address.
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
#include "vtab/connection.h"
#include "vtab/loop.h"

static const char words[] = "GetItem where sid = ?; columns sid, session";
static const char other_words[] = "Scan; columns sid, expires";
static const char whole_words[] = "Scan; columns *";

typedef struct fixture {
  dds_connection connection;
  dds_target *target;
  dds_loops loops;
  dds_error error;
} fixture;

static void set_up(fixture *f) {
  static const char *const arguments[] = {"table=a", "layout=connect-dynamodb", "userId TEXT"};
  dds_options options;
  *f = (fixture){0};
  f->connection.requests = dds_request_log_create();
  assert_true(dds_options_parse(3, arguments, &options, &f->error));
  assert_true(dds_target_create(&f->connection, &options, &f->target, &f->error));
  assert_true(dds_target_set_sql_name(f->target, "s", &f->error));
}

static void tear_down(fixture *f) {
  dds_loops_free(&f->loops);
  dds_target_release(f->target);
  dds_request_log_free(f->connection.requests);
  assert_int_equal(failing_allocator_live_blocks(), 0);
}

static dds_loop_seat opened(fixture *f) {
  dds_loop_seat seat;
  dds_loops_open_seat(&f->loops, &seat);
  return seat;
}

static void take(fixture *f, dds_loop_seat *seat, const char *at) {
  assert_true(dds_loops_take_seat(&f->loops, seat, f->target, at, &f->error));
}

/* Marks a loop, so that another one at the same address of memory is told from it. */
static void mark(const dds_loop_seat *seat) {
  seat->loop->meter.items = 7;
}

static bool is_marked(const dds_loop_seat *seat) {
  return seat->loop->meter.items == 7;
}

static size_t loop_count(const fixture *f) {
  size_t count = 0;
  for (const dds_loop *loop = f->loops.first; loop != NULL; loop = loop->next) {
    count++;
  }
  return count;
}

static void reads_the_plan_and_what_it_needs(void **state) {
  (void)state;
  fixture f;
  set_up(&f);
  dds_loop_seat a = opened(&f);
  dds_loop_seat b = opened(&f);
  dds_loop_seat c = opened(&f);
  take(&f, &a, words);
  take(&f, &b, other_words);
  take(&f, &c, whole_words);
  assert_int_equal(a.loop->plan.access, DDS_ACCESS_GET);
  dds_projection projection = dds_loop_projection(a.loop);
  assert_int_equal(projection.count, 2);
  assert_string_equal(projection.attributes[0], "id");
  assert_string_equal(projection.attributes[1], "sess");
  assert_string_equal(projection.members,
                      ",\"ProjectionExpression\":\"#n0, #n1\","
                      "\"ExpressionAttributeNames\":{\"#n0\":\"id\",\"#n1\":\"sess\"}");
  assert_int_equal(dds_loop_projection(b.loop).count, 2);
  assert_string_equal(dds_loop_projection(b.loop).attributes[1], "expires");
  assert_int_equal(dds_loop_projection(c.loop).count, 0);
  dds_loops_close_seat(&f.loops, &a);
  dds_loops_close_seat(&f.loops, &b);
  dds_loops_close_seat(&f.loops, &c);
  tear_down(&f);
}

static void a_name_that_changes_leaves_the_loop_its_own(void **state) {
  (void)state;
  fixture f;
  set_up(&f);
  dds_loop_seat seat = opened(&f);
  take(&f, &seat, words);
  dds_loop_open_table(seat.loop);
  assert_true(dds_target_set_sql_name(f.target, "renamed", &f.error));
  assert_string_equal(seat.loop->table.sql_name, "s");
  assert_ptr_equal(seat.loop->table.meter, &seat.loop->meter);
  dds_loops_close_seat(&f.loops, &seat);
  tear_down(&f);
}

/* SQLite from some version on keeps the cursor of a correlated subquery. */
static void a_cursor_that_is_filtered_again_stays(void **state) {
  (void)state;
  fixture f;
  set_up(&f);
  dds_loop_seat seat = opened(&f);
  take(&f, &seat, words);
  mark(&seat);
  take(&f, &seat, words);
  assert_true(is_marked(&seat));
  assert_int_equal(seat.loop->cursor_count, 1);
  dds_loops_close_seat(&f.loops, &seat);
  assert_int_equal(loop_count(&f), 0);
  tear_down(&f);
}

/* Earlier ones open a new one before they close it, and name the loop after that. */
static void the_successor_of_a_cursor_takes_its_loop(void **state) {
  (void)state;
  fixture f;
  set_up(&f);
  dds_loop_seat old = opened(&f);
  take(&f, &old, words);
  mark(&old);
  for (int i = 0; i < 3; i++) {
    dds_loop_seat successor = opened(&f);
    dds_loops_close_seat(&f.loops, &old);
    assert_int_equal(loop_count(&f), 1);
    take(&f, &successor, words);
    assert_true(is_marked(&successor));
    old = successor;
  }
  dds_loops_close_seat(&f.loops, &old);
  assert_int_equal(loop_count(&f), 0);
  tear_down(&f);
}

/* Cursors of one loop side by side, as a recursive trigger has them. */
static void cursors_share_a_loop(void **state) {
  (void)state;
  fixture f;
  set_up(&f);
  dds_loop_seat a = opened(&f);
  take(&f, &a, words);
  dds_loop_seat b = opened(&f);
  take(&f, &b, words);
  assert_ptr_equal(a.loop, b.loop);
  assert_int_equal(a.loop->cursor_count, 2);
  dds_loops_close_seat(&f.loops, &a);
  dds_loops_close_seat(&f.loops, &b);
  assert_int_equal(loop_count(&f), 0);
  tear_down(&f);
}

/* A statement that is run again, or a later one that was given the same address: its cursor was
 * opened when the loop was over. Another statement's cursors, named or not, change nothing. */
static void a_later_statement_begins_anew(void **state) {
  (void)state;
  fixture f;
  set_up(&f);
  for (int is_other_named = 0; is_other_named < 2; is_other_named++) {
    dds_loop_seat other = opened(&f);
    if (is_other_named) {
      take(&f, &other, other_words);
    }
    dds_loop_seat first = opened(&f);
    take(&f, &first, words);
    mark(&first);
    dds_loops_close_seat(&f.loops, &first);
    dds_loop_seat second = opened(&f);
    take(&f, &second, words);
    assert_false(is_marked(&second));
    dds_loops_close_seat(&f.loops, &second);
    dds_loops_close_seat(&f.loops, &other);
    assert_int_equal(loop_count(&f), 0);
  }
  tear_down(&f);
}

/* An address alone is not enough where its loop stands for other words. */
static void other_words_at_the_address_are_another_loop(void **state) {
  (void)state;
  fixture f;
  char text[64];
  set_up(&f);
  snprintf(text, sizeof text, "%s", words);
  dds_loop_seat a = opened(&f);
  dds_loop_seat b = opened(&f);
  take(&f, &a, text);
  mark(&a);
  snprintf(text, sizeof text, "%s", other_words);
  take(&f, &b, text);
  assert_false(is_marked(&b));
  dds_loops_close_seat(&f.loops, &a);
  dds_loops_close_seat(&f.loops, &b);
  tear_down(&f);
}

/* The arms of an OR share a cursor. */
static void a_cursor_moves_to_another_loop(void **state) {
  (void)state;
  fixture f;
  set_up(&f);
  dds_loop_seat seat = opened(&f);
  take(&f, &seat, words);
  take(&f, &seat, other_words);
  assert_string_equal(seat.loop->words, other_words);
  assert_int_equal(loop_count(&f), 1);
  dds_loops_close_seat(&f.loops, &seat);
  tear_down(&f);
}

static void words_that_are_no_plan_leave_nothing_behind(void **state) {
  (void)state;
  fixture f;
  set_up(&f);
  dds_loop_seat seat = opened(&f);
  assert_false(dds_loops_take_seat(&f.loops, &seat, f.target, "what", &f.error));
  assert_null(seat.loop);
  dds_loops_close_seat(&f.loops, &seat);
  assert_int_equal(loop_count(&f), 0);
  assert_int_equal(f.loops.unfiltered, 0);
  tear_down(&f);
}

static void survives_every_refused_allocation(void **state) {
  (void)state;
  fixture f;
  set_up(&f);
  while (failing_allocator_next()) {
    dds_error error = DDS_ERROR_INIT;
    dds_loop_seat seat = opened(&f);
    failing_allocator_start();
    bool ok = dds_loops_take_seat(&f.loops, &seat, f.target, words, &error);
    failing_allocator_check(ok, &error);
    dds_loops_close_seat(&f.loops, &seat);
    dds_loops_free(&f.loops);
  }
  tear_down(&f);
}

static size_t spare_count(const fixture *f) {
  size_t count = 0;
  for (const dds_loop *loop = f->loops.spares; loop != NULL; loop = loop->next) {
    count++;
  }
  return count;
}

static void run_statement(fixture *f, const char *at, dds_loop **loop) {
  dds_loop_seat seat = opened(f);
  take(f, &seat, at);
  assert_string_equal(seat.loop->words, at);
  assert_int_equal(seat.loop->memo.keys.count, 0);
  *loop = seat.loop;
  char json[] = "{\"id\":{\"S\":\"a\"}}";
  const dds_key key = {.json = json, .length = strlen(json)};
  dds_memo_begin(&seat.loop->memo, 1);
  assert_true(dds_memo_add(&seat.loop->memo, 1, &key, &(dds_item){.json = {0}}, &f->error));
  dds_loops_close_seat(&f->loops, &seat);
}

/* What a statement has read of its words serves when it is run again, and nothing else does. */
static void a_plan_is_read_once(void **state) {
  (void)state;
  fixture f;
  dds_loop *first, *second, *again;
  set_up(&f);
  run_statement(&f, words, &first);
  run_statement(&f, other_words, &second);
  assert_int_equal(spare_count(&f), 2);
  long blocks = failing_allocator_live_blocks();
  run_statement(&f, words, &again);
  assert_ptr_equal(first, again);
  assert_int_equal(failing_allocator_live_blocks(), blocks);
  run_statement(&f, other_words, &again);
  assert_ptr_equal(second, again);
  assert_int_equal(spare_count(&f), 2);
  assert_true(dds_target_set_sql_name(f.target, "renamed", &f.error));
  run_statement(&f, words, &again);
  assert_string_equal(again->sql_name, "renamed");
  tear_down(&f);
}

static void few_plans_are_kept(void **state) {
  (void)state;
  fixture f;
  set_up(&f);
  static const char *const columns[] = {"sid", "session", "expires", "expired", "userId", "item"};
  for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
    char text[64];
    dds_loop *loop;
    snprintf(text, sizeof text, "Scan; columns %s", columns[i]);
    run_statement(&f, text, &loop);
    assert_in_range(spare_count(&f), 1, 4);
    assert_ptr_equal(f.loops.spares, loop);
  }
  assert_int_equal(spare_count(&f), 4);
  tear_down(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_the_plan_and_what_it_needs),
      cmocka_unit_test(a_name_that_changes_leaves_the_loop_its_own),
      cmocka_unit_test(a_cursor_that_is_filtered_again_stays),
      cmocka_unit_test(the_successor_of_a_cursor_takes_its_loop),
      cmocka_unit_test(cursors_share_a_loop),
      cmocka_unit_test(a_later_statement_begins_anew),
      cmocka_unit_test(other_words_at_the_address_are_another_loop),
      cmocka_unit_test(a_cursor_moves_to_another_loop),
      cmocka_unit_test(words_that_are_no_plan_leave_nothing_behind),
      cmocka_unit_test(a_plan_is_read_once),
      cmocka_unit_test(few_plans_are_kept),
      cmocka_unit_test(survives_every_refused_allocation),
  };
  return cmocka_run_group_tests(tests, failing_allocator_set_up, NULL);
}
