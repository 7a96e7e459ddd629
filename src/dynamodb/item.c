/*
 * Items and typed values: finding, checking, comparing and measuring DynamoDB JSON in place.
 * item_check.c checks what a user gives; item_convert.c turns typed values into plain JSON and
 * back.
 */
#include "dynamodb/item.h"

#include <string.h>

#include "dynamodb/base64.h"
#include "dynamodb/json_lookup.h"
#include "dynamodb/number.h"

/* What each type's content is in JSON; of a set, what its elements are. */
typedef struct type_row {
  const char *name;
  dds_json_type content;
  dds_type element; /* of a set */
} type_row;

static const type_row types[] = {
    [DDS_TYPE_STRING] = {.name = "S", .content = DDS_JSON_STRING},
    [DDS_TYPE_NUMBER] = {.name = "N", .content = DDS_JSON_STRING},
    [DDS_TYPE_BINARY] = {.name = "B", .content = DDS_JSON_STRING},
    [DDS_TYPE_BOOL] = {.name = "BOOL", .content = DDS_JSON_TRUE},
    [DDS_TYPE_NULL] = {.name = "NULL", .content = DDS_JSON_TRUE},
    [DDS_TYPE_LIST] = {.name = "L", .content = DDS_JSON_ARRAY},
    [DDS_TYPE_MAP] = {.name = "M", .content = DDS_JSON_OBJECT},
    [DDS_TYPE_STRING_SET] = {"SS", DDS_JSON_ARRAY, DDS_TYPE_STRING},
    [DDS_TYPE_NUMBER_SET] = {"NS", DDS_JSON_ARRAY, DDS_TYPE_NUMBER},
    [DDS_TYPE_BINARY_SET] = {"BS", DDS_JSON_ARRAY, DDS_TYPE_BINARY},
};
enum { TYPE_COUNT = sizeof types / sizeof types[0] };

const char *dds_type_name(dds_type type) {
  return types[type].name;
}

bool dds_type_is_set(dds_type type) {
  return type >= DDS_TYPE_STRING_SET;
}

dds_type dds_type_of_element(dds_type set) {
  return types[set].element;
}

static bool is_content_of(const type_row *row, dds_json content) {
  dds_json_type type = dds_json_type_of(content);
  return type == row->content || (row->content == DDS_JSON_TRUE && type == DDS_JSON_FALSE);
}

bool dds_type_find(dds_json name, dds_json content, dds_type *type) {
  for (int i = 0; i < TYPE_COUNT; i++) {
    /* Most differ in the first letter, and a letter that is escaped begins with none of theirs. */
    if ((name.text[1] == types[i].name[0] || name.text[1] == '\\') &&
        dds_json_string_equals(name, types[i].name, strlen(types[i].name))) {
      *type = (dds_type)i;
      return is_content_of(&types[i], content);
    }
  }
  return false;
}

bool dds_value_read(dds_json typed, dds_value *value) {
  dds_json_iterator members = dds_json_iterate(typed);
  dds_json name;
  dds_json content;
  dds_type type;
  if (!members.is_object || !dds_json_next(&members, &name, &content) ||
      !dds_type_find(name, content, &type)) {
    return false;
  }
  *value = (dds_value){.type = type, .typed = typed, .content = content};
  return !dds_json_next(&members, &name, &content);
}

bool dds_value_is_plain(const dds_value *value, const char **bytes, size_t *length) {
  if (!value->is_plain) {
    return dds_json_string_is_plain(value->content, bytes, length);
  }
  *bytes = value->content.text + 1;
  *length = value->content.length - 2;
  return true;
}

dds_item dds_item_of(const char *text, size_t length) {
  return (dds_item){.json = {.text = text, .length = length}};
}

/* The first of that name ends the search: no item has two, and what follows may be long. */
bool dds_item_find(const dds_item *item, const char *name, size_t name_length, dds_value *value) {
  for (size_t i = 0; i < item->attribute_count; i++) {
    if (dds_json_string_equals(item->attributes[i].name, name, name_length)) {
      *value = item->attributes[i].value;
      return value->content.text != NULL;
    }
  }
  if (item->attributes != NULL) {
    return false;
  }
  dds_json_iterator members = dds_json_iterate(item->json);
  dds_json key;
  dds_json typed;
  while (members.is_object && dds_json_next(&members, &key, &typed)) {
    if (dds_json_string_equals(key, name, name_length)) {
      return dds_value_read(typed, value);
    }
  }
  return false;
}

void dds_item_index(dds_item *item, dds_attribute *room, size_t count) {
  dds_json_iterator members = dds_json_iterate(item->json);
  dds_json name;
  dds_json typed;
  size_t found = 0;
  while (members.is_object && dds_json_next(&members, &name, &typed)) {
    if (found == count) {
      return;
    }
    dds_attribute *attribute = &room[found++];
    attribute->name = name;
    if (!dds_value_read(typed, &attribute->value)) {
      attribute->value = (dds_value){.type = DDS_TYPE_NULL, .typed = typed};
    }
  }
  if (found > 0) {
    item->attributes = room;
    item->attribute_count = found;
  }
}

dds_item_iterator dds_item_iterate(const dds_item *item) {
  return item->attributes == NULL
             ? (dds_item_iterator){.members = dds_json_iterate(item->json)}
             : (dds_item_iterator){.next = item->attributes,
                                   .end = item->attributes + item->attribute_count};
}

bool dds_item_next(dds_item_iterator *iterator, dds_json *name, dds_value *value) {
  dds_json typed;
  while (iterator->next != iterator->end) {
    const dds_attribute *attribute = iterator->next++;
    if (attribute->value.content.text != NULL) {
      *name = attribute->name;
      *value = attribute->value;
      return true;
    }
  }
  while (iterator->members.is_object && dds_json_next(&iterator->members, name, &typed)) {
    if (dds_value_read(typed, value)) {
      return true;
    }
  }
  return false;
}

bool dds_value_append_bytes(const dds_value *value, dds_buffer *bytes) {
  switch (value->type) {
  case DDS_TYPE_STRING:
  case DDS_TYPE_NUMBER:
    return dds_json_string_append(value->content, bytes);
  case DDS_TYPE_BINARY:
    return dds_base64_append(value->content, bytes);
  default:
    return false;
  }
}

bool dds_value_is_true(const dds_value *value) {
  return value->type == DDS_TYPE_BOOL && dds_json_type_of(value->content) == DDS_JSON_TRUE;
}

/* A number whose digits are escaped is none that DynamoDB writes: it is compared as text. */
static int compare_numbers(dds_json left, dds_json right) {
  const char *left_digits;
  const char *right_digits;
  size_t left_length;
  size_t right_length;
  if (!dds_json_string_is_plain(left, &left_digits, &left_length) ||
      !dds_json_string_is_plain(right, &right_digits, &right_length)) {
    return dds_json_string_compare(left, right);
  }
  return dds_number_compare(left_digits, left_length, right_digits, right_length);
}

dds_json_compare *dds_type_order(dds_type type) {
  switch (type) {
  case DDS_TYPE_NUMBER:
    return compare_numbers;
  case DDS_TYPE_BINARY:
    return dds_base64_compare;
  default:
    return dds_json_string_compare;
  }
}

static bool typed_equal(dds_json left, dds_json right) {
  dds_value left_value;
  dds_value right_value;
  return dds_value_read(left, &left_value) && dds_value_read(right, &right_value) &&
         dds_value_equal(&left_value, &right_value);
}

static bool lists_equal(dds_json left, dds_json right) {
  dds_json_iterator left_elements = dds_json_iterate(left);
  dds_json_iterator right_elements = dds_json_iterate(right);
  dds_json left_element;
  dds_json right_element;
  while (dds_json_next(&left_elements, NULL, &left_element)) {
    if (!dds_json_next(&right_elements, NULL, &right_element) ||
        !typed_equal(left_element, right_element)) {
      return false;
    }
  }
  return !dds_json_next(&right_elements, NULL, &right_element);
}

/* Maps and sets: as many on both sides (DynamoDB gives no duplicates), each with its equal. */
static bool lookups_equal(const dds_json_lookup *left, const dds_json_lookup *right) {
  if (left->count != right->count) {
    return false;
  }
  dds_json_iterator iterator = dds_json_iterate(left->container);
  dds_json name;
  dds_json value;
  dds_json other;
  while (dds_json_next(&iterator, &name, &value)) {
    if (!dds_json_lookup_find(right, iterator.is_object ? name : value, &other)) {
      return false;
    }
    if (iterator.is_object && !typed_equal(value, other)) {
      return false;
    }
  }
  return true;
}

static bool unordered_equal(dds_json left, dds_json right, dds_json_compare *compare) {
  dds_json_lookup left_lookup = {.container = left};
  dds_json_iterator counted = dds_json_iterate(left);
  dds_json value;
  while (dds_json_next(&counted, NULL, &value)) {
    left_lookup.count++;
  }
  dds_json_lookup right_lookup = dds_json_lookup_elements(right, compare);
  bool is_equal = lookups_equal(&left_lookup, &right_lookup);
  dds_json_lookup_free(&right_lookup);
  return is_equal;
}

bool dds_value_equal(const dds_value *left, const dds_value *right) {
  if (left->type != right->type) {
    return false;
  }
  dds_json left_content = left->content;
  dds_json right_content = right->content;
  switch (left->type) {
  case DDS_TYPE_BOOL:
    return dds_value_is_true(left) == dds_value_is_true(right);
  case DDS_TYPE_NULL:
    return true;
  case DDS_TYPE_LIST:
    return lists_equal(left_content, right_content);
  case DDS_TYPE_MAP:
    return unordered_equal(left_content, right_content, dds_json_string_compare);
  case DDS_TYPE_STRING_SET:
  case DDS_TYPE_NUMBER_SET:
  case DDS_TYPE_BINARY_SET:
    return unordered_equal(left_content, right_content,
                           dds_type_order(dds_type_of_element(left->type)));
  default:
    return dds_type_order(left->type)(left_content, right_content) == 0;
  }
}

bool dds_item_equal(const dds_item *left, const dds_item *right) {
  if (left->json.text == NULL || right->json.text == NULL) {
    return left->json.text == right->json.text;
  }
  return unordered_equal(left->json, right->json, dds_json_string_compare);
}

static size_t scalar_size(dds_type type, dds_json content) {
  const char *digits;
  size_t length;
  switch (type) {
  case DDS_TYPE_STRING:
    return dds_json_string_length(content);
  case DDS_TYPE_NUMBER:
    if (!dds_json_string_is_plain(content, &digits, &length)) {
      return 1;
    }
    return dds_number_size_bytes(digits, length);
  case DDS_TYPE_BINARY:
    return dds_base64_decoded_length(content);
  default:
    return 1;
  }
}

static size_t value_size(dds_json typed);

/* Lists, maps and sets: what is inside, and what each element costs beside its own size. */
static size_t container_size(const dds_value *value) {
  enum { EMPTY_DOCUMENT_BYTES = 3, ELEMENT_BYTES = 1 };
  bool is_set = dds_type_is_set(value->type);
  size_t size = is_set ? 0 : EMPTY_DOCUMENT_BYTES;
  dds_json_iterator iterator = dds_json_iterate(value->content);
  dds_json name;
  dds_json element;
  while (dds_json_next(&iterator, &name, &element)) {
    if (iterator.is_object) {
      size += dds_json_string_length(name);
    }
    if (!is_set) {
      size += ELEMENT_BYTES + value_size(element);
    } else if (dds_json_type_of(element) == DDS_JSON_STRING) {
      size += scalar_size(dds_type_of_element(value->type), element);
    }
  }
  return size;
}

size_t dds_value_size_bytes(const dds_value *value) {
  if (value->type >= DDS_TYPE_LIST) {
    return container_size(value);
  }
  return scalar_size(value->type, value->content);
}

static size_t value_size(dds_json typed) {
  dds_value value;
  return dds_value_read(typed, &value) ? dds_value_size_bytes(&value) : 0;
}

size_t dds_item_size_bytes(const dds_item *item) {
  dds_json_iterator members = dds_json_iterate(item->json);
  dds_json name;
  dds_json typed;
  size_t size = 0;
  while (members.is_object && dds_json_next(&members, &name, &typed)) {
    size += dds_json_string_length(name) + value_size(typed);
  }
  return size;
}
