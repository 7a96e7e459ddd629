/*
 * The tree of a condition: made, shared, written and evaluated. What an operator is called and
 * how tightly it binds stands in one table, which writing goes by.
 */
#include "dynamodb/condition.h"

#include <string.h>

#include "base/alloc.h"

typedef enum condition_kind {
  KIND_COMPARE,
  KIND_EXISTS,
  KIND_NOT_EXISTS,
  KIND_TYPE_IS,
  KIND_BEGINS_WITH,
  KIND_IN,
  KIND_AND,
  KIND_OR,
  KIND_NOT,
} condition_kind;

struct dds_condition {
  int references;
  condition_kind kind;
  dds_comparison comparison;
  char *attribute;   /* in the same piece of memory, and so is the value; NULL: none */
  char *typed_value; /* what `operand` and `operands` point into */
  size_t typed_length;
  dds_value operand;
  dds_json operands; /* of KIND_IN: an array of typed values */
  dds_type type;     /* of KIND_TYPE_IS */
  dds_condition *left;
  dds_condition *right; /* NULL for KIND_NOT */
};

/* Of these texts, copied, where they are not NULL. */
static dds_condition *make(condition_kind kind, const char *attribute, const char *typed_value,
                           size_t typed_length) {
  size_t attribute_bytes = attribute == NULL ? 0 : strlen(attribute) + 1;
  dds_condition *condition = dds_alloc(sizeof *condition + attribute_bytes + typed_length + 1);
  if (condition == NULL) {
    return NULL;
  }
  char *texts = (char *)(condition + 1);
  condition->references = 1;
  condition->kind = kind;
  if (attribute != NULL) {
    condition->attribute = memcpy(texts, attribute, attribute_bytes);
  }
  if (typed_value != NULL) {
    condition->typed_value = memcpy(texts + attribute_bytes, typed_value, typed_length);
    condition->typed_length = typed_length;
  }
  return condition;
}

static dds_condition *make_plain(condition_kind kind, const char *attribute) {
  return make(kind, attribute, NULL, 0);
}

/* With an operand; NULL too where that is no value of DynamoDB's. */
static dds_condition *make_with_operand(condition_kind kind, const char *attribute,
                                        const char *typed_value, size_t length) {
  dds_condition *condition = make(kind, attribute, typed_value, length);
  dds_json typed;
  if (condition != NULL && dds_json_parse(condition->typed_value, length, &typed, NULL) &&
      dds_value_read(typed, &condition->operand)) {
    return condition;
  }
  dds_condition_release(condition);
  return NULL;
}

/* The same from the bytes of a string. */
static dds_condition *make_with_string(condition_kind kind, const char *attribute,
                                       const char *bytes, size_t length) {
  enum { LONGEST_OPERAND = 6 * DDS_ITEM_MAX_BYTES, USUAL_OPERAND_BYTES = 128 };
  char room[USUAL_OPERAND_BYTES];
  dds_buffer typed = dds_buffer_in(room, sizeof room, LONGEST_OPERAND);
  dds_buffer_append_text(&typed, "{\"S\":");
  dds_buffer_append_json_string(&typed, bytes, length);
  dds_buffer_append_char(&typed, '}');
  dds_condition *condition =
      typed.failed == DDS_OK ? make_with_operand(kind, attribute, typed.data, typed.length) : NULL;
  dds_buffer_free(&typed);
  return condition;
}

dds_condition *dds_condition_compare(const char *attribute, dds_comparison comparison,
                                     const char *typed_value, size_t length) {
  dds_condition *condition = make_with_operand(KIND_COMPARE, attribute, typed_value, length);
  if (condition != NULL) {
    condition->comparison = comparison;
  }
  return condition;
}

dds_condition *dds_condition_exists(const char *attribute) {
  return make_plain(KIND_EXISTS, attribute);
}

dds_condition *dds_condition_not_exists(const char *attribute) {
  return make_plain(KIND_NOT_EXISTS, attribute);
}

dds_condition *dds_condition_type_is(const char *attribute, dds_type type) {
  const char *name = dds_type_name(type);
  dds_condition *condition = make_with_string(KIND_TYPE_IS, attribute, name, strlen(name));
  if (condition != NULL) {
    condition->type = type;
  }
  return condition;
}

dds_condition *dds_condition_begins_with(const char *attribute, const char *bytes, size_t length) {
  return make_with_string(KIND_BEGINS_WITH, attribute, bytes, length);
}

/* How many values a list has; 0 where one is none of DynamoDB's. */
static size_t count_values(dds_json list) {
  dds_json_iterator values = dds_json_iterate(list);
  dds_json typed;
  dds_value value;
  size_t count = 0;
  while (dds_json_next(&values, NULL, &typed)) {
    if (!dds_value_read(typed, &value)) {
      return 0;
    }
    count++;
  }
  return count;
}

dds_condition *dds_condition_in(const char *attribute, const char *typed_values, size_t length) {
  dds_condition *condition = make(KIND_IN, attribute, typed_values, length);
  if (condition != NULL &&
      dds_json_parse(condition->typed_value, length, &condition->operands, NULL) &&
      dds_json_type_of(condition->operands) == DDS_JSON_ARRAY) {
    size_t count = count_values(condition->operands);
    if (count > 0 && count <= DDS_CONDITION_MAX_LIST) {
      return condition;
    }
  }
  dds_condition_release(condition);
  return NULL;
}

/* Takes over both trees, also where it fails. */
static dds_condition *join(condition_kind kind, dds_condition *left, dds_condition *right) {
  dds_condition *condition = left == NULL || right == NULL ? NULL : make_plain(kind, NULL);
  if (condition == NULL) {
    dds_condition_release(left);
    dds_condition_release(right);
    return NULL;
  }
  condition->left = left;
  condition->right = right;
  return condition;
}

dds_condition *dds_condition_and(dds_condition *left, dds_condition *right) {
  return join(KIND_AND, left, right);
}

dds_condition *dds_condition_or(dds_condition *left, dds_condition *right) {
  return join(KIND_OR, left, right);
}

dds_condition *dds_condition_not(dds_condition *condition) {
  dds_condition *negation = condition == NULL ? NULL : make_plain(KIND_NOT, NULL);
  if (negation == NULL) {
    dds_condition_release(condition);
  } else {
    negation->left = condition;
  }
  return negation;
}

dds_condition *dds_condition_retain(dds_condition *condition) {
  if (condition != NULL) {
    condition->references++;
  }
  return condition;
}

/* A long chain of AND hangs on its left side: that side is followed in a loop. */
void dds_condition_release(dds_condition *condition) {
  while (condition != NULL && --condition->references == 0) {
    dds_condition *left = condition->left;
    dds_condition_release(condition->right);
    dds_free(condition);
    condition = left;
  }
}

static const char *const comparison_signs[] = {
    [DDS_EQUAL] = " = ",   [DDS_LESS] = " < ",           [DDS_LESS_EQUAL] = " <= ",
    [DDS_GREATER] = " > ", [DDS_GREATER_EQUAL] = " >= ",
};

/* A function's name, or what joins two conditions, and how tightly it binds. */
typedef struct kind_row {
  const char *word;
  int binding;
} kind_row;

static const kind_row kinds[] = {
    [KIND_OR] = {" OR ", 1},
    [KIND_AND] = {" AND ", 2},
    [KIND_NOT] = {"NOT ", 3},
    [KIND_COMPARE] = {"", 4},
    [KIND_EXISTS] = {"attribute_exists(", 4},
    [KIND_NOT_EXISTS] = {"attribute_not_exists(", 4},
    [KIND_TYPE_IS] = {"attribute_type(", 4},
    [KIND_BEGINS_WITH] = {"begins_with(", 4},
    [KIND_IN] = {" IN (", 4},
};

static void write_part(const dds_condition *part, int outer_binding,
                       const dds_condition_writer *writer, dds_buffer *text) {
  bool needs_parentheses = kinds[part->kind].binding < outer_binding;
  if (needs_parentheses) {
    dds_buffer_append_char(text, '(');
  }
  dds_condition_write(part, writer, text);
  if (needs_parentheses) {
    dds_buffer_append_char(text, ')');
  }
}

static void write_operand(const dds_condition *condition, const dds_condition_writer *writer,
                          dds_buffer *text) {
  if (condition->kind == KIND_TYPE_IS) {
    writer->type(writer->context, text, condition->type, condition->typed_value,
                 condition->typed_length);
  } else {
    writer->value(writer->context, text, condition->typed_value, condition->typed_length);
  }
}

static void write_list(const dds_condition *condition, const dds_condition_writer *writer,
                       dds_buffer *text) {
  dds_json_iterator values = dds_json_iterate(condition->operands);
  dds_json value;
  const char *separator = kinds[KIND_IN].word;
  writer->name(writer->context, text, condition->attribute);
  while (dds_json_next(&values, NULL, &value)) {
    dds_buffer_append_text(text, separator);
    writer->value(writer->context, text, value.text, value.length);
    separator = ", ";
  }
  dds_buffer_append_char(text, ')');
}

static void write_function(const dds_condition *condition, const dds_condition_writer *writer,
                           dds_buffer *text) {
  dds_buffer_append_text(text, kinds[condition->kind].word);
  writer->name(writer->context, text, condition->attribute);
  if (condition->typed_value != NULL) {
    dds_buffer_append_text(text, ", ");
    write_operand(condition, writer, text);
  }
  dds_buffer_append_char(text, ')');
}

void dds_condition_write(const dds_condition *condition, const dds_condition_writer *writer,
                         dds_buffer *text) {
  const kind_row *row = &kinds[condition->kind];
  switch (condition->kind) {
  case KIND_COMPARE:
    writer->name(writer->context, text, condition->attribute);
    dds_buffer_append_text(text, comparison_signs[condition->comparison]);
    write_operand(condition, writer, text);
    break;
  case KIND_IN:
    write_list(condition, writer, text);
    break;
  case KIND_AND:
  case KIND_OR:
    write_part(condition->left, row->binding, writer, text);
    dds_buffer_append_text(text, row->word);
    write_part(condition->right, row->binding, writer, text);
    break;
  case KIND_NOT:
    dds_buffer_append_text(text, row->word);
    write_part(condition->left, kinds[KIND_COMPARE].binding, writer, text);
    break;
  default:
    write_function(condition, writer, text);
    break;
  }
}

static void write_plain_name(void *context, dds_buffer *text, const char *attribute) {
  (void)context;
  dds_buffer_append_text(text, attribute);
}

static void write_question_mark(void *context, dds_buffer *text, const char *typed_value,
                                size_t length) {
  (void)context;
  (void)typed_value;
  (void)length;
  dds_buffer_append_char(text, '?');
}

static void write_type_name(void *context, dds_buffer *text, dds_type type, const char *typed_value,
                            size_t length) {
  (void)context;
  (void)typed_value;
  (void)length;
  dds_buffer_append_text(text, dds_type_name(type));
}

void dds_condition_append_words(const dds_condition *condition, dds_buffer *words) {
  static const dds_condition_writer writer = {
      .name = write_plain_name, .value = write_question_mark, .type = write_type_name};
  dds_condition_write(condition, &writer, words);
}

/* As if each value of a list counted: AWS does not say whether they do. */
size_t dds_condition_operator_count(const dds_condition *condition) {
  size_t count = 0;
  for (; condition != NULL; condition = condition->left) {
    count += condition->kind == KIND_IN ? count_values(condition->operands) : 1;
    if (condition->right != NULL) {
      count += dds_condition_operator_count(condition->right);
    }
  }
  return count;
}

/* Bytes of the values of one node. */
static size_t operand_bytes(const dds_condition *condition) {
  if (condition->kind != KIND_IN) {
    return condition->typed_value != NULL ? dds_value_size_bytes(&condition->operand) : 0;
  }
  dds_json_iterator values = dds_json_iterate(condition->operands);
  dds_json typed;
  dds_value value;
  size_t bytes = 0;
  while (dds_json_next(&values, NULL, &typed) && dds_value_read(typed, &value)) {
    bytes += dds_value_size_bytes(&value);
  }
  return bytes;
}

size_t dds_condition_value_bytes(const dds_condition *condition) {
  size_t bytes = 0;
  for (; condition != NULL; condition = condition->left) {
    bytes += operand_bytes(condition);
    if (condition->right != NULL) {
      bytes += dds_condition_value_bytes(condition->right);
    }
  }
  return bytes;
}

size_t dds_condition_memory_bytes(const dds_condition *condition) {
  size_t bytes = 0;
  for (; condition != NULL; condition = condition->left) {
    bytes += sizeof *condition + condition->typed_length;
    if (condition->attribute != NULL) {
      bytes += strlen(condition->attribute);
    }
    if (condition->right != NULL) {
      bytes += dds_condition_memory_bytes(condition->right);
    }
  }
  return bytes;
}

/* S, N and B have an order; of other types only equality is known. */
static bool is_ordered(dds_type type) {
  return type == DDS_TYPE_STRING || type == DDS_TYPE_NUMBER || type == DDS_TYPE_BINARY;
}

static bool comparison_holds(const dds_condition *condition, const dds_value *value) {
  const dds_value *operand = &condition->operand;
  if (condition->comparison == DDS_EQUAL) {
    return dds_value_equal(value, operand);
  }
  if (value->type != operand->type || !is_ordered(value->type)) {
    return false;
  }
  int order = dds_type_order(value->type)(value->content, operand->content);
  switch (condition->comparison) {
  case DDS_LESS:
    return order < 0;
  case DDS_LESS_EQUAL:
    return order <= 0;
  case DDS_GREATER:
    return order > 0;
  default:
    return order >= 0;
  }
}

static bool string_begins(dds_json whole, dds_json prefix) {
  dds_json_bytes bytes = dds_json_string_bytes(whole);
  dds_json_bytes wanted = dds_json_string_bytes(prefix);
  int byte;
  while ((byte = dds_json_bytes_next(&wanted)) >= 0) {
    if (dds_json_bytes_next(&bytes) != byte) {
      return false;
    }
  }
  return true;
}

static bool is_listed(dds_json list, const dds_value *value) {
  dds_json_iterator values = dds_json_iterate(list);
  dds_json typed;
  dds_value listed;
  while (dds_json_next(&values, NULL, &typed)) {
    if (dds_value_read(typed, &listed) && dds_value_equal(value, &listed)) {
      return true;
    }
  }
  return false;
}

/* A condition on one attribute. */
static bool attribute_holds(const dds_condition *condition, const dds_item *item) {
  dds_value value;
  bool exists = dds_item_find(item, condition->attribute, strlen(condition->attribute), &value);
  switch (condition->kind) {
  case KIND_EXISTS:
    return exists;
  case KIND_NOT_EXISTS:
    return !exists;
  case KIND_TYPE_IS:
    return exists && value.type == condition->type;
  case KIND_BEGINS_WITH:
    return exists && value.type == DDS_TYPE_STRING &&
           string_begins(value.content, condition->operand.content);
  case KIND_IN:
    return exists && is_listed(condition->operands, &value);
  default:
    return exists && comparison_holds(condition, &value);
  }
}

bool dds_condition_names(const dds_condition *condition, const char *attribute) {
  for (; condition != NULL; condition = condition->left) {
    if ((condition->attribute != NULL && strcmp(condition->attribute, attribute) == 0) ||
        dds_condition_names(condition->right, attribute)) {
      return true;
    }
  }
  return false;
}

bool dds_condition_holds(const dds_condition *condition, const dds_item *item) {
  switch (condition->kind) {
  case KIND_AND:
    return dds_condition_holds(condition->left, item) &&
           dds_condition_holds(condition->right, item);
  case KIND_OR:
    return dds_condition_holds(condition->left, item) ||
           dds_condition_holds(condition->right, item);
  case KIND_NOT:
    return !dds_condition_holds(condition->left, item);
  default:
    return attribute_holds(condition, item);
  }
}

/* Joins what two sides were reduced to, which it takes over. */
static bool reduce_sides(dds_condition *condition, const dds_truth truths[2],
                         dds_condition *rests[2], dds_truth *truth, dds_condition **rest) {
  /* FALSE decides AND, TRUE decides OR; the other one leaves it to the other side. */
  dds_truth deciding = condition->kind == KIND_AND ? DDS_FALSE : DDS_TRUE;
  bool is_decided = truths[0] == deciding || truths[1] == deciding;
  if (is_decided || truths[0] != DDS_UNDECIDED || truths[1] != DDS_UNDECIDED) {
    int side = truths[0] == DDS_UNDECIDED ? 0 : 1;
    *truth = is_decided ? deciding : truths[side];
    *rest = is_decided ? NULL : dds_condition_retain(rests[side]);
    dds_condition_release(rests[0]);
    dds_condition_release(rests[1]);
    return true;
  }
  *truth = DDS_UNDECIDED;
  if (rests[0] == condition->left && rests[1] == condition->right) {
    dds_condition_release(rests[0]);
    dds_condition_release(rests[1]);
    *rest = dds_condition_retain(condition);
  } else {
    *rest = join(condition->kind, rests[0], rests[1]);
  }
  return *rest != NULL;
}

static bool reduce_negation(const dds_condition *condition, const dds_known *known,
                            dds_truth *truth, dds_condition **rest) {
  if (!dds_condition_reduce(condition->left, known, truth, rest)) {
    return false;
  }
  if (*truth != DDS_UNDECIDED) {
    *truth = *truth == DDS_TRUE ? DDS_FALSE : DDS_TRUE;
    return true;
  }
  *rest = dds_condition_not(*rest);
  return *rest != NULL;
}

bool dds_condition_reduce(dds_condition *condition, const dds_known *known, dds_truth *truth,
                          dds_condition **rest) {
  dds_truth truths[2];
  dds_condition *rests[2];
  *rest = NULL;
  switch (condition->kind) {
  case KIND_NOT:
    return reduce_negation(condition, known, truth, rest);
  case KIND_AND:
  case KIND_OR:
    if (!dds_condition_reduce(condition->left, known, &truths[0], &rests[0])) {
      return false;
    }
    if (!dds_condition_reduce(condition->right, known, &truths[1], &rests[1])) {
      dds_condition_release(rests[0]);
      return false;
    }
    return reduce_sides(condition, truths, rests, truth, rest);
  default:
    if (known->is_known(known->context, condition->attribute)) {
      *truth = attribute_holds(condition, known->item) ? DDS_TRUE : DDS_FALSE;
      return true;
    }
    *truth = DDS_UNDECIDED;
    *rest = dds_condition_retain(condition);
    return true;
  }
}
