/*
 * COMMIT: sends the writes that wait in the connection's transaction, in the fewest calls
 * (calls.h). SQLite calls xSync for each virtual table; the first call sends the writes of all of
 * them, later ones find nothing to do.
 */
#pragma once

#include "base/attributes.h"
#include "base/error.h"
#include "vtab/connection.h"
#include "vtab/target.h"

/*
 * Sends every waiting write. DDS_BUSY only where nothing can have been applied, so that COMMIT may
 * be tried again; else the message counts `N applied, N not applied, N unknown`.
 */
DDS_MUST_USE bool dds_flush(dds_connection *connection, dds_error *error);

/*
 * commit='through', after a write was added for this target: sends what commit='through' has
 * gathered once that is 25 writes without a condition, or as many with one as may be in flight, and
 * a quarter of all that waits, so that the work stays linear beside a table that sends at COMMIT.
 * What was sent is forgotten but for its number. Nothing for other targets.
 */
DDS_MUST_USE bool dds_flush_through(dds_connection *connection, const dds_target *target,
                                    bool is_conditional, dds_error *error);
