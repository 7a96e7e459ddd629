/*
 * Where a client's requests go: endpoint, region, the account's endpoint, and what is told of it
 * without a request.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <fnmatch.h>
#include <string.h>
#include <cmocka.h>

#include "aws/client.h"
#include "aws/sign.h"
#include "client_fixture.h"
#include "failing_allocator.h"

#define EXPIRED "{\"__type\":\"a#ExpiredTokenException\",\"message\":\"no\"}"

static void test_host_header(void **state) {
  (void)state;
  static const char *const pairs[][2] = {
      {"http://localhost:8000", "localhost:8000"}, {"http://localhost:80", "localhost"},
      {"https://h.example:443/", "h.example"},     {"https://h.example:8443", "h.example:8443"},
      {"http://[::1]:8000", "[::1]:8000"},
  };
  for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
    client_fixture f;
    dds_call_outcome outcome;
    client_fixture_set_up(&f);
    assert_true(client_fixture_open(&f, &(dds_client_options){.endpoint_url = pairs[i][0]}));
    scripted_transport_answer(f.script, 200, "{}");
    assert_true(client_fixture_run(&f, &outcome));
    assert_string_equal(scripted_request_header(scripted_transport_request(f.script, 0), "Host"),
                        pairs[i][1]);
    client_fixture_tear_down(&f);
  }
}

/* An endpoint behind a path of a gateway: the path is sent and signed. */
static void test_endpoint_with_a_path(void **state) {
  (void)state;
  static const struct {
    const char *endpoint, *url, *path;
  } cases[] = {
      {"http://localhost:8000", "http://localhost:8000/", "/"},
      {"http://localhost:8000/", "http://localhost:8000/", "/"},
      {"http://localhost:8000/a/b-._~", "http://localhost:8000/a/b-._~", "/a/b-._~"},
      {"http://localhost:8000/a/", "http://localhost:8000/a", "/a"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    client_fixture f;
    dds_call_outcome outcome;
    client_fixture_set_up(&f);
    fake_environment_set(&f.environment, "AWS_SESSION_TOKEN", "");
    assert_true(client_fixture_open(&f, &(dds_client_options){.endpoint_url = cases[i].endpoint}));
    scripted_transport_answer(f.script, 200, "{}");
    assert_true(client_fixture_run(&f, &outcome));
    const scripted_request *request = scripted_transport_request(f.script, 0);
    assert_string_equal(request->url, cases[i].url);

    char id[] = "AKIDEXAMPLE", secret[] = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    const dds_credentials keys = {.access_key_id = id, .secret_access_key = secret};
    const dds_sign_request to_sign = {
        .region = "us-east-1",
        .service = "dynamodb",
        .host = "localhost:8000",
        .path = cases[i].path,
        .content_type = "application/x-amz-json-1.0",
        .target = "DynamoDB_20120810.GetItem",
        .body = "{}",
        .body_length = 2,
        .time_ms = request->started_ms,
    };
    dds_signer signer = {.scope = ""};
    dds_buffer expected = DDS_BUFFER_INIT(1000);
    char amz_date[17];
    assert_true(dds_sign_authorization(&signer, &keys, &to_sign, &expected, amz_date, &f.error));
    assert_string_equal(scripted_request_header(request, "Authorization"), expected.data);
    dds_buffer_free(&expected);
    dds_sign_forget(&signer);
    client_fixture_tear_down(&f);
  }
}

/* The account's endpoint follows the credentials, which may become those of another account. */
static void test_endpoint_of_the_account(void **state) {
  (void)state;
  client_fixture f;
  dds_call_outcome outcome;
  client_fixture_set_up(&f);
  fake_environment_set(&f.environment, "AWS_ACCOUNT_ID", "111122223333");
  assert_true(client_fixture_open(&f, &(dds_client_options){0}));
  scripted_transport_answer(f.script, 200, "{}");
  scripted_transport_answer(f.script, 400, EXPIRED);
  scripted_transport_answer(f.script, 200, "{}");
  assert_true(client_fixture_run(&f, &outcome));
  assert_false(client_fixture_run(&f, &outcome));
  fake_environment_set(&f.environment, "AWS_ACCOUNT_ID", "444455556666");
  assert_true(client_fixture_run(&f, &outcome));
  static const char *const hosts[] = {"111122223333.ddb.us-east-1.amazonaws.com",
                                      "111122223333.ddb.us-east-1.amazonaws.com",
                                      "444455556666.ddb.us-east-1.amazonaws.com"};
  for (size_t i = 0; i < 3; i++) {
    const scripted_request *request = scripted_transport_request(f.script, i);
    assert_string_equal(scripted_request_header(request, "Host"), hosts[i]);
    assert_non_null(strstr(request->url, hosts[i]));
  }
  client_fixture_tear_down(&f);
}

/* Where no region is configured, that of the EC2 instance: asked for once. */
static void test_region_of_the_instance(void **state) {
  (void)state;
  client_fixture f;
  dds_call_outcome outcome;
  client_fixture_set_up(&f);
  fake_environment_set(&f.environment, "AWS_REGION", "");
  fake_environment_set(&f.environment, "AWS_EC2_METADATA_DISABLED", "");
  assert_true(client_fixture_open(&f, &(dds_client_options){0}));
  scripted_transport_answer(f.script, 200, "metadata-token-of-p");
  scripted_transport_answer(f.script, 200, "eu-west-3");
  scripted_transport_answer(f.script, 200, "{}");
  scripted_transport_answer(f.script, 200, "{}");
  assert_true(client_fixture_run(&f, &outcome));
  assert_true(client_fixture_run(&f, &outcome));
  assert_non_null(
      strstr(scripted_transport_request(f.script, 1)->url, "/latest/meta-data/placement/region"));
  for (size_t i = 2; i < 4; i++) {
    assert_string_equal(scripted_transport_request(f.script, i)->url,
                        "https://dynamodb.eu-west-3.amazonaws.com/");
  }
  client_fixture_tear_down(&f);

  /* Nobody there. */
  client_fixture_set_up(&f);
  fake_environment_set(&f.environment, "AWS_REGION", "");
  fake_environment_set(&f.environment, "AWS_EC2_METADATA_DISABLED", "");
  assert_true(client_fixture_open(&f, &(dds_client_options){0}));
  scripted_transport_fail(f.script, DDS_HTTP_NOT_SENT);
  assert_null(client_fixture_start(&f, "GetItem", "{}"));
  assert_non_null(strstr(f.error.message, "You must specify a region"));
  assert_non_null(strstr(f.error.message, "and instance metadata has none"));
  client_fixture_tear_down(&f);

  /* Somebody who makes no sense. */
  client_fixture_set_up(&f);
  fake_environment_set(&f.environment, "AWS_REGION", "");
  fake_environment_set(&f.environment, "AWS_EC2_METADATA_DISABLED", "");
  assert_true(client_fixture_open(&f, &(dds_client_options){0}));
  scripted_transport_answer(f.script, 200, "metadata-token-of-p");
  scripted_transport_answer(f.script, 200, "two\nlines");
  assert_null(client_fixture_start(&f, "GetItem", "{}"));
  assert_non_null(strstr(f.error.message, "instance metadata was asked for the region, because"));
  client_fixture_tear_down(&f);
}

/* All texts of the place with bars between; `expected` is a pattern with `*`. */
static void check_place(const dds_client *client, const char *expected) {
  dds_client_place place;
  dds_error error = DDS_ERROR_INIT;
  dds_buffer line = DDS_BUFFER_INIT(2000);
  assert_true(dds_client_describe(client, &place, &error));
  const char *const texts[] = {
      place.region,  place.region_source,  place.endpoint,          place.endpoint_source,
      place.profile, place.profile_source, place.credential_source, place.access_key_id};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    dds_buffer_append_format(&line, "%s%s", i == 0 ? "" : "|", texts[i] == NULL ? "-" : texts[i]);
  }
  if (fnmatch(expected, line.data, 0) != 0) {
    fail_msg("%s", line.data);
  }
  dds_buffer_free(&line);
  dds_client_place_free(&place);
}

#define DEFAULT "|default|default|"
#define OF_ENV  "environment|AKIDEXAMPLE"

/* Without a request, whatever is wrong. */
static void test_describe(void **state) {
  (void)state;
  static const struct {
    dds_client_options options;
    fake_entry variables[3];
    const char *config;
    const char *expected;
  } cases[] = {
      {{0},
       {{0}},
       NULL,
       "us-east-1|AWS_REGION|https://dynamodb.us-east-1.amazonaws.com|region us-east-1" DEFAULT
           OF_ENV},
      {{.region = "eu-west-1", .endpoint_url = "http://h.example:1/"},
       {{0}},
       NULL,
       "eu-west-1|option region|http://h.example:1|option endpoint_url" DEFAULT OF_ENV},
      {{0},
       {{"AWS_ACCOUNT_ID", "111122223333"}},
       NULL,
       "us-east-1|AWS_REGION|https://111122223333.ddb.us-east-1.amazonaws.com|region us-east-1, "
       "account 111122223333" DEFAULT OF_ENV},
      {{0},
       {{"AWS_USE_FIPS_ENDPOINT", "true"}, {"AWS_USE_DUALSTACK_ENDPOINT", "true"}},
       NULL,
       "us-east-1|AWS_REGION|https://dynamodb-fips.us-east-1.api.aws|region us-east-1, "
       "AWS_USE_FIPS_ENDPOINT, AWS_USE_DUALSTACK_ENDPOINT" DEFAULT OF_ENV},
      {{.profile = "p"},
       {{0}},
       "[profile p]\nrole_arn = arn:aws:iam::1:role/r\nsource_profile = q\n[profile q]\n"
       "aws_access_key_id = Q\naws_secret_access_key = s\n",
       "us-east-1|AWS_REGION|https://dynamodb.us-east-1.amazonaws.com|region us-east-1|p|option "
       "profile|role arn:aws:iam::1:role/r of profile p (source: profile q)|-"},
      {{0},
       {{"AWS_REGION", ""}},
       NULL,
       "-|no region is configured by option region, AWS_REGION, AWS_DEFAULT_REGION or profile "
       "default|-|-" DEFAULT OF_ENV},
      {{0},
       {{"AWS_ACCESS_KEY_ID", ""}},
       NULL,
       "us-east-1|AWS_REGION|https://dynamodb.us-east-1.amazonaws.com|region us-east-1" DEFAULT
       "Unable to locate credentials: *|-"},
      {{0},
       {{"AWS_ACCOUNT_ID_ENDPOINT_MODE", "required"}},
       NULL,
       "us-east-1|AWS_REGION|-|an account endpoint is required (by AWS_ACCOUNT_ID_ENDPOINT_MODE) "
       "and "
       "cannot be had: *" DEFAULT OF_ENV},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    client_fixture f;
    client_fixture_set_up(&f);
    for (size_t j = 0; j < 3 && cases[i].variables[j].name != NULL; j++) {
      fake_environment_set(&f.environment, cases[i].variables[j].name, cases[i].variables[j].value);
    }
    if (cases[i].config != NULL) {
      fake_environment_add_file(&f.environment, "~/.aws/config", cases[i].config);
    }
    assert_true(client_fixture_open(&f, &cases[i].options));
    check_place(f.client, cases[i].expected);
    assert_int_equal(scripted_transport_request_count(f.script), 0);
    client_fixture_tear_down(&f);
  }
}

/* What a request has found out shows. */
static void test_describe_after_a_request(void **state) {
  (void)state;
  client_fixture f;
  dds_call_outcome outcome;
  client_fixture_set_up(&f);
  fake_environment_set(&f.environment, "AWS_REGION", "");
  fake_environment_set(&f.environment, "AWS_EC2_METADATA_DISABLED", "");
  assert_true(client_fixture_open(&f, &(dds_client_options){0}));
  check_place(
      f.client,
      "-|no region is configured by *: a request asks instance metadata for it|-|-" DEFAULT OF_ENV);
  scripted_transport_answer(f.script, 200, "metadata-token-of-p");
  scripted_transport_answer(f.script, 200, "eu-west-3");
  scripted_transport_answer(f.script, 200, "{}");
  assert_true(client_fixture_run(&f, &outcome));
  check_place(f.client,
              "eu-west-3|instance metadata|https://dynamodb.eu-west-3.amazonaws.com|region "
              "eu-west-3" DEFAULT OF_ENV);
  client_fixture_tear_down(&f);
}

static void test_describe_with_each_allocation_failing(void **state) {
  (void)state;
  client_fixture f;
  client_fixture_set_up_open(&f);
  while (failing_allocator_next()) {
    dds_client_place place;
    dds_error error = DDS_ERROR_INIT;
    failing_allocator_start();
    bool is_described = dds_client_describe(f.client, &place, &error);
    failing_allocator_check(is_described, &error);
    dds_client_place_free(&place);
  }
  client_fixture_tear_down(&f);
}

/* The first call of a client that asks the instance for the region. */
static void test_each_allocation_failing(void **state) {
  (void)state;
  while (failing_allocator_next()) {
    client_fixture f;
    dds_call_outcome outcome;
    client_fixture_set_up(&f);
    fake_environment_set(&f.environment, "AWS_REGION", "");
    fake_environment_set(&f.environment, "AWS_EC2_METADATA_DISABLED", "");
    scripted_transport_answer(f.script, 200, "metadata-token-of-p");
    scripted_transport_answer(f.script, 200, "eu-west-3");
    scripted_transport_answer(f.script, 200, "{}");
    failing_allocator_start();
    bool is_done =
        client_fixture_open(&f, &(dds_client_options){0}) && client_fixture_run(&f, &outcome);
    failing_allocator_check(is_done, &f.error);
    assert_int_equal(scripted_transport_open_exchanges(f.script), 0);
    dds_client_close(f.client);
    scripted_transport_destroy(f.script);
  }
}

int main(void) {
  failing_allocator_install();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_host_header),
      cmocka_unit_test(test_endpoint_with_a_path),
      cmocka_unit_test(test_endpoint_of_the_account),
      cmocka_unit_test(test_region_of_the_instance),
      cmocka_unit_test(test_describe),
      cmocka_unit_test(test_describe_after_a_request),
      cmocka_unit_test(test_describe_with_each_allocation_failing),
      cmocka_unit_test(test_each_allocation_failing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
