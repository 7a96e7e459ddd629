/*
 * One call about a table: started, waited for, read, told to the observer. Everything that the
 * room above DynamoDB's answers needs of an answer's outermost object is found in one walk, since a
 * page has a megabyte to walk over.
 */
#include "dynamodb/operation.h"

#include <string.h>

#include "base/alloc.h"
#include "dynamodb/number.h"

struct dds_operation {
  const dds_table *table;
  const char *name; /* in the same piece of memory, and so are the words */
  const char *words;
  dds_call *call;
  bool is_page;         /* its answer is read item by item */
  bool is_concluded;    /* the outcome is read and told */
  bool is_garbled;      /* answered with success, in words that nobody understands */
  bool was_interrupted; /* a wait for it ended by itself */
  bool is_expected;     /* its answer has come, and the meter counts it by */
  dds_record guess;     /* what it seems to say */
  size_t write_count;   /* of a batch or transaction: how many items it writes; 0: unknown */
  double least_units;   /* the meter counts it by, until it has come */
  dds_json answer;
  dds_page page; /* members of the answer; the items of a Scan or Query */
};

/* The call's own, which gets its context here; code DDS_OK: the answer is there. */
static dds_error *error_of(const dds_operation *operation) {
  return dds_call_error(operation->call);
}

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
  dds_error_append(error,
                   ": check its name, the region and the account, or create it with SELECT "
                   "dynamodb_create_table('%s')",
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
typedef enum counting {
  COUNTS_NOTHING,
  COUNTS_ITEM,
  COUNTS_PAGE,
  COUNTS_ITEMS, /* of several tables */
  COUNTS_WRITE,
  COUNTS_WRITES, /* those that were asked for, but for what is named as unprocessed */
} counting;

static counting counting_of(const char *name) {
  static const struct {
    const char *name;
    counting counting;
  } rows[] = {{"GetItem", COUNTS_ITEM},     {"Scan", COUNTS_PAGE},
              {"Query", COUNTS_PAGE},       {"BatchGetItem", COUNTS_ITEMS},
              {"PutItem", COUNTS_WRITE},    {"BatchWriteItem", COUNTS_WRITES},
              {"UpdateItem", COUNTS_WRITE}, {"TransactWriteItems", COUNTS_WRITES},
              {"DeleteItem", COUNTS_WRITE}};
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    if (strcmp(name, rows[i].name) == 0) {
      return rows[i].counting;
    }
  }
  return COUNTS_NOTHING;
}

/* The elements of a member that has an array for each table; 0 where there is no such member. */
static int64_t count_by_table(const dds_operation *operation, const char *member) {
  dds_json lists;
  dds_json list;
  dds_json element;
  int64_t count = 0;
  if (!dds_operation_find(operation, member, &lists)) {
    return 0;
  }
  dds_json_iterator tables = dds_json_iterate(lists);
  while (tables.is_object && dds_json_next(&tables, NULL, &list)) {
    dds_json_iterator elements = dds_json_iterate(list);
    while (!elements.is_object && dds_json_next(&elements, NULL, &element)) {
      count++;
    }
  }
  return count;
}

static int64_t number_in(const dds_operation *operation, const char *member) {
  dds_json value;
  return dds_operation_find(operation, member, &value) ? integer_of(value) : -1;
}

static void count_items(const dds_operation *operation, dds_record *record) {
  dds_json item;
  counting counts = counting_of(operation->name);
  if (error_of(operation)->code != DDS_OK) {
    bool is_refused = record->http_status >= 400 && record->http_status < 500;
    record->items = is_refused && counts != COUNTS_NOTHING ? 0 : -1;
    return;
  }
  switch (counts) {
  case COUNTS_NOTHING:
    break;
  case COUNTS_ITEM:
    record->items = dds_operation_find(operation, "Item", &item);
    break;
  case COUNTS_PAGE:
    record->items = number_in(operation, "Count");
    record->scanned = number_in(operation, "ScannedCount");
    break;
  case COUNTS_ITEMS:
    record->items = operation->page.has_responses ? (int64_t)operation->page.noted_count
                                                  : count_by_table(operation, "Responses");
    break;
  case COUNTS_WRITE:
    record->items = 1;
    break;
  case COUNTS_WRITES:
    if (operation->write_count > 0) {
      record->items =
          (int64_t)operation->write_count - count_by_table(operation, "UnprocessedItems");
    }
    break;
  }
}

static void tell(const dds_table *table, const dds_record *record) {
  if (table->observer.record != NULL) {
    table->observer.record(table->observer.context, record);
  }
}

/* Its answer counts in place of what was known before. */
static void take_back_least(dds_operation *operation) {
  if (operation->least_units > 0.0) {
    dds_meter_tell_least(operation->table->meter, -operation->least_units);
    operation->least_units = 0.0;
  }
}

static void tell_outcome(dds_operation *operation) {
  const dds_call_outcome *outcome = dds_call_result(operation->call);
  int64_t now_ms = dds_client_now_ms(operation->table->client);
  dds_json consumed = {0};
  dds_record record = {
      .started_ms = outcome->started_ms,
      .operation = operation->name,
      .table_name = operation->table->name,
      .words = operation->words,
      .http_status = outcome->http_status,
      .error = outcome->error.code == DDS_OK ? NULL : outcome->error.message,
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
  take_back_least(operation);
  if (operation->is_expected) {
    dds_meter_take_back(operation->table->meter, &operation->guess);
  }
  if (operation->table->meter != NULL) {
    dds_meter_add(operation->table->meter, &record, now_ms);
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

static void read_answer(dds_operation *operation, const dds_call_outcome *outcome,
                        dds_error *error) {
  const char *body = outcome->body;
  size_t length = outcome->body_length;
  dds_page *page = &operation->page;
  operation->is_garbled = operation->is_page
                              ? !dds_page_open(body, length, page, error)
                              : !dds_page_read_whole(body, length, page, &operation->answer, error);
}

/* Reads how the call ended and tells it, once. */
static void conclude(dds_operation *operation) {
  if (operation->is_concluded) {
    return;
  }
  operation->is_concluded = true;
  dds_error *error = error_of(operation);
  if (error->code == DDS_OK) {
    read_answer(operation, dds_call_result(operation->call), error);
  }
  if (error->code != DDS_OK) {
    add_context(operation->table, operation->name, operation->words, error);
  }
  tell_outcome(operation);
}

void dds_operation_note_writes(dds_operation *operation, size_t count) {
  operation->write_count = count;
}

void dds_operation_note_least_units(dds_operation *operation, double units) {
  if (operation->table->meter != NULL) {
    operation->least_units = units;
    dds_meter_tell_least(operation->table->meter, units);
  }
}

bool dds_operation_find(const dds_operation *operation, const char *name, dds_json *value) {
  return dds_page_find(&operation->page, name, value);
}

void dds_operation_read_as_page(dds_operation *operation) {
  operation->is_page = true;
}

dds_page *dds_operation_page(dds_operation *operation) {
  return &operation->page;
}

bool dds_operation_peek(const dds_operation *operation, const char *name, dds_json *value) {
  const char *body;
  size_t length;
  return dds_call_peek(operation->call, &body, &length) && dds_page_peek(body, length, name, value);
}

/* Where there is a limit: counts an answer as soon as it has come, since the next request may be
 * started before it is read. */
static void expect(dds_operation *operation) {
  dds_meter *meter = operation->table->meter;
  dds_record *guess = &operation->guess;
  dds_json value;
  if (meter == NULL || meter->limit_units <= 0.0 || operation->is_concluded ||
      operation->is_expected || !dds_operation_peek(operation, "ConsumedCapacity", &value)) {
    return;
  }
  guess->capacity_units = capacity_of(value);
  guess->items = dds_operation_peek(operation, "Count", &value) ? integer_of(value) : -1;
  guess->scanned = dds_operation_peek(operation, "ScannedCount", &value) ? integer_of(value) : -1;
  operation->is_expected = true;
  take_back_least(operation);
  dds_meter_expect(meter, guess);
}

bool dds_operation_has_arrived(dds_operation *operation) {
  bool has_arrived = dds_call_has_arrived(operation->call);
  if (has_arrived) {
    expect(operation);
  }
  return has_arrived;
}

static dds_operation *make(const dds_table *table, const char *name, const char *words) {
  size_t name_bytes = strlen(name) + 1;
  size_t words_bytes = strlen(words) + 1;
  dds_operation *operation = dds_alloc(sizeof *operation + name_bytes + words_bytes);
  if (operation == NULL) {
    return NULL;
  }
  char *texts = (char *)(operation + 1);
  operation->table = table;
  operation->name = memcpy(texts, name, name_bytes);
  operation->words = memcpy(texts + name_bytes, words, words_bytes);
  return operation;
}

static bool start(const dds_table *table, const char *name, dds_buffer *body, const char *words,
                  bool is_awaited, dds_operation **out, dds_error *error) {
  *out = NULL;
  size_t request_bytes = body->length;
  dds_error failure;
  dds_error_clear(&failure);
  if (table->meter != NULL &&
      !dds_meter_check(table->meter, dds_client_now_ms(table->client), error)) {
    dds_error_prefix(error, "%s of \"%s\" was not sent: ", name, table->name);
    dds_buffer_free(body);
    return false;
  }
  dds_operation *operation = make(table, name, words);
  if (operation == NULL) {
    dds_error_set_nomem(&failure);
    dds_buffer_free(body);
  } else if (dds_client_start(table->client, name, body, is_awaited, &operation->call, &failure)) {
    *out = operation;
    if (table->meter != NULL) {
      dds_meter_begin(table->meter);
    }
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

bool dds_operation_start(const dds_table *table, const char *name, dds_buffer *body,
                         const char *words, dds_operation **out, dds_error *error) {
  return start(table, name, body, words, false, out, error);
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
  const dds_error *failure = error_of(operation);
  if (failure->code != DDS_OK) {
    return dds_error_pass_on(error, failure);
  }
  *answer = operation->answer;
  return true;
}

typedef bool wait_function(dds_client *client, dds_call *const *calls, size_t count, size_t *index,
                           dds_error *error);

static bool wait_for(dds_operation *const *operations, size_t count, wait_function *wait,
                     size_t *index, dds_error *error) {
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
  bool ok = wait(operations[0]->table->client, calls, count, index, error);
  if (calls != &single) {
    dds_free(calls);
  }
  return ok || stop_waiting(operations, count, error);
}

bool dds_operation_wait_any(dds_operation *const *operations, size_t count, size_t *index,
                            dds_error *error) {
  if (!wait_for(operations, count, dds_client_wait_any, index, error)) {
    return false;
  }
  conclude(operations[*index]);
  return true;
}

bool dds_operation_wait_arrival(dds_operation *const *operations, size_t count, size_t *index,
                                dds_error *error) {
  if (!wait_for(operations, count, dds_client_wait_arrival, index, error)) {
    return false;
  }
  expect(operations[*index]);
  return true;
}

size_t dds_operation_answer_bytes(const dds_operation *operation) {
  return operation->is_concluded ? dds_call_result(operation->call)->body_length : 0;
}

bool dds_operation_error_answer(const dds_operation *operation, dds_json *answer) {
  const dds_call_outcome *outcome = dds_call_result(operation->call);
  return operation->is_concluded && outcome->error.code != DDS_OK && outcome->body != NULL &&
         dds_json_parse(outcome->body, outcome->body_length, answer, NULL);
}

bool dds_operation_may_have_been_applied(const dds_operation *operation) {
  /* What is in flight may be on its way through the server. */
  return !operation->is_concluded || operation->is_garbled ||
         dds_call_result(operation->call)->may_have_been_applied;
}

/* Tells of a call whose end nobody waited for: what it was where its answer has come. */
static void abandon(dds_operation *operation) {
  if (dds_call_settle(operation->call)) {
    conclude(operation);
    return;
  }
  dds_error_set(error_of(operation), DDS_INTERRUPT, "%s",
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
  dds_page_close(&operation->page);
  dds_call_free(operation->call);
  dds_free(operation);
}

bool dds_operation_run(const dds_table *table, const char *name, dds_buffer *body,
                       const char *words, dds_operation **out, dds_json *answer, dds_error *error) {
  if (!start(table, name, body, words, true, out, error)) {
    return false;
  }
  if (dds_operation_wait(*out, answer, error)) {
    return true;
  }
  dds_operation_free(*out);
  *out = NULL;
  return false;
}
