/* Pieces stay as they were written until they are given back, and blocks until then. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "failing_allocator.h"

enum { PIECES = 500, LONGEST = 200000 };

typedef struct piece {
  char *bytes;
  size_t length;
  dds_arena_block *block;
} piece;

/* Mostly short, now and then longer than a block. */
static size_t length_of(size_t number) {
  return number % 97 == 50 ? LONGEST : number * 31 % 2000;
}

static piece take(dds_arena *arena, size_t number) {
  piece made = {.length = length_of(number)};
  made.bytes = dds_arena_take(arena, made.length, &made.block);
  assert_non_null(made.bytes);
  assert_non_null(made.block);
  memset(made.bytes, (int)(number % 251), made.length);
  return made;
}

static void give_back(const piece *given, size_t number) {
  for (size_t i = 0; i < given->length; i++) {
    assert_int_equal((unsigned char)given->bytes[i], number % 251);
  }
  dds_arena_release(given->block);
}

static void keeps_pieces_until_they_are_given_back(void **state) {
  (void)state;
  /* 7 has no divisor in common with PIECES: every piece, in another order. */
  static const size_t strides[] = {1, 7, PIECES - 1};
  static piece pieces[PIECES];
  for (size_t s = 0; s < sizeof strides / sizeof strides[0]; s++) {
    for (int is_freed_first = 0; is_freed_first <= 1; is_freed_first++) {
      dds_arena arena = {0};
      for (size_t i = 0; i < PIECES; i++) {
        pieces[i] = take(&arena, i);
      }
      if (is_freed_first) {
        dds_arena_free(&arena);
        assert_null(arena.current);
      }
      for (size_t i = 0; i < PIECES; i++) {
        size_t number = i * strides[s] % PIECES;
        give_back(&pieces[number], number);
      }
      assert_int_equal(failing_allocator_live_blocks(), !is_freed_first);
      dds_arena_free(&arena);
      assert_int_equal(failing_allocator_live_blocks(), 0);
    }
  }
}

static void fills_few_blocks_and_the_last_one_again(void **state) {
  (void)state;
  dds_arena arena = {0};
  piece first = take(&arena, 1);
  piece second = take(&arena, 2);
  assert_ptr_equal(first.block, second.block);
  assert_ptr_equal(second.bytes, first.bytes + first.length);
  assert_int_equal(failing_allocator_live_blocks(), 1);
  give_back(&first, 1);
  give_back(&second, 2);
  for (size_t i = 0; i < 10000; i++) {
    piece next = take(&arena, 1);
    assert_ptr_equal(next.bytes, first.bytes);
    give_back(&next, 1);
  }
  dds_arena_free(&arena);
  assert_int_equal(failing_allocator_live_blocks(), 0);
}

/* What is given back between short pieces that stay, as by ROLLBACK TO, leaves nothing behind. */
static void gives_long_pieces_memory_of_their_own(void **state) {
  enum { ROUNDS = 100, SHORT_BYTES = 50 };
  (void)state;
  dds_arena arena = {0};
  dds_arena_block *kept[ROUNDS];
  for (size_t i = 0; i < ROUNDS; i++) {
    dds_arena_block *block;
    assert_non_null(dds_arena_take(&arena, SHORT_BYTES, &kept[i]));
    assert_non_null(dds_arena_take(&arena, LONGEST, &block));
    assert_ptr_not_equal(block, kept[i]);
    dds_arena_release(block);
  }
  assert_int_equal(failing_allocator_live_blocks(), 1);
  for (size_t i = 0; i < ROUNDS; i++) {
    dds_arena_release(kept[i]);
  }
  dds_arena_free(&arena);
  assert_int_equal(failing_allocator_live_blocks(), 0);
}

static void survives_a_refused_allocation(void **state) {
  (void)state;
  dds_arena arena = {0};
  dds_arena_block *block;
  failing_allocator_refuse(1);
  assert_null(dds_arena_take(&arena, 10, &block));
  assert_null(block);
  dds_arena_release(block);
  piece small = take(&arena, 1);
  failing_allocator_refuse(1);
  assert_null(dds_arena_take(&arena, LONGEST, &block));
  assert_true(failing_allocator_has_refused());
  assert_null(dds_arena_take(&arena, SIZE_MAX, &block));
  piece other = take(&arena, 2); /* goes on where it was */
  assert_ptr_equal(other.block, small.block);
  give_back(&small, 1);
  give_back(&other, 2);
  dds_arena_free(&arena);
  assert_int_equal(failing_allocator_live_blocks(), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(keeps_pieces_until_they_are_given_back),
      cmocka_unit_test(fills_few_blocks_and_the_last_one_again),
      cmocka_unit_test(gives_long_pieces_memory_of_their_own),
      cmocka_unit_test(survives_a_refused_allocation),
  };
  return cmocka_run_group_tests(tests, failing_allocator_set_up, NULL);
}
