/* What a Scan or Query sends: what all its pages have in common, and each page's own. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/buffer.h"
#include "base/error.h"
#include "dynamodb/scan.h"

typedef struct dds_scan_body {
  const char *operation; /* "Scan" or "Query" */
  dds_buffer members;    /* of every page, without the closing brace */
  dds_buffer words;      /* the same without values */
} dds_scan_body;

/* A page's own. */
typedef struct dds_scan_place {
  size_t segment; /* from 0 */
  size_t segments;
  int64_t limit;         /* items that are looked at; 0: as many as fit */
  const char *start_key; /* ExclusiveStartKey as JSON; NULL: the first page */
  size_t start_key_length;
} dds_scan_place;

/* Freed by dds_scan_body_free, also on failure. */
DDS_MUST_USE bool dds_scan_body_open(const dds_table *table, const dds_scan_request *request,
                                     dds_scan_body *body, dds_error *error);

/* Appends a page's whole body, and its words. */
void dds_scan_body_append_page(const dds_scan_body *body, const dds_scan_place *place,
                               dds_buffer *text, dds_buffer *words);

void dds_scan_body_free(dds_scan_body *body);
