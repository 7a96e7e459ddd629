/* An allocator that counts live blocks and refuses one allocation on demand. */
#include "failing_allocator.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/alloc.h"

static long live_blocks;
static long refuse_in; /* counts down to the refusal; 0: none is wanted */
static bool has_refused;

/* Of a sweep. */
static long round_number; /* counts from 1; 0: no sweep goes on */
static bool has_met;      /* the round met its refusal */
static long blocks_before;

static bool must_refuse(void) {
  if (refuse_in == 0 || --refuse_in > 0) {
    return false;
  }
  has_refused = true;
  has_met = true;
  return true;
}

static void *allocate(size_t size_bytes) {
  if (must_refuse()) {
    return NULL;
  }
  void *memory = malloc(size_bytes);
  if (memory != NULL) {
    live_blocks++;
  }
  return memory;
}

static void *reallocate(void *memory, size_t size_bytes) {
  return must_refuse() ? NULL : realloc(memory, size_bytes);
}

static void release(void *memory) {
  live_blocks--;
  free(memory);
}

void failing_allocator_install(void) {
  static const dds_allocator failing = {allocate, reallocate, release};
  dds_alloc_use(&failing);
}

int failing_allocator_set_up(void **state) {
  (void)state;
  failing_allocator_install();
  return 0;
}

void failing_allocator_refuse(long nth) {
  refuse_in = nth;
  has_refused = false;
}

bool failing_allocator_has_refused(void) {
  return has_refused;
}

bool failing_allocator_next(void) {
  failing_allocator_refuse(0);
  if (round_number == 0) {
    blocks_before = live_blocks;
    has_met = true;
  }
  if (live_blocks != blocks_before) {
    fail_msg("allocation %ld refused: %ld blocks are left", round_number,
             live_blocks - blocks_before);
  }
  round_number = has_met ? round_number + 1 : 0;
  has_met = false;
  return round_number > 0;
}

void failing_allocator_start(void) {
  failing_allocator_refuse(round_number);
}

bool failing_allocator_stop(void) {
  bool refused = has_refused;
  failing_allocator_refuse(0);
  return refused;
}

bool failing_allocator_check(bool ok, const dds_error *error) {
  bool refused = failing_allocator_stop();
  assert_int_equal(ok, !refused);
  assert_int_equal(error->code, refused ? DDS_NOMEM : DDS_OK);
  return refused;
}

long failing_allocator_live_blocks(void) {
  return live_blocks;
}
