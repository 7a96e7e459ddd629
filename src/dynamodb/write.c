/*
 * One write: its request body, and what became of it. An answer that a condition failed is not the
 * end: which condition it was is found out by evaluating them on the item that came back.
 */
#include "dynamodb/write.h"

#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "dynamodb/number.h"
#include "dynamodb/placeholders.h"

enum {
  /* An item whose every byte is escaped, and as much again that is asserted of it. */
  LARGEST_BODY = 16 * 1024 * 1024,
  LARGEST_EXPRESSION = 1024 * 1024,
  LARGEST_ITEM = 64 * 1024 * 1024, /* as JSON, whatever its size is found to be */
  ASSIGNMENTS_AT_ONCE = 4,
  AROUND_TYPED_BYTES = sizeof "{\"S\":\"\"}",
  AROUND_ITEM_BYTES = 512, /* beside its longest text */
  AROUND_BODY_BYTES = 512, /* beside what the write holds */
  USUAL_EXPRESSION_BYTES = 256,
};

/* What each kind of write is called, and what it carries. */
typedef struct kind_row {
  const char *operation;
  const char *element; /* of TransactWriteItems */
  const char *words;
} kind_row;

static const kind_row kinds[] = {
    [DDS_WRITE_PUT] = {"PutItem", "Put", "put"},
    [DDS_WRITE_UPDATE] = {"UpdateItem", "Update", "update"},
    [DDS_WRITE_DELETE] = {"DeleteItem", "Delete", "delete"},
};

const char *dds_write_operation(const dds_write *write) {
  return kinds[write->kind].operation;
}

static void free_assignments(dds_write *write) {
  for (size_t i = 0; i < write->assignment_count; i++) {
    dds_free(write->assignments[i].attribute);
    dds_free(write->assignments[i].typed_value);
  }
  dds_free(write->assignments);
  write->assignments = NULL;
  write->assignment_count = 0;
}

/* Takes over `added`, also where it fails. */
static bool add_assignment(dds_write *write, dds_assignment added, const char *attribute,
                           dds_error *error) {
  size_t count = write->assignment_count;
  dds_assignment *grown = write->assignments;
  if (count % ASSIGNMENTS_AT_ONCE == 0) {
    grown = dds_realloc(grown, (count + ASSIGNMENTS_AT_ONCE) * sizeof *grown);
  }
  added.attribute = dds_alloc_copy(attribute, strlen(attribute));
  write->assignments = grown == NULL ? write->assignments : grown;
  if (grown == NULL || added.attribute == NULL) {
    dds_free(added.attribute);
    dds_free(added.typed_value);
    return dds_error_set_nomem(error);
  }
  grown[count] = added;
  write->assignment_count++;
  return true;
}

/* Adds a typed value, which it takes over, also where it fails. */
static bool add_typed(dds_write *write, dds_buffer *typed, size_t value_bytes,
                      const char *attribute, dds_error *error) {
  if (!dds_buffer_check(typed, error)) {
    dds_buffer_free(typed);
    return false;
  }
  dds_assignment added = {.typed_length = typed->length,
                          .size_bytes = strlen(attribute) + value_bytes};
  added.typed_value = dds_buffer_take(typed);
  return add_assignment(write, added, attribute, error);
}

static void append_name(dds_buffer *item, const char *attribute) {
  dds_buffer_append_char(item, ',');
  dds_buffer_append_json_string(item, attribute, strlen(attribute));
  dds_buffer_append_char(item, ':');
}

/* A new item is whole behind each attribute: the next one takes the place of its brace. */
static dds_buffer *open_item(const dds_write *write, const char *attribute) {
  write->new_item->length--;
  append_name(write->new_item, attribute);
  return write->new_item;
}

static bool close_item(dds_buffer *item, dds_error *error) {
  dds_buffer_append_char(item, '}');
  return dds_buffer_check(item, error);
}

static void append_string(dds_buffer *typed, const char *bytes, size_t length) {
  dds_buffer_append_text(typed, "{\"S\":");
  dds_buffer_append_json_string(typed, bytes, length);
  dds_buffer_append_char(typed, '}');
}

static void append_number(dds_buffer *typed, const char *digits, size_t length) {
  dds_buffer_append_text(typed, "{\"N\":\"");
  dds_buffer_append(typed, digits, length);
  dds_buffer_append_text(typed, "\"}");
}

bool dds_write_assign(dds_write *write, const char *attribute, const char *typed_value,
                      size_t length, dds_error *error) {
  dds_assignment added = {0};
  if (typed_value == NULL) {
    return write->new_item != NULL || add_assignment(write, added, attribute, error);
  }
  if (write->new_item != NULL) {
    dds_buffer *item = open_item(write, attribute);
    dds_buffer_append(item, typed_value, length);
    return close_item(item, error);
  }
  dds_value value;
  added.typed_value = dds_alloc_copy(typed_value, length);
  if (added.typed_value == NULL) {
    return dds_error_set_nomem(error);
  }
  added.typed_length = length;
  added.size_bytes = strlen(attribute);
  if (dds_value_read((dds_json){added.typed_value, length}, &value)) {
    added.size_bytes += dds_value_size_bytes(&value);
  }
  return add_assignment(write, added, attribute, error);
}

bool dds_write_assign_string(dds_write *write, const char *attribute, const char *bytes,
                             size_t length, dds_error *error) {
  if (write->new_item != NULL) {
    dds_buffer *item = open_item(write, attribute);
    append_string(item, bytes, length);
    return close_item(item, error);
  }
  dds_buffer typed = DDS_BUFFER_INIT(LARGEST_ITEM);
  /* Few sessions have an escape for every other byte, so that most fit without growing. */
  dds_buffer_reserve(&typed, length + length / 2 + AROUND_TYPED_BYTES);
  append_string(&typed, bytes, length);
  return add_typed(write, &typed, length, attribute, error);
}

bool dds_write_assign_number(dds_write *write, const char *attribute, const char *digits,
                             size_t length, dds_error *error) {
  if (write->new_item != NULL) {
    dds_buffer *item = open_item(write, attribute);
    append_number(item, digits, length);
    return close_item(item, error);
  }
  dds_buffer typed = DDS_BUFFER_INIT(LARGEST_ITEM);
  append_number(&typed, digits, length);
  return add_typed(write, &typed, dds_number_size_bytes(digits, length), attribute, error);
}

bool dds_write_assigns(const dds_write *write, const char *attribute) {
  if (write->new_item != NULL) {
    dds_item item = dds_item_of(dds_buffer_text(write->new_item), write->new_item->length);
    dds_value value;
    return dds_item_find(&item, attribute, strlen(attribute), &value);
  }
  for (size_t i = 0; i < write->assignment_count; i++) {
    if (strcmp(write->assignments[i].attribute, attribute) == 0) {
      return true;
    }
  }
  return false;
}

const dds_assignment *dds_write_find_assignment(const dds_write *write, dds_json name) {
  for (size_t i = 0; i < write->assignment_count; i++) {
    const char *attribute = write->assignments[i].attribute;
    if (dds_json_string_equals(name, attribute, strlen(attribute))) {
      return &write->assignments[i];
    }
  }
  return NULL;
}

static void append_member(dds_buffer *item, dds_json name, const dds_value *value) {
  dds_buffer_append_char(item, ',');
  dds_buffer_append(item, name.text, name.length);
  dds_buffer_append_char(item, ':');
  dds_buffer_append(item, value->typed.text, value->typed.length);
}

/* The base's attributes but for the key, which begins the item, and those that are assigned. */
static void append_kept(const dds_write *write, const dds_item *base, dds_buffer *item) {
  dds_json key = {.text = write->key.json, .length = write->key.length};
  dds_json_iterator members = dds_json_iterate(key);
  dds_item_iterator iterator = dds_item_iterate(base);
  dds_json key_name, name;
  dds_value value;
  bool has_key = dds_json_next(&members, &key_name, &key);
  while (dds_item_next(&iterator, &name, &value)) {
    bool is_key = has_key && dds_json_string_compare(name, key_name) == 0;
    if (!is_key && dds_write_find_assignment(write, name) == NULL) {
      append_member(item, name, &value);
    }
  }
}

/* How many bytes of JSON the item will have, about: a little more. */
static size_t expected_length(const dds_write *write, const dds_item *base) {
  enum { AROUND_BYTES = 4 };
  size_t length = write->key.length + base->json.length;
  for (size_t i = 0; i < write->assignment_count; i++) {
    const dds_assignment *assignment = &write->assignments[i];
    length += strlen(assignment->attribute) + assignment->typed_length + AROUND_BYTES;
  }
  return length;
}

void dds_write_append_item(const dds_write *write, const dds_item *base, dds_buffer *item) {
  if (write->item != NULL) {
    dds_buffer_append(item, write->item, write->item_length);
    return;
  }
  dds_buffer_reserve(item, expected_length(write, base));
  dds_buffer_append(item, write->key.json, write->key.length - 1);
  append_kept(write, base, item);
  for (size_t i = 0; i < write->assignment_count; i++) {
    const dds_assignment *assignment = &write->assignments[i];
    if (assignment->typed_value == NULL) {
      continue;
    }
    append_name(item, assignment->attribute);
    dds_buffer_append(item, assignment->typed_value, assignment->typed_length);
  }
  dds_buffer_append_char(item, '}');
}

/* By DynamoDB's rule. */
static size_t size_of_key(const dds_key *key) {
  dds_item item = dds_item_of(key->json, key->length);
  return dds_item_size_bytes(&item);
}

static size_t size_of_assignments(const dds_write *write) {
  size_t size = 0;
  for (size_t i = 0; i < write->assignment_count; i++) {
    size += write->assignments[i].size_bytes;
  }
  return size;
}

bool dds_write_make_put(dds_write *write, const dds_item *base, dds_error *error) {
  dds_buffer text = DDS_BUFFER_INIT(LARGEST_ITEM);
  dds_write_append_item(write, base, &text);
  if (!dds_buffer_check(&text, error)) {
    dds_buffer_free(&text);
    return false;
  }
  write->kind = DDS_WRITE_PUT;
  write->item_length = text.length;
  write->item = dds_buffer_take(&text);
  free_assignments(write);
  return true;
}

/* For a string of some length: where there is room for any string, nobody has to count what its
 * escapes take. Large ones have no more than most need. */
static size_t room_for_text(size_t length) {
  enum { LONGEST_ESCAPE = 6, MOST_BYTES_WITH_ROOM = 64 * 1024 };
  return length <= MOST_BYTES_WITH_ROOM ? LONGEST_ESCAPE * length : length + length / 2;
}

bool dds_write_begin_put(dds_write *write, dds_buffer *item, size_t longest_text,
                         dds_error *error) {
  write->kind = DDS_WRITE_PUT;
  write->new_item = item;
  dds_buffer_reserve(item, write->key.length + room_for_text(longest_text) + AROUND_ITEM_BYTES);
  dds_buffer_append(item, write->key.json, write->key.length);
  return dds_buffer_check(item, error);
}

bool dds_write_end_put(dds_write *write, dds_error *error) {
  dds_buffer *item = write->new_item;
  write->new_item = NULL;
  write->item_length = item->length;
  write->item = dds_buffer_take(item);
  return write->item != NULL || dds_buffer_check(item, error);
}

void dds_write_free(dds_write *write) {
  free_assignments(write);
  dds_free(write->item);
  dds_free(write->image);
  dds_key_free(&write->key);
  dds_condition_release(write->matches);
  dds_condition_release(write->asserted);
  *write = (dds_write){0};
}

bool dds_write_image(const dds_write *write, dds_item *image) {
  *image = (dds_item){.json = {0}};
  switch (write->kind) {
  case DDS_WRITE_PUT:
    *image = dds_item_of(write->item, write->item_length);
    return true;
  case DDS_WRITE_UPDATE:
    *image = dds_item_of(write->image, write->image_length);
    return write->image != NULL;
  default:
    return true;
  }
}

size_t dds_write_memory_bytes(const dds_write *write) {
  size_t bytes = sizeof *write + write->key.length + write->item_length + write->image_length;
  for (size_t i = 0; i < write->assignment_count; i++) {
    const dds_assignment *assignment = &write->assignments[i];
    bytes += sizeof *assignment + strlen(assignment->attribute) + assignment->typed_length;
  }
  return bytes + dds_condition_memory_bytes(write->matches) +
         dds_condition_memory_bytes(write->asserted);
}

/* A condition on the key's first attribute, which every item has. */
static dds_condition *key_condition(const dds_key *key,
                                    dds_condition *make_condition(const char *attribute)) {
  dds_json json;
  dds_json name;
  dds_json value;
  dds_condition *condition = NULL;
  char room[USUAL_EXPRESSION_BYTES];
  dds_buffer attribute = dds_buffer_in(room, sizeof room, LARGEST_EXPRESSION);
  if (!dds_json_parse(key->json, key->length, &json, NULL)) {
    return NULL;
  }
  dds_json_iterator members = dds_json_iterate(json);
  if (dds_json_next(&members, &name, &value) && dds_json_string_append(name, &attribute) &&
      attribute.failed == DDS_OK) {
    condition = make_condition(dds_buffer_text(&attribute));
  }
  dds_buffer_free(&attribute);
  return condition;
}

/* Both conditions of the caller's as one; `*has_any` false: he has none. */
static dds_condition *join_conditions(const dds_write *write, bool *has_any) {
  *has_any = write->matches != NULL || write->asserted != NULL;
  if (write->matches == NULL) {
    return dds_condition_retain(write->asserted);
  }
  if (write->asserted == NULL) {
    return dds_condition_retain(write->matches);
  }
  return dds_condition_and(dds_condition_retain(write->matches),
                           dds_condition_retain(write->asserted));
}

/* Nothing is added where the caller's conditions say it already: each operator counts against the
 * 300. */
bool dds_write_condition(const dds_write *write, dds_condition **out, dds_error *error) {
  static const dds_item missing = {.json = {0}};
  bool has_any;
  dds_condition *condition = join_conditions(write, &has_any);
  *out = NULL;
  bool holds_when_missing = condition == NULL || dds_condition_holds(condition, &missing);
  if (has_any && condition == NULL) {
    return dds_error_set_nomem(error);
  }
  if (write->kind == DDS_WRITE_UPDATE && holds_when_missing) {
    dds_condition *exists = key_condition(&write->key, dds_condition_exists);
    condition = has_any ? dds_condition_and(exists, condition) : exists;
    has_any = true;
  } else if (write->kind == DDS_WRITE_DELETE && !write->must_exist && !holds_when_missing) {
    condition = dds_condition_or(key_condition(&write->key, dds_condition_not_exists), condition);
  }
  *out = condition;
  return !has_any || condition != NULL || dds_error_set_nomem(error);
}

bool dds_write_is_conditional(const dds_write *write) {
  return write->kind == DDS_WRITE_UPDATE || write->matches != NULL || write->asserted != NULL;
}

/* Appends the clause `word` of an update expression, of the assignments that set, or remove. */
static void append_clause(const dds_write *write, bool sets, const char *word,
                          dds_placeholders *placeholders, dds_buffer *expression) {
  const char *separator = word;
  for (size_t i = 0; i < write->assignment_count; i++) {
    const dds_assignment *assignment = &write->assignments[i];
    if ((assignment->typed_value != NULL) != sets) {
      continue;
    }
    dds_buffer_append_text(expression, separator);
    separator = ", ";
    dds_placeholders_append_name(placeholders, expression, assignment->attribute);
    if (!sets) {
      continue;
    }
    dds_buffer_append_text(expression, " = ");
    dds_placeholders_append_value(placeholders, expression, assignment->typed_value,
                                  assignment->typed_length);
  }
}

static void append_payload(const dds_write *write, dds_placeholders *placeholders,
                           dds_buffer *body) {
  bool is_put = write->kind == DDS_WRITE_PUT;
  char room[USUAL_EXPRESSION_BYTES];
  dds_buffer update = dds_buffer_in(room, sizeof room, LARGEST_EXPRESSION);
  dds_buffer_append_text(body, is_put ? ",\"Item\":" : ",\"Key\":");
  if (is_put) {
    dds_buffer_append(body, write->item, write->item_length);
  } else {
    dds_buffer_append(body, write->key.json, write->key.length);
  }
  if (write->kind == DDS_WRITE_UPDATE) {
    append_clause(write, true, "SET ", placeholders, &update);
    append_clause(write, false, update.length > 0 ? " REMOVE " : "REMOVE ", placeholders, &update);
    dds_placeholders_append_expression(body, "UpdateExpression", &update);
  }
  dds_buffer_free(&update);
}

/* How many bytes of JSON the values of its expressions have, and some hundred more a condition. */
static size_t expected_value_bytes(const dds_write *write) {
  size_t bytes =
      dds_condition_memory_bytes(write->matches) + dds_condition_memory_bytes(write->asserted);
  for (size_t i = 0; i < write->assignment_count; i++) {
    bytes += write->assignments[i].typed_length;
  }
  return bytes;
}

/* The request's members, from its brace on and without the one that closes it. */
static bool append_members(const dds_write *write, const char *table_name, dds_buffer *body,
                           dds_error *error) {
  dds_condition *condition;
  dds_placeholders placeholders;
  char room[USUAL_EXPRESSION_BYTES];
  dds_buffer expression = dds_buffer_in(room, sizeof room, LARGEST_EXPRESSION);
  size_t value_bytes = expected_value_bytes(write);
  if (!dds_write_condition(write, &condition, error)) {
    return false;
  }
  dds_placeholders_init(&placeholders);
  dds_buffer_reserve(&placeholders.values, value_bytes);
  dds_buffer_reserve(body,
                     write->key.length + write->item_length + value_bytes + AROUND_BODY_BYTES);
  dds_buffer_append_text(body, "{\"TableName\":");
  dds_buffer_append_json_string(body, table_name, strlen(table_name));
  append_payload(write, &placeholders, body);
  if (condition != NULL) {
    dds_placeholders_append_condition(&placeholders, &expression, condition);
    dds_placeholders_append_expression(body, "ConditionExpression", &expression);
    dds_buffer_append_text(body, ",\"ReturnValuesOnConditionCheckFailure\":\"ALL_OLD\"");
  }
  dds_placeholders_append_members(&placeholders, body);
  dds_placeholders_free(&placeholders);
  dds_buffer_free(&expression);
  dds_condition_release(condition);
  return dds_buffer_check(body, error);
}

bool dds_write_append_body(const dds_write *write, const char *table_name, dds_buffer *body,
                           dds_error *error) {
  if (!append_members(write, table_name, body, error)) {
    return false;
  }
  dds_buffer_append_text(body, ",\"ReturnConsumedCapacity\":\"TOTAL\"}");
  return dds_buffer_check(body, error);
}

bool dds_write_append_element(const dds_write *write, const char *table_name, dds_buffer *body,
                              dds_error *error) {
  dds_buffer_append_format(body, "{\"%s\":", kinds[write->kind].element);
  if (!append_members(write, table_name, body, error)) {
    return false;
  }
  dds_buffer_append_text(body, "}}");
  return dds_buffer_check(body, error);
}

/* What is known of the size of the item that a write makes: for an UPDATE, a part of it. */
static size_t known_size(const dds_write *write) {
  if (write->kind != DDS_WRITE_PUT) {
    return size_of_assignments(write);
  }
  dds_item item = dds_item_of(write->item, write->item_length);
  return dds_item_size_bytes(&item);
}

size_t dds_write_payload_bytes(const dds_write *write) {
  size_t size = known_size(write) + dds_condition_value_bytes(write->matches) +
                dds_condition_value_bytes(write->asserted);
  return write->kind == DDS_WRITE_PUT ? size : size + size_of_key(&write->key);
}

size_t dds_write_image_bytes(const dds_write *write) {
  dds_item image;
  if (write->kind == DDS_WRITE_PUT) {
    return known_size(write);
  }
  return dds_write_image(write, &image) && image.json.text != NULL ? dds_item_size_bytes(&image)
                                                                   : 0;
}

bool dds_write_check(const dds_write *write, dds_error *error) {
  dds_condition *condition;
  /* An item takes less than its JSON text, so that most need not be measured. */
  bool may_be_large = write->kind != DDS_WRITE_PUT || write->item_length > DDS_ITEM_MAX_BYTES;
  size_t size = may_be_large ? known_size(write) : 0;
  if (size > DDS_ITEM_MAX_BYTES) {
    return dds_error_set(error, DDS_TOOBIG, "item of %zu bytes: DynamoDB's limit is %d", size,
                         DDS_ITEM_MAX_BYTES);
  }
  if (!dds_write_is_conditional(write)) {
    return true;
  }
  if (!dds_write_condition(write, &condition, error)) {
    return false;
  }
  dds_expression_size expression = dds_placeholders_measure(condition);
  dds_condition_release(condition);
  if (expression.bytes == SIZE_MAX) {
    return dds_error_set_nomem(error);
  }
  if (expression.operators > DDS_EXPRESSION_MAX_OPERATORS ||
      expression.bytes > DDS_EXPRESSION_MAX_BYTES) {
    return dds_error_set(error, DDS_TOOBIG,
                         "too many attributes to assert in one write: %zu operators in %zu bytes, "
                         "where DynamoDB's limits are %d and %d",
                         expression.operators, expression.bytes, DDS_EXPRESSION_MAX_OPERATORS,
                         DDS_EXPRESSION_MAX_BYTES);
  }
  return true;
}

/*
 * Whether the item shows that an attempt whose answer was lost was applied: it is what the PUT
 * puts, to the last byte, or it is gone as the DELETE wants it. For an UPDATE nothing proves that:
 * of two that count one up, each would take the other's result for its own.
 */
static bool proves_that_it_was_applied(const dds_write *write, const dds_item *item) {
  dds_item made = {.json = {0}};
  switch (write->kind) {
  case DDS_WRITE_PUT:
    return dds_json_parse(write->item, write->item_length, &made.json, NULL) &&
           dds_item_equal(&made, item);
  case DDS_WRITE_DELETE:
    return item->json.text == NULL;
  default:
    return false;
  }
}

/* Reads which condition failed from the item that DynamoDB gives back. */
static dds_write_result read_refusal(const dds_write *write, const dds_operation *operation,
                                     bool may_have_been_applied, dds_item *old) {
  dds_json answer;
  if (dds_operation_error_answer(operation, &answer)) {
    (void)dds_json_find(answer, "Item", strlen("Item"), &old->json);
  }
  if (may_have_been_applied && proves_that_it_was_applied(write, old)) {
    return DDS_WRITE_APPLIED;
  }
  if (write->matches != NULL && !dds_condition_holds(write->matches, old)) {
    return DDS_WRITE_UNMATCHED;
  }
  return DDS_WRITE_REFUSED;
}

void dds_write_append_words(const dds_write *write, dds_buffer *words) {
  dds_buffer_append_text(words, kinds[write->kind].words);
  const char *separator = " ";
  for (size_t i = 0; i < write->assignment_count; i++) {
    dds_buffer_append_text(words, separator);
    dds_buffer_append_text(words, write->assignments[i].attribute);
    separator = ", ";
  }
  separator = " if ";
  const dds_condition *const conditions[] = {write->matches, write->asserted};
  for (size_t i = 0; i < sizeof conditions / sizeof conditions[0]; i++) {
    if (conditions[i] == NULL) {
      continue;
    }
    dds_buffer_append_text(words, separator);
    dds_condition_append_words(conditions[i], words);
    separator = " and ";
  }
}

bool dds_write_start(const dds_table *table, const dds_write *write, dds_operation **operation,
                     dds_error *error) {
  char room[USUAL_EXPRESSION_BYTES];
  dds_buffer body = DDS_BUFFER_INIT(LARGEST_BODY);
  dds_buffer words = dds_buffer_in(room, sizeof room, LARGEST_EXPRESSION);
  *operation = NULL;
  dds_write_append_words(write, &words);
  bool ok = dds_buffer_check(&words, error) &&
            dds_write_append_body(write, table->name, &body, error) &&
            dds_operation_start(table, dds_write_operation(write), &body, dds_buffer_text(&words),
                                operation, error);
  dds_buffer_free(&body);
  dds_buffer_free(&words);
  return ok;
}

bool dds_write_finish(const dds_write *write, dds_operation *operation, dds_write_result *result,
                      dds_item *old, bool *may_have_been_applied, dds_error *error) {
  dds_json answer;
  dds_error failure;
  dds_error_clear(&failure);
  *result = DDS_WRITE_APPLIED;
  *may_have_been_applied = false;
  *old = (dds_item){.json = {0}};
  if (dds_operation_wait(operation, &answer, &failure)) {
    return true;
  }
  bool is_lost = dds_operation_may_have_been_applied(operation);
  if (strcmp(failure.service_code, "ConditionalCheckFailedException") == 0) {
    *result = read_refusal(write, operation, is_lost, old);
    *may_have_been_applied = is_lost && *result == DDS_WRITE_REFUSED;
    return true;
  }
  *may_have_been_applied = is_lost;
  if (error->code == DDS_OK) {
    *error = failure;
  }
  return false;
}
