/*
 * Credentials and where they come from. Each source is a row of a table, tried in order, and a
 * file of its own (credentials_<source>.c). Secrets are wiped when released.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "aws/config.h"
#include "aws/environment.h"
#include "aws/profile.h"
#include "base/attributes.h"
#include "base/error.h"

/* Texts owned, released by dds_credentials_free. */
typedef struct dds_credentials {
  char *access_key_id;
  char *secret_access_key;
  char *session_token; /* or NULL */
  char *account_id;    /* or NULL */
  int64_t expires_ms;  /* INT64_MAX: they do not expire */
  char *source;        /* words for a user: "environment", "profile prod" */
} dds_credentials;

typedef enum dds_credentials_result {
  DDS_CREDENTIALS_FOUND,
  DDS_CREDENTIALS_ABSENT, /* this source does not apply: ask the next */
  DDS_CREDENTIALS_FAILED, /* it applies and failed: `error` is set, the chain ends */
} dds_credentials_result;

/* What every source is given; borrowed. */
typedef struct dds_credentials_context {
  const dds_config *config;
  const dds_environment *environment;
  const dds_profiles *profiles;
} dds_credentials_context;

typedef dds_credentials_result dds_credentials_source(const dds_credentials_context *context,
                                                      dds_credentials *credentials,
                                                      dds_error *error);

dds_credentials_source dds_credentials_environment_find;
dds_credentials_source dds_credentials_profile_find;

/*
 * Asks the sources in order. None: DDS_AUTH, "Unable to locate credentials", what was tried and
 * the remedy; but for a loopback endpoint placeholder keys of letters and digits, which is all
 * that DynamoDB Local asks for.
 */
DDS_MUST_USE bool dds_credentials_resolve(const dds_credentials_context *context,
                                          dds_credentials *credentials, dds_error *error);

/* That `place` ("profile prod") asks for what this version cannot do: DDS_AUTH. False always. */
bool dds_credentials_refuse(dds_error *error, const char *place, const char *what);

/* Copies the given texts in, with no expiry. DDS_AUTH for a text with control characters;
 * session_token and account_id may be NULL. */
DDS_MUST_USE bool dds_credentials_set(dds_credentials *credentials, const char *access_key_id,
                                      const char *secret_access_key, const char *session_token,
                                      const char *account_id, const char *source, dds_error *error);

/* Wipes and releases; credentials of zeroes are allowed. */
void dds_credentials_free(dds_credentials *credentials);
