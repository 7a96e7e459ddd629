/*
 * What waits in the transaction, one write for each item: the net writes of a flush, folded from
 * the statements' writes (dynamodb/fold.h), and what becomes of them.
 *
 * A changed sid is two of them, a PUT and a DELETE, which stay together: they are of one group, and
 * where the PUT is dropped, since OR IGNORE found its key, so is the DELETE.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/attributes.h"
#include "base/error.h"
#include "dynamodb/fold.h"
#include "vtab/pending.h"

typedef enum dds_net_state {
  DDS_NET_WAITING,
  DDS_NET_DONE,    /* applied, or dropped by the rules of its statements */
  DDS_NET_UNKNOWN, /* sent and not answered for certain */
} dds_net_state;

typedef struct dds_net {
  const dds_pending_write *first; /* of its statements' writes: target and hash for messages */
  dds_target *target;             /* borrowed */
  size_t last;                    /* place of the last one */
  size_t step_count;
  dds_fold fold;
  dds_net_state state;
  size_t group;         /* number of the group's first net */
  size_t group_count;   /* of the first net: how many the group has */
  size_t next_in_group; /* SIZE_MAX at its end */
  bool is_applied;      /* DONE: DynamoDB has it */
  bool is_conditional;
  bool is_chosen;   /* this flush is about it */
  bool is_outdated; /* what was sent of it last is not what is to be sent now */
} dds_net;

typedef struct dds_nets {
  dds_pending *pending;
  dds_net *list;
  size_t count;
  struct dds_net_place *places; /* by place in `pending`; in the same piece of memory */
  dds_fold_step *steps;         /* room for the longest fold */
} dds_nets;

/* Which writes a flush is about. */
typedef enum dds_nets_choice {
  DDS_NETS_ALL,
  DDS_NETS_THROUGH, /* items that commit='through' alone has written */
} dds_nets_choice;

/*
 * Folds what waits; nets are in the order of their first writes. Fails where a write is refused
 * without asking the server, or too big. `nets` is the caller's in any case: dds_nets_free.
 * Nothing may be added to or dropped from `pending` before that.
 */
DDS_MUST_USE bool dds_nets_make(dds_pending *pending, dds_nets_choice choice, dds_nets *nets,
                                dds_error *error);

/* What is to be sent of a net that waits; NULL where every write of it is dropped, or it was not
 * chosen. */
const dds_write *dds_net_write(const dds_net *net);

/* A net was applied: its writes are marked as sent, or dropped. */
void dds_nets_apply(dds_nets *nets, dds_net *net);

/*
 * The server has refused a net because of this item (.json.text NULL: there is none). True where
 * writes were dropped by the rules of their statements, here and in the nets that follow them, so
 * that the rest may be sent again. Else the error of the write that is refused. The refusal of a
 * net that is outdated says nothing of what is left of it: true.
 */
DDS_MUST_USE bool dds_nets_judge(dds_nets *nets, dds_net *net, const dds_item *server,
                                 dds_error *error);

void dds_nets_free(dds_nets *nets);
