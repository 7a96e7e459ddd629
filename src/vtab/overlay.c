/* What a transaction's waiting writes do to a Scan: a set of its keys, and what is known of each.
 */
#include "vtab/overlay.h"

#include "base/alloc.h"

enum { FIRST_CAPACITY = 16 };

static bool add(dds_overlay *overlay, const dds_key *key, dds_pending_effect effect,
                dds_error *error) {
  size_t place = 0;
  if (overlay->count == overlay->capacity) {
    size_t capacity = overlay->capacity ? overlay->capacity * 2 : FIRST_CAPACITY;
    dds_overlay_row *rows = dds_realloc(overlay->rows, capacity * sizeof *rows);
    if (rows == NULL) {
      return dds_error_set_nomem(error);
    }
    overlay->rows = rows;
    overlay->capacity = capacity;
  }
  if (!dds_key_set_add(&overlay->keys, key, &place, NULL, error)) {
    return false;
  }
  overlay->rows[overlay->count++] = (dds_overlay_row){
      .key = overlay->keys.keys[place],
      .is_decided = effect == DDS_EFFECT_ITEM || effect == DDS_EFFECT_GONE,
  };
  return true;
}

bool dds_overlay_open(const dds_pending *pending, const dds_target *target,
                      uint64_t before_position, dds_overlay *overlay, dds_error *error) {
  const dds_pending_write *last = NULL;
  size_t place = 0;
  dds_item image;
  *overlay = (dds_overlay){0};
  while (dds_pending_next_key(pending, target, before_position, &place, &last)) {
    if (!add(overlay, &last->write.key, dds_pending_effect_of(pending, last, &image), error)) {
      return false;
    }
  }
  return true;
}

bool dds_overlay_open_keys(const dds_pending *pending, const dds_target *target,
                           uint64_t before_position, const dds_key_set *keys, dds_overlay *overlay,
                           dds_error *error) {
  dds_item image;
  *overlay = (dds_overlay){0};
  for (size_t i = 0; pending->count > 0 && i < keys->count; i++) {
    dds_pending_effect effect =
        dds_pending_look_up(pending, target, &keys->keys[i], before_position, &image);
    if (effect != DDS_EFFECT_NONE && !add(overlay, &keys->keys[i], effect, error)) {
      return false;
    }
  }
  return true;
}

/* The row of a key, or NULL. */
static dds_overlay_row *row_of(const dds_overlay *overlay, const dds_key *key) {
  size_t place = 0;
  return dds_key_set_find(&overlay->keys, key, &place) ? &overlay->rows[place] : NULL;
}

bool dds_overlay_decides(const dds_overlay *overlay, const dds_key *key) {
  const dds_overlay_row *row = row_of(overlay, key);
  return row != NULL && row->is_decided;
}

bool dds_overlay_admits(dds_overlay *overlay, const dds_key *key) {
  dds_overlay_row *row = row_of(overlay, key);
  if (row == NULL) {
    return true;
  }
  row->was_scanned = !row->is_decided;
  return row->was_scanned;
}

bool dds_overlay_collect_undecided(const dds_overlay *overlay, dds_key_set *keys,
                                   dds_error *error) {
  for (size_t i = 0; i < overlay->count; i++) {
    const dds_overlay_row *row = &overlay->rows[i];
    if (!row->is_decided && !row->was_scanned &&
        !dds_key_set_add(keys, &row->key, NULL, NULL, error)) {
      return false;
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
  dds_key_set_free(&overlay->keys);
  dds_free(overlay->rows);
  *overlay = (dds_overlay){0};
}
