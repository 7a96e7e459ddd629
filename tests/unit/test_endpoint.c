/* Endpoints: partitions, URLs, loopback addresses, and what must be refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <string.h>
#include <cmocka.h>

#include "aws/endpoint.h"

static void test_partitions(void **state) {
  (void)state;
  static const char *const pairs[][2] = {
      {"us-east-1", "https://dynamodb.us-east-1.amazonaws.com"},
      {"eu-central-1", "https://dynamodb.eu-central-1.amazonaws.com"},
      {"us-gov-west-1", "https://dynamodb.us-gov-west-1.amazonaws.com"},
      {"cn-north-1", "https://dynamodb.cn-north-1.amazonaws.com.cn"},
      {"eusc-de-east-1", "https://dynamodb.eusc-de-east-1.amazonaws.eu"},
      {"us-iso-east-1", "https://dynamodb.us-iso-east-1.c2s.ic.gov"},
      {"us-isob-east-1", "https://dynamodb.us-isob-east-1.sc2s.sgov.gov"},
      {"eu-isoe-west-1", "https://dynamodb.eu-isoe-west-1.cloud.adc-e.uk"},
      {"us-isof-south-1", "https://dynamodb.us-isof-south-1.csp.hci.ic.gov"},
      {"xx-new-9", "https://dynamodb.xx-new-9.amazonaws.com"},
  };
  for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
    dds_error error = DDS_ERROR_INIT;
    dds_buffer url = DDS_BUFFER_INIT(500);
    assert_true(dds_endpoint_append(&url, pairs[i][0], &error));
    assert_string_equal(dds_buffer_text(&url), pairs[i][1]);
    dds_buffer_free(&url);
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
    dds_buffer url = DDS_BUFFER_INIT(500);
    assert_false(dds_endpoint_append(&url, wrong[i], &error));
    assert_int_equal(error.code, DDS_ERROR);
    dds_buffer_free(&url);
  }
}

static void test_parse(void **state) {
  (void)state;
  static const struct {
    const char *text, *host;
    int port;
    bool is_tls, port_is_default, is_loopback;
  } good[] = {
      {"http://localhost:8000", "localhost", 8000, false, false, true},
      {"http://LOCALHOST", "LOCALHOST", 80, false, true, true},
      {"https://dynamodb.us-east-1.amazonaws.com", "dynamodb.us-east-1.amazonaws.com", 443, true,
       true, false},
      {"HTTPS://h:443/", "h", 443, true, true, false},
      {"http://h:443/", "h", 443, false, false, false},
      {"http://127.0.0.1:1", "127.0.0.1", 1, false, false, true},
      {"http://127.255.3.4:65535", "127.255.3.4", 65535, false, false, true},
      {"http://128.0.0.1", "128.0.0.1", 80, false, true, false},
      {"http://127.0.0.1.example.com", "127.0.0.1.example.com", 80, false, true, false},
      {"http://localhost.example.com", "localhost.example.com", 80, false, true, false},
      {"http://[::1]:8000", "[::1]", 8000, false, false, true},
      {"http://[0:0:0:0:0:0:0:1]", "[0:0:0:0:0:0:0:1]", 80, false, true, true},
      {"https://[fd00:ec2::253]", "[fd00:ec2::253]", 443, true, true, false},
      {"http://dynamodb_local:8000/", "dynamodb_local", 8000, false, false, false},
  };
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
    dds_error error = DDS_ERROR_INIT;
    dds_url url;
    if (!dds_endpoint_parse(good[i].text, &url, &error)) {
      fail_msg("%zu: %s", i, error.message);
    }
    assert_int_equal(url.host_length, strlen(good[i].host));
    assert_memory_equal(url.host, good[i].host, url.host_length);
    assert_int_equal(url.port, good[i].port);
    assert_int_equal(url.is_tls, good[i].is_tls);
    assert_int_equal(url.port_is_default, good[i].port_is_default);
    assert_int_equal(dds_endpoint_is_loopback(&url), good[i].is_loopback);
  }
}

static void test_parse_refuses(void **state) {
  (void)state;
  static const char *const wrong[] = {"",
                                      "localhost:8000",
                                      "ftp://h",
                                      "http://",
                                      "http:///x",
                                      "http://:80",
                                      "http://h:",
                                      "http://h:0",
                                      "http://h:65536",
                                      "http://h:99999999999999999999",
                                      "http://h:8x",
                                      "http://user@h",
                                      "http://user:sesame@h",
                                      "http://h/path",
                                      "http://h?q",
                                      "http://h#f",
                                      "http://h//",
                                      "http://h\r\nX: y",
                                      "http://h y",
                                      "http://[::1",
                                      "http://[]",
                                      "http://[x]",
                                      "http://[::1]x",
                                      "http://h\x7f",
                                      "http://\xc3\xa9"};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    dds_error error = DDS_ERROR_INIT;
    dds_url url;
    if (dds_endpoint_parse(wrong[i], &url, &error)) {
      fail_msg("accepted %s", wrong[i]);
    }
    assert_int_equal(error.code, DDS_ERROR);
    assert_null(strstr(error.message, "sesame"));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_partitions),
      cmocka_unit_test(test_regions_that_are_no_host_labels),
      cmocka_unit_test(test_parse),
      cmocka_unit_test(test_parse_refuses),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
