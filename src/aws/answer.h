/*
 * What the end of an HTTP exchange means for an AWS service: success, or an error with its code,
 * message, remedy and whether it is worth another attempt. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "aws/echo.h"
#include "aws/retry.h"
#include "aws/transport.h"
#include "base/error.h"

typedef struct dds_answer {
  dds_retry_kind retry;
  int64_t retry_after_ms; /* the server's wish, -1 for none */
  bool is_garbled;        /* HTTP 200 whose body is not what was sent: it may have been applied */
  bool hides_request_id;  /* the answer's request id repeats what was sent */
  bool refuses_keys;      /* the credentials are no good any more, others might be */
} dds_answer;

/* How a service words its answers. */
typedef enum dds_answer_form {
  DDS_ANSWER_AWS_JSON, /* always a JSON object; an error has __type and message */
  DDS_ANSWER_ANY,      /* anything; an error is XML of the query protocol, or JSON in one of the
                          ways of SSO, OIDC and the metadata services */
} dds_answer_form;

/* Of the request that was answered; borrowed. */
typedef struct dds_answer_context {
  dds_answer_form form;
  const char *service;            /* words for messages: "DynamoDB", */
  const char *endpoint;           /* its URL, */
  const char *credential_source;  /* and where the keys came from; NULL: it was not signed */
  const char *const *retry_codes; /* codes to be tried again besides the usual ones */
  size_t retry_code_count;
  dds_echo_request request;
} dds_answer_context;

/*
 * Sets `error` unless the exchange is a success: HTTP 200, the checksum right, a JSON object where
 * the form says so. Only the service's own errors are quoted, and they only where they repeat
 * nothing of the request that is a secret: see dds_echo_is_in. No other body gets into a message.
 */
void dds_answer_read(const dds_exchange *exchange, const dds_answer_context *context,
                     dds_answer *answer, dds_error *error);
