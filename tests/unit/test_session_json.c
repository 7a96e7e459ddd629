/* Edits of a session's JSON text: what they change, and that all else stays byte for byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sessions/session_json.h"

static void read_text(dds_session_json *session, const char *text) {
  *session = DDS_SESSION_JSON_INIT;
  assert_true(dds_session_json_from_text(session, text, strlen(text)));
}

/* As it stands in an item, whatever it is. */
static void read_string(dds_session_json *session, const char *text) {
  dds_error error = DDS_ERROR_INIT;
  dds_buffer content = DDS_BUFFER_INIT(1000);
  *session = DDS_SESSION_JSON_INIT;
  dds_buffer_append_json_string(&content, text, strlen(text));
  dds_value value = {.type = DDS_TYPE_STRING, .content = {content.data, content.length}};
  assert_true(dds_session_json_from_value(session, &value, &error));
  dds_buffer_free(&content);
}

static void assert_text(dds_session_json *session, const char *expected) {
  assert_string_equal(dds_buffer_text(&session->text), expected);
  assert_non_null(session->root.text);
  dds_session_json_free(session);
}

static void only_an_object_has_a_root(void **state) {
  (void)state;
  static const char *const others[] = {"", "[1]", "5", "{a:1}", "{\"a\":\"\xff\"}", "null"};
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
    dds_session_json session;
    dds_json cookie;
    read_string(&session, others[i]);
    assert_null(session.root.text);
    assert_false(dds_session_json_cookie(&session, &cookie));
    dds_session_json_free(&session);
  }
}

/* Text that is not edited stays the caller's, the space around it too. */
static void text_is_borrowed_until_it_is_edited(void **state) {
  (void)state;
  static const char text[] = " {\"cookie\":{\"a\":1},\"cookie\":{\"b\":2}} ";
  dds_session_json session;
  dds_session_json shared = DDS_SESSION_JSON_INIT;
  dds_json cookie;
  dds_error error = DDS_ERROR_INIT;
  dds_expiry never = {.is_never = true};
  session = DDS_SESSION_JSON_INIT;
  assert_true(dds_session_json_from_text(&session, text, strlen(text)));
  assert_ptr_equal(session.whole.text, text);
  assert_int_equal(session.whole.length, strlen(text));
  dds_session_json_share(&shared, &session);
  assert_true(dds_session_json_set_expiry(&shared, &never, &error));
  assert_string_equal(dds_buffer_text(&shared.text),
                      "{\"cookie\":{\"a\":1},\"cookie\":{\"b\":2,\"expires\":null,"
                      "\"originalMaxAge\":null}}");
  assert_true(dds_session_json_cookie(&shared, &cookie));
  assert_memory_equal(cookie.text + cookie.length - 6, ":null}", 6);
  assert_ptr_equal(session.whole.text, text);
  dds_session_json_free(&shared);
  dds_session_json_free(&session);
}

static void reads_strings_and_maps(void **state) {
  (void)state;
  static const char *const payloads[][2] = {
      {"{\"S\":\"{\\\"a\\\":1.0}\"}", "{\"a\":1.0}"},
      {"{\"M\":{\"a\":{\"N\":\"1\"}}}", "{\"a\":1}"},
      {"{\"N\":\"5\"}", NULL},
      {"{\"S\":\"\\ud800\"}", NULL},
  };
  for (size_t i = 0; i < sizeof payloads / sizeof payloads[0]; i++) {
    dds_session_json session = DDS_SESSION_JSON_INIT;
    dds_json typed;
    dds_value value;
    dds_error error = DDS_ERROR_INIT;
    assert_true(dds_json_parse(payloads[i][0], strlen(payloads[i][0]), &typed, NULL));
    assert_true(dds_value_read(typed, &value));
    assert_true(dds_session_json_from_value(&session, &value, &error));
    if (payloads[i][1] == NULL) {
      assert_null(session.root.text);
      dds_session_json_free(&session);
    } else {
      assert_text(&session, payloads[i][1]);
    }
  }
}

static void a_cookie_is_put_first(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"{}", "{\"cookie\":{\"x\":1}}"},
      {"{ }", "{\"cookie\":{\"x\":1} }"},
      {"{ \"a\" : 1e0 }", "{\"cookie\":{\"x\":1}, \"a\" : 1e0 }"},
      {"{\"a\":1,\"cookie\":null}", "{\"a\":1,\"cookie\":{\"x\":1}}"},
  };
  static const char cookie[] = "{\"x\":1}";
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    dds_session_json session;
    dds_error error = DDS_ERROR_INIT;
    read_text(&session, cases[i][0]);
    assert_true(dds_session_json_add_cookie(&session, (dds_json){cookie, strlen(cookie)}, &error));
    assert_text(&session, cases[i][1]);
  }
}

static void a_new_cookie_is_express_sessions(void **state) {
  (void)state;
  dds_session_json session;
  dds_error error = DDS_ERROR_INIT;
  dds_expiry expiry = {.time_ms = 1700003600123};
  read_text(&session, "{\"a\":1}");
  assert_true(dds_session_json_add_new_cookie(&session, &expiry, 1700000000000, &error));
  assert_text(&session, "{\"cookie\":{\"originalMaxAge\":3600123,\"expires\":"
                        "\"2023-11-14T23:13:20.123Z\",\"httpOnly\":true,\"path\":\"/\"},\"a\":1}");
}

static void a_date_is_set_in_place(void **state) {
  (void)state;
  static const char text[] =
      "{ \"b\":\"\\u00e4\",\"cookie\" : {\"expires\" : {} ,\"originalMaxAge\":5}, \"n\":1.50 }";
  dds_session_json session;
  dds_error error = DDS_ERROR_INIT;
  dds_expiry expiry = {.time_ms = 1700000000000};
  read_text(&session, text);
  assert_true(dds_session_json_set_expiry(&session, &expiry, &error));
  assert_text(&session, "{ \"b\":\"\\u00e4\",\"cookie\" : {\"expires\" : "
                        "\"2023-11-14T22:13:20.000Z\" ,\"originalMaxAge\":5}, \"n\":1.50 }");
  dds_expiry never = {.is_never = true};
  read_text(&session, text);
  assert_true(dds_session_json_set_expiry(&session, &never, &error));
  assert_text(&session, "{ \"b\":\"\\u00e4\",\"cookie\" : {\"expires\" : null "
                        ",\"originalMaxAge\":null}, \"n\":1.50 }");
}

static void a_number_is_set(void **state) {
  (void)state;
  dds_session_json session;
  dds_error error = DDS_ERROR_INIT;
  read_text(&session, "{\"updated\":1,\"a\":2}");
  assert_true(dds_session_json_set_number(&session, "updated", 1700000000000, &error));
  assert_text(&session, "{\"updated\":1700000000000,\"a\":2}");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(only_an_object_has_a_root),
      cmocka_unit_test(text_is_borrowed_until_it_is_edited),
      cmocka_unit_test(reads_strings_and_maps),
      cmocka_unit_test(a_cookie_is_put_first),
      cmocka_unit_test(a_new_cookie_is_express_sessions),
      cmocka_unit_test(a_date_is_set_in_place),
      cmocka_unit_test(a_number_is_set),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
