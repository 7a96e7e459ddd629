/* A cursor on a session table: xOpen to xColumn. */
#pragma once

#include "vtab/sqlite.h"
#include "vtab/table.h"

int dds_cursor_open(sqlite3_vtab *vtab, sqlite3_vtab_cursor **out);
int dds_cursor_close(sqlite3_vtab_cursor *base);
int dds_cursor_filter(sqlite3_vtab_cursor *base, int plan_number, const char *plan_words,
                      int value_count, sqlite3_value **values);
int dds_cursor_next(sqlite3_vtab_cursor *base);
int dds_cursor_eof(sqlite3_vtab_cursor *base);
int dds_cursor_column(sqlite3_vtab_cursor *base, sqlite3_context *context, int index);

/* Releases the memory that a closed cursor has left for the next one. */
void dds_cursor_free_spare(dds_vtab *table);
