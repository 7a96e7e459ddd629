/* The loops of the statements that read a virtual table. */
#include "vtab/loop.h"

#include <string.h>

#include "base/alloc.h"
#include "base/text.h"

/* A host has its statements prepared, a handful for each table. */
enum { MOST_SPARES = 4 };

enum { PROJECTION_MAX_BYTES = 16 << 20 };

/* ---- one loop --------------------------------------------------------------------------------*/

static void free_loop(dds_loop *loop) {
  if (loop == NULL) {
    return;
  }
  dds_rescans_free(&loop->rescans);
  dds_memo_free(&loop->memo);
  dds_plan_free(&loop->plan);
  dds_free(loop->attributes);
  dds_free(loop->projection);
  dds_free(loop->sql_name);
  dds_free(loop->words);
  dds_free(loop);
}

/* The columns that only the whole item answers. */
static bool needs_whole_item(const dds_plan *plan, const dds_columns *columns) {
  static const dds_column kinds[] = {DDS_COLUMN_SIZE, DDS_COLUMN_ITEM, DDS_COLUMN_SNAPSHOT};
  bool is_needed = plan->all_columns;
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
    is_needed = is_needed || dds_plan_uses(plan, dds_columns_index(columns, kinds[i]));
  }
  return is_needed;
}

/* The attributes that a column shows, at most two. */
static size_t attributes_of(const dds_target *target, const dds_columns *columns, int column,
                            const char *attributes[2]) {
  const dds_layout *layout = &target->options.layout;
  size_t extra = 0;
  switch (dds_columns_kind(columns, column, &extra)) {
  case DDS_COLUMN_SESSION:
    attributes[0] = layout->data;
    return 1;
  case DDS_COLUMN_EXPIRES:
  case DDS_COLUMN_EXPIRED:
    attributes[0] = layout->expires;
    attributes[1] = layout->ttl;
    return 2;
  case DDS_COLUMN_EXTRA:
    attributes[0] = columns->extras[extra].name;
    return 1;
  default:
    return 0;
  }
}

static void project(dds_loop *loop, const char *name) {
  for (size_t i = 0; i < loop->attribute_count; i++) {
    if (strcmp(loop->attributes[i], name) == 0) {
      return;
    }
  }
  loop->attributes[loop->attribute_count++] = name;
}

/* Written once, since a loop may ask for thousands of keys, and a statement be run again. */
static bool write_projection(dds_loop *loop, dds_error *error) {
  dds_buffer text = DDS_BUFFER_INIT(PROJECTION_MAX_BYTES);
  const dds_projection projection = dds_loop_projection(loop);
  dds_projection_append_members(&projection, &text);
  bool ok = dds_buffer_check(&text, error);
  if (ok) {
    loop->projection = dds_buffer_take(&text);
  }
  dds_buffer_free(&text);
  return ok;
}

static bool make_projection(dds_loop *loop, const dds_columns *columns, dds_error *error) {
  int count = dds_columns_count(columns);
  if (needs_whole_item(&loop->plan, columns)) {
    return true;
  }
  loop->attributes = dds_alloc((2 * (size_t)count + 1) * sizeof *loop->attributes);
  if (loop->attributes == NULL) {
    return dds_error_set_nomem(error);
  }
  project(loop, loop->target->options.layout.hash_key);
  for (int i = 0; i < count; i++) {
    const char *attributes[2];
    size_t found =
        dds_plan_uses(&loop->plan, i) ? attributes_of(loop->target, columns, i, attributes) : 0;
    for (size_t j = 0; j < found; j++) {
      project(loop, attributes[j]);
    }
  }
  return write_projection(loop, error);
}

/* What the words alone say. */
static bool fill(dds_loop *loop, dds_target *target, const char *words, dds_error *error) {
  dds_columns columns = dds_target_columns(target);
  loop->target = target;
  loop->words = dds_alloc_copy(words, strlen(words));
  loop->sql_name =
      target->sql_name != NULL ? dds_alloc_copy(target->sql_name, strlen(target->sql_name)) : NULL;
  if (loop->words == NULL || (loop->sql_name == NULL && target->sql_name != NULL)) {
    return dds_error_set_nomem(error);
  }
  return dds_plan_parse(words, &columns, &loop->plan, error) &&
         make_projection(loop, &columns, error);
}

void dds_loop_open_table(dds_loop *loop) {
  loop->table = loop->target->table;
  loop->table.sql_name = loop->sql_name;
  dds_meter *call = dds_target_call(loop->target);
  loop->table.meter = call != NULL ? call : &loop->meter;
}

dds_projection dds_loop_projection(const dds_loop *loop) {
  return (dds_projection){
      .attributes = loop->attributes, .count = loop->attribute_count, .members = loop->projection};
}

/* ---- all of a table --------------------------------------------------------------------------*/

/* Forgets what only holds inside one statement, and keeps the rest for a next one. */
static void spare(dds_loops *loops, dds_loop *loop) {
  dds_rescans_free(&loop->rescans);
  dds_memo_clear(&loop->memo);
  loop->next = loops->spares;
  loops->spares = loop;
  dds_loop **at = &loops->spares;
  for (size_t i = 0; *at != NULL && i < MOST_SPARES; i++) {
    at = &(*at)->next;
  }
  free_loop(*at);
  *at = NULL;
}

/* A loop of these words that nobody is in; NULL where there is none. */
static dds_loop *take_spare(dds_loops *loops, const dds_target *target, const char *words) {
  for (dds_loop **at = &loops->spares; *at != NULL; at = &(*at)->next) {
    dds_loop *loop = *at;
    if (strcmp(loop->words, words) == 0 && dds_text_is_same(loop->sql_name, target->sql_name)) {
      *at = loop->next;
      return loop;
    }
  }
  return NULL;
}

/* Puts away those that nobody is in any more. */
static void drop_empty(dds_loops *loops) {
  dds_loop **at = &loops->first;
  while (*at != NULL) {
    dds_loop *loop = *at;
    if (loop->cursor_count > 0) {
      at = &loop->next;
      continue;
    }
    *at = loop->next;
    spare(loops, loop);
  }
}

static void leave(dds_loops *loops, dds_loop_seat *seat) {
  if (seat->loop != NULL && --seat->loop->cursor_count == 0) {
    seat->loop->left_at = ++loops->events;
  }
  seat->loop = NULL;
}

static dds_loop *find(const dds_loops *loops, const dds_loop_seat *seat, const char *words) {
  dds_loop *loop = loops->first;
  while (loop != NULL) {
    bool is_running = loop->cursor_count > 0 || seat->opened_at < loop->left_at;
    if (loop->address == words && is_running && strcmp(loop->words, words) == 0) {
      return loop;
    }
    loop = loop->next;
  }
  return NULL;
}

static dds_loop *make(dds_target *target, const char *words, dds_error *error) {
  dds_loop *loop = dds_alloc(sizeof *loop);
  if (loop == NULL) {
    dds_error_set_nomem(error);
    return NULL;
  }
  if (!fill(loop, target, words, error)) {
    free_loop(loop);
    return NULL;
  }
  return loop;
}

static dds_loop *begin(dds_loops *loops, dds_target *target, const char *words, dds_error *error) {
  dds_loop *loop = take_spare(loops, target, words);
  if (loop == NULL) {
    loop = make(target, words, error);
  }
  if (loop != NULL) {
    loop->address = words;
    loop->left_at = 0;
    loop->meter = dds_target_meter(target);
    loop->next = loops->first;
    loops->first = loop;
  }
  return loop;
}

void dds_loops_open_seat(dds_loops *loops, dds_loop_seat *seat) {
  *seat = (dds_loop_seat){.opened_at = ++loops->events};
  loops->unfiltered++;
}

/* From now on the cursor cannot be the successor of one that was closed. */
static void note_filtered(dds_loops *loops, dds_loop_seat *seat) {
  if (!seat->was_filtered) {
    seat->was_filtered = true;
    loops->unfiltered--;
  }
  if (loops->unfiltered == 0) {
    drop_empty(loops);
  }
}

bool dds_loops_take_seat(dds_loops *loops, dds_loop_seat *seat, dds_target *target,
                         const char *words, dds_error *error) {
  if (seat->loop != NULL && seat->loop->address == words) {
    return true;
  }
  dds_loop *loop = find(loops, seat, words);
  if (loop == NULL) {
    loop = begin(loops, target, words, error);
  }
  if (loop != NULL) {
    loop->cursor_count++;
  }
  leave(loops, seat);
  seat->loop = loop;
  note_filtered(loops, seat);
  return loop != NULL;
}

void dds_loops_close_seat(dds_loops *loops, dds_loop_seat *seat) {
  leave(loops, seat);
  note_filtered(loops, seat);
}

static void free_all(dds_loop **first) {
  while (*first != NULL) {
    dds_loop *loop = *first;
    *first = loop->next;
    free_loop(loop);
  }
}

void dds_loops_free(dds_loops *loops) {
  free_all(&loops->first);
  free_all(&loops->spares);
}
