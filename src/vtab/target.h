/*
 * What a virtual table stands for: a DynamoDB table at a place, with a layout. Shared by reference
 * counts, because writes that wait in a transaction outlive ALTER TABLE and a second connect.
 */
#pragma once

#include <stdbool.h>

#include "base/attributes.h"
#include "base/error.h"
#include "dynamodb/table.h"
#include "sessions/change.h"
#include "vtab/columns.h"
#include "vtab/options.h"

struct dds_connection;

/* How long a table that is being created is waited for. */
enum { DDS_CREATE_TIMEOUT_MS = 60000 };

typedef struct dds_target {
  int references;
  struct dds_connection *connection; /* borrowed: whoever holds a target holds it too */
  dds_options options;
  dds_table table; /* .client is NULL until dds_target_open */
  char *sql_name;  /* owned; .table borrows it */
  /* Write units, for capacity_limit: those of a plan that is being counted, and those that
   * commit='through' has sent in the open transaction. */
  double planned_units;
  double sent_units;
  dds_meter call;    /* what the function call has used that runs a statement on the table, with */
  size_t call_depth; /* those that run in it; 0: none runs. A cursor that outlives it stays on it */
} dds_target;

/* Takes over the options. One reference is the caller's. */
DDS_MUST_USE bool dds_target_create(struct dds_connection *connection, dds_options *options,
                                    dds_target **out, dds_error *error);
dds_target *dds_target_retain(dds_target *target);
void dds_target_release(dds_target *target); /* NULL is allowed */

/* Tells it what it is called in SQL, for messages. */
DDS_MUST_USE bool dds_target_set_sql_name(dds_target *target, const char *name, dds_error *error);

/* Makes sure that there is a client; sends nothing. */
DDS_MUST_USE bool dds_target_open(dds_target *target, dds_error *error);

/* A meter with capacity_limit for what is read, of which it tells SQLite's log; the target is
 * borrowed. */
dds_meter dds_target_meter(dds_target *target);

/* The meter of the function call that runs; NULL: none does. Borrowed from the target. */
dds_meter *dds_target_call(dds_target *target);

/* The table, with its requests counted on a meter of the caller's, which gets capacity_limit. */
dds_table dds_target_metered(const dds_target *target, dds_meter *meter);

/* For sessions/: layout and extra columns. Borrowed. */
dds_session_table dds_target_sessions(const dds_target *target);
dds_columns dds_target_columns(const dds_target *target);

/* Whether both stand for the same DynamoDB table at the same place; both must be open. */
bool dds_target_is_same(const dds_target *left, const dds_target *right);

/* Fails with DDS_READONLY where read_only=1. */
DDS_MUST_USE bool dds_target_check_writable(const dds_target *target, dds_error *error);

/*
 * Creates the DynamoDB table where there is none, waits until it is ACTIVE and enables TTL on the
 * layout's attribute. `*created` tells whether it was this call.
 */
DDS_MUST_USE bool dds_target_create_table(dds_target *target, int64_t timeout_ms, bool *created,
                                          dds_error *error);

/*
 * After a failed request: true, the table created and the error taken back, where the failure was
 * that the table does not exist and create=1; then the request is to be sent again.
 */
DDS_MUST_USE bool dds_target_create_missing(dds_target *target, dds_error *error);

/*
 * After a failure that a wrong layout would explain, these read one whole item and, where that is
 * none of this layout, say which attributes it has and which layout it looks like: the first after
 * an item lacked the layout's key, the second after a failed request, if DynamoDB refused it.
 */
void dds_target_explain_item(const dds_target *target, dds_error *error);
void dds_target_explain_refusal(const dds_target *target, dds_error *error);
