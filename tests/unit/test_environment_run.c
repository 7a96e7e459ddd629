/*
 * Running a program: what comes back of it, and what is left of it. The programs are scripts of the
 * shell; no time is measured: where one would be waited for in vain, the run would fail by its
 * limit of 60 seconds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "aws/environment.h"
#include "failing_allocator.h"

enum { OUTPUT_LIMIT = 300000, MESSAGE_LIMIT = 100, MOST_DESCRIPTORS = 256 };

static dds_stop never;

static bool run(const char *script, dds_stop *stop, dds_process_result *result, dds_error *error) {
  const char *const arguments[] = {"sh", "-c", script, NULL};
  const dds_environment *process = dds_environment_process();
  *error = DDS_ERROR_INIT;
  *result = (dds_process_result){.output = DDS_BUFFER_INIT_SECRET(OUTPUT_LIMIT),
                                 .message = DDS_BUFFER_INIT_SECRET(MESSAGE_LIMIT)};
  return process->run(process->context, arguments, stop, result, error);
}

static void release(dds_process_result *result) {
  dds_buffer_free(&result->output);
  dds_buffer_free(&result->message);
}

static int open_descriptors(void) {
  int count = 0;
  for (int i = 0; i < MOST_DESCRIPTORS; i++) {
    count += fcntl(i, F_GETFD) >= 0;
  }
  return count;
}

/* No child is left, whether running or waiting to be waited for. */
static void check_no_child(void) {
  assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
  assert_int_equal(errno, ECHILD);
}

typedef struct run_case {
  const char *script;
  int exit_status;
  const char *output;
  const char *message;
} run_case;

static const run_case cases[] = {
    {"echo out; echo err >&2", 0, "out\n", "err\n"},
    {"exit 3", 3, "", ""},
    {"echo half; echo why >&2; exit 255", 255, "half\n", "why\n"},
    {"kill -TERM $$", 128 + SIGTERM, "", ""},
    {"kill -KILL $$", 128 + SIGKILL, "", ""},
    {"read line; echo \"$? $line\"", 0, "1 \n", ""},
    {"echo \"$DDS_TEST_VARIABLE\"", 0, "of the host\n", ""},
    {"exec >&- 2>&-; sleep 0.05; exit 4", 4, "", ""},
    {"exec >&-; echo late >&2", 0, "", "late\n"},
    {"printf 'a\\nb'", 0, "a\nb", ""},
};

static void test_what_comes_back(void **state) {
  (void)state;
  setenv("DDS_TEST_VARIABLE", "of the host", 1);
  int before = open_descriptors();
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    dds_error error;
    dds_process_result result;
    if (!run(cases[i].script, &never, &result, &error)) {
      fail_msg("%s: %s", cases[i].script, error.message);
    }
    if (result.exit_status != cases[i].exit_status ||
        strcmp(dds_buffer_text(&result.output), cases[i].output) != 0 ||
        strcmp(dds_buffer_text(&result.message), cases[i].message) != 0) {
      fail_msg("%s: %d, %s, %s", cases[i].script, result.exit_status,
               dds_buffer_text(&result.output), dds_buffer_text(&result.message));
    }
    release(&result);
    assert_int_equal(open_descriptors(), before);
    check_no_child();
  }
}

static void test_arguments_are_no_shell_words(void **state) {
  (void)state;
  const char *const arguments[] = {"printf", "%s|", "a b", "$HOME", "*", "'", "", NULL};
  dds_error error = DDS_ERROR_INIT;
  dds_process_result result = {.output = DDS_BUFFER_INIT(1000), .message = DDS_BUFFER_INIT(1000)};
  assert_true(dds_environment_run(NULL, arguments, &never, &result, &error));
  assert_string_equal(dds_buffer_text(&result.output), "a b|$HOME|*|'||");
  release(&result);
}

static void test_cannot_start(void **state) {
  (void)state;
  const char *const programs[] = {"dds-there-is-no-such-program", "/dev/null/x", ""};
  int before = open_descriptors();
  for (size_t i = 0; i < 3; i++) {
    const char *const arguments[] = {programs[i], NULL};
    dds_error error = DDS_ERROR_INIT;
    dds_process_result result = {.output = DDS_BUFFER_INIT(10), .message = DDS_BUFFER_INIT(10)};
    assert_false(dds_environment_run(NULL, arguments, &never, &result, &error));
    assert_int_equal(error.code, DDS_ERROR);
    assert_non_null(strstr(error.message, "cannot start"));
    assert_non_null(strstr(error.message, programs[i]));
    release(&result);
    assert_int_equal(open_descriptors(), before);
    check_no_child();
  }
}

/* Much on both pipes in turns, more than they hold: neither may be waited for alone. */
static void test_big_output(void **state) {
  (void)state;
  dds_error error;
  dds_process_result result;
  static const char script[] = "i=0; line=$(printf '%0999d' 0); while [ $i -lt 300 ]; do "
                               "echo \"$line\"; echo \"$line\" >&2; i=$((i+1)); done";
  assert_true(run(script, &never, &result, &error));
  assert_int_equal(result.exit_status, 0);
  assert_int_equal(result.output.length, OUTPUT_LIMIT);
  assert_int_equal(result.message.length, MESSAGE_LIMIT);
  release(&result);
}

/* What all processes of a script inherit: its other end says when all are gone. */
typedef struct witness {
  int read_end;
  int held;
} witness;

static witness open_witness(void) {
  int ends[2];
  assert_int_equal(pipe(ends), 0);
  assert_int_equal(fcntl(ends[0], F_SETFD, FD_CLOEXEC), 0);
  return (witness){ends[0], ends[1]};
}

static void check_all_gone(witness *at) {
  char byte;
  close(at->held);
  struct pollfd end = {.fd = at->read_end, .events = POLLIN};
  assert_int_equal(poll(&end, 1, 30000), 1);
  assert_int_equal(read(at->read_end, &byte, 1), 0);
  close(at->read_end);
}

static void test_too_much_output(void **state) {
  (void)state;
  dds_error error;
  dds_process_result result;
  witness holders = open_witness();
  assert_false(run("sleep 300 & yes", &never, &result, &error));
  assert_int_equal(error.code, DDS_TOOBIG);
  assert_non_null(strstr(error.message, "the output of sh"));
  assert_non_null(strstr(error.message, "300000 bytes"));
  release(&result);
  check_no_child();
  check_all_gone(&holders);
}

/* Says stop once the script has said, through a file, that it and its child are under way. */
typedef struct ready_file {
  char path[64];
  const dds_stop *stop;
  int asked;
} ready_file;

static bool is_ready(void *context) {
  ready_file *file = context;
  dds_error error = DDS_ERROR_INIT;
  file->asked++;
  assert_false(dds_stop_check_outside(file->stop, &error));
  return access(file->path, F_OK) == 0;
}

static void test_stop(void **state) {
  (void)state;
  dds_error error;
  dds_process_result result;
  char script[200], folder[] = "/tmp/dds-run-XXXXXX";
  ready_file file = {.asked = 0};
  dds_stop stop = {.asked = is_ready, .context = &file};
  dds_error ignored = DDS_ERROR_INIT;
  witness holders = open_witness();
  assert_non_null(mkdtemp(folder));
  file.stop = &stop;
  snprintf(file.path, sizeof file.path, "%s/ready", folder);
  snprintf(script, sizeof script, "trap '' TERM INT; sleep 300 & : > %s; wait", file.path);
  assert_false(run(script, &stop, &result, &error));
  assert_int_equal(error.code, DDS_INTERRUPT);
  assert_true(file.asked > 0);
  assert_true(dds_stop_check_outside(&stop, &ignored));
  release(&result);
  check_no_child();
  check_all_gone(&holders);
  unlink(file.path);
  rmdir(folder);
}

static void test_stopped_by_the_terminal(void **state) {
  (void)state;
  dds_error error;
  dds_process_result result;
  assert_false(run("kill -TTIN $$", &never, &result, &error));
  assert_int_equal(error.code, DDS_ERROR);
  assert_non_null(strstr(error.message, "sh has been stopped"));
  release(&result);
  check_no_child();
}

/* An agent that the program leaves behind keeps its output open, and is let live. */
static void test_grandchild_holds_the_output(void **state) {
  (void)state;
  dds_error error;
  dds_process_result result;
  assert_true(run("sleep 300 & echo $!; echo text", &never, &result, &error));
  assert_int_equal(result.exit_status, 0);
  char *end;
  long agent = strtol(dds_buffer_text(&result.output), &end, 10);
  assert_string_equal(end, "\ntext\n");
  assert_true(agent > 1);
  assert_int_equal(kill((pid_t)agent, SIGKILL), 0);
  release(&result);
}

static void reap_everybody(int number) {
  int saved = errno;
  (void)number;
  while (waitpid(-1, NULL, WNOHANG) > 0) {
  }
  errno = saved;
}

/* Hosts that leave nothing to wait for: the output counts, the status is not known. */
static void test_host_takes_the_status(void **state) {
  (void)state;
  void (*const handlers[])(int) = {SIG_IGN, reap_everybody};
  for (size_t i = 0; i < 2; i++) {
    struct sigaction action = {.sa_handler = handlers[i]}, previous;
    dds_error error;
    dds_process_result result;
    assert_int_equal(sigaction(SIGCHLD, &action, &previous), 0);
    bool is_run = run("sleep 0.02; echo out; echo err >&2; exit 3", &never, &result, &error);
    assert_int_equal(sigaction(SIGCHLD, &previous, NULL), 0);
    if (!is_run) {
      fail_msg("%s", error.message);
    }
    assert_string_equal(dds_buffer_text(&result.output), "out\n");
    assert_string_equal(dds_buffer_text(&result.message), "err\n");
    assert_true(result.exit_status == 0 || result.exit_status == 3);
    release(&result);
    check_no_child();
  }
}

/* The host's own signal handling does not reach the program. */
static void test_signals_are_as_a_program_expects(void **state) {
  (void)state;
  static const run_case signals[] = {
      {"kill -PIPE $$; echo alive", 128 + SIGPIPE, "", ""},
      {"kill -TERM $$; echo alive", 128 + SIGTERM, "", ""},
      {"(exit 7); echo $?", 0, "7\n", ""},
  };
  struct sigaction ignore = {.sa_handler = SIG_IGN}, previous;
  sigset_t term, previous_mask;
  sigemptyset(&term);
  sigaddset(&term, SIGTERM);
  assert_int_equal(sigprocmask(SIG_BLOCK, &term, &previous_mask), 0);
  assert_int_equal(sigaction(SIGPIPE, &ignore, &previous), 0);
  for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
    dds_error error;
    dds_process_result result;
    assert_true(run(signals[i].script, &never, &result, &error));
    assert_int_equal(result.exit_status, signals[i].exit_status);
    assert_string_equal(dds_buffer_text(&result.output), signals[i].output);
    release(&result);
  }
  assert_int_equal(sigprocmask(SIG_SETMASK, &previous_mask, NULL), 0);
  assert_int_equal(sigaction(SIGPIPE, &previous, NULL), 0);
}

static volatile sig_atomic_t alarms;

static void count_alarm(int number) {
  (void)number;
  alarms++;
}

/* Signals that arrive all the time, with a handler that interrupts every call. */
static void test_interrupted_calls(void **state) {
  (void)state;
  struct sigaction action = {.sa_handler = count_alarm}, previous;
  dds_error error;
  dds_process_result result;
  char script[200];
  assert_int_equal(sigaction(SIGUSR1, &action, &previous), 0);
  snprintf(script, sizeof script,
           "i=0; while [ $i -lt 200 ]; do kill -USR1 %ld; echo $i; i=$((i+1)); done; exit 5",
           (long)getpid());
  assert_true(run(script, &never, &result, &error));
  assert_int_equal(sigaction(SIGUSR1, &previous, NULL), 0);
  assert_int_equal(result.exit_status, 5);
  assert_int_equal(result.output.length, 10 * 2 + 90 * 3 + 100 * 4);
  assert_true(alarms > 0);
  release(&result);
}

/* In a host that has closed its standard descriptors: a pipe's ends take their numbers. */
static void test_host_without_standard_descriptors(void **state) {
  (void)state;
  pid_t host = fork();
  assert_true(host >= 0);
  if (host == 0) {
    dds_error error;
    dds_process_result result;
    close(0);
    close(1);
    close(2);
    int before = open_descriptors();
    bool is_fine = run("read line; echo out; echo err >&2", &never, &result, &error) &&
                   strcmp(dds_buffer_text(&result.output), "out\n") == 0 &&
                   strcmp(dds_buffer_text(&result.message), "err\n") == 0 &&
                   open_descriptors() == before;
    _exit(is_fine ? 0 : 1);
  }
  int status;
  assert_int_equal(waitpid(host, &status, 0), host);
  assert_int_equal(status, 0);
}

static void test_each_allocation_failing(void **state) {
  (void)state;
  while (failing_allocator_next()) {
    dds_error error;
    dds_process_result result;
    failing_allocator_start();
    bool is_run = run("echo err >&2; printf '%0200d' 0", &never, &result, &error);
    failing_allocator_check(is_run, &error);
    release(&result);
    check_no_child();
  }
}

int main(void) {
  failing_allocator_install();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_what_comes_back),
      cmocka_unit_test(test_arguments_are_no_shell_words),
      cmocka_unit_test(test_cannot_start),
      cmocka_unit_test(test_big_output),
      cmocka_unit_test(test_too_much_output),
      cmocka_unit_test(test_stop),
      cmocka_unit_test(test_stopped_by_the_terminal),
      cmocka_unit_test(test_grandchild_holds_the_output),
      cmocka_unit_test(test_host_takes_the_status),
      cmocka_unit_test(test_signals_are_as_a_program_expects),
      cmocka_unit_test(test_interrupted_calls),
      cmocka_unit_test(test_host_without_standard_descriptors),
      cmocka_unit_test(test_each_allocation_failing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
