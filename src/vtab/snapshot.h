/*
 * The hidden column `snapshot`: what an UPDATE read of a row, on its way through SQLite from
 * xColumn to xUpdate. It holds the item, the clock and which columns were read, sealed with a
 * secret of the connection, so that xUpdate takes no snapshot that this connection did not issue.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/hasher.h"
#include "sessions/change.h"

/* What a connection seals with. */
typedef struct dds_snapshot_seal {
  unsigned char secret[DDS_SHA256_BYTES]; /* random */
  dds_hasher hasher;                      /* owned: dds_hasher_free */
} dds_snapshot_seal;

/* Appends the sealed snapshot of a row. */
DDS_MUST_USE bool dds_snapshot_append(dds_snapshot_seal *seal, const dds_old_row *row,
                                      dds_buffer *snapshot, dds_error *error);

/* Opens it: `row->item` is set to `item`, which borrows from `bytes`. An error where the seal is
 * not this connection's. */
DDS_MUST_USE bool dds_snapshot_open(dds_snapshot_seal *seal, const void *bytes, size_t length,
                                    dds_old_row *row, dds_item *item, dds_error *error);
