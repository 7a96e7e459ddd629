/* A set of keys: an array, and a hash table of places in it with linear probing. Hashes are kept:
 * they tell most keys apart, and growing needs them again. */
#include "dynamodb/key_set.h"

#include <string.h>

#include "base/alloc.h"
#include "base/hash.h"

enum { FIRST_CAPACITY = 16 };

static size_t hash_of(const dds_key *key) {
  return dds_hash_bytes(key->json, key->length);
}

/* The slot that holds a key, or the empty one where it belongs. */
static size_t *slot_of(const dds_key_set *set, const dds_key *key, size_t hash) {
  size_t mask = set->index_capacity - 1;
  for (size_t at = hash & mask;; at = (at + 1) & mask) {
    size_t *slot = &set->index[at];
    if (*slot == 0 ||
        (set->hashes[*slot - 1] == hash && dds_key_equal(&set->keys[*slot - 1], key))) {
      return slot;
    }
  }
}

/* Makes room for one more in the hash table, which is at most half full. */
static bool grow_index(dds_key_set *set, dds_error *error) {
  dds_key_set grown = *set;
  if (2 * (set->count + 1) <= set->index_capacity) {
    return true;
  }
  grown.index_capacity = set->index_capacity ? 2 * set->index_capacity : FIRST_CAPACITY;
  grown.index = dds_alloc(grown.index_capacity * sizeof *grown.index);
  if (grown.index == NULL) {
    return dds_error_set_nomem(error);
  }
  for (size_t i = 0; i < set->count; i++) {
    *slot_of(&grown, &set->keys[i], set->hashes[i]) = i + 1;
  }
  dds_free(set->index);
  *set = grown;
  return true;
}

static bool grow_keys(dds_key_set *set, dds_error *error) {
  if (set->count < set->capacity) {
    return true;
  }
  size_t capacity = set->capacity ? 2 * set->capacity : FIRST_CAPACITY / 2;
  dds_key *keys = dds_realloc(set->keys, capacity * sizeof *keys);
  if (keys == NULL) {
    return dds_error_set_nomem(error);
  }
  set->keys = keys;
  size_t *hashes = dds_realloc(set->hashes, capacity * sizeof *hashes);
  if (hashes == NULL) {
    return dds_error_set_nomem(error);
  }
  set->hashes = hashes;
  set->capacity = capacity;
  return true;
}

static bool append(dds_key_set *set, const dds_key *key, size_t hash, dds_error *error) {
  char *json = dds_texts_copy(&set->texts, key->json, key->length);
  if (json == NULL) {
    return dds_error_set_nomem(error);
  }
  set->keys[set->count] = (dds_key){.json = json, .length = key->length};
  set->hashes[set->count++] = hash;
  return true;
}

bool dds_key_set_add(dds_key_set *set, const dds_key *key, size_t *place, bool *is_new,
                     dds_error *error) {
  if (!grow_index(set, error) || !grow_keys(set, error)) {
    return false;
  }
  size_t hash = hash_of(key);
  size_t *slot = slot_of(set, key, hash);
  bool is_added = *slot == 0;
  if (is_added) {
    if (!append(set, key, hash, error)) {
      return false;
    }
    *slot = set->count;
  }
  if (place != NULL) {
    *place = *slot - 1;
  }
  if (is_new != NULL) {
    *is_new = is_added;
  }
  return true;
}

bool dds_key_set_find(const dds_key_set *set, const dds_key *key, size_t *place) {
  size_t slot = set->count > 0 ? *slot_of(set, key, hash_of(key)) : 0;
  if (slot > 0 && place != NULL) {
    *place = slot - 1;
  }
  return slot > 0;
}

void dds_key_set_clear(dds_key_set *set) {
  dds_texts_clear(&set->texts);
  set->count = 0;
  if (set->index != NULL) {
    memset(set->index, 0, set->index_capacity * sizeof *set->index);
  }
}

void dds_key_set_free(dds_key_set *set) {
  dds_texts_free(&set->texts);
  dds_free(set->keys);
  dds_free(set->hashes);
  dds_free(set->index);
  *set = (dds_key_set){0};
}
