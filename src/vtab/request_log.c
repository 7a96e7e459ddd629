/* The ring of requests behind the table dynamodb_requests. */
#include "vtab/request_log.h"

#include <string.h>

#include "base/alloc.h"

struct dds_request_log {
  int64_t next_id;
  dds_request_entry entries[DDS_REQUEST_LOG_ENTRIES];
};

static dds_request_entry *place_of(dds_request_log *log, int64_t id) {
  return &log->entries[(id - 1) % DDS_REQUEST_LOG_ENTRIES];
}

static const char *copy_text(const char *text) {
  return text ? dds_alloc_copy(text, strlen(text)) : NULL;
}

/* The texts are const for readers of a record, but the log's own. */
static void free_text(const char *text) {
  union {
    const char *shown;
    void *owned;
  } both = {.shown = text};
  dds_free(both.owned);
}

static void empty(dds_request_entry *entry) {
  free_text(entry->record.operation);
  free_text(entry->record.table_name);
  free_text(entry->record.words);
  free_text(entry->record.error);
  free_text(entry->record.request_id);
  *entry = (dds_request_entry){0};
}

dds_request_log *dds_request_log_create(void) {
  dds_request_log *log = dds_alloc(sizeof *log);
  if (log != NULL) {
    log->next_id = 1;
  }
  return log;
}

void dds_request_log_add(dds_request_log *log, const dds_record *record) {
  dds_request_entry *entry = place_of(log, log->next_id);
  empty(entry);
  entry->id = log->next_id++;
  entry->record = *record;
  entry->record.operation = copy_text(record->operation);
  entry->record.table_name = copy_text(record->table_name);
  entry->record.words = copy_text(record->words);
  entry->record.error = copy_text(record->error);
  entry->record.request_id = copy_text(record->request_id);
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
  return &log->entries[(id - 1) % DDS_REQUEST_LOG_ENTRIES];
}

void dds_request_log_free(dds_request_log *log) {
  if (log == NULL) {
    return;
  }
  for (size_t i = 0; i < DDS_REQUEST_LOG_ENTRIES; i++) {
    empty(&log->entries[i]);
  }
  dds_free(log);
}
