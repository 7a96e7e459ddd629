/* From a plan and its values to the pushed condition. */
#include "vtab/filter.h"

#include <string.h>

#include "base/alloc.h"
#include "dynamodb/placeholders.h"
#include "sessions/expiry.h"
#include "sessions/extra.h"
#include "vtab/connection.h"
#include "vtab/statement.h"
#include "vtab/value.h"

enum { SCRATCH_BYTES = 4096 };

static dds_comparison comparison_of(dds_term_op op) {
  switch (op) {
  case DDS_TERM_LESS:
    return DDS_LESS;
  case DDS_TERM_LESS_EQUAL:
    return DDS_LESS_EQUAL;
  case DDS_TERM_GREATER:
    return DDS_GREATER;
  case DDS_TERM_GREATER_EQUAL:
    return DDS_GREATER_EQUAL;
  default:
    return DDS_EQUAL;
  }
}

/* GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*': what datetime() gives. */
static bool is_date(const dds_sql_value *value) {
  static const char pattern[] = "dddd-dd-dd";
  if (value->type != DDS_SQL_TEXT || value->length < sizeof pattern - 1) {
    return false;
  }
  for (size_t i = 0; pattern[i] != '\0'; i++) {
    char c = value->bytes[i];
    if (pattern[i] == 'd' ? c < '0' || c > '9' : c != '-') {
      return false;
    }
  }
  return true;
}

static bool check_date(const dds_sql_value *value, dds_error *error) {
  return !is_date(value) ||
         dds_error_set(error, DDS_MISMATCH,
                       "expires is compared with the text '%.10s…': every number is less than any "
                       "text, so that would match every session; write unixepoch('%.10s…')",
                       value->bytes, value->bytes);
}

/* `expired = 1`: the value must be 0 or 1 after affinity, anything else is left to SQLite. */
static dds_condition *expired_condition(const dds_layout *layout, dds_sql_value value,
                                        int64_t now_ms, bool *pushable) {
  dds_buffer scratch = DDS_BUFFER_INIT(SCRATCH_BYTES);
  dds_sql_apply_affinity(&value, DDS_AFFINITY_INTEGER, &scratch);
  dds_buffer_free(&scratch);
  *pushable = value.type == DDS_SQL_INTEGER && (value.integer == 0 || value.integer == 1);
  return *pushable ? dds_expiry_expired_condition(layout, now_ms, value.integer == 1) : NULL;
}

static dds_condition *expires_condition(const dds_layout *layout, dds_comparison comparison,
                                        dds_sql_value value, bool *pushable) {
  dds_buffer scratch = DDS_BUFFER_INIT(SCRATCH_BYTES);
  dds_sql_apply_affinity(&value, DDS_AFFINITY_NUMERIC, &scratch);
  *pushable = value.type == DDS_SQL_INTEGER || value.type == DDS_SQL_REAL;
  dds_condition *condition =
      *pushable ? dds_expiry_condition(layout, comparison, &value, pushable) : NULL;
  dds_buffer_free(&scratch);
  return condition;
}

/*
 * A text column compared with a number is compared by SQLite's rules of affinity, not by bytes; and
 * text has DynamoDB's order in a database of UTF-8 alone.
 */
static dds_condition *extra_condition(const dds_target *target, const dds_extra_column *extra,
                                      dds_comparison comparison, dds_sql_value value,
                                      bool *pushable) {
  sqlite3 *db = target->connection->db;
  dds_buffer scratch = DDS_BUFFER_INIT(SCRATCH_BYTES);
  dds_condition *condition = NULL;
  if (extra->affinity != DDS_AFFINITY_TEXT && extra->affinity != DDS_AFFINITY_BLOB) {
    dds_sql_apply_affinity(&value, DDS_AFFINITY_NUMERIC, &scratch);
  }
  bool is_text_range = value.type == DDS_SQL_TEXT && comparison != DDS_EQUAL;
  *pushable = (extra->affinity != DDS_AFFINITY_TEXT || value.type == DDS_SQL_TEXT) &&
              (!is_text_range || dds_statement_text_is_utf8(db));
  if (*pushable) {
    condition = dds_extra_condition(extra, comparison, &value, pushable);
  }
  dds_buffer_free(&scratch);
  return condition;
}

static dds_condition *null_condition(const dds_target *target, dds_column kind, size_t extra,
                                     bool is_null, bool *pushable) {
  *pushable = kind == DDS_COLUMN_EXPIRES || kind == DDS_COLUMN_EXTRA;
  if (kind == DDS_COLUMN_EXPIRES) {
    return dds_expiry_null_condition(&target->options.layout, is_null);
  }
  return *pushable ? dds_extra_null_condition(&target->options.extras[extra], is_null) : NULL;
}

/* One term's condition; NULL with `*pushable` where memory ran out, without where there is none. */
static dds_condition *term_condition(const dds_target *target, const dds_term *term,
                                     const dds_sql_value *value, int64_t now_ms, bool *pushable) {
  const dds_layout *layout = &target->options.layout;
  dds_columns columns = dds_target_columns(target);
  size_t extra = 0;
  dds_column kind = dds_columns_kind(&columns, term->column, &extra);
  if (!dds_term_has_value(term->op) || (term->op == DDS_TERM_IS && value->type == DDS_SQL_NULL)) {
    return null_condition(target, kind, extra, term->op != DDS_TERM_IS_NOT_NULL, pushable);
  }
  switch (kind) {
  case DDS_COLUMN_EXPIRES:
    return expires_condition(layout, comparison_of(term->op), *value, pushable);
  case DDS_COLUMN_EXPIRED:
    return expired_condition(layout, *value, now_ms, pushable);
  case DDS_COLUMN_EXTRA:
    return extra_condition(target, &target->options.extras[extra], comparison_of(term->op), *value,
                           pushable);
  default:
    *pushable = false;
    return NULL;
  }
}

/* A term for which DynamoDB's expressions have no room is left to SQLite. The rest of the room is
 * for the layout's prefix, and for what else a write asserts. */
static bool leaves_room(const dds_condition *condition) {
  dds_expression_size size = dds_placeholders_measure(condition);
  return size.operators <= DDS_EXPRESSION_MAX_OPERATORS / 2 &&
         size.bytes <= DDS_EXPRESSION_MAX_BYTES / 2 &&
         size.value_bytes <= DDS_EXPRESSION_MAX_VALUE_BYTES / 2;
}

/* Adds what a term demands; `*is_pushed` is false where it is left to SQLite. */
static bool add_term(const dds_target *target, const dds_term *term, const dds_sql_value *value,
                     int64_t now_ms, dds_filter *filter, bool *is_pushed, dds_error *error) {
  dds_condition *condition = term_condition(target, term, value, now_ms, is_pushed);
  if (!*is_pushed) {
    return true;
  }
  dds_condition *joined =
      filter->condition == NULL
          ? condition
          : dds_condition_and(dds_condition_retain(filter->condition), condition);
  if (joined == NULL) {
    return dds_error_set_nomem(error);
  }
  *is_pushed = leaves_room(joined);
  dds_condition_release(*is_pushed ? filter->condition : joined);
  filter->condition = *is_pushed ? joined : filter->condition;
  return true;
}

/*
 * A column with a lower and an upper bound may stand for one BETWEEN, which SQLite checks with one
 * reading, or for two conditions with two. Counting one errs towards asserting more; and where one
 * of the terms was not pushed, the reading may be its own.
 */
static void count_answer(dds_filter *filter, int column, bool is_pushed) {
  enum { NEVER = UINT8_MAX };
  unsigned char *answered = &filter->answered[column];
  *answered = is_pushed && *answered != NEVER ? 1 : NEVER;
}

/* SQLite makes ranges of text out of LIKE and GLOB; the pattern itself may say more. */
static bool may_be_pattern(const dds_term *term, const dds_sql_value *value) {
  return value->type == DDS_SQL_TEXT && comparison_of(term->op) != DDS_EQUAL;
}

static void settle_answers(const dds_plan *plan, dds_filter *filter) {
  for (size_t i = 0; i < plan->term_count; i++) {
    unsigned char *answered = &filter->answered[plan->terms[i].column];
    *answered = *answered == 1;
  }
}

/* Notes the type of attribute that a term on an extra column judges; false where another term on it
 * judges another type. */
static bool judge(const dds_target *target, const dds_term *term, const dds_sql_value *value,
                  unsigned char *judged) {
  dds_columns columns = dds_target_columns(target);
  size_t extra = 0;
  if (dds_columns_kind(&columns, term->column, &extra) != DDS_COLUMN_EXTRA ||
      value->type == DDS_SQL_NULL) {
    return true;
  }
  dds_affinity affinity = columns.extras[extra].affinity;
  bool is_text = affinity == DDS_AFFINITY_TEXT ||
                 (affinity == DDS_AFFINITY_BLOB && value->type == DDS_SQL_TEXT);
  dds_type type = is_text                       ? DDS_TYPE_STRING
                  : value->type == DDS_SQL_BLOB ? DDS_TYPE_BINARY
                                                : DDS_TYPE_NUMBER;
  unsigned char mark = (unsigned char)(type + 1);
  bool is_agreed = *judged == 0 || *judged == mark;
  *judged = mark;
  return is_agreed;
}

bool dds_filter_make(const dds_target *target, const dds_plan *plan, sqlite3_value **values,
                     int64_t now_ms, dds_filter *filter, dds_error *error) {
  dds_columns columns = dds_target_columns(target);
  int place = 0;
  size_t count = (size_t)dds_columns_count(&columns);
  *filter = (dds_filter){.answered = dds_alloc(count), .judged = dds_alloc(count)};
  if (filter->answered == NULL || filter->judged == NULL) {
    return dds_error_set_nomem(error);
  }
  for (size_t i = 0; i < plan->term_count; i++) {
    const dds_term *term = &plan->terms[i];
    dds_sql_value value = {.type = DDS_SQL_NULL};
    if (dds_term_has_value(term->op)) {
      value = dds_value_from_sqlite(values[place++]);
      filter->is_empty |= value.type == DDS_SQL_NULL && term->op != DDS_TERM_IS;
    }
    if (term->column == dds_columns_index(&columns, DDS_COLUMN_EXPIRES) &&
        !check_date(&value, error)) {
      return false;
    }
    if (filter->is_empty || term->column == DDS_COLUMN_SID) {
      continue;
    }
    bool is_pushed = false;
    if (!add_term(target, term, &value, now_ms, filter, &is_pushed, error)) {
      return false;
    }
    bool is_sure = is_pushed && !may_be_pattern(term, &value) &&
                   judge(target, term, &value, &filter->judged[term->column]);
    count_answer(filter, term->column, is_sure);
  }
  settle_answers(plan, filter);
  return true;
}

bool dds_filter_for_scan(const dds_filter *filter, const dds_layout *layout, dds_condition **out,
                         dds_error *error) {
  dds_condition *narrowed = dds_condition_retain(filter->condition);
  *out = NULL;
  if (layout->prefix[0] != '\0') {
    dds_condition *prefix =
        dds_condition_begins_with(layout->hash_key, layout->prefix, strlen(layout->prefix));
    narrowed = narrowed == NULL ? prefix : dds_condition_and(prefix, narrowed);
    if (narrowed == NULL) {
      return dds_error_set_nomem(error);
    }
  }
  if (narrowed == NULL) {
    return true;
  }
  *out = dds_condition_or(dds_condition_not_exists(layout->hash_key), narrowed);
  return *out != NULL || dds_error_set_nomem(error);
}

void dds_filter_free(dds_filter *filter) {
  dds_condition_release(filter->condition);
  dds_free(filter->answered);
  dds_free(filter->judged);
  *filter = (dds_filter){0};
}
