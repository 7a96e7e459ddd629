/*
 * Credentials of a session of `aws login`: the AWS CLI keeps them in a file and renews them
 * whenever it is used. They are taken as they stand there; renewing them is left to it, for their
 * refresh token is bound to a key of its own.
 */
#include <string.h>

#include "aws/credentials_chain.h"
#include "aws/credentials_json.h"
#include "aws/secret_json.h"
#include "base/buffer.h"
#include "base/hash.h"

enum { PATH_LIMIT_BYTES = 4096, CACHE_LIMIT_BYTES = 64 * 1024, WORDS_LIMIT_BYTES = 1024 };

/* The file's name is made of the session's. */
static bool append_path(const dds_credentials_context *context, const char *session,
                        dds_buffer *path, dds_error *error) {
  char name[DDS_SHA256_HEX_BYTES];
  const char *folder = dds_environment_get(context->environment, "AWS_LOGIN_CACHE_DIRECTORY");
  dds_buffer given = DDS_BUFFER_INIT(PATH_LIMIT_BYTES);
  if (!dds_hash_sha256_hex(session, strlen(session), name)) {
    return dds_error_set(error, DDS_ERROR, "libcrypto refuses SHA-256");
  }
  dds_buffer_append_format(&given, "%s/%s.json", folder == NULL ? "~/.aws/login/cache" : folder,
                           name);
  bool is_made = dds_buffer_check(&given, error) &&
                 dds_environment_expand(context->environment, dds_buffer_text(&given), path, error);
  dds_buffer_free(&given);
  return is_made;
}

static bool read_cache(const dds_credentials_context *context, const dds_buffer *text,
                       const char *source, dds_credentials *credentials, dds_error *error) {
  static const dds_credentials_members members = {
      .access_key_id = "accessKeyId",
      .secret_access_key = "secretAccessKey",
      .session_token = "sessionToken",
      .expiration = "expiresAt",
      .account_id = "accountId",
  };
  cJSON *cache = dds_secret_json_parse(dds_buffer_text(text), text->length);
  bool is_read = dds_credentials_read_json(
      cJSON_GetObjectItemCaseSensitive(cache, "accessToken"), &members,
      dds_credentials_property(context, "aws_account_id"), source, credentials, error);
  dds_secret_json_free(cache);
  if (is_read && credentials->expires_ms <= context->now_ms) {
    is_read = dds_error_set(error, DDS_AUTH, "%s have expired", source);
  }
  return is_read;
}

static bool find(const dds_credentials_context *context, const dds_buffer *path, const char *source,
                 dds_credentials *credentials, dds_error *error) {
  const dds_environment *environment = context->environment;
  dds_buffer text = DDS_BUFFER_INIT_SECRET(CACHE_LIMIT_BYTES);
  bool exists = false;
  bool is_found = environment->read_file(environment->context, path->data, &text, &exists, error) &&
                  (exists || dds_error_set(error, DDS_AUTH, "%s are not there: there is no %s",
                                           source, path->data)) &&
                  read_cache(context, &text, source, credentials, error);
  if (!is_found && error->code != DDS_NOMEM) {
    dds_error_append(error,
                     ": run `aws login --profile %s`, or, while the login lasts, any `aws` command "
                     "with that profile, which renews them",
                     context->profile);
  }
  dds_buffer_free(&text);
  return is_found;
}

dds_credentials_result dds_credentials_login_find(const dds_credentials_context *context,
                                                  dds_credentials *credentials, dds_error *error) {
  const char *session = dds_credentials_property(context, "login_session");
  dds_buffer path = DDS_BUFFER_INIT(PATH_LIMIT_BYTES);
  dds_buffer source = DDS_BUFFER_INIT(WORDS_LIMIT_BYTES);
  if (session == NULL) {
    return DDS_CREDENTIALS_ABSENT;
  }
  dds_buffer_append_format(&source, "the credentials of `aws login` for profile %s",
                           context->profile);
  bool is_found = dds_buffer_check(&source, error) && append_path(context, session, &path, error) &&
                  find(context, &path, source.data, credentials, error);
  dds_buffer_free(&source);
  dds_buffer_free(&path);
  return is_found ? DDS_CREDENTIALS_FOUND : DDS_CREDENTIALS_FAILED;
}
