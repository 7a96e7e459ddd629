/*
 * Configuration: each setting is looked up in one order, the option, environment variables, the
 * profile; what differs between settings is data. AWS's SDKs and Tools Reference Guide gives the
 * names; where the SDKs differ the AWS CLI is followed.
 */
#include "aws/config.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/text.h"

enum {
  CONNECT_TIMEOUT_MS = 3100,
  REQUEST_TIMEOUT_MS = 60000,
  NUMBER_MAXIMUM = 1000,
  PATH_LIMIT_BYTES = 4096,
  SOURCE_LIMIT_BYTES = 1024,
};

/* Where a setting may stand; NULL where it has no such place. */
typedef struct setting {
  const char *option_name;
  const char *option;
  const char *variables[2];
  const char *property; /* of the profile */
} setting;

typedef struct resolver {
  const dds_client_options *options;
  const dds_environment *environment;
  const dds_profiles *profiles;
  dds_config *config;
  /* What was looked for last: owned, both NULL where the setting stands nowhere. */
  char *value;
  char *source;
  dds_error *error;
} resolver;

static bool set_text(char **slot, const char *text, dds_error *error) {
  char *copy;
  if (!dds_text_copy(&copy, text, error)) {
    return false;
  }
  dds_free(*slot);
  *slot = copy;
  return true;
}

/* Hands over an owned text. */
static void move_text(char **slot, char **from) {
  dds_free(*slot);
  *slot = *from;
  *from = NULL;
}

/* ---- looking up -------------------------------------------------------------------------------*/

static void forget(resolver *at) {
  dds_free(at->value);
  dds_free(at->source);
  at->value = NULL;
  at->source = NULL;
}

/* The source is `kind` and one or two names: "option region", "profile prod, region". */
static bool found(resolver *at, const char *value, const char *kind, const char *first,
                  const char *second) {
  dds_buffer source = DDS_BUFFER_INIT(SOURCE_LIMIT_BYTES);
  dds_buffer_append_format(&source, "%s%s%s%s", kind, first, second == NULL ? "" : ", ",
                           second == NULL ? "" : second);
  bool is_set = dds_buffer_check(&source, at->error) && set_text(&at->value, value, at->error);
  if (is_set) {
    at->source = dds_buffer_take(&source);
  }
  dds_buffer_free(&source);
  return is_set;
}

/* Looks for a setting in its places, the first that has it wins; what is blank is not given. */
static bool find(resolver *at, const setting *wanted) {
  forget(at);
  if (!dds_text_is_blank(wanted->option)) {
    return found(at, wanted->option, "option ", wanted->option_name, NULL);
  }
  for (size_t i = 0; i < 2 && wanted->variables[i] != NULL; i++) {
    const char *variable = dds_environment_get(at->environment, wanted->variables[i]);
    if (variable != NULL) {
      return found(at, variable, "", wanted->variables[i], NULL);
    }
  }
  const char *profile = at->config->profile;
  const char *property =
      wanted->property == NULL
          ? NULL
          : dds_profiles_get(at->profiles, DDS_SECTION_PROFILE, profile, wanted->property);
  return dds_text_is_blank(property) || found(at, property, "profile ", profile, wanted->property);
}

/* A switch is on where it is "true", in any case; botocore takes every other word for off. */
static bool find_switch(resolver *at, const char *variable, const char *property, bool *is_on) {
  const setting wanted = {.variables = {variable}, .property = property};
  bool is_found = find(at, &wanted);
  *is_on = is_found && at->value != NULL && strcasecmp(at->value, "true") == 0;
  return is_found;
}

/* One of `count` words, in any case. `*index` stays where none is given. */
static bool find_word(resolver *at, const char *variable, const char *property,
                      const char *const *words, size_t count, size_t *index) {
  const setting wanted = {.variables = {variable}, .property = property};
  if (!find(at, &wanted)) {
    return false;
  }
  if (at->value == NULL) {
    return true;
  }
  for (size_t i = 0; i < count; i++) {
    if (strcasecmp(at->value, words[i]) == 0) {
      *index = i;
      return true;
    }
  }
  dds_error_set(at->error, DDS_ERROR, "%s is none of %s", at->source, words[0]);
  for (size_t i = 1; i < count; i++) {
    dds_error_append(at->error, ", %s", words[i]);
  }
  return false;
}

/* A number from 1 to NUMBER_MAXIMUM. `*number` stays where none is given. */
static bool find_number(resolver *at, const char *variable, const char *property, int *number) {
  const setting wanted = {.variables = {variable}, .property = property};
  if (!find(at, &wanted)) {
    return false;
  }
  if (at->value == NULL) {
    return true;
  }
  char *end;
  long given = strtol(at->value, &end, 10);
  if (end[strspn(end, " \t")] != '\0' || given < 1 || given > NUMBER_MAXIMUM) {
    return dds_error_set(at->error, DDS_ERROR, "%s is not a number from 1 to %d", at->source,
                         NUMBER_MAXIMUM);
  }
  *number = (int)given;
  return true;
}

/* ---- profile, switches ------------------------------------------------------------------------*/

static bool resolve_profile(resolver *at) {
  dds_config *config = at->config;
  /* The AWS CLI asks AWS_DEFAULT_PROFILE first. */
  const setting profile = {
      "profile", at->options->profile, {"AWS_DEFAULT_PROFILE", "AWS_PROFILE"}, NULL};
  if (!find(at, &profile)) {
    return false;
  }
  if (at->value == NULL) {
    return set_text(&config->profile, "default", at->error) &&
           set_text(&config->profile_source, "default", at->error);
  }
  move_text(&config->profile, &at->value);
  move_text(&config->profile_source, &at->source);
  config->profile_is_explicit = !dds_text_is_blank(at->options->profile);
  if (dds_profiles_has(at->profiles, DDS_SECTION_PROFILE, config->profile)) {
    return true;
  }
  return dds_error_set(at->error, DDS_ERROR,
                       "The config profile (%s) could not be found (named by %s): it is in neither "
                       "~/.aws/config nor ~/.aws/credentials, nor the files that AWS_CONFIG_FILE "
                       "and AWS_SHARED_CREDENTIALS_FILE name; `aws configure list-profiles` lists "
                       "those that are",
                       config->profile, config->profile_source);
}

/* What changes AWS's own endpoints. */
static bool resolve_switches(resolver *at) {
  static const char *const modes[] = {
      [DDS_ACCOUNT_PREFERRED] = "preferred",
      [DDS_ACCOUNT_REQUIRED] = "required",
      [DDS_ACCOUNT_DISABLED] = "disabled",
  };
  dds_config *config = at->config;
  const struct {
    const char *variable, *property;
    bool *is_on;
    char **source;
  } rows[] = {
      {"AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint", &config->use_fips, &config->fips_source},
      {"AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint", &config->use_dualstack,
       &config->dualstack_source},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    if (!find_switch(at, rows[i].variable, rows[i].property, rows[i].is_on)) {
      return false;
    }
    if (*rows[i].is_on) {
      move_text(rows[i].source, &at->source);
    }
  }
  size_t mode = DDS_ACCOUNT_PREFERRED;
  if (!find_word(at, "AWS_ACCOUNT_ID_ENDPOINT_MODE", "account_id_endpoint_mode", modes,
                 sizeof modes / sizeof modes[0], &mode)) {
    return false;
  }
  config->account_mode = (dds_account_mode)mode;
  if (mode != DDS_ACCOUNT_PREFERRED) {
    move_text(&config->account_mode_source, &at->source);
  }
  return true;
}

/* ---- the user's own endpoints -----------------------------------------------------------------*/

/* `property` of the section `[services X]` that the profile names by `services = X`. */
static bool find_in_services(resolver *at, const char *property) {
  const char *profile = at->config->profile;
  const char *services = dds_profiles_get(at->profiles, DDS_SECTION_PROFILE, profile, "services");
  if (dds_text_is_blank(services)) {
    return true;
  }
  if (!dds_profiles_has(at->profiles, DDS_SECTION_SERVICES, services)) {
    return dds_error_set(at->error, DDS_ERROR,
                         "profile %s names the services section %s, which does not exist", profile,
                         services);
  }
  const char *url = dds_profiles_get(at->profiles, DDS_SECTION_SERVICES, services, property);
  return dds_text_is_blank(url) || found(at, url, "services ", services, property);
}

/* The places of a service's endpoint, in their order. */
static bool find_endpoint(resolver *at, dds_service service, bool is_ignored) {
  static const struct {
    const char *variable, *property;
  } names[DDS_SERVICE_COUNT] = {
      [DDS_SERVICE_DYNAMODB] = {"AWS_ENDPOINT_URL_DYNAMODB", "dynamodb.endpoint_url"},
      [DDS_SERVICE_STS] = {"AWS_ENDPOINT_URL_STS", "sts.endpoint_url"},
      [DDS_SERVICE_SSO] = {"AWS_ENDPOINT_URL_SSO", "sso.endpoint_url"},
      [DDS_SERVICE_SSO_OIDC] = {"AWS_ENDPOINT_URL_SSO_OIDC", "sso_oidc.endpoint_url"},
  };
  const setting option = {.option_name = "endpoint_url", .option = at->options->endpoint_url};
  const setting variables = {.variables = {names[service].variable, "AWS_ENDPOINT_URL"}};
  const setting property = {.property = "endpoint_url"};
  forget(at);
  if (service == DDS_SERVICE_DYNAMODB && !find(at, &option)) {
    return false;
  }
  if (at->value != NULL || is_ignored) {
    return true;
  }
  return find(at, &variables) &&
         (at->value != NULL || find_in_services(at, names[service].property)) &&
         (at->value != NULL || find(at, &property));
}

static void drop_last_slash(char *url) {
  size_t length = strlen(url);
  if (length > 0 && url[length - 1] == '/') {
    url[length - 1] = '\0';
  }
}

/* Those of the services that give out credentials are checked when they are needed. */
static bool resolve_endpoints(resolver *at) {
  dds_config *config = at->config;
  bool is_ignored;
  if (!find_switch(at, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "ignore_configured_endpoint_urls",
                   &is_ignored)) {
    return false;
  }
  for (size_t i = 0; i < DDS_SERVICE_COUNT; i++) {
    if (!find_endpoint(at, (dds_service)i, is_ignored)) {
      return false;
    }
    if (at->value != NULL) {
      move_text(&config->endpoints[i].url, &at->value);
      move_text(&config->endpoints[i].source, &at->source);
      drop_last_slash(config->endpoints[i].url);
    }
  }
  return true;
}

/* Sees whether DynamoDB's endpoint is this machine. */
static bool check_loopback(resolver *at, const char *url, const char *source) {
  dds_url parsed;
  if (!dds_endpoint_parse(url, &parsed, at->error)) {
    dds_error_append(at->error, "; it comes from %s", source);
    return false;
  }
  at->config->endpoint_is_loopback = dds_endpoint_is_loopback(&parsed);
  return true;
}

/* ---- region -----------------------------------------------------------------------------------*/

/* "fips-us-gov-west-1" and "us-east-1-fips", regions of old, are FIPS in the region proper. */
static bool split_fips_region(resolver *at) {
  dds_config *config = at->config;
  static const char before[] = "fips-", behind[] = "-fips";
  size_t mark_length = sizeof before - 1, length = strlen(config->region);
  if (length <= mark_length) {
    return true;
  }
  if (strncmp(config->region, before, mark_length) == 0) {
    memmove(config->region, config->region + mark_length, length - mark_length + 1);
  } else if (strcmp(config->region + length - mark_length, behind) == 0) {
    config->region[length - mark_length] = '\0';
  } else {
    return true;
  }
  config->use_fips = true;
  return set_text(&config->fips_source, config->region_source, at->error);
}

static bool resolve_region(resolver *at) {
  dds_config *config = at->config;
  const setting region = {
      "region", at->options->region, {"AWS_REGION", "AWS_DEFAULT_REGION"}, "region"};
  if (!find(at, &region)) {
    return false;
  }
  if (at->value != NULL) {
    move_text(&config->region, &at->value);
    move_text(&config->region_source, &at->source);
    return split_fips_region(at);
  }
  return !config->endpoint_is_loopback ||
         (set_text(&config->region, "us-east-1", at->error) &&
          set_text(&config->region_source, "default for a loopback endpoint", at->error));
}

/*
 * Region and DynamoDB's endpoint, which need each other: a loopback endpoint gives a region, and
 * the region "local" an endpoint. What cannot work with any credentials is an error at once: hence
 * an account id that stands for the one which only the credentials tell.
 */
static bool resolve_place(resolver *at) {
  dds_config *config = at->config;
  const char *custom = config->endpoints[DDS_SERVICE_DYNAMODB].url;
  dds_endpoint endpoint;
  if ((custom != NULL &&
       !check_loopback(at, custom, config->endpoints[DDS_SERVICE_DYNAMODB].source)) ||
      !resolve_region(at)) {
    return false;
  }
  if (config->region == NULL) {
    return true;
  }
  bool is_fine = dds_config_endpoint(config, DDS_SERVICE_DYNAMODB, config->region, "000000000000",
                                     &endpoint, at->error) &&
                 check_loopback(at, endpoint.url, config->region_source);
  dds_endpoint_free(&endpoint);
  return is_fine;
}

/* ---- the rest ---------------------------------------------------------------------------------*/

static bool resolve_ca_bundle(resolver *at) {
  const setting wanted = {.variables = {"AWS_CA_BUNDLE"}, .property = "ca_bundle"};
  dds_buffer expanded = DDS_BUFFER_INIT(PATH_LIMIT_BYTES);
  bool is_fine = find(at, &wanted);
  if (is_fine && at->value != NULL) {
    is_fine = dds_environment_expand(at->environment, at->value, &expanded, at->error) &&
              set_text(&at->config->ca_bundle, dds_buffer_text(&expanded), at->error);
  }
  dds_buffer_free(&expanded);
  return is_fine;
}

static bool resolve_attempts(resolver *at) {
  static const char *const modes[] = {"standard", "adaptive", "legacy"};
  static const struct {
    int dynamodb, others;
  } attempts[] = {{4, 3}, {4, 3}, {10, 5}}; /* by mode */
  dds_config *config = at->config;
  size_t mode = 0;
  int number = 0;
  if (!find_word(at, "AWS_RETRY_MODE", "retry_mode", modes, sizeof modes / sizeof modes[0],
                 &mode) ||
      !find_number(at, "AWS_MAX_ATTEMPTS", "max_attempts", &number)) {
    return false;
  }
  config->max_attempts = number > 0 ? number : attempts[mode].dynamodb;
  config->service_max_attempts = number > 0 ? number : attempts[mode].others;
  if (at->options->max_attempts > 0) {
    config->max_attempts = at->options->max_attempts;
  }
  return true;
}

static bool resolve_imds_endpoint(resolver *at) {
  static const char *const modes[] = {"IPv4", "IPv6"};
  static const char *const addresses[] = {"http://169.254.169.254", "http://[fd00:ec2::254]"};
  const setting endpoint = {.variables = {"AWS_EC2_METADATA_SERVICE_ENDPOINT"},
                            .property = "ec2_metadata_service_endpoint"};
  size_t mode = 0;
  dds_url url;
  if (!find_word(at, "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "ec2_metadata_service_endpoint_mode",
                 modes, sizeof modes / sizeof modes[0], &mode) ||
      !find(at, &endpoint)) {
    return false;
  }
  if (at->value == NULL) {
    return set_text(&at->config->imds_endpoint, addresses[mode], at->error);
  }
  if (!dds_endpoint_parse(at->value, &url, at->error)) {
    dds_error_append(at->error, "; it comes from %s", at->source);
    return false;
  }
  drop_last_slash(at->value);
  move_text(&at->config->imds_endpoint, &at->value);
  return true;
}

static bool resolve_imds(resolver *at) {
  dds_config *config = at->config;
  int timeout_s = 1;
  config->imds_max_attempts = 1;
  if (!find_switch(at, "AWS_EC2_METADATA_DISABLED", NULL, &config->imds_is_disabled) ||
      !find_switch(at, "AWS_EC2_METADATA_V1_DISABLED", "ec2_metadata_v1_disabled",
                   &config->imds_v1_is_disabled) ||
      !resolve_imds_endpoint(at) ||
      !find_number(at, "AWS_METADATA_SERVICE_TIMEOUT", "metadata_service_timeout", &timeout_s) ||
      !find_number(at, "AWS_METADATA_SERVICE_NUM_ATTEMPTS", "metadata_service_num_attempts",
                   &config->imds_max_attempts)) {
    return false;
  }
  config->imds_timeout_ms = timeout_s * 1000;
  return true;
}

bool dds_config_resolve(const dds_client_options *options, const dds_environment *environment,
                        const dds_profiles *profiles, dds_config *config, dds_error *error) {
  *config = (dds_config){0};
  resolver at = {.options = options,
                 .environment = environment,
                 .profiles = profiles,
                 .config = config,
                 .error = error};
  config->connect_timeout_ms =
      options->connect_timeout_ms > 0 ? options->connect_timeout_ms : CONNECT_TIMEOUT_MS;
  config->request_timeout_ms =
      options->request_timeout_ms > 0 ? options->request_timeout_ms : REQUEST_TIMEOUT_MS;
  bool is_resolved = resolve_profile(&at) && resolve_switches(&at) && resolve_endpoints(&at) &&
                     resolve_place(&at) && resolve_ca_bundle(&at) && resolve_attempts(&at) &&
                     resolve_imds(&at);
  forget(&at);
  if (!is_resolved) {
    dds_config_free(config);
  }
  return is_resolved;
}

/* ---- what it is asked -------------------------------------------------------------------------*/

bool dds_config_endpoint(const dds_config *config, dds_service service, const char *region,
                         const char *account_id, dds_endpoint *endpoint, dds_error *error) {
  const dds_endpoint_parameters parameters = {
      .service = service,
      .region = region,
      .custom_url = config->endpoints[service].url,
      .use_fips = config->use_fips,
      .use_dualstack = config->use_dualstack,
      .account_mode = config->account_mode,
      .account_id = account_id,
      /* The region may be another one, such as a profile's sso_region. */
      .region_source = dds_text_is_same(region, config->region) ? config->region_source : NULL,
      .custom_source = config->endpoints[service].source,
      .fips_source = config->fips_source,
      .dualstack_source = config->dualstack_source,
      .account_mode_source = config->account_mode_source,
  };
  return dds_endpoint_resolve(&parameters, endpoint, error);
}

bool dds_config_is_same_place(const dds_config *left, const dds_config *right) {
  for (size_t i = 0; i < DDS_SERVICE_COUNT; i++) {
    if (!dds_text_is_same(left->endpoints[i].url, right->endpoints[i].url)) {
      return false;
    }
  }
  return dds_text_is_same(left->profile, right->profile) &&
         left->profile_is_explicit == right->profile_is_explicit &&
         dds_text_is_same(left->region, right->region) && left->use_fips == right->use_fips &&
         left->use_dualstack == right->use_dualstack && left->account_mode == right->account_mode;
}

void dds_config_free(dds_config *config) {
  char *const texts[] = {config->profile,
                         config->profile_source,
                         config->region,
                         config->region_source,
                         config->fips_source,
                         config->dualstack_source,
                         config->account_mode_source,
                         config->ca_bundle,
                         config->imds_endpoint};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    dds_free(texts[i]);
  }
  for (size_t i = 0; i < DDS_SERVICE_COUNT; i++) {
    dds_free(config->endpoints[i].url);
    dds_free(config->endpoints[i].source);
  }
  *config = (dds_config){0};
}
