/*
 * SQLite's API as an extension sees it: through the table of functions that the host hands over at
 * load time, so that the host's own SQLite is used and none is linked. extension.c defines the
 * pointer; everything else in vtab/ includes this header.
 */
#pragma once

#include <sqlite3ext.h>

SQLITE_EXTENSION_INIT3
