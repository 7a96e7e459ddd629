/* UUIDs from libcrypto's random numbers. */
#include "base/uuid.h"

#include <stdio.h>

#include "base/hash.h"

bool dds_uuid_make(char text[DDS_UUID_BYTES], dds_error *error) {
  unsigned char bytes[16];
  size_t used = 0;
  text[0] = '\0';
  if (!dds_hash_random(bytes, sizeof bytes, error)) {
    return false;
  }
  bytes[6] = (unsigned char)((bytes[6] & 0x0F) | 0x40); /* the version, and */
  bytes[8] = (unsigned char)((bytes[8] & 0x3F) | 0x80); /* the variant */
  for (size_t i = 0; i < sizeof bytes; i++) {
    const char *separator = i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "";
    used += (size_t)snprintf(text + used, DDS_UUID_BYTES - used, "%s%02x", separator, bytes[i]);
  }
  return true;
}
