/* Conditions: grammar, words, evaluation as DynamoDB Local does it, counting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dynamodb/condition.h"
#include "failing_allocator.h"

static dds_condition *compare(const char *attribute, dds_comparison comparison,
                              const char *typed_value) {
  return dds_condition_compare(attribute, comparison, typed_value, strlen(typed_value));
}

static dds_condition *in(const char *attribute, const char *typed_values) {
  return dds_condition_in(attribute, typed_values, strlen(typed_values));
}

static void expect_words(dds_condition *condition, const char *words) {
  assert_non_null(condition);
  dds_buffer text = DDS_BUFFER_INIT(1000);
  dds_condition_append_words(condition, &text);
  assert_string_equal(dds_buffer_text(&text), words);
  dds_buffer_free(&text);
  dds_condition_release(condition);
}

static dds_condition *a(void) {
  return compare("a", DDS_EQUAL, "{\"N\":\"1\"}");
}

static dds_condition *b(void) {
  return dds_condition_exists("b");
}

static void is_said_in_words(void **state) {
  (void)state;
  static const struct {
    dds_comparison comparison;
    const char *words;
  } comparisons[] = {{DDS_EQUAL, "x = ?"},
                     {DDS_LESS, "x < ?"},
                     {DDS_LESS_EQUAL, "x <= ?"},
                     {DDS_GREATER, "x > ?"},
                     {DDS_GREATER_EQUAL, "x >= ?"}};
  for (size_t i = 0; i < sizeof comparisons / sizeof comparisons[0]; i++) {
    expect_words(compare("x", comparisons[i].comparison, "{\"S\":\"secret\"}"),
                 comparisons[i].words);
  }
  expect_words(dds_condition_not_exists("b"), "attribute_not_exists(b)");
  expect_words(dds_condition_type_is("b", DDS_TYPE_NUMBER_SET), "attribute_type(b, NS)");
  expect_words(dds_condition_begins_with("b", "x", 1), "begins_with(b, ?)");
  expect_words(in("b", "[{\"S\":\"x\"}]"), "b IN (?)");
  expect_words(dds_condition_not(in("b", "[{\"S\":\"x\"}, {\"N\":\"5\"}]")), "NOT b IN (?, ?)");
}

static void has_parentheses_where_needed(void **state) {
  (void)state;
  expect_words(dds_condition_and(a(), b()), "a = ? AND attribute_exists(b)");
  expect_words(dds_condition_or(dds_condition_and(a(), b()), a()),
               "a = ? AND attribute_exists(b) OR a = ?");
  expect_words(dds_condition_and(dds_condition_or(a(), b()), a()),
               "(a = ? OR attribute_exists(b)) AND a = ?");
  expect_words(dds_condition_and(a(), dds_condition_or(a(), b())),
               "a = ? AND (a = ? OR attribute_exists(b))");
  expect_words(dds_condition_and(dds_condition_and(a(), a()), dds_condition_and(a(), a())),
               "a = ? AND a = ? AND a = ? AND a = ?");
  expect_words(dds_condition_not(a()), "NOT a = ?");
  expect_words(dds_condition_not(dds_condition_and(a(), b())),
               "NOT (a = ? AND attribute_exists(b))");
  expect_words(dds_condition_not(dds_condition_not(b())), "NOT (NOT attribute_exists(b))");
  expect_words(dds_condition_and(dds_condition_not(a()), b()), "NOT a = ? AND attribute_exists(b)");
}

static bool holds(dds_condition *condition, const char *item_text) {
  dds_item item = {0};
  assert_non_null(condition);
  if (item_text != NULL) {
    assert_true(dds_json_parse(item_text, strlen(item_text), &item.json, NULL));
  }
  bool result = dds_condition_holds(condition, &item);
  dds_condition_release(condition);
  return result;
}

static const char item[] =
    "{\"n\":{\"N\":\"5\"},\"s\":{\"S\":\"b\\u00e9\"},\"b\":{\"B\":\"fw==\"},\"t\":{\"BOOL\":true},"
    "\"z\":{\"NULL\":true},\"l\":{\"L\":[{\"S\":\"q\"}]},\"m\":{\"M\":{}},\"ss\":{\"SS\":[\"x\","
    "\"y\"]}}";

static void compares_as_dynamodb(void **state) {
  (void)state;
  static const struct {
    const char *attribute;
    dds_comparison comparison;
    const char *operand;
    bool holds;
  } cases[] = {
      {"n", DDS_EQUAL, "{\"N\":\"5.0\"}", true},
      {"n", DDS_LESS, "{\"N\":\"10\"}", true},
      {"n", DDS_GREATER, "{\"N\":\"-10\"}", true},
      {"n", DDS_LESS_EQUAL, "{\"N\":\"5\"}", true},
      {"n", DDS_GREATER_EQUAL, "{\"N\":\"5.00000000000000000001\"}", false},
      {"n", DDS_EQUAL, "{\"S\":\"5\"}", false},
      {"n", DDS_LESS, "{\"S\":\"6\"}", false},
      {"s", DDS_LESS, "{\"S\":\"c\"}", true},
      {"s", DDS_GREATER, "{\"S\":\"bz\"}", true},
      {"s", DDS_GREATER, "{\"S\":\"B\"}", true},
      {"s", DDS_EQUAL, "{\"S\":\"b\xc3\xa9\"}", true},
      {"b", DDS_LESS, "{\"B\":\"gA==\"}", true},
      {"b", DDS_GREATER, "{\"B\":\"fg==\"}", true},
      {"b", DDS_LESS, "{\"B\":\"fwA=\"}", true},
      {"t", DDS_EQUAL, "{\"BOOL\":true}", true},
      {"t", DDS_LESS_EQUAL, "{\"BOOL\":true}", false},
      {"z", DDS_EQUAL, "{\"NULL\":true}", true},
      {"l", DDS_EQUAL, "{\"L\":[{\"S\":\"q\"}]}", true},
      {"m", DDS_EQUAL, "{\"M\":{}}", true},
      {"ss", DDS_EQUAL, "{\"SS\":[\"y\",\"x\"]}", true},
      {"none", DDS_EQUAL, "{\"N\":\"5\"}", false},
      {"none", DDS_LESS, "{\"N\":\"5\"}", false},
      {"none", DDS_GREATER_EQUAL, "{\"N\":\"5\"}", false},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    if (holds(compare(cases[i].attribute, cases[i].comparison, cases[i].operand), item) !=
        cases[i].holds) {
      fail_msg("case %zu: %s, %s", i, cases[i].attribute, cases[i].operand);
    }
  }
}

static void evaluates_functions_and_logic(void **state) {
  (void)state;
  assert_true(holds(dds_condition_exists("z"), item));
  assert_false(holds(dds_condition_exists("none"), item));
  assert_true(holds(dds_condition_not_exists("none"), item));
  assert_true(holds(dds_condition_type_is("ss", DDS_TYPE_STRING_SET), item));
  assert_false(holds(dds_condition_type_is("s", DDS_TYPE_NUMBER), item));
  assert_false(holds(dds_condition_type_is("none", DDS_TYPE_NULL), item));
  assert_true(holds(dds_condition_begins_with("s", "b\xc3\xa9", 3), item));
  assert_true(holds(dds_condition_begins_with("s", "", 0), item));
  assert_false(holds(dds_condition_begins_with("s", "\xc3\xa9", 2), item));
  assert_false(holds(dds_condition_begins_with("n", "5", 1), item));
  assert_true(holds(dds_condition_and(dds_condition_exists("n"), dds_condition_exists("s")), item));
  assert_false(
      holds(dds_condition_and(dds_condition_exists("n"), dds_condition_exists("x")), item));
  assert_true(holds(dds_condition_or(dds_condition_exists("x"), dds_condition_exists("s")), item));
  assert_true(holds(dds_condition_not_exists("n"), NULL));
  assert_false(holds(dds_condition_exists("n"), NULL));
}

static void finds_values_in_a_list(void **state) {
  (void)state;
  static const struct {
    const char *attribute;
    const char *list;
    bool holds;
  } cases[] = {
      {"n", "[{\"N\":\"4\"},{\"N\":\"5.0\"}]", true},
      {"n", "[{\"N\":\"4\"},{\"S\":\"5\"}]", false},
      {"s", "[{\"S\":\"a\"} , {\"S\":\"b\xc3\xa9\"}]", true},
      {"s", "[{\"S\":\"b\"}]", false},
      {"b", "[{\"B\":\"fw==\"}]", true},
      {"none", "[{\"S\":\"a\"}]", false},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    if (holds(in(cases[i].attribute, cases[i].list), item) != cases[i].holds) {
      fail_msg("case %zu: %s, %s", i, cases[i].attribute, cases[i].list);
    }
  }
  assert_false(holds(in("n", "[{\"N\":\"5\"}]"), NULL));
  static const char *const refused[] = {"", "[]", "{\"S\":\"a\"}", "[1]", "[{\"S\":\"a\"},{}]",
                                        "5"};
  for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
    assert_null(in("n", refused[i]));
  }
}

/* 100 values are DynamoDB's limit; each counts, and its bytes. */
static void counts_the_values_of_a_list(void **state) {
  (void)state;
  dds_buffer list = DDS_BUFFER_INIT(10000);
  for (int i = 0; i < DDS_CONDITION_MAX_LIST; i++) {
    dds_buffer_append_format(&list, "%s{\"S\":\"%02d\"}", i == 0 ? "[" : ",", i);
  }
  dds_buffer_append_char(&list, ']');
  dds_condition *condition = dds_condition_and(in("n", dds_buffer_text(&list)), a());
  assert_int_equal(dds_condition_operator_count(condition), DDS_CONDITION_MAX_LIST + 2);
  dds_condition *one = a();
  assert_int_equal(dds_condition_value_bytes(condition),
                   2 * DDS_CONDITION_MAX_LIST + dds_condition_value_bytes(one));
  dds_condition_release(one);
  dds_condition_release(condition);
  list.length--;
  dds_buffer_append_text(&list, ",{\"S\":\"x\"}]");
  assert_null(in("n", dds_buffer_text(&list)));
  dds_buffer_free(&list);
}

static void tells_what_it_names(void **state) {
  (void)state;
  dds_condition *condition =
      dds_condition_or(dds_condition_and(a(), dds_condition_not(in("l", "[{\"S\":\"x\"}]"))), b());
  assert_true(dds_condition_names(condition, "a"));
  assert_true(dds_condition_names(condition, "l"));
  assert_true(dds_condition_names(condition, "b"));
  assert_false(dds_condition_names(condition, "x"));
  assert_false(dds_condition_names(condition, "A"));
  assert_false(dds_condition_names(NULL, "a"));
  dds_condition_release(condition);
}

static void shares_by_reference_counts(void **state) {
  (void)state;
  dds_condition *condition = dds_condition_and(a(), b());
  assert_ptr_equal(dds_condition_retain(condition), condition);
  dds_condition_release(condition);
  assert_int_equal(dds_condition_operator_count(condition), 3);
  dds_condition_release(condition);
  assert_null(dds_condition_retain(NULL));
  dds_condition_release(NULL);
  assert_null(dds_condition_and(NULL, a()));
  assert_null(dds_condition_or(a(), NULL));
  assert_null(dds_condition_not(NULL));
  condition = a();
  for (int i = 1; i < 150; i++) {
    condition = dds_condition_and(condition, a());
  }
  assert_int_equal(dds_condition_operator_count(condition), 299);
  dds_condition_release(condition);
  assert_int_equal(failing_allocator_live_blocks(), 0);
}

static void survives_every_refused_allocation(void **state) {
  (void)state;
  while (failing_allocator_next()) {
    failing_allocator_start();
    dds_condition *condition = dds_condition_not(dds_condition_or(
        dds_condition_and(a(), dds_condition_begins_with("c", "x", 1)),
        dds_condition_or(dds_condition_type_is("d", DDS_TYPE_MAP), in("e", "[{\"S\":\"x\"}]"))));
    bool refused = failing_allocator_stop();
    assert_int_equal(condition == NULL, refused);
    dds_condition_release(condition);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(is_said_in_words),
      cmocka_unit_test(has_parentheses_where_needed),
      cmocka_unit_test(compares_as_dynamodb),
      cmocka_unit_test(evaluates_functions_and_logic),
      cmocka_unit_test(finds_values_in_a_list),
      cmocka_unit_test(counts_the_values_of_a_list),
      cmocka_unit_test(tells_what_it_names),
      cmocka_unit_test(shares_by_reference_counts),
      cmocka_unit_test(survives_every_refused_allocation),
  };
  return cmocka_run_group_tests(tests, failing_allocator_set_up, NULL);
}
