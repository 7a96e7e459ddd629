/* Timestamps: vectors, every day of a calendar cycle, malformed texts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <string.h>
#include <cmocka.h>

#include "base/timestamp.h"

static void test_format(void **state) {
  (void)state;
  static const struct {
    int64_t time_ms;
    const char *iso, *basic;
  } cases[] = {
      {0, "1970-01-01T00:00:00.000Z", "19700101T000000Z"},
      {-1, "1969-12-31T23:59:59.999Z", "19691231T235959Z"},
      {INT64_C(1440938160000), "2015-08-30T12:36:00.000Z", "20150830T123600Z"},
      {INT64_C(951782400000), "2000-02-29T00:00:00.000Z", "20000229T000000Z"},
      {INT64_C(4107542399999), "2100-02-28T23:59:59.999Z", "21000228T235959Z"},
      {INT64_C(4107542400000), "2100-03-01T00:00:00.000Z", "21000301T000000Z"},
      {DDS_TIMESTAMP_MIN_MS, "0000-01-01T00:00:00.000Z", "00000101T000000Z"},
      {DDS_TIMESTAMP_MAX_MS, "9999-12-31T23:59:59.999Z", "99991231T235959Z"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char iso[DDS_TIMESTAMP_ISO_BYTES], basic[DDS_TIMESTAMP_BASIC_BYTES];
    int64_t back = 1;
    assert_true(dds_timestamp_format_iso(cases[i].time_ms, iso));
    assert_string_equal(iso, cases[i].iso);
    dds_timestamp_format_basic(cases[i].time_ms, basic);
    assert_string_equal(basic, cases[i].basic);
    assert_true(dds_timestamp_parse_iso(iso, strlen(iso), &back));
    assert_true(back == cases[i].time_ms);
  }
  char iso[DDS_TIMESTAMP_ISO_BYTES];
  assert_false(dds_timestamp_format_iso(DDS_TIMESTAMP_MIN_MS - 1, iso));
  assert_false(dds_timestamp_format_iso(DDS_TIMESTAMP_MAX_MS + 1, iso));
  assert_false(dds_timestamp_format_iso(INT64_MAX, iso));
}

static void test_every_day_of_400_years(void **state) {
  (void)state;
  for (int64_t day = -100; day < 146200; day++) {
    char iso[DDS_TIMESTAMP_ISO_BYTES];
    int64_t time_ms = day * 86400000 + 12345678, back = 0;
    assert_true(dds_timestamp_format_iso(time_ms, iso));
    assert_true(dds_timestamp_parse_iso(iso, 24, &back));
    assert_true(back == time_ms);
  }
}

static void test_parse_iso(void **state) {
  (void)state;
  static const struct {
    const char *text;
    int64_t time_ms;
  } good[] = {
      {"2015-08-30T12:36:00Z", INT64_C(1440938160000)},
      {"2015-08-30T12:36:00.5Z", INT64_C(1440938160500)},
      {"2015-08-30T12:36:00.123999Z", INT64_C(1440938160123)},
      {"2015-08-30T14:36:00+02:00", INT64_C(1440938160000)},
      {"2015-08-30T09:06:00.000-03:30", INT64_C(1440938160000)},
      {"2015-08-30t12:36:00z", INT64_C(1440938160000)},
  };
  static const char *const bad[] = {"",
                                    "2015-08-30",
                                    "2015-08-30T12:36:00",
                                    "2015-08-30 12:36:00Z",
                                    "2015-13-30T12:36:00Z",
                                    "2015-02-29T12:36:00Z",
                                    "2015-00-10T12:36:00Z",
                                    "2015-08-00T12:36:00Z",
                                    "2015-08-30T24:00:00Z",
                                    "2015-08-30T12:60:00Z",
                                    "2015-08-30T12:36:60Z",
                                    "2015-08-30T12:36:00.Z",
                                    "2015-08-30T12:36:00Zx",
                                    "2015-08-30T12:36:00+0200",
                                    "2015-08-30T12:36:00+24:00",
                                    "15-08-30T12:36:00Z",
                                    "0000-01-01T00:00:00+01:00",
                                    "9999-12-31T23:59:59-01:00",
                                    "+2015-8-30T12:36:00Z",
                                    "2015-08-30T12:36:0 Z"};
  int64_t time_ms;
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
    assert_true(dds_timestamp_parse_iso(good[i].text, strlen(good[i].text), &time_ms));
    assert_true(time_ms == good[i].time_ms);
  }
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    assert_false(dds_timestamp_parse_iso(bad[i], strlen(bad[i]), &time_ms));
  }
}

static void test_parse_http(void **state) {
  (void)state;
  static const struct {
    const char *text;
    int64_t time_ms;
  } good[] = {
      {"Sun, 30 Aug 2015 12:36:00 GMT", INT64_C(1440938160000)},
      {"Thu, 01 Jan 1970 00:00:00 GMT", 0},
      {"Tue, 29 Feb 2000 00:00:00 GMT", INT64_C(951782400000)},
      {"Fri, 31 Dec 9999 23:59:59 GMT", INT64_C(253402300799000)},
      {"Mon, 30 Aug 2015 12:36:00 GMT", INT64_C(1440938160000)}, /* the day's name says nothing */
  };
  static const char *const bad[] = {"",
                                    "Sun, 30 Aug 2015 12:36:00",
                                    "Sun, 30 Aug 2015 12:36:00 UTC",
                                    "Sun, 30 Aug 2015 12:36:00 GMT ",
                                    "Sun, 30 Aug 2015 12:36:00 +0000",
                                    "sun, 30 aug 2015 12:36:00 gmt",
                                    "30 Aug 2015 12:36:00 GMT",
                                    "Sunday, 30-Aug-15 12:36:00 GMT",
                                    "Sun Aug 30 12:36:00 2015",
                                    "Sun, 30 Foo 2015 12:36:00 GMT",
                                    "Sun, 31 Jun 2015 12:36:00 GMT",
                                    "Sun, 00 Jun 2015 12:36:00 GMT",
                                    "Sun, 1 Jun 2015 12:36:00 GMT",
                                    "Sun, 30 Aug 2015 24:00:00 GMT",
                                    "Sun, 30 Aug 2015 12:36:60 GMT",
                                    "2015-08-30T12:36:00Z",
                                    "0"};
  int64_t time_ms = 1;
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
    assert_true(dds_timestamp_parse_http(good[i].text, strlen(good[i].text), &time_ms));
    assert_true(time_ms == good[i].time_ms);
    for (size_t length = 0; length < strlen(good[i].text); length++) {
      assert_false(dds_timestamp_parse_http(good[i].text, length, &time_ms));
    }
  }
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    if (dds_timestamp_parse_http(bad[i], strlen(bad[i]), &time_ms)) {
      fail_msg("accepted: %s", bad[i]);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_format),
      cmocka_unit_test(test_every_day_of_400_years),
      cmocka_unit_test(test_parse_iso),
      cmocka_unit_test(test_parse_http),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
