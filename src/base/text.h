/* NUL-terminated texts, those that may be NULL: not given, and those of numbers and counts. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/error.h"

/* Whether both are the same bytes, or both NULL. */
bool dds_text_is_same(const char *left, const char *right);

/* NULL, empty or ASCII white space alone: nothing is given. */
bool dds_text_is_blank(const char *text);

/* Sets `*to` to a copy, which the caller owns (dds_free), NULL for NULL. What `*to` was is not
 * looked at. */
DDS_MUST_USE bool dds_text_copy(char **to, const char *from, dds_error *error);

/* As printf's %lld; returns how long the text is. */
enum { DDS_TEXT_INTEGER_BYTES = sizeof "-9223372036854775808" };
size_t dds_text_from_integer(int64_t number, char text[DDS_TEXT_INTEGER_BYTES]);

/* The value of a hexadecimal digit, or -1. */
static inline int dds_text_hex_value(char digit) {
  int lower = digit | 0x20;
  if (digit >= '0' && digit <= '9') {
    return digit - '0';
  }
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* What a noun ends with behind a count: "1 item", "0 items", "2.5 units". */
const char *dds_text_plural(double count);

/* Wipes and releases; NULL is allowed. */
void dds_text_free_secret(char *text);
