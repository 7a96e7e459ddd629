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

/* Closes the JSON text and makes it the key. */
static bool finish(dds_buffer *json, dds_key *key, dds_error *error) {
  dds_buffer_append_text(json, "}}");
  if (!dds_buffer_check(json, error)) {
    return false;
  }
  size_t length = json->length;
  key->json = dds_buffer_take(json);
  key->length = length;
  return key->json != NULL || dds_error_set_nomem(error);
}

bool dds_key_from_text(const char *attribute, const char *bytes, size_t length, dds_key *key,
                       dds_error *error) {
  *key = (dds_key){0};
  if (!check_length(length, error)) {
    return false;
  }
  if (!dds_utf8_is_valid(bytes, length)) {
    return dds_error_set(error, DDS_CHECK, "a key must be valid UTF-8");
  }
  dds_buffer json = DDS_BUFFER_INIT(LONGEST_KEY_JSON);
  dds_buffer_reserve(&json, sizeof "{\"\":{\"S\":\"\"}}" + strlen(attribute) + length);
  open_key(&json, attribute, DDS_TYPE_STRING);
  dds_buffer_append_json_string(&json, bytes, length);
  bool ok = finish(&json, key, error);
  dds_buffer_free(&json);
  return ok;
}

/* Appends the content of a key value in its one spelling. */
static bool append_canonical(dds_buffer *json, const dds_value *value, dds_error *error) {
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

bool dds_key_from_item(const char *attribute, const dds_item *item, dds_key *key,
                       dds_error *error) {
  *key = (dds_key){0};
  dds_value value;
  if (!dds_item_find(item, attribute, strlen(attribute), &value)) {
    return dds_error_set(error, DDS_ERROR, "item without its key attribute \"%s\"", attribute);
  }
  dds_buffer json = DDS_BUFFER_INIT(LONGEST_KEY_JSON);
  open_key(&json, attribute, value.type);
  bool ok = append_canonical(&json, &value, error) && finish(&json, key, error);
  dds_buffer_free(&json);
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
