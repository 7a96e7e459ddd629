/* Stretches without the bytes of a set, by all ways that this machine has, against one byte at a
 * time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/byte_set.h"

enum { CASES = 20000, SEED = 20261128, LONGEST = 400 };

typedef size_t find_without(const dds_byte_set *set, const char *bytes, size_t length, size_t from,
                            size_t least, size_t *stretch);

/* Behind a backslash, or one of the four behind `\u`; it looks at the whole text. */
static bool may_be_escaped(const char *bytes, size_t at) {
  bool is_digit = false;
  for (size_t unit = at < 4 ? 0 : at - 4; unit < at; unit++) {
    is_digit = is_digit || (unit > 0 && memcmp(bytes + unit - 1, "\\u", 2) == 0);
  }
  return is_digit || (at > 0 && bytes[at - 1] == '\\');
}

static size_t find_simply(const dds_byte_set *set, const char *bytes, size_t length, size_t from,
                          size_t least, size_t *stretch) {
  size_t begin = from;
  for (size_t at = from; at <= length; at++) {
    bool is_end = at == length ||
                  (dds_byte_set_has(set, (unsigned char)bytes[at]) && !may_be_escaped(bytes, at));
    if (is_end && at - begin >= least) {
      *stretch = at - begin;
      return begin;
    }
    begin = is_end ? at + 1 : begin;
  }
  return length;
}

/* In memory of its own, so that a sanitizer sees what is read behind it. One of so many bytes is of
 * the set. */
static char *make_text(size_t length, int rarity) {
  static const char members[] = {'a', 'u', 'Z', '\0', '?', '@', '\x7f', '\x80', '\xc3', '\xff'};
  static const char others[] = {'b', 'Y', '\\', '"', '\x01', '\x81', '\xfe'};
  char *text = malloc(length > 0 ? length : 1);
  assert_non_null(text);
  for (size_t i = 0; i < length; i++) {
    text[i] = rand() % rarity == 0 ? members[(size_t)rand() % sizeof members]
                                   : others[(size_t)rand() % sizeof others];
    if (i > 0 && text[i - 1] == '\\' && rand() % 2 == 0) {
      text[i] = 'u';
    }
  }
  return text;
}

static void assert_finds_the_same(find_without *find, const dds_byte_set *set, const char *text,
                                  size_t length, size_t least, int number) {
  size_t stretch = 0;
  for (size_t from = 0; from < length; from += stretch) {
    size_t expected = 0;
    size_t at = find_simply(set, text, length, from, least, &expected);
    from = find(set, text, length, from, least, &stretch);
    if (from != at || (at < length && stretch != expected)) {
      fail_msg("seed %d, case %d: at %zu, not %zu", SEED, number, from, at);
    }
  }
}

static void test_stretches(void **state) {
  (void)state;
  dds_byte_set set = {{UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX}};
  for (int byte = 0; byte < 256; byte++) {
    if (byte != 0 && strchr("auZ?@\x7f\x80\xc3\xff", byte) == NULL) {
      dds_byte_set_remove(&set, (unsigned char)byte);
    }
  }
  assert_true(dds_byte_set_has(&set, '\0') && dds_byte_set_has(&set, 0xFF));
  assert_false(dds_byte_set_has(&set, 'b') || dds_byte_set_has(&set, 0x81));
  srand(SEED);
  for (int number = 0; number < CASES; number++) {
    size_t length = (size_t)rand() % LONGEST;
    size_t least = 1 + (size_t)rand() % 64;
    char *text = make_text(length, 2 + rand() % 60);
    assert_finds_the_same(dds_byte_set_find_without, &set, text, length, least, number);
    assert_finds_the_same(dds_byte_set_find_without_portable, &set, text, length, least, number);
    free(text);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_stretches),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
