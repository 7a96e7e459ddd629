/*
 * The reader of pages beside cJSON, on generated pages and changed copies of them.
 *
 *   [DDS_SEED=n] [DDS_RUNS=n] test_page_cjson       the seed is printed before the first run
 *
 * cJSON is laxer than RFC 8259, so a checker of this file's own, plain and byte by byte, decides
 * what is well-formed. It tells, too, why a text is not; where cJSON accepts such a text, the
 * reason must be one of those known of it, and where it refuses a well-formed one as well.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include <cjson/cJSON.h>

#include "base/splitmix.h"
#include "dynamodb/page.h"

#ifdef __SANITIZE_ADDRESS__
enum { DEFAULT_RUNS = 20000 };
#else
enum { DEFAULT_RUNS = 200000 };
#endif
enum { TEXT_BYTES = 1 << 16, CJSON_NUMBER_BYTES = 63, CJSON_DEPTH = 1000 };

/* ---- what is well-formed: RFC 8259 and RFC 3629, by recursion ---------------------------------
 */

typedef enum reason {
  WELL_FORMED,
  NOT_A_PAGE, /* grammar that cJSON keeps to as well */
  SPACE,      /* a control where space may stand */
  CONTROL,    /* in a string */
  NO_UTF8,
  HEX,    /* digits of \u */
  NUMBER, /* spelt otherwise */
  MARK,   /* U+FEFF in front */
} reason;

typedef struct checker {
  const unsigned char *next;
  const unsigned char *end;
  reason reason;
  int depth;
  int deepest;
  bool has_lone;        /* a surrogate that is not of a pair: cJSON refuses it */
  bool has_nul;         /* \u0000: cJSON ends the string there */
  bool has_long_number; /* cJSON refuses it */
} checker;

static bool refuse(checker *in, reason why) {
  in->reason = why;
  return false;
}

static int peek(const checker *in) {
  return in->next < in->end ? *in->next : -1;
}

static void skip_space(checker *in) {
  while (peek(in) == ' ' || peek(in) == '\t' || peek(in) == '\n' || peek(in) == '\r') {
    in->next++;
  }
}

/* What stands where a token was wanted. */
static bool refuse_token(checker *in) {
  return refuse(in, peek(in) >= 0 && peek(in) < 0x20 ? SPACE : NOT_A_PAGE);
}

static bool take(checker *in, int wanted) {
  if (peek(in) != wanted) {
    return refuse_token(in);
  }
  in->next++;
  return true;
}

static int hex_value(int digit) {
  return digit >= '0' && digit <= '9'   ? digit - '0'
         : digit >= 'a' && digit <= 'f' ? digit - 'a' + 10
         : digit >= 'A' && digit <= 'F' ? digit - 'A' + 10
                                        : -1;
}

static bool check_unicode(checker *in, int *high) {
  int unit = 0;
  for (int i = 0; i < 4; i++, in->next++) {
    if (hex_value(peek(in)) < 0) {
      return refuse(in, HEX);
    }
    unit = unit * 16 + hex_value(peek(in));
  }
  bool is_low = unit >= 0xDC00 && unit <= 0xDFFF;
  in->has_lone = in->has_lone || (*high != 0 && !is_low) || (*high == 0 && is_low);
  in->has_nul = in->has_nul || unit == 0;
  *high = unit >= 0xD800 && unit <= 0xDBFF ? unit : 0;
  return true;
}

static bool check_sequence(checker *in) {
  static const struct {
    unsigned char lead[2];
    unsigned char second[2];
    int more;
  } rows[] = {
      {{0xC2, 0xDF}, {0x80, 0xBF}, 0}, {{0xE0, 0xE0}, {0xA0, 0xBF}, 1},
      {{0xE1, 0xEC}, {0x80, 0xBF}, 1}, {{0xED, 0xED}, {0x80, 0x9F}, 1},
      {{0xEE, 0xEF}, {0x80, 0xBF}, 1}, {{0xF0, 0xF0}, {0x90, 0xBF}, 2},
      {{0xF1, 0xF3}, {0x80, 0xBF}, 2}, {{0xF4, 0xF4}, {0x80, 0x8F}, 2},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    if (in->next[0] < rows[i].lead[0] || in->next[0] > rows[i].lead[1]) {
      continue;
    }
    in->next++;
    if (peek(in) < rows[i].second[0] || peek(in) > rows[i].second[1]) {
      return refuse(in, NO_UTF8);
    }
    in->next++;
    for (int more = 0; more < rows[i].more; more++, in->next++) {
      if (peek(in) < 0x80 || peek(in) > 0xBF) {
        return refuse(in, NO_UTF8);
      }
    }
    return true;
  }
  return refuse(in, NO_UTF8);
}

static bool check_string(checker *in) {
  int high = 0;
  if (!take(in, '"')) {
    return false;
  }
  for (;;) {
    int byte = peek(in);
    bool is_pair = byte == '\\' && in->end - in->next > 1 && in->next[1] == 'u';
    if (high != 0 && !is_pair) {
      in->has_lone = true;
      high = 0;
    }
    if (byte < 0x20) {
      return refuse(in, byte < 0 ? NOT_A_PAGE : CONTROL);
    }
    if (byte >= 0x80) {
      if (!check_sequence(in)) {
        return false;
      }
      continue;
    }
    in->next++;
    if (byte == '"') {
      return true;
    }
    if (byte != '\\') {
      continue;
    }
    int kind = peek(in);
    if (kind <= 0 || strchr("\"\\/bfnrtu", kind) == NULL) {
      return refuse(in, NOT_A_PAGE);
    }
    in->next++;
    if (kind == 'u' && !check_unicode(in, &high)) {
      return false;
    }
  }
}

static bool check_digits(checker *in) {
  const unsigned char *start = in->next;
  while (peek(in) >= '0' && peek(in) <= '9') {
    in->next++;
  }
  return in->next > start || refuse(in, NUMBER);
}

static bool check_number(checker *in) {
  const unsigned char *start = in->next;
  in->next += peek(in) == '-';
  if (peek(in) == '0') {
    in->next++;
  } else if (!check_digits(in)) {
    return in->next > start ? false : refuse_token(in);
  }
  if (peek(in) == '.') {
    in->next++;
    if (!check_digits(in)) {
      return false;
    }
  }
  if (peek(in) == 'e' || peek(in) == 'E') {
    in->next++;
    in->next += peek(in) == '-' || peek(in) == '+';
    if (!check_digits(in)) {
      return false;
    }
  }
  in->has_long_number = in->has_long_number || in->next - start > CJSON_NUMBER_BYTES;
  return (peek(in) >= 0 && strchr("0123456789.+-eE", peek(in)) != NULL) ? refuse(in, NUMBER) : true;
}

static bool check_literal(checker *in, const char *literal) {
  for (; *literal != '\0'; literal++) {
    if (!take(in, *literal)) {
      return refuse(in, NOT_A_PAGE);
    }
  }
  return true;
}

static bool check_value(checker *in);

static bool check_name(checker *in) {
  skip_space(in);
  if (!check_string(in)) {
    return false;
  }
  skip_space(in);
  return take(in, ':');
}

static bool check_container(checker *in, int closing) {
  in->next++;
  in->deepest = ++in->depth > in->deepest ? in->depth : in->deepest;
  skip_space(in);
  bool goes_on = peek(in) != closing;
  while (goes_on) {
    if ((closing == '}' && !check_name(in)) || !check_value(in)) {
      return false;
    }
    skip_space(in);
    goes_on = peek(in) == ',';
    in->next += goes_on;
  }
  in->depth--;
  return take(in, closing);
}

static bool check_value(checker *in) {
  skip_space(in);
  switch (peek(in)) {
  case '{':
    return check_container(in, '}');
  case '[':
    return check_container(in, ']');
  case '"':
    return check_string(in);
  case 't':
    return check_literal(in, "true");
  case 'f':
    return check_literal(in, "false");
  case 'n':
    return check_literal(in, "null");
  default:
    return check_number(in);
  }
}

static checker check_text(const char *text, size_t length) {
  checker in = {.next = (const unsigned char *)text, .end = (const unsigned char *)text + length};
  if (length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
    in.reason = MARK;
  } else if (check_value(&in)) {
    skip_space(&in);
    if (in.next != in.end) {
      refuse_token(&in);
    }
  }
  if (in.reason == WELL_FORMED && in.deepest > DDS_JSON_MAX_DEPTH) {
    in.reason = NOT_A_PAGE;
  }
  return in;
}

/* ---- generating -------------------------------------------------------------------------------
 */

static uint64_t random_state;

static size_t below(size_t limit) {
  return (size_t)(dds_splitmix_next(&random_state) % limit);
}

static bool one_in(size_t chances) {
  return below(chances) == 0;
}

#define PICK(table) ((table)[below(sizeof(table) / sizeof((table)[0]))])

static void put(dds_buffer *text, const char *bytes) {
  dds_buffer_append_text(text, bytes);
}

static void put_space(dds_buffer *text) {
  static const char *const spaces[] = {" ", "\n", "\t", "\r\n", "   "};
  if (one_in(24)) {
    put(text, PICK(spaces));
  }
}

/* What a hostile session is made of, and what lies across the reader's blocks. */
static void put_string(dds_buffer *text) {
  static const char *const pieces[] = {"]",
                                       "}",
                                       "],",
                                       "]}",
                                       "}]",
                                       "}],",
                                       ":",
                                       ",",
                                       "{",
                                       "[",
                                       "\\\"",
                                       "\\\\",
                                       "\\\\\\\"",
                                       "\\/",
                                       "\\n\\t",
                                       "\\b\\f\\r",
                                       "\\u005d",
                                       "\\u0022",
                                       "\\u00e9",
                                       "\\ud83c\\udf6a",
                                       "\\uFFFF",
                                       "\xc3\xa9",
                                       "\xe2\x82\xac",
                                       "\xf0\x9f\x8d\xaa",
                                       "a",
                                       "cookie",
                                       "Items",
                                       "LastEvaluatedKey",
                                       "0123456789abcde",
                                       "\\\"path\\\":\\\"/\\\"",
                                       "\x7f",
                                       " "};
  static const char *const rare[] = {"\\u0000", "\\ud800", "\\udf6a", "\\ud83cx", "\\ud83c\\ud83c"};
  dds_buffer_append_char(text, '"');
  for (size_t count = one_in(3) ? 0 : below(12); count > 0; count--) {
    const char *piece = one_in(400) ? PICK(rare) : PICK(pieces);
    for (size_t times = one_in(10) ? 1 + below(70) : 1; times > 0; times--) {
      put(text, piece);
    }
  }
  dds_buffer_append_char(text, '"');
}

static void put_name(dds_buffer *text) {
  static const char *const names[] = {
      "\"id\"",       "\"S\"",  "\"a\"",      "\"\\u0061\"",
      "\"expires\"",  "\"\"",   "\"a\\\\b\"", "\"LastEvaluatedKey\"",
      "\"\xc3\xa9\"", "\"ab\"", "\"Items\""};
  if (one_in(12)) {
    put_string(text);
  } else {
    put(text, PICK(names));
  }
}

static void put_plain(dds_buffer *text, int level) {
  static const char *const scalars[] = {"true", "false", "null", "0",  "-1",  "1.5",
                                        "1e5",  "{}",    "[[]]", "[]", "123", "-0.25E-3"};
  if (level > 3 || !one_in(3)) {
    if (one_in(2)) {
      put_string(text);
    } else {
      put(text, PICK(scalars));
    }
    return;
  }
  bool is_object = one_in(2);
  dds_buffer_append_char(text, is_object ? '{' : '[');
  for (size_t i = 0, count = below(4); i < count; i++) {
    put(text, i > 0 ? "," : "");
    put_space(text);
    if (is_object) {
      put_name(text);
      put(text, ":");
    }
    put_plain(text, level + 1);
  }
  dds_buffer_append_char(text, is_object ? '}' : ']');
}

static void put_typed(dds_buffer *text, int level) {
  static const char *const fixed[] = {"{\"N\":\"1790000000\"}",
                                      "{\"N\":\"-1.5E3\"}",
                                      "{\"BOOL\":true}",
                                      "{\"BOOL\":false}",
                                      "{\"NULL\":true}",
                                      "{\"B\":\"YWJj\"}",
                                      "{\"SS\":[\"a\",\"]\"]}",
                                      "{\"NS\":[\"1\"]}",
                                      "{ \"S\" : \"x\" }",
                                      "{\"\\u0053\":\"x\"}",
                                      "{}",
                                      "{\"S\":1}",
                                      "{\"S\":\"x\",\"N\":\"1\"}",
                                      "{\"X\":\"x\"}",
                                      "{\"L\":[]}",
                                      "{\"M\":{}}"};
  switch (below(8)) {
  case 0:
    put_plain(text, level);
    break;
  case 1:
  case 2:
    put(text, PICK(fixed));
    break;
  case 3:
    put(text, "{\"M\":{");
    put_name(text);
    put(text, ":");
    put_typed(text, level + 1);
    put(text, "}}");
    break;
  case 4:
    put(text, "{\"L\":[");
    put_typed(text, level + 1);
    put(text, "]}");
    break;
  default:
    put(text, "{\"S\":");
    put_string(text);
    put(text, "}");
  }
}

static void put_item(dds_buffer *text) {
  if (one_in(200)) {
    put_plain(text, 0);
    return;
  }
  put(text, "{");
  for (size_t i = 0, count = below(5); i < count; i++) {
    put(text, i > 0 ? "," : "");
    put_space(text);
    put_name(text);
    put_space(text);
    put(text, ":");
    put_space(text);
    put_typed(text, 0);
  }
  put(text, "}");
}

static void put_items(dds_buffer *text) {
  put(text, "\"Items\":[");
  for (size_t i = 0, count = below(4); i < count; i++) {
    put(text, i > 0 ? "," : "");
    put_space(text);
    put_item(text);
    put_space(text);
  }
  put(text, "]");
}

static void put_member(dds_buffer *text) {
  static const char *const fixed[] = {"\"Count\":3", "\"ScannedCount\":7",
                                      "\"ConsumedCapacity\":{\"CapacityUnits\":0.5}"};
  if (one_in(2)) {
    put(text, PICK(fixed));
  } else if (one_in(12)) {
    put_name(text);
    put(text, ":");
    put_plain(text, 0);
  } else {
    put(text, "\"LastEvaluatedKey\":");
    put_item(text);
  }
}

static void generate(dds_buffer *text) {
  size_t count = one_in(100) ? below(20) : below(5);
  size_t place = one_in(50) ? count : below(count + 1);
  dds_buffer_clear(text);
  put(text, "{");
  for (size_t i = 0; i <= count; i++) {
    put(text, i > 0 ? "," : "");
    put_space(text);
    if (i == place || one_in(200)) {
      put_items(text);
    } else {
      put_member(text);
    }
    put_space(text);
  }
  put(text, "}");
  put_space(text);
}

/* Changes a byte, takes some away, or doubles some. */
static void change(dds_buffer *text) {
  static const char telling[] = "\"\"\"\\\\{}[]]],::,0.-eu \t\n\0\x01\x1f\x80\xc3\xa9\xed\xff";
  if (text->length == 0) {
    return;
  }
  size_t at = below(text->length);
  size_t length = 1 + below(8);
  length = length < text->length - at ? length : text->length - at;
  switch (below(5)) {
  case 0:
    text->data[at] = PICK(telling);
    break;
  case 1:
    text->data[at] ^= (char)(1 << below(8));
    break;
  case 2:
    memmove(text->data + at, text->data + at + length, text->length - at - length);
    text->length -= length;
    break;
  case 3: {
    char stretch[8];
    memcpy(stretch, text->data + at, length);
    dds_buffer_append(text, stretch, length);
    size_t to = below(text->length - length + 1);
    memmove(text->data + to + length, text->data + to, text->length - length - to);
    memcpy(text->data + to, stretch, length);
    break;
  }
  default:
    text->length = one_in(4) ? at : text->length - (text->length > 3 ? below(4) : 0);
  }
}

/* What is looked at, for the message of a failure. */
static const char *current_text;
static size_t current_length;

#define HOLDS(condition)                                            \
  do {                                                              \
    if (!(condition)) {                                             \
      fprintf(stderr, "%.*s\n", (int)current_length, current_text); \
      fail_msg("does not hold: %s", #condition);                    \
    }                                                               \
  } while (0)

/* ---- comparing --------------------------------------------------------------------------------
 */

/* Texts that are the same, up to a U+0000 where cJSON has lost what is behind it. */
static bool same_string(dds_json string, const char *expected, bool has_nul) {
  dds_buffer bytes = DDS_BUFFER_INIT(TEXT_BYTES);
  bool is_same = dds_json_string_append(string, &bytes);
  size_t length = strlen(expected);
  const char *text = dds_buffer_text(&bytes);
  is_same = is_same && (has_nul ? strlen(text) == length : bytes.length == length) &&
            memcmp(text, expected, length) == 0;
  dds_buffer_free(&bytes);
  return is_same;
}

static bool same_value(dds_json value, const cJSON *expected, bool has_nul) {
  dds_json_type type = dds_json_type_of(value);
  dds_json_iterator iterator = dds_json_iterate(value);
  dds_json name;
  dds_json member;
  const cJSON *child = expected->child;
  switch (type) {
  case DDS_JSON_NULL:
    return cJSON_IsNull(expected);
  case DDS_JSON_TRUE:
    return cJSON_IsTrue(expected);
  case DDS_JSON_FALSE:
    return cJSON_IsFalse(expected);
  case DDS_JSON_NUMBER:
    return cJSON_IsNumber(expected);
  case DDS_JSON_STRING:
    return cJSON_IsString(expected) && same_string(value, expected->valuestring, has_nul);
  default:
    break;
  }
  if (type == DDS_JSON_OBJECT ? !cJSON_IsObject(expected) : !cJSON_IsArray(expected)) {
    return false;
  }
  for (; dds_json_next(&iterator, &name, &member); child = child->next) {
    if (child == NULL || !same_value(member, child, has_nul) ||
        (type == DDS_JSON_OBJECT && !same_string(name, child->string, has_nul))) {
      return false;
    }
  }
  return child == NULL;
}

/* Whether a tree is of the form {"TYPE": content}. */
static bool is_typed(const cJSON *tree, dds_type *type) {
  const cJSON *content = cJSON_IsObject(tree) ? tree->child : NULL;
  if (content == NULL || content->next != NULL) {
    return false;
  }
  for (int i = DDS_TYPE_STRING; i <= DDS_TYPE_BINARY_SET; i++) {
    *type = (dds_type)i;
    if (strcmp(content->string, dds_type_name(*type)) != 0) {
      continue;
    }
    return *type <= DDS_TYPE_BINARY ? cJSON_IsString(content)
           : *type <= DDS_TYPE_NULL ? cJSON_IsBool(content)
           : *type == DDS_TYPE_MAP  ? cJSON_IsObject(content)
                                    : cJSON_IsArray(content);
  }
  return false;
}

static void check_item(const dds_item *item, const cJSON *tree, bool has_nul) {
  size_t count = 0;
  HOLDS(same_value(item->json, tree, has_nul));
  for (const cJSON *child = tree->child; child != NULL; child = child->next, count++) {
    const dds_attribute *attribute = &item->attributes[count];
    dds_type type;
    HOLDS(count < item->attribute_count);
    HOLDS(same_string(attribute->name, child->string, has_nul));
    HOLDS(same_value(attribute->value.typed, child, has_nul));
    if (!has_nul) {
      dds_value found;
      const cJSON *first = cJSON_GetObjectItemCaseSensitive(tree, child->string);
      bool exists = is_typed(first, &type);
      HOLDS(dds_item_find(item, child->string, strlen(child->string), &found) == exists);
      if (exists) {
        HOLDS(found.type == type);
        HOLDS(same_value(found.content, first->child, false));
      }
    }
  }
  HOLDS(count == item->attribute_count);
}

/* What a tree has that leads to a refusal. */
typedef struct shape {
  const cJSON *items; /* the first that is an array */
  size_t members;     /* but Items */
  bool has_two;
  bool has_array_behind;
  bool has_other_item;
} shape;

static shape shape_of(const cJSON *tree) {
  shape found = {0};
  for (const cJSON *child = tree->child; child != NULL; child = child->next) {
    bool is_items = strcmp(child->string, "Items") == 0;
    if (found.items == NULL && is_items && cJSON_IsArray(child)) {
      found.items = child;
      continue;
    }
    found.members++;
    found.has_two = found.has_two || is_items;
    found.has_array_behind =
        found.has_array_behind || (found.items != NULL && cJSON_IsArray(child));
  }
  found.has_two = found.has_two && found.items != NULL;
  const cJSON *item = found.items != NULL ? found.items->child : NULL;
  for (; item != NULL; item = item->next) {
    found.has_other_item = found.has_other_item || !cJSON_IsObject(item);
  }
  return found;
}

static void check_members(const dds_page *page, const cJSON *tree, const shape *found,
                          bool has_nul) {
  size_t count = 0;
  for (const cJSON *child = tree->child; child != NULL; child = child->next) {
    dds_json value;
    if (child == found->items) {
      continue;
    }
    HOLDS(same_value(page->members[count].value, child, has_nul));
    HOLDS(same_string(page->members[count++].name, child->string, has_nul));
    if (!has_nul) {
      const cJSON *first = cJSON_GetObjectItemCaseSensitive(tree, child->string);
      HOLDS(dds_page_find(page, child->string, &value));
      HOLDS(same_value(value, first, false));
    }
  }
  HOLDS(count == page->member_count);
}

/* A guess is well-formed whatever the answer, and right where the answer is a page. */
static void check_peek(const char *text, size_t length, const dds_page *page) {
  static const char *const names[] = {"LastEvaluatedKey", "Count", "a"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    dds_json guess;
    dds_json value;
    bool is_guessed = dds_page_peek(text, length, names[i], &guess);
    if (is_guessed) {
      HOLDS(guess.text > text && guess.text + guess.length <= text + length);
      HOLDS(check_text(guess.text, guess.length).reason == WELL_FORMED);
    }
    if (page != NULL && is_guessed) {
      HOLDS(dds_page_find(page, names[i], &value));
      HOLDS(value.text == guess.text);
      HOLDS(value.length == guess.length);
    }
  }
}

/* Reads a page beside its tree, which may be NULL: then each item has to be well-formed alone. */
static bool read_page(const char *text, size_t length, const cJSON *tree, const shape *found,
                      bool has_nul, dds_error *error) {
  dds_page page;
  dds_item item;
  const cJSON *expected = found->items != NULL ? found->items->child : NULL;
  bool ok = dds_page_open(text, length, &page, error);
  while (ok && (ok = dds_page_next(&page, &item, error)) && item.json.text != NULL) {
    HOLDS(item.json.text > text && item.json.text + item.json.length < text + length);
    HOLDS(check_text(item.json.text, item.json.length).reason == WELL_FORMED);
    if (tree != NULL) {
      HOLDS(expected != NULL);
      check_item(&item, expected, has_nul);
      expected = expected->next;
    }
  }
  check_peek(text, length, ok ? &page : NULL);
  if (ok && tree != NULL) {
    HOLDS(expected == NULL);
    HOLDS(page.has_items == (found->items != NULL));
    check_members(&page, tree, found, has_nul);
  }
  dds_page_close(&page);
  return ok;
}

typedef struct tally {
  uint64_t accepted;
  uint64_t refused_pages; /* well-formed, and no page of DynamoDB's */
  uint64_t refused_texts;
  uint64_t lax; /* which cJSON accepted */
} tally;

static void check_page(const char *text, size_t length, tally *counts) {
  dds_error error = DDS_ERROR_INIT;
  shape none = {0};
  current_text = text;
  current_length = length;
  checker strict = check_text(text, length);
  const char *end = NULL;
  cJSON *tree = cJSON_ParseWithLengthOpts(text, length, &end, false);
  bool is_whole = tree != NULL;
  for (; is_whole && end < text + length; end++) {
    is_whole = (unsigned char)*end <= ' ';
  }
  if (strict.reason != WELL_FORMED) {
    HOLDS(!read_page(text, length, NULL, &none, false, &error));
    HOLDS(!is_whole || strict.reason != NOT_A_PAGE);
    counts->refused_texts++;
    counts->lax += is_whole;
  } else if (strict.has_lone || strict.has_long_number) {
    HOLDS(!is_whole);
    (void)read_page(text, length, NULL, &none, false, &error);
  } else {
    shape found = cJSON_IsObject(tree) ? shape_of(tree) : none;
    HOLDS(is_whole);
    bool is_page = cJSON_IsObject(tree) && found.members <= DDS_PAGE_MAX_MEMBERS &&
                   !found.has_two && !found.has_other_item;
    bool is_read = read_page(text, length, is_page ? tree : NULL, &found, strict.has_nul, &error);
    HOLDS(is_read ? is_page || strict.has_nul : !is_page || found.has_array_behind);
    HOLDS(is_read || !cJSON_IsObject(tree) || strstr(error.message, "JSON") == NULL);
    counts->accepted += is_read;
    counts->refused_pages += !is_read;
  }
  cJSON_Delete(tree);
}

static uint64_t number_of(const char *variable, uint64_t otherwise) {
  const char *text = getenv(variable);
  return text == NULL ? otherwise : strtoull(text, NULL, 10);
}

static void agrees_with_cjson(void **state) {
  (void)state;
  uint64_t seed = number_of("DDS_SEED", (uint64_t)time(NULL));
  uint64_t runs = number_of("DDS_RUNS", DEFAULT_RUNS);
  dds_buffer text = DDS_BUFFER_INIT(TEXT_BYTES);
  tally counts = {0};
  random_state = seed;
  printf("# DDS_SEED=%llu, %llu pages\n", (unsigned long long)seed, (unsigned long long)runs);
  fflush(stdout);
  for (uint64_t i = 0; i < runs; i++) {
    generate(&text);
    assert_int_equal(text.failed, DDS_OK);
    for (size_t changes = one_in(3) ? 0 : 1 + below(3); changes > 0; changes--) {
      change(&text);
    }
    /* An exact copy, so that AddressSanitizer sees a read behind the end. */
    char *copy = malloc(text.length + (text.length == 0));
    assert_non_null(copy);
    memcpy(copy, dds_buffer_text(&text), text.length);
    check_page(copy, text.length, &counts);
    free(copy);
  }
  printf("# %llu read, %llu refused, %llu no JSON, of which cJSON took %llu\n",
         (unsigned long long)counts.accepted, (unsigned long long)counts.refused_pages,
         (unsigned long long)counts.refused_texts, (unsigned long long)counts.lax);
  assert_true(counts.accepted > runs / 4 && counts.refused_texts > runs / 4);
  dds_buffer_free(&text);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(agrees_with_cjson)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
