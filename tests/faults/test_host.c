/*
 * What only a C host sees: messages to SQLite's log, commit hooks, what sqlite3_close says, threads
 * with a connection each, a fork. The extension is $DDS_EXTENSION; the server is canned_endpoint.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sqlite3.h>

#include "canned_endpoint.h"

#define TABLE   "CREATE VIRTUAL TABLE temp.s USING dynamodb_sessions(table='sessions')"
#define INSERT  "INSERT INTO s(sid, session, expires) VALUES ('%s', '{\"v\":1}', 4102444800)"
#define SESSION "SELECT json_extract(session, '$.n') FROM s WHERE sid = '%s'"

static canned_endpoint *endpoint;

/* ---- what is asserted ------------------------------------------------------------------------*/

/* Ends the running test, as a false return value, where a condition does not hold. */
#define CHECK(condition)                                      \
  do {                                                        \
    if (!(condition)) {                                       \
      fprintf(stderr, "line %d: %s\n", __LINE__, #condition); \
      return false;                                           \
    }                                                         \
  } while (0)

/* ---- SQLite's log ----------------------------------------------------------------------------*/

static struct {
  char text[4096];
  int warnings; /* of the extension's */
} logged;

static void log_message(void *context, int code, const char *message) {
  (void)context;
  if (strncmp(message, "dynamodb_sessions", 17) != 0) {
    return;
  }
  logged.warnings += code == SQLITE_WARNING;
  snprintf(logged.text, sizeof logged.text, "%s", message);
}

/* ---- a connection ----------------------------------------------------------------------------*/

static bool open_connection(const char *path, sqlite3 **db) {
  char *message = NULL;
  CHECK(sqlite3_open(path, db) == SQLITE_OK);
  CHECK(sqlite3_db_config(*db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 1, NULL) == SQLITE_OK);
  CHECK(sqlite3_load_extension(*db, getenv("DDS_EXTENSION"), NULL, &message) == SQLITE_OK);
  CHECK(sqlite3_exec(*db, TABLE, NULL, NULL, NULL) == SQLITE_OK);
  sqlite3_extended_result_codes(*db, 1);
  return true;
}

static int run(sqlite3 *db, const char *sql) {
  return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

static int insert(sqlite3 *db, const char *sid) {
  char sql[200];
  snprintf(sql, sizeof sql, INSERT, sid);
  return run(db, sql);
}

/* The number in a session that is read by its key; -1: the statement failed. */
static int read_number(sqlite3 *db, const char *sid) {
  char sql[200];
  sqlite3_stmt *statement = NULL;
  snprintf(sql, sizeof sql, SESSION, sid);
  int rc = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
  if (rc == SQLITE_OK) {
    rc = sqlite3_step(statement);
  }
  int number = rc == SQLITE_ROW ? sqlite3_column_int(statement, 0) : -1;
  sqlite3_finalize(statement);
  return number;
}

static bool wrote(size_t index, const char *key) {
  return index < canned_endpoint_write_count(endpoint) &&
         strcmp(canned_endpoint_write(endpoint, index)->key, key) == 0;
}

/* ---- COMMIT, and what comes behind it --------------------------------------------------------*/

static int refuse_commit(void *refusals) {
  int *left = refusals;
  return *left > 0 && (*left)-- > 0;
}

/* The writes are sent when a commit hook of the host refuses: they cannot be taken back. */
static bool warns_when_a_hook_refuses(void) {
  sqlite3 *db = NULL;
  int refusals = 1;
  CHECK(open_connection(":memory:", &db));
  CHECK(run(db, "CREATE TABLE local(x)") == SQLITE_OK);
  sqlite3_commit_hook(db, refuse_commit, &refusals);
  CHECK(run(db, "BEGIN") == SQLITE_OK);
  CHECK(run(db, "INSERT INTO local VALUES (1)") == SQLITE_OK);
  CHECK(insert(db, "h1") == SQLITE_OK);
  CHECK(insert(db, "h2") == SQLITE_OK);
  CHECK((run(db, "COMMIT") & 0xff) == SQLITE_CONSTRAINT);
  CHECK(sqlite3_get_autocommit(db));
  CHECK(canned_endpoint_write_count(endpoint) == 2);
  CHECK(logged.warnings == 1);
  CHECK(strcmp(logged.text,
               "dynamodb_sessions: 2 writes of \"s\" were already sent to DynamoDB and "
               "stay") == 0);
  /* Nothing of it is left behind: the next transaction sends its own write alone. */
  CHECK(run(db, "COMMIT") == SQLITE_ERROR);
  CHECK(run(db, "BEGIN") == SQLITE_OK);
  CHECK(run(db, "INSERT INTO local VALUES (1)") == SQLITE_OK);
  CHECK(insert(db, "h3") == SQLITE_OK);
  CHECK(run(db, "COMMIT") == SQLITE_OK);
  CHECK(canned_endpoint_write_count(endpoint) == 3);
  CHECK(wrote(2, "h3"));
  CHECK(logged.warnings == 1);
  CHECK(sqlite3_close(db) == SQLITE_OK);
  return true;
}

/* Another connection reads the local file: COMMIT is BUSY behind the flush, and is tried again. */
static bool commit_in_two_tries(sqlite3 *db, sqlite3 *reader, bool gives_up) {
  CHECK(run(reader, "BEGIN; SELECT * FROM local") == SQLITE_OK);
  CHECK(run(db, "BEGIN") == SQLITE_OK);
  CHECK(run(db, "INSERT INTO local VALUES (2)") == SQLITE_OK);
  CHECK(insert(db, "b1") == SQLITE_OK);
  CHECK((run(db, "COMMIT") & 0xff) == SQLITE_BUSY);
  CHECK(!sqlite3_get_autocommit(db));
  CHECK(canned_endpoint_write_count(endpoint) == 1);
  CHECK((run(db, "COMMIT") & 0xff) == SQLITE_BUSY);
  CHECK(canned_endpoint_write_count(endpoint) == 1);
  CHECK(insert(db, "b2") == SQLITE_OK);
  CHECK(run(reader, "COMMIT") == SQLITE_OK);
  CHECK(run(db, gives_up ? "ROLLBACK" : "COMMIT") == SQLITE_OK);
  CHECK(wrote(0, "b1"));
  CHECK(canned_endpoint_write_count(endpoint) == (gives_up ? 1 : 2));
  CHECK(gives_up || wrote(1, "b2"));
  CHECK(logged.warnings == gives_up);
  return true;
}

static bool try_commits(bool gives_up) {
  char folder[] = "/tmp/dds-host-XXXXXX";
  char path[64];
  sqlite3 *db = NULL;
  sqlite3 *reader = NULL;
  CHECK(mkdtemp(folder) != NULL);
  snprintf(path, sizeof path, "%s/local.db", folder);
  bool ok = open_connection(path, &db) && run(db, "CREATE TABLE local(x)") == SQLITE_OK &&
            run(db, "INSERT INTO local VALUES (1)") == SQLITE_OK &&
            sqlite3_open(path, &reader) == SQLITE_OK && commit_in_two_tries(db, reader, gives_up);
  ok = sqlite3_close(reader) == SQLITE_OK && sqlite3_close(db) == SQLITE_OK && ok;
  unlink(path);
  rmdir(folder);
  return ok;
}

static bool sends_once_when_commit_is_tried_again(void) {
  return try_commits(false);
}

static bool warns_when_a_busy_commit_is_given_up(void) {
  return try_commits(true);
}

/* An UPDATE of sid is two writes; where the second is refused, the first does not wait. */
static bool undoes_half_an_update(void) {
  sqlite3 *db = NULL;
  CHECK(open_connection(":memory:", &db));
  CHECK(run(db, "BEGIN") == SQLITE_OK);
  CHECK(run(db, "UPDATE s SET sid = 'small' WHERE sid = 'big'") == SQLITE_TOOBIG);
  CHECK(!sqlite3_get_autocommit(db));
  CHECK(insert(db, "u1") == SQLITE_OK);
  CHECK(run(db, "COMMIT") == SQLITE_OK);
  CHECK(canned_endpoint_write_count(endpoint) == 1);
  CHECK(wrote(0, "u1"));
  CHECK(sqlite3_close(db) == SQLITE_OK);
  return true;
}

/* A failed COMMIT that may have been applied ends the transaction, so that it is not sent again. */
static bool ends_a_transaction_of_unknown_outcome(void) {
  sqlite3 *db = NULL;
  CHECK(open_connection(":memory:", &db));
  CHECK(run(db, "DROP TABLE s; CREATE VIRTUAL TABLE temp.s USING dynamodb_sessions("
                "table='sessions', max_attempts=1)") == SQLITE_OK);
  CHECK(run(db, "BEGIN") == SQLITE_OK);
  CHECK(insert(db, "x1") == SQLITE_OK);
  canned_endpoint_fail_writes(endpoint, 1);
  CHECK(run(db, "COMMIT") == SQLITE_ERROR);
  CHECK(strstr(sqlite3_errmsg(db), "0 applied, 0 not applied, 1 unknown") != NULL);
  CHECK(sqlite3_get_autocommit(db));
  CHECK(insert(db, "x2") == SQLITE_OK);
  CHECK(canned_endpoint_write_count(endpoint) == 2);
  CHECK(wrote(1, "x2"));
  CHECK(sqlite3_close(db) == SQLITE_OK);
  return true;
}

/* Whether the newest request reads consistently. */
static int is_consistent(sqlite3 *db) {
  sqlite3_stmt *statement = NULL;
  int found = -1;
  if (sqlite3_prepare_v2(db,
                         "SELECT request LIKE '%consistent%' AND request NOT LIKE '%eventual%' "
                         "FROM dynamodb_requests ORDER BY id DESC LIMIT 1",
                         -1, &statement, NULL) == SQLITE_OK &&
      sqlite3_step(statement) == SQLITE_ROW) {
    found = sqlite3_column_int(statement, 0);
  }
  sqlite3_finalize(statement);
  return found;
}

/* A table that a transaction's read has connected is out of it again when it ends. */
static bool leaves_a_transaction_that_only_read(void) {
  sqlite3 *db = NULL;
  CHECK(open_connection(":memory:", &db));
  CHECK(run(db, "BEGIN; SELECT count(*) FROM dynamodb_sessions; COMMIT") == SQLITE_OK);
  CHECK(run(db, "SELECT count(*) FROM dynamodb_sessions") == SQLITE_OK);
  CHECK(is_consistent(db) == 0);
  CHECK(run(db, "BEGIN; SELECT count(*) FROM dynamodb_sessions") == SQLITE_OK);
  CHECK(is_consistent(db) == 0);
  CHECK(run(db, "ROLLBACK") == SQLITE_OK);
  CHECK(sqlite3_close(db) == SQLITE_OK);
  return true;
}

/* One that the transaction creates is in it at once, on disk and in temp alike. */
static bool enters_the_transaction_that_creates_it(void) {
  static const char *const schemas[] = {"main", "temp"};
  for (size_t i = 0; i < 2; i++) {
    sqlite3 *db = NULL;
    char sql[200];
    snprintf(sql, sizeof sql,
             "BEGIN; CREATE VIRTUAL TABLE %s.n USING dynamodb_sessions; "
             "DELETE FROM n WHERE sid = 'a'",
             schemas[i]);
    canned_endpoint_reset(endpoint);
    CHECK(open_connection(":memory:", &db));
    CHECK(run(db, sql) == SQLITE_OK);
    CHECK(run(db, "ROLLBACK") == SQLITE_OK);
    CHECK(canned_endpoint_write_count(endpoint) == 0);
    CHECK(run(db, sql) == SQLITE_OK);
    CHECK(run(db, "COMMIT") == SQLITE_OK);
    CHECK(canned_endpoint_write_count(endpoint) == 1);
    CHECK(wrote(0, "a"));
    CHECK(sqlite3_close(db) == SQLITE_OK);
  }
  return true;
}

/* ---- closing ---------------------------------------------------------------------------------*/

static bool closes_when_nothing_is_open(void) {
  sqlite3 *db = NULL;
  sqlite3_stmt *scan = NULL;
  CHECK(open_connection(":memory:", &db));
  CHECK(sqlite3_prepare_v2(db, "SELECT sid FROM s", -1, &scan, NULL) == SQLITE_OK);
  CHECK(sqlite3_step(scan) == SQLITE_ROW);
  CHECK(sqlite3_close(db) == SQLITE_BUSY);
  CHECK(sqlite3_step(scan) == SQLITE_ROW);
  CHECK(sqlite3_finalize(scan) == SQLITE_OK);
  CHECK(sqlite3_close(db) == SQLITE_OK);
  return true;
}

/* sqlite3_close_v2 lets the connection live until its last statement is finalised. */
static bool lives_as_long_as_its_statements(void) {
  sqlite3 *db = NULL;
  sqlite3_stmt *scan = NULL;
  CHECK(open_connection(":memory:", &db));
  CHECK(sqlite3_prepare_v2(db, "SELECT sid FROM s", -1, &scan, NULL) == SQLITE_OK);
  CHECK(sqlite3_step(scan) == SQLITE_ROW);
  CHECK(sqlite3_close_v2(db) == SQLITE_OK);
  for (int i = 0; i < 2; i++) {
    CHECK(sqlite3_step(scan) == SQLITE_ROW);
  }
  CHECK(strcmp((const char *)sqlite3_column_text(scan, 0), "c") == 0);
  CHECK(sqlite3_finalize(scan) == SQLITE_OK);
  return true;
}

static bool drops_unsent_writes_without_a_warning(void) {
  sqlite3 *db = NULL;
  CHECK(open_connection(":memory:", &db));
  CHECK(run(db, "BEGIN") == SQLITE_OK);
  CHECK(insert(db, "z1") == SQLITE_OK);
  CHECK(sqlite3_close(db) == SQLITE_OK);
  CHECK(canned_endpoint_write_count(endpoint) == 0);
  CHECK(logged.warnings == 0);
  return true;
}

/* ---- threads and processes -------------------------------------------------------------------*/

enum { THREADS = 4, ROUNDS = 40 };

static const char *const sids[] = {"a", "b", "c"};

/* Opens, reads and writes on a connection of its own; the answer is whether all was right. */
static bool work(void) {
  sqlite3 *db = NULL;
  CHECK(open_connection(":memory:", &db));
  for (int i = 0; i < ROUNDS; i++) {
    CHECK(read_number(db, sids[i % 3]) == i % 3 + 1);
    if (i % 10 == 0) {
      CHECK(insert(db, "w") == SQLITE_OK);
    }
  }
  CHECK(sqlite3_close(db) == SQLITE_OK);
  return true;
}

static void *work_in_thread(void *ok) {
  *(bool *)ok = work();
  return NULL;
}

static bool works_in_threads(void) {
  pthread_t threads[THREADS];
  bool is_ok[THREADS] = {false};
  for (int i = 0; i < THREADS; i++) {
    CHECK(pthread_create(&threads[i], NULL, work_in_thread, &is_ok[i]) == 0);
  }
  for (int i = 0; i < THREADS; i++) {
    CHECK(pthread_join(threads[i], NULL) == 0);
  }
  for (int i = 0; i < THREADS; i++) {
    CHECK(is_ok[i]);
  }
  CHECK(canned_endpoint_write_count(endpoint) == THREADS * (ROUNDS / 10));
  return true;
}

static bool uses_two_connections_in_turn(void) {
  sqlite3 *first = NULL;
  sqlite3 *second = NULL;
  CHECK(open_connection(":memory:", &first));
  CHECK(open_connection(":memory:", &second));
  CHECK(run(first, "BEGIN") == SQLITE_OK);
  CHECK(insert(first, "p1") == SQLITE_OK);
  CHECK(read_number(second, "a") == 1);
  CHECK(insert(second, "p2") == SQLITE_OK);
  CHECK(canned_endpoint_write_count(endpoint) == 1);
  CHECK(sqlite3_close(second) == SQLITE_OK);
  CHECK(run(first, "COMMIT") == SQLITE_OK);
  CHECK(wrote(0, "p2") && wrote(1, "p1"));
  CHECK(sqlite3_close(first) == SQLITE_OK);
  return true;
}

/* Statements that are open at once, with a join of two cursors among them, closed in any order: the
 * memory of one that is closed is the next one's. */
static bool gives_each_cursor_memory_of_its_own(void) {
  static const char pair[] = "SELECT 10 * json_extract(x.session, '$.n') + "
                             "json_extract(y.session, '$.n') FROM s AS x CROSS JOIN s AS y "
                             "WHERE x.sid = ?1 AND y.sid = 'c'";
  static const char single[] = "SELECT json_extract(session, '$.n') FROM s WHERE sid = ?1";
  enum { OPEN = 3 };
  sqlite3 *db = NULL;
  sqlite3_stmt *statements[OPEN];
  CHECK(open_connection(":memory:", &db));
  for (int i = 0; i < OPEN; i++) {
    CHECK(sqlite3_prepare_v2(db, i == 1 ? pair : single, -1, &statements[i], NULL) == SQLITE_OK);
  }
  for (int round = 0; round < ROUNDS; round++) {
    for (int i = 0; i < OPEN; i++) {
      const char *sid = sids[(round + i) % 3];
      CHECK(sqlite3_bind_text(statements[i], 1, sid, -1, SQLITE_STATIC) == SQLITE_OK);
      CHECK(sqlite3_step(statements[i]) == SQLITE_ROW);
    }
    for (int i = 0; i < OPEN; i++) {
      int number = (round + i) % 3 + 1;
      CHECK(sqlite3_column_int(statements[i], 0) == (i == 1 ? 10 * number + 3 : number));
    }
    for (int i = 0; i < OPEN; i++) {
      CHECK(sqlite3_reset(statements[(round + i) % OPEN]) == SQLITE_OK);
    }
  }
  for (int i = 0; i < OPEN; i++) {
    CHECK(sqlite3_finalize(statements[i]) == SQLITE_OK);
  }
  CHECK(sqlite3_close(db) == SQLITE_OK);
  return true;
}

/* Reads rows; an error is allowed, another session's row is not. Returns how many were read. */
static int read_rows(sqlite3 *db, int first) {
  int read = 0;
  for (int i = first; i < first + ROUNDS; i++) {
    int number = read_number(db, sids[i % 3]);
    if (number != -1 && number != i % 3 + 1) {
      return -1;
    }
    read += number != -1;
  }
  return read;
}

/* Parent and child on one connection at once: the socket is shared, the answers must not be. */
static bool keeps_answers_apart_after_a_fork(void) {
  sqlite3 *db = NULL;
  int status = 0;
  CHECK(open_connection(":memory:", &db));
  CHECK(read_number(db, "a") == 1);
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    _exit(read_rows(db, 1) >= 0 ? 0 : 1);
  }
  int read = read_rows(db, 0);
  CHECK(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  CHECK(read == ROUNDS);
  CHECK(read_number(db, "c") == 3);
  CHECK(sqlite3_close(db) == SQLITE_OK);
  return true;
}

/* A child opens its own, as SQLite asks of it; and it may close what it inherited. */
static bool works_in_a_child_of_its_own(void) {
  sqlite3 *db = NULL;
  int status = 0;
  CHECK(open_connection(":memory:", &db));
  CHECK(read_number(db, "a") == 1);
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    _exit(work() && sqlite3_close(db) == SQLITE_OK ? 0 : 1);
  }
  CHECK(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  CHECK(read_number(db, "b") == 2);
  CHECK(sqlite3_close(db) == SQLITE_OK);
  return true;
}

/* ---- all of them -----------------------------------------------------------------------------*/

int main(void) {
  static const struct {
    const char *name;
    bool (*run)(void);
  } tests[] = {
      {"warns_when_a_hook_refuses", warns_when_a_hook_refuses},
      {"sends_once_when_commit_is_tried_again", sends_once_when_commit_is_tried_again},
      {"warns_when_a_busy_commit_is_given_up", warns_when_a_busy_commit_is_given_up},
      {"undoes_half_an_update", undoes_half_an_update},
      {"ends_a_transaction_of_unknown_outcome", ends_a_transaction_of_unknown_outcome},
      {"leaves_a_transaction_that_only_read", leaves_a_transaction_that_only_read},
      {"enters_the_transaction_that_creates_it", enters_the_transaction_that_creates_it},
      {"closes_when_nothing_is_open", closes_when_nothing_is_open},
      {"lives_as_long_as_its_statements", lives_as_long_as_its_statements},
      {"drops_unsent_writes", drops_unsent_writes_without_a_warning},
      {"works_in_threads", works_in_threads},
      {"uses_two_connections_in_turn", uses_two_connections_in_turn},
      {"gives_each_cursor_memory_of_its_own", gives_each_cursor_memory_of_its_own},
      {"keeps_answers_apart_after_a_fork", keeps_answers_apart_after_a_fork},
      {"works_in_a_child_of_its_own", works_in_a_child_of_its_own},
  };
  enum { COUNT = sizeof tests / sizeof tests[0] };
  int failed = 0;
  if (getenv("DDS_EXTENSION") == NULL) {
    fprintf(stderr, "DDS_EXTENSION names no extension\n");
    return 2;
  }
  endpoint = canned_endpoint_start();
  sqlite3_config(SQLITE_CONFIG_LOG, log_message, NULL);
  printf("1..%d\n", COUNT);
  for (int i = 0; i < COUNT; i++) {
    canned_endpoint_reset(endpoint);
    memset(&logged, 0, sizeof logged);
    fflush(stdout);
    bool ok = tests[i].run();
    printf("%s %d - %s\n", ok ? "ok" : "not ok", i + 1, tests[i].name);
    failed += !ok;
  }
  canned_endpoint_stop(endpoint);
  return failed > 0;
}
