/* BatchWriteItem and BatchGetItem as kinds of rounds (rounds.h). */
#include "dynamodb/batch.h"

#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "dynamodb/placeholders.h"

/* Whether an item has the key's one attribute as it stands in the key. */
static bool has_key(const dds_item *item, const dds_key *key) {
  dds_item wanted = {.json = {.text = key->json, .length = key->length}};
  dds_item_iterator attributes = dds_item_iterate(&wanted);
  dds_json key_name;
  dds_json name;
  dds_value expected;
  dds_value value;
  if (!dds_item_next(&attributes, &key_name, &expected) ||
      dds_json_type_of(item->json) != DDS_JSON_OBJECT) {
    return false;
  }
  for (dds_item_iterator i = dds_item_iterate(item); dds_item_next(&i, &name, &value);) {
    if (dds_json_string_compare(name, key_name) == 0 && dds_value_equal(&value, &expected)) {
      return true;
    }
  }
  return false;
}

/* ---- writing ---------------------------------------------------------------------------------*/

size_t dds_batch_write_bytes(const dds_write *write) {
  static const char around[] = ",{\"DeleteRequest\":{\"Key\":}}";
  return sizeof around + (write->kind == DDS_WRITE_PUT ? write->item_length : write->key.length);
}

static size_t bytes_of_write(const void *context, size_t element) {
  const dds_table_write *writes = context;
  return dds_batch_write_bytes(writes[element].write);
}

static void append_request(const dds_write *write, dds_buffer *body) {
  if (write->kind == DDS_WRITE_PUT) {
    dds_buffer_append_text(body, "{\"PutRequest\":{\"Item\":");
    dds_buffer_append(body, write->item, write->item_length);
  } else {
    dds_buffer_append_text(body, "{\"DeleteRequest\":{\"Key\":");
    dds_buffer_append(body, write->key.json, write->key.length);
  }
  dds_buffer_append_text(body, "}}");
}

static const char *table_of(const dds_table_write *writes, const dds_batch *batch, size_t place) {
  return writes[batch->members[place]].table->name;
}

static bool is_first_of_table(const dds_table_write *writes, const dds_batch *batch, size_t place) {
  for (size_t i = 0; i < place; i++) {
    if (strcmp(table_of(writes, batch, i), table_of(writes, batch, place)) == 0) {
      return false;
    }
  }
  return true;
}

/* The writes of the table of the member at `first`. */
static void append_table(const dds_table_write *writes, const dds_batch *batch, size_t first,
                         dds_buffer *body) {
  const char *name = table_of(writes, batch, first);
  dds_buffer_append_text(body, first == 0 ? "" : ",");
  dds_buffer_append_json_string(body, name, strlen(name));
  dds_buffer_append_text(body, ":[");
  for (size_t i = first; i < batch->count; i++) {
    if (strcmp(table_of(writes, batch, i), name) == 0) {
      dds_buffer_append_text(body, i == first ? "" : ",");
      append_request(writes[batch->members[i]].write, body);
    }
  }
  dds_buffer_append_char(body, ']');
}

/* `put 20, delete 5` */
static void append_counts(const dds_table_write *writes, const dds_batch *batch,
                          dds_buffer *words) {
  size_t puts = 0;
  for (size_t i = 0; i < batch->count; i++) {
    puts += writes[batch->members[i]].write->kind == DDS_WRITE_PUT;
  }
  if (puts > 0) {
    dds_buffer_append_format(words, "put %zu", puts);
  }
  if (puts < batch->count) {
    dds_buffer_append_format(words, "%sdelete %zu", puts > 0 ? ", " : "", batch->count - puts);
  }
}

static bool append_writes(const void *context, const dds_batch *batch, dds_buffer *body,
                          dds_buffer *words, dds_error *error) {
  const dds_table_write *writes = context;
  (void)error;
  append_counts(writes, batch, words);
  dds_buffer_append_text(body, "{\"RequestItems\":{");
  for (size_t i = 0; i < batch->count; i++) {
    if (is_first_of_table(writes, batch, i)) {
      append_table(writes, batch, i, body);
    }
  }
  dds_buffer_append_text(body, "},\"ReturnConsumedCapacity\":\"TOTAL\"}");
  return true;
}

/* The item, or key, of an unprocessed request. */
static bool read_request(dds_json request, dds_item *item) {
  static const struct {
    const char *request;
    const char *member;
  } kinds[] = {{"PutRequest", "Item"}, {"DeleteRequest", "Key"}};
  dds_json inner;
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
    if (dds_json_find(request, kinds[i].request, strlen(kinds[i].request), &inner)) {
      return dds_json_find(inner, kinds[i].member, strlen(kinds[i].member), &item->json);
    }
  }
  return false;
}

static bool find_write(const dds_table_write *writes, const dds_batch *batch, dds_json table,
                       dds_json request, size_t *element) {
  dds_item item = {.json = {0}};
  if (!read_request(request, &item)) {
    return false;
  }
  for (size_t i = 0; i < batch->count; i++) {
    const char *name = table_of(writes, batch, i);
    *element = batch->members[i];
    if (dds_json_string_equals(table, name, strlen(name)) &&
        has_key(&item, &writes[*element].write->key)) {
      return true;
    }
  }
  return false;
}

static bool read_unprocessed_writes(const void *context, const dds_batch *batch,
                                    dds_json unprocessed,
                                    void (*found)(dds_element_state *states, size_t element),
                                    dds_element_state *states, dds_error *error) {
  dds_json table;
  dds_json requests;
  dds_json request;
  size_t element;
  (void)error;
  for (dds_json_iterator i = dds_json_iterate(unprocessed); dds_json_next(&i, &table, &requests);) {
    if (dds_json_type_of(requests) != DDS_JSON_ARRAY) {
      return false;
    }
    for (dds_json_iterator j = dds_json_iterate(requests); dds_json_next(&j, NULL, &request);) {
      if (!find_write(context, batch, table, request, &element)) {
        return false;
      }
      found(states, element);
    }
  }
  return true;
}

static const dds_rounds_kind write_kind = {
    .operation = "BatchWriteItem",
    .most_members = DDS_BATCH_MAX_WRITES,
    .most_bytes = DDS_BATCH_MAX_BYTES,
    .unprocessed = "UnprocessedItems",
    .bytes_of = bytes_of_write,
    .append = append_writes,
    .read_unprocessed = read_unprocessed_writes,
};

bool dds_batch_write(const dds_table_write *writes, size_t count, size_t concurrency,
                     dds_element_state *states, dds_error *error) {
  dds_operation *done = NULL;
  dds_rounds rounds = {
      .kind = &write_kind,
      .context = writes,
      .table = writes[0].table,
      .count = count,
      .states = states,
      .concurrency = concurrency,
  };
  if (!dds_rounds_open(&rounds, error)) {
    return false;
  }
  bool ok = true;
  do {
    dds_error failure = DDS_ERROR_INIT;
    bool went_well = dds_rounds_next(&rounds, &done, &failure);
    dds_operation_free(done);
    if (!went_well && ok) {
      *error = failure;
    }
    ok = ok && went_well;
    /* What is in flight is waited for; an interrupt waits for nothing. */
    if (failure.code == DDS_INTERRUPT) {
      break;
    }
  } while (ok ? done != NULL : rounds.in_flight > 0);
  dds_rounds_close(&rounds);
  return ok;
}

/* ---- reading ---------------------------------------------------------------------------------*/

struct dds_batch_get {
  dds_batch_get_request request;
  const dds_table *table;
  dds_rounds rounds;
  dds_element_state *states; /* owned */
  bool *given;               /* owned; of each key, whether its item was given */
  dds_key_writer writer;     /* of the key of the item that is looked at */
  dds_operation *page;       /* owned; the answer whose items are given, or NULL */
  size_t next;               /* of its items */
};

static size_t bytes_of_key(const void *context, size_t element) {
  const dds_batch_get *self = context;
  return self->request.keys->keys[element].length;
}

static bool append_keys(const void *context, const dds_batch *batch, dds_buffer *body,
                        dds_buffer *words, dds_error *error) {
  const dds_batch_get *self = context;
  dds_placeholders placeholders;
  (void)error;
  dds_buffer_append_text(body, "{\"RequestItems\":{");
  dds_buffer_append_json_string(body, self->table->name, strlen(self->table->name));
  dds_buffer_append_text(body, ":{\"Keys\":[");
  for (size_t i = 0; i < batch->count; i++) {
    const dds_key *key = &self->request.keys->keys[batch->members[i]];
    dds_buffer_append_text(body, i == 0 ? "" : ",");
    dds_buffer_append(body, key->json, key->length);
  }
  dds_buffer_append_char(body, ']');
  dds_buffer_append_format(words, "%zu key%s", batch->count, dds_text_plural((double)batch->count));
  dds_placeholders_init(&placeholders);
  dds_projection_append(&self->request.projection, &placeholders, body);
  dds_placeholders_append_members(&placeholders, body);
  dds_placeholders_free(&placeholders);
  dds_buffer_append_text(body, self->request.consistent ? ",\"ConsistentRead\":true}}"
                                                        : ",\"ConsistentRead\":false}}");
  dds_buffer_append_text(body, ",\"ReturnConsumedCapacity\":\"TOTAL\"}");
  dds_projection_append_words(&self->request.projection, self->request.consistent, words);
  return true;
}

/* The number of the key that an item has, among others that it may have. False, and without an
 * error, where it is none that was asked for. */
static bool find_key(const dds_batch_get *self, const dds_item *item, dds_key_writer *writer,
                     size_t *number, dds_error *error) {
  const char *hash_key = self->request.hash_key;
  const bool *left_out = self->request.left_out;
  dds_value value;
  dds_key key = {0};
  dds_error failure;
  dds_error_clear(&failure);
  if (dds_json_type_of(item->json) != DDS_JSON_OBJECT ||
      !dds_item_find(item, hash_key, strlen(hash_key), &value)) {
    return false;
  }
  if (!dds_key_writer_value(writer, &value, &key, &failure)) {
    if (failure.code == DDS_NOMEM) {
      dds_error_pass_on(error, &failure);
    }
    return false;
  }
  return dds_key_set_find(self->request.keys, &key, number) &&
         (left_out == NULL || !left_out[*number]);
}

static bool is_member(const dds_batch *batch, size_t element) {
  for (size_t i = 0; i < batch->count; i++) {
    if (batch->members[i] == element) {
      return true;
    }
  }
  return false;
}

static bool read_unprocessed_keys(const void *context, const dds_batch *batch, dds_json unprocessed,
                                  void (*found)(dds_element_state *states, size_t element),
                                  dds_element_state *states, dds_error *error) {
  const dds_batch_get *self = context;
  dds_key_writer writer;
  dds_json table;
  dds_json request;
  dds_json keys;
  dds_item key = {.json = {0}};
  size_t element;
  bool ok = true;
  dds_json_iterator tables = dds_json_iterate(unprocessed);
  if (!dds_json_next(&tables, &table, &request)) {
    return true;
  }
  if (!dds_json_string_equals(table, self->table->name, strlen(self->table->name)) ||
      dds_json_next(&tables, NULL, &keys) ||
      !dds_json_find(request, "Keys", strlen("Keys"), &keys) ||
      dds_json_type_of(keys) != DDS_JSON_ARRAY) {
    return false;
  }
  dds_key_writer_open(&writer, self->request.hash_key);
  for (dds_json_iterator i = dds_json_iterate(keys); ok && dds_json_next(&i, NULL, &key.json);) {
    /* Of this batch, and of no other that is in flight. */
    ok = find_key(self, &key, &writer, &element, error) && is_member(batch, element);
    if (ok) {
      found(states, element);
    }
  }
  dds_key_writer_close(&writer);
  return ok;
}

static const dds_rounds_kind get_kind = {
    .operation = "BatchGetItem",
    .most_members = DDS_BATCH_MAX_KEYS,
    .most_bytes = DDS_BATCH_MAX_BYTES,
    .unprocessed = "UnprocessedKeys",
    .bytes_of = bytes_of_key,
    .append = append_keys,
    .read_unprocessed = read_unprocessed_keys,
};

/* What is to be told of each key. */
static bool make_states(dds_batch_get *self, dds_error *error) {
  const dds_batch_get_request *request = &self->request;
  size_t count = request->keys->count;
  self->states = dds_alloc(count * sizeof *self->states);
  self->given = dds_alloc(count * sizeof *self->given);
  if (self->states == NULL || self->given == NULL) {
    return dds_error_set_nomem(error);
  }
  for (size_t i = 0; request->left_out != NULL && i < count; i++) {
    self->states[i] = request->left_out[i] ? DDS_ELEMENT_DONE : DDS_ELEMENT_WAITING;
  }
  return true;
}

bool dds_batch_get_open(const dds_table *table, const dds_batch_get_request *request,
                        dds_batch_get **out, dds_error *error) {
  dds_batch_get *self = dds_alloc(sizeof *self);
  *out = NULL;
  if (self == NULL) {
    return dds_error_set_nomem(error);
  }
  self->request = *request;
  self->table = table;
  dds_key_writer_open(&self->writer, request->hash_key);
  if (!make_states(self, error)) {
    dds_batch_get_close(self);
    return false;
  }
  self->rounds = (dds_rounds){
      .kind = &get_kind,
      .context = self,
      .table = table,
      .count = request->keys->count,
      .states = self->states,
      .concurrency = request->concurrency,
      .least_units = request->consistent ? 1.0 : 0.5, /* also where there is no item */
  };
  if (!dds_rounds_open(&self->rounds, error)) {
    dds_batch_get_close(self);
    return false;
  }
  *out = self;
  return true;
}

static bool refuse(const dds_batch_get *self, const char *reason, dds_error *error) {
  return dds_error_set(error, DDS_ERROR, "BatchGetItem of \"%s\" failed: unexpected answer: %s",
                       self->table->name, reason);
}

/* The items of an answer: those of the one table that was asked for. Where none was found it need
 * not be named. */
static bool read_responses(dds_batch_get *self, dds_error *error) {
  const dds_page *page = dds_operation_page(self->page);
  dds_json responses;
  self->next = 0;
  if (!dds_operation_find(self->page, "Responses", &responses)) {
    return refuse(self, "no Responses", error);
  }
  if (!page->has_responses || page->table_count > 1 ||
      (page->table_count == 1 &&
       !dds_json_string_equals(page->first_table, self->table->name, strlen(self->table->name)))) {
    return refuse(self, "Responses of another table", error);
  }
  return true;
}

static void end_page(dds_batch_get *self) {
  if (self->page != NULL && self->request.keep != NULL) {
    self->request.keep(self->request.context, self->page);
  } else {
    dds_operation_free(self->page);
  }
  self->page = NULL;
}

/* The next answer becomes the page; NULL at the end. */
static bool turn_page(dds_batch_get *self, dds_error *error) {
  end_page(self);
  return dds_rounds_next(&self->rounds, &self->page, error) &&
         (self->page == NULL || read_responses(self, error));
}

/* An item is given once, and only where its key was asked for and is not left unprocessed. */
static bool check_item(dds_batch_get *self, const dds_item *item, size_t *number,
                       dds_error *error) {
  if (!find_key(self, item, &self->writer, number, error)) {
    return refuse(self, "an item that was not asked for", error);
  }
  if (self->states[*number] != DDS_ELEMENT_DONE || self->given[*number]) {
    return refuse(self, "an item that comes twice", error);
  }
  self->given[*number] = true;
  return true;
}

bool dds_batch_get_next(dds_batch_get *batch, dds_item *item, size_t *number, dds_error *error) {
  *item = (dds_item){.json = {0}};
  while (batch->page == NULL || batch->next == dds_operation_page(batch->page)->noted_count) {
    if (!turn_page(batch, error)) {
      return false;
    }
    if (batch->page == NULL) {
      return true;
    }
  }
  *item = dds_operation_page(batch->page)->noted[batch->next++];
  return check_item(batch, item, number, error);
}

void dds_batch_get_close(dds_batch_get *batch) {
  if (batch == NULL) {
    return;
  }
  end_page(batch);
  dds_rounds_close(&batch->rounds);
  dds_key_writer_close(&batch->writer);
  dds_free(batch->states);
  dds_free(batch->given);
  dds_free(batch);
}
