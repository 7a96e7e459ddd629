/*
 * Folding: each pair of writes by a table, and every sequence of up to four against a model that
 * runs them one after another on a small item of its own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "dynamodb/fold.h"
#include "failing_allocator.h"

/* The attributes a and b of the one item, each missing (0) or a number; the model's whole world. */
typedef struct world {
  bool exists;
  int a;
  int b;
} world;

/* What each letter does, in the model's terms and, by make(), as a write. */
typedef struct letter {
  char name;
  dds_write_kind kind;
  bool is_ignored;
  bool is_new;     /* asserts that the key does not exist */
  bool must_exist; /* asserts that it does */
  int set_a;       /* PUT: the attribute; UPDATE: -1 leaves it, 0 removes it */
  int set_b;
  int matches_a; /* -1: asks nothing; 0: that it is missing */
  int asserts_a;
  int asserts_b;
} letter;

static const letter letters[] = {
    /* INSERT, OR IGNORE, OR REPLACE */
    {'I', DDS_WRITE_PUT, false, true, false, 1, 0, -1, -1, -1},
    {'G', DDS_WRITE_PUT, true, true, false, 1, 0, -1, -1, -1},
    {'R', DDS_WRITE_PUT, false, false, false, 2, 1, -1, -1, -1},
    /* UPDATE: of a that was 1, of b that was missing, removing a that was 2 while b was 1 */
    {'u', DDS_WRITE_UPDATE, false, false, true, 2, -1, -1, 1, -1},
    {'v', DDS_WRITE_UPDATE, false, false, true, -1, 1, -1, -1, 0},
    {'w', DDS_WRITE_UPDATE, false, false, true, 0, -1, -1, 2, 1},
    /* DELETE: by sid, WHERE a = 1 pushed, the same with b = 1 read besides, of a changed sid */
    {'D', DDS_WRITE_DELETE, false, false, false, 0, 0, -1, -1, -1},
    {'m', DDS_WRITE_DELETE, false, false, false, 0, 0, 1, -1, -1},
    {'n', DDS_WRITE_DELETE, false, false, false, 0, 0, 1, -1, 1},
    {'x', DDS_WRITE_DELETE, false, false, true, 0, 0, -1, 2, -1},
};
enum { LETTERS = sizeof letters / sizeof letters[0], LONGEST = 4 };

static const world worlds[] = {
    {false, 0, 0}, {true, 0, 0}, {true, 1, 0}, {true, 2, 0},
    {true, 0, 1},  {true, 1, 1}, {true, 2, 1},
};
enum { WORLDS = sizeof worlds / sizeof worlds[0] };

/* ---- the model -------------------------------------------------------------------------------*/

typedef enum fate { APPLIES, DROPPED, REFUSED } fate;

static bool was(int wanted, int found) {
  return wanted < 0 || wanted == found;
}

static fate fate_of(const letter *step, const world *at) {
  bool is_content = step->kind == DDS_WRITE_DELETE && !step->must_exist && !at->exists;
  if (is_content) {
    return APPLIES;
  }
  if (!was(step->matches_a, at->a)) {
    return DROPPED;
  }
  bool holds = !(step->is_new && at->exists) && !(step->must_exist && !at->exists) &&
               was(step->asserts_a, at->a) && was(step->asserts_b, at->b);
  return holds ? APPLIES : step->is_ignored ? DROPPED : REFUSED;
}

static void act(const letter *step, world *at) {
  if (step->kind == DDS_WRITE_DELETE) {
    *at = (world){0};
    return;
  }
  at->exists = true;
  at->a = step->set_a < 0 ? at->a : step->set_a;
  at->b = step->set_b < 0 ? at->b : step->set_b;
}

/* False where a step is refused. */
static bool run_model(const letter *const *steps, int count, world *at) {
  for (int i = 0; i < count; i++) {
    fate outcome = fate_of(steps[i], at);
    if (outcome == REFUSED) {
      return false;
    }
    if (outcome == APPLIES) {
      act(steps[i], at);
    }
  }
  return true;
}

/* ---- the same as writes ----------------------------------------------------------------------*/

static void append_attribute(dds_buffer *item, const char *name, int value) {
  if (value > 0) {
    dds_buffer_append_format(item, ",\"%s\":{\"N\":\"%d\"}", name, value);
  }
}

static char *item_of(int a, int b, size_t *length) {
  dds_buffer item = DDS_BUFFER_INIT(1000);
  dds_buffer_append_text(&item, "{\"id\":{\"S\":\"s\"}");
  append_attribute(&item, "a", a);
  append_attribute(&item, "b", b);
  dds_buffer_append_char(&item, '}');
  *length = item.length;
  return dds_buffer_take(&item);
}

static dds_condition *equals(const char *attribute, int value) {
  char typed[32];
  snprintf(typed, sizeof typed, "{\"N\":\"%d\"}", value);
  return value == 0 ? dds_condition_not_exists(attribute)
                    : dds_condition_compare(attribute, DDS_EQUAL, typed, strlen(typed));
}

static void also(dds_condition **all, dds_condition *added) {
  *all = *all == NULL ? added : dds_condition_and(*all, added);
  assert_non_null(*all);
}

static void assign(dds_write *write, const char *attribute, int value) {
  char typed[32];
  dds_error error = DDS_ERROR_INIT;
  snprintf(typed, sizeof typed, "{\"N\":\"%d\"}", value);
  if (value >= 0) {
    assert_true(
        dds_write_assign(write, attribute, value == 0 ? NULL : typed, strlen(typed), &error));
  }
}

static dds_write make(const letter *from) {
  dds_write write = {.kind = from->kind};
  dds_error error = DDS_ERROR_INIT;
  assert_true(dds_key_from_text("id", "s", 1, &write.key, &error));
  if (from->kind == DDS_WRITE_PUT) {
    write.item = item_of(from->set_a, from->set_b, &write.item_length);
  } else if (from->kind == DDS_WRITE_UPDATE) {
    assign(&write, "a", from->set_a);
    assign(&write, "b", from->set_b);
  }
  if (from->is_new) {
    also(&write.asserted, dds_condition_not_exists("id"));
  }
  if (from->kind == DDS_WRITE_DELETE && from->must_exist) {
    write.must_exist = true;
    also(&write.asserted, dds_condition_exists("id"));
  }
  if (from->matches_a >= 0) {
    also(&write.matches, equals("a", from->matches_a));
  }
  if (from->asserts_a >= 0) {
    also(&write.asserted, equals("a", from->asserts_a));
  }
  if (from->asserts_b >= 0) {
    also(&write.asserted, equals("b", from->asserts_b));
  }
  return write;
}

/* ---- a server with one item ------------------------------------------------------------------*/

static dds_item parse(const char *text, size_t length) {
  dds_item item = {.json = {0}};
  assert_true(dds_json_parse(text, length, &item.json, NULL));
  return item;
}

static int attribute_of(const dds_item *item, const char *name) {
  dds_value value;
  return dds_item_find(item, name, 1, &value) ? value.content.text[1] - '0' : 0;
}

/* What the write makes of the world; false, and nothing, where its condition does not hold. */
static bool serve(const dds_write *write, world *at) {
  size_t length;
  char *text = item_of(at->a, at->b, &length);
  dds_item item = {.json = {0}};
  dds_condition *condition;
  dds_error error = DDS_ERROR_INIT;
  if (at->exists) {
    item = parse(text, length);
  }
  assert_true(dds_write_condition(write, &condition, &error));
  bool holds = condition == NULL || dds_condition_holds(condition, &item);
  dds_condition_release(condition);
  if (holds && write->kind == DDS_WRITE_DELETE) {
    *at = (world){0};
  } else if (holds) {
    dds_buffer made = DDS_BUFFER_INIT(1000);
    dds_write_append_item(write, &item, &made);
    dds_item after = parse(dds_buffer_text(&made), made.length);
    *at = (world){true, attribute_of(&after, "a"), attribute_of(&after, "b")};
    dds_buffer_free(&made);
  }
  dds_free(text);
  return holds;
}

static dds_fold_result judge(dds_fold_step *steps, size_t count, const world *at) {
  size_t length;
  size_t refused;
  char *text = item_of(at->a, at->b, &length);
  dds_item item = {.json = {0}};
  dds_fold_result result;
  dds_error error = DDS_ERROR_INIT;
  if (at->exists) {
    item = parse(text, length);
  }
  assert_true(dds_fold_judge(steps, count, &item, &result, &refused, &error));
  dds_free(text);
  return result;
}

/* What the fold's client does; false where it ends with an error. `*asked` counts the requests. */
static bool run_folded(dds_fold_step *steps, size_t count, world *at, int *asked) {
  for (*asked = 0; *asked <= LONGEST;) {
    dds_fold fold;
    dds_fold_result result;
    dds_error error = DDS_ERROR_INIT;
    assert_true(dds_fold_make(steps, count, &fold, &result, &error));
    bool is_done = result != DDS_FOLD_WRITE;
    if (!is_done) {
      ++*asked;
      is_done = serve(fold.write, at);
    }
    dds_fold_free(&fold);
    if (is_done) {
      return result != DDS_FOLD_REFUSED;
    }
    result = judge(steps, count, at);
    if (result != DDS_FOLD_WRITE) {
      return result == DDS_FOLD_NOTHING;
    }
  }
  fail_msg("it never ends");
  return false;
}

/* ---- comparing -------------------------------------------------------------------------------*/

/* A DELETE that finds its row changed leaves it, which only the server knows: what is made of the
 * row behind it may be refused then without asking. No statement can read such a row. */
static bool may_be_refused_early(const letter *const *steps, int count) {
  for (int i = 0; i < count - 1; i++) {
    if (steps[i]->matches_a >= 0) {
      return true;
    }
  }
  return false;
}

/* A DELETE in which one condition is decided by what the transaction wrote, and the other not. */
static bool asks_two_things(const letter *const *steps, int count) {
  for (int i = 1; i < count; i++) {
    if (steps[i]->matches_a >= 0 && steps[i]->asserts_b >= 0) {
      return true;
    }
  }
  return false;
}

static int compared, refused_early;

static void compare(const letter *const *sequence, int count, world begin) {
  dds_write writes[LONGEST];
  dds_fold_step steps[LONGEST] = {{0}};
  char name[LONGEST + 1] = "";
  world expected = begin;
  world at = begin;
  int asked;
  for (int i = 0; i < count; i++) {
    writes[i] = make(sequence[i]);
    steps[i] = (dds_fold_step){.write = &writes[i], .is_ignored = sequence[i]->is_ignored};
    name[i] = sequence[i]->name;
  }
  bool should = run_model(sequence, count, &expected);
  bool does = run_folded(steps, (size_t)count, &at, &asked);
  if (should && !does && asked == 0 &&
      (may_be_refused_early(sequence, count) || asks_two_things(sequence, count))) {
    refused_early++;
    expected = begin;
  } else if (should != does) {
    fail_msg("%s on %d a=%d b=%d: %s, not %s", name, begin.exists, begin.a, begin.b,
             does ? "applied" : "refused", should ? "applied" : "refused");
  }
  expected = does ? expected : begin;
  if (at.exists != expected.exists || at.a != expected.a || at.b != expected.b) {
    fail_msg("%s on %d a=%d b=%d: %d a=%d b=%d, not %d a=%d b=%d", name, begin.exists, begin.a,
             begin.b, at.exists, at.a, at.b, expected.exists, expected.a, expected.b);
  }
  for (int i = 0; i < count; i++) {
    dds_write_free(&writes[i]);
  }
  compared++;
}

static void every_sequence_is_what_its_steps_are_one_by_one(void **state) {
  (void)state;
  compared = refused_early = 0;
  for (int count = 1, sequences = LETTERS; count <= LONGEST; count++, sequences *= LETTERS) {
    for (int number = 0; number < sequences; number++) {
      const letter *sequence[LONGEST];
      for (int i = 0, rest = number; i < count; i++, rest /= LETTERS) {
        sequence[i] = &letters[rest % LETTERS];
      }
      for (int i = 0; i < WORLDS; i++) {
        compare(sequence, count, worlds[i]);
      }
    }
  }
  assert_int_equal(compared, (10 + 100 + 1000 + 10000) * WORLDS);
  /* The exception is one. */
  assert_true(refused_early < compared / 10);
  assert_int_equal(failing_allocator_live_blocks(), 0);
}

/* ---- the table of pairs ----------------------------------------------------------------------*/

static const struct {
  const char *steps;
  const char *net; /* in words, behind "; " what is sent once the server has refused it */
} pairs[] = {
    {"Iu", "put if attribute_not_exists(id)"},
    {"Iv", "put if attribute_not_exists(id)"},
    {"IR", "put if attribute_not_exists(id)"},
    {"ID", "delete if attribute_not_exists(id)"},
    {"Im", "delete if attribute_not_exists(id)"},
    {"II", "refused"},
    {"IG", "put if attribute_not_exists(id)"}, /* the second one is ignored */
    {"Gu", "put if attribute_not_exists(id)"},
    {"Gw", "update a if a = ? AND b = ?"}, /* has read another row than the first one makes */
    {"GR", "put if attribute_not_exists(id)"},
    {"GD", "delete if attribute_not_exists(id)"},
    {"Ru", "refused"},
    {"Rw", "put"},
    {"RR", "put"},
    {"RD", "delete"},
    {"Rm", "put"}, /* a is 2 */
    {"RI", "refused"},
    {"RG", "put"},
    {"uv", "update a, b if a = ? AND attribute_not_exists(b)"},
    {"uw", "update a if a = ? AND b = ?"},
    {"uR", "put if a = ?"},
    {"uD", "delete if a = ?"},
    {"um", "update a if a = ?"}, /* a is no longer 1 */
    {"ux", "delete if a = ?"},
    {"vm", "delete if attribute_exists(id) AND attribute_not_exists(b) AND a = ?"},
    {"vn", "delete if attribute_exists(id) AND attribute_not_exists(b) AND a = ?"},
    {"uI", "refused"},
    {"uG", "update a if a = ?"},
    {"DI", "put"},
    {"DG", "put"},
    {"DR", "put"},
    {"DD", "delete"},
    {"Du", "refused"},
    {"Dx", "refused"},
    {"mI", "put if attribute_not_exists(id) OR a = ?"},
    {"mR", "put if attribute_not_exists(id) OR a = ?"},
    {"nI", "put if attribute_not_exists(id) OR a = ? AND b = ?"},
    {"xI", "put if attribute_exists(id) AND a = ?"},
};

static const letter *find_letter(char name) {
  for (size_t i = 0; i < LETTERS; i++) {
    if (letters[i].name == name) {
      return &letters[i];
    }
  }
  fail_msg("no letter %c", name);
  return NULL;
}

static void folds_each_pair(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
    dds_write writes[2];
    dds_fold_step steps[2] = {{0}};
    dds_fold fold;
    dds_fold_result result;
    dds_error error = DDS_ERROR_INIT;
    dds_buffer words = DDS_BUFFER_INIT(1000);
    for (int j = 0; j < 2; j++) {
      const letter *from = find_letter(pairs[i].steps[j]);
      writes[j] = make(from);
      steps[j] = (dds_fold_step){.write = &writes[j], .is_ignored = from->is_ignored};
    }
    assert_true(dds_fold_make(steps, 2, &fold, &result, &error));
    if (result == DDS_FOLD_WRITE) {
      dds_write_append_words(fold.write, &words);
    }
    const char *net = result == DDS_FOLD_REFUSED ? "refused" : dds_buffer_text(&words);
    if (strcmp(net, pairs[i].net) != 0) {
      fail_msg("%s: %s\nis not %s", pairs[i].steps, net, pairs[i].net);
    }
    dds_buffer_free(&words);
    dds_fold_free(&fold);
    dds_write_free(&writes[0]);
    dds_write_free(&writes[1]);
  }
  assert_int_equal(failing_allocator_live_blocks(), 0);
}

static void keeps_what_the_caller_left_out_left_out(void **state) {
  (void)state;
  dds_write writes[] = {make(find_letter('I')), make(find_letter('D'))};
  dds_fold_step steps[] = {{.write = &writes[0], .is_left_out = true}, {.write = &writes[1]}};
  dds_fold fold;
  dds_fold_result result;
  dds_error error = DDS_ERROR_INIT;
  assert_true(dds_fold_make(steps, 2, &fold, &result, &error));
  assert_int_equal(result, DDS_FOLD_WRITE);
  assert_ptr_equal(fold.write, &writes[1]); /* one alone is sent as it is */
  dds_fold_free(&fold);
  steps[1].is_left_out = true;
  assert_true(dds_fold_make(steps, 2, &fold, &result, &error));
  assert_int_equal(result, DDS_FOLD_NOTHING);
  dds_fold_free(&fold);
  dds_write_free(&writes[0]);
  dds_write_free(&writes[1]);
}

static void tells_what_is_too_big(void **state) {
  (void)state;
  enum { EACH = 100 };
  dds_write writes[2];
  dds_fold_step steps[2];
  dds_fold fold;
  dds_fold_result result;
  dds_error error = DDS_ERROR_INIT;
  for (int i = 0; i < 2; i++) {
    writes[i] = make(find_letter('v'));
    steps[i] = (dds_fold_step){.write = &writes[i]};
    for (int j = 0; j < EACH; j++) {
      char name[32];
      snprintf(name, sizeof name, "n%d-%d", i, j);
      also(&writes[i].asserted, equals(name, 1));
    }
  }
  dds_condition_release(writes[1].asserted);
  writes[1].asserted = dds_condition_not_exists("c");
  for (int j = 0; j < EACH; j++) {
    char name[32];
    snprintf(name, sizeof name, "m%d", j);
    also(&writes[1].asserted, equals(name, 1));
  }
  assert_false(dds_fold_make(steps, 2, &fold, &result, &error));
  assert_int_equal(error.code, DDS_TOOBIG);
  dds_fold_free(&fold);
  dds_write_free(&writes[0]);
  dds_write_free(&writes[1]);
}

static void survives_every_refused_allocation(void **state) {
  (void)state;
  static const char *const sequences[] = {"uvwR", "Ivw", "vvD", "mGv", "uvm", "Gwv"};
  for (size_t i = 0; i < sizeof sequences / sizeof sequences[0]; i++) {
    size_t count = strlen(sequences[i]);
    dds_write writes[LONGEST];
    for (size_t j = 0; j < count; j++) {
      writes[j] = make(find_letter(sequences[i][j]));
    }
    while (failing_allocator_next()) {
      dds_fold_step steps[LONGEST];
      dds_fold fold;
      dds_fold_result result;
      dds_error error = DDS_ERROR_INIT;
      size_t step;
      dds_item missing = {.json = {0}};
      for (size_t j = 0; j < count; j++) {
        steps[j] = (dds_fold_step){.write = &writes[j], .is_ignored = sequences[i][j] == 'G'};
      }
      failing_allocator_start();
      bool ok = dds_fold_make(steps, count, &fold, &result, &error) &&
                dds_fold_judge(steps, count, &missing, &result, &step, &error);
      failing_allocator_check(ok, &error);
      dds_fold_free(&fold);
    }
    for (size_t j = 0; j < count; j++) {
      dds_write_free(&writes[j]);
    }
  }
  assert_int_equal(failing_allocator_live_blocks(), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_sequence_is_what_its_steps_are_one_by_one),
      cmocka_unit_test(folds_each_pair),
      cmocka_unit_test(keeps_what_the_caller_left_out_left_out),
      cmocka_unit_test(tells_what_is_too_big),
      cmocka_unit_test(survives_every_refused_allocation),
  };
  return cmocka_run_group_tests(tests, failing_allocator_set_up, NULL);
}
