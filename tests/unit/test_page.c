/* The reader of pages: orders of members, items, the guess at what stands behind them, and bytes
 * that no server should send. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dynamodb/page.h"
#include "failing_allocator.h"
#include "page_fixture.h"

enum { TEXT_BYTES = 1 << 20 };

/* Reads a page to its end, or to the error: `name=value` of each member, `| item` of each item. */
static bool show(const char *text, size_t length, dds_buffer *shown, dds_error *error) {
  dds_page page;
  dds_item item;
  if (!dds_page_open(text, length, &page, error)) {
    assert_int_equal(page.member_count, 0);
    return false;
  }
  for (size_t i = 0; i < page.member_count; i++) {
    dds_json name = page.members[i].name;
    dds_json value = page.members[i].value;
    dds_buffer_append(shown, name.text + 1, name.length - 2);
    dds_buffer_append_char(shown, '=');
    dds_buffer_append(shown, value.text, value.length);
    dds_buffer_append_char(shown, ' ');
  }
  dds_buffer_append_text(shown, page.has_items ? "Items" : "");
  bool ok = dds_page_next(&page, &item, error);
  while (ok && item.json.text != NULL) {
    page_fixture_check_attributes(&item);
    dds_buffer_append_text(shown, " | ");
    dds_buffer_append(shown, item.json.text, item.json.length);
    ok = dds_page_next(&page, &item, error);
  }
  /* It stays at its end, and at its failure. */
  dds_error none = DDS_ERROR_INIT;
  assert_true(dds_page_next(&page, &item, &none) && item.json.text == NULL);
  dds_page_close(&page);
  return ok;
}

static void expect(const char *text, const char *expected) {
  char *copy = page_fixture_copy(text, strlen(text));
  dds_buffer shown = DDS_BUFFER_INIT(TEXT_BYTES);
  dds_error error = DDS_ERROR_INIT;
  if (!show(copy, strlen(text), &shown, &error)) {
    fail_msg("%s: %s", text, error.message);
  }
  assert_string_equal(dds_buffer_text(&shown), expected);
  dds_buffer_free(&shown);
  free(copy);
}

static void expect_refusal(const char *text, size_t length, const char *message) {
  char *copy = page_fixture_copy(text, length);
  dds_buffer shown = DDS_BUFFER_INIT(TEXT_BYTES);
  dds_error error = DDS_ERROR_INIT;
  if (show(copy, length, &shown, &error)) {
    fail_msg("accepted: %s", text);
  }
  if (strstr(error.message, message) == NULL) {
    fail_msg("%s: %s", text, error.message);
  }
  dds_buffer_free(&shown);
  free(copy);
}

static void reads_members_in_any_order(void **state) {
  (void)state;
  static const struct {
    const char *text;
    const char *expected;
  } cases[] = {
      {"{\"ConsumedCapacity\":{\"CapacityUnits\":0.5},\"Count\":1,\"Items\":[{\"a\":{\"S\":\"b\"}}]"
       ","
       "\"LastEvaluatedKey\":{\"a\":{\"S\":\"b\"}},\"ScannedCount\":1}",
       "ConsumedCapacity={\"CapacityUnits\":0.5} Count=1 LastEvaluatedKey={\"a\":{\"S\":\"b\"}} "
       "ScannedCount=1 Items | {\"a\":{\"S\":\"b\"}}"},
      {"{\"Items\":[{},{}],\"Count\":2}", "Count=2 Items | {} | {}"},
      {"{\"Count\":2,\"Items\":[{},{}]}", "Count=2 Items | {} | {}"},
      {"{\"Items\":[{}]}", "Items | {}"},
      {" {\n\"Items\" :\t[ { } ,\r{ } ] , \"Count\" : 2 } \n", "Count=2 Items | { } | { }"},
      {"{\"Items\":[],\"Count\":0}", "Count=0 Items"},
      {"{\"Items\":[ \n]}", "Items"},
      {"{\"\\u0049tems\":[{}],\"C\\u006funt\":1}", "C\\u006funt=1 Items | {}"},
      {"{\"Lists\":[[]],\"Items\":[{}]}", "Lists=[[]] Items | {}"},
      {"{}", ""},
      {" { } ", ""},
      {"{\"Count\":1,\"Responses\":[]}", "Count=1 Responses=[] "},
      {"{\"Items\":null}", "Items=null "},
      {"{\"items\":[{}]}", "items=[{}] "},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    expect(cases[i].text, cases[i].expected);
  }
}

/* What looks like the end of Items, or like members behind it, and is neither. */
static void is_not_led_astray(void **state) {
  (void)state;
  static const struct {
    const char *text;
    const char *expected;
  } cases[] = {
      {"{\"Items\":[{\"a\":{\"S\":\"}],\\\"Count\\\":9}\"}}],\"Count\":1}",
       "Count=1 Items | {\"a\":{\"S\":\"}],\\\"Count\\\":9}\"}}"},
      {"{\"Items\":[{\"a\":{\"S\":\"]}\"}}]}", "Items | {\"a\":{\"S\":\"]}\"}}"},
      {"{\"Items\":[{\"a\":{\"S\":\"],\"}},{\"b\":{\"S\":\":1}\"}}]}",
       "Items | {\"a\":{\"S\":\"],\"}} | {\"b\":{\"S\":\":1}\"}}"},
      {"{\"Items\":[{\"a\":{\"L\":[]}}]}", "Items | {\"a\":{\"L\":[]}}"},
      {"{\"Items\":[{\"a\":{\"L\":[{\"L\":[]}]}},{\"LastEvaluatedKey\":{\"M\":{"
       "\"LastEvaluatedKey\":"
       "{\"SS\":[\"x\"]}}}}]}",
       "Items | {\"a\":{\"L\":[{\"L\":[]}]}} | {\"LastEvaluatedKey\":{\"M\":{\"LastEvaluatedKey\":"
       "{\"SS\":[\"x\"]}}}}"},
      {"{\"Items\":[{}],\"LastEvaluatedKey\":{\"a\":{\"S\":\"x],\"},\"b\":{\"S\":\"]}\"}}}",
       "LastEvaluatedKey={\"a\":{\"S\":\"x],\"},\"b\":{\"S\":\"]}\"}} Items | {}"},
      {"{\"Items\":[{}],\"LastEvaluatedKey\":{\"a\":{\"S\":\"],\"},\"]\":{\"S\":\":\\\"]\"}}}",
       "LastEvaluatedKey={\"a\":{\"S\":\"],\"},\"]\":{\"S\":\":\\\"]\"}} Items | {}"},
      /* More brackets than are tried: a whole pass decides. */
      {"{\"Items\":[{},{\"a\":1}],\"LastEvaluatedKey\":\"]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]\"}",
       "LastEvaluatedKey=\"]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]\" Items | {} | {\"a\":1}"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    expect(cases[i].text, cases[i].expected);
  }
}

/* A key that is longer than what is guessed from: a whole pass decides, and no guess is given. */
static void reads_a_long_key(void **state) {
  (void)state;
  dds_buffer text = DDS_BUFFER_INIT(TEXT_BYTES);
  dds_buffer shown = DDS_BUFFER_INIT(TEXT_BYTES);
  dds_error error = DDS_ERROR_INIT;
  dds_json key;
  dds_buffer_append_text(&text, "{\"Items\":[{\"a\":2}],\"LastEvaluatedKey\":\"");
  while (text.length < DDS_PAGE_EDGE_BYTES + 100) {
    dds_buffer_append_char(&text, 'k');
  }
  dds_buffer_append_text(&text, "\"}");
  assert_true(show(text.data, text.length, &shown, &error));
  assert_non_null(strstr(dds_buffer_text(&shown), "kkk\" Items | {\"a\":2}"));
  assert_false(dds_page_peek(text.data, text.length, "LastEvaluatedKey", &key));
  text.data[text.length - 1] = ']';
  dds_buffer_clear(&shown);
  assert_false(show(text.data, text.length, &shown, &error));
  dds_buffer_free(&shown);
  dds_buffer_free(&text);
}

static void refuses_what_is_no_page(void **state) {
  (void)state;
  static const struct {
    const char *text;
    const char *message;
  } cases[] = {
      {"", "not valid JSON at byte 1 of 0"},
      {"[]", "not valid JSON at byte 1 of 2"},
      {"{", "not valid JSON at byte 2 of 1"},
      {"{}x", "not valid JSON at byte 3 of 3"},
      {"{\"Items\"}", "not valid JSON at byte 9 of 9"},
      {"{\"Items\":[{}", "not valid JSON"},
      {"{\"Items\":[{}}", "not valid JSON at byte 13 of 13"},
      {"{\"Items\":[{}]", "not valid JSON at byte 14 of 13"},
      {"{\"Items\":[{}]}}", "not valid JSON at byte 15 of 15"},
      {"{\"Items\":[{}],}", "not valid JSON at byte 15 of 15"},
      {"{\"Items\":[{},]}", "not valid JSON at byte 14 of 15"},
      {"{\"Items\":[,{}]}", "not valid JSON at byte 11 of 15"},
      {"{\"Items\":[{}{}]}", "not valid JSON at byte 13 of 16"},
      {"{\"Items\":[{\"a\"}]}", "not valid JSON at byte 15 of 17"},
      {"{\"Items\":[{\"a\":{\"S\":\"\t\"}}]}", "not valid JSON at byte 22 of 27"},
      {"{\"Items\":[{\"a\":{\"S\":\"\\x\"}}]}", "not valid JSON at byte 23 of 28"},
      {"{\"Items\":[{\"a\":{\"S\":\"\xc3\"}}]}", "not valid JSON at byte 22 of 27"},
      {"{\"Items\":[{\"a\":{\"S\":01}}]}", "not valid JSON at byte 22 of 26"},
      {"{\"Items\":[{\"a\":{\"S\":\"b\",}}]}", "not valid JSON at byte 25 of 28"},
      {"{\"Items\":[1]}", "one of its Items is no object"},
      {"{\"Items\":[{},[]]}", "one of its Items is no object"},
      {"{\"Items\":[x]}", "not valid JSON at byte 11 of 13"},
      {"{\"Items\":[{}],\"Items\":[{}]}", "do not end where its last members begin"},
      {"{\"Items\":[{}],\"Items\":1}", "it has Items twice"},
      {"{\"Items\":1,\"Items\":[{}]}", "it has Items twice"},
      {"{\"Items\":[{}],\"Lists\":[]}", "do not end where its last members begin"},
      {"{\"Items\":[],\"Lists\":[],\"Count\":0}", "do not end where its last members begin"},
      {"{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1,\"Items\":[{}],\"i\":1,"
       "\"j\":1,\"k\":1,\"l\":1,\"m\":1,\"n\":1,\"o\":1,\"p\":1,\"q\":1}",
       "more members"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    expect_refusal(cases[i].text, strlen(cases[i].text), cases[i].message);
  }
  expect_refusal("{\"Items\":[{}]\0}", 15, "not valid JSON at byte 14 of 15");
}

static const char whole_page[] =
    "{\"Count\":3,\"Items\":[{\"id\":{\"S\":\"a\\\"]\\u00e9\"},\"n\":{\"N\":\"-1.5\"}},{},"
    "{\"m\":{\"M\":{\"l\":{\"L\":[{\"NULL\":true},{\"BOOL\":false}]}}},\"\xc3\xa9\":{\"B\":\"YQ=="
    "\"}}"
    "],\"LastEvaluatedKey\":{\"id\":{\"S\":\"]\\\"}\"}},\"ScannedCount\":3}";

static void refuses_what_is_cut_off(void **state) {
  (void)state;
  for (size_t length = 0; length < strlen(whole_page); length++) {
    expect_refusal(whole_page, length, "not valid JSON");
  }
}

/* Refused is what is no JSON; of what is, no item is lost, none is made up. */
static void check_any(const char *text, size_t length) {
  char *copy = page_fixture_copy(text, length);
  dds_buffer shown = DDS_BUFFER_INIT(TEXT_BYTES);
  dds_error error = DDS_ERROR_INIT;
  dds_json answer;
  dds_json items;
  bool is_json = dds_json_parse(copy, length, &answer, NULL);
  bool is_read = show(copy, length, &shown, &error);
  assert_true(!is_read || is_json);
  if (is_json && !is_read) {
    assert_null(strstr(error.message, "not valid JSON"));
  }
  if (is_read && dds_json_find(answer, "Items", 5, &items) && items.text[0] == '[') {
    const char *next = strstr(dds_buffer_text(&shown), "Items | ");
    dds_json_iterator iterator = dds_json_iterate(items);
    dds_json item;
    while (dds_json_next(&iterator, NULL, &item)) {
      assert_non_null(next);
      next = strstr(next, " | ");
      assert_non_null(next);
      next += strlen(" | ");
      assert_memory_equal(next, item.text, item.length);
      next += item.length;
    }
    assert_true(next == NULL || *next == '\0');
  }
  dds_buffer_free(&shown);
  free(copy);
}

static void survives_garbage_anywhere(void **state) {
  (void)state;
  static const char garbage[] = "\"\\{}[]:, \n\t\0x1-\x80\xc3\xff";
  size_t length = strlen(whole_page);
  char text[sizeof whole_page + 1];
  for (size_t at = 0; at < length; at++) {
    for (size_t i = 0; i < sizeof garbage - 1; i++) {
      memcpy(text, whole_page, length);
      text[at] = garbage[i];
      check_any(text, length);
      memcpy(text + at + 1, whole_page + at, length - at);
      check_any(text, length + 1);
    }
    memcpy(text, whole_page, length);
    memmove(text + at, text + at + 1, length - at - 1);
    check_any(text, length - 1);
  }
}

static void reads_attributes_of_every_type(void **state) {
  (void)state;
  static const char text[] =
      "{\"Items\":[{\"s\":{\"S\":\"x\"},\"n\":{\"N\":\"1\"},\"b\":{\"B\":\"YQ==\"},"
      "\"t\":{\"BOOL\":true},\"0\":{\"NULL\":true},\"l\":{ \"L\" : [ ] },\"m\":{\"M\":{}},"
      "\"ss\":{\"SS\":[\"x\"]},\"ns\":{\"NS\":[\"1\"]},\"bs\":{\"BS\":[]},"
      "\"a\\u0062\\\"\\\\c\":{\"\\u0053\":\"\\\"\"},\"\":{\"S\":\"\"},"
      "\"none\":{},\"two\":{\"S\":\"x\",\"N\":\"1\"},\"other\":{\"X\":\"x\"},\"wrong\":{\"S\":1},"
      "\"bare\":\"x\",\"list\":[{\"S\":\"x\"}],\"wrong\":{\"S\":\"second\"},\"s\":{\"N\":\"2\"}}]}";
  static const struct {
    const char *name;
    dds_type type;
    const char *content; /* NULL: not found */
  } cases[] = {
      {"s", DDS_TYPE_STRING, "\"x\""},
      {"n", DDS_TYPE_NUMBER, "\"1\""},
      {"b", DDS_TYPE_BINARY, "\"YQ==\""},
      {"t", DDS_TYPE_BOOL, "true"},
      {"0", DDS_TYPE_NULL, "true"},
      {"l", DDS_TYPE_LIST, "[ ]"},
      {"m", DDS_TYPE_MAP, "{}"},
      {"ss", DDS_TYPE_STRING_SET, "[\"x\"]"},
      {"ns", DDS_TYPE_NUMBER_SET, "[\"1\"]"},
      {"bs", DDS_TYPE_BINARY_SET, "[]"},
      {"ab\"\\c", DDS_TYPE_STRING, "\"\\\"\""},
      {"", DDS_TYPE_STRING, "\"\""},
      {"none", DDS_TYPE_NULL, NULL},
      {"two", DDS_TYPE_NULL, NULL},
      {"other", DDS_TYPE_NULL, NULL},
      {"wrong", DDS_TYPE_NULL, NULL},
      {"bare", DDS_TYPE_NULL, NULL},
      {"list", DDS_TYPE_NULL, NULL},
      {"S", DDS_TYPE_NULL, NULL},
  };
  dds_page page;
  dds_item item;
  dds_error error = DDS_ERROR_INIT;
  assert_true(dds_page_open(text, strlen(text), &page, &error));
  assert_true(dds_page_next(&page, &item, &error));
  page_fixture_check_attributes(&item);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    dds_value value;
    const char *name = cases[i].name;
    if (dds_item_find(&item, name, strlen(name), &value) != (cases[i].content != NULL)) {
      fail_msg("%s is%s found", name, cases[i].content != NULL ? " not" : "");
    }
    if (cases[i].content != NULL) {
      assert_int_equal(value.type, cases[i].type);
      assert_int_equal(value.content.length, strlen(cases[i].content));
      assert_memory_equal(value.content.text, cases[i].content, value.content.length);
      assert_int_equal(value.is_plain, value.content.text[0] == '"' && i != 10);
    }
  }
  dds_page_close(&page);
}

enum { MANY = 1000 };

/* A page of one item with `MANY` attributes, and one with a few. */
static void append_many(dds_buffer *text) {
  dds_buffer_append_text(text, "{\"Items\":[{");
  for (int i = 0; i < MANY; i++) {
    dds_buffer_append_format(text, "%s\"a%d\":{\"N\":\"%d\"}", i > 0 ? "," : "", i, i);
  }
  dds_buffer_append_text(text, "},{\"a1\":{\"N\":\"0\"}}]}");
}

static void reads_a_thousand_attributes(void **state) {
  (void)state;
  dds_buffer text = DDS_BUFFER_INIT(TEXT_BYTES);
  dds_page page;
  dds_item item;
  dds_value value;
  dds_error error = DDS_ERROR_INIT;
  append_many(&text);
  assert_true(dds_page_open(text.data, text.length, &page, &error));
  assert_true(dds_page_next(&page, &item, &error));
  assert_int_equal(item.attribute_count, MANY);
  page_fixture_check_attributes(&item);
  assert_true(dds_item_find(&item, "a999", 4, &value));
  assert_memory_equal(value.content.text, "\"999\"", 5);
  assert_true(dds_page_next(&page, &item, &error));
  assert_int_equal(item.attribute_count, 1);
  page_fixture_check_attributes(&item);
  assert_true(dds_page_next(&page, &item, &error));
  assert_null(item.json.text);
  dds_page_close(&page);
  dds_buffer_free(&text);
}

static void survives_refused_allocations(void **state) {
  (void)state;
  dds_buffer text = DDS_BUFFER_INIT(TEXT_BYTES);
  append_many(&text);
  long refusals = 0;
  for (long nth = 1;; nth++) {
    dds_page page;
    dds_item item = {.json = {.text = ""}};
    dds_error error = DDS_ERROR_INIT;
    long before = failing_allocator_live_blocks();
    failing_allocator_refuse(nth);
    bool ok = dds_page_open(text.data, text.length, &page, &error);
    while (ok && item.json.text != NULL) {
      ok = dds_page_next(&page, &item, &error);
    }
    bool was_refused = failing_allocator_check(ok, &error);
    dds_page_close(&page);
    assert_int_equal(failing_allocator_live_blocks(), before);
    if (!was_refused) {
      break;
    }
    refusals++;
  }
  assert_true(refusals >= 7); /* 16 attributes, doubled to 1,024 */
  dds_buffer_free(&text);
}

/* As deep as a document may be, and a level deeper: where a value is typed, and where it is not. */
static void holds_to_the_depth_limit(void **state) {
  (void)state;
  static const struct {
    const char *before;
    size_t levels;
    const char *behind;
  } cases[] = {
      {"{\"Items\":[{\"a\":{\"L\":", 4, "}}]}"}, {"{\"Items\":[{\"a\":", 3, "}]}"},
      {"{\"Items\":[{\"a\":{\"X\":", 4, "}}]}"}, {"{\"Items\":[{}],\"a\":{\"b\":", 2, "}}"},
      {"{\"a\":", 1, ",\"Items\":[{}]}"},        {"{\"Items\":[", 2, "]}"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    for (size_t beyond = 0; beyond < 2; beyond++) {
      dds_buffer text = DDS_BUFFER_INIT(TEXT_BYTES);
      size_t levels = DDS_JSON_MAX_DEPTH - cases[i].levels + beyond;
      dds_buffer_append_text(&text, cases[i].before);
      for (size_t level = 0; level < levels; level++) {
        dds_buffer_append_char(&text, '[');
      }
      for (size_t level = 0; level < levels; level++) {
        dds_buffer_append_char(&text, ']');
      }
      dds_buffer_append_text(&text, cases[i].behind);
      dds_error error = DDS_ERROR_INIT;
      dds_buffer shown = DDS_BUFFER_INIT(TEXT_BYTES);
      bool ok = show(text.data, text.length, &shown, &error);
      bool is_too_deep = strstr(error.message, "not valid JSON") != NULL;
      bool is_item = strcmp(cases[i].before, "{\"Items\":[") == 0;
      assert_int_equal(is_too_deep, beyond == 1);
      assert_int_equal(ok, beyond == 0 && !is_item);
      dds_buffer_free(&shown);
      dds_buffer_free(&text);
    }
  }
}

static void peeks_around_the_items(void **state) {
  (void)state;
  static const struct {
    const char *text;
    const char *expected; /* NULL: nothing */
  } cases[] = {
      {"{\"Items\":[{}],\"LastEvaluatedKey\":{\"a\":1},\"ScannedCount\":1}", "{\"a\":1}"},
      {"{\"LastEvaluatedKey\":{\"a\":1},\"Items\":[{}]}", "{\"a\":1}"},
      {"{\"Items\":[what ever],\"LastEvaluatedKey\":1}", "1"},
      {"{\"LastEvaluatedKey\":1}", "1"},
      {"{\"Items\":[{\"LastEvaluatedKey\":1}],\"Count\":1}", NULL},
      {"{\"Items\":[{}],\"LastEvaluatedKey\":1", NULL},
      {"{\"Items\":[{}],\"LastEvaluatedKey\":01}", NULL},
      {"{\"Items\":[{}],\"LastEvaluatedKey\":1}}", NULL},
      {"{\"Count\":x,\"Items\":[{}],\"LastEvaluatedKey\":1}", NULL},
      {"\"LastEvaluatedKey\":1}", NULL},
      {"", NULL},
      {"{", NULL},
      {"[", NULL},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    size_t length = strlen(cases[i].text);
    char *copy = page_fixture_copy(cases[i].text, length);
    dds_json value;
    bool is_found = dds_page_peek(copy, length, "LastEvaluatedKey", &value);
    if (is_found != (cases[i].expected != NULL)) {
      fail_msg("%s", cases[i].text);
    }
    if (is_found) {
      assert_int_equal(value.length, strlen(cases[i].expected));
      assert_memory_equal(value.text, cases[i].expected, value.length);
    }
    free(copy);
  }
}

/* Of a long answer the ends are looked at alone: items that are no JSON in its middle show so. */
static void peeks_at_the_ends_alone(void **state) {
  (void)state;
  enum { BETWEEN = 4 * DDS_PAGE_EDGE_BYTES };
  static const char head[] = "{\"Count\":1,\"Items\":[";
  static const char tail[] = "],\"LastEvaluatedKey\":{\"a\":{\"S\":\"]\"}}}";
  dds_buffer text = DDS_BUFFER_INIT(TEXT_BYTES);
  dds_json value;
  dds_buffer_append_text(&text, head);
  for (size_t i = 0; i < BETWEEN; i++) {
    dds_buffer_append_char(&text, '\x01');
  }
  dds_buffer_append_text(&text, tail);
  assert_true(dds_page_peek(text.data, text.length, "LastEvaluatedKey", &value));
  assert_memory_equal(value.text, "{\"a\":{\"S\":\"]\"}}", value.length);
  assert_true(dds_page_peek(text.data, text.length, "Count", &value));
  assert_memory_equal(value.text, "1", value.length);
  text.data[strlen(head) - 1] = ' '; /* no Items near the front */
  assert_false(dds_page_peek(text.data, text.length, "Count", &value));
  dds_buffer_free(&text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_members_in_any_order),
      cmocka_unit_test(is_not_led_astray),
      cmocka_unit_test(reads_a_long_key),
      cmocka_unit_test(refuses_what_is_no_page),
      cmocka_unit_test(refuses_what_is_cut_off),
      cmocka_unit_test(survives_garbage_anywhere),
      cmocka_unit_test(reads_attributes_of_every_type),
      cmocka_unit_test(reads_a_thousand_attributes),
      cmocka_unit_test(survives_refused_allocations),
      cmocka_unit_test(holds_to_the_depth_limit),
      cmocka_unit_test(peeks_around_the_items),
      cmocka_unit_test(peeks_at_the_ends_alone),
  };
  return cmocka_run_group_tests(tests, failing_allocator_set_up, NULL);
}
