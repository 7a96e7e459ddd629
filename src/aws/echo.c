/*
 * Looking for the request in its answer. The text is short and the body may have megabytes, so the
 * text's runs of bytes are marked in a small table by their hash, and the body is read once. Most
 * texts are ids, looked at with each answer, and most of what was sent has letters that an id has
 * not: so those are looked for first, and the table is made where a stretch without them is found.
 */
#include "aws/echo.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "base/attributes.h"
#include "base/byte_set.h"
#include "base/text.h"
#include "base/utf8.h"

enum {
  RUN_BYTES = 12,
  MOST_TEXT_BYTES = 512,
  MARK_BITS = 13,
  UNIT_BYTES = 5,
  SIGNATURE_DIGITS = 64
};

/* What counts: digits, letters, and all that is not ASCII. */
static const dds_byte_set counted = {
    {UINT64_C(0x03FF000000000000), UINT64_C(0x07FFFFFE07FFFFFE), UINT64_MAX, UINT64_MAX}};

/* The last 12 bytes that counted. */
typedef struct run {
  uint64_t last; /* 8 bytes */
  uint32_t first;
  size_t length; /* bytes that counted so far */
} run;

/* What is read at once, a byte or an escape: those bytes of what it stands for that count. */
typedef struct piece {
  char bytes[4];
  size_t count;
} piece;

/* The runs of the text. */
typedef struct text_runs {
  const char *text;
  dds_byte_set foreign; /* bytes that count and that the text does not have */
  bool is_indexed;      /* what follows is filled in */
  run runs[MOST_TEXT_BYTES];
  size_t count;
  uint64_t marks[(1 << MARK_BITS) / 64]; /* by hash, a bit each: whether there is such a run */
} text_runs;

static size_t skip_backslashes(const char *bytes, size_t position, size_t length) {
  while (position < length && bytes[position] == '\\') {
    position++;
  }
  return position;
}

/* The UTF-16 unit of `uXXXX`, or -1 where there is none. */
static int32_t read_unit(const char *bytes, size_t position, size_t length) {
  int32_t unit = 0;
  if (length - position < UNIT_BYTES || bytes[position] != 'u') {
    return -1;
  }
  for (size_t i = 1; i < UNIT_BYTES; i++) {
    int digit = dds_text_hex_value(bytes[position + i]);
    if (digit < 0) {
      return -1;
    }
    unit = unit * 16 + digit;
  }
  return unit;
}

static void count_code_point(piece *read, int32_t code_point) {
  if (code_point >= 0x80 || dds_byte_set_has(&counted, (unsigned char)code_point)) {
    read->count = dds_utf8_encode((uint32_t)code_point, read->bytes);
  }
}

/* Letters that stand for controls behind a backslash (RFC 8259, section 7). */
static bool is_control_letter(char letter) {
  return letter != '\0' && strchr("bfnrt", letter) != NULL;
}

/*
 * Reads a run of backslashes with what it escapes. How many there are tells how often the text was
 * put into JSON, which need not be the same for two echoes. A lone surrogate counts as the three
 * bytes that UTF-8 would have for it.
 */
DDS_NOINLINE static size_t read_escape(piece *read, const char *bytes, size_t position,
                                       size_t length) {
  position = skip_backslashes(bytes, position, length);
  int32_t unit = read_unit(bytes, position, length);
  if (unit < 0) {
    return position + (position < length && is_control_letter(bytes[position]) ? 1 : 0);
  }
  position += UNIT_BYTES;
  if (dds_utf16_is_high((uint32_t)unit)) {
    size_t next = skip_backslashes(bytes, position, length);
    int32_t low = next > position ? read_unit(bytes, next, length) : -1;
    if (dds_utf16_is_low((uint32_t)low)) {
      unit = (int32_t)dds_utf16_join((uint32_t)unit, (uint32_t)low);
      position = next + UNIT_BYTES;
    }
  }
  count_code_point(read, unit);
  return position;
}

/* Reads what stands at `position`; returns where the next piece does. */
static DDS_INLINE size_t read_piece(piece *read, const char *bytes, size_t position,
                                    size_t length) {
  read->count = 0;
  if (bytes[position] == '\\') {
    return read_escape(read, bytes, position, length);
  }
  if (dds_byte_set_has(&counted, (unsigned char)bytes[position])) {
    read->bytes[read->count++] = bytes[position];
  }
  return position + 1;
}

static void extend(run *at, char byte) {
  at->first = at->first << 8 | (uint32_t)(at->last >> 56);
  at->last = at->last << 8 | (unsigned char)byte;
  at->length++;
}

static size_t hash(const run *at) {
  uint64_t mixed = (at->last ^ at->first) * UINT64_C(0x9E3779B97F4A7C15);
  return (size_t)(mixed >> (64 - MARK_BITS));
}

static void open_text(text_runs *runs, const char *text) {
  size_t length = strlen(text);
  piece read;
  runs->text = text;
  runs->is_indexed = false; /* and what stands behind it is not read */
  runs->foreign = counted;
  for (size_t position = 0; position < length;) {
    position = read_piece(&read, text, position, length);
    for (size_t i = 0; i < read.count; i++) {
      dds_byte_set_remove(&runs->foreign, (unsigned char)read.bytes[i]);
    }
  }
}

static void index_run(text_runs *runs, const run *at) {
  if (at->length >= RUN_BYTES && runs->count < MOST_TEXT_BYTES) {
    runs->runs[runs->count++] = *at;
    runs->marks[hash(at) / 64] |= UINT64_C(1) << hash(at) % 64;
  }
}

static void index_text(text_runs *runs) {
  size_t length = strlen(runs->text);
  run at = {0};
  piece read;
  runs->is_indexed = true;
  runs->count = 0;
  memset(runs->marks, 0, sizeof runs->marks);
  for (size_t position = 0; position < length && runs->count < MOST_TEXT_BYTES;) {
    position = read_piece(&read, runs->text, position, length);
    for (size_t i = 0; i < read.count; i++) {
      extend(&at, read.bytes[i]);
      index_run(runs, &at);
    }
  }
}

static bool is_indexed(const text_runs *runs, const run *at) {
  size_t mark = hash(at);
  if ((runs->marks[mark / 64] >> mark % 64 & 1) == 0) {
    return false;
  }
  for (size_t i = 0; i < runs->count; i++) {
    if (runs->runs[i].last == at->last && runs->runs[i].first == at->first) {
      return true;
    }
  }
  return false;
}

static bool shares_run(text_runs *runs, const char *bytes, size_t length) {
  run at = {0};
  piece read;
  if (!runs->is_indexed) {
    index_text(runs);
  }
  for (size_t position = 0; position < length;) {
    position = read_piece(&read, bytes, position, length);
    for (size_t i = 0; i < read.count; i++) {
      extend(&at, read.bytes[i]);
      if (at.length >= RUN_BYTES && is_indexed(runs, &at)) {
        return true;
      }
    }
  }
  return false;
}

/*
 * Whether the bytes share a run with the text, wherever it stands: in no run that both share is a
 * foreign byte. Ids are capitals and digits, or hexadecimal, and sessions are full of other
 * letters. The letters of an escape do not count as they stand, so they end no stretch, and what
 * ends one is no part of an escape: a stretch reads alone as it does where it stands.
 */
static bool shares_any(text_runs *runs, const char *bytes, size_t length) {
  size_t stretch = 0;
  for (size_t at = 0; at < length; at += stretch) {
    at = dds_byte_set_find_without(&runs->foreign, bytes, length, at, RUN_BYTES, &stretch);
    if (at < length && shares_run(runs, bytes + at, stretch)) {
      return true;
    }
  }
  return false;
}

static bool is_one_of(const char *const *words, size_t count, const char *bytes, size_t length) {
  for (size_t i = 0; i < count; i++) {
    if (strlen(words[i]) == length && memcmp(words[i], bytes, length) == 0) {
      return true;
    }
  }
  return false;
}

/* The length of the JSON string whose first byte behind the quote is at `start`. */
static size_t string_length(const char *body, size_t start, size_t length) {
  size_t end = start;
  while (end < length && body[end] != '"') {
    end += body[end] == '\\' && end + 1 < length ? 2 : 1;
  }
  return end - start;
}

/* Where the body's reading stands: in which member's value, and how deep. */
typedef struct place {
  bool is_value_data; /* of the member that was named last */
  bool is_map_next;   /* that member is "M" */
  size_t depth;
  size_t map_depth; /* of the outermost map around, whose names are data too; 0: none */
} place;

/* Takes a name and tells whether it is data itself. */
static bool take_name(place *at, const char *name, size_t length) {
  static const char *const of_data[] = {"S",  "N",         "B",         "SS", "NS",
                                        "BS", "Statement", "NextToken", "M"};
  bool is_data = at->map_depth > 0;
  at->is_value_data = is_one_of(of_data, sizeof of_data / sizeof of_data[0], name, length);
  at->is_map_next = length == 1 && name[0] == 'M';
  return is_data;
}

static void take_brace(place *at, char brace) {
  if (brace == '{') {
    at->depth++;
    if (at->is_map_next && at->map_depth == 0) {
      at->map_depth = at->depth;
    }
  } else {
    if (at->depth <= at->map_depth) {
      at->map_depth = 0;
    }
    at->depth -= at->depth > 0 ? 1 : 0;
  }
  at->is_map_next = false;
}

/* The attributes' values: members "S" and the like, at any depth. */
static bool shares_data(text_runs *runs, const char *body, size_t length) {
  place at = {0};
  for (size_t i = 0; i < length; i++) {
    if (body[i] == '{' || body[i] == '}') {
      take_brace(&at, body[i]);
    }
    if (body[i] != '"') {
      continue;
    }
    const char *text = body + i + 1;
    size_t text_length = string_length(body, i + 1, length);
    i += text_length + 1;
    size_t next = i + 1;
    while (next < length && strchr(" \t\r\n", body[next]) != NULL && body[next] != '\0') {
      next++;
    }
    bool is_name = next < length && body[next] == ':';
    bool is_data = is_name ? take_name(&at, text, text_length) : at.is_value_data;
    if (is_data && shares_run(runs, text, text_length)) {
      return true;
    }
  }
  return false;
}

/* Words of signed headers, and pieces of nested JSON, as any cut of a body of DynamoDB's has them:
 * its messages quote names and expressions, never objects. */
static bool has_telling_word(const char *text) {
  static const char *const words[] = {
      "AWS4-HMAC-SHA256",
      "Signature=",
      "Authorization",
      "X-Amz-Security-Token",
      "\":{",
      "\":[",
      "{\"",
      "{\\\"",
      "\"}",
  };
  static const bool begins_word[256] = {['A'] = true, ['a'] = true, ['S'] = true, ['s'] = true,
                                        ['X'] = true, ['x'] = true, ['"'] = true, ['{'] = true};
  for (; *text != '\0'; text++) {
    for (size_t i = 0; begins_word[(unsigned char)*text] && i < sizeof words / sizeof words[0];
         i++) {
      if (strncasecmp(text, words[i], strlen(words[i])) == 0) {
        return true;
      }
    }
  }
  return false;
}

/* Whether it holds what may be a signature of version 4, or the hash that was signed. */
static bool has_signature(const char *text) {
  size_t digits = 0;
  for (; *text != '\0' && digits < SIGNATURE_DIGITS; text++) {
    digits = dds_text_hex_value(*text) < 0 ? 0 : digits + 1;
  }
  return digits == SIGNATURE_DIGITS;
}

bool dds_echo_is_in(const dds_echo_request *request, const char *text) {
  text_runs runs;
  if (has_telling_word(text) || has_signature(text)) {
    return true;
  }
  if (strlen(text) < RUN_BYTES) {
    return false;
  }
  open_text(&runs, text);
  for (size_t i = 0; i < request->secret_count; i++) {
    const char *secret = request->secrets[i];
    if (secret != NULL && shares_any(&runs, secret, strlen(secret))) {
      return true;
    }
  }
  return request->body != NULL && shares_any(&runs, request->body, request->body_length) &&
         shares_data(&runs, request->body, request->body_length);
}
