/* What tests of roles share. */
#include "role_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdio.h>
#include <string.h>
#include <cmocka.h>

enum { ANSWER_BYTES = 2048 };

void role_fixture_open(role_fixture *fixture, const role_setup *setup) {
  dds_error error = DDS_ERROR_INIT;
  const dds_client_options options = {
      .profile = setup->profile,
      .region = setup->region == NULL ? "us-east-1" : setup->region,
  };
  *fixture = (role_fixture){.script = scripted_transport_create(NULL)};
  const dds_environment *environment = &fixture->environment.base;
  fake_environment_init(&fixture->environment);
  for (size_t i = 0; i < ROLE_VARIABLES && setup->variables[i].name != NULL; i++) {
    fake_environment_set(&fixture->environment, setup->variables[i].name,
                         setup->variables[i].value);
  }
  const fake_entry files[] = {
      setup->token_file,
      {"~/.aws/config", setup->config},
      {"~/.aws/credentials", setup->credentials},
  };
  for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
    if (files[i].value != NULL) {
      fake_environment_add_file(&fixture->environment, files[i].name, files[i].value);
    }
  }
  if (!dds_profiles_load(environment, &fixture->profiles, &error) ||
      !dds_config_resolve(&options, environment, fixture->profiles, &fixture->config, &error) ||
      !dds_fetcher_init(&fixture->fetcher, scripted_transport_base(fixture->script),
                        &(dds_observer){0}, &error)) {
    fail_msg("the set-up failed: %s", error.message);
  }
  fixture->context = (dds_credentials_context){
      .config = &fixture->config,
      .environment = environment,
      .profiles = fixture->profiles,
      .fetcher = &fixture->fetcher,
      .region = fixture->config.region,
      .profile = fixture->config.profile,
      .now_ms = scripted_transport_now(fixture->script),
  };
}

void role_fixture_close(role_fixture *fixture) {
  assert_int_equal(scripted_transport_open_exchanges(fixture->script), 0);
  dds_config_free(&fixture->config);
  dds_profiles_free(fixture->profiles);
  scripted_transport_destroy(fixture->script);
}

void role_fixture_answer(role_fixture *fixture, const char *name) {
  char body[ANSWER_BYTES];
  snprintf(body, sizeof body,
           ROLE_ANSWER("AssumeRole",
                       ROLE_ANSWER_PART("AccessKeyId", "id-of-%s")
                           ROLE_ANSWER_PART("SecretAccessKey", "secret-of-role-%s")
                               ROLE_ANSWER_PART("SessionToken", "token-of-role-%s")
                                   ROLE_ANSWER_PART("Expiration", "2026-11-22T13:00:00Z"),
                       "<Arn>arn:aws:sts::" ROLE_ACCOUNT ":assumed-role/%s/session</Arn>"),
           name, name, name, name);
  scripted_transport_answer(fixture->script, 200, body);
}

void role_fixture_refuse(role_fixture *fixture, int status, const char *code, const char *message) {
  char body[ANSWER_BYTES];
  snprintf(body, sizeof body,
           "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n  <Error>\n"
           "    <Type>Sender</Type>\n    <Code>%s</Code>\n    <Message>%s</Message>\n  </Error>\n"
           "  <RequestId>of-sts</RequestId>\n</ErrorResponse>\n",
           code, message);
  scripted_transport_answer(fixture->script, status, body);
}

void role_fixture_check_secrets(const dds_error *error) {
  static const char *const words[] = {"secret-of-", "token-of-"};
  char text[DDS_ERROR_TEXT_BYTES];
  dds_error_format(error, text, sizeof text);
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
    if (strstr(text, words[i]) != NULL || strstr(error->service_code, words[i]) != NULL) {
      fail_msg("a secret is in: %s", text);
    }
  }
}
