/* Deleting expired sessions as they are found. */
#include "vtab/reap.h"

#include <string.h>

#include "dynamodb/read.h"
#include "dynamodb/write.h"
#include "sessions/expiry.h"
#include "sessions/row.h"
#include "vtab/connection.h"
#include "vtab/filter.h"

/* One run. */
typedef struct reaper {
  dds_target *target;
  int64_t now_ms;
  dds_condition *expired; /* owned */
  int64_t start_ms;
  double writes_per_second;
  int64_t attempted;
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
  bool ok = dds_filter_for_scan(&filter, layout, &request.filter, error) &&
            dds_scan_open(&self->target->table, &request, scan, error);
  dds_condition_release(request.filter);
  return ok;
}

static bool pace(reaper *self, dds_error *error) {
  if (self->writes_per_second <= 0) {
    return true;
  }
  dds_client *client = self->target->table.client;
  int64_t due_ms =
      self->start_ms + (int64_t)((double)self->attempted * 1000.0 / self->writes_per_second);
  int64_t wait_ms = due_ms - dds_client_now_ms(client);
  return wait_ms <= 0 || dds_client_pause(client, wait_ms, error);
}

/* Deletes one item; `*deleted` is false where it was touched meanwhile or is gone. */
static bool reap_item(reaper *self, const dds_item *item, bool *deleted, dds_error *error) {
  dds_write write = {
      .kind = DDS_WRITE_DELETE,
      .matches = dds_condition_retain(self->expired),
  };
  dds_write_result result = DDS_WRITE_UNMATCHED;
  bool may_have_been_applied = false;
  bool ok = pace(self, error) &&
            dds_key_from_item(self->target->options.layout.hash_key, item, &write.key, error) &&
            dds_write_send(&self->target->table, &write, &result, &may_have_been_applied, error);
  self->attempted++;
  *deleted = ok && result == DDS_WRITE_APPLIED;
  dds_write_free(&write);
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

static bool reap_all(reaper *self, dds_scan *scan, int64_t *count, dds_error *error) {
  for (;;) {
    dds_item item;
    bool reapable = false;
    bool deleted = false;
    if (!dds_scan_next(scan, &item, error)) {
      return false;
    }
    if (item.json.text == NULL) {
      return true;
    }
    if (!is_reapable(self, &item, &reapable, error) ||
        (reapable && !reap_item(self, &item, &deleted, error))) {
      return false;
    }
    *count += deleted;
  }
}

bool dds_reap(dds_target *target, int64_t now_ms, double writes_per_second, int64_t *count,
              dds_error *error) {
  reaper self = {
      .target = target,
      .now_ms = now_ms,
      .expired = dds_expiry_expired_condition(&target->options.layout, now_ms, true),
      .start_ms = dds_client_now_ms(target->table.client),
      .writes_per_second = writes_per_second,
  };
  dds_scan *scan = NULL;
  *count = 0;
  bool ok = (self.expired != NULL || dds_error_set_nomem(error)) &&
            open_scan(&self, &scan, error) && reap_all(&self, scan, count, error);
  if (*count > 0) {
    dds_connection_note_write(target->connection, target->table.client, target->table.name);
  }
  dds_scan_close(scan);
  dds_condition_release(self.expired);
  return ok;
}
