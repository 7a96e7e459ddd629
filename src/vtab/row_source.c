/* Where the rows of a loop come from: DynamoDB, and over it the waiting writes. */
#include "vtab/row_source.h"

#include <string.h>

#include "base/alloc.h"
#include "vtab/connection.h"

enum { IMAGE_MAX_BYTES = 64 << 20 };

void dds_row_source_open(dds_row_source *source, const dds_target *target, uint64_t before_position,
                         const char **attributes, size_t attribute_count) {
  *source = (dds_row_source){
      .target = target,
      .before_position = before_position,
      .attributes = attributes,
      .attribute_count = attribute_count,
      .image = DDS_BUFFER_INIT(IMAGE_MAX_BYTES),
  };
}

static const dds_pending *pending_of(const dds_row_source *source) {
  return &source->target->connection->pending;
}

static dds_projection projection_of(const dds_row_source *source) {
  return (dds_projection){.attributes = source->attributes, .count = source->attribute_count};
}

static void clear_item(dds_row_source *source) {
  dds_operation_free(source->holder);
  source->holder = NULL;
  source->item = (dds_item){0};
}

static bool ask(dds_row_source *source, const dds_key *key, dds_error *error) {
  const dds_target *target = source->target;
  dds_projection projection = projection_of(source);
  bool consistent = target->options.consistency != DDS_CONSISTENT_NEVER;
  return dds_read_get(&target->table, key, &projection, consistent, &source->holder, &source->item,
                      error);
}

/* Makes a write's item the current one: a copy, as DynamoDB would give it back. */
static bool show_image(dds_row_source *source, const dds_item *image, dds_error *error) {
  dds_buffer_clear(&source->image);
  dds_item_append_stored(image, &source->image);
  source->item.json = (dds_json){.text = source->image.data, .length = source->image.length};
  return dds_buffer_check(&source->image, error);
}

/* `is_absent`: it is known already that DynamoDB has no item of this key. */
static bool show(dds_row_source *source, const dds_key *key, bool is_absent, dds_error *error) {
  dds_item image = {{0}};
  clear_item(source);
  dds_pending_effect effect =
      dds_pending_look_up(pending_of(source), source->target, key, source->before_position, &image);
  bool is_decided = effect == DDS_EFFECT_ITEM || effect == DDS_EFFECT_GONE;
  if (!is_decided && !(is_absent && effect == DDS_EFFECT_ITEM_UNLESS_EXISTS)) {
    if (!ask(source, key, error)) {
      return false;
    }
  }
  /* No statement runs while an answer is waited for, so the image is still there. */
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

static bool is_consistent(const dds_row_source *source, bool is_joined) {
  const dds_target *target = source->target;
  switch (target->options.consistency) {
  case DDS_CONSISTENT_ALWAYS:
    return true;
  case DDS_CONSISTENT_NEVER:
    return false;
  default:
    return is_joined || source->overlay.count > 0 ||
           dds_connection_wrote_lately(target->connection, target->table.client,
                                       target->table.name);
  }
}

static void end_requests(dds_row_source *source) {
  dds_scan_close(source->scan);
  dds_batch_get_close(source->batch);
  dds_free(source->batch_keys);
  dds_overlay_free(&source->overlay);
  source->scan = NULL;
  source->batch = NULL;
  source->batch_keys = NULL;
}

bool dds_row_source_scan(dds_row_source *source, const dds_filter *filter, bool is_joined,
                         dds_error *error) {
  const dds_target *target = source->target;
  dds_scan_request request = {.projection = projection_of(source)};
  end_requests(source);
  if (!dds_overlay_open(pending_of(source), target, source->before_position, &source->overlay,
                        error)) {
    return false;
  }
  source->is_whole = filter->condition == NULL;
  request.consistent = is_consistent(source, is_joined);
  bool ok = dds_filter_for_scan(filter, &target->options.layout, &request.filter, error) &&
            dds_scan_open(&target->table, &request, &source->scan, error);
  dds_condition_release(request.filter);
  return ok;
}

/* Whether the current item is a row. One without its key is for the layout to complain of.
 */
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

/* Asks for what a filter may have hidden: the rows that a waiting write would yield to. */
static bool start_batch(dds_row_source *source, dds_error *error) {
  const dds_target *target = source->target;
  dds_batch_get_request request = {
      .projection = projection_of(source),
      .consistent = target->options.consistency != DDS_CONSISTENT_NEVER,
      .concurrency = dds_options_concurrency(&target->options),
  };
  source->is_whole = true;
  if (!dds_overlay_collect_undecided(&source->overlay, &source->batch_keys, &request.count,
                                     error)) {
    return false;
  }
  request.keys = source->batch_keys;
  return request.count == 0 || dds_batch_get_open(&target->table, &request, &source->batch, error);
}

/* The next item of the Scan, and then of the batch behind it, whether or not it is a row. */
static bool next_item(dds_row_source *source, dds_error *error) {
  if (source->scan != NULL) {
    if (!dds_scan_next(source->scan, &source->item, error)) {
      return false;
    }
    if (source->item.json.text != NULL) {
      return true;
    }
    dds_scan_close(source->scan);
    source->scan = NULL;
    if (!source->is_whole && !start_batch(source, error)) {
      return false;
    }
  }
  if (source->batch == NULL || !dds_batch_get_next(source->batch, &source->item, error)) {
    return source->batch == NULL;
  }
  if (source->item.json.text == NULL) {
    dds_batch_get_close(source->batch);
    source->batch = NULL;
  }
  return true;
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

void dds_row_source_close(dds_row_source *source) {
  end_requests(source);
  dds_operation_free(source->holder);
  dds_buffer_free(&source->image);
  dds_free(source->attributes);
  *source = (dds_row_source){0};
}
