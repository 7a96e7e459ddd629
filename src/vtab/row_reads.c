/* What a statement read of each row that it may delete: a hash table by sid. */
#include "vtab/row_reads.h"

#include <string.h>

#include "base/alloc.h"
#include "base/hash.h"

enum { FIRST_CAPACITY = 16 };

struct dds_row_reads {
  dds_row_read *entries; /* open addressing; an empty place has no sid */
  size_t count;
  size_t capacity;   /* a power of two, or 0 */
  size_t item_bytes; /* of all entries */
};

dds_row_reads *dds_row_reads_create(void) {
  return dds_alloc(sizeof(dds_row_reads));
}

static void release_entry(dds_row_read *entry) {
  dds_free(entry->sid);
  dds_key_free(&entry->key);
  dds_free(entry->item);
  dds_condition_release(entry->matches);
}

void dds_row_reads_free(dds_row_reads *reads) {
  if (reads == NULL) {
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

/* Whether an item has a member of this name, as it is spelt: both come from one DynamoDB. */
static bool has_member(const dds_item *item, dds_json name) {
  dds_item_iterator iterator = dds_item_iterate(item);
  dds_json other;
  dds_value value;
  while (dds_item_next(&iterator, &other, &value)) {
    if (other.length == name.length && memcmp(other.text, name.text, name.length) == 0) {
      return true;
    }
  }
  return false;
}

static void append_members(const dds_item *item, const dds_item *unless, dds_buffer *members) {
  dds_item_iterator iterator = dds_item_iterate(item);
  dds_json name;
  dds_value value;
  while (dds_item_next(&iterator, &name, &value)) {
    if (unless->json.text != NULL && has_member(unless, name)) {
      continue;
    }
    dds_buffer_append_char(members, members->length == 0 ? '{' : ',');
    dds_buffer_append(members, name.text, name.length);
    dds_buffer_append_char(members, ':');
    dds_buffer_append(members, value.typed.text, value.typed.length);
  }
}

bool dds_row_reads_keep(dds_row_reads *reads, dds_row_read *read, const dds_item *item,
                        dds_error *error) {
  size_t others = reads->item_bytes - read->item_length;
  dds_item kept = {.json = {.text = read->item, .length = read->item_length}};
  dds_buffer members = DDS_BUFFER_INIT(DDS_ROW_READS_MAX_BYTES);
  if (kept.json.text != NULL) {
    append_members(&kept, &(dds_item){.json = {0}}, &members);
  }
  append_members(item, &kept, &members);
  dds_buffer_append_text(&members, members.length == 0 ? "{}" : "}");
  if (members.failed == DDS_TOOBIG || members.length > DDS_ROW_READS_MAX_BYTES - others) {
    dds_buffer_free(&members);
    return dds_error_set(error, DDS_TOOBIG,
                         "what this DELETE has read, and must assert, takes more than %zu MB: "
                         "delete in smaller steps",
                         DDS_ROW_READS_MAX_BYTES >> 20);
  }
  if (!dds_buffer_check(&members, error)) {
    dds_buffer_free(&members);
    return false;
  }
  dds_free(read->item);
  read->item_length = members.length;
  read->item = dds_buffer_take(&members);
  reads->item_bytes = others + read->item_length;
  return true;
}
