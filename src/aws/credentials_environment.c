/* Credentials from environment variables. */
#include <stddef.h>
#include <string.h>

#include "aws/credentials_chain.h"
#include "base/text.h"
#include "base/timestamp.h"

enum { KEY_ID, SECRET, TOKEN, ACCOUNT, EXPIRATION, FIELD_COUNT };

enum { NAMES_EACH = 3 };

/* The names of each in order; the later ones are older spellings. */
static const char *const names[FIELD_COUNT][NAMES_EACH] = {
    [KEY_ID] = {"AWS_ACCESS_KEY_ID"},
    [SECRET] = {"AWS_SECRET_ACCESS_KEY"},
    [TOKEN] = {"AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", "aws_security_token"},
    [ACCOUNT] = {"AWS_ACCOUNT_ID"},
    [EXPIRATION] = {"AWS_CREDENTIAL_EXPIRATION"},
};

/* Copies, because a variable's value is borrowed until the next one is asked for. */
static bool copy_values(const dds_environment *environment, char *values[FIELD_COUNT],
                        dds_error *error) {
  for (size_t field = 0; field < FIELD_COUNT; field++) {
    for (size_t i = 0; i < NAMES_EACH && names[field][i] != NULL && values[field] == NULL; i++) {
      const char *value = dds_environment_get(environment, names[field][i]);
      if (!dds_text_copy(&values[field], value, error)) {
        return false;
      }
    }
  }
  return true;
}

static bool use_values(char *const values[FIELD_COUNT], dds_credentials *credentials,
                       dds_error *error) {
  int64_t expires_ms = INT64_MAX;
  if (values[SECRET] == NULL) {
    return dds_error_set(error, DDS_AUTH,
                         "AWS_ACCESS_KEY_ID is set in the environment, AWS_SECRET_ACCESS_KEY is "
                         "not: set both or neither");
  }
  if (values[EXPIRATION] != NULL &&
      !dds_timestamp_parse_iso(values[EXPIRATION], strlen(values[EXPIRATION]), &expires_ms)) {
    return dds_error_set(error, DDS_AUTH,
                         "AWS_CREDENTIAL_EXPIRATION is not a time like 2026-11-22T12:52:21Z");
  }
  if (!dds_credentials_set(credentials, values[KEY_ID], values[SECRET], values[TOKEN],
                           values[ACCOUNT], "environment", error)) {
    return false;
  }
  credentials->expires_ms = expires_ms;
  credentials->remedy = "get new ones, for example by `eval \"$(aws configure export-credentials "
                        "--profile NAME --format env)\"`, and start this program anew";
  return true;
}

dds_credentials_result dds_credentials_environment_find(const dds_credentials_context *context,
                                                        dds_credentials *credentials,
                                                        dds_error *error) {
  char *values[FIELD_COUNT] = {NULL};
  dds_credentials_result result = DDS_CREDENTIALS_FAILED;
  if (context->config->profile_is_explicit) {
    return DDS_CREDENTIALS_ABSENT;
  }
  if (!copy_values(context->environment, values, error)) {
    goto done;
  }
  if (values[KEY_ID] != NULL) {
    if (use_values(values, credentials, error)) {
      result = DDS_CREDENTIALS_FOUND;
    }
  } else {
    result = DDS_CREDENTIALS_ABSENT;
  }

done:
  for (size_t field = 0; field < FIELD_COUNT; field++) {
    dds_text_free_secret(values[field]);
  }
  return result;
}
