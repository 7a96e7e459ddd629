/*
 * What belongs to one SQLite connection: the transport, the clients, the log of requests, the
 * writes of the open transaction, the virtual tables that are connected. Shared by reference
 * counts: every module, function and virtual table holds one.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "aws/client.h"
#include "base/attributes.h"
#include "base/error.h"
#include "vtab/pending.h"
#include "vtab/request_log.h"
#include "vtab/snapshot.h"
#include "vtab/sqlite.h"

struct dds_vtab;

/* Where the writes of a statement that has not ended begin. */
typedef struct dds_statement_start {
  int64_t changes; /* the rows that the connection had changed: each statement adds its own last */
  int running;     /* how many statements ran; 0: none is known */
  uint64_t position; /* of the first write */
} dds_statement_start;

typedef struct dds_connection {
  sqlite3 *db;
  int references;
  dds_transport *transport; /* NULL until the first client */
  struct dds_client_slot *clients;
  dds_request_log *requests;
  dds_pending pending;
  dds_statement_start unfinished;
  struct dds_write_mark *write_marks;
  struct dds_facts *facts; /* of tables: facts.h */
  uint64_t sent_count;     /* of notes of a write: what was read before is of another state */
  dds_snapshot_seal snapshot_seal;
  struct dds_vtab *tables; /* all that are connected, linked by `next` */
  struct dds_vtab
      *planned; /* the one that xBestIndex was last called for: how a name is resolved */
} dds_connection;

/* One reference is the caller's. */
DDS_MUST_USE bool dds_connection_create(sqlite3 *db, dds_connection **out, dds_error *error);

dds_connection *dds_connection_retain(dds_connection *connection);

/* void *, because SQLite's destructors want it so. The last one frees everything. */
void dds_connection_release(void *shared);

/* Refuses what a host's progress handler may not do while a statement of the connection waits: see
 * dds_stop_check_outside. */
DDS_MUST_USE bool dds_connection_check_outside(const dds_connection *connection, dds_error *error);

/*
 * The client for these options: one for each distinct set of them, opened at its first use, so that
 * creating or connecting a table reads no file and sends nothing. Owned by the connection.
 */
DDS_MUST_USE bool dds_connection_client(dds_connection *connection,
                                        const dds_client_options *options, dds_client **out,
                                        dds_error *error);

/*
 * A statement does not see what it writes itself. SQLite reads all rows of an UPDATE or DELETE
 * before it changes the first, but an INSERT … SELECT may go on reading, of a second virtual table
 * on the same DynamoDB table. So xUpdate notes where the running statement's writes begin, and a
 * read of it sees those before the position that the second function gives. The total of changes
 * tells a statement from the next: SQLite adds to it when a statement has ended.
 */
void dds_connection_note_statement(dds_connection *connection);
uint64_t dds_connection_visible_before(const dds_connection *connection);

/*
 * Notes that this connection has written to a table just now; and asks whether it did within the
 * last ten seconds: then consistent_read=auto reads consistently. A note that finds no memory is
 * an error only in that reads may be eventual, so none is reported.
 */
void dds_connection_note_write(dds_connection *connection, const dds_client *client,
                               const char *table_name);
bool dds_connection_wrote_lately(const dds_connection *connection, const dds_client *client,
                                 const char *table_name);
