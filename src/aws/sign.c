/*
 * Signature Version 4 in its three stages: canonical request, string to sign, signature. Whatever
 * holds a secret or a token on the way is wiped.
 */
#include "aws/sign.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/timestamp.h"

enum { CANONICAL_LIMIT_BYTES = 64 * 1024, SECRET_LIMIT_BYTES = 4096, DATE_BYTES = 8 };

/* Room from the start, so that memory is taken once; a session token is longer. */
enum { USUAL_CANONICAL_BYTES = 400, USUAL_AUTHORIZATION_BYTES = 300 };

static bool set_hash_error(dds_error *error) {
  return dds_error_set(error, DDS_ERROR, "libcrypto cannot compute SHA-256");
}

void dds_sign_forget(dds_signer *signer) {
  dds_hasher_free(&signer->hasher);
  dds_buffer_free(&signer->text);
  dds_wipe(signer, sizeof *signer);
}

/* key = HMAC(HMAC(HMAC(HMAC("AWS4" + secret, date), region), service), "aws4_request") */
static bool derive_key(dds_signer *signer, const char *secret, const char *date,
                       const dds_sign_request *request, dds_error *error) {
  const char *const steps[] = {date, request->region, request->service, "aws4_request"};
  unsigned char key[DDS_SHA256_BYTES];
  dds_buffer start = DDS_BUFFER_INIT_SECRET(SECRET_LIMIT_BYTES);
  dds_buffer_append_text(&start, "AWS4");
  dds_buffer_append_text(&start, secret);
  bool is_derived = dds_buffer_check(&start, error);
  const void *previous = start.data;
  size_t previous_length = start.length;
  for (size_t i = 0; i < sizeof steps / sizeof steps[0] && is_derived; i++) {
    is_derived = dds_hash_hmac_sha256(previous, previous_length, steps[i], strlen(steps[i]), key) ||
                 set_hash_error(error);
    memcpy(signer->key, key, sizeof key);
    previous = signer->key;
    previous_length = sizeof signer->key;
  }
  dds_wipe(key, sizeof key);
  dds_buffer_free(&start);
  return is_derived;
}

/* Whether it is date/region/service: asked for each request, so that no format is read for it. */
static bool is_scope_of(const char *scope, const char *date, const dds_sign_request *request) {
  const char *const parts[] = {date, "/", request->region, "/", request->service};
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
    size_t length = strlen(parts[i]);
    if (strncmp(scope, parts[i], length) != 0) {
      return false;
    }
    scope += length;
  }
  return *scope == '\0';
}

/* Makes the signer hold the key of the day, which all requests of the day share. */
static bool prepare_key(dds_signer *signer, const char *secret, const char *date,
                        const dds_sign_request *request, dds_error *error) {
  unsigned char secret_hash[DDS_SHA256_BYTES];
  if (!dds_hasher_sha256(&signer->hasher, secret, strlen(secret), secret_hash)) {
    return set_hash_error(error);
  }
  if (is_scope_of(signer->scope, date, request) &&
      dds_hash_equal(secret_hash, signer->secret_hash, sizeof secret_hash)) {
    return true;
  }
  dds_sign_forget(signer);
  int length = snprintf(signer->scope, sizeof signer->scope, "%s/%s/%s", date, request->region,
                        request->service);
  bool is_made = length >= 0 && (size_t)length < sizeof signer->scope;
  is_made = (is_made || dds_error_set(error, DDS_ERROR, "the region's name is too long")) &&
            derive_key(signer, secret, date, request, error);
  if (!is_made) {
    dds_sign_forget(signer);
    return false;
  }
  memcpy(signer->secret_hash, secret_hash, sizeof secret_hash);
  return true;
}

/* Up to NULL: each request is signed, and a format is read slower than texts are copied. */
static void append_texts(dds_buffer *buffer, const char *const *texts) {
  for (; *texts != NULL; texts++) {
    dds_buffer_append_text(buffer, *texts);
  }
}

/* What is signed of the headers, in the order of their names. */
enum { MOST_HEADERS = 5 };

typedef struct signed_header {
  const char *name;
  const char *value; /* NULL: there is no such header */
} signed_header;

/* A header's value as it is signed: trimmed, runs of spaces as one. */
static void append_value(dds_buffer *buffer, const char *value) {
  static const char spaces[] = " \t";
  value += strspn(value, spaces);
  while (*value != '\0') {
    size_t length = strcspn(value, spaces);
    dds_buffer_append(buffer, value, length);
    value += length;
    value += strspn(value, spaces);
    dds_buffer_append_text(buffer, *value == '\0' ? "" : " ");
  }
}

static void append_headers(dds_buffer *canonical, const signed_header headers[MOST_HEADERS]) {
  for (size_t i = 0; i < MOST_HEADERS; i++) {
    if (headers[i].value != NULL) {
      append_texts(canonical, (const char *const[]){headers[i].name, ":", NULL});
      append_value(canonical, headers[i].value);
      dds_buffer_append_char(canonical, '\n');
    }
  }
}

static void append_names(dds_buffer *buffer, const signed_header headers[MOST_HEADERS]) {
  const char *separator = "";
  for (size_t i = 0; i < MOST_HEADERS; i++) {
    if (headers[i].value != NULL) {
      append_texts(buffer, (const char *const[]){separator, headers[i].name, NULL});
      separator = ";";
    }
  }
}

static bool hash_hex(dds_signer *signer, const char *bytes, size_t length,
                     char hex[DDS_SHA256_HEX_BYTES], dds_error *error) {
  unsigned char digest[DDS_SHA256_BYTES];
  if (!dds_hasher_sha256(&signer->hasher, bytes, length, digest)) {
    return set_hash_error(error);
  }
  dds_hash_hex(digest, hex);
  return true;
}

static bool hash_canonical(dds_signer *signer, const signed_header headers[MOST_HEADERS],
                           const dds_sign_request *request, char hex[DDS_SHA256_HEX_BYTES],
                           dds_error *error) {
  char body_hex[DDS_SHA256_HEX_BYTES];
  dds_buffer *text = &signer->text;
  if (!hash_hex(signer, request->body, request->body_length, body_hex, error)) {
    return false;
  }
  text->maximum = CANONICAL_LIMIT_BYTES;
  text->is_secret = true;
  dds_buffer_reserve(text, USUAL_CANONICAL_BYTES);
  append_texts(text, (const char *const[]){"POST\n", request->path, "\n\n", NULL});
  append_headers(text, headers);
  dds_buffer_append_char(text, '\n');
  append_names(text, headers);
  append_texts(text, (const char *const[]){"\n", body_hex, NULL});
  return dds_buffer_check(text, error) && hash_hex(signer, text->data, text->length, hex, error);
}

/* The signature of what the hash of the canonical request stands for. */
static bool sign(dds_signer *signer, const char *amz_date, const char *canonical_hex,
                 char hex[DDS_SHA256_HEX_BYTES], dds_error *error) {
  unsigned char signature[DDS_SHA256_BYTES];
  dds_buffer *text = &signer->text;
  append_texts(text, (const char *const[]){"AWS4-HMAC-SHA256\n", amz_date, "\n", signer->scope,
                                           "/aws4_request\n", canonical_hex, NULL});
  if (!dds_buffer_check(text, error)) {
    return false;
  }
  if (!dds_hasher_hmac(&signer->hasher, signer->key, text->data, text->length, signature)) {
    return set_hash_error(error);
  }
  dds_hash_hex(signature, hex);
  return true;
}

bool dds_sign_authorization(dds_signer *signer, const dds_credentials *credentials,
                            const dds_sign_request *request, dds_buffer *authorization,
                            char amz_date[17], dds_error *error) {
  const signed_header headers[MOST_HEADERS] = {
      {"content-type", request->content_type},
      {"host", request->host},
      {"x-amz-date", amz_date},
      {"x-amz-security-token", credentials->session_token},
      {"x-amz-target", request->target},
  };
  char date[DATE_BYTES + 1] = "";
  char canonical_hex[DDS_SHA256_HEX_BYTES], signature_hex[DDS_SHA256_HEX_BYTES];

  dds_timestamp_format_basic(request->time_ms, amz_date);
  memcpy(date, amz_date, DATE_BYTES);
  bool is_signed = prepare_key(signer, credentials->secret_access_key, date, request, error) &&
                   hash_canonical(signer, headers, request, canonical_hex, error);
  dds_buffer_clear(&signer->text);
  is_signed = is_signed && sign(signer, amz_date, canonical_hex, signature_hex, error);
  dds_buffer_clear(&signer->text);
  if (!is_signed) {
    return false;
  }
  dds_buffer_reserve(authorization, USUAL_AUTHORIZATION_BYTES);
  append_texts(authorization,
               (const char *const[]){"AWS4-HMAC-SHA256 Credential=", credentials->access_key_id,
                                     "/", signer->scope, "/aws4_request, SignedHeaders=", NULL});
  append_names(authorization, headers);
  append_texts(authorization, (const char *const[]){", Signature=", signature_hex, NULL});
  return dds_buffer_check(authorization, error);
}
