/* xUpdate: from SQLite's arguments to writes in the connection's buffer. */
#pragma once

#include "vtab/sqlite.h"

int dds_update(sqlite3_vtab *vtab, int count, sqlite3_value **values, sqlite3_int64 *rowid);
