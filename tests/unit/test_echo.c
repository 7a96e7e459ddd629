/* What counts as a repetition of the request, and what DynamoDB really says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "aws/echo.h"

#define SECRET    "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define DIGITS_63 "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d"
#define TOKEN     "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQW"

static const char body[] =
    "{ \"TableName\" : \"production-sessions\", \"Item\":{\"sessionIdentifier\":"
    "{\"S\":\"pGk3fVq0Zr7xT1bYhN5wLm2c\"},\"userIdentifier\":{\"N\" : \"9876543210987654\"},"
    "\"short\":{\"S\":\"abc\"},\"groups\":{\"SS\":[\"a\",\"administrators-of-it\"]},"
    "\"sess\":{\"M\":{\"cookie-of-the-user\":{\"M\":{\"path-of-the-cookie\":{\"S\":\"/\"}}}}},"
    "\"outsideOfTheMap\":{\"B\":\"Y29ycmVjdGhvcnNl\"},"
    "\"text\":{\"S\":\"{\\\"note\\\":\\\"correct\\\\nhorse battery staple\\\"}\"}},"
    "\"ConditionExpression\":\"attribute_not_exists(sessionIdentifier)\","
    "\"ExpressionAttributeNames\":{\"#n\":\"anotherAttribute\"},"
    "\"ReturnConsumedCapacity\":\"TOTAL-OF-EVERYTHING\"}";

static const char *const secrets[] = {SECRET, NULL, TOKEN};

static const dds_echo_request request = {
    .secrets = secrets,
    .secret_count = sizeof secrets / sizeof secrets[0],
    .body = body,
    .body_length = sizeof body - 1,
};

static void test_repetitions(void **state) {
  (void)state;
  static const char *const texts[] = {
      SECRET,
      ("key " SECRET "."),
      ("token " TOKEN),
      "part EXAMPLEtc764bNrC9 of it",
      "x AWS4-HMAC-SHA256 y",
      "SIGNATURE=00",
      "authorization: none",
      "x-amz-security-token: ...",
      "sid pGk3fVq0Zr7xT1bYhN5wLm2c",
      "sid 3fVq0Zr7xT1b",
      "sid 3fVq 0Zr7\nxT1b",
      "sid 3fVq\\n0Zr7\\\"xT1b",
      "number 9876543210987654",
      "set administrators-of-it",
      "name cookie-of-the-user",
      "name path-of-the-cookie",
      "bytes Y29ycmVjdGhvcnNl",
      "text {'note':'correct\nhorse battery staple'}",
      "text correct horse battery",
      "cut ...\"S\":\"abc\"},...",
      "cut ...\"short\":{\"S...",
      "cut ...\\\"short\\\":{\\\"S...",
      DIGITS_63 "7",
      ("got " DIGITS_63 "7, not that"),
      ("FEDCBA" DIGITS_63 "7FEDCBA"),
  };
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    if (!dds_echo_is_in(&request, texts[i])) {
      fail_msg("not found: %s", texts[i]);
    }
  }
}

/* Each run of a secret is found by itself, and none that is a byte shorter. */
static void test_each_run_of_a_secret(void **state) {
  (void)state;
  enum { RUN_BYTES = 12 };
  const dds_echo_request of_secrets = {.secrets = secrets, .secret_count = 3};
  for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++) {
    for (const char *start = secrets[i]; start != NULL && *start != '\0'; start++) {
      char text[100] = "- ";
      size_t counted = 0;
      for (const char *at = start; *at != '\0' && counted < RUN_BYTES; at++) {
        text[strlen(text)] = *at;
        counted += *at != '/' && *at != '+';
        if (dds_echo_is_in(&of_secrets, text) != (counted == RUN_BYTES)) {
          fail_msg("%zu bytes of a secret that count: %s", counted, text);
        }
      }
    }
  }
}

/* Wherever it stands in a text of other letters, whole, with escapes and punctuation between its
 * bytes, or without its last byte, which makes it too short. */
static void test_a_run_at_any_place(void **state) {
  (void)state;
  static const struct {
    const char *run;
    bool is_echo;
  } runs[] = {{"K7Q2M9R4T1W8", true},
              {"K7Q2\\\"M9R4-T1W8", true},
              {"\\\\K7Q2M9R4T1W8", true},
              {"K7Q2M9R4T1W", false},
              {"K7Q2M9xR4T1W8", false}};
  static const char letters[] = "a stitch in time saves nine, as the saying goes";
  for (size_t i = 0; i < sizeof runs / sizeof runs[0]; i++) {
    for (size_t before = 0; before < sizeof letters; before++) {
      char text[256];
      int length = snprintf(text, sizeof text, "{\"Item\":{\"a\":{\"S\":\"%.*s%s%s\"}}}",
                            (int)before, letters, runs[i].run, letters + before);
      dds_echo_request asked = {.body = text, .body_length = (size_t)length};
      assert_int_equal(dds_echo_is_in(&asked, "K7Q2M9R4T1W8"), runs[i].is_echo);
    }
  }
}

/* A session's text as its JSON holds it, as the body holds that, once more, and decoded. */
typedef struct text_forms {
  const char *stored;
  const char *decoded;
  bool is_echo; /* holds 12 bytes that count */
} text_forms;

static const text_forms forms[] = {
    {"\\u041f\\u0440\\u0438\\u0432\\u0435\\u0442", "Привет", true},
    {"\\u041f\\u0440\\u0438\\u0432\\u0435", "Приве", false},
    {"\\u041F\\u0440\\u0438 \\u0432\\u0435-\\u0442", "При ве-т", true},
    {"caf\\u00e9s cr\\u00e8me", "cafés crème", true},
    {"fa\\u00e7ade of its", "façade of its", true},
    {"\\u20ac\\u20ac\\u20ac\\u20ac", "€€€€", true},
    {"\\ud83d\\ude00\\uD83D\\uDE01\\ud83d\\ude02", "😀😁😂", true},
    {"\\ud83d\\ude00\\ud83d\\ude01", "😀😁", false},
    {"a1b2\\ud83d\\ude00c3d4", "a1b2😀c3d4", true},
    {"\\ud83dK7Q2M9R4T", "\xED\xA0\xBDK7Q2M9R4T", true},
    {"\\ude00\\ud83dK7Q2M9", "\xED\xB8\x80\xED\xA0\xBDK7Q2M9", true},
    {"abc\\ndef\\nghi\\njkl", "abc\ndef\nghi\njkl", true},
    {"a\\nb\\tc\\rd\\be\\ff\\ng\\/h\\ni\\nj\\nk\\nl", "a\nb\tc\rd\be\ff\ng/h\ni\nj\nk\nl", true},
    {"abc\\\"def\\\"ghi\\\"jkl", "abc\"def\"ghi\"jkl", true},
    {"abc\\\"def\\\"ghi\\\"jk", "abc\"def\"ghi\"jk", false},
    {"C:\\\\sessions\\\\of\\\\users", "C:\\sessions\\of\\users", true},
    {"ABCDEF\\u003cGHIJKL", "ABCDEF<GHIJKL", true},
    {"ABCDEF\\u0026\\u0027GHIJK", "ABCDEF&'GHIJK", false},
    {"ABCDE\\u0046GHIJKL", "ABCDEFGHIJKL", true},
    {"\\u0041\\u0042\\u0043\\u0044\\u0045\\u0046\\u0047\\u0048\\u0049\\u004a\\u004B\\u004c",
     "ABCDEFGHIJKL", true},
    {"ABC\\u12GHIJKL", "ABC\\u12GHIJKL", true},
    {"beyond \\é of it", "beyond é of it", true},
};

enum { LEVELS = 5, MOST_FORM_BYTES = 1024 };

/* As a string of JSON holds it. */
static void escape(char *to, const char *from) {
  for (; *from != '\0'; from++) {
    if (*from == '"' || *from == '\\') {
      *to++ = '\\';
    }
    *to++ = *from;
  }
  *to = '\0';
}

/* From decoded to escaped three times: level 1 is what is stored, 2 and more may be of a body. */
static void make_levels(char levels[LEVELS][MOST_FORM_BYTES], const text_forms *form) {
  snprintf(levels[0], MOST_FORM_BYTES, "%s", form->decoded);
  snprintf(levels[1], MOST_FORM_BYTES, "%s", form->stored);
  for (size_t i = 2; i < LEVELS; i++) {
    escape(levels[i], levels[i - 1]);
  }
}

static void assert_is_echo(const char *value, const char *text, bool is_echo) {
  char body_of_it[4 * MOST_FORM_BYTES];
  int length = snprintf(body_of_it, sizeof body_of_it, "{\"Item\":{\"a\":{\"S\":\"%s\"}}}", value);
  const dds_echo_request asked = {.body = body_of_it, .body_length = (size_t)length};
  if (dds_echo_is_in(&asked, text) != is_echo) {
    fail_msg("%s: %s in %s", is_echo ? "not found" : "found", text, value);
  }
}

/* Also with other text around, of letters that the echo has not, so that the place of the data in
 * what is read at once is any. */
static void test_escaped_forms(void **state) {
  (void)state;
  static const char around[] =
      "~ zyxz ~ zyxz ~ zyxz ~ zyxz ~ zyxz ~ zyxz ~ zyxz ~ zyxz ~ zyxz ~ zy ~";
  for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
    char levels[LEVELS][MOST_FORM_BYTES];
    make_levels(levels, &forms[i]);
    for (size_t sent = 2; sent < LEVELS; sent++) {
      for (size_t said = 0; said < LEVELS; said++) {
        for (size_t before = 0; before < sizeof around; before++) {
          char value[2 * MOST_FORM_BYTES];
          snprintf(value, sizeof value, "%.*s~%s~%s", (int)before, around, levels[sent],
                   around + before);
          assert_is_echo(value, levels[said], forms[i].is_echo);
        }
      }
    }
  }
}

/* The first ones were recorded from DynamoDB Local and from the service. */
static void test_honest_messages(void **state) {
  (void)state;
  static const char *const texts[] = {
      "The conditional request failed",
      "Cannot do operations on a non-existent table",
      "Requested resource not found: Table: production-sessions not found",
      "One of the required keys was not given a value",
      "One or more parameter values were invalid: Missing the key sessionIdentifier in the item",
      "Invalid ConditionExpression: Syntax error; token: \"<EOF>\", near: \"sessionIdentifier\"",
      "Invalid ConditionExpression: Syntax error; token: \":\", near: \"= :)\"",
      "Invalid FilterExpression: An expression attribute name used in the document path is not "
      "defined; attribute name: #anotherAttribute",
      "1 validation error detected: Value 'TOTAL-OF-EVERYTHING' at 'returnConsumedCapacity' failed "
      "to satisfy constraint: Member must satisfy enum value set: [INDEXES, TOTAL, NONE]",
      "User: arn:aws:iam::123456789012:user/me is not authorized to perform: dynamodb:PutItem on "
      "resource: arn:aws:dynamodb:us-east-1:123456789012:table/production-sessions because no "
      "identity-based policy allows the dynamodb:PutItem action",
      "The table does not have the specified index: anotherAttribute-index",
      "attribute_not_exists outsideOfTheMap abc TableName",
      "4KBNVRGD25RG1KEO9UT4V3FQDJVV4KQNSO5AEMVJF66Q9ASUAAJG",
      DIGITS_63,
      (DIGITS_63 "-" DIGITS_63 "g"),
      "",
  };
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    if (dds_echo_is_in(&request, texts[i])) {
      fail_msg("found: %s", texts[i]);
    }
  }
}

static void test_bodies_that_are_cut_or_no_json(void **state) {
  (void)state;
  for (size_t length = 0; length < sizeof body; length++) {
    char *cut = malloc(length + 1); /* of exactly this length, for the sanitizer */
    assert_non_null(cut);
    memcpy(cut, body, length);
    const dds_echo_request short_request = {.body = cut, .body_length = length};
    assert_false(dds_echo_is_in(&short_request, "nothing that stands in the request's body"));
    free(cut);
  }
  static const char *const bodies[] = {"", "\"", "\"\\", "}}}", "{\"M\":", "{\"S\":\"", "\"S\"\0:"};
  for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
    const dds_echo_request odd = {.body = bodies[i], .body_length = strlen(bodies[i])};
    assert_false(dds_echo_is_in(&odd, "nothing that stands in the request's body"));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_repetitions),
      cmocka_unit_test(test_a_run_at_any_place),
      cmocka_unit_test(test_each_run_of_a_secret),
      cmocka_unit_test(test_escaped_forms),
      cmocka_unit_test(test_honest_messages),
      cmocka_unit_test(test_bodies_that_are_cut_or_no_json),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
