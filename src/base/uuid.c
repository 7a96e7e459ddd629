/* UUIDs from libcrypto's random numbers. */
#include "base/uuid.h"

#include <stddef.h>

#include "base/hash.h"

void dds_uuid_format(const unsigned char random[DDS_UUID_RANDOM_BYTES], char text[DDS_UUID_BYTES]) {
  static const char digits[] = "0123456789abcdef";
  char *at = text;
  for (size_t i = 0; i < DDS_UUID_RANDOM_BYTES; i++) {
    unsigned byte = random[i];
    if (i == 6) {
      byte = (byte & 0x0F) | 0x40; /* the version */
    } else if (i == 8) {
      byte = (byte & 0x3F) | 0x80; /* the variant */
    }
    if (i == 4 || i == 6 || i == 8 || i == 10) {
      *at++ = '-';
    }
    *at++ = digits[byte >> 4];
    *at++ = digits[byte & 0x0F];
  }
  *at = '\0';
}

bool dds_uuid_make(char text[DDS_UUID_BYTES], dds_error *error) {
  unsigned char bytes[DDS_UUID_RANDOM_BYTES];
  text[0] = '\0';
  if (!dds_hash_random(bytes, sizeof bytes, error)) {
    return false;
  }
  dds_uuid_format(bytes, text);
  return true;
}
