/* Texts that stay where they are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/texts.h"
#include "failing_allocator.h"

static void copies_stay_where_they_are(void **state) {
  (void)state;
  enum { TEXTS = 20000 };
  static const char *copies[TEXTS];
  dds_texts texts = {0};
  char text[16];
  for (int i = 0; i < TEXTS; i++) {
    snprintf(text, sizeof text, "t%d", i);
    copies[i] = dds_texts_copy(&texts, text, strlen(text));
    assert_non_null(copies[i]);
  }
  for (int i = 0; i < TEXTS; i++) {
    snprintf(text, sizeof text, "t%d", i);
    assert_string_equal(copies[i], text);
  }
  assert_true(failing_allocator_live_blocks() < TEXTS / 1000);
  dds_texts_free(&texts);
  assert_int_equal(failing_allocator_live_blocks(), 0);
  dds_texts_free(&texts);
}

/* Empty ones, with NULs inside, and larger than any block. */
static void copies_any_bytes(void **state) {
  (void)state;
  enum { LARGE = 1 << 20 };
  dds_texts texts = {0};
  char *large = dds_alloc(LARGE);
  memset(large, 'x', LARGE);
  assert_string_equal(dds_texts_copy(&texts, NULL, 0), "");
  const char *copy = dds_texts_copy(&texts, large, LARGE);
  assert_memory_equal(copy, large, LARGE);
  assert_int_equal(copy[LARGE], 0);
  assert_memory_equal(dds_texts_copy(&texts, "a\0b", 3), "a\0b", 4);
  assert_null(dds_texts_copy(&texts, large, SIZE_MAX));
  assert_null(dds_texts_copy(&texts, large, SIZE_MAX - 1));
  dds_free(large);
  dds_texts_free(&texts);
  assert_int_equal(failing_allocator_live_blocks(), 0);
}

/* Memory for a few is used again, that for many given back. */
static void is_cleared(void **state) {
  (void)state;
  dds_texts texts = {0};
  dds_texts_clear(&texts);
  for (int round = 0; round < 3; round++) {
    for (int i = 0; i < 1000; i++) {
      assert_string_equal(dds_texts_copy(&texts, "a text of 18 bytes", 18), "a text of 18 bytes");
    }
    dds_texts_clear(&texts);
    assert_int_equal(failing_allocator_live_blocks(), 0);
    const char *first = dds_texts_copy(&texts, "a", 1);
    assert_non_null(dds_texts_copy(&texts, (char[2000]){0}, 2000));
    dds_texts_clear(&texts);
    assert_int_equal(failing_allocator_live_blocks(), 1);
    const char *second = dds_texts_copy(&texts, (char[2000]){0}, 2000);
    assert_true(first != NULL && second != NULL);
    assert_int_equal(failing_allocator_live_blocks(), 1);
    dds_texts_clear(&texts);
  }
  dds_texts_free(&texts);
  assert_int_equal(failing_allocator_live_blocks(), 0);
}

static void goes_on_after_a_refused_allocation(void **state) {
  (void)state;
  dds_texts texts = {0};
  failing_allocator_refuse(1);
  assert_null(dds_texts_copy(&texts, "a", 1));
  const char *first = dds_texts_copy(&texts, "a", 1);
  failing_allocator_refuse(1);
  assert_null(dds_texts_copy(&texts, (char[4000]){0}, 4000));
  failing_allocator_refuse(0);
  assert_string_equal(dds_texts_copy(&texts, "b", 1), "b");
  assert_string_equal(first, "a");
  dds_texts_free(&texts);
  assert_int_equal(failing_allocator_live_blocks(), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(copies_stay_where_they_are),
      cmocka_unit_test(copies_any_bytes),
      cmocka_unit_test(is_cleared),
      cmocka_unit_test(goes_on_after_a_refused_allocation),
  };
  return cmocka_run_group_tests(tests, failing_allocator_set_up, NULL);
}
