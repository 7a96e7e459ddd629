/* Keys in one spelling for each value: numbers in their shortest, strings with the fewest escapes.
 */
#include "dynamodb/key.h"

#include <string.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "base/utf8.h"
#include "dynamodb/number.h"

/* Attribute name and value, every byte of them escaped at worst. */
enum { LONGEST_KEY_JSON = 6 * (64 * 1024 + DDS_KEY_MAX_BYTES) + 32 };

static bool check_length(size_t length, dds_error *error) {
  if (length == 0) {
    return dds_error_set(error, DDS_CHECK, "a key must not be empty");
  }
  if (length > DDS_KEY_MAX_BYTES) {
    return dds_error_set(error, DDS_TOOBIG, "key of %zu bytes: DynamoDB's limit is %d", length,
                         DDS_KEY_MAX_BYTES);
  }
  return true;
}

static void open_key(dds_buffer *json, const char *attribute, dds_type type) {
  dds_buffer_append_char(json, '{');
  dds_buffer_append_json_string(json, attribute, strlen(attribute));
  dds_buffer_append_text(json, ":{\"");
  dds_buffer_append_text(json, dds_type_name(type));
  dds_buffer_append_text(json, "\":");
}

/* Appends the content of a key value in its one spelling. */
static bool append_decoded(dds_buffer *json, const dds_value *value, dds_error *error) {
  dds_buffer bytes = DDS_BUFFER_INIT(DDS_ITEM_MAX_BYTES);
  bool ok = false;
  if (!dds_value_append_bytes(value, &bytes)) {
    if (dds_buffer_check(&bytes, error)) {
      dds_error_set(error, DDS_ERROR, "a key attribute that is no S, N or B");
    }
    goto done;
  }
  if (!dds_buffer_check(&bytes, error)) {
    goto done;
  }
  if (value->type == DDS_TYPE_STRING) {
    dds_buffer_append_json_string(json, dds_buffer_text(&bytes), bytes.length);
  } else {
    dds_buffer_append_char(json, '"');
    if (value->type == DDS_TYPE_NUMBER) {
      dds_number_append_scaled(json, dds_buffer_text(&bytes), bytes.length, 0);
    } else {
      dds_hash_append_base64(json, dds_buffer_text(&bytes), bytes.length);
    }
    dds_buffer_append_char(json, '"');
  }
  ok = true;
done:
  dds_buffer_free(&bytes);
  return ok;
}

/* A string without escapes has its one spelling already. */
static bool append_canonical(dds_buffer *json, const dds_value *value, dds_error *error) {
  const char *plain;
  size_t length;
  if (value->type != DDS_TYPE_STRING || !dds_value_is_plain(value, &plain, &length)) {
    return append_decoded(json, value, error);
  }
  dds_buffer_append(json, value->content.text, value->content.length);
  return true;
}

/* Ends the key; it is borrowed. */
static bool finish(dds_key_writer *writer, dds_key *key, dds_error *error) {
  dds_buffer_append_text(&writer->json, "}}");
  if (!dds_buffer_check(&writer->json, error)) {
    return false;
  }
  *key = (dds_key){.json = writer->json.data, .length = writer->json.length};
  return true;
}

void dds_key_writer_open(dds_key_writer *writer, const char *attribute) {
  writer->attribute = attribute;
  writer->json = dds_buffer_in(writer->room, sizeof writer->room, LONGEST_KEY_JSON);
  writer->opened_bytes = 0;
}

/* Empties it up to where the value of a key stands, which will take some `length` bytes. */
static void begin(dds_key_writer *writer, dds_type type, size_t length) {
  dds_buffer *json = &writer->json;
  bool is_usual = type == DDS_TYPE_STRING;
  dds_buffer_truncate(json, is_usual ? writer->opened_bytes : 0);
  if (json->length == 0) {
    dds_buffer_reserve(json, sizeof "{\"\":{\"S\":\"\"}}" + strlen(writer->attribute) + length);
    open_key(json, writer->attribute, type);
    writer->opened_bytes = is_usual && json->failed == DDS_OK ? json->length : 0;
  }
}

bool dds_key_writer_text(dds_key_writer *writer, const char *bytes, size_t length, dds_key *key,
                         dds_error *error) {
  if (!check_length(length, error)) {
    return false;
  }
  if (!dds_utf8_is_valid(bytes, length)) {
    return dds_error_set(error, DDS_CHECK, "a key must be valid UTF-8");
  }
  begin(writer, DDS_TYPE_STRING, length);
  dds_buffer_append_json_string(&writer->json, bytes, length);
  return finish(writer, key, error);
}

bool dds_key_writer_value(dds_key_writer *writer, const dds_value *value, dds_key *key,
                          dds_error *error) {
  begin(writer, value->type, value->content.length);
  return append_canonical(&writer->json, value, error) && finish(writer, key, error);
}

void dds_key_writer_close(dds_key_writer *writer) {
  dds_buffer_free(&writer->json);
}

bool dds_key_writer_take(dds_key_writer *writer, dds_key *key, dds_error *error) {
  size_t length = writer->json.length;
  *key = (dds_key){.json = dds_buffer_take(&writer->json), .length = length};
  writer->opened_bytes = 0;
  return key->json != NULL || dds_error_set_nomem(error);
}

bool dds_key_from_text(const char *attribute, const char *bytes, size_t length, dds_key *key,
                       dds_error *error) {
  dds_key_writer writer;
  *key = (dds_key){0};
  dds_key_writer_open(&writer, attribute);
  bool ok = dds_key_writer_text(&writer, bytes, length, key, error) &&
            dds_key_writer_take(&writer, key, error);
  dds_key_writer_close(&writer);
  return ok;
}

bool dds_key_from_item(const char *attribute, const dds_item *item, dds_key *key,
                       dds_error *error) {
  dds_key_writer writer;
  dds_value value;
  *key = (dds_key){0};
  if (!dds_item_find(item, attribute, strlen(attribute), &value)) {
    return dds_error_set(error, DDS_ERROR, "item without its key attribute \"%s\"", attribute);
  }
  dds_key_writer_open(&writer, attribute);
  bool ok =
      dds_key_writer_value(&writer, &value, key, error) && dds_key_writer_take(&writer, key, error);
  dds_key_writer_close(&writer);
  return ok;
}

bool dds_key_copy(const dds_key *from, dds_key *to, dds_error *error) {
  *to = (dds_key){0};
  if (from->json == NULL) {
    return true;
  }
  to->json = dds_alloc_copy(from->json, from->length);
  if (to->json == NULL) {
    return dds_error_set_nomem(error);
  }
  to->length = from->length;
  return true;
}

bool dds_key_equal(const dds_key *left, const dds_key *right) {
  if (left->json == NULL || right->json == NULL) {
    return left->json == right->json;
  }
  return left->length == right->length && memcmp(left->json, right->json, left->length) == 0;
}

void dds_key_free(dds_key *key) {
  dds_free(key->json);
  *key = (dds_key){0};
}
