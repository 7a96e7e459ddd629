/*
 * A cursor on a session table. xFilter turns the plan's words and values into a source of rows,
 * which asks by key, by a Query or by a Scan; xColumn reads single attributes of the current item.
 * While the table is part of a transaction the cursor also keeps what the statement reads of each
 * row, because a write asserts it.
 */
#include "vtab/cursor.h"

#include <string.h>

#include "base/alloc.h"
#include "sessions/row.h"
#include "vtab/clock.h"
#include "vtab/facts.h"
#include "vtab/filter.h"
#include "vtab/index_choice.h"
#include "vtab/key_list.h"
#include "vtab/result.h"
#include "vtab/row_source.h"
#include "vtab/snapshot.h"
#include "vtab/statement.h"
#include "vtab/table.h"
#include "vtab/value.h"

/* The longest text that SQLite can hold by default. */
enum { VALUE_MAX_BYTES = 1000000000 };

typedef struct cursor {
  sqlite3_vtab_cursor base; /* first: SQLite's own part */
  dds_columns columns;
  dds_loop_seat seat;
  dds_filter filter;
  int64_t now_ms; /* the clock of filter, column and asserted condition alike */
  dds_row_source rows;
  dds_buffer scratch;
  /* What the statement has read of the current row. */
  uint64_t columns_read;       /* DDS_READ_… */
  uint64_t columns_unanswered; /* those of them that the pushed condition does not vouch for */
  bool is_key_read;
  bool is_recorded;           /* what is read is kept for a write of the same statement */
  uint64_t filter_number;     /* of this xFilter on the table */
  unsigned char *read_counts; /* of each column; behind the cursor, and then the filter's marks */
} cursor;

/* A scratch of more is not kept for the next cursor. */
enum { KEPT_BYTES = 16 * 1024 };

static dds_vtab *table_of(const cursor *self) {
  return (dds_vtab *)self->base.pVtab;
}

static int fail(cursor *self, const dds_error *error) {
  dds_row_source_close(&self->rows);
  return dds_result_vtab(self->base.pVtab, error);
}

/* A cursor beside no other begins a statement: what earlier ones read is of no concern to it. */
static void begin_statement(dds_vtab *table) {
  if (table->cursor_count++ == 0) {
    dds_row_reads_free(table->reads);
    table->reads = NULL;
  }
}

/* The memory of a cursor: that of the one before, with its scratch, where there is one. */
static cursor *take_memory(dds_vtab *table, const dds_columns *columns) {
  cursor *self = (cursor *)table->spare_cursor;
  size_t column_count = (size_t)dds_columns_count(columns);
  if (self != NULL) {
    table->spare_cursor = NULL;
    *self = (cursor){.scratch = self->scratch};
    return self;
  }
  self = dds_alloc(sizeof *self + (1 + DDS_FILTER_MARKS) * column_count);
  if (self != NULL) {
    self->scratch = DDS_BUFFER_INIT(VALUE_MAX_BYTES);
  }
  return self;
}

static void free_memory(cursor *self) {
  if (self != NULL) {
    dds_buffer_free(&self->scratch);
    dds_free(self);
  }
}

/* Keeps the memory of a closed cursor, and nothing of the sessions in it. */
static void give_memory(dds_vtab *table, cursor *self) {
  if (table->spare_cursor != NULL || self->scratch.capacity > KEPT_BYTES) {
    free_memory(self);
    return;
  }
  dds_wipe(self->scratch.data, self->scratch.capacity);
  dds_buffer_clear(&self->scratch);
  table->spare_cursor = &self->base;
}

int dds_cursor_open(sqlite3_vtab *vtab, sqlite3_vtab_cursor **out) {
  dds_vtab *table = (dds_vtab *)vtab;
  const dds_columns columns = dds_target_columns(table->target);
  cursor *self = take_memory(table, &columns);
  if (self == NULL) {
    return SQLITE_NOMEM;
  }
  self->columns = columns;
  self->read_counts = (unsigned char *)(self + 1);
  begin_statement(table);
  dds_loops_open_seat(&table->loops, &self->seat);
  *out = &self->base;
  return SQLITE_OK;
}

static void end_request(cursor *self) {
  dds_row_source_close(&self->rows);
  dds_filter_free(&self->filter);
}

int dds_cursor_close(sqlite3_vtab_cursor *base) {
  cursor *self = (cursor *)base;
  dds_vtab *table = table_of(self);
  table->cursor_count--;
  end_request(self);
  dds_loops_close_seat(&table->loops, &self->seat);
  give_memory(table, self);
  return SQLITE_OK;
}

void dds_cursor_free_spare(dds_vtab *table) {
  free_memory((cursor *)table->spare_cursor);
  table->spare_cursor = NULL;
}

static void begin_row(cursor *self) {
  memset(self->read_counts, 0, (size_t)dds_columns_count(&self->columns));
  self->columns_read = 0;
  self->columns_unanswered = 0;
  self->is_key_read = false;
}

/* Whether the current item is a session; one without the layout's key is an error. */
static bool check_item(const cursor *self, bool *is_session, dds_error *error) {
  const dds_target *target = table_of(self)->target;
  if (dds_row_check(&target->options.layout, &self->rows.item, is_session, error)) {
    return true;
  }
  /* The message lists the attributes found: a projection has kept them away. */
  if (self->seat.loop->attributes != NULL) {
    dds_target_explain_item(target, error);
  }
  return false;
}

/* Steps to the next item that is a session; items of other kinds in a shared table are none. */
static bool advance(cursor *self, dds_error *error) {
  bool is_session = false;
  begin_row(self);
  do {
    if (!dds_row_source_next(&self->rows, error)) {
      return false;
    }
    if (self->rows.item.json.text != NULL && !check_item(self, &is_session, error)) {
      return false;
    }
  } while (self->rows.item.json.text != NULL && !is_session);
  return true;
}

static bool start_get(cursor *self, const dds_key *key, dds_error *error) {
  bool is_session = false;
  return dds_row_source_get(&self->rows, key, error) &&
         (self->rows.item.json.text == NULL || check_item(self, &is_session, error));
}

static bool start_scan(cursor *self, dds_error *error) {
  return dds_row_source_scan(&self->rows, &self->filter, error) && advance(self, error);
}

/* `sid = ?`. A value that is no text is compared by other rules than bytes. */
static bool start_by_key(cursor *self, sqlite3_value **values, dds_error *error) {
  const dds_layout *layout = &table_of(self)->target->options.layout;
  dds_key_writer writer;
  dds_key key;
  bool is_text = false;
  dds_key_writer_open(&writer, layout->hash_key);
  bool ok = dds_key_list_read_one(layout, values[0], &writer, &key, &is_text, error);
  if (ok && !is_text) {
    ok = start_scan(self, error);
  } else if (ok && key.json != NULL) {
    ok = start_get(self, &key, error);
  }
  dds_key_writer_close(&writer);
  return ok;
}

/* `sid IN (…)`. */
static bool start_by_keys(cursor *self, sqlite3_value **values, dds_error *error) {
  const dds_layout *layout = &table_of(self)->target->options.layout;
  dds_key_set keys = {0};
  bool is_text = false;
  bool ok = dds_key_list_read(layout, values[0], &keys, &is_text, error);
  if (ok && !is_text) {
    ok = start_scan(self, error);
  } else if (ok && keys.count > 0) {
    ok = dds_row_source_get_keys(&self->rows, &keys, error) && advance(self, error);
  }
  dds_key_set_free(&keys);
  return ok;
}

/* A value that can be no key of the index is looked for by a Scan: SQLite may compare it all the
 * same. */
static bool start_query(cursor *self, dds_error *error) {
  dds_index_choice choice;
  dds_error refusal = DDS_ERROR_INIT;
  if (self->filter.key_condition == NULL) {
    return start_scan(self, error);
  }
  if (!dds_index_choose(self->seat.loop, &self->filter, &choice, error)) {
    return false;
  }
  if (choice.is_scan) {
    return start_scan(self, error);
  }
  if (dds_row_source_query(&self->rows, &choice.index, &self->filter, &refusal) &&
      advance(self, &refusal)) {
    return true;
  }
  dds_facts_forget(table_of(self)->target);
  return !choice.is_known && dds_index_is_of_other_type(&refusal)
             ? start_scan(self, error)
             : dds_error_pass_on(error, &refusal);
}

static bool start(cursor *self, sqlite3_value **values, dds_error *error) {
  switch (self->seat.loop->plan.access) {
  case DDS_ACCESS_GET:
    return start_by_key(self, values, error);
  case DDS_ACCESS_BATCH_GET:
    return start_by_keys(self, values, error);
  case DDS_ACCESS_QUERY:
    return start_query(self, error);
  default:
    return start_scan(self, error);
  }
}

/* Once more where it created the table that was missing. */
static bool start_source(cursor *self, sqlite3_value **values, dds_error *error) {
  dds_vtab *table = table_of(self);
  bool ok = false;
  dds_loop_open_table(self->seat.loop);
  dds_row_source_open(&self->rows, self->seat.loop,
                      dds_connection_visible_before(table->connection), table->is_begun);
  begin_row(self);
  do {
    dds_error_clear(error);
    ok = start(self, values, error);
  } while (!ok && dds_target_create_missing(table->target, error));
  return ok;
}

int dds_cursor_filter(sqlite3_vtab_cursor *base, int plan_number, const char *plan_words,
                      int value_count, sqlite3_value **values) {
  cursor *self = (cursor *)base;
  dds_vtab *table = table_of(self);
  dds_error error;
  dds_error_clear(&error);
  (void)plan_number;
  (void)value_count;
  if (self->filter_number > 0) {
    end_request(self); /* of the xFilter before this one */
  }
  dds_table_check_transaction(table);
  self->filter_number = ++table->filter_count;
  self->is_recorded = table->is_begun && dds_statement_count_writing(table->connection->db) > 0;
  self->now_ms = dds_clock_now_ms(table->connection->db);
  unsigned char *marks = self->read_counts + dds_columns_count(&self->columns);
  if (!dds_loops_take_seat(&table->loops, &self->seat, table->target, plan_words, &error) ||
      !dds_filter_make(table->target, &self->seat.loop->plan, values, self->now_ms, marks,
                       &self->filter, &error)) {
    return fail(self, &error);
  }
  if (self->filter.is_empty) {
    return SQLITE_OK;
  }
  if (!dds_target_open(table->target, &error) ||
      !dds_table_drop_orphans(table->connection, &error) || !start_source(self, values, &error)) {
    return fail(self, &error);
  }
  return SQLITE_OK;
}

int dds_cursor_next(sqlite3_vtab_cursor *base) {
  cursor *self = (cursor *)base;
  dds_error error;
  dds_error_clear(&error);
  return advance(self, &error) ? SQLITE_OK : fail(self, &error);
}

int dds_cursor_eof(sqlite3_vtab_cursor *base) {
  return ((cursor *)base)->rows.item.json.text == NULL;
}

static uint64_t read_bit(const cursor *self, int index) {
  size_t extra = 0;
  switch (dds_columns_kind(&self->columns, index, &extra)) {
  case DDS_COLUMN_SESSION:
    return DDS_READ_SESSION;
  case DDS_COLUMN_EXPIRES:
    return DDS_READ_EXPIRES;
  case DDS_COLUMN_EXPIRED:
    return DDS_READ_EXPIRED;
  case DDS_COLUMN_SIZE:
  case DDS_COLUMN_ITEM:
    return DDS_READ_ITEM;
  case DDS_COLUMN_EXTRA:
    return extra < DDS_READ_EXTRA_BITS ? (uint64_t)DDS_READ_EXTRA << extra : DDS_READ_ITEM;
  default:
    return 0;
  }
}

/*
 * The condition that has to hold for a DELETE of this row, NULL for none. The pushed one lets pass
 * what is of another type than it judges: so the type is asserted too, and where it is another one
 * already, `columns` gets the column, to be asserted as it was read.
 */
static bool make_matches(const cursor *self, dds_condition **matches, uint64_t *columns,
                         dds_error *error) {
  *matches = dds_condition_retain(self->filter.condition);
  for (size_t i = 0; *matches != NULL && i < self->columns.extra_count; i++) {
    int index = DDS_COLUMN_EXTRA + (int)i;
    const char *name = self->columns.extras[i].name;
    dds_value value;
    if (self->filter.judged[index] == 0) {
      continue;
    }
    dds_type judged = (dds_type)(self->filter.judged[index] - 1);
    if (!dds_item_find(&self->rows.item, name, strlen(name), &value) || value.type != judged) {
      *columns |= read_bit(self, index);
      continue;
    }
    *matches = dds_condition_and(*matches, dds_condition_type_is(name, judged));
    if (*matches == NULL) {
      return dds_error_set_nomem(error);
    }
  }
  return true;
}

/* The first reading of a row. */
static bool fill_read(const cursor *self, dds_row_read *read, dds_error *error) {
  /* SQLite fetches the key of each row, and checks the key of a read by key again. */
  dds_access access = self->seat.loop->plan.access;
  int reads_of_key = access == DDS_ACCESS_GET || access == DDS_ACCESS_BATCH_GET ? 2 : 1;
  dds_condition *matches = NULL;
  uint64_t columns = self->columns_unanswered;
  if (!make_matches(self, &matches, &columns, error)) {
    return false;
  }
  dds_condition_release(read->matches);
  read->matches = matches;
  read->columns_read = columns;
  read->all_columns_read = self->columns_read;
  read->asserts_expired = (columns & ~(uint64_t)DDS_READ_EXPIRED) != 0 ||
                          self->read_counts[DDS_COLUMN_SID] > reads_of_key;
  return true;
}

/* A row that another loop has read as well: either may be why it is deleted, so it is asserted as
 * it was read. */
static bool share_read(const cursor *self, dds_row_read *read, dds_error *error) {
  dds_condition_release(read->matches);
  read->matches = NULL;
  read->is_shared = true;
  read->asserts_expired = true;
  read->all_columns_read |= self->columns_read;
  read->columns_read = read->all_columns_read;
  return dds_row_reads_keep(table_of(self)->reads, read, &self->rows.item, error);
}

static bool begin_read(cursor *self, dds_row_read *read, dds_error *error) {
  dds_vtab *table = table_of(self);
  dds_key_free(&read->key);
  if (!dds_key_from_item(table->target->options.layout.hash_key, &self->rows.item, &read->key,
                         error) ||
      !dds_row_reads_keep(table->reads, read, &self->rows.item, error)) {
    return false;
  }
  read->loop = self->filter_number;
  read->now_ms = self->now_ms;
  return true;
}

static dds_row_read *entry_of(dds_vtab *table, const dds_sql_value *sid, dds_error *error) {
  if (table->reads == NULL) {
    table->reads = dds_row_reads_create();
  }
  dds_row_read *read =
      table->reads != NULL ? dds_row_reads_put(table->reads, sid->bytes, sid->length) : NULL;
  if (read == NULL) {
    dds_error_set_nomem(error);
  }
  return read;
}

/* Keeps for xUpdate, which is handed the key alone, what a DELETE has read of this row. */
static bool keep_read(cursor *self, dds_error *error) {
  dds_vtab *table = table_of(self);
  dds_buffer sid_bytes = DDS_BUFFER_INIT(VALUE_MAX_BYTES);
  dds_sql_value sid;
  dds_row_read *read = NULL;
  bool ok = dds_row_sid(&table->target->options.layout, &self->rows.item, &sid_bytes, &sid, error);
  if (ok) {
    read = entry_of(table, &sid, error);
    ok = read != NULL && (read->loop != 0 || begin_read(self, read, error));
  }
  if (ok && (read->is_shared || read->loop != self->filter_number)) {
    ok = share_read(self, read, error);
  } else if (ok) {
    ok = fill_read(self, read, error);
  }
  dds_buffer_free(&sid_bytes);
  return ok;
}

/* SQLite says of the loop of an UPDATE alone that it uses every column. */
static bool is_update(const cursor *self) {
  return self->seat.loop->plan.all_columns;
}

/* Notes that the statement reads a column. An UPDATE gets it back in its snapshot. */
static bool note_read(cursor *self, int index, dds_error *error) {
  uint64_t bit = read_bit(self, index);
  self->is_key_read |= index == DDS_COLUMN_SID;
  self->columns_read |= bit;
  if (self->read_counts[index] < UINT8_MAX) {
    self->read_counts[index]++;
  }
  if (self->read_counts[index] > self->filter.answered[index]) {
    self->columns_unanswered |= bit;
  }
  return is_update(self) || !self->is_key_read || keep_read(self, error);
}

/* NULL but for an UPDATE's own loop: a subquery could otherwise hand the snapshot of one row to
 * another. */
static bool read_snapshot(cursor *self, dds_sql_value *value, dds_error *error) {
  dds_vtab *table = table_of(self);
  if (!self->is_recorded || !is_update(self)) {
    return true;
  }
  dds_old_row row = {
      .item = &self->rows.item,
      .columns_read = self->columns_read,
      .now_ms = self->now_ms,
  };
  if (!dds_snapshot_append(&table->connection->snapshot_seal, &row, &self->scratch, error)) {
    return false;
  }
  *value = (dds_sql_value){
      .type = DDS_SQL_BLOB, .bytes = self->scratch.data, .length = self->scratch.length};
  return true;
}

static bool read_sid_hash(cursor *self, dds_sql_value *value, dds_error *error) {
  char hex[DDS_SHA256_HEX_BYTES];
  const dds_layout *layout = &table_of(self)->target->options.layout;
  if (!dds_row_sid(layout, &self->rows.item, &self->scratch, value, error) ||
      !dds_row_sid_hash(value->bytes, value->length, hex, error)) {
    return false;
  }
  dds_buffer_clear(&self->scratch);
  dds_buffer_append_text(&self->scratch, hex);
  *value = (dds_sql_value){
      .type = DDS_SQL_TEXT, .bytes = self->scratch.data, .length = self->scratch.length};
  return dds_buffer_check(&self->scratch, error);
}

/* A column's value; bytes are borrowed from the item or from `scratch`. */
static bool read_column(cursor *self, int index, dds_sql_value *value, dds_error *error) {
  const dds_layout *layout = &table_of(self)->target->options.layout;
  size_t extra = 0;
  *value = (dds_sql_value){.type = DDS_SQL_NULL};
  dds_buffer_clear(&self->scratch);
  switch (dds_columns_kind(&self->columns, index, &extra)) {
  case DDS_COLUMN_SID:
    return dds_row_sid(layout, &self->rows.item, &self->scratch, value, error);
  case DDS_COLUMN_SESSION:
    return dds_row_session(layout, &self->rows.item, &self->scratch, value, error);
  case DDS_COLUMN_EXPIRES:
    dds_row_expires(layout, &self->rows.item, value);
    return true;
  case DDS_COLUMN_EXTRA:
    return dds_row_extra(&self->columns.extras[extra], &self->rows.item, &self->scratch, value,
                         error);
  case DDS_COLUMN_EXPIRED:
    value->type = DDS_SQL_INTEGER;
    value->integer = dds_row_is_expired(layout, &self->rows.item, self->now_ms);
    return true;
  case DDS_COLUMN_SIZE:
    value->type = DDS_SQL_INTEGER;
    value->integer = (int64_t)dds_item_size_bytes(&self->rows.item);
    return true;
  case DDS_COLUMN_SID_HASH:
    return read_sid_hash(self, value, error);
  case DDS_COLUMN_ITEM:
    *value = (dds_sql_value){.type = DDS_SQL_TEXT,
                             .bytes = self->rows.item.json.text,
                             .length = self->rows.item.json.length};
    return true;
  case DDS_COLUMN_SNAPSHOT:
    return read_snapshot(self, value, error);
  default:
    return true;
  }
}

int dds_cursor_column(sqlite3_vtab_cursor *base, sqlite3_context *context, int index) {
  cursor *self = (cursor *)base;
  dds_error error;
  dds_sql_value value;
  dds_error_clear(&error);
  bool is_kept = index == DDS_COLUMN_SID ||
                 dds_columns_kind(&self->columns, index, NULL) == DDS_COLUMN_SNAPSHOT;
  if (!is_kept && sqlite3_vtab_nochange(context)) {
    /* The statement leaves this column alone: no result tells xUpdate so. */
    return SQLITE_OK;
  }
  if ((self->is_recorded && !note_read(self, index, &error)) ||
      !read_column(self, index, &value, &error)) {
    dds_result_function(context, &error);
    return dds_result_code(error.code);
  }
  dds_value_to_result(context, &value);
  return SQLITE_OK;
}
