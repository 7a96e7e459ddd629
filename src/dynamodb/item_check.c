/* dds_item_parse: what DynamoDB would refuse in an item that a user gives is refused here. */
#include <string.h>

#include "dynamodb/base64.h"
#include "dynamodb/item.h"
#include "dynamodb/json_lookup.h"
#include "dynamodb/number.h"

static bool refuse(dds_error *error, const char *reason) {
  return dds_error_set(error, DDS_CHECK, "item is not valid DynamoDB JSON: %s", reason);
}

static bool check_number(dds_json content, dds_error *error) {
  const char *digits;
  size_t length;
  if (!dds_json_string_is_plain(content, &digits, &length)) {
    return refuse(error, "an N that is not a number");
  }
  switch (dds_number_check(digits, length)) {
  case DDS_NUMBER_OK:
    return true;
  case DDS_NUMBER_TOO_PRECISE:
    return dds_error_set(error, DDS_TOOBIG, "number with more than 38 significant digits");
  case DDS_NUMBER_OUT_OF_RANGE:
    return refuse(error, "an N beyond 1E-130 to 9.99E+125");
  default:
    return refuse(error, "an N that is not a number");
  }
}

static bool check_scalar(dds_type type, dds_json content, dds_error *error) {
  switch (type) {
  case DDS_TYPE_STRING:
    return dds_json_string_is_text(content) || refuse(error, "a lone surrogate in a string");
  case DDS_TYPE_NUMBER:
    return check_number(content, error);
  case DDS_TYPE_BINARY:
    return dds_base64_is_valid(content) || refuse(error, "a B that is not base64");
  case DDS_TYPE_NULL:
    return dds_json_type_of(content) == DDS_JSON_TRUE || refuse(error, "a NULL that is not true");
  default:
    return true;
  }
}

static bool check_set(const dds_value *set, dds_error *error) {
  dds_type element_type = dds_type_of_element(set->type);
  dds_json_iterator elements = dds_json_iterate(set->content);
  dds_json element;
  size_t count = 0;
  for (; dds_json_next(&elements, NULL, &element); count++) {
    if (dds_json_type_of(element) != DDS_JSON_STRING) {
      return refuse(error, "an element of a set that is no string");
    }
    if (!check_scalar(element_type, element, error)) {
      return false;
    }
  }
  if (count == 0) {
    return refuse(error, "an empty set");
  }
  dds_json_lookup lookup = dds_json_lookup_elements(set->content, dds_type_order(element_type));
  bool has_duplicates = dds_json_lookup_has_duplicates(&lookup);
  dds_json_lookup_free(&lookup);
  return !has_duplicates || refuse(error, "a set with the same element twice");
}

static bool check_members(dds_json container, int level, dds_error *error);

static bool check_value(dds_json typed, int level, dds_error *error) {
  dds_value value;
  if (!dds_value_read(typed, &value)) {
    return refuse(error, "every attribute must be an object of one type and its value, as in "
                         "{\"S\":\"text\"}");
  }
  if (dds_type_is_set(value.type)) {
    return check_set(&value, error);
  }
  if (value.type != DDS_TYPE_LIST && value.type != DDS_TYPE_MAP) {
    return check_scalar(value.type, value.content, error);
  }
  return check_members(value.content, level + 1, error);
}

static bool check_names(dds_json object, dds_error *error) {
  dds_json_lookup names = dds_json_lookup_members(object);
  bool has_duplicates = dds_json_lookup_has_duplicates(&names);
  dds_json_lookup_free(&names);
  return !has_duplicates || refuse(error, "the same attribute name twice");
}

/* `level` counts the lists and maps around what is inside `container`. */
static bool check_members(dds_json container, int level, dds_error *error) {
  if (level > DDS_ITEM_MAX_DEPTH) {
    return refuse(error, "more than 32 levels of lists and maps");
  }
  dds_json_iterator members = dds_json_iterate(container);
  if (members.is_object && !check_names(container, error)) {
    return false;
  }
  dds_json name;
  dds_json typed;
  while (dds_json_next(&members, &name, &typed)) {
    if (members.is_object && name.length == 2) {
      return refuse(error, "an empty attribute name");
    }
    if (members.is_object && !dds_json_string_is_text(name)) {
      return refuse(error, "a lone surrogate in an attribute name");
    }
    if (!check_value(typed, level, error)) {
      return false;
    }
  }
  return true;
}

bool dds_item_parse(const char *text, size_t length, dds_item *item, dds_error *error) {
  size_t where;
  *item = (dds_item){0};
  dds_json json;
  if (!dds_json_parse(text, length, &json, &where)) {
    return dds_error_set(error, DDS_CHECK, "item is not valid JSON: wrong at byte %zu", where + 1);
  }
  if (dds_json_type_of(json) != DDS_JSON_OBJECT) {
    return refuse(error, "it is no object");
  }
  if (!check_members(json, 0, error)) {
    return false;
  }
  *item = (dds_item){.json = json};
  return true;
}
