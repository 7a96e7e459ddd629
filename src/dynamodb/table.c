/* Calls about a table as a whole: describe, create, wait, time to live. */
#include "dynamodb/table.h"

#include <string.h>

#include "base/alloc.h"
#include "dynamodb/operation.h"

enum { LARGEST_BODY = 64 * 1024 };

static void open_body(dds_buffer *body, const dds_table *table) {
  dds_buffer_append_text(body, "{\"TableName\":");
  dds_buffer_append_json_string(body, table->name, strlen(table->name));
}

/* Sends a body that lacks its closing brace. */
static bool run(const dds_table *table, const char *name, const char *words, dds_buffer *body,
                dds_operation **operation, dds_json *answer, dds_error *error) {
  dds_buffer_append_char(body, '}');
  return dds_operation_run(table, name, body, words, operation, answer, error);
}

bool dds_table_describe(const dds_table *table, dds_table_description *description,
                        dds_error *error) {
  *description = (dds_table_description){.read_capacity = -1, .write_capacity = -1};
  dds_buffer body = DDS_BUFFER_INIT(LARGEST_BODY);
  dds_operation *operation = NULL;
  dds_json answer;
  dds_json description_json;
  dds_error failure = DDS_ERROR_INIT;
  open_body(&body, table);
  bool ok = run(table, "DescribeTable", "", &body, &operation, &answer, &failure);
  if (ok && !dds_operation_find(operation, "Table", &description_json)) {
    ok = dds_error_set(&failure, DDS_ERROR, "unexpected answer: DescribeTable gives no Table");
  }
  if (ok) {
    ok = dds_description_read(description_json, description, &failure);
  }
  dds_operation_free(operation);
  if (ok) {
    return true;
  }
  dds_table_description_free(description);
  if (strcmp(failure.service_code, "ResourceNotFoundException") == 0) {
    return true;
  }
  if (error->code == DDS_OK) {
    *error = failure;
  }
  return false;
}

bool dds_table_create(const dds_table *table, const char *hash_key, int64_t read_capacity,
                      int64_t write_capacity, bool *created, dds_error *error) {
  dds_buffer body = DDS_BUFFER_INIT(LARGEST_BODY);
  dds_operation *operation = NULL;
  dds_json answer;
  dds_error failure = DDS_ERROR_INIT;
  open_body(&body, table);
  dds_buffer_append_text(&body, ",\"AttributeDefinitions\":[{\"AttributeName\":");
  dds_buffer_append_json_string(&body, hash_key, strlen(hash_key));
  dds_buffer_append_text(&body, ",\"AttributeType\":\"S\"}],\"KeySchema\":[{\"AttributeName\":");
  dds_buffer_append_json_string(&body, hash_key, strlen(hash_key));
  dds_buffer_append_text(&body, ",\"KeyType\":\"HASH\"}],\"BillingMode\":");
  if (read_capacity > 0 || write_capacity > 0) {
    dds_buffer_append_format(&body,
                             "\"PROVISIONED\",\"ProvisionedThroughput\":"
                             "{\"ReadCapacityUnits\":%lld,\"WriteCapacityUnits\":%lld}",
                             (long long)read_capacity, (long long)write_capacity);
  } else {
    dds_buffer_append_text(&body, "\"PAY_PER_REQUEST\"");
  }
  *created = run(table, "CreateTable", "", &body, &operation, &answer, &failure);
  dds_operation_free(operation);
  if (*created || strcmp(failure.service_code, "ResourceInUseException") == 0) {
    return true;
  }
  if (error->code == DDS_OK) {
    *error = failure;
  }
  return false;
}

/* Whether a table in this status will not become ACTIVE by waiting. */
static bool is_hopeless(const char *status) {
  static const char *const statuses[] = {"DELETING", "INACCESSIBLE_ENCRYPTION_CREDENTIALS",
                                         "ARCHIVING", "ARCHIVED"};
  for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
    if (strcmp(status, statuses[i]) == 0) {
      return true;
    }
  }
  return false;
}

/* Asks once. `*is_active`; an error where waiting longer is in vain. */
static bool ask_whether_active(const dds_table *table, bool is_last, bool *is_active,
                               dds_error *error) {
  dds_table_description description;
  if (!dds_table_describe(table, &description, error)) {
    return false;
  }
  const char *status = description.status == NULL ? "not there yet" : description.status;
  *is_active = strcmp(status, "ACTIVE") == 0;
  bool goes_on = *is_active || (!is_last && !is_hopeless(status));
  if (!goes_on) {
    dds_error_set(error, DDS_ERROR, "table \"%s\" is not ACTIVE: its status is %s", table->name,
                  status);
  }
  dds_table_description_free(&description);
  return goes_on;
}

bool dds_table_wait_active(const dds_table *table, int64_t timeout_ms, dds_error *error) {
  enum { FIRST_PAUSE_MS = 20, LONGEST_PAUSE_MS = 2000 };
  int64_t deadline_ms = dds_client_now_ms(table->client) + timeout_ms;
  bool is_active = false;
  for (int64_t pause_ms = FIRST_PAUSE_MS;; pause_ms *= 2) {
    int64_t left_ms = deadline_ms - dds_client_now_ms(table->client);
    if (!ask_whether_active(table, left_ms <= 0, &is_active, error)) {
      return false;
    }
    if (is_active) {
      return true;
    }
    if (pause_ms > LONGEST_PAUSE_MS) {
      pause_ms = LONGEST_PAUSE_MS;
    }
    if (!dds_client_pause(table->client, pause_ms < left_ms ? pause_ms : left_ms, error)) {
      return false;
    }
  }
}

static bool read_ttl(dds_operation *operation, char **attribute, char **status, dds_error *error) {
  dds_json description;
  if (!dds_operation_find(operation, "TimeToLiveDescription", &description)) {
    return dds_error_set(error, DDS_ERROR, "unexpected answer: DescribeTimeToLive is empty");
  }
  if (!dds_description_copy_text(description, "AttributeName", attribute, error) ||
      !dds_description_copy_text(description, "TimeToLiveStatus", status, error)) {
    return false;
  }
  if (*attribute == NULL) {
    *attribute = dds_alloc_copy("", 0);
  }
  if (*status == NULL) {
    *status = dds_alloc_copy("", 0);
  }
  return (*attribute != NULL && *status != NULL) || dds_error_set_nomem(error);
}

bool dds_table_describe_ttl(const dds_table *table, char **attribute, char **status,
                            dds_error *error) {
  dds_buffer body = DDS_BUFFER_INIT(LARGEST_BODY);
  dds_operation *operation = NULL;
  dds_json answer;
  *attribute = NULL;
  *status = NULL;
  open_body(&body, table);
  bool ok = run(table, "DescribeTimeToLive", "", &body, &operation, &answer, error) &&
            read_ttl(operation, attribute, status, error);
  dds_operation_free(operation);
  if (ok) {
    return true;
  }
  dds_free(*attribute);
  dds_free(*status);
  *attribute = NULL;
  *status = NULL;
  return false;
}

bool dds_table_enable_ttl(const dds_table *table, const char *attribute, dds_error *error) {
  dds_buffer body = DDS_BUFFER_INIT(LARGEST_BODY);
  dds_operation *operation = NULL;
  dds_json answer;
  dds_error failure = DDS_ERROR_INIT;
  open_body(&body, table);
  dds_buffer_append_text(&body,
                         ",\"TimeToLiveSpecification\":{\"Enabled\":true,\"AttributeName\":");
  dds_buffer_append_json_string(&body, attribute, strlen(attribute));
  dds_buffer_append_char(&body, '}');
  bool is_enabled = run(table, "UpdateTimeToLive", attribute, &body, &operation, &answer, &failure);
  dds_operation_free(operation);
  /* Another attribute's TTL has another message, "TimeToLive is active on a different …". */
  if (is_enabled || strstr(failure.message, "TimeToLive is already enabled") != NULL) {
    return true;
  }
  if (error->code == DDS_OK) {
    *error = failure;
  }
  return false;
}
