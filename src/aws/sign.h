/*
 * Signature Version 4 for POST requests: pure, and checked against AWS's vectors and botocore. The
 * day's signing key is cached in the signer.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "aws/credentials.h"
#include "base/attributes.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/hasher.h"

/* The cached key; zero it to start, dds_sign_forget wipes it and releases what it holds. */
typedef struct dds_signer {
  char scope[96];                              /* the date/region/service that `key` is for, and */
  unsigned char secret_hash[DDS_SHA256_BYTES]; /* SHA-256 of the secret that it came from */
  unsigned char key[DDS_SHA256_BYTES];
  dds_hasher hasher;
  dds_buffer text; /* memory for what is signed, wiped each time */
} dds_signer;

typedef struct dds_sign_request {
  const char *region;
  const char *service;      /* "dynamodb" */
  const char *host;         /* as the Host header has it: a port only where it is not the default */
  const char *path;         /* "/"; letters, digits, `-._~` and slashes */
  const char *content_type; /* "application/x-amz-json-1.0" */
  const char *target;       /* "DynamoDB_20120810.GetItem", or NULL */
  const char *body;
  size_t body_length;
  int64_t time_ms;
} dds_sign_request;

/*
 * Appends the value of the Authorization header, and writes the X-Amz-Date that it holds for.
 * content-type, host, x-amz-date, x-amz-security-token (where there is one) and x-amz-target are
 * signed, those of them that there are.
 */
DDS_MUST_USE bool dds_sign_authorization(dds_signer *signer, const dds_credentials *credentials,
                                         const dds_sign_request *request, dds_buffer *authorization,
                                         char amz_date[17], dds_error *error);

/* Wipes the cached key and releases all memory; the signer may be used again. */
void dds_sign_forget(dds_signer *signer);
