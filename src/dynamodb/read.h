/*
 * Reading items: one by its key, or all by a Scan, page after page. A page without items is not
 * the end: only a missing LastEvaluatedKey is.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/error.h"
#include "dynamodb/condition.h"
#include "dynamodb/item.h"
#include "dynamodb/key.h"
#include "dynamodb/operation.h"
#include "dynamodb/table.h"

/* The attributes that a read gives. All borrowed for the time of the call. */
typedef struct dds_projection {
  const char *const *attributes; /* names, each once */
  size_t count;                  /* 0: the whole item */
} dds_projection;

/*
 * GetItem. `item->json.text` is NULL where there is none. The item is borrowed from `*holder`,
 * which the caller frees (dds_operation_free) where true is returned; else it is NULL.
 */
DDS_MUST_USE bool dds_read_get(const dds_table *table, const dds_key *key,
                               const dds_projection *projection, bool consistent,
                               dds_operation **holder, dds_item *item, dds_error *error);

typedef struct dds_scan dds_scan;

typedef struct dds_scan_request {
  dds_projection projection;
  dds_condition *filter; /* or NULL; retained */
  bool consistent;
  int64_t limit; /* items that a page reads at most, the filtered ones counted; 0: up to 1 MB */
} dds_scan_request;

/* Starts the first page; the table is borrowed until the scan is closed. */
DDS_MUST_USE bool dds_scan_open(const dds_table *table, const dds_scan_request *request,
                                dds_scan **out, dds_error *error);

/* The next item, borrowed until the next call; `item->json.text` is NULL at the end. */
DDS_MUST_USE bool dds_scan_next(dds_scan *scan, dds_item *item, dds_error *error);

/* Ends it, also in the middle. NULL is allowed. */
void dds_scan_close(dds_scan *scan);
