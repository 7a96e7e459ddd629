/*
 * Which of a list of keys an item has, found without a copy of the item's own: to tell which
 * request an answer belongs to, or that it belongs to none.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/attributes.h"
#include "base/buffer.h"
#include "base/error.h"
#include "dynamodb/item.h"
#include "dynamodb/key.h"

/* All zero: of no keys. */
typedef struct dds_key_index {
  dds_value *values;    /* owned; of the attribute in each key, borrowed from the keys */
  dds_buffer attribute; /* the name of the one attribute of each */
  size_t *slots;        /* owned hash table of numbers of keys + 1, 0 for none */
  size_t slot_count;    /* a power of two */
} dds_key_index;

/* `keys`, at least one, are of one table, and borrowed. Freed by dds_key_index_free, also on
 * failure. */
DDS_MUST_USE bool dds_key_index_make(const dds_key *keys, size_t count, dds_key_index *index,
                                     dds_error *error);

/* The number of the key that the item has, among others that it may have; false: none of them. */
bool dds_key_index_find(const dds_key_index *index, const dds_item *item, size_t *number);

void dds_key_index_free(dds_key_index *index);
