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
