/* Looking for stretches of a text that have none of a set of bytes. */
#include "base/byte_set.h"

#include <string.h>

#include "base/attributes.h"
#include "base/word.h"

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define WIDE __attribute__((target("avx512bw,avx512vbmi,bmi2")))
#endif

enum { UNIT_DIGITS = 4 }; /* of `\uXXXX` */

/* Whether one of four bytes is a u, by which most that are of no escape are told. */
static bool has_u(const char *bytes) {
  uint64_t four = 0;
  memcpy(&four, bytes, UNIT_DIGITS);
  return dds_word_equal(four, 'u') != 0;
}

/* Whether a byte is a digit of `\uXXXX`, or of what begins like that. */
DDS_NOINLINE static bool is_digit(const char *bytes, size_t from, size_t at) {
  for (size_t back = 1; back <= UNIT_DIGITS && at - from > back; back++) {
    if (bytes[at - back] == 'u' && bytes[at - back - 1] == '\\') {
      return true;
    }
  }
  return false;
}

static inline bool ends_stretch(const dds_byte_set *set, const char *bytes, size_t from,
                                size_t at) {
  if (!dds_byte_set_has(set, (unsigned char)bytes[at]) || (at > from && bytes[at - 1] == '\\')) {
    return false;
  }
  return (at - from > UNIT_DIGITS && !has_u(bytes + at - UNIT_DIGITS)) ||
         !is_digit(bytes, from, at);
}

/* A stretch that is long enough has no such byte among its first ones, of which the last is looked
 * at first: where it is one, all before it are passed over. */
size_t dds_byte_set_find_without_portable(const dds_byte_set *set, const char *bytes, size_t length,
                                          size_t from, size_t least, size_t *stretch) {
  const size_t start = from;
  while (length - from >= least) {
    size_t end = from + least;
    while (end > from && !ends_stretch(set, bytes, start, end - 1)) {
      end--;
    }
    if (end > from) {
      from = end;
      continue;
    }
    end = from + least;
    while (end < length && !ends_stretch(set, bytes, start, end)) {
      end++;
    }
    *stretch = end - from;
    return from;
  }
  return length;
}

#ifdef WIDE

enum { BLOCK_BYTES = 64 };

static bool is_wide(void) {
  return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vbmi") &&
         __builtin_cpu_supports("bmi2");
}

/* A bit for each byte of a block that ends a stretch; none for what is behind the text. `*spared`
 * has those of its first bytes that are digits of an escape in the block before, and is set for the
 * next block. */
WIDE static uint64_t find_ends(const dds_byte_set *set, const char *bytes, size_t from, size_t at,
                               size_t length, uint64_t *spared) {
  size_t left = length - at;
  __mmask64 there = _bzhi_u64(~UINT64_C(0), left < BLOCK_BYTES ? (unsigned int)left : BLOCK_BYTES);
  __m512i block = _mm512_maskz_loadu_epi8(there, bytes + at);
  __m512i in_ascii = _mm512_permutex2var_epi8(_mm512_movm_epi8(set->bits[0]), block,
                                              _mm512_movm_epi8(set->bits[1]));
  __m512i beyond = _mm512_permutex2var_epi8(_mm512_movm_epi8(set->bits[2]), block,
                                            _mm512_movm_epi8(set->bits[3]));
  __mmask64 is_beyond = _mm512_movepi8_mask(block);
  uint64_t is_in = _mm512_movepi8_mask(_mm512_mask_blend_epi8(is_beyond, in_ascii, beyond));
  uint64_t backslashes = _mm512_cmpeq_epi8_mask(block, _mm512_set1_epi8('\\'));
  uint64_t is_first_behind = at > from && bytes[at - 1] == '\\';
  uint64_t escaped = backslashes << 1 | is_first_behind;
  uint64_t units = escaped & _mm512_cmpeq_epi8_mask(block, _mm512_set1_epi8('u'));
  uint64_t ends = is_in & there & ~(escaped | *spared);
  *spared = 0;
  if (units != 0) { /* seldom */
    ends &= ~(units << 1 | units << 2 | units << 3 | units << 4);
    *spared = units >> 63 | units >> 62 | units >> 61 | units >> 60;
  }
  return ends;
}

/* Where `least` bytes begin without an end among them, behind the first end and before the last. */
static uint64_t find_begins(uint64_t ends, size_t least) {
  uint64_t begins = ~ends;
  for (size_t covered = 1; covered < least;) {
    size_t more = covered < least - covered ? covered : least - covered;
    begins &= begins >> more;
    covered += more;
  }
  uint64_t to_last = UINT64_MAX >> __builtin_clzll(ends);
  return begins & to_last & -(ends & -ends);
}

WIDE static size_t find_without_wide(const dds_byte_set *set, const char *bytes, size_t length,
                                     size_t from, size_t least, size_t *stretch) {
  const size_t start = from;
  uint64_t spared = 0;
  for (size_t at = start; at < length; at += BLOCK_BYTES) {
    uint64_t ends = find_ends(set, bytes, start, at, length, &spared);
    if (ends == 0) {
      continue;
    }
    size_t end = at + (size_t)__builtin_ctzll(ends);
    if (end - from >= least) {
      *stretch = end - from;
      return from;
    }
    uint64_t begins = find_begins(ends, least);
    if (begins != 0) {
      size_t begin = (size_t)__builtin_ctzll(begins);
      *stretch = (size_t)__builtin_ctzll(ends >> begin);
      return at + begin;
    }
    from = at + BLOCK_BYTES - (size_t)__builtin_clzll(ends);
  }
  *stretch = length - from;
  return *stretch >= least ? from : length;
}

#endif

size_t dds_byte_set_find_without(const dds_byte_set *set, const char *bytes, size_t length,
                                 size_t from, size_t least, size_t *stretch) {
#ifdef WIDE
  if (is_wide()) {
    return find_without_wide(set, bytes, length, from, least, stretch);
  }
#endif
  return dds_byte_set_find_without_portable(set, bytes, length, from, least, stretch);
}
