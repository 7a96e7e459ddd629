/* Roles of profiles: chains, circles, sources by name, every mistake in a profile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "failing_allocator.h"
#include "role_fixture.h"

enum { CALLS = 4 };

/* Role and source of a profile, its keys. */
#define ROLE(name)  "role_arn = " ROLE_ARN(name) "\n"
#define BY(profile) "source_profile = " profile "\n"
#define OF(source)  "credential_source = " source "\n"
#define KEYS(name) \
  "aws_access_key_id = id-of-" name "\naws_secret_access_key = secret-of-" name "\n"
#define ENV_KEYS {"AWS_ACCESS_KEY_ID", "id-of-env"}, {"AWS_SECRET_ACCESS_KEY", "secret-of-env"}

typedef struct call {
  const char *role;   /* that is assumed */
  const char *signer; /* whose keys sign */
  const char *token;  /* the signer's, or NULL */
} call;

typedef struct role_case {
  role_setup setup;
  const char *before[CALLS]; /* bodies of answers for calls to others than STS, which come first */
  call calls[CALLS];         /* to STS, in order */
  const char *source;        /* of the credentials */
} role_case;

#define WORDS(name, profile, source) \
  "role " ROLE_ARN(name) " of profile " profile " (source: " source ")"

#define THREE                                                                                   \
  "[profile a]\n" ROLE("a") BY("b") "[profile b]\n" ROLE("b") BY("c") "[profile c]\n" ROLE("c") \
      BY("d") "[profile d]\n" KEYS("d")

static const role_case found_cases[] = {
    {{.profile = "p",
      .config = "[profile p]\n" ROLE("p") BY("base") "[profile base]\n" KEYS("base")},
     {NULL},
     {{"p", "id-of-base", NULL}},
     WORDS("p", "p", "profile base")},
    {{.config = "[default]\n" ROLE("p") BY("base"),
      .credentials = "[base]\n" KEYS("base") "aws_session_token = token-of-base\n"},
     {NULL},
     {{"p", "id-of-base", "token-of-base"}},
     WORDS("p", "default", "profile base")},
    /* The credentials file may hold a role too. */
    {{.variables = {{"AWS_PROFILE", "p"}},
      .credentials = "[p]\n" ROLE("p") BY("base") "[base]\n" KEYS("base")},
     {NULL},
     {{"p", "id-of-base", NULL}},
     WORDS("p", "p", "profile base")},
    /* The selected profile's role beats its own keys; in a source profile they beat its role. */
    {{.profile = "p",
      .config = "[profile p]\n" ROLE("p") BY("base") KEYS("p") "[profile base]\n" ROLE("base")
          BY("other") KEYS("base") "[profile other]\n" KEYS("other")},
     {NULL},
     {{"p", "id-of-base", NULL}},
     WORDS("p", "p", "profile base")},
    {{.profile = "p", .config = "[profile p]\n" ROLE("p") BY("p") KEYS("p")},
     {NULL},
     {{"p", "id-of-p", NULL}},
     WORDS("p", "p", "profile p")},
    {{.profile = "a", .config = THREE},
     {NULL},
     {{"c", "id-of-d", NULL},
      {"b", "id-of-c", "token-of-role-c"},
      {"a", "id-of-b", "token-of-role-b"}},
     WORDS("a", "a", WORDS("b", "b", WORDS("c", "c", "profile d")))},
    {{.config = "[default]\n" ROLE("p") BY("q") "[profile q]\n" ROLE("q") OF("Environment"),
      .variables = {ENV_KEYS}},
     {NULL},
     {{"q", "id-of-env", NULL}, {"p", "id-of-q", "token-of-role-q"}},
     WORDS("p", "default", WORDS("q", "q", "environment"))},
    {{.profile = "p",
      .config = "[profile p]\n" ROLE("p") OF("Environment"),
      .variables = {ENV_KEYS, {"AWS_SESSION_TOKEN", "token-of-env"}}},
     {NULL},
     {{"p", "id-of-env", "token-of-env"}},
     WORDS("p", "p", "environment")},
    {{.profile = "p",
      .config = "[profile p]\n" ROLE("p") OF("EcsContainer"),
      .variables = {{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/x"}}},
     {"{\"AccessKeyId\":\"id-of-task\",\"SecretAccessKey\":\"secret-of-task\",\"Token\":"
      "\"token-of-task\",\"Expiration\":\"2026-11-22T13:00:00Z\"}"},
     {{"p", "id-of-task", "token-of-task"}},
     WORDS("p", "p", "container (AWS_CONTAINER_CREDENTIALS_RELATIVE_URI)")},
    {{.profile = "p", .config = "[profile p]\n" ROLE("p") OF("Ec2InstanceMetadata")},
     {"token-of-imds", "node",
      "{\"Code\":\"Success\",\"AccessKeyId\":\"id-of-node\",\"SecretAccessKey\":\"secret-of-node\","
      "\"Token\":\"token-of-node\",\"Expiration\":\"2026-11-22T13:00:00Z\"}"},
     {{"p", "id-of-node", "token-of-node"}},
     WORDS("p", "p", "instance metadata, role node")},
};

static void queue_answers(role_fixture *f, const role_case *row) {
  for (size_t i = 0; i < CALLS && row->before[i] != NULL; i++) {
    scripted_transport_answer(f->script, 200, row->before[i]);
  }
  for (size_t i = 0; i < CALLS && row->calls[i].role != NULL; i++) {
    role_fixture_answer(f, row->calls[i].role);
  }
}

static void check_call(const scripted_request *request, const call *expected) {
  char text[200];
  snprintf(text, sizeof text, "Credential=%s/20261122/us-east-1/sts/aws4_request",
           expected->signer);
  assert_non_null(strstr(scripted_request_header(request, "Authorization"), text));
  snprintf(text, sizeof text,
           "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%%3Aaws%%3Aiam%%3A"
           "%%3A" ROLE_ACCOUNT "%%3Arole%%2F%s&RoleSessionName=",
           expected->role);
  assert_ptr_equal(strstr(request->body, text), request->body);
  const char *token = scripted_request_header(request, "X-Amz-Security-Token");
  assert_string_equal(token == NULL ? "" : token, expected->token == NULL ? "" : expected->token);
}

static void test_found(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof found_cases / sizeof found_cases[0]; i++) {
    const role_case *row = &found_cases[i];
    role_fixture f;
    dds_error error = DDS_ERROR_INIT;
    dds_credentials found = {0};
    size_t calls = 0, before = 0;
    role_fixture_open(&f, &row->setup);
    queue_answers(&f, row);
    if (dds_credentials_role_find(&f.context, &found, &error) != DDS_CREDENTIALS_FOUND) {
      fail_msg("case %zu: %s", i, error.message);
    }
    while (before < CALLS && row->before[before] != NULL) {
      before++;
    }
    for (; calls < CALLS && row->calls[calls].role != NULL; calls++) {
      check_call(scripted_transport_request(f.script, before + calls), &row->calls[calls]);
    }
    assert_int_equal(scripted_transport_request_count(f.script), before + calls);
    assert_string_equal(found.source, row->source);
    assert_string_equal(found.account_id, ROLE_ACCOUNT);
    assert_int_equal(found.expires_ms, INT64_C(1795352400000));
    dds_credentials_free(&found);
    role_fixture_close(&f);
  }
}

static void test_optional_properties(void **state) {
  (void)state;
  role_fixture f;
  dds_error error = DDS_ERROR_INIT;
  dds_credentials found = {0};
  role_fixture_open(
      &f, &(role_setup){.config = "[default]\n" ROLE("p")
                            BY("base") "external_id = a b\nduration_seconds = 43200\n"
                                       "role_session_name = me\n[profile base]\n" KEYS("base")});
  role_fixture_answer(&f, "p");
  assert_int_equal(dds_credentials_role_find(&f.context, &found, &error), DDS_CREDENTIALS_FOUND);
  assert_non_null(strstr(scripted_transport_request(f.script, 0)->body,
                         "&RoleSessionName=me&ExternalId=a%20b&DurationSeconds=43200"));
  dds_credentials_free(&found);
  role_fixture_close(&f);
}

static void test_absent(void **state) {
  (void)state;
  static const role_setup cases[] = {
      {.config = "[default]\n" KEYS("p")},
      {.config = "[default]\nrole_arn =\n" BY("base") "[profile base]\n" KEYS("base")},
      {.config = "[default]\n" BY("base") "[profile base]\n" ROLE("base")},
      {.config = "[default]\n" ROLE("p") "web_identity_token_file = /token\n"},
      {.config = "[default]\n" ROLE("p") BY("x") "web_identity_token_file = /token\n"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    role_fixture f;
    dds_error error = DDS_ERROR_INIT;
    dds_credentials found = {0};
    role_fixture_open(&f, &cases[i]);
    assert_int_equal(dds_credentials_role_find(&f.context, &found, &error), DDS_CREDENTIALS_ABSENT);
    assert_int_equal(error.code, DDS_OK);
    assert_int_equal(scripted_transport_request_count(f.script), 0);
    role_fixture_close(&f);
  }
}

typedef struct error_case {
  role_setup setup;
  const char *message; /* begins the error's */
} error_case;

#define CIRCLE(chain)                        \
  "source_profile leads in a circle: " chain \
  "; the last profile must get credentials otherwise than by role_arn"
#define BASE "[profile base]\n" KEYS("base")
#define MFA                                                                                     \
  "the role of profile p asks for a code of an MFA device (mfa_serial), which cannot be typed " \
  "in here: run `eval \"$(aws configure export-credentials --profile "

static const error_case error_cases[] = {
    {{.config = "[default]\n" ROLE("p")},
     "profile default has role_arn with neither source_profile nor credential_source"},
    {{.config = "[default]\n" ROLE("p") BY("base") OF("Environment") BASE},
     "profile default has role_arn with both source_profile and credential_source"},
    {{.config = "[default]\n" ROLE("p") BY("nobody")},
     "profile default names the source_profile nobody, which is in neither"},
    {{.config = "[default]\n" ROLE("p") BY("base") "[profile base]\nregion = eu-west-1\n"},
     "profile base, the source_profile of profile default, has no credentials: add"},
    {{.config = "[default]\n" ROLE("p") BY("base") "[profile base]\naws_access_key_id = id\n"},
     "profile base has aws_access_key_id without aws_secret_access_key"},
    {{.config = "[default]\n" ROLE("p") OF("environment"), .variables = {ENV_KEYS}},
     "credential_source = environment of profile default is none of Environment"},
    {{.config = "[default]\n" ROLE("p") OF("Environment")},
     "credential_source = Environment of profile default has no credentials: AWS_ACCESS_KEY_ID"},
    {{.config = "[default]\n" ROLE("p") OF("Environment"),
      .variables = {{"AWS_ACCESS_KEY_ID", "id-of-env"}}},
     "AWS_ACCESS_KEY_ID is set in the environment, AWS_SECRET_ACCESS_KEY is not"},
    {{.config = "[default]\n" ROLE("p") OF("EcsContainer")},
     "credential_source = EcsContainer of profile default has no credentials: neither AWS_CONT"},
    {{.config = "[default]\n" ROLE("p") OF("Ec2InstanceMetadata"),
      .variables = {{"AWS_EC2_METADATA_DISABLED", "true"}}},
     "credential_source = Ec2InstanceMetadata of profile default has no credentials: no instance"},
    {{.config = "[default]\n" ROLE("p") BY("default")},
     "profile default names itself as source_profile, so it must have aws_access_key_id"},
    {{.profile = "a",
      .config = "[profile a]\n" ROLE("a") BY("b") "[profile b]\n" ROLE("b") BY("a")},
     CIRCLE("a -> b -> a")},
    {{.profile = "a",
      .config = "[profile a]\n" ROLE("a") BY("b") KEYS("a") "[profile b]\n" ROLE("b") BY("a")},
     CIRCLE("a -> b -> a")},
    {{.profile = "a",
      .config = "[profile a]\n" ROLE("a") BY("b") "[profile b]\n" ROLE("b")
          BY("c") "[profile c]\n" ROLE("c") BY("a")},
     CIRCLE("a -> b -> c -> a")},
    {{.profile = "a",
      .config = "[profile a]\n" ROLE("a") BY("b") "[profile b]\n" ROLE("b")
          BY("c") "[profile c]\n" ROLE("c") BY("b")},
     CIRCLE("a -> b -> c -> b")},
    {{.profile = "a",
      .config = "[profile a]\n" ROLE("a") BY("b") "[profile b]\n" ROLE("b") BY("b")},
     "profile b names itself as source_profile, so it must have aws_access_key_id"},
    {{.variables = {{"AWS_PROFILE", "p"}},
      .config = "[profile p]\n" ROLE("p") BY("base") "mfa_serial = arn:aws:iam::1:mfa/me\n" BASE},
     MFA "p --format env)\"` first, which asks for it"},
    {{.profile = "q",
      .config = "[profile q]\n" ROLE("q") BY("p") "[profile p]\n" ROLE("p")
          BY("base") "mfa_serial = arn:aws:iam::1:mfa/me\n" BASE},
     MFA "q --format env)\"` first, which asks for it, and leave out the option profile"},
    {{.config = "[default]\n" ROLE("p") BY("base") "duration_seconds = 899\n" BASE},
     "duration_seconds of profile default is not a number from 900 to 43200"},
    {{.config = "[default]\n" ROLE("p") BY("base") "duration_seconds = 43201\n" BASE},
     "duration_seconds of profile default is not a number from 900 to 43200"},
    {{.config = "[default]\n" ROLE("p") BY("base") "duration_seconds = 1h\n" BASE},
     "duration_seconds of profile default is not a number from 900 to 43200"},
    {{.config = "[default]\n" ROLE("p") BY("base") "duration_seconds = -900\n" BASE},
     "duration_seconds of profile default is not a number from 900 to 43200"},
    {{.config =
          "[default]\n" ROLE("p") BY("base") "duration_seconds = 99999999999999999999\n" BASE},
     "duration_seconds of profile default is not a number from 900 to 43200"},
};

/* What is wrong in the profile files is said offline too, and before anything is sent. */
static void test_errors(void **state) {
  (void)state;
  for (size_t i = 0; i < 2 * sizeof error_cases / sizeof error_cases[0]; i++) {
    const error_case *row = &error_cases[i / 2];
    role_fixture f;
    dds_error error = DDS_ERROR_INIT;
    dds_credentials found = {0};
    role_fixture_open(&f, &row->setup);
    f.context.fetcher = i % 2 == 0 ? &f.fetcher : NULL;
    assert_int_equal(dds_credentials_role_find(&f.context, &found, &error), DDS_CREDENTIALS_FAILED);
    if (strncmp(error.message, row->message, strlen(row->message)) != 0) {
      fail_msg("case %zu: %s", i / 2, error.message);
    }
    assert_int_equal(error.code, DDS_AUTH);
    assert_int_equal(scripted_transport_request_count(f.script), 0);
    role_fixture_check_secrets(&error);
    dds_credentials_free(&found);
    role_fixture_close(&f);
  }
}

/* Nobody has as many; a generated file must not exhaust the host's stack. */
static void test_a_long_chain(void **state) {
  (void)state;
  for (int roles = 20; roles <= 21; roles++) {
    role_fixture f;
    dds_error error = DDS_ERROR_INIT;
    dds_credentials found = {0};
    char config[4096];
    size_t used = 0;
    for (int i = 0; i < roles; i++) {
      used += (size_t)snprintf(config + used, sizeof config - used,
                               "[profile p%d]\nrole_arn = r\nsource_profile = p%d\n", i, i + 1);
    }
    snprintf(config + used, sizeof config - used, "[profile p%d]\n" KEYS("last"), roles);
    role_fixture_open(&f, &(role_setup){.profile = "p0", .config = config});
    f.context.fetcher = NULL;
    bool is_found = dds_credentials_role_find(&f.context, &found, &error) == DDS_CREDENTIALS_FOUND;
    assert_int_equal(is_found, roles == 20);
    if (!is_found) {
      assert_string_equal(error.message, "profile p20 is at the end of more than 20 roles that "
                                         "source_profile chains");
    }
    dds_credentials_free(&found);
    role_fixture_close(&f);
  }
}

/* STS refuses in the middle of a chain: which role it was, and whose keys asked. */
static void test_refused_on_the_way(void **state) {
  (void)state;
  role_fixture f;
  dds_error error = DDS_ERROR_INIT;
  dds_credentials found = {0};
  role_fixture_open(&f, &(role_setup){.profile = "a", .config = THREE});
  role_fixture_answer(&f, "c");
  role_fixture_refuse(&f, 403, "AccessDenied",
                      "User is not authorized; token-of-role-c secret-of-role-c");
  assert_int_equal(dds_credentials_role_find(&f.context, &found, &error), DDS_CREDENTIALS_FAILED);
  assert_int_equal(scripted_transport_request_count(f.script), 2);
  assert_non_null(strstr(error.message, "cannot assume role " ROLE_ARN("b") " of profile b"));
  assert_non_null(
      strstr(error.message, "credentials of this request: role " ROLE_ARN("c") " of profile c"));
  assert_string_equal(error.service_code, "AccessDenied");
  assert_int_equal(error.code, DDS_AUTH);
  role_fixture_check_secrets(&error);
  role_fixture_close(&f);
}

static void test_offline(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof found_cases / sizeof found_cases[0]; i++) {
    role_fixture f;
    dds_error error = DDS_ERROR_INIT;
    dds_credentials found = {0};
    role_fixture_open(&f, &found_cases[i].setup);
    f.context.fetcher = NULL;
    assert_int_equal(dds_credentials_role_find(&f.context, &found, &error), DDS_CREDENTIALS_FOUND);
    /* The name of an instance's role is not known then. */
    if (found_cases[i].before[1] == NULL) {
      assert_string_equal(found.source, found_cases[i].source);
    }
    assert_string_equal(found.account_id, ROLE_ACCOUNT);
    assert_null(found.access_key_id);
    assert_int_equal(scripted_transport_request_count(f.script), 0);
    dds_credentials_free(&found);
    role_fixture_close(&f);
  }
}

static void test_each_allocation_failing(void **state) {
  (void)state;
  for (size_t i = 0; i < 2 * sizeof found_cases / sizeof found_cases[0]; i++) {
    const role_case *row = &found_cases[i / 2];
    if (row->before[0] != NULL) {
      continue; /* a test of that source's own */
    }
    while (failing_allocator_next()) {
      role_fixture f;
      dds_error error = DDS_ERROR_INIT;
      dds_credentials found = {0};
      role_fixture_open(&f, &row->setup);
      f.context.fetcher = i % 2 == 0 ? &f.fetcher : NULL;
      queue_answers(&f, row);
      failing_allocator_start();
      dds_credentials_result result = dds_credentials_role_find(&f.context, &found, &error);
      failing_allocator_check(result == DDS_CREDENTIALS_FOUND, &error);
      assert_int_not_equal(result, DDS_CREDENTIALS_ABSENT);
      dds_credentials_free(&found);
      role_fixture_close(&f);
    }
  }
}

int main(void) {
  failing_allocator_install();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_found),        cmocka_unit_test(test_optional_properties),
      cmocka_unit_test(test_absent),       cmocka_unit_test(test_errors),
      cmocka_unit_test(test_a_long_chain), cmocka_unit_test(test_refused_on_the_way),
      cmocka_unit_test(test_offline),      cmocka_unit_test(test_each_allocation_failing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
