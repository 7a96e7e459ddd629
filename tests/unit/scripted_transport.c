/* A transport whose answers come from a queue and whose clock is its own. */
#include "scripted_transport.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/hash.h"

enum { STOP_INTERVAL_MS = 50 };

/* 2026-11-22T12:00:00Z: any time will do that is not 0. */
#define START_MS INT64_C(1795348800000)

typedef struct queued_answer {
  scripted_answer answer;
  char *body, *failure_message, *request_id, *retry_after, *date, *crc32;
} queued_answer;

typedef struct scripted_exchange {
  dds_exchange base;
  bool is_finished;
  int64_t due_ms; /* INT64_MAX: never */
  queued_answer *answer;
  size_t number; /* of its request, from 1 */
} scripted_exchange;

struct scripted_transport {
  dds_transport base;
  int64_t now_ms, asked_ms;
  queued_answer **answers;
  size_t answer_count, answers_taken;
  scripted_request *requests;
  size_t request_count;
  scripted_exchange **open;
  size_t open_count, most_in_flight;
  scripted_serve *serve;
  void *serve_context;
};

static void *must(void *memory) {
  if (memory == NULL) {
    abort();
  }
  return memory;
}

static char *copy_bytes(const char *bytes, size_t length) {
  char *memory = must(malloc(length + 1));
  if (length > 0) {
    memcpy(memory, bytes, length);
  }
  memory[length] = '\0';
  return memory;
}

static char *copy(const char *text) {
  return text == NULL ? NULL : copy_bytes(text, strlen(text));
}

void scripted_transport_answer_with(scripted_transport *script, const scripted_answer *answer) {
  queued_answer *queued = must(calloc(1, sizeof *queued));
  queued->answer = *answer;
  const char *body = answer->body == NULL ? "" : answer->body;
  if (queued->answer.body_length == 0) {
    queued->answer.body_length = strlen(body);
  }
  queued->body = copy_bytes(body, queued->answer.body_length);
  queued->failure_message = copy(answer->failure_message);
  queued->request_id = copy(answer->request_id);
  queued->retry_after = copy(answer->retry_after);
  queued->date = copy(answer->date);
  queued->crc32 = copy(answer->crc32);
  if (queued->answer.duration_ms == 0) {
    queued->answer.duration_ms = 1;
  }
  size_t bytes = (script->answer_count + 1) * sizeof *script->answers;
  script->answers = must(realloc(script->answers, bytes));
  script->answers[script->answer_count++] = queued;
}

void scripted_transport_answer(scripted_transport *script, int status, const char *body) {
  scripted_transport_answer_with(script, &(scripted_answer){.status = status, .body = body});
}

void scripted_transport_fail(scripted_transport *script, dds_http_failure failure) {
  scripted_transport_answer_with(
      script, &(scripted_answer){.failure = failure, .failure_message = "scripted failure"});
}

size_t scripted_transport_answers_left(const scripted_transport *script) {
  return script->answer_count - script->answers_taken;
}

size_t scripted_transport_request_count(const scripted_transport *script) {
  return script->request_count;
}

const scripted_request *scripted_transport_request(const scripted_transport *script, size_t index) {
  return index < script->request_count ? &script->requests[index] : NULL;
}

const char *scripted_request_header(const scripted_request *request, const char *name) {
  for (size_t i = 0; i < request->header_count; i++) {
    if (strcasecmp(request->header_names[i], name) == 0) {
      return request->header_values[i];
    }
  }
  return NULL;
}

size_t scripted_transport_open_exchanges(const scripted_transport *script) {
  return script->open_count;
}

size_t scripted_transport_most_in_flight(const scripted_transport *script) {
  return script->most_in_flight;
}

void scripted_transport_set_now(scripted_transport *script, int64_t now_ms) {
  script->now_ms = now_ms;
  script->asked_ms = now_ms;
}

int64_t scripted_transport_now(const scripted_transport *script) {
  return script->now_ms;
}

static void record(scripted_transport *script, const dds_http_request *request) {
  size_t bytes = (script->request_count + 1) * sizeof *script->requests;
  script->requests = must(realloc(script->requests, bytes));
  scripted_request *seen = &script->requests[script->request_count++];
  *seen = (scripted_request){
      .started_ms = script->now_ms,
      .method = copy(request->method),
      .url = copy(request->url),
      .body = copy_bytes(request->body, request->body_length),
      .body_length = request->body_length,
      .header_count = request->header_count,
      .header_names = must(calloc(request->header_count + 1, sizeof(char *))),
      .header_values = must(calloc(request->header_count + 1, sizeof(char *))),
      .connect_timeout_ms = request->connect_timeout_ms,
      .request_timeout_ms = request->request_timeout_ms,
      .ca_bundle = copy(request->ca_bundle),
      .bypass_proxy = request->bypass_proxy,
      .is_secret = request->is_secret,
      .is_awaited = request->is_awaited,
  };
  for (size_t i = 0; i < request->header_count; i++) {
    seen->header_names[i] = copy(request->headers[i].name);
    seen->header_values[i] = copy(request->headers[i].value);
  }
  const char *target = scripted_request_header(seen, "X-Amz-Target");
  const char *dot = target == NULL ? NULL : strchr(target, '.');
  seen->target = copy(dot == NULL ? "" : dot + 1);
}

void scripted_transport_serve(scripted_transport *script, scripted_serve *serve, void *context) {
  script->serve = serve;
  script->serve_context = context;
}

static bool scripted_start(dds_transport *base, const dds_http_request *request,
                           dds_exchange_owner *owner, dds_exchange **out, dds_error *error) {
  scripted_transport *script = (scripted_transport *)base;
  record(script, request);
  *out = NULL;
  if (script->answers_taken == script->answer_count && script->serve != NULL) {
    scripted_answer answer = {.status = 200};
    script->serve(script->serve_context, &script->requests[script->request_count - 1], &answer);
    scripted_transport_answer_with(script, &answer);
  }
  if (script->answers_taken == script->answer_count) {
    return dds_error_set(error, DDS_ERROR, "the script has no more answers");
  }
  scripted_exchange *exchange = must(calloc(1, sizeof *exchange));
  exchange->answer = script->answers[script->answers_taken++];
  exchange->number = script->request_count;
  exchange->due_ms = exchange->answer->answer.never
                         ? INT64_MAX
                         : script->now_ms + exchange->answer->answer.duration_ms;
  exchange->base.owner = owner;
  exchange->base.body = DDS_BUFFER_INIT(request->response_limit_bytes);
  exchange->base.body.is_secret = request->is_secret;
  exchange->base.started_ms = script->now_ms;
  script->open = must(realloc(script->open, (script->open_count + 1) * sizeof *script->open));
  script->open[script->open_count++] = exchange;
  size_t in_flight = 0;
  for (size_t i = 0; i < script->open_count; i++) {
    in_flight += !script->open[i]->is_finished;
  }
  if (in_flight > script->most_in_flight) {
    script->most_in_flight = in_flight;
  }
  *out = &exchange->base;
  return true;
}

static void set_text(char *slot, size_t slot_bytes, const char *text) {
  snprintf(slot, slot_bytes, "%s", text == NULL ? "" : text);
}

static dds_exchange *finish(scripted_transport *script, scripted_exchange *exchange) {
  dds_exchange *base = &exchange->base;
  const queued_answer *queued = exchange->answer;
  exchange->is_finished = true;
  base->finished_ms = script->now_ms;
  base->failure = queued->answer.failure;
  base->status = queued->answer.status;
  base->has_lost_answer = queued->answer.has_lost_answer || base->failure == DDS_HTTP_INTERRUPTED;
  set_text(base->failure_message, sizeof base->failure_message, queued->failure_message);
  if (base->failure != DDS_HTTP_ANSWERED) {
    return base;
  }
  dds_buffer_append(&base->body, queued->body, queued->answer.body_length);
  base->body_crc32 = dds_hash_crc32(0, queued->body, queued->answer.body_length);
  set_text(base->retry_after, sizeof base->retry_after, queued->retry_after);
  set_text(base->date, sizeof base->date, queued->date);
  base->has_age = queued->answer.has_age;
  if (queued->request_id != NULL) {
    set_text(base->request_id, sizeof base->request_id, queued->request_id);
  } else {
    snprintf(base->request_id, sizeof base->request_id, "REQUEST%zu", exchange->number);
  }
  if (queued->crc32 != NULL) {
    set_text(base->crc32, sizeof base->crc32, queued->crc32);
  } else {
    snprintf(base->crc32, sizeof base->crc32, "%lu", (unsigned long)base->body_crc32);
  }
  return base;
}

/* Moves the clock in steps of 50 ms, so that the stop callback is asked; true: it said stop. */
static bool advance(scripted_transport *script, int64_t to_ms) {
  while (to_ms - script->asked_ms >= STOP_INTERVAL_MS) {
    script->asked_ms += STOP_INTERVAL_MS;
    if (script->asked_ms > script->now_ms) {
      script->now_ms = script->asked_ms;
    }
    if (dds_stop_ask(&script->base.stop)) {
      return true;
    }
    if (script->base.stop.asked == NULL && to_ms == INT64_MAX) {
      abort(); /* it would never end */
    }
  }
  if (to_ms > script->now_ms) {
    script->now_ms = to_ms;
  }
  return false;
}

static dds_exchange *scripted_wait(dds_transport *base, int64_t until_ms, dds_error *error) {
  scripted_transport *script = (scripted_transport *)base;
  scripted_exchange *first = NULL;
  for (size_t i = 0; i < script->open_count; i++) {
    scripted_exchange *exchange = script->open[i];
    if (!exchange->is_finished && (first == NULL || exchange->due_ms < first->due_ms)) {
      first = exchange;
    }
  }
  bool is_answered = first != NULL && first->due_ms != INT64_MAX &&
                     (first->due_ms <= until_ms || first->due_ms <= script->now_ms);
  if (advance(script, is_answered ? first->due_ms : until_ms)) {
    dds_error_set(error, DDS_INTERRUPT, "interrupted");
    return NULL;
  }
  return is_answered ? finish(script, first) : NULL;
}

static void scripted_release(dds_transport *base, dds_exchange *exchange) {
  scripted_transport *script = (scripted_transport *)base;
  for (size_t i = 0; i < script->open_count; i++) {
    if (&script->open[i]->base == exchange) {
      memmove(&script->open[i], &script->open[i + 1],
              (script->open_count - i - 1) * sizeof *script->open);
      script->open_count--;
      dds_buffer_free(&exchange->body);
      free(exchange);
      return;
    }
  }
  abort(); /* released twice */
}

static int64_t scripted_now_ms(dds_transport *base) {
  return ((scripted_transport *)base)->now_ms;
}

/* The test owns the script, so that it can be asked after its user has gone. */
static void scripted_end(dds_transport *base) {
  (void)base;
}

scripted_transport *scripted_transport_create(const dds_stop *stop) {
  scripted_transport *script = must(calloc(1, sizeof *script));
  script->base = (dds_transport){.start = scripted_start,
                                 .wait = scripted_wait,
                                 .release = scripted_release,
                                 .now_ms = scripted_now_ms,
                                 .destroy = scripted_end};
  if (stop != NULL) {
    script->base.stop = *stop;
  }
  scripted_transport_set_now(script, START_MS);
  return script;
}

dds_transport *scripted_transport_base(scripted_transport *script) {
  return &script->base;
}

static void free_request(scripted_request *request) {
  for (size_t i = 0; i < request->header_count; i++) {
    free(request->header_names[i]);
    free(request->header_values[i]);
  }
  free(request->header_names);
  free(request->header_values);
  free(request->method);
  free(request->url);
  free(request->target);
  free(request->body);
  free(request->ca_bundle);
}

void scripted_transport_destroy(scripted_transport *script) {
  for (size_t i = 0; i < script->answer_count; i++) {
    queued_answer *queued = script->answers[i];
    char *const texts[] = {queued->body,       queued->failure_message,
                           queued->request_id, queued->retry_after,
                           queued->date,       queued->crc32};
    for (size_t j = 0; j < sizeof texts / sizeof texts[0]; j++) {
      free(texts[j]);
    }
    free(queued);
  }
  for (size_t i = 0; i < script->request_count; i++) {
    free_request(&script->requests[i]);
  }
  while (script->open_count > 0) {
    scripted_release(&script->base, &script->open[0]->base);
  }
  free(script->answers);
  free(script->requests);
  free(script->open);
  free(script);
}
