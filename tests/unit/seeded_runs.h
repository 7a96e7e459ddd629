/*
 * Generated cases, a seed each: from 1 on, or the one that DDS_SEED=… names. Print the one that
 * failed by cmocka_unit_test_teardown(test, seeded_runs_print).
 */
#pragma once

#include <stdint.h>

void seeded_runs(uint64_t count, void (*run)(uint64_t seed, void *context), void *context);

int seeded_runs_print(void **state);
