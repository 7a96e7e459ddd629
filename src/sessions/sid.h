/* Conditions on the session id, that is on the key; constructors as in condition.h. */
#pragma once

#include <stdbool.h>

#include "base/attributes.h"
#include "dynamodb/condition.h"
#include "sessions/layout.h"
#include "sessions/sql_value.h"

/*
 * Items whose sid may compare so with a text by its bytes: a superset of SQLite's rows, also where
 * SQLite compares by numbers, because the text comes from a numeric column. Only < <= > >= are
 * known. `*pushable` false: nothing to push, as for an upper bound where the layout has a suffix.
 */
DDS_MUST_USE dds_condition *dds_sid_condition(const dds_layout *layout, dds_comparison comparison,
                                              const dds_sql_value *value, bool *pushable);
