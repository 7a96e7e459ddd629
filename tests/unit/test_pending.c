/*
 * The buffer of writes: the last write of each item is found, whatever is added and rolled back,
 * by whom and from where; checked against a plain list.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "failing_allocator.h"
#include "fake_environment.h"
#include "scripted_transport.h"
#include "vtab/connection.h"
#include "vtab/pending.h"
#include "vtab/table.h"

static const dds_pending_rules rules = {.when_refused = DDS_PRIMARYKEY};

enum { TARGETS = 4, OWNERS = 3 };

/*
 * Targets 0 and 1 stand for the same DynamoDB table, through two clients; 2 is another table at the
 * same place, 3 a table of the same name elsewhere.
 */
typedef struct fixture {
  fake_environment environment;
  scripted_transport *script;
  dds_connection connection;
  dds_client *clients[TARGETS];
  dds_target *targets[TARGETS];
  dds_vtab owners[OWNERS];
  dds_pending pending;
} fixture;

static void set_up(fixture *f) {
  static const struct {
    const char *table;
    const char *region;
    int max_attempts;
  } places[TARGETS] = {
      {"table=a", "us-east-1", 0},
      {"table=a", "us-east-1", 2},
      {"table=b", "us-east-1", 0},
      {"table=a", "eu-west-1", 0},
  };
  *f = (fixture){0};
  fake_environment_init(&f->environment);
  f->script = scripted_transport_create(NULL);
  for (int i = 0; i < TARGETS; i++) {
    dds_error error = DDS_ERROR_INIT;
    dds_options options;
    const dds_client_options client = {.region = places[i].region,
                                       .max_attempts = places[i].max_attempts};
    assert_true(dds_options_parse(1, &places[i].table, &options, &error));
    assert_true(dds_target_create(&f->connection, &options, &f->targets[i], &error));
    assert_true(dds_client_open(&client, &f->environment.base, scripted_transport_base(f->script),
                                &(dds_observer){0}, &f->clients[i], &error));
    f->targets[i]->table.client = f->clients[i];
  }
}

static void tear_down(fixture *f) {
  dds_pending_free(&f->pending);
  for (int i = 0; i < TARGETS; i++) {
    assert_int_equal(f->targets[i]->references, 1);
    dds_target_release(f->targets[i]);
    dds_client_close(f->clients[i]);
  }
  scripted_transport_destroy(f->script);
  assert_int_equal(failing_allocator_live_blocks(), 0);
}

static dds_key key_of(const char *sid) {
  dds_key key = {0};
  dds_error error = DDS_ERROR_INIT;
  assert_true(dds_key_from_text("id", sid, strlen(sid), &key, &error));
  return key;
}

static bool add(fixture *f, int owner, int target, const char *sid, dds_error *error) {
  dds_write write = {.kind = DDS_WRITE_DELETE, .key = key_of(sid)};
  bool ok =
      dds_pending_add(&f->pending, &f->owners[owner], f->targets[target], &write, &rules, error);
  assert_null(write.key.json); /* taken over, also where it failed */
  return ok;
}

static void add_well(fixture *f, int owner, int target, const char *sid) {
  dds_error error = DDS_ERROR_INIT;
  assert_true(add(f, owner, target, sid, &error));
}

/* The position of the last unsent write, or -1. */
static long find(const fixture *f, int target, const char *sid) {
  dds_key key = key_of(sid);
  const dds_pending_write *entry = dds_pending_find(&f->pending, f->targets[target], &key);
  if (entry != NULL) {
    assert_true(dds_key_equal(&entry->write.key, &key));
  }
  dds_key_free(&key);
  return entry == NULL ? -1 : (long)entry->position;
}

/* How many unsent writes there are for the target's table, by whatever virtual table. */
static size_t count_for(const dds_pending *pending, const dds_target *target) {
  size_t count = 0;
  for (size_t i = 0; i < pending->count; i++) {
    count += pending->writes[i].state == DDS_PENDING_WAITING &&
             dds_target_is_same(pending->writes[i].target, target);
  }
  return count;
}

static void finds_the_last_write_of_an_item(void **state) {
  (void)state;
  fixture f;
  set_up(&f);
  assert_int_equal(find(&f, 0, "x"), -1);
  assert_int_equal(count_for(&f.pending, f.targets[0]), 0);
  add_well(&f, 0, 0, "x");
  add_well(&f, 0, 0, "y");
  add_well(&f, 1, 1, "x");
  add_well(&f, 2, 2, "x");
  assert_int_equal(find(&f, 0, "x"), 2);
  assert_int_equal(find(&f, 1, "x"), 2);
  assert_int_equal(find(&f, 1, "y"), 1);
  assert_int_equal(find(&f, 2, "x"), 3);
  assert_int_equal(find(&f, 2, "y"), -1);
  assert_int_equal(find(&f, 3, "x"), -1);
  assert_int_equal(count_for(&f.pending, f.targets[0]), 3);
  assert_int_equal(count_for(&f.pending, f.targets[1]), 3);
  assert_int_equal(count_for(&f.pending, f.targets[2]), 1);
  assert_int_equal(count_for(&f.pending, f.targets[3]), 0);
  assert_int_equal(dds_pending_count_of(&f.pending, &f.owners[0]), 2);
  assert_int_equal(f.pending.writes[0].rules.when_refused, DDS_PRIMARYKEY);
  tear_down(&f);
}

static void a_sid_is_told_by_its_hash(void **state) {
  (void)state;
  static const struct {
    const char *attribute;
    const char *hash;
  } cases[] = {
      {"sessionId", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
      {"id", "?"}, /* not the layout's key */
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    fixture f;
    dds_error error = DDS_ERROR_INIT;
    dds_write write = {.kind = DDS_WRITE_DELETE};
    char hex[DDS_SHA256_HEX_BYTES];
    set_up(&f);
    assert_true(dds_key_from_text(cases[i].attribute, "abc", 3, &write.key, &error));
    assert_true(dds_pending_add(&f.pending, &f.owners[0], f.targets[0], &write, &rules, &error));
    dds_pending_sid_hash(&f.pending.writes[0], hex);
    assert_string_equal(hex, cases[i].hash);
    tear_down(&f);
  }
}

static void counts_only_what_waits(void **state) {
  (void)state;
  fixture f;
  set_up(&f);
  add_well(&f, 0, 0, "x");
  add_well(&f, 0, 0, "y");
  add_well(&f, 0, 0, "z");
  f.pending.writes[0].state = DDS_PENDING_APPLIED;
  f.pending.writes[1].state = DDS_PENDING_DROPPED;
  assert_int_equal(find(&f, 0, "x"), -1);
  assert_int_equal(find(&f, 0, "y"), -1);
  assert_int_equal(find(&f, 0, "z"), 2);
  assert_int_equal(count_for(&f.pending, f.targets[0]), 1);
  assert_int_equal(dds_pending_count_of(&f.pending, &f.owners[0]), 1);
  assert_int_equal(dds_pending_truncate(&f.pending, &f.owners[0], 0), 1); /* applied */
  assert_int_equal(f.pending.count, 0);
  tear_down(&f);
}

static const char item_json[] = "{\"id\":{\"S\":\"x\"}}";

/* Adds a write of the key x. */
static void add_kind(fixture *f, dds_write_kind kind, bool is_ignored, bool has_image) {
  dds_error error = DDS_ERROR_INIT;
  dds_pending_rules its_rules = {.when_refused = DDS_PRIMARYKEY, .is_ignored = is_ignored};
  dds_write write = {.kind = kind, .key = key_of("x")};
  char *copy = has_image ? dds_alloc_copy(item_json, strlen(item_json)) : NULL;
  size_t length = has_image ? strlen(item_json) : 0;
  if (kind == DDS_WRITE_PUT) {
    write.item = copy;
    write.item_length = length;
  } else {
    write.image = copy;
    write.image_length = length;
  }
  assert_true(
      dds_pending_add(&f->pending, &f->owners[0], f->targets[0], &write, &its_rules, &error));
}

static void expect_effect(const fixture *f, uint64_t before_position, dds_pending_effect expected) {
  dds_item image;
  dds_key key = key_of("x");
  assert_int_equal(dds_pending_look_up(&f->pending, f->targets[1], &key, before_position, &image),
                   expected);
  bool has_image = expected == DDS_EFFECT_ITEM || expected == DDS_EFFECT_ITEM_UNLESS_EXISTS;
  assert_int_equal(image.json.text != NULL, has_image);
  if (has_image) {
    assert_memory_equal(image.json.text, item_json, strlen(item_json));
  }
  dds_key_free(&key);
}

static void tells_what_unsent_writes_make_of_an_item(void **state) {
  (void)state;
  fixture f;
  set_up(&f);
  expect_effect(&f, UINT64_MAX, DDS_EFFECT_NONE);
  add_kind(&f, DDS_WRITE_PUT, true, true);
  add_well(&f, 0, 0, "y");
  add_kind(&f, DDS_WRITE_UPDATE, false, true);
  add_well(&f, 0, 0, "x");
  add_kind(&f, DDS_WRITE_PUT, true, true);
  static const dds_pending_effect by_position[] = {
      DDS_EFFECT_NONE,
      DDS_EFFECT_ITEM_UNLESS_EXISTS,
      DDS_EFFECT_ITEM_UNLESS_EXISTS,
      DDS_EFFECT_ITEM,
      DDS_EFFECT_GONE,
      DDS_EFFECT_ITEM /* what was there is deleted: nothing can be ignored */};
  for (uint64_t position = 0; position < 6; position++) {
    expect_effect(&f, position, by_position[position]);
  }
  expect_effect(&f, UINT64_MAX, DDS_EFFECT_ITEM);
  /* What is sent counts no longer. */
  for (size_t i = 0; i < 4; i++) {
    f.pending.writes[i].state = DDS_PENDING_APPLIED;
  }
  expect_effect(&f, UINT64_MAX, DDS_EFFECT_ITEM_UNLESS_EXISTS);
  expect_effect(&f, 4, DDS_EFFECT_NONE);
  tear_down(&f);
}

static void walks_each_key_once(void **state) {
  (void)state;
  static const struct {
    int target;
    const char *sid;
  } added[] = {{0, "x"}, {0, "y"}, {2, "x"}, {1, "x"}, {0, "z"}, {1, "y"}, {0, "z"}};
  static const struct {
    uint64_t before_position;
    int count;
    uint64_t lasts[3];
  } cases[] = {{0, 0, {0}}, {3, 2, {0, 1}}, {5, 3, {3, 1, 4}}, {UINT64_MAX, 3, {3, 5, 6}}};
  fixture f;
  set_up(&f);
  for (size_t i = 0; i < sizeof added / sizeof added[0]; i++) {
    add_well(&f, 0, added[i].target, added[i].sid);
  }
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    size_t place = 0;
    const dds_pending_write *last;
    int count = 0;
    while (
        dds_pending_next_key(&f.pending, f.targets[0], cases[i].before_position, &place, &last)) {
      assert_true(count < cases[i].count);
      assert_int_equal(last->position, cases[i].lasts[count++]);
    }
    assert_int_equal(count, cases[i].count);
  }
  f.pending.writes[0].state = DDS_PENDING_APPLIED;
  f.pending.writes[3].state = DDS_PENDING_APPLIED;
  size_t place = 0;
  const dds_pending_write *last;
  assert_true(dds_pending_next_key(&f.pending, f.targets[0], UINT64_MAX, &place, &last));
  assert_int_equal(last->position, 5);
  tear_down(&f);
}

static void truncates_by_owner_and_position(void **state) {
  (void)state;
  fixture f;
  set_up(&f);
  add_well(&f, 0, 0, "x");
  add_well(&f, 1, 0, "x");
  uint64_t savepoint = f.pending.next_position;
  add_well(&f, 0, 0, "x");
  add_well(&f, 1, 0, "y");
  assert_int_equal(dds_pending_truncate(&f.pending, &f.owners[0], savepoint), 0);
  assert_int_equal(f.pending.count, 3);
  assert_int_equal(find(&f, 0, "x"), 1);
  assert_int_equal(find(&f, 0, "y"), 3);
  dds_pending_truncate(&f.pending, &f.owners[1], savepoint);
  assert_int_equal(find(&f, 0, "y"), -1);
  assert_int_equal(find(&f, 0, "x"), 1);
  dds_pending_truncate(&f.pending, &f.owners[2], 0);
  assert_int_equal(f.pending.count, 2);
  dds_pending_truncate(&f.pending, &f.owners[1], 0);
  assert_int_equal(find(&f, 0, "x"), 0);
  dds_pending_truncate(&f.pending, &f.owners[0], 0);
  assert_int_equal(f.pending.count, 0);
  assert_int_equal(f.pending.bytes, 0);
  /* Positions are never used again: other tables' savepoints remember them. */
  assert_int_equal(f.pending.next_position, 4);
  add_well(&f, 0, 0, "x");
  assert_int_equal(find(&f, 0, "x"), 4);
  tear_down(&f);
}

/* The lists of a short transaction are there for the next one, those of a long one are not. */
static void keeps_the_lists_of_short_transactions(void **state) {
  (void)state;
  fixture f;
  set_up(&f);
  long empty = failing_allocator_live_blocks();
  long kept = 0;
  for (size_t count = 1; count <= 40; count++) {
    char sid[24];
    for (size_t i = 0; i < count; i++) {
      snprintf(sid, sizeof sid, "%zu", i);
      add_well(&f, 0, 0, sid);
      assert_int_equal(find(&f, 0, sid), f.pending.next_position - 1);
    }
    assert_int_equal(f.pending.count, count);
    f.pending.gathered.conditional = 1;
    dds_pending_truncate(&f.pending, &f.owners[0], 0);
    assert_int_equal(f.pending.count, 0);
    assert_int_equal(f.pending.bytes, 0);
    assert_int_equal(f.pending.gathered.conditional, 0);
    assert_int_equal(find(&f, 0, "0"), -1);
    long blocks = failing_allocator_live_blocks() - empty;
    kept = count == 1 ? blocks : kept;
    assert_int_equal(blocks, f.pending.writes != NULL ? kept : 0);
    assert_int_equal(f.pending.writes != NULL, count <= 16);
  }
  assert_int_equal(kept, 2);
  tear_down(&f);
}

/* Against a plain list, in many random steps. */
enum { STEPS = 3000, MOST = 4000, SIDS = 40 };

typedef struct listed {
  uint64_t position;
  int owner;
  int target;
  int sid;
} listed;

static uint64_t seed = UINT64_C(88172645463325252);

static int random_below(int bound) {
  seed ^= seed << 13;
  seed ^= seed >> 7;
  seed ^= seed << 17;
  return (int)(seed % (uint64_t)bound);
}

static bool same_table(int left, int right) {
  return left == right || (left < 2 && right < 2);
}

static void assert_agrees(const fixture *f, const listed *list, int count) {
  assert_int_equal(f->pending.count, count);
  for (int target = 0; target < TARGETS; target++) {
    size_t waiting = 0;
    for (int i = 0; i < count; i++) {
      waiting += same_table(list[i].target, target);
    }
    assert_int_equal(count_for(&f->pending, f->targets[target]), waiting);
  }
  int target = random_below(TARGETS);
  int sid = random_below(SIDS);
  long last = -1;
  for (int i = 0; i < count; i++) {
    if (same_table(list[i].target, target) && list[i].sid == sid) {
      last = (long)list[i].position;
    }
  }
  char name[16];
  snprintf(name, sizeof name, "s%d", sid);
  assert_int_equal(find(f, target, name), last);
}

static void agrees_with_a_plain_list(void **state) {
  (void)state;
  static listed list[MOST];
  int count = 0;
  fixture f;
  set_up(&f);
  for (int step = 0; step < STEPS; step++) {
    if (random_below(50) != 0) {
      list[count] = (listed){f.pending.next_position, random_below(OWNERS), random_below(TARGETS),
                             random_below(SIDS)};
      char name[16];
      snprintf(name, sizeof name, "s%d", list[count].sid);
      add_well(&f, list[count].owner, list[count].target, name);
      count++;
    } else {
      int owner = random_below(OWNERS);
      uint64_t back = (uint64_t)random_below(200);
      uint64_t now = f.pending.next_position;
      uint64_t position = back > now ? 0 : now - back;
      int kept = 0;
      for (int i = 0; i < count; i++) {
        if (list[i].owner != owner || list[i].position < position) {
          list[kept++] = list[i];
        }
      }
      count = kept;
      dds_pending_truncate(&f.pending, &f.owners[owner], position);
    }
    assert_agrees(&f, list, count);
  }
  tear_down(&f);
}

static void is_bounded_in_memory(void **state) {
  (void)state;
  fixture f;
  dds_error error = DDS_ERROR_INIT;
  set_up(&f);
  add_well(&f, 0, 0, "x");
  size_t one = f.pending.bytes;
  assert_true(one > 0);
  f.pending.bytes = DDS_PENDING_MAX_BYTES - one; /* as if that much were there */
  add_well(&f, 0, 0, "y");
  assert_false(add(&f, 0, 0, "z", &error));
  assert_int_equal(error.code, DDS_TOOBIG);
  assert_non_null(strstr(error.message, "256 MB"));
  assert_int_equal(f.pending.count, 2);
  f.pending.bytes = 2 * one;
  dds_pending_truncate(&f.pending, &f.owners[0], 1);
  assert_int_equal(f.pending.bytes, one);
  tear_down(&f);
}

static void survives_every_refused_allocation(void **state) {
  (void)state;
  while (failing_allocator_next()) {
    fixture f;
    dds_error error = DDS_ERROR_INIT;
    bool ok = true;
    set_up(&f);
    dds_write writes[40] = {0};
    for (int i = 0; i < 40; i++) {
      char name[16];
      snprintf(name, sizeof name, "s%d", i);
      writes[i] = (dds_write){.kind = DDS_WRITE_DELETE, .key = key_of(name)};
    }
    failing_allocator_start();
    int added = 0;
    for (; ok && added < 40; added += ok) {
      ok = dds_pending_add(&f.pending, &f.owners[0], f.targets[0], &writes[added], &rules, &error);
    }
    failing_allocator_check(ok, &error);
    assert_int_equal(f.pending.count, added);
    for (int i = 0; i < 40; i++) {
      char name[16];
      snprintf(name, sizeof name, "s%d", i);
      assert_int_equal(find(&f, 0, name), i < added ? i : -1);
      dds_write_free(&writes[i]);
    }
    tear_down(&f);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(finds_the_last_write_of_an_item),
      cmocka_unit_test(a_sid_is_told_by_its_hash),
      cmocka_unit_test(counts_only_what_waits),
      cmocka_unit_test(tells_what_unsent_writes_make_of_an_item),
      cmocka_unit_test(walks_each_key_once),
      cmocka_unit_test(truncates_by_owner_and_position),
      cmocka_unit_test(keeps_the_lists_of_short_transactions),
      cmocka_unit_test(agrees_with_a_plain_list),
      cmocka_unit_test(is_bounded_in_memory),
      cmocka_unit_test(survives_every_refused_allocation),
  };
  return cmocka_run_group_tests(tests, failing_allocator_set_up, NULL);
}
