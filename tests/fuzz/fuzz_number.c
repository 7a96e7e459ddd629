/* DynamoDB's numbers: any bytes as the text of one. */
#include <stdbool.h>
#include <string.h>

#include "dynamodb/json.h"
#include "dynamodb/number.h"
#include "fuzz.h"

enum { TEXT_BYTES = 4096 };

/* There and back by a power of ten. */
static void check_scaled(const char *text, size_t length) {
  dds_buffer there = DDS_BUFFER_INIT(TEXT_BYTES), back = DDS_BUFFER_INIT(TEXT_BYTES);
  dds_number_append_scaled(&there, text, length, 3);
  dds_number_append_scaled(&back, dds_buffer_text(&there), there.length, -3);
  HOLDS(dds_number_compare(text, length, dds_buffer_text(&back), back.length) == 0);
  dds_buffer_free(&there);
  dds_buffer_free(&back);
}

/* The decimals of a double enclose every text that reads as it. */
static void check_double(const char *text, size_t length) {
  dds_buffer low = DDS_BUFFER_INIT(TEXT_BYTES), high = DDS_BUFFER_INIT(TEXT_BYTES);
  dds_buffer shortest = DDS_BUFFER_INIT(TEXT_BYTES);
  double value = dds_number_to_double(text, length);
  if (dds_number_append_double(&shortest, value)) {
    HOLDS(dds_number_to_double(dds_buffer_text(&shortest), shortest.length) == value);
  }
  if (dds_number_bounds(value, &low, &high)) {
    HOLDS(dds_number_compare(dds_buffer_text(&low), low.length, text, length) <= 0);
    HOLDS(dds_number_compare(text, length, dds_buffer_text(&high), high.length) <= 0);
  }
  dds_buffer_free(&low);
  dds_buffer_free(&high);
  dds_buffer_free(&shortest);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const char *text = (const char *)data;
  dds_json json;
  int64_t integer;
  if (size > TEXT_BYTES / 4) {
    return 0;
  }
  dds_number_status status = dds_number_check(text, size);
  bool is_json = dds_json_parse(text, size, &json, NULL) && json.length == size &&
                 dds_json_type_of(json) == DDS_JSON_NUMBER;
  HOLDS(is_json == (status != DDS_NUMBER_NOT_A_NUMBER));
  if (dds_number_to_integer(text, size, &integer)) {
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%lld", (long long)integer);
    HOLDS(is_json && dds_number_compare(text, size, digits, (size_t)length) == 0);
  }
  if (is_json) {
    HOLDS(dds_number_compare(text, size, text, size) == 0);
  }
  if (status == DDS_NUMBER_OK) {
    HOLDS(dds_number_size_bytes(text, size) <= 22);
    check_scaled(text, size);
    check_double(text, size);
  }
  return 0;
}
