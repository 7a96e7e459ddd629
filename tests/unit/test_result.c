/* Errors on their way to SQLite: every code has its counterpart, and messages their form. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* The test is a host with an SQLite of its own, which hands the API to the extension at open. */
#define SQLITE_CORE 1
#include "vtab/result.h"

int sqlite3_dynamodbsessions_init(sqlite3 *db, char **message, const sqlite3_api_routines *api);

static sqlite3 *db;

static int load(void **state) {
  (void)state;
  sqlite3_auto_extension((void (*)(void))sqlite3_dynamodbsessions_init);
  return sqlite3_open(":memory:", &db) == SQLITE_OK ? 0 : -1;
}

static int unload(void **state) {
  (void)state;
  return sqlite3_close(db) == SQLITE_OK ? 0 : -1;
}

static const struct {
  dds_code code;
  int sqlite_code;
} codes[] = {
    {DDS_OK, SQLITE_OK},
    {DDS_ERROR, SQLITE_ERROR},
    {DDS_NOMEM, SQLITE_NOMEM},
    {DDS_INTERRUPT, SQLITE_INTERRUPT},
    {DDS_BUSY, SQLITE_BUSY},
    {DDS_BUSY_SNAPSHOT, SQLITE_BUSY_SNAPSHOT},
    {DDS_LOCKED, SQLITE_LOCKED},
    {DDS_AUTH, SQLITE_AUTH},
    {DDS_READONLY, SQLITE_READONLY},
    {DDS_TOOBIG, SQLITE_TOOBIG},
    {DDS_MISMATCH, SQLITE_MISMATCH},
    {DDS_PRIMARYKEY, SQLITE_CONSTRAINT_PRIMARYKEY},
    {DDS_NOTNULL, SQLITE_CONSTRAINT_NOTNULL},
    {DDS_CHECK, SQLITE_CONSTRAINT_CHECK},
};

static void maps_codes_there_and_back(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
    assert_int_equal(dds_result_code(codes[i].code), codes[i].sqlite_code);
    assert_int_equal(dds_result_to_code(codes[i].sqlite_code), codes[i].code);
  }
  assert_int_equal(dds_result_to_code(SQLITE_CORRUPT_VTAB), DDS_ERROR);
  assert_int_equal(dds_result_to_code(SQLITE_BUSY_TIMEOUT), DDS_ERROR);
  assert_int_equal(dds_result_code((dds_code)999), SQLITE_ERROR);
}

static void says_who_speaks_but_for_constraints(void **state) {
  (void)state;
  for (size_t i = 1; i < sizeof codes / sizeof codes[0]; i++) {
    dds_error error = DDS_ERROR_INIT;
    dds_error_set(&error, codes[i].code, "100%% of %s", "it");
    char *message = dds_result_message(&error);
    bool is_constraint = (codes[i].sqlite_code & 0xff) == SQLITE_CONSTRAINT;
    assert_string_equal(message, is_constraint ? "100% of it" : "dynamodb_sessions: 100% of it");
    sqlite3_free(message);
  }
}

static void adds_the_request(void **state) {
  (void)state;
  dds_error error = DDS_ERROR_INIT;
  dds_error_set(&error, DDS_AUTH, "no");
  error.http_status = 400;
  error.attempts = 2;
  memcpy(error.request_id, "R1", 3);
  char *message = dds_result_message(&error);
  assert_string_equal(message, "dynamodb_sessions: no (HTTP 400, request R1, 2 attempts)");
  sqlite3_free(message);
}

static void replaces_a_tables_message(void **state) {
  (void)state;
  sqlite3_vtab vtab = {.zErrMsg = sqlite3_mprintf("old")};
  dds_error error = DDS_ERROR_INIT;
  dds_error_set(&error, DDS_LOCKED, "new");
  assert_int_equal(dds_result_vtab(&vtab, &error), SQLITE_LOCKED);
  assert_string_equal(vtab.zErrMsg, "dynamodb_sessions: new");
  error = DDS_ERROR_INIT;
  assert_int_equal(dds_result_vtab(&vtab, &error), SQLITE_OK);
  assert_null(vtab.zErrMsg);
}

/* A function's code reaches the host whole, extended, with its message. */
static void fail_as_told(sqlite3_context *context, int count, sqlite3_value **values) {
  dds_error error = DDS_ERROR_INIT;
  (void)count;
  dds_error_set(&error, (dds_code)sqlite3_value_int(values[0]), "told");
  dds_result_function(context, &error);
}

static void ends_functions(void **state) {
  (void)state;
  assert_int_equal(
      sqlite3_create_function(db, "fail_as_told", 1, SQLITE_UTF8, NULL, fail_as_told, NULL, NULL),
      SQLITE_OK);
  sqlite3_extended_result_codes(db, 1);
  for (size_t i = 1; i < sizeof codes / sizeof codes[0]; i++) {
    sqlite3_stmt *statement = NULL;
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT fail_as_told(?)", -1, &statement, NULL),
                     SQLITE_OK);
    sqlite3_bind_int(statement, 1, (int)codes[i].code);
    assert_int_equal(sqlite3_step(statement), codes[i].sqlite_code);
    assert_non_null(strstr(sqlite3_errmsg(db), "told"));
    sqlite3_finalize(statement);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(maps_codes_there_and_back),
      cmocka_unit_test(says_who_speaks_but_for_constraints),
      cmocka_unit_test(adds_the_request),
      cmocka_unit_test(replaces_a_tables_message),
      cmocka_unit_test(ends_functions),
  };
  return cmocka_run_group_tests(tests, load, unload);
}
