/* Sets of keys, and what a loop remembers of keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "dynamodb/key_set.h"
#include "failing_allocator.h"
#include "vtab/memo.h"

static dds_key key_of(const char *sid) {
  dds_key key = {0};
  dds_error error = DDS_ERROR_INIT;
  assert_true(dds_key_from_text("id", sid, strlen(sid), &key, &error));
  return key;
}

static void a_set_numbers_its_keys(void **state) {
  (void)state;
  enum { KEYS = 3000 };
  dds_key_set set = {0};
  dds_error error = DDS_ERROR_INIT;
  char sid[16];
  size_t place;
  bool is_new;
  dds_key key = key_of("none");
  assert_false(dds_key_set_find(&set, &key, &place));
  dds_key_free(&key);
  for (int i = 0; i < 2 * KEYS; i++) {
    snprintf(sid, sizeof sid, "k%d", i % KEYS);
    key = key_of(sid);
    assert_int_equal(dds_key_set_find(&set, &key, NULL), i >= KEYS);
    assert_true(dds_key_set_add(&set, &key, &place, &is_new, &error));
    assert_int_equal(place, i % KEYS);
    assert_int_equal(is_new, i < KEYS);
    assert_true(dds_key_equal(&set.keys[place], &key));
    dds_key_free(&key);
  }
  assert_int_equal(set.count, KEYS);
  dds_key_set_free(&set);
  assert_int_equal(failing_allocator_live_blocks(), 0);
}

static void remember(dds_memo *memo, uint64_t of, const char *sid, const char *item) {
  dds_error error = DDS_ERROR_INIT;
  dds_key key = key_of(sid);
  dds_item given = {.json = {0}};
  if (item != NULL) {
    given = dds_item_of(item, strlen(item));
  }
  assert_true(dds_memo_add(memo, of, &key, &given, &error));
  dds_key_free(&key);
}

/* NULL: not known; "": known to be absent. */
static void assert_known(const dds_memo *memo, const char *sid, const char *item) {
  dds_key key = key_of(sid);
  dds_item found;
  assert_int_equal(dds_memo_find(memo, &key, &found), item != NULL);
  assert_int_equal(found.json.length, item != NULL ? strlen(item) : 0);
  if (found.json.length > 0) {
    assert_memory_equal(found.json.text, item, found.json.length);
  }
  dds_key_free(&key);
}

static void remembers_items_and_their_absence(void **state) {
  (void)state;
  dds_memo memo = {0};
  dds_memo_begin(&memo, 1);
  remember(&memo, 1, "a", "{\"id\":{\"S\":\"a\"}}");
  remember(&memo, 1, "b", NULL);
  remember(&memo, 1, "a", NULL); /* what is known stays */
  assert_known(&memo, "a", "{\"id\":{\"S\":\"a\"}}");
  assert_known(&memo, "b", "");
  assert_known(&memo, "c", NULL);
  dds_memo_free(&memo);
  assert_int_equal(failing_allocator_live_blocks(), 0);
}

static void forgets_when_something_was_written(void **state) {
  (void)state;
  dds_memo memo = {0};
  dds_memo_begin(&memo, 1);
  remember(&memo, 1, "a", NULL);
  dds_memo_begin(&memo, 1);
  assert_known(&memo, "a", "");
  dds_memo_begin(&memo, 2);
  assert_known(&memo, "a", NULL);
  remember(&memo, 1, "b", NULL); /* an answer from before */
  assert_known(&memo, "b", NULL);
  dds_memo_free(&memo);
  assert_int_equal(failing_allocator_live_blocks(), 0);
}

static void is_bounded(void **state) {
  (void)state;
  enum { ITEM_BYTES = 1 << 20 };
  dds_memo memo = {0};
  char sid[16];
  char *item = malloc(ITEM_BYTES + 1);
  assert_non_null(item);
  memset(item, ' ', ITEM_BYTES);
  item[ITEM_BYTES] = '\0';
  memcpy(item, "{}", 2);
  for (int i = 0; i < 70; i++) {
    snprintf(sid, sizeof sid, "k%d", i);
    remember(&memo, 0, sid, item);
  }
  assert_true(memo.is_full);
  assert_true(memo.bytes <= DDS_MEMO_MAX_BYTES);
  assert_int_equal(memo.keys.count, 63);
  /* Nothing is added any more: an item that was left out must not be noted as absent. */
  remember(&memo, 0, "k69", NULL);
  assert_known(&memo, "k69", NULL);
  assert_known(&memo, "k0", item);
  free(item);
  dds_memo_free(&memo);
  assert_int_equal(failing_allocator_live_blocks(), 0);
}

/* A memo that was cleared knows nothing, and takes as many keys again; of a few it keeps the
 * memory.
 */
static void is_cleared(void **state) {
  (void)state;
  static const int key_counts[] = {1, 8, 9, 100};
  dds_memo memo = {0};
  for (size_t i = 0; i < sizeof key_counts / sizeof key_counts[0]; i++) {
    char sid[16];
    for (int round = 0; round < 2; round++) {
      dds_memo_begin(&memo, 5);
      for (int number = 0; number < key_counts[i]; number++) {
        snprintf(sid, sizeof sid, "k%d", number);
        assert_known(&memo, sid, NULL);
        remember(&memo, 5, sid, "{\"id\":{\"S\":\"a\"}}");
      }
      assert_int_equal(memo.keys.count, key_counts[i]);
      dds_memo_clear(&memo);
      assert_known(&memo, "k0", NULL);
      assert_int_equal(memo.bytes, 0);
      assert_int_equal(memo.capacity, key_counts[i] > 8 ? 0 : 8);
    }
  }
  dds_memo_free(&memo);
  assert_int_equal(failing_allocator_live_blocks(), 0);
}

static bool work(dds_memo *memo, dds_error *error) {
  static const char item[] = "{\"id\":{\"S\":\"a\"}}";
  bool ok = true;
  for (char c = 'a'; ok && c <= 't'; c++) {
    dds_key key = {0};
    dds_item given = dds_item_of(item, strlen(item));
    ok = dds_key_from_text("id", &c, 1, &key, error) && dds_memo_add(memo, 0, &key, &given, error);
    dds_key_free(&key);
  }
  return ok;
}

static void survives_every_refused_allocation(void **state) {
  (void)state;
  while (failing_allocator_next()) {
    dds_memo memo = {0};
    dds_error error = DDS_ERROR_INIT;
    failing_allocator_start();
    bool ok = work(&memo, &error);
    failing_allocator_check(ok, &error);
    assert_int_equal(memo.keys.count == 20, ok);
    dds_memo_free(&memo);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_set_numbers_its_keys),
      cmocka_unit_test(remembers_items_and_their_absence),
      cmocka_unit_test(forgets_when_something_was_written),
      cmocka_unit_test(is_bounded),
      cmocka_unit_test(is_cleared),
      cmocka_unit_test(survives_every_refused_allocation),
  };
  return cmocka_run_group_tests(tests, failing_allocator_set_up, NULL);
}
