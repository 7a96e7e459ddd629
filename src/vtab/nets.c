/* Net writes: chains of writes by item, folded, and folded again when some are dropped. */
#include "vtab/nets.h"

#include <stdint.h>

#include "base/alloc.h"
#include "vtab/table.h"

/* What the flush notes of one write of the buffer. */
typedef struct dds_net_place {
  size_t net; /* SIZE_MAX: it does not wait */
  bool is_left_out;
  bool is_dropped;
} dds_net_place;

static bool is_waiting(const dds_pending *pending, size_t place) {
  return pending->writes[place].state == DDS_PENDING_WAITING;
}

/* The place of the item's waiting write before this one; SIZE_MAX for none. */
static size_t waiting_before(const dds_pending *pending, size_t place) {
  size_t before = pending->writes[place].previous;
  while (before > 0 && !is_waiting(pending, before - 1)) {
    before = pending->writes[before - 1].previous;
  }
  return before == 0 ? SIZE_MAX : before - 1;
}

const dds_write *dds_net_write(const dds_net *net) {
  return net->state == DDS_NET_WAITING && net->is_chosen ? net->fold.write : NULL;
}

/* Gives each waiting write its net; returns the length of the longest. */
static size_t fill_list(dds_nets *nets, dds_nets_choice choice) {
  size_t longest = 0;
  for (size_t i = 0; i < nets->pending->count; i++) {
    dds_pending_write *entry = &nets->pending->writes[i];
    nets->places[i] = (dds_net_place){.net = SIZE_MAX};
    if (!is_waiting(nets->pending, i)) {
      continue;
    }
    size_t before = waiting_before(nets->pending, i);
    size_t number = before == SIZE_MAX ? nets->count++ : nets->places[before].net;
    dds_net *net = &nets->list[number];
    if (before == SIZE_MAX) {
      *net = (dds_net){.first = entry,
                       .target = entry->target,
                       .group = number,
                       .next_in_group = SIZE_MAX,
                       .is_chosen = true};
    }
    net->is_chosen = net->is_chosen && (choice == DDS_NETS_ALL ||
                                        entry->target->options.commit == DDS_COMMIT_THROUGH);
    nets->places[i].net = number;
    net->last = i;
    net->step_count++;
    longest = net->step_count > longest ? net->step_count : longest;
  }
  return longest;
}

/* A group is sent as a whole or not at all. */
static void choose_groups(dds_nets *nets) {
  for (size_t i = 0; i < nets->count; i++) {
    nets->list[i].is_chosen = nets->list[nets->list[i].group].is_chosen;
  }
}

static size_t group_of(const dds_nets *nets, size_t number) {
  while (nets->list[number].group != number) {
    number = nets->list[number].group;
  }
  return number;
}

/* All of a group go through the client of its first. */
static void link_groups(dds_nets *nets) {
  for (size_t i = nets->count; i > 0; i--) {
    dds_net *net = &nets->list[i - 1];
    net->group = group_of(nets, i - 1);
    dds_net *root = &nets->list[net->group];
    root->group_count++;
    net->target = root->target;
    root->is_chosen = root->is_chosen && net->is_chosen;
    /* From the last to the first, so that the root, which comes last here, is in front. */
    size_t behind = root->next_in_group;
    if (net != root) {
      root->next_in_group = i - 1;
      net->next_in_group = behind;
    }
  }
}

/* A changed sid ties two nets together; the first net of a group stands for it. */
static void tie_groups(dds_nets *nets) {
  for (size_t i = 1; i < nets->pending->count; i++) {
    if (nets->places[i].net == SIZE_MAX || nets->places[i - 1].net == SIZE_MAX ||
        !nets->pending->writes[i].rules.follows_previous) {
      continue;
    }
    size_t one = group_of(nets, nets->places[i - 1].net);
    size_t other = group_of(nets, nets->places[i].net);
    nets->list[one < other ? other : one].group = one < other ? one : other;
  }
  link_groups(nets);
  choose_groups(nets);
}

/* The places of a net's writes, from the last to the first. */
static void load_steps(const dds_nets *nets, const dds_net *net) {
  size_t place = net->last;
  for (size_t i = net->step_count; i > 0; i--) {
    const dds_pending_write *entry = &nets->pending->writes[place];
    nets->steps[i - 1] = (dds_fold_step){.write = &entry->write,
                                         .is_ignored = entry->rules.is_ignored,
                                         .is_left_out = nets->places[place].is_left_out};
    place = waiting_before(nets->pending, place);
  }
}

/* Notes what the fold found; gives the place of the step `wanted`. */
static size_t store_steps(dds_nets *nets, const dds_net *net, size_t wanted) {
  size_t place = net->last;
  size_t found = place;
  for (size_t i = net->step_count; i > 0; i--) {
    nets->places[place].is_left_out = nets->steps[i - 1].is_left_out;
    nets->places[place].is_dropped = nets->steps[i - 1].is_dropped;
    found = i - 1 == wanted ? place : found;
    place = waiting_before(nets->pending, place);
  }
  return found;
}

/* The statement's error. Where several rows are written it says which one. */
static bool refuse(const dds_nets *nets, size_t place, dds_error *error) {
  const dds_pending_write *entry = &nets->pending->writes[place];
  const char *table_name = entry->owner->name;
  char sid_hash[DDS_SHA256_HEX_BYTES];
  dds_pending_sid_hash(entry, sid_hash);
  if (entry->rules.when_refused != DDS_PRIMARYKEY) {
    return dds_error_set(error, DDS_BUSY_SNAPSHOT,
                         "the session with sid_hash %s in %s has changed since it was read: run "
                         "the statement, or the transaction around it, again",
                         sid_hash, table_name);
  }
  dds_error_set(error, DDS_PRIMARYKEY, "UNIQUE constraint failed: %s.sid", table_name);
  if (nets->count > 1) {
    dds_error_append(error, ": sid_hash %s", sid_hash);
  }
  return false;
}

static void mark_writes(dds_nets *nets, dds_net *net, bool is_applied) {
  size_t place = net->last;
  for (size_t i = 0; i < net->step_count; i++) {
    bool is_out = nets->places[place].is_left_out || nets->places[place].is_dropped;
    size_t before = waiting_before(nets->pending, place);
    nets->pending->writes[place].state =
        is_applied && !is_out ? DDS_PENDING_APPLIED : DDS_PENDING_DROPPED;
    place = before;
  }
}

static bool fold(dds_nets *nets, dds_net *net, dds_error *error) {
  dds_fold_result result;
  dds_fold_free(&net->fold);
  load_steps(nets, net);
  if (!dds_fold_make(nets->steps, net->step_count, &net->fold, &result, error)) {
    return false;
  }
  size_t refused = store_steps(nets, net, net->fold.refused);
  if (result == DDS_FOLD_REFUSED) {
    return refuse(nets, refused, error);
  }
  if (net->fold.write == NULL) {
    return true;
  }
  net->is_conditional = dds_write_is_conditional(net->fold.write);
  return true;
}

/* Leaves out the second halves whose first half takes no part, until there is no more. */
static bool follow(dds_nets *nets, dds_error *error) {
  bool has_changed = true;
  while (has_changed) {
    has_changed = false;
    for (size_t i = 1; i < nets->pending->count; i++) {
      const dds_net_place *before = &nets->places[i - 1];
      dds_net_place *place = &nets->places[i];
      bool is_out = before->net != SIZE_MAX && (before->is_left_out || before->is_dropped);
      if (!is_out || place->net == SIZE_MAX || !nets->list[place->net].is_chosen ||
          place->is_left_out || !nets->pending->writes[i].rules.follows_previous) {
        continue;
      }
      place->is_left_out = true;
      has_changed = true;
      nets->list[place->net].is_outdated = true;
      if (!fold(nets, &nets->list[place->net], error)) {
        return false;
      }
    }
  }
  return true;
}

bool dds_nets_make(dds_pending *pending, dds_nets_choice choice, dds_nets *nets, dds_error *error) {
  *nets = (dds_nets){.pending = pending};
  nets->list = dds_alloc(pending->count * (sizeof *nets->list + sizeof *nets->places));
  if (nets->list == NULL) {
    return dds_error_set_nomem(error);
  }
  nets->places = (dds_net_place *)(nets->list + pending->count);
  size_t longest = fill_list(nets, choice);
  tie_groups(nets);
  nets->steps = dds_alloc(longest * sizeof *nets->steps);
  if (nets->steps == NULL) {
    return dds_error_set_nomem(error);
  }
  for (size_t i = 0; i < nets->count; i++) {
    if (nets->list[i].is_chosen && !fold(nets, &nets->list[i], error)) {
      return false;
    }
  }
  return follow(nets, error);
}

void dds_nets_apply(dds_nets *nets, dds_net *net) {
  net->is_applied = dds_net_write(net) != NULL;
  mark_writes(nets, net, net->is_applied);
  net->state = DDS_NET_DONE;
}

static size_t count_left_out(const dds_nets *nets, const dds_net *net) {
  size_t count = 0;
  for (size_t i = 0; i < net->step_count; i++) {
    count += nets->steps[i].is_left_out;
  }
  return count;
}

bool dds_nets_judge(dds_nets *nets, dds_net *net, const dds_item *server, dds_error *error) {
  dds_fold_result result;
  size_t refused = 0;
  if (net->is_outdated) {
    return true;
  }
  load_steps(nets, net);
  size_t before = count_left_out(nets, net);
  if (!dds_fold_judge(nets->steps, net->step_count, server, &result, &refused, error)) {
    return false;
  }
  bool has_dropped = count_left_out(nets, net) > before;
  size_t place = store_steps(nets, net, refused);
  if (result == DDS_FOLD_REFUSED || !has_dropped) {
    return refuse(nets, place, error);
  }
  bool is_alone = nets->list[net->group].group_count == 1;
  return fold(nets, net, error) && (is_alone || follow(nets, error));
}

void dds_nets_free(dds_nets *nets) {
  for (size_t i = 0; i < nets->count; i++) {
    dds_fold_free(&nets->list[i].fold);
  }
  dds_free(nets->list);
  dds_free(nets->steps);
  *nets = (dds_nets){0};
}
