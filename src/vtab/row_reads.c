/* What a DELETE read of each row: a hash table by sid. */
#include "vtab/row_reads.h"

#include <string.h>

#include "base/alloc.h"
#include "base/hash.h"

enum { FIRST_CAPACITY = 16 };

struct dds_row_reads {
  int references;
  dds_row_read *entries; /* open addressing; an empty place has no sid */
  size_t count;
  size_t capacity;   /* a power of two, or 0 */
  size_t item_bytes; /* of all entries */
};

dds_row_reads *dds_row_reads_create(void) {
  dds_row_reads *reads = dds_alloc(sizeof *reads);
  if (reads != NULL) {
    reads->references = 1;
  }
  return reads;
}

dds_row_reads *dds_row_reads_retain(dds_row_reads *reads) {
  reads->references++;
  return reads;
}

static void release_entry(dds_row_read *entry) {
  dds_free(entry->sid);
  dds_key_free(&entry->key);
  dds_free(entry->item);
  dds_condition_release(entry->matches);
}

void dds_row_reads_release(dds_row_reads *reads) {
  if (reads == NULL || --reads->references > 0) {
    return;
  }
  for (size_t i = 0; i < reads->capacity; i++) {
    release_entry(&reads->entries[i]);
  }
  dds_free(reads->entries);
  dds_free(reads);
}

/* The place of a sid, or the empty one where it belongs. */
static dds_row_read *place_of(dds_row_read *entries, size_t capacity, const char *sid,
                              size_t length) {
  size_t mask = capacity - 1;
  for (size_t at = dds_hash_bytes(sid, length) & mask;; at = (at + 1) & mask) {
    dds_row_read *entry = &entries[at];
    if (entry->sid == NULL ||
        (entry->sid_length == length && memcmp(entry->sid, sid, length) == 0)) {
      return entry;
    }
  }
}

static bool grow(dds_row_reads *reads) {
  size_t capacity = reads->capacity ? reads->capacity * 2 : FIRST_CAPACITY;
  dds_row_read *entries = dds_alloc(capacity * sizeof *entries);
  if (entries == NULL) {
    return false;
  }
  for (size_t i = 0; i < reads->capacity; i++) {
    const dds_row_read *entry = &reads->entries[i];
    if (entry->sid != NULL) {
      *place_of(entries, capacity, entry->sid, entry->sid_length) = *entry;
    }
  }
  dds_free(reads->entries);
  reads->entries = entries;
  reads->capacity = capacity;
  return true;
}

dds_row_read *dds_row_reads_put(dds_row_reads *reads, const char *sid, size_t length) {
  if (2 * (reads->count + 1) > reads->capacity && !grow(reads)) {
    return NULL;
  }
  dds_row_read *entry = place_of(reads->entries, reads->capacity, sid, length);
  if (entry->sid == NULL) {
    entry->sid = dds_alloc_copy(sid, length);
    if (entry->sid == NULL) {
      return NULL;
    }
    entry->sid_length = length;
    reads->count++;
  }
  return entry;
}

const dds_row_read *dds_row_reads_find(const dds_row_reads *reads, const char *sid, size_t length) {
  if (reads->count == 0) {
    return NULL;
  }
  const dds_row_read *entry = place_of(reads->entries, reads->capacity, sid, length);
  return entry->sid == NULL ? NULL : entry;
}

bool dds_row_reads_keep(dds_row_reads *reads, dds_row_read *read, const dds_item *item,
                        dds_error *error) {
  size_t others = reads->item_bytes - read->item_length;
  if (item->json.length > DDS_ROW_READS_MAX_BYTES - others) {
    return dds_error_set(error, DDS_TOOBIG,
                         "what this DELETE has read, and must assert, takes more than %zu MB: "
                         "delete in smaller steps",
                         DDS_ROW_READS_MAX_BYTES >> 20);
  }
  char *copy = dds_alloc_copy(item->json.text, item->json.length);
  if (copy == NULL) {
    return dds_error_set_nomem(error);
  }
  dds_free(read->item);
  read->item = copy;
  read->item_length = item->json.length;
  reads->item_bytes = others + read->item_length;
  return true;
}
