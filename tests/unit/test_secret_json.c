/* JSON with secrets: what counts as an object, and what is in memory when it is given back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "aws/secret_json.h"

static void test_objects_alone(void **state) {
  (void)state;
  static const char *const refused[] = {
      "", " ", "null", "[]", "\"text\"", "{", "{}x", "{} {}", "{\"a\":1,}", "{'a':1}", "<html>",
  };
  static const char *const accepted[] = {"{}", " {}\r\n\t ", "{\"a\":{\"b\":[\"c\",null]}}"};
  for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
    if (dds_secret_json_parse(refused[i], strlen(refused[i])) != NULL) {
      fail_msg("accepted: %s", refused[i]);
    }
  }
  assert_null(dds_secret_json_parse("{}\0", 3)); /* a NUL is no white space */
  for (size_t i = 0; i < sizeof accepted / sizeof accepted[0]; i++) {
    cJSON *json = dds_secret_json_parse(accepted[i], strlen(accepted[i]));
    assert_non_null(json);
    dds_secret_json_free(json);
  }
  dds_secret_json_free(NULL);
}

static void test_texts(void **state) {
  (void)state;
  static const char text[] =
      "{\"token\":\"t\",\"Token\":5,\"inner\":{\"key\":\"k\"},\"none\":null}tail";
  cJSON *json = dds_secret_json_parse(text, sizeof text - 5); /* the length counts, no NUL */
  assert_non_null(json);
  assert_string_equal(dds_secret_json_text(json, "token"), "t");
  assert_null(dds_secret_json_text(json, "Token"));
  assert_null(dds_secret_json_text(json, "TOKEN"));
  assert_null(dds_secret_json_text(json, "none"));
  assert_null(dds_secret_json_text(NULL, "token"));
  const cJSON *inner = cJSON_GetObjectItemCaseSensitive(json, "inner");
  assert_string_equal(dds_secret_json_text(inner, "key"), "k");
  dds_secret_json_free(json);
}

/* Blocks with their size before them, so that a release can look at what is in them. */
typedef union block {
  size_t size;
  max_align_t alignment;
} block;

static int blocks_given_back, secrets_given_back;

static void *allocate(size_t size) {
  block *memory = malloc(sizeof *memory + size);
  if (memory == NULL) {
    abort();
  }
  memory->size = size;
  return memory + 1;
}

static void give_back(void *bytes) {
  static const char secret[] = "SECRET";
  if (bytes == NULL) {
    return;
  }
  block *memory = (block *)bytes - 1;
  blocks_given_back++;
  for (size_t i = 0; i + sizeof secret <= memory->size; i++) {
    secrets_given_back += memcmp((char *)bytes + i, secret, sizeof secret - 1) == 0;
  }
  free(memory);
}

static void test_nothing_is_given_back_unwiped(void **state) {
  (void)state;
  static const char text[] = "{\"a\":\"SECRET\",\"SECRET\":{\"b\":[\"aSECRETb\",{\"c\":\"SECRET\"}]"
                             "},\"d\":\"\\u0053ECRET\"}";
  cJSON_Hooks hooks = {allocate, give_back};
  cJSON_InitHooks(&hooks);
  cJSON *json = dds_secret_json_parse(text, sizeof text - 1);
  assert_non_null(json);
  assert_string_equal(dds_secret_json_text(json, "d"), "SECRET");
  dds_secret_json_free(json);
  assert_null(dds_secret_json_parse("[\"SECRET\"]", 10));
  cJSON_InitHooks(NULL);
  assert_in_range(blocks_given_back, 15, 50);
  assert_int_equal(secrets_given_back, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_objects_alone),
      cmocka_unit_test(test_texts),
      cmocka_unit_test(test_nothing_is_given_back_unwiped),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
