/*
 * How a Query on one of a table's secondary indexes is to be made: what the index holds decides
 * what can be asked of it. Where DescribeTable is refused, the option is trusted, and the index
 * taken to hold keys and nothing else.
 */
#pragma once

#include <stdbool.h>

#include "base/attributes.h"
#include "base/error.h"
#include "vtab/filter.h"
#include "vtab/loop.h"
#include "vtab/row_source.h"

typedef struct dds_index_choice {
  bool is_scan;  /* the value cannot be a key of the index: no Query finds its rows */
  bool is_known; /* DescribeTable has told; else a Query may still show that it is a Scan */
  dds_row_source_index index; /* borrowed from the options */
} dds_index_choice;

/*
 * For the index of the loop's plan. An error where the table has no such index, or one with other
 * keys than the option says, or it cannot be read yet.
 */
DDS_MUST_USE bool dds_index_choose(const dds_loop *loop, const dds_filter *filter,
                                   dds_index_choice *choice, dds_error *error);

/* Whether a Query was refused because the value is of another type than the index's key. */
bool dds_index_is_of_other_type(const dds_error *refusal);
