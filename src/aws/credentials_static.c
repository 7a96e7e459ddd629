/*
 * Static keys of a profile, in one of the two files. Key, secret and token are taken from the same
 * file: those of two would not belong together.
 */
#include <stdio.h>

#include "aws/credentials_chain.h"

/* A property's value, NULL also where it is empty. */
static const char *get_from(const dds_credentials_context *context, dds_profile_file file,
                            const char *property) {
  const char *value = dds_profiles_get_from(context->profiles, file, DDS_SECTION_PROFILE,
                                            context->profile, property);
  return value == NULL || value[0] == '\0' ? NULL : value;
}

static dds_credentials_result find(const dds_credentials_context *context, dds_profile_file file,
                                   dds_credentials *credentials, dds_error *error) {
  char place[128];
  const char *key_id = get_from(context, file, "aws_access_key_id");
  const char *secret = get_from(context, file, "aws_secret_access_key");
  const char *token = get_from(context, file, "aws_session_token");
  if (token == NULL) {
    token = get_from(context, file, "aws_security_token");
  }
  if (key_id == NULL) {
    return DDS_CREDENTIALS_ABSENT;
  }
  snprintf(place, sizeof place, "profile %s", context->profile);
  if (secret == NULL) {
    dds_error_set(error, DDS_AUTH, "%s has aws_access_key_id without aws_secret_access_key", place);
    return DDS_CREDENTIALS_FAILED;
  }
  bool is_set = dds_credentials_set(credentials, key_id, secret, token,
                                    get_from(context, file, "aws_account_id"), place, error);
  return is_set ? DDS_CREDENTIALS_FOUND : DDS_CREDENTIALS_FAILED;
}

dds_credentials_result
dds_credentials_static_credentials_file_find(const dds_credentials_context *context,
                                             dds_credentials *credentials, dds_error *error) {
  return find(context, DDS_PROFILE_CREDENTIALS, credentials, error);
}

dds_credentials_result
dds_credentials_static_config_file_find(const dds_credentials_context *context,
                                        dds_credentials *credentials, dds_error *error) {
  return find(context, DDS_PROFILE_CONFIG, credentials, error);
}
