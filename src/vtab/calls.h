/*
 * Which calls the net writes of a transaction go in: the fewest. For each client, in the order of
 * its first write:
 *
 *     one write                                 PutItem, UpdateItem or DeleteItem
 *     2 to 100 with a condition among them,     one TransactWriteItems
 *     up to 4 MB
 *     else: those without condition             BatchWriteItem in 25s
 *           changed sids                        TransactWriteItems, 50 rows each, never split
 *           the other conditional ones          single calls
 *
 * commit='atomic' wants one TransactWriteItems for 2 and more in any case; commit='through' wants
 * none but for changed sids.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "aws/client.h"
#include "base/attributes.h"
#include "base/error.h"
#include "vtab/nets.h"

typedef enum dds_api { DDS_API_SINGLE, DDS_API_BATCH, DDS_API_TRANSACT } dds_api;

/* One call: `count` nets from `first` on in the order of the plan. */
typedef struct dds_call_plan {
  dds_api api;
  const dds_client *client; /* borrowed */
  size_t first;
  size_t count;
} dds_call_plan;

typedef struct dds_calls {
  dds_call_plan *list; /* owned; those of one client in succession, its batches first */
  size_t *order;       /* numbers of nets, each at most once; in the same piece of memory */
  size_t count;
} dds_calls;

/*
 * Plans for the nets that have something to send. Fails with DDS_TOOBIG where commit='atomic'
 * cannot be, or the changed sids that hang together are too many for one transaction. `calls` is
 * the caller's in any case: dds_calls_free.
 */
DDS_MUST_USE bool dds_calls_plan(const dds_nets *nets, dds_calls *calls, dds_error *error);

/*
 * Write units that a net of a call takes: of the item that is written; a DELETE takes as many as
 * the item had, which is not known: 1 then, as for an empty one. In a transaction twice as many.
 */
size_t dds_calls_units(const dds_nets *nets, const dds_net *net, dds_api api);

/* Fails where the plan would write more units than the capacity_limit of a table, what
 * commit='through' has sent of the same transaction included. */
DDS_MUST_USE bool dds_calls_check_limit(const dds_nets *nets, const dds_calls *calls,
                                        dds_error *error);

/* After commit='through' has sent what was checked last: its units count in what follows. */
void dds_calls_note_sent(const dds_nets *nets);

/* "PutItem", "BatchWriteItem", "TransactWriteItems", … */
const char *dds_calls_operation(const dds_calls *calls, const dds_nets *nets, size_t call);

void dds_calls_free(dds_calls *calls);
