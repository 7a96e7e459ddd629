/*
 * What a loop remembers of the Scans and Queries that it has made, so that one which it starts
 * again is kept in memory from its second time on (kept.h) and served from there from its third.
 *
 * A Scan whose filter differs from the first one's, as in a join on an extra column, is kept
 * without that filter: all of the table, which SQLite checks again. A Query is kept by its key.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/error.h"
#include "dynamodb/condition.h"
#include "dynamodb/key_set.h"
#include "vtab/kept.h"

/* One that was made. */
typedef struct dds_rescan {
  dds_kept *kept; /* a reference; NULL: it was made once */
  bool consistent;
  uint64_t state; /* of the table: dds_connection.sent_count */
} dds_rescan;

/* All zero: none was made. */
typedef struct dds_rescans {
  dds_key_set signatures; /* of what was asked for */
  dds_rescan *list;       /* owned; of each */
  size_t capacity;
  bool has_scanned; /* one of them is a Scan */
} dds_rescans;

/* What is about to be made. Conditions are borrowed. */
typedef struct dds_rescan_wanted {
  const dds_condition *key_condition; /* of a Query; NULL: a Scan */
  const dds_condition *filter;        /* or NULL */
  bool gives_keys;                    /* only the keys of items are asked for */
  bool consistent;
  uint64_t state;
} dds_rescan_wanted;

typedef enum dds_rescan_way {
  DDS_RESCAN_PLAIN,      /* for the first time: read it, keep nothing */
  DDS_RESCAN_KEEP,       /* open a kept one, and tell dds_rescans_keep */
  DDS_RESCAN_KEEP_WHOLE, /* the same, without the filter */
  DDS_RESCAN_SERVE, /* `*kept`, a reference that is the caller's; `wanted.filter` narrowed it */
  DDS_RESCAN_SERVE_WHOLE, /* the same, but nothing did */
} dds_rescan_way;

/* Decides. A kept one serves where it is of the same state, and consistent if need be. */
DDS_MUST_USE bool dds_rescans_choose(dds_rescans *rescans, const dds_rescan_wanted *wanted,
                                     dds_rescan_way *way, dds_kept **kept, dds_error *error);

/* Takes note of the one that was opened as dds_rescans_choose said; gets a reference of its own. */
DDS_MUST_USE bool dds_rescans_keep(dds_rescans *rescans, const dds_rescan_wanted *wanted,
                                   dds_rescan_way way, dds_kept *kept, dds_error *error);

/* Leaves none. */
void dds_rescans_free(dds_rescans *rescans);
