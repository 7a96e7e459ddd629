/* Blocks of JSON strings: every kernel that this machine can run against one byte at a time, over
 * blocks that are made up of what matters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/json_block.h"

enum { CASES = 20000, SEED = 20261128, LONGEST = 3 * DDS_JSON_BLOCK_BYTES };

/* A text in memory of its own, so that a sanitizer sees what is read behind it. */
static char *make_text(size_t length) {
  static const char bytes[] = {'"',    '\\', '\\',   'a',    'n',   ' ',
                               '\x1f', '\0', '\x7f', '\x80', '\xff'};
  char *text = malloc(length > 0 ? length : 1);
  size_t plain = (size_t)rand() % 8; /* of ten bytes */
  assert_non_null(text);
  for (size_t i = 0; i < length; i++) {
    text[i] = (size_t)rand() % 10 < plain ? 'x' : bytes[(size_t)rand() % sizeof bytes];
  }
  return text;
}

static uint64_t bit(size_t i, bool is_set) {
  return (uint64_t)is_set << i;
}

/* What is behind the text is zeros, and they are controls. */
static dds_json_block expect_block(const char *text, size_t length) {
  dds_json_block block = {0};
  for (size_t i = 0; i < DDS_JSON_BLOCK_BYTES; i++) {
    unsigned char byte = i < length ? (unsigned char)text[i] : 0;
    block.quotes |= bit(i, byte == '"');
    block.backslashes |= bit(i, byte == '\\');
    block.specials |= bit(i, byte < ' ' || byte >= 0x80);
  }
  return block;
}

static void assert_block(dds_json_block block, dds_json_block expected, int number) {
  if (block.quotes != expected.quotes || block.backslashes != expected.backslashes ||
      block.specials != expected.specials) {
    fail_msg("seed %d, case %d", SEED, number);
  }
}

static void test_marks(void **state) {
  (void)state;
  srand(SEED);
  for (int number = 0; number < CASES; number++) {
    size_t length = (size_t)rand() % (DDS_JSON_BLOCK_BYTES + 8);
    char *text = make_text(length);
    dds_json_block expected = expect_block(text, length);
    assert_block(dds_json_block_read_some(text, length), expected, number);
    if (dds_json_is_wide()) {
      assert_block(dds_json_block_read_wide(text, length), expected, number);
    }
    if (length >= DDS_JSON_BLOCK_BYTES) {
      assert_block(dds_json_block_read(text), expected, number);
      assert_block(dds_json_block_read_portable(text), expected, number);
    }
    free(text);
  }
}

static void test_plain_prefix(void **state) {
  (void)state;
  srand(SEED);
  for (int number = 0; number < CASES; number++) {
    char *text = make_text(DDS_JSON_PREFIX_BYTES);
    dds_json_block marks = expect_block(text, DDS_JSON_PREFIX_BYTES);
    uint64_t any = marks.quotes | marks.backslashes | marks.specials;
    size_t expected = any == 0 ? DDS_JSON_PREFIX_BYTES : (size_t)__builtin_ctzll(any);
    assert_int_equal(dds_json_plain_prefix(text), expected);
    assert_int_equal(dds_json_plain_prefix_portable(text), expected);
    free(text);
  }
}

/* Escapes that go from block to block. */
static void test_escapes(void **state) {
  (void)state;
  srand(SEED);
  for (int number = 0; number < CASES; number++) {
    char *text = make_text(LONGEST);
    uint64_t is_first_escaped = 0;
    bool is_escaped = false;
    for (size_t from = 0; from < LONGEST; from += DDS_JSON_BLOCK_BYTES) {
      uint64_t expected = 0;
      uint64_t backslashes = expect_block(text + from, DDS_JSON_BLOCK_BYTES).backslashes;
      for (size_t i = 0; i < DDS_JSON_BLOCK_BYTES; i++) {
        is_escaped = !is_escaped && text[from + i] == '\\';
        expected |= bit(i, is_escaped);
      }
      uint64_t escapes = dds_json_block_escapes(backslashes, is_first_escaped);
      if (escapes != expected) {
        fail_msg("seed %d, case %d, block %zu", SEED, number, from);
      }
      is_first_escaped = escapes >> (DDS_JSON_BLOCK_BYTES - 1);
    }
    free(text);
  }
}

typedef size_t squeezer(const char *block, size_t left, size_t length, uint64_t left_out,
                        char *out);

static size_t squeeze_wide(const char *block, size_t left, size_t length, uint64_t left_out,
                           char *out) {
  (void)left;
  return dds_json_block_squeeze_wide(block, length, left_out, out);
}

/* Room for what is made and no more: where fewer bytes than a squeeze reads are left, it must not
 * write behind them either. */
static void check_squeeze(squeezer *squeeze, size_t left, int number) {
  char *text = make_text(left);
  size_t length = left < DDS_JSON_BLOCK_BYTES ? left : DDS_JSON_BLOCK_BYTES;
  uint64_t left_out = ((uint64_t)rand() << 42 ^ (uint64_t)rand() << 21 ^ (uint64_t)rand()) &
                      ((uint64_t)rand() << 40 ^ (uint64_t)rand() << 17 ^ (uint64_t)rand());
  left_out &= length < DDS_JSON_BLOCK_BYTES ? bit(length, true) - 1 : UINT64_MAX;
  char expected[DDS_JSON_BLOCK_BYTES];
  size_t made = 0;
  for (size_t i = 0; i < length; i++) {
    if ((left_out >> i & 1) == 0) {
      expected[made++] = text[i];
    }
  }
  char *out = malloc(left + 1);
  assert_non_null(out);
  if (squeeze(text, left, length, left_out, out) != made || memcmp(out, expected, made) != 0) {
    fail_msg("seed %d, case %d", SEED, number);
  }
  free(out);
  free(text);
}

static void test_squeeze(void **state) {
  (void)state;
  srand(SEED);
  for (int number = 0; number < CASES; number++) {
    size_t left = (size_t)rand() % (2 * DDS_JSON_SQUEEZE_BYTES);
    check_squeeze(dds_json_block_squeeze_some, left, number);
    if (dds_json_is_wide()) {
      check_squeeze(squeeze_wide, left, number);
    }
  }
}

/* Memory for what is made and no more. */
static void test_escape(void **state) {
  (void)state;
  srand(SEED);
  for (int number = 0; number < CASES && dds_json_is_wide(); number++) {
    size_t length = (size_t)rand() % (DDS_JSON_HALF_BYTES + 1);
    char *text = make_text(length);
    uint64_t escaped = ((uint64_t)rand() << 16 ^ (uint64_t)rand()) & (bit(length, true) - 1);
    char expected[2 * DDS_JSON_HALF_BYTES];
    size_t made = 0;
    uint64_t controls = 0;
    for (size_t i = 0; i < length; i++) {
      if ((escaped >> i & 1) != 0) {
        expected[made++] = '\\';
      }
      expected[made++] = text[i];
      controls |= bit(i, (unsigned char)text[i] < ' ');
    }
    char *out = malloc(made + 1);
    assert_non_null(out);
    char *behind = dds_json_block_escape_wide(text, length, escaped, out);
    if (behind != out + made || memcmp(out, expected, made) != 0 ||
        dds_json_block_controls_wide(text, length) != controls) {
      fail_msg("seed %d, case %d", SEED, number);
    }
    free(out);
    free(text);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_marks),   cmocka_unit_test(test_plain_prefix),
      cmocka_unit_test(test_escapes), cmocka_unit_test(test_squeeze),
      cmocka_unit_test(test_escape),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
