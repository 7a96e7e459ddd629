/* What both measured programs share: clocks, peaks, medians, and the line of JSON that they print.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* One measured stretch of a process. */
typedef struct measure {
  int64_t begin_ns;
  double begin_cpu_s;
  double wall_s; /* set by measure_end, as what follows */
  double cpu_s;  /* user and system, of all threads */
  long peak_kb;  /* the highest resident size of the whole process until then; 0: unknown */
} measure;

int64_t measure_now_ns(void);
void measure_begin(measure *of);
void measure_end(measure *of);

/* Sorts, and returns the middle one in microseconds. */
double measure_median_us(int64_t *times_ns, size_t count);

/* Prints {"wall_s":…,"cpu_s":…,"peak_kb":…,"rows":…,"bytes":…,"calls":…,"p50_us":…}. */
void measure_print(const measure *of, size_t rows, size_t bytes, size_t calls, double p50_us);

/* Ends the program with a message where a condition does not hold. */
void measure_must(int holds, const char *what, const char *detail);

/* The value of `--name value` among the arguments, `otherwise` where it is not there. */
const char *measure_option(int count, char **arguments, const char *name, const char *otherwise);
size_t measure_number(int count, char **arguments, const char *name, size_t otherwise);
