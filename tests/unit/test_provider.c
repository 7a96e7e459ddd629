/*
 * When credentials are asked for anew, and what happens where that fails: a credential process with
 * a counter stands for any source, and the clock is the script's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "aws/provider.h"
#include "base/timestamp.h"
#include "failing_allocator.h"
#include "source_fixture.h"

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)

static const source_step no_steps[SOURCE_STEPS] = {{0}};

typedef struct provider_fixture {
  source_fixture source;
  dds_provider provider;
  fake_program program;
  char output[400];
  int64_t start_ms;
} provider_fixture;

static void open_with(provider_fixture *f, const char *config, const source_step *steps) {
  *f = (provider_fixture){.start_ms = 0};
  source_fixture_open(&f->source, config, steps);
  f->source.config.imds_is_disabled = true;
  f->provider = (dds_provider){.config = &f->source.config,
                               .environment = &f->source.environment.base,
                               .fetcher = &f->source.fetcher};
  f->start_ms = scripted_transport_now(f->source.script);
}

static void open_fixture(provider_fixture *f) {
  open_with(f, "[profile p]\ncredential_process = x\n", no_steps);
}

static void close_fixture(provider_fixture *f) {
  dds_provider_close(&f->provider);
  source_fixture_close(&f->source);
}

/* The program gives keys of this name from now on, which live that long from the start on. */
static void give(provider_fixture *f, const char *name, int64_t life_ms) {
  char expiry[DDS_TIMESTAMP_ISO_BYTES];
  assert_true(dds_timestamp_format_iso(f->start_ms + life_ms, expiry));
  snprintf(f->output, sizeof f->output,
           "{\"Version\":1,\"AccessKeyId\":\"id-of-%s\",\"SecretAccessKey\":\"secret-of-%s\","
           "\"SessionToken\":\"t\",\"AccountId\":\"5\",\"Expiration\":\"%s\"}",
           name, name, expiry);
  f->program = (fake_program){.output = f->output};
  f->source.environment.program = &f->program;
}

/* The program fails from now on. */
static void give_none(provider_fixture *f) {
  f->program = (fake_program){.exit_status = 1, .message = "out of order"};
  f->source.environment.program = &f->program;
}

static void set_time(provider_fixture *f, int64_t after_ms) {
  scripted_transport_set_now(f->source.script, f->start_ms + after_ms);
}

/* Asks; `name` NULL: an error with these words is wanted. Checks how often the program has run. */
static void expect(provider_fixture *f, const char *name, const char *words, size_t runs) {
  const dds_credentials *got = NULL;
  char id[40];
  f->source.error = DDS_ERROR_INIT;
  bool has_got = dds_provider_get(&f->provider, "us-east-1", &got, &f->source.error);
  if (name != NULL) {
    snprintf(id, sizeof id, "id-of-%s", name);
    if (!has_got) {
      fail_msg("not %s: %s", name, f->source.error.message);
    }
    assert_string_equal(got->access_key_id, id);
    assert_int_equal(f->source.error.code, DDS_OK);
  } else {
    assert_false(has_got);
    assert_null(got);
    if (strstr(f->source.error.message, words) == NULL) {
      fail_msg("no %s in: %s", words, f->source.error.message);
    }
  }
  assert_int_equal(f->source.environment.run_count, runs);
}

static void test_asked_once(void **state) {
  (void)state;
  provider_fixture f;
  open_with(&f, "[profile p]\ncredential_process = x\n", no_steps);
  f.program = (fake_program){
      .output = "{\"Version\":1,\"AccessKeyId\":\"id-of-x\",\"SecretAccessKey\":\"secret-of-x\"}"};
  f.source.environment.program = &f.program;
  expect(&f, "x", NULL, 1);
  set_time(&f, 24 * 365 * HOUR);
  expect(&f, "x", NULL, 1);
  close_fixture(&f);
}

/* How long before their expiry credentials of a life are renewed, and must be. */
typedef struct window_case {
  int64_t life_ms, advisory_ms, mandatory_ms;
} window_case;

static const window_case windows[] = {
    {6 * HOUR, 15 * MINUTE, 10 * MINUTE},
    {HOUR, 15 * MINUTE, 10 * MINUTE},
    {30 * MINUTE, 30 * MINUTE / 4, 5 * MINUTE},
    {12 * MINUTE, 3 * MINUTE, 2 * MINUTE},
};

static void test_windows(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof windows / sizeof windows[0]; i++) {
    const window_case *row = &windows[i];
    provider_fixture f;
    open_fixture(&f);
    give(&f, "old", row->life_ms);
    expect(&f, "old", NULL, 1);
    give_none(&f);
    set_time(&f, row->life_ms - row->advisory_ms);
    expect(&f, "old", NULL, 1);
    set_time(&f, row->life_ms - row->advisory_ms + 1);
    expect(&f, "old", NULL, 2);
    set_time(&f, row->life_ms - row->mandatory_ms);
    size_t runs = row->advisory_ms - row->mandatory_ms > MINUTE ? 3 : 2;
    expect(&f, "old", NULL, runs);
    /* A minute after that failure it is asked again, and has to answer. */
    set_time(&f, row->life_ms - row->mandatory_ms + MINUTE);
    expect(&f, NULL, "out of order", ++runs);
    expect(&f, NULL, "out of order", ++runs);
    give(&f, "new", row->life_ms + HOUR);
    expect(&f, "new", NULL, ++runs);
    expect(&f, "new", NULL, runs);
    close_fixture(&f);
  }
}

static void test_renewed_ahead(void **state) {
  (void)state;
  provider_fixture f;
  open_fixture(&f);
  give(&f, "old", HOUR);
  expect(&f, "old", NULL, 1);
  give(&f, "new", 2 * HOUR);
  set_time(&f, 44 * MINUTE);
  expect(&f, "old", NULL, 1);
  set_time(&f, 46 * MINUTE);
  expect(&f, "new", NULL, 2);
  set_time(&f, HOUR + 44 * MINUTE);
  expect(&f, "new", NULL, 2);
  close_fixture(&f);
}

/* A source that goes on giving the same set is asked once a minute, and no failure. */
static void test_the_same_set_again(void **state) {
  (void)state;
  provider_fixture f;
  size_t runs = 1;
  open_fixture(&f);
  give(&f, "old", HOUR);
  expect(&f, "old", NULL, runs);
  for (int64_t minute = 46; minute < 60; minute++) {
    set_time(&f, minute * MINUTE);
    expect(&f, "old", NULL, ++runs);
    set_time(&f, minute * MINUTE + 59 * SECOND);
    expect(&f, "old", NULL, runs);
  }
  set_time(&f, HOUR);
  expect(&f, NULL, "have expired: its program gives none that are newer", ++runs);
  expect(&f, NULL, "have expired", ++runs);
  close_fixture(&f);
}

static void test_expired_and_not_to_be_had(void **state) {
  (void)state;
  provider_fixture f;
  open_fixture(&f);
  give(&f, "old", HOUR);
  expect(&f, "old", NULL, 1);
  give_none(&f);
  set_time(&f, HOUR);
  expect(&f, NULL, "failed with exit status 1: out of order", 2);
  assert_int_equal(f.source.error.code, DDS_AUTH);
  give(&f, "new", 2 * HOUR);
  expect(&f, "new", NULL, 3);
  close_fixture(&f);
}

/* A set that has expired when it comes takes no valid one's place. */
static void test_an_expired_set_comes(void **state) {
  (void)state;
  provider_fixture f;
  open_fixture(&f);
  give(&f, "late", -1);
  expect(&f, NULL, "the credentials (credential_process of profile p) have expired", 1);
  give(&f, "old", HOUR);
  expect(&f, "old", NULL, 2);
  give(&f, "late", -1);
  set_time(&f, 46 * MINUTE);
  expect(&f, "old", NULL, 3);
  set_time(&f, 51 * MINUTE);
  expect(&f, NULL, "have expired", 4);
  close_fixture(&f);
}

static void test_remedy_of_the_environment(void **state) {
  (void)state;
  provider_fixture f;
  open_fixture(&f);
  fake_environment_set(&f.source.environment, "AWS_ACCESS_KEY_ID", "id-of-e");
  fake_environment_set(&f.source.environment, "AWS_SECRET_ACCESS_KEY", "secret-of-e");
  fake_environment_set(&f.source.environment, "AWS_CREDENTIAL_EXPIRATION", "2026-11-22T11:00:00Z");
  expect(
      &f, NULL,
      "the credentials (environment) have expired: get new ones, for example by `eval \"$(aws "
      "configure export-credentials --profile NAME --format env)\"`, and start this program anew",
      0);
  close_fixture(&f);
}

/* That a statement is to end is no failure of a source; nor is that there is no memory. */
static void test_interrupts_are_not_tolerated(void **state) {
  (void)state;
  provider_fixture f;
  open_fixture(&f);
  give(&f, "old", HOUR);
  expect(&f, "old", NULL, 1);
  set_time(&f, 46 * MINUTE);
  f.source.stop_at = f.source.stop_calls + 1;
  expect(&f, NULL, "interrupted", 2);
  assert_int_equal(f.source.error.code, DDS_INTERRUPT);
  f.source.stop_at = 0;
  give_none(&f);
  expect(&f, "old", NULL, 3);
  close_fixture(&f);
}

#define INSTANCE(id, expiry)                                                              \
  "{\"Code\":\"Success\",\"AccessKeyId\":\"" id "\",\"SecretAccessKey\":\"secret-of-i\"," \
  "\"Token\":\"t\",\"Expiration\":\"" expiry "\"}"

static void expect_instance(provider_fixture *f, const char *name, size_t requests) {
  expect(f, name, NULL, 0);
  assert_int_equal(scripted_transport_request_count(f->source.script), requests);
}

/* Those of an instance are used on while its metadata service has no others, or does not answer. */
static void test_outliving_the_expiry(void **state) {
  (void)state;
  static const source_step steps[SOURCE_STEPS] = {
      {.status = 200, .body = "a-token"},
      {.status = 200, .body = "r"},
      {.status = 200, .body = INSTANCE("id-of-first", "2026-11-22T11:00:00Z")},
      {.status = 500, .body = ""},
      {.status = 500, .body = ""},
      {.status = 200, .body = "a-token"},
      {.status = 200, .body = "r"},
      {.status = 200, .body = INSTANCE("id-of-second", "2026-11-22T18:00:00Z")},
  };
  provider_fixture f;
  open_with(&f, NULL, steps);
  f.source.config.imds_is_disabled = false;
  expect_instance(&f, "first", 3);
  set_time(&f, 59 * SECOND);
  expect_instance(&f, "first", 3);
  set_time(&f, 70 * SECOND);
  expect_instance(&f, "first", 5);
  expect_instance(&f, "first", 5);
  set_time(&f, 140 * SECOND);
  expect_instance(&f, "second", 8);
  set_time(&f, HOUR);
  expect_instance(&f, "second", 8);
  close_fixture(&f);
}

/* A metadata service that lags behind takes nothing away that is valid. */
static void test_an_older_set_of_an_instance(void **state) {
  (void)state;
  static const source_step steps[SOURCE_STEPS] = {
      {.status = 200, .body = "a-token"},
      {.status = 200, .body = "r"},
      {.status = 200, .body = INSTANCE("id-of-valid", "2026-11-22T18:00:00Z")},
      {.status = 200, .body = "a-token"},
      {.status = 200, .body = "r"},
      {.status = 200, .body = INSTANCE("id-of-old", "2026-11-22T11:00:00Z")},
  };
  provider_fixture f;
  open_with(&f, NULL, steps);
  f.source.config.imds_is_disabled = false;
  expect_instance(&f, "valid", 3);
  set_time(&f, 6 * HOUR - 5 * MINUTE);
  expect_instance(&f, "valid", 6);
  expect_instance(&f, "valid", 6);
  close_fixture(&f);
}

static void test_forget(void **state) {
  (void)state;
  provider_fixture f;
  open_fixture(&f);
  dds_provider_forget(&f.provider);
  give(&f, "old", HOUR);
  expect(&f, "old", NULL, 1);
  give(&f, "new", HOUR);
  expect(&f, "old", NULL, 1);
  dds_provider_forget(&f.provider);
  expect(&f, "new", NULL, 2);
  give_none(&f);
  dds_provider_forget(&f.provider);
  expect(&f, NULL, "out of order", 3);
  close_fixture(&f);
}

/* A login in another window counts: the files are read at each asking. */
static void test_profiles_are_read_anew(void **state) {
  (void)state;
  provider_fixture f;
  open_with(&f, "[profile p]\naws_access_key_id = id-of-one\naws_secret_access_key = s\n",
            no_steps);
  expect(&f, "one", NULL, 0);
  fake_environment_add_file(&f.source.environment, "~/.aws/credentials",
                            "[p]\naws_access_key_id = id-of-two\naws_secret_access_key = s\n");
  expect(&f, "one", NULL, 0);
  dds_provider_forget(&f.provider);
  expect(&f, "two", NULL, 0);
  close_fixture(&f);
}

static void test_clocks(void **state) {
  (void)state;
  provider_fixture f;
  open_fixture(&f);
  give(&f, "old", HOUR);
  expect(&f, "old", NULL, 1);
  set_time(&f, 46 * MINUTE);
  give_none(&f);
  expect(&f, "old", NULL, 2);
  /* Set back by half a minute: that no minute has passed since is not known. */
  set_time(&f, 46 * MINUTE - 30 * SECOND);
  expect(&f, "old", NULL, 3);

  /* The expiry is by the services' clock, and this machine's is an hour behind. */
  set_time(&f, 0);
  f.source.fetcher.caller.skew.offset_ms = HOUR;
  expect(&f, NULL, "out of order", 4);
  give(&f, "new", HOUR + 30 * MINUTE);
  expect(&f, "new", NULL, 5);
  close_fixture(&f);
}

static void describe(provider_fixture *f, const char *id, const char *source) {
  dds_credentials known = {0};
  if (!dds_provider_describe(&f->provider, &known, &f->source.error)) {
    fail_msg("%s", f->source.error.message);
  }
  assert_string_equal(known.source, source);
  if (id == NULL) {
    assert_null(known.access_key_id);
  } else {
    assert_string_equal(known.access_key_id, id);
  }
  dds_credentials_free(&known);
}

static void test_describe(void **state) {
  (void)state;
  provider_fixture f;
  dds_credentials known = {0};
  open_fixture(&f);
  give(&f, "x", HOUR);
  describe(&f, NULL, "credential_process of profile p");
  assert_int_equal(f.source.environment.run_count, 0);
  expect(&f, "x", NULL, 1);
  describe(&f, "id-of-x", "credential_process of profile p");
  assert_true(dds_provider_describe(&f.provider, &known, &f.source.error));
  assert_null(known.secret_access_key);
  assert_null(known.session_token);
  assert_string_equal(known.account_id, "5");
  dds_credentials_free(&known);
  assert_int_equal(f.source.environment.run_count, 1);
  close_fixture(&f);

  open_with(&f, "[profile p]\nregion = x\n", no_steps);
  assert_false(dds_provider_describe(&f.provider, &known, &f.source.error));
  assert_non_null(strstr(f.source.error.message, "Unable to locate credentials"));
  close_fixture(&f);
}

static void test_each_allocation_failing(void **state) {
  (void)state;
  while (failing_allocator_next()) {
    provider_fixture f;
    const dds_credentials *got;
    dds_credentials known = {0};
    open_fixture(&f);
    give(&f, "old", HOUR);
    expect(&f, "old", NULL, 1);
    set_time(&f, 46 * MINUTE);
    failing_allocator_start();
    bool is_fine = dds_provider_get(&f.provider, "us-east-1", &got, &f.source.error) &&
                   dds_provider_describe(&f.provider, &known, &f.source.error);
    failing_allocator_check(is_fine, &f.source.error);
    dds_credentials_free(&known);
    close_fixture(&f);
  }
}

int main(void) {
  failing_allocator_install();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_asked_once),
      cmocka_unit_test(test_windows),
      cmocka_unit_test(test_renewed_ahead),
      cmocka_unit_test(test_the_same_set_again),
      cmocka_unit_test(test_expired_and_not_to_be_had),
      cmocka_unit_test(test_an_expired_set_comes),
      cmocka_unit_test(test_remedy_of_the_environment),
      cmocka_unit_test(test_interrupts_are_not_tolerated),
      cmocka_unit_test(test_outliving_the_expiry),
      cmocka_unit_test(test_an_older_set_of_an_instance),
      cmocka_unit_test(test_forget),
      cmocka_unit_test(test_profiles_are_read_anew),
      cmocka_unit_test(test_clocks),
      cmocka_unit_test(test_describe),
      cmocka_unit_test(test_each_allocation_failing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
