/* The signed cookie, against values that the npm package cookie-signature 1.0 printed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sessions/cookie.h"

typedef struct vector {
  const char *sid, *secret, *cookie;
} vector;

static void signs_as_cookie_signature_does(void **state) {
  (void)state;
  static const vector vectors[] = {
      {"t1", "keyboard cat", "s:t1.BbcgEtx1Zqu8dSBSx9gZc3jdk0n5vRdRBeEXceuBq9I"},
      {"\xc3\x9cn\xc3\xaf"
       "code/+=",
       "p\xc3\xa4ss",
       "s:\xc3\x9cn\xc3\xaf"
       "code/+=.8AcWo0spKhGDFJ/3cbab/Sz36dvnn85XNWmfP698HHg"},
      {"abc.def-_",
       "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"
       "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk",
       "s:abc.def-_.I7Q9FbcsYnLH6KW5Pasvqh7woK4sp1octODC1CZe6Vo"},
  };
  for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
    const vector *expected = &vectors[i];
    dds_buffer value = DDS_BUFFER_INIT(1000);
    dds_error error = DDS_ERROR_INIT;
    assert_true(dds_cookie_append_signed(&value, expected->sid, strlen(expected->sid),
                                         expected->secret, strlen(expected->secret), &error));
    assert_string_equal(dds_buffer_text(&value), expected->cookie);
    dds_buffer_free(&value);
  }
}

static void reports_a_buffer_that_is_full(void **state) {
  (void)state;
  dds_buffer value = DDS_BUFFER_INIT(10);
  dds_error error = DDS_ERROR_INIT;
  assert_false(dds_cookie_append_signed(&value, "t1", 2, "secret", 6, &error));
  assert_int_equal(error.code, DDS_TOOBIG);
  dds_buffer_free(&value);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(signs_as_cookie_signature_does),
      cmocka_unit_test(reports_a_buffer_that_is_full),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
