/*
 * The table dynamodb_status(t): what is known of the DynamoDB table behind t, and of the place where
 * it is looked for. Only the columns that a statement uses cost a request; those about the place
 * cost none, so that they can be read when nothing works.
 */
#include <string.h>

#include "base/alloc.h"
#include "vtab/information_tables.h"
#include "vtab/table.h"

enum status_column {
  TABLE_NAME,
  LAYOUT,
  STATUS,
  ITEMS,
  BYTES,
  BILLING,
  READ_CAPACITY,
  WRITE_CAPACITY,
  TTL_ATTRIBUTE,
  TTL_STATUS,
  ARN,
  INDEXES,
  REPLICAS,
  ERROR,
  REGION,
  REGION_SOURCE,
  ENDPOINT,
  ENDPOINT_SOURCE,
  ARGUMENT,
};

static const char declaration[] =
    "CREATE TABLE x(table_name TEXT, layout TEXT, status TEXT, items INTEGER, bytes INTEGER, "
    "billing TEXT, read_capacity INTEGER, write_capacity INTEGER, ttl_attribute TEXT, "
    "ttl_status TEXT, arn TEXT, indexes TEXT, replicas TEXT, error TEXT, region TEXT, "
    "region_source TEXT, endpoint TEXT, endpoint_source TEXT, t TEXT HIDDEN)";

#define COLUMN_BIT(column) (UINT64_C(1) << (column))
static const uint64_t describe_columns =
    COLUMN_BIT(STATUS) | COLUMN_BIT(ITEMS) | COLUMN_BIT(BYTES) | COLUMN_BIT(BILLING) |
    COLUMN_BIT(READ_CAPACITY) | COLUMN_BIT(WRITE_CAPACITY) | COLUMN_BIT(ARN) |
    COLUMN_BIT(INDEXES) | COLUMN_BIT(REPLICAS) | COLUMN_BIT(ERROR);
static const uint64_t ttl_columns = COLUMN_BIT(TTL_ATTRIBUTE) | COLUMN_BIT(TTL_STATUS);

/* The one row. */
typedef struct status {
  dds_target *target; /* a reference */
  char *argument;
  dds_table_description description;
  char *ttl_attribute;
  char *ttl_status;
  char error[DDS_ERROR_MESSAGE_BYTES];
} status;

/* A refused request leaves its columns NULL and says why in `error`. */
static bool note_failure(status *self, const dds_error *request_error, dds_error *error) {
  if (request_error->code == DDS_NOMEM || request_error->code == DDS_INTERRUPT) {
    *error = *request_error;
    return false;
  }
  if (self->error[0] == '\0') {
    dds_error_format(request_error, self->error, sizeof self->error);
  }
  return true;
}

static bool ask(status *self, uint64_t columns_used, dds_error *error) {
  dds_error request_error = DDS_ERROR_INIT;
  if (!dds_target_open(self->target, &request_error)) {
    return note_failure(self, &request_error, error);
  }
  const dds_table *table = &self->target->table;
  if ((columns_used & describe_columns) != 0 &&
      !dds_table_describe(table, &self->description, &request_error)) {
    return note_failure(self, &request_error, error);
  }
  if ((columns_used & describe_columns) != 0 && !self->description.exists) {
    dds_error_set(&request_error, DDS_ERROR,
                  "the table \"%s\" does not exist: create it with dynamodb_create_table",
                  table->name);
    return note_failure(self, &request_error, error);
  }
  return (columns_used & ttl_columns) == 0 ||
         dds_table_describe_ttl(table, &self->ttl_attribute, &self->ttl_status, &request_error) ||
         note_failure(self, &request_error, error);
}

static bool open(dds_rows *rows, dds_error *error) {
  const char *name = rows->argument != NULL ? rows->argument : "dynamodb_sessions";
  dds_vtab *table = NULL;
  status *self = dds_alloc(sizeof *self);
  rows->state = self;
  rows->end = 1;
  if (self == NULL) {
    return dds_error_set_nomem(error);
  }
  self->argument = dds_alloc_copy(name, strlen(name));
  if (self->argument == NULL) {
    return dds_error_set_nomem(error);
  }
  if (!dds_table_find(rows->connection, name, &table, error)) {
    return false;
  }
  self->target = dds_target_retain(table->target);
  return ask(self, rows->columns_used, error);
}

static void close(dds_rows *rows) {
  status *self = rows->state;
  if (self == NULL) {
    return;
  }
  dds_target_release(self->target);
  dds_table_description_free(&self->description);
  dds_free(self->argument);
  dds_free(self->ttl_attribute);
  dds_free(self->ttl_status);
  dds_free(self);
}

static void text(sqlite3_context *context, const char *value) {
  if (value != NULL && value[0] != '\0') {
    sqlite3_result_text(context, value, -1, SQLITE_TRANSIENT);
  }
}

static void number(sqlite3_context *context, int64_t value) {
  if (value >= 0) {
    sqlite3_result_int64(context, value);
  }
}

static void described_column(const status *self, int index, sqlite3_context *context) {
  const dds_table_description *description = &self->description;
  if (!description->exists) {
    return;
  }
  switch (index) {
  case STATUS:
    return text(context, description->status);
  case ITEMS:
    return number(context, description->items);
  case BYTES:
    return number(context, description->bytes);
  case BILLING:
    return text(context, description->billing);
  case READ_CAPACITY:
    return number(context, description->read_capacity);
  case WRITE_CAPACITY:
    return number(context, description->write_capacity);
  case ARN:
    return text(context, description->arn);
  case INDEXES:
    return text(context, description->indexes);
  case REPLICAS:
    return text(context, description->replicas);
  default:
    return;
  }
}

static void column(const dds_rows *rows, int64_t row, int index, sqlite3_context *context) {
  static const dds_config no_config;
  const status *self = rows->state;
  const dds_client *client = self->target->table.client;
  const dds_config *config = client != NULL ? dds_client_config(client) : &no_config;
  (void)row;
  switch (index) {
  case TABLE_NAME:
    return text(context, self->target->table.name);
  case LAYOUT:
    return text(context, self->target->options.layout.name);
  case TTL_ATTRIBUTE:
    return text(context, self->ttl_attribute);
  case TTL_STATUS:
    return text(context, self->ttl_status);
  case ERROR:
    return text(context, self->error);
  case REGION:
    return text(context, config->region);
  case REGION_SOURCE:
    return text(context, config->region_source);
  case ENDPOINT:
    return text(context, config->endpoint);
  case ENDPOINT_SOURCE:
    return text(context, config->endpoint_source);
  case ARGUMENT:
    return text(context, self->argument);
  default:
    return described_column(self, index, context);
  }
}

const dds_rows_table dds_status_table = {
    .name = "dynamodb_status",
    .declaration = declaration,
    .argument_column = ARGUMENT,
    .open = open,
    .column = column,
    .close = close,
};
