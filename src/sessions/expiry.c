/*
 * Conditions on expiry. `expires` in SQL is seconds; where an item keeps it is one of up to four
 * places: the expiry attribute or, where that is missing, the TTL attribute, each in seconds or (by
 * its magnitude) in milliseconds. A comparison becomes a range of seconds, and that a range of each
 * place's own unit.
 */
#include "sessions/expiry.h"

#include <stdio.h>
#include <string.h>

#include "dynamodb/number.h"

enum { NUMBER_BYTES = 512 };

/* Numbers between two ends; an end without digits is open. */
typedef struct range {
  dds_buffer low, high;
  bool excludes_low, excludes_high;
} range;

static range empty_range(void) {
  return (range){.low = DDS_BUFFER_INIT(NUMBER_BYTES), .high = DDS_BUFFER_INIT(NUMBER_BYTES)};
}

static void free_range(range *ends) {
  dds_buffer_free(&ends->low);
  dds_buffer_free(&ends->high);
}

static bool has_failed(const range *ends) {
  return ends->low.failed != DDS_OK || ends->high.failed != DDS_OK;
}

static int compare_numbers(const dds_buffer *left, const char *right) {
  return dds_number_compare(left->data, left->length, right, strlen(right));
}

/* `attribute comparison number`; NULL when memory runs out. */
static dds_condition *compare(const char *attribute, dds_comparison comparison,
                              const dds_buffer *number) {
  dds_buffer typed = DDS_BUFFER_INIT(NUMBER_BYTES);
  dds_buffer_append_format(&typed, "{\"N\":\"%s\"}", dds_buffer_text(number));
  dds_condition *condition =
      typed.failed == DDS_OK
          ? dds_condition_compare(attribute, comparison, typed.data, typed.length)
          : NULL;
  dds_buffer_free(&typed);
  return condition;
}

/* The attribute is a number within the ends; at least one end is closed. */
static dds_condition *within(const char *attribute, const range *ends) {
  dds_comparison below = ends->excludes_high ? DDS_LESS : DDS_LESS_EQUAL;
  dds_comparison above = ends->excludes_low ? DDS_GREATER : DDS_GREATER_EQUAL;
  if (ends->low.length == 0) {
    return compare(attribute, below, &ends->high);
  }
  if (ends->high.length == 0) {
    return compare(attribute, above, &ends->low);
  }
  bool is_point = !ends->excludes_low && !ends->excludes_high &&
                  compare_numbers(&ends->low, dds_buffer_text(&ends->high)) == 0;
  if (is_point) {
    return compare(attribute, DDS_EQUAL, &ends->low);
  }
  return dds_condition_and(compare(attribute, above, &ends->low),
                           compare(attribute, below, &ends->high));
}

static void append_scaled(dds_buffer *to, const dds_buffer *from, int power_of_ten) {
  if (from->length > 0) {
    dds_number_append_scaled(to, from->data, from->length, power_of_ten);
  }
  if (from->failed != DDS_OK) {
    to->failed = from->failed;
  }
}

/* The range in milliseconds; `lowest`, if not NULL, is where it begins at the earliest. */
static void scale_to_ms(const range *seconds, const char *lowest, range *ms) {
  append_scaled(&ms->low, &seconds->low, 3);
  append_scaled(&ms->high, &seconds->high, 3);
  ms->excludes_low = seconds->excludes_low;
  ms->excludes_high = seconds->excludes_high;
  if (lowest == NULL || has_failed(ms)) {
    return;
  }
  if (ms->low.length > 0 && compare_numbers(&ms->low, lowest) >= 0) {
    return;
  }
  dds_buffer_clear(&ms->low);
  dds_buffer_append_text(&ms->low, lowest);
  ms->excludes_low = false;
}

/* The range, ending below `limit`. */
static void cut(const range *ends, const char *limit, range *below) {
  append_scaled(&below->low, &ends->low, 0);
  append_scaled(&below->high, &ends->high, 0);
  below->excludes_low = ends->excludes_low;
  below->excludes_high = ends->excludes_high;
  if (has_failed(below)) {
    return;
  }
  if (below->high.length > 0 && compare_numbers(&below->high, limit) < 0) {
    return;
  }
  dds_buffer_clear(&below->high);
  dds_buffer_append_text(&below->high, limit);
  below->excludes_high = true;
}

static bool is_void(const range *ends) {
  if (has_failed(ends) || ends->low.length == 0 || ends->high.length == 0) {
    return false;
  }
  int order = compare_numbers(&ends->low, dds_buffer_text(&ends->high));
  return order > 0 || (order == 0 && (ends->excludes_low || ends->excludes_high));
}

/* An attribute of seconds, in which large numbers are milliseconds. At least one of both ranges has
 * a number in it, since they join where the other ends. */
static dds_condition *seconds_within(const char *attribute, const range *seconds) {
  static const char ms_from[] = "100000000000"; /* DDS_ROW_MILLISECONDS_FROM */
  dds_condition *condition = NULL;
  range low = empty_range();
  range high = empty_range();
  cut(seconds, ms_from, &low);
  scale_to_ms(seconds, ms_from, &high);
  if (has_failed(&low) || has_failed(&high)) {
    goto done;
  }
  if (is_void(&high)) {
    condition = within(attribute, &low);
  } else if (is_void(&low)) {
    condition = within(attribute, &high);
  } else {
    condition = dds_condition_or(within(attribute, &low), within(attribute, &high));
  }
done:
  free_range(&low);
  free_range(&high);
  return condition;
}

static dds_condition *milliseconds_within(const char *attribute, const range *seconds) {
  range ms = empty_range();
  scale_to_ms(seconds, NULL, &ms);
  dds_condition *condition = has_failed(&ms) ? NULL : within(attribute, &ms);
  free_range(&ms);
  return condition;
}

/* Joins what must hold of the expiry attribute with what must hold of the TTL attribute, which
 * counts where the former is missing. `ttl` is NULL where they are one. */
static dds_condition *in_either_place(const dds_layout *layout, dds_condition *expires,
                                      dds_condition *ttl, bool has_ttl) {
  if (!has_ttl) {
    return expires;
  }
  return dds_condition_or(expires,
                          dds_condition_and(dds_condition_not_exists(layout->expires), ttl));
}

static bool has_own_ttl(const dds_layout *layout) {
  return strcmp(layout->ttl, layout->expires) != 0;
}

static dds_condition *expires_within(const dds_layout *layout, const range *seconds) {
  bool has_ttl = has_own_ttl(layout);
  dds_condition *expires = layout->unit == DDS_MILLISECONDS
                               ? milliseconds_within(layout->expires, seconds)
                               : seconds_within(layout->expires, seconds);
  dds_condition *ttl = has_ttl ? seconds_within(layout->ttl, seconds) : NULL;
  return in_either_place(layout, expires, ttl, has_ttl);
}

static dds_condition *is_number(const dds_layout *layout) {
  bool has_ttl = has_own_ttl(layout);
  dds_condition *ttl = has_ttl ? dds_condition_type_is(layout->ttl, DDS_TYPE_NUMBER) : NULL;
  return in_either_place(layout, dds_condition_type_is(layout->expires, DDS_TYPE_NUMBER), ttl,
                         has_ttl);
}

/* Ends beyond this many seconds do not fit DynamoDB's numbers as milliseconds. */
static bool is_too_large(const dds_buffer *end) {
  return end->failed == DDS_OK && end->length > 0 &&
         (compare_numbers(end, "1E122") > 0 || compare_numbers(end, "-1E122") < 0);
}

/* The decimals for which the comparison may be true of what SQLite makes of them. */
static bool range_of(dds_comparison comparison, const dds_sql_value *value, range *seconds) {
  bool is_integer = value->type == DDS_SQL_INTEGER;
  double real = is_integer ? (double)value->integer : value->real;
  /* `<` and `>` without their end, which a DELETE asserts: a row that has come to it is to stay. */
  if (comparison == DDS_LESS && dds_number_append_strict_end(&seconds->high, real)) {
    return seconds->excludes_high = true;
  }
  if (comparison == DDS_GREATER && dds_number_append_strict_end(&seconds->low, real)) {
    return seconds->excludes_low = true;
  }
  if (!dds_number_bounds(real, &seconds->low, &seconds->high)) {
    return false;
  }
  if (is_too_large(&seconds->low) || is_too_large(&seconds->high)) {
    return false;
  }
  if (comparison == DDS_LESS || comparison == DDS_LESS_EQUAL) {
    dds_buffer_free(&seconds->low);
  }
  if (comparison == DDS_GREATER || comparison == DDS_GREATER_EQUAL) {
    dds_buffer_free(&seconds->high);
  }
  return true;
}

dds_condition *dds_expiry_condition(const dds_layout *layout, dds_comparison comparison,
                                    const dds_sql_value *value, bool *pushable) {
  *pushable = value->type == DDS_SQL_INTEGER || value->type == DDS_SQL_REAL;
  if (!*pushable) {
    return NULL;
  }
  range seconds = empty_range();
  dds_condition *condition = NULL;
  *pushable = range_of(comparison, value, &seconds);
  if (*pushable && !has_failed(&seconds)) {
    condition = expires_within(layout, &seconds);
  }
  free_range(&seconds);
  return condition;
}

dds_condition *dds_expiry_null_condition(const dds_layout *layout) {
  return dds_condition_not(is_number(layout));
}

dds_condition *dds_expiry_expired_condition(const dds_layout *layout, int64_t now_ms,
                                            bool expired) {
  range seconds = empty_range();
  char now[32];
  int length = snprintf(now, sizeof now, "%lld", (long long)now_ms);
  dds_number_append_scaled(&seconds.high, now, (size_t)length, -3);
  dds_condition *condition = has_failed(&seconds) ? NULL : expires_within(layout, &seconds);
  free_range(&seconds);
  return expired ? condition : dds_condition_not(condition);
}
