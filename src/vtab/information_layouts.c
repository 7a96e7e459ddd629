/* The table dynamodb_layouts: one row for each layout that the option layout= knows. */
#include "sessions/layout.h"

#include "vtab/information.h"

enum layouts_column {
  NAME,
  HASH_KEY,
  PREFIX,
  SUFFIX,
  DATA,
  ENCODING,
  EXPIRES,
  UNIT,
  TTL,
  DEFAULT_AGE,
  WRITABLE,
};

static const char declaration[] =
    "CREATE TABLE x(name TEXT, hash_key TEXT, prefix TEXT, suffix TEXT, data TEXT, encoding TEXT, "
    "expires TEXT, unit TEXT, ttl TEXT, default_age INTEGER, writable INTEGER)";

static bool open(dds_rows *rows, dds_error *error) {
  (void)error;
  while (dds_layout_at((size_t)rows->end) != NULL) {
    rows->end++;
  }
  return true;
}

static void text(sqlite3_context *context, const char *value) {
  sqlite3_result_text(context, value, -1, SQLITE_STATIC);
}

static void column(const dds_rows *rows, int64_t row, int index, sqlite3_context *context) {
  const dds_layout *layout = dds_layout_at((size_t)row);
  (void)rows;
  const char *const texts[] = {
      [NAME] = layout->name,
      [HASH_KEY] = layout->hash_key,
      [PREFIX] = layout->prefix,
      [SUFFIX] = layout->suffix,
      [DATA] = layout->data,
      [ENCODING] = layout->encoding == DDS_ENCODING_JSON ? "JSON text" : "map",
      [EXPIRES] = layout->expires,
      [UNIT] = layout->unit == DDS_SECONDS ? "s" : "ms",
      [TTL] = layout->ttl,
  };
  if (index <= TTL) {
    text(context, texts[index]);
  } else if (index == DEFAULT_AGE && layout->default_age_s != DDS_NO_AGE) {
    sqlite3_result_int64(context, layout->default_age_s);
  } else if (index == WRITABLE) {
    sqlite3_result_int(context, 1);
  }
}

const dds_rows_table dds_layouts_table = {
    .name = "dynamodb_layouts",
    .declaration = declaration,
    .argument_column = -1,
    .open = open,
    .column = column,
};
