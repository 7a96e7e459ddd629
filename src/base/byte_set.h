/*
 * Sets of byte values, and the stretches of a text that have none of a set. With AVX-512 (VPERMI2B
 * of VBMI: Intel since Ice Lake, AMD since Zen 4) 64 bytes are looked up at once, elsewhere one of
 * several is.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct dds_byte_set {
  uint64_t bits[4]; /* one for each value, from the lowest of the first */
} dds_byte_set;

static inline bool dds_byte_set_has(const dds_byte_set *set, unsigned char byte) {
  return (set->bits[byte / 64] >> byte % 64 & 1) != 0;
}

static inline void dds_byte_set_remove(dds_byte_set *set, unsigned char byte) {
  set->bits[byte / 64] &= ~(UINT64_C(1) << byte % 64);
}

/*
 * Where, from `from` on, the first stretch of at least `least` bytes, 1 to 64, begins that has none
 * of the set; `length` where there is no such one. It is as long as it can be to the right, and so
 * is `*stretch`; to look for the next one, go on from its end. A byte of the set that stands behind
 * a backslash, or is one of the four behind `\u`, ends no stretch, since it may be escaped. What
 * stands before `from` is not looked at: it is 0, or the end of a stretch, which no escape crosses.
 */
size_t dds_byte_set_find_without(const dds_byte_set *set, const char *bytes, size_t length,
                                 size_t from, size_t least, size_t *stretch);

/* What it does where the processor has no AVX-512, for tests. */
size_t dds_byte_set_find_without_portable(const dds_byte_set *set, const char *bytes, size_t length,
                                          size_t from, size_t least, size_t *stretch);
