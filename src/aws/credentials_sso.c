/*
 * Credentials of a role in an account, by way of IAM Identity Center (SDKs and Tools Reference
 * Guide, "IAM Identity Center credential provider"; portal API Reference, GetRoleCredentials).
 *
 * A profile names account and role; where to log in stands in its sso-session, or in itself.
 */
#include <string.h>

#include "aws/credentials_chain.h"
#include "aws/credentials_json.h"
#include "aws/secret_json.h"
#include "aws/sso_token.h"

enum { URL_LIMIT_BYTES = 4096, TOKEN_LIMIT_BYTES = 64 * 1024, WORDS_LIMIT_BYTES = 4096 };

/* Account and role come first: a profile with neither does not use SSO. */
enum { ACCOUNT, ROLE, START_URL, REGION, SETTINGS };

static const char *const properties[SETTINGS] = {
    [ACCOUNT] = "sso_account_id",
    [ROLE] = "sso_role_name",
    [START_URL] = "sso_start_url",
    [REGION] = "sso_region",
};

/* Borrowed. */
typedef struct sso_settings {
  const char *session; /* the sso-session's name, or NULL */
  const char *values[SETTINGS];
} sso_settings;

static const char *session_words(const sso_settings *settings) {
  return settings->session != NULL ? settings->session : settings->values[START_URL];
}

static bool check_session(const dds_credentials_context *context, const char *session,
                          dds_error *error) {
  return session == NULL || dds_profiles_has(context->profiles, DDS_SECTION_SSO_SESSION, session) ||
         dds_error_set(error, DDS_AUTH,
                       "profile %s names sso_session %s, which the config file does not have: add "
                       "[sso-session %s], or run `aws configure sso`",
                       context->profile, session, session);
}

/* The profile may repeat what its session says, but not contradict it. */
static bool find_setting(const dds_credentials_context *context, const char *property,
                         sso_settings *settings, const char **value, dds_error *error) {
  const char *own = dds_credentials_property(context, property);
  const char *shared = settings->session == NULL
                           ? NULL
                           : dds_profiles_get(context->profiles, DDS_SECTION_SSO_SESSION,
                                              settings->session, property);
  if (shared == NULL || shared[0] == '\0') {
    *value = own;
    return true;
  }
  *value = shared;
  return own == NULL || strcmp(own, shared) == 0 ||
         dds_error_set(error, DDS_AUTH,
                       "%s of profile %s is not that of its sso-session %s: take it out of one",
                       property, context->profile, settings->session);
}

static bool find_settings(const dds_credentials_context *context, sso_settings *settings,
                          dds_error *error) {
  dds_buffer missing = DDS_BUFFER_INIT(WORDS_LIMIT_BYTES);
  settings->session = dds_credentials_property(context, "sso_session");
  bool is_found = check_session(context, settings->session, error);
  for (size_t i = 0; i < SETTINGS && is_found; i++) {
    is_found = find_setting(context, properties[i], settings, &settings->values[i], error);
    if (is_found && settings->values[i] == NULL) {
      dds_buffer_append_format(&missing, "%s%s", missing.length == 0 ? "" : ", ", properties[i]);
    }
  }
  is_found = is_found && dds_buffer_check(&missing, error);
  if (is_found && missing.length > 0) {
    is_found = dds_error_set(error, DDS_AUTH,
                             "profile %s is set up for SSO without %s: run `aws configure sso "
                             "--profile %s`",
                             context->profile, missing.data, context->profile);
  }
  dds_buffer_free(&missing);
  return is_found;
}

static bool make_url(const dds_config *config, const sso_settings *settings, dds_buffer *url,
                     dds_error *error) {
  dds_endpoint endpoint = {0};
  const char *account = settings->values[ACCOUNT];
  const char *role = settings->values[ROLE];
  if (!dds_config_endpoint(config, DDS_SERVICE_SSO, settings->values[REGION], NULL, &endpoint,
                           error)) {
    return false;
  }
  dds_buffer_append_format(url, "%s/federation/credentials?account_id=", endpoint.url);
  dds_buffer_append_percent_encoded(url, account, strlen(account));
  dds_buffer_append_text(url, "&role_name=");
  dds_buffer_append_percent_encoded(url, role, strlen(role));
  dds_endpoint_free(&endpoint);
  return dds_buffer_check(url, error);
}

/* The portal's word for a login that has ended is 401, whatever else it says; one for a role that
 * is not assigned, 403. What is known of the exchange stays in the error. */
static void explain(const dds_credentials_context *context, const sso_settings *settings,
                    const dds_fetch_answer *answer, dds_error *error) {
  if (error->code == DDS_NOMEM) {
    return;
  }
  if (answer->status == 401) {
    error->code = DDS_OK;
    dds_error_set(error, DDS_AUTH, "SSO session %s has ended: run `aws sso login --profile %s`",
                  session_words(settings), context->profile);
  } else if (answer->status == 403) {
    error->code = DDS_AUTH;
    dds_error_append(error, "; is role %s of account %s assigned to you?", settings->values[ROLE],
                     settings->values[ACCOUNT]);
  }
}

static bool fetch_keys(const dds_credentials_context *context, const sso_settings *settings,
                       const char *url, const char *token, const char *source,
                       dds_credentials *credentials, dds_error *error) {
  static const dds_credentials_members members = {
      .access_key_id = "accessKeyId",
      .secret_access_key = "secretAccessKey",
      .session_token = "sessionToken",
      .expiration = "expiration",
  };
  const dds_config *config = context->config;
  const dds_http_header header = {"x-amz-sso_bearer_token", token};
  const dds_fetch_request request = {
      .service = "IAM Identity Center (SSO)",
      .operation = "GetRoleCredentials",
      .words = source,
      .method = "GET",
      .url = url,
      .headers = &header,
      .header_count = 1,
      .secrets = &token,
      .secret_count = 1,
      .ca_bundle = config->ca_bundle,
      .connect_timeout_ms = config->connect_timeout_ms,
      .request_timeout_ms = config->request_timeout_ms,
      .max_attempts = config->service_max_attempts,
  };
  dds_fetch_answer answer = {0};
  bool is_set = dds_fetch(context->fetcher, &request, &answer, error);
  if (is_set) {
    cJSON *json = dds_secret_json_parse(dds_buffer_text(&answer.body), answer.body.length);
    is_set =
        dds_credentials_read_json(cJSON_GetObjectItemCaseSensitive(json, "roleCredentials"),
                                  &members, settings->values[ACCOUNT], source, credentials, error);
    dds_secret_json_free(json);
  } else {
    explain(context, settings, &answer, error);
  }
  dds_fetch_answer_free(&answer);
  return is_set;
}

static bool ask(const dds_credentials_context *context, const sso_settings *settings,
                const char *source, dds_credentials *credentials, dds_error *error) {
  const dds_sso_login login = {
      .session = settings->session,
      .start_url = settings->values[START_URL],
      .region = settings->values[REGION],
  };
  dds_buffer url = DDS_BUFFER_INIT(URL_LIMIT_BYTES);
  dds_buffer token = DDS_BUFFER_INIT_SECRET(TOKEN_LIMIT_BYTES);
  bool is_set = make_url(context->config, settings, &url, error) &&
                dds_sso_token_get(context, &login, &token, error) &&
                fetch_keys(context, settings, dds_buffer_text(&url), dds_buffer_text(&token),
                           source, credentials, error);
  dds_buffer_free(&token);
  dds_buffer_free(&url);
  return is_set;
}

dds_credentials_result dds_credentials_sso_find(const dds_credentials_context *context,
                                                dds_credentials *credentials, dds_error *error) {
  sso_settings settings = {0};
  dds_buffer source = DDS_BUFFER_INIT(WORDS_LIMIT_BYTES);
  bool is_found = false;
  if (dds_credentials_property(context, properties[ACCOUNT]) == NULL &&
      dds_credentials_property(context, properties[ROLE]) == NULL) {
    return DDS_CREDENTIALS_ABSENT;
  }
  if (find_settings(context, &settings, error)) {
    const char *const *values = settings.values;
    dds_buffer_append_format(&source, "SSO session %s, role %s of account %s",
                             session_words(&settings), values[ROLE], values[ACCOUNT]);
    is_found = dds_buffer_check(&source, error) &&
               (context->fetcher == NULL
                    ? dds_credentials_set_unknown(credentials, values[ACCOUNT],
                                                  dds_buffer_text(&source), error)
                    : ask(context, &settings, dds_buffer_text(&source), credentials, error));
  }
  dds_buffer_free(&source);
  return is_found ? DDS_CREDENTIALS_FOUND : DDS_CREDENTIALS_FAILED;
}
