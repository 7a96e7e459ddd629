/* COMMIT: folds, plans, sends, and says what became of it. */
#include "vtab/flush.h"

#include "dynamodb/batch.h"
#include "vtab/calls.h"
#include "vtab/send.h"
#include "vtab/table.h"

enum { MOST_HASHES = 10, LEAST_SHARE_OF_BUFFER = 4 };

/* What became of the writes of one flush. */
typedef struct tally {
  size_t total;
  size_t applied;
  size_t unknown;
} tally;

/* Writes that were dropped count for nothing. */
static tally count_nets(const dds_nets *nets) {
  tally counts = {0};
  for (size_t i = 0; i < nets->count; i++) {
    const dds_net *net = &nets->list[i];
    if (!net->is_chosen) {
      continue;
    }
    counts.applied += net->state == DDS_NET_DONE && net->is_applied;
    counts.unknown += net->state == DDS_NET_UNKNOWN;
    counts.total += net->state != DDS_NET_DONE || net->is_applied;
  }
  return counts;
}

static void append_hashes(const dds_nets *nets, dds_error *error) {
  char sid_hash[DDS_SHA256_HEX_BYTES];
  size_t named = 0;
  for (size_t i = 0; i < nets->count && named < MOST_HASHES; i++) {
    if (nets->list[i].state == DDS_NET_UNKNOWN) {
      dds_pending_sid_hash(nets->list[i].first, sid_hash);
      dds_error_append(error, "%s%s", named == 0 ? ": sid_hash " : ", ", sid_hash);
      named++;
    }
  }
}

/* Whether an earlier flush of the same transaction has sent anything. */
static bool has_sent(const dds_connection *connection) {
  for (const dds_vtab *table = connection->tables; table != NULL; table = table->next) {
    if (table->sent_count > 0) {
      return true;
    }
  }
  for (size_t i = 0; i < connection->pending.count; i++) {
    if (connection->pending.writes[i].state == DDS_PENDING_APPLIED) {
      return true;
    }
  }
  return false;
}

/* Where one of several failed, or one may have been applied all the same, the user needs counts.
 * Only a COMMIT can be tried again: a statement that sends as it goes drops what it has not sent.
 */
static void explain(const dds_connection *connection, const dds_nets *nets, dds_nets_choice choice,
                    dds_error *error) {
  bool is_commit = choice == DDS_NETS_ALL;
  tally counts = count_nets(nets);
  bool may_retry =
      is_commit && error->code == DDS_BUSY && counts.applied == 0 && counts.unknown == 0;
  if (error->code == DDS_BUSY && !may_retry) {
    /* Plain BUSY would have it sent a second time. */
    error->code = DDS_ERROR;
  }
  if (may_retry) {
    dds_error_append(error, ": nothing%s was applied, COMMIT again or ROLLBACK",
                     has_sent(connection) ? " more" : "");
  }
  if (counts.total > 1 || counts.unknown > 0) {
    dds_error_append(error, " (%zu applied, %zu not applied, %zu unknown", counts.applied,
                     counts.total - counts.applied - counts.unknown, counts.unknown);
    append_hashes(nets, error);
    dds_error_append(error, ")");
  }
}

/* Nets of which every write is dropped are done. */
static void finish_empty(dds_nets *nets) {
  for (size_t i = 0; i < nets->count; i++) {
    dds_net *net = &nets->list[i];
    if (net->state == DDS_NET_WAITING && net->is_chosen && dds_net_write(net) == NULL) {
      dds_nets_apply(nets, net);
    }
  }
}

static bool flush(dds_connection *connection, dds_nets_choice choice, dds_error *error) {
  dds_nets nets = {0};
  dds_calls calls = {0};
  connection->pending.gathered = (dds_pending_gathered){0};
  bool ok = dds_table_drop_orphans(connection, error);
  if (!ok || !dds_pending_has_waiting(&connection->pending)) {
    return ok;
  }
  dds_pending_begin_sending(&connection->pending);
  ok = dds_nets_make(&connection->pending, choice, &nets, error) &&
       dds_calls_plan(&nets, &calls, error) && dds_calls_check_limit(&nets, &calls, error);
  for (size_t next = 0; ok && next < calls.count;) {
    ok = dds_send_calls(connection, &nets, &calls, next, &next, error);
    if (choice == DDS_NETS_THROUGH) {
      dds_calls_note_sent(&nets);
    }
  }
  if (ok) {
    finish_empty(&nets);
  } else {
    explain(connection, &nets, choice, error);
    /* A COMMIT that is tried again begins with what waits. */
    dds_pending_drop_second_halves(&connection->pending);
  }
  dds_calls_free(&calls);
  dds_nets_free(&nets);
  dds_pending_end_sending(&connection->pending);
  return ok;
}

bool dds_flush(dds_connection *connection, dds_error *error) {
  return flush(connection, DDS_NETS_ALL, error);
}

/* What was sent is counted by its table and forgotten. */
static void forget_sent(dds_connection *connection) {
  for (size_t i = 0; i < connection->pending.count; i++) {
    const dds_pending_write *entry = &connection->pending.writes[i];
    for (dds_vtab *table = connection->tables; table != NULL; table = table->next) {
      if (table == entry->owner && entry->state == DDS_PENDING_APPLIED) {
        table->sent_count++;
        table->sent_end = entry->position + 1;
      }
    }
  }
  dds_pending_forget_sent(&connection->pending);
}

bool dds_flush_through(dds_connection *connection, const dds_target *target, bool is_conditional,
                       dds_error *error) {
  dds_pending_gathered *gathered = &connection->pending.gathered;
  if (target->options.commit != DDS_COMMIT_THROUGH) {
    return true;
  }
  gathered->conditional += is_conditional;
  gathered->unconditional += !is_conditional;
  if (gathered->unconditional < DDS_BATCH_MAX_WRITES &&
      gathered->conditional < dds_options_concurrency(&target->options)) {
    return true;
  }
  /* A flush walks over all that waits, what other tables have written too. */
  if (gathered->conditional + gathered->unconditional <
      connection->pending.count / LEAST_SHARE_OF_BUFFER) {
    return true;
  }
  if (!flush(connection, DDS_NETS_THROUGH, error)) {
    return false;
  }
  forget_sent(connection);
  return true;
}
