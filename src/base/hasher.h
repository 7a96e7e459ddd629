/*
 * SHA-256 for whoever computes it again and again. libcrypto 3 looks for an implementation at each
 * call of hash.h, under locks, which takes longer than to hash a kilobyte; a hasher looks for it
 * once. A false result means what it means there.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/attributes.h"
#include "base/hash.h"

/* Zero it to start; dds_hasher_free releases what it holds. */
typedef struct dds_hasher {
  void *context; /* libcrypto's; owned; NULL until it is used */
} dds_hasher;

DDS_MUST_USE bool dds_hasher_sha256(dds_hasher *hasher, const void *data, size_t length,
                                    unsigned char digest[DDS_SHA256_BYTES]);

/* HMAC-SHA256 (RFC 2104) with a key that is a digest itself. */
DDS_MUST_USE bool dds_hasher_hmac(dds_hasher *hasher, const unsigned char key[DDS_SHA256_BYTES],
                                  const void *data, size_t length,
                                  unsigned char digest[DDS_SHA256_BYTES]);

/* It may be used again. */
void dds_hasher_free(dds_hasher *hasher);
