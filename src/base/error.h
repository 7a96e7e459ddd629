/*
 * The one error type. It is filled where an error arises and travels, as the last parameter, up to
 * SQLite. It allocates nothing, and never holds a credential, a signed header, a session id or
 * session data: whoever writes a message names a session by the hash of its id.
 *
 * The first error wins: setting one that is set already changes nothing.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/attributes.h"

/* What kind of failure it is. vtab/ maps each to SQLite's result code of the same name. */
typedef enum dds_code {
  DDS_OK = 0,
  DDS_ERROR,
  DDS_NOMEM,
  DDS_INTERRUPT,
  DDS_BUSY,          /* throttled or in conflict, and nothing was applied */
  DDS_BUSY_SNAPSHOT, /* changed since it was read */
  DDS_LOCKED,
  DDS_ABORT_ROLLBACK, /* the transaction was rolled back under the statement */
  DDS_AUTH,
  DDS_READONLY,
  DDS_TOOBIG,
  DDS_MISMATCH,
  DDS_PRIMARYKEY, /* UNIQUE constraint failed */
  DDS_NOTNULL,
  DDS_CHECK,
} dds_code;

enum { DDS_ERROR_MESSAGE_BYTES = 1024, DDS_ERROR_CODE_BYTES = 80, DDS_ERROR_REQUEST_ID_BYTES = 80 };

/* Room for dds_error_format: the message, and what is known of the HTTP exchange. */
enum { DDS_ERROR_TEXT_BYTES = DDS_ERROR_MESSAGE_BYTES + DDS_ERROR_REQUEST_ID_BYTES + 64 };

typedef struct dds_error {
  dds_code code;
  int http_status;                             /* 0: no HTTP answer */
  int attempts;                                /* 0: no request was sent */
  char service_code[DDS_ERROR_CODE_BYTES];     /* "ResourceNotFoundException", else "" */
  char request_id[DDS_ERROR_REQUEST_ID_BYTES]; /* x-amzn-RequestId, else "" */
  char message[DDS_ERROR_MESSAGE_BYTES];       /* valid UTF-8, NUL-terminated, cut when long */
} dds_error;

/* An error that is not set. */
#define DDS_ERROR_INIT ((dds_error){.code = DDS_OK})

/* The same for one that is made for each row, column or request: its texts begin empty, but the
 * kilobyte behind them is not cleared. */
static inline void dds_error_clear(dds_error *error) {
  error->code = DDS_OK;
  error->http_status = 0;
  error->attempts = 0;
  error->service_code[0] = '\0';
  error->request_id[0] = '\0';
  error->message[0] = '\0';
}

/* Sets code and message unless an error is set. Returns false always: `return dds_error_set(…)`. */
bool dds_error_set(dds_error *error, dds_code code, const char *format, ...) DDS_PRINTF(3, 4);

/* Out of memory, in SQLite's words. Returns false always. */
bool dds_error_set_nomem(dds_error *error);

/* As dds_error_set, with the operating system's words for a value of errno behind the message. */
bool dds_error_set_errno(dds_error *error, int failure, const char *format, ...) DDS_PRINTF(3, 4);

/* Takes over a failure as it is, unless an error is set. Returns false always. */
bool dds_error_pass_on(dds_error *error, const dds_error *failure);

/* Puts context before the message of an error that is set: `Scan of "sessions" failed: …`. */
void dds_error_prefix(dds_error *error, const char *format, ...) DDS_PRINTF(2, 3);

/* Adds a remedy behind the message of an error that is set. */
void dds_error_append(dds_error *error, const char *format, ...) DDS_PRINTF(2, 3);

/*
 * Writes the message as a user sees it, with what is known of the HTTP exchange behind it:
 * `… (HTTP 400, request 4KBNVRGD25RG1KEO9UT4V3FQDJ, 2 attempts)`. Always NUL-terminates.
 */
void dds_error_format(const dds_error *error, char *text, size_t size_bytes);
