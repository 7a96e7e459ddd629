/* The table of layouts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sessions/layout.h"

static void has_the_three_stores_in_order(void **state) {
  (void)state;
  assert_string_equal(dds_layout_at(0)->name, "serverless-dynamodb-session-store");
  assert_string_equal(dds_layout_at(1)->name, "connect-dynamodb");
  assert_string_equal(dds_layout_at(2)->name, "dynamodb-store");
  assert_null(dds_layout_at(3));
}

static void finds_by_name(void **state) {
  (void)state;
  assert_ptr_equal(dds_layout_find("connect-dynamodb"), dds_layout_at(1));
  assert_null(dds_layout_find("Connect-DynamoDB"));
  assert_null(dds_layout_find(""));
}

static void every_layout_is_complete(void **state) {
  (void)state;
  for (size_t i = 0; dds_layout_at(i) != NULL; i++) {
    const dds_layout *layout = dds_layout_at(i);
    assert_non_null(layout->hash_key);
    assert_non_null(layout->prefix);
    assert_non_null(layout->suffix);
    assert_non_null(layout->data);
    assert_non_null(layout->expires);
    assert_non_null(layout->ttl);
    /* A session that gets no age from anywhere must be allowed to live for ever. */
    assert_true(layout->default_age_s != DDS_NO_AGE || layout->allows_never);
    if (layout->companion.name != NULL && layout->companion.kind == DDS_COMPANION_CONSTANT) {
      assert_non_null(layout->companion.text);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(has_the_three_stores_in_order),
      cmocka_unit_test(finds_by_name),
      cmocka_unit_test(every_layout_is_complete),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
