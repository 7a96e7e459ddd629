/* Answers in XML: any bytes as a document, asked for what STS's answers hold. */
#include <stdbool.h>
#include <string.h>

#include "aws/xml.h"
#include "base/utf8.h"
#include "fuzz.h"

enum { TEXT_BYTES = 1 << 16, NAMES = 3 };

static const char *const paths[][NAMES] = {
    {"a", NULL, NULL},
    {"a", "b", NULL},
    {"Error", "Code", NULL},
    {"Credentials", "AccessKeyId", NULL},
    {"AssumeRoleResult", "Credentials", "SessionToken"},
};

static bool find(const char *xml, size_t length, const char *const *path, dds_buffer *text) {
  size_t names = 0;
  while (names < NAMES && path[names] != NULL) {
    names++;
  }
  return dds_xml_find(xml, length, path, names, text);
}

static bool is_space(char byte) {
  return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

/* A document that was cut anywhere before its last byte gives nothing: half an answer is none. */
static void check_cut(const char *xml, size_t length, const char *const *path) {
  dds_buffer text = DDS_BUFFER_INIT(TEXT_BYTES);
  while (length > 0 && is_space(xml[length - 1])) {
    length--;
  }
  HOLDS(length > 0 && xml[length - 1] == '>');
  HOLDS(!find(xml, length - 1, path, &text));
  HOLDS(text.length == 0);
  dds_buffer_free(&text);
}

/* One level more is the same document, unless it is one too many. */
static void check_wrapped(const char *xml, size_t length, const char *const *path,
                          const dds_buffer *text) {
  dds_buffer wrapped = DDS_BUFFER_INIT(TEXT_BYTES), again = DDS_BUFFER_INIT(TEXT_BYTES);
  dds_buffer_append_text(&wrapped, "<Wrap>");
  dds_buffer_append(&wrapped, xml, length);
  dds_buffer_append_text(&wrapped, "</Wrap>");
  if (find(wrapped.data, wrapped.length, path, &again)) {
    HOLDS(again.length == text->length);
    HOLDS(strcmp(dds_buffer_text(&again), dds_buffer_text(text)) == 0);
  }
  dds_buffer_free(&wrapped);
  dds_buffer_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const char *xml = (const char *)data;
  if (size > TEXT_BYTES / 4) {
    return 0;
  }
  for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
    dds_buffer text = DDS_BUFFER_INIT(TEXT_BYTES), again = DDS_BUFFER_INIT(TEXT_BYTES);
    bool is_found = find(xml, size, paths[i], &text);
    HOLDS(find(xml, size, paths[i], &again) == is_found);
    HOLDS(again.length == text.length);
    HOLDS(is_found || text.length == 0);
    if (is_found) {
      HOLDS(dds_utf8_is_valid(xml, size));
      HOLDS(dds_utf8_is_valid(dds_buffer_text(&text), text.length));
      check_cut(xml, size, paths[i]);
      check_wrapped(xml, size, paths[i], &text);
    }
    dds_buffer_free(&text);
    dds_buffer_free(&again);
  }
  return 0;
}
