/* Instance metadata: version 2, version 1, switched off, not there; each request as it goes out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <string.h>
#include <cmocka.h>

#include "aws/imds.h"
#include "failing_allocator.h"
#include "source_fixture.h"

#define REGION_PATH "/latest/meta-data/placement/region"
#define TOKEN       "secret-of-visit"

/* The requests: for a token, for the region with it, and without one. */
#define PUT                                       \
  "PUT http://169.254.169.254/latest/api/token\n" \
  "x-aws-ec2-metadata-token-ttl-seconds: 21600\n\n"
#define GET  "GET http://169.254.169.254" REGION_PATH "\nx-aws-ec2-metadata-token: " TOKEN "\n\n"
#define GET1 "GET http://169.254.169.254" REGION_PATH "\n\n"

typedef struct imds_case {
  source_step steps[SOURCE_STEPS];
  bool is_disabled;
  bool v1_is_disabled;
  const char *text; /* what is read; NULL: nothing is there */
  const char *error;
  const char *requests;
} imds_case;

static const imds_case cases[] = {
    /* Version 2. */
    {.steps = {{200, TOKEN, 0}, {200, "eu-west-1", 0}}, .text = "eu-west-1", .requests = PUT GET},
    {.steps = {{200, TOKEN, 0}, {200, "eu-west-1\r\n", 0}},
     .v1_is_disabled = true,
     .text = "eu-west-1",
     .requests = PUT GET},
    {.steps = {{200, TOKEN, 0}, {404, "", 0}}, .requests = PUT GET},
    {.steps = {{200, TOKEN, 0}, {403, "", 0}}, .requests = PUT GET},
    {.steps = {{200, TOKEN, 0}, {200, "", 0}}, .requests = PUT GET},
    {.steps = {{200, TOKEN, 0}, {401, "", 0}},
     .error = "AWS_EC2_METADATA_DISABLED=true skips",
     .requests = PUT GET},
    {.steps = {{200, TOKEN, 0}, {500, TOKEN, 0}}, .error = "HTTP", .requests = PUT GET},
    {.steps = {{200, TOKEN, 0}, {301, "", 0}}, .error = "HTTP", .requests = PUT GET},
    /* A service that has answered once is there: its silence is an error. */
    {.steps = {{200, TOKEN, 0}, {0, NULL, DDS_HTTP_NOT_SENT}},
     .error = "the instance metadata service",
     .requests = PUT GET},
    {.steps = {{200, TOKEN, 0}, {0, NULL, DDS_HTTP_INTERRUPTED}},
     .error = "the instance metadata service",
     .requests = PUT GET},
    /* No token: version 1. */
    {.steps = {{403, "", 0}, {200, "eu-west-1", 0}}, .text = "eu-west-1", .requests = PUT GET1},
    {.steps = {{404, "", 0}, {200, "eu-west-1", 0}}, .text = "eu-west-1", .requests = PUT GET1},
    {.steps = {{405, "", 0}, {200, "eu-west-1", 0}}, .text = "eu-west-1", .requests = PUT GET1},
    {.steps = {{500, "", 0}, {200, "eu-west-1", 0}}, .text = "eu-west-1", .requests = PUT GET1},
    {.steps = {{0, NULL, DDS_HTTP_INTERRUPTED}, {200, "eu-west-1", 0}},
     .text = "eu-west-1",
     .requests = PUT GET1},
    {.steps = {{403, "", 0}, {403, "", 0}}, .requests = PUT GET1},
    {.steps = {{404, "", 0}, {404, "", 0}}, .requests = PUT GET1},
    {.steps = {{403, "", 0}, {401, "", 0}}, .error = "raise the hop limit", .requests = PUT GET1},
    {.steps = {{0, NULL, DDS_HTTP_INTERRUPTED}, {401, "", 0}},
     .error = "raise the hop limit",
     .requests = PUT GET1},
    {.steps = {{404, "", 0}, {0, NULL, DDS_HTTP_INTERRUPTED}},
     .error = "the instance metadata service",
     .requests = PUT GET1},
    /* No token, and version 1 is not allowed. */
    {.steps = {{403, "", 0}},
     .v1_is_disabled = true,
     .error = "version 1 is disabled by AWS_EC2_METADATA_V1_DISABLED",
     .requests = PUT},
    {.steps = {{0, NULL, DDS_HTTP_INTERRUPTED}},
     .v1_is_disabled = true,
     .error = "version 1 is disabled",
     .requests = PUT},
    /* The request for a token is not what the service wants, or the answer no token. */
    {.steps = {{400, "", 0}}, .error = "AWS_EC2_METADATA_DISABLED=true skips", .requests = PUT},
    {.steps = {{200, "", 0}}, .error = "something else than a session token", .requests = PUT},
    {.steps = {{200, TOKEN "\r\nX: y", 0}},
     .error = "something else than a session token",
     .requests = PUT},
    /* Nobody is there: one attempt. */
    {.steps = {{0, NULL, DDS_HTTP_NOT_SENT}}, .requests = PUT},
    {.steps = {{0, NULL, DDS_HTTP_NOT_SENT}}, .v1_is_disabled = true, .requests = PUT},
    {.steps = {{0, NULL, DDS_HTTP_INTERRUPTED}, {0, NULL, DDS_HTTP_INTERRUPTED}},
     .requests = PUT GET1},
    {.steps = {{0, NULL, DDS_HTTP_INTERRUPTED}, {0, NULL, DDS_HTTP_NOT_SENT}},
     .requests = PUT GET1},
    {.is_disabled = true, .requests = ""},
    /* Something that is no region. */
    {.steps = {{200, TOKEN, 0}, {200, "eu-west-1\neu-west-2", 0}},
     .error = "is not one line of text",
     .requests = PUT GET},
    {.steps = {{200, TOKEN, 0}, {200, "\n\n", 0}},
     .error = "is not one line of text",
     .requests = PUT GET},
    {.steps = {{200, TOKEN, 0}, {200, "<html>\n<p>" TOKEN, 0}},
     .error = "is not one line of text",
     .requests = PUT GET},
    {.steps = {{200, TOKEN, 0}, {200, "eu\x01", 0}},
     .error = "is not one line of text",
     .requests = PUT GET},
    {.steps = {{200, TOKEN, 0}, {200, "eu\xff", 0}},
     .error = "is not one line of text",
     .requests = PUT GET},
    /* What fails on this machine says nothing of the service: here the script is at its end. */
    {.error = "the script has no more answers", .requests = PUT},
    {.steps = {{200, TOKEN, 0}}, .error = "the script has no more answers", .requests = PUT GET},
};

static void check(const imds_case *row, size_t number) {
  source_fixture f;
  dds_buffer text = DDS_BUFFER_INIT(100);
  bool is_absent = false;
  source_fixture_open(&f, NULL, row->steps);
  f.config.imds_is_disabled = row->is_disabled;
  f.config.imds_v1_is_disabled = row->v1_is_disabled;
  bool is_read =
      dds_imds_get(&f.fetcher, &f.config, REGION_PATH, "GetRegion", &text, &is_absent, &f.error);
  if (is_read != (row->text != NULL) || is_absent != (row->text == NULL && row->error == NULL)) {
    fail_msg("case %zu: %d, absent %d, %s", number, is_read, is_absent, f.error.message);
  }
  assert_string_equal(dds_buffer_text(&text), row->text == NULL ? "" : row->text);
  if (row->error == NULL) {
    assert_int_equal(f.error.code, DDS_OK);
  } else if (strstr(f.error.message, row->error) == NULL) {
    fail_msg("case %zu: %s", number, f.error.message);
  }
  source_fixture_expect_requests(&f, row->requests);
  assert_int_equal(scripted_transport_answers_left(f.script), 0);
  for (size_t i = 0; i < scripted_transport_request_count(f.script); i++) {
    const scripted_request *request = scripted_transport_request(f.script, i);
    assert_true(request->bypass_proxy);
    assert_int_equal(request->connect_timeout_ms, 1000);
    assert_int_equal(request->request_timeout_ms, 1000);
  }
  dds_buffer_free(&text);
  source_fixture_close(&f);
}

static void test_answers(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    check(&cases[i], i);
  }
}

static void test_another_endpoint_timeout_and_attempts(void **state) {
  (void)state;
  static const source_step steps[SOURCE_STEPS] = {{0, NULL, DDS_HTTP_NOT_SENT},
                                                  {500, "", 0},
                                                  {200, TOKEN, 0},
                                                  {503, "", 0},
                                                  {200, "eu-west-1", 0}};
  source_fixture f;
  dds_buffer text = DDS_BUFFER_INIT(100);
  bool is_absent = false;
  source_fixture_open(&f, NULL, steps);
  source_fixture_set(&f.config.imds_endpoint, "http://[fd00:ec2::254]");
  f.config.imds_timeout_ms = 5000;
  f.config.imds_max_attempts = 3;
  assert_true(
      dds_imds_get(&f.fetcher, &f.config, REGION_PATH, "GetRegion", &text, &is_absent, &f.error));
  assert_string_equal(dds_buffer_text(&text), "eu-west-1");
  assert_int_equal(scripted_transport_request_count(f.script), 5);
  const scripted_request *last = scripted_transport_request(f.script, 4);
  assert_string_equal(last->url, "http://[fd00:ec2::254]" REGION_PATH);
  assert_int_equal(last->connect_timeout_ms, 5000);
  assert_int_equal(last->request_timeout_ms, 5000);
  dds_buffer_free(&text);
  source_fixture_close(&f);
}

/* What is read in one visit shares a token. */
static void test_a_visit(void **state) {
  (void)state;
  static const source_step steps[SOURCE_STEPS] = {
      {200, TOKEN, 0}, {200, "two\nlines", 0}, {404, "", 0}, {200, "b", 0}};
  source_fixture f;
  dds_buffer text = DDS_BUFFER_INIT(100);
  bool is_absent = false;
  source_fixture_open(&f, NULL, steps);
  dds_imds imds = dds_imds_begin(&f.fetcher, &f.config);
  assert_true(dds_imds_read(&imds, "/a", "GetA", &text, &is_absent, &f.error));
  assert_false(dds_imds_read(&imds, "/none", "GetNone", &text, &is_absent, &f.error));
  assert_true(is_absent);
  assert_true(dds_imds_read(&imds, "/b", "GetB", &text, &is_absent, &f.error));
  assert_false(is_absent);
  assert_string_equal(dds_buffer_text(&text), "two\nlinesb");
  dds_imds_end(&imds);
  source_fixture_expect_requests(
      &f, PUT "GET http://169.254.169.254/a\nx-aws-ec2-metadata-token: " TOKEN "\n\n"
              "GET http://169.254.169.254/none\nx-aws-ec2-metadata-token: " TOKEN "\n\n"
              "GET http://169.254.169.254/b\nx-aws-ec2-metadata-token: " TOKEN "\n\n");
  assert_non_null(strstr(f.log, "GetMetadataToken /latest/api/token \nGetA /a \n"));
  dds_buffer_free(&text);
  source_fixture_close(&f);
}

/* A NUL ends neither a token nor a line. */
static void test_binary_answers(void **state) {
  (void)state;
  static const source_step none[SOURCE_STEPS] = {{0, NULL, 0}};
  static const scripted_answer token = {.status = 200, .body = TOKEN, .crc32 = ""};
  static const scripted_answer binary = {
      .status = 200, .body = "eu-west-1\0more", .body_length = 14, .crc32 = ""};
  static const struct {
    const scripted_answer *answers[2];
    const char *error;
  } rows[] = {
      {{&binary, NULL}, "something else than a session token"},
      {{&token, &binary}, "is not one line of text"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    source_fixture f;
    dds_buffer text = DDS_BUFFER_INIT(100);
    bool is_absent = false;
    source_fixture_open(&f, NULL, none);
    for (size_t j = 0; j < 2 && rows[i].answers[j] != NULL; j++) {
      scripted_transport_answer_with(f.script, rows[i].answers[j]);
    }
    assert_false(
        dds_imds_get(&f.fetcher, &f.config, REGION_PATH, "GetRegion", &text, &is_absent, &f.error));
    assert_false(is_absent);
    assert_non_null(strstr(f.error.message, rows[i].error));
    dds_buffer_free(&text);
    source_fixture_close(&f);
  }
}

static void test_interrupted(void **state) {
  (void)state;
  static const source_step steps[SOURCE_STEPS] = {{0, NULL, 0}};
  source_fixture f;
  dds_buffer text = DDS_BUFFER_INIT(100);
  bool is_absent = false;
  source_fixture_open(&f, NULL, steps);
  f.stop_at = 2;
  scripted_transport_answer_with(f.script, &(scripted_answer){.never = true});
  assert_false(
      dds_imds_get(&f.fetcher, &f.config, REGION_PATH, "GetRegion", &text, &is_absent, &f.error));
  assert_false(is_absent);
  assert_int_equal(f.error.code, DDS_INTERRUPT);
  source_fixture_close(&f);
}

static void test_allocations(void **state) {
  (void)state;
  static const source_step version_2[SOURCE_STEPS] = {{200, TOKEN, 0}, {200, "eu-west-1", 0}};
  static const source_step version_1[SOURCE_STEPS] = {{404, "", 0}, {200, "eu-west-1", 0}};
  static const source_step *const scripts[] = {version_2, version_1};
  for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
    while (failing_allocator_next()) {
      source_fixture f;
      dds_buffer text = DDS_BUFFER_INIT(100);
      bool is_absent = false;
      source_fixture_open(&f, NULL, scripts[i]);
      failing_allocator_start();
      bool is_read = dds_imds_get(&f.fetcher, &f.config, REGION_PATH, "GetRegion", &text,
                                  &is_absent, &f.error);
      failing_allocator_check(is_read, &f.error);
      assert_false(is_absent);
      dds_buffer_free(&text);
      source_fixture_close(&f);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_answers),
      cmocka_unit_test(test_another_endpoint_timeout_and_attempts),
      cmocka_unit_test(test_a_visit),
      cmocka_unit_test(test_binary_answers),
      cmocka_unit_test(test_interrupted),
      cmocka_unit_test(test_allocations),
  };
  return cmocka_run_group_tests(tests, failing_allocator_set_up, NULL);
}
