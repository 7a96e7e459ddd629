/*
 * Configuration: each setting is looked up in one order, the option, environment variables, the
 * profile; what differs between settings is data. AWS's SDKs and Tools Reference Guide gives the
 * names; where the SDKs differ the AWS CLI is followed.
 */
#include "aws/config.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "aws/endpoint.h"
#include "base/alloc.h"

enum {
  STANDARD_ATTEMPTS = 4,
  LEGACY_ATTEMPTS = 10,
  CONNECT_TIMEOUT_MS = 3100,
  REQUEST_TIMEOUT_MS = 60000,
  URL_LIMIT_BYTES = 2048,
  PATH_LIMIT_BYTES = 4096,
  SOURCE_LIMIT_BYTES = 1024,
};

typedef struct resolver {
  const dds_client_options *options;
  const dds_environment *environment;
  const dds_profiles *profiles;
  dds_config *config;
  dds_error *error;
} resolver;

/* Where a setting may stand; NULL where it has no such place. */
typedef struct setting {
  const char *option_name;
  const char *option;
  const char *variables[2];
  const char *property;
} setting;

static bool set_text(char **slot, const char *text, dds_error *error) {
  char *copy = dds_alloc_copy(text, strlen(text));
  if (copy == NULL) {
    return dds_error_set_nomem(error);
  }
  dds_free(*slot);
  *slot = copy;
  return true;
}

static bool set_source(resolver *at, char **slot, const char *format, const char *first,
                       const char *second) {
  dds_buffer text = DDS_BUFFER_INIT(SOURCE_LIMIT_BYTES);
  /* One or two names: "option region", "profile prod, region". */
  dds_buffer_append_text(&text, format);
  dds_buffer_append_text(&text, first);
  if (second != NULL) {
    dds_buffer_append_text(&text, ", ");
  }
  if (second != NULL) {
    dds_buffer_append_text(&text, second);
  }
  bool is_set =
      dds_buffer_check(&text, at->error) && set_text(slot, dds_buffer_text(&text), at->error);
  dds_buffer_free(&text);
  return is_set;
}

static bool is_given(const char *text) {
  return text != NULL && text[strspn(text, " \t\r\n\v\f")] != '\0';
}

/* Sets value and source to the first place that has the setting; leaves them where none has. */
static bool find(resolver *at, const setting *wanted, char **value, char **source) {
  if (is_given(wanted->option)) {
    return set_text(value, wanted->option, at->error) &&
           set_source(at, source, "option ", wanted->option_name, NULL);
  }
  for (size_t i = 0; i < 2 && wanted->variables[i] != NULL; i++) {
    const char *variable = dds_environment_get(at->environment, wanted->variables[i]);
    if (variable != NULL) {
      return set_text(value, variable, at->error) &&
             set_source(at, source, "", wanted->variables[i], NULL);
    }
  }
  if (wanted->property == NULL) {
    return true;
  }
  const char *property =
      dds_profiles_get(at->profiles, DDS_SECTION_PROFILE, at->config->profile, wanted->property);
  if (!is_given(property)) {
    return true;
  }
  return set_text(value, property, at->error) &&
         set_source(at, source, "profile ", at->config->profile, wanted->property);
}

static bool resolve_profile(resolver *at) {
  dds_config *config = at->config;
  /* The AWS CLI asks AWS_DEFAULT_PROFILE first. */
  const setting profile = {
      "profile", at->options->profile, {"AWS_DEFAULT_PROFILE", "AWS_PROFILE"}, NULL};
  if (!find(at, &profile, &config->profile, &config->profile_source)) {
    return false;
  }
  if (config->profile == NULL) {
    return set_text(&config->profile, "default", at->error) &&
           set_text(&config->profile_source, "default", at->error);
  }
  config->profile_is_explicit = is_given(at->options->profile);
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

/* A switch: "true" in any case is on. `value` is scratch, owned by the caller. */
static bool find_switch(resolver *at, const char *variable, const char *property, bool *is_on,
                        char **source) {
  const setting wanted = {NULL, NULL, {variable, NULL}, property};
  char *value = NULL;
  bool is_found = find(at, &wanted, &value, source);
  *is_on = is_found && value != NULL && strcasecmp(value, "true") == 0;
  dds_free(value);
  return is_found;
}

/* What changes the endpoint in ways that this version does not know must not be passed over. */
static bool refuse_unsupported(resolver *at) {
  static const struct {
    const char *variable;
    const char *property;
    const char *value;
    const char *remedy;
  } rows[] = {
      {"AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint", "true",
       "give the FIPS endpoint as option endpoint_url"},
      {"AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint", "true",
       "give the dual-stack endpoint as option endpoint_url"},
      {"AWS_ACCOUNT_ID_ENDPOINT_MODE", "account_id_endpoint_mode", "required",
       "`preferred` and `disabled` work, by the endpoint of the region"},
  };
  bool is_fine = true;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0] && is_fine; i++) {
    const setting wanted = {NULL, NULL, {rows[i].variable, NULL}, rows[i].property};
    char *value = NULL, *source = NULL;
    is_fine = find(at, &wanted, &value, &source);
    if (is_fine && value != NULL && strcasecmp(value, rows[i].value) == 0) {
      is_fine = dds_error_set(at->error, DDS_ERROR,
                              "%s asks for %s=%s, which this version does not support: %s", source,
                              rows[i].property, rows[i].value, rows[i].remedy);
    }
    dds_free(value);
    dds_free(source);
  }
  return is_fine;
}

/* `[services X]` of the profile's `services = X`, its sub-property dynamodb.endpoint_url. */
static bool find_services_endpoint(resolver *at) {
  dds_config *config = at->config;
  const char *services =
      dds_profiles_get(at->profiles, DDS_SECTION_PROFILE, config->profile, "services");
  if (!is_given(services)) {
    return true;
  }
  if (!dds_profiles_has(at->profiles, DDS_SECTION_SERVICES, services)) {
    return dds_error_set(at->error, DDS_ERROR,
                         "profile %s names the services section %s, which does not exist",
                         config->profile, services);
  }
  const char *url =
      dds_profiles_get(at->profiles, DDS_SECTION_SERVICES, services, "dynamodb.endpoint_url");
  if (!is_given(url)) {
    return true;
  }
  return set_text(&config->endpoint, url, at->error) &&
         set_source(at, &config->endpoint_source, "services ", services, "dynamodb endpoint_url");
}

static bool find_custom_endpoint(resolver *at) {
  dds_config *config = at->config;
  char *ignored_by = NULL;
  bool is_ignored;
  const setting option = {"endpoint_url", at->options->endpoint_url, {NULL, NULL}, NULL};
  const setting variables = {NULL, NULL, {"AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL"}, NULL};
  const setting property = {NULL, NULL, {NULL, NULL}, "endpoint_url"};
  bool is_fine = find_switch(at, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
                             "ignore_configured_endpoint_urls", &is_ignored, &ignored_by) &&
                 find(at, &option, &config->endpoint, &config->endpoint_source);
  dds_free(ignored_by);
  if (!is_fine) {
    return false;
  }
  if (config->endpoint != NULL || is_ignored) {
    return true;
  }
  if (!find(at, &variables, &config->endpoint, &config->endpoint_source)) {
    return false;
  }
  if (config->endpoint != NULL) {
    return true;
  }
  if (!find_services_endpoint(at)) {
    return false;
  }
  if (config->endpoint != NULL) {
    return true;
  }
  return find(at, &property, &config->endpoint, &config->endpoint_source);
}

/* Checks what the user gave, takes the slash from its end and sees whether it is this machine. */
static bool normalise_endpoint(resolver *at) {
  dds_config *config = at->config;
  dds_url url;
  if (config->endpoint == NULL) {
    return true;
  }
  if (!dds_endpoint_parse(config->endpoint, &url, at->error)) {
    dds_error_append(at->error, "; it comes from %s", config->endpoint_source);
    return false;
  }
  size_t length = strlen(config->endpoint);
  if (config->endpoint[length - 1] == '/') {
    config->endpoint[length - 1] = '\0';
  }
  config->endpoint_is_loopback = dds_endpoint_is_loopback(&url);
  return true;
}

static bool resolve_region(resolver *at) {
  dds_config *config = at->config;
  const setting region = {
      "region", at->options->region, {"AWS_REGION", "AWS_DEFAULT_REGION"}, "region"};
  if (!find(at, &region, &config->region, &config->region_source)) {
    return false;
  }
  if (config->region != NULL || !config->endpoint_is_loopback) {
    return true;
  }
  return set_text(&config->region, "us-east-1", at->error) &&
         set_text(&config->region_source, "default for a loopback endpoint", at->error);
}

/* The endpoint that follows from the region, where none was given, and the region to sign for. */
static bool derive_from_region(resolver *at) {
  dds_config *config = at->config;
  if (config->region == NULL) {
    return true;
  }
  bool is_local = strcmp(config->region, "local") == 0 && config->endpoint == NULL;
  dds_buffer url = DDS_BUFFER_INIT(URL_LIMIT_BYTES);
  /* Also where another endpoint is used: this is what checks the region, which is signed. */
  bool is_fine = dds_endpoint_append(&url, config->region, at->error);
  if (!is_fine) {
    dds_error_append(at->error, "; it comes from %s", config->region_source);
  }
  if (is_fine && config->endpoint == NULL) {
    is_fine = set_text(&config->endpoint,
                       is_local ? "http://localhost:8000" : dds_buffer_text(&url), at->error) &&
              set_source(at, &config->endpoint_source, "region ", config->region, NULL);
  }
  dds_buffer_free(&url);
  return is_fine && normalise_endpoint(at) &&
         set_text(&config->signing_region, is_local ? "us-east-1" : config->region, at->error);
}

static bool resolve_ca_bundle(resolver *at) {
  const setting wanted = {NULL, NULL, {"AWS_CA_BUNDLE", NULL}, "ca_bundle"};
  char *path = NULL, *source = NULL;
  dds_buffer expanded = DDS_BUFFER_INIT(PATH_LIMIT_BYTES);
  bool is_fine = find(at, &wanted, &path, &source);
  if (is_fine && path != NULL) {
    is_fine = dds_environment_expand(at->environment, path, &expanded, at->error) &&
              set_text(&at->config->ca_bundle, dds_buffer_text(&expanded), at->error);
  }
  dds_buffer_free(&expanded);
  dds_free(path);
  dds_free(source);
  return is_fine;
}

/* The attempts that the retry mode stands for. */
static bool attempts_by_mode(resolver *at, int *attempts) {
  static const struct {
    const char *mode;
    int attempts;
  } modes[] = {
      {"legacy", LEGACY_ATTEMPTS},
      {"standard", STANDARD_ATTEMPTS},
      {"adaptive", STANDARD_ATTEMPTS},
  };
  const setting wanted = {NULL, NULL, {"AWS_RETRY_MODE", NULL}, "retry_mode"};
  char *mode = NULL, *source = NULL;
  *attempts = STANDARD_ATTEMPTS;
  bool is_fine = find(at, &wanted, &mode, &source);
  if (is_fine && mode != NULL) {
    size_t count = sizeof modes / sizeof modes[0], i = 0;
    while (i < count && strcasecmp(mode, modes[i].mode) != 0) {
      i++;
    }
    if (i < count) {
      *attempts = modes[i].attempts;
    } else {
      is_fine = dds_error_set(at->error, DDS_ERROR,
                              "the retry mode of %s is none of legacy, standard, adaptive", source);
    }
  }
  dds_free(mode);
  dds_free(source);
  return is_fine;
}

static bool resolve_attempts(resolver *at) {
  const setting wanted = {NULL, NULL, {"AWS_MAX_ATTEMPTS", NULL}, "max_attempts"};
  char *text = NULL, *source = NULL;
  int *attempts = &at->config->max_attempts;
  bool is_fine = attempts_by_mode(at, attempts) && find(at, &wanted, &text, &source);
  if (is_fine && at->options->max_attempts > 0) {
    *attempts = at->options->max_attempts;
  } else if (is_fine && text != NULL) {
    char *end;
    long number = strtol(text, &end, 10);
    *attempts = (int)number;
    if (end[strspn(end, " \t")] != '\0' || number < 1 || number > 1000) {
      is_fine =
          dds_error_set(at->error, DDS_ERROR,
                        "the number of attempts of %s is not a number from 1 to 1000", source);
    }
  }
  dds_free(text);
  dds_free(source);
  return is_fine;
}

bool dds_config_resolve(const dds_client_options *options, const dds_environment *environment,
                        const dds_profiles *profiles, dds_config *config, dds_error *error) {
  *config = (dds_config){0};
  resolver at = {options, environment, profiles, config, error};
  config->connect_timeout_ms =
      options->connect_timeout_ms > 0 ? options->connect_timeout_ms : CONNECT_TIMEOUT_MS;
  config->request_timeout_ms =
      options->request_timeout_ms > 0 ? options->request_timeout_ms : REQUEST_TIMEOUT_MS;
  if (resolve_profile(&at) && refuse_unsupported(&at) && find_custom_endpoint(&at) &&
      normalise_endpoint(&at) && resolve_region(&at) && derive_from_region(&at) &&
      resolve_ca_bundle(&at) && resolve_attempts(&at)) {
    return true;
  }
  dds_config_free(config);
  return false;
}

void dds_config_free(dds_config *config) {
  char *const texts[] = {config->profile,         config->profile_source, config->region,
                         config->region_source,   config->signing_region, config->endpoint,
                         config->endpoint_source, config->ca_bundle};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    dds_free(texts[i]);
  }
  *config = (dds_config){0};
}
