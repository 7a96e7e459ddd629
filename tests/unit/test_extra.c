/*
 * Conditions on extra columns against SQLite: a column of each affinity, attributes of every type,
 * compared with a bare value and with columns of other affinities. The condition may let a row too
 * many pass and never one too few.
 */
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

#include "failing_allocator.h"
#include "sessions/extra.h"

enum {
  AFFINITIES = 5,
  COMPARISONS = 5,
  ROUNDS = 6000,
  ITEMS = 12,
  ITEM_BYTES = 200,
  SCRATCH_BYTES = 4096
};

static const char *const affinity_names[AFFINITIES] = {
    [DDS_AFFINITY_TEXT] = "TEXT", [DDS_AFFINITY_INTEGER] = "INTEGER",
    [DDS_AFFINITY_REAL] = "REAL", [DDS_AFFINITY_NUMERIC] = "NUMERIC",
    [DDS_AFFINITY_BLOB] = "BLOB",
};

static const char *const operators[] = {
    [DDS_EQUAL] = "=",   [DDS_LESS] = "<",           [DDS_LESS_EQUAL] = "<=",
    [DDS_GREATER] = ">", [DDS_GREATER_EQUAL] = ">=",
};

/* What the column is compared with: a bare value, or a column of some affinity. */
enum { BARE = AFFINITIES };

static char column_name[] = "x";

typedef struct oracle {
  sqlite3 *connection;
  sqlite3_stmt *set_left[AFFINITIES];
  sqlite3_stmt *set_right[AFFINITIES];
  sqlite3_stmt *get_right[AFFINITIES];
  sqlite3_stmt *compare[AFFINITIES][AFFINITIES + 1][COMPARISONS];
} oracle;

DDS_PRINTF(2, 3)
static sqlite3_stmt *prepare(oracle *sqlite, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  char sql[200];
  vsnprintf(sql, sizeof sql, format, arguments);
  va_end(arguments);
  sqlite3_stmt *statement = NULL;
  assert_int_equal(sqlite3_prepare_v2(sqlite->connection, sql, -1, &statement, NULL), SQLITE_OK);
  return statement;
}

static void step(sqlite3_stmt *statement) {
  assert_int_equal(sqlite3_step(statement), SQLITE_DONE);
  sqlite3_reset(statement);
}

static void make_table(oracle *sqlite, const char *name, int affinity) {
  sqlite3_stmt *create =
      prepare(sqlite, "CREATE TABLE %s%d(x %s)", name, affinity, affinity_names[affinity]);
  step(create);
  sqlite3_finalize(create);
  sqlite3_stmt *insert = prepare(sqlite, "INSERT INTO %s%d VALUES (NULL)", name, affinity);
  step(insert);
  sqlite3_finalize(insert);
}

static int set_up(void **state) {
  failing_allocator_install();
  oracle *made = calloc(1, sizeof *made);
  assert_non_null(made);
  assert_int_equal(sqlite3_open(":memory:", &made->connection), SQLITE_OK);
  for (int i = 0; i < AFFINITIES; i++) {
    make_table(made, "l", i);
    make_table(made, "r", i);
    made->set_left[i] = prepare(made, "UPDATE l%d SET x = ?", i);
    made->set_right[i] = prepare(made, "UPDATE r%d SET x = ?", i);
    made->get_right[i] = prepare(made, "SELECT x FROM r%d", i);
  }
  for (int i = 0; i < AFFINITIES; i++) {
    for (int k = 0; k < COMPARISONS; k++) {
      for (int j = 0; j < AFFINITIES; j++) {
        made->compare[i][j][k] =
            prepare(made, "SELECT l%d.x %s r%d.x FROM l%d, r%d", i, operators[k], j, i, j);
      }
      made->compare[i][BARE][k] = prepare(made, "SELECT x %s ? FROM l%d", operators[k], i);
    }
  }
  *state = made;
  return 0;
}

static int tear_down(void **state) {
  oracle *made = *state;
  sqlite3_stmt *statement;
  while ((statement = sqlite3_next_stmt(made->connection, NULL)) != NULL) {
    sqlite3_finalize(statement);
  }
  sqlite3_close(made->connection);
  free(made);
  return 0;
}

static void bind(sqlite3_stmt *statement, const dds_sql_value *value) {
  const char *bytes = value->bytes == NULL ? "" : value->bytes;
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
    sqlite3_bind_text(statement, 1, bytes, (int)value->length, SQLITE_TRANSIENT);
    break;
  case DDS_SQL_BLOB:
    sqlite3_bind_blob(statement, 1, bytes, (int)value->length, SQLITE_TRANSIENT);
    break;
  }
}

/* Items and values are generated from these. */
static const char *const texts[] = {
    "",
    " ",
    "!",
    "+",
    "-1",
    ".5",
    "0",
    "12",
    " 12",
    "012",
    "12.0",
    "1e1",
    "9",
    ":",
    "A",
    "a",
    "abc",
    "b",
    "true",
    "[1]",
    "{\"a\":1}",
    "\xc3\xa4",
    "\xf0\x9f\x98\x80",
    "9007199254740993",
    "1x",
};

static const char *const numbers[] = {
    "0",
    "1",
    "-1",
    "12",
    "12.0",
    "0.5",
    "10",
    "9007199254740992",
    "9007199254740993",
    "9007199254740993.5",
    "9223372036854775807",
    "9223372036854775808",
    "0.1",
    "0.1000000000000000055511151231257827",
    "12.00000000000000000000000001",
    "-0.5",
    "1E+100",
};

enum { TEXTS = sizeof texts / sizeof texts[0], NUMBERS = sizeof numbers / sizeof numbers[0] };

static dds_item random_item(char text[ITEM_BYTES]) {
  dds_buffer json = DDS_BUFFER_INIT(ITEM_BYTES);
  static const char *const others[] = {
      "{}",
      "{\"x\":{\"NULL\":true}}",
      "{\"x\":{\"BOOL\":true}}",
      "{\"x\":{\"BOOL\":false}}",
      "{\"x\":{\"L\":[{\"N\":\"1\"}]}}",
      "{\"x\":{\"M\":{\"a\":{\"N\":\"1\"}}}}",
      "{\"x\":{\"SS\":[\"a\"]}}",
      "{\"x\":{\"B\":\"YWJj\"}}",
      "{\"x\":{\"B\":\"/w==\"}}",
      "{\"x\":{\"B\":\"\"}}",
  };
  switch (rand() % 5) {
  case 0:
  case 1: {
    const char *value = texts[(size_t)rand() % TEXTS];
    dds_buffer_append_text(&json, "{\"x\":{\"S\":");
    dds_buffer_append_json_string(&json, value, strlen(value));
    dds_buffer_append_text(&json, "}}");
    break;
  }
  case 2:
  case 3:
    dds_buffer_append_format(&json, "{\"x\":{\"N\":\"%s\"}}", numbers[(size_t)rand() % NUMBERS]);
    break;
  default:
    dds_buffer_append_text(&json, others[(size_t)rand() % (sizeof others / sizeof others[0])]);
  }
  snprintf(text, ITEM_BYTES, "%s", dds_buffer_text(&json));
  dds_buffer_free(&json);
  dds_item item = {.json = {0}};
  assert_true(dds_json_parse(text, strlen(text), &item.json, NULL));
  return item;
}

static dds_sql_value random_value(void) {
  static const int64_t integers[] = {
      0, 1, -1, 12, 10, 9007199254740993, 9007199254740992, INT64_MAX, INT64_MIN};
  static const double reals[] = {0.5, 0.1, 12.0, 12.5, -0.5, 9007199254740992.0, 0x1p63, 1e100};
  const char *text = texts[(size_t)rand() % TEXTS];
  switch (rand() % 5) {
  case 0:
    return (dds_sql_value){.type = DDS_SQL_INTEGER,
                           .integer = integers[(size_t)rand() % (sizeof integers / 8)]};
  case 1:
    return (dds_sql_value){.type = DDS_SQL_REAL,
                           .real = reals[(size_t)rand() % (sizeof reals / 8)]};
  case 2:
    return (dds_sql_value){
        .type = DDS_SQL_BLOB, .bytes = rand() % 2 ? "abc" : "\xff", .length = (size_t)rand() % 2};
  default:
    return (dds_sql_value){.type = DDS_SQL_TEXT, .bytes = text, .length = strlen(text)};
  }
}

typedef struct comparison_case {
  oracle *sqlite;
  dds_extra_column column;
  int right; /* affinity of the other side, or BARE */
  dds_comparison comparison;
  dds_sql_value value;
} comparison_case;

/* The value as SQLite hands it to a virtual table: with the column's affinity where the other side
 * has none, as stored where it is another column. */
static dds_sql_value handed_over(comparison_case *tried, dds_buffer *scratch) {
  dds_sql_value value = tried->value;
  if (tried->right == BARE) {
    dds_sql_apply_affinity(&value, tried->column.affinity, scratch);
  } else {
    dds_sql_apply_affinity(&value, (dds_affinity)tried->right, scratch);
  }
  return value;
}

static bool is_true(comparison_case *tried, const dds_item *item) {
  oracle *sqlite = tried->sqlite;
  dds_buffer scratch = DDS_BUFFER_INIT(SCRATCH_BYTES);
  dds_sql_value left;
  dds_error error = DDS_ERROR_INIT;
  assert_true(dds_row_extra(&tried->column, item, &scratch, &left, &error));
  bind(sqlite->set_left[tried->column.affinity], &left);
  step(sqlite->set_left[tried->column.affinity]);
  sqlite3_stmt *compare = sqlite->compare[tried->column.affinity][tried->right][tried->comparison];
  if (tried->right == BARE) {
    bind(compare, &tried->value);
  } else {
    bind(sqlite->set_right[tried->right], &tried->value);
    step(sqlite->set_right[tried->right]);
  }
  assert_int_equal(sqlite3_step(compare), SQLITE_ROW);
  bool result = sqlite3_column_int(compare, 0) != 0;
  sqlite3_reset(compare);
  dds_buffer_free(&scratch);
  return result;
}

static void check_items(comparison_case *tried, const dds_condition *condition) {
  for (int i = 0; i < ITEMS; i++) {
    char text[ITEM_BYTES];
    dds_item item = random_item(text);
    if (!is_true(tried, &item) || dds_condition_holds(condition, &item)) {
      continue;
    }
    fail_msg("%s is lost: %s column %s %d-value type %d, %lld, %.17g, '%.*s'", text,
             affinity_names[tried->column.affinity], operators[tried->comparison], tried->right,
             (int)tried->value.type, (long long)tried->value.integer, tried->value.real,
             (int)tried->value.length, tried->value.bytes == NULL ? "" : tried->value.bytes);
  }
}

static void a_pushed_condition_loses_no_row(void **state) {
  unsigned seed = 20261122;
  print_message("seed %u\n", seed);
  srand(seed);
  int pushed = 0;
  for (int i = 0; i < ROUNDS; i++) {
    comparison_case tried = {
        .sqlite = *state,
        .column = {.name = column_name, .affinity = (dds_affinity)(rand() % AFFINITIES)},
        .right = rand() % 2 ? BARE : rand() % AFFINITIES,
        .comparison = (dds_comparison)(rand() % COMPARISONS),
        .value = random_value(),
    };
    dds_buffer scratch = DDS_BUFFER_INIT(SCRATCH_BYTES);
    dds_sql_value value = handed_over(&tried, &scratch);
    bool pushable;
    dds_condition *condition =
        dds_extra_condition(&tried.column, tried.comparison, &value, &pushable);
    assert_int_equal(pushable, condition != NULL);
    if (condition != NULL) {
      pushed++;
      check_items(&tried, condition);
    }
    dds_condition_release(condition);
    dds_buffer_free(&scratch);
  }
  assert_true(pushed > ROUNDS / 2);
}

/* What equals one of the values is not held back by a condition on them all. */
static void check_list(comparison_case *tried, const dds_sql_value *values, size_t count,
                       const dds_condition *condition) {
  for (int i = 0; i < ITEMS; i++) {
    char text[ITEM_BYTES];
    dds_item item = random_item(text);
    bool is_wanted = false;
    for (size_t j = 0; j < count; j++) {
      tried->value = values[j];
      is_wanted |= is_true(tried, &item);
    }
    if (is_wanted && !dds_condition_holds(condition, &item)) {
      fail_msg("affinity %d, right %d: %s is held back", tried->column.affinity, tried->right,
               text);
    }
  }
}

static void a_pushed_list_loses_no_row(void **state) {
  enum { LONGEST = 4 };
  size_t pushed = 0;
  srand(4);
  for (int i = 0; i < ROUNDS; i++) {
    comparison_case tried = {
        .sqlite = *state,
        .column = {.name = column_name, .affinity = (dds_affinity)(rand() % AFFINITIES)},
        .right = rand() % 2 ? BARE : rand() % AFFINITIES,
        .comparison = DDS_EQUAL,
    };
    dds_sql_value values[LONGEST];
    dds_sql_value handed[LONGEST];
    dds_buffer scratch[LONGEST];
    size_t count = 1 + (size_t)rand() % LONGEST;
    for (size_t j = 0; j < count; j++) {
      scratch[j] = DDS_BUFFER_INIT(SCRATCH_BYTES);
      tried.value = values[j] = random_value();
      handed[j] = handed_over(&tried, &scratch[j]);
    }
    bool pushable;
    dds_condition *condition = dds_extra_list_condition(&tried.column, handed, count, &pushable);
    assert_int_equal(pushable, condition != NULL);
    if (condition != NULL) {
      pushed++;
      check_list(&tried, values, count, condition);
    }
    dds_condition_release(condition);
    for (size_t j = 0; j < count; j++) {
      dds_buffer_free(&scratch[j]);
    }
  }
  assert_true(pushed > ROUNDS / 5);
}

/* Two of three pass a filter of two values: a list is worth its request. */
static void a_list_rejects_other_values(void **state) {
  (void)state;
  static const struct {
    dds_affinity affinity;
    dds_sql_value values[2];
    const char *in;
    const char *out;
  } cases[] = {
      {DDS_AFFINITY_TEXT,
       {{.type = DDS_SQL_TEXT, .bytes = "a", .length = 1},
        {.type = DDS_SQL_TEXT, .bytes = "b", .length = 1}},
       "{\"x\":{\"S\":\"b\"}}",
       "{\"x\":{\"S\":\"c\"}}"},
      {DDS_AFFINITY_NUMERIC,
       {{.type = DDS_SQL_INTEGER, .integer = 5}, {.type = DDS_SQL_TEXT, .bytes = "7", .length = 1}},
       "{\"x\":{\"N\":\"7.0\"}}",
       "{\"x\":{\"N\":\"6\"}}"},
      {DDS_AFFINITY_BLOB,
       {{.type = DDS_SQL_BLOB, .bytes = "a", .length = 1},
        {.type = DDS_SQL_BLOB, .bytes = "b", .length = 1}},
       "{\"x\":{\"B\":\"YQ==\"}}",
       "{}"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    dds_extra_column column = {.name = column_name, .affinity = cases[i].affinity};
    dds_sql_value values[2] = {cases[i].values[0], cases[i].values[1]};
    bool pushable;
    dds_condition *condition = dds_extra_list_condition(&column, values, 2, &pushable);
    assert_non_null(condition);
    const dds_item in = dds_item_of(cases[i].in, strlen(cases[i].in));
    const dds_item out = dds_item_of(cases[i].out, strlen(cases[i].out));
    assert_true(dds_condition_holds(condition, &in));
    assert_false(dds_condition_holds(condition, &out));
    dds_condition_release(condition);
  }
  /* Of two types, or too many. */
  dds_extra_column column = {.name = column_name, .affinity = DDS_AFFINITY_BLOB};
  dds_sql_value values[DDS_CONDITION_MAX_LIST + 1] = {
      {.type = DDS_SQL_INTEGER, .integer = 5}, {.type = DDS_SQL_TEXT, .bytes = "b", .length = 1}};
  bool pushable;
  assert_null(dds_extra_list_condition(&column, values, 2, &pushable));
  assert_false(pushable);
  for (size_t i = 0; i <= DDS_CONDITION_MAX_LIST; i++) {
    values[i] = (dds_sql_value){.type = DDS_SQL_INTEGER, .integer = (int64_t)i};
  }
  assert_null(dds_extra_list_condition(&column, values, DDS_CONDITION_MAX_LIST + 1, &pushable));
  assert_false(pushable);
}

static void null_is_missing_or_of_type_null(void **state) {
  (void)state;
  srand(3);
  dds_extra_column column = {.name = column_name, .affinity = DDS_AFFINITY_TEXT};
  dds_condition *null = dds_extra_null_condition(&column);
  dds_buffer scratch = DDS_BUFFER_INIT(SCRATCH_BYTES);
  for (int i = 0; i < 500; i++) {
    char text[ITEM_BYTES];
    dds_item item = random_item(text);
    dds_sql_value value;
    dds_error error = DDS_ERROR_INIT;
    assert_true(dds_row_extra(&column, &item, &scratch, &value, &error));
    assert_int_equal(dds_condition_holds(null, &item), value.type == DDS_SQL_NULL);
  }
  dds_buffer_free(&scratch);
  dds_condition_release(null);
}

typedef struct rejection {
  dds_affinity affinity;
  dds_comparison comparison;
  dds_sql_value value;
  const char *item;
} rejection;

/* What is pushed must reject the ordinary rows that do not match, and every NULL. */
static void rejects_what_does_not_match(void **state) {
  (void)state;
  static const rejection cases[] = {
      {DDS_AFFINITY_TEXT,
       DDS_EQUAL,
       {.type = DDS_SQL_TEXT, .bytes = "42", .length = 2},
       "{\"x\":{\"S\":\"43\"}}"},
      {DDS_AFFINITY_TEXT, DDS_EQUAL, {.type = DDS_SQL_TEXT, .bytes = "42", .length = 2}, "{}"},
      {DDS_AFFINITY_TEXT,
       DDS_GREATER,
       {.type = DDS_SQL_TEXT, .bytes = "b", .length = 1},
       "{\"x\":{\"S\":\"a\"}}"},
      {DDS_AFFINITY_INTEGER,
       DDS_EQUAL,
       {.type = DDS_SQL_INTEGER, .integer = 42},
       "{\"x\":{\"N\":\"43\"}}"},
      {DDS_AFFINITY_INTEGER,
       DDS_GREATER,
       {.type = DDS_SQL_INTEGER, .integer = 42},
       "{\"x\":{\"N\":\"41\"}}"},
      {DDS_AFFINITY_NUMERIC,
       DDS_EQUAL,
       {.type = DDS_SQL_TEXT, .bytes = "42", .length = 2},
       "{\"x\":{\"N\":\"43\"}}"},
      {DDS_AFFINITY_BLOB,
       DDS_EQUAL,
       {.type = DDS_SQL_BLOB, .bytes = "abc", .length = 3},
       "{\"x\":{\"B\":\"YWJk\"}}"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    dds_extra_column column = {.name = column_name, .affinity = cases[i].affinity};
    bool pushable;
    dds_condition *condition =
        dds_extra_condition(&column, cases[i].comparison, &cases[i].value, &pushable);
    assert_non_null(condition);
    dds_item item = {.json = {0}};
    assert_true(dds_json_parse(cases[i].item, strlen(cases[i].item), &item.json, NULL));
    if (dds_condition_holds(condition, &item)) {
      fail_msg("case %zu passes %s", i, cases[i].item);
    }
    dds_condition_release(condition);
  }
}

static void what_cannot_be_judged_is_not_pushed(void **state) {
  (void)state;
  static const rejection cases[] = {
      {DDS_AFFINITY_TEXT, DDS_EQUAL, {.type = DDS_SQL_INTEGER, .integer = 100}, NULL},
      {DDS_AFFINITY_TEXT, DDS_EQUAL, {.type = DDS_SQL_NULL}, NULL},
      {DDS_AFFINITY_TEXT, DDS_EQUAL, {.type = DDS_SQL_TEXT, .bytes = "\xff", .length = 1}, NULL},
      {DDS_AFFINITY_REAL, DDS_LESS, {.type = DDS_SQL_REAL, .real = INFINITY}, NULL},
      {DDS_AFFINITY_REAL, DDS_LESS, {.type = DDS_SQL_REAL, .real = 1e200}, NULL},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    dds_extra_column column = {.name = column_name, .affinity = cases[i].affinity};
    bool pushable = true;
    assert_null(dds_extra_condition(&column, cases[i].comparison, &cases[i].value, &pushable));
    assert_false(pushable);
  }
}

/* Each allocation refused in turn: no condition, and no leak. */
static void out_of_memory_gives_no_condition(void **state) {
  (void)state;
  static const dds_sql_value values[] = {
      {.type = DDS_SQL_INTEGER, .integer = 42},
      {.type = DDS_SQL_TEXT, .bytes = "42", .length = 2},
      {.type = DDS_SQL_BLOB, .bytes = "42", .length = 2},
  };
  dds_extra_column column = {.name = column_name, .affinity = DDS_AFFINITY_NUMERIC};
  for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
    while (failing_allocator_next()) {
      failing_allocator_start();
      bool pushable;
      dds_condition *condition = dds_extra_condition(&column, DDS_EQUAL, &values[i], &pushable);
      bool refused = failing_allocator_stop();
      assert_true(pushable);
      assert_int_equal(refused, condition == NULL);
      dds_condition_release(condition);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_pushed_condition_loses_no_row),
      cmocka_unit_test(a_pushed_list_loses_no_row),
      cmocka_unit_test(a_list_rejects_other_values),
      cmocka_unit_test(null_is_missing_or_of_type_null),
      cmocka_unit_test(rejects_what_does_not_match),
      cmocka_unit_test(what_cannot_be_judged_is_not_pushed),
      cmocka_unit_test(out_of_memory_gives_no_condition),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
