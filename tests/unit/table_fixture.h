/*
 * A DynamoDB table for unit tests: a client on a scripted transport, and the records of its calls
 * as lines of text.
 */
#pragma once

#include <stdbool.h>

#include "dynamodb/table.h"
#include "fake_environment.h"
#include "scripted_transport.h"

typedef struct table_fixture {
  fake_environment environment;
  scripted_transport *script;
  dds_client *client;
  dds_table table; /* "prod-sessions" in us-east-1 */
  dds_error error;
  int stop_calls;
  int stop_at;         /* the question that is answered with "stop"; 0: none is */
  char records[16384]; /* `GetItem items=1 scanned=-1 capacity=0.5 attempts=1 http=200 …\n` */
  int record_count;
} table_fixture;

void table_fixture_set_up(table_fixture *fixture);

/* The same on an endpoint of this machine; no credentials, if so wanted. */
void table_fixture_set_up_loopback(table_fixture *fixture);
void table_fixture_set_up_without_credentials(table_fixture *fixture);

/* Fails where an answer was not used, or an exchange not released. */
void table_fixture_tear_down(table_fixture *fixture);

/* The body of a request, counted from 0. */
const char *table_fixture_body(const table_fixture *fixture, size_t index);

/*
 * Runs `work` with each allocation refused in turn until it meets none, and fails where it leaks or
 * reports another error than DDS_NOMEM. `script` puts the answers before each run.
 */
void table_fixture_sweep(void (*script)(table_fixture *fixture),
                         bool (*work)(table_fixture *fixture, dds_error *error));
