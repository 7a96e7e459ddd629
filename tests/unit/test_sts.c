/* STS: requests byte for byte (signatures by botocore), answers, refusals, the account of an ARN.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "aws/sts.h"
#include "failing_allocator.h"
#include "role_fixture.h"

#define WORDS "role " ROLE_ARN("x") " of profile p (source: profile base)"

static dds_credentials source_of(const char *token) {
  dds_credentials source = {0};
  dds_error error = DDS_ERROR_INIT;
  assert_true(dds_credentials_set(&source, "id-of-base", "secret-of-base", token, NULL,
                                  "profile base", &error));
  return source;
}

static const dds_sts_request usual = {.role_arn = ROLE_ARN("x"), .words = WORDS};
static const dds_sts_request by_token = {
    .role_arn = ROLE_ARN("x"), .web_identity_token = "token-of-the-pod", .words = WORDS};

static bool assume(role_fixture *f, const dds_sts_request *request, dds_credentials *found,
                   dds_error *error) {
  dds_credentials source = source_of("token-of-the-base");
  dds_sts_request whole = *request;
  whole.source = &source;
  bool is_assumed = dds_sts_assume_role(&f->context, &whole, found, error);
  dds_credentials_free(&source);
  role_fixture_check_secrets(error);
  return is_assumed;
}

/* ---- requests ---------------------------------------------------------------------------------*/

#define TIME        "1795348800" /* the script's clock */
#define ARN_ENCODED "arn%3Aaws%3Aiam%3A%3A" ROLE_ACCOUNT "%3Arole%2Fx"
#define BODY        "Action=AssumeRole&Version=2011-06-15&RoleArn=" ARN_ENCODED "&RoleSessionName="
#define TOKEN_BODY \
  "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=" ARN_ENCODED "&RoleSessionName="
#define SIGNED(region, names, signature)                                                        \
  "AWS4-HMAC-SHA256 Credential=id-of-base/20261122/" region "/sts/aws4_request, SignedHeaders=" \
  "content-type;host;x-amz-date" names ", Signature=" signature

typedef struct request_case {
  role_setup setup;
  dds_sts_request request;
  const char *source_token;
  const char *url;
  const char *host;
  const char *body;
  const char *authorization; /* NULL: unsigned */
} request_case;

static const request_case request_cases[] = {
    {{0},
     {.role_arn = ROLE_ARN("x")},
     NULL,
     "https://sts.us-east-1.amazonaws.com/",
     "sts.us-east-1.amazonaws.com",
     BODY "dynamodb-sessions-" TIME,
     SIGNED("us-east-1", "", "0b8aaa045f18aef3b38a7debf8e0cebd03cb2a8908eede0bbfb8fbf9ec4b45d9")},
    {{0},
     {.role_arn = ROLE_ARN("x")},
     "token-of-the-base",
     "https://sts.us-east-1.amazonaws.com/",
     "sts.us-east-1.amazonaws.com",
     BODY "dynamodb-sessions-" TIME,
     SIGNED("us-east-1", ";x-amz-security-token",
            "a20f213c6b8d590d7bd60a1235d098a74226cced2ec6d0cee6d85f48f934843f")},
    {{.region = "cn-north-1"},
     {.role_arn = ROLE_ARN("x"),
      .session_name = "me@example.com",
      .external_id = "a b/c=&\xC3\xA9",
      .duration_seconds = "900"},
     NULL,
     "https://sts.cn-north-1.amazonaws.com.cn/",
     "sts.cn-north-1.amazonaws.com.cn",
     BODY "me%40example.com&ExternalId=a%20b%2Fc%3D%26%C3%A9&DurationSeconds=900",
     SIGNED("cn-north-1", "", "592b6871524401ff6bb4a5c7031ee6816657825d83c039a0fa48d4a46929e001")},
    {{.variables = {{"AWS_ENDPOINT_URL_STS", "http://localhost:4566/sts/"}}},
     {.role_arn = ROLE_ARN("x"), .session_name = "s"},
     NULL,
     "http://localhost:4566/sts/",
     "localhost:4566",
     BODY "s",
     SIGNED("us-east-1", "", "0a86b687bb287c3f8927c1bed72b7976c4af53317c6aadf41461a6fa9b84ee2a")},
    {{.variables = {{"AWS_USE_FIPS_ENDPOINT", "true"}}},
     {.role_arn = ROLE_ARN("x"), .session_name = "s"},
     NULL,
     "https://sts-fips.us-east-1.amazonaws.com/",
     "sts-fips.us-east-1.amazonaws.com",
     BODY "s",
     SIGNED("us-east-1", "", "3095aee1cb0fd3d4a5ba9a3d449d2fd2762e72077b689f2933f038a9637fe58e")},
    {{0},
     {.role_arn = ROLE_ARN("x"), .web_identity_token = "token-of-the-pod"},
     NULL,
     "https://sts.us-east-1.amazonaws.com/",
     "sts.us-east-1.amazonaws.com",
     TOKEN_BODY "dynamodb-sessions-" TIME "&WebIdentityToken=token-of-the-pod",
     NULL},
    {{0},
     {.role_arn = ROLE_ARN("x"),
      .session_name = "pod",
      .web_identity_token = "token-of-the-pod+/=\n"},
     NULL,
     "https://sts.us-east-1.amazonaws.com/",
     "sts.us-east-1.amazonaws.com",
     TOKEN_BODY "pod&WebIdentityToken=token-of-the-pod%2B%2F%3D%0A",
     NULL},
};

static void check_header(const scripted_request *request, const char *name, const char *expected) {
  const char *value = scripted_request_header(request, name);
  if (expected == NULL) {
    assert_null(value);
  } else {
    assert_non_null(value);
    assert_string_equal(value, expected);
  }
}

static void test_requests(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof request_cases / sizeof request_cases[0]; i++) {
    const request_case *row = &request_cases[i];
    role_fixture f;
    dds_error error = DDS_ERROR_INIT;
    dds_credentials found = {0}, source = source_of(row->source_token);
    dds_sts_request request = row->request;
    request.words = WORDS;
    request.source = request.web_identity_token == NULL ? &source : NULL;
    role_fixture_open(&f, &row->setup);
    role_fixture_answer(&f, "x");
    if (!dds_sts_assume_role(&f.context, &request, &found, &error)) {
      fail_msg("case %zu: %s", i, error.message);
    }
    assert_int_equal(scripted_transport_request_count(f.script), 1);
    const scripted_request *sent = scripted_transport_request(f.script, 0);
    assert_string_equal(sent->url, row->url);
    assert_string_equal(sent->body, row->body);
    assert_int_equal(sent->body_length, strlen(row->body));
    check_header(sent, "Host", row->host);
    check_header(sent, "Content-Type", "application/x-www-form-urlencoded; charset=utf-8");
    check_header(sent, "Authorization", row->authorization);
    check_header(sent, "X-Amz-Date", row->authorization == NULL ? NULL : "20261122T120000Z");
    check_header(sent, "X-Amz-Security-Token", row->source_token);
    assert_int_equal(sent->connect_timeout_ms, f.config.connect_timeout_ms);
    assert_int_equal(sent->request_timeout_ms, f.config.request_timeout_ms);
    dds_credentials_free(&found);
    dds_credentials_free(&source);
    role_fixture_close(&f);
  }
}

/* ---- answers ----------------------------------------------------------------------------------*/

#define ARN(account)             "<Arn>arn:aws:sts::" account ":assumed-role/x/session</Arn>"
#define KEY_ID                   "<AccessKeyId>id-of-x</AccessKeyId>"
#define SECRET                   "<SecretAccessKey>secret-of-x</SecretAccessKey>"
#define TOKEN                    "<SessionToken>token-of-x</SessionToken>"
#define EXPIRATION               "<Expiration>2026-11-22T13:00:00Z</Expiration>"
#define ANSWER(credentials, arn) ROLE_ANSWER("AssumeRole", credentials, arn)

typedef struct answer_case {
  const char *body;
  const char *expected; /* "id|secret|token|account", or words of the error */
} answer_case;

static const answer_case good_answers[] = {
    {ANSWER(KEY_ID SECRET TOKEN EXPIRATION, ARN(ROLE_ACCOUNT)),
     "id-of-x|secret-of-x|token-of-x|" ROLE_ACCOUNT},
    {ROLE_ANSWER("AssumeRoleWithWebIdentity", KEY_ID SECRET TOKEN EXPIRATION, ARN(ROLE_ACCOUNT)),
     "id-of-x|secret-of-x|token-of-x|" ROLE_ACCOUNT},
    {ANSWER(EXPIRATION TOKEN KEY_ID SECRET, ARN(ROLE_ACCOUNT)),
     "id-of-x|secret-of-x|token-of-x|" ROLE_ACCOUNT},
    {"<?xml version=\"1.0\"?>" ANSWER(
         "<AccessKeyId>i&amp;d</AccessKeyId>"
         "<SecretAccessKey>secret-of-&lt;x&gt;+/</SecretAccessKey>"
         "<SessionToken>token-of-&#x78;&#61;</SessionToken>" EXPIRATION,
         ARN(ROLE_ACCOUNT)),
     "i&d|secret-of-<x>+/|token-of-x=|" ROLE_ACCOUNT},
    {ANSWER(KEY_ID SECRET TOKEN EXPIRATION, ""), "id-of-x|secret-of-x|token-of-x|-"},
    {ANSWER(KEY_ID SECRET TOKEN EXPIRATION, "<Arn>x</Arn>"), "id-of-x|secret-of-x|token-of-x|-"},
    {ANSWER(KEY_ID SECRET TOKEN EXPIRATION, ARN("12345678901")),
     "id-of-x|secret-of-x|token-of-x|-"},
    {ANSWER(KEY_ID SECRET TOKEN EXPIRATION, ARN("1234567890123")),
     "id-of-x|secret-of-x|token-of-x|-"},
    {ANSWER(KEY_ID SECRET TOKEN EXPIRATION, ARN("12345678901a")),
     "id-of-x|secret-of-x|token-of-x|-"},
};

static const answer_case bad_answers[] = {
    {ANSWER(SECRET TOKEN EXPIRATION, ARN(ROLE_ACCOUNT)), "the answer has no AccessKeyId"},
    {ANSWER(KEY_ID TOKEN EXPIRATION, ARN(ROLE_ACCOUNT)), "the answer has no SecretAccessKey"},
    {ANSWER(KEY_ID SECRET EXPIRATION, ARN(ROLE_ACCOUNT)), "the answer has no SessionToken"},
    {ANSWER(KEY_ID SECRET TOKEN, ARN(ROLE_ACCOUNT)), "the answer has no Expiration"},
    {ANSWER(KEY_ID SECRET "<SessionToken/>" EXPIRATION, ARN(ROLE_ACCOUNT)),
     "the answer has no SessionToken"},
    {ANSWER(KEY_ID SECRET TOKEN "<Expiration>secret-of-x</Expiration>", ARN(ROLE_ACCOUNT)),
     "the Expiration of the answer is not a time"},
    {ANSWER(KEY_ID SECRET "<SessionToken>token-of-x\n</SessionToken>" EXPIRATION,
            ARN(ROLE_ACCOUNT)),
     "the session token of " WORDS " holds a control character"},
    {"<AssumeRoleResponse><AssumeRoleResult><Credentials>" KEY_ID SECRET TOKEN EXPIRATION,
     "the answer has no AccessKeyId"},
    {"<html><body>secret-of-x token-of-x</body></html>", "is a proxy or another service between?"},
    {"{\"AccessKeyId\":\"secret-of-x\"}", "is a proxy or another service between?"},
    {"", "is a proxy or another service between?"},
};

static const char *or_dash(const char *text) {
  return text == NULL ? "-" : text;
}

static void test_good_answers(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof good_answers / sizeof good_answers[0]; i++) {
    role_fixture f;
    dds_error error = DDS_ERROR_INIT;
    dds_credentials found = {0};
    char text[200];
    role_fixture_open(&f, &(role_setup){0});
    scripted_transport_answer(f.script, 200, good_answers[i].body);
    if (!assume(&f, &usual, &found, &error)) {
      fail_msg("case %zu: %s", i, error.message);
    }
    snprintf(text, sizeof text, "%s|%s|%s|%s", found.access_key_id, found.secret_access_key,
             found.session_token, or_dash(found.account_id));
    assert_string_equal(text, good_answers[i].expected);
    assert_string_equal(found.source, WORDS);
    assert_int_equal(found.expires_ms, f.context.now_ms + 3600000);
    assert_false(found.outlives_expiry);
    dds_credentials_free(&found);
    role_fixture_close(&f);
  }
}

static void test_bad_answers(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof bad_answers / sizeof bad_answers[0]; i++) {
    role_fixture f;
    dds_error error = DDS_ERROR_INIT;
    dds_credentials found = {0};
    role_fixture_open(&f, &(role_setup){.variables = {{"AWS_MAX_ATTEMPTS", "1"}}});
    scripted_transport_answer(f.script, 200, bad_answers[i].body);
    if (assume(&f, &usual, &found, &error)) {
      fail_msg("case %zu was accepted", i);
    }
    if (strstr(error.message, bad_answers[i].expected) == NULL ||
        strstr(error.message, "cannot assume " WORDS ": ") != error.message) {
      fail_msg("case %zu: %s", i, error.message);
    }
    assert_null(found.access_key_id);
    role_fixture_close(&f);
  }
}

/* ---- refusals ---------------------------------------------------------------------------------*/

typedef struct refusal_case {
  const dds_sts_request *request;
  const char *code;
  const char *message;
  const char *expected[2]; /* words of the error */
  int attempts;            /* of three that are allowed */
} refusal_case;

#define DENIED                                                                                  \
  "User: arn:aws:iam::" ROLE_ACCOUNT ":user/u is not authorized to perform: sts:AssumeRole on " \
  "resource: " ROLE_ARN("x")

static const refusal_case refusals[] = {
    {&usual,
     "AccessDenied",
     DENIED,
     {DENIED "; credentials of this request: profile base; ",
      "; the trust policy of the role must"},
     1},
    {&by_token,
     "AccessDenied",
     "Not authorized to perform sts:AssumeRoleWithWebIdentity",
     {"AccessDenied: Not authorized to perform", "allow the token's issuer, audience and subject"},
     1},
    {&usual,
     "ExpiredToken",
     "The security token included in the request is expired",
     {"ExpiredToken", "credentials of this request: profile base; the session token has expired"},
     1},
    {&by_token,
     "ExpiredTokenException",
     "Token expired: current date/time 2 must be before the expiration date/time 1",
     {"ExpiredTokenException", "; the token has expired: have its issuer write a new one"},
     1},
    {&usual,
     "RegionDisabledException",
     "STS is not activated in this region for account:" ROLE_ACCOUNT,
     {"RegionDisabledException: STS is not activated", "activate it in IAM"},
     1},
    {&by_token,
     "RegionDisabledException",
     "STS is not activated in this region for account:" ROLE_ACCOUNT,
     {"RegionDisabledException: STS is not activated", "activate it in IAM"},
     1},
    {&usual, "InvalidClientTokenId", "The security token is invalid.", {"InvalidClientTokenId"}, 1},
    {&usual,
     "SignatureDoesNotMatch",
     "x-amz-security-token:token-of-the-base secret-of-base",
     {0},
     1},
    {&usual,
     "ValidationError",
     "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
     {"ValidationError: The requested DurationSeconds exceeds the MaxSessionDuration"},
     1},
    {&usual, "ValidationError", "what is secret-of-base?", {"ValidationError"}, 1},
    {&by_token, "ValidationError", "what is token-of-the-pod?", {"ValidationError"}, 1},
    {&usual, "InvalidIdentityToken", "No provider.", {"InvalidIdentityToken: No provider."}, 1},
    {&by_token,
     "InvalidIdentityToken",
     "No OpenIDConnect provider found in your account for https://issuer",
     {"InvalidIdentityToken: No OpenIDConnect", "an identity provider that IAM"},
     3},
    {&by_token,
     "IDPCommunicationError",
     "The provider could not be reached",
     {"IDPCommunicationError: The provider could not be reached"},
     3},
    {&by_token, "IDPRejectedClaim", "Rejected", {"an identity provider that IAM"}, 1},
    {&usual, "Throttling", "Rate exceeded", {"Throttling: Rate exceeded"}, 3},
};

static void test_refusals(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
    const refusal_case *row = &refusals[i];
    role_fixture f;
    dds_error error = DDS_ERROR_INIT;
    dds_credentials found = {0};
    role_fixture_open(&f, &(role_setup){.variables = {{"AWS_MAX_ATTEMPTS", "3"}}});
    for (int attempt = 0; attempt < row->attempts; attempt++) {
      role_fixture_refuse(&f, strcmp(row->code, "AccessDenied") == 0 ? 403 : 400, row->code,
                          row->message);
    }
    if (assume(&f, row->request, &found, &error)) {
      fail_msg("case %zu was accepted", i);
    }
    for (size_t j = 0; j < 2 && row->expected[j] != NULL; j++) {
      if (strstr(error.message, row->expected[j]) == NULL) {
        fail_msg("case %zu: %s", i, error.message);
      }
    }
    assert_string_equal(error.service_code, row->code);
    assert_int_equal(error.attempts, row->attempts);
    assert_int_equal(scripted_transport_request_count(f.script), row->attempts);
    assert_non_null(strstr(error.message, "cannot assume " WORDS ": "));
    role_fixture_close(&f);
  }
}

static void test_a_failing_service_is_asked_again(void **state) {
  (void)state;
  role_fixture f;
  dds_error error = DDS_ERROR_INIT;
  dds_credentials found = {0};
  role_fixture_open(&f, &(role_setup){.variables = {{"AWS_MAX_ATTEMPTS", "3"}}});
  scripted_transport_answer(f.script, 500, "<html>secret-of-x</html>");
  scripted_transport_fail(f.script, DDS_HTTP_NOT_SENT);
  role_fixture_answer(&f, "x");
  assert_true(assume(&f, &usual, &found, &error));
  assert_string_equal(found.access_key_id, "id-of-x");
  assert_int_equal(scripted_transport_request_count(f.script), 3);
  dds_credentials_free(&found);
  for (int attempt = 0; attempt < 3; attempt++) {
    scripted_transport_answer(f.script, 503, "");
  }
  assert_false(assume(&f, &usual, &found, &error));
  assert_int_equal(error.http_status, 503);
  assert_int_equal(error.attempts, 3);
  role_fixture_close(&f);
}

/* What dynamodb_requests shows. */
typedef struct seen_record {
  int count;
  char text[600];
} seen_record;

static void see(void *context, const dds_record *record) {
  seen_record *seen = context;
  seen->count++;
  snprintf(seen->text, sizeof seen->text, "%s|%s|%s|%d|%d|%s", record->operation,
           or_dash(record->table_name), record->words, record->http_status, record->attempts,
           or_dash(record->error));
}

static void test_records(void **state) {
  (void)state;
  role_fixture f;
  dds_error error = DDS_ERROR_INIT;
  dds_credentials found = {0};
  seen_record seen = {0};
  role_fixture_open(&f, &(role_setup){0});
  f.fetcher.observer = (dds_observer){see, &seen};
  role_fixture_answer(&f, "x");
  assert_true(assume(&f, &usual, &found, &error));
  assert_string_equal(seen.text, "AssumeRole|-|" WORDS "|200|1|-");
  dds_credentials_free(&found);
  role_fixture_refuse(&f, 400, "ValidationError", "what is token-of-the-pod?");
  assert_false(assume(&f, &by_token, &found, &error));
  assert_non_null(strstr(seen.text, "AssumeRoleWithWebIdentity|-|" WORDS "|400|1|"));
  assert_non_null(strstr(seen.text, "ValidationError"));
  assert_null(strstr(seen.text, "token-of-the-pod"));
  assert_int_equal(seen.count, 2);
  role_fixture_close(&f);
}

/* Where the chain of roles is too long for a message, what STS said is not cut off. */
static void test_long_words(void **state) {
  (void)state;
  role_fixture f;
  dds_error error = DDS_ERROR_INIT;
  dds_credentials found = {0};
  char words[1500];
  memset(words, 'w', sizeof words);
  words[sizeof words - 1] = '\0';
  dds_sts_request request = usual;
  request.words = words;
  role_fixture_open(&f, &(role_setup){0});
  role_fixture_refuse(&f, 403, "AccessDenied", DENIED);
  assert_false(assume(&f, &request, &found, &error));
  assert_non_null(strstr(error.message, DENIED));
  assert_non_null(strstr(error.message, "the trust policy of the role"));
  role_fixture_close(&f);
}

static void test_endpoint_error(void **state) {
  (void)state;
  role_fixture f;
  dds_error error = DDS_ERROR_INIT;
  dds_credentials found = {0};
  role_fixture_open(&f, &(role_setup){.variables = {{"AWS_USE_FIPS_ENDPOINT", "true"},
                                                    {"AWS_ENDPOINT_URL_STS", "http://h"}}});
  assert_false(assume(&f, &usual, &found, &error));
  assert_non_null(strstr(error.message, "cannot assume " WORDS ": "));
  assert_int_equal(scripted_transport_request_count(f.script), 0);
  role_fixture_close(&f);
}

/* ---- offline ----------------------------------------------------------------------------------*/

static void test_offline(void **state) {
  (void)state;
  static const struct {
    const char *role_arn;
    const char *account_id;
  } cases[] = {
      {ROLE_ARN("x"), ROLE_ACCOUNT},
      {"arn:aws-cn:iam::" ROLE_ACCOUNT ":role/a/b:c", ROLE_ACCOUNT},
      {"arn:aws:iam::12345678901:role/x", NULL},
      {"arn:aws:iam::" ROLE_ACCOUNT "0:role/x", NULL},
      {"arn:aws:iam::" ROLE_ACCOUNT, NULL},
      {"arn:aws:iam::aws:role/x", NULL},
      {"arn:aws:iam:", NULL},
      {"x", NULL},
      {"", NULL},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    role_fixture f;
    dds_error error = DDS_ERROR_INIT;
    dds_credentials found = {0};
    const dds_sts_request request = {.role_arn = cases[i].role_arn, .words = WORDS};
    role_fixture_open(&f, &(role_setup){0});
    f.context.fetcher = NULL;
    f.context.region = NULL;
    assert_true(assume(&f, &request, &found, &error));
    assert_string_equal(or_dash(found.account_id), or_dash(cases[i].account_id));
    assert_string_equal(found.source, WORDS);
    assert_null(found.access_key_id);
    assert_int_equal(scripted_transport_request_count(f.script), 0);
    dds_credentials_free(&found);
    role_fixture_close(&f);
  }
}

/* ---- memory -----------------------------------------------------------------------------------*/

static void test_each_allocation_failing(void **state) {
  (void)state;
  const dds_sts_request *const requests[] = {&usual, &by_token};
  for (size_t i = 0; i < 4; i++) {
    dds_credentials source = source_of("token-of-the-base");
    dds_sts_request request = *requests[i % 2];
    bool is_offline = i >= 2;
    request.source = &source;
    while (failing_allocator_next()) {
      role_fixture f;
      dds_error error = DDS_ERROR_INIT;
      dds_credentials found = {0};
      role_fixture_open(&f, &(role_setup){0});
      f.context.fetcher = is_offline ? NULL : &f.fetcher;
      role_fixture_answer(&f, "x");
      failing_allocator_start();
      bool is_assumed = dds_sts_assume_role(&f.context, &request, &found, &error);
      failing_allocator_check(is_assumed, &error);
      dds_credentials_free(&found);
      role_fixture_close(&f);
    }
    dds_credentials_free(&source);
  }
}

int main(void) {
  failing_allocator_install();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_requests),
      cmocka_unit_test(test_good_answers),
      cmocka_unit_test(test_bad_answers),
      cmocka_unit_test(test_refusals),
      cmocka_unit_test(test_a_failing_service_is_asked_again),
      cmocka_unit_test(test_records),
      cmocka_unit_test(test_long_words),
      cmocka_unit_test(test_endpoint_error),
      cmocka_unit_test(test_offline),
      cmocka_unit_test(test_each_allocation_failing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
