/*
 * Credentials that the runtime of a container hands out: ECS task roles, EKS Pod Identity, local
 * agents (SDKs and Tools Reference Guide, "Container credential provider"). Plain http is for the
 * addresses that never leave the machine.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "aws/credentials_chain.h"
#include "aws/credentials_json.h"
#include "aws/endpoint.h"
#include "aws/secret_json.h"
#include "base/utf8.h"

#define ECS_HOST            "169.254.170.2"
#define TOKEN_VARIABLE      "AWS_CONTAINER_AUTHORIZATION_TOKEN"
#define TOKEN_FILE_VARIABLE TOKEN_VARIABLE "_FILE"

enum {
  TIMEOUT_MS = 2000,
  ATTEMPTS = 3,
  URL_LIMIT_BYTES = 4096,
  TOKEN_LIMIT_BYTES = 16 * 1024,
  SOURCE_BYTES = 80,
};

/* Which variable says where to ask, the first that is set; and what stands before its value. */
static const struct {
  const char *variable;
  const char *prefix;
} places[] = {
    {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "http://" ECS_HOST},
    {"AWS_CONTAINER_CREDENTIALS_FULL_URI", ""},
};

/* The variable's name, and its value made a URL; NULL where none is set or memory ran out. */
static const char *find_place(const dds_environment *environment, dds_buffer *url) {
  for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
    const char *value = dds_environment_get(environment, places[i].variable);
    if (value != NULL) {
      dds_buffer_append_format(url, "%s%s", places[i].prefix, value);
      return places[i].variable;
    }
  }
  return NULL;
}

/* Whether plain http to this host stays on the machine or its own link. */
static bool is_local(const dds_url *url) {
  static const char *const hosts[] = {ECS_HOST, "169.254.170.23", "[fd00:ec2::23]"};
  for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
    if (url->host_length == strlen(hosts[i]) &&
        strncasecmp(url->host, hosts[i], url->host_length) == 0) {
      return true;
    }
  }
  return dds_endpoint_is_loopback(url);
}

static bool check_url(const char *variable, const dds_buffer *text, dds_error *error) {
  dds_url url;
  if (!dds_buffer_check(text, error)) {
    return false;
  }
  if (dds_utf8_has_control(dds_buffer_text(text))) {
    return dds_error_set(error, DDS_AUTH, "%s holds a control character", variable);
  }
  if (!dds_endpoint_parse_any(dds_buffer_text(text), &url, error)) {
    dds_error_prefix(error, "%s: ", variable);
    return false;
  }
  if (url.is_tls || is_local(&url)) {
    return true;
  }
  return dds_error_set(error, DDS_AUTH,
                       "%s: plain http is for a loopback address, " ECS_HOST
                       ", 169.254.170.23 and [fd00:ec2::23] alone: give an https URL",
                       variable);
}

/* Appends the value of the Authorization header; nothing where none is configured. The file is
 * read each time: Kubernetes renews what is in it. */
static bool read_token(const dds_environment *environment, dds_buffer *token, dds_error *error) {
  const char *variable = TOKEN_FILE_VARIABLE;
  const char *value = dds_environment_get(environment, variable);
  bool exists = true;
  if (value != NULL) {
    if (!environment->read_file(environment->context, value, token, &exists, error)) {
      dds_error_prefix(error, "%s: ", variable);
      return false;
    }
  } else {
    variable = TOKEN_VARIABLE;
    value = dds_environment_get(environment, variable);
    dds_buffer_append_text(token, value == NULL ? "" : value);
  }
  if (!dds_buffer_check(token, error)) {
    return false;
  }
  const char *text = dds_buffer_text(token);
  if (value == NULL) {
    return true;
  }
  if (!exists || token->length == 0) {
    return dds_error_set(error, DDS_AUTH, "%s: there is no such file, or nothing in it", variable);
  }
  if (strlen(text) != token->length || dds_utf8_has_control(text)) {
    return dds_error_set(error, DDS_AUTH,
                         "%s: the token holds a control character, such as the end of a line, and "
                         "cannot be sent",
                         variable);
  }
  return true;
}

/* Asks, and reads the keys. `source` is words for a user. */
static bool fetch(const dds_credentials_context *context, const char *url, const char *token,
                  const char *source, dds_credentials *credentials, dds_error *error) {
  static const dds_credentials_members members = {
      .access_key_id = "AccessKeyId",
      .secret_access_key = "SecretAccessKey",
      .session_token = "Token",
      .expiration = "Expiration",
      .account_id = "AccountId",
  };
  const dds_http_header headers[] = {{"Accept", "application/json"}, {"Authorization", token}};
  const dds_fetch_request request = {
      .service = "the container's credentials endpoint",
      .operation = "GetContainerCredentials",
      .words = source,
      .method = "GET",
      .url = url,
      .headers = headers,
      .header_count = token[0] == '\0' ? 1 : 2,
      .secrets = &token,
      .secret_count = 1,
      .ca_bundle = context->config->ca_bundle,
      .connect_timeout_ms = TIMEOUT_MS,
      .request_timeout_ms = TIMEOUT_MS,
      .max_attempts = ATTEMPTS,
      .bypass_proxy = true,
  };
  dds_fetch_answer answer = {0};
  bool is_set = false;
  if (dds_fetch(context->fetcher, &request, &answer, error)) {
    cJSON *json = dds_secret_json_parse(dds_buffer_text(&answer.body), answer.body.length);
    is_set = dds_credentials_read_json(json, &members, NULL, source, credentials, error);
    dds_secret_json_free(json);
  }
  dds_fetch_answer_free(&answer);
  return is_set;
}

dds_credentials_result dds_credentials_container_find(const dds_credentials_context *context,
                                                      dds_credentials *credentials,
                                                      dds_error *error) {
  char source[SOURCE_BYTES];
  bool is_found = false;
  dds_buffer url = DDS_BUFFER_INIT(URL_LIMIT_BYTES);
  dds_buffer token = DDS_BUFFER_INIT_SECRET(TOKEN_LIMIT_BYTES);
  const char *variable = find_place(context->environment, &url);
  if (variable == NULL) {
    return DDS_CREDENTIALS_ABSENT;
  }
  snprintf(source, sizeof source, "container (%s)", variable);
  if (!check_url(variable, &url, error)) {
    goto done;
  }
  if (context->fetcher == NULL) {
    is_found = dds_credentials_set_unknown(credentials, NULL, source, error);
  } else {
    is_found =
        read_token(context->environment, &token, error) &&
        fetch(context, dds_buffer_text(&url), dds_buffer_text(&token), source, credentials, error);
  }

done:
  dds_buffer_free(&token);
  dds_buffer_free(&url);
  return is_found ? DDS_CREDENTIALS_FOUND : DDS_CREDENTIALS_FAILED;
}
