/*
 * A growing byte buffer with a mandatory maximum. Failure is sticky: after the first append that
 * does not fit, appends do nothing, and dds_buffer_check reports it once at the end; so code that
 * builds text needs one check, not one a line.
 *
 * The bytes are always followed by a NUL that `length` does not count.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/attributes.h"
#include "base/error.h"

typedef struct dds_buffer {
  char *data;    /* owned, unless is_borrowed; NULL while nothing was appended */
  size_t length; /* bytes used */
  size_t capacity;
  size_t maximum;   /* most bytes that it may hold */
  dds_code failed;  /* DDS_OK, DDS_NOMEM or DDS_TOOBIG */
  bool is_secret;   /* memory is wiped before it is given back, also when it grows */
  bool is_borrowed; /* `data` is not owned: dds_buffer_in */
} dds_buffer;

/* An empty buffer that may grow to `maximum_bytes`. */
#define DDS_BUFFER_INIT(maximum_bytes) ((dds_buffer){.maximum = (maximum_bytes)})

/* The same, for what a credential or a signature goes through. */
#define DDS_BUFFER_INIT_SECRET(maximum_bytes) \
  ((dds_buffer){.maximum = (maximum_bytes), .is_secret = true})

/*
 * An empty buffer that begins in memory of the caller's, of a byte at least, such as an array on
 * the stack: memory is taken for what does not fit in it alone. It must outlive the buffer, which
 * is not to be handed to who keeps it, as the body of a request.
 */
dds_buffer dds_buffer_in(char *memory, size_t size_bytes, size_t maximum_bytes);

/*
 * Makes room for `length` more bytes at once, where one knows what is coming; NULL where the buffer
 * failed. The caller may write them himself, and then counts by dds_buffer_extend, as many or
 * fewer. Valid until the next append.
 */
char *dds_buffer_reserve(dds_buffer *buffer, size_t length);
void dds_buffer_extend(dds_buffer *buffer, size_t length);

void dds_buffer_append(dds_buffer *buffer, const char *bytes, size_t length);
void dds_buffer_append_char(dds_buffer *buffer, char byte);
void dds_buffer_append_format(dds_buffer *buffer, const char *format, ...) DDS_PRINTF(2, 3);

/* Here, so that the length of a literal is known when it is compiled. */
static inline void dds_buffer_append_text(dds_buffer *buffer, const char *text) {
  dds_buffer_append(buffer, text, strlen(text));
}

/*
 * Appends a JSON string with its quotes: `"`, `\` and bytes below 0x20 are escaped, all else is
 * copied as it is (RFC 8259, section 7). The bytes must be valid UTF-8.
 */
void dds_buffer_append_json_string(dds_buffer *buffer, const char *bytes, size_t length);

/*
 * Appends bytes as a value in a query or in a form: letters, digits and `-._~` as they are, every
 * other byte as %XX with upper-case digits (RFC 3986, section 2).
 */
void dds_buffer_append_percent_encoded(dds_buffer *buffer, const char *bytes, size_t length);

/* False, with DDS_NOMEM or DDS_TOOBIG in `error`, where an append failed. */
DDS_MUST_USE bool dds_buffer_check(const dds_buffer *buffer, dds_error *error);

/* The text, "" where nothing was appended; valid until the next append. */
const char *dds_buffer_text(const dds_buffer *buffer);

/* Hands the bytes to the caller (dds_free) and leaves the buffer empty. NULL where it failed. */
DDS_MUST_USE char *dds_buffer_take(dds_buffer *buffer);

/* Empties it, keeps the memory (a secret's is wiped), forgets a failure. */
void dds_buffer_clear(dds_buffer *buffer);

/* Drops all but the first `length` bytes, which it holds, keeps the memory, forgets a failure. */
void dds_buffer_truncate(dds_buffer *buffer, size_t length);

/* Releases the memory; the buffer may be used again. */
void dds_buffer_free(dds_buffer *buffer);
