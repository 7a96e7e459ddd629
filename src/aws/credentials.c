/* Credentials: checked, copied, wiped. */
#include "aws/credentials.h"

#include <stddef.h>

#include "base/text.h"
#include "base/utf8.h"

bool dds_credentials_set(dds_credentials *credentials, const char *access_key_id,
                         const char *secret_access_key, const char *session_token,
                         const char *account_id, const char *source, dds_error *error) {
  *credentials = (dds_credentials){.expires_ms = INT64_MAX};
  const struct {
    char **slot;
    const char *text;
    const char *name;
  } fields[] = {
      {&credentials->access_key_id, access_key_id, "access key id"},
      {&credentials->secret_access_key, secret_access_key, "secret access key"},
      {&credentials->session_token, session_token, "session token"},
      {&credentials->account_id, account_id, "account id"},
      {&credentials->source, source, "source"},
  };
  bool is_set = true;
  for (size_t i = 0; i < sizeof fields / sizeof fields[0] && is_set; i++) {
    if (fields[i].text != NULL && dds_utf8_has_control(fields[i].text)) {
      is_set = dds_error_set(
          error, DDS_AUTH, "the %s of %s holds a control character: was a line end copied with it?",
          fields[i].name, dds_utf8_has_control(source) ? "the credentials" : source);
    } else {
      is_set = dds_text_copy(fields[i].slot, fields[i].text, error);
    }
  }
  if (!is_set) {
    dds_credentials_free(credentials);
  }
  return is_set;
}

bool dds_credentials_set_unknown(dds_credentials *credentials, const char *account_id,
                                 const char *source, dds_error *error) {
  return dds_credentials_set(credentials, NULL, NULL, NULL, account_id, source, error);
}

void dds_credentials_free(dds_credentials *credentials) {
  dds_text_free_secret(credentials->access_key_id);
  dds_text_free_secret(credentials->secret_access_key);
  dds_text_free_secret(credentials->session_token);
  dds_text_free_secret(credentials->account_id);
  dds_text_free_secret(credentials->source);
  *credentials = (dds_credentials){0};
}
