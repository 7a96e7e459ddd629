/*
 * How whoever waits learns that he is to stop: Ctrl-C, sqlite3_interrupt, a progress handler. A
 * host may do in its progress handler what SQLite forbids there, and run a statement on the
 * connection that waits: so it is known while the question is asked.
 */
#pragma once

#include <stdbool.h>

#include "base/attributes.h"
#include "base/error.h"

typedef struct dds_stop {
  bool (*asked)(void *context); /* NULL: never stop */
  void *context;
  bool is_being_asked; /* by dds_stop_ask */
} dds_stop;

/* To be asked every 50 ms while something is waited for; true: stop. */
bool dds_stop_ask(dds_stop *stop);

/*
 * Refuses while it is asked. Whoever asked is in the middle of a wait: another within it would take
 * away the answer that the first one waits for, and work on with what the first has in its hands.
 * What sends nothing and writes nothing is not seen here and runs: a ROLLBACK, a DROP TABLE.
 */
DDS_MUST_USE bool dds_stop_check_outside(const dds_stop *stop, dds_error *error);
