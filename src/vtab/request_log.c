/* The ring of requests behind the table dynamodb_requests. */
#include "vtab/request_log.h"

#include <string.h>

#include "base/alloc.h"

enum { TEXTS = 5 };

/* An entry, and the texts that its record shows. */
typedef struct log_place {
  dds_request_entry entry;
  char *owned[TEXTS];
} log_place;

struct dds_request_log {
  int64_t next_id;
  log_place places[DDS_REQUEST_LOG_ENTRIES];
};

static size_t index_of(int64_t id) {
  return (size_t)((id - 1) % DDS_REQUEST_LOG_ENTRIES);
}

static void empty(log_place *place) {
  for (size_t i = 0; i < TEXTS; i++) {
    dds_free(place->owned[i]);
  }
  *place = (log_place){0};
}

dds_request_log *dds_request_log_create(void) {
  dds_request_log *log = dds_alloc(sizeof *log);
  if (log != NULL) {
    log->next_id = 1;
  }
  return log;
}

void dds_request_log_add(dds_request_log *log, const dds_record *record) {
  log_place *place = &log->places[index_of(log->next_id)];
  dds_record *kept = &place->entry.record;
  empty(place);
  place->entry.id = log->next_id++;
  *kept = *record;
  const char **const texts[TEXTS] = {&kept->operation, &kept->table_name, &kept->words,
                                     &kept->error, &kept->request_id};
  for (size_t i = 0; i < TEXTS; i++) {
    const char *text = *texts[i];
    place->owned[i] = text == NULL ? NULL : dds_alloc_copy(text, strlen(text));
    *texts[i] = place->owned[i];
  }
}

static void observe(void *context, const dds_record *record) {
  dds_request_log_add(context, record);
}

dds_observer dds_request_log_observer(dds_request_log *log) {
  return (dds_observer){.record = observe, .context = log};
}

int64_t dds_request_log_first(const dds_request_log *log) {
  int64_t first = log->next_id - DDS_REQUEST_LOG_ENTRIES;
  return first < 1 ? 1 : first;
}

int64_t dds_request_log_end(const dds_request_log *log) {
  return log->next_id;
}

const dds_request_entry *dds_request_log_get(const dds_request_log *log, int64_t id) {
  if (id < dds_request_log_first(log) || id >= log->next_id) {
    return NULL;
  }
  return &log->places[index_of(id)].entry;
}

void dds_request_log_free(dds_request_log *log) {
  if (log == NULL) {
    return;
  }
  for (size_t i = 0; i < DDS_REQUEST_LOG_ENTRIES; i++) {
    empty(&log->places[i]);
  }
  dds_free(log);
}
