/* Values from XML answers: what is found, what is decoded, and what is no XML. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "aws/xml.h"
#include "failing_allocator.h"

/* The document is copied, so that a sanitizer sees what is read behind its end. */
static bool find(const char *xml, const char *const *path, size_t path_length, dds_buffer *text) {
  size_t length = strlen(xml);
  char *copy = malloc(length > 0 ? length : 1);
  assert_non_null(copy);
  memcpy(copy, xml, length);
  bool is_found = dds_xml_find(copy, length, path, path_length, text);
  free(copy);
  return is_found;
}

#define ANSWER                                                                                  \
  "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n"                  \
  "  <AssumeRoleResult>\n    <AssumedRoleUser><Arn>arn:of-p</Arn></AssumedRoleUser>\n"          \
  "    <Credentials>\n      <AccessKeyId>id-of-p</AccessKeyId>\n"                               \
  "      <SessionToken>a+b/c==&amp;d</SessionToken>\n    </Credentials>\n  </AssumeRoleResult>" \
  "\n</AssumeRoleResponse>\n"

static void test_found(void **state) {
  (void)state;
  static const struct {
    const char *xml;
    const char *path[3];
    const char *text;
  } cases[] = {
      {ANSWER, {"Credentials", "AccessKeyId"}, "id-of-p"},
      {ANSWER, {"AssumeRoleResult", "Credentials", "SessionToken"}, "a+b/c==&d"},
      {ANSWER, {"Arn"}, "arn:of-p"},
      {"<a>x</a>", {"a"}, "x"},
      {"<?xml version=\"1.0\"?>\r\n<!-- <a>no</a> --><a>x</a>\n<!-- end -->\n", {"a"}, "x"},
      {"\xEF\xBB\xBF<a>x</a>", {"a"}, "x"},
      {"<a></a>", {"a"}, ""},
      {"<a/>", {"a"}, ""},
      {"<a b='>' c=\"/&lt;'\" ><b d = 'e' />x</a >", {"b"}, ""},
      {"<a>&lt;&gt;&amp;&quot;&apos;&#65;&#x42;&#x20AC;&#128512;</a>",
       {"a"},
       "<>&\"'AB\xE2\x82\xAC\xF0\x9F\x98\x80"},
      {"<a> \t\r\n </a>", {"a"}, " \t\r\n "},
      {"<a>x<![CDATA[<b>&amp;]]]>y<!-- z --><?p ?>w</a>", {"a"}, "x<b>&amp;]yw"},
      {"<a><![CDATA[]]></a>", {"a"}, ""},
      {"<a><b>1</b><b>2</b></a>", {"b"}, "1"},
      {"<r><a><b>1</b></a><c><b>2</b></c></r>", {"c", "b"}, "2"},
      {"<r><c><d><b>1</b></d><b>2</b></c></r>", {"c", "b"}, "2"},
      {"<a><a><b>1</b></a></a>", {"a", "a", "b"}, "1"},
      {"<n:a><n:b>x</n:b></n:a>", {"n:b"}, "x"},
      {"<a>\xC3\xA9</a>", {"a"}, "\xC3\xA9"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    dds_buffer text = DDS_BUFFER_INIT(1000);
    size_t path_length = 0;
    while (path_length < 3 && cases[i].path[path_length] != NULL) {
      path_length++;
    }
    if (!find(cases[i].xml, cases[i].path, path_length, &text)) {
      fail_msg("case %zu: not found", i);
    }
    if (strcmp(dds_buffer_text(&text), cases[i].text) != 0) {
      fail_msg("case %zu: %s", i, dds_buffer_text(&text));
    }
    dds_buffer_free(&text);
  }
}

static void test_refused(void **state) {
  (void)state;
  static const char *const path[] = {"r", "a"};
  static const char *const documents[] = {
      "",
      " ",
      "text",
      "{\"r\":{\"a\":\"x\"}}",
      "<r><a>x</a>",
      "<r><a>x</a></r",
      "<r><a>x</b></a></r>",
      "<r><a>x</A></r>",
      "<r><a>x</a></r></r>",
      "<r><a>x</a></r><r/>",
      "<r><a>x</a></r>text",
      "text<r><a>x</a></r>",
      "<r><a>x</a></r>&amp;",
      "<![CDATA[]]><r><a>x</a></r>",
      "<!DOCTYPE r [<!ENTITY e \"x\">]><r><a>x</a></r>",
      "<r><a>x</a><!-- </r>",
      "<r><a>x</a><![CDATA[ </r>",
      "<r><a>x</a><? </r>",
      "<r><a>&e;</a></r>",
      "<r><a>&</a></r>",
      "<r><a>&amp</a></r>",
      "<r><a>&#;</a></r>",
      "<r><a>&#x;</a></r>",
      "<r><a>&#1;</a></r>",
      "<r><a>&#0;</a></r>",
      "<r><a>&#xD800;</a></r>",
      "<r><a>&#xFFFE;</a></r>",
      "<r><a>&#1114112;</a></r>",
      "<r><a>&#99999999999999999999;</a></r>",
      "<r><a>&#6a;</a></r>",
      "<r><a>&#x6g;</a></r>",
      "<r><a>\x01</a></r>",
      "<r><a>\xFF</a></r>",
      "<r><a>\xC3</a></r>",
      "<r><a>x</a><b c></b></r>",
      "<r><a>x</a><b c=d></b></r>",
      "<r><a>x</a><b c='d></b></r>",
      "<r><a>x</a><b c='<'></b></r>",
      "<r><a>x</a><b/c></b></r>",
      "<r><a>x</a><1/></r>",
      "<r><a>x</a>< b/></r>",
      "<r><a>x</a><",
      "<r><a><b>x</b></a></r>", /* has elements */
      "<r><c><a>x</a></c></r>", /* not a child */
      "<a><r>x</r></a>",        /* the other way round */
      "<r><ab>x</ab><A>y</A></r>",
      "<r/>",
  };
  for (size_t i = 0; i < sizeof documents / sizeof documents[0]; i++) {
    dds_buffer text = DDS_BUFFER_INIT(1000);
    if (find(documents[i], path, 2, &text)) {
      fail_msg("case %zu was accepted: %s", i, dds_buffer_text(&text));
    }
    assert_int_equal(text.length, 0);
    dds_buffer_free(&text);
  }
}

/* Wherever an answer is cut, nothing is taken from it. */
static void test_every_cut(void **state) {
  (void)state;
  static const char *const path[] = {"Credentials", "AccessKeyId"};
  size_t whole = strlen(ANSWER) - 1; /* its last line end may be missing */
  for (size_t length = 0; length < whole; length++) {
    dds_buffer text = DDS_BUFFER_INIT(1000);
    assert_false(dds_xml_find(ANSWER, length, path, 2, &text));
    assert_int_equal(text.length, 0);
    dds_buffer_free(&text);
  }
}

static void test_levels(void **state) {
  (void)state;
  static const char *const path[] = {"a"};
  for (int levels = 32; levels <= 33; levels++) {
    dds_buffer xml = DDS_BUFFER_INIT(10000), text = DDS_BUFFER_INIT(10);
    for (int i = 0; i < levels; i++) {
      dds_buffer_append_text(&xml, i == levels - 1 ? "<a>x" : "<b>");
    }
    for (int i = 0; i < levels; i++) {
      dds_buffer_append_text(&xml, i == 0 ? "</a>" : "</b>");
    }
    assert_int_equal(dds_xml_find(xml.data, xml.length, path, 1, &text), levels == 32);
    dds_buffer_free(&text);
    dds_buffer_free(&xml);
  }
}

static void test_no_room(void **state) {
  (void)state;
  static const char *const path[] = {"a"};
  dds_error error = DDS_ERROR_INIT;
  dds_buffer text = DDS_BUFFER_INIT(3);
  assert_true(find("<a>long</a>", path, 1, &text));
  assert_false(dds_buffer_check(&text, &error));
  assert_int_equal(error.code, DDS_TOOBIG);
  dds_buffer_free(&text);

  error = DDS_ERROR_INIT;
  text = DDS_BUFFER_INIT(100);
  failing_allocator_refuse(1);
  assert_true(find("<a>long</a>", path, 1, &text));
  failing_allocator_refuse(0);
  assert_false(dds_buffer_check(&text, &error));
  assert_int_equal(error.code, DDS_NOMEM);
  dds_buffer_free(&text);
  assert_int_equal(failing_allocator_live_blocks(), 0);
}

int main(void) {
  failing_allocator_install();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_found),     cmocka_unit_test(test_refused),
      cmocka_unit_test(test_every_cut), cmocka_unit_test(test_levels),
      cmocka_unit_test(test_no_room),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
