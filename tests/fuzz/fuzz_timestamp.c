/* Timestamps: any bytes as the text of one. */
#include <stdbool.h>
#include <string.h>

#include "base/timestamp.h"
#include "fuzz.h"

/* Every time that is read can be written in both forms, and is read again as the same. */
static void check_time(int64_t time_ms, char iso[DDS_TIMESTAMP_ISO_BYTES]) {
  char basic[DDS_TIMESTAMP_BASIC_BYTES];
  int64_t again_ms;
  HOLDS(time_ms >= DDS_TIMESTAMP_MIN_MS && time_ms <= DDS_TIMESTAMP_MAX_MS);
  HOLDS(dds_timestamp_format_iso(time_ms, iso));
  HOLDS(dds_timestamp_parse_iso(iso, strlen(iso), &again_ms) && again_ms == time_ms);
  dds_timestamp_format_basic(time_ms, basic);
  HOLDS(strlen(basic) == DDS_TIMESTAMP_BASIC_BYTES - 1);
  HOLDS(memcmp(basic, iso, 4) == 0 && memcmp(basic + 13, iso + 17, 2) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  const char *text = (const char *)data;
  char iso[DDS_TIMESTAMP_ISO_BYTES];
  int64_t time_ms;
  if (dds_timestamp_parse_iso(text, size, &time_ms)) {
    check_time(time_ms, iso);
    /* In UTC the digits are the text's own. */
    bool is_utc = text[size - 1] == 'Z' || text[size - 1] == 'z';
    HOLDS(!is_utc || (memcmp(iso, text, 10) == 0 && memcmp(iso + 11, text + 11, 8) == 0));
  }
  if (dds_timestamp_parse_http(text, size, &time_ms)) {
    check_time(time_ms, iso);
    HOLDS(time_ms % 1000 == 0);
    HOLDS(memcmp(iso, text + 12, 4) == 0 && memcmp(iso + 11, text + 17, 8) == 0);
  }
  return 0;
}
