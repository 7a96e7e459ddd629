/* A growing byte buffer with a mandatory maximum and a sticky failure. */
#include "base/buffer.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

enum { SMALLEST_CAPACITY = 64 };

/* Memory of another size with the same bytes; a secret's old memory is wiped, which realloc leaves.
 */
static char *resize(const dds_buffer *buffer, size_t capacity) {
  if (!buffer->is_secret) {
    return dds_realloc(buffer->data, capacity);
  }
  char *data = dds_alloc(capacity);
  if (data == NULL || buffer->data == NULL) {
    return data;
  }
  memcpy(data, buffer->data, buffer->length + 1);
  dds_free_secret(buffer->data, buffer->capacity);
  return data;
}

/* Makes room for `extra` bytes and the NUL; false, with `failed` set, where there is none. */
static bool reserve(dds_buffer *buffer, size_t extra) {
  if (buffer->failed != DDS_OK) {
    return false;
  }
  size_t limit = buffer->maximum < SIZE_MAX ? buffer->maximum : SIZE_MAX - 1;
  if (extra > limit - buffer->length) {
    buffer->failed = DDS_TOOBIG;
    return false;
  }
  size_t needed = buffer->length + extra + 1;
  if (needed <= buffer->capacity) {
    return true;
  }

  /* Doubled at least, so that many small appends stay linear. */
  size_t capacity = buffer->capacity > limit / 2 ? limit + 1 : buffer->capacity * 2;
  if (capacity < SMALLEST_CAPACITY) {
    capacity = SMALLEST_CAPACITY;
  }
  if (capacity < needed) {
    capacity = needed;
  }
  if (capacity > limit + 1) {
    capacity = limit + 1;
  }
  char *data = resize(buffer, capacity);
  if (data == NULL) {
    buffer->failed = DDS_NOMEM;
    return false;
  }
  buffer->data = data;
  buffer->capacity = capacity;
  return true;
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

void dds_buffer_append_text(dds_buffer *buffer, const char *text) {
  dds_buffer_append(buffer, text, strlen(text));
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

/* Appends the escape of a byte that a JSON string cannot hold as it is. */
static void append_json_escape(dds_buffer *buffer, unsigned char byte) {
  static const char short_escapes[] = {
      ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n',  ['\f'] = 'f',
      ['\r'] = 'r', ['"'] = '"',  ['\\'] = '\\',
  };
  char letter = short_escapes[byte];
  if (letter == '\0') {
    dds_buffer_append_format(buffer, "\\u%04x", byte);
  } else {
    char escape[2] = {'\\', letter};
    dds_buffer_append(buffer, escape, sizeof escape);
  }
}

void dds_buffer_append_json_string(dds_buffer *buffer, const char *bytes, size_t length) {
  dds_buffer_append_char(buffer, '"');
  size_t plain = 0; /* start of the run of bytes that are copied as they are */
  for (size_t i = 0; i < length; i++) {
    unsigned char byte = (unsigned char)bytes[i];
    if (byte >= 0x20 && byte != '"' && byte != '\\') {
      continue;
    }
    dds_buffer_append(buffer, bytes + plain, i - plain);
    append_json_escape(buffer, byte);
    plain = i + 1;
  }
  if (length > plain) {
    dds_buffer_append(buffer, bytes + plain, length - plain);
  }
  dds_buffer_append_char(buffer, '"');
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
  data[buffer->length] = '\0';
  *buffer = (dds_buffer){.maximum = buffer->maximum, .is_secret = buffer->is_secret};
  return data;
}

void dds_buffer_clear(dds_buffer *buffer) {
  buffer->length = 0;
  buffer->failed = DDS_OK;
  if (buffer->data != NULL) {
    buffer->data[0] = '\0';
  }
}

void dds_buffer_free(dds_buffer *buffer) {
  if (buffer->is_secret) {
    dds_free_secret(buffer->data, buffer->capacity);
  } else {
    dds_free(buffer->data);
  }
  *buffer = (dds_buffer){.maximum = buffer->maximum, .is_secret = buffer->is_secret};
}
