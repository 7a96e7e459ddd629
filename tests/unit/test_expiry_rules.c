/* The rules of expiry, one by one; what a whole statement makes of them is in test_change.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sessions/expiry_rules.h"
#include "sessions/row.h"

#define NOW_MS INT64_C(1700000000000) /* 2023-11-14T22:13:20.000Z */
#define DAY_MS INT64_C(86400000)

enum { SERVERLESS, CONNECT, STORE, ROUNDS = 20000 };

static int64_t random_ms(int64_t below) {
  uint64_t high = (uint64_t)rand();
  uint64_t low = (uint64_t)rand();
  return (int64_t)((high << 31 ^ low) % (uint64_t)below);
}

/* As SQL computes them, `ms / 1000.0` and `seconds + 0.123` are doubles below or above the decimal.
 */
static void every_millisecond_survives_a_double(void **state) {
  (void)state;
  unsigned seed = 20261122;
  print_message("seed %u\n", seed);
  srand(seed);
  for (int i = 0; i < ROUNDS; i++) {
    int64_t ms = random_ms(INT64_C(100000000000000));
    dds_sql_value value = {.type = DDS_SQL_REAL, .real = (double)ms / 1000.0};
    dds_expiry expiry;
    dds_error error = DDS_ERROR_INIT;
    assert_true(dds_expiry_rules_read(dds_layout_at(SERVERLESS), &value, &expiry, &error));
    assert_int_equal(expiry.time_ms, ms);
    assert_false(expiry.is_never);
  }
}

static void fractions_of_a_millisecond_are_dropped(void **state) {
  (void)state;
  static const double seconds[] = {1700000000.1234567, 1700000000.1239, 0.0009, 0.0};
  static const int64_t expected[] = {1700000000123, 1700000000123, 0, 0};
  for (size_t i = 0; i < sizeof seconds / sizeof seconds[0]; i++) {
    dds_sql_value value = {.type = DDS_SQL_REAL, .real = seconds[i]};
    dds_expiry expiry;
    dds_error error = DDS_ERROR_INIT;
    assert_true(dds_expiry_rules_read(dds_layout_at(SERVERLESS), &value, &expiry, &error));
    assert_int_equal(expiry.time_ms, expected[i]);
  }
}

static void seconds_end_where_milliseconds_begin(void **state) {
  (void)state;
  static const dds_sql_value refused[] = {
      {.type = DDS_SQL_INTEGER, .integer = DDS_ROW_MILLISECONDS_FROM},
      {.type = DDS_SQL_INTEGER, .integer = INT64_MAX},
      {.type = DDS_SQL_INTEGER, .integer = INT64_MIN},
      {.type = DDS_SQL_INTEGER, .integer = -1},
      {.type = DDS_SQL_REAL, .real = -0.5},
      {.type = DDS_SQL_REAL, .real = 1e11},
      {.type = DDS_SQL_REAL, .real = 1e300},
      {.type = DDS_SQL_TEXT, .bytes = "", .length = 0},
      {.type = DDS_SQL_BLOB, .bytes = "1", .length = 1},
  };
  for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
    dds_expiry expiry;
    dds_error error = DDS_ERROR_INIT;
    assert_false(dds_expiry_rules_read(dds_layout_at(CONNECT), &refused[i], &expiry, &error));
    assert_int_equal(error.code, DDS_CHECK);
  }
  dds_sql_value last = {.type = DDS_SQL_INTEGER, .integer = DDS_ROW_MILLISECONDS_FROM - 1};
  dds_expiry expiry;
  dds_error error = DDS_ERROR_INIT;
  assert_true(dds_expiry_rules_read(dds_layout_at(CONNECT), &last, &expiry, &error));
  assert_int_equal(expiry.time_ms, 99999999999000);
}

enum { STAYS = -1, NEVER = -2 };

typedef struct cookie_case {
  size_t layout;
  const char *old; /* NULL: none */
  const char *cookie;
  int64_t expected_ms; /* or STAYS, NEVER */
  bool sets_cookie;
} cookie_case;

#define DATED   "{\"originalMaxAge\":60000,\"expires\":\"2023-11-14T22:14:20.000Z\"}"
#define UNDATED "{\"originalMaxAge\":null,\"expires\":null}"

static const cookie_case cookie_cases[] = {
    {SERVERLESS, NULL, DATED, NOW_MS + 60000, false},
    {SERVERLESS, DATED, DATED, STAYS, false},
    {SERVERLESS, DATED, " { \"expires\" : \"2023-11-14T22:14:20.000Z\",\"originalMaxAge\":6E4}",
     STAYS, false},
    {SERVERLESS, DATED,
     "{\"path\":\"/x\",\"originalMaxAge\":60000,\"expires\":\"2023-11-14T22:14:20.000Z\"}", STAYS,
     false},
    {SERVERLESS, DATED, UNDATED, NEVER, false},
    {CONNECT, DATED, UNDATED, NOW_MS + DAY_MS, false},
    {STORE, NULL, "{}", NOW_MS + DAY_MS, false},
    {SERVERLESS, NULL, UNDATED, NEVER, false},
    {SERVERLESS, UNDATED, UNDATED, STAYS, false},
    {SERVERLESS, UNDATED, DATED, NOW_MS + 60000, false},
    /* the date went, the age stayed */
    {SERVERLESS, DATED, "{\"originalMaxAge\":60000,\"expires\":null}", NOW_MS + 60000, true},
    /* the age changed alone, or the other one did */
    {SERVERLESS, DATED, "{\"originalMaxAge\":5000,\"expires\":\"2023-11-14T22:14:20.000Z\"}",
     NOW_MS + 5000, true},
    {STORE, "{\"maxAge\":1000,\"originalMaxAge\":60000,\"expires\":{}}",
     "{\"maxAge\":1000,\"originalMaxAge\":70000,\"expires\":{}}", NOW_MS + 70000, true},
    {STORE, "{\"maxAge\":1000,\"originalMaxAge\":60000,\"expires\":{}}",
     "{\"maxAge\":2000,\"originalMaxAge\":60000,\"expires\":{}}", NOW_MS + 2000, true},
    {STORE, "{\"maxAge\":1000,\"originalMaxAge\":60000,\"expires\":{}}",
     "{\"maxAge\":1000,\"originalMaxAge\":60000,\"expires\":{}}", STAYS, false},
    /* the age went, the date stayed */
    {SERVERLESS, DATED, "{\"expires\":\"2023-11-14T22:14:20.000Z\"}", NOW_MS + 60000, false},
    /* both changed: the date */
    {CONNECT, DATED, "{\"originalMaxAge\":1,\"expires\":\"2023-11-14T23:13:20.000Z\"}",
     NOW_MS + 3600000, false},
    {CONNECT, DATED, "{\"originalMaxAge\":1,\"expires\":\"2023-11-15T00:13:20+01:00\"}",
     NOW_MS + 3600000, false},
    /* JavaScript's Date takes a number as milliseconds */
    {CONNECT, NULL, "{\"expires\":1700003600000}", NOW_MS + 3600000, false},
    {CONNECT, NULL, "{\"originalMaxAge\":1500.75}", NOW_MS + 1500, true},
    {CONNECT, NULL, "{\"originalMaxAge\":\"1500\"}", NOW_MS + DAY_MS, false},
};

static void the_expiry_follows_a_cookie_that_changed(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof cookie_cases / sizeof cookie_cases[0]; i++) {
    const cookie_case *tried = &cookie_cases[i];
    dds_json old, cookie;
    if (tried->old != NULL) {
      assert_true(dds_json_parse(tried->old, strlen(tried->old), &old, NULL));
    }
    assert_true(dds_json_parse(tried->cookie, strlen(tried->cookie), &cookie, NULL));
    dds_expiry_move move;
    dds_error error = DDS_ERROR_INIT;
    assert_true(dds_expiry_rules_follow_cookie(dds_layout_at(tried->layout),
                                               tried->old == NULL ? NULL : &old, cookie, NOW_MS,
                                               &move, &error));
    int64_t actual = move.expiry.is_never ? NEVER : move.expiry.time_ms;
    if (!move.moves) {
      actual = STAYS;
    }
    if (actual != tried->expected_ms || move.sets_cookie != tried->sets_cookie) {
      fail_msg("case %zu: %lld, sets the cookie: %d", i, (long long)actual, move.sets_cookie);
    }
  }
}

static void a_cookie_that_no_date_can_be_made_of_is_refused(void **state) {
  (void)state;
  static const char *const cookies[] = {
      "{\"expires\":\"\"}",
      "{\"expires\":\"Tue, 14 Nov 2023 22:13:20 GMT\"}",
      "{\"expires\":\"2023-11-14\"}",
      "{\"expires\":\"1969-12-31T23:59:59.999Z\"}",
      "{\"expires\":1e300}",
      "{\"originalMaxAge\":-1700000000001}",
      "{\"originalMaxAge\":100000000000000}",
  };
  for (size_t i = 0; i < sizeof cookies / sizeof cookies[0]; i++) {
    dds_json cookie;
    assert_true(dds_json_parse(cookies[i], strlen(cookies[i]), &cookie, NULL));
    dds_expiry_move move;
    dds_error error = DDS_ERROR_INIT;
    if (dds_expiry_rules_follow_cookie(dds_layout_at(SERVERLESS), NULL, cookie, NOW_MS, &move,
                                       &error)) {
      fail_msg("accepted: %s", cookies[i]);
    }
    assert_int_equal(error.code, DDS_CHECK);
  }
}

static void assigns_what_differs_alone(void **state) {
  (void)state;
  static const char json[] = "{\"expireTime\":{\"N\":\"1700000000500\"},"
                             "\"expireTime_TTL\":{\"N\":\"1.7E9\"}}";
  dds_item item = {.json = {0}};
  assert_true(dds_json_parse(json, strlen(json), &item.json, NULL));
  dds_write write = {.kind = DDS_WRITE_UPDATE};
  dds_expiry expiry = {.time_ms = 1700000000600};
  dds_error error = DDS_ERROR_INIT;
  assert_true(dds_expiry_rules_assign(dds_layout_at(SERVERLESS), &item, &expiry, &write, &error));
  assert_int_equal(write.assignment_count, 1);
  assert_string_equal(write.assignments[0].attribute, "expireTime");
  assert_string_equal(write.assignments[0].typed_value, "{\"N\":\"1700000000600\"}");
  dds_write_free(&write);
}

static void an_expiry_beyond_dates_is_never(void **state) {
  (void)state;
  static const char json[] = "{\"expires\":{\"N\":\"1E+100\"}}";
  dds_item item = {.json = {0}};
  assert_true(dds_json_parse(json, strlen(json), &item.json, NULL));
  dds_expiry expiry;
  dds_expiry_rules_of_item(dds_layout_at(CONNECT), &item, &expiry);
  assert_true(expiry.is_never);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_millisecond_survives_a_double),
      cmocka_unit_test(fractions_of_a_millisecond_are_dropped),
      cmocka_unit_test(seconds_end_where_milliseconds_begin),
      cmocka_unit_test(the_expiry_follows_a_cookie_that_changed),
      cmocka_unit_test(a_cookie_that_no_date_can_be_made_of_is_refused),
      cmocka_unit_test(assigns_what_differs_alone),
      cmocka_unit_test(an_expiry_beyond_dates_is_never),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
