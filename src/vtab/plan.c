/* The plan of one loop: SQLite's constraints to words and back. */
#include "vtab/plan.h"

#include <string.h>

#include "base/alloc.h"

/* colUsed has 64 bits; the last stands for every column from the 64th on. */
enum { LAST_COLUMN_BIT = 63 };

static const struct {
  dds_term_op op;
  const char *words;
} operators[] = {
    /* "is null" before "is", "<=" before "<", since words are matched from the front. */
    {DDS_TERM_IS_NULL, " is null"},    {DDS_TERM_IS, " is ?"},         {DDS_TERM_IN, " in ?"},
    {DDS_TERM_EQUAL, " = ?"},          {DDS_TERM_LESS_EQUAL, " <= ?"}, {DDS_TERM_LESS, " < ?"},
    {DDS_TERM_GREATER_EQUAL, " >= ?"}, {DDS_TERM_GREATER, " > ?"},
};
enum { OPERATOR_COUNT = sizeof operators / sizeof operators[0] };

/* That of a Query is followed by the name of the index. */
static const char *const requests[] = {
    [DDS_ACCESS_SCAN] = "Scan",
    [DDS_ACCESS_GET] = "GetItem",
    [DDS_ACCESS_BATCH_GET] = "BatchGetItem",
    [DDS_ACCESS_QUERY] = "Query ",
};
enum { REQUEST_COUNT = sizeof requests / sizeof requests[0] };

static size_t operator_place(dds_term_op op) {
  size_t place = 0;
  while (operators[place].op != op) {
    place++;
  }
  return place;
}

static bool is_range(dds_term_op op) {
  return op >= DDS_TERM_LESS && op <= DDS_TERM_GREATER_EQUAL;
}

bool dds_plan_is_pushable(const dds_columns *columns, const dds_constraint *constraint) {
  if (constraint->subject != DDS_SUBJECT_COLUMN || !constraint->is_usable ||
      !constraint->is_known_op || !constraint->is_binary) {
    return false;
  }
  switch (dds_columns_kind(columns, constraint->column, NULL)) {
  case DDS_COLUMN_SID:
    return constraint->op != DDS_TERM_IS_NULL;
  case DDS_COLUMN_EXPIRES:
  case DDS_COLUMN_EXTRA:
    return true;
  case DDS_COLUMN_EXPIRED:
    return constraint->op == DDS_TERM_EQUAL || constraint->op == DDS_TERM_IS;
  default:
    return false;
  }
}

static bool choose_columns(const dds_columns *columns, uint64_t columns_used, dds_plan *plan,
                           dds_error *error) {
  int count = dds_columns_count(columns);
  if (columns_used == UINT64_MAX) {
    plan->all_columns = true;
    return true;
  }
  plan->columns = dds_alloc((size_t)count);
  if (plan->columns == NULL) {
    return dds_error_set_nomem(error);
  }
  for (int i = 0; i < count; i++) {
    int bit = i < LAST_COLUMN_BIT ? i : LAST_COLUMN_BIT;
    plan->columns[i] = (columns_used >> bit & 1) != 0;
  }
  /* SQLite reads the key of rows that it deletes without saying so before 3.49. */
  plan->columns[DDS_COLUMN_SID] = 1;
  return true;
}

/*
 * SQLite hands over the two ends of a BETWEEN, but checks the whole by one reading of the column.
 * What is read is asserted by a DELETE unless the pushed condition answers for it, so a range is
 * pushed only where it is all that such a reading decides.
 */
static bool is_range_whole(const dds_columns *columns, const dds_constraint *constraints,
                           size_t count, size_t place) {
  if (!is_range(constraints[place].op)) {
    return true;
  }
  for (size_t i = 0; i < count; i++) {
    const dds_constraint *other = &constraints[i];
    bool may_be_cut = i >= DDS_PLAN_MAX_TERMS || place >= DDS_PLAN_MAX_TERMS;
    bool is_end = other->is_known_op && is_range(other->op);
    bool is_left_out = is_end && (may_be_cut || !dds_plan_is_pushable(columns, other));
    if (i != place && other->subject == DDS_SUBJECT_COLUMN &&
        other->column == constraints[place].column && is_left_out) {
      return false;
    }
  }
  return true;
}

/* The constraints that a plan is chosen from, and where they came in it. */
typedef struct offer {
  const dds_columns *columns;
  const dds_constraint *constraints;
  size_t count;
  int *places;
  int values; /* that the plan takes so far */
} offer;

/* The first pushable constraint on a column with one of two operators; `count` where there is none.
 */
static size_t find(const offer *offered, int column, dds_term_op op, dds_term_op other_op) {
  size_t i = 0;
  for (; i < offered->count; i++) {
    const dds_constraint *constraint = &offered->constraints[i];
    if (constraint->column == column && (constraint->op == op || constraint->op == other_op) &&
        dds_plan_is_pushable(offered->columns, constraint)) {
      break;
    }
  }
  return i;
}

/* Chooses the request, and gives the place of the constraint that it goes by; `count` for a Scan.
 */
static size_t choose_access(const offer *offered, dds_plan *plan) {
  size_t place = find(offered, DDS_COLUMN_SID, DDS_TERM_EQUAL, DDS_TERM_IS);
  if (place < offered->count) {
    plan->access = DDS_ACCESS_GET;
    return place;
  }
  place = find(offered, DDS_COLUMN_SID, DDS_TERM_IN, DDS_TERM_IN);
  if (place < offered->count) {
    plan->access = DDS_ACCESS_BATCH_GET;
    return place;
  }
  for (plan->index = 0; plan->index < offered->columns->index_count; plan->index++) {
    const char *attribute = offered->columns->indexes[plan->index].attribute;
    int column = dds_columns_find(offered->columns, attribute, strlen(attribute));
    place = find(offered, column, DDS_TERM_EQUAL, DDS_TERM_EQUAL);
    if (place < offered->count) {
      plan->access = DDS_ACCESS_QUERY;
      return place;
    }
  }
  plan->index = 0;
  return offered->count;
}

static void add_term(offer *offered, size_t place, dds_plan *plan) {
  const dds_constraint *constraint = &offered->constraints[place];
  plan->terms[plan->term_count++] = (dds_term){.column = constraint->column, .op = constraint->op};
  offered->places[place] = ++offered->values;
}

/* Whether a constraint beside the one that the request goes by is taken: of a read by key, another
 * one on the key says nothing. */
static bool is_taken(const offer *offered, size_t place, const dds_plan *plan) {
  const dds_constraint *constraint = &offered->constraints[place];
  bool is_by_key = plan->access == DDS_ACCESS_GET || plan->access == DDS_ACCESS_BATCH_GET;
  return dds_plan_is_pushable(offered->columns, constraint) &&
         !(is_by_key && constraint->column == DDS_COLUMN_SID) &&
         is_range_whole(offered->columns, offered->constraints, offered->count, place);
}

/* How much is wanted is known only where no constraint is left to SQLite alone; and reads by key
 * end by themselves. LIMIT and OFFSET come in either order, depending on SQLite's version. */
static void take_limits(offer *offered, dds_plan *plan, size_t taken_count) {
  size_t limit = offered->count;
  size_t offset = offered->count;
  size_t column_count = 0;
  for (size_t i = 0; i < offered->count; i++) {
    bool is_usable = offered->constraints[i].is_usable;
    switch (offered->constraints[i].subject) {
    case DDS_SUBJECT_LIMIT:
      limit = is_usable ? i : limit;
      break;
    case DDS_SUBJECT_OFFSET:
      offset = is_usable ? i : offset;
      break;
    default:
      column_count++;
    }
  }
  bool is_sequence = plan->access == DDS_ACCESS_SCAN || plan->access == DDS_ACCESS_QUERY;
  if (!is_sequence || taken_count < column_count || limit == offered->count) {
    return;
  }
  plan->has_limit = true;
  offered->places[limit] = ++offered->values;
  if (offset < offered->count) {
    plan->has_offset = true;
    offered->places[offset] = ++offered->values;
  }
}

bool dds_plan_choose(const dds_columns *columns, const dds_constraint *constraints, size_t count,
                     uint64_t columns_used, dds_plan *plan, int *terms_of, dds_error *error) {
  offer offered = {columns, constraints, count, terms_of, 0};
  *plan = (dds_plan){0};
  memset(terms_of, 0, count * sizeof *terms_of);
  size_t key = choose_access(&offered, plan);
  if (key < count) {
    add_term(&offered, key, plan);
  }
  for (size_t i = 0; i < count && plan->term_count < DDS_PLAN_MAX_TERMS; i++) {
    if (i != key && is_taken(&offered, i, plan)) {
      add_term(&offered, i, plan);
    }
  }
  take_limits(&offered, plan, plan->term_count);
  return choose_columns(columns, columns_used, plan, error);
}

bool dds_plan_uses(const dds_plan *plan, int column) {
  return plan->all_columns || plan->columns[column] != 0;
}

void dds_plan_append_words(const dds_plan *plan, const dds_columns *columns, dds_buffer *words) {
  dds_buffer_append_text(words, requests[plan->access]);
  if (plan->access == DDS_ACCESS_QUERY) {
    dds_buffer_append_text(words, columns->indexes[plan->index].name);
  }
  for (size_t i = 0; i < plan->term_count; i++) {
    dds_buffer_append_text(words, i == 0 ? " where " : " and ");
    dds_columns_append_name(words, dds_columns_name(columns, plan->terms[i].column));
    dds_buffer_append_text(words, operators[operator_place(plan->terms[i].op)].words);
  }
  dds_buffer_append_text(words, plan->has_limit ? "; limit ?" : "");
  dds_buffer_append_text(words, plan->has_offset ? "; offset ?" : "");
  dds_buffer_append_text(words, "; columns ");
  if (plan->all_columns) {
    dds_buffer_append_char(words, '*');
    return;
  }
  const char *separator = "";
  for (int i = 0; i < dds_columns_count(columns); i++) {
    if (plan->columns[i]) {
      dds_buffer_append_text(words, separator);
      dds_columns_append_name(words, dds_columns_name(columns, i));
      separator = ", ";
    }
  }
}

/* Steps over a word that must come next. */
static bool skip(const char **at, const char *word) {
  size_t length = strlen(word);
  if (strncmp(*at, word, length) != 0) {
    return false;
  }
  *at += length;
  return true;
}

/* What may follow a name; nothing else does in words that were written here. */
static bool ends_name(const char *at) {
  return *at == ' ' || *at == ',' || *at == ';' || *at == '\0';
}

/* Steps over a name as dds_columns_append_name writes it. */
static bool skip_name(const char **at, const char *name) {
  const char *next = *at;
  bool is_quoted = *next == '"';
  next += is_quoted;
  for (; *name != '\0'; name++) {
    if (*next != *name || (!is_quoted && ends_name(name))) {
      return false;
    }
    next++;
    if (is_quoted && *name == '"') {
      if (*next != '"') {
        return false;
      }
      next++;
    }
  }
  if (is_quoted) {
    if (*next != '"') {
      return false;
    }
    next++;
  }
  if (!ends_name(next)) {
    return false;
  }
  *at = next;
  return true;
}

/* Reads a column's name, looked for from column `from` on and then before it: words list columns in
 * their order. -1 where no column is called so. */
static int read_column(const char **at, const dds_columns *columns, int from) {
  int count = dds_columns_count(columns);
  for (int i = 0; i < count; i++) {
    int column = from + i < count ? from + i : from + i - count;
    if (skip_name(at, dds_columns_name(columns, column))) {
      return column;
    }
  }
  return -1;
}

static bool read_request(const char **at, const dds_columns *columns, dds_plan *plan) {
  for (size_t i = 0; i < REQUEST_COUNT; i++) {
    if (!skip(at, requests[i])) {
      continue;
    }
    plan->access = (dds_access)i;
    if (plan->access != DDS_ACCESS_QUERY) {
      return true;
    }
    for (; plan->index < columns->index_count; plan->index++) {
      if (skip_name(at, columns->indexes[plan->index].name)) {
        return true;
      }
    }
  }
  return false;
}

static bool read_term(const char **at, const dds_columns *columns, dds_plan *plan) {
  int column = read_column(at, columns, 0);
  if (column < 0 || plan->term_count == DDS_PLAN_MAX_TERMS) {
    return false;
  }
  for (size_t i = 0; i < OPERATOR_COUNT; i++) {
    if (skip(at, operators[i].words)) {
      plan->terms[plan->term_count++] = (dds_term){.column = column, .op = operators[i].op};
      return true;
    }
  }
  return false;
}

static bool read_columns(const char **at, const dds_columns *columns, dds_plan *plan,
                         dds_error *error) {
  if (skip(at, "*")) {
    plan->all_columns = true;
    return true;
  }
  plan->columns = dds_alloc((size_t)dds_columns_count(columns));
  if (plan->columns == NULL) {
    return dds_error_set_nomem(error);
  }
  int column = -1;
  do {
    column = read_column(at, columns, column + 1);
    if (column < 0) {
      return false;
    }
    plan->columns[column] = 1;
  } while (skip(at, ", "));
  return true;
}

bool dds_plan_parse(const char *words, const dds_columns *columns, dds_plan *plan,
                    dds_error *error) {
  const char *at = words;
  *plan = (dds_plan){0};
  bool ok = read_request(&at, columns, plan);
  if (ok && skip(&at, " where ")) {
    do {
      ok = read_term(&at, columns, plan);
    } while (ok && skip(&at, " and "));
  }
  plan->has_limit = ok && skip(&at, "; limit ?");
  plan->has_offset = plan->has_limit && skip(&at, "; offset ?");
  ok = ok && skip(&at, "; columns ") && read_columns(&at, columns, plan, error) && *at == '\0';
  return ok || dds_error_set(error, DDS_ERROR, "the plan \"%s\" cannot be read", words);
}

void dds_plan_free(dds_plan *plan) {
  dds_free(plan->columns);
  *plan = (dds_plan){0};
}
