/*
 * What a statement's loop, a COMMIT or a function call has used: counted as answers come, held
 * against a limit before each request, told now and then while it lasts.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "aws/observer.h"
#include "base/attributes.h"
#include "base/error.h"

/* Zero it but for the first fields. */
typedef struct dds_meter {
  double limit_units; /* capacity units; 0: no limit */
  /* Called when an answer comes DDS_METER_INTERVAL_MS after the last report, or after the first
   * request; NULL: nobody is told. */
  void (*report)(void *context, const struct dds_meter *meter);
  void *context;
  double used_units;
  int64_t requests;   /* that have ended, however; of a Scan or Query: its pages */
  int64_t in_flight;  /* requests that were started and have not ended */
  double least_units; /* that these will use, as far as that is known before */
  int64_t items;      /* that came or were written, as far as answers tell */
  int64_t scanned;    /* that a Scan or Query evaluated */
  int64_t started_ms; /* the first request; 0: none was sent */
  int64_t reported_ms;
} dds_meter;

enum { DDS_METER_INTERVAL_MS = 5000 };

/*
 * Before a request: false where the limit is reached, with an error that says what was used, and
 * how many requests are in flight. These count by what is known of them: of a read by keys at least
 * so many units, of a page nothing until it has come. So a statement goes beyond its limit by as
 * much as it has in flight at most.
 */
DDS_MUST_USE bool dds_meter_check(dds_meter *meter, int64_t now_ms, dds_error *error);

/* Whether that would let a request go: where it would not, who has answers on their way waits for
 * these first, which may be all that he needs. */
bool dds_meter_has_room(const dds_meter *meter);

/* Write units of an item: one for each 1,024 bytes that it begins; at least 1. */
size_t dds_meter_write_units(size_t item_bytes);

/*
 * Before writes to a table that take so many units: false where they would go beyond the limit,
 * with an error that says what `spender`, as in "transaction has sent", had used before. So writes
 * are stopped before the first of them, where a read is known by its answer alone.
 */
DDS_MUST_USE bool dds_meter_check_writes(const dds_meter *meter, const char *table_name,
                                         double units, const char *spender, dds_error *error);

/* A request is on its way; it ends by dds_meter_add, whatever becomes of it. What it will use at
 * least may be told meanwhile, and is taken back (negative) before its answer counts. */
void dds_meter_begin(dds_meter *meter);
void dds_meter_tell_least(dds_meter *meter, double units);

/* After an answer: counts the record's items, scanned and capacity_units, and tells. */
void dds_meter_add(dds_meter *meter, const dds_record *record, int64_t now_ms);

/* Counts an answer that was not checked yet, by what it seems to say; and takes that back, before
 * what it really said is added. */
void dds_meter_expect(dds_meter *meter, const dds_record *guess);
void dds_meter_take_back(dds_meter *meter, const dds_record *guess);
