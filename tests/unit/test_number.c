/* Decimal text: limits, order, conversion to and from doubles, under a foreign locale too. */
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "dynamodb/number.h"

#define DIGITS_38 "12345678901234567890123456789012345678"

static void checks_what_dynamodb_stores(void **state) {
  (void)state;
  static const struct {
    const char *text;
    dds_number_status status;
  } cases[] = {
      {"0", DDS_NUMBER_OK},
      {"-0", DDS_NUMBER_OK},
      {"0E999", DDS_NUMBER_OK},
      {"1.50", DDS_NUMBER_OK},
      {"1E2", DDS_NUMBER_OK},
      {"1e+2", DDS_NUMBER_OK},
      {"9.99E125", DDS_NUMBER_OK},
      {"1E126", DDS_NUMBER_OUT_OF_RANGE},
      {"-1E126", DDS_NUMBER_OUT_OF_RANGE},
      {"1E-130", DDS_NUMBER_OK},
      {"1E-131", DDS_NUMBER_OUT_OF_RANGE},
      {"0.1E-130", DDS_NUMBER_OUT_OF_RANGE},
      {"10E-131", DDS_NUMBER_OK},
      {DIGITS_38, DDS_NUMBER_OK},
      {DIGITS_38 "00000", DDS_NUMBER_OK},
      {"0.00000" DIGITS_38, DDS_NUMBER_OK},
      {DIGITS_38 "9", DDS_NUMBER_TOO_PRECISE},
      {"0." DIGITS_38 "1", DDS_NUMBER_TOO_PRECISE},
      {"1.00000000000000000000000000000000000000000", DDS_NUMBER_OK},
      {"1E99999999999999999999999", DDS_NUMBER_OUT_OF_RANGE},
      {"1E-99999999999999999999999", DDS_NUMBER_OUT_OF_RANGE},
      {"", DDS_NUMBER_NOT_A_NUMBER},
      {"-", DDS_NUMBER_NOT_A_NUMBER},
      {"+5", DDS_NUMBER_NOT_A_NUMBER},
      {"007", DDS_NUMBER_NOT_A_NUMBER},
      {".5", DDS_NUMBER_NOT_A_NUMBER},
      {"5.", DDS_NUMBER_NOT_A_NUMBER},
      {"1e", DDS_NUMBER_NOT_A_NUMBER},
      {"1,5", DDS_NUMBER_NOT_A_NUMBER},
      {" 5", DDS_NUMBER_NOT_A_NUMBER},
      {"5 ", DDS_NUMBER_NOT_A_NUMBER},
      {"0x10", DDS_NUMBER_NOT_A_NUMBER},
      {"NaN", DDS_NUMBER_NOT_A_NUMBER},
      {"Infinity", DDS_NUMBER_NOT_A_NUMBER},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    if (dds_number_check(cases[i].text, strlen(cases[i].text)) != cases[i].status) {
      fail_msg("%s", cases[i].text);
    }
  }
}

static int compare(const char *left, const char *right) {
  int order = dds_number_compare(left, strlen(left), right, strlen(right));
  return order < 0 ? -1 : order > 0;
}

static void compares_exactly(void **state) {
  (void)state;
  static const char *const ascending[] = {"-1E125",
                                          "-1.5",
                                          "-1.4999999999999999999999999999999999999",
                                          "-1E-130",
                                          "0",
                                          "1E-130",
                                          "0.1",
                                          "0.10000000000000000000000000000000000001",
                                          "1",
                                          "9.99",
                                          "10",
                                          "99",
                                          "100.5",
                                          DIGITS_38,
                                          "12345678901234567890123456789012345679",
                                          "1E125"};
  size_t count = sizeof ascending / sizeof ascending[0];
  for (size_t i = 0; i < count; i++) {
    for (size_t j = 0; j < count; j++) {
      if (compare(ascending[i], ascending[j]) != (i < j ? -1 : i > j)) {
        fail_msg("%s and %s", ascending[i], ascending[j]);
      }
    }
  }
  static const char *const same[][2] = {
      {"0", "-0.000E5"}, {"1", "1.0"}, {"100", "1E2"}, {"0.5", "5e-1"}, {"-12.50", "-0.125E+2"}};
  for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
    assert_int_equal(compare(same[i][0], same[i][1]), 0);
  }
}

static void finds_integers_of_64_bits(void **state) {
  (void)state;
  static const struct {
    const char *text;
    int64_t integer;
  } integers[] = {
      {"0", 0},
      {"-0.0", 0},
      {"7", 7},
      {"1E2", 100},
      {"1.50E1", 15},
      {"-12.0", -12},
      {"9223372036854775807", INT64_MAX},
      {"-9223372036854775808", INT64_MIN},
      {"1e18", INT64_C(1000000000000000000)},
  };
  int64_t integer;
  for (size_t i = 0; i < sizeof integers / sizeof integers[0]; i++) {
    assert_true(dds_number_to_integer(integers[i].text, strlen(integers[i].text), &integer));
    assert_true(integer == integers[i].integer);
  }
  static const char *const others[] = {
      "0.5",  "1.5", "9223372036854775808", "-9223372036854775809", "1E19", "1E125",
      "1E-5", "x",   "99999999999999999999"};
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
    if (dds_number_to_integer(others[i], strlen(others[i]), &integer)) {
      fail_msg("%s", others[i]);
    }
  }
}

static double to_double(const char *text) {
  return dds_number_to_double(text, strlen(text));
}

static void converts_to_doubles(void **state) {
  (void)state;
  static const struct {
    const char *text;
    double value;
  } cases[] = {
      {"0", 0.0},
      {"1.5", 1.5},
      {"-2.25E-3", -2.25E-3},
      {"0.1", 0.1},
      {"123456789.125", 123456789.125},
      {"1E125", 1E125},
      {"9007199254740993", 9007199254740993.0},
      {"1E-130", 1E-130},
      {DIGITS_38, 12345678901234567890123456789012345678.0},
      {"1e400", INFINITY},
      {"1e-400", 0.0},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    assert_true(to_double(cases[i].text) == cases[i].value);
  }
  assert_true(signbit(to_double("-0")));
  /* Just above the middle between 1 and its successor, by a digit far behind. */
  char text[2000];
  int used = snprintf(text, sizeof text, "1.00000000000000011102230246251565404236316680908203125");
  assert_true(to_double(text) == 1.0);
  memset(text + used, '0', 1500);
  text[used + 1500] = '1';
  text[used + 1501] = '\0';
  assert_true(to_double(text) == nextafter(1.0, 2.0));
}

static const char *scaled(dds_buffer *buffer, const char *text, int power) {
  dds_buffer_clear(buffer);
  dds_number_append_scaled(buffer, text, strlen(text), power);
  return dds_buffer_text(buffer);
}

static void scales_by_powers_of_ten(void **state) {
  (void)state;
  dds_buffer buffer = DDS_BUFFER_INIT(1000);
  assert_string_equal(scaled(&buffer, "1700000000", 3), "1700000000000");
  assert_string_equal(scaled(&buffer, "1700000000123", -3), "1700000000.123");
  assert_string_equal(scaled(&buffer, "-1.50", 0), "-1.5");
  assert_string_equal(scaled(&buffer, "-0", 5), "0");
  assert_string_equal(scaled(&buffer, "5", -3), "0.005");
  assert_string_equal(scaled(&buffer, "1E2", 0), "100");
  assert_string_equal(scaled(&buffer, "12.5", 60), "1.25E61");
  assert_string_equal(scaled(&buffer, "1", -20), "1E-20");
  assert_string_equal(scaled(&buffer, DIGITS_38, -38), "0." DIGITS_38);
  assert_string_equal(scaled(&buffer, "12.34", 1), "123.4");
  dds_buffer_free(&buffer);
}

static const char *printed(dds_buffer *buffer, double value) {
  dds_buffer_clear(buffer);
  return dds_number_append_double(buffer, value) ? dds_buffer_text(buffer) : "refused";
}

static void writes_what_dynamodb_gives_back(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"1e3", "1000"},
      {"1.50", "1.5"},
      {"1E+2", "100"},
      {"-1.0", "-1"},
      {"-0", "0"},
      {"0.00", "0"},
      {"12.5e-3", "0.0125"},
      {"0.10e1", "1"},
      {"77", "77"},
      {"-0.0", "0"},
      {"1e-9", "0.000000001"},
      {"9.9e40", "99000000000000000000000000000000000000000"},
  };
  dds_buffer buffer = DDS_BUFFER_INIT(1000);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    dds_buffer_clear(&buffer);
    dds_number_append_stored(&buffer, cases[i][0], strlen(cases[i][0]));
    assert_string_equal(dds_buffer_text(&buffer), cases[i][1]);
  }
  dds_buffer_free(&buffer);
}

static void writes_the_shortest_decimal(void **state) {
  (void)state;
  dds_buffer buffer = DDS_BUFFER_INIT(1000);
  assert_string_equal(printed(&buffer, 0.0), "0");
  assert_string_equal(printed(&buffer, -0.0), "0");
  assert_string_equal(printed(&buffer, 0.1), "0.1");
  assert_string_equal(printed(&buffer, -1700000000.5), "-1700000000.5");
  assert_string_equal(printed(&buffer, 0.1 + 0.2), "0.30000000000000004");
  assert_string_equal(printed(&buffer, 1e100), "1E100");
  assert_string_equal(printed(&buffer, 9007199254740993.0), "9007199254740992");
  assert_string_equal(printed(&buffer, 1e-130), "1E-130");
  assert_string_equal(printed(&buffer, 1e-131), "refused");
  assert_string_equal(printed(&buffer, 1e126), "refused");
  assert_string_equal(printed(&buffer, INFINITY), "refused");
  assert_string_equal(printed(&buffer, NAN), "refused");
  dds_buffer_free(&buffer);
}

static uint64_t random_state;

static uint64_t random_bits(void) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return random_state * UINT64_C(0x2545F4914F6CDD1D);
}

/* A finite double whose magnitude DynamoDB holds with room on both sides. */
static double random_double(void) {
  for (;;) {
    uint64_t bits = random_bits();
    double value;
    memcpy(&value, &bits, sizeof value);
    if (bits % 3 == 0) {
      value = (double)(int64_t)(bits >> 12) / 1000.0;
    }
    if (isfinite(value) && fabs(value) > 1e-129 && fabs(value) < 1e125) {
      return value;
    }
  }
}

static void doubles_round_trip_within_their_bounds(void **state) {
  (void)state;
  enum { VALUES = 20000 };
  uint64_t seed = (uint64_t)time(NULL);
  print_message("seed %llu\n", (unsigned long long)seed);
  random_state = seed * 2 + 1;
  dds_buffer text = DDS_BUFFER_INIT(1000);
  dds_buffer low = DDS_BUFFER_INIT(1000);
  dds_buffer high = DDS_BUFFER_INIT(1000);
  for (int i = 0; i < VALUES; i++) {
    double value = random_double();
    dds_buffer_clear(&low);
    dds_buffer_clear(&high);
    const char *shortest = printed(&text, value);
    assert_true(to_double(shortest) == value);
    assert_int_equal(dds_number_check(shortest, strlen(shortest)), DDS_NUMBER_OK);
    assert_true(dds_number_bounds(value, &low, &high));
    assert_true(compare(dds_buffer_text(&low), shortest) < 0);
    assert_true(compare(shortest, dds_buffer_text(&high)) < 0);
    assert_true(to_double(dds_buffer_text(&low)) == nextafter(value, -INFINITY));
    assert_true(to_double(dds_buffer_text(&high)) == nextafter(value, INFINITY));
  }
  dds_buffer_clear(&low);
  dds_buffer_clear(&high);
  assert_true(dds_number_bounds(0.0, &low, &high));
  assert_string_equal(dds_buffer_text(&low), "0");
  assert_false(dds_number_bounds(INFINITY, &low, &high));
  assert_false(dds_number_bounds(NAN, &low, &high));
  assert_false(dds_number_bounds(1e300, &low, &high));
  assert_false(dds_number_bounds(1e-200, &low, &high));
  dds_buffer_free(&text);
  dds_buffer_free(&low);
  dds_buffer_free(&high);
}

static void measures_by_pairs_of_digits(void **state) {
  (void)state;
  assert_int_equal(dds_number_size_bytes("0", 1), 1);
  assert_int_equal(dds_number_size_bytes("5", 1), 2);
  assert_int_equal(dds_number_size_bytes("12", 2), 2);
  assert_int_equal(dds_number_size_bytes("1200", 4), 2);
  assert_int_equal(dds_number_size_bytes("120", 3), 3);
  assert_int_equal(dds_number_size_bytes("1.5", 3), 3);
  assert_int_equal(dds_number_size_bytes("0.0012", 6), 2);
  assert_int_equal(dds_number_size_bytes("-1700000001", 11), 7);
  assert_int_equal(dds_number_size_bytes(DIGITS_38, 38), 20);
}

/* Any locale of the machine that writes another decimal point; false where it has none. */
static bool set_foreign_locale(void) {
  static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "de_DE", "fr_FR.UTF-8"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    if (setlocale(LC_NUMERIC, names[i]) != NULL) {
      return true;
    }
  }
  return false;
}

static void does_not_obey_the_locale(void **state) {
  if (!set_foreign_locale()) {
    skip();
  }
  assert_string_equal(localeconv()->decimal_point, ",");
  converts_to_doubles(state);
  writes_the_shortest_decimal(state);
  doubles_round_trip_within_their_bounds(state);
  scales_by_powers_of_ten(state);
  setlocale(LC_NUMERIC, "C");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(checks_what_dynamodb_stores),
      cmocka_unit_test(compares_exactly),
      cmocka_unit_test(finds_integers_of_64_bits),
      cmocka_unit_test(converts_to_doubles),
      cmocka_unit_test(scales_by_powers_of_ten),
      cmocka_unit_test(writes_what_dynamodb_gives_back),
      cmocka_unit_test(writes_the_shortest_decimal),
      cmocka_unit_test(doubles_round_trip_within_their_bounds),
      cmocka_unit_test(measures_by_pairs_of_digits),
      cmocka_unit_test(does_not_obey_the_locale),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
