/* The attributes that a read gives. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "dynamodb/placeholders.h"

/* All borrowed for the time of the call that it is given to. */
typedef struct dds_projection {
  const char *const *attributes; /* names, each once */
  size_t count;                  /* 0: the whole item */
  const char
      *members; /* what dds_projection_append_members appends, made before; NULL: it is not */
} dds_projection;

/* Appends `,"ProjectionExpression":"#n0, #n1"` to a request body; nothing for the whole item. */
void dds_projection_append(const dds_projection *projection, dds_placeholders *placeholders,
                           dds_buffer *body);

/* For a request without other expressions, and then its names as well:
 * `,"ProjectionExpression":"#n0","ExpressionAttributeNames":{"#n0":"id"}`. */
void dds_projection_append_members(const dds_projection *projection, dds_buffer *body);

/* Appends `; attributes id, expires; consistent`. */
void dds_projection_append_words(const dds_projection *projection, bool consistent,
                                 dds_buffer *words);
