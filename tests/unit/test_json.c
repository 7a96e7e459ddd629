/* The JSON reader: grammar, walking, strings, equality, and cJSON as a witness. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include <cjson/cJSON.h>

#include "base/utf8.h"
#include "dynamodb/json.h"
#include "dynamodb/json_lookup.h"

/* One pass finds the same object and member as parsing and then looking for it. */
static void assert_object_is_read_alike(const char *text, size_t length) {
  dds_json whole, object, wanted, member;
  bool is_object =
      dds_json_parse(text, length, &whole, NULL) && dds_json_type_of(whole) == DDS_JSON_OBJECT;
  assert_int_equal(dds_json_parse_object(text, length, "a", &object, &member), is_object);
  assert_ptr_equal(object.text, is_object ? whole.text : NULL);
  assert_int_equal(object.length, is_object ? whole.length : 0);
  if (!is_object || !dds_json_find(whole, "a", 1, &wanted)) {
    wanted = (dds_json){0};
  }
  assert_ptr_equal(member.text, wanted.text);
  assert_int_equal(member.length, wanted.length);
}

static bool is_valid(const char *text, size_t length) {
  /* An exact copy, so that AddressSanitizer sees a read behind the end. */
  char *copy = malloc(length == 0 ? 1 : length);
  assert_non_null(copy);
  memcpy(copy, text, length);
  dds_json value;
  bool result = dds_json_parse(copy, length, &value, NULL);
  assert_object_is_read_alike(copy, length);
  free(copy);
  return result;
}

static dds_json parse(const char *text) {
  dds_json value;
  size_t where;
  if (!dds_json_parse(text, strlen(text), &value, &where)) {
    print_error("not valid at %zu: %s\n", where, text);
    fail();
  }
  return value;
}

static void accepts_what_rfc_8259_has(void **state) {
  (void)state;
  static const char *const texts[] = {
      "null",
      "true",
      " false ",
      "0",
      "-0",
      "-1.5e+10",
      "1E5",
      "0.0",
      "123456789012345678901234567890",
      "\"\"",
      "\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\uD834\\udd1e\"",
      "\"\\ud800\"",
      "\"\x7f\"",
      "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x8d\xaa\"",
      "[]",
      "[ ]",
      "{}",
      "{ }",
      "[1,2 , 3]",
      "{\"a\":1,\"a\":2}",
      "\t{\"a\" : [ { } , null ] }\r\n",
      "[[[[]]]]",
      "\"0123456789abcdef0123\"",
  };
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    if (!is_valid(texts[i], strlen(texts[i]))) {
      fail_msg("refused: %s", texts[i]);
    }
  }
}

static void refuses_all_else_and_says_where(void **state) {
  (void)state;
  static const struct {
    const char *text;
    size_t where;
  } cases[] = {
      {"", 0},
      {" ", 1},
      {"nul", 3},
      {"nulL", 3},
      {"True", 0},
      {"01", 1},
      {"-", 1},
      {"+1", 0},
      {".5", 0},
      {"1.", 2},
      {"1.e5", 2},
      {"1e", 2},
      {"1e+", 3},
      {"0x1", 1},
      {"NaN", 0},
      {"1 2", 2},
      {"[1,]", 3},
      {"[1 2]", 3},
      {"[", 1},
      {"[1", 2},
      {"]", 0},
      {"{\"a\"}", 4},
      {"{\"a\":}", 5},
      {"{a:1}", 1},
      {"{\"a\":1,}", 7},
      {"{\"a\":1", 6},
      {"{\"a\":1]", 6},
      {"[1}", 2},
      {"\"", 1},
      {"\"a", 2},
      {"\"\\x\"", 2},
      {"\"\\u12\"", 5},
      {"\"\\u12g4\"", 5},
      {"\"a\nb\"", 2},
      {"\"\x01\"", 1},
      {"\"\x80\"", 1},
      {"\"a\xc3\"", 2},
      {"\"\xc0\x80\"", 1},
      {"\"\xed\xa0\x80\"", 1},
      {"\"\xf4\x90\x80\x80\"", 1},
      {"\"01234567\x1f\"", 9},
      {"\"0123456789012\\\"", 16},
      {"'a'", 0},
      {"[//c\n1]", 1},
      {"\xef\xbb\xbf{}", 0},
      {"{1:2}", 1},
      {"{\"a\" 1}", 5},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    dds_json value;
    size_t where = 12345;
    assert_object_is_read_alike(cases[i].text, strlen(cases[i].text));
    if (dds_json_parse(cases[i].text, strlen(cases[i].text), &value, &where)) {
      fail_msg("accepted: %s", cases[i].text);
    }
    assert_null(value.text);
    if (where != cases[i].where) {
      fail_msg("%s: wrong at %zu, said %zu", cases[i].text, cases[i].where, where);
    }
  }
  assert_false(is_valid("\"a\0b\"", 5));
  assert_false(is_valid("1\0", 2));
}

static void bounds_the_depth(void **state) {
  (void)state;
  enum { DEEP = 200000 };
  char *text = malloc(DEEP);
  assert_non_null(text);
  memset(text, '[', DEEP);
  dds_json value;
  size_t where;
  assert_false(dds_json_parse(text, DEEP, &value, &where));
  assert_int_equal(where, DDS_JSON_MAX_DEPTH);
  memset(text + DDS_JSON_MAX_DEPTH, ']', DDS_JSON_MAX_DEPTH);
  assert_true(dds_json_parse(text, 2 * DDS_JSON_MAX_DEPTH, &value, NULL));
  assert_true(dds_json_equal(value, value));
  for (size_t levels = DDS_JSON_MAX_DEPTH - 1; levels <= DDS_JSON_MAX_DEPTH; levels++) {
    static const char before[] = "{\"a\":";
    size_t length = strlen(before);
    memcpy(text, before, length);
    memset(text + length, '[', levels);
    memset(text + length + levels, ']', levels);
    text[length + 2 * levels] = '}';
    assert_object_is_read_alike(text, length + 2 * levels + 1);
  }
  free(text);
}

static void refuses_every_truncation(void **state) {
  (void)state;
  static const char text[] = "{\"Items\":[{\"id\":{\"S\":\"s\xc3\xa9\\u00e9\\ud83c\\udf6a\"},\"n\":"
                             "{\"N\":\"-1.5e3\"}},{}],"
                             "\"Count\":12,\"x\":[true,false,null,-0.5E-7,\"\"]}";
  assert_true(is_valid(text, sizeof text - 1));
  for (size_t length = 0; length < sizeof text - 1; length++) {
    if (is_valid(text, length)) {
      fail_msg("accepted the first %zu bytes", length);
    }
  }
}

static void walks_in_order(void **state) {
  (void)state;
  dds_json root = parse(" { \"a\" : 1 , \"b\":[ \"x]\\\"}\" ,{}, [ ] ,-2e1], \"c\\u0064\":null } ");
  assert_int_equal(dds_json_type_of(root), DDS_JSON_OBJECT);
  static const char *const expected[] = {
      "\"a\"", "1", "\"b\"", "[ \"x]\\\"}\" ,{}, [ ] ,-2e1]", "\"c\\u0064\"", "null"};
  dds_json_iterator members = dds_json_iterate(root);
  dds_json key;
  dds_json value;
  for (size_t i = 0; i < 6; i += 2) {
    assert_true(dds_json_next(&members, &key, &value));
    assert_int_equal(key.length, strlen(expected[i]));
    assert_memory_equal(key.text, expected[i], key.length);
    assert_int_equal(value.length, strlen(expected[i + 1]));
    assert_memory_equal(value.text, expected[i + 1], value.length);
  }
  assert_false(dds_json_next(&members, &key, &value));
  assert_false(dds_json_next(&members, &key, &value));

  assert_true(dds_json_find(root, "b", 1, &value));
  dds_json_iterator elements = dds_json_iterate(value);
  static const dds_json_type types[] = {DDS_JSON_STRING, DDS_JSON_OBJECT, DDS_JSON_ARRAY,
                                        DDS_JSON_NUMBER};
  for (size_t i = 0; i < 4; i++) {
    assert_true(dds_json_next(&elements, NULL, &value));
    assert_int_equal(dds_json_type_of(value), types[i]);
  }
  assert_false(dds_json_next(&elements, NULL, &value));

  dds_json_iterator none = dds_json_iterate(parse("\"text\""));
  assert_false(dds_json_next(&none, NULL, &value));
  none = dds_json_iterate((dds_json){0});
  assert_false(dds_json_next(&none, NULL, &value));
}

static void finds_members(void **state) {
  (void)state;
  dds_json root =
      parse("{\"a\":1,\"\\u0061\":2,\"b\":{\"c\":{\"d\":3}},\"e\\u0000f\":4,\"g\\\\h\":5,"
            "\"\xc3\xa9\":6,\"\\ud83c\\udf6a\":7,\"\\ud800\":8,\"l\":[1]}");
  dds_json value;
  assert_object_is_read_alike(root.text, root.length);
  assert_true(dds_json_find(root, "a", 1, &value));
  assert_memory_equal(value.text, "2", 1); /* the last of duplicates */
  assert_true(dds_json_find(root, "e\0f", 3, &value));
  assert_memory_equal(value.text, "4", 1);
  assert_true(dds_json_find(root, "g\\h", 3, &value));
  assert_memory_equal(value.text, "5", 1);
  assert_false(dds_json_find(root, "g\\\\h", 4, &value));
  assert_true(dds_json_find(root, "\xc3\xa9", 2, &value));
  assert_true(dds_json_find(root, "\xf0\x9f\x8d\xaa", 4, &value));
  assert_memory_equal(value.text, "7", 1);
  assert_false(dds_json_find(root, "", 0, &value));
  assert_false(dds_json_find(parse("[1]"), "a", 1, &value));
  static const char *const path[] = {"b", "c", "d"};
  static const char *const through_list[] = {"l", "c"};
  assert_true(dds_json_find_path(root, path, 3, &value));
  assert_memory_equal(value.text, "3", 1);
  assert_true(dds_json_find_path(root, path, 0, &value));
  assert_false(dds_json_find_path(root, path + 1, 2, &value));
  assert_false(dds_json_find_path(root, through_list, 2, &value));
}

static void decodes_strings(void **state) {
  (void)state;
  static const struct {
    const char *json;
    const char *bytes;
    size_t length;
  } cases[] = {
      {"\"\"", "", 0},
      {"\"plain\"", "plain", 5},
      {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t", 8},
      {"\"a\\u0000b\"", "a\0b", 3},
      {"\"\\u00E9\\u20ac\"", "\xc3\xa9\xe2\x82\xac", 5},
      {"\"x\\ud83c\\udf6ay\"", "x\xf0\x9f\x8d\xaay", 6},
      {"\"\\uFFFF\"", "\xef\xbf\xbf", 3},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    dds_json string = parse(cases[i].json);
    dds_buffer bytes = DDS_BUFFER_INIT(100);
    assert_true(dds_json_string_append(string, &bytes));
    assert_int_equal(bytes.length, cases[i].length);
    assert_memory_equal(dds_buffer_text(&bytes), cases[i].bytes, cases[i].length);
    assert_true(dds_json_string_equals(string, cases[i].bytes, cases[i].length));
    assert_false(dds_json_string_equals(string, "other", 5));
    assert_int_equal(dds_json_string_length(string), cases[i].length);
    assert_true(dds_json_string_is_text(string));
    dds_buffer_free(&bytes);
  }
  static const char *const lone[] = {"\"\\ud800\"",  "\"\\udc00\"",        "\"\\ud800\\ud800\"",
                                     "\"\\ud800x\"", "\"\\udfff\\ud800\"", "\"\\ud83c\\n\""};
  for (size_t i = 0; i < sizeof lone / sizeof lone[0]; i++) {
    dds_buffer bytes = DDS_BUFFER_INIT(100);
    assert_false(dds_json_string_append(parse(lone[i]), &bytes));
    assert_false(dds_json_string_is_text(parse(lone[i])));
    dds_buffer_free(&bytes);
  }
  const char *plain;
  size_t length;
  assert_true(dds_json_string_is_plain(parse("\"abc\""), &plain, &length));
  assert_int_equal(length, 3);
  assert_false(dds_json_string_is_plain(parse("\"a\\/c\""), &plain, &length));
}

static void compares_values(void **state) {
  (void)state;
  static const struct {
    const char *left;
    const char *right;
    bool is_equal;
  } cases[] = {
      {"1", "1.0", true},
      {"100", "1e2", true},
      {"-0", "0", true},
      {"1", "2", false},
      {"12345678901234567890123", "12345678901234567890124", false},
      {"\"a\"", "\"\\u0061\"", true},
      {"\"a\"", "\"b\"", false},
      {"\"1\"", "1", false},
      {"null", "null", true},
      {"true", "false", false},
      {"[1,2]", "[ 1.0 , 2 ]", true},
      {"[1,2]", "[2,1]", false},
      {"[1]", "[1,1]", false},
      {"[1,1]", "[1]", false},
      {"{\"a\":1,\"b\":[{}]}", "{ \"b\":[{ }], \"\\u0061\":1}", true},
      {"{\"a\":1}", "{\"a\":1,\"b\":2}", false},
      {"{\"a\":1,\"b\":2}", "{\"a\":1}", false},
      {"{\"a\":1,\"a\":2}", "{\"a\":2}", true},
      {"{\"a\":1,\"a\":2}", "{\"a\":1}", false},
      {"{\"a\":1,\"a\":2,\"b\":3}", "{\"b\":3,\"a\":2}", true},
      {"{}", "[]", false},
      {"\"\\ud800\"", "\"\\uD800\"", true},
      {"\"\\ud800\"", "\"\\ud801\"", false},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    dds_json left = parse(cases[i].left);
    dds_json right = parse(cases[i].right);
    if (dds_json_equal(left, right) != cases[i].is_equal ||
        dds_json_equal(right, left) != cases[i].is_equal) {
      fail_msg("%s and %s", cases[i].left, cases[i].right);
    }
  }
}

/* Large objects are looked up through a sorted view; it must answer as the plain search does. */
static void looks_up_in_large_containers(void **state) {
  (void)state;
  enum { MEMBERS = 1000 };
  dds_buffer text = DDS_BUFFER_INIT(1 << 20);
  dds_buffer reversed = DDS_BUFFER_INIT(1 << 20);
  for (int i = 0; i < MEMBERS; i++) {
    dds_buffer_append_format(&text, "%c\"k%d\":%d", i == 0 ? '{' : ',', i * 7 % MEMBERS, i);
    dds_buffer_append_format(&reversed, "%c\"k%d\":%d", i == 0 ? '{' : ',',
                             (MEMBERS - 1 - i) * 7 % MEMBERS, MEMBERS - 1 - i);
  }
  dds_buffer_append_char(&reversed, '}');
  dds_buffer_append_text(&text, "}");
  dds_json object = parse(dds_buffer_text(&text));
  assert_true(dds_json_equal(object, parse(dds_buffer_text(&reversed))));
  dds_json_lookup lookup = dds_json_lookup_members(object);
  assert_non_null(lookup.sorted);
  assert_int_equal(lookup.count, MEMBERS);
  assert_false(dds_json_lookup_has_duplicates(&lookup));
  dds_json_iterator members = dds_json_iterate(object);
  dds_json key;
  dds_json value;
  dds_json found;
  while (dds_json_next(&members, &key, &value)) {
    assert_true(dds_json_lookup_find(&lookup, key, &found));
    assert_ptr_equal(found.text, value.text);
  }
  assert_false(dds_json_lookup_find(&lookup, parse("\"k1000\""), &found));
  dds_json_lookup_free(&lookup);

  text.length--; /* the bracket */
  dds_buffer_append_text(&text, ",\"k5\":\"last\"}");
  lookup = dds_json_lookup_members(parse(dds_buffer_text(&text)));
  assert_true(dds_json_lookup_has_duplicates(&lookup));
  assert_true(dds_json_lookup_find(&lookup, parse("\"k5\""), &found));
  assert_memory_equal(found.text, "\"last\"", 6);
  dds_json_lookup_free(&lookup);
  dds_buffer_free(&text);
  dds_buffer_free(&reversed);
}

/* cJSON is the witness for generated documents. */
static uint64_t random_state;

static uint32_t random_below(uint32_t limit) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 7;
  random_state ^= random_state << 17;
  return (uint32_t)(random_state >> 32) % limit;
}

static void generate_string(dds_buffer *text) {
  static const char *const pieces[] = {"a",    "zz",  " ",       "\\n",      "\\\"",
                                       "\\\\", "\\/", "\\u0041", "\xc3\xa9", "\\ud83c\\udf6a",
                                       "{",    "]",   ",",       ":",        "0123456789"};
  dds_buffer_append_char(text, '"');
  for (uint32_t count = random_below(5); count > 0; count--) {
    dds_buffer_append_text(text, pieces[random_below(sizeof pieces / sizeof pieces[0])]);
  }
  dds_buffer_append_char(text, '"');
}

static void generate(dds_buffer *text, int depth) {
  static const char *const scalars[] = {"null", "true", "false", "0",
                                        "-1",   "1.5",  "2e3",   "-0.25E-2"};
  uint32_t kind = random_below(depth == 0 ? 6 : 10);
  if (kind < 3) {
    dds_buffer_append_text(text, scalars[random_below(sizeof scalars / sizeof scalars[0])]);
  } else if (kind < 6) {
    generate_string(text);
  } else {
    bool is_object = kind < 8;
    dds_buffer_append_char(text, is_object ? '{' : '[');
    uint32_t count = random_below(4);
    for (uint32_t i = 0; i < count; i++) {
      if (i > 0) {
        dds_buffer_append_text(text, random_below(2) ? "," : " , ");
      }
      if (is_object) {
        dds_buffer_append_format(text, "\"k%u", i);
        dds_buffer_append_text(text, "\":");
      }
      generate(text, depth - 1);
    }
    dds_buffer_append_char(text, is_object ? '}' : ']');
  }
}

/* Whether our walk sees what cJSON's tree has. */
static void assert_same(dds_json ours, const cJSON *theirs) {
  switch (dds_json_type_of(ours)) {
  case DDS_JSON_NULL:
    assert_true(cJSON_IsNull(theirs));
    return;
  case DDS_JSON_FALSE:
    assert_true(cJSON_IsFalse(theirs));
    return;
  case DDS_JSON_TRUE:
    assert_true(cJSON_IsTrue(theirs));
    return;
  case DDS_JSON_NUMBER:
    assert_true(cJSON_IsNumber(theirs));
    char number[400];
    assert_true(ours.length < sizeof number);
    memcpy(number, ours.text, ours.length);
    number[ours.length] = '\0';
    assert_true(strtod(number, NULL) == theirs->valuedouble);
    return;
  case DDS_JSON_STRING:
    assert_true(cJSON_IsString(theirs));
    assert_true(dds_json_string_equals(ours, theirs->valuestring, strlen(theirs->valuestring)));
    return;
  default:
    break;
  }
  dds_json_iterator iterator = dds_json_iterate(ours);
  assert_true(iterator.is_object ? cJSON_IsObject(theirs) : cJSON_IsArray(theirs));
  const cJSON *child = theirs->child;
  dds_json key;
  dds_json value;
  for (; dds_json_next(&iterator, &key, &value); child = child->next) {
    assert_non_null(child);
    if (iterator.is_object) {
      assert_true(dds_json_string_equals(key, child->string, strlen(child->string)));
    }
    assert_same(value, child);
  }
  assert_null(child);
}

static bool has_control_in_string(const char *text, size_t length) {
  bool is_inside = false;
  for (size_t i = 0; i < length; i++) {
    if (is_inside && (unsigned char)text[i] < 0x20) {
      return true;
    }
    if (is_inside && text[i] == '\\' && i + 1 < length) {
      i++;
    } else if (text[i] == '"') {
      is_inside = !is_inside;
    }
  }
  return false;
}

/* A number that cJSON reads by strtod and RFC 8259 does not have: 01, 1., .5, +1, 1.e5. */
static bool has_odd_number(const char *text, size_t length) {
  bool is_inside = false;
  for (size_t i = 0; i < length; i++) {
    if (text[i] == '"') {
      is_inside = !is_inside;
    }
    if (is_inside && text[i] == '\\') {
      i++;
    }
    if (is_inside || i >= length || strchr("0123456789+-.eE", text[i]) == NULL || text[i] == '\0') {
      continue;
    }
    if (text[i] == 'e' || text[i] == 'E') {
      continue;
    }
    size_t end = i;
    while (end < length && text[end] != '\0' && strchr("0123456789+-.eE", text[end]) != NULL) {
      end++;
    }
    if (!is_valid(text + i, end - i)) {
      return true;
    }
    i = end - 1;
  }
  return false;
}

/* \u without four hexadecimal digits. */
static bool has_odd_escape(const char *text) {
  for (const char *at = strstr(text, "\\u"); at != NULL; at = strstr(at + 2, "\\u")) {
    if (strspn(at + 2, "0123456789abcdefABCDEF") < 4) {
      return true;
    }
  }
  return false;
}

/*
 * Documented differences: cJSON takes controls and malformed UTF-8 inside strings, takes control
 * bytes for white space, reads numbers by strtod and \u with wrong digits as U+0000, skips a byte
 * order mark, and refuses or cuts at U+0000 and lone surrogates. All else must be judged alike.
 */
static bool may_differ(const char *text, size_t length) {
  for (size_t i = 0; i < length; i++) {
    if ((unsigned char)text[i] < 0x20 && text[i] != '\n' && text[i] != '\r' && text[i] != '\t') {
      return true;
    }
  }
  return !dds_utf8_is_valid(text, length) || has_control_in_string(text, length) ||
         has_odd_number(text, length) || has_odd_escape(text) || strstr(text, "\\u0000") != NULL ||
         strstr(text, "\\ud") != NULL || strstr(text, "\\uD") != NULL;
}

static void agrees_with_cjson(void **state) {
  (void)state;
  enum { DOCUMENTS = 20000 };
  const char *given = getenv("TEST_SEED");
  uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
  print_message("TEST_SEED=%llu\n", (unsigned long long)seed);
  random_state = seed * 2 + 1;
  int accepted = 0;
  int compared = 0;
  for (int i = 0; i < DOCUMENTS; i++) {
    dds_buffer text = DDS_BUFFER_INIT(1 << 20);
    generate(&text, 5);
    bool is_mutated = i % 2 == 1;
    for (uint32_t count = is_mutated ? 1 + random_below(3) : 0; count > 0; count--) {
      static const char bytes[] = "{}[]\",:\\u019.eE+- \tntfx\x01\x80\xc3";
      text.data[random_below((uint32_t)text.length)] = bytes[random_below(sizeof bytes - 1)];
    }
    dds_json ours;
    bool is_ours = dds_json_parse(text.data, text.length, &ours, NULL);
    assert_object_is_read_alike(text.data, text.length);
    cJSON *theirs = cJSON_ParseWithOpts(text.data, NULL, 1);
    if (!is_mutated && !is_ours) {
      fail_msg("refused: %s", text.data);
    }
    if (is_ours) {
      accepted++;
    }
    if (is_ours && theirs != NULL && strstr(text.data, "\\u0000") == NULL) {
      assert_same(ours, theirs);
      compared++;
    }
    if (is_ours != (theirs != NULL) && !may_differ(text.data, text.length)) {
      fail_msg("ours %d, cJSON %d: %s", is_ours, theirs != NULL, text.data);
    }
    cJSON_Delete(theirs);
    dds_buffer_free(&text);
  }
  assert_true(accepted >= DOCUMENTS / 2);
  assert_true(compared >= DOCUMENTS / 2 - DOCUMENTS / 100);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(accepts_what_rfc_8259_has),
      cmocka_unit_test(refuses_all_else_and_says_where),
      cmocka_unit_test(bounds_the_depth),
      cmocka_unit_test(refuses_every_truncation),
      cmocka_unit_test(walks_in_order),
      cmocka_unit_test(finds_members),
      cmocka_unit_test(decodes_strings),
      cmocka_unit_test(compares_values),
      cmocka_unit_test(looks_up_in_large_containers),
      cmocka_unit_test(agrees_with_cjson),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
