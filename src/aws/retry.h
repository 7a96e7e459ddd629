/*
 * When a failed attempt is tried again: the AWS SDKs' retry rules of 2026 (SDKs and Tools
 * Reference Guide, "Retry behavior"). Pure: the clock and the random number are arguments.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "aws/transport.h"

typedef enum dds_retry_kind {
  DDS_RETRY_NEVER,
  DDS_RETRY_TRANSIENT,
  DDS_RETRY_THROTTLING
} dds_retry_kind;

/* The token bucket of one client: 500 tokens, which retries spend and successes refund. */
typedef struct dds_retry_bucket {
  int tokens;
} dds_retry_bucket;

/* Fills it. */
void dds_retry_bucket_init(dds_retry_bucket *bucket);

/* Takes what a retry of this kind costs; false where too few are left: do not retry. */
bool dds_retry_bucket_take(dds_retry_bucket *bucket, dds_retry_kind kind, int *cost);

/* A success: gives back what its last retry cost, or 1 where there was none (`cost` 0). */
void dds_retry_bucket_give(dds_retry_bucket *bucket, int cost);

/* What kind of failure an HTTP status and a service's error code ("" for none) are. */
dds_retry_kind dds_retry_classify(int http_status, const char *service_code);

/* No delay is longer: 20 s, and 5 s more where the server wishes so. */
enum { DDS_RETRY_LONGEST_DELAY_MS = 25000 };

/*
 * Milliseconds to wait before attempt `attempt` + 1, where `attempt` (1 …) just failed: full
 * jitter, `random` in [0,1). `retry_after_ms` is the server's wish, negative for none.
 */
int64_t dds_retry_delay_ms(dds_retry_kind kind, int attempt, double random, int64_t retry_after_ms);
