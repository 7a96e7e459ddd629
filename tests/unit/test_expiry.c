/*
 * Conditions on expiry against the rows of generated items: a pushed condition may let a row too
 * many pass and never one too few; the condition for `expired` is exact. SQLite compares.
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
#include "sessions/expiry.h"
#include "sessions/row.h"

enum { ITEMS = 4000, VALUES = 12, COMPARISONS = 5, ITEM_BYTES = 400 };

static const char *const operators[] = {
    [DDS_EQUAL] = "=",   [DDS_LESS] = "<",           [DDS_LESS_EQUAL] = "<=",
    [DDS_GREATER] = ">", [DDS_GREATER_EQUAL] = ">=",
};

/* What SQLite compares with. */
typedef struct oracle {
  sqlite3 *connection;
  sqlite3_stmt *compare[COMPARISONS];
} oracle;

static int set_up(void **state) {
  failing_allocator_install();
  oracle *made = calloc(1, sizeof *made);
  assert_non_null(made);
  assert_int_equal(sqlite3_open(":memory:", &made->connection), SQLITE_OK);
  for (int i = DDS_EQUAL; i <= DDS_GREATER_EQUAL; i++) {
    char sql[64];
    snprintf(sql, sizeof sql, "SELECT ?1 %s ?2", operators[i]);
    assert_int_equal(sqlite3_prepare_v2(made->connection, sql, -1, &made->compare[i], NULL),
                     SQLITE_OK);
  }
  *state = made;
  return 0;
}

static int tear_down(void **state) {
  oracle *made = *state;
  for (int i = DDS_EQUAL; i <= DDS_GREATER_EQUAL; i++) {
    sqlite3_finalize(made->compare[i]);
  }
  sqlite3_close(made->connection);
  free(made);
  return 0;
}

static void bind(sqlite3_stmt *statement, int position, const dds_sql_value *value) {
  if (value->type == DDS_SQL_INTEGER) {
    sqlite3_bind_int64(statement, position, value->integer);
  } else if (value->type == DDS_SQL_REAL) {
    sqlite3_bind_double(statement, position, value->real);
  } else {
    sqlite3_bind_null(statement, position);
  }
}

static bool is_true(oracle *sqlite, dds_comparison comparison, const dds_sql_value *left,
                    const dds_sql_value *right) {
  sqlite3_stmt *statement = sqlite->compare[comparison];
  bind(statement, 1, left);
  bind(statement, 2, right);
  assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
  bool result = sqlite3_column_int(statement, 0) != 0;
  sqlite3_reset(statement);
  return result;
}

static int64_t random_integer(int64_t below) {
  uint64_t high = (uint64_t)rand();
  uint64_t low = (uint64_t)rand();
  return (int64_t)((high << 31 ^ low) % (uint64_t)below);
}

/* Times about a few instants, so that equality and neighbours are frequent. */
static int64_t random_ms(void) {
  static const int64_t about[] = {0, 1700000000000, 100000000000, 99999999999000, 1700000000};
  int64_t ms = about[rand() % 5];
  ms += random_integer(5) - 2;
  if (rand() % 2) {
    ms += 1000 * (random_integer(5) - 2);
  }
  return ms;
}

/* A number as an attribute may hold it: seconds, milliseconds, fractions, too precise for doubles,
 * out of any range. */
static void append_number(char *text, size_t size) {
  int64_t ms = random_ms();
  switch (rand() % 8) {
  case 0:
  case 1:
    snprintf(text, size, "%lld", (long long)ms);
    break;
  case 2:
  case 3:
    snprintf(text, size, "%lld", (long long)(ms / 1000));
    break;
  case 4:
    snprintf(text, size, "%lld.%03d", (long long)(llabs(ms) / 1000), (int)(llabs(ms) % 1000));
    break;
  case 5:
    snprintf(text, size, "%lld.0000000%lld1", (long long)(llabs(ms) / 1000),
             (long long)random_integer(100));
    break;
  case 6:
    ms = random_integer(100) - 50;
    snprintf(text, size, "%lldE%d", (long long)ms, rand() % 40 - 20);
    break;
  default:
    snprintf(text, size, "%lld", (long long)(random_integer(INT64_C(1) << 61) * 2 + 1));
  }
}

static void append_attribute(char *text, const char *name) {
  size_t used = strlen(text);
  char number[80];
  append_number(number, sizeof number);
  const char *separator = text[used - 1] == '{' ? "" : ",";
  switch (rand() % 8) {
  case 0:
    return;
  case 1:
    snprintf(text + used, ITEM_BYTES - used, "%s\"%s\":{\"NULL\":true}", separator, name);
    return;
  case 2:
    snprintf(text + used, ITEM_BYTES - used, "%s\"%s\":{\"S\":\"%s\"}", separator, name, number);
    return;
  default:
    snprintf(text + used, ITEM_BYTES - used, "%s\"%s\":{\"N\":\"%s\"}", separator, name, number);
  }
}

static dds_item random_item(const dds_layout *layout, char text[ITEM_BYTES]) {
  snprintf(text, ITEM_BYTES, "{");
  if (rand() % 3 != 0) {
    append_attribute(text, layout->expires);
  }
  if (strcmp(layout->expires, layout->ttl) != 0) {
    append_attribute(text, layout->ttl);
  }
  size_t used = strlen(text);
  snprintf(text + used, ITEM_BYTES - used, "}");
  dds_item item = {.json = {0}};
  assert_true(dds_json_parse(text, strlen(text), &item.json, NULL));
  return item;
}

static dds_sql_value random_value(void) {
  int64_t ms = random_ms();
  dds_sql_value integer = {.type = DDS_SQL_INTEGER, .integer = ms / 1000};
  dds_sql_value real = {.type = DDS_SQL_REAL, .real = (double)ms / 1000.0};
  switch (rand() % 6) {
  case 0:
    integer.integer = ms;
    return integer;
  case 1:
    integer.integer = random_integer(INT64_C(1) << 61) * 2 + 1;
    return integer;
  case 2:
    return integer;
  case 3:
    /* The neighbours of 0 are smaller than any number of DynamoDB: not pushable. */
    if (real.real != 0.0) {
      real.real = nextafter(real.real, rand() % 2 ? INFINITY : -INFINITY);
    }
    return real;
  case 4:
    real.real = (double)random_integer(1000);
    real.real *= pow(10, rand() % 60 - 30);
    return real;
  default:
    return real;
  }
}

static void check_item(oracle *sqlite, const dds_layout *layout, const dds_sql_value *value,
                       dds_comparison comparison, const dds_condition *condition) {
  char text[ITEM_BYTES];
  dds_item item = random_item(layout, text);
  dds_sql_value expires;
  dds_row_expires(layout, &item, &expires);
  if (!is_true(sqlite, comparison, &expires, value)) {
    return;
  }
  if (!dds_condition_holds(condition, &item)) {
    fail_msg("%s is lost: expires %s (%lld, %.17g), layout %s", text, operators[comparison],
             (long long)value->integer, value->real, layout->name);
  }
}

static void a_pushed_condition_loses_no_row(void **state) {
  unsigned seed = 20261122;
  print_message("seed %u\n", seed);
  srand(seed);
  for (size_t i = 0; dds_layout_at(i) != NULL; i++) {
    for (int j = 0; j < VALUES * COMPARISONS; j++) {
      dds_comparison comparison = (dds_comparison)(j % COMPARISONS);
      dds_sql_value value = random_value();
      bool pushable;
      dds_condition *condition =
          dds_expiry_condition(dds_layout_at(i), comparison, &value, &pushable);
      assert_true(pushable);
      assert_non_null(condition);
      for (int k = 0; k < ITEMS / 10; k++) {
        check_item(*state, dds_layout_at(i), &value, comparison, condition);
      }
      dds_condition_release(condition);
    }
  }
}

/* Rows that are not near the value must not pass, or pushing would be worth nothing. */
static void a_pushed_condition_rejects_most(void **state) {
  (void)state;
  dds_sql_value now = {.type = DDS_SQL_INTEGER, .integer = 1700000000};
  bool pushable;
  for (size_t i = 0; dds_layout_at(i) != NULL; i++) {
    const dds_layout *layout = dds_layout_at(i);
    dds_condition *condition = dds_expiry_condition(layout, DDS_LESS, &now, &pushable);
    char text[ITEM_BYTES];
    snprintf(text, sizeof text, "{\"%s\":{\"N\":\"%s\"}}", layout->expires,
             layout->unit == DDS_MILLISECONDS ? "1700000001000" : "1700000001");
    dds_item item = {.json = {0}};
    assert_true(dds_json_parse(text, strlen(text), &item.json, NULL));
    assert_false(dds_condition_holds(condition, &item));
    dds_condition_release(condition);
  }
}

static void expired_agrees_with_the_row(void **state) {
  (void)state;
  unsigned seed = 19700101;
  print_message("seed %u\n", seed);
  srand(seed);
  for (size_t i = 0; dds_layout_at(i) != NULL; i++) {
    for (int j = 0; j < 60; j++) {
      const dds_layout *layout = dds_layout_at(i);
      int64_t now_ms = random_ms();
      dds_condition *expired = dds_expiry_expired_condition(layout, now_ms, true);
      dds_condition *live = dds_expiry_expired_condition(layout, now_ms, false);
      assert_non_null(expired);
      assert_non_null(live);
      for (int k = 0; k < ITEMS / 20; k++) {
        char text[ITEM_BYTES];
        dds_item item = random_item(layout, text);
        bool is_expired = dds_row_is_expired(layout, &item, now_ms);
        if (dds_condition_holds(expired, &item) != is_expired ||
            dds_condition_holds(live, &item) == is_expired) {
          fail_msg("%s at %lld, layout %s", text, (long long)now_ms, layout->name);
        }
      }
      dds_condition_release(expired);
      dds_condition_release(live);
    }
  }
}

static void null_agrees_with_the_row(void **state) {
  (void)state;
  srand(7);
  for (size_t i = 0; dds_layout_at(i) != NULL; i++) {
    const dds_layout *layout = dds_layout_at(i);
    dds_condition *null = dds_expiry_null_condition(layout);
    for (int k = 0; k < ITEMS; k++) {
      char text[ITEM_BYTES];
      dds_item item = random_item(layout, text);
      dds_sql_value expires;
      dds_row_expires(layout, &item, &expires);
      assert_int_equal(dds_condition_holds(null, &item), expires.type == DDS_SQL_NULL);
    }
    dds_condition_release(null);
  }
}

static void what_dynamodb_cannot_hold_is_not_pushed(void **state) {
  (void)state;
  static const dds_sql_value values[] = {
      {.type = DDS_SQL_NULL},
      {.type = DDS_SQL_TEXT, .bytes = "abc", .length = 3},
      {.type = DDS_SQL_BLOB, .bytes = "abc", .length = 3},
      {.type = DDS_SQL_REAL, .real = INFINITY},
      {.type = DDS_SQL_REAL, .real = -INFINITY},
      {.type = DDS_SQL_REAL, .real = 1e200},
      {.type = DDS_SQL_REAL, .real = -9.9e124},
      {.type = DDS_SQL_REAL, .real = 1e-200},
  };
  for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
    bool pushable = true;
    assert_null(dds_expiry_condition(dds_layout_at(0), DDS_LESS, &values[i], &pushable));
    assert_false(pushable);
  }
}

/* Each allocation refused in turn: no condition, and no leak. */
static void out_of_memory_gives_no_condition(void **state) {
  (void)state;
  dds_sql_value now = {.type = DDS_SQL_INTEGER, .integer = 1700000000};
  for (size_t i = 0; dds_layout_at(i) != NULL; i++) {
    while (failing_allocator_next()) {
      failing_allocator_start();
      bool pushable;
      dds_condition *pushed = dds_expiry_condition(dds_layout_at(i), DDS_EQUAL, &now, &pushable);
      dds_condition *live = dds_expiry_expired_condition(dds_layout_at(i), 1700000000000, false);
      dds_condition *null = dds_expiry_null_condition(dds_layout_at(i));
      bool refused = failing_allocator_stop();
      assert_true(pushable);
      assert_int_equal(refused, pushed == NULL || live == NULL || null == NULL);
      dds_condition_release(pushed);
      dds_condition_release(live);
      dds_condition_release(null);
    }
  }
}

static void says_it_in_few_words(void **state) {
  (void)state;
  static const char *const expected[] = {
      "expireTime <= ? OR attribute_not_exists(expireTime) AND (expireTime_TTL <= ? OR "
      "expireTime_TTL >= ? AND expireTime_TTL <= ?)",
      "expires <= ? OR expires >= ? AND expires <= ?",
  };
  for (size_t i = 0; i < 2; i++) {
    dds_condition *condition = dds_expiry_expired_condition(dds_layout_at(i), 1700000000000, true);
    dds_buffer words = DDS_BUFFER_INIT(1000);
    dds_condition_append_words(condition, &words);
    assert_string_equal(dds_buffer_text(&words), expected[i]);
    dds_buffer_free(&words);
    dds_condition_release(condition);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_pushed_condition_loses_no_row),
      cmocka_unit_test(a_pushed_condition_rejects_most),
      cmocka_unit_test(expired_agrees_with_the_row),
      cmocka_unit_test(null_agrees_with_the_row),
      cmocka_unit_test(what_dynamodb_cannot_hold_is_not_pushed),
      cmocka_unit_test(says_it_in_few_words),
      cmocka_unit_test(out_of_memory_gives_no_condition),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
