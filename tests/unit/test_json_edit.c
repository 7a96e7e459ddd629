/* Edits of JSON text: all that an edit does not touch stays as it was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "dynamodb/json_edit.h"

/* Splits "a.b" into names; returns how many. */
static size_t split(char *path, const char *names[8]) {
  size_t count = 0;
  for (char *name = path; name != NULL; count++) {
    char *point = strchr(name, '.');
    names[count] = name;
    name = point == NULL ? NULL : point + 1;
    if (point != NULL) {
      *point = '\0';
    }
  }
  return count;
}

typedef struct edit_case {
  const char *root;
  const char *path;
  const char *replacement;
  const char *edited; /* NULL: refused */
} edit_case;

static void check(const edit_case *test) {
  char path[100];
  const char *names[8];
  snprintf(path, sizeof path, "%s", test->path);
  size_t count = split(path, names);
  dds_json root;
  assert_true(dds_json_parse(test->root, strlen(test->root), &root, NULL));
  dds_buffer edited = DDS_BUFFER_INIT(1000);
  bool is_edited =
      dds_json_edit_set(root, names, count, test->replacement, strlen(test->replacement), &edited);
  if (is_edited != (test->edited != NULL)) {
    fail_msg("%s at %s", test->root, test->path);
  }
  if (is_edited) {
    assert_string_equal(dds_buffer_text(&edited), test->edited);
    assert_true(dds_json_parse(dds_buffer_text(&edited), edited.length, &root, NULL));
  }
  dds_buffer_free(&edited);
}

static void sets_members(void **state) {
  (void)state;
  static const edit_case cases[] = {
      {"{\"a\":1, \"b\" : 2 }", "b", "[3]", "{\"a\":1, \"b\" : [3] }"},
      {"{\"a\":1}", "b", "2", "{\"a\":1,\"b\":2}"},
      {"{ }", "b", "2", "{\"b\":2 }"},
      {"{\"a\":1E2 }", "x\"y", "null", "{\"a\":1E2,\"x\\\"y\":null }"},
      {"{\"c\":{\"d\":1,\"e\":{\"f\":0.10}},\"z\":[]}", "c.e.f", "7",
       "{\"c\":{\"d\":1,\"e\":{\"f\":7}},\"z\":[]}"},
      {"{\"c\":{\"d\":1}}", "c.n", "\"x\"", "{\"c\":{\"d\":1,\"n\":\"x\"}}"},
      {"{\"a\":1,\"a\":2}", "a", "3", "{\"a\":1,\"a\":3}"},
      {"{\"\\u0061\":1}", "a", "3", "{\"\\u0061\":3}"},
      {"{\"c\":1}", "c.d", "2", NULL},
      {"{\"c\":{}}", "x.d", "2", NULL},
      {"[1]", "a", "2", NULL},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    check(&cases[i]);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(sets_members),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
