/* Scans that are kept in memory, and when one is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "failing_allocator.h"
#include "table_fixture.h"
#include "vtab/kept.h"
#include "vtab/rescans.h"

#define ITEM(sid) "{\"id\":{\"S\":\"" sid "\"}}"
#define MORE      ",\"LastEvaluatedKey\":{\"id\":{\"S\":\"x\"}}"

static void script_two_pages(table_fixture *f) {
  scripted_transport_answer(f->script, 200, "{\"Items\":[" ITEM("a") "," ITEM("b") "]" MORE "}");
  scripted_transport_answer(f->script, 200, "{\"Items\":[" ITEM("c") "]}");
}

static dds_kept *open_kept(table_fixture *f) {
  const dds_scan_request request = {.projection = {0}};
  dds_kept *kept = NULL;
  assert_true(dds_kept_open(&f->table, &request, &kept, &f->error));
  return kept;
}

/* "" at the end. */
static void assert_next(table_fixture *f, dds_kept *kept, dds_kept_place *place, const char *json) {
  dds_item item;
  assert_true(dds_kept_next(kept, place, &item, &f->error));
  assert_int_equal(item.json.length, strlen(json));
  if (item.json.length > 0) {
    assert_memory_equal(item.json.text, json, item.json.length);
  }
}

static void readers_share_one_scan(void **state) {
  (void)state;
  table_fixture f;
  dds_kept_place a = {0};
  dds_kept_place b = {0};
  dds_kept_place c = {0};
  table_fixture_set_up(&f);
  script_two_pages(&f);
  dds_kept *kept = open_kept(&f);
  assert_next(&f, kept, &a, ITEM("a"));
  assert_next(&f, kept, &b, ITEM("a"));
  assert_next(&f, kept, &b, ITEM("b"));
  assert_next(&f, kept, &b, ITEM("c"));
  assert_next(&f, kept, &a, ITEM("b"));
  assert_next(&f, kept, &b, "");
  assert_next(&f, kept, &b, "");
  assert_next(&f, kept, &a, ITEM("c"));
  assert_next(&f, kept, &a, "");
  assert_next(&f, kept, &c, ITEM("a"));
  assert_true(dds_kept_is_good(kept));
  assert_int_equal(scripted_transport_request_count(f.script), 2);
  dds_kept_release(kept);
  table_fixture_tear_down(&f);
}

static void a_failure_makes_it_useless(void **state) {
  (void)state;
  table_fixture f;
  dds_kept_place place = {0};
  dds_item item;
  table_fixture_set_up(&f);
  scripted_transport_answer(f.script, 200, "{\"Items\":[" ITEM("a") "]" MORE "}");
  scripted_transport_answer(f.script, 400, "{\"__type\":\"a#AccessDeniedException\"}");
  dds_kept *kept = open_kept(&f);
  assert_next(&f, kept, &place, ITEM("a"));
  assert_false(dds_kept_next(kept, &place, &item, &f.error));
  assert_false(dds_kept_is_good(kept));
  dds_kept_release(kept);
  table_fixture_tear_down(&f);
}

/* A page of ten items of 300 KB, and where the next one starts. */
static void script_large_page(table_fixture *f, const char *filler, int length, int number) {
  dds_buffer page = DDS_BUFFER_INIT(8 << 20);
  for (int i = 0; i < 10; i++) {
    dds_buffer_append_text(&page, i == 0 ? "{\"Items\":[" : ",");
    dds_buffer_append_format(&page, "{\"id\":{\"S\":\"%d-%d\"},\"x\":{\"S\":\"%.*s\"}}", number, i,
                             length, filler);
  }
  dds_buffer_append_format(&page, "],\"LastEvaluatedKey\":{\"id\":{\"S\":\"%d\"}}}", number);
  scripted_transport_answer(f->script, 200, dds_buffer_text(&page));
  dds_buffer_free(&page);
}

static void more_than_fits_is_an_error_with_a_remedy(void **state) {
  (void)state;
  enum { FILLER_BYTES = 300 * 1024, PAGE_ITEMS = 10 };
  table_fixture f;
  dds_kept_place place = {0};
  dds_item item;
  char *filler = malloc(FILLER_BYTES);
  assert_non_null(filler);
  memset(filler, 'x', FILLER_BYTES);
  table_fixture_set_up(&f);
  /* The page that is read, and the one that is asked for meanwhile. */
  script_large_page(&f, filler, FILLER_BYTES, 0);
  dds_kept *kept = open_kept(&f);
  int count = 0;
  do {
    if (count % PAGE_ITEMS == 0) {
      script_large_page(&f, filler, FILLER_BYTES, count / PAGE_ITEMS + 1);
    }
    count++;
  } while (dds_kept_next(kept, &place, &item, &f.error));
  assert_int_equal(f.error.code, DDS_TOOBIG);
  assert_non_null(strstr(f.error.message, "AS MATERIALIZED (SELECT"));
  assert_true(count > 150 && (size_t)count * FILLER_BYTES <= DDS_KEPT_MAX_BYTES);
  assert_true(dds_kept_bytes(kept) <= DDS_KEPT_MAX_BYTES + 2 * PAGE_ITEMS * FILLER_BYTES);
  assert_false(dds_kept_is_good(kept));
  dds_kept_release(kept);
  free(filler);
  table_fixture_tear_down(&f);
}

/* As by an EXISTS, which reads one row: the page that the row came in is held all the same. */
static void a_page_that_is_left_in_the_middle_counts(void **state) {
  (void)state;
  enum { FILLER_BYTES = 100 * 1024, PAGE_ITEMS = 10 };
  static char filler[FILLER_BYTES];
  table_fixture f;
  dds_kept_place place = {0};
  dds_item item;
  memset(filler, 'x', sizeof filler);
  table_fixture_set_up(&f);
  script_large_page(&f, filler, FILLER_BYTES, 0);
  script_large_page(&f, filler, FILLER_BYTES, 1);
  dds_kept *kept = open_kept(&f);
  assert_true(dds_kept_next(kept, &place, &item, &f.error));
  assert_true(dds_kept_bytes(kept) >= (1 + PAGE_ITEMS) * FILLER_BYTES);
  dds_kept_release(kept);
  table_fixture_tear_down(&f);
}

static bool read_all(table_fixture *f, dds_error *error) {
  const dds_scan_request request = {.projection = {0}};
  dds_kept *kept = NULL;
  dds_kept_place place = {0};
  dds_item item = {.json = {.text = ""}};
  bool ok = dds_kept_open(&f->table, &request, &kept, error);
  while (ok && item.json.text != NULL) {
    ok = dds_kept_next(kept, &place, &item, error);
  }
  dds_kept_release(kept);
  return ok;
}

static void survives_every_refused_allocation(void **state) {
  (void)state;
  table_fixture_sweep(script_two_pages, read_all);
}

/* ---- which are kept -------------------------------------------------------------------------- */

/* Decides for a start, and does what was decided. */
static dds_rescan_way start(table_fixture *f, dds_rescans *rescans,
                            const dds_rescan_wanted *wanted) {
  dds_rescan_way way;
  dds_kept *kept = NULL;
  assert_true(dds_rescans_choose(rescans, wanted, &way, &kept, &f->error));
  assert_int_equal(kept != NULL, way == DDS_RESCAN_SERVE || way == DDS_RESCAN_SERVE_WHOLE);
  if (way == DDS_RESCAN_KEEP || way == DDS_RESCAN_KEEP_WHOLE) {
    scripted_transport_answer(f->script, 200, "{\"Items\":[]}");
    kept = open_kept(f);
    assert_true(dds_rescans_keep(rescans, wanted, way, kept, &f->error));
  }
  dds_kept_release(kept);
  return way;
}

typedef struct start_case {
  int key;    /* of a Query; 0: a Scan */
  int filter; /* 0: none */
  bool consistent;
  uint64_t state;
  dds_rescan_way way;
} start_case;

static dds_condition *condition_of(const char *attribute, int value) {
  char text[32];
  int length = snprintf(text, sizeof text, "{\"N\":\"%d\"}", value);
  dds_condition *condition =
      value == 0 ? NULL : dds_condition_compare(attribute, DDS_EQUAL, text, (size_t)length);
  assert_int_equal(condition != NULL, value != 0);
  return condition;
}

static void assert_starts(const start_case *cases, size_t count) {
  table_fixture f;
  dds_rescans rescans = {0};
  table_fixture_set_up(&f);
  for (size_t i = 0; i < count; i++) {
    dds_condition *key = condition_of("k", cases[i].key);
    dds_condition *filter = condition_of("f", cases[i].filter);
    const dds_rescan_wanted wanted = {.key_condition = key,
                                      .filter = filter,
                                      .consistent = cases[i].consistent,
                                      .state = cases[i].state};
    print_message("start %zu\n", i);
    assert_int_equal(start(&f, &rescans, &wanted), cases[i].way);
    dds_condition_release(key);
    dds_condition_release(filter);
  }
  dds_rescans_free(&rescans);
  table_fixture_tear_down(&f);
}

static void the_same_scan_is_kept_from_its_second_time_on(void **state) {
  (void)state;
  static const start_case cases[] = {
      {.filter = 1, .way = DDS_RESCAN_PLAIN},
      {.filter = 1, .way = DDS_RESCAN_KEEP},
      {.filter = 1, .way = DDS_RESCAN_SERVE},
      {.filter = 2, .way = DDS_RESCAN_KEEP_WHOLE}, /* the filter varies after all */
      {.filter = 1, .way = DDS_RESCAN_SERVE},
      {.filter = 2, .way = DDS_RESCAN_SERVE_WHOLE},
  };
  assert_starts(cases, sizeof cases / sizeof cases[0]);
}

static void a_filter_that_varies_is_left_out(void **state) {
  (void)state;
  static const start_case cases[] = {
      {.filter = 1, .way = DDS_RESCAN_PLAIN},       {.filter = 2, .way = DDS_RESCAN_KEEP_WHOLE},
      {.filter = 3, .way = DDS_RESCAN_SERVE_WHOLE}, {.filter = 1, .way = DDS_RESCAN_SERVE_WHOLE},
      {.filter = 0, .way = DDS_RESCAN_SERVE},
  };
  assert_starts(cases, sizeof cases / sizeof cases[0]);
}

static void a_query_is_kept_by_its_key(void **state) {
  (void)state;
  static const start_case cases[] = {
      {.key = 1, .way = DDS_RESCAN_PLAIN},
      {.key = 2, .way = DDS_RESCAN_PLAIN},
      {.key = 1, .way = DDS_RESCAN_KEEP},
      {.key = 2, .way = DDS_RESCAN_KEEP},
      {.key = 1, .way = DDS_RESCAN_SERVE},
      {.key = 3, .way = DDS_RESCAN_PLAIN},
      {.key = 2, .way = DDS_RESCAN_SERVE},
      /* A value that can be no key of the index: the first Scan of its loop. */
      {.filter = 1, .way = DDS_RESCAN_PLAIN},
  };
  assert_starts(cases, sizeof cases / sizeof cases[0]);
}

static void what_is_older_or_less_consistent_is_read_anew(void **state) {
  (void)state;
  static const start_case cases[] = {
      {.way = DDS_RESCAN_PLAIN},
      {.way = DDS_RESCAN_KEEP},
      {.consistent = true, .way = DDS_RESCAN_KEEP},
      {.consistent = false, .way = DDS_RESCAN_SERVE},
      {.consistent = true, .way = DDS_RESCAN_SERVE},
      {.state = 1, .way = DDS_RESCAN_KEEP},
      {.state = 1, .way = DDS_RESCAN_SERVE},
  };
  assert_starts(cases, sizeof cases / sizeof cases[0]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(readers_share_one_scan),
      cmocka_unit_test(a_failure_makes_it_useless),
      cmocka_unit_test(a_page_that_is_left_in_the_middle_counts),
      cmocka_unit_test(more_than_fits_is_an_error_with_a_remedy),
      cmocka_unit_test(survives_every_refused_allocation),
      cmocka_unit_test(the_same_scan_is_kept_from_its_second_time_on),
      cmocka_unit_test(a_filter_that_varies_is_left_out),
      cmocka_unit_test(a_query_is_kept_by_its_key),
      cmocka_unit_test(what_is_older_or_less_consistent_is_read_anew),
  };
  return cmocka_run_group_tests(tests, failing_allocator_set_up, NULL);
}
