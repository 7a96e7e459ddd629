/*
 * Decimal arithmetic on number text, digit by digit. strtod and printf read and write the decimal
 * point of the host process's locale, so neither is ever given or asked for one here.
 */
#include "dynamodb/number.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

enum { MAX_DIGITS = 38, MAX_EXPONENT = 125, MIN_EXPONENT = -130 };

/* Exponents beyond this are all the same to us: no number of DynamoDB or double comes near. */
#define EXPONENT_LIMIT (INT64_C(1) << 48)

/* d.ddd × 10^exponent, the digits in place in the text. */
typedef struct decimal {
  bool is_negative;
  const char *digits; /* the first significant digit; a point may stand between them */
  size_t count;       /* significant digits without zeros at the end; 0: the number is zero */
  int64_t exponent;
} decimal;

static bool is_digit(char byte) {
  return byte >= '0' && byte <= '9';
}

/* Moves behind digits; false where there is none. */
static bool skip_digits(const char **next, const char *end) {
  const char *start = *next;
  while (*next < end && is_digit(**next)) {
    (*next)++;
  }
  return *next > start;
}

/* Reads `e+12` or nothing. */
static bool read_exponent(const char **next, const char *end, int64_t *exponent) {
  *exponent = 0;
  if (*next == end || (**next != 'e' && **next != 'E')) {
    return true;
  }
  (*next)++;
  bool is_negative = *next < end && **next == '-';
  if (*next < end && (**next == '+' || **next == '-')) {
    (*next)++;
  }
  const char *digit = *next;
  if (!skip_digits(next, end)) {
    return false;
  }
  for (; digit < *next; digit++) {
    if (*exponent < EXPONENT_LIMIT) {
      *exponent = *exponent * 10 + (*digit - '0');
    }
  }
  if (is_negative) {
    *exponent = -*exponent;
  }
  return true;
}

/* Finds the significant digits between `start` and `end`; `exponent` is that of the digit at
 * `start`. */
static void find_digits(decimal *number, const char *start, const char *end, int64_t exponent) {
  number->count = 0;
  number->digits = start;
  number->exponent = 0;
  size_t seen = 0;
  for (const char *at = start; at < end; at++) {
    if (*at == '.') {
      continue;
    }
    if (*at != '0' && number->count == 0) {
      number->digits = at;
      number->exponent = exponent;
      seen = 0;
    }
    seen++;
    exponent--;
    if (*at != '0') {
      number->count = seen;
    }
  }
}

/* Reads a number by JSON's grammar (RFC 8259, section 6). */
static bool read_decimal(const char *text, size_t length, decimal *number) {
  const char *next = text;
  const char *end = text + length;
  number->is_negative = next < end && *next == '-';
  if (number->is_negative) {
    next++;
  }
  const char *start = next;
  if (!skip_digits(&next, end)) {
    return false;
  }
  size_t whole_digits = (size_t)(next - start);
  if (whole_digits > 1 && *start == '0') {
    return false;
  }
  if (next < end && *next == '.') {
    next++;
    if (!skip_digits(&next, end)) {
      return false;
    }
  }
  const char *digits_end = next;
  int64_t power;
  if (!read_exponent(&next, end, &power) || next != end) {
    return false;
  }
  find_digits(number, start, digits_end, (int64_t)whole_digits - 1 + power);
  return true;
}

/* The digit at `*at`, which moves to the next. */
static char next_digit(const char **at) {
  if (**at == '.') {
    (*at)++;
  }
  return *(*at)++;
}

dds_number_status dds_number_check(const char *text, size_t length) {
  decimal number;
  if (!read_decimal(text, length, &number)) {
    return DDS_NUMBER_NOT_A_NUMBER;
  }
  if (number.count == 0) {
    return DDS_NUMBER_OK;
  }
  if (number.exponent > MAX_EXPONENT || number.exponent < MIN_EXPONENT) {
    return DDS_NUMBER_OUT_OF_RANGE;
  }
  return number.count > MAX_DIGITS ? DDS_NUMBER_TOO_PRECISE : DDS_NUMBER_OK;
}

/* -1, 0 or 1. */
static int sign_of(const decimal *number) {
  if (number->count == 0) {
    return 0;
  }
  return number->is_negative ? -1 : 1;
}

static int compare_magnitudes(const decimal *left, const decimal *right) {
  if (left->exponent != right->exponent) {
    return left->exponent < right->exponent ? -1 : 1;
  }
  const char *left_at = left->digits;
  const char *right_at = right->digits;
  for (size_t i = 0; i < left->count && i < right->count; i++) {
    char left_digit = next_digit(&left_at);
    char right_digit = next_digit(&right_at);
    if (left_digit != right_digit) {
      return left_digit < right_digit ? -1 : 1;
    }
  }
  return left->count < right->count ? -1 : left->count > right->count;
}

int dds_number_compare(const char *left, size_t left_length, const char *right,
                       size_t right_length) {
  decimal left_number = {0};
  decimal right_number = {0};
  if (!read_decimal(left, left_length, &left_number) ||
      !read_decimal(right, right_length, &right_number)) {
    return 0;
  }
  int left_sign = sign_of(&left_number);
  int right_sign = sign_of(&right_number);
  if (left_sign != right_sign) {
    return left_sign < right_sign ? -1 : 1;
  }
  if (left_sign == 0) {
    return 0;
  }
  return left_sign * compare_magnitudes(&left_number, &right_number);
}

bool dds_number_to_integer(const char *text, size_t length, int64_t *integer) {
  enum { MOST_DIGITS = 19 };
  decimal number;
  if (!read_decimal(text, length, &number)) {
    return false;
  }
  *integer = 0;
  if (number.count == 0) {
    return true;
  }
  if (number.exponent >= MOST_DIGITS || number.exponent < (int64_t)number.count - 1) {
    return false;
  }
  uint64_t magnitude = 0;
  const char *at = number.digits;
  for (int64_t i = 0; i <= number.exponent; i++) { /* 19 digits fit in 64 bits without sign */
    magnitude = magnitude * 10 + (uint64_t)(i < (int64_t)number.count ? next_digit(&at) - '0' : 0);
  }
  if (magnitude > (uint64_t)INT64_MAX + number.is_negative) {
    return false;
  }
  if (number.is_negative) {
    *integer = magnitude > INT64_MAX ? INT64_MIN : -(int64_t)magnitude;
  } else {
    *integer = (int64_t)magnitude;
  }
  return true;
}

double dds_number_to_double(const char *text, size_t length) {
  /* 767 digits tell any decimal from the middle between two doubles; where more follow, one digit
   * stands for them all. */
  enum { DECIDING_DIGITS = 767 };
  char whole[DECIDING_DIGITS + 32];
  decimal number;
  if (!read_decimal(text, length, &number)) {
    return 0.0;
  }
  if (number.count == 0) {
    return number.is_negative ? -0.0 : 0.0;
  }
  size_t used = 0;
  if (number.is_negative) {
    whole[used++] = '-';
  }
  const char *at = number.digits;
  size_t taken = number.count < DECIDING_DIGITS ? number.count : DECIDING_DIGITS;
  for (size_t i = 0; i < taken; i++) {
    whole[used++] = next_digit(&at);
  }
  if (number.count > taken) {
    whole[used++] = '1';
    taken++;
  }
  whole[used++] = 'E';
  dds_text_from_integer(number.exponent - (int64_t)taken + 1, whole + used);
  return strtod(whole, NULL);
}

static void append_zeros(dds_buffer *buffer, int64_t count) {
  for (int64_t i = 0; i < count; i++) {
    dds_buffer_append_char(buffer, '0');
  }
}

static void append_digits(dds_buffer *buffer, const char **at, size_t count) {
  for (size_t i = 0; i < count; i++) {
    dds_buffer_append_char(buffer, next_digit(at));
  }
}

/* Writes a decimal, with an exponent or without one. */
static void append_decimal_as(dds_buffer *buffer, const decimal *number, bool is_plain) {
  if (number->count == 0) {
    dds_buffer_append_char(buffer, '0');
    return;
  }
  if (number->is_negative) {
    dds_buffer_append_char(buffer, '-');
  }
  const char *at = number->digits;
  if (is_plain && number->exponent < 0) {
    dds_buffer_append_text(buffer, "0.");
    append_zeros(buffer, -number->exponent - 1);
    append_digits(buffer, &at, number->count);
    return;
  }
  size_t before_point = is_plain ? (size_t)number->exponent + 1 : 1;
  size_t leading = before_point < number->count ? before_point : number->count;
  append_digits(buffer, &at, leading);
  append_zeros(buffer, (int64_t)(before_point - leading));
  if (number->count > leading) {
    dds_buffer_append_char(buffer, '.');
    append_digits(buffer, &at, number->count - leading);
  }
  if (!is_plain) {
    dds_buffer_append_format(buffer, "E%lld", (long long)number->exponent);
  }
}

/* As people do while that is short, else with an exponent. */
static void append_decimal(dds_buffer *buffer, const decimal *number) {
  enum { SMALLEST_PLAIN = -7, LARGEST_PLAIN = 37 };
  append_decimal_as(buffer, number,
                    number->exponent >= SMALLEST_PLAIN && number->exponent <= LARGEST_PLAIN);
}

void dds_number_append_stored(dds_buffer *buffer, const char *text, size_t length) {
  decimal number;
  if (read_decimal(text, length, &number)) {
    append_decimal_as(buffer, &number, true);
  }
}

void dds_number_append_scaled(dds_buffer *buffer, const char *text, size_t length,
                              int power_of_ten) {
  decimal number;
  if (!read_decimal(text, length, &number)) {
    return;
  }
  number.exponent += power_of_ten;
  append_decimal(buffer, &number);
}

/* Digits that a double needs at most, and that it holds at least (IEEE 754 binary64). */
enum { ROUND_TRIP_DIGITS = 17, FAITHFUL_DIGITS = 15 };

typedef struct printed_double {
  char digits[ROUND_TRIP_DIGITS + 1];
  decimal number;
} printed_double;

/* Rounds to so many significant digits. Digits alone are taken from what printf writes, whatever
 * the locale has between them. */
static void print_double(double value, int digit_count, printed_double *printed) {
  char text[64];
  printed->number = (decimal){0};
  snprintf(text, sizeof text, "%.*e", digit_count - 1, value);
  size_t used = 0;
  const char *at = text;
  for (; *at != 'e' && *at != '\0'; at++) {
    if (is_digit(*at) && used < ROUND_TRIP_DIGITS) {
      printed->digits[used++] = *at;
    }
  }
  printed->digits[used] = '\0';
  long exponent = *at == 'e' ? strtol(at + 1, NULL, 10) : 0;
  find_digits(&printed->number, printed->digits, printed->digits + used, exponent);
  printed->number.is_negative = value < 0;
}

static bool is_storable(const decimal *number) {
  return number->count == 0 ||
         (number->exponent >= MIN_EXPONENT && number->exponent <= MAX_EXPONENT);
}

static double read_printed(const printed_double *printed) {
  char text[ROUND_TRIP_DIGITS + 32];
  int count = (int)printed->number.count;
  snprintf(text, sizeof text, "%s%.*sE%lld", printed->number.is_negative ? "-" : "", count,
           printed->number.digits, (long long)(printed->number.exponent - count + 1));
  return strtod(text, NULL);
}

bool dds_number_append_double(dds_buffer *buffer, double value) {
  if (!isfinite(value)) {
    return false;
  }
  printed_double printed;
  for (int digits = FAITHFUL_DIGITS; digits <= ROUND_TRIP_DIGITS; digits++) {
    print_double(value, digits, &printed);
    if (printed.number.count == 0 || read_printed(&printed) == value) {
      break;
    }
  }
  if (!is_storable(&printed.number)) {
    return false;
  }
  append_decimal(buffer, &printed.number);
  return true;
}

/*
 * The neighbour of a double, in 17 digits, reads as that neighbour; rounding to doubles is
 * monotonic, so every decimal that reads as the value itself lies on this side of it.
 */
static bool append_neighbour(dds_buffer *buffer, double value, double direction) {
  printed_double printed;
  double neighbour = nextafter(value, direction);
  if (!isfinite(neighbour)) {
    return false;
  }
  print_double(neighbour, ROUND_TRIP_DIGITS, &printed);
  if (!is_storable(&printed.number)) {
    return false;
  }
  append_decimal(buffer, &printed.number);
  return true;
}

bool dds_number_bounds(double value, dds_buffer *low, dds_buffer *high) {
  if (!isfinite(value)) {
    return false;
  }
  if (value == 0.0) { /* of DynamoDB's numbers only zero reads as 0.0 */
    dds_buffer_append_char(low, '0');
    dds_buffer_append_char(high, '0');
    return true;
  }
  return append_neighbour(low, value, -INFINITY) && append_neighbour(high, value, INFINITY);
}

bool dds_number_append_strict_end(dds_buffer *buffer, double value) {
  const double exact_integers = 9007199254740992.0; /* 2^53 */
  return fabs(value) < exact_integers && dds_number_append_double(buffer, value);
}

size_t dds_number_size_bytes(const char *text, size_t length) {
  decimal number;
  if (!read_decimal(text, length, &number)) {
    return 1;
  }
  if (number.count == 0) {
    return 1;
  }
  /* Pairs count from the point on: 120 is two of them, 12 is one. */
  size_t first_stands_alone = number.exponent % 2 == 0;
  return (first_stands_alone + number.count + 1) / 2 + 1 + number.is_negative;
}
