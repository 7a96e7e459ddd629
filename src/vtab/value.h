/* Values between SQLite and the pure rooms. */
#pragma once

#include "sessions/sql_value.h"
#include "vtab/sqlite.h"

/* The value; bytes are borrowed from `value` until it changes or is converted. */
dds_sql_value dds_value_from_sqlite(sqlite3_value *value);

/* Sets a column's or function's result; bytes are copied. */
void dds_value_to_result(sqlite3_context *context, const dds_sql_value *value);
