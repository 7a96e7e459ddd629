/* Conditions on extra columns; constructors as in condition.h. */
#pragma once

#include <stdbool.h>

#include "base/attributes.h"
#include "dynamodb/condition.h"
#include "sessions/row.h"

/*
 * Items whose extra column may compare so with a value: a superset of SQLite's rows, whichever
 * affinity SQLite's rules for comparisons ("Datatypes In SQLite", 4.2) give the column there.
 * Attributes of a type whose SQL value the condition cannot judge pass. `*pushable` false: nothing
 * to push. `value` has the column's affinity applied already where SQLite does that.
 */
DDS_MUST_USE dds_condition *dds_extra_condition(const dds_extra_column *column,
                                                dds_comparison comparison,
                                                const dds_sql_value *value, bool *pushable);

/*
 * Items whose extra column may equal one of several values, none of them NULL, by the same rules.
 * `*pushable` is false too where they are not all numbers, all texts or all blobs, and where they
 * are more than DDS_CONDITION_MAX_LIST. The column's affinity for comparisons is applied to
 * `values`.
 */
DDS_MUST_USE dds_condition *dds_extra_list_condition(const dds_extra_column *column,
                                                     dds_sql_value *values, size_t count,
                                                     bool *pushable);

/* Items whose extra column is NULL: missing or of type NULL. */
DDS_MUST_USE dds_condition *dds_extra_null_condition(const dds_extra_column *column);
