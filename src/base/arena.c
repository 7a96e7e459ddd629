/* Blocks that know how many are using them: pieces, and the arena that fills one. */
#include "base/arena.h"

#include <stdint.h>

#include "base/alloc.h"

enum { BLOCK_BYTES = 64 * 1024 };

struct dds_arena_block {
  size_t users;
  size_t capacity;
  size_t used;
  char bytes[];
};

/* A piece that is larger than a block gets one of its own size. */
static dds_arena_block *make_block(size_t size_bytes) {
  size_t capacity = BLOCK_BYTES - sizeof(dds_arena_block);
  if (size_bytes > SIZE_MAX - BLOCK_BYTES) {
    return NULL;
  }
  if (size_bytes > capacity) {
    capacity = size_bytes;
  }
  dds_arena_block *block = dds_realloc(NULL, sizeof *block + capacity);
  if (block != NULL) {
    *block = (dds_arena_block){.users = 1, .capacity = capacity};
  }
  return block;
}

char *dds_arena_take(dds_arena *arena, size_t size_bytes, dds_arena_block **block) {
  *block = NULL;
  if (arena->current != NULL && arena->current->users == 1) {
    arena->current->used = 0; /* all that stood in it is gone */
  }
  if (arena->current == NULL || size_bytes > arena->current->capacity - arena->current->used) {
    dds_arena_block *made = make_block(size_bytes);
    if (made == NULL) {
      return NULL;
    }
    dds_arena_release(arena->current);
    arena->current = made;
  }
  dds_arena_block *current = arena->current;
  char *piece = current->bytes + current->used;
  current->used += size_bytes;
  current->users++;
  *block = current;
  return piece;
}

void dds_arena_release(dds_arena_block *block) {
  if (block != NULL && --block->users == 0) {
    dds_free(block);
  }
}

void dds_arena_free(dds_arena *arena) {
  dds_arena_release(arena->current);
  arena->current = NULL;
}
