/* Clocks, peaks and medians of the measured programs. */
#include "measure.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

int64_t measure_now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static double cpu_s(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6 +
         (double)usage.ru_stime.tv_sec + (double)usage.ru_stime.tv_usec / 1e6;
}

/* Linux's own line and not ru_maxrss, which a process has from the one that started it. */
static long peak_kb(void) {
  char line[128];
  long peak = 0;
  FILE *status = fopen("/proc/self/status", "r");
  while (status != NULL && fgets(line, sizeof line, status) != NULL) {
    if (strncmp(line, "VmHWM:", 6) == 0) {
      peak = strtol(line + 6, NULL, 10);
    }
  }
  if (status != NULL) {
    fclose(status);
  }
  return peak;
}

void measure_begin(measure *of) {
  *of = (measure){.begin_cpu_s = cpu_s()};
  of->begin_ns = measure_now_ns();
}

void measure_end(measure *of) {
  of->wall_s = (double)(measure_now_ns() - of->begin_ns) / 1e9;
  of->cpu_s = cpu_s() - of->begin_cpu_s;
  of->peak_kb = peak_kb();
}

static int compare_times(const void *left, const void *right) {
  int64_t a = *(const int64_t *)left;
  int64_t b = *(const int64_t *)right;
  return (a > b) - (a < b);
}

double measure_median_us(int64_t *times_ns, size_t count) {
  qsort(times_ns, count, sizeof *times_ns, compare_times);
  return count == 0 ? 0 : (double)times_ns[count / 2] / 1e3;
}

void measure_print(const measure *of, size_t rows, size_t bytes, size_t calls, double p50_us) {
  printf("{\"wall_s\":%.6f,\"cpu_s\":%.6f,\"peak_kb\":%ld,\"rows\":%zu,\"bytes\":%zu,"
         "\"calls\":%zu,\"p50_us\":%.3f}\n",
         of->wall_s, of->cpu_s, of->peak_kb, rows, bytes, calls, p50_us);
}

void measure_must(int holds, const char *what, const char *detail) {
  if (!holds) {
    fprintf(stderr, "%s: %s\n", what, detail == NULL ? "failed" : detail);
    exit(1);
  }
}

const char *measure_option(int count, char **arguments, const char *name, const char *otherwise) {
  for (int i = 2; i + 1 < count; i += 2) {
    if (strcmp(arguments[i], name) == 0) {
      return arguments[i + 1];
    }
  }
  return otherwise;
}

size_t measure_number(int count, char **arguments, const char *name, size_t otherwise) {
  const char *value = measure_option(count, arguments, name, NULL);
  return value == NULL ? otherwise : strtoul(value, NULL, 10);
}
