/* Values between SQLite and the pure rooms. */
#include "vtab/value.h"

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
    sqlite3_result_text64(context, value->bytes ? value->bytes : "", value->length,
                          SQLITE_TRANSIENT, SQLITE_UTF8);
    break;
  case DDS_SQL_BLOB:
    sqlite3_result_blob64(context, value->bytes ? value->bytes : "", value->length,
                          SQLITE_TRANSIENT);
    break;
  }
}
