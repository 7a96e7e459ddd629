/*
 * The virtual table dynamodb_sessions: its object, its module methods, its part in a transaction.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/error.h"
#include "vtab/connection.h"
#include "vtab/loop.h"
#include "vtab/row_reads.h"
#include "vtab/sqlite.h"
#include "vtab/target.h"

/* One table as SQLite has connected it. */
typedef struct dds_vtab {
  sqlite3_vtab base; /* first: SQLite's own part */
  dds_connection *connection;
  dds_target *target;
  struct dds_vtab *next; /* in dds_connection.tables */
  char *schema;          /* owned; "main", "temp", … */
  char *name;            /* owned; its SQL name */
  bool is_begun;         /* part of the open transaction: what is read is kept for its writes */
  bool is_cut_off;       /* rolled back, and not begun since: a statement may still be running */
  bool is_new;           /* connected while a transaction had written: maybe by its CREATE */
  bool is_renamed;
  bool was_rolled_back;    /* to a savepoint, since the transaction reached it */
  uint64_t begin_position; /* of the connection's writes when the transaction reached it */
  uint64_t *savepoints;    /* owned; position at each level, UINT64_MAX where never told */
  int savepoint_count;
  int lost_level; /* the level that there was no memory to remember, or -1, and its position */
  uint64_t lost_position;
  size_t sent_count;                 /* writes that commit='through' has sent in this transaction */
  uint64_t sent_end;                 /* behind the position of the last of them */
  dds_row_reads *reads;              /* owned: what statements read of rows that they may delete */
  size_t cursor_count;               /* open ones */
  sqlite3_vtab_cursor *spare_cursor; /* owned; the memory of one that is closed */
  uint64_t filter_count;             /* xFilters since the table was connected */
  dds_loops loops;                   /* of the statements that read it */
} dds_vtab;

/* The module's methods; the client data is a dds_connection. */
const sqlite3_module *dds_table_module(void);

/*
 * The virtual table that an SQL name, "sessions" or "temp.sessions", stands for. Resolved by
 * preparing a statement on it, which connects it and follows SQLite's rules. Borrowed.
 */
DDS_MUST_USE bool dds_table_find(dds_connection *connection, const char *name, dds_vtab **out,
                                 dds_error *error);

/*
 * Drops the writes of tables that the transaction created and then, by ROLLBACK TO, took back:
 * SQLite tells such a table nothing of a savepoint that is older than its CREATE.
 */
DDS_MUST_USE bool dds_table_drop_orphans(dds_connection *connection, dds_error *error);

/* Takes a table that a read has connected out of a transaction whose end nobody told it of. */
void dds_table_check_transaction(dds_vtab *table);

/* Appends `"schema"."name"`, quoted. */
void dds_table_append_name(const dds_vtab *table, dds_buffer *sql);
