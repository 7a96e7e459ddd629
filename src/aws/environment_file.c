/*
 * The process's files: reading one whole, and putting one in the place of another whole or not at
 * all. They may hold keys and tokens.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "aws/environment.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/hash.h"

/* A file may be a FIFO or a terminal, which nobody may write to; the host must not hang for that.
 */
enum { READ_LIMIT_MS = 5000, PATH_LIMIT_BYTES = 4096 };

/* Waits for something to read, or for the end; errno's value, or 0. */
static int wait_readable(int descriptor, int64_t deadline_ms) {
  for (;;) {
    struct pollfd readable = {.fd = descriptor, .events = POLLIN};
    int64_t left_ms = deadline_ms - dds_clock_monotonic_ms();
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
  int64_t deadline_ms = dds_clock_monotonic_ms() + READ_LIMIT_MS;
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
  dds_wipe(chunk, sizeof chunk);
  return failure;
}

bool dds_environment_read_file(void *context, const char *path, dds_buffer *contents, bool *exists,
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
  if (failure == ETIMEDOUT) {
    return dds_error_set(error, DDS_ERROR, "cannot read %s: its end did not come within %d seconds",
                         path, READ_LIMIT_MS / 1000);
  }
  if (failure != 0) {
    return dds_error_set_errno(error, failure, "cannot read %s", path);
  }
  if (!dds_buffer_check(contents, error)) {
    dds_error_prefix(error, "cannot read %s: ", path);
    return false;
  }
  *exists = true;
  return true;
}

static int write_all(int descriptor, const char *bytes, size_t length) {
  while (length > 0) {
    ssize_t written = write(descriptor, bytes, length);
    if (written < 0 && errno != EINTR) {
      return errno;
    }
    if (written > 0) {
      bytes += written;
      length -= (size_t)written;
    }
  }
  return 0;
}

/* Makes the file, which must not exist, and writes it down to the disk; errno's value, or 0. A file
 * that it made and could not fill is left to the caller. */
static int write_new_file(const char *path, const char *bytes, size_t length, bool *is_made) {
  int descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  *is_made = descriptor >= 0;
  if (descriptor < 0) {
    return errno;
  }
  int failure = write_all(descriptor, bytes, length);
  /* Before the rename, else a crash could leave the new name with nothing in it. */
  if (failure == 0 && fsync(descriptor) != 0) {
    failure = errno;
  }
  if (close(descriptor) != 0 && failure == 0) {
    failure = errno;
  }
  return failure;
}

/* A name beside the file, so that the rename stays within one file system. */
static bool append_temporary_name(dds_buffer *name, const char *path, dds_error *error) {
  unsigned char random[8];
  if (!dds_hash_random(random, sizeof random, error)) {
    return false;
  }
  dds_buffer_append_text(name, path);
  dds_buffer_append_char(name, '.');
  for (size_t i = 0; i < sizeof random; i++) {
    dds_buffer_append_format(name, "%02x", random[i]);
  }
  return dds_buffer_check(name, error);
}

bool dds_environment_write_file(void *context, const char *path, const char *bytes, size_t length,
                                dds_error *error) {
  (void)context;
  dds_buffer temporary = DDS_BUFFER_INIT(PATH_LIMIT_BYTES);
  bool is_made = false;
  bool is_written = append_temporary_name(&temporary, path, error);
  if (is_written) {
    int failure = write_new_file(temporary.data, bytes, length, &is_made);
    if (failure == 0 && rename(temporary.data, path) != 0) {
      failure = errno;
    }
    if (failure != 0) {
      is_written = dds_error_set_errno(error, failure, "cannot write %s", path);
    }
    if (failure != 0 && is_made) {
      unlink(temporary.data);
    }
  }
  dds_buffer_free(&temporary);
  return is_written;
}
