/*
 * What tests of roles share: an environment with profile files, a scripted STS, and what is given
 * to a source of credentials. Keys are words that tell whose they are, so that a test can look for
 * any of them in an error: "id-of-p", "secret-of-role-p", "token-of-role-p". Secrets have 12
 * letters at least: what is shorter is none, and hides no message (aws/echo.h).
 *
 *   role_fixture fixture;
 *   role_fixture_open(&fixture, &(role_setup){.config = "[default]\n…"});
 *   role_fixture_answer(&fixture, "p");
 *   dds_credentials_role_find(&fixture.context, &credentials, &error);
 *   role_fixture_close(&fixture);
 */
#pragma once

#include "aws/credentials_chain.h"
#include "fake_environment.h"
#include "scripted_transport.h"

#define ROLE_ACCOUNT   "123456789012"
#define ROLE_ARN(name) "arn:aws:iam::" ROLE_ACCOUNT ":role/" name

/* An answer of STS. */
#define ROLE_ANSWER_PART(name, text) "<" name ">" text "</" name ">"
#define ROLE_ANSWER(operation, credentials, arn)                                             \
  "<" operation "Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n"            \
  "  <" operation "Result>\n    <AssumedRoleUser>\n      "                                   \
  "<AssumedRoleId>AROAEXAMPLE:session</AssumedRoleId>\n      " arn                           \
  "\n    </AssumedRoleUser>\n    <Credentials>" credentials "</Credentials>\n  </" operation \
  "Result>\n  <ResponseMetadata><RequestId>of-sts</RequestId></ResponseMetadata>\n"          \
  "</" operation "Response>\n"

enum { ROLE_VARIABLES = 6 };

/* NULL: none. */
typedef struct role_setup {
  const char *profile; /* option */
  const char *region;  /* option; NULL: us-east-1 */
  fake_entry variables[ROLE_VARIABLES];
  fake_entry token_file;
  const char *config;      /* ~/.aws/config */
  const char *credentials; /* ~/.aws/credentials */
} role_setup;

typedef struct role_fixture {
  fake_environment environment;
  scripted_transport *script;
  dds_profiles *profiles;
  dds_config config;
  dds_fetcher fetcher;
  dds_credentials_context context;
} role_fixture;

void role_fixture_open(role_fixture *fixture, const role_setup *setup);
void role_fixture_close(role_fixture *fixture);

/* Puts an answer with the keys of the role `name` into the script's queue; they expire in an hour.
 */
void role_fixture_answer(role_fixture *fixture, const char *name);

/* The same with an error of STS. */
void role_fixture_refuse(role_fixture *fixture, int status, const char *code, const char *message);

/* Neither message nor code nor request id holds a secret. */
void role_fixture_check_secrets(const dds_error *error);
