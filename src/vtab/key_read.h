/*
 * The items of a set of keys: from the loop's memo, and those that it does not know by
 * BatchGetItem, 100 a call, several calls in flight; a single one by GetItem. What comes is added
 * to the memo, and that a key has no item too.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/buffer.h"
#include "base/error.h"
#include "dynamodb/batch.h"
#include "dynamodb/item.h"
#include "dynamodb/key_set.h"
#include "dynamodb/operation.h"
#include "dynamodb/projection.h"
#include "dynamodb/table.h"
#include "vtab/memo.h"

/* How to read; all borrowed. */
typedef struct dds_key_read_rules {
  const dds_table *table;
  const char *hash_key; /* the keys' attribute */
  dds_memo *memo;
  uint64_t state; /* dds_connection.sent_count */
  dds_projection projection;
  bool consistent;
  size_t concurrency;
} dds_key_read_rules;

/* All zero: closed. */
typedef struct dds_key_read {
  dds_key_read_rules rules;
  dds_key_set keys; /* owned; to be read */
  size_t next;      /* those before it were looked for in the memo */
  bool *is_known;   /* owned; of each key, whether the memo knew it */
  size_t asked;     /* how many it did not know */
  size_t found;     /* items that came */
  dds_batch_get *batch;
  bool is_borrowed;      /* the memo borrows from the batch's answer */
  dds_operation *holder; /* of a GetItem's answer */
  dds_buffer copy;       /* of an item of the memo, which another reader may change */
  bool is_open;
  bool is_started;
} dds_key_read;

/* Takes over the keys, also on failure. */
DDS_MUST_USE bool dds_key_read_open(dds_key_read *read, const dds_key_read_rules *rules,
                                    dds_key_set *keys, dds_error *error);

/* The next item that exists, in no order, borrowed until the next call; `item->json.text` is NULL
 * at the end. */
DDS_MUST_USE bool dds_key_read_next(dds_key_read *read, dds_item *item, dds_error *error);

/* The item of a single key: as above, borrowed from `*holder` or, where the memo has it, from
 * `copy`. */
DDS_MUST_USE bool dds_key_read_one(const dds_key_read_rules *rules, const dds_key *key,
                                   dds_operation **holder, dds_buffer *copy, dds_item *item,
                                   dds_error *error);

/* Ends it, also in the middle; it is closed then, and may be already. */
void dds_key_read_close(dds_key_read *read);
