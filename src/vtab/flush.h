/*
 * COMMIT: sends the writes that wait in the connection's transaction. SQLite calls xSync for each
 * virtual table; the first call sends the writes of all of them, later ones find nothing to do.
 */
#pragma once

#include "base/attributes.h"
#include "base/error.h"
#include "vtab/connection.h"

/*
 * Sends every waiting write, one after another in the order of the statements, and stops at the
 * first that fails. DDS_BUSY only where nothing can have been applied, so that COMMIT may be tried
 * again; else the message counts `N applied, N not applied, N unknown`.
 */
DDS_MUST_USE bool dds_flush(dds_connection *connection, dds_error *error);
