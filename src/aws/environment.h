/*
 * What configuration and credentials are read from: environment variables, files, processes. Given
 * as functions, so that resolving stays a pure function of them, and tests bring their own.
 */
#pragma once

#include <stdbool.h>

#include "aws/stop.h"
#include "base/attributes.h"
#include "base/buffer.h"
#include "base/error.h"

/* How a process ended. */
typedef struct dds_process_result {
  int exit_status;    /* 128 + the signal's number where one ended it; 0 also where the host takes
                         the status of its children itself, so that it is not known */
  dds_buffer output;  /* what it wrote to its standard output; give it one that is secret */
  dds_buffer message; /* and to its standard error, which may hold anything; what goes beyond the
                         maximum is dropped */
} dds_process_result;

typedef struct dds_environment {
  void *context;
  /* The value of a variable, or NULL. Borrowed until the next call. */
  const char *(*variable)(void *context, const char *name);
  /*
   * Appends a whole file to `contents`. A file that does not exist or is a directory leaves it
   * empty and `*exists` false; one that cannot be read, or has not ended within 5 seconds (a FIFO),
   * is an error.
   */
  bool (*read_file)(void *context, const char *path, dds_buffer *contents, bool *exists,
                    dds_error *error);
  /* Appends the user's home folder where HOME does not name it; nothing where it is not known.
   * NULL: it never is. */
  void (*append_home)(void *context, dds_buffer *path);
  /* Replaces the file, or makes it in a folder that exists, readable by its owner alone: whole or
   * not at all. */
  bool (*write_file)(void *context, const char *path, const char *bytes, size_t length,
                     dds_error *error);
  /*
   * Runs a program (looked for in PATH) without a shell and without standard input, in the
   * process's environment, and waits for it; `arguments` end with NULL. `result` has its buffers'
   * maxima set by the caller, who frees them. That it cannot be started, has not ended after 60
   * seconds, is stopped because it wants to read from the terminal, writes too much output, or that
   * `stop` says so (DDS_INTERRUPT) is an error; it is killed then, with what it has started itself.
   */
  bool (*run)(void *context, const char *const *arguments, dds_stop *stop,
              dds_process_result *result, dds_error *error);
} dds_environment;

/* The process's own variables, files and programs. */
const dds_environment *dds_environment_process(void);

/* The functions behind it; `context` is not used. */
bool dds_environment_read_file(void *context, const char *path, dds_buffer *contents, bool *exists,
                               dds_error *error);
bool dds_environment_write_file(void *context, const char *path, const char *bytes, size_t length,
                                dds_error *error);
bool dds_environment_run(void *context, const char *const *arguments, dds_stop *stop,
                         dds_process_result *result, dds_error *error);

/*
 * A variable's value, or NULL where it is unset, empty or white space alone: the SDKs take a blank
 * variable for an unset one.
 */
const char *dds_environment_get(const dds_environment *environment, const char *name);

/* Expands a leading `~/` by HOME, or without it by the user database. */
DDS_MUST_USE bool dds_environment_expand(const dds_environment *environment, const char *path,
                                         dds_buffer *expanded, dds_error *error);
