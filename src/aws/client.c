/*
 * The client. A call goes through three states: due (nothing sent, or waiting for its next
 * attempt), in flight (an exchange of the transport), finished. Waiting moves every call of the
 * client along; nothing moves otherwise, because there is one thread.
 *
 * What an answer means is in answer.c.
 */
#include "aws/client.h"

#include <stdio.h>
#include <string.h>

#include "aws/answer.h"
#include "aws/echo.h"
#include "aws/endpoint.h"
#include "aws/profile.h"
#include "aws/retry.h"
#include "aws/sign.h"
#include "base/alloc.h"
#include "base/hash.h"
#include "base/version.h"

/* A page is 1 MB, a BatchGetItem 16 MB, before JSON's escapes and types make it several times
 * that. */
#define RESPONSE_LIMIT_BYTES ((size_t)256 * 1024 * 1024)

enum { HEADER_LIMIT_BYTES = 16 * 1024, NAME_LIMIT_BYTES = 2048, INVOCATION_ID_BYTES = 37 };

static const char content_type[] = "application/x-amz-json-1.0";
static const char user_agent[] = "dynamodb-sessions/" DDS_VERSION " lang/c";

struct dds_client {
  const dds_environment *environment;
  dds_transport *transport;
  dds_profiles *profiles;
  dds_config config;
  char *url;  /* NULL while there is no region */
  char *host; /* the Host header, owned */
  dds_credentials credentials;
  bool has_credentials;
  dds_signer signer;
  dds_retry_bucket bucket;
  uint64_t random_state;
  dds_call *calls; /* those that are not finished, in the order of their start */
};

typedef enum call_state { CALL_DUE, CALL_IN_FLIGHT, CALL_FINISHED } call_state;

struct dds_call {
  dds_client *client;
  dds_call *next;
  call_state state;
  char *target;
  dds_buffer body;
  char invocation_id[INVOCATION_ID_BYTES];
  int64_t due_ms;
  int last_cost;          /* what its last retry took from the bucket */
  dds_exchange *exchange; /* in flight, or the last answer */
  dds_call_outcome outcome;
};

/* splitmix64: for jitter and ids, which need to differ, not to be secret. */
static uint64_t next_random(dds_client *client) {
  uint64_t z = client->random_state += UINT64_C(0x9E3779B97F4A7C15);
  z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
  z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
  return z ^ (z >> 31);
}

/* In [0,1). */
static double next_fraction(dds_client *client) {
  return (double)(next_random(client) >> 11) / 9007199254740992.0;
}

/* The URL and the Host header of the endpoint. */
static bool prepare_endpoint(dds_client *client, dds_error *error) {
  dds_url url;
  if (client->config.endpoint == NULL) {
    return true;
  }
  if (!dds_endpoint_parse(client->config.endpoint, &url, error)) {
    return false;
  }
  dds_buffer text = DDS_BUFFER_INIT(NAME_LIMIT_BYTES);
  dds_buffer host = DDS_BUFFER_INIT(NAME_LIMIT_BYTES);
  dds_buffer_append_format(&text, "%s/", client->config.endpoint);
  dds_buffer_append(&host, url.host, url.host_length);
  if (!url.port_is_default) {
    dds_buffer_append_format(&host, ":%d", url.port);
  }
  bool is_prepared = dds_buffer_check(&text, error) && dds_buffer_check(&host, error);
  if (is_prepared) {
    client->url = dds_buffer_take(&text);
    client->host = dds_buffer_take(&host);
  }
  dds_buffer_free(&host);
  dds_buffer_free(&text);
  return is_prepared;
}

bool dds_client_open(const dds_client_options *options, const dds_environment *environment,
                     dds_transport *transport, dds_client **out, dds_error *error) {
  *out = NULL;
  dds_client *client = dds_alloc(sizeof *client);
  if (client == NULL) {
    return dds_error_set_nomem(error);
  }
  client->environment = environment;
  client->transport = transport;
  dds_retry_bucket_init(&client->bucket);
  if (!dds_hash_random(&client->random_state, sizeof client->random_state)) {
    dds_error_set(error, DDS_ERROR, "libcrypto gives no random numbers");
  } else if (dds_profiles_load(environment, &client->profiles, error) &&
             dds_config_resolve(options, environment, client->profiles, &client->config, error) &&
             prepare_endpoint(client, error)) {
    *out = client;
    return true;
  }
  dds_client_close(client);
  return false;
}

void dds_client_close(dds_client *client) {
  if (client == NULL) {
    return;
  }
  dds_sign_forget(&client->signer);
  dds_credentials_free(&client->credentials);
  dds_config_free(&client->config);
  dds_profiles_free(client->profiles);
  dds_free(client->url);
  dds_free(client->host);
  dds_free(client);
}

const dds_config *dds_client_config(const dds_client *client) {
  return &client->config;
}

int64_t dds_client_now_ms(const dds_client *client) {
  return client->transport->now_ms(client->transport);
}

bool dds_client_credentials(dds_client *client, const dds_credentials **out, dds_error *error) {
  int64_t now_ms = dds_client_now_ms(client);
  if (client->has_credentials && client->credentials.expires_ms <= now_ms) {
    dds_credentials_free(&client->credentials);
    client->has_credentials = false;
  }
  if (!client->has_credentials) {
    const dds_credentials_context context = {
        .config = &client->config,
        .environment = client->environment,
        .profiles = client->profiles,
    };
    if (!dds_credentials_resolve(&context, &client->credentials, error)) {
      return false;
    }
    client->has_credentials = true;
  }
  if (client->credentials.expires_ms <= now_ms) {
    dds_error_set(error, DDS_AUTH,
                  "the credentials (%s) have expired: get new ones, for example by "
                  "`eval \"$(aws configure export-credentials --format env)\"`",
                  client->credentials.source);
    return false;
  }
  *out = &client->credentials;
  return true;
}

static bool check_region(const dds_client *client, dds_error *error) {
  if (client->config.region != NULL) {
    return true;
  }
  return dds_error_set(error, DDS_ERROR,
                       "You must specify a region: none is given by option region, AWS_REGION, "
                       "AWS_DEFAULT_REGION or profile %s",
                       client->config.profile);
}

static void unlink_call(dds_call *call) {
  for (dds_call **link = &call->client->calls; *link != NULL; link = &(*link)->next) {
    if (*link == call) {
      *link = call->next;
      break;
    }
  }
  call->next = NULL;
}

/* `error` is copied; its code DDS_OK means success. */
static void finish(dds_call *call, const dds_error *error) {
  dds_call_outcome *outcome = &call->outcome;
  outcome->error = *error;
  outcome->error.attempts = outcome->attempts;
  outcome->error.http_status = outcome->http_status;
  memcpy(outcome->error.request_id, outcome->request_id, sizeof outcome->request_id);
  outcome->finished_ms = dds_client_now_ms(call->client);
  /* Busy promises that nothing was applied, so that the same may be tried again. */
  if (outcome->error.code == DDS_BUSY && outcome->may_have_been_applied) {
    outcome->error.code = DDS_ERROR;
  }
  call->state = CALL_FINISHED;
  unlink_call(call);
}

static void release_exchange(dds_call *call) {
  dds_transport *transport = call->client->transport;
  if (call->exchange != NULL) {
    transport->release(transport, call->exchange);
  }
  call->exchange = NULL;
  call->outcome.body = NULL;
  call->outcome.body_length = 0;
}

/* Hands the signed request to the transport. */
static bool start_exchange(dds_call *call, const dds_credentials *credentials,
                           const char *authorization, const char *amz_date, dds_error *error) {
  dds_client *client = call->client;
  dds_transport *transport = client->transport;
  char attempt[48];
  snprintf(attempt, sizeof attempt, "attempt=%d; max=%d", call->outcome.attempts + 1,
           client->config.max_attempts);
  const dds_http_header headers[] = {
      {"Host", client->host},           {"Content-Type", content_type},
      {"X-Amz-Date", amz_date},         {"X-Amz-Target", call->target},
      {"Authorization", authorization}, {"User-Agent", user_agent},
      {"Accept-Encoding", "identity"},  {"amz-sdk-invocation-id", call->invocation_id},
      {"amz-sdk-request", attempt},     {"X-Amz-Security-Token", credentials->session_token},
  };
  size_t header_count = sizeof headers / sizeof headers[0];
  const dds_http_request request = {
      .method = "POST",
      .url = client->url,
      .headers = headers,
      .header_count = credentials->session_token == NULL ? header_count - 1 : header_count,
      .body = dds_buffer_text(&call->body),
      .body_length = call->body.length,
      .ca_bundle = client->config.ca_bundle,
      .connect_timeout_ms = client->config.connect_timeout_ms,
      .request_timeout_ms = client->config.request_timeout_ms,
      .response_limit_bytes = RESPONSE_LIMIT_BYTES,
  };
  if (!transport->start(transport, &request, call, &call->exchange, error)) {
    return false;
  }
  call->state = CALL_IN_FLIGHT;
  call->outcome.attempts++;
  return true;
}

/* Signs anew for each attempt, because a signature holds its time. */
static bool send_attempt(dds_call *call, dds_error *error) {
  dds_client *client = call->client;
  const dds_credentials *credentials;
  char amz_date[17];
  if (!check_region(client, error) || !dds_client_credentials(client, &credentials, error)) {
    return false;
  }
  const dds_sign_request to_sign = {
      .region = client->config.signing_region,
      .service = "dynamodb",
      .host = client->host,
      .content_type = content_type,
      .target = call->target,
      .body = dds_buffer_text(&call->body),
      .body_length = call->body.length,
      .time_ms = dds_client_now_ms(client),
  };
  dds_buffer authorization = DDS_BUFFER_INIT_SECRET(HEADER_LIMIT_BYTES);
  bool is_sent = dds_sign_authorization(&client->signer, credentials, &to_sign, &authorization,
                                        amz_date, error) &&
                 start_exchange(call, credentials, authorization.data, amz_date, error);
  dds_buffer_free(&authorization);
  return is_sent;
}

static void note_exchange(dds_call *call, const dds_exchange *exchange,
                          const dds_echo_request *request) {
  dds_call_outcome *outcome = &call->outcome;
  bool is_answered = exchange->failure == DDS_HTTP_ANSWERED;
  outcome->http_status = is_answered ? exchange->status : 0;
  outcome->response_bytes += exchange->body.length;
  outcome->body = dds_buffer_text(&exchange->body);
  outcome->body_length = exchange->body.length;
  bool is_echo = dds_echo_is_in(request, exchange->request_id);
  snprintf(outcome->request_id, sizeof outcome->request_id, "%s",
           is_echo ? "" : exchange->request_id);
  if (exchange->has_lost_answer || (is_answered && exchange->status >= 500)) {
    outcome->may_have_been_applied = true;
  }
}

/* Takes the retry from the bucket and sets when it is due; false: the failure is final. */
static bool schedule_retry(dds_call *call, const dds_answer *answer) {
  dds_client *client = call->client;
  if (answer->retry == DDS_RETRY_NEVER || call->outcome.attempts >= client->config.max_attempts ||
      !dds_retry_bucket_take(&client->bucket, answer->retry, &call->last_cost)) {
    return false;
  }
  int64_t delay_ms = dds_retry_delay_ms(answer->retry, call->outcome.attempts,
                                        next_fraction(client), answer->retry_after_ms);
  release_exchange(call);
  call->state = CALL_DUE;
  call->due_ms = dds_client_now_ms(client) + delay_ms;
  return true;
}

static void take_answer(dds_call *call, const dds_exchange *exchange) {
  dds_client *client = call->client;
  dds_error error = DDS_ERROR_INIT;
  dds_answer answer;
  const dds_credentials *credentials = &client->credentials;
  const dds_answer_context context = {
      .endpoint = client->config.endpoint,
      .credential_source = client->has_credentials ? credentials->source : "none",
      .request = {.secret_access_key = credentials->secret_access_key,
                  .session_token = credentials->session_token,
                  .body = dds_buffer_text(&call->body),
                  .body_length = call->body.length},
  };
  note_exchange(call, exchange, &context.request);
  dds_answer_read(exchange, &context, &answer, &error);
  if (error.code == DDS_OK) {
    dds_retry_bucket_give(&client->bucket, call->last_cost);
    finish(call, &error);
    return;
  }
  if (answer.is_garbled) {
    call->outcome.may_have_been_applied = true;
  }
  if (schedule_retry(call, &answer)) {
    return;
  }
  bool is_quota =
      answer.retry != DDS_RETRY_NEVER && call->outcome.attempts < client->config.max_attempts;
  if (is_quota) {
    dds_error_append(&error, " (not retried: too many requests failed lately)");
  }
  finish(call, &error);
}

static void write_invocation_id(dds_client *client, char id[INVOCATION_ID_BYTES]) {
  uint64_t high = next_random(client), low = next_random(client);
  /* A UUID of version 4, variant 1 (RFC 9562, section 5.4). */
  high = (high & ~UINT64_C(0xF000)) | UINT64_C(0x4000);
  low = (low & UINT64_C(0x3FFFFFFFFFFFFFFF)) | UINT64_C(0x8000000000000000);
  snprintf(id, INVOCATION_ID_BYTES, "%08x-%04x-%04x-%04x-%04x%08x", (unsigned)(high >> 32),
           (unsigned)(high >> 16 & 0xFFFF), (unsigned)(high & 0xFFFF), (unsigned)(low >> 48),
           (unsigned)(low >> 32 & 0xFFFF), (unsigned)(low & 0xFFFFFFFF));
}

static dds_call *create_call(dds_client *client, const char *operation, dds_buffer *body,
                             dds_error *error) {
  dds_buffer target = DDS_BUFFER_INIT(NAME_LIMIT_BYTES);
  dds_call *call = NULL;
  dds_buffer_append_format(&target, "DynamoDB_20120810.%s", operation);
  if (dds_buffer_check(body, error) && dds_buffer_check(&target, error)) {
    call = dds_alloc(sizeof *call);
    if (call == NULL) {
      dds_error_set_nomem(error);
    }
  }
  if (call == NULL) {
    dds_buffer_free(&target);
    dds_buffer_free(body);
    return NULL;
  }
  call->client = client;
  call->state = CALL_DUE;
  call->target = dds_buffer_take(&target);
  call->body = *body;
  *body = DDS_BUFFER_INIT(body->maximum);
  call->outcome.request_bytes = call->body.length;
  call->outcome.started_ms = dds_client_now_ms(client);
  write_invocation_id(client, call->invocation_id);
  return call;
}

bool dds_client_start(dds_client *client, const char *operation, dds_buffer *body, dds_call **out,
                      dds_error *error) {
  *out = NULL;
  dds_call *call = create_call(client, operation, body, error);
  if (call == NULL) {
    return false;
  }
  if (!send_attempt(call, error)) {
    dds_call_free(call);
    return false;
  }
  dds_call **end = &client->calls;
  while (*end != NULL) {
    end = &(*end)->next;
  }
  *end = call;
  *out = call;
  return true;
}

const dds_call_outcome *dds_call_result(const dds_call *call) {
  return &call->outcome;
}

void dds_call_free(dds_call *call) {
  if (call == NULL) {
    return;
  }
  unlink_call(call);
  release_exchange(call);
  dds_buffer_free(&call->body);
  dds_free(call->target);
  dds_free(call);
}

/* Sends what is due and gives the time at which the next call is, INT64_MAX for none. */
static int64_t send_due(dds_client *client) {
  int64_t next_ms = INT64_MAX, now_ms = dds_client_now_ms(client);
  dds_call *following;
  for (dds_call *call = client->calls; call != NULL; call = following) {
    following = call->next; /* finish takes the call out of the list */
    if (call->state != CALL_DUE) {
      continue;
    }
    if (call->due_ms > now_ms) {
      if (call->due_ms < next_ms) {
        next_ms = call->due_ms;
      }
      continue;
    }
    dds_error error = DDS_ERROR_INIT;
    if (!send_attempt(call, &error)) {
      finish(call, &error);
    }
  }
  return next_ms;
}

/* One step: until an exchange ends, a call is due, or `until_ms`. */
static bool step(dds_client *client, int64_t until_ms, dds_error *error) {
  dds_error failure = DDS_ERROR_INIT;
  dds_exchange *exchange = client->transport->wait(client->transport, until_ms, &failure);
  if (exchange != NULL) {
    take_answer(exchange->owner, exchange); /* which may be a call of another client */
    return true;
  }
  if (failure.code == DDS_OK) {
    return true;
  }
  if (error->code == DDS_OK) {
    *error = failure;
  }
  return false;
}

bool dds_client_wait_any(dds_client *client, dds_call *const *calls, size_t count, size_t *index,
                         dds_error *error) {
  for (;;) {
    int64_t next_ms = send_due(client);
    for (size_t i = 0; i < count; i++) {
      if (calls[i]->state == CALL_FINISHED) {
        *index = i;
        return true;
      }
    }
    if (!step(client, next_ms, error)) {
      return false;
    }
  }
}

bool dds_client_pause(dds_client *client, int64_t duration_ms, dds_error *error) {
  int64_t until_ms = dds_client_now_ms(client) + duration_ms;
  while (dds_client_now_ms(client) < until_ms) {
    int64_t next_ms = send_due(client);
    if (!step(client, next_ms < until_ms ? next_ms : until_ms, error)) {
      return false;
    }
  }
  return true;
}
