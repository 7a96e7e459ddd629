/* Texts that may be NULL. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <string.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "base/text.h"
#include "failing_allocator.h"

static void test_same(void **state) {
  (void)state;
  char a[] = "a";
  assert_true(dds_text_is_same(NULL, NULL));
  assert_true(dds_text_is_same("a", a));
  assert_true(dds_text_is_same("", ""));
  assert_false(dds_text_is_same("a", "A"));
  assert_false(dds_text_is_same("a", "ab"));
  assert_false(dds_text_is_same(NULL, ""));
  assert_false(dds_text_is_same("", NULL));
}

static void test_blank(void **state) {
  (void)state;
  static const char *const blank[] = {NULL, "", " ", "\t\r\n\v\f "};
  static const char *const given[] = {"0", " a", "\xc2\xa0", "\x01"};
  for (size_t i = 0; i < sizeof blank / sizeof blank[0]; i++) {
    assert_true(dds_text_is_blank(blank[i]));
    assert_false(dds_text_is_blank(given[i]));
  }
}

static void test_copy(void **state) {
  (void)state;
  dds_error error = DDS_ERROR_INIT;
  long before = failing_allocator_live_blocks();
  char *copy = NULL;
  assert_true(dds_text_copy(&copy, "secret-of-p", &error));
  assert_string_equal(copy, "secret-of-p");
  dds_text_free_secret(copy);
  assert_true(dds_text_copy(&copy, NULL, &error));
  assert_null(copy);
  dds_text_free_secret(copy);
  failing_allocator_refuse(1);
  assert_false(dds_text_copy(&copy, "", &error));
  assert_true(failing_allocator_check(false, &error));
  assert_null(copy);
  assert_int_equal(failing_allocator_live_blocks(), before);
}

static void test_integers(void **state) {
  (void)state;
  static const struct {
    int64_t number;
    const char *text;
  } cases[] = {
      {0, "0"},
      {7, "7"},
      {-1, "-1"},
      {10, "10"},
      {-1000, "-1000"},
      {4102444800, "4102444800"},
      {INT64_MAX, "9223372036854775807"},
      {INT64_MIN, "-9223372036854775808"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    char text[DDS_TEXT_INTEGER_BYTES];
    assert_int_equal(dds_text_from_integer(cases[i].number, text), strlen(cases[i].text));
    assert_string_equal(text, cases[i].text);
  }
}

static void test_plural(void **state) {
  (void)state;
  static const double several[] = {0, 0.5, 1.5, 2, 1000, -1};
  assert_string_equal(dds_text_plural(1), "");
  for (size_t i = 0; i < sizeof several / sizeof several[0]; i++) {
    assert_string_equal(dds_text_plural(several[i]), "s");
  }
}

static char seen[16];

static void look(void *memory) {
  memcpy(seen, memory, sizeof seen);
}

static void *give(size_t size_bytes) {
  static char block[64];
  return size_bytes <= sizeof block ? block : NULL;
}

static void *refuse_to_grow(void *memory, size_t size_bytes) {
  (void)memory;
  (void)size_bytes;
  return NULL;
}

static void test_secret_is_wiped(void **state) {
  (void)state;
  static const dds_allocator looking = {give, refuse_to_grow, look};
  static const char nothing[sizeof seen] = "";
  dds_error error = DDS_ERROR_INIT;
  char *copy = NULL;
  dds_alloc_use(&looking);
  assert_true(dds_text_copy(&copy, "secret-of-p", &error));
  dds_text_free_secret(copy);
  failing_allocator_install();
  assert_memory_equal(seen, nothing, sizeof seen);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_same),   cmocka_unit_test(test_blank),
      cmocka_unit_test(test_copy),   cmocka_unit_test(test_integers),
      cmocka_unit_test(test_plural), cmocka_unit_test(test_secret_is_wiped),
  };
  return cmocka_run_group_tests(tests, failing_allocator_set_up, NULL);
}
