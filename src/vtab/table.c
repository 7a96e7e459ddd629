/*
 * The virtual table dynamodb_sessions: connect and plan, and its part in a transaction. Reading is
 * cursor.c's, writing update.c's.
 *
 *     CREATE VIRTUAL TABLE temp.sessions USING dynamodb_sessions(table='prod-sessions');
 *     SELECT count(*) FROM dynamodb_sessions;        -- needs no CREATE
 *
 * xCreate is xConnect, which makes the module eponymous too; neither sends anything.
 */
#include "vtab/table.h"

#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "vtab/cursor.h"
#include "vtab/flush.h"
#include "vtab/plan.h"
#include "vtab/result.h"
#include "vtab/statement.h"
#include "vtab/update.h"

enum {
  SCHEMA_ARGUMENT = 1,
  NAME_ARGUMENT = 2,
  FIRST_ARGUMENT = 3,
  DECLARATION_BYTES = 1000000,
};

/*
 * What a request costs and how many rows it gives, to SQLite's planner. A Scan is dearer than any
 * plan that asks by key, however often it asks; and no cheaper with a filter, so that an OR becomes
 * several requests only where each of them asks by key. How many keys a BatchGetItem has is not
 * known when the plan is made; it is cheaper than two GetItems.
 */
enum { FILTERED_ROWS = 250000 };
static const struct {
  double cost;
  sqlite3_int64 rows;
} estimates[] = {
    [DDS_ACCESS_SCAN] = {1e9, 1000000},
    [DDS_ACCESS_GET] = {10, 1},
    [DDS_ACCESS_BATCH_GET] = {12, 25},
    [DDS_ACCESS_QUERY] = {50, 10},
};

static void unlink_table(dds_vtab *table) {
  dds_vtab **at = &table->connection->tables;
  while (*at != NULL && *at != table) {
    at = &(*at)->next;
  }
  if (*at == table) {
    *at = table->next;
  }
  if (table->connection->planned == table) {
    table->connection->planned = NULL;
  }
}

static int disconnect(sqlite3_vtab *vtab) {
  dds_vtab *table = (dds_vtab *)vtab;
  unlink_table(table);
  /* Those that a failed COMMIT left behind: a later table may get the same address. */
  dds_pending_truncate(&table->connection->pending, table, 0);
  dds_row_reads_free(table->reads);
  dds_cursor_free_spare(table);
  dds_loops_free(&table->loops);
  dds_target_release(table->target);
  dds_free(table->schema);
  dds_free(table->name);
  dds_free(table->savepoints);
  dds_connection_release(table->connection);
  /* SQLite takes the message of a refused DROP TABLE from nobody. */
  sqlite3_free(table->base.zErrMsg);
  dds_free(table);
  return SQLITE_OK;
}

/* DROP TABLE forgets the SQL name; writes that wait under it would be lost. */
static int destroy(sqlite3_vtab *vtab) {
  dds_vtab *table = (dds_vtab *)vtab;
  size_t count = dds_pending_count_of(&table->connection->pending, table);
  dds_error error = DDS_ERROR_INIT;
  if (table->connection->pending.is_being_sent) {
    dds_error_set(&error, DDS_LOCKED, "writes are being sent, and \"%s\" may have some of them",
                  table->name);
    return dds_result_vtab(vtab, &error);
  }
  if (count > 0) {
    dds_error_set(&error, DDS_LOCKED,
                  "\"%s\" has %zu unsent write%s in this transaction: COMMIT or ROLLBACK first",
                  table->name, count, dds_text_plural((double)count));
    return dds_result_vtab(vtab, &error);
  }
  return disconnect(vtab);
}

static bool declare(dds_vtab *table, dds_error *error) {
  sqlite3 *db = table->connection->db;
  dds_columns columns = dds_target_columns(table->target);
  dds_buffer sql = DDS_BUFFER_INIT(DECLARATION_BYTES);
  dds_columns_append_declaration(&columns, &sql);
  bool ok = dds_buffer_check(&sql, error);
  int rc = SQLITE_OK;
  if (ok) {
    rc = sqlite3_declare_vtab(db, dds_buffer_text(&sql));
  }
  if (ok && rc == SQLITE_OK) {
    rc = sqlite3_vtab_config(db, SQLITE_VTAB_CONSTRAINT_SUPPORT, 1);
  }
  if (ok && rc == SQLITE_OK) {
    rc = sqlite3_vtab_config(db, SQLITE_VTAB_DIRECTONLY);
  }
  if (ok && rc != SQLITE_OK) {
    ok = rc == SQLITE_NOMEM
             ? dds_error_set_nomem(error)
             : dds_error_set(error, dds_result_to_code(rc), "%s", sqlite3_errmsg(db));
  }
  dds_buffer_free(&sql);
  return ok;
}

static bool fill(dds_vtab *table, int count, const char *const *arguments, dds_error *error) {
  dds_connection *connection = table->connection;
  dds_options options = {0};
  bool ok = false;
  table->schema = dds_alloc_copy(arguments[SCHEMA_ARGUMENT], strlen(arguments[SCHEMA_ARGUMENT]));
  table->name = dds_alloc_copy(arguments[NAME_ARGUMENT], strlen(arguments[NAME_ARGUMENT]));
  if (table->schema == NULL || table->name == NULL) {
    return dds_error_set_nomem(error);
  }
  ok = dds_options_parse(count - FIRST_ARGUMENT, arguments + FIRST_ARGUMENT, &options, error) &&
       dds_target_create(connection, &options, &table->target, error) &&
       dds_target_set_sql_name(table->target, table->name, error) && declare(table, error);
  dds_options_free(&options);
  return ok;
}

static int connect(sqlite3 *db, void *client_data, int count, const char *const *arguments,
                   sqlite3_vtab **out, char **message) {
  dds_connection *connection = client_data;
  dds_error error = DDS_ERROR_INIT;
  dds_vtab *table = dds_alloc(sizeof *table);
  if (table == NULL) {
    return SQLITE_NOMEM;
  }
  table->connection = dds_connection_retain(connection);
  table->next = connection->tables;
  connection->tables = table;
  if (!fill(table, count, arguments, &error)) {
    *message = dds_result_message(&error);
    disconnect(&table->base);
    return dds_result_code(error.code);
  }
  /* A table that is created inside a transaction takes part in it without an xBegin, and hears of
   * its end; one that a read connects does neither. A CREATE has written to the schema. */
  table->is_new = !sqlite3_get_autocommit(db) &&
                  sqlite3_txn_state(db, arguments[SCHEMA_ARGUMENT]) == SQLITE_TXN_WRITE;
  table->is_begun = table->is_new;
  table->begin_position = connection->pending.next_position;
  table->lost_level = -1;
  *out = &table->base;
  return SQLITE_OK;
}

/* dynamodb_sessions('prod') would compare a hidden column and find nothing: say what to type. */
static void refuse_arguments(const dds_vtab *table, sqlite3_index_info *info, int place,
                             dds_error *error) {
  sqlite3_value *value = NULL;
  const char *name = "…";
  if (sqlite3_vtab_rhs_value(info, place, &value) == SQLITE_OK && value != NULL &&
      sqlite3_value_type(value) == SQLITE_TEXT) {
    name = (const char *)sqlite3_value_text(value);
  }
  if (name == NULL) {
    dds_error_set_nomem(error);
    return;
  }
  dds_error_set(error, DDS_ERROR,
                "%s takes no arguments in FROM; type: CREATE VIRTUAL TABLE temp.my_sessions USING "
                "dynamodb_sessions(table='%s');",
                table->name, name);
}

static const struct {
  unsigned char sqlite_op;
  dds_subject subject;
  dds_term_op op;
} constraint_ops[] = {
    {SQLITE_INDEX_CONSTRAINT_EQ, DDS_SUBJECT_COLUMN, DDS_TERM_EQUAL},
    {SQLITE_INDEX_CONSTRAINT_LT, DDS_SUBJECT_COLUMN, DDS_TERM_LESS},
    {SQLITE_INDEX_CONSTRAINT_LE, DDS_SUBJECT_COLUMN, DDS_TERM_LESS_EQUAL},
    {SQLITE_INDEX_CONSTRAINT_GT, DDS_SUBJECT_COLUMN, DDS_TERM_GREATER},
    {SQLITE_INDEX_CONSTRAINT_GE, DDS_SUBJECT_COLUMN, DDS_TERM_GREATER_EQUAL},
    {SQLITE_INDEX_CONSTRAINT_IS, DDS_SUBJECT_COLUMN, DDS_TERM_IS},
    {SQLITE_INDEX_CONSTRAINT_ISNULL, DDS_SUBJECT_COLUMN, DDS_TERM_IS_NULL},
    {SQLITE_INDEX_CONSTRAINT_LIMIT, DDS_SUBJECT_LIMIT, 0},
    {SQLITE_INDEX_CONSTRAINT_OFFSET, DDS_SUBJECT_OFFSET, 0},
};

/*
 * One constraint. GLOB, IS NOT NULL and the other operators that SQLite has for virtual tables
 * alone are not known here: in the ON clause of an outer join it hands them over for the table on
 * the left as well, whose rows they must not narrow (seen on 3.40.1 and 3.54.1).
 *
 * IN comes as `=`. Taken so, it would be checked against each value without the affinity of the
 * list's column (seen), so it is taken as a whole or not at all; sqlite3_vtab_in tells the first 32
 * constraints apart alone.
 */
static dds_constraint constraint_of(sqlite3_index_info *info, int place) {
  enum { TOLD_APART = 32 };
  const char *collation = sqlite3_vtab_collation(info, place);
  dds_constraint constraint = {
      .column = info->aConstraint[place].iColumn,
      .is_usable = info->aConstraint[place].usable != 0,
      .is_binary = collation == NULL || sqlite3_stricmp(collation, "BINARY") == 0,
  };
  for (size_t i = 0; i < sizeof constraint_ops / sizeof constraint_ops[0]; i++) {
    if (constraint_ops[i].sqlite_op == info->aConstraint[place].op) {
      constraint.subject = constraint_ops[i].subject;
      constraint.op = constraint_ops[i].op;
      constraint.is_known_op = constraint.column >= DDS_COLUMN_SID;
    }
  }
  if (constraint.subject != DDS_SUBJECT_COLUMN) {
    /* SQLite sorts what it has read, all of it. */
    constraint.is_usable = constraint.is_usable && info->nOrderBy == 0;
  } else if (constraint.op == DDS_TERM_EQUAL && constraint.is_known_op) {
    constraint.op = sqlite3_vtab_in(info, place, -1) ? DDS_TERM_IN : DDS_TERM_EQUAL;
    constraint.is_known_op = place < TOLD_APART;
  }
  return constraint;
}

/* A point read is unique only where the key is known to be text: else it becomes a Scan. */
static bool is_text_constant(sqlite3_index_info *info, const int *terms_of) {
  enum { KEY_TERM = 1 };
  for (int i = 0; i < info->nConstraint; i++) {
    sqlite3_value *value = NULL;
    if (terms_of[i] == KEY_TERM) {
      return sqlite3_vtab_rhs_value(info, i, &value) == SQLITE_OK && value != NULL &&
             sqlite3_value_type(value) == SQLITE_TEXT;
    }
  }
  return false;
}

static void estimate(sqlite3_index_info *info, const dds_plan *plan, const int *terms_of) {
  bool is_filtered_scan = plan->access == DDS_ACCESS_SCAN && plan->term_count > 0;
  info->estimatedCost = estimates[plan->access].cost;
  info->estimatedRows = is_filtered_scan ? FILTERED_ROWS : estimates[plan->access].rows;
  info->idxFlags = plan->access == DDS_ACCESS_GET && is_text_constant(info, terms_of)
                       ? SQLITE_INDEX_SCAN_UNIQUE
                       : 0;
}

/* Tells SQLite which constraints the plan takes. LIMIT and OFFSET are never omitted, so SQLite
 * keeps to them as well. */
static void take(sqlite3_index_info *info, const dds_constraint *constraints, const int *terms_of) {
  for (int i = 0; i < info->nConstraint; i++) {
    info->aConstraintUsage[i].argvIndex = terms_of[i];
    if (terms_of[i] > 0 && constraints[i].subject == DDS_SUBJECT_COLUMN &&
        constraints[i].op == DDS_TERM_IN) {
      sqlite3_vtab_in(info, i, 1);
    }
  }
}

static bool set_words(sqlite3_index_info *info, const dds_plan *plan, const dds_columns *columns,
                      dds_error *error) {
  dds_buffer words = DDS_BUFFER_INIT(DECLARATION_BYTES);
  dds_plan_append_words(plan, columns, &words);
  bool ok = dds_buffer_check(&words, error);
  if (ok) {
    info->idxStr = sqlite3_mprintf("%s", dds_buffer_text(&words));
    info->needToFreeIdxStr = 1;
    ok = info->idxStr != NULL || dds_error_set_nomem(error);
  }
  dds_buffer_free(&words);
  return ok;
}

static int best_index(sqlite3_vtab *vtab, sqlite3_index_info *info) {
  dds_vtab *table = (dds_vtab *)vtab;
  dds_error error = DDS_ERROR_INIT;
  dds_columns columns = dds_target_columns(table->target);
  size_t count = (size_t)info->nConstraint;
  dds_plan plan = {0};
  bool ok = false;
  dds_constraint *constraints = dds_alloc(count * sizeof *constraints);
  int *terms_of = dds_alloc(count * sizeof *terms_of);
  table->connection->planned = table;
  if (constraints == NULL || terms_of == NULL) {
    dds_error_set_nomem(&error);
    goto done;
  }
  for (int i = 0; i < info->nConstraint; i++) {
    constraints[i] = constraint_of(info, i);
    if (constraints[i].column == dds_columns_index(&columns, DDS_COLUMN_ARGUMENTS) &&
        constraints[i].subject == DDS_SUBJECT_COLUMN && constraints[i].is_known_op) {
      refuse_arguments(table, info, i, &error);
      goto done;
    }
  }
  ok = dds_plan_choose(&columns, constraints, count, info->colUsed, &plan, terms_of, &error) &&
       set_words(info, &plan, &columns, &error);
  if (ok) {
    take(info, constraints, terms_of);
    estimate(info, &plan, terms_of);
  }
done:
  dds_plan_free(&plan);
  dds_free(constraints);
  dds_free(terms_of);
  return ok ? SQLITE_OK : dds_result_vtab(vtab, &error);
}

/* Before a statement writes: a DELETE of a table that is only read would read, and bill, all of it
 * before its first row is refused. (It does where the transaction has created the table.) */
static int begin(sqlite3_vtab *vtab) {
  dds_vtab *table = (dds_vtab *)vtab;
  dds_error error;
  dds_error_clear(&error);
  if (!dds_target_check_writable(table->target, &error)) {
    return dds_result_vtab(vtab, &error);
  }
  table->is_begun = true;
  table->is_cut_off = false;
  table->target->sent_units = 0.0;
  /* A table that the transaction created gets no xBegin. */
  table->is_new = false;
  table->begin_position = table->connection->pending.next_position;
  table->savepoint_count = 0;
  table->lost_level = -1;
  return SQLITE_OK;
}

static int sync(sqlite3_vtab *vtab) {
  dds_error error;
  dds_error_clear(&error);
  return dds_flush(((dds_vtab *)vtab)->connection, &error) ? SQLITE_OK
                                                           : dds_result_vtab(vtab, &error);
}

/* Ends the table's part of the transaction; returns how many of its writes DynamoDB has applied. */
static size_t end_transaction(dds_vtab *table) {
  table->is_begun = false;
  table->is_new = false;
  table->is_renamed = false;
  table->was_rolled_back = false;
  table->savepoint_count = 0;
  dds_row_reads_free(table->reads);
  table->reads = NULL;
  size_t sent = table->sent_count;
  table->sent_count = 0;
  table->sent_end = 0;
  table->target->sent_units = 0.0;
  return sent + dds_pending_truncate(&table->connection->pending, table, 0);
}

static int commit(sqlite3_vtab *vtab) {
  end_transaction((dds_vtab *)vtab);
  return SQLITE_OK;
}

/* After a COMMIT that failed behind the flush, nothing brings back what was sent. */
static void log_sent(const dds_vtab *table, size_t applied) {
  if (applied > 0) {
    sqlite3_log(SQLITE_WARNING,
                "dynamodb_sessions: %d write%s of \"%s\" %s already sent to DynamoDB and stay%s",
                (int)applied, dds_text_plural((double)applied), table->name,
                applied == 1 ? "was" : "were", applied == 1 ? "s" : "");
  }
}

static int rollback(sqlite3_vtab *vtab) {
  dds_vtab *table = (dds_vtab *)vtab;
  log_sent(table, end_transaction(table));
  table->is_cut_off = true;
  return SQLITE_OK;
}

/* Remembers where the connection's writes stand; levels that were skipped stay unknown. */
static int savepoint(sqlite3_vtab *vtab, int level) {
  dds_vtab *table = (dds_vtab *)vtab;
  if (level < 0) {
    return SQLITE_OK;
  }
  if (level >= table->savepoint_count) {
    uint64_t *grown =
        dds_realloc(table->savepoints, ((size_t)level + 1) * sizeof *table->savepoints);
    if (grown == NULL) {
      /* SQLite rolls back to a level that it could not open. */
      table->lost_level = level;
      table->lost_position = table->connection->pending.next_position;
      return SQLITE_NOMEM;
    }
    table->savepoints = grown;
    for (int i = table->savepoint_count; i < level; i++) {
      grown[i] = UINT64_MAX;
    }
    table->savepoint_count = level + 1;
  }
  table->savepoints[level] = table->connection->pending.next_position;
  table->lost_level = -1;
  return SQLITE_OK;
}

static int release(sqlite3_vtab *vtab, int level) {
  dds_vtab *table = (dds_vtab *)vtab;
  int kept = level < 0 ? 0 : level;
  if (kept < table->savepoint_count) {
    table->savepoint_count = kept;
  }
  return SQLITE_OK;
}

/* A level that the table was never told of stands for its state when the transaction reached it. */
static int rollback_to(sqlite3_vtab *vtab, int level) {
  dds_vtab *table = (dds_vtab *)vtab;
  uint64_t position = UINT64_MAX;
  table->was_rolled_back = true;
  if (level >= 0 && level < table->savepoint_count) {
    position = table->savepoints[level];
    table->savepoint_count = level + 1;
  } else if (level == table->lost_level) {
    position = table->lost_position;
  }
  position = position == UINT64_MAX ? table->begin_position : position;
  /* Where in the transaction the earlier ones were sent is not known any more. */
  size_t sent = table->sent_end > position ? table->sent_count : 0;
  log_sent(table, sent + dds_pending_truncate(&table->connection->pending, table, position));
  return SQLITE_OK;
}

static int rename_table(sqlite3_vtab *vtab, const char *name) {
  dds_vtab *table = (dds_vtab *)vtab;
  dds_error error = DDS_ERROR_INIT;
  char *copy = dds_alloc_copy(name, strlen(name));
  if (copy == NULL || !dds_target_set_sql_name(table->target, name, &error)) {
    dds_free(copy);
    return SQLITE_NOMEM;
  }
  dds_free(table->name);
  table->name = copy;
  table->is_renamed = true;
  return SQLITE_OK;
}

static const sqlite3_module module = {
    .iVersion = 2,
    .xCreate = connect,
    .xConnect = connect,
    .xBestIndex = best_index,
    .xDisconnect = disconnect,
    .xDestroy = destroy,
    .xOpen = dds_cursor_open,
    .xClose = dds_cursor_close,
    .xFilter = dds_cursor_filter,
    .xNext = dds_cursor_next,
    .xEof = dds_cursor_eof,
    .xColumn = dds_cursor_column,
    .xUpdate = dds_update,
    .xBegin = begin,
    .xSync = sync,
    .xCommit = commit,
    .xRollback = rollback,
    .xRename = rename_table,
    .xSavepoint = savepoint,
    .xRelease = release,
    .xRollbackTo = rollback_to,
};

const sqlite3_module *dds_table_module(void) {
  return &module;
}

void dds_table_append_name(const dds_vtab *table, dds_buffer *sql) {
  dds_columns_append_quoted(sql, table->schema);
  dds_buffer_append_char(sql, '.');
  dds_columns_append_quoted(sql, table->name);
}

/* Lets SQLite resolve `schema` (NULL: by its search order) and `name`: planning calls xBestIndex.
 */
static bool resolve(dds_connection *connection, const char *schema, const char *name,
                    dds_vtab **out, dds_error *error) {
  dds_buffer sql = DDS_BUFFER_INIT(DECLARATION_BYTES);
  sqlite3_stmt *statement = NULL;
  dds_buffer_append_text(&sql, "SELECT 1 FROM ");
  if (schema != NULL) {
    dds_columns_append_quoted(&sql, schema);
    dds_buffer_append_char(&sql, '.');
  }
  dds_columns_append_quoted(&sql, name);
  dds_buffer_append_text(&sql, " LIMIT 0");
  bool ok = dds_buffer_check(&sql, error);
  connection->planned = NULL;
  if (ok) {
    int rc = sqlite3_prepare_v2(connection->db, dds_buffer_text(&sql), -1, &statement, NULL);
    /* SQLITE_ERROR: no such table. Anything else says nothing of that. */
    ok = rc == SQLITE_OK || rc == SQLITE_ERROR || dds_statement_fail(connection->db, rc, error);
  }
  /* A view on a session table plans the table under it, which has another name. */
  dds_vtab *planned = connection->planned;
  *out = planned != NULL && sqlite3_stricmp(planned->name, name) == 0 ? planned : NULL;
  sqlite3_finalize(statement);
  dds_buffer_free(&sql);
  return ok;
}

bool dds_table_find(dds_connection *connection, const char *name, dds_vtab **out,
                    dds_error *error) {
  const char *dot = strchr(name, '.');
  if (!resolve(connection, NULL, name, out, error)) {
    return false;
  }
  if (*out == NULL && dot != NULL) {
    char *schema = dds_alloc_copy(name, (size_t)(dot - name));
    bool ok = schema != NULL ? resolve(connection, schema, dot + 1, out, error)
                             : dds_error_set_nomem(error);
    dds_free(schema);
    if (!ok) {
      return false;
    }
  }
  return *out != NULL ||
         dds_error_set(error, DDS_ERROR,
                       "there is no dynamodb_sessions table '%s' in this connection: create one "
                       "with CREATE VIRTUAL TABLE temp.sessions USING dynamodb_sessions(…), or use "
                       "'dynamodb_sessions'",
                       name);
}

/*
 * What became of a table that this transaction created, when another object goes by its name.
 * SQLite makes one also after it has loaded the schema anew: the table is the same then, and
 * SQLite begins the new object before it writes to it. An object that has written without that was
 * created, as the first one was, which then was undone. Before it writes, nothing tells.
 */
static bool judge_successor(dds_vtab *table, const dds_vtab *successor, dds_error *error) {
  dds_pending *pending = &table->connection->pending;
  if (table->was_rolled_back || !successor->is_new) {
    return true;
  }
  if (dds_pending_count_of(pending, successor) > 0) {
    dds_pending_truncate(pending, table, 0);
    return true;
  }
  return dds_error_set(error, DDS_LOCKED,
                       "the schema has changed since \"%s\" was created and written to in this "
                       "transaction, and it cannot be told whether that still stands: ROLLBACK, "
                       "and create it before BEGIN",
                       table->name);
}

bool dds_table_drop_orphans(dds_connection *connection, dds_error *error) {
  for (dds_vtab *table = connection->tables; table != NULL; table = table->next) {
    dds_vtab *found = NULL;
    /* A new name may be taken back as well, and then says nothing of the table. */
    if (!table->is_new || table->is_renamed ||
        dds_pending_count_of(&connection->pending, table) == 0) {
      continue;
    }
    if (!resolve(connection, table->schema, table->name, &found, error)) {
      return false;
    }
    if (found == NULL) {
      dds_pending_truncate(&connection->pending, table, 0);
    } else if (found != table && !judge_successor(table, found, error)) {
      return false;
    }
  }
  return true;
}

void dds_table_check_transaction(dds_vtab *table) {
  /* While a COMMIT sends, autocommit is back already, and a progress handler may read. */
  if (table->is_new && sqlite3_get_autocommit(table->connection->db) &&
      !table->connection->pending.is_being_sent) {
    end_transaction(table);
  }
}
