/*
 * What configuration is read from: environment variables and files. Given as functions, so that
 * resolving stays a pure function of them, and tests bring their own.
 */
#pragma once

#include <stdbool.h>

#include "base/attributes.h"
#include "base/buffer.h"
#include "base/error.h"

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
} dds_environment;

/* The process's own variables and files. */
const dds_environment *dds_environment_process(void);

/*
 * A variable's value, or NULL where it is unset, empty or white space alone: the SDKs take a blank
 * variable for an unset one.
 */
const char *dds_environment_get(const dds_environment *environment, const char *name);

/* Expands a leading `~/` by HOME. */
DDS_MUST_USE bool dds_environment_expand(const dds_environment *environment, const char *path,
                                         dds_buffer *expanded, dds_error *error);
