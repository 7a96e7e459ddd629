/*
 * The plan: what may be pushed, what is chosen, and that its words, which travel through SQLite as
 * idxStr, are read back as the same plan whatever the columns are called.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "failing_allocator.h"
#include "vtab/plan.h"

enum { WORDS_BYTES = 1000000 };

static uint64_t seed = UINT64_C(88172645463325252);

static size_t random_below(size_t bound) {
  seed ^= seed << 13;
  seed ^= seed >> 7;
  seed ^= seed << 17;
  return (size_t)(seed % bound);
}

/* Names are the test's, and may be literals: nothing here frees them. */
static dds_extra_column extra(const char *name, dds_affinity affinity) {
  union {
    const char *shown;
    char *owned;
  } both = {.shown = name};
  return (dds_extra_column){.name = both.owned, .affinity = affinity};
}

static const dds_term_op ops[] = {
    DDS_TERM_EQUAL,         DDS_TERM_LESS, DDS_TERM_LESS_EQUAL, DDS_TERM_GREATER,
    DDS_TERM_GREATER_EQUAL, DDS_TERM_IS,   DDS_TERM_IS_NULL,    DDS_TERM_IN,
};
enum { OP_COUNT = sizeof ops / sizeof ops[0] };

/* Which operators are pushed for each column, in the order of `ops`: x pushed, - never. */
static void knows_what_may_be_pushed(void **state) {
  (void)state;
  const dds_extra_column extras[] = {
      extra("t", DDS_AFFINITY_TEXT), extra("i", DDS_AFFINITY_INTEGER),
      extra("r", DDS_AFFINITY_REAL), extra("n", DDS_AFFINITY_NUMERIC),
      extra("b", DDS_AFFINITY_BLOB),
  };
  const dds_columns columns = {.extras = extras, .extra_count = 5};
  static const struct {
    const char *column;
    const char *pushed;
  } cases[] = {
      {"sid", "xxxxxx-x"},     {"session", "--------"},  {"expires", "xxxxxxxx"},
      {"expired", "x----x--"}, {"size", "--------"},     {"sid_hash", "--------"},
      {"item", "--------"},    {"snapshot", "--------"}, {"arguments", "--------"},
      {"t", "xxxxxxxx"},       {"i", "xxxxxxxx"},        {"r", "xxxxxxxx"},
      {"n", "xxxxxxxx"},       {"b", "xxxxxxxx"},
  };
  assert_int_equal(sizeof cases / sizeof cases[0], dds_columns_count(&columns));
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    for (size_t op = 0; op < OP_COUNT; op++) {
      for (int bits = 0; bits < 8; bits++) {
        dds_constraint constraint = {
            .column = dds_columns_find(&columns, cases[i].column, strlen(cases[i].column)),
            .op = ops[op],
            .is_known_op = bits & 1,
            .is_usable = bits & 2,
            .is_binary = bits & 4,
        };
        char rule = cases[i].pushed[op];
        bool expected = bits == 7 && rule == 'x';
        if (dds_plan_is_pushable(&columns, &constraint) != expected) {
          fail_msg("%s, operator %zu, bits %d", cases[i].column, op, bits);
        }
      }
    }
  }
}

static dds_constraint pushable(int column, dds_term_op op) {
  return (dds_constraint){
      .column = column, .op = op, .is_known_op = true, .is_usable = true, .is_binary = true};
}

static void choose(const dds_columns *columns, const dds_constraint *constraints, size_t count,
                   uint64_t used, dds_plan *plan, int *terms_of) {
  dds_error error = DDS_ERROR_INIT;
  assert_true(dds_plan_choose(columns, constraints, count, used, plan, terms_of, &error));
}

static void assert_words(const dds_plan *plan, const dds_columns *columns, const char *expected) {
  dds_buffer words = DDS_BUFFER_INIT(WORDS_BYTES);
  dds_plan_append_words(plan, columns, &words);
  assert_string_equal(dds_buffer_text(&words), expected);
  dds_buffer_free(&words);
}

static void reads_by_key_where_it_can(void **state) {
  (void)state;
  const dds_columns columns = {0};
  int expires = dds_columns_index(&columns, DDS_COLUMN_EXPIRES);
  dds_constraint constraints[] = {
      pushable(expires, DDS_TERM_LESS),
      pushable(DDS_COLUMN_SID, DDS_TERM_GREATER),
      pushable(DDS_COLUMN_SID, DDS_TERM_EQUAL),
      pushable(DDS_COLUMN_SID, DDS_TERM_EQUAL),
  };
  int terms_of[4];
  dds_plan plan;
  choose(&columns, constraints, 4, 3, &plan, terms_of);
  assert_words(&plan, &columns, "GetItem where sid = ? and expires < ?; columns sid, session");
  assert_int_equal(terms_of[0], 2);
  assert_int_equal(terms_of[1], 0);
  assert_int_equal(terms_of[2], 1);
  assert_int_equal(terms_of[3], 0);
  dds_plan_free(&plan);

  /* A join that SQLite has not ordered so, and a key under NOCASE. */
  constraints[2].is_usable = false;
  constraints[3].is_binary = false;
  choose(&columns, constraints, 4, 1, &plan, terms_of);
  assert_words(&plan, &columns, "Scan where expires < ? and sid > ?; columns sid");
  assert_int_equal(terms_of[0], 1);
  assert_int_equal(terms_of[1], 2);
  assert_int_equal(terms_of[2] + terms_of[3], 0);
  dds_plan_free(&plan);

  constraints[0].op = DDS_TERM_IS_NULL;
  constraints[2].is_usable = true;
  choose(&columns, constraints, 4, 2, &plan, terms_of);
  assert_words(&plan, &columns, "GetItem where sid = ? and expires is null; columns sid, session");
  dds_plan_free(&plan);

  choose(&columns, NULL, 0, UINT64_MAX, &plan, terms_of);
  assert_words(&plan, &columns, "Scan; columns *");
  dds_plan_free(&plan);
}

/* IS NULL takes a value as well: SQLite would otherwise use it for tables that it is not for. */
static void numbers_the_values(void **state) {
  (void)state;
  const dds_extra_column extras[] = {extra("select", DDS_AFFINITY_TEXT),
                                     extra("two words", DDS_AFFINITY_TEXT)};
  const dds_columns columns = {.extras = extras, .extra_count = 2};
  const dds_constraint constraints[] = {
      pushable(DDS_COLUMN_EXTRA, DDS_TERM_IS_NULL),
      pushable(DDS_COLUMN_EXPIRES, DDS_TERM_GREATER_EQUAL),
      pushable(DDS_COLUMN_SESSION, DDS_TERM_EQUAL),
      pushable(DDS_COLUMN_EXPIRES, DDS_TERM_IS_NULL),
      pushable(DDS_COLUMN_EXTRA + 1, DDS_TERM_IS),
  };
  int terms_of[5];
  dds_plan plan;
  choose(&columns, constraints, 5, 0, &plan, terms_of);
  assert_words(&plan, &columns,
               "Scan where select is null and expires >= ? and expires is null and "
               "\"two words\" is ?; columns sid");
  const int expected[] = {1, 2, 0, 3, 4};
  assert_memory_equal(terms_of, expected, sizeof expected);
  dds_plan_free(&plan);
}

/* An index by its hash key, and by its sort key where there is one. */
static dds_index index_of(const char *name, const char *attribute) {
  union {
    const char *shown;
    char *owned;
  } names[] = {{.shown = name}, {.shown = attribute}};
  return (dds_index){.name = names[0].owned, .attribute = names[1].owned};
}

enum { USER = DDS_COLUMN_EXTRA, MAIL };
static const struct {
  dds_term terms[3];
  size_t count;
  const char *words;
  int places[3];
} request_cases[] = {
    {{{DDS_COLUMN_SID, DDS_TERM_IS}}, 1, "GetItem where sid is ?; columns sid", {1}},
    {{{DDS_COLUMN_SID, DDS_TERM_IN}}, 1, "BatchGetItem where sid in ?; columns sid", {1}},
    {{{DDS_COLUMN_SID, DDS_TERM_IN}, {DDS_COLUMN_SID, DDS_TERM_EQUAL}},
     2,
     "GetItem where sid = ?; columns sid",
     {0, 1}},
    {{{USER, DDS_TERM_EQUAL}, {DDS_COLUMN_SID, DDS_TERM_IN}},
     2,
     "BatchGetItem where sid in ? and userId = ?; columns sid",
     {2, 1}},
    {{{USER, DDS_TERM_EQUAL}, {DDS_COLUMN_SID, DDS_TERM_EQUAL}},
     2,
     "GetItem where sid = ? and userId = ?; columns sid",
     {2, 1}},
    {{{DDS_COLUMN_EXPIRES, DDS_TERM_LESS}, {USER, DDS_TERM_EQUAL}},
     2,
     "Query userId-index where userId = ? and expires < ?; columns sid",
     {2, 1}},
    {{{USER, DDS_TERM_EQUAL}, {MAIL, DDS_TERM_EQUAL}},
     2,
     "Query by-mail where mail = ? and userId = ?; columns sid",
     {2, 1}},
    {{{USER, DDS_TERM_EQUAL}, {USER, DDS_TERM_EQUAL}, {DDS_COLUMN_SID, DDS_TERM_GREATER}},
     3,
     "Query userId-index where userId = ? and userId = ? and sid > ?; columns sid",
     {1, 2, 3}},
    {{{USER, DDS_TERM_IN}, {MAIL, DDS_TERM_GREATER}},
     2,
     "Scan where userId in ? and mail > ?; columns sid",
     {1, 2}},
    {{{USER, DDS_TERM_IS}, {USER, DDS_TERM_IS_NULL}},
     2,
     "Scan where userId is ? and userId is null; columns sid",
     {1, 2}},
    {{{DDS_COLUMN_SID, DDS_TERM_GREATER_EQUAL}, {DDS_COLUMN_SID, DDS_TERM_LESS}},
     2,
     "Scan where sid >= ? and sid < ?; columns sid",
     {1, 2}},
    {{{DDS_COLUMN_SID, DDS_TERM_GREATER_EQUAL}, {DDS_COLUMN_SID, DDS_TERM_EQUAL}},
     2,
     "GetItem where sid = ?; columns sid",
     {0, 1}},
};

/* A key before a list of keys before an index before a Scan, in whatever order they come. */
static void chooses_the_request(void **state) {
  (void)state;
  const dds_extra_column extras[] = {extra("userId", DDS_AFFINITY_TEXT),
                                     extra("mail", DDS_AFFINITY_TEXT)};
  const dds_index indexes[] = {index_of("by-mail", "mail"), index_of("userId-index", "userId"),
                               index_of("by.user", "userId")};
  const dds_columns columns = {
      .extras = extras, .extra_count = 2, .indexes = indexes, .index_count = 3};
  for (size_t i = 0; i < sizeof request_cases / sizeof request_cases[0]; i++) {
    dds_constraint constraints[3];
    int places[3] = {0};
    dds_plan plan;
    for (size_t j = 0; j < request_cases[i].count; j++) {
      constraints[j] = pushable(request_cases[i].terms[j].column, request_cases[i].terms[j].op);
    }
    choose(&columns, constraints, request_cases[i].count, 1, &plan, places);
    assert_words(&plan, &columns, request_cases[i].words);
    assert_memory_equal(places, request_cases[i].places, sizeof places);
    dds_plan_free(&plan);
  }
}

/* LIMIT and OFFSET come in either order, and count only where nothing else is left to SQLite. */
static void takes_limits_where_nothing_is_left(void **state) {
  (void)state;
  const dds_extra_column extras[] = {extra("t", DDS_AFFINITY_TEXT)};
  const dds_index indexes[] = {index_of("by-t", "t")};
  const dds_columns columns = {
      .extras = extras, .extra_count = 1, .indexes = indexes, .index_count = 1};
  const dds_constraint limit = {
      .subject = DDS_SUBJECT_LIMIT, .is_known_op = true, .is_usable = true, .is_binary = true};
  dds_constraint offset = limit;
  offset.subject = DDS_SUBJECT_OFFSET;
  dds_constraint sorted = limit;
  sorted.is_usable = false;
  const dds_constraint expires = pushable(DDS_COLUMN_EXPIRES, DDS_TERM_LESS);
  const dds_constraint session = pushable(DDS_COLUMN_SESSION, DDS_TERM_EQUAL);
  const dds_constraint sid = pushable(DDS_COLUMN_SID, DDS_TERM_EQUAL);
  const dds_constraint t = pushable(DDS_COLUMN_EXTRA, DDS_TERM_EQUAL);
  const struct {
    dds_constraint constraints[3];
    size_t count;
    const char *words;
    int places[3];
  } cases[] = {
      {{limit}, 1, "Scan; limit ?; columns sid", {1}},
      {{offset, limit}, 2, "Scan; limit ?; offset ?; columns sid", {2, 1}},
      {{limit, offset}, 2, "Scan; limit ?; offset ?; columns sid", {1, 2}},
      {{offset}, 1, "Scan; columns sid", {0}},
      {{sorted}, 1, "Scan; columns sid", {0}},
      {{limit, sorted}, 2, "Scan; limit ?; columns sid", {1, 0}},
      {{expires, offset, limit},
       3,
       "Scan where expires < ?; limit ?; offset ?; columns sid",
       {1, 3, 2}},
      {{session, limit}, 2, "Scan; columns sid", {0, 0}},
      {{session, expires, limit}, 3, "Scan where expires < ?; columns sid", {0, 1, 0}},
      {{t, limit}, 2, "Query by-t where t = ?; limit ?; columns sid", {1, 2}},
      {{sid, limit}, 2, "GetItem where sid = ?; columns sid", {1, 0}},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    int places[3] = {0};
    dds_plan plan;
    choose(&columns, cases[i].constraints, cases[i].count, 1, &plan, places);
    assert_words(&plan, &columns, cases[i].words);
    assert_memory_equal(places, cases[i].places, sizeof places);
    dds_plan_free(&plan);
  }
}

static void leaves_terms_over_the_bound_to_sqlite(void **state) {
  (void)state;
  enum { COUNT = DDS_PLAN_MAX_TERMS + 8 };
  const dds_columns columns = {0};
  dds_constraint constraints[COUNT];
  int terms_of[COUNT];
  dds_plan plan;
  for (size_t i = 0; i < COUNT; i++) {
    constraints[i] = pushable(DDS_COLUMN_EXPIRES, DDS_TERM_EQUAL);
  }
  choose(&columns, constraints, COUNT, 1, &plan, terms_of);
  assert_int_equal(plan.term_count, DDS_PLAN_MAX_TERMS);
  for (int i = 0; i < COUNT; i++) {
    assert_int_equal(terms_of[i], i < DDS_PLAN_MAX_TERMS ? i + 1 : 0);
  }
  dds_plan_free(&plan);
  /* A key behind them all is found nevertheless. */
  constraints[COUNT - 1] = pushable(DDS_COLUMN_SID, DDS_TERM_EQUAL);
  choose(&columns, constraints, COUNT, 1, &plan, terms_of);
  assert_int_equal(plan.access, DDS_ACCESS_GET);
  assert_int_equal(terms_of[COUNT - 1], 1);
  dds_plan_free(&plan);
}

/* SQLite checks a BETWEEN or a pattern by one reading, which half of it does not answer for. */
static void pushes_no_half_of_a_range(void **state) {
  (void)state;
  enum { COUNT = DDS_PLAN_MAX_TERMS + 1 };
  const dds_extra_column extras[] = {extra("t", DDS_AFFINITY_TEXT)};
  const dds_columns columns = {.extras = extras, .extra_count = 1};
  dds_constraint constraints[COUNT];
  int terms_of[COUNT];
  dds_plan plan;
  for (int i = 0; i < COUNT; i++) {
    constraints[i] = pushable(DDS_COLUMN_EXPIRES, DDS_TERM_EQUAL);
  }
  constraints[0] = pushable(DDS_COLUMN_EXTRA, DDS_TERM_GREATER_EQUAL);
  constraints[1] = pushable(DDS_COLUMN_EXTRA, DDS_TERM_LESS_EQUAL);
  choose(&columns, constraints, 2, 1, &plan, terms_of);
  assert_int_equal(plan.term_count, 2);
  dds_plan_free(&plan);
  constraints[1].is_binary = false;
  choose(&columns, constraints, 2, 1, &plan, terms_of);
  assert_int_equal(plan.term_count, 0);
  dds_plan_free(&plan);
  /* The other end would be over the bound. */
  constraints[1] = pushable(DDS_COLUMN_EXPIRES, DDS_TERM_EQUAL);
  constraints[COUNT - 1] = pushable(DDS_COLUMN_EXTRA, DDS_TERM_LESS_EQUAL);
  choose(&columns, constraints, COUNT, 1, &plan, terms_of);
  assert_int_equal(terms_of[0], 0);
  assert_int_equal(terms_of[COUNT - 1], 0);
  dds_plan_free(&plan);
}

/* colUsed has 64 bits; its last stands for every column from the 64th on. */
static void counts_columns_beyond_the_bits(void **state) {
  (void)state;
  enum { EXTRAS = 80 };
  static char names[EXTRAS][16];
  dds_extra_column extras[EXTRAS];
  for (int i = 0; i < EXTRAS; i++) {
    snprintf(names[i], sizeof names[i], "c%d", i);
    extras[i] = (dds_extra_column){.name = names[i], .affinity = DDS_AFFINITY_TEXT};
  }
  const dds_columns columns = {.extras = extras, .extra_count = EXTRAS};
  int count = dds_columns_count(&columns);
  int terms_of[1];
  dds_plan plan;
  choose(&columns, NULL, 0, UINT64_C(1) << 63, &plan, terms_of);
  assert_false(plan.all_columns);
  for (int i = 0; i < count; i++) {
    assert_int_equal(dds_plan_uses(&plan, i), i == DDS_COLUMN_SID || i >= 63);
  }
  dds_plan_free(&plan);
  choose(&columns, NULL, 0, UINT64_C(1) << 62, &plan, terms_of);
  for (int i = 0; i < count; i++) {
    assert_int_equal(dds_plan_uses(&plan, i), i == DDS_COLUMN_SID || i == 62);
  }
  dds_plan_free(&plan);
  choose(&columns, NULL, 0, UINT64_MAX, &plan, terms_of);
  for (int i = 0; i < count; i++) {
    assert_true(dds_plan_uses(&plan, i));
  }
  dds_plan_free(&plan);
}

static void assert_same(const dds_plan *left, const dds_plan *right, int column_count) {
  assert_int_equal(left->access, right->access);
  assert_int_equal(left->index, right->index);
  assert_int_equal(left->has_limit, right->has_limit);
  assert_int_equal(left->has_offset, right->has_offset);
  assert_int_equal(left->all_columns, right->all_columns);
  assert_int_equal(left->term_count, right->term_count);
  for (size_t i = 0; i < left->term_count; i++) {
    assert_int_equal(left->terms[i].column, right->terms[i].column);
    assert_int_equal(left->terms[i].op, right->terms[i].op);
  }
  for (int i = 0; i < column_count; i++) {
    assert_int_equal(dds_plan_uses(left, i), dds_plan_uses(right, i));
  }
}

/* A name of pieces that the grammar of the words is made of. */
static void random_name(char *name, size_t size) {
  static const char *const pieces[] = {
      "\"", "\"\"", ", ", ",",   " and ", "; columns ", ";", "*",   " is null", " = ?",
      "?",  "a",    "Z",  "sid", "where", " where ",    " ", "\\",  "\n",       "\xc3\xa4",
      "1",  "_",    "'",  "and", "is",    "%s",         "<", "Scan"};
  size_t used = 0;
  for (size_t left = 1 + random_below(6); left > 0; left--) {
    const char *piece = pieces[random_below(sizeof pieces / sizeof pieces[0])];
    used += (size_t)snprintf(name + used, size - used, "%s", piece);
  }
}

static size_t random_columns(char names[][64], dds_extra_column *extras, size_t most) {
  size_t count = 0;
  for (size_t wanted = random_below(most + 1); wanted > 0; wanted--) {
    random_name(names[count], 64);
    const dds_columns so_far = {.extras = extras, .extra_count = count};
    if (dds_columns_find(&so_far, names[count], strlen(names[count])) >= 0) {
      continue;
    }
    extras[count] =
        (dds_extra_column){.name = names[count], .affinity = (dds_affinity)random_below(5)};
    count++;
  }
  return count;
}

/* Indexes on some of the columns, called by pieces of the words. */
static size_t random_indexes(const dds_extra_column *extras, size_t extra_count,
                             dds_index *indexes) {
  static const char *const names[] = {"Scan", "where", "by-user", "columns.x", "and_", "by-user2"};
  enum { NAMES = sizeof names / sizeof names[0] };
  size_t count = extra_count == 0 ? 0 : random_below(NAMES + 1);
  for (size_t i = 0; i < count; i++) {
    indexes[i] = index_of(names[i], extras[random_below(extra_count)].name);
  }
  return count;
}

static void reads_its_own_words(void **state) {
  (void)state;
  enum { MOST_EXTRAS = 70, MOST_CONSTRAINTS = 40, PLANS = 20000 };
  static char names[MOST_EXTRAS][64];
  dds_extra_column extras[MOST_EXTRAS];
  dds_index indexes[6];
  for (int i = 0; i < PLANS; i++) {
    size_t most = i % 10 == 0 ? MOST_EXTRAS : 6;
    dds_columns columns = {
        .extras = extras, .extra_count = random_columns(names, extras, most), .indexes = indexes};
    columns.index_count = random_indexes(extras, columns.extra_count, indexes);
    int column_count = dds_columns_count(&columns);
    dds_constraint constraints[MOST_CONSTRAINTS];
    int terms_of[MOST_CONSTRAINTS];
    size_t count = random_below(i % 10 == 0 ? MOST_CONSTRAINTS : 5);
    for (size_t j = 0; j < count; j++) {
      constraints[j] =
          pushable((int)random_below((size_t)column_count), ops[random_below(OP_COUNT)]);
      constraints[j].subject = random_below(8) == 0 ? (dds_subject)random_below(3) : 0;
    }
    uint64_t used = random_below(4) == 0 ? UINT64_MAX : (uint64_t)random_below(SIZE_MAX);
    dds_plan plan;
    dds_plan read;
    dds_error error = DDS_ERROR_INIT;
    dds_buffer words = DDS_BUFFER_INIT(WORDS_BYTES);
    choose(&columns, constraints, count, used, &plan, terms_of);
    dds_plan_append_words(&plan, &columns, &words);
    if (!dds_plan_parse(dds_buffer_text(&words), &columns, &read, &error)) {
      fail_msg("%s", error.message);
    }
    assert_same(&plan, &read, column_count);
    dds_plan_free(&plan);
    dds_plan_free(&read);
    dds_buffer_free(&words);
  }
  assert_int_equal(failing_allocator_live_blocks(), 0);
}

static void refuses_other_words(void **state) {
  (void)state;
  const dds_extra_column extras[] = {extra("a\"b", DDS_AFFINITY_TEXT)};
  const dds_columns columns = {.extras = extras, .extra_count = 1};
  static const char *const refused[] = {
      "",
      "Query; columns *",
      "Query by-a; columns *",
      "Query  where expires = ?; columns *",
      "GetItemwhere sid = ?; columns *",
      "Scan; offset ?; columns *",
      "Scan; offset ?; limit ?; columns *",
      "Scan where EXPIRES = ?; columns *",
      "Scan",
      "Scan; columns ",
      "Scan; columns sid,session",
      "Scan; columns sid, ",
      "Scan; columns *, sid",
      "Scan; columns nobody",
      "Scan where ; columns *",
      "Scan where expires; columns *",
      "Scan where expires ~ ?; columns *",
      "Scan where nobody = ?; columns *",
      "Scan where expires = ? or expires = ?; columns *",
      "Scan where expires = ? and ; columns *",
      "Scan where \"expires = ?; columns *",
      "Scan where \"a\"b\" = ?; columns *",
      "Scan; columns * ",
      " Scan; columns *",
  };
  for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
    dds_plan plan;
    dds_error error = DDS_ERROR_INIT;
    if (dds_plan_parse(refused[i], &columns, &plan, &error)) {
      fail_msg("%s is read", refused[i]);
    }
    assert_int_equal(error.code, DDS_ERROR);
    dds_plan_free(&plan);
  }
  dds_plan plan;
  dds_error error = DDS_ERROR_INIT;
  assert_true(
      dds_plan_parse("Scan where \"a\"\"b\" = ?; columns \"a\"\"b\"", &columns, &plan, &error));
  assert_int_equal(plan.terms[0].column, DDS_COLUMN_EXTRA);
  dds_plan_free(&plan);
}

static void refuses_too_many_terms(void **state) {
  (void)state;
  const dds_columns columns = {0};
  dds_buffer words = DDS_BUFFER_INIT(WORDS_BYTES);
  dds_error error = DDS_ERROR_INIT;
  dds_plan plan;
  for (int i = 0; i <= DDS_PLAN_MAX_TERMS; i++) {
    dds_buffer_append_text(&words, i == 0 ? "Scan where " : " and ");
    dds_buffer_append_text(&words, "expires < ?");
  }
  dds_buffer_append_text(&words, "; columns *");
  assert_false(dds_plan_parse(dds_buffer_text(&words), &columns, &plan, &error));
  dds_plan_free(&plan);
  dds_buffer_free(&words);
}

/* Where memory runs out a name must not be cut to that of another column. */
static void survives_every_refused_allocation(void **state) {
  (void)state;
  static const char longer[] =
      "a name that is longer than the sixty-four bytes that a buffer holds "
      "at first, and then some";
  char shorter[64];
  memcpy(shorter, longer, sizeof shorter); /* what stands before the buffer grows */
  shorter[sizeof shorter - 1] = '\0';
  const dds_extra_column extras[] = {extra(longer, DDS_AFFINITY_TEXT),
                                     extra(shorter, DDS_AFFINITY_TEXT)};
  const dds_columns columns = {.extras = extras, .extra_count = 2};
  const dds_constraint constraints[] = {pushable(DDS_COLUMN_EXTRA, DDS_TERM_EQUAL),
                                        pushable(DDS_COLUMN_EXPIRES, DDS_TERM_LESS)};
  int terms_of[2];
  dds_plan plan;
  dds_buffer words = DDS_BUFFER_INIT(WORDS_BYTES);
  choose(&columns, constraints, 2, 9, &plan, terms_of);
  dds_plan_append_words(&plan, &columns, &words);
  while (failing_allocator_next()) {
    dds_plan read;
    dds_error error = DDS_ERROR_INIT;
    failing_allocator_start();
    bool ok = dds_plan_parse(dds_buffer_text(&words), &columns, &read, &error);
    failing_allocator_check(ok, &error);
    if (ok) {
      assert_same(&plan, &read, dds_columns_count(&columns));
    }
    dds_plan_free(&read);
  }
  dds_plan_free(&plan);
  dds_buffer_free(&words);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(knows_what_may_be_pushed),
      cmocka_unit_test(reads_by_key_where_it_can),
      cmocka_unit_test(numbers_the_values),
      cmocka_unit_test(chooses_the_request),
      cmocka_unit_test(takes_limits_where_nothing_is_left),
      cmocka_unit_test(leaves_terms_over_the_bound_to_sqlite),
      cmocka_unit_test(pushes_no_half_of_a_range),
      cmocka_unit_test(counts_columns_beyond_the_bits),
      cmocka_unit_test(reads_its_own_words),
      cmocka_unit_test(refuses_other_words),
      cmocka_unit_test(refuses_too_many_terms),
      cmocka_unit_test(survives_every_refused_allocation),
  };
  return cmocka_run_group_tests(tests, failing_allocator_set_up, NULL);
}
