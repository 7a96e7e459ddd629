/*
 * An allocator for unit tests that counts live blocks and refuses one allocation on demand.
 *
 *   failing_allocator_install();            // once, before anything is allocated
 *   while (failing_allocator_next()) {      // a round for each allocation, which is refused in it
 *     set_up();
 *     failing_allocator_start();            // counted from here
 *     bool ok = operation(&error);
 *     failing_allocator_check(ok, &error);  // it failed where the refusal met it, and nowhere else
 *     clean_up();
 *   }                                       // the last round met none
 */
#pragma once

#include <stdbool.h>

#include "base/error.h"

void failing_allocator_install(void);

/* The same, as a set-up of cmocka's. */
int failing_allocator_set_up(void **state);

/* Begins the next round of a sweep, or a sweep where none goes on; false ends it, once a round has
 * met no refusal. Fails where a round left blocks allocated, or other than it found. */
bool failing_allocator_next(void);

/* Refuses the allocation of this round, counted from now on. */
void failing_allocator_start(void);

/* Ends the refusal; returns whether it has happened. */
bool failing_allocator_stop(void);

/* The same; then, and only then, an operation has to have failed, with DDS_NOMEM. */
bool failing_allocator_check(bool ok, const dds_error *error);

/* Without a sweep: the nth allocation from now on (1 …) is refused, once; 0: none is. */
void failing_allocator_refuse(long nth);

/* Whether the refusal asked for last has happened. */
bool failing_allocator_has_refused(void);

/* Blocks that are allocated and not released. */
long failing_allocator_live_blocks(void);
