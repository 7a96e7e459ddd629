/*
 * What a statement read of each row that it may delete: SQLite hands xUpdate nothing but the key,
 * so the cursors of a table keep, for each row whose sid was fetched, the item, the pushed
 * condition and which columns other conditions read. One set for all cursors of a table, because
 * the arms of an OR and subqueries have cursors of their own.
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

/* One row. */
typedef struct dds_row_read {
  char *sid; /* owned, sid_length bytes */
  size_t sid_length;
  dds_key key; /* owned */
  char *item;  /* owned DynamoDB JSON of the attributes that came, as they were read first */
  size_t item_length;
  uint64_t loop;         /* which xFilter read it first, from 1 on; 0: nothing is filled in yet */
  bool is_shared;        /* a second one read it too: which of them decided cannot be known */
  bool asserts_expired;  /* `expired` did not decide alone */
  uint64_t columns_read; /* what the write asserts */
  uint64_t all_columns_read;
  int64_t now_ms;
  dds_condition *matches; /* a reference to the pushed condition, or NULL */
} dds_row_read;

typedef struct dds_row_reads dds_row_reads;

/* As much as a transaction's writes may take. */
#define DDS_ROW_READS_MAX_BYTES ((size_t)256 * 1024 * 1024)

/* Owned by the caller; NULL when memory runs out. */
DDS_MUST_USE dds_row_reads *dds_row_reads_create(void);
void dds_row_reads_free(dds_row_reads *reads); /* NULL is allowed */

/* The entry of a sid, made where there is none; NULL when memory runs out. Borrowed until the next
 * call. */
DDS_MUST_USE dds_row_read *dds_row_reads_put(dds_row_reads *reads, const char *sid, size_t length);

/* The entry of a sid, or NULL. */
const dds_row_read *dds_row_reads_find(const dds_row_reads *reads, const char *sid, size_t length);

/*
 * Keeps the row's attributes; those that an earlier reading has kept stay as they were read first.
 * (Loops of one statement may ask for different attributes.) DDS_TOOBIG where the items of all rows
 * take more than DDS_ROW_READS_MAX_BYTES.
 */
DDS_MUST_USE bool dds_row_reads_keep(dds_row_reads *reads, dds_row_read *read, const dds_item *item,
                                     dds_error *error);
