/*
 * DynamoDB's protocol on calls (call.h): where a request goes, with which keys, in which headers.
 * What an answer means is in answer.c.
 */
#include "aws/client.h"

#include <string.h>

#include "aws/answer.h"
#include "aws/endpoint.h"
#include "aws/fetch.h"
#include "aws/imds.h"
#include "aws/profile.h"
#include "aws/provider.h"
#include "aws/sign.h"
#include "base/alloc.h"
#include "base/text.h"

/* A page is 1 MB, a BatchGetItem 16 MB, before JSON's escapes and types make it several times
 * that. */
#define RESPONSE_LIMIT_BYTES ((size_t)256 * 1024 * 1024)

enum { HEADER_LIMIT_BYTES = 16 * 1024, NAME_LIMIT_BYTES = 2048, REGION_LIMIT_BYTES = 256 };

static const char content_type[] = "application/x-amz-json-1.0";

/* Where requests go. Owned texts. */
typedef struct destination {
  dds_endpoint endpoint;
  char *url;        /* whole */
  char *path;       /* its path, borrowed from it */
  char *host;       /* the Host header */
  char *account_id; /* which it was made for, or NULL */
} destination;

struct dds_client {
  const dds_environment *environment;
  dds_caller caller;
  dds_fetcher fetcher; /* for what finds credentials and region */
  dds_provider provider;
  dds_config config;
  char *instance_region; /* where config has none: that of the EC2 instance, once it was asked */
  destination place;     /* .url is NULL until the first request */
  /* What requests were signed with, newest first: also what was replaced a moment ago, because
   * answers to requests signed with it may be on their way and must not be quoted where they repeat
   * it. */
  dds_credentials signed_with[2];
  bool must_forget; /* the keys were refused: the sources are to be asked again */
  dds_signer signer;
  dds_buffer target;        /* memory for two headers of each attempt */
  dds_buffer authorization; /* wiped each time */
};

bool dds_client_open(const dds_client_options *options, const dds_environment *environment,
                     dds_transport *transport, const dds_observer *observer, dds_client **out,
                     dds_error *error) {
  *out = NULL;
  dds_client *client = dds_alloc(sizeof *client);
  dds_profiles *profiles = NULL;
  if (client == NULL) {
    return dds_error_set_nomem(error);
  }
  client->environment = environment;
  bool is_open = dds_caller_init(&client->caller, transport, error) &&
                 dds_fetcher_init(&client->fetcher, transport, observer, error) &&
                 dds_profiles_load(environment, &profiles, error) &&
                 dds_config_resolve(options, environment, profiles, &client->config, error);
  dds_profiles_free(profiles);
  if (!is_open) {
    dds_client_close(client);
    return false;
  }
  client->target = DDS_BUFFER_INIT(NAME_LIMIT_BYTES);
  client->authorization = DDS_BUFFER_INIT_SECRET(HEADER_LIMIT_BYTES);
  client->provider = (dds_provider){
      .config = &client->config, .environment = environment, .fetcher = &client->fetcher};
  *out = client;
  return true;
}

static void free_place(destination *at) {
  dds_endpoint_free(&at->endpoint);
  dds_free(at->url);
  dds_free(at->host);
  dds_free(at->account_id);
  *at = (destination){0};
}

void dds_client_close(dds_client *client) {
  if (client == NULL) {
    return;
  }
  dds_sign_forget(&client->signer);
  dds_buffer_free(&client->target);
  dds_buffer_free(&client->authorization);
  for (size_t i = 0; i < 2; i++) {
    dds_credentials_free(&client->signed_with[i]);
  }
  dds_provider_close(&client->provider);
  free_place(&client->place);
  dds_free(client->instance_region);
  dds_config_free(&client->config);
  dds_free(client);
}

const dds_config *dds_client_config(const dds_client *client) {
  return &client->config;
}

int64_t dds_client_now_ms(const dds_client *client) {
  return dds_caller_now_ms(&client->caller);
}

static const char *known_region(const dds_client *client) {
  return client->config.region != NULL ? client->config.region : client->instance_region;
}

static bool set_no_region(const dds_client *client, dds_error *error) {
  return dds_error_set(error, DDS_ERROR,
                       "You must specify a region: none is given by option region, AWS_REGION, "
                       "AWS_DEFAULT_REGION or profile %s, and instance metadata %s",
                       client->config.profile,
                       client->config.imds_is_disabled ? "is disabled" : "has none");
}

/* The region of the instance, the last place where the SDKs look. */
static bool ask_instance(dds_client *client, dds_error *error) {
  dds_buffer text = DDS_BUFFER_INIT(REGION_LIMIT_BYTES);
  bool is_absent = false;
  bool is_found =
      dds_imds_get(&client->fetcher, &client->config, "/latest/meta-data/placement/region",
                   "GetRegion", &text, &is_absent, error);
  if (is_found) {
    client->instance_region = dds_buffer_take(&text);
    is_found = client->instance_region != NULL || dds_error_set_nomem(error);
  } else if (is_absent) {
    set_no_region(client, error);
  } else {
    dds_error_append(error, "; instance metadata was asked for the region, because none is "
                            "configured");
  }
  dds_buffer_free(&text);
  return is_found;
}

static bool make_place(destination *at, dds_error *error) {
  dds_url url;
  dds_buffer text = DDS_BUFFER_INIT(NAME_LIMIT_BYTES);
  dds_buffer host = DDS_BUFFER_INIT(NAME_LIMIT_BYTES);
  bool is_made = dds_endpoint_parse(at->endpoint.url, &url, error);
  if (is_made) {
    dds_buffer_append_format(&text, "%s%s", at->endpoint.url, url.path[0] == '\0' ? "/" : "");
    dds_endpoint_append_host(&host, &url);
    is_made = dds_buffer_check(&text, error) && dds_buffer_check(&host, error);
  }
  if (is_made) {
    size_t path_length = url.path[0] == '\0' ? 1 : strlen(url.path);
    at->path = text.data + text.length - path_length;
    at->url = dds_buffer_take(&text);
    at->host = dds_buffer_take(&host);
  }
  dds_buffer_free(&host);
  dds_buffer_free(&text);
  return is_made;
}

/* Keeps the place while the account stays the same; the region of a client never changes. */
static bool prepare_place(dds_client *client, const char *account_id, dds_error *error) {
  destination next = {0};
  if (client->place.url != NULL && dds_text_is_same(client->place.account_id, account_id)) {
    return true;
  }
  if (dds_config_endpoint(&client->config, DDS_SERVICE_DYNAMODB, known_region(client), account_id,
                          &next.endpoint, error) &&
      make_place(&next, error) && dds_text_copy(&next.account_id, account_id, error)) {
    free_place(&client->place);
    client->place = next;
    return true;
  }
  free_place(&next);
  return false;
}

/* Copies what the next request is signed with; `signed_with`[0] then is it. */
static bool keep_credentials(dds_client *client, const dds_credentials *credentials,
                             dds_error *error) {
  dds_credentials *kept = client->signed_with, copy;
  if (dds_text_is_same(kept[0].access_key_id, credentials->access_key_id) &&
      dds_text_is_same(kept[0].secret_access_key, credentials->secret_access_key) &&
      dds_text_is_same(kept[0].session_token, credentials->session_token)) {
    return true;
  }
  if (!dds_credentials_set(&copy, credentials->access_key_id, credentials->secret_access_key,
                           credentials->session_token, credentials->account_id, credentials->source,
                           error)) {
    return false;
  }
  dds_credentials_free(&kept[1]);
  kept[1] = kept[0];
  kept[0] = copy;
  return true;
}

/* Region, credentials and endpoint of a request now. That keys were refused is heeded here, not
 * where it is read: that may be while the provider itself waits for an answer. */
static bool prepare(dds_client *client, dds_error *error) {
  const dds_credentials *credentials;
  if (client->must_forget) {
    dds_provider_forget(&client->provider);
    client->must_forget = false;
  }
  return (known_region(client) != NULL || ask_instance(client, error)) &&
         dds_provider_get(&client->provider, known_region(client), &credentials, error) &&
         prepare_place(client, credentials->account_id, error) &&
         keep_credentials(client, credentials, error);
}

/* Hands the signed request to the transport. */
static bool send_signed(dds_call *call, const dds_client *client, const char *target,
                        const char *authorization, const char *amz_date, dds_error *error) {
  const dds_config *config = &client->config;
  const char *token = client->signed_with[0].session_token;
  const dds_http_header headers[] = {
      {"Host", client->place.host},
      {"Content-Type", content_type},
      {"X-Amz-Date", amz_date},
      {"X-Amz-Target", target},
      {"Authorization", authorization},
      {"User-Agent", DDS_CALL_USER_AGENT},
      {"Accept-Encoding", "identity"},
      {"amz-sdk-invocation-id", dds_call_invocation_id(call)},
      {"amz-sdk-request", dds_call_attempt(call)},
      {"X-Amz-Security-Token", token},
  };
  size_t header_count = sizeof headers / sizeof headers[0];
  dds_http_request request = {
      .method = "POST",
      .url = client->place.url,
      .headers = headers,
      .header_count = token == NULL ? header_count - 1 : header_count,
      .ca_bundle = config->ca_bundle,
      .connect_timeout_ms = config->connect_timeout_ms,
      .request_timeout_ms = config->request_timeout_ms,
      .response_limit_bytes = RESPONSE_LIMIT_BYTES,
  };
  return dds_call_send(call, &request, error);
}

/* Signs anew for each attempt, because a signature holds its time. */
static bool attempt(dds_call *call, void *context, dds_error *error) {
  dds_client *client = context;
  char amz_date[17];
  if (!prepare(client, error)) {
    return false;
  }
  dds_buffer *target = &client->target;
  dds_buffer *authorization = &client->authorization;
  dds_buffer_clear(target);
  dds_buffer_append_text(target, "DynamoDB_20120810.");
  dds_buffer_append_text(target, dds_call_operation(call));
  dds_sign_request to_sign = {
      .region = client->place.endpoint.signing_region,
      .service = "dynamodb",
      .host = client->place.host,
      .path = client->place.path,
      .content_type = content_type,
      .target = dds_buffer_text(target),
      .time_ms = dds_caller_server_now_ms(&client->caller),
  };
  to_sign.body = dds_call_body(call, &to_sign.body_length);
  bool is_sent = dds_buffer_check(target, error) &&
                 dds_sign_authorization(&client->signer, &client->signed_with[0], &to_sign,
                                        authorization, amz_date, error) &&
                 send_signed(call, client, target->data, authorization->data, amz_date, error);
  dds_buffer_clear(authorization);
  return is_sent;
}

static void read_answer(const dds_call *call, void *context, const dds_exchange *exchange,
                        dds_answer *answer, dds_error *error) {
  dds_client *client = context;
  const dds_credentials *kept = client->signed_with;
  const char *const secrets[] = {kept[0].secret_access_key, kept[0].session_token,
                                 kept[1].secret_access_key, kept[1].session_token};
  dds_answer_context about = {
      .form = DDS_ANSWER_AWS_JSON,
      .service = "DynamoDB",
      .endpoint = client->place.endpoint.url,
      .credential_source = kept[0].source,
      .request = {.secrets = secrets, .secret_count = sizeof secrets / sizeof secrets[0]},
  };
  about.request.body = dds_call_body(call, &about.request.body_length);
  dds_answer_read(exchange, &about, answer, error);
  client->must_forget |= answer->refuses_keys;
}

bool dds_client_start(dds_client *client, const char *operation, dds_buffer *body, bool is_awaited,
                      dds_call **out, dds_error *error) {
  static const dds_call_protocol protocol = {attempt, read_answer};
  const dds_call_request request = {
      .operation = operation,
      .body = body,
      .protocol = &protocol,
      .context = client,
      .max_attempts = client->config.max_attempts,
      .is_awaited = is_awaited,
  };
  return dds_call_start(&client->caller, &request, out, error);
}

bool dds_client_wait_any(dds_client *client, dds_call *const *calls, size_t count, size_t *index,
                         dds_error *error) {
  return dds_call_wait_any(&client->caller, calls, count, index, error);
}

bool dds_client_wait_arrival(dds_client *client, dds_call *const *calls, size_t count,
                             size_t *index, dds_error *error) {
  return dds_call_wait_arrival(&client->caller, calls, count, index, error);
}

bool dds_client_poll(dds_client *client, dds_error *error) {
  return dds_caller_poll(&client->caller, error);
}

bool dds_client_pause(dds_client *client, int64_t duration_ms, dds_error *error) {
  return dds_caller_pause(&client->caller, duration_ms, error);
}

/* What is wrong is no failure of a description, but that memory ran out: it stands where the source
 * would. */
static bool note_problem(char **source, const dds_error *problem, dds_error *error) {
  return problem->code == DDS_NOMEM ? dds_error_set_nomem(error)
                                    : dds_text_copy(source, problem->message, error);
}

static bool describe_region(const dds_client *client, dds_client_place *out, dds_error *error) {
  const dds_config *config = &client->config;
  dds_error problem = DDS_ERROR_INIT;
  if (known_region(client) == NULL) {
    dds_error_set(&problem, DDS_ERROR,
                  "no region is configured by option region, AWS_REGION, AWS_DEFAULT_REGION or "
                  "profile %s%s",
                  config->profile,
                  config->imds_is_disabled ? "" : ": a request asks instance metadata for it");
    return note_problem(&out->region_source, &problem, error);
  }
  return dds_text_copy(&out->region, known_region(client), error) &&
         dds_text_copy(&out->region_source,
                       config->region != NULL ? config->region_source : "instance metadata", error);
}

static bool describe_endpoint_source(const dds_client *client, const dds_endpoint *endpoint,
                                     const char *account_id, dds_client_place *out,
                                     dds_error *error) {
  const dds_config *config = &client->config;
  const char *custom_source = config->endpoints[DDS_SERVICE_DYNAMODB].source;
  if (custom_source != NULL) {
    return dds_text_copy(&out->endpoint_source, custom_source, error);
  }
  dds_buffer text = DDS_BUFFER_INIT(NAME_LIMIT_BYTES);
  dds_buffer_append_format(&text, "region %s", out->region);
  if (endpoint->uses_account) {
    dds_buffer_append_format(&text, ", account %s", account_id);
  }
  const char *const switches[] = {config->fips_source, config->dualstack_source,
                                  config->account_mode_source};
  for (size_t i = 0; i < sizeof switches / sizeof switches[0]; i++) {
    if (switches[i] != NULL) {
      dds_buffer_append_format(&text, ", %s", switches[i]);
    }
  }
  bool is_described = dds_buffer_check(&text, error);
  if (is_described) {
    out->endpoint_source = dds_buffer_take(&text);
  }
  dds_buffer_free(&text);
  return is_described;
}

static bool describe_endpoint(const dds_client *client, const char *account_id,
                              dds_client_place *out, dds_error *error) {
  dds_error problem = DDS_ERROR_INIT;
  dds_endpoint endpoint = {0};
  if (out->region == NULL) {
    return true;
  }
  if (!dds_config_endpoint(&client->config, DDS_SERVICE_DYNAMODB, out->region, account_id,
                           &endpoint, &problem)) {
    return note_problem(&out->endpoint_source, &problem, error);
  }
  bool is_described = dds_text_copy(&out->endpoint, endpoint.url, error) &&
                      describe_endpoint_source(client, &endpoint, account_id, out, error);
  dds_endpoint_free(&endpoint);
  return is_described;
}

static bool describe_credentials(const dds_client *client, const dds_credentials *credentials,
                                 dds_client_place *out, dds_error *error) {
  return dds_text_copy(&out->credential_source, credentials->source, error) &&
         dds_text_copy(&out->access_key_id, credentials->access_key_id, error) &&
         describe_endpoint(client, credentials->account_id, out, error);
}

bool dds_client_describe(const dds_client *client, dds_client_place *out, dds_error *error) {
  const dds_config *config = &client->config;
  dds_error problem = DDS_ERROR_INIT;
  dds_credentials credentials = {0};
  *out = (dds_client_place){0};
  bool is_described = dds_text_copy(&out->profile, config->profile, error) &&
                      dds_text_copy(&out->profile_source, config->profile_source, error) &&
                      describe_region(client, out, error);
  if (is_described && dds_provider_describe(&client->provider, &credentials, &problem)) {
    is_described = describe_credentials(client, &credentials, out, error);
  } else if (is_described) {
    is_described = note_problem(&out->credential_source, &problem, error) &&
                   describe_endpoint(client, NULL, out, error);
  }
  dds_credentials_free(&credentials);
  if (!is_described) {
    dds_client_place_free(out);
  }
  return is_described;
}

void dds_client_place_free(dds_client_place *place) {
  char *const texts[] = {
      place->region,  place->region_source,  place->endpoint,          place->endpoint_source,
      place->profile, place->profile_source, place->credential_source, place->access_key_id};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    dds_free(texts[i]);
  }
  *place = (dds_client_place){0};
}
