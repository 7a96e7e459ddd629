/*
 * SQLite can fail to commit after the writes were sent: a commit hook refuses, another process
 * reads the local file, or another module's xSync fails. Nothing may be sent twice then, and
 * sqlite3_log tells what stays.
 *
 * The extension is $DDS_EXTENSION; the server is canned_endpoint.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "canned_endpoint.h"

enum { LOG_BYTES = 4096 };

/* One scenario's connection and what went wrong in it. */
typedef struct scene {
  sqlite3 *db;
  canned_endpoint *endpoint;
  bool refuses;  /* the commit hook */
  int sync_code; /* of the other module's xSync */
  char problem[1024];
} scene;

static char logged[LOG_BYTES];

static void log_message(void *context, int code, const char *message) {
  size_t used = strlen(logged);
  (void)context;
  if (code == SQLITE_WARNING) {
    snprintf(logged + used, sizeof logged - used, "%s\n", message);
  }
}

static int commit_hook(void *context) {
  return ((scene *)context)->refuses;
}

static void complain(scene *self, const char *what, const char *detail) {
  if (self->problem[0] == '\0') {
    snprintf(self->problem, sizeof self->problem, "%.400s: %.500s", what, detail);
  }
}

static void expect(scene *self, const char *sql, int code) {
  int got = sqlite3_exec(self->db, sql, NULL, NULL, NULL);
  if (got != code) {
    char detail[512];
    snprintf(detail, sizeof detail, "%d (%s), not %d", got, sqlite3_errmsg(self->db), code);
    complain(self, sql, detail);
  }
}

/* The keys that were written, in order, as "ab"; each key is one letter. */
static void expect_sent(scene *self, const char *keys) {
  char sent[64] = "";
  for (size_t i = 0; i < canned_endpoint_write_count(self->endpoint) && i + 1 < sizeof sent; i++) {
    sent[i] = canned_endpoint_write(self->endpoint, i)->key[0];
    sent[i + 1] = '\0';
  }
  if (strcmp(sent, keys) != 0) {
    complain(self, keys, sent);
  }
}

static void expect_logged(scene *self, const char *words) {
  if (words == NULL ? logged[0] != '\0' : strstr(logged, words) == NULL) {
    complain(self, words == NULL ? "nothing to log" : words, logged);
  }
}

#define INSERT(key) "INSERT INTO sessions(sid, session) VALUES ('" key "', '{}')"

/* ---- another module --------------------------------------------------------------------------*/

/* A table that takes any row, keeps none, and answers xSync as the scene wants. */
typedef struct other_table {
  sqlite3_vtab base;
  const scene *of;
} other_table;

static int other_connect(sqlite3 *db, void *of, int argument_count, const char *const *arguments,
                         sqlite3_vtab **out, char **message) {
  other_table *table = sqlite3_malloc(sizeof *table);
  (void)argument_count;
  (void)arguments;
  (void)message;
  if (table == NULL) {
    return SQLITE_NOMEM;
  }
  *table = (other_table){.of = of};
  *out = &table->base;
  return sqlite3_declare_vtab(db, "CREATE TABLE other(x)");
}

static int other_disconnect(sqlite3_vtab *vtab) {
  sqlite3_free(vtab);
  return SQLITE_OK;
}

static int other_plan(sqlite3_vtab *vtab, sqlite3_index_info *info) {
  (void)vtab;
  (void)info;
  return SQLITE_OK;
}

static int other_update(sqlite3_vtab *vtab, int count, sqlite3_value **values, sqlite3_int64 *id) {
  (void)vtab;
  (void)count;
  (void)values;
  *id = 1;
  return SQLITE_OK;
}

static int other_begin(sqlite3_vtab *vtab) {
  (void)vtab;
  return SQLITE_OK;
}

static int other_sync(sqlite3_vtab *vtab) {
  return ((other_table *)vtab)->of->sync_code;
}

static const sqlite3_module other_module = {
    .xCreate = other_connect,
    .xConnect = other_connect,
    .xBestIndex = other_plan,
    .xDisconnect = other_disconnect,
    .xDestroy = other_disconnect,
    .xUpdate = other_update,
    .xBegin = other_begin,
    .xSync = other_sync,
};

#define INSERT_OTHER "INSERT INTO other VALUES (1)"

/* ---- the scenes ------------------------------------------------------------------------------*/

static void a_hook_that_refuses(scene *self) {
  self->refuses = true;
  expect(self, "BEGIN", SQLITE_OK);
  expect(self, INSERT("p"), SQLITE_OK);
  expect(self, INSERT("q"), SQLITE_OK);
  expect(self, "COMMIT", SQLITE_CONSTRAINT_COMMITHOOK);
  expect_sent(self, "pq");
  expect_logged(self, "2 writes of \"sessions\" were already sent to DynamoDB and stay");
  self->refuses = false;
  expect(self, INSERT("r"), SQLITE_OK);
  expect_sent(self, "pqr");
}

static void a_hook_that_refuses_a_single_statement(scene *self) {
  self->refuses = true;
  expect(self, INSERT("p"), SQLITE_CONSTRAINT_COMMITHOOK);
  expect_logged(self, "1 write of \"sessions\" was already sent");
  self->refuses = false;
  expect(self, "BEGIN; COMMIT", SQLITE_OK);
  expect_sent(self, "p");
}

/* Begins to write the local file and the table while somebody else reads the file. */
static sqlite3 *commit_beside_a_reader(scene *self) {
  sqlite3 *reader = NULL;
  if (sqlite3_open(sqlite3_db_filename(self->db, "main"), &reader) != SQLITE_OK ||
      sqlite3_exec(reader, "BEGIN; SELECT * FROM local", NULL, NULL, NULL) != SQLITE_OK) {
    complain(self, "reader", sqlite3_errmsg(reader));
  }
  expect(self, "BEGIN", SQLITE_OK);
  expect(self, "INSERT INTO local VALUES (1)", SQLITE_OK);
  expect(self, "SAVEPOINT one", SQLITE_OK);
  expect(self, INSERT("p"), SQLITE_OK);
  expect(self, "COMMIT", SQLITE_BUSY);
  if (sqlite3_get_autocommit(self->db)) {
    complain(self, "COMMIT", "ended the transaction");
  }
  expect_sent(self, "p");
  return reader;
}

static void a_locked_file_and_a_second_commit(scene *self) {
  sqlite3 *reader = commit_beside_a_reader(self);
  expect(self, "COMMIT", SQLITE_BUSY);
  expect(self, INSERT("q"), SQLITE_OK);
  sqlite3_close(reader);
  expect(self, "COMMIT", SQLITE_OK);
  expect_sent(self, "pq");
  expect_logged(self, NULL);
}

static void a_locked_file_and_a_rollback(scene *self) {
  sqlite3 *reader = commit_beside_a_reader(self);
  expect(self, INSERT("q"), SQLITE_OK);
  expect(self, "ROLLBACK", SQLITE_OK);
  expect_logged(self, "1 write of \"sessions\" was already sent to DynamoDB and stays");
  sqlite3_close(reader);
  expect(self, "BEGIN; COMMIT", SQLITE_OK);
  expect_sent(self, "p");
}

static void a_locked_file_and_a_savepoint(scene *self) {
  sqlite3 *reader = commit_beside_a_reader(self);
  expect(self, "ROLLBACK TO one", SQLITE_OK);
  expect_logged(self, "1 write of \"sessions\" was already sent to DynamoDB and stays");
  sqlite3_close(reader);
  expect(self, INSERT("q"), SQLITE_OK);
  expect(self, "COMMIT", SQLITE_OK);
  expect_sent(self, "pq");
}

/* SQLite calls xSync in the order in which the tables entered the transaction. */
static void another_module_that_fails_behind(scene *self) {
  self->sync_code = SQLITE_IOERR;
  expect(self, "BEGIN", SQLITE_OK);
  expect(self, INSERT("p"), SQLITE_OK);
  expect(self, "INSERT INTO local VALUES (1)", SQLITE_OK);
  expect(self, INSERT_OTHER, SQLITE_OK);
  expect(self, "COMMIT", SQLITE_IOERR);
  if (!sqlite3_get_autocommit(self->db)) {
    complain(self, "COMMIT", "left the transaction open");
  }
  expect_sent(self, "p");
  expect_logged(self, "1 write of \"sessions\" was already sent to DynamoDB and stays");
  self->sync_code = SQLITE_OK;
  expect(self, INSERT("q"), SQLITE_OK);
  expect_sent(self, "pq");
}

static void another_module_that_fails_before(scene *self) {
  self->sync_code = SQLITE_IOERR;
  expect(self, "BEGIN", SQLITE_OK);
  expect(self, INSERT_OTHER, SQLITE_OK);
  expect(self, INSERT("p"), SQLITE_OK);
  expect(self, "COMMIT", SQLITE_IOERR);
  expect_sent(self, "");
  expect_logged(self, NULL);
  self->sync_code = SQLITE_OK;
  expect(self, INSERT("q"), SQLITE_OK);
  expect_sent(self, "q");
}

static void another_module_that_is_busy(scene *self) {
  self->sync_code = SQLITE_BUSY;
  expect(self, "BEGIN", SQLITE_OK);
  expect(self, INSERT("p"), SQLITE_OK);
  expect(self, INSERT_OTHER, SQLITE_OK);
  expect(self, "COMMIT", SQLITE_BUSY);
  expect(self, "COMMIT", SQLITE_BUSY);
  if (sqlite3_get_autocommit(self->db)) {
    complain(self, "COMMIT", "ended the transaction");
  }
  expect(self, INSERT("q"), SQLITE_OK);
  expect(self, INSERT("r"), SQLITE_OK);
  self->sync_code = SQLITE_OK;
  expect(self, "COMMIT", SQLITE_OK);
  expect_sent(self, "pqr");
  expect_logged(self, NULL);
}

/* A write over one that was sent already is a write of its own. */
static void another_module_that_is_busy_and_a_later_write(scene *self) {
  self->sync_code = SQLITE_BUSY;
  expect(self, "BEGIN", SQLITE_OK);
  expect(self, INSERT("p"), SQLITE_OK);
  expect(self, INSERT_OTHER, SQLITE_OK);
  expect(self, "COMMIT", SQLITE_BUSY);
  expect(self, "REPLACE INTO sessions(sid, session) VALUES ('p', '{\"v\":2}')", SQLITE_OK);
  expect(self, "SAVEPOINT one", SQLITE_OK);
  expect(self, "DELETE FROM sessions WHERE sid = 'a'", SQLITE_OK);
  expect(self, "ROLLBACK TO one", SQLITE_OK);
  expect_logged(self, NULL);
  self->sync_code = SQLITE_OK;
  expect(self, "COMMIT", SQLITE_OK);
  expect_sent(self, "pp");
}

/* The first COMMIT fails for DynamoDB's reasons, the second for SQLite's, the third not at all. */
static void throttled_and_then_a_locked_file(scene *self) {
  expect(self,
         "DROP TABLE sessions; CREATE VIRTUAL TABLE temp.sessions USING dynamodb_sessions("
         "max_attempts=1)",
         SQLITE_OK);
  expect(self, "BEGIN", SQLITE_OK);
  expect(self, INSERT("p"), SQLITE_OK);
  expect(self, INSERT("q"), SQLITE_OK);
  expect(self, INSERT_OTHER, SQLITE_OK);
  canned_endpoint_throttle_writes(self->endpoint, 1);
  expect(self, "COMMIT", SQLITE_BUSY);
  expect_sent(self, "");
  self->sync_code = SQLITE_BUSY;
  expect(self, "COMMIT", SQLITE_BUSY);
  expect_sent(self, "pq");
  self->sync_code = SQLITE_OK;
  expect(self, "COMMIT", SQLITE_OK);
  expect_sent(self, "pq");
  expect_logged(self, NULL);
}

/* ---- running them ----------------------------------------------------------------------------*/

static const struct {
  const char *name;
  void (*play)(scene *self);
} scenes[] = {
    {"a_hook_that_refuses", a_hook_that_refuses},
    {"a_hook_that_refuses_a_single_statement", a_hook_that_refuses_a_single_statement},
    {"a_locked_file_and_a_second_commit", a_locked_file_and_a_second_commit},
    {"a_locked_file_and_a_rollback", a_locked_file_and_a_rollback},
    {"a_locked_file_and_a_savepoint", a_locked_file_and_a_savepoint},
    {"another_module_that_fails_behind", another_module_that_fails_behind},
    {"another_module_that_fails_before", another_module_that_fails_before},
    {"another_module_that_is_busy", another_module_that_is_busy},
    {"another_module_that_is_busy_and_a_later_write",
     another_module_that_is_busy_and_a_later_write},
    {"throttled_and_then_a_locked_file", throttled_and_then_a_locked_file},
};

static bool play(void (*act)(scene *self), canned_endpoint *endpoint, const char *path) {
  scene self = {.endpoint = endpoint};
  canned_endpoint_reset(endpoint);
  logged[0] = '\0';
  remove(path);
  if (sqlite3_open(path, &self.db) != SQLITE_OK ||
      sqlite3_enable_load_extension(self.db, 1) != SQLITE_OK ||
      sqlite3_load_extension(self.db, getenv("DDS_EXTENSION"), NULL, NULL) != SQLITE_OK) {
    complain(&self, "load", sqlite3_errmsg(self.db));
  } else {
    sqlite3_extended_result_codes(self.db, 1);
    sqlite3_commit_hook(self.db, commit_hook, &self);
    sqlite3_create_module(self.db, "other", &other_module, &self);
    expect(&self, "CREATE TABLE local(x)", SQLITE_OK);
    expect(&self, "CREATE VIRTUAL TABLE temp.other USING other", SQLITE_OK);
    expect(&self, "CREATE VIRTUAL TABLE temp.sessions USING dynamodb_sessions", SQLITE_OK);
    act(&self);
  }
  if (sqlite3_close(self.db) != SQLITE_OK) {
    complain(&self, "close", "still in use");
  }
  remove(path);
  if (self.problem[0] != '\0') {
    printf("# %s\n", self.problem);
  }
  return self.problem[0] == '\0';
}

int main(void) {
  enum { COUNT = sizeof scenes / sizeof scenes[0] };
  char folder[] = "/tmp/dds-commit-XXXXXX";
  char path[sizeof folder + 16];
  int failed = 0;
  if (getenv("DDS_EXTENSION") == NULL || mkdtemp(folder) == NULL) {
    fprintf(stderr, "DDS_EXTENSION names no extension, or no folder can be made\n");
    return 2;
  }
  snprintf(path, sizeof path, "%s/local.db", folder);
  sqlite3_config(SQLITE_CONFIG_LOG, log_message, NULL);
  canned_endpoint *endpoint = canned_endpoint_start();
  printf("1..%d\n", COUNT);
  for (int i = 0; i < COUNT; i++) {
    bool ok = play(scenes[i].play, endpoint, path);
    printf("%s %d - %s\n", ok ? "ok" : "not ok", i + 1, scenes[i].name);
    failed += !ok;
  }
  canned_endpoint_stop(endpoint);
  rmdir(folder);
  return failed > 0;
}
