/* What a virtual table stands for. */
#include "vtab/target.h"

#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "dynamodb/scan.h"
#include "vtab/connection.h"
#include "vtab/sqlite.h"

bool dds_target_create(dds_connection *connection, dds_options *options, dds_target **out,
                       dds_error *error) {
  dds_target *target = dds_alloc(sizeof *target);
  *out = target;
  if (target == NULL) {
    return dds_error_set_nomem(error);
  }
  target->references = 1;
  target->connection = connection;
  target->options = *options;
  *options = (dds_options){0};
  target->table.name = dds_options_table(&target->options);
  target->table.observer = dds_request_log_observer(connection->requests);
  return true;
}

dds_target *dds_target_retain(dds_target *target) {
  target->references++;
  return target;
}

void dds_target_release(dds_target *target) {
  if (target == NULL || --target->references > 0) {
    return;
  }
  dds_options_free(&target->options);
  dds_free(target->sql_name);
  dds_free(target);
}

bool dds_target_set_sql_name(dds_target *target, const char *name, dds_error *error) {
  char *copy = dds_alloc_copy(name, strlen(name));
  if (copy == NULL) {
    return dds_error_set_nomem(error);
  }
  dds_free(target->sql_name);
  target->sql_name = copy;
  target->table.sql_name = copy;
  return true;
}

bool dds_target_open(dds_target *target, dds_error *error) {
  if (target->table.client != NULL) {
    return true;
  }
  dds_client_options options = dds_options_client(&target->options);
  return dds_connection_client(target->connection, &options, &target->table.client, error);
}

/* Told every five seconds of what lasts longer. */
static void report(void *context, const dds_meter *meter) {
  const dds_target *target = context;
  sqlite3_log(
      SQLITE_NOTICE,
      "dynamodb_sessions: reading \"%s\": %lld page%s, %lld item%s, %.15g capacity unit%s so "
      "far",
      target->table.name, (long long)meter->requests, dds_text_plural((double)meter->requests),
      (long long)meter->items, dds_text_plural((double)meter->items), meter->used_units,
      dds_text_plural(meter->used_units));
}

dds_meter dds_target_meter(dds_target *target) {
  return (dds_meter){
      .limit_units = target->options.capacity_limit, .report = report, .context = target};
}

dds_meter *dds_target_call(dds_target *target) {
  return target->call_depth > 0 ? &target->call : NULL;
}

dds_table dds_target_metered(const dds_target *target, dds_meter *meter) {
  dds_table table = target->table;
  meter->limit_units = target->options.capacity_limit;
  table.meter = meter;
  return table;
}

dds_session_table dds_target_sessions(const dds_target *target) {
  return (dds_session_table){
      .layout = &target->options.layout,
      .extras = target->options.extras,
      .extra_count = target->options.extra_count,
  };
}

dds_columns dds_target_columns(const dds_target *target) {
  return (dds_columns){
      .extras = target->options.extras,
      .extra_count = target->options.extra_count,
      .indexes = target->options.indexes,
      .index_count = target->options.index_count,
  };
}

bool dds_target_is_same(const dds_target *left, const dds_target *right) {
  return strcmp(left->table.name, right->table.name) == 0 &&
         (left->table.client == right->table.client ||
          dds_config_is_same_place(dds_client_config(left->table.client),
                                   dds_client_config(right->table.client)));
}

bool dds_target_check_writable(const dds_target *target, dds_error *error) {
  return !target->options.read_only ||
         dds_error_set(error, DDS_READONLY, "table \"%s\" is read-only here (read_only=1)",
                       target->table.name);
}

/* A fresh table gets its TTL too; a table that has one on another attribute keeps it. */
static bool ensure_ttl(const dds_target *target, dds_error *error) {
  char *attribute = NULL;
  char *status = NULL;
  bool ok = dds_table_describe_ttl(&target->table, &attribute, &status, error);
  if (ok && attribute[0] == '\0') {
    ok = dds_table_enable_ttl(&target->table, target->options.layout.ttl, error);
  }
  dds_free(attribute);
  dds_free(status);
  return ok;
}

/* TTL on an attribute of another layout would do nothing, and hide that. */
static bool check_key(const dds_target *target, const dds_table_description *description,
                      dds_error *error) {
  const char *hash_key = target->options.layout.hash_key;
  if (description->hash_key == NULL || (strcmp(description->hash_key, hash_key) == 0 &&
                                        strcmp(description->hash_key_type, "S") == 0)) {
    return true;
  }
  dds_error_set(error, DDS_ERROR,
                "table \"%s\" exists, but its key is %s (%s), not the layout's %s (S): use another "
                "layout= or hash_key=",
                target->table.name, description->hash_key, description->hash_key_type, hash_key);
  return false;
}

bool dds_target_create_table(dds_target *target, int64_t timeout_ms, bool *created,
                             dds_error *error) {
  dds_table_description description = {0};
  bool is_active = false;
  *created = false;
  if (!dds_target_check_writable(target, error) || !dds_target_open(target, error) ||
      !dds_table_describe(&target->table, &description, error)) {
    return false;
  }
  bool exists = description.exists;
  is_active = exists && strcmp(description.status, "ACTIVE") == 0;
  bool ok = check_key(target, &description, error);
  dds_table_description_free(&description);
  if (!ok) {
    return false;
  }
  if (!exists && !(dds_options_check_capacity(&target->options, error) &&
                   dds_table_create(&target->table, target->options.layout.hash_key,
                                    target->options.read_capacity, target->options.write_capacity,
                                    created, error))) {
    return false;
  }
  return (is_active || dds_table_wait_active(&target->table, timeout_ms, error)) &&
         ensure_ttl(target, error);
}

bool dds_target_create_missing(dds_target *target, dds_error *error) {
  bool created = false;
  if (!target->options.create || target->options.read_only ||
      strcmp(error->service_code, "ResourceNotFoundException") != 0) {
    return false;
  }
  *error = DDS_ERROR_INIT;
  return dds_target_create_table(target, DDS_CREATE_TIMEOUT_MS, &created, error);
}

/* Why an item of the table is none of this layout; no error where one is, or none can be read. */
static dds_error judge_any_item(const dds_target *target) {
  dds_scan_request request = {.wanted = 1};
  dds_scan *scan = NULL;
  dds_item item = {0};
  dds_error ignored = DDS_ERROR_INIT;
  dds_error reason = DDS_ERROR_INIT;
  bool is_session = false;
  if (dds_scan_open(&target->table, &request, &scan, &ignored) &&
      dds_scan_next(scan, &item, &ignored) && item.json.text != NULL &&
      dds_row_check(&target->options.layout, &item, &is_session, &reason)) {
    reason = DDS_ERROR_INIT;
  }
  dds_scan_close(scan);
  return reason;
}

void dds_target_explain_item(const dds_target *target, dds_error *error) {
  dds_error reason = judge_any_item(target);
  if (error->code == DDS_ERROR && reason.code == DDS_ERROR) {
    *error = reason;
  }
}

void dds_target_explain_refusal(const dds_target *target, dds_error *error) {
  if (strcmp(error->service_code, "ValidationException") == 0) {
    dds_error reason = judge_any_item(target);
    if (reason.code == DDS_ERROR) {
      dds_error_append(error, "; %s", reason.message);
    }
  }
}
