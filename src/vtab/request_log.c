/* The ring of requests behind the table dynamodb_requests: it grows as requests come, since most
 * connections send few. */
#include "vtab/request_log.h"

#include <stdbool.h>
#include <string.h>

#include "base/alloc.h"

enum { TEXTS = 5, FIRST_PLACES = 16 };

/* An entry, and the texts that its record shows, in one piece. */
typedef struct log_place {
  dds_request_entry entry;
  char *texts;
  size_t text_bytes; /* how many there is room for */
} log_place;

struct dds_request_log {
  int64_t next_id;
  log_place *places; /* as many as there were requests, up to DDS_REQUEST_LOG_ENTRIES */
  size_t place_count;
};

static size_t index_of(int64_t id) {
  return (size_t)((id - 1) % DDS_REQUEST_LOG_ENTRIES);
}

dds_request_log *dds_request_log_create(void) {
  dds_request_log *log = dds_alloc(sizeof *log);
  if (log != NULL) {
    log->next_id = 1;
  }
  return log;
}

/* Makes the places twice as many. */
static bool grow(dds_request_log *log) {
  size_t count = log->place_count == 0 ? FIRST_PLACES : 2 * log->place_count;
  if (count > DDS_REQUEST_LOG_ENTRIES) {
    count = DDS_REQUEST_LOG_ENTRIES;
  }
  log_place *places = dds_realloc(log->places, count * sizeof *places);
  if (places == NULL) {
    return false;
  }
  memset(places + log->place_count, 0, (count - log->place_count) * sizeof *places);
  log->places = places;
  log->place_count = count;
  return true;
}

/* Room for the texts of a record: that of the one before, where it is enough. */
static char *make_room(log_place *place, size_t bytes) {
  if (place->texts == NULL || place->text_bytes < bytes) {
    dds_free(place->texts);
    place->texts = dds_alloc(bytes);
    place->text_bytes = bytes;
  }
  return place->texts;
}

/* Gives a record texts of its own; without memory it has none. */
static void own_texts(log_place *place) {
  dds_record *record = &place->entry.record;
  const char **const texts[TEXTS] = {&record->operation, &record->table_name, &record->words,
                                     &record->error, &record->request_id};
  size_t bytes = 0;
  for (size_t i = 0; i < TEXTS; i++) {
    bytes += *texts[i] == NULL ? 0 : strlen(*texts[i]) + 1;
  }
  char *at = make_room(place, bytes);
  for (size_t i = 0; i < TEXTS; i++) {
    if (*texts[i] != NULL && at != NULL) {
      size_t text_bytes = strlen(*texts[i]) + 1;
      memcpy(at, *texts[i], text_bytes);
      *texts[i] = at;
      at += text_bytes;
    } else {
      *texts[i] = NULL;
    }
  }
}

void dds_request_log_add(dds_request_log *log, const dds_record *record) {
  size_t index = index_of(log->next_id);
  if (index >= log->place_count && !grow(log)) {
    return;
  }
  log_place *place = &log->places[index];
  place->entry = (dds_request_entry){.id = log->next_id++, .record = *record};
  own_texts(place);
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
  for (size_t i = 0; i < log->place_count; i++) {
    dds_free(log->places[i].texts);
  }
  dds_free(log->places);
  dds_free(log);
}
