/*
 * SQLite's type affinity. SQLite leaves it to a virtual table to convert what it stores and what it
 * gives back, so the rules stand here once more, independent of the locale.
 */
#include "sessions/sql_value.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "dynamodb/number.h"

enum { REAL_DIGITS = 15, REAL_TEXT_BYTES = 64, NUMBER_TEXT_MAX_BYTES = 1 << 20 };

static bool is_space(char byte) {
  return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

static bool is_digit(char byte) {
  return byte >= '0' && byte <= '9';
}

/* The parts of a numeric literal: spans of the text. */
typedef struct literal {
  bool is_negative;
  const char *whole, *whole_end;       /* without leading zeros */
  const char *fraction, *fraction_end; /* behind the point; NULL: no point */
  const char *exponent, *exponent_end; /* behind the E, with its sign; NULL: none */
} literal;

static const char *skip_digits(const char *at, const char *end) {
  while (at < end && is_digit(*at)) {
    at++;
  }
  return at;
}

/* Behind the E: a sign that may be missing, and at least one digit. NULL for anything else. */
static const char *read_exponent(const char *at, const char *end, literal *parts) {
  parts->exponent = at;
  if (at < end && (*at == '+' || *at == '-')) {
    at++;
  }
  parts->exponent_end = skip_digits(at, end);
  return parts->exponent_end == at ? NULL : parts->exponent_end;
}

/* Space, sign, digits with a point, exponent, space, as SQLite reads a number in text: ".5", "5."
 * and "+5" are numbers to it, hexadecimal is not. */
static bool read_literal(const char *at, const char *end, literal *parts) {
  *parts = (literal){.is_negative = false};
  while (at < end && is_space(*at)) {
    at++;
  }
  while (at < end && is_space(end[-1])) {
    end--;
  }
  if (at < end && (*at == '+' || *at == '-')) {
    parts->is_negative = *at++ == '-';
  }
  parts->whole = at;
  at = parts->whole_end = skip_digits(at, end);
  size_t digits = (size_t)(at - parts->whole);
  while (parts->whole_end - parts->whole > 1 && *parts->whole == '0') {
    parts->whole++;
  }
  if (at < end && *at == '.') {
    parts->fraction = at + 1;
    at = parts->fraction_end = skip_digits(at + 1, end);
    digits += (size_t)(at - parts->fraction);
  }
  if (digits == 0) {
    return false;
  }
  if (at < end && (*at == 'e' || *at == 'E')) {
    at = read_exponent(at + 1, end, parts);
  }
  return at == end;
}

static void append_span(dds_buffer *text, const char *start, const char *end) {
  dds_buffer_append(text, start, (size_t)(end - start));
}

/* Spells it as JSON does, which is what number.h reads. */
static void append_json_number(const literal *parts, dds_buffer *text) {
  if (parts->is_negative) {
    dds_buffer_append_char(text, '-');
  }
  if (parts->whole == parts->whole_end) {
    dds_buffer_append_char(text, '0');
  }
  append_span(text, parts->whole, parts->whole_end);
  if (parts->fraction != NULL && parts->fraction != parts->fraction_end) {
    dds_buffer_append_char(text, '.');
    append_span(text, parts->fraction, parts->fraction_end);
  }
  if (parts->exponent != NULL) {
    dds_buffer_append_char(text, 'E');
    append_span(text, parts->exponent, parts->exponent_end);
  }
}

static void set_integer(dds_sql_value *value, int64_t integer) {
  *value = (dds_sql_value){.type = DDS_SQL_INTEGER, .integer = integer};
}

/* A whole real becomes an integer, but not at the very ends of 64 bits (SQLite's rule). */
static void real_to_integer(dds_sql_value *value) {
  bool is_inside = value->real > (double)INT64_MIN && value->real < (double)INT64_MAX;
  if (is_inside && value->real == (double)(int64_t)value->real) {
    set_integer(value, (int64_t)value->real);
  }
}

static void text_to_number(dds_sql_value *value, dds_buffer *scratch) {
  literal parts;
  if (!read_literal(value->bytes, value->bytes + value->length, &parts)) {
    return;
  }
  /* Not in `scratch`: the text may be borrowed from there. */
  dds_buffer text = DDS_BUFFER_INIT(NUMBER_TEXT_MAX_BYTES);
  append_json_number(&parts, &text);
  if (text.failed != DDS_OK) {
    scratch->failed = text.failed;
    goto done;
  }
  int64_t integer;
  bool is_integer_literal = parts.fraction == NULL && parts.exponent == NULL;
  if (is_integer_literal && dds_number_to_integer(text.data, text.length, &integer)) {
    set_integer(value, integer);
    goto done;
  }
  *value = (dds_sql_value){.type = DDS_SQL_REAL};
  value->real = dds_number_to_double(text.data, text.length);
  real_to_integer(value);
done:
  dds_buffer_free(&text);
}

/* The digits of a finite, positive real, rounded to 15, without zeros at the end. */
static int round_to_digits(double magnitude, char digits[REAL_DIGITS + 1], int *exponent) {
  char text[REAL_TEXT_BYTES];
  snprintf(text, sizeof text, "%.*e", REAL_DIGITS - 1, magnitude);
  const char *at = text;
  int count = 0;
  /* Whatever the locale puts for the point is skipped. */
  for (; *at != '\0' && *at != 'e'; at++) {
    if (is_digit(*at) && count < REAL_DIGITS) {
      digits[count++] = *at;
    }
  }
  *exponent = 0;
  bool is_negative = *at == 'e' && at[1] == '-';
  for (; *at != '\0'; at++) {
    if (is_digit(*at)) {
      *exponent = *exponent * 10 + (*at - '0');
    }
  }
  if (is_negative) {
    *exponent = -*exponent;
  }
  while (count > 1 && digits[count - 1] == '0') {
    count--;
  }
  digits[count] = '\0';
  return count;
}

/* "123.5", "0.001" or "1.0e+20": 15 digits and always a point, as SQLite's %!.15g has it. */
static void append_real(dds_buffer *text, double real) {
  if (isinf(real)) {
    dds_buffer_append_text(text, real < 0 ? "-Inf" : "Inf");
    return;
  }
  char digits[REAL_DIGITS + 1];
  int exponent;
  int count = round_to_digits(fabs(real), digits, &exponent);
  if (real < 0) {
    dds_buffer_append_char(text, '-');
  }
  bool is_scientific = exponent < -4 || exponent >= REAL_DIGITS;
  int point = is_scientific ? 1 : exponent + 1; /* digits before the point */
  if (point <= 0) {
    dds_buffer_append_char(text, '0');
  }
  for (int i = 0; i < point; i++) {
    dds_buffer_append_char(text, i < count ? digits[i] : '0');
  }
  dds_buffer_append_char(text, '.');
  for (int i = point; i < 0; i++) {
    dds_buffer_append_char(text, '0');
  }
  int first = point > 0 ? point : 0;
  dds_buffer_append_text(text, first < count ? digits + first : "0");
  if (is_scientific) {
    dds_buffer_append_format(text, "e%+03d", exponent);
  }
}

static void number_to_text(dds_sql_value *value, dds_buffer *scratch) {
  size_t start = scratch->length;
  if (value->type == DDS_SQL_INTEGER) {
    dds_buffer_append_format(scratch, "%lld", (long long)value->integer);
  } else {
    append_real(scratch, value->real);
  }
  const char *bytes = dds_buffer_text(scratch) + start;
  *value = (dds_sql_value){.type = DDS_SQL_TEXT, .bytes = bytes, .length = scratch->length - start};
}

void dds_sql_apply_affinity(dds_sql_value *value, dds_affinity affinity, dds_buffer *scratch) {
  bool is_number = value->type == DDS_SQL_INTEGER || value->type == DDS_SQL_REAL;
  if (affinity == DDS_AFFINITY_BLOB) {
    return;
  }
  if (affinity == DDS_AFFINITY_TEXT) {
    if (is_number) {
      number_to_text(value, scratch);
    }
    return;
  }
  if (value->type == DDS_SQL_TEXT) {
    text_to_number(value, scratch);
  }
  if (affinity == DDS_AFFINITY_REAL) {
    if (value->type == DDS_SQL_INTEGER) {
      *value = (dds_sql_value){.type = DDS_SQL_REAL, .real = (double)value->integer};
    }
  } else if (value->type == DDS_SQL_REAL) {
    real_to_integer(value);
  }
}

void dds_sql_raise_above_numbers(dds_sql_value *text) {
  /* Numbers begin with space, sign, point or digit. */
  static const char behind_numbers[] = ":";
  if (text->length == 0 || (unsigned char)text->bytes[0] < ':') {
    text->bytes = behind_numbers;
    text->length = strlen(behind_numbers);
  }
}

static bool integer_is_real(int64_t integer, double real) {
  /* 2^63 is a double, the largest integer is not: it must not be cast. */
  return real >= -0x1p63 && real < 0x1p63 && (int64_t)real == integer &&
         (double)(int64_t)real == real;
}

bool dds_sql_same(const dds_sql_value *left, const dds_sql_value *right) {
  if (left->type == DDS_SQL_INTEGER && right->type == DDS_SQL_REAL) {
    return integer_is_real(left->integer, right->real);
  }
  if (left->type == DDS_SQL_REAL && right->type == DDS_SQL_INTEGER) {
    return integer_is_real(right->integer, left->real);
  }
  if (left->type != right->type) {
    return false;
  }
  switch (left->type) {
  case DDS_SQL_NULL:
    return true;
  case DDS_SQL_INTEGER:
    return left->integer == right->integer;
  case DDS_SQL_REAL:
    return left->real == right->real;
  case DDS_SQL_TEXT:
  case DDS_SQL_BLOB:
    break;
  }
  return left->length == right->length &&
         (left->length == 0 || memcmp(left->bytes, right->bytes, left->length) == 0);
}
