/* UUIDs: their form, and that no two are alike. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <string.h>
#include <cmocka.h>

#include "base/uuid.h"

static void test_form(void **state) {
  (void)state;
  static const char form[] = "xxxxxxxx-xxxx-4xxx-vxxx-xxxxxxxxxxxx";
  char one[DDS_UUID_BYTES], other[DDS_UUID_BYTES] = "";
  for (int turn = 0; turn < 100; turn++) {
    dds_error error = DDS_ERROR_INIT;
    assert_true(dds_uuid_make(one, &error));
    assert_int_equal(strlen(one), sizeof form - 1);
    for (size_t i = 0; i < sizeof form - 1; i++) {
      const char fixed[] = {form[i], '\0'};
      const char *allowed = form[i] == 'x' ? "0123456789abcdef" : form[i] == 'v' ? "89ab" : fixed;
      assert_non_null(strchr(allowed, one[i]));
    }
    assert_string_not_equal(one, other);
    memcpy(other, one, sizeof other);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_form),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
