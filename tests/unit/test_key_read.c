/* The items of a set of keys: what is asked for, and what a loop need not ask for again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "failing_allocator.h"
#include "table_fixture.h"
#include "vtab/key_read.h"

#define ITEM(sid)   "{\"id\":{\"S\":\"" sid "\"}}"
#define PAGE(items) "{\"Responses\":{\"prod-sessions\":[" items "]}}"

typedef struct fixture {
  table_fixture base;
  dds_memo memo;
  dds_key_read read;
} fixture;

static void set_up(fixture *f) {
  table_fixture_set_up(&f->base);
  f->memo = (dds_memo){0};
  f->read = (dds_key_read){.next = 0};
}

static void tear_down(fixture *f) {
  dds_key_read_close(&f->read);
  dds_memo_free(&f->memo);
  table_fixture_tear_down(&f->base);
}

static dds_key_read_rules rules_of(const dds_table *table, dds_memo *memo, uint64_t state) {
  return (dds_key_read_rules){
      .table = table, .hash_key = "id", .memo = memo, .state = state, .concurrency = 2};
}

/* `sids`: a letter for each key. */
static bool open_read(fixture *f, uint64_t of, const char *sids, dds_error *error) {
  dds_key_read_rules rules = rules_of(&f->base.table, &f->memo, of);
  dds_key_set keys = {0};
  bool ok = true;
  for (const char *sid = sids; ok && *sid != '\0'; sid++) {
    dds_key key = {0};
    ok = dds_key_from_text("id", sid, 1, &key, error) &&
         dds_key_set_add(&keys, &key, NULL, NULL, error);
    dds_key_free(&key);
  }
  dds_key_read_close(&f->read);
  ok = ok && dds_key_read_open(&f->read, &rules, &keys, error);
  dds_key_set_free(&keys);
  return ok;
}

/* Puts the sid of each item that comes, at most so many, behind the others; the rest is zeros. */
static bool read_some(fixture *f, size_t most, char *sids, dds_error *error) {
  dds_item item = {.json = {0}};
  for (size_t i = 0; i < most; i++) {
    if (!dds_key_read_next(&f->read, &item, error)) {
      return false;
    }
    if (item.json.text == NULL) {
      break;
    }
    dds_value value;
    assert_true(dds_item_find(&item, "id", 2, &value));
    sids[strlen(sids)] = value.content.text[1];
  }
  return true;
}

static void assert_reads(fixture *f, const char *sids, const char *found) {
  char read[32] = "";
  assert_true(open_read(f, 0, sids, &f->base.error));
  assert_true(read_some(f, SIZE_MAX, read, &f->base.error));
  assert_string_equal(read, found);
}

static size_t request_count(const fixture *f) {
  return (size_t)scripted_transport_request_count(f->base.script);
}

static void asks_once_for_each_key(void **state) {
  (void)state;
  fixture f;
  set_up(&f);
  scripted_transport_answer(f.base.script, 200, PAGE(ITEM("b") "," ITEM("a")));
  assert_reads(&f, "abc", "ba");
  assert_reads(&f, "abc", "ab"); /* of the memo, which knows that c has no item */
  assert_int_equal(request_count(&f), 1);
  scripted_transport_answer(f.base.script, 200, PAGE(ITEM("e")));
  assert_reads(&f, "adbe", "abe");
  assert_non_null(strstr(table_fixture_body(&f.base, 1), "\"Keys\":[" ITEM("d") "," ITEM("e") "]"));
  scripted_transport_answer(f.base.script, 200, "{\"Item\":" ITEM("f") "}");
  assert_reads(&f, "cfa", "af"); /* a single one by GetItem */
  assert_non_null(strstr(f.base.records, "GetItem [by key"));
  assert_reads(&f, "edcfba", "efba");
  assert_int_equal(request_count(&f), 3);
  tear_down(&f);
}

/* Every item of an answer that came is known, also where nobody went to its end; but not that the
 * other keys have none. */
static void remembers_what_was_read_in_part(void **state) {
  (void)state;
  fixture f;
  char read[32] = "";
  set_up(&f);
  scripted_transport_answer(f.base.script, 200, PAGE(ITEM("a") "," ITEM("b")));
  assert_true(open_read(&f, 0, "abc", &f.base.error));
  assert_true(read_some(&f, 1, read, &f.base.error));
  assert_string_equal(read, "a");
  scripted_transport_answer(f.base.script, 200, PAGE(ITEM("b")));
  assert_reads(&f, "abc", "ab");
  assert_non_null(strstr(table_fixture_body(&f.base, 1), "\"Keys\":[" ITEM("b") "," ITEM("c") "]"));
  assert_reads(&f, "cba", "ba");
  assert_int_equal(request_count(&f), 2);
  tear_down(&f);
}

/* What this connection has written meanwhile makes the memo forget, while a reader goes on. */
static void forgets_while_it_is_read(void **state) {
  (void)state;
  fixture f;
  char read[32] = "";
  set_up(&f);
  scripted_transport_answer(f.base.script, 200, PAGE(ITEM("a") "," ITEM("b")));
  assert_true(open_read(&f, 1, "ab", &f.base.error));
  assert_true(read_some(&f, 1, read, &f.base.error));
  dds_memo_begin(&f.memo, 2);
  assert_true(read_some(&f, SIZE_MAX, read, &f.base.error));
  assert_string_equal(read, "ab");
  scripted_transport_answer(f.base.script, 200, PAGE(ITEM("a")));
  assert_true(open_read(&f, 2, "ab", &f.base.error));
  assert_true(read_some(&f, SIZE_MAX, read, &f.base.error));
  assert_string_equal(read, "aba");
  assert_int_equal(request_count(&f), 2);
  tear_down(&f);
}

/* An item of the memo is the reader's own, whatever becomes of the memo. */
static void recalls_copies(void **state) {
  (void)state;
  fixture f;
  dds_item item;
  set_up(&f);
  scripted_transport_answer(f.base.script, 200, PAGE(ITEM("a") "," ITEM("b")));
  assert_reads(&f, "ab", "ab");
  assert_true(open_read(&f, 0, "ab", &f.base.error));
  assert_true(dds_key_read_next(&f.read, &item, &f.base.error));
  dds_memo_begin(&f.memo, 1);
  assert_memory_equal(item.json.text, ITEM("a"), item.json.length);
  tear_down(&f);
}

/* What did not fit is asked for again, and is not taken for absent. */
static void remembers_what_fits(void **state) {
  (void)state;
  fixture f;
  set_up(&f);
  f.memo.bytes = DDS_MEMO_MAX_BYTES - 200;
  scripted_transport_answer(f.base.script, 200, PAGE(ITEM("a") "," ITEM("b")));
  assert_reads(&f, "abc", "ab");
  assert_true(f.memo.is_full);
  assert_int_equal(f.memo.answer_count, 1);
  scripted_transport_answer(f.base.script, 200, PAGE(ITEM("b")));
  assert_reads(&f, "abc", "ab");
  assert_non_null(strstr(table_fixture_body(&f.base, 1), "\"Keys\":[" ITEM("b") "," ITEM("c") "]"));
  assert_int_equal(f.memo.answer_count, 1); /* nothing was added of the second */
  tear_down(&f);
}

/* An error in an answer shows when that one is reached. */
static void gives_what_came_before_an_error(void **state) {
  (void)state;
  fixture f;
  char read[32] = "";
  set_up(&f);
  scripted_transport_answer(f.base.script, 200, PAGE(ITEM("a") "," ITEM("x")));
  assert_true(open_read(&f, 0, "ab", &f.base.error));
  assert_false(read_some(&f, SIZE_MAX, read, &f.base.error));
  assert_string_equal(read, "a");
  assert_non_null(strstr(f.base.error.message, "an item that was not asked for"));
  tear_down(&f);
}

static void script(table_fixture *base) {
  scripted_transport_answer(base->script, 200, PAGE(ITEM("b") "," ITEM("a")));
  scripted_transport_answer(base->script, 200, PAGE(ITEM("d")));
}

/* Where the memo finds no room for an answer it forgets the others: they are asked for again. */
static bool work(table_fixture *base, dds_error *error) {
  fixture f = {.base = {.table = base->table}};
  char read[32] = "";
  bool ok = open_read(&f, 0, "abc", error) && read_some(&f, SIZE_MAX, read, error) &&
            open_read(&f, 0, "cbdae", error) && read_some(&f, SIZE_MAX, read, error);
  assert_true(!ok || strcmp(read, failing_allocator_has_refused() ? "bad" : "babad") == 0);
  dds_key_read_close(&f.read);
  dds_memo_free(&f.memo);
  return ok;
}

static void survives_every_refused_allocation(void **state) {
  (void)state;
  table_fixture_sweep(script, work);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(asks_once_for_each_key),
      cmocka_unit_test(remembers_what_was_read_in_part),
      cmocka_unit_test(forgets_while_it_is_read),
      cmocka_unit_test(recalls_copies),
      cmocka_unit_test(remembers_what_fits),
      cmocka_unit_test(gives_what_came_before_an_error),
      cmocka_unit_test(survives_every_refused_allocation),
  };
  return cmocka_run_group_tests(tests, failing_allocator_set_up, NULL);
}
