/* From SQL values to keys. */
#include "vtab/key_list.h"

#include "sessions/row.h"
#include "vtab/result.h"
#include "vtab/value.h"

bool dds_key_list_read_one(const dds_layout *layout, sqlite3_value *value, dds_key *key,
                           bool *is_text, dds_error *error) {
  *is_text = sqlite3_value_type(value) == SQLITE_TEXT;
  if (!*is_text) {
    return true;
  }
  dds_sql_value sid = dds_value_from_sqlite(value);
  if (sid.bytes == NULL) {
    return dds_error_set_nomem(error);
  }
  if (dds_row_key(layout, sid.bytes, sid.length, key, error)) {
    return true;
  }
  bool is_impossible = error->code == DDS_CHECK || error->code == DDS_TOOBIG;
  if (is_impossible) {
    *error = DDS_ERROR_INIT;
  }
  return is_impossible;
}

static bool add(const dds_layout *layout, sqlite3_value *value, dds_key_set *keys, bool *is_text,
                dds_error *error) {
  dds_key key = {0};
  if (sqlite3_value_type(value) == SQLITE_NULL) {
    return true;
  }
  bool ok = dds_key_list_read_one(layout, value, &key, is_text, error) &&
            (key.json == NULL || dds_key_set_add(keys, &key, NULL, NULL, error));
  dds_key_free(&key);
  return ok;
}

bool dds_key_list_read(const dds_layout *layout, sqlite3_value *list, dds_key_set *keys,
                       bool *is_text, dds_error *error) {
  sqlite3_value *value = NULL;
  *is_text = true;
  int rc = sqlite3_vtab_in_first(list, &value);
  while (rc == SQLITE_OK && value != NULL && *is_text) {
    if (!add(layout, value, keys, is_text, error)) {
      return false;
    }
    rc = *is_text ? sqlite3_vtab_in_next(list, &value) : rc;
  }
  if (rc != SQLITE_OK && rc != SQLITE_DONE) {
    return rc == SQLITE_NOMEM ? dds_error_set_nomem(error)
                              : dds_error_set(error, dds_result_to_code(rc),
                                              "the values of sid IN (…) cannot be read");
  }
  return true;
}
