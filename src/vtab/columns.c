/* The columns of a session table. */
#include "vtab/columns.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

static const struct {
  dds_column kind;
  const char *name;
  const char *declaration;
} fixed_columns[] = {
    {DDS_COLUMN_SID, "sid", "TEXT NOT NULL PRIMARY KEY"},
    {DDS_COLUMN_SESSION, "session", "TEXT"},
    {DDS_COLUMN_EXPIRES, "expires", "NUMERIC"},
    {DDS_COLUMN_ARGUMENTS, "arguments", "TEXT HIDDEN"},
    {DDS_COLUMN_EXPIRED, "expired", "INTEGER HIDDEN"},
    {DDS_COLUMN_SIZE, "size", "INTEGER HIDDEN"},
    {DDS_COLUMN_SID_HASH, "sid_hash", "TEXT HIDDEN"},
    {DDS_COLUMN_ITEM, "item", "TEXT HIDDEN"},
    {DDS_COLUMN_SNAPSHOT, "snapshot", "BLOB HIDDEN"},
};
enum {
  FIXED_COUNT = sizeof fixed_columns / sizeof fixed_columns[0],
  FIXED_BEFORE_EXTRAS = DDS_COLUMN_EXTRA,
};

static const struct {
  const char *name;
  dds_affinity affinity;
} types[] = {
    {"TEXT", DDS_AFFINITY_TEXT}, {"INTEGER", DDS_AFFINITY_INTEGER},
    {"REAL", DDS_AFFINITY_REAL}, {"NUMERIC", DDS_AFFINITY_NUMERIC},
    {"BLOB", DDS_AFFINITY_BLOB},
};

int dds_columns_count(const dds_columns *columns) {
  return FIXED_COUNT + (int)columns->extra_count;
}

/* Where a column stands in fixed_columns; -1 for an extra one, whose place goes to `extra`. */
static int fixed_place(const dds_columns *columns, int index, size_t *extra) {
  int extra_count = (int)columns->extra_count;
  if (index < FIXED_BEFORE_EXTRAS) {
    return index;
  }
  if (index < FIXED_BEFORE_EXTRAS + extra_count) {
    *extra = (size_t)(index - FIXED_BEFORE_EXTRAS);
    return -1;
  }
  return index - extra_count;
}

dds_column dds_columns_kind(const dds_columns *columns, int index, size_t *extra) {
  size_t place_of_extra = 0;
  int place = fixed_place(columns, index, &place_of_extra);
  if (extra != NULL) {
    *extra = place_of_extra;
  }
  return place < 0 ? DDS_COLUMN_EXTRA : fixed_columns[place].kind;
}

int dds_columns_index(const dds_columns *columns, dds_column kind) {
  int place = 0;
  while (fixed_columns[place].kind != kind) {
    place++;
  }
  return place < FIXED_BEFORE_EXTRAS ? place : place + (int)columns->extra_count;
}

const char *dds_columns_name(const dds_columns *columns, int index) {
  size_t extra = 0;
  int place = fixed_place(columns, index, &extra);
  return place < 0 ? columns->extras[extra].name : fixed_columns[place].name;
}

int dds_columns_find(const dds_columns *columns, const char *name, size_t length) {
  for (int i = 0; i < dds_columns_count(columns); i++) {
    const char *candidate = dds_columns_name(columns, i);
    if (strlen(candidate) == length && strncasecmp(candidate, name, length) == 0) {
      return i;
    }
  }
  return -1;
}

static bool is_plain_identifier(const char *name) {
  if (!isalpha((unsigned char)name[0]) && name[0] != '_') {
    return false;
  }
  for (; *name != '\0'; name++) {
    if (!isalnum((unsigned char)*name) && *name != '_') {
      return false;
    }
  }
  return true;
}

void dds_columns_append_quoted(dds_buffer *text, const char *name) {
  dds_buffer_append_char(text, '"');
  for (; *name != '\0'; name++) {
    if (*name == '"') {
      dds_buffer_append_char(text, '"');
    }
    dds_buffer_append_char(text, *name);
  }
  dds_buffer_append_char(text, '"');
}

void dds_columns_append_name(dds_buffer *text, const char *name) {
  if (is_plain_identifier(name)) {
    dds_buffer_append_text(text, name);
  } else {
    dds_columns_append_quoted(text, name);
  }
}

void dds_columns_append_declaration(const dds_columns *columns, dds_buffer *sql) {
  dds_buffer_append_text(sql, "CREATE TABLE x(");
  for (int i = 0; i < dds_columns_count(columns); i++) {
    size_t extra = 0;
    int place = fixed_place(columns, i, &extra);
    dds_buffer_append_text(sql, i == 0 ? "" : ", ");
    /* Quoted always: an extra column may be called `order`. */
    dds_columns_append_quoted(sql, dds_columns_name(columns, i));
    dds_buffer_append_char(sql, ' ');
    dds_buffer_append_text(sql, place < 0 ? dds_columns_type_name(columns->extras[extra].affinity)
                                          : fixed_columns[place].declaration);
  }
  dds_buffer_append_text(sql, ") WITHOUT ROWID");
}

const char *dds_columns_type_name(dds_affinity affinity) {
  for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
    if (types[i].affinity == affinity) {
      return types[i].name;
    }
  }
  return "BLOB";
}

bool dds_columns_type_find(const char *name, dds_affinity *affinity) {
  for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
    if (strcasecmp(types[i].name, name) == 0) {
      *affinity = types[i].affinity;
      return true;
    }
  }
  return false;
}
