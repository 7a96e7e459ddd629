/*
 * The bytes of JSON strings, 64 at once: where quotes and backslashes stand, and what is neither
 * plain nor ASCII, as masks with a bit for each byte, the first byte's lowest. With SSE2, which
 * every x86-64 has; elsewhere eight bytes at a time (base/word.h). Both are the same to the
 * caller.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/word.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum { DDS_JSON_BLOCK_BYTES = 64, DDS_JSON_PREFIX_BYTES = 16 };

typedef struct dds_json_block {
  uint64_t quotes;
  uint64_t backslashes;
  uint64_t specials; /* controls, and bytes of sequences beyond ASCII */
} dds_json_block;

/*
 * dds_json_block_read reads DDS_JSON_BLOCK_BYTES, and so does dds_json_block_controls, which tells
 * controls from what is beyond ASCII where it matters. dds_json_plain_prefix reads the few of a
 * short string, DDS_JSON_PREFIX_BYTES, and tells how many stand before the first of any mark.
 */

/* The marks of eight bytes, together. The product brings bit 8i to bit 56 + i, each once. */
static inline uint64_t dds_json_word_gather(uint64_t high_bits) {
  return ((high_bits >> 7) * UINT64_C(0x0102040810204080)) >> 56;
}

/* Marks controls and what is beyond ASCII: from 0x20 on, adding 0x60 reaches the bit. */
static inline uint64_t dds_json_word_specials(uint64_t word) {
  const uint64_t low = DDS_WORD_EACH_BYTE(0x7F);
  return (word | ~((word & low) + DDS_WORD_EACH_BYTE(0x60))) & ~low;
}

static inline dds_json_block dds_json_block_read_portable(const char *bytes) {
  dds_json_block block = {0};
  for (int shift = 0; shift < DDS_JSON_BLOCK_BYTES; shift += 8) {
    uint64_t word = dds_word_load(bytes + shift);
    block.quotes |= dds_json_word_gather(dds_word_equal(word, '"')) << shift;
    block.backslashes |= dds_json_word_gather(dds_word_equal(word, '\\')) << shift;
    block.specials |= dds_json_word_gather(dds_json_word_specials(word)) << shift;
  }
  return block;
}

static inline uint64_t dds_json_block_controls(const char *bytes) {
  uint64_t controls = 0;
  for (int shift = 0; shift < DDS_JSON_BLOCK_BYTES; shift += 8) {
    uint64_t word = dds_word_load(bytes + shift) & DDS_WORD_EACH_BYTE(0xE0);
    controls |= dds_json_word_gather(dds_word_zeros(word)) << shift;
  }
  return controls;
}

static inline size_t dds_json_plain_prefix_portable(const char *bytes) {
  for (size_t at = 0; at < DDS_JSON_PREFIX_BYTES; at += 8) {
    uint64_t word = dds_word_load(bytes + at);
    uint64_t marks =
        dds_word_equal(word, '"') | dds_word_equal(word, '\\') | dds_json_word_specials(word);
    if (marks != 0) {
      return at + (size_t)__builtin_ctzll(marks) / 8;
    }
  }
  return DDS_JSON_PREFIX_BYTES;
}

#ifdef __SSE2__

static inline __m128i dds_json_lane_load(const char *bytes) {
  __m128i lane;
  memcpy(&lane, bytes, sizeof lane);
  return lane;
}

static inline uint64_t dds_json_lane_gather(__m128i lane) {
  return (uint64_t)(unsigned int)_mm_movemask_epi8(lane);
}

/* A bit for each byte of four lanes. They are named one by one, here and below, since compilers put
 * arrays of them into memory. */
static inline uint64_t dds_json_lanes_gather(__m128i a, __m128i b, __m128i c, __m128i d) {
  return dds_json_lane_gather(a) | dds_json_lane_gather(b) << 16 | dds_json_lane_gather(c) << 32 |
         dds_json_lane_gather(d) << 48;
}

static inline uint64_t dds_json_lanes_equal(__m128i a, __m128i b, __m128i c, __m128i d, char byte) {
  const __m128i wanted = _mm_set1_epi8(byte);
  return dds_json_lanes_gather(_mm_cmpeq_epi8(a, wanted), _mm_cmpeq_epi8(b, wanted),
                               _mm_cmpeq_epi8(c, wanted), _mm_cmpeq_epi8(d, wanted));
}

/* Seldom any: so all lanes are asked at once first. Signed, what is beyond ASCII is negative. */
static inline uint64_t dds_json_lanes_specials(__m128i a, __m128i b, __m128i c, __m128i d) {
  const __m128i last_control = _mm_set1_epi8(0x1F);
  a = _mm_cmpgt_epi8(a, last_control);
  b = _mm_cmpgt_epi8(b, last_control);
  c = _mm_cmpgt_epi8(c, last_control);
  d = _mm_cmpgt_epi8(d, last_control);
  __m128i all = _mm_and_si128(_mm_and_si128(a, b), _mm_and_si128(c, d));
  return dds_json_lane_gather(all) == 0xFFFF ? 0 : ~dds_json_lanes_gather(a, b, c, d);
}

static inline dds_json_block dds_json_block_read(const char *bytes) {
  __m128i a = dds_json_lane_load(bytes);
  __m128i b = dds_json_lane_load(bytes + 16);
  __m128i c = dds_json_lane_load(bytes + 32);
  __m128i d = dds_json_lane_load(bytes + 48);
  return (dds_json_block){.quotes = dds_json_lanes_equal(a, b, c, d, '"'),
                          .backslashes = dds_json_lanes_equal(a, b, c, d, '\\'),
                          .specials = dds_json_lanes_specials(a, b, c, d)};
}

static inline size_t dds_json_plain_prefix(const char *bytes) {
  __m128i lane = dds_json_lane_load(bytes);
  __m128i marks = _mm_or_si128(_mm_cmpeq_epi8(lane, _mm_set1_epi8('"')),
                               _mm_or_si128(_mm_cmpeq_epi8(lane, _mm_set1_epi8('\\')),
                                            _mm_cmplt_epi8(lane, _mm_set1_epi8(' '))));
  return (size_t)__builtin_ctz((unsigned int)_mm_movemask_epi8(marks) | 1U << 16);
}

#else

static inline dds_json_block dds_json_block_read(const char *bytes) {
  return dds_json_block_read_portable(bytes);
}

static inline size_t dds_json_plain_prefix(const char *bytes) {
  return dds_json_plain_prefix_portable(bytes);
}

#endif

/*
 * Which backslashes begin an escape, in a block whose first byte is not escaped: of each run of
 * them the first, the third and so on. Adding its first bit to a run carries through it, which
 * tells runs that begin at even places from the others.
 */
static inline uint64_t dds_json_block_escapes(uint64_t backslashes) {
  const uint64_t even = UINT64_C(0x5555555555555555);
  uint64_t starts = backslashes & ~(backslashes << 1);
  uint64_t even_runs = backslashes & ~(backslashes + (starts & even));
  return (even_runs & even) | (backslashes & ~even_runs & ~even);
}
