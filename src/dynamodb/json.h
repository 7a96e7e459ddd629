/*
 * A strict reader of JSON (RFC 8259) that builds no tree: text is validated once, whole, and then
 * walked in place. A tree of cJSON would lose what sessions need kept: numbers beyond a double,
 * U+0000 in strings, the order and the spelling of members. cJSON serves for all that is not
 * session data.
 *
 * A `dds_json` is a span of validated text without space around it; it borrows the text.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/attributes.h"
#include "base/buffer.h"

typedef enum dds_json_type {
  DDS_JSON_NULL,
  DDS_JSON_FALSE,
  DDS_JSON_TRUE,
  DDS_JSON_NUMBER,
  DDS_JSON_STRING,
  DDS_JSON_ARRAY,
  DDS_JSON_OBJECT,
} dds_json_type;

typedef struct dds_json {
  const char *text; /* NULL: no value */
  size_t length;
} dds_json;

/* Deepest nesting that is read: DynamoDB's own limit of 32 levels costs two or three JSON levels
 * each, and SQLite's json functions stop at 1,000. */
enum { DDS_JSON_MAX_DEPTH = 1000 };

/*
 * Checks that `text` is one JSON value with nothing but white space around it: RFC 8259 grammar,
 * well-formed UTF-8, no more than DDS_JSON_MAX_DEPTH levels. Escaped lone surrogates (\ud800) are
 * grammatical and pass. False for anything else; `where`, if not NULL, gets the offset of the first
 * wrong byte. Does not recurse on the C stack without bound.
 */
DDS_MUST_USE bool dds_json_parse(const char *text, size_t length, dds_json *value, size_t *where);

/*
 * The same for text that must be an object, and one of its members by its decoded name, of
 * duplicates the last, in one pass; a missing one has no text. False, and neither, where the text
 * is not valid or no object.
 */
DDS_MUST_USE bool dds_json_parse_object(const char *text, size_t length, const char *name,
                                        dds_json *object, dds_json *member);

/* By the first byte; `value` must not be the missing one (.text NULL). */
dds_json_type dds_json_type_of(dds_json value);

/* Walks the elements of an array or the members of an object, in the order of the text. */
typedef struct dds_json_iterator {
  const char *next;
  const char *end;
  bool is_object;
} dds_json_iterator;

/* `container` must be an array or an object; anything else has no elements. */
dds_json_iterator dds_json_iterate(dds_json container);

/* False at the end. `key` (a string, with its quotes) is set for objects; it may be NULL. */
bool dds_json_next(dds_json_iterator *iterator, dds_json *key, dds_json *value);

/* Finds a member by its decoded name; of duplicates the last, as JSON.parse has it. */
bool dds_json_find(dds_json object, const char *name, size_t name_length, dds_json *value);

/* Walks down through objects: `path` holds `count` member names. */
bool dds_json_find_path(dds_json root, const char *const *path, size_t count, dds_json *value);

/* Whether a JSON string stands for exactly these bytes. */
bool dds_json_string_equals(dds_json string, const char *bytes, size_t length);

/*
 * Appends what a JSON string stands for, as UTF-8. False (nothing useful appended) where it holds
 * an escaped lone surrogate, which UTF-8 cannot express.
 */
DDS_MUST_USE bool dds_json_string_append(dds_json string, dds_buffer *bytes);

/* The bytes inside the quotes where nothing in them is escaped, so that no copy is needed. */
bool dds_json_string_is_plain(dds_json string, const char **bytes, size_t *length);

/* Walks what a string stands for, byte by byte, without a copy. A lone surrogate gives the three
 * bytes that UTF-8 would have for it, so that any two strings can be compared. */
typedef struct dds_json_bytes {
  const char *next;
  const char *end;
  unsigned char pending[3];
  unsigned char pending_count;
} dds_json_bytes;
dds_json_bytes dds_json_string_bytes(dds_json string);
int dds_json_bytes_next(dds_json_bytes *bytes); /* negative at the end */

/* Compares what two strings stand for, by bytes: negative, 0 or positive. */
int dds_json_string_compare(dds_json left, dds_json right);

/* Whether UTF-8 can express what a string stands for: no escaped lone surrogate. */
bool dds_json_string_is_text(dds_json string);

/* How many bytes a string stands for. */
size_t dds_json_string_length(dds_json string);

/* Whether both stand for the same JSON value: member order, white space and escapes do not count;
 * numbers are compared as decimals, exactly. */
bool dds_json_equal(dds_json left, dds_json right);
