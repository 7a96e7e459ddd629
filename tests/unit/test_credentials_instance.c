/* The role of an EC2 instance: a row is what the metadata service answers and what comes of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "failing_allocator.h"
#include "source_fixture.h"

#define TOKEN "secret-of-visit"
#define ROLES "http://169.254.169.254/latest/meta-data/iam/security-credentials/"
#define PUT                                       \
  "PUT http://169.254.169.254/latest/api/token\n" \
  "x-aws-ec2-metadata-token-ttl-seconds: 21600\n\n"
#define HEADER "\nx-aws-ec2-metadata-token: " TOKEN "\n\n"
#define LIST   "GET " ROLES HEADER
#define KEYS   "GET " ROLES "web-role" HEADER

/* 2026-11-22T18:00:00Z */
#define DOCUMENT                                                                             \
  "{\n  \"Code\" : \"Success\",\n  \"LastUpdated\" : \"2026-11-22T11:55:00Z\",\n"            \
  "  \"Type\" : \"AWS-HMAC\",\n  \"AccessKeyId\" : \"id-of-role\",\n"                        \
  "  \"SecretAccessKey\" : \"secret-of-role\",\n  \"Token\" : \"secret-of-role-session\",\n" \
  "  \"Expiration\" : \"2026-11-22T18:00:00Z\"\n}"
#define FOUND                                                      \
  "id-of-role|secret-of-role|secret-of-role-session|-|1795370400|" \
  "instance metadata, role web-role"

typedef struct instance_case {
  source_step steps[SOURCE_STEPS];
  bool is_disabled;
  bool is_absent;
  const char *expected; /* the credentials, or words of the error */
  const char *requests;
} instance_case;

static const instance_case cases[] = {
    {.steps = {{200, TOKEN, 0}, {200, "web-role", 0}, {200, DOCUMENT, 0}},
     .expected = FOUND,
     .requests = PUT LIST KEYS},
    {.steps = {{200, TOKEN, 0}, {200, "web-role\nother\n", 0}, {200, DOCUMENT, 0}},
     .expected = FOUND,
     .requests = PUT LIST KEYS},
    {.steps = {{404, "", 0}, {200, "web-role\r\n", 0}, {200, DOCUMENT, 0}},
     .expected = FOUND,
     .requests = PUT "GET " ROLES "\n\nGET " ROLES "web-role\n\n"},
    /* Some that play the service give no Code. */
    {.steps = {{200, TOKEN, 0},
               {200, "web-role", 0},
               {200,
                "{\"AccessKeyId\":\"i\",\"SecretAccessKey\":\"secret-of-i\",\"Token\":"
                "\"secret-of-t\",\"Expiration\":\"1970-01-01T00:00:09Z\"}",
                0}},
     .expected = "i|secret-of-i|secret-of-t|-|9|instance metadata, role web-role",
     .requests = PUT LIST KEYS},

    {.is_disabled = true, .is_absent = true, .requests = ""},
    {.steps = {{0, NULL, DDS_HTTP_NOT_SENT}}, .is_absent = true, .requests = PUT},
    {.steps = {{200, TOKEN, 0}, {404, "", 0}}, .is_absent = true, .requests = PUT LIST},
    {.steps = {{200, TOKEN, 0}, {200, "", 0}}, .is_absent = true, .requests = PUT LIST},
    {.steps = {{200, TOKEN, 0}, {200, "web-role", 0}, {404, "", 0}},
     .is_absent = true,
     .requests = PUT LIST KEYS},

    {.steps = {{400, "", 0}}, .expected = "the instance metadata service", .requests = PUT},
    {.steps = {{200, TOKEN, 0}, {500, "", 0}},
     .expected = "the instance metadata service",
     .requests = PUT LIST},
    {.steps = {{200, TOKEN, 0}, {200, "<html>", 0}},
     .expected = "names no role",
     .requests = PUT LIST},
    {.steps = {{200, TOKEN, 0}, {200, "a/../b", 0}},
     .expected = "names no role",
     .requests = PUT LIST},
    {.steps = {{200, TOKEN, 0}, {200, "web role", 0}},
     .expected = "names no role",
     .requests = PUT LIST},
    {.steps = {{200, TOKEN, 0}, {200, "\nweb-role", 0}},
     .expected = "names no role",
     .requests = PUT LIST},
    {.steps = {{200, TOKEN, 0}, {200, "web-role", 0}, {503, DOCUMENT, 0}},
     .expected = "the instance metadata service",
     .requests = PUT LIST KEYS},
    {.steps = {{200, TOKEN, 0}, {200, "web-role", 0}, {200, "<html>secret-of-html", 0}},
     .expected = "instance metadata, role web-role: the answer is not the JSON that it should be: "
                 "no AccessKeyId, SecretAccessKey, Token, Expiration",
     .requests = PUT LIST KEYS},
    {.steps = {{200, TOKEN, 0}, {200, "web-role", 0}, {200, DOCUMENT "x", 0}},
     .expected = "the answer is not the JSON that it should be",
     .requests = PUT LIST KEYS},
    {.steps = {{200, TOKEN, 0},
               {200, "web-role", 0},
               {200,
                "{\"Code\":\"Success\",\"AccessKeyId\":\"i\",\"SecretAccessKey\":\"secret-of-i\","
                "\"Token\":7,\"Expiration\":\"2026-11-22T18:00:00Z\"}",
                0}},
     .expected = "it should be: no Token",
     .requests = PUT LIST KEYS},
    {.steps = {{200, TOKEN, 0},
               {200, "web-role", 0},
               {200,
                "{\"AccessKeyId\":\"\",\"SecretAccessKey\":\"\",\"Token\":\"secret-of-t\","
                "\"Expiration\":\"2026-11-22T18:00:00Z\"}",
                0}},
     .expected = "it should be: no AccessKeyId, SecretAccessKey",
     .requests = PUT LIST KEYS},
    {.steps = {{200, TOKEN, 0},
               {200, "web-role", 0},
               {200,
                "{\"Code\":\"Success\",\"AccessKeyId\":\"i\",\"SecretAccessKey\":\"secret-of-i\","
                "\"Token\":\"secret-of-t\",\"Expiration\":\"secret-of-e\"}",
                0}},
     .expected = "Expiration of the answer is no time",
     .requests = PUT LIST KEYS},
    {.steps = {{200, TOKEN, 0},
               {200, "web-role", 0},
               {200,
                "{\"AccessKeyId\":\"i\",\"SecretAccessKey\":\"secret-of-i\\r\\n\",\"Token\":"
                "\"secret-of-t\",\"Expiration\":\"2026-11-22T18:00:00Z\"}",
                0}},
     .expected = "the secret access key of instance metadata, role web-role holds a control",
     .requests = PUT LIST KEYS},
    {.steps = {{200, TOKEN, 0},
               {200, "web-role", 0},
               {200,
                "{\"Code\":\"AssumeRoleUnauthorizedAccess\",\"Message\":\"EC2 cannot assume the "
                "role web-role.\"}",
                0}},
     .expected = "instance metadata, role web-role: AssumeRoleUnauthorizedAccess: EC2 cannot "
                 "assume the role web-role.; look at the role's trust policy",
     .requests = PUT LIST KEYS},
    {.steps = {{200, TOKEN, 0}, {200, "web-role", 0}, {200, "{\"Code\":\"Failed\"}", 0}},
     .expected = "instance metadata, role web-role: Failed; look",
     .requests = PUT LIST KEYS},
    {.steps = {{200, TOKEN, 0},
               {200, "web-role", 0},
               {200, "{\"Code\":\"Failed\",\"Message\":\"for " TOKEN "\"}", 0}},
     .expected = "the reason is unreadable",
     .requests = PUT LIST KEYS},
    {.steps = {{200, TOKEN, 0},
               {200, "web-role", 0},
               {200,
                "{\"Code\":\"Failed\",\"SecretAccessKey\":\"secret-of-role\",\"Message\":\"of "
                "secret-of-role\"}",
                0}},
     .expected = "the reason is unreadable",
     .requests = PUT LIST KEYS},
    {.steps = {{200, TOKEN, 0},
               {200, "web-role", 0},
               {200, "{\"Code\":\"Fail\\ned\",\"Message\":\"m\"}", 0}},
     .expected = "the reason is unreadable",
     .requests = PUT LIST KEYS},
};

static void check(const instance_case *row, size_t number) {
  source_fixture f;
  char text[DDS_ERROR_TEXT_BYTES] = "";
  source_fixture_open(&f, NULL, row->steps);
  f.config.imds_is_disabled = row->is_disabled;
  dds_credentials_result result =
      dds_credentials_instance_find(&f.context, &f.credentials, &f.error);
  if (result == DDS_CREDENTIALS_FOUND) {
    source_fixture_describe(&f.credentials, text, sizeof text);
    assert_true(f.credentials.outlives_expiry);
  } else {
    snprintf(text, sizeof text, "%s", f.error.message);
    assert_null(f.credentials.access_key_id);
  }
  if (row->is_absent != (result == DDS_CREDENTIALS_ABSENT) ||
      (row->expected == NULL ? f.error.code != DDS_OK : strstr(text, row->expected) == NULL)) {
    fail_msg("case %zu: %d %s", number, (int)result, text);
  }
  source_fixture_expect_requests(&f, row->requests);
  assert_int_equal(scripted_transport_answers_left(f.script), 0);
  source_fixture_close(&f);
}

static void test_answers(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    check(&cases[i], i);
  }
}

static void test_offline(void **state) {
  (void)state;
  source_fixture f;
  char text[300];
  source_fixture_open(&f, NULL, cases[0].steps);
  f.context.fetcher = NULL;
  assert_int_equal(dds_credentials_instance_find(&f.context, &f.credentials, &f.error),
                   DDS_CREDENTIALS_FOUND);
  source_fixture_describe(&f.credentials, text, sizeof text);
  assert_string_equal(strrchr(text, '|'), "|instance metadata (not asked yet)");
  assert_null(f.credentials.access_key_id);
  assert_int_equal(scripted_transport_request_count(f.script), 0);
  dds_credentials_free(&f.credentials);
  f.config.imds_is_disabled = true;
  assert_int_equal(dds_credentials_instance_find(&f.context, &f.credentials, &f.error),
                   DDS_CREDENTIALS_ABSENT);
  source_fixture_close(&f);
}

static void open_found(source_fixture *f) {
  source_fixture_open(f, NULL, cases[0].steps);
}

static void test_allocations(void **state) {
  (void)state;
  source_fixture_refuse_allocations(open_found, dds_credentials_instance_find);
}

static void test_wiping(void **state) {
  (void)state;
  source_fixture_check_wiping(open_found, dds_credentials_instance_find);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_answers),
      cmocka_unit_test(test_offline),
      cmocka_unit_test(test_allocations),
      cmocka_unit_test(test_wiping),
  };
  return cmocka_run_group_tests(tests, failing_allocator_set_up, NULL);
}
