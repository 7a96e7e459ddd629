/*
 * The client on a scripted transport: what it sends, what it retries and when, what its errors
 * say, and that it loses nothing when memory runs out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <string.h>
#include <cmocka.h>

#include "aws/client.h"
#include "base/alloc.h"
#include "client_fixture.h"
#include "failing_allocator.h"

#define TOKEN     CLIENT_FIXTURE_TOKEN
#define FOREIGN   "an answer that is not DynamoDB's (HTTP 40"
#define THROTTLED "{\"__type\":\"com.amazonaws.dynamodb.v20120810#ThrottlingException\"}"

static void test_request_and_success(void **state) {
  (void)state;
  client_fixture f;
  client_fixture_set_up_open(&f);
  scripted_transport_answer(f.script, 200, "{\"Item\":{}}");
  dds_call *call = client_fixture_start(&f, "DescribeTable", "{\"TableName\":\"Music\"}");
  assert_true(client_fixture_wait(f.client, call, &f.error));
  const dds_call_outcome *outcome = dds_call_result(call);
  assert_int_equal(outcome->body_length, 11);
  assert_memory_equal(outcome->body, "{\"Item\":{}}", 11);
  assert_int_equal(outcome->http_status, 200);
  assert_int_equal(outcome->attempts, 1);
  assert_int_equal(outcome->request_bytes, 21);
  assert_int_equal(outcome->response_bytes, 11);
  assert_int_equal(outcome->finished_ms - outcome->started_ms, 1);
  assert_string_equal(outcome->request_id, "REQUEST1");
  assert_false(outcome->may_have_been_applied);

  const scripted_request *request = scripted_transport_request(f.script, 0);
  assert_string_equal(request->url, "https://dynamodb.us-east-1.amazonaws.com/");
  assert_string_equal(request->target, "DescribeTable");
  assert_string_equal(request->body, "{\"TableName\":\"Music\"}");
  assert_int_equal(request->connect_timeout_ms, 3100);
  assert_int_equal(request->request_timeout_ms, 60000);
  static const char *const headers[][2] = {
      {"Host", "dynamodb.us-east-1.amazonaws.com"},
      {"Content-Type", "application/x-amz-json-1.0"},
      {"X-Amz-Target", "DynamoDB_20120810.DescribeTable"},
      {"X-Amz-Date", "20261122T120000Z"},
      {"X-Amz-Security-Token", TOKEN},
      {"Accept-Encoding", "identity"},
      {"amz-sdk-request", "attempt=1; max=4"},
  };
  for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
    assert_string_equal(scripted_request_header(request, headers[i][0]), headers[i][1]);
  }
  assert_int_equal(strlen(scripted_request_header(request, "amz-sdk-invocation-id")), 36);
  assert_ptr_equal(strstr(scripted_request_header(request, "User-Agent"), "dynamodb-sessions/"),
                   scripted_request_header(request, "User-Agent"));
  assert_non_null(strstr(scripted_request_header(request, "Authorization"),
                         "Credential=AKIDEXAMPLE/20261122/us-east-1/dynamodb/aws4_request"));
  dds_call_free(call);
  client_fixture_tear_down(&f);
}

static void test_throttled_then_well(void **state) {
  (void)state;
  client_fixture f;
  dds_call_outcome outcome;
  client_fixture_set_up_open(&f);
  scripted_transport_answer(f.script, 400, THROTTLED);
  scripted_transport_answer(f.script, 500, "");
  scripted_transport_answer(f.script, 200, "{}");
  assert_true(client_fixture_run(&f, &outcome));
  assert_int_equal(outcome.attempts, 3);
  assert_int_equal(outcome.error.code, DDS_OK);
  assert_true(outcome.may_have_been_applied); /* by the attempt that ended with 500 */
  const scripted_request *first = scripted_transport_request(f.script, 0);
  const scripted_request *second = scripted_transport_request(f.script, 1);
  const scripted_request *third = scripted_transport_request(f.script, 2);
  assert_in_range(second->started_ms - first->started_ms, 1, 1001);
  assert_in_range(third->started_ms - second->started_ms, 1, 51);
  assert_string_equal(scripted_request_header(third, "amz-sdk-request"), "attempt=3; max=4");
  assert_string_equal(scripted_request_header(first, "amz-sdk-invocation-id"),
                      scripted_request_header(third, "amz-sdk-invocation-id"));
  client_fixture_tear_down(&f);
}

static void test_attempts_used_up(void **state) {
  (void)state;
  static const struct {
    int status;
    const char *body;
    dds_http_failure failure;
    dds_code code;
    const char *message;
    bool may_have_been_applied;
  } cases[] = {
      {400, THROTTLED, 0, DDS_BUSY, "ThrottlingException", false},
      {400, "{\"__type\":\"x#RequestLimitExceeded\",\"message\":\"slow\"}", 0, DDS_BUSY,
       "RequestLimitExceeded: slow", false},
      {503, "{\"__type\":\"x#SlowDown\"}", 0, DDS_ERROR, "SlowDown", true},
      {500, "{\"__type\":\"x#InternalServerError\",\"Message\":\"m\"}", 0, DDS_ERROR,
       "InternalServerError: m", true},
      {502, "<html>\n  bad\n gateway", 0, DDS_ERROR,
       "an answer that is not DynamoDB's (HTTP 502, without a content type): is a proxy", true},
      {504, "", 0, DDS_ERROR, "HTTP status 504 without a message", true},
      {0, NULL, DDS_HTTP_NOT_SENT, DDS_ERROR,
       "Could not connect to the endpoint URL: \"https://dynamodb.us-east-1.amazonaws.com\"",
       false},
      {0, NULL, DDS_HTTP_INTERRUPTED, DDS_ERROR, "no whole answer from", true},
      {200, "", 0, DDS_ERROR, "the answer is not JSON", true},
      {200, "<html>sign in</html>", 0, DDS_ERROR, "the answer is not JSON", true},
      {200, "{\"Items\":[", 0, DDS_ERROR, "the answer is not JSON", true},
      {400,
       "{\"__type\":\"a#TransactionCanceledException\",\"CancellationReasons\":"
       "[{\"Code\":\"None\"},{\"Code\":\"TransactionConflict\"}]}",
       0, DDS_BUSY, "TransactionCanceledException", false},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    client_fixture f;
    dds_call_outcome outcome;
    client_fixture_set_up_open(&f);
    for (int attempt = 0; attempt < 4; attempt++) {
      if (cases[i].failure == 0) {
        scripted_transport_answer(f.script, cases[i].status, cases[i].body);
      } else {
        scripted_transport_fail(f.script, cases[i].failure);
      }
    }
    assert_false(client_fixture_run(&f, &outcome));
    if (f.error.code != cases[i].code || strstr(f.error.message, cases[i].message) == NULL) {
      fail_msg("case %zu: %d %s", i, f.error.code, f.error.message);
    }
    assert_int_equal(f.error.attempts, 4);
    assert_int_equal(f.error.http_status, cases[i].status);
    assert_int_equal(outcome.may_have_been_applied, cases[i].may_have_been_applied);
    client_fixture_tear_down(&f);
  }
}

static void test_not_retried(void **state) {
  (void)state;
  static const struct {
    int status;
    const char *body, *service_code, *message;
    dds_code code;
  } cases[] = {
      {400, "{\"__type\":\"a.b#ConditionalCheckFailedException\",\"message\":\"no\"}",
       "ConditionalCheckFailedException", "ConditionalCheckFailedException: no", DDS_ERROR},
      {400, "{\"__type\":\"ValidationException:http://x\",\"message\":\"no\"}",
       "ValidationException", "ValidationException: no", DDS_ERROR},
      {400, "{\"message\":\"only this\"}", "", FOREIGN, DDS_ERROR},
      {400, "{\"__type\":\"a#X\",\"message\":\"m\"} trailing", "", FOREIGN, DDS_ERROR},
      {400, "{\"__TYPE\":\"a#X\",\"message\":\"m\"}", "", FOREIGN, DDS_ERROR},
      {400, "{\"__type\":\"a#not a code\",\"message\":\"m\"}", "", FOREIGN, DDS_ERROR},
      {400, "{\"__type\":\"" TOKEN "\",\"message\":\"m\"}", "", FOREIGN, DDS_ERROR},
      {400, "{\"__type\":\"a#X\"}", "X", "X", DDS_ERROR},
      {400, "{\"__type\":\"a#X\",\"message\":\"of " TOKEN "\"}", "X",
       "X (its message is not shown: it repeats what was sent)", DDS_ERROR},
      {400, "{\"__type\":\"a#AccessDeniedException\",\"message\":\"" TOKEN "\"}",
       "AccessDeniedException", "it repeats what was sent); credentials of this request: env",
       DDS_AUTH},
      {403, "Forbidden " TOKEN "\r\n", "", FOREIGN, DDS_ERROR},
      {301, "", "", "HTTP status 301", DDS_ERROR},
      {400, "{\"__type\":\"a#AccessDeniedException\",\"Message\":\"not authorized\"}",
       "AccessDeniedException",
       "AccessDeniedException: not authorized; credentials of this "
       "request: environment",
       DDS_AUTH},
      {400, "{\"__type\":\"a#UnrecognizedClientException\",\"message\":\"invalid token\"}",
       "UnrecognizedClientException", "the access key id is unknown there", DDS_AUTH},
      {400, "{\"__type\":\"a#ExpiredTokenException\",\"message\":\"x\"}", "ExpiredTokenException",
       "the session token has expired", DDS_AUTH},
      {400, "{\"__type\":\"a#InvalidSignatureException\",\"message\":\"" TOKEN "\"}",
       "InvalidSignatureException", "the secret access key does not belong", DDS_AUTH},
      {403, "{\"__type\":\"a#SignatureDoesNotMatch\",\"message\":\"" TOKEN "\"}",
       "SignatureDoesNotMatch", "this machine's clock is wrong", DDS_AUTH},
      {400,
       "{\"__type\":\"a#TransactionCanceledException\",\"CancellationReasons\":"
       "[{\"Code\":\"TransactionConflict\"},{\"Code\":\"ConditionalCheckFailed\"}]}",
       "TransactionCanceledException", "TransactionCanceledException", DDS_ERROR},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    client_fixture f;
    dds_call_outcome outcome;
    client_fixture_set_up_open(&f);
    scripted_transport_answer(f.script, cases[i].status, cases[i].body);
    assert_false(client_fixture_run(&f, &outcome));
    if (f.error.code != cases[i].code || strstr(f.error.message, cases[i].message) == NULL) {
      fail_msg("case %zu: %d %s", i, f.error.code, f.error.message);
    }
    assert_string_equal(f.error.service_code, cases[i].service_code);
    assert_string_equal(f.error.request_id, "REQUEST1");
    assert_int_equal(f.error.attempts, 1);
    assert_null(strstr(f.error.message, TOKEN));
    client_fixture_tear_down(&f);
  }
  client_fixture f;
  dds_call_outcome outcome;
  client_fixture_set_up_open(&f);
  scripted_transport_fail(f.script, DDS_HTTP_REFUSED);
  assert_false(client_fixture_run(&f, &outcome));
  assert_non_null(strstr(f.error.message, "scripted failure"));
  assert_int_equal(f.error.attempts, 1);
  client_fixture_tear_down(&f);
}

/* An id is shown in errors and in dynamodb_requests; one that repeats the request is not taken. */
static void test_request_id_that_is_an_echo(void **state) {
  (void)state;
  client_fixture f;
  dds_call_outcome outcome;
  client_fixture_set_up_open(&f);
  scripted_transport_answer(f.script, 500, "");
  scripted_transport_answer_with(
      f.script, &(scripted_answer){.status = 200, .body = "{}", .request_id = TOKEN});
  assert_true(client_fixture_run(&f, &outcome));
  assert_string_equal(outcome.request_id, "");
  client_fixture_tear_down(&f);
}

static void test_checksum(void **state) {
  (void)state;
  client_fixture f;
  dds_call_outcome outcome;
  client_fixture_set_up_open(&f);
  scripted_transport_answer_with(f.script,
                                 &(scripted_answer){.status = 200, .body = "{}", .crc32 = "1"});
  scripted_transport_answer_with(f.script,
                                 &(scripted_answer){.status = 200, .body = "{}", .crc32 = ""});
  assert_true(client_fixture_run(&f, &outcome));
  assert_int_equal(outcome.attempts, 2);
  assert_true(outcome.may_have_been_applied);
  for (int i = 0; i < 4; i++) {
    scripted_transport_answer_with(f.script,
                                   &(scripted_answer){.status = 200, .body = "{}", .crc32 = "1"});
  }
  assert_false(client_fixture_run(&f, &outcome));
  assert_non_null(strstr(f.error.message, "CRC-32"));
  client_fixture_tear_down(&f);
}

static void test_retry_after_and_a_lost_answer(void **state) {
  (void)state;
  client_fixture f;
  dds_call_outcome outcome;
  client_fixture_set_up_open(&f);
  scripted_transport_answer_with(
      f.script, &(scripted_answer){.status = 500, .body = "", .retry_after = "3000"});
  scripted_transport_answer(f.script, 200, "{}");
  assert_true(client_fixture_run(&f, &outcome));
  assert_int_equal(scripted_transport_request(f.script, 1)->started_ms -
                       scripted_transport_request(f.script, 0)->started_ms,
                   3001);
  scripted_transport_answer_with(
      f.script, &(scripted_answer){.status = 200, .body = "{}", .has_lost_answer = true});
  assert_true(client_fixture_run(&f, &outcome));
  assert_int_equal(outcome.attempts, 1);
  assert_true(outcome.may_have_been_applied);
  client_fixture_tear_down(&f);
}

static void test_bucket_runs_dry(void **state) {
  (void)state;
  client_fixture f;
  dds_call_outcome outcome;
  size_t attempts = 0;
  client_fixture_set_up_open(&f);
  /* 35 retries of 14 tokens; each call of 4 attempts uses 3. */
  for (int call = 0; call < 12; call++) {
    for (int i = 0; i < (call == 11 ? 3 : 4); i++) {
      scripted_transport_answer(f.script, 500, "");
    }
    f.error = DDS_ERROR_INIT;
    assert_false(client_fixture_run(&f, &outcome));
    attempts += (size_t)outcome.attempts;
  }
  assert_int_equal(attempts, 11 * 4 + 3);
  assert_non_null(strstr(f.error.message, "not retried: too many requests failed lately"));
  client_fixture_tear_down(&f);
}

static void test_max_attempts_of_the_option(void **state) {
  (void)state;
  client_fixture f;
  dds_call_outcome outcome;
  client_fixture_set_up(&f);
  assert_true(client_fixture_open(&f, &(dds_client_options){.max_attempts = 1}));
  scripted_transport_answer(f.script, 400, THROTTLED);
  assert_false(client_fixture_run(&f, &outcome));
  assert_int_equal(f.error.code, DDS_BUSY);
  assert_string_equal(
      scripted_request_header(scripted_transport_request(f.script, 0), "amz-sdk-request"),
      "attempt=1; max=1");
  client_fixture_tear_down(&f);
}

static void test_interrupted(void **state) {
  (void)state;
  client_fixture f;
  client_fixture_set_up_open(&f);
  f.stop_at = 3;
  scripted_transport_answer_with(f.script, &(scripted_answer){.never = true});
  dds_call *call = client_fixture_start(&f, "Scan", "{}");
  assert_false(client_fixture_wait(f.client, call, &f.error));
  assert_int_equal(f.error.code, DDS_INTERRUPT);
  assert_int_equal(f.stop_calls, 3);
  dds_call_free(call);

  /* Between two attempts, too. */
  f.error = DDS_ERROR_INIT;
  f.stop_at = f.stop_calls + 2;
  scripted_transport_answer_with(
      f.script, &(scripted_answer){.status = 500, .body = "", .retry_after = "5000"});
  call = client_fixture_start(&f, "Scan", "{}");
  assert_false(client_fixture_wait(f.client, call, &f.error));
  assert_int_equal(f.error.code, DDS_INTERRUPT);
  dds_call_free(call);

  f.error = DDS_ERROR_INIT;
  f.stop_at = f.stop_calls + 2;
  assert_false(dds_client_pause(f.client, 60000, &f.error));
  assert_int_equal(f.error.code, DDS_INTERRUPT);
  client_fixture_tear_down(&f);
}

static void test_two_in_flight(void **state) {
  (void)state;
  client_fixture f;
  client_fixture_set_up_open(&f);
  scripted_transport_answer_with(
      f.script, &(scripted_answer){.status = 200, .body = "{\"a\":1}", .duration_ms = 500});
  scripted_transport_answer_with(f.script,
                                 &(scripted_answer){.status = 500, .body = "", .duration_ms = 10});
  scripted_transport_answer(f.script, 200, "{\"b\":2}");
  dds_call *calls[] = {client_fixture_start(&f, "Scan", "{}"),
                       client_fixture_start(&f, "Query", "{}")};
  size_t index = 9;
  assert_int_equal(scripted_transport_most_in_flight(f.script), 2);
  /* The second fails, is sent again and is well before the first is answered. */
  assert_true(dds_client_wait_any(f.client, calls, 2, &index, &f.error));
  assert_int_equal(index, 1);
  assert_int_equal(dds_call_result(calls[1])->attempts, 2);
  assert_memory_equal(dds_call_result(calls[1])->body, "{\"b\":2}", 7);
  assert_true(client_fixture_wait(f.client, calls[0], &f.error));
  assert_memory_equal(dds_call_result(calls[0])->body, "{\"a\":1}", 7);
  dds_call_free(calls[0]);
  dds_call_free(calls[1]);
  client_fixture_tear_down(&f);
}

static void test_two_clients_on_one_transport(void **state) {
  (void)state;
  client_fixture f;
  dds_client *other = NULL;
  client_fixture_set_up_open(&f);
  assert_true(dds_client_open(&(dds_client_options){.region = "eu-west-1"}, &f.environment.base,
                              scripted_transport_base(f.script), &(dds_observer){0}, &other,
                              &f.error));
  scripted_transport_answer(f.script, 200, "{\"a\":1}");
  scripted_transport_answer_with(
      f.script, &(scripted_answer){.status = 200, .body = "{\"b\":2}", .duration_ms = 9});
  dds_call *one = client_fixture_start(&f, "GetItem", "{}"), *two = NULL;
  dds_buffer body = DDS_BUFFER_INIT(10);
  dds_buffer_append_text(&body, "{}");
  assert_true(dds_client_start(other, "GetItem", &body, false, &two, &f.error));
  /* Waiting for the other client's answer meets the first client's, and hands it on. */
  assert_true(client_fixture_wait(other, two, &f.error));
  assert_true(client_fixture_wait(f.client, one, &f.error));
  assert_int_equal(dds_call_result(one)->http_status, 200);
  assert_string_equal(scripted_transport_request(f.script, 1)->url,
                      "https://dynamodb.eu-west-1.amazonaws.com/");
  dds_call_free(one);
  dds_call_free(two);
  dds_client_close(other);
  client_fixture_tear_down(&f);
}

static void test_pause_drives_calls(void **state) {
  (void)state;
  client_fixture f;
  client_fixture_set_up_open(&f);
  scripted_transport_answer(f.script, 200, "{}");
  dds_call *call = client_fixture_start(&f, "Scan", "{}");
  int64_t before_ms = dds_client_now_ms(f.client);
  assert_true(dds_client_pause(f.client, 1000, &f.error));
  assert_int_equal(dds_client_now_ms(f.client) - before_ms, 1000);
  assert_int_equal(dds_call_result(call)->http_status, 200);
  dds_call_free(call);
  client_fixture_tear_down(&f);
}

static void test_configuration_errors_come_at_the_first_call(void **state) {
  (void)state;
  client_fixture f;
  client_fixture_set_up(&f);
  fake_environment_set(&f.environment, "AWS_REGION", "");
  assert_true(client_fixture_open(&f, &(dds_client_options){0}));
  assert_null(client_fixture_start(&f, "GetItem", "{}"));
  assert_non_null(strstr(f.error.message, "You must specify a region"));
  client_fixture_tear_down(&f);

  client_fixture_set_up(&f);
  fake_environment_set(&f.environment, "AWS_ACCESS_KEY_ID", "");
  assert_true(client_fixture_open(&f, &(dds_client_options){0}));
  assert_null(client_fixture_start(&f, "GetItem", "{}"));
  assert_int_equal(f.error.code, DDS_AUTH);
  assert_non_null(strstr(f.error.message, "Unable to locate credentials"));
  client_fixture_tear_down(&f);

  client_fixture_set_up(&f);
  assert_false(client_fixture_open(&f, &(dds_client_options){.profile = "none"}));
  assert_null(f.client);
  client_fixture_tear_down(&f);
}

static void test_expired_credentials(void **state) {
  (void)state;
  client_fixture f;
  dds_call_outcome outcome;
  client_fixture_set_up(&f);
  fake_environment_set(&f.environment, "AWS_CREDENTIAL_EXPIRATION", "2026-11-22T12:01:00Z");
  assert_true(client_fixture_open(&f, &(dds_client_options){0}));
  scripted_transport_answer(f.script, 200, "{}");
  assert_true(client_fixture_run(&f, &outcome));
  scripted_transport_set_now(f.script, scripted_transport_now(f.script) + 60000);
  assert_false(client_fixture_run(&f, &outcome));
  assert_int_equal(f.error.code, DDS_AUTH);
  assert_non_null(strstr(f.error.message, "have expired"));

  /* The environment has new ones: they are used. */
  f.error = DDS_ERROR_INIT;
  fake_environment_set(&f.environment, "AWS_CREDENTIAL_EXPIRATION", "2026-11-22T13:01:00Z");
  scripted_transport_answer(f.script, 200, "{}");
  assert_true(client_fixture_run(&f, &outcome));
  client_fixture_tear_down(&f);
}

#define REFUSED(code) "{\"__type\":\"a#" code "\",\"message\":\"no\"}"

static void use_other_keys(client_fixture *f) {
  fake_environment_set(&f->environment, "AWS_ACCESS_KEY_ID", "AKIDOTHER");
  fake_environment_set(&f->environment, "AWS_SESSION_TOKEN", "other-token-of-p-0123456789");
}

/* Keys that DynamoDB says are no good are asked for again, those that it merely denies are not. */
static void test_keys_that_are_refused(void **state) {
  (void)state;
  static const struct {
    const char *body;
    bool are_asked_again;
  } cases[] = {
      {REFUSED("ExpiredTokenException"), true},       {REFUSED("ExpiredToken"), true},
      {REFUSED("UnrecognizedClientException"), true}, {REFUSED("InvalidClientTokenId"), true},
      {REFUSED("AccessDeniedException"), false},      {REFUSED("ValidationException"), false},
      {REFUSED("InvalidSignatureException"), false},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    client_fixture f;
    dds_call_outcome outcome;
    client_fixture_set_up_open(&f);
    scripted_transport_answer(f.script, 400, cases[i].body);
    assert_false(client_fixture_run(&f, &outcome));
    use_other_keys(&f);
    f.error = DDS_ERROR_INIT;
    scripted_transport_answer(f.script, 200, "{}");
    assert_true(client_fixture_run(&f, &outcome));
    const char *authorization =
        scripted_request_header(scripted_transport_request(f.script, 1), "Authorization");
    assert_non_null(
        strstr(authorization, cases[i].are_asked_again ? "AKIDOTHER/" : "AKIDEXAMPLE/"));
    client_fixture_tear_down(&f);
  }
}

/* An answer to a request that was signed with the keys before may repeat those. */
static void test_echo_of_replaced_keys(void **state) {
  (void)state;
  client_fixture f;
  dds_call_outcome outcome;
  client_fixture_set_up_open(&f);
  scripted_transport_answer_with(
      f.script, &(scripted_answer){.status = 400,
                                   .body = "{\"__type\":\"a#X\",\"message\":\"of " TOKEN "\"}",
                                   .duration_ms = 100});
  dds_call *slow = client_fixture_start(&f, "Query", "{}");
  scripted_transport_answer(f.script, 400, REFUSED("ExpiredTokenException"));
  assert_false(client_fixture_run(&f, &outcome));
  use_other_keys(&f);
  f.error = DDS_ERROR_INIT;
  scripted_transport_answer(f.script, 200, "{}");
  assert_true(client_fixture_run(&f, &outcome));
  assert_string_equal(
      scripted_request_header(scripted_transport_request(f.script, 2), "X-Amz-Security-Token"),
      "other-token-of-p-0123456789");
  assert_false(client_fixture_wait(f.client, slow, &f.error));
  assert_string_equal(f.error.message, "X (its message is not shown: it repeats what was sent)");
  dds_call_free(slow);
  client_fixture_tear_down(&f);
}

static void test_clock_skew(void **state) {
  (void)state;
  static const char at_ten_past[] = "Sun, 22 Nov 2026 12:10:00 GMT";
  client_fixture f;
  dds_call_outcome outcome;
  client_fixture_set_up_open(&f);
  scripted_transport_answer_with(f.script,
                                 &(scripted_answer){.status = 400,
                                                    .body = REFUSED("InvalidSignatureException"),
                                                    .date = at_ten_past});
  scripted_transport_answer_with(
      f.script, &(scripted_answer){.status = 200, .body = "{}", .date = at_ten_past});
  assert_true(client_fixture_run(&f, &outcome));
  const scripted_request *second = scripted_transport_request(f.script, 1);
  assert_memory_equal(scripted_request_header(second, "X-Amz-Date"), "20261122T1210", 13);
  assert_string_equal(scripted_request_header(second, "amz-sdk-request"), "attempt=2; max=4");
  client_fixture_tear_down(&f);
}

/* Opens, makes two calls of which one is retried, closes. False where memory ran out. */
static bool make_two_calls(client_fixture *f) {
  size_t index;
  bool is_done = client_fixture_open(f, &(dds_client_options){0});
  dds_call *calls[2] = {NULL, NULL};
  for (int i = 0; i < 2 && is_done; i++) {
    dds_buffer body = DDS_BUFFER_INIT(100);
    dds_buffer_append_text(&body, "{}");
    is_done = dds_client_start(f->client, "GetItem", &body, false, &calls[i], &f->error);
  }
  is_done = is_done && dds_client_wait_any(f->client, calls, 2, &index, &f->error);
  for (int i = 0; i < 2 && is_done; i++) {
    is_done = client_fixture_wait(f->client, calls[i], &f->error);
  }
  dds_call_free(calls[0]);
  dds_call_free(calls[1]);
  return is_done;
}

static void test_each_allocation_failing(void **state) {
  (void)state;
  while (failing_allocator_next()) {
    client_fixture f;
    client_fixture_set_up(&f);
    scripted_transport_answer(f.script, 500, "");
    scripted_transport_answer(f.script, 200, "{\"a\":1}");
    scripted_transport_answer(f.script, 200, "{\"b\":2}");
    failing_allocator_start();
    bool is_done = make_two_calls(&f);
    failing_allocator_check(is_done, &f.error);
    assert_int_equal(scripted_transport_open_exchanges(f.script), 0);
    dds_client_close(f.client);
    scripted_transport_destroy(f.script);
  }
}

int main(void) {
  failing_allocator_install();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_request_and_success),
      cmocka_unit_test(test_throttled_then_well),
      cmocka_unit_test(test_attempts_used_up),
      cmocka_unit_test(test_not_retried),
      cmocka_unit_test(test_request_id_that_is_an_echo),
      cmocka_unit_test(test_checksum),
      cmocka_unit_test(test_retry_after_and_a_lost_answer),
      cmocka_unit_test(test_bucket_runs_dry),
      cmocka_unit_test(test_max_attempts_of_the_option),
      cmocka_unit_test(test_interrupted),
      cmocka_unit_test(test_two_in_flight),
      cmocka_unit_test(test_two_clients_on_one_transport),
      cmocka_unit_test(test_pause_drives_calls),
      cmocka_unit_test(test_configuration_errors_come_at_the_first_call),
      cmocka_unit_test(test_expired_credentials),
      cmocka_unit_test(test_keys_that_are_refused),
      cmocka_unit_test(test_echo_of_replaced_keys),
      cmocka_unit_test(test_clock_skew),
      cmocka_unit_test(test_each_allocation_failing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
