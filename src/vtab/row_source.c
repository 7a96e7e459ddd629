/* Where the rows of a loop come from: DynamoDB and what is remembered, and over it the waiting
 * writes. */
#include "vtab/row_source.h"

#include <string.h>

#include "vtab/connection.h"
#include "vtab/facts.h"

enum { IMAGE_MAX_BYTES = 64 << 20 };

void dds_row_source_open(dds_row_source *source, dds_loop *loop, uint64_t before_position,
                         bool is_joined) {
  *source = (dds_row_source){
      .target = loop->target,
      .loop = loop,
      .before_position = before_position,
      .is_joined = is_joined,
      .image = DDS_BUFFER_INIT(IMAGE_MAX_BYTES),
  };
}

static const dds_pending *pending_of(const dds_row_source *source) {
  return &source->target->connection->pending;
}

static uint64_t state_of(const dds_row_source *source) {
  return source->target->connection->sent_count;
}

static dds_key_read_rules rules_of(const dds_row_source *source) {
  const dds_options *options = &source->target->options;
  return (dds_key_read_rules){
      .table = &source->loop->table,
      .hash_key = options->layout.hash_key,
      .memo = &source->loop->memo,
      .state = state_of(source),
      .projection = dds_loop_projection(source->loop),
      .consistent = options->consistency != DDS_CONSISTENT_NEVER,
      .concurrency = dds_options_concurrency(options),
  };
}

static void clear_item(dds_row_source *source) {
  dds_operation_free(source->holder);
  source->holder = NULL;
  source->item = (dds_item){0};
}

static void end_requests(dds_row_source *source) {
  dds_scan_close(source->scan);
  dds_kept_release(source->kept);
  dds_key_read_close(&source->keys);
  dds_overlay_free(&source->overlay);
  source->scan = NULL;
  source->kept = NULL;
  source->place = (dds_kept_place){0};
  source->gives_keys = false;
}

void dds_row_source_close(dds_row_source *source) {
  clear_item(source);
  end_requests(source);
  dds_buffer_free(&source->image);
  *source = (dds_row_source){0};
}

/* ---- by key ----------------------------------------------------------------------------------*/

/* Makes a write's item the current one: a copy, as DynamoDB would give it back. */
static bool show_image(dds_row_source *source, const dds_item *image, dds_error *error) {
  dds_buffer_clear(&source->image);
  dds_item_append_stored(image, &source->image);
  source->item = dds_item_of(source->image.data, source->image.length);
  return dds_buffer_check(&source->image, error);
}

static bool ask(dds_row_source *source, const dds_key *key, dds_error *error) {
  dds_key_read_rules rules = rules_of(source);
  return dds_key_read_one(&rules, key, &source->holder, &source->image, &source->item, error);
}

/* `is_absent`: it is known already that DynamoDB has no item of this key. */
static bool show(dds_row_source *source, const dds_key *key, bool is_absent, dds_error *error) {
  dds_item image = {.json = {0}};
  clear_item(source);
  dds_pending_effect effect =
      dds_pending_look_up(pending_of(source), source->target, key, source->before_position, &image);
  bool is_decided = effect == DDS_EFFECT_ITEM || effect == DDS_EFFECT_GONE;
  if (!is_decided && !(is_absent && effect == DDS_EFFECT_ITEM_UNLESS_EXISTS)) {
    if (!ask(source, key, error)) {
      return false;
    }
    /* The image is the unsent write's, which a ROLLBACK in the host's progress handler may have
     * taken away meanwhile, though SQLite forbids it there. */
    image = (dds_item){.json = {0}};
    dds_pending_look_up(pending_of(source), source->target, key, source->before_position, &image);
  }
  return source->item.json.text != NULL || image.json.text == NULL ||
         show_image(source, &image, error);
}

bool dds_row_source_get(dds_row_source *source, const dds_key *key, dds_error *error) {
  if (show(source, key, false, error)) {
    return true;
  }
  dds_target_explain_refusal(source->target, error);
  return false;
}

/* The keys of a set whose rows no write has decided. */
static bool leave_out_decided(const dds_row_source *source, const dds_key_set *all,
                              dds_key_set *keys, dds_error *error) {
  for (size_t i = 0; i < all->count; i++) {
    if (!dds_overlay_decides(&source->overlay, &all->keys[i]) &&
        !dds_key_set_add(keys, &all->keys[i], NULL, NULL, error)) {
      return false;
    }
  }
  return true;
}

bool dds_row_source_get_keys(dds_row_source *source, dds_key_set *keys, dds_error *error) {
  dds_key_read_rules rules = rules_of(source);
  dds_key_set undecided = {0};
  end_requests(source);
  source->is_whole = true;
  bool ok = dds_overlay_open_keys(pending_of(source), source->target, source->before_position, keys,
                                  &source->overlay, error) &&
            (source->overlay.count == 0 || leave_out_decided(source, keys, &undecided, error)) &&
            dds_key_read_open(&source->keys, &rules, source->overlay.count == 0 ? keys : &undecided,
                              error);
  dds_key_set_free(keys);
  dds_key_set_free(&undecided);
  return ok;
}

/* ---- by a Scan or a Query --------------------------------------------------------------------*/

static bool is_consistent(const dds_row_source *source) {
  const dds_target *target = source->target;
  switch (target->options.consistency) {
  case DDS_CONSISTENT_ALWAYS:
    return true;
  case DDS_CONSISTENT_NEVER:
    return false;
  default:
    return source->is_joined || source->overlay.count > 0 ||
           dds_connection_wrote_lately(target->connection, target->table.client,
                                       target->table.name);
  }
}

/* Opens what `request` says, kept or not. */
static bool open_list(dds_row_source *source, dds_scan_request *request,
                      const dds_rescan_wanted *wanted, dds_rescan_way way, dds_error *error) {
  dds_loop *loop = source->loop;
  if (request->index == NULL && request->wanted == 0 &&
      !dds_facts_divide(source->target, request, error)) {
    return false;
  }
  if (way == DDS_RESCAN_PLAIN) {
    return dds_scan_open(&loop->table, request, &source->scan, error);
  }
  return dds_kept_open(&loop->table, request, &source->kept, error) &&
         dds_rescans_keep(&loop->rescans, wanted, way, source->kept, error);
}

/* Gathers the waiting writes for a list of items that begins. */
static bool begin_list(dds_row_source *source, const dds_filter *filter, dds_error *error) {
  end_requests(source);
  source->wanted = filter->wanted;
  return dds_overlay_open(pending_of(source), source->target, source->before_position,
                          &source->overlay, error);
}

bool dds_row_source_scan(dds_row_source *source, const dds_filter *filter, dds_error *error) {
  const dds_layout *layout = &source->target->options.layout;
  dds_condition *narrow = NULL;
  dds_condition *whole = NULL;
  dds_rescan_way way = DDS_RESCAN_PLAIN;
  bool ok =
      begin_list(source, filter, error) && dds_filter_for_scan(filter, layout, &narrow, error);
  dds_rescan_wanted wanted = {
      .filter = narrow, .consistent = is_consistent(source), .state = state_of(source)};
  ok = ok && dds_rescans_choose(&source->loop->rescans, &wanted, &way, &source->kept, error);
  bool is_narrowed = way != DDS_RESCAN_KEEP_WHOLE && way != DDS_RESCAN_SERVE_WHOLE;
  source->is_whole = !is_narrowed || (filter->condition == NULL && filter->sid_condition == NULL);
  if (ok && !is_narrowed && source->kept == NULL) {
    ok = dds_filter_for_scan(&(dds_filter){0}, layout, &whole, error);
  }
  if (ok && source->kept == NULL) {
    dds_scan_request request = {
        .projection = dds_loop_projection(source->loop),
        .filter = is_narrowed ? narrow : whole,
        .consistent = wanted.consistent,
        .wanted = filter->wanted,
    };
    ok = open_list(source, &request, &wanted, way, error);
  }
  dds_condition_release(narrow);
  dds_condition_release(whole);
  return ok;
}

bool dds_row_source_query(dds_row_source *source, const dds_row_source_index *index,
                          const dds_filter *filter, dds_error *error) {
  const dds_options *options = &source->target->options;
  const char *const key_only[] = {options->layout.hash_key};
  dds_condition *narrow = NULL;
  dds_rescan_way way = DDS_RESCAN_PLAIN;
  /* What an index does not hold it cannot filter by. */
  bool ok = begin_list(source, filter, error) &&
            (!index->is_covering || dds_filter_for_query(filter, &options->layout, index->index,
                                                         index->sort_key, &narrow, error));
  source->is_whole = false;
  /* An index is always read eventually, so it cannot answer a consistent read by itself. */
  source->gives_keys = !index->is_covering || source->is_joined || source->overlay.count > 0 ||
                       options->consistency == DDS_CONSISTENT_ALWAYS;
  const dds_rescan_wanted wanted = {.key_condition = filter->key_condition,
                                    .filter = narrow,
                                    .gives_keys = source->gives_keys,
                                    .state = state_of(source)};
  ok = ok && dds_rescans_choose(&source->loop->rescans, &wanted, &way, &source->kept, error);
  if (ok && source->kept == NULL) {
    dds_scan_request request = {
        .projection = source->gives_keys ? (dds_projection){.attributes = key_only, .count = 1}
                                         : dds_loop_projection(source->loop),
        .filter = narrow,
        .index = index->index->name,
        .key_condition = filter->key_condition,
        .wanted = filter->wanted,
    };
    ok = open_list(source, &request, &wanted, way, error);
  }
  dds_condition_release(narrow);
  return ok;
}

static bool is_list_open(const dds_row_source *source) {
  return source->scan != NULL || source->kept != NULL;
}

static bool next_of_list(dds_row_source *source, dds_error *error) {
  return source->kept != NULL ? dds_kept_next(source->kept, &source->place, &source->item, error)
                              : dds_scan_next(source->scan, &source->item, error);
}

static void close_list(dds_row_source *source) {
  dds_scan_close(source->scan);
  dds_kept_release(source->kept);
  source->scan = NULL;
  source->kept = NULL;
}

/* Starts reading the items of keys, which become the source's. */
static bool read_keys(dds_row_source *source, dds_key_set *keys, dds_error *error) {
  dds_key_read_rules rules = rules_of(source);
  return keys->count == 0 || dds_key_read_open(&source->keys, &rules, keys, error);
}

/* Behind the list: asks for what a filter or an index may have hidden, the rows that a waiting
 * write would yield to. */
static bool read_hidden(dds_row_source *source, dds_error *error) {
  dds_key_set keys = {0};
  bool ok = dds_overlay_collect_undecided(&source->overlay, &keys, error) &&
            read_keys(source, &keys, error);
  dds_key_set_free(&keys);
  return ok;
}

/* Takes the next keys of an index, as many as can be in flight, and starts reading their items. */
static bool read_indexed(dds_row_source *source, dds_error *error) {
  const char *hash_key = source->target->options.layout.hash_key;
  size_t most = DDS_BATCH_MAX_KEYS * dds_options_concurrency(&source->target->options);
  if (source->wanted > 0 && (uint64_t)source->wanted < most) {
    most = (size_t)source->wanted;
  }
  dds_key_set keys = {0};
  bool ok = true;
  while (ok && keys.count < most) {
    dds_key key = {0};
    ok = next_of_list(source, error);
    if (!ok || source->item.json.text == NULL) {
      break;
    }
    ok = dds_key_from_item(hash_key, &source->item, &key, error) &&
         (dds_overlay_decides(&source->overlay, &key) ||
          dds_key_set_add(&keys, &key, NULL, NULL, error));
    dds_key_free(&key);
  }
  if (ok && source->item.json.text == NULL) {
    close_list(source);
  }
  source->item = (dds_item){0};
  ok = ok && read_keys(source, &keys, error);
  dds_key_set_free(&keys);
  return ok;
}

/* The next item, whether or not it is a row: of those that are read by key, or else of the list. */
static bool next_item(dds_row_source *source, dds_error *error) {
  for (;;) {
    bool is_by_key = source->keys.is_open;
    if (!is_by_key && !is_list_open(source)) {
      return true;
    }
    if (!is_by_key && source->gives_keys) {
      if (!read_indexed(source, error)) {
        return false;
      }
    } else if (!(is_by_key ? dds_key_read_next(&source->keys, &source->item, error)
                           : next_of_list(source, error))) {
      return false;
    } else if (source->item.json.text != NULL) {
      return true;
    } else if (is_by_key) {
      dds_key_read_close(&source->keys);
    } else {
      close_list(source);
    }
    if (!source->keys.is_open && !is_list_open(source) && !source->is_whole) {
      source->is_whole = true;
      if (!read_hidden(source, error)) {
        return false;
      }
    }
  }
}

/* Whether the current item is a row. One without its key is for the layout to complain of. */
static bool admit(dds_row_source *source, bool *is_admitted, dds_error *error) {
  const char *hash_key = source->target->options.layout.hash_key;
  dds_key key = {0};
  dds_value value;
  *is_admitted = true;
  if (source->overlay.count == 0 ||
      !dds_item_find(&source->item, hash_key, strlen(hash_key), &value)) {
    return true;
  }
  bool ok = dds_key_from_item(hash_key, &source->item, &key, error);
  *is_admitted = ok && dds_overlay_admits(&source->overlay, &key);
  dds_key_free(&key);
  return ok;
}

bool dds_row_source_next(dds_row_source *source, dds_error *error) {
  bool is_admitted = false;
  clear_item(source);
  do {
    if (!next_item(source, error) ||
        (source->item.json.text != NULL && !admit(source, &is_admitted, error))) {
      return false;
    }
  } while (source->item.json.text != NULL && !is_admitted);
  const dds_overlay_row *row = NULL;
  while (source->item.json.text == NULL && (row = dds_overlay_next(&source->overlay)) != NULL) {
    if (!show(source, &row->key, !row->is_decided, error)) {
      return false;
    }
  }
  return true;
}
