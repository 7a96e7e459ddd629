/* The table dynamodb_requests: the last 1,000 requests of this connection, oldest first. */
#include "vtab/information_tables.h"
#include "vtab/request_log.h"

enum requests_column {
  ID,
  TIME,
  OPERATION,
  TABLE_NAME,
  REQUEST,
  STATUS,
  ERROR,
  ATTEMPTS,
  DURATION_MS,
  REQUEST_BYTES,
  RESPONSE_BYTES,
  ITEMS,
  SCANNED,
  CAPACITY_UNITS,
  REQUEST_ID,
};

static const char declaration[] =
    "CREATE TABLE x(id INTEGER, time REAL, operation TEXT, table_name TEXT, request TEXT, "
    "status INTEGER, error TEXT, attempts INTEGER, duration_ms INTEGER, request_bytes INTEGER, "
    "response_bytes INTEGER, items INTEGER, scanned INTEGER, capacity_units REAL, "
    "request_id TEXT)";

static bool open(dds_rows *rows, dds_error *error) {
  (void)error;
  rows->first = dds_request_log_first(rows->connection->requests);
  rows->end = dds_request_log_end(rows->connection->requests);
  return true;
}

static void text(sqlite3_context *context, const char *value) {
  if (value != NULL && value[0] != '\0') {
    sqlite3_result_text(context, value, -1, SQLITE_TRANSIENT);
  }
}

/* NULL for a number that is not known. */
static void count(sqlite3_context *context, int64_t value, bool is_known) {
  if (is_known) {
    sqlite3_result_int64(context, value);
  }
}

static void column(const dds_rows *rows, int64_t row, int index, sqlite3_context *context) {
  /* A statement that sends requests itself while it reads may have pushed this row out. */
  const dds_request_entry *entry = dds_request_log_get(rows->connection->requests, row);
  if (entry == NULL) {
    return;
  }
  const dds_record *record = &entry->record;
  switch ((enum requests_column)index) {
  case ID:
    return sqlite3_result_int64(context, entry->id);
  case TIME:
    return sqlite3_result_double(context, (double)record->started_ms / 1000.0);
  case OPERATION:
    return text(context, record->operation);
  case TABLE_NAME:
    return text(context, record->table_name);
  case REQUEST:
    return text(context, record->words);
  case STATUS:
    return count(context, record->http_status, record->http_status != 0);
  case ERROR:
    return text(context, record->error);
  case ATTEMPTS:
    return sqlite3_result_int(context, record->attempts);
  case DURATION_MS:
    return sqlite3_result_int64(context, record->duration_ms);
  case REQUEST_BYTES:
    return sqlite3_result_int64(context, (sqlite3_int64)record->request_bytes);
  case RESPONSE_BYTES:
    return sqlite3_result_int64(context, (sqlite3_int64)record->response_bytes);
  case ITEMS:
    return count(context, record->items, record->items >= 0);
  case SCANNED:
    return count(context, record->scanned, record->scanned >= 0);
  case CAPACITY_UNITS:
    if (record->capacity_units >= 0) {
      sqlite3_result_double(context, record->capacity_units);
    }
    return;
  case REQUEST_ID:
    return text(context, record->request_id);
  }
}

const dds_rows_table dds_requests_table = {
    .name = "dynamodb_requests",
    .declaration = declaration,
    .argument_column = -1,
    .open = open,
    .column = column,
};
