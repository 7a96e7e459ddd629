/* Edits of a session's JSON text, each from one buffer into the next. */
#include "sessions/session_json.h"

#include <stdio.h>
#include <string.h>

#include "base/timestamp.h"
#include "dynamodb/json_edit.h"

enum { DATE_JSON_BYTES = DDS_TIMESTAMP_ISO_BYTES + 4 };

static const char cookie_name[] = "cookie";
static const char expires_name[] = "expires";

bool dds_session_json_from_text(dds_session_json *session, const char *bytes, size_t length) {
  session->whole = (dds_json){.text = bytes, .length = length};
  return dds_json_parse_object(bytes, length, cookie_name, &session->root, &session->cookie);
}

void dds_session_json_share(dds_session_json *session, const dds_session_json *other) {
  session->whole = other->whole;
  session->root = other->root;
  session->cookie = other->cookie;
}

/* Finds the object in the buffer. */
static bool read_text(dds_session_json *session, dds_error *error) {
  session->root = session->cookie = (dds_json){0};
  if (!dds_buffer_check(&session->text, error)) {
    return false;
  }
  (void)dds_session_json_from_text(session, dds_buffer_text(&session->text), session->text.length);
  return true;
}

bool dds_session_json_from_value(dds_session_json *session, const dds_value *value,
                                 dds_error *error) {
  dds_buffer_clear(&session->text);
  if (value->type == DDS_TYPE_MAP) {
    dds_value_append_json(value, &session->text);
  } else if (value->type == DDS_TYPE_STRING) {
    bool is_text = dds_value_append_bytes(value, &session->text);
    if (!is_text && session->text.failed == DDS_OK) {
      dds_buffer_clear(&session->text);
    }
  }
  return read_text(session, error);
}

bool dds_session_json_cookie(const dds_session_json *session, dds_json *cookie) {
  *cookie = session->cookie;
  return cookie->text != NULL && dds_json_type_of(*cookie) == DDS_JSON_OBJECT;
}

static bool set_incomplete(dds_error *error) {
  return dds_error_set(error, DDS_ERROR, "a session's JSON lacks what is to be changed in it");
}

/* Puts edited text, an object without space around it, in the place of the old one; the cookie is
 * where the caller says. */
static bool replace(dds_session_json *session, dds_buffer *edited, size_t cookie_at,
                    size_t cookie_length, dds_error *error) {
  dds_buffer_free(&session->text);
  session->text = *edited;
  if (!dds_buffer_check(&session->text, error)) {
    return false;
  }
  session->root = (dds_json){session->text.data, session->text.length};
  session->whole = session->root;
  session->cookie = (dds_json){session->text.data + cookie_at, cookie_length};
  return true;
}

/* Puts another value in the place of the cookie, or of one that stands in it. */
static bool replace_value(dds_session_json *session, dds_json old, const char *text, size_t length,
                          dds_error *error) {
  dds_json root = session->root;
  size_t cookie_at = (size_t)(session->cookie.text - root.text);
  size_t cookie_length = session->cookie.length - old.length + length;
  size_t before = (size_t)(old.text - root.text);
  size_t behind = before + old.length;
  dds_buffer edited = DDS_BUFFER_INIT(session->text.maximum);
  dds_buffer_reserve(&edited, root.length - old.length + length);
  dds_buffer_append(&edited, root.text, before);
  dds_buffer_append(&edited, text, length);
  dds_buffer_append(&edited, root.text + behind, root.length - behind);
  return replace(session, &edited, cookie_at, cookie_length, error);
}

bool dds_session_json_add_cookie(dds_session_json *session, dds_json cookie, dds_error *error) {
  static const char before[] = "{\"cookie\":";
  if (session->cookie.text != NULL) {
    return replace_value(session, session->cookie, cookie.text, cookie.length, error);
  }
  dds_json_iterator members = dds_json_iterate(session->root);
  dds_json name, value;
  bool is_empty = !dds_json_next(&members, &name, &value);
  dds_buffer edited = DDS_BUFFER_INIT(session->text.maximum);
  dds_buffer_reserve(&edited, strlen(before) + cookie.length + session->root.length);
  dds_buffer_append_text(&edited, before);
  dds_buffer_append(&edited, cookie.text, cookie.length);
  if (!is_empty) {
    dds_buffer_append_char(&edited, ',');
  }
  dds_buffer_append(&edited, session->root.text + 1, session->root.length - 1);
  return replace(session, &edited, strlen(before), cookie.length, error);
}

/* A date as JSON: ISO text with its quotes, or null for never and for what no date can be. */
static void format_date(const dds_expiry *expiry, char text[DATE_JSON_BYTES]) {
  char iso[DDS_TIMESTAMP_ISO_BYTES];
  if (expiry->is_never || !dds_timestamp_format_iso(expiry->time_ms, iso)) {
    memcpy(text, "null", sizeof "null");
    return;
  }
  size_t length = strlen(iso);
  text[0] = '"';
  memcpy(text + 1, iso, length + 1);
  memcpy(text + 1 + length, "\"", sizeof "\"");
}

bool dds_session_json_add_new_cookie(dds_session_json *session, const dds_expiry *expiry,
                                     int64_t now_ms, dds_error *error) {
  char date[DATE_JSON_BYTES];
  char age[32] = "null";
  char text[160];
  format_date(expiry, date);
  if (!expiry->is_never) {
    snprintf(age, sizeof age, "%lld", (long long)(expiry->time_ms - now_ms));
  }
  int length = snprintf(text, sizeof text,
                        "{\"originalMaxAge\":%s,\"expires\":%s,\"httpOnly\":true,\"path\":\"/\"}",
                        age, date);
  return dds_session_json_add_cookie(session, (dds_json){text, (size_t)length}, error);
}

/* Appends an object with one member set. */
static bool set_member(dds_json object, const char *name, const char *replacement,
                       dds_buffer *edited) {
  const char *const path[] = {name};
  return dds_json_edit_set(object, path, 1, replacement, strlen(replacement), edited);
}

/* The cookie with its new date, and without an age where it never expires. */
static bool edit_cookie(dds_json cookie, const dds_expiry *expiry, dds_buffer *dated,
                        dds_buffer *edited) {
  char date[DATE_JSON_BYTES];
  format_date(expiry, date);
  if (!expiry->is_never) {
    return set_member(cookie, expires_name, date, edited);
  }
  return set_member(cookie, expires_name, date, dated) && dated->failed == DDS_OK &&
         set_member((dds_json){dated->data, dated->length}, "originalMaxAge", "null", edited);
}

bool dds_session_json_set_expiry(dds_session_json *session, const dds_expiry *expiry,
                                 dds_error *error) {
  dds_buffer dated = DDS_BUFFER_INIT(session->text.maximum);
  dds_buffer cookie = DDS_BUFFER_INIT(session->text.maximum);
  dds_json old, old_date;
  bool ok = dds_session_json_cookie(session, &old) || set_incomplete(error);
  if (ok && !expiry->is_never &&
      dds_json_find(old, expires_name, strlen(expires_name), &old_date)) {
    char date[DATE_JSON_BYTES];
    format_date(expiry, date);
    size_t length = strlen(date);
    bool is_same = old_date.length == length && memcmp(old_date.text, date, length) == 0;
    return is_same || replace_value(session, old_date, date, length, error);
  }
  ok = ok && (edit_cookie(old, expiry, &dated, &cookie) ||
              (dds_buffer_check(&dated, error) && set_incomplete(error)));
  ok = ok && dds_buffer_check(&cookie, error) &&
       replace_value(session, old, cookie.data, cookie.length, error);
  dds_buffer_free(&dated);
  dds_buffer_free(&cookie);
  return ok;
}

bool dds_session_json_set_number(dds_session_json *session, const char *name, int64_t number,
                                 dds_error *error) {
  char text[32];
  dds_buffer edited = DDS_BUFFER_INIT(session->text.maximum);
  snprintf(text, sizeof text, "%lld", (long long)number);
  if (!set_member(session->root, name, text, &edited)) {
    dds_buffer_free(&edited);
    return set_incomplete(error);
  }
  if (!replace(session, &edited, 0, 0, error)) {
    return false;
  }
  if (!dds_json_find(session->root, cookie_name, strlen(cookie_name), &session->cookie)) {
    session->cookie = (dds_json){0};
  }
  return true;
}

void dds_session_json_free(dds_session_json *session) {
  dds_buffer_free(&session->text);
  session->whole = session->root = session->cookie = (dds_json){0};
}
