/* Runs the steps of a fold on what is known of their item. */
#include "dynamodb/fold.h"

#include <string.h>

#include "base/alloc.h"

enum { LARGEST_ITEM = 64 << 20 };

/* What is known of the item between two steps. */
typedef enum knowledge {
  KNOWS_NOTHING,
  KNOWS_ATTRIBUTES, /* it exists; those that were assigned, and the key */
  KNOWS_ITEM,
  KNOWS_ABSENCE,
} knowledge;

typedef struct run {
  dds_fold_step *steps;
  size_t count;
  knowledge knowledge;
  dds_item item;           /* what is known of it */
  dds_buffer texts[2];     /* owned; what `item` may point into, by turns */
  int turn;                /* of the text that is written next */
  dds_write assigned;      /* UPDATEs since the beginning, merged; owns the array alone */
  dds_condition *asserted; /* owned; what the server has to be asked, NULL for nothing */
  size_t assumed;          /* the step OR IGNORE that is taken to be applied; count: none */
  size_t ignored;          /* the one that is taken to find an item; count: none */
} run;

static run start(dds_fold_step *steps, size_t count) {
  return (run){
      .steps = steps,
      .count = count,
      .texts = {DDS_BUFFER_INIT(LARGEST_ITEM), DDS_BUFFER_INIT(LARGEST_ITEM)},
      .assumed = count,
      .ignored = count,
  };
}

static void end(run *self) {
  dds_buffer_free(&self->texts[0]);
  dds_buffer_free(&self->texts[1]);
  dds_free(self->assigned.assignments);
  dds_condition_release(self->asserted);
  self->assigned = (dds_write){0};
  self->asserted = NULL;
}

static bool is_known(const void *context, const char *attribute) {
  const run *self = context;
  dds_value value;
  switch (self->knowledge) {
  case KNOWS_NOTHING:
    return false;
  case KNOWS_ATTRIBUTES:
    for (size_t i = 0; i < self->assigned.assignment_count; i++) {
      if (strcmp(self->assigned.assignments[i].attribute, attribute) == 0) {
        return true;
      }
    }
    /* Besides the assigned ones the known part of the item has its key alone. */
    return dds_item_find(&self->item, attribute, strlen(attribute), &value);
  default:
    return true;
  }
}

static bool reduce(const run *self, dds_condition *condition, dds_truth *truth,
                   dds_condition **rest, dds_error *error) {
  const dds_known known = {.is_known = is_known, .context = self, .item = &self->item};
  *truth = DDS_TRUE;
  *rest = NULL;
  return condition == NULL || dds_condition_reduce(condition, &known, truth, rest) ||
         dds_error_set_nomem(error);
}

/* The last assignment of an attribute counts, where the first one stood. */
static bool merge_assignments(dds_write *merged, const dds_write *write, dds_error *error) {
  size_t most = merged->assignment_count + write->assignment_count;
  dds_assignment *grown = dds_realloc(merged->assignments, most * sizeof *grown);
  if (grown == NULL) {
    return dds_error_set_nomem(error);
  }
  merged->assignments = grown;
  for (size_t i = 0; i < write->assignment_count; i++) {
    size_t at = 0;
    while (at < merged->assignment_count &&
           strcmp(grown[at].attribute, write->assignments[i].attribute) != 0) {
      at++;
    }
    grown[at] = write->assignments[i];
    merged->assignment_count += at == merged->assignment_count;
  }
  return true;
}

/* The item becomes what `write` makes of `base`. */
static bool know_item(run *self, const dds_write *write, const dds_item *base, dds_error *error) {
  dds_buffer *text = &self->texts[self->turn];
  dds_buffer_clear(text);
  dds_write_append_item(write, base, text);
  if (!dds_buffer_check(text, error)) {
    return false;
  }
  self->item = dds_item_of(dds_buffer_text(text), text->length);
  self->turn = !self->turn;
  return true;
}

static bool apply_update(run *self, const dds_write *write, dds_error *error) {
  static const dds_item nothing = {.json = {.text = "{}", .length = 2}};
  if (self->knowledge == KNOWS_ITEM) {
    return know_item(self, write, &self->item, error);
  }
  self->knowledge = KNOWS_ATTRIBUTES;
  self->assigned.key = write->key; /* borrowed */
  return merge_assignments(&self->assigned, write, error) &&
         know_item(self, &self->assigned, &nothing, error);
}

static bool apply(run *self, const dds_write *write, dds_error *error) {
  switch (write->kind) {
  case DDS_WRITE_UPDATE:
    return apply_update(self, write, error);
  case DDS_WRITE_PUT:
    self->knowledge = KNOWS_ITEM;
    self->item = dds_item_of(write->item, write->item_length);
    return true;
  default:
    self->knowledge = KNOWS_ABSENCE;
    self->item = (dds_item){.json = {0}};
    return true;
  }
}

/* What becomes of a step whose condition does not hold. */
typedef enum failing { FAILS_DROPPED, FAILS_REFUSED } failing;

static bool judge_failing(const run *self, const dds_fold_step *step, failing *outcome,
                          dds_error *error) {
  dds_truth truth;
  dds_condition *rest;
  *outcome = step->is_ignored ? FAILS_DROPPED : FAILS_REFUSED;
  bool may_drop = step->write->matches != NULL &&
                  !(self->knowledge == KNOWS_ABSENCE && step->write->must_exist);
  if (step->is_ignored || !may_drop) {
    return true;
  }
  if (!reduce(self, step->write->matches, &truth, &rest, error)) {
    return false;
  }
  dds_condition_release(rest);
  if (truth == DDS_FALSE) {
    *outcome = FAILS_DROPPED;
  }
  return true;
}

static bool assert_rest(run *self, dds_condition *rest, dds_error *error) {
  if (rest == NULL) {
    return true;
  }
  self->asserted = self->asserted == NULL ? rest : dds_condition_and(self->asserted, rest);
  return self->asserted != NULL || dds_error_set_nomem(error);
}

/* One step; `*refused` where its assertion does not hold. */
static bool run_step(run *self, size_t place, bool *refused, dds_error *error) {
  dds_fold_step *step = &self->steps[place];
  dds_condition *condition;
  dds_condition *rest;
  dds_truth truth;
  failing outcome;
  if (!dds_write_condition(step->write, &condition, error)) {
    return false;
  }
  bool ok = reduce(self, condition, &truth, &rest, error);
  dds_condition_release(condition);
  if (!ok) {
    return false;
  }
  if (truth != DDS_FALSE) {
    if (truth == DDS_UNDECIDED && step->is_ignored) {
      self->assumed = place;
    }
    return assert_rest(self, rest, error) && apply(self, step->write, error);
  }
  if (!judge_failing(self, step, &outcome, error)) {
    return false;
  }
  step->is_dropped = outcome == FAILS_DROPPED;
  *refused = outcome == FAILS_REFUSED;
  return true;
}

static bool takes_part(const dds_fold_step *step) {
  return !step->is_left_out && !step->is_dropped;
}

/* Runs them all, or up to the one that is refused. */
static bool run_steps(run *self, dds_fold_result *result, size_t *refused, dds_error *error) {
  bool is_refused = false;
  *result = DDS_FOLD_NOTHING;
  for (size_t i = 0; i < self->count && !is_refused; i++) {
    dds_fold_step *step = &self->steps[i];
    step->is_dropped = i == self->ignored;
    *refused = i;
    if (takes_part(step) && !run_step(self, i, &is_refused, error)) {
      return false;
    }
    *result = takes_part(step) ? DDS_FOLD_WRITE : *result;
  }
  *result = is_refused ? DDS_FOLD_REFUSED : *result;
  return true;
}

/* The only step that takes part; NULL where there are several, or none. */
static const dds_write *only_step(const run *self) {
  const dds_write *only = NULL;
  for (size_t i = 0; i < self->count; i++) {
    if (!takes_part(&self->steps[i])) {
      continue;
    }
    if (only != NULL) {
      return NULL;
    }
    only = self->steps[i].write;
  }
  return only;
}

/* The run's end as one write, which takes over what the run owns of it. */
static bool make_net(run *self, dds_fold *fold, dds_error *error) {
  dds_write *made = &fold->made;
  *made = (dds_write){.kind = DDS_WRITE_DELETE, .key = self->steps[0].write->key};
  if (self->knowledge == KNOWS_ITEM) {
    made->kind = DDS_WRITE_PUT;
    made->item_length = self->item.json.length;
    fold->item = dds_alloc_copy(self->item.json.text, self->item.json.length);
    made->item = fold->item;
    if (fold->item == NULL) {
      return dds_error_set_nomem(error);
    }
  } else if (self->knowledge == KNOWS_ATTRIBUTES) {
    made->kind = DDS_WRITE_UPDATE;
    made->assignments = self->assigned.assignments;
    made->assignment_count = self->assigned.assignment_count;
    self->assigned = (dds_write){0};
  }
  made->asserted = self->asserted;
  self->asserted = NULL;
  /* What an item that is gone means stands in the steps' conditions already. */
  made->must_exist = true;
  fold->write = made;
  return dds_write_check(made, error);
}

/* Whether the only step asserts by itself all that the run has found to be asserted. */
static bool is_enough(const run *self, const dds_write *only) {
  return only != NULL && (self->ignored == self->count || only->kind == DDS_WRITE_UPDATE);
}

static bool conclude(run *self, dds_fold *fold, dds_fold_result *result, dds_error *error) {
  if (!run_steps(self, result, &fold->refused, error)) {
    return false;
  }
  if (*result != DDS_FOLD_WRITE) {
    return true;
  }
  const dds_write *only = only_step(self);
  if (is_enough(self, only)) {
    fold->write = only;
    return true;
  }
  return make_net(self, fold, error);
}

/* Begins with an item that exists, and of which nothing else is known. */
static bool assume_existence(run *self, size_t ignored, dds_error *error) {
  static const dds_item nothing = {.json = {.text = "{}", .length = 2}};
  self->ignored = ignored;
  self->assigned.key = self->steps[ignored].write->key; /* borrowed */
  self->knowledge = KNOWS_ATTRIBUTES;
  /* What INSERT OR IGNORE asserts is that the key does not exist. */
  self->asserted = dds_condition_not(dds_condition_retain(self->steps[ignored].write->asserted));
  return self->asserted == NULL ? dds_error_set_nomem(error)
                                : know_item(self, &self->assigned, &nothing, error);
}

/* A write that is its item's only one is sent as it is: of the item nothing is known that could
 * refuse or change it. */
static void pass_on(dds_fold_step *step, dds_fold *fold, dds_fold_result *result) {
  step->is_dropped = false;
  *result = step->is_left_out ? DDS_FOLD_NOTHING : DDS_FOLD_WRITE;
  fold->write = step->is_left_out ? NULL : step->write;
}

bool dds_fold_make(dds_fold_step *steps, size_t count, dds_fold *fold, dds_fold_result *result,
                   dds_error *error) {
  *fold = (dds_fold){0};
  if (count == 1) {
    pass_on(&steps[0], fold, result);
    return true;
  }
  run self = start(steps, count);
  bool ok = conclude(&self, fold, result, error);
  size_t assumed = self.assumed;
  end(&self);
  if (!ok || *result != DDS_FOLD_REFUSED || assumed == count) {
    return ok;
  }
  /* A later statement has read another row than the one of INSERT OR IGNORE: the server has it. */
  self = start(steps, count);
  ok = assume_existence(&self, assumed, error) && conclude(&self, fold, result, error);
  end(&self);
  return ok;
}

bool dds_fold_judge(dds_fold_step *steps, size_t count, const dds_item *server,
                    dds_fold_result *result, size_t *refused, dds_error *error) {
  run self = start(steps, count);
  self.item = *server;
  self.knowledge = server->json.text == NULL ? KNOWS_ABSENCE : KNOWS_ITEM;
  bool ok = run_steps(&self, result, refused, error);
  for (size_t i = 0; i < count; i++) {
    steps[i].is_left_out = steps[i].is_left_out || steps[i].is_dropped;
  }
  end(&self);
  return ok;
}

void dds_fold_free(dds_fold *fold) {
  dds_free(fold->item);
  dds_free(fold->made.assignments);
  dds_condition_release(fold->made.asserted);
  *fold = (dds_fold){0};
}
