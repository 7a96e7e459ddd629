/* Deleting expired sessions as they are found, several at a time. */
#include "vtab/reap.h"

#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "dynamodb/scan.h"
#include "dynamodb/write.h"
#include "sessions/expiry.h"
#include "sessions/row.h"
#include "vtab/connection.h"
#include "vtab/facts.h"
#include "vtab/filter.h"
#include "vtab/sqlite.h"

/* A delete in flight. */
typedef struct job {
  dds_write write; /* owned */
  dds_operation *operation;
} job;

/* One run. */
typedef struct reaper {
  dds_target *target;
  dds_meter meter;
  dds_table table; /* the target's, on the meter */
  int64_t now_ms;
  dds_condition *expired; /* owned */
  int64_t start_ms;
  double writes_per_second;
  int64_t attempted;
  int64_t *deleted;
  job *jobs;                  /* owned; room for `concurrency` */
  dds_operation **operations; /* owned; the same room, for waiting */
  size_t concurrency;
  size_t in_flight;
} reaper;

static bool open_scan(const reaper *self, dds_scan **scan, dds_error *error) {
  const dds_layout *layout = &self->target->options.layout;
  const char *attributes[] = {layout->hash_key, layout->expires, layout->ttl};
  /* The TTL attribute is last: a layout may use one attribute for both. */
  bool is_shared = strcmp(layout->expires, layout->ttl) == 0;
  dds_filter filter = {.condition = self->expired};
  dds_scan_request request = {
      .projection = {.attributes = attributes, .count = is_shared ? 2 : 3},
      /* A stale page costs nothing but a delete that does not match. */
      .consistent = self->target->options.consistency == DDS_CONSISTENT_ALWAYS,
  };
  bool ok = dds_facts_divide(self->target, &request, error) &&
            dds_filter_for_scan(&filter, layout, &request.filter, error) &&
            dds_scan_open(&self->table, &request, scan, error);
  dds_condition_release(request.filter);
  return ok;
}

static bool pace(reaper *self, dds_error *error) {
  if (self->writes_per_second <= 0) {
    return true;
  }
  dds_client *client = self->table.client;
  int64_t due_ms =
      self->start_ms + (int64_t)((double)self->attempted * 1000.0 / self->writes_per_second);
  int64_t wait_ms = due_ms - dds_client_now_ms(client);
  return wait_ms <= 0 || dds_client_pause(client, wait_ms, error);
}

static void release(job *of) {
  dds_operation_free(of->operation);
  dds_write_free(&of->write);
  *of = (job){0};
}

static void abandon(reaper *self) {
  while (self->in_flight > 0) {
    release(&self->jobs[--self->in_flight]);
  }
}

/* Waits for one of those in flight. Where the item was touched meanwhile it stays. Where the
 * waiting itself fails, nothing is in flight any more. */
static bool finish_one(reaper *self, dds_error *error) {
  size_t index;
  dds_item old;
  dds_write_result result = DDS_WRITE_UNMATCHED;
  bool may_have_been_applied;
  for (size_t i = 0; i < self->in_flight; i++) {
    self->operations[i] = self->jobs[i].operation;
  }
  if (!dds_operation_wait_any(self->operations, self->in_flight, &index, error)) {
    abandon(self);
    return false;
  }
  job *done = &self->jobs[index];
  bool ok =
      dds_write_finish(&done->write, done->operation, &result, &old, &may_have_been_applied, error);
  *self->deleted += ok && result == DDS_WRITE_APPLIED;
  release(done);
  *done = self->jobs[--self->in_flight];
  return ok;
}

/* Starts the delete of one item, which is still expired when it is deleted. */
static bool reap_item(reaper *self, const dds_item *item, dds_error *error) {
  if (self->in_flight == self->concurrency && !finish_one(self, error)) {
    return false;
  }
  job *next = &self->jobs[self->in_flight];
  *next = (job){
      .write = {.kind = DDS_WRITE_DELETE, .matches = dds_condition_retain(self->expired)},
  };
  /* The pause moves those in flight along, and the item is the scan's: take its key first. */
  bool ok =
      dds_key_from_item(self->target->options.layout.hash_key, item, &next->write.key, error) &&
      pace(self, error) && dds_write_start(&self->table, &next->write, &next->operation, error);
  self->attempted++;
  if (!ok) {
    release(next);
    return false;
  }
  self->in_flight++;
  return true;
}

/* The rest of those in flight, so that their number is known; an interrupt waits for nothing. */
static bool finish_all(reaper *self, bool ok, dds_error *error) {
  dds_error failure = *error;
  while (self->in_flight > 0 && failure.code != DDS_INTERRUPT) {
    dds_error another = DDS_ERROR_INIT;
    if (!finish_one(self, &another)) {
      failure = another;
      *error = ok ? another : *error;
      ok = false;
    }
  }
  abandon(self);
  return ok;
}

/* An item that the filter lets through may still be none of ours, or none that has expired. */
static bool is_reapable(const reaper *self, const dds_item *item, bool *reapable,
                        dds_error *error) {
  const dds_layout *layout = &self->target->options.layout;
  if (!dds_row_check(layout, item, reapable, error)) {
    dds_target_explain_item(self->target, error);
    return false;
  }
  *reapable = *reapable && dds_row_is_expired(layout, item, self->now_ms);
  return true;
}

static bool reap_all(reaper *self, dds_scan *scan, dds_error *error) {
  for (;;) {
    dds_item item;
    bool reapable = false;
    if (!dds_scan_next(scan, &item, error)) {
      return false;
    }
    if (item.json.text == NULL) {
      return true;
    }
    if (!is_reapable(self, &item, &reapable, error) ||
        (reapable && !reap_item(self, &item, error))) {
      return false;
    }
  }
}

static bool make_room(reaper *self, dds_error *error) {
  self->concurrency = dds_options_concurrency(&self->target->options);
  self->jobs = dds_alloc(self->concurrency * sizeof *self->jobs);
  self->operations = dds_alloc(self->concurrency * sizeof *self->operations);
  return (self->jobs != NULL && self->operations != NULL) || dds_error_set_nomem(error);
}

/* Told every five seconds. */
static void report(void *context, const dds_meter *meter) {
  const reaper *self = context;
  sqlite3_log(
      SQLITE_NOTICE,
      "dynamodb_sessions: reaping \"%s\": %lld deleted, %lld request%s, %.15g capacity unit%s "
      "so far",
      self->table.name, (long long)*self->deleted, (long long)meter->requests,
      dds_text_plural((double)meter->requests), meter->used_units,
      dds_text_plural(meter->used_units));
}

bool dds_reap(dds_target *target, int64_t now_ms, double writes_per_second, int64_t *count,
              dds_error *error) {
  reaper self = {
      .target = target,
      .meter = {.report = report, .context = &self},
      .now_ms = now_ms,
      .expired = dds_expiry_expired_condition(&target->options.layout, now_ms, true),
      .start_ms = dds_client_now_ms(target->table.client),
      .writes_per_second = writes_per_second,
      .deleted = count,
  };
  dds_scan *scan = NULL;
  self.table = dds_target_metered(target, &self.meter);
  *count = 0;
  bool ok = (self.expired != NULL || dds_error_set_nomem(error)) && make_room(&self, error) &&
            open_scan(&self, &scan, error) && reap_all(&self, scan, error);
  ok = finish_all(&self, ok, error);
  if (*count > 0) {
    dds_connection_note_write(target->connection, target->table.client, target->table.name);
  }
  dds_scan_close(scan);
  dds_condition_release(self.expired);
  dds_free(self.jobs);
  dds_free(self.operations);
  return ok;
}
