/*
 * Credentials of a role for whoever holds a token of an identity provider, as a pod on EKS or a job
 * of a CI service does: from the environment, or from a profile. The token lives in a file that its
 * issuer replaces ahead of its expiry, so it is read whenever credentials are asked for.
 *
 * Role and token are taken from one place. The AWS CLI would fill in for a missing variable from
 * the profile; a token of one place with the role of another is nobody's intention.
 */
#include <stddef.h>
#include <string.h>

#include "aws/credentials_chain.h"
#include "aws/sts.h"
#include "base/alloc.h"
#include "base/buffer.h"
#include "base/text.h"

/* STS takes 20,000 characters (API Reference, AssumeRoleWithWebIdentity). */
enum { TOKEN_LIMIT_BYTES = 64 * 1024, WORDS_LIMIT_BYTES = 16 * 1024 };

/* Borrowed. */
typedef struct web_identity {
  const char *profile; /* where the rest stands; NULL: in the environment */
  const char *role_arn;
  const char *token_file;
  const char *session_name; /* or NULL */
} web_identity;

/* As it stands in the file, without trimming, as the AWS CLI sends it. */
static bool read_token(const dds_environment *environment, const char *path, dds_buffer *token,
                       dds_error *error) {
  bool exists;
  if (!environment->read_file(environment->context, path, token, &exists, error)) {
    dds_error_prefix(error, "the web identity token file %s cannot be used: ", path);
    return false;
  }
  if (!exists) {
    return dds_error_set(error, DDS_AUTH, "the web identity token file %s does not exist", path);
  }
  const char *text = dds_buffer_text(token);
  if (dds_text_is_blank(text)) {
    return dds_error_set(error, DDS_AUTH, "the web identity token file %s is empty", path);
  }
  return strlen(text) == token->length ||
         dds_error_set(error, DDS_AUTH, "the web identity token file %s is not a text", path);
}

/* Says where the file's name comes from, which may be somebody else's setting. */
static void prefix_source(const web_identity *identity, dds_error *error) {
  if (identity->profile == NULL) {
    dds_error_prefix(error, "AWS_WEB_IDENTITY_TOKEN_FILE: ");
  } else {
    dds_error_prefix(error, "profile %s: ", identity->profile);
  }
}

static dds_credentials_result assume(const dds_credentials_context *context,
                                     const web_identity *identity, dds_credentials *credentials,
                                     dds_error *error) {
  dds_buffer token = DDS_BUFFER_INIT_SECRET(TOKEN_LIMIT_BYTES);
  dds_buffer words = DDS_BUFFER_INIT(WORDS_LIMIT_BYTES);
  const char *profile = identity->profile;
  bool is_offline = context->fetcher == NULL;
  dds_buffer_append_format(&words, "role %s of %s%s (source: token file %s)", identity->role_arn,
                           profile == NULL ? "" : "profile ",
                           profile == NULL ? "AWS_ROLE_ARN" : profile, identity->token_file);
  bool is_found =
      dds_buffer_check(&words, error) &&
      (is_offline || read_token(context->environment, identity->token_file, &token, error));
  if (!is_found) {
    prefix_source(identity, error);
  } else {
    const dds_sts_request request = {
        .role_arn = identity->role_arn,
        .session_name = identity->session_name,
        .web_identity_token = dds_buffer_text(&token),
        .words = dds_buffer_text(&words),
    };
    is_found = dds_sts_assume_role(context, &request, credentials, error);
  }
  dds_buffer_free(&words);
  dds_buffer_free(&token);
  return is_found ? DDS_CREDENTIALS_FOUND : DDS_CREDENTIALS_FAILED;
}

enum { TOKEN_FILE, ROLE_ARN, SESSION_NAME, FIELD_COUNT };

/* Copies, because a variable's value is borrowed until the next one is asked for. */
static bool copy_variables(const dds_environment *environment, char *values[FIELD_COUNT],
                           dds_error *error) {
  static const char *const names[FIELD_COUNT] = {
      [TOKEN_FILE] = "AWS_WEB_IDENTITY_TOKEN_FILE",
      [ROLE_ARN] = "AWS_ROLE_ARN",
      [SESSION_NAME] = "AWS_ROLE_SESSION_NAME",
  };
  for (size_t field = 0; field < FIELD_COUNT; field++) {
    if (!dds_text_copy(&values[field], dds_environment_get(environment, names[field]), error)) {
      return false;
    }
  }
  return true;
}

dds_credentials_result
dds_credentials_web_identity_environment_find(const dds_credentials_context *context,
                                              dds_credentials *credentials, dds_error *error) {
  char *values[FIELD_COUNT] = {NULL};
  dds_credentials_result result = DDS_CREDENTIALS_FAILED;
  if (context->config->profile_is_explicit) {
    return DDS_CREDENTIALS_ABSENT;
  }
  if (!copy_variables(context->environment, values, error)) {
    goto done;
  }
  if (values[TOKEN_FILE] == NULL) {
    result = DDS_CREDENTIALS_ABSENT;
  } else if (values[ROLE_ARN] == NULL) {
    /* An error as in the AWS CLI: the next source could be somebody else, such as a pod's node. */
    dds_error_set(error, DDS_AUTH,
                  "AWS_WEB_IDENTITY_TOKEN_FILE is set in the environment, AWS_ROLE_ARN is not: set "
                  "both or neither");
  } else {
    const web_identity found = {NULL, values[ROLE_ARN], values[TOKEN_FILE], values[SESSION_NAME]};
    result = assume(context, &found, credentials, error);
  }

done:
  for (size_t field = 0; field < FIELD_COUNT; field++) {
    dds_free(values[field]);
  }
  return result;
}

dds_credentials_result dds_credentials_web_identity_find(const dds_credentials_context *context,
                                                         dds_credentials *credentials,
                                                         dds_error *error) {
  const web_identity found = {
      .profile = context->profile,
      .role_arn = dds_credentials_property(context, "role_arn"),
      .token_file = dds_credentials_property(context, "web_identity_token_file"),
      .session_name = dds_credentials_property(context, "role_session_name"),
  };
  if (found.token_file == NULL) {
    return DDS_CREDENTIALS_ABSENT;
  }
  if (found.role_arn == NULL) {
    dds_error_set(error, DDS_AUTH, "profile %s has web_identity_token_file without role_arn",
                  context->profile);
    return DDS_CREDENTIALS_FAILED;
  }
  return assume(context, &found, credentials, error);
}
