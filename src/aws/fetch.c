/*
 * Single requests as calls (call.h) that are waited for at once. Everything on the way may hold
 * keys: the request's body, the answer's, the signature. All of it is wiped.
 */
#include "aws/fetch.h"

#include <string.h>

#include "aws/answer.h"
#include "aws/endpoint.h"
#include "aws/sign.h"

enum {
  HOST_LIMIT_BYTES = 1024,
  REQUEST_LIMIT_BYTES = 256 * 1024,
  RESPONSE_LIMIT_BYTES = 1024 * 1024,
  AUTHORIZATION_LIMIT_BYTES = 16 * 1024,
  MOST_OWN_HEADERS = 9,
  MOST_HEADERS = DDS_FETCH_MOST_HEADERS + MOST_OWN_HEADERS,
};

/* The protocol's context: one request on its way. */
typedef struct fetching {
  dds_fetcher *fetcher;
  const dds_fetch_request *request;
  dds_buffer host;   /* the Host header */
  dds_buffer origin; /* scheme and host, for messages: the rest of a URL may be a secret */
  const char *path;  /* of the URL, borrowed from the request */
  dds_signer signer;
  bool has_connected; /* in any attempt */
} fetching;

/* Headers in the order in which they were added; those without a value are left out. */
typedef struct header_list {
  dds_http_header headers[MOST_HEADERS];
  size_t count;
} header_list;

bool dds_fetcher_init(dds_fetcher *fetcher, dds_transport *transport, const dds_observer *observer,
                      dds_error *error) {
  fetcher->observer = *observer;
  return dds_caller_init(&fetcher->caller, transport, error);
}

static void add_header(header_list *list, const char *name, const char *value) {
  if (value != NULL && list->count < MOST_HEADERS) {
    list->headers[list->count++] = (dds_http_header){name, value};
  }
}

static bool send(dds_call *call, const fetching *f, const char *authorization, const char *amz_date,
                 dds_error *error) {
  const dds_fetch_request *r = f->request;
  bool is_signed = r->credentials != NULL;
  header_list list = {.count = 0};
  add_header(&list, "Host", dds_buffer_text(&f->host));
  add_header(&list, "User-Agent", DDS_CALL_USER_AGENT);
  add_header(&list, "Accept-Encoding", "identity");
  add_header(&list, "Content-Type", r->content_type);
  add_header(&list, "X-Amz-Date", is_signed ? amz_date : NULL);
  add_header(&list, "Authorization", is_signed ? authorization : NULL);
  add_header(&list, "X-Amz-Security-Token", is_signed ? r->credentials->session_token : NULL);
  add_header(&list, "amz-sdk-invocation-id", r->bypass_proxy ? NULL : dds_call_invocation_id(call));
  add_header(&list, "amz-sdk-request", r->bypass_proxy ? NULL : dds_call_attempt(call));
  for (size_t i = 0; i < r->header_count; i++) {
    add_header(&list, r->headers[i].name, r->headers[i].value);
  }
  dds_http_request request = {
      .method = r->method,
      .url = r->url,
      .headers = list.headers,
      .header_count = list.count,
      .ca_bundle = r->ca_bundle,
      .connect_timeout_ms = r->connect_timeout_ms,
      .request_timeout_ms = r->request_timeout_ms,
      .response_limit_bytes = RESPONSE_LIMIT_BYTES,
      .bypass_proxy = r->bypass_proxy,
      .is_secret = true,
  };
  return dds_call_send(call, &request, error);
}

static bool attempt(dds_call *call, void *context, dds_error *error) {
  fetching *f = context;
  const dds_fetch_request *r = f->request;
  char amz_date[17];
  if (r->credentials == NULL) {
    return send(call, f, NULL, NULL, error);
  }
  dds_buffer authorization = DDS_BUFFER_INIT_SECRET(AUTHORIZATION_LIMIT_BYTES);
  dds_sign_request to_sign = {
      .region = r->signing_region,
      .service = r->signing_service,
      .host = dds_buffer_text(&f->host),
      .path = f->path[0] == '\0' ? "/" : f->path,
      .content_type = r->content_type,
      .time_ms = dds_caller_server_now_ms(&f->fetcher->caller),
  };
  to_sign.body = dds_call_body(call, &to_sign.body_length);
  bool is_sent = dds_sign_authorization(&f->signer, r->credentials, &to_sign, &authorization,
                                        amz_date, error) &&
                 send(call, f, authorization.data, amz_date, error);
  dds_buffer_free(&authorization);
  return is_sent;
}

static void read_answer(const dds_call *call, void *context, const dds_exchange *exchange,
                        dds_answer *answer, dds_error *error) {
  fetching *f = context;
  const dds_fetch_request *r = f->request;
  const char *secrets[DDS_FETCH_MOST_SECRETS + 2] = {NULL};
  (void)call;
  for (size_t i = 0; i < r->secret_count && i < DDS_FETCH_MOST_SECRETS; i++) {
    secrets[i] = r->secrets[i];
  }
  if (r->credentials != NULL) {
    secrets[DDS_FETCH_MOST_SECRETS] = r->credentials->secret_access_key;
    secrets[DDS_FETCH_MOST_SECRETS + 1] = r->credentials->session_token;
  }
  const dds_answer_context about = {
      .form = DDS_ANSWER_ANY,
      .service = r->service,
      .endpoint = dds_buffer_text(&f->origin),
      .credential_source = r->credentials == NULL ? NULL : r->credentials->source,
      .retry_codes = r->retry_codes,
      .retry_code_count = r->retry_code_count,
      .request = {.secrets = secrets, .secret_count = sizeof secrets / sizeof secrets[0]},
  };
  f->has_connected |= exchange->failure != DDS_HTTP_NOT_SENT;
  dds_answer_read(exchange, &about, answer, error);
}

/* Starts the call; NULL with `error` where that fails. */
static dds_call *start(fetching *f, dds_error *error) {
  static const dds_call_protocol protocol = {attempt, read_answer};
  const dds_fetch_request *r = f->request;
  dds_buffer body = DDS_BUFFER_INIT_SECRET(REQUEST_LIMIT_BYTES);
  dds_call *call = NULL;
  dds_url url;
  if (!dds_endpoint_parse_any(r->url, &url, error)) {
    return NULL;
  }
  f->path = url.path;
  dds_endpoint_append_host(&f->host, &url);
  dds_buffer_append_format(&f->origin, "%s://%s", url.is_tls ? "https" : "http",
                           dds_buffer_text(&f->host));
  dds_buffer_append(&body, r->body, r->body_length);
  const dds_call_request request = {
      .operation = r->operation,
      .body = &body,
      .protocol = &protocol,
      .context = f,
      .max_attempts = r->max_attempts,
  };
  bool is_started = dds_buffer_check(&f->host, error) && dds_buffer_check(&f->origin, error) &&
                    dds_call_start(&f->fetcher->caller, &request, &call, error);
  dds_buffer_free(&body);
  return is_started ? call : NULL;
}

static void tell(const fetching *f, const dds_call_outcome *outcome, const dds_error *failure) {
  const dds_observer *observer = &f->fetcher->observer;
  int64_t now_ms = dds_caller_now_ms(&f->fetcher->caller);
  int64_t end_ms = outcome->finished_ms > 0 ? outcome->finished_ms : now_ms;
  const dds_record record = {
      .started_ms = outcome->started_ms > 0 ? outcome->started_ms : now_ms,
      .operation = f->request->operation,
      .words = f->request->words,
      .http_status = outcome->http_status,
      .error = failure->code == DDS_OK ? NULL : failure->message,
      .attempts = outcome->attempts,
      .duration_ms = outcome->started_ms > 0 ? end_ms - outcome->started_ms : 0,
      .request_bytes = outcome->request_bytes,
      .response_bytes = outcome->response_bytes,
      .items = -1,
      .scanned = -1,
      .capacity_units = -1.0,
      .request_id = outcome->request_id,
  };
  if (observer->record != NULL) {
    observer->record(observer->context, &record);
  }
}

static bool take_body(const dds_call_outcome *outcome, dds_fetch_answer *answer, dds_error *error) {
  dds_buffer_append(&answer->body, outcome->body, outcome->body_length);
  return dds_buffer_check(&answer->body, error);
}

/* Fills the answer, gives a failure its context and tells the observer. */
static void conclude(fetching *f, const dds_call_outcome *outcome, dds_fetch_answer *answer,
                     dds_error *failure) {
  answer->status = outcome->http_status;
  answer->is_unreachable = outcome->attempts > 0 && !f->has_connected;
  memcpy(answer->service_code, failure->service_code, sizeof answer->service_code);
  if (failure->code != DDS_OK || !take_body(outcome, answer, failure)) {
    dds_error_prefix(failure, "%s of %s failed: ", f->request->operation, f->request->service);
  }
  tell(f, outcome, failure);
}

bool dds_fetch(dds_fetcher *fetcher, const dds_fetch_request *request, dds_fetch_answer *answer,
               dds_error *error) {
  static const dds_call_outcome not_started = {.body = NULL};
  fetching f = {
      .fetcher = fetcher,
      .request = request,
      .host = DDS_BUFFER_INIT(HOST_LIMIT_BYTES),
      .origin = DDS_BUFFER_INIT(HOST_LIMIT_BYTES),
  };
  dds_error failure = DDS_ERROR_INIT;
  size_t index;
  *answer = (dds_fetch_answer){.body = DDS_BUFFER_INIT_SECRET(RESPONSE_LIMIT_BYTES)};
  dds_call *call = start(&f, &failure);
  if (call != NULL && dds_call_wait_any(&fetcher->caller, &call, 1, &index, &failure)) {
    failure = dds_call_result(call)->error;
  }
  conclude(&f, call == NULL ? &not_started : dds_call_result(call), answer, &failure);
  dds_call_free(call);
  dds_sign_forget(&f.signer);
  dds_buffer_free(&f.origin);
  dds_buffer_free(&f.host);
  return failure.code == DDS_OK || dds_error_pass_on(error, &failure);
}

void dds_fetch_answer_free(dds_fetch_answer *answer) {
  dds_buffer_free(&answer->body);
  *answer = (dds_fetch_answer){.status = 0};
}
