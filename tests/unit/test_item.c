/* Items: reading, checking, comparing, measuring, and conversion to plain JSON and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dynamodb/item.h"
#include "failing_allocator.h"

static dds_item item_of(const char *text) {
  dds_item item = {.json = {0}};
  if (!dds_json_parse(text, strlen(text), &item.json, NULL)) {
    fail_msg("no JSON: %s", text);
  }
  return item;
}

static dds_value value_of(const char *text) {
  dds_value value;
  if (!dds_value_read(item_of(text).json, &value)) {
    fail_msg("no value: %s", text);
  }
  return value;
}

#define EVERY_TYPE                                                                                 \
  "{\"id\":{\"S\":\"a\\u0000\xc3\xa9\"},\"n\":{\"N\":\"-12.50\"},\"b\":{\"B\":\"AP8Q\"},"          \
  "\"t\":{\"BOOL\":true},\"f\":{\"BOOL\":false},\"z\":{\"NULL\":true},"                            \
  "\"l\":{\"L\":[{\"S\":\"x\"},{\"N\":\"1\"}]},\"m\":{\"M\":{\"k\":{\"N\":\"1\"},\"e\":{\"M\":{}}" \
  "}},"                                                                                            \
  "\"ss\":{\"SS\":[\"x\",\"yy\"]},\"ns\":{\"NS\":[\"1\",\"2.5\"]},\"bs\":{\"BS\":[\"QQ==\"]}}"

static void finds_attributes_by_type(void **state) {
  (void)state;
  static const struct {
    const char *name;
    dds_type type;
  } expected[] = {
      {"id", DDS_TYPE_STRING},     {"n", DDS_TYPE_NUMBER},      {"b", DDS_TYPE_BINARY},
      {"t", DDS_TYPE_BOOL},        {"f", DDS_TYPE_BOOL},        {"z", DDS_TYPE_NULL},
      {"l", DDS_TYPE_LIST},        {"m", DDS_TYPE_MAP},         {"ss", DDS_TYPE_STRING_SET},
      {"ns", DDS_TYPE_NUMBER_SET}, {"bs", DDS_TYPE_BINARY_SET},
  };
  dds_item item = {.json = {0}};
  dds_error error = DDS_ERROR_INIT;
  assert_true(dds_item_parse(EVERY_TYPE, sizeof EVERY_TYPE - 1, &item, &error));
  dds_item_iterator iterator = dds_item_iterate(&item);
  for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
    dds_value value;
    dds_value walked;
    dds_json name;
    assert_true(dds_item_find(&item, expected[i].name, strlen(expected[i].name), &value));
    assert_int_equal(value.type, expected[i].type);
    assert_true(dds_item_next(&iterator, &name, &walked));
    assert_true(dds_json_string_equals(name, expected[i].name, strlen(expected[i].name)));
    assert_ptr_equal(walked.content.text, value.content.text);
  }
  dds_value value;
  assert_false(dds_item_find(&item, "none", 4, &value));
  dds_item missing = {0};
  assert_false(dds_item_find(&missing, "id", 2, &value));
  assert_true(dds_item_find(&item, "t", 1, &value) && dds_value_is_true(&value));
  assert_true(dds_item_find(&item, "f", 1, &value) && !dds_value_is_true(&value));
}

/* An index changes nothing of what is found; one that has no room for all is none. */
static void finds_the_same_by_an_index(void **state) {
  (void)state;
  static const char *const texts[] = {
      EVERY_TYPE, "{}", "{\"a\":{\"S\":\"1\"},\"b\":1,\"c\":{\"X\":1},\"a\":{\"S\":\"2\"}}"};
  static const char *const names[] = {"id", "n", "b", "t", "l", "ss", "bs", "a", "c", "none"};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    for (size_t room = 0; room < 12; room++) {
      dds_attribute attributes[12];
      dds_item plain = item_of(texts[i]);
      dds_item item = plain;
      dds_value value = {0}, same = {0};
      dds_json name, same_name;
      size_t count = 0;
      dds_json_iterator members = dds_json_iterate(plain.json);
      while (dds_json_next(&members, &name, &same_name)) {
        count++;
      }
      dds_item_index(&item, attributes, room);
      assert_int_equal(item.attribute_count, count <= room ? count : 0);
      assert_int_equal(item.attributes == attributes, count > 0 && count <= room);
      for (size_t j = 0; j < sizeof names / sizeof names[0]; j++) {
        bool is_found = dds_item_find(&plain, names[j], strlen(names[j]), &value);
        assert_int_equal(dds_item_find(&item, names[j], strlen(names[j]), &same), is_found);
        assert_true(!is_found || same.content.text == value.content.text);
      }
      dds_item_iterator walk = dds_item_iterate(&plain);
      dds_item_iterator indexed = dds_item_iterate(&item);
      while (dds_item_next(&walk, &name, &value)) {
        assert_true(dds_item_next(&indexed, &same_name, &same));
        assert_ptr_equal(same_name.text, name.text);
        assert_ptr_equal(same.typed.text, value.typed.text);
      }
      assert_false(dds_item_next(&indexed, &same_name, &same));
    }
  }
}

static void reads_servers_leniently(void **state) {
  (void)state;
  static const char *const odd[] = {
      "{\"a\":{}}",         "{\"a\":1}",         "{\"a\":{\"X\":\"1\"}}",
      "{\"a\":{\"S\":1}}",  "{\"a\":{\"N\":1}}", "{\"a\":{\"S\":\"x\",\"N\":\"1\"}}",
      "{\"a\":{\"L\":{}}}", "{\"a\":[]}",        "{\"a\":{\"BOOL\":\"true\"}}"};
  for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
    dds_item item = item_of(odd[i]);
    dds_value value;
    dds_json name;
    assert_false(dds_item_find(&item, "a", 1, &value));
    dds_item_iterator iterator = dds_item_iterate(&item);
    assert_false(dds_item_next(&iterator, &name, &value));
    (void)dds_item_size_bytes(&item);
  }
}

static void refuses_items_that_dynamodb_would(void **state) {
  (void)state;
  static const char *const items[] = {"",
                                      "[]",
                                      "{",
                                      "1",
                                      "{\"a\":{}}",
                                      "{\"a\":{\"S\":1}}",
                                      "{\"a\":{\"N\":\"x\"}}",
                                      "{\"a\":{\"N\":\"1E126\"}}",
                                      "{\"a\":{\"N\":\"\\u0031\"}}",
                                      "{\"a\":{\"B\":\"QQ\"}}",
                                      "{\"a\":{\"B\":\"@@@@\"}}",
                                      "{\"a\":{\"B\":\"Q===\"}}",
                                      "{\"a\":{\"NULL\":false}}",
                                      "{\"a\":{\"SS\":[]}}",
                                      "{\"a\":{\"SS\":[\"x\",\"\\u0078\"]}}",
                                      "{\"a\":{\"NS\":[\"1\",\"1.0\"]}}",
                                      "{\"a\":{\"NS\":[1]}}",
                                      "{\"a\":{\"BS\":[\"QQ==\",\"QQ==\"]}}",
                                      "{\"a\":{\"S\":\"\\ud800\"}}",
                                      "{\"\\udc00\":{\"S\":\"x\"}}",
                                      "{\"a\":{\"S\":\"x\"},\"a\":{\"S\":\"x\"}}",
                                      "{\"\":{\"S\":\"\"}}",
                                      "{\"a\":{\"M\":{\"\":{\"S\":\"x\"}}}}",
                                      "{\"a\":{\"L\":[1]}}",
                                      "{\"a\":{\"M\":{\"b\":{\"SS\":[]}}}}"};
  for (size_t i = 0; i < sizeof items / sizeof items[0]; i++) {
    dds_item item = {.json = {0}};
    dds_error error = DDS_ERROR_INIT;
    if (dds_item_parse(items[i], strlen(items[i]), &item, &error)) {
      fail_msg("%s", items[i]);
    }
    assert_int_equal(error.code, DDS_CHECK);
    assert_null(item.json.text);
  }
  static const char precise[] = "{\"a\":{\"N\":\"123456789012345678901234567890123456789\"}}";
  dds_item item = {.json = {0}};
  dds_error error = DDS_ERROR_INIT;
  assert_false(dds_item_parse(precise, sizeof precise - 1, &item, &error));
  assert_int_equal(error.code, DDS_TOOBIG);
}

static bool nested_item_is_valid(int levels) {
  dds_buffer text = DDS_BUFFER_INIT(10000);
  dds_buffer_append_text(&text, "{\"a\":");
  for (int i = 0; i < levels; i++) {
    dds_buffer_append_text(&text, "{\"L\":[");
  }
  dds_buffer_append_text(&text, "{\"S\":\"x\"}");
  for (int i = 0; i < levels; i++) {
    dds_buffer_append_text(&text, "]}");
  }
  dds_buffer_append_text(&text, "}");
  dds_item item = {.json = {0}};
  dds_error error = DDS_ERROR_INIT;
  bool is_valid = dds_item_parse(dds_buffer_text(&text), text.length, &item, &error);
  dds_buffer_free(&text);
  return is_valid;
}

static void bounds_levels(void **state) {
  (void)state;
  assert_true(nested_item_is_valid(DDS_ITEM_MAX_DEPTH));
  assert_false(nested_item_is_valid(DDS_ITEM_MAX_DEPTH + 1));
}

static void gives_bytes(void **state) {
  (void)state;
  static const struct {
    const char *typed;
    const char *bytes;
    size_t length;
  } cases[] = {
      {"{\"S\":\"a\\u0000b\"}", "a\0b", 3},
      {"{\"N\":\"-1.50\"}", "-1.50", 5},
      {"{\"B\":\"AP8Q\"}", "\x00\xff\x10", 3},
      {"{\"B\":\"\"}", "", 0},
      {"{\"B\":\"\\/\\/\\/\\/\"}", "\xff\xff\xff", 3},
      {"{\"B\":\"QQ==\"}", "A", 1},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    dds_value value = value_of(cases[i].typed);
    dds_buffer bytes = DDS_BUFFER_INIT(100);
    assert_true(dds_value_append_bytes(&value, &bytes));
    assert_int_equal(bytes.length, cases[i].length);
    assert_memory_equal(dds_buffer_text(&bytes), cases[i].bytes, cases[i].length);
    dds_buffer_free(&bytes);
  }
  static const char *const without[] = {"{\"BOOL\":true}", "{\"L\":[]}", "{\"B\":\"@\"}",
                                        "{\"S\":\"\\ud800\"}"};
  for (size_t i = 0; i < sizeof without / sizeof without[0]; i++) {
    dds_value value = value_of(without[i]);
    dds_buffer bytes = DDS_BUFFER_INIT(100);
    assert_false(dds_value_append_bytes(&value, &bytes));
    dds_buffer_free(&bytes);
  }
}

static void compares_as_dynamodb(void **state) {
  (void)state;
  static const struct {
    const char *left;
    const char *right;
    bool is_equal;
  } cases[] = {
      {"{\"N\":\"1\"}", "{\"N\":\"1.0\"}", true},
      {"{\"N\":\"1\"}", "{\"S\":\"1\"}", false},
      {"{\"S\":\"a\"}", "{\"S\":\"\\u0061\"}", true},
      {"{\"B\":\"QQ==\"}", "{\"B\":\"QQ==\"}", true},
      {"{\"B\":\"QQ==\"}", "{\"B\":\"QUE=\"}", false},
      {"{\"BOOL\":true}", "{\"BOOL\":false}", false},
      {"{\"NULL\":true}", "{\"NULL\":true}", true},
      {"{\"SS\":[\"x\",\"y\"]}", "{\"SS\":[\"y\",\"x\"]}", true},
      {"{\"SS\":[\"x\",\"y\"]}", "{\"SS\":[\"x\"]}", false},
      {"{\"NS\":[\"1\",\"2\"]}", "{\"NS\":[\"2.0\",\"1E0\"]}", true},
      {"{\"NS\":[\"1\"]}", "{\"SS\":[\"1\"]}", false},
      {"{\"L\":[{\"S\":\"x\"}]}", "{\"L\":[{\"S\":\"x\"}]}", true},
      {"{\"L\":[{\"N\":\"1\"},{\"N\":\"2\"}]}", "{\"L\":[{\"N\":\"2\"},{\"N\":\"1\"}]}", false},
      {"{\"M\":{\"a\":{\"N\":\"1\"},\"b\":{\"M\":{}}}}",
       "{\"M\":{\"b\":{\"M\":{}},\"a\":{\"N\":\"1.0\"}}}", true},
      {"{\"M\":{\"a\":{\"N\":\"1\"}}}", "{\"M\":{\"a\":{\"N\":\"2\"}}}", false},
      {"{\"M\":{\"a\":{\"N\":\"1\"}}}", "{\"M\":{\"b\":{\"N\":\"1\"}}}", false},
      {"{\"M\":{}}", "{\"L\":[]}", false},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    dds_value left = value_of(cases[i].left);
    dds_value right = value_of(cases[i].right);
    if (dds_value_equal(&left, &right) != cases[i].is_equal ||
        dds_value_equal(&right, &left) != cases[i].is_equal) {
      fail_msg("%s and %s", cases[i].left, cases[i].right);
    }
  }
  dds_item left = item_of("{\"a\":{\"N\":\"1\"},\"b\":{\"S\":\"x\"}}");
  dds_item same = item_of("{\"b\":{\"S\":\"x\"},\"a\":{\"N\":\"1.0\"}}");
  dds_item more = item_of("{\"b\":{\"S\":\"x\"},\"a\":{\"N\":\"1\"},\"c\":{\"NULL\":true}}");
  dds_item none = {0};
  assert_true(dds_item_equal(&left, &same));
  assert_false(dds_item_equal(&left, &more));
  assert_false(dds_item_equal(&more, &left));
  assert_false(dds_item_equal(&none, &left));
  assert_true(dds_item_equal(&none, &none));
}

static size_t size_of(const char *text) {
  dds_item item = item_of(text);
  return dds_item_size_bytes(&item);
}

static void measures_by_the_developer_guide(void **state) {
  (void)state;
  assert_int_equal(size_of("{}"), 0);
  assert_int_equal(size_of("{\"id\":{\"S\":\"abc\"}}"), 5);
  assert_int_equal(size_of("{\"id\":{\"S\":\"\\u00e9\\u0000\"}}"), 5);
  assert_int_equal(size_of("{\"n\":{\"N\":\"1700000000\"}}"), 3);
  assert_int_equal(size_of("{\"b\":{\"B\":\"AP8Q\"}}"), 4);
  assert_int_equal(size_of("{\"t\":{\"BOOL\":true},\"z\":{\"NULL\":true}}"), 4);
  assert_int_equal(size_of("{\"l\":{\"L\":[]}}"), 4);
  assert_int_equal(size_of("{\"l\":{\"L\":[{\"S\":\"ab\"}]}}"), 7);
  assert_int_equal(size_of("{\"m\":{\"M\":{\"k\":{\"S\":\"ab\"}}}}"), 8);
  assert_int_equal(size_of("{\"s\":{\"SS\":[\"a\",\"bc\"]}}"), 4);
  assert_int_equal(size_of("{\"s\":{\"NS\":[\"1\",\"123\"]}}"), 6);
  assert_int_equal(size_of("{\"s\":{\"BS\":[\"QQ==\"]}}"), 2);
}

static void becomes_plain_json(void **state) {
  (void)state;
  dds_buffer text = DDS_BUFFER_INIT(10000);
  dds_buffer_append_text(&text, "{\"M\":" EVERY_TYPE "}");
  dds_value value = value_of(dds_buffer_text(&text));
  dds_buffer json = DDS_BUFFER_INIT(10000);
  dds_value_append_json(&value, &json);
  assert_string_equal(
      dds_buffer_text(&json),
      "{\"id\":\"a\\u0000\xc3\xa9\",\"n\":-12.50,\"b\":\"AP8Q\",\"t\":true,\"f\":false,"
      "\"z\":null,\"l\":[\"x\",1],\"m\":{\"k\":1,\"e\":{}},\"ss\":[\"x\",\"yy\"],"
      "\"ns\":[1,2.5],\"bs\":[\"QQ==\"]}");
  dds_buffer_free(&json);
  dds_buffer_free(&text);
  /* What no server sends still gives valid JSON. */
  static const char *const odd[] = {"{\"N\":\"+5\"}", "{\"NS\":[1,\"x\"]}",
                                    "{\"L\":[7,{\"S\":\"x\"}]}"};
  for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
    value = value_of(odd[i]);
    dds_buffer_clear(&json);
    dds_value_append_json(&value, &json);
    dds_json parsed;
    assert_true(dds_json_parse(dds_buffer_text(&json), json.length, &parsed, NULL));
  }
  dds_buffer_free(&json);
}

/* Converts `plain` over `old` (NULL: none) and expects `typed`. */
static void expect_typed(const char *plain, const char *old, const char *typed) {
  dds_value old_value;
  if (old != NULL) {
    old_value = value_of(old);
  }
  dds_buffer result = DDS_BUFFER_INIT(10000);
  dds_error error = DDS_ERROR_INIT;
  if (!dds_value_append_from_json(item_of(plain).json, old == NULL ? NULL : &old_value, &result,
                                  &error)) {
    fail_msg("%s: %s", plain, error.message);
  }
  assert_string_equal(dds_buffer_text(&result), typed);
  dds_buffer_free(&result);
}

static void is_shown_as_it_will_be_stored(void **state) {
  (void)state;
  static const char given[] =
      "{\"id\": {\"S\":\"1.0\"},\"n\":{ \"N\" : \"1e2\" },\"ns\":{\"NS\":[\"1.0\",\"-0\"]},"
      "\"l\":{\"L\":[{\"N\":\"2.50\"},{\"NULL\":true}]},\"m\":{\"M\":{\"k\":{\"M\":{\"x\":{\"N\":"
      "\"3.0\"}}}}},\"b\":{\"B\":\"AP8Q\"},\"ss\":{\"SS\":[\"1.0\"]},\"odd\":[1.0]}";
  dds_item item = item_of(given);
  dds_buffer json = DDS_BUFFER_INIT(1000);
  dds_item_append_stored(&item, &json);
  assert_string_equal(
      dds_buffer_text(&json),
      "{\"id\":{\"S\":\"1.0\"},\"n\":{\"N\":\"100\"},\"ns\":{\"NS\":[\"1\",\"0\"]},"
      "\"l\":{\"L\":[{\"N\":\"2.5\"},{\"NULL\":true}]},\"m\":{\"M\":{\"k\":{\"M\":{\"x\":{\"N\":"
      "\"3\"}}}}},\"b\":{\"B\":\"AP8Q\"},\"ss\":{\"SS\":[\"1.0\"]},\"odd\":[1.0]}");
  dds_buffer_free(&json);
}

static void converts_plain_json(void **state) {
  (void)state;
  expect_typed(
      "{\"a\":[1E2,-0,1.50],\"b\":{\"c\":\"x\\u0000\"},\"d\":true,\"e\":null}", NULL,
      "{\"M\":{\"a\":{\"L\":[{\"N\":\"1E2\"},{\"N\":\"-0\"},{\"N\":\"1.50\"}]},"
      "\"b\":{\"M\":{\"c\":{\"S\":\"x\\u0000\"}}},\"d\":{\"BOOL\":true},\"e\":{\"NULL\":true}}}");
  expect_typed("12345678901234567890123456789012345678", NULL,
               "{\"N\":\"12345678901234567890123456789012345678\"}");
  expect_typed(" [ ] ", NULL, "{\"L\":[]}");
}

static void keeps_types_beside_an_edit(void **state) {
  (void)state;
  static const char old[] =
      "{\"M\":{\"date\":{\"M\":{}},\"bytes\":{\"B\":\"QQ==\"},\"set\":{\"SS\":[\"x\",\"y\"]},"
      "\"n\":{\"N\":\"1.5\"},\"deep\":{\"M\":{\"b\":{\"B\":\"QQ==\"},\"v\":{\"N\":\"1\"}}},"
      "\"list\":{\"L\":[{\"B\":\"QQ==\"},{\"NS\":[\"1\"]},{\"S\":\"z\"}]}}}";
  expect_typed("{\"date\":{},\"bytes\":\"QQ==\",\"set\":[\"x\",\"y\"],\"n\":1.50,"
               "\"deep\":{\"b\":\"QQ==\",\"v\":1},\"list\":[\"QQ==\",[1],\"z\"]}",
               old, old);
  expect_typed(
      "{\"list\":[\"QQ==\",[1],\"new\"],\"deep\":{\"v\":2,\"b\":\"QQ==\"},\"n\":2,"
      "\"set\":[\"x\"],\"bytes\":\"other\",\"added\":\"QQ==\"}",
      old,
      "{\"M\":{\"list\":{\"L\":[{\"B\":\"QQ==\"},{\"NS\":[\"1\"]},{\"S\":\"new\"}]},"
      "\"deep\":{\"M\":{\"v\":{\"N\":\"2\"},\"b\":{\"B\":\"QQ==\"}}},\"n\":{\"N\":\"2\"},"
      "\"set\":{\"L\":[{\"S\":\"x\"}]},\"bytes\":{\"S\":\"other\"},\"added\":{\"S\":\"QQ==\"}}}");
  expect_typed("\"QQ==\"", "{\"B\":\"QQ==\"}", "{\"B\":\"QQ==\"}");
  expect_typed("{\"a\":1}", "{\"S\":\"{}\"}", "{\"M\":{\"a\":{\"N\":\"1\"}}}");
}

static void refuses_json_that_dynamodb_cannot_hold(void **state) {
  (void)state;
  static const struct {
    const char *plain;
    dds_code code;
  } cases[] = {
      {"123456789012345678901234567890123456789", DDS_TOOBIG},
      {"1E126", DDS_CHECK},
      {"\"\\ud800\"", DDS_CHECK},
      {"{\"a\":1,\"a\":2}", DDS_CHECK},
      {"{\"a\":1,\"\\u0061\":1}", DDS_CHECK},
      {"{\"\":1}", DDS_CHECK},
      {"{\"\\ud800\":1}", DDS_CHECK},
      {"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]", DDS_CHECK},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    dds_buffer typed = DDS_BUFFER_INIT(10000);
    dds_error error = DDS_ERROR_INIT;
    assert_false(dds_value_append_from_json(item_of(cases[i].plain).json, NULL, &typed, &error));
    assert_int_equal(error.code, cases[i].code);
    dds_buffer_free(&typed);
  }
  dds_buffer small = DDS_BUFFER_INIT(5);
  dds_error error = DDS_ERROR_INIT;
  assert_false(dds_value_append_from_json(item_of("[1,2,3]").json, NULL, &small, &error));
  assert_int_equal(error.code, DDS_TOOBIG);
  dds_buffer_free(&small);
}

static void expresses_values_in_a_type(void **state) {
  (void)state;
  static const struct {
    const char *plain;
    dds_type type;
    const char *old;
    const char *typed; /* NULL: DDS_CHECK */
  } cases[] = {
      {"\"x\"", DDS_TYPE_STRING, NULL, "{\"S\":\"x\"}"},
      {"5", DDS_TYPE_STRING, NULL, "{\"S\":\"5\"}"},
      {"[1]", DDS_TYPE_STRING, NULL, NULL},
      {"43", DDS_TYPE_NUMBER, NULL, "{\"N\":\"43\"}"},
      {"\"43\"", DDS_TYPE_NUMBER, NULL, "{\"N\":\"43\"}"},
      {"\"x\"", DDS_TYPE_NUMBER, NULL, NULL},
      {"\"QQ==\"", DDS_TYPE_BINARY, NULL, "{\"B\":\"QQ==\"}"},
      {"\"Q\"", DDS_TYPE_BINARY, NULL, NULL},
      {"1", DDS_TYPE_BOOL, NULL, "{\"BOOL\":true}"},
      {"0.0", DDS_TYPE_BOOL, NULL, "{\"BOOL\":false}"},
      {"false", DDS_TYPE_BOOL, NULL, "{\"BOOL\":false}"},
      {"2", DDS_TYPE_BOOL, NULL, NULL},
      {"null", DDS_TYPE_NULL, NULL, "{\"NULL\":true}"},
      {"1", DDS_TYPE_NULL, NULL, NULL},
      {"[1]", DDS_TYPE_LIST, NULL, "{\"L\":[{\"N\":\"1\"}]}"},
      {"{}", DDS_TYPE_LIST, NULL, NULL},
      {"{}", DDS_TYPE_MAP, NULL, "{\"M\":{}}"},
      {"[]", DDS_TYPE_MAP, NULL, NULL},
      {"[\"QQ==\"]", DDS_TYPE_LIST, "{\"L\":[{\"B\":\"QQ==\"}]}", "{\"L\":[{\"B\":\"QQ==\"}]}"},
      {"[\"QQ==\",2]", DDS_TYPE_LIST, "{\"L\":[{\"B\":\"QQ==\"}]}",
       "{\"L\":[{\"B\":\"QQ==\"},{\"N\":\"2\"}]}"},
      {"[\"a\",\"b\"]", DDS_TYPE_STRING_SET, NULL, "{\"SS\":[\"a\",\"b\"]}"},
      {"[1,\"2\"]", DDS_TYPE_NUMBER_SET, NULL, "{\"NS\":[\"1\",\"2\"]}"},
      {"[\"QQ==\"]", DDS_TYPE_BINARY_SET, NULL, "{\"BS\":[\"QQ==\"]}"},
      {"[]", DDS_TYPE_STRING_SET, NULL, NULL},
      {"\"a\"", DDS_TYPE_STRING_SET, NULL, NULL},
      {"[\"a\",\"a\"]", DDS_TYPE_STRING_SET, NULL, NULL},
      {"[1,1.0]", DDS_TYPE_NUMBER_SET, NULL, NULL},
      {"[\"x\"]", DDS_TYPE_NUMBER_SET, NULL, NULL},
      {"[[1]]", DDS_TYPE_STRING_SET, NULL, NULL},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    dds_value old;
    if (cases[i].old != NULL) {
      old = value_of(cases[i].old);
    }
    dds_buffer typed = DDS_BUFFER_INIT(1000);
    dds_error error = DDS_ERROR_INIT;
    bool is_expressed = dds_value_append_as(item_of(cases[i].plain).json, cases[i].type,
                                            cases[i].old == NULL ? NULL : &old, &typed, &error);
    if (is_expressed != (cases[i].typed != NULL)) {
      fail_msg("%s: %s", cases[i].plain, error.message);
    }
    if (is_expressed) {
      assert_string_equal(dds_buffer_text(&typed), cases[i].typed);
    } else {
      assert_int_equal(error.code, DDS_CHECK);
    }
    dds_buffer_free(&typed);
  }
}

/* What was plain JSON and typed again, without an old value, is the same plain JSON. */
static void survives_the_way_there_and_back(void **state) {
  (void)state;
  static const char *const texts[] = {
      "{\"cookie\":{\"originalMaxAge\":null,\"expires\":\"2026-11-22T12:52:21.000Z\"},\"views\":3}",
      "[[],{},\"\",0,-1.5e-7,true,null,\"\\u0000\\\"\"]",
      "{\"a b.c#:\":{\"\xc3\xa9\":[1,[2,[3]]]}}"};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    dds_buffer typed = DDS_BUFFER_INIT(10000);
    dds_buffer plain = DDS_BUFFER_INIT(10000);
    dds_error error = DDS_ERROR_INIT;
    assert_true(dds_value_append_from_json(item_of(texts[i]).json, NULL, &typed, &error));
    dds_value value = value_of(dds_buffer_text(&typed));
    dds_value_append_json(&value, &plain);
    assert_string_equal(dds_buffer_text(&plain), texts[i]);
    dds_buffer_free(&typed);
    dds_buffer_free(&plain);
  }
}

/* Large sets and maps are compared through a sorted view where there is memory for it, and without
 * it where there is none; the answer is the same. */
static void compares_alike_without_memory(void **state) {
  (void)state;
  dds_buffer left = DDS_BUFFER_INIT(100000);
  dds_buffer right = DDS_BUFFER_INIT(100000);
  for (int i = 0; i < 200; i++) {
    dds_buffer_append_format(&left, "%s\"%d\"", i == 0 ? "{\"NS\":[" : ",", i);
    dds_buffer_append_format(&right, "%s\"%d.0\"", i == 0 ? "{\"NS\":[" : ",", 199 - i);
  }
  dds_buffer_append_text(&left, "]}");
  dds_buffer_append_text(&right, "]}");
  dds_value left_value = value_of(dds_buffer_text(&left));
  dds_value right_value = value_of(dds_buffer_text(&right));
  assert_true(dds_value_equal(&left_value, &right_value));
  failing_allocator_refuse(1);
  assert_true(dds_value_equal(&left_value, &right_value));
  failing_allocator_refuse(0);
  dds_buffer_free(&left);
  dds_buffer_free(&right);
}

static int use_failing_allocator(void **state) {
  (void)state;
  failing_allocator_install();
  return 0;
}

static int expect_no_leak(void **state) {
  (void)state;
  return failing_allocator_live_blocks() == 0 ? 0 : -1;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(finds_attributes_by_type),
      cmocka_unit_test(finds_the_same_by_an_index),
      cmocka_unit_test(reads_servers_leniently),
      cmocka_unit_test(refuses_items_that_dynamodb_would),
      cmocka_unit_test(bounds_levels),
      cmocka_unit_test(gives_bytes),
      cmocka_unit_test(compares_as_dynamodb),
      cmocka_unit_test(measures_by_the_developer_guide),
      cmocka_unit_test(becomes_plain_json),
      cmocka_unit_test(is_shown_as_it_will_be_stored),
      cmocka_unit_test(converts_plain_json),
      cmocka_unit_test(keeps_types_beside_an_edit),
      cmocka_unit_test(refuses_json_that_dynamodb_cannot_hold),
      cmocka_unit_test(expresses_values_in_a_type),
      cmocka_unit_test(survives_the_way_there_and_back),
      cmocka_unit_test(compares_alike_without_memory),
  };
  return cmocka_run_group_tests(tests, use_failing_allocator, expect_no_leak);
}
