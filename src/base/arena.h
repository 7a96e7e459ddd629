/*
 * Memory for texts by the thousand that go at about the same time. Short ones stand one behind the
 * other in blocks of 8 KB, and a block goes with the last piece of it: memory of its own for each
 * costs more to get and to give back than the text to copy.
 */
#pragma once

#include <stddef.h>

typedef struct dds_arena_block dds_arena_block;

typedef struct dds_arena {
  dds_arena_block *current; /* owned: where the next piece goes; NULL: none yet */
} dds_arena;

/* A piece of memory, not cleared and not aligned; NULL: there is none. The block is what
 * dds_arena_release wants: once for each piece. */
char *dds_arena_take(dds_arena *arena, size_t size_bytes, dds_arena_block **block);

/* Gives a piece back; NULL is allowed. */
void dds_arena_release(dds_arena_block *block);

/* Lets go of the block that is being filled, which stays for the pieces in it. The arena may be
 * used again. */
void dds_arena_free(dds_arena *arena);
