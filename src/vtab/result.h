/* From the project's errors to SQLite's result codes and messages. */
#pragma once

#include "base/error.h"
#include "vtab/sqlite.h"

/* SQLite's result code, extended where there is one, of an error code. */
int dds_result_code(dds_code code);

/* And back: DDS_ERROR for a result code that no error has. */
dds_code dds_result_to_code(int sqlite_code);

/*
 * The message as SQLite shows it, from sqlite3_malloc: `dynamodb_sessions: …`, but a constraint's
 * in SQLite's own words. NULL when memory runs out.
 */
char *dds_result_message(const dds_error *error);

/* Sets a virtual table's message and returns the code. */
int dds_result_vtab(sqlite3_vtab *vtab, const dds_error *error);

/* Ends an SQL function with the error. */
void dds_result_function(sqlite3_context *context, const dds_error *error);
