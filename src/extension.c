/*
 * dynamodb_sessions: a web-session table in Amazon DynamoDB as a SQL table. The entry point that
 * SQLite calls after .load; the only exported symbol.
 *
 *     .load ./dynamodb_sessions
 *     SELECT count(*) FROM dynamodb_sessions;
 *
 * Data flows down through the folders and back up: vtab (SQL) -> sessions (layouts, expiry) ->
 * dynamodb (requests, items) -> aws (credentials, signing, HTTP) -> base.
 */
#include <stdbool.h>

#include <sqlite3ext.h>

#include "base/alloc.h"
#include "vtab/connection.h"
#include "vtab/functions.h"
#include "vtab/information.h"
#include "vtab/result.h"
#include "vtab/table.h"

SQLITE_EXTENSION_INIT1

#define EXPORT __attribute__((visibility("default")))

/* sqlite3_vtab_rhs_value and unixepoch() came with 3.38. */
enum { OLDEST_SQLITE = 3038000 };

EXPORT int sqlite3_dynamodbsessions_init(sqlite3 *db, char **message,
                                         const sqlite3_api_routines *api);

static void *allocate(size_t size_bytes) {
  return sqlite3_malloc64(size_bytes);
}

static void *reallocate(void *memory, size_t size_bytes) {
  return sqlite3_realloc64(memory, size_bytes);
}

static void release(void *memory) {
  sqlite3_free(memory);
}

/* Loaded a second time into a connection, the open tables of the first time must stay as they are.
 */
static int ask_whether_loaded(sqlite3 *db, bool *is_loaded) {
  sqlite3_stmt *statement = NULL;
  int rc = sqlite3_prepare_v2(db, "SELECT dynamodb_version()", -1, &statement, NULL);
  sqlite3_finalize(statement);
  *is_loaded = rc == SQLITE_OK;
  return rc == SQLITE_NOMEM ? SQLITE_NOMEM : SQLITE_OK;
}

static int register_all(dds_connection *connection) {
  const dds_rows_table *const tables[] = {&dds_layouts_table, &dds_pending_table,
                                          &dds_requests_table, &dds_status_table};
  int rc = sqlite3_create_module_v2(connection->db, "dynamodb_sessions", dds_table_module(),
                                    dds_connection_retain(connection), dds_connection_release);
  for (size_t i = 0; rc == SQLITE_OK && i < sizeof tables / sizeof tables[0]; i++) {
    rc = dds_rows_register(connection, tables[i]);
  }
  return rc == SQLITE_OK ? dds_functions_register(connection) : rc;
}

/* Takes back what a failed load has registered: SQLite may unload the library. */
static void unregister_all(sqlite3 *db) {
  static const char *const modules[] = {"dynamodb_sessions", "dynamodb_layouts", "dynamodb_pending",
                                        "dynamodb_requests", "dynamodb_status"};
  for (size_t i = 0; i < sizeof modules / sizeof modules[0]; i++) {
    sqlite3_create_module_v2(db, modules[i], NULL, NULL, NULL);
  }
  dds_functions_unregister(db);
}

int sqlite3_dynamodbsessions_init(sqlite3 *db, char **message, const sqlite3_api_routines *api) {
  SQLITE_EXTENSION_INIT2(api);
  static const dds_allocator allocator = {
      .allocate = allocate, .reallocate = reallocate, .release = release};
  dds_error error = DDS_ERROR_INIT;
  dds_connection *connection = NULL;
  bool is_loaded = false;
  if (sqlite3_libversion_number() < OLDEST_SQLITE) {
    *message = sqlite3_mprintf("dynamodb_sessions: needs SQLite 3.38 or later, this is %s",
                               sqlite3_libversion());
    return SQLITE_ERROR;
  }
  dds_alloc_use(&allocator);
  int rc = ask_whether_loaded(db, &is_loaded);
  if (rc != SQLITE_OK || is_loaded) {
    return rc == SQLITE_OK ? SQLITE_OK_LOAD_PERMANENTLY : rc;
  }
  if (!dds_connection_create(db, &connection, &error)) {
    *message = dds_result_message(&error);
    return dds_result_code(error.code);
  }
  rc = register_all(connection);
  dds_connection_release(connection);
  if (rc != SQLITE_OK) {
    *message = sqlite3_mprintf("dynamodb_sessions: %s", sqlite3_errmsg(db));
    unregister_all(db);
    return rc;
  }
  /* libcurl and OpenSSL must not be unloaded while the process runs. */
  return SQLITE_OK_LOAD_PERMANENTLY;
}
