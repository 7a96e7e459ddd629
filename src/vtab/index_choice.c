/* How a Query on a secondary index is to be made. */
#include "vtab/index_choice.h"

#include <string.h>

#include "vtab/facts.h"

/* Spelt as the option is. Last in a message, since a table has up to 25 of them. */
static void append_indexes(const dds_table_description *facts, dds_error *error) {
  const char *separator = "; its indexes: ";
  for (size_t i = 0; i < facts->index_count; i++) {
    const dds_index_description *index = &facts->index_list[i];
    if (index->name == NULL || index->hash_key == NULL) {
      continue;
    }
    bool has_sort_key = index->sort_key != NULL;
    dds_error_append(error, "%s%s(%s%s%s)", separator, index->name, index->hash_key,
                     has_sort_key ? ", " : "", has_sort_key ? index->sort_key : "");
    separator = ", ";
  }
  if (facts->index_count == 0) {
    dds_error_append(error, "; it has no index at all");
  }
}

static bool refuse(const dds_loop *loop, const dds_index *index, const char *reason,
                   dds_error *error) {
  return dds_error_set(error, DDS_ERROR,
                       "table \"%s\" cannot be queried by index='%s(%s)': %s; mend the option "
                       "index, or leave it out",
                       loop->table.name, index->name, index->attribute, reason);
}

static bool is_same(const char *left, const char *right) {
  return left != NULL && right != NULL && strcmp(left, right) == 0;
}

static bool check(const dds_loop *loop, const dds_index *index, const dds_table_description *facts,
                  dds_error *error) {
  const dds_index_description *described = dds_facts_index(facts, index->name);
  const char *difference = NULL;
  if (described == NULL) {
    difference = "it has no index of this name";
  } else if (!is_same(described->hash_key, index->attribute)) {
    difference = "the index has another hash key";
  } else if (index->sort_key != NULL && !is_same(described->sort_key, index->sort_key)) {
    difference = "the index has another sort key, or none";
  }
  if (difference != NULL) {
    refuse(loop, index, difference, error);
    append_indexes(facts, error);
    return false;
  }
  /* Whoever names the sort key knows that sessions without it are not found. */
  if (index->sort_key == NULL && described->sort_key != NULL) {
    return dds_error_set(error, DDS_ERROR,
                         "index \"%s\" of table \"%s\" has the sort key %s, and holds no session "
                         "that lacks it: name it, index='%s(%s, %s)', or leave the option out",
                         index->name, loop->table.name, described->sort_key, index->name,
                         index->attribute, described->sort_key);
  }
  /* One that is being deleted, or filled, answers nothing or not all. */
  if (described->status != NULL && strcmp(described->status, "ACTIVE") != 0 &&
      strcmp(described->status, "UPDATING") != 0) {
    return refuse(loop, index, "the index is not ACTIVE", error);
  }
  return true;
}

/* What is known of the index; NULL where nobody tells. An index that is not as the option says may
 * have been made since the table was described, so that is asked again before it is complained of.
 */
static bool describe(const dds_loop *loop, const dds_index *index,
                     const dds_index_description **described, dds_error *error) {
  for (bool is_anew = false;; is_anew = true) {
    const dds_table_description *facts = NULL;
    dds_error problem = DDS_ERROR_INIT;
    *described = NULL;
    if (!dds_facts_of_indexes(loop->target, &facts, error)) {
      return false;
    }
    if (facts == NULL) {
      return true;
    }
    *described = dds_facts_index(facts, index->name);
    if (check(loop, index, facts, &problem)) {
      return true;
    }
    dds_facts_forget(loop->target);
    if (is_anew) {
      return dds_error_pass_on(error, &problem);
    }
  }
}

bool dds_index_choose(const dds_loop *loop, const dds_filter *filter, dds_index_choice *choice,
                      dds_error *error) {
  const dds_options *options = &loop->target->options;
  const dds_index *index = &options->indexes[loop->plan.index];
  const dds_index_description *described = NULL;
  *choice = (dds_index_choice){.index = {.index = index, .sort_key = index->sort_key}};
  if (!describe(loop, index, &described, error)) {
    return false;
  }
  if (described == NULL) {
    return true;
  }
  choice->is_known = true;
  choice->is_scan = !is_same(described->hash_key_type, dds_type_name(filter->key_type));
  choice->index.is_covering = dds_facts_index_covers(described, options->layout.hash_key,
                                                     loop->attributes, loop->attribute_count);
  return true;
}

bool dds_index_is_of_other_type(const dds_error *refusal) {
  return strcmp(refusal->service_code, "ValidationException") == 0 &&
         strstr(refusal->message, "does not match schema type") != NULL;
}
