/* A value as SQL has it, free of SQLite's types, so that sessions/ stays pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

typedef enum dds_sql_type {
  DDS_SQL_NULL,
  DDS_SQL_INTEGER,
  DDS_SQL_REAL,
  DDS_SQL_TEXT,
  DDS_SQL_BLOB,
} dds_sql_type;

/* Text and blob are borrowed from wherever the header that gives one says. */
typedef struct dds_sql_value {
  dds_sql_type type;
  int64_t integer;
  double real;
  const char *bytes;
  size_t length;
  bool is_terminated; /* a zero is known to stand behind the bytes */
} dds_sql_value;

/* A column's declared type. */
typedef enum dds_affinity {
  DDS_AFFINITY_TEXT,
  DDS_AFFINITY_INTEGER,
  DDS_AFFINITY_REAL,
  DDS_AFFINITY_NUMERIC,
  DDS_AFFINITY_BLOB,
} dds_affinity;

/*
 * Applies SQLite's rules for affinity ("Datatypes In SQLite", 3). Text that it makes is appended to
 * `scratch` and borrowed from it. Out of memory shows in `scratch` (dds_buffer_check).
 */
void dds_sql_apply_affinity(dds_sql_value *value, dds_affinity affinity, dds_buffer *scratch);

/*
 * Moves a text that is an upper bound of texts behind every text that SQLite reads as a number:
 * where it compares a column of texts with a numeric one, '12' is the number 12, which is less than
 * any text. The bytes may then be a literal's.
 */
void dds_sql_raise_above_numbers(dds_sql_value *text);

/* Same type and same value; 1 and 1.0 are the same, text and blob are not. */
bool dds_sql_same(const dds_sql_value *left, const dds_sql_value *right);
