/* Buffers: growth, the maximum, JSON strings, percent-encoding, memory that runs out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

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

/* What is dropped of a secret is wiped at once, since the memory stays. */
static void test_truncating(void **state) {
  (void)state;
  dds_error error = DDS_ERROR_INIT;
  dds_buffer buffer = DDS_BUFFER_INIT(9);
  dds_buffer_truncate(&buffer, 0);
  assert_string_equal(dds_buffer_text(&buffer), "");
  dds_buffer_append_text(&buffer, "123456789");
  dds_buffer_append_text(&buffer, "0");
  dds_buffer_truncate(&buffer, 9);
  assert_true(dds_buffer_check(&buffer, &error));
  dds_buffer_truncate(&buffer, 4);
  assert_string_equal(dds_buffer_text(&buffer), "1234");
  dds_buffer_append_text(&buffer, "abc");
  assert_string_equal(dds_buffer_text(&buffer), "1234abc");
  dds_buffer_free(&buffer);
  buffer = DDS_BUFFER_INIT_SECRET(9);
  dds_buffer_truncate(&buffer, 0);
  dds_buffer_append_text(&buffer, "secret");
  dds_buffer_truncate(&buffer, 2);
  assert_memory_equal(buffer.data, "se\0\0\0\0\0", 7);
  dds_buffer_clear(&buffer);
  assert_memory_equal(buffer.data, "\0\0\0", 3);
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

/* What was in a secret's memory is gone, and the memory is there. */
static void test_clearing(void **state) {
  (void)state;
  for (int is_secret = 0; is_secret < 2; is_secret++) {
    dds_buffer buffer = {.maximum = 100, .is_secret = is_secret};
    dds_buffer_clear(&buffer);
    dds_buffer_append_text(&buffer, "secret-of-p");
    const char *memory = buffer.data;
    dds_buffer_clear(&buffer);
    assert_int_equal(buffer.length, 0);
    assert_ptr_equal(buffer.data, memory);
    assert_string_equal(memory, "");
    assert_string_equal(memory + 1, is_secret ? "" : "ecret-of-p");
    dds_buffer_free(&buffer);
  }
}

/* In memory of the caller's no memory is taken until that is full; what is handed over is taken. */
static void test_beginning_in_memory_of_the_callers(void **state) {
  (void)state;
  static const char digits[] = "0123456789abcdef";
  long blocks = failing_allocator_live_blocks();
  for (size_t length = 0; length < sizeof digits; length++) {
    for (int is_secret = 0; is_secret < 2; is_secret++) {
      char room[8];
      dds_buffer buffer = dds_buffer_in(room, sizeof room, 100);
      buffer.is_secret = is_secret;
      assert_string_equal(dds_buffer_text(&buffer), "");
      for (size_t i = 0; i < length; i++) {
        dds_buffer_append_char(&buffer, digits[i]);
      }
      bool fits = length < sizeof room;
      assert_int_equal(failing_allocator_live_blocks() - blocks, !fits);
      assert_int_equal(buffer.data == room, fits);
      assert_memory_equal(buffer.data, digits, length);
      assert_int_equal(buffer.data[length], '\0');
      if (is_secret && !fits) {
        assert_memory_equal(room, "\0\0\0\0\0\0\0", sizeof room);
      }
      char *taken = dds_buffer_take(&buffer);
      assert_int_equal(failing_allocator_live_blocks() - blocks, 1);
      assert_ptr_not_equal(taken, room);
      assert_memory_equal(taken, digits, length);
      assert_int_equal(taken[length], '\0');
      dds_free(taken);
      /* It is like any other then. */
      dds_buffer_append_text(&buffer, "x");
      assert_string_equal(buffer.data, "x");
      dds_buffer_free(&buffer);
    }
  }
  assert_int_equal(failing_allocator_live_blocks(), blocks);
}

static void test_what_memory_of_the_callers_holds(void **state) {
  (void)state;
  char room[8] = "secret!";
  dds_buffer buffer = dds_buffer_in(room, sizeof room, 3);
  dds_buffer_append_text(&buffer, "123");
  assert_int_equal(buffer.failed, DDS_OK);
  dds_buffer_append_text(&buffer, "4");
  assert_int_equal(buffer.failed, DDS_TOOBIG);
  assert_string_equal(room, "123");
  dds_buffer_free(&buffer);
  assert_null(buffer.data);
  buffer = dds_buffer_in(room, sizeof room, 100);
  buffer.is_secret = true;
  dds_buffer_append_text(&buffer, "secret");
  dds_buffer_free(&buffer);
  assert_memory_equal(room, "\0\0\0\0\0\0\0", sizeof room);
  assert_true(buffer.is_secret);
  buffer = dds_buffer_in(room, sizeof room, 100);
  failing_allocator_refuse(1);
  assert_null(dds_buffer_take(&buffer));
  assert_int_equal(buffer.failed, DDS_NOMEM);
  assert_true(failing_allocator_has_refused());
  dds_buffer_free(&buffer);
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

/* Each byte at each place of a text of several blocks, between quotes and plain bytes, runs longer
 * than a block's quarter and shorter. */
static void test_json_strings_of_any_byte(void **state) {
  (void)state;
  static const char around[] =
      "0123\"567890\\23456789\"\"\"\"3456789012345678901234567890123456789012345678901234"
      "\"6789\n1\x01\xc3\xa9\"678901234567890123456789012345678901234567890123456789\\\"2"
      "345678901234567890123456789012345678901234567890123456789012345678901234567890";
  enum { LENGTH = sizeof around - 1 };
  for (int byte = 0; byte < 256; byte++) {
    for (size_t place = 0; place < LENGTH; place++) {
      char bytes[LENGTH];
      char escape[8];
      dds_buffer expected = DDS_BUFFER_INIT(300);
      memcpy(bytes, around, LENGTH);
      bytes[place] = (char)byte;
      dds_buffer_append_char(&expected, '"');
      for (size_t i = 0; i < LENGTH; i++) {
        static const char letters[] = "btn?fr";
        unsigned char one = (unsigned char)bytes[i];
        bool is_short = one >= 8 && one <= 13 && one != 11;
        if (one == '"' || one == '\\') {
          dds_buffer_append_char(&expected, '\\');
        } else if (one < 0x20) {
          snprintf(escape, sizeof escape, is_short ? "\\%c" : "\\u%04x",
                   is_short ? letters[one - 8] : one);
          dds_buffer_append_text(&expected, escape);
          continue;
        }
        dds_buffer_append_char(&expected, bytes[i]);
      }
      dds_buffer_append_char(&expected, '"');
      /* To the last byte: one less is too little. */
      for (size_t less = 0; less < 2; less++) {
        dds_buffer buffer = DDS_BUFFER_INIT(expected.length - less);
        dds_buffer_append_json_string(&buffer, bytes, LENGTH);
        assert_int_equal(buffer.failed, less == 0 ? DDS_OK : DDS_TOOBIG);
        if (less == 0) {
          assert_string_equal(buffer.data, expected.data);
        }
        dds_buffer_free(&buffer);
      }
      /* Where there is room for anything, as where there is just enough. */
      dds_buffer roomy = DDS_BUFFER_INIT(4096);
      assert_non_null(dds_buffer_reserve(&roomy, 4096));
      dds_buffer_append_json_string(&roomy, bytes, LENGTH);
      assert_int_equal(roomy.length, expected.length);
      assert_string_equal(roomy.data, expected.data);
      dds_buffer_free(&roomy);
      dds_buffer_free(&expected);
    }
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
    while (failing_allocator_next()) {
      dds_error error = DDS_ERROR_INIT;
      dds_buffer buffer = DDS_BUFFER_INIT(25000);
      buffer.is_secret = is_secret;
      failing_allocator_start();
      grow(&buffer);
      if (!failing_allocator_check(dds_buffer_check(&buffer, &error), &error)) {
        assert_int_equal(buffer.length, 25000);
        assert_memory_equal(buffer.data + 24990, "0499804999", 11);
      }
      dds_buffer_free(&buffer);
    }
  }
}

/* What is reserved is empty text until it is written, and is not taken again. */
static void test_reserving(void **state) {
  (void)state;
  dds_buffer buffer = DDS_BUFFER_INIT(100);
  assert_non_null(dds_buffer_reserve(&buffer, 100));
  assert_string_equal(dds_buffer_text(&buffer), "");
  const char *data = buffer.data;
  for (int i = 0; i < 10; i++) {
    dds_buffer_append_text(&buffer, "0123456789");
  }
  assert_ptr_equal(buffer.data, data);
  assert_int_equal(buffer.length, 100);
  assert_null(dds_buffer_reserve(&buffer, 1));
  assert_int_equal(buffer.failed, DDS_TOOBIG);
  dds_buffer_clear(&buffer);
  char *at = dds_buffer_reserve(&buffer, 10);
  assert_non_null(at);
  memcpy(at, "abcdef", 6);
  dds_buffer_extend(&buffer, 3);
  assert_string_equal(dds_buffer_text(&buffer), "abc");
  dds_buffer_free(&buffer);
}

int main(void) {
  failing_allocator_install();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_appends_and_terminates),
      cmocka_unit_test(test_maximum_is_sticky),
      cmocka_unit_test(test_truncating),
      cmocka_unit_test(test_take_hands_over),
      cmocka_unit_test(test_clearing),
      cmocka_unit_test(test_beginning_in_memory_of_the_callers),
      cmocka_unit_test(test_what_memory_of_the_callers_holds),
      cmocka_unit_test(test_json_strings),
      cmocka_unit_test(test_json_strings_of_any_byte),
      cmocka_unit_test(test_percent_encoding),
      cmocka_unit_test(test_reserving),
      cmocka_unit_test(test_growth_and_each_allocation_failing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
