/* Credentials of `aws login`: which file, what counts in it, what an error says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "failing_allocator.h"
#include "source_fixture.h"

#define FIND dds_credentials_login_find

#define SESSION "arn:aws:sts::111122223333:assumed-role/x"
/* SHA-256 of it. */
#define FILE_NAME "7b2a1a5dc3de85007c6f14908d4918d22dbbe88ba885dc07a38638d0efc65338.json"
#define USUAL     "/home/me/.aws/login/cache/" FILE_NAME

#define CONFIG "[profile p]\nlogin_session = " SESSION "\n"
#define TOKEN(keys, expiry)                                                            \
  "{\"accessToken\":{" keys "\"sessionToken\":\"token-of-login\",\"accountId\":\"5\"," \
  "\"expiresAt\":\"" expiry                                                            \
  "\"},\"refreshToken\":\"secret-of-x\",\"clientId\":\"c\",\"dpopKey\":\"secret-of-x\"}"
#define KEYS   "\"accessKeyId\":\"id-of-login\",\"secretAccessKey\":\"secret-of-login\","
#define SOURCE "the credentials of `aws login` for profile p"
#define REMEDY                                                                             \
  ": run `aws login --profile p`, or, while the login lasts, any `aws` command with that " \
  "profile, which renews them"

static const source_step no_steps[SOURCE_STEPS] = {{0}};

/* The script's clock starts at 2026-11-22T12:00:00Z. */
static const char good[] = TOKEN(KEYS, "2026-11-22T12:15:00Z");

static void open_usual(source_fixture *f) {
  source_fixture_open(f, CONFIG, no_steps);
  fake_environment_add_file(&f->environment, USUAL, good);
}

static void expect_found(source_fixture *f) {
  char text[500];
  if (FIND(&f->context, &f->credentials, &f->error) != DDS_CREDENTIALS_FOUND) {
    fail_msg("%s", f->error.message);
  }
  source_fixture_describe(&f->credentials, text, sizeof text);
  assert_string_equal(text, "id-of-login|secret-of-login|token-of-login|5|1795349700|" SOURCE);
  source_fixture_close(f);
}

static void test_found(void **state) {
  (void)state;
  source_fixture f;
  open_usual(&f);
  expect_found(&f);

  /* It is a file of this machine: offline too. */
  open_usual(&f);
  f.context.fetcher = NULL;
  expect_found(&f);
}

static void test_folder_of_the_variable(void **state) {
  (void)state;
  source_fixture f;
  source_fixture_open(&f, CONFIG, no_steps);
  fake_environment_set(&f.environment, "AWS_LOGIN_CACHE_DIRECTORY", "~/cache");
  fake_environment_add_file(&f.environment, "/home/me/cache/" FILE_NAME, good);
  expect_found(&f);
}

static void test_absent(void **state) {
  (void)state;
  source_fixture f;
  source_fixture_open(&f, "[profile p]\nregion = x\n", no_steps);
  assert_int_equal(FIND(&f.context, &f.credentials, &f.error), DDS_CREDENTIALS_ABSENT);
  source_fixture_close(&f);
}

static void test_errors(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {NULL, SOURCE " are not there: there is no " USUAL REMEDY},
      {TOKEN(KEYS, "2026-11-22T12:00:00Z"), SOURCE " have expired" REMEDY},
      {TOKEN(KEYS, "2026-11-22T11:59:59Z"), SOURCE " have expired" REMEDY},
      {TOKEN(KEYS, "later"), SOURCE ": expiresAt of the answer is no time" REMEDY},
      {TOKEN("\"accessKeyId\":\"x\",", "2026-11-22T12:15:00Z"),
       SOURCE ": the answer is not the JSON that it should be: no secretAccessKey" REMEDY},
      {"{\"accessToken\":\"secret-of-x\"}",
       SOURCE ": the answer is not the JSON that it should be: no accessKeyId, secretAccessKey, "
              "sessionToken, expiresAt" REMEDY},
      {"{",
       SOURCE ": the answer is not the JSON that it should be: no accessKeyId, secretAccessKey, "
              "sessionToken, expiresAt" REMEDY},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    source_fixture f;
    source_fixture_open(&f, CONFIG, no_steps);
    if (cases[i][0] != NULL) {
      fake_environment_add_file(&f.environment, USUAL, cases[i][0]);
    }
    assert_int_equal(FIND(&f.context, &f.credentials, &f.error), DDS_CREDENTIALS_FAILED);
    if (strcmp(f.error.message, cases[i][1]) != 0) {
      fail_msg("case %zu: %s", i, f.error.message);
    }
    assert_int_equal(f.error.code, DDS_AUTH);
    source_fixture_close(&f);
  }
}

static void test_each_allocation_failing(void **state) {
  (void)state;
  source_fixture_refuse_allocations(open_usual, FIND);
}

int main(void) {
  failing_allocator_install();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_found),
      cmocka_unit_test(test_folder_of_the_variable),
      cmocka_unit_test(test_absent),
      cmocka_unit_test(test_errors),
      cmocka_unit_test(test_each_allocation_failing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
