/* From the answer of DescribeTable to a description. */
#include "dynamodb/description.h"

#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "dynamodb/json_lookup.h"
#include "dynamodb/number.h"

enum { LARGEST_BODY = 64 * 1024, LARGEST_LIST = 1024 * 1024 };

static bool find(dds_json object, const char *name, dds_json *value) {
  return dds_json_find(object, name, strlen(name), value);
}

bool dds_description_copy_text(dds_json object, const char *name, char **copy, dds_error *error) {
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

/* The key attribute with a role, "HASH" or "RANGE", of a table or one of its indexes, and its type.
 */
static bool read_key(dds_json table, dds_json keyed, const char *role, char **name, char **type,
                     dds_error *error) {
  dds_json schema = {0};
  dds_json element;
  if (!find(keyed, "KeySchema", &schema)) {
    return true;
  }
  dds_json_iterator elements = dds_json_iterate(schema);
  while (dds_json_next(&elements, NULL, &element)) {
    if (member_is(element, "KeyType", role) &&
        !dds_description_copy_text(element, "AttributeName", name, error)) {
      return false;
    }
  }
  if (*name == NULL || type == NULL || !find(table, "AttributeDefinitions", &schema)) {
    return true;
  }
  elements = dds_json_iterate(schema);
  while (dds_json_next(&elements, NULL, &element)) {
    if (member_is(element, "AttributeName", *name)) {
      return dds_description_copy_text(element, "AttributeType", type, error);
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

/* The names in a JSON array, joined to the index's attributes. */
static bool read_attributes(dds_json names, dds_index_description *index, dds_error *error) {
  dds_json name;
  for (dds_json_iterator i = dds_json_iterate(names); dds_json_next(&i, NULL, &name);) {
    dds_buffer text = DDS_BUFFER_INIT(LARGEST_BODY);
    char **grown =
        dds_realloc(index->attributes, (index->attribute_count + 1) * sizeof *index->attributes);
    if (grown == NULL) {
      return dds_error_set_nomem(error);
    }
    index->attributes = grown;
    if (dds_json_type_of(name) != DDS_JSON_STRING || !dds_json_string_append(name, &text)) {
      dds_buffer_free(&text);
      continue;
    }
    dds_buffer_append(&text, "", 0);
    if (!dds_buffer_check(&text, error)) {
      dds_buffer_free(&text);
      return false;
    }
    grown[index->attribute_count++] = dds_buffer_take(&text);
  }
  return true;
}

static bool read_index(dds_json table, dds_json json, dds_index_description *index,
                       dds_error *error) {
  dds_json projection;
  dds_json names;
  if (find(json, "Projection", &projection)) {
    index->projects_all = member_is(projection, "ProjectionType", "ALL");
    if (find(projection, "NonKeyAttributes", &names) && dds_json_type_of(names) == DDS_JSON_ARRAY &&
        !read_attributes(names, index, error)) {
      return false;
    }
  }
  return dds_description_copy_text(json, "IndexName", &index->name, error) &&
         dds_description_copy_text(json, "IndexStatus", &index->status, error) &&
         read_key(table, json, "HASH", &index->hash_key, &index->hash_key_type, error) &&
         read_key(table, json, "RANGE", &index->sort_key, NULL, error);
}

static bool read_indexes(dds_json table, const char *kind, dds_table_description *description,
                         dds_error *error) {
  dds_json list = {0};
  dds_json json;
  if (!find(table, kind, &list)) {
    return true;
  }
  for (dds_json_iterator i = dds_json_iterate(list); dds_json_next(&i, NULL, &json);) {
    dds_index_description *grown = dds_realloc(
        description->index_list, (description->index_count + 1) * sizeof *description->index_list);
    if (grown == NULL) {
      return dds_error_set_nomem(error);
    }
    description->index_list = grown;
    grown[description->index_count] = (dds_index_description){0};
    if (!read_index(table, json, &grown[description->index_count++], error)) {
      return false;
    }
  }
  return true;
}

/* A table that was never on demand has no BillingModeSummary. */
static bool read_billing(dds_json table, dds_table_description *description, dds_error *error) {
  static const char provisioned[] = "PROVISIONED";
  dds_json part;
  if (find(table, "BillingModeSummary", &part) &&
      !dds_description_copy_text(part, "BillingMode", &description->billing, error)) {
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

bool dds_description_read(dds_json table, dds_table_description *description, dds_error *error) {
  description->exists = true;
  description->items = integer_member(table, "ItemCount", 0);
  description->bytes = integer_member(table, "TableSizeBytes", 0);
  if (!dds_description_copy_text(table, "TableStatus", &description->status, error)) {
    return false;
  }
  if (description->status == NULL) {
    return dds_error_set(error, DDS_ERROR, "unexpected answer: DescribeTable gives no status");
  }
  return dds_description_copy_text(table, "TableArn", &description->arn, error) &&
         read_billing(table, description, error) &&
         read_key(table, table, "HASH", &description->hash_key, &description->hash_key_type,
                  error) &&
         read_key(table, table, "RANGE", &description->sort_key, NULL, error) &&
         read_lists(table, description, error) &&
         read_indexes(table, "GlobalSecondaryIndexes", description, error) &&
         read_indexes(table, "LocalSecondaryIndexes", description, error);
}

static void free_index(dds_index_description *index) {
  for (size_t i = 0; i < index->attribute_count; i++) {
    dds_free(index->attributes[i]);
  }
  dds_free(index->attributes);
  dds_free(index->name);
  dds_free(index->status);
  dds_free(index->hash_key);
  dds_free(index->hash_key_type);
  dds_free(index->sort_key);
}

void dds_table_description_free(dds_table_description *description) {
  char *const texts[] = {description->status,   description->billing,       description->arn,
                         description->hash_key, description->hash_key_type, description->sort_key,
                         description->indexes,  description->replicas};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    dds_free(texts[i]);
  }
  for (size_t i = 0; i < description->index_count; i++) {
    free_index(&description->index_list[i]);
  }
  dds_free(description->index_list);
  *description = (dds_table_description){.read_capacity = -1, .write_capacity = -1};
}
