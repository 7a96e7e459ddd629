/*
 * Where the rows of a loop come from: DynamoDB, by key or by a Scan, with the transaction's waiting
 * writes over it, so that a read gives what it would if they had been sent. A key whose row a write
 * has decided is not asked for.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/error.h"
#include "dynamodb/batch.h"
#include "dynamodb/item.h"
#include "dynamodb/key.h"
#include "dynamodb/read.h"
#include "vtab/filter.h"
#include "vtab/overlay.h"
#include "vtab/target.h"

typedef struct dds_row_source {
  const dds_target *target; /* borrowed, and open */
  uint64_t before_position; /* of the connection's writes: those from here on are not seen */
  dds_item item; /* the current one, good until the next call; .json.text is NULL at the end */
  /* The rest is the source's own. */
  const char **attributes; /* owned; NULL: the whole item */
  size_t attribute_count;
  dds_scan *scan;
  bool is_whole; /* what was not found is not there: no filter hides it */
  dds_overlay overlay;
  dds_batch_get *batch;  /* of the keys that the Scan's filter may have hidden */
  dds_key *batch_keys;   /* owned array; the keys are the overlay's */
  dds_operation *holder; /* of a GetItem's answer */
  dds_buffer image;      /* of a waiting write's item, which may be taken back meanwhile */
} dds_row_source;

/*
 * Sets up an empty source. `attributes`, from dds_alloc, becomes the source's: what the items that
 * DynamoDB gives are projected to; NULL for whole items.
 */
void dds_row_source_open(dds_row_source *source, const dds_target *target, uint64_t before_position,
                         const char **attributes, size_t attribute_count);

/* The row of a key; no row is no error. */
DDS_MUST_USE bool dds_row_source_get(dds_row_source *source, const dds_key *key, dds_error *error);

/*
 * Starts a Scan. The filter narrows what DynamoDB gives; items that writes have made come whatever
 * it says. `is_joined`: the virtual table is part of the transaction, so that consistent_read=auto
 * reads consistently. After a failure it may be called again.
 */
DDS_MUST_USE bool dds_row_source_scan(dds_row_source *source, const dds_filter *filter,
                                      bool is_joined, dds_error *error);

/* The first or the next item of a Scan; behind a row by key there is none. */
DDS_MUST_USE bool dds_row_source_next(dds_row_source *source, dds_error *error);

/* Leaves an empty source; one that is all zero is allowed. */
void dds_row_source_close(dds_row_source *source);
