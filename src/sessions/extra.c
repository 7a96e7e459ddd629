/*
 * Conditions on extra columns. An attribute may have any type, so a condition judges the one type
 * whose order DynamoDB and SQLite share, and lets all others pass: SQLite checks them again. Only a
 * missing attribute and one of type NULL are rejected, since no comparison with NULL is true.
 */
#include "sessions/extra.h"

#include <string.h>

#include "base/hash.h"
#include "base/utf8.h"
#include "dynamodb/number.h"

enum { TYPED_MAX_BYTES = 8 << 20 };

/* `attribute comparison value` with a typed value that is a buffer's; NULL when it failed. */
static dds_condition *compare(const char *attribute, dds_comparison comparison,
                              const dds_buffer *typed) {
  if (typed->failed != DDS_OK) {
    return NULL;
  }
  return dds_condition_compare(attribute, comparison, typed->data, typed->length);
}

static dds_condition *is_not_null(const char *attribute) {
  return dds_condition_and(dds_condition_exists(attribute),
                           dds_condition_not(dds_condition_type_is(attribute, DDS_TYPE_NULL)));
}

/* What attributes of `type` are judged by, and everything of another type that is not NULL. */
static dds_condition *or_another_type(const char *attribute, dds_type type, dds_condition *judged) {
  dds_condition *another = dds_condition_not(dds_condition_type_is(attribute, type));
  return dds_condition_or(judged, dds_condition_and(is_not_null(attribute), another));
}

/* Judges attributes of `type` by a typed value, which is released. */
static dds_condition *judge(const char *attribute, dds_type type, dds_comparison comparison,
                            dds_buffer *typed) {
  dds_condition *judged = compare(attribute, comparison, typed);
  dds_buffer_free(typed);
  return or_another_type(attribute, type, judged);
}

static void append_text(dds_buffer *typed, const dds_sql_value *value) {
  dds_buffer_append_text(typed, "{\"S\":");
  dds_buffer_append_json_string(typed, value->bytes, value->length);
  dds_buffer_append_char(typed, '}');
}

static void append_blob(dds_buffer *typed, const dds_sql_value *value) {
  dds_buffer_append_text(typed, "{\"B\":\"");
  dds_hash_append_base64(typed, value->bytes, value->length);
  dds_buffer_append_text(typed, "\"}");
}

static dds_condition *compare_text(const char *attribute, dds_comparison comparison,
                                   const dds_sql_value *value) {
  dds_sql_value bound = *value;
  if (comparison == DDS_LESS || comparison == DDS_LESS_EQUAL) {
    dds_sql_raise_above_numbers(&bound);
  }
  dds_buffer typed = DDS_BUFFER_INIT(TYPED_MAX_BYTES);
  append_text(&typed, &bound);
  return judge(attribute, DDS_TYPE_STRING, comparison, &typed);
}

static dds_condition *compare_blob(const char *attribute, dds_comparison comparison,
                                   const dds_sql_value *value) {
  dds_buffer typed = DDS_BUFFER_INIT(TYPED_MAX_BYTES);
  append_blob(&typed, value);
  return judge(attribute, DDS_TYPE_BINARY, comparison, &typed);
}

static dds_condition *compare_end(const char *attribute, dds_comparison comparison,
                                  const dds_buffer *number) {
  dds_buffer typed = DDS_BUFFER_INIT(TYPED_MAX_BYTES);
  dds_buffer_append_format(&typed, "{\"N\":\"%s\"}", dds_buffer_text(number));
  if (number->failed != DDS_OK) {
    typed.failed = number->failed;
  }
  dds_condition *condition = compare(attribute, comparison, &typed);
  dds_buffer_free(&typed);
  return condition;
}

/* Ends are included: a decimal at the end of the range may read as the same double. */
static dds_condition *compare_range(const char *attribute, dds_comparison comparison,
                                    const dds_buffer *low, const dds_buffer *high) {
  switch (comparison) {
  case DDS_LESS:
  case DDS_LESS_EQUAL:
    return compare_end(attribute, DDS_LESS_EQUAL, high);
  case DDS_GREATER:
  case DDS_GREATER_EQUAL:
    return compare_end(attribute, DDS_GREATER_EQUAL, low);
  default:
    return dds_condition_and(compare_end(attribute, DDS_GREATER_EQUAL, low),
                             compare_end(attribute, DDS_LESS_EQUAL, high));
  }
}

/* `<` and `>` without their end, which a DELETE asserts: a row that has come to it is to stay. NULL
 * without `*is_known` where the end has to be included. */
static dds_condition *compare_strictly(const char *attribute, dds_comparison comparison,
                                       double real, bool *is_known) {
  dds_buffer end = DDS_BUFFER_INIT(TYPED_MAX_BYTES);
  *is_known = (comparison == DDS_LESS || comparison == DDS_GREATER) &&
              dds_number_append_strict_end(&end, real);
  dds_condition *condition = *is_known ? compare_end(attribute, comparison, &end) : NULL;
  dds_buffer_free(&end);
  return condition;
}

/* Attributes that are numbers and compare so. */
static dds_condition *judge_number(const char *attribute, dds_comparison comparison,
                                   const dds_sql_value *value, bool *pushable) {
  bool is_integer = value->type == DDS_SQL_INTEGER;
  double real = is_integer ? (double)value->integer : value->real;
  dds_buffer low = DDS_BUFFER_INIT(TYPED_MAX_BYTES);
  dds_buffer high = DDS_BUFFER_INIT(TYPED_MAX_BYTES);
  bool is_strict;
  dds_condition *condition = compare_strictly(attribute, comparison, real, &is_strict);
  *pushable = is_strict || dds_number_bounds(real, &low, &high);
  if (*pushable && !is_strict) {
    condition = compare_range(attribute, comparison, &low, &high);
  }
  dds_buffer_free(&low);
  dds_buffer_free(&high);
  return condition;
}

static dds_condition *compare_number(const char *attribute, dds_comparison comparison,
                                     const dds_sql_value *value, bool *pushable) {
  dds_condition *condition = judge_number(attribute, comparison, value, pushable);
  return *pushable ? or_another_type(attribute, DDS_TYPE_NUMBER, condition) : NULL;
}

/* What the value is where SQLite compares it with a column of numbers. */
static void to_number(const dds_extra_column *column, dds_sql_value *value, dds_buffer *scratch) {
  bool is_numeric = column->affinity == DDS_AFFINITY_INTEGER ||
                    column->affinity == DDS_AFFINITY_REAL ||
                    column->affinity == DDS_AFFINITY_NUMERIC;
  if (is_numeric) {
    dds_sql_apply_affinity(value, DDS_AFFINITY_NUMERIC, scratch);
  }
}

dds_condition *dds_extra_condition(const dds_extra_column *column, dds_comparison comparison,
                                   const dds_sql_value *value, bool *pushable) {
  dds_sql_value compared = *value;
  dds_condition *condition = NULL;
  dds_buffer scratch = DDS_BUFFER_INIT(TYPED_MAX_BYTES);
  to_number(column, &compared, &scratch);
  *pushable = true;
  if (scratch.failed != DDS_OK) {
    goto done;
  }
  switch (compared.type) {
  case DDS_SQL_INTEGER:
  case DDS_SQL_REAL:
    /* A number that meets a TEXT column comes from a numeric one: '0100' = 100 there. */
    *pushable = column->affinity != DDS_AFFINITY_TEXT;
    if (*pushable) {
      condition = compare_number(column->name, comparison, &compared, pushable);
    }
    break;
  case DDS_SQL_TEXT:
    *pushable = dds_utf8_is_valid(compared.bytes, compared.length);
    if (*pushable) {
      condition = compare_text(column->name, comparison, &compared);
    }
    break;
  case DDS_SQL_BLOB:
    condition = compare_blob(column->name, comparison, &compared);
    break;
  case DDS_SQL_NULL:
    *pushable = false;
    break;
  }
done:
  dds_buffer_free(&scratch);
  return condition;
}

/* The type of attribute that a value is compared with by value; false where there is none. */
static bool judged_type(const dds_extra_column *column, const dds_sql_value *value,
                        dds_type *type) {
  switch (value->type) {
  case DDS_SQL_INTEGER:
  case DDS_SQL_REAL:
    *type = DDS_TYPE_NUMBER;
    return column->affinity != DDS_AFFINITY_TEXT;
  case DDS_SQL_TEXT:
    *type = DDS_TYPE_STRING;
    return dds_utf8_is_valid(value->bytes, value->length);
  case DDS_SQL_BLOB:
    *type = DDS_TYPE_BINARY;
    return true;
  default:
    return false;
  }
}

/* Brings the values to what SQLite compares; false where they are not of one type. */
static bool agree(const dds_extra_column *column, dds_sql_value *values, size_t count,
                  dds_type *type) {
  dds_buffer scratch = DDS_BUFFER_INIT(TYPED_MAX_BYTES);
  bool is_agreed = count > 0 && count <= DDS_CONDITION_MAX_LIST;
  for (size_t i = 0; is_agreed && i < count; i++) {
    dds_type own;
    to_number(column, &values[i], &scratch);
    is_agreed = scratch.failed == DDS_OK && judged_type(column, &values[i], &own) &&
                (i == 0 || own == *type);
    *type = is_agreed ? own : *type;
  }
  dds_buffer_free(&scratch);
  return is_agreed;
}

static dds_condition *judge_numbers(const char *attribute, const dds_sql_value *values,
                                    size_t count, bool *pushable) {
  dds_condition *any = judge_number(attribute, DDS_EQUAL, &values[0], pushable);
  for (size_t i = 1; *pushable && i < count; i++) {
    dds_condition *one = judge_number(attribute, DDS_EQUAL, &values[i], pushable);
    any = *pushable ? dds_condition_or(any, one) : any;
  }
  if (*pushable) {
    return any;
  }
  dds_condition_release(any);
  return NULL;
}

static dds_condition *judge_list(const char *attribute, dds_type type, const dds_sql_value *values,
                                 size_t count) {
  dds_buffer list = DDS_BUFFER_INIT(TYPED_MAX_BYTES);
  for (size_t i = 0; i < count; i++) {
    dds_buffer_append_char(&list, i == 0 ? '[' : ',');
    (type == DDS_TYPE_STRING ? append_text : append_blob)(&list, &values[i]);
  }
  dds_buffer_append_char(&list, ']');
  dds_condition *condition =
      list.failed == DDS_OK ? dds_condition_in(attribute, list.data, list.length) : NULL;
  dds_buffer_free(&list);
  return condition;
}

dds_condition *dds_extra_list_condition(const dds_extra_column *column, dds_sql_value *values,
                                        size_t count, bool *pushable) {
  dds_type type = DDS_TYPE_STRING;
  *pushable = agree(column, values, count, &type);
  if (!*pushable) {
    return NULL;
  }
  dds_condition *judged = type == DDS_TYPE_NUMBER
                              ? judge_numbers(column->name, values, count, pushable)
                              : judge_list(column->name, type, values, count);
  return *pushable ? or_another_type(column->name, type, judged) : NULL;
}

dds_condition *dds_extra_null_condition(const dds_extra_column *column) {
  return dds_condition_not(is_not_null(column->name));
}
