/*
 * Scan and Query: all items of a table or of an index, or those of one key of an index, page after
 * page. A page without items is not the end: only a missing LastEvaluatedKey is.
 *
 * The next page is asked for as soon as a page has come, before its checksum is checked and its
 * items are read. A Scan may be divided into segments, which come side by side; their pages are
 * read one after the other, whichever is there. Of each segment one page is in memory, wholly or
 * partly, and of the one that is read two: it, and the one behind it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/error.h"
#include "dynamodb/condition.h"
#include "dynamodb/item.h"
#include "dynamodb/projection.h"
#include "dynamodb/table.h"

typedef struct dds_scan dds_scan;

typedef struct dds_scan_request {
  dds_projection projection;
  dds_condition *filter; /* or NULL; retained */
  bool consistent;       /* not of a Query on a global secondary index */
  const char *index;     /* its name, of a Query; borrowed until the scan is closed; else NULL */
  dds_condition *key_condition; /* of a Query: the index's hash key = a value; retained */
  /*
   * How many items are wanted, 0 for all: no page is asked for ahead once those that came suffice,
   * and without a filter a page reads no more than are missing. A caller who goes on all the same
   * gets more: by growing pages, and again with one ahead.
   */
  int64_t wanted;
  size_t segments; /* of a Scan whose items are all wanted; 0 and 1: none */
  /* Begins with one segment, and with the others once it has waited for pages longer than it read
   * them: whoever is slower than one segment gains nothing by more. */
  bool is_gradual;
} dds_scan_request;

/* Starts the first page of each segment, of at most 256 at a time; the table is borrowed until the
 * scan is closed. */
DDS_MUST_USE bool dds_scan_open(const dds_table *table, const dds_scan_request *request,
                                dds_scan **out, dds_error *error);

/* The next item, borrowed until the next call; `item->json.text` is NULL at the end. Where false is
 * returned the scan is over, and only to be closed. */
DDS_MUST_USE bool dds_scan_next(dds_scan *scan, dds_item *item, dds_error *error);

/* Bytes of memory, about: the pages that are being read, not those that are asked for ahead. */
size_t dds_scan_bytes(const dds_scan *scan);

/* Ends it, also in the middle. NULL is allowed. */
void dds_scan_close(dds_scan *scan);
