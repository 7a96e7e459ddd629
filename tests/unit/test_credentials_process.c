/* Credentials that a program prints: how its command is split, what counts, what an error shows. */
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

#define FIND dds_credentials_process_find

#define KEYS                                         \
  "\"Version\":1,\"AccessKeyId\":\"id-of-process\"," \
  "\"SecretAccessKey\":\"secret-of-process\""
#define LASTS "id-of-process|secret-of-process|-|-|9223372036854775|credential_process of profile p"

static const source_step no_steps[SOURCE_STEPS] = {{0}};

static void open_with(source_fixture *f, const char *command, const char *more,
                      const fake_program *program) {
  char config[2048];
  snprintf(config, sizeof config, "[profile p]\ncredential_process = %s\n%s", command, more);
  source_fixture_open(f, config, no_steps);
  f->environment.program = program;
}

/* Commands and their words, each with a | behind it, as Python's shlex.split has them; NULL: none.
 */
static const char *const splits[][2] = {
    {"a", "a|"},
    {"a b  c", "a|b|c|"},
    {"a\tb", "a|b|"},
    {"\"a b\" c", "a b|c|"},
    {"'a b' c", "a b|c|"},
    {"a\"b c\"d", "ab cd|"},
    {"a'b \"c'd", "ab \"cd|"},
    {"a\\ b", "a b|"},
    {"\"a\\\"b\"", "a\"b|"},
    {"\"a\\\\b\"", "a\\b|"},
    {"\"a\\nb\"", "a\\nb|"},
    {"\"a\\$b\"", "a\\$b|"},
    {"'a\\b'", "a\\b|"},
    {"a\\\"b", "a\"b|"},
    {"a\\'b", "a'b|"},
    {"a \"\" b", "a||b|"},
    {"a '' b", "a||b|"},
    {"\"\"", "|"},
    {"a \"'\" b", "a|'|b|"},
    {"a '\"' b", "a|\"|b|"},
    {"a\\\\b", "a\\b|"},
    {"a \\  b", "a| |b|"},
    {"$HOME `x` $(y) * ?", "$HOME|`x`|$(y)|*|?|"},
    {"ab > c && d", "ab|>|c|&&|d|"},
    {"~/bin/x", "~/bin/x|"},
    {"a \"b'c\"'d\"e'", "a|b'cd\"e|"},
    {"\"C:\\Program Files\\x.exe\" y", "C:\\Program Files\\x.exe|y|"},
    {"x --json '{\"a\": 1}'", "x|--json|{\"a\": 1}|"},
    {"a#b", "a#b|"},
    {"\xC3\xA4 \"\xC3\xB6 \xC3\xBC\"", "\xC3\xA4|\xC3\xB6 \xC3\xBC|"},
    {"\"a", NULL},
    {"'a", NULL},
    {"a\\", NULL},
    {"a \"b\\", NULL},
    {"a '\"", NULL},
    {"\"\\\"", NULL},
};

static void test_split(void **state) {
  (void)state;
  static const fake_program program = {.output = "{" KEYS "}"};
  for (size_t i = 0; i < sizeof splits / sizeof splits[0]; i++) {
    source_fixture f;
    open_with(&f, splits[i][0], "", &program);
    dds_credentials_result result = FIND(&f.context, &f.credentials, &f.error);
    if (splits[i][1] != NULL) {
      assert_int_equal(result, DDS_CREDENTIALS_FOUND);
      assert_string_equal(f.environment.arguments, splits[i][1]);
    } else {
      assert_int_equal(result, DDS_CREDENTIALS_FAILED);
      assert_int_equal(f.environment.run_count, 0);
      assert_non_null(strstr(f.error.message, "credential_process of profile p: a quote"));
    }
    source_fixture_close(&f);
  }
}

typedef struct process_case {
  const char *more; /* lines of the profile */
  fake_program program;
  const char *expected; /* as source_fixture_describe has it, or the whole error */
} process_case;

static const process_case found_cases[] = {
    {"", {.output = "{" KEYS "}"}, LASTS},
    {"", {.output = " \r\n{" KEYS ",\"More\":{\"x\":[1]}}\n", .message = "a warning"}, LASTS},
    {"", {.output = "{" KEYS ",\"SessionToken\":null,\"Expiration\":null}"}, LASTS},
    {"", {.output = "{" KEYS ",\"SessionToken\":\"\",\"AccountId\":\"\"}"}, LASTS},
    {"",
     {.output = "{" KEYS ",\"SessionToken\":\"token-of-process\",\"AccountId\":\"111122223333\","
                "\"Expiration\":\"2026-11-22T12:52:21+01:00\"}"},
     "id-of-process|secret-of-process|token-of-process|111122223333|1795348341|credential_process "
     "of profile p"},
    {"aws_account_id = 4\n",
     {.output = "{" KEYS "}"},
     "id-of-process|secret-of-process|-|4|9223372036854775|credential_process of profile p"},
    {"aws_account_id = 4\n",
     {.output = "{" KEYS ",\"AccountId\":\"5\"}"},
     "id-of-process|secret-of-process|-|5|9223372036854775|credential_process of profile p"},
};

static void test_found(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof found_cases / sizeof found_cases[0]; i++) {
    source_fixture f;
    char text[500];
    open_with(&f, "x", found_cases[i].more, &found_cases[i].program);
    if (FIND(&f.context, &f.credentials, &f.error) != DDS_CREDENTIALS_FOUND) {
      fail_msg("case %zu: %s", i, f.error.message);
    }
    source_fixture_describe(&f.credentials, text, sizeof text);
    assert_string_equal(text, found_cases[i].expected);
    assert_non_null(strstr(f.credentials.remedy, "run it by hand"));
    source_fixture_close(&f);
  }
}

#define PROCESS      "credential_process of profile p"
#define NO_OBJECT    PROCESS " printed no JSON object"
#define NO_VERSION   PROCESS " printed JSON without \"Version\": 1"
#define NO_MEMBER(x) PROCESS ": the answer is not the JSON that it should be: no " x
#define HIDDEN       "; its message is not shown, because it may repeat its output"
#define TEN          "012345678-"
#define HUNDRED      TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define WORDS        "word word word word word word word word word word "

static const process_case error_cases[] = {
    {"", {.exit_status = 3}, PROCESS " failed with exit status 3"},
    {"",
     {.exit_status = 255, .message = "\n no login:\r\n\t run it again  \n"},
     PROCESS " failed with exit status 255: no login: run it again"},
    {"",
     {.exit_status = 1, .message = "\x1B[31mred\x1B[0m\x7F"},
     PROCESS " failed with exit status 1: [31mred [0m"},
    {"",
     {.exit_status = 1, .message = WORDS WORDS WORDS WORDS "more"},
     PROCESS " failed with exit status 1: " WORDS WORDS WORDS WORDS "…"},
    {"",
     {.exit_status = 1, .message = HUNDRED WORDS WORDS "\xC3\xA4\xC3\xB6"},
     PROCESS " failed with exit status 1: " HUNDRED WORDS WORDS "…"},
    {"",
     {.exit_status = 1, .message = HUNDRED WORDS WORDS},
     PROCESS " failed with exit status 1: " HUNDRED WORDS
             "word word word word word word word word word word"},
    {"",
     {.exit_status = 1,
      .message = HUNDRED WORDS "word word word word word word word word word worx\xC3\xA4"},
     PROCESS " failed with exit status 1: " HUNDRED WORDS
             "word word word word word word word word word worx…"},
    /* What it printed as well. */
    {"",
     {.exit_status = 1, .output = "{" KEYS "}", .message = "got secret-of-process for you"},
     PROCESS " failed with exit status 1" HIDDEN},
    {"",
     {.exit_status = 1, .output = "{" KEYS, .message = "got id-of-process, then lost it"},
     PROCESS " failed with exit status 1: got id-of-process, then lost it"},
    {"",
     {.output = "SecretAccessKey=s-e-c-r-e-t-o-f-p-r-o-c",
      .message = "it is s-e-c-r-e-t-o-f-p-r-o-c"},
     NO_OBJECT HIDDEN},
    {"",
     {.exit_status = 1, .output = "a\0b", .output_length = 3, .message = "what"},
     PROCESS " failed with exit status 1" HIDDEN},
    /* What looks like a key. */
    {"",
     {.exit_status = 1, .message = "key wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY; id AKIDEXAMPLE"},
     PROCESS " failed with exit status 1: key ***; id AKIDEXAMPLE"},
    {"",
     {.exit_status = 1, .message = "no /usr/local/share/credential-helpers/for-everybody/helper"},
     PROCESS " failed with exit status 1: no "
             "/usr/local/share/credential-helpers/for-everybody/helper"},
    {"", {.output = NULL}, NO_OBJECT},
    {"", {.output = "", .message = "log in first"}, NO_OBJECT ": log in first"},
    {"", {.output = "[]"}, NO_OBJECT},
    {"", {.output = "{" KEYS}, NO_OBJECT},
    {"", {.output = "{" KEYS "} {}"}, NO_OBJECT},
    {"", {.output = "export AWS_ACCESS_KEY_ID=x"}, NO_OBJECT},
    {"", {.output = "{}"}, NO_VERSION},
    {"", {.output = "{\"Version\":\"1\"}"}, NO_VERSION},
    {"", {.output = "{\"Version\":2}"}, NO_VERSION},
    {"", {.output = "{\"Version\":1.5}"}, NO_VERSION},
    {"", {.output = "{\"version\":1}"}, NO_VERSION},
    {"", {.output = "{\"Version\":1}"}, NO_MEMBER("AccessKeyId, SecretAccessKey")},
    {"",
     {.output = "{\"Version\":1,\"AccessKeyId\":\"\",\"SecretAccessKey\":\"secret-of-x\"}"},
     NO_MEMBER("AccessKeyId")},
    {"",
     {.output = "{\"Version\":1,\"AccessKeyId\":\"x\",\"SecretAccessKey\":null}"},
     NO_MEMBER("SecretAccessKey")},
    {"",
     {.output = "{\"Version\":1,\"AccessKeyId\":1,\"SecretAccessKey\":\"secret-of-x\"}"},
     NO_MEMBER("AccessKeyId")},
    {"",
     {.output = "{" KEYS ",\"Expiration\":\"soon\"}"},
     PROCESS ": Expiration of the answer is no time"},
    {"",
     {.output = "{" KEYS ",\"Expiration\":\"\"}"},
     PROCESS ": Expiration of the answer is no time"},
    {"",
     {.output = "{" KEYS ",\"Expiration\":true}"},
     PROCESS ": Expiration of the answer is no time"},
    {"",
     {.output = "{" KEYS ",\"SessionToken\":\"token\\n\"}"},
     "the session token of " PROCESS " holds a control character: was a line end copied with it?"},
};

static void test_errors(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof error_cases / sizeof error_cases[0]; i++) {
    source_fixture f;
    open_with(&f, "x", error_cases[i].more, &error_cases[i].program);
    assert_int_equal(FIND(&f.context, &f.credentials, &f.error), DDS_CREDENTIALS_FAILED);
    if (strcmp(f.error.message, error_cases[i].expected) != 0) {
      fail_msg("case %zu: %s", i, f.error.message);
    }
    assert_int_equal(f.error.code, DDS_AUTH);
    source_fixture_close(&f);
  }
}

static void test_absent(void **state) {
  (void)state;
  source_fixture f;
  source_fixture_open(&f, "[profile p]\ncredential_process =\n[default]\ncredential_process = x\n",
                      no_steps);
  assert_int_equal(FIND(&f.context, &f.credentials, &f.error), DDS_CREDENTIALS_ABSENT);
  assert_int_equal(f.environment.run_count, 0);
  source_fixture_close(&f);
}

static void test_offline(void **state) {
  (void)state;
  source_fixture f;
  open_with(&f, "'", "aws_account_id = 4\n", NULL);
  f.context.fetcher = NULL;
  assert_int_equal(FIND(&f.context, &f.credentials, &f.error), DDS_CREDENTIALS_FOUND);
  assert_null(f.credentials.access_key_id);
  assert_string_equal(f.credentials.account_id, "4");
  assert_string_equal(f.credentials.source, PROCESS);
  assert_int_equal(f.environment.run_count, 0);
  source_fixture_close(&f);
}

/* What keeps it from running, and what it is asked to stop by. */
static void test_cannot_run(void **state) {
  (void)state;
  source_fixture f;
  open_with(&f, "x", "", NULL);
  assert_int_equal(FIND(&f.context, &f.credentials, &f.error), DDS_CREDENTIALS_FAILED);
  assert_string_equal(f.error.message, PROCESS ": there is no program");
  source_fixture_close(&f);

  static const fake_program program = {.output = "{" KEYS "}"};
  open_with(&f, "x", "", &program);
  f.stop_at = 1;
  assert_int_equal(FIND(&f.context, &f.credentials, &f.error), DDS_CREDENTIALS_FAILED);
  assert_int_equal(f.error.code, DDS_INTERRUPT);
  source_fixture_close(&f);
}

static void open_for_allocations(source_fixture *f) {
  static const fake_program program = {.output =
                                           "{" KEYS ",\"SessionToken\":\"t\",\"AccountId\":\"5\"}"};
  open_with(f, "x 'y z'", "", &program);
}

static void test_each_allocation_failing(void **state) {
  (void)state;
  source_fixture_refuse_allocations(open_for_allocations, FIND);
}

/* A failing program whose message is shown: no memory for it is still no memory. */
static void test_each_allocation_of_a_message_failing(void **state) {
  (void)state;
  static const fake_program program = {.exit_status = 1, .output = "{", .message = "why"};
  while (failing_allocator_next()) {
    source_fixture f;
    open_with(&f, "x", "", &program);
    failing_allocator_start();
    assert_int_equal(FIND(&f.context, &f.credentials, &f.error), DDS_CREDENTIALS_FAILED);
    bool refused = failing_allocator_stop();
    assert_int_equal(f.error.code, refused ? DDS_NOMEM : DDS_AUTH);
    source_fixture_close(&f);
  }
}

int main(void) {
  failing_allocator_install();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_split),
      cmocka_unit_test(test_found),
      cmocka_unit_test(test_errors),
      cmocka_unit_test(test_absent),
      cmocka_unit_test(test_offline),
      cmocka_unit_test(test_cannot_run),
      cmocka_unit_test(test_each_allocation_failing),
      cmocka_unit_test(test_each_allocation_of_a_message_failing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
