/* The process's variables and files, behind the functions that configuration is read through. */
#include "aws/environment.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *process_variable(void *context, const char *name) {
  (void)context;
  return getenv(name);
}

/* Appends what is left to read; errno's value, or 0. */
static int read_all(int descriptor, dds_buffer *contents) {
  char chunk[4096];
  int failure = 0;
  while (contents->failed == DDS_OK) {
    ssize_t length = read(descriptor, chunk, sizeof chunk);
    if (length < 0 && errno == EINTR) {
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

static bool process_read_file(void *context, const char *path, dds_buffer *contents, bool *exists,
                              dds_error *error) {
  (void)context;
  *exists = false;
  int descriptor = open(path, O_RDONLY | O_CLOEXEC);
  int failure = descriptor < 0 ? errno : read_all(descriptor, contents);
  if (descriptor >= 0) {
    close(descriptor);
  }
  if (failure == ENOENT || failure == ENOTDIR || failure == EISDIR) {
    return true;
  }
  if (failure != 0) {
    char reason[128];
    if (strerror_r(failure, reason, sizeof reason) != 0) {
      snprintf(reason, sizeof reason, "?");
    }
    return dds_error_set(error, DDS_ERROR, "cannot read %s: %s", path, reason);
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
