/*
 * The strict reader of JSON (RFC 8259). Most of a page of sessions is the inside of long strings
 * full of escaped quotes, so strings are read in blocks whose masks tell all that matters at once.
 * Nesting is kept in a bit for each level in place of recursion: hostile depth costs nothing.
 */
#include "dynamodb/json_reader.h"

#include <string.h>

#include "base/json_block.h"
#include "base/text.h"
#include "base/utf8.h"

/* What may stand behind a backslash. */
static const bool is_escape[256] = {
    ['"'] = true, ['\\'] = true, ['/'] = true, ['b'] = true, ['f'] = true,
    ['n'] = true, ['r'] = true,  ['t'] = true, ['u'] = true};

/* Reads behind a backslash. */
static bool check_escape(dds_json_reader *in) {
  int kind = dds_json_reader_peek(in);
  if (kind < 0 || !is_escape[kind]) {
    return false;
  }
  in->next++;
  for (int i = 0; kind == 'u' && i < 4; i++) {
    if (in->next == in->end || dds_text_hex_value(*in->next) < 0) {
      return false;
    }
    in->next++;
  }
  return true;
}

/* Checks the escapes of the block at `next` whose second bytes are marked. */
DDS_NOINLINE static bool check_escapes(dds_json_reader *in, uint64_t marks) {
  for (; marks != 0; marks &= marks - 1) {
    dds_json_reader at = {.next = in->next + __builtin_ctzll(marks), .end = in->end};
    if (!check_escape(&at)) {
      in->next = at.next;
      return false;
    }
  }
  return true;
}

/* A run of bytes beyond ASCII holds whole sequences, since no part of one is ASCII. */
static bool check_beyond_ascii(dds_json_reader *in) {
  const char *run_end = in->next;
  while (run_end < in->end && (unsigned char)*run_end >= 0x80) {
    run_end++;
  }
  in->next += dds_utf8_valid_prefix(in->next, (size_t)(run_end - in->next));
  return in->next == run_end;
}

static DDS_INLINE bool check_blocks_by(dds_json_reader *in, bool *is_plain, bool is_wide) {
  uint64_t all_escapes = 0;
  uint64_t is_first_escaped = 0;
  for (;;) {
    size_t left = (size_t)(in->end - in->next);
    dds_json_block block = is_wide ? dds_json_block_read_wide(in->next, left)
                                   : dds_json_block_read_some(in->next, left);
    uint64_t escapes = dds_json_block_escapes(block.backslashes, is_first_escaped);
    uint64_t escaped = escapes << 1 | is_first_escaped;
    uint64_t stops = (block.quotes & ~escaped) | block.specials;
    uint64_t up_to_stop = stops ^ (stops - 1); /* all, where nothing stops it */
    uint64_t telling = escaped & ~(block.quotes | block.backslashes) & up_to_stop;
    all_escapes |= escapes & up_to_stop;
    if (telling != 0 && !check_escapes(in, telling)) {
      return false;
    }
    if (stops == 0) {
      in->next += DDS_JSON_BLOCK_BYTES;
      is_first_escaped = escapes >> (DDS_JSON_BLOCK_BYTES - 1);
      continue;
    }
    in->next += __builtin_ctzll(stops);
    is_first_escaped = 0;
    if (dds_json_reader_take(in, '"')) {
      *is_plain = all_escapes == 0;
      return true;
    }
    if (dds_json_reader_peek(in) < 0x80 || !check_beyond_ascii(in)) {
      return false; /* the end, a control, or no UTF-8 */
    }
  }
}

DDS_JSON_WIDE static bool check_blocks_wide(dds_json_reader *in, bool *is_plain) {
  return check_blocks_by(in, is_plain, true);
}

/* Reads behind the opening quote. Apart, since most strings are short and need no such frame. */
DDS_NOINLINE static bool check_blocks(dds_json_reader *in, bool *is_plain) {
  return dds_json_is_wide() ? check_blocks_wide(in, is_plain)
                            : check_blocks_by(in, is_plain, false);
}

/* What is behind a short string without escapes; NULL where there is another, or no string. */
static inline const char *behind_short(const char *at, const char *end) {
  return at < end && *at == '"' ? dds_json_behind_short(at + 1, end) : NULL;
}

bool dds_json_reader_string(dds_json_reader *in, bool *is_plain) {
  const char *behind = behind_short(in->next, in->end);
  *is_plain = true;
  if (behind != NULL) {
    in->next = behind;
    return true;
  }
  return dds_json_reader_take(in, '"') && check_blocks(in, is_plain);
}

/* The same where nobody asks whether it is plain, without a call for one that is short. */
static inline bool check_string(dds_json_reader *in) {
  bool is_plain;
  const char *behind = behind_short(in->next, in->end);
  if (behind != NULL) {
    in->next = behind;
    return true;
  }
  return dds_json_reader_string(in, &is_plain);
}

static bool check_digits(dds_json_reader *in) {
  const char *start = in->next;
  while (in->next < in->end && *in->next >= '0' && *in->next <= '9') {
    in->next++;
  }
  return in->next > start;
}

static bool check_number(dds_json_reader *in) {
  (void)dds_json_reader_take(in, '-');
  if (!dds_json_reader_take(in, '0') && !check_digits(in)) {
    return false;
  }
  if (dds_json_reader_take(in, '.') && !check_digits(in)) {
    return false;
  }
  if (!dds_json_reader_take(in, 'e') && !dds_json_reader_take(in, 'E')) {
    return true;
  }
  if (!dds_json_reader_take(in, '+')) {
    (void)dds_json_reader_take(in, '-');
  }
  return check_digits(in);
}

static bool check_literal(dds_json_reader *in, const char *literal) {
  for (; *literal != '\0'; literal++) {
    if (!dds_json_reader_take(in, *literal)) {
      return false;
    }
  }
  return true;
}

static bool check_scalar(dds_json_reader *in) {
  switch (dds_json_reader_peek(in)) {
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

bool dds_json_reader_name(dds_json_reader *in, dds_json *name) {
  dds_json_reader_skip_space(in);
  const char *start = in->next;
  if (!check_string(in)) {
    return false;
  }
  *name = (dds_json){.text = start, .length = (size_t)(in->next - start)};
  dds_json_reader_skip_space(in);
  return dds_json_reader_take(in, ':');
}

/* The brackets that the value has opened, a bit a level: set for an object. */
typedef struct nesting {
  unsigned char is_object[DDS_JSON_MAX_DEPTH / 8];
  size_t depth;
} nesting;

static bool in_object(const nesting *open) {
  size_t level = open->depth - 1;
  return (open->is_object[level / 8] >> (level % 8) & 1) != 0;
}

static bool enter(nesting *open, bool is_object, size_t depth_around) {
  if (open->depth + depth_around >= DDS_JSON_MAX_DEPTH) {
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

/* What is behind digits before a comma or a closing bracket; NULL where there is anything else. */
static inline const char *behind_whole(const char *at, const char *end) {
  const char *start = at;
  while (at < end && *at >= '0' && *at <= '9') {
    at++;
  }
  bool is_whole = at > start && (*start != '0' || at == start + 1);
  return is_whole && at < end && (*at == ',' || *at == '}' || *at == ']') ? at : NULL;
}

/*
 * What is behind a member, or an element, in the form that most have: a short name, a short text or
 * a whole number, no space. NULL where there is anything else, wrong or not, for the checks below.
 */
static inline const char *behind_common(const char *at, const char *end, bool is_object) {
  if (is_object) {
    at = behind_short(at, end);
    if (at == NULL || at == end || *at != ':') {
      return NULL;
    }
    at++;
  }
  const char *behind = behind_short(at, end);
  return behind != NULL ? behind : behind_whole(at, end);
}

/* Reads as many of these as follow a value. */
static void check_common(dds_json_reader *in, bool is_object) {
  const char *at = in->next;
  const char *behind = at;
  while (behind != NULL) {
    at = behind;
    behind = at < in->end && *at == ',' ? behind_common(at + 1, in->end, is_object) : NULL;
  }
  in->next = at;
}

/* Reads what follows a value: closing brackets, and the comma and name before the next one. False
 * where that is wrong; the document is whole when no bracket is open any more. */
static bool check_behind_value(dds_json_reader *in, nesting *open) {
  dds_json name;
  while (open->depth > 0) {
    check_common(in, in_object(open));
    dds_json_reader_skip_space(in);
    if (dds_json_reader_take(in, ',')) {
      return !in_object(open) || dds_json_reader_name(in, &name);
    }
    if (!dds_json_reader_take(in, in_object(open) ? '}' : ']')) {
      return false;
    }
    open->depth--;
  }
  return true;
}

/* Reads an opening bracket. Where its closing one follows, or a member that is read here, a value
 * is read: `*is_value`. */
static bool check_opening(dds_json_reader *in, nesting *open, bool *is_value) {
  bool is_object = *in->next == '{';
  dds_json name;
  if (!enter(open, is_object, in->depth)) {
    return false;
  }
  in->next++;
  const char *behind = behind_common(in->next, in->end, is_object);
  *is_value = behind != NULL;
  if (*is_value) {
    in->next = behind;
    return true;
  }
  dds_json_reader_skip_space(in);
  *is_value = dds_json_reader_take(in, is_object ? '}' : ']');
  if (*is_value) {
    open->depth--;
    return true;
  }
  return !is_object || dds_json_reader_name(in, &name);
}

static bool check_container(dds_json_reader *in) {
  nesting open = {.depth = 0};
  do {
    dds_json_reader_skip_space(in);
    int byte = dds_json_reader_peek(in);
    if (byte == '{' || byte == '[') {
      bool is_value;
      if (!check_opening(in, &open, &is_value)) {
        return false;
      }
      if (!is_value) {
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

bool dds_json_reader_value(dds_json_reader *in, dds_json *value) {
  dds_json_reader_skip_space(in);
  const char *start = in->next;
  int byte = dds_json_reader_peek(in);
  bool is_container = byte == '{' || byte == '[';
  if (is_container ? !check_container(in) : !check_scalar(in)) {
    return false;
  }
  *value = (dds_json){.text = start, .length = (size_t)(in->next - start)};
  return true;
}
