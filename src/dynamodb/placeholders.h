/*
 * ExpressionAttributeNames and ExpressionAttributeValues of one request. Every name and value goes
 * through a placeholder (#n0, :v0), so that reserved words and hostile names cannot change an
 * expression. A name is listed once however often it is used.
 */
#pragma once

#include <stddef.h>

#include "base/buffer.h"
#include "dynamodb/condition.h"

/* Room in which most names, and most values that are no sessions, need no memory of their own. */
enum { DDS_PLACEHOLDERS_NAMES_BYTES = 256, DDS_PLACEHOLDERS_VALUES_BYTES = 512 };

/* May not be copied: the buffers begin in it. */
typedef struct dds_placeholders {
  dds_buffer names;  /* members of the JSON object so far: "#n0":"expires",… */
  dds_buffer values; /* ":v0":{"N":"5"},… */
  size_t name_count;
  size_t value_count;
  char names_room[DDS_PLACEHOLDERS_NAMES_BYTES];
  char values_room[DDS_PLACEHOLDERS_VALUES_BYTES];
} dds_placeholders;

/* Empty ones; dds_placeholders_free releases what is added. */
void dds_placeholders_init(dds_placeholders *placeholders);

/* Appends the placeholder of an attribute name to an expression. */
void dds_placeholders_append_name(dds_placeholders *placeholders, dds_buffer *expression,
                                  const char *attribute);

/* Appends the placeholder of a typed value to an expression. */
void dds_placeholders_append_value(dds_placeholders *placeholders, dds_buffer *expression,
                                   const char *typed_value, size_t length);

/* Appends a whole condition to an expression. */
void dds_placeholders_append_condition(dds_placeholders *placeholders, dds_buffer *expression,
                                       const dds_condition *condition);

/* DynamoDB's limits for one expression (developer guide, "Service, account, and table quotas"). */
enum {
  DDS_EXPRESSION_MAX_OPERATORS = 300,
  DDS_EXPRESSION_MAX_BYTES = 4096,
  DDS_EXPRESSION_MAX_VALUE_BYTES = 2 << 20,
};

/* What a condition takes of them as an expression of its own; values as JSON, which is no less than
 * what counts. */
typedef struct dds_expression_size {
  size_t operators;
  size_t bytes;
  size_t value_bytes;
} dds_expression_size;

/* NULL takes nothing. Where memory runs out, all are SIZE_MAX. */
dds_expression_size dds_placeholders_measure(const dds_condition *condition);

/* Appends `,"name":"expression"` to a request body; nothing where the expression is empty. A failed
 * expression makes the body fail. */
void dds_placeholders_append_expression(dds_buffer *body, const char *name,
                                        const dds_buffer *expression);

/* Appends `,"ExpressionAttributeNames":{…},"ExpressionAttributeValues":{…}` to a request body,
 * each only where there is one. */
void dds_placeholders_append_members(const dds_placeholders *placeholders, dds_buffer *body);

/* They may not be used again without dds_placeholders_init. */
void dds_placeholders_free(dds_placeholders *placeholders);
