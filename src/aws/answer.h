/*
 * What the end of an HTTP exchange means for an AWS JSON service: success, or an error with its
 * code, message, remedy and whether it is worth another attempt. Pure.
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
} dds_answer;

/* Of the request that was answered; borrowed. */
typedef struct dds_answer_context {
  const char *endpoint;          /* words for messages, and so is */
  const char *credential_source; /* this one */
  dds_echo_request request;
} dds_answer_context;

/*
 * Sets `error` unless the exchange is a success: HTTP 200, the checksum right, a JSON object.
 * Only DynamoDB's own JSON errors are quoted, and they only where they repeat nothing of the
 * request that is a secret: see dds_echo_is_in. No other body gets into a message.
 */
void dds_answer_read(const dds_exchange *exchange, const dds_answer_context *context,
                     dds_answer *answer, dds_error *error);
