/*
 * A transport for unit tests: answers come from a queue, in the order in which requests start, and
 * the clock is the script's own: waiting moves it to when the next answer is there, or to the end
 * of the wait. Nothing sleeps.
 *
 *   scripted_transport *script = scripted_transport_create(NULL);
 *   scripted_transport_answer(script, 400, "{\"__type\":\"a#ThrottlingException\"}");
 *   scripted_transport_answer(script, 200, "{}");
 *   dds_client_open(&options, &environment, scripted_transport_base(script), &client, &error);
 *   …
 *   const scripted_request *request = scripted_transport_request(script, 0);
 *   scripted_transport_destroy(script);
 *
 * The script's memory is the C library's, so that it does not disturb the failing allocator; only
 * answers' bodies, which are buffers, are base's. A request without an answer in the queue fails
 * with "the script has no more answers".
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "aws/transport.h"

typedef struct scripted_transport scripted_transport;

/* What a request was, copied when it started. */
typedef struct scripted_request {
  int64_t started_ms;
  char *method;
  char *url;
  char *target; /* the operation: "GetItem" of X-Amz-Target, or "" */
  char *body;   /* NUL-terminated */
  size_t body_length;
  size_t header_count;
  char **header_names;
  char **header_values;
  int connect_timeout_ms;
  int request_timeout_ms;
  char *ca_bundle; /* or NULL */
  bool bypass_proxy;
  bool is_secret;
  bool is_awaited;
} scripted_request;

/* An answer with everything that can be scripted; zero means the usual. */
typedef struct scripted_answer {
  dds_http_failure failure;
  const char *failure_message;
  int status;
  const char *body;       /* copied */
  size_t body_length;     /* 0: strlen of body */
  const char *request_id; /* NULL: "REQUEST" and the number of the request, from 1 */
  const char *retry_after;
  const char *date; /* the Date header; NULL: none */
  bool has_age;
  const char *crc32;    /* NULL: the right one; "": none */
  int64_t duration_ms;  /* 0: 1 ms */
  bool never;           /* it does not come: the request stays in flight */
  bool has_lost_answer; /* also where it was answered in the end */
} scripted_answer;

/* `stop` may be NULL; it is asked once every 50 ms of the script's time. */
scripted_transport *scripted_transport_create(const dds_stop *stop);
void scripted_transport_destroy(scripted_transport *script);
dds_transport *scripted_transport_base(scripted_transport *script);

/* Puts an answer behind those in the queue. */
void scripted_transport_answer(scripted_transport *script, int status, const char *body);
void scripted_transport_answer_with(scripted_transport *script, const scripted_answer *answer);
void scripted_transport_fail(scripted_transport *script, dds_http_failure failure);

/* While the queue is empty, asks for the answer to each request as it starts; the texts that
 * `answer` gets are copied when `serve` returns. */
typedef void scripted_serve(void *context, const scripted_request *request,
                            scripted_answer *answer);
void scripted_transport_serve(scripted_transport *script, scripted_serve *serve, void *context);

/* Answers that no request has taken yet. */
size_t scripted_transport_answers_left(const scripted_transport *script);

/* The requests that were started, from 0; NULL behind the last. */
size_t scripted_transport_request_count(const scripted_transport *script);
const scripted_request *scripted_transport_request(const scripted_transport *script, size_t index);

/* A header's value, found without regard to case, or NULL. */
const char *scripted_request_header(const scripted_request *request, const char *name);

/* Exchanges that were started and not released. */
size_t scripted_transport_open_exchanges(const scripted_transport *script);

/* The most exchanges that were in flight at one time. */
size_t scripted_transport_most_in_flight(const scripted_transport *script);

void scripted_transport_set_now(scripted_transport *script, int64_t now_ms);
int64_t scripted_transport_now(const scripted_transport *script);
