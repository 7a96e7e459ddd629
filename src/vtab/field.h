/* Columns that are fields of a C structure: a table of offsets instead of a branch a column. */
#pragma once

#include <stddef.h>

#include "vtab/sqlite.h"

typedef enum dds_field_kind {
  DDS_FIELD_TEXT,     /* char *; NULL and "" are NULL */
  DDS_FIELD_INT,      /* int; negative is NULL */
  DDS_FIELD_POSITIVE, /* int; 0 is NULL */
  DDS_FIELD_INT64,    /* int64_t; negative is NULL */
  DDS_FIELD_SIZE,     /* size_t */
  DDS_FIELD_DOUBLE,   /* double; negative is NULL */
  DDS_FIELD_SECONDS,  /* int64_t milliseconds, shown as seconds */
} dds_field_kind;

typedef struct dds_field {
  dds_field_kind kind;
  size_t offset;
} dds_field;

/* Sets the result from a field of `structure`; text is copied. */
void dds_field_to_result(sqlite3_context *context, const void *structure, const dds_field *field);
