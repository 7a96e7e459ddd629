/* Errors on their way out: the one place where the project's codes become SQLite's. */
#include "vtab/result.h"

#include <stdbool.h>

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
    {DDS_ABORT_ROLLBACK, SQLITE_ABORT_ROLLBACK},
    {DDS_AUTH, SQLITE_AUTH},
    {DDS_READONLY, SQLITE_READONLY},
    {DDS_TOOBIG, SQLITE_TOOBIG},
    {DDS_MISMATCH, SQLITE_MISMATCH},
    {DDS_PRIMARYKEY, SQLITE_CONSTRAINT_PRIMARYKEY},
    {DDS_NOTNULL, SQLITE_CONSTRAINT_NOTNULL},
    {DDS_CHECK, SQLITE_CONSTRAINT_CHECK},
};

int dds_result_code(dds_code code) {
  for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
    if (codes[i].code == code) {
      return codes[i].sqlite_code;
    }
  }
  return SQLITE_ERROR;
}

dds_code dds_result_to_code(int sqlite_code) {
  for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
    if (codes[i].sqlite_code == sqlite_code) {
      return codes[i].code;
    }
  }
  return DDS_ERROR;
}

static bool is_constraint(dds_code code) {
  return (dds_result_code(code) & 0xff) == SQLITE_CONSTRAINT;
}

char *dds_result_message(const dds_error *error) {
  char text[DDS_ERROR_TEXT_BYTES];
  dds_error_format(error, text, sizeof text);
  return sqlite3_mprintf(is_constraint(error->code) ? "%s" : "dynamodb_sessions: %s", text);
}

int dds_result_vtab(sqlite3_vtab *vtab, const dds_error *error) {
  sqlite3_free(vtab->zErrMsg);
  vtab->zErrMsg = error->code == DDS_OK ? NULL : dds_result_message(error);
  return dds_result_code(error->code);
}

void dds_result_function(sqlite3_context *context, const dds_error *error) {
  char *message = dds_result_message(error);
  if (message == NULL) {
    sqlite3_result_error_nomem(context);
    return;
  }
  sqlite3_result_error(context, message, -1);
  sqlite3_result_error_code(context, dds_result_code(error->code));
  sqlite3_free(message);
}
