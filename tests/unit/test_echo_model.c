/*
 * Repetitions of generated data: text of any writing with punctuation, controls, backslashes and
 * lone surrogates, put into JSON any number of times and with any choice of escapes, both in the
 * body and in what the server says. A model that knows the code points tells what counts. A failure
 * prints its seed; DDS_SEED=… runs it alone.
 */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "aws/echo.h"
#include "base/splitmix.h"
#include "base/utf8.h"
#include "seeded_runs.h"

enum {
  RUNS = 4000,
  RUN_BYTES = 12,
  MOST_CODE_POINTS = 320,
  MOST_LEVEL = 4,          /* times that it was put into JSON */
  MOST_FORM_BYTES = 16384, /* a code point with 15 backslashes for each of its units, and more */
};

typedef struct code_points {
  uint32_t points[MOST_CODE_POINTS];
  size_t count;
} code_points;

typedef struct writing {
  uint32_t first;
  uint32_t count;
} writing;

static const writing writings[] = {{'A', 26},   {'a', 26},      {0xE0, 30},
                                   {0x410, 64}, {0x4E00, 1000}, {0x1F600, 80}};

static uint32_t choose(uint64_t *random, uint32_t below) {
  return (uint32_t)(dds_splitmix_next(random) % below);
}

static bool is_surrogate(uint32_t point) {
  return point >= 0xD800 && point <= 0xDFFF;
}

static bool is_alphanumeric(uint32_t point) {
  return (point >= '0' && point <= '9') || (point >= 'A' && point <= 'Z') ||
         (point >= 'a' && point <= 'z');
}

static void add(code_points *text, uint32_t point) {
  assert_true(text->count < MOST_CODE_POINTS);
  text->points[text->count++] = point;
}

/* What is not of the writing. Behind a backslash stands what escapes nothing. */
static void add_other(code_points *text, uint64_t *random) {
  static const uint32_t others[] = {' ', '"', '\'', '-', '/', '\n', '\t', '<', '&', ',', 0x1F};
  uint32_t previous = text->count > 0 ? text->points[text->count - 1] : 0;
  switch (choose(random, 8)) {
  case 0:
    add(text, '\\');
    add(text, (uint32_t)".0AKZacgz"[choose(random, 9)]);
    break;
  case 1: /* alone: not next to another one */
    add(text, is_surrogate(previous) ? '-' : 0xD800 + choose(random, 0x800));
    break;
  default:
    add(text, others[choose(random, sizeof others / sizeof others[0])]);
  }
}

static void generate(code_points *text, uint64_t *random, size_t count, const writing *in) {
  uint32_t rarity = 2 + choose(random, 20);
  for (size_t i = 0; i < count; i++) {
    if (choose(random, rarity) == 0) {
      add_other(text, random);
    } else if (choose(random, 4) == 0) {
      add(text, '0' + choose(random, 10));
    } else {
      add(text, in->first + choose(random, in->count));
    }
  }
  add(text, ' ');
}

static const writing *choose_writing(uint64_t *random) {
  return &writings[choose(random, sizeof writings / sizeof writings[0])];
}

/* As JSON, or as it is where the level is 0. */
typedef struct form {
  char bytes[MOST_FORM_BYTES];
  size_t length;
  uint32_t level;
  uint32_t dense; /* of 4 characters beyond ASCII, how many are escaped */
} form;

static void put(form *to, uint32_t point) {
  assert_true(to->length + 4 < sizeof to->bytes);
  to->length += dds_utf8_encode(point, to->bytes + to->length);
}

static void put_backslashes(form *to, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    put(to, '\\');
  }
}

static void put_unit(form *to, uint64_t *random, uint32_t backslashes, uint32_t unit) {
  char digits[8];
  snprintf(digits, sizeof digits, choose(random, 2) == 0 ? "u%04" PRIx32 : "u%04" PRIX32, unit);
  put_backslashes(to, backslashes);
  for (const char *at = digits; *at != '\0'; at++) {
    put(to, (unsigned char)*at);
  }
}

/* Escaped where JSON was made for the first time or later, when each backslash becomes two. */
static void put_units(form *to, uint64_t *random, uint32_t point) {
  uint32_t backslashes = UINT32_C(1) << choose(random, to->level);
  if (point < 0x10000) {
    put_unit(to, random, backslashes, point);
  } else {
    put_unit(to, random, backslashes, 0xD800 + ((point - 0x10000) >> 10));
    put_unit(to, random, backslashes, 0xDC00 + ((point - 0x10000) & 0x3FF));
  }
}

static void put_form(form *to, uint64_t *random, uint32_t point) {
  uint32_t backslashes = UINT32_C(1) << to->level;
  if (to->level == 0) {
    put(to, point);
  } else if (point == '\\') {
    put_backslashes(to, backslashes);
  } else if (point == '"') {
    put_backslashes(to, backslashes - 1);
    put(to, point);
  } else if (point == '\n' || point == '\t') {
    put_backslashes(to, backslashes / 2);
    put(to, point == '\n' ? 'n' : 't');
  } else if (point < ' ' || (point >= 0x80 && choose(random, 4) < to->dense) ||
             (is_alphanumeric(point) && choose(random, 16) < to->dense / 2)) {
    put_units(to, random, point);
  } else {
    put(to, point);
  }
}

static void make_form(form *to, uint64_t *random, const code_points *text, uint32_t level) {
  to->length = 0;
  to->level = level;
  to->dense = choose(random, 5);
  for (size_t i = 0; i < text->count; i++) {
    put_form(to, random, text->points[i]);
  }
  to->bytes[to->length] = '\0';
}

/* The bytes that count. */
typedef struct counted_bytes {
  char bytes[4 * MOST_CODE_POINTS];
  size_t length;
} counted_bytes;

static void count_bytes(counted_bytes *counts, const code_points *text) {
  counts->length = 0;
  for (size_t i = 0; i < text->count; i++) {
    if (is_alphanumeric(text->points[i]) || text->points[i] >= 0x80) {
      counts->length += dds_utf8_encode(text->points[i], counts->bytes + counts->length);
    }
  }
}

static bool shares_run(const code_points *data, const code_points *said) {
  counted_bytes left;
  counted_bytes right;
  count_bytes(&left, data);
  count_bytes(&right, said);
  for (size_t i = 0; i + RUN_BYTES <= left.length; i++) {
    for (size_t k = 0; k + RUN_BYTES <= right.length; k++) {
      if (memcmp(left.bytes + i, right.bytes + k, RUN_BYTES) == 0) {
        return true;
      }
    }
  }
  return false;
}

/* A part of the data with other text around it. */
static void generate_echo(code_points *said, uint64_t *random, const code_points *data) {
  size_t first = choose(random, (uint32_t)data->count);
  size_t left = data->count - first;
  size_t count = choose(random, left < 24 ? (uint32_t)left + 1 : 24);
  said->count = 0;
  generate(said, random, choose(random, 20), choose_writing(random));
  for (size_t i = first; i < first + count; i++) {
    add(said, data->points[i]);
  }
  add(said, ' ');
  generate(said, random, choose(random, 20), choose_writing(random));
}

/* Tells whether it is an echo. */
static bool check_one(uint64_t seed) {
  static code_points data, said;
  static form sent, text;
  static char body[MOST_FORM_BYTES + 64];
  uint64_t random = seed;
  data.count = 0;
  for (int part = 0; part < 3; part++) {
    generate(&data, &random, choose(&random, 80), choose_writing(&random));
  }
  generate_echo(&said, &random, &data);
  make_form(&sent, &random, &data, 1 + choose(&random, MOST_LEVEL));
  make_form(&text, &random, &said, choose(&random, MOST_LEVEL + 1));
  int length = snprintf(body, sizeof body, "{\"Item\":{\"a\":{\"S\":\"%s\"}}}", sent.bytes);
  const char *const secret = sent.bytes;
  const dds_echo_request with_body = {.body = body, .body_length = (size_t)length};
  const dds_echo_request with_secret = {.secrets = &secret, .secret_count = 1};
  bool is_echo = shares_run(&data, &said);
  if (dds_echo_is_in(&with_body, text.bytes) != is_echo ||
      dds_echo_is_in(&with_secret, text.bytes) != is_echo) {
    fail_msg("%s: %s\nin %s", is_echo ? "not found" : "found", text.bytes, body);
  }
  return is_echo;
}

static void count_echoes(uint64_t seed, void *context) {
  int *echoes = context;
  *echoes += check_one(seed);
}

static void test_generated_forms(void **state) {
  (void)state;
  int echoes = 0;
  seeded_runs(RUNS, count_echoes, &echoes);
  assert_true(getenv("DDS_SEED") != NULL || (echoes > RUNS / 4 && echoes < RUNS * 3 / 4));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_teardown(test_generated_forms, seeded_runs_print),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
