/* What configuration is read through, and the process's own. */
#include "aws/environment.h"

#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/text.h"

enum { USER_ENTRY_BYTES = 16 * 1024 };

static const char *process_variable(void *context, const char *name) {
  (void)context;
  return getenv(name);
}

/* A service or a cron job may have no HOME; the SDKs look the user up then. */
static void process_append_home(void *context, dds_buffer *path) {
  struct passwd entry, *user = NULL;
  char texts[USER_ENTRY_BYTES];
  (void)context;
  if (getpwuid_r(getuid(), &entry, texts, sizeof texts, &user) == 0 && user != NULL &&
      user->pw_dir != NULL) {
    dds_buffer_append_text(path, user->pw_dir);
  }
}

const dds_environment *dds_environment_process(void) {
  static const dds_environment process = {
      .variable = process_variable,
      .append_home = process_append_home,
      .read_file = dds_environment_read_file,
      .write_file = dds_environment_write_file,
      .run = dds_environment_run,
  };
  return &process;
}

const char *dds_environment_get(const dds_environment *environment, const char *name) {
  const char *value = environment->variable(environment->context, name);
  return dds_text_is_blank(value) ? NULL : value;
}

bool dds_environment_expand(const dds_environment *environment, const char *path,
                            dds_buffer *expanded, dds_error *error) {
  if (path[0] == '~' && (path[1] == '/' || path[1] == '\0')) {
    const char *home = dds_environment_get(environment, "HOME");
    size_t before = expanded->length;
    if (home != NULL) {
      dds_buffer_append_text(expanded, home);
    } else if (environment->append_home != NULL) {
      environment->append_home(environment->context, expanded);
    }
    path += expanded->length > before ? 1 : 0;
  }
  dds_buffer_append_text(expanded, path);
  return dds_buffer_check(expanded, error);
}
