/* The error type: first error wins, messages stay valid UTF-8, facts behind them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <string.h>
#include <cmocka.h>

#include "base/error.h"
#include "base/utf8.h"

static void test_first_error_wins(void **state) {
  (void)state;
  dds_error error = DDS_ERROR_INIT;
  dds_error_prefix(&error, "nothing");
  dds_error_append(&error, "nothing");
  assert_string_equal(error.message, "");
  assert_false(dds_error_set(&error, DDS_BUSY, "first %d", 1));
  assert_false(dds_error_set(&error, DDS_ERROR, "second"));
  assert_false(dds_error_set_nomem(&error));
  assert_int_equal(error.code, DDS_BUSY);
  assert_string_equal(error.message, "first 1");
  dds_error_prefix(&error, "Scan of \"%s\" failed: ", "t");
  dds_error_append(&error, "; %s", "do this");
  assert_string_equal(error.message, "Scan of \"t\" failed: first 1; do this");
}

static void test_pass_on(void **state) {
  (void)state;
  dds_error error = DDS_ERROR_INIT, failure = DDS_ERROR_INIT;
  dds_error_set(&failure, DDS_AUTH, "first");
  failure.attempts = 2;
  failure.http_status = 400;
  assert_false(dds_error_pass_on(&error, &failure));
  assert_memory_equal(&error, &failure, sizeof error);
  dds_error_prefix(&failure, "not the ");
  assert_false(dds_error_pass_on(&error, &failure));
  assert_string_equal(error.message, "first");
}

static void test_format(void **state) {
  (void)state;
  static const struct {
    int status, attempts;
    const char *request_id, *text;
  } cases[] = {
      {0, 0, "", "m"},
      {400, 1, "4KB", "m (HTTP 400, request 4KB, 1 attempt)"},
      {0, 2, "", "m (2 attempts)"},
      {0, 0, "R", "m (request R)"},
      {500, 0, "", "m (HTTP 500)"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    dds_error error = DDS_ERROR_INIT;
    char text[200];
    dds_error_set(&error, DDS_ERROR, "m");
    error.http_status = cases[i].status;
    error.attempts = cases[i].attempts;
    memcpy(error.request_id, cases[i].request_id, strlen(cases[i].request_id) + 1);
    dds_error_format(&error, text, sizeof text);
    assert_string_equal(text, cases[i].text);
  }
}

static void test_long_and_malformed_messages(void **state) {
  (void)state;
  char text[3000], formatted[40];
  for (size_t shift = 0; shift < 3; shift++) {
    dds_error error = DDS_ERROR_INIT;
    memset(text, 'x', shift);
    for (size_t i = shift; i + 3 < sizeof text; i += 3) {
      memcpy(text + i, "\xe2\x82\xac", 4);
    }
    dds_error_set(&error, DDS_ERROR, "%s", text);
    size_t length = strlen(error.message);
    assert_in_range(length, DDS_ERROR_MESSAGE_BYTES - 4, DDS_ERROR_MESSAGE_BYTES - 1);
    assert_true(dds_utf8_is_valid(error.message, length));
    error.http_status = 400;
    dds_error_format(&error, formatted, sizeof formatted);
    assert_true(dds_utf8_is_valid(formatted, strlen(formatted)));
    assert_non_null(strstr(formatted, " (HTTP 400)"));
    dds_error_prefix(&error, "%s", text);
    dds_error_append(&error, "%s", text);
    assert_true(dds_utf8_is_valid(error.message, strlen(error.message)));
  }
  dds_error error = DDS_ERROR_INIT;
  dds_error_set(&error, DDS_ERROR,
                "a\xff"
                "b\xc3");
  assert_string_equal(error.message, "a?b?");
}

static void test_errno(void **state) {
  (void)state;
  dds_error error = DDS_ERROR_INIT;
  assert_false(dds_error_set_errno(&error, ENOENT, "cannot read %s", "x"));
  assert_int_equal(error.code, DDS_ERROR);
  assert_string_equal(error.message, "cannot read x: No such file or directory");
  assert_false(dds_error_set_errno(&error, EACCES, "later"));
  assert_string_equal(error.message, "cannot read x: No such file or directory");
  error = DDS_ERROR_INIT;
  assert_false(dds_error_set_errno(&error, ENOMEM, "cannot start %s", "x"));
  assert_int_equal(error.code, DDS_NOMEM);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_first_error_wins),
      cmocka_unit_test(test_pass_on),
      cmocka_unit_test(test_errno),
      cmocka_unit_test(test_format),
      cmocka_unit_test(test_long_and_malformed_messages),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
