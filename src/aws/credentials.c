/*
 * The chain of credential sources. A source that the machine is set up for but that this version
 * cannot use ends the chain with an error: signing with other keys than the AWS CLI would use
 * might read or write another account.
 */
#include "aws/credentials.h"

#include <string.h>

#include "base/alloc.h"

static dds_credentials_result refuse_container(const dds_credentials_context *context,
                                               dds_credentials *credentials, dds_error *error) {
  static const char *const variables[] = {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
                                          "AWS_CONTAINER_CREDENTIALS_FULL_URI"};
  (void)credentials;
  for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
    if (dds_environment_get(context->environment, variables[i]) != NULL) {
      dds_credentials_refuse(error, variables[i], "credentials of a container");
      return DDS_CREDENTIALS_FAILED;
    }
  }
  return DDS_CREDENTIALS_ABSENT;
}

bool dds_credentials_refuse(dds_error *error, const char *place, const char *what) {
  return dds_error_set(error, DDS_AUTH,
                       "%s asks for %s, which this version does not support; what works are static "
                       "keys in a profile and the environment variables that "
                       "`eval \"$(aws configure export-credentials --format env)\"` sets",
                       place, what);
}

static bool set_absent(const dds_config *config, dds_error *error) {
  return dds_error_set(
      error, DDS_AUTH,
      "Unable to locate credentials: looked for %sstatic keys in profile %s (%s) of "
      "~/.aws/credentials and ~/.aws/config. Run `aws configure`, or bring those of any other "
      "source by `eval \"$(aws configure export-credentials --format env)\"`%s",
      config->profile_is_explicit ? "" : "AWS_ACCESS_KEY_ID in the environment and for ",
      config->profile, config->profile_source,
      config->profile_is_explicit
          ? "; the option profile skips the credentials of the environment, so leave it out then"
          : "");
}

bool dds_credentials_resolve(const dds_credentials_context *context, dds_credentials *credentials,
                             dds_error *error) {
  static dds_credentials_source *const sources[] = {
      dds_credentials_environment_find,
      dds_credentials_profile_find,
      refuse_container,
  };
  *credentials = (dds_credentials){0};
  for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++) {
    dds_credentials_result result = sources[i](context, credentials, error);
    if (result == DDS_CREDENTIALS_FOUND) {
      return true;
    }
    if (result == DDS_CREDENTIALS_FAILED) {
      dds_credentials_free(credentials);
      return false;
    }
  }
  if (!context->config->endpoint_is_loopback) {
    return set_absent(context->config, error);
  }
  return dds_credentials_set(credentials, "placeholder", "placeholder", NULL, NULL,
                             "placeholder for a loopback endpoint", error);
}

/* Control characters would end a header early; a copied line end is their usual origin. */
static bool is_printable(const char *text) {
  for (; *text != '\0'; text++) {
    if ((unsigned char)*text < 0x20 || *text == 0x7F) {
      return false;
    }
  }
  return true;
}

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
    if (fields[i].text == NULL) {
      continue;
    }
    if (!is_printable(fields[i].text)) {
      is_set = dds_error_set(
          error, DDS_AUTH, "the %s of %s holds a control character: was a line end copied with it?",
          fields[i].name, is_printable(source) ? source : "the credentials");
    } else {
      *fields[i].slot = dds_alloc_copy(fields[i].text, strlen(fields[i].text));
      is_set = *fields[i].slot != NULL || dds_error_set_nomem(error);
    }
  }
  if (!is_set) {
    dds_credentials_free(credentials);
  }
  return is_set;
}

static void free_text(char *text) {
  dds_free_secret(text, text == NULL ? 0 : strlen(text));
}

void dds_credentials_free(dds_credentials *credentials) {
  free_text(credentials->access_key_id);
  free_text(credentials->secret_access_key);
  free_text(credentials->session_token);
  free_text(credentials->account_id);
  free_text(credentials->source);
  *credentials = (dds_credentials){0};
}
