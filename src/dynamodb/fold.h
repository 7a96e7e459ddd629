/*
 * The writes of one item in one transaction, made one: DynamoDB takes no item twice in a
 * TransactWriteItems or a BatchWriteItem, and every call saved is time and money.
 *
 * The steps are run in their order on what is known of the item. Before the first, nothing is. An
 * UPDATE makes its attributes known, a PUT the whole item, a DELETE that there is none. A step's
 * condition is evaluated where it asks what is known; the rest is asked of the server. So the net
 * write asserts what every statement read of the row, and nothing that the transaction itself wrote
 * in between:
 *
 *     INSERT, UPDATE      PUT of the changed item, the key does not exist
 *     INSERT, DELETE      DELETE, the key does not exist: it removes nothing and finds a duplicate
 *     REPLACE, anything   PUT or DELETE, nothing asserted
 *     UPDATE, UPDATE      UPDATE of both, the first's assertions and the second's on attributes
 *                         that the first left alone
 *     UPDATE, DELETE      DELETE, the same assertions
 *     UPDATE, REPLACE     PUT, the UPDATE's assertions
 *     DELETE, INSERT      PUT, the DELETE's conditions
 *
 * A step can be dropped: INSERT OR IGNORE of an item that exists, DELETE of one that no longer
 * matches. Which, only the server's item tells: the first attempt assumes that none is, and a
 * refused one is folded again with the item that the server gave back.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/attributes.h"
#include "base/error.h"
#include "dynamodb/item.h"
#include "dynamodb/write.h"

typedef struct dds_fold_step {
  const dds_write *write; /* borrowed; all of one fold have the same key */
  bool is_ignored;        /* a PUT that is dropped, not refused, where its key exists */
  bool is_left_out;       /* takes no part, for good: the caller says so, or the server's item */
  bool is_dropped;        /* set by each run: by what the steps before it make, it does nothing */
} dds_fold_step;

typedef enum dds_fold_result {
  DDS_FOLD_WRITE,   /* the net write is to be sent */
  DDS_FOLD_NOTHING, /* every step is dropped */
  DDS_FOLD_REFUSED, /* a step's assertion cannot hold, or does not hold of the server's item */
} dds_fold_result;

/* The net write. It borrows from the steps' writes; dds_fold_free releases what is its own. */
typedef struct dds_fold {
  const dds_write *write; /* one of the steps', or `made` */
  dds_write made;
  char *item;     /* owned; what made.item may point to */
  size_t refused; /* DDS_FOLD_REFUSED: the step */
} dds_fold;

/*
 * Folds the steps that are not left out. False where memory runs out, or the net write is more than
 * DynamoDB takes (DDS_TOOBIG). The fold is the caller's in any case.
 */
DDS_MUST_USE bool dds_fold_make(dds_fold_step *steps, size_t count, dds_fold *fold,
                                dds_fold_result *result, dds_error *error);

/*
 * After the server refused a fold: runs the steps on the server's item (.json.text NULL: there is
 * none) and leaves out those that it drops. DDS_FOLD_REFUSED with the step in `*refused`;
 * DDS_FOLD_WRITE where the rest is to be folded again; DDS_FOLD_NOTHING where no step is left to be
 * sent.
 */
DDS_MUST_USE bool dds_fold_judge(dds_fold_step *steps, size_t count, const dds_item *server,
                                 dds_fold_result *result, size_t *refused, dds_error *error);

void dds_fold_free(dds_fold *fold);
