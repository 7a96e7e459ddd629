/*
 * How far a server's clock is from this machine's: a request whose signature holds a time that is
 * too far off is refused. Pure; the rules are those that the AWS SDKs share since 2026: every
 * answer is a measurement, every signature is made with the last one.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "aws/transport.h"
#include "base/error.h"

typedef struct dds_skew {
  int64_t offset_ms; /* server minus this machine; added to the clock when signing */
} dds_skew;

/*
 * Learns from an answer: Date minus the midpoint between sending and receiving. An answer with an
 * Age header, without a Date, or after a round trip of more than 15 minutes teaches nothing, nor
 * does one that may have lain there for more than a second before anybody looked.
 */
void dds_skew_learn(dds_skew *skew, const dds_exchange *exchange);

/*
 * Whether an error of this code may come from the time of a signature that was made with
 * `signed_offset_ms`, and is worth a retry: the code is one that a wrong time brings, and the skew
 * by now is more than 4 minutes from that offset. So an error that comes again with the right time
 * is final.
 */
bool dds_skew_explains(const dds_skew *skew, int64_t signed_offset_ms, const char *service_code);

/* Adds to an error that is final, where its code is about time, how far the clock is off. */
void dds_skew_describe(const dds_skew *skew, dds_error *error);
