/* Answers that are read as a whole, any bytes, beside the plain reader: the same texts are answers,
 * the same members are in them, and what is noted is what stands in the first Item or Responses. */
#include <stdbool.h>
#include <string.h>

#include "dynamodb/page.h"
#include "fuzz.h"

enum { MOST_BYTES = 1 << 13 };

static bool is_same(dds_json left, dds_json right) {
  return left.text == right.text && left.length == right.length;
}

static bool is_named(dds_json name, const char *wanted) {
  return dds_json_string_equals(name, wanted, strlen(wanted));
}

/* The attributes stand in the index in the order of the text. */
static void check_item(const dds_item *item) {
  dds_json_iterator members = dds_json_iterate(item->json);
  dds_json name, typed;
  size_t count = 0;
  for (; dds_json_next(&members, &name, &typed); count++) {
    dds_value value;
    HOLDS(count < item->attribute_count);
    const dds_attribute *attribute = &item->attributes[count];
    HOLDS(is_same(attribute->name, name) && is_same(attribute->value.typed, typed));
    bool is_typed = dds_value_read(typed, &value);
    HOLDS(is_typed == (attribute->value.content.text != NULL));
    HOLDS(!is_typed || (value.type == attribute->value.type &&
                        is_same(value.content, attribute->value.content)));
    HOLDS(!attribute->value.is_plain ||
          memchr(value.content.text, '\\', value.content.length) == NULL);
  }
  HOLDS(count == item->attribute_count);
}

/* Whether it is {"table": [{…}, …], …}; how many objects, tables. */
static bool count_items(dds_json responses, size_t *items, size_t *tables) {
  dds_json list, item;
  *items = 0;
  *tables = 0;
  if (dds_json_type_of(responses) != DDS_JSON_OBJECT) {
    return false;
  }
  for (dds_json_iterator i = dds_json_iterate(responses); dds_json_next(&i, NULL, &list);) {
    if (dds_json_type_of(list) != DDS_JSON_ARRAY) {
      return false;
    }
    ++*tables;
    for (dds_json_iterator j = dds_json_iterate(list); dds_json_next(&j, NULL, &item);) {
      if (dds_json_type_of(item) != DDS_JSON_OBJECT) {
        return false;
      }
      ++*items;
    }
  }
  return true;
}

static void check_responses(const dds_page *page, dds_json responses) {
  dds_json table, list, item;
  size_t at = 0;
  for (dds_json_iterator i = dds_json_iterate(responses); dds_json_next(&i, &table, &list);) {
    HOLDS(at > 0 || dds_json_type_of(page->first_table) == DDS_JSON_STRING);
    for (dds_json_iterator j = dds_json_iterate(list); dds_json_next(&j, NULL, &item); at++) {
      HOLDS(is_same(page->noted[at].json, item));
      check_item(&page->noted[at]);
    }
  }
}

/* Looks for the member whose items must have been noted. */
static void check_noted(const dds_page *page, dds_json answer) {
  dds_json name, value;
  size_t items = 0, tables = 0;
  for (dds_json_iterator i = dds_json_iterate(answer); dds_json_next(&i, &name, &value);) {
    if (is_named(name, "Item") && dds_json_type_of(value) == DDS_JSON_OBJECT) {
      HOLDS(page->has_item && !page->has_responses && page->noted_count == 0);
      HOLDS(is_same(page->item.json, value));
      check_item(&page->item);
      return;
    }
    if (is_named(name, "Responses") && count_items(value, &items, &tables)) {
      HOLDS(page->has_responses && !page->has_item && page->noted_count == items);
      HOLDS(page->table_count == tables);
      check_responses(page, value);
      return;
    }
  }
  HOLDS(!page->has_item && !page->has_responses && page->noted_count == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const char *text = (const char *)data;
  dds_error error = DDS_ERROR_INIT;
  dds_page page;
  dds_json plain, answer, name, value;
  if (size > MOST_BYTES) {
    return 0;
  }
  bool is_object =
      dds_json_parse(text, size, &plain, NULL) && dds_json_type_of(plain) == DDS_JSON_OBJECT;
  HOLDS(dds_page_read_whole(text, size, &page, &answer, &error) == is_object);
  HOLDS(is_object || (page.member_count == 0 && error.code == DDS_ERROR));
  if (is_object) {
    size_t count = 0;
    HOLDS(is_same(answer, plain));
    for (dds_json_iterator i = dds_json_iterate(plain);
         dds_json_next(&i, &name, &value) && count < DDS_PAGE_MAX_MEMBERS; count++) {
      HOLDS(is_same(page.members[count].name, name));
      HOLDS(is_same(page.members[count].value, value));
    }
    HOLDS(page.member_count == count);
    check_noted(&page, plain);
  }
  dds_page_close(&page);
  return 0;
}
