/*
 * The error type. Messages are built with vsnprintf in the error's own array, then made valid
 * UTF-8, because they may quote what a server or a file said.
 */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "base/utf8.h"

/* Cuts a sequence that the end of the array split, and replaces any other malformed byte. */
static void make_valid(char *text) {
  size_t length = strlen(text);
  size_t position = 0;
  for (;;) {
    position += dds_utf8_valid_prefix(text + position, length - position);
    if (position == length) {
      return;
    }
    bool at_the_cut = length == DDS_ERROR_MESSAGE_BYTES - 1 && length - position < 4;
    if (at_the_cut) {
      text[position] = '\0';
      return;
    }
    text[position] = '?';
  }
}

DDS_PRINTF(3, 0)
static void set(dds_error *error, dds_code code, const char *format, va_list arguments) {
  error->code = code;
  vsnprintf(error->message, sizeof error->message, format, arguments);
  make_valid(error->message);
}

bool dds_error_set(dds_error *error, dds_code code, const char *format, ...) {
  if (error->code != DDS_OK) {
    return false;
  }
  va_list arguments;
  va_start(arguments, format);
  set(error, code, format, arguments);
  va_end(arguments);
  return false;
}

bool dds_error_pass_on(dds_error *error, const dds_error *failure) {
  if (error->code == DDS_OK) {
    *error = *failure;
  }
  return false;
}

bool dds_error_set_errno(dds_error *error, int failure, const char *format, ...) {
  if (error->code != DDS_OK) {
    return false;
  }
  va_list arguments;
  va_start(arguments, format);
  set(error, failure == ENOMEM ? DDS_NOMEM : DDS_ERROR, format, arguments);
  va_end(arguments);
  char reason[128];
  if (strerror_r(failure, reason, sizeof reason) != 0) {
    snprintf(reason, sizeof reason, "error %d", failure);
  }
  dds_error_append(error, ": %s", reason);
  return false;
}

bool dds_error_set_nomem(dds_error *error) {
  return dds_error_set(error, DDS_NOMEM, "out of memory");
}

void dds_error_prefix(dds_error *error, const char *format, ...) {
  if (error->code == DDS_OK) {
    return;
  }
  char message[DDS_ERROR_MESSAGE_BYTES];
  memcpy(message, error->message, sizeof message);
  va_list arguments;
  va_start(arguments, format);
  int written = vsnprintf(error->message, sizeof error->message, format, arguments);
  va_end(arguments);
  size_t used = written < 0 ? 0 : (size_t)written;
  if (used < sizeof error->message) {
    snprintf(error->message + used, sizeof error->message - used, "%s", message);
  }
  make_valid(error->message);
}

void dds_error_append(dds_error *error, const char *format, ...) {
  if (error->code == DDS_OK) {
    return;
  }
  size_t used = strlen(error->message);
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(error->message + used, sizeof error->message - used, format, arguments);
  va_end(arguments);
  make_valid(error->message);
}

void dds_error_format(const dds_error *error, char *text, size_t size_bytes) {
  char facts[DDS_ERROR_REQUEST_ID_BYTES + 80] = "";
  size_t used = 0;
  const char *separator = " (";
  if (error->http_status != 0) {
    used += (size_t)snprintf(facts, sizeof facts, " (HTTP %d", error->http_status);
    separator = ", ";
  }
  if (error->request_id[0] != '\0') {
    used += (size_t)snprintf(facts + used, sizeof facts - used, "%srequest %s", separator,
                             error->request_id);
    separator = ", ";
  }
  if (error->attempts != 0) {
    used += (size_t)snprintf(facts + used, sizeof facts - used, "%s%d attempt%s", separator,
                             error->attempts, dds_text_plural(error->attempts));
  }
  if (used > 0) {
    snprintf(facts + used, sizeof facts - used, ")");
  }

  /* A message that is too long is cut, so that the request id stays. */
  size_t room = size_bytes > strlen(facts) ? size_bytes - strlen(facts) - 1 : 0;
  size_t length = strlen(error->message);
  if (length > room) {
    length = dds_utf8_valid_prefix(error->message, room);
  }
  snprintf(text, size_bytes, "%.*s%s", (int)length, error->message, facts);
}
