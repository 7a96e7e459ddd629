/* What a transaction's waiting writes do to a Scan: its keys, in order, and a hash table of them.
 */
#include "vtab/overlay.h"

#include "base/alloc.h"
#include "base/hash.h"

enum { FIRST_CAPACITY = 16 };

static bool add(dds_overlay *overlay, const dds_key *key, bool is_decided, dds_error *error) {
  if (overlay->count == overlay->capacity) {
    size_t capacity = overlay->capacity ? overlay->capacity * 2 : FIRST_CAPACITY;
    dds_overlay_row *rows = dds_realloc(overlay->rows, capacity * sizeof *rows);
    if (rows == NULL) {
      return dds_error_set_nomem(error);
    }
    overlay->rows = rows;
    overlay->capacity = capacity;
  }
  dds_overlay_row *row = &overlay->rows[overlay->count];
  *row = (dds_overlay_row){.is_decided = is_decided};
  if (!dds_key_copy(key, &row->key, error)) {
    return false;
  }
  overlay->count++;
  return true;
}

/* The slot that holds a key, or the empty one where it belongs. */
static size_t *slot_of(const dds_overlay *overlay, const dds_key *key) {
  size_t mask = overlay->index_capacity - 1;
  for (size_t at = dds_hash_bytes(key->json, key->length) & mask;; at = (at + 1) & mask) {
    size_t *slot = &overlay->index[at];
    if (*slot == 0 || dds_key_equal(&overlay->rows[*slot - 1].key, key)) {
      return slot;
    }
  }
}

/* At most half full. */
static bool make_index(dds_overlay *overlay, dds_error *error) {
  size_t capacity = FIRST_CAPACITY;
  while (capacity < 2 * overlay->count) {
    capacity *= 2;
  }
  overlay->index = dds_alloc(capacity * sizeof *overlay->index);
  if (overlay->index == NULL) {
    return dds_error_set_nomem(error);
  }
  overlay->index_capacity = capacity;
  for (size_t i = 0; i < overlay->count; i++) {
    *slot_of(overlay, &overlay->rows[i].key) = i + 1;
  }
  return true;
}

bool dds_overlay_open(const dds_pending *pending, const dds_target *target,
                      uint64_t before_position, dds_overlay *overlay, dds_error *error) {
  const dds_pending_write *last = NULL;
  size_t place = 0;
  *overlay = (dds_overlay){0};
  while (dds_pending_next_key(pending, target, before_position, &place, &last)) {
    dds_item image;
    dds_pending_effect effect = dds_pending_effect_of(pending, last, &image);
    bool is_decided = effect == DDS_EFFECT_ITEM || effect == DDS_EFFECT_GONE;
    if (!add(overlay, &last->write.key, is_decided, error)) {
      return false;
    }
  }
  return overlay->count == 0 || make_index(overlay, error);
}

bool dds_overlay_admits(dds_overlay *overlay, const dds_key *key) {
  size_t place = overlay->count > 0 ? *slot_of(overlay, key) : 0;
  if (place == 0) {
    return true;
  }
  dds_overlay_row *row = &overlay->rows[place - 1];
  row->was_scanned = !row->is_decided;
  return row->was_scanned;
}

bool dds_overlay_collect_undecided(const dds_overlay *overlay, dds_key **keys, size_t *count,
                                   dds_error *error) {
  *count = 0;
  *keys = dds_alloc(overlay->count * sizeof **keys);
  if (*keys == NULL) {
    return dds_error_set_nomem(error);
  }
  for (size_t i = 0; i < overlay->count; i++) {
    const dds_overlay_row *row = &overlay->rows[i];
    if (!row->is_decided && !row->was_scanned) {
      (*keys)[(*count)++] = row->key;
    }
  }
  return true;
}

const dds_overlay_row *dds_overlay_next(dds_overlay *overlay) {
  while (overlay->next < overlay->count) {
    const dds_overlay_row *row = &overlay->rows[overlay->next++];
    if (!row->was_scanned) {
      return row;
    }
  }
  return NULL;
}

void dds_overlay_free(dds_overlay *overlay) {
  for (size_t i = 0; i < overlay->count; i++) {
    dds_key_free(&overlay->rows[i].key);
  }
  dds_free(overlay->rows);
  dds_free(overlay->index);
  *overlay = (dds_overlay){0};
}
