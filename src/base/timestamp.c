/*
 * Timestamps. Days and dates are converted by arithmetic on the proleptic Gregorian calendar, in
 * years that begin in March so that the leap day is a year's last.
 */
#include "base/timestamp.h"

#include <string.h>

enum { DAYS_IN_ERA = 146097, DAYS_TO_1970 = 719468 }; /* 400 years; from 0000-03-01 */

#define MS_IN_DAY INT64_C(86400000)

typedef struct date_time {
  int year, month, day, hour, minute, second, millisecond;
} date_time;

static bool is_leap_year(int year) {
  return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int days_in_month(int year, int month) {
  static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return month == 2 && is_leap_year(year) ? 29 : days[month - 1];
}

static int64_t floor_divide(int64_t dividend, int64_t divisor) {
  int64_t quotient = dividend / divisor;
  return dividend % divisor < 0 ? quotient - 1 : quotient;
}

/* Days from 0000-03-01 to the first of March of a year that is counted from March. */
static int64_t days_before_year(int64_t year) {
  return 365 * year + floor_divide(year, 4) - floor_divide(year, 100) + floor_divide(year, 400);
}

/* Days from the first of March to the first of a month that is counted from March (0 … 11). */
static int days_before_month(int month) {
  return (153 * month + 2) / 5;
}

static date_time split(int64_t time_ms) {
  int64_t days = floor_divide(time_ms, MS_IN_DAY);
  int64_t rest = time_ms - days * MS_IN_DAY;
  days += DAYS_TO_1970;
  int64_t year = floor_divide(days * 400, DAYS_IN_ERA);
  /* The average year's length puts the days around the first of March in a neighbouring year. */
  while (days_before_year(year + 1) <= days) {
    year++;
  }
  while (days_before_year(year) > days) {
    year--;
  }
  int day_of_year = (int)(days - days_before_year(year));
  int month = (5 * day_of_year + 2) / 153;
  bool is_next_year = month >= 10; /* January and February */
  return (date_time){
      .year = (int)year + is_next_year,
      .month = is_next_year ? month - 9 : month + 3,
      .day = day_of_year - days_before_month(month) + 1,
      .hour = (int)(rest / 3600000),
      .minute = (int)(rest / 60000 % 60),
      .second = (int)(rest / 1000 % 60),
      .millisecond = (int)(rest % 1000),
  };
}

/* False where a field is outside its range: a 30th of February, a 60th second. */
static bool join(const date_time *parts, int64_t *time_ms) {
  if (parts->month < 1 || parts->month > 12 || parts->day < 1 ||
      parts->day > days_in_month(parts->year, parts->month) || parts->hour > 23 ||
      parts->minute > 59 || parts->second > 59) {
    return false;
  }
  bool is_after_february = parts->month > 2;
  int month = is_after_february ? parts->month - 3 : parts->month + 9;
  int64_t days = days_before_year(parts->year - !is_after_february) + days_before_month(month) +
                 parts->day - 1 - DAYS_TO_1970;
  int64_t seconds = ((int64_t)parts->hour * 60 + parts->minute) * 60 + parts->second;
  *time_ms = days * MS_IN_DAY + seconds * 1000 + parts->millisecond;
  return true;
}

/* A number of so many digits, and what stands behind it. */
static char *write_number(char *to, int number, int digits, char behind) {
  for (int i = digits - 1; i >= 0; i--) {
    to[i] = (char)('0' + number % 10);
    number /= 10;
  }
  to[digits] = behind;
  return to + digits + 1;
}

bool dds_timestamp_format_iso(int64_t time_ms, char text[DDS_TIMESTAMP_ISO_BYTES]) {
  text[0] = '\0';
  if (time_ms < DDS_TIMESTAMP_MIN_MS || time_ms > DDS_TIMESTAMP_MAX_MS) {
    return false;
  }
  date_time parts = split(time_ms);
  char *at = write_number(text, parts.year, 4, '-');
  at = write_number(at, parts.month, 2, '-');
  at = write_number(at, parts.day, 2, 'T');
  at = write_number(at, parts.hour, 2, ':');
  at = write_number(at, parts.minute, 2, ':');
  at = write_number(at, parts.second, 2, '.');
  at = write_number(at, parts.millisecond, 3, 'Z');
  *at = '\0';
  return true;
}

void dds_timestamp_format_basic(int64_t time_ms, char text[DDS_TIMESTAMP_BASIC_BYTES]) {
  if (time_ms < DDS_TIMESTAMP_MIN_MS) {
    time_ms = DDS_TIMESTAMP_MIN_MS;
  }
  if (time_ms > DDS_TIMESTAMP_MAX_MS) {
    time_ms = DDS_TIMESTAMP_MAX_MS;
  }
  date_time parts = split(time_ms);
  const int fields[] = {parts.year / 100, parts.year % 100, parts.month, parts.day,
                        parts.hour,       parts.minute,     parts.second};
  char *at = text;
  for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
    if (i == 4) {
      *at++ = 'T';
    }
    *at++ = (char)('0' + fields[i] / 10);
    *at++ = (char)('0' + fields[i] % 10);
  }
  *at++ = 'Z';
  *at = '\0';
}

/* What is left to read. */
typedef struct cursor {
  const char *text;
  const char *end;
} cursor;

static bool read_digits(cursor *at, int count, int *value) {
  if (at->end - at->text < count) {
    return false;
  }
  *value = 0;
  for (int i = 0; i < count; i++) {
    char digit = at->text[i];
    if (digit < '0' || digit > '9') {
      return false;
    }
    *value = *value * 10 + (digit - '0');
  }
  at->text += count;
  return true;
}

/* One of the bytes of `allowed`. */
static bool read_char(cursor *at, const char *allowed) {
  if (at->text == at->end || *at->text == '\0' || strchr(allowed, *at->text) == NULL) {
    return false;
  }
  at->text++;
  return true;
}

/* Up to three digits count; more may follow. */
static bool read_fraction(cursor *at, int *milliseconds) {
  int scale = 100;
  *milliseconds = 0;
  if (!read_char(at, ".")) {
    return true;
  }
  int digit;
  if (!read_digits(at, 1, &digit)) {
    return false;
  }
  do {
    *milliseconds += digit * scale;
    scale /= 10;
  } while (read_digits(at, 1, &digit));
  return true;
}

static bool read_offset(cursor *at, int64_t *offset_ms) {
  *offset_ms = 0;
  if (read_char(at, "Zz")) {
    return true;
  }
  bool is_east = at->text < at->end && *at->text == '+';
  int hours, minutes;
  if (!read_char(at, "+-") || !read_digits(at, 2, &hours) || !read_char(at, ":") ||
      !read_digits(at, 2, &minutes) || hours > 23 || minutes > 59) {
    return false;
  }
  *offset_ms = (int64_t)(hours * 60 + minutes) * 60000 * (is_east ? 1 : -1);
  return true;
}

static bool read_clock(cursor *at, date_time *parts) {
  return read_digits(at, 2, &parts->hour) && read_char(at, ":") &&
         read_digits(at, 2, &parts->minute) && read_char(at, ":") &&
         read_digits(at, 2, &parts->second);
}

bool dds_timestamp_parse_iso(const char *text, size_t length, int64_t *time_ms) {
  cursor at = {text, text + length};
  date_time parts = {0};
  int64_t offset_ms, local_ms;
  bool is_read = read_digits(&at, 4, &parts.year) && read_char(&at, "-") &&
                 read_digits(&at, 2, &parts.month) && read_char(&at, "-") &&
                 read_digits(&at, 2, &parts.day) && read_char(&at, "Tt") &&
                 read_clock(&at, &parts) && read_fraction(&at, &parts.millisecond) &&
                 read_offset(&at, &offset_ms) && at.text == at.end;
  if (!is_read || !join(&parts, &local_ms)) {
    return false;
  }
  int64_t result_ms = local_ms - offset_ms;
  if (result_ms < DDS_TIMESTAMP_MIN_MS || result_ms > DDS_TIMESTAMP_MAX_MS) {
    return false;
  }
  *time_ms = result_ms;
  return true;
}

/* One of twelve or seven names of three letters. */
static bool read_name(cursor *at, const char *names, int *number) {
  for (*number = 1; *names != '\0'; names += 3, (*number)++) {
    if (at->end - at->text >= 3 && memcmp(at->text, names, 3) == 0) {
      at->text += 3;
      return true;
    }
  }
  return false;
}

bool dds_timestamp_parse_http(const char *text, size_t length, int64_t *time_ms) {
  cursor at = {text, text + length};
  date_time parts = {0};
  int week_day;
  return read_name(&at, "SunMonTueWedThuFriSat", &week_day) && read_char(&at, ",") &&
         read_char(&at, " ") && read_digits(&at, 2, &parts.day) && read_char(&at, " ") &&
         read_name(&at, "JanFebMarAprMayJunJulAugSepOctNovDec", &parts.month) &&
         read_char(&at, " ") && read_digits(&at, 4, &parts.year) && read_char(&at, " ") &&
         read_clock(&at, &parts) && at.end - at.text == 4 && memcmp(at.text, " GMT", 4) == 0 &&
         join(&parts, time_ms);
}
