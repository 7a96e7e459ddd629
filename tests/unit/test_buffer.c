/* Buffers: growth, the maximum, JSON strings, percent-encoding, memory that runs out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <string.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "failing_allocator.h"

static void test_appends_and_terminates(void **state) {
  (void)state;
  dds_buffer buffer = DDS_BUFFER_INIT(1000);
  assert_string_equal(dds_buffer_text(&buffer), "");
  dds_buffer_append_text(&buffer, "one ");
  dds_buffer_append_char(&buffer, '2');
  dds_buffer_append_format(&buffer, " %s %d", "three", 4);
  dds_buffer_append(&buffer, "\0x", 2);
  assert_int_equal(buffer.length, 15);
  assert_memory_equal(buffer.data, "one 2 three 4\0x", 16);
  dds_buffer_clear(&buffer);
  assert_int_equal(buffer.length, 0);
  assert_string_equal(dds_buffer_text(&buffer), "");
  dds_buffer_free(&buffer);
  assert_null(buffer.data);
  assert_int_equal(buffer.maximum, 1000);
}

static void test_maximum_is_sticky(void **state) {
  (void)state;
  dds_error error = DDS_ERROR_INIT;
  dds_buffer buffer = DDS_BUFFER_INIT(5);
  dds_buffer_append_text(&buffer, "12345");
  assert_true(dds_buffer_check(&buffer, &error));
  dds_buffer_append_text(&buffer, "6");
  dds_buffer_append_text(&buffer, "");
  assert_string_equal(buffer.data, "12345");
  assert_false(dds_buffer_check(&buffer, &error));
  assert_int_equal(error.code, DDS_TOOBIG);
  assert_non_null(strstr(error.message, "5 bytes"));
  assert_null(dds_buffer_take(&buffer));
  dds_buffer_clear(&buffer);
  dds_buffer_append_text(&buffer, "again");
  error = DDS_ERROR_INIT;
  assert_true(dds_buffer_check(&buffer, &error));
  dds_buffer_free(&buffer);
}

static void test_take_hands_over(void **state) {
  (void)state;
  dds_buffer buffer = DDS_BUFFER_INIT(100);
  char *empty = dds_buffer_take(&buffer);
  assert_string_equal(empty, "");
  dds_free(empty);
  dds_buffer_append_text(&buffer, "mine");
  char *text = dds_buffer_take(&buffer);
  assert_null(buffer.data);
  assert_string_equal(text, "mine");
  dds_free(text);
}

static void test_json_strings(void **state) {
  (void)state;
  static const struct {
    const char *bytes;
    size_t length;
    const char *json;
  } cases[] = {
      {"", 0, "\"\""},
      {"plain", 5, "\"plain\""},
      {"\"\\/", 3, "\"\\\"\\\\/\""},
      {"\b\t\n\f\r", 5, "\"\\b\\t\\n\\f\\r\""},
      {"\0\x01\x1f\x7f", 4, "\"\\u0000\\u0001\\u001f\x7f\""},
      {"a\"b", 3, "\"a\\\"b\""},
      {"\xc3\xa9\xf0\x9f\x98\x80", 6, "\"\xc3\xa9\xf0\x9f\x98\x80\""},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    dds_buffer buffer = DDS_BUFFER_INIT(100);
    dds_buffer_append_json_string(&buffer, cases[i].bytes, cases[i].length);
    assert_string_equal(dds_buffer_text(&buffer), cases[i].json);
    dds_buffer_free(&buffer);
  }
}

static void test_percent_encoding(void **state) {
  (void)state;
  static const struct {
    const char *bytes;
    size_t length;
    const char *encoded;
  } cases[] = {
      {"", 0, ""},
      {"AZaz09-._~", 10, "AZaz09-._~"},
      {"arn:aws:iam::1:role/a b", 23, "arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fa%20b"},
      {"!*'();@&=+$,/?#[]%", 18, "%21%2A%27%28%29%3B%40%26%3D%2B%24%2C%2F%3F%23%5B%5D%25"},
      {"\0\n\x7f\xc3\xa9\xff", 6, "%00%0A%7F%C3%A9%FF"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    dds_buffer buffer = DDS_BUFFER_INIT(100);
    dds_buffer_append_percent_encoded(&buffer, cases[i].bytes, cases[i].length);
    assert_string_equal(dds_buffer_text(&buffer), cases[i].encoded);
    dds_buffer_free(&buffer);
  }
}

static void grow(dds_buffer *buffer) {
  for (int i = 0; i < 5000; i++) {
    dds_buffer_append_format(buffer, "%05d", i);
  }
}

static void test_growth_and_each_allocation_failing(void **state) {
  (void)state;
  for (int is_secret = 0; is_secret < 2; is_secret++) {
    long before = failing_allocator_live_blocks();
    for (long nth = 1;; nth++) {
      dds_error error = DDS_ERROR_INIT;
      dds_buffer buffer = DDS_BUFFER_INIT(25000);
      buffer.is_secret = is_secret;
      failing_allocator_refuse(nth);
      grow(&buffer);
      bool refused = failing_allocator_has_refused();
      failing_allocator_refuse(0);
      assert_int_equal(dds_buffer_check(&buffer, &error), !refused);
      assert_int_equal(error.code, refused ? DDS_NOMEM : DDS_OK);
      if (!refused) {
        assert_int_equal(buffer.length, 25000);
      }
      if (!refused) {
        assert_memory_equal(buffer.data + 24990, "0499804999", 11);
      }
      dds_buffer_free(&buffer);
      assert_int_equal(failing_allocator_live_blocks(), before);
      if (!refused) {
        break;
      }
      assert_in_range(nth, 1, 100);
    }
  }
}

int main(void) {
  failing_allocator_install();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_appends_and_terminates),
      cmocka_unit_test(test_maximum_is_sticky),
      cmocka_unit_test(test_take_hands_over),
      cmocka_unit_test(test_json_strings),
      cmocka_unit_test(test_percent_encoding),
      cmocka_unit_test(test_growth_and_each_allocation_failing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
