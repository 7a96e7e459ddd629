/*
 * Who is told of each finished call, however it ended: the log behind dynamodb_requests.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* One finished call. Texts are borrowed for the time of the callback, and hold no secret. */
typedef struct dds_record {
  int64_t started_ms;
  const char *operation;  /* "GetItem", "AssumeRole" */
  const char *table_name; /* NULL for calls that concern no table */
  const char *words;      /* the request in words, without a value */
  int http_status;        /* 0: no answer */
  const char *error;      /* the error as a user would see it, or NULL */
  int attempts;
  int64_t duration_ms;
  size_t request_bytes;
  size_t response_bytes;
  int64_t items;         /* items returned or written; -1: unknown */
  int64_t scanned;       /* items evaluated by a Scan; -1: not applicable */
  double capacity_units; /* negative: not reported */
  const char *request_id;
} dds_record;

typedef struct dds_observer {
  void (*record)(void *context, const dds_record *record); /* NULL: nobody is told */
  void *context;
} dds_observer;
