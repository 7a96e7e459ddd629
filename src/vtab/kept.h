/*
 * A Scan or Query that is kept while it is read, because its loop starts it again and again: each
 * reader takes the items that came already from memory, and behind them the next ones from
 * DynamoDB. So it is sent once, also where no reader goes to its end, and several may read it side
 * by side.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/error.h"
#include "dynamodb/item.h"
#include "dynamodb/scan.h"
#include "dynamodb/table.h"

/* Beyond these the reader gets DDS_TOOBIG, with what to write instead. */
#define DDS_KEPT_MAX_BYTES ((size_t)64 * 1024 * 1024)

typedef struct dds_kept dds_kept;

/* Where a reader stands; all zero: before the first item. */
typedef struct dds_kept_place {
  const struct dds_kept_block *block;
  size_t offset;
} dds_kept_place;

/* Starts it; one reference is the caller's. The table is borrowed. */
DDS_MUST_USE bool dds_kept_open(const dds_table *table, const dds_scan_request *request,
                                dds_kept **out, dds_error *error);
dds_kept *dds_kept_retain(dds_kept *kept);
void dds_kept_release(dds_kept *kept); /* NULL is allowed */

/* The item behind a place, borrowed until the last reference goes; `item->json.text` is NULL at the
 * end. After a failure it is of no use any more. */
DDS_MUST_USE bool dds_kept_next(dds_kept *kept, dds_kept_place *place, dds_item *item,
                                dds_error *error);

/* Whether it can be read from its beginning: reading it has not failed. */
bool dds_kept_is_good(const dds_kept *kept);

/* Bytes of memory; while it is not read to its end, those of its pages as well. */
size_t dds_kept_bytes(const dds_kept *kept);
