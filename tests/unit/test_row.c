/* Items in, rows out: keys with prefix and suffix, sessions of any type, every place of expiry. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sessions/row.h"

enum { SCRATCH_BYTES = 1 << 20 };

static dds_item item_of(const char *text) {
  dds_item item = {.json = {0}};
  assert_true(dds_json_parse(text, strlen(text), &item.json, NULL));
  return item;
}

static const dds_layout *layout_of(const char *name) {
  const dds_layout *layout = dds_layout_find(name);
  assert_non_null(layout);
  return layout;
}

static const dds_layout *serverless(void) {
  return layout_of("serverless-dynamodb-session-store");
}

static const dds_layout *connect(void) {
  return layout_of("connect-dynamodb");
}

static bool is_session(const dds_layout *layout, const char *text) {
  dds_item item = item_of(text);
  dds_error error = DDS_ERROR_INIT;
  bool result = false;
  assert_true(dds_row_check(layout, &item, &result, &error));
  return result;
}

static void assert_text(const dds_sql_value *value, const char *expected) {
  assert_int_equal(value->type, DDS_SQL_TEXT);
  assert_int_equal(value->length, strlen(expected));
  assert_memory_equal(value->bytes, expected, value->length);
}

static void tells_sessions_by_prefix_and_suffix(void **state) {
  (void)state;
  assert_true(is_session(serverless(), "{\"sessionId\":{\"S\":\"\"}}"));
  assert_true(is_session(connect(), "{\"id\":{\"S\":\"sess:a\"}}"));
  assert_true(is_session(connect(), "{\"id\":{\"S\":\"\\u0073ess:a\"}}"));
  assert_false(is_session(connect(), "{\"id\":{\"S\":\"ses\"}}"));
  assert_false(is_session(connect(), "{\"id\":{\"S\":\"SESS:a\"}}"));
  assert_false(is_session(connect(), "{\"id\":{\"N\":\"5\"}}"));
  assert_false(is_session(connect(), "{\"id\":{\"S\":\"sess:\\ud800\"}}"));
  dds_layout both = *connect();
  both.suffix = ":1";
  assert_true(is_session(&both, "{\"id\":{\"S\":\"sess::1\"}}"));
  assert_false(is_session(&both, "{\"id\":{\"S\":\"sess:1\"}}"));
}

static void gives_the_sid_without_prefix_and_suffix(void **state) {
  (void)state;
  static const char *const expected[][2] = {
      {"{\"id\":{\"S\":\"sess:abc:1\"}}", "abc"},
      {"{\"id\":{\"S\":\"sess::1\"}}", ""},
      {"{\"id\":{\"S\":\"sess:\\u00e4\\n:1\"}}", "\xc3\xa4\n"},
  };
  dds_layout both = *connect();
  both.suffix = ":1";
  dds_buffer scratch = DDS_BUFFER_INIT(SCRATCH_BYTES);
  for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
    dds_item item = item_of(expected[i][0]);
    dds_sql_value value;
    dds_error error = DDS_ERROR_INIT;
    assert_true(dds_row_sid(&both, &item, &scratch, &value, &error));
    assert_text(&value, expected[i][1]);
  }
  dds_buffer_free(&scratch);
}

static void puts_prefix_and_suffix_around_a_key(void **state) {
  (void)state;
  dds_layout both = *connect();
  both.suffix = ":1";
  dds_key key = {0};
  dds_error error = DDS_ERROR_INIT;
  assert_true(dds_row_key(&both, "abc", 3, &key, &error));
  assert_string_equal(key.json, "{\"id\":{\"S\":\"sess:abc:1\"}}");
  dds_key_free(&key);
  assert_false(dds_row_key(&both, "\xff", 1, &key, &error));
  assert_int_equal(error.code, DDS_CHECK);
}

static void check_message(const dds_layout *layout, const char *text, const char *message) {
  dds_item item = item_of(text);
  dds_error error = DDS_ERROR_INIT;
  bool result;
  assert_false(dds_row_check(layout, &item, &result, &error));
  assert_int_equal(error.code, DDS_ERROR);
  assert_string_equal(error.message, message);
}

static void an_item_without_the_key_says_what_it_has(void **state) {
  (void)state;
  check_message(serverless(),
                "{\"id\":{\"S\":\"sess:secret\"},\"sess\":{\"S\":\"hidden\"},"
                "\"expires\":{\"N\":\"1\"},\"type\":{\"S\":\"connect-session\"}}",
                "an item lacks \"sessionId\", the key of layout "
                "'serverless-dynamodb-session-store'; it has \"id\", \"sess\", \"expires\", "
                "\"type\": looks like layout='connect-dynamodb'");
  check_message(connect(),
                "{\"sessionId\":{\"S\":\"a\"},\"session_data\":{\"S\":\"{}\"},"
                "\"expireTime\":{\"NULL\":true}}",
                "an item lacks \"id\", the key of layout 'connect-dynamodb'; it has "
                "\"sessionId\", \"session_data\", \"expireTime\": looks like "
                "layout='serverless-dynamodb-session-store'");
  check_message(connect(),
                "{\"sessionId\":{\"S\":\"sess:a\"},\"sess\":{\"M\":{}},\"expires\":{\"N\":\"1\"}}",
                "an item lacks \"id\", the key of layout 'connect-dynamodb'; it has "
                "\"sessionId\", \"sess\", \"expires\": looks like layout='dynamodb-store'");
  check_message(connect(), "{}",
                "an item lacks \"id\", the key of layout 'connect-dynamodb'; it has none of the "
                "attributes asked for");
  check_message(connect(),
                "{\"a\":{\"N\":\"1\"},\"b\":{\"N\":\"1\"},\"c\":{\"N\":\"1\"},\"d\":{\"N\":\"1\"},"
                "\"e\":{\"N\":\"1\"},\"f\":{\"N\":\"1\"},\"g\":{\"N\":\"1\"},\"h\":{\"N\":\"1\"},"
                "\"i\":{\"N\":\"1\"},\"j\":{\"N\":\"1\"},\"k\":{\"N\":\"1\"},\"l\":{\"N\":\"1\"}}",
                "an item lacks \"id\", the key of layout 'connect-dynamodb'; it has \"a\", \"b\", "
                "\"c\", \"d\", \"e\", \"f\", \"g\", \"h\", \"i\", \"j\" and 2 more");
}

static void hashes_the_sid(void **state) {
  (void)state;
  char hex[65];
  dds_error error = DDS_ERROR_INIT;
  assert_true(dds_row_sid_hash("abc", 3, hex, &error));
  assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

typedef struct value_case {
  const char *typed;
  dds_affinity affinity;
  dds_sql_type type;
  int64_t integer;
  double real;
  const char *text;
} value_case;

static void values_follow_type_and_affinity(void **state) {
  (void)state;
  static const value_case cases[] = {
      {"{\"S\":\"x\"}", DDS_AFFINITY_TEXT, DDS_SQL_TEXT, 0, 0, "x"},
      {"{\"S\":\"12\"}", DDS_AFFINITY_TEXT, DDS_SQL_TEXT, 0, 0, "12"},
      {"{\"S\":\"12\"}", DDS_AFFINITY_NUMERIC, DDS_SQL_INTEGER, 12, 0, NULL},
      {"{\"S\":\"12\"}", DDS_AFFINITY_BLOB, DDS_SQL_TEXT, 0, 0, "12"},
      {"{\"N\":\"12\"}", DDS_AFFINITY_NUMERIC, DDS_SQL_INTEGER, 12, 0, NULL},
      {"{\"N\":\"1.2E1\"}", DDS_AFFINITY_BLOB, DDS_SQL_INTEGER, 12, 0, NULL},
      {"{\"N\":\"12\"}", DDS_AFFINITY_REAL, DDS_SQL_REAL, 0, 12.0, NULL},
      {"{\"N\":\"1.5\"}", DDS_AFFINITY_INTEGER, DDS_SQL_REAL, 0, 1.5, NULL},
      {"{\"N\":\"9223372036854775807\"}", DDS_AFFINITY_INTEGER, DDS_SQL_INTEGER, INT64_MAX, 0,
       NULL},
      {"{\"N\":\"12345678901234567890123456789012345678\"}", DDS_AFFINITY_TEXT, DDS_SQL_TEXT, 0, 0,
       "12345678901234567890123456789012345678"},
      {"{\"N\":\"12345678901234567890123456789012345678\"}", DDS_AFFINITY_BLOB, DDS_SQL_REAL, 0,
       12345678901234567890123456789012345678.0, NULL},
      {"{\"B\":\"AAH/\"}", DDS_AFFINITY_TEXT, DDS_SQL_BLOB, 0, 0, "\x00\x01\xff"},
      {"{\"BOOL\":true}", DDS_AFFINITY_NUMERIC, DDS_SQL_INTEGER, 1, 0, NULL},
      {"{\"BOOL\":false}", DDS_AFFINITY_TEXT, DDS_SQL_TEXT, 0, 0, "0"},
      {"{\"NULL\":true}", DDS_AFFINITY_TEXT, DDS_SQL_NULL, 0, 0, NULL},
      {"{\"L\":[{\"N\":\"1\"},{\"S\":\"a\"}]}", DDS_AFFINITY_TEXT, DDS_SQL_TEXT, 0, 0, "[1,\"a\"]"},
      {"{\"M\":{\"a\":{\"BOOL\":true}}}", DDS_AFFINITY_NUMERIC, DDS_SQL_TEXT, 0, 0, "{\"a\":true}"},
      {"{\"SS\":[\"a\",\"b\"]}", DDS_AFFINITY_TEXT, DDS_SQL_TEXT, 0, 0, "[\"a\",\"b\"]"},
      {"{\"NS\":[\"1\",\"2\"]}", DDS_AFFINITY_TEXT, DDS_SQL_TEXT, 0, 0, "[1,2]"},
  };
  dds_buffer scratch = DDS_BUFFER_INIT(SCRATCH_BYTES);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    dds_buffer text = DDS_BUFFER_INIT(SCRATCH_BYTES);
    dds_buffer_append_format(&text, "{\"x\":%s}", cases[i].typed);
    dds_item item = item_of(text.data);
    char name[] = "x";
    dds_extra_column column = {.name = name, .affinity = cases[i].affinity};
    dds_sql_value value;
    dds_error error = DDS_ERROR_INIT;
    assert_true(dds_row_extra(&column, &item, &scratch, &value, &error));
    if (value.type != cases[i].type) {
      fail_msg("%s: type %d", cases[i].typed, (int)value.type);
    }
    if (value.type == DDS_SQL_INTEGER) {
      assert_int_equal(value.integer, cases[i].integer);
    }
    if (value.type == DDS_SQL_REAL) {
      assert_true(value.real == cases[i].real);
    }
    if (value.type == DDS_SQL_TEXT) {
      assert_text(&value, cases[i].text);
    }
    if (value.type == DDS_SQL_BLOB) {
      assert_memory_equal(value.bytes, cases[i].text, 3);
    }
    dds_buffer_free(&text);
  }
  dds_buffer_free(&scratch);
}

static void text_with_nul_keeps_its_length(void **state) {
  (void)state;
  dds_item item = item_of("{\"sess\":{\"S\":\"a\\u0000b\"}}");
  dds_buffer scratch = DDS_BUFFER_INIT(SCRATCH_BYTES);
  dds_sql_value value;
  dds_error error = DDS_ERROR_INIT;
  assert_true(dds_row_session(connect(), &item, &scratch, &value, &error));
  assert_int_equal(value.length, 3);
  assert_memory_equal(value.bytes, "a\0b", 3);
  dds_buffer_free(&scratch);
}

static void sessions_of_any_type_are_shown(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"{\"sess\":{\"S\":\"{\\\"a\\\": 1}\"}}", "{\"a\": 1}"},
      {"{\"sess\":{\"M\":{\"a\":{\"N\":\"1\"}}}}", "{\"a\":1}"},
      {"{\"sess\":{\"N\":\"42\"}}", "42"},
      {"{\"sess\":{\"BOOL\":true}}", "1"},
      {"{\"sess\":{\"NULL\":true}}", NULL},
      {"{}", NULL},
  };
  dds_buffer scratch = DDS_BUFFER_INIT(SCRATCH_BYTES);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    dds_item item = item_of(cases[i][0]);
    for (size_t j = 1; j <= 2; j++) { /* connect-dynamodb and dynamodb-store name it alike */
      dds_sql_value value;
      dds_error error = DDS_ERROR_INIT;
      assert_true(dds_row_session(dds_layout_at(j), &item, &scratch, &value, &error));
      if (cases[i][1] == NULL) {
        assert_int_equal(value.type, DDS_SQL_NULL);
      } else {
        assert_text(&value, cases[i][1]);
      }
    }
  }
  dds_buffer_free(&scratch);
}

typedef struct expiry_case {
  size_t layout;
  const char *item;
  dds_sql_type type;
  int64_t integer;
  double real;
} expiry_case;

static void expires_is_found_in_every_place_and_unit(void **state) {
  (void)state;
  static const expiry_case cases[] = {
      {0, "{\"expireTime\":{\"N\":\"1700000000000\"}}", DDS_SQL_INTEGER, 1700000000, 0},
      {0, "{\"expireTime\":{\"N\":\"1700000000123\"}}", DDS_SQL_REAL, 0, 1700000000.123},
      {0, "{\"expireTime\":{\"N\":\"1.7E+12\"}}", DDS_SQL_INTEGER, 1700000000, 0},
      {0, "{\"expireTime\":{\"N\":\"5E-3\"}}", DDS_SQL_REAL, 0, 5e-6},
      {0, "{\"expireTime\":{\"NULL\":true},\"expireTime_TTL\":{\"N\":\"5\"}}", DDS_SQL_NULL, 0, 0},
      {0, "{\"expireTime\":{\"S\":\"1700000000000\"}}", DDS_SQL_NULL, 0, 0},
      {0, "{\"expireTime_TTL\":{\"N\":\"1700000000\"}}", DDS_SQL_INTEGER, 1700000000, 0},
      {0, "{\"expireTime_TTL\":{\"N\":\"1700000000000\"}}", DDS_SQL_INTEGER, 1700000000, 0},
      {0, "{\"expireTime_TTL\":{\"S\":\"1700000000\"}}", DDS_SQL_NULL, 0, 0},
      {0, "{}", DDS_SQL_NULL, 0, 0},
      {1, "{\"expires\":{\"N\":\"1700000000.5\"}}", DDS_SQL_REAL, 0, 1700000000.5},
      {1, "{\"expires\":{\"N\":\"99999999999\"}}", DDS_SQL_INTEGER, 99999999999, 0},
      {1, "{\"expires\":{\"N\":\"100000000000\"}}", DDS_SQL_INTEGER, 100000000, 0},
      {1, "{\"expires\":{\"N\":\"1700000000123\"}}", DDS_SQL_REAL, 0, 1700000000.123},
      {1, "{\"expires\":{\"N\":\"-5\"}}", DDS_SQL_INTEGER, -5, 0},
      {1, "{\"expires\":{\"N\":\"1E+120\"}}", DDS_SQL_REAL, 0, 1e117},
      {1, "{\"expires\":{\"N\":\"9223372036854775807\"}}", DDS_SQL_INTEGER, 9223372036854776, 0},
      {2, "{\"expires\":{\"NULL\":true}}", DDS_SQL_NULL, 0, 0},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    dds_item item = item_of(cases[i].item);
    dds_sql_value value;
    dds_row_expires(dds_layout_at(cases[i].layout), &item, &value);
    if (value.type != cases[i].type) {
      fail_msg("%s: type %d", cases[i].item, (int)value.type);
    }
    if (value.type == DDS_SQL_INTEGER) {
      assert_int_equal(value.integer, cases[i].integer);
    }
    if (value.type == DDS_SQL_REAL) {
      assert_true(value.real == cases[i].real);
    }
  }
}

static bool is_expired(size_t layout, const char *text, int64_t now_ms) {
  dds_item item = item_of(text);
  return dds_row_is_expired(dds_layout_at(layout), &item, now_ms);
}

static void expired_is_exact_at_the_millisecond(void **state) {
  (void)state;
  const char *ms = "{\"expireTime\":{\"N\":\"1700000000123\"}}";
  assert_false(is_expired(0, ms, 1700000000122));
  assert_true(is_expired(0, ms, 1700000000123));
  const char *fraction = "{\"expires\":{\"N\":\"1700000000.1230000000000000000000001\"}}";
  assert_false(is_expired(1, fraction, 1700000000123));
  assert_true(is_expired(1, fraction, 1700000000124));
  const char *mixed = "{\"expires\":{\"N\":\"1700000000123\"}}";
  assert_false(is_expired(1, mixed, 1700000000122));
  assert_true(is_expired(1, mixed, 1700000000123));
  assert_false(is_expired(0, "{}", INT64_MAX));
  assert_false(is_expired(0, "{\"expireTime\":{\"NULL\":true}}", INT64_MAX));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(tells_sessions_by_prefix_and_suffix),
      cmocka_unit_test(gives_the_sid_without_prefix_and_suffix),
      cmocka_unit_test(puts_prefix_and_suffix_around_a_key),
      cmocka_unit_test(an_item_without_the_key_says_what_it_has),
      cmocka_unit_test(hashes_the_sid),
      cmocka_unit_test(values_follow_type_and_affinity),
      cmocka_unit_test(text_with_nul_keeps_its_length),
      cmocka_unit_test(sessions_of_any_type_are_shown),
      cmocka_unit_test(expires_is_found_in_every_place_and_unit),
      cmocka_unit_test(expired_is_exact_at_the_millisecond),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
