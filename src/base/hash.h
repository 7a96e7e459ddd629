/*
 * Hashes and base64, on OpenSSL's libcrypto; the only room that knows OpenSSL. A false result
 * means that libcrypto refused (memory, or a provider that lacks the algorithm).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/buffer.h"

enum { DDS_SHA256_BYTES = 32, DDS_SHA256_HEX_BYTES = 65 };

/* SHA-256 in lower-case hexadecimal with a NUL. */
DDS_MUST_USE bool dds_hash_sha256_hex(const void *data, size_t length,
                                      char hex[DDS_SHA256_HEX_BYTES]);

DDS_MUST_USE bool dds_hash_hmac_sha256(const void *key, size_t key_length, const void *data,
                                       size_t length, unsigned char digest[DDS_SHA256_BYTES]);

enum { DDS_SHA1_HEX_BYTES = 41 };

/* SHA-1 in lower-case hexadecimal with a NUL. No protection: AWS names its cache files by it. */
DDS_MUST_USE bool dds_hash_sha1_hex(const void *data, size_t length, char hex[DDS_SHA1_HEX_BYTES]);

/* Lower-case hexadecimal of a digest, with a NUL. */
void dds_hash_hex(const unsigned char digest[DDS_SHA256_BYTES], char hex[DDS_SHA256_HEX_BYTES]);

/* Appends base64 (RFC 4648, section 4) with padding. */
void dds_hash_append_base64(dds_buffer *buffer, const void *data, size_t length);

/* The six bits that a base64 digit stands for; -1 for any other character, and for none (-1). */
int dds_hash_base64_value(int digit);

/* Appends the bytes that base64 text stands for; false where it is not base64 with padding. */
DDS_MUST_USE bool dds_hash_append_base64_decoded(dds_buffer *buffer, const char *text,
                                                 size_t length);

/* The CRC-32 of ISO 3309, as zlib has it and DynamoDB sends it in x-amz-crc32, of bytes that may
 * come in pieces: `before` is that of the bytes before these, 0 where there are none. */
uint32_t dds_hash_crc32(uint32_t before, const void *data, size_t length);

/* The same without the help of the processor, as where it has none. */
uint32_t dds_hash_crc32_portable(uint32_t before, const void *data, size_t length);

/* Spreads keys over a hash table, by eight bytes at a time: all bits depend on all bytes. The value
 * is good within this process alone. Not cryptographic: it neither hides its input nor withstands
 * one that was made to collide. */
size_t dds_hash_bytes(const void *data, size_t length);

/* Cryptographically strong random bytes; an error where libcrypto gives none. */
DDS_MUST_USE bool dds_hash_random(void *bytes, size_t length, dds_error *error);

/* Compares in time that depends on the length alone: for signatures. */
bool dds_hash_equal(const void *left, const void *right, size_t length);
