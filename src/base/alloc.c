/*
 * Allocation through function pointers, chosen once for the process: the one piece of state that
 * is global, because a pointer that one object allocated may be released by another.
 */
#include "base/alloc.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static dds_allocator chosen = {.allocate = malloc, .reallocate = realloc, .release = free};

void dds_alloc_use(const dds_allocator *allocator) {
  if (allocator->allocate == chosen.allocate && allocator->reallocate == chosen.reallocate &&
      allocator->release == chosen.release) {
    return; /* a write of the same value would still be a race with threads that allocate */
  }
  chosen = *allocator;
}

/* A block of no bytes might be NULL, which would read as "no memory". */
static size_t at_least_one(size_t size_bytes) {
  return size_bytes == 0 ? 1 : size_bytes;
}

void *dds_alloc(size_t size_bytes) {
  size_t size = at_least_one(size_bytes);
  void *memory = chosen.allocate(size);
  if (memory != NULL) {
    memset(memory, 0, size);
  }
  return memory;
}

void *dds_realloc(void *memory, size_t size_bytes) {
  size_t size = at_least_one(size_bytes);
  return memory == NULL ? chosen.allocate(size) : chosen.reallocate(memory, size);
}

char *dds_alloc_copy(const char *text, size_t length) {
  if (length == SIZE_MAX) {
    return NULL;
  }
  char *copy = chosen.allocate(length + 1);
  if (copy == NULL) {
    return NULL;
  }
  if (length > 0) {
    memcpy(copy, text, length);
  }
  copy[length] = '\0';
  return copy;
}

void dds_free(void *memory) {
  if (memory != NULL) {
    chosen.release(memory);
  }
}

void dds_wipe(void *memory, size_t size_bytes) {
  /* The compiler does not know which function is called, so that it may not drop the call, though
   * nothing reads the bytes before the release. */
  static void *(*const volatile set)(void *, int, size_t) = memset;
  if (size_bytes > 0) {
    set(memory, 0, size_bytes);
  }
}

void dds_free_secret(void *memory, size_t size_bytes) {
  if (memory == NULL) {
    return;
  }
  dds_wipe(memory, size_bytes);
  chosen.release(memory);
}
