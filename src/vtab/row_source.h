/*
 * Where the rows of a loop come from: DynamoDB, by key, by a Query or by a Scan, and what the loop
 * remembers of both; with the transaction's waiting writes over it, so that a read gives what it
 * would if they had been sent. A key whose row a write has decided is not asked for.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/error.h"
#include "dynamodb/item.h"
#include "dynamodb/key.h"
#include "dynamodb/key_set.h"
#include "dynamodb/operation.h"
#include "dynamodb/scan.h"
#include "vtab/filter.h"
#include "vtab/kept.h"
#include "vtab/key_read.h"
#include "vtab/loop.h"
#include "vtab/overlay.h"
#include "vtab/target.h"

typedef struct dds_row_source {
  const dds_target *target; /* borrowed, and open */
  dds_loop *loop;           /* borrowed, and its table open */
  uint64_t before_position; /* of the connection's writes: those from here on are not seen */
  bool is_joined;           /* the virtual table is part of the transaction */
  dds_item item; /* the current one, good until the next call; .json.text is NULL at the end */
  /* The rest is the source's own. */
  dds_scan *scan; /* a Scan or a Query, or one that is kept; else both are NULL */
  dds_kept *kept;
  dds_kept_place place;
  int64_t wanted;  /* how many rows; 0: all */
  bool gives_keys; /* it is an index's, and the items are read by their keys */
  bool is_whole;   /* what was not found is not there: no filter hides it */
  dds_overlay overlay;
  dds_key_read keys;     /* the items that are read by key */
  dds_operation *holder; /* of a GetItem's answer */
  dds_buffer image;      /* of an item whose owner may change meanwhile */
} dds_row_source;

/*
 * Sets up an empty source. `is_joined`: consistent_read=auto reads consistently, and what an index
 * gives is read again by its key.
 */
void dds_row_source_open(dds_row_source *source, dds_loop *loop, uint64_t before_position,
                         bool is_joined);

/* The row of a key; no row is no error. */
DDS_MUST_USE bool dds_row_source_get(dds_row_source *source, const dds_key *key, dds_error *error);

/* Starts reading the rows of a set of keys, which becomes the source's. */
DDS_MUST_USE bool dds_row_source_get_keys(dds_row_source *source, dds_key_set *keys,
                                          dds_error *error);

/*
 * Starts a Scan. The filter narrows what DynamoDB gives; items that writes have made come whatever
 * it says. After a failure it may be called again.
 */
DDS_MUST_USE bool dds_row_source_scan(dds_row_source *source, const dds_filter *filter,
                                      dds_error *error);

/* A Query by the filter's key condition. What the index lacks is read by the keys that it gives. */
typedef struct dds_row_source_index {
  const dds_index *index;
  const char *sort_key; /* NULL: none is known */
  bool is_covering;     /* it holds all that the loop shows */
} dds_row_source_index;
DDS_MUST_USE bool dds_row_source_query(dds_row_source *source, const dds_row_source_index *index,
                                       const dds_filter *filter, dds_error *error);

/* The first or the next item of a Scan; behind a row by key there is none. */
DDS_MUST_USE bool dds_row_source_next(dds_row_source *source, dds_error *error);

/* Leaves an empty source; one that is all zero is allowed. */
void dds_row_source_close(dds_row_source *source);
