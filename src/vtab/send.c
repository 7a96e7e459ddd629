/* Calls in flight: batches by dynamodb/batch.h, then single writes and transactions side by side.
 */
#include "vtab/send.h"

#include "base/alloc.h"
#include "dynamodb/batch.h"
#include "dynamodb/transact.h"
#include "vtab/table.h"

/* A single write or a transaction on its way. */
typedef struct job {
  dds_operation *operation;
  size_t *members; /* numbers of its nets, in the order of the plan; those that are done leave it */
  size_t count;
  bool has_created; /* a missing table, for it */
} job;

typedef struct sender {
  dds_connection *connection;
  dds_nets *nets;
  dds_calls *calls;
  size_t concurrency;
  job *jobs; /* owned; those in flight */
  size_t in_flight;
  bool ok;
  dds_error *error;
} sender;

/* ---- nets and their fates --------------------------------------------------------------------*/

static dds_net *net_of(const sender *self, const job *of, size_t place) {
  return &self->nets->list[of->members[place]];
}

static void note_written(const sender *self, const dds_net *net) {
  const dds_table *table = &net->target->table;
  dds_connection_note_write(self->connection, table->client, table->name);
}

static void note_applied(const sender *self, dds_net *net) {
  dds_nets_apply(self->nets, net);
  if (net->is_applied) {
    note_written(self, net);
  }
}

/* Whoever looks what became of it must not be given an old state. */
static void note_unknown(const sender *self, dds_net *net) {
  net->state = DDS_NET_UNKNOWN;
  note_written(self, net);
}

static void note_all_unknown(const sender *self, const job *of) {
  for (size_t i = 0; i < of->count; i++) {
    note_unknown(self, net_of(self, of, i));
  }
}

/* The first failure is the one that is told. */
static void fail(sender *self, const dds_error *failure) {
  if (self->ok) {
    *self->error = *failure;
  }
  self->ok = false;
}

/* True, and no failure any more, where tables were missing that create=1 has created now: once for
 * each job, because a table that exists and is missing all the same stays so. */
static bool create_missing(const sender *self, job *of, dds_error *failure) {
  enum { MOST_TARGETS = 16 };
  const dds_target *seen[MOST_TARGETS];
  size_t seen_count = 0;
  bool has_created = false;
  dds_error original = *failure;
  for (size_t i = 0; i < of->count && !of->has_created && seen_count < MOST_TARGETS; i++) {
    dds_target *target = net_of(self, of, i)->target;
    size_t at = 0;
    while (at < seen_count && seen[at] != target) {
      at++;
    }
    if (at < seen_count) {
      continue;
    }
    seen[seen_count++] = target;
    dds_error attempt = original;
    if (dds_target_create_missing(target, &attempt)) {
      has_created = true;
    } else {
      *failure = attempt;
    }
  }
  of->has_created = of->has_created || has_created;
  if (has_created) {
    *failure = DDS_ERROR_INIT;
  }
  return has_created;
}

/* ---- one job ---------------------------------------------------------------------------------*/

static void release(job *of) {
  dds_operation_free(of->operation);
  *of = (job){0};
}

/* Nets of which every write is dropped need nothing. */
static void skip_empty(const sender *self, job *of) {
  size_t kept = 0;
  for (size_t i = 0; i < of->count; i++) {
    dds_net *net = net_of(self, of, i);
    net->is_outdated = false;
    if (dds_net_write(net) != NULL) {
      of->members[kept++] = of->members[i];
    } else if (net->state == DDS_NET_WAITING) {
      dds_nets_apply(self->nets, net);
    }
  }
  of->count = kept;
}

/* Sends what is left of the job; its operation stays NULL where that is nothing. */
static bool start_job(const sender *self, job *of, dds_error *error) {
  dds_operation_free(of->operation);
  of->operation = NULL;
  skip_empty(self, of);
  if (of->count == 0) {
    return true;
  }
  const dds_net *first = net_of(self, of, 0);
  if (of->count == 1) {
    return dds_write_start(&first->target->table, dds_net_write(first), &of->operation, error);
  }
  dds_table_write *writes = dds_alloc(of->count * sizeof *writes);
  if (writes == NULL) {
    return dds_error_set_nomem(error);
  }
  for (size_t i = 0; i < of->count; i++) {
    const dds_net *net = net_of(self, of, i);
    writes[i] = (dds_table_write){.table = &net->target->table, .write = dds_net_write(net)};
  }
  bool ok = dds_transact_start(writes, of->count, &of->operation, error);
  dds_free(writes);
  return ok;
}

static bool refuse_lost(const dds_net *net, dds_error *error) {
  return dds_error_set(error, DDS_ERROR,
                       "an answer was lost: a session in %s may have been written by this "
                       "statement or by somebody else meanwhile; look before you run the "
                       "statement again",
                       net->first->owner->name);
}

/* What an answered single write means; `*again` where what is left of it is to be sent. */
static bool finish_single(const sender *self, job *of, bool *again, bool *may_have_been_applied,
                          dds_error *error) {
  dds_net *net = net_of(self, of, 0);
  dds_write_result result;
  dds_item old;
  if (!dds_write_finish(dds_net_write(net), of->operation, &result, &old, may_have_been_applied,
                        error)) {
    return false;
  }
  if (result == DDS_WRITE_APPLIED) {
    note_applied(self, net);
    return true;
  }
  dds_error refusal = DDS_ERROR_INIT;
  *again = dds_nets_judge(self->nets, net, &old, &refusal);
  if (*again) {
    *may_have_been_applied = false;
    return true;
  }
  bool is_lost = *may_have_been_applied && refusal.code != DDS_NOMEM;
  if (is_lost) {
    return refuse_lost(net, error);
  }
  *error = refusal;
  return false;
}

static bool judge_reasons(const sender *self, const job *of, const dds_transact_reason *reasons,
                          dds_error *error) {
  for (size_t i = 0; i < of->count; i++) {
    if (reasons[i].is_refused &&
        !dds_nets_judge(self->nets, net_of(self, of, i), &reasons[i].old, error)) {
      return false;
    }
  }
  return true;
}

/* Says which rows a transaction was cancelled for, where that was not for their conditions. */
static void name_others(const sender *self, const job *of, const dds_transact_reason *reasons,
                        dds_error *error) {
  enum { MOST_NAMED = 3 };
  char sid_hash[DDS_SHA256_HEX_BYTES];
  size_t named = 0;
  for (size_t i = 0; i < of->count && named < MOST_NAMED; i++) {
    if (reasons[i].is_other) {
      dds_pending_sid_hash(net_of(self, of, i)->first, sid_hash);
      dds_error_append(error, "%s%s", named == 0 ? ": sid_hash " : ", ", sid_hash);
      named++;
    }
  }
}

static bool finish_transaction(const sender *self, const job *of, bool *again,
                               bool *may_have_been_applied, dds_error *error) {
  bool is_applied;
  dds_transact_reason *reasons = dds_alloc(of->count * sizeof *reasons);
  if (reasons == NULL) {
    *may_have_been_applied = true;
    return dds_error_set_nomem(error);
  }
  bool ok = dds_transact_finish(of->operation, of->count, &is_applied, reasons,
                                may_have_been_applied, error);
  if (!ok) {
    name_others(self, of, reasons, error);
  } else if (is_applied) {
    for (size_t i = 0; i < of->count; i++) {
      note_applied(self, net_of(self, of, i));
    }
  } else {
    ok = judge_reasons(self, of, reasons, error);
    *again = ok;
  }
  dds_free(reasons);
  return ok;
}

/* Reads an answered job, whose operation ends here; `*again`: it was started once more. */
static void conclude(sender *self, job *of, bool *again) {
  dds_error failure;
  dds_error_clear(&failure);
  bool may_have_been_applied = false;
  *again = false;
  bool ok = of->count == 1 ? finish_single(self, of, again, &may_have_been_applied, &failure)
                           : finish_transaction(self, of, again, &may_have_been_applied, &failure);
  if (!ok && self->ok && create_missing(self, of, &failure)) {
    ok = true;
    *again = true;
  }
  *again = *again && self->ok;
  if (*again) {
    ok = start_job(self, of, &failure);
    *again = ok && of->operation != NULL;
  }
  if (ok) {
    return;
  }
  dds_target_explain_refusal(net_of(self, of, 0)->target, &failure);
  if (may_have_been_applied) {
    note_all_unknown(self, of);
  }
  fail(self, &failure);
}

/* ---- several in flight -----------------------------------------------------------------------*/

static job job_of(const sender *self, const dds_call_plan *call) {
  return (job){.members = &self->calls->order[call->first], .count = call->count};
}

/* Starts calls from `*next` on until as many are in flight as may be. */
static void start_jobs(sender *self, size_t *next, size_t end) {
  while (self->ok && *next < end && self->in_flight < self->concurrency) {
    dds_error failure;
    dds_error_clear(&failure);
    job *of = &self->jobs[self->in_flight];
    *of = job_of(self, &self->calls->list[(*next)++]);
    bool ok = start_job(self, of, &failure);
    if (!ok) {
      fail(self, &failure);
    }
    if (ok && of->operation != NULL) {
      self->in_flight++;
    } else {
      release(of);
    }
  }
}

/* Nobody waits for these any more. */
static void abandon_jobs(sender *self) {
  while (self->in_flight > 0) {
    job *of = &self->jobs[--self->in_flight];
    note_all_unknown(self, of);
    release(of);
  }
}

static void wait_for_one(sender *self, dds_operation **operations) {
  size_t index;
  bool again;
  dds_error failure;
  dds_error_clear(&failure);
  for (size_t i = 0; i < self->in_flight; i++) {
    operations[i] = self->jobs[i].operation;
  }
  if (!dds_operation_wait_any(operations, self->in_flight, &index, &failure)) {
    fail(self, &failure);
    abandon_jobs(self);
    return;
  }
  conclude(self, &self->jobs[index], &again);
  if (!again) {
    release(&self->jobs[index]);
    self->jobs[index] = self->jobs[--self->in_flight];
  }
}

static void send_jobs(sender *self, size_t first, size_t end) {
  size_t room = end - first < self->concurrency ? end - first : self->concurrency;
  self->concurrency = room;
  self->jobs = dds_alloc(room * (sizeof *self->jobs + sizeof(dds_operation *)));
  if (self->jobs == NULL) {
    dds_error failure = DDS_ERROR_INIT;
    dds_error_set_nomem(&failure);
    fail(self, &failure);
    return;
  }
  dds_operation **operations = (dds_operation **)(self->jobs + room);
  do {
    start_jobs(self, &first, end);
    if (self->in_flight > 0) {
      wait_for_one(self, operations);
    }
  } while (self->in_flight > 0 || (self->ok && first < end));
  dds_free(self->jobs);
}

/* ---- batches ---------------------------------------------------------------------------------*/

static void note_batches(sender *self, const job *of, const dds_element_state *states) {
  for (size_t i = 0; i < of->count; i++) {
    dds_net *net = net_of(self, of, i);
    if (states[i] == DDS_ELEMENT_DONE) {
      note_applied(self, net);
    } else if (states[i] == DDS_ELEMENT_UNKNOWN) {
      note_unknown(self, net);
    }
  }
}

static bool has_unknown(const dds_element_state *states, size_t count) {
  size_t i = 0;
  while (i < count && states[i] != DDS_ELEMENT_UNKNOWN) {
    i++;
  }
  return i < count;
}

/* The nets of all batches at once: what is left unprocessed goes into full batches again. A table
 * that is created meanwhile makes up for its own failure alone. */
static bool send_batches(sender *self, job *of, dds_error *error) {
  dds_table_write *writes = dds_alloc(of->count * sizeof *writes);
  dds_element_state *states = dds_alloc(of->count * sizeof *states);
  bool ok = true;
  if (writes == NULL || states == NULL) {
    ok = dds_error_set_nomem(error);
    goto done;
  }
  for (size_t i = 0; i < of->count; i++) {
    const dds_net *net = net_of(self, of, i);
    writes[i] = (dds_table_write){.table = &net->target->table, .write = dds_net_write(net)};
  }
  while (ok && !dds_batch_write(writes, of->count, self->concurrency, states, error)) {
    ok = !has_unknown(states, of->count) && create_missing(self, of, error);
  }
  note_batches(self, of, states);
done:
  dds_free(writes);
  dds_free(states);
  return ok;
}

static void send_batch_calls(sender *self, size_t first, size_t end) {
  const dds_call_plan *list = self->calls->list;
  const dds_call_plan all = {.first = list[first].first,
                             .count =
                                 list[end - 1].first + list[end - 1].count - list[first].first};
  dds_error failure = DDS_ERROR_INIT;
  job of = job_of(self, &all);
  if (!send_batches(self, &of, &failure)) {
    dds_target_explain_refusal(self->nets->list[self->calls->order[all.first]].target, &failure);
    fail(self, &failure);
  }
  release(&of);
}

bool dds_send_calls(dds_connection *connection, dds_nets *nets, dds_calls *calls, size_t first,
                    size_t *end, dds_error *error) {
  const dds_client *client = calls->list[first].client;
  const dds_net *net = &nets->list[calls->order[calls->list[first].first]];
  sender self = {
      .connection = connection,
      .nets = nets,
      .calls = calls,
      .concurrency = dds_options_concurrency(&net->target->options),
      .ok = true,
      .error = error,
  };
  size_t behind_batches = first;
  while (behind_batches < calls->count && calls->list[behind_batches].client == client &&
         calls->list[behind_batches].api == DDS_API_BATCH) {
    behind_batches++;
  }
  for (*end = behind_batches; *end < calls->count && calls->list[*end].client == client;) {
    ++*end;
  }
  if (behind_batches > first) {
    send_batch_calls(&self, first, behind_batches);
  }
  if (self.ok && *end > behind_batches) {
    send_jobs(&self, behind_batches, *end);
  }
  return self.ok;
}
