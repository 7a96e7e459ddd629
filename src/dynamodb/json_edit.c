/* Edits JSON text by position: what is outside the member is copied byte for byte. */
#include "dynamodb/json_edit.h"

#include <string.h>

static void append_between(dds_buffer *edited, const char *start, const char *end) {
  dds_buffer_append(edited, start, (size_t)(end - start));
}

static bool find_parent(dds_json root, const char *const *path, size_t count, dds_json *parent) {
  return count > 0 && dds_json_find_path(root, path, count - 1, parent) &&
         dds_json_type_of(*parent) == DDS_JSON_OBJECT;
}

/* Where a new member goes: behind the last one, or behind the bracket. */
static const char *end_of_members(dds_json object, bool *is_empty) {
  dds_json_iterator members = dds_json_iterate(object);
  dds_json value;
  const char *end = object.text + 1;
  *is_empty = true;
  while (dds_json_next(&members, NULL, &value)) {
    end = value.text + value.length;
    *is_empty = false;
  }
  return end;
}

bool dds_json_edit_set(dds_json root, const char *const *path, size_t count,
                       const char *replacement, size_t length, dds_buffer *edited) {
  dds_json parent;
  dds_json old;
  if (!find_parent(root, path, count, &parent)) {
    return false;
  }
  const char *root_end = root.text + root.length;
  const char *name = path[count - 1];
  if (dds_json_find(parent, name, strlen(name), &old)) {
    append_between(edited, root.text, old.text);
    dds_buffer_append(edited, replacement, length);
    append_between(edited, old.text + old.length, root_end);
    return true;
  }
  bool is_empty;
  const char *end = end_of_members(parent, &is_empty);
  append_between(edited, root.text, end);
  if (!is_empty) {
    dds_buffer_append_char(edited, ',');
  }
  dds_buffer_append_json_string(edited, name, strlen(name));
  dds_buffer_append_char(edited, ':');
  dds_buffer_append(edited, replacement, length);
  append_between(edited, end, root_end);
  return true;
}

/*
 * Cuts every member of that name (of duplicates too: the one before would come to light) with one
 * comma: the one behind it as long as no member before it stays, else the one in front.
 */
static const char *cut_members(dds_json object, const char *name, const char *copied,
                               dds_buffer *edited) {
  dds_json_iterator members = dds_json_iterate(object);
  dds_json key;
  dds_json value;
  const char *previous_end = NULL; /* of a member; NULL while none before stays */
  bool cuts_to_next = false;
  while (dds_json_next(&members, &key, &value)) {
    const char *end = value.text + value.length;
    if (cuts_to_next) {
      copied = key.text;
    }
    cuts_to_next = false;
    if (!dds_json_string_equals(key, name, strlen(name))) {
      previous_end = end;
      continue;
    }
    const char *start = previous_end == NULL ? key.text : previous_end;
    if (copied < start) {
      append_between(edited, copied, start);
    }
    copied = end;
    cuts_to_next = previous_end == NULL;
    if (previous_end != NULL) {
      previous_end = end;
    }
  }
  return copied;
}

void dds_json_edit_remove(dds_json root, const char *const *path, size_t count,
                          dds_buffer *edited) {
  dds_json parent;
  const char *copied = root.text;
  if (find_parent(root, path, count, &parent)) {
    copied = cut_members(parent, path[count - 1], copied, edited);
  }
  append_between(edited, copied, root.text + root.length);
}
