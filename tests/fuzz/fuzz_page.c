/* Pages as an endpoint gives them: any bytes, read item by item, beside a whole reading. */
#include <stdbool.h>
#include <string.h>

#include "dynamodb/page.h"
#include "fuzz.h"

enum { TEXT_BYTES = 1 << 16 };

static bool is_inside(dds_json part, const char *text, size_t size) {
  return part.text >= text && part.text + part.length <= text + size;
}

static void check_value(dds_json value, const char *text, size_t size) {
  dds_json again;
  HOLDS(is_inside(value, text, size));
  HOLDS(dds_json_parse(value.text, value.length, &again, NULL));
  HOLDS(again.text == value.text && again.length == value.length);
}

/* Each attribute is found by its name, the first of a name, as a search in the text finds it. */
static void check_item(const dds_item *item, const char *text, size_t size) {
  const dds_item plain = dds_item_of(item->json.text, item->json.length);
  check_value(item->json, text, size);
  for (size_t i = 0; i < item->attribute_count; i++) {
    const dds_attribute *attribute = &item->attributes[i];
    dds_buffer name = DDS_BUFFER_INIT(TEXT_BYTES);
    dds_value found, expected;
    check_value(attribute->name, item->json.text, item->json.length);
    check_value(attribute->value.typed, item->json.text, item->json.length);
    if (dds_json_string_append(attribute->name, &name)) {
      const char *bytes = dds_buffer_text(&name);
      bool exists = dds_item_find(&plain, bytes, name.length, &expected);
      HOLDS(dds_item_find(item, bytes, name.length, &found) == exists);
      HOLDS(!exists || (found.type == expected.type && found.typed.text == expected.typed.text &&
                        found.content.text == expected.content.text &&
                        found.content.length == expected.content.length));
      HOLDS(!exists || !found.is_plain ||
            memchr(found.content.text, '\\', found.content.length) == NULL);
    }
    dds_buffer_free(&name);
  }
}

/* The elements of the first Items that is an array. */
static dds_json_iterator items_of(const dds_json *answer) {
  dds_json_iterator members = dds_json_iterate(*answer);
  dds_json name, value;
  while (dds_json_next(&members, &name, &value)) {
    if (dds_json_string_equals(name, "Items", strlen("Items")) &&
        dds_json_type_of(value) == DDS_JSON_ARRAY) {
      return dds_json_iterate(value);
    }
  }
  return (dds_json_iterator){0};
}

/* What the page gives is what a whole reading of the same answer gives, item for item. */
static void check_items(dds_page *page, const char *text, size_t size, const dds_json *answer) {
  dds_json expected;
  dds_item item;
  dds_error error = DDS_ERROR_INIT;
  dds_json_iterator iterator = {0};
  if (answer != NULL) {
    iterator = items_of(answer);
  }
  bool ok;
  while ((ok = dds_page_next(page, &item, &error)) && item.json.text != NULL) {
    check_item(&item, text, size);
    if (answer != NULL && page->has_items) {
      HOLDS(dds_json_next(&iterator, NULL, &expected));
      HOLDS(item.json.text == expected.text && item.json.length == expected.length);
    }
  }
  HOLDS(ok || error.code == DDS_ERROR);
  HOLDS(!ok || answer != NULL);
  HOLDS(!ok || !page->has_items || !dds_json_next(&iterator, NULL, &expected));
  HOLDS(ok || answer == NULL || strstr(error.message, "JSON") == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const char *text = (const char *)data;
  dds_error error = DDS_ERROR_INIT;
  dds_page page;
  dds_json answer, guess, value;
  if (size > TEXT_BYTES / 8) {
    return 0;
  }
  bool is_json = dds_json_parse(text, size, &answer, NULL);
  bool is_guessed = dds_page_peek(text, size, "LastEvaluatedKey", &guess);
  if (is_guessed) {
    check_value(guess, text, size);
  }
  if (!dds_page_open(text, size, &page, &error)) {
    HOLDS(!is_json || dds_json_type_of(answer) != DDS_JSON_OBJECT ||
          strstr(error.message, "JSON") == NULL);
    return 0;
  }
  for (size_t i = 0; i < page.member_count; i++) {
    check_value(page.members[i].name, text, size);
    check_value(page.members[i].value, text, size);
  }
  if (is_guessed) {
    HOLDS(dds_page_find(&page, "LastEvaluatedKey", &value));
    HOLDS(value.text == guess.text && value.length == guess.length);
  }
  check_items(&page, text, size, is_json ? &answer : NULL);
  dds_page_close(&page);
  return 0;
}
