/* UTF-8, by the table of well-formed byte sequences in RFC 3629, section 4. */
#include "base/utf8.h"

#include "base/word.h"

static bool is_continuation(unsigned char byte) {
  return (byte & 0xC0) == 0x80;
}

/* Length of the well-formed sequence that starts at `bytes`, 0 where there is none. */
static size_t sequence_length(const unsigned char *bytes, size_t available) {
  unsigned char lead = bytes[0];
  if (lead < 0x80) {
    return 1;
  }
  if (lead < 0xC2 || lead > 0xF4 || available < 2) {
    return 0;
  }

  /* The second byte's range keeps out overlong forms, surrogates and what is above U+10FFFF. */
  unsigned char low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  unsigned char high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  if (bytes[1] < low || bytes[1] > high) {
    return 0;
  }

  size_t length = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  if (available < length) {
    return 0;
  }
  for (size_t i = 2; i < length; i++) {
    if (!is_continuation(bytes[i])) {
      return 0;
    }
  }
  return length;
}

size_t dds_utf8_valid_prefix(const char *bytes, size_t length) {
  size_t position = 0;
  while (position < length) {
    /* Most text is ASCII for long stretches. */
    if (length - position >= sizeof(uint64_t) &&
        (dds_word_load(bytes + position) & DDS_WORD_EACH_BYTE(0x80)) == 0) {
      position += sizeof(uint64_t);
      continue;
    }
    size_t step = sequence_length((const unsigned char *)bytes + position, length - position);
    if (step == 0) {
      break;
    }
    position += step;
  }
  return position;
}

bool dds_utf8_is_valid(const char *bytes, size_t length) {
  return dds_utf8_valid_prefix(bytes, length) == length;
}

size_t dds_utf8_encode(uint32_t code_point, char bytes[4]) {
  static const unsigned char lead_marks[] = {0x00, 0x00, 0xC0, 0xE0, 0xF0};
  size_t length = code_point < 0x80 ? 1 : code_point < 0x800 ? 2 : code_point < 0x10000 ? 3 : 4;
  uint32_t rest = code_point;
  for (size_t i = length - 1; i > 0; i--) {
    bytes[i] = (char)(0x80 | (rest & 0x3F));
    rest >>= 6;
  }
  bytes[0] = (char)(lead_marks[length] | rest);
  return length;
}

bool dds_utf8_has_control(const char *text) {
  while ((unsigned char)*text >= ' ' && *text != 0x7F) {
    text++;
  }
  return *text != '\0';
}
