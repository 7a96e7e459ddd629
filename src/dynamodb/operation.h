/*
 * One call to DynamoDB about a table, from body to checked answer: it is told to the observer when
 * it ends, however it ends, and an error gets its context (`Scan of "sessions" failed: …`) and the
 * remedy for a missing table here.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/attributes.h"
#include "base/buffer.h"
#include "base/error.h"
#include "dynamodb/json.h"
#include "dynamodb/page.h"
#include "dynamodb/table.h"

typedef struct dds_operation dds_operation;

/* The words of a request that a user wrote himself: a remedy that is about the extension's own
 * requests would mislead him. */
#define DDS_WORDS_AS_GIVEN "as given"

/*
 * Starts it; takes the bytes of `body`, also on failure. `words` are copied. The table is borrowed
 * until the operation is freed.
 */
DDS_MUST_USE bool dds_operation_start(const dds_table *table, const char *name, dds_buffer *body,
                                      const char *words, dds_operation **out, dds_error *error);

/* Waits for it; the answer, validated JSON, is borrowed from the operation. One
 * that is read as a page has none: `answer->text` is NULL. */
DDS_MUST_USE bool dds_operation_wait(dds_operation *operation, dds_json *answer, dds_error *error);

/* A member of the answer's outermost object, without walking over a page again. Valid once
 * dds_operation_wait gave the answer. */
bool dds_operation_find(const dds_operation *operation, const char *name, dds_json *value);

/* Waits until one of several is finished; they must have the same client. Then ask it by
 * dds_operation_wait, which returns at once. */
DDS_MUST_USE bool dds_operation_wait_any(dds_operation *const *operations, size_t count,
                                         size_t *index, dds_error *error);

/* The same, but returns for one too whose answer has come and was not looked at yet. What that
 * answer seems to have cost counts at once for a capacity limit. */
DDS_MUST_USE bool dds_operation_wait_arrival(dds_operation *const *operations, size_t count,
                                             size_t *index, dds_error *error);

/* Whether its answer has come, looked at or not, without waiting for it; what it seems to have cost
 * counts then as well. */
bool dds_operation_has_arrived(dds_operation *operation);

/* A member that stands behind the items of an answer that has come, looked at or not: a guess until
 * dds_operation_wait has checked the answer and its page is read (dds_page_peek). */
bool dds_operation_peek(const dds_operation *operation, const char *name, dds_json *value);

/* Right after the start of a Scan or Query: its answer is to be read item by item, not as a whole.
 */
void dds_operation_read_as_page(dds_operation *operation);

/* Right after the start of a batch or a transaction: how many items it writes, for the record of
 * it.
 */
void dds_operation_note_writes(dds_operation *operation, size_t count);

/* Right after the start of a read by keys: what it will use at least, in capacity units. */
void dds_operation_note_least_units(dds_operation *operation, double units);

/* Of one that was waited for: the reader of its items, or what was noted of an answer that was read
 * as a whole (page.h); borrowed. */
dds_page *dds_operation_page(dds_operation *operation);

/* Bytes of the answer that was waited for, which it holds in memory; 0: none yet. */
size_t dds_operation_answer_bytes(const dds_operation *operation);

/* Of an operation that failed: the error answer as JSON, if it is; to find Item and reasons. */
bool dds_operation_error_answer(const dds_operation *operation, dds_json *answer);

/* Whether an attempt was sent and not answered for certain. */
bool dds_operation_may_have_been_applied(const dds_operation *operation);

/* Cancels it where it is in flight. NULL is allowed. */
void dds_operation_free(dds_operation *operation);

/* Start, wait, and keep: the operation must be freed by the caller where true is returned. */
DDS_MUST_USE bool dds_operation_run(const dds_table *table, const char *name, dds_buffer *body,
                                    const char *words, dds_operation **out, dds_json *answer,
                                    dds_error *error);
