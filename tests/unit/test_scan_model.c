/*
 * Scans of generated tables on a server that answers in any order and not always well: wrong
 * checksums over another answer, throttling, lost connections, keys in odd places. Every item must
 * come once, from no more requests and no more memory than promised. A failure prints its seed;
 * DDS_SEED=… runs it alone.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/attributes.h"
#include "base/splitmix.h"
#include "dynamodb/scan.h"
#include "failing_allocator.h"
#include "seeded_runs.h"
#include "table_fixture.h"

enum {
  RUNS = 1000,
  MOST_SEGMENTS = 8,
  MOST_POSITIONS = 40, /* of a segment: items, and those that the filter takes out */
  BODY_BYTES = 16384,
  WRONG = -1, /* a position that only a wrong guess asks for */
};

typedef struct answer_text {
  char bytes[BODY_BYTES];
  size_t length;
} answer_text;

typedef struct model {
  table_fixture base;
  uint64_t seed;
  uint64_t state;
  size_t segments;
  bool is_gradual;
  int positions[MOST_SEGMENTS];
  bool is_filtered;
  int largest_page; /* positions */
  unsigned fault_percent;
  size_t pages, faults, wrong_guesses; /* requests */
  int served[MOST_SEGMENTS][MOST_POSITIONS + 1];
  int seen[MOST_SEGMENTS][MOST_POSITIONS];
  answer_text body;
} model;

static unsigned draw(model *m, unsigned below) {
  return (unsigned)(dds_splitmix_next(&m->state) % below);
}

/* The same whenever it is asked about the same place. */
static unsigned fixed(const model *m, size_t segment, int position, unsigned salt, unsigned below) {
  uint64_t place = ((uint64_t)segment << 32) + ((uint64_t)(unsigned)position << 8) + salt;
  return (unsigned)(dds_splitmix_mix(dds_splitmix_mix(m->seed) + dds_splitmix_mix(place)) % below);
}

static bool passes(const model *m, size_t segment, int position) {
  return !m->is_filtered || fixed(m, segment, position, 1, 3) == 0;
}

/* ---- the server ------------------------------------------------------------------------------*/

/* A page: where it ends, and whether it says so, which one that ends at the end need not. */
static int end_of_page(const model *m, size_t segment, int start, int64_t limit, bool *goes_on) {
  int end = start + 1 + (int)fixed(m, segment, start, 2, (unsigned)m->largest_page);
  if (limit > 0 && end > start + limit) {
    end = start + (int)limit;
  }
  *goes_on = end < m->positions[segment] ||
             (end == m->positions[segment] && fixed(m, segment, start, 3, 2) == 0);
  return end < m->positions[segment] ? end : m->positions[segment];
}

static int64_t number_in(const char *body, const char *name, int64_t otherwise) {
  const char *at = strstr(body, name);
  return at == NULL ? otherwise : strtoll(at + strlen(name), NULL, 10);
}

/* The C library's memory, since base's is refused now and then. */
DDS_PRINTF(2, 3) static void append(answer_text *text, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  text->length += (size_t)vsnprintf(text->bytes + text->length, sizeof text->bytes - text->length,
                                    format, arguments);
  va_end(arguments);
  assert_true(text->length < sizeof text->bytes);
}

static int append_items(const model *m, answer_text *text, size_t segment, int start, int end) {
  static const char *const more[] = {
      "", ",\"LastEvaluatedKey\":{\"M\":{\"id\":{\"S\":\"s0 p-1\"}}}",
      ",\"x\":{\"S\":\"]},\\\"LastEvaluatedKey\\\":{\\\"id\\\":{\\\"S\\\":\\\"s0 p-1\\\"}}}\"}",
      ",\"x\":{\"L\":[{\"M\":{\"Items\":{\"L\":[]},\"Count\":{\"N\":\"0\"}}}]}"};
  int count = 0;
  append(text, "\"Items\":[");
  for (int i = start; i < end; i++) {
    if (passes(m, segment, i)) {
      append(text, "%s{\"id\":{\"S\":\"s%zu p%d\"}%s}", count++ > 0 ? "," : "", segment, i,
             more[fixed(m, segment, i, 4, 4)]);
    }
  }
  append(text, "]");
  return count;
}

/* Writes the answer; its members in one of several orders. `key`: the position behind which the
 * next page starts, or none (below WRONG). */
static void write_page(model *m, size_t segment, int start, int end, int key) {
  static answer_text items, next;
  items.length = next.length = m->body.length = 0;
  next.bytes[0] = '\0';
  int count = append_items(m, &items, segment, start, end);
  if (key >= WRONG) {
    append(&next, ",\"LastEvaluatedKey\":{\"id\":{\"S\":\"s%zu p%d\"}}", segment, key);
  }
  bool is_key_first = draw(m, 4) == 0;
  append(&m->body, "{\"Count\":%d%s,%s%s,\"ScannedCount\":%d}", count,
         is_key_first ? next.bytes : "", items.bytes, is_key_first ? "" : next.bytes, end - start);
}

/* A failure that is tried again; some come with another answer than the right one. */
static void fail_once(model *m, size_t segment, int start, int64_t limit, scripted_answer *answer) {
  bool goes_on = false;
  int end = start == WRONG ? WRONG : end_of_page(m, segment, start, limit, &goes_on);
  answer->body = m->body.bytes;
  m->faults++;
  switch (draw(m, 7)) {
  case 0:
    answer->status = 400;
    answer->body = "{\"__type\":\"a#ThrottlingException\"}";
    return;
  case 1:
    answer->status = 503;
    answer->body = "";
    return;
  case 2:
    answer->failure = DDS_HTTP_INTERRUPTED;
    return;
  case 3:
    write_page(m, segment, start, start, WRONG);
    break;
  case 4:
    write_page(m, segment, 0, m->positions[segment], WRONG - 1);
    break;
  case 5:
    write_page(m, segment, start, end, goes_on ? end : WRONG - 1);
    break;
  default:
    m->body.length = 0;
    append(&m->body, "{\"Items\":[],\"LastEvaluatedKey\":{\"id\":{\"S\":\"s%zu p-1\"}}", segment);
    break;
  }
  answer->crc32 = "1";
}

static void serve(void *context, const scripted_request *request, scripted_answer *answer) {
  model *m = context;
  static const char start_key[] = "\"ExclusiveStartKey\":{\"id\":{\"S\":\"s";
  size_t segment = (size_t)number_in(request->body, "\"Segment\":", 0);
  int64_t limit = number_in(request->body, "\"Limit\":", 0);
  const char *key = strstr(request->body, start_key);
  int start = key == NULL ? 0 : (int)number_in(key, " p", 0);
  const char *attempt = scripted_request_header(request, "amz-sdk-request");
  bool goes_on;
  assert_int_equal(number_in(request->body, "\"TotalSegments\":", 1), m->segments);
  size_t most_pages = m->fault_percent == 0 ? m->segments + 1 : 2 * m->segments;
  assert_true(scripted_transport_open_exchanges(m->base.script) < most_pages);
  answer->duration_ms = 1 + draw(m, 40);
  if (m->fault_percent > 0 && strstr(attempt, "attempt=1") != NULL &&
      draw(m, 100) < m->fault_percent) {
    fail_once(m, segment, start, limit, answer);
    return;
  }
  answer->body = m->body.bytes;
  if (start == WRONG) {
    m->wrong_guesses++;
    write_page(m, segment, 0, 1, WRONG - 1);
    return;
  }
  int end = end_of_page(m, segment, start, limit, &goes_on);
  m->pages++;
  m->served[segment][start]++;
  write_page(m, segment, start, end, goes_on ? end : WRONG - 1);
}

/* ---- runs ------------------------------------------------------------------------------------*/

static void set_up(model *m, uint64_t seed) {
  *m = (model){.seed = seed, .state = dds_splitmix_mix(seed)};
  table_fixture_set_up(&m->base);
  m->segments = 1 + draw(m, MOST_SEGMENTS);
  m->is_gradual = draw(m, 2) == 0;
  m->is_filtered = draw(m, 2) == 0;
  m->largest_page = draw(m, 3) == 0 ? 1 : 1 + (int)draw(m, 12);
  m->fault_percent = draw(m, 2) == 0 ? 0 : 1 + draw(m, 40);
  for (size_t i = 0; i < m->segments; i++) {
    m->positions[i] = (int)draw(m, MOST_POSITIONS + 1);
  }
  scripted_transport_serve(m->base.script, serve, m);
}

static void tear_down(model *m) {
  assert_int_equal(scripted_transport_request_count(m->base.script),
                   m->pages + m->faults + m->wrong_guesses);
  table_fixture_tear_down(&m->base);
}

static dds_scan *open_scan(model *m, int64_t wanted) {
  dds_scan *scan;
  dds_condition *filter = m->is_filtered ? dds_condition_exists("x") : NULL;
  const dds_scan_request request = {
      .filter = filter, .wanted = wanted, .segments = m->segments, .is_gradual = m->is_gradual};
  if (!dds_scan_open(&m->base.table, &request, &scan, &m->base.error)) {
    fail_msg("%s", m->base.error.message);
  }
  dds_condition_release(filter);
  return scan;
}

/* Notes the next item; false at the end. */
static bool see_item(model *m, dds_scan *scan) {
  dds_item item;
  dds_value id;
  if (!dds_scan_next(scan, &item, &m->base.error)) {
    fail_msg("%s", m->base.error.message);
  }
  if (item.json.text == NULL) {
    return false;
  }
  assert_true(dds_item_find(&item, "id", 2, &id));
  size_t segment = (size_t)number_in(id.content.text, "\"s", MOST_SEGMENTS);
  int position = (int)number_in(id.content.text, " p", WRONG);
  assert_true(segment < m->segments && position >= 0 && position < m->positions[segment]);
  m->seen[segment][position]++;
  return true;
}

static void check_that_all_was_seen(const model *m) {
  for (size_t segment = 0; segment < m->segments; segment++) {
    for (int i = 0; i < m->positions[segment]; i++) {
      assert_int_equal(m->seen[segment][i], passes(m, segment, i));
    }
  }
}

/* Each page of each chain was asked for and answered once, whatever went wrong meanwhile. */
static void check_pages(const model *m) {
  for (size_t segment = 0; segment < m->segments; segment++) {
    int expected[MOST_POSITIONS + 1] = {0};
    bool goes_on = true;
    for (int start = 0; goes_on;) {
      expected[start]++;
      start = end_of_page(m, segment, start, 0, &goes_on);
    }
    assert_memory_equal(m->served[segment], expected, sizeof expected);
  }
}

static void run_to_the_end(model *m) {
  dds_scan *scan = open_scan(m, 0);
  while (see_item(m, scan)) {
  }
  assert_false(see_item(m, scan));
  dds_scan_close(scan);
  check_that_all_was_seen(m);
  check_pages(m);
}

static void run_to_the_middle(model *m) {
  dds_scan *scan = open_scan(m, 0);
  for (unsigned i = draw(m, MOST_POSITIONS * 2); i > 0 && see_item(m, scan); i--) {
  }
  dds_scan_close(scan);
  for (size_t segment = 0; segment < m->segments; segment++) {
    for (int i = 0; i < m->positions[segment]; i++) {
      assert_true(m->seen[segment][i] <= passes(m, segment, i));
    }
  }
}

/* The pages that a LIMIT takes when every page behind is asked for only where it is needed. */
static size_t count_needed_pages(const model *m, int64_t wanted) {
  int64_t given = 0;
  size_t pages = 0;
  bool goes_on = true;
  for (int start = 0; goes_on && given < wanted; pages++) {
    int end = end_of_page(m, 0, start, m->is_filtered ? 0 : wanted - given, &goes_on);
    for (int i = start; i < end; i++) {
      given += passes(m, 0, i);
    }
    start = end;
  }
  return pages;
}

/* SQLite asks for no item behind its LIMIT. */
static void run_to_a_limit(model *m) {
  int64_t wanted = 1 + draw(m, MOST_POSITIONS);
  int64_t given = 0;
  m->segments = 1;
  dds_scan *scan = open_scan(m, wanted);
  while (given < wanted && see_item(m, scan)) {
    given++;
  }
  dds_scan_close(scan);
  assert_int_equal(m->pages, count_needed_pages(m, wanted));
}

/* A LIMIT that was none: everything comes all the same, and in few pages. */
static void run_beyond_a_limit(model *m) {
  m->segments = 1;
  m->largest_page = MOST_POSITIONS;
  dds_scan *scan = open_scan(m, 1 + draw(m, 4));
  while (see_item(m, scan)) {
  }
  dds_scan_close(scan);
  check_that_all_was_seen(m);
}

typedef struct model_run {
  void (*run)(model *m);
} model_run;

static void run_one(uint64_t seed, void *context) {
  static model m;
  const model_run *of = context;
  set_up(&m, seed);
  of->run(&m);
  tear_down(&m);
}

static void run_all(void (*run)(model *m)) {
  model_run of = {run};
  seeded_runs(RUNS, run_one, &of);
}

static void gives_every_item_once(void **state) {
  (void)state;
  run_all(run_to_the_end);
}

static void ends_anywhere(void **state) {
  (void)state;
  run_all(run_to_the_middle);
}

static void reads_no_page_behind_a_limit(void **state) {
  (void)state;
  run_all(run_to_a_limit);
}

static void goes_on_behind_a_limit(void **state) {
  (void)state;
  run_all(run_beyond_a_limit);
}

/* ---- refused allocations, interrupts ---------------------------------------------------------*/

static model swept;
static bool is_swept_gradual;

static void serve_segments(table_fixture *fixture) {
  swept = (model){.base = {.script = fixture->script},
                  .seed = 1,
                  .state = 1,
                  .segments = 3,
                  .positions = {5, 0, 7},
                  .largest_page = 1,
                  .fault_percent = 20};
  scripted_transport_serve(fixture->script, serve, &swept);
}

static bool scan_segments(table_fixture *fixture, dds_error *error) {
  dds_scan *scan = NULL;
  dds_item item;
  const dds_scan_request request = {.segments = swept.segments, .is_gradual = is_swept_gradual};
  bool ok = dds_scan_open(&fixture->table, &request, &scan, error);
  int items = 0;
  while (ok && (ok = dds_scan_next(scan, &item, error)) && item.json.text != NULL) {
    items++;
  }
  dds_scan_close(scan);
  assert_true(!ok || items == 5 + 7);
  return ok;
}

static void survives_every_refused_allocation(void **state) {
  (void)state;
  for (int i = 0; i < 2; i++) {
    is_swept_gradual = i == 1;
    table_fixture_sweep(serve_segments, scan_segments);
  }
}

/* Ctrl-C at each of the moments at which it is asked for. */
static void stops_at_any_time(void **state) {
  (void)state;
  bool is_done = false;
  for (int stop_at = 1; !is_done; stop_at++) {
    table_fixture f;
    table_fixture_set_up(&f);
    serve_segments(&f);
    f.stop_at = stop_at;
    is_done = scan_segments(&f, &f.error);
    assert_int_equal(f.error.code, is_done ? DDS_OK : DDS_INTERRUPT);
    table_fixture_tear_down(&f);
    assert_true(is_done ? stop_at > 2 : f.stop_calls == stop_at);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(gives_every_item_once, seeded_runs_print),
      cmocka_unit_test_teardown(ends_anywhere, seeded_runs_print),
      cmocka_unit_test_teardown(reads_no_page_behind_a_limit, seeded_runs_print),
      cmocka_unit_test_teardown(goes_on_behind_a_limit, seeded_runs_print),
      cmocka_unit_test(survives_every_refused_allocation),
      cmocka_unit_test(stops_at_any_time),
  };
  return cmocka_run_group_tests(tests, failing_allocator_set_up, NULL);
}
