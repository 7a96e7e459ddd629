/*
 * Keys in the JSON of those who hand them out: the members' names differ, their meaning does not.
 */
#pragma once

#include <stdbool.h>

#include <cjson/cJSON.h>

#include "aws/credentials.h"
#include "base/attributes.h"
#include "base/error.h"

/* What the members are called, and which of them must be there; the account id never must. */
typedef struct dds_credentials_members {
  const char *access_key_id;
  const char *secret_access_key;
  const char *session_token;
  const char *expiration; /* RFC 3339, or a number of milliseconds since 1970 */
  const char *account_id; /* NULL: there is none ever */
  bool may_last;          /* without a token, and without an expiry: they do not expire then */
} dds_credentials_members;

/*
 * Copies keys, token, expiry and account id out of `json`, which may be NULL: the answer was none.
 * `account_id` stands in where the JSON has none, and may be NULL; `source` is words for a user. An
 * error (DDS_AUTH) names the members that are missing or wrong, never what is in them.
 */
DDS_MUST_USE bool dds_credentials_read_json(const cJSON *json,
                                            const dds_credentials_members *members,
                                            const char *account_id, const char *source,
                                            dds_credentials *credentials, dds_error *error);
