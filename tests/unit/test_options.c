/* The arguments of CREATE VIRTUAL TABLE: every option, every quote, every error, no memory. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "base/utf8.h"
#include "failing_allocator.h"
#include "vtab/options.h"

/* Arguments up to a NULL. */
static bool parse(dds_options *options, dds_error *error, const char *const *arguments) {
  int count = 0;
  while (arguments[count] != NULL) {
    count++;
  }
  *error = DDS_ERROR_INIT;
  return dds_options_parse(count, arguments, options, error);
}

#define ARGUMENTS(...) ((const char *const[]){__VA_ARGS__, NULL})

static dds_options parsed(const char *const *arguments) {
  dds_options options;
  dds_error error;
  bool ok = parse(&options, &error, arguments);
  if (!ok) {
    print_error("%s: %s\n", arguments[0], error.message);
  }
  assert_true(ok);
  assert_int_equal(error.code, DDS_OK);
  return options;
}

static void assert_refused(const char *const *arguments, const char *in_message) {
  dds_options options;
  dds_error error;
  bool ok = parse(&options, &error, arguments);
  dds_options_free(&options);
  if (ok) {
    fail_msg("%s is accepted", arguments[0]);
  }
  assert_int_equal(error.code, DDS_ERROR);
  assert_true(dds_utf8_is_valid(error.message, strlen(error.message)));
  if (strstr(error.message, in_message) == NULL) {
    fail_msg("%s: \"%s\" lacks \"%s\"", arguments[0], error.message, in_message);
  }
}

static void takes_defaults(void **state) {
  (void)state;
  dds_options options;
  dds_error error = DDS_ERROR_INIT;
  const char *const empty[] = {"", "  \t\n"};
  for (int i = -1; i < 2; i++) {
    assert_true(dds_options_parse(i < 0 ? 0 : 1, i < 0 ? NULL : &empty[i], &options, &error));
    assert_string_equal(dds_options_table(&options), "sessions");
    assert_string_equal(options.layout.name, "serverless-dynamodb-session-store");
    assert_string_equal(options.layout.hash_key, "sessionId");
    assert_int_equal(options.extra_count, 0);
    assert_int_equal(options.consistency, DDS_CONSISTENT_AUTO);
    assert_false(options.create);
    assert_false(options.read_only);
    dds_client_options client = dds_options_client(&options);
    assert_null(client.region);
    assert_null(client.endpoint_url);
    assert_null(client.profile);
    assert_int_equal(client.max_attempts, 0);
    assert_int_equal(client.request_timeout_ms, 0);
    assert_int_equal(client.connect_timeout_ms, 0);
    dds_options_free(&options);
  }
}

static void takes_every_option(void **state) {
  (void)state;
  dds_options options = parsed(ARGUMENTS(
      "table=t1", "layout=dynamodb-store", "region=eu-west-1", "endpoint_url=http://localhost:8000",
      "profile=prod", "hash_key=key", "prefix=p:", "suffix=:s", "data=payload", "expires=until",
      "ttl=drop", "consistent_read=1", "commit=atomic", "concurrency=8", "create=1",
      "read_capacity=5", "write_capacity=7", "index='by-user(userId)'", "total_segments=4",
      "capacity_limit=100", "request_timeout=2.5", "connect_timeout=0.1", "max_attempts=9",
      "read_only=1", "userId TEXT"));
  assert_string_equal(dds_options_table(&options), "t1");
  assert_string_equal(options.layout.name, "dynamodb-store");
  assert_string_equal(options.layout.hash_key, "key");
  assert_string_equal(options.layout.prefix, "p:");
  assert_string_equal(options.layout.suffix, ":s");
  assert_string_equal(options.layout.data, "payload");
  assert_string_equal(options.layout.expires, "until");
  assert_string_equal(options.layout.ttl, "drop");
  assert_int_equal(options.layout.encoding, DDS_ENCODING_MAP);
  assert_int_equal(options.consistency, DDS_CONSISTENT_ALWAYS);
  assert_int_equal(options.commit, DDS_COMMIT_ATOMIC);
  assert_int_equal(dds_options_concurrency(&options), 8);
  assert_true(options.create);
  assert_true(options.read_only);
  assert_int_equal(options.read_capacity, 5);
  assert_int_equal(options.write_capacity, 7);
  dds_client_options client = dds_options_client(&options);
  assert_string_equal(client.region, "eu-west-1");
  assert_string_equal(client.endpoint_url, "http://localhost:8000");
  assert_string_equal(client.profile, "prod");
  assert_int_equal(client.max_attempts, 9);
  assert_int_equal(client.request_timeout_ms, 2500);
  assert_int_equal(client.connect_timeout_ms, 100);
  assert_int_equal(options.extra_count, 1);
  assert_string_equal(options.extras[0].name, "userId");
  dds_options_free(&options);
}

static void takes_indexes(void **state) {
  (void)state;
  static const struct {
    const char *argument;
    const char *name;
    const char *attribute;
    const char *sort_key;
  } forms[] = {
      {"index='userId-index(userId)'", "userId-index", "userId", NULL},
      {"index=userId-index(userId)", "userId-index", "userId", NULL},
      {"INDEX = ' by.user_2 ( userId ) '", "by.user_2", "userId", NULL},
      {"index='abc(userId,seen)'", "abc", "userId", "seen"},
      {"index='abc( userId , last seen )'", "abc", "userId", "last seen"},
      {"index='abc(two words)'", "abc", "two words", NULL},
  };
  for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
    dds_options options =
        parsed(ARGUMENTS(forms[i].argument, "userId TEXT", "\"two words\" INTEGER"));
    assert_int_equal(options.index_count, 1);
    assert_string_equal(options.indexes[0].name, forms[i].name);
    assert_string_equal(options.indexes[0].attribute, forms[i].attribute);
    if (forms[i].sort_key == NULL) {
      assert_null(options.indexes[0].sort_key);
    } else {
      assert_string_equal(options.indexes[0].sort_key, forms[i].sort_key);
    }
    dds_options_free(&options);
  }
  dds_options options =
      parsed(ARGUMENTS("index='one(a)'", "a TEXT", "index='two(b)'", "b TEXT", "index='three(a)'"));
  assert_int_equal(options.index_count, 3);
  assert_string_equal(options.indexes[1].name, "two");
  assert_string_equal(options.indexes[2].attribute, "a");
  dds_options_free(&options);
}

static void refuses_indexes(void **state) {
  (void)state;
  static const struct {
    const char *argument;
    const char *in_message;
  } cases[] = {
      {"index=''", "in parentheses, the attribute that is its hash key"},
      {"index='abc'", "in parentheses, the attribute that is its hash key"},
      {"index='abc()'", "in parentheses, the attribute that is its hash key"},
      {"index='abc( )'", "in parentheses, the attribute that is its hash key"},
      {"index='abc(a'", "in parentheses, the attribute that is its hash key"},
      {"index='abc a)'", "in parentheses, the attribute that is its hash key"},
      {"index='abc(a) x'", "in parentheses, the attribute that is its hash key"},
      {"index='abc(,a)'", "in parentheses, the attribute that is its hash key"},
      {"index='abc(a,)'", "in parentheses, the attribute that is its hash key"},
      {"index='(a)'", "3 to 255 letters, digits"},
      {"index='ab(a)'", "3 to 255 letters, digits and _-., not 'ab'"},
      {"index='a b c(a)'", "3 to 255 letters, digits and _-., not 'a b c'"},
      {"index='ab\xc3\xa4(a)'", "3 to 255 letters, digits"},
      {"index='abc(b)'", "\"abc\" has the hash key b, which has no column: add \"b TEXT\""},
      {"index='abc(A)'", "\"abc\" has the hash key A, which has no column"},
      {"index='abc(sid)'", "\"abc\" has the hash key sid, which has no column"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    assert_refused(ARGUMENTS(cases[i].argument, "a TEXT"), cases[i].in_message);
  }
  assert_refused(ARGUMENTS("index='abc(a)'", "a TEXT", "index='abc(a)'"),
                 "option index: \"abc\" is given twice");
  char longest[300];
  snprintf(longest, sizeof longest, "index='%0255d(a)'", 7);
  dds_options options = parsed(ARGUMENTS(longest, "a TEXT"));
  dds_options_free(&options);
  snprintf(longest, sizeof longest, "index='%0256d(a)'", 7);
  assert_refused(ARGUMENTS(longest, "a TEXT"), "3 to 255 letters, digits");
}

/* The bounds of what a statement may read, and at how many places at once. */
static void takes_bounds_of_reading(void **state) {
  (void)state;
  dds_options options = parsed(ARGUMENTS("total_segments=1000000", "capacity_limit=0.5"));
  assert_int_equal(options.total_segments, 1000000);
  assert_true(options.capacity_limit == 0.5);
  dds_options_free(&options);
  options = parsed(ARGUMENTS("total_segments='1'", "capacity_limit=2500"));
  assert_int_equal(options.total_segments, 1);
  assert_true(options.capacity_limit == 2500);
  dds_options_free(&options);
  options = parsed(ARGUMENTS("table=a"));
  assert_int_equal(options.total_segments, 0);
  assert_true(options.capacity_limit == 0);
  assert_int_equal(options.index_count, 0);
  dds_options_free(&options);
  static const char *const refused[] = {
      "total_segments=0",    "total_segments=1000001", "total_segments=1.5",
      "total_segments=auto", "capacity_limit=0",       "capacity_limit=-1",
      "capacity_limit=0.4",  "capacity_limit=none",    "capacity_limit=1e3"};
  for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
    assert_refused(ARGUMENTS(refused[i]),
                   refused[i][0] == 't' ? "option total_segments is" : "option capacity_limit is");
  }
}

/* The same, however it is written. */
static void takes_every_form_of_a_value(void **state) {
  (void)state;
  static const struct {
    const char *argument;
    const char *table;
  } forms[] = {
      {"table=a", "a"},
      {"table='a'", "a"},
      {"table=\"a\"", "a"},
      {"table=[a]", "a"},
      {"table=`a`", "a"},
      {" \t\r\n\ftable \n = \t 'a' \f", "a"},
      {"TABLE=a", "a"},
      {"\"table\"=a", "a"},
      {"[Table] = a", "a"},
      {"table='it''s'", "it's"},
      {"table=''''", "'"},
      {"table='''a'", "'a"},
      {"table='a'''", "a'"},
      {"table=\"a\"\"b\"", "a\"b"},
      {"table=`a``b`", "a`b"},
      {"table=[a\"b'c`d]", "a\"b'c`d"},
      {"table='a=b'", "a=b"},
      {"table=a=b", "a=b"},
      {"table='a, b'", "a, b"},
      {"table=' a '", " a "},
      {"table=two words", "two words"},
      {"table=two words=one", "two words=one"},
      {"table=it's", "it's"},
      {"table='\xc3\xa4\xe2\x82\xac\xf0\x9f\x8d\xaa'", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x8d\xaa"},
  };
  for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
    dds_options options = parsed(ARGUMENTS(forms[i].argument));
    assert_string_equal(dds_options_table(&options), forms[i].table);
    dds_options_free(&options);
  }
}

static void takes_layouts_and_overrides_in_any_order(void **state) {
  (void)state;
  for (size_t i = 0; dds_layout_at(i) != NULL; i++) {
    char argument[200];
    snprintf(argument, sizeof argument, "layout='%s'", dds_layout_at(i)->name);
    dds_options options = parsed(ARGUMENTS(argument));
    assert_ptr_equal(options.layout.name, dds_layout_at(i)->name);
    assert_string_equal(options.layout.data, dds_layout_at(i)->data);
    dds_options_free(&options);
  }
  dds_options options = parsed(ARGUMENTS("expires=until", "layout='connect-dynamodb'"));
  assert_string_equal(options.layout.expires, "until");
  assert_string_equal(options.layout.ttl, "until"); /* one attribute for both stays one */
  dds_options_free(&options);
  options = parsed(ARGUMENTS("layout='connect-dynamodb'", "ttl=drop"));
  assert_string_equal(options.layout.expires, "expires");
  assert_string_equal(options.layout.ttl, "drop");
  dds_options_free(&options);
  options = parsed(ARGUMENTS("expires=until"));
  assert_string_equal(options.layout.ttl, "expireTime_TTL"); /* two attributes stay two */
  dds_options_free(&options);
  options = parsed(ARGUMENTS("layout='connect-dynamodb'", "prefix=''"));
  assert_string_equal(options.layout.prefix, "");
  dds_options_free(&options);
}

static void takes_numbers(void **state) {
  (void)state;
  static const struct {
    const char *argument;
    int milliseconds;
  } timeouts[] = {
      {"request_timeout=1", 1000},       {"request_timeout='0.1'", 100},
      {"request_timeout=3600", 3600000}, {"request_timeout=0.290", 290},
      {"request_timeout=1.001", 1001},   {"request_timeout=0.57", 570},
      {"request_timeout=1.", 1000},      {"request_timeout=4.35", 4350},
  };
  for (size_t i = 0; i < sizeof timeouts / sizeof timeouts[0]; i++) {
    dds_options options = parsed(ARGUMENTS(timeouts[i].argument));
    assert_int_equal(options.request_timeout_ms, timeouts[i].milliseconds);
    dds_options_free(&options);
  }
  dds_options options = parsed(ARGUMENTS("read_capacity=1000000000", "write_capacity=1",
                                         "max_attempts='100'", "consistent_read=AUTO"));
  assert_int_equal(options.read_capacity, 1000000000);
  assert_int_equal(options.write_capacity, 1);
  assert_int_equal(options.max_attempts, 100);
  assert_int_equal(options.consistency, DDS_CONSISTENT_AUTO);
  dds_options_free(&options);
  options = parsed(ARGUMENTS("consistent_read=0", "create=0", "read_only='0'"));
  assert_int_equal(options.consistency, DDS_CONSISTENT_NEVER);
  assert_false(options.create || options.read_only);
  dds_options_free(&options);
}

static void takes_extra_columns(void **state) {
  (void)state;
  static const struct {
    const char *argument;
    const char *name;
    dds_affinity affinity;
  } columns[] = {
      {"userId TEXT", "userId", DDS_AFFINITY_TEXT},
      {"a integer", "a", DDS_AFFINITY_INTEGER},
      {"\tb\n Real ", "b", DDS_AFFINITY_REAL},
      {"[order] NUMERIC", "order", DDS_AFFINITY_NUMERIC},
      {"\"it's, \"\"mine\"\"\"BLOB", "it's, \"mine\"", DDS_AFFINITY_BLOB},
      {"'x; columns *' TEXT", "x; columns *", DDS_AFFINITY_TEXT},
      {"`a=b` TEXT", "a=b", DDS_AFFINITY_TEXT},
      {"\xc3\xa4 TEXT", "\xc3\xa4", DDS_AFFINITY_TEXT},
      {"secret_access_key TEXT", "secret_access_key", DDS_AFFINITY_TEXT},
  };
  enum { COUNT = sizeof columns / sizeof columns[0] };
  const char *arguments[COUNT + 1] = {0};
  for (size_t i = 0; i < COUNT; i++) {
    arguments[i] = columns[i].argument;
  }
  dds_options options = parsed(arguments);
  assert_int_equal(options.extra_count, COUNT);
  for (size_t i = 0; i < COUNT; i++) {
    assert_string_equal(options.extras[i].name, columns[i].name);
    assert_int_equal(options.extras[i].affinity, columns[i].affinity);
  }
  dds_options_free(&options);
}

static void refuses_with_a_reason(void **state) {
  (void)state;
  static const struct {
    const char *argument;
    const char *in_message;
  } cases[] = {
      {"tabel=x", "unknown option tabel (did you mean table?); the options are: table layout"},
      {"reed_only=1", "did you mean read_only?"},
      {"end_point_url=x", "did you mean endpoint_url?"},
      {"LAYUOT=x", "did you mean layout?"},
      {"zzzzzzzzzzzz=x", "unknown option zzzzzzzzzzzz; the options are: table layout region"},
      {"layout=redis", "unknown layout 'redis': the layouts are serverless-dynamodb-session-store, "
                       "connect-dynamodb, dynamodb-store"},
      {"consistent_read=yes", "consistent_read is auto, 1 or 0, not 'yes'"},
      {"create=true", "create is 0 or 1, not 'true'"},
      {"read_only=", "read_only is 0 or 1, not ''"},
      {"read_only=01", "read_only is 0 or 1"},
      {"read_capacity=0", "read_capacity is a number from 1 to 1000000000, not '0'"},
      {"read_capacity=1.5", "read_capacity is a whole number"},
      {"write_capacity=1000000001", "write_capacity is a number from"},
      {"write_capacity=-1", "write_capacity is a number from"},
      {"request_timeout=0.05", "request_timeout is a number from 0.1 to 3600"},
      {"connect_timeout=3601", "connect_timeout is a number from 0.1 to 3600"},
      {"connect_timeout=1e3", "connect_timeout is a number from"},
      {"connect_timeout=0x10", "connect_timeout is a number from"},
      {"connect_timeout=1.2.3", "connect_timeout is a number from"},
      {"connect_timeout=.", "connect_timeout is a number from"},
      {"connect_timeout=nan", "connect_timeout is a number from"},
      {"connect_timeout=1 2", "connect_timeout is a number from"},
      {"max_attempts=0", "max_attempts is a number from 1 to 100"},
      {"max_attempts=101", "max_attempts is a number from 1 to 100"},
      {"max_attempts=9999999999999999999999", "max_attempts is a number from 1 to 100"},
      {"table='a", "table has a quote that is not closed"},
      {"table='a'b", "or something behind it"},
      {"table=[a]]", "or something behind it"},
      {"table='", "table has a quote that is not closed"},
      {"table=", "option table is empty"},
      {"table=''", "option table is empty"},
      {"hash_key=''", "option hash_key is empty"},
      {"data=''", "option data is empty"},
      {"expires=''", "option expires is empty"},
      {"ttl=''", "option ttl is empty"},
      {"data=sessionId", "hash_key and data are the same attribute, sessionId"},
      {"ttl=expireTime", "expires and ttl are the same attribute"},
      {"expires='session_data'", "data and expires are the same attribute"},
      {"table='\xff'", "option table is not valid UTF-8"},
      {"table='\xc3'", "option table is not valid UTF-8"},
      {"'\xff' TEXT", "not valid UTF-8"},
      {"a '\xff'", "column a: the type is TEXT"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    assert_refused(ARGUMENTS(cases[i].argument), cases[i].in_message);
  }
}

static void refuses_what_is_no_argument(void **state) {
  (void)state;
  static const struct {
    const char *argument;
    const char *in_message;
  } cases[] = {
      {"=x", "an argument is an option, name=value, or a column, name TYPE"},
      {"''=x", "an argument is an option"},
      {"'a TEXT", "an argument is an option"},
      {"read_only", "read_only is an option: write read_only=1"},
      {"read_only 1", "read_only is an option: write read_only=1"},
      {"\"table\" TEXT", "table is an option: write table=…"},
      {"userId", "column userId needs a type: write \"userId TEXT\""},
      {"'prod'", "if it is the DynamoDB table's name, write table='prod'"},
      {"table='a' region='b'", "a comma is missing before region: write as in dynamodb_sessions("},
      {"table=a region=b", "a comma is missing before region: write as in"},
      {"table='a' \"userId\" TEXT", "a comma is missing before \"userId\": write as in"},
      {"table=[a]Region = b", "a comma is missing before Region: write as in"},
      {"userId TEXT mail TEXT", "a comma is missing before mail: write as in"},
      {"userId TEXT table='a'", "a comma is missing before table: write as in"},
      {"userId TEXT NOT NULL TEXT", "nothing more, not 'TEXT NOT NULL TEXT'"},
      {"userId VARCHAR(10)", "the type is TEXT, INTEGER, REAL, NUMERIC or BLOB and nothing more"},
      {"userId TEXT NOT NULL", "nothing more, not 'TEXT NOT NULL'"},
      {"sid TEXT", "there is a column sid already"},
      {"EXPIRED INTEGER", "there is a column EXPIRED already"},
      {"snapshot BLOB", "there is a column snapshot already"},
      {"sessionId TEXT", "column sessionId is the layout's hash_key attribute"},
      {"expireTime_TTL TEXT", "column expireTime_TTL is the layout's ttl attribute"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    assert_refused(ARGUMENTS(cases[i].argument), cases[i].in_message);
  }
}

static void refuses_what_stands_twice(void **state) {
  (void)state;
  assert_refused(ARGUMENTS("table=a", "table=a"), "option table is given twice");
  assert_refused(ARGUMENTS("read_only=1", "layout=connect-dynamodb", "[READ_ONLY]=1"),
                 "option read_only is given twice");
  assert_refused(ARGUMENTS("a TEXT", "A BLOB"), "there is a column A already");
  assert_refused(ARGUMENTS("table=a", ""), "an argument is an option");
  assert_refused(ARGUMENTS("layout='connect-dynamodb'", "id TEXT"), "hash_key attribute");
}

static void refuses_what_is_too_long(void **state) {
  (void)state;
  static char long_value[5000] = "table=";
  memset(long_value + strlen(long_value), 'x', sizeof long_value - 7);
  dds_options options;
  dds_error error;
  assert_false(parse(&options, &error, ARGUMENTS(long_value)));
  assert_int_equal(error.code, DDS_TOOBIG);
  dds_options_free(&options);

  static char long_name[400];
  memset(long_name, 'n', sizeof long_name - 1);
  memcpy(long_name + 300, " TEXT", 6);
  assert_false(parse(&options, &error, ARGUMENTS(long_name)));
  assert_int_equal(error.code, DDS_TOOBIG);
  dds_options_free(&options);
  memcpy(long_name + 300, "=x", 3);
  assert_false(parse(&options, &error, ARGUMENTS(long_name)));
  assert_int_equal(error.code, DDS_TOOBIG);
  dds_options_free(&options);
  memcpy(long_name + 255, "=x", 3); /* the longest name that is looked at */
  assert_refused(ARGUMENTS(long_name), "unknown option nnnn");
  memcpy(long_name + 255, " TEXT", 6);
  options = parsed(ARGUMENTS(long_name));
  assert_int_equal(strlen(options.extras[0].name), 255);
  dds_options_free(&options);
}

static void bounds_the_extra_columns(void **state) {
  (void)state;
  enum { MOST = 500 };
  static char names[MOST + 1][24];
  const char *arguments[MOST + 2] = {0};
  for (int i = 0; i <= MOST; i++) {
    snprintf(names[i], sizeof names[i], "c%d TEXT", i);
    arguments[i] = names[i];
  }
  assert_refused(arguments, "more than 500 extra columns");
  arguments[MOST] = NULL;
  dds_options options = parsed(arguments);
  assert_int_equal(options.extra_count, MOST);
  dds_options_free(&options);
}

/* Whoever types a secret here must not find it in a log, in whatever form it is written. */
#define HIDDEN        "wJalrXUtnFEMI"
#define ACCESS_KEY_ID "AKIAIOSFODNN7EXAMPLE"

static void assert_hidden(const char *const *arguments) {
  dds_options options;
  dds_error error;
  bool ok = parse(&options, &error, arguments);
  dds_options_free(&options);
  if (ok) {
    fail_msg("%s is accepted", arguments[0]);
  }
  if (strstr(error.message, HIDDEN) != NULL) {
    fail_msg("%s is repeated: %s", arguments[0], error.message);
  }
}

static void assert_sent_elsewhere(const char *const *arguments) {
  assert_hidden(arguments);
  assert_refused(arguments, "no secret belongs here; use the environment or profile=");
}

static const char *const forms_with_a_secret[][4] = {
    /* an option of that name */
    {"secret_access_key=" HIDDEN},
    {"aws_secret_access_key='" HIDDEN "'"},
    {"SECRET='" HIDDEN},
    {"password=" HIDDEN},
    {"session_token=\"" HIDDEN "\""},
    {"credentials=[" HIDDEN "]"},
    {"AwsAccessKeyId=" HIDDEN},
    {"passwd = '" HIDDEN "' x"},
    {"'secret'='" HIDDEN "'"},
    {"aws-secret-access-key='" HIDDEN "'"},
    /* a column of that name */
    {"secret_access_key '" HIDDEN "'"},
    {"aws_secret_access_key " HIDDEN},
    {"aws_session_token " HIDDEN},
    {"password \"" HIDDEN "\""},
    {"secret_access_key TEXT " HIDDEN},
    {"secret:'" HIDDEN "'"},
    {"secret_access_key" HIDDEN "K7MDENG bPxRfiCY"},
    {"[secret " HIDDEN "]"},
    {"\"token=" HIDDEN "\" TEXT", "\"token=" HIDDEN "\" TEXT"},
    /* behind a column */
    {"userId aws_secret_access_key='" HIDDEN "'"},
    {"userId secret='" HIDDEN "'"},
    {"table='t'", "userId secret='" HIDDEN "'"},
    {"userId TEXT secret=" HIDDEN},
    {"userId TEXT secret_access_key='" HIDDEN "'"},
    {"userId TEXT aws-secret-access-key='" HIDDEN "'"},
    {"userId TEXT region='x' secret_access_key='" HIDDEN "'"},
    {"userId TEXT/* secret */" HIDDEN},
    {"userId (\"Secret\"='" HIDDEN "')"},
    {"userId\xc2\xa0secret\xe2\x80\x83" HIDDEN},
    {"userId " HIDDEN " is the secret"},
    {HIDDEN "=secret"},
    /* behind an option */
    {"table aws_secret_access_key='" HIDDEN "'"},
    {"profile secret='" HIDDEN "'"},
    {"read_only 1 secret='" HIDDEN "'"},
    {"region us-east-1 secret_key=" HIDDEN},
    {"table=a password='" HIDDEN "'"},
    {"table='t' secret='" HIDDEN "'"},
    {"table='t' region='x' secret='" HIDDEN "'"},
    {"read_only=1 secret = '" HIDDEN "'"},
    {"read_only=yes region='x' secret='" HIDDEN "'"},
    {"commit=auto; secret='" HIDDEN "'"},
    {"commit=auto/**/secret='" HIDDEN "'"},
    {"commit=auto\nsecret='" HIDDEN "'"},
    {"commit=auto aws-secret='" HIDDEN "'"},
    {"commit=atomic token '" HIDDEN "'"},
    {"commit='a' token: '" HIDDEN "'"},
    {"commit='token ''" HIDDEN "'''"},
    {"commit=`Access-Key " HIDDEN "`"},
    {"\"commit\"=auto \"secret\"='" HIDDEN "'"},
    {"layout='x' token '" HIDDEN "'"},
    {"layout='token " HIDDEN "'"},
    {"index='secret " HIDDEN "'"},
    {"index='secret " HIDDEN "(a)'"},
    /* in names that are right each by itself */
    {"index='secret(" HIDDEN ")'"},
    {"index='" HIDDEN "(secret)'"},
    {"index='abc(secret " HIDDEN ")'"},
    {"hash_key='token " HIDDEN "'", "data='token " HIDDEN "'"},
    {"ttl='secret=" HIDDEN "'", "\"secret=" HIDDEN "\" TEXT"},
    /* beside the id of an access key */
    {ACCESS_KEY_ID " " HIDDEN},
    {ACCESS_KEY_ID "=" HIDDEN},
    {"userId " ACCESS_KEY_ID ":" HIDDEN},
    {HIDDEN " ASIAIOSFODNN7EXAMPLE"},
    {"commit='" ACCESS_KEY_ID " " HIDDEN "'"},
    {ACCESS_KEY_ID, HIDDEN},
};

static void never_repeats_a_secret(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof forms_with_a_secret / sizeof forms_with_a_secret[0]; i++) {
    assert_sent_elsewhere(forms_with_a_secret[i]);
  }
  char padded[2000]; /* an error's text ends before the word does that tells what it is */
  snprintf(padded, sizeof padded, "index='abc(" HIDDEN "%01100d secret)'", 0);
  assert_sent_elsewhere(ARGUMENTS(padded));
  assert_hidden(ARGUMENTS("table: 't'", "secret='" HIDDEN "'")); /* the first is told of */
}

/* What is wrong is named all the same, and names alone are no secrets. */
static void says_where_a_secret_stands(void **state) {
  (void)state;
  static const struct {
    const char *argument;
    const char *in_message;
  } cases[] = {
      {"secret_access_key=x", "there is no option secret_access_key: SQLite stores these"},
      {"'AWS_Session_Token' x", "there is no option AWS_Session_Token: SQLite stores these"},
      {"secret:'x'", "there is no option secret: SQLite stores these"},
      {"commit=atomic token 'x'", "option commit is wrong, perhaps for want of a comma, and not "
                                  "shown since it may hold a secret"},
      {"[Commit] token 'x'", "option commit is wrong, perhaps for want of a comma, and not shown "
                             "since it may hold a secret"},
      {"userId secret='x'", "argument 2 is wrong, perhaps for want of a comma, and not shown since "
                            "it may hold a secret"},
      {"index='abc(tokens)'", "named twice, or is an index's hash key without a column"},
      {"csrfToken", "column csrfToken needs a type: write \"csrfToken TEXT\""},
      {"\"csrfToken\"", "column csrfToken needs a type: write \"csrfToken TEXT\""},
      {"token TEXT", "there is a column token already"},
      {"[token] text", "there is a column token already"},
      {"userId AKIA", "nothing more, not 'AKIA'"},
      {"userId AKIAIOSFODNN7EXAMPL", "nothing more, not 'AKIAIOSFODNN7EXAMPL'"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    assert_refused(ARGUMENTS("token TEXT", cases[i].argument), cases[i].in_message);
  }
}

static uint64_t next_random(uint64_t *seed) {
  *seed ^= *seed << 13;
  *seed ^= *seed >> 7;
  *seed ^= *seed << 17;
  return *seed;
}

/* Pieces at random: nothing crashes, and what is refused has a message of valid UTF-8. */
static void survives_pieces_in_any_order(void **state) {
  (void)state;
  static const char *const pieces[] = {"table",     "=",
                                       "'",         "\"",
                                       "[",         "]",
                                       "`",         " ",
                                       "TEXT",      "a",
                                       "''",        "\"\"",
                                       "\xff",      ",",
                                       "\n",        "1",
                                       "read_only", "index",
                                       "abc(",      ")",
                                       "layout",    "\xf0\x9f\x8d\xaa"};
  uint64_t seed = UINT64_C(88172645463325252);
  for (int i = 0; i < 20000; i++) {
    char texts[3][200];
    int count = 1 + (int)(next_random(&seed) % 3);
    const char *arguments[4] = {0};
    for (int j = 0; j < count; j++) {
      size_t used = 0;
      for (uint64_t left = next_random(&seed) % 10; left > 0; left--) {
        const char *piece = pieces[next_random(&seed) % (sizeof pieces / sizeof pieces[0])];
        memcpy(texts[j] + used, piece, strlen(piece));
        used += strlen(piece);
      }
      texts[j][used] = '\0';
      arguments[j] = texts[j];
    }
    dds_options options;
    dds_error error;
    bool ok = parse(&options, &error, arguments);
    assert_int_equal(ok, error.code == DDS_OK);
    assert_true(dds_utf8_is_valid(error.message, strlen(error.message)));
    for (size_t j = 0; j < options.extra_count; j++) {
      assert_true(dds_utf8_is_valid(options.extras[j].name, strlen(options.extras[j].name)));
    }
    dds_options_free(&options);
    assert_int_equal(failing_allocator_live_blocks(), 0);
  }
}

/* A secret's name and beside it, before or behind, the value, among pieces at random. */
static void generate_secret(uint64_t *seed, dds_buffer *text) {
  static const char *const names[] = {"secret",     "AWS_SECRET_ACCESS_KEY", "passWord",
                                      "token",      "credentials",           "accessKey",
                                      "access-key", "my_passwd_2",           ACCESS_KEY_ID};
  static const char *const glue[] = {" ",        "=", "(", ")", "'",    "\"",
                                     "`",        "[", "]", ":", "/**/", "\n",
                                     "\xc2\xa0", ";", ",", "-", " = '", "\xe2\x80\x83"};
  static const char *const pieces[] = {"commit=", "layout=", "index='abc(", "table",   "userId",
                                       "TEXT",    "profile", "read_only=1", "commit=", "auto",
                                       "--",      "/*",      "*/",          "1",       "data='"};
#define APPEND_ONE_OF(words) \
  dds_buffer_append_text(text, words[next_random(seed) % (sizeof words / sizeof words[0])])
  dds_buffer_clear(text);
  for (uint64_t left = next_random(seed) % 4; left > 0; left--) {
    APPEND_ONE_OF(pieces);
    APPEND_ONE_OF(glue);
  }
  bool is_value_first = next_random(seed) % 3 == 0;
  if (is_value_first) {
    dds_buffer_append_text(text, HIDDEN);
  } else {
    APPEND_ONE_OF(names);
  }
  for (uint64_t left = next_random(seed) % 3 + 1; left > 0; left--) {
    APPEND_ONE_OF(glue);
  }
  if (is_value_first) {
    APPEND_ONE_OF(names);
  } else {
    dds_buffer_append_text(text, HIDDEN);
  }
  for (uint64_t left = next_random(seed) % 3; left > 0; left--) {
    APPEND_ONE_OF(glue);
    APPEND_ONE_OF(pieces);
  }
#undef APPEND_ONE_OF
}

static void never_repeats_a_secret_in_any_form(void **state) {
  (void)state;
  enum { RUNS = 50000 };
  const char *given = getenv("DDS_SEED");
  uint64_t seed = given != NULL ? strtoull(given, NULL, 10) : (uint64_t)time(NULL);
  print_message("DDS_SEED=%" PRIu64 "\n", seed);
  seed = seed * 2 + 1; /* xorshift stays at 0 */
  dds_buffer text = DDS_BUFFER_INIT(1024);
  int refused = 0;
  for (int i = 0; i < RUNS; i++) {
    generate_secret(&seed, &text);
    assert_int_equal(text.failed, DDS_OK);
    dds_options options;
    dds_error error;
    refused += !parse(&options, &error, ARGUMENTS(dds_buffer_text(&text)));
    dds_options_free(&options);
    if (strstr(error.message, HIDDEN) != NULL) {
      fail_msg("%s is repeated: %s", dds_buffer_text(&text), error.message);
    }
  }
  dds_buffer_free(&text);
  assert_true(refused > RUNS / 2);
}

static void survives_every_refused_allocation(void **state) {
  (void)state;
  while (failing_allocator_next()) {
    dds_options options;
    dds_error error;
    failing_allocator_start();
    bool ok = parse(&options, &error,
                    ARGUMENTS("table='prod'", "layout='connect-dynamodb'", "region=eu-west-1",
                              "\"an extra column with a name of more than sixty-four bytes, so "
                              "that its buffer grows\" TEXT",
                              "b BLOB", "prefix=x", "index='by-b(b, seen)'", "index=b.b(b)"));
    failing_allocator_check(ok, &error);
    dds_options_free(&options);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(takes_defaults),
      cmocka_unit_test(takes_every_option),
      cmocka_unit_test(takes_every_form_of_a_value),
      cmocka_unit_test(takes_indexes),
      cmocka_unit_test(refuses_indexes),
      cmocka_unit_test(takes_bounds_of_reading),
      cmocka_unit_test(takes_layouts_and_overrides_in_any_order),
      cmocka_unit_test(takes_numbers),
      cmocka_unit_test(takes_extra_columns),
      cmocka_unit_test(refuses_with_a_reason),
      cmocka_unit_test(refuses_what_is_no_argument),
      cmocka_unit_test(refuses_what_stands_twice),
      cmocka_unit_test(refuses_what_is_too_long),
      cmocka_unit_test(bounds_the_extra_columns),
      cmocka_unit_test(never_repeats_a_secret),
      cmocka_unit_test(says_where_a_secret_stands),
      cmocka_unit_test(never_repeats_a_secret_in_any_form),
      cmocka_unit_test(survives_pieces_in_any_order),
      cmocka_unit_test(survives_every_refused_allocation),
  };
  return cmocka_run_group_tests(tests, failing_allocator_set_up, NULL);
}
