/* The signed cookie of express-session. */
#include "sessions/cookie.h"

#include "base/hash.h"

/* base64 of 32 bytes is 44 characters, of which the last is the padding that is left out. */
enum { SIGNATURE_BYTES = 44, PADDING_BYTES = 1 };

bool dds_cookie_append_signed(dds_buffer *value, const char *sid, size_t sid_length,
                              const char *secret, size_t secret_length, dds_error *error) {
  unsigned char digest[DDS_SHA256_BYTES];
  if (!dds_hash_hmac_sha256(secret, secret_length, sid, sid_length, digest)) {
    return dds_error_set(error, DDS_ERROR, "libcrypto cannot compute HMAC-SHA256");
  }
  dds_buffer signature = DDS_BUFFER_INIT(SIGNATURE_BYTES);
  dds_hash_append_base64(&signature, digest, sizeof digest);
  bool ok = dds_buffer_check(&signature, error);
  if (ok) {
    dds_buffer_append_text(value, "s:");
    dds_buffer_append(value, sid, sid_length);
    dds_buffer_append_char(value, '.');
    dds_buffer_append(value, dds_buffer_text(&signature), signature.length - PADDING_BYTES);
    ok = dds_buffer_check(value, error);
  }
  dds_buffer_free(&signature);
  return ok;
}
