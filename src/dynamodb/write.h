/*
 * One write of one item, as it waits in a transaction and as it is sent: PutItem, UpdateItem or
 * DeleteItem with what it asserts. (The same members make an element of TransactWriteItems.)
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/attributes.h"
#include "base/buffer.h"
#include "base/error.h"
#include "dynamodb/condition.h"
#include "dynamodb/key.h"
#include "dynamodb/table.h"

typedef enum dds_write_kind { DDS_WRITE_PUT, DDS_WRITE_UPDATE, DDS_WRITE_DELETE } dds_write_kind;

/* One attribute that an UPDATE sets, or removes. Owned by its write. */
typedef struct dds_assignment {
  char *attribute;
  char *typed_value; /* DynamoDB JSON; NULL: REMOVE */
} dds_assignment;

typedef struct dds_write {
  dds_write_kind kind;
  dds_key key;
  char *item; /* PUT: the whole item as DynamoDB JSON */
  size_t item_length;
  dds_assignment *assignments; /* UPDATE */
  size_t assignment_count;
  dds_condition *matches;  /* DELETE: where it does not hold any more, the item stays; or NULL */
  dds_condition *asserted; /* where it does not hold, the write fails; or NULL */
  bool must_exist;         /* DELETE: an item that is gone already fails `asserted`, not NULL */
} dds_write;

/* What became of a write that was answered. */
typedef enum dds_write_result {
  DDS_WRITE_APPLIED,
  DDS_WRITE_UNMATCHED, /* `matches` did not hold: not applied */
  DDS_WRITE_REFUSED,   /* `asserted` did not hold: not applied */
} dds_write_result;

/* Adds an assignment; texts are copied; `typed_value` NULL: remove. */
DDS_MUST_USE bool dds_write_assign(dds_write *write, const char *attribute, const char *typed_value,
                                   size_t length, dds_error *error);

/* "PutItem", "UpdateItem", "DeleteItem". */
const char *dds_write_operation(const dds_write *write);

/*
 * Appends the request body. A DELETE's condition is `attribute_not_exists(key) OR (…)`: that an
 * item is gone already is no error, unless it must exist. Asks for the old item when the condition
 * fails.
 */
DDS_MUST_USE bool dds_write_append_body(const dds_write *write, const char *table_name,
                                        dds_buffer *body, dds_error *error);

/* Checks before anything is sent what DynamoDB would refuse: an item over 400 KB, a condition over
 * 300 operators or 4 KB (DDS_TOOBIG). */
DDS_MUST_USE bool dds_write_check(const dds_write *write, dds_error *error);

/*
 * Sends it and waits. A PUT or DELETE that was refused on a retry, while an earlier attempt may
 * have been applied, counts as applied where the item that DynamoDB gives back is the one that it
 * puts, or is gone.
 * `*may_have_been_applied` tells whether it may have been, where false is returned and where the
 * result is DDS_WRITE_REFUSED: an attempt before the refused one was not answered.
 */
DDS_MUST_USE bool dds_write_send(const dds_table *table, const dds_write *write,
                                 dds_write_result *result, bool *may_have_been_applied,
                                 dds_error *error);

/* Bytes that it holds in memory, about. */
size_t dds_write_memory_bytes(const dds_write *write);

/* Releases what it owns, its conditions too, and leaves an empty one. */
void dds_write_free(dds_write *write);
