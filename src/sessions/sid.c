/*
 * Conditions on the session id. The key is the sid between the layout's prefix and suffix, so the
 * prefix goes before a bound. A suffix leaves lower bounds alone: it only makes keys greater than
 * the prefix and their sid. Of an upper bound that "ab" meets, "ab" and the suffix may not.
 */
#include "sessions/sid.h"

#include <string.h>

#include "base/utf8.h"
#include "sessions/sql_value.h"

/* DynamoDB's hash keys are 1 to 2,048 bytes. */
enum { KEY_MAX_BYTES = 2048, TYPED_MAX_BYTES = 8 * KEY_MAX_BYTES };

dds_condition *dds_sid_condition(const dds_layout *layout, dds_comparison comparison,
                                 const dds_sql_value *value, bool *pushable) {
  bool is_upper_bound = comparison == DDS_LESS || comparison == DDS_LESS_EQUAL;
  bool is_lower_bound = comparison == DDS_GREATER || comparison == DDS_GREATER_EQUAL;
  dds_sql_value bound = *value;
  *pushable = value->type == DDS_SQL_TEXT && (is_lower_bound || is_upper_bound) &&
              !(is_upper_bound && layout->suffix[0] != '\0') &&
              dds_utf8_is_valid(value->bytes, value->length);
  if (!*pushable) {
    return NULL;
  }
  if (is_upper_bound) {
    dds_sql_raise_above_numbers(&bound);
  }
  size_t length = strlen(layout->prefix) + bound.length;
  *pushable = length > 0 && length <= KEY_MAX_BYTES;
  if (!*pushable) {
    return NULL;
  }
  dds_buffer key = DDS_BUFFER_INIT(KEY_MAX_BYTES);
  dds_buffer typed = DDS_BUFFER_INIT(TYPED_MAX_BYTES);
  dds_buffer_append_text(&key, layout->prefix);
  dds_buffer_append(&key, bound.bytes, bound.length);
  dds_buffer_append_text(&typed, "{\"S\":");
  dds_buffer_append_json_string(&typed, dds_buffer_text(&key), key.length);
  dds_buffer_append_char(&typed, '}');
  bool ok = key.failed == DDS_OK && typed.failed == DDS_OK;
  dds_condition *condition =
      ok ? dds_condition_compare(layout->hash_key, comparison, typed.data, typed.length) : NULL;
  dds_buffer_free(&key);
  dds_buffer_free(&typed);
  return condition;
}
