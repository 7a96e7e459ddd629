/* express-session's cookie: the value that the browser keeps. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/attributes.h"
#include "base/buffer.h"
#include "base/error.h"

/*
 * Appends the signed cookie value, `s:` sid `.` base64(HMAC-SHA256(secret, sid)) without `=`, as
 * the npm package cookie-signature makes it; not URL-encoded.
 */
DDS_MUST_USE bool dds_cookie_append_signed(dds_buffer *value, const char *sid, size_t sid_length,
                                           const char *secret, size_t secret_length,
                                           dds_error *error);
