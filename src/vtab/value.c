/* Values between SQLite and the pure rooms. */
#include "vtab/value.h"

#include <string.h>

enum { SHORT_TEXT_BYTES = 64 };

dds_sql_value dds_value_from_sqlite(sqlite3_value *value) {
  dds_sql_value sql = {.type = DDS_SQL_NULL};
  switch (sqlite3_value_type(value)) {
  case SQLITE_INTEGER:
    sql.type = DDS_SQL_INTEGER;
    sql.integer = sqlite3_value_int64(value);
    break;
  case SQLITE_FLOAT:
    sql.type = DDS_SQL_REAL;
    sql.real = sqlite3_value_double(value);
    break;
  case SQLITE_TEXT:
    sql.type = DDS_SQL_TEXT;
    sql.bytes = (const char *)sqlite3_value_text(value);
    sql.length = (size_t)sqlite3_value_bytes(value);
    break;
  case SQLITE_BLOB:
    sql.type = DDS_SQL_BLOB;
    sql.bytes = sqlite3_value_blob(value);
    sql.length = (size_t)sqlite3_value_bytes(value);
    break;
  default:
    break;
  }
  return sql;
}

/*
 * SQLite copies a text without the zero that sqlite3_column_text() gives behind it, and moves it
 * once more where a host asks for that, as most do; unless the copy that it makes has the zero
 * already, as that of a text without length has.
 */
static void text_to_result(sqlite3_context *context, const dds_sql_value *value) {
  char terminated[SHORT_TEXT_BYTES + 1];
  const char *text = value->bytes;
  if (!value->is_terminated && value->length <= SHORT_TEXT_BYTES) {
    memcpy(terminated, value->length > 0 ? text : "", value->length);
    terminated[value->length] = '\0';
    text = terminated;
  }
  if ((value->is_terminated || text == terminated) && strlen(text) == value->length) {
    sqlite3_result_text(context, text, -1, SQLITE_TRANSIENT);
  } else {
    sqlite3_result_text64(context, text, value->length, SQLITE_TRANSIENT, SQLITE_UTF8);
  }
}

void dds_value_to_result(sqlite3_context *context, const dds_sql_value *value) {
  switch (value->type) {
  case DDS_SQL_NULL:
    sqlite3_result_null(context);
    break;
  case DDS_SQL_INTEGER:
    sqlite3_result_int64(context, value->integer);
    break;
  case DDS_SQL_REAL:
    sqlite3_result_double(context, value->real);
    break;
  case DDS_SQL_TEXT:
    text_to_result(context, value);
    break;
  case DDS_SQL_BLOB:
    sqlite3_result_blob64(context, value->bytes ? value->bytes : "", value->length,
                          SQLITE_TRANSIENT);
    break;
  }
}
