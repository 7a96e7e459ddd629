/* The table dynamodb_requests: the last 1,000 requests of this connection, oldest first. */
#include "vtab/field.h"
#include "vtab/information.h"
#include "vtab/request_log.h"

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

#define RECORD(field) offsetof(dds_request_entry, record.field)
/* In the order of the declaration. */
static const dds_field fields[] = {
    {DDS_FIELD_INT64, offsetof(dds_request_entry, id)},
    {DDS_FIELD_SECONDS, RECORD(started_ms)},
    {DDS_FIELD_TEXT, RECORD(operation)},
    {DDS_FIELD_TEXT, RECORD(table_name)},
    {DDS_FIELD_TEXT, RECORD(words)},
    {DDS_FIELD_POSITIVE, RECORD(http_status)},
    {DDS_FIELD_TEXT, RECORD(error)},
    {DDS_FIELD_INT, RECORD(attempts)},
    {DDS_FIELD_INT64, RECORD(duration_ms)},
    {DDS_FIELD_SIZE, RECORD(request_bytes)},
    {DDS_FIELD_SIZE, RECORD(response_bytes)},
    {DDS_FIELD_INT64, RECORD(items)},
    {DDS_FIELD_INT64, RECORD(scanned)},
    {DDS_FIELD_DOUBLE, RECORD(capacity_units)},
    {DDS_FIELD_TEXT, RECORD(request_id)},
};

static void column(const dds_rows *rows, int64_t row, int index, sqlite3_context *context) {
  const dds_request_entry *entry = dds_request_log_get(rows->connection->requests, row);
  /* A statement that sends requests itself while it reads may have pushed this row out. */
  if (entry != NULL) {
    dds_field_to_result(context, entry, &fields[index]);
  }
}

const dds_rows_table dds_requests_table = {
    .name = "dynamodb_requests",
    .declaration = declaration,
    .argument_column = -1,
    .open = open,
    .column = column,
};
