/* A growing byte buffer with a mandatory maximum and a sticky failure. */
#include "base/buffer.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/json_block.h"

/* Room behind what is appended, since a quote or a brace mostly follows. */
enum { SPARE_BYTES = 64 };

dds_buffer dds_buffer_in(char *memory, size_t size_bytes, size_t maximum_bytes) {
  memory[0] = '\0';
  return (dds_buffer){
      .data = memory,
      .capacity = size_bytes <= maximum_bytes ? size_bytes : maximum_bytes + 1,
      .maximum = maximum_bytes,
      .is_borrowed = true,
  };
}

static void release(const dds_buffer *buffer) {
  if (buffer->is_secret) {
    dds_wipe(buffer->data, buffer->capacity);
  }
  if (!buffer->is_borrowed) {
    dds_free(buffer->data);
  }
}

/* Memory of another size with the same bytes; a secret's old memory is wiped, which realloc leaves.
 */
static char *resize(const dds_buffer *buffer, size_t capacity) {
  if (!buffer->is_secret && !buffer->is_borrowed) {
    return dds_realloc(buffer->data, capacity);
  }
  char *data = dds_alloc(capacity);
  if (data == NULL || buffer->data == NULL) {
    return data;
  }
  memcpy(data, buffer->data, buffer->length + 1);
  release(buffer);
  return data;
}

/* Takes memory for `extra` bytes, the NUL and `spare` ones; false, with `failed` set, where there
 * is none. */
static bool grow(dds_buffer *buffer, size_t extra, size_t spare) {
  if (buffer->failed != DDS_OK) {
    return false;
  }
  size_t limit = buffer->maximum < SIZE_MAX ? buffer->maximum : SIZE_MAX - 1;
  if (extra > limit - buffer->length) {
    buffer->failed = DDS_TOOBIG;
    return false;
  }
  /* Doubled at least, so that many small appends stay linear. */
  size_t capacity = buffer->capacity > limit / 2 ? limit + 1 : buffer->capacity * 2;
  size_t needed = buffer->length + extra + 1;
  size_t unused = limit + 1 - needed;
  size_t least = needed + (spare < unused ? spare : unused);
  if (capacity < least) {
    capacity = least;
  }
  char *data = resize(buffer, capacity);
  if (data == NULL) {
    buffer->failed = DDS_NOMEM;
    return false;
  }
  buffer->data = data;
  buffer->capacity = capacity;
  buffer->is_borrowed = false;
  return true;
}

/* Most appends find room. */
static inline bool has_room(const dds_buffer *buffer, size_t extra) {
  return extra < buffer->capacity - buffer->length && buffer->failed == DDS_OK;
}

static inline bool reserve(dds_buffer *buffer, size_t extra) {
  return has_room(buffer, extra) || grow(buffer, extra, SPARE_BYTES);
}

char *dds_buffer_reserve(dds_buffer *buffer, size_t length) {
  if (!has_room(buffer, length) && !grow(buffer, length, 0)) {
    return NULL;
  }
  buffer->data[buffer->length] = '\0';
  return buffer->data + buffer->length;
}

void dds_buffer_extend(dds_buffer *buffer, size_t length) {
  buffer->length += length;
  buffer->data[buffer->length] = '\0';
}

void dds_buffer_append(dds_buffer *buffer, const char *bytes, size_t length) {
  if (!reserve(buffer, length)) {
    return;
  }
  if (length > 0) {
    memcpy(buffer->data + buffer->length, bytes, length);
  }
  buffer->length += length;
  buffer->data[buffer->length] = '\0';
}

void dds_buffer_append_char(dds_buffer *buffer, char byte) {
  dds_buffer_append(buffer, &byte, 1);
}

void dds_buffer_append_format(dds_buffer *buffer, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  va_list again;
  va_copy(again, arguments);
  int length = vsnprintf(NULL, 0, format, arguments);
  if (length < 0) {
    if (buffer->failed == DDS_OK) {
      buffer->failed = DDS_NOMEM;
    }
  } else if (reserve(buffer, (size_t)length)) {
    vsnprintf(buffer->data + buffer->length, (size_t)length + 1, format, again);
    buffer->length += (size_t)length;
  }
  va_end(again);
  va_end(arguments);
}

/* The letter behind the backslash; 'u' where none is short. 0: the byte stands as it is. */
static const char json_escapes[256] = {
    'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'b',         't',           'n', 'u',
    'f', 'r', 'u', 'u', 'u', 'u', 'u', 'u', 'u',         'u',           'u', 'u',
    'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u', ['"'] = '"', ['\\'] = '\\',
};

enum {
  LONG_ESCAPE_BYTES = 6,
  SHORT_ESCAPE_BYTES = 2,
  /* Room for whole runs to be read and written, of which only a part counts. */
  RUN_BYTES = 16,
  ROOM_BYTES = 2 * DDS_JSON_BLOCK_BYTES - RUN_BYTES,
};

/* Which of the bytes at the front, at most a block, must be escaped, and which of those are
 * controls; the first byte's bit is the lowest. */
typedef struct escape_marks {
  uint64_t all;
  uint64_t controls;
} escape_marks;

static escape_marks mark_escapes(const char *bytes, size_t length) {
  char padded[DDS_JSON_BLOCK_BYTES];
  uint64_t counted = length < DDS_JSON_BLOCK_BYTES ? (UINT64_C(1) << length) - 1 : UINT64_MAX;
  bytes = dds_json_block_pad(bytes, length, padded);
  dds_json_block block = dds_json_block_read(bytes);
  block.specials &= counted;
  uint64_t controls = block.specials == 0 ? 0 : dds_json_block_controls(bytes) & counted;
  return (escape_marks){.all = block.quotes | block.backslashes | controls, .controls = controls};
}

/* In sums of 2, 4 and 8 bits (Warren, "Hacker's Delight", 5-1): not every x86-64 has an
 * instruction for it. */
static size_t count_bits(uint64_t bits) {
  const uint64_t pairs = UINT64_MAX / 3, nibbles = UINT64_MAX / 5, bytes = UINT64_MAX / 17;
  bits -= bits >> 1 & pairs;
  bits = (bits & nibbles) + (bits >> 2 & nibbles);
  bits = (bits + (bits >> 4)) & bytes;
  return (size_t)((bits * (UINT64_MAX / 255)) >> 56);
}

/* How many bytes a JSON string takes for these, without its quotes; SIZE_MAX: more than there are.
 */
static size_t json_length(const char *bytes, size_t length) {
  size_t more = 0;
  for (size_t i = 0; i < length; i += DDS_JSON_BLOCK_BYTES) {
    escape_marks marks = mark_escapes(bytes + i, length - i);
    more += count_bits(marks.all) * (SHORT_ESCAPE_BYTES - 1);
    for (uint64_t left = marks.controls; left != 0; left &= left - 1) {
      unsigned char byte = (unsigned char)bytes[i + (size_t)__builtin_ctzll(left)];
      more += json_escapes[byte] == 'u' ? LONG_ESCAPE_BYTES - SHORT_ESCAPE_BYTES : 0;
    }
  }
  return more < SIZE_MAX - length ? length + more : SIZE_MAX;
}

/* Behind a `\\u`. */
static char *write_code(char *to, unsigned char byte) {
  static const char digits[] = "0123456789abcdef";
  *to++ = '0';
  *to++ = '0';
  *to++ = digits[byte >> 4];
  *to++ = digits[byte & 0x0F];
  return to;
}

static inline char *write_json_escape(char *to, unsigned char byte) {
  char letter = json_escapes[byte];
  to[0] = '\\';
  to[1] = letter;
  return letter == 'u' ? write_code(to + SHORT_ESCAPE_BYTES, byte) : to + SHORT_ESCAPE_BYTES;
}

/* Copies what stands between two escapes of a block, and whatever is behind it. */
static inline void copy_run(char *to, const char *bytes, size_t length) {
  memcpy(to, bytes, RUN_BYTES);
  if (length > RUN_BYTES) {
    memcpy(to + RUN_BYTES, bytes + RUN_BYTES, DDS_JSON_BLOCK_BYTES - RUN_BYTES);
  }
}

/* A block, with ROOM_BYTES to be read. The next run overwrites what a run has too much; escapes
 * make the text longer, so that there is room for what can be read. */
static char *write_json_block(char *to, const char *bytes) {
  escape_marks marks = mark_escapes(bytes, DDS_JSON_BLOCK_BYTES);
  size_t done = 0;
  for (uint64_t left = marks.all; left != 0; left &= left - 1) {
    size_t place = (size_t)__builtin_ctzll(left);
    copy_run(to, bytes + done, place - done);
    to += place - done;
    if (marks.controls == 0) {
      /* A quote or a backslash begins the next run. */
      *to++ = '\\';
      done = place;
    } else {
      to = write_json_escape(to, (unsigned char)bytes[place]);
      done = place + 1;
    }
  }
  copy_run(to, bytes + done, DDS_JSON_BLOCK_BYTES - done);
  return to + (DDS_JSON_BLOCK_BYTES - done);
}

/* One byte after the other. */
static char *write_json_bytes(char *to, const char *bytes, size_t length) {
  for (size_t i = 0; i < length; i++) {
    unsigned char byte = (unsigned char)bytes[i];
    if (json_escapes[byte] == 0) {
      *to++ = (char)byte;
    } else {
      to = write_json_escape(to, byte);
    }
  }
  return to;
}

DDS_JSON_WIDE static char *write_json_wide(char *to, const char *bytes, size_t length) {
  for (size_t i = 0; i < length; i += DDS_JSON_HALF_BYTES) {
    size_t count = length - i < DDS_JSON_HALF_BYTES ? length - i : DDS_JSON_HALF_BYTES;
    dds_json_block block = dds_json_block_read_wide(bytes + i, count);
    to = dds_json_block_controls_wide(bytes + i, count) != 0
             ? write_json_bytes(to, bytes + i, count)
             : dds_json_block_escape_wide(bytes + i, count, block.quotes | block.backslashes, to);
  }
  return to;
}

/* Writes where there is room for all of it; returns what is behind it. */
static char *write_json(char *to, const char *bytes, size_t length) {
  size_t i = 0;
  if (dds_json_is_wide()) {
    return write_json_wide(to, bytes, length);
  }
  for (; length - i >= ROOM_BYTES; i += DDS_JSON_BLOCK_BYTES) {
    to = write_json_block(to, bytes + i);
  }
  return write_json_bytes(to, bytes + i, length - i);
}

/* Whether there is room for a JSON string of these bytes, whatever they are. */
static bool has_room_for_json(const dds_buffer *buffer, size_t length) {
  enum { QUOTES_AND_NUL = 3 };
  size_t room = buffer->capacity - buffer->length;
  return buffer->failed == DDS_OK && room >= QUOTES_AND_NUL &&
         length <= (room - QUOTES_AND_NUL) / LONG_ESCAPE_BYTES;
}

/* Makes room for a JSON string of these bytes, and tells whether none must be escaped. */
static bool reserve_json(dds_buffer *buffer, const char *bytes, size_t length, bool *is_plain) {
  size_t inside = json_length(bytes, length);
  *is_plain = inside == length;
  if (inside > SIZE_MAX - 2) {
    buffer->failed = buffer->failed == DDS_OK ? DDS_TOOBIG : buffer->failed;
    return false;
  }
  return reserve(buffer, inside + 2);
}

/* Sessions are JSON in a JSON string, quotes every few bytes: so what it takes is counted first,
 * unless there is room for anything, and then written without looking at the room again. */
void dds_buffer_append_json_string(dds_buffer *buffer, const char *bytes, size_t length) {
  bool is_plain = length == 0;
  if (!has_room_for_json(buffer, length) && !reserve_json(buffer, bytes, length, &is_plain)) {
    return;
  }
  char *to = buffer->data + buffer->length;
  *to++ = '"';
  if (!is_plain) {
    to = write_json(to, bytes, length);
  } else if (length > 0) {
    memcpy(to, bytes, length);
    to += length;
  }
  *to++ = '"';
  *to = '\0';
  buffer->length = (size_t)(to - buffer->data);
}

/* The unreserved characters, in ASCII whatever the locale. */
static bool is_unreserved(char byte) {
  return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
         (byte >= 'a' && byte <= 'z') || byte == '-' || byte == '.' || byte == '_' || byte == '~';
}

void dds_buffer_append_percent_encoded(dds_buffer *buffer, const char *bytes, size_t length) {
  static const char digits[] = "0123456789ABCDEF";
  for (size_t i = 0; i < length; i++) {
    unsigned char byte = (unsigned char)bytes[i];
    if (is_unreserved(bytes[i])) {
      dds_buffer_append_char(buffer, bytes[i]);
    } else {
      char escape[3] = {'%', digits[byte >> 4], digits[byte & 0x0F]};
      dds_buffer_append(buffer, escape, sizeof escape);
    }
  }
}

bool dds_buffer_check(const dds_buffer *buffer, dds_error *error) {
  if (buffer->failed == DDS_OK) {
    return true;
  }
  if (buffer->failed == DDS_NOMEM) {
    return dds_error_set_nomem(error);
  }
  return dds_error_set(error, DDS_TOOBIG, "more than the %zu bytes that are allowed",
                       buffer->maximum);
}

const char *dds_buffer_text(const dds_buffer *buffer) {
  return buffer->data == NULL ? "" : buffer->data;
}

char *dds_buffer_take(dds_buffer *buffer) {
  if (!reserve(buffer, 0)) {
    return NULL;
  }
  char *data = buffer->data;
  if (buffer->is_borrowed) {
    data = resize(buffer, buffer->length + 1);
    if (data == NULL) {
      buffer->failed = DDS_NOMEM;
      return NULL;
    }
  }
  data[buffer->length] = '\0';
  *buffer = (dds_buffer){.maximum = buffer->maximum, .is_secret = buffer->is_secret};
  return data;
}

void dds_buffer_truncate(dds_buffer *buffer, size_t length) {
  if (buffer->data != NULL) {
    if (buffer->is_secret) {
      dds_wipe(buffer->data + length, buffer->length - length);
    }
    buffer->data[length] = '\0';
  }
  buffer->length = length;
  buffer->failed = DDS_OK;
}

void dds_buffer_clear(dds_buffer *buffer) {
  dds_buffer_truncate(buffer, 0);
}

void dds_buffer_free(dds_buffer *buffer) {
  release(buffer);
  *buffer = (dds_buffer){.maximum = buffer->maximum, .is_secret = buffer->is_secret};
}
