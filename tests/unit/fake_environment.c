/* Variables, files and a program in arrays, for what reads configuration. */
#include "fake_environment.h"

#include <stdio.h>
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
  fake_environment *environment = context;
  const char *text = find(environment->files, path);
  *exists = text != NULL;
  if (text == NULL) {
    return true;
  }
  if (environment->change.name != NULL && strcmp(environment->change.name, path) == 0) {
    put(environment->files, environment->change.name, environment->change.value);
    environment->change.name = NULL;
  }
  dds_buffer_append_text(contents, text);
  return dds_buffer_check(contents, error);
}

static bool write_file(void *context, const char *path, const char *bytes, size_t length,
                       dds_error *error) {
  fake_environment *environment = context;
  if (environment->refuses_writes) {
    return dds_error_set(error, DDS_ERROR, "cannot write %s: it is refused", path);
  }
  if (environment->write_count == FAKE_WRITES || length >= FAKE_TEXT_BYTES ||
      strlen(path) >= FAKE_PATH_BYTES) {
    abort();
  }
  fake_write *written = &environment->writes[environment->write_count++];
  snprintf(written->path, sizeof written->path, "%s", path);
  memcpy(written->text, bytes, length);
  written->text[length] = '\0';
  put(environment->files, written->path, written->text);
  return true;
}

static bool run(void *context, const char *const *arguments, dds_stop *stop,
                dds_process_result *result, dds_error *error) {
  fake_environment *environment = context;
  const fake_program *program = environment->program;
  size_t used = 0;
  for (; *arguments != NULL; arguments++) {
    size_t room = sizeof environment->arguments - used;
    int length = snprintf(environment->arguments + used, room, "%s|", *arguments);
    if (length < 0 || (size_t)length >= room) {
      abort();
    }
    used += (size_t)length;
  }
  environment->run_count++;
  if (dds_stop_ask(stop)) {
    return dds_error_set(error, DDS_INTERRUPT, "interrupted");
  }
  if (program == NULL) {
    return dds_error_set(error, DDS_ERROR, "there is no program");
  }
  const char *output = program->output == NULL ? "" : program->output;
  result->exit_status = program->exit_status;
  dds_buffer_append(&result->output, output,
                    program->output_length > 0 ? program->output_length : strlen(output));
  dds_buffer_append_text(&result->message, program->message == NULL ? "" : program->message);
  return dds_buffer_check(&result->output, error) && dds_buffer_check(&result->message, error);
}

void fake_environment_init(fake_environment *environment) {
  memset(environment, 0, sizeof *environment);
  environment->base = (dds_environment){.context = environment,
                                        .variable = variable,
                                        .read_file = read_file,
                                        .write_file = write_file,
                                        .run = run};
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

void fake_environment_change_file(fake_environment *environment, const char *path,
                                  const char *contents) {
  environment->change = (fake_entry){path, contents};
}
