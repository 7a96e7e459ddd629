/*
 * Credentials of the role that an EC2 instance runs under, from its metadata (EC2 User Guide,
 * "Retrieve security credentials from instance metadata"): the role's name, then its keys.
 */
#include <stdio.h>
#include <string.h>

#include "aws/credentials_chain.h"
#include "aws/credentials_json.h"
#include "aws/echo.h"
#include "aws/imds.h"
#include "aws/secret_json.h"
#include "base/utf8.h"

#define ROLES_PATH "/latest/meta-data/iam/security-credentials/"

enum { ROLE_BYTES = 129, WORDS_BYTES = 256, ROLES_LIMIT_BYTES = 4096, KEYS_LIMIT_BYTES = 65536 };

/* The role is the first line. It becomes part of a path, so IAM's characters alone will do. */
static bool read_role(dds_imds *imds, char role[ROLE_BYTES], bool *is_absent, dds_error *error) {
  static const char allowed[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+=,.@-";
  dds_buffer roles = DDS_BUFFER_INIT(ROLES_LIMIT_BYTES);
  bool is_read = dds_imds_read(imds, ROLES_PATH, "GetInstanceRole", &roles, is_absent, error);
  if (is_read) {
    const char *text = dds_buffer_text(&roles);
    size_t length = strspn(text, allowed);
    is_read = length > 0 && length < ROLE_BYTES && strchr("\r\n", text[length]) != NULL;
    snprintf(role, ROLE_BYTES, "%.*s", is_read ? (int)length : 0, text);
    if (!is_read) {
      dds_error_set(error, DDS_AUTH,
                    "instance metadata at %s names no role where it should: is it another service?",
                    imds->config->imds_endpoint);
    }
  }
  dds_buffer_free(&roles);
  return is_read;
}

/* The code and the message of a document without keys, where they repeat nothing that is secret. */
static bool set_refusal(const cJSON *document, const dds_imds *imds, const char *source,
                        dds_error *error) {
  const char *code = dds_secret_json_text(document, "Code");
  const char *message = dds_secret_json_text(document, "Message");
  const char *const secrets[] = {
      dds_buffer_text(&imds->token),
      dds_secret_json_text(document, "SecretAccessKey"),
      dds_secret_json_text(document, "Token"),
  };
  const dds_echo_request echo = {.secrets = secrets,
                                 .secret_count = sizeof secrets / sizeof secrets[0]};
  const char *const shown[] = {code, message == NULL ? "" : message};
  for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++) {
    if (dds_utf8_has_control(shown[i]) || dds_echo_is_in(&echo, shown[i])) {
      return dds_error_set(error, DDS_AUTH, "%s: there are no keys, and the reason is unreadable",
                           source);
    }
  }
  return dds_error_set(error, DDS_AUTH,
                       "%s: %.80s%s%.400s; look at the role's trust policy: it must let "
                       "ec2.amazonaws.com assume the role",
                       source, code, shown[1][0] == '\0' ? "" : ": ", shown[1]);
}

static bool read_keys(const dds_buffer *text, const dds_imds *imds, const char *source,
                      dds_credentials *credentials, dds_error *error) {
  static const dds_credentials_members members = {
      .access_key_id = "AccessKeyId",
      .secret_access_key = "SecretAccessKey",
      .session_token = "Token",
      .expiration = "Expiration",
  };
  cJSON *document = dds_secret_json_parse(dds_buffer_text(text), text->length);
  const char *code = dds_secret_json_text(document, "Code");
  bool is_set =
      code != NULL && strcmp(code, "Success") != 0
          ? set_refusal(document, imds, source, error)
          : dds_credentials_read_json(document, &members, NULL, source, credentials, error);
  credentials->outlives_expiry = is_set;
  dds_secret_json_free(document);
  return is_set;
}

static bool find(dds_imds *imds, dds_credentials *credentials, bool *is_absent, dds_error *error) {
  char role[ROLE_BYTES];
  char path[sizeof ROLES_PATH + ROLE_BYTES];
  char source[WORDS_BYTES];
  dds_buffer keys = DDS_BUFFER_INIT_SECRET(KEYS_LIMIT_BYTES);
  if (!read_role(imds, role, is_absent, error)) {
    return false;
  }
  snprintf(path, sizeof path, ROLES_PATH "%s", role);
  snprintf(source, sizeof source, "instance metadata, role %s", role);
  bool is_found = dds_imds_read(imds, path, "GetInstanceCredentials", &keys, is_absent, error) &&
                  read_keys(&keys, imds, source, credentials, error);
  dds_buffer_free(&keys);
  return is_found;
}

dds_credentials_result dds_credentials_instance_find(const dds_credentials_context *context,
                                                     dds_credentials *credentials,
                                                     dds_error *error) {
  bool is_absent = context->config->imds_is_disabled;
  bool is_found = false;
  if (is_absent) {
    return DDS_CREDENTIALS_ABSENT;
  }
  if (context->fetcher == NULL) {
    is_found =
        dds_credentials_set_unknown(credentials, NULL, "instance metadata (not asked yet)", error);
  } else {
    dds_imds imds = dds_imds_begin(context->fetcher, context->config);
    is_found = find(&imds, credentials, &is_absent, error);
    dds_imds_end(&imds);
  }
  return is_found    ? DDS_CREDENTIALS_FOUND
         : is_absent ? DDS_CREDENTIALS_ABSENT
                     : DDS_CREDENTIALS_FAILED;
}
