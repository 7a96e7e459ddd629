/* An environment for unit tests: variables and files in arrays, and one program. */
#pragma once

#include "aws/environment.h"

enum { FAKE_ENTRIES = 32, FAKE_WRITES = 4, FAKE_TEXT_BYTES = 8192, FAKE_PATH_BYTES = 256 };

typedef struct fake_entry {
  const char *name; /* NULL ends the list */
  const char *value;
} fake_entry;

/* A file that was written; it can be read from then on. */
typedef struct fake_write {
  char path[FAKE_PATH_BYTES];
  char text[FAKE_TEXT_BYTES];
} fake_write;

/* What every program does; without one, that it cannot be started is an error. */
typedef struct fake_program {
  int exit_status;
  const char *output;   /* or NULL */
  const char *message;  /* or NULL */
  size_t output_length; /* 0: strlen of output */
} fake_program;

typedef struct fake_environment {
  dds_environment base;
  fake_entry variables[FAKE_ENTRIES];
  fake_entry files[FAKE_ENTRIES]; /* by path */
  fake_entry change;              /* of a file, once it has been read; by the path in `files` */
  fake_write writes[FAKE_WRITES];
  size_t write_count;
  bool refuses_writes; /* writing is an error */
  const fake_program *program;
  size_t run_count;
  char arguments[FAKE_TEXT_BYTES]; /* of the last run, each with a | behind it */
} fake_environment;

/* Sets `base`, so that the environment can be used, and HOME to /home/me. Variables: NAME, value.
 */
void fake_environment_init(fake_environment *environment);
void fake_environment_set(fake_environment *environment, const char *name, const char *value);

/* "~/.aws/config" and "~/.aws/credentials", with HOME as above, and any other path. */
void fake_environment_add_file(fake_environment *environment, const char *path,
                               const char *contents);

/* From the second reading on the file, which was added, holds this: somebody else writes it. */
void fake_environment_change_file(fake_environment *environment, const char *path,
                                  const char *contents);
