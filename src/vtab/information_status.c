/*
 * The table dynamodb_status(t): what is known of the DynamoDB table behind t, and of the place
 * where it is looked for. Only the columns that a statement uses cost a request; those about the
 * place cost none, so that they can be read when nothing works.
 */
#include <string.h>

#include "base/alloc.h"
#include "vtab/field.h"
#include "vtab/information.h"
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
  PROFILE,
  PROFILE_SOURCE,
  CREDENTIAL_SOURCE,
  ACCESS_KEY_ID,
  ARGUMENT,
};

static const char declaration[] =
    "CREATE TABLE x(table_name TEXT, layout TEXT, status TEXT, items INTEGER, bytes INTEGER, "
    "billing TEXT, read_capacity INTEGER, write_capacity INTEGER, ttl_attribute TEXT, "
    "ttl_status TEXT, arn TEXT, indexes TEXT, replicas TEXT, error TEXT, region TEXT, "
    "region_source TEXT, endpoint TEXT, endpoint_source TEXT, profile TEXT, profile_source TEXT, "
    "credential_source TEXT, access_key_id TEXT, t TEXT HIDDEN)";

#define COLUMN_BIT(column) (UINT64_C(1) << (column))
static const uint64_t describe_columns =
    COLUMN_BIT(STATUS) | COLUMN_BIT(ITEMS) | COLUMN_BIT(BYTES) | COLUMN_BIT(BILLING) |
    COLUMN_BIT(READ_CAPACITY) | COLUMN_BIT(WRITE_CAPACITY) | COLUMN_BIT(ARN) | COLUMN_BIT(INDEXES) |
    COLUMN_BIT(REPLICAS) | COLUMN_BIT(ERROR);
static const uint64_t place_columns = COLUMN_BIT(REGION) | COLUMN_BIT(REGION_SOURCE) |
                                      COLUMN_BIT(ENDPOINT) | COLUMN_BIT(ENDPOINT_SOURCE) |
                                      COLUMN_BIT(PROFILE) | COLUMN_BIT(PROFILE_SOURCE) |
                                      COLUMN_BIT(CREDENTIAL_SOURCE) | COLUMN_BIT(ACCESS_KEY_ID);
static const uint64_t ttl_columns = COLUMN_BIT(TTL_ATTRIBUTE) | COLUMN_BIT(TTL_STATUS);

/* The one row. */
typedef struct status {
  dds_target *target; /* a reference, which these two borrow from */
  const char *table_name;
  const char *layout;
  char *argument;
  dds_client_place place;
  dds_table_description description;
  char *ttl_attribute;
  char *ttl_status;
  char *error; /* why a request failed; NULL: none did */
} status;

/* A refused request leaves its columns NULL and says why in `error`. */
static bool note_failure(status *self, const dds_error *request_error, dds_error *error) {
  if (request_error->code == DDS_NOMEM || request_error->code == DDS_INTERRUPT) {
    *error = *request_error;
    return false;
  }
  if (self->error == NULL) {
    char text[DDS_ERROR_TEXT_BYTES];
    dds_error_format(request_error, text, sizeof text);
    self->error = dds_alloc_copy(text, strlen(text));
  }
  return self->error != NULL || dds_error_set_nomem(error);
}

static bool describe(status *self, dds_error *error) {
  const dds_table *table = &self->target->table;
  dds_error request_error = DDS_ERROR_INIT;
  if (!dds_table_describe(table, &self->description, &request_error)) {
    return note_failure(self, &request_error, error);
  }
  if (self->description.exists) {
    return true;
  }
  dds_error_set(&request_error, DDS_ERROR,
                "the table \"%s\" does not exist: check its name, the region and the account, or "
                "create it with SELECT "
                "dynamodb_create_table('%s')",
                table->name, table->sql_name);
  return note_failure(self, &request_error, error);
}

static bool describe_ttl(status *self, dds_error *error) {
  dds_error request_error = DDS_ERROR_INIT;
  return dds_table_describe_ttl(&self->target->table, &self->ttl_attribute, &self->ttl_status,
                                &request_error) ||
         note_failure(self, &request_error, error);
}

/* The place last: what a request has found out (a role's keys, the region of the instance) shows.
 */
static bool ask(status *self, uint64_t columns_used, dds_error *error) {
  dds_error open_error = DDS_ERROR_INIT;
  if (!dds_target_open(self->target, &open_error)) {
    return note_failure(self, &open_error, error);
  }
  bool is_missing = false;
  if ((columns_used & describe_columns) != 0) {
    if (!describe(self, error)) {
      return false;
    }
    is_missing = self->error != NULL;
  }
  if ((columns_used & ttl_columns) != 0 && !is_missing && !describe_ttl(self, error)) {
    return false;
  }
  return (columns_used & place_columns) == 0 ||
         dds_client_describe(self->target->table.client, &self->place, error);
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
  self->table_name = self->target->table.name;
  self->layout = self->target->options.layout.name;
  return ask(self, rows->columns_used, error);
}

static void close(dds_rows *rows) {
  status *self = rows->state;
  if (self == NULL) {
    return;
  }
  dds_target_release(self->target);
  dds_client_place_free(&self->place);
  dds_table_description_free(&self->description);
  dds_free(self->argument);
  dds_free(self->ttl_attribute);
  dds_free(self->ttl_status);
  dds_free(self->error);
  dds_free(self);
}

#define DESCRIPTION(field) offsetof(status, description.field)
#define PLACE(field)       offsetof(status, place.field)
static const dds_field row_fields[ARGUMENT + 1] = {
    [TABLE_NAME] = {DDS_FIELD_TEXT, offsetof(status, table_name)},
    [LAYOUT] = {DDS_FIELD_TEXT, offsetof(status, layout)},
    [STATUS] = {DDS_FIELD_TEXT, DESCRIPTION(status)},
    [ITEMS] = {DDS_FIELD_INT64, DESCRIPTION(items)},
    [BYTES] = {DDS_FIELD_INT64, DESCRIPTION(bytes)},
    [BILLING] = {DDS_FIELD_TEXT, DESCRIPTION(billing)},
    [READ_CAPACITY] = {DDS_FIELD_INT64, DESCRIPTION(read_capacity)},
    [WRITE_CAPACITY] = {DDS_FIELD_INT64, DESCRIPTION(write_capacity)},
    [TTL_ATTRIBUTE] = {DDS_FIELD_TEXT, offsetof(status, ttl_attribute)},
    [TTL_STATUS] = {DDS_FIELD_TEXT, offsetof(status, ttl_status)},
    [ARN] = {DDS_FIELD_TEXT, DESCRIPTION(arn)},
    [INDEXES] = {DDS_FIELD_TEXT, DESCRIPTION(indexes)},
    [REPLICAS] = {DDS_FIELD_TEXT, DESCRIPTION(replicas)},
    [ERROR] = {DDS_FIELD_TEXT, offsetof(status, error)},
    [REGION] = {DDS_FIELD_TEXT, PLACE(region)},
    [REGION_SOURCE] = {DDS_FIELD_TEXT, PLACE(region_source)},
    [ENDPOINT] = {DDS_FIELD_TEXT, PLACE(endpoint)},
    [ENDPOINT_SOURCE] = {DDS_FIELD_TEXT, PLACE(endpoint_source)},
    [PROFILE] = {DDS_FIELD_TEXT, PLACE(profile)},
    [PROFILE_SOURCE] = {DDS_FIELD_TEXT, PLACE(profile_source)},
    [CREDENTIAL_SOURCE] = {DDS_FIELD_TEXT, PLACE(credential_source)},
    [ACCESS_KEY_ID] = {DDS_FIELD_TEXT, PLACE(access_key_id)},
    [ARGUMENT] = {DDS_FIELD_TEXT, offsetof(status, argument)},
};
static void column(const dds_rows *rows, int64_t row, int index, sqlite3_context *context) {
  const status *self = rows->state;
  bool is_of_table = (describe_columns & COLUMN_BIT(index)) != 0 && index != ERROR;
  (void)row;
  if (!is_of_table || self->description.exists) {
    dds_field_to_result(context, self, &row_fields[index]);
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
