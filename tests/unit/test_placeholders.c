/* Placeholders: each name once, values in order, hostile names harmless. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dynamodb/placeholders.h"

static void lists_each_name_once(void **state) {
  (void)state;
  static const char five[] = "{\"N\":\"5\"}";
  dds_placeholders placeholders;
  dds_buffer expression = DDS_BUFFER_INIT(1000);
  dds_buffer body = DDS_BUFFER_INIT(1000);
  dds_placeholders_init(&placeholders);
  dds_placeholders_append_name(&placeholders, &expression, "a.b");
  dds_buffer_append_text(&expression, ", ");
  dds_placeholders_append_name(&placeholders, &expression, "size\"\\");
  dds_buffer_append_text(&expression, ", ");
  dds_condition *condition =
      dds_condition_and(dds_condition_compare("a.b", DDS_LESS, five, strlen(five)),
                        dds_condition_or(dds_condition_type_is("c", DDS_TYPE_NUMBER),
                                         dds_condition_begins_with("size\"\\", "x\"", 2)));
  dds_placeholders_append_condition(&placeholders, &expression, condition);
  assert_string_equal(
      dds_buffer_text(&expression),
      "#n0, #n1, #n0 < :v0 AND (attribute_type(#n2, :v1) OR begins_with(#n1, :v2))");
  dds_placeholders_append_expression(&body, "FilterExpression", &expression);
  dds_placeholders_append_members(&placeholders, &body);
  assert_string_equal(
      dds_buffer_text(&body),
      ",\"FilterExpression\":\"#n0, #n1, #n0 < :v0 AND (attribute_type(#n2, :v1) OR "
      "begins_with(#n1, :v2))\""
      ",\"ExpressionAttributeNames\":{\"#n0\":\"a.b\",\"#n1\":\"size\\\"\\\\\",\"#n2\":\"c\"}"
      ",\"ExpressionAttributeValues\":{\":v0\":{\"N\":\"5\"},\":v1\":{\"S\":\"N\"},"
      "\":v2\":{\"S\":\"x\\\"\"}}");
  dds_condition_release(condition);
  dds_buffer_free(&expression);
  dds_buffer_free(&body);
  dds_placeholders_free(&placeholders);
}

static void leaves_out_what_is_empty_and_passes_failures_on(void **state) {
  (void)state;
  dds_placeholders placeholders;
  dds_buffer body = DDS_BUFFER_INIT(1000);
  dds_buffer expression = DDS_BUFFER_INIT(1000);
  dds_error error = DDS_ERROR_INIT;
  dds_placeholders_init(&placeholders);
  dds_placeholders_append_expression(&body, "FilterExpression", &expression);
  dds_placeholders_append_members(&placeholders, &body);
  assert_int_equal(body.length, 0);
  char name[DDS_PLACEHOLDERS_NAMES_BYTES + 1];
  memset(name, 'n', sizeof name - 1);
  name[sizeof name - 1] = '\0';
  placeholders.names.maximum = DDS_PLACEHOLDERS_NAMES_BYTES;
  dds_placeholders_append_name(&placeholders, &expression, name);
  dds_placeholders_append_members(&placeholders, &body);
  assert_false(dds_buffer_check(&body, &error));
  dds_buffer_free(&body);
  dds_buffer_free(&expression);
  dds_placeholders_free(&placeholders);
}

/* What is measured is what is written, of values that have room in the placeholders and of one that
 * has not. */
static void measures_what_is_written(void **state) {
  (void)state;
  static const char value[] = "{\"N\":\"5\"}";
  char text[2 * DDS_PLACEHOLDERS_VALUES_BYTES];
  memset(text, 'x', sizeof text);
  for (size_t length = 0; length <= sizeof text; length += DDS_PLACEHOLDERS_VALUES_BYTES / 2) {
    dds_placeholders placeholders;
    dds_buffer expression = DDS_BUFFER_INIT(1000);
    dds_condition *condition =
        dds_condition_and(dds_condition_compare("a", DDS_LESS, value, sizeof value - 1),
                          dds_condition_or(dds_condition_begins_with("b", text, length),
                                           dds_condition_type_is("a", DDS_TYPE_NUMBER)));
    assert_non_null(condition);
    dds_placeholders_init(&placeholders);
    dds_placeholders_append_condition(&placeholders, &expression, condition);
    dds_expression_size size = dds_placeholders_measure(condition);
    assert_int_equal(size.operators, dds_condition_operator_count(condition));
    assert_int_equal(size.bytes, expression.length);
    assert_int_equal(size.value_bytes, placeholders.values.length);
    dds_placeholders_free(&placeholders);
    dds_buffer_free(&expression);
    dds_condition_release(condition);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(lists_each_name_once),
      cmocka_unit_test(leaves_out_what_is_empty_and_passes_failures_on),
      cmocka_unit_test(measures_what_is_written),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
