/* COMMIT: sends the writes that wait in the connection's transaction. */
#include "vtab/flush.h"

#include "vtab/table.h"

/* What became of the writes of one flush. */
typedef struct tally {
  size_t total;
  size_t applied;
  size_t unknown;
  const dds_pending_write *failed;
} tally;

static bool refuse(const dds_pending_write *entry, bool is_unknown, dds_error *error) {
  const char *table_name = entry->owner->name;
  if (is_unknown) {
    return dds_error_set(error, DDS_ERROR,
                         "an answer was lost: a session in %s may have been written by this "
                         "statement or by somebody else meanwhile; look before you run the "
                         "statement again",
                         table_name);
  }
  if (entry->rules.when_refused == DDS_PRIMARYKEY) {
    return dds_error_set(error, DDS_PRIMARYKEY, "UNIQUE constraint failed: %s.sid", table_name);
  }
  return dds_error_set(error, DDS_BUSY_SNAPSHOT,
                       "the session with sid_hash %s in %s has changed since it was read: run the "
                       "statement again",
                       entry->sid_hash, table_name);
}

static bool send_one(dds_connection *connection, dds_pending_write *entry, bool *is_unknown,
                     dds_error *error) {
  dds_target *target = entry->target;
  dds_write_result result = DDS_WRITE_APPLIED;
  bool ok = false;
  do {
    *error = DDS_ERROR_INIT;
    ok = dds_write_send(&target->table, &entry->write, &result, is_unknown, error);
  } while (!ok && dds_target_create_missing(target, error));
  if (!ok) {
    dds_target_explain_refusal(target, error);
    return false;
  }
  if (result == DDS_WRITE_APPLIED) {
    entry->state = DDS_PENDING_APPLIED;
    dds_connection_note_write(connection, target->table.client, target->table.name);
    return true;
  }
  if (result == DDS_WRITE_UNMATCHED || entry->rules.is_ignored) {
    entry->state = DDS_PENDING_DROPPED;
    *is_unknown = false;
    return true;
  }
  return refuse(entry, *is_unknown, error);
}

/* Where one of several failed, or one may have been applied all the same, the user needs counts. */
static void explain(const tally *counts, dds_error *error) {
  bool may_retry = error->code == DDS_BUSY && counts->applied == 0 && counts->unknown == 0;
  if (error->code == DDS_BUSY && !may_retry) {
    /* Plain BUSY would leave the transaction open, to be sent a second time. */
    error->code = DDS_ERROR;
  }
  if (may_retry) {
    dds_error_append(error, ": nothing was applied, COMMIT again or ROLLBACK");
  }
  if (counts->total > 1 || counts->unknown > 0) {
    dds_error_append(error, " (%zu applied, %zu not applied, %zu unknown%s%s)", counts->applied,
                     counts->total - counts->applied - counts->unknown, counts->unknown,
                     counts->unknown > 0 ? ": sid_hash " : "",
                     counts->unknown > 0 ? counts->failed->sid_hash : "");
  }
}

bool dds_flush(dds_connection *connection, dds_error *error) {
  dds_pending *pending = &connection->pending;
  tally counts = {0};
  bool ok = dds_table_drop_orphans(connection, error);
  for (size_t i = 0; i < pending->count; i++) {
    counts.total += pending->writes[i].state == DDS_PENDING_WAITING;
  }
  for (size_t i = 0; ok && i < pending->count; i++) {
    dds_pending_write *entry = &pending->writes[i];
    bool is_unknown = false;
    if (entry->state != DDS_PENDING_WAITING) {
      continue;
    }
    if (entry->rules.follows_previous && pending->writes[i - 1].state == DDS_PENDING_DROPPED) {
      entry->state = DDS_PENDING_DROPPED;
      continue;
    }
    ok = send_one(connection, entry, &is_unknown, error);
    counts.applied += entry->state == DDS_PENDING_APPLIED;
    counts.unknown += is_unknown;
    counts.failed = entry;
  }
  if (counts.failed != NULL && !ok) {
    explain(&counts, error);
  }
  return ok;
}
