/*
 * The columns of a session table: which index is which, with the extra columns in between. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/attributes.h"
#include "base/buffer.h"
#include "sessions/row.h"

typedef enum dds_column {
  DDS_COLUMN_SID,
  DDS_COLUMN_SESSION,
  DDS_COLUMN_EXPIRES,
  DDS_COLUMN_EXTRA,
  DDS_COLUMN_ARGUMENTS,
  DDS_COLUMN_EXPIRED,
  DDS_COLUMN_SIZE,
  DDS_COLUMN_SID_HASH,
  DDS_COLUMN_ITEM,
  DDS_COLUMN_SNAPSHOT,
} dds_column;

/* A secondary index, option index='userId-index(userId)': its name, and its keys' attributes. The
 * hash key is an extra column's. All owned by the table of indexes that has it. */
typedef struct dds_index {
  char *name;
  char *attribute;
  char *sort_key; /* NULL: none is named */
} dds_index;

/* The columns of one table, and the indexes on them; both borrowed. */
typedef struct dds_columns {
  const dds_extra_column *extras;
  size_t extra_count;
  const dds_index *indexes;
  size_t index_count;
} dds_columns;

int dds_columns_count(const dds_columns *columns);

/* What kind of column an index is; `*extra`, if not NULL, is its place among the extra columns. */
dds_column dds_columns_kind(const dds_columns *columns, int index, size_t *extra);

/* The index of a column that is no extra one. */
int dds_columns_index(const dds_columns *columns, dds_column kind);

/* A column's name, and the index of a name (-1: none); names are compared as SQLite does, without
 * case in ASCII. */
const char *dds_columns_name(const dds_columns *columns, int index);
int dds_columns_find(const dds_columns *columns, const char *name, size_t length);

/* Appends a name as an SQL identifier: always in double quotes, or where it needs them. */
void dds_columns_append_quoted(dds_buffer *text, const char *name);
void dds_columns_append_name(dds_buffer *text, const char *name);

/* Appends the CREATE TABLE statement for sqlite3_declare_vtab. */
void dds_columns_append_declaration(const dds_columns *columns, dds_buffer *sql);

/* The declared type of an affinity, "TEXT", and back; false for any other word. */
const char *dds_columns_type_name(dds_affinity affinity);
bool dds_columns_type_find(const char *name, dds_affinity *affinity);
