/*
 * The writes of the open transaction, in the order of their statements. They belong to the
 * connection, not to a virtual table: SQLite may connect a second object for the same table, and
 * one flush sends the writes of all tables. Each is tagged with the virtual table that made it,
 * because savepoints come to each table by itself.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/error.h"
#include "base/hash.h"
#include "dynamodb/write.h"
#include "vtab/target.h"

struct dds_vtab;

/* More bytes than these wait in no transaction: SQLITE_TOOBIG. */
#define DDS_PENDING_MAX_BYTES ((size_t)256 * 1024 * 1024)

/* What the statement wants where DynamoDB refuses the write. */
typedef struct dds_pending_rules {
  dds_code when_refused; /* DDS_PRIMARYKEY or DDS_BUSY_SNAPSHOT */
  bool is_ignored;       /* OR IGNORE: the write is dropped instead */
  bool follows_previous; /* second half of a changed sid: dropped where the first half was */
} dds_pending_rules;

typedef enum dds_pending_state {
  DDS_PENDING_WAITING,
  DDS_PENDING_APPLIED,
  DDS_PENDING_DROPPED, /* sent, and by the rules of its statement not applied */
} dds_pending_state;

typedef struct dds_pending_write {
  uint64_t position; /* counts all writes of the connection; never used again */
  const struct dds_vtab *owner;
  dds_target *target; /* a reference */
  dds_write write;
  char sid_hash[DDS_SHA256_HEX_BYTES]; /* for messages */
  dds_pending_rules rules;
  dds_pending_state state;
} dds_pending_write;

typedef struct dds_pending {
  dds_pending_write *writes; /* owned */
  size_t count;
  size_t capacity;
  size_t bytes;
  uint64_t next_position; /* what a savepoint remembers */
  size_t *index;          /* hash table of the last write of each key: place + 1, 0 for none */
  size_t index_capacity;  /* a power of two, or 0 */
} dds_pending;

/*
 * Adds a write, and takes over what `write` owns also where it fails. `sid_hash` is for messages.
 */
DDS_MUST_USE bool dds_pending_add(dds_pending *pending, const struct dds_vtab *owner,
                                  dds_target *target, dds_write *write, const char *sid_hash,
                                  const dds_pending_rules *rules, dds_error *error);

/* The last unsent write of a key in the target's table, or NULL. */
const dds_pending_write *dds_pending_find(const dds_pending *pending, const dds_target *target,
                                          const dds_key *key);

/* How many unsent writes there are for the target's table, by whatever virtual table. */
size_t dds_pending_count_for(const dds_pending *pending, const dds_target *target);

/* How many unsent writes a virtual table has made. */
size_t dds_pending_count_of(const dds_pending *pending, const struct dds_vtab *owner);

/* Drops the owner's writes from a position on; returns how many of them were applied already. */
size_t dds_pending_truncate(dds_pending *pending, const struct dds_vtab *owner, uint64_t position);

void dds_pending_free(dds_pending *pending);
