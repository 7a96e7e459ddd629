/*
 * The JSON reader: one strict pass over untrusted text (json_reader.h), and cheap walks over spans
 * that passed it, which need no bounds beyond their own brackets. Both read strings in blocks.
 */
#include "dynamodb/json.h"

#include <stdint.h>
#include <string.h>

#include "base/json_block.h"
#include "base/text.h"
#include "base/utf8.h"
#include "dynamodb/json_lookup.h"
#include "dynamodb/json_reader.h"
#include "dynamodb/number.h"

bool dds_json_parse(const char *text, size_t length, dds_json *value, size_t *where) {
  *value = (dds_json){0};
  if (text == NULL) {
    text = "";
  }
  dds_json_reader in = {.next = text, .end = text + length};
  bool is_valid = dds_json_reader_value(&in, value);
  if (is_valid) {
    dds_json_reader_skip_space(&in);
    is_valid = in.next == in.end;
  }
  if (where != NULL) {
    *where = (size_t)(in.next - text);
  }
  if (!is_valid) {
    *value = (dds_json){0};
  }
  return is_valid;
}

/* Reads the members behind the opening bracket, and the closing one. */
static bool read_members(dds_json_reader *in, const char *name, dds_json *member) {
  size_t name_length = strlen(name);
  dds_json key, value;
  dds_json_reader_skip_space(in);
  bool is_whole = dds_json_reader_take(in, '}');
  while (!is_whole) {
    if (!dds_json_reader_name(in, &key) || !dds_json_reader_value(in, &value)) {
      return false;
    }
    if (dds_json_string_equals(key, name, name_length)) {
      *member = value;
    }
    dds_json_reader_skip_space(in);
    is_whole = dds_json_reader_take(in, '}');
    if (!is_whole && !dds_json_reader_take(in, ',')) {
      return false;
    }
  }
  return true;
}

bool dds_json_parse_object(const char *text, size_t length, const char *name, dds_json *object,
                           dds_json *member) {
  if (text == NULL) {
    text = "";
  }
  dds_json_reader in = {.next = text, .end = text + length};
  *object = *member = (dds_json){0};
  dds_json_reader_skip_space(&in);
  const char *start = in.next;
  in.depth++;
  bool is_valid = dds_json_reader_take(&in, '{') && read_members(&in, name, member);
  const char *end = in.next;
  dds_json_reader_skip_space(&in);
  if (!is_valid || in.next != in.end) {
    *member = (dds_json){0};
    return false;
  }
  *object = (dds_json){.text = start, .length = (size_t)(end - start)};
  return true;
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

/* `next` stands behind an opening quote; returns what is behind the closing one, which a text that
 * was checked has before `end`. */
static DDS_INLINE const char *behind_blocks_by(const char *next, const char *end, bool is_wide) {
  uint64_t is_first_escaped = 0;
  for (;; next += DDS_JSON_BLOCK_BYTES) {
    size_t left = (size_t)(end - next);
    dds_json_block block =
        is_wide ? dds_json_block_read_wide(next, left) : dds_json_block_read_some(next, left);
    uint64_t escapes = dds_json_block_escapes(block.backslashes, is_first_escaped);
    uint64_t closing = block.quotes & ~(escapes << 1 | is_first_escaped);
    if (closing != 0) {
      return next + __builtin_ctzll(closing) + 1;
    }
    is_first_escaped = escapes >> (DDS_JSON_BLOCK_BYTES - 1);
  }
}

DDS_JSON_WIDE static const char *behind_blocks_wide(const char *next, const char *end) {
  return behind_blocks_by(next, end, true);
}

/* Apart, since most strings are short. */
DDS_NOINLINE static const char *behind_blocks(const char *next, const char *end) {
  return dds_json_is_wide() ? behind_blocks_wide(next, end) : behind_blocks_by(next, end, false);
}

/* `next` stands on an opening quote. */
static const char *behind_string(const char *next, const char *end) {
  const char *behind = dds_json_behind_short(next + 1, end);
  return behind != NULL ? behind : behind_blocks(next + 1, end);
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
  return byte == ',' || byte == '}' || byte == ']' || dds_json_is_space(byte);
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
  while (next < end && dds_json_is_space(*next)) {
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
    unit = unit << 4 | (uint32_t)dds_text_hex_value(digits[i]);
  }
  return unit;
}

/* What stands behind a backslash and is not a u. */
static const char escape_meanings[256] = {['"'] = '"',  ['\\'] = '\\', ['/'] = '/',  ['b'] = '\b',
                                          ['f'] = '\f', ['n'] = '\n',  ['r'] = '\r', ['t'] = '\t'};

/*
 * The code point that an escape stands for; `*next` stands on its backslash and moves behind it.
 * An escaped pair of surrogates is one code point; a lone one is returned as it is.
 */
static uint32_t read_escape(const char **next, const char *end) {
  unsigned char kind = (unsigned char)(*next)[1];
  *next += 2;
  if (kind != 'u') {
    return (unsigned char)escape_meanings[kind];
  }
  uint32_t unit = hex_unit(*next);
  *next += 4;
  if (!dds_utf16_is_high(unit) || end - *next < 6 || (*next)[0] != '\\' || (*next)[1] != 'u') {
    return unit;
  }
  uint32_t low = hex_unit(*next + 2);
  if (!dds_utf16_is_low(low)) {
    return unit;
  }
  *next += 6;
  return dds_utf16_join(unit, low);
}

static bool is_surrogate(uint32_t code_point) {
  return dds_utf16_is_high(code_point) || dds_utf16_is_low(code_point);
}

/* Decodes the inside of a string to at most as many bytes as it has; false at a lone surrogate.
 * Escaped quotes and backslashes stand for their second byte, all others are looked at. */
static DDS_INLINE bool decode_by(const char *next, const char *end, char *out, size_t *length,
                                 bool is_wide) {
  const char *start = out;
  uint64_t is_first_escaped = 0;
  bool is_text = true;
  while (next < end && is_text) {
    size_t left = (size_t)(end - next);
    dds_json_block block =
        is_wide ? dds_json_block_read_wide(next, left) : dds_json_block_read_some(next, left);
    uint64_t escapes = dds_json_block_escapes(block.backslashes, is_first_escaped);
    uint64_t telling = (escapes << 1 | is_first_escaped) & ~(block.quotes | block.backslashes);
    size_t taken = left < DDS_JSON_BLOCK_BYTES ? left : DDS_JSON_BLOCK_BYTES;
    const char *behind = next + taken;
    is_first_escaped = escapes >> (DDS_JSON_BLOCK_BYTES - 1);
    if (telling != 0) {
      int second = __builtin_ctzll(telling);
      behind = next + second - 1; /* in the block before, where this one's first byte is escaped */
      taken = second == 0 ? 0 : (size_t)second - 1;
      escapes &= (UINT64_C(1) << taken) - 1;
      is_first_escaped = 0;
    }
    out += is_wide ? dds_json_block_squeeze_wide(next, taken, escapes, out)
                   : dds_json_block_squeeze_some(next, left, taken, escapes, out);
    next = behind;
    if (telling != 0) {
      uint32_t code_point = read_escape(&next, end);
      is_text = !is_surrogate(code_point);
      out += is_text ? dds_utf8_encode(code_point, out) : 0;
    }
  }
  *length = (size_t)(out - start);
  return is_text;
}

DDS_JSON_WIDE static bool decode_wide(const char *next, const char *end, char *out,
                                      size_t *length) {
  return decode_by(next, end, out, length, true);
}

static bool decode(const char *next, const char *end, char *out, size_t *length) {
  return dds_json_is_wide() ? decode_wide(next, end, out, length)
                            : decode_by(next, end, out, length, false);
}

bool dds_json_string_append(dds_json string, dds_buffer *bytes) {
  const char *plain;
  size_t length;
  if (dds_json_string_is_plain(string, &plain, &length)) {
    dds_buffer_append(bytes, plain, length);
    return true;
  }
  char *out = dds_buffer_reserve(bytes, string.length - 2);
  if (out == NULL) {
    return true; /* which shows in the buffer */
  }
  bool is_text = decode(string.text + 1, string.text + string.length - 1, out, &length);
  dds_buffer_extend(bytes, is_text ? length : 0);
  return is_text;
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

/* An escape makes a string longer than what it stands for, so that most lengths tell. */
bool dds_json_string_equals(dds_json string, const char *bytes, size_t length) {
  size_t inside_length = string.length - 2;
  if (inside_length < length) {
    return false;
  }
  if (inside_length == length) {
    return length == 0 ||
           (memcmp(string.text + 1, bytes, length) == 0 && memchr(bytes, '\\', length) == NULL);
  }
  if (memchr(string.text + 1, '\\', inside_length) == NULL) {
    return false;
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
