/*
 * The seam between what DynamoDB sends and what a session is: an item, found by attribute name,
 * read by type and bytes. Items are spans of DynamoDB JSON (`{"id":{"S":"abc"}}`) inside a
 * response or a text of the caller's; sessions/ and vtab/ read them through this header alone.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/attributes.h"
#include "base/buffer.h"
#include "base/error.h"
#include "dynamodb/json.h"
#include "dynamodb/json_lookup.h"

typedef enum dds_type {
  DDS_TYPE_STRING,
  DDS_TYPE_NUMBER,
  DDS_TYPE_BINARY,
  DDS_TYPE_BOOL,
  DDS_TYPE_NULL,
  DDS_TYPE_LIST,
  DDS_TYPE_MAP,
  DDS_TYPE_STRING_SET,
  DDS_TYPE_NUMBER_SET,
  DDS_TYPE_BINARY_SET,
} dds_type;

/* "S", "N", "B", "BOOL", "NULL", "L", "M", "SS", "NS", "BS". */
const char *dds_type_name(dds_type type);

/* SS, NS and BS, and what their elements are. */
bool dds_type_is_set(dds_type type);
dds_type dds_type_of_element(dds_type set);

/* DynamoDB's order of the contents of two values of a scalar type, which must be S, N or B: strings
 * by UTF-8, binaries by unsigned bytes, numbers by value. */
dds_json_compare *dds_type_order(dds_type type);

/* One typed value; borrowed from its item. */
typedef struct dds_value {
  dds_type type;
  bool is_plain;    /* of a string: known to have no escapes; false: not known */
  dds_json typed;   /* the whole, {"S":"abc"} */
  dds_json content; /* what is inside, "abc" */
} dds_value;

/* An attribute of an item that came with an index. One whose value is not of the form
 * {"TYPE": content} has a value without content (.text NULL). */
typedef struct dds_attribute {
  dds_json name; /* a JSON string, with its quotes */
  dds_value value;
} dds_attribute;

typedef struct dds_item {
  dds_json json; /* the object of attributes; .text NULL: no item */
  /* Its attributes, in the order of the text, where whoever read the item has noted them (page.h);
   * borrowed with it. NULL: they are looked for in `json`. */
  const dds_attribute *attributes;
  size_t attribute_count;
} dds_item;

/* An item without an index. */
dds_item dds_item_of(const char *text, size_t length);

/* Gives it an index in `room`, which must live as long, for whoever looks for several attributes.
 * One that has more than `count` attributes stays as it is. */
void dds_item_index(dds_item *item, dds_attribute *room, size_t count);

/*
 * Checks DynamoDB JSON: an object whose every member is a typed value, at every depth, with base64
 * that decodes and numbers that DynamoDB holds, sets without duplicates and not empty, at most 32
 * levels. For text that a user gives; what a server sends is read leniently.
 */
DDS_MUST_USE bool dds_item_parse(const char *text, size_t length, dds_item *item, dds_error *error);

/* An attribute by name, borrowed from the item. False where it is missing, or its value is not of
 * the form {"TYPE": content}. */
bool dds_item_find(const dds_item *item, const char *name, size_t name_length, dds_value *value);

/* Walks the attributes in the order of the text, but for those that dds_item_find would not find;
 * false at the end. `name` is a JSON string, with its quotes; it and the value are borrowed. */
typedef struct dds_item_iterator {
  dds_json_iterator members;
  const dds_attribute *next; /* of an item with an index */
  const dds_attribute *end;
} dds_item_iterator;
dds_item_iterator dds_item_iterate(const dds_item *item);
bool dds_item_next(dds_item_iterator *iterator, dds_json *name, dds_value *value);

/* Reads a typed value, {"S":"abc"}, borrowed from the text; false where it is none. */
bool dds_value_read(dds_json typed, dds_value *value);

/* The type that a JSON string names; false where it names none, or such content is not of it. */
bool dds_type_find(dds_json name, dds_json content, dds_type *type);

/* The bytes of an S or N where nothing in them is escaped, borrowed, so that no copy is needed. */
bool dds_value_is_plain(const dds_value *value, const char **bytes, size_t *length);

/*
 * Appends the bytes of a string, the digits of a number or the decoded bytes of a binary. False for
 * other types and for text that cannot be decoded.
 */
DDS_MUST_USE bool dds_value_append_bytes(const dds_value *value, dds_buffer *bytes);

/* Whether it is the BOOL true; false for every other value. */
bool dds_value_is_true(const dds_value *value);

/*
 * Appends a value as plain JSON: M an object, L and sets arrays, S and B (as base64) strings, N its
 * digits, BOOL, NULL. Members keep the order of the response.
 */
void dds_value_append_json(const dds_value *value, dds_buffer *json);

/* Appends an item that is to be written as DynamoDB will give it back: its numbers without exponent
 * and outer zeros. */
void dds_item_append_stored(const dds_item *item, dds_buffer *json);

/*
 * Appends plain JSON as a typed value: objects M, arrays L, strings S, numbers N with every digit,
 * true/false BOOL, null NULL. `old`, if not NULL, is the value that it replaces: a member of a map
 * (or an element of a list, by position) whose plain JSON is what it was keeps its stored type, so
 * that bytes and sets survive an edit beside them. DDS_TOOBIG for a number over 38 digits,
 * DDS_CHECK for one out of range, a lone surrogate, an empty or duplicate member name, or more than
 * 32 levels.
 */
DDS_MUST_USE bool dds_value_append_from_json(dds_json plain, const dds_value *old,
                                             dds_buffer *typed, dds_error *error);

/*
 * Appends plain JSON as a value of the given type where it can be expressed in it: SS, NS, BS, L
 * and M from arrays and objects. DDS_CHECK where it cannot, an empty array for a set included.
 */
DDS_MUST_USE bool dds_value_append_as(dds_json plain, dds_type type, const dds_value *old,
                                      dds_buffer *typed, dds_error *error);

/* Whether both are the same value to DynamoDB: numbers by value, sets and maps without order. */
bool dds_value_equal(const dds_value *left, const dds_value *right);

/* Whether both have the same attributes with equal values. */
bool dds_item_equal(const dds_item *left, const dds_item *right);

/*
 * Size in bytes by DynamoDB's rule (developer guide, "DynamoDB item sizes and formats"): names and
 * strings in UTF-8, raw bytes of binaries, dds_number_size_bytes, 1 for BOOL and NULL, 3 and 1 for
 * each element for lists and maps. An item's is the sum of its attributes, each with its name.
 */
size_t dds_item_size_bytes(const dds_item *item);
size_t dds_value_size_bytes(const dds_value *value);

/* Deepest level and most bytes of an item, most bytes of a hash key: DynamoDB's service quotas. */
enum { DDS_ITEM_MAX_DEPTH = 32, DDS_ITEM_MAX_BYTES = 400 * 1024, DDS_KEY_MAX_BYTES = 2048 };
