/*
 * The plan of one loop over a session table: which request answers it, which conditions DynamoDB
 * can filter by, which columns are needed. Made in xBestIndex from the SQL alone, carried as words
 * in idxStr, which EXPLAIN QUERY PLAN prints, and read back in xFilter:
 *
 *     GetItem where sid = ? and expired = ?; columns sid, session, expired
 *     Scan where expires < ? and expired = ?; columns sid, expires
 *     Scan; columns *
 *
 * plan    := request [" where " term {" and " term}] "; columns " ("*" | name {", " name})
 * request := "GetItem" | "Scan"
 * term    := name " " op " ?" | name " is null" | name " is not null"
 * op      := "=" | "<" | "<=" | ">" | ">=" | "is"
 *
 * A name that is no plain identifier is in double quotes. The values come in the order of the
 * terms that have a "?". Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/buffer.h"
#include "base/error.h"
#include "vtab/columns.h"

typedef enum dds_term_op {
  DDS_TERM_EQUAL,
  DDS_TERM_LESS,
  DDS_TERM_LESS_EQUAL,
  DDS_TERM_GREATER,
  DDS_TERM_GREATER_EQUAL,
  DDS_TERM_IS,
  DDS_TERM_IS_NULL,
  DDS_TERM_IS_NOT_NULL,
} dds_term_op;

/* Whether the term takes a value at xFilter. */
bool dds_term_has_value(dds_term_op op);

typedef struct dds_term {
  int column;
  dds_term_op op;
} dds_term;

/* More terms than these are left to SQLite: DynamoDB's expressions are bounded as well. */
enum { DDS_PLAN_MAX_TERMS = 32 };

typedef struct dds_plan {
  /* GetItem by the first term, `sid = ?`. The others filter nothing; a DELETE asserts them. */
  bool is_get;
  dds_term terms[DDS_PLAN_MAX_TERMS];
  size_t term_count;
  bool all_columns;
  unsigned char *columns; /* a flag for each column, owned; NULL where all_columns */
} dds_plan;

/* A constraint as SQLite offers it. */
typedef struct dds_constraint {
  int column;
  dds_term_op op;
  bool is_known_op; /* false: an operator that is never pushed */
  bool is_usable;
  bool is_binary; /* compared under BINARY */
} dds_constraint;

/*
 * The one predicate for what may be pushed down: a constraint that a FilterExpression can answer
 * with a superset of its rows, or that names the key.
 */
bool dds_plan_is_pushable(const dds_columns *columns, const dds_constraint *constraint);

/*
 * Chooses. `terms_of[i]` gets the place of constraint i among the values, from 1 on, or 0 where it
 * stays SQLite's alone. `columns_used` is SQLite's colUsed. Freed by dds_plan_free.
 */
DDS_MUST_USE bool dds_plan_choose(const dds_columns *columns, const dds_constraint *constraints,
                                  size_t count, uint64_t columns_used, dds_plan *plan,
                                  int *terms_of, dds_error *error);

/* Appends the words above. */
void dds_plan_append_words(const dds_plan *plan, const dds_columns *columns, dds_buffer *words);

/* Reads them; freed by dds_plan_free, also on failure. */
DDS_MUST_USE bool dds_plan_parse(const char *words, const dds_columns *columns, dds_plan *plan,
                                 dds_error *error);

/* Whether the loop needs a column. */
bool dds_plan_uses(const dds_plan *plan, int column);

void dds_plan_free(dds_plan *plan);
