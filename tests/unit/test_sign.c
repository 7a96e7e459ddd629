/*
 * Signature Version 4. Without arguments: the vectors. With the argument `-`: reads requests from
 * standard input, one a line, fields separated by tabs (milliseconds, region, host, key, secret,
 * token or empty, target, body in base64), and writes for each the authorization; so
 * tests/integration/test_signing.py compares it with botocore's signer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "aws/sign.h"
#include "failing_allocator.h"

#define SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

static char key_id[] = "AKIDEXAMPLE", secret_key[] = SECRET, other_key[] = "other";

static dds_sign_request music(const char *host) {
  return (dds_sign_request){
      .region = "us-east-1",
      .service = "dynamodb",
      .host = host,
      .content_type = "application/x-amz-json-1.0",
      .path = "/",
      .target = "DynamoDB_20120810.DescribeTable",
      .body = "{\"TableName\":\"Music\"}",
      .body_length = 21,
      .time_ms = INT64_C(1440938160000),
  };
}

static void check(dds_signer *signer, const dds_sign_request *request, const char *secret,
                  const char *token, const char *expected) {
  dds_credentials credentials = {0};
  dds_error error = DDS_ERROR_INIT;
  dds_buffer authorization = DDS_BUFFER_INIT(2000);
  char date[17];
  assert_true(
      dds_credentials_set(&credentials, "AKIDEXAMPLE", secret, token, NULL, "test", &error));
  assert_true(dds_sign_authorization(signer, &credentials, request, &authorization, date, &error));
  assert_string_equal(date, "20150830T123600Z");
  assert_string_equal(authorization.data, expected);
  dds_buffer_free(&authorization);
  dds_credentials_free(&credentials);
}

#define SCOPE "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/dynamodb/aws4_request, "

static const char plain[] =
    SCOPE "SignedHeaders=content-type;host;x-amz-date;x-amz-target, "
          "Signature=23ad5f88fe52353cc06196d0bcd0d0f371df0b33b3299a398ed238e5e84a6fa9";
static const char with_token[] =
    SCOPE "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target, "
          "Signature=ee5996bac0bdff466810ecc57da46dcd60a5f341e4665c51eb443aef55f39eb0";

static const char of_sts[] =
    "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/sts/aws4_request, "
    "SignedHeaders=content-type;host;x-amz-date, "
    "Signature=52a8540fea00e731072179f763577cbe2a45eac2c5d32fb4d785f3eefac88165";
static const char with_path[] =
    SCOPE "SignedHeaders=content-type;host;x-amz-date;x-amz-target, "
          "Signature=5e9ddbda113beb0ba9670528a72bea08692bef423327c9f986a07f2bff501882";

static void test_vectors(void **state) {
  (void)state;
  dds_signer signer = {0};
  dds_sign_request aws = music("dynamodb.us-east-1.amazonaws.com"), local = music("localhost:8000");
  check(&signer, &aws, SECRET, NULL, plain);
  check(&signer, &local, SECRET, "AQoDYXdzEPT//token=", with_token);
  dds_sign_forget(&signer);
}

/* As botocore signs them: a request of the query protocol, and one to an endpoint with a path. */
static void test_no_target_and_a_path(void **state) {
  (void)state;
  dds_signer signer = {0};
  dds_sign_request sts = {
      .region = "us-east-1",
      .service = "sts",
      .host = "sts.us-east-1.amazonaws.com",
      .path = "/",
      .content_type = "application/x-www-form-urlencoded; charset=utf-8",
      .body = "Action=GetCallerIdentity&Version=2011-06-15",
      .body_length = 43,
      .time_ms = INT64_C(1440938160000),
  };
  check(&signer, &sts, SECRET, NULL, of_sts);
  dds_sign_request behind_a_path = music("localhost:8000");
  behind_a_path.path = "/a/b-._~";
  check(&signer, &behind_a_path, SECRET, NULL, with_path);
  dds_sign_forget(&signer);
}

static void test_cached_key_follows_what_it_is_made_of(void **state) {
  (void)state;
  dds_signer signer = {0};
  dds_sign_request request = music("dynamodb.us-east-1.amazonaws.com");
  check(&signer, &request, SECRET, NULL, plain);
  unsigned char key[DDS_SHA256_BYTES];
  memcpy(key, signer.key, sizeof key);
  check(&signer, &request, SECRET, NULL, plain);
  assert_memory_equal(key, signer.key, sizeof key);

  dds_credentials other = {.access_key_id = key_id, .secret_access_key = other_key};
  dds_error error = DDS_ERROR_INIT;
  dds_buffer authorization = DDS_BUFFER_INIT(2000);
  char date[17];
  assert_true(dds_sign_authorization(&signer, &other, &request, &authorization, date, &error));
  assert_memory_not_equal(key, signer.key, sizeof key);
  check(&signer, &request, SECRET, NULL, plain);
  request.time_ms += 86400000;
  dds_buffer_clear(&authorization);
  assert_true(dds_sign_authorization(&signer, &other, &request, &authorization, date, &error));
  assert_string_equal(date, "20150831T123600Z");
  assert_non_null(strstr(signer.scope, "20150831/us-east-1/dynamodb"));
  dds_buffer_free(&authorization);
  dds_sign_forget(&signer);
  static const dds_signer empty = {0};
  assert_memory_equal(&signer, &empty, sizeof signer);
}

/* The key of one scope must not sign for another that begins or ends like it. */
static void test_the_scope_is_the_request_s(void **state) {
  (void)state;
  static const struct {
    const char *region;
    const char *service;
    const char *scope;
  } cases[] = {
      {"us-east-1", "dynamodb", "20150830/us-east-1/dynamodb"},
      {"us-east-10", "dynamodb", "20150830/us-east-10/dynamodb"},
      {"us-east-1", "dynamodb", "20150830/us-east-1/dynamodb"},
      {"us-east-1", "dynamo", "20150830/us-east-1/dynamo"},
      {"us-east-1", "dynamodb", "20150830/us-east-1/dynamodb"},
      {"us-east", "dynamodb", "20150830/us-east/dynamodb"},
      {"", "dynamodb", "20150830//dynamodb"},
      {"", "", "20150830//"},
  };
  dds_signer signer = {0};
  const dds_credentials credentials = {.access_key_id = key_id, .secret_access_key = secret_key};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    dds_signer fresh = {0};
    dds_error error = DDS_ERROR_INIT;
    dds_buffer kept = DDS_BUFFER_INIT(2000), expected = DDS_BUFFER_INIT(2000);
    dds_sign_request request = music("localhost:8000");
    char date[17];
    request.region = cases[i].region;
    request.service = cases[i].service;
    assert_true(dds_sign_authorization(&signer, &credentials, &request, &kept, date, &error));
    assert_true(dds_sign_authorization(&fresh, &credentials, &request, &expected, date, &error));
    assert_string_equal(signer.scope, cases[i].scope);
    assert_string_equal(kept.data, expected.data);
    dds_buffer_free(&kept);
    dds_buffer_free(&expected);
    dds_sign_forget(&fresh);
  }
  char long_region[200];
  memset(long_region, 'r', sizeof long_region - 1);
  long_region[sizeof long_region - 1] = '\0';
  dds_sign_request request = music("localhost:8000");
  dds_error error = DDS_ERROR_INIT;
  dds_buffer authorization = DDS_BUFFER_INIT(2000);
  char date[17];
  request.region = long_region;
  assert_false(
      dds_sign_authorization(&signer, &credentials, &request, &authorization, date, &error));
  assert_string_equal(error.message, "the region's name is too long");
  static const dds_signer empty = {0};
  assert_memory_equal(&signer, &empty, sizeof signer);
}

static void test_each_allocation_failing(void **state) {
  (void)state;
  dds_credentials credentials = {.access_key_id = key_id, .secret_access_key = secret_key};
  dds_sign_request request = music("dynamodb.us-east-1.amazonaws.com");
  long before = failing_allocator_live_blocks();
  for (long nth = 1;; nth++) {
    dds_signer signer = {0};
    dds_error error = DDS_ERROR_INIT;
    dds_buffer authorization = DDS_BUFFER_INIT(2000);
    char date[17];
    failing_allocator_refuse(nth);
    bool is_signed =
        dds_sign_authorization(&signer, &credentials, &request, &authorization, date, &error);
    bool refused = failing_allocator_check(is_signed, &error);
    dds_buffer_free(&authorization);
    dds_sign_forget(&signer);
    assert_int_equal(failing_allocator_live_blocks(), before);
    if (!refused) {
      break;
    }
    assert_in_range(nth, 1, 100);
  }
}

enum { FIELDS = 10 };

static bool sign_line(dds_signer *signer, char *line) {
  char *fields[FIELDS];
  for (size_t i = 0; i < FIELDS; i++) {
    fields[i] = line;
    char *tab = strchr(line, i + 1 < FIELDS ? '\t' : '\n');
    if (tab == NULL) {
      return false;
    }
    *tab = '\0';
    line = tab + 1;
  }
  dds_error error = DDS_ERROR_INIT;
  dds_buffer body = DDS_BUFFER_INIT(1 << 20), authorization = DDS_BUFFER_INIT(1 << 16);
  char date[17];
  bool is_signed = dds_hash_append_base64_decoded(&body, fields[7], strlen(fields[7]));
  const dds_credentials credentials = {
      .access_key_id = fields[3],
      .secret_access_key = fields[4],
      .session_token = fields[5][0] == '\0' ? NULL : fields[5],
  };
  const dds_sign_request request = {
      .region = fields[1],
      .service = fields[8],
      .host = fields[2],
      .content_type = "application/x-amz-json-1.0",
      .path = fields[9],
      .target = fields[6][0] == '\0' ? NULL : fields[6],
      .body = dds_buffer_text(&body),
      .body_length = body.length,
      .time_ms = strtoll(fields[0], NULL, 10),
  };
  is_signed = is_signed &&
              dds_sign_authorization(signer, &credentials, &request, &authorization, date, &error);
  if (is_signed) {
    printf("%s\t%s\n", date, authorization.data);
  }
  dds_buffer_free(&body);
  dds_buffer_free(&authorization);
  return is_signed;
}

static int sign_lines(void) {
  static char line[1 << 21];
  dds_signer signer = {0}; /* one for all, so that a stale key would show */
  while (fgets(line, sizeof line, stdin) != NULL) {
    if (!sign_line(&signer, line)) {
      dds_sign_forget(&signer);
      return EXIT_FAILURE;
    }
  }
  dds_sign_forget(&signer);
  return EXIT_SUCCESS;
}

int main(int argc, char **argv) {
  if (argc == 2 && strcmp(argv[1], "-") == 0) {
    return sign_lines();
  }
  failing_allocator_install();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_vectors),
      cmocka_unit_test(test_no_target_and_a_path),
      cmocka_unit_test(test_cached_key_follows_what_it_is_made_of),
      cmocka_unit_test(test_the_scope_is_the_request_s),
      cmocka_unit_test(test_each_allocation_failing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
