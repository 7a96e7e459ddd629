/*
 * Conditions on the session id: whatever the layout puts around it, no key is lost whose sid SQLite
 * would find, by bytes or, against a numeric column, by numbers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "failing_allocator.h"
#include "sessions/sid.h"

static const dds_layout plain = {.hash_key = "id", .prefix = "", .suffix = ""};
static const dds_layout prefixed = {.hash_key = "id", .prefix = "sess:", .suffix = ""};
static const dds_layout suffixed = {.hash_key = "id", .prefix = "s:", .suffix = ":x"};

static dds_sql_value text(const char *bytes) {
  return (dds_sql_value){.type = DDS_SQL_TEXT, .bytes = bytes, .length = strlen(bytes)};
}

static dds_condition *make(const dds_layout *layout, dds_comparison comparison,
                           const dds_sql_value *value) {
  bool pushable = false;
  dds_condition *condition = dds_sid_condition(layout, comparison, value, &pushable);
  assert_int_equal(condition != NULL, pushable);
  return condition;
}

/* Whether the key of a sid passes. */
static bool passes(const dds_condition *condition, const dds_layout *layout, const char *sid) {
  dds_buffer json = DDS_BUFFER_INIT(4096);
  dds_buffer key = DDS_BUFFER_INIT(4096);
  dds_item item = {0};
  dds_error error = DDS_ERROR_INIT;
  dds_buffer_append_format(&key, "%s%s%s", layout->prefix, sid, layout->suffix);
  dds_buffer_append_format(&json, "{\"%s\":{\"S\":", layout->hash_key);
  dds_buffer_append_json_string(&json, dds_buffer_text(&key), key.length);
  dds_buffer_append_text(&json, "}}");
  assert_true(dds_item_parse(dds_buffer_text(&json), json.length, &item, &error));
  bool result = dds_condition_holds(condition, &item);
  dds_buffer_free(&json);
  dds_buffer_free(&key);
  return result;
}

static bool compares(const char *left, dds_comparison comparison, const char *right) {
  int order = strcmp(left, right);
  switch (comparison) {
  case DDS_LESS:
    return order < 0;
  case DDS_LESS_EQUAL:
    return order <= 0;
  case DDS_GREATER:
    return order > 0;
  default:
    return order >= 0;
  }
}

static const char *const texts[] = {
    "",
    "a",
    "ab",
    "aba",
    "abb",
    "b",
    "A",
    "0",
    "12",
    "9",
    ":",
    ":x",
    ";",
    "a:",
    "a:w",
    "a:y",
    "\xc3\xa9",
    "\xef\xbf\xbd",
    "\xf0\x9f\x8d\xaa",
    "~",
    " 1",
    "-1",
    "+",
    ".5",
    "s:",
    "x",
};
enum { TEXTS = sizeof texts / sizeof texts[0] };

static void loses_no_key(void **state) {
  (void)state;
  const dds_layout *const layouts[] = {&plain, &prefixed, &suffixed};
  size_t held_back = 0;
  for (size_t l = 0; l < 3; l++) {
    for (int comparison = DDS_LESS; comparison <= DDS_GREATER_EQUAL; comparison++) {
      for (size_t i = 0; i < TEXTS; i++) {
        dds_sql_value value = text(texts[i]);
        dds_condition *condition = make(layouts[l], (dds_comparison)comparison, &value);
        for (size_t j = 0; condition != NULL && j < TEXTS; j++) {
          bool is_wanted = compares(texts[j], (dds_comparison)comparison, texts[i]);
          bool is_passed = passes(condition, layouts[l], texts[j]);
          held_back += !is_passed;
          if (is_wanted && !is_passed) {
            fail_msg("layout %zu, comparison %d, '%s' with '%s'", l, comparison, texts[j],
                     texts[i]);
          }
        }
        dds_condition_release(condition);
      }
    }
  }
  assert_true(held_back > 1000);
}

/* Against a numeric column that holds 'x' or '!', the sid '12' is the number 12: less than both. */
static void lets_numbers_pass_an_upper_bound(void **state) {
  (void)state;
  dds_sql_value value = text("!");
  dds_condition *condition = make(&prefixed, DDS_LESS, &value);
  assert_true(passes(condition, &prefixed, "12"));
  assert_true(passes(condition, &prefixed, " .5"));
  assert_false(passes(condition, &prefixed, "a"));
  dds_condition_release(condition);
}

static void pushes_what_is_safe_alone(void **state) {
  (void)state;
  char longest[2049];
  memset(longest, 'a', sizeof longest);
  const struct {
    const dds_layout *layout;
    dds_comparison comparison;
    dds_sql_value value;
    bool is_pushed;
  } cases[] = {
      {&suffixed, DDS_GREATER, text("a"), true},
      {&suffixed, DDS_LESS, text("a"), false},
      {&suffixed, DDS_LESS_EQUAL, text("a"), false},
      {&prefixed, DDS_LESS, text("a"), true},
      {&prefixed, DDS_GREATER, text(""), true},
      {&plain, DDS_GREATER, text(""), false}, /* DynamoDB knows no empty key */
      {&plain, DDS_LESS, text("a\xff"), false},
      {&plain, DDS_GREATER_EQUAL, text("\xed\xa0\x80"), false},
      {&plain, DDS_EQUAL, text("a"), false},
      {&plain, DDS_LESS, {.type = DDS_SQL_INTEGER, .integer = 5}, false},
      {&plain, DDS_LESS, {.type = DDS_SQL_BLOB, .bytes = "a", .length = 1}, false},
      {&plain, DDS_LESS, {.type = DDS_SQL_NULL}, false},
      {&plain, DDS_LESS, {.type = DDS_SQL_TEXT, .bytes = longest, .length = 2048}, true},
      {&plain, DDS_LESS, {.type = DDS_SQL_TEXT, .bytes = longest, .length = 2049}, false},
      {&prefixed, DDS_LESS, {.type = DDS_SQL_TEXT, .bytes = longest, .length = 2044}, false},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    dds_condition *condition = make(cases[i].layout, cases[i].comparison, &cases[i].value);
    if ((condition != NULL) != cases[i].is_pushed) {
      fail_msg("case %zu", i);
    }
    dds_condition_release(condition);
  }
}

static void survives_every_refused_allocation(void **state) {
  (void)state;
  dds_sql_value value = text("abc");
  while (failing_allocator_next()) {
    bool pushable = false;
    failing_allocator_start();
    dds_condition *condition = dds_sid_condition(&prefixed, DDS_LESS, &value, &pushable);
    bool refused = failing_allocator_stop();
    assert_true(pushable);
    assert_int_equal(condition == NULL, refused);
    dds_condition_release(condition);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(loses_no_key),
      cmocka_unit_test(lets_numbers_pass_an_upper_bound),
      cmocka_unit_test(pushes_what_is_safe_alone),
      cmocka_unit_test(survives_every_refused_allocation),
  };
  return cmocka_run_group_tests(tests, failing_allocator_set_up, NULL);
}
