/* What DescribeTable tells, asked once, and what is made of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "failing_allocator.h"
#include "table_fixture.h"
#include "vtab/connection.h"
#include "vtab/facts.h"

#define INDEXES                                                                                   \
  "\"AttributeDefinitions\":[{\"AttributeName\":\"id\",\"AttributeType\":\"S\"},"                 \
  "{\"AttributeName\":\"user\",\"AttributeType\":\"N\"},"                                         \
  "{\"AttributeName\":\"at\",\"AttributeType\":\"S\"}],"                                          \
  "\"GlobalSecondaryIndexes\":[{\"IndexName\":\"all\",\"IndexStatus\":\"ACTIVE\",\"KeySchema\":[" \
  "{\"AttributeName\":\"user\",\"KeyType\":\"HASH\"},"                                            \
  "{\"AttributeName\":\"at\",\"KeyType\":\"RANGE\"}],\"Projection\":{\"ProjectionType\":\"ALL\"}" \
  "},{\"IndexName\":\"some\",\"IndexStatus\":\"CREATING\",\"KeySchema\":["                        \
  "{\"AttributeName\":\"user\",\"KeyType\":\"HASH\"}],\"Projection\":{\"ProjectionType\":"        \
  "\"INCLUDE\",\"NonKeyAttributes\":[\"sess\",\"expires\"]}}]"

typedef struct fixture {
  table_fixture base;
  dds_connection connection;
  dds_target target;
} fixture;

static void set_up(fixture *f) {
  table_fixture_set_up(&f->base);
  f->connection = (dds_connection){.references = 1};
  f->target = (dds_target){.connection = &f->connection, .table = f->base.table};
}

static void tear_down(fixture *f) {
  dds_facts_free(&f->connection);
  assert_null(f->connection.facts);
  table_fixture_tear_down(&f->base);
}

static const dds_table_description *ask(fixture *f) {
  const dds_table_description *facts = NULL;
  assert_true(dds_facts_of(&f->target, &facts, &f->base.error));
  return facts;
}

static void script_slowly(fixture *f, int64_t bytes, int64_t duration_ms) {
  char answer[2048];
  snprintf(answer, sizeof answer,
           "{\"Table\":{\"TableStatus\":\"ACTIVE\",\"TableSizeBytes\":%lld," INDEXES "}}",
           (long long)bytes);
  scripted_transport_answer_with(
      f->base.script,
      &(scripted_answer){.status = 200, .body = answer, .duration_ms = duration_ms});
}

static void script(fixture *f, int64_t bytes) {
  script_slowly(f, bytes, 0);
}

static size_t requests(const fixture *f) {
  return scripted_transport_request_count(f->base.script);
}

static void a_table_is_described_once(void **state) {
  (void)state;
  fixture f;
  set_up(&f);
  script(&f, 1000);
  const dds_table_description *facts = ask(&f);
  assert_non_null(facts);
  assert_int_equal(facts->bytes, 1000);
  assert_ptr_equal(ask(&f), facts);
  assert_int_equal(requests(&f), 1);
  f.target.table.name = "another";
  f.target.table.observer = (dds_observer){0};
  script(&f, 2000);
  assert_int_equal(ask(&f)->bytes, 2000);
  assert_int_equal(requests(&f), 2);
  tear_down(&f);
}

/* An index, or the whole table, may be made again with other keys. */
static void indexes_are_asked_for_again(void **state) {
  (void)state;
  const dds_table_description *facts = NULL;
  fixture f;
  set_up(&f);
  for (int i = 0; i < 3; i++) {
    script(&f, 1000 + i);
  }
  assert_true(dds_facts_of_indexes(&f.target, &facts, &f.base.error));
  assert_true(dds_facts_of_indexes(&f.target, &facts, &f.base.error));
  assert_int_equal(requests(&f), 1);
  scripted_transport_set_now(f.base.script, dds_client_now_ms(f.base.table.client) + 60000);
  assert_int_equal(ask(&f)->bytes, 1000); /* a size may be old */
  assert_true(dds_facts_of_indexes(&f.target, &facts, &f.base.error));
  assert_int_equal(facts->bytes, 1001);
  dds_facts_forget(&f.target);
  assert_true(dds_facts_of_indexes(&f.target, &facts, &f.base.error));
  assert_int_equal(facts->bytes, 1002);
  assert_int_equal(requests(&f), 3);
  tear_down(&f);
}

static size_t segments_of(fixture *f) {
  dds_scan_request request = {.segments = 0};
  assert_true(dds_facts_divide(&f->target, &request, &f->base.error));
  return request.segments;
}

static void segments_wait_for_each_other_where_the_server_is_near(void **state) {
  (void)state;
  static const struct {
    int64_t duration_ms;
    int total_segments;
    bool is_gradual;
  } cases[] = {{1, 0, true}, {2, 0, true}, {3, 0, false}, {900, 0, false}, {1, 4, false}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    fixture f;
    dds_scan_request request = {.segments = 0};
    set_up(&f);
    f.target.options.total_segments = cases[i].total_segments;
    if (cases[i].total_segments == 0) {
      script_slowly(&f, 126000000, cases[i].duration_ms);
    }
    for (int turn = 0; turn < 2; turn++) { /* the second time it is known */
      assert_true(dds_facts_divide(&f.target, &request, &f.base.error));
      assert_int_equal(request.segments, 4);
      assert_int_equal(request.is_gradual, cases[i].is_gradual);
    }
    tear_down(&f);
  }
}

static void segments_follow_from_the_size(void **state) {
  (void)state;
  static const struct {
    int64_t bytes;
    size_t segments;
  } cases[] = {{0, 1},        {16777215, 1}, {16777216, 1},  {33554431, 1}, {33554432, 2},
               {50331648, 3}, {67108864, 4}, {126000000, 4}, {-1, 1},       {INT64_MAX, 4}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    fixture f;
    set_up(&f);
    script(&f, cases[i].bytes);
    assert_int_equal(segments_of(&f), cases[i].segments);
    f.target.options.total_segments = 7;
    assert_int_equal(segments_of(&f), 7);
    assert_int_equal(requests(&f), 1);
    tear_down(&f);
  }
}

static void a_table_of_unknown_size_is_one_segment(void **state) {
  (void)state;
  fixture f;
  set_up(&f);
  scripted_transport_answer(f.base.script, 400, "{\"__type\":\"a#AccessDeniedException\"}");
  assert_int_equal(segments_of(&f), 1);
  tear_down(&f);
}

static void indexes_tell_what_they_hold(void **state) {
  (void)state;
  static const char *const keys[] = {"id", "user", "at"};
  static const char *const included[] = {"sess", "user", "id", "expires"};
  static const char *const more[] = {"id", "other"};
  fixture f;
  set_up(&f);
  script(&f, 1000);
  const dds_table_description *facts = ask(&f);
  const dds_index_description *all = dds_facts_index(facts, "all");
  const dds_index_description *some = dds_facts_index(facts, "some");
  assert_null(dds_facts_index(facts, "none"));
  assert_non_null(all);
  assert_string_equal(all->hash_key, "user");
  assert_string_equal(all->hash_key_type, "N");
  assert_string_equal(all->sort_key, "at");
  assert_string_equal(all->status, "ACTIVE");
  assert_non_null(some);
  assert_null(some->sort_key);
  assert_string_equal(some->status, "CREATING");
  assert_true(dds_facts_index_covers(all, "id", more, 2));
  assert_true(dds_facts_index_covers(all, "id", NULL, 0));
  assert_true(dds_facts_index_covers(some, "id", keys, 2));
  assert_false(dds_facts_index_covers(some, "id", keys, 3)); /* its own keys alone */
  assert_true(dds_facts_index_covers(some, "id", included, 4));
  assert_false(dds_facts_index_covers(some, "id", more, 2));
  assert_false(dds_facts_index_covers(some, "id", NULL, 0));
  tear_down(&f);
}

static void a_refusal_is_remembered(void **state) {
  (void)state;
  fixture f;
  set_up(&f);
  scripted_transport_answer(f.base.script, 400, "{\"__type\":\"a#AccessDeniedException\"}");
  assert_null(ask(&f));
  assert_true(dds_client_pause(f.base.client, 3600000, &f.base.error));
  assert_null(ask(&f));
  assert_int_equal(requests(&f), 1);
  tear_down(&f);
}

static void another_failure_is_remembered_for_a_minute(void **state) {
  (void)state;
  fixture f;
  set_up(&f);
  scripted_transport_answer(f.base.script, 400, "{\"__type\":\"a#ValidationException\"}");
  assert_null(ask(&f));
  assert_null(ask(&f));
  assert_int_equal(requests(&f), 1);
  assert_true(dds_client_pause(f.base.client, 60000, &f.base.error));
  script(&f, 1000);
  assert_non_null(ask(&f));
  tear_down(&f);
}

/* It may be created at any time: by create=1 when the Scan behind finds that it is missing. */
/* An emulator's: nobody's reads may fail because of it. */
static void an_odd_answer_tells_nothing(void **state) {
  (void)state;
  fixture f;
  set_up(&f);
  scripted_transport_answer(f.base.script, 200, "{}");
  assert_null(ask(&f));
  assert_null(ask(&f));
  assert_int_equal(requests(&f), 1);
  tear_down(&f);
}

static void a_missing_table_is_no_fact(void **state) {
  (void)state;
  fixture f;
  set_up(&f);
  scripted_transport_answer(f.base.script, 400, "{\"__type\":\"a#ResourceNotFoundException\"}");
  assert_null(ask(&f));
  script(&f, 1000);
  assert_non_null(ask(&f));
  tear_down(&f);
}

static void an_interrupt_ends_the_statement(void **state) {
  (void)state;
  fixture f;
  const dds_table_description *facts;
  set_up(&f);
  scripted_transport_answer_with(f.base.script, &(scripted_answer){.never = true});
  f.base.stop_at = 1;
  assert_false(dds_facts_of(&f.target, &facts, &f.base.error));
  assert_int_equal(f.base.error.code, DDS_INTERRUPT);
  f.base.stop_at = 0;
  script(&f, 1000);
  assert_non_null(ask(&f));
  tear_down(&f);
}

static void survives_every_refused_allocation(void **state) {
  (void)state;
  while (failing_allocator_next()) {
    fixture f;
    const dds_table_description *facts = NULL;
    set_up(&f);
    script(&f, 1000);
    failing_allocator_start();
    bool ok = dds_facts_of(&f.target, &facts, &f.base.error);
    failing_allocator_check(ok, &f.base.error);
    assert_int_equal(ok, facts != NULL);
    dds_facts_free(&f.connection);
    if (scripted_transport_answers_left(f.base.script) > 0) {
      f.base.error = DDS_ERROR_INIT;
      assert_non_null(ask(&f));
    }
    tear_down(&f);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_table_is_described_once),
      cmocka_unit_test(indexes_are_asked_for_again),
      cmocka_unit_test(segments_follow_from_the_size),
      cmocka_unit_test(segments_wait_for_each_other_where_the_server_is_near),
      cmocka_unit_test(a_table_of_unknown_size_is_one_segment),
      cmocka_unit_test(indexes_tell_what_they_hold),
      cmocka_unit_test(a_refusal_is_remembered),
      cmocka_unit_test(another_failure_is_remembered_for_a_minute),
      cmocka_unit_test(an_odd_answer_tells_nothing),
      cmocka_unit_test(a_missing_table_is_no_fact),
      cmocka_unit_test(an_interrupt_ends_the_statement),
      cmocka_unit_test(survives_every_refused_allocation),
  };
  return cmocka_run_group_tests(tests, failing_allocator_set_up, NULL);
}
