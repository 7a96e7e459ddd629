/* Items: any bytes as DynamoDB JSON, then every way that a value is read and written. */
#include <stdbool.h>
#include <string.h>

#include "dynamodb/item.h"
#include "fuzz.h"

enum { TEXT_BYTES = 1 << 18 };

/* Plain JSON written back over the value that it came from is that value. */
static void check_round_trip(const dds_value *value) {
  dds_error error = DDS_ERROR_INIT;
  dds_buffer plain = DDS_BUFFER_INIT(TEXT_BYTES), typed = DDS_BUFFER_INIT(TEXT_BYTES);
  dds_json json, json_again;
  dds_value again;
  dds_value_append_json(value, &plain);
  HOLDS(dds_buffer_check(&plain, &error));
  HOLDS(dds_json_parse(plain.data, plain.length, &json, NULL));
  if (dds_value_append_from_json(json, value, &typed, &error)) {
    HOLDS(dds_json_parse(typed.data, typed.length, &json_again, NULL));
    HOLDS(dds_value_read(json_again, &again));
    HOLDS(dds_value_equal(value, &again));
  } else {
    HOLDS(error.code != DDS_OK);
  }
  dds_buffer_free(&plain);
  dds_buffer_free(&typed);
}

static void check_value(const dds_item *item, dds_json name, const dds_value *value) {
  dds_buffer key = DDS_BUFFER_INIT(TEXT_BYTES), bytes = DDS_BUFFER_INIT(TEXT_BYTES);
  dds_value found;
  if (dds_json_string_append(name, &key)) {
    HOLDS(dds_item_find(item, dds_buffer_text(&key), key.length, &found));
    HOLDS(dds_value_equal(value, &found));
  }
  bool has_bytes = dds_value_append_bytes(value, &bytes);
  HOLDS(!has_bytes || value->type == DDS_TYPE_STRING || value->type == DDS_TYPE_NUMBER ||
        value->type == DDS_TYPE_BINARY);
  HOLDS(value->type != DDS_TYPE_STRING || dds_value_size_bytes(value) == bytes.length);
  check_round_trip(value);
  dds_buffer_free(&key);
  dds_buffer_free(&bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const char *text = (const char *)data;
  dds_error error = DDS_ERROR_INIT;
  dds_item item = {.json = {0}};
  dds_json name;
  dds_value value;
  size_t least_bytes = 0;
  if (size > TEXT_BYTES / 16) {
    return 0;
  }
  if (!dds_item_parse(text, size, &item, &error)) {
    HOLDS(error.code != DDS_OK);
    return 0;
  }
  HOLDS(dds_item_equal(&item, &item));
  dds_item_iterator iterator = dds_item_iterate(&item);
  while (dds_item_next(&iterator, &name, &value)) {
    check_value(&item, name, &value);
    least_bytes += dds_value_size_bytes(&value);
  }
  HOLDS(dds_item_size_bytes(&item) >= least_bytes);
  return 0;
}
