/*
 * What the fuzz harnesses share. Each fuzz_<name>.c is one function that is given bytes, and aborts
 * where something does not hold that must hold for any bytes.
 *
 * `make fuzz` links it with libFuzzer, which looks for inputs that reach new code. Everywhere else
 * mutate.c calls it with changed copies of seeds/<name>/: less thorough, but any compiler does it,
 * in each run of the tests, and under the sanitizers too.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Not assert(), which NDEBUG takes away. */
#define HOLDS(condition)                                                             \
  do {                                                                               \
    if (!(condition)) {                                                              \
      fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
      abort();                                                                       \
    }                                                                                \
  } while (0)
