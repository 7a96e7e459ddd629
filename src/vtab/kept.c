/* A kept Scan: items in blocks that stay where they are, each with its length before it. */
#include "vtab/kept.h"

#include <string.h>

#include "base/alloc.h"

enum { FIRST_BLOCK_BYTES = 4096, LARGEST_BLOCK_BYTES = 1024 * 1024, ALIGNMENT = sizeof(size_t) };

typedef struct dds_kept_block {
  struct dds_kept_block *next;
  size_t used;
  size_t capacity;
  char bytes[];
} dds_kept_block;

struct dds_kept {
  int references;
  const dds_table *table;
  dds_scan *scan; /* NULL once it was read to its end */
  bool has_failed;
  dds_kept_block *first;
  dds_kept_block *last;
  size_t bytes;
};

bool dds_kept_open(const dds_table *table, const dds_scan_request *request, dds_kept **out,
                   dds_error *error) {
  dds_kept *kept = dds_alloc(sizeof *kept);
  *out = NULL;
  if (kept == NULL) {
    return dds_error_set_nomem(error);
  }
  *kept = (dds_kept){.references = 1, .table = table};
  if (!dds_scan_open(table, request, &kept->scan, error)) {
    dds_kept_release(kept);
    return false;
  }
  *out = kept;
  return true;
}

dds_kept *dds_kept_retain(dds_kept *kept) {
  kept->references++;
  return kept;
}

void dds_kept_release(dds_kept *kept) {
  if (kept == NULL || --kept->references > 0) {
    return;
  }
  dds_scan_close(kept->scan);
  while (kept->first != NULL) {
    dds_kept_block *block = kept->first;
    kept->first = block->next;
    dds_free(block);
  }
  dds_free(kept);
}

bool dds_kept_is_good(const dds_kept *kept) {
  return !kept->has_failed;
}

size_t dds_kept_bytes(const dds_kept *kept) {
  return kept->bytes + (kept->scan != NULL ? dds_scan_bytes(kept->scan) : 0);
}

static bool refuse(const dds_kept *kept, dds_error *error) {
  const char *name = kept->table->sql_name != NULL ? kept->table->sql_name : kept->table->name;
  return dds_error_set(error, DDS_TOOBIG,
                       "this statement reads \"%s\" again and again, and keeps it in memory for "
                       "that, but it takes more than %zu MB: read it once, as in WITH s AS "
                       "MATERIALIZED (SELECT … FROM \"%s\") SELECT … JOIN s …",
                       name, DDS_KEPT_MAX_BYTES >> 20, name);
}

/* Room for so many bytes in the last block, or in a new one behind it. */
static bool make_room(dds_kept *kept, size_t bytes, dds_error *error) {
  if (kept->last != NULL && bytes <= kept->last->capacity - kept->last->used) {
    return true;
  }
  size_t capacity = kept->last != NULL ? 2 * kept->last->capacity : FIRST_BLOCK_BYTES;
  capacity = capacity < LARGEST_BLOCK_BYTES ? capacity : LARGEST_BLOCK_BYTES;
  capacity = capacity > bytes ? capacity : bytes;
  if (capacity > DDS_KEPT_MAX_BYTES - kept->bytes) {
    return refuse(kept, error);
  }
  dds_kept_block *block = dds_alloc(sizeof *block + capacity);
  if (block == NULL) {
    return dds_error_set_nomem(error);
  }
  block->capacity = capacity;
  kept->bytes += capacity;
  *(kept->last != NULL ? &kept->last->next : &kept->first) = block;
  kept->last = block;
  return true;
}

/* Puts the next item of the Scan behind the others; at its end, nothing. */
static bool read_on(dds_kept *kept, dds_error *error) {
  dds_item item = {.json = {0}};
  if (!dds_scan_next(kept->scan, &item, error)) {
    return false;
  }
  if (item.json.text == NULL) {
    dds_scan_close(kept->scan);
    kept->scan = NULL;
    return true;
  }
  size_t length = item.json.length;
  size_t padded = (sizeof length + length + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  if (!make_room(kept, padded, error)) {
    return false;
  }
  char *at = kept->last->bytes + kept->last->used;
  memcpy(at, &length, sizeof length);
  memcpy(at + sizeof length, item.json.text, length);
  kept->last->used += padded;
  return true;
}

/* Moves a place that stands behind the last item of its block; whether an item is there. */
static bool settle(const dds_kept *kept, dds_kept_place *place) {
  if (place->block == NULL) {
    *place = (dds_kept_place){.block = kept->first};
  }
  if (place->block != NULL && place->offset == place->block->used && place->block->next != NULL) {
    *place = (dds_kept_place){.block = place->block->next};
  }
  return place->block != NULL && place->offset < place->block->used;
}

bool dds_kept_next(dds_kept *kept, dds_kept_place *place, dds_item *item, dds_error *error) {
  size_t length = 0;
  *item = (dds_item){.json = {0}};
  if (!settle(kept, place) && kept->scan != NULL && !read_on(kept, error)) {
    kept->has_failed = true;
    return false;
  }
  if (!settle(kept, place)) {
    return true;
  }
  const char *at = place->block->bytes + place->offset;
  memcpy(&length, at, sizeof length);
  *item = dds_item_of(at + sizeof length, length);
  place->offset += (sizeof length + length + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  return true;
}
