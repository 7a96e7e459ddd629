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

#include "base/arena.h"
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
  dds_target *target;     /* a reference */
  dds_write write;        /* its key and its item stand in `texts` */
  dds_arena_block *texts; /* a piece of it is this write's */
  uint64_t key_hash;
  dds_pending_rules rules;
  dds_pending_state state;
  bool is_taken_back; /* while it was being sent */
  size_t previous;    /* place + 1 of the item's write before this one, 0 for none */
} dds_pending_write;

/* Writes of commit='through' since something was sent. */
typedef struct dds_pending_gathered {
  size_t conditional;
  size_t unconditional;
} dds_pending_gathered;

typedef struct dds_pending {
  dds_pending_write *writes; /* owned */
  size_t count;
  size_t capacity;
  size_t bytes;
  dds_arena texts;        /* keys and items: bulk writes have them by the ten thousand */
  uint64_t next_position; /* what a savepoint remembers */
  size_t *index;          /* hash table of the last write of each key: place + 1, 0 for none */
  size_t index_capacity;  /* a power of two, or 0 */
  dds_pending_gathered gathered;
  bool is_being_sent;  /* by a flush, whose nets point to the writes */
  bool has_taken_back; /* some of them meanwhile: it is to stop */
} dds_pending;

/* Adds a write, and takes over what `write` owns also where it fails. */
DDS_MUST_USE bool dds_pending_add(dds_pending *pending, const struct dds_vtab *owner,
                                  dds_target *target, dds_write *write,
                                  const dds_pending_rules *rules, dds_error *error);

/* The hash of the write's sid, for messages and reports: computed when it is asked for, since most
 * writes are never spoken of. `?` where it cannot be. */
void dds_pending_sid_hash(const dds_pending_write *entry, char hex[DDS_SHA256_HEX_BYTES]);

/* What unsent writes make of an item. */
typedef enum dds_pending_effect {
  DDS_EFFECT_NONE, /* no such write: the server's row is what there is */
  DDS_EFFECT_ITEM, /* the image */
  DDS_EFFECT_GONE,
  /* The image, unless the server has a row, which then stays: INSERT OR IGNORE and nothing else. */
  DDS_EFFECT_ITEM_UNLESS_EXISTS,
} dds_pending_effect;

/*
 * What the unsent writes of a key in the target's table, made before a position (UINT64_MAX: all),
 * make of the item. The image is borrowed from the last of them; its .json.text is NULL where there
 * is none.
 */
dds_pending_effect dds_pending_look_up(const dds_pending *pending, const dds_target *target,
                                       const dds_key *key, uint64_t before_position,
                                       dds_item *image);

/*
 * Walks the keys of the target's table that have unsent writes made before a position, each once:
 * `*last` is the last such write of the next one, whose effect dds_pending_effect_of tells.
 * `*place` is 0 at first. False at the end. Nothing may be added or dropped in between.
 */
bool dds_pending_next_key(const dds_pending *pending, const dds_target *target,
                          uint64_t before_position, size_t *place, const dds_pending_write **last);

/* What one unsent write, the last that counts of its key, makes of the item. */
dds_pending_effect dds_pending_effect_of(const dds_pending *pending, const dds_pending_write *last,
                                         dds_item *image);

/* The last unsent write of a key in the target's table, or NULL. */
const dds_pending_write *dds_pending_find(const dds_pending *pending, const dds_target *target,
                                          const dds_key *key);

/* How many unsent writes a virtual table has made. */
size_t dds_pending_count_of(const dds_pending *pending, const struct dds_vtab *owner);

/*
 * Drops the owner's writes from a position on; returns how many of them were applied already. While
 * they are being sent, when a host's progress handler may ROLLBACK though SQLite forbids it there,
 * they are only marked, and go once the flush has ended.
 */
size_t dds_pending_truncate(dds_pending *pending, const struct dds_vtab *owner, uint64_t position);

/* Around a flush: what stands in the buffer stays where it is from the first to the second. */
void dds_pending_begin_sending(dds_pending *pending);
void dds_pending_end_sending(dds_pending *pending);

/* Whether any write is unsent. */
bool dds_pending_has_waiting(const dds_pending *pending);

/* Marks the second halves as dropped of changed sids whose first halves were. */
void dds_pending_drop_second_halves(dds_pending *pending);

/* Drops the writes that are no longer unsent, of whatever owner. */
void dds_pending_forget_sent(dds_pending *pending);

void dds_pending_free(dds_pending *pending);
