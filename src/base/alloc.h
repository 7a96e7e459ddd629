/*
 * Allocation for every room. The functions behind it are chosen once, before any other call:
 * extension.c gives SQLite's, so that its memory statistics and fault injection see everything;
 * unit tests give their own, which fail on demand. Until then the C library's serve.
 *
 * Sizes are bytes. Every function that returns memory returns NULL when there is none.
 */
#pragma once

#include <stddef.h>

#include "base/attributes.h"

typedef struct dds_allocator {
  void *(*allocate)(size_t size_bytes);
  void *(*reallocate)(void *memory, size_t size_bytes);
  void (*release)(void *memory);
} dds_allocator;

/*
 * Chooses the allocator of the process; call it before anything is allocated. Not thread-safe where
 * it changes the choice. With the functions that are chosen already it only reads: several threads
 * may do that at once, also while others allocate, as loads into further connections do.
 */
void dds_alloc_use(const dds_allocator *allocator);

/* Zeroed memory, owned by the caller, released by dds_free. A size of 0 gives 1 byte. */
DDS_MUST_USE void *dds_alloc(size_t size_bytes);

/* Grows or shrinks; the old block stays valid where NULL is returned. New bytes are not zeroed. */
DDS_MUST_USE void *dds_realloc(void *memory, size_t size_bytes);

/* A NUL-terminated copy of `length` bytes of `text`, owned by the caller. */
DDS_MUST_USE char *dds_alloc_copy(const char *text, size_t length);

/* Releases; NULL is allowed. */
void dds_free(void *memory);

/* Overwrites `size_bytes` with zeroes in a way that the compiler may not leave out: for secrets. */
void dds_wipe(void *memory, size_t size_bytes);

/* The same, then releases; NULL is allowed. */
void dds_free_secret(void *memory, size_t size_bytes);
