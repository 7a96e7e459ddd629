/* UTF-8: the borders of RFC 3629, and every code point. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <string.h>
#include <cmocka.h>

#include "base/utf8.h"

static void test_vectors(void **state) {
  (void)state;
  static const struct {
    const char *bytes;
    size_t valid; /* bytes of the valid prefix */
  } cases[] = {
      {"", 0},
      {"ascii", 5},
      {"\xc2\x80", 2},
      {"\xdf\xbf", 2},
      {"\xe0\xa0\x80", 3},
      {"\xed\x9f\xbf", 3},
      {"\xee\x80\x80", 3},
      {"\xf0\x90\x80\x80", 4},
      {"\xf4\x8f\xbf\xbf", 4},
      {"a\x80", 1},
      {"a\xc0\xaf", 1},        /* overlong */
      {"a\xc1\xbf", 1},        /* overlong */
      {"\xe0\x9f\xbf", 0},     /* overlong */
      {"\xf0\x8f\xbf\xbf", 0}, /* overlong */
      {"\xed\xa0\x80", 0},     /* surrogate */
      {"\xed\xbf\xbf", 0},     /* surrogate */
      {"\xf4\x90\x80\x80", 0}, /* above U+10FFFF */
      {"\xf5\x80\x80\x80", 0},
      {"\xff", 0},
      {"ab\xe2\x82", 2}, /* cut */
      {"ab\xe2\x28\xa1", 2},
      {"ab\xf0\x9f\x98", 2},
      {"\xc3\xa9\xc3", 2},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    size_t length = strlen(cases[i].bytes);
    assert_int_equal(dds_utf8_valid_prefix(cases[i].bytes, length), cases[i].valid);
    assert_int_equal(dds_utf8_is_valid(cases[i].bytes, length), cases[i].valid == length);
  }
  assert_true(dds_utf8_is_valid("a\0b", 3));
}

/* A character, or a wrong byte, at every place of a stretch of ASCII of every length. */
static void test_stretches(void **state) {
  (void)state;
  char bytes[40];
  for (size_t length = 1; length <= sizeof bytes; length++) {
    for (size_t place = 0; place < length; place++) {
      memset(bytes, 'a', sizeof bytes);
      assert_int_equal(dds_utf8_valid_prefix(bytes, length), length);
      bytes[place] = '\x80';
      assert_int_equal(dds_utf8_valid_prefix(bytes, length), place);
      if (place + 1 < length) {
        memcpy(bytes + place, "\xc3\xa9", 2);
        assert_int_equal(dds_utf8_valid_prefix(bytes, length), length);
        assert_int_equal(dds_utf8_valid_prefix(bytes, place + 1), place);
      }
    }
  }
}

static void test_every_code_point(void **state) {
  (void)state;
  for (uint32_t code = 0; code <= 0x10FFFF; code++) {
    char bytes[4];
    if (code >= 0xD800 && code <= 0xDFFF) {
      continue;
    }
    size_t length = dds_utf8_encode(code, bytes);
    assert_true(dds_utf8_is_valid(bytes, length));
    assert_false(length > 1 && dds_utf8_is_valid(bytes, length - 1));
  }
  char euro[4];
  assert_int_equal(dds_utf8_encode(0x20AC, euro), 3);
  assert_memory_equal(euro, "\xe2\x82\xac", 3);
}

static void test_control_characters(void **state) {
  (void)state;
  static const char *const clean[] = {"", " ", "a ~", "\xc3\xa9\xff\x80"};
  static const char *const others[] = {"\x01", "a\n", "a\rb", "\t", "\x1f ", "\x7f"};
  for (size_t i = 0; i < sizeof clean / sizeof clean[0]; i++) {
    assert_false(dds_utf8_has_control(clean[i]));
  }
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
    assert_true(dds_utf8_has_control(others[i]));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_vectors),
      cmocka_unit_test(test_stretches),
      cmocka_unit_test(test_every_code_point),
      cmocka_unit_test(test_control_characters),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
