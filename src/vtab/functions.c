/*
 * The SQL functions. All are SQLITE_DIRECTONLY, so that no view or trigger of a foreign database
 * file can run them. Inside a transaction touch and reap are an UPDATE and a DELETE, which SQLite
 * enters in the transaction; a function that filled the buffer itself would never be flushed.
 */
#include "vtab/functions.h"

#include <string.h>

#include "base/version.h"
#include "dynamodb/raw.h"
#include "sessions/cookie.h"
#include "vtab/clock.h"
#include "vtab/reap.h"
#include "vtab/result.h"
#include "vtab/statement.h"
#include "vtab/table.h"

enum { SQL_BYTES = 100000, COOKIE_BYTES = 1000000 };

/* A text argument; an error that names it where it is anything else. */
static bool text_argument(sqlite3_value *value, const char *function, const char *what,
                          const char **text, size_t *length, dds_error *error) {
  if (sqlite3_value_type(value) != SQLITE_TEXT) {
    dds_error_set(error, DDS_MISMATCH, "%s: %s must be text", function, what);
    return false;
  }
  *text = (const char *)sqlite3_value_text(value);
  *length = (size_t)sqlite3_value_bytes(value);
  if (*text == NULL) {
    dds_error_set_nomem(error);
    return false;
  }
  return true;
}

/* As text_argument, for what goes on as a C string. */
static bool name_argument(sqlite3_value *value, const char *function, const char *what,
                          const char **name, dds_error *error) {
  size_t length = 0;
  return text_argument(value, function, what, name, &length, error) &&
         (strlen(*name) == length ||
          dds_error_set(error, DDS_MISMATCH, "%s: %s has a NUL in it", function, what));
}

/* A number from 0.001 to 99,999,999,999, or 0 where the argument is NULL or left out. */
static bool positive_argument(int count, sqlite3_value **values, int place, const char *function,
                              const char *what, double *number, dds_error *error) {
  *number = 0;
  if (place >= count || sqlite3_value_type(values[place]) == SQLITE_NULL) {
    return true;
  }
  int type = sqlite3_value_numeric_type(values[place]);
  *number = sqlite3_value_double(values[place]);
  return ((type == SQLITE_INTEGER || type == SQLITE_FLOAT) && *number >= 0.001 && *number < 1e11) ||
         dds_error_set(error, DDS_MISMATCH, "%s: %s must be a number from 0.001 to 99999999999",
                       function, what);
}

/* The table that the first argument names, ready for requests that write, or for any. */
static bool find_table(sqlite3_context *context, sqlite3_value *value, const char *function,
                       bool writes, dds_vtab **table, dds_error *error) {
  const char *name = NULL;
  return name_argument(value, function, "the table's name", &name, error) &&
         dds_table_find(sqlite3_user_data(context), name, table, error) &&
         (!writes || dds_target_check_writable((*table)->target, error)) &&
         dds_target_open((*table)->target, error);
}

static void create_table(sqlite3_context *context, int count, sqlite3_value **values) {
  dds_error error = DDS_ERROR_INIT;
  dds_vtab *table = NULL;
  bool created = false;
  (void)count;
  if (!find_table(context, values[0], "dynamodb_create_table", true, &table, &error)) {
    dds_result_function(context, &error);
    return;
  }
  /* The wait calls the host's progress handler, which may run a DROP TABLE though SQLite forbids
   * it: what needs no request is not refused (aws/stop.h). The target must outlive it. */
  dds_target *target = dds_target_retain(table->target);
  if (dds_target_create_table(target, DDS_CREATE_TIMEOUT_MS, &created, &error)) {
    sqlite3_result_text(context, created ? "created" : "exists", -1, SQLITE_STATIC);
  } else {
    dds_result_function(context, &error);
  }
  dds_target_release(target);
}

/*
 * ?1 now, ?2 sid, ?3 seconds or NULL, ?4 the layout's default age or NULL. Without seconds a
 * session lives on by its own cookie; one that never expires, or whose cookie says nothing, stays
 * as it is.
 */
static bool prepare_touch(const dds_vtab *table, bool has_seconds, sqlite3_stmt **statement,
                          dds_error *error) {
  static const char by_cookie[] =
      "CASE WHEN expires IS NULL THEN NULL ELSE coalesce(?1 + coalesce("
      "CASE WHEN json_valid(session) "
      "AND json_type(session, '$.cookie.originalMaxAge') IN ('integer', 'real') "
      "AND json_extract(session, '$.cookie.originalMaxAge') > 0 "
      "THEN json_extract(session, '$.cookie.originalMaxAge') / 1000.0 END, ?4), expires) END";
  sqlite3 *db = table->connection->db;
  dds_buffer sql = DDS_BUFFER_INIT(SQL_BYTES);
  dds_buffer_append_text(&sql, "UPDATE ");
  dds_table_append_name(table, &sql);
  dds_buffer_append_text(&sql, " SET expires = ");
  dds_buffer_append_text(&sql, has_seconds ? "?1 + ?3" : by_cookie);
  dds_buffer_append_text(&sql, " WHERE sid = ?2 AND expired = 0");
  bool ok = dds_buffer_check(&sql, error);
  if (ok) {
    int rc = sqlite3_prepare_v2(db, dds_buffer_text(&sql), -1, statement, NULL);
    ok = rc == SQLITE_OK || dds_statement_fail(db, rc, error);
  }
  dds_buffer_free(&sql);
  return ok;
}

/* Runs a prepared statement on the table: what it reads, and what it sends, is the call's. */
static bool run(const dds_vtab *table, sqlite3_stmt *statement, int64_t *changes,
                dds_error *error) {
  dds_target *target = dds_target_retain(table->target);
  if (target->call_depth++ == 0) {
    target->call = dds_target_meter(target);
  }
  bool ok = dds_statement_finish(table->connection->db, statement, changes, error);
  target->call_depth--;
  dds_target_release(target);
  return ok;
}

static bool run_touch(const dds_vtab *table, sqlite3_value *sid, double seconds, int64_t *changes,
                      dds_error *error) {
  sqlite3 *db = table->connection->db;
  int64_t default_age_s = table->target->options.layout.default_age_s;
  sqlite3_stmt *statement = NULL;
  if (!prepare_touch(table, seconds > 0, &statement, error)) {
    return false;
  }
  sqlite3_bind_double(statement, 1, (double)dds_clock_now_ms(db) / 1000.0);
  sqlite3_bind_value(statement, 2, sid);
  if (seconds > 0) {
    sqlite3_bind_double(statement, 3, seconds);
  } else if (default_age_s != DDS_NO_AGE) {
    sqlite3_bind_int64(statement, 4, default_age_s);
  }
  return run(table, statement, changes, error);
}

static void touch(sqlite3_context *context, int count, sqlite3_value **values) {
  static const char name[] = "dynamodb_touch";
  dds_error error = DDS_ERROR_INIT;
  dds_vtab *table = NULL;
  const char *sid = NULL;
  size_t sid_length = 0;
  double seconds = 0;
  int64_t changes = 0;
  if (find_table(context, values[0], name, true, &table, &error) &&
      text_argument(values[1], name, "the session id", &sid, &sid_length, &error) &&
      positive_argument(count, values, 2, name, "seconds", &seconds, &error) &&
      run_touch(table, values[1], seconds, &changes, &error)) {
    sqlite3_result_int64(context, changes);
  } else {
    dds_result_function(context, &error);
  }
}

static bool reap_in_transaction(const dds_vtab *table, int64_t *changes, dds_error *error) {
  sqlite3 *db = table->connection->db;
  sqlite3_stmt *statement = NULL;
  dds_buffer sql = DDS_BUFFER_INIT(SQL_BYTES);
  dds_buffer_append_text(&sql, "DELETE FROM ");
  dds_table_append_name(table, &sql);
  dds_buffer_append_text(&sql, " WHERE expired = 1");
  bool ok = dds_buffer_check(&sql, error);
  if (ok) {
    int rc = sqlite3_prepare_v2(db, dds_buffer_text(&sql), -1, &statement, NULL);
    ok = (rc == SQLITE_OK || dds_statement_fail(db, rc, error)) &&
         run(table, statement, changes, error);
  }
  dds_buffer_free(&sql);
  return ok;
}

static bool reap_directly(const dds_vtab *table, double writes_per_second, int64_t *changes,
                          dds_error *error) {
  dds_target *target = dds_target_retain(table->target);
  bool ok =
      dds_reap(target, dds_clock_now_ms(table->connection->db), writes_per_second, changes, error);
  if (!ok && *changes > 0) {
    dds_error_append(error, " (%lld deleted before that stay deleted)", (long long)*changes);
  }
  dds_target_release(target);
  return ok;
}

static void reap(sqlite3_context *context, int count, sqlite3_value **values) {
  static const char name[] = "dynamodb_reap";
  dds_error error = DDS_ERROR_INIT;
  dds_vtab *table = NULL;
  double writes_per_second = 0;
  int64_t changes = 0;
  bool ok =
      find_table(context, values[0], name, true, &table, &error) &&
      positive_argument(count, values, 1, name, "writes_per_second", &writes_per_second, &error);
  if (ok) {
    ok = sqlite3_get_autocommit(table->connection->db)
             ? reap_directly(table, writes_per_second, &changes, &error)
             : reap_in_transaction(table, &changes, &error);
  }
  if (ok) {
    sqlite3_result_int64(context, changes);
  } else {
    dds_result_function(context, &error);
  }
}

static bool check_operation(const char *operation, const char *function, dds_error *error) {
  return dds_raw_is_name(operation) ||
         dds_error_set(error, DDS_MISMATCH,
                       "%s: the operation must be a name of DynamoDB's API, such as DescribeTable",
                       function);
}

/* One call in the user's own words, sent at once. */
static void request(sqlite3_context *context, int count, sqlite3_value **values) {
  static const char name[] = "dynamodb_request";
  dds_error error = DDS_ERROR_INIT;
  dds_vtab *table = NULL;
  const char *operation = NULL;
  const char *json = NULL;
  size_t length = 0;
  dds_operation *holder = NULL;
  dds_json answer;
  dds_meter meter = {0};
  (void)count;
  if (!name_argument(values[1], name, "the operation", &operation, &error) ||
      !check_operation(operation, name, &error) ||
      !text_argument(values[2], name, "the request", &json, &length, &error) ||
      !find_table(context, values[0], name, !dds_raw_is_read(operation), &table, &error)) {
    dds_result_function(context, &error);
    return;
  }
  /* The wait calls the host's progress handler, which may run a DROP TABLE though SQLite forbids
   * it: what needs no request is not refused (aws/stop.h). The target must outlive it. */
  dds_target *target = dds_target_retain(table->target);
  dds_table metered = dds_target_metered(target, &meter);
  if (dds_raw_run(&metered, operation, json, length, &holder, &answer, &error)) {
    sqlite3_result_text64(context, answer.text, answer.length, SQLITE_TRANSIENT, SQLITE_UTF8);
  } else {
    dds_result_function(context, &error);
  }
  if (!dds_raw_is_read(operation)) {
    dds_connection_note_write(target->connection, target->table.client, target->table.name);
  }
  dds_operation_free(holder);
  dds_target_release(target);
}

static void cookie(sqlite3_context *context, int count, sqlite3_value **values) {
  static const char name[] = "dynamodb_cookie";
  dds_error error = DDS_ERROR_INIT;
  const char *sid = NULL;
  const char *secret = NULL;
  size_t sid_length = 0;
  size_t secret_length = 0;
  dds_buffer value = DDS_BUFFER_INIT(COOKIE_BYTES);
  (void)count;
  if (text_argument(values[0], name, "the session id", &sid, &sid_length, &error) &&
      text_argument(values[1], name, "the secret", &secret, &secret_length, &error) &&
      dds_cookie_append_signed(&value, sid, sid_length, secret, secret_length, &error) &&
      dds_buffer_check(&value, &error)) {
    sqlite3_result_text64(context, dds_buffer_text(&value), value.length, SQLITE_TRANSIENT,
                          SQLITE_UTF8);
  } else {
    dds_result_function(context, &error);
  }
  dds_buffer_free(&value);
}

static void version(sqlite3_context *context, int count, sqlite3_value **values) {
  (void)count;
  (void)values;
  sqlite3_result_text(context, DDS_VERSION, -1, SQLITE_STATIC);
}

static const struct {
  const char *name;
  int arguments;
  int flags;
  void (*call)(sqlite3_context *, int, sqlite3_value **);
} functions[] = {
    {"dynamodb_create_table", 1, 0, create_table},
    {"dynamodb_touch", 2, 0, touch},
    {"dynamodb_touch", 3, 0, touch},
    {"dynamodb_reap", 1, 0, reap},
    {"dynamodb_reap", 2, 0, reap},
    {"dynamodb_request", 3, 0, request},
    {"dynamodb_cookie", 2, SQLITE_DETERMINISTIC, cookie},
    {"dynamodb_version", 0, SQLITE_DETERMINISTIC, version},
};
enum { FUNCTION_COUNT = sizeof functions / sizeof functions[0] };

int dds_functions_register(dds_connection *connection) {
  for (size_t i = 0; i < FUNCTION_COUNT; i++) {
    /* SQLite calls the destructor also where the registration fails. */
    int rc = sqlite3_create_function_v2(connection->db, functions[i].name, functions[i].arguments,
                                        SQLITE_UTF8 | SQLITE_DIRECTONLY | functions[i].flags,
                                        dds_connection_retain(connection), functions[i].call, NULL,
                                        NULL, dds_connection_release);
    if (rc != SQLITE_OK) {
      return rc;
    }
  }
  return SQLITE_OK;
}

void dds_functions_unregister(sqlite3 *db) {
  for (size_t i = 0; i < FUNCTION_COUNT; i++) {
    sqlite3_create_function_v2(db, functions[i].name, functions[i].arguments, SQLITE_UTF8, NULL,
                               NULL, NULL, NULL, NULL);
  }
}
