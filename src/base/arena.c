/* Blocks that know how many are using them: pieces, and the arena that fills one. */
#include "base/arena.h"

#include <stdint.h>

#include "base/alloc.h"

/* A piece that stays holds its block, so neither a block nor what else may stand in it is large. */
enum { BLOCK_BYTES = 8 * 1024, LARGEST_SHARED_BYTES = 2 * 1024 };

struct dds_arena_block {
  size_t users;
  size_t capacity;
  size_t used;
  char bytes[];
};

static dds_arena_block *make_block(size_t capacity) {
  if (capacity > SIZE_MAX - sizeof(dds_arena_block)) {
    return NULL;
  }
  dds_arena_block *block = dds_realloc(NULL, sizeof *block + capacity);
  if (block != NULL) {
    *block = (dds_arena_block){.users = 1, .capacity = capacity};
  }
  return block;
}

/* The block that is being filled, or the next one where it has no room. */
static dds_arena_block *block_with_room(dds_arena *arena, size_t size_bytes) {
  dds_arena_block *current = arena->current;
  if (current != NULL && current->users == 1) {
    current->used = 0; /* all that stood in it is gone */
  }
  if (current != NULL && size_bytes <= current->capacity - current->used) {
    return current;
  }
  dds_arena_block *made = make_block(BLOCK_BYTES - sizeof *made);
  if (made != NULL) {
    dds_arena_release(current);
    arena->current = made;
  }
  return made;
}

char *dds_arena_take(dds_arena *arena, size_t size_bytes, dds_arena_block **block) {
  if (size_bytes > LARGEST_SHARED_BYTES) {
    *block = make_block(size_bytes); /* whose only user is the piece */
    return *block != NULL ? (*block)->bytes : NULL;
  }
  *block = block_with_room(arena, size_bytes);
  if (*block == NULL) {
    return NULL;
  }
  char *piece = (*block)->bytes + (*block)->used;
  (*block)->used += size_bytes;
  (*block)->users++;
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
