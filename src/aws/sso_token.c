/*
 * The cache file is JSON with the token, its expiry and what renewing it takes. Members that are
 * not known here stay in it: the file belongs to the AWS CLI.
 */
#include "aws/sso_token.h"

#include <stdio.h>
#include <string.h>

#include "aws/secret_json.h"
#include "base/alloc.h"
#include "base/hash.h"
#include "base/timestamp.h"
#include "base/utf8.h"

enum {
  RENEWAL_WINDOW_MS = 15 * 60 * 1000,
  FILE_LIMIT_BYTES = 256 * 1024,
  PATH_LIMIT_BYTES = 4096,
  LONGEST_LIFE_S = 10 * 366 * 24 * 3600,
};

/* What is in the cache. */
typedef struct cached_token {
  dds_buffer path;
  cJSON *json; /* has accessToken and expiresAt */
  int64_t expires_ms;
} cached_token;

static const char *login_name(const dds_sso_login *login) {
  return login->session != NULL ? login->session : login->start_url;
}

/* Releases; what is not there is passed over. */
static void free_cached(cached_token *cached) {
  dds_secret_json_free(cached->json);
  dds_buffer_free(&cached->path);
}

static bool make_path(const dds_environment *environment, const dds_sso_login *login,
                      dds_buffer *path, dds_error *error) {
  char name[DDS_SHA1_HEX_BYTES];
  char text[sizeof "~/.aws/sso/cache/.json" + sizeof name];
  if (!dds_hash_sha1_hex(login_name(login), strlen(login_name(login)), name)) {
    return dds_error_set(
        error, DDS_ERROR,
        "libcrypto refuses SHA-1, by which the files of ~/.aws/sso/cache are named");
  }
  snprintf(text, sizeof text, "~/.aws/sso/cache/%s.json", name);
  return dds_environment_expand(environment, text, path, error);
}

/* The AWS CLI before 2.1.14 wrote "UTC" for "Z". */
static bool read_time(const char *text, int64_t *time_ms) {
  char zulu[DDS_TIMESTAMP_ISO_BYTES];
  size_t length = text == NULL ? 0 : strlen(text);
  if (length > 3 && length < sizeof zulu && strcmp(text + length - 3, "UTC") == 0) {
    memcpy(zulu, text, length - 3);
    zulu[length - 3] = 'Z';
    return dds_timestamp_parse_iso(zulu, length - 2, time_ms);
  }
  return text != NULL && dds_timestamp_parse_iso(text, length, time_ms);
}

/* Whether a text can be a token: it becomes a header's value. */
static bool is_token(const char *text) {
  return text != NULL && text[0] != '\0' && !dds_utf8_has_control(text);
}

static bool load(const dds_credentials_context *context, const dds_sso_login *login,
                 cached_token *cached, dds_error *error) {
  const dds_environment *environment = context->environment;
  dds_buffer contents = DDS_BUFFER_INIT_SECRET(FILE_LIMIT_BYTES);
  bool exists = false;
  bool is_loaded = make_path(environment, login, &cached->path, error) &&
                   environment->read_file(environment->context, dds_buffer_text(&cached->path),
                                          &contents, &exists, error);
  if (is_loaded && !exists) {
    is_loaded = dds_error_set(error, DDS_AUTH,
                              "there is no token for SSO session %s: run `aws sso login --profile "
                              "%s`",
                              login_name(login), context->profile);
  }
  if (is_loaded) {
    cached->json = dds_secret_json_parse(dds_buffer_text(&contents), contents.length);
    is_loaded = is_token(dds_secret_json_text(cached->json, "accessToken")) &&
                read_time(dds_secret_json_text(cached->json, "expiresAt"), &cached->expires_ms);
    if (!is_loaded) {
      dds_error_set(error, DDS_AUTH,
                    "%s holds no token of SSO session %s: run `aws sso login --profile %s`",
                    dds_buffer_text(&cached->path), login_name(login), context->profile);
    }
  }
  dds_buffer_free(&contents);
  return is_loaded;
}

/* What the request for a new token takes from the file. */
static const char *const renewal_members[] = {"clientId", "clientSecret", "refreshToken"};

enum { RENEWAL_MEMBERS = sizeof renewal_members / sizeof renewal_members[0] };

/* Whether the file has what it takes, and the registration of the client still counts. */
static bool can_renew(const cached_token *cached, int64_t now_ms) {
  int64_t registered_until_ms;
  for (size_t i = 0; i < RENEWAL_MEMBERS; i++) {
    if (dds_secret_json_text(cached->json, renewal_members[i]) == NULL) {
      return false;
    }
  }
  return read_time(dds_secret_json_text(cached->json, "registrationExpiresAt"),
                   &registered_until_ms) &&
         registered_until_ms > now_ms;
}

static bool write_body(const cached_token *cached, dds_buffer *body, dds_error *error) {
  dds_buffer_append_text(body, "{\"grantType\":\"refresh_token\"");
  for (size_t i = 0; i < RENEWAL_MEMBERS; i++) {
    const char *text = dds_secret_json_text(cached->json, renewal_members[i]);
    dds_buffer_append_format(body, ",\"%s\":", renewal_members[i]);
    dds_buffer_append_json_string(body, text, strlen(text));
  }
  dds_buffer_append_char(body, '}');
  return dds_buffer_check(body, error);
}

static bool create_token(const dds_credentials_context *context, const dds_sso_login *login,
                         const cached_token *cached, dds_fetch_answer *answer, dds_error *error) {
  const dds_config *config = context->config;
  const char *const secrets[] = {
      dds_secret_json_text(cached->json, "accessToken"),
      dds_secret_json_text(cached->json, "clientSecret"),
      dds_secret_json_text(cached->json, "refreshToken"),
  };
  dds_endpoint endpoint = {0};
  dds_buffer url = DDS_BUFFER_INIT(PATH_LIMIT_BYTES);
  dds_buffer body = DDS_BUFFER_INIT_SECRET(FILE_LIMIT_BYTES);
  bool is_answered = false;
  if (!dds_config_endpoint(config, DDS_SERVICE_SSO_OIDC, login->region, NULL, &endpoint, error) ||
      !write_body(cached, &body, error)) {
    goto done;
  }
  dds_buffer_append_format(&url, "%s/token", endpoint.url);
  if (!dds_buffer_check(&url, error)) {
    goto done;
  }
  const dds_fetch_request request = {
      .service = "IAM Identity Center (OIDC)",
      .operation = "CreateToken",
      .words = "renewal of an SSO session's token",
      .method = "POST",
      .url = dds_buffer_text(&url),
      .body = dds_buffer_text(&body),
      .body_length = body.length,
      .content_type = "application/json",
      .secrets = secrets,
      .secret_count = sizeof secrets / sizeof secrets[0],
      .ca_bundle = config->ca_bundle,
      .connect_timeout_ms = config->connect_timeout_ms,
      .request_timeout_ms = config->request_timeout_ms,
      .max_attempts = config->service_max_attempts,
  };
  is_answered = dds_fetch(context->fetcher, &request, answer, error);

done:
  dds_buffer_free(&body);
  dds_buffer_free(&url);
  dds_endpoint_free(&endpoint);
  return is_answered;
}

/* Gives a member a new text; the old one is wiped. */
static bool put_text(cJSON *json, const char *name, const char *text, dds_error *error) {
  cJSON *old;
  while ((old = cJSON_DetachItemFromObjectCaseSensitive(json, name)) != NULL) {
    dds_secret_json_free(old);
  }
  return cJSON_AddStringToObject(json, name, text) != NULL || dds_error_set_nomem(error);
}

/* Takes over what CreateToken has answered. A token for renewal that is not given anew stays. */
static bool take_renewed(cached_token *cached, const cJSON *renewed, int64_t now_ms,
                         dds_error *error) {
  char expiry[DDS_TIMESTAMP_ISO_BYTES];
  const char *token = dds_secret_json_text(renewed, "accessToken");
  const char *refresh_token = dds_secret_json_text(renewed, "refreshToken");
  const cJSON *life = cJSON_GetObjectItemCaseSensitive(renewed, "expiresIn");
  double life_s = cJSON_IsNumber(life) ? life->valuedouble : 0;
  int64_t expires_ms = life_s > 0 && life_s <= LONGEST_LIFE_S ? now_ms + (int64_t)life_s * 1000 : 0;
  if (!is_token(token) || expires_ms <= now_ms || !dds_timestamp_format_iso(expires_ms, expiry)) {
    return dds_error_set(error, DDS_AUTH, "the answer has no accessToken and expiresIn");
  }
  memcpy(strchr(expiry, '.'), "Z", sizeof "Z"); /* whole seconds, as the AWS CLI writes it */
  cached->expires_ms = expires_ms;
  return put_text(cached->json, "accessToken", token, error) &&
         put_text(cached->json, "expiresAt", expiry, error) &&
         (refresh_token == NULL || put_text(cached->json, "refreshToken", refresh_token, error));
}

static bool is_local(const dds_error *failure) {
  return failure->code == DDS_NOMEM || failure->code == DDS_INTERRUPT;
}

/* False where memory ran out: that the file cannot be written only costs the next one a renewal. */
static bool save(const dds_environment *environment, const cached_token *cached, dds_error *error) {
  char *text = dds_alloc(FILE_LIMIT_BYTES);
  dds_error failure = DDS_ERROR_INIT;
  if (text == NULL) {
    return dds_error_set_nomem(error);
  }
  /* Printed in place: cJSON's own buffer would leave copies behind where it grows. */
  bool is_saved = !cJSON_PrintPreallocated(cached->json, text, FILE_LIMIT_BYTES, false) ||
                  environment->write_file(environment->context, dds_buffer_text(&cached->path),
                                          text, strlen(text), &failure) ||
                  failure.code != DDS_NOMEM || dds_error_set_nomem(error);
  dds_free_secret(text, FILE_LIMIT_BYTES);
  return is_saved;
}

static bool renew(const dds_credentials_context *context, const dds_sso_login *login,
                  cached_token *cached, dds_error *error) {
  dds_fetch_answer answer = {0};
  bool is_renewed = false;
  if (create_token(context, login, cached, &answer, error)) {
    cJSON *renewed = dds_secret_json_parse(dds_buffer_text(&answer.body), answer.body.length);
    is_renewed = take_renewed(cached, renewed, context->now_ms, error) &&
                 save(context->environment, cached, error);
    dds_secret_json_free(renewed);
  }
  dds_fetch_answer_free(&answer);
  return is_renewed;
}

/*
 * Takes over what is in the cache by now where it is newer: a token for renewal may work only once,
 * and another process may have used it a moment ago. False where memory ran out.
 */
static bool take_newer(const dds_credentials_context *context, const dds_sso_login *login,
                       cached_token *cached, dds_error *error) {
  cached_token now = {.path = DDS_BUFFER_INIT(PATH_LIMIT_BYTES)};
  dds_error failure = DDS_ERROR_INIT;
  bool is_loaded = load(context, login, &now, &failure);
  if (is_loaded && now.expires_ms > cached->expires_ms) {
    const cached_token older = *cached;
    *cached = now;
    now = older;
  }
  free_cached(&now);
  return is_loaded || failure.code != DDS_NOMEM || dds_error_set_nomem(error);
}

/* Renews where it is time and possible. False where the cached token is not valid any more. */
static bool keep_valid(const dds_credentials_context *context, const dds_sso_login *login,
                       cached_token *cached, dds_error *error) {
  dds_error failure = DDS_ERROR_INIT;
  int64_t now_ms = context->now_ms;
  bool is_due = login->session != NULL && cached->expires_ms - now_ms < RENEWAL_WINDOW_MS;
  if (is_due && can_renew(cached, now_ms) && !renew(context, login, cached, &failure)) {
    if (is_local(&failure)) {
      return dds_error_pass_on(error, &failure);
    }
    if (!take_newer(context, login, cached, error)) {
      return false;
    }
  }
  if (cached->expires_ms > now_ms) {
    return true;
  }
  dds_error_set(error, DDS_AUTH,
                "the token of SSO session %s has expired: run `aws sso login --profile %s`",
                login_name(login), context->profile);
  if (failure.code != DDS_OK) {
    dds_error_append(error, " (renewing it failed: %s)", failure.message);
  }
  return false;
}

bool dds_sso_token_get(const dds_credentials_context *context, const dds_sso_login *login,
                       dds_buffer *token, dds_error *error) {
  cached_token cached = {.path = DDS_BUFFER_INIT(PATH_LIMIT_BYTES)};
  bool is_found =
      load(context, login, &cached, error) && keep_valid(context, login, &cached, error);
  if (is_found) {
    dds_buffer_append_text(token, dds_secret_json_text(cached.json, "accessToken"));
    is_found = dds_buffer_check(token, error);
  }
  free_cached(&cached);
  return is_found;
}
