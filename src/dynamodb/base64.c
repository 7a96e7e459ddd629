/* Base64 inside JSON strings, whose slashes may be escaped. */
#include "dynamodb/base64.h"

#include "base/hash.h"

/* Decodes on the fly. */
typedef struct decoder {
  dds_json_bytes characters;
  unsigned bits; /* not given out yet, `bit_count` of them */
  int bit_count;
} decoder;

/* The next byte, negative at the padding or the end. */
static int next_byte(decoder *from) {
  while (from->bit_count < 8) {
    int six = dds_hash_base64_value(dds_json_bytes_next(&from->characters));
    if (six < 0) {
      return -1;
    }
    from->bits = (from->bits << 6 | (unsigned)six) & 0xFFFF;
    from->bit_count += 6;
  }
  from->bit_count -= 8;
  return (int)(from->bits >> from->bit_count & 0xFF);
}

bool dds_base64_append(dds_json string, dds_buffer *bytes) {
  const char *text;
  size_t length;
  if (dds_json_string_is_plain(string, &text, &length)) {
    return dds_hash_append_base64_decoded(bytes, text, length);
  }
  if (!dds_base64_is_valid(string)) {
    return false;
  }
  decoder from = {.characters = dds_json_string_bytes(string)};
  for (int byte = next_byte(&from); byte >= 0; byte = next_byte(&from)) {
    dds_buffer_append_char(bytes, (char)byte);
  }
  return true;
}

bool dds_base64_is_valid(dds_json string) {
  dds_json_bytes characters = dds_json_string_bytes(string);
  size_t digits = 0;
  int character = dds_json_bytes_next(&characters);
  for (; dds_hash_base64_value(character) >= 0; character = dds_json_bytes_next(&characters)) {
    digits++;
  }
  size_t padding = 0;
  for (; character == '='; character = dds_json_bytes_next(&characters)) {
    padding++;
  }
  return character < 0 && padding <= 2 && (digits + padding) % 4 == 0;
}

int dds_base64_compare(dds_json left, dds_json right) {
  decoder left_bytes = {.characters = dds_json_string_bytes(left)};
  decoder right_bytes = {.characters = dds_json_string_bytes(right)};
  for (;;) {
    int left_byte = next_byte(&left_bytes);
    int right_byte = next_byte(&right_bytes);
    if (left_byte != right_byte) {
      return left_byte < right_byte ? -1 : 1;
    }
    if (left_byte < 0) {
      return 0;
    }
  }
}

size_t dds_base64_decoded_length(dds_json string) {
  dds_json_bytes characters = dds_json_string_bytes(string);
  size_t digits = 0;
  while (dds_hash_base64_value(dds_json_bytes_next(&characters)) >= 0) {
    digits++;
  }
  return digits * 6 / 8;
}
