/*
 * Sends the calls of a plan (calls.h), those of one client in flight together, and notes what
 * became of each net write. A call in which conditions failed is sent again without the writes that
 * their statements' rules drop (INSERT OR IGNORE, DELETE), unless one of the others is refused.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/attributes.h"
#include "base/error.h"
#include "vtab/calls.h"
#include "vtab/connection.h"
#include "vtab/nets.h"

/*
 * Sends the calls from `first` on that are of one client; `*end` is behind the last of them. After
 * a failure nothing more is sent; what is in flight is waited for, unless an interrupt ended the
 * wait. The nets tell what became of them: waiting ones were not applied. The calls' part of the
 * plan's order is used up.
 */
DDS_MUST_USE bool dds_send_calls(dds_connection *connection, dds_nets *nets, dds_calls *calls,
                                 size_t first, size_t *end, dds_error *error);
