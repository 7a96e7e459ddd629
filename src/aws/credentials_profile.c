/*
 * Credentials of the selected profile. Its ways to credentials are tried in the AWS CLI's order;
 * those that this version cannot go are errors, at their place in that order.
 */
#include <stdio.h>

#include "aws/credentials.h"

/* A way to credentials: static keys of one file, or a property that asks for something else. */
typedef struct way {
  const char *property; /* NULL: the static keys of `file` */
  dds_profile_file file;
  const char *what;
} way;

static const way ways[] = {
    {"role_arn", DDS_PROFILE_CONFIG, "a role to be assumed"},
    {"web_identity_token_file", DDS_PROFILE_CONFIG, "a web identity's role"},
    {"sso_account_id", DDS_PROFILE_CONFIG, "IAM Identity Center (SSO)"},
    {"sso_role_name", DDS_PROFILE_CONFIG, "IAM Identity Center (SSO)"},
    {NULL, DDS_PROFILE_CREDENTIALS, NULL},
    {"login_session", DDS_PROFILE_CONFIG, "a session of `aws login`"},
    {"credential_process", DDS_PROFILE_CONFIG, "a credential process"},
    {NULL, DDS_PROFILE_CONFIG, NULL},
    {"sso_session", DDS_PROFILE_CONFIG, "IAM Identity Center (SSO)"},
    {"sso_start_url", DDS_PROFILE_CONFIG, "IAM Identity Center (SSO)"},
};

/* A property's value, NULL also where it is empty. */
static const char *get_from(const dds_credentials_context *context, dds_profile_file file,
                            const char *property) {
  const char *value = dds_profiles_get_from(context->profiles, file, DDS_SECTION_PROFILE,
                                            context->config->profile, property);
  return value == NULL || value[0] == '\0' ? NULL : value;
}

static const char *get(const dds_credentials_context *context, const char *property) {
  const char *value = get_from(context, DDS_PROFILE_CREDENTIALS, property);
  return value != NULL ? value : get_from(context, DDS_PROFILE_CONFIG, property);
}

/* Key, secret and token are taken from one file: those of two would not belong together. */
static dds_credentials_result find_static(const dds_credentials_context *context,
                                          dds_profile_file file, const char *place,
                                          dds_credentials *credentials, dds_error *error) {
  const char *key_id = get_from(context, file, "aws_access_key_id");
  const char *secret = get_from(context, file, "aws_secret_access_key");
  const char *token = get_from(context, file, "aws_session_token");
  if (token == NULL) {
    token = get_from(context, file, "aws_security_token");
  }
  if (key_id == NULL) {
    return DDS_CREDENTIALS_ABSENT;
  }
  if (secret == NULL) {
    dds_error_set(error, DDS_AUTH, "%s has aws_access_key_id without aws_secret_access_key", place);
    return DDS_CREDENTIALS_FAILED;
  }
  bool is_set = dds_credentials_set(credentials, key_id, secret, token,
                                    get(context, "aws_account_id"), place, error);
  return is_set ? DDS_CREDENTIALS_FOUND : DDS_CREDENTIALS_FAILED;
}

dds_credentials_result dds_credentials_profile_find(const dds_credentials_context *context,
                                                    dds_credentials *credentials,
                                                    dds_error *error) {
  char place[128];
  snprintf(place, sizeof place, "profile %s", context->config->profile);
  for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
    if (ways[i].property == NULL) {
      dds_credentials_result result = find_static(context, ways[i].file, place, credentials, error);
      if (result != DDS_CREDENTIALS_ABSENT) {
        return result;
      }
    } else if (get(context, ways[i].property) != NULL) {
      dds_credentials_refuse(error, place, ways[i].what);
      dds_error_append(error, " (its property is %s)", ways[i].property);
      return DDS_CREDENTIALS_FAILED;
    }
  }
  return DDS_CREDENTIALS_ABSENT;
}
