/*
 * The bytes of JSON strings, 64 at once: where quotes and backslashes stand, and what is neither
 * plain nor ASCII, as masks with a bit for each byte, the first byte's lowest. With SSE2, which
 * every x86-64 has; elsewhere eight bytes at a time (base/word.h). Both are the same to the
 * caller, and so are the wide kernels below, for processors that have them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/attributes.h"
#include "base/word.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define DDS_JSON_WIDE __attribute__((target("avx512bw,avx512vbmi2,bmi2,popcnt")))
#elif defined(__SSE2__)
#include <emmintrin.h>
#endif

enum { DDS_JSON_BLOCK_BYTES = 64, DDS_JSON_HALF_BYTES = 32, DDS_JSON_PREFIX_BYTES = 16 };

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

/* What is behind a short string without escapes, `next` behind its opening quote; NULL: it is
 * another, or so near the end that nobody looks. */
static inline const char *dds_json_behind_short(const char *next, const char *end) {
  if (end - next < DDS_JSON_PREFIX_BYTES) {
    return NULL;
  }
  size_t length = dds_json_plain_prefix(next);
  return length < DDS_JSON_PREFIX_BYTES && next[length] == '"' ? next + length + 1 : NULL;
}

/*
 * Which backslashes begin an escape, in a block whose first byte is escaped or not, 1 or 0: of each
 * run of them the first, the third and so on. Adding its first bit to a run carries through it,
 * which tells runs that begin at even places from the others. Whether the next block's first byte
 * is escaped is the highest bit.
 */
static inline uint64_t dds_json_block_escapes(uint64_t backslashes, uint64_t is_first_escaped) {
  const uint64_t even = UINT64_C(0x5555555555555555);
  backslashes &= ~is_first_escaped;
  uint64_t starts = backslashes & ~(backslashes << 1);
  uint64_t even_runs = backslashes & ~(backslashes + (starts & even));
  return (even_runs & even) | (backslashes & ~even_runs & ~even);
}

/* Copies what stands between two bytes that are left out, and whatever is behind it. */
enum {
  DDS_JSON_RUN_BYTES = 32,
  DDS_JSON_SQUEEZE_BYTES = DDS_JSON_BLOCK_BYTES + DDS_JSON_RUN_BYTES
};
static inline void dds_json_copy_run(char *out, const char *bytes, size_t length) {
  memcpy(out, bytes, DDS_JSON_RUN_BYTES);
  if (length > DDS_JSON_RUN_BYTES) {
    memcpy(out + DDS_JSON_RUN_BYTES, bytes + DDS_JSON_RUN_BYTES, DDS_JSON_RUN_BYTES);
  }
}

/* Copies the first `length` bytes of a block but for those that are marked in `left_out`, and
 * returns how many these are. DDS_JSON_SQUEEZE_BYTES are read and may be written. */
static inline size_t dds_json_block_squeeze(const char *block, size_t length, uint64_t left_out,
                                            char *out) {
  const char *start = out;
  size_t from = 0;
  for (; left_out != 0; left_out &= left_out - 1) {
    size_t at = (size_t)__builtin_ctzll(left_out);
    dds_json_copy_run(out, block + from, at - from);
    out += at - from;
    from = at + 1;
  }
  dds_json_copy_run(out, block + from, length - from);
  return (size_t)(out - start) + length - from;
}

/* A block that may be read: the text's own, or the end of it in `padded`. */
static inline const char *dds_json_block_pad(const char *bytes, size_t left,
                                             char padded[DDS_JSON_BLOCK_BYTES]) {
  if (left >= DDS_JSON_BLOCK_BYTES) {
    return bytes;
  }
  memset(padded, 0, DDS_JSON_BLOCK_BYTES);
  return memcpy(padded, bytes, left);
}

/*
 * The same at the end of a text, of which `left` bytes are there: zeros stand for what is behind
 * them, and are controls; nothing behind what a squeeze makes is written.
 */
static inline dds_json_block dds_json_block_read_some(const char *bytes, size_t left) {
  char padded[DDS_JSON_BLOCK_BYTES];
  return dds_json_block_read(dds_json_block_pad(bytes, left, padded));
}

static inline size_t dds_json_block_squeeze_some(const char *block, size_t left, size_t length,
                                                 uint64_t left_out, char *out) {
  char padded[DDS_JSON_SQUEEZE_BYTES] = {0};
  char squeezed[DDS_JSON_SQUEEZE_BYTES];
  if (left >= DDS_JSON_SQUEEZE_BYTES) {
    return dds_json_block_squeeze(block, length, left_out, out);
  }
  memcpy(padded, block, left);
  size_t made = dds_json_block_squeeze(padded, length, left_out, squeezed);
  memcpy(out, squeezed, made);
  return made;
}

/*
 * These two again with AVX-512, where a mask is one instruction, leaving bytes out or putting them
 * in is one (VPCOMPRESSB and VPEXPANDB of VBMI2: Intel since Ice Lake, AMD since Zen 4), and bytes
 * that are not there need no care. These and what follows may be called, and code that is marked
 * with DDS_JSON_WIDE may run, where dds_json_is_wide.
 */
#ifdef DDS_JSON_WIDE

static inline bool dds_json_is_wide(void) {
  return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vbmi2") &&
         __builtin_cpu_supports("bmi2");
}

/* Marks the first `count` bytes, all from 64 on. */
DDS_JSON_WIDE static inline __mmask64 dds_json_wide_first(size_t count) {
  return _bzhi_u64(~UINT64_C(0),
                   count < DDS_JSON_BLOCK_BYTES ? (unsigned int)count : DDS_JSON_BLOCK_BYTES);
}

DDS_JSON_WIDE static inline dds_json_block dds_json_block_read_wide(const char *bytes,
                                                                    size_t left) {
  __m512i lane = _mm512_maskz_loadu_epi8(dds_json_wide_first(left), bytes);
  /* Signed, what is beyond ASCII is negative. */
  return (dds_json_block){
      .quotes = _mm512_cmpeq_epi8_mask(lane, _mm512_set1_epi8('"')),
      .backslashes = _mm512_cmpeq_epi8_mask(lane, _mm512_set1_epi8('\\')),
      .specials = _mm512_cmplt_epi8_mask(lane, _mm512_set1_epi8(' ')),
  };
}

DDS_JSON_WIDE static inline size_t dds_json_block_squeeze_wide(const char *block, size_t length,
                                                               uint64_t left_out, char *out) {
  size_t made = length - (size_t)_mm_popcnt_u64(left_out);
  __m512i lane = _mm512_maskz_loadu_epi8(dds_json_wide_first(length), block);
  lane = _mm512_maskz_compress_epi8(~left_out, lane);
  _mm512_mask_storeu_epi8(out, dds_json_wide_first(made), lane);
  return made;
}

/* Marks the controls of the first `left` bytes. */
DDS_JSON_WIDE static inline uint64_t dds_json_block_controls_wide(const char *bytes, size_t left) {
  __mmask64 counted = dds_json_wide_first(left);
  __m512i lane = _mm512_maskz_loadu_epi8(counted, bytes);
  return _mm512_mask_cmplt_epu8_mask(counted, lane, _mm512_set1_epi8(' '));
}

/*
 * Copies bytes, at most DDS_JSON_HALF_BYTES, with a backslash before each that `escaped` marks, and
 * returns what is behind the copy. Of each two bits one is the backslash's and one the byte's; the
 * places of bytes are what remains of theirs when backslashes that nobody needs are left out.
 */
DDS_JSON_WIDE static inline char *dds_json_block_escape_wide(const char *bytes, size_t length,
                                                             uint64_t escaped, char *to) {
  const uint64_t backslashes = UINT64_C(0x5555555555555555);
  uint64_t kept =
      _pdep_u64(escaped, backslashes) | _bzhi_u64(~backslashes, 2 * (unsigned int)length);
  size_t made = (size_t)_mm_popcnt_u64(kept);
  __m512i lane = _mm512_maskz_loadu_epi8(dds_json_wide_first(length), bytes);
  lane = _mm512_mask_expand_epi8(_mm512_set1_epi8('\\'), _pext_u64(~backslashes, kept), lane);
  _mm512_mask_storeu_epi8(to, dds_json_wide_first(made), lane);
  return to + made;
}

#else

#define DDS_JSON_WIDE

static inline bool dds_json_is_wide(void) {
  return false;
}

static inline dds_json_block dds_json_block_read_wide(const char *bytes, size_t left) {
  return dds_json_block_read_some(bytes, left);
}

static inline size_t dds_json_block_squeeze_wide(const char *block, size_t length,
                                                 uint64_t left_out, char *out) {
  return dds_json_block_squeeze_some(block, length, length, left_out, out);
}

static inline uint64_t dds_json_block_controls_wide(const char *bytes, size_t left) {
  uint64_t controls = 0;
  for (size_t i = 0; i < left && i < DDS_JSON_BLOCK_BYTES; i++) {
    controls |= (uint64_t)((unsigned char)bytes[i] < ' ') << i;
  }
  return controls;
}

static inline char *dds_json_block_escape_wide(const char *bytes, size_t length, uint64_t escaped,
                                               char *to) {
  for (size_t i = 0; i < length; i++) {
    *to = '\\';
    to += escaped >> i & 1;
    *to++ = bytes[i];
  }
  return to;
}

#endif
