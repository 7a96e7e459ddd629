/* The process's environment: variables, files, what is missing and what cannot be read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "aws/environment.h"

static void test_blank_variables_are_unset(void **state) {
  (void)state;
  const dds_environment *process = dds_environment_process();
  setenv("DDS_TEST_VARIABLE", " \t\n", 1);
  assert_null(dds_environment_get(process, "DDS_TEST_VARIABLE"));
  setenv("DDS_TEST_VARIABLE", "", 1);
  assert_null(dds_environment_get(process, "DDS_TEST_VARIABLE"));
  setenv("DDS_TEST_VARIABLE", " x ", 1);
  assert_string_equal(dds_environment_get(process, "DDS_TEST_VARIABLE"), " x ");
  unsetenv("DDS_TEST_VARIABLE");
  assert_null(dds_environment_get(process, "DDS_TEST_VARIABLE"));
}

static void test_expand(void **state) {
  (void)state;
  static const char *const pairs[][2] = {
      {"~/a", "/home/x/a"}, {"~", "/home/x"}, {"~b/c", "~b/c"}, {"/a/~/b", "/a/~/b"}, {"", ""}};
  const dds_environment *process = dds_environment_process();
  setenv("HOME", "/home/x", 1);
  for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
    dds_error error = DDS_ERROR_INIT;
    dds_buffer path = DDS_BUFFER_INIT(100);
    assert_true(dds_environment_expand(process, pairs[i][0], &path, &error));
    assert_string_equal(dds_buffer_text(&path), pairs[i][1]);
    dds_buffer_free(&path);
  }
}

static void test_files(void **state) {
  (void)state;
  const dds_environment *process = dds_environment_process();
  char path[] = "/tmp/dds-environment-XXXXXX";
  int descriptor = mkstemp(path);
  assert_true(descriptor >= 0);
  for (int i = 0; i < 2000; i++) {
    assert_int_equal(write(descriptor, "12345", 5), 5);
  }
  close(descriptor);

  dds_error error = DDS_ERROR_INIT;
  dds_buffer contents = DDS_BUFFER_INIT(10000);
  bool exists = false;
  assert_true(process->read_file(process->context, path, &contents, &exists, &error));
  assert_true(exists);
  assert_int_equal(contents.length, 10000);
  dds_buffer_free(&contents);

  contents = DDS_BUFFER_INIT(9999);
  assert_false(process->read_file(process->context, path, &contents, &exists, &error));
  assert_int_equal(error.code, DDS_TOOBIG);
  dds_buffer_free(&contents);

  error = DDS_ERROR_INIT;
  if (geteuid() != 0) { /* root reads everything */
    assert_int_equal(chmod(path, 0), 0);
    assert_false(process->read_file(process->context, path, &contents, &exists, &error));
    assert_non_null(strstr(error.message, path));
    error = DDS_ERROR_INIT;
    dds_buffer_free(&contents);
  }
  unlink(path);
  const char *const absent[] = {path, "/tmp", "/dev/null/x"};
  for (size_t i = 0; i < 3; i++) {
    exists = true;
    assert_true(process->read_file(process->context, absent[i], &contents, &exists, &error));
    assert_false(exists);
    assert_int_equal(contents.length, 0);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_blank_variables_are_unset),
      cmocka_unit_test(test_expand),
      cmocka_unit_test(test_files),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
