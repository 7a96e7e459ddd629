/*
 * Points in time as milliseconds since 1970-01-01T00:00:00Z, leap seconds not counted, and the
 * texts that AWS and JavaScript use for them. Pure: no clock is asked.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DDS_TIMESTAMP_ISO_BYTES = 28, DDS_TIMESTAMP_BASIC_BYTES = 17 };

/* The years that the texts can hold, 0000 to 9999. */
#define DDS_TIMESTAMP_MIN_MS INT64_C(-62167219200000)
#define DDS_TIMESTAMP_MAX_MS INT64_C(253402300799999)

/*
 * As JavaScript's Date.prototype.toISOString writes it: "2026-11-22T12:52:21.000Z". False outside
 * the years 0000 to 9999.
 */
bool dds_timestamp_format_iso(int64_t time_ms, char text[DDS_TIMESTAMP_ISO_BYTES]);

/*
 * Reads "2026-11-22T12:52:21[.fraction](Z|+hh:mm|-hh:mm)" (RFC 3339); digits behind the
 * milliseconds are dropped. False for anything else.
 */
bool dds_timestamp_parse_iso(const char *text, size_t length, int64_t *time_ms);

/* Reads "Sun, 22 Nov 2026 12:52:21 GMT", the form that HTTP's Date header has (RFC 9110, section
 * 5.6.7); the obsolete forms are none. */
bool dds_timestamp_parse_http(const char *text, size_t length, int64_t *time_ms);

/* "20150830T123600Z", as SigV4 wants it; whole seconds, rounded down. A time outside the years 0000
 * to 9999 is written as the nearest inside. */
void dds_timestamp_format_basic(int64_t time_ms, char text[DDS_TIMESTAMP_BASIC_BYTES]);
