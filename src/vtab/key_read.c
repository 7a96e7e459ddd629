/* The items of a set of keys. */
#include "vtab/key_read.h"

#include "base/alloc.h"
#include "dynamodb/read.h"

enum { COPY_MAX_BYTES = 64 << 20 };

bool dds_key_read_open(dds_key_read *read, const dds_key_read_rules *rules, dds_key_set *keys,
                       dds_error *error) {
  *read = (dds_key_read){
      .rules = *rules, .keys = *keys, .copy = DDS_BUFFER_INIT(COPY_MAX_BYTES), .is_open = true};
  *keys = (dds_key_set){0};
  dds_memo_begin(rules->memo, rules->state);
  read->is_known = dds_alloc(read->keys.count * sizeof *read->is_known);
  return read->is_known != NULL || dds_error_set_nomem(error);
}

/* Looks for a key in the memo; a copy of what is there becomes the item. */
static bool recall(const dds_key_read_rules *rules, const dds_key *key, dds_buffer *copy,
                   dds_item *item, bool *is_known, dds_error *error) {
  *is_known = dds_memo_find(rules->memo, key, item);
  if (item->json.text == NULL) {
    return true;
  }
  dds_buffer_clear(copy);
  dds_buffer_append(copy, item->json.text, item->json.length);
  *item = dds_item_of(copy->data, copy->length);
  return dds_buffer_check(copy, error);
}

bool dds_key_read_one(const dds_key_read_rules *rules, const dds_key *key, dds_operation **holder,
                      dds_buffer *copy, dds_item *item, dds_error *error) {
  bool is_known = false;
  *holder = NULL;
  dds_memo_begin(rules->memo, rules->state);
  if (!recall(rules, key, copy, item, &is_known, error)) {
    return false;
  }
  if (is_known) {
    return true;
  }
  if (dds_read_get(rules->table, key, &rules->projection, rules->consistent, holder, item, error)) {
    if (dds_memo_add(rules->memo, rules->state, key, item, error)) {
      return true;
    }
    dds_operation_free(*holder);
    *holder = NULL;
  }
  return false;
}

/* Takes over an answer of the batch. */
static void keep(void *context, dds_operation *answer) {
  dds_key_read *read = context;
  if (read->is_borrowed) {
    dds_memo_keep(read->rules.memo, read->rules.state, answer);
  } else {
    dds_operation_free(answer);
  }
  read->is_borrowed = false;
}

/* The only key that the memo did not know, by GetItem. */
static bool read_single(dds_key_read *read, dds_item *item, dds_error *error) {
  size_t place = 0;
  while (read->is_known[place]) {
    place++;
  }
  return dds_key_read_one(&read->rules, &read->keys.keys[place], &read->holder, &read->copy, item,
                          error);
}

static bool open_batch(dds_key_read *read, dds_error *error) {
  const dds_batch_get_request request = {
      .hash_key = read->rules.hash_key,
      .keys = &read->keys,
      .left_out = read->is_known,
      .projection = read->rules.projection,
      .consistent = read->rules.consistent,
      .concurrency = read->rules.concurrency,
      .keep = keep,
      .context = read,
  };
  return dds_batch_get_open(read->rules.table, &request, &read->batch, error);
}

/* All has come: what was asked for and did not come has no item. */
static bool note_absent(const dds_key_read *read, dds_error *error) {
  bool ok = true;
  for (size_t i = 0; ok && read->found < read->asked && i < read->keys.count; i++) {
    ok = read->is_known[i] || dds_memo_add(read->rules.memo, read->rules.state, &read->keys.keys[i],
                                           &(dds_item){.json = {0}}, error);
  }
  return ok;
}

/* The next item of DynamoDB's answers. */
static bool read_answers(dds_key_read *read, dds_item *item, dds_error *error) {
  bool is_first = !read->is_started;
  read->is_started = true;
  if (is_first && read->asked == 1) {
    return read_single(read, item, error);
  }
  if (is_first && read->asked > 1 && !open_batch(read, error)) {
    return false;
  }
  if (read->batch == NULL) {
    return true;
  }
  size_t number = 0;
  if (!dds_batch_get_next(read->batch, item, &number, error)) {
    return false;
  }
  if (item->json.text == NULL) {
    return note_absent(read, error);
  }
  read->found++;
  return dds_memo_add_borrowed(read->rules.memo, read->rules.state, &read->keys.keys[number], item,
                               &read->is_borrowed, error);
}

bool dds_key_read_next(dds_key_read *read, dds_item *item, dds_error *error) {
  *item = (dds_item){.json = {0}};
  while (read->next < read->keys.count) {
    size_t place = read->next++;
    if (!recall(&read->rules, &read->keys.keys[place], &read->copy, item, &read->is_known[place],
                error)) {
      return false;
    }
    if (item->json.text != NULL) {
      return true;
    }
    read->asked += !read->is_known[place];
  }
  return read_answers(read, item, error);
}

void dds_key_read_close(dds_key_read *read) {
  if (!read->is_open) {
    return;
  }
  dds_batch_get_close(read->batch);
  dds_operation_free(read->holder);
  dds_free(read->is_known);
  dds_buffer_free(&read->copy);
  dds_key_set_free(&read->keys);
  *read = (dds_key_read){0};
}
