/*
 * A client of one AWS JSON service at one endpoint with one set of credentials: it signs, sends,
 * retries and reads errors, with many calls in flight. It knows nothing of tables or sessions.
 *
 * A retry is a due time, not a sleep: whoever waits drives every call of the client.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "aws/config.h"
#include "aws/credentials.h"
#include "aws/environment.h"
#include "aws/transport.h"
#include "base/attributes.h"
#include "base/buffer.h"
#include "base/error.h"

typedef struct dds_client dds_client;
typedef struct dds_call dds_call;

/*
 * Reads the profile files and resolves configuration; sends nothing. That there is no region or
 * no credentials is an error at the first call, not here. The environment and the transport are
 * borrowed and must outlive the client.
 */
DDS_MUST_USE bool dds_client_open(const dds_client_options *options,
                                  const dds_environment *environment, dds_transport *transport,
                                  dds_client **out, dds_error *error);

/* The transport must hold no call of it any more. NULL is allowed. */
void dds_client_close(dds_client *client);

/* As resolved; borrowed. */
const dds_config *dds_client_config(const dds_client *client);

/*
 * The credentials, found on the first use and cached; fails as a call would. Borrowed until the
 * next call of the client. For display only source and access_key_id may be shown.
 */
DDS_MUST_USE bool dds_client_credentials(dds_client *client, const dds_credentials **out,
                                         dds_error *error);

/* The transport's clock, milliseconds since the epoch. */
int64_t dds_client_now_ms(const dds_client *client);

/*
 * Starts an operation of DynamoDB ("GetItem"). Takes the bytes of `body` (left empty), also on
 * failure. The call is owned by the caller: dds_call_free.
 */
DDS_MUST_USE bool dds_client_start(dds_client *client, const char *operation, dds_buffer *body,
                                   dds_call **out, dds_error *error);

/*
 * Works until one of the calls is finished, well or not, and gives its index. False where the wait
 * itself ended (DDS_INTERRUPT, DDS_NOMEM); the calls stay as they are. `count` is at least 1.
 */
DDS_MUST_USE bool dds_client_wait_any(dds_client *client, dds_call *const *calls, size_t count,
                                      size_t *index, dds_error *error);

/* Waits that long, driving calls in flight: for pacing. False where it was interrupted. */
DDS_MUST_USE bool dds_client_pause(dds_client *client, int64_t duration_ms, dds_error *error);

/* What is known of a finished call. */
typedef struct dds_call_outcome {
  dds_error error;  /* code DDS_OK: HTTP 200 with a whole body */
  const char *body; /* the last answer's, also an error's; borrowed from the call */
  size_t body_length;
  size_t request_bytes;  /* of the body, one attempt */
  size_t response_bytes; /* of all attempts */
  int http_status;       /* of the last attempt, 0 without an answer */
  int attempts;
  int64_t started_ms;
  int64_t finished_ms;
  char request_id[DDS_ERROR_REQUEST_ID_BYTES];
  /* An attempt was sent and not answered for certain (no whole answer, or 5xx), so that the
   * operation may have been applied: by that attempt, also where the last one failed otherwise. */
  bool may_have_been_applied;
} dds_call_outcome;

/* Borrowed from the call; valid once it is finished. */
const dds_call_outcome *dds_call_result(const dds_call *call);

/* Cancels it where it is still in flight. NULL is allowed. */
void dds_call_free(dds_call *call);
