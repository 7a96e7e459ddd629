/*
 * An allocator for unit tests that counts live blocks and refuses one allocation on demand.
 *
 *   failing_allocator_install();                    // once, before anything is allocated
 *   for (long nth = 1;; nth++) {                    // each allocation refused in turn
 *     failing_allocator_refuse(nth);
 *     bool ok = operation(&error);
 *     bool refused = failing_allocator_check(ok, &error);
 *     clean_up();
 *     assert_int_equal(failing_allocator_live_blocks(), before);
 *     if (!refused) break;                          // it succeeded without meeting the refusal
 *   }
 */
#pragma once

#include <stdbool.h>

#include "base/error.h"

void failing_allocator_install(void);

/* The same, as a set-up of cmocka's. */
int failing_allocator_set_up(void **state);

/* The nth allocation from now on (1 …) is refused, once; 0: none is. */
void failing_allocator_refuse(long nth);

/* Whether the refusal asked for last has happened. */
bool failing_allocator_has_refused(void);

/* Ends the refusal and returns whether it has happened: then, and only then, an operation has to
 * have failed, with DDS_NOMEM. */
bool failing_allocator_check(bool ok, const dds_error *error);

/* Blocks that are allocated and not released. */
long failing_allocator_live_blocks(void);
