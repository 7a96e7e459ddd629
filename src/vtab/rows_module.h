/*
 * Small read-only tables that exist without a CREATE: rows by number, columns by callback. A table
 * is a dds_rows_table; this file gives it the virtual-table methods.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/error.h"
#include "vtab/connection.h"
#include "vtab/sqlite.h"

/* What one statement reads: made by `open`, given to the other callbacks. */
typedef struct dds_rows {
  dds_connection *connection;
  uint64_t columns_used; /* SQLite's colUsed */
  const char *argument;  /* value of the hidden column `t`, or NULL; borrowed during open */
  int64_t first;         /* numbers of the rows: first … end - 1 */
  int64_t end;
  void *state; /* the table's own, released by `close` */
} dds_rows;

typedef struct dds_rows_table {
  const char *name;
  const char *declaration; /* for sqlite3_declare_vtab */
  int argument_column;     /* index of the hidden column that takes an argument; -1: none */
  bool (*open)(dds_rows *rows, dds_error *error);
  void (*column)(const dds_rows *rows, int64_t row, int index, sqlite3_context *context);
  void (*close)(dds_rows *rows); /* NULL: nothing to release */
} dds_rows_table;

/* Registers the table; holds a reference to the connection. Returns SQLite's code. */
int dds_rows_register(dds_connection *connection, const dds_rows_table *table);
