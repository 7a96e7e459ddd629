/*
 * What DynamoDB answers, over a canned_table: bodies as the service writes them (members in
 * alphabetical order), with the sum of their bytes. Reads tell the truth; writes are counted and
 * change nothing. Understood of a request: Limit, Segment, TotalSegments, ExclusiveStartKey,
 * ConsistentRead, ReturnConsumedCapacity, and of ProjectionExpression which of the four attributes
 * are among ExpressionAttributeNames. FilterExpression and Select are refused: nothing here may
 * answer otherwise than DynamoDB. A GetItem by the key `id` is answered as from a table of the
 * store connect-dynamodb.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "canned_table.h"

enum { CANNED_OPERATIONS = 10 };

typedef struct canned_counts {
  size_t requests[CANNED_OPERATIONS];
  size_t items[CANNED_OPERATIONS]; /* read, or written */
  size_t pending;                  /* requests that came and are not answered yet */
  size_t most_pending;
  size_t connections; /* accepted */
  size_t segments;    /* the most that a Scan asked for */
} canned_counts;

/* The body is front, items, back; its memory is the answer's but for a kept page's. */
typedef struct canned_answer {
  int status;
  dds_buffer front;
  const char *items; /* of a kept page, else of `own`; NULL: none */
  size_t items_length;
  dds_buffer own;
  dds_buffer back;
  uint32_t crc32; /* of the whole body */
} canned_answer;

/* Answers one request. `body` ends with a NUL. */
void canned_answer_make(const canned_table *table, canned_counts *counts, const char *operation,
                        const char *body, canned_answer *answer);

/* Appends counts and what the table holds as JSON. */
void canned_answer_append_counts(const canned_table *table, const canned_counts *counts,
                                 dds_buffer *buffer);

void canned_answer_free(canned_answer *answer);
