/* Configuration: each row is a set-up (options, variables, a config file) and what must follow. */
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

enum { VARIABLES = 6, TEXT_BYTES = 600 };

typedef struct config_case {
  dds_client_options options;
  fake_entry variables[VARIABLES];
  const char *config;
  const char *expected; /* as `write_…` writes it, or words of an error */
} config_case;

/* Writes what a row compares. */
typedef void writer(const dds_config *config, char text[TEXT_BYTES]);

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

static void check(const config_case *rows, size_t count, writer *write) {
  for (size_t i = 0; i < count; i++) {
    dds_error error = DDS_ERROR_INIT;
    dds_config config;
    char text[TEXT_BYTES];
    if (!resolve(&rows[i], &config, &error)) {
      fail_msg("case %zu: %s", i, error.message);
    }
    write(&config, text);
    if (strcmp(text, rows[i].expected) != 0) {
      fail_msg("case %zu: %s is not %s", i, text, rows[i].expected);
    }
    dds_config_free(&config);
  }
}

#define CHECK(rows, write) check((rows), sizeof(rows) / sizeof(rows)[0], (write))

static const char *or_dash(const char *text) {
  return text == NULL ? "-" : text;
}

/* ---- profile, region, DynamoDB's endpoint -----------------------------------------------------*/

#define THREE "[default]\nregion = d-1\n[profile p]\nregion = p-1\n[profile q]\nregion = q-1\n"

#define AWS(region) "https://dynamodb." region ".amazonaws.com"
#define SERVICES                                                                 \
  "[default]\nservices = s\nendpoint_url = http://p\n[services s]\ndynamodb =\n" \
  "  endpoint_url = http://s\n"

/* "profile|region|signing region|URL". */
static void write_place(const dds_config *config, char text[TEXT_BYTES]) {
  dds_error error = DDS_ERROR_INIT;
  dds_endpoint endpoint = {0};
  const char *custom = config->endpoints[DDS_SERVICE_DYNAMODB].url;
  if (config->region != NULL) {
    assert_true(
        dds_config_endpoint(config, DDS_SERVICE_DYNAMODB, config->region, NULL, &endpoint, &error));
  }
  snprintf(text, TEXT_BYTES, "%s|%s|%s|%s", config->profile, or_dash(config->region),
           or_dash(endpoint.signing_region),
           or_dash(config->region == NULL ? custom : endpoint.url));
  dds_endpoint_free(&endpoint);
}

static const config_case places[] = {
    {{0}, {{0}}, NULL, "default|-|-|-"},
    {{0}, {{0}}, THREE, "default|d-1|d-1|" AWS("d-1")},
    {{.profile = "p"}, {{"AWS_PROFILE", "q"}}, THREE, "p|p-1|p-1|" AWS("p-1")},
    {{.profile = " "}, {{"AWS_PROFILE", "q"}}, THREE, "q|q-1|q-1|" AWS("q-1")},
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
    {{.endpoint_url = "http://localhost:1/a/b/"},
     {{0}},
     NULL,
     "default|us-east-1|us-east-1|http://localhost:1/a/b"},
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
     {{"AWS_ENDPOINT_URL", "http://a"}, {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "1"}},
     NULL,
     "default|r-1|r-1|http://a"},
    {{.region = "r-1"},
     {{"AWS_ENDPOINT_URL", "http://a"}, {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true"}},
     "[default]\nservices = none\n",
     "default|r-1|r-1|" AWS("r-1")},
    {{.region = "fips-r-1"},
     {{0}},
     NULL,
     "default|r-1|r-1|https://dynamodb-fips.r-1.amazonaws.com"},
    {{0},
     {{"AWS_REGION", "us-gov-west-1-fips"}},
     NULL,
     "default|us-gov-west-1|us-gov-west-1|" AWS("us-gov-west-1")},
};

static void test_precedence(void **state) {
  (void)state;
  CHECK(places, write_place);
}

/* "profile source|region source|endpoint source|loopback|explicit". */
static void write_sources(const dds_config *config, char text[TEXT_BYTES]) {
  snprintf(text, TEXT_BYTES, "%s|%s|%s|%d|%d", config->profile_source,
           or_dash(config->region_source), or_dash(config->endpoints[DDS_SERVICE_DYNAMODB].source),
           config->endpoint_is_loopback, config->profile_is_explicit);
}

static void test_sources(void **state) {
  (void)state;
  static const config_case rows[] = {
      {{.profile = "p", .endpoint_url = "http://127.0.0.1:1"},
       {{0}},
       THREE,
       "option profile|profile p, region|option endpoint_url|1|1"},
      {{.region = "r-1"}, {{"AWS_PROFILE", "p"}}, THREE, "AWS_PROFILE|option region|-|0|0"},
      {{0},
       {{"AWS_ENDPOINT_URL", "http://[::1]"}},
       NULL,
       "default|default for a loopback endpoint|AWS_ENDPOINT_URL|1|0"},
      {{0},
       {{"AWS_ENDPOINT_URL_STS", "http://[::1]"}, {"AWS_DEFAULT_PROFILE", "p"}},
       "[profile p]\n",
       "AWS_DEFAULT_PROFILE|-|-|0|0"},
      {{.region = "local"}, {{0}}, NULL, "default|option region|-|1|0"},
      {{.region = "local", .endpoint_url = "http://h"},
       {{0}},
       NULL,
       "default|option region|option endpoint_url|0|0"},
      {{.region = "r-1"},
       {{0}},
       SERVICES,
       "default|option region|services s, dynamodb.endpoint_url|0|0"},
      {{0},
       {{"AWS_DEFAULT_REGION", "r-1"}},
       "[default]\nendpoint_url = http://p\n",
       "default|AWS_DEFAULT_REGION|profile default, endpoint_url|0|0"},
  };
  CHECK(rows, write_sources);
}

/* ---- the four services ------------------------------------------------------------------------*/

#define FOUR                                                                                    \
  "[default]\nservices = s\nendpoint_url = http://p\n[services s]\ndynamodb =\n"                \
  "  endpoint_url = http://d\nsts =\n  endpoint_url = http://t\nsso =\n  endpoint_url = http:/" \
  "/o\nsso_oidc =\n  endpoint_url = http://i\n"

/* "DynamoDB|STS|SSO|OIDC". */
static void write_services(const dds_config *config, char text[TEXT_BYTES]) {
  snprintf(text, TEXT_BYTES, "%s|%s|%s|%s", or_dash(config->endpoints[DDS_SERVICE_DYNAMODB].url),
           or_dash(config->endpoints[DDS_SERVICE_STS].url),
           or_dash(config->endpoints[DDS_SERVICE_SSO].url),
           or_dash(config->endpoints[DDS_SERVICE_SSO_OIDC].url));
}

static void test_services(void **state) {
  (void)state;
  static const config_case rows[] = {
      {{0}, {{0}}, NULL, "-|-|-|-"},
      {{.endpoint_url = "http://x"}, {{0}}, NULL, "http://x|-|-|-"},
      {{.endpoint_url = "http://x"}, {{0}}, FOUR, "http://x|http://t|http://o|http://i"},
      {{0}, {{"AWS_ENDPOINT_URL", "http://a/"}}, FOUR, "http://a|http://a|http://a|http://a"},
      {{0}, {{0}}, FOUR, "http://d|http://t|http://o|http://i"},
      {{0}, {{0}}, SERVICES, "http://s|http://p|http://p|http://p"},
      {{0}, {{"AWS_ENDPOINT_URL_STS", "http://e"}}, FOUR, "http://d|http://e|http://o|http://i"},
      {{0},
       {{"AWS_ENDPOINT_URL_DYNAMODB", "http://1"},
        {"AWS_ENDPOINT_URL_STS", "http://2/"},
        {"AWS_ENDPOINT_URL_SSO", "http://3"},
        {"AWS_ENDPOINT_URL_SSO_OIDC", "http://4/x/"},
        {"AWS_ENDPOINT_URL", "http://a"}},
       FOUR,
       "http://1|http://2|http://3|http://4/x"},
      {{0}, {{"AWS_ENDPOINT_URL_SSO", "http://3"}}, NULL, "-|-|http://3|-"},
      {{.endpoint_url = "http://x"},
       {{"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "True"}, {"AWS_ENDPOINT_URL_STS", "http://2"}},
       FOUR,
       "http://x|-|-|-"},
      /* Not needed, perhaps: an error only where it is. */
      {{0}, {{"AWS_ENDPOINT_URL_STS", "no URL"}}, NULL, "-|no URL|-|-"},
  };
  CHECK(rows, write_services);
}

/* ---- switches ---------------------------------------------------------------------------------*/

/* "source of FIPS|of dual-stack|of the account mode|its number". */
static void write_switches(const dds_config *config, char text[TEXT_BYTES]) {
  assert_int_equal(config->use_fips, config->fips_source != NULL);
  assert_int_equal(config->use_dualstack, config->dualstack_source != NULL);
  snprintf(text, TEXT_BYTES, "%s|%s|%s|%d", or_dash(config->fips_source),
           or_dash(config->dualstack_source), or_dash(config->account_mode_source),
           (int)config->account_mode);
}

static void test_switches(void **state) {
  (void)state;
  static const config_case rows[] = {
      {{0}, {{0}}, NULL, "-|-|-|0"},
      {{0}, {{"AWS_USE_FIPS_ENDPOINT", "true"}}, NULL, "AWS_USE_FIPS_ENDPOINT|-|-|0"},
      {{0}, {{"AWS_USE_FIPS_ENDPOINT", "TrUe"}}, NULL, "AWS_USE_FIPS_ENDPOINT|-|-|0"},
      {{0}, {{"AWS_USE_FIPS_ENDPOINT", "false"}}, NULL, "-|-|-|0"},
      {{0}, {{"AWS_USE_FIPS_ENDPOINT", "1"}}, NULL, "-|-|-|0"},
      {{0}, {{"AWS_USE_FIPS_ENDPOINT", "yes"}}, NULL, "-|-|-|0"},
      {{0},
       {{"AWS_USE_FIPS_ENDPOINT", "false"}},
       "[default]\nuse_fips_endpoint = true\n",
       "-|-|-|0"},
      {{0},
       {{"AWS_USE_FIPS_ENDPOINT", " "}},
       "[default]\nuse_fips_endpoint = TRUE\n",
       "profile default, use_fips_endpoint|-|-|0"},
      {{0},
       {{"AWS_USE_DUALSTACK_ENDPOINT", "true"}},
       "[default]\nuse_fips_endpoint = true\n",
       "profile default, use_fips_endpoint|AWS_USE_DUALSTACK_ENDPOINT|-|0"},
      {{0},
       {{0}},
       "[default]\nuse_dualstack_endpoint = true\n",
       "-|profile default, use_dualstack_endpoint|-|0"},
      {{0}, {{"AWS_ACCOUNT_ID_ENDPOINT_MODE", "Preferred"}}, NULL, "-|-|-|0"},
      {{0},
       {{"AWS_ACCOUNT_ID_ENDPOINT_MODE", "REQUIRED"}},
       NULL,
       "-|-|AWS_ACCOUNT_ID_ENDPOINT_MODE|1"},
      {{0},
       {{0}},
       "[default]\naccount_id_endpoint_mode = disabled\n",
       "-|-|profile default, account_id_endpoint_mode|2"},
      {{0},
       {{"AWS_ACCOUNT_ID_ENDPOINT_MODE", "preferred"}},
       "[default]\naccount_id_endpoint_mode = disabled\n",
       "-|-|-|0"},
      {{.region = "us-east-1-fips"}, {{0}}, NULL, "option region|-|-|0"},
      {{0},
       {{"AWS_USE_FIPS_ENDPOINT", "true"}, {"AWS_REGION", "fips-r-1"}},
       NULL,
       "AWS_REGION|-|-|0"},
  };
  CHECK(rows, write_switches);
}

/* ---- attempts, timeouts, authorities ----------------------------------------------------------*/

/* "attempts|of other services|connect|request|CA bundle". */
static void write_numbers(const dds_config *config, char text[TEXT_BYTES]) {
  snprintf(text, TEXT_BYTES, "%d|%d|%d|%d|%s", config->max_attempts, config->service_max_attempts,
           config->connect_timeout_ms, config->request_timeout_ms, or_dash(config->ca_bundle));
}

static void test_attempts_timeouts_and_ca_bundle(void **state) {
  (void)state;
  static const config_case rows[] = {
      {{0}, {{0}}, NULL, "4|3|3100|60000|-"},
      {{.max_attempts = 7, .connect_timeout_ms = 1, .request_timeout_ms = 2},
       {{"AWS_MAX_ATTEMPTS", "5"}},
       NULL,
       "7|5|1|2|-"},
      {{.max_attempts = 7}, {{0}}, NULL, "7|3|3100|60000|-"},
      {{0}, {{"AWS_MAX_ATTEMPTS", "5"}, {"AWS_RETRY_MODE", "legacy"}}, NULL, "5|5|3100|60000|-"},
      {{0}, {{"AWS_MAX_ATTEMPTS", "1000"}}, NULL, "1000|1000|3100|60000|-"},
      {{0}, {{"AWS_RETRY_MODE", "LEGACY"}}, NULL, "10|5|3100|60000|-"},
      {{0}, {{"AWS_RETRY_MODE", "Standard"}}, NULL, "4|3|3100|60000|-"},
      {{0}, {{0}}, "[default]\nretry_mode = legacy\n", "10|5|3100|60000|-"},
      {{0},
       {{"AWS_RETRY_MODE", "adaptive"}},
       "[default]\nretry_mode = legacy\n",
       "4|3|3100|60000|-"},
      {{0}, {{"AWS_RETRY_MODE", "adaptive"}}, "[default]\nmax_attempts = 2 \n", "2|2|3100|60000|-"},
      {{0},
       {{"AWS_CA_BUNDLE", "/ca.pem"}},
       "[default]\nca_bundle = /b\n",
       "4|3|3100|60000|/ca.pem"},
      {{0}, {{0}}, "[default]\nca_bundle = ~/b\n", "4|3|3100|60000|/home/me/b"},
  };
  CHECK(rows, write_numbers);
}

/* ---- instance metadata ------------------------------------------------------------------------*/

/* "disabled|version 1 disabled|endpoint|timeout|attempts". */
static void write_imds(const dds_config *config, char text[TEXT_BYTES]) {
  snprintf(text, TEXT_BYTES, "%d|%d|%s|%d|%d", config->imds_is_disabled,
           config->imds_v1_is_disabled, config->imds_endpoint, config->imds_timeout_ms,
           config->imds_max_attempts);
}

static void test_instance_metadata(void **state) {
  (void)state;
  static const config_case rows[] = {
      {{0}, {{0}}, NULL, "0|0|http://169.254.169.254|1000|1"},
      {{0}, {{"AWS_EC2_METADATA_DISABLED", "TRUE"}}, NULL, "1|0|http://169.254.169.254|1000|1"},
      {{0},
       {{0}},
       "[default]\nec2_metadata_disabled = true\n",
       "0|0|http://169.254.169.254|1000|1"},
      {{0}, {{"AWS_EC2_METADATA_V1_DISABLED", "true"}}, NULL, "0|1|http://169.254.169.254|1000|1"},
      {{0},
       {{0}},
       "[default]\nec2_metadata_v1_disabled = true\n",
       "0|1|http://169.254.169.254|1000|1"},
      {{0},
       {{"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "ipv6"}},
       NULL,
       "0|0|http://[fd00:ec2::254]|1000|1"},
      {{0},
       {{"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "IPv4"}},
       "[default]\nec2_metadata_service_endpoint_mode = IPv6\n",
       "0|0|http://169.254.169.254|1000|1"},
      {{0},
       {{0}},
       "[default]\nec2_metadata_service_endpoint_mode = IPv6\n",
       "0|0|http://[fd00:ec2::254]|1000|1"},
      {{0},
       {{"AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1/"},
        {"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "IPv6"}},
       "[default]\nec2_metadata_service_endpoint = http://h\n",
       "0|0|http://127.0.0.1:1|1000|1"},
      {{0},
       {{0}},
       "[default]\nec2_metadata_service_endpoint = http://h/m/\n",
       "0|0|http://h/m|1000|1"},
      {{0},
       {{"AWS_METADATA_SERVICE_TIMEOUT", "5"}, {"AWS_METADATA_SERVICE_NUM_ATTEMPTS", "3"}},
       "[default]\nmetadata_service_timeout = 7\n",
       "0|0|http://169.254.169.254|5000|3"},
      {{0},
       {{0}},
       "[default]\nmetadata_service_timeout = 7\nmetadata_service_num_attempts = 2\n",
       "0|0|http://169.254.169.254|7000|2"},
  };
  CHECK(rows, write_imds);
}

/* ---- errors -----------------------------------------------------------------------------------*/

static const config_case errors[] = {
    {{.profile = "x"}, {{0}}, THREE, "The config profile (x) could not be found"},
    {{0}, {{"AWS_PROFILE", "x"}, {"AWS_ACCESS_KEY_ID", "A"}}, THREE, "named by AWS_PROFILE"},
    {{.region = "no region"}, {{0}}, NULL, "it comes from option region"},
    {{.region = "a\r\nb", .endpoint_url = "http://h"}, {{0}}, NULL, "it comes from option region"},
    {{.region = "fips-"}, {{0}}, THREE, "it comes from option region"},
    {{0}, {{0}}, "[default]\nregion = a\n  b\n", "it comes from profile default, region"},
    {{.endpoint_url = "localhost:8000"}, {{0}}, NULL, "it comes from option endpoint_url"},
    {{0}, {{"AWS_ENDPOINT_URL", "http://h/x\r\ny"}}, NULL, "it comes from AWS_ENDPOINT_URL"},
    {{0}, {{"AWS_ENDPOINT_URL", "http://u:p@h"}}, NULL, "it comes from AWS_ENDPOINT_URL"},
    {{0}, {{0}}, "[default]\nservices = none\n", "names the services section none"},
    {{.region = "r-1", .endpoint_url = "http://h"},
     {{"AWS_USE_FIPS_ENDPOINT", "True"}},
     NULL,
     "an endpoint URL (from option endpoint_url) and FIPS endpoints (from AWS_USE_FIPS_ENDPOINT)"},
    {{.region = "r-1"},
     {{"AWS_ENDPOINT_URL", "http://h"}},
     "[default]\nuse_dualstack_endpoint = true\n",
     "an endpoint URL (from AWS_ENDPOINT_URL) and dual-stack endpoints (from profile default, "
     "use_dualstack_endpoint)"},
    {{.region = "r-1", .endpoint_url = "https://dynamodb.r-1.api.aws"},
     {{0}},
     NULL,
     "the endpoint URL (from option endpoint_url) is AWS's own dual-stack endpoint"},
    {{.region = "local"},
     {{"AWS_USE_FIPS_ENDPOINT", "true"}},
     NULL,
     "region local (from option region) and FIPS endpoints (from AWS_USE_FIPS_ENDPOINT) exclude"},
    {{.region = "r-1"},
     {{"AWS_ACCOUNT_ID_ENDPOINT_MODE", "required"}, {"AWS_USE_FIPS_ENDPOINT", "true"}},
     NULL,
     "an account endpoint is required (by AWS_ACCOUNT_ID_ENDPOINT_MODE) and cannot be had: FIPS"},
    {{.region = "us-iso-east-1"},
     {{0}},
     "[default]\naccount_id_endpoint_mode = required\n",
     "required (by profile default, account_id_endpoint_mode) and cannot be had: this region"},
    {{0},
     {{"AWS_ACCOUNT_ID_ENDPOINT_MODE", "never"}},
     NULL,
     "AWS_ACCOUNT_ID_ENDPOINT_MODE is none of preferred, required, disabled"},
    {{0}, {{"AWS_MAX_ATTEMPTS", "0"}}, NULL, "AWS_MAX_ATTEMPTS is not a number from 1 to 1000"},
    {{0}, {{"AWS_MAX_ATTEMPTS", "1001"}}, NULL, "AWS_MAX_ATTEMPTS is not a number"},
    {{0}, {{"AWS_MAX_ATTEMPTS", "five"}}, NULL, "AWS_MAX_ATTEMPTS is not a number"},
    {{0}, {{"AWS_MAX_ATTEMPTS", "99999999999999999999"}}, NULL, "AWS_MAX_ATTEMPTS is not a number"},
    {{0}, {{0}}, "[default]\nmax_attempts = 3x\n", "profile default, max_attempts is not"},
    {{0},
     {{"AWS_RETRY_MODE", "wild"}},
     NULL,
     "AWS_RETRY_MODE is none of standard, adaptive, legacy"},
    {{0},
     {{"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "v6"}},
     NULL,
     "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE is none of IPv4, IPv6"},
    {{0},
     {{"AWS_EC2_METADATA_SERVICE_ENDPOINT", "169.254.169.254"}},
     NULL,
     "it comes from AWS_EC2_METADATA_SERVICE_ENDPOINT"},
    {{0}, {{"AWS_METADATA_SERVICE_TIMEOUT", "1.5"}}, NULL, "AWS_METADATA_SERVICE_TIMEOUT is not"},
    {{0},
     {{0}},
     "[default]\nmetadata_service_num_attempts = x\n",
     "profile default, metadata_service_num_attempts is not"},
    {{0}, {{0}}, "[default\n", "line 1"},
};

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

/* ---- endpoints of a configuration -------------------------------------------------------------*/

static const struct {
  config_case set_up; /* expected: the URL, or words of the error */
  dds_service service;
  const char *region, *account_id;
  bool is_error;
} endpoint_cases[] = {
    {{{.region = "r-1"}, {{0}}, NULL, "https://1.ddb.r-1.amazonaws.com"}, 0, "r-1", "1", false},
    {{{0}, {{0}}, NULL, "https://1.ddb.r-2.amazonaws.com"}, 0, "r-2", "1", false},
    {{{.region = "r-1"},
      {{"AWS_ACCOUNT_ID_ENDPOINT_MODE", "disabled"}},
      NULL,
      "https://dynamodb.r-1.amazonaws.com"},
     DDS_SERVICE_DYNAMODB,
     "r-1",
     "1",
     false},
    {{{.region = "r-1"},
      {{"AWS_ACCOUNT_ID_ENDPOINT_MODE", "required"}},
      NULL,
      "required (by AWS_ACCOUNT_ID_ENDPOINT_MODE) and cannot be had: the credentials name no"},
     DDS_SERVICE_DYNAMODB,
     "r-1",
     NULL,
     true},
    {{{.region = "r-1"}, {{"AWS_USE_DUALSTACK_ENDPOINT", "true"}}, NULL, "https://sts.r-1.api.aws"},
     DDS_SERVICE_STS,
     "r-1",
     NULL,
     false},
    {{{.region = "r-1"}, {{0}}, NULL, "https://portal.sso.cn-1.amazonaws.com.cn"},
     DDS_SERVICE_SSO,
     "cn-1",
     NULL,
     false},
    {{{.region = "r-1"}, {{"AWS_ENDPOINT_URL_SSO_OIDC", "http://i/x/"}}, NULL, "http://i/x"},
     DDS_SERVICE_SSO_OIDC,
     "r-1",
     NULL,
     false},
    {{{.region = "r-1"},
      {{"AWS_ENDPOINT_URL_STS", "no URL"}},
      NULL,
      "it comes from AWS_ENDPOINT_URL_STS"},
     DDS_SERVICE_STS,
     "r-1",
     NULL,
     true},
    {{{.region = "r-1"},
      {{"AWS_ENDPOINT_URL_STS", "http://h"}, {"AWS_USE_FIPS_ENDPOINT", "true"}},
      NULL,
      "an endpoint URL (from AWS_ENDPOINT_URL_STS) and FIPS endpoints"},
     DDS_SERVICE_STS,
     "r-1",
     NULL,
     true},
    {{{.region = "r-1"}, {{0}}, NULL, "as us-east-1 does"},
     DDS_SERVICE_SSO,
     "no region",
     NULL,
     true},
};

static void test_endpoints(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof endpoint_cases / sizeof endpoint_cases[0]; i++) {
    dds_error error = DDS_ERROR_INIT;
    dds_config config;
    dds_endpoint endpoint;
    assert_true(resolve(&endpoint_cases[i].set_up, &config, &error));
    bool is_resolved =
        dds_config_endpoint(&config, endpoint_cases[i].service, endpoint_cases[i].region,
                            endpoint_cases[i].account_id, &endpoint, &error);
    if (is_resolved == endpoint_cases[i].is_error ||
        strstr(is_resolved ? endpoint.url : error.message, endpoint_cases[i].set_up.expected) ==
            NULL) {
      fail_msg("case %zu: %s", i, is_resolved ? endpoint.url : error.message);
    }
    dds_endpoint_free(&endpoint);
    dds_config_free(&config);
  }
}

/* Each row is another place than the first, and the same as itself. */
static void test_same_place(void **state) {
  (void)state;
  static const config_case rows[] = {
      {{0}, {{0}}, THREE, NULL},
      {{.profile = "default"}, {{0}}, THREE, NULL}, /* skips keys in the environment */
      {{.profile = "p", .region = "d-1"}, {{0}}, THREE, NULL},
      {{.region = "e-1"}, {{0}}, THREE, NULL},
      {{0}, {{0}}, NULL, NULL}, /* the instance's region */
      {{.endpoint_url = "http://h"}, {{0}}, THREE, NULL},
      {{0}, {{"AWS_ENDPOINT_URL_STS", "http://h"}}, THREE, NULL},
      {{0}, {{"AWS_USE_FIPS_ENDPOINT", "true"}}, THREE, NULL},
      {{0}, {{"AWS_USE_DUALSTACK_ENDPOINT", "true"}}, THREE, NULL},
      {{0}, {{"AWS_ACCOUNT_ID_ENDPOINT_MODE", "disabled"}}, THREE, NULL},
  };
  enum { COUNT = sizeof rows / sizeof rows[0] };
  dds_config configs[COUNT];
  for (size_t i = 0; i < COUNT; i++) {
    dds_error error = DDS_ERROR_INIT;
    assert_true(resolve(&rows[i], &configs[i], &error));
  }
  for (size_t i = 0; i < COUNT; i++) {
    for (size_t j = 0; j < COUNT; j++) {
      if (dds_config_is_same_place(&configs[i], &configs[j]) != (i == j)) {
        fail_msg("%zu and %zu", i, j);
      }
    }
  }
  /* Where a setting comes from, and how patient a client is, make no other place. */
  static const config_case same = {.options = {.region = "d-1", .max_attempts = 9},
                                   .config = THREE};
  dds_error error = DDS_ERROR_INIT;
  dds_config config;
  assert_true(resolve(&same, &config, &error));
  assert_true(dds_config_is_same_place(&config, &configs[0]));
  dds_config_free(&config);
  for (size_t i = 0; i < COUNT; i++) {
    dds_config_free(&configs[i]);
  }
}

/* ---- memory -----------------------------------------------------------------------------------*/

static bool resolve_endpoint(const config_case *row, dds_config *config, dds_endpoint *endpoint,
                             dds_error *error) {
  return resolve(row, config, error) &&
         dds_config_endpoint(config, DDS_SERVICE_STS, config->region, NULL, endpoint, error);
}

static void test_each_allocation_failing(void **state) {
  (void)state;
  static const config_case rows[] = {
      {{.profile = "p", .region = "r-1-fips"},
       {{"AWS_CA_BUNDLE", "~/ca"},
        {"AWS_MAX_ATTEMPTS", "3"},
        {"AWS_USE_DUALSTACK_ENDPOINT", "true"},
        {"AWS_ACCOUNT_ID_ENDPOINT_MODE", "disabled"}},
       "[profile p]\nretry_mode = legacy\nec2_metadata_service_endpoint_mode = IPv6\n",
       NULL},
      {{0},
       {{"AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://h/"}, {"AWS_METADATA_SERVICE_TIMEOUT", "2"}},
       "[default]\nendpoint_url = http://localhost/\nservices = s\n[services s]\nsts =\n"
       " endpoint_url = http://t/\n",
       NULL},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    while (failing_allocator_next()) {
      dds_error error = DDS_ERROR_INIT;
      dds_config config = {0};
      dds_endpoint endpoint = {0};
      failing_allocator_start();
      bool is_resolved = resolve_endpoint(&rows[i], &config, &endpoint, &error);
      failing_allocator_check(is_resolved, &error);
      dds_endpoint_free(&endpoint);
      dds_config_free(&config);
    }
  }
}

int main(void) {
  failing_allocator_install();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_precedence),
      cmocka_unit_test(test_sources),
      cmocka_unit_test(test_services),
      cmocka_unit_test(test_switches),
      cmocka_unit_test(test_attempts_timeouts_and_ca_bundle),
      cmocka_unit_test(test_instance_metadata),
      cmocka_unit_test(test_errors),
      cmocka_unit_test(test_endpoints),
      cmocka_unit_test(test_same_place),
      cmocka_unit_test(test_each_allocation_failing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
