/*
 * Calls on a scripted transport and its clock: when attempts come, what they cost, what is known of
 * a call in the end, and what happens where attempts themselves wait.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "aws/call.h"
#include "failing_allocator.h"
#include "scripted_transport.h"

#define THROTTLED "{\"__type\":\"a#ThrottlingException\"}"
#define SKEWED    "{\"__type\":\"a#RequestTimeTooSkewed\"}"

enum { BUCKET_TOKENS = 500, TRANSIENT_COST = 14, THROTTLING_COST = 5, RUNS = 100 };

/* A caller, and what its protocol does. */
typedef struct fixture {
  scripted_transport *script;
  dds_caller caller;
  dds_error error;
  int stop_calls, stop_at; /* the call that says stop; 0: none does */
  int attempts_made;
  int refused_attempt;   /* this one fails before it is sent; 0: none does, */
  dds_code refusal;      /* with this code; 0: DDS_AUTH */
  struct fixture *asked; /* whose call is made and waited for before each attempt, or NULL */
  void (*intrude)(struct fixture *f); /* done each time that the transport asks, or NULL */
  dds_call *calls[3];                 /* for it */
  size_t response_limit_bytes;
  int64_t server_times[8]; /* of the attempts, as they would be signed */
} fixture;

static bool make_call(fixture *f, dds_error *error);

static bool attempt(dds_call *call, void *context, dds_error *error) {
  fixture *f = context;
  f->attempts_made++;
  if (f->attempts_made <= 8) {
    f->server_times[f->attempts_made - 1] = dds_caller_server_now_ms(&f->caller);
  }
  if (f->asked != NULL && !make_call(f->asked, error)) {
    return false;
  }
  if (f->attempts_made == f->refused_attempt) {
    return dds_error_set(error, f->refusal == DDS_OK ? DDS_AUTH : f->refusal, "no keys");
  }
  const dds_http_header headers[] = {
      {"amz-sdk-invocation-id", dds_call_invocation_id(call)},
      {"amz-sdk-request", dds_call_attempt(call)},
      {"X-Amz-Target", dds_call_operation(call)},
  };
  dds_http_request request = {.method = "POST",
                              .url = "https://h.example/",
                              .headers = headers,
                              .header_count = 3,
                              .response_limit_bytes = f->response_limit_bytes};
  return dds_call_send(call, &request, error);
}

static void read_answer(const dds_call *call, void *context, const dds_exchange *exchange,
                        dds_answer *answer, dds_error *error) {
  (void)context;
  dds_answer_context about = {
      .form = DDS_ANSWER_AWS_JSON, .service = "DynamoDB", .endpoint = "https://h.example"};
  about.request.body = dds_call_body(call, &about.request.body_length);
  dds_answer_read(exchange, &about, answer, error);
}

static bool asked(void *context) {
  fixture *f = context;
  if (f->intrude != NULL) {
    f->intrude(f);
  }
  return ++f->stop_calls == f->stop_at;
}

static void set_up(fixture *f) {
  *f = (fixture){.response_limit_bytes = 1000, .error = DDS_ERROR_INIT};
  const dds_stop stop = {.asked = asked, .context = f};
  f->script = scripted_transport_create(&stop);
  assert_true(dds_caller_init(&f->caller, scripted_transport_base(f->script), &f->error));
}

static void tear_down(fixture *f) {
  assert_null(f->caller.calls);
  assert_int_equal(scripted_transport_open_exchanges(f->script), 0);
  assert_int_equal(scripted_transport_answers_left(f->script), 0);
  scripted_transport_destroy(f->script);
}

static dds_call *start(fixture *f, const char *operation, int max_attempts, dds_error *error) {
  static const dds_call_protocol protocol = {attempt, read_answer};
  dds_buffer body = DDS_BUFFER_INIT(100);
  dds_call *call = NULL;
  dds_buffer_append_text(&body, "{}");
  const dds_call_request request = {.operation = operation,
                                    .body = &body,
                                    .protocol = &protocol,
                                    .context = f,
                                    .max_attempts = max_attempts};
  bool is_started = dds_call_start(&f->caller, &request, &call, error);
  assert_int_equal(is_started, call != NULL);
  assert_null(body.data);
  return call;
}

/* Waits for the call and fails as it did. */
static bool wait_for(fixture *f, dds_call *call, dds_error *error) {
  size_t index;
  if (!dds_call_wait_any(&f->caller, &call, 1, &index, error)) {
    return false;
  }
  *error = dds_call_result(call)->error;
  return error->code == DDS_OK;
}

static bool make_call(fixture *f, dds_error *error) {
  dds_call *call = start(f, "Inner", 4, error);
  bool is_done = call != NULL && wait_for(f, call, error);
  dds_call_free(call);
  return is_done;
}

/* One call that is answered with `count` times the same, and then well. */
static bool run(fixture *f, int count, int status, const char *body) {
  for (int i = 0; i < count; i++) {
    scripted_transport_answer(f->script, status, body);
  }
  scripted_transport_answer(f->script, 200, "{}");
  return make_call(f, &f->error);
}

static int64_t gap_ms(const fixture *f, size_t second) {
  /* An answer takes 1 ms. */
  return scripted_transport_request(f->script, second)->started_ms -
         scripted_transport_request(f->script, second - 1)->started_ms - 1;
}

/* The delay before each attempt lies in [0, bound), and is spread over it. */
static void test_delays(void **state) {
  (void)state;
  static const struct {
    int status;
    const char *body;
    int64_t bounds_ms[9];
  } kinds[] = {
      {500, "", {25, 50, 100, 200, 400, 800, 1600, 3200, 6400}},
      {400, THROTTLED, {1000, 2000, 4000, 8000, 16000, 20000, 20000, 20000, 20000}},
  };
  for (size_t kind = 0; kind < 2; kind++) {
    int below_half[9] = {0};
    for (uint64_t seed = 1; seed <= RUNS; seed++) {
      fixture f;
      set_up(&f);
      f.caller.random_state = seed;
      for (int i = 0; i < 9; i++) {
        scripted_transport_answer(f.script, kinds[kind].status, kinds[kind].body);
      }
      scripted_transport_answer(f.script, 200, "{}");
      dds_call *call = start(&f, "GetItem", 10, &f.error);
      assert_true(wait_for(&f, call, &f.error));
      assert_int_equal(dds_call_result(call)->attempts, 10);
      for (size_t i = 0; i < 9; i++) {
        int64_t delay_ms = gap_ms(&f, i + 1);
        if (delay_ms < 0 || delay_ms >= kinds[kind].bounds_ms[i]) {
          fail_msg("seed %" PRIu64 ", kind %zu, delay %zu: %" PRId64, seed, kind, i + 1, delay_ms);
        }
        below_half[i] += delay_ms < kinds[kind].bounds_ms[i] / 2;
      }
      dds_call_free(call);
      tear_down(&f);
    }
    for (size_t i = 0; i < 9; i++) {
      assert_in_range(below_half[i], RUNS / 4, RUNS * 3 / 4);
    }
  }
}

static void test_tokens(void **state) {
  (void)state;
  fixture f;
  set_up(&f);
  assert_int_equal(f.caller.bucket.tokens, BUCKET_TOKENS);
  assert_true(run(&f, 0, 0, NULL)); /* full is full */
  assert_int_equal(f.caller.bucket.tokens, BUCKET_TOKENS);
  assert_true(run(&f, 1, 500, ""));
  assert_int_equal(f.caller.bucket.tokens, BUCKET_TOKENS); /* paid and refunded */
  assert_true(run(&f, 3, 500, ""));
  assert_int_equal(f.caller.bucket.tokens, BUCKET_TOKENS - 2 * TRANSIENT_COST);
  assert_true(run(&f, 3, 400, THROTTLED));
  assert_int_equal(f.caller.bucket.tokens,
                   BUCKET_TOKENS - 2 * TRANSIENT_COST - 2 * THROTTLING_COST);
  assert_true(run(&f, 0, 0, NULL));
  assert_int_equal(f.caller.bucket.tokens,
                   BUCKET_TOKENS - 2 * TRANSIENT_COST - 2 * THROTTLING_COST + 1);
  tear_down(&f);
}

static void test_too_few_tokens(void **state) {
  (void)state;
  static const struct {
    int status;
    const char *body;
    int cost;
  } kinds[] = {{500, "", TRANSIENT_COST}, {400, THROTTLED, THROTTLING_COST}};
  for (size_t kind = 0; kind < 2; kind++) {
    fixture f;
    set_up(&f);
    f.caller.bucket.tokens = kinds[kind].cost;
    assert_true(run(&f, 1, kinds[kind].status, kinds[kind].body));
    assert_int_equal(f.caller.bucket.tokens, kinds[kind].cost);

    f.caller.bucket.tokens = kinds[kind].cost - 1;
    scripted_transport_answer(f.script, kinds[kind].status, kinds[kind].body);
    assert_false(make_call(&f, &f.error));
    assert_int_equal(f.error.attempts, 1);
    assert_non_null(strstr(f.error.message, "(not retried: too many requests failed lately)"));
    assert_int_equal(f.caller.bucket.tokens, kinds[kind].cost - 1);
    tear_down(&f);
  }
}

static void test_no_tokens_for_the_last_attempt(void **state) {
  (void)state;
  fixture f;
  set_up(&f);
  for (int i = 0; i < 4; i++) {
    scripted_transport_answer(f.script, 500, "");
  }
  assert_false(make_call(&f, &f.error));
  assert_int_equal(f.error.attempts, 4);
  assert_null(strstr(f.error.message, "not retried"));
  assert_int_equal(f.caller.bucket.tokens, BUCKET_TOKENS - 3 * TRANSIENT_COST);
  tear_down(&f);
}

static void test_retry_after(void **state) {
  (void)state;
  static const struct {
    const char *retry_after;
    int64_t least_ms, most_ms;
  } cases[] = {
      {"3000", 3000, 3000},
      {"5000", 5000, 5000},
      {"5025", 5000, 5025},
      {"60000", 5000, 5025},
      {"0", 0, 24},
      {"", 0, 24},
      {"-1", 0, 24},
      {"3000ms", 0, 24},
      {" 3000", 0, 24},
      {"3e3", 0, 24},
      {"99999999999999999999", 5000, 5025},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    fixture f;
    set_up(&f);
    scripted_transport_answer_with(
        f.script, &(scripted_answer){.status = 503, .retry_after = cases[i].retry_after});
    assert_true(run(&f, 0, 0, NULL));
    if (gap_ms(&f, 1) < cases[i].least_ms || gap_ms(&f, 1) > cases[i].most_ms) {
      fail_msg("case %zu: %" PRId64, i, gap_ms(&f, 1));
    }
    tear_down(&f);
  }
}

static void test_headers_of_attempts(void **state) {
  (void)state;
  fixture f;
  char ids[2][40];
  set_up(&f);
  assert_true(run(&f, 2, 500, ""));
  assert_true(run(&f, 0, 0, NULL));
  static const char *const attempts[] = {"attempt=1; max=4", "attempt=2; max=4", "attempt=3; max=4",
                                         "attempt=1; max=4"};
  for (size_t i = 0; i < 4; i++) {
    const scripted_request *request = scripted_transport_request(f.script, i);
    const char *id = scripted_request_header(request, "amz-sdk-invocation-id");
    assert_string_equal(scripted_request_header(request, "amz-sdk-request"), attempts[i]);
    assert_string_equal(request->body, "{}");
    snprintf(ids[i == 3], sizeof ids[0], "%s", id);
    assert_string_equal(ids[i == 3], id);
    /* xxxxxxxx-xxxx-4xxx-[89ab]xxx-xxxxxxxxxxxx */
    assert_int_equal(strspn(id, "0123456789abcdef-"), 36);
    assert_int_equal(strlen(id), 36);
    assert_int_equal(id[14], '4');
    assert_non_null(strchr("89ab", id[19]));
    for (size_t j = 0; j < 36; j++) {
      assert_int_equal(id[j] == '-', j == 8 || j == 13 || j == 18 || j == 23);
    }
  }
  assert_string_not_equal(ids[0], ids[1]);
  tear_down(&f);
}

/* Busy says that nothing was applied; after an attempt that may have been, it is an error. */
static void test_busy_after_a_lost_answer(void **state) {
  (void)state;
  for (int is_lost = 0; is_lost < 2; is_lost++) {
    fixture f;
    set_up(&f);
    for (int i = 0; i < 4; i++) {
      if (is_lost && i == 1) {
        scripted_transport_fail(f.script, DDS_HTTP_INTERRUPTED);
      } else {
        scripted_transport_answer(f.script, 400, THROTTLED);
      }
    }
    assert_false(make_call(&f, &f.error));
    assert_int_equal(f.error.code, is_lost ? DDS_ERROR : DDS_BUSY);
    assert_string_equal(f.error.service_code, "ThrottlingException");
    tear_down(&f);
  }
}

/* An error larger than any of DynamoDB's is not parsed: its tree would take many times its size. */
static void test_huge_error(void **state) {
  (void)state;
  static const char before[] = "{\"__type\":\"a#ValidationException\",\"message\":\"m\",\"x\":[1";
  static const size_t sizes[] = {16 * 1024 * 1024, 16 * 1024 * 1024 + 2};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    fixture f;
    set_up(&f);
    f.response_limit_bytes = sizes[i];
    char *body = malloc(sizes[i] + 1);
    assert_non_null(body);
    memset(body, ' ', sizes[i]);
    memcpy(body, before, sizeof before - 1);
    memcpy(body + sizes[i] - 2, "]}", sizeof "]}");
    scripted_transport_answer(f.script, 400, body);
    free(body);
    assert_false(make_call(&f, &f.error));
    assert_string_equal(f.error.service_code, i == 0 ? "ValidationException" : "");
    assert_ptr_equal(strstr(f.error.message, i == 0 ? "ValidationException: m"
                                                    : "an answer that is not DynamoDB's (HTTP 400"),
                     f.error.message);
    tear_down(&f);
  }
}

/* An attempt that fails before it is sent ends the call, with what is known of those before. */
static void test_attempt_that_is_refused(void **state) {
  (void)state;
  fixture f;
  set_up(&f);
  f.refused_attempt = 1;
  assert_null(start(&f, "GetItem", 4, &f.error));
  assert_string_equal(f.error.message, "no keys");
  tear_down(&f);

  set_up(&f);
  f.refused_attempt = 2;
  scripted_transport_answer(f.script, 500, "");
  assert_false(make_call(&f, &f.error));
  assert_int_equal(f.error.code, DDS_AUTH);
  assert_int_equal(f.error.attempts, 1);
  assert_int_equal(f.error.http_status, 500);
  tear_down(&f);
}

/* Ctrl-C while an attempt waits for credentials: the other calls that are due do not begin to wait
 * for them too, one after the other. */
static void test_attempt_that_is_interrupted(void **state) {
  (void)state;
  fixture f;
  size_t index;
  set_up(&f);
  scripted_transport_answer(f.script, 503, "");
  scripted_transport_answer(f.script, 503, "");
  dds_call *calls[] = {start(&f, "A", 4, &f.error), start(&f, "B", 4, &f.error)};
  f.refused_attempt = 3;
  f.refusal = DDS_INTERRUPT;
  assert_false(dds_call_wait_any(&f.caller, calls, 2, &index, &f.error));
  assert_int_equal(f.error.code, DDS_INTERRUPT);
  assert_int_equal(f.attempts_made, 3);

  /* They stay as they were: who waits again gets their answers. */
  f.error = DDS_ERROR_INIT;
  scripted_transport_answer(f.script, 200, "{}");
  scripted_transport_answer(f.script, 200, "{}");
  for (size_t i = 0; i < 2; i++) {
    assert_true(wait_for(&f, calls[i], &f.error));
    assert_int_equal(dds_call_result(calls[i])->attempts, 2);
    dds_call_free(calls[i]);
  }

  scripted_transport_answer(f.script, 503, "");
  calls[0] = start(&f, "C", 4, &f.error);
  f.refused_attempt = f.attempts_made + 1;
  assert_false(dds_caller_pause(&f.caller, 1000, &f.error));
  assert_int_equal(f.error.code, DDS_INTERRUPT);
  dds_call_free(calls[0]);
  tear_down(&f);
}

/*
 * The attempt of one call waits for an answer of another caller, and meanwhile the answers to other
 * calls come in: those that are due must be sent all the same.
 */
static void test_attempt_that_waits(void **state) {
  (void)state;
  fixture f, inner;
  size_t index;
  set_up(&f);
  inner = (fixture){.script = f.script, .response_limit_bytes = 1000, .error = DDS_ERROR_INIT};
  assert_true(dds_caller_init(&inner.caller, scripted_transport_base(f.script), &f.error));
  scripted_transport_answer(f.script, 503, "");
  scripted_transport_answer_with(
      f.script, &(scripted_answer){.status = 200, .body = "{\"b\":1}", .duration_ms = 100});
  scripted_transport_answer_with(f.script, &(scripted_answer){.status = 503, .retry_after = "60"});
  dds_call *calls[] = {start(&f, "A", 4, &f.error), start(&f, "B", 4, &f.error),
                       start(&f, "C", 4, &f.error)};
  /* A and C fail, and A is due first; its attempt then waits, which lets B finish. */
  f.asked = &inner;
  scripted_transport_answer_with(
      f.script, &(scripted_answer){.status = 200, .body = "{}", .duration_ms = 1000});
  scripted_transport_answer_with(f.script,
                                 &(scripted_answer){.status = 200, .body = "{}", .never = true});
  scripted_transport_answer(f.script, 200, "{}");
  scripted_transport_answer(f.script, 200, "{\"c\":1}");
  f.stop_at = 1000; /* rather than for ever */
  assert_true(dds_call_wait_any(&f.caller, &calls[2], 1, &index, &f.error));
  assert_int_equal(dds_call_result(calls[2])->attempts, 2);
  assert_memory_equal(dds_call_result(calls[2])->body, "{\"c\":1}", 7);
  assert_memory_equal(dds_call_result(calls[1])->body, "{\"b\":1}", 7);
  assert_int_equal(dds_call_result(calls[0])->finished_ms, 0);
  for (size_t i = 0; i < 3; i++) {
    dds_call_free(calls[i]);
  }
  tear_down(&f);
}

/* Whoever waits hands an answer to its owner. */
static void test_two_callers_on_one_transport(void **state) {
  (void)state;
  fixture f, other;
  set_up(&f);
  other = (fixture){.script = f.script, .response_limit_bytes = 1000, .error = DDS_ERROR_INIT};
  assert_true(dds_caller_init(&other.caller, scripted_transport_base(f.script), &f.error));
  scripted_transport_answer(f.script, 200, "{\"a\":1}");
  scripted_transport_answer_with(
      f.script, &(scripted_answer){.status = 200, .body = "{\"b\":2}", .duration_ms = 9});
  dds_call *one = start(&f, "One", 4, &f.error), *two = start(&other, "Two", 4, &f.error);
  assert_true(wait_for(&other, two, &f.error));
  assert_true(wait_for(&f, one, &f.error));
  assert_int_equal(dds_call_result(one)->http_status, 200);
  assert_memory_equal(dds_call_result(one)->body, "{\"a\":1}", 7);
  assert_memory_equal(dds_call_result(two)->body, "{\"b\":2}", 7);
  dds_call_free(one);
  dds_call_free(two);
  tear_down(&f);
}

/* The machine's clock is set back by a day while a call waits for its second attempt. */
static void test_clock_that_is_set_back(void **state) {
  (void)state;
  fixture f;
  set_up(&f);
  scripted_transport_answer_with(f.script,
                                 &(scripted_answer){.status = 503, .retry_after = "5000"});
  scripted_transport_answer(f.script, 200, "{}");
  dds_call *call = start(&f, "GetItem", 4, &f.error);
  assert_true(dds_caller_pause(&f.caller, 100, &f.error));
  assert_int_equal(dds_call_result(call)->attempts, 1);
  int64_t morning_ms = scripted_transport_now(f.script) - 86400000;
  scripted_transport_set_now(f.script, morning_ms);
  assert_true(wait_for(&f, call, &f.error));
  assert_int_equal(dds_call_result(call)->attempts, 2);
  assert_in_range(scripted_transport_now(f.script) - morning_ms, 0, 30000);
  dds_call_free(call);
  tear_down(&f);
}

/* Between attempts too. */
static void test_interrupted(void **state) {
  (void)state;
  fixture f;
  set_up(&f);
  scripted_transport_answer_with(f.script,
                                 &(scripted_answer){.status = 503, .retry_after = "5000"});
  dds_call *call = start(&f, "GetItem", 4, &f.error);
  f.stop_at = 2;
  int64_t before_ms = scripted_transport_now(f.script);
  assert_false(wait_for(&f, call, &f.error));
  assert_int_equal(f.error.code, DDS_INTERRUPT);
  assert_in_range(scripted_transport_now(f.script) - before_ms, 0, 100);
  assert_int_equal(dds_call_result(call)->finished_ms, 0);
  dds_call_free(call);
  tear_down(&f);
}

static void check_refused(bool is_done, dds_error *error) {
  assert_false(is_done);
  assert_int_equal(error->code, DDS_ERROR);
  assert_non_null(strstr(error->message, "inside the progress handler of another one"));
  dds_error_clear(error);
}

/* What statements in a progress handler come to do while another one waits. */
static void start_and_wait(fixture *f) {
  dds_error error = DDS_ERROR_INIT;
  size_t index = 9;
  assert_null(start(f, "Intruder", 4, &error));
  check_refused(false, &error);
  check_refused(dds_call_wait_any(&f->caller, f->calls, 1, &index, &error), &error);
  check_refused(dds_call_wait_arrival(&f->caller, f->calls, 1, &index, &error), &error);
  check_refused(dds_caller_poll(&f->caller, &error), &error);
  check_refused(dds_caller_pause(&f->caller, 100, &error), &error);
  assert_int_equal(index, 9);
}

/* Neither what is waited for nor what is under way besides takes harm, also between attempts. */
static void test_waiting_within_a_wait_is_refused(void **state) {
  (void)state;
  fixture f;
  set_up(&f);
  scripted_transport_answer_with(
      f.script,
      &(scripted_answer){.status = 503, .retry_after = "5000", .body = "", .duration_ms = 200});
  scripted_transport_answer_with(
      f.script, &(scripted_answer){.status = 200, .body = "{\"b\":1}", .duration_ms = 400});
  scripted_transport_answer_with(
      f.script, &(scripted_answer){.status = 503, .retry_after = "5000", .duration_ms = 100});
  for (size_t i = 0; i < 3; i++) {
    f.calls[i] = start(&f, "GetItem", 4, &f.error);
    scripted_transport_answer_with(
        f.script, &(scripted_answer){.status = 200, .body = "{}", .duration_ms = i < 2 ? 100 : 0});
  }
  f.intrude = start_and_wait;
  assert_true(wait_for(&f, f.calls[0], &f.error));
  assert_in_range(f.stop_calls, 10, 1000);
  f.intrude = NULL;
  for (size_t i = 0; i < 3; i++) {
    assert_true(wait_for(&f, f.calls[i], &f.error));
    assert_int_equal(dds_call_result(f.calls[i])->attempts, i == 1 ? 1 : 2);
  }
  assert_memory_equal(dds_call_result(f.calls[1])->body, "{\"b\":1}", 7);
  assert_int_equal(scripted_transport_request_count(f.script), 5);
  for (size_t i = 0; i < 3; i++) {
    dds_call_free(f.calls[i]);
  }
  assert_true(make_call(&f, &f.error));
  tear_down(&f);
}

static void wait_for_finished(fixture *f) {
  assert_true(wait_for(f, f->calls[0], &f->error));
  dds_call_free(f->calls[1]);
  f->calls[1] = NULL;
}

/* What needs no answer any more is there, and what nobody needs can be given up. */
static void test_what_may_be_done_within_a_wait(void **state) {
  (void)state;
  fixture f;
  set_up(&f);
  scripted_transport_answer(f.script, 200, "{}");
  f.calls[0] = start(&f, "Finished", 4, &f.error);
  assert_true(wait_for(&f, f.calls[0], &f.error));
  scripted_transport_answer_with(f.script, &(scripted_answer){.status = 200, .never = true});
  scripted_transport_answer_with(
      f.script, &(scripted_answer){.status = 200, .body = "{}", .duration_ms = 200});
  f.calls[1] = start(&f, "Freed", 4, &f.error);
  f.calls[2] = start(&f, "WaitedFor", 4, &f.error);
  f.intrude = wait_for_finished;
  assert_true(wait_for(&f, f.calls[2], &f.error));
  assert_int_equal(f.stop_calls, 4);
  dds_call_free(f.calls[0]);
  dds_call_free(f.calls[2]);
  tear_down(&f);
}

static void wait_for_arrival(fixture *f, dds_call *call) {
  size_t index = 9;
  assert_true(dds_call_wait_arrival(&f->caller, &call, 1, &index, &f->error));
  assert_int_equal(index, 0);
}

static void expect_peek(const dds_call *call, const char *expected) {
  const char *body;
  size_t length;
  if (expected == NULL) {
    assert_false(dds_call_peek(call, &body, &length));
    return;
  }
  assert_true(dds_call_peek(call, &body, &length));
  assert_int_equal(length, strlen(expected));
  assert_memory_equal(body, expected, length);
}

/* An answer with a wrong checksum, by which the next call was started already: it is tried again,
 * and the answer to that other call stays. */
static void test_arrival_before_a_wrong_checksum(void **state) {
  (void)state;
  fixture f;
  set_up(&f);
  scripted_transport_answer_with(
      f.script, &(scripted_answer){.status = 200, .body = "{\"a\":0}", .crc32 = "1"});
  scripted_transport_answer(f.script, 200, "{\"b\":1}");
  scripted_transport_answer(f.script, 200, "{\"a\":1}");
  dds_call *one = start(&f, "One", 4, &f.error);
  expect_peek(one, NULL);
  wait_for_arrival(&f, one);
  expect_peek(one, "{\"a\":0}");
  assert_int_equal(dds_call_result(one)->finished_ms, 0);
  assert_int_equal(dds_call_result(one)->http_status, 0);

  dds_call *two = start(&f, "Two", 4, &f.error);
  assert_true(wait_for(&f, one, &f.error));
  assert_int_equal(dds_call_result(one)->attempts, 2);
  assert_memory_equal(dds_call_result(one)->body, "{\"a\":1}", 7);
  expect_peek(one, "{\"a\":1}");
  assert_true(wait_for(&f, two, &f.error));
  assert_int_equal(dds_call_result(two)->attempts, 1);
  assert_memory_equal(dds_call_result(two)->body, "{\"b\":1}", 7);
  dds_call_free(one);
  dds_call_free(two);
  tear_down(&f);
}

/* What is no HTTP 200, and what was found wrong, cannot be peeked at. */
static void test_peek_at_a_failure(void **state) {
  (void)state;
  static const scripted_answer answers[] = {
      {.status = 400, .body = "{\"__type\":\"a#ValidationException\"}"},
      {.failure = DDS_HTTP_INTERRUPTED},
      {.status = 200, .body = "{}", .crc32 = "1"},
  };
  for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
    fixture f;
    set_up(&f);
    scripted_transport_answer_with(f.script, &answers[i]);
    dds_call *call = start(&f, "Scan", 1, &f.error);
    wait_for_arrival(&f, call);
    expect_peek(call, i == 2 ? "{}" : NULL);
    assert_false(wait_for(&f, call, &f.error));
    expect_peek(call, NULL);
    dds_call_free(call);
    tear_down(&f);
  }
}

/* An answer's time is when it came, however late it is looked at. */
static void test_time_of_an_answer(void **state) {
  (void)state;
  fixture f;
  set_up(&f);
  scripted_transport_answer_with(
      f.script, &(scripted_answer){.status = 200, .body = "{}", .duration_ms = 10});
  dds_call *call = start(&f, "Scan", 4, &f.error);
  wait_for_arrival(&f, call);
  scripted_transport_set_now(f.script, scripted_transport_now(f.script) + 60000);
  assert_true(wait_for(&f, call, &f.error));
  const dds_call_outcome *outcome = dds_call_result(call);
  assert_int_equal(outcome->finished_ms - outcome->started_ms, 10);
  dds_call_free(call);
  tear_down(&f);
}

/* Whoever gives up a call learns how it ended where it has; what could be tried again is not. */
static void test_settling(void **state) {
  (void)state;
  static const struct {
    scripted_answer answer;
    bool is_settled;
    dds_code code;
    int http_status;
  } cases[] = {
      {{.status = 200, .body = "{}"}, true, DDS_OK, 200},
      {{.status = 503, .body = ""}, true, DDS_ERROR, 503},
      {{.status = 400, .body = THROTTLED}, true, DDS_BUSY, 400},
      {{.status = 200, .body = "{}", .crc32 = "1"}, true, DDS_ERROR, 200},
      {{.never = true}, false, DDS_OK, 0},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    fixture f;
    size_t index;
    set_up(&f);
    scripted_transport_answer_with(f.script, &cases[i].answer);
    dds_call *call = start(&f, "Scan", 4, &f.error);
    f.stop_at = 2;
    assert_int_equal(dds_call_wait_arrival(&f.caller, &call, 1, &index, &f.error),
                     cases[i].is_settled);
    assert_int_equal(dds_call_settle(call), cases[i].is_settled);
    assert_int_equal(dds_call_settle(call), cases[i].is_settled);
    assert_int_equal(dds_call_result(call)->error.code, cases[i].code);
    assert_int_equal(dds_call_result(call)->http_status, cases[i].http_status);
    assert_int_equal(f.caller.bucket.tokens, BUCKET_TOKENS);
    dds_call_free(call);
    tear_down(&f);
  }
}

/* A wait for an arrival that is interrupted leaves the call, and a later one gets it. */
static void test_interrupted_arrival(void **state) {
  (void)state;
  fixture f;
  size_t index;
  set_up(&f);
  scripted_transport_answer_with(
      f.script, &(scripted_answer){.status = 200, .body = "{}", .duration_ms = 500});
  dds_call *call = start(&f, "Scan", 4, &f.error);
  f.stop_at = 2;
  assert_false(dds_call_wait_arrival(&f.caller, &call, 1, &index, &f.error));
  assert_int_equal(f.error.code, DDS_INTERRUPT);
  f.error = DDS_ERROR_INIT;
  wait_for_arrival(&f, call);
  assert_true(wait_for(&f, call, &f.error));
  dds_call_free(call);
  tear_down(&f);
}

/* Of several: the one that comes first, also where it must be tried again. */
static void test_arrival_of_several(void **state) {
  (void)state;
  fixture f;
  size_t index;
  set_up(&f);
  scripted_transport_answer_with(
      f.script, &(scripted_answer){.status = 200, .body = "{}", .duration_ms = 100});
  scripted_transport_answer_with(f.script,
                                 &(scripted_answer){.status = 503, .body = "", .duration_ms = 10});
  scripted_transport_answer(f.script, 200, "{\"b\":1}");
  dds_call *calls[] = {start(&f, "A", 4, &f.error), start(&f, "B", 4, &f.error)};
  assert_true(dds_call_wait_arrival(&f.caller, calls, 2, &index, &f.error));
  assert_int_equal(index, 1);
  expect_peek(calls[1], NULL);
  assert_true(wait_for(&f, calls[1], &f.error));
  assert_int_equal(dds_call_result(calls[1])->attempts, 2);
  assert_true(wait_for(&f, calls[0], &f.error));
  dds_call_free(calls[0]);
  dds_call_free(calls[1]);
  tear_down(&f);
}

/* A call that arrives while another caller waits is there for its own, unjudged until then. */
static void test_arrival_at_another_caller(void **state) {
  (void)state;
  fixture f, other;
  set_up(&f);
  other = (fixture){.script = f.script, .response_limit_bytes = 1000, .error = DDS_ERROR_INIT};
  assert_true(dds_caller_init(&other.caller, scripted_transport_base(f.script), &f.error));
  scripted_transport_answer(f.script, 503, "");
  scripted_transport_answer_with(
      f.script, &(scripted_answer){.status = 200, .body = "{}", .duration_ms = 2000});
  scripted_transport_answer(f.script, 200, "{\"a\":1}");
  dds_call *one = start(&f, "One", 4, &f.error), *two = start(&other, "Two", 4, &f.error);
  assert_true(wait_for(&other, two, &f.error));
  assert_int_equal(dds_call_result(one)->http_status, 0);
  assert_int_equal(f.attempts_made, 1);
  assert_true(wait_for(&f, one, &f.error));
  assert_int_equal(dds_call_result(one)->attempts, 2);
  dds_call_free(one);
  dds_call_free(two);
  tear_down(&f);
}

static void test_freed_in_each_state(void **state) {
  (void)state;
  enum { DUE, IN_FLIGHT, ARRIVED, FINISHED, STATES };
  for (int wanted = DUE; wanted < STATES; wanted++) {
    fixture f;
    set_up(&f);
    scripted_transport_answer_with(
        f.script,
        &(scripted_answer){.status = wanted == DUE ? 503 : 200, .body = "{}", .retry_after = "60"});
    dds_call *call = start(&f, "Scan", 4, &f.error);
    if (wanted == DUE) {
      assert_true(dds_caller_pause(&f.caller, 10, &f.error));
    } else if (wanted == ARRIVED) {
      wait_for_arrival(&f, call);
    } else if (wanted == FINISHED) {
      assert_true(wait_for(&f, call, &f.error));
    }
    assert_int_equal(f.attempts_made, 1);
    dds_call_free(call);
    tear_down(&f);
  }
}

#define AT_TEN_PAST "Sun, 22 Nov 2026 12:10:00 GMT"
#define AT_NOON     "Sun, 22 Nov 2026 12:00:00 GMT"

static void answer_at(fixture *f, int status, const char *body, const char *date) {
  scripted_transport_answer_with(f->script,
                                 &(scripted_answer){.status = status, .body = body, .date = date});
}

static void test_skew_is_learned_and_kept(void **state) {
  (void)state;
  fixture f;
  set_up(&f);
  int64_t noon_ms = scripted_transport_now(f.script);
  answer_at(&f, 400, SKEWED, AT_TEN_PAST);
  answer_at(&f, 200, "{}", AT_TEN_PAST);
  assert_true(make_call(&f, &f.error));
  assert_int_equal(f.attempts_made, 2);
  assert_int_equal(f.server_times[0], noon_ms);
  assert_in_range(f.server_times[1] - noon_ms, 600000, 600100);
  assert_int_equal(f.caller.bucket.tokens, BUCKET_TOKENS); /* 14 paid, 14 refunded */

  /* The next call begins with what was learned, and its answer, a second earlier, teaches anew. */
  answer_at(&f, 200, "{}", AT_NOON);
  assert_true(make_call(&f, &f.error));
  assert_in_range(f.server_times[2] - noon_ms, 600000, 600200);
  answer_at(&f, 200, "{}", AT_NOON);
  assert_true(make_call(&f, &f.error));
  assert_in_range(noon_ms + 100 - f.server_times[3], 0, 200);
  tear_down(&f);
}

/* What a right time does not mend is final, with as few attempts as can tell. */
static void test_skew_errors_that_stay(void **state) {
  (void)state;
  static const struct {
    const char *body;
    const char *dates[4];
    int attempts;
    const char *message;
  } cases[] = {
      /* Small: the error is not the clock's. */
      {SKEWED, {AT_NOON}, 1, "RequestTimeTooSkewed"},
      {SKEWED, {NULL}, 1, "RequestTimeTooSkewed"},
      /* Corrected once, and refused again. */
      {SKEWED,
       {AT_TEN_PAST, AT_TEN_PAST},
       2,
       "RequestTimeTooSkewed; this machine's clock is 599 s behind the service's"},
      {"{\"__type\":\"a#InvalidSignatureException\",\"message\":\"m\"}",
       {AT_TEN_PAST, AT_TEN_PAST},
       2,
       "InvalidSignatureException; this machine's clock is 599 s behind the service's"},
      {"{\"__type\":\"a#AccessDeniedException\",\"message\":\"m\"}",
       {AT_TEN_PAST, AT_TEN_PAST},
       2,
       "AccessDeniedException: m"},
      /* A server that shows another time each time: as many attempts as any call has. */
      {SKEWED, {AT_TEN_PAST, AT_NOON, AT_TEN_PAST, AT_NOON}, 4, "RequestTimeTooSkewed"},
      /* Not an error that a wrong clock brings. */
      {"{\"__type\":\"a#ValidationException\",\"message\":\"m\"}",
       {AT_TEN_PAST},
       1,
       "ValidationException: m"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    fixture f;
    set_up(&f);
    for (int j = 0; j < cases[i].attempts; j++) {
      answer_at(&f, 400, cases[i].body, cases[i].dates[j]);
    }
    assert_false(make_call(&f, &f.error));
    if (f.attempts_made != cases[i].attempts ||
        strncmp(f.error.message, cases[i].message, strlen(cases[i].message)) != 0) {
      fail_msg("case %zu: %d attempts, %s", i, f.attempts_made, f.error.message);
    }
    assert_int_equal(f.caller.bucket.tokens,
                     BUCKET_TOKENS - (cases[i].attempts - 1) * TRANSIENT_COST);
    tear_down(&f);
  }
}

static void test_skew_of_a_cached_answer(void **state) {
  (void)state;
  fixture f;
  set_up(&f);
  scripted_transport_answer_with(
      f.script,
      &(scripted_answer){.status = 400, .body = SKEWED, .date = AT_TEN_PAST, .has_age = true});
  assert_false(make_call(&f, &f.error));
  assert_int_equal(f.attempts_made, 1);
  assert_int_equal(f.caller.skew.offset_ms, 0);
  tear_down(&f);
}

static void test_each_allocation_failing(void **state) {
  (void)state;
  long before = failing_allocator_live_blocks();
  for (long nth = 1;; nth++) {
    fixture f;
    set_up(&f);
    failing_allocator_refuse(nth);
    bool is_done = run(&f, 2, 500, "{}");
    bool refused = failing_allocator_check(is_done, &f.error);
    assert_null(f.caller.calls);
    assert_int_equal(scripted_transport_open_exchanges(f.script), 0);
    scripted_transport_destroy(f.script);
    assert_int_equal(failing_allocator_live_blocks(), before);
    if (!refused) {
      break;
    }
    assert_in_range(nth, 1, 100);
  }
}

int main(void) {
  failing_allocator_install();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_delays),
      cmocka_unit_test(test_tokens),
      cmocka_unit_test(test_too_few_tokens),
      cmocka_unit_test(test_no_tokens_for_the_last_attempt),
      cmocka_unit_test(test_retry_after),
      cmocka_unit_test(test_headers_of_attempts),
      cmocka_unit_test(test_busy_after_a_lost_answer),
      cmocka_unit_test(test_huge_error),
      cmocka_unit_test(test_attempt_that_is_refused),
      cmocka_unit_test(test_attempt_that_is_interrupted),
      cmocka_unit_test(test_attempt_that_waits),
      cmocka_unit_test(test_two_callers_on_one_transport),
      cmocka_unit_test(test_clock_that_is_set_back),
      cmocka_unit_test(test_interrupted),
      cmocka_unit_test(test_waiting_within_a_wait_is_refused),
      cmocka_unit_test(test_what_may_be_done_within_a_wait),
      cmocka_unit_test(test_arrival_before_a_wrong_checksum),
      cmocka_unit_test(test_peek_at_a_failure),
      cmocka_unit_test(test_time_of_an_answer),
      cmocka_unit_test(test_settling),
      cmocka_unit_test(test_interrupted_arrival),
      cmocka_unit_test(test_arrival_of_several),
      cmocka_unit_test(test_arrival_at_another_caller),
      cmocka_unit_test(test_freed_in_each_state),
      cmocka_unit_test(test_skew_is_learned_and_kept),
      cmocka_unit_test(test_skew_errors_that_stay),
      cmocka_unit_test(test_skew_of_a_cached_answer),
      cmocka_unit_test(test_each_allocation_failing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
