/*
 * Calls with attempts: a call goes through four states, due (nothing sent, or waiting for its next
 * attempt), in flight, arrived (answered, and nobody has looked at the answer), finished. A caller
 * holds what the calls to one service share: transport, token bucket, clock skew, the calls that
 * are not finished. What a request looks like and what its answer means is the protocol's: client.c
 * has DynamoDB's, fetch.c that of the services that give out credentials.
 *
 * A retry is a due time, not a sleep: whoever waits for one call drives every call of its caller.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "aws/answer.h"
#include "aws/retry.h"
#include "aws/skew.h"
#include "aws/transport.h"
#include "base/attributes.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/version.h"

typedef struct dds_call dds_call;

/* The User-Agent header of every request. */
#define DDS_CALL_USER_AGENT "dynamodb-sessions/" DDS_VERSION " lang/c"

/* How a call is sent and read. */
typedef struct dds_call_protocol {
  /* One attempt: builds the request, signed anew, and hands it to dds_call_send. */
  bool (*attempt)(dds_call *call, void *context, dds_error *error);
  /* Sets `error` unless the exchange is a success, and says whether it is worth a retry. */
  void (*read)(const dds_call *call, void *context, const dds_exchange *exchange,
               dds_answer *answer, dds_error *error);
} dds_call_protocol;

/* Zero it but for dds_caller_init's work; holds no memory while it has no calls. */
typedef struct dds_caller {
  dds_transport *transport; /* borrowed */
  dds_retry_bucket bucket;
  dds_skew skew;
  uint64_t random_state;
  dds_call *calls; /* those that are not finished, in the order of their start */
} dds_caller;

/* False where libcrypto gives no random numbers. */
DDS_MUST_USE bool dds_caller_init(dds_caller *caller, dds_transport *transport, dds_error *error);

/* The transport's clock, and the server's as far as it is known: milliseconds since the epoch. */
int64_t dds_caller_now_ms(const dds_caller *caller);
int64_t dds_caller_server_now_ms(const dds_caller *caller);

/* What a call is made of. */
typedef struct dds_call_request {
  const char *operation; /* "GetItem"; copied */
  dds_buffer *body;      /* its bytes are taken (left empty), also on failure */
  const dds_call_protocol *protocol;
  void *context; /* the protocol's; must outlive the call */
  int max_attempts;
  bool is_awaited; /* whoever starts it waits for it next (transport.h) */
} dds_call_request;

/* Sends the first attempt. As all that waits, it refuses while the transport's stop callback is
 * asked: somebody waits already then (stop.h). The call is owned by the caller of this:
 * dds_call_free. */
DDS_MUST_USE bool dds_call_start(dds_caller *caller, const dds_call_request *request,
                                 dds_call **out, dds_error *error);

/* For a protocol's `attempt`: the call's own parts, and the way to the transport. The request's
 * body is filled in here. */
const char *dds_call_operation(const dds_call *call);
const char *dds_call_body(const dds_call *call, size_t *length);
const char *dds_call_invocation_id(const dds_call *call); /* for amz-sdk-invocation-id, and */
const char *dds_call_attempt(dds_call *call); /* for amz-sdk-request: "attempt=1; max=4" */
DDS_MUST_USE bool dds_call_send(dds_call *call, dds_http_request *request, dds_error *error);

/*
 * Works until one of the calls is finished, well or not, and gives its index. False where the wait
 * itself ended (DDS_INTERRUPT, DDS_NOMEM); the calls stay as they are. `count` is at least 1.
 */
DDS_MUST_USE bool dds_call_wait_any(dds_caller *caller, dds_call *const *calls, size_t count,
                                    size_t *index, dds_error *error);

/*
 * The same, but returns for a call too whose answer has come and is not judged yet: whether its
 * checksum is right, whether it is an error, whether it is to be tried again. So that another call
 * can be started before that takes its time.
 */
DDS_MUST_USE bool dds_call_wait_arrival(dds_caller *caller, dds_call *const *calls, size_t count,
                                        size_t *index, dds_error *error);

/* Whether its answer has come, judged or not; false again while it is tried once more. */
bool dds_call_has_arrived(const dds_call *call);

/* The body of an HTTP 200 that has come and was not found wrong; false where there is none.
 * Borrowed until the call is waited for, or freed. */
bool dds_call_peek(const dds_call *call, const char **body, size_t *length);

/* Judges an answer that has come without waiting for anything, and as the last: it is not tried
 * again. For whoever gives up a call and tells how it ended. False where it is not finished. */
bool dds_call_settle(dds_call *call);

/* Takes in what has come and sends what is due, without waiting: for callers who are busy with
 * something else meanwhile. Judges nothing. False where the stop callback says stop. */
DDS_MUST_USE bool dds_caller_poll(dds_caller *caller, dds_error *error);

/* Waits that long, driving calls in flight. False where it was interrupted. */
DDS_MUST_USE bool dds_caller_pause(dds_caller *caller, int64_t duration_ms, dds_error *error);

/* What is known of a finished call. */
typedef struct dds_call_outcome {
  dds_error error;  /* code DDS_OK: a success by the protocol */
  const char *body; /* the last answer's, also an error's; borrowed from the call */
  size_t body_length;
  size_t request_bytes;  /* of the body, one attempt */
  size_t response_bytes; /* of all attempts */
  int http_status;       /* of the last attempt, 0 without an answer */
  int attempts;
  int64_t started_ms;
  int64_t finished_ms; /* when the last answer came; 0: it is not finished */
  char request_id[DDS_ERROR_REQUEST_ID_BYTES];
  /* An attempt was sent and not answered for certain (no whole answer, or 5xx), so that the
   * operation may have been applied: by that attempt, also where the last one failed otherwise. */
  bool may_have_been_applied;
} dds_call_outcome;

/* Borrowed from the call; valid once it is finished. */
const dds_call_outcome *dds_call_result(const dds_call *call);

/* The error in it, for whoever says what the call was about. */
dds_error *dds_call_error(dds_call *call);

/* Cancels it where it is still in flight. NULL is allowed. */
void dds_call_free(dds_call *call);
