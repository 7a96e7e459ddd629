/* What a loop remembers of keys. */
#include "vtab/memo.h"

#include <string.h>

#include "base/alloc.h"

/* What an entry takes besides its texts, about: allocations, hash table, arrays. */
enum { ENTRY_BYTES = 128 };

void dds_memo_begin(dds_memo *memo, uint64_t state) {
  if (memo->state != state) {
    dds_memo_free(memo);
    memo->state = state;
  }
}

bool dds_memo_find(const dds_memo *memo, const dds_key *key, dds_item *item) {
  size_t place = 0;
  *item = (dds_item){.json = {0}};
  if (!dds_key_set_find(&memo->keys, key, &place)) {
    return false;
  }
  const dds_memo_entry *entry = &memo->entries[place];
  if (entry->text != NULL) {
    *item = dds_item_of(entry->text, entry->length);
  }
  return true;
}

static bool grow(dds_memo *memo, dds_error *error) {
  if (memo->keys.count < memo->capacity) {
    return true;
  }
  size_t capacity = memo->capacity ? 2 * memo->capacity : 8;
  dds_memo_entry *entries = dds_realloc(memo->entries, capacity * sizeof *entries);
  if (entries == NULL) {
    return dds_error_set_nomem(error);
  }
  memo->entries = entries;
  memo->capacity = capacity;
  return true;
}

bool dds_memo_add(dds_memo *memo, uint64_t state, const dds_key *key, const dds_item *item,
                  dds_error *error) {
  dds_memo_entry entry = {.length = item->json.length};
  size_t place;
  bool is_new = false;
  size_t bytes = ENTRY_BYTES + key->length + entry.length;
  memo->is_full = memo->is_full || bytes > DDS_MEMO_MAX_BYTES - memo->bytes;
  if (memo->is_full || memo->state != state || dds_key_set_find(&memo->keys, key, NULL)) {
    return true;
  }
  if (item->json.text != NULL) {
    entry.text = dds_alloc_copy(item->json.text, entry.length);
    if (entry.text == NULL) {
      return dds_error_set_nomem(error);
    }
  }
  if (!grow(memo, error) || !dds_key_set_add(&memo->keys, key, &place, &is_new, error)) {
    dds_free(entry.text);
    return false;
  }
  memo->entries[place] = entry;
  memo->bytes += bytes;
  return true;
}

void dds_memo_free(dds_memo *memo) {
  for (size_t i = 0; i < memo->keys.count; i++) {
    dds_free(memo->entries[i].text);
  }
  dds_free(memo->entries);
  dds_key_set_free(&memo->keys);
  *memo = (dds_memo){0};
}
