/*
 * Requests to STS and its answers. A body may hold a token and an answer holds keys: both go
 * through buffers that are wiped.
 */
#include "aws/sts.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "aws/endpoint.h"
#include "aws/fetch.h"
#include "aws/xml.h"
#include "base/buffer.h"
#include "base/timestamp.h"

enum {
  BODY_LIMIT_BYTES = 256 * 1024, /* a token of 64 KB, each byte as %XX */
  URL_LIMIT_BYTES = 4096,
  VALUE_LIMIT_BYTES = 64 * 1024,
  SESSION_NAME_BYTES = 65, /* STS takes 2 to 64 characters */
  ACCOUNT_ID_DIGITS = 12,
};

static const char content_type[] = "application/x-www-form-urlencoded; charset=utf-8";

/* What a refusal asks for in each of the two operations, besides what holds for every service (the
 * credentials of the request have expired, or are unknown); NULL: nothing that its message does not
 * say. */
typedef struct remedy {
  const char *code;
  const char *assume_role;
  const char *web_identity;
} remedy;

#define REMEDY_TOKEN_EXPIRED "the token has expired: have its issuer write a new one to its file"
#define REMEDY_TOKEN_INVALID                                                             \
  "the token must come from an identity provider that IAM of the role's account knows, " \
  "and must be meant for it"
#define REMEDY_REGION                                                                          \
  "STS is not active in this region for the account of the role: activate it in IAM (account " \
  "settings), or choose another region"

static const remedy remedies[] = {
    {"AccessDenied",
     "the trust policy of the role must allow that identity to assume it too (sts:AssumeRole)",
     "the trust policy of the role must allow the token's issuer, audience and subject "
     "(sts:AssumeRoleWithWebIdentity)"},
    {"ExpiredToken", NULL, REMEDY_TOKEN_EXPIRED},
    {"ExpiredTokenException", NULL, REMEDY_TOKEN_EXPIRED},
    {"InvalidIdentityToken", NULL, REMEDY_TOKEN_INVALID},
    {"IDPRejectedClaim", NULL, REMEDY_TOKEN_INVALID},
    {"RegionDisabledException", REMEDY_REGION, REMEDY_REGION},
};

static const char *operation_of(const dds_sts_request *request) {
  return request->web_identity_token == NULL ? "AssumeRole" : "AssumeRoleWithWebIdentity";
}

static bool build_body(const dds_credentials_context *context, const dds_sts_request *request,
                       dds_buffer *body, dds_error *error) {
  char session_name[SESSION_NAME_BYTES];
  snprintf(session_name, sizeof session_name, "dynamodb-sessions-%" PRId64, context->now_ms / 1000);
  const struct {
    const char *name;
    const char *value;
  } parameters[] = {
      {"Action", operation_of(request)},
      {"Version", "2011-06-15"},
      {"RoleArn", request->role_arn},
      {"RoleSessionName", request->session_name == NULL ? session_name : request->session_name},
      {"ExternalId", request->external_id},
      {"DurationSeconds", request->duration_seconds},
      {"WebIdentityToken", request->web_identity_token},
  };
  for (size_t i = 0; i < sizeof parameters / sizeof parameters[0]; i++) {
    const char *value = parameters[i].value;
    if (value != NULL) {
      dds_buffer_append_format(body, "%s%s=", i == 0 ? "" : "&", parameters[i].name);
      dds_buffer_append_percent_encoded(body, value, strlen(value));
    }
  }
  return dds_buffer_check(body, error);
}

/* Sends the request; the answer is the caller's, who frees it also after a failure. */
static bool ask(const dds_credentials_context *context, const dds_sts_request *request,
                const dds_buffer *body, const char *url, const char *signing_region,
                dds_fetch_answer *answer, dds_error *error) {
  static const char *const token_retries[] = {"IDPCommunicationError", "InvalidIdentityToken"};
  const dds_config *config = context->config;
  bool is_signed = request->web_identity_token == NULL;
  const dds_fetch_request fetch = {
      .service = "STS",
      .operation = operation_of(request),
      .words = request->words,
      .method = "POST",
      .url = url,
      .body = dds_buffer_text(body),
      .body_length = body->length,
      .content_type = content_type,
      .credentials = is_signed ? request->source : NULL,
      .signing_region = signing_region,
      .signing_service = "sts",
      .secrets = &request->web_identity_token,
      .secret_count = 1,
      .retry_codes = token_retries,
      .retry_code_count = is_signed ? 0 : sizeof token_retries / sizeof token_retries[0],
      .ca_bundle = config->ca_bundle,
      .connect_timeout_ms = config->connect_timeout_ms,
      .request_timeout_ms = config->request_timeout_ms,
      .max_attempts = config->service_max_attempts,
  };
  return dds_fetch(context->fetcher, &fetch, answer, error);
}

/* The account id of "arn:partition:service:region:account:resource"; false where it has none. */
static bool read_account_id(const char *arn, char account_id[ACCOUNT_ID_DIGITS + 1]) {
  enum { COLONS_BEFORE = 4 };
  for (size_t i = 0; i < COLONS_BEFORE && arn != NULL; i++) {
    arn = strchr(arn, ':');
    arn = arn == NULL ? NULL : arn + 1;
  }
  if (arn == NULL || strspn(arn, "0123456789") != ACCOUNT_ID_DIGITS ||
      arn[ACCOUNT_ID_DIGITS] != ':') {
    return false;
  }
  memcpy(account_id, arn, ACCOUNT_ID_DIGITS);
  account_id[ACCOUNT_ID_DIGITS] = '\0';
  return true;
}

enum { KEY_ID, SECRET, TOKEN, EXPIRATION, ARN, FIELD_COUNT };

/* The texts of the answer; `fields` are the caller's to free, also after a failure. */
static bool read_fields(const dds_buffer *body, dds_buffer fields[FIELD_COUNT], dds_error *error) {
  static const char *const paths[FIELD_COUNT][2] = {
      [KEY_ID] = {"Credentials", "AccessKeyId"}, [SECRET] = {"Credentials", "SecretAccessKey"},
      [TOKEN] = {"Credentials", "SessionToken"}, [EXPIRATION] = {"Credentials", "Expiration"},
      [ARN] = {"AssumedRoleUser", "Arn"},
  };
  for (size_t i = 0; i < FIELD_COUNT; i++) {
    fields[i] = DDS_BUFFER_INIT_SECRET(VALUE_LIMIT_BYTES);
  }
  for (size_t i = 0; i < FIELD_COUNT; i++) {
    bool is_there = dds_xml_find(dds_buffer_text(body), body->length, paths[i], 2, &fields[i]) &&
                    fields[i].length > 0;
    if (!dds_buffer_check(&fields[i], error)) {
      return false;
    }
    /* The ARN is wanted for the account's endpoint alone, which is not needed. */
    if (!is_there && i != ARN) {
      return dds_error_set(error, DDS_ERROR,
                           "the answer has no %s: is a proxy or another service between?",
                           paths[i][1]);
    }
  }
  return true;
}

static bool read_answer(const dds_buffer *body, const char *words, dds_credentials *credentials,
                        dds_error *error) {
  dds_buffer fields[FIELD_COUNT];
  char account_id[ACCOUNT_ID_DIGITS + 1];
  int64_t expires_ms = 0;
  bool is_read = read_fields(body, fields, error);
  if (is_read && !dds_timestamp_parse_iso(dds_buffer_text(&fields[EXPIRATION]),
                                          fields[EXPIRATION].length, &expires_ms)) {
    is_read = dds_error_set(error, DDS_ERROR, "the Expiration of the answer is not a time");
  }
  if (is_read) {
    bool has_account = read_account_id(dds_buffer_text(&fields[ARN]), account_id);
    is_read = dds_credentials_set(credentials, dds_buffer_text(&fields[KEY_ID]),
                                  dds_buffer_text(&fields[SECRET]), dds_buffer_text(&fields[TOKEN]),
                                  has_account ? account_id : NULL, words, error);
  }
  if (is_read) {
    credentials->expires_ms = expires_ms;
  }
  for (size_t i = 0; i < FIELD_COUNT; i++) {
    dds_buffer_free(&fields[i]);
  }
  return is_read;
}

/* Adds to an error which role it is about, and what to do. A long chain of roles is cut, so that
 * what STS said stays in the message. */
static void explain(const dds_sts_request *request, const char *code, dds_error *error) {
  dds_error_prefix(error, "cannot assume %.250s: ", request->words);
  for (size_t i = 0; i < sizeof remedies / sizeof remedies[0]; i++) {
    const remedy *row = &remedies[i];
    const char *text = request->web_identity_token == NULL ? row->assume_role : row->web_identity;
    if (text != NULL && strcmp(code, row->code) == 0) {
      dds_error_append(error, "; %s", text);
    }
  }
}

static bool set_offline(const dds_sts_request *request, dds_credentials *credentials,
                        dds_error *error) {
  char account_id[ACCOUNT_ID_DIGITS + 1];
  bool has_account = read_account_id(request->role_arn, account_id);
  return dds_credentials_set_unknown(credentials, has_account ? account_id : NULL, request->words,
                                     error);
}

bool dds_sts_assume_role(const dds_credentials_context *context, const dds_sts_request *request,
                         dds_credentials *credentials, dds_error *error) {
  dds_buffer body = DDS_BUFFER_INIT_SECRET(BODY_LIMIT_BYTES);
  dds_buffer url = DDS_BUFFER_INIT(URL_LIMIT_BYTES);
  dds_endpoint endpoint = {0};
  dds_fetch_answer answer = {0};
  if (context->fetcher == NULL) {
    return set_offline(request, credentials, error);
  }
  bool is_done = build_body(context, request, &body, error) &&
                 dds_config_endpoint(context->config, DDS_SERVICE_STS, context->region, NULL,
                                     &endpoint, error);
  if (is_done) {
    dds_buffer_append_format(&url, "%s/", endpoint.url);
    is_done = dds_buffer_check(&url, error) &&
              ask(context, request, &body, dds_buffer_text(&url), endpoint.signing_region, &answer,
                  error) &&
              read_answer(&answer.body, request->words, credentials, error);
  }
  if (!is_done) {
    explain(request, answer.service_code, error);
  }
  dds_fetch_answer_free(&answer);
  dds_endpoint_free(&endpoint);
  dds_buffer_free(&url);
  dds_buffer_free(&body);
  return is_done;
}
