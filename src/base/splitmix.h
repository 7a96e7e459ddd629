/*
 * splitmix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", 2014): 64
 * bits from a state of 64 bits, the same numbers on every machine. For jitter and for tests; what
 * is to be secret comes from dds_hash_random.
 */
#pragma once

#include <stdint.h>

/* Numbers that differ in one bit differ in half of their bits behind this. */
static inline uint64_t dds_splitmix_mix(uint64_t number) {
  number = (number ^ (number >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
  number = (number ^ (number >> 27)) * UINT64_C(0x94D049BB133111EB);
  return number ^ (number >> 31);
}

/* The next number; any state will do to begin with. */
static inline uint64_t dds_splitmix_next(uint64_t *state) {
  *state += UINT64_C(0x9E3779B97F4A7C15);
  return dds_splitmix_mix(*state);
}
