/* What belongs to one SQLite connection. */
#include "vtab/connection.h"

#include <string.h>

#include "aws/http.h"
#include "base/alloc.h"
#include "base/text.h"
#include "vtab/clock.h"
#include "vtab/facts.h"
#include "vtab/statement.h"

enum { WROTE_LATELY_MS = 10000 };

/* A client and the options that it was opened with. */
typedef struct dds_client_slot {
  struct dds_client_slot *next;
  dds_client *client;
  dds_client_options options; /* texts borrowed from those below */
  char *region;
  char *endpoint_url;
  char *profile;
} dds_client_slot;

/* When a table was last written to. */
typedef struct dds_write_mark {
  struct dds_write_mark *next;
  const dds_client *client;
  char *table_name;
  int64_t time_ms;
} dds_write_mark;

bool dds_connection_create(sqlite3 *db, dds_connection **out, dds_error *error) {
  dds_connection *connection = dds_alloc(sizeof *connection);
  *out = NULL;
  if (connection == NULL) {
    return dds_error_set_nomem(error);
  }
  connection->db = db;
  connection->references = 1;
  connection->requests = dds_request_log_create();
  if (connection->requests == NULL) {
    dds_error_set_nomem(error);
    goto failed;
  }
  if (!dds_hash_random(connection->snapshot_seal.secret, DDS_SHA256_BYTES, error)) {
    goto failed;
  }
  *out = connection;
  return true;
failed:
  dds_connection_release(connection);
  return false;
}

dds_connection *dds_connection_retain(dds_connection *connection) {
  connection->references++;
  return connection;
}

static void free_slot(dds_client_slot *slot) {
  dds_client_close(slot->client);
  dds_free(slot->region);
  dds_free(slot->endpoint_url);
  dds_free(slot->profile);
  dds_free(slot);
}

void dds_connection_release(void *shared) {
  dds_connection *connection = shared;
  if (--connection->references > 0) {
    return;
  }
  dds_pending_free(&connection->pending);
  dds_facts_free(connection);
  while (connection->clients != NULL) {
    dds_client_slot *slot = connection->clients;
    connection->clients = slot->next;
    free_slot(slot);
  }
  while (connection->write_marks != NULL) {
    dds_write_mark *mark = connection->write_marks;
    connection->write_marks = mark->next;
    dds_free(mark->table_name);
    dds_free(mark);
  }
  if (connection->transport != NULL) {
    connection->transport->destroy(connection->transport);
  }
  dds_request_log_free(connection->requests);
  dds_hasher_free(&connection->snapshot_seal.hasher);
  dds_free(connection);
}

static bool same_options(const dds_client_options *left, const dds_client_options *right) {
  return dds_text_is_same(left->region, right->region) &&
         dds_text_is_same(left->endpoint_url, right->endpoint_url) &&
         dds_text_is_same(left->profile, right->profile) &&
         left->max_attempts == right->max_attempts &&
         left->connect_timeout_ms == right->connect_timeout_ms &&
         left->request_timeout_ms == right->request_timeout_ms;
}

static bool copy_options(dds_client_slot *slot, const dds_client_options *from, dds_error *error) {
  bool ok = dds_text_copy(&slot->region, from->region, error) &&
            dds_text_copy(&slot->endpoint_url, from->endpoint_url, error) &&
            dds_text_copy(&slot->profile, from->profile, error);
  slot->options = *from;
  slot->options.region = slot->region;
  slot->options.endpoint_url = slot->endpoint_url;
  slot->options.profile = slot->profile;
  return ok;
}

/* Asking runs the host's progress handler, which may take back what is being sent. */
static bool stop_asked(void *context) {
  const dds_connection *connection = context;
  return dds_clock_stop_asked(connection->db) || connection->pending.has_taken_back;
}

static bool open_transport(dds_connection *connection, dds_error *error) {
  dds_stop stop = {.asked = stop_asked, .context = connection};
  return connection->transport != NULL ||
         (dds_http_initialise(error) && dds_http_create(&stop, &connection->transport, error));
}

bool dds_connection_check_outside(const dds_connection *connection, dds_error *error) {
  return connection->transport == NULL ||
         dds_stop_check_outside(&connection->transport->stop, error);
}

bool dds_connection_client(dds_connection *connection, const dds_client_options *options,
                           dds_client **out, dds_error *error) {
  for (dds_client_slot *slot = connection->clients; slot != NULL; slot = slot->next) {
    if (same_options(&slot->options, options)) {
      *out = slot->client;
      return true;
    }
  }
  dds_client_slot *slot = dds_alloc(sizeof *slot);
  if (slot == NULL) {
    return dds_error_set_nomem(error);
  }
  const dds_observer observer = dds_request_log_observer(connection->requests);
  if (!copy_options(slot, options, error) || !open_transport(connection, error) ||
      !dds_client_open(&slot->options, dds_environment_process(), connection->transport, &observer,
                       &slot->client, error)) {
    free_slot(slot);
    return false;
  }
  slot->next = connection->clients;
  connection->clients = slot;
  *out = slot->client;
  return true;
}

/* Whether the statement that runs is the one whose start is known. */
static bool is_unfinished(const dds_connection *connection) {
  const dds_statement_start *start = &connection->unfinished;
  return start->running > 0 && start->changes == sqlite3_total_changes64(connection->db) &&
         start->running == dds_statement_count_running(connection->db);
}

void dds_connection_note_statement(dds_connection *connection) {
  if (!is_unfinished(connection)) {
    connection->unfinished = (dds_statement_start){
        .changes = sqlite3_total_changes64(connection->db),
        .running = dds_statement_count_running(connection->db),
        .position = connection->pending.next_position,
    };
  }
}

uint64_t dds_connection_visible_before(const dds_connection *connection) {
  return is_unfinished(connection) ? connection->unfinished.position : UINT64_MAX;
}

static dds_write_mark *find_mark(const dds_connection *connection, const dds_client *client,
                                 const char *table_name) {
  for (dds_write_mark *mark = connection->write_marks; mark != NULL; mark = mark->next) {
    if (mark->client == client && strcmp(mark->table_name, table_name) == 0) {
      return mark;
    }
  }
  return NULL;
}

void dds_connection_note_write(dds_connection *connection, const dds_client *client,
                               const char *table_name) {
  dds_write_mark *mark = find_mark(connection, client, table_name);
  connection->sent_count++;
  if (mark == NULL) {
    mark = dds_alloc(sizeof *mark);
    if (mark == NULL) {
      return;
    }
    mark->table_name = dds_alloc_copy(table_name, strlen(table_name));
    if (mark->table_name == NULL) {
      dds_free(mark);
      return;
    }
    mark->client = client;
    mark->next = connection->write_marks;
    connection->write_marks = mark;
  }
  mark->time_ms = dds_client_now_ms(client);
}

bool dds_connection_wrote_lately(const dds_connection *connection, const dds_client *client,
                                 const char *table_name) {
  const dds_write_mark *mark = find_mark(connection, client, table_name);
  return mark != NULL && dds_client_now_ms(client) - mark->time_ms < WROTE_LATELY_MS;
}
