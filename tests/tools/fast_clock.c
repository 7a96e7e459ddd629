/*
 * Time that runs faster, for tests of waits that take minutes: loaded before the C library, it
 * speeds up the clocks and shortens the waits of a process, DDS_CLOCK_SPEED times.
 *
 *   cc -shared -fPIC -o fast_clock.so tests/tools/fast_clock.c -ldl
 *   LD_PRELOAD=./fast_clock.so DDS_CLOCK_SPEED=10 sqlite3 ...
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { CLOCKS = 16 };

static int64_t nanoseconds(const struct timespec *time) {
  return (int64_t)time->tv_sec * 1000000000 + time->tv_nsec;
}

static int speed(void) {
  const char *value = getenv("DDS_CLOCK_SPEED");
  long times = value != NULL ? strtol(value, NULL, 10) : 1;
  return times >= 1 && times <= 1000 ? (int)times : 1;
}

/* What has passed since a clock was asked first counts that many times. */
int clock_gettime(clockid_t clock, struct timespec *time) {
  static int64_t starts[CLOCKS];
  int result = (int)syscall(SYS_clock_gettime, clock, time);
  if (result != 0 || clock < 0 || clock >= CLOCKS) {
    return result;
  }
  int64_t now = nanoseconds(time);
  if (starts[clock] == 0) {
    starts[clock] = now;
  }
  now = starts[clock] + (now - starts[clock]) * speed();
  time->tv_sec = (time_t)(now / 1000000000);
  time->tv_nsec = (long)(now % 1000000000);
  return 0;
}

int poll(struct pollfd *files, nfds_t count, int timeout_ms) {
  int (*next)(struct pollfd *, nfds_t, int) = 0;
  *(void **)&next = dlsym(RTLD_NEXT, "poll");
  return next(files, count, timeout_ms > 0 ? (timeout_ms - 1) / speed() + 1 : timeout_ms);
}
