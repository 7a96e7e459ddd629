/*
 * Which profile, region, endpoint, signing region and retry settings a client uses, and where each
 * came from: a pure function of options, environment and profile files; no network.
 */
#pragma once

#include <stdbool.h>

#include "aws/environment.h"
#include "aws/profile.h"
#include "base/attributes.h"
#include "base/error.h"

/* What a user asked for in SQL; NULL or 0 where he did not. Borrowed. */
typedef struct dds_client_options {
  const char *region;
  const char *endpoint_url;
  const char *profile;
  int max_attempts;
  int connect_timeout_ms;
  int request_timeout_ms;
} dds_client_options;

/* Owned texts; released by dds_config_free. A source is words for a user: "option region",
 * "AWS_REGION", "profile prod, region", "default for a loopback endpoint". */
typedef struct dds_config {
  char *profile;            /* never NULL */
  bool profile_is_explicit; /* by the option, which then skips credentials from the environment */
  char *profile_source;
  char *region; /* NULL: none found, which is an error at the first request only */
  char *region_source;
  char *signing_region; /* NULL exactly where region is */
  char *endpoint;       /* "https://dynamodb.us-east-1.amazonaws.com", no slash at its end; NULL
                           where the region, which it is made from, is */
  char *endpoint_source;
  bool endpoint_is_loopback;
  char *ca_bundle; /* file of certificate authorities, or NULL for libcurl's own */
  int max_attempts;
  int connect_timeout_ms;
  int request_timeout_ms;
} dds_config;

/* Resolves everything; `profiles` are those of the environment's files. */
DDS_MUST_USE bool dds_config_resolve(const dds_client_options *options,
                                     const dds_environment *environment,
                                     const dds_profiles *profiles, dds_config *config,
                                     dds_error *error);

/* Releases the texts; a config of zeroes is allowed. */
void dds_config_free(dds_config *config);
