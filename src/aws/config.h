/*
 * What a client is set up with: profile, region, endpoints, switches, retries, and where each came
 * from: a pure function of options, environment and profile files; no network.
 */
#pragma once

#include <stdbool.h>

#include "aws/endpoint.h"
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
  char *region; /* NULL: none is configured; that of the instance is asked for by the client */
  char *region_source;
  /* The user's own endpoints, no slash at their end; NULL where he has none. */
  struct {
    char *url;
    char *source;
  } endpoints[DDS_SERVICE_COUNT];
  bool endpoint_is_loopback; /* DynamoDB's own one is this machine, also that of region "local" */
  bool use_fips;
  char *fips_source; /* NULL where it is off */
  bool use_dualstack;
  char *dualstack_source; /* the same */
  dds_account_mode account_mode;
  char *account_mode_source; /* NULL where it is the default, preferred */
  char *ca_bundle;           /* file of certificate authorities, or NULL for libcurl's own */
  int max_attempts;          /* of a call to DynamoDB */
  int service_max_attempts;  /* of a call to STS, SSO or OIDC */
  int connect_timeout_ms;
  int request_timeout_ms;
  /* Instance metadata. */
  bool imds_is_disabled; /* AWS_EC2_METADATA_DISABLED */
  bool imds_v1_is_disabled;
  char *imds_endpoint;   /* "http://169.254.169.254", no slash at its end */
  int imds_timeout_ms;   /* of an attempt (AWS_METADATA_SERVICE_TIMEOUT, seconds; 1 s) */
  int imds_max_attempts; /* AWS_METADATA_SERVICE_NUM_ATTEMPTS; 1 */
} dds_config;

/* Resolves everything; `profiles` are those of the environment's files. */
DDS_MUST_USE bool dds_config_resolve(const dds_client_options *options,
                                     const dds_environment *environment,
                                     const dds_profiles *profiles, dds_config *config,
                                     dds_error *error);

/*
 * The endpoint of a service for this configuration, in `region`; `account_id` may be NULL. An error
 * names the setting that it comes from.
 */
DDS_MUST_USE bool dds_config_endpoint(const dds_config *config, dds_service service,
                                      const char *region, const char *account_id,
                                      dds_endpoint *endpoint, dds_error *error);

/* Whether two configurations lead to the same tables: profile, region, endpoints, switches. */
bool dds_config_is_same_place(const dds_config *left, const dds_config *right);

/* Releases the texts; a config of zeroes is allowed. */
void dds_config_free(dds_config *config);
