/* Deleting expired sessions as they are found, outside a transaction. */
#pragma once

#include <stdint.h>

#include "base/attributes.h"
#include "base/error.h"
#include "vtab/target.h"

/*
 * Scans the whole table for sessions that have expired and deletes each on the condition that it
 * still has, so that one touched meanwhile stays. What is deleted stays deleted whatever follows;
 * memory does not grow with the table. As many deletes are in flight as option concurrency allows;
 * `writes_per_second` paces their starts, 0: as fast as it goes.
 * `*count` is how many were deleted, also where it fails.
 */
DDS_MUST_USE bool dds_reap(dds_target *target, int64_t now_ms, double writes_per_second,
                           int64_t *count, dds_error *error);
