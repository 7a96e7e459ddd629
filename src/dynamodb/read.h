/* Reading one item by its key. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/attributes.h"
#include "base/error.h"
#include "dynamodb/item.h"
#include "dynamodb/key.h"
#include "dynamodb/operation.h"
#include "dynamodb/projection.h"
#include "dynamodb/table.h"

/*
 * GetItem. `item->json.text` is NULL where there is none. The item is borrowed from `*holder`,
 * which the caller frees (dds_operation_free) where true is returned; else it is NULL.
 */
DDS_MUST_USE bool dds_read_get(const dds_table *table, const dds_key *key,
                               const dds_projection *projection, bool consistent,
                               dds_operation **holder, dds_item *item, dds_error *error);
