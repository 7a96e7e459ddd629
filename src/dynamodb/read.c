/* Reading one item by its key. */
#include "dynamodb/read.h"

#include <string.h>

#include "base/buffer.h"

/* Room for most from the start: memory is taken once for the body, and for the words not at all. */
enum { LARGEST_BODY = 16 * 1024 * 1024, USUAL_BODY_BYTES = 500, USUAL_WORDS_BYTES = 256 };

/* The body of a GetItem. */
static void append_body(const dds_table *table, const dds_key *key,
                        const dds_projection *projection, bool consistent, dds_buffer *body) {
  dds_buffer_append_text(body, "{\"TableName\":");
  dds_buffer_append_json_string(body, table->name, strlen(table->name));
  dds_buffer_append_text(body, ",\"Key\":");
  dds_buffer_append(body, key->json, key->length);
  dds_projection_append_members(projection, body);
  dds_buffer_append_text(body,
                         consistent ? ",\"ConsistentRead\":true" : ",\"ConsistentRead\":false");
  dds_buffer_append_text(body, ",\"ReturnConsumedCapacity\":\"TOTAL\"}");
}

bool dds_read_get(const dds_table *table, const dds_key *key, const dds_projection *projection,
                  bool consistent, dds_operation **holder, dds_item *item, dds_error *error) {
  char room[USUAL_WORDS_BYTES];
  dds_buffer body = DDS_BUFFER_INIT(LARGEST_BODY);
  dds_buffer words = dds_buffer_in(room, sizeof room, LARGEST_BODY);
  dds_json answer;
  *holder = NULL;
  *item = (dds_item){.json = {0}};
  dds_buffer_reserve(&body, USUAL_BODY_BYTES);
  append_body(table, key, projection, consistent, &body);
  dds_buffer_append_text(&words, "by key");
  dds_projection_append_words(projection, consistent, &words);
  bool ok =
      dds_buffer_check(&words, error) &&
      dds_operation_run(table, "GetItem", &body, dds_buffer_text(&words), holder, &answer, error);
  if (ok && dds_operation_page(*holder)->has_item) {
    *item = dds_operation_page(*holder)->item;
  } else if (ok && dds_operation_find(*holder, "Item", &item->json)) {
    ok = dds_error_set(error, DDS_ERROR,
                       "GetItem of \"%s\" failed: unexpected answer: Item is no object",
                       table->name);
    dds_operation_free(*holder);
    *holder = NULL;
    *item = (dds_item){.json = {0}};
  }
  dds_buffer_free(&body);
  dds_buffer_free(&words);
  return ok;
}
