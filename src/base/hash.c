/*
 * Hashes and base64. OpenSSL's one-shot calls (EVP_Digest, HMAC) are the ones that both 1.1.1 and
 * 3 have without deprecation. The CRC-32 is here because zlib is not among the libraries.
 */
#include "base/hash.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <string.h>

#if defined(__x86_64__) && defined(__GNUC__)
#include <wmmintrin.h>
#endif

bool dds_hash_sha256_hex(const void *data, size_t length, char hex[DDS_SHA256_HEX_BYTES]) {
  unsigned char digest[DDS_SHA256_BYTES];
  hex[0] = '\0';
  unsigned int written = 0;
  const void *bytes = length == 0 ? "" : data;
  if (EVP_Digest(bytes, length, digest, &written, EVP_sha256(), NULL) != 1 ||
      written != DDS_SHA256_BYTES) {
    return false;
  }
  dds_hash_hex(digest, hex);
  return true;
}

bool dds_hash_hmac_sha256(const void *key, size_t key_length, const void *data, size_t length,
                          unsigned char digest[DDS_SHA256_BYTES]) {
  if (key_length > INT_MAX) {
    return false;
  }
  unsigned int written = 0;
  /* A NULL key means "the key of before" to OpenSSL, not an empty one. */
  const void *key_bytes = key_length == 0 ? "" : key;
  const void *bytes = length == 0 ? "" : data;
  return HMAC(EVP_sha256(), key_bytes, (int)key_length, bytes, length, digest, &written) != NULL &&
         written == DDS_SHA256_BYTES;
}

static void write_hex(const unsigned char *bytes, size_t count, char *hex) {
  static const char digits[] = "0123456789abcdef";
  for (size_t i = 0; i < count; i++) {
    hex[2 * i] = digits[bytes[i] >> 4];
    hex[2 * i + 1] = digits[bytes[i] & 0x0F];
  }
  hex[2 * count] = '\0';
}

void dds_hash_hex(const unsigned char digest[DDS_SHA256_BYTES], char hex[DDS_SHA256_HEX_BYTES]) {
  write_hex(digest, DDS_SHA256_BYTES, hex);
}

bool dds_hash_sha1_hex(const void *data, size_t length, char hex[DDS_SHA1_HEX_BYTES]) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int written = 0;
  const void *bytes = length == 0 ? "" : data;
  hex[0] = '\0';
  if (EVP_Digest(bytes, length, digest, &written, EVP_sha1(), NULL) != 1 ||
      2 * written + 1 != DDS_SHA1_HEX_BYTES) {
    return false;
  }
  write_hex(digest, written, hex);
  return true;
}

static const char base64_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void dds_hash_append_base64(dds_buffer *buffer, const void *data, size_t length) {
  const unsigned char *bytes = data;
  for (size_t i = 0; i < length; i += 3) {
    size_t count = length - i < 3 ? length - i : 3;
    uint32_t group = (uint32_t)bytes[i] << 16;
    if (count > 1) {
      group |= (uint32_t)bytes[i + 1] << 8;
    }
    if (count > 2) {
      group |= bytes[i + 2];
    }
    char text[4];
    for (size_t j = 0; j < 4; j++) {
      text[j] = j > count ? '=' : base64_alphabet[group >> (18 - 6 * j) & 0x3F];
    }
    dds_buffer_append(buffer, text, sizeof text);
  }
}

int dds_hash_base64_value(int digit) {
  if (digit >= 'A' && digit <= 'Z') {
    return digit - 'A';
  }
  if (digit >= 'a' && digit <= 'z') {
    return digit - 'a' + 26;
  }
  if (digit >= '0' && digit <= '9') {
    return digit - '0' + 52;
  }
  return digit == '+' ? 62 : digit == '/' ? 63 : -1;
}

bool dds_hash_append_base64_decoded(dds_buffer *buffer, const char *text, size_t length) {
  if (length % 4 != 0) {
    return false;
  }
  for (size_t i = 0; i < length; i += 4) {
    size_t padding = 0;
    if (i + 4 == length) {
      padding = text[i + 3] != '=' ? 0 : text[i + 2] != '=' ? 1 : 2;
    }
    uint32_t group = 0;
    for (size_t j = 0; j < 4; j++) {
      int value = j >= 4 - padding ? 0 : dds_hash_base64_value(text[i + j]);
      if (value < 0) {
        return false;
      }
      group = group << 6 | (uint32_t)value;
    }
    /* Bits that no byte takes must be zero, else two texts would stand for the same bytes. */
    if ((padding == 1 && (group & 0xFF) != 0) || (padding == 2 && (group & 0xFFFF) != 0)) {
      return false;
    }
    char bytes[3] = {(char)(group >> 16), (char)(group >> 8), (char)group};
    dds_buffer_append(buffer, bytes, 3 - padding);
  }
  return true;
}

/* The remainder of each byte by the reversed polynomial 0xEDB88320. */
static const uint32_t crc_table[256] = {
    0x00000000, 0x77073096, 0xEE0E612C, 0x990951BA, 0x076DC419, 0x706AF48F, 0xE963A535, 0x9E6495A3,
    0x0EDB8832, 0x79DCB8A4, 0xE0D5E91E, 0x97D2D988, 0x09B64C2B, 0x7EB17CBD, 0xE7B82D07, 0x90BF1D91,
    0x1DB71064, 0x6AB020F2, 0xF3B97148, 0x84BE41DE, 0x1ADAD47D, 0x6DDDE4EB, 0xF4D4B551, 0x83D385C7,
    0x136C9856, 0x646BA8C0, 0xFD62F97A, 0x8A65C9EC, 0x14015C4F, 0x63066CD9, 0xFA0F3D63, 0x8D080DF5,
    0x3B6E20C8, 0x4C69105E, 0xD56041E4, 0xA2677172, 0x3C03E4D1, 0x4B04D447, 0xD20D85FD, 0xA50AB56B,
    0x35B5A8FA, 0x42B2986C, 0xDBBBC9D6, 0xACBCF940, 0x32D86CE3, 0x45DF5C75, 0xDCD60DCF, 0xABD13D59,
    0x26D930AC, 0x51DE003A, 0xC8D75180, 0xBFD06116, 0x21B4F4B5, 0x56B3C423, 0xCFBA9599, 0xB8BDA50F,
    0x2802B89E, 0x5F058808, 0xC60CD9B2, 0xB10BE924, 0x2F6F7C87, 0x58684C11, 0xC1611DAB, 0xB6662D3D,
    0x76DC4190, 0x01DB7106, 0x98D220BC, 0xEFD5102A, 0x71B18589, 0x06B6B51F, 0x9FBFE4A5, 0xE8B8D433,
    0x7807C9A2, 0x0F00F934, 0x9609A88E, 0xE10E9818, 0x7F6A0DBB, 0x086D3D2D, 0x91646C97, 0xE6635C01,
    0x6B6B51F4, 0x1C6C6162, 0x856530D8, 0xF262004E, 0x6C0695ED, 0x1B01A57B, 0x8208F4C1, 0xF50FC457,
    0x65B0D9C6, 0x12B7E950, 0x8BBEB8EA, 0xFCB9887C, 0x62DD1DDF, 0x15DA2D49, 0x8CD37CF3, 0xFBD44C65,
    0x4DB26158, 0x3AB551CE, 0xA3BC0074, 0xD4BB30E2, 0x4ADFA541, 0x3DD895D7, 0xA4D1C46D, 0xD3D6F4FB,
    0x4369E96A, 0x346ED9FC, 0xAD678846, 0xDA60B8D0, 0x44042D73, 0x33031DE5, 0xAA0A4C5F, 0xDD0D7CC9,
    0x5005713C, 0x270241AA, 0xBE0B1010, 0xC90C2086, 0x5768B525, 0x206F85B3, 0xB966D409, 0xCE61E49F,
    0x5EDEF90E, 0x29D9C998, 0xB0D09822, 0xC7D7A8B4, 0x59B33D17, 0x2EB40D81, 0xB7BD5C3B, 0xC0BA6CAD,
    0xEDB88320, 0x9ABFB3B6, 0x03B6E20C, 0x74B1D29A, 0xEAD54739, 0x9DD277AF, 0x04DB2615, 0x73DC1683,
    0xE3630B12, 0x94643B84, 0x0D6D6A3E, 0x7A6A5AA8, 0xE40ECF0B, 0x9309FF9D, 0x0A00AE27, 0x7D079EB1,
    0xF00F9344, 0x8708A3D2, 0x1E01F268, 0x6906C2FE, 0xF762575D, 0x806567CB, 0x196C3671, 0x6E6B06E7,
    0xFED41B76, 0x89D32BE0, 0x10DA7A5A, 0x67DD4ACC, 0xF9B9DF6F, 0x8EBEEFF9, 0x17B7BE43, 0x60B08ED5,
    0xD6D6A3E8, 0xA1D1937E, 0x38D8C2C4, 0x4FDFF252, 0xD1BB67F1, 0xA6BC5767, 0x3FB506DD, 0x48B2364B,
    0xD80D2BDA, 0xAF0A1B4C, 0x36034AF6, 0x41047A60, 0xDF60EFC3, 0xA867DF55, 0x316E8EEF, 0x4669BE79,
    0xCB61B38C, 0xBC66831A, 0x256FD2A0, 0x5268E236, 0xCC0C7795, 0xBB0B4703, 0x220216B9, 0x5505262F,
    0xC5BA3BBE, 0xB2BD0B28, 0x2BB45A92, 0x5CB36A04, 0xC2D7FFA7, 0xB5D0CF31, 0x2CD99E8B, 0x5BDEAE1D,
    0x9B64C2B0, 0xEC63F226, 0x756AA39C, 0x026D930A, 0x9C0906A9, 0xEB0E363F, 0x72076785, 0x05005713,
    0x95BF4A82, 0xE2B87A14, 0x7BB12BAE, 0x0CB61B38, 0x92D28E9B, 0xE5D5BE0D, 0x7CDCEFB7, 0x0BDBDF21,
    0x86D3D2D4, 0xF1D4E242, 0x68DDB3F8, 0x1FDA836E, 0x81BE16CD, 0xF6B9265B, 0x6FB077E1, 0x18B74777,
    0x88085AE6, 0xFF0F6A70, 0x66063BCA, 0x11010B5C, 0x8F659EFF, 0xF862AE69, 0x616BFFD3, 0x166CCF45,
    0xA00AE278, 0xD70DD2EE, 0x4E048354, 0x3903B3C2, 0xA7672661, 0xD06016F7, 0x4969474D, 0x3E6E77DB,
    0xAED16A4A, 0xD9D65ADC, 0x40DF0B66, 0x37D83BF0, 0xA9BCAE53, 0xDEBB9EC5, 0x47B2CF7F, 0x30B5FFE9,
    0xBDBDF21C, 0xCABAC28A, 0x53B39330, 0x24B4A3A6, 0xBAD03605, 0xCDD70693, 0x54DE5729, 0x23D967BF,
    0xB3667A2E, 0xC4614AB8, 0x5D681B02, 0x2A6F2B94, 0xB40BBE37, 0xC30C8EA1, 0x5A05DF1B, 0x2D02EF8D,
};

enum { CRC_SLICES = 8, CRC_SLICING_FROM_BYTES = 8192 };

static uint32_t crc32_bytes(uint32_t crc, const unsigned char *bytes, size_t length) {
  for (size_t i = 0; i < length; i++) {
    crc = crc >> 8 ^ crc_table[(crc ^ bytes[i]) & 0xFF];
  }
  return crc;
}

/*
 * Eight bytes a step ("slicing by 8"), for pages of a megabyte. The further tables are made on the
 * stack, which costs what 2 KB of the plain loop cost, so that no state is kept between calls.
 */
static uint32_t crc32_sliced(uint32_t crc, const unsigned char *bytes, size_t steps) {
  uint32_t tables[CRC_SLICES][256];
  memcpy(tables[0], crc_table, sizeof crc_table);
  for (size_t slice = 1; slice < CRC_SLICES; slice++) {
    for (size_t i = 0; i < 256; i++) {
      uint32_t previous = tables[slice - 1][i];
      tables[slice][i] = previous >> 8 ^ crc_table[previous & 0xFF];
    }
  }
  for (; steps > 0; steps--, bytes += CRC_SLICES) {
    crc ^= (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
    crc = tables[7][crc & 0xFF] ^ tables[6][crc >> 8 & 0xFF] ^ tables[5][crc >> 16 & 0xFF] ^
          tables[4][crc >> 24] ^ tables[3][bytes[4]] ^ tables[2][bytes[5]] ^ tables[1][bytes[6]] ^
          tables[0][bytes[7]];
  }
  return crc;
}

#if defined(__x86_64__) && defined(__GNUC__)

/* As many as keep the multiplier busy while each waits for its own product. */
enum { FOLD_LANES = 8, FOLD_BYTES = 16 * FOLD_LANES };

static bool can_multiply(void) {
  return __builtin_cpu_supports("pclmul") != 0;
}

/*
 * Moves a lane of 128 bits forward over what lies between it and the next lane, and adds that one:
 * both halves are multiplied, without carries, by the remainder of x to the power of their
 * distance (Gopal and others, "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ
 * Instruction", Intel 2009).
 */
__attribute__((target("pclmul"))) static __m128i fold(__m128i lane, __m128i powers, __m128i next) {
  __m128i low = _mm_clmulepi64_si128(lane, powers, 0x00);
  __m128i high = _mm_clmulepi64_si128(lane, powers, 0x11);
  return _mm_xor_si128(_mm_xor_si128(low, high), next);
}

static __m128i load(const unsigned char *bytes) {
  return _mm_loadu_si128((const __m128i *)bytes);
}

/* `length` is at least FOLD_BYTES, and a multiple of 16. What is left of it are 16 bytes with the
 * same remainder, for the table. */
__attribute__((target("pclmul"))) static uint32_t
crc32_folded(uint32_t crc, const unsigned char *bytes, size_t length) {
  /* The bits of these polynomials are reversed, as those of the bytes are: x^(1024+32) and
   * x^(1024-32); x^(128+32) and x^(128-32); modulo the CRC's, shifted by one. */
  const __m128i over_lanes = _mm_set_epi64x(0x14A7FE880, 0x1E88EF372);
  const __m128i over_one = _mm_set_epi64x(0x0CCAA009E, 0x1751997D0);
  const unsigned char *end = bytes + length;
  __m128i lanes[FOLD_LANES];
  unsigned char rest[16];
  for (size_t i = 0; i < FOLD_LANES; i++) {
    lanes[i] = load(bytes + 16 * i);
  }
  lanes[0] = _mm_xor_si128(lanes[0], _mm_cvtsi32_si128((int)crc));
  for (bytes += FOLD_BYTES; (size_t)(end - bytes) >= FOLD_BYTES; bytes += FOLD_BYTES) {
    for (size_t i = 0; i < FOLD_LANES; i++) {
      lanes[i] = fold(lanes[i], over_lanes, load(bytes + 16 * i));
    }
  }
  for (size_t i = 1; i < FOLD_LANES; i++) {
    lanes[0] = fold(lanes[0], over_one, lanes[i]);
  }
  for (; bytes < end; bytes += 16) {
    lanes[0] = fold(lanes[0], over_one, load(bytes));
  }
  _mm_storeu_si128((__m128i *)rest, lanes[0]);
  return crc32_bytes(0, rest, sizeof rest);
}

#else

enum { FOLD_BYTES = 128 };

static bool can_multiply(void) {
  return false;
}

static uint32_t crc32_folded(uint32_t crc, const unsigned char *bytes, size_t length) {
  return crc32_bytes(crc, bytes, length);
}

#endif

uint32_t dds_hash_crc32_portable(uint32_t before, const void *data, size_t length) {
  const unsigned char *bytes = data;
  uint32_t crc = ~before;
  size_t sliced = 0;
  if (length >= CRC_SLICING_FROM_BYTES) {
    sliced = length - length % CRC_SLICES;
    crc = crc32_sliced(crc, bytes, sliced / CRC_SLICES);
  }
  if (length > sliced) {
    crc = crc32_bytes(crc, bytes + sliced, length - sliced);
  }
  return ~crc;
}

uint32_t dds_hash_crc32(uint32_t before, const void *data, size_t length) {
  if (length < FOLD_BYTES || !can_multiply()) {
    return dds_hash_crc32_portable(before, data, length);
  }
  const unsigned char *bytes = data;
  size_t folded = length - length % 16;
  uint32_t crc = crc32_folded(~before, bytes, folded);
  return ~crc32_bytes(crc, bytes + folded, length - folded);
}

/* 2^64 divided by the golden ratio: odd, so that different words stay different. */
static const uint64_t spreading = UINT64_C(0x9E3779B97F4A7C15);

/* The high bits of a product depend on all of the word, the low ones on its low ones alone. */
static inline uint64_t fold_in(uint64_t hash, uint64_t word) {
  hash = (hash ^ word) * spreading;
  return hash ^ hash >> 32;
}

size_t dds_hash_bytes(const void *data, size_t length) {
  const unsigned char *bytes = data;
  uint64_t hash = length * spreading;
  uint64_t word = 0;
  for (; length >= sizeof word; length -= sizeof word) {
    memcpy(&word, bytes, sizeof word);
    hash = fold_in(hash, word);
    bytes += sizeof word;
  }
  word = 0;
  if (length > 0) {
    memcpy(&word, bytes, length);
    hash = fold_in(hash, word);
  }
  return (size_t)fold_in(hash, 0); /* what came last is not folded by anything behind it */
}

bool dds_hash_random(void *bytes, size_t length, dds_error *error) {
  return (length <= INT_MAX && RAND_bytes(bytes, (int)length) == 1) ||
         dds_error_set(error, DDS_ERROR, "libcrypto gives no random numbers");
}

bool dds_hash_equal(const void *left, const void *right, size_t length) {
  return CRYPTO_memcmp(left, right, length) == 0;
}
