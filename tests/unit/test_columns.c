/* The columns: places and names of fixed and extra ones, and a declaration that SQLite takes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <sqlite3.h>

#include "vtab/columns.h"

enum { TEXT_BYTES = 100000 };

static char order[] = "order";
static char quoted[] = "say \"hi\", *";
static char umlaut[] = "\xc3\xa4";

static const dds_extra_column extras[] = {
    {.name = order, .affinity = DDS_AFFINITY_INTEGER},
    {.name = quoted, .affinity = DDS_AFFINITY_BLOB},
    {.name = umlaut, .affinity = DDS_AFFINITY_REAL},
};
static const dds_columns three = {.extras = extras, .extra_count = 3};
static const dds_columns none = {0};

static void puts_extras_between(void **state) {
  (void)state;
  static const char *const names[] = {"sid",  "session",  "expires",   order,
                                      quoted, umlaut,     "arguments", "expired",
                                      "size", "sid_hash", "item",      "snapshot"};
  size_t extra = 0;
  assert_int_equal(dds_columns_count(&three), 12);
  assert_int_equal(dds_columns_count(&none), 9);
  for (int i = 0; i < 12; i++) {
    assert_string_equal(dds_columns_name(&three, i), names[i]);
    assert_int_equal(dds_columns_find(&three, names[i], strlen(names[i])), i);
    dds_column kind = dds_columns_kind(&three, i, &extra);
    if (i >= 3 && i < 6) {
      assert_int_equal(kind, DDS_COLUMN_EXTRA);
      assert_int_equal(extra, i - 3);
    } else {
      assert_int_equal(dds_columns_index(&three, kind), i);
      int without = dds_columns_index(&none, kind);
      assert_int_equal(without, i < 3 ? i : i - 3);
      assert_int_equal(dds_columns_kind(&none, without, NULL), kind);
    }
  }
}

static void finds_names_as_sqlite_does(void **state) {
  (void)state;
  assert_int_equal(dds_columns_find(&three, "SID", 3), 0);
  assert_int_equal(dds_columns_find(&three, "Order", 5), 3);
  assert_int_equal(dds_columns_find(&three, "\xc3\x84", 2), -1); /* no case beyond ASCII */
  assert_int_equal(dds_columns_find(&three, "si", 2), -1);
  assert_int_equal(dds_columns_find(&three, "sid_", 4), -1);
  assert_int_equal(dds_columns_find(&three, "sid_hash", 3), 0);
  assert_int_equal(dds_columns_find(&three, "", 0), -1);
}

static void quotes_names_that_need_it(void **state) {
  (void)state;
  static const struct {
    const char *name;
    const char *written;
  } names[] = {
      {"sid", "sid"},       {"_a1", "_a1"},
      {"1a", "\"1a\""},     {"a b", "\"a b\""},
      {"a\"", "\"a\"\"\""}, {"\"", "\"\"\"\""},
      {"", "\"\""},         {"a-b", "\"a-b\""},
      {"a;", "\"a;\""},     {"\xc3\xa4", "\"\xc3\xa4\""},
  };
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    dds_buffer text = DDS_BUFFER_INIT(TEXT_BYTES);
    dds_columns_append_name(&text, names[i].name);
    assert_string_equal(dds_buffer_text(&text), names[i].written);
    dds_buffer_free(&text);
  }
}

/* The declaration is a statement that SQLite itself runs, with the names and types meant. */
static void declares_what_sqlite_understands(void **state) {
  (void)state;
  dds_buffer sql = DDS_BUFFER_INIT(TEXT_BYTES);
  sqlite3 *db = NULL;
  sqlite3_stmt *statement = NULL;
  dds_columns_append_declaration(&three, &sql);
  assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
  assert_int_equal(sqlite3_exec(db, dds_buffer_text(&sql), NULL, NULL, NULL), SQLITE_OK);
  assert_int_equal(sqlite3_prepare_v2(db,
                                      "SELECT name, type, \"notnull\", pk FROM "
                                      "pragma_table_info('x') ORDER BY cid",
                                      -1, &statement, NULL),
                   SQLITE_OK);
  static const char *const types[] = {"TEXT",        "TEXT",           "NUMERIC",
                                      "INTEGER",     "BLOB",           "REAL",
                                      "TEXT HIDDEN", "INTEGER HIDDEN", "INTEGER HIDDEN",
                                      "TEXT HIDDEN", "TEXT HIDDEN",    "BLOB HIDDEN"};
  for (int i = 0; i < dds_columns_count(&three); i++) {
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(statement, 0),
                        dds_columns_name(&three, i));
    assert_string_equal((const char *)sqlite3_column_text(statement, 1), types[i]);
    assert_int_equal(sqlite3_column_int(statement, 2), i == 0);
    assert_int_equal(sqlite3_column_int(statement, 3), i == 0);
  }
  assert_int_equal(sqlite3_step(statement), SQLITE_DONE);
  sqlite3_finalize(statement);
  assert_int_equal(sqlite3_close(db), SQLITE_OK);
  dds_buffer_free(&sql);
}

static void names_types(void **state) {
  (void)state;
  static const char *const names[] = {"TEXT", "INTEGER", "REAL", "NUMERIC", "BLOB"};
  dds_affinity affinity;
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    assert_true(dds_columns_type_find(names[i], &affinity));
    assert_string_equal(dds_columns_type_name(affinity), names[i]);
  }
  assert_true(dds_columns_type_find("tExT", &affinity));
  assert_int_equal(affinity, DDS_AFFINITY_TEXT);
  static const char *const others[] = {"", "INT", "TEXT ", "TEXTS", "VARCHAR(5)", "ANY"};
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
    assert_false(dds_columns_type_find(others[i], &affinity));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(puts_extras_between),
      cmocka_unit_test(finds_names_as_sqlite_does),
      cmocka_unit_test(quotes_names_that_need_it),
      cmocka_unit_test(declares_what_sqlite_understands),
      cmocka_unit_test(names_types),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
