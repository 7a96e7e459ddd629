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

/* Waits for it; the answer, validated JSON, is borrowed from the operation. */
DDS_MUST_USE bool dds_operation_wait(dds_operation *operation, dds_json *answer, dds_error *error);

/* A member of the answer's outermost object, without walking over a page again. Valid once
 * dds_operation_wait gave the answer. */
bool dds_operation_find(const dds_operation *operation, const char *name, dds_json *value);

/* Waits until one of several is finished; they must have the same client. Then ask it by
 * dds_operation_wait, which returns at once. */
DDS_MUST_USE bool dds_operation_wait_any(dds_operation *const *operations, size_t count,
                                         size_t *index, dds_error *error);

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
