/*
 * Conditions on items: a small immutable tree that is pushed as a FilterExpression, asserted as a
 * ConditionExpression, said in words, and evaluated here by DynamoDB's rules (to tell which
 * condition of a refused write no longer held).
 *
 * Trees are shared by reference counts (one thread). Constructors return NULL when memory runs
 * out, and take over the trees that they are given, also then; a NULL argument gives NULL. So a
 * whole expression needs one check.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/attributes.h"
#include "base/buffer.h"
#include "dynamodb/item.h"

/* DynamoDB has <> as well, which nobody here asks by. */
typedef enum dds_comparison {
  DDS_EQUAL,
  DDS_LESS,
  DDS_LESS_EQUAL,
  DDS_GREATER,
  DDS_GREATER_EQUAL,
} dds_comparison;

typedef struct dds_condition dds_condition;

/* `attribute` and `typed_value` (DynamoDB JSON, {"N":"5"}) are copied. */
DDS_MUST_USE dds_condition *dds_condition_compare(const char *attribute, dds_comparison comparison,
                                                  const char *typed_value, size_t length);
DDS_MUST_USE dds_condition *dds_condition_exists(const char *attribute);
DDS_MUST_USE dds_condition *dds_condition_not_exists(const char *attribute);
DDS_MUST_USE dds_condition *dds_condition_type_is(const char *attribute, dds_type type);
/* `bytes` are the prefix, as UTF-8 without escapes; copied. */
DDS_MUST_USE dds_condition *dds_condition_begins_with(const char *attribute, const char *bytes,
                                                      size_t length);
/* The attribute equals one of several values: `typed_values` is a JSON array of at least one and at
 * most DDS_CONDITION_MAX_LIST of them, [{"N":"5"},{"N":"6"}]; copied. */
enum { DDS_CONDITION_MAX_LIST = 100 };
DDS_MUST_USE dds_condition *dds_condition_in(const char *attribute, const char *typed_values,
                                             size_t length);
DDS_MUST_USE dds_condition *dds_condition_and(dds_condition *left, dds_condition *right);
DDS_MUST_USE dds_condition *dds_condition_or(dds_condition *left, dds_condition *right);
DDS_MUST_USE dds_condition *dds_condition_not(dds_condition *condition);

dds_condition *dds_condition_retain(dds_condition *condition); /* NULL gives NULL */
void dds_condition_release(dds_condition *condition);          /* NULL is allowed */

/* Whether an attribute is named anywhere in it; NULL names none. */
bool dds_condition_names(const dds_condition *condition, const char *attribute);

/* Evaluates on an item by DynamoDB's rules: comparison with a missing attribute or one of another
 * type is false. Of an item that is missing itself (.json.text NULL) every attribute is missing. */
bool dds_condition_holds(const dds_condition *condition, const dds_item *item);

/* What is known of an item: those attributes for which `is_known` holds are as they stand in
 * `item`, or missing as they are there. All borrowed. */
typedef struct dds_known {
  bool (*is_known)(const void *context, const char *attribute);
  const void *context;
  const dds_item *item;
} dds_known;

typedef enum dds_truth { DDS_FALSE, DDS_TRUE, DDS_UNDECIDED } dds_truth;

/*
 * Evaluates what can be evaluated. DDS_UNDECIDED: `*rest`, owned by the caller, is what remains to
 * be asked of the attributes that are not known; else it is NULL. False where memory runs out.
 */
DDS_MUST_USE bool dds_condition_reduce(dds_condition *condition, const dds_known *known,
                                       dds_truth *truth, dds_condition **rest);

/* How names, values and types of a condition are written into an expression. */
typedef struct dds_condition_writer {
  void (*name)(void *context, dds_buffer *text, const char *attribute);
  void (*value)(void *context, dds_buffer *text, const char *typed_value, size_t length);
  /* The operand of attribute_type; `typed_value` is {"S":"NS"}. */
  void (*type)(void *context, dds_buffer *text, dds_type type, const char *typed_value,
               size_t length);
  void *context;
} dds_condition_writer;

/* Appends it in DynamoDB's grammar, with parentheses where they are needed. */
void dds_condition_write(const dds_condition *condition, const dds_condition_writer *writer,
                         dds_buffer *text);

/* Appends it in words without values: `expireTime <= ? AND attribute_exists(id)`. */
void dds_condition_append_words(const dds_condition *condition, dds_buffer *words);

/* The operators that it counts as, against DynamoDB's limit of 300 for an expression. */
size_t dds_condition_operator_count(const dds_condition *condition);

/* Bytes of its values by DynamoDB's rule for item sizes; NULL has none. */
size_t dds_condition_value_bytes(const dds_condition *condition);

/* Bytes that its own nodes, names and values hold in memory, about; NULL holds none. */
size_t dds_condition_memory_bytes(const dds_condition *condition);
