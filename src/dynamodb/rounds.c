/* Batches in rounds. */
#include "dynamodb/rounds.h"

#include "base/alloc.h"
#include "base/hash.h"
#include "base/text.h"

enum {
  /* 16 MB whose every byte is escaped. */
  LARGEST_BODY = 128 * 1024 * 1024,
  LARGEST_WORDS = 64 * 1024,
  AROUND_BYTES = 512, /* what most bodies have beside their elements */
  FIRST_DELAY_MS = 50,
  LONGEST_DELAY_MS = 5000,
  MOST_STALLS = 10,
};

bool dds_rounds_open(dds_rounds *rounds, dds_error *error) {
  rounds->batches = dds_alloc(rounds->concurrency * sizeof *rounds->batches);
  return rounds->batches != NULL || dds_error_set_nomem(error);
}

static void set_states(dds_rounds *rounds, const dds_batch *batch, dds_element_state state) {
  for (size_t i = 0; i < batch->count; i++) {
    rounds->states[batch->members[i]] = state;
  }
}

static void release(dds_batch *batch) {
  dds_operation_free(batch->operation);
  dds_free(batch->members);
  *batch = (dds_batch){0};
}

/* Nobody waits for these any more. */
static void abandon(dds_rounds *rounds) {
  while (rounds->in_flight > 0) {
    dds_batch *batch = &rounds->batches[--rounds->in_flight];
    set_states(rounds, batch, DDS_ELEMENT_UNKNOWN);
    release(batch);
  }
}

void dds_rounds_close(dds_rounds *rounds) {
  abandon(rounds);
  dds_free(rounds->batches);
  rounds->batches = NULL;
}

/* Takes the next waiting elements of the round; none: its count is 0. */
static bool gather(dds_rounds *rounds, dds_batch *batch, dds_error *error) {
  *batch = (dds_batch){.members = dds_alloc(rounds->kind->most_members * sizeof(size_t))};
  if (batch->members == NULL) {
    return dds_error_set_nomem(error);
  }
  for (; rounds->next < rounds->count && batch->count < rounds->kind->most_members;
       rounds->next++) {
    if (rounds->states[rounds->next] != DDS_ELEMENT_WAITING) {
      continue;
    }
    size_t bytes = rounds->kind->bytes_of(rounds->context, rounds->next);
    if (batch->count > 0 && batch->bytes + bytes > rounds->kind->most_bytes) {
      break;
    }
    batch->bytes += bytes;
    batch->members[batch->count++] = rounds->next;
  }
  return true;
}

static bool send(dds_rounds *rounds, dds_batch *batch, dds_error *error) {
  dds_buffer body = DDS_BUFFER_INIT(LARGEST_BODY);
  dds_buffer words = DDS_BUFFER_INIT(LARGEST_WORDS);
  dds_buffer_reserve(&body, batch->bytes + AROUND_BYTES);
  bool ok = rounds->kind->append(rounds->context, batch, &body, &words, error) &&
            dds_buffer_check(&body, error) && dds_buffer_check(&words, error) &&
            dds_operation_start(rounds->table, rounds->kind->operation, &body,
                                dds_buffer_text(&words), &batch->operation, error);
  if (ok) {
    dds_operation_note_writes(batch->operation, batch->count);
    dds_operation_note_least_units(batch->operation, (double)batch->count * rounds->least_units);
  }
  dds_buffer_free(&body);
  dds_buffer_free(&words);
  return ok;
}

/* Fills the calls in flight. */
static bool start_batches(dds_rounds *rounds, dds_error *error) {
  const dds_meter *meter = rounds->table->meter;
  while (!rounds->has_failed && !rounds->has_leftovers && rounds->in_flight < rounds->concurrency) {
    if (rounds->in_flight > 0 && meter != NULL && !dds_meter_has_room(meter)) {
      return true;
    }
    dds_batch *batch = &rounds->batches[rounds->in_flight];
    if (!gather(rounds, batch, error)) {
      return false;
    }
    if (batch->count == 0) {
      release(batch);
      return true;
    }
    if (!send(rounds, batch, error)) {
      release(batch);
      return false;
    }
    set_states(rounds, batch, DDS_ELEMENT_IN_FLIGHT);
    rounds->in_flight++;
  }
  return true;
}

static void leave_waiting(dds_element_state *states, size_t element) {
  states[element] = DDS_ELEMENT_WAITING;
}

/* Reads an answered batch. */
static bool conclude(dds_rounds *rounds, const dds_batch *batch, dds_error *error) {
  dds_json answer;
  dds_json unprocessed;
  size_t left = 0;
  if (!dds_operation_wait(batch->operation, &answer, error)) {
    set_states(rounds, batch,
               dds_operation_may_have_been_applied(batch->operation) ? DDS_ELEMENT_UNKNOWN
                                                                     : DDS_ELEMENT_WAITING);
    return false;
  }
  set_states(rounds, batch, DDS_ELEMENT_DONE);
  if (dds_operation_find(batch->operation, rounds->kind->unprocessed, &unprocessed) &&
      dds_json_type_of(unprocessed) != DDS_JSON_NULL &&
      (dds_json_type_of(unprocessed) != DDS_JSON_OBJECT ||
       !rounds->kind->read_unprocessed(rounds->context, batch, unprocessed, leave_waiting,
                                       rounds->states, error))) {
    set_states(rounds, batch, DDS_ELEMENT_UNKNOWN);
    return dds_error_set(error, DDS_ERROR,
                         "unexpected answer: it names unprocessed items that were not asked for");
  }
  for (size_t i = 0; i < batch->count; i++) {
    left += rounds->states[batch->members[i]] == DDS_ELEMENT_WAITING;
  }
  rounds->has_leftovers = rounds->has_leftovers || left > 0;
  rounds->has_progress = rounds->has_progress || left < batch->count;
  return true;
}

/* Waits for any batch and takes it out of those in flight; the operation is the caller's. Where the
 * waiting itself fails, nothing is in flight any more. */
static bool finish_one(dds_rounds *rounds, dds_operation **done, dds_error *error) {
  size_t index;
  bool ok = false;
  dds_operation **operations = dds_alloc(rounds->in_flight * sizeof *operations);
  *done = NULL;
  if (operations == NULL) {
    abandon(rounds);
    return dds_error_set_nomem(error);
  }
  for (size_t i = 0; i < rounds->in_flight; i++) {
    operations[i] = rounds->batches[i].operation;
  }
  if (dds_operation_wait_any(operations, rounds->in_flight, &index, error)) {
    dds_batch batch = rounds->batches[index];
    rounds->batches[index] = rounds->batches[--rounds->in_flight];
    ok = conclude(rounds, &batch, error);
    if (ok) {
      *done = batch.operation;
      batch.operation = NULL;
    }
    release(&batch);
  } else {
    abandon(rounds);
  }
  dds_free(operations);
  return ok;
}

static size_t count_waiting(const dds_rounds *rounds) {
  size_t waiting = 0;
  for (size_t i = 0; i < rounds->count; i++) {
    waiting += rounds->states[i] == DDS_ELEMENT_WAITING;
  }
  return waiting;
}

/* Full jitter. */
static bool pause(const dds_rounds *rounds, dds_error *error) {
  unsigned char bytes[4] = {0};
  int64_t ceiling_ms = FIRST_DELAY_MS;
  for (int i = 0; i < rounds->stalls && ceiling_ms < LONGEST_DELAY_MS; i++) {
    ceiling_ms *= 2;
  }
  ceiling_ms = ceiling_ms < LONGEST_DELAY_MS ? ceiling_ms : LONGEST_DELAY_MS;
  if (!dds_hash_random(bytes, sizeof bytes, error)) {
    return false;
  }
  int64_t random = (int64_t)bytes[0] << 16 | (int64_t)bytes[1] << 8 | bytes[2];
  return dds_client_pause(rounds->table->client, random * ceiling_ms >> 24, error);
}

/* After a round's last answer. */
static bool begin_round(dds_rounds *rounds, dds_error *error) {
  rounds->stalls = rounds->has_progress ? 0 : rounds->stalls + 1;
  if (rounds->stalls == MOST_STALLS) {
    size_t waiting = count_waiting(rounds);
    return dds_error_set(error, DDS_BUSY,
                         "%s of \"%s\" failed: %zu item%s remain%s unprocessed after %d rounds "
                         "that got nowhere: the table's capacity is used up",
                         rounds->kind->operation, rounds->table->name, waiting,
                         dds_text_plural((double)waiting), waiting == 1 ? "s" : "", MOST_STALLS);
  }
  if (!pause(rounds, error)) {
    return false;
  }
  rounds->next = 0;
  rounds->has_progress = false;
  rounds->has_leftovers = false;
  return true;
}

bool dds_rounds_next(dds_rounds *rounds, dds_operation **done, dds_error *error) {
  *done = NULL;
  bool ok = start_batches(rounds, error);
  if (ok && rounds->in_flight == 0 && rounds->has_leftovers && !rounds->has_failed) {
    ok = begin_round(rounds, error) && start_batches(rounds, error);
  }
  if (ok && rounds->in_flight > 0) {
    ok = finish_one(rounds, done, error);
  }
  rounds->has_failed = rounds->has_failed || !ok;
  return ok;
}
