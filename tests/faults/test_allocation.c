/*
 * Every allocation of SQLite, and so of the extension, is refused in turn: once, and from there on.
 * A statement then fails with SQLITE_NOMEM or has exactly its rows; what was sent is what the same
 * statements send otherwise, or a beginning of it; the connection goes on working; nothing leaks.
 *
 * The extension is $DDS_EXTENSION; the server is canned_endpoint. libcurl, OpenSSL and cJSON have
 * allocators of their own and are not refused anything here.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "canned_endpoint.h"

enum { ROWS_BYTES = 16384, MOST_STEPS = 12, MOST_REFERENCE = 40 };

/* ---- the allocator ---------------------------------------------------------------------------*/

static sqlite3_mem_methods real;
static struct {
  long refuse_in; /* counts down; 0: none is refused */
  bool from_there_on;
  bool has_refused;
} fault;

static bool must_refuse(void) {
  if (fault.refuse_in == 0 || (fault.refuse_in > 1 && fault.refuse_in--)) {
    return false;
  }
  if (!fault.from_there_on) {
    fault.refuse_in = 0;
  }
  fault.has_refused = true;
  return true;
}

static void *allocate(int size) {
  return must_refuse() ? NULL : real.xMalloc(size);
}

static void *reallocate(void *memory, int size) {
  return must_refuse() ? NULL : real.xRealloc(memory, size);
}

static void arm(long nth, bool from_there_on) {
  fault.refuse_in = nth;
  fault.from_there_on = from_there_on;
  fault.has_refused = false;
}

static void disarm(void) {
  fault.refuse_in = 0;
}

/* ---- a clock that stands ---------------------------------------------------------------------*/

/* So that two runs send the same bytes. 2026-11-22 12:00:00 UTC, as a Julian day in ms. */
#define NOW_JULIAN_MS (INT64_C(1795348800000) + INT64_C(210866760000000))

static int current_time(sqlite3_vfs *vfs, double *julian_day) {
  (void)vfs;
  *julian_day = (double)NOW_JULIAN_MS / 86400000.0;
  return SQLITE_OK;
}

static int current_time_ms(sqlite3_vfs *vfs, sqlite3_int64 *julian_ms) {
  (void)vfs;
  *julian_ms = NOW_JULIAN_MS;
  return SQLITE_OK;
}

/* ---- scenarios -------------------------------------------------------------------------------*/

typedef struct step {
  const char *sql;
  const char *rows; /* '|' between columns, a newline behind each row; NULL: load the extension */
} step;

typedef struct scenario {
  const char *name;
  const char *setup;  /* before anything is refused; NULL: not even loaded */
  bool goes_on;       /* behind a step that failed, as a host may inside a transaction */
  bool may_send_less; /* SQLite hides a failure in a way that is told there */
  step steps[MOST_STEPS];
} scenario;

#define TABLE "CREATE VIRTUAL TABLE temp.s USING dynamodb_sessions(userId TEXT, score REAL);"
#define INDEXED                                                                   \
  "CREATE VIRTUAL TABLE temp.s USING dynamodb_sessions(userId TEXT, score REAL, " \
  "index='by-user(userId)');"
#define LOCAL                                                      \
  "CREATE TEMP TABLE l(i INTEGER PRIMARY KEY, v TEXT, user TEXT);" \
  "INSERT INTO l VALUES (1, 'a', '42'), (2, 'nobody', '42'), (3, 'a', '42');"
#define COOKIE \
  "{\"cookie\":{\"originalMaxAge\":1000,\"expires\":\"2100-01-01T00:00:00.000Z\"},\"v\":1}"
#define SESSION_A \
  "{\"cookie\":{\"originalMaxAge\":3600000,\"expires\":\"2100-01-01T00:00:00.000Z\"},\"n\":1}"

static const scenario scenarios[] = {
    {.name = "load", .steps = {{"load", NULL}, {"SELECT dynamodb_version() > ''", "1\n"}}},
    {.name = "load_twice",
     .setup = TABLE,
     .goes_on = true,
     .steps = {{"BEGIN", ""},
               {"INSERT INTO s(sid, session, expires) VALUES ('t1', '" COOKIE "', 4102444800)", ""},
               {"load", NULL},
               {"SELECT table_name FROM dynamodb_status('s')", "sessions\n"},
               {"COMMIT", ""}}},
    {.name = "create",
     .setup = "SELECT 1",
     .steps =
         {{"CREATE VIRTUAL TABLE temp.s USING dynamodb_sessions(table='sessions', "
           "layout='serverless-dynamodb-session-store', region='us-east-1', userId TEXT, "
           "\"an extra column, \"\"quoted\"\", with a name longer than sixty-four bytes\" NUMERIC)",
           ""},
          {"SELECT count(*) FROM pragma_table_info('s')", "5\n"},
          {"ALTER TABLE s RENAME TO t", ""},
          {"DROP TABLE t", ""}}},
    {.name = "eponymous",
     .setup = "SELECT 1",
     .steps = {{"SELECT count(*) FROM dynamodb_sessions", "3\n"}}},
    {.name = "point_select",
     .setup = TABLE,
     .steps = {{"SELECT sid, session, expires, userId, score, expired, size > 99, sid_hash IS NOT "
                "NULL FROM s "
                "WHERE sid = 'a'",
                "a|" SESSION_A "|4102444800|42|1.5|0|1|1\n"},
               {"SELECT sid FROM s WHERE sid = 'nobody'", ""}}},
    {.name = "scan",
     .setup = TABLE,
     .steps = {{"SELECT *, expired, sid_hash, json_extract(item, '$.tags.SS[1]') FROM s "
                "WHERE expires > 10 AND expired < 5 AND (userId <> '7' OR userId IS NULL)",
                "a|" SESSION_A "|4102444800|42|1.5|0|"
                "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb|y\n"
                "b|{\"cookie\":{},\"n\":2}|1000000000|43||1|"
                "3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d|\n"
                "c|{\"cookie\":{},\"n\":3}|4102444800.5|||0|"
                "2e7d2c03a9507ae265ecf5b5356885a53393a2029d241394997265a1a25aefc6|\n"}}},
    {.name = "filters",
     .setup = TABLE,
     .steps = {{"SELECT sid FROM s WHERE expired = 1", "b\n"},
               {"SELECT sid FROM s WHERE expires BETWEEN 5 AND 4102444800", "a\nb\n"},
               {"SELECT sid FROM s WHERE userId = '42' AND score >= 1.5 AND expires IS NOT NULL",
                "a\n"},
               {"SELECT sid FROM s WHERE userId IS NULL AND score IS NULL", "c\n"}}},
    {.name = "keys",
     .setup = TABLE LOCAL,
     .steps = {{"SELECT l.i, s.userId FROM l LEFT JOIN s ON s.sid = l.v", "1|42\n2|\n3|42\n"},
               {"SELECT sid, score FROM s WHERE sid IN (SELECT v FROM l)", "a|1.5\n"},
               {"SELECT i, (SELECT n.score FROM s n WHERE n.sid = l.v) FROM l",
                "1|1.5\n2|\n3|1.5\n"}}},
    {.name = "indexes",
     .setup = INDEXED LOCAL,
     .steps = {{"SELECT sid FROM s WHERE userId = '42'", "a\n"},
               {"SELECT l.i, s.score FROM l JOIN s ON s.userId = l.user",
                "1|1.5\n2|1.5\n3|1.5\n"}}},
    {.name = "kept_scans",
     .setup = TABLE LOCAL,
     .steps = {{"SELECT l.i, s.sid FROM l LEFT JOIN s ON json_extract(s.session, '$.n') = l.i",
                "1|a\n2|b\n3|c\n"},
               {"SELECT l.i, s.sid FROM l LEFT JOIN s ON s.score = l.i * 0.5 AND s.sid <> ''",
                "1|\n2|\n3|a\n"}}},
    {.name = "insert",
     .setup = TABLE,
     .steps =
         {{"INSERT INTO s(sid, session, expires, userId, score) VALUES "
           "('n1', '" COOKIE "', 4102444800, 'u', 7)",
           ""},
          {"INSERT OR REPLACE INTO s(sid, session, expires) VALUES ('n2', '{\"v\":2}', 4102444800)",
           ""},
          {"INSERT OR IGNORE INTO s(sid, item) VALUES ('n3', '{\"x\":{\"M\":{\"l\":{\"L\":[{\"N\":"
           "\"1\"}]}}}}')",
           ""}}},
    {.name = "update",
     .setup = TABLE,
     .steps = {{"UPDATE s SET session = json_set(session, '$.n', 9), score = 2 WHERE sid = 'a'",
                ""},
               {"UPDATE s SET expires = 4102444900 WHERE userId = '42'", ""},
               {"UPDATE s SET sid = 'a2' WHERE sid = 'a'", ""}}},
    {.name = "delete",
     .setup = TABLE,
     .steps = {{"DELETE FROM s WHERE sid = 'a'", ""},
               {"DELETE FROM s WHERE expired AND json_extract(session, '$.n') = 2", ""},
               {"SELECT changes()", "1\n"}}},
    {.name = "transaction",
     .setup = TABLE,
     .steps = {{"BEGIN", ""},
               {"INSERT INTO s(sid, session, expires) VALUES ('t1', '" COOKIE "', 4102444800)", ""},
               {"SAVEPOINT one", ""},
               {"INSERT INTO s(sid, session, expires) VALUES ('t2', '" COOKIE "', 4102444800)", ""},
               {"SAVEPOINT two", ""},
               {"INSERT INTO s(sid, session, expires) VALUES ('t3', '" COOKIE "', 4102444800)", ""},
               {"ROLLBACK TO one", ""},
               {"INSERT INTO s(sid, session, expires) VALUES ('t4', '" COOKIE "', 4102444800)", ""},
               {"RELEASE one", ""},
               {"COMMIT", ""}}},
    {.name = "own_writes",
     .setup = TABLE,
     .steps = {{"BEGIN", ""},
               {"INSERT INTO s(sid, session, expires) VALUES ('t1', '" COOKIE "', 4102444800)", ""},
               {"INSERT OR IGNORE INTO s(sid, session) VALUES ('b', '{}'), ('t2', '{}')", ""},
               {"SAVEPOINT one", ""},
               {"UPDATE s SET userId = '44', score = 1.50 WHERE sid = 'a'", ""},
               {"DELETE FROM s WHERE sid = 'c'", ""},
               {"SELECT sid, userId, score, size > 99 FROM s WHERE sid IN ('a', 'b', 'c', 't1') "
                "ORDER BY sid",
                "a|44|1.5|1\nb|43||0\nt1|||1\n"},
               {"SELECT sid FROM s WHERE userId >= '44' AND expired = 0", "a\n"},
               {"ROLLBACK TO one", ""},
               {"UPDATE s SET userId = '45' WHERE sid >= 'c'", ""},
               {"SELECT sid, userId FROM s ORDER BY sid", "a|42\nb|43\nc|45\nt1|45\nt2|45\n"},
               {"COMMIT", ""}}},
    /* What waits, and each kind of call that takes it. */
    {.name = "pending_table",
     .setup = TABLE,
     .steps = {{"BEGIN", ""},
               {"DELETE FROM s WHERE expired", ""},
               {"UPDATE s SET userId = '44' WHERE sid = 'a'", ""},
               {"UPDATE s SET score = 2 WHERE sid = 'a'", ""},
               {"INSERT INTO s(sid, session, expires) VALUES ('t1', '" COOKIE "', 4102444800)", ""},
               {"REPLACE INTO s(sid, session, expires) VALUES ('t2', '" COOKIE "', 4102444800)",
                ""},
               {"SELECT position, virtual_table, operation, sid, condition IS NOT NULL, call, api, "
                "length(sid_hash), bytes > 0, write_units FROM dynamodb_pending",
                "1|s|DeleteItem|b|1|1|TransactWriteItems|64|1|2\n"
                "2|s|UpdateItem|a|1|1|TransactWriteItems|64|1|2\n"
                "3|s|PutItem|t1|1|1|TransactWriteItems|64|1|2\n"
                "4|s|PutItem|t2|0|1|TransactWriteItems|64|1|2\n"},
               {"COMMIT", ""}}},
    {.name = "batches",
     .setup = TABLE,
     .steps = {{"BEGIN", ""},
               {"REPLACE INTO s(sid, session, expires) VALUES ('t1', '" COOKIE "', 4102444800), "
                "('t2', '" COOKIE "', 4102444800)",
                ""},
               {"DELETE FROM s WHERE sid = 'a'", ""},
               {"COMMIT", ""},
               {"WITH n(i) AS (VALUES (10) UNION ALL SELECT i + 1 FROM n WHERE i < 36) "
                "REPLACE INTO s(sid, session, expires) SELECT 'r' || i, '" COOKIE "', 4102444800 "
                "FROM n",
                ""}}},
    {.name = "through",
     .setup = "CREATE VIRTUAL TABLE temp.s USING dynamodb_sessions(commit='through', "
              "concurrency=1, userId TEXT);",
     .steps = {{"BEGIN", ""},
               {"WITH n(i) AS (VALUES (10) UNION ALL SELECT i + 1 FROM n WHERE i < 36) "
                "REPLACE INTO s(sid, session, expires) SELECT 'r' || i, '" COOKIE "', 4102444800 "
                "FROM n",
                ""},
               {"UPDATE s SET userId = '44' WHERE sid = 'a'", ""},
               {"COMMIT", ""}}},
    /* What DynamoDB refuses is dropped by OR IGNORE, and the rest sent again. */
    {.name = "refused_writes",
     .setup = TABLE,
     .steps = {{"INSERT OR IGNORE INTO s(sid, session) VALUES ('taken', '" COOKIE "')", ""},
               {"INSERT OR IGNORE INTO s(sid, session) VALUES ('t1', '" COOKIE "'), ('taken', "
                "'" COOKIE "'), ('t2', '" COOKIE "')",
                ""},
               {"BEGIN", ""},
               {"UPDATE OR IGNORE s SET sid = 'taken' WHERE sid = 'a'", ""},
               {"UPDATE s SET userId = '44' WHERE sid = 'c'", ""},
               {"COMMIT", ""}}},
    {.name = "changed_sids",
     .setup = TABLE,
     .steps = {{"BEGIN", ""},
               {"UPDATE s SET sid = 'x' || sid WHERE sid IN ('a', 'c')", ""},
               {"UPDATE s SET sid = 'y' || sid WHERE sid = 'xa'", ""},
               {"SELECT sid FROM s ORDER BY sid", "b\nxc\nyxa\n"},
               {"COMMIT", ""}}},
    /* A transaction goes on behind a statement that failed. */
    {.name = "going_on",
     .setup = TABLE,
     .goes_on = true,
     .steps = {{"BEGIN", ""},
               {"UPDATE s SET sid = 'a2' WHERE sid = 'a'", ""},
               {"INSERT INTO s(sid, session, expires) VALUES ('t1', '" COOKIE "', 4102444800)", ""},
               {"INSERT INTO s(sid, session) VALUES ('t2', '" COOKIE "'), ('t3', '" COOKIE "')",
                ""},
               {"COMMIT", ""}}},
    {.name = "touch",
     .setup = TABLE,
     .steps = {{"SELECT dynamodb_touch('s', 'a', 60), dynamodb_touch('temp.s', 'c', 60)", "1|1\n"},
               {"SELECT dynamodb_touch('s', 'nobody', 60)", "0\n"}}},
    /* To SQLite's json_valid, no memory means no JSON: the session says no age and stays. */
    {.name = "touch_by_cookie",
     .setup = TABLE,
     .may_send_less = true,
     .steps = {{"SELECT dynamodb_touch('s', 'a')", "1\n"}}},
    {.name = "reap", .setup = TABLE, .steps = {{"SELECT dynamodb_reap('s')", "1\n"}}},
    {.name = "reap_in_transaction",
     .setup = TABLE,
     .steps = {{"BEGIN", ""}, {"SELECT dynamodb_reap('s')", "1\n"}, {"COMMIT", ""}}},
    {.name = "create_missing",
     .setup = "CREATE VIRTUAL TABLE temp.s USING dynamodb_sessions(table='fresh', create=1);",
     .steps = {{"INSERT INTO s(sid, session, expires) VALUES ('n1', '" COOKIE "', 4102444800)",
                ""}}},
    {.name = "other_layouts",
     .setup = "CREATE VIRTUAL TABLE temp.m USING dynamodb_sessions(table='sessions', "
              "layout='dynamodb-store', tags BLOB); CREATE VIRTUAL TABLE temp.j USING "
              "dynamodb_sessions(table='sessions', layout='connect-dynamodb');",
     .steps = {{"INSERT INTO m(sid, session, tags) VALUES ('m1', "
                "'{\"list\":[1,\"two\",null,{\"x\":1e3}],\"v\":true}', x'00ff')",
                ""},
               {"INSERT INTO j(sid, session) VALUES ('j1', '{\"user\":{\"name\":\"\\u00e4\"}}')",
                ""}}},
    {.name = "utf16",
     .setup = "PRAGMA encoding = 'UTF-16le'; CREATE TABLE t(sid TEXT, v TEXT); INSERT INTO t "
              "VALUES ('a', '42'), ('x1', '\xc3\xa4\xf0\x9f\x8d\xaa');" TABLE,
     .steps = {{"SELECT s.sid, userId FROM t JOIN s ON s.sid = t.sid WHERE userId = t.v", "a|42\n"},
               {"INSERT INTO s(sid, session, expires, userId) SELECT sid, json_object('v', v), "
                "4102444800, v FROM t WHERE sid = 'x1'",
                ""},
               {"UPDATE s SET userId = (SELECT v FROM t WHERE sid = 'x1') WHERE sid = 'a'", ""},
               {"DELETE FROM s WHERE userId = (SELECT v FROM t WHERE sid = 'a')", ""},
               {"SELECT dynamodb_touch('s', sid, 60) FROM t", "1\n0\n"},
               {"SELECT table_name, error FROM dynamodb_status('temp.s')", "sessions|\n"}}},
    {.name = "create_table",
     .setup = "CREATE VIRTUAL TABLE temp.s USING dynamodb_sessions(table='fresh');",
     .steps = {{"SELECT dynamodb_create_table('s')", "created\n"},
               {"SELECT dynamodb_create_table('s')", "exists\n"}}},
    {.name = "status",
     .setup = TABLE,
     .steps =
         {{"SELECT table_name, status, items, ttl_status, region, error FROM dynamodb_status('s')",
           "sessions|ACTIVE|3|DISABLED|us-east-1|\n"}}},
    {.name = "status_place",
     .setup = TABLE,
     .steps = {{"SELECT region_source > '', endpoint_source > '', profile, profile_source, "
                "credential_source > '', access_key_id > '', error FROM dynamodb_status('s')",
                "1|1|default|default|1|1|\n"}}},
    {.name = "request",
     .setup = TABLE,
     .steps =
         {{"SELECT json_extract(dynamodb_request('s', 'DescribeTable', '{}'), '$.Table.ItemCount')",
           "3\n"},
          {"SELECT dynamodb_request('s', 'PutItem', "
           "'{\"Item\":{\"sessionId\":{\"S\":\"r1\"}}}') > ''",
           "1\n"}}},
    {.name = "requests",
     .setup = TABLE "SELECT sid FROM s WHERE sid = 'a';",
     .steps =
         {{"SELECT id, operation, table_name, request, status, attempts FROM dynamodb_requests "
           "WHERE id = 1",
           "1|GetItem|sessions|by key; attributes sessionId; consistent|200|1\n"}}},
    {.name = "layouts",
     .setup = "SELECT 1",
     .steps = {{"SELECT name FROM dynamodb_layouts",
                "serverless-dynamodb-session-store\nconnect-dynamodb\ndynamodb-store\n"}}},
    {.name = "cookie",
     .setup = "SELECT 1",
     .steps = {{"SELECT dynamodb_cookie('t1', 'keyboard cat')",
                "s:t1.BbcgEtx1Zqu8dSBSx9gZc3jdk0n5vRdRBeEXceuBq9I\n"}}},
};

/* ---- one run ---------------------------------------------------------------------------------*/

/* What the scenario sends when nothing is refused. */
static canned_write reference[MOST_REFERENCE];
static size_t reference_count;

typedef struct run {
  const scenario *what;
  canned_endpoint *endpoint;
  sqlite3 *db;
  long nth;
  bool from_there_on;
  bool is_taken[MOST_STEPS]; /* the step succeeded */
  bool has_ended_early;      /* a step failed, as it may, and ended the scenario */
  char problem[4096];
} run;

static bool complain(run *self, const char *what, const char *detail) {
  if (self->problem[0] == '\0') {
    snprintf(self->problem, sizeof self->problem, "allocation %ld%s%s: %s: %.2000s", self->nth,
             self->from_there_on ? " and all behind it" : "",
             fault.has_refused ? "" : " (none refused)", what, detail);
  }
  return false;
}

static bool execute(run *self, const char *sql) {
  return sqlite3_exec(self->db, sql, NULL, NULL, NULL) == SQLITE_OK ||
         complain(self, sql, sqlite3_errmsg(self->db));
}

static int load(sqlite3 *db) {
  char *message = NULL;
  int rc = sqlite3_load_extension(db, getenv("DDS_EXTENSION"), NULL, &message);
  sqlite3_free(message);
  return rc;
}

/* Appends a row; false where a value could not be had for want of memory. */
static bool append_row(sqlite3_stmt *statement, char *rows, size_t *used) {
  for (int i = 0; i < sqlite3_column_count(statement); i++) {
    int type = sqlite3_column_type(statement, i);
    const char *text = (const char *)sqlite3_column_text(statement, i);
    if (text == NULL && type != SQLITE_NULL) {
      return false;
    }
    *used += (size_t)snprintf(rows + *used, ROWS_BYTES - *used, "%s%s", i == 0 ? "" : "|",
                              text == NULL ? "" : text);
  }
  *used += (size_t)snprintf(rows + *used, ROWS_BYTES - *used, "\n");
  return true;
}

static int query(sqlite3 *db, const char *sql, char *rows) {
  sqlite3_stmt *statement = NULL;
  size_t used = 0;
  rows[0] = '\0';
  int rc = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
  while (rc == SQLITE_OK || rc == SQLITE_ROW) {
    rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW && !append_row(statement, rows, &used)) {
      rc = SQLITE_NOMEM;
    }
  }
  sqlite3_finalize(statement);
  return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* False where the step failed, as it may or not. */
static bool take_step(run *self, const step *it) {
  static char rows[ROWS_BYTES];
  int rc = it->rows == NULL ? load(self->db) : query(self->db, it->sql, rows);
  if (rc == SQLITE_OK && it->rows != NULL && strcmp(rows, it->rows) != 0) {
    return complain(self, it->sql, rows);
  }
  if (rc == SQLITE_OK) {
    return true;
  }
  if (it->rows != NULL && strncmp(rows, it->rows, strlen(rows)) != 0) {
    return complain(self, it->sql, rows);
  }
  /* SQLite has no code of its own for a load that failed. */
  bool may_be = (rc & 0xff) == SQLITE_NOMEM || (it->rows == NULL && rc == SQLITE_ERROR);
  return fault.has_refused && may_be ? false : complain(self, it->sql, sqlite3_errmsg(self->db));
}

/* Whether a step that was taken names the write's key. */
static bool is_wanted(const run *self, const canned_write *write) {
  char quoted[80];
  snprintf(quoted, sizeof quoted, "'%s'", write->key);
  for (size_t i = 0; i < MOST_STEPS; i++) {
    if (self->is_taken[i] && strstr(self->what->steps[i].sql, quoted) != NULL) {
      return true;
    }
  }
  return false;
}

/* A condition that memory ran out for may be checked by SQLite in place of DynamoDB: a DELETE then
 * asserts what was read, by another expression. */
static bool is_same_write(const canned_write *left, const canned_write *right) {
  return strcmp(left->operation, right->operation) == 0 && strcmp(left->key, right->key) == 0 &&
         (strcmp(left->operation, "DeleteItem") == 0 || strcmp(left->body, right->body) == 0);
}

/* What was sent is what was sent without a refusal, in that order and to the byte, but where a
 * statement failed: then less. */
static void check_writes(run *self) {
  size_t count = canned_endpoint_write_count(self->endpoint);
  size_t sent = 0;
  for (size_t i = 0; i < reference_count; i++) {
    if (self->what->goes_on && !is_wanted(self, &reference[i])) {
      continue;
    }
    if (sent == count) {
      if (!self->has_ended_early && !self->what->may_send_less) {
        complain(self, "not sent", reference[i].body);
      }
      return;
    }
    const canned_write *write = canned_endpoint_write(self->endpoint, sent++);
    if (!is_same_write(write, &reference[i])) {
      complain(self, "sent", write->body);
    }
  }
  if (sent < count) {
    complain(self, "sent too much", canned_endpoint_write(self->endpoint, sent)->body);
  }
}

/* Once memory is there again, the connection works. */
static void check_health(run *self) {
  static const char sql[] = "SELECT session FROM dynamodb_sessions WHERE sid = 'a'";
  char rows[ROWS_BYTES];
  if (self->what->setup == NULL && load(self->db) != SQLITE_OK) {
    complain(self, "load again", sqlite3_errmsg(self->db));
  }
  if (query(self->db, sql, rows) != SQLITE_OK) {
    complain(self, sql, sqlite3_errmsg(self->db));
  }
  if (strcmp(rows, SESSION_A "\n") != 0) {
    complain(self, sql, rows);
  }
}

static bool set_up(run *self) {
  int off = 0;
  if (sqlite3_open(":memory:", &self->db) != SQLITE_OK ||
      sqlite3_db_config(self->db, SQLITE_DBCONFIG_LOOKASIDE, NULL, 0, 0) != SQLITE_OK ||
      sqlite3_db_config(self->db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 1, &off) != SQLITE_OK) {
    return complain(self, "open", sqlite3_errmsg(self->db));
  }
  if (self->what->setup == NULL) {
    return true;
  }
  return (load(self->db) == SQLITE_OK || complain(self, "load", sqlite3_errmsg(self->db))) &&
         execute(self, self->what->setup);
}

static void take_steps(run *self) {
  memset(self->is_taken, 0, sizeof self->is_taken);
  self->has_ended_early = false;
  for (size_t i = 0; i < MOST_STEPS && (self->what->steps[i].sql != NULL); i++) {
    self->is_taken[i] = take_step(self, &self->what->steps[i]);
    bool may_go_on = self->what->goes_on && !sqlite3_get_autocommit(self->db);
    self->has_ended_early = !self->is_taken[i] && !may_go_on;
    if (self->has_ended_early) {
      break;
    }
  }
}

/* Runs the scenario; false where something is wrong. */
static bool run_once(run *self) {
  sqlite3_int64 before = sqlite3_memory_used();
  canned_endpoint_reset(self->endpoint);
  if (set_up(self)) {
    arm(self->nth, self->from_there_on);
    take_steps(self);
    disarm();
    if (!sqlite3_get_autocommit(self->db)) {
      execute(self, self->what->goes_on ? "COMMIT" : "ROLLBACK");
    }
    if (self->nth > 0) {
      check_writes(self);
    }
    check_health(self);
  }
  if (sqlite3_close(self->db) != SQLITE_OK) {
    complain(self, "close", sqlite3_errmsg(self->db));
  }
  if (sqlite3_memory_used() != before) {
    char bytes[64];
    snprintf(bytes, sizeof bytes, "%lld bytes", (long long)(sqlite3_memory_used() - before));
    complain(self, "leaks", bytes);
  }
  return self->problem[0] == '\0';
}

/* ---- the sweep -------------------------------------------------------------------------------*/

static bool sweep(const scenario *what, canned_endpoint *endpoint, long *count, char *problem,
                  size_t size) {
  run self = {.what = what, .endpoint = endpoint};
  bool ok = run_once(&self);
  reference_count = canned_endpoint_write_count(endpoint);
  if (reference_count > MOST_REFERENCE) {
    ok = complain(&self, "writes", "more than are kept");
  }
  for (size_t i = 0; ok && i < reference_count; i++) {
    reference[i] = *canned_endpoint_write(endpoint, i);
  }
  for (int mode = 0; ok && mode < 2; mode++) {
    self.from_there_on = mode == 1;
    fault.has_refused = true;
    long stride = mode == 1 ? 5 : 1; /* the second kind mostly ends as the first does */
    for (self.nth = 1; ok && fault.has_refused; self.nth += stride) {
      ok = run_once(&self);
    }
    if (mode == 0) {
      *count = self.nth - 2;
    }
  }
  snprintf(problem, size, "%s", self.problem);
  return ok;
}

static void install(void) {
  static sqlite3_vfs vfs;
  sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real);
  sqlite3_mem_methods failing = real;
  failing.xMalloc = allocate;
  failing.xRealloc = reallocate;
  sqlite3_config(SQLITE_CONFIG_MALLOC, &failing);
  sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 1);
  sqlite3_initialize();
  vfs = *sqlite3_vfs_find(NULL);
  vfs.zName = "standing-clock";
  vfs.pNext = NULL;
  vfs.xCurrentTime = current_time;
  vfs.xCurrentTimeInt64 = current_time_ms;
  sqlite3_vfs_register(&vfs, 1);
}

/* An argument names the one scenario to run. */
int main(int argument_count, char **arguments) {
  enum { COUNT = sizeof scenarios / sizeof scenarios[0] };
  const char *only = argument_count > 1 ? arguments[1] : NULL;
  int failed = 0;
  if (getenv("DDS_EXTENSION") == NULL) {
    fprintf(stderr, "DDS_EXTENSION names no extension\n");
    return 2;
  }
  canned_endpoint *endpoint = canned_endpoint_start();
  install();
  printf("1..%d\n", COUNT);
  for (int i = 0; i < COUNT; i++) {
    char problem[4096];
    long count = 0;
    if (only != NULL && strcmp(only, scenarios[i].name) != 0) {
      continue;
    }
    bool ok = sweep(&scenarios[i], endpoint, &count, problem, sizeof problem);
    printf("%s %d - %s # %ld allocations\n", ok ? "ok" : "not ok", i + 1, scenarios[i].name, count);
    if (!ok) {
      printf("# %s\n", problem);
    }
    fflush(stdout);
    failed += !ok;
  }
  canned_endpoint_stop(endpoint);
  return failed > 0;
}
