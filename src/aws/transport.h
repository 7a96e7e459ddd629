/*
 * The seam between a client and the network: many exchanges in flight, one thread. http.c
 * implements it with a curl multi handle, one for each SQLite connection; unit tests with a script
 * and a clock of their own.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "aws/stop.h"
#include "base/buffer.h"
#include "base/error.h"

typedef struct dds_http_header {
  const char *name;
  const char *value;
} dds_http_header;

/* Borrowed until start returns, except `body`, which must live until the exchange is released. */
typedef struct dds_http_request {
  const char *method; /* "POST" */
  const char *url;
  const dds_http_header *headers;
  size_t header_count;
  const char *body;
  size_t body_length;
  const char *ca_bundle; /* or NULL */
  int connect_timeout_ms;
  int request_timeout_ms;
  size_t response_limit_bytes; /* a longer body ends the exchange with an error */
  bool bypass_proxy;           /* whatever the environment says */
  bool is_secret;              /* the answer's body is wiped when it is released */
  bool is_awaited;             /* whoever starts it waits next: the wait may send it */
} dds_http_request;

/* Why an exchange ended without a whole HTTP answer. */
typedef enum dds_http_failure {
  DDS_HTTP_ANSWERED = 0,
  DDS_HTTP_NOT_SENT,    /* no connection: the server has seen nothing */
  DDS_HTTP_INTERRUPTED, /* sent, wholly or partly, and no whole answer: it may have been applied */
  DDS_HTTP_REFUSED, /* not to be tried again: TLS verification, a proxy's no, a too large answer */
} dds_http_failure;

struct dds_exchange;

/* Whose an exchange is. Whoever waits hands each exchange that finishes to its owner: it may be
 * another's than the one that is waited for. */
typedef struct dds_exchange_owner {
  void (*finished)(struct dds_exchange_owner *owner, struct dds_exchange *exchange);
} dds_exchange_owner;

/* One request and its answer. */
typedef struct dds_exchange {
  dds_exchange_owner *owner;
  dds_http_failure failure;
  char failure_message[400]; /* words of the transport, never with a header's value */
  int status;
  dds_buffer body;
  uint32_t body_crc32;  /* of what came of it: summed up as it comes, while the cache has it */
  char request_id[80];  /* x-amzn-RequestId, or "" */
  char retry_after[24]; /* x-amz-retry-after, milliseconds in decimal, or "" */
  char crc32[16];       /* x-amz-crc32, decimal, or "" */
  char content_type[64];
  char date[40];        /* Date, as it came, or "" */
  bool has_age;         /* Age: a cache has answered, and Date is the time of what it kept */
  bool has_lost_answer; /* it was sent, wholly or partly, at least once without a whole answer:
                           also where the transport itself sent it again and that was answered */
  int64_t started_ms;   /* by the transport's clock */
  int64_t finished_ms;  /* when it was seen: */
  int64_t away_ms;      /* of that time the transport was so long neither in start nor in wait */
} dds_exchange;

typedef struct dds_transport dds_transport;

struct dds_transport {
  /* Starts an exchange, which stays the transport's until it is released. It is under way at once
   * where a connection is kept and it is not awaited, else with the next wait. */
  bool (*start)(dds_transport *transport, const dds_http_request *request,
                dds_exchange_owner *owner, dds_exchange **exchange, dds_error *error);
  /*
   * Works until an exchange finishes, which is returned, or until `until_ms`: NULL. Asks the stop
   * callback every 50 ms; where it says stop, NULL with DDS_INTERRUPT in `error`.
   */
  dds_exchange *(*wait)(dds_transport *transport, int64_t until_ms, dds_error *error);
  /* Ends it if it is still in flight, and frees it. */
  void (*release)(dds_transport *transport, dds_exchange *exchange);
  /* Milliseconds since the epoch. */
  int64_t (*now_ms)(dds_transport *transport);
  void (*destroy)(dds_transport *transport);
  dds_stop stop; /* what `wait` asks; for others who wait meanwhile (a credential process). While
                    it is asked, start and wait are not to be called (dds_stop_check_outside). */
};
