/* The retry rules as tables and arithmetic. */
#include "aws/retry.h"

#include <stddef.h>
#include <string.h>

enum {
  BUCKET_TOKENS = 500,
  MAXIMUM_DELAY_MS = 20000,
  RETRY_AFTER_SLACK_MS = DDS_RETRY_LONGEST_DELAY_MS - MAXIMUM_DELAY_MS,
};

/* By kind; dds_retry_kind is the index. */
static const struct {
  int base_ms;
  int cost;
} rules[] = {
    [DDS_RETRY_NEVER] = {0, 0},
    [DDS_RETRY_TRANSIENT] = {25, 14},
    [DDS_RETRY_THROTTLING] = {1000, 5},
};

static const struct {
  const char *code;
  dds_retry_kind kind;
} codes[] = {
    {"Throttling", DDS_RETRY_THROTTLING},
    {"ThrottlingException", DDS_RETRY_THROTTLING},
    {"ThrottledException", DDS_RETRY_THROTTLING},
    {"RequestThrottled", DDS_RETRY_THROTTLING},
    {"RequestThrottledException", DDS_RETRY_THROTTLING},
    {"TooManyRequestsException", DDS_RETRY_THROTTLING},
    {"ProvisionedThroughputExceededException", DDS_RETRY_THROTTLING},
    {"RequestLimitExceeded", DDS_RETRY_THROTTLING},
    {"LimitExceededException", DDS_RETRY_THROTTLING},
    {"TransactionInProgressException", DDS_RETRY_THROTTLING},
    {"BandwidthLimitExceeded", DDS_RETRY_THROTTLING},
    {"SlowDown", DDS_RETRY_THROTTLING},
    {"PriorRequestNotComplete", DDS_RETRY_THROTTLING},
    {"EC2ThrottledException", DDS_RETRY_THROTTLING},
    /* A single write that met a transaction: as TransactionConflict, nothing was applied. */
    {"TransactionConflictException", DDS_RETRY_THROTTLING},
    {"RequestTimeout", DDS_RETRY_TRANSIENT},
    {"RequestTimeoutException", DDS_RETRY_TRANSIENT},
    {"ReplicatedWriteConflictException", DDS_RETRY_TRANSIENT},
};

static const int transient_statuses[] = {500, 502, 503, 504};

void dds_retry_bucket_init(dds_retry_bucket *bucket) {
  bucket->tokens = BUCKET_TOKENS;
}

bool dds_retry_bucket_take(dds_retry_bucket *bucket, dds_retry_kind kind, int *cost) {
  if (bucket->tokens < rules[kind].cost) {
    return false;
  }
  bucket->tokens -= rules[kind].cost;
  *cost = rules[kind].cost;
  return true;
}

void dds_retry_bucket_give(dds_retry_bucket *bucket, int cost) {
  bucket->tokens += cost > 0 ? cost : 1;
  if (bucket->tokens > BUCKET_TOKENS) {
    bucket->tokens = BUCKET_TOKENS;
  }
}

dds_retry_kind dds_retry_classify(int http_status, const char *service_code) {
  for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
    if (strcmp(service_code, codes[i].code) == 0) {
      return codes[i].kind;
    }
  }
  for (size_t i = 0; i < sizeof transient_statuses / sizeof transient_statuses[0]; i++) {
    if (http_status == transient_statuses[i]) {
      return DDS_RETRY_TRANSIENT;
    }
  }
  return DDS_RETRY_NEVER;
}

int64_t dds_retry_delay_ms(dds_retry_kind kind, int attempt, double random,
                           int64_t retry_after_ms) {
  int64_t ceiling_ms = rules[kind].base_ms;
  for (int i = 1; i < attempt && ceiling_ms < MAXIMUM_DELAY_MS; i++) {
    ceiling_ms *= 2;
  }
  if (ceiling_ms > MAXIMUM_DELAY_MS) {
    ceiling_ms = MAXIMUM_DELAY_MS;
  }
  int64_t delay_ms = (int64_t)(random * (double)ceiling_ms);
  if (retry_after_ms <= delay_ms) {
    return delay_ms;
  }
  int64_t latest_ms = delay_ms + RETRY_AFTER_SLACK_MS;
  return retry_after_ms < latest_ms ? retry_after_ms : latest_ms;
}
