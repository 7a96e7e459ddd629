/* The process's variables and files, behind the functions that configuration is read through. */
#include "aws/environment.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *process_variable(void *context, const char *name) {
  (void)context;
  return getenv(name);
}

/* A file may be a FIFO or a terminal, which nobody may write to; the host must not hang for that.
 */
enum { READ_LIMIT_MS = 5000 };

static int64_t monotonic_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Waits for something to read, or for the end; errno's value, or 0. */
static int wait_readable(int descriptor, int64_t deadline_ms) {
  for (;;) {
    struct pollfd readable = {.fd = descriptor, .events = POLLIN};
    int64_t left_ms = deadline_ms - monotonic_ms();
    if (left_ms <= 0) {
      return ETIMEDOUT;
    }
    int ready = poll(&readable, 1, (int)left_ms);
    if (ready > 0) {
      return 0;
    }
    if (ready < 0 && errno != EINTR) {
      return errno;
    }
  }
}

/* Appends what is left to read; errno's value, or 0. */
static int read_all(int descriptor, dds_buffer *contents) {
  int64_t deadline_ms = monotonic_ms() + READ_LIMIT_MS;
  char chunk[4096];
  int failure = 0;
  while (contents->failed == DDS_OK) {
    /* Before the first read too: of a FIFO that no writer has opened yet, that would be the end. */
    failure = wait_readable(descriptor, deadline_ms);
    if (failure != 0) {
      break;
    }
    ssize_t length = read(descriptor, chunk, sizeof chunk);
    if (length < 0 && (errno == EINTR || errno == EAGAIN)) {
      continue;
    }
    if (length < 0) {
      failure = errno;
    }
    if (length <= 0) {
      break;
    }
    dds_buffer_append(contents, chunk, (size_t)length);
  }
  return failure;
}

static bool set_read_error(const char *path, int failure, dds_error *error) {
  char reason[128];
  if (failure == ETIMEDOUT) {
    snprintf(reason, sizeof reason, "its end did not come within %d seconds", READ_LIMIT_MS / 1000);
  } else if (strerror_r(failure, reason, sizeof reason) != 0) {
    snprintf(reason, sizeof reason, "?");
  }
  return dds_error_set(error, DDS_ERROR, "cannot read %s: %s", path, reason);
}

static bool process_read_file(void *context, const char *path, dds_buffer *contents, bool *exists,
                              dds_error *error) {
  (void)context;
  *exists = false;
  int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  int failure = descriptor < 0 ? errno : read_all(descriptor, contents);
  if (descriptor >= 0) {
    close(descriptor);
  }
  if (failure == ENOENT || failure == ENOTDIR || failure == EISDIR) {
    return true;
  }
  if (failure != 0) {
    return set_read_error(path, failure, error);
  }
  if (!dds_buffer_check(contents, error)) {
    dds_error_prefix(error, "cannot read %s: ", path);
    return false;
  }
  *exists = true;
  return true;
}

const dds_environment *dds_environment_process(void) {
  static const dds_environment process = {
      .variable = process_variable,
      .read_file = process_read_file,
  };
  return &process;
}

const char *dds_environment_get(const dds_environment *environment, const char *name) {
  const char *value = environment->variable(environment->context, name);
  if (value == NULL || value[strspn(value, " \t\r\n\v\f")] == '\0') {
    return NULL;
  }
  return value;
}

bool dds_environment_expand(const dds_environment *environment, const char *path,
                            dds_buffer *expanded, dds_error *error) {
  bool is_in_home = path[0] == '~' && (path[1] == '/' || path[1] == '\0');
  const char *home = is_in_home ? dds_environment_get(environment, "HOME") : NULL;
  if (home != NULL) {
    dds_buffer_append_text(expanded, home);
    path++;
  }
  dds_buffer_append_text(expanded, path);
  return dds_buffer_check(expanded, error);
}
