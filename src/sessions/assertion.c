/* Assertions: a condition on each attribute, in the order in which they are found. */
#include "sessions/assertion.h"

#include <string.h>

#include "sessions/expiry.h"

enum { NAME_MAX_BYTES = 64 << 10, USUAL_NAME_BYTES = 256 };

bool dds_assertion_add(dds_condition **condition, dds_condition *added, dds_error *error) {
  if (added == NULL) {
    return dds_error_set_nomem(error);
  }
  *condition = *condition == NULL ? added : dds_condition_and(*condition, added);
  return *condition != NULL || dds_error_set_nomem(error);
}

static dds_condition *as_read(const dds_item *item, const char *name) {
  dds_value value;
  if (!dds_item_find(item, name, strlen(name), &value)) {
    return dds_condition_not_exists(name);
  }
  return dds_condition_compare(name, DDS_EQUAL, value.typed.text, value.typed.length);
}

/* Asserts an attribute, once. */
static bool assert_attribute(const dds_assertion *assertion, const char *name,
                             dds_condition **condition, dds_error *error) {
  return dds_condition_names(*condition, name) ||
         dds_assertion_add(condition, as_read(assertion->item, name), error);
}

static bool assert_named(const dds_assertion *assertion, dds_json name, dds_condition **condition,
                         dds_error *error) {
  char room[USUAL_NAME_BYTES];
  dds_buffer text = dds_buffer_in(room, sizeof room, NAME_MAX_BYTES);
  bool is_text = dds_json_string_append(name, &text);
  bool ok = dds_buffer_check(&text, error);
  /* It could not be named in a condition, so the row cannot be written safely. */
  if (ok && (!is_text || strlen(dds_buffer_text(&text)) != text.length)) {
    ok = dds_error_set(error, DDS_ERROR, "an attribute's name holds U+0000 or is not text");
  }
  ok = ok && assert_attribute(assertion, dds_buffer_text(&text), condition, error);
  dds_buffer_free(&text);
  return ok;
}

static bool assert_all(const dds_assertion *assertion, dds_condition **condition,
                       dds_error *error) {
  const char *key = assertion->table->layout->hash_key;
  dds_item_iterator iterator = dds_item_iterate(assertion->item);
  dds_json name;
  dds_value value;
  while (dds_item_next(&iterator, &name, &value)) {
    if (!dds_json_string_equals(name, key, strlen(key)) &&
        !assert_named(assertion, name, condition, error)) {
      return false;
    }
  }
  return true;
}

static bool assert_overwritten(const dds_assertion *assertion, dds_condition **condition,
                               dds_error *error) {
  const dds_write *write = assertion->overwrites;
  for (size_t i = 0; write != NULL && i < write->assignment_count; i++) {
    if (!assert_attribute(assertion, write->assignments[i].attribute, condition, error)) {
      return false;
    }
  }
  return true;
}

/* The attributes behind the columns that were read. */
static bool assert_columns(const dds_assertion *assertion, dds_condition **condition,
                           dds_error *error) {
  const dds_session_table *table = assertion->table;
  const dds_layout *layout = table->layout;
  uint64_t read = assertion->columns_read;
  if ((read & DDS_READ_SESSION) && !assert_attribute(assertion, layout->data, condition, error)) {
    return false;
  }
  if ((read & DDS_READ_EXPIRES) &&
      !(assert_attribute(assertion, layout->expires, condition, error) &&
        assert_attribute(assertion, layout->ttl, condition, error))) {
    return false;
  }
  for (size_t i = 0; i < table->extra_count && i < DDS_READ_EXTRA_BITS; i++) {
    if ((read >> i & DDS_READ_EXTRA) &&
        !assert_attribute(assertion, table->extras[i].name, condition, error)) {
      return false;
    }
  }
  return !(assertion->every_attribute || (read & DDS_READ_ITEM)) ||
         assert_all(assertion, condition, error);
}

bool dds_assertion_make(const dds_assertion *assertion, dds_condition **condition,
                        dds_error *error) {
  *condition = NULL;
  if (assert_overwritten(assertion, condition, error) &&
      assert_columns(assertion, condition, error)) {
    return true;
  }
  dds_condition_release(*condition);
  *condition = NULL;
  return false;
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
