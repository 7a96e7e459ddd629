/*
 * The strict reader of JSON, below json.h and page.h: each function checks what stands at `next`
 * and moves behind it. Where one returns false, `next` stands on the first wrong byte. What they
 * give is borrowed from the text.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/attributes.h"
#include "dynamodb/json.h"

typedef struct dds_json_reader {
  const char *next;
  const char *end;
  size_t depth; /* brackets that are open around `next`; DDS_JSON_MAX_DEPTH counts them */
} dds_json_reader;

/* The byte at `next`, negative at the end. */
static inline int dds_json_reader_peek(const dds_json_reader *in) {
  return in->next < in->end ? (unsigned char)*in->next : -1;
}

/* Moves behind a byte that is wanted. */
static inline bool dds_json_reader_take(dds_json_reader *in, char wanted) {
  if (in->next == in->end || *in->next != wanted) {
    return false;
  }
  in->next++;
  return true;
}

static inline bool dds_json_is_space(char byte) {
  return (unsigned char)byte <= ' ' && /* most are not, and one look tells */
         (byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t');
}

static inline void dds_json_reader_skip_space(dds_json_reader *in) {
  while (in->next < in->end && dds_json_is_space(*in->next)) {
    in->next++;
  }
}

/* A string; `*is_plain`: nothing in it is escaped. */
DDS_MUST_USE bool dds_json_reader_string(dds_json_reader *in, bool *is_plain);

/* A member's name and the colon, with the space before and between. */
DDS_MUST_USE bool dds_json_reader_name(dds_json_reader *in, dds_json *name);

/* A value of any kind, with the space before it. */
DDS_MUST_USE bool dds_json_reader_value(dds_json_reader *in, dds_json *value);
