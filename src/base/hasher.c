/*
 * A context of libcrypto that is used again. HMAC is made of two digests here: for a kept HMAC
 * libcrypto 1.1.1 and 3 have different functions, each without the other's.
 */
#include "base/hasher.h"

#include <openssl/evp.h>
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"

enum { BLOCK_BYTES = 64, INNER_PAD = 0x36, OUTER_PAD = 0x5C };

static EVP_MD_CTX *create_context(void) {
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  if (context != NULL && EVP_DigestInit_ex(context, EVP_sha256(), NULL) != 1) {
    EVP_MD_CTX_free(context);
    context = NULL;
  }
  return context;
}

/* Without a type the context keeps the one that it has: named again, libcrypto 3 would look for it
 * again (EVP_DigestInit(3)). 1.1.1 does not look, and takes no NULL where it has no engines. */
static const EVP_MD *same_type(void) {
#if OPENSSL_VERSION_NUMBER >= 0x30000000L
  return NULL;
#else
  return EVP_sha256();
#endif
}

static bool begin(dds_hasher *hasher) {
  if (hasher->context == NULL) {
    hasher->context = create_context();
    return hasher->context != NULL;
  }
  return EVP_DigestInit_ex(hasher->context, same_type(), NULL) == 1;
}

static bool end(dds_hasher *hasher, unsigned char digest[DDS_SHA256_BYTES]) {
  return EVP_DigestFinal_ex(hasher->context, digest, NULL) == 1;
}

bool dds_hasher_sha256(dds_hasher *hasher, const void *data, size_t length,
                       unsigned char digest[DDS_SHA256_BYTES]) {
  return begin(hasher) && EVP_DigestUpdate(hasher->context, data, length) == 1 &&
         end(hasher, digest);
}

/* Begins a digest with the key's block. */
static bool begin_keyed(dds_hasher *hasher, const unsigned char key[DDS_SHA256_BYTES],
                        unsigned char pad) {
  unsigned char block[BLOCK_BYTES];
  memset(block, pad, sizeof block);
  for (size_t i = 0; i < DDS_SHA256_BYTES; i++) {
    block[i] ^= key[i];
  }
  bool ok = begin(hasher) && EVP_DigestUpdate(hasher->context, block, sizeof block) == 1;
  dds_wipe(block, sizeof block);
  return ok;
}

bool dds_hasher_hmac(dds_hasher *hasher, const unsigned char key[DDS_SHA256_BYTES],
                     const void *data, size_t length, unsigned char digest[DDS_SHA256_BYTES]) {
  return begin_keyed(hasher, key, INNER_PAD) &&
         EVP_DigestUpdate(hasher->context, data, length) == 1 && end(hasher, digest) &&
         begin_keyed(hasher, key, OUTER_PAD) &&
         EVP_DigestUpdate(hasher->context, digest, DDS_SHA256_BYTES) == 1 && end(hasher, digest);
}

void dds_hasher_free(dds_hasher *hasher) {
  EVP_MD_CTX_free(hasher->context);
  hasher->context = NULL;
}
