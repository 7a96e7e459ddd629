/* Edits of a session's JSON text, each from one buffer into the next. */
#include "sessions/session_json.h"

#include <stdio.h>
#include <string.h>

#include "base/timestamp.h"
#include "dynamodb/json_edit.h"

enum { DATE_JSON_BYTES = DDS_TIMESTAMP_ISO_BYTES + 4 };

static const char *const cookie_path[] = {"cookie"};
static const char *const expires_path[] = {"cookie", "expires"};
static const char *const age_path[] = {"cookie", "originalMaxAge"};

/* Finds the object in the text anew. */
static bool reread(dds_session_json *session, dds_error *error) {
  session->root = (dds_json){0};
  if (!dds_buffer_check(&session->text, error)) {
    return false;
  }
  dds_json root;
  if (dds_json_parse(dds_buffer_text(&session->text), session->text.length, &root, NULL) &&
      dds_json_type_of(root) == DDS_JSON_OBJECT) {
    session->root = root;
  }
  return true;
}

bool dds_session_json_from_text(dds_session_json *session, const char *bytes, size_t length,
                                dds_error *error) {
  dds_buffer_clear(&session->text);
  dds_buffer_append(&session->text, bytes, length);
  return reread(session, error);
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
  return reread(session, error);
}

bool dds_session_json_cookie(const dds_session_json *session, dds_json *cookie) {
  return session->root.text != NULL && dds_json_find_path(session->root, cookie_path, 1, cookie) &&
         dds_json_type_of(*cookie) == DDS_JSON_OBJECT;
}

/* Puts edited text in the place of the old one. */
static bool replace(dds_session_json *session, dds_buffer *edited, dds_error *error) {
  dds_buffer_free(&session->text);
  session->text = *edited;
  return reread(session, error);
}

static bool set(dds_session_json *session, const char *const *path, size_t count,
                const char *replacement, size_t length, dds_error *error) {
  dds_buffer edited = DDS_BUFFER_INIT(session->text.maximum);
  if (dds_json_edit_set(session->root, path, count, replacement, length, &edited)) {
    return replace(session, &edited, error);
  }
  dds_buffer_free(&edited);
  return dds_error_set(error, DDS_ERROR, "a session's JSON lacks what is to be changed in it");
}

bool dds_session_json_add_cookie(dds_session_json *session, dds_json cookie, dds_error *error) {
  dds_json old;
  if (dds_json_find_path(session->root, cookie_path, 1, &old)) {
    return set(session, cookie_path, 1, cookie.text, cookie.length, error);
  }
  dds_json_iterator members = dds_json_iterate(session->root);
  dds_json name, value;
  bool is_empty = !dds_json_next(&members, &name, &value);
  dds_buffer edited = DDS_BUFFER_INIT(session->text.maximum);
  dds_buffer_append_text(&edited, "{\"cookie\":");
  dds_buffer_append(&edited, cookie.text, cookie.length);
  if (!is_empty) {
    dds_buffer_append_char(&edited, ',');
  }
  dds_buffer_append(&edited, session->root.text + 1, session->root.length - 1);
  return replace(session, &edited, error);
}

/* A date as JSON: ISO text with its quotes, or null for never and for what no date can be. */
static void format_date(const dds_expiry *expiry, char text[DATE_JSON_BYTES]) {
  char iso[DDS_TIMESTAMP_ISO_BYTES];
  if (!expiry->is_never && dds_timestamp_format_iso(expiry->time_ms, iso)) {
    snprintf(text, DATE_JSON_BYTES, "\"%s\"", iso);
  } else {
    snprintf(text, DATE_JSON_BYTES, "null");
  }
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

bool dds_session_json_set_expiry(dds_session_json *session, const dds_expiry *expiry,
                                 dds_error *error) {
  char date[DATE_JSON_BYTES];
  format_date(expiry, date);
  if (!set(session, expires_path, 2, date, strlen(date), error)) {
    return false;
  }
  return !expiry->is_never || set(session, age_path, 2, "null", strlen("null"), error);
}

bool dds_session_json_set_number(dds_session_json *session, const char *name, int64_t number,
                                 dds_error *error) {
  char text[32];
  const char *const path[] = {name};
  int length = snprintf(text, sizeof text, "%lld", (long long)number);
  return set(session, path, 1, text, (size_t)length, error);
}

void dds_session_json_free(dds_session_json *session) {
  dds_buffer_free(&session->text);
  session->root = (dds_json){0};
}
