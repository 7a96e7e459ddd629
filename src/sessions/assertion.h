/* What a write asserts: that attributes are as its statement read them. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/error.h"
#include "dynamodb/condition.h"
#include "dynamodb/item.h"
#include "dynamodb/write.h"
#include "sessions/change.h"

/* What there is to assert. Borrowed. */
typedef struct dds_assertion {
  const dds_session_table *table;
  const dds_item *item;        /* as it was read */
  uint64_t columns_read;       /* DDS_READ_…; DDS_READ_EXPIRED counts for nothing here */
  const dds_write *overwrites; /* whose assigned attributes are asserted too, or NULL */
  bool every_attribute;
} dds_assertion;

/*
 * The condition: each of these attributes, once, equals what was read, or is missing as it was; the
 * key is left out, since it cannot change. NULL in `*condition` where there is none.
 */
DDS_MUST_USE bool dds_assertion_make(const dds_assertion *assertion, dds_condition **condition,
                                     dds_error *error);

/* Adds to `*condition` (NULL: none) that the item has, or has not, expired at the time of reading,
 * as it had then. */
DDS_MUST_USE bool dds_assertion_add_expired(const dds_layout *layout, const dds_old_row *old,
                                            dds_condition **condition, dds_error *error);

/* Adds another one, which is taken over; a NULL `added` is out of memory. */
DDS_MUST_USE bool dds_assertion_add(dds_condition **condition, dds_condition *added,
                                    dds_error *error);
