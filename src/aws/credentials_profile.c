/* The ways that a profile has to credentials, besides its role, in the AWS CLI's order. */
#include <stddef.h>

#include "aws/credentials_chain.h"

const char *dds_credentials_property(const dds_credentials_context *context, const char *name) {
  const char *value =
      dds_profiles_get(context->profiles, DDS_SECTION_PROFILE, context->profile, name);
  return value == NULL || value[0] == '\0' ? NULL : value;
}

bool dds_credentials_has_static_keys(const dds_credentials_context *context) {
  return dds_credentials_property(context, "aws_access_key_id") != NULL ||
         dds_credentials_property(context, "aws_secret_access_key") != NULL;
}

dds_credentials_result dds_credentials_profile_find(const dds_credentials_context *context,
                                                    dds_credentials *credentials,
                                                    dds_error *error) {
  static dds_credentials_source *const ways[] = {
      dds_credentials_web_identity_find,
      dds_credentials_sso_find,
      dds_credentials_static_credentials_file_find,
      dds_credentials_login_find,
      dds_credentials_process_find,
      dds_credentials_static_config_file_find,
  };
  dds_credentials_result result = DDS_CREDENTIALS_ABSENT;
  for (size_t i = 0; i < sizeof ways / sizeof ways[0] && result == DDS_CREDENTIALS_ABSENT; i++) {
    result = ways[i](context, credentials, error);
  }
  return result;
}

dds_credentials_result dds_credentials_source_profile_find(const dds_credentials_context *context,
                                                           dds_credentials *credentials,
                                                           dds_error *error) {
  dds_credentials_result result = dds_credentials_has_static_keys(context)
                                      ? DDS_CREDENTIALS_ABSENT
                                      : dds_credentials_role_find(context, credentials, error);
  return result == DDS_CREDENTIALS_ABSENT
             ? dds_credentials_profile_find(context, credentials, error)
             : result;
}
