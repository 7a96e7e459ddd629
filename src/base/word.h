/*
 * Eight bytes of text at once, by arithmetic (Warren, "Hacker's Delight", 6-1). A mark is the
 * highest bit of a byte; the first byte is the lowest on every machine.
 */
#pragma once

#include <stdint.h>
#include <string.h>

#define DDS_WORD_EACH_BYTE(byte) (UINT64_C(0x0101010101010101) * (byte))

static inline uint64_t dds_word_load(const char *bytes) {
  uint64_t word;
  memcpy(&word, bytes, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  word = __builtin_bswap64(word);
#endif
  return word;
}

/* Marks the bytes that are zero, exactly: no carry leaves a byte. */
static inline uint64_t dds_word_zeros(uint64_t word) {
  const uint64_t low = DDS_WORD_EACH_BYTE(0x7F);
  return ~(((word & low) + low) | word | low);
}

/* Marks those that equal `byte`. */
static inline uint64_t dds_word_equal(uint64_t word, unsigned char byte) {
  return dds_word_zeros(word ^ DDS_WORD_EACH_BYTE(byte));
}
