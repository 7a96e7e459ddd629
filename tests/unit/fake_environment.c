/* Variables and files in arrays, for what reads configuration. */
#include "fake_environment.h"

#include <stdlib.h>
#include <string.h>

static const char *find(const fake_entry *entries, const char *name) {
  for (size_t i = 0; i < FAKE_ENTRIES && entries[i].name != NULL; i++) {
    if (strcmp(entries[i].name, name) == 0) {
      return entries[i].value;
    }
  }
  return NULL;
}

static void put(fake_entry *entries, const char *name, const char *value) {
  size_t i = 0;
  while (i < FAKE_ENTRIES - 1 && entries[i].name != NULL && strcmp(entries[i].name, name) != 0) {
    i++;
  }
  if (i == FAKE_ENTRIES - 1) {
    abort();
  }
  entries[i] = (fake_entry){name, value};
}

static const char *variable(void *context, const char *name) {
  return find(((fake_environment *)context)->variables, name);
}

static bool read_file(void *context, const char *path, dds_buffer *contents, bool *exists,
                      dds_error *error) {
  const char *text = find(((fake_environment *)context)->files, path);
  *exists = text != NULL;
  if (text == NULL) {
    return true;
  }
  dds_buffer_append_text(contents, text);
  return dds_buffer_check(contents, error);
}

void fake_environment_init(fake_environment *environment) {
  *environment = (fake_environment){.base = {environment, variable, read_file}};
  fake_environment_set(environment, "HOME", "/home/me");
}

void fake_environment_set(fake_environment *environment, const char *name, const char *value) {
  put(environment->variables, name, value);
}

void fake_environment_add_file(fake_environment *environment, const char *path,
                               const char *contents) {
  static const char *const known[][2] = {
      {"~/.aws/config", "/home/me/.aws/config"},
      {"~/.aws/credentials", "/home/me/.aws/credentials"},
  };
  for (size_t i = 0; i < 2; i++) {
    if (strcmp(path, known[i][0]) == 0) {
      path = known[i][1];
    }
  }
  put(environment->files, path, contents);
}
