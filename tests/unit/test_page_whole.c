/* Answers that are read as a whole: which items are noted, which members found, what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dynamodb/json.h"
#include "dynamodb/page.h"
#include "failing_allocator.h"
#include "page_fixture.h"

enum { TEXT_BYTES = 1 << 20 };

static void append_json(dds_buffer *shown, const char *before, dds_json json) {
  dds_buffer_append_text(shown, before);
  dds_buffer_append(shown, json.text, json.length);
}

/* `name=value ` of each member, then what is noted: `Item: {…}` or, with the count of tables and
 * the name of the first, `Responses 1 "t": {…} {…}`. */
static void show(const dds_page *page, dds_buffer *shown) {
  for (size_t i = 0; i < page->member_count; i++) {
    append_json(shown, "", page->members[i].name);
    append_json(shown, "=", page->members[i].value);
    dds_buffer_append_char(shown, ' ');
  }
  dds_buffer_append_text(shown, page->has_item ? "Item:" : "");
  if (page->has_responses) {
    dds_buffer_append_format(shown, "Responses %zu", page->table_count);
    append_json(shown, page->table_count > 0 ? " " : "", page->first_table);
    dds_buffer_append_char(shown, ':');
  }
  const dds_item *items = page->has_item ? &page->item : page->noted;
  for (size_t i = 0; i < page->noted_count + page->has_item; i++) {
    append_json(shown, " ", items[i].json);
    page_fixture_check_attributes(&items[i]);
  }
  assert_true(page->has_item || page->item.json.text == NULL);
}

/* NULL: it is refused. */
static void expect(const char *text, const char *expected) {
  char *copy = page_fixture_copy(text, strlen(text));
  dds_buffer shown = DDS_BUFFER_INIT(TEXT_BYTES);
  dds_error error = DDS_ERROR_INIT;
  dds_page page;
  dds_json answer;
  bool ok = dds_page_read_whole(copy, strlen(text), &page, &answer, &error);
  if (ok != (expected != NULL)) {
    fail_msg("%s: %s", text, ok ? "is read" : error.message);
  }
  if (ok) {
    show(&page, &shown);
    assert_string_equal(dds_buffer_text(&shown), expected);
    assert_ptr_equal(answer.text, copy + strspn(text, " \n\r\t"));
    assert_int_equal(answer.text[answer.length - 1], '}');
  } else {
    assert_non_null(strstr(error.message, "unexpected answer: not valid JSON at byte "));
    assert_null(answer.text);
    assert_int_equal(page.member_count + page.noted_count, 0);
  }
  dds_buffer_free(&shown);
  dds_page_close(&page);
  free(copy);
}

#define A  "{\"id\":{\"S\":\"a\"}}"
#define B  "{\"id\":{\"S\":\"b\"},\"n\":{\"N\":\"1\"}}"
#define TA "{\"t\":[" A "]}"

static void notes_what_is_of_the_usual_form(void **state) {
  (void)state;
  static const struct {
    const char *text;
    const char *shown;
  } cases[] = {
      {"{}", ""},
      {" \n{ } \t", ""},
      {"{\"TableNames\":[]}", "\"TableNames\"=[] "},
      {"{\"Item\":" A "}", "\"Item\"=" A " Item: " A},
      {"{\"Item\":{}}", "\"Item\"={} Item: {}"},
      {"{\"Item\" : " B " , \"x\" : 1 }", "\"Item\"=" B " \"x\"=1 Item: " B},
      {"{\"\\u0049tem\":" A "}", "\"\\u0049tem\"=" A " Item: " A},
      {"{\"item\":" A ",\"Items\":[" A "]}", "\"item\"=" A " \"Items\"=[" A "] "},
      {"{\"Responses\":{}}", "\"Responses\"={} Responses 0:"},
      {"{\"Responses\":{\"t\":[]}}", "\"Responses\"={\"t\":[]} Responses 1 \"t\":"},
      {"{\"Responses\":{\"t\":[" A "," B "]},\"UnprocessedKeys\":{}}",
       "\"Responses\"={\"t\":[" A "," B "]} \"UnprocessedKeys\"={} Responses 1 \"t\": " A " " B},
      {"{\"Responses\":{\"t\":[" A "],\"u\":[" B "]}}",
       "\"Responses\"={\"t\":[" A "],\"u\":[" B "]} Responses 2 \"t\": " A " " B},
      {"{\"Responses\" : { \"t\" : [ " A " , " B " ] } }",
       "\"Responses\"={ \"t\" : [ " A " , " B " ] } Responses 1 \"t\": " A " " B},
      /* An attribute that is none is for who reads the item. */
      {"{\"Item\":{\"id\":5,\"n\":{\"N\":1},\"m\":{\"S\":\"x\",\"N\":\"1\"}}}",
       "\"Item\"={\"id\":5,\"n\":{\"N\":1},\"m\":{\"S\":\"x\",\"N\":\"1\"}} "
       "Item: {\"id\":5,\"n\":{\"N\":1},\"m\":{\"S\":\"x\",\"N\":\"1\"}}"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    expect(cases[i].text, cases[i].shown);
  }
}

/* Well-formed, and not what DynamoDB sends: the members are there, for their reader to refuse. */
static void notes_nothing_of_another_form(void **state) {
  (void)state;
  static const char *const values[] = {
      "5",
      "null",
      "\""
      "a"
      "\"",
      "true",
      "[]",
      "[" A "]",
  };
  static const char *const responses[] = {
      "5",   "null",        "[]",           "{\"t\":5}",         "{\"t\":{}}",
      "[5]", "{\"t\":[5]}", "{\"t\":[[]]}", "{\"t\":[" A ",5]}", "{\"t\":[" A "],\"u\":" A "}",
  };
  char text[200];
  char shown[200];
  for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
    snprintf(text, sizeof text, "{\"Item\":%s}", values[i]);
    snprintf(shown, sizeof shown, "\"Item\"=%s ", values[i]);
    expect(text, shown);
  }
  for (size_t i = 0; i < sizeof responses / sizeof responses[0]; i++) {
    snprintf(text, sizeof text, "{\"Responses\":%s}", responses[i]);
    snprintf(shown, sizeof shown, "\"Responses\"=%s ", responses[i]);
    expect(text, shown);
  }
}

/* The first of the usual form is noted, whatever stands around it; the first of a name is found. */
static void notes_one_member(void **state) {
  (void)state;
  expect("{\"Item\":" A ",\"Item\":" B "}", "\"Item\"=" A " \"Item\"=" B " Item: " A);
  expect("{\"Item\":5,\"Item\":" B "}", "\"Item\"=5 \"Item\"=" B " Item: " B);
  expect("{\"Responses\":" TA ",\"Item\":" B "}",
         "\"Responses\"=" TA " \"Item\"=" B " Responses 1 \"t\": " A);
  expect("{\"Item\":" B ",\"Responses\":" TA "}", "\"Item\"=" B " \"Responses\"=" TA " Item: " B);
  /* What was noted of the first is forgotten. */
  expect("{\"Responses\":{\"u\":[" B "," A "],\"t\":5},\"Responses\":" TA "}",
         "\"Responses\"={\"u\":[" B "," A "],\"t\":5} \"Responses\"=" TA " Responses 1 \"t\": " A);
  dds_page page;
  dds_json answer;
  dds_json value;
  dds_error error = DDS_ERROR_INIT;
  static const char twice[] = "{\"Item\":5,\"Item\":" B "}";
  assert_true(dds_page_read_whole(twice, strlen(twice), &page, &answer, &error));
  assert_true(dds_page_find(&page, "Item", &value));
  assert_memory_equal(value.text, "5", 1);
  assert_false(dds_page_find(&page, "Responses", &value));
  dds_page_close(&page);
}

/* Those beyond the most are read and not found; items are noted there too. */
static void reads_any_number_of_members(void **state) {
  (void)state;
  dds_buffer text = DDS_BUFFER_INIT(TEXT_BYTES);
  dds_page page;
  dds_json answer;
  dds_json value;
  dds_error error = DDS_ERROR_INIT;
  for (int i = 0; i < DDS_PAGE_MAX_MEMBERS; i++) {
    dds_buffer_append_format(&text, "%s\"m%d\":%d", i == 0 ? "{" : ",", i, i);
  }
  dds_buffer_append_text(&text, ",\"Item\":" A ",\"last\":1}");
  assert_true(dds_page_read_whole(text.data, text.length, &page, &answer, &error));
  assert_int_equal(page.member_count, DDS_PAGE_MAX_MEMBERS);
  assert_int_equal(answer.length, text.length);
  assert_true(dds_page_find(&page, "m15", &value));
  assert_false(dds_page_find(&page, "last", &value));
  assert_true(page.has_item && page.item.json.text != NULL);
  dds_page_close(&page);
  text.data[text.length - 2] = ']';
  assert_false(dds_page_read_whole(text.data, text.length, &page, &answer, &error));
  dds_page_close(&page);
  dds_buffer_free(&text);
}

static void refuses_what_is_no_object(void **state) {
  (void)state;
  static const char *const texts[] = {
      "",
      " ",
      "[]",
      "5",
      "null",
      "{}{}",
      "{} x",
      "{,}",
      "{\"Item\":" A ",}",
      "{\"Item\":" A "]",
      "{\"Item\" " A "}",
      "{\"Item\":{\"id\":{\"S\":\"a\"},}}",
      "{\"Item\":{\"id\":{\"S\":\"\x80\"}}}",
      "{\"Item\":{\"id\":{\"S\":\"\\x\"}}}",
      "{\"Item\":{\"id\":{\"N\":01}}}",
      "{\"Item\":{id:{\"S\":\"a\"}}}",
      "{\"Responses\":{\"t\":[" A ",]}}",
      "{\"Responses\":{\"t\":[" A " " A "]}}",
      "{\"Responses\":{\"t\":[" A "}}",
      "{\"Responses\":{\"t\":[" A "],}}",
      "{\"Responses\":{\"t\"}}",
      "{\"Responses\":{\"t\":[" A "]}",
      "{\"Responses\":{\"t\":[5,]}}",
  };
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    expect(texts[i], NULL);
  }
}

static const char whole_answer[] =
    "{\"ConsumedCapacity\":[{\"CapacityUnits\":1.5,\"TableName\":\"t\"}],\"Responses\":{\"t\":[{"
    "\"id\":{\"S\":\"a\\\"]}\"},\"b\":{\"B\":\"YQ==\"}},{},{\"m\":{\"M\":{\"l\":{\"L\":[{\"NULL\":"
    "true},{\"BOOL\":false}]}}},\"\xc3\xa9\":{\"SS\":[\"x\",\"y\"]}}],\"u\":[]},"
    "\"UnprocessedKeys\":"
    "{\"t\":{\"Keys\":[{\"id\":{\"S\":\"b\"}}]}}}";

static void refuses_what_is_cut_off(void **state) {
  (void)state;
  char text[sizeof whole_answer];
  for (size_t length = 0; length < strlen(whole_answer); length++) {
    memcpy(text, whole_answer, length);
    text[length] = '\0';
    expect(text, NULL);
  }
}

/* What is read is what the plain reader takes for an object, byte for byte. */
static void agrees_with_the_plain_reader(void **state) {
  (void)state;
  static const char garbage[] = "\"\\{}[]:, \n\0x1-\x80\xc3\xff";
  char text[sizeof whole_answer];
  size_t length = strlen(whole_answer);
  for (size_t at = 0; at < length; at++) {
    for (size_t i = 0; i < sizeof garbage - 1; i++) {
      memcpy(text, whole_answer, length);
      text[at] = garbage[i];
      char *copy = page_fixture_copy(text, length);
      dds_error error = DDS_ERROR_INIT;
      dds_page page;
      dds_json whole;
      dds_json plain;
      bool is_object =
          dds_json_parse(copy, length, &plain, NULL) && dds_json_type_of(plain) == DDS_JSON_OBJECT;
      assert_int_equal(dds_page_read_whole(copy, length, &page, &whole, &error), is_object);
      if (is_object) {
        assert_ptr_equal(whole.text, plain.text);
        assert_int_equal(whole.length, plain.length);
      }
      for (size_t j = 0; j < page.noted_count; j++) {
        page_fixture_check_attributes(&page.noted[j]);
      }
      if (page.has_item) {
        page_fixture_check_attributes(&page.item);
      }
      dds_page_close(&page);
      free(copy);
    }
  }
}

/* As deep as a document may be, and a level deeper, inside of what is noted. */
static void holds_to_the_depth_limit(void **state) {
  (void)state;
  static const struct {
    const char *before;
    size_t depth; /* brackets that it opens */
    const char *after;
  } places[] = {{"{\"Item\":{\"a\":{\"L\":", 3, "}}}"},
                {"{\"Responses\":{\"t\":[{\"a\":{\"L\":", 5, "}}]}}"},
                {"{\"Other\":{\"a\":", 2, "}}"}};
  for (size_t i = 0; i < 2 * sizeof places / sizeof places[0]; i++) {
    dds_buffer text = DDS_BUFFER_INIT(TEXT_BYTES);
    dds_error error = DDS_ERROR_INIT;
    dds_page page;
    dds_json answer;
    size_t deep = DDS_JSON_MAX_DEPTH - places[i / 2].depth + i % 2;
    dds_buffer_append_text(&text, places[i / 2].before);
    for (size_t j = 0; j < 2 * deep; j++) {
      dds_buffer_append_char(&text, j < deep ? '[' : ']');
    }
    dds_buffer_append_text(&text, places[i / 2].after);
    assert_int_equal(dds_page_read_whole(text.data, text.length, &page, &answer, &error),
                     i % 2 == 0);
    dds_page_close(&page);
    dds_buffer_free(&text);
  }
}

/* Many items of many attributes, behind a member whose items are noted and forgotten. */
static void survives_refused_allocations(void **state) {
  (void)state;
  enum { ITEMS = 40, ATTRIBUTES = 10 };
  dds_buffer text = DDS_BUFFER_INIT(TEXT_BYTES);
  dds_buffer_append_text(&text, "{\"Responses\":{\"t\":[" A ",5]},\"Responses\":{\"t\":[");
  for (int i = 0; i < ITEMS * ATTRIBUTES; i++) {
    dds_buffer_append_format(&text, "%s\"a%d\":{\"N\":\"%d\"}%s",
                             i % ATTRIBUTES > 0 ? ","
                             : i > 0            ? ",{"
                                                : "{",
                             i, i, i % ATTRIBUTES == ATTRIBUTES - 1 ? "}" : "");
  }
  dds_buffer_append_text(&text, "]}}");
  bool was_refused = true;
  long refusals = -1;
  for (long nth = 1; was_refused; nth++) {
    dds_page page;
    dds_json answer;
    dds_error error = DDS_ERROR_INIT;
    long before = failing_allocator_live_blocks();
    failing_allocator_refuse(nth);
    bool ok = dds_page_read_whole(text.data, text.length, &page, &answer, &error);
    was_refused = failing_allocator_check(ok, &error);
    assert_int_equal(page.noted_count, ok ? ITEMS : 0);
    assert_int_equal(answer.text != NULL, ok);
    dds_page_close(&page);
    assert_int_equal(failing_allocator_live_blocks(), before);
    refusals++;
  }
  assert_true(refusals >= 8);
  dds_buffer_free(&text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(notes_what_is_of_the_usual_form),
      cmocka_unit_test(notes_nothing_of_another_form),
      cmocka_unit_test(notes_one_member),
      cmocka_unit_test(reads_any_number_of_members),
      cmocka_unit_test(refuses_what_is_no_object),
      cmocka_unit_test(refuses_what_is_cut_off),
      cmocka_unit_test(agrees_with_the_plain_reader),
      cmocka_unit_test(holds_to_the_depth_limit),
      cmocka_unit_test(survives_refused_allocations),
  };
  return cmocka_run_group_tests(tests, failing_allocator_set_up, NULL);
}
