/*
 * What SQL sees of an item. The rule for values is the design's: by the attribute's type, then by
 * the affinity of the column.
 */
#include "sessions/row.h"

#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "dynamodb/number.h"

enum {
  NAMES_IN_MESSAGE = 10,
  NAME_IN_MESSAGE_BYTES = 64,
  /* DynamoDB answers without exponents: 126 digits, or 38 behind 130 zeros, point and sign. */
  NUMBER_MAX_BYTES = 200,
  SCALED_NUMBER_BYTES = NUMBER_MAX_BYTES + 32, /* and an exponent */
  TEXT_MAX_BYTES = 64 << 20, /* an item is 400 KB; escapes and base64 make it longer */
};

/* Whether an attribute that the text names is there. */
static bool find(const dds_item *item, const char *name, dds_value *value) {
  return dds_item_find(item, name, strlen(name), value);
}

static bool looks_like(const dds_layout *layout, const dds_item *item) {
  dds_value value;
  return find(item, layout->hash_key, &value) && value.type == DDS_TYPE_STRING &&
         find(item, layout->data, &value) && find(item, layout->expires, &value);
}

/* The layout whose key, data and expiry the item has; serverless-dynamodb-session-store and
 * dynamodb-store differ in the names of all but the key. */
static const dds_layout *likely_layout(const dds_item *item) {
  for (size_t i = 0; dds_layout_at(i) != NULL; i++) {
    if (looks_like(dds_layout_at(i), item)) {
      return dds_layout_at(i);
    }
  }
  return NULL;
}

/* Names alone: values may be session data. */
static void append_attribute_names(const dds_item *item, dds_buffer *names) {
  dds_item_iterator iterator = dds_item_iterate(item);
  dds_json name;
  dds_value value;
  size_t count = 0;
  while (dds_item_next(&iterator, &name, &value)) {
    if (count++ >= NAMES_IN_MESSAGE) {
      continue;
    }
    if (count > 1) {
      dds_buffer_append_text(names, ", ");
    }
    size_t length = name.length < NAME_IN_MESSAGE_BYTES ? name.length : NAME_IN_MESSAGE_BYTES;
    dds_buffer_append(names, name.text, length);
  }
  if (count > NAMES_IN_MESSAGE) {
    dds_buffer_append_format(names, " and %zu more", count - NAMES_IN_MESSAGE);
  }
}

static bool missing_key(const dds_layout *layout, const dds_item *item, dds_error *error) {
  dds_buffer names = DDS_BUFFER_INIT(DDS_ERROR_MESSAGE_BYTES);
  append_attribute_names(item, &names);
  const dds_layout *likely = likely_layout(item);
  dds_error_set(error, DDS_ERROR, "an item lacks \"%s\", the key of layout '%s'; it has %s",
                layout->hash_key, layout->name,
                names.length > 0 ? dds_buffer_text(&names) : "none of the attributes asked for");
  if (likely != NULL) {
    dds_error_append(error, ": looks like layout='%s'", likely->name);
  }
  dds_buffer_free(&names);
  return false;
}

/* The key without prefix and suffix, or false where it lacks them. */
static bool strip(const dds_layout *layout, const char **bytes, size_t *length) {
  size_t prefix = strlen(layout->prefix);
  size_t suffix = strlen(layout->suffix);
  if (*length < prefix + suffix) {
    return false;
  }
  if (prefix > 0 && memcmp(*bytes, layout->prefix, prefix) != 0) {
    return false;
  }
  if (suffix > 0 && memcmp(*bytes + *length - suffix, layout->suffix, suffix) != 0) {
    return false;
  }
  *bytes += prefix;
  *length -= prefix + suffix;
  return true;
}

/* The bytes of a string, borrowed from the item where nothing is escaped, else from `scratch`.
 * False where they cannot be had: out of memory, which shows in `scratch`, or no UTF-8. */
static bool read_string(const dds_value *value, dds_buffer *scratch, const char **bytes,
                        size_t *length) {
  if (dds_value_is_plain(value, bytes, length)) {
    return true;
  }
  if (!dds_value_append_bytes(value, scratch) || scratch->failed != DDS_OK) {
    return false;
  }
  *bytes = dds_buffer_text(scratch);
  *length = scratch->length;
  return true;
}

bool dds_row_check(const dds_layout *layout, const dds_item *item, bool *is_session,
                   dds_error *error) {
  *is_session = false;
  dds_value key;
  if (!find(item, layout->hash_key, &key)) {
    return missing_key(layout, item, error);
  }
  if (key.type != DDS_TYPE_STRING) {
    return true;
  }
  dds_buffer scratch = DDS_BUFFER_INIT(TEXT_MAX_BYTES);
  const char *bytes;
  size_t length;
  if (read_string(&key, &scratch, &bytes, &length)) {
    *is_session = strip(layout, &bytes, &length);
  }
  bool ok = dds_buffer_check(&scratch, error);
  dds_buffer_free(&scratch);
  return ok;
}

static bool take_scratch(dds_buffer *scratch, dds_sql_type type, dds_sql_value *value,
                         dds_error *error) {
  if (!dds_buffer_check(scratch, error)) {
    return false;
  }
  *value =
      (dds_sql_value){.type = type, .bytes = dds_buffer_text(scratch), .length = scratch->length};
  return true;
}

static bool cannot_decode(const dds_value *attribute, dds_error *error) {
  return dds_error_set(error, DDS_ERROR, "an attribute of type %s cannot be decoded",
                       dds_type_name(attribute->type));
}

static bool text_value(const dds_value *attribute, dds_buffer *scratch, dds_sql_value *value,
                       dds_error *error) {
  *value = (dds_sql_value){.type = DDS_SQL_TEXT};
  if (!read_string(attribute, scratch, &value->bytes, &value->length)) {
    return dds_buffer_check(scratch, error) && cannot_decode(attribute, error);
  }
  value->is_terminated = value->bytes == scratch->data;
  return true;
}

static bool blob_value(const dds_value *attribute, dds_buffer *scratch, dds_sql_value *value,
                       dds_error *error) {
  if (!dds_value_append_bytes(attribute, scratch) && scratch->failed == DDS_OK) {
    return cannot_decode(attribute, error);
  }
  return take_scratch(scratch, DDS_SQL_BLOB, value, error);
}

/* Under TEXT affinity its digits as they are, all 38 of them. */
static bool number_value(const dds_value *attribute, dds_affinity affinity, dds_buffer *scratch,
                         dds_sql_value *value, dds_error *error) {
  if (!text_value(attribute, scratch, value, error)) {
    return false;
  }
  if (affinity == DDS_AFFINITY_TEXT) {
    return true;
  }
  int64_t integer;
  if (dds_number_to_integer(value->bytes, value->length, &integer)) {
    *value = (dds_sql_value){.type = DDS_SQL_INTEGER, .integer = integer};
  } else {
    double real = dds_number_to_double(value->bytes, value->length);
    *value = (dds_sql_value){.type = DDS_SQL_REAL, .real = real};
  }
  return true;
}

static bool attribute_value(const dds_value *attribute, dds_affinity affinity, dds_buffer *scratch,
                            dds_sql_value *value, dds_error *error) {
  bool ok = true;
  switch (attribute->type) {
  case DDS_TYPE_STRING:
    ok = text_value(attribute, scratch, value, error);
    break;
  case DDS_TYPE_BINARY:
    ok = blob_value(attribute, scratch, value, error);
    break;
  case DDS_TYPE_NUMBER:
    ok = number_value(attribute, affinity, scratch, value, error);
    break;
  case DDS_TYPE_BOOL:
    *value = (dds_sql_value){.type = DDS_SQL_INTEGER, .integer = dds_value_is_true(attribute)};
    break;
  case DDS_TYPE_NULL:
    *value = (dds_sql_value){.type = DDS_SQL_NULL};
    break;
  default: /* lists, maps and sets */
    dds_value_append_json(attribute, scratch);
    ok = take_scratch(scratch, DDS_SQL_TEXT, value, error);
  }
  if (!ok) {
    return false;
  }
  dds_sql_apply_affinity(value, affinity, scratch);
  return dds_buffer_check(scratch, error);
}

static bool named_value(const char *name, dds_affinity affinity, const dds_item *item,
                        dds_buffer *scratch, dds_sql_value *value, dds_error *error) {
  dds_buffer_clear(scratch);
  *value = (dds_sql_value){.type = DDS_SQL_NULL};
  dds_value attribute;
  if (!find(item, name, &attribute)) {
    return true;
  }
  return attribute_value(&attribute, affinity, scratch, value, error);
}

bool dds_row_sid(const dds_layout *layout, const dds_item *item, dds_buffer *scratch,
                 dds_sql_value *value, dds_error *error) {
  if (!named_value(layout->hash_key, DDS_AFFINITY_TEXT, item, scratch, value, error)) {
    return false;
  }
  if (value->type == DDS_SQL_TEXT && strip(layout, &value->bytes, &value->length)) {
    value->is_terminated = value->is_terminated && layout->suffix[0] == '\0';
    return true;
  }
  return dds_error_set(error, DDS_ERROR, "an item's key is not one of layout '%s'", layout->name);
}

bool dds_row_session(const dds_layout *layout, const dds_item *item, dds_buffer *scratch,
                     dds_sql_value *value, dds_error *error) {
  return named_value(layout->data, DDS_AFFINITY_TEXT, item, scratch, value, error);
}

bool dds_row_extra(const dds_extra_column *column, const dds_item *item, dds_buffer *scratch,
                   dds_sql_value *value, dds_error *error) {
  return named_value(column->name, column->affinity, item, scratch, value, error);
}

/* A number as text, and whether it counts milliseconds. */
typedef struct moment {
  const char *text;
  size_t length;
  bool is_ms;
  bool is_short; /* a whole number that every reckoning here has room for, which most are */
  int64_t whole; /* it */
} moment;

/* Up to 15 digits: exact as a double, and times 1,000 as an integer. */
static bool read_short(const char *text, size_t length, int64_t *whole) {
  enum { MOST_DIGITS = 15 };
  if (length == 0 || length > MOST_DIGITS || (text[0] == '0' && length > 1)) {
    return false;
  }
  *whole = 0;
  for (size_t i = 0; i < length; i++) {
    if (text[i] < '0' || text[i] > '9') {
      return false;
    }
    *whole = *whole * 10 + (text[i] - '0');
  }
  return true;
}

static bool is_milliseconds(const moment *found) {
  static const char ms_from[] = "1E11"; /* DDS_ROW_MILLISECONDS_FROM */
  return found->is_short
             ? found->whole >= DDS_ROW_MILLISECONDS_FROM
             : dds_number_compare(found->text, found->length, ms_from, strlen(ms_from)) >= 0;
}

static bool read_moment(const dds_value *value, dds_time_unit unit, moment *found) {
  if (value->type != DDS_TYPE_NUMBER || !dds_value_is_plain(value, &found->text, &found->length)) {
    return false;
  }
  found->is_short = read_short(found->text, found->length, &found->whole);
  if (!found->is_short && dds_number_check(found->text, found->length) == DDS_NUMBER_NOT_A_NUMBER) {
    return false;
  }
  found->is_ms = unit == DDS_MILLISECONDS || is_milliseconds(found);
  return true;
}

/* The expiry attribute where there is one, whatever its type; else the TTL attribute. */
static bool find_moment(const dds_layout *layout, const dds_item *item, moment *found) {
  dds_value value;
  if (find(item, layout->expires, &value)) {
    return read_moment(&value, layout->unit, found);
  }
  return find(item, layout->ttl, &value) && read_moment(&value, DDS_SECONDS, found);
}

/* Divides by 1,000 in the text, so that nothing is rounded twice. False for text that is longer
 * than any number of DynamoDB. */
static bool divide_by_1000(const moment *ms, char text[SCALED_NUMBER_BYTES], size_t *length) {
  enum { EXPONENT_MAX = 1000000 };
  if (ms->length > NUMBER_MAX_BYTES) {
    return false;
  }
  size_t mantissa = 0;
  while (mantissa < ms->length && ms->text[mantissa] != 'e' && ms->text[mantissa] != 'E') {
    mantissa++;
  }
  long exponent = 0;
  for (size_t i = mantissa; i < ms->length; i++) {
    if (ms->text[i] >= '0' && ms->text[i] <= '9' && exponent < EXPONENT_MAX) {
      exponent = exponent * 10 + (ms->text[i] - '0');
    }
  }
  if (mantissa + 1 < ms->length && ms->text[mantissa + 1] == '-') {
    exponent = -exponent;
  }
  *length = (size_t)snprintf(text, SCALED_NUMBER_BYTES, "%.*sE%ld", (int)mantissa, ms->text,
                             exponent - 3);
  return true;
}

/* A quotient of two exact doubles is rounded once, as the decimal would be. */
static dds_sql_value short_seconds(const moment *found) {
  if (found->is_ms && found->whole % 1000 != 0) {
    return (dds_sql_value){.type = DDS_SQL_REAL, .real = (double)found->whole / 1000.0};
  }
  return (dds_sql_value){.type = DDS_SQL_INTEGER,
                         .integer = found->is_ms ? found->whole / 1000 : found->whole};
}

void dds_row_expires(const dds_layout *layout, const dds_item *item, dds_sql_value *value) {
  *value = (dds_sql_value){.type = DDS_SQL_NULL};
  moment found;
  if (!find_moment(layout, item, &found)) {
    return;
  }
  if (found.is_short) {
    *value = short_seconds(&found);
    return;
  }
  char scaled[SCALED_NUMBER_BYTES];
  const char *text = found.text;
  size_t length = found.length;
  if (found.is_ms) {
    if (!divide_by_1000(&found, scaled, &length)) {
      return;
    }
    text = scaled;
  }
  int64_t integer;
  if (dds_number_to_integer(text, length, &integer)) {
    *value = (dds_sql_value){.type = DDS_SQL_INTEGER, .integer = integer};
  } else {
    *value = (dds_sql_value){.type = DDS_SQL_REAL, .real = dds_number_to_double(text, length)};
    dds_sql_apply_affinity(value, DDS_AFFINITY_NUMERIC, NULL);
  }
}

bool dds_row_is_expired(const dds_layout *layout, const dds_item *item, int64_t now_ms) {
  moment found;
  if (!find_moment(layout, item, &found)) {
    return false;
  }
  if (found.is_short) {
    return (found.is_ms ? found.whole : found.whole * 1000) <= now_ms;
  }
  char now[SCALED_NUMBER_BYTES];
  int length = snprintf(now, sizeof now, found.is_ms ? "%lld" : "%lldE-3", (long long)now_ms);
  return dds_number_compare(found.text, found.length, now, (size_t)length) <= 0;
}

/* Adds to the text of a key while it is not too long for one; returns how long it is. */
static size_t append_part(char text[DDS_KEY_MAX_BYTES], size_t length, const char *part,
                          size_t part_length) {
  if (part_length > 0 && length <= DDS_KEY_MAX_BYTES && part_length <= DDS_KEY_MAX_BYTES - length) {
    memcpy(text + length, part, part_length);
  }
  return length + part_length;
}

bool dds_row_write_key(const dds_layout *layout, const char *sid, size_t length,
                       dds_key_writer *writer, dds_key *key, dds_error *error) {
  char text[DDS_KEY_MAX_BYTES];
  size_t whole = append_part(text, 0, layout->prefix, strlen(layout->prefix));
  whole = append_part(text, whole, sid, length);
  whole = append_part(text, whole, layout->suffix, strlen(layout->suffix));
  return dds_key_writer_text(writer, text, whole, key, error);
}

bool dds_row_key(const dds_layout *layout, const char *sid, size_t length, dds_key *key,
                 dds_error *error) {
  dds_key_writer writer;
  *key = (dds_key){0};
  dds_key_writer_open(&writer, layout->hash_key);
  bool ok = dds_row_write_key(layout, sid, length, &writer, key, error) &&
            dds_key_writer_take(&writer, key, error);
  dds_key_writer_close(&writer);
  return ok;
}

bool dds_row_sid_hash(const char *sid, size_t length, char hex[65], dds_error *error) {
  if (dds_hash_sha256_hex(sid, length, hex)) {
    return true;
  }
  return dds_error_set(error, DDS_ERROR, "libcrypto cannot compute SHA-256");
}
