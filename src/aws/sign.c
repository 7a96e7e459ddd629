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

/* A header's value as it is signed: trimmed, runs of spaces as one. */
static void append_value(dds_buffer *buffer, const char *value) {
  bool is_gap = false, is_begun = false;
  for (; *value != '\0'; value++) {
    if (*value == ' ' || *value == '\t') {
      is_gap = true;
      continue;
    }
    if (is_gap && is_begun) {
      dds_buffer_append_char(buffer, ' ');
    }
    dds_buffer_append_char(buffer, *value);
    is_gap = false;
    is_begun = true;
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
    dds_buffer_append_format(canonical, "%s:", headers[i].name);
    append_value(canonical, headers[i].value);
    dds_buffer_append_char(canonical, '\n');
    if (names->length > 0) {
      dds_buffer_append_char(names, ';');
    }
    dds_buffer_append_text(names, headers[i].name);
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
  dds_buffer_append_format(&canonical, "POST\n%s\n\n", request->path);
  append_headers(&canonical, names, credentials, request, amz_date);
  dds_buffer_append_format(&canonical, "\n%s\n%s", dds_buffer_text(names), body_hex);
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
  dds_buffer_append_format(&to_sign, "AWS4-HMAC-SHA256\n%s\n%s/aws4_request\n%s", amz_date,
                           signer->scope, canonical_hex);
  if (!dds_buffer_check(&to_sign, error)) {
    goto done;
  }
  if (!dds_hash_hmac_sha256(signer->key, sizeof signer->key, to_sign.data, to_sign.length,
                            signature)) {
    set_hash_error(error);
    goto done;
  }
  dds_hash_hex(signature, signature_hex);
  dds_buffer_append_format(
      authorization,
      "AWS4-HMAC-SHA256 Credential=%s/%s/aws4_request, SignedHeaders=%s, Signature=%s",
      credentials->access_key_id, signer->scope, dds_buffer_text(&names), signature_hex);
  is_signed = dds_buffer_check(authorization, error);

done:
  dds_buffer_free(&to_sign);
  dds_buffer_free(&names);
  return is_signed;
}
