/*
 * A set of keys, numbered in the order in which they came: what is known of each is the caller's,
 * in an array beside it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/attributes.h"
#include "base/error.h"
#include "base/texts.h"
#include "dynamodb/key.h"

/* All zero: an empty one. */
typedef struct dds_key_set {
  dds_key *keys; /* owned array; what they hold is of `texts` and stays where it is */
  size_t count;
  size_t capacity;
  dds_texts texts;
  size_t *hashes;        /* owned; of each key */
  size_t *index;         /* owned hash table of places in `keys` + 1, 0 for none */
  size_t index_capacity; /* a power of two, or 0 */
} dds_key_set;

/* Adds a copy of a key that is not there yet. `*place` is its number, `*is_new` whether it was
 * added; either may be NULL. After a failure the set is as it was. */
DDS_MUST_USE bool dds_key_set_add(dds_key_set *set, const dds_key *key, size_t *place, bool *is_new,
                                  dds_error *error);

/* Whether it is there, and its number; `place` may be NULL. */
bool dds_key_set_find(const dds_key_set *set, const dds_key *key, size_t *place);

/* Both leave an empty set; the first keeps memory. */
void dds_key_set_clear(dds_key_set *set);
void dds_key_set_free(dds_key_set *set);
