/* Session, expiry and companion of an item; extra columns stand in assign_extra.c. */
#include "sessions/assign.h"

#include <string.h>

#include "dynamodb/number.h"
#include "sessions/expiry_rules.h"

enum { TYPED_MAX_BYTES = 64 << 20, USUAL_TEXT_BYTES = 4096 };

bool dds_assign_changed(const dds_item *item, const char *attribute, const char *typed,
                        size_t length, dds_write *write, dds_error *error) {
  dds_value old, value;
  dds_json json;
  bool is_same = dds_item_find(item, attribute, strlen(attribute), &old) &&
                 dds_json_parse(typed, length, &json, NULL) && dds_value_read(json, &value) &&
                 dds_value_equal(&old, &value);
  return is_same || dds_write_assign(write, attribute, typed, length, error);
}

bool dds_assign_number(const dds_item *item, const char *attribute, const char *digits,
                       size_t length, dds_write *write, dds_error *error) {
  dds_value old;
  const char *old_digits;
  size_t old_length;
  bool is_same = dds_item_find(item, attribute, strlen(attribute), &old) &&
                 old.type == DDS_TYPE_NUMBER &&
                 dds_json_string_is_plain(old.content, &old_digits, &old_length) &&
                 dds_number_compare(old_digits, old_length, digits, length) == 0;
  return is_same || dds_write_assign_number(write, attribute, digits, length, error);
}

/* What is known while a session is edited. */
typedef struct session_edit {
  const dds_column_changes *changes;
  dds_value stored; /* the payload as it is */
  bool is_stored;
  dds_session_json old;
  dds_session_json session; /* as it is to be; .root.text NULL: nothing to write */
  dds_expiry_move move;
} session_edit;

/* The session that the statement gives, or the old one where the expiry in its cookie must move. */
static bool read_sessions(session_edit *edit, dds_error *error) {
  const dds_column_changes *changes = edit->changes;
  const char *data = changes->layout->data;
  edit->is_stored = dds_item_find(changes->item, data, strlen(data), &edit->stored);
  if (edit->is_stored && !dds_session_json_from_value(&edit->old, &edit->stored, error)) {
    return false;
  }
  dds_session_json_share(&edit->session, changes->session != NULL ? changes->session : &edit->old);
  return true;
}

/* A session without cookie makes the application throw: the old one is written again, or the one
 * that express-session would make. */
static bool restore_cookie(session_edit *edit, const dds_json *old_cookie, dds_error *error) {
  const dds_column_changes *changes = edit->changes;
  dds_expiry_move *move = &edit->move;
  if (changes->is_new && !move->moves) {
    dds_expiry session_cookie = {.is_never = true};
    move->moves = true;
    dds_expiry_rules_default(changes->layout, changes->now_ms, &move->expiry);
    return dds_session_json_add_new_cookie(&edit->session, &session_cookie, changes->now_ms, error);
  }
  if (!move->moves) {
    dds_expiry_rules_of_item(changes->layout, changes->item, &move->expiry);
  }
  if (old_cookie == NULL) {
    return dds_session_json_add_new_cookie(&edit->session, &move->expiry, changes->now_ms, error);
  }
  move->sets_cookie = true;
  return dds_session_json_add_cookie(&edit->session, *old_cookie, error);
}

/* Decides where the expiry moves to, and brings the cookie in step. */
static bool edit_session(session_edit *edit, dds_error *error) {
  const dds_column_changes *changes = edit->changes;
  dds_expiry_move *move = &edit->move;
  dds_json old_cookie, cookie;
  bool had_cookie = dds_session_json_cookie(&edit->old, &old_cookie);
  bool has_cookie = dds_session_json_cookie(&edit->session, &cookie);
  const dds_json *old = had_cookie ? &old_cookie : NULL;
  if (changes->expires != NULL) {
    *move = (dds_expiry_move){.moves = true, .expiry = *changes->expires, .sets_cookie = true};
  }
  if (edit->session.root.text == NULL) {
    return true;
  }
  if (changes->session != NULL) {
    if (!has_cookie && !restore_cookie(edit, old, error)) {
      return false;
    }
    if (has_cookie && changes->expires == NULL &&
        !dds_expiry_rules_follow_cookie(changes->layout, old, cookie, changes->now_ms, move,
                                        error)) {
      return false;
    }
  }
  has_cookie = dds_session_json_cookie(&edit->session, &cookie);
  return !has_cookie || !move->sets_cookie ||
         dds_session_json_set_expiry(&edit->session, &move->expiry, error);
}

/* What the store writes beside key, session and expiry. */
static bool add_companion(session_edit *edit, dds_write *write, dds_error *error) {
  const dds_companion *companion = &edit->changes->layout->companion;
  if (companion->name == NULL) {
    return true;
  }
  if (companion->kind == DDS_COMPANION_MEMBER_NOW_MS) {
    return edit->session.root.text == NULL ||
           dds_session_json_set_number(&edit->session, companion->name, edit->changes->now_ms,
                                       error);
  }
  if (!edit->changes->is_new || dds_write_assigns(write, companion->name)) {
    return true;
  }
  dds_buffer typed = DDS_BUFFER_INIT(TYPED_MAX_BYTES);
  dds_buffer_append_format(&typed, "{\"S\":\"%s\"}", companion->text);
  bool ok = dds_buffer_check(&typed, error) &&
            dds_write_assign(write, companion->name, typed.data, typed.length, error);
  dds_buffer_free(&typed);
  return ok;
}

/* Whether the payload is a string of this text. Where it is a JSON object it was read before. */
static bool is_stored_text(const session_edit *edit, dds_json text) {
  dds_json old = edit->old.whole;
  if (!edit->is_stored || edit->stored.type != DDS_TYPE_STRING) {
    return false;
  }
  return edit->old.root.text != NULL
             ? old.length == text.length && memcmp(old.text, text.text, text.length) == 0
             : dds_json_string_equals(edit->stored.content, text.text, text.length);
}

static bool assign_text(const session_edit *edit, dds_write *write, dds_error *error) {
  dds_json text = edit->session.whole;
  return is_stored_text(edit, text) ||
         dds_write_assign_string(write, edit->changes->layout->data, text.text, text.length, error);
}

/* A session that the statement gives is stored as the layout has it, another one as it is stored.
 */
static bool assign_session(const session_edit *edit, dds_write *write, dds_error *error) {
  const dds_layout *layout = edit->changes->layout;
  if (edit->session.root.text == NULL) {
    return true;
  }
  bool was_map = edit->is_stored && edit->stored.type == DDS_TYPE_MAP;
  bool is_map = edit->changes->session != NULL ? layout->encoding == DDS_ENCODING_MAP : was_map;
  if (!is_map) {
    return assign_text(edit, write, error);
  }
  dds_buffer typed = DDS_BUFFER_INIT(TYPED_MAX_BYTES);
  bool ok =
      dds_value_append_from_json(edit->session.root, was_map ? &edit->stored : NULL, &typed,
                                 error) &&
      dds_buffer_check(&typed, error) &&
      dds_assign_changed(edit->changes->item, layout->data, typed.data, typed.length, write, error);
  dds_buffer_free(&typed);
  return ok;
}

bool dds_assign_columns(const dds_column_changes *changes, dds_write *write, dds_error *error) {
  if (changes->session == NULL && changes->expires == NULL) {
    return true;
  }
  char room[USUAL_TEXT_BYTES];
  session_edit edit = {
      .changes = changes, .old = DDS_SESSION_JSON_INIT, .session = DDS_SESSION_JSON_INIT};
  edit.old.text = dds_buffer_in(room, sizeof room, edit.old.text.maximum);
  bool ok = read_sessions(&edit, error) && edit_session(&edit, error) &&
            add_companion(&edit, write, error) && assign_session(&edit, write, error);
  if (ok && edit.move.moves) {
    ok = dds_expiry_rules_assign(changes->layout, changes->item, &edit.move.expiry, write, error);
  }
  dds_session_json_free(&edit.old);
  dds_session_json_free(&edit.session);
  return ok;
}
