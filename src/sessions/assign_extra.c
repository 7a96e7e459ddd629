/*
 * Extra columns on their way into an item. SQL has five types and DynamoDB ten: what an attribute
 * is already decides, as far as the value can be said in it.
 */
#include <string.h>

#include "base/hash.h"
#include "base/utf8.h"
#include "dynamodb/number.h"
#include "sessions/assign.h"

enum { TYPED_MAX_BYTES = 64 << 20, NUMBER_BYTES = 64 };

static bool is_number(const dds_sql_value *value) {
  return value->type == DDS_SQL_INTEGER || value->type == DDS_SQL_REAL;
}

static void append_string(const dds_sql_value *text, dds_buffer *typed) {
  dds_buffer_append_text(typed, "{\"S\":");
  dds_buffer_append_json_string(typed, text->bytes, text->length);
  dds_buffer_append_char(typed, '}');
}

static void append_digits(const char *digits, size_t length, dds_buffer *typed) {
  dds_buffer_append_text(typed, "{\"N\":\"");
  dds_buffer_append(typed, digits, length);
  dds_buffer_append_text(typed, "\"}");
}

static bool append_number(const dds_sql_value *value, dds_buffer *typed, dds_error *error) {
  dds_buffer digits = DDS_BUFFER_INIT(NUMBER_BYTES);
  bool fits = true;
  if (value->type == DDS_SQL_INTEGER) {
    dds_buffer_append_format(&digits, "%lld", (long long)value->integer);
  } else {
    fits = dds_number_append_double(&digits, value->real);
  }
  if (!fits) {
    dds_error_set(error, DDS_TOOBIG, "number beyond DynamoDB's 1E-130 to 9.99E+125");
  }
  bool ok = fits && dds_buffer_check(&digits, error);
  if (ok) {
    append_digits(dds_buffer_text(&digits), digits.length, typed);
  }
  dds_buffer_free(&digits);
  return ok;
}

/* By the value's own type. */
static bool append_plainly(const char *column, const dds_sql_value *value, dds_buffer *typed,
                           dds_error *error) {
  switch (value->type) {
  case DDS_SQL_INTEGER:
  case DDS_SQL_REAL:
    return append_number(value, typed, error);
  case DDS_SQL_BLOB:
    dds_buffer_append_text(typed, "{\"B\":\"");
    dds_hash_append_base64(typed, value->bytes, value->length);
    dds_buffer_append_text(typed, "\"}");
    return true;
  default:
    if (!dds_utf8_is_valid(value->bytes, value->length)) {
      return dds_error_set(error, DDS_CHECK, "CHECK constraint failed: %s is not valid UTF-8",
                           column);
    }
    append_string(value, typed);
    return true;
  }
}

/* 0 or 1, as a number or, from a TEXT column, as its digit. */
static bool is_bool(const dds_sql_value *value, bool *is_true) {
  dds_sql_value number = *value;
  bool is_character = value->type == DDS_SQL_TEXT && value->length == 1;
  if (is_character) {
    number = (dds_sql_value){.type = DDS_SQL_INTEGER, .integer = *value->bytes - '0'};
  }
  const dds_sql_value none = {.type = DDS_SQL_INTEGER, .integer = 0};
  const dds_sql_value one = {.type = DDS_SQL_INTEGER, .integer = 1};
  *is_true = dds_sql_same(&number, &one);
  return *is_true || dds_sql_same(&number, &none);
}

/* Containers from JSON text. `*is_kept` false: it says something else, which is then a string. */
static bool append_container(const char *column, const dds_sql_value *value, const dds_value *old,
                             dds_buffer *typed, bool *is_kept, dds_error *error) {
  dds_json plain, element;
  *is_kept = value->type == DDS_SQL_TEXT &&
             dds_json_parse(value->bytes, value->length, &plain, NULL) &&
             (dds_json_type_of(plain) == DDS_JSON_OBJECT) == (old->type == DDS_TYPE_MAP) &&
             dds_json_type_of(plain) >= DDS_JSON_ARRAY;
  if (!*is_kept) {
    return true;
  }
  dds_json_iterator elements = dds_json_iterate(plain);
  bool is_set = old->type != DDS_TYPE_LIST && old->type != DDS_TYPE_MAP;
  if (is_set && !dds_json_next(&elements, NULL, &element)) {
    return dds_error_set(error, DDS_CHECK, "CHECK constraint failed: %s is an empty set", column);
  }
  dds_error refusal = DDS_ERROR_INIT;
  if (dds_value_append_as(plain, old->type, old, typed, &refusal)) {
    return true;
  }
  *is_kept = false;
  dds_buffer_clear(typed);
  return refusal.code == DDS_CHECK || dds_error_set(error, refusal.code, "%s", refusal.message);
}

/* As the stored type, as far as that can be; `*is_kept` tells. */
static bool append_keeping(const char *column, const dds_sql_value *value, const dds_value *old,
                           dds_buffer *typed, bool *is_kept, dds_error *error) {
  bool is_true;
  dds_sql_value text = *value;
  dds_buffer scratch = DDS_BUFFER_INIT(NUMBER_BYTES);
  *is_kept = false;
  switch (old->type) {
  case DDS_TYPE_STRING:
    *is_kept = is_number(value);
    if (!*is_kept) {
      return true;
    }
    dds_sql_apply_affinity(&text, DDS_AFFINITY_TEXT, &scratch);
    append_string(&text, typed);
    bool ok = dds_buffer_check(&scratch, error);
    dds_buffer_free(&scratch);
    return ok;
  case DDS_TYPE_NUMBER:
    *is_kept = value->type == DDS_SQL_TEXT &&
               dds_number_check(value->bytes, value->length) == DDS_NUMBER_OK;
    if (*is_kept) {
      append_digits(value->bytes, value->length, typed);
    }
    return true;
  case DDS_TYPE_BOOL:
    *is_kept = is_bool(value, &is_true);
    if (*is_kept) {
      dds_buffer_append_format(typed, "{\"BOOL\":%s}", is_true ? "true" : "false");
    }
    return true;
  case DDS_TYPE_BINARY:
  case DDS_TYPE_NULL:
    return true;
  default:
    return append_container(column, value, old, typed, is_kept, error);
  }
}

bool dds_assign_extra(const dds_extra_column *column, const dds_sql_value *value,
                      const dds_item *item, dds_write *write, dds_error *error) {
  dds_value old;
  bool is_stored = dds_item_find(item, column->name, strlen(column->name), &old);
  if (value->type == DDS_SQL_NULL) {
    return !is_stored || dds_write_assign(write, column->name, NULL, 0, error);
  }
  dds_buffer typed = DDS_BUFFER_INIT(TYPED_MAX_BYTES);
  bool is_kept = false;
  bool ok = (!is_stored || append_keeping(column->name, value, &old, &typed, &is_kept, error)) &&
            (is_kept || append_plainly(column->name, value, &typed, error)) &&
            dds_buffer_check(&typed, error) &&
            dds_assign_changed(item, column->name, typed.data, typed.length, write, error);
  dds_buffer_free(&typed);
  return ok;
}
