/*
 * Conditions on a session's expiry, over every place and unit in which a layout may keep it.
 * Constructors as in condition.h: NULL when memory runs out.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attributes.h"
#include "dynamodb/condition.h"
#include "sessions/layout.h"
#include "sessions/sql_value.h"

/*
 * Items whose `expires` may compare so with a number: a superset of the rows for which SQLite finds
 * it true, since SQLite compares doubles (dds_number_bounds). `*pushable` is false, and NULL
 * returned, where there is no such condition to push (a value that DynamoDB cannot hold).
 */
DDS_MUST_USE dds_condition *dds_expiry_condition(const dds_layout *layout,
                                                 dds_comparison comparison,
                                                 const dds_sql_value *value, bool *pushable);

/* Items whose `expires` is NULL. */
DDS_MUST_USE dds_condition *dds_expiry_null_condition(const dds_layout *layout);

/* Exactly the items that have (or have not) expired at `now_ms`. */
DDS_MUST_USE dds_condition *dds_expiry_expired_condition(const dds_layout *layout, int64_t now_ms,
                                                         bool expired);
