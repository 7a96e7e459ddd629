/* An environment for unit tests: variables and files in arrays. */
#pragma once

#include "aws/environment.h"

enum { FAKE_ENTRIES = 24 };

typedef struct fake_entry {
  const char *name; /* NULL ends the list */
  const char *value;
} fake_entry;

typedef struct fake_environment {
  dds_environment base;
  fake_entry variables[FAKE_ENTRIES];
  fake_entry files[FAKE_ENTRIES]; /* by path */
} fake_environment;

/* Sets `base`, so that the environment can be used, and HOME to /home/me. Variables: NAME, value.
 */
void fake_environment_init(fake_environment *environment);
void fake_environment_set(fake_environment *environment, const char *name, const char *value);

/* "~/.aws/config" and "~/.aws/credentials", with HOME as above, and any other path. */
void fake_environment_add_file(fake_environment *environment, const char *path,
                               const char *contents);
