/*
 * Where credentials come from: sources that are tried in the AWS CLI's order, each a row of a table
 * and a file of its own (credentials_<source>.c).
 *
 * Asked offline, a source that would have to send a request or start a process says only that it
 * applies, and in which words: dynamodb_status shows them without a network.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "aws/config.h"
#include "aws/credentials.h"
#include "aws/environment.h"
#include "aws/fetch.h"
#include "aws/profile.h"
#include "aws/stop.h"
#include "base/attributes.h"
#include "base/error.h"

typedef enum dds_credentials_result {
  DDS_CREDENTIALS_FOUND,
  DDS_CREDENTIALS_ABSENT, /* this source does not apply: ask the next */
  DDS_CREDENTIALS_FAILED, /* it applies and failed: `error` is set, the chain ends */
} dds_credentials_result;

/* The profiles whose roles wait for the credentials of the next: a list on the stack, newest first.
 */
typedef struct dds_profile_chain {
  const char *name;
  const struct dds_profile_chain *previous; /* NULL: the first */
} dds_profile_chain;

/* What every source is given; borrowed. */
typedef struct dds_credentials_context {
  const dds_config *config;
  const dds_environment *environment;
  const dds_profiles *profiles;
  dds_fetcher *fetcher; /* NULL: offline; nothing is sent or started */
  const char *region;   /* config's, or that of the instance; NULL offline where config has none */
  const char *profile; /* the profile that is looked at: config's, or in a chain a source profile */
  const dds_profile_chain *visited; /* NULL outside a chain of roles */
  int64_t now_ms;
} dds_credentials_context;

typedef dds_credentials_result dds_credentials_source(const dds_credentials_context *context,
                                                      dds_credentials *credentials,
                                                      dds_error *error);

/* In the chain's order. */
dds_credentials_source dds_credentials_environment_find;
dds_credentials_source dds_credentials_role_find; /* the selected profile's role_arn */
dds_credentials_source dds_credentials_web_identity_environment_find;
dds_credentials_source dds_credentials_profile_find; /* the rest of the profile: the ways below */
dds_credentials_source dds_credentials_container_find;
dds_credentials_source dds_credentials_instance_find;

/* The ways of a profile, in its order; static keys are taken from one of the two files. */
dds_credentials_source dds_credentials_web_identity_find;
dds_credentials_source dds_credentials_sso_find;
dds_credentials_source dds_credentials_static_credentials_file_find;
dds_credentials_source dds_credentials_login_find;
dds_credentials_source dds_credentials_process_find;
dds_credentials_source dds_credentials_static_config_file_find;

/*
 * For a role with source_profile: the credentials of the context's profile as a source. Unlike in
 * the selected profile its static keys beat its role, then come the other ways. Whoever calls has
 * set `profile` and put the profile whose role asks on `visited`; dds_credentials_role_find, which
 * this calls, refuses a profile that stands there already. DDS_CREDENTIALS_ABSENT: it has none.
 */
dds_credentials_source dds_credentials_source_profile_find;

/* A property of the context's profile, the credentials file's before the config file's; NULL also
 * where it is blank. */
const char *dds_credentials_property(const dds_credentials_context *context, const char *name);

/* Whether the context's profile has static keys, or a part of them. */
bool dds_credentials_has_static_keys(const dds_credentials_context *context);

/*
 * Asks the sources in order. None: DDS_AUTH, "Unable to locate credentials", what was tried and
 * the remedy; but for a loopback endpoint placeholder keys of letters and digits, which is all
 * that DynamoDB Local asks for, without asking instance metadata.
 */
DDS_MUST_USE bool dds_credentials_resolve(const dds_credentials_context *context,
                                          dds_credentials *credentials, dds_error *error);
