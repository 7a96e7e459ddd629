/* Vectors: FIPS 180-2, RFC 4231, RFC 4648 section 10, the CRC catalogue's check value. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/hash.h"

static void test_sha256(void **state) {
  (void)state;
  char hex[DDS_SHA256_HEX_BYTES];
  assert_true(dds_hash_sha256_hex("abc", 3, hex));
  assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  assert_true(dds_hash_sha256_hex(NULL, 0, hex));
  assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void test_sha1(void **state) {
  (void)state;
  char hex[DDS_SHA1_HEX_BYTES];
  assert_true(dds_hash_sha1_hex("abc", 3, hex));
  assert_string_equal(hex, "a9993e364706816aba3e25717850c26c9cd0d89d");
  assert_true(dds_hash_sha1_hex(NULL, 0, hex));
  assert_string_equal(hex, "da39a3ee5e6b4b0d3255bfef95601890afd80709");
}

static void test_hmac(void **state) {
  (void)state;
  unsigned char digest[DDS_SHA256_BYTES];
  char hex[DDS_SHA256_HEX_BYTES];
  assert_true(dds_hash_hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, digest));
  dds_hash_hex(digest, hex);
  assert_string_equal(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  assert_true(dds_hash_hmac_sha256(NULL, 0, NULL, 0, digest));
  dds_hash_hex(digest, hex);
  assert_string_equal(hex, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void test_base64(void **state) {
  (void)state;
  static const char *const pairs[][2] = {{"", ""},
                                         {"f", "Zg=="},
                                         {"fo", "Zm8="},
                                         {"foo", "Zm9v"},
                                         {"foob", "Zm9vYg=="},
                                         {"fooba", "Zm9vYmE="},
                                         {"foobar", "Zm9vYmFy"},
                                         {"\xff\xfe\xfb", "//77"}};
  for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
    dds_buffer text = DDS_BUFFER_INIT(100), bytes = DDS_BUFFER_INIT(100);
    dds_hash_append_base64(&text, pairs[i][0], strlen(pairs[i][0]));
    assert_string_equal(dds_buffer_text(&text), pairs[i][1]);
    assert_true(dds_hash_append_base64_decoded(&bytes, pairs[i][1], strlen(pairs[i][1])));
    assert_string_equal(dds_buffer_text(&bytes), pairs[i][0]);
    dds_buffer_free(&text);
    dds_buffer_free(&bytes);
  }
  static const char *const wrong[] = {
      "Z", "Zg", "Zg=", "Zg==Zg==", "Z===", "====", "Zm9*", "Zm-_", "Zh==", "Zm9=", " Zm9", "Zg=a"};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    dds_buffer bytes = DDS_BUFFER_INIT(100);
    assert_false(dds_hash_append_base64_decoded(&bytes, wrong[i], strlen(wrong[i])));
    dds_buffer_free(&bytes);
  }
}

static void test_crc32(void **state) {
  (void)state;
  static unsigned char bytes[40000];
  assert_int_equal(dds_hash_crc32(0, "", 0), 0);
  assert_int_equal(dds_hash_crc32(0, "123456789", 9), 0xCBF43926);
  /* Long input takes another way: compare both by splitting off what a plain loop adds. */
  uint32_t plain = 0xFFFFFFFF;
  for (size_t i = 0; i < sizeof bytes; i++) {
    bytes[i] = (unsigned char)(i * 7 + i / 251);
    plain ^= bytes[i];
    for (int bit = 0; bit < 8; bit++) {
      plain = plain & 1 ? plain >> 1 ^ 0xEDB88320 : plain >> 1;
    }
    if (i < 400 || i % 997 == 0 || (i >= 8180 && i < 8210)) {
      assert_int_equal(dds_hash_crc32(0, bytes, i + 1), plain ^ 0xFFFFFFFF);
      assert_int_equal(dds_hash_crc32_portable(0, bytes, i + 1), plain ^ 0xFFFFFFFF);
    }
  }
  /* Wherever it begins in memory. */
  for (size_t start = 1; start < 20; start++) {
    assert_int_equal(dds_hash_crc32(0, bytes + start, 9000),
                     dds_hash_crc32_portable(0, bytes + start, 9000));
  }
}

/* In however many pieces the bytes come, each of them by either way. */
static void test_crc32_in_pieces(void **state) {
  (void)state;
  enum { ROUNDS = 2000, MOST_BYTES = 40000, MANY_BYTES = 2000 };
  static const size_t longest[] = {3, 40, 300, 20000};
  static unsigned char bytes[MOST_BYTES];
  unsigned seed = 20261128;
  print_message("seed %u\n", seed);
  srand(seed);
  for (size_t i = 0; i < sizeof bytes; i++) {
    bytes[i] = (unsigned char)(rand() >> 8);
  }
  for (int round = 0; round < ROUNDS; round++) {
    size_t length = (size_t)rand() % (round % 20 == 0 ? MOST_BYTES : MANY_BYTES);
    size_t most = longest[(size_t)rand() % (sizeof longest / sizeof longest[0])];
    uint32_t sum = 0;
    for (size_t i = 0, piece; i < length; i += piece) {
      piece = (size_t)rand() % (most + 1);
      piece = piece < length - i ? piece : length - i;
      sum = rand() % 2 ? dds_hash_crc32(sum, bytes + i, piece)
                       : dds_hash_crc32_portable(sum, bytes + i, piece);
    }
    if (sum != dds_hash_crc32(0, bytes, length)) {
      fail_msg("round %d: %zu bytes in pieces of at most %zu", round, length, most);
    }
  }
}

/* Equal bytes give equal numbers wherever they stand; any other bit gives another one. */
static void test_bytes(void **state) {
  (void)state;
  unsigned char bytes[60];
  unsigned char moved[64];
  for (size_t i = 0; i < sizeof bytes; i++) {
    bytes[i] = (unsigned char)(i * 7);
  }
  for (size_t length = 0; length < sizeof bytes; length++) {
    size_t hash = dds_hash_bytes(bytes, length);
    memcpy(moved + length % 4, bytes, length);
    assert_true(dds_hash_bytes(moved + length % 4, length) == hash);
    assert_true(dds_hash_bytes(bytes, length + 1) != hash);
    for (size_t bit = 0; bit < 8 * length; bit++) {
      bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
      assert_true(dds_hash_bytes(bytes, length) != hash);
      bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
  }
}

/* Keys that differ in one place alone meet no more often than thrown dice would: a table of twice
 * as many slots has some 20 % of them in a slot that is taken. */
static void test_bytes_spread(void **state) {
  (void)state;
  enum { KEYS = 4096, SLOTS = 2 * KEYS };
  for (size_t place = 0; place + 4 <= 40; place++) {
    bool taken[SLOTS] = {false};
    int meetings = 0;
    for (int i = 0; i < KEYS; i++) {
      char key[41];
      char digits[16];
      memset(key, 'x', sizeof key);
      snprintf(digits, sizeof digits, "%04d", i);
      memcpy(key + place, digits, 4);
      size_t slot = dds_hash_bytes(key, 40) % SLOTS;
      meetings += taken[slot];
      taken[slot] = true;
    }
    assert_true(meetings < KEYS * 3 / 10);
  }
}

static void test_random_and_equal(void **state) {
  (void)state;
  unsigned char one[32] = {0}, two[32] = {0};
  dds_error error = DDS_ERROR_INIT;
  assert_true(dds_hash_random(one, sizeof one, &error));
  assert_true(dds_hash_random(two, sizeof two, &error));
  assert_false(dds_hash_equal(one, two, sizeof one));
  assert_true(dds_hash_equal(one, one, sizeof one));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_sha256),
      cmocka_unit_test(test_sha1),
      cmocka_unit_test(test_hmac),
      cmocka_unit_test(test_base64),
      cmocka_unit_test(test_crc32),
      cmocka_unit_test(test_crc32_in_pieces),
      cmocka_unit_test(test_bytes),
      cmocka_unit_test(test_bytes_spread),
      cmocka_unit_test(test_random_and_equal),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
