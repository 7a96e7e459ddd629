/* Small read-only tables that exist without a CREATE. */
#include "vtab/rows_module.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "vtab/result.h"

/* What the module is registered with. */
typedef struct client_data {
  dds_connection *connection; /* a reference */
  const dds_rows_table *table;
} client_data;

typedef struct rows_vtab {
  sqlite3_vtab base; /* first: SQLite's own part */
  client_data data;  /* a reference of its own */
} rows_vtab;

typedef struct rows_cursor {
  sqlite3_vtab_cursor base; /* first: SQLite's own part */
  dds_rows rows;
  bool is_open;
  int64_t row;
} rows_cursor;

static const dds_rows_table *table_of(const rows_cursor *self) {
  return ((const rows_vtab *)self->base.pVtab)->data.table;
}

static int connect(sqlite3 *db, void *shared, int count, const char *const *arguments,
                   sqlite3_vtab **out, char **message) {
  const client_data *data = shared;
  (void)count;
  (void)arguments;
  (void)message;
  int rc = sqlite3_declare_vtab(db, data->table->declaration);
  if (rc == SQLITE_OK) {
    rc = sqlite3_vtab_config(db, SQLITE_VTAB_DIRECTONLY);
  }
  if (rc != SQLITE_OK) {
    return rc;
  }
  rows_vtab *vtab = dds_alloc(sizeof *vtab);
  if (vtab == NULL) {
    return SQLITE_NOMEM;
  }
  vtab->data = *data;
  dds_connection_retain(data->connection);
  *out = &vtab->base;
  return SQLITE_OK;
}

static int disconnect(sqlite3_vtab *base) {
  rows_vtab *vtab = (rows_vtab *)base;
  dds_connection_release(vtab->data.connection);
  dds_free(vtab);
  return SQLITE_OK;
}

/* idxStr carries colUsed in hexadecimal, idxNum whether there is an argument. */
static int best_index(sqlite3_vtab *base, sqlite3_index_info *info) {
  const dds_rows_table *table = ((rows_vtab *)base)->data.table;
  for (int i = 0; i < info->nConstraint; i++) {
    if (table->argument_column < 0 || info->aConstraint[i].iColumn != table->argument_column ||
        info->aConstraint[i].op != SQLITE_INDEX_CONSTRAINT_EQ) {
      continue;
    }
    if (!info->aConstraint[i].usable) {
      return SQLITE_CONSTRAINT;
    }
    info->idxNum = 1;
    info->aConstraintUsage[i].argvIndex = 1;
    info->aConstraintUsage[i].omit = 1;
    break;
  }
  info->idxStr = sqlite3_mprintf("%llx", (unsigned long long)info->colUsed);
  info->needToFreeIdxStr = 1;
  info->estimatedCost = 1000;
  info->estimatedRows = 100;
  return info->idxStr != NULL ? SQLITE_OK : SQLITE_NOMEM;
}

static int open_cursor(sqlite3_vtab *base, sqlite3_vtab_cursor **out) {
  rows_cursor *self = dds_alloc(sizeof *self);
  if (self == NULL) {
    return SQLITE_NOMEM;
  }
  self->rows.connection = ((rows_vtab *)base)->data.connection;
  *out = &self->base;
  return SQLITE_OK;
}

static void close_rows(rows_cursor *self) {
  if (self->is_open && table_of(self)->close != NULL) {
    table_of(self)->close(&self->rows);
  }
  self->is_open = false;
}

static int close_cursor(sqlite3_vtab_cursor *base) {
  rows_cursor *self = (rows_cursor *)base;
  close_rows(self);
  dds_free(self);
  return SQLITE_OK;
}

static int filter(sqlite3_vtab_cursor *base, int has_argument, const char *columns_used, int count,
                  sqlite3_value **values) {
  rows_cursor *self = (rows_cursor *)base;
  dds_error error = DDS_ERROR_INIT;
  (void)count;
  close_rows(self);
  self->rows = (dds_rows){
      .connection = self->rows.connection,
      .columns_used = strtoull(columns_used, NULL, 16),
      .argument = has_argument ? (const char *)sqlite3_value_text(values[0]) : NULL,
  };
  if (has_argument && self->rows.argument == NULL && sqlite3_value_type(values[0]) != SQLITE_NULL) {
    return SQLITE_NOMEM;
  }
  bool ok = table_of(self)->open(&self->rows, &error);
  self->is_open = true;
  self->rows.argument = NULL;
  self->row = self->rows.first;
  return ok ? SQLITE_OK : dds_result_vtab(base->pVtab, &error);
}

static int next(sqlite3_vtab_cursor *base) {
  ((rows_cursor *)base)->row++;
  return SQLITE_OK;
}

static int eof(sqlite3_vtab_cursor *base) {
  const rows_cursor *self = (rows_cursor *)base;
  return self->row >= self->rows.end;
}

static int column(sqlite3_vtab_cursor *base, sqlite3_context *context, int index) {
  const rows_cursor *self = (rows_cursor *)base;
  table_of(self)->column(&self->rows, self->row, index, context);
  return SQLITE_OK;
}

static int rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *number) {
  *number = ((rows_cursor *)base)->row;
  return SQLITE_OK;
}

/* Without xCreate a module is eponymous only. */
static const sqlite3_module module = {
    .xConnect = connect,
    .xBestIndex = best_index,
    .xDisconnect = disconnect,
    .xOpen = open_cursor,
    .xClose = close_cursor,
    .xFilter = filter,
    .xNext = next,
    .xEof = eof,
    .xColumn = column,
    .xRowid = rowid,
};

static void release_data(void *shared) {
  client_data *data = shared;
  dds_connection_release(data->connection);
  dds_free(data);
}

int dds_rows_register(dds_connection *connection, const dds_rows_table *table) {
  client_data *data = dds_alloc(sizeof *data);
  if (data == NULL) {
    return SQLITE_NOMEM;
  }
  data->connection = dds_connection_retain(connection);
  data->table = table;
  /* SQLite calls the destructor also where the registration fails. */
  return sqlite3_create_module_v2(connection->db, table->name, &module, data, release_data);
}
