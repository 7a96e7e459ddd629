/* Affinity, with SQLite itself as the oracle: what a column of each type makes of each value. */
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>
#include <cmocka.h>

#include "sessions/sql_value.h"

enum { SCRATCH_BYTES = 1 << 16, GENERATED = 3000 };

static const char *const affinity_names[] = {
    [DDS_AFFINITY_TEXT] = "TEXT", [DDS_AFFINITY_INTEGER] = "INTEGER",
    [DDS_AFFINITY_REAL] = "REAL", [DDS_AFFINITY_NUMERIC] = "NUMERIC",
    [DDS_AFFINITY_BLOB] = "BLOB",
};

/* One table of one column for each affinity. */
typedef struct oracle {
  sqlite3 *connection;
  sqlite3_stmt *update[5];
  sqlite3_stmt *select[5];
} oracle;

static void run(sqlite3 *connection, const char *sql) {
  assert_int_equal(sqlite3_exec(connection, sql, NULL, NULL, NULL), SQLITE_OK);
}

static int set_up(void **state) {
  oracle *made = calloc(1, sizeof *made);
  assert_non_null(made);
  assert_int_equal(sqlite3_open(":memory:", &made->connection), SQLITE_OK);
  for (int i = 0; i < 5; i++) {
    char sql[100];
    snprintf(sql, sizeof sql, "CREATE TABLE t%d(x %s); INSERT INTO t%d VALUES (NULL);", i,
             affinity_names[i], i);
    run(made->connection, sql);
    snprintf(sql, sizeof sql, "UPDATE t%d SET x = ?", i);
    assert_int_equal(sqlite3_prepare_v2(made->connection, sql, -1, &made->update[i], NULL),
                     SQLITE_OK);
    snprintf(sql, sizeof sql, "SELECT x FROM t%d", i);
    assert_int_equal(sqlite3_prepare_v2(made->connection, sql, -1, &made->select[i], NULL),
                     SQLITE_OK);
  }
  *state = made;
  return 0;
}

static int tear_down(void **state) {
  oracle *made = *state;
  for (int i = 0; i < 5; i++) {
    sqlite3_finalize(made->update[i]);
    sqlite3_finalize(made->select[i]);
  }
  sqlite3_close(made->connection);
  free(made);
  return 0;
}

static void bind(sqlite3_stmt *statement, const dds_sql_value *value) {
  switch (value->type) {
  case DDS_SQL_NULL:
    sqlite3_bind_null(statement, 1);
    break;
  case DDS_SQL_INTEGER:
    sqlite3_bind_int64(statement, 1, value->integer);
    break;
  case DDS_SQL_REAL:
    sqlite3_bind_double(statement, 1, value->real);
    break;
  case DDS_SQL_TEXT:
    sqlite3_bind_text(statement, 1, value->bytes, (int)value->length, SQLITE_TRANSIENT);
    break;
  case DDS_SQL_BLOB:
    sqlite3_bind_blob(statement, 1, value->bytes, (int)value->length, SQLITE_TRANSIENT);
    break;
  }
}

static dds_sql_value column(sqlite3_stmt *statement) {
  dds_sql_value value = {.type = DDS_SQL_NULL};
  switch (sqlite3_column_type(statement, 0)) {
  case SQLITE_INTEGER:
    return (dds_sql_value){.type = DDS_SQL_INTEGER, .integer = sqlite3_column_int64(statement, 0)};
  case SQLITE_FLOAT:
    return (dds_sql_value){.type = DDS_SQL_REAL, .real = sqlite3_column_double(statement, 0)};
  case SQLITE_TEXT:
    value.type = DDS_SQL_TEXT;
    value.bytes = (const char *)sqlite3_column_text(statement, 0);
    break;
  case SQLITE_BLOB:
    value.type = DDS_SQL_BLOB;
    value.bytes = sqlite3_column_blob(statement, 0);
    break;
  default:
    return value;
  }
  value.length = (size_t)sqlite3_column_bytes(statement, 0);
  return value;
}

static void describe(const dds_sql_value *value, char *text, size_t size) {
  snprintf(text, size, "type %d, %lld, %.17g, '%.*s'", (int)value->type, (long long)value->integer,
           value->real, (int)value->length, value->bytes == NULL ? "" : value->bytes);
}

/* SQLite before 3.43 reads and rounds the last digits of a real less exactly than the C library. */
static bool is_close(const dds_sql_value *left, const dds_sql_value *right) {
  return left->type == DDS_SQL_REAL && right->type == DDS_SQL_REAL &&
         fabs(left->real - right->real) <= fabs(left->real) * 1e-14;
}

static void check(oracle *sqlite, dds_affinity affinity, const dds_sql_value *value) {
  sqlite3_stmt *update = sqlite->update[affinity];
  sqlite3_stmt *select = sqlite->select[affinity];
  bind(update, value);
  assert_int_equal(sqlite3_step(update), SQLITE_DONE);
  sqlite3_reset(update);
  assert_int_equal(sqlite3_step(select), SQLITE_ROW);
  dds_sql_value expected = column(select);

  dds_buffer scratch = DDS_BUFFER_INIT(SCRATCH_BYTES);
  dds_sql_value actual = *value;
  dds_sql_apply_affinity(&actual, affinity, &scratch);
  assert_int_equal(scratch.failed, DDS_OK);
  bool is_same = actual.type == expected.type && dds_sql_same(&actual, &expected);
  if (!is_same && !is_close(&actual, &expected)) {
    char given[200], ours[200], theirs[200];
    describe(value, given, sizeof given);
    describe(&actual, ours, sizeof ours);
    describe(&expected, theirs, sizeof theirs);
    fail_msg("%s of (%s) is (%s), to SQLite (%s)", affinity_names[affinity], given, ours, theirs);
  }
  dds_buffer_free(&scratch);
  sqlite3_reset(select);
}

static void check_all(oracle *sqlite, const dds_sql_value *value) {
  for (int affinity = DDS_AFFINITY_TEXT; affinity <= DDS_AFFINITY_BLOB; affinity++) {
    check(sqlite, (dds_affinity)affinity, value);
  }
}

static dds_sql_value text_value(const char *text) {
  return (dds_sql_value){.type = DDS_SQL_TEXT, .bytes = text, .length = strlen(text)};
}

static void texts_become_what_sqlite_makes_of_them(void **state) {
  static const char *const texts[] = {
      "",
      " ",
      "0",
      "-0",
      "+0",
      "-0.0",
      "12",
      " 12 ",
      "\t12\n",
      "\v\f\r12",
      "+5",
      "--5",
      "5.",
      ".5",
      ".",
      "-.",
      "+.e1",
      "1e3",
      "1E3",
      "1e",
      "1e+",
      "1e-2",
      "1.5e1",
      "1e1x",
      "0x10",
      "12abc",
      "1 2",
      "1_000",
      "00012",
      "000",
      "-007",
      "9223372036854775807",
      "9223372036854775808",
      "-9223372036854775808",
      "-9223372036854775809",
      "9223372036854775807.0",
      "1e18",
      "1e19",
      "9007199254740993",
      "9007199254740993.0",
      "1e400",
      "-1e400",
      "1e-400",
      "1e99999999999",
      "Infinity",
      "inf",
      "nan",
      "abc",
      "1700000000",
      "1700000000.5",
      "123456789012345678901234",
      "0.1",
      "3.0",
      "2026-11-22",
      "[1]",
      "1,5",
      ("\xc2\xa0"
       "1"),
  };
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    dds_sql_value value = text_value(texts[i]);
    check_all(*state, &value);
    value.type = DDS_SQL_BLOB;
    check_all(*state, &value);
  }
  dds_sql_value with_nul = {.type = DDS_SQL_TEXT, .bytes = "1\0002", .length = 3};
  check_all(*state, &with_nul);
}

static void numbers_become_what_sqlite_makes_of_them(void **state) {
  static const int64_t integers[] = {0, 1, -1, 1700000000, INT64_MAX, INT64_MIN, INT64_C(1) << 53};
  static const double reals[] = {
      0.0,
      -0.0,
      1.0,
      -1.0,
      0.5,
      1.5,
      0.1,
      1e14,
      1e15,
      1e16,
      1e17,
      1e20,
      1e100,
      1e-4,
      1e-5,
      0.00012345,
      123.25,
      1e308,
      5e-324,
      1e-300,
      123456.75,
      1e18,
      9.3e18,
      -9.3e18,
      1700000000.123,
      0x1p63,
      -0x1p63,
      12345678901234.5,
      999999999999999.0,
      0.3,
      100.0 / 3,
      INFINITY,
      -INFINITY,
  };
  for (size_t i = 0; i < sizeof integers / sizeof integers[0]; i++) {
    dds_sql_value value = {.type = DDS_SQL_INTEGER, .integer = integers[i]};
    check_all(*state, &value);
  }
  for (size_t i = 0; i < sizeof reals / sizeof reals[0]; i++) {
    dds_sql_value value = {.type = DDS_SQL_REAL, .real = reals[i]};
    check_all(*state, &value);
  }
  dds_sql_value null = {.type = DDS_SQL_NULL};
  check_all(*state, &null);
}

/* Texts of the characters that numbers are made of: most look nearly like one. */
static void generated_texts_become_the_same(void **state) {
  static const char alphabet[] = "0123456789012345..eE+- \t";
  unsigned seed = 20261122;
  print_message("seed %u\n", seed);
  srand(seed);
  for (int i = 0; i < GENERATED; i++) {
    char text[24];
    int length = rand() % 12;
    for (int j = 0; j < length; j++) {
      text[j] = alphabet[(size_t)rand() % (sizeof alphabet - 1)];
    }
    text[length] = '\0';
    dds_sql_value value = text_value(text);
    check_all(*state, &value);
  }
}

static void the_locale_does_not_matter(void **state) {
  /* Where the machine has no locale with a decimal comma there is nothing to try. */
  static const char *const names[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "C.UTF-8"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    if (setlocale(LC_ALL, names[i]) != NULL) {
      break;
    }
  }
  dds_sql_value real = {.type = DDS_SQL_REAL, .real = 1234.5};
  check_all(*state, &real);
  dds_sql_value text = text_value("1234.5");
  check_all(*state, &text);
  dds_sql_value comma = text_value("1234,5");
  check_all(*state, &comma);
  setlocale(LC_ALL, "C");
}

static void same_is_type_and_value(void **state) {
  (void)state;
  dds_sql_value null = {.type = DDS_SQL_NULL};
  dds_sql_value one = {.type = DDS_SQL_INTEGER, .integer = 1};
  dds_sql_value real_one = {.type = DDS_SQL_REAL, .real = 1.0};
  dds_sql_value largest = {.type = DDS_SQL_INTEGER, .integer = INT64_MAX};
  dds_sql_value beyond = {.type = DDS_SQL_REAL, .real = 0x1p63};
  dds_sql_value text = text_value("1");
  dds_sql_value blob = text_value("1");
  blob.type = DDS_SQL_BLOB;
  dds_sql_value empty_text = {.type = DDS_SQL_TEXT};
  assert_true(dds_sql_same(&null, &null));
  assert_true(dds_sql_same(&one, &real_one));
  assert_true(dds_sql_same(&real_one, &one));
  assert_false(dds_sql_same(&largest, &beyond));
  assert_false(dds_sql_same(&one, &text));
  assert_false(dds_sql_same(&text, &blob));
  assert_true(dds_sql_same(&blob, &blob));
  assert_true(dds_sql_same(&empty_text, &empty_text));
  assert_false(dds_sql_same(&empty_text, &null));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(texts_become_what_sqlite_makes_of_them),
      cmocka_unit_test(numbers_become_what_sqlite_makes_of_them),
      cmocka_unit_test(generated_texts_become_the_same),
      cmocka_unit_test(the_locale_does_not_matter),
      cmocka_unit_test(same_is_type_and_value),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
