/*
 * What a transaction's waiting writes do to a Scan. The keys that they have an effect on are
 * gathered when the Scan starts; its items of these keys are skipped, and at its end the key of
 * each is asked for by itself. So each session shows once, also where the writes are sent or taken
 * back while the loop still runs.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/error.h"
#include "dynamodb/key.h"
#include "dynamodb/key_set.h"
#include "vtab/pending.h"
#include "vtab/target.h"

typedef struct dds_overlay_row {
  dds_key key;     /* borrowed from the overlay's set */
  bool is_decided; /* whatever DynamoDB holds; else what it holds, if anything, is the row */
  bool was_scanned;
} dds_overlay_row;

/* All zero: no key. */
typedef struct dds_overlay {
  dds_key_set keys;      /* owned */
  dds_overlay_row *rows; /* owned; of each key */
  size_t count;
  size_t capacity;
  size_t next;
} dds_overlay;

/*
 * Gathers the keys in the target's table that the writes before a position have an effect on. The
 * overlay is the caller's (dds_overlay_free), also on failure.
 */
DDS_MUST_USE bool dds_overlay_open(const dds_pending *pending, const dds_target *target,
                                   uint64_t before_position, dds_overlay *overlay,
                                   dds_error *error);

/* The same for the keys of a set alone, in its order. */
DDS_MUST_USE bool dds_overlay_open_keys(const dds_pending *pending, const dds_target *target,
                                        uint64_t before_position, const dds_key_set *keys,
                                        dds_overlay *overlay, dds_error *error);

/* Whether a write has decided what the row of this key is, whatever DynamoDB holds. */
bool dds_overlay_decides(const dds_overlay *overlay, const dds_key *key);

/* Whether an item of this key that a Scan has found is a row: one that a write has decided is not,
 * and one that a write yields to is, and is not given by dds_overlay_next any more. */
bool dds_overlay_admits(dds_overlay *overlay, const dds_key *key);

/*
 * After a Scan with a filter, which may have hidden them: the keys of the rows that a write would
 * yield to and that were not scanned. They are added to `keys`.
 */
DDS_MUST_USE bool dds_overlay_collect_undecided(const dds_overlay *overlay, dds_key_set *keys,
                                                dds_error *error);

/* After the Scan: the next key whose row it has not given; NULL at the end. */
const dds_overlay_row *dds_overlay_next(dds_overlay *overlay);

void dds_overlay_free(dds_overlay *overlay);
