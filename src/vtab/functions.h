/* The SQL functions: dynamodb_create_table, _touch, _reap, _cookie, _version. */
#pragma once

#include "vtab/connection.h"
#include "vtab/sqlite.h"

/* Registers all of them; each holds a reference to the connection. Returns SQLite's code. */
int dds_functions_register(dds_connection *connection);

/* Takes all of them away again, after a load that failed half-way. */
void dds_functions_unregister(sqlite3 *db);
