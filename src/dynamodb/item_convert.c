/*
 * Typed values to plain JSON and back. Plain JSON has no bytes and no sets, and spells numbers as
 * it likes, so on the way back each part that is what it was keeps its old typed text.
 */
#include <string.h>

#include "dynamodb/base64.h"
#include "dynamodb/item.h"
#include "dynamodb/json_lookup.h"
#include "dynamodb/number.h"

static void append_span(dds_buffer *buffer, dds_json json) {
  dds_buffer_append(buffer, json.text, json.length);
}

/* A number's digits, bare where they are a JSON number, which what DynamoDB writes always is. */
static void append_number(dds_buffer *json, dds_json content) {
  const char *digits;
  size_t length;
  bool is_number = dds_json_type_of(content) == DDS_JSON_STRING &&
                   dds_json_string_is_plain(content, &digits, &length) &&
                   dds_number_check(digits, length) != DDS_NUMBER_NOT_A_NUMBER;
  if (is_number) {
    dds_buffer_append(json, digits, length);
  } else {
    append_span(json, content);
  }
}

static void append_plain(dds_json typed, dds_buffer *json) {
  dds_value value;
  if (dds_value_read(typed, &value)) {
    dds_value_append_json(&value, json);
  } else {
    append_span(json, typed);
  }
}

static void append_container(const dds_value *value, dds_buffer *json) {
  dds_json_iterator iterator = dds_json_iterate(value->content);
  dds_json name;
  dds_json element;
  const char *separator = "";
  dds_buffer_append_char(json, iterator.is_object ? '{' : '[');
  while (dds_json_next(&iterator, &name, &element)) {
    dds_buffer_append_text(json, separator);
    separator = ",";
    if (iterator.is_object) {
      append_span(json, name);
      dds_buffer_append_char(json, ':');
    }
    if (!dds_type_is_set(value->type)) {
      append_plain(element, json);
    } else if (value->type == DDS_TYPE_NUMBER_SET) {
      append_number(json, element);
    } else {
      append_span(json, element);
    }
  }
  dds_buffer_append_char(json, iterator.is_object ? '}' : ']');
}

void dds_value_append_json(const dds_value *value, dds_buffer *json) {
  switch (value->type) {
  case DDS_TYPE_STRING:
  case DDS_TYPE_BINARY:
  case DDS_TYPE_BOOL:
    append_span(json, value->content);
    break;
  case DDS_TYPE_NUMBER:
    append_number(json, value->content);
    break;
  case DDS_TYPE_NULL:
    dds_buffer_append_text(json, "null");
    break;
  default:
    append_container(value, json);
    break;
  }
}

static void append_stored(dds_json typed, dds_buffer *json);

static void append_stored_number(dds_json content, dds_buffer *json) {
  const char *digits;
  size_t length;
  if (dds_json_type_of(content) == DDS_JSON_STRING &&
      dds_json_string_is_plain(content, &digits, &length) &&
      dds_number_check(digits, length) == DDS_NUMBER_OK) {
    dds_buffer_append_char(json, '"');
    dds_number_append_stored(json, digits, length);
    dds_buffer_append_char(json, '"');
  } else {
    append_span(json, content);
  }
}

/* The members of an item or a map, or the elements of a list or a set of numbers. */
static void append_stored_parts(dds_json container, bool are_numbers, dds_buffer *json) {
  dds_json_iterator iterator = dds_json_iterate(container);
  dds_json name;
  dds_json part;
  const char *separator = "";
  dds_buffer_append_char(json, iterator.is_object ? '{' : '[');
  while (dds_json_next(&iterator, &name, &part)) {
    dds_buffer_append_text(json, separator);
    separator = ",";
    if (iterator.is_object) {
      append_span(json, name);
      dds_buffer_append_char(json, ':');
    }
    if (are_numbers) {
      append_stored_number(part, json);
    } else {
      append_stored(part, json);
    }
  }
  dds_buffer_append_char(json, iterator.is_object ? '}' : ']');
}

static void append_stored(dds_json typed, dds_buffer *json) {
  dds_value value;
  if (!dds_value_read(typed, &value)) {
    append_span(json, typed);
    return;
  }
  switch (value.type) {
  case DDS_TYPE_NUMBER:
  case DDS_TYPE_NUMBER_SET:
  case DDS_TYPE_LIST:
  case DDS_TYPE_MAP:
    dds_buffer_append_format(json, "{\"%s\":", dds_type_name(value.type));
    if (value.type == DDS_TYPE_NUMBER) {
      append_stored_number(value.content, json);
    } else {
      append_stored_parts(value.content, value.type == DDS_TYPE_NUMBER_SET, json);
    }
    dds_buffer_append_char(json, '}');
    break;
  default:
    append_span(json, typed);
    break;
  }
}

void dds_item_append_stored(const dds_item *item, dds_buffer *json) {
  append_stored_parts(item->json, false, json);
}

/* Whether plain JSON is what a value reads as. */
static bool is_plain_of(dds_json plain, const dds_value *value);

static bool is_plain_of_scalar(dds_json plain, dds_type type, dds_json content) {
  const char *digits;
  size_t length;
  if (type == DDS_TYPE_NUMBER && dds_json_type_of(plain) == DDS_JSON_NUMBER) {
    return dds_json_string_is_plain(content, &digits, &length) &&
           dds_number_check(digits, length) != DDS_NUMBER_NOT_A_NUMBER &&
           dds_number_compare(plain.text, plain.length, digits, length) == 0;
  }
  return dds_json_type_of(plain) == DDS_JSON_STRING && type != DDS_TYPE_NUMBER &&
         dds_json_string_compare(plain, content) == 0;
}

static bool is_plain_of_element(dds_json plain, const dds_value *container, dds_json element) {
  dds_value value;
  if (!dds_type_is_set(container->type)) {
    return dds_value_read(element, &value) && is_plain_of(plain, &value);
  }
  return dds_json_type_of(element) == DDS_JSON_STRING &&
         is_plain_of_scalar(plain, dds_type_of_element(container->type), element);
}

static bool is_plain_of_array(dds_json plain, const dds_value *value) {
  if (dds_json_type_of(plain) != DDS_JSON_ARRAY) {
    return false;
  }
  dds_json_iterator plain_elements = dds_json_iterate(plain);
  dds_json_iterator elements = dds_json_iterate(value->content);
  dds_json plain_element;
  dds_json element;
  while (dds_json_next(&plain_elements, NULL, &plain_element)) {
    if (!dds_json_next(&elements, NULL, &element) ||
        !is_plain_of_element(plain_element, value, element)) {
      return false;
    }
  }
  return !dds_json_next(&elements, NULL, &element);
}

static bool is_plain_of_map(dds_json plain, const dds_value *value) {
  if (dds_json_type_of(plain) != DDS_JSON_OBJECT) {
    return false;
  }
  dds_json_lookup old_members = dds_json_lookup_members(value->content);
  dds_json_iterator members = dds_json_iterate(plain);
  dds_json name;
  dds_json member;
  dds_json old;
  size_t count = 0;
  bool is_same = true;
  while (is_same && dds_json_next(&members, &name, &member)) {
    is_same =
        dds_json_lookup_find(&old_members, name, &old) && is_plain_of_element(member, value, old);
    count++;
  }
  is_same = is_same && count == old_members.count;
  dds_json_lookup_free(&old_members);
  return is_same;
}

static bool is_plain_of(dds_json plain, const dds_value *value) {
  switch (value->type) {
  case DDS_TYPE_BOOL:
    return dds_json_type_of(plain) == dds_json_type_of(value->content);
  case DDS_TYPE_NULL:
    return dds_json_type_of(plain) == DDS_JSON_NULL;
  case DDS_TYPE_MAP:
    return is_plain_of_map(plain, value);
  case DDS_TYPE_LIST:
  case DDS_TYPE_STRING_SET:
  case DDS_TYPE_NUMBER_SET:
  case DDS_TYPE_BINARY_SET:
    return is_plain_of_array(plain, value);
  default:
    return is_plain_of_scalar(plain, value->type, value->content);
  }
}

static bool refuse(dds_error *error, const char *reason) {
  return dds_error_set(error, DDS_CHECK, "DynamoDB cannot hold this JSON: %s", reason);
}

static void open_typed(dds_buffer *typed, dds_type type) {
  dds_buffer_append_format(typed, "{\"%s\":", dds_type_name(type));
}

static bool append_typed_number(const char *digits, size_t length, dds_buffer *typed,
                                dds_error *error) {
  switch (dds_number_check(digits, length)) {
  case DDS_NUMBER_OK:
    break;
  case DDS_NUMBER_TOO_PRECISE:
    return dds_error_set(error, DDS_TOOBIG, "number with more than 38 significant digits");
  case DDS_NUMBER_OUT_OF_RANGE:
    return refuse(error, "a number beyond 1E-130 to 9.99E+125");
  default:
    return refuse(error, "text that is no number");
  }
  dds_buffer_append_char(typed, '"');
  dds_buffer_append(typed, digits, length);
  dds_buffer_append_char(typed, '"');
  return true;
}

/* Copies a string's own spelling, once it is known that it stands for text. */
static bool append_typed_string(dds_json string, dds_buffer *typed, dds_error *error) {
  if (!dds_json_string_is_text(string)) {
    return refuse(error, "a lone surrogate in a string");
  }
  append_span(typed, string);
  return true;
}

static bool convert(dds_json plain, const dds_value *old, int level, dds_buffer *typed,
                    dds_error *error);

/* The old value of an element: by name in a map, by position in a list. */
typedef struct old_parts {
  dds_json_lookup members;
  dds_json_iterator elements;
  bool is_map;
  bool is_list;
} old_parts;

static old_parts old_parts_of(const dds_value *old, bool wants_map) {
  old_parts parts = {.is_map = old != NULL && wants_map && old->type == DDS_TYPE_MAP,
                     .is_list = old != NULL && !wants_map && old->type == DDS_TYPE_LIST};
  if (parts.is_map) {
    parts.members = dds_json_lookup_members(old->content);
  }
  if (parts.is_list) {
    parts.elements = dds_json_iterate(old->content);
  }
  return parts;
}

static bool next_old_part(old_parts *parts, dds_json name, dds_value *old) {
  dds_json typed;
  bool is_found = (parts->is_map && dds_json_lookup_find(&parts->members, name, &typed)) ||
                  (parts->is_list && dds_json_next(&parts->elements, NULL, &typed));
  return is_found && dds_value_read(typed, old);
}

static bool check_names(dds_json object, dds_error *error) {
  dds_json_lookup names = dds_json_lookup_members(object);
  bool has_duplicates = dds_json_lookup_has_duplicates(&names);
  dds_json_lookup_free(&names);
  return !has_duplicates || refuse(error, "an object with the same name twice");
}

static bool convert_elements(dds_json plain, old_parts *parts, int level, dds_buffer *typed,
                             dds_error *error) {
  dds_json_iterator iterator = dds_json_iterate(plain);
  dds_json name = {0};
  dds_json element;
  const char *separator = "";
  while (dds_json_next(&iterator, &name, &element)) {
    dds_buffer_append_text(typed, separator);
    separator = ",";
    if (iterator.is_object) {
      if (dds_json_string_length(name) == 0) {
        return refuse(error, "an object with an empty name");
      }
      if (!append_typed_string(name, typed, error)) {
        return false;
      }
      dds_buffer_append_char(typed, ':');
    }
    dds_value old;
    bool has_old = next_old_part(parts, name, &old);
    if (!convert(element, has_old ? &old : NULL, level, typed, error)) {
      return false;
    }
  }
  return true;
}

/* An object as M, an array as L. */
static bool convert_container(dds_json plain, const dds_value *old, int level, dds_buffer *typed,
                              dds_error *error) {
  bool is_map = dds_json_type_of(plain) == DDS_JSON_OBJECT;
  if (level > DDS_ITEM_MAX_DEPTH) {
    return refuse(error, "more than 32 levels of lists and maps");
  }
  if (is_map && !check_names(plain, error)) {
    return false;
  }
  open_typed(typed, is_map ? DDS_TYPE_MAP : DDS_TYPE_LIST);
  dds_buffer_append_char(typed, is_map ? '{' : '[');
  old_parts parts = old_parts_of(old, is_map);
  bool ok = convert_elements(plain, &parts, level, typed, error);
  dds_json_lookup_free(&parts.members);
  dds_buffer_append_text(typed, is_map ? "}}" : "]}");
  return ok;
}

/* `level` counts the lists and maps that are around the value. */
static bool convert(dds_json plain, const dds_value *old, int level, dds_buffer *typed,
                    dds_error *error) {
  if (old != NULL && is_plain_of(plain, old)) {
    append_span(typed, old->typed);
    return true;
  }
  switch (dds_json_type_of(plain)) {
  case DDS_JSON_NULL:
    dds_buffer_append_text(typed, "{\"NULL\":true}");
    return true;
  case DDS_JSON_FALSE:
  case DDS_JSON_TRUE:
    open_typed(typed, DDS_TYPE_BOOL);
    append_span(typed, plain);
    break;
  case DDS_JSON_NUMBER:
    open_typed(typed, DDS_TYPE_NUMBER);
    if (!append_typed_number(plain.text, plain.length, typed, error)) {
      return false;
    }
    break;
  case DDS_JSON_STRING:
    open_typed(typed, DDS_TYPE_STRING);
    if (!append_typed_string(plain, typed, error)) {
      return false;
    }
    break;
  default:
    return convert_container(plain, old, level + 1, typed, error);
  }
  dds_buffer_append_char(typed, '}');
  return true;
}

bool dds_value_append_from_json(dds_json plain, const dds_value *old, dds_buffer *typed,
                                dds_error *error) {
  return convert(plain, old, 0, typed, error) && dds_buffer_check(typed, error);
}

static bool refuse_type(dds_type type, dds_error *error) {
  return dds_error_set(error, DDS_CHECK, "the value cannot be expressed as DynamoDB's type %s",
                       dds_type_name(type));
}

/* A bare number as text, or a string that holds one. */
static bool digits_of(dds_json plain, const char **digits, size_t *length) {
  *digits = plain.text;
  *length = plain.length;
  return dds_json_type_of(plain) == DDS_JSON_NUMBER ||
         (dds_json_type_of(plain) == DDS_JSON_STRING &&
          dds_json_string_is_plain(plain, digits, length) &&
          dds_number_check(*digits, *length) != DDS_NUMBER_NOT_A_NUMBER);
}

/* Appends the content of an S, N or B: a JSON string. */
static bool append_scalar_as(dds_json plain, dds_type type, dds_buffer *typed, dds_error *error) {
  const char *digits;
  size_t length;
  bool is_string = dds_json_type_of(plain) == DDS_JSON_STRING;
  if (type == DDS_TYPE_NUMBER) {
    if (!digits_of(plain, &digits, &length)) {
      return refuse_type(type, error);
    }
    return append_typed_number(digits, length, typed, error);
  }
  if (type == DDS_TYPE_STRING && dds_json_type_of(plain) == DDS_JSON_NUMBER) {
    dds_buffer_append_json_string(typed, plain.text, plain.length);
    return true;
  }
  if (!is_string || (type == DDS_TYPE_BINARY && !dds_base64_is_valid(plain))) {
    return refuse_type(type, error);
  }
  return append_typed_string(plain, typed, error);
}

static bool append_bool_as(dds_json plain, dds_buffer *typed, dds_error *error) {
  static const char zero[] = "0";
  static const char one[] = "1";
  dds_json_type type = dds_json_type_of(plain);
  bool is_number = type == DDS_JSON_NUMBER;
  bool is_true = type == DDS_JSON_TRUE ||
                 (is_number && dds_number_compare(plain.text, plain.length, one, 1) == 0);
  bool is_false = type == DDS_JSON_FALSE ||
                  (is_number && dds_number_compare(plain.text, plain.length, zero, 1) == 0);
  if (!is_true && !is_false) {
    return refuse_type(DDS_TYPE_BOOL, error);
  }
  dds_buffer_append_text(typed, is_true ? "true" : "false");
  return true;
}

static bool append_set_as(dds_json plain, dds_type type, dds_buffer *typed, dds_error *error) {
  if (dds_json_type_of(plain) != DDS_JSON_ARRAY) {
    return refuse_type(type, error);
  }
  dds_json_iterator elements = dds_json_iterate(plain);
  dds_json element;
  size_t count = 0;
  size_t start = typed->length;
  dds_buffer_append_char(typed, '[');
  for (; dds_json_next(&elements, NULL, &element); count++) {
    if (count > 0) {
      dds_buffer_append_char(typed, ',');
    }
    if (!append_scalar_as(element, dds_type_of_element(type), typed, error)) {
      return false;
    }
  }
  dds_buffer_append_char(typed, ']');
  if (count == 0) {
    return refuse(error, "an empty set");
  }
  if (!dds_buffer_check(typed, error)) {
    return false;
  }
  dds_json set = {.text = typed->data + start, .length = typed->length - start};
  dds_json_lookup lookup = dds_json_lookup_elements(set, dds_type_order(dds_type_of_element(type)));
  bool has_duplicates = dds_json_lookup_has_duplicates(&lookup);
  dds_json_lookup_free(&lookup);
  return !has_duplicates || refuse(error, "a set with the same element twice");
}

static bool append_content_as(dds_json plain, dds_type type, dds_buffer *typed, dds_error *error) {
  if (type == DDS_TYPE_BOOL) {
    return append_bool_as(plain, typed, error);
  }
  if (dds_type_is_set(type)) {
    return append_set_as(plain, type, typed, error);
  }
  return append_scalar_as(plain, type, typed, error);
}

bool dds_value_append_as(dds_json plain, dds_type type, const dds_value *old, dds_buffer *typed,
                         dds_error *error) {
  static const dds_json_type document_of[] = {[DDS_TYPE_NULL] = DDS_JSON_NULL,
                                              [DDS_TYPE_LIST] = DDS_JSON_ARRAY,
                                              [DDS_TYPE_MAP] = DDS_JSON_OBJECT};
  bool is_unchanged = old != NULL && old->type == type && is_plain_of(plain, old);
  if (is_unchanged) {
    append_span(typed, old->typed);
    return dds_buffer_check(typed, error);
  }
  if (type == DDS_TYPE_NULL || type == DDS_TYPE_LIST || type == DDS_TYPE_MAP) {
    if (dds_json_type_of(plain) != document_of[type]) {
      return refuse_type(type, error);
    }
    const dds_value *same_type = old != NULL && old->type == type ? old : NULL;
    return dds_value_append_from_json(plain, same_type, typed, error);
  }
  open_typed(typed, type);
  if (!append_content_as(plain, type, typed, error)) {
    return false;
  }
  dds_buffer_append_char(typed, '}');
  return dds_buffer_check(typed, error);
}
