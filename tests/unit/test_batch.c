/* BatchWriteItem and BatchGetItem: bodies, rounds of what is left unprocessed, failures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "dynamodb/batch.h"
#include "failing_allocator.h"
#include "table_fixture.h"

enum { MOST = 120, KEY_BYTES = 32 };

/* Writes w0, w1, …: every fifth a DELETE. They own nothing. */
typedef struct fixture {
  table_fixture base;
  dds_table other;
  char keys[MOST][KEY_BYTES];
  dds_write writes[MOST];
  dds_table_write list[MOST];
  dds_element_state states[MOST];
} fixture;

static void name_elements(fixture *f) {
  for (int i = 0; i < MOST; i++) {
    snprintf(f->keys[i], KEY_BYTES, "{\"id\":{\"S\":\"w%d\"}}", i);
    dds_key key = {.json = f->keys[i], .length = strlen(f->keys[i])};
    f->writes[i] = (dds_write){.kind = i % 5 == 4 ? DDS_WRITE_DELETE : DDS_WRITE_PUT,
                               .key = key,
                               .item = f->keys[i],
                               .item_length = key.length};
    f->list[i] = (dds_table_write){.table = &f->base.table, .write = &f->writes[i]};
    f->states[i] = DDS_ELEMENT_WAITING;
  }
}

static void set_up(fixture *f) {
  table_fixture_set_up(&f->base);
  f->other = f->base.table;
  f->other.name = "other";
  name_elements(f);
}

static int count_states(const fixture *f, int count, dds_element_state state) {
  int found = 0;
  for (int i = 0; i < count; i++) {
    found += f->states[i] == state;
  }
  return found;
}

/* Answers that writes first … end-1 are left unprocessed. */
static void answer_unprocessed(fixture *f, int first, int end) {
  dds_buffer body = DDS_BUFFER_INIT(100000);
  dds_buffer_append_text(&body, "{\"UnprocessedItems\":{\"prod-sessions\":[");
  for (int i = first; i < end; i++) {
    bool is_put = f->writes[i].kind == DDS_WRITE_PUT;
    dds_buffer_append_format(&body, "%s{\"%s\":{\"%s\":%s}}", i == first ? "" : ",",
                             is_put ? "PutRequest" : "DeleteRequest", is_put ? "Item" : "Key",
                             f->keys[i]);
  }
  dds_buffer_append_text(&body, "]}}");
  scripted_transport_answer(f->base.script, 200, dds_buffer_text(&body));
  dds_buffer_free(&body);
}

static int count_in_body(const fixture *f, size_t request, const char *word) {
  int count = 0;
  for (const char *at = table_fixture_body(&f->base, request); (at = strstr(at, word)) != NULL;
       at++) {
    count++;
  }
  return count;
}

static void builds_the_request(void **state) {
  (void)state;
  fixture f;
  set_up(&f);
  f.list[1].table = &f.other;
  scripted_transport_answer(f.base.script, 200, "{\"UnprocessedItems\":{}}");
  f.list[2] = f.list[4]; /* a DELETE */
  assert_true(dds_batch_write(f.list, 3, 16, f.states, &f.base.error));
  assert_string_equal(table_fixture_body(&f.base, 0),
                      "{\"RequestItems\":{\"prod-sessions\":[{\"PutRequest\":{\"Item\":{\"id\":"
                      "{\"S\":\"w0\"}}}},{\"DeleteRequest\":{\"Key\":{\"id\":{\"S\":\"w4\"}}}}],"
                      "\"other\":[{\"PutRequest\":{\"Item\":{\"id\":{\"S\":\"w1\"}}}}]},"
                      "\"ReturnConsumedCapacity\":\"TOTAL\"}");
  assert_non_null(strstr(f.base.records, "BatchWriteItem [put 2, delete 1] "));
  assert_int_equal(count_states(&f, 3, DDS_ELEMENT_DONE), 3);
  table_fixture_tear_down(&f.base);
}

static void sends_in_25s_and_several_at_once(void **state) {
  (void)state;
  fixture f;
  set_up(&f);
  for (int i = 0; i < 5; i++) {
    scripted_transport_answer(f.base.script, 200, "{}");
  }
  assert_true(dds_batch_write(f.list, 110, 3, f.states, &f.base.error));
  assert_int_equal(scripted_transport_request_count(f.base.script), 5);
  assert_int_equal(scripted_transport_most_in_flight(f.base.script), 3);
  assert_int_equal(count_in_body(&f, 0, "Request\":"), 25);
  assert_int_equal(count_in_body(&f, 4, "Request\":"), 10);
  assert_int_equal(count_states(&f, 110, DDS_ELEMENT_DONE), 110);
  assert_int_equal(count_states(&f, MOST, DDS_ELEMENT_WAITING), MOST - 110);
  table_fixture_tear_down(&f.base);
}

/* Characters that travel as six bytes: what counts is those, not the size of the item. */
static void counts_bytes_as_they_travel(void **state) {
  (void)state;
  enum { ESCAPES = 170000, ESCAPE_BYTES = 6, FIT_IN_A_CALL = 16 };
  static char item[ESCAPES * ESCAPE_BYTES + 64];
  fixture f;
  set_up(&f);
  size_t length = (size_t)snprintf(item, sizeof item, "{\"id\":{\"S\":\"");
  for (int i = 0; i < ESCAPES; i++, length += ESCAPE_BYTES) {
    memcpy(item + length, "\\u0001", ESCAPE_BYTES);
  }
  length += (size_t)snprintf(item + length, sizeof item - length, "\"}}");
  for (int i = 0; i < DDS_BATCH_MAX_WRITES; i++) {
    f.writes[i].kind = DDS_WRITE_PUT;
    f.writes[i].item = item;
    f.writes[i].item_length = length;
  }
  scripted_transport_answer(f.base.script, 200, "{}");
  scripted_transport_answer(f.base.script, 200, "{}");
  assert_true(dds_batch_write(f.list, DDS_BATCH_MAX_WRITES, 1, f.states, &f.base.error));
  assert_int_equal(count_in_body(&f, 0, "PutRequest"), FIT_IN_A_CALL);
  assert_int_equal(count_in_body(&f, 1, "PutRequest"), DDS_BATCH_MAX_WRITES - FIT_IN_A_CALL);
  table_fixture_tear_down(&f.base);
}

static void resends_what_is_left_and_nothing_else(void **state) {
  (void)state;
  fixture f;
  set_up(&f);
  answer_unprocessed(&f, 20, 25);
  answer_unprocessed(&f, 25, 40);
  answer_unprocessed(&f, 30, 31);
  scripted_transport_answer(f.base.script, 200, "{}");
  assert_true(dds_batch_write(f.list, 40, 2, f.states, &f.base.error));
  assert_int_equal(scripted_transport_request_count(f.base.script), 4);
  /* Both calls' leftovers in one; then the one that was left again. */
  assert_int_equal(count_in_body(&f, 2, "Request\":"), 20);
  assert_int_equal(count_in_body(&f, 3, "Request\":"), 1);
  assert_non_null(strstr(table_fixture_body(&f.base, 3), "w30"));
  /* New calls, not retries. */
  const char *names[2];
  for (size_t i = 0; i < 2; i++) {
    names[i] = scripted_request_header(scripted_transport_request(f.base.script, 2 + i),
                                       "amz-sdk-invocation-id");
  }
  assert_string_not_equal(names[0], names[1]);
  assert_int_equal(count_states(&f, 40, DDS_ELEMENT_DONE), 40);
  table_fixture_tear_down(&f.base);
}

static void gives_up_after_ten_rounds_that_get_nowhere(void **state) {
  (void)state;
  fixture f;
  set_up(&f);
  for (int i = 0; i < 9; i++) {
    answer_unprocessed(&f, 0, 3);
  }
  answer_unprocessed(&f, 1, 3); /* progress: the count starts over */
  for (int i = 0; i < 10; i++) {
    answer_unprocessed(&f, 1, 3);
  }
  int64_t begin_ms = scripted_transport_now(f.base.script);
  assert_false(dds_batch_write(f.list, 3, 16, f.states, &f.base.error));
  assert_int_equal(f.base.error.code, DDS_BUSY);
  assert_non_null(strstr(f.base.error.message, "2 items remain unprocessed after 10 rounds"));
  assert_int_equal(count_states(&f, 3, DDS_ELEMENT_WAITING), 2);
  assert_int_equal(count_states(&f, 3, DDS_ELEMENT_DONE), 1);
  /* Never longer than 100 ms, 200 ms … 5 s, 50 ms after progress, and 1 ms for each answer. */
  int64_t longest_ms = 2 * (100 + 200 + 400 + 800 + 1600 + 3200 + 3 * 5000) + 50 + 20;
  int64_t took_ms = scripted_transport_now(f.base.script) - begin_ms;
  assert_in_range(took_ms, 20, longest_ms);
  table_fixture_tear_down(&f.base);
}

static void a_failure_ends_it_and_tells_what_became_of_each(void **state) {
  (void)state;
  static const struct {
    int status;
    const char *body;
    int times;
    dds_element_state left;
  } cases[] = {
      {400, "{\"__type\":\"x#AccessDeniedException\"}", 1, DDS_ELEMENT_WAITING},
      {500, "{\"__type\":\"x#InternalServerError\"}", 4, DDS_ELEMENT_UNKNOWN},
      {200,
       "{\"UnprocessedItems\":{\"prod-sessions\":[{\"PutRequest\":{\"Item\":{\"id\":{\"S\":"
       "\"strange\"}}}}]}}",
       1, DDS_ELEMENT_UNKNOWN},
      {200, "{\"UnprocessedItems\":[5]}", 1, DDS_ELEMENT_UNKNOWN},
      {200, "{\"UnprocessedItems\":[]}", 1, DDS_ELEMENT_UNKNOWN},
      {200, "{\"UnprocessedItems\":\"all\"}", 1, DDS_ELEMENT_UNKNOWN},
      {200, "{\"UnprocessedItems\":{\"prod-sessions\":\"all\"}}", 1, DDS_ELEMENT_UNKNOWN},
      {200, "{\"UnprocessedItems\":{\"prod-sessions\":null}}", 1, DDS_ELEMENT_UNKNOWN},
      {200, "{\"UnprocessedItems\":{\"prod-sessions\":{\"PutRequest\":{}}}}", 1,
       DDS_ELEMENT_UNKNOWN},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    fixture f;
    set_up(&f);
    scripted_transport_answer(f.base.script, 200, "{}");
    for (int j = 0; j < cases[i].times; j++) {
      scripted_transport_answer(f.base.script, cases[i].status, cases[i].body);
    }
    assert_false(dds_batch_write(f.list, 110, 1, f.states, &f.base.error));
    assert_int_equal(f.base.error.code,
                     strstr(cases[i].body, "Denied") != NULL ? DDS_AUTH : DDS_ERROR);
    assert_int_equal(count_states(&f, 25, DDS_ELEMENT_DONE), 25);
    for (int j = 25; j < 50; j++) {
      assert_int_equal(f.states[j], cases[i].left);
    }
    for (int j = 50; j < 110; j++) {
      assert_int_equal(f.states[j], DDS_ELEMENT_WAITING);
    }
    table_fixture_tear_down(&f.base);
  }
}

static void what_is_in_flight_beside_a_failure_is_waited_for(void **state) {
  (void)state;
  fixture f;
  set_up(&f);
  scripted_transport_answer(f.base.script, 400, "{\"__type\":\"x#AccessDeniedException\"}");
  scripted_transport_answer_with(
      f.base.script, &(scripted_answer){.status = 200, .body = "{}", .duration_ms = 500});
  assert_false(dds_batch_write(f.list, 110, 2, f.states, &f.base.error));
  assert_int_equal(count_states(&f, 110, DDS_ELEMENT_DONE), 25);
  assert_int_equal(count_states(&f, 110, DDS_ELEMENT_WAITING), 85);
  table_fixture_tear_down(&f.base);
}

static void an_interrupt_waits_for_nothing(void **state) {
  (void)state;
  fixture f;
  set_up(&f);
  scripted_transport_answer(f.base.script, 200, "{}");
  scripted_transport_answer_with(f.base.script, &(scripted_answer){.never = true});
  scripted_transport_answer_with(f.base.script, &(scripted_answer){.never = true});
  f.base.stop_at = 3;
  assert_false(dds_batch_write(f.list, 110, 2, f.states, &f.base.error));
  assert_int_equal(f.base.error.code, DDS_INTERRUPT);
  assert_int_equal(count_states(&f, 110, DDS_ELEMENT_DONE), 25);
  assert_int_equal(count_states(&f, 110, DDS_ELEMENT_UNKNOWN), 50);
  assert_int_equal(count_states(&f, 110, DDS_ELEMENT_WAITING), 35);
  table_fixture_tear_down(&f.base);
}

static dds_exchange *broken_wait(dds_transport *transport, int64_t until_ms, dds_error *error) {
  (void)transport;
  (void)until_ms;
  dds_error_set(error, DDS_ERROR, "broken");
  return NULL;
}

/* It would fail the same way for ever. */
static void a_wait_that_fails_is_not_repeated(void **state) {
  (void)state;
  fixture f;
  set_up(&f);
  scripted_transport_answer_with(f.base.script, &(scripted_answer){.never = true});
  scripted_transport_answer_with(f.base.script, &(scripted_answer){.never = true});
  scripted_transport_base(f.base.script)->wait = broken_wait;
  assert_false(dds_batch_write(f.list, 110, 2, f.states, &f.base.error));
  assert_non_null(strstr(f.base.error.message, "broken"));
  assert_int_equal(count_states(&f, 110, DDS_ELEMENT_UNKNOWN), 50);
  assert_int_equal(count_states(&f, 110, DDS_ELEMENT_WAITING), 60);
  table_fixture_tear_down(&f.base);
}

/* ---- reading ---------------------------------------------------------------------------------*/

/* The first keys, of a set that is the caller's. */
static dds_key_set key_set_of(const fixture *f, size_t count) {
  dds_key_set keys = {0};
  dds_error error = DDS_ERROR_INIT;
  for (size_t i = 0; i < count; i++) {
    assert_true(dds_key_set_add(&keys, &f->writes[i].key, NULL, NULL, &error));
  }
  return keys;
}

/* Reads all of them but for those that are left out; returns how many items came, or -1. */
static int get_some(fixture *f, const dds_key_set *keys, const bool *left_out, dds_error *error) {
  static const char *const names[] = {"id", "sess"};
  const dds_batch_get_request request = {.hash_key = "id",
                                         .keys = keys,
                                         .left_out = left_out,
                                         .projection = {.attributes = names, .count = 2},
                                         .consistent = true,
                                         .concurrency = 4};
  dds_batch_get *batch;
  dds_item item = {.json = {0}};
  size_t number = keys->count;
  int items = 0;
  bool ok = dds_batch_get_open(&f->base.table, &request, &batch, error);
  while (ok && (ok = dds_batch_get_next(batch, &item, &number, error)) && item.json.text != NULL) {
    dds_key key;
    assert_true(number < keys->count);
    ok = dds_key_from_item("id", &item, &key, error);
    assert_true(!ok || dds_key_equal(&key, &keys->keys[number]));
    dds_key_free(&key);
    items++;
  }
  dds_batch_get_close(batch);
  return ok ? items : -1;
}

static int get_all(fixture *f, size_t count, dds_error *error) {
  dds_key_set keys = key_set_of(f, count);
  int items = get_some(f, &keys, NULL, error);
  dds_key_set_free(&keys);
  return items;
}

#define ITEM  "{\"id\":{\"S\":\"w0\"}}"
#define OTHER "{\"sess\":{\"S\":\"{}\"},\"id\":{\"S\":\"\\u0077\\u0031\"}}" /* w1 */
#define PAGE(items, left) \
  "{\"Responses\":{\"prod-sessions\":[" items "]},\"UnprocessedKeys\":{" left "}}"

static void gets_by_hundreds(void **state) {
  (void)state;
  fixture f;
  set_up(&f);
  scripted_transport_answer(f.base.script, 200, PAGE(ITEM "," OTHER, ""));
  scripted_transport_answer(f.base.script, 200, "{\"Responses\":{}}");
  assert_int_equal(get_all(&f, 110, &f.base.error), 2);
  assert_int_equal(count_in_body(&f, 0, "\"S\":"), 100);
  assert_int_equal(count_in_body(&f, 1, "\"S\":"), 10);
  assert_non_null(strstr(table_fixture_body(&f.base, 1),
                         "],\"ProjectionExpression\":\"#n0, #n1\",\"ExpressionAttributeNames\":"
                         "{\"#n0\":\"id\",\"#n1\":\"sess\"},\"ConsistentRead\":true}},"
                         "\"ReturnConsumedCapacity\":\"TOTAL\"}"));
  assert_non_null(
      strstr(f.base.records, "BatchGetItem [10 keys; attributes id, sess; consistent] "));
  table_fixture_tear_down(&f.base);
}

static void asks_again_for_unprocessed_keys(void **state) {
  (void)state;
  fixture f;
  set_up(&f);
  scripted_transport_answer(
      f.base.script, 200,
      PAGE(ITEM, "\"prod-sessions\":{\"Keys\":[{\"id\":{\"S\":\"w1\"}},{\"id\":{\"S\":\"w3\"}}]}"));
  scripted_transport_answer(f.base.script, 200, PAGE(OTHER, ""));
  assert_int_equal(get_all(&f, 5, &f.base.error), 2);
  assert_non_null(strstr(table_fixture_body(&f.base, 1),
                         "\"Keys\":[{\"id\":{\"S\":\"w1\"}},{\"id\":{\"S\":\"w3\"}}]"));
  table_fixture_tear_down(&f.base);
}

/* What is left out is not asked for, and as strange in an answer as any other key. */
static void leaves_out_keys(void **state) {
  (void)state;
  fixture f;
  set_up(&f);
  const bool left_out[3] = {true, false, true};
  dds_key_set keys = key_set_of(&f, 3);
  scripted_transport_answer(f.base.script, 200, PAGE(OTHER, ""));
  assert_int_equal(get_some(&f, &keys, left_out, &f.base.error), 1);
  assert_non_null(strstr(table_fixture_body(&f.base, 0), "\"Keys\":[{\"id\":{\"S\":\"w1\"}}]"));
  assert_non_null(strstr(f.base.records, "BatchGetItem [1 key; attributes id, sess; consistent] "));
  scripted_transport_answer(f.base.script, 200, PAGE(ITEM, ""));
  assert_int_equal(get_some(&f, &keys, left_out, &f.base.error), -1);
  assert_string_equal(f.base.error.message, "BatchGetItem of \"prod-sessions\" failed: unexpected "
                                            "answer: an item that was not asked for");
  dds_key_set_free(&keys);
  table_fixture_tear_down(&f.base);
}

static void count_kept(void *context, dds_operation *answer) {
  ++*(int *)context;
  dds_operation_free(answer);
}

/* Also one that was given in part, and none before its items are. */
static void hands_over_answers(void **state) {
  (void)state;
  fixture f;
  set_up(&f);
  int kept = 0;
  dds_key_set keys = key_set_of(&f, 110);
  const dds_batch_get_request request = {
      .hash_key = "id", .keys = &keys, .concurrency = 1, .keep = count_kept, .context = &kept};
  dds_batch_get *batch;
  dds_item item;
  size_t number;
  scripted_transport_answer(f.base.script, 200, PAGE(ITEM "," OTHER, ""));
  scripted_transport_answer(f.base.script, 200,
                            PAGE("{\"id\":{\"S\":\"w105\"}},{\"id\":{\"S\":\"w106\"}}", ""));
  assert_true(dds_batch_get_open(&f.base.table, &request, &batch, &f.base.error));
  for (int i = 0; i < 3; i++) {
    assert_int_equal(kept, 0);
    assert_true(dds_batch_get_next(batch, &item, &number, &f.base.error));
  }
  assert_int_equal(kept, 1);
  assert_int_equal(number, 105);
  dds_batch_get_close(batch);
  assert_int_equal(kept, 2);
  dds_key_set_free(&keys);
  table_fixture_tear_down(&f.base);
}

static void refuses_odd_pages(void **state) {
  (void)state;
  static const char *const bodies[] = {
      "{}",
      PAGE("5", ""),
      PAGE(ITEM "," ITEM, ""),
      PAGE("{\"id\":{\"S\":\"w5\"}}", ""),
      PAGE("{\"id\":{\"B\":\"w0\"}}", ""),
      PAGE("{\"id\":{\"B\":\"dzA=\"}}", ""),
      PAGE("{\"id\":{\"SS\":[\"w0\"]}}", ""),
      PAGE("{\"id\":{\"S\":\"\\ud800\"}}", ""),
      PAGE("{\"id\":{}}", ""),
      PAGE("{\"sess\":{\"S\":\"w0\"}}", ""),
      PAGE(OTHER, "\"prod-sessions\":{\"Keys\":[{\"id\":{\"S\":\"w1\"}}]}"),
      "{\"Responses\":{\"other\":[" ITEM "]}}",
      "{\"Responses\":{\"prod-sessions\":[" ITEM "],\"other\":[]}}",
      "{\"Responses\":{\"prod-sessions\":" ITEM "}}",
      "{\"Responses\":[" ITEM "]}",
      PAGE("", "\"prod-sessions\":{}"),
      PAGE("", "\"prod-sessions\":{\"Keys\":[{\"id\":{\"S\":\"strange\"}}]}"),
      PAGE("", "\"prod-sessions\":{\"Keys\":\"all\"}"),
      PAGE("", "\"other\":{\"Keys\":[{\"id\":{\"S\":\"w1\"}}]}"),
      PAGE("", "\"prod-sessions\":{\"Keys\":[]},\"other\":{\"Keys\":[]}"),
      "{\"Responses\":{},\"UnprocessedKeys\":\"all\"}"};
  for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
    fixture f;
    set_up(&f);
    scripted_transport_answer(f.base.script, 200, bodies[i]);
    assert_int_equal(get_all(&f, 5, &f.base.error), -1);
    assert_non_null(strstr(f.base.error.message, "unexpected answer"));
    table_fixture_tear_down(&f.base);
  }
}

/* The second call brings an item of the first. */
static void refuses_an_item_of_another_call(void **state) {
  (void)state;
  fixture f;
  set_up(&f);
  scripted_transport_answer(f.base.script, 200, PAGE(ITEM, ""));
  scripted_transport_answer(f.base.script, 200, PAGE(ITEM, ""));
  assert_int_equal(get_all(&f, 110, &f.base.error), -1);
  assert_string_equal(f.base.error.message, "BatchGetItem of \"prod-sessions\" failed: unexpected "
                                            "answer: an item that comes twice");
  table_fixture_tear_down(&f.base);
}

/* Every item is told from every other, also where hashes meet. */
static void gives_every_item_of_many(void **state) {
  (void)state;
  fixture f;
  set_up(&f);
  for (int first = 0; first < MOST; first += DDS_BATCH_MAX_KEYS) {
    dds_buffer items = DDS_BUFFER_INIT(100000);
    dds_buffer_append_text(&items, "{\"Responses\":{\"prod-sessions\":[");
    for (int i = first; i < MOST && i < first + DDS_BATCH_MAX_KEYS; i++) {
      dds_buffer_append_format(&items, "%s%s", i == first ? "" : ",", f.keys[i]);
    }
    dds_buffer_append_text(&items, "]}}");
    scripted_transport_answer(f.base.script, 200, dds_buffer_text(&items));
    dds_buffer_free(&items);
  }
  assert_int_equal(get_all(&f, MOST, &f.base.error), MOST);
  assert_int_equal(scripted_transport_most_in_flight(f.base.script), 2);
  table_fixture_tear_down(&f.base);
}

/* ---- memory ----------------------------------------------------------------------------------*/

static void script_write(table_fixture *base) {
  scripted_transport_answer(base->script, 200,
                            "{\"UnprocessedItems\":{\"prod-sessions\":[{\"PutRequest\":{\"Item\":"
                            "{\"id\":{\"S\":\"w0\"}}}}]}}");
  scripted_transport_answer(base->script, 200, "{}");
}

static bool write_once(table_fixture *base, dds_error *error) {
  static fixture f;
  name_elements(&f);
  for (int i = 0; i < 3; i++) {
    f.list[i].table = &base->table;
  }
  return dds_batch_write(f.list, 3, 2, f.states, error);
}

static void script_get(table_fixture *base) {
  scripted_transport_answer(base->script, 200,
                            PAGE(ITEM, "\"prod-sessions\":{\"Keys\":[{\"id\":{\"S\":\"w1\"}}]}"));
  scripted_transport_answer(base->script, 200, PAGE(OTHER, ""));
}

static bool get_once(table_fixture *base, dds_error *error) {
  static fixture f;
  dds_key_set keys = {0};
  name_elements(&f);
  f.base.table = base->table;
  bool ok = true;
  for (size_t i = 0; ok && i < 3; i++) {
    ok = dds_key_set_add(&keys, &f.writes[i].key, NULL, NULL, error);
  }
  ok = ok && get_some(&f, &keys, NULL, error) >= 0;
  dds_key_set_free(&keys);
  return ok;
}

static void survives_every_refused_allocation(void **state) {
  (void)state;
  table_fixture_sweep(script_write, write_once);
  table_fixture_sweep(script_get, get_once);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(builds_the_request),
      cmocka_unit_test(sends_in_25s_and_several_at_once),
      cmocka_unit_test(counts_bytes_as_they_travel),
      cmocka_unit_test(resends_what_is_left_and_nothing_else),
      cmocka_unit_test(gives_up_after_ten_rounds_that_get_nowhere),
      cmocka_unit_test(a_failure_ends_it_and_tells_what_became_of_each),
      cmocka_unit_test(what_is_in_flight_beside_a_failure_is_waited_for),
      cmocka_unit_test(an_interrupt_waits_for_nothing),
      cmocka_unit_test(a_wait_that_fails_is_not_repeated),
      cmocka_unit_test(gets_by_hundreds),
      cmocka_unit_test(asks_again_for_unprocessed_keys),
      cmocka_unit_test(leaves_out_keys),
      cmocka_unit_test(hands_over_answers),
      cmocka_unit_test(refuses_odd_pages),
      cmocka_unit_test(refuses_an_item_of_another_call),
      cmocka_unit_test(gives_every_item_of_many),
      cmocka_unit_test(survives_every_refused_allocation),
  };
  return cmocka_run_group_tests(tests, failing_allocator_set_up, NULL);
}
