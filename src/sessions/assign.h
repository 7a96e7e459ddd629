/*
 * From new values of columns to assignments of attributes, with cookie and expiry in step. An
 * attribute that keeps its value is not assigned.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/error.h"
#include "dynamodb/item.h"
#include "dynamodb/write.h"
#include "sessions/layout.h"
#include "sessions/row.h"
#include "sessions/session_json.h"
#include "sessions/sql_value.h"

/* What a statement changes of an item. Borrowed. */
typedef struct dds_column_changes {
  const dds_layout *layout;
  const dds_item *item; /* as it is; an object without attributes where it is new */
  bool is_new;          /* made of columns alone: it gets what the store writes beside them */
  const dds_session_json *session; /* not edited; or NULL: unchanged */
  const dds_expiry *expires;       /* or NULL: unchanged, or not given */
  int64_t now_ms;
} dds_column_changes;

/* Session, expiry and companion. Call it after the extra columns, which may set a companion. */
DDS_MUST_USE bool dds_assign_columns(const dds_column_changes *changes, dds_write *write,
                                     dds_error *error);

/*
 * An extra column. The attribute keeps its stored type where the value can be expressed in it; else
 * S for text, N for numbers, B for blobs; NULL removes it. The column's affinity must have been
 * applied. DDS_CHECK for text that is not UTF-8 and for an empty set.
 */
DDS_MUST_USE bool dds_assign_extra(const dds_extra_column *column, const dds_sql_value *value,
                                   const dds_item *item, dds_write *write, dds_error *error);

/* Assigns a typed value unless the item has an equal one. */
DDS_MUST_USE bool dds_assign_changed(const dds_item *item, const char *attribute, const char *typed,
                                     size_t length, dds_write *write, dds_error *error);

/* The same of a whole number: its digits. */
DDS_MUST_USE bool dds_assign_number(const dds_item *item, const char *attribute, const char *digits,
                                    size_t length, dds_write *write, dds_error *error);
