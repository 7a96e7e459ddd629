/*
 * Runs one kind of work through the sqlite3 C API, as a host that loads the extension, and prints
 * what it took as one line of JSON (measure.h):
 *
 *   .build/release/bench/endpoint --latency-us 2000 &
 *   .build/release/bench/run_extension WORK --endpoint http://127.0.0.1:PORT [--name value …]
 *
 *   scan     SELECT * of all sessions, each column read          rows, bytes of sessions
 *   sids     SELECT sid                                          rows, bytes of sids
 *   count    SELECT count(*)                                     rows
 *   get      SELECT * … WHERE sid = ?, --calls times             rows, bytes; p50_us a call
 *   in       SELECT * … WHERE sid IN (--keys 1000 of them), --calls times       the same
 *   replace  INSERT OR REPLACE … SELECT of --rows 10000, --calls times          rows
 *   update   UPDATE … SET session = json_set(…) WHERE sid = ?, --calls times    rows; p50_us
 *
 * --extension (./dynamodb_sessions.so or $DDS_EXTENSION), --options "total_segments=4" (further
 * arguments of CREATE VIRTUAL TABLE), --items 100000 (the endpoint's, to know its sids). An
 * endpoint by https is trusted through AWS_CA_BUNDLE. A process runs one kind of work, so that the
 * peak of memory is its own; opening, CREATE and warming up (one GetItem: credentials and, for all
 * but scans, the connection) are not measured.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "canned_table.h"
#include "measure.h"

enum { WARM_UP_CALLS = 50 };

typedef struct run {
  sqlite3 *db;
  canned_table table; /* for its sids alone */
  size_t items;
  size_t calls;
  size_t keys;
  size_t source_rows;
  measure measured;
  size_t rows; /* seen or written */
  size_t bytes;
  int64_t *times_ns; /* of each call */
} run;

static void must(sqlite3 *db, bool holds, const char *what) {
  measure_must(holds, what, sqlite3_errmsg(db));
}

static void execute(sqlite3 *db, const char *sql) {
  must(db, sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK, sql);
}

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql) {
  sqlite3_stmt *statement = NULL;
  must(db, sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK, sql);
  return statement;
}

/* Steps to the end and reads every column of every row, as a host that shows them does; what a
 * text of the given column weighs is counted. */
static void read_rows(run *of, sqlite3_stmt *statement, int counted) {
  int columns = sqlite3_column_count(statement);
  int rc;
  while ((rc = sqlite3_step(statement)) == SQLITE_ROW) {
    of->rows++;
    for (int i = 0; i < columns; i++) {
      if (sqlite3_column_type(statement, i) == SQLITE_TEXT) {
        const unsigned char *text = sqlite3_column_text(statement, i);
        size_t length = (size_t)sqlite3_column_bytes(statement, i);
        must(of->db, text != NULL && text[length] == '\0', "a column's text");
        of->bytes += i == counted ? length : 0;
      }
    }
  }
  must(of->db, rc == SQLITE_DONE, "step");
}

static void bind_sid(run *of, sqlite3_stmt *statement, int parameter, size_t index) {
  char sid[SID_BYTES];
  canned_table_sid(&of->table, index % of->items, sid);
  must(of->db,
       sqlite3_bind_text(statement, parameter, sid, SID_BYTES, SQLITE_TRANSIENT) == SQLITE_OK,
       "bind");
}

/* Sids from all over the table, none twice among neighbours. */
static size_t spread(size_t call) {
  return call * 7919;
}

static void know_sids(run *of) {
  /* More items than pages are kept for: only the template is made. */
  measure_must(canned_table_make(&of->table, (size_t)MOST_KEPT_PAGES * PAGE_ITEMS + of->items),
               "canned_table", "no memory");
}

/* ---- the kinds of work -----------------------------------------------------------------------*/

static void read_all(run *of, const char *sql, int counted) {
  sqlite3_stmt *statement = prepare(of->db, sql);
  measure_begin(&of->measured);
  read_rows(of, statement, counted);
  measure_end(&of->measured);
  sqlite3_finalize(statement);
}

static void scan(run *of) {
  read_all(of, "SELECT * FROM s", 1);
}

static void sids(run *of) {
  read_all(of, "SELECT sid FROM s", 0);
}

static void count(run *of) {
  sqlite3_stmt *statement = prepare(of->db, "SELECT count(*) FROM s");
  measure_begin(&of->measured);
  must(of->db, sqlite3_step(statement) == SQLITE_ROW, "count");
  of->rows = (size_t)sqlite3_column_int64(statement, 0);
  measure_end(&of->measured);
  sqlite3_finalize(statement);
}

/* Runs a prepared statement with sids bound to its parameters, `calls` times. */
static void call_by_sid(run *of, const char *sql, size_t warm_up) {
  sqlite3_stmt *statement = prepare(of->db, sql);
  int parameters = sqlite3_bind_parameter_count(statement);
  for (size_t call = 0; call < warm_up + of->calls; call++) {
    if (call == warm_up) {
      of->rows = 0;
      of->bytes = 0;
      measure_begin(&of->measured);
    }
    int64_t begin_ns = measure_now_ns();
    for (int i = 1; i <= parameters; i++) {
      bind_sid(of, statement, i, spread(call * (size_t)parameters + (size_t)i));
    }
    read_rows(of, statement, 1);
    must(of->db, sqlite3_reset(statement) == SQLITE_OK, "reset");
    of->times_ns[call < warm_up ? 0 : call - warm_up] = measure_now_ns() - begin_ns;
  }
  measure_end(&of->measured);
  sqlite3_finalize(statement);
}

static void get(run *of) {
  know_sids(of);
  call_by_sid(of, "SELECT * FROM s WHERE sid = ?", WARM_UP_CALLS);
}

static void update(run *of) {
  int before = 0;
  know_sids(of);
  before = sqlite3_total_changes(of->db);
  call_by_sid(of, "UPDATE s SET session = json_set(session, '$.views', 1) WHERE sid = ?",
              WARM_UP_CALLS);
  of->rows = (size_t)(sqlite3_total_changes(of->db) - before) - WARM_UP_CALLS;
}

static void in(run *of) {
  char *sql = sqlite3_mprintf("SELECT * FROM s WHERE sid IN (?");
  for (size_t i = 1; i < of->keys; i++) {
    char *longer = sqlite3_mprintf("%s,?", sql);
    sqlite3_free(sql);
    sql = longer;
  }
  char *whole = sqlite3_mprintf("%s)", sql);
  know_sids(of);
  call_by_sid(of, whole, 1);
  sqlite3_free(sql);
  sqlite3_free(whole);
}

static void replace(run *of) {
  /* The rows that are copied stand in memory, as they do for the peers; TEMP's may be in a file. */
  char *fill = sqlite3_mprintf("CREATE TABLE main.source AS SELECT sid, session, expires FROM s "
                               "LIMIT %lld",
                               (long long)of->source_rows);
  execute(of->db, fill);
  sqlite3_free(fill);
  int before = sqlite3_total_changes(of->db);
  measure_begin(&of->measured);
  for (size_t call = 0; call < of->calls; call++) {
    execute(of->db, "INSERT OR REPLACE INTO s(sid, session, expires) SELECT * FROM source");
  }
  measure_end(&of->measured);
  of->rows = (size_t)(sqlite3_total_changes(of->db) - before);
}

static const struct {
  const char *name;
  void (*run)(run *of);
  size_t calls; /* unless --calls says otherwise */
  bool warms_up;
} works[] = {
    {"scan", scan, 1, true},         {"sids", sids, 1, true}, {"count", count, 1, true},
    {"get", get, 5000, false},       {"in", in, 5, false},    {"replace", replace, 1, false},
    {"update", update, 2000, false},
};

/* ---- the process -----------------------------------------------------------------------------*/

static void set_environment(const char *endpoint) {
  static const char *const unset[] = {
      "AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_MAX_ATTEMPTS", "AWS_ENDPOINT_URL",
      "http_proxy",  "https_proxy",       "all_proxy",        "HTTPS_PROXY",
  };
  for (size_t i = 0; i < sizeof unset / sizeof unset[0]; i++) {
    unsetenv(unset[i]);
  }
  if (endpoint != NULL) {
    setenv("AWS_ENDPOINT_URL_DYNAMODB", endpoint, 1);
  }
  setenv("AWS_REGION", "us-east-1", 1);
  setenv("AWS_ACCESS_KEY_ID", "local", 1);
  setenv("AWS_SECRET_ACCESS_KEY", "local", 1);
  setenv("AWS_CONFIG_FILE", "/dev/null", 1);
  setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null", 1);
}

static void open_database(run *of, const char *extension, const char *options) {
  char *message = NULL;
  must(of->db, sqlite3_open(":memory:", &of->db) == SQLITE_OK, "open");
  sqlite3_db_config(of->db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 1, NULL);
  int rc = sqlite3_load_extension(of->db, extension, NULL, &message);
  measure_must(rc == SQLITE_OK, extension, message);
  char *create = sqlite3_mprintf("CREATE VIRTUAL TABLE temp.s USING dynamodb_sessions("
                                 "table='sessions'%s%s)",
                                 options == NULL ? "" : ", ", options == NULL ? "" : options);
  execute(of->db, create);
  sqlite3_free(create);
}

int main(int count, char **arguments) {
  run of = {0};
  const char *from_environment = getenv("DDS_EXTENSION");
  const char *extension =
      measure_option(count, arguments, "--extension",
                     from_environment == NULL ? "./dynamodb_sessions.so" : from_environment);
  for (size_t i = 0; count > 1 && i < sizeof works / sizeof works[0]; i++) {
    if (strcmp(arguments[1], works[i].name) != 0) {
      continue;
    }
    set_environment(measure_option(count, arguments, "--endpoint", NULL));
    of.items = measure_number(count, arguments, "--items", 100000);
    of.calls = measure_number(count, arguments, "--calls", works[i].calls);
    of.keys = measure_number(count, arguments, "--keys", 1000);
    of.source_rows = measure_number(count, arguments, "--rows", 10000);
    of.times_ns = calloc(of.calls + 1, sizeof *of.times_ns);
    measure_must(of.times_ns != NULL, "calloc", NULL);
    open_database(&of, extension, measure_option(count, arguments, "--options", NULL));
    if (works[i].warms_up) {
      execute(of.db, "SELECT * FROM s WHERE sid = 'nobody'");
    }
    works[i].run(&of);
    measure_print(&of.measured, of.rows, of.bytes, of.calls,
                  measure_median_us(of.times_ns, of.calls));
    sqlite3_close(of.db);
    canned_table_free(&of.table);
    free(of.times_ns);
    return 0;
  }
  fprintf(stderr, "run_extension: the first argument is a kind of work; the head of "
                  "run_extension.c says which there are\n");
  return 2;
}
