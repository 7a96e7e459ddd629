/* What DescribeTable says of tables, kept by the connection. */
#include "vtab/facts.h"

#include <string.h>

#include "base/alloc.h"
#include "dynamodb/table.h"
#include "vtab/connection.h"

enum {
  ASK_AGAIN_MS = 60000,
  /* A segment below this size would not pay for its requests. */
  SEGMENT_BYTES = 16 * 1024 * 1024,
  MOST_SEGMENTS = 4,
  /* Who took so long to describe a table, connecting included, may take as long for a page: further
   * segments cost nothing but memory where he does not. */
  FAR_MS = 3,
};

typedef struct dds_facts {
  struct dds_facts *next;
  const dds_client *client;
  char *table_name; /* owned */
  bool is_known;
  bool is_refused;                   /* for good */
  int64_t ask_from_ms;               /* not before */
  int64_t asked_for_ms;              /* how long the answer took, and all that was needed for it */
  dds_table_description description; /* owned; empty where nothing is known */
} dds_facts;

static void free_one(dds_facts *facts) {
  dds_table_description_free(&facts->description);
  dds_free(facts->table_name);
  dds_free(facts);
}

static dds_facts *find(const dds_target *target) {
  dds_facts *facts = target->connection->facts;
  while (facts != NULL && (facts->client != target->table.client ||
                           strcmp(facts->table_name, target->table.name) != 0)) {
    facts = facts->next;
  }
  return facts;
}

static dds_facts *add(const dds_target *target, dds_error *error) {
  dds_facts *facts = dds_alloc(sizeof *facts);
  if (facts != NULL) {
    facts->table_name = dds_alloc_copy(target->table.name, strlen(target->table.name));
  }
  if (facts == NULL || facts->table_name == NULL) {
    dds_free(facts);
    dds_error_set_nomem(error);
    return NULL;
  }
  facts->client = target->table.client;
  facts->next = target->connection->facts;
  target->connection->facts = facts;
  return facts;
}

static void drop(dds_facts *facts) {
  dds_table_description_free(&facts->description);
  facts->description = (dds_table_description){0};
  facts->is_known = false;
}

/* A table that is not there may be created at any time, and is no fact; nor is what was not asked
 * to its end. Where nothing could be sent, as without credentials, no other request could be. */
static bool ask(const dds_target *target, dds_facts *facts, dds_error *error) {
  dds_error failure = DDS_ERROR_INIT;
  dds_table_description description;
  dds_meter sent = {.limit_units = 0};
  dds_table table = target->table;
  table.meter = &sent;
  int64_t begin_ms = dds_client_now_ms(table.client);
  bool ok = dds_table_describe(&table, &description, &failure);
  bool is_ended =
      !ok && (failure.code == DDS_INTERRUPT || failure.code == DDS_NOMEM || sent.requests == 0);
  facts->is_known = ok && description.exists;
  if (facts->is_known) {
    facts->description = description;
  } else if (ok) {
    dds_table_description_free(&description);
  }
  facts->is_refused = strcmp(failure.service_code, "AccessDeniedException") == 0;
  facts->ask_from_ms = dds_client_now_ms(table.client);
  facts->asked_for_ms = facts->ask_from_ms - begin_ms;
  facts->ask_from_ms += ok || is_ended ? 0 : ASK_AGAIN_MS;
  return !is_ended || dds_error_pass_on(error, &failure);
}

bool dds_facts_of(const dds_target *target, const dds_table_description **out, dds_error *error) {
  dds_facts *facts = find(target);
  *out = NULL;
  facts = facts != NULL ? facts : add(target, error);
  if (facts == NULL) {
    return false;
  }
  bool is_due = dds_client_now_ms(target->table.client) >= facts->ask_from_ms;
  if (!facts->is_known && !facts->is_refused && is_due && !ask(target, facts, error)) {
    return false;
  }
  *out = facts->is_known ? &facts->description : NULL;
  return true;
}

bool dds_facts_of_indexes(const dds_target *target, const dds_table_description **out,
                          dds_error *error) {
  dds_facts *facts = find(target);
  if (facts != NULL && facts->is_known) {
    int64_t age_ms = dds_client_now_ms(target->table.client) - facts->ask_from_ms;
    if (age_ms < 0 || age_ms >= ASK_AGAIN_MS) {
      dds_facts_forget(target);
    }
  }
  return dds_facts_of(target, out, error);
}

void dds_facts_forget(const dds_target *target) {
  dds_facts *facts = find(target);
  if (facts != NULL) {
    drop(facts);
    facts->ask_from_ms = 0; /* also where the clock was set back */
  }
}

bool dds_facts_divide(const dds_target *target, dds_scan_request *request, dds_error *error) {
  const dds_table_description *description = NULL;
  request->segments = (size_t)target->options.total_segments;
  request->is_gradual = false;
  if (request->segments > 0) {
    return true;
  }
  if (!dds_facts_of(target, &description, error)) {
    return false;
  }
  int64_t fitting = description != NULL ? description->bytes / SEGMENT_BYTES : 0;
  request->segments = fitting < 1 ? 1 : fitting > MOST_SEGMENTS ? MOST_SEGMENTS : (size_t)fitting;
  request->is_gradual = find(target)->asked_for_ms < FAR_MS;
  return true;
}

const dds_index_description *dds_facts_index(const dds_table_description *facts, const char *name) {
  for (size_t i = 0; i < facts->index_count; i++) {
    const dds_index_description *index = &facts->index_list[i];
    if (index->name != NULL && strcmp(index->name, name) == 0) {
      return index;
    }
  }
  return NULL;
}

static bool is_same(const char *name, const char *attribute) {
  return name != NULL && strcmp(name, attribute) == 0;
}

static bool covers(const dds_index_description *index, const char *hash_key,
                   const char *attribute) {
  if (is_same(hash_key, attribute) || is_same(index->hash_key, attribute) ||
      is_same(index->sort_key, attribute)) {
    return true;
  }
  for (size_t i = 0; i < index->attribute_count; i++) {
    if (is_same(index->attributes[i], attribute)) {
      return true;
    }
  }
  return false;
}

bool dds_facts_index_covers(const dds_index_description *index, const char *hash_key,
                            const char *const *attributes, size_t count) {
  if (index->projects_all) {
    return true;
  }
  for (size_t i = 0; i < count; i++) {
    if (!covers(index, hash_key, attributes[i])) {
      return false;
    }
  }
  return count > 0;
}

void dds_facts_free(dds_connection *connection) {
  while (connection->facts != NULL) {
    dds_facts *facts = connection->facts;
    connection->facts = facts->next;
    free_one(facts);
  }
}
