/*
 * Credentials: keys, and where they came from. Secrets are wiped when released. The sources are in
 * credentials_chain.h.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/error.h"

/* Texts owned, released by dds_credentials_free. */
typedef struct dds_credentials {
  char *access_key_id;     /* NULL only where the chain was asked offline and they are not known */
  char *secret_access_key; /* the same */
  char *session_token;     /* or NULL */
  char *account_id;        /* or NULL */
  int64_t expires_ms;      /* INT64_MAX: they do not expire */
  bool outlives_expiry;    /* from instance metadata: used beyond their expiry while nothing newer
                              can be had (an outage of the metadata service must not stop work) */
  char *source;            /* words for a user: "environment", "profile prod" */
  const char *remedy;      /* what to do when they have expired, a clause that is not owned; NULL:
                              nothing but to ask their source again */
} dds_credentials;

/* Copies the given texts in, with no expiry. DDS_AUTH for a text with control characters;
 * session_token and account_id may be NULL. */
DDS_MUST_USE bool dds_credentials_set(dds_credentials *credentials, const char *access_key_id,
                                      const char *secret_access_key, const char *session_token,
                                      const char *account_id, const char *source, dds_error *error);

/* What is known of them without asking anybody: where they would come from. */
DDS_MUST_USE bool dds_credentials_set_unknown(dds_credentials *credentials, const char *account_id,
                                              const char *source, dds_error *error);

/* Wipes and releases; credentials of zeroes are allowed. */
void dds_credentials_free(dds_credentials *credentials);
