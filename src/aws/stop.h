/* How whoever waits learns that he is to stop: Ctrl-C, sqlite3_interrupt, a progress handler. */
#pragma once

#include <stdbool.h>

/* Asked every 50 ms while something is waited for; true: stop. */
typedef struct dds_stop {
  bool (*asked)(void *context); /* NULL: never stop */
  void *context;
} dds_stop;
