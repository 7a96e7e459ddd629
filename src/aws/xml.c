/*
 * One pass over the document checks it and finds the element; then its text is decoded. What is
 * behind the element is checked too: an answer that was cut must not give half a set of keys.
 */
#include "aws/xml.h"

#include <stdint.h>
#include <string.h>

#include "base/utf8.h"

enum { MOST_LEVELS = 32 };

/* A piece of the document. */
typedef struct slice {
  const char *text;
  size_t length;
} slice;

typedef struct reader {
  const char *at;
  const char *end;
  slice open[MOST_LEVELS]; /* the names of the elements around */
  size_t depth;
  bool has_root; /* it has begun: at depth 0 it has ended too */
  const char *const *path;
  size_t path_length;
  slice found;        /* the content of the element that is looked for; text NULL before */
  size_t found_depth; /* while it is open; else 0 */
  bool has_elements;  /* in that content */
} reader;

static bool is_space(char byte) {
  return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

static bool is_name_start(char byte) {
  return (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z') || byte == '_' ||
         byte == ':' || (unsigned char)byte >= 0x80;
}

static bool is_name_byte(char byte) {
  return is_name_start(byte) || (byte >= '0' && byte <= '9') || byte == '-' || byte == '.';
}

static bool equals(slice name, const char *text) {
  return strlen(text) == name.length && memcmp(name.text, text, name.length) == 0;
}

/* Whether the rest begins with this text; then goes on behind it. */
static bool take(reader *r, const char *text) {
  size_t length = strlen(text);
  if ((size_t)(r->end - r->at) < length || memcmp(r->at, text, length) != 0) {
    return false;
  }
  r->at += length;
  return true;
}

static bool skip_behind(reader *r, const char *text) {
  for (; r->at < r->end; r->at++) {
    if (take(r, text)) {
      return true;
    }
  }
  return false;
}

static bool skip_spaces(reader *r) {
  const char *start = r->at;
  while (r->at < r->end && is_space(*r->at)) {
    r->at++;
  }
  return r->at > start;
}

static bool read_name(reader *r, slice *name) {
  const char *start = r->at;
  if (r->at == r->end || !is_name_start(*r->at)) {
    return false;
  }
  while (r->at < r->end && is_name_byte(*r->at)) {
    r->at++;
  }
  *name = (slice){start, (size_t)(r->at - start)};
  return true;
}

/* name="value" */
static bool skip_attribute(reader *r) {
  slice name;
  if (!read_name(r, &name)) {
    return false;
  }
  skip_spaces(r);
  if (!take(r, "=")) {
    return false;
  }
  skip_spaces(r);
  if (r->at == r->end || (*r->at != '"' && *r->at != '\'')) {
    return false;
  }
  const char quote[] = {*r->at++, '\0'};
  while (r->at < r->end && *r->at != quote[0] && *r->at != '<') {
    r->at++;
  }
  return take(r, quote);
}

static bool is_at_path(const reader *r) {
  if (r->depth < r->path_length) {
    return false;
  }
  const slice *names = r->open + (r->depth - r->path_length);
  for (size_t i = 0; i < r->path_length; i++) {
    if (!equals(names[i], r->path[i])) {
      return false;
    }
  }
  return true;
}

static void enter(reader *r) {
  if (r->found_depth > 0) {
    r->has_elements = true;
  } else if (r->found.text == NULL && is_at_path(r)) {
    r->found.text = r->at;
    r->found_depth = r->depth;
  }
}

/* Out of the innermost element, whose content ends at `end`. */
static void leave(reader *r, const char *end) {
  if (r->found_depth == r->depth) {
    r->found.length = (size_t)(end - r->found.text);
    r->found_depth = 0;
  }
  r->depth--;
}

/* Behind its "<". */
static bool read_start_tag(reader *r) {
  slice name;
  if ((r->depth == 0 && r->has_root) || r->depth == MOST_LEVELS || !read_name(r, &name)) {
    return false;
  }
  while (skip_spaces(r) && r->at < r->end && is_name_start(*r->at)) {
    if (!skip_attribute(r)) {
      return false;
    }
  }
  bool is_empty = take(r, "/");
  if (!take(r, ">")) {
    return false;
  }
  r->has_root = true;
  r->open[r->depth++] = name;
  enter(r);
  if (is_empty) {
    leave(r, r->at);
  }
  return true;
}

/* Behind its "</", which began at `start`. */
static bool read_end_tag(reader *r, const char *start) {
  slice name;
  if (r->depth == 0 || !read_name(r, &name)) {
    return false;
  }
  slice open = r->open[r->depth - 1];
  skip_spaces(r);
  if (name.length != open.length || memcmp(name.text, open.text, name.length) != 0 ||
      !take(r, ">")) {
    return false;
  }
  leave(r, start);
  return true;
}

static bool read_markup(reader *r) {
  const char *start = r->at;
  if (take(r, "<!--")) {
    return skip_behind(r, "-->");
  }
  if (take(r, "<?")) {
    return skip_behind(r, "?>");
  }
  if (take(r, "<![CDATA[")) {
    return r->depth > 0 && skip_behind(r, "]]>");
  }
  if (take(r, "</")) {
    return read_end_tag(r, start);
  }
  r->at++;
  return read_start_tag(r); /* which "!" of a document type does not begin */
}

/* The digits of "&#60;" or "&#x3C;", behind "&#". */
static bool read_code_point(reader *r, uint32_t *code_point) {
  static const char digits[] = "0123456789abcdef";
  uint32_t base = take(r, "x") ? 16 : 10;
  const char *start = r->at;
  *code_point = 0;
  for (; r->at < r->end && *r->at != ';'; r->at++) {
    char byte = *r->at >= 'A' && *r->at <= 'F' ? (char)(*r->at + ('a' - 'A')) : *r->at;
    const char *digit = byte == '\0' ? NULL : strchr(digits, byte);
    if (digit == NULL || digit - digits >= (int)base || *code_point > 0x10FFFF) {
      return false;
    }
    *code_point = *code_point * base + (uint32_t)(digit - digits);
  }
  return r->at > start && take(r, ";");
}

/* XML 1.0, section 2.2: Char. */
static bool is_character(uint32_t code_point) {
  return code_point == '\t' || code_point == '\n' || code_point == '\r' ||
         (code_point >= 0x20 && code_point <= 0xD7FF) ||
         (code_point >= 0xE000 && code_point <= 0xFFFD) ||
         (code_point >= 0x10000 && code_point <= 0x10FFFF);
}

/* A reference, from its "&" on. */
static bool read_reference(reader *r, uint32_t *code_point) {
  static const struct {
    const char *reference;
    char byte;
  } named[] = {
      {"&lt;", '<'}, {"&gt;", '>'}, {"&amp;", '&'}, {"&quot;", '"'}, {"&apos;", '\''},
  };
  for (size_t i = 0; i < sizeof named / sizeof named[0]; i++) {
    if (take(r, named[i].reference)) {
      *code_point = (uint32_t)named[i].byte;
      return true;
    }
  }
  return take(r, "&#") && read_code_point(r, code_point) && is_character(*code_point);
}

static bool read_character(reader *r) {
  uint32_t code_point;
  if (*r->at == '&') {
    return r->depth > 0 && read_reference(r, &code_point);
  }
  /* A byte of a longer character is above these bounds, and the whole is valid UTF-8. */
  bool is_allowed = r->depth > 0 ? is_character((unsigned char)*r->at) : is_space(*r->at);
  r->at++;
  return is_allowed;
}

static void append_decoded(dds_buffer *text, slice content) {
  reader r = {.at = content.text, .end = content.text + content.length};
  while (r.at < r.end) {
    uint32_t code_point = 0;
    char bytes[4];
    if (take(&r, "<![CDATA[")) {
      const char *start = r.at;
      (void)skip_behind(&r, "]]>");
      dds_buffer_append(text, start, (size_t)(r.at - start) - strlen("]]>"));
    } else if (*r.at == '<') {
      (void)read_markup(&r); /* a comment or an instruction */
    } else if (*r.at == '&') {
      (void)read_reference(&r, &code_point);
      dds_buffer_append(text, bytes, dds_utf8_encode(code_point, bytes));
    } else {
      dds_buffer_append_char(text, *r.at++);
    }
  }
}

bool dds_xml_find(const char *xml, size_t length, const char *const *path, size_t path_length,
                  dds_buffer *text) {
  reader r = {.at = xml, .end = xml + length, .path = path, .path_length = path_length};
  if (!dds_utf8_is_valid(xml, length)) {
    return false;
  }
  (void)take(&r, "\xEF\xBB\xBF"); /* the byte order mark, which may begin a document */
  while (r.at < r.end) {
    if (!(*r.at == '<' ? read_markup(&r) : read_character(&r))) {
      return false;
    }
  }
  if (r.depth > 0 || r.found.text == NULL || r.has_elements) {
    return false;
  }
  append_decoded(text, r.found);
  return true;
}
