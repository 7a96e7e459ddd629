/* The plan of one loop: SQLite's constraints to words and back. */
#include "vtab/plan.h"

#include <string.h>

#include "base/alloc.h"

/* colUsed has 64 bits; the last stands for every column from the 64th on. */
enum { LAST_COLUMN_BIT = 63 };

static const struct {
  dds_term_op op;
  const char *words;
  bool has_value;
} operators[] = {
    /* "is not null" and "is null" before "is", since words are matched from the front. */
    {DDS_TERM_IS_NOT_NULL, " is not null", false},
    {DDS_TERM_IS_NULL, " is null", false},
    {DDS_TERM_IS, " is ?", true},
    {DDS_TERM_EQUAL, " = ?", true},
    {DDS_TERM_LESS_EQUAL, " <= ?", true},
    {DDS_TERM_LESS, " < ?", true},
    {DDS_TERM_GREATER_EQUAL, " >= ?", true},
    {DDS_TERM_GREATER, " > ?", true},
};
enum { OPERATOR_COUNT = sizeof operators / sizeof operators[0] };

static size_t operator_place(dds_term_op op) {
  size_t place = 0;
  while (operators[place].op != op) {
    place++;
  }
  return place;
}

bool dds_term_has_value(dds_term_op op) {
  return operators[operator_place(op)].has_value;
}

static bool is_range(dds_term_op op) {
  return op >= DDS_TERM_LESS && op <= DDS_TERM_GREATER_EQUAL;
}

bool dds_plan_is_pushable(const dds_columns *columns, const dds_constraint *constraint) {
  if (!constraint->is_usable || !constraint->is_known_op || !constraint->is_binary) {
    return false;
  }
  switch (dds_columns_kind(columns, constraint->column, NULL)) {
  case DDS_COLUMN_SID:
    return constraint->op == DDS_TERM_EQUAL;
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
    if (i != place && other->column == constraints[place].column && is_left_out) {
      return false;
    }
  }
  return true;
}

static bool is_key(const dds_columns *columns, const dds_constraint *constraint) {
  return constraint->column == DDS_COLUMN_SID && dds_plan_is_pushable(columns, constraint);
}

static void add_term(dds_plan *plan, const dds_constraint *constraint, int *values, int *place) {
  plan->terms[plan->term_count++] = (dds_term){.column = constraint->column, .op = constraint->op};
  *place = dds_term_has_value(constraint->op) ? ++*values : 0;
}

bool dds_plan_choose(const dds_columns *columns, const dds_constraint *constraints, size_t count,
                     uint64_t columns_used, dds_plan *plan, int *terms_of, dds_error *error) {
  int values = 0;
  *plan = (dds_plan){0};
  memset(terms_of, 0, count * sizeof *terms_of);
  for (size_t i = 0; i < count && !plan->is_get; i++) {
    plan->is_get = is_key(columns, &constraints[i]);
    if (plan->is_get) {
      add_term(plan, &constraints[i], &values, &terms_of[i]);
    }
  }
  for (size_t i = 0; i < count && plan->term_count < DDS_PLAN_MAX_TERMS; i++) {
    if (!is_key(columns, &constraints[i]) && dds_plan_is_pushable(columns, &constraints[i]) &&
        is_range_whole(columns, constraints, count, i)) {
      add_term(plan, &constraints[i], &values, &terms_of[i]);
    }
  }
  return choose_columns(columns, columns_used, plan, error);
}

bool dds_plan_uses(const dds_plan *plan, int column) {
  return plan->all_columns || plan->columns[column] != 0;
}

void dds_plan_append_words(const dds_plan *plan, const dds_columns *columns, dds_buffer *words) {
  dds_buffer_append_text(words, plan->is_get ? "GetItem" : "Scan");
  for (size_t i = 0; i < plan->term_count; i++) {
    dds_buffer_append_text(words, i == 0 ? " where " : " and ");
    dds_columns_append_name(words, dds_columns_name(columns, plan->terms[i].column));
    dds_buffer_append_text(words, operators[operator_place(plan->terms[i].op)].words);
  }
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

/* Reads a name as dds_columns_append_name writes it; -1 where no column is called so. */
static int read_column(const char **at, const dds_columns *columns, dds_error *error) {
  dds_buffer name = DDS_BUFFER_INIT(4096);
  if (**at == '"') {
    for ((*at)++; **at != '\0'; (*at)++) {
      if (**at == '"') {
        (*at)++;
        if (**at != '"') {
          break;
        }
      }
      dds_buffer_append_char(&name, **at);
    }
  } else {
    size_t length = strcspn(*at, " ,;");
    dds_buffer_append(&name, *at, length);
    *at += length;
  }
  /* A name that memory cut short might be another column's. */
  int column = dds_buffer_check(&name, error)
                   ? dds_columns_find(columns, dds_buffer_text(&name), name.length)
                   : -1;
  dds_buffer_free(&name);
  return column;
}

static bool read_term(const char **at, const dds_columns *columns, dds_plan *plan,
                      dds_error *error) {
  int column = read_column(at, columns, error);
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
  do {
    int column = read_column(at, columns, error);
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
  plan->is_get = skip(&at, "GetItem");
  bool ok = plan->is_get || skip(&at, "Scan");
  if (ok && skip(&at, " where ")) {
    do {
      ok = read_term(&at, columns, plan, error);
    } while (ok && skip(&at, " and "));
  }
  ok = ok && skip(&at, "; columns ") && read_columns(&at, columns, plan, error) && *at == '\0';
  return ok || dds_error_set(error, DDS_ERROR, "the plan \"%s\" cannot be read", words);
}

void dds_plan_free(dds_plan *plan) {
  dds_free(plan->columns);
  *plan = (dds_plan){0};
}
