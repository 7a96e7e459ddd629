/*
 * BatchWriteItem and BatchGetItem: many items in few calls, several in flight. What DynamoDB leaves
 * unprocessed is asked again, and nothing else, by new calls after a pause: a round's calls are
 * waited for, then comes a full-jitter delay from 50 ms that doubles to 5 s and starts over when a
 * round got anywhere. Ten rounds that get nowhere are an error that says how many remain. A pause
 * is a due time of the transport, so that it can be interrupted.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/attributes.h"
#include "base/error.h"
#include "dynamodb/item.h"
#include "dynamodb/key_set.h"
#include "dynamodb/operation.h"
#include "dynamodb/projection.h"
#include "dynamodb/rounds.h"
#include "dynamodb/table.h"
#include "dynamodb/write.h"

/* API reference, BatchWriteItem and BatchGetItem; both take 16 MB besides, of which something is
 * kept free for names. A BatchWriteItem's count as they travel: an item's JSON may be several times
 * its size, since a text of JSON is full of quotes to escape. */
enum {
  DDS_BATCH_MAX_WRITES = 25,
  DDS_BATCH_MAX_KEYS = 100,
  DDS_BATCH_MAX_BYTES = 16 * 1024 * 1024 - 256 * 1024,
};

/* What a write takes of a BatchWriteItem's bytes. */
size_t dds_batch_write_bytes(const dds_write *write);

/*
 * Sends writes of one client, PUTs and DELETEs that assert nothing, and no item twice; at most
 * `concurrency` calls in flight. Those whose state is not DDS_ELEMENT_WAITING at first are left
 * alone. After a failure nothing more is sent, and what is in flight is waited for unless the wait
 * was interrupted; `states` tell what became of each (DDS_ELEMENT_WAITING: not applied).
 */
DDS_MUST_USE bool dds_batch_write(const dds_table_write *writes, size_t count, size_t concurrency,
                                  dds_element_state *states, dds_error *error);

typedef struct dds_batch_get dds_batch_get;

/* What to read; all borrowed until the batch is closed. */
typedef struct dds_batch_get_request {
  const char *hash_key; /* the keys' one attribute; the projection holds it */
  const dds_key_set *keys;
  const bool *left_out; /* of each, whether it is not to be read; NULL: none is */
  dds_projection projection;
  bool consistent;
  size_t concurrency; /* most calls in flight */
  /* Takes over an answer of which nothing more is given, also one that was given in part; NULL: it
   * is freed. */
  void (*keep)(void *context, dds_operation *answer);
  void *context; /* of `keep` */
} dds_batch_get_request;

DDS_MUST_USE bool dds_batch_get_open(const dds_table *table, const dds_batch_get_request *request,
                                     dds_batch_get **out, dds_error *error);

/* The next item that exists, in no order, borrowed until the next call, and the number of its key;
 * `item->json.text` is NULL at the end. Items that were not asked for, and those that come twice,
 * are errors. Nothing is sent before the first call, nor ahead while a page is read but what is in
 * flight. */
DDS_MUST_USE bool dds_batch_get_next(dds_batch_get *batch, dds_item *item, size_t *number,
                                     dds_error *error);

/* Ends it, also in the middle. NULL is allowed. */
void dds_batch_get_close(dds_batch_get *batch);
