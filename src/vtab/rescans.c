/* What a loop remembers of its Scans and Queries. */
#include "vtab/rescans.h"

#include <string.h>

#include "base/alloc.h"
#include "dynamodb/placeholders.h"

enum {
  SIGNATURE_MAX_BYTES = 16 << 20,
  /* More Queries than these are not told apart: all are forgotten then. */
  MOST_SIGNATURES = 10000,
};

static void append_condition(const char *label, const dds_condition *condition, dds_buffer *text) {
  dds_placeholders placeholders;
  if (condition == NULL) {
    return;
  }
  dds_placeholders_init(&placeholders);
  dds_buffer_append_text(text, label);
  dds_placeholders_append_condition(&placeholders, text, condition);
  dds_placeholders_append_members(&placeholders, text);
  dds_placeholders_free(&placeholders);
}

/* What tells one from another, as the text of a key. */
static bool make_signature(const dds_rescan_wanted *wanted, bool is_whole, dds_buffer *text,
                           dds_error *error) {
  *text = DDS_BUFFER_INIT(SIGNATURE_MAX_BYTES);
  dds_buffer_append_text(text, wanted->key_condition != NULL ? "Query" : "Scan");
  dds_buffer_append_text(text, wanted->gives_keys ? " of keys" : "");
  append_condition(" where ", wanted->key_condition, text);
  append_condition(" filter ", is_whole ? NULL : wanted->filter, text);
  return dds_buffer_check(text, error);
}

static dds_key key_of(const dds_buffer *text) {
  return (dds_key){.json = text->data, .length = text->length};
}

static dds_rescan *find(const dds_rescans *rescans, const dds_buffer *signature) {
  dds_key key = key_of(signature);
  size_t place = 0;
  return dds_key_set_find(&rescans->signatures, &key, &place) ? &rescans->list[place] : NULL;
}

static bool serves(const dds_rescan *rescan, const dds_rescan_wanted *wanted) {
  return rescan != NULL && rescan->kept != NULL && dds_kept_is_good(rescan->kept) &&
         rescan->state == wanted->state && (rescan->consistent || !wanted->consistent);
}

/* The entry of a signature, made where there is none. */
static bool put(dds_rescans *rescans, const dds_buffer *signature, dds_rescan **out,
                dds_error *error) {
  dds_key key = key_of(signature);
  size_t place = 0;
  bool is_new = false;
  if (rescans->signatures.count == rescans->capacity) {
    size_t capacity = rescans->capacity ? 2 * rescans->capacity : 4;
    dds_rescan *list = dds_realloc(rescans->list, capacity * sizeof *list);
    if (list == NULL) {
      return dds_error_set_nomem(error);
    }
    rescans->list = list;
    rescans->capacity = capacity;
  }
  if (!dds_key_set_add(&rescans->signatures, &key, &place, &is_new, error)) {
    return false;
  }
  *out = &rescans->list[place];
  if (is_new) {
    **out = (dds_rescan){0};
  }
  return true;
}

static bool choose(dds_rescans *rescans, const dds_rescan_wanted *wanted,
                   const dds_buffer *signature, const dds_buffer *whole, dds_rescan_way *way,
                   dds_kept **kept, dds_error *error) {
  bool is_scan = wanted->key_condition == NULL;
  dds_rescan *same = find(rescans, signature);
  dds_rescan *wider = is_scan ? find(rescans, whole) : NULL;
  bool is_wider = !serves(same, wanted) && serves(wider, wanted);
  if (is_wider || serves(same, wanted)) {
    *way = is_wider ? DDS_RESCAN_SERVE_WHOLE : DDS_RESCAN_SERVE;
    *kept = dds_kept_retain(is_wider ? wider->kept : same->kept);
    return true;
  }
  if (same == NULL && !(is_scan && rescans->has_scanned)) {
    *way = DDS_RESCAN_PLAIN;
    rescans->has_scanned |= is_scan;
    return put(rescans, signature, &same, error);
  }
  *way = same == NULL ? DDS_RESCAN_KEEP_WHOLE : DDS_RESCAN_KEEP;
  return true;
}

bool dds_rescans_choose(dds_rescans *rescans, const dds_rescan_wanted *wanted, dds_rescan_way *way,
                        dds_kept **kept, dds_error *error) {
  dds_buffer signature = {0};
  dds_buffer whole = {0};
  *kept = NULL;
  *way = DDS_RESCAN_PLAIN;
  if (rescans->signatures.count >= MOST_SIGNATURES) {
    dds_rescans_free(rescans);
  }
  bool ok = make_signature(wanted, false, &signature, error) &&
            make_signature(wanted, true, &whole, error) &&
            choose(rescans, wanted, &signature, &whole, way, kept, error);
  dds_buffer_free(&signature);
  dds_buffer_free(&whole);
  return ok;
}

/* Many small Queries may take as much as one Scan, not more: then all but their signatures go. */
static void bound(dds_rescans *rescans) {
  size_t bytes = 0;
  for (size_t i = 0; i < rescans->signatures.count; i++) {
    bytes += rescans->list[i].kept != NULL ? dds_kept_bytes(rescans->list[i].kept) : 0;
  }
  for (size_t i = 0; bytes > DDS_KEPT_MAX_BYTES / 2 && i < rescans->signatures.count; i++) {
    dds_kept_release(rescans->list[i].kept);
    rescans->list[i].kept = NULL;
  }
}

bool dds_rescans_keep(dds_rescans *rescans, const dds_rescan_wanted *wanted, dds_rescan_way way,
                      dds_kept *kept, dds_error *error) {
  dds_buffer signature = {0};
  dds_rescan *rescan = NULL;
  bool ok = make_signature(wanted, way == DDS_RESCAN_KEEP_WHOLE, &signature, error) &&
            put(rescans, &signature, &rescan, error);
  dds_buffer_free(&signature);
  if (!ok || rescan == NULL) {
    return false;
  }
  bound(rescans);
  dds_kept_release(rescan->kept);
  *rescan = (dds_rescan){
      .kept = dds_kept_retain(kept), .consistent = wanted->consistent, .state = wanted->state};
  return true;
}

void dds_rescans_free(dds_rescans *rescans) {
  for (size_t i = 0; i < rescans->signatures.count; i++) {
    dds_kept_release(rescans->list[i].kept);
  }
  dds_free(rescans->list);
  dds_key_set_free(&rescans->signatures);
  *rescans = (dds_rescans){0};
}
