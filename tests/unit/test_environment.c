/* The process's environment: variables, files, what is missing, what cannot be read or written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <dirent.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "aws/environment.h"
#include "failing_allocator.h"

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

static void test_expand_without_a_home(void **state) {
  (void)state;
  dds_environment environment = *dds_environment_process();
  const struct passwd *user = getpwuid(getuid());
  dds_error error = DDS_ERROR_INIT;
  dds_buffer path = DDS_BUFFER_INIT(1000), expected = DDS_BUFFER_INIT(1000);
  assert_non_null(user);
  dds_buffer_append_format(&expected, "%s/a", user->pw_dir);
  setenv("HOME", "", 1);
  assert_true(dds_environment_expand(&environment, "~/a", &path, &error));
  assert_string_equal(dds_buffer_text(&path), dds_buffer_text(&expected));
  dds_buffer_clear(&path);
  environment.append_home = NULL;
  assert_true(dds_environment_expand(&environment, "~/a", &path, &error));
  assert_string_equal(dds_buffer_text(&path), "~/a");
  dds_buffer_free(&expected);
  dds_buffer_free(&path);
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

/* What a child, who sleeps between two pieces, writes into a pipe or a FIFO. */
static pid_t write_in_child(int descriptor, const char *path) {
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    const struct timespec pause = {0, 20000000};
    int opened = descriptor >= 0 ? descriptor : open(path, O_WRONLY);
    bool is_written = write(opened, "12345", 5) == 5 && nanosleep(&pause, NULL) == 0 &&
                      write(opened, "678", 3) == 3;
    _exit(is_written ? 0 : 1);
  }
  return child;
}

static void check_read(const char *path, pid_t writer) {
  const dds_environment *process = dds_environment_process();
  dds_error error = DDS_ERROR_INIT;
  dds_buffer contents = DDS_BUFFER_INIT(100);
  bool exists = false;
  int status;
  assert_true(process->read_file(process->context, path, &contents, &exists, &error));
  assert_true(exists);
  assert_string_equal(dds_buffer_text(&contents), "12345678");
  dds_buffer_free(&contents);
  assert_int_equal(waitpid(writer, &status, 0), writer);
  assert_int_equal(status, 0);
}

/* As a shell's <(…) hands it over: /dev/fd/N, written while it is read, or before. */
static void test_pipe(void **state) {
  (void)state;
  int ends[2];
  char path[40];
  assert_int_equal(pipe(ends), 0);
  snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
  pid_t writer = write_in_child(ends[1], NULL);
  close(ends[1]);
  check_read(path, writer);
  close(ends[0]);
}

static void test_fifo(void **state) {
  (void)state;
  const dds_environment *process = dds_environment_process();
  char folder[] = "/tmp/dds-environment-XXXXXX";
  char path[sizeof folder + 10];
  assert_non_null(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/config", folder);
  assert_int_equal(mkfifo(path, 0600), 0);
  check_read(path, write_in_child(-1, path));

  /* Nobody writes; a read that hangs ends the program, loudly. */
  dds_error error = DDS_ERROR_INIT;
  dds_buffer contents = DDS_BUFFER_INIT(100);
  bool exists;
  int writer = open(path, O_RDWR);
  assert_true(writer >= 0);
  alarm(60);
  assert_false(process->read_file(process->context, path, &contents, &exists, &error));
  alarm(0);
  assert_int_equal(error.code, DDS_ERROR);
  assert_non_null(strstr(error.message, path));
  assert_non_null(strstr(error.message, "5 seconds"));
  close(writer);
  dds_buffer_free(&contents);
  unlink(path);
  rmdir(folder);
}

static void test_endless_device(void **state) {
  (void)state;
  const dds_environment *process = dds_environment_process();
  dds_error error = DDS_ERROR_INIT;
  dds_buffer contents = DDS_BUFFER_INIT(10000);
  bool exists;
  assert_false(process->read_file(process->context, "/dev/zero", &contents, &exists, &error));
  assert_int_equal(error.code, DDS_TOOBIG);
  assert_non_null(strstr(error.message, "/dev/zero"));
  dds_buffer_free(&contents);
}

static size_t count_entries(const char *folder) {
  size_t count = 0;
  DIR *opened = opendir(folder);
  assert_non_null(opened);
  while (readdir(opened) != NULL) {
    count++;
  }
  closedir(opened);
  return count - 2; /* . and .. */
}

static void check_contents(const char *path, const char *bytes, size_t length) {
  dds_error error = DDS_ERROR_INIT;
  dds_buffer contents = DDS_BUFFER_INIT(10000);
  bool exists = false;
  struct stat facts;
  assert_true(dds_environment_read_file(NULL, path, &contents, &exists, &error));
  assert_true(exists);
  assert_int_equal(contents.length, length);
  if (length > 0) {
    assert_memory_equal(contents.data, bytes, length);
  }
  assert_int_equal(stat(path, &facts), 0);
  assert_int_equal(facts.st_mode & 07777, 0600);
  dds_buffer_free(&contents);
}

static void test_write_file(void **state) {
  (void)state;
  const dds_environment *process = dds_environment_process();
  dds_error error = DDS_ERROR_INIT;
  char folder[] = "/tmp/dds-environment-XXXXXX";
  char path[100], below[100];
  assert_non_null(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/cache.json", folder);
  snprintf(below, sizeof below, "%s/none/cache.json", folder);
  mode_t mask = umask(0);
  assert_true(process->write_file(process->context, path, "first", 5, &error));
  check_contents(path, "first", 5);
  assert_int_equal(chmod(path, 0644), 0);
  assert_true(process->write_file(process->context, path, "a\0b", 3, &error));
  check_contents(path, "a\0b", 3);
  assert_true(process->write_file(process->context, path, "", 0, &error));
  check_contents(path, "", 0);
  umask(mask);
  assert_int_equal(count_entries(folder), 1);

  assert_false(process->write_file(process->context, below, "x", 1, &error));
  assert_int_equal(error.code, DDS_ERROR);
  assert_non_null(strstr(error.message, below));
  assert_non_null(strstr(error.message, "No such file or directory"));
  unlink(path);
  rmdir(folder);
}

/* The name is taken by a folder, so that only the last step fails. */
static void test_failed_write_leaves_nothing(void **state) {
  (void)state;
  dds_error error = DDS_ERROR_INIT;
  char folder[] = "/tmp/dds-environment-XXXXXX";
  char path[100], inside[100];
  assert_non_null(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/taken", folder);
  snprintf(inside, sizeof inside, "%s/taken/x", folder);
  assert_int_equal(mkdir(path, 0700), 0);
  assert_int_equal(mkdir(inside, 0700), 0);
  assert_false(dds_environment_write_file(NULL, path, "x", 1, &error));
  assert_non_null(strstr(error.message, path));
  assert_int_equal(count_entries(folder), 1);
  rmdir(inside);
  rmdir(path);
  rmdir(folder);
}

static void test_each_allocation_of_a_write_failing(void **state) {
  (void)state;
  char folder[] = "/tmp/dds-environment-XXXXXX";
  char path[100];
  assert_non_null(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/cache.json", folder);
  while (failing_allocator_next()) {
    dds_error error = DDS_ERROR_INIT;
    failing_allocator_start();
    bool is_written = dds_environment_write_file(NULL, path, "text", 4, &error);
    failing_allocator_check(is_written, &error);
    assert_int_equal(count_entries(folder), is_written ? 1 : 0);
  }
  check_contents(path, "text", 4);
  unlink(path);
  rmdir(folder);
}

int main(void) {
  failing_allocator_install();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_blank_variables_are_unset),
      cmocka_unit_test(test_expand),
      cmocka_unit_test(test_expand_without_a_home),
      cmocka_unit_test(test_files),
      cmocka_unit_test(test_pipe),
      cmocka_unit_test(test_fifo),
      cmocka_unit_test(test_endless_device),
      cmocka_unit_test(test_write_file),
      cmocka_unit_test(test_failed_write_leaves_nothing),
      cmocka_unit_test(test_each_allocation_of_a_write_failing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
