/* From a plan and its values to the pushed condition. */
#include "vtab/filter.h"

#include <string.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "base/utf8.h"
#include "dynamodb/placeholders.h"
#include "sessions/expiry.h"
#include "sessions/extra.h"
#include "sessions/sid.h"
#include "vtab/connection.h"
#include "vtab/statement.h"
#include "vtab/value.h"

/* Longer keys, and empty ones, are in no index. */
enum {
  SCRATCH_BYTES = 4096,
  KEY_MAX_BYTES = 2048,
  LIST_MAX_BYTES = DDS_EXPRESSION_MAX_VALUE_BYTES
};

/* What a term compares with: a value, or the values of an IN that are not NULL. Bytes of a list are
 * its own. */
typedef struct operand {
  dds_sql_value value; /* of a list, its first */
  bool is_list;
  bool is_too_long; /* a list of more than can be pushed, cut short */
  size_t count;
  dds_sql_value *values; /* owned */
  dds_buffer bytes;
} operand;

static void free_operand(operand *compared) {
  dds_free(compared->values);
  dds_buffer_free(&compared->bytes);
}

/* Each value of a list is good until the next is asked for, so its bytes are copied. */
static bool add_to_list(operand *list, sqlite3_value *sqlite_value) {
  dds_sql_value value = dds_value_from_sqlite(sqlite_value);
  list->is_too_long = list->count == DDS_CONDITION_MAX_LIST;
  if (value.type == DDS_SQL_NULL || list->is_too_long) {
    return !list->is_too_long;
  }
  /* Where the bytes stand in the buffer is settled when it has stopped growing. */
  dds_buffer_append(&list->bytes, value.bytes, value.length);
  list->values[list->count++] = value;
  list->is_too_long = list->bytes.failed == DDS_TOOBIG;
  return list->bytes.failed == DDS_OK;
}

static bool read_list(sqlite3_value *from, operand *list, dds_error *error) {
  sqlite3_value *value = NULL;
  list->is_list = true;
  list->bytes = DDS_BUFFER_INIT(LIST_MAX_BYTES);
  list->values = dds_alloc(DDS_CONDITION_MAX_LIST * sizeof *list->values);
  if (list->values == NULL) {
    return dds_error_set_nomem(error);
  }
  int rc = sqlite3_vtab_in_first(from, &value);
  while (rc == SQLITE_OK && value != NULL && add_to_list(list, value)) {
    rc = sqlite3_vtab_in_next(from, &value);
  }
  if (list->bytes.failed == DDS_NOMEM || rc == SQLITE_NOMEM) {
    return dds_error_set_nomem(error);
  }
  if (rc != SQLITE_OK && rc != SQLITE_DONE) {
    return dds_error_set(error, DDS_ERROR, "SQLite does not hand over the list of an IN");
  }
  const char *bytes = dds_buffer_text(&list->bytes);
  for (size_t i = 0; !list->is_too_long && i < list->count; i++) {
    list->values[i].bytes = bytes;
    bytes += list->values[i].length;
  }
  list->value = list->count > 0 ? list->values[0] : (dds_sql_value){.type = DDS_SQL_NULL};
  return true;
}

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

static bool check_dates(const operand *compared, dds_error *error) {
  if (!compared->is_list) {
    return check_date(&compared->value, error);
  }
  for (size_t i = 0; !compared->is_too_long && i < compared->count; i++) {
    if (!check_date(&compared->values[i], error)) {
      return false;
    }
  }
  return true;
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

/* Any of several; values that are no numbers are equal to no expiry. */
static dds_condition *expires_list_condition(const dds_layout *layout, const operand *list,
                                             bool *pushable) {
  dds_condition *any = NULL;
  *pushable = !list->is_too_long && list->count > 0;
  for (size_t i = 0; *pushable && i < list->count; i++) {
    dds_condition *one = expires_condition(layout, DDS_EQUAL, list->values[i], pushable);
    if (*pushable) {
      any = i == 0 ? one : dds_condition_or(any, one);
    }
  }
  if (*pushable) {
    return any;
  }
  dds_condition_release(any);
  return NULL;
}

/*
 * Whether a range of text may be pushed. Text has DynamoDB's order in a database of UTF-8 alone.
 * And SQLite makes a range out of a GLOB's prefix although its GLOB takes U+FFFE and U+FFFF for
 * U+FFFD (seen), so that no order of bytes holds all that matches.
 */
static bool is_text_bound(const dds_target *target, const dds_sql_value *value) {
  static const char before_last[] = {'\xEF', '\xBF'};
  for (size_t i = 0; i + 2 < value->length; i++) {
    if (memcmp(value->bytes + i, before_last, sizeof before_last) == 0 &&
        (unsigned char)value->bytes[i + 2] >= 0xBD) {
      return false;
    }
  }
  return dds_statement_text_is_utf8(target->connection->db);
}

/* A text column compared with a number is compared by SQLite's rules of affinity, not by bytes. */
static dds_condition *extra_condition(const dds_target *target, const dds_extra_column *extra,
                                      dds_comparison comparison, dds_sql_value value,
                                      bool *pushable) {
  dds_buffer scratch = DDS_BUFFER_INIT(SCRATCH_BYTES);
  dds_condition *condition = NULL;
  if (extra->affinity != DDS_AFFINITY_TEXT && extra->affinity != DDS_AFFINITY_BLOB) {
    dds_sql_apply_affinity(&value, DDS_AFFINITY_NUMERIC, &scratch);
  }
  bool is_text_range = value.type == DDS_SQL_TEXT && comparison != DDS_EQUAL;
  *pushable = (extra->affinity != DDS_AFFINITY_TEXT || value.type == DDS_SQL_TEXT) &&
              (!is_text_range || is_text_bound(target, &value));
  if (*pushable) {
    condition = dds_extra_condition(extra, comparison, &value, pushable);
  }
  dds_buffer_free(&scratch);
  return condition;
}

static dds_condition *null_condition(const dds_target *target, dds_column kind, size_t extra,
                                     bool *pushable) {
  *pushable = kind == DDS_COLUMN_EXPIRES || kind == DDS_COLUMN_EXTRA;
  if (kind == DDS_COLUMN_EXPIRES) {
    return dds_expiry_null_condition(&target->options.layout);
  }
  return *pushable ? dds_extra_null_condition(&target->options.extras[extra]) : NULL;
}

static dds_condition *list_condition(const dds_target *target, dds_column kind, size_t extra,
                                     operand *list, bool *pushable) {
  if (kind == DDS_COLUMN_EXPIRES) {
    return expires_list_condition(&target->options.layout, list, pushable);
  }
  *pushable = kind == DDS_COLUMN_EXTRA && !list->is_too_long;
  return *pushable ? dds_extra_list_condition(&target->options.extras[extra], list->values,
                                              list->count, pushable)
                   : NULL;
}

/* `sid < ?`. */
static dds_condition *sid_condition(const dds_target *target, const dds_term *term,
                                    const dds_sql_value *value, bool *pushable) {
  dds_comparison comparison = comparison_of(term->op);
  *pushable =
      comparison != DDS_EQUAL && value->type == DDS_SQL_TEXT && is_text_bound(target, value);
  return *pushable ? dds_sid_condition(&target->options.layout, comparison, value, pushable) : NULL;
}

/* One term's condition; NULL with `*pushable` where memory ran out, without where there is none. */
static dds_condition *term_condition(const dds_target *target, const dds_term *term,
                                     operand *compared, int64_t now_ms, bool *pushable) {
  const dds_layout *layout = &target->options.layout;
  const dds_sql_value *value = &compared->value;
  dds_columns columns = dds_target_columns(target);
  size_t extra = 0;
  dds_column kind = dds_columns_kind(&columns, term->column, &extra);
  if (compared->is_list) {
    return list_condition(target, kind, extra, compared, pushable);
  }
  if (kind == DDS_COLUMN_SID) {
    return sid_condition(target, term, value, pushable);
  }
  if (value->type == DDS_SQL_NULL) {
    return null_condition(target, kind, extra, pushable);
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

/* A term for which DynamoDB's expressions have no room is left to SQLite. Terms on sid may take a
 * quarter of it, others a half; the rest is for the layout's prefix, and for what else a write
 * asserts. */
enum { SHARE_OF_SID = 4, SHARE_OF_OTHERS = 2 };

static bool leaves_room(const dds_condition *condition, size_t share) {
  dds_expression_size size = dds_placeholders_measure(condition);
  return size.operators <= DDS_EXPRESSION_MAX_OPERATORS / share &&
         size.bytes <= DDS_EXPRESSION_MAX_BYTES / share &&
         size.value_bytes <= DDS_EXPRESSION_MAX_VALUE_BYTES / share;
}

/* Joins a condition, which is taken over, to `*all`, where their share of an expression has room
 * for both. */
static bool join(dds_condition **all, dds_condition *condition, size_t share, bool *is_pushed,
                 dds_error *error) {
  dds_condition *joined =
      *all == NULL ? condition : dds_condition_and(dds_condition_retain(*all), condition);
  if (joined == NULL) {
    return dds_error_set_nomem(error);
  }
  *is_pushed = leaves_room(joined, share);
  dds_condition_release(*is_pushed ? *all : joined);
  *all = *is_pushed ? joined : *all;
  return true;
}

/* Adds what a term demands; `*is_pushed` is false where it is left to SQLite. */
static bool add_term(const dds_target *target, const dds_term *term, operand *compared,
                     int64_t now_ms, dds_filter *filter, bool *is_pushed, dds_error *error) {
  dds_condition *condition = term_condition(target, term, compared, now_ms, is_pushed);
  if (!*is_pushed) {
    return true;
  }
  if (term->column == DDS_COLUMN_SID) {
    return join(&filter->sid_condition, condition, SHARE_OF_SID, is_pushed, error);
  }
  dds_condition *part = dds_condition_retain(condition);
  bool ok = join(&filter->condition, condition, SHARE_OF_OTHERS, is_pushed, error);
  if (ok && *is_pushed) {
    filter->parts[filter->part_count++] = part;
  } else {
    dds_condition_release(part);
  }
  return ok;
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

/* Whether an integer is a number of DynamoDB's that no other integer reads as in SQL. */
static bool is_exact(int64_t integer) {
  const int64_t limit = INT64_C(1) << 53;
  return integer >= -limit && integer <= limit;
}

/* Appends the value of an index's hash key that equals `value` in SQL, and it alone; false where
 * there is none. */
static bool append_key(dds_affinity affinity, const dds_sql_value *value, dds_type *type,
                       dds_buffer *typed) {
  bool is_sized = value->length > 0 && value->length <= KEY_MAX_BYTES;
  bool is_numeric = affinity != DDS_AFFINITY_TEXT && affinity != DDS_AFFINITY_BLOB;
  switch (value->type) {
  case DDS_SQL_TEXT:
    *type = DDS_TYPE_STRING;
    dds_buffer_append_text(typed, "{\"S\":");
    dds_buffer_append_json_string(typed, value->bytes, value->length);
    dds_buffer_append_text(typed, "}");
    return is_sized && !is_numeric && dds_utf8_is_valid(value->bytes, value->length);
  case DDS_SQL_BLOB:
    *type = DDS_TYPE_BINARY;
    dds_buffer_append_text(typed, "{\"B\":\"");
    dds_hash_append_base64(typed, value->bytes, value->length);
    dds_buffer_append_text(typed, "\"}");
    return is_sized;
  case DDS_SQL_INTEGER:
    *type = DDS_TYPE_NUMBER;
    dds_buffer_append_format(typed, "{\"N\":\"%lld\"}", (long long)value->integer);
    return affinity != DDS_AFFINITY_TEXT && is_exact(value->integer);
  default:
    return false;
  }
}

/* The key of a Query from its first term. */
static bool make_key_condition(const dds_target *target, const dds_term *term, dds_sql_value value,
                               dds_filter *filter, dds_error *error) {
  dds_columns columns = dds_target_columns(target);
  size_t extra = 0;
  dds_columns_kind(&columns, term->column, &extra);
  const dds_extra_column *column = &columns.extras[extra];
  dds_buffer scratch = DDS_BUFFER_INIT(SCRATCH_BYTES);
  dds_buffer typed = DDS_BUFFER_INIT(LIST_MAX_BYTES);
  if (column->affinity != DDS_AFFINITY_TEXT && column->affinity != DDS_AFFINITY_BLOB) {
    dds_sql_apply_affinity(&value, DDS_AFFINITY_NUMERIC, &scratch);
  }
  bool ok = dds_buffer_check(&scratch, error);
  if (ok && append_key(column->affinity, &value, &filter->key_type, &typed)) {
    filter->key_condition = typed.failed == DDS_OK ? dds_condition_compare(column->name, DDS_EQUAL,
                                                                           typed.data, typed.length)
                                                   : NULL;
    ok = filter->key_condition != NULL || dds_error_set_nomem(error);
  }
  dds_buffer_free(&scratch);
  dds_buffer_free(&typed);
  return ok;
}

/* One of LIMIT and OFFSET; -1 where it says nothing. */
static int64_t read_limit(sqlite3_value *value) {
  if (sqlite3_value_type(value) != SQLITE_INTEGER) {
    return -1;
  }
  int64_t limit = sqlite3_value_int64(value);
  return limit < 0 ? -1 : limit;
}

/* LIMIT -1 is none; an OFFSET of less than 0 is 0. */
static int64_t wanted_of(const dds_plan *plan, sqlite3_value **limits) {
  int64_t limit = plan->has_limit ? read_limit(limits[0]) : -1;
  int64_t offset = plan->has_offset ? read_limit(limits[1]) : 0;
  offset = offset < 0 ? 0 : offset;
  if (limit < 0 || limit > INT64_MAX - offset) {
    return 0;
  }
  /* SQLite reads nothing for LIMIT 0, but may start to. */
  return limit + offset > 0 ? limit + offset : 1;
}

/* The value of a term, or its list; released by free_operand, also on failure. */
static bool read_operand(const dds_term *term, sqlite3_value *value, operand *compared,
                         dds_error *error) {
  if (term->op != DDS_TERM_IN) {
    compared->value = dds_value_from_sqlite(value);
    return true;
  }
  return read_list(value, compared, error);
}

/* NULL is equal to nothing, and nothing is in an empty list; IS compares with NULL, which no sid
 * is.
 */
static bool is_impossible(const dds_term *term, const operand *compared) {
  if (compared->is_list) {
    return compared->count == 0;
  }
  bool is_null_sought = term->op == DDS_TERM_IS || term->op == DDS_TERM_IS_NULL;
  return compared->value.type == DDS_SQL_NULL &&
         (!is_null_sought || term->column == DDS_COLUMN_SID);
}

/* Reads a term's value from `*values`, and steps over it. */
static bool make_term(const dds_target *target, const dds_plan *plan, const dds_term *term,
                      sqlite3_value ***values, int64_t now_ms, dds_filter *filter,
                      dds_error *error) {
  operand compared = {.is_list = false};
  bool is_pushed = false;
  if (term->op == DDS_TERM_IN && term->column == DDS_COLUMN_SID) {
    /* The keys are the loop's to read. */
    ++*values;
    return true;
  }
  bool ok = read_operand(term, *(*values)++, &compared, error);
  filter->is_empty |= ok && is_impossible(term, &compared);
  if (ok && term->column == DDS_COLUMN_EXPIRES) {
    ok = check_dates(&compared, error);
  }
  if (ok && !filter->is_empty) {
    if (plan->access == DDS_ACCESS_QUERY && term == plan->terms) {
      ok = make_key_condition(target, term, compared.value, filter, error);
    }
    ok = ok && add_term(target, term, &compared, now_ms, filter, &is_pushed, error);
    bool is_sure = is_pushed && !may_be_pattern(term, &compared.value) &&
                   judge(target, term, &compared.value, &filter->judged[term->column]);
    count_answer(filter, term->column, is_sure);
  }
  free_operand(&compared);
  return ok;
}

bool dds_filter_make(const dds_target *target, const dds_plan *plan, sqlite3_value **values,
                     int64_t now_ms, unsigned char *marks, dds_filter *filter, dds_error *error) {
  dds_columns columns = dds_target_columns(target);
  size_t count = (size_t)dds_columns_count(&columns);
  memset(marks, 0, DDS_FILTER_MARKS * count);
  *filter = (dds_filter){.answered = marks, .judged = marks + count};
  for (size_t i = 0; i < plan->term_count; i++) {
    if (!make_term(target, plan, &plan->terms[i], &values, now_ms, filter, error)) {
      return false;
    }
  }
  filter->wanted = wanted_of(plan, values);
  settle_answers(plan, filter);
  return true;
}

/* What holds of the keys that a Scan is after: they have the layout's prefix. */
static bool narrow_keys(const dds_filter *filter, const dds_layout *layout, dds_condition **out,
                        dds_error *error) {
  *out = dds_condition_retain(filter->sid_condition);
  if (layout->prefix[0] == '\0') {
    return true;
  }
  dds_condition *prefix =
      dds_condition_begins_with(layout->hash_key, layout->prefix, strlen(layout->prefix));
  *out = *out == NULL ? prefix : dds_condition_and(prefix, *out);
  return *out != NULL || dds_error_set_nomem(error);
}

bool dds_filter_for_scan(const dds_filter *filter, const dds_layout *layout, dds_condition **out,
                         dds_error *error) {
  dds_condition *narrowed = NULL;
  *out = NULL;
  if (!narrow_keys(filter, layout, &narrowed, error)) {
    return false;
  }
  if (filter->condition != NULL) {
    dds_condition *rest = dds_condition_retain(filter->condition);
    narrowed = narrowed == NULL ? rest : dds_condition_and(narrowed, rest);
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

bool dds_filter_for_query(const dds_filter *filter, const dds_layout *layout,
                          const dds_index *index, const char *sort_key, dds_condition **out,
                          dds_error *error) {
  const char *const keys[] = {layout->hash_key, index->attribute, index->sort_key, sort_key};
  *out = NULL;
  for (size_t i = 0; i < filter->part_count; i++) {
    dds_condition *part = filter->parts[i];
    bool names_key = false;
    for (size_t j = 0; j < sizeof keys / sizeof keys[0]; j++) {
      names_key |= keys[j] != NULL && dds_condition_names(part, keys[j]);
    }
    if (names_key) {
      continue;
    }
    dds_condition_retain(part);
    *out = *out == NULL ? part : dds_condition_and(*out, part);
    if (*out == NULL) {
      return dds_error_set_nomem(error);
    }
  }
  return true;
}

void dds_filter_free(dds_filter *filter) {
  for (size_t i = 0; i < filter->part_count; i++) {
    dds_condition_release(filter->parts[i]);
  }
  dds_condition_release(filter->condition);
  dds_condition_release(filter->sid_condition);
  dds_condition_release(filter->key_condition);
  *filter = (dds_filter){0};
}
