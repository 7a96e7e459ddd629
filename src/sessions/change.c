/*
 * INSERT, UPDATE and DELETE of one row. An INSERT is an UPDATE of an item without attributes: what
 * changes is gathered as assignments (assign.h), which become an UpdateItem, or the item of a
 * PutItem where a whole item is written. Those of a new item stand in its text at once.
 */
#include "sessions/change.h"

#include <string.h>

#include "sessions/assertion.h"
#include "sessions/assign.h"
#include "sessions/expiry_rules.h"

enum { TEXT_MAX_BYTES = 64 << 20, SCRATCH_BYTES = 64, USUAL_TEXT_BYTES = 4096 };

/* What a statement changes of a row, checked. Values are borrowed from the new row, except for
 * numbers that became text, which stand in the buffers. */
typedef struct changed_row {
  bool has_sid, has_session, has_expires, has_item;
  dds_sql_value sid, session;
  dds_session_json session_json; /* has_session: what `session` is, borrowed from it */
  dds_expiry expires;
  dds_item item;
  dds_buffer sid_text, session_text;
} changed_row;

static changed_row no_change(void) {
  return (changed_row){.session_json = DDS_SESSION_JSON_INIT,
                       .sid_text = DDS_BUFFER_INIT(SCRATCH_BYTES),
                       .session_text = DDS_BUFFER_INIT(SCRATCH_BYTES)};
}

static void free_changed(changed_row *changed) {
  dds_buffer_free(&changed->sid_text);
  dds_buffer_free(&changed->session_text);
}

static bool refuse(dds_error *error, const char *reason) {
  return dds_error_set(error, DDS_CHECK, "CHECK constraint failed: %s", reason);
}

static bool refuse_null(dds_error *error, const char *column) {
  return dds_error_set(error, DDS_NOTNULL, "NOT NULL constraint failed: %s", column);
}

static bool check_sid(const dds_sql_value *sid, dds_error *error) {
  if (sid->type == DDS_SQL_NULL) {
    return refuse_null(error, "sid");
  }
  if (sid->type != DDS_SQL_TEXT) {
    return refuse(error, "sid is not text");
  }
  return sid->length > 0 || refuse(error, "sid is empty");
}

static bool check_session(const dds_sql_value *session, dds_session_json *json, dds_error *error) {
  if (session->type == DDS_SQL_NULL) {
    return refuse_null(error, "session");
  }
  bool is_object = session->type == DDS_SQL_TEXT &&
                   dds_session_json_from_text(json, session->bytes, session->length);
  return is_object || refuse(error, "session is not a JSON object");
}

static bool read_item(const dds_sql_value *value, dds_item *item, dds_error *error) {
  if (value->type == DDS_SQL_NULL) {
    return refuse_null(error, "item");
  }
  if (value->type != DDS_SQL_TEXT) {
    return refuse(error, "item is not DynamoDB JSON");
  }
  if (dds_item_parse(value->bytes, value->length, item, error)) {
    return true;
  }
  if (error->code == DDS_CHECK) {
    dds_error_prefix(error, "CHECK constraint failed: item: ");
  }
  return false;
}

/* The values that the statement gives, with their columns' affinity. */
static bool apply_affinities(const dds_new_row *row, changed_row *changed, dds_sql_value *expires,
                             dds_error *error) {
  dds_buffer scratch = DDS_BUFFER_INIT(SCRATCH_BYTES);
  changed->sid = row->sid.value;
  changed->session = row->session.value;
  *expires = row->expires.value;
  dds_sql_apply_affinity(&changed->sid, DDS_AFFINITY_TEXT, &changed->sid_text);
  dds_sql_apply_affinity(&changed->session, DDS_AFFINITY_TEXT, &changed->session_text);
  dds_sql_apply_affinity(expires, DDS_AFFINITY_NUMERIC, &scratch);
  bool ok = dds_buffer_check(&changed->sid_text, error) &&
            dds_buffer_check(&changed->session_text, error) && dds_buffer_check(&scratch, error);
  dds_buffer_free(&scratch);
  return ok;
}

static bool check(changed_row *changed, dds_error *error) {
  if (changed->has_sid && !check_sid(&changed->sid, error)) {
    return false;
  }
  return !changed->has_session || check_session(&changed->session, &changed->session_json, error);
}

/* INSERT: what is not NULL is given. */
static bool read_given(const dds_layout *layout, const dds_new_row *row, changed_row *changed,
                       dds_error *error) {
  dds_sql_value expires;
  if (!apply_affinities(row, changed, &expires, error)) {
    return false;
  }
  changed->has_sid = row->sid.given && changed->sid.type != DDS_SQL_NULL;
  changed->has_session = row->session.given && changed->session.type != DDS_SQL_NULL;
  changed->has_expires = row->expires.given && expires.type != DDS_SQL_NULL;
  changed->has_item = row->item.given && row->item.value.type != DDS_SQL_NULL;
  if (changed->has_item && !read_item(&row->item.value, &changed->item, error)) {
    return false;
  }
  if (!check(changed, error)) {
    return false;
  }
  return !changed->has_expires || dds_expiry_rules_read(layout, &expires, &changed->expires, error);
}

/* UPDATE: what differs from the row as it was read; what was not written cannot be marked, since
 * UPDATE … FROM marks nothing on some versions of SQLite. */
static bool read_differences(const dds_layout *layout, const dds_item *old, const dds_new_row *row,
                             changed_row *changed, dds_error *error) {
  char room[USUAL_TEXT_BYTES];
  dds_buffer scratch = dds_buffer_in(room, sizeof room, TEXT_MAX_BYTES);
  dds_sql_value expires, value;
  bool ok = apply_affinities(row, changed, &expires, error) &&
            dds_row_sid(layout, old, &scratch, &value, error);
  if (!ok) {
    goto done;
  }
  changed->has_sid = row->sid.given && !dds_sql_same(&changed->sid, &value);
  ok = dds_row_session(layout, old, &scratch, &value, error);
  if (!ok) {
    goto done;
  }
  changed->has_session = row->session.given && !dds_sql_same(&changed->session, &value);
  dds_row_expires(layout, old, &value);
  changed->has_expires = row->expires.given && !dds_sql_same(&expires, &value);
  if (row->item.given) {
    ok = read_item(&row->item.value, &changed->item, error);
    changed->has_item = ok && !dds_item_equal(&changed->item, old);
  }
  ok = ok && check(changed, error) &&
       (!changed->has_expires || dds_expiry_rules_read(layout, &expires, &changed->expires, error));
done:
  dds_buffer_free(&scratch);
  return ok;
}

/* The item that the changes are applied to, and the row that they are changes of. */
typedef struct row_edit {
  const dds_session_table *table;
  const dds_new_row *row;
  const changed_row *changed;
  const dds_item *base;
  const dds_item *old; /* NULL: INSERT */
  int64_t now_ms;
} row_edit;

static bool is_extra_changed(const row_edit *edit, size_t i, const dds_sql_value *value,
                             bool *is_changed, dds_error *error) {
  *is_changed = value->type != DDS_SQL_NULL;
  if (edit->old == NULL) {
    return true;
  }
  dds_buffer scratch = DDS_BUFFER_INIT(TEXT_MAX_BYTES);
  dds_sql_value old;
  bool ok = dds_row_extra(&edit->table->extras[i], edit->old, &scratch, &old, error);
  *is_changed = ok && !dds_sql_same(value, &old);
  dds_buffer_free(&scratch);
  return ok;
}

static bool assign_extra(const row_edit *edit, size_t i, dds_write *write, dds_error *error) {
  const dds_extra_column *column = &edit->table->extras[i];
  dds_buffer scratch = DDS_BUFFER_INIT(SCRATCH_BYTES);
  dds_sql_value value = edit->row->extras[i].value;
  dds_sql_apply_affinity(&value, column->affinity, &scratch);
  bool is_changed = false;
  bool ok = dds_buffer_check(&scratch, error) &&
            is_extra_changed(edit, i, &value, &is_changed, error) &&
            (!is_changed || dds_assign_extra(column, &value, edit->base, write, error));
  dds_buffer_free(&scratch);
  return ok;
}

static bool assign_all(const row_edit *edit, dds_write *write, dds_error *error) {
  for (size_t i = 0; i < edit->table->extra_count; i++) {
    if (edit->row->extras[i].given && !assign_extra(edit, i, write, error)) {
      return false;
    }
  }
  const changed_row *changed = edit->changed;
  dds_column_changes columns = {
      .layout = edit->table->layout,
      .item = edit->base,
      .is_new = edit->old == NULL && !changed->has_item,
      .session = changed->has_session ? &changed->session_json : NULL,
      .expires = changed->has_expires ? &changed->expires : NULL,
      .now_ms = edit->now_ms,
  };
  return dds_assign_columns(&columns, write, error);
}

/* The key of an item that is given without sid: it must be a session's. */
static bool key_of_item(const dds_layout *layout, const dds_item *item, dds_key *key,
                        dds_error *error) {
  dds_value value;
  bool is_session;
  if (!dds_item_find(item, layout->hash_key, strlen(layout->hash_key), &value)) {
    return refuse_null(error, "sid");
  }
  if (!dds_row_check(layout, item, &is_session, error)) {
    return false;
  }
  if (!is_session) {
    return refuse(error, "item's key is not one of the layout");
  }
  dds_buffer scratch = DDS_BUFFER_INIT(TEXT_MAX_BYTES);
  dds_sql_value sid;
  bool ok = dds_row_sid(layout, item, &scratch, &sid, error) && check_sid(&sid, error) &&
            dds_key_from_item(layout->hash_key, item, key, error);
  dds_buffer_free(&scratch);
  return ok;
}

static bool has_session(const dds_layout *layout, const changed_row *changed) {
  dds_value value;
  return changed->has_session || (changed->has_item && dds_item_find(&changed->item, layout->data,
                                                                     strlen(layout->data), &value));
}

/* The item of a PUT: of columns alone, or an item that is given with columns applied. */
static bool make_item(const row_edit *edit, dds_write *write, dds_error *error) {
  if (edit->changed->has_item) {
    return assign_all(edit, write, error) && dds_write_make_put(write, edit->base, error);
  }
  dds_buffer item = DDS_BUFFER_INIT(TEXT_MAX_BYTES);
  bool ok = dds_write_begin_put(write, &item, edit->changed->session.length, error) &&
            assign_all(edit, write, error);
  ok = dds_write_end_put(write, error) && ok;
  dds_buffer_free(&item);
  return ok;
}

bool dds_change_insert(const dds_session_table *table, const dds_new_row *row, int64_t now_ms,
                       bool replace, dds_write *write, dds_error *error) {
  static const char no_attributes[] = "{}";
  const dds_layout *layout = table->layout;
  const dds_item nothing = dds_item_of(no_attributes, strlen(no_attributes));
  changed_row changed = no_change();
  *write = (dds_write){.kind = DDS_WRITE_PUT};
  bool ok = read_given(layout, row, &changed, error);
  if (!ok) {
    goto done;
  }
  const dds_item *base = changed.has_item ? &changed.item : &nothing;
  if (changed.has_sid) {
    ok = dds_row_key(layout, changed.sid.bytes, changed.sid.length, &write->key, error);
  } else {
    ok = key_of_item(layout, base, &write->key, error);
  }
  if (!ok) {
    goto done;
  }
  ok = has_session(layout, &changed) || refuse_null(error, "session");
  if (!ok) {
    goto done;
  }
  row_edit edit = {.table = table, .row = row, .changed = &changed, .base = base, .now_ms = now_ms};
  ok = make_item(&edit, write, error) &&
       (replace ||
        dds_assertion_add(&write->asserted, dds_condition_not_exists(layout->hash_key), error));
done:
  free_changed(&changed);
  return ok;
}

/* A replaced item must have the key of the old one. */
static bool check_same_key(const dds_layout *layout, const dds_item *item, const dds_key *old,
                           dds_error *error) {
  dds_key key = {0};
  dds_value value;
  if (!dds_item_find(item, layout->hash_key, strlen(layout->hash_key), &value)) {
    return refuse(error, "item lacks its key");
  }
  bool ok = dds_key_from_item(layout->hash_key, item, &key, error) &&
            (dds_key_equal(&key, old) || refuse(error, "item has another key"));
  dds_key_free(&key);
  return ok;
}

/* What the row was when it was read: the attributes, and whether it had expired. */
static bool assert_as_read(const row_edit *edit, const dds_old_row *old,
                           const dds_write *overwrites, bool every_attribute,
                           dds_condition **asserted, dds_error *error) {
  dds_assertion assertion = {.table = edit->table,
                             .item = old->item,
                             .columns_read = old->columns_read,
                             .overwrites = overwrites,
                             .every_attribute = every_attribute};
  dds_condition *as_read;
  if (!dds_assertion_make(&assertion, &as_read, error)) {
    return false;
  }
  if (as_read != NULL && !dds_assertion_add(asserted, as_read, error)) {
    return false;
  }
  return dds_assertion_add_expired(edit->table->layout, old, asserted, error);
}

/* What an UPDATE makes of the row, for whoever reads it before it is sent. */
static bool make_image(const row_edit *edit, dds_write *write, dds_error *error) {
  dds_buffer image = DDS_BUFFER_INIT(TEXT_MAX_BYTES);
  dds_write_append_item(write, edit->base, &image);
  if (!dds_buffer_check(&image, error)) {
    dds_buffer_free(&image);
    return false;
  }
  write->image_length = image.length;
  write->image = dds_buffer_take(&image);
  return true;
}

/* Another sid: the item under the new key, and no longer under the old one. */
static bool move_item(const row_edit *edit, const dds_old_row *old, dds_write writes[2],
                      dds_error *error) {
  const dds_layout *layout = edit->table->layout;
  const dds_sql_value *sid = &edit->changed->sid;
  writes[1].kind = DDS_WRITE_DELETE;
  /* A visitor who was logged out meanwhile must not live on under another id without an error. */
  writes[1].must_exist = true;
  writes[1].key = writes[0].key;
  writes[0].key = (dds_key){0};
  return dds_row_key(layout, sid->bytes, sid->length, &writes[0].key, error) &&
         dds_assertion_add(&writes[1].asserted, dds_condition_exists(layout->hash_key), error) &&
         assert_as_read(edit, old, &writes[0], true, &writes[1].asserted, error) &&
         dds_write_make_put(&writes[0], edit->base, error) &&
         dds_assertion_add(&writes[0].asserted, dds_condition_not_exists(layout->hash_key), error);
}

/* The name of an attribute as a C string. */
static bool read_name(dds_json name, dds_buffer *text, dds_error *error) {
  dds_buffer_clear(text);
  bool is_text = dds_json_string_append(name, text);
  if (!dds_buffer_check(text, error)) {
    return false;
  }
  return (is_text && strlen(dds_buffer_text(text)) == text->length) ||
         dds_error_set(error, DDS_ERROR, "an attribute's name holds U+0000 or is not text");
}

/* Assigns what one item has and the other has not, or otherwise: set from the new one, or removed
 * because it stands in the old one alone. What is assigned already stays so. */
static bool assign_side(const row_edit *edit, bool removes, dds_write *write, dds_error *error) {
  const char *hash_key = edit->table->layout->hash_key;
  dds_item_iterator iterator = dds_item_iterate(removes ? edit->old : edit->base);
  dds_buffer name_text = DDS_BUFFER_INIT(TEXT_MAX_BYTES);
  dds_json name;
  dds_value value, kept;
  bool ok = true;
  while (ok && dds_item_next(&iterator, &name, &value)) {
    if (dds_json_string_equals(name, hash_key, strlen(hash_key)) ||
        dds_write_find_assignment(write, name) != NULL) {
      continue;
    }
    ok = read_name(name, &name_text, error);
    if (!ok) {
      break;
    }
    const char *attribute = dds_buffer_text(&name_text);
    if (!removes) {
      ok = dds_assign_changed(edit->old, attribute, value.typed.text, value.typed.length, write,
                              error);
    } else if (!dds_item_find(edit->base, attribute, name_text.length, &kept)) {
      ok = dds_write_assign(write, attribute, NULL, 0, error);
    }
  }
  dds_buffer_free(&name_text);
  return ok;
}

/* The item as it was read becomes the new one; an attribute that an application adds in between is
 * neither, and stays. */
static bool replace_item(const row_edit *edit, const dds_old_row *old, dds_write *write,
                         dds_error *error) {
  const char *hash_key = edit->table->layout->hash_key;
  return assign_side(edit, false, write, error) && assign_side(edit, true, write, error) &&
         dds_assertion_add(&write->asserted, dds_condition_exists(hash_key), error) &&
         assert_as_read(edit, old, write, true, &write->asserted, error);
}

bool dds_change_update(const dds_session_table *table, const dds_old_row *old,
                       const dds_new_row *row, int64_t now_ms, dds_write writes[2], size_t *count,
                       dds_error *error) {
  const dds_layout *layout = table->layout;
  changed_row changed = no_change();
  *count = 0;
  writes[0] = (dds_write){.kind = DDS_WRITE_UPDATE};
  writes[1] = (dds_write){.kind = DDS_WRITE_DELETE};
  row_edit edit = {.table = table,
                   .row = row,
                   .changed = &changed,
                   .base = old->item,
                   .old = old->item,
                   .now_ms = now_ms};
  bool ok = dds_key_from_item(layout->hash_key, old->item, &writes[0].key, error) &&
            read_differences(layout, old->item, row, &changed, error);
  if (!ok) {
    goto done;
  }
  if (changed.has_item) {
    edit.base = &changed.item;
  }
  ok = !changed.has_item || check_same_key(layout, edit.base, &writes[0].key, error);
  if (!ok || !assign_all(&edit, &writes[0], error)) {
    ok = false;
  } else if (changed.has_sid) {
    *count = 2;
    ok = move_item(&edit, old, writes, error);
  } else if (changed.has_item) {
    ok = replace_item(&edit, old, &writes[0], error);
    *count = writes[0].assignment_count > 0;
  } else if (writes[0].assignment_count > 0) {
    *count = 1;
    ok = assert_as_read(&edit, old, &writes[0], false, &writes[0].asserted, error);
  }
  if (ok && *count == 1) {
    ok = make_image(&edit, &writes[0], error);
  }
done:
  free_changed(&changed);
  return ok;
}

bool dds_change_delete(const dds_session_table *table, const dds_key *key, const dds_old_row *old,
                       dds_condition *matches, dds_write *write, dds_error *error) {
  *write = (dds_write){.kind = DDS_WRITE_DELETE};
  if (!dds_key_copy(key, &write->key, error)) {
    return false;
  }
  write->matches = dds_condition_retain(matches);
  if (old->item == NULL) {
    return true;
  }
  dds_assertion assertion = {.table = table, .item = old->item, .columns_read = old->columns_read};
  return dds_assertion_make(&assertion, &write->asserted, error) &&
         dds_assertion_add_expired(
             table->layout, old, old->asserts_expired ? &write->asserted : &write->matches, error);
}
