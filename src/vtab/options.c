/*
 * The arguments of CREATE VIRTUAL TABLE. Each option is a row of a table with the function that
 * reads its value; an argument without `=` outside quotes is an extra column.
 */
#include "vtab/options.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/utf8.h"
#include "vtab/columns.h"

enum { NAME_BYTES = 256, MAX_EDIT_DISTANCE = 3 };

/* SQLite's limit on columns is 2,000 by default; DynamoDB's filters hold far fewer. */
enum { MAX_EXTRA_COLUMNS = 500 };

#define CAPITALS        "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS          "0123456789"
#define NAME_CHARACTERS CAPITALS "abcdefghijklmnopqrstuvwxyz" DIGITS "_"

/* A piece of an argument. */
typedef struct span {
  const char *text;
  size_t length;
} span;

typedef struct option_row option_row;

struct option_row {
  const char *name;
  bool (*read)(const option_row *row, const char *value, dds_options *options, dds_error *error);
  size_t place; /* of a text option, or offset in dds_options */
  double minimum;
  double maximum;
};

static bool read_text(const option_row *row, const char *value, dds_options *options,
                      dds_error *error) {
  options->text[row->place] = dds_alloc_copy(value, strlen(value));
  return options->text[row->place] != NULL || dds_error_set_nomem(error);
}

static bool read_layout(const option_row *row, const char *value, dds_options *options,
                        dds_error *error) {
  (void)row;
  const dds_layout *layout = dds_layout_find(value);
  if (layout == NULL) {
    dds_buffer known = DDS_BUFFER_INIT(1024);
    for (size_t i = 0; dds_layout_at(i) != NULL; i++) {
      dds_buffer_append_format(&known, "%s%s", i == 0 ? "" : ", ", dds_layout_at(i)->name);
    }
    dds_error_set(error, DDS_ERROR, "unknown layout '%s': the layouts are %s", value,
                  dds_buffer_text(&known));
    dds_buffer_free(&known);
    return false;
  }
  options->layout = *layout;
  return true;
}

/* The place of a value among the three words that an option knows. */
static bool read_word(const option_row *row, const char *value, const char *const words[3],
                      int *place, dds_error *error) {
  for (*place = 0; *place < 3; ++*place) {
    if (strcasecmp(value, words[*place]) == 0) {
      return true;
    }
  }
  dds_error_set(error, DDS_ERROR, "option %s is %s, %s or %s, not '%s'", row->name, words[0],
                words[1], words[2], value);
  return false;
}

static bool read_consistency(const option_row *row, const char *value, dds_options *options,
                             dds_error *error) {
  static const char *const words[] = {"auto", "1", "0"};
  static const dds_consistency meanings[] = {DDS_CONSISTENT_AUTO, DDS_CONSISTENT_ALWAYS,
                                             DDS_CONSISTENT_NEVER};
  int place;
  if (!read_word(row, value, words, &place, error)) {
    return false;
  }
  options->consistency = meanings[place];
  return true;
}

static bool read_commit(const option_row *row, const char *value, dds_options *options,
                        dds_error *error) {
  static const char *const words[] = {"auto", "atomic", "through"};
  static const dds_commit_mode meanings[] = {DDS_COMMIT_AUTO, DDS_COMMIT_ATOMIC,
                                             DDS_COMMIT_THROUGH};
  int place;
  if (!read_word(row, value, words, &place, error)) {
    return false;
  }
  options->commit = meanings[place];
  return true;
}

static bool read_flag(const option_row *row, const char *value, dds_options *options,
                      dds_error *error) {
  bool *flag = (bool *)((char *)options + row->place);
  if (strcmp(value, "0") != 0 && strcmp(value, "1") != 0) {
    return dds_error_set(error, DDS_ERROR, "option %s is 0 or 1, not '%s'", row->name, value);
  }
  *flag = value[0] == '1';
  return true;
}

/* Digits with one optional point, free of the locale; false for anything else. */
static bool read_decimal(const char *text, double *number) {
  double scale = 1;
  bool in_fraction = false;
  *number = 0;
  if (*text == '\0' || strlen(text) > 15) {
    return false;
  }
  for (; *text != '\0'; text++) {
    if (*text == '.' && !in_fraction) {
      in_fraction = true;
    } else if (*text >= '0' && *text <= '9') {
      *number = *number * 10 + (*text - '0');
      scale *= in_fraction ? 10 : 1;
    } else {
      return false;
    }
  }
  *number /= scale;
  return true;
}

static bool read_number(const option_row *row, const char *value, double *number,
                        dds_error *error) {
  if (!read_decimal(value, number) || *number < row->minimum || *number > row->maximum) {
    return dds_error_set(error, DDS_ERROR, "option %s is a number from %.10g to %.10g, not '%s'",
                         row->name, row->minimum, row->maximum, value);
  }
  return true;
}

static bool read_seconds(const option_row *row, const char *value, dds_options *options,
                         dds_error *error) {
  double seconds = 0;
  if (!read_number(row, value, &seconds, error)) {
    return false;
  }
  *(int *)((char *)options + row->place) = (int)(seconds * 1000 + 0.5);
  return true;
}

static bool read_whole(const option_row *row, const char *value, double *number, dds_error *error) {
  if (!read_number(row, value, number, error)) {
    return false;
  }
  return *number == (double)(int64_t)*number ||
         dds_error_set(error, DDS_ERROR, "option %s is a whole number, not '%s'", row->name, value);
}

static bool read_capacity(const option_row *row, const char *value, dds_options *options,
                          dds_error *error) {
  double number = 0;
  if (!read_whole(row, value, &number, error)) {
    return false;
  }
  *(int64_t *)((char *)options + row->place) = (int64_t)number;
  return true;
}

static bool read_count(const option_row *row, const char *value, dds_options *options,
                       dds_error *error) {
  double number = 0;
  if (!read_whole(row, value, &number, error)) {
    return false;
  }
  *(int *)((char *)options + row->place) = (int)number;
  return true;
}

static bool read_units(const option_row *row, const char *value, dds_options *options,
                       dds_error *error) {
  return read_number(row, value, (double *)((char *)options + row->place), error);
}

/* Below, among the pieces of arguments. */
static bool read_index(const option_row *row, const char *value, dds_options *options,
                       dds_error *error);

#define PLACE(field) offsetof(dds_options, field)
static const option_row option_rows[] = {
    {"table", read_text, DDS_OPTION_TABLE, 0, 0},
    {"layout", read_layout, 0, 0, 0},
    {"region", read_text, DDS_OPTION_REGION, 0, 0},
    {"endpoint_url", read_text, DDS_OPTION_ENDPOINT_URL, 0, 0},
    {"profile", read_text, DDS_OPTION_PROFILE, 0, 0},
    {"hash_key", read_text, DDS_OPTION_HASH_KEY, 0, 0},
    {"prefix", read_text, DDS_OPTION_PREFIX, 0, 0},
    {"suffix", read_text, DDS_OPTION_SUFFIX, 0, 0},
    {"data", read_text, DDS_OPTION_DATA, 0, 0},
    {"expires", read_text, DDS_OPTION_EXPIRES, 0, 0},
    {"ttl", read_text, DDS_OPTION_TTL, 0, 0},
    {"index", read_index, 0, 0, 0},
    {"consistent_read", read_consistency, 0, 0, 0},
    {"commit", read_commit, 0, 0, 0},
    {"concurrency", read_count, PLACE(concurrency), 1, 256},
    {"total_segments", read_count, PLACE(total_segments), 1, 1e6},
    {"capacity_limit", read_units, PLACE(capacity_limit), 0.5, 1e9},
    {"create", read_flag, PLACE(create), 0, 0},
    {"read_capacity", read_capacity, PLACE(read_capacity), 1, 1e9},
    {"write_capacity", read_capacity, PLACE(write_capacity), 1, 1e9},
    {"request_timeout", read_seconds, PLACE(request_timeout_ms), 0.1, 3600},
    {"connect_timeout", read_seconds, PLACE(connect_timeout_ms), 0.1, 3600},
    {"max_attempts", read_count, PLACE(max_attempts), 1, 100},
    {"read_only", read_flag, PLACE(read_only), 0, 0},
};
enum { OPTION_COUNT = sizeof option_rows / sizeof option_rows[0] };

/* Number of one-letter edits between two words, bounded by their lengths; case does not count. */
static size_t edit_distance(const char *left, const char *right) {
  size_t row[NAME_BYTES];
  size_t columns = strlen(right);
  for (size_t j = 0; j <= columns; j++) {
    row[j] = j;
  }
  for (size_t i = 1; left[i - 1] != '\0'; i++) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= columns; j++) {
      size_t above = row[j];
      size_t changed = diagonal + (strncasecmp(&left[i - 1], &right[j - 1], 1) != 0);
      size_t inserted = (above < row[j - 1] ? above : row[j - 1]) + 1;
      row[j] = changed < inserted ? changed : inserted;
      diagonal = above;
    }
  }
  return row[columns];
}

static const option_row *nearest_option(const char *name) {
  const option_row *nearest = NULL;
  size_t best = MAX_EDIT_DISTANCE + 1;
  for (size_t i = 0; i < OPTION_COUNT; i++) {
    size_t distance = edit_distance(name, option_rows[i].name);
    if (distance < best) {
      best = distance;
      nearest = &option_rows[i];
    }
  }
  return nearest;
}

static const option_row *find_option(const char *name) {
  for (size_t i = 0; i < OPTION_COUNT; i++) {
    if (strcasecmp(option_rows[i].name, name) == 0) {
      return &option_rows[i];
    }
  }
  return NULL;
}

static bool looks_secret(const char *text) {
  static const char *const words[] = {"secret",    "password",   "passwd",
                                      "token",     "credential", "access_key",
                                      "accesskey", "access-key", "access key"};
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
    for (const char *at = text; *at != '\0'; at++) {
      if (strncasecmp(at, words[i], strlen(words[i])) == 0) {
        return true;
      }
    }
  }
  return false;
}

/* AWS: the id of a user's access key begins with AKIA, of a temporary one with ASIA. */
static bool has_access_key_id(const char *text) {
  enum { PREFIX = 4, REST = 16 };
  for (; *text != '\0'; text++) {
    if ((strncmp(text, "AKIA", PREFIX) == 0 || strncmp(text, "ASIA", PREFIX) == 0) &&
        strspn(text + PREFIX, CAPITALS DIGITS) >= REST) {
      return true;
    }
  }
  return false;
}

static bool may_hold_secret(const char *text) {
  return looks_secret(text) || has_access_key_id(text);
}

static bool refuse_option(const char *name, dds_error *error) {
  dds_buffer known = DDS_BUFFER_INIT(1024);
  for (size_t i = 0; i < OPTION_COUNT; i++) {
    dds_buffer_append_format(&known, "%s%s", i == 0 ? "" : " ", option_rows[i].name);
  }
  const option_row *nearest = nearest_option(name);
  dds_error_set(error, DDS_ERROR, "unknown option %s%s%s%s; the options are: %s", name,
                nearest ? " (did you mean " : "", nearest ? nearest->name : "", nearest ? "?)" : "",
                dds_buffer_text(&known));
  dds_buffer_free(&known);
  return false;
}

static bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f';
}

static span trim(span piece) {
  while (piece.length > 0 && is_space(piece.text[0])) {
    piece.text++;
    piece.length--;
  }
  while (piece.length > 0 && is_space(piece.text[piece.length - 1])) {
    piece.length--;
  }
  return piece;
}

/* DynamoDB's rule for the names of tables and indexes. */
static bool is_index_name(span name) {
  enum { SHORTEST = 3, LONGEST = 255 };
  for (size_t i = 0; i < name.length; i++) {
    char c = name.text[i];
    if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') && c != '_' &&
        c != '-' && c != '.') {
      return false;
    }
  }
  return name.length >= SHORTEST && name.length <= LONGEST;
}

/* Splits what stands before a character, which is looked for from the front, from what follows it.
 */
static bool split(span whole, char at, span *before, span *behind) {
  const char *found = memchr(whole.text, at, whole.length);
  if (found == NULL) {
    return false;
  }
  *before = trim((span){whole.text, (size_t)(found - whole.text)});
  *behind = trim((span){found + 1, whole.length - (size_t)(found - whole.text) - 1});
  return true;
}

static bool add_index(span name, span hash, span sort, dds_options *options, dds_error *error) {
  dds_index *grown =
      dds_realloc(options->indexes, (options->index_count + 1) * sizeof *options->indexes);
  if (grown == NULL) {
    return dds_error_set_nomem(error);
  }
  options->indexes = grown;
  dds_index *index = &options->indexes[options->index_count++];
  *index = (dds_index){
      .name = dds_alloc_copy(name.text, name.length),
      .attribute = dds_alloc_copy(hash.text, hash.length),
      .sort_key = sort.length > 0 ? dds_alloc_copy(sort.text, sort.length) : NULL,
  };
  return (index->name != NULL && index->attribute != NULL &&
          (index->sort_key != NULL || sort.length == 0)) ||
         dds_error_set_nomem(error);
}

/* `userId-index(userId)`, or with the index's sort key `userId-index(userId, seen)`. */
static bool read_index(const option_row *row, const char *value, dds_options *options,
                       dds_error *error) {
  span name = {0};
  span keys = {0};
  span behind = {0};
  span sort = {0};
  (void)row;
  bool ok = split(trim((span){value, strlen(value)}), '(', &name, &keys) &&
            split(keys, ')', &keys, &behind) && behind.length == 0;
  span hash = keys;
  bool has_sort_key = ok && split(keys, ',', &hash, &sort);
  if (!ok || hash.length == 0 || (has_sort_key && sort.length == 0)) {
    return dds_error_set(error, DDS_ERROR,
                         "option index is the name of the index and, in parentheses, the attribute "
                         "that is its hash key, index='userId-index(userId)', not '%s'",
                         value);
  }
  if (!is_index_name(name)) {
    return dds_error_set(error, DDS_ERROR,
                         "option index: DynamoDB's index names are 3 to 255 letters, digits and "
                         "_-., not '%.*s'",
                         (int)name.length, name.text);
  }
  return add_index(name, hash, sort, options, error);
}

/* The quote that closes what `open` opens in SQL, or 0 where it opens nothing. */
static char closing_quote(char open) {
  return (char)(open == '\'' || open == '"' || open == '`' ? open : open == '[' ? ']' : 0);
}

/* Length of a quoted token with its quotes, doubled ones inside counted; 0 where it is not closed.
 */
static size_t quoted_length(span piece) {
  char quote = closing_quote(piece.text[0]);
  for (size_t i = 1; i < piece.length; i++) {
    if (piece.text[i] != quote) {
      continue;
    }
    if (quote != ']' && i + 1 < piece.length && piece.text[i + 1] == quote) {
      i++;
      continue;
    }
    return i + 1;
  }
  return 0;
}

/* Copies a token, without its quotes where it has some, into `buffer`; false where a quote is open
 * or something follows it. */
static bool unquote(span token, dds_buffer *text) {
  if (token.length == 0 || closing_quote(token.text[0]) == 0) {
    dds_buffer_append(text, token.text, token.length);
    return true;
  }
  if (quoted_length(token) != token.length) {
    return false;
  }
  char quote = closing_quote(token.text[0]);
  for (size_t i = 1; i + 1 < token.length; i++) {
    dds_buffer_append_char(text, token.text[i]);
    if (token.text[i] == quote && quote != ']') {
      i++;
    }
  }
  return true;
}

/* Splits a name from what follows it; the name may be quoted. */
static bool split_name(span argument, span *name, span *rest) {
  size_t length = 0;
  if (argument.length > 0 && closing_quote(argument.text[0]) != 0) {
    length = quoted_length(argument);
  } else {
    while (length < argument.length && !is_space(argument.text[length]) &&
           argument.text[length] != '=') {
      length++;
    }
  }
  *name = (span){argument.text, length};
  *rest = trim((span){argument.text + length, argument.length - length});
  return length > 0;
}

#define RIGHT_FORM "as in dynamodb_sessions(table='sessions', userId TEXT)"

/* An option's, or what somebody takes for one whose value nobody is to see. */
static bool is_option_name(span name) {
  char word[NAME_BYTES];
  snprintf(word, sizeof word, "%.*s", (int)name.length, name.text);
  return find_option(word) != NULL || looks_secret(word);
}

static bool is_type(span name) {
  char word[NAME_BYTES];
  dds_affinity ignored;
  snprintf(word, sizeof word, "%.*s", (int)name.length, name.text);
  return dds_columns_type_find(word, &ignored);
}

/* Refuses a value, or a type, behind which another argument begins: an option, or a column with its
 * type. Its name is shown, and nothing of its value. True: there is none. */
static bool check_comma(span argument, dds_error *error) {
  span first = {0};
  span name = {0};
  span rest = {0};
  span type = {0};
  if (!split_name(argument, &first, &rest) || !split_name(rest, &name, &rest)) {
    return true;
  }
  bool is_option = rest.length > 0 && rest.text[0] == '=' && is_option_name(name);
  if (!is_option && !(split_name(rest, &type, &rest) && is_type(type))) {
    return true;
  }
  return dds_error_set(error, DDS_ERROR, "a comma is missing before %.*s: write " RIGHT_FORM,
                       (int)name.length, name.text);
}

static bool parse_option(const char *name, span raw_value, unsigned *seen, dds_options *options,
                         dds_error *error) {
  const option_row *row = find_option(name);
  dds_buffer value = DDS_BUFFER_INIT(4096);
  bool ok = false;
  if (row == NULL) {
    return refuse_option(name, error);
  }
  unsigned bit = 1u << (row - option_rows);
  if ((*seen & bit) && row->read != read_index) {
    return dds_error_set(error, DDS_ERROR, "option %s is given twice", row->name);
  }
  *seen |= bit;
  if (!check_comma(raw_value, error)) {
    goto done;
  }
  if (!unquote(raw_value, &value)) {
    dds_error_set(error, DDS_ERROR,
                  "the value of option %s has a quote that is not closed, or "
                  "something behind it",
                  row->name);
    goto done;
  }
  if (!dds_buffer_check(&value, error)) {
    goto done;
  }
  if (strlen(dds_buffer_text(&value)) != value.length ||
      !dds_utf8_is_valid(dds_buffer_text(&value), value.length)) {
    dds_error_set(error, DDS_ERROR, "the value of option %s is not valid UTF-8 text", row->name);
    goto done;
  }
  ok = row->read(row, dds_buffer_text(&value), options, error);
done:
  dds_buffer_free(&value);
  return ok;
}

static bool refuse_column(const char *name, const char *type, dds_error *error) {
  const option_row *row = find_option(name);
  dds_affinity ignored;
  if (row != NULL) {
    const char *value = row->read == read_flag                                     ? "1"
                        : type[0] == '\0' || dds_columns_type_find(type, &ignored) ? "…"
                                                                                   : type;
    return dds_error_set(error, DDS_ERROR, "%s is an option: write %s=%s", name, row->name, value);
  }
  if (type[0] == '\0') {
    return dds_error_set(error, DDS_ERROR,
                         "column %s needs a type: write \"%s TEXT\" (or INTEGER, REAL, NUMERIC, "
                         "BLOB); if it is the DynamoDB table's name, write table='%s'",
                         name, name, name);
  }
  return dds_error_set(error, DDS_ERROR,
                       "column %s: the type is TEXT, INTEGER, REAL, NUMERIC or BLOB and nothing "
                       "more, not '%s'",
                       name, type);
}

static bool add_extra(const char *name, dds_affinity affinity, dds_options *options,
                      dds_error *error) {
  dds_columns columns = {.extras = options->extras, .extra_count = options->extra_count};
  if (dds_columns_find(&columns, name, strlen(name)) >= 0) {
    return dds_error_set(error, DDS_ERROR, "there is a column %s already", name);
  }
  if (options->extra_count == MAX_EXTRA_COLUMNS) {
    return dds_error_set(error, DDS_ERROR, "more than %d extra columns", MAX_EXTRA_COLUMNS);
  }
  dds_extra_column *grown =
      dds_realloc(options->extras, (options->extra_count + 1) * sizeof *options->extras);
  if (grown == NULL) {
    return dds_error_set_nomem(error);
  }
  options->extras = grown;
  char *copy = dds_alloc_copy(name, strlen(name));
  if (copy == NULL) {
    return dds_error_set_nomem(error);
  }
  options->extras[options->extra_count++] = (dds_extra_column){.name = copy, .affinity = affinity};
  return true;
}

static bool parse_column(const char *name, span raw_type, dds_options *options, dds_error *error) {
  char type[NAME_BYTES];
  dds_affinity affinity = DDS_AFFINITY_TEXT;
  snprintf(type, sizeof type, "%.*s", (int)raw_type.length, raw_type.text);
  if (!check_comma(raw_type, error)) {
    return false;
  }
  if (find_option(name) != NULL || !dds_columns_type_find(type, &affinity)) {
    return refuse_column(name, type, error);
  }
  return add_extra(name, affinity, options, error);
}

static bool parse_argument(const char *argument, unsigned *seen, dds_options *options,
                           dds_error *error) {
  span name = {0};
  span rest = {0};
  dds_buffer plain_name = DDS_BUFFER_INIT(NAME_BYTES - 1);
  bool ok = false;
  bool is_split = split_name(trim((span){argument, strlen(argument)}), &name, &rest) &&
                  unquote(name, &plain_name);
  if (!dds_buffer_check(&plain_name, error)) {
    goto done;
  }
  if (!is_split || plain_name.length == 0) {
    dds_error_set(error, DDS_ERROR,
                  "an argument is an option, name=value, or a column, name TYPE, " RIGHT_FORM);
    goto done;
  }
  if (!dds_utf8_is_valid(dds_buffer_text(&plain_name), plain_name.length)) {
    dds_error_set(error, DDS_ERROR, "an argument is not valid UTF-8 text");
    goto done;
  }
  if (rest.length > 0 && rest.text[0] == '=') {
    ok = parse_option(dds_buffer_text(&plain_name), trim((span){rest.text + 1, rest.length - 1}),
                      seen, options, error);
  } else {
    ok = parse_column(dds_buffer_text(&plain_name), rest, options, error);
  }
done:
  dds_buffer_free(&plain_name);
  return ok;
}

#define NO_SECRETS                                                                          \
  "SQLite stores these arguments in the database file, so no secret belongs here; use the " \
  "environment or profile="
#define NOT_SHOWN  "not shown since it may hold a secret: " NO_SECRETS
#define UNREADABLE "is wrong, perhaps for want of a comma, and " NOT_SHOWN

/*
 * Errors land in logs. So the error of an argument that looks as if it held a secret, whatever the
 * error quotes, makes way for one that shows the argument's first word at most, and that only where
 * it is an option or the secret's name. A name alone, or with a type, has nothing to hide.
 */
static void hide_secret(const char *argument, int place, dds_error *error) {
  enum { LONGEST_SHOWN = 32 }; /* a secret access key, which may be stuck to its name, has 40 */
  if (error->code != DDS_ERROR || !may_hold_secret(argument)) {
    return;
  }
  span whole = trim((span){argument, strlen(argument)});
  char quote = closing_quote(whole.text[0]);
  const char *word = whole.text + (quote != 0);
  size_t length = strspn(word, NAME_CHARACTERS);
  const char *behind = word + length + (quote != 0 && word[length] == quote);
  span rest = trim((span){behind, strlen(behind)});
  char name[LONGEST_SHOWN + 1] = "";
  if (length <= LONGEST_SHOWN) {
    memcpy(name, word, length);
  }
  bool is_alone = name[0] != '\0' && (rest.length == 0 || is_type(rest));
  if (is_alone && !has_access_key_id(name)) {
    return;
  }
  dds_error_clear(error);
  const option_row *row = find_option(name);
  if (looks_secret(name)) {
    dds_error_set(error, DDS_ERROR, "there is no option %s: " NO_SECRETS, name);
  } else if (row != NULL) {
    dds_error_set(error, DDS_ERROR, "option %s " UNREADABLE, row->name);
  } else {
    dds_error_set(error, DDS_ERROR, "argument %d " UNREADABLE, place);
  }
}

/* The same for the names in arguments that are right each by itself. Of a message that is cut, the
 * word that tells may be gone. */
static void hide_secret_name(dds_error *error) {
  enum { UTF8_BYTES = 4 }; /* of a character that is cut away whole */
  bool is_cut = strlen(error->message) + UTF8_BYTES >= sizeof error->message;
  if (error->code == DDS_ERROR && (is_cut || may_hold_secret(error->message))) {
    dds_error_clear(error);
    dds_error_set(error, DDS_ERROR,
                  "an attribute that is named twice, or is an index's hash key without a column, "
                  "is " NOT_SHOWN);
  }
}

/* Puts the overrides over the layout that was named, in whatever order they came. */
static void apply_overrides(dds_options *options) {
  dds_layout *layout = &options->layout;
  const struct {
    dds_text_option option;
    const char **field;
  } overrides[] = {
      {DDS_OPTION_HASH_KEY, &layout->hash_key}, {DDS_OPTION_PREFIX, &layout->prefix},
      {DDS_OPTION_SUFFIX, &layout->suffix},     {DDS_OPTION_DATA, &layout->data},
      {DDS_OPTION_EXPIRES, &layout->expires},   {DDS_OPTION_TTL, &layout->ttl},
  };
  bool ttl_is_expires = strcmp(layout->ttl, layout->expires) == 0;
  for (size_t i = 0; i < sizeof overrides / sizeof overrides[0]; i++) {
    if (options->text[overrides[i].option] != NULL) {
      *overrides[i].field = options->text[overrides[i].option];
    }
  }
  if (ttl_is_expires && options->text[DDS_OPTION_TTL] == NULL) {
    layout->ttl = layout->expires;
  }
}

static bool check_names(const dds_options *options, dds_error *error) {
  const dds_layout *layout = &options->layout;
  const char *used[] = {layout->hash_key, layout->data, layout->expires, layout->ttl};
  static const char *const roles[] = {"hash_key", "data", "expires", "ttl"};
  enum { ROLES = sizeof roles / sizeof roles[0], EXPIRES = 2, TTL = 3 };
  for (size_t i = 0; i < ROLES; i++) {
    if (used[i][0] == '\0') {
      return dds_error_set(error, DDS_ERROR, "option %s is empty", roles[i]);
    }
    for (size_t j = 0; j < i; j++) {
      bool may_be_same = j == EXPIRES && i == TTL && layout->unit == DDS_SECONDS;
      if (strcmp(used[i], used[j]) == 0 && !may_be_same) {
        return dds_error_set(error, DDS_ERROR, "%s and %s are the same attribute, %s", roles[j],
                             roles[i], used[i]);
      }
    }
    for (size_t j = 0; j < options->extra_count; j++) {
      if (strcmp(used[i], options->extras[j].name) == 0) {
        return dds_error_set(error, DDS_ERROR,
                             "column %s is the layout's %s attribute, which has a column already",
                             used[i], roles[i]);
      }
    }
  }
  return dds_options_table(options)[0] != '\0' ||
         dds_error_set(error, DDS_ERROR, "option table is empty");
}

/* The hash key of an index has a column, whose name is spelt as the attribute is. */
static bool check_indexes(const dds_options *options, dds_error *error) {
  for (size_t i = 0; i < options->index_count; i++) {
    const dds_index *index = &options->indexes[i];
    bool has_column = false;
    for (size_t j = 0; j < options->extra_count; j++) {
      has_column |= strcmp(options->extras[j].name, index->attribute) == 0;
    }
    if (!has_column) {
      return dds_error_set(error, DDS_ERROR,
                           "option index: \"%s\" has the hash key %s, which has no column: add "
                           "\"%s TEXT\"",
                           index->name, index->attribute, index->attribute);
    }
    for (size_t j = 0; j < i; j++) {
      if (strcmp(options->indexes[j].name, index->name) == 0) {
        return dds_error_set(error, DDS_ERROR, "option index: \"%s\" is given twice", index->name);
      }
    }
  }
  return true;
}

bool dds_options_parse(int count, const char *const *arguments, dds_options *options,
                       dds_error *error) {
  unsigned seen = 0;
  *options = (dds_options){.layout = *dds_layout_at(0)};
  for (int i = 0; i < count; i++) {
    span whole = trim((span){arguments[i], strlen(arguments[i])});
    /* `USING dynamodb_sessions()` hands over one empty argument. */
    if (whole.length == 0 && count == 1) {
      break;
    }
    if (!parse_argument(arguments[i], &seen, options, error)) {
      hide_secret(arguments[i], i + 1, error);
      return false;
    }
  }
  apply_overrides(options);
  if (!check_names(options, error) || !check_indexes(options, error)) {
    hide_secret_name(error);
    return false;
  }
  return true;
}

bool dds_options_check_capacity(const dds_options *options, dds_error *error) {
  bool has_read = options->read_capacity > 0;
  bool has_write = options->write_capacity > 0;
  return has_read == has_write ||
         dds_error_set(error, DDS_ERROR,
                       "option %s needs %s: give both read_capacity and write_capacity, or neither "
                       "for a table that is billed on demand",
                       has_read ? "read_capacity" : "write_capacity",
                       has_read ? "write_capacity" : "read_capacity");
}

const char *dds_options_table(const dds_options *options) {
  const char *table = options->text[DDS_OPTION_TABLE];
  return table != NULL ? table : DDS_DEFAULT_TABLE;
}

size_t dds_options_concurrency(const dds_options *options) {
  return options->concurrency > 0 ? (size_t)options->concurrency : DDS_DEFAULT_CONCURRENCY;
}

dds_client_options dds_options_client(const dds_options *options) {
  return (dds_client_options){
      .region = options->text[DDS_OPTION_REGION],
      .endpoint_url = options->text[DDS_OPTION_ENDPOINT_URL],
      .profile = options->text[DDS_OPTION_PROFILE],
      .max_attempts = options->max_attempts,
      .connect_timeout_ms = options->connect_timeout_ms,
      .request_timeout_ms = options->request_timeout_ms,
  };
}

void dds_options_free(dds_options *options) {
  for (size_t i = 0; i < DDS_OPTION_TEXT_COUNT; i++) {
    dds_free(options->text[i]);
  }
  for (size_t i = 0; i < options->extra_count; i++) {
    dds_free(options->extras[i].name);
  }
  for (size_t i = 0; i < options->index_count; i++) {
    dds_free(options->indexes[i].name);
    dds_free(options->indexes[i].attribute);
    dds_free(options->indexes[i].sort_key);
  }
  dds_free(options->indexes);
  dds_free(options->extras);
  *options = (dds_options){0};
}
