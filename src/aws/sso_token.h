/*
 * The access token of IAM Identity Center (SSO) that `aws sso login` leaves in its cache,
 * ~/.aws/sso/cache/<SHA-1>.json. That of an sso-session is renewed ahead of its expiry (IAM
 * Identity Center OIDC API Reference, CreateToken) and put back; that of a profile without one, the
 * older form, lasts until the next login.
 */
#pragma once

#include <stdbool.h>

#include "aws/credentials_chain.h"
#include "base/attributes.h"
#include "base/buffer.h"
#include "base/error.h"

/* Which login. Borrowed. */
typedef struct dds_sso_login {
  const char *session; /* the sso-session's name, or NULL: the older form */
  const char *start_url;
  const char *region; /* of Identity Center */
} dds_sso_login;

/*
 * Appends a token that is valid now to `token`, which is a secret buffer. The context has a
 * fetcher; its profile is the one that an error (DDS_AUTH) says to log in with. A token that could
 * not be renewed serves while it is valid, unless another process has renewed it meanwhile; one
 * that could not be written back serves all the same.
 */
DDS_MUST_USE bool dds_sso_token_get(const dds_credentials_context *context,
                                    const dds_sso_login *login, dds_buffer *token,
                                    dds_error *error);
