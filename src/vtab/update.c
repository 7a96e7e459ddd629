/*
 * xUpdate. SQLite hands over the old key (argv[0], NULL for an INSERT), the new one, and then the
 * value of each column; what a row was when the statement read it comes back in the column
 * `snapshot` (UPDATE) or was kept by the cursor (DELETE).
 */
#include "vtab/update.h"

#include <string.h>

#include "base/alloc.h"
#include "sessions/change.h"
#include "vtab/clock.h"
#include "vtab/flush.h"
#include "vtab/result.h"
#include "vtab/snapshot.h"
#include "vtab/table.h"
#include "vtab/value.h"

enum { FIRST_COLUMN = 2, SCRATCH_BYTES = 1000000000, USUAL_ATTRIBUTES = 16 };

/* One call of xUpdate on its way to the buffer. */
typedef struct update {
  dds_vtab *table;
  dds_columns columns;
  sqlite3_value **values; /* by column */
  int conflict;           /* SQLITE_ABORT, SQLITE_REPLACE, SQLITE_IGNORE, … */
  int64_t now_ms;
  dds_new_value *extras; /* owned */
  dds_new_row row;
  dds_write writes[2];
  size_t write_count;
} update;

static dds_new_value new_value(const update *self, int column) {
  sqlite3_value *value = self->values[column];
  return (dds_new_value){
      .given = !sqlite3_value_nochange(value),
      .value = dds_value_from_sqlite(value),
  };
}

static dds_new_value new_value_of(const update *self, dds_column kind) {
  return new_value(self, dds_columns_index(&self->columns, kind));
}

static bool read_row(update *self, dds_error *error) {
  if (self->columns.extra_count > 0) {
    self->extras = dds_alloc(self->columns.extra_count * sizeof *self->extras);
    if (self->extras == NULL) {
      return dds_error_set_nomem(error);
    }
  }
  for (size_t i = 0; i < self->columns.extra_count; i++) {
    self->extras[i] = new_value(self, DDS_COLUMN_EXTRA + (int)i);
  }
  self->row = (dds_new_row){
      .sid = new_value_of(self, DDS_COLUMN_SID),
      .session = new_value_of(self, DDS_COLUMN_SESSION),
      .expires = new_value_of(self, DDS_COLUMN_EXPIRES),
      .item = new_value_of(self, DDS_COLUMN_ITEM),
      .extras = self->extras,
  };
  return true;
}

/* The value that a column which cannot be written had when it was read; NULL for an INSERT. */
static bool read_only_value(const update *self, dds_column kind, const dds_old_row *old,
                            dds_buffer *scratch, dds_sql_value *value, dds_error *error) {
  const dds_layout *layout = &self->table->target->options.layout;
  char hex[DDS_SHA256_HEX_BYTES];
  *value = (dds_sql_value){.type = DDS_SQL_NULL};
  if (old == NULL) {
    return true;
  }
  switch (kind) {
  case DDS_COLUMN_EXPIRED:
    value->type = DDS_SQL_INTEGER;
    value->integer = dds_row_is_expired(layout, old->item, old->now_ms);
    return true;
  case DDS_COLUMN_SIZE:
    value->type = DDS_SQL_INTEGER;
    value->integer = (int64_t)dds_item_size_bytes(old->item);
    return true;
  case DDS_COLUMN_SID_HASH:
    if (!dds_row_sid(layout, old->item, scratch, value, error) ||
        !dds_row_sid_hash(value->bytes, value->length, hex, error)) {
      return false;
    }
    dds_buffer_clear(scratch);
    dds_buffer_append_text(scratch, hex);
    value->type = DDS_SQL_TEXT;
    value->bytes = dds_buffer_text(scratch);
    value->length = scratch->length;
    return dds_buffer_check(scratch, error);
  default:
    return true;
  }
}

/* As for a generated column: a value that differs from what was read is an error. The snapshot is
 * last: an UPDATE brings its own. */
static bool check_read_only(const update *self, const dds_old_row *old, dds_error *error) {
  static const dds_column kinds[] = {DDS_COLUMN_EXPIRED, DDS_COLUMN_SIZE, DDS_COLUMN_SID_HASH,
                                     DDS_COLUMN_ARGUMENTS, DDS_COLUMN_SNAPSHOT};
  size_t count = sizeof kinds / sizeof kinds[0] - (old != NULL);
  dds_buffer scratch = DDS_BUFFER_INIT(SCRATCH_BYTES);
  bool ok = true;
  for (size_t i = 0; ok && i < count; i++) {
    dds_new_value given = new_value_of(self, kinds[i]);
    dds_sql_value was;
    dds_buffer_clear(&scratch);
    ok = !given.given ||
         (read_only_value(self, kinds[i], old, &scratch, &was, error) &&
          (dds_sql_same(&given.value, &was) ||
           dds_error_set(
               error, DDS_ERROR, "cannot write column %s: it is computed",
               dds_columns_name(&self->columns, dds_columns_index(&self->columns, kinds[i])))));
  }
  dds_buffer_free(&scratch);
  return ok;
}

static bool will_exist(const update *self, const dds_key *key) {
  const dds_pending_write *earlier =
      dds_pending_find(&self->table->connection->pending, self->table->target, key);
  return earlier != NULL && earlier->write.kind != DDS_WRITE_DELETE;
}

/* Fails where a write that waits already settles that an item of this key exists or will exist. */
static bool check_is_new(const update *self, const dds_key *key, dds_error *error) {
  if (!will_exist(self, key)) {
    return true;
  }
  if (!dds_table_drop_orphans(self->table->connection, error)) {
    return false;
  }
  return !will_exist(self, key) ||
         dds_error_set(error, DDS_PRIMARYKEY, "UNIQUE constraint failed: %s.sid",
                       self->table->name);
}

/* A function of the host's in the statement, or its progress handler, may have run a ROLLBACK: what
 * is written behind that would wait for the next transaction. (One that also begins the next and
 * writes to the table in it is not seen.) */
static bool check_not_cut_off(const dds_vtab *table, dds_error *error) {
  return !table->is_cut_off ||
         dds_error_set(error, DDS_ABORT_ROLLBACK,
                       "the transaction was rolled back while this statement ran");
}

static bool add_write(update *self, size_t place, dds_code when_refused, dds_error *error) {
  dds_connection *connection = self->table->connection;
  dds_write *write = &self->writes[place];
  dds_pending_rules rules = {
      .when_refused = when_refused,
      .is_ignored = when_refused == DDS_PRIMARYKEY && self->conflict == SQLITE_IGNORE,
      .follows_previous = place > 0,
  };
  return check_not_cut_off(self->table, error) && dds_write_check(write, error) &&
         dds_pending_add(&connection->pending, self->table, self->table->target, write, &rules,
                         error);
}

static bool insert(update *self, dds_error *error) {
  dds_session_table sessions = dds_target_sessions(self->table->target);
  bool replace = self->conflict == SQLITE_REPLACE;
  if (!check_read_only(self, NULL, error) ||
      !dds_change_insert(&sessions, &self->row, self->now_ms, replace, &self->writes[0], error)) {
    return false;
  }
  if (!replace && !check_is_new(self, &self->writes[0].key, error)) {
    return false;
  }
  return add_write(self, 0, DDS_PRIMARYKEY, error);
}

static bool change(update *self, dds_error *error) {
  dds_session_table sessions = dds_target_sessions(self->table->target);
  dds_sql_value snapshot = new_value_of(self, DDS_COLUMN_SNAPSHOT).value;
  dds_old_row old = {0};
  dds_item item = {0};
  dds_attribute attributes[USUAL_ATTRIBUTES];
  if (!dds_snapshot_open(&self->table->connection->snapshot_seal, snapshot.bytes, snapshot.length,
                         &old, &item, error)) {
    return false;
  }
  dds_item_index(&item, attributes, USUAL_ATTRIBUTES);
  if (!check_read_only(self, &old, error) ||
      !dds_change_update(&sessions, &old, &self->row, self->now_ms, self->writes,
                         &self->write_count, error)) {
    return false;
  }
  bool moves = self->write_count == 2;
  if (moves && self->conflict == SQLITE_REPLACE) {
    dds_condition_release(self->writes[0].asserted);
    self->writes[0].asserted = NULL;
  } else if (moves && !check_is_new(self, &self->writes[0].key, error)) {
    return false;
  }
  dds_pending *pending = &self->table->connection->pending;
  uint64_t position = pending->next_position;
  for (size_t i = 0; i < self->write_count; i++) {
    if (!add_write(self, i, moves && i == 0 ? DDS_PRIMARYKEY : DDS_BUSY_SNAPSHOT, error)) {
      /* A statement of one row has no savepoint that would undo its first write. */
      dds_pending_truncate(pending, self->table, position);
      return false;
    }
  }
  return true;
}

static bool erase(update *self, sqlite3_value *key, dds_error *error) {
  dds_session_table sessions = dds_target_sessions(self->table->target);
  dds_sql_value sid = dds_value_from_sqlite(key);
  const dds_row_read *read = self->table->reads != NULL && sid.type == DDS_SQL_TEXT
                                 ? dds_row_reads_find(self->table->reads, sid.bytes, sid.length)
                                 : NULL;
  if (read == NULL) {
    return dds_error_set(error, DDS_ERROR, "a DELETE of a row that this statement has not read");
  }
  dds_item item = {.json = {.text = read->item, .length = read->item_length}};
  dds_old_row old = {
      .item = read->item != NULL ? &item : NULL,
      .columns_read = read->columns_read,
      .now_ms = read->now_ms,
      .asserts_expired = read->asserts_expired,
  };
  return dds_change_delete(&sessions, &read->key, &old, read->matches, &self->writes[0], error) &&
         add_write(self, 0, DDS_BUSY_SNAPSHOT, error);
}

/* "NOT NULL constraint failed: session" becomes SQLite's "… failed: sessions.session". */
static void name_table(const dds_vtab *table, dds_error *error) {
  static const char prefix[] = "NOT NULL constraint failed: ";
  if (error->code == DDS_NOTNULL && strncmp(error->message, prefix, sizeof prefix - 1) == 0) {
    char column[DDS_ERROR_MESSAGE_BYTES];
    memcpy(column, error->message + sizeof prefix - 1, sizeof error->message - (sizeof prefix - 1));
    *error = DDS_ERROR_INIT;
    dds_error_set(error, DDS_NOTNULL, "%s%s.%s", prefix, table->name, column);
  }
}

int dds_update(sqlite3_vtab *vtab, int count, sqlite3_value **values, sqlite3_int64 *rowid) {
  dds_vtab *table = (dds_vtab *)vtab;
  dds_error error;
  dds_error_clear(&error);
  update self = {
      .table = table,
      .columns = dds_target_columns(table->target),
      .values = values + FIRST_COLUMN,
      .conflict = sqlite3_vtab_on_conflict(table->connection->db),
      .now_ms = dds_clock_now_ms(table->connection->db),
  };
  (void)rowid;
  dds_connection_note_statement(table->connection);
  dds_pending *pending = &table->connection->pending;
  uint64_t position = pending->next_position;
  bool ok =
      check_not_cut_off(table, &error) && dds_connection_check_outside(table->connection, &error) &&
      dds_target_check_writable(table->target, &error) && dds_target_open(table->target, &error);
  if (ok && count == 1) {
    ok = erase(&self, values[0], &error);
  } else if (ok) {
    ok = read_row(&self, &error) &&
         (sqlite3_value_type(values[0]) == SQLITE_NULL ? insert(&self, &error)
                                                       : change(&self, &error));
  }
  if (ok && pending->next_position > position) {
    ok = dds_flush_through(table->connection, table->target,
                           dds_write_is_conditional(&pending->writes[pending->count - 1].write),
                           &error);
  }
  dds_write_free(&self.writes[0]);
  dds_write_free(&self.writes[1]);
  dds_free(self.extras);
  name_table(table, &error);
  return ok ? SQLITE_OK : dds_result_vtab(vtab, &error);
}
