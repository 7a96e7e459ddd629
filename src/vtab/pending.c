/*
 * The writes of the open transaction. A hash table finds the last write of a key; it is made anew
 * after a rollback, which is rarer than an insert.
 */
#include "vtab/pending.h"

#include <string.h>

#include "base/alloc.h"
#include "sessions/row.h"

enum { FIRST_CAPACITY = 16, FIRST_INDEX_CAPACITY = 64, SID_BYTES = 64 * 1024 };

static void release(dds_pending_write *entry) {
  entry->write.key = (dds_key){0};
  entry->write.item = NULL;
  dds_write_free(&entry->write);
  dds_arena_release(entry->texts);
  dds_target_release(entry->target);
}

static bool is_waiting(const dds_pending_write *entry) {
  return entry->state == DDS_PENDING_WAITING;
}

static uint64_t hash_of(const dds_key *key) {
  return dds_hash_bytes(key->json, key->length);
}

static bool is_same_item(const dds_pending_write *entry, const dds_target *target,
                         const dds_key *key, uint64_t hash) {
  return entry->key_hash == hash && dds_key_equal(&entry->write.key, key) &&
         dds_target_is_same(entry->target, target);
}

/* The slot that holds the item's last write, or the empty one where it belongs. */
static size_t *slot_of(const dds_pending *pending, const dds_target *target, const dds_key *key,
                       uint64_t hash) {
  size_t mask = pending->index_capacity - 1;
  /* Tables that share a key text share a chain, which is rare and harmless. */
  for (size_t at = hash & mask;; at = (at + 1) & mask) {
    size_t *slot = &pending->index[at];
    if (*slot == 0 || is_same_item(&pending->writes[*slot - 1], target, key, hash)) {
      return slot;
    }
  }
}

/* Makes a write the last one of its item. */
static void put_in_index(dds_pending *pending, size_t place) {
  dds_pending_write *entry = &pending->writes[place];
  size_t *slot = slot_of(pending, entry->target, &entry->write.key, entry->key_hash);
  entry->previous = *slot;
  *slot = place + 1;
}

static void fill_index(dds_pending *pending) {
  memset(pending->index, 0, pending->index_capacity * sizeof *pending->index);
  for (size_t i = 0; i < pending->count; i++) {
    put_in_index(pending, i);
  }
}

/* Keeps the hash table at most half full, one more write included. */
static bool grow_index(dds_pending *pending, dds_error *error) {
  if (2 * (pending->count + 1) <= pending->index_capacity) {
    return true;
  }
  size_t capacity = pending->index_capacity ? pending->index_capacity * 2 : FIRST_INDEX_CAPACITY;
  size_t *index = dds_alloc(capacity * sizeof *index);
  if (index == NULL) {
    return dds_error_set_nomem(error);
  }
  dds_free(pending->index);
  pending->index = index;
  pending->index_capacity = capacity;
  fill_index(pending);
  return true;
}

static bool grow(dds_pending *pending, dds_error *error) {
  if (pending->count < pending->capacity) {
    return true;
  }
  size_t capacity = pending->capacity ? pending->capacity * 2 : FIRST_CAPACITY;
  dds_pending_write *writes = dds_realloc(pending->writes, capacity * sizeof *writes);
  if (writes == NULL) {
    return dds_error_set_nomem(error);
  }
  pending->writes = writes;
  pending->capacity = capacity;
  return true;
}

/* Moves a text behind another one; returns what is behind it. */
static char *move_text(char **text, size_t length, char *to) {
  if (*text == NULL) {
    return to;
  }
  memcpy(to, *text, length);
  to[length] = '\0';
  dds_free(*text);
  *text = to;
  return to + length + 1;
}

/* Moves key and item to where the other writes have theirs. */
static bool move_texts(dds_pending *pending, dds_write *write, dds_arena_block **block,
                       dds_error *error) {
  char *room =
      dds_arena_take(&pending->texts, write->key.length + 1 + write->item_length + 1, block);
  if (room == NULL) {
    return dds_error_set_nomem(error);
  }
  move_text(&write->item, write->item_length, move_text(&write->key.json, write->key.length, room));
  return true;
}

bool dds_pending_add(dds_pending *pending, const struct dds_vtab *owner, dds_target *target,
                     dds_write *write, const dds_pending_rules *rules, dds_error *error) {
  size_t bytes = dds_write_memory_bytes(write) + sizeof(dds_pending_write);
  if (bytes > DDS_PENDING_MAX_BYTES - pending->bytes) {
    dds_error_set(error, DDS_TOOBIG,
                  "the writes of this transaction take more than %zu MB: COMMIT in smaller steps, "
                  "or create the table with commit='through', which sends them as they come",
                  DDS_PENDING_MAX_BYTES >> 20);
    goto failed;
  }
  dds_arena_block *texts;
  if (!grow(pending, error) || !grow_index(pending, error) ||
      !move_texts(pending, write, &texts, error)) {
    goto failed;
  }
  dds_pending_write *entry = &pending->writes[pending->count];
  *entry = (dds_pending_write){
      .position = pending->next_position++,
      .owner = owner,
      .target = dds_target_retain(target),
      .write = *write,
      .texts = texts,
      .key_hash = hash_of(&write->key),
      .rules = *rules,
  };
  *write = (dds_write){0};
  pending->bytes += bytes;
  put_in_index(pending, pending->count++);
  return true;
failed:
  dds_write_free(write);
  return false;
}

void dds_pending_sid_hash(const dds_pending_write *entry, char hex[DDS_SHA256_HEX_BYTES]) {
  dds_buffer scratch = DDS_BUFFER_INIT(SID_BYTES);
  dds_item item = dds_item_of(entry->write.key.json, entry->write.key.length);
  dds_error ignored = DDS_ERROR_INIT;
  dds_sql_value sid;
  if (!dds_row_sid(&entry->target->options.layout, &item, &scratch, &sid, &ignored) ||
      !dds_row_sid_hash(sid.bytes, sid.length, hex, &ignored)) {
    memcpy(hex, "?", sizeof "?");
  }
  dds_buffer_free(&scratch);
}

const dds_pending_write *dds_pending_find(const dds_pending *pending, const dds_target *target,
                                          const dds_key *key) {
  if (pending->count == 0) {
    return NULL;
  }
  size_t place = *slot_of(pending, target, key, hash_of(key));
  return place == 0 || !is_waiting(&pending->writes[place - 1]) ? NULL
                                                                : &pending->writes[place - 1];
}

/* The last unsent write before a position in the chain that starts at a place; 0 ends it. */
static const dds_pending_write *last_before(const dds_pending *pending, size_t place,
                                            uint64_t position) {
  while (place > 0) {
    const dds_pending_write *entry = &pending->writes[place - 1];
    if (is_waiting(entry) && entry->position < position) {
      return entry;
    }
    place = entry->previous;
  }
  return NULL;
}

dds_pending_effect dds_pending_effect_of(const dds_pending *pending, const dds_pending_write *last,
                                         dds_item *image) {
  if (!dds_write_image(&last->write, image)) {
    return DDS_EFFECT_NONE;
  }
  if (last->write.kind == DDS_WRITE_DELETE) {
    return DDS_EFFECT_GONE;
  }
  bool is_first = last_before(pending, last->previous, last->position) == NULL;
  return last->write.kind == DDS_WRITE_PUT && last->rules.is_ignored && is_first
             ? DDS_EFFECT_ITEM_UNLESS_EXISTS
             : DDS_EFFECT_ITEM;
}

dds_pending_effect dds_pending_look_up(const dds_pending *pending, const dds_target *target,
                                       const dds_key *key, uint64_t before_position,
                                       dds_item *image) {
  *image = (dds_item){.json = {0}};
  size_t place = pending->count == 0 ? 0 : *slot_of(pending, target, key, hash_of(key));
  const dds_pending_write *last = last_before(pending, place, before_position);
  return last == NULL ? DDS_EFFECT_NONE : dds_pending_effect_of(pending, last, image);
}

bool dds_pending_next_key(const dds_pending *pending, const dds_target *target,
                          uint64_t before_position, size_t *place, const dds_pending_write **last) {
  while (*place < pending->count) {
    const dds_pending_write *first = &pending->writes[(*place)++];
    /* A key is met at its first unsent write, and told by its last. */
    if (!is_waiting(first) || first->position >= before_position ||
        !dds_target_is_same(first->target, target) ||
        last_before(pending, first->previous, first->position) != NULL) {
      continue;
    }
    size_t place_of_last = *slot_of(pending, target, &first->write.key, first->key_hash);
    *last = last_before(pending, place_of_last, before_position);
    return true;
  }
  return false;
}

size_t dds_pending_count_of(const dds_pending *pending, const struct dds_vtab *owner) {
  size_t count = 0;
  for (size_t i = 0; i < pending->count; i++) {
    count += is_waiting(&pending->writes[i]) && pending->writes[i].owner == owner;
  }
  return count;
}

bool dds_pending_has_waiting(const dds_pending *pending) {
  for (size_t i = 0; i < pending->count; i++) {
    if (is_waiting(&pending->writes[i])) {
      return true;
    }
  }
  return false;
}

void dds_pending_drop_second_halves(dds_pending *pending) {
  for (size_t i = 1; i < pending->count; i++) {
    dds_pending_write *entry = &pending->writes[i];
    if (is_waiting(entry) && entry->rules.follows_previous &&
        pending->writes[i - 1].state == DDS_PENDING_DROPPED) {
      entry->state = DDS_PENDING_DROPPED;
    }
  }
}

/* Most transactions are short: of what one of those takes all but the texts is kept for the next.
 */
static void empty(dds_pending *pending) {
  if (pending->capacity > FIRST_CAPACITY) {
    dds_pending_free(pending);
    return;
  }
  dds_arena_free(&pending->texts);
  pending->bytes = 0;
  pending->gathered = (dds_pending_gathered){0};
}

/* Keeps those for which `is_kept` holds, in their order. */
static void keep(dds_pending *pending,
                 bool is_kept(const dds_pending_write *entry, const void *context),
                 const void *context) {
  size_t kept = 0;
  for (size_t i = 0; i < pending->count; i++) {
    dds_pending_write *entry = &pending->writes[i];
    if (is_kept(entry, context)) {
      pending->writes[kept++] = *entry;
      continue;
    }
    pending->bytes -= dds_write_memory_bytes(&entry->write) + sizeof *entry;
    release(entry);
  }
  if (kept < pending->count) {
    pending->count = kept;
    fill_index(pending);
  }
  if (kept == 0) {
    empty(pending);
  }
}

static bool is_kept_unsent(const dds_pending_write *entry, const void *context) {
  (void)context;
  return is_waiting(entry);
}

void dds_pending_forget_sent(dds_pending *pending) {
  keep(pending, is_kept_unsent, NULL);
}

/* What dds_pending_truncate drops. */
typedef struct tail {
  const struct dds_vtab *owner;
  uint64_t position;
} tail;

static bool is_kept_before(const dds_pending_write *entry, const void *context) {
  const tail *dropped = context;
  return entry->owner != dropped->owner || entry->position < dropped->position;
}

/* Marks what is being sent; returns how many of these were applied already. */
static size_t take_back(dds_pending *pending, const tail *dropped) {
  size_t applied = 0;
  for (size_t i = 0; i < pending->count; i++) {
    dds_pending_write *entry = &pending->writes[i];
    if (!is_kept_before(entry, dropped)) {
      applied += entry->state == DDS_PENDING_APPLIED;
      entry->is_taken_back = true;
      pending->has_taken_back = true;
    }
  }
  return applied;
}

static bool is_kept_where_not_taken_back(const dds_pending_write *entry, const void *context) {
  (void)context;
  return !entry->is_taken_back;
}

size_t dds_pending_truncate(dds_pending *pending, const struct dds_vtab *owner, uint64_t position) {
  const tail dropped = {.owner = owner, .position = position};
  size_t applied = take_back(pending, &dropped);
  if (!pending->is_being_sent) {
    dds_pending_end_sending(pending);
  }
  return applied;
}

void dds_pending_begin_sending(dds_pending *pending) {
  pending->is_being_sent = true;
}

void dds_pending_end_sending(dds_pending *pending) {
  pending->is_being_sent = false;
  if (pending->has_taken_back) {
    pending->has_taken_back = false;
    keep(pending, is_kept_where_not_taken_back, NULL);
  }
}

void dds_pending_free(dds_pending *pending) {
  for (size_t i = 0; i < pending->count; i++) {
    release(&pending->writes[i]);
  }
  dds_arena_free(&pending->texts);
  dds_free(pending->writes);
  dds_free(pending->index);
  /* Savepoints of other tables still remember positions. */
  *pending = (dds_pending){.next_position = pending->next_position};
}
