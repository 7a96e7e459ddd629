/* Comparing, copying and wiping texts. */
#include "base/text.h"

#include <string.h>

#include "base/alloc.h"

bool dds_text_is_same(const char *left, const char *right) {
  return left == right || (left != NULL && right != NULL && strcmp(left, right) == 0);
}

bool dds_text_is_blank(const char *text) {
  return text == NULL || text[strspn(text, " \t\r\n\v\f")] == '\0';
}

bool dds_text_copy(char **to, const char *from, dds_error *error) {
  *to = from == NULL ? NULL : dds_alloc_copy(from, strlen(from));
  return *to != NULL || from == NULL || dds_error_set_nomem(error);
}

size_t dds_text_from_integer(int64_t number, char text[DDS_TEXT_INTEGER_BYTES]) {
  char reversed[DDS_TEXT_INTEGER_BYTES];
  uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
  size_t digits = 0, length = 0;
  do {
    reversed[digits++] = (char)('0' + rest % 10);
    rest /= 10;
  } while (rest > 0);
  if (number < 0) {
    text[length++] = '-';
  }
  while (digits > 0) {
    text[length++] = reversed[--digits];
  }
  text[length] = '\0';
  return length;
}

const char *dds_text_plural(double count) {
  return count == 1.0 ? "" : "s";
}

void dds_text_free_secret(char *text) {
  dds_free_secret(text, text == NULL ? 0 : strlen(text));
}
