/*
 * What a source of credentials is asked with in unit tests: a configuration, an environment of
 * arrays, a scripted transport. Requests are compared as text.
 *
 *   source_fixture f;
 *   source_fixture_open(&f, "[profile p]\n…", steps, 3);
 *   result = dds_credentials_sso_find(&f.context, &f.credentials, &f.error);
 *   source_fixture_expect_requests(&f, "GET http://…\n\n");
 *   source_fixture_close(&f);
 *
 * Every secret in these tests holds the words "secret-of-"; closing checks that neither the error
 * nor what the observer was told holds them.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "aws/config.h"
#include "aws/credentials.h"
#include "aws/credentials_chain.h"
#include "aws/fetch.h"
#include "fake_environment.h"
#include "scripted_transport.h"

/* An answer of the script; a failure other than 0 has no status. */
typedef struct source_step {
  int status;
  const char *body;
  dds_http_failure failure;
} source_step;

enum { SOURCE_STEPS = 8, SOURCE_LOG_BYTES = 8192 };

typedef struct source_fixture {
  fake_environment environment;
  dds_config config;
  dds_profiles *profiles;
  dds_fetcher fetcher;
  dds_observer observer;
  scripted_transport *script;
  dds_credentials_context context; /* of profile "p" */
  dds_credentials credentials;
  dds_error error;
  int stop_calls, stop_at;    /* the call that says stop; 0: none does */
  char log[SOURCE_LOG_BYTES]; /* what the observer was told: "operation words error" a line */
} source_fixture;

/* `config_file` may be NULL; `steps` end with one that is all zero. Memory is the failing
 * allocator's, which is to be installed. */
void source_fixture_open(source_fixture *f, const char *config_file,
                         const source_step steps[SOURCE_STEPS]);

/* Gives a text of the configuration another value. */
void source_fixture_set(char **slot, const char *text);

/* Fails the test where the requests are others. A request is "METHOD URL", a line for each header
 * but those that dds_fetch gives to every request, an empty line, and the body with a line end
 * where there is one. */
void source_fixture_expect_requests(const source_fixture *f, const char *expected);

/* "id|secret|token|account|expiry in seconds|source"; "-" for what is not there. */
void source_fixture_describe(const dds_credentials *credentials, char *text, size_t size_bytes);

/* Releases, and checks that nothing is left and that no secret was told. */
void source_fixture_close(source_fixture *f);

/*
 * Refuses each allocation of a source in turn: it must fail with DDS_NOMEM then, and leave
 * nothing behind. `open` sets up one run, in which the source finds credentials.
 */
void source_fixture_refuse_allocations(void (*open)(source_fixture *f),
                                       dds_credentials_source *source);

/* Looks into each block of memory that is given back during such a run, cJSON's too: a secret in
 * one was not wiped. */
void source_fixture_check_wiping(void (*open)(source_fixture *f), dds_credentials_source *source);
