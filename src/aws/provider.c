/* The credentials of a client: when to ask for them, and which of two sets is used. */
#include "aws/provider.h"

enum {
  ASK_INTERVAL_MS = 60 * 1000,
  ADVISORY_MS = 15 * 60 * 1000,
  MANDATORY_MS = 10 * 60 * 1000,
  /* Of the life of credentials that live shorter than an hour. */
  ADVISORY_SHARE = 4,
  MANDATORY_SHARE = 6,
};

static int64_t server_now_ms(const dds_provider *provider) {
  return dds_caller_server_now_ms(&provider->fetcher->caller);
}

/* Whether the expiry is nearer than that, or than that share of the credentials' life. */
static bool is_within(const dds_provider *provider, int64_t longest_ms, int64_t share) {
  int64_t expires_ms = provider->credentials.expires_ms;
  int64_t part_ms = (expires_ms - provider->fetched_ms) / share;
  return expires_ms - server_now_ms(provider) < (part_ms < longest_ms ? part_ms : longest_ms);
}

static bool is_valid(const dds_provider *provider) {
  return provider->has_credentials && provider->credentials.expires_ms > server_now_ms(provider);
}

/* Whether the set at hand can serve a request, though it may be old. */
static bool is_usable(const dds_provider *provider) {
  return is_valid(provider) || (provider->has_credentials && provider->credentials.outlives_expiry);
}

static bool must_ask(const dds_provider *provider) {
  if (!is_usable(provider)) {
    return true;
  }
  if (provider->credentials.expires_ms == INT64_MAX ||
      (is_valid(provider) && !is_within(provider, ADVISORY_MS, ADVISORY_SHARE))) {
    return false;
  }
  int64_t passed_ms = dds_caller_now_ms(&provider->fetcher->caller) - provider->asked_ms;
  return passed_ms < 0 || passed_ms >= ASK_INTERVAL_MS; /* below 0: the clock was set back */
}

/* Whether the set at hand is used on after that failure to get others. */
static bool is_tolerable(const dds_provider *provider, const dds_error *failure) {
  bool is_of_source = failure->code != DDS_INTERRUPT && failure->code != DDS_NOMEM;
  return is_of_source && is_usable(provider) &&
         (provider->credentials.outlives_expiry ||
          !is_within(provider, MANDATORY_MS, MANDATORY_SHARE));
}

static bool resolve(const dds_provider *provider, const char *region, dds_fetcher *fetcher,
                    dds_credentials *credentials, dds_error *error) {
  dds_profiles *profiles = NULL;
  if (!dds_profiles_load(provider->environment, &profiles, error)) {
    return false;
  }
  const dds_credentials_context context = {
      .config = provider->config,
      .environment = provider->environment,
      .profiles = profiles,
      .fetcher = fetcher,
      .region = region,
      .profile = provider->config->profile,
      .now_ms = server_now_ms(provider),
  };
  bool is_resolved = dds_credentials_resolve(&context, credentials, error);
  dds_profiles_free(profiles);
  return is_resolved;
}

static bool set_expired(const dds_credentials *credentials, dds_error *error) {
  return dds_error_set(error, DDS_AUTH, "the credentials (%s) have expired: %s",
                       credentials->source,
                       credentials->remedy != NULL
                           ? credentials->remedy
                           : "and their source gives none that are newer: is this machine's clock "
                             "right?");
}

/* Asks the sources, and keeps what they give where it is of use. */
static bool ask(dds_provider *provider, const char *region, dds_error *error) {
  dds_credentials found = {0};
  if (!resolve(provider, region, provider->fetcher, &found, error)) {
    return false;
  }
  int64_t now_ms = server_now_ms(provider);
  bool has_valid = is_valid(provider);
  if (found.expires_ms <= now_ms && (has_valid || !found.outlives_expiry)) {
    set_expired(&found, error);
    dds_credentials_free(&found);
    return false;
  }
  /* The same set once more has its old age: a young one would be renewed later. */
  if (!has_valid || found.expires_ms != provider->credentials.expires_ms) {
    provider->fetched_ms = now_ms;
  }
  dds_credentials_free(&provider->credentials);
  provider->credentials = found;
  provider->has_credentials = true;
  return true;
}

bool dds_provider_get(dds_provider *provider, const char *region, const dds_credentials **out,
                      dds_error *error) {
  *out = NULL;
  if (must_ask(provider)) {
    dds_error failure = DDS_ERROR_INIT;
    if (!ask(provider, region, &failure) && !is_tolerable(provider, &failure)) {
      return dds_error_pass_on(error, &failure);
    }
    provider->asked_ms = dds_caller_now_ms(&provider->fetcher->caller);
  }
  *out = &provider->credentials;
  return true;
}

bool dds_provider_describe(const dds_provider *provider, dds_credentials *credentials,
                           dds_error *error) {
  const dds_credentials *known = &provider->credentials;
  if (!provider->has_credentials) {
    return resolve(provider, provider->config->region, NULL, credentials, error);
  }
  return dds_credentials_set(credentials, known->access_key_id, NULL, NULL, known->account_id,
                             known->source, error);
}

void dds_provider_forget(dds_provider *provider) {
  provider->has_credentials = false;
}

void dds_provider_close(dds_provider *provider) {
  dds_credentials_free(&provider->credentials);
  provider->has_credentials = false;
}
