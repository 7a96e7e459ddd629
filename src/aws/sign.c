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
enum { USUAL_CANONICAL_BYTES = 400, USUAL_NAMES_BYTES = 80, USUAL_TEXT_BYTES = 400 };

static bool set_hash_error(dds_error *error) {
  return dds_error_set(error, DDS_ERROR, "libcrypto cannot compute SHA-256");
}

void dds_sign_forget(dds_signer *signer) {
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

/* Makes the signer hold the key of the day, which all requests of the day share. */
static bool prepare_key(dds_signer *signer, const char *secret, const char *date,
                        const dds_sign_request *request, dds_error *error) {
  char scope[sizeof signer->scope];
  unsigned char secret_hash[DDS_SHA256_BYTES];
  int length = snprintf(scope, sizeof scope, "%s/%s/%s", date, request->region, request->service);
  if (length < 0 || (size_t)length >= sizeof scope) {
    return dds_error_set(error, DDS_ERROR, "the region's name is too long");
  }
  if (!dds_hash_sha256(secret, strlen(secret), secret_hash)) {
    return set_hash_error(error);
  }
  if (strcmp(scope, signer->scope) == 0 &&
      dds_hash_equal(secret_hash, signer->secret_hash, sizeof secret_hash)) {
    return true;
  }
  dds_sign_forget(signer);
  if (!derive_key(signer, secret, date, request, error)) {
    dds_sign_forget(signer);
    return false;
  }
  memcpy(signer->scope, scope, sizeof scope);
  memcpy(signer->secret_hash, secret_hash, sizeof secret_hash);
  return true;
}

/* Up to NULL: each request is signed, and a format is read slower than texts are copied. */
static void append_texts(dds_buffer *buffer, const char *const *texts) {
  for (; *texts != NULL; texts++) {
    dds_buffer_append_text(buffer, *texts);
  }
}

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

/* The headers in the order of their names, and the list of the names. */
static void append_headers(dds_buffer *canonical, dds_buffer *names,
                           const dds_credentials *credentials, const dds_sign_request *request,
                           const char *amz_date) {
  const dds_sign_request *r = request;
  const struct {
    const char *name;
    const char *value;
  } headers[] = {
      {"content-type", r->content_type}, {"host", r->host},
      {"x-amz-date", amz_date},          {"x-amz-security-token", credentials->session_token},
      {"x-amz-target", r->target},
  };
  for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
    if (headers[i].value == NULL) {
      continue;
    }
    append_texts(canonical, (const char *const[]){headers[i].name, ":", NULL});
    append_value(canonical, headers[i].value);
    dds_buffer_append_char(canonical, '\n');
    append_texts(names, (const char *const[]){names->length > 0 ? ";" : "", headers[i].name, NULL});
  }
}

static bool hash_canonical(const dds_credentials *credentials, const dds_sign_request *request,
                           const char *amz_date, dds_buffer *names, char hex[DDS_SHA256_HEX_BYTES],
                           dds_error *error) {
  char body_hex[DDS_SHA256_HEX_BYTES];
  if (!dds_hash_sha256_hex(request->body, request->body_length, body_hex)) {
    return set_hash_error(error);
  }
  dds_buffer canonical = DDS_BUFFER_INIT_SECRET(CANONICAL_LIMIT_BYTES);
  dds_buffer_reserve(&canonical, USUAL_CANONICAL_BYTES);
  dds_buffer_reserve(names, USUAL_NAMES_BYTES);
  append_texts(&canonical, (const char *const[]){"POST\n", request->path, "\n\n", NULL});
  append_headers(&canonical, names, credentials, request, amz_date);
  append_texts(&canonical,
               (const char *const[]){"\n", dds_buffer_text(names), "\n", body_hex, NULL});
  bool is_hashed =
      dds_buffer_check(&canonical, error) && dds_buffer_check(names, error) &&
      (dds_hash_sha256_hex(canonical.data, canonical.length, hex) || set_hash_error(error));
  dds_buffer_free(&canonical);
  return is_hashed;
}

bool dds_sign_authorization(dds_signer *signer, const dds_credentials *credentials,
                            const dds_sign_request *request, dds_buffer *authorization,
                            char amz_date[17], dds_error *error) {
  char date[DATE_BYTES + 1] = "";
  char canonical_hex[DDS_SHA256_HEX_BYTES], signature_hex[DDS_SHA256_HEX_BYTES];
  unsigned char signature[DDS_SHA256_BYTES];
  dds_buffer names = DDS_BUFFER_INIT(256), to_sign = DDS_BUFFER_INIT(512);
  bool is_signed = false;

  dds_timestamp_format_basic(request->time_ms, amz_date);
  memcpy(date, amz_date, DATE_BYTES);
  if (!prepare_key(signer, credentials->secret_access_key, date, request, error) ||
      !hash_canonical(credentials, request, amz_date, &names, canonical_hex, error)) {
    goto done;
  }
  dds_buffer_reserve(&to_sign, USUAL_TEXT_BYTES);
  append_texts(&to_sign, (const char *const[]){"AWS4-HMAC-SHA256\n", amz_date, "\n", signer->scope,
                                               "/aws4_request\n", canonical_hex, NULL});
  if (!dds_buffer_check(&to_sign, error)) {
    goto done;
  }
  if (!dds_hash_hmac_sha256(signer->key, sizeof signer->key, to_sign.data, to_sign.length,
                            signature)) {
    set_hash_error(error);
    goto done;
  }
  dds_hash_hex(signature, signature_hex);
  dds_buffer_reserve(authorization, USUAL_TEXT_BYTES);
  append_texts(authorization,
               (const char *const[]){"AWS4-HMAC-SHA256 Credential=", credentials->access_key_id,
                                     "/", signer->scope, "/aws4_request, SignedHeaders=",
                                     dds_buffer_text(&names), ", Signature=", signature_hex, NULL});
  is_signed = dds_buffer_check(authorization, error);

done:
  dds_buffer_free(&to_sign);
  dds_buffer_free(&names);
  return is_signed;
}
