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
  read->asked = dds_alloc(read->keys.count * sizeof *read->asked);
  return read->asked != NULL || dds_error_set_nomem(error);
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

static bool start(dds_key_read *read, dds_error *error) {
  const dds_batch_get_request request = {
      .keys = read->asked,
      .count = read->asked_count,
      .projection = read->rules.projection,
      .consistent = read->rules.consistent,
      .concurrency = read->rules.concurrency,
  };
  read->is_started = true;
  return read->asked_count < 2 ||
         dds_batch_get_open(read->rules.table, &request, &read->batch, error);
}

/* All has come: the keys that are not known now have no item. */
static bool note_absent(dds_key_read *read, dds_error *error) {
  for (size_t i = 0; i < read->asked_count; i++) {
    if (!dds_memo_add(read->rules.memo, read->rules.state, &read->asked[i],
                      &(dds_item){.json = {0}}, error)) {
      return false;
    }
  }
  return true;
}

/* The next item of DynamoDB's answers. */
static bool read_answers(dds_key_read *read, dds_item *item, dds_error *error) {
  if (!read->is_started) {
    if (!start(read, error)) {
      return false;
    }
    if (read->asked_count == 1) {
      return dds_key_read_one(&read->rules, &read->asked[0], &read->holder, &read->copy, item,
                              error);
    }
  }
  if (read->batch == NULL) {
    return true;
  }
  size_t number = 0;
  if (!dds_batch_get_next(read->batch, item, &number, error)) {
    return false;
  }
  return item->json.text != NULL
             ? dds_memo_add(read->rules.memo, read->rules.state, &read->asked[number], item, error)
             : note_absent(read, error);
}

bool dds_key_read_next(dds_key_read *read, dds_item *item, dds_error *error) {
  bool is_known = false;
  *item = (dds_item){.json = {0}};
  while (read->next < read->keys.count) {
    const dds_key *key = &read->keys.keys[read->next++];
    if (!recall(&read->rules, key, &read->copy, item, &is_known, error)) {
      return false;
    }
    if (item->json.text != NULL) {
      return true;
    }
    if (!is_known) {
      read->asked[read->asked_count++] = *key;
    }
  }
  return read_answers(read, item, error);
}

void dds_key_read_close(dds_key_read *read) {
  dds_batch_get_close(read->batch);
  dds_operation_free(read->holder);
  dds_free(read->asked);
  dds_buffer_free(&read->copy);
  dds_key_set_free(&read->keys);
  *read = (dds_key_read){0};
}
