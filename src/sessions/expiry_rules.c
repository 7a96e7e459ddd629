/* The rules of expiry, one a function. */
#include "sessions/expiry_rules.h"

#include <math.h>
#include <string.h>

#include "base/text.h"
#include "base/timestamp.h"
#include "dynamodb/number.h"
#include "sessions/assign.h"
#include "sessions/row.h"

/* Times from here on would read as milliseconds in an attribute of seconds: the year 5138. */
#define LIMIT_MS (DDS_ROW_MILLISECONDS_FROM * 1000)

static bool refuse(dds_error *error, const char *reason) {
  return dds_error_set(error, DDS_CHECK, "CHECK constraint failed: %s", reason);
}

/* Rounds a JSON number down to a whole one. False beyond what any date needs. */
static bool floor_number(const char *text, size_t length, int64_t *whole) {
  if (dds_number_to_integer(text, length, whole)) {
    return *whole > -10 * LIMIT_MS && *whole < 10 * LIMIT_MS;
  }
  double real = floor(dds_number_to_double(text, length));
  if (!(fabs(real) < 10.0 * (double)LIMIT_MS)) {
    return false;
  }
  *whole = (int64_t)real;
  return true;
}

/* Seconds of SQL to whole milliseconds, rounded down. 1700000000.123 is a little less as a double,
 * and yet means 123 ms: what reads as that same double counts as it. */
static bool to_ms(const dds_sql_value *seconds, int64_t *time_ms) {
  double real = seconds->type == DDS_SQL_INTEGER ? (double)seconds->integer : seconds->real;
  if (!(fabs(real) < (double)LIMIT_MS)) {
    return false;
  }
  double nearest = round(real * 1000.0);
  *time_ms = (int64_t)(nearest / 1000.0 == real ? nearest : floor(real * 1000.0));
  return true;
}

bool dds_expiry_rules_read(const dds_layout *layout, const dds_sql_value *expires,
                           dds_expiry *expiry, dds_error *error) {
  *expiry = (dds_expiry){.is_never = expires->type == DDS_SQL_NULL};
  if (expiry->is_never && !layout->allows_never) {
    return dds_error_set(error, DDS_CHECK,
                         "CHECK constraint failed: expires is NULL, and layout '%s' has no session "
                         "that never expires",
                         layout->name);
  }
  if (expiry->is_never) {
    return true;
  }
  if (expires->type != DDS_SQL_INTEGER && expires->type != DDS_SQL_REAL) {
    return refuse(error, "expires is not a number of seconds, as unixepoch() gives it");
  }
  if (!to_ms(expires, &expiry->time_ms) || expiry->time_ms >= LIMIT_MS) {
    return refuse(error, "expires looks like milliseconds; use seconds");
  }
  return expiry->time_ms >= 0 || refuse(error, "expires is negative");
}

void dds_expiry_rules_of_item(const dds_layout *layout, const dds_item *item, dds_expiry *expiry) {
  dds_sql_value expires;
  dds_row_expires(layout, item, &expires);
  *expiry = (dds_expiry){.is_never = expires.type == DDS_SQL_NULL};
  if (!expiry->is_never && !to_ms(&expires, &expiry->time_ms)) {
    expiry->is_never = true;
  }
}

void dds_expiry_rules_default(const dds_layout *layout, int64_t now_ms, dds_expiry *expiry) {
  *expiry = (dds_expiry){.is_never = layout->default_age_s == DDS_NO_AGE};
  if (!expiry->is_never) {
    expiry->time_ms = now_ms + layout->default_age_s * 1000;
  }
}

static bool find_member(const dds_json *cookie, const char *name, dds_json *value) {
  return cookie != NULL && dds_json_find(*cookie, name, strlen(name), value);
}

static bool is_changed(const dds_json *old, const dds_json *cookie, const char *name) {
  dds_json old_value, value;
  bool had = find_member(old, name, &old_value);
  bool has = find_member(cookie, name, &value);
  return had != has || (has && !dds_json_equal(old_value, value));
}

/* A date as express-session writes it, or a number, which JavaScript's Date takes as ms. A member
 * that is neither is no date: dynamodb-store keeps every date as an empty map. */
static bool read_date(const dds_json *cookie, bool *is_found, int64_t *time_ms, dds_error *error) {
  dds_json value;
  const char *text;
  size_t length;
  *is_found = false;
  if (!find_member(cookie, "expires", &value)) {
    return true;
  }
  dds_json_type type = dds_json_type_of(value);
  if (type == DDS_JSON_NUMBER) {
    *is_found = floor_number(value.text, value.length, time_ms);
  } else if (type == DDS_JSON_STRING && dds_json_string_is_plain(value, &text, &length)) {
    *is_found = dds_timestamp_parse_iso(text, length, time_ms);
  }
  if (*is_found || (type != DDS_JSON_NUMBER && type != DDS_JSON_STRING)) {
    return true;
  }
  return refuse(error, "the session's cookie.expires is not a date like 2026-11-22T12:52:21.000Z");
}

/* The age of a cookie, in ms: of both members the one that changed, where one alone did. */
static bool read_age(const dds_json *old, const dds_json *cookie, bool any, int64_t *age_ms) {
  static const char *const names[] = {"maxAge", "originalMaxAge"};
  for (int must_have_changed = 1; must_have_changed >= (any ? 0 : 1); must_have_changed--) {
    for (size_t i = 0; i < 2; i++) {
      dds_json value;
      if (must_have_changed && !is_changed(old, cookie, names[i])) {
        continue;
      }
      if (find_member(cookie, names[i], &value) && dds_json_type_of(value) == DDS_JSON_NUMBER &&
          floor_number(value.text, value.length, age_ms)) {
        return true;
      }
    }
  }
  return false;
}

bool dds_expiry_rules_follow_cookie(const dds_layout *layout, const dds_json *old, dds_json cookie,
                                    int64_t now_ms, dds_expiry_move *move, dds_error *error) {
  *move = (dds_expiry_move){0};
  if (old != NULL && old->length == cookie.length &&
      memcmp(old->text, cookie.text, cookie.length) == 0) {
    return true; /* as most statements leave it */
  }
  bool is_date_new = old == NULL || is_changed(old, &cookie, "expires");
  bool is_age_new = old == NULL || is_changed(old, &cookie, "originalMaxAge") ||
                    is_changed(old, &cookie, "maxAge");
  move->moves = is_date_new || is_age_new;
  if (!move->moves) {
    return true;
  }
  bool has_date;
  int64_t time_ms = 0, age_ms = 0;
  if (!read_date(&cookie, &has_date, &time_ms, error)) {
    return false;
  }
  if (!(is_date_new && has_date) && read_age(old, &cookie, is_date_new, &age_ms)) {
    time_ms = now_ms + age_ms;
    move->sets_cookie = true;
  } else if (!has_date) {
    dds_expiry_rules_default(layout, now_ms, &move->expiry);
    return true;
  }
  move->expiry.time_ms = time_ms;
  return (time_ms >= 0 && time_ms < LIMIT_MS) ||
         refuse(error, "the session's cookie expires outside the years 1970 to 5138");
}

static bool assign(const char *attribute, dds_time_unit unit, const dds_item *item,
                   const dds_expiry *expiry, dds_write *write, dds_error *error) {
  static const char null[] = "{\"NULL\":true}";
  char digits[DDS_TEXT_INTEGER_BYTES];
  if (expiry->is_never) {
    return dds_assign_changed(item, attribute, null, strlen(null), write, error);
  }
  int64_t time = unit == DDS_MILLISECONDS ? expiry->time_ms : expiry->time_ms / 1000;
  size_t length = dds_text_from_integer(time, digits);
  return dds_assign_number(item, attribute, digits, length, write, error);
}

bool dds_expiry_rules_assign(const dds_layout *layout, const dds_item *item,
                             const dds_expiry *expiry, dds_write *write, dds_error *error) {
  if (!assign(layout->expires, layout->unit, item, expiry, write, error)) {
    return false;
  }
  return strcmp(layout->ttl, layout->expires) == 0 ||
         assign(layout->ttl, DDS_SECONDS, item, expiry, write, error);
}
