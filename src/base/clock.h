/* The clock for waits and limits: it does not jump when the time of day is corrected. */
#pragma once

#include <stdint.h>

/* Milliseconds since some point in the past. */
int64_t dds_clock_monotonic_ms(void);
