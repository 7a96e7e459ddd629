/*
 * Operations in the user's own words. The table below says where an operation differs from the
 * usual; it is held against botocore's model of DynamoDB by tests/integration/test_request.py. One
 * that is newer than the table is taken for one that is about a table.
 */
#include "dynamodb/raw.h"

#include <string.h>

#include "base/uuid.h"
#include "dynamodb/item.h"

enum { LARGEST_BODY = 32 * 1024 * 1024 };

typedef struct difference {
  const char *operation;
  const char *token; /* the parameter that makes a repeated call one; NULL: it has none */
} difference;

/* Operations that have no parameter TableName. */
static const difference without_table[] = {
    {"BatchExecuteStatement", NULL},
    {"BatchGetItem", NULL},
    {"BatchWriteItem", NULL},
    {"CancelBulkOperation", NULL},
    {"CreateGlobalTable", NULL},
    {"DeleteBackup", NULL},
    {"DeleteResourcePolicy", NULL},
    {"DescribeBackup", NULL},
    {"DescribeBulkOperation", NULL},
    {"DescribeEndpoints", NULL},
    {"DescribeExport", NULL},
    {"DescribeGlobalTable", NULL},
    {"DescribeGlobalTableSettings", NULL},
    {"DescribeImport", NULL},
    {"DescribeLimits", NULL},
    {"ExecuteStatement", NULL},
    {"ExecuteTransaction", "ClientRequestToken"},
    {"ExportTableToPointInTime", "ClientToken"},
    {"GetResourcePolicy", NULL},
    {"ImportTable", "ClientToken"},
    {"ListBulkOperations", NULL},
    {"ListExports", NULL},
    {"ListGlobalTables", NULL},
    {"ListImports", NULL},
    {"ListTables", NULL},
    {"ListTagsOfResource", NULL},
    {"PutResourcePolicy", NULL},
    {"RestoreTableFromBackup", NULL},
    {"RestoreTableToPointInTime", NULL},
    {"TagResource", NULL},
    {"TransactGetItems", NULL},
    {"TransactWriteItems", "ClientRequestToken"},
    {"UntagResource", NULL},
    {"UpdateGlobalTable", NULL},
    {"UpdateGlobalTableSettings", NULL},
};
static const difference with_token[] = {
    {"StartBulkPutItems", "ClientToken"},
};

static const difference *find(const difference *rows, size_t count, const char *operation) {
  for (size_t i = 0; i < count; i++) {
    if (strcmp(rows[i].operation, operation) == 0) {
      return &rows[i];
    }
  }
  return NULL;
}

bool dds_raw_is_name(const char *operation) {
  static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  return operation[0] != '\0' && operation[strspn(operation, allowed)] == '\0';
}

bool dds_raw_is_read(const char *operation) {
  static const char *const verbs[] = {"Get", "Describe", "List"};
  static const char *const names[] = {"Query", "Scan", "BatchGetItem", "TransactGetItems"};
  for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
    size_t length = strlen(verbs[i]);
    if (strncmp(operation, verbs[i], length) == 0 && operation[length] >= 'A' &&
        operation[length] <= 'Z') {
      return true;
    }
  }
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    if (strcmp(operation, names[i]) == 0) {
      return true;
    }
  }
  return false;
}

/* Appends `"name":"value",` unless the object has the member. */
static void append_missing(dds_buffer *body, dds_json object, const char *name, const char *value) {
  dds_json present;
  if (dds_json_find(object, name, strlen(name), &present)) {
    return;
  }
  dds_buffer_append_json_string(body, name, strlen(name));
  dds_buffer_append_char(body, ':');
  dds_buffer_append_json_string(body, value, strlen(value));
  dds_buffer_append_char(body, ',');
}

static bool make_body(const dds_table *table, const char *operation, dds_json object,
                      dds_buffer *body, dds_error *error) {
  const difference *special =
      find(without_table, sizeof without_table / sizeof without_table[0], operation);
  bool takes_table = special == NULL;
  if (special == NULL) {
    special = find(with_token, sizeof with_token / sizeof with_token[0], operation);
  }
  dds_buffer_append_char(body, '{');
  if (takes_table) {
    append_missing(body, object, "TableName", table->name);
  }
  if (special != NULL && special->token != NULL) {
    char token[DDS_UUID_BYTES];
    if (!dds_uuid_make(token, error)) {
      return false;
    }
    append_missing(body, object, special->token, token);
  }
  dds_json_iterator members = dds_json_iterate(object);
  dds_json name;
  dds_json value;
  if (!dds_json_next(&members, &name, &value)) {
    body->length -= body->length > 1 ? 1 : 0; /* the comma of what was added */
    dds_buffer_append_char(body, '}');
  } else {
    /* The user's own text from his first member on, to its closing brace. */
    size_t offset = (size_t)(name.text - object.text);
    dds_buffer_append(body, name.text, object.length - offset);
  }
  return dds_buffer_check(body, error);
}

/* Of the request for one item: what it puts; 1 where only DynamoDB knows the item. */
static size_t units_of_one(dds_json request) {
  dds_json json;
  dds_item item;
  dds_error ignored = DDS_ERROR_INIT;
  bool is_known = dds_json_find(request, "Item", strlen("Item"), &json) &&
                  dds_item_parse(json.text, json.length, &item, &ignored);
  return dds_meter_write_units(is_known ? dds_item_size_bytes(&item) : 0);
}

/* Of requests such as {"PutRequest": {"Item": …}} or {"Put": {"Item": …}}. */
static size_t units_of_list(dds_json list) {
  dds_json_iterator requests = dds_json_iterate(list);
  dds_json request;
  dds_json inner;
  size_t units = 0;
  while (!requests.is_object && dds_json_next(&requests, NULL, &request)) {
    dds_json_iterator kinds = dds_json_iterate(request);
    while (kinds.is_object && dds_json_next(&kinds, NULL, &inner)) {
      units += units_of_one(inner);
    }
  }
  return units;
}

/* Write units that a request takes at least, as a COMMIT counts them; 0 where it says too little,
 * as PartiQL does. */
static size_t write_units(const char *operation, dds_json request) {
  static const char *const single[] = {"PutItem", "UpdateItem", "DeleteItem"};
  dds_json lists;
  dds_json list;
  size_t units = 0;
  for (size_t i = 0; i < sizeof single / sizeof single[0]; i++) {
    if (strcmp(operation, single[i]) == 0) {
      return units_of_one(request);
    }
  }
  if (strcmp(operation, "TransactWriteItems") == 0 &&
      dds_json_find(request, "TransactItems", strlen("TransactItems"), &list)) {
    return 2 * units_of_list(list);
  }
  if (strcmp(operation, "BatchWriteItem") == 0 &&
      dds_json_find(request, "RequestItems", strlen("RequestItems"), &lists)) {
    dds_json_iterator tables = dds_json_iterate(lists);
    while (tables.is_object && dds_json_next(&tables, NULL, &list)) {
      units += units_of_list(list);
    }
  }
  return units;
}

/* Sends it and waits. */
static bool send(const dds_table *table, const char *operation, dds_buffer *body,
                 dds_operation **holder, dds_json *answer, dds_error *error) {
  if (!dds_operation_start(table, operation, body, DDS_WORDS_AS_GIVEN, holder, error)) {
    return false;
  }
  if (dds_operation_wait(*holder, answer, error)) {
    return true;
  }
  if (!dds_raw_is_read(operation) && dds_operation_may_have_been_applied(*holder)) {
    dds_error_append(error, "; it may have been done all the same: look before you send it again");
  }
  dds_operation_free(*holder);
  *holder = NULL;
  return false;
}

bool dds_raw_run(const dds_table *table, const char *operation, const char *json, size_t length,
                 dds_operation **holder, dds_json *answer, dds_error *error) {
  dds_buffer body = DDS_BUFFER_INIT(LARGEST_BODY);
  dds_json object;
  size_t where;
  *holder = NULL;
  if (!dds_json_parse(json, length, &object, &where)) {
    return dds_error_set(error, DDS_CHECK, "%s: the request is not valid JSON at byte %zu",
                         operation, where + 1);
  }
  if (dds_json_type_of(object) != DDS_JSON_OBJECT) {
    return dds_error_set(error, DDS_CHECK, "%s: the request must be a JSON object", operation);
  }
  bool ok = (table->meter == NULL || dds_meter_check_writes(table->meter, table->name,
                                                            (double)write_units(operation, object),
                                                            "call has used", error)) &&
            make_body(table, operation, object, &body, error) &&
            send(table, operation, &body, holder, answer, error);
  dds_buffer_free(&body);
  return ok;
}
