/*
 * INSERT, UPDATE and DELETE: what is written, what is asserted, in every layout. Statements are a
 * table of texts; values arrive as text and get their column's affinity, as from SQL.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "failing_allocator.h"
#include "sessions/change.h"

#define NOW_MS INT64_C(1700000000000) /* 2023-11-14T22:13:20.000Z */

enum { SERVERLESS, CONNECT, STORE };
enum { TEXT_BYTES = 1 << 20 };

/* A value that is SQL's NULL; NULL itself: the statement does not give the column. */
static const char sql_null[] = "NULL";

static char user_id[] = "userId";
static char count[] = "n";
static const dds_extra_column extras[] = {
    {.name = user_id, .affinity = DDS_AFFINITY_TEXT},
    {.name = count, .affinity = DDS_AFFINITY_NUMERIC},
};

typedef struct statement {
  size_t layout;
  const char *old; /* the item as read; NULL: INSERT */
  const char *sid, *session, *expires, *item, *user_id, *count;
  uint64_t columns_read;
  const char *written;  /* every write in words, or the message of the error */
  const char *asserted; /* conditions in words, those of two writes with a bar between */
} statement;

static dds_new_value new_value(const char *text) {
  if (text == NULL) {
    return (dds_new_value){.given = false};
  }
  if (text == sql_null) {
    return (dds_new_value){.given = true, .value = {.type = DDS_SQL_NULL}};
  }
  return (dds_new_value){.given = true,
                         .value = {.type = DDS_SQL_TEXT, .bytes = text, .length = strlen(text)}};
}

static dds_item item_of(const char *text) {
  dds_item item = {.json = {0}};
  if (!dds_json_parse(text, strlen(text), &item.json, NULL)) {
    fail_msg("no JSON: %s", text);
  }
  return item;
}

static void describe(const dds_write *write, dds_buffer *words) {
  if (words->length > 0) {
    dds_buffer_append_text(words, " | ");
  }
  switch (write->kind) {
  case DDS_WRITE_PUT:
    dds_buffer_append_format(words, "PUT %s", write->item);
    break;
  case DDS_WRITE_DELETE:
    dds_buffer_append_format(words, "DELETE %s", write->key.json);
    break;
  case DDS_WRITE_UPDATE:
    dds_buffer_append_text(words, "SET");
    for (size_t i = 0; i < write->assignment_count; i++) {
      dds_buffer_append_format(
          words, " %s=%s", write->assignments[i].attribute,
          write->assignments[i].typed_value == NULL ? "-" : write->assignments[i].typed_value);
    }
  }
}

static void describe_condition(const dds_condition *condition, bool is_first, dds_buffer *words) {
  if (!is_first) {
    dds_buffer_append_text(words, " | ");
  }
  if (condition != NULL) {
    dds_condition_append_words(condition, words);
  }
}

/* The assignments applied to the item that was read, and nothing else. */
static void check_image(const dds_write *write, const dds_item *old) {
  dds_item image;
  dds_json name;
  dds_value value, other;
  size_t set = 0, kept = 0, there = 0;
  assert_true(dds_write_image(write, &image));
  for (size_t i = 0; i < write->assignment_count; i++) {
    const dds_assignment *assignment = &write->assignments[i];
    bool found =
        dds_item_find(&image, assignment->attribute, strlen(assignment->attribute), &value);
    assert_int_equal(found, assignment->typed_value != NULL);
    if (found) {
      assert_int_equal(value.typed.length, strlen(assignment->typed_value));
      assert_memory_equal(value.typed.text, assignment->typed_value, value.typed.length);
    }
    set += found;
  }
  for (dds_item_iterator i = dds_item_iterate(old); dds_item_next(&i, &name, &value);) {
    bool is_assigned = false;
    for (size_t j = 0; j < write->assignment_count; j++) {
      const char *attribute = write->assignments[j].attribute;
      is_assigned = is_assigned || dds_json_string_equals(name, attribute, strlen(attribute));
    }
    if (!is_assigned) {
      assert_true(dds_item_find(&image, name.text + 1, name.length - 2, &other) &&
                  dds_value_equal(&value, &other));
      kept++;
    }
  }
  for (dds_item_iterator i = dds_item_iterate(&image); dds_item_next(&i, &name, &value);) {
    there++;
  }
  assert_int_equal(there, set + kept);
}

/* Runs the statement and frees what it made; errors are words too. */
static bool run(const statement *given, dds_buffer *written, dds_buffer *asserted,
                dds_error *error) {
  dds_session_table table = {
      .layout = dds_layout_at(given->layout), .extras = extras, .extra_count = 2};
  const dds_new_value values[] = {new_value(given->user_id), new_value(given->count)};
  dds_new_row row = {.sid = new_value(given->sid),
                     .session = new_value(given->session),
                     .expires = new_value(given->expires),
                     .item = new_value(given->item),
                     .extras = values};
  dds_write writes[2] = {{.kind = DDS_WRITE_PUT}, {.kind = DDS_WRITE_PUT}};
  size_t made = 1;
  bool done;
  if (given->old == NULL) {
    done = dds_change_insert(&table, &row, NOW_MS, false, &writes[0], error);
  } else {
    dds_item item = item_of(given->old);
    dds_old_row old = {.item = &item, .columns_read = given->columns_read, .now_ms = NOW_MS};
    done = dds_change_update(&table, &old, &row, NOW_MS, writes, &made, error);
    if (done && made == 1) {
      check_image(&writes[0], &item);
    }
    for (size_t i = 0; done && i < made; i++) {
      if (writes[i].kind != DDS_WRITE_PUT || made == 1) {
        assert_true(writes[i].asserted != NULL && dds_condition_holds(writes[i].asserted, &item));
      }
    }
  }
  for (size_t i = 0; done && i < made; i++) {
    describe(&writes[i], written);
    describe_condition(writes[i].asserted, i == 0, asserted);
  }
  dds_write_free(&writes[0]);
  dds_write_free(&writes[1]);
  return done;
}

static void check_statements(const statement *statements, size_t number) {
  for (size_t i = 0; i < number; i++) {
    dds_buffer written = DDS_BUFFER_INIT(TEXT_BYTES);
    dds_buffer asserted = DDS_BUFFER_INIT(TEXT_BYTES);
    dds_error error = DDS_ERROR_INIT;
    bool done = run(&statements[i], &written, &asserted, &error);
    const char *actual = done ? dds_buffer_text(&written) : error.message;
    if (strcmp(actual, statements[i].written) != 0) {
      fail_msg("statement %zu:\n%s\nis not\n%s", i, actual, statements[i].written);
    }
    if (done && strcmp(dds_buffer_text(&asserted), statements[i].asserted) != 0) {
      fail_msg("statement %zu asserts:\n%s\nnot\n%s", i, dds_buffer_text(&asserted),
               statements[i].asserted);
    }
    if (!done) {
      assert_int_equal(error.code,
                       strncmp(error.message, "NOT NULL", 8) == 0 ? DDS_NOTNULL : DDS_CHECK);
    }
    dds_buffer_free(&written);
    dds_buffer_free(&asserted);
  }
}

#define CHECK_STATEMENTS(list) check_statements(list, sizeof(list) / sizeof(list)[0])

#define NO_SESSION_ID "attribute_not_exists(sessionId)"
#define NO_ID         "attribute_not_exists(id)"
#define HOUR_COOKIE                                                                          \
  "{\\\"cookie\\\":{\\\"originalMaxAge\\\":3600000,\\\"expires\\\":\\\"2023-11-14T23:13:20." \
  "000Z\\\","                                                                                \
  "\\\"httpOnly\\\":true,\\\"path\\\":\\\"/\\\"}"
#define BARE_COOKIE                                                                          \
  "{\\\"cookie\\\":{\\\"originalMaxAge\\\":null,\\\"expires\\\":null,\\\"httpOnly\\\":true," \
  "\\\"path\\\":\\\"/\\\"}"

static const statement inserts[] = {
    {.layout = SERVERLESS,
     .sid = "a",
     .session = "{\"views\":1}",
     .expires = "1700003600",
     .written = "PUT {\"sessionId\":{\"S\":\"a\"},\"session_data\":{\"S\":\"" HOUR_COOKIE
                ",\\\"views\\\":1}\"},\"expireTime\":{\"N\":\"1700003600000\"},"
                "\"expireTime_TTL\":{\"N\":\"1700003600\"}}",
     .asserted = NO_SESSION_ID},
    {.layout = SERVERLESS,
     .sid = "a",
     .session = "{}",
     .expires = sql_null,
     .written = "PUT {\"sessionId\":{\"S\":\"a\"},\"session_data\":{\"S\":\"" BARE_COOKIE "}\"},"
                "\"expireTime\":{\"NULL\":true},\"expireTime_TTL\":{\"NULL\":true}}",
     .asserted = NO_SESSION_ID},
    {.layout = SERVERLESS, /* the cookie's date; text is kept byte for byte */
     .sid = "a",
     .session = " {\"cookie\" : {\"expires\":\"2023-11-14T22:13:21.234Z\"}, \"n\":1.0 }",
     .written =
         "PUT {\"sessionId\":{\"S\":\"a\"},\"session_data\":{\"S\":\" {\\\"cookie\\\" : "
         "{\\\"expires\\\":\\\"2023-11-14T22:13:21.234Z\\\"}, \\\"n\\\":1.0 }\"},"
         "\"expireTime\":{\"N\":\"1700000001234\"},\"expireTime_TTL\":{\"N\":\"1700000001\"}}",
     .asserted = NO_SESSION_ID},
    {.layout = SERVERLESS, /* an explicit expiry wins, the age stays */
     .sid = "a",
     .session = "{\"cookie\":{\"originalMaxAge\":5,\"expires\":\"2023-11-14T22:13:21.234Z\"}}",
     .expires = "1700003600.5",
     .written =
         "PUT {\"sessionId\":{\"S\":\"a\"},\"session_data\":{\"S\":\"{\\\"cookie\\\":"
         "{\\\"originalMaxAge\\\":5,\\\"expires\\\":\\\"2023-11-14T23:13:20.500Z\\\"}}\"},"
         "\"expireTime\":{\"N\":\"1700003600500\"},\"expireTime_TTL\":{\"N\":\"1700003600\"}}",
     .asserted = NO_SESSION_ID},
    {.layout = CONNECT, /* without a date: from the age, and the date is brought in step */
     .sid = "a",
     .session = "{\"cookie\":{\"originalMaxAge\":3600000}}",
     .user_id = "42",
     .count = "7",
     .written = "PUT {\"id\":{\"S\":\"sess:a\"},\"userId\":{\"S\":\"42\"},\"n\":{\"N\":\"7\"},"
                "\"type\":{\"S\":\"connect-session\"},\"sess\":{\"S\":\"{\\\"cookie\\\":"
                "{\\\"originalMaxAge\\\":3600000,\\\"expires\\\":\\\"2023-11-14T23:13:20.000Z\\\"}}"
                "\"},\"expires\":{\"N\":\"1700003600\"}}",
     .asserted = NO_ID},
    {.layout = CONNECT, /* neither: a day, and no date in the cookie */
     .sid = "a",
     .session = "{\"cookie\":null,\"a\":1}",
     .written = "PUT {\"id\":{\"S\":\"sess:a\"},\"type\":{\"S\":\"connect-session\"},\"sess\":"
                "{\"S\":\"" BARE_COOKIE ",\\\"a\\\":1}\"},\"expires\":{\"N\":\"1700086400\"}}",
     .asserted = NO_ID},
    {.layout = STORE, /* in a map, with the time of the write as a member */
     .sid = "a",
     .session = "{\"n\":12345678901234567890123456789012345678}",
     .expires = "1700003600",
     .written =
         "PUT {\"sessionId\":{\"S\":\"sess:a\"},\"sess\":{\"M\":{\"cookie\":{\"M\":{"
         "\"originalMaxAge\":{\"N\":\"3600000\"},\"expires\":{\"S\":"
         "\"2023-11-14T23:13:20.000Z\"},\"httpOnly\":{\"BOOL\":true},\"path\":{\"S\":\"/\"}}},"
         "\"n\":{\"N\":\"12345678901234567890123456789012345678\"},"
         "\"updated\":{\"N\":\"1700000000000\"}}},\"expires\":{\"N\":\"1700003600\"}}",
     .asserted = NO_SESSION_ID},
    {.layout = STORE, /* its empty map is no date: the age counts */
     .sid = "a",
     .session = "{\"cookie\":{\"expires\":{},\"maxAge\":60000,\"originalMaxAge\":70000}}",
     .written = "PUT {\"sessionId\":{\"S\":\"sess:a\"},\"sess\":{\"M\":{\"cookie\":{\"M\":{"
                "\"expires\":{\"S\":\"2023-11-14T22:14:20.000Z\"},\"maxAge\":{\"N\":\"60000\"},"
                "\"originalMaxAge\":{\"N\":\"70000\"}}},\"updated\":{\"N\":\"1700000000000\"}}},"
                "\"expires\":{\"N\":\"1700000060\"}}",
     .asserted = NO_SESSION_ID},
    {.layout = CONNECT, /* an item alone is restored as it is */
     .item = "{\"sess\":{\"S\":\"{}\"}, \"id\":{\"S\":\"sess:b\"},\"x\":{\"B\":\"AA==\"}}",
     .written = "PUT {\"id\":{\"S\":\"sess:b\"},\"sess\":{\"S\":\"{}\"},\"x\":{\"B\":\"AA==\"}}",
     .asserted = NO_ID},
    {.layout = CONNECT, /* columns beside it are applied over it */
     .item = "{\"sess\":{\"S\":\"{\\\"cookie\\\":{\\\"a\\\":1}}\"},\"id\":{\"S\":\"sess:b\"},"
             "\"n\":{\"BOOL\":false}}",
     .sid = "c",
     .expires = "1700003600",
     .count = "1",
     .written = "PUT {\"id\":{\"S\":\"sess:c\"},\"n\":{\"BOOL\":true},\"sess\":{\"S\":\"{"
                "\\\"cookie\\\":{\\\"a\\\":1,\\\"expires\\\":\\\"2023-11-14T23:13:20.000Z\\\"}}\"},"
                "\"expires\":{\"N\":\"1700003600\"}}",
     .asserted = NO_ID},
};

static void inserts_write_what_the_store_would(void **state) {
  (void)state;
  CHECK_STATEMENTS(inserts);
}

#define IS_NO_OBJECT "CHECK constraint failed: session is not a JSON object"

static const statement bad_inserts[] = {
    {.session = "{}", .written = "NOT NULL constraint failed: sid"},
    {.sid = sql_null, .session = "{}", .written = "NOT NULL constraint failed: sid"},
    {.sid = "", .session = "{}", .written = "CHECK constraint failed: sid is empty"},
    {.sid = "a", .written = "NOT NULL constraint failed: session"},
    {.sid = "a", .session = "", .written = IS_NO_OBJECT},
    {.sid = "a", .session = "[1]", .written = IS_NO_OBJECT},
    {.sid = "a", .session = "{a:1}", .written = IS_NO_OBJECT},
    {.sid = "a", .session = "{\"a\":1,}", .written = IS_NO_OBJECT},
    {.sid = "a", .session = "{\"a\":\"\xff\"}", .written = IS_NO_OBJECT},
    {.sid = "a",
     .session = "{}",
     .expires = "1700000000000",
     .written = "CHECK constraint failed: expires looks like milliseconds; use seconds"},
    {.sid = "a",
     .session = "{}",
     .expires = "100000000000",
     .written = "CHECK constraint failed: expires looks like milliseconds; use seconds"},
    {.sid = "a",
     .session = "{}",
     .expires = "-1",
     .written = "CHECK constraint failed: expires is negative"},
    {.sid = "a",
     .session = "{}",
     .expires = "2026-11-22",
     .written = "CHECK constraint failed: expires is not a number of seconds, as unixepoch() gives "
                "it"},
    {.sid = "a",
     .session = "{\"cookie\":{\"expires\":\"tomorrow\"}}",
     .written = "CHECK constraint failed: the session's cookie.expires is not a date like "
                "2026-11-22T12:52:21.000Z"},
    {.sid = "a",
     .session = "{\"cookie\":{\"expires\":\"9999-01-01T00:00:00.000Z\"}}",
     .written =
         "CHECK constraint failed: the session's cookie expires outside the years 1970 to 5138"},
    {.sid = "\xff", .session = "{}", .written = "a key must be valid UTF-8"},
    {.layout = CONNECT,
     .item = "{\"sess\":{\"S\":\"{}\"}}",
     .written = "NOT NULL constraint failed: sid"},
    {.layout = CONNECT,
     .item = "{\"id\":{\"S\":\"sess:a\"}}",
     .written = "NOT NULL constraint failed: session"},
    {.layout = CONNECT,
     .item = "{\"id\":{\"S\":\"a\"},\"sess\":{\"S\":\"{}\"}}",
     .written = "CHECK constraint failed: item's key is not one of the layout"},
    {.layout = CONNECT,
     .item = "{\"id\":{\"S\":\"sess:\"},\"sess\":{\"S\":\"{}\"}}",
     .written = "CHECK constraint failed: sid is empty"},
};

static void bad_inserts_are_refused(void **state) {
  (void)state;
  CHECK_STATEMENTS(bad_inserts);
}

static void a_blob_is_no_session(void **state) {
  (void)state;
  dds_session_table table = {.layout = dds_layout_at(SERVERLESS)};
  dds_new_row row = {.sid = new_value("a"), .session = new_value("{}")};
  row.session.value.type = DDS_SQL_BLOB;
  dds_write write;
  dds_error error = DDS_ERROR_INIT;
  assert_false(dds_change_insert(&table, &row, NOW_MS, false, &write, &error));
  assert_string_equal(error.message, IS_NO_OBJECT);
  dds_write_free(&write);
}

static void or_replace_asserts_nothing(void **state) {
  (void)state;
  dds_session_table table = {.layout = dds_layout_at(SERVERLESS)};
  dds_new_row row = {.sid = new_value("a"), .session = new_value("{}")};
  dds_write write;
  dds_error error = DDS_ERROR_INIT;
  assert_true(dds_change_insert(&table, &row, NOW_MS, true, &write, &error));
  assert_null(write.asserted);
  assert_string_equal(write.key.json, "{\"sessionId\":{\"S\":\"a\"}}");
  dds_write_free(&write);
}

#define COOKIE_TEXT                                                                         \
  "\\\"cookie\\\":{\\\"originalMaxAge\\\":3600000,\\\"expires\\\":\\\"2023-11-14T22:43:20." \
  "000Z\\\"}"
#define COOKIE "\"cookie\":{\"originalMaxAge\":3600000,\"expires\":\"2023-11-14T22:43:20.000Z\"}"
/* Touched since its cookie was written: the attribute is 15 minutes later. */
#define OLD                                                                        \
  "{\"id\":{\"S\":\"sess:a\"},\"sess\":{\"S\":\"{" COOKIE_TEXT ",\\\"v\\\":1}\"}," \
  "\"expires\":{\"N\":\"1700002700\"},\"userId\":{\"S\":\"u\"},\"n\":{\"N\":\"5\"}}"
#define OLD_MS                                                                   \
  "{\"sessionId\":{\"S\":\"a\"},\"session_data\":{\"S\":\"{" COOKIE_TEXT "}\"}," \
  "\"expireTime\":{\"N\":\"1700001800000\"},\"expireTime_TTL\":{\"N\":\"1700001800\"}}"
#define OLD_MAP                                                                                   \
  "{\"sessionId\":{\"S\":\"sess:a\"},\"sess\":{\"M\":{\"cookie\":{\"M\":{\"expires\":{\"M\":{}}," \
  "\"originalMaxAge\":{\"N\":\"3600000\"}}},\"b\":{\"B\":\"AAE=\"},\"s\":{\"SS\":[\"x\",\"y\"]}," \
  "\"updated\":{\"N\":\"5\"}}},\"expires\":{\"N\":\"1700001800\"}}"

static const statement updates[] = {
    {.layout = CONNECT, .old = OLD, .written = "", .asserted = ""},
    {.layout = CONNECT, /* nothing differs */
     .old = OLD,
     .sid = "a",
     .session = "{" COOKIE ",\"v\":1}",
     .expires = "1700002700.0",
     .item = OLD,
     .user_id = "u",
     .count = "5.0",
     .columns_read = DDS_READ_SESSION | DDS_READ_ITEM,
     .written = "",
     .asserted = ""},
    {.layout = CONNECT, /* an edit does not move the expiry back to the cookie's date */
     .old = OLD,
     .session = "{" COOKIE ",\"v\":2}",
     .columns_read = DDS_READ_SESSION,
     .written = "SET sess={\"S\":\"{" COOKIE_TEXT ",\\\"v\\\":2}\"}",
     .asserted = "sess = ?"},
    {.layout = CONNECT, /* an explicit expiry: attribute and date, all else byte for byte */
     .old = OLD,
     .expires = "1700003600",
     .written = "SET sess={\"S\":\"{\\\"cookie\\\":{\\\"originalMaxAge\\\":3600000,\\\"expires\\\":"
                "\\\"2023-11-14T23:13:20.000Z\\\"},\\\"v\\\":1}\"} expires={\"N\":\"1700003600\"}",
     .asserted = "sess = ? AND expires = ?"},
    {.layout = CONNECT, /* never: date and age are null */
     .old = OLD,
     .expires = sql_null,
     .written = "SET sess={\"S\":\"{\\\"cookie\\\":{\\\"originalMaxAge\\\":null,\\\"expires\\\":"
                "null},\\\"v\\\":1}\"} expires={\"NULL\":true}",
     .asserted = "sess = ? AND expires = ?"},
    {.layout = SERVERLESS, /* both attributes */
     .old = OLD_MS,
     .expires = "1700003600.5",
     .columns_read = DDS_READ_EXPIRES,
     .written = "SET session_data={\"S\":\"{\\\"cookie\\\":{\\\"originalMaxAge\\\":3600000,"
                "\\\"expires\\\":\\\"2023-11-14T23:13:20.500Z\\\"}}\"} "
                "expireTime={\"N\":\"1700003600500\"} expireTime_TTL={\"N\":\"1700003600\"}",
     .asserted = "session_data = ? AND expireTime = ? AND expireTime_TTL = ?"},
    {.layout = SERVERLESS, /* a new date in the cookie moves the expiry */
     .old = OLD_MS,
     .session =
         "{\"cookie\":{\"originalMaxAge\":3600000,\"expires\":\"2023-11-14T23:13:20.000Z\"}}",
     .written = "SET session_data={\"S\":\"{\\\"cookie\\\":{\\\"originalMaxAge\\\":3600000,"
                "\\\"expires\\\":\\\"2023-11-14T23:13:20.000Z\\\"}}\"} "
                "expireTime={\"N\":\"1700003600000\"} expireTime_TTL={\"N\":\"1700003600\"}",
     .asserted = "session_data = ? AND expireTime = ? AND expireTime_TTL = ?"},
    {.layout = SERVERLESS, /* a new age alone: from now, and the date follows */
     .old = OLD_MS,
     .session =
         "{\"cookie\":{\"originalMaxAge\":7200000,\"expires\":\"2023-11-14T22:43:20.000Z\"}}",
     .written = "SET session_data={\"S\":\"{\\\"cookie\\\":{\\\"originalMaxAge\\\":7200000,"
                "\\\"expires\\\":\\\"2023-11-15T00:13:20.000Z\\\"}}\"} "
                "expireTime={\"N\":\"1700007200000\"} expireTime_TTL={\"N\":\"1700007200\"}",
     .asserted = "session_data = ? AND expireTime = ? AND expireTime_TTL = ?"},
    {.layout = SERVERLESS, /* date and age taken away: never */
     .old = OLD_MS,
     .session = "{\"cookie\":{\"originalMaxAge\":null,\"expires\":null}}",
     .written =
         "SET session_data={\"S\":\"{\\\"cookie\\\":{\\\"originalMaxAge\\\":null,"
         "\\\"expires\\\":null}}\"} expireTime={\"NULL\":true} expireTime_TTL={\"NULL\":true}",
     .asserted = "session_data = ? AND expireTime = ? AND expireTime_TTL = ?"},
    {.layout = CONNECT, /* a cookie that was taken out is written again, in step */
     .old = OLD,
     .session = "{\"v\":2}",
     .written = "SET sess={\"S\":\"{\\\"cookie\\\":{\\\"originalMaxAge\\\":3600000,\\\"expires\\\":"
                "\\\"2023-11-14T22:58:20.000Z\\\"},\\\"v\\\":2}\"}",
     .asserted = "sess = ?"},
    {.layout = CONNECT, /* one that was never there gets the age that is left */
     .old =
         "{\"id\":{\"S\":\"sess:a\"},\"sess\":{\"S\":\"{}\"},\"expires\":{\"N\":\"1700003600\"}}",
     .session = "{\"v\":2}",
     .written = "SET sess={\"S\":\"" HOUR_COOKIE ",\\\"v\\\":2}\"}",
     .asserted = "sess = ?"},
    {.layout = CONNECT, /* the first cookie moves the expiry */
     .old = "{\"id\":{\"S\":\"sess:a\"},\"sess\":{\"S\":\"{}\"},\"expires\":{\"N\":\"1\"}}",
     .session =
         "{\"cookie\":{\"originalMaxAge\":3600000,\"expires\":\"2023-11-14T23:13:20.000Z\"}}",
     .written = "SET sess={\"S\":\"{\\\"cookie\\\":{\\\"originalMaxAge\\\":3600000,\\\"expires\\\":"
                "\\\"2023-11-14T23:13:20.000Z\\\"}}\"} expires={\"N\":\"1700003600\"}",
     .asserted = "sess = ? AND expires = ?"},
    {.layout = CONNECT, /* a session that is no JSON object: the attribute alone */
     .old = "{\"id\":{\"S\":\"sess:a\"},\"sess\":{\"N\":\"5\"}}",
     .expires = "1700003600",
     .written = "SET expires={\"N\":\"1700003600\"}",
     .asserted = "attribute_not_exists(expires)"},
    {.layout = STORE, /* bytes, sets and empty dates stay what they are */
     .old = OLD_MAP,
     .session = "{\"cookie\":{\"expires\":{},\"originalMaxAge\":3600000},\"b\":\"AAE=\","
                "\"s\":[\"x\",\"y\"],\"updated\":5,\"v\":1}",
     .written = "SET sess={\"M\":{\"cookie\":{\"M\":{\"expires\":{\"M\":{}},\"originalMaxAge\":"
                "{\"N\":\"3600000\"}}},\"b\":{\"B\":\"AAE=\"},\"s\":{\"SS\":[\"x\",\"y\"]},"
                "\"updated\":{\"N\":\"1700000000000\"},\"v\":{\"N\":\"1\"}}}",
     .asserted = "sess = ?"},
    {.layout = STORE,
     .old = OLD_MAP,
     .expires = "1700003600",
     .written = "SET sess={\"M\":{\"cookie\":{\"M\":{\"expires\":{\"S\":"
                "\"2023-11-14T23:13:20.000Z\"},\"originalMaxAge\":{\"N\":\"3600000\"}}},"
                "\"b\":{\"B\":\"AAE=\"},\"s\":{\"SS\":[\"x\",\"y\"]},"
                "\"updated\":{\"N\":\"1700000000000\"}}} expires={\"N\":\"1700003600\"}",
     .asserted = "sess = ? AND expires = ?"},
    {.layout = STORE,
     .old = OLD_MAP,
     .expires = sql_null,
     .written = "CHECK constraint failed: expires is NULL, and layout 'dynamodb-store' has no "
                "session that never expires"},
    {.layout = CONNECT,
     .old = OLD,
     .user_id = sql_null,
     .count = "6",
     .columns_read = DDS_READ_SESSION | DDS_READ_EXTRA | DDS_READ_EXTRA << 1,
     .written = "SET userId=- n={\"N\":\"6\"}",
     .asserted = "userId = ? AND n = ? AND sess = ?"},
    {.layout = CONNECT,
     .old = OLD,
     .count = "6",
     .columns_read = DDS_READ_EXPIRED,
     .written = "SET n={\"N\":\"6\"}",
     .asserted = "n = ? AND NOT (expires <= ? OR expires >= ? AND expires <= ?)"},
    {.layout = CONNECT,
     .old = OLD,
     .count = "6",
     .columns_read = DDS_READ_ITEM,
     .written = "SET n={\"N\":\"6\"}",
     .asserted = "n = ? AND sess = ? AND expires = ? AND userId = ?"},
    {.layout = CONNECT, /* another item in the place of the old one */
     .old = OLD,
     .item = "{\"id\":{\"S\":\"sess:a\"},\"sess\":{\"S\":\"{}\"},\"x\":{\"N\":\"1\"}}",
     .user_id = "w",
     .written = "SET userId={\"S\":\"w\"} sess={\"S\":\"{}\"} x={\"N\":\"1\"} expires=- n=-",
     .asserted = "attribute_exists(id) AND userId = ? AND sess = ? AND attribute_not_exists(x) AND "
                 "expires = ? AND n = ?"},
    {.layout = CONNECT,
     .old = OLD,
     .item = "{\"id\":{\"S\":\"sess:b\"},\"sess\":{\"S\":\"{}\"}}",
     .written = "CHECK constraint failed: item has another key"},
    {.layout = CONNECT,
     .old = OLD,
     .item = "{\"sess\":{\"S\":\"{}\"}}",
     .written = "CHECK constraint failed: item lacks its key"},
    {.layout = CONNECT,
     .old = OLD,
     .item = sql_null,
     .written = "NOT NULL constraint failed: item"},
    {.layout = CONNECT,
     .old = OLD,
     .session = sql_null,
     .written = "NOT NULL constraint failed: session"},
    {.layout = CONNECT, .old = OLD, .sid = sql_null, .written = "NOT NULL constraint failed: sid"},
    {.layout = CONNECT, /* another sid: the item moves, with its changes */
     .old = OLD,
     .sid = "b",
     .count = "6",
     .written =
         "PUT {\"id\":{\"S\":\"sess:b\"},\"sess\":{\"S\":\"{" COOKIE_TEXT ",\\\"v\\\":1}\"},"
         "\"expires\":{\"N\":\"1700002700\"},\"userId\":{\"S\":\"u\"},\"n\":{\"N\":\"6\"}} | "
         "DELETE {\"id\":{\"S\":\"sess:a\"}}",
     .asserted =
         NO_ID " | attribute_exists(id) AND n = ? AND sess = ? AND expires = ? AND userId = ?"},
};

static void updates_write_what_changes(void **state) {
  (void)state;
  CHECK_STATEMENTS(updates);
}

/* What an application wrote in between must be noticed, whichever attribute it is. */
static void an_assertion_notices_every_change(void **state) {
  (void)state;
  static const char *const meanwhile[] = {
      "{\"id\":{\"S\":\"sess:a\"},\"sess\":{\"S\":\"{}\"},\"expires\":{\"N\":\"5\"}}",
      "{\"id\":{\"S\":\"sess:a\"},\"expires\":{\"N\":\"5\"}}",
      "{\"id\":{\"S\":\"sess:a\"},\"sess\":{\"S\":\"{\\\"a\\\":1}\"},\"expires\":{\"N\":\"6\"}}",
      ("{\"id\":{\"S\":\"sess:a\"},\"sess\":{\"S\":\"{\\\"a\\\":1}\"},\"expires\":{\"N\":\"5\"},"
       "\"userId\":{\"S\":\"w\"}}"),
  };
  dds_session_table table = {.layout = dds_layout_at(CONNECT), .extras = extras, .extra_count = 2};
  const dds_new_value values[] = {new_value("z"), new_value(NULL)};
  dds_new_row row = {.extras = values};
  dds_item item = item_of(
      "{\"id\":{\"S\":\"sess:a\"},\"sess\":{\"S\":\"{\\\"a\\\":1}\"},\"expires\":{\"N\":\"5\"}}");
  dds_old_row old = {
      .item = &item, .columns_read = DDS_READ_SESSION | DDS_READ_EXPIRES, .now_ms = NOW_MS};
  dds_write writes[2];
  size_t made;
  dds_error error = DDS_ERROR_INIT;
  assert_true(dds_change_update(&table, &old, &row, NOW_MS, writes, &made, &error));
  assert_int_equal(made, 1);
  assert_true(dds_condition_holds(writes[0].asserted, &item));
  for (size_t i = 0; i < sizeof meanwhile / sizeof meanwhile[0]; i++) {
    dds_item other = item_of(meanwhile[i]);
    if (dds_condition_holds(writes[0].asserted, &other)) {
      fail_msg("unnoticed: %s", meanwhile[i]);
    }
  }
  dds_write_free(&writes[0]);
  dds_write_free(&writes[1]);
}

typedef struct extra_case {
  const char *old; /* typed; NULL: missing */
  dds_affinity affinity;
  dds_sql_value value;
  const char *expected; /* typed, "" for nothing to write, or a message */
} extra_case;

#define TEXT(literal)    {.type = DDS_SQL_TEXT, .bytes = (literal), .length = sizeof(literal) - 1}
#define INTEGER(literal) {.type = DDS_SQL_INTEGER, .integer = (literal)}
#define REAL(literal)    {.type = DDS_SQL_REAL, .real = (literal)}

static const extra_case extra_cases[] = {
    {NULL, DDS_AFFINITY_TEXT, TEXT("x\n"), "{\"S\":\"x\\n\"}"},
    {NULL, DDS_AFFINITY_TEXT, INTEGER(5), "{\"S\":\"5\"}"},
    {NULL, DDS_AFFINITY_NUMERIC, TEXT("5"), "{\"N\":\"5\"}"},
    {NULL, DDS_AFFINITY_REAL, REAL(0.1), "{\"N\":\"0.1\"}"},
    {NULL,
     DDS_AFFINITY_BLOB,
     {.type = DDS_SQL_BLOB, .bytes = "\0\1", .length = 2},
     "{\"B\":\"AAE=\"}"},
    {NULL, DDS_AFFINITY_TEXT, TEXT("\xff"), "CHECK constraint failed: userId is not valid UTF-8"},
    {NULL, DDS_AFFINITY_REAL, REAL(1e200), "number beyond DynamoDB's 1E-130 to 9.99E+125"},
    {"{\"S\":\"a\"}", DDS_AFFINITY_INTEGER, INTEGER(5), "{\"S\":\"5\"}"},
    {"{\"S\":\"5\"}", DDS_AFFINITY_INTEGER, TEXT("5"), ""},
    {"{\"N\":\"5\"}", DDS_AFFINITY_TEXT, TEXT("43"), "{\"N\":\"43\"}"},
    {"{\"N\":\"5\"}", DDS_AFFINITY_TEXT, TEXT("043"), "{\"S\":\"043\"}"},
    {"{\"N\":\"5\"}", DDS_AFFINITY_TEXT, TEXT("12345678901234567890123456789012345678"),
     "{\"N\":\"12345678901234567890123456789012345678\"}"},
    {"{\"N\":\"5\"}", DDS_AFFINITY_TEXT, TEXT("a"), "{\"S\":\"a\"}"},
    {"{\"BOOL\":true}", DDS_AFFINITY_INTEGER, INTEGER(0), "{\"BOOL\":false}"},
    {"{\"BOOL\":true}", DDS_AFFINITY_INTEGER, INTEGER(1), ""},
    {"{\"BOOL\":true}", DDS_AFFINITY_REAL, INTEGER(0), "{\"BOOL\":false}"},
    {"{\"BOOL\":true}", DDS_AFFINITY_TEXT, TEXT("0"), "{\"BOOL\":false}"},
    {"{\"BOOL\":true}", DDS_AFFINITY_INTEGER, INTEGER(2), "{\"N\":\"2\"}"},
    {"{\"BOOL\":true}", DDS_AFFINITY_TEXT, TEXT("x"), "{\"S\":\"x\"}"},
    {"{\"SS\":[\"a\"]}", DDS_AFFINITY_TEXT, TEXT("[\"a\",\"b\"]"), "{\"SS\":[\"a\",\"b\"]}"},
    {"{\"SS\":[\"a\"]}", DDS_AFFINITY_TEXT, TEXT("[]"),
     "CHECK constraint failed: userId is an empty set"},
    {"{\"SS\":[\"a\"]}", DDS_AFFINITY_TEXT, TEXT("[true]"), "{\"S\":\"[true]\"}"},
    {"{\"SS\":[\"a\"]}", DDS_AFFINITY_TEXT, TEXT("{}"), "{\"S\":\"{}\"}"},
    {"{\"NS\":[\"1\"]}", DDS_AFFINITY_TEXT, TEXT("[1,2.5]"), "{\"NS\":[\"1\",\"2.5\"]}"},
    {"{\"BS\":[\"AAE=\"]}", DDS_AFFINITY_TEXT, TEXT("[\"AAI=\"]"), "{\"BS\":[\"AAI=\"]}"},
    {"{\"L\":[{\"B\":\"AAE=\"}]}", DDS_AFFINITY_TEXT, TEXT("[\"AAE=\",1]"),
     "{\"L\":[{\"B\":\"AAE=\"},{\"N\":\"1\"}]}"},
    {"{\"L\":[]}", DDS_AFFINITY_TEXT, TEXT("\"a\""), "{\"S\":\"\\\"a\\\"\"}"},
    {"{\"M\":{}}", DDS_AFFINITY_TEXT, TEXT("{\"a\":true}"), "{\"M\":{\"a\":{\"BOOL\":true}}}"},
    {"{\"NULL\":true}", DDS_AFFINITY_TEXT, TEXT("a"), "{\"S\":\"a\"}"},
    {"{\"B\":\"AAE=\"}", DDS_AFFINITY_TEXT, TEXT("a"), "{\"S\":\"a\"}"},
};

static void extra_columns_keep_their_type(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof extra_cases / sizeof extra_cases[0]; i++) {
    const extra_case *tried = &extra_cases[i];
    dds_extra_column column = {.name = user_id, .affinity = tried->affinity};
    dds_session_table table = {
        .layout = dds_layout_at(CONNECT), .extras = &column, .extra_count = 1};
    dds_buffer json = DDS_BUFFER_INIT(TEXT_BYTES);
    dds_buffer_append_text(&json, "{\"id\":{\"S\":\"sess:a\"}");
    if (tried->old != NULL) {
      dds_buffer_append_format(&json, ",\"userId\":%s", tried->old);
    }
    dds_buffer_append_text(&json, "}");
    dds_item item = item_of(json.data);
    dds_old_row old = {.item = &item, .now_ms = NOW_MS};
    dds_new_value value = {.given = true, .value = tried->value};
    dds_new_row row = {.extras = &value};
    dds_write writes[2];
    size_t made;
    dds_error error = DDS_ERROR_INIT;
    bool done = dds_change_update(&table, &old, &row, NOW_MS, writes, &made, &error);
    const char *actual = error.message;
    if (done) {
      actual = made == 0 ? "" : writes[0].assignments[0].typed_value;
    }
    if (strcmp(actual, tried->expected) != 0) {
      fail_msg("case %zu: %s, not %s", i, actual, tried->expected);
    }
    dds_write_free(&writes[0]);
    dds_write_free(&writes[1]);
    dds_buffer_free(&json);
  }
}

static void a_delete_matches_and_asserts(void **state) {
  (void)state;
  dds_session_table table = {.layout = dds_layout_at(CONNECT), .extras = extras, .extra_count = 2};
  dds_item item = item_of("{\"id\":{\"S\":\"sess:a\"},\"expires\":{\"N\":\"5\"}}");
  dds_old_row old = {.item = &item,
                     .columns_read = DDS_READ_EXPIRED | DDS_READ_EXTRA | DDS_READ_SESSION,
                     .now_ms = NOW_MS};
  dds_key key;
  dds_error error = DDS_ERROR_INIT;
  assert_true(dds_row_key(table.layout, "a", 1, &key, &error));
  dds_condition *pushed = dds_condition_exists("n");
  dds_write write;
  assert_true(dds_change_delete(&table, &key, &old, pushed, &write, &error));
  dds_buffer words = DDS_BUFFER_INIT(TEXT_BYTES);
  describe_condition(write.asserted, true, &words);
  describe_condition(write.matches, false, &words);
  assert_string_equal(dds_buffer_text(&words),
                      "attribute_not_exists(sess) AND attribute_not_exists(userId) | "
                      "attribute_exists(n) AND (expires <= ? OR expires >= ? AND expires <= ?)");
  dds_buffer_free(&words);
  dds_write_free(&write);

  dds_old_row unread = {.now_ms = NOW_MS};
  assert_true(dds_change_delete(&table, &key, &unread, NULL, &write, &error));
  assert_int_equal(write.kind, DDS_WRITE_DELETE);
  assert_true(dds_key_equal(&write.key, &key));
  assert_null(write.asserted);
  assert_null(write.matches);
  dds_write_free(&write);
  dds_condition_release(pushed);
  dds_key_free(&key);
}

/* What an INSERT wrote, a SELECT shows, and an UPDATE to the same values sends nothing. */
static void check_there_and_back(const dds_layout *layout, const char *session,
                                 const dds_sql_value *expires, int64_t expected_ms) {
  dds_session_table table = {.layout = layout};
  dds_new_row row = {.sid = new_value("a"),
                     .session = new_value(session),
                     .expires = {.given = true, .value = *expires}};
  dds_write inserted, writes[2];
  dds_error error = DDS_ERROR_INIT;
  assert_true(dds_change_insert(&table, &row, NOW_MS, false, &inserted, &error));
  dds_item item = {.json = {0}};
  if (!dds_item_parse(inserted.item, inserted.item_length, &item, &error)) {
    fail_msg("%s: %s", error.message, inserted.item);
  }

  dds_buffer scratch = DDS_BUFFER_INIT(TEXT_BYTES);
  assert_true(dds_row_sid(layout, &item, &scratch, &row.sid.value, &error));
  assert_memory_equal(row.sid.value.bytes, "a", 1);
  dds_row_expires(layout, &item, &row.expires.value);
  dds_sql_value read_back = {.type = DDS_SQL_REAL, .real = (double)expected_ms / 1000.0};
  dds_buffer unused = DDS_BUFFER_INIT(TEXT_BYTES);
  dds_sql_apply_affinity(&read_back, DDS_AFFINITY_NUMERIC, &unused);
  assert_true(dds_sql_same(&row.expires.value, &read_back));
  assert_false(dds_row_is_expired(layout, &item, expected_ms - 1));
  assert_true(dds_row_is_expired(layout, &item, expected_ms));

  dds_buffer text = DDS_BUFFER_INIT(TEXT_BYTES);
  assert_true(dds_row_session(layout, &item, &text, &row.session.value, &error));
  dds_old_row old = {.item = &item, .columns_read = DDS_READ_ITEM, .now_ms = NOW_MS};
  size_t made;
  row.item = (dds_new_value){
      .given = true,
      .value = {.type = DDS_SQL_TEXT, .bytes = inserted.item, .length = inserted.item_length}};
  assert_true(dds_change_update(&table, &old, &row, NOW_MS + 5, writes, &made, &error));
  assert_int_equal(made, 0);
  dds_write_free(&inserted);
  dds_write_free(&writes[0]);
  dds_write_free(&writes[1]);
  dds_buffer_free(&scratch);
  dds_buffer_free(&unused);
  dds_buffer_free(&text);
}

static void what_is_written_is_read_back(void **state) {
  (void)state;
  static const char *const sessions[] = {
      "{}",
      ("{\"cookie\":{\"originalMaxAge\":5,\"expires\":\"2023-11-14T23:13:20.000Z\"},\"a\":[1.50,{}]"
       "}"),
      "{\"u\":\"\\u00e4\\ud83d\\ude00\\u0000\",\"n\":-0.1e-5,\"t\":true,\"z\":null}",
  };
  unsigned seed = 20261122;
  print_message("seed %u\n", seed);
  srand(seed);
  for (int i = 0; i < 300; i++) {
    const dds_layout *layout = dds_layout_at((size_t)i % 3);
    int64_t ms = NOW_MS + rand() % 100000000;
    dds_sql_value expires = {.type = DDS_SQL_REAL, .real = (double)ms / 1000.0};
    int64_t expected_ms = layout->unit == DDS_MILLISECONDS ? ms : ms / 1000 * 1000;
    check_there_and_back(layout, sessions[(size_t)i / 3 % 3], &expires, expected_ms);
  }
}

/* Each allocation refused in turn: out of memory is said, and nothing leaks. */
static void sweep(const statement *given) {
  while (failing_allocator_next()) {
    dds_buffer written = DDS_BUFFER_INIT(TEXT_BYTES);
    dds_buffer asserted = DDS_BUFFER_INIT(TEXT_BYTES);
    dds_error error = DDS_ERROR_INIT;
    failing_allocator_start();
    bool done = run(given, &written, &asserted, &error);
    bool refused = failing_allocator_stop();
    bool is_described = written.failed == DDS_OK && asserted.failed == DDS_OK;
    if (!done && refused && error.code != DDS_NOMEM) {
      fail_msg("%s", error.message);
    }
    if (done && is_described) {
      assert_string_equal(dds_buffer_text(&written), given->written);
    }
    dds_buffer_free(&written);
    dds_buffer_free(&asserted);
  }
}

static void out_of_memory_is_told_and_nothing_leaks(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof inserts / sizeof inserts[0]; i++) {
    sweep(&inserts[i]);
  }
  for (size_t i = 0; i < sizeof updates / sizeof updates[0]; i++) {
    if (updates[i].asserted != NULL) {
      sweep(&updates[i]);
    }
  }
}

static int set_up(void **state) {
  (void)state;
  failing_allocator_install();
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(inserts_write_what_the_store_would),
      cmocka_unit_test(bad_inserts_are_refused),
      cmocka_unit_test(a_blob_is_no_session),
      cmocka_unit_test(or_replace_asserts_nothing),
      cmocka_unit_test(updates_write_what_changes),
      cmocka_unit_test(an_assertion_notices_every_change),
      cmocka_unit_test(extra_columns_keep_their_type),
      cmocka_unit_test(a_delete_matches_and_asserts),
      cmocka_unit_test(what_is_written_is_read_back),
      cmocka_unit_test(out_of_memory_is_told_and_nothing_leaks),
  };
  return cmocka_run_group_tests(tests, set_up, NULL);
}
