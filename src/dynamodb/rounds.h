/*
 * Elements that go out in batches, round after round, until DynamoDB has processed every one: what
 * BatchWriteItem and BatchGetItem have in common (batch.h tells the rules). The kind of batch is a
 * set of callbacks.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/attributes.h"
#include "base/buffer.h"
#include "base/error.h"
#include "dynamodb/operation.h"
#include "dynamodb/table.h"

typedef enum dds_element_state {
  DDS_ELEMENT_WAITING,
  DDS_ELEMENT_IN_FLIGHT,
  DDS_ELEMENT_DONE,
  DDS_ELEMENT_UNKNOWN, /* sent and not answered for certain */
} dds_element_state;

/* One call's elements, by their numbers. */
typedef struct dds_batch {
  dds_operation *operation;
  size_t *members;
  size_t count;
  size_t bytes; /* of all of them, as their kind counts */
} dds_batch;

typedef struct dds_rounds_kind {
  const char *operation;
  size_t most_members;
  size_t most_bytes;
  const char *unprocessed; /* the answer's member that holds what was not processed */
  size_t (*bytes_of)(const void *context, size_t element);
  /* Appends the body; `words` say it without values. */
  bool (*append)(const void *context, const dds_batch *batch, dds_buffer *body, dds_buffer *words,
                 dds_error *error);
  /* Calls `found` for each element of `unprocessed`; false where one is none of the batch's, and
   * with an error where it cannot be told. */
  bool (*read_unprocessed)(const void *context, const dds_batch *batch, dds_json unprocessed,
                           void (*found)(dds_element_state *states, size_t element),
                           dds_element_state *states, dds_error *error);
} dds_rounds_kind;

typedef struct dds_rounds {
  const dds_rounds_kind *kind;
  const void *context;
  const dds_table *table; /* whose client sends */
  size_t count;
  dds_element_state *states; /* the caller's */
  size_t concurrency;
  double least_units; /* that each element uses, known before; 0: of a write, which is checked */
  size_t next;        /* the round has looked at the elements before it */
  dds_batch *batches; /* owned; those in flight */
  size_t in_flight;
  bool has_leftovers; /* the round: something was left unprocessed, so nothing more is started */
  bool has_progress;  /* the round: something was processed */
  int stalls;         /* rounds in succession without progress */
  bool has_failed;
} dds_rounds;

/* Everything is borrowed but the list of batches: dds_rounds_close. */
DDS_MUST_USE bool dds_rounds_open(dds_rounds *rounds, dds_error *error);

/*
 * Starts what may be started and waits for one batch; its operation, answered well, is the caller's
 * in `*done`, NULL once everything is processed. After a failure nothing more is started.
 */
DDS_MUST_USE bool dds_rounds_next(dds_rounds *rounds, dds_operation **done, dds_error *error);

/* Cancels what is in flight: its elements become DDS_ELEMENT_UNKNOWN. */
void dds_rounds_close(dds_rounds *rounds);
