/* Allocation: zeroed memory, blocks of no bytes, copies, and the chosen functions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <string.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "failing_allocator.h"

static void test_blocks(void **state) {
  (void)state;
  static const unsigned char zeros[100] = {0};
  long before = failing_allocator_live_blocks();
  unsigned char *block = dds_alloc(100);
  assert_memory_equal(block, zeros, 100);
  memset(block, 7, 100);
  block = dds_realloc(block, 200);
  assert_int_equal(block[99], 7);
  void *empty = dds_alloc(0), *grown = dds_realloc(NULL, 0);
  assert_non_null(empty);
  assert_non_null(grown);
  char *copy = dds_alloc_copy("a\0bc", 3);
  assert_memory_equal(copy, "a\0b", 4);
  char *nothing = dds_alloc_copy(NULL, 0);
  assert_string_equal(nothing, "");
  assert_int_equal(failing_allocator_live_blocks(), before + 5);
  dds_free(block);
  dds_free(empty);
  dds_free(grown);
  dds_free_secret(copy, 4);
  dds_free_secret(nothing, 0);
  dds_free(NULL);
  dds_free_secret(NULL, 10);
  assert_int_equal(failing_allocator_live_blocks(), before);
}

static void test_no_memory(void **state) {
  (void)state;
  char *block = dds_alloc_copy("kept", 4);
  assert_null(dds_alloc_copy("x", SIZE_MAX));
  failing_allocator_refuse(1);
  assert_null(dds_alloc(1));
  failing_allocator_refuse(1);
  assert_null(dds_alloc_copy("x", 1));
  failing_allocator_refuse(1);
  assert_null(dds_realloc(NULL, 1));
  failing_allocator_refuse(1);
  assert_null(dds_realloc(block, 1000));
  assert_string_equal(block, "kept");
  dds_free(block);
}

static unsigned char released[16];

static void *keep(size_t size_bytes) {
  return size_bytes <= sizeof released ? released : NULL;
}

static void *keep_again(void *memory, size_t size_bytes) {
  return size_bytes <= sizeof released ? memory : NULL;
}

static void look(void *memory) {
  static const unsigned char zeros[6] = {0};
  assert_memory_equal(memory, zeros, sizeof zeros);
  released[15] = 1;
}

/* The bytes are gone by the time that they are released. */
static void test_secrets_are_wiped(void **state) {
  (void)state;
  static const dds_allocator looking = {keep, keep_again, look};
  dds_alloc_use(&looking);
  char *secret = dds_alloc_copy("secret", 6);
  assert_string_equal(secret, "secret");
  dds_free_secret(secret, 6);
  assert_int_equal(released[15], 1);
  failing_allocator_install();
}

int main(void) {
  failing_allocator_install();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_blocks),
      cmocka_unit_test(test_no_memory),
      cmocka_unit_test(test_secrets_are_wiped),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
