/* What a write makes of a session's expiry (README, "Writing"). Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/error.h"
#include "dynamodb/item.h"
#include "dynamodb/json.h"
#include "dynamodb/write.h"
#include "sessions/layout.h"
#include "sessions/session_json.h"
#include "sessions/sql_value.h"

/*
 * Reads a value of the column `expires`, Unix seconds; NULL is never. DDS_CHECK for what is no
 * number, negative or milliseconds by its magnitude, and for NULL in a layout without "never".
 */
DDS_MUST_USE bool dds_expiry_rules_read(const dds_layout *layout, const dds_sql_value *expires,
                                        dds_expiry *expiry, dds_error *error);

/* The expiry of an item as it stands; one that no date can be counts as never. */
void dds_expiry_rules_of_item(const dds_layout *layout, const dds_item *item, dds_expiry *expiry);

/* The expiry of a session whose cookie says none. */
void dds_expiry_rules_default(const dds_layout *layout, int64_t now_ms, dds_expiry *expiry);

/* Whether a write moves the expiry, and where to. */
typedef struct dds_expiry_move {
  bool moves;
  dds_expiry expiry;
  bool sets_cookie; /* the cookie's own date is to follow */
} dds_expiry_move;

/*
 * What a new cookie does to the expiry: nothing where date and ages are what they were in `old`
 * (NULL: there was no cookie). Else the cookie's `expires`, or (without one, or where only an age
 * changed) now and its age, or the layout's default. DDS_CHECK for a date that cannot be read.
 */
DDS_MUST_USE bool dds_expiry_rules_follow_cookie(const dds_layout *layout, const dds_json *old,
                                                 dds_json cookie, int64_t now_ms,
                                                 dds_expiry_move *move, dds_error *error);

/* Assigns the expiry attributes, those alone that differ from the item's. */
DDS_MUST_USE bool dds_expiry_rules_assign(const dds_layout *layout, const dds_item *item,
                                          const dds_expiry *expiry, dds_write *write,
                                          dds_error *error);
