/*
 * Many small texts that stay where they are and are released together: an allocation for each would
 * cost more than the text.
 */
#pragma once

#include <stddef.h>

#include "base/attributes.h"

/* All zero: none. */
typedef struct dds_texts {
  struct dds_texts_block *last; /* owned, and those before it */
} dds_texts;

/* A NUL-terminated copy of `length` bytes, good until all are cleared or freed; NULL: no memory. */
DDS_MUST_USE char *dds_texts_copy(dds_texts *texts, const char *text, size_t length);

/* Both leave none; the first keeps memory for a few. */
void dds_texts_clear(dds_texts *texts);
void dds_texts_free(dds_texts *texts);
