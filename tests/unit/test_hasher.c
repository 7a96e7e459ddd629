/* A hasher beside the one-shot functions of hash.h, which have the vectors: what it keeps from one
 * digest to the next must not show. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <string.h>
#include <cmocka.h>

#include "base/hasher.h"

enum { MOST_BYTES = 300 };

static void check_both(dds_hasher *hasher, const unsigned char *key, const unsigned char *data,
                       size_t length) {
  unsigned char digest[DDS_SHA256_BYTES], expected[DDS_SHA256_BYTES];
  char hex[DDS_SHA256_HEX_BYTES], expected_hex[DDS_SHA256_HEX_BYTES];
  assert_true(dds_hasher_sha256(hasher, data, length, digest));
  dds_hash_hex(digest, hex);
  assert_true(dds_hash_sha256_hex(data, length, expected_hex));
  assert_string_equal(hex, expected_hex);
  assert_true(dds_hasher_hmac(hasher, key, data, length, digest));
  assert_true(dds_hash_hmac_sha256(key, DDS_SHA256_BYTES, data, length, expected));
  assert_memory_equal(digest, expected, sizeof digest);
}

static void test_as_the_one_shot_functions(void **state) {
  (void)state;
  unsigned char data[MOST_BYTES], key[DDS_SHA256_BYTES];
  dds_hasher hasher = {0};
  for (size_t length = 0; length <= MOST_BYTES; length++) {
    memset(key, (int)length, sizeof key);
    check_both(&hasher, key, data, length);
    if (length < MOST_BYTES) {
      data[length] = (unsigned char)(length * 31 + 7);
    }
  }
  check_both(&hasher, key, NULL, 0);
  dds_hasher_free(&hasher);
}

static void test_used_after_it_was_freed(void **state) {
  (void)state;
  static const unsigned char key[DDS_SHA256_BYTES] = {0xFF};
  dds_hasher hasher = {0};
  dds_hasher_free(&hasher);
  check_both(&hasher, key, (const unsigned char *)"abc", 3);
  dds_hasher_free(&hasher);
  assert_null(hasher.context);
  check_both(&hasher, key, (const unsigned char *)"abc", 3);
  dds_hasher_free(&hasher);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_as_the_one_shot_functions),
      cmocka_unit_test(test_used_after_it_was_freed),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
