/*
 * The loops of the statements that read a virtual table. SQLite tells no virtual table which
 * statement a cursor belongs to, and a loop that runs inside another one is started again and
 * again, by older versions with a new cursor each time. But each loop has its own copy of its
 * plan's words (idxStr), which lives as long as its statement: so the address of the words is the
 * loop's name, and under it is kept what only holds inside one statement: the plan, what was used,
 * what is remembered of keys and of Scans.
 *
 * An address may be used again once its statement is gone, and a statement may be run again. So a
 * cursor joins a loop only where the loop's statement is still running for certain: another cursor
 * is in the loop, or the last one left it after this cursor was opened (SQLite opens the new one
 * before it closes the old). In both cases two programs were alive at one time, and the same
 * address in both means that they are one. Nothing else outlives its last cursor.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/error.h"
#include "dynamodb/meter.h"
#include "dynamodb/projection.h"
#include "dynamodb/table.h"
#include "vtab/memo.h"
#include "vtab/plan.h"
#include "vtab/rescans.h"
#include "vtab/target.h"

typedef struct dds_loop {
  struct dds_loop *next;
  const char *address; /* of the words; never followed */
  char *words;         /* owned copy */
  size_t cursor_count;
  uint64_t left_at; /* when the last cursor left it: dds_loops.events */
  dds_target *target;
  dds_plan plan;
  const char **attributes; /* owned array: what items are projected to; NULL: the whole item */
  size_t attribute_count;
  char *projection; /* owned; those as a GetItem has them: dds_projection.members */
  char *sql_name;   /* owned; .table borrows it, since the target's may change */
  dds_meter meter;  /* what the loop has used */
  dds_table table;  /* the target's, with this meter or its call's; opened by dds_loop_open_table */
  dds_memo memo;
  dds_rescans rescans;
} dds_loop;

/* All loops of a virtual table; all zero at first. */
typedef struct dds_loops {
  dds_loop *first;
  dds_loop *spares;  /* that nobody is in, the latest first: what words alone say, to begin with */
  size_t unfiltered; /* cursors that are open and have not named their loop yet */
  uint64_t events;   /* cursors opened, and loops left by their last one */
} dds_loops;

/* A cursor's place among them. */
typedef struct dds_loop_seat {
  dds_loop *loop; /* NULL until xFilter */
  uint64_t opened_at;
  bool was_filtered;
} dds_loop_seat;

/* xOpen. */
void dds_loops_open_seat(dds_loops *loops, dds_loop_seat *seat);

/* xFilter: the loop of the words, found or begun. */
DDS_MUST_USE bool dds_loops_take_seat(dds_loops *loops, dds_loop_seat *seat, dds_target *target,
                                      const char *words, dds_error *error);

/* xClose. What the cursor has borrowed from its loop must be given back before. */
void dds_loops_close_seat(dds_loops *loops, dds_loop_seat *seat);

/* Before requests are made: the target's client, which must be open, becomes the loop's. */
void dds_loop_open_table(dds_loop *loop);

/* The attributes that its plan's columns show. */
dds_projection dds_loop_projection(const dds_loop *loop);

/* xDisconnect: drops all. */
void dds_loops_free(dds_loops *loops);
