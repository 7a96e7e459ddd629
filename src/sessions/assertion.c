/* Assertions: first the names of the attributes, then a condition on each. */
#include "sessions/assertion.h"

#include <string.h>

#include "base/alloc.h"
#include "sessions/expiry.h"

enum { NAME_MAX_BYTES = 64 << 10 };

/* Attribute names without repetition; owned. */
typedef struct names {
  char **list;
  size_t count, capacity;
} names;

static void free_names(names *all) {
  for (size_t i = 0; i < all->count; i++) {
    dds_free(all->list[i]);
  }
  dds_free(all->list);
}

static bool add_name(names *all, const char *name, dds_error *error) {
  for (size_t i = 0; i < all->count; i++) {
    if (strcmp(all->list[i], name) == 0) {
      return true;
    }
  }
  if (all->count == all->capacity) {
    size_t capacity = all->capacity * 2 + 8;
    char **list = dds_realloc(all->list, capacity * sizeof *list);
    if (list == NULL) {
      return dds_error_set_nomem(error);
    }
    all->list = list;
    all->capacity = capacity;
  }
  char *copy = dds_alloc_copy(name, strlen(name));
  if (copy == NULL) {
    return dds_error_set_nomem(error);
  }
  all->list[all->count++] = copy;
  return true;
}

static bool add_attribute_name(names *all, dds_json name, dds_error *error) {
  dds_buffer text = DDS_BUFFER_INIT(NAME_MAX_BYTES);
  bool is_text = dds_json_string_append(name, &text);
  bool ok = dds_buffer_check(&text, error);
  /* It could not be named in a condition, so the row cannot be written safely. */
  if (ok && (!is_text || strlen(dds_buffer_text(&text)) != text.length)) {
    ok = dds_error_set(error, DDS_ERROR, "an attribute's name holds U+0000 or is not text");
  }
  ok = ok && add_name(all, dds_buffer_text(&text), error);
  dds_buffer_free(&text);
  return ok;
}

static bool add_all_attributes(names *all, const dds_assertion *assertion, dds_error *error) {
  const char *key = assertion->table->layout->hash_key;
  dds_item_iterator iterator = dds_item_iterate(assertion->item);
  dds_json name;
  dds_value value;
  while (dds_item_next(&iterator, &name, &value)) {
    if (!dds_json_string_equals(name, key, strlen(key)) && !add_attribute_name(all, name, error)) {
      return false;
    }
  }
  return true;
}

/* The attributes behind the columns that were read. */
static bool add_columns(names *all, const dds_assertion *assertion, dds_error *error) {
  const dds_session_table *table = assertion->table;
  const dds_layout *layout = table->layout;
  uint64_t read = assertion->columns_read;
  if ((read & DDS_READ_SESSION) && !add_name(all, layout->data, error)) {
    return false;
  }
  if ((read & DDS_READ_EXPIRES) &&
      !(add_name(all, layout->expires, error) && add_name(all, layout->ttl, error))) {
    return false;
  }
  for (size_t i = 0; i < table->extra_count && i < DDS_READ_EXTRA_BITS; i++) {
    if ((read >> i & DDS_READ_EXTRA) && !add_name(all, table->extras[i].name, error)) {
      return false;
    }
  }
  return !(assertion->every_attribute || (read & DDS_READ_ITEM)) ||
         add_all_attributes(all, assertion, error);
}

static dds_condition *as_read(const dds_item *item, const char *name) {
  dds_value value;
  if (!dds_item_find(item, name, strlen(name), &value)) {
    return dds_condition_not_exists(name);
  }
  return dds_condition_compare(name, DDS_EQUAL, value.typed.text, value.typed.length);
}

bool dds_assertion_add(dds_condition **condition, dds_condition *added, dds_error *error) {
  if (added == NULL) {
    return dds_error_set_nomem(error);
  }
  *condition = *condition == NULL ? added : dds_condition_and(*condition, added);
  return *condition != NULL || dds_error_set_nomem(error);
}

bool dds_assertion_make(const dds_assertion *assertion, dds_condition **condition,
                        dds_error *error) {
  names all = {0};
  const dds_write *write = assertion->overwrites;
  *condition = NULL;
  bool ok = true;
  for (size_t i = 0; ok && write != NULL && i < write->assignment_count; i++) {
    ok = add_name(&all, write->assignments[i].attribute, error);
  }
  ok = ok && add_columns(&all, assertion, error);
  for (size_t i = 0; ok && i < all.count; i++) {
    ok = dds_assertion_add(condition, as_read(assertion->item, all.list[i]), error);
  }
  if (!ok) {
    dds_condition_release(*condition);
    *condition = NULL;
  }
  free_names(&all);
  return ok;
}

bool dds_assertion_add_expired(const dds_layout *layout, const dds_old_row *old,
                               dds_condition **condition, dds_error *error) {
  if (!(old->columns_read & DDS_READ_EXPIRED) || old->item == NULL) {
    return true;
  }
  bool was_expired = dds_row_is_expired(layout, old->item, old->now_ms);
  return dds_assertion_add(condition,
                           dds_expiry_expired_condition(layout, old->now_ms, was_expired), error);
}
