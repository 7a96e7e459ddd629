/* A container's credentials: where they are asked for, with which token, and what is answered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "failing_allocator.h"
#include "source_fixture.h"

#define RELATIVE   "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
#define FULL       "AWS_CONTAINER_CREDENTIALS_FULL_URI"
#define TOKEN      "AWS_CONTAINER_AUTHORIZATION_TOKEN"
#define TOKEN_FILE "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"

enum { VARIABLES = 4 };

#define KEYS                                                               \
  "\"AccessKeyId\":\"id-of-task\",\"SecretAccessKey\":\"secret-of-task\"," \
  "\"Token\":\"secret-of-task-session\",\"Expiration\":\"2026-11-22T18:00:00Z\""
#define ANSWER {200, "{\"RoleArn\":\"r\"," KEYS "}", 0}
#define FOUND(variable) \
  "id-of-task|secret-of-task|secret-of-task-session|-|1795370400|container (" variable ")"
#define GET(url)            "GET " url "\nAccept: application/json\n\n"
#define GET_WITH(url, auth) "GET " url "\nAccept: application/json\nAuthorization: " auth "\n\n"

typedef struct container_case {
  fake_entry variables[VARIABLES];
  const char *token_file; /* what is in /token; NULL: there is no such file */
  source_step steps[SOURCE_STEPS];
  const char *expected; /* the credentials, words of the error, or "" for absent */
  const char *requests;
} container_case;

static const container_case cases[] = {
    {.expected = "", .requests = ""},
    {.variables = {{RELATIVE, " "}, {FULL, ""}}, .expected = "", .requests = ""},
    {.variables = {{TOKEN, "secret-of-the-pod"}}, .expected = "", .requests = ""},

    /* Where. */
    {.variables = {{RELATIVE, "/v2/credentials/a-b?id=1"}},
     .steps = {ANSWER},
     .expected = FOUND(RELATIVE),
     .requests = GET("http://169.254.170.2/v2/credentials/a-b?id=1")},
    {.variables = {{RELATIVE, "/r"}, {FULL, "https://example.com/f"}},
     .steps = {ANSWER},
     .expected = FOUND(RELATIVE),
     .requests = GET("http://169.254.170.2/r")},
    {.variables = {{FULL, "https://example.com:8443/f?a=b"}},
     .steps = {ANSWER},
     .expected = FOUND(FULL),
     .requests = GET("https://example.com:8443/f?a=b")},
    {.variables = {{FULL, "http://localhost:9911/c"}},
     .steps = {ANSWER},
     .expected = FOUND(FULL),
     .requests = GET("http://localhost:9911/c")},
    {.variables = {{FULL, "http://127.3.2.1/c"}},
     .steps = {ANSWER},
     .expected = FOUND(FULL),
     .requests = GET("http://127.3.2.1/c")},
    {.variables = {{FULL, "http://[::1]:80/c"}},
     .steps = {ANSWER},
     .expected = FOUND(FULL),
     .requests = GET("http://[::1]:80/c")},
    {.variables = {{FULL, "http://169.254.170.2/c"}},
     .steps = {ANSWER},
     .expected = FOUND(FULL),
     .requests = GET("http://169.254.170.2/c")},
    {.variables = {{FULL, "http://169.254.170.23/v1/credentials"}},
     .steps = {ANSWER},
     .expected = FOUND(FULL),
     .requests = GET("http://169.254.170.23/v1/credentials")},
    {.variables = {{FULL, "http://[FD00:ec2::23]/v1/credentials"}},
     .steps = {ANSWER},
     .expected = FOUND(FULL),
     .requests = GET("http://[FD00:ec2::23]/v1/credentials")},
    {.variables = {{FULL, "http://169.254.169.254/c"}},
     .expected = FULL ": plain http is for a loopback address",
     .requests = ""},
    {.variables = {{FULL, "http://example.com/c"}}, .expected = "plain http", .requests = ""},
    {.variables = {{FULL, "http://169.254.170.233/c"}}, .expected = "plain http", .requests = ""},
    {.variables = {{FULL, "http://169.254.170/c"}}, .expected = "plain http", .requests = ""},
    {.variables = {{FULL, "http://[fd00:ec2::233]/c"}}, .expected = "plain http", .requests = ""},
    {.variables = {{FULL, "http://127.0.0.1.example.com/c"}},
     .expected = "plain http",
     .requests = ""},
    {.variables = {{FULL, "http://localhost@example.com/c"}},
     .expected = FULL ": ",
     .requests = ""},
    {.variables = {{FULL, "http://127.0.0.1:80@example.com/"}},
     .expected = FULL ": ",
     .requests = ""},
    {.variables = {{FULL, "file:///etc/passwd"}}, .expected = FULL ": ", .requests = ""},
    {.variables = {{FULL, "/c"}}, .expected = FULL ": ", .requests = ""},
    {.variables = {{FULL, "http://127.0.0.1/c\r\nX: y"}},
     .expected = FULL " holds a control character",
     .requests = ""},
    {.variables = {{RELATIVE, "@example.com/c"}}, .expected = RELATIVE ": ", .requests = ""},
    {.variables = {{RELATIVE, "3.example.com/c"}}, .expected = "plain http", .requests = ""},

    /* With which token. */
    {.variables = {{RELATIVE, "/c"}, {TOKEN, "Basic secret-of-the-pod"}},
     .steps = {ANSWER},
     .expected = FOUND(RELATIVE),
     .requests = GET_WITH("http://169.254.170.2/c", "Basic secret-of-the-pod")},
    {.variables = {{FULL, "http://127.0.0.1/c"},
                   {TOKEN, "secret-of-the-pod"},
                   {TOKEN_FILE, "/token"}},
     .token_file = "secret-of-file",
     .steps = {ANSWER},
     .expected = FOUND(FULL),
     .requests = GET_WITH("http://127.0.0.1/c", "secret-of-file")},
    {.variables = {{FULL, "http://127.0.0.1/c"},
                   {TOKEN, "secret-of-the-pod"},
                   {TOKEN_FILE, "/token"}},
     .expected = TOKEN_FILE ": there is no such file",
     .requests = ""},
    {.variables = {{FULL, "http://127.0.0.1/c"}, {TOKEN_FILE, "/token"}},
     .token_file = "",
     .expected = TOKEN_FILE ": there is no such file, or nothing in it",
     .requests = ""},
    {.variables = {{FULL, "http://127.0.0.1/c"}, {TOKEN_FILE, "/token"}},
     .token_file = "secret-of-file\n",
     .expected = TOKEN_FILE ": the token holds a control character",
     .requests = ""},
    {.variables = {{FULL, "http://127.0.0.1/c"}, {TOKEN, "secret-of-the-pod\r\nX: y"}},
     .expected = TOKEN ": the token holds a control character",
     .requests = ""},
    {.variables = {{FULL, "http://127.0.0.1/c"}, {TOKEN, "\t"}, {TOKEN_FILE, " "}},
     .steps = {ANSWER},
     .expected = FOUND(FULL),
     .requests = GET("http://127.0.0.1/c")},

    /* What is answered. */
    {.variables = {{RELATIVE, "/c"}},
     .steps = {{200, "{\"AccountId\":\"123456789012\"," KEYS "}", 0}},
     .expected = "id-of-task|secret-of-task|secret-of-task-session|123456789012|1795370400|"
                 "container (" RELATIVE ")",
     .requests = GET("http://169.254.170.2/c")},
    {.variables = {{RELATIVE, "/c"}},
     .steps = {{500, "", 0}, {0, NULL, DDS_HTTP_NOT_SENT}, ANSWER},
     .expected = FOUND(RELATIVE),
     .requests =
         GET("http://169.254.170.2/c") GET("http://169.254.170.2/c") GET("http://169.254.170.2/c")},
    {.variables = {{RELATIVE, "/c"}},
     .steps = {{0, NULL, DDS_HTTP_NOT_SENT}, {0, NULL, DDS_HTTP_INTERRUPTED}, {503, "", 0}},
     .expected = "the container's credentials endpoint",
     .requests =
         GET("http://169.254.170.2/c") GET("http://169.254.170.2/c") GET("http://169.254.170.2/c")},
    {.variables = {{FULL, "http://127.0.0.1/c"}, {TOKEN, "secret-of-the-pod"}},
     .steps = {{403, "{\"code\":\"AccessDenied\",\"message\":\"no association here\"}", 0}},
     .expected = "no association here",
     .requests = GET_WITH("http://127.0.0.1/c", "secret-of-the-pod")},
    {.variables = {{FULL, "http://127.0.0.1/c"}, {TOKEN, "secret-of-the-pod"}},
     .steps = {{400, "{\"code\":\"InvalidToken\",\"message\":\"not secret-of-the-pod\"}", 0}},
     .expected = "InvalidToken",
     .requests = GET_WITH("http://127.0.0.1/c", "secret-of-the-pod")},
    {.variables = {{RELATIVE, "/c"}},
     .steps = {{302, "", 0}},
     .expected = "302",
     .requests = GET("http://169.254.170.2/c")},
    {.variables = {{RELATIVE, "/c"}},
     .steps = {{200, "secret-of-text", 0}},
     .expected = "container (" RELATIVE "): the answer is not the JSON that it should be: no "
                 "AccessKeyId, SecretAccessKey, Token, Expiration",
     .requests = GET("http://169.254.170.2/c")},
    {.variables = {{RELATIVE, "/c"}},
     .steps = {{200, "{\"AccessKeyId\":\"i\",\"SecretAccessKey\":\"secret-of-i\"}", 0}},
     .expected = "no Token, Expiration",
     .requests = GET("http://169.254.170.2/c")},
};

static void open_case(source_fixture *f, const container_case *row) {
  source_fixture_open(f, NULL, row->steps);
  for (size_t i = 0; i < VARIABLES && row->variables[i].name != NULL; i++) {
    fake_environment_set(&f->environment, row->variables[i].name, row->variables[i].value);
  }
  if (row->token_file != NULL) {
    fake_environment_add_file(&f->environment, "/token", row->token_file);
  }
}

static void check(const container_case *row, size_t number) {
  source_fixture f;
  char text[DDS_ERROR_TEXT_BYTES] = "";
  open_case(&f, row);
  source_fixture_set(&f.config.ca_bundle, "/ca.pem");
  dds_credentials_result result =
      dds_credentials_container_find(&f.context, &f.credentials, &f.error);
  if (result == DDS_CREDENTIALS_FOUND) {
    source_fixture_describe(&f.credentials, text, sizeof text);
    assert_false(f.credentials.outlives_expiry);
  } else {
    dds_error_format(&f.error, text, sizeof text);
    assert_null(f.credentials.access_key_id);
  }
  if ((row->expected[0] == '\0') != (result == DDS_CREDENTIALS_ABSENT) ||
      strstr(text, row->expected) == NULL) {
    fail_msg("case %zu: %d %s", number, (int)result, text);
  }
  source_fixture_expect_requests(&f, row->requests);
  for (size_t i = 0; i < scripted_transport_request_count(f.script); i++) {
    const scripted_request *request = scripted_transport_request(f.script, i);
    assert_true(request->bypass_proxy);
    assert_int_equal(request->connect_timeout_ms, 2000);
    assert_int_equal(request->request_timeout_ms, 2000);
    assert_string_equal(request->ca_bundle, "/ca.pem");
  }
  assert_int_equal(scripted_transport_answers_left(f.script), 0);
  source_fixture_close(&f);
}

static void test_answers(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    check(&cases[i], i);
  }
}

static bool refuse_to_read(void *context, const char *path, dds_buffer *contents, bool *exists,
                           dds_error *error) {
  (void)context;
  (void)contents;
  *exists = true;
  return dds_error_set(error, DDS_ERROR, "cannot read %s: Permission denied", path);
}

static bool read_binary(void *context, const char *path, dds_buffer *contents, bool *exists,
                        dds_error *error) {
  (void)context;
  (void)path;
  *exists = true;
  dds_buffer_append(contents, "secret-of-file\0more", 19);
  return dds_buffer_check(contents, error);
}

static void test_unusable_token_files(void **state) {
  (void)state;
  static const container_case row = {
      .variables = {{RELATIVE, "/c"}, {TOKEN, "secret-of-the-pod"}, {TOKEN_FILE, "/token"}}};
  static const struct {
    bool (*read_file)(void *, const char *, dds_buffer *, bool *, dds_error *);
    const char *message;
  } files[] = {
      {refuse_to_read, TOKEN_FILE ": cannot read /token: Permission denied"},
      {read_binary, TOKEN_FILE ": the token holds a control character, such as the end of a line, "
                               "and cannot be sent"},
  };
  for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
    source_fixture f;
    open_case(&f, &row);
    f.environment.base.read_file = files[i].read_file;
    assert_int_equal(dds_credentials_container_find(&f.context, &f.credentials, &f.error),
                     DDS_CREDENTIALS_FAILED);
    assert_string_equal(f.error.message, files[i].message);
    assert_int_equal(scripted_transport_request_count(f.script), 0);
    source_fixture_close(&f);
  }
}

/* Offline nothing is sent and no token is read; a wrong URL shows all the same. */
static void test_offline(void **state) {
  (void)state;
  static const struct {
    container_case row;
    dds_credentials_result result;
    const char *expected;
  } offline[] = {
      {{.variables = {{RELATIVE, "/c"}, {TOKEN_FILE, "/none"}}},
       DDS_CREDENTIALS_FOUND,
       "container (" RELATIVE ")"},
      {{.variables = {{FULL, "https://example.com"}}},
       DDS_CREDENTIALS_FOUND,
       "container (" FULL ")"},
      {{.variables = {{FULL, "http://example.com"}}}, DDS_CREDENTIALS_FAILED, NULL},
      {{.variables = {{0}}}, DDS_CREDENTIALS_ABSENT, NULL},
  };
  for (size_t i = 0; i < sizeof offline / sizeof offline[0]; i++) {
    source_fixture f;
    open_case(&f, &offline[i].row);
    f.context.fetcher = NULL;
    assert_int_equal(dds_credentials_container_find(&f.context, &f.credentials, &f.error),
                     offline[i].result);
    assert_null(f.credentials.access_key_id);
    if (offline[i].expected != NULL) {
      assert_string_equal(f.credentials.source, offline[i].expected);
    }
    source_fixture_close(&f);
  }
}

static void open_found(source_fixture *f) {
  static const container_case row = {
      .variables = {{FULL, "http://127.0.0.1/c"}, {TOKEN_FILE, "/token"}},
      .token_file = "secret-of-file",
      .steps = {ANSWER},
  };
  open_case(f, &row);
}

static void test_allocations(void **state) {
  (void)state;
  source_fixture_refuse_allocations(open_found, dds_credentials_container_find);
}

static void test_wiping(void **state) {
  (void)state;
  source_fixture_check_wiping(open_found, dds_credentials_container_find);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_answers), cmocka_unit_test(test_unusable_token_files),
      cmocka_unit_test(test_offline), cmocka_unit_test(test_allocations),
      cmocka_unit_test(test_wiping),
  };
  return cmocka_run_group_tests(tests, failing_allocator_set_up, NULL);
}
