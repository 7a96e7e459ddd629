/*
 * Credentials by IAM Identity Center: a row is a profile, a cache file and what the two services
 * answer; what comes of it are credentials, requests and the file that is written back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "failing_allocator.h"
#include "source_fixture.h"

#define START   "https://example.awsapps.com/start"
#define LOGIN   "run `aws sso login --profile p`"
#define SESSION "[sso-session team]\nsso_start_url = " START "\nsso_region = eu-west-1\n"
#define ROLE    "sso_account_id = 123456789012\nsso_role_name = Read Only\n"
#define NEWER   SESSION "[profile p]\nsso_session = team\n" ROLE
#define OLDER   "[profile p]\nsso_start_url = " START "\nsso_region = eu-west-1\n" ROLE

/* By the SHA-1 of "team" and of START. */
#define CACHE       "/home/me/.aws/sso/cache/"
#define NEWER_CACHE CACHE "d25187dc137f35c88bc80ec8c3ffbdb17b5eb873.json"
#define OLDER_CACHE CACHE "e8be5486177c5b5392bd9aa76563515b29358e6e.json"

/* The script's clock begins at 2026-11-22T12:00:00Z. */
#define LATER        "2026-11-22T20:00:00Z"
#define SOON         "2026-11-22T12:14:59Z"
#define NOW          "2026-11-22T12:00:00Z"
#define TOKEN        "\"accessToken\":\"secret-of-login\""
#define CACHED(time) "{" TOKEN ",\"expiresAt\":\"" time "\"}"

/* What is in a file whose token can be renewed, besides the token itself. */
#define CLIENT                                                           \
  "\"clientId\":\"id-of-client\",\"clientSecret\":\"secret-of-client\"," \
  "\"registrationExpiresAt\":\"2027-01-01T00:00:00Z\""
#define RENEWAL         "\"refreshToken\":\"secret-of-\\\"renewal\\u00e9\""
#define OTHERS          "\"startUrl\":\"" START "\",\"other\":[1,{\"a\":null}]"
#define RENEWABLE(time) "{" OTHERS "," TOKEN ",\"expiresAt\":\"" time "\"," CLIENT "," RENEWAL "}"
#define RENEWED \
  {200, "{\"accessToken\":\"secret-of-new-login\",\"tokenType\":\"Bearer\",\"expiresIn\":28800}", 0}
#define ROTATED                                                                     \
  {200,                                                                             \
   "{\"accessToken\":\"secret-of-new-login\",\"expiresIn\":28800,\"refreshToken\":" \
   "\"secret-of-next-renewal\"}",                                                   \
   0}

#define KEYS                                                                                      \
  {200,                                                                                           \
   "{\"roleCredentials\":{\"accessKeyId\":\"id-of-role\",\"secretAccessKey\":\"secret-of-role\"," \
   "\"sessionToken\":\"secret-of-role-session\",\"expiration\":1795370400123}}",                  \
   0}
#define FOUND \
  "id-of-role|secret-of-role|secret-of-role-session|123456789012|1795370400|SSO session "
#define NEWER_FOUND FOUND "team, role Read Only of account 123456789012"
#define OLDER_FOUND FOUND START ", role Read Only of account 123456789012"

#define GET(token)                                                                           \
  "GET http://portal/federation/credentials?account_id=123456789012&role_name=Read%20Only\n" \
  "x-amz-sso_bearer_token: " token "\n\n"
#define POST                                                                         \
  "POST http://oidc/token\nContent-Type: application/json\n\n"                       \
  "{\"grantType\":\"refresh_token\",\"clientId\":\"id-of-client\",\"clientSecret\":" \
  "\"secret-of-client\",\"refreshToken\":\"secret-of-\\\"renewal\xc3\xa9\"}\n"

typedef struct sso_case {
  const char *config; /* NULL: NEWER */
  const char *cache;  /* NULL: there is no file */
  source_step steps[SOURCE_STEPS];
  const char *expected; /* the credentials, words of the error, or "" for absent */
  const char *requests; /* NULL: none */
  const char *written;  /* what is written back; NULL: nothing */
} sso_case;

static void open_case(source_fixture *f, const sso_case *row) {
  source_fixture_open(f, row->config == NULL ? NEWER : row->config, row->steps);
  if (row->cache != NULL) {
    bool is_older = row->config != NULL && strstr(row->config, "sso_session") == NULL;
    fake_environment_add_file(&f->environment, is_older ? OLDER_CACHE : NEWER_CACHE, row->cache);
  }
  source_fixture_set(&f->config.endpoints[DDS_SERVICE_SSO].url, "http://portal");
  source_fixture_set(&f->config.endpoints[DDS_SERVICE_SSO_OIDC].url, "http://oidc");
  source_fixture_set(&f->config.ca_bundle, "/ca.pem");
}

static void check_written(const source_fixture *f, const char *expected) {
  assert_int_equal(f->environment.write_count, expected == NULL ? 0 : 1);
  if (expected != NULL) {
    assert_string_equal(f->environment.writes[0].path, NEWER_CACHE);
    assert_string_equal(f->environment.writes[0].text, expected);
  }
}

static void check(const sso_case *row, const char *table, size_t number) {
  source_fixture f;
  char text[DDS_ERROR_TEXT_BYTES] = "";
  open_case(&f, row);
  dds_credentials_result result = dds_credentials_sso_find(&f.context, &f.credentials, &f.error);
  if (result == DDS_CREDENTIALS_FOUND) {
    source_fixture_describe(&f.credentials, text, sizeof text);
  } else {
    dds_error_format(&f.error, text, sizeof text);
    assert_null(f.credentials.access_key_id);
    assert_int_equal(f.error.code, row->expected[0] == '\0' ? DDS_OK : DDS_AUTH);
  }
  if ((row->expected[0] == '\0') != (result == DDS_CREDENTIALS_ABSENT) ||
      strstr(text, row->expected) == NULL) {
    fail_msg("%s %zu: %d %s", table, number, (int)result, text);
  }
  source_fixture_expect_requests(&f, row->requests == NULL ? "" : row->requests);
  assert_int_equal(scripted_transport_answers_left(f.script), 0);
  check_written(&f, row->written);
  source_fixture_close(&f);
}

#define CHECK_ALL(table)                                          \
  for (size_t i = 0; i < sizeof(table) / sizeof(table)[0]; i++) { \
    check(&(table)[i], #table, i);                                \
  }

static void test_settings(void **state) {
  (void)state;
  static const sso_case cases[] = {
      {NEWER, CACHED(LATER), {KEYS}, NEWER_FOUND, GET("secret-of-login"), NULL},
      {OLDER, CACHED(LATER), {KEYS}, OLDER_FOUND, GET("secret-of-login"), NULL},
      /* A profile may say again what its session says, and the session what the profile might. */
      {NEWER "sso_region = eu-west-1\nsso_start_url = " START "\n",
       CACHED(LATER),
       {KEYS},
       NEWER_FOUND,
       GET("secret-of-login"),
       NULL},
      {SESSION "sso_role_name = Read Only\n"
               "[profile p]\nsso_session = team\nsso_account_id = 123456789012\n",
       CACHED(LATER),
       {KEYS},
       NEWER_FOUND,
       GET("secret-of-login"),
       NULL},
      {"[sso-session team]\nsso_start_url = " START "\n"
       "[profile p]\nsso_session = team\nsso_region = eu-west-1\n" ROLE,
       CACHED(LATER),
       {KEYS},
       NEWER_FOUND,
       GET("secret-of-login"),
       NULL},

      {"[profile p]\nregion = eu-west-1\n", NULL, {{0, NULL, 0}}, "", NULL, NULL},
      {SESSION "[profile p]\nsso_session = team\n", NULL, {{0, NULL, 0}}, "", NULL, NULL},
      {"[profile p]\nsso_start_url = x\nsso_region = y\n", NULL, {{0, NULL, 0}}, "", NULL, NULL},

      {NEWER "sso_region = eu-west-2\n",
       NULL,
       {{0, NULL, 0}},
       "sso_region of profile p is not that of its sso-session team",
       NULL,
       NULL},
      {NEWER "sso_start_url = x\n",
       NULL,
       {{0, NULL, 0}},
       "sso_start_url of profile p is not that of its sso-session team",
       NULL,
       NULL},
      {SESSION "[profile p]\nsso_session = other\n" ROLE,
       NULL,
       {{0, NULL, 0}},
       "profile p names sso_session other, which the config file does not have",
       NULL,
       NULL},
      {SESSION "[profile p]\nsso_session = team\nsso_account_id = 1\n",
       NULL,
       {{0, NULL, 0}},
       "profile p is set up for SSO without sso_role_name: run `aws configure sso --profile p`",
       NULL,
       NULL},
      {"[profile p]\nsso_role_name = r\nsso_region = eu-west-1\n",
       NULL,
       {{0, NULL, 0}},
       "profile p is set up for SSO without sso_account_id, sso_start_url: run",
       NULL,
       NULL},
      {"[sso-session team]\nsso_region =\n[profile p]\nsso_session = team\n" ROLE,
       NULL,
       {{0, NULL, 0}},
       "profile p is set up for SSO without sso_start_url, sso_region: run",
       NULL,
       NULL},
  };
  CHECK_ALL(cases)
}

static void test_cache_files(void **state) {
  (void)state;
  static const sso_case cases[] = {
      {NULL, NULL, {{0, NULL, 0}}, "there is no token for SSO session team: " LOGIN, NULL, NULL},
      {OLDER,
       NULL,
       {{0, NULL, 0}},
       "there is no token for SSO session " START ": " LOGIN,
       NULL,
       NULL},
      {NULL,
       "",
       {{0, NULL, 0}},
       NEWER_CACHE " holds no token of SSO session team: " LOGIN,
       NULL,
       NULL},
      {NULL, "secret-of-file", {{0, NULL, 0}}, "holds no token", NULL, NULL},
      {NULL, CACHED(LATER) "x", {{0, NULL, 0}}, "holds no token", NULL, NULL},
      {NULL, "[]", {{0, NULL, 0}}, "holds no token", NULL, NULL},
      {NULL, "{" TOKEN "}", {{0, NULL, 0}}, "holds no token", NULL, NULL},
      {NULL, "{\"expiresAt\":\"" LATER "\"}", {{0, NULL, 0}}, "holds no token", NULL, NULL},
      {NULL, CACHED("secret-of-time"), {{0, NULL, 0}}, "holds no token", NULL, NULL},
      {NULL, CACHED("UTC"), {{0, NULL, 0}}, "holds no token", NULL, NULL},
      {NULL, "{" TOKEN ",\"expiresAt\":1795370400}", {{0, NULL, 0}}, "holds no token", NULL, NULL},
      {NULL,
       "{\"accessToken\":\"secret-of-login\\r\\nX: y\",\"expiresAt\":\"" LATER "\"}",
       {{0, NULL, 0}},
       "holds no token",
       NULL,
       NULL},
      {NULL,
       "{\"accessToken\":\"\",\"expiresAt\":\"" LATER "\"}",
       {{0, NULL, 0}},
       "holds no token",
       NULL,
       NULL},
      /* As the AWS CLI wrote it before 2.1.14. */
      {OLDER, CACHED("2026-11-22T12:00:01UTC"), {KEYS}, OLDER_FOUND, GET("secret-of-login"), NULL},
      {OLDER,
       CACHED("2026-11-22T12:00:00UTC"),
       {{0, NULL, 0}},
       "the token of SSO session " START " has expired: " LOGIN,
       NULL,
       NULL},
      {NULL,
       CACHED("2026-11-22T12:00:00.001+00:00"),
       {KEYS},
       NEWER_FOUND,
       GET("secret-of-login"),
       NULL},
      {NULL,
       CACHED(NOW),
       {{0, NULL, 0}},
       "the token of SSO session team has expired: " LOGIN,
       NULL,
       NULL},
  };
  CHECK_ALL(cases)
}

#define WRITTEN(refresh_token)                                                                     \
  "{" OTHERS "," CLIENT "," refresh_token "\"accessToken\":\"secret-of-new-login\",\"expiresAt\":" \
  "\"" LATER "\""

static void test_renewal(void **state) {
  (void)state;
  static const sso_case cases[] = {
      /* Not due yet, and not for the older form. */
      {NULL, RENEWABLE("2026-11-22T12:15:00Z"), {KEYS}, NEWER_FOUND, GET("secret-of-login"), NULL},
      {OLDER, RENEWABLE(SOON), {KEYS}, OLDER_FOUND, GET("secret-of-login"), NULL},
      {OLDER, RENEWABLE(NOW), {{0, NULL, 0}}, "has expired: " LOGIN, NULL, NULL},
      /* Due: with a new token for the next renewal and without. */
      {NULL,
       RENEWABLE(SOON),
       {ROTATED, KEYS},
       NEWER_FOUND,
       POST GET("secret-of-new-login"),
       WRITTEN("") ",\"refreshToken\":\"secret-of-next-renewal\"}"},
      {NULL,
       RENEWABLE(NOW),
       {RENEWED, KEYS},
       NEWER_FOUND,
       POST GET("secret-of-new-login"),
       WRITTEN("\"refreshToken\":\"secret-of-\\\"renewal\xc3\xa9\",") "}"},
      /* A member that is there twice is there once afterwards. */
      {NULL,
       "{" TOKEN "," TOKEN ",\"expiresAt\":\"" SOON "\"," CLIENT "," RENEWAL "}",
       {ROTATED, KEYS},
       NEWER_FOUND,
       POST GET("secret-of-new-login"),
       "{" CLIENT ",\"accessToken\":\"secret-of-new-login\",\"expiresAt\":\"" LATER
       "\",\"refreshToken\":\"secret-of-next-renewal\"}"},
      /* Tried again as other calls are. */
      {NULL,
       RENEWABLE(SOON),
       {{500, "", 0}, ROTATED, KEYS},
       NEWER_FOUND,
       POST POST GET("secret-of-new-login"),
       WRITTEN("") ",\"refreshToken\":\"secret-of-next-renewal\"}"},
  };
  CHECK_ALL(cases)
}

#define UNUSABLE(answer)                                                                         \
  {                                                                                              \
      NULL, RENEWABLE(SOON), {{200, answer, 0}, KEYS}, NEWER_FOUND, POST GET("secret-of-login"), \
      NULL},                                                                                     \
  {                                                                                              \
    NULL, RENEWABLE(NOW), {{200, answer, 0}},                                                    \
        "the token of SSO session team has expired: " LOGIN                                      \
        " (renewing it failed: the answer has no accessToken and expiresIn)",                    \
        POST, NULL                                                                               \
  }

/* A token that cannot be renewed serves as long as it is valid. */
static void test_renewal_that_fails(void **state) {
  (void)state;
  static const sso_case cases[] = {
      {NULL,
       RENEWABLE(SOON),
       {{400, "{\"error\":\"invalid_grant\",\"error_description\":\"of it\"}", 0}, KEYS},
       NEWER_FOUND,
       POST GET("secret-of-login"),
       NULL},
      {NULL,
       RENEWABLE(NOW),
       {{400, "{\"error\":\"invalid_grant\",\"error_description\":\"of it\"}", 0}},
       "has expired: " LOGIN " (renewing it failed: CreateToken of IAM Identity Center (OIDC) "
       "failed: invalid_grant: of it)",
       POST,
       NULL},
      {NULL,
       RENEWABLE(NOW),
       {{400, "{\"__type\":\"InvalidGrantException\",\"message\":\"secret-of-client\"}", 0}},
       "InvalidGrantException (its message is not shown",
       POST,
       NULL},
      {NULL,
       RENEWABLE(NOW),
       {{400, "{\"__type\":\"InvalidGrantException\",\"message\":\"secret-of-login\"}", 0}},
       "InvalidGrantException (its message is not shown",
       POST,
       NULL},
      {NULL,
       RENEWABLE(NOW),
       {{0, NULL, DDS_HTTP_NOT_SENT}, {0, NULL, DDS_HTTP_NOT_SENT}},
       "has expired: " LOGIN " (renewing it failed: CreateToken of IAM Identity Center",
       POST POST,
       NULL},
      {NULL,
       RENEWABLE(SOON),
       {{0, NULL, DDS_HTTP_NOT_SENT}, {0, NULL, DDS_HTTP_INTERRUPTED}, KEYS},
       NEWER_FOUND,
       POST POST GET("secret-of-login"),
       NULL},
      UNUSABLE(""),
      UNUSABLE("secret-of-text"),
      UNUSABLE("{\"expiresIn\":28800}"),
      UNUSABLE("{\"accessToken\":\"\",\"expiresIn\":28800}"),
      UNUSABLE("{\"accessToken\":\"secret-of-line\\n\",\"expiresIn\":28800}"),
      UNUSABLE("{\"accessToken\":\"secret-of-new-login\"}"),
      UNUSABLE("{\"accessToken\":\"secret-of-new-login\",\"expiresIn\":0}"),
      UNUSABLE("{\"accessToken\":\"secret-of-new-login\",\"expiresIn\":0.5}"),
      UNUSABLE("{\"accessToken\":\"secret-of-new-login\",\"expiresIn\":-1}"),
      UNUSABLE("{\"accessToken\":\"secret-of-new-login\",\"expiresIn\":1e99}"),
      UNUSABLE("{\"accessToken\":\"secret-of-new-login\",\"expiresIn\":\"28800\"}"),
  };
  CHECK_ALL(cases)
}

/* A file that lacks what renewing takes, or a client whose registration counts no more. */
#define WITHOUT(members)                                                      \
  {NULL,                                                                      \
   "{" TOKEN ",\"expiresAt\":\"" SOON "\"" members "}",                       \
   {KEYS},                                                                    \
   NEWER_FOUND,                                                               \
   GET("secret-of-login"),                                                    \
   NULL},                                                                     \
  {                                                                           \
    NULL, "{" TOKEN ",\"expiresAt\":\"" NOW "\"" members "}", {{0, NULL, 0}}, \
        "the token of SSO session team has expired: " LOGIN, NULL, NULL       \
  }

static void test_renewal_that_cannot_be_asked_for(void **state) {
  (void)state;
  static const sso_case cases[] = {
      WITHOUT(""),
      WITHOUT("," CLIENT),
      WITHOUT("," RENEWAL),
      WITHOUT(",\"clientId\":\"c\",\"registrationExpiresAt\":\"" LATER "\"," RENEWAL),
      WITHOUT(",\"clientSecret\":\"secret-of-client\",\"registrationExpiresAt\":\"" LATER
              "\"," RENEWAL),
      WITHOUT(",\"clientId\":\"c\",\"clientSecret\":\"secret-of-client\"," RENEWAL),
      WITHOUT(",\"clientId\":\"c\",\"clientSecret\":\"secret-of-client\","
              "\"registrationExpiresAt\":\"" NOW "\"," RENEWAL),
      WITHOUT(",\"clientId\":\"c\",\"clientSecret\":\"secret-of-client\","
              "\"registrationExpiresAt\":\"secret-of-time\"," RENEWAL),
      WITHOUT("," CLIENT ",\"refreshToken\":7"),
  };
  CHECK_ALL(cases)
}

#define OF_ROLE(members) {200, "{\"roleCredentials\":{" members "}}", 0}
#define KEY_MEMBERS      "\"accessKeyId\":\"id-of-role\",\"secretAccessKey\":\"secret-of-role\""

static void test_portal(void **state) {
  (void)state;
  static const sso_case cases[] = {
      {NULL,
       CACHED(LATER),
       {{401, "{\"__type\":\"UnauthorizedException\",\"message\":\"Session token not found\"}", 0}},
       "SSO session team has ended: " LOGIN " (HTTP 401, request REQUEST1, 1 attempt)",
       GET("secret-of-login"),
       NULL},
      {NULL,
       CACHED(LATER),
       {{401, "{\"message\":\"secret-of-login\"}", 0}},
       "SSO session team has ended: " LOGIN,
       GET("secret-of-login"),
       NULL},
      {NULL,
       CACHED(LATER),
       {{403, "{\"__type\":\"ForbiddenException\",\"message\":\"No access\"}", 0}},
       "No access; is role Read Only of account 123456789012 assigned to you?",
       GET("secret-of-login"),
       NULL},
      {NULL,
       CACHED(LATER),
       {{403, "{\"__type\":\"ForbiddenException\",\"message\":\"of secret-of-login\"}", 0}},
       "ForbiddenException (its message is not shown",
       GET("secret-of-login"),
       NULL},
      {NULL,
       CACHED(LATER),
       {{429, "{\"__type\":\"TooManyRequestsException\"}", 0}, KEYS},
       NEWER_FOUND,
       GET("secret-of-login") GET("secret-of-login"),
       NULL},
  };
  CHECK_ALL(cases)
}

static void test_answers_without_keys(void **state) {
  (void)state;
  static const sso_case cases[] = {
      {NULL,
       CACHED(LATER),
       {{200, "secret-of-text", 0}},
       "SSO session team, role Read Only of account 123456789012: the answer is not the JSON that "
       "it should be: no accessKeyId, secretAccessKey, sessionToken, expiration",
       GET("secret-of-login"),
       NULL},
      {NULL,
       CACHED(LATER),
       {{200, "{\"roleCredentials\":[]}", 0}},
       "no accessKeyId, secretAccessKey, sessionToken, expiration",
       GET("secret-of-login"),
       NULL},
      {NULL,
       CACHED(LATER),
       {OF_ROLE(KEY_MEMBERS ",\"sessionToken\":\"secret-of-session\"")},
       "it should be: no expiration",
       GET("secret-of-login"),
       NULL},
      {NULL,
       CACHED(LATER),
       {OF_ROLE(KEY_MEMBERS ",\"sessionToken\":\"secret-of-session\",\"expiration\":0")},
       "expiration of the answer is no time",
       GET("secret-of-login"),
       NULL},
      {NULL,
       CACHED(LATER),
       {OF_ROLE(KEY_MEMBERS ",\"sessionToken\":\"secret-of-session\",\"expiration\":1e300")},
       "expiration of the answer is no time",
       GET("secret-of-login"),
       NULL},
      {NULL,
       CACHED(LATER),
       {OF_ROLE(KEY_MEMBERS ",\"sessionToken\":\"secret-of-session\",\"expiration\":true")},
       "expiration of the answer is no time",
       GET("secret-of-login"),
       NULL},
      {NULL,
       CACHED(LATER),
       {OF_ROLE(KEY_MEMBERS ",\"sessionToken\":\"secret-of-session\\n\",\"expiration\":9000")},
       "holds a control character",
       GET("secret-of-login"),
       NULL},
  };
  CHECK_ALL(cases)
}

/* Failures that are no word of AWS's keep their code. */
static void test_portal_that_fails(void **state) {
  (void)state;
  static const sso_case cases[] = {
      {.cache = CACHED(LATER), .steps = {{500, "", 0}, {500, "", 0}}},
      {.cache = CACHED(LATER),
       .steps = {{0, NULL, DDS_HTTP_NOT_SENT}, {0, NULL, DDS_HTTP_NOT_SENT}}},
      {.cache = CACHED(LATER), .steps = {{0, NULL, DDS_HTTP_REFUSED}}},
      {.cache = CACHED(LATER), .steps = {{404, "{\"__type\":\"ResourceNotFoundException\"}", 0}}},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    source_fixture f;
    open_case(&f, &cases[i]);
    assert_int_equal(dds_credentials_sso_find(&f.context, &f.credentials, &f.error),
                     DDS_CREDENTIALS_FAILED);
    assert_int_equal(f.error.code, DDS_ERROR);
    assert_non_null(strstr(f.error.message, "GetRoleCredentials of IAM Identity Center (SSO)"));
    assert_int_equal(scripted_transport_answers_left(f.script), 0);
    source_fixture_close(&f);
  }
}

static void test_requests_as_configured(void **state) {
  (void)state;
  static const sso_case row = {.cache = RENEWABLE(SOON), .steps = {ROTATED, KEYS}};
  source_fixture f;
  open_case(&f, &row);
  assert_int_equal(dds_credentials_sso_find(&f.context, &f.credentials, &f.error),
                   DDS_CREDENTIALS_FOUND);
  for (size_t i = 0; i < 2; i++) {
    const scripted_request *request = scripted_transport_request(f.script, i);
    assert_false(request->bypass_proxy);
    assert_int_equal(request->connect_timeout_ms, 3100);
    assert_int_equal(request->request_timeout_ms, 60000);
    assert_string_equal(request->ca_bundle, "/ca.pem");
    assert_null(scripted_request_header(request, "Authorization"));
  }
  source_fixture_close(&f);
}

static void test_endpoints_of_the_region(void **state) {
  (void)state;
  static const sso_case row = {.cache = RENEWABLE(SOON), .steps = {ROTATED, KEYS}};
  static const char *const urls[] = {
      "https://oidc.eu-west-1.amazonaws.com/token",
      "https://portal.sso.eu-west-1.amazonaws.com/federation/credentials?account_id=123456789012"
      "&role_name=Read%20Only",
  };
  source_fixture f;
  open_case(&f, &row);
  for (size_t i = 0; i < DDS_SERVICE_COUNT; i++) {
    dds_free(f.config.endpoints[i].url);
    f.config.endpoints[i].url = NULL;
  }
  assert_int_equal(dds_credentials_sso_find(&f.context, &f.credentials, &f.error),
                   DDS_CREDENTIALS_FOUND);
  for (size_t i = 0; i < 2; i++) {
    assert_string_equal(scripted_transport_request(f.script, i)->url, urls[i]);
  }
  source_fixture_close(&f);
}

static void test_region_that_is_none(void **state) {
  (void)state;
  static const sso_case row = {.config =
                                   "[profile p]\nsso_start_url = x\nsso_region = a.b/c\n" ROLE};
  source_fixture f;
  open_case(&f, &row);
  dds_free(f.config.endpoints[DDS_SERVICE_SSO].url);
  f.config.endpoints[DDS_SERVICE_SSO].url = NULL;
  assert_int_equal(dds_credentials_sso_find(&f.context, &f.credentials, &f.error),
                   DDS_CREDENTIALS_FAILED);
  assert_non_null(strstr(f.error.message, "region"));
  assert_int_equal(scripted_transport_request_count(f.script), 0);
  source_fixture_close(&f);
}

/* The token serves all the same; only the next one who needs it renews again. */
static void test_file_that_cannot_be_written(void **state) {
  (void)state;
  static const sso_case row = {.cache = RENEWABLE(NOW), .steps = {ROTATED, KEYS}};
  source_fixture f;
  open_case(&f, &row);
  f.environment.refuses_writes = true;
  assert_int_equal(dds_credentials_sso_find(&f.context, &f.credentials, &f.error),
                   DDS_CREDENTIALS_FOUND);
  source_fixture_expect_requests(&f, POST GET("secret-of-new-login"));
  source_fixture_close(&f);
}

static bool refuse_to_read(void *context, const char *path, dds_buffer *contents, bool *exists,
                           dds_error *error) {
  (void)context;
  (void)contents;
  *exists = true;
  return dds_error_set(error, DDS_ERROR, "cannot read %s: Permission denied", path);
}

static void test_file_that_cannot_be_read(void **state) {
  (void)state;
  static const sso_case row = {.cache = CACHED(LATER)};
  source_fixture f;
  open_case(&f, &row);
  f.environment.base.read_file = refuse_to_read;
  assert_int_equal(dds_credentials_sso_find(&f.context, &f.credentials, &f.error),
                   DDS_CREDENTIALS_FAILED);
  assert_string_equal(f.error.message, "cannot read " NEWER_CACHE ": Permission denied");
  source_fixture_close(&f);
}

/* Another process renews at the same time: it has used up the token for renewal when ours arrives,
 * and written down what it got. */
static void test_renewal_by_another(void **state) {
  (void)state;
  static const source_step refused = {400, "{\"error\":\"invalid_grant\"}", 0};
  static const struct {
    const char *cache, *next_cache; /* when it is read first, and from then on */
    const char *expected;           /* of the credentials, or words of the error */
    const char *requests;
  } cases[] = {
      {RENEWABLE(NOW), WRITTEN("") "}", NEWER_FOUND, POST GET("secret-of-new-login")},
      {RENEWABLE(SOON), WRITTEN("") "}", NEWER_FOUND, POST GET("secret-of-new-login")},
      /* It has only begun, or was another login, or wrote nonsense. */
      {RENEWABLE(NOW), RENEWABLE(NOW), "has expired: " LOGIN " (renewing it failed: ", POST},
      {RENEWABLE(SOON), RENEWABLE(SOON), NEWER_FOUND, POST GET("secret-of-login")},
      {RENEWABLE(NOW), "secret-of-file", "has expired: " LOGIN " (renewing it failed: ", POST},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    sso_case row = {.cache = cases[i].cache, .steps = {refused}};
    source_fixture f;
    char text[DDS_ERROR_TEXT_BYTES] = "";
    if (strstr(cases[i].requests, "GET") != NULL) {
      row.steps[1] = (source_step)KEYS;
    }
    open_case(&f, &row);
    fake_environment_change_file(&f.environment, NEWER_CACHE, cases[i].next_cache);
    if (dds_credentials_sso_find(&f.context, &f.credentials, &f.error) == DDS_CREDENTIALS_FOUND) {
      source_fixture_describe(&f.credentials, text, sizeof text);
    } else {
      dds_error_format(&f.error, text, sizeof text);
    }
    if (strstr(text, cases[i].expected) == NULL) {
      fail_msg("%zu: %s", i, text);
    }
    source_fixture_expect_requests(&f, cases[i].requests);
    check_written(&f, NULL);
    source_fixture_close(&f);
  }
}

/* Ctrl-C is not taken for a renewal that failed. */
static void test_interrupted(void **state) {
  (void)state;
  static const sso_case row = {.cache = RENEWABLE(SOON)};
  source_fixture f;
  open_case(&f, &row);
  f.stop_at = 2;
  scripted_transport_answer_with(f.script, &(scripted_answer){.never = true});
  assert_int_equal(dds_credentials_sso_find(&f.context, &f.credentials, &f.error),
                   DDS_CREDENTIALS_FAILED);
  assert_int_equal(f.error.code, DDS_INTERRUPT);
  assert_int_equal(scripted_transport_request_count(f.script), 1);
  source_fixture_close(&f);
}

/* Offline nothing is read or sent; a profile that is set up wrongly shows all the same. */
static void test_offline(void **state) {
  (void)state;
  static const struct {
    const char *config;
    dds_credentials_result result;
    const char *source;
  } cases[] = {
      {NEWER, DDS_CREDENTIALS_FOUND, "SSO session team, role Read Only of account 123456789012"},
      {OLDER, DDS_CREDENTIALS_FOUND,
       "SSO session " START ", role Read Only of account 123456789012"},
      {NEWER "sso_region = x\n", DDS_CREDENTIALS_FAILED, NULL},
      {"[profile p]\n", DDS_CREDENTIALS_ABSENT, NULL},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const sso_case row = {.config = cases[i].config};
    source_fixture f;
    open_case(&f, &row);
    f.context.fetcher = NULL;
    assert_int_equal(dds_credentials_sso_find(&f.context, &f.credentials, &f.error),
                     cases[i].result);
    if (cases[i].source != NULL) {
      assert_string_equal(f.credentials.source, cases[i].source);
      assert_string_equal(f.credentials.account_id, "123456789012");
    }
    assert_null(f.credentials.access_key_id);
    source_fixture_close(&f);
  }
}

static void open_newer(source_fixture *f) {
  static const sso_case row = {.cache = RENEWABLE(SOON), .steps = {ROTATED, KEYS}};
  open_case(f, &row);
}

static void open_renewed_by_another(source_fixture *f) {
  static const sso_case row = {.cache = RENEWABLE(NOW),
                               .steps = {{400, "{\"error\":\"invalid_grant\"}", 0}, KEYS}};
  open_case(f, &row);
  fake_environment_change_file(&f->environment, NEWER_CACHE, WRITTEN("") "}");
}

static void open_older(source_fixture *f) {
  static const sso_case row = {.config = OLDER, .cache = CACHED(LATER), .steps = {KEYS}};
  open_case(f, &row);
}

static void test_allocations(void **state) {
  (void)state;
  source_fixture_refuse_allocations(open_newer, dds_credentials_sso_find);
  source_fixture_refuse_allocations(open_renewed_by_another, dds_credentials_sso_find);
  source_fixture_refuse_allocations(open_older, dds_credentials_sso_find);
}

static void test_wiping(void **state) {
  (void)state;
  source_fixture_check_wiping(open_newer, dds_credentials_sso_find);
  source_fixture_check_wiping(open_renewed_by_another, dds_credentials_sso_find);
  source_fixture_check_wiping(open_older, dds_credentials_sso_find);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_settings),
      cmocka_unit_test(test_cache_files),
      cmocka_unit_test(test_renewal),
      cmocka_unit_test(test_renewal_that_fails),
      cmocka_unit_test(test_renewal_by_another),
      cmocka_unit_test(test_renewal_that_cannot_be_asked_for),
      cmocka_unit_test(test_portal),
      cmocka_unit_test(test_answers_without_keys),
      cmocka_unit_test(test_portal_that_fails),
      cmocka_unit_test(test_requests_as_configured),
      cmocka_unit_test(test_endpoints_of_the_region),
      cmocka_unit_test(test_region_that_is_none),
      cmocka_unit_test(test_file_that_cannot_be_written),
      cmocka_unit_test(test_file_that_cannot_be_read),
      cmocka_unit_test(test_interrupted),
      cmocka_unit_test(test_offline),
      cmocka_unit_test(test_allocations),
      cmocka_unit_test(test_wiping),
  };
  return cmocka_run_group_tests(tests, failing_allocator_set_up, NULL);
}
