/*
 * From what a statement asks of one row to the writes that do it, with the rules of expiry, cookie
 * and assertion (README, "Writing"): pure; the clock is an argument.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/error.h"
#include "dynamodb/condition.h"
#include "dynamodb/item.h"
#include "dynamodb/write.h"
#include "sessions/layout.h"
#include "sessions/row.h"
#include "sessions/sql_value.h"

/* A table of sessions: layout and extra columns. Borrowed. */
typedef struct dds_session_table {
  const dds_layout *layout;
  const dds_extra_column *extras;
  size_t extra_count;
} dds_session_table;

/* One column's new value. */
typedef struct dds_new_value {
  bool given; /* INSERT: not NULL, or NULL all the same; UPDATE: the statement may change it */
  dds_sql_value value;
} dds_new_value;

/* What the statement gives; text is borrowed. */
typedef struct dds_new_row {
  dds_new_value sid;
  dds_new_value session;
  dds_new_value expires;
  dds_new_value item;
  const dds_new_value *extras; /* extra_count of them */
} dds_new_row;

/* Columns of a row that a statement read, as bits, for what the write has to assert. */
enum {
  DDS_READ_SESSION = 1 << 0,
  DDS_READ_EXPIRES = 1 << 1,
  DDS_READ_EXPIRED = 1 << 2,
  DDS_READ_ITEM = 1 << 3,  /* item or size: every attribute */
  DDS_READ_EXTRA = 1 << 4, /* the first extra column; the next has the next bit */
};
enum { DDS_READ_EXTRA_BITS = 60 }; /* later extra columns count as DDS_READ_ITEM */

/* The row as the statement read it. Borrowed. */
typedef struct dds_old_row {
  const dds_item *item; /* the whole item for UPDATE; for DELETE what was projected */
  uint64_t columns_read;
  int64_t now_ms; /* the clock when it was read, for `expired` */
  /* DELETE: a changed `expired` makes it fail; else, where nothing but `expired` decided, the row
   * stays without an error. */
  bool asserts_expired;
} dds_old_row;

/*
 * INSERT: one PUT. `replace`: OR REPLACE, which asserts nothing. Errors: DDS_NOTNULL, DDS_CHECK,
 * DDS_TOOBIG, DDS_MISMATCH. `write` is owned by the caller (dds_write_free), also on failure.
 */
DDS_MUST_USE bool dds_change_insert(const dds_session_table *table, const dds_new_row *row,
                                    int64_t now_ms, bool replace, dds_write *write,
                                    dds_error *error);

/*
 * UPDATE (with its image): `*count` writes, 0 where no attribute changes, 1, or 2 where the sid
 * changes (a PUT of the new key that asserts that it does not exist, then a DELETE of the old one
 * that asserts every attribute as it was read).
 */
DDS_MUST_USE bool dds_change_update(const dds_session_table *table, const dds_old_row *old,
                                    const dds_new_row *row, int64_t now_ms, dds_write writes[2],
                                    size_t *count, dds_error *error);

/*
 * DELETE. `old->item` may be NULL where the statement read no attribute. `matches` (retained) is
 * the pushed condition, or NULL.
 */
DDS_MUST_USE bool dds_change_delete(const dds_session_table *table, const dds_key *key,
                                    const dds_old_row *old, dds_condition *matches,
                                    dds_write *write, dds_error *error);
