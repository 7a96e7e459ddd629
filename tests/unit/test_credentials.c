/* The chain of credentials: a row is a set-up and what must be found, or why not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "aws/credentials.h"
#include "failing_allocator.h"
#include "fake_environment.h"

enum { VARIABLES = 6 };

typedef struct credentials_case {
  const char *profile_option;
  fake_entry variables[VARIABLES];
  const char *config;
  const char *credentials;
  const char *expected; /* "id|secret|token|account|source", or words of the error */
} credentials_case;

static bool resolve(const credentials_case *row, const char *endpoint, dds_credentials *found,
                    dds_error *error) {
  fake_environment environment;
  dds_client_options options = {.profile = row->profile_option, .endpoint_url = endpoint};
  dds_profiles *profiles = NULL;
  dds_config config = {0};
  bool is_resolved = false;
  fake_environment_init(&environment);
  for (size_t i = 0; i < VARIABLES && row->variables[i].name != NULL; i++) {
    fake_environment_set(&environment, row->variables[i].name, row->variables[i].value);
  }
  if (row->config != NULL) {
    fake_environment_add_file(&environment, "~/.aws/config", row->config);
  }
  if (row->credentials != NULL) {
    fake_environment_add_file(&environment, "~/.aws/credentials", row->credentials);
  }
  if (dds_profiles_load(&environment.base, &profiles, error) &&
      dds_config_resolve(&options, &environment.base, profiles, &config, error)) {
    const dds_credentials_context context = {&config, &environment.base, profiles};
    is_resolved = dds_credentials_resolve(&context, found, error);
  }
  dds_config_free(&config);
  dds_profiles_free(profiles);
  return is_resolved;
}

#define KEYS(id) "aws_access_key_id = " id "\naws_secret_access_key = s" id "\n"
#define ENV_KEYS {"AWS_ACCESS_KEY_ID", "E"}, {"AWS_SECRET_ACCESS_KEY", "sE"}

static const credentials_case found_cases[] = {
    {NULL, {ENV_KEYS}, NULL, NULL, "E|sE|-|-|environment"},
    {NULL,
     {ENV_KEYS, {"AWS_SESSION_TOKEN", "t"}, {"AWS_SECURITY_TOKEN", "u"}, {"AWS_ACCOUNT_ID", "1"}},
     NULL,
     NULL,
     "E|sE|t|1|environment"},
    {NULL,
     {ENV_KEYS, {"AWS_SECURITY_TOKEN", "u"}, {"aws_security_token", "v"}},
     NULL,
     NULL,
     "E|sE|u|-|environment"},
    {NULL, {ENV_KEYS, {"aws_security_token", "v"}}, NULL, NULL, "E|sE|v|-|environment"},
    {NULL, {ENV_KEYS, {"AWS_SESSION_TOKEN", " "}}, NULL, NULL, "E|sE|-|-|environment"},
    {NULL, {ENV_KEYS}, NULL, "[default]\n" KEYS("C"), "E|sE|-|-|environment"},
    {NULL, {ENV_KEYS, {"AWS_PROFILE", "p"}}, NULL, "[p]\n" KEYS("C"), "E|sE|-|-|environment"},
    {"p", {ENV_KEYS}, NULL, "[p]\n" KEYS("C"), "C|sC|-|-|profile p"},
    {"p",
     {{"AWS_WEB_IDENTITY_TOKEN_FILE", "f"}, {"AWS_ROLE_ARN", "r"}},
     NULL,
     "[p]\n" KEYS("C"),
     "C|sC|-|-|profile p"},
    {NULL,
     {{"AWS_PROFILE", "p"}},
     NULL,
     "[p]\n" KEYS("C") "aws_session_token = t\n",
     "C|sC|t|-|profile p"},
    {NULL, {{"AWS_ACCESS_KEY_ID", " "}}, NULL, "[default]\n" KEYS("C"), "C|sC|-|-|profile default"},
    {NULL, {{0}}, "[default]\n" KEYS("D") "aws_account_id = 2\n", NULL, "D|sD|-|2|profile default"},
    {NULL, {{0}}, "[default]\n" KEYS("D"), "[default]\n" KEYS("C"), "C|sC|-|-|profile default"},
    {NULL,
     {{0}},
     "[default]\ncredential_process = x\n",
     "[default]\n" KEYS("C"),
     "C|sC|-|-|profile default"},
    {NULL, {{0}}, "[default]\nsso_session = x\n" KEYS("D"), NULL, "D|sD|-|-|profile default"},
    {NULL,
     {{0}},
     "[default]\n" KEYS("D") "aws_security_token = t\n",
     NULL,
     "D|sD|t|-|profile default"},
};

static const credentials_case error_cases[] = {
    {NULL, {{0}}, NULL, NULL, "Unable to locate credentials: looked for AWS_ACCESS_KEY_ID"},
    {"p", {ENV_KEYS}, "[profile p]\n", NULL, "the option profile skips the credentials"},
    {NULL,
     {{"AWS_ACCESS_KEY_ID", "E"}},
     NULL,
     "[default]\n" KEYS("C"),
     "AWS_SECRET_ACCESS_KEY is not"},
    {NULL,
     {ENV_KEYS, {"AWS_CREDENTIAL_EXPIRATION", "soon"}},
     NULL,
     NULL,
     "AWS_CREDENTIAL_EXPIRATION is not a time"},
    {NULL,
     {{"AWS_ACCESS_KEY_ID", "E\r\nX: y"}, {"AWS_SECRET_ACCESS_KEY", "s"}},
     NULL,
     NULL,
     "access key id of environment holds a control character"},
    {NULL,
     {ENV_KEYS, {"AWS_SESSION_TOKEN", "t\n"}},
     NULL,
     NULL,
     "session token of environment holds a control character"},
    {NULL, {{0}}, NULL, "[default]\n" KEYS("C") "  more\n", "secret access key of profile default"},
    {NULL, {{0}}, NULL, "[default]\naws_access_key_id = C\n", "without aws_secret_access_key"},
    {NULL,
     {{0}},
     "[default]\naws_secret_access_key = sD\n",
     "[default]\naws_access_key_id = C\n",
     "without aws_secret_access_key"},
    {NULL,
     {{0}},
     "[default]\nrole_arn = r\nsource_profile = p\n" KEYS("D"),
     NULL,
     "a role to be assumed, which this version does not support"},
    {NULL, {{0}}, "[default]\nrole_arn = r\n", "[default]\n" KEYS("C"), "its property is role_arn"},
    {NULL,
     {{0}},
     "[default]\nweb_identity_token_file = f\n",
     "[default]\n" KEYS("C"),
     "web identity"},
    {NULL,
     {{0}},
     "[default]\nsso_account_id = 1\nsso_role_name = r\n",
     NULL,
     "IAM Identity Center"},
    {NULL, {{0}}, "[default]\nsso_session = x\n", NULL, "IAM Identity Center"},
    {NULL, {{0}}, "[default]\nlogin_session = x\n" KEYS("D"), NULL, "`aws login`"},
    {NULL, {{0}}, "[default]\ncredential_process = x\n" KEYS("D"), NULL, "a credential process"},
    {NULL,
     {{"AWS_WEB_IDENTITY_TOKEN_FILE", "f"}, {"AWS_ROLE_ARN", "r"}},
     NULL,
     "[default]\n" KEYS("C"),
     "AWS_WEB_IDENTITY_TOKEN_FILE asks for a web identity's role"},
    {NULL,
     {{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/x"}},
     NULL,
     NULL,
     "credentials of a container, which this version does not support"},
    {NULL,
     {{"AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://x"}},
     NULL,
     NULL,
     "eval \"$(aws configure export-credentials --format env)\""},
};

static const char *or_dash(const char *text) {
  return text == NULL ? "-" : text;
}

static void test_found(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof found_cases / sizeof found_cases[0]; i++) {
    dds_error error = DDS_ERROR_INIT;
    dds_credentials found;
    char text[300];
    if (!resolve(&found_cases[i], NULL, &found, &error)) {
      fail_msg("case %zu: %s", i, error.message);
    }
    snprintf(text, sizeof text, "%s|%s|%s|%s|%s", found.access_key_id, found.secret_access_key,
             or_dash(found.session_token), or_dash(found.account_id), found.source);
    if (strcmp(text, found_cases[i].expected) != 0) {
      fail_msg("case %zu: %s", i, text);
    }
    assert_true(found.expires_ms == INT64_MAX);
    dds_credentials_free(&found);
  }
}

static void test_errors(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof error_cases / sizeof error_cases[0]; i++) {
    dds_error error = DDS_ERROR_INIT;
    dds_credentials found;
    if (resolve(&error_cases[i], NULL, &found, &error)) {
      fail_msg("case %zu was accepted", i);
    }
    if (strstr(error.message, error_cases[i].expected) == NULL) {
      fail_msg("case %zu: %s", i, error.message);
    }
    assert_int_equal(error.code, DDS_AUTH);
    assert_null(strstr(error.message, "sE"));
    assert_null(strstr(error.message, "sC"));
    assert_null(strstr(error.message, "sD"));
  }
}

static void test_loopback(void **state) {
  (void)state;
  dds_error error = DDS_ERROR_INIT;
  dds_credentials found;
  assert_true(resolve(&error_cases[0], "http://localhost:8000", &found, &error));
  assert_string_equal(found.access_key_id, "placeholder");
  assert_string_equal(found.source, "placeholder for a loopback endpoint");
  dds_credentials_free(&found);
  assert_true(resolve(&found_cases[0], "http://localhost:8000", &found, &error));
  assert_string_equal(found.access_key_id, "E");
  dds_credentials_free(&found);
  static const credentials_case sso = {NULL, {{0}}, "[default]\nsso_account_id = 1\n", NULL, NULL};
  assert_false(resolve(&sso, "http://localhost:8000", &found, &error));
}

static void test_expiration(void **state) {
  (void)state;
  static const credentials_case row = {
      NULL,
      {ENV_KEYS, {"AWS_CREDENTIAL_EXPIRATION", "2015-08-30T12:36:00+00:00"}},
      NULL,
      NULL,
      NULL};
  dds_error error = DDS_ERROR_INIT;
  dds_credentials found;
  assert_true(resolve(&row, NULL, &found, &error));
  assert_true(found.expires_ms == INT64_C(1440938160000));
  dds_credentials_free(&found);
}

static void test_each_allocation_failing(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof found_cases / sizeof found_cases[0]; i++) {
    long before = failing_allocator_live_blocks();
    for (long nth = 1;; nth++) {
      dds_error error = DDS_ERROR_INIT;
      dds_credentials found = {0};
      failing_allocator_refuse(nth);
      bool is_resolved = resolve(&found_cases[i], NULL, &found, &error);
      bool refused = failing_allocator_check(is_resolved, &error);
      dds_credentials_free(&found);
      assert_int_equal(failing_allocator_live_blocks(), before);
      if (!refused) {
        break;
      }
      assert_in_range(nth, 1, 1000);
    }
  }
}

int main(void) {
  failing_allocator_install();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_found),
      cmocka_unit_test(test_errors),
      cmocka_unit_test(test_loopback),
      cmocka_unit_test(test_expiration),
      cmocka_unit_test(test_each_allocation_failing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
