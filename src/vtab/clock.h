/* SQLite's own clock and its ways to be stopped. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "vtab/sqlite.h"

/* Milliseconds since the epoch by the VFS of the main database, as unixepoch() sees it. */
int64_t dds_clock_now_ms(sqlite3 *db);

/*
 * Whether the running statement is to end: Ctrl-C, sqlite3_interrupt or the progress handler.
 * Runs a statement of some 20,000 VM steps, because only running statements notice an interrupt or
 * reach a progress handler, on every SQLite from 3.38 on. (A host's authorizer that refuses this
 * SELECT makes waits deaf to an interrupt, not wrong.)
 */
bool dds_clock_stop_asked(sqlite3 *db);
