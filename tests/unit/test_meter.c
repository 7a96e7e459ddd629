/* What a statement has used: counting, the limit, the reports. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dynamodb/meter.h"

enum { START_MS = 1000000 };

static dds_record record_of(int64_t items, int64_t scanned, double units) {
  return (dds_record){.items = items, .scanned = scanned, .capacity_units = units};
}

static void counts_what_answers_tell(void **state) {
  (void)state;
  dds_meter meter = {0};
  const dds_record records[] = {record_of(3, 10, 2.5), record_of(-1, -1, -1.0),
                                record_of(4, -1, 0.5)};
  for (size_t i = 0; i < sizeof records / sizeof records[0]; i++) {
    dds_meter_add(&meter, &records[i], START_MS);
  }
  assert_int_equal(meter.requests, 3);
  assert_int_equal(meter.items, 7);
  assert_int_equal(meter.scanned, 10);
  assert_true(meter.used_units == 3.0);
}

static void takes_back_what_was_expected(void **state) {
  (void)state;
  dds_meter meter = {0};
  const dds_record guesses[] = {record_of(3, 10, 2.5), record_of(-1, -1, -1.0)};
  for (size_t i = 0; i < sizeof guesses / sizeof guesses[0]; i++) {
    dds_meter_expect(&meter, &guesses[i]);
    assert_int_equal(meter.requests, 1);
    assert_int_equal(meter.items, i == 0 ? 3 : 0);
    dds_meter_take_back(&meter, &guesses[i]);
    assert_int_equal(meter.requests, 0);
    assert_int_equal(meter.items, 0);
    assert_int_equal(meter.scanned, 0);
    assert_true(meter.used_units == 0.0);
  }
}

static void stops_at_the_limit(void **state) {
  (void)state;
  static const struct {
    double limit;
    int answers; /* of 2.5 units and one item each, under a limit of 1 of one unit */
    const char *message;
  } cases[] = {
      {0, 1000, NULL},
      {2.5, 0, NULL},
      {5, 1, NULL},
      {2.5, 1,
       "stopped by capacity_limit=2.5: 2.5 capacity units were used by 1 request for 1 item; raise "
       "the limit, or ask for less: by sid, by an index or with LIMIT"},
      {1, 1,
       "stopped by capacity_limit=1: 1 capacity unit was used by 1 request for 1 item; raise the "
       "limit, or ask for less: by sid, by an index or with LIMIT"},
      {4, 2,
       "stopped by capacity_limit=4: 5 capacity units were used by 2 requests for 2 items; raise "
       "the limit, or ask for less: by sid, by an index or with LIMIT"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    dds_meter meter = {.limit_units = cases[i].limit};
    dds_error error = DDS_ERROR_INIT;
    const dds_record record = record_of(1, -1, cases[i].limit == 1 ? 1.0 : 2.5);
    for (int j = 0; j < cases[i].answers; j++) {
      dds_meter_add(&meter, &record, START_MS);
    }
    assert_int_equal(dds_meter_check(&meter, START_MS, &error), cases[i].message == NULL);
    if (cases[i].message != NULL) {
      assert_string_equal(error.message, cases[i].message);
    }
  }
}

/* What reads by keys use at least counts before they are answered. */
static void counts_what_is_known_of_what_is_in_flight(void **state) {
  (void)state;
  dds_error error = DDS_ERROR_INIT;
  dds_meter meter = {.limit_units = 150};
  dds_meter_begin(&meter);
  dds_meter_tell_least(&meter, 100);
  assert_true(dds_meter_check(&meter, START_MS, &error));
  dds_meter_begin(&meter);
  dds_meter_tell_least(&meter, 50);
  assert_false(dds_meter_check(&meter, START_MS, &error));
  assert_string_equal(error.message,
                      "stopped by capacity_limit=150: 0 capacity units were used by 0 requests for "
                      "0 items, and more by 2 in flight, at least 150; raise the limit, or ask for "
                      "less: by sid, by an index or with LIMIT");
  dds_meter_tell_least(&meter, -50);
  error = DDS_ERROR_INIT;
  assert_true(dds_meter_check(&meter, START_MS, &error));
}

/* What an answer that has come seems to say is counted once, and so is that it has. */
static void tells_of_what_is_in_flight(void **state) {
  (void)state;
  const dds_record record = record_of(1, -1, 2.5);
  dds_error error = DDS_ERROR_INIT;
  dds_meter meter = {.limit_units = 5};
  for (int i = 0; i < 4; i++) {
    assert_true(dds_meter_check(&meter, START_MS, &error));
    dds_meter_begin(&meter);
  }
  dds_meter_add(&meter, &record, START_MS);
  dds_meter_expect(&meter, &record);
  assert_int_equal(meter.in_flight, 2);
  assert_false(dds_meter_check(&meter, START_MS, &error));
  assert_string_equal(
      error.message, "stopped by capacity_limit=5: 5 capacity units were used by 2 requests for 2 "
                     "items, and more by 2 in flight; raise the limit, or ask for less: by sid, by "
                     "an index or with LIMIT");
  dds_meter_take_back(&meter, &record);
  assert_int_equal(meter.in_flight, 3);
  for (int i = 0; i < 3; i++) {
    dds_meter_add(&meter, &record, START_MS);
  }
  assert_int_equal(meter.in_flight, 0);
}

static void stops_writes_before_they_are_sent(void **state) {
  (void)state;
  static const struct {
    double limit;
    double used;
    double units;
    const char *message;
  } cases[] = {
      {0, 1000, 1000, NULL},
      {5, 0, 5, NULL},
      {5, 2.5, 2.5, NULL},
      {5, 0, 6,
       "stopped by capacity_limit=5: writing to \"t\" would take 6 capacity units, and nothing was "
       "sent: write less at a time, or raise the limit"},
      {1, 1, 1,
       "stopped by capacity_limit=1: writing to \"t\" would take 1 capacity unit more than the 1 "
       "that this call has used: write less at a time, or raise the limit"},
      {5, 2.5, 3,
       "stopped by capacity_limit=5: writing to \"t\" would take 3 capacity units more than the "
       "2.5 "
       "that this call has used: write less at a time, or raise the limit"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const dds_meter meter = {.limit_units = cases[i].limit, .used_units = cases[i].used};
    dds_error error = DDS_ERROR_INIT;
    assert_int_equal(dds_meter_check_writes(&meter, "t", cases[i].units, "call has used", &error),
                     cases[i].message == NULL);
    assert_string_equal(error.message, cases[i].message == NULL ? "" : cases[i].message);
  }
}

static void counts_an_item_by_the_units_that_it_begins(void **state) {
  (void)state;
  static const size_t cases[][2] = {{0, 1}, {1, 1}, {1024, 1}, {1025, 2}, {409600, 400}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    assert_int_equal(dds_meter_write_units(cases[i][0]), cases[i][1]);
  }
}

static void count_report(void *context, const dds_meter *meter) {
  int64_t *pages = context;
  *pages = meter->requests;
}

/* Reports come with answers: at `pages`, counted from 1. */
static void reports_every_five_seconds(void **state) {
  (void)state;
  static const struct {
    int64_t after_ms; /* the first request */
    bool is_reported;
  } answers[] = {
      {1, false},      {4999, false},   {5000, true},   {5001, false},
      {9999, false},   {30000, true},   {34999, false}, {35000, true},
      {-60000, false}, {-55001, false}, {-55000, true}, /* the clock was set back */
  };
  int64_t reported_pages = 0;
  dds_error error = DDS_ERROR_INIT;
  dds_meter meter = {.report = count_report, .context = &reported_pages};
  assert_true(dds_meter_check(&meter, START_MS, &error));
  for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
    const dds_record record = record_of(1, 1, 1.0);
    dds_meter_add(&meter, &record, START_MS + answers[i].after_ms);
    assert_int_equal(reported_pages == (int64_t)i + 1, answers[i].is_reported);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(counts_what_answers_tell),
      cmocka_unit_test(takes_back_what_was_expected),
      cmocka_unit_test(stops_at_the_limit),
      cmocka_unit_test(counts_what_is_known_of_what_is_in_flight),
      cmocka_unit_test(tells_of_what_is_in_flight),
      cmocka_unit_test(stops_writes_before_they_are_sent),
      cmocka_unit_test(counts_an_item_by_the_units_that_it_begins),
      cmocka_unit_test(reports_every_five_seconds),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
