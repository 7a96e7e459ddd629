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
#include "dynamodb/operation.h"
#include "dynamodb/table.h"

typedef enum dds_write_kind { DDS_WRITE_PUT, DDS_WRITE_UPDATE, DDS_WRITE_DELETE } dds_write_kind;

/* One attribute that an UPDATE sets, or removes. Owned by its write. */
typedef struct dds_assignment {
  char *attribute;
  char *typed_value; /* DynamoDB JSON; NULL: REMOVE */
  size_t typed_length;
  size_t size_bytes; /* what it takes of the item, by DynamoDB's rule, with its name; 0: REMOVE */
} dds_assignment;

typedef struct dds_write {
  dds_write_kind kind;
  dds_key key;
  char *item; /* PUT: the whole item as DynamoDB JSON */
  size_t item_length;
  dds_buffer *new_item;        /* between dds_write_begin_put and dds_write_end_put; borrowed */
  dds_assignment *assignments; /* UPDATE */
  size_t assignment_count;
  char *image; /* UPDATE: the item as it was read, the assignments applied; or NULL */
  size_t image_length;
  dds_condition *matches;  /* DELETE: where it does not hold any more, the item stays; or NULL */
  dds_condition *asserted; /* where it does not hold, the write fails; or NULL */
  bool must_exist;         /* DELETE: an item that is gone already fails `asserted`, not NULL */
} dds_write;

/* A write among others, which may be for other tables. Borrowed. */
typedef struct dds_table_write {
  const dds_table *table;
  const dds_write *write;
} dds_table_write;

/* What became of a write that was answered. */
typedef enum dds_write_result {
  DDS_WRITE_APPLIED,
  DDS_WRITE_UNMATCHED, /* `matches` did not hold: not applied */
  DDS_WRITE_REFUSED,   /* `asserted` did not hold: not applied */
} dds_write_result;

/* Adds an assignment; texts are copied; `typed_value` NULL: remove. */
DDS_MUST_USE bool dds_write_assign(dds_write *write, const char *attribute, const char *typed_value,
                                   size_t length, dds_error *error);

/* The same of a string: UTF-8, as it is. */
DDS_MUST_USE bool dds_write_assign_string(dds_write *write, const char *attribute,
                                          const char *bytes, size_t length, dds_error *error);

/* The same of a whole number: its digits, as dds_text_from_integer gives them. */
DDS_MUST_USE bool dds_write_assign_number(dds_write *write, const char *attribute,
                                          const char *digits, size_t length, dds_error *error);

/* Whether something is assigned to an attribute already. */
bool dds_write_assigns(const dds_write *write, const char *attribute);

/* Makes a PUT of an UPDATE, whose key and assignments are there: of `base` with them applied. */
DDS_MUST_USE bool dds_write_make_put(dds_write *write, const dds_item *base, dds_error *error);

/*
 * The same of a new item without a list of assignments between: what is assigned after the begin,
 * when the key is there, stands at once in the item's text, and becomes the write's at the end. The
 * buffer is the caller's, and the end is called in any case. `longest_text` is how long the string
 * is that takes most of the room.
 */
DDS_MUST_USE bool dds_write_begin_put(dds_write *write, dds_buffer *item, size_t longest_text,
                                      dds_error *error);
DDS_MUST_USE bool dds_write_end_put(dds_write *write, dds_error *error);

/* What it assigns to an attribute, named by a JSON string; NULL where it does not. */
const dds_assignment *dds_write_find_assignment(const dds_write *write, dds_json name);

/* Appends what a PUT puts, or what an UPDATE makes of an item: kept attributes stay byte for byte,
 * the key is the write's. */
void dds_write_append_item(const dds_write *write, const dds_item *base, dds_buffer *item);

/* "PutItem", "UpdateItem", "DeleteItem". */
const char *dds_write_operation(const dds_write *write);

/*
 * The whole condition, owned by the caller; NULL where the write has none. A DELETE's is
 * `attribute_not_exists(key) OR (…)`: that an item is gone already is no error, unless it must
 * exist. An UPDATE's says that the item exists.
 */
DDS_MUST_USE bool dds_write_condition(const dds_write *write, dds_condition **condition,
                                      dds_error *error);

bool dds_write_is_conditional(const dds_write *write);

/* Appends the body of the request that sends it alone. Asks for the old item when the condition
 * fails. */
DDS_MUST_USE bool dds_write_append_body(const dds_write *write, const char *table_name,
                                        dds_buffer *body, dds_error *error);

/* Appends it as an element of TransactWriteItems: `{"Put":{…}}`. */
DDS_MUST_USE bool dds_write_append_element(const dds_write *write, const char *table_name,
                                           dds_buffer *body, dds_error *error);

/* Appends it in words without values: `delete if expireTime <= ?`. */
void dds_write_append_words(const dds_write *write, dds_buffer *words);

/* Bytes that count against the limits of a transaction and of a batch: item or key, and every value
 * that it sets or asserts. */
size_t dds_write_payload_bytes(const dds_write *write);

/* Checks before anything is sent what DynamoDB would refuse: an item over 400 KB, a condition over
 * 300 operators or 4 KB (DDS_TOOBIG). */
DDS_MUST_USE bool dds_write_check(const dds_write *write, dds_error *error);

/* Starts the request that sends it alone. */
DDS_MUST_USE bool dds_write_start(const dds_table *table, const dds_write *write,
                                  dds_operation **operation, dds_error *error);

/*
 * Waits for what dds_write_start started and tells what became of it. A PUT or DELETE that was
 * refused on a retry, while an earlier attempt may have been applied, counts as applied where the
 * item that DynamoDB gives back is the one that it puts, or is gone.
 * `*may_have_been_applied` tells whether it may have been, where false is returned and where the
 * result is DDS_WRITE_REFUSED: an attempt before the refused one was not answered.
 * `old` is the item that did not meet the condition, borrowed from the operation; .json.text is
 * NULL where there is none.
 */
DDS_MUST_USE bool dds_write_finish(const dds_write *write, dds_operation *operation,
                                   dds_write_result *result, dds_item *old,
                                   bool *may_have_been_applied, dds_error *error);

/*
 * The item as it is once the write is applied, borrowed from the write. False where that is not
 * known: an UPDATE without an image. `image->json.text` is NULL where the write leaves no item.
 */
DDS_MUST_USE bool dds_write_image(const dds_write *write, dds_item *image);

/* The size of that item; 0 where there is none, or it is not known. */
size_t dds_write_image_bytes(const dds_write *write);

/* Bytes that it holds in memory, about. */
size_t dds_write_memory_bytes(const dds_write *write);

/* Releases what it owns, its conditions too, and leaves an empty one. */
void dds_write_free(dds_write *write);
