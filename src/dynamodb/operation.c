/*
 * One call about a table: started, waited for, read, told to the observer. Everything that the
 * room above DynamoDB's answers needs of an answer's outermost object is found in one walk, since a
 * page has a megabyte to walk over.
 */
#include "dynamodb/operation.h"

#include <string.h>

#include "base/alloc.h"
#include "dynamodb/number.h"

/* DynamoDB's answers have at most a handful of members; what is beyond is not looked for. */
enum { MOST_MEMBERS = 16 };

struct dds_operation {
  const dds_table *table;
  char *name;
  char *words;
  dds_call *call;
  bool is_concluded;    /* the outcome is read and told */
  bool is_garbled;      /* answered with success, in words that nobody understands */
  bool was_interrupted; /* a wait for it ended by itself */
  dds_error error;      /* with its context; code DDS_OK: the answer is there */
  dds_json answer;
  dds_json member_names[MOST_MEMBERS];
  dds_json member_values[MOST_MEMBERS];
  size_t member_count;
};

typedef struct remedy_row {
  const char *service_code;
  const char *fragment; /* of the message; "" for any */
  const char *remedy;
} remedy_row;

#define MISSING_TABLE "ResourceNotFoundException"
#define CHECK_LAYOUT  ": the table's key is not the layout's: check layout= and hash_key="

static const remedy_row remedies[] = {
    {"ValidationException", "key element does not match the schema", CHECK_LAYOUT},
    {"ValidationException", "Missing the key", CHECK_LAYOUT},
    {"ValidationException", "required keys was not given", CHECK_LAYOUT},
    {"ValidationException", "Type mismatch for key", CHECK_LAYOUT},
    {"ValidationException", "number of conditions on the keys", CHECK_LAYOUT}, /* DynamoDB Local */
};
static const remedy_row remedies_as_given[] = {
    {"UnknownOperationException", "",
     " (look at its spelling in DynamoDB's API; DynamoDB Local lacks some, such as backups)"},
};

/* DynamoDB Local without -sharedDb keeps tables apart by region and access key id, so that the
 * table that somebody sees in one tool is missing in another. */
static void append_local_hint(const dds_table *table, dds_error *error) {
  dds_client_place place;
  dds_error ignored = DDS_ERROR_INIT;
  if (!dds_client_config(table->client)->endpoint_is_loopback ||
      !dds_client_describe(table->client, &place, &ignored)) {
    return;
  }
  if (place.region != NULL && place.access_key_id != NULL) {
    dds_error_append(error,
                     " (asked for in region %s with access key id %s: DynamoDB Local without "
                     "-sharedDb keeps tables apart by both)",
                     place.region, place.access_key_id);
  }
  dds_client_place_free(&place);
}

/* Says how to create it, by the name that it has in SQL. */
static void append_create_remedy(const dds_table *table, dds_error *error) {
  dds_buffer name = DDS_BUFFER_INIT(DDS_ERROR_MESSAGE_BYTES);
  for (const char *at = table->sql_name != NULL ? table->sql_name : "…"; *at != '\0'; at++) {
    dds_buffer_append_text(&name, *at == '\'' ? "'" : "");
    dds_buffer_append_char(&name, *at);
  }
  dds_error_append(error, ": create it with SELECT dynamodb_create_table('%s')",
                   dds_buffer_text(&name));
  dds_buffer_free(&name);
}

static void append_remedy(const remedy_row *rows, size_t count, dds_error *error) {
  for (size_t i = 0; i < count; i++) {
    if (strcmp(error->service_code, rows[i].service_code) == 0 &&
        strstr(error->message, rows[i].fragment) != NULL) {
      dds_error_append(error, "%s", rows[i].remedy);
      return;
    }
  }
}

static void add_context(const dds_table *table, const char *name, const char *words,
                        dds_error *error) {
  bool is_as_given = strcmp(words, DDS_WORDS_AS_GIVEN) == 0;
  if (is_as_given) {
    append_remedy(remedies_as_given, sizeof remedies_as_given / sizeof remedies_as_given[0], error);
  } else {
    append_remedy(remedies, sizeof remedies / sizeof remedies[0], error);
  }
  if (strcmp(error->service_code, MISSING_TABLE) == 0) {
    if (!is_as_given) {
      append_create_remedy(table, error);
    }
    append_local_hint(table, error);
  }
  dds_error_prefix(error, "%s of \"%s\" failed: ", name, table->name);
}

static int64_t integer_of(dds_json number) {
  int64_t integer;
  return number.text != NULL && dds_json_type_of(number) == DDS_JSON_NUMBER &&
                 dds_number_to_integer(number.text, number.length, &integer)
             ? integer
             : -1;
}

/* Units of one table's ConsumedCapacity, or of an array of them; negative where there are none. */
static double capacity_of(dds_json consumed) {
  dds_json units;
  double sum = -1.0;
  if (dds_json_find(consumed, "CapacityUnits", strlen("CapacityUnits"), &units)) {
    return dds_number_to_double(units.text, units.length);
  }
  dds_json_iterator tables = dds_json_iterate(consumed);
  dds_json table;
  while (!tables.is_object && dds_json_next(&tables, NULL, &table)) {
    double share = capacity_of(table);
    if (share >= 0.0) {
      sum = sum < 0.0 ? share : sum + share;
    }
  }
  return sum;
}

/* How an operation's answer tells how many items it was about. */
typedef enum counting { COUNTS_NOTHING, COUNTS_ITEM, COUNTS_PAGE, COUNTS_WRITE } counting;

static counting counting_of(const char *name) {
  static const struct {
    const char *name;
    counting counting;
  } rows[] = {{"GetItem", COUNTS_ITEM},     {"Scan", COUNTS_PAGE},
              {"Query", COUNTS_PAGE},       {"PutItem", COUNTS_WRITE},
              {"UpdateItem", COUNTS_WRITE}, {"DeleteItem", COUNTS_WRITE}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    if (strcmp(name, rows[i].name) == 0) {
      return rows[i].counting;
    }
  }
  return COUNTS_NOTHING;
}

static void count_items(const dds_operation *operation, dds_record *record) {
  dds_json value = {0};
  counting counts = counting_of(operation->name);
  if (counts == COUNTS_NOTHING) {
    return;
  }
  if (operation->error.code != DDS_OK) {
    bool is_refused = record->http_status >= 400 && record->http_status < 500;
    if (is_refused) {
      record->items = 0;
    }
  } else if (counts == COUNTS_PAGE) {
    if (dds_operation_find(operation, "Count", &value)) {
      record->items = integer_of(value);
    }
    if (dds_operation_find(operation, "ScannedCount", &value)) {
      record->scanned = integer_of(value);
    }
  } else {
    record->items = counts == COUNTS_WRITE || dds_operation_find(operation, "Item", &value);
  }
}

static void tell(const dds_table *table, const dds_record *record) {
  if (table->observer.record != NULL) {
    table->observer.record(table->observer.context, record);
  }
}

static void tell_outcome(const dds_operation *operation) {
  const dds_call_outcome *outcome = dds_call_result(operation->call);
  int64_t now_ms = dds_client_now_ms(operation->table->client);
  dds_json consumed = {0};
  dds_record record = {
      .started_ms = outcome->started_ms,
      .operation = operation->name,
      .table_name = operation->table->name,
      .words = operation->words,
      .http_status = outcome->http_status,
      .error = operation->error.code == DDS_OK ? NULL : operation->error.message,
      .attempts = outcome->attempts,
      .duration_ms =
          (outcome->finished_ms > 0 ? outcome->finished_ms : now_ms) - outcome->started_ms,
      .request_bytes = outcome->request_bytes,
      .response_bytes = outcome->response_bytes,
      .items = -1,
      .scanned = -1,
      .capacity_units = -1.0,
      .request_id = outcome->request_id,
  };
  count_items(operation, &record);
  if (dds_operation_find(operation, "ConsumedCapacity", &consumed)) {
    record.capacity_units = capacity_of(consumed);
  }
  tell(operation->table, &record);
}

/* A call that never came to be: no credentials, no region, no memory. */
static void tell_refusal(const dds_table *table, const char *name, const char *words,
                         size_t request_bytes, const dds_error *error) {
  const dds_record record = {.started_ms = dds_client_now_ms(table->client),
                             .operation = name,
                             .table_name = table->name,
                             .words = words,
                             .error = error->message,
                             .request_bytes = request_bytes,
                             .items = -1,
                             .scanned = -1,
                             .capacity_units = -1.0,
                             .request_id = ""};
  tell(table, &record);
}

static void read_answer(dds_operation *operation, const dds_call_outcome *outcome) {
  size_t where;
  dds_json_iterator members;
  if (!dds_json_parse(outcome->body, outcome->body_length, &operation->answer, &where)) {
    dds_error_set(&operation->error, DDS_ERROR,
                  "unexpected answer: not valid JSON at byte %zu of %zu", where + 1,
                  outcome->body_length);
    operation->is_garbled = true;
    return;
  }
  members = dds_json_iterate(operation->answer);
  while (members.is_object && operation->member_count < MOST_MEMBERS &&
         dds_json_next(&members, &operation->member_names[operation->member_count],
                       &operation->member_values[operation->member_count])) {
    operation->member_count++;
  }
}

/* Reads how the call ended and tells it, once. */
static void conclude(dds_operation *operation) {
  if (operation->is_concluded) {
    return;
  }
  operation->is_concluded = true;
  const dds_call_outcome *outcome = dds_call_result(operation->call);
  operation->error = outcome->error;
  if (operation->error.code == DDS_OK) {
    read_answer(operation, outcome);
  }
  if (operation->error.code != DDS_OK) {
    add_context(operation->table, operation->name, operation->words, &operation->error);
  }
  tell_outcome(operation);
}

bool dds_operation_find(const dds_operation *operation, const char *name, dds_json *value) {
  for (size_t i = 0; i < operation->member_count; i++) {
    if (!dds_json_string_equals(operation->member_names[i], name, strlen(name))) {
      continue;
    }
    *value = operation->member_values[i];
    return true;
  }
  return false;
}

static dds_operation *make(const dds_table *table, const char *name, const char *words) {
  dds_operation *operation = dds_alloc(sizeof *operation);
  if (operation == NULL) {
    return NULL;
  }
  operation->table = table;
  operation->name = dds_alloc_copy(name, strlen(name));
  operation->words = dds_alloc_copy(words, strlen(words));
  if (operation->name != NULL && operation->words != NULL) {
    return operation;
  }
  dds_operation_free(operation);
  return NULL;
}

bool dds_operation_start(const dds_table *table, const char *name, dds_buffer *body,
                         const char *words, dds_operation **out, dds_error *error) {
  *out = NULL;
  size_t request_bytes = body->length;
  dds_error failure = DDS_ERROR_INIT;
  dds_operation *operation = make(table, name, words);
  if (operation == NULL) {
    dds_error_set_nomem(&failure);
    dds_buffer_free(body);
  } else if (dds_client_start(table->client, name, body, &operation->call, &failure)) {
    *out = operation;
    return true;
  }
  dds_operation_free(operation);
  add_context(table, name, words, &failure);
  tell_refusal(table, name, words, request_bytes, &failure);
  if (error->code == DDS_OK) {
    *error = failure;
  }
  return false;
}

/* Notes that a wait was ended by itself, and puts the context before what ended it. */
static bool stop_waiting(dds_operation *const *operations, size_t count, dds_error *error) {
  for (size_t i = 0; i < count; i++) {
    operations[i]->was_interrupted = true;
  }
  add_context(operations[0]->table, operations[0]->name, operations[0]->words, error);
  return false;
}

bool dds_operation_wait(dds_operation *operation, dds_json *answer, dds_error *error) {
  size_t index;
  dds_operation *const operations[] = {operation};
  if (!operation->is_concluded && !dds_operation_wait_any(operations, 1, &index, error)) {
    return false;
  }
  if (operation->error.code != DDS_OK) {
    if (error->code == DDS_OK) {
      *error = operation->error;
    }
    return false;
  }
  *answer = operation->answer;
  return true;
}

bool dds_operation_wait_any(dds_operation *const *operations, size_t count, size_t *index,
                            dds_error *error) {
  dds_call **calls = NULL;
  dds_call *single;
  for (size_t i = 0; i < count; i++) {
    if (operations[i]->is_concluded) {
      *index = i;
      return true;
    }
  }
  single = operations[0]->call;
  calls = count == 1 ? &single : dds_alloc(count * sizeof *calls);
  if (calls == NULL) {
    return dds_error_set_nomem(error);
  }
  for (size_t i = 0; i < count; i++) {
    calls[i] = operations[i]->call;
  }
  bool ok = dds_client_wait_any(operations[0]->table->client, calls, count, index, error);
  if (calls != &single) {
    dds_free(calls);
  }
  if (!ok) {
    return stop_waiting(operations, count, error);
  }
  conclude(operations[*index]);
  return true;
}

bool dds_operation_error_answer(const dds_operation *operation, dds_json *answer) {
  const dds_call_outcome *outcome = dds_call_result(operation->call);
  return operation->is_concluded && operation->error.code != DDS_OK && outcome->body != NULL &&
         dds_json_parse(outcome->body, outcome->body_length, answer, NULL);
}

bool dds_operation_may_have_been_applied(const dds_operation *operation) {
  /* What is in flight may be on its way through the server. */
  return !operation->is_concluded || operation->is_garbled ||
         dds_call_result(operation->call)->may_have_been_applied;
}

/* Tells of a call whose end nobody waited for. */
static void abandon(dds_operation *operation) {
  if (dds_call_result(operation->call)->finished_ms > 0) {
    conclude(operation);
    return;
  }
  dds_error_set(&operation->error, DDS_INTERRUPT, "%s",
                operation->was_interrupted ? "interrupted"
                                           : "cancelled: its answer was not needed");
  tell_outcome(operation);
}

void dds_operation_free(dds_operation *operation) {
  if (operation == NULL) {
    return;
  }
  if (operation->call != NULL && !operation->is_concluded) {
    abandon(operation);
  }
  dds_call_free(operation->call);
  dds_free(operation->name);
  dds_free(operation->words);
  dds_free(operation);
}

bool dds_operation_run(const dds_table *table, const char *name, dds_buffer *body,
                       const char *words, dds_operation **out, dds_json *answer, dds_error *error) {
  if (!dds_operation_start(table, name, body, words, out, error)) {
    return false;
  }
  if (dds_operation_wait(*out, answer, error)) {
    return true;
  }
  dds_operation_free(*out);
  *out = NULL;
  return false;
}
