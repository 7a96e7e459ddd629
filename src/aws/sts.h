/*
 * AWS Security Token Service: temporary credentials for a role. Form-encoded requests, answers in
 * XML (AWS STS API Reference, AssumeRole and AssumeRoleWithWebIdentity).
 */
#pragma once

#include <stdbool.h>

#include "aws/credentials.h"
#include "aws/credentials_chain.h"
#include "base/attributes.h"
#include "base/error.h"

/* Borrowed. */
typedef struct dds_sts_request {
  const char *role_arn;
  const char *session_name;     /* NULL: the product's name and the time */
  const char *external_id;      /* or NULL */
  const char *duration_seconds; /* or NULL; digits */
  const char
      *web_identity_token; /* AssumeRoleWithWebIdentity, unsigned; NULL: AssumeRole, signed by */
  const dds_credentials *source; /* these */
  const char *words; /* the role and where it stands, for the log, messages and the result's source:
                        "role arn:… of profile prod (source: profile base)" */
} dds_sts_request;

/*
 * Asks, and sets keys, token, expiry, account id (from AssumedRoleUser/Arn) and source. An error
 * names the role, and has STS's code and message and the remedy. Offline nothing is asked: only the
 * source is set, and the account id of the role.
 */
DDS_MUST_USE bool dds_sts_assume_role(const dds_credentials_context *context,
                                      const dds_sts_request *request, dds_credentials *credentials,
                                      dds_error *error);
