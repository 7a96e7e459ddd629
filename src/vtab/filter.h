/*
 * From a plan and the values of its terms to the condition that is pushed to DynamoDB.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/error.h"
#include "dynamodb/condition.h"
#include "vtab/plan.h"
#include "vtab/sqlite.h"
#include "vtab/target.h"

typedef struct dds_filter {
  /* What the terms say, but for those on sid: a superset of SQLite's rows; NULL: all rows. */
  dds_condition *condition;
  /* The same term by term, owned: a Query takes some. */
  dds_condition *parts[DDS_PLAN_MAX_TERMS];
  size_t part_count;
  /* What those on sid say; NULL: nothing. It narrows a Scan, and nothing asserts it: a key does not
   * change. */
  dds_condition *sid_condition;
  bool is_empty; /* no row can match: a comparison with NULL */
  /* Of a Query: the index's key = the value, which is of type `key_type`. NULL where the value can
   * be no key, or not by the rules that SQLite compares by: the loop is a Scan then. */
  dds_condition *key_condition;
  dds_type key_type;
  int64_t wanted; /* LIMIT + OFFSET, a hint: SQLite may want more; 0: all rows */
  /* Which columns the condition answers, and how often SQLite reads each to check it again: a
   * further reading is another condition's. By index in the table. */
  unsigned char *answered;
  /* The type of attribute that the condition judges in each extra column: it lets others pass.
   * A dds_type and 1 more; 0: none, or the condition is exact. By index; behind those. */
  unsigned char *judged;
} dds_filter;

/*
 * `values` are xFilter's, in the order of the terms that have one; `marks` is room for what is
 * noted of columns, DDS_FILTER_MARKS of each, and lives as long as the filter. Fails with
 * DDS_MISMATCH where `expires` is compared with a text that is a date. Freed by dds_filter_free,
 * also on failure.
 */
enum { DDS_FILTER_MARKS = 2 };
DDS_MUST_USE bool dds_filter_make(const dds_target *target, const dds_plan *plan,
                                  sqlite3_value **values, int64_t now_ms, unsigned char *marks,
                                  dds_filter *filter, dds_error *error);

/*
 * The condition as a Scan sends it: narrowed to the keys that are wanted and to the layout's
 * prefix, and widened by items that lack the key attribute, since those must show as the error that
 * they are. NULL, without an error, where everything is wanted.
 */
DDS_MUST_USE bool dds_filter_for_scan(const dds_filter *filter, const dds_layout *layout,
                                      dds_condition **out, dds_error *error);

/*
 * The condition as a Query on an index sends it: DynamoDB refuses what names a key, so such terms
 * are SQLite's. `sort_key` is the index's where DescribeTable has told it, else NULL. NULL, without
 * an error, where nothing is left.
 */
DDS_MUST_USE bool dds_filter_for_query(const dds_filter *filter, const dds_layout *layout,
                                       const dds_index *index, const char *sort_key,
                                       dds_condition **out, dds_error *error);

void dds_filter_free(dds_filter *filter);
