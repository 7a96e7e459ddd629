/* Placeholders: #n0, #n1, … for names and :v0, :v1, … for values, in the order of their first use.
 */
#include "dynamodb/placeholders.h"

#include <stdint.h>
#include <string.h>

/* Asserted values are of items of at most 400 KB, each byte escaped at worst. */
enum { LARGEST_BYTES = 16 * 1024 * 1024 };

/* What all members and each take besides names and values, and what most expressions take. */
enum { AROUND_BYTES = 120, MEMBER_BYTES = 16, USUAL_EXPRESSION_BYTES = 256 };

void dds_placeholders_init(dds_placeholders *placeholders) {
  placeholders->names =
      dds_buffer_in(placeholders->names_room, sizeof placeholders->names_room, LARGEST_BYTES);
  placeholders->values =
      dds_buffer_in(placeholders->values_room, sizeof placeholders->values_room, LARGEST_BYTES);
  placeholders->name_count = 0;
  placeholders->value_count = 0;
}

/* `#n12`. Each request has some, so no format is read for them. */
static void append_placeholder(dds_buffer *text, const char *kind, size_t index) {
  char digits[24];
  char *at = digits + sizeof digits;
  do {
    *--at = (char)('0' + index % 10);
    index /= 10;
  } while (index > 0);
  dds_buffer_append_text(text, kind);
  dds_buffer_append(text, at, (size_t)(digits + sizeof digits - at));
}

/* The name of a member with the index, and the colon. */
static void append_member(dds_buffer *members, const char *kind, size_t index) {
  dds_buffer_append_text(members, index == 0 ? "\"" : ",\"");
  append_placeholder(members, kind, index);
  dds_buffer_append_text(members, "\":");
}

/* Which placeholder stands for the name already; name_count where none does. */
static size_t find_name(const dds_placeholders *placeholders, const char *attribute) {
  const char *text = dds_buffer_text(&placeholders->names);
  dds_json_iterator members = {
      .next = text, .end = text + placeholders->names.length, .is_object = true};
  dds_json key;
  dds_json name;
  size_t index = 0;
  for (; placeholders->names.failed == DDS_OK && dds_json_next(&members, &key, &name); index++) {
    if (dds_json_string_equals(name, attribute, strlen(attribute))) {
      return index;
    }
  }
  return placeholders->name_count;
}

void dds_placeholders_append_name(dds_placeholders *placeholders, dds_buffer *expression,
                                  const char *attribute) {
  dds_buffer *names = &placeholders->names;
  size_t index = find_name(placeholders, attribute);
  if (index == placeholders->name_count) {
    append_member(names, "#n", index);
    dds_buffer_append_json_string(names, attribute, strlen(attribute));
    placeholders->name_count++;
  }
  append_placeholder(expression, "#n", index);
}

void dds_placeholders_append_value(dds_placeholders *placeholders, dds_buffer *expression,
                                   const char *typed_value, size_t length) {
  dds_buffer *values = &placeholders->values;
  size_t index = placeholders->value_count++;
  dds_buffer_reserve(values, length + MEMBER_BYTES);
  append_member(values, ":v", index);
  dds_buffer_append(values, typed_value, length);
  append_placeholder(expression, ":v", index);
}

static void write_name(void *context, dds_buffer *text, const char *attribute) {
  dds_placeholders_append_name(context, text, attribute);
}

static void write_value(void *context, dds_buffer *text, const char *typed_value, size_t length) {
  dds_placeholders_append_value(context, text, typed_value, length);
}

static void write_type(void *context, dds_buffer *text, dds_type type, const char *typed_value,
                       size_t length) {
  (void)type;
  dds_placeholders_append_value(context, text, typed_value, length);
}

void dds_placeholders_append_condition(dds_placeholders *placeholders, dds_buffer *expression,
                                       const dds_condition *condition) {
  const dds_condition_writer writer = {
      .name = write_name, .value = write_value, .type = write_type, .context = placeholders};
  dds_condition_write(condition, &writer, expression);
}

/* An expression that is only measured: its values are counted and not copied. */
typedef struct measured {
  dds_placeholders placeholders;
  size_t value_bytes;
} measured;

static void measure_name(void *context, dds_buffer *text, const char *attribute) {
  measured *self = context;
  dds_placeholders_append_name(&self->placeholders, text, attribute);
}

static void measure_value(void *context, dds_buffer *text, const char *typed_value, size_t length) {
  measured *self = context;
  dds_placeholders_append_value(&self->placeholders, text, typed_value, 0);
  self->value_bytes += length;
}

static void measure_type(void *context, dds_buffer *text, dds_type type, const char *typed_value,
                         size_t length) {
  (void)type;
  measure_value(context, text, typed_value, length);
}

dds_expression_size dds_placeholders_measure(const dds_condition *condition) {
  char room[USUAL_EXPRESSION_BYTES];
  dds_expression_size size = {0};
  measured self = {.value_bytes = 0};
  dds_placeholders *placeholders = &self.placeholders;
  const dds_condition_writer writer = {
      .name = measure_name, .value = measure_value, .type = measure_type, .context = &self};
  if (condition == NULL) {
    return size;
  }
  dds_buffer expression = dds_buffer_in(room, sizeof room, LARGEST_BYTES);
  dds_placeholders_init(placeholders);
  dds_condition_write(condition, &writer, &expression);
  size = (dds_expression_size){.operators = dds_condition_operator_count(condition),
                               .bytes = expression.length,
                               .value_bytes = placeholders->values.length + self.value_bytes};
  if (expression.failed != DDS_OK || placeholders->names.failed != DDS_OK ||
      placeholders->values.failed != DDS_OK || size.value_bytes > LARGEST_BYTES) {
    size = (dds_expression_size){SIZE_MAX, SIZE_MAX, SIZE_MAX};
  }
  dds_placeholders_free(placeholders);
  dds_buffer_free(&expression);
  return size;
}

static void append_name(dds_buffer *body, const char *name, const char *behind) {
  dds_buffer_append_text(body, ",\"");
  dds_buffer_append_text(body, name);
  dds_buffer_append_text(body, behind);
}

/* An expression of placeholders holds nothing that JSON would escape. */
void dds_placeholders_append_expression(dds_buffer *body, const char *name,
                                        const dds_buffer *expression) {
  if (expression->failed != DDS_OK && body->failed == DDS_OK) {
    body->failed = expression->failed;
  }
  if (expression->length == 0) {
    return;
  }
  append_name(body, name, "\":\"");
  dds_buffer_append(body, dds_buffer_text(expression), expression->length);
  dds_buffer_append_char(body, '"');
}

static void append_object(dds_buffer *body, const char *name, const dds_buffer *members) {
  if (members->failed != DDS_OK && body->failed == DDS_OK) {
    body->failed = members->failed;
  }
  if (members->length == 0) {
    return;
  }
  append_name(body, name, "\":{");
  dds_buffer_append(body, dds_buffer_text(members), members->length);
  dds_buffer_append_char(body, '}');
}

void dds_placeholders_append_members(const dds_placeholders *placeholders, dds_buffer *body) {
  dds_buffer_reserve(body, placeholders->names.length + placeholders->values.length + AROUND_BYTES);
  append_object(body, "ExpressionAttributeNames", &placeholders->names);
  append_object(body, "ExpressionAttributeValues", &placeholders->values);
}

void dds_placeholders_free(dds_placeholders *placeholders) {
  dds_buffer_free(&placeholders->names);
  dds_buffer_free(&placeholders->values);
}
