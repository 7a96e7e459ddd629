/*
 * Finds members of one object, or elements of one array, many times: what compares maps and sets
 * looks each member of one side up in the other, and a hostile item of 50,000 members must not
 * make that quadratic. Where the container is small, or no memory is left, it searches in order;
 * the answer is the same.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "dynamodb/json.h"

/* Negative, 0 or positive, a total order. */
typedef int dds_json_compare(dds_json left, dds_json right);

typedef struct dds_json_entry {
  dds_json name; /* of an element: the element */
  dds_json value;
} dds_json_entry;

typedef struct dds_json_lookup {
  dds_json container;
  dds_json_compare *compare;
  dds_json_entry *sorted; /* owned, or NULL: search in order */
  size_t count;
} dds_json_lookup;

/* By member name. Freed by dds_json_lookup_free. The container's text is borrowed. */
dds_json_lookup dds_json_lookup_members(dds_json object);

/* By element (of an object: by name), in an order of the caller's. */
dds_json_lookup dds_json_lookup_elements(dds_json container, dds_json_compare *compare);

/* Finds a member by its name, or an element that compares as equal; of duplicates the last in the
 * text. The value is borrowed from it. */
bool dds_json_lookup_find(const dds_json_lookup *lookup, dds_json name, dds_json *value);

/* Whether two names, or two elements, compare as equal. */
bool dds_json_lookup_has_duplicates(const dds_json_lookup *lookup);

/* Releases what it owns; the container's text stays. */
void dds_json_lookup_free(dds_json_lookup *lookup);
