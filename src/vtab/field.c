/* Columns that are fields of a C structure. */
#include "vtab/field.h"

#include <stdbool.h>
#include <stdint.h>

static void number(sqlite3_context *context, int64_t value, bool is_known) {
  if (is_known) {
    sqlite3_result_int64(context, value);
  }
}

void dds_field_to_result(sqlite3_context *context, const void *structure, const dds_field *field) {
  union {
    const void *any;
    const char *const *text;
    const int *integer;
    const int64_t *integer64;
    const size_t *size;
    const double *real;
  } at = {.any = (const char *)structure + field->offset};
  switch (field->kind) {
  case DDS_FIELD_TEXT:
    if (*at.text != NULL && **at.text != '\0') {
      sqlite3_result_text(context, *at.text, -1, SQLITE_TRANSIENT);
    }
    break;
  case DDS_FIELD_INT:
    number(context, *at.integer, *at.integer >= 0);
    break;
  case DDS_FIELD_POSITIVE:
    number(context, *at.integer, *at.integer > 0);
    break;
  case DDS_FIELD_INT64:
    number(context, *at.integer64, *at.integer64 >= 0);
    break;
  case DDS_FIELD_SIZE:
    number(context, (int64_t)*at.size, true);
    break;
  case DDS_FIELD_DOUBLE:
    if (*at.real >= 0) {
      sqlite3_result_double(context, *at.real);
    }
    break;
  case DDS_FIELD_SECONDS:
    sqlite3_result_double(context, (double)*at.integer64 / 1000.0);
    break;
  }
}
