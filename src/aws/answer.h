/*
 * What the end of an HTTP exchange means for an AWS JSON service: success, or an error with its
 * code, message, remedy and whether it is worth another attempt. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "aws/retry.h"
#include "aws/transport.h"
#include "base/error.h"

typedef struct dds_answer {
  dds_retry_kind retry;
  int64_t retry_after_ms; /* the server's wish, -1 for none */
  bool is_garbled;        /* HTTP 200 whose body is not what was sent: it may have been applied */
} dds_answer;

/*
 * Sets `error` unless the exchange is a success: HTTP 200, the checksum right, a JSON object.
 * `endpoint` and `credential_source` are words for messages. Neither signed headers nor what a
 * server repeats of them gets into a message.
 */
void dds_answer_read(const dds_exchange *exchange, const char *endpoint,
                     const char *credential_source, dds_answer *answer, dds_error *error);
