/* Roles for the token of a web identity, from the environment and from a profile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <string.h>
#include <cmocka.h>

#include "failing_allocator.h"
#include "role_fixture.h"

#define FILE_VARIABLE {"AWS_WEB_IDENTITY_TOKEN_FILE", "/var/token"}
#define ROLE_VARIABLE {"AWS_ROLE_ARN", ROLE_ARN("env")}
#define NAME_VARIABLE {"AWS_ROLE_SESSION_NAME", "pod@1"}
#define PROFILE       "role_arn = " ROLE_ARN("p") "\nweb_identity_token_file = /var/token\n"
#define TOKEN         {"/var/token", "token-of-the-pod"}

#define BODY(role, name)                                                        \
  "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam" \
  "%3A%3A" ROLE_ACCOUNT "%3Arole%2F" role "&RoleSessionName=" name "&WebIdentityToken="
#define UNNAMED            "dynamodb-sessions-1795348800"
#define WORDS(role, place) "role " ROLE_ARN(role) " of " place " (source: token file /var/token)"

/* The two sources that are tested. */
static dds_credentials_source *const by_environment = dds_credentials_web_identity_environment_find;
static dds_credentials_source *const by_profile = dds_credentials_web_identity_find;

typedef struct identity_case {
  dds_credentials_source *const *find;
  role_setup setup;
  const char *body;
  const char *source;
} identity_case;

static const identity_case found_cases[] = {
    {&by_environment,
     {.variables = {FILE_VARIABLE, ROLE_VARIABLE}, .token_file = TOKEN},
     BODY("env", UNNAMED) "token-of-the-pod",
     WORDS("env", "AWS_ROLE_ARN")},
    {&by_environment,
     {.variables = {FILE_VARIABLE, ROLE_VARIABLE, NAME_VARIABLE},
      .token_file = {"/var/token", " token-of-the-pod\n"}},
     BODY("env", "pod%401") "%20token-of-the-pod%0A",
     WORDS("env", "AWS_ROLE_ARN")},
    /* Nothing is filled in from the profile. */
    {&by_environment,
     {.variables = {FILE_VARIABLE, ROLE_VARIABLE, {"AWS_PROFILE", "p"}},
      .token_file = TOKEN,
      .config = "[profile p]\n" PROFILE "role_session_name = of-p\n"},
     BODY("env", UNNAMED) "token-of-the-pod",
     WORDS("env", "AWS_ROLE_ARN")},
    {&by_profile,
     {.token_file = TOKEN, .config = "[default]\n" PROFILE},
     BODY("p", UNNAMED) "token-of-the-pod",
     WORDS("p", "profile default")},
    /* Nor from the environment. */
    {&by_profile,
     {.profile = "p",
      .variables = {{"AWS_WEB_IDENTITY_TOKEN_FILE", "/other"}, ROLE_VARIABLE, NAME_VARIABLE},
      .token_file = TOKEN,
      .config = "[profile p]\n" PROFILE},
     BODY("p", UNNAMED) "token-of-the-pod",
     WORDS("p", "profile p")},
    {&by_profile,
     {.token_file = TOKEN, .credentials = "[default]\n" PROFILE "role_session_name = of-p\n"},
     BODY("p", "of-p") "token-of-the-pod",
     WORDS("p", "profile default")},
};

static void test_found(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof found_cases / sizeof found_cases[0]; i++) {
    const identity_case *row = &found_cases[i];
    role_fixture f;
    dds_error error = DDS_ERROR_INIT;
    dds_credentials found = {0};
    role_fixture_open(&f, &row->setup);
    role_fixture_answer(&f, "x");
    if ((*row->find)(&f.context, &found, &error) != DDS_CREDENTIALS_FOUND) {
      fail_msg("case %zu: %s", i, error.message);
    }
    assert_int_equal(scripted_transport_request_count(f.script), 1);
    const scripted_request *request = scripted_transport_request(f.script, 0);
    assert_string_equal(request->body, row->body);
    assert_null(scripted_request_header(request, "Authorization"));
    assert_null(scripted_request_header(request, "X-Amz-Security-Token"));
    assert_string_equal(found.access_key_id, "id-of-x");
    assert_string_equal(found.source, row->source);
    assert_string_equal(found.account_id, ROLE_ACCOUNT);
    dds_credentials_free(&found);
    role_fixture_close(&f);
  }
}

static void test_the_file_is_read_each_time(void **state) {
  (void)state;
  role_fixture f;
  dds_error error = DDS_ERROR_INIT;
  role_fixture_open(&f, &found_cases[0].setup);
  static const char *const tokens[] = {"token-of-monday", "token-of-tuesday"};
  for (size_t i = 0; i < 2; i++) {
    dds_credentials found = {0};
    fake_environment_add_file(&f.environment, "/var/token", tokens[i]);
    role_fixture_answer(&f, "x");
    assert_int_equal(by_environment(&f.context, &found, &error), DDS_CREDENTIALS_FOUND);
    assert_non_null(strstr(scripted_transport_request(f.script, i)->body, tokens[i]));
    dds_credentials_free(&found);
  }
  role_fixture_close(&f);
}

static void test_absent(void **state) {
  (void)state;
  static const identity_case cases[] = {
      {&by_environment, {0}, NULL, NULL},
      {&by_environment, {.variables = {ROLE_VARIABLE}}, NULL, NULL},
      {&by_environment,
       {.variables = {ROLE_VARIABLE, {"AWS_WEB_IDENTITY_TOKEN_FILE", " "}}},
       NULL,
       NULL},
      {&by_environment, {.config = "[default]\n" PROFILE, .token_file = TOKEN}, NULL, NULL},
      {&by_environment,
       {.profile = "p",
        .variables = {FILE_VARIABLE, ROLE_VARIABLE},
        .config = "[profile p]\n",
        .token_file = TOKEN},
       NULL,
       NULL},
      {&by_profile, {.variables = {FILE_VARIABLE, ROLE_VARIABLE}, .token_file = TOKEN}, NULL, NULL},
      {&by_profile, {.config = "[default]\nrole_arn = r\nsource_profile = p\n"}, NULL, NULL},
      {&by_profile, {.config = "[default]\nweb_identity_token_file =\n"}, NULL, NULL},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    role_fixture f;
    dds_error error = DDS_ERROR_INIT;
    dds_credentials found = {0};
    role_fixture_open(&f, &cases[i].setup);
    assert_int_equal((*cases[i].find)(&f.context, &found, &error), DDS_CREDENTIALS_ABSENT);
    assert_int_equal(error.code, DDS_OK);
    assert_int_equal(scripted_transport_request_count(f.script), 0);
    role_fixture_close(&f);
  }
}

typedef struct error_case {
  identity_case of;
  const char *message;
  bool is_known_offline;
} error_case;

#define MISTAKE(find, ...) {find, {__VA_ARGS__}, NULL, NULL}

static const error_case error_cases[] = {
    {MISTAKE(&by_environment, .variables = {FILE_VARIABLE}),
     "AWS_WEB_IDENTITY_TOKEN_FILE is set in the environment, AWS_ROLE_ARN is not: set both or "
     "neither",
     true},
    {MISTAKE(&by_environment, .variables = {FILE_VARIABLE},
             .config = "[default]\nrole_arn = " ROLE_ARN("p") "\n"),
     "AWS_WEB_IDENTITY_TOKEN_FILE is set in the environment, AWS_ROLE_ARN is not: set both or "
     "neither",
     true},
    {MISTAKE(&by_profile, .config = "[default]\nweb_identity_token_file = /var/token\n"),
     "profile default has web_identity_token_file without role_arn", true},
    {MISTAKE(&by_environment, .variables = {FILE_VARIABLE, ROLE_VARIABLE}),
     "AWS_WEB_IDENTITY_TOKEN_FILE: the web identity token file /var/token does not exist", false},
    {MISTAKE(&by_profile, .config = "[default]\n" PROFILE, .token_file = {"/var/token", ""}),
     "profile default: the web identity token file /var/token is empty", false},
    {MISTAKE(&by_profile, .config = "[default]\n" PROFILE, .token_file = {"/var/token", " \r\n"}),
     "profile default: the web identity token file /var/token is empty", false},
};

static void test_errors(void **state) {
  (void)state;
  for (size_t i = 0; i < 2 * sizeof error_cases / sizeof error_cases[0]; i++) {
    const error_case *row = &error_cases[i / 2];
    role_fixture f;
    dds_error error = DDS_ERROR_INIT;
    dds_credentials found = {0};
    bool is_offline = i % 2 == 1;
    role_fixture_open(&f, &row->of.setup);
    f.context.fetcher = is_offline ? NULL : &f.fetcher;
    dds_credentials_result result = (*row->of.find)(&f.context, &found, &error);
    if (is_offline && !row->is_known_offline) {
      assert_int_equal(result, DDS_CREDENTIALS_FOUND);
    } else {
      assert_int_equal(result, DDS_CREDENTIALS_FAILED);
      assert_string_equal(error.message, row->message);
      assert_int_equal(error.code, DDS_AUTH);
    }
    assert_int_equal(scripted_transport_request_count(f.script), 0);
    dds_credentials_free(&found);
    role_fixture_close(&f);
  }
}

/* A file that cannot be read, and one that is no text. */
static bool read_nothing(void *context, const char *path, dds_buffer *contents, bool *exists,
                         dds_error *error) {
  (void)context;
  (void)contents;
  *exists = true;
  return dds_error_set(error, DDS_ERROR, "%s: Permission denied", path);
}

static bool read_binary(void *context, const char *path, dds_buffer *contents, bool *exists,
                        dds_error *error) {
  (void)context;
  (void)path;
  *exists = true;
  dds_buffer_append(contents, "token-of-the-pod\0more", 21);
  return dds_buffer_check(contents, error);
}

static bool read_too_much(void *context, const char *path, dds_buffer *contents, bool *exists,
                          dds_error *error) {
  (void)context;
  (void)path;
  *exists = true;
  for (int i = 0; i < 100000; i++) {
    dds_buffer_append_text(contents, "token-of-the-pod");
  }
  return dds_buffer_check(contents, error);
}

static void test_unusable_files(void **state) {
  (void)state;
  static const struct {
    bool (*read_file)(void *context, const char *path, dds_buffer *contents, bool *exists,
                      dds_error *error);
    const char *message;
  } cases[] = {
      {read_nothing, "AWS_WEB_IDENTITY_TOKEN_FILE: the web identity token file /var/token cannot "
                     "be used: /var/token: Permi"},
      {read_binary,
       "AWS_WEB_IDENTITY_TOKEN_FILE: the web identity token file /var/token is not a text"},
      {read_too_much,
       "AWS_WEB_IDENTITY_TOKEN_FILE: the web identity token file /var/token cannot be used: "},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    role_fixture f;
    dds_error error = DDS_ERROR_INIT;
    dds_credentials found = {0};
    role_fixture_open(&f, &found_cases[0].setup);
    f.environment.base.read_file = cases[i].read_file;
    assert_int_equal(by_environment(&f.context, &found, &error), DDS_CREDENTIALS_FAILED);
    assert_ptr_equal(strstr(error.message, cases[i].message), error.message);
    assert_int_equal(scripted_transport_request_count(f.script), 0);
    role_fixture_check_secrets(&error);
    role_fixture_close(&f);
  }
}

/* The token stays out of the error whatever a server makes of it. */
static void test_refused(void **state) {
  (void)state;
  static const char *const messages[] = {
      "Not authorized to perform sts:AssumeRoleWithWebIdentity",
      "The ID Token provided is not a valid JWT: token-of-the-pod",
      "bad request: WebIdentityToken=token-of-the-pod",
  };
  for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
    role_fixture f;
    dds_error error = DDS_ERROR_INIT;
    dds_credentials found = {0};
    role_fixture_open(&f, &found_cases[0].setup);
    role_fixture_refuse(&f, 403, "AccessDenied", messages[i]);
    assert_int_equal(by_environment(&f.context, &found, &error), DDS_CREDENTIALS_FAILED);
    assert_non_null(strstr(error.message, "cannot assume " WORDS("env", "AWS_ROLE_ARN") ": "));
    assert_int_equal(error.code, DDS_AUTH);
    role_fixture_check_secrets(&error);
    role_fixture_close(&f);
  }
}

static void test_offline(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof found_cases / sizeof found_cases[0]; i++) {
    role_fixture f;
    dds_error error = DDS_ERROR_INIT;
    dds_credentials found = {0};
    role_fixture_open(&f, &found_cases[i].setup);
    f.context.fetcher = NULL;
    assert_int_equal((*found_cases[i].find)(&f.context, &found, &error), DDS_CREDENTIALS_FOUND);
    assert_string_equal(found.source, found_cases[i].source);
    assert_string_equal(found.account_id, ROLE_ACCOUNT);
    assert_null(found.access_key_id);
    assert_int_equal(scripted_transport_request_count(f.script), 0);
    dds_credentials_free(&found);
    role_fixture_close(&f);
  }
}

static void test_each_allocation_failing(void **state) {
  (void)state;
  for (size_t i = 0; i < 2 * sizeof found_cases / sizeof found_cases[0]; i++) {
    const identity_case *row = &found_cases[i / 2];
    while (failing_allocator_next()) {
      role_fixture f;
      dds_error error = DDS_ERROR_INIT;
      dds_credentials found = {0};
      role_fixture_open(&f, &row->setup);
      f.context.fetcher = i % 2 == 0 ? &f.fetcher : NULL;
      role_fixture_answer(&f, "x");
      failing_allocator_start();
      dds_credentials_result result = (*row->find)(&f.context, &found, &error);
      failing_allocator_check(result == DDS_CREDENTIALS_FOUND, &error);
      assert_int_not_equal(result, DDS_CREDENTIALS_ABSENT);
      dds_credentials_free(&found);
      role_fixture_close(&f);
    }
  }
}

int main(void) {
  failing_allocator_install();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_found),          cmocka_unit_test(test_the_file_is_read_each_time),
      cmocka_unit_test(test_absent),         cmocka_unit_test(test_errors),
      cmocka_unit_test(test_unusable_files), cmocka_unit_test(test_refused),
      cmocka_unit_test(test_offline),        cmocka_unit_test(test_each_allocation_failing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
