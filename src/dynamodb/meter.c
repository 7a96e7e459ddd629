/* What was used, and the limit. */
#include "dynamodb/meter.h"

#include "base/text.h"

/* `requests` is 1 to count a record, -1 to take it back. What a record does not tell is negative in
 * it. */
static void count(dds_meter *meter, const dds_record *record, int requests) {
  meter->requests += requests;
  meter->in_flight -= requests;
  meter->items += record->items > 0 ? requests * record->items : 0;
  meter->scanned += record->scanned > 0 ? requests * record->scanned : 0;
  meter->used_units += record->capacity_units > 0.0 ? requests * record->capacity_units : 0.0;
}

bool dds_meter_has_room(const dds_meter *meter) {
  return meter->limit_units <= 0.0 || meter->used_units + meter->least_units < meter->limit_units;
}

bool dds_meter_check(dds_meter *meter, int64_t now_ms, dds_error *error) {
  if (meter->started_ms == 0) {
    meter->started_ms = now_ms;
    meter->reported_ms = now_ms;
  }
  if (dds_meter_has_room(meter)) {
    return true;
  }
  dds_error_set(error, DDS_ERROR,
                "stopped by capacity_limit=%.15g: %.15g capacity unit%s used by %lld request%s for "
                "%lld item%s",
                meter->limit_units, meter->used_units, meter->used_units == 1.0 ? " was" : "s were",
                (long long)meter->requests, dds_text_plural((double)meter->requests),
                (long long)meter->items, dds_text_plural((double)meter->items));
  if (meter->in_flight > 0) {
    dds_error_append(error, ", and more by %lld in flight", (long long)meter->in_flight);
  }
  if (meter->least_units > 0.0) {
    dds_error_append(error, ", at least %.15g", meter->least_units);
  }
  dds_error_append(error, "; raise the limit, or ask for less: by sid, by an index or with LIMIT");
  return false;
}

size_t dds_meter_write_units(size_t item_bytes) {
  enum { UNIT_BYTES = 1024 };
  size_t units = (item_bytes + UNIT_BYTES - 1) / UNIT_BYTES;
  return units > 0 ? units : 1;
}

bool dds_meter_check_writes(const dds_meter *meter, const char *table_name, double units,
                            const char *spender, dds_error *error) {
  if (meter->limit_units <= 0.0 || meter->used_units + units <= meter->limit_units) {
    return true;
  }
  dds_error_set(
      error, DDS_ERROR,
      "stopped by capacity_limit=%.15g: writing to \"%s\" would take %.15g capacity unit%s",
      meter->limit_units, table_name, units, dds_text_plural(units));
  if (meter->used_units > 0.0) {
    dds_error_append(error, " more than the %.15g that this %s", meter->used_units, spender);
  } else {
    dds_error_append(error, ", and nothing was sent");
  }
  dds_error_append(error, ": write less at a time, or raise the limit");
  return false;
}

void dds_meter_begin(dds_meter *meter) {
  meter->in_flight++;
}

void dds_meter_tell_least(dds_meter *meter, double units) {
  meter->least_units += units;
}

void dds_meter_add(dds_meter *meter, const dds_record *record, int64_t now_ms) {
  count(meter, record, 1);
  if (now_ms < meter->reported_ms) {
    meter->reported_ms = now_ms; /* the clock was set back */
  }
  if (meter->report != NULL && now_ms - meter->reported_ms >= DDS_METER_INTERVAL_MS) {
    meter->reported_ms = now_ms;
    meter->report(meter->context, meter);
  }
}

void dds_meter_expect(dds_meter *meter, const dds_record *guess) {
  count(meter, guess, 1);
}

void dds_meter_take_back(dds_meter *meter, const dds_record *guess) {
  count(meter, guess, -1);
}
