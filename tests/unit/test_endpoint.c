/*
 * Endpoints: the rules as a table of vectors, URLs, loopback addresses, and what must be refused.
 *
 * Called with "-" it resolves lines of its input (tests/integration/test_endpoints.py compares them
 * with botocore): service, region, custom URL, FIPS, dual-stack, account mode (numbers), account
 * id, separated by tabs; the answers are URL, signing region and whether it is the account's own,
 * or "error" and the message.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "aws/endpoint.h"
#include "base/buffer.h"
#include "failing_allocator.h"

#define DDB  DDS_SERVICE_DYNAMODB
#define STS  DDS_SERVICE_STS
#define SSO  DDS_SERVICE_SSO
#define OIDC DDS_SERVICE_SSO_OIDC

/* Switches of a vector; the account mode is `preferred` where none of its two letters stands. */
static dds_endpoint_parameters read_switches(const char *letters) {
  return (dds_endpoint_parameters){
      .use_fips = strchr(letters, 'F') != NULL,
      .use_dualstack = strchr(letters, '6') != NULL,
      .account_mode = strchr(letters, 'R') != NULL   ? DDS_ACCOUNT_REQUIRED
                      : strchr(letters, 'D') != NULL ? DDS_ACCOUNT_DISABLED
                                                     : DDS_ACCOUNT_PREFERRED,
  };
}

typedef struct vector {
  dds_service service;
  const char *region;
  const char *switches; /* F: FIPS, 6: dual-stack, R: account required, D: disabled */
  const char *account_id;
  const char *custom_url;
  const char *url;            /* NULL: an error */
  const char *signing_region; /* NULL: the region; of an error its words */
} vector;

static const vector vectors[] = {
    /* partitions */
    {DDB, "us-east-1", "", NULL, NULL, "https://dynamodb.us-east-1.amazonaws.com", NULL},
    {DDB, "us-gov-west-1", "", NULL, NULL, "https://dynamodb.us-gov-west-1.amazonaws.com", NULL},
    {DDB, "cn-north-1", "", NULL, NULL, "https://dynamodb.cn-north-1.amazonaws.com.cn", NULL},
    {DDB, "eusc-de-east-1", "", NULL, NULL, "https://dynamodb.eusc-de-east-1.amazonaws.eu", NULL},
    {DDB, "us-iso-east-1", "", NULL, NULL, "https://dynamodb.us-iso-east-1.c2s.ic.gov", NULL},
    {DDB, "us-isob-east-1", "", NULL, NULL, "https://dynamodb.us-isob-east-1.sc2s.sgov.gov", NULL},
    {DDB, "eu-isoe-west-1", "", NULL, NULL, "https://dynamodb.eu-isoe-west-1.cloud.adc-e.uk", NULL},
    {DDB, "us-isof-south-1", "", NULL, NULL, "https://dynamodb.us-isof-south-1.csp.hci.ic.gov",
     NULL},
    {DDB, "xx-new-9", "", NULL, NULL, "https://dynamodb.xx-new-9.amazonaws.com", NULL},
    /* dual-stack */
    {DDB, "us-east-1", "6", NULL, NULL, "https://dynamodb.us-east-1.api.aws", NULL},
    {DDB, "us-gov-west-1", "6", NULL, NULL, "https://dynamodb.us-gov-west-1.api.aws", NULL},
    {DDB, "cn-north-1", "6", NULL, NULL, "https://dynamodb.cn-north-1.api.amazonwebservices.com.cn",
     NULL},
    {DDB, "eusc-de-east-1", "6", NULL, NULL,
     "https://dynamodb.eusc-de-east-1.api.amazonwebservices.eu", NULL},
    {DDB, "us-iso-east-1", "6", NULL, NULL, "https://dynamodb.us-iso-east-1.api.aws.ic.gov", NULL},
    {DDB, "us-isob-east-1", "6", NULL, NULL, "https://dynamodb.us-isob-east-1.api.aws.scloud",
     NULL},
    {DDB, "eu-isoe-west-1", "6", NULL, NULL,
     "https://dynamodb.eu-isoe-west-1.api.cloud-aws.adc-e.uk", NULL},
    {DDB, "us-isof-south-1", "6", NULL, NULL, "https://dynamodb.us-isof-south-1.api.aws.hci.ic.gov",
     NULL},
    /* FIPS, and the partition whose plain endpoints are FIPS ones */
    {DDB, "us-east-1", "F", NULL, NULL, "https://dynamodb-fips.us-east-1.amazonaws.com", NULL},
    {DDB, "us-east-1", "F6", NULL, NULL, "https://dynamodb-fips.us-east-1.api.aws", NULL},
    {DDB, "cn-north-1", "F", NULL, NULL, "https://dynamodb-fips.cn-north-1.amazonaws.com.cn", NULL},
    {DDB, "us-gov-west-1", "F", NULL, NULL, "https://dynamodb.us-gov-west-1.amazonaws.com", NULL},
    {DDB, "us-gov-west-1", "F6", NULL, NULL, "https://dynamodb-fips.us-gov-west-1.api.aws", NULL},
    /* accounts */
    {DDB, "us-east-1", "", "111122223333", NULL, "https://111122223333.ddb.us-east-1.amazonaws.com",
     NULL},
    {DDB, "us-east-1", "6", "111122223333", NULL, "https://111122223333.ddb.us-east-1.api.aws",
     NULL},
    {DDB, "us-east-1", "R", "111122223333", NULL,
     "https://111122223333.ddb.us-east-1.amazonaws.com", NULL},
    {DDB, "us-east-1", "D", "111122223333", NULL, "https://dynamodb.us-east-1.amazonaws.com", NULL},
    {DDB, "us-east-1", "F", "111122223333", NULL, "https://dynamodb-fips.us-east-1.amazonaws.com",
     NULL},
    {DDB, "cn-north-1", "", "111122223333", NULL,
     "https://111122223333.ddb.cn-north-1.amazonaws.com.cn", NULL},
    {DDB, "us-gov-west-1", "6", "111122223333", NULL,
     "https://111122223333.ddb.us-gov-west-1.api.aws", NULL},
    {DDB, "us-gov-west-1", "F", "111122223333", NULL,
     "https://dynamodb.us-gov-west-1.amazonaws.com", NULL},
    {DDB, "us-iso-east-1", "", "111122223333", NULL, "https://dynamodb.us-iso-east-1.c2s.ic.gov",
     NULL},
    {DDB, "us-gov-new-1", "", "111122223333", NULL, "https://dynamodb.us-gov-new-1.amazonaws.com",
     NULL},
    {DDB, "us-east-1", "", "", NULL, "https://dynamodb.us-east-1.amazonaws.com", NULL},
    {DDB, "us-east-1", "R", NULL, NULL, NULL, "the credentials name no account"},
    {DDB, "us-east-1", "R", "", NULL, NULL, "the credentials name no account"},
    {DDB, "us-east-1", "RF", "111122223333", NULL, NULL, "FIPS is on"},
    {DDB, "us-iso-east-1", "R", "111122223333", NULL, NULL, "this region has no account endpoints"},
    {DDB, "us-east-1", "", "1.evil.example", NULL, NULL,
     "the account id of the credentials is not"},
    {DDB, "us-east-1", "D", "1.evil.example", NULL, "https://dynamodb.us-east-1.amazonaws.com",
     NULL},
    /* the region "local" */
    {DDB, "local", "", NULL, NULL, "http://localhost:8000", "us-east-1"},
    {DDB, "local", "R", "111122223333", NULL, "http://localhost:8000", "us-east-1"},
    {DDB, "local", "", NULL, "http://h:1", "http://h:1", "local"},
    {DDB, "local", "F", NULL, NULL, NULL, "region local (from region) and FIPS endpoints"},
    {DDB, "local", "6", NULL, NULL, NULL, "region local (from region) and dual-stack endpoints"},
    {STS, "local", "", NULL, NULL, "https://sts.local.amazonaws.com", NULL},
    /* the user's own */
    {DDB, "us-east-1", "", NULL, "http://localhost:8000", "http://localhost:8000", NULL},
    {DDB, "us-east-1", "", "111122223333", "http://localhost:8000/", "http://localhost:8000", NULL},
    {DDB, "us-east-1", "R", NULL, "https://h/a/b/", "https://h/a/b", NULL},
    {DDB, "us-east-1", "F", NULL, "http://h", NULL, "an endpoint URL (from endpoint_url) and FIPS"},
    {DDB, "us-east-1", "6", NULL, "http://h", NULL, "endpoint_url) and dual-stack endpoints (from"},
    {STS, "us-east-1", "F", NULL, "http://h", NULL, "an endpoint URL (from endpoint_url) and FIPS"},
    {DDB, "us-east-1", "", NULL, "https://dynamodb.us-east-1.api.aws", NULL,
     "AWS's own dual-stack"},
    {DDB, "us-east-1", "", NULL, "http://DynamoDB.us-east-1.api.aws:80/", NULL, "own dual-stack"},
    {DDB, "us-east-1", "", NULL, "https://dynamodb.us-west-1.api.aws",
     "https://dynamodb.us-west-1.api.aws", NULL},
    {STS, "us-east-1", "", NULL, "https://dynamodb.us-east-1.api.aws",
     "https://dynamodb.us-east-1.api.aws", NULL},
    {DDB, "us-east-1", "", NULL, "ftp://h", NULL, "it comes from endpoint_url"},
    {DDB, "no region", "", NULL, "http://h", NULL, "the region is not valid"},
    /* the services that give out credentials */
    {STS, "us-east-1", "", "111122223333", NULL, "https://sts.us-east-1.amazonaws.com", NULL},
    {STS, "us-east-1", "R", NULL, NULL, "https://sts.us-east-1.amazonaws.com", NULL},
    {STS, "us-east-1", "6", NULL, NULL, "https://sts.us-east-1.api.aws", NULL},
    {STS, "us-east-1", "F", NULL, NULL, "https://sts-fips.us-east-1.amazonaws.com", NULL},
    {STS, "us-east-1", "F6", NULL, NULL, "https://sts-fips.us-east-1.api.aws", NULL},
    {STS, "us-gov-west-1", "F", NULL, NULL, "https://sts.us-gov-west-1.amazonaws.com", NULL},
    {STS, "cn-north-1", "", NULL, NULL, "https://sts.cn-north-1.amazonaws.com.cn", NULL},
    {SSO, "us-east-1", "", NULL, NULL, "https://portal.sso.us-east-1.amazonaws.com", NULL},
    {SSO, "us-east-1", "F", NULL, NULL, "https://portal.sso-fips.us-east-1.amazonaws.com", NULL},
    {SSO, "us-gov-west-1", "F", NULL, NULL, "https://portal.sso.us-gov-west-1.amazonaws.com", NULL},
    {SSO, "us-east-1", "6", NULL, NULL, "https://portal.sso.us-east-1.api.aws", NULL},
    {OIDC, "us-east-1", "", NULL, NULL, "https://oidc.us-east-1.amazonaws.com", NULL},
    {OIDC, "us-gov-east-1", "F", NULL, NULL, "https://oidc.us-gov-east-1.amazonaws.com", NULL},
    {OIDC, "us-east-1", "F6", NULL, NULL, "https://oidc-fips.us-east-1.api.aws", NULL},
    {OIDC, "us-east-1", "", NULL, "http://127.0.0.1:1/x", "http://127.0.0.1:1/x", NULL},
};

static dds_endpoint_parameters read_vector(const vector *row) {
  dds_endpoint_parameters parameters = read_switches(row->switches);
  parameters.service = row->service;
  parameters.region = row->region;
  parameters.account_id = row->account_id;
  parameters.custom_url = row->custom_url;
  return parameters;
}

static void test_vectors(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
    const vector *row = &vectors[i];
    dds_endpoint_parameters parameters = read_vector(row);
    dds_error error = DDS_ERROR_INIT;
    dds_endpoint endpoint;
    bool is_resolved = dds_endpoint_resolve(&parameters, &endpoint, &error);
    if (is_resolved != (row->url != NULL)) {
      fail_msg("vector %zu: %s", i, is_resolved ? endpoint.url : error.message);
    }
    if (!is_resolved) {
      assert_int_equal(error.code, DDS_ERROR);
      assert_non_null(strstr(error.message, row->signing_region));
      assert_null(endpoint.url);
      assert_null(endpoint.signing_region);
      continue;
    }
    assert_string_equal(endpoint.url, row->url);
    assert_string_equal(endpoint.signing_region,
                        row->signing_region == NULL ? row->region : row->signing_region);
    assert_int_equal(endpoint.uses_account, strstr(row->url, ".ddb.") != NULL);
    dds_endpoint_free(&endpoint);
  }
}

static void test_sources_in_errors(void **state) {
  (void)state;
  static const struct {
    dds_endpoint_parameters parameters;
    const char *words;
  } rows[] = {
      {{.region = "a b", .region_source = "AWS_REGION"}, "it comes from AWS_REGION"},
      {{.region = "r-1", .custom_url = "h", .custom_source = "option x"}, "it comes from option x"},
      {{.region = "r-1",
        .custom_url = "http://h",
        .custom_source = "option x",
        .use_dualstack = true,
        .dualstack_source = "profile p, y"},
       "(from option x) and dual-stack endpoints (from profile p, y)"},
      {{.region = "local",
        .region_source = "profile p, region",
        .use_fips = true,
        .fips_source = "AWS_USE_FIPS_ENDPOINT"},
       "local (from profile p, region) and FIPS endpoints (from AWS_USE_FIPS_ENDPOINT)"},
      {{.region = "r-1",
        .account_mode = DDS_ACCOUNT_REQUIRED,
        .account_mode_source = "profile p, m"},
       "required (by profile p, m)"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    dds_error error = DDS_ERROR_INIT;
    dds_endpoint endpoint;
    assert_false(dds_endpoint_resolve(&rows[i].parameters, &endpoint, &error));
    if (strstr(error.message, rows[i].words) == NULL) {
      fail_msg("%zu: %s", i, error.message);
    }
  }
}

static void test_regions_that_are_no_host_labels(void **state) {
  (void)state;
  static const char *const wrong[] = {
      "",
      "-us",
      "us-",
      "us east",
      "us.east",
      "us/east",
      "us@evil.com",
      "us\r\nX: y",
      "us\xc3\xa9",
      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    dds_error error = DDS_ERROR_INIT;
    dds_endpoint endpoint;
    const dds_endpoint_parameters parameters = {.service = (dds_service)(i % DDS_SERVICE_COUNT),
                                                .region = wrong[i]};
    assert_false(dds_endpoint_resolve(&parameters, &endpoint, &error));
    assert_int_equal(error.code, DDS_ERROR);
    assert_null(endpoint.url);
  }
}

static void test_parse(void **state) {
  (void)state;
  static const struct {
    const char *text, *host, *header;
    int port;
    bool is_tls, is_loopback;
    const char *path;
  } good[] = {
      {"http://localhost:8000", "localhost", "localhost:8000", 8000, false, true, ""},
      {"http://LOCALHOST", "LOCALHOST", "LOCALHOST", 80, false, true, ""},
      {"https://dynamodb.us-east-1.amazonaws.com", "dynamodb.us-east-1.amazonaws.com",
       "dynamodb.us-east-1.amazonaws.com", 443, true, false, ""},
      {"HTTPS://h:443/", "h", "h", 443, true, false, "/"},
      {"http://h:443/", "h", "h:443", 443, false, false, "/"},
      {"https://h:80", "h", "h:80", 80, true, false, ""},
      {"http://127.0.0.1:1", "127.0.0.1", "127.0.0.1:1", 1, false, true, ""},
      {"http://127.255.3.4:65535", "127.255.3.4", "127.255.3.4:65535", 65535, false, true, ""},
      {"http://128.0.0.1", "128.0.0.1", "128.0.0.1", 80, false, false, ""},
      {"http://127.0.0.1.example.com", "127.0.0.1.example.com", "127.0.0.1.example.com", 80, false,
       false, ""},
      {"http://localhost.example.com", "localhost.example.com", "localhost.example.com", 80, false,
       false, ""},
      {"http://[::1]:8000", "[::1]", "[::1]:8000", 8000, false, true, ""},
      {"http://[0:0:0:0:0:0:0:1]", "[0:0:0:0:0:0:0:1]", "[0:0:0:0:0:0:0:1]", 80, false, true, ""},
      {"https://[fd00:ec2::253]/x", "[fd00:ec2::253]", "[fd00:ec2::253]", 443, true, false, "/x"},
      {"http://dynamodb_local:08000/", "dynamodb_local", "dynamodb_local:8000", 8000, false, false,
       "/"},
      {"http://h/path", "h", "h", 80, false, false, "/path"},
      {"http://h:1/a/b.c/~d_-/", "h", "h:1", 1, false, false, "/a/b.c/~d_-/"},
      {"http://h/.a/b../c", "h", "h", 80, false, false, "/.a/b../c"},
  };
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
    dds_error error = DDS_ERROR_INIT;
    dds_buffer header = DDS_BUFFER_INIT(100);
    dds_url url;
    if (!dds_endpoint_parse(good[i].text, &url, &error)) {
      fail_msg("%zu: %s", i, error.message);
    }
    assert_int_equal(url.host_length, strlen(good[i].host));
    assert_memory_equal(url.host, good[i].host, url.host_length);
    assert_int_equal(url.port, good[i].port);
    assert_int_equal(url.is_tls, good[i].is_tls);
    assert_string_equal(url.path, good[i].path);
    assert_int_equal(dds_endpoint_is_loopback(&url), good[i].is_loopback);
    dds_endpoint_append_host(&header, &url);
    assert_string_equal(dds_buffer_text(&header), good[i].header);
    dds_buffer_free(&header);
  }
}

/* Refused as an endpoint; `any` are those that are fine as another URL. */
static const struct {
  const char *text;
  bool any;
} refused[] = {
    {"", false},
    {"localhost:8000", false},
    {"ftp://h", false},
    {"http:/h", false},
    {"http://", false},
    {"http:///x", false},
    {"http://:80", false},
    {"http://h:", false},
    {"http://h:0", false},
    {"http://h:-1", false},
    {"http://h:65536", false},
    {"http://h:99999999999999999999", false},
    {"http://h:8x", false},
    {"http://user@h", false},
    {"http://user:sesame@h", false},
    {"http://h?q", false},
    {"http://h#f", false},
    {"http://h/a#f", false},
    {"http://h\\a", false},
    {"http://h/a\\b", false},
    {"http://h/a b", false},
    {"http://h/\"", false},
    {"http://h\r\nX: y", false},
    {"http://h/\r\nX: y", false},
    {"http://h/\x01", false},
    {"http://h/\x7f", false},
    {"http://h/\xc3\xa9", false},
    {"http://h y", false},
    {"http://[::1", false},
    {"http://[]", false},
    {"http://[x]", false},
    {"http://[::1]x", false},
    {"http://[::1%lo]", false},
    {"http://::1", false},
    {"http://h\x7f", false},
    {"http://\xc3\xa9", false},
    {"http://%68", false},
    {"http://h//", true},
    {"http://h//a", true},
    {"http://h/a//b", true},
    {"http://h/.", true},
    {"http://h/../a", true},
    {"http://h/a/./b", true},
    {"http://h/a/..", true},
    {"http://h/a?b=c", true},
    {"http://h/a%20b", true},
    {"http://h/a:b@c", true},
};

static void test_parse_refuses(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
    dds_error error = DDS_ERROR_INIT;
    dds_url url;
    if (dds_endpoint_parse(refused[i].text, &url, &error)) {
      fail_msg("accepted %s", refused[i].text);
    }
    assert_int_equal(error.code, DDS_ERROR);
    assert_null(strstr(error.message, "sesame"));
    error = DDS_ERROR_INIT;
    if (dds_endpoint_parse_any(refused[i].text, &url, &error) != refused[i].any) {
      fail_msg("as any URL: %s", refused[i].text);
    }
    assert_null(strstr(error.message, "sesame"));
  }
}

static void test_parse_any(void **state) {
  (void)state;
  dds_error error = DDS_ERROR_INIT;
  dds_url url;
  assert_true(
      dds_endpoint_parse_any("http://169.254.170.23/v1/credentials?a=1&b=%2F", &url, &error));
  assert_string_equal(url.path, "/v1/credentials?a=1&b=%2F");
  assert_int_equal(url.host_length, strlen("169.254.170.23"));
  assert_true(dds_endpoint_parse_any("https://[fd00:ec2::23]:1", &url, &error));
  assert_string_equal(url.path, "");
  assert_int_equal(url.port, 1);
}

static void test_each_allocation_failing(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
    dds_endpoint_parameters parameters = read_vector(&vectors[i]);
    while (vectors[i].url != NULL && failing_allocator_next()) {
      dds_error error = DDS_ERROR_INIT;
      dds_endpoint endpoint;
      failing_allocator_start();
      bool is_resolved = dds_endpoint_resolve(&parameters, &endpoint, &error);
      failing_allocator_check(is_resolved, &error);
      dds_endpoint_free(&endpoint);
    }
  }
}

/* ---- lines ------------------------------------------------------------------------------------*/

enum { FIELDS = 7 };

/* Splits at tabs, in place. */
static bool split_line(char *line, char *fields[FIELDS]) {
  for (size_t i = 0; i < FIELDS; i++) {
    fields[i] = line;
    char *end = strchr(line, i + 1 < FIELDS ? '\t' : '\n');
    if (end == NULL) {
      return false;
    }
    *end = '\0';
    line = end + 1;
  }
  return true;
}

static const char *or_null(const char *text) {
  return text[0] == '\0' ? NULL : text;
}

static int resolve_lines(void) {
  static char line[1 << 14];
  char *fields[FIELDS];
  while (fgets(line, sizeof line, stdin) != NULL) {
    dds_error error = DDS_ERROR_INIT;
    dds_endpoint endpoint;
    if (!split_line(line, fields)) {
      return EXIT_FAILURE;
    }
    const dds_endpoint_parameters parameters = {
        .service = (dds_service)(fields[0][0] - '0'),
        .region = fields[1],
        .custom_url = or_null(fields[2]),
        .use_fips = fields[3][0] == '1',
        .use_dualstack = fields[4][0] == '1',
        .account_mode = (dds_account_mode)(fields[5][0] - '0'),
        .account_id = or_null(fields[6]),
    };
    if (dds_endpoint_resolve(&parameters, &endpoint, &error)) {
      printf("%s\t%s\t%d\n", endpoint.url, endpoint.signing_region, endpoint.uses_account);
    } else {
      printf("error\t%s\n", error.message);
    }
    dds_endpoint_free(&endpoint);
  }
  return EXIT_SUCCESS;
}

int main(int argc, char **argv) {
  if (argc == 2 && strcmp(argv[1], "-") == 0) {
    return resolve_lines();
  }
  failing_allocator_install();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_vectors),
      cmocka_unit_test(test_sources_in_errors),
      cmocka_unit_test(test_regions_that_are_no_host_labels),
      cmocka_unit_test(test_parse),
      cmocka_unit_test(test_parse_refuses),
      cmocka_unit_test(test_parse_any),
      cmocka_unit_test(test_each_allocation_failing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
