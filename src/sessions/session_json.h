/*
 * A session as JSON text that is edited in place: what an edit does not touch stays byte for byte.
 * The member `cookie` is express-session's.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/buffer.h"
#include "base/error.h"
#include "dynamodb/item.h"
#include "dynamodb/json.h"

/* When a session expires. */
typedef struct dds_expiry {
  bool is_never;
  int64_t time_ms; /* since 1970 */
} dds_expiry;

typedef struct dds_session_json {
  dds_buffer text; /* owned; used once it was edited, or read from a payload */
  dds_json whole;  /* the text with the space around it: the owned one, or the caller's */
  dds_json root;   /* in it; .text NULL: no JSON object */
  dds_json cookie; /* the member in it; .text NULL: none */
} dds_session_json;

#define DDS_SESSION_JSON_INIT ((dds_session_json){.text = DDS_BUFFER_INIT(64 << 20)})

/* Text of the caller's, borrowed; false where it is no JSON object, as `root` tells then too. */
bool dds_session_json_from_text(dds_session_json *session, const char *bytes, size_t length);

/* The same session as another, from which it borrows, and which must not be edited meanwhile. */
void dds_session_json_share(dds_session_json *session, const dds_session_json *other);

/* Reads a payload, S or M; what is no JSON object is no error: `root` tells. */
DDS_MUST_USE bool dds_session_json_from_value(dds_session_json *session, const dds_value *value,
                                              dds_error *error);

/* The cookie, borrowed until the next edit; false where there is none, or one that is no object. */
bool dds_session_json_cookie(const dds_session_json *session, dds_json *cookie);

/* Gives a session without cookie one, JSON text, as its first member, where express-session has it;
 * a `cookie` that is no object is replaced. */
DDS_MUST_USE bool dds_session_json_add_cookie(dds_session_json *session, dds_json cookie,
                                              dds_error *error);

/* The same with the cookie that express-session makes: the age is from `now_ms` to the expiry. */
DDS_MUST_USE bool dds_session_json_add_new_cookie(dds_session_json *session,
                                                  const dds_expiry *expiry, int64_t now_ms,
                                                  dds_error *error);

/* Sets the cookie's `expires`: ISO text, or null for never, and then `originalMaxAge` is null too.
 * The session must have a cookie. */
DDS_MUST_USE bool dds_session_json_set_expiry(dds_session_json *session, const dds_expiry *expiry,
                                              dds_error *error);

/* Sets a member of the session to a whole number. */
DDS_MUST_USE bool dds_session_json_set_number(dds_session_json *session, const char *name,
                                              int64_t number, dds_error *error);

/* Releases the text; what was borrowed from it is gone. */
void dds_session_json_free(dds_session_json *session);
