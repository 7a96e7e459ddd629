/* The plan of a flush. */
#include "vtab/calls.h"

#include <stdint.h>

#include "base/alloc.h"
#include "dynamodb/batch.h"
#include "dynamodb/transact.h"

/* What one client has to send. */
typedef struct share {
  const dds_nets *nets;
  dds_calls *calls;
  const dds_client *client;
  size_t first; /* where its part of the order begins */
  size_t count;
  bool has_condition;
  bool is_atomic;  /* a table among them wants it so */
  bool is_through; /* all of them want it so */
} share;

static const dds_client *client_of(const dds_nets *nets, size_t number) {
  return nets->list[number].target->table.client;
}

static bool is_of(const share *all, size_t number) {
  return dds_net_write(&all->nets->list[number]) != NULL &&
         client_of(all->nets, number) == all->client;
}

static share sum_up(const dds_nets *nets, dds_calls *calls, const dds_client *client,
                    size_t first) {
  share all = {.nets = nets, .calls = calls, .client = client, .first = first, .is_through = true};
  for (size_t i = 0; i < nets->count; i++) {
    if (!is_of(&all, i)) {
      continue;
    }
    const dds_net *net = &nets->list[i];
    dds_commit_mode mode = net->target->options.commit;
    all.count++;
    all.has_condition = all.has_condition || net->is_conditional;
    all.is_atomic = all.is_atomic || mode == DDS_COMMIT_ATOMIC;
    all.is_through = all.is_through && mode == DDS_COMMIT_THROUGH;
  }
  return all;
}

/* What counts against the size of a transaction: looked at only where there may be one, because it
 * is measured in the item's text. */
static size_t payload_of(const dds_net *net) {
  return dds_write_payload_bytes(dds_net_write(net));
}

static size_t payload_of_all(const share *all) {
  size_t bytes = 0;
  for (size_t i = 0; i < all->nets->count; i++) {
    bytes += is_of(all, i) ? payload_of(&all->nets->list[i]) : 0;
  }
  return bytes;
}

static bool fits_transaction(size_t count, size_t bytes) {
  return count <= DDS_TRANSACT_MAX_WRITES && bytes <= DDS_TRANSACT_MAX_BYTES;
}

/* A call that is being filled. */
typedef struct filling {
  dds_api api;
  size_t most_nets;
  size_t most_bytes;
  size_t count;
  size_t bytes;
} filling;

static void end_call(const share *all, filling *open, size_t end) {
  if (open->count > 0) {
    all->calls->list[all->calls->count++] = (dds_call_plan){
        .api = open->count == 1 ? DDS_API_SINGLE : open->api,
        .client = all->client,
        .first = end - open->count,
        .count = open->count,
    };
  }
  open->count = 0;
  open->bytes = 0;
}

/* A batch is measured as it is sent, a transaction by what it writes. */
static size_t bytes_in_call(const filling *open, const dds_net *net) {
  switch (open->api) {
  case DDS_API_BATCH:
    return dds_batch_write_bytes(dds_net_write(net));
  case DDS_API_TRANSACT:
    return payload_of(net);
  default:
    return 0;
  }
}

/* Adds a net, and those that hang on it, to the call, or to the next where they do not fit. */
static void add_nets(const share *all, filling *open, size_t number, size_t *end) {
  const dds_nets *nets = all->nets;
  size_t count = 0;
  size_t bytes = 0;
  for (size_t i = number; i != SIZE_MAX; i = nets->list[i].next_in_group) {
    if (is_of(all, i)) {
      count++;
      bytes += bytes_in_call(open, &nets->list[i]);
    }
  }
  if (open->count + count > open->most_nets || open->bytes + bytes > open->most_bytes) {
    end_call(all, open, *end);
  }
  open->count += count;
  open->bytes += bytes;
  for (size_t i = number; i != SIZE_MAX; i = nets->list[i].next_in_group) {
    if (is_of(all, i)) {
      all->calls->order[(*end)++] = i;
    }
  }
}

/* Which kind of call a net goes in where there are several. */
static dds_api api_of(const dds_nets *nets, size_t number) {
  const dds_net *net = &nets->list[number];
  if (nets->list[net->group].group_count > 1) {
    return DDS_API_TRANSACT;
  }
  return net->is_conditional ? DDS_API_SINGLE : DDS_API_BATCH;
}

/* Several calls: batches first, then changed sids, then what has a condition. */
static void plan_several(const share *all, size_t *end) {
  filling kinds[] = {
      {.api = DDS_API_BATCH, .most_nets = DDS_BATCH_MAX_WRITES, .most_bytes = DDS_BATCH_MAX_BYTES},
      {.api = DDS_API_TRANSACT,
       .most_nets = DDS_TRANSACT_MAX_WRITES,
       .most_bytes = DDS_TRANSACT_MAX_BYTES},
      {.api = DDS_API_SINGLE, .most_nets = 1, .most_bytes = SIZE_MAX},
  };
  for (size_t kind = 0; kind < sizeof kinds / sizeof kinds[0]; kind++) {
    for (size_t i = 0; i < all->nets->count; i++) {
      /* A group is added as a whole, by its first. */
      if (all->nets->list[i].group == i && api_of(all->nets, i) == kinds[kind].api &&
          client_of(all->nets, i) == all->client) {
        add_nets(all, &kinds[kind], i, end);
      }
    }
    end_call(all, &kinds[kind], *end);
  }
}

static void plan_one(const share *all, size_t *end) {
  filling whole = {.api = DDS_API_TRANSACT, .count = all->count};
  for (size_t i = 0; i < all->nets->count; i++) {
    if (is_of(all, i)) {
      all->calls->order[(*end)++] = i;
    }
  }
  end_call(all, &whole, *end);
}

static bool refuse_atomic(const share *all, dds_error *error) {
  return dds_error_set(error, DDS_TOOBIG,
                       "commit='atomic': %zu writes of %zu bytes are more than one "
                       "TransactWriteItems holds (%d writes, 4 MB): COMMIT in smaller steps, or "
                       "use commit='auto'",
                       all->count, payload_of_all(all), DDS_TRANSACT_MAX_WRITES);
}

/* A group that one transaction cannot hold, of all the plan's calls. */
static bool check_groups(const dds_nets *nets, const dds_calls *calls, dds_error *error) {
  for (size_t i = 0; i < calls->count; i++) {
    const dds_call_plan *call = &calls->list[i];
    size_t bytes = 0;
    for (size_t j = 0; call->api == DDS_API_TRANSACT && j < call->count; j++) {
      bytes += payload_of(&nets->list[calls->order[call->first + j]]);
    }
    if (call->api == DDS_API_TRANSACT && !fits_transaction(call->count, bytes)) {
      return dds_error_set(error, DDS_TOOBIG,
                           "%zu changed sids of %zu bytes hang together, which is more than one "
                           "TransactWriteItems holds (%d writes, 4 MB): COMMIT in smaller steps",
                           call->count, bytes, DDS_TRANSACT_MAX_WRITES);
    }
  }
  return true;
}

static bool plan_client(const dds_nets *nets, dds_calls *calls, const dds_client *client,
                        size_t *end, bool *is_atomic, dds_error *error) {
  share all = sum_up(nets, calls, client, *end);
  bool wants_one = all.is_atomic || (all.has_condition && !all.is_through);
  bool is_one = all.count == 1 || (wants_one && all.count <= DDS_TRANSACT_MAX_WRITES &&
                                   fits_transaction(all.count, payload_of_all(&all)));
  *is_atomic = all.is_atomic;
  if (all.is_atomic && !is_one) {
    return refuse_atomic(&all, error);
  }
  if (is_one) {
    plan_one(&all, end);
  } else {
    plan_several(&all, end);
  }
  return true;
}

static bool is_planned(const dds_calls *calls, const dds_client *client) {
  for (size_t i = calls->count; i > 0; i--) {
    if (calls->list[i - 1].client == client) {
      return true;
    }
  }
  return false;
}

static bool plan_clients(const dds_nets *nets, dds_calls *calls, dds_error *error) {
  const dds_client *latest = NULL;
  size_t end = 0;
  size_t clients = 0;
  bool has_atomic = false;
  for (size_t i = 0; i < nets->count; i++) {
    const dds_client *client = client_of(nets, i);
    bool is_atomic = false;
    if (dds_net_write(&nets->list[i]) == NULL || client == latest || is_planned(calls, client)) {
      continue;
    }
    if (!plan_client(nets, calls, client, &end, &is_atomic, error)) {
      return false;
    }
    latest = client;
    clients++;
    has_atomic = has_atomic || is_atomic;
  }
  return !(has_atomic && clients > 1) ||
         dds_error_set(error, DDS_TOOBIG,
                       "commit='atomic': this transaction writes through %zu clients (region, "
                       "endpoint, profile), which no TransactWriteItems can: COMMIT between them",
                       clients);
}

bool dds_calls_plan(const dds_nets *nets, dds_calls *calls, dds_error *error) {
  *calls = (dds_calls){0};
  calls->list = dds_alloc(nets->count * (sizeof *calls->list + sizeof *calls->order));
  if (calls->list == NULL) {
    return dds_error_set_nomem(error);
  }
  calls->order = (size_t *)(calls->list + nets->count);
  return plan_clients(nets, calls, error) && check_groups(nets, calls, error);
}

size_t dds_calls_units(const dds_nets *nets, const dds_net *net, dds_api api) {
  const dds_write *write = dds_net_write(net);
  /* The last statement's UPDATE has the item as all of them make it. */
  const dds_write *last =
      write->kind == DDS_WRITE_UPDATE ? &nets->pending->writes[net->last].write : write;
  return dds_meter_write_units(dds_write_image_bytes(last)) * (api == DDS_API_TRANSACT ? 2 : 1);
}

/* Adds up each table's units. */
static void count_units(const dds_nets *nets, const dds_calls *calls) {
  for (size_t i = 0; i < nets->count; i++) {
    nets->list[i].target->planned_units = 0.0;
  }
  for (size_t i = 0; i < calls->count; i++) {
    const dds_call_plan *call = &calls->list[i];
    for (size_t j = 0; j < call->count; j++) {
      const dds_net *net = &nets->list[calls->order[call->first + j]];
      if (net->target->options.capacity_limit > 0.0) {
        net->target->planned_units += (double)dds_calls_units(nets, net, call->api);
      }
    }
  }
}

/* The transaction has the limit to itself, and so has the function call that it is part of. */
static bool check_target(dds_target *target, dds_error *error) {
  const dds_meter *call = dds_target_call(target);
  const dds_meter transaction = {.limit_units = target->options.capacity_limit,
                                 .used_units = target->sent_units};
  const char *name = target->table.name;
  double units = target->planned_units;
  return dds_meter_check_writes(&transaction, name, units, "transaction has sent", error) &&
         (call == NULL || dds_meter_check_writes(call, name, units, "call has used", error));
}

bool dds_calls_check_limit(const dds_nets *nets, const dds_calls *calls, dds_error *error) {
  count_units(nets, calls);
  for (size_t i = 0; i < nets->count; i++) {
    if (!check_target(nets->list[i].target, error)) {
      return false;
    }
  }
  return true;
}

void dds_calls_note_sent(const dds_nets *nets) {
  for (size_t i = 0; i < nets->count; i++) {
    dds_target *target = nets->list[i].target;
    target->sent_units += target->planned_units;
    dds_meter *call = dds_target_call(target);
    if (call != NULL) {
      call->used_units += target->planned_units;
    }
    target->planned_units = 0.0;
  }
}

const char *dds_calls_operation(const dds_calls *calls, const dds_nets *nets, size_t call) {
  const dds_call_plan *plan = &calls->list[call];
  switch (plan->api) {
  case DDS_API_BATCH:
    return "BatchWriteItem";
  case DDS_API_TRANSACT:
    return "TransactWriteItems";
  default:
    return dds_write_operation(dds_net_write(&nets->list[calls->order[plan->first]]));
  }
}

void dds_calls_free(dds_calls *calls) {
  dds_free(calls->list);
  *calls = (dds_calls){0};
}
