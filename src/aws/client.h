/*
 * A client of DynamoDB at one endpoint with one set of credentials: it signs, sends, retries and
 * reads errors, with many calls in flight (call.h). It knows nothing of tables or sessions.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "aws/call.h"
#include "aws/config.h"
#include "aws/credentials.h"
#include "aws/environment.h"
#include "aws/observer.h"
#include "aws/transport.h"
#include "base/attributes.h"
#include "base/buffer.h"
#include "base/error.h"

typedef struct dds_client dds_client;

/*
 * Reads the profile files and resolves configuration; sends nothing. That there is no region or
 * no credentials is an error at the first call, not here. The environment and the transport are
 * borrowed and must outlive the client; the observer is copied, and told of the calls that find
 * credentials and region.
 */
DDS_MUST_USE bool dds_client_open(const dds_client_options *options,
                                  const dds_environment *environment, dds_transport *transport,
                                  const dds_observer *observer, dds_client **out, dds_error *error);

/* The transport must hold no call of it any more. NULL is allowed. */
void dds_client_close(dds_client *client);

/* As configured; borrowed. */
const dds_config *dds_client_config(const dds_client *client);

/*
 * What is known of where its requests go and with which keys, without a request or a process.
 * Texts are owned (dds_client_place_free) and may be NULL; a source is words for a user, or why
 * there is none. What is known only after a request (the region of the instance, a role's keys, the
 * account's endpoint) shows once one was sent. False where memory ran out.
 */
typedef struct dds_client_place {
  char *region;
  char *region_source;
  char *endpoint;
  char *endpoint_source;
  char *profile;
  char *profile_source;
  char *credential_source;
  char *access_key_id;
} dds_client_place;

DDS_MUST_USE bool dds_client_describe(const dds_client *client, dds_client_place *place,
                                      dds_error *error);
void dds_client_place_free(dds_client_place *place);

/* The transport's clock, milliseconds since the epoch. */
int64_t dds_client_now_ms(const dds_client *client);

/*
 * Starts an operation of DynamoDB ("GetItem"). Takes the bytes of `body` (left empty), also on
 * failure. The call is owned by the caller: dds_call_free. `is_awaited`: he waits for it next.
 */
DDS_MUST_USE bool dds_client_start(dds_client *client, const char *operation, dds_buffer *body,
                                   bool is_awaited, dds_call **out, dds_error *error);

/* As dds_call_wait_any, for calls of this client. */
DDS_MUST_USE bool dds_client_wait_any(dds_client *client, dds_call *const *calls, size_t count,
                                      size_t *index, dds_error *error);

/* As dds_call_wait_arrival, for calls of this client. */
DDS_MUST_USE bool dds_client_wait_arrival(dds_client *client, dds_call *const *calls, size_t count,
                                          size_t *index, dds_error *error);

/* As dds_caller_poll, for all that is in flight. */
DDS_MUST_USE bool dds_client_poll(dds_client *client, dds_error *error);

/* Waits that long, driving calls in flight: for pacing. False where it was interrupted. */
DDS_MUST_USE bool dds_client_pause(dds_client *client, int64_t duration_ms, dds_error *error);
