/* A client for unit tests: keys and region in a fake environment, answers from a script. */
#pragma once

#include <stdbool.h>

#include "aws/client.h"
#include "fake_environment.h"
#include "scripted_transport.h"

#define CLIENT_FIXTURE_TOKEN "AQoDYXdzEPT//token=" /* AWS_SESSION_TOKEN */

typedef struct client_fixture {
  fake_environment environment;
  scripted_transport *script;
  dds_client *client; /* NULL before client_fixture_open */
  dds_error error;
  int stop_calls;
  int stop_at; /* the call that says stop; 0: none does */
} client_fixture;

/* The environment and the script; the client is opened by the next, or by the last of these. */
void client_fixture_set_up(client_fixture *fixture);
bool client_fixture_open(client_fixture *fixture, const dds_client_options *options);
void client_fixture_set_up_open(client_fixture *fixture);

/* Fails where an answer was not used, or an exchange not released. */
void client_fixture_tear_down(client_fixture *fixture);

/* NULL, with the fixture's error set, where the call cannot be started. */
dds_call *client_fixture_start(client_fixture *fixture, const char *operation, const char *text);

/* Waits for this call and then fails as the call did. */
bool client_fixture_wait(dds_client *client, dds_call *call, dds_error *error);

/* Runs one GetItem and hands out a copy of what is known of it; its body is not valid any more. */
bool client_fixture_run(client_fixture *fixture, dds_call_outcome *outcome);
