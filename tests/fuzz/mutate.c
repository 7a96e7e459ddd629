/*
 * Runs a fuzz harness without libFuzzer: the seeds as they are, then changed copies of them.
 *
 *   FUZZ_SEEDS=folder [FUZZ_RUNS=n] [DDS_SEED=n] program
 *
 * The seed is printed before the first run, so that a failure can be had again.
 */
#include <dirent.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "base/splitmix.h"
#include "fuzz.h"

enum { INPUT_BYTES = 4096, SEEDS = 64, CHANGES = 6, STRETCH = 32, DEFAULT_RUNS = 20000 };

typedef struct input {
  uint8_t bytes[INPUT_BYTES];
  size_t length;
} input;

static input seeds[SEEDS];
static size_t seed_count;
static uint64_t random_state;

static size_t below(size_t limit) {
  return limit == 0 ? 0 : (size_t)(dds_splitmix_next(&random_state) % limit);
}

/* Puts bytes in at a place, as many as fit; they must not be the input's own. */
static void insert(input *at, size_t place, const uint8_t *bytes, size_t length) {
  if (length > INPUT_BYTES - at->length) {
    length = INPUT_BYTES - at->length;
  }
  memmove(at->bytes + place + length, at->bytes + place, at->length - place);
  memcpy(at->bytes + place, bytes, length);
  at->length += length;
}

static void cut(input *at, size_t place, size_t length) {
  memmove(at->bytes + place, at->bytes + place + length, at->length - place - length);
  at->length -= length;
}

/* A stretch of any seed, often a whole token of the grammar. */
static void splice(input *at) {
  const input *other = &seeds[below(seed_count)];
  size_t from = below(other->length), length = 1 + below(STRETCH);
  if (other->length == 0) {
    return;
  }
  if (length > other->length - from) {
    length = other->length - from;
  }
  insert(at, below(at->length + 1), other->bytes + from, length);
}

static void change(input *at) {
  static const uint8_t telling[] =
      " \t\r\n\0\"\\'[]{}<>()=:;,.#%&/?@+-0189aAzZ\x7f\x80\xc3\xa9\xed\xff";
  size_t place = below(at->length), length = 1 + below(STRETCH);
  uint8_t byte = telling[below(sizeof telling - 1)];
  if (length > at->length - place) {
    length = at->length - place;
  }
  switch (at->length == 0 ? 0 : below(6)) {
  case 0:
    insert(at, place, &byte, 1);
    break;
  case 1:
    at->bytes[place] = byte;
    break;
  case 2:
    at->bytes[place] ^= (uint8_t)(1u << below(8));
    break;
  case 3:
    cut(at, place, length);
    break;
  case 4: {
    uint8_t copy[STRETCH];
    memcpy(copy, at->bytes + place, length);
    insert(at, below(at->length + 1), copy, length);
    break;
  }
  default:
    splice(at);
  }
}

static bool read_seed(const char *folder, const char *name) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "rb");
  if (file == NULL || seed_count == SEEDS) {
    return false;
  }
  input *seed = &seeds[seed_count++];
  seed->length = fread(seed->bytes, 1, INPUT_BYTES, file);
  fclose(file);
  return true;
}

static int compare_names(const void *left, const void *right) {
  return strcmp(*(char *const *)left, *(char *const *)right);
}

/* In the order of their names, so that a seed of the generator means the same everywhere. */
static bool read_seeds(const char *folder) {
  char *names[SEEDS];
  size_t count = 0;
  DIR *directory = folder == NULL ? NULL : opendir(folder);
  if (directory == NULL) {
    return false;
  }
  for (struct dirent *entry; (entry = readdir(directory)) != NULL && count < SEEDS;) {
    if (entry->d_name[0] != '.' && (names[count] = strdup(entry->d_name)) != NULL) {
      count++;
    }
  }
  closedir(directory);
  qsort(names, count, sizeof names[0], compare_names);
  bool is_read = count > 0;
  for (size_t i = 0; i < count; i++) {
    is_read = read_seed(folder, names[i]) && is_read;
    free(names[i]);
  }
  return is_read;
}

/* In memory of its very size, so that a sanitizer sees a byte read beyond it. */
static void run(const input *at) {
  uint8_t *copy = malloc(at->length == 0 ? 1 : at->length);
  if (copy == NULL) {
    abort();
  }
  memcpy(copy, at->bytes, at->length);
  LLVMFuzzerTestOneInput(copy, at->length);
  free(copy);
}

static uint64_t number_of(const char *variable, uint64_t otherwise) {
  const char *text = getenv(variable);
  return text == NULL ? otherwise : strtoull(text, NULL, 10);
}

int main(void) {
  const char *folder = getenv("FUZZ_SEEDS");
  uint64_t runs = number_of("FUZZ_RUNS", DEFAULT_RUNS);
  random_state = number_of("DDS_SEED", (uint64_t)time(NULL));
  if (!read_seeds(folder)) {
    fprintf(stderr, "FUZZ_SEEDS names no folder of at most %d seeds\n", SEEDS);
    return EXIT_FAILURE;
  }
  printf("# DDS_SEED=%llu, %llu runs\n", (unsigned long long)random_state,
         (unsigned long long)runs);
  fflush(stdout);
  for (size_t i = 0; i < seed_count; i++) {
    run(&seeds[i]);
  }
  for (uint64_t i = 0; i < runs; i++) {
    input changed = seeds[below(seed_count)];
    /* Mostly one or two: more seldom leave a text that means something. */
    for (size_t changes = 1 + below(1 + below(CHANGES)); changes > 0; changes--) {
      change(&changed);
    }
    run(&changed);
  }
  printf("ok 1 - %zu seeds and %llu changed copies\n", seed_count, (unsigned long long)runs);
  return EXIT_SUCCESS;
}
