/* Sorted views of a container's members or elements. */
#include "dynamodb/json_lookup.h"

#include <stdint.h>

#include "base/alloc.h"

/* Below this, looking through the text is as fast as sorting. */
enum { FEWEST_SORTED = 16 };

static bool next_entry(dds_json_iterator *iterator, dds_json_entry *entry) {
  if (!dds_json_next(iterator, &entry->name, &entry->value)) {
    return false;
  }
  if (!iterator->is_object) {
    entry->name = entry->value;
  }
  return true;
}

/* Entries of one name are ordered by their place in the text, so that the last comes last. */
static int compare_entries(const dds_json_lookup *lookup, const dds_json_entry *left,
                           const dds_json_entry *right) {
  int order = lookup->compare(left->name, right->name);
  if (order != 0) {
    return order;
  }
  return left->value.text < right->value.text ? -1 : left->value.text > right->value.text;
}

/* Restores the heap below `parent` (heap sort: the C library's qsort may allocate, and passes the
 * comparison no context). */
static void sift_down(const dds_json_lookup *lookup, size_t parent, size_t count) {
  dds_json_entry *entries = lookup->sorted;
  dds_json_entry moved = entries[parent];
  for (size_t child = 2 * parent + 1; child < count; child = 2 * parent + 1) {
    if (child + 1 < count && compare_entries(lookup, &entries[child], &entries[child + 1]) < 0) {
      child++;
    }
    if (compare_entries(lookup, &moved, &entries[child]) >= 0) {
      break;
    }
    entries[parent] = entries[child];
    parent = child;
  }
  entries[parent] = moved;
}

static void sort(dds_json_lookup *lookup) {
  for (size_t parent = lookup->count / 2; parent > 0; parent--) {
    sift_down(lookup, parent - 1, lookup->count);
  }
  for (size_t last = lookup->count; last-- > 1;) {
    dds_json_entry greatest = lookup->sorted[0];
    lookup->sorted[0] = lookup->sorted[last];
    lookup->sorted[last] = greatest;
    sift_down(lookup, 0, last);
  }
}

dds_json_lookup dds_json_lookup_elements(dds_json container, dds_json_compare *compare) {
  dds_json_lookup lookup = {.container = container, .compare = compare};
  dds_json_iterator iterator = dds_json_iterate(container);
  dds_json_entry entry;
  while (next_entry(&iterator, &entry)) {
    lookup.count++;
  }
  if (lookup.count < FEWEST_SORTED || lookup.count > SIZE_MAX / sizeof entry) {
    return lookup;
  }
  lookup.sorted = dds_alloc(lookup.count * sizeof entry);
  if (lookup.sorted == NULL) {
    return lookup;
  }
  iterator = dds_json_iterate(container);
  for (size_t i = 0; next_entry(&iterator, &entry); i++) {
    lookup.sorted[i] = entry;
  }
  sort(&lookup);
  return lookup;
}

dds_json_lookup dds_json_lookup_members(dds_json object) {
  return dds_json_lookup_elements(object, dds_json_string_compare);
}

static bool find_in_order(const dds_json_lookup *lookup, dds_json name, dds_json *value) {
  dds_json_iterator iterator = dds_json_iterate(lookup->container);
  dds_json_entry entry;
  bool is_found = false;
  while (next_entry(&iterator, &entry)) {
    if (lookup->compare(entry.name, name) != 0) {
      continue;
    }
    *value = entry.value;
    is_found = true;
  }
  return is_found;
}

bool dds_json_lookup_find(const dds_json_lookup *lookup, dds_json name, dds_json *value) {
  if (lookup->sorted == NULL) {
    return find_in_order(lookup, name, value);
  }
  /* The first entry behind all of this name; the one before it is the last that has it. */
  size_t low = 0;
  size_t high = lookup->count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (lookup->compare(lookup->sorted[middle].name, name) <= 0) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low == 0 || lookup->compare(lookup->sorted[low - 1].name, name) != 0) {
    return false;
  }
  *value = lookup->sorted[low - 1].value;
  return true;
}

bool dds_json_lookup_has_duplicates(const dds_json_lookup *lookup) {
  for (size_t i = 1; lookup->sorted != NULL && i < lookup->count; i++) {
    if (lookup->compare(lookup->sorted[i - 1].name, lookup->sorted[i].name) == 0) {
      return true;
    }
  }
  if (lookup->sorted != NULL) {
    return false;
  }

  dds_json_iterator iterator = dds_json_iterate(lookup->container);
  dds_json_entry entry;
  while (next_entry(&iterator, &entry)) {
    dds_json last;
    if (find_in_order(lookup, entry.name, &last) && last.text != entry.value.text) {
      return true;
    }
  }
  return false;
}

void dds_json_lookup_free(dds_json_lookup *lookup) {
  dds_free(lookup->sorted);
  lookup->sorted = NULL;
}
