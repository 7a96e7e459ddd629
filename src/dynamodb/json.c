/*
 * The JSON reader: one strict pass over untrusted text (dds_json_parse), and cheap walks over spans
 * that passed it, which need no bounds beyond their own brackets.
 *
 * Most of a page of sessions is the inside of long strings, so both scan those eight bytes at a
 * time. Nesting is kept in a bit for each level in place of recursion: hostile depth costs nothing.
 */
#include "dynamodb/json.h"

#include <stdint.h>
#include <string.h>

#include "base/utf8.h"
#include "dynamodb/json_lookup.h"
#include "dynamodb/number.h"

/* Scanning eight bytes at a time. */
#define EACH_BYTE(byte) (UINT64_C(0x0101010101010101) * (byte))
#define HIGH_BITS       EACH_BYTE(0x80)

/*
 * Sets the high bit of each byte of `word` that is zero (Warren, "Hacker's Delight", 6-1). A borrow
 * may set bits above such a byte too, never below: the lowest bit set is right.
 */
static uint64_t zero_bytes(uint64_t word) {
  return (word - EACH_BYTE(1)) & ~word & HIGH_BITS;
}

/* Marks quotes and backslashes. */
static uint64_t find_delimiters(uint64_t word) {
  return zero_bytes(word ^ EACH_BYTE('"')) | zero_bytes(word ^ EACH_BYTE('\\'));
}

/* Marks quotes, backslashes, controls and what is beyond ASCII. */
static uint64_t find_specials(uint64_t word) {
  uint64_t controls = (word - EACH_BYTE(0x20)) & ~word;
  return find_delimiters(word) | ((controls | word) & HIGH_BITS);
}

/* Eight bytes, the first of them lowest on every machine. */
static uint64_t load(const char *bytes) {
  uint64_t word;
  memcpy(&word, bytes, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
  word = __builtin_bswap64(word);
#endif
  return word;
}

/* How many bytes stand before the lowest mark. */
static size_t bytes_before(uint64_t marks) {
  return (size_t)__builtin_ctzll(marks) / 8;
}

typedef struct reader {
  const char *next;
  const char *end;
} reader;

static int peek(const reader *in) {
  return in->next < in->end ? (unsigned char)*in->next : -1;
}

static bool take(reader *in, char wanted) {
  if (in->next == in->end || *in->next != wanted) {
    return false;
  }
  in->next++;
  return true;
}

static bool is_space(int byte) {
  return byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t';
}

static void skip_space(reader *in) {
  while (in->next < in->end && is_space((unsigned char)*in->next)) {
    in->next++;
  }
}

static int hex_digit(char digit) {
  if (digit >= '0' && digit <= '9') {
    return digit - '0';
  }
  if (digit >= 'a' && digit <= 'f') {
    return digit - 'a' + 10;
  }
  if (digit >= 'A' && digit <= 'F') {
    return digit - 'A' + 10;
  }
  return -1;
}

/* What may stand behind a backslash. */
static const bool is_escape[256] = {
    ['"'] = true, ['\\'] = true, ['/'] = true, ['b'] = true, ['f'] = true,
    ['n'] = true, ['r'] = true,  ['t'] = true, ['u'] = true};

/* Reads behind a backslash. */
static bool check_escape(reader *in) {
  int kind = peek(in);
  if (kind < 0 || !is_escape[kind]) {
    return false;
  }
  in->next++;
  for (int i = 0; kind == 'u' && i < 4; i++) {
    if (in->next == in->end || hex_digit(*in->next) < 0) {
      return false;
    }
    in->next++;
  }
  return true;
}

/* A run of bytes beyond ASCII holds whole sequences, since no part of one is ASCII. */
static bool check_beyond_ascii(reader *in) {
  const char *run_end = in->next;
  while (run_end < in->end && (unsigned char)*run_end >= 0x80) {
    run_end++;
  }
  in->next += dds_utf8_valid_prefix(in->next, (size_t)(run_end - in->next));
  return in->next == run_end;
}

static bool check_string(reader *in) {
  if (!take(in, '"')) {
    return false;
  }
  for (;;) {
    uint64_t marks = 0;
    while (in->end - in->next >= 8 && (marks = find_specials(load(in->next))) == 0) {
      in->next += 8;
    }
    if (marks != 0) {
      in->next += bytes_before(marks);
    }
    int byte = peek(in);
    if (byte < 0x20) {
      return false; /* the end, or a control */
    }
    if (byte >= 0x80) {
      if (!check_beyond_ascii(in)) {
        return false;
      }
      continue;
    }
    in->next++;
    if (byte == '"') {
      return true;
    }
    if (byte == '\\' && !check_escape(in)) {
      return false;
    }
  }
}

static bool check_digits(reader *in) {
  const char *start = in->next;
  while (in->next < in->end && *in->next >= '0' && *in->next <= '9') {
    in->next++;
  }
  return in->next > start;
}

static bool check_number(reader *in) {
  (void)take(in, '-');
  if (!take(in, '0') && !check_digits(in)) {
    return false;
  }
  if (take(in, '.') && !check_digits(in)) {
    return false;
  }
  if (!take(in, 'e') && !take(in, 'E')) {
    return true;
  }
  if (!take(in, '+')) {
    (void)take(in, '-');
  }
  return check_digits(in);
}

static bool check_literal(reader *in, const char *literal) {
  for (; *literal != '\0'; literal++) {
    if (!take(in, *literal)) {
      return false;
    }
  }
  return true;
}

static bool check_scalar(reader *in) {
  switch (peek(in)) {
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

static bool check_name(reader *in) {
  skip_space(in);
  if (!check_string(in)) {
    return false;
  }
  skip_space(in);
  return take(in, ':');
}

/* The brackets that are open, a bit a level: set for an object. */
typedef struct nesting {
  unsigned char is_object[DDS_JSON_MAX_DEPTH / 8];
  size_t depth;
} nesting;

static bool in_object(const nesting *open) {
  size_t level = open->depth - 1;
  return (open->is_object[level / 8] >> (level % 8) & 1) != 0;
}

static bool enter(nesting *open, bool is_object) {
  if (open->depth == DDS_JSON_MAX_DEPTH) {
    return false;
  }
  size_t level = open->depth++;
  unsigned char bit = (unsigned char)(1U << (level % 8));
  open->is_object[level / 8] &= (unsigned char)~bit;
  if (is_object) {
    open->is_object[level / 8] |= bit;
  }
  return true;
}

/* Reads what follows a value: closing brackets, and the comma and name before the next one. False
 * where that is wrong; the document is whole when no bracket is open any more. */
static bool check_behind_value(reader *in, nesting *open) {
  while (open->depth > 0) {
    skip_space(in);
    if (take(in, ',')) {
      return !in_object(open) || check_name(in);
    }
    if (!take(in, in_object(open) ? '}' : ']')) {
      return false;
    }
    open->depth--;
  }
  return true;
}

/* Reads an opening bracket; `*is_empty` where its closing one follows, which is read too. */
static bool check_opening(reader *in, nesting *open, bool *is_empty) {
  bool is_object = *in->next == '{';
  if (!enter(open, is_object)) {
    return false;
  }
  in->next++;
  skip_space(in);
  *is_empty = take(in, is_object ? '}' : ']');
  if (*is_empty) {
    open->depth--;
    return true;
  }
  return !is_object || check_name(in);
}

static bool check_document(reader *in) {
  nesting open = {.depth = 0};
  do {
    skip_space(in);
    int byte = peek(in);
    if (byte == '{' || byte == '[') {
      bool is_empty;
      if (!check_opening(in, &open, &is_empty)) {
        return false;
      }
      if (!is_empty) {
        continue;
      }
    } else if (!check_scalar(in)) {
      return false;
    }
    if (!check_behind_value(in, &open)) {
      return false;
    }
  } while (open.depth > 0);
  return true;
}

bool dds_json_parse(const char *text, size_t length, dds_json *value, size_t *where) {
  *value = (dds_json){0};
  if (text == NULL) {
    text = "";
  }
  reader in = {.next = text, .end = text + length};
  skip_space(&in);
  const char *start = in.next;
  bool is_valid = check_document(&in);
  const char *end = in.next;
  if (is_valid) {
    skip_space(&in);
    is_valid = in.next == in.end;
  }
  if (where != NULL) {
    *where = (size_t)(in.next - text);
  }
  if (is_valid) {
    *value = (dds_json){.text = start, .length = (size_t)(end - start)};
  }
  return is_valid;
}

dds_json_type dds_json_type_of(dds_json value) {
  switch (value.text[0]) {
  case 'n':
    return DDS_JSON_NULL;
  case 'f':
    return DDS_JSON_FALSE;
  case 't':
    return DDS_JSON_TRUE;
  case '"':
    return DDS_JSON_STRING;
  case '[':
    return DDS_JSON_ARRAY;
  case '{':
    return DDS_JSON_OBJECT;
  default:
    return DDS_JSON_NUMBER;
  }
}

/* `next` stands on an opening quote; returns what is behind the closing one. */
static const char *behind_string(const char *next, const char *end) {
  next++;
  for (;;) {
    uint64_t marks = 0;
    while (end - next >= 8 && (marks = find_delimiters(load(next))) == 0) {
      next += 8;
    }
    if (marks != 0) {
      next += bytes_before(marks);
    }
    while (*next != '"' && *next != '\\') {
      next++;
    }
    if (*next == '"') {
      return next + 1;
    }
    next += 2; /* whatever is escaped, it is no closing quote */
  }
}

static const char *behind_container(const char *next, const char *end) {
  size_t depth = 0;
  for (;;) {
    switch (*next) {
    case '"':
      next = behind_string(next, end);
      continue;
    case '{':
    case '[':
      depth++;
      break;
    case '}':
    case ']':
      if (--depth == 0) {
        return next + 1;
      }
      break;
    default:
      break;
    }
    next++;
  }
}

static bool ends_scalar(char byte) {
  return byte == ',' || byte == '}' || byte == ']' || is_space((unsigned char)byte);
}

static const char *behind_value(const char *next, const char *end) {
  if (*next == '"') {
    return behind_string(next, end);
  }
  if (*next == '{' || *next == '[') {
    return behind_container(next, end);
  }
  while (next < end && !ends_scalar(*next)) {
    next++;
  }
  return next;
}

static const char *behind_space(const char *next, const char *end) {
  while (next < end && is_space((unsigned char)*next)) {
    next++;
  }
  return next;
}

dds_json_iterator dds_json_iterate(dds_json container) {
  dds_json_iterator iterator = {0};
  if (container.text == NULL) {
    return iterator;
  }
  char bracket = container.text[0];
  if (bracket != '{' && bracket != '[') {
    return iterator;
  }
  iterator.next = container.text + 1;
  iterator.end = container.text + container.length - 1;
  iterator.is_object = bracket == '{';
  return iterator;
}

static dds_json span(const char *start, const char *end) {
  return (dds_json){.text = start, .length = (size_t)(end - start)};
}

bool dds_json_next(dds_json_iterator *iterator, dds_json *key, dds_json *value) {
  const char *end = iterator->end;
  const char *next = behind_space(iterator->next, end);
  if (next == end) {
    return false;
  }
  if (*next == ',') {
    next = behind_space(next + 1, end);
  }
  if (iterator->is_object) {
    const char *behind_key = behind_string(next, end);
    if (key != NULL) {
      *key = span(next, behind_key);
    }
    next = behind_space(behind_key, end);
    next = behind_space(next + 1, end); /* the colon */
  }
  iterator->next = behind_value(next, end);
  *value = span(next, iterator->next);
  return true;
}

bool dds_json_find(dds_json object, const char *name, size_t name_length, dds_json *value) {
  dds_json_iterator members = dds_json_iterate(object);
  dds_json key;
  dds_json candidate;
  bool is_found = false;
  while (members.is_object && dds_json_next(&members, &key, &candidate)) {
    if (!dds_json_string_equals(key, name, name_length)) {
      continue;
    }
    *value = candidate;
    is_found = true;
  }
  return is_found;
}

bool dds_json_find_path(dds_json root, const char *const *path, size_t count, dds_json *value) {
  *value = root;
  for (size_t i = 0; i < count; i++) {
    if (!dds_json_find(*value, path[i], strlen(path[i]), value)) {
      return false;
    }
  }
  return root.text != NULL;
}

bool dds_json_string_is_plain(dds_json string, const char **bytes, size_t *length) {
  const char *inside = string.text + 1;
  size_t inside_length = string.length - 2;
  if (memchr(inside, '\\', inside_length) != NULL) {
    return false;
  }
  *bytes = inside;
  *length = inside_length;
  return true;
}

static uint32_t hex_unit(const char *digits) {
  uint32_t unit = 0;
  for (int i = 0; i < 4; i++) {
    unit = unit << 4 | (uint32_t)hex_digit(digits[i]);
  }
  return unit;
}

static bool is_low_surrogate(uint32_t unit) {
  return unit >= 0xDC00 && unit <= 0xDFFF;
}

/*
 * The code point that an escape stands for; `*next` stands on its backslash and moves behind it.
 * An escaped pair of surrogates is one code point; a lone one is returned as it is.
 */
static uint32_t read_escape(const char **next, const char *end) {
  static const char meanings[256] = {['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
                                     ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t'};
  unsigned char kind = (unsigned char)(*next)[1];
  *next += 2;
  if (kind != 'u') {
    return (unsigned char)meanings[kind];
  }
  uint32_t unit = hex_unit(*next);
  *next += 4;
  bool is_high = unit >= 0xD800 && unit <= 0xDBFF;
  if (!is_high || end - *next < 6 || (*next)[0] != '\\' || (*next)[1] != 'u') {
    return unit;
  }
  uint32_t low = hex_unit(*next + 2);
  if (!is_low_surrogate(low)) {
    return unit;
  }
  *next += 6;
  return 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
}

static bool is_surrogate(uint32_t code_point) {
  return code_point >= 0xD800 && code_point <= 0xDFFF;
}

/*
 * Decodes into `bytes` until the string ends, fewer than eight bytes of room are left, or a lone
 * surrogate is met; returns how many it wrote. `*next` moves behind what was read.
 */
static size_t decode_some(const char **next, const char *end, char *bytes, size_t room,
                          bool *is_lone) {
  size_t used = 0;
  while (*next < end && room - used >= 8) {
    uint64_t word = end - *next >= 8 ? load(*next) : EACH_BYTE('\\');
    uint64_t escapes = zero_bytes(word ^ EACH_BYTE('\\'));
    size_t plain = escapes == 0 ? 8 : bytes_before(escapes);
    memcpy(bytes + used, *next, plain);
    used += plain;
    *next += plain;
    if (escapes == 0) {
      continue;
    }
    if (**next != '\\') { /* the last bytes, one by one */
      bytes[used++] = *(*next)++;
      continue;
    }
    if (room - used < 4) {
      break;
    }
    uint32_t code_point = read_escape(next, end);
    *is_lone = is_surrogate(code_point);
    if (*is_lone) {
      break;
    }
    if (code_point < 0x80) {
      bytes[used++] = (char)code_point;
    } else {
      used += dds_utf8_encode(code_point, bytes + used);
    }
  }
  return used;
}

bool dds_json_string_append(dds_json string, dds_buffer *bytes) {
  const char *next = string.text + 1;
  const char *end = string.text + string.length - 1;
  const char *plain;
  size_t length;
  bool is_lone = false;
  if (dds_json_string_is_plain(string, &plain, &length)) {
    dds_buffer_append(bytes, plain, length);
    return true;
  }
  while (next < end && !is_lone) {
    char decoded[1024];
    size_t used = decode_some(&next, end, decoded, sizeof decoded, &is_lone);
    dds_buffer_append(bytes, decoded, used);
  }
  return !is_lone;
}

dds_json_bytes dds_json_string_bytes(dds_json string) {
  return (dds_json_bytes){.next = string.text + 1, .end = string.text + string.length - 1};
}

int dds_json_bytes_next(dds_json_bytes *bytes) {
  if (bytes->pending_count > 0) {
    unsigned char byte = bytes->pending[0];
    memmove(bytes->pending, bytes->pending + 1, sizeof bytes->pending - 1);
    bytes->pending_count--;
    return byte;
  }
  if (bytes->next == bytes->end) {
    return -1;
  }
  if (*bytes->next != '\\') {
    return (unsigned char)*bytes->next++;
  }
  char encoded[4];
  size_t length = dds_utf8_encode(read_escape(&bytes->next, bytes->end), encoded);
  memcpy(bytes->pending, encoded + 1, sizeof bytes->pending);
  bytes->pending_count = (unsigned char)(length - 1);
  return (unsigned char)encoded[0];
}

bool dds_json_string_is_text(dds_json string) {
  const char *plain;
  size_t length;
  if (dds_json_string_is_plain(string, &plain, &length)) {
    return true;
  }
  /* A surrogate's three bytes start with 0xED and 0xA0 or more, which no valid UTF-8 has. */
  dds_json_bytes bytes = dds_json_string_bytes(string);
  int previous = 0;
  for (int byte = dds_json_bytes_next(&bytes); byte >= 0; byte = dds_json_bytes_next(&bytes)) {
    if (previous == 0xED && byte >= 0xA0) {
      return false;
    }
    previous = byte;
  }
  return true;
}

int dds_json_string_compare(dds_json left, dds_json right) {
  dds_json_bytes left_bytes = dds_json_string_bytes(left);
  dds_json_bytes right_bytes = dds_json_string_bytes(right);
  for (;;) {
    int left_byte = dds_json_bytes_next(&left_bytes);
    int right_byte = dds_json_bytes_next(&right_bytes);
    if (left_byte != right_byte) {
      return left_byte < right_byte ? -1 : 1;
    }
    if (left_byte < 0) {
      return 0;
    }
  }
}

size_t dds_json_string_length(dds_json string) {
  const char *plain;
  size_t length;
  if (dds_json_string_is_plain(string, &plain, &length)) {
    return length;
  }
  dds_json_bytes bytes = dds_json_string_bytes(string);
  for (length = 0; dds_json_bytes_next(&bytes) >= 0; length++)
    ;
  return length;
}

bool dds_json_string_equals(dds_json string, const char *bytes, size_t length) {
  const char *plain;
  size_t plain_length;
  if (dds_json_string_is_plain(string, &plain, &plain_length)) {
    return plain_length == length && (length == 0 || memcmp(plain, bytes, length) == 0);
  }
  dds_json_bytes decoded = dds_json_string_bytes(string);
  for (size_t i = 0; i < length; i++) {
    if (dds_json_bytes_next(&decoded) != (unsigned char)bytes[i]) {
      return false;
    }
  }
  return dds_json_bytes_next(&decoded) < 0;
}

static bool arrays_equal(dds_json left, dds_json right) {
  dds_json_iterator left_elements = dds_json_iterate(left);
  dds_json_iterator right_elements = dds_json_iterate(right);
  dds_json left_element = {0};
  dds_json right_element = {0};
  while (dds_json_next(&left_elements, NULL, &left_element)) {
    if (!dds_json_next(&right_elements, NULL, &right_element) ||
        !dds_json_equal(left_element, right_element)) {
      return false;
    }
  }
  return !dds_json_next(&right_elements, NULL, &right_element);
}

/* Whether every member of `left`, of duplicates the last, is in `right`; values are compared only
 * where that is asked for, so that a deep document is walked once. */
static bool members_within(dds_json left_object, const dds_json_lookup *left,
                           const dds_json_lookup *right, bool compares_values) {
  dds_json_iterator members = dds_json_iterate(left_object);
  dds_json key = {0};
  dds_json value;
  while (dds_json_next(&members, &key, &value)) {
    dds_json last;
    dds_json other;
    if (!dds_json_lookup_find(right, key, &other)) {
      return false;
    }
    if (!compares_values) {
      continue;
    }
    bool is_last = dds_json_lookup_find(left, key, &last) && last.text == value.text;
    if (is_last && !dds_json_equal(value, other)) {
      return false;
    }
  }
  return true;
}

static bool objects_equal(dds_json left, dds_json right) {
  dds_json_lookup left_members = dds_json_lookup_members(left);
  dds_json_lookup right_members = dds_json_lookup_members(right);
  bool is_equal = members_within(right, &right_members, &left_members, false) &&
                  members_within(left, &left_members, &right_members, true);
  dds_json_lookup_free(&left_members);
  dds_json_lookup_free(&right_members);
  return is_equal;
}

bool dds_json_equal(dds_json left, dds_json right) {
  dds_json_type type = dds_json_type_of(left);
  if (type != dds_json_type_of(right)) {
    return false;
  }
  if (left.length == right.length && memcmp(left.text, right.text, left.length) == 0) {
    return true;
  }
  switch (type) {
  case DDS_JSON_NUMBER:
    return dds_number_compare(left.text, left.length, right.text, right.length) == 0;
  case DDS_JSON_STRING:
    return dds_json_string_compare(left, right) == 0;
  case DDS_JSON_ARRAY:
    return arrays_equal(left, right);
  case DDS_JSON_OBJECT:
    return objects_equal(left, right);
  default:
    return true;
  }
}
