/*
 * What a loop remembers of the keys that it has asked DynamoDB for: the item of each, or that there
 * is none. So a join on sid asks once for each distinct key. It holds what DynamoDB said alone: the
 * transaction's waiting writes are looked at first, by whoever asks.
 *
 * The items of a list of keys are not copied: the memo keeps the answers that they stand in. Most
 * loops run once and never ask it.
 *
 * Bounded: when DDS_MEMO_MAX_BYTES are used, nothing is added any more.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/error.h"
#include "base/texts.h"
#include "dynamodb/item.h"
#include "dynamodb/key_set.h"
#include "dynamodb/operation.h"

#define DDS_MEMO_MAX_BYTES ((size_t)64 * 1024 * 1024)

typedef struct dds_memo_entry {
  const char *text; /* the item's JSON, of `texts` or of an answer; NULL: there is none */
  size_t length;
} dds_memo_entry;

/* All zero: an empty one. */
typedef struct dds_memo {
  dds_key_set keys;
  dds_memo_entry *entries; /* owned; of each key */
  size_t capacity;
  dds_texts texts;         /* of items that were copied */
  dds_operation **answers; /* owned, and what is in it */
  size_t answer_count;
  size_t answer_capacity;
  size_t bytes;
  bool is_full;
  uint64_t state; /* which state of the table it is about: dds_memo_begin */
} dds_memo;

/* Before something is looked up: forgets all where the connection has written since. `state` is
 * dds_connection.sent_count. */
void dds_memo_begin(dds_memo *memo, uint64_t state);

/* Whether the key was asked for; `item->json.text` is NULL where it has no item. Borrowed until the
 * memo changes. */
bool dds_memo_find(const dds_memo *memo, const dds_key *key, dds_item *item);

/*
 * Notes an answer to a request that began in `state`; one that is older than the memo is not noted.
 * `item->json.text` is NULL where there is none. What is known already stays.
 */
DDS_MUST_USE bool dds_memo_add(dds_memo *memo, uint64_t state, const dds_key *key,
                               const dds_item *item, dds_error *error);

/* The same without a copy. `*is_borrowed` becomes true where the memo borrows from the answer that
 * the item stands in, and is left alone otherwise: dds_memo_keep must then get that answer. */
DDS_MUST_USE bool dds_memo_add_borrowed(dds_memo *memo, uint64_t state, const dds_key *key,
                                        const dds_item *item, bool *is_borrowed, dds_error *error);

/* Takes over an answer to a request that began in `state`; where memory is short, the memo forgets
 * all that it knows. What was read of the answer (dds_operation_page) is of no use any more. */
void dds_memo_keep(dds_memo *memo, uint64_t state, dds_operation *answer);

/* Both leave an empty one; the first keeps memory for a few keys. */
void dds_memo_clear(dds_memo *memo);
void dds_memo_free(dds_memo *memo);
