/* UTF-8 (RFC 3629), and the pairs of UTF-16. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* True for well-formed UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF. */
bool dds_utf8_is_valid(const char *bytes, size_t length);

/* Length of the longest well-formed prefix of at most `length` bytes: to cut text safely. */
size_t dds_utf8_valid_prefix(const char *bytes, size_t length);

/* Writes a code point (at most U+10FFFF, no surrogate) as 1 to 4 bytes; returns how many. */
size_t dds_utf8_encode(uint32_t code_point, char bytes[4]);

/* Whether a text holds a control character (below U+0020, or U+007F), which would end an HTTP
 * header or a line of a message early. */
bool dds_utf8_has_control(const char *text);

/* The halves of a pair in UTF-16 (RFC 2781), as escapes of JSON write a code point above U+FFFF. */
static inline bool dds_utf16_is_high(uint32_t unit) {
  return unit >= 0xD800 && unit <= 0xDBFF;
}

static inline bool dds_utf16_is_low(uint32_t unit) {
  return unit >= 0xDC00 && unit <= 0xDFFF;
}

/* The code point of such a pair. */
static inline uint32_t dds_utf16_join(uint32_t high, uint32_t low) {
  return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
}
