/* The rules of clock skew. */
#include "aws/skew.h"

#include <inttypes.h>
#include <string.h>

#include "base/timestamp.h"

/* Servers accept five minutes; a minute less allows for the time on the way. */
#define TOLERANCE_MS     INT64_C(240000)
#define LONGEST_TRIP_MS  INT64_C(900000)
#define LONGEST_AWAY_MS  INT64_C(1000)
#define WORTH_TELLING_MS INT64_C(1000)

/* Codes that a wrong time brings, and how far off the clock must be for that to be told. */
static const struct {
  const char *code;
  int64_t told_from_ms;
} codes[] = {
    {"InvalidSignatureException", TOLERANCE_MS},
    {"SignatureDoesNotMatch", TOLERANCE_MS},
    {"AuthFailure", TOLERANCE_MS},
    {"RequestTimeTooSkewed", WORTH_TELLING_MS},
    {"AccessDeniedException", INT64_MAX}, /* policies deny more often than clocks do */
};

enum { CODE_COUNT = sizeof codes / sizeof codes[0] };

static size_t find_code(const char *service_code) {
  size_t i = 0;
  while (i < CODE_COUNT && strcmp(service_code, codes[i].code) != 0) {
    i++;
  }
  return i;
}

static int64_t magnitude(int64_t value) {
  return value < 0 ? -value : value;
}

void dds_skew_learn(dds_skew *skew, const dds_exchange *exchange) {
  int64_t trip_ms = exchange->finished_ms - exchange->started_ms;
  int64_t date_ms;
  if (exchange->failure == DDS_HTTP_ANSWERED && !exchange->has_age && trip_ms >= 0 &&
      trip_ms <= LONGEST_TRIP_MS && exchange->away_ms <= LONGEST_AWAY_MS &&
      dds_timestamp_parse_http(exchange->date, strlen(exchange->date), &date_ms)) {
    skew->offset_ms = date_ms - (exchange->started_ms + trip_ms / 2);
  }
}

bool dds_skew_explains(const dds_skew *skew, int64_t signed_offset_ms, const char *service_code) {
  return find_code(service_code) < CODE_COUNT &&
         magnitude(skew->offset_ms - signed_offset_ms) > TOLERANCE_MS;
}

void dds_skew_describe(const dds_skew *skew, dds_error *error) {
  size_t found = find_code(error->service_code);
  if (found < CODE_COUNT && magnitude(skew->offset_ms) >= codes[found].told_from_ms) {
    dds_error_append(error, "; this machine's clock is %" PRId64 " s %s the service's",
                     magnitude(skew->offset_ms) / 1000,
                     skew->offset_ms > 0 ? "behind" : "ahead of");
  }
}
