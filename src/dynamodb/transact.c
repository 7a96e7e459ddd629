/* TransactWriteItems: body, token, cancellation reasons. */
#include "dynamodb/transact.h"

#include <string.h>

#include "base/uuid.h"

enum {
  /* 4 MB whose every byte is escaped, and the expressions. */
  LARGEST_BODY = 64 * 1024 * 1024,
  LARGEST_WORDS = 1024 * 1024,
};

static bool append_body(const dds_table_write *writes, size_t count, dds_buffer *body,
                        dds_error *error) {
  char token[DDS_UUID_BYTES];
  if (!dds_uuid_make(token, error)) {
    return false;
  }
  dds_buffer_append_text(body, "{\"TransactItems\":[");
  for (size_t i = 0; i < count; i++) {
    dds_buffer_append_text(body, i == 0 ? "" : ",");
    if (!dds_write_append_element(writes[i].write, writes[i].table->name, body, error)) {
      return false;
    }
  }
  dds_buffer_append_format(
      body, "],\"ClientRequestToken\":\"%s\",\"ReturnConsumedCapacity\":\"TOTAL\"}", token);
  return dds_buffer_check(body, error);
}

/* `2 × put if attribute_not_exists(id); delete`: what repeats itself is said once. */
static void append_words(const dds_table_write *writes, size_t count, dds_buffer *words) {
  dds_buffer texts[2] = {DDS_BUFFER_INIT(LARGEST_WORDS), DDS_BUFFER_INIT(LARGEST_WORDS)};
  size_t repeats = 0;
  for (size_t i = 0; i <= count; i++) {
    dds_buffer *text = &texts[i % 2];
    const dds_buffer *before = &texts[(i + 1) % 2];
    dds_buffer_clear(text);
    if (i < count) {
      dds_write_append_words(writes[i].write, text);
    }
    if (repeats > 0 && strcmp(dds_buffer_text(text), dds_buffer_text(before)) != 0) {
      dds_buffer_append_text(words, words->length > 0 ? "; " : "");
      if (repeats > 1) {
        dds_buffer_append_format(words, "%zu × ", repeats);
      }
      dds_buffer_append_text(words, dds_buffer_text(before));
      repeats = 0;
    }
    repeats++;
  }
  dds_buffer_free(&texts[0]);
  dds_buffer_free(&texts[1]);
}

bool dds_transact_start(const dds_table_write *writes, size_t count, dds_operation **operation,
                        dds_error *error) {
  dds_buffer body = DDS_BUFFER_INIT(LARGEST_BODY);
  dds_buffer words = DDS_BUFFER_INIT(LARGEST_WORDS);
  *operation = NULL;
  append_words(writes, count, &words);
  bool ok = dds_buffer_check(&words, error) && append_body(writes, count, &body, error) &&
            dds_operation_start(writes[0].table, "TransactWriteItems", &body,
                                dds_buffer_text(&words), operation, error);
  if (ok) {
    dds_operation_note_writes(*operation, count);
  }
  dds_buffer_free(&body);
  dds_buffer_free(&words);
  return ok;
}

/* What the reasons have in common. */
typedef struct summary {
  bool has_refused;
  bool has_passing; /* one that a later attempt may not meet */
  bool has_lasting; /* one that it would meet again */
} summary;

static bool is_passing(dds_json code) {
  static const char *const codes[] = {"TransactionConflict", "ThrottlingError",
                                      "ProvisionedThroughputExceeded"};
  for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
    if (dds_json_string_equals(code, codes[i], strlen(codes[i]))) {
      return true;
    }
  }
  return false;
}

static void read_reason(dds_json element, dds_transact_reason *reason, summary *all) {
  static const char refused[] = "ConditionalCheckFailed";
  dds_json code;
  if (!dds_json_find(element, "Code", strlen("Code"), &code) ||
      dds_json_type_of(code) != DDS_JSON_STRING ||
      dds_json_string_equals(code, "None", strlen("None"))) {
    return;
  }
  if (dds_json_string_equals(code, refused, strlen(refused))) {
    reason->is_refused = true;
    all->has_refused = true;
    (void)dds_json_find(element, "Item", strlen("Item"), &reason->old.json);
    return;
  }
  reason->is_other = true;
  *(is_passing(code) ? &all->has_passing : &all->has_lasting) = true;
}

static summary read_reasons(const dds_operation *operation, size_t count,
                            dds_transact_reason *reasons) {
  summary all = {0};
  dds_json answer;
  dds_json list;
  dds_json element;
  if (!dds_operation_error_answer(operation, &answer) ||
      !dds_json_find(answer, "CancellationReasons", strlen("CancellationReasons"), &list)) {
    return all;
  }
  dds_json_iterator elements = dds_json_iterate(list);
  for (size_t i = 0; i < count && dds_json_next(&elements, NULL, &element); i++) {
    read_reason(element, &reasons[i], &all);
  }
  return all;
}

bool dds_transact_finish(dds_operation *operation, size_t count, bool *is_applied,
                         dds_transact_reason *reasons, bool *may_have_been_applied,
                         dds_error *error) {
  dds_json answer;
  dds_error failure = DDS_ERROR_INIT;
  memset(reasons, 0, count * sizeof *reasons);
  *may_have_been_applied = false;
  *is_applied = dds_operation_wait(operation, &answer, &failure);
  if (*is_applied) {
    return true;
  }
  if (strcmp(failure.service_code, "TransactionCanceledException") == 0) {
    /* The token makes sure that no attempt before this answer was applied. */
    summary all = read_reasons(operation, count, reasons);
    if (all.has_refused) {
      return true;
    }
    failure.code = all.has_passing && !all.has_lasting ? DDS_BUSY : failure.code;
  } else {
    *may_have_been_applied = dds_operation_may_have_been_applied(operation) ||
                             strcmp(failure.service_code, "TransactionInProgressException") == 0;
  }
  if (*may_have_been_applied && failure.code == DDS_BUSY) {
    failure.code = DDS_ERROR;
  }
  if (error->code == DDS_OK) {
    *error = failure;
  }
  return false;
}
