/* Generated cases, one seed after the other. */
#include "seeded_runs.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

/* Of the run that is under way; 0: none is. */
static uint64_t current_seed;

void seeded_runs(uint64_t count, void (*run)(uint64_t seed, void *context), void *context) {
  const char *only = getenv("DDS_SEED");
  uint64_t first = only == NULL ? 1 : strtoull(only, NULL, 10);
  uint64_t last = only == NULL ? count : first;
  for (uint64_t seed = first; seed <= last; seed++) {
    current_seed = seed;
    run(seed, context);
  }
  current_seed = 0;
}

int seeded_runs_print(void **state) {
  (void)state;
  if (current_seed != 0) {
    print_message("failed with DDS_SEED=%" PRIu64 "\n", current_seed);
  }
  return 0;
}
