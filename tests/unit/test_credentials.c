/* Values, and the sources that ask nobody: a row is a set-up and what is found, or why not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "aws/credentials_chain.h"
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

static bool resolve(const credentials_case *row, dds_credentials *found, dds_error *error) {
  fake_environment environment;
  dds_client_options options = {.profile = row->profile_option};
  dds_profiles *profiles = NULL;
  dds_config config = {0};
  bool is_resolved = false;
  fake_environment_init(&environment);
  fake_environment_set(&environment, "AWS_EC2_METADATA_DISABLED", "true");
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
    const dds_credentials_context context = {.config = &config,
                                             .environment = &environment.base,
                                             .profiles = profiles,
                                             .profile = config.profile};
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
    if (!resolve(&found_cases[i], &found, &error)) {
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
    if (resolve(&error_cases[i], &found, &error)) {
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
  assert_true(resolve(&row, &found, &error));
  assert_true(found.expires_ms == INT64_C(1440938160000));
  assert_non_null(strstr(found.remedy, "export-credentials"));
  dds_credentials_free(&found);
}

static void test_set(void **state) {
  (void)state;
  dds_error error = DDS_ERROR_INIT;
  dds_credentials found = {.outlives_expiry = true};
  assert_true(dds_credentials_set(&found, "id", "secret", NULL, "1", "profile p", &error));
  assert_string_equal(found.access_key_id, "id");
  assert_string_equal(found.secret_access_key, "secret");
  assert_null(found.session_token);
  assert_string_equal(found.account_id, "1");
  assert_string_equal(found.source, "profile p");
  assert_true(found.expires_ms == INT64_MAX);
  assert_false(found.outlives_expiry);
  assert_null(found.remedy);
  dds_credentials_free(&found);
  assert_null(found.access_key_id);
  dds_credentials_free(&found);

  assert_true(dds_credentials_set_unknown(&found, NULL, "container", &error));
  assert_null(found.access_key_id);
  assert_null(found.secret_access_key);
  assert_null(found.account_id);
  assert_string_equal(found.source, "container");
  dds_credentials_free(&found);

  assert_false(dds_credentials_set(&found, "id", "sec\x7Fret", NULL, NULL, "profile p", &error));
  assert_int_equal(error.code, DDS_AUTH);
  assert_non_null(strstr(error.message, "secret access key of profile p holds a control"));
  assert_null(strstr(error.message, "ret,"));
  assert_null(found.access_key_id);
}

/* What a profile says: the credentials file before the config file, and nothing where it is blank.
 */
static void test_property(void **state) {
  (void)state;
  fake_environment environment;
  dds_error error = DDS_ERROR_INIT;
  dds_profiles *profiles = NULL;
  fake_environment_init(&environment);
  fake_environment_add_file(
      &environment, "~/.aws/config",
      "[profile p]\nrole_arn = r\nregion = x\nblank =\n[default]\nonly = d\n");
  fake_environment_add_file(&environment, "~/.aws/credentials", "[p]\nregion = y\n");
  assert_true(dds_profiles_load(&environment.base, &profiles, &error));
  const dds_credentials_context context = {.profiles = profiles, .profile = "p"};
  assert_string_equal(dds_credentials_property(&context, "role_arn"), "r");
  assert_string_equal(dds_credentials_property(&context, "Region"), "y");
  assert_null(dds_credentials_property(&context, "blank"));
  assert_null(dds_credentials_property(&context, "only"));
  dds_profiles_free(profiles);
}

static void test_each_allocation_failing(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof found_cases / sizeof found_cases[0]; i++) {
    while (failing_allocator_next()) {
      dds_error error = DDS_ERROR_INIT;
      dds_credentials found = {0};
      failing_allocator_start();
      bool is_resolved = resolve(&found_cases[i], &found, &error);
      failing_allocator_check(is_resolved, &error);
      dds_credentials_free(&found);
    }
  }
}

int main(void) {
  failing_allocator_install();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_set),        cmocka_unit_test(test_property),
      cmocka_unit_test(test_found),      cmocka_unit_test(test_errors),
      cmocka_unit_test(test_expiration), cmocka_unit_test(test_each_allocation_failing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
