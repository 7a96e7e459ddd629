/* Texts one behind the other in blocks, each twice as large as the one before up to a limit. */
#include "base/texts.h"

#include <stdint.h>
#include <string.h>

#include "base/alloc.h"

enum { FIRST_BLOCK_BYTES = 1024, LARGEST_BLOCK_BYTES = 128 * 1024, LARGEST_SPARE_BYTES = 8 * 1024 };

typedef struct dds_texts_block {
  struct dds_texts_block *before;
  size_t used;
  size_t capacity;
  char bytes[];
} dds_texts_block;

/* The last block, or a new one, with room for so many bytes; NULL: no memory. */
static dds_texts_block *make_room(dds_texts *texts, size_t bytes) {
  dds_texts_block *last = texts->last;
  if (last != NULL && bytes <= last->capacity - last->used) {
    return last;
  }
  size_t capacity = last != NULL ? 2 * last->capacity : FIRST_BLOCK_BYTES;
  capacity = capacity < LARGEST_BLOCK_BYTES ? capacity : LARGEST_BLOCK_BYTES;
  capacity = capacity > bytes ? capacity : bytes;
  if (capacity > SIZE_MAX - sizeof *last) {
    return NULL;
  }
  dds_texts_block *block = dds_realloc(NULL, sizeof *block + capacity);
  if (block != NULL) {
    *block = (dds_texts_block){.before = last, .capacity = capacity};
    texts->last = block;
  }
  return block;
}

char *dds_texts_copy(dds_texts *texts, const char *text, size_t length) {
  dds_texts_block *block = length < SIZE_MAX ? make_room(texts, length + 1) : NULL;
  if (block == NULL) {
    return NULL;
  }
  char *copy = block->bytes + block->used;
  if (length > 0) {
    memcpy(copy, text, length);
  }
  copy[length] = '\0';
  block->used += length + 1;
  return copy;
}

/* Gives back the blocks from `block` to the first. */
static void free_blocks(dds_texts_block *block) {
  while (block != NULL) {
    dds_texts_block *before = block->before;
    dds_free(block);
    block = before;
  }
}

void dds_texts_clear(dds_texts *texts) {
  dds_texts_block *last = texts->last;
  if (last == NULL || last->capacity > LARGEST_SPARE_BYTES) {
    dds_texts_free(texts);
    return;
  }
  free_blocks(last->before);
  last->before = NULL;
  last->used = 0;
}

void dds_texts_free(dds_texts *texts) {
  free_blocks(texts->last);
  texts->last = NULL;
}
