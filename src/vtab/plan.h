/*
 * The plan of one loop over a session table: which request answers it, which conditions DynamoDB
 * can filter by, which columns are needed. Made in xBestIndex from the SQL alone, carried as words
 * in idxStr, which EXPLAIN QUERY PLAN prints, and read back in xFilter:
 *
 *     GetItem where sid = ? and expired = ?; columns sid, session, expired
 *     BatchGetItem where sid in ?; columns sid, session
 *     Query userId-index where userId = ? and expires > ?; columns sid, expires, userId
 *     Scan where expires < ? and expired = ?; limit ?; columns sid, expires
 *     Scan; columns *
 *
 * plan    := request [" where " term {" and " term}] ["; limit ?"] ["; offset ?"]
 *            "; columns " ("*" | name {", " name})
 * request := "GetItem" | "BatchGetItem" | "Query " index | "Scan"
 * term    := name " " op " ?" | name " is null"
 * op      := "=" | "<" | "<=" | ">" | ">=" | "is" | "in"
 *
 * A name that is no plain identifier is in double quotes. The values come in the order of the
 * terms, then those of LIMIT and OFFSET. That of "is null" is NULL: SQLite heeds which tables a
 * term may be used for only where it hands over a value. That of "in" is a list
 * (sqlite3_vtab_in_first). Pure.
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
  DDS_TERM_IN,
} dds_term_op;

typedef struct dds_term {
  int column;
  dds_term_op op;
} dds_term;

/* More terms than these are left to SQLite: DynamoDB's expressions are bounded as well. */
enum { DDS_PLAN_MAX_TERMS = 32 };

/* How a loop's rows are asked for. */
typedef enum dds_access {
  DDS_ACCESS_SCAN,
  DDS_ACCESS_GET,       /* GetItem by the first term, `sid = ?` */
  DDS_ACCESS_BATCH_GET, /* BatchGetItem by the first term, `sid in ?` */
  DDS_ACCESS_QUERY,     /* on a secondary index by the first term, `userId = ?` */
} dds_access;

typedef struct dds_plan {
  dds_access access;
  size_t index; /* of a Query: which of the table's indexes (dds_columns) */
  /* Of a read by key all but the first filter nothing; a DELETE asserts them. */
  dds_term terms[DDS_PLAN_MAX_TERMS];
  size_t term_count;
  /* Hints behind the values of the terms: SQLite keeps to LIMIT and OFFSET by itself. */
  bool has_limit;
  bool has_offset;
  bool all_columns;
  unsigned char *columns; /* a flag for each column, owned; NULL where all_columns */
} dds_plan;

/* What a constraint is about. */
typedef enum dds_subject {
  DDS_SUBJECT_COLUMN,
  DDS_SUBJECT_LIMIT,
  DDS_SUBJECT_OFFSET,
} dds_subject;

/* A constraint as SQLite offers it. */
typedef struct dds_constraint {
  dds_subject subject;
  int column;
  dds_term_op op;
  bool is_known_op; /* false: an operator that is never pushed */
  bool is_usable;
  bool is_binary; /* compared under BINARY */
} dds_constraint;

/*
 * The one predicate for what may be pushed down: a constraint on a column that a FilterExpression
 * can answer with a superset of its rows, or that names the key.
 */
bool dds_plan_is_pushable(const dds_columns *columns, const dds_constraint *constraint);

/*
 * Chooses: GetItem before BatchGetItem before a Query on the first index that has its key before a
 * Scan. `terms_of[i]` gets the place of constraint i among the values, from 1 on, or 0 where it
 * stays SQLite's alone. `columns_used` is SQLite's colUsed. LIMIT and OFFSET are taken where
 * nothing but the taken constraints narrows what is read. Freed by dds_plan_free.
 */
DDS_MUST_USE bool dds_plan_choose(const dds_columns *columns, const dds_constraint *constraints,
                                  size_t count, uint64_t columns_used, dds_plan *plan,
                                  int *terms_of, dds_error *error);

/* Appends the words above. */
void dds_plan_append_words(const dds_plan *plan, const dds_columns *columns, dds_buffer *words);

/* Reads them: names are those of `columns`, letter by letter. Freed by dds_plan_free, also on
 * failure. */
DDS_MUST_USE bool dds_plan_parse(const char *words, const dds_columns *columns, dds_plan *plan,
                                 dds_error *error);

/* Whether the loop needs a column. */
bool dds_plan_uses(const dds_plan *plan, int column);

void dds_plan_free(dds_plan *plan);
