/* Precedence: each row is a set-up, a field of the configuration and what it must be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "aws/config.h"
#include "failing_allocator.h"
#include "fake_environment.h"

enum { VARIABLES = 4 };

typedef struct config_case {
  dds_client_options options;
  fake_entry variables[VARIABLES];
  const char *config;
  const char *expected; /* "profile|region|signing|endpoint", or an error's words */
} config_case;

static bool resolve(const config_case *row, dds_config *config, dds_error *error) {
  fake_environment environment;
  dds_profiles *profiles = NULL;
  fake_environment_init(&environment);
  for (size_t i = 0; i < VARIABLES && row->variables[i].name != NULL; i++) {
    fake_environment_set(&environment, row->variables[i].name, row->variables[i].value);
  }
  if (row->config != NULL) {
    fake_environment_add_file(&environment, "~/.aws/config", row->config);
  }
  bool is_resolved = dds_profiles_load(&environment.base, &profiles, error) &&
                     dds_config_resolve(&row->options, &environment.base, profiles, config, error);
  dds_profiles_free(profiles);
  return is_resolved;
}

#define THREE "[default]\nregion = d-1\n[profile p]\nregion = p-1\n[profile q]\nregion = q-1\n"

#define AWS(region) "https://dynamodb." region ".amazonaws.com"
#define SERVICES                                                                 \
  "[default]\nservices = s\nendpoint_url = http://p\n[services s]\ndynamodb =\n" \
  "  endpoint_url = http://s\n"

static const config_case cases[] = {
    {{0}, {{0}}, NULL, "default|-|-|-"},
    {{0}, {{0}}, THREE, "default|d-1|d-1|" AWS("d-1")},
    {{.profile = "p"}, {{"AWS_PROFILE", "q"}}, THREE, "p|p-1|p-1|" AWS("p-1")},
    {{0}, {{"AWS_PROFILE", "q"}}, THREE, "q|q-1|q-1|" AWS("q-1")},
    {{0}, {{"AWS_DEFAULT_PROFILE", "p"}, {"AWS_PROFILE", "q"}}, THREE, "p|p-1|p-1|" AWS("p-1")},
    {{0}, {{"AWS_DEFAULT_PROFILE", " "}, {"AWS_PROFILE", "q"}}, THREE, "q|q-1|q-1|" AWS("q-1")},
    {{.region = "o-1"}, {{"AWS_REGION", "e-1"}}, THREE, "default|o-1|o-1|" AWS("o-1")},
    {{0},
     {{"AWS_REGION", "e-1"}, {"AWS_DEFAULT_REGION", "f-1"}},
     THREE,
     "default|e-1|e-1|" AWS("e-1")},
    {{0},
     {{"AWS_REGION", "\t"}, {"AWS_DEFAULT_REGION", "f-1"}},
     THREE,
     "default|f-1|f-1|" AWS("f-1")},
    {{0}, {{"AWS_REGION", ""}}, THREE, "default|d-1|d-1|" AWS("d-1")},
    {{.region = "local"}, {{0}}, NULL, "default|local|us-east-1|http://localhost:8000"},
    {{.region = "local", .endpoint_url = "http://h:1"},
     {{0}},
     NULL,
     "default|local|local|http://h:1"},
    {{.endpoint_url = "http://localhost:1/"},
     {{0}},
     NULL,
     "default|us-east-1|us-east-1|http://localhost:1"},
    {{.endpoint_url = "http://h"}, {{0}}, NULL, "default|-|-|http://h"},
    {{.endpoint_url = "http://o"},
     {{"AWS_ENDPOINT_URL_DYNAMODB", "http://d"}},
     SERVICES,
     "default|-|-|http://o"},
    {{0},
     {{"AWS_ENDPOINT_URL_DYNAMODB", "http://d"}, {"AWS_ENDPOINT_URL", "http://a"}},
     SERVICES,
     "default|-|-|http://d"},
    {{0}, {{"AWS_ENDPOINT_URL", "http://a"}}, SERVICES, "default|-|-|http://a"},
    {{0}, {{"AWS_ENDPOINT_URL", " "}}, SERVICES, "default|-|-|http://s"},
    {{0}, {{0}}, SERVICES, "default|-|-|http://s"},
    {{0}, {{0}}, "[default]\nendpoint_url = http://p\n", "default|-|-|http://p"},
    {{.region = "r-1"},
     {{"AWS_ENDPOINT_URL", "http://a"}, {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "TRUE"}},
     SERVICES,
     "default|r-1|r-1|" AWS("r-1")},
    {{.region = "r-1", .endpoint_url = "http://o"},
     {{"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true"}},
     SERVICES,
     "default|r-1|r-1|http://o"},
    {{.region = "r-1"},
     {{"AWS_ENDPOINT_URL", "http://a"}},
     "[default]\nignore_configured_endpoint_urls = true\n",
     "default|r-1|r-1|" AWS("r-1")},
    {{.region = "r-1"},
     {{"AWS_ENDPOINT_URL", "http://a"}, {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "false"}},
     "[default]\nignore_configured_endpoint_urls = true\n",
     "default|r-1|r-1|http://a"},
    {{.region = "r-1"},
     {{"AWS_ACCOUNT_ID_ENDPOINT_MODE", "preferred"}},
     NULL,
     "default|r-1|r-1|" AWS("r-1")},
    {{.region = "r-1"}, {{"AWS_USE_FIPS_ENDPOINT", "false"}}, NULL, "default|r-1|r-1|" AWS("r-1")},
};

static const config_case errors[] = {
    {{.profile = "x"}, {{0}}, THREE, "The config profile (x) could not be found"},
    {{0}, {{"AWS_PROFILE", "x"}, {"AWS_ACCESS_KEY_ID", "A"}}, THREE, "named by AWS_PROFILE"},
    {{.region = "no region"}, {{0}}, NULL, "it comes from option region"},
    {{.region = "a\r\nb", .endpoint_url = "http://h"}, {{0}}, NULL, "it comes from option region"},
    {{.endpoint_url = "localhost:8000"}, {{0}}, NULL, "it comes from option endpoint_url"},
    {{0}, {{"AWS_ENDPOINT_URL", "http://h/x\r\ny"}}, NULL, "it comes from AWS_ENDPOINT_URL"},
    {{0}, {{0}}, "[default]\nservices = none\n", "names the services section none"},
    {{0}, {{"AWS_USE_FIPS_ENDPOINT", "True"}}, NULL, "AWS_USE_FIPS_ENDPOINT asks for"},
    {{0},
     {{0}},
     "[default]\nuse_fips_endpoint = true\n",
     "profile default, use_fips_endpoint asks"},
    {{0}, {{"AWS_USE_DUALSTACK_ENDPOINT", "true"}}, NULL, "this version does not support"},
    {{0}, {{"AWS_ACCOUNT_ID_ENDPOINT_MODE", "required"}}, NULL, "this version does not support"},
    {{0}, {{"AWS_MAX_ATTEMPTS", "0"}}, NULL, "AWS_MAX_ATTEMPTS is not a number"},
    {{0}, {{"AWS_MAX_ATTEMPTS", "five"}}, NULL, "AWS_MAX_ATTEMPTS is not a number"},
    {{0}, {{0}}, "[default]\nmax_attempts = 3x\n", "profile default, max_attempts is not"},
    {{0}, {{"AWS_RETRY_MODE", "wild"}}, NULL, "none of legacy, standard, adaptive"},
    {{0}, {{0}}, "[default\n", "line 1"},
};

static const char *or_dash(const char *text) {
  return text == NULL ? "-" : text;
}

static void test_precedence(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    dds_error error = DDS_ERROR_INIT;
    dds_config config;
    char text[500];
    if (!resolve(&cases[i], &config, &error)) {
      fail_msg("case %zu: %s", i, error.message);
    }
    snprintf(text, sizeof text, "%s|%s|%s|%s", config.profile, or_dash(config.region),
             or_dash(config.signing_region), or_dash(config.endpoint));
    if (strcmp(text, cases[i].expected) != 0) {
      fail_msg("case %zu: %s", i, text);
    }
    dds_config_free(&config);
  }
}

static void test_errors(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
    dds_error error = DDS_ERROR_INIT;
    dds_config config;
    if (resolve(&errors[i], &config, &error)) {
      fail_msg("case %zu was accepted", i);
    }
    if (strstr(error.message, errors[i].expected) == NULL) {
      fail_msg("case %zu: %s", i, error.message);
    }
  }
}

static void test_sources(void **state) {
  (void)state;
  static const config_case rows[] = {
      {{.profile = "p", .endpoint_url = "http://127.0.0.1:1"},
       {{0}},
       THREE,
       "option profile|profile p, region|option endpoint_url|1|1"},
      {{.region = "r-1"},
       {{"AWS_PROFILE", "p"}},
       THREE,
       "AWS_PROFILE|option region|region r-1|0|0"},
      {{0},
       {{"AWS_ENDPOINT_URL", "http://[::1]"}},
       NULL,
       "default|default for a loopback endpoint|AWS_ENDPOINT_URL|1|0"},
      {{.region = "local"}, {{0}}, NULL, "default|option region|region local|1|0"},
      {{.region = "r-1"},
       {{0}},
       SERVICES,
       "default|option region|services s, dynamodb endpoint_url|0|0"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    dds_error error = DDS_ERROR_INIT;
    dds_config config;
    char text[500];
    assert_true(resolve(&rows[i], &config, &error));
    snprintf(text, sizeof text, "%s|%s|%s|%d|%d", config.profile_source, config.region_source,
             config.endpoint_source, config.endpoint_is_loopback, config.profile_is_explicit);
    assert_string_equal(text, rows[i].expected);
    dds_config_free(&config);
  }
}

static void test_attempts_timeouts_and_ca_bundle(void **state) {
  (void)state;
  static const config_case rows[] = {
      {{0}, {{0}}, NULL, "4|3100|60000|-"},
      {{.max_attempts = 7, .connect_timeout_ms = 1, .request_timeout_ms = 2},
       {{"AWS_MAX_ATTEMPTS", "5"}},
       NULL,
       "7|1|2|-"},
      {{0}, {{"AWS_MAX_ATTEMPTS", "5"}, {"AWS_RETRY_MODE", "legacy"}}, NULL, "5|3100|60000|-"},
      {{0}, {{"AWS_RETRY_MODE", "LEGACY"}}, NULL, "10|3100|60000|-"},
      {{0}, {{0}}, "[default]\nretry_mode = legacy\n", "10|3100|60000|-"},
      {{0}, {{"AWS_RETRY_MODE", "adaptive"}}, "[default]\nmax_attempts = 2\n", "2|3100|60000|-"},
      {{0}, {{"AWS_CA_BUNDLE", "/ca.pem"}}, "[default]\nca_bundle = /b\n", "4|3100|60000|/ca.pem"},
      {{0}, {{0}}, "[default]\nca_bundle = ~/b\n", "4|3100|60000|/home/me/b"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    dds_error error = DDS_ERROR_INIT;
    dds_config config;
    char text[200];
    assert_true(resolve(&rows[i], &config, &error));
    snprintf(text, sizeof text, "%d|%d|%d|%s", config.max_attempts, config.connect_timeout_ms,
             config.request_timeout_ms, or_dash(config.ca_bundle));
    assert_string_equal(text, rows[i].expected);
    dds_config_free(&config);
  }
}

static void test_each_allocation_failing(void **state) {
  (void)state;
  static const config_case row = {{.profile = "p", .region = "r-1"},
                                  {{"AWS_CA_BUNDLE", "~/ca"}, {"AWS_MAX_ATTEMPTS", "3"}},
                                  "[profile p]\nendpoint_url = http://h/\nretry_mode = legacy\n",
                                  NULL};
  long before = failing_allocator_live_blocks();
  for (long nth = 1;; nth++) {
    dds_error error = DDS_ERROR_INIT;
    dds_config config = {0};
    failing_allocator_refuse(nth);
    bool is_resolved = resolve(&row, &config, &error);
    bool refused = failing_allocator_check(is_resolved, &error);
    dds_config_free(&config);
    assert_int_equal(failing_allocator_live_blocks(), before);
    if (!refused) {
      break;
    }
    assert_in_range(nth, 1, 1000);
  }
}

int main(void) {
  failing_allocator_install();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_precedence),
      cmocka_unit_test(test_errors),
      cmocka_unit_test(test_sources),
      cmocka_unit_test(test_attempts_timeouts_and_ca_bundle),
      cmocka_unit_test(test_each_allocation_failing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
