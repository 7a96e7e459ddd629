/*
 * The state machine of calls. Waiting moves every call of the caller along; nothing moves
 * otherwise, because there is one thread.
 *
 * An attempt may itself wait, for credentials, and other calls finish meanwhile: so the list of
 * calls is looked through anew after each attempt.
 */
#include "aws/call.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "base/splitmix.h"
#include "base/uuid.h"

enum { ATTEMPT_BYTES = 48 };

typedef enum call_state { CALL_DUE, CALL_IN_FLIGHT, CALL_ARRIVED, CALL_FINISHED } call_state;

struct dds_call {
  dds_exchange_owner owner; /* first, so that a pointer to one is a pointer to the other */
  dds_caller *caller;
  dds_call *next;
  call_state state;
  const dds_call_protocol *protocol;
  void *context;
  const char *operation; /* in the same piece of memory */
  dds_buffer body;
  int max_attempts;
  bool is_awaited;
  char invocation_id[DDS_UUID_BYTES];
  char attempt[ATTEMPT_BYTES];
  int64_t due_ms;
  int64_t signed_offset_ms; /* the clock skew that the last attempt was signed with */
  int last_cost;            /* what its last retry took from the bucket */
  dds_exchange *exchange;   /* in flight, or the last answer */
  dds_call_outcome outcome;
};

bool dds_caller_init(dds_caller *caller, dds_transport *transport, dds_error *error) {
  *caller = (dds_caller){.transport = transport};
  dds_retry_bucket_init(&caller->bucket);
  return dds_hash_random(&caller->random_state, sizeof caller->random_state, error);
}

int64_t dds_caller_now_ms(const dds_caller *caller) {
  return caller->transport->now_ms(caller->transport);
}

int64_t dds_caller_server_now_ms(const dds_caller *caller) {
  return dds_caller_now_ms(caller) + caller->skew.offset_ms;
}

/* Jitter and ids of calls need to differ, not to be secret. */
static uint64_t next_random(dds_caller *caller) {
  return dds_splitmix_next(&caller->random_state);
}

/* In [0,1). */
static double next_fraction(dds_caller *caller) {
  return (double)(next_random(caller) >> 11) / 9007199254740992.0;
}

static void link_call(dds_call *call) {
  dds_call **end = &call->caller->calls;
  while (*end != NULL) {
    end = &(*end)->next;
  }
  *end = call;
}

static void unlink_call(dds_call *call) {
  for (dds_call **link = &call->caller->calls; *link != NULL; link = &(*link)->next) {
    if (*link == call) {
      *link = call->next;
      break;
    }
  }
  call->next = NULL;
}

/* `error` is copied; its code DDS_OK means success, which has a clear one already. */
static void finish(dds_call *call, const dds_error *error) {
  dds_call_outcome *outcome = &call->outcome;
  if (error->code != DDS_OK) {
    outcome->error = *error;
  }
  outcome->error.attempts = outcome->attempts;
  outcome->error.http_status = outcome->http_status;
  memcpy(outcome->error.request_id, outcome->request_id, sizeof outcome->request_id);
  /* The time of the answer, which may have come long before anybody looked at it. */
  outcome->finished_ms =
      call->exchange != NULL ? call->exchange->finished_ms : dds_caller_now_ms(call->caller);
  /* Busy promises that nothing was applied, so that the same may be tried again. */
  if (outcome->error.code == DDS_BUSY && outcome->may_have_been_applied) {
    outcome->error.code = DDS_ERROR;
  }
  call->state = CALL_FINISHED;
  unlink_call(call);
}

static void release_exchange(dds_call *call) {
  dds_transport *transport = call->caller->transport;
  if (call->exchange != NULL) {
    transport->release(transport, call->exchange);
  }
  call->exchange = NULL;
  call->outcome.body = NULL;
  call->outcome.body_length = 0;
}

static void note_exchange(dds_call *call, const dds_exchange *exchange, const dds_answer *answer) {
  dds_call_outcome *outcome = &call->outcome;
  bool is_answered = exchange->failure == DDS_HTTP_ANSWERED;
  outcome->http_status = is_answered ? exchange->status : 0;
  outcome->response_bytes += exchange->body.length;
  outcome->body = dds_buffer_text(&exchange->body);
  outcome->body_length = exchange->body.length;
  static_assert(sizeof outcome->request_id == sizeof exchange->request_id, "copied as it is");
  memcpy(outcome->request_id, exchange->request_id, sizeof outcome->request_id);
  if (answer->hides_request_id) {
    outcome->request_id[0] = '\0';
  }
  if (exchange->has_lost_answer || (is_answered && exchange->status >= 500) || answer->is_garbled) {
    outcome->may_have_been_applied = true;
  }
}

/* Takes the retry from the bucket and sets when it is due; false: the failure is final. */
static bool schedule_retry(dds_call *call, const dds_answer *answer) {
  dds_caller *caller = call->caller;
  if (answer->retry == DDS_RETRY_NEVER || call->outcome.attempts >= call->max_attempts ||
      !dds_retry_bucket_take(&caller->bucket, answer->retry, &call->last_cost)) {
    return false;
  }
  int64_t delay_ms = dds_retry_delay_ms(answer->retry, call->outcome.attempts,
                                        next_fraction(caller), answer->retry_after_ms);
  release_exchange(call);
  call->state = CALL_DUE;
  call->due_ms = dds_caller_now_ms(caller) + delay_ms;
  return true;
}

/* The transport's exchange has ended; it is judged by who waits. */
static void note_arrival(dds_exchange_owner *owner, dds_exchange *exchange) {
  dds_call *call = (dds_call *)owner;
  (void)exchange;
  call->state = CALL_ARRIVED;
}

static void judge(dds_call *call) {
  const dds_exchange *exchange = call->exchange;
  dds_error error;
  dds_error_clear(&error);
  dds_answer answer = {.retry = DDS_RETRY_NEVER, .retry_after_ms = -1};
  dds_skew *skew = &call->caller->skew;
  dds_skew_learn(skew, exchange);
  call->protocol->read(call, call->context, exchange, &answer, &error);
  note_exchange(call, exchange, &answer);
  if (error.code == DDS_OK) {
    dds_retry_bucket_give(&call->caller->bucket, call->last_cost);
    finish(call, &error);
    return;
  }
  if (dds_skew_explains(skew, call->signed_offset_ms, error.service_code)) {
    answer.retry = DDS_RETRY_TRANSIENT;
  }
  if (schedule_retry(call, &answer)) {
    return;
  }
  dds_skew_describe(skew, &error);
  bool is_quota = answer.retry != DDS_RETRY_NEVER && call->outcome.attempts < call->max_attempts;
  if (is_quota) {
    dds_error_append(&error, " (not retried: too many requests failed lately)");
  }
  finish(call, &error);
}

static dds_call *create_call(dds_caller *caller, const dds_call_request *request,
                             dds_error *error) {
  if (!dds_stop_check_outside(&caller->transport->stop, error) ||
      !dds_buffer_check(request->body, error)) {
    return NULL;
  }
  size_t operation_bytes = strlen(request->operation) + 1;
  dds_call *call = dds_alloc(sizeof *call + operation_bytes);
  if (call == NULL) {
    dds_error_set_nomem(error);
    return NULL;
  }
  call->owner.finished = note_arrival;
  call->caller = caller;
  call->state = CALL_DUE;
  call->protocol = request->protocol;
  call->context = request->context;
  call->operation = memcpy(call + 1, request->operation, operation_bytes);
  call->body = *request->body;
  call->max_attempts = request->max_attempts;
  call->is_awaited = request->is_awaited;
  call->outcome.request_bytes = request->body->length;
  call->outcome.started_ms = dds_caller_now_ms(caller);
  *request->body = (dds_buffer){.maximum = call->body.maximum, .is_secret = call->body.is_secret};
  const uint64_t random[] = {next_random(caller), next_random(caller)};
  dds_uuid_format((const unsigned char *)random, call->invocation_id);
  return call;
}

bool dds_call_start(dds_caller *caller, const dds_call_request *request, dds_call **out,
                    dds_error *error) {
  *out = NULL;
  dds_call *call = create_call(caller, request, error);
  if (call == NULL) {
    dds_buffer_free(request->body);
    return false;
  }
  if (!call->protocol->attempt(call, call->context, error)) {
    dds_call_free(call);
    return false;
  }
  link_call(call);
  *out = call;
  return true;
}

const char *dds_call_operation(const dds_call *call) {
  return call->operation;
}

const char *dds_call_body(const dds_call *call, size_t *length) {
  *length = call->body.length;
  return dds_buffer_text(&call->body);
}

const char *dds_call_invocation_id(const dds_call *call) {
  return call->invocation_id;
}

const char *dds_call_attempt(dds_call *call) {
  snprintf(call->attempt, sizeof call->attempt, "attempt=%d; max=%d", call->outcome.attempts + 1,
           call->max_attempts);
  return call->attempt;
}

bool dds_call_send(dds_call *call, dds_http_request *request, dds_error *error) {
  dds_transport *transport = call->caller->transport;
  request->body = dds_call_body(call, &request->body_length);
  request->is_awaited = call->is_awaited;
  if (!transport->start(transport, request, &call->owner, &call->exchange, error)) {
    return false;
  }
  call->state = CALL_IN_FLIGHT;
  call->signed_offset_ms = call->caller->skew.offset_ms;
  call->outcome.attempts++;
  return true;
}

/* What is further away than any delay is due too: the clock was set back meanwhile. */
static bool is_due(const dds_call *call, int64_t now_ms) {
  return call->state == CALL_DUE &&
         (call->due_ms <= now_ms || call->due_ms - now_ms > DDS_RETRY_LONGEST_DELAY_MS);
}

static dds_call *find_due(const dds_caller *caller, int64_t now_ms) {
  dds_call *call = caller->calls;
  while (call != NULL && !is_due(call, now_ms)) {
    call = call->next;
  }
  return call;
}

/* Sends what is due and gives the time at which the next call is, INT64_MAX for none. False where
 * an attempt was interrupted: its call stays due; and where somebody waits already. */
static bool send_due(dds_caller *caller, int64_t *next_ms, dds_error *error) {
  dds_call *due;
  *next_ms = INT64_MAX;
  if (!dds_stop_check_outside(&caller->transport->stop, error)) {
    return false;
  }
  while ((due = find_due(caller, dds_caller_now_ms(caller))) != NULL) {
    dds_error failure = DDS_ERROR_INIT;
    if (due->protocol->attempt(due, due->context, &failure)) {
      continue;
    }
    if (failure.code == DDS_INTERRUPT) {
      return dds_error_pass_on(error, &failure);
    }
    finish(due, &failure);
  }
  for (const dds_call *call = caller->calls; call != NULL; call = call->next) {
    if (call->state == CALL_DUE && call->due_ms < *next_ms) {
      *next_ms = call->due_ms;
    }
  }
  return true;
}

/* Judging takes a call out of the list, unless it is tried again. */
static void judge_arrived(const dds_caller *caller) {
  dds_call *next;
  for (dds_call *call = caller->calls; call != NULL; call = next) {
    next = call->next;
    if (call->state == CALL_ARRIVED) {
      judge(call);
    }
  }
}

static bool has_arrived(const dds_caller *caller) {
  const dds_call *call = caller->calls;
  while (call != NULL && call->state != CALL_ARRIVED) {
    call = call->next;
  }
  return call != NULL;
}

/* One step: until an exchange ends, a call is due, or `until_ms`. */
static bool step(dds_caller *caller, int64_t until_ms, dds_error *error) {
  dds_error failure = DDS_ERROR_INIT;
  dds_exchange *exchange = caller->transport->wait(caller->transport, until_ms, &failure);
  if (exchange != NULL) {
    exchange->owner->finished(exchange->owner, exchange); /* maybe a call of another caller */
    return true;
  }
  return failure.code == DDS_OK || dds_error_pass_on(error, &failure);
}

/* The first of several that has come as far as `state`. */
static bool find_in_state(dds_call *const *calls, size_t count, call_state state, size_t *index) {
  for (size_t i = 0; i < count; i++) {
    if (calls[i]->state >= state) {
      *index = i;
      return true;
    }
  }
  return false;
}

/* Who waits for an arrival gets it unjudged. Judging and sending may bring a call there too, also
 * one whose attempt failed, or which came while another's waited for credentials. */
static bool wait_for_state(dds_caller *caller, dds_call *const *calls, size_t count,
                           call_state state, size_t *index, dds_error *error) {
  while (!find_in_state(calls, count, state, index)) {
    int64_t next_ms;
    judge_arrived(caller);
    if (!send_due(caller, &next_ms, error)) {
      return false;
    }
    /* What an attempt has waited for may have let another call arrive. */
    if (!find_in_state(calls, count, state, index) && !has_arrived(caller) &&
        !step(caller, next_ms, error)) {
      return false;
    }
  }
  return true;
}

bool dds_call_wait_any(dds_caller *caller, dds_call *const *calls, size_t count, size_t *index,
                       dds_error *error) {
  return wait_for_state(caller, calls, count, CALL_FINISHED, index, error);
}

bool dds_call_wait_arrival(dds_caller *caller, dds_call *const *calls, size_t count, size_t *index,
                           dds_error *error) {
  return wait_for_state(caller, calls, count, CALL_ARRIVED, index, error);
}

bool dds_call_settle(dds_call *call) {
  if (call->state == CALL_ARRIVED) {
    call->max_attempts = call->outcome.attempts;
    judge(call);
  }
  return call->state == CALL_FINISHED;
}

bool dds_call_has_arrived(const dds_call *call) {
  return call->state >= CALL_ARRIVED;
}

bool dds_call_peek(const dds_call *call, const char **body, size_t *length) {
  const dds_exchange *exchange = call->exchange;
  enum { HTTP_OK = 200 };
  bool is_there = call->state == CALL_ARRIVED ||
                  (call->state == CALL_FINISHED && call->outcome.error.code == DDS_OK);
  if (!is_there || exchange->failure != DDS_HTTP_ANSWERED || exchange->status != HTTP_OK) {
    return false;
  }
  *body = dds_buffer_text(&exchange->body);
  *length = exchange->body.length;
  return true;
}

bool dds_caller_poll(dds_caller *caller, dds_error *error) {
  dds_transport *transport = caller->transport;
  dds_error failure = DDS_ERROR_INIT;
  dds_exchange *exchange;
  int64_t next_ms;
  if (!send_due(caller, &next_ms, error)) {
    return false;
  }
  while ((exchange = transport->wait(transport, dds_caller_now_ms(caller), &failure)) != NULL) {
    exchange->owner->finished(exchange->owner, exchange);
  }
  return failure.code == DDS_OK || dds_error_pass_on(error, &failure);
}

bool dds_caller_pause(dds_caller *caller, int64_t duration_ms, dds_error *error) {
  int64_t until_ms = dds_caller_now_ms(caller) + duration_ms;
  int64_t left_ms = duration_ms;
  /* More is left than there was: the clock was set back. */
  while (left_ms > 0 && left_ms <= duration_ms) {
    int64_t next_ms;
    judge_arrived(caller);
    if (!send_due(caller, &next_ms, error) ||
        !step(caller, next_ms < until_ms ? next_ms : until_ms, error)) {
      return false;
    }
    left_ms = until_ms - dds_caller_now_ms(caller);
  }
  return true;
}

const dds_call_outcome *dds_call_result(const dds_call *call) {
  return &call->outcome;
}

dds_error *dds_call_error(dds_call *call) {
  return &call->outcome.error;
}

void dds_call_free(dds_call *call) {
  if (call == NULL) {
    return;
  }
  unlink_call(call);
  release_exchange(call);
  dds_buffer_free(&call->body);
  dds_free(call);
}
