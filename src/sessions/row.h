/*
 * From an item to the row that SQL sees.
 *
 * `scratch` belongs to the caller; each function that is given one clears it first, so a value is
 * good until the next call with the same buffer. Bytes that need no decoding are borrowed from the
 * item itself.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/buffer.h"
#include "base/error.h"
#include "dynamodb/item.h"
#include "dynamodb/key.h"
#include "sessions/layout.h"
#include "sessions/sql_value.h"

/* An extra column: the top-level attribute of that name. */
typedef struct dds_extra_column {
  char *name; /* owned by the table of columns that has it */
  dds_affinity affinity;
} dds_extra_column;

/*
 * Whether an item is a session of this layout: false in `*is_session` where the key lacks prefix or
 * suffix or is no string. An item without the key attribute is an error that lists the attributes
 * found and the layout that they look like.
 */
DDS_MUST_USE bool dds_row_check(const dds_layout *layout, const dds_item *item, bool *is_session,
                                dds_error *error);

/* The session id. The item must have passed dds_row_check. */
DDS_MUST_USE bool dds_row_sid(const dds_layout *layout, const dds_item *item, dds_buffer *scratch,
                              dds_sql_value *value, dds_error *error);

/* The session as JSON text, whatever it is stored as; a payload of another type than the layout's
 * by the rule for extra columns; NULL where there is none. */
DDS_MUST_USE bool dds_row_session(const dds_layout *layout, const dds_item *item,
                                  dds_buffer *scratch, dds_sql_value *value, dds_error *error);

/* Unix seconds: an integer, a real where there is a fraction, or NULL. */
void dds_row_expires(const dds_layout *layout, const dds_item *item, dds_sql_value *value);

/* Whether it has expired at `now_ms`, exactly (decimals, not doubles). */
bool dds_row_is_expired(const dds_layout *layout, const dds_item *item, int64_t now_ms);

/* An extra column's value: by the attribute's type, then by the column's affinity. */
DDS_MUST_USE bool dds_row_extra(const dds_extra_column *column, const dds_item *item,
                                dds_buffer *scratch, dds_sql_value *value, dds_error *error);

/* The key of the session with this id: prefix and suffix put around it. */
DDS_MUST_USE bool dds_row_key(const dds_layout *layout, const char *sid, size_t length,
                              dds_key *key, dds_error *error);

/* The same as the next key of a writer of the layout's hash key: borrowed from it. */
DDS_MUST_USE bool dds_row_write_key(const dds_layout *layout, const char *sid, size_t length,
                                    dds_key_writer *writer, dds_key *key, dds_error *error);

/* SHA-256 of a session id in hex, as the column sid_hash and messages show it. */
DDS_MUST_USE bool dds_row_sid_hash(const char *sid, size_t length, char hex[65], dds_error *error);

/* In a layout of seconds an N from this many on is milliseconds, and `expires` in SQL is less. */
#define DDS_ROW_MILLISECONDS_FROM INT64_C(100000000000)
