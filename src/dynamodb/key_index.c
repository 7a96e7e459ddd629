/* Keys by their values, in a hash table with open addressing that is at most half full. */
#include "dynamodb/key_index.h"

#include <stdint.h>

#include "base/alloc.h"
#include "base/hash.h"

/* Equal values must give equal numbers: a string's bytes may be spelled in several ways, with
 * escapes, and so may a number. No layout's key is a number or a binary: those share one. */
static size_t hash_of(const dds_value *value) {
  const char *plain;
  size_t length;
  if (value->type != DDS_TYPE_STRING) {
    return (size_t)value->type;
  }
  if (dds_json_string_is_plain(value->content, &plain, &length)) {
    return dds_hash_bytes(plain, length);
  }
  char decoded[DDS_KEY_MAX_BYTES];
  dds_json_bytes bytes = dds_json_string_bytes(value->content);
  for (length = 0; length < sizeof decoded; length++) {
    int byte = dds_json_bytes_next(&bytes);
    if (byte < 0) {
      break;
    }
    decoded[length] = (char)byte;
  }
  return dds_hash_bytes(decoded, length);
}

/* The one attribute of a key. */
static bool read_key(const dds_key *key, dds_json *name, dds_value *value) {
  const dds_item item = dds_item_of(key->json, key->length);
  dds_item_iterator attributes = dds_item_iterate(&item);
  return dds_item_next(&attributes, name, value);
}

static void insert(dds_key_index *index, const dds_key *keys, size_t number) {
  dds_json name;
  dds_value *value = &index->values[number];
  if (!read_key(&keys[number], &name, value)) {
    return;
  }
  size_t slot = hash_of(value) & (index->slot_count - 1);
  while (index->slots[slot] != 0) {
    slot = (slot + 1) & (index->slot_count - 1);
  }
  index->slots[slot] = number + 1;
}

bool dds_key_index_make(const dds_key *keys, size_t count, dds_key_index *index, dds_error *error) {
  dds_json name;
  dds_value value;
  *index = (dds_key_index){.attribute = DDS_BUFFER_INIT(SIZE_MAX), .slot_count = 2};
  while (index->slot_count < 2 * count) {
    index->slot_count *= 2;
  }
  index->slots = dds_alloc(index->slot_count * sizeof *index->slots);
  index->values = dds_alloc(count * sizeof *index->values);
  if (index->slots == NULL || index->values == NULL) {
    return dds_error_set_nomem(error);
  }
  if (!read_key(&keys[0], &name, &value) || !dds_json_string_append(name, &index->attribute)) {
    return dds_error_set(error, DDS_ERROR, "a key's attribute has no name");
  }
  for (size_t i = 0; i < count; i++) {
    insert(index, keys, i);
  }
  return dds_buffer_check(&index->attribute, error);
}

bool dds_key_index_find(const dds_key_index *index, const dds_item *item, size_t *number) {
  dds_value value;
  if (dds_json_type_of(item->json) != DDS_JSON_OBJECT ||
      !dds_item_find(item, dds_buffer_text(&index->attribute), index->attribute.length, &value)) {
    return false;
  }
  size_t slot = hash_of(&value) & (index->slot_count - 1);
  for (; index->slots[slot] != 0; slot = (slot + 1) & (index->slot_count - 1)) {
    *number = index->slots[slot] - 1;
    if (dds_value_equal(&value, &index->values[*number])) {
      return true;
    }
  }
  return false;
}

void dds_key_index_free(dds_key_index *index) {
  dds_free(index->slots);
  dds_free(index->values);
  dds_buffer_free(&index->attribute);
  *index = (dds_key_index){0};
}
