/* A client on a scripted transport. */
#include "client_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static bool asked(void *context) {
  client_fixture *fixture = context;
  return ++fixture->stop_calls == fixture->stop_at;
}

void client_fixture_set_up(client_fixture *fixture) {
  *fixture = (client_fixture){0};
  fake_environment_init(&fixture->environment);
  fake_environment_set(&fixture->environment, "AWS_ACCESS_KEY_ID", "AKIDEXAMPLE");
  fake_environment_set(&fixture->environment, "AWS_SECRET_ACCESS_KEY",
                       "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
  fake_environment_set(&fixture->environment, "AWS_SESSION_TOKEN", CLIENT_FIXTURE_TOKEN);
  fake_environment_set(&fixture->environment, "AWS_REGION", "us-east-1");
  fake_environment_set(&fixture->environment, "AWS_EC2_METADATA_DISABLED", "true");
  const dds_stop stop = {.asked = asked, .context = fixture};
  fixture->script = scripted_transport_create(&stop);
}

bool client_fixture_open(client_fixture *fixture, const dds_client_options *options) {
  return dds_client_open(options, &fixture->environment.base,
                         scripted_transport_base(fixture->script), &(dds_observer){0},
                         &fixture->client, &fixture->error);
}

void client_fixture_set_up_open(client_fixture *fixture) {
  client_fixture_set_up(fixture);
  assert_true(client_fixture_open(fixture, &(dds_client_options){0}));
}

void client_fixture_tear_down(client_fixture *fixture) {
  assert_int_equal(scripted_transport_open_exchanges(fixture->script), 0);
  assert_int_equal(scripted_transport_answers_left(fixture->script), 0);
  dds_client_close(fixture->client);
  scripted_transport_destroy(fixture->script);
}

dds_call *client_fixture_start(client_fixture *fixture, const char *operation, const char *text) {
  dds_buffer body = DDS_BUFFER_INIT(1000);
  dds_call *call = NULL;
  dds_buffer_append_text(&body, text);
  bool is_started =
      dds_client_start(fixture->client, operation, &body, false, &call, &fixture->error);
  assert_int_equal(is_started, call != NULL);
  assert_null(body.data);
  return call;
}

bool client_fixture_wait(dds_client *client, dds_call *call, dds_error *error) {
  size_t index;
  if (!dds_client_wait_any(client, &call, 1, &index, error)) {
    return false;
  }
  *error = dds_call_result(call)->error;
  return error->code == DDS_OK;
}

bool client_fixture_run(client_fixture *fixture, dds_call_outcome *outcome) {
  dds_call *call = client_fixture_start(fixture, "GetItem", "{}");
  *outcome = (dds_call_outcome){0};
  if (call == NULL) {
    return false;
  }
  bool is_done = client_fixture_wait(fixture->client, call, &fixture->error);
  *outcome = *dds_call_result(call);
  dds_call_free(call);
  return is_done;
}
