/* Copies of answers, and items beside their text. */
#include "page_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { NAME_BYTES = 1 << 20 };

char *page_fixture_copy(const char *text, size_t length) {
  char *copy = malloc(length == 0 ? 1 : length);
  assert_non_null(copy);
  memcpy(copy, text, length);
  return copy;
}

static void check_name(const dds_item *item, const char *name, size_t length) {
  const dds_item plain = {.json = item->json};
  dds_value expected;
  dds_value found;
  bool exists = dds_item_find(&plain, name, length, &expected);
  assert_int_equal(dds_item_find(item, name, length, &found), exists);
  if (exists) {
    assert_int_equal(found.type, expected.type);
    assert_ptr_equal(found.typed.text, expected.typed.text);
    assert_int_equal(found.typed.length, expected.typed.length);
    assert_ptr_equal(found.content.text, expected.content.text);
    assert_int_equal(found.content.length, expected.content.length);
  }
}

void page_fixture_check_attributes(const dds_item *item) {
  dds_json_iterator members = dds_json_iterate(item->json);
  dds_json name;
  dds_json typed;
  size_t count = 0;
  while (dds_json_next(&members, &name, &typed)) {
    dds_buffer bytes = DDS_BUFFER_INIT(NAME_BYTES);
    if (dds_json_string_append(name, &bytes)) {
      check_name(item, dds_buffer_text(&bytes), bytes.length);
    }
    dds_buffer_free(&bytes);
    count++;
  }
  assert_int_equal(item->attribute_count, count);
}
