/*
 * The table dynamodb_pending: what the open transaction would send, one row for each write that
 * COMMIT would make of the statements' writes, in the order of the items' first ones. An EXPLAIN
 * for writes:
 *
 *     BEGIN; DELETE FROM sessions WHERE expired; SELECT * FROM dynamodb_pending; ROLLBACK;
 */
#include "base/alloc.h"
#include "base/text.h"
#include "vtab/calls.h"
#include "vtab/field.h"
#include "vtab/information.h"
#include "vtab/table.h"

static const char declaration[] =
    "CREATE TABLE x(position INTEGER, virtual_table TEXT, operation TEXT, sid_hash TEXT, "
    "condition TEXT, bytes INTEGER, write_units INTEGER, call INTEGER, api TEXT, sid TEXT HIDDEN)";

enum { TEXT_BYTES = 1024 * 1024 };

/* One row; the texts that are not constant are owned. */
typedef struct pending_row {
  int64_t position;
  char *virtual_table;
  const char *operation;
  char *sid_hash;
  char *condition; /* in words, or NULL */
  size_t bytes;
  int64_t write_units;
  int64_t call;
  const char *api;
  char *sid;
} pending_row;

typedef struct pending_rows {
  pending_row *list;
  size_t count;
} pending_rows;

/* In the order of the declaration. */
static const dds_field fields[] = {
    {DDS_FIELD_INT64, offsetof(pending_row, position)},
    {DDS_FIELD_TEXT, offsetof(pending_row, virtual_table)},
    {DDS_FIELD_TEXT, offsetof(pending_row, operation)},
    {DDS_FIELD_TEXT, offsetof(pending_row, sid_hash)},
    {DDS_FIELD_TEXT, offsetof(pending_row, condition)},
    {DDS_FIELD_SIZE, offsetof(pending_row, bytes)},
    {DDS_FIELD_INT64, offsetof(pending_row, write_units)},
    {DDS_FIELD_INT64, offsetof(pending_row, call)},
    {DDS_FIELD_TEXT, offsetof(pending_row, api)},
    {DDS_FIELD_TEXT, offsetof(pending_row, sid)},
};

static void close(dds_rows *rows) {
  pending_rows *state = rows->state;
  if (state == NULL) {
    return;
  }
  for (size_t i = 0; i < state->count; i++) {
    dds_free(state->list[i].virtual_table);
    dds_free(state->list[i].sid_hash);
    dds_free(state->list[i].condition);
    dds_free(state->list[i].sid);
  }
  dds_free(state->list);
  dds_free(state);
  rows->state = NULL;
}

static bool copy_condition(const dds_write *write, pending_row *row, dds_error *error) {
  dds_condition *condition;
  dds_buffer words = DDS_BUFFER_INIT(TEXT_BYTES);
  if (!dds_write_condition(write, &condition, error)) {
    return false;
  }
  bool ok = true;
  if (condition != NULL) {
    dds_condition_append_words(condition, &words);
    ok = dds_buffer_check(&words, error) &&
         dds_text_copy(&row->condition, dds_buffer_text(&words), error);
  }
  dds_condition_release(condition);
  dds_buffer_free(&words);
  return ok;
}

static bool copy_sid(const dds_net *net, pending_row *row, dds_error *error) {
  dds_buffer scratch = DDS_BUFFER_INIT(TEXT_BYTES);
  dds_sql_value sid;
  const dds_key *key = &net->first->write.key;
  dds_item item = {.json = {.text = key->json, .length = key->length}};
  bool ok = dds_row_sid(&net->target->options.layout, &item, &scratch, &sid, error);
  if (ok) {
    row->sid = dds_alloc_copy(sid.bytes, sid.length);
    ok = row->sid != NULL || dds_error_set_nomem(error);
  }
  dds_buffer_free(&scratch);
  return ok;
}

static bool fill_row(const dds_nets *nets, const dds_calls *calls, size_t call, const dds_net *net,
                     pending_row *row, dds_error *error) {
  const dds_write *write = dds_net_write(net);
  char sid_hash[DDS_SHA256_HEX_BYTES];
  dds_pending_sid_hash(net->first, sid_hash);
  row->operation = dds_write_operation(write);
  row->bytes = dds_write_payload_bytes(write);
  row->write_units = (int64_t)dds_calls_units(nets, net, calls->list[call].api);
  row->call = (int64_t)call + 1;
  row->api = dds_calls_operation(calls, nets, call);
  return dds_text_copy(&row->virtual_table, net->first->owner->name, error) &&
         dds_text_copy(&row->sid_hash, sid_hash, error) && copy_condition(write, row, error) &&
         copy_sid(net, row, error);
}

/* The number of each net's call, from 1; 0: nothing is sent. Owned by the caller. */
static size_t *number_calls(const dds_nets *nets, const dds_calls *calls) {
  size_t *numbers = dds_alloc(nets->count * sizeof *numbers);
  for (size_t i = 0; numbers != NULL && i < calls->count; i++) {
    for (size_t j = 0; j < calls->list[i].count; j++) {
      numbers[calls->order[calls->list[i].first + j]] = i + 1;
    }
  }
  return numbers;
}

static bool fill(const dds_nets *nets, const dds_calls *calls, pending_rows *state,
                 dds_error *error) {
  bool ok = true;
  size_t *numbers = number_calls(nets, calls);
  pending_row *list = dds_alloc(nets->count * sizeof *list);
  state->list = list;
  if (numbers == NULL || list == NULL) {
    dds_free(numbers);
    return dds_error_set_nomem(error);
  }
  for (size_t i = 0; ok && i < nets->count; i++) {
    if (numbers[i] > 0) {
      pending_row *row = &list[state->count++];
      row->position = (int64_t)state->count;
      ok = fill_row(nets, calls, numbers[i] - 1, &nets->list[i], row, error);
    }
  }
  dds_free(numbers);
  return ok;
}

static bool open(dds_rows *rows, dds_error *error) {
  dds_nets nets = {0};
  dds_calls calls = {0};
  pending_rows *state = dds_alloc(sizeof *state);
  rows->state = state;
  if (state == NULL) {
    return dds_error_set_nomem(error);
  }
  bool ok = dds_table_drop_orphans(rows->connection, error) &&
            dds_nets_make(&rows->connection->pending, DDS_NETS_ALL, &nets, error) &&
            dds_calls_plan(&nets, &calls, error) && fill(&nets, &calls, state, error);
  rows->end = ok ? (int64_t)state->count : 0;
  dds_calls_free(&calls);
  dds_nets_free(&nets);
  return ok;
}

static void column(const dds_rows *rows, int64_t row, int index, sqlite3_context *context) {
  const pending_rows *state = rows->state;
  dds_field_to_result(context, &state->list[row], &fields[index]);
}

const dds_rows_table dds_pending_table = {
    .name = "dynamodb_pending",
    .declaration = declaration,
    .argument_column = -1,
    .open = open,
    .column = column,
    .close = close,
};
