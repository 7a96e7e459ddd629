/* Single requests: what is sent, what errors say and do not say, what the log is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "aws/fetch.h"
#include "aws/sign.h"
#include "failing_allocator.h"
#include "scripted_transport.h"

#define SECRET "secret-of-p-0123456789"
#define TOKEN  "token-of-p-0123456789"
#define BEARER "bearer-of-p-0123456789"
#define BODY   "Action=AssumeRole&Version=2011-06-15"

/* A fetcher on a script, and what the observer was told. */
typedef struct fixture {
  scripted_transport *script;
  dds_fetcher fetcher;
  dds_error error;
  dds_fetch_answer answer;
  int stop_calls, stop_at; /* the call that says stop; 0: none does */
  int record_count;
  char record[1500]; /* the last one */
} fixture;

static bool asked(void *context) {
  fixture *f = context;
  return ++f->stop_calls == f->stop_at;
}

static void record(void *context, const dds_record *record) {
  fixture *f = context;
  f->record_count++;
  assert_null(record->table_name);
  assert_true(record->started_ms > 0 && record->items == -1 && record->scanned == -1);
  assert_true(record->capacity_units < 0);
  snprintf(f->record, sizeof f->record, "%s [%s] http=%d attempts=%d ms=%d out=%zu in=%zu %s: %s",
           record->operation, record->words, record->http_status, record->attempts,
           (int)record->duration_ms, record->request_bytes, record->response_bytes,
           record->request_id, record->error == NULL ? "ok" : record->error);
}

static void set_up(fixture *f) {
  *f = (fixture){.error = DDS_ERROR_INIT};
  const dds_stop stop = {.asked = asked, .context = f};
  const dds_observer observer = {record, f};
  f->script = scripted_transport_create(&stop);
  assert_true(
      dds_fetcher_init(&f->fetcher, scripted_transport_base(f->script), &observer, &f->error));
}

static void tear_down(fixture *f) {
  dds_fetch_answer_free(&f->answer);
  assert_int_equal(scripted_transport_open_exchanges(f->script), 0);
  assert_int_equal(scripted_transport_answers_left(f->script), 0);
  scripted_transport_destroy(f->script);
}

/* Wherever a text may be read by others, it holds no secret. */
static void check_secrets(const fixture *f) {
  static const char *const secrets[] = {SECRET, TOKEN, BEARER};
  for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++) {
    assert_null(strstr(f->error.message, secrets[i]));
    assert_null(strstr(f->error.request_id, secrets[i]));
    assert_null(strstr(f->record, secrets[i]));
  }
}

static const char *const bearer_alone[] = {BEARER};

/* As SSO is asked, and as instance metadata is. */
static dds_fetch_request get(void) {
  static const dds_http_header header = {"x-amz-sso_bearer_token", BEARER};
  return (dds_fetch_request){
      .service = "SSO",
      .operation = "GetRoleCredentials",
      .words = "role r",
      .method = "GET",
      .url = "https://portal.example:8443/federation/credentials?role_name=r",
      .headers = &header,
      .header_count = 1,
      .secrets = bearer_alone,
      .secret_count = 1,
      .connect_timeout_ms = 11,
      .request_timeout_ms = 22,
      .max_attempts = 3,
  };
}

static const dds_credentials *keys(void) {
  static char id[] = "AKIDEXAMPLE", secret[] = SECRET, token[] = TOKEN, source[] = "profile p";
  static dds_credentials credentials = {.expires_ms = INT64_MAX};
  credentials.access_key_id = id;
  credentials.secret_access_key = secret;
  credentials.session_token = token;
  credentials.source = source;
  return &credentials;
}

/* As STS is asked. */
static dds_fetch_request post(void) {
  return (dds_fetch_request){
      .service = "STS",
      .operation = "AssumeRole",
      .words = "role r of profile p",
      .method = "POST",
      .url = "https://sts.example/path",
      .body = BODY,
      .body_length = strlen(BODY),
      .content_type = "application/x-www-form-urlencoded; charset=utf-8",
      .credentials = keys(),
      .signing_region = "eu-west-1",
      .signing_service = "sts",
      .max_attempts = 3,
  };
}

static bool fetch(fixture *f, dds_fetch_request request) {
  dds_fetch_answer_free(&f->answer);
  f->error = DDS_ERROR_INIT;
  f->record[0] = '\0';
  bool is_done = dds_fetch(&f->fetcher, &request, &f->answer, &f->error);
  assert_int_equal(is_done, f->error.code == DDS_OK);
  check_secrets(f);
  return is_done;
}

static void check_headers(const scripted_request *request, const char *const (*headers)[2],
                          size_t count) {
  for (size_t i = 0; i < count; i++) {
    const char *value = scripted_request_header(request, headers[i][0]);
    if (headers[i][1] == NULL ? value != NULL
                              : value == NULL || strcmp(value, headers[i][1]) != 0) {
      fail_msg("%s: %s", headers[i][0], value == NULL ? "none" : value);
    }
  }
}

static void test_get(void **state) {
  (void)state;
  fixture f;
  set_up(&f);
  scripted_transport_answer(f.script, 200, "any \x01 bytes");
  assert_true(fetch(&f, get()));
  assert_int_equal(f.answer.status, 200);
  assert_false(f.answer.is_unreachable);
  assert_string_equal(f.answer.service_code, "");
  assert_string_equal(dds_buffer_text(&f.answer.body), "any \x01 bytes");
  assert_true(f.answer.body.is_secret);
  assert_int_equal(f.record_count, 1);
  assert_string_equal(f.record,
                      "GetRoleCredentials [role r] http=200 attempts=1 ms=1 out=0 in=11 REQUEST1: "
                      "ok");

  const scripted_request *request = scripted_transport_request(f.script, 0);
  static const char *const headers[][2] = {
      {"Host", "portal.example:8443"},
      {"x-amz-sso_bearer_token", BEARER},
      {"Accept-Encoding", "identity"},
      {"amz-sdk-request", "attempt=1; max=3"},
      {"Content-Type", NULL},
      {"Authorization", NULL},
      {"X-Amz-Date", NULL},
      {"X-Amz-Security-Token", NULL},
  };
  check_headers(request, headers, sizeof headers / sizeof headers[0]);
  assert_non_null(scripted_request_header(request, "User-Agent"));
  assert_int_equal(strlen(scripted_request_header(request, "amz-sdk-invocation-id")), 36);
  assert_string_equal(request->method, "GET");
  assert_string_equal(request->url,
                      "https://portal.example:8443/federation/credentials?role_name=r");
  assert_int_equal(request->connect_timeout_ms, 11);
  assert_int_equal(request->request_timeout_ms, 22);
  assert_true(request->is_secret);
  assert_false(request->bypass_proxy);
  tear_down(&f);
}

static void test_metadata(void **state) {
  (void)state;
  fixture f;
  dds_fetch_request request = get();
  set_up(&f);
  request.bypass_proxy = true;
  request.header_count = 0;
  request.url = "http://169.254.169.254";
  scripted_transport_answer(f.script, 200, "");
  assert_true(fetch(&f, request));
  assert_int_equal(f.answer.body.length, 0);
  static const char *const headers[][2] = {
      {"Host", "169.254.169.254"}, {"amz-sdk-request", NULL}, {"amz-sdk-invocation-id", NULL}};
  check_headers(scripted_transport_request(f.script, 0), headers, 3);
  assert_true(scripted_transport_request(f.script, 0)->bypass_proxy);
  tear_down(&f);
}

static void test_signed(void **state) {
  (void)state;
  fixture f;
  set_up(&f);
  scripted_transport_answer(f.script, 200, "<r/>");
  assert_true(fetch(&f, post()));
  const scripted_request *request = scripted_transport_request(f.script, 0);
  assert_string_equal(request->body, BODY);
  static const char *const headers[][2] = {
      {"Host", "sts.example"},
      {"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"},
      {"X-Amz-Date", "20261122T120000Z"},
      {"X-Amz-Security-Token", TOKEN},
      {"X-Amz-Target", NULL},
      {"amz-sdk-request", "attempt=1; max=3"},
  };
  check_headers(request, headers, sizeof headers / sizeof headers[0]);

  const dds_sign_request to_sign = {
      .region = "eu-west-1",
      .service = "sts",
      .host = "sts.example",
      .path = "/path",
      .content_type = "application/x-www-form-urlencoded; charset=utf-8",
      .body = BODY,
      .body_length = strlen(BODY),
      .time_ms = request->started_ms,
  };
  dds_signer signer = {.scope = ""};
  dds_buffer expected = DDS_BUFFER_INIT(1000);
  char amz_date[17];
  assert_true(dds_sign_authorization(&signer, keys(), &to_sign, &expected, amz_date, &f.error));
  assert_string_equal(scripted_request_header(request, "Authorization"), expected.data);
  assert_non_null(
      strstr(expected.data, "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token,"));
  dds_buffer_free(&expected);
  dds_sign_forget(&signer);
  tear_down(&f);
}

#define XML(code, message)                                                                 \
  "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender" \
  "</Type><Code>" code "</Code><Message>" message "</Message></Error></ErrorResponse>"
#define SSO  "GetRoleCredentials of SSO failed: "
#define STS  "AssumeRole of STS failed: "
#define KEYS "; credentials of this request: profile p; "

static const struct {
  bool is_signed;
  int status;
  const char *body;
  const char *service_code;
  dds_code code;
  const char *message; /* how it begins */
} error_cases[] = {
    {true, 403, XML("AccessDenied", "not authorized to assume &lt;r&gt;"), "AccessDenied", DDS_AUTH,
     STS "AccessDenied: not authorized to assume <r>" KEYS "ask for an IAM policy"},
    {true, 403, XML("InvalidClientTokenId", "m"), "InvalidClientTokenId", DDS_AUTH,
     STS "InvalidClientTokenId: m" KEYS},
    {true, 400, XML("MalformedPolicy", "m\n  n"), "MalformedPolicy", DDS_ERROR,
     STS "MalformedPolicy: m n"},
    {true, 400, XML("MalformedPolicy", ""), "MalformedPolicy", DDS_ERROR, STS "MalformedPolicy"},
    {true, 400, XML("X", "it is " TOKEN), "X", DDS_ERROR,
     STS "X (its message is not shown: it repeats what was sent)"},
    {true, 400, XML("X", "it is " SECRET), "X", DDS_ERROR, STS "X (its message is not shown"},
    {true, 403, XML("SignatureDoesNotMatch", "host:sts.example"), "SignatureDoesNotMatch", DDS_AUTH,
     STS "SignatureDoesNotMatch" KEYS "the secret access key"},
    {true, 403, XML(TOKEN, "m"), "", DDS_ERROR, STS "an answer that is not STS's (HTTP 403"},
    {true, 403, XML("no code", "m"), "", DDS_ERROR, STS "an answer that is not STS's"},
    {true, 403, "<html><body>" TOKEN "</body></html>", "", DDS_ERROR,
     STS "an answer that is not STS's (HTTP 403, without a content type): is a proxy"},
    {true, 403, "<Error><Code>X</Code>", "", DDS_ERROR, STS "an answer that is not STS's"},
    {true, 404, "", "", DDS_ERROR, STS "HTTP status 404 without a message"},
    {true, 302, "", "", DDS_ERROR, STS "HTTP status 302 without a message"},
    {true, 201, "<r/>", "", DDS_ERROR, STS "an answer that is not STS's (HTTP 201"},
    {false, 401, "{\"__type\":\"a.b#UnauthorizedException\",\"message\":\"Session token\"}",
     "UnauthorizedException", DDS_ERROR, SSO "UnauthorizedException: Session token"},
    {false, 401, "{\"message\":\"x\",\"__type\":\"X\"}", "X", DDS_ERROR, SSO "X: x"},
    {false, 400, "{\"code\":\"X\",\"Message\":\"x\"}", "X", DDS_ERROR, SSO "X: x"},
    {false, 400, "{\"Code\":\"X\"}", "X", DDS_ERROR, SSO "X"},
    {false, 400, "{\"error\":\"invalid_grant\",\"error_description\":\"Invalid token\"}",
     "invalid_grant", DDS_ERROR, SSO "invalid_grant: Invalid token"},
    {false, 400, "{\"__type\":\"X\",\"message\":\"of " BEARER "\"}", "X", DDS_ERROR,
     SSO "X (its message is not shown"},
    {false, 400, "{\"__type\":\"X\",\"message\":\"Authorization: y\"}", "X", DDS_ERROR,
     SSO "X (its message is not shown"},
    {false, 403, "{\"__type\":\"AccessDeniedException\",\"message\":\"no\"}",
     "AccessDeniedException", DDS_AUTH, SSO "AccessDeniedException: no"},
    {false, 400, "{\"__type\":\"" BEARER "\"}", "", DDS_ERROR, SSO "an answer that is not SSO's"},
    {false, 400, "{\"message\":\"m\"}", "", DDS_ERROR, SSO "an answer that is not SSO's"},
    {false, 400, "[\"" BEARER "\"]", "", DDS_ERROR, SSO "an answer that is not SSO's"},
};

static void test_errors(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof error_cases / sizeof error_cases[0]; i++) {
    fixture f;
    set_up(&f);
    scripted_transport_answer(f.script, error_cases[i].status, error_cases[i].body);
    assert_false(fetch(&f, error_cases[i].is_signed ? post() : get()));
    if (strncmp(f.error.message, error_cases[i].message, strlen(error_cases[i].message)) != 0) {
      fail_msg("case %zu: %s", i, f.error.message);
    }
    assert_int_equal(f.error.code, error_cases[i].code);
    assert_int_equal(f.error.http_status, error_cases[i].status);
    assert_int_equal(f.error.attempts, 1);
    assert_string_equal(f.error.request_id, "REQUEST1");
    assert_string_equal(f.answer.service_code, error_cases[i].service_code);
    assert_int_equal(f.answer.status, error_cases[i].status);
    assert_int_equal(f.answer.body.length, 0);
    assert_int_equal(f.record_count, 1);
    assert_non_null(strstr(f.record, f.error.message));
    tear_down(&f);
  }
}

/* There are no keys to speak of. */
static void test_error_of_an_unsigned_request(void **state) {
  (void)state;
  fixture f;
  set_up(&f);
  scripted_transport_answer(f.script, 403, XML("AccessDenied", "no"));
  dds_fetch_request unsigned_request = post();
  unsigned_request.credentials = NULL;
  assert_false(fetch(&f, unsigned_request));
  assert_string_equal(f.error.message, STS "AccessDenied: no");
  tear_down(&f);
}

static void test_retries(void **state) {
  (void)state;
  static const char *const codes[] = {"IDPCommunicationError"};
  fixture f;
  set_up(&f);
  scripted_transport_answer(f.script, 500, "");
  scripted_transport_answer(f.script, 400, XML("Throttling", "Rate exceeded"));
  scripted_transport_answer(f.script, 200, "<r/>");
  assert_true(fetch(&f, post()));
  assert_int_equal(f.record_count, 1);
  assert_non_null(strstr(f.record, "http=200 attempts=3 "));

  for (int has_codes = 0; has_codes < 2; has_codes++) {
    dds_fetch_request request = post();
    request.retry_codes = codes;
    request.retry_code_count = has_codes ? 1 : 0;
    scripted_transport_answer(f.script, 400, XML("IDPCommunicationError", "m"));
    if (has_codes) {
      scripted_transport_answer(f.script, 200, "<r/>");
    }
    assert_int_equal(fetch(&f, request), has_codes);
  }

  for (int i = 0; i < 3; i++) {
    scripted_transport_answer(f.script, 400, XML("Throttling", "Rate exceeded"));
  }
  assert_false(fetch(&f, post()));
  assert_int_equal(f.error.code, DDS_BUSY);
  assert_int_equal(f.error.attempts, 3);
  assert_string_equal(f.answer.service_code, "Throttling");
  tear_down(&f);
}

/* Signed anew with the time that the service's answer shows. */
static void test_clock_skew(void **state) {
  (void)state;
  fixture f;
  set_up(&f);
  static const char at_one[] = "Sun, 22 Nov 2026 13:00:00 GMT";
  scripted_transport_answer_with(
      f.script,
      &(scripted_answer){.status = 403, .body = XML("SignatureDoesNotMatch", "m"), .date = at_one});
  scripted_transport_answer_with(f.script,
                                 &(scripted_answer){.status = 200, .body = "<r/>", .date = at_one});
  assert_true(fetch(&f, post()));
  const char *date = scripted_request_header(scripted_transport_request(f.script, 1), "X-Amz-Date");
  assert_memory_equal(date, "20261122T1300", 13);
  tear_down(&f);
}

static void test_no_answer(void **state) {
  (void)state;
  static const struct {
    dds_http_failure failures[3];
    bool is_unreachable;
    const char *message;
  } cases[] = {
      {{DDS_HTTP_NOT_SENT, DDS_HTTP_NOT_SENT, DDS_HTTP_NOT_SENT},
       true,
       SSO "Could not connect to the endpoint URL: \"https://portal.example:8443\" (scripted"},
      {{DDS_HTTP_INTERRUPTED, DDS_HTTP_INTERRUPTED, DDS_HTTP_INTERRUPTED},
       false,
       SSO "no whole answer from \"https://portal.example:8443\" (scripted"},
      {{DDS_HTTP_NOT_SENT, DDS_HTTP_INTERRUPTED, DDS_HTTP_NOT_SENT}, false, SSO "Could not"},
      {{DDS_HTTP_REFUSED}, false, SSO "the request to \"https://portal.example:8443\" failed: "},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    fixture f;
    set_up(&f);
    for (int j = 0; j < 3 && cases[i].failures[j] != 0; j++) {
      scripted_transport_fail(f.script, cases[i].failures[j]);
    }
    assert_false(fetch(&f, get()));
    assert_int_equal(f.answer.is_unreachable, cases[i].is_unreachable);
    assert_int_equal(f.answer.status, 0);
    assert_ptr_equal(strstr(f.error.message, cases[i].message), f.error.message);
    assert_int_equal(f.record_count, 1);
    tear_down(&f);
  }
}

static void test_not_started_and_interrupted(void **state) {
  (void)state;
  fixture f;
  dds_fetch_request request = get();
  set_up(&f);
  request.url = "portal.example";
  assert_false(fetch(&f, request));
  assert_int_equal(f.error.attempts, 0);
  assert_ptr_equal(strstr(f.error.message, SSO "the endpoint URL is not valid"), f.error.message);
  assert_false(f.answer.is_unreachable);
  assert_int_equal(f.record_count, 1);

  scripted_transport_answer_with(f.script, &(scripted_answer){.status = 200, .never = true});
  f.stop_at = 2;
  assert_false(fetch(&f, get()));
  assert_int_equal(f.error.code, DDS_INTERRUPT);
  assert_int_equal(f.record_count, 2);
  assert_non_null(strstr(f.record, "attempts=1 ms=100 "));
  tear_down(&f);
}

/* The first error wins, as everywhere. */
static void test_error_that_is_set(void **state) {
  (void)state;
  fixture f;
  dds_error error = DDS_ERROR_INIT;
  const dds_fetch_request request = get();
  set_up(&f);
  dds_error_set(&error, DDS_ERROR, "before");
  scripted_transport_answer(f.script, 404, "");
  assert_false(dds_fetch(&f.fetcher, &request, &f.answer, &error));
  assert_string_equal(error.message, "before");
  assert_int_equal(f.answer.status, 404);
  tear_down(&f);
}

static void test_each_allocation_failing(void **state) {
  (void)state;
  static const struct {
    int status;
    const char *body;
    dds_code code;
  } cases[] = {{200, "<r/>", DDS_OK}, {403, XML("AccessDenied", "m"), DDS_AUTH}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    while (failing_allocator_next()) {
      fixture f;
      const dds_fetch_request request = post();
      set_up(&f);
      scripted_transport_answer(f.script, 500, "");
      scripted_transport_answer(f.script, cases[i].status, cases[i].body);
      failing_allocator_start();
      bool is_done = dds_fetch(&f.fetcher, &request, &f.answer, &f.error);
      bool refused = failing_allocator_stop();
      assert_int_equal(f.error.code, refused ? DDS_NOMEM : cases[i].code);
      assert_int_equal(is_done, f.error.code == DDS_OK);
      assert_int_equal(f.record_count, 1);
      assert_int_equal(scripted_transport_open_exchanges(f.script), 0);
      dds_fetch_answer_free(&f.answer);
      scripted_transport_destroy(f.script);
    }
  }
}

int main(void) {
  failing_allocator_install();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_get),
      cmocka_unit_test(test_metadata),
      cmocka_unit_test(test_signed),
      cmocka_unit_test(test_errors),
      cmocka_unit_test(test_error_of_an_unsigned_request),
      cmocka_unit_test(test_retries),
      cmocka_unit_test(test_clock_skew),
      cmocka_unit_test(test_no_answer),
      cmocka_unit_test(test_not_started_and_interrupted),
      cmocka_unit_test(test_error_that_is_set),
      cmocka_unit_test(test_each_allocation_failing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
