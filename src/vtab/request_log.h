/*
 * The last requests of one SQLite connection, for the table dynamodb_requests: a ring that
 * overwrites its oldest entry; ids go on counting.
 */
#pragma once

#include <stdint.h>

#include "aws/observer.h"
#include "base/attributes.h"

enum { DDS_REQUEST_LOG_ENTRIES = 1000 };

/* As dds_record, with texts of its own; NULL where there was none. */
typedef struct dds_request_entry {
  int64_t id; /* from 1 on; 0: an empty place */
  dds_record record;
} dds_request_entry;

typedef struct dds_request_log dds_request_log;

/* NULL when memory runs out. */
DDS_MUST_USE dds_request_log *dds_request_log_create(void);

/* Copies a record. Without memory its texts are left out, or it is: a log must not fail a request.
 */
void dds_request_log_add(dds_request_log *log, const dds_record *record);

/* The observer that adds to this log. */
dds_observer dds_request_log_observer(dds_request_log *log);

/* The id of the oldest entry that is kept, and one more than the newest's. */
int64_t dds_request_log_first(const dds_request_log *log);
int64_t dds_request_log_end(const dds_request_log *log);

/* The entry with this id, or NULL where it is not kept any more. Borrowed until the next add. */
const dds_request_entry *dds_request_log_get(const dds_request_log *log, int64_t id);

void dds_request_log_free(dds_request_log *log);
