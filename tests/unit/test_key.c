/* Keys: limits, one spelling for each value, copies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dynamodb/key.h"
#include "failing_allocator.h"

static void comes_from_text(void **state) {
  (void)state;
  dds_key key;
  dds_error error = DDS_ERROR_INIT;
  assert_true(dds_key_from_text("id", "sess:a\"\n\0", 9, &key, &error));
  assert_string_equal(key.json, "{\"id\":{\"S\":\"sess:a\\\"\\n\\u0000\"}}");
  assert_int_equal(key.length, strlen(key.json));
  dds_key_free(&key);
  assert_null(key.json);
}

static void checks_length_and_utf8(void **state) {
  (void)state;
  char bytes[DDS_KEY_MAX_BYTES + 1];
  memset(bytes, 'x', sizeof bytes);
  const struct {
    const char *bytes;
    size_t length;
    dds_code code;
  } cases[] = {{"", 0, DDS_CHECK},
               {bytes, sizeof bytes, DDS_TOOBIG},
               {"\xff", 1, DDS_CHECK},
               {bytes, DDS_KEY_MAX_BYTES, DDS_OK}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    dds_key key;
    dds_error error = DDS_ERROR_INIT;
    assert_int_equal(dds_key_from_text("id", cases[i].bytes, cases[i].length, &key, &error),
                     cases[i].code == DDS_OK);
    assert_int_equal(error.code, cases[i].code);
    dds_key_free(&key);
  }
}

static void has_one_spelling(void **state) {
  (void)state;
  static const struct {
    const char *item;
    const char *key; /* NULL: refused */
  } cases[] = {
      {"{\"x\":{\"N\":\"1\"},\"id\":{\"S\":\"\\u0061\\/\"}}", "{\"id\":{\"S\":\"a/\"}}"},
      {"{\"id\":{\"N\":\"1.50E2\"}}", "{\"id\":{\"N\":\"150\"}}"},
      {"{\"id\":{\"N\":\"-0\"}}", "{\"id\":{\"N\":\"0\"}}"},
      {"{\"id\":{\"B\":\"\\/\\/8=\"}}", "{\"id\":{\"B\":\"//8=\"}}"},
      {"{\"id\":{\"BOOL\":true}}", NULL},
      {"{\"ID\":{\"S\":\"a\"}}", NULL},
      {"{\"id\":\"a\"}", NULL},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    dds_item item = {.json = {0}};
    dds_key key;
    dds_error error = DDS_ERROR_INIT;
    assert_true(dds_json_parse(cases[i].item, strlen(cases[i].item), &item.json, NULL));
    assert_int_equal(dds_key_from_item("id", &item, &key, &error), cases[i].key != NULL);
    if (cases[i].key != NULL) {
      assert_string_equal(key.json, cases[i].key);
    } else {
      assert_int_equal(error.code, DDS_ERROR);
    }
    dds_key_free(&key);
  }
}

static void copies_and_compares(void **state) {
  (void)state;
  dds_key key;
  dds_key copy;
  dds_key none = {0};
  dds_error error = DDS_ERROR_INIT;
  assert_true(dds_key_from_text("id", "a", 1, &key, &error));
  assert_true(dds_key_copy(&key, &copy, &error));
  assert_true(dds_key_equal(&key, &copy));
  assert_false(dds_key_equal(&key, &none));
  dds_key_free(&copy);
  assert_true(dds_key_copy(&none, &copy, &error));
  assert_true(dds_key_equal(&none, &copy));
  dds_key_free(&key);
}

/* One after another, of any type, and after one that was refused. */
static void writes_keys_one_after_another(void **state) {
  (void)state;
  char longest[DDS_KEY_MAX_BYTES + 1];
  memset(longest, 'x', sizeof longest);
  static const struct {
    const char *value; /* NULL: the text */
    const char *text;
    const char *key; /* NULL: refused */
  } cases[] = {
      {NULL, "a", "{\"\\\"id\":{\"S\":\"a\"}}"},
      {NULL, "a\"b", "{\"\\\"id\":{\"S\":\"a\\\"b\"}}"},
      {NULL, "", NULL},
      {NULL, "\xc3", NULL},
      {"{\"N\":\"1e1\"}", NULL, "{\"\\\"id\":{\"N\":\"10\"}}"},
      {"{\"S\":\"\\u0062\"}", NULL, "{\"\\\"id\":{\"S\":\"b\"}}"},
      {"{\"S\":\"\\ud800\"}", NULL, NULL},
      {"{\"B\":\"AA==\"}", NULL, "{\"\\\"id\":{\"B\":\"AA==\"}}"},
      {"{\"BOOL\":true}", NULL, NULL},
      {"{\"S\":\"c\"}", NULL, "{\"\\\"id\":{\"S\":\"c\"}}"},
      {NULL, "d", "{\"\\\"id\":{\"S\":\"d\"}}"},
  };
  dds_key_writer writer;
  dds_key_writer_open(&writer, "\"id");
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    dds_key key = {0};
    dds_value value;
    dds_error error = DDS_ERROR_INIT;
    bool ok;
    if (cases[i].value != NULL) {
      const dds_json typed = {.text = cases[i].value, .length = strlen(cases[i].value)};
      assert_true(dds_value_read(typed, &value));
      ok = dds_key_writer_value(&writer, &value, &key, &error);
    } else {
      ok = dds_key_writer_text(&writer, cases[i].text, strlen(cases[i].text), &key, &error);
    }
    assert_int_equal(ok, cases[i].key != NULL);
    if (ok) {
      assert_string_equal(key.json, cases[i].key);
      assert_int_equal(key.length, strlen(cases[i].key));
    }
  }
  dds_key key = {0};
  dds_error error = DDS_ERROR_INIT;
  assert_false(dds_key_writer_text(&writer, longest, sizeof longest, &key, &error));
  assert_int_equal(error.code, DDS_TOOBIG);
  error = DDS_ERROR_INIT;
  assert_true(dds_key_writer_text(&writer, longest, DDS_KEY_MAX_BYTES, &key, &error));
  assert_int_equal(key.length, DDS_KEY_MAX_BYTES + strlen("{\"\\\"id\":{\"S\":\"\"}}"));
  assert_memory_equal(key.json + key.length - 4, "x\"}}", 4);
  assert_true(dds_key_writer_text(&writer, "e", 1, &key, &error));
  assert_true(dds_key_writer_take(&writer, &key, &error));
  dds_key_writer_close(&writer);
  assert_string_equal(key.json, "{\"\\\"id\":{\"S\":\"e\"}}");
  dds_key_free(&key);
}

static void survives_every_refused_allocation(void **state) {
  (void)state;
  static const char text[] = "{\"id\":{\"S\":\"a\\u0000b\"}}";
  dds_item item = {.json = {0}};
  assert_true(dds_json_parse(text, sizeof text - 1, &item.json, NULL));
  while (failing_allocator_next()) {
    dds_key key = {0};
    dds_key copy = {0};
    dds_error error = DDS_ERROR_INIT;
    failing_allocator_start();
    bool is_made =
        dds_key_from_item("id", &item, &key, &error) && dds_key_copy(&key, &copy, &error);
    failing_allocator_check(is_made, &error);
    dds_key_free(&key);
    dds_key_free(&copy);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(comes_from_text),
      cmocka_unit_test(checks_length_and_utf8),
      cmocka_unit_test(has_one_spelling),
      cmocka_unit_test(copies_and_compares),
      cmocka_unit_test(writes_keys_one_after_another),
      cmocka_unit_test(survives_every_refused_allocation),
  };
  return cmocka_run_group_tests(tests, failing_allocator_set_up, NULL);
}
