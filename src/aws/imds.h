/*
 * The EC2 instance metadata service, version 2 with a session token, version 1 where the instance
 * gives none (EC2 User Guide, "Use the Instance Metadata Service to access instance metadata").
 *
 * That there is no such service, because this machine is no instance, is no error, and is known
 * after one attempt to connect.
 */
#pragma once

#include <stdbool.h>

#include "aws/config.h"
#include "aws/fetch.h"
#include "base/attributes.h"
#include "base/buffer.h"
#include "base/error.h"

/* A visit: what is read in one shares a session token. Made by dds_imds_begin, ended by
 * dds_imds_end, which wipes the token. */
typedef struct dds_imds {
  dds_fetcher *fetcher;     /* borrowed, and so is */
  const dds_config *config; /* this one */
  dds_buffer token;         /* empty: not asked for, or version 1 */
  bool has_asked_token;
  bool has_answered; /* there is a service */
} dds_imds;

dds_imds dds_imds_begin(dds_fetcher *fetcher, const dds_config *config);

/*
 * Appends what is at `path` ("/latest/meta-data/placement/region"), as it comes. `*is_absent`:
 * there is no metadata service, it is switched off, or it has nothing there, which is no error;
 * false then with `error` unset. `operation` is for the log and for messages.
 */
DDS_MUST_USE bool dds_imds_read(dds_imds *imds, const char *path, const char *operation,
                                dds_buffer *text, bool *is_absent, dds_error *error);

void dds_imds_end(dds_imds *imds);

/* The same as a visit of its own, for a path with one line of printable text: appends it without
 * its end; anything else there is an error. */
DDS_MUST_USE bool dds_imds_get(dds_fetcher *fetcher, const dds_config *config, const char *path,
                               const char *operation, dds_buffer *text, bool *is_absent,
                               dds_error *error);
