/* Calls about a table as a whole: describe, create, wait, time to live. */
#include "dynamodb/table.h"

#include <string.h>

#include "base/alloc.h"
#include "dynamodb/number.h"
#include "dynamodb/operation.h"

enum { LARGEST_BODY = 64 * 1024, LARGEST_LIST = 1024 * 1024 };

static bool find(dds_json object, const char *name, dds_json *value) {
  return dds_json_find(object, name, strlen(name), value);
}

/* A copy of a string member; NULL, and no error, where there is none. */
static bool copy_member(dds_json object, const char *name, char **copy, dds_error *error) {
  dds_json string;
  *copy = NULL;
  if (!find(object, name, &string) || dds_json_type_of(string) != DDS_JSON_STRING) {
    return true;
  }
  dds_buffer text = DDS_BUFFER_INIT(LARGEST_BODY);
  bool is_text = dds_json_string_append(string, &text);
  dds_buffer_append(&text, "", 0);
  bool ok = dds_buffer_check(&text, error);
  if (ok && is_text) {
    *copy = dds_buffer_take(&text);
  }
  dds_buffer_free(&text);
  return ok;
}

static int64_t integer_member(dds_json object, const char *name, int64_t otherwise) {
  dds_json number;
  int64_t integer;
  if (!find(object, name, &number) || dds_json_type_of(number) != DDS_JSON_NUMBER ||
      !dds_number_to_integer(number.text, number.length, &integer)) {
    return otherwise;
  }
  return integer;
}

static bool member_is(dds_json object, const char *name, const char *text) {
  dds_json string;
  return find(object, name, &string) && dds_json_type_of(string) == DDS_JSON_STRING &&
         dds_json_string_equals(string, text, strlen(text));
}

/* The key attribute with a role, "HASH" or "RANGE", and its type. */
static bool read_key(dds_json table, const char *role, char **name, char **type, dds_error *error) {
  dds_json schema = {0};
  dds_json element;
  if (!find(table, "KeySchema", &schema)) {
    return true;
  }
  dds_json_iterator elements = dds_json_iterate(schema);
  while (dds_json_next(&elements, NULL, &element)) {
    if (member_is(element, "KeyType", role) &&
        !copy_member(element, "AttributeName", name, error)) {
      return false;
    }
  }
  if (*name == NULL || type == NULL || !find(table, "AttributeDefinitions", &schema)) {
    return true;
  }
  elements = dds_json_iterate(schema);
  while (dds_json_next(&elements, NULL, &element)) {
    if (member_is(element, "AttributeName", *name)) {
      return copy_member(element, "AttributeType", type, error);
    }
  }
  return true;
}

static void append_member(dds_buffer *list, const char *label, dds_json object, const char *name) {
  dds_json value;
  if (!find(object, name, &value)) {
    return;
  }
  dds_buffer_append_format(list, ",\"%s\":", label);
  dds_buffer_append(list, value.text, value.length);
}

/* Appends {"name":…,"keys":[…],"projection":…,"status":…} for each index of one kind. */
static void append_indexes(dds_buffer *list, dds_json table, const char *kind) {
  dds_json indexes = {0};
  dds_json index;
  dds_json part;
  if (!find(table, kind, &indexes)) {
    return;
  }
  dds_json_iterator iterator = dds_json_iterate(indexes);
  while (dds_json_next(&iterator, NULL, &index)) {
    if (!find(index, "IndexName", &part)) {
      continue;
    }
    dds_buffer_append_text(list, list->length == 1 ? "{\"name\":" : ",{\"name\":");
    dds_buffer_append(list, part.text, part.length);
    append_member(list, "keys", index, "KeySchema");
    if (find(index, "Projection", &part)) {
      append_member(list, "projection", part, "ProjectionType");
    }
    append_member(list, "status", index, "IndexStatus");
    dds_buffer_append_char(list, '}');
  }
}

static void append_replicas(dds_buffer *list, dds_json table) {
  dds_json replicas = {0};
  dds_json replica;
  dds_json region;
  if (!find(table, "Replicas", &replicas)) {
    return;
  }
  dds_json_iterator iterator = dds_json_iterate(replicas);
  while (dds_json_next(&iterator, NULL, &replica)) {
    if (!find(replica, "RegionName", &region)) {
      continue;
    }
    if (list->length > 1) {
      dds_buffer_append_char(list, ',');
    }
    dds_buffer_append(list, region.text, region.length);
  }
}

/* Closes a list and hands it over; NULL where it is empty. */
static bool finish_list(dds_buffer *list, char **text, dds_error *error) {
  bool has_elements = list->length > 1;
  dds_buffer_append_char(list, ']');
  bool ok = dds_buffer_check(list, error);
  if (ok && has_elements) {
    *text = dds_buffer_take(list);
  }
  dds_buffer_free(list);
  return ok;
}

static bool read_lists(dds_json table, dds_table_description *description, dds_error *error) {
  dds_buffer list = DDS_BUFFER_INIT(LARGEST_LIST);
  dds_buffer_append_char(&list, '[');
  append_indexes(&list, table, "GlobalSecondaryIndexes");
  append_indexes(&list, table, "LocalSecondaryIndexes");
  if (!finish_list(&list, &description->indexes, error)) {
    return false;
  }
  dds_buffer_append_char(&list, '[');
  append_replicas(&list, table);
  return finish_list(&list, &description->replicas, error);
}

/* A table that was never on demand has no BillingModeSummary. */
static bool read_billing(dds_json table, dds_table_description *description, dds_error *error) {
  static const char provisioned[] = "PROVISIONED";
  dds_json part;
  if (find(table, "BillingModeSummary", &part) &&
      !copy_member(part, "BillingMode", &description->billing, error)) {
    return false;
  }
  if (description->billing == NULL) {
    description->billing = dds_alloc_copy(provisioned, strlen(provisioned));
  }
  if (description->billing == NULL) {
    return dds_error_set_nomem(error);
  }
  bool has_capacity =
      strcmp(description->billing, provisioned) == 0 && find(table, "ProvisionedThroughput", &part);
  description->read_capacity = has_capacity ? integer_member(part, "ReadCapacityUnits", -1) : -1;
  description->write_capacity = has_capacity ? integer_member(part, "WriteCapacityUnits", -1) : -1;
  return true;
}

static bool read_description(dds_json table, dds_table_description *description, dds_error *error) {
  description->exists = true;
  description->items = integer_member(table, "ItemCount", 0);
  description->bytes = integer_member(table, "TableSizeBytes", 0);
  if (!copy_member(table, "TableStatus", &description->status, error)) {
    return false;
  }
  if (description->status == NULL) {
    return dds_error_set(error, DDS_ERROR, "unexpected answer: DescribeTable gives no status");
  }
  return copy_member(table, "TableArn", &description->arn, error) &&
         read_billing(table, description, error) &&
         read_key(table, "HASH", &description->hash_key, &description->hash_key_type, error) &&
         read_key(table, "RANGE", &description->sort_key, NULL, error) &&
         read_lists(table, description, error);
}

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
    ok = read_description(description_json, description, &failure);
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

void dds_table_description_free(dds_table_description *description) {
  char *const texts[] = {description->status,   description->billing,       description->arn,
                         description->hash_key, description->hash_key_type, description->sort_key,
                         description->indexes,  description->replicas};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    dds_free(texts[i]);
  }
  *description = (dds_table_description){.read_capacity = -1, .write_capacity = -1};
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
  if (!copy_member(description, "AttributeName", attribute, error) ||
      !copy_member(description, "TimeToLiveStatus", status, error)) {
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
