/*
 * The writes of the open transaction. A hash table finds the last write of a key; it is made anew
 * after a rollback, which is rarer than an insert.
 */
#include "vtab/pending.h"

#include <string.h>

#include "base/alloc.h"

enum { FIRST_CAPACITY = 16, FIRST_INDEX_CAPACITY = 64 };

static void release(dds_pending_write *entry) {
  dds_write_free(&entry->write);
  dds_target_release(entry->target);
}

static bool is_waiting(const dds_pending_write *entry) {
  return entry->state == DDS_PENDING_WAITING;
}

static bool is_same_item(const dds_pending_write *entry, const dds_target *target,
                         const dds_key *key) {
  return dds_key_equal(&entry->write.key, key) && dds_target_is_same(entry->target, target);
}

/* The slot that holds the item's last write, or the empty one where it belongs. */
static size_t *slot_of(const dds_pending *pending, const dds_target *target, const dds_key *key) {
  size_t mask = pending->index_capacity - 1;
  /* Tables that share a key text share a chain, which is rare and harmless. */
  for (size_t at = dds_hash_bytes(key->json, key->length) & mask;; at = (at + 1) & mask) {
    size_t *slot = &pending->index[at];
    if (*slot == 0 || is_same_item(&pending->writes[*slot - 1], target, key)) {
      return slot;
    }
  }
}

static void fill_index(dds_pending *pending) {
  memset(pending->index, 0, pending->index_capacity * sizeof *pending->index);
  for (size_t i = 0; i < pending->count; i++) {
    *slot_of(pending, pending->writes[i].target, &pending->writes[i].write.key) = i + 1;
  }
}

/* Keeps the hash table at most half full, one more write included. */
static bool grow_index(dds_pending *pending, dds_error *error) {
  if (2 * (pending->count + 1) <= pending->index_capacity) {
    return true;
  }
  size_t capacity = pending->index_capacity ? pending->index_capacity * 2 : FIRST_INDEX_CAPACITY;
  size_t *index = dds_alloc(capacity * sizeof *index);
  if (index == NULL) {
    return dds_error_set_nomem(error);
  }
  dds_free(pending->index);
  pending->index = index;
  pending->index_capacity = capacity;
  fill_index(pending);
  return true;
}

static bool grow(dds_pending *pending, dds_error *error) {
  if (pending->count < pending->capacity) {
    return true;
  }
  size_t capacity = pending->capacity ? pending->capacity * 2 : FIRST_CAPACITY;
  dds_pending_write *writes = dds_realloc(pending->writes, capacity * sizeof *writes);
  if (writes == NULL) {
    return dds_error_set_nomem(error);
  }
  pending->writes = writes;
  pending->capacity = capacity;
  return true;
}

bool dds_pending_add(dds_pending *pending, const struct dds_vtab *owner, dds_target *target,
                     dds_write *write, const char *sid_hash, const dds_pending_rules *rules,
                     dds_error *error) {
  size_t bytes = dds_write_memory_bytes(write) + sizeof(dds_pending_write);
  if (bytes > DDS_PENDING_MAX_BYTES - pending->bytes) {
    dds_error_set(error, DDS_TOOBIG,
                  "the writes of this transaction take more than %zu MB: COMMIT in smaller steps",
                  DDS_PENDING_MAX_BYTES >> 20);
    goto failed;
  }
  if (!grow(pending, error) || !grow_index(pending, error)) {
    goto failed;
  }
  dds_pending_write *entry = &pending->writes[pending->count];
  *entry = (dds_pending_write){
      .position = pending->next_position++,
      .owner = owner,
      .target = dds_target_retain(target),
      .write = *write,
      .rules = *rules,
  };
  *write = (dds_write){0};
  memcpy(entry->sid_hash, sid_hash, sizeof entry->sid_hash);
  pending->bytes += bytes;
  pending->count++;
  *slot_of(pending, target, &entry->write.key) = pending->count;
  return true;
failed:
  dds_write_free(write);
  return false;
}

const dds_pending_write *dds_pending_find(const dds_pending *pending, const dds_target *target,
                                          const dds_key *key) {
  if (pending->count == 0) {
    return NULL;
  }
  size_t place = *slot_of(pending, target, key);
  return place == 0 || !is_waiting(&pending->writes[place - 1]) ? NULL
                                                                : &pending->writes[place - 1];
}

size_t dds_pending_count_for(const dds_pending *pending, const dds_target *target) {
  size_t count = 0;
  for (size_t i = 0; i < pending->count; i++) {
    count +=
        is_waiting(&pending->writes[i]) && dds_target_is_same(pending->writes[i].target, target);
  }
  return count;
}

size_t dds_pending_count_of(const dds_pending *pending, const struct dds_vtab *owner) {
  size_t count = 0;
  for (size_t i = 0; i < pending->count; i++) {
    count += is_waiting(&pending->writes[i]) && pending->writes[i].owner == owner;
  }
  return count;
}

size_t dds_pending_truncate(dds_pending *pending, const struct dds_vtab *owner, uint64_t position) {
  size_t kept = 0;
  size_t applied = 0;
  for (size_t i = 0; i < pending->count; i++) {
    dds_pending_write *entry = &pending->writes[i];
    if (entry->owner != owner || entry->position < position) {
      pending->writes[kept++] = *entry;
      continue;
    }
    applied += entry->state == DDS_PENDING_APPLIED;
    pending->bytes -= dds_write_memory_bytes(&entry->write) + sizeof *entry;
    release(entry);
  }
  if (kept < pending->count) {
    pending->count = kept;
    fill_index(pending);
  }
  if (kept == 0) {
    dds_pending_free(pending);
  }
  return applied;
}

void dds_pending_free(dds_pending *pending) {
  for (size_t i = 0; i < pending->count; i++) {
    release(&pending->writes[i]);
  }
  dds_free(pending->writes);
  dds_free(pending->index);
  /* Savepoints of other tables still remember positions. */
  *pending = (dds_pending){.next_position = pending->next_position};
}
