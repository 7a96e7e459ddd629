/* Clock skew: what an answer teaches, which errors a retry mends, what a user is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "aws/skew.h"

#define NOON_MS   INT64_C(1795348800000) /* 2026-11-22T12:00:00Z */
#define MINUTE_MS INT64_C(60000)

static void test_learn(void **state) {
  (void)state;
  static const struct {
    const char *date;
    int64_t started_ms, finished_ms; /* from noon */
    bool has_age;
    dds_http_failure failure;
    int64_t offset_ms; /* 7: nothing was learned */
  } cases[] = {
      {"Sun, 22 Nov 2026 12:00:00 GMT", 0, 0, false, 0, 0},
      {"Sun, 22 Nov 2026 12:00:01 GMT", 0, 2000, false, 0, 0},
      {"Sun, 22 Nov 2026 12:00:01 GMT", 0, 0, false, 0, 1000},
      {"Sun, 22 Nov 2026 12:10:00 GMT", -500, 500, false, 0, 10 * MINUTE_MS},
      {"Sun, 22 Nov 2026 11:50:00 GMT", 0, 0, false, 0, -10 * MINUTE_MS},
      {"Sun, 22 Nov 2026 13:00:00 GMT", 0, 15 * MINUTE_MS, false, 0, 60 * MINUTE_MS - 450000},
      {"Sun, 22 Nov 2026 13:00:00 GMT", 0, 15 * MINUTE_MS + 1, false, 0, 7},
      {"Sun, 22 Nov 2026 13:00:00 GMT", 0, -1, false, 0, 7}, /* the clock was set back */
      {"Sun, 22 Nov 2026 13:00:00 GMT", 0, 0, true, 0, 7},
      {"Sun, 22 Nov 2026 13:00:00 GMT", 0, 0, false, DDS_HTTP_INTERRUPTED, 7},
      {"", 0, 0, false, 0, 7},
      {"yesterday", 0, 0, false, 0, 7},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    dds_skew skew = {7};
    dds_exchange exchange = {
        .failure = cases[i].failure,
        .has_age = cases[i].has_age,
        .started_ms = NOON_MS + cases[i].started_ms,
        .finished_ms = NOON_MS + cases[i].finished_ms,
    };
    snprintf(exchange.date, sizeof exchange.date, "%s", cases[i].date);
    dds_skew_learn(&skew, &exchange);
    if (skew.offset_ms != cases[i].offset_ms) {
      fail_msg("case %zu: %lld", i, (long long)skew.offset_ms);
    }
  }
}

/* When an answer came that lay there until somebody looked is not known. */
static void test_learn_after_absence(void **state) {
  (void)state;
  dds_skew skew = {7};
  dds_exchange exchange = {.date = "Sun, 22 Nov 2026 12:00:00 GMT",
                           .started_ms = NOON_MS,
                           .finished_ms = NOON_MS + 4 * MINUTE_MS,
                           .away_ms = 1001};
  dds_skew_learn(&skew, &exchange);
  assert_int_equal(skew.offset_ms, 7);
  exchange.away_ms = 1000;
  dds_skew_learn(&skew, &exchange);
  assert_int_equal(skew.offset_ms, -2 * MINUTE_MS);
}

static void test_explains(void **state) {
  (void)state;
  static const char *const codes[] = {"InvalidSignatureException", "SignatureDoesNotMatch",
                                      "AuthFailure", "RequestTimeTooSkewed",
                                      "AccessDeniedException"};
  static const char *const others[] = {"", "AccessDenied", "ExpiredTokenException",
                                       "ValidationException", "InvalidSignature"};
  static const struct {
    int64_t offset_ms, signed_offset_ms;
    bool explains;
  } offsets[] = {
      {0, 0, false},
      {4 * MINUTE_MS, 0, false},
      {4 * MINUTE_MS + 1, 0, true},
      {-4 * MINUTE_MS, 0, false},
      {-4 * MINUTE_MS - 1, 0, true},
      {60 * MINUTE_MS, 60 * MINUTE_MS, false}, /* it was signed with the right time */
      {60 * MINUTE_MS, 59 * MINUTE_MS, false},
      {60 * MINUTE_MS, 65 * MINUTE_MS, true}, /* the skew has changed again */
      {0, 5 * MINUTE_MS, true},
  };
  for (size_t i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
    const dds_skew skew = {offsets[i].offset_ms};
    for (size_t j = 0; j < sizeof codes / sizeof codes[0]; j++) {
      assert_int_equal(dds_skew_explains(&skew, offsets[i].signed_offset_ms, codes[j]),
                       offsets[i].explains);
    }
    for (size_t j = 0; j < sizeof others / sizeof others[0]; j++) {
      assert_false(dds_skew_explains(&skew, offsets[i].signed_offset_ms, others[j]));
    }
  }
}

static void test_describe(void **state) {
  (void)state;
  static const struct {
    const char *code;
    int64_t offset_ms;
    const char *message;
  } cases[] = {
      {"RequestTimeTooSkewed", 312999, "m; this machine's clock is 312 s behind the service's"},
      {"RequestTimeTooSkewed", -1000, "m; this machine's clock is 1 s ahead of the service's"},
      {"RequestTimeTooSkewed", 999, "m"},
      {"RequestTimeTooSkewed", 0, "m"},
      {"InvalidSignatureException", -3600000,
       "m; this machine's clock is 3600 s ahead of the service's"},
      {"InvalidSignatureException", 200000, "m"},
      {"AccessDeniedException", 3600000, "m"},
      {"ValidationException", 3600000, "m"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const dds_skew skew = {cases[i].offset_ms};
    dds_error error = DDS_ERROR_INIT;
    dds_error_set(&error, DDS_AUTH, "m");
    snprintf(error.service_code, sizeof error.service_code, "%s", cases[i].code);
    dds_skew_describe(&skew, &error);
    assert_string_equal(error.message, cases[i].message);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_learn),
      cmocka_unit_test(test_learn_after_absence),
      cmocka_unit_test(test_explains),
      cmocka_unit_test(test_describe),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
