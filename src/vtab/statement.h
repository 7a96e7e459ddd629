/* Statements that a function runs on its own connection. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/error.h"
#include "vtab/sqlite.h"

/*
 * Steps a prepared statement that returns no rows to its end and finalises it. A failure becomes an
 * error with SQLite's message; `*changes` gets the rows that it changed. The code of a failure that
 * has no counterpart among the project's is DDS_ERROR.
 */
DDS_MUST_USE bool dds_statement_finish(sqlite3 *db, sqlite3_stmt *statement, int64_t *changes,
                                       dds_error *error);

/* Sets the error from the connection's last failure. Returns false always. */
bool dds_statement_fail(sqlite3 *db, int code, dds_error *error);

/*
 * Whether the connection's text is UTF-8. Else BINARY compares UTF-16 bytes, whose order is not
 * DynamoDB's ("PRAGMA encoding").
 */
bool dds_statement_text_is_utf8(sqlite3 *db);

/* How many statements are running on the connection, and how many of them write: a SELECT asserts
 * nothing. */
int dds_statement_count_running(sqlite3 *db);
int dds_statement_count_writing(sqlite3 *db);
