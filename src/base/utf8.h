/* UTF-8 (RFC 3629). */
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
