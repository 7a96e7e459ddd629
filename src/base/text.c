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

void dds_text_free_secret(char *text) {
  dds_free_secret(text, text == NULL ? 0 : strlen(text));
}
