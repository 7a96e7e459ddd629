/* The grammar of the profile files: one case a row, each a config file, a credentials file, a
 * question and the answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <string.h>
#include <cmocka.h>

#include "aws/profile.h"
#include "failing_allocator.h"
#include "fake_environment.h"

#define P DDS_SECTION_PROFILE
#define S DDS_SECTION_SERVICES
#define O DDS_SECTION_SSO_SESSION

typedef struct grammar_case {
  const char *config;
  const char *credentials;
  dds_section_kind kind;
  const char *section;
  const char *property;
  const char *value; /* NULL: there is none */
} grammar_case;

#define SERVICES                                                                                \
  "[services s]\ndynamodb =\n  endpoint_url = http://d\nsts =\n  endpoint_url = http://t # c\n" \
  "sso = \n\tendpoint_url=http://o\nsso_oidc=\n  max = 1\n\n  # c\n  endpoint_url = http://i\n"

static const grammar_case cases[] = {
    {"", "", P, "default", "region", NULL},
    {"[default]\nregion = us-east-1\n", "", P, "default", "region", "us-east-1"},
    {"[default]\nregion=us-east-1", "", P, "default", "region", "us-east-1"},
    {"[default]\r\nregion = us-east-1\r\n", "", P, "default", "region", "us-east-1"},
    {"\xEF\xBB\xBF[default]\nregion = a", "", P, "default", "region", "a"},
    {"[profile prod]\nregion = a", "", P, "prod", "region", "a"},
    {"[profile\tprod]\nregion = a", "", P, "prod", "region", "a"},
    {"[ profile   prod  ]\nregion = a", "", P, "prod", "region", "a"},
    {"[  default ]\nregion = a", "", P, "default", "region", "a"},
    {"[profile a_b-c/d.e%f@g:h+i\\j]\nregion = a", "", P, "a_b-c/d.e%f@g:h+i\\j", "region", "a"},
    {"[profile a b]\nregion = a", "", P, "a b", "region", NULL},
    {"[profile a*]\nregion = a", "", P, "a*", "region", NULL},
    {"[prod]\nregion = a", "", P, "prod", "region", NULL},
    {"[profileprod]\nregion = a", "", P, "prod", "region", NULL},
    {"[profile]\nregion = a", "", P, "profile", "region", NULL},
    {"[profile Prod]\nregion = a", "", P, "prod", "region", NULL},
    {"[plugins]\nx = y\n[default]\nregion = a", "", P, "default", "region", "a"},
    {"[default]\nregion = a\n[profile default]\noutput = b", "", P, "default", "region", NULL},
    {"[profile default]\nregion = a\n[default]\nregion = b", "", P, "default", "region", "a"},
    {"[default]\nregion = a\nregion = b", "", P, "default", "region", "b"},
    {"[default]\nregion = a\n[profile x]\n[default]\noutput = b", "", P, "default", "region", "a"},
    {"[default]\nregion = a\n[default]\nregion = b", "", P, "default", "region", "b"},
    {"[default]\nREGION = a", "", P, "default", "region", "a"},
    {"[default]\nregion = a", "", P, "default", "Region", "a"},
    {"[default]\nregion = a\nreg!on = b", "", P, "default", "reg!on", NULL},
    {"# c\n; c\n[default]\n# c\nregion = a\n", "", P, "default", "region", "a"},
    {"[default]# c\nregion = a", "", P, "default", "region", "a"},
    {"[default] ; c\nregion = a", "", P, "default", "region", "a"},
    {"[default]\nregion = a # c", "", P, "default", "region", "a"},
    {"[default]\nregion = a\t; c", "", P, "default", "region", "a"},
    {"[default]\nregion = a#b", "", P, "default", "region", "a#b"},
    {"[default]\nregion = a;b", "", P, "default", "region", "a;b"},
    {"[default]\nregion = # c\n", "", P, "default", "region", ""},
    {"[default]\nregion = a = b", "", P, "default", "region", "a = b"},
    {"[default]\nregion   =   a b  \n", "", P, "default", "region", "a b"},
    {"[default]\nx = a\n  b\n\tc", "", P, "default", "x", "a\nb\nc"},
    {"[default]\nx = a\n  b # d", "", P, "default", "x", "a\nb # d"},
    {"[default]\nx = a\n\n  b", "", P, "default", "x", "a\nb"},
    {"[default]\nx = a\n# c\n  b", "", P, "default", "x", "a\nb"},
    {"[default]\nx = a\n  # c\n\t; d\n  b", "", P, "default", "x", "a\nb"},
    {"[default]\nx = a\n\n\t \n  b\ny = c", "", P, "default", "x", "a\nb"},
    {"[default]\nx = a\n  b = c\n", "", P, "default", "x", "a\nb = c"},
    {"[default]\nx = a\n  b = c\n", "", P, "default", "x.b", NULL},
    {"[default]\nx = a\n  [b]\ny = c\n", "", P, "default", "y", "c"},
    {"[default]\r\nx = a\r\n  b \r\n", "", P, "default", "x", "a\nb"},
    {"[default]\n ; c\n\t# d\nx = a\n", "", P, "default", "x", "a"},
    {" # c\n[default]\nx = a\n", "", P, "default", "x", "a"},
    {"[default]\n  # c\nregion = a", "", P, "default", "region", "a"},
    {"[default]\nx =\n  k = v\n  l = w\n", "", P, "default", "x.k", "v"},
    {"[default]\nx =\n  k = v\n  l = w\n", "", P, "default", "X.L", "w"},
    {"[default]\nx =\n  k = v # c\n", "", P, "default", "x.k", "v"},
    {"[default]\nx =\n  # c\n  k = v\n", "", P, "default", "x.k", "v"},
    {"[default]\nx =\n  k = v\nx = y\n", "", P, "default", "x.k", NULL},
    {"[default]\nx =\n  k = v\nx =\n  l = w\n", "", P, "default", "x.k", NULL},
    {"[default]\nx =\n  k = v\n  k = w\n", "", P, "default", "x.k", "w"},
    {"[default]\nx =\n  k = v\n[profile y]\nx =\n  k = w\n", "", P, "default", "x.k", "v"},
    {"[default]\nx =\n  k = v\nxy = z\n", "", P, "default", "x.k", "v"},
    {"[default]\nx =\n  k = v\n[profile y]\n[default]\nX = z\n", "", P, "default", "x.k", NULL},
    {"[default]\nx =\n  k = v\nregion = a", "", P, "default", "region", "a"},
    {"[default]\nx =\n  k = v\n", "", P, "default", "k", NULL},
    {"[default]\nx.k = v\n", "", P, "default", "x.k", NULL},
    {"[default]\nx =\n  in valid = v\n  k = w\n", "", P, "default", "x.k", "w"},
    {"[default]\nx =\n  k =\n", "", P, "default", "x.k", ""},
    {"[default]\nx =\n  k = v = w\n", "", P, "default", "x.k", "v = w"},
    {"[default]\nx =\n\n \t\n  k = v\n", "", P, "default", "x.k", "v"},
    {"[default]\nx = # c\n  k = v\n", "", P, "default", "x.k", "v"},
    {"[default]\nx =\n  k = v#w\n", "", P, "default", "x.k", "v#w"},
    {"[default]\nX =\n  K = v\n", "", P, "default", "x.k", "v"},
    {"[default]\nno!t =\n  k = v\ny = a", "", P, "default", "y", "a"},
    {"[default]\nx =\n  k = v\n", "[default]\nx =\n  l = w\n", P, "default", "x.k", NULL},
    {"[default]\nx =\n  k = v\n", "[default]\nx =\n  k = w\n", P, "default", "x.k", "w"},
    {"[default]\nx =\n  k = v\n", "[default]\ny = w\n", P, "default", "x.k", "v"},
    {"[services s]\ndynamodb =\n  endpoint_url = http://h\n", "", S, "s", "dynamodb.endpoint_url",
     "http://h"},
    {SERVICES, "", S, "s", "dynamodb.endpoint_url", "http://d"},
    {SERVICES, "", S, "s", "sts.endpoint_url", "http://t"},
    {SERVICES, "", S, "s", "sso.endpoint_url", "http://o"},
    {SERVICES, "", S, "s", "sso_oidc.endpoint_url", "http://i"},
    {SERVICES, "", S, "s", "s3.endpoint_url", NULL},
    {SERVICES, "", S, "t", "sts.endpoint_url", NULL},
    {SERVICES "[services s]\nsts =\n endpoint_url = http://u\n", "", S, "s", "sts.endpoint_url",
     "http://u"},
    {SERVICES "[services s]\nsts =\n region = u\n", "", S, "s", "sts.endpoint_url", NULL},
    {"[sso-session s]\nsso_region = a", "", O, "s", "sso_region", "a"},
    {"[sso-session s]\nsso_region = a", "", P, "s", "sso_region", NULL},
    {"[sso-sessions]\nsso_region = a", "", O, "s", "sso_region", NULL},
    {"[sso-session s]\na = 1\n[profile s]\na = 2\n[services s]\na = 3\n", "", O, "s", "a", "1"},
    {"[sso-session s]\na = 1\n[profile s]\na = 2\n[services s]\na = 3\n", "", P, "s", "a", "2"},
    {"[sso-session s]\na = 1\n[profile s]\na = 2\n[services s]\na = 3\n", "", S, "s", "a", "3"},
    {"[default x]\nregion = a", "", P, "x", "region", NULL},
    {"[PROFILE prod]\nregion = a", "", P, "prod", "region", NULL},
    {"[profile \"prod\"]\nregion = a", "", P, "prod", "region", NULL},
    {"[]\nregion = a\n[default]\nregion = b", "", P, "default", "region", "b"},
    {"[profile p]\nx = 1\n[profile i n]\nx = 2\n[profile q]\n", "", P, "p", "x", "1"},
    {"[profile default]\na = 1\n[default]\na = 2\n[profile default]\nb = 3", "", P, "default", "b",
     "3"},
    {"[profile default]\na = 1\n[default]\na = 2\nb = 3", "", P, "default", "b", NULL},
    {"[profile default]\na = 1\n[default]\na = 2", "[default]\na = 3", P, "default", "a", "3"},
    {"[profile default]\na = 1\n[default]\na = 2", "[default]\nb = 3", P, "default", "a", "1"},
    {"", "[prod]\nregion = a", P, "prod", "region", "a"},
    {"", "[profile prod]\nregion = a", P, "prod", "region", NULL},
    {"", "[services s]\nx = a", S, "s", "x", NULL},
    {"", "[sso-session s]\nsso_region = a", O, "s", "sso_region", NULL},
    {"", "[sso-sessions]\nx = a", P, "sso-sessions", "x", "a"},
    {"", "[  prod\t]\nregion = a", P, "prod", "region", "a"},
    {"", "[profile prod]\nx = a\n[prod]\nx = b\n[profile prod]\nx = c", P, "prod", "x", "b"},
    {"", "[prod]\nx = a\n[q]\nx = b\n[prod]\ny = c", P, "prod", "x", "a"},
    {"", "[default]\nregion = a", P, "default", "region", "a"},
    {"[profile prod]\nregion = a", "[prod]\nregion = b", P, "prod", "region", "b"},
    {"[profile prod]\nregion = a", "[prod]\noutput = b", P, "prod", "region", "a"},
};

static dds_profiles *parse(const char *config, const char *credentials, dds_error *error) {
  dds_profiles *profiles;
  assert_true(dds_profiles_create(&profiles, error));
  if (dds_profiles_parse(profiles, DDS_PROFILE_CONFIG, "config", config, strlen(config), error) &&
      dds_profiles_parse(profiles, DDS_PROFILE_CREDENTIALS, "credentials", credentials,
                         strlen(credentials), error)) {
    return profiles;
  }
  dds_profiles_free(profiles);
  return NULL;
}

static void test_grammar(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    const grammar_case *row = &cases[i];
    dds_error error = DDS_ERROR_INIT;
    dds_profiles *profiles = parse(row->config, row->credentials, &error);
    if (profiles == NULL) {
      fail_msg("case %zu: %s", i, error.message);
    }
    const char *value = dds_profiles_get(profiles, row->kind, row->section, row->property);
    if ((value == NULL) != (row->value == NULL) ||
        (value != NULL && strcmp(value, row->value) != 0)) {
      fail_msg("case %zu: got %s", i, value == NULL ? "nothing" : value);
    }
    dds_profiles_free(profiles);
  }
}

static void test_fatal(void **state) {
  (void)state;
  static const struct {
    const char *config;
    const char *message;
  } fatal[] = {
      {"region = a", "config, line 1: a property stands before any section"},
      {"\n\n[default\nregion = a", "config, line 3: a section's name needs a closing ]"},
      {"[default] x\n", "config, line 1: only a comment may follow"},
      {"[default]\nregion\n", "config, line 2: a property needs a name and ="},
      {"[default]\n= a\n", "config, line 2: a property needs a name and ="},
      {"[default]\nregion # = a\n", "config, line 2: a property needs a name and ="},
      {"[default]\n  region = a\n", "config, line 2: a line that begins with white space"},
      {"  region = a\n", "config, line 1: a line that begins with white space"},
      {"[default]\nx = a\n[default]\n  b\n", "config, line 4: a line that begins with white space"},
      {"[default]\nx =\n[default]\n  k = v\n", "config, line 4: a line that begins with white"},
      {"[profile p\nx = a ]\n", "config, line 1: a section's name needs a closing ]"},
      {"[default]\nregion : a\n", "config, line 2: a property needs a name and ="},
      {"[default]\nregion ;= a\n", "config, line 2: a property needs a name and ="},
      {"[default]\nx =\n  y\n", "config, line 3: a line under a property without a value"},
      {"[default]\nx =\n  = y\n", "config, line 3: a line under a property without a value"},
      {"[ignored]\nx\n", "config, line 2: a property needs a name and ="},
  };
  for (size_t i = 0; i < sizeof fatal / sizeof fatal[0]; i++) {
    dds_error error = DDS_ERROR_INIT;
    assert_null(parse(fatal[i].config, "", &error));
    assert_int_equal(error.code, DDS_ERROR);
    if (strstr(error.message, fatal[i].message) == NULL) {
      fail_msg("%zu: %s", i, error.message);
    }
  }
  dds_error error = DDS_ERROR_INIT;
  dds_profiles *profiles;
  assert_true(dds_profiles_create(&profiles, &error));
  assert_false(dds_profiles_parse(profiles, DDS_PROFILE_CONFIG, "f", "[a]\nx = \0y\n", 12, &error));
  dds_profiles_free(profiles);
}

static void test_files_are_kept_apart(void **state) {
  (void)state;
  dds_error error = DDS_ERROR_INIT;
  dds_profiles *profiles =
      parse("[profile p]\nk = config\nc = 1\n", "[p]\nk = credentials\n[q]\n", &error);
  assert_non_null(profiles);
  assert_string_equal(dds_profiles_get_from(profiles, DDS_PROFILE_CONFIG, P, "p", "k"), "config");
  assert_string_equal(dds_profiles_get_from(profiles, DDS_PROFILE_CREDENTIALS, P, "p", "k"),
                      "credentials");
  assert_null(dds_profiles_get_from(profiles, DDS_PROFILE_CREDENTIALS, P, "p", "c"));
  assert_true(dds_profiles_has(profiles, P, "p"));
  assert_true(dds_profiles_has(profiles, P, "q"));
  assert_false(dds_profiles_has(profiles, P, "r"));
  dds_profiles_free(profiles);
}

static void test_load(void **state) {
  (void)state;
  static const struct {
    const char *variable, *value, *path;
  } places[] = {
      {NULL, NULL, "~/.aws/config"},
      {"AWS_CONFIG_FILE", "/etc/aws", "/etc/aws"},
      {"AWS_CONFIG_FILE", "~/other", "/home/me/other"},
      {"AWS_CONFIG_FILE", "  ", "~/.aws/config"},
      {"AWS_SHARED_CREDENTIALS_FILE", "/etc/keys", "/etc/keys"},
      {NULL, NULL, "~/.aws/credentials"},
  };
  for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
    fake_environment environment;
    dds_error error = DDS_ERROR_INIT;
    dds_profiles *profiles;
    fake_environment_init(&environment);
    fake_environment_add_file(&environment, places[i].path, "[default]\nregion = here\n");
    if (places[i].variable != NULL) {
      fake_environment_set(&environment, places[i].variable, places[i].value);
    }
    assert_true(dds_profiles_load(&environment.base, &profiles, &error));
    assert_string_equal(dds_profiles_get(profiles, P, "default", "region"), "here");
    dds_profiles_free(profiles);
  }
  fake_environment environment;
  dds_error error = DDS_ERROR_INIT;
  dds_profiles *profiles;
  fake_environment_init(&environment);
  fake_environment_add_file(&environment, "~/.aws/config", "[broken\n");
  assert_false(dds_profiles_load(&environment.base, &profiles, &error));
  assert_non_null(strstr(error.message, "/home/me/.aws/config, line 1"));
}

static void test_no_message_quotes_a_line(void **state) {
  (void)state;
  dds_error error = DDS_ERROR_INIT;
  assert_null(parse("", "[default]\naws_secret_access_key wJalrXUtnFEMI\n", &error));
  assert_null(strstr(error.message, "wJalr"));
}

/* Sections, properties, sub-properties and continuation lines: each in numbers that would take
 * minutes if each line looked at all the lines before it. */
static void test_many_lines(void **state) {
  (void)state;
  static const struct {
    const char *head, *before, *after;
  } kinds[] = {
      {"", "[profile p", "]\na = 1\n"},
      {"[default]\n", "a", " = 1\n"},
      {"[default]\nx =\n", " a", " = 1\n"},
      {"[default]\nx = 1\n", " ", "\n"},
  };
  for (size_t kind = 0; kind < sizeof kinds / sizeof kinds[0]; kind++) {
    dds_buffer text = DDS_BUFFER_INIT(8 * 1024 * 1024);
    dds_error error = DDS_ERROR_INIT;
    dds_buffer_append_text(&text, kinds[kind].head);
    for (int i = 0; i < 100000; i++) {
      dds_buffer_append_format(&text, "%s%d%s", kinds[kind].before, i, kinds[kind].after);
    }
    dds_buffer_append_text(&text, "[default]\nlast = here\n");
    dds_profiles *profiles = parse(dds_buffer_text(&text), "", &error);
    assert_non_null(profiles);
    assert_string_equal(dds_profiles_get(profiles, P, "default", "last"), "here");
    dds_profiles_free(profiles);
    dds_buffer_free(&text);
  }
}

/* Tools that write a profile for each role of each account of a company write files like this. */
static void test_ten_thousand_roles(void **state) {
  (void)state;
  fake_environment environment;
  dds_error error = DDS_ERROR_INIT;
  dds_profiles *profiles = NULL;
  dds_buffer text = DDS_BUFFER_INIT(8 * 1024 * 1024);
  for (int i = 0; i < 10000; i++) {
    dds_buffer_append_format(&text,
                             "[profile account-%d.role]\nsso_session = company\nsso_account_id = "
                             "%012d\nsso_role_name = a-role-with-a-long-name\nregion = eu-west-1\n",
                             i, i);
  }
  fake_environment_init(&environment);
  fake_environment_add_file(&environment, "~/.aws/config", dds_buffer_text(&text));
  assert_true(dds_profiles_load(&environment.base, &profiles, &error));
  assert_string_equal(dds_profiles_get(profiles, P, "account-9999.role", "sso_account_id"),
                      "000000009999");
  dds_profiles_free(profiles);
  dds_buffer_free(&text);
}

static void test_a_file_that_is_too_large(void **state) {
  (void)state;
  fake_environment environment;
  dds_error error = DDS_ERROR_INIT;
  dds_profiles *profiles;
  static char large[16 * 1024 * 1024 + 2];
  memset(large, '#', sizeof large - 1);
  fake_environment_init(&environment);
  fake_environment_add_file(&environment, "~/.aws/config", large);
  assert_false(dds_profiles_load(&environment.base, &profiles, &error));
  assert_int_equal(error.code, DDS_TOOBIG);
}

static void test_each_allocation_failing(void **state) {
  (void)state;
  while (failing_allocator_next()) {
    fake_environment environment;
    dds_error error = DDS_ERROR_INIT;
    dds_profiles *profiles = NULL;
    fake_environment_init(&environment);
    fake_environment_add_file(&environment, "~/.aws/config",
                              "[default]\na = 1\n  2\nb =\n c = 3\n d = 4\n[profile x]\na = 2\n");
    fake_environment_add_file(&environment, "~/.aws/credentials", "[default]\na = 1\na = 2\n");
    failing_allocator_start();
    bool is_loaded = dds_profiles_load(&environment.base, &profiles, &error);
    failing_allocator_check(is_loaded, &error);
    dds_profiles_free(profiles);
  }
}

int main(void) {
  failing_allocator_install();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_grammar),
      cmocka_unit_test(test_fatal),
      cmocka_unit_test(test_files_are_kept_apart),
      cmocka_unit_test(test_load),
      cmocka_unit_test(test_no_message_quotes_a_line),
      cmocka_unit_test(test_many_lines),
      cmocka_unit_test(test_ten_thousand_roles),
      cmocka_unit_test(test_a_file_that_is_too_large),
      cmocka_unit_test(test_each_allocation_failing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
