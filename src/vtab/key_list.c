/* From SQL values to keys. */
#include "vtab/key_list.h"

#include "sessions/row.h"
#include "vtab/result.h"
#include "vtab/value.h"

/* The key of a session id, borrowed from the writer; none where no item can have such a key. */
static bool write_key(const dds_layout *layout, sqlite3_value *value, dds_key_writer *writer,
                      dds_key *key, dds_error *error) {
  dds_sql_value sid = dds_value_from_sqlite(value);
  *key = (dds_key){0};
  if (sid.bytes == NULL) {
    return dds_error_set_nomem(error);
  }
  if (dds_row_write_key(layout, sid.bytes, sid.length, writer, key, error)) {
    return true;
  }
  bool is_impossible = error->code == DDS_CHECK || error->code == DDS_TOOBIG;
  if (is_impossible) {
    *error = DDS_ERROR_INIT;
  }
  return is_impossible;
}

bool dds_key_list_read_one(const dds_layout *layout, sqlite3_value *value, dds_key_writer *writer,
                           dds_key *key, bool *is_text, dds_error *error) {
  *key = (dds_key){0};
  *is_text = sqlite3_value_type(value) == SQLITE_TEXT;
  return !*is_text || write_key(layout, value, writer, key, error);
}

static bool add(const dds_layout *layout, sqlite3_value *value, dds_key_writer *writer,
                dds_key_set *keys, bool *is_text, dds_error *error) {
  dds_key key;
  int type = sqlite3_value_type(value);
  *is_text = type == SQLITE_TEXT || type == SQLITE_NULL;
  return type != SQLITE_TEXT ||
         (write_key(layout, value, writer, &key, error) &&
          (key.json == NULL || dds_key_set_add(keys, &key, NULL, NULL, error)));
}

bool dds_key_list_read(const dds_layout *layout, sqlite3_value *list, dds_key_set *keys,
                       bool *is_text, dds_error *error) {
  dds_key_writer writer;
  sqlite3_value *value = NULL;
  dds_key_writer_open(&writer, layout->hash_key);
  *is_text = true;
  bool ok = true;
  int rc = sqlite3_vtab_in_first(list, &value);
  while (ok && rc == SQLITE_OK && value != NULL && *is_text) {
    ok = add(layout, value, &writer, keys, is_text, error);
    rc = ok && *is_text ? sqlite3_vtab_in_next(list, &value) : rc;
  }
  dds_key_writer_close(&writer);
  if (ok && rc != SQLITE_OK && rc != SQLITE_DONE) {
    return rc == SQLITE_NOMEM ? dds_error_set_nomem(error)
                              : dds_error_set(error, dds_result_to_code(rc),
                                              "the values of sid IN (…) cannot be read");
  }
  return ok;
}
