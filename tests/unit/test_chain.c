/*
 * The order of the chain: every set of sources that can be present together, and who wins. Each
 * source is a row: what sets it up, what it asks the network for, what it says offline.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "aws/config.h"
#include "aws/credentials_chain.h"
#include "aws/fetch.h"
#include "failing_allocator.h"
#include "fake_environment.h"
#include "scripted_transport.h"

/* ---- sources -------------------------------------------------------------------------------- */

enum { VARIABLES = 2, ANSWERS = 3 };

typedef struct source {
  const char *name; /* "id-of-NAME" and "secret-of-NAME" are its keys */
  fake_entry variables[VARIABLES];
  fake_entry file;
  const char *config;      /* lines of the profile */
  const char *more_config; /* sections besides it */
  const char *credentials; /* lines of the profile in the credentials file */
  const char *program;     /* what the credential process prints */
  bool is_instance;
  const char *answers[ANSWERS]; /* what it is told, in order */
  const char *offline;          /* its words when nobody may be asked */
  const char *offline_id;       /* and the access key id then */
} source;

#define STS_ANSWER(operation, name)                                                              \
  "<" operation "Response><" operation "Result><AssumedRoleUser><Arn>arn:aws:sts::111122223333:" \
  "assumed-role/r/s</Arn></AssumedRoleUser><Credentials><AccessKeyId>id-of-" name                \
  "</AccessKeyId><SecretAccessKey>secret-of-" name "</SecretAccessKey><SessionToken>t"           \
  "</SessionToken><Expiration>2026-11-22T13:00:00Z</Expiration></Credentials></" operation       \
  "Result></" operation "Response>"
#define JSON_KEYS(name) \
  "\"AccessKeyId\":\"id-of-" name "\",\"SecretAccessKey\":\"secret-of-" name "\""
#define FILE_KEYS(name) \
  "aws_access_key_id = id-of-" name "\naws_secret_access_key = secret-of-" name "\n"
#define EXPIRATION "\"Token\":\"t\",\"Expiration\":\"2026-11-22T13:00:00Z\""

enum {
  ENVIRONMENT,
  ROLE,
  WEB_IDENTITY_ENVIRONMENT,
  WEB_IDENTITY,
  SSO,
  CREDENTIALS_FILE,
  LOGIN,
  PROCESS,
  CONFIG_FILE,
  CONTAINER,
  INSTANCE,
  SOURCES
};

/* In the chain's order. `%s` is the profile's name. */
static const source sources[SOURCES] = {
    [ENVIRONMENT] = {.name = "environment",
                     .variables = {{"AWS_ACCESS_KEY_ID", "id-of-environment"},
                                   {"AWS_SECRET_ACCESS_KEY", "secret-of-environment"}},
                     .offline = "environment",
                     .offline_id = "id-of-environment"},
    [ROLE] = {.name = "role",
              .config = "role_arn = arn:aws:iam::111122223333:role/r\nsource_profile = base\n",
              .more_config = "[profile base]\n" FILE_KEYS("base"),
              .answers = {STS_ANSWER("AssumeRole", "role")},
              .offline = "role arn:aws:iam::111122223333:role/r of profile %s (source: profile "
                         "base)"},
    [WEB_IDENTITY_ENVIRONMENT] =
        {.name = "pod",
         .variables = {{"AWS_WEB_IDENTITY_TOKEN_FILE", "/token"},
                       {"AWS_ROLE_ARN", "arn:aws:iam::111122223333:role/w"}},
         .file = {"/token", "a-token"},
         .answers = {STS_ANSWER("AssumeRoleWithWebIdentity", "pod")},
         .offline = "role arn:aws:iam::111122223333:role/w of AWS_ROLE_ARN (source: token file "
                    "/token)"},
    [WEB_IDENTITY] = {.name = "identity",
                      .config = "web_identity_token_file = /other\nrole_arn = "
                                "arn:aws:iam::111122223333:role/v\n",
                      .file = {"/other", "another-token"},
                      .answers = {STS_ANSWER("AssumeRoleWithWebIdentity", "identity")},
                      .offline = "role arn:aws:iam::111122223333:role/v of profile %s (source: "
                                 "token file /other)"},
    /* The file's name is the SHA-1 of the start URL. */
    [SSO] = {.name = "sso",
             .config = "sso_account_id = 111122223333\nsso_role_name = r\nsso_start_url = "
                       "https://x.awsapps.com/start\nsso_region = us-east-1\n",
             .file = {"/home/me/.aws/sso/cache/3947de8b16688092197fa616c34e01335f21d256.json",
                      "{\"accessToken\":\"token-of-sso\",\"expiresAt\":\"2026-11-22T13:00:00Z\"}"},
             .answers = {"{\"roleCredentials\":{\"accessKeyId\":\"id-of-sso\",\"secretAccessKey\":"
                         "\"secret-of-sso\",\"sessionToken\":\"t\",\"expiration\":1795352400000}}"},
             .offline = "SSO session https://x.awsapps.com/start, role r of account 111122223333"},
    [CREDENTIALS_FILE] = {.name = "keys",
                          .credentials = FILE_KEYS("keys"),
                          .offline = "profile %s",
                          .offline_id = "id-of-keys"},
    /* The file's name is the SHA-256 of the session's. */
    [LOGIN] = {.name = "login",
               .config = "login_session = arn:aws:sts::111122223333:assumed-role/x\n",
               .file = {"/home/me/.aws/login/cache/"
                        "7b2a1a5dc3de85007c6f14908d4918d22dbbe88ba885dc07a38638d0efc65338.json",
                        "{\"accessToken\":{\"accessKeyId\":\"id-of-login\",\"secretAccessKey\":"
                        "\"secret-of-login\",\"sessionToken\":\"t\",\"accountId\":\"111122223333\","
                        "\"expiresAt\":\"2026-11-22T13:00:00Z\"}}"},
               .offline = "the credentials of `aws login` for profile %s",
               .offline_id = "id-of-login"},
    [PROCESS] = {.name = "process",
                 .config = "credential_process = program\n",
                 .program = "{\"Version\":1," JSON_KEYS("process") "}",
                 .offline = "credential_process of profile %s"},
    [CONFIG_FILE] = {.name = "config",
                     .config = FILE_KEYS("config"),
                     .offline = "profile %s",
                     .offline_id = "id-of-config"},
    [CONTAINER] = {.name = "container",
                   .variables = {{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/keys"}},
                   .answers = {"{" JSON_KEYS("container") "," EXPIRATION "}"},
                   .offline = "container (AWS_CONTAINER_CREDENTIALS_RELATIVE_URI)"},
    [INSTANCE] = {.name = "instance",
                  .is_instance = true,
                  .answers = {"a-token", "r",
                              "{\"Code\":\"Success\"," JSON_KEYS("instance") "," EXPIRATION "}"},
                  .offline = "instance metadata (not asked yet)"},
};

/* ---- a machine with some of them ------------------------------------------------------------ */

enum { TEXT_BYTES = 4096 };

/* How the profile is chosen. */
typedef enum selection { BY_DEFAULT, BY_VARIABLE, BY_OPTION, SELECTIONS } selection;

typedef struct machine {
  fake_environment environment;
  fake_program program;
  char config_text[TEXT_BYTES], credentials_text[TEXT_BYTES];
  const char *profile_name;
  dds_client_options options;
  scripted_transport *script;
  dds_profiles *profiles;
  dds_config config;
  dds_fetcher fetcher;
  dds_credentials_context context;
} machine;

static void append(char text[TEXT_BYTES], const char *more) {
  size_t used = strlen(text);
  int length = snprintf(text + used, TEXT_BYTES - used, "%s", more == NULL ? "" : more);
  assert_in_range(length, 0, TEXT_BYTES - used - 1);
}

static void add_source(machine *m, const source *added) {
  for (size_t i = 0; i < VARIABLES && added->variables[i].name != NULL; i++) {
    fake_environment_set(&m->environment, added->variables[i].name, added->variables[i].value);
  }
  if (added->file.name != NULL) {
    fake_environment_add_file(&m->environment, added->file.name, added->file.value);
  }
  append(m->config_text, added->config);
  append(m->credentials_text, added->credentials);
  if (added->program != NULL) {
    m->program.output = added->program;
    m->environment.program = &m->program;
  }
}

/* The sources are bits by their index. */
static void prepare(machine *m, unsigned present, selection how) {
  *m = (machine){.profile_name = how == BY_DEFAULT ? "default" : "p",
                 .options = {.region = "us-east-1", .profile = how == BY_OPTION ? "p" : NULL}};
  m->script = scripted_transport_create(NULL);
  fake_environment_init(&m->environment);
  append(m->config_text,
         how == BY_DEFAULT ? "[default]\nregion = x\n" : "[profile p]\nregion = x\n");
  append(m->credentials_text, how == BY_DEFAULT ? "[default]\n" : "[p]\n");
  if (how == BY_VARIABLE) {
    fake_environment_set(&m->environment, "AWS_PROFILE", "p");
  }
  if ((present & 1U << INSTANCE) == 0) {
    fake_environment_set(&m->environment, "AWS_EC2_METADATA_DISABLED", "true");
  }
  for (size_t i = 0; i < SOURCES; i++) {
    if ((present & 1U << i) != 0) {
      add_source(m, &sources[i]);
    }
  }
  for (size_t i = 0; i < SOURCES; i++) {
    if ((present & 1U << i) != 0) {
      append(m->config_text, sources[i].more_config);
    }
  }
  fake_environment_add_file(&m->environment, "~/.aws/config", m->config_text);
  fake_environment_add_file(&m->environment, "~/.aws/credentials", m->credentials_text);
}

static void answer(machine *m, const source *asked) {
  for (size_t i = 0; i < ANSWERS && asked->answers[i] != NULL; i++) {
    scripted_transport_answer_with(
        m->script, &(scripted_answer){.status = 200, .body = asked->answers[i], .crc32 = ""});
  }
}

/* Reads the files and asks the chain. */
static bool resolve(machine *m, bool is_online, dds_credentials *found, dds_error *error) {
  static const dds_observer nobody = {NULL, NULL};
  const dds_environment *environment = &m->environment.base;
  if (!dds_profiles_load(environment, &m->profiles, error) ||
      !dds_config_resolve(&m->options, environment, m->profiles, &m->config, error) ||
      !dds_fetcher_init(&m->fetcher, scripted_transport_base(m->script), &nobody, error)) {
    return false;
  }
  m->context = (dds_credentials_context){
      .config = &m->config,
      .environment = environment,
      .profiles = m->profiles,
      .fetcher = is_online ? &m->fetcher : NULL,
      .region = m->config.region,
      .profile = m->config.profile,
      .now_ms = scripted_transport_now(m->script),
  };
  return dds_credentials_resolve(&m->context, found, error);
}

static void release(machine *m) {
  assert_int_equal(scripted_transport_open_exchanges(m->script), 0);
  dds_config_free(&m->config);
  dds_profiles_free(m->profiles);
  scripted_transport_destroy(m->script);
}

/* ---- order ---------------------------------------------------------------------------------- */

/* Who wins: the first, but for two rules. NULL: none is present. */
static const source *expect(unsigned present, selection how) {
  if (how == BY_OPTION) {
    present &= ~(1U << ENVIRONMENT | 1U << WEB_IDENTITY_ENVIRONMENT);
  }
  /* A profile's role_arn belongs to its token file where it has one. */
  if ((present & 1U << WEB_IDENTITY) != 0) {
    present &= ~(1U << ROLE);
  }
  for (size_t i = 0; i < SOURCES; i++) {
    if ((present & 1U << i) != 0) {
      return &sources[i];
    }
  }
  return NULL;
}

static void name_set(unsigned present, selection how, char text[TEXT_BYTES]) {
  static const char *const selections[SELECTIONS] = {
      "by default:", "by AWS_PROFILE:", "by option:"};
  snprintf(text, TEXT_BYTES, "%s", selections[how]);
  for (size_t i = 0; i < SOURCES; i++) {
    if ((present & 1U << i) != 0) {
      append(text, " ");
      append(text, sources[i].name);
    }
  }
}

static void check_absence(const dds_error *error, const char *set) {
  if (error->code != DDS_AUTH || strstr(error->message, "Unable to locate credentials") == NULL) {
    fail_msg("%s: %s", set, error->message);
  }
}

static void check_online(unsigned present, selection how) {
  machine m;
  dds_error error = DDS_ERROR_INIT;
  dds_credentials found;
  char set[TEXT_BYTES], id[40], secret[40];
  const source *winner = expect(present, how);
  name_set(present, how, set);
  prepare(&m, present, how);
  if (winner != NULL) {
    answer(&m, winner);
  }
  bool is_found = resolve(&m, true, &found, &error);
  if (winner == NULL) {
    assert_false(is_found);
    check_absence(&error, set);
  } else if (!is_found) {
    fail_msg("%s: %s", set, error.message);
  } else {
    snprintf(id, sizeof id, "id-of-%s", winner->name);
    snprintf(secret, sizeof secret, "secret-of-%s", winner->name);
    if (strcmp(found.access_key_id, id) != 0 || strcmp(found.secret_access_key, secret) != 0) {
      fail_msg("%s: %s of %s", set, found.access_key_id, found.source);
    }
  }
  assert_int_equal(scripted_transport_answers_left(m.script), 0);
  assert_int_equal(m.environment.run_count, winner == &sources[PROCESS] ? 1 : 0);
  dds_credentials_free(&found);
  release(&m);
}

static void check_offline(unsigned present, selection how) {
  machine m;
  dds_error error = DDS_ERROR_INIT;
  dds_credentials found;
  char set[TEXT_BYTES], words[TEXT_BYTES];
  const source *winner = expect(present, how);
  name_set(present, how, set);
  prepare(&m, present, how);
  bool is_found = resolve(&m, false, &found, &error);
  if (winner == NULL) {
    assert_false(is_found);
    check_absence(&error, set);
  } else if (!is_found) {
    fail_msg("%s: %s", set, error.message);
  } else {
    const char *cut = strstr(winner->offline, "%s");
    int before = (int)(cut == NULL ? strlen(winner->offline) : (size_t)(cut - winner->offline));
    snprintf(words, sizeof words, "%.*s%s%s", before, winner->offline,
             cut == NULL ? "" : m.profile_name, cut == NULL ? "" : cut + 2);
    if (strcmp(found.source, words) != 0) {
      fail_msg("%s: %s", set, found.source);
    }
    assert_int_equal(found.access_key_id == NULL, winner->offline_id == NULL);
    if (winner->offline_id != NULL) {
      assert_string_equal(found.access_key_id, winner->offline_id);
    }
  }
  assert_int_equal(scripted_transport_request_count(m.script), 0);
  assert_int_equal(m.environment.run_count, 0);
  dds_credentials_free(&found);
  release(&m);
}

static void test_every_set_of_sources(void **state) {
  (void)state;
  for (selection how = BY_DEFAULT; how < SELECTIONS; how++) {
    for (unsigned present = 0; present < 1U << SOURCES; present++) {
      check_online(present, how);
      check_offline(present, how);
    }
  }
}

/* ---- no credentials ------------------------------------------------------------------------- */

static void expect_message(machine *m, const char *const *parts) {
  dds_error error = DDS_ERROR_INIT;
  dds_credentials found;
  assert_false(resolve(m, true, &found, &error));
  for (; *parts != NULL; parts++) {
    if (strstr(error.message, *parts) == NULL) {
      fail_msg("no %s in: %s", *parts, error.message);
    }
  }
  release(m);
}

static void test_absence_names_what_was_tried(void **state) {
  (void)state;
  machine m;
  prepare(&m, 0, BY_VARIABLE);
  expect_message(&m, (const char *const[]){"Unable to locate credentials", "AWS_ACCESS_KEY_ID",
                                           "AWS_WEB_IDENTITY_TOKEN_FILE", "profile p (AWS_PROFILE)",
                                           "SSO", "credential_process", "_FULL_URI",
                                           "switched off by AWS_EC2_METADATA_DISABLED",
                                           "Run `aws configure`", NULL});

  prepare(&m, 1U << ENVIRONMENT, BY_OPTION);
  expect_message(&m, (const char *const[]){"the option profile skips the keys", NULL});

  prepare(&m, 0, BY_DEFAULT);
  append(m.config_text, "sso_session = s\n");
  expect_message(&m, (const char *const[]){"neither sso_account_id nor sso_role_name",
                                           "aws configure sso --profile default", NULL});
}

/* An instance's metadata service that does not answer is one more place without credentials. */
static void test_no_instance(void **state) {
  (void)state;
  machine m;
  prepare(&m, 1U << INSTANCE, BY_DEFAULT);
  for (int i = 0; i < 4; i++) {
    scripted_transport_fail(m.script, DDS_HTTP_NOT_SENT);
  }
  expect_message(
      &m, (const char *const[]){"Unable to locate credentials", "instance metadata. Run", NULL});
}

static void check_placeholder(unsigned present, const char *endpoint, const char *region,
                              bool is_online) {
  machine m;
  dds_error error = DDS_ERROR_INIT;
  dds_credentials found;
  prepare(&m, present, BY_OPTION);
  m.options.endpoint_url = endpoint;
  m.options.region = region;
  if (!resolve(&m, is_online, &found, &error)) {
    fail_msg("%s", error.message);
  }
  assert_string_equal(found.access_key_id, "placeholder");
  assert_string_equal(found.secret_access_key, "placeholder");
  assert_string_equal(found.source, "placeholder for a loopback endpoint");
  assert_true(found.expires_ms == INT64_MAX);
  assert_int_equal(scripted_transport_request_count(m.script), 0);
  dds_credentials_free(&found);
  release(&m);
}

static void test_placeholder_for_a_loopback_endpoint(void **state) {
  (void)state;
  /* Nothing is asked of instance metadata, and the option profile skips the environment's keys. */
  const unsigned present = 1U << INSTANCE | 1U << ENVIRONMENT;
  check_placeholder(present, "http://localhost:8000", "us-east-1", true);
  check_placeholder(present, "http://127.0.0.1", "us-east-1", false);
  check_placeholder(present, NULL, "local", true);

  for (size_t i = 0; i < INSTANCE; i++) {
    machine m;
    dds_error error = DDS_ERROR_INIT;
    dds_credentials found;
    char id[40];
    prepare(&m, 1U << i, BY_DEFAULT);
    m.options.endpoint_url = "http://localhost:8000";
    answer(&m, &sources[i]);
    if (!resolve(&m, true, &found, &error)) {
      fail_msg("%s: %s", sources[i].name, error.message);
    }
    snprintf(id, sizeof id, "id-of-%s", sources[i].name);
    assert_string_equal(found.access_key_id, id);
    dds_credentials_free(&found);
    release(&m);
  }
}

/* ---- a source that applies and fails --------------------------------------------------------- */

typedef struct failing_case {
  fake_entry variable;
  const char *config;
  const char *credentials;
  const char *expected;
} failing_case;

/* Behind each there is a container that would give keys. */
static const failing_case failing_cases[] = {
    {{"AWS_ACCESS_KEY_ID", "id"}, NULL, NULL, "AWS_SECRET_ACCESS_KEY is not"},
    {{0}, "role_arn = r\n", NULL, "source_profile"},
    {{0}, "role_arn = r\nsource_profile = none\n", NULL, "none"},
    {{"AWS_WEB_IDENTITY_TOKEN_FILE", "/absent"}, NULL, NULL, "AWS_ROLE_ARN is not"},
    {{0}, "web_identity_token_file = /absent\nrole_arn = r\n", NULL, "/absent"},
    {{0}, "sso_account_id = 1\n", NULL, "sso_role_name"},
    {{0}, NULL, "aws_access_key_id = id\n", "without aws_secret_access_key"},
    {{0}, "login_session = x\n", NULL, "aws login --profile default"},
    {{0}, "credential_process = x\n", NULL, "there is no program"},
    {{0}, "aws_access_key_id = id\n", NULL, "without aws_secret_access_key"},
};

static void test_a_failing_source_ends_the_chain(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof failing_cases / sizeof failing_cases[0]; i++) {
    const failing_case *row = &failing_cases[i];
    machine m;
    prepare(&m, 1U << CONTAINER, BY_DEFAULT);
    answer(&m, &sources[CONTAINER]);
    if (row->variable.name != NULL) {
      fake_environment_set(&m.environment, row->variable.name, row->variable.value);
    }
    append(m.config_text, row->config);
    append(m.credentials_text, row->credentials);
    /* A placeholder would hide that keys are configured and broken. */
    m.options.endpoint_url = i % 2 == 0 ? NULL : "http://localhost:8000";
    expect_message(&m, (const char *const[]){row->expected, NULL});
  }
}

/* ---- source profiles ------------------------------------------------------------------------ */

typedef struct source_case {
  const char *base;             /* lines of the source profile in the config file */
  const char *base_credentials; /* and in the credentials file */
  const char *signers[2];       /* whose keys signed the requests to STS, in order */
} source_case;

static const source_case source_cases[] = {
    {FILE_KEYS("base"), "", {"id-of-base"}},
    {"", FILE_KEYS("base"), {"id-of-base"}},
    {FILE_KEYS("config"), FILE_KEYS("base"), {"id-of-base"}},
    /* Static keys beat the role that the profile has as well. */
    {"role_arn = r2\nsource_profile = last\n" FILE_KEYS("base"), "", {"id-of-base"}},
    {"role_arn = r2\nsource_profile = last\n", FILE_KEYS("base"), {"id-of-base"}},
    {"role_arn = r2\nsource_profile = last\n", "", {"id-of-last", "id-of-role"}},
    {"credential_process = x\n", "", {"id-of-process"}},
    {"credential_process = x\n" FILE_KEYS("base"), "", {"id-of-process"}},
    {"credential_process = x\n", FILE_KEYS("base"), {"id-of-base"}},
};

static void check_signer(const machine *m, size_t index, const char *id) {
  char expected[80];
  const scripted_request *request = scripted_transport_request(m->script, index);
  assert_non_null(request);
  const char *header = scripted_request_header(request, "Authorization");
  snprintf(expected, sizeof expected, "Credential=%s/", id);
  if (header == NULL || strstr(header, expected) == NULL) {
    fail_msg("signed by %s, not by %s", header, id);
  }
}

static void test_source_profiles(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof source_cases / sizeof source_cases[0]; i++) {
    const source_case *row = &source_cases[i];
    machine m;
    dds_error error = DDS_ERROR_INIT;
    dds_credentials found;
    size_t requests = row->signers[1] == NULL ? 1 : 2;
    prepare(&m, 0, BY_DEFAULT);
    append(m.config_text, "role_arn = r1\nsource_profile = base\n[profile last]\n");
    append(m.config_text, FILE_KEYS("last") "[profile base]\n");
    append(m.config_text, row->base);
    append(m.credentials_text, "[base]\n");
    append(m.credentials_text, row->base_credentials);
    m.program.output = sources[PROCESS].program;
    m.environment.program = &m.program;
    for (size_t j = 0; j < requests; j++) {
      answer(&m, &sources[ROLE]);
    }
    if (!resolve(&m, true, &found, &error)) {
      fail_msg("case %zu: %s", i, error.message);
    }
    assert_int_equal(scripted_transport_request_count(m.script), requests);
    for (size_t j = 0; j < requests; j++) {
      check_signer(&m, j, row->signers[j]);
    }
    dds_credentials_free(&found);
    release(&m);
  }
}

/* ---- memory --------------------------------------------------------------------------------- */

static void test_each_allocation_failing(void **state) {
  (void)state;
  for (size_t i = 0; i < SOURCES; i++) {
    while (failing_allocator_next()) {
      machine m;
      dds_error error = DDS_ERROR_INIT;
      dds_credentials found = {0};
      prepare(&m, 1U << i, BY_DEFAULT);
      answer(&m, &sources[i]);
      failing_allocator_start();
      bool is_found = resolve(&m, true, &found, &error);
      failing_allocator_check(is_found, &error);
      dds_credentials_free(&found);
      release(&m);
    }
  }
}

int main(void) {
  failing_allocator_install();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_every_set_of_sources),
      cmocka_unit_test(test_absence_names_what_was_tried),
      cmocka_unit_test(test_no_instance),
      cmocka_unit_test(test_placeholder_for_a_loopback_endpoint),
      cmocka_unit_test(test_a_failing_source_ends_the_chain),
      cmocka_unit_test(test_source_profiles),
      cmocka_unit_test(test_each_allocation_failing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
