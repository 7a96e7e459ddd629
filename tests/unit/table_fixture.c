/* A table on a scripted transport. */
#include "table_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "failing_allocator.h"

static bool asked(void *context) {
  table_fixture *fixture = context;
  return ++fixture->stop_calls == fixture->stop_at;
}

static void record(void *context, const dds_record *record) {
  table_fixture *fixture = context;
  size_t used = strlen(fixture->records);
  assert_string_equal(record->table_name, "prod-sessions");
  assert_true(record->duration_ms >= 0);
  snprintf(fixture->records + used, sizeof fixture->records - used,
           "%s [%s] items=%d scanned=%d capacity=%g attempts=%d http=%d %s\n", record->operation,
           record->words, (int)record->items, (int)record->scanned, record->capacity_units,
           record->attempts, record->http_status, record->error == NULL ? "ok" : record->error);
  fixture->record_count++;
}

static void open_table(table_fixture *fixture) {
  const dds_client_options options = {0};
  const dds_stop stop = {.asked = asked, .context = fixture};
  fixture->script = scripted_transport_create(&stop);
  assert_true(dds_client_open(&options, &fixture->environment.base,
                              scripted_transport_base(fixture->script), &(dds_observer){0},
                              &fixture->client, &fixture->error));
  fixture->table = (dds_table){.client = fixture->client,
                               .name = "prod-sessions",
                               .observer = {.record = record, .context = fixture}};
}

static void set_up(table_fixture *fixture, bool has_credentials, bool is_loopback) {
  *fixture = (table_fixture){.error = DDS_ERROR_INIT};
  fake_environment *environment = &fixture->environment;
  fake_environment_init(environment);
  if (has_credentials) {
    fake_environment_set(environment, "AWS_ACCESS_KEY_ID", "AKIDEXAMPLE");
    fake_environment_set(environment, "AWS_SECRET_ACCESS_KEY",
                         "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
  }
  fake_environment_set(environment, "AWS_REGION", "us-east-1");
  fake_environment_set(environment, "AWS_EC2_METADATA_DISABLED", "true");
  if (is_loopback) {
    fake_environment_set(environment, "AWS_ENDPOINT_URL_DYNAMODB", "http://localhost:8000");
  }
  open_table(fixture);
}

void table_fixture_set_up(table_fixture *fixture) {
  set_up(fixture, true, false);
}

void table_fixture_set_up_loopback(table_fixture *fixture) {
  set_up(fixture, true, true);
}

void table_fixture_set_up_without_credentials(table_fixture *fixture) {
  set_up(fixture, false, false);
}

static void close_table(table_fixture *fixture) {
  dds_client_close(fixture->client);
  assert_int_equal(scripted_transport_open_exchanges(fixture->script), 0);
  scripted_transport_destroy(fixture->script);
}

void table_fixture_tear_down(table_fixture *fixture) {
  assert_int_equal(scripted_transport_answers_left(fixture->script), 0);
  close_table(fixture);
}

const char *table_fixture_body(const table_fixture *fixture, size_t index) {
  const scripted_request *request = scripted_transport_request(fixture->script, index);
  assert_non_null(request);
  return request->body;
}

void table_fixture_sweep(void (*script)(table_fixture *fixture),
                         bool (*work)(table_fixture *fixture, dds_error *error)) {
  while (failing_allocator_next()) {
    table_fixture fixture;
    table_fixture_set_up(&fixture);
    script(&fixture);
    dds_error error = DDS_ERROR_INIT;
    failing_allocator_start();
    bool is_done = work(&fixture, &error);
    bool refused = failing_allocator_stop();
    close_table(&fixture);
    /* What can be done without is done without. */
    if (error.code != (is_done ? DDS_OK : DDS_NOMEM) || !(is_done || refused)) {
      fail_msg("%s", error.message);
    }
  }
}
