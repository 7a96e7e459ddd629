/*
 * Running a program for what it prints. It is started by posix_spawnp, in a process group of its
 * own, so that a kill reaches what it has started too; its output comes through pipes, read in the
 * same loop that looks at the clock, the stop callback and whether it has ended.
 *
 * Its end, not that of its output, is waited for: a program may leave an agent behind which holds
 * the pipes open. Nothing is asked of the host's signal handling: where SIGCHLD is ignored, or
 * somebody else waits for every child, waitpid says ECHILD once the program has ended.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "aws/environment.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/descriptor.h"

enum {
  RUN_LIMIT_MS = 60000,
  STOP_INTERVAL_MS = 50,
  END_INTERVAL_MS = 5,  /* both pipes are closed, which is what a program does when it ends */
  KILL_LIMIT_MS = 2000, /* for a killed one to end: only a hung file system keeps it longer */
  CHUNK_BYTES = 4096,
  CHUNKS_AT_ONCE = 256, /* a full pipe (1 MB at most), and then back to the clock */
};

enum { OUTPUT, MESSAGE, PIPE_COUNT };

typedef struct child {
  const char *program;
  pid_t id;
  int read_ends[PIPE_COUNT]; /* -1: closed */
  dds_buffer *sinks[PIPE_COUNT];
  bool has_ended;
  bool is_stopped;
  int exit_status;
} child;

extern char **environ;

/* ---- starting it ---------------------------------------------------------------------------- */

static void close_all(int descriptors[PIPE_COUNT]) {
  for (size_t i = 0; i < PIPE_COUNT; i++) {
    if (descriptors[i] >= 0) {
      close(descriptors[i]);
    }
    descriptors[i] = -1;
  }
}

static int open_pipe(int *read_end, int *write_end) {
  int ends[2];
  if (pipe(ends) != 0) {
    return errno;
  }
  int read_failure = dds_descriptor_lift(&ends[0]), write_failure = dds_descriptor_lift(&ends[1]);
  *read_end = ends[0];
  *write_end = ends[1];
  if (read_failure != 0 || write_failure != 0) {
    return read_failure != 0 ? read_failure : write_failure;
  }
  return fcntl(*read_end, F_SETFL, O_NONBLOCK) != 0 ? errno : 0;
}

static int set_files(posix_spawn_file_actions_t *actions, const int write_ends[PIPE_COUNT]) {
  int failure = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  if (failure == 0) {
    failure = posix_spawn_file_actions_adddup2(actions, write_ends[OUTPUT], STDOUT_FILENO);
  }
  if (failure == 0) {
    failure = posix_spawn_file_actions_adddup2(actions, write_ends[MESSAGE], STDERR_FILENO);
  }
  return failure;
}

/* A process group of its own, no signal blocked, and none ignored that hosts ignore for themselves
 * (Python: SIGPIPE, SIGXFSZ) and a program counts on. */
static int set_attributes(posix_spawnattr_t *attributes) {
  static const int expected[] = {SIGPIPE, SIGXFSZ, SIGCHLD};
  sigset_t none, defaults;
  sigemptyset(&none);
  sigemptyset(&defaults);
  for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
    sigaddset(&defaults, expected[i]);
  }
  int failure = posix_spawnattr_setflags(
      attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  if (failure == 0) {
    failure = posix_spawnattr_setpgroup(attributes, 0);
  }
  if (failure == 0) {
    failure = posix_spawnattr_setsigmask(attributes, &none);
  }
  if (failure == 0) {
    failure = posix_spawnattr_setsigdefault(attributes, &defaults);
  }
  return failure;
}

static int spawn(pid_t *id, const char *const *arguments, const int write_ends[PIPE_COUNT]) {
  /* posix_spawnp does not write to them; its type is older than const. */
  char *const *argv;
  memcpy(&argv, &arguments, sizeof argv);
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  int failure = posix_spawn_file_actions_init(&actions);
  if (failure != 0) {
    return failure;
  }
  failure = posix_spawnattr_init(&attributes);
  if (failure == 0) {
    failure = set_files(&actions, write_ends);
    if (failure == 0) {
      failure = set_attributes(&attributes);
    }
    if (failure == 0) {
      failure = posix_spawnp(id, arguments[0], &actions, &attributes, argv, environ);
    }
    posix_spawnattr_destroy(&attributes);
  }
  posix_spawn_file_actions_destroy(&actions);
  return failure;
}

static bool start(child *at, const char *const *arguments, dds_error *error) {
  int write_ends[PIPE_COUNT] = {-1, -1};
  int failure = 0;
  for (size_t i = 0; i < PIPE_COUNT && failure == 0; i++) {
    failure = open_pipe(&at->read_ends[i], &write_ends[i]);
  }
  if (failure == 0) {
    failure = spawn(&at->id, arguments, write_ends);
  }
  close_all(write_ends);
  return failure == 0 || dds_error_set_errno(error, failure, "cannot start %s", at->program);
}

/* ---- while it runs -------------------------------------------------------------------------- */

static void close_pipe(child *at, size_t which) {
  close(at->read_ends[which]);
  at->read_ends[which] = -1;
}

/* Reads what is there, without waiting. */
static void read_pipe(child *at, size_t which) {
  char chunk[CHUNK_BYTES];
  for (int i = 0; i < CHUNKS_AT_ONCE && at->read_ends[which] >= 0; i++) {
    ssize_t length = read(at->read_ends[which], chunk, sizeof chunk);
    if (length < 0 && errno == EINTR) {
      continue;
    }
    if (length < 0 && errno == EAGAIN) {
      break;
    }
    if (length <= 0) {
      close_pipe(at, which);
      break;
    }
    dds_buffer *sink = at->sinks[which];
    size_t room = sink->maximum - sink->length;
    bool is_cut = which == MESSAGE && (size_t)length > room;
    dds_buffer_append(sink, chunk, is_cut ? room : (size_t)length);
  }
  dds_wipe(chunk, sizeof chunk);
}

static void read_pipes(child *at) {
  for (size_t i = 0; i < PIPE_COUNT; i++) {
    read_pipe(at, i);
  }
}

static void wait_readable(const child *at) {
  struct pollfd ends[PIPE_COUNT];
  nfds_t count = 0;
  for (size_t i = 0; i < PIPE_COUNT; i++) {
    if (at->read_ends[i] >= 0) {
      ends[count++] = (struct pollfd){.fd = at->read_ends[i], .events = POLLIN};
    }
  }
  poll(ends, count, count > 0 ? STOP_INTERVAL_MS : END_INTERVAL_MS);
}

/* Sees whether it has ended, or has been stopped, and takes its status if so. */
static void look_after(child *at) {
  int status = 0;
  pid_t id = waitpid(at->id, &status, WNOHANG | WUNTRACED);
  if (id == at->id && WIFSTOPPED(status)) {
    at->is_stopped = true;
  } else if (id == at->id) {
    at->has_ended = true;
    at->exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  } else if (id < 0 && errno != EINTR) {
    at->has_ended = true;
  }
}

static bool check_limits(const child *at, int64_t deadline_ms, dds_stop *stop, dds_error *error) {
  if (at->sinks[OUTPUT]->failed != DDS_OK) {
    bool is_fine = dds_buffer_check(at->sinks[OUTPUT], error);
    dds_error_prefix(error, "the output of %s: ", at->program);
    return is_fine;
  }
  if (!dds_buffer_check(at->sinks[MESSAGE], error)) {
    return false;
  }
  if (at->is_stopped) {
    return dds_error_set(error, DDS_ERROR,
                         "%s has been stopped, as a program is that asks for something at the "
                         "terminal, where it can get no answer here",
                         at->program);
  }
  if (!at->has_ended && dds_stop_ask(stop)) {
    return dds_error_set(error, DDS_INTERRUPT, "interrupted");
  }
  if (!at->has_ended && dds_clock_monotonic_ms() >= deadline_ms) {
    return dds_error_set(error, DDS_ERROR, "%s has not ended within %d seconds", at->program,
                         RUN_LIMIT_MS / 1000);
  }
  return true;
}

static bool wait_for_end(child *at, dds_stop *stop, dds_error *error) {
  int64_t deadline_ms = dds_clock_monotonic_ms() + RUN_LIMIT_MS;
  do {
    wait_readable(at);
    look_after(at);
    read_pipes(at); /* after the look, so that what it wrote last is read */
    if (!check_limits(at, deadline_ms, stop, error)) {
      return false;
    }
  } while (!at->has_ended);
  return true;
}

/* Its id is its own until its status is taken, so the signal cannot meet another process. */
static void kill_group(child *at) {
  int64_t deadline_ms = dds_clock_monotonic_ms() + KILL_LIMIT_MS;
  kill(-at->id, SIGKILL);
  while (!at->has_ended && dds_clock_monotonic_ms() < deadline_ms) {
    look_after(at);
    if (!at->has_ended) {
      poll(NULL, 0, END_INTERVAL_MS);
    }
  }
}

bool dds_environment_run(void *context, const char *const *arguments, dds_stop *stop,
                         dds_process_result *result, dds_error *error) {
  (void)context;
  child at = {
      .program = arguments[0],
      .read_ends = {-1, -1},
      .sinks = {&result->output, &result->message},
  };
  bool is_fine = start(&at, arguments, error);
  if (is_fine) {
    is_fine = wait_for_end(&at, stop, error);
    if (!at.has_ended) {
      kill_group(&at);
    }
  }
  close_all(at.read_ends);
  result->exit_status = at.exit_status;
  return is_fine;
}
