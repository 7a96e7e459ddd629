/*
 * The chain of credential sources. A source that applies and fails ends the chain with its error:
 * signing with other keys than the AWS CLI would use might read or write another account.
 */
#include "aws/credentials_chain.h"

#include <stddef.h>

/* A profile that `aws configure sso` was left half-way in. */
static void append_sso_hint(const dds_credentials_context *context, dds_error *error) {
  if (dds_credentials_property(context, "sso_session") != NULL ||
      dds_credentials_property(context, "sso_start_url") != NULL) {
    dds_error_append(error,
                     "; profile %s has SSO, but neither sso_account_id nor sso_role_name: `aws "
                     "configure sso --profile %s` asks for them",
                     context->profile, context->profile);
  }
}

static bool set_absent(const dds_credentials_context *context, dds_error *error) {
  const dds_config *config = context->config;
  dds_error_set(
      error, DDS_AUTH,
      "Unable to locate credentials: looked for %sa role, a web identity, SSO, keys, an `aws "
      "login` session and a credential_process in profile %s (%s) of ~/.aws/config and "
      "~/.aws/credentials, AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and _FULL_URI, and instance "
      "metadata%s. Run `aws configure`, `aws configure sso` or `aws login`, or set "
      "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
      config->profile_is_explicit
          ? ""
          : "AWS_ACCESS_KEY_ID and AWS_WEB_IDENTITY_TOKEN_FILE in the environment, ",
      config->profile, config->profile_source,
      config->imds_is_disabled ? " (switched off by AWS_EC2_METADATA_DISABLED)" : "");
  if (config->profile_is_explicit &&
      dds_environment_get(context->environment, "AWS_ACCESS_KEY_ID") != NULL) {
    dds_error_append(error, "; the option profile skips the keys that the environment has: leave "
                            "it out to use them");
  }
  append_sso_hint(context, error);
  return false;
}

bool dds_credentials_resolve(const dds_credentials_context *context, dds_credentials *credentials,
                             dds_error *error) {
  static dds_credentials_source *const sources[] = {
      dds_credentials_environment_find,
      dds_credentials_role_find,
      dds_credentials_web_identity_environment_find,
      dds_credentials_profile_find,
      dds_credentials_container_find,
      dds_credentials_instance_find,
  };
  bool is_loopback = context->config->endpoint_is_loopback;
  *credentials = (dds_credentials){0};
  for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++) {
    /* A developer's machine is no instance, and would wait for one to answer. */
    if (is_loopback && sources[i] == dds_credentials_instance_find) {
      continue;
    }
    dds_credentials_result result = sources[i](context, credentials, error);
    if (result == DDS_CREDENTIALS_FOUND) {
      return true;
    }
    if (result == DDS_CREDENTIALS_FAILED) {
      dds_credentials_free(credentials);
      return false;
    }
  }
  if (!is_loopback) {
    return set_absent(context, error);
  }
  return dds_credentials_set(credentials, "placeholder", "placeholder", NULL, NULL,
                             "placeholder for a loopback endpoint", error);
}
