/* The retry rules: classes, delays, the token bucket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "aws/retry.h"

/* Every code of the SDKs' lists. */
static void test_codes(void **state) {
  (void)state;
  static const char *const throttling[] = {
      "Throttling",
      "ThrottlingException",
      "ThrottledException",
      "RequestThrottled",
      "RequestThrottledException",
      "TooManyRequestsException",
      "ProvisionedThroughputExceededException",
      "RequestLimitExceeded",
      "LimitExceededException",
      "TransactionInProgressException",
      "BandwidthLimitExceeded",
      "SlowDown",
      "PriorRequestNotComplete",
      "EC2ThrottledException",
  };
  static const char *const transient[] = {"RequestTimeout", "RequestTimeoutException",
                                          "ReplicatedWriteConflictException"};
  for (size_t i = 0; i < sizeof throttling / sizeof throttling[0]; i++) {
    assert_int_equal(dds_retry_classify(400, throttling[i]), DDS_RETRY_THROTTLING);
  }
  for (size_t i = 0; i < sizeof transient / sizeof transient[0]; i++) {
    assert_int_equal(dds_retry_classify(400, transient[i]), DDS_RETRY_TRANSIENT);
  }
}

static void test_classify(void **state) {
  (void)state;
  static const struct {
    int status;
    const char *code;
    dds_retry_kind kind;
  } cases[] = {
      {400, "TransactionConflictException", DDS_RETRY_THROTTLING},
      {503, "SlowDown", DDS_RETRY_THROTTLING},
      {500, "InternalServerError", DDS_RETRY_TRANSIENT},
      {500, "", DDS_RETRY_TRANSIENT},
      {502, "", DDS_RETRY_TRANSIENT},
      {503, "ServiceUnavailable", DDS_RETRY_TRANSIENT},
      {504, "", DDS_RETRY_TRANSIENT},
      {501, "", DDS_RETRY_NEVER},
      {400, "", DDS_RETRY_NEVER},
      {400, "ConditionalCheckFailedException", DDS_RETRY_NEVER},
      {400, "ValidationException", DDS_RETRY_NEVER},
      {400, "ResourceNotFoundException", DDS_RETRY_NEVER},
      {400, "ResourceInUseException", DDS_RETRY_NEVER},
      {400, "TransactionCanceledException", DDS_RETRY_NEVER},
      {403, "AccessDeniedException", DDS_RETRY_NEVER},
      {301, "", DDS_RETRY_NEVER},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    assert_int_equal(dds_retry_classify(cases[i].status, cases[i].code), cases[i].kind);
  }
}

static void test_delay(void **state) {
  (void)state;
  static const struct {
    dds_retry_kind kind;
    int attempt;
    double random;
    int64_t retry_after_ms, delay_ms;
  } cases[] = {
      {DDS_RETRY_TRANSIENT, 1, 0.0, -1, 0},
      {DDS_RETRY_TRANSIENT, 1, 0.999, -1, 24},
      {DDS_RETRY_TRANSIENT, 2, 0.5, -1, 25},
      {DDS_RETRY_TRANSIENT, 3, 0.5, -1, 50},
      {DDS_RETRY_THROTTLING, 1, 0.5, -1, 500},
      {DDS_RETRY_THROTTLING, 3, 0.5, -1, 2000},
      {DDS_RETRY_THROTTLING, 5, 0.5, -1, 8000},
      {DDS_RETRY_THROTTLING, 6, 0.5, -1, 10000},
      {DDS_RETRY_THROTTLING, 1000, 0.5, -1, 10000},
      {DDS_RETRY_TRANSIENT, 1000000, 0.5, -1, 10000},
      {DDS_RETRY_TRANSIENT, 1, 0.4, 300, 300},
      {DDS_RETRY_TRANSIENT, 1, 0.4, 5, 10},
      {DDS_RETRY_TRANSIENT, 1, 0.4, 0, 10},
      {DDS_RETRY_TRANSIENT, 1, 0.4, 60000, 5010},
      {DDS_RETRY_THROTTLING, 2, 0.5, INT64_MAX, 6000},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    assert_true(dds_retry_delay_ms(cases[i].kind, cases[i].attempt, cases[i].random,
                                   cases[i].retry_after_ms) == cases[i].delay_ms);
  }
}

static void test_bucket(void **state) {
  (void)state;
  dds_retry_bucket bucket;
  int cost = 0, taken = 0;
  dds_retry_bucket_init(&bucket);
  assert_int_equal(bucket.tokens, 500);
  dds_retry_bucket_give(&bucket, 0);
  assert_int_equal(bucket.tokens, 500);
  assert_true(dds_retry_bucket_take(&bucket, DDS_RETRY_THROTTLING, &cost));
  assert_int_equal(cost, 5);
  assert_int_equal(bucket.tokens, 495);
  dds_retry_bucket_give(&bucket, cost);
  assert_int_equal(bucket.tokens, 500);
  while (dds_retry_bucket_take(&bucket, DDS_RETRY_TRANSIENT, &cost)) {
    taken++;
  }
  assert_int_equal(cost, 14);
  assert_int_equal(taken, 35);
  assert_int_equal(bucket.tokens, 10);
  assert_true(dds_retry_bucket_take(&bucket, DDS_RETRY_THROTTLING, &cost));
  dds_retry_bucket_give(&bucket, 0);
  assert_int_equal(bucket.tokens, 6);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_codes),
      cmocka_unit_test(test_classify),
      cmocka_unit_test(test_delay),
      cmocka_unit_test(test_bucket),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
