/* What a loop remembers of keys. */
#include "vtab/memo.h"

#include <string.h>

#include "base/alloc.h"

/* What an entry takes besides its texts, about: allocations, hash table, arrays. */
enum {
  ENTRY_BYTES = 128,
  /* What an answer that is kept holds beside its body: its request, and libcurl's handle. */
  ANSWER_BYTES = 16 * 1024,
};

/* Most loops that ask by key ask for one. */
enum { FIRST_CAPACITY = 8 };

void dds_memo_begin(dds_memo *memo, uint64_t state) {
  if (memo->state != state) {
    dds_memo_clear(memo);
    memo->state = state;
  }
}

bool dds_memo_find(const dds_memo *memo, const dds_key *key, dds_item *item) {
  size_t place = 0;
  *item = (dds_item){.json = {0}};
  if (!dds_key_set_find(&memo->keys, key, &place)) {
    return false;
  }
  const dds_memo_entry *entry = &memo->entries[place];
  if (entry->text != NULL) {
    *item = dds_item_of(entry->text, entry->length);
  }
  return true;
}

static bool grow(dds_memo *memo, dds_error *error) {
  if (memo->keys.count < memo->capacity) {
    return true;
  }
  size_t capacity = memo->capacity ? 2 * memo->capacity : FIRST_CAPACITY;
  dds_memo_entry *entries = dds_realloc(memo->entries, capacity * sizeof *entries);
  if (entries == NULL) {
    return dds_error_set_nomem(error);
  }
  memo->entries = entries;
  memo->capacity = capacity;
  return true;
}

/* Whether anything may be added that is of a state. */
static bool is_open(const dds_memo *memo, uint64_t state) {
  return memo->state == state && !memo->is_full;
}

/* Counts what is about to be added, if it fits. */
static bool count_bytes(dds_memo *memo, size_t bytes) {
  memo->is_full = memo->bytes > DDS_MEMO_MAX_BYTES || bytes > DDS_MEMO_MAX_BYTES - memo->bytes;
  memo->bytes += memo->is_full ? 0 : bytes;
  return !memo->is_full;
}

static bool add(dds_memo *memo, const dds_key *key, const dds_memo_entry *entry, bool *is_new,
                dds_error *error) {
  size_t place;
  if (!grow(memo, error) || !dds_key_set_add(&memo->keys, key, &place, is_new, error)) {
    return false;
  }
  if (*is_new) {
    memo->entries[place] = *entry;
  }
  return true;
}

bool dds_memo_add_borrowed(dds_memo *memo, uint64_t state, const dds_key *key, const dds_item *item,
                           bool *is_borrowed, dds_error *error) {
  const dds_memo_entry entry = {.text = item->json.text, .length = item->json.length};
  bool is_new = false;
  bool ok = !is_open(memo, state) || !count_bytes(memo, ENTRY_BYTES + key->length) ||
            add(memo, key, &entry, &is_new, error);
  *is_borrowed = *is_borrowed || is_new;
  return ok;
}

bool dds_memo_add(dds_memo *memo, uint64_t state, const dds_key *key, const dds_item *item,
                  dds_error *error) {
  dds_memo_entry entry = {.length = item->json.length};
  bool is_new = false;
  if (!is_open(memo, state) || dds_key_set_find(&memo->keys, key, NULL) ||
      !count_bytes(memo, ENTRY_BYTES + key->length + entry.length)) {
    return true;
  }
  if (item->json.text != NULL) {
    entry.text = dds_texts_copy(&memo->texts, item->json.text, entry.length);
    if (entry.text == NULL) {
      return dds_error_set_nomem(error);
    }
  }
  return add(memo, key, &entry, &is_new, error);
}

/* Room for one more answer; false: no memory. */
static bool grow_answers(dds_memo *memo) {
  if (memo->answer_count < memo->answer_capacity) {
    return true;
  }
  size_t capacity = memo->answer_capacity ? 2 * memo->answer_capacity : 8;
  dds_operation **answers = dds_realloc(memo->answers, capacity * sizeof(dds_operation *));
  if (answers == NULL) {
    return false;
  }
  memo->answers = answers;
  memo->answer_capacity = capacity;
  return true;
}

void dds_memo_keep(dds_memo *memo, uint64_t state, dds_operation *answer) {
  if (memo->state == state && grow_answers(memo)) {
    dds_page_close(dds_operation_page(answer));
    memo->answers[memo->answer_count++] = answer;
    memo->bytes += ANSWER_BYTES + dds_operation_answer_bytes(answer);
    return;
  }
  if (memo->state == state) {
    /* It borrows from the answer. From now on it stays empty: a reader that has added items to it
     * would else note them as absent at its end. */
    dds_memo_free(memo);
    memo->state = state;
    memo->is_full = true;
  }
  dds_operation_free(answer);
}

static void free_answers(dds_memo *memo) {
  for (size_t i = 0; i < memo->answer_count; i++) {
    dds_operation_free(memo->answers[i]);
  }
  dds_free(memo->answers);
}

void dds_memo_clear(dds_memo *memo) {
  if (memo->capacity > FIRST_CAPACITY) {
    dds_memo_free(memo);
    return;
  }
  free_answers(memo);
  dds_key_set_clear(&memo->keys);
  dds_texts_clear(&memo->texts);
  *memo = (dds_memo){.keys = memo->keys,
                     .entries = memo->entries,
                     .capacity = memo->capacity,
                     .texts = memo->texts};
}

void dds_memo_free(dds_memo *memo) {
  free_answers(memo);
  dds_free(memo->entries);
  dds_texts_free(&memo->texts);
  dds_key_set_free(&memo->keys);
  *memo = (dds_memo){0};
}
