/* The first numbers from state 0, as every implementation gives them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/splitmix.h"

static void gives_the_known_numbers(void **state) {
  (void)state;
  static const uint64_t known[] = {UINT64_C(0xE220A8397B1DCDAF), UINT64_C(0x6E789E6AA1B965F4),
                                   UINT64_C(0x06C45D188009454F)};
  uint64_t random_state = 0;
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    assert_true(dds_splitmix_next(&random_state) == known[i]);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(gives_the_known_numbers)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
