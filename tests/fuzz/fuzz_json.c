/* JSON as servers and users give it: any bytes as a text, then every value in it. */
#include <stdbool.h>
#include <string.h>

#include "base/utf8.h"
#include "dynamodb/json.h"
#include "dynamodb/json_edit.h"
#include "fuzz.h"

enum { TEXT_BYTES = 1 << 16, MOST_LEVELS = 40 };

/* A string decodes to what its length, its bytes and its comparisons say. */
static void check_string(dds_json string) {
  dds_buffer bytes = DDS_BUFFER_INIT(TEXT_BYTES);
  const char *plain;
  size_t plain_length;
  size_t count = 0;
  bool is_text = dds_json_string_append(string, &bytes);
  HOLDS(is_text == dds_json_string_is_text(string));
  dds_json_bytes walk = dds_json_string_bytes(string);
  for (int byte; (byte = dds_json_bytes_next(&walk)) >= 0; count++) {
    HOLDS(!is_text || (unsigned char)bytes.data[count] == (unsigned int)byte);
  }
  HOLDS(count == dds_json_string_length(string));
  HOLDS(dds_json_string_compare(string, string) == 0);
  if (is_text) {
    HOLDS(bytes.length == count);
    HOLDS(dds_utf8_is_valid(dds_buffer_text(&bytes), bytes.length));
    HOLDS(dds_json_string_equals(string, dds_buffer_text(&bytes), bytes.length));
  }
  if (dds_json_string_is_plain(string, &plain, &plain_length)) {
    HOLDS(is_text && plain_length == bytes.length);
    HOLDS(plain_length == 0 || memcmp(plain, bytes.data, plain_length) == 0);
  }
  dds_buffer_free(&bytes);
}

/* A part lies inside its whole, and is JSON by itself. */
static void check_part(dds_json whole, dds_json part) {
  dds_json again;
  HOLDS(part.length > 0 && part.text >= whole.text);
  HOLDS(part.text + part.length <= whole.text + whole.length);
  HOLDS(dds_json_parse(part.text, part.length, &again, NULL));
  HOLDS(again.text == part.text && again.length == part.length);
}

static void check_value(dds_json value, int level) {
  dds_json_type type = dds_json_type_of(value);
  dds_json_iterator iterator = dds_json_iterate(value);
  dds_json key, member, found;
  size_t members = 0;
  HOLDS(dds_json_equal(value, value));
  if (type == DDS_JSON_STRING) {
    check_string(value);
  }
  while (level < MOST_LEVELS && dds_json_next(&iterator, &key, &member)) {
    members++;
    check_part(value, member);
    check_value(member, level + 1);
    if (type == DDS_JSON_OBJECT) {
      dds_buffer name = DDS_BUFFER_INIT(TEXT_BYTES);
      check_part(value, key);
      check_string(key);
      if (dds_json_string_append(key, &name)) {
        /* Of duplicates the last. */
        HOLDS(dds_json_find(value, dds_buffer_text(&name), name.length, &found));
        HOLDS(found.text >= member.text);
      }
      dds_buffer_free(&name);
    }
  }
  HOLDS(members == 0 || type == DDS_JSON_ARRAY || type == DDS_JSON_OBJECT);
}

/* What was set is there, and the rest is what it was. */
static void check_edit(dds_json root) {
  static const char *const path[] = {"a"};
  static const char replacement[] = "[1,\"\\u0000\"]";
  dds_buffer edited = DDS_BUFFER_INIT(TEXT_BYTES);
  dds_json whole, found;
  bool is_set = dds_json_edit_set(root, path, 1, replacement, sizeof replacement - 1, &edited);
  HOLDS(is_set == (dds_json_type_of(root) == DDS_JSON_OBJECT));
  if (is_set) {
    HOLDS(dds_json_parse(edited.data, edited.length, &whole, NULL));
    HOLDS(dds_json_find(whole, "a", 1, &found));
    HOLDS(found.length == sizeof replacement - 1);
    HOLDS(memcmp(found.text, replacement, found.length) == 0);
  }
  dds_buffer_free(&edited);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const char *text = (const char *)data;
  dds_json value, again;
  size_t where = 0, where_again = 0;
  if (size > TEXT_BYTES / 8) {
    return 0;
  }
  bool is_valid = dds_json_parse(text, size, &value, &where);
  HOLDS(dds_json_parse(text, size, &again, &where_again) == is_valid);
  if (!is_valid) {
    HOLDS(where == where_again && where <= size);
    return 0;
  }
  HOLDS(again.text == value.text && again.length == value.length);
  HOLDS(dds_utf8_is_valid(text, size));
  check_part((dds_json){text, size}, value);
  check_value(value, 0);
  check_edit(value);
  return 0;
}
