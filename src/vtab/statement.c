/* Statements that a function runs on its own connection. */
#include "vtab/statement.h"

#include <string.h>

#include "vtab/result.h"

bool dds_statement_fail(sqlite3 *db, int code, dds_error *error) {
  static const char prefix[] = "dynamodb_sessions: ";
  const char *message = sqlite3_errmsg(db);
  /* The message of a virtual table of ours gets its prefix once, at the outermost function. */
  if (strncmp(message, prefix, sizeof prefix - 1) == 0) {
    message += sizeof prefix - 1;
  }
  return dds_error_set(error, dds_result_to_code(code), "%s", message);
}

bool dds_statement_finish(sqlite3 *db, sqlite3_stmt *statement, int64_t *changes,
                          dds_error *error) {
  int rc = sqlite3_step(statement);
  bool ok = rc == SQLITE_DONE || dds_statement_fail(db, sqlite3_extended_errcode(db), error);
  *changes = ok ? sqlite3_changes(db) : 0;
  sqlite3_finalize(statement);
  return ok;
}

bool dds_statement_text_is_utf8(sqlite3 *db) {
  sqlite3_stmt *statement = NULL;
  bool is_utf8 = false;
  if (sqlite3_prepare_v2(db, "PRAGMA encoding", -1, &statement, NULL) == SQLITE_OK &&
      sqlite3_step(statement) == SQLITE_ROW) {
    is_utf8 = sqlite3_stricmp((const char *)sqlite3_column_text(statement, 0), "UTF-8") == 0;
  }
  sqlite3_finalize(statement);
  return is_utf8;
}

static int count(sqlite3 *db, bool writing_alone) {
  int running = 0;
  sqlite3_stmt *statement = NULL;
  while ((statement = sqlite3_next_stmt(db, statement)) != NULL) {
    running += sqlite3_stmt_busy(statement) && !(writing_alone && sqlite3_stmt_readonly(statement));
  }
  return running;
}

int dds_statement_count_running(sqlite3 *db) {
  return count(db, false);
}

int dds_statement_count_writing(sqlite3 *db) {
  return count(db, true);
}
