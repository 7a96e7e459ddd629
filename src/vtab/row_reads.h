/*
 * What a DELETE read: SQLite hands xUpdate nothing but the key, so the cursor keeps, for each row
 * whose sid was fetched, the item and which columns conditions read. Shared by reference counts:
 * a one-pass statement closes its cursor before it deletes.
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

/* One row. Only attributes that a write may have to assert are kept in `item`. */
typedef struct dds_row_read {
  char *sid; /* owned, sid_length bytes */
  size_t sid_length;
  dds_key key; /* owned */
  char *item;  /* owned DynamoDB JSON; NULL: no column was read */
  size_t item_length;
  uint64_t columns_read;
  int64_t now_ms;
  dds_condition *matches; /* a reference to the pushed condition, or NULL */
} dds_row_read;

typedef struct dds_row_reads dds_row_reads;

/* As much as a transaction's writes may take. */
#define DDS_ROW_READS_MAX_BYTES ((size_t)256 * 1024 * 1024)

/* One reference is the caller's; NULL when memory runs out. */
DDS_MUST_USE dds_row_reads *dds_row_reads_create(void);
dds_row_reads *dds_row_reads_retain(dds_row_reads *reads);
void dds_row_reads_release(dds_row_reads *reads); /* NULL is allowed */

/* The entry of a sid, made where there is none; NULL when memory runs out. Borrowed until the next
 * call. The newest reading of a row replaces an older one. */
DDS_MUST_USE dds_row_read *dds_row_reads_put(dds_row_reads *reads, const char *sid, size_t length);

/* The entry of a sid, or NULL. */
const dds_row_read *dds_row_reads_find(const dds_row_reads *reads, const char *sid, size_t length);

/* Replaces what is kept of the row's attributes. DDS_TOOBIG where the items of all rows take more
 * than DDS_ROW_READS_MAX_BYTES. */
DDS_MUST_USE bool dds_row_reads_keep(dds_row_reads *reads, dds_row_read *read, const dds_item *item,
                                     dds_error *error);
