/*
 * The transport on libcurl: one multi handle, whose pool keeps connections alive between requests,
 * and a list of exchanges that are used again with their easy handles. A handle keeps its options
 * while requests go the same way to the same place, as nearly all do: only headers, body and
 * timeouts are set for each. One thread; nothing happens outside start and wait.
 *
 * curl_multi_poll is left at least every 50 ms to ask whether to stop.
 *
 * Between a start and a wait the caller may be away for long, with a page of rows that somebody
 * reads. Nothing is received then, so that time counts for no timeout.
 */
#include "aws/http.h"

#include <curl/curl.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/descriptor.h"
#include "base/hash.h"
#include "base/text.h"

#if LIBCURL_VERSION_NUM < 0x075000
#error "libcurl 7.80 or later is needed (CURLOPT_PREREQFUNCTION)"
#endif

enum {
  STOP_INTERVAL_MS = 50,
  RECEIVE_BUFFER_BYTES = 256 * 1024,
  KEPT_CONNECTIONS = 64,
  KEPT_EXCHANGES = 32,
  KEPT_BODY_BYTES = 16 * 1024,
  /* Taken at once for an answer that says how long it is; a larger one grows as it comes. */
  RESERVE_LIMIT_BYTES = 4 * 1024 * 1024,
  RESPONSE_HEADERS_LIMIT_BYTES = 128 * 1024,
  LONGEST_ABSENCE_MS = 4 * 60 * 1000,
};

typedef struct http_exchange http_exchange;

typedef struct http_transport {
  dds_transport base;
  CURLM *multi;
  pid_t process;
  http_exchange *in_flight;
  http_exchange *finished; /* not yet handed out, in their order */
  http_exchange *idle;     /* released, to be used again */
  size_t idle_count;
  dds_buffer spare_body; /* of a page that was left, for one that comes; none: no memory */
  bool has_unsent;       /* a request is in flight that the next wait is to send */
  /* By the monotonic clock: */
  int64_t asked_ms;  /* when `stop` was asked last, */
  int64_t active_ms; /* when a wait ended last, */
  int64_t worked_ms; /* and when libcurl was let work last */
} http_transport;

/* What of a request a handle keeps until another request differs in it. Owned. */
typedef struct kept_options {
  char *method;
  char *url;
  char *ca_bundle; /* or NULL */
  bool bypass_proxy;
  CURLU *parsed_url; /* which libcurl would parse, and write out again, for each request */
} kept_options;

struct http_exchange {
  dds_exchange base; /* first, so that a pointer to one is a pointer to the other */
  /* From one request to the next: */
  http_transport *transport;
  CURL *easy; /* NULL once a request failed */
  kept_options kept;
  struct curl_slist *headers; /* in an array, and behind it their lines: */
  size_t headers_bytes;       /* so much room */
  /* Of the request: */
  bool is_in_flight;
  http_exchange *next; /* in flight, finished or idle */
  int connect_timeout_ms;
  int request_timeout_ms;
  size_t response_limit_bytes;
  size_t header_bytes; /* received */
  bool is_too_large;
  int times_sent;
  char curl_message[CURL_ERROR_SIZE];
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static CURLcode initialised = CURLE_FAILED_INIT;

static void initialise(void) {
  initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
}

bool dds_http_initialise(dds_error *error) {
  pthread_once(&once, initialise);
  if (initialised == CURLE_OK) {
    return true;
  }
  return dds_error_set(error, DDS_ERROR, "libcurl cannot be initialised: %s",
                       curl_easy_strerror(initialised));
}

/* OpenSSL writes to closed sockets; a library must neither die of that nor change the process. */
typedef struct pipe_guard {
  bool is_blocked; /* by the guard */
  bool was_pending;
  sigset_t previous;
} pipe_guard;

static bool is_sigpipe_pending(void) {
  sigset_t pending;
  return sigpending(&pending) == 0 && sigismember(&pending, SIGPIPE) == 1;
}

/* Where it was not blocked it cannot have been pending: it would have been delivered. */
static pipe_guard block_sigpipe(void) {
  pipe_guard guard = {.is_blocked = false};
  sigset_t pipe_only;
  sigemptyset(&pipe_only);
  sigaddset(&pipe_only, SIGPIPE);
  guard.is_blocked = pthread_sigmask(SIG_BLOCK, &pipe_only, &guard.previous) == 0;
  guard.was_pending =
      guard.is_blocked && sigismember(&guard.previous, SIGPIPE) == 1 && is_sigpipe_pending();
  return guard;
}

static void unblock_sigpipe(const pipe_guard *guard) {
  if (!guard->is_blocked) {
    return;
  }
  if (!guard->was_pending && is_sigpipe_pending()) {
    sigset_t pipe_only;
    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
#ifdef __APPLE__
    int caught; /* macOS has no sigtimedwait; the signal is pending, so this does not wait */
    sigwait(&pipe_only, &caught);
#else
    const struct timespec at_once = {0, 0};
    sigtimedwait(&pipe_only, NULL, &at_once);
#endif
  }
  pthread_sigmask(SIG_SETMASK, &guard->previous, NULL);
}

static int64_t http_now_ms(dds_transport *base) {
  struct timespec now;
  (void)base;
  clock_gettime(CLOCK_REALTIME, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void append_exchange(http_exchange **list, http_exchange *exchange) {
  while (*list != NULL) {
    list = &(*list)->next;
  }
  exchange->next = NULL;
  *list = exchange;
}

static void remove_exchange(http_exchange **list, http_exchange *exchange) {
  while (*list != NULL && *list != exchange) {
    list = &(*list)->next;
  }
  if (*list != NULL) {
    *list = exchange->next;
  }
  exchange->next = NULL;
}

/* Right before a request goes out; a second time where curl sends it again on a new connection,
 * because a kept one turned out to be closed. */
static int on_sending(void *context, char *peer, char *local, int peer_port, int local_port) {
  http_exchange *exchange = context;
  (void)peer;
  (void)local;
  (void)peer_port;
  (void)local_port;
  exchange->times_sent++;
  return CURL_PREREQFUNC_OK;
}

/* A large body's memory, while other answers are on their way. Taking it anew for each page of
 * several segments, malloc gives it back to the system and gets it page fault by page fault. */
static void put_by(http_transport *transport, dds_buffer *body) {
  if (transport->in_flight != NULL && body->capacity <= RESERVE_LIMIT_BYTES &&
      body->capacity > transport->spare_body.capacity) {
    dds_buffer smaller = transport->spare_body;
    transport->spare_body = *body;
    *body = smaller;
  }
  dds_buffer_free(body);
}

static void take_spare(http_transport *transport, dds_buffer *body) {
  dds_buffer spare = transport->spare_body;
  dds_buffer_clear(&spare);
  spare.maximum = body->maximum;
  dds_buffer_free(body);
  *body = spare;
  transport->spare_body = DDS_BUFFER_INIT(0);
}

/* A page of a megabyte comes in pieces of some kilobytes, and would be copied as it grows. */
static void reserve_body(http_exchange *exchange) {
  http_transport *transport = exchange->transport;
  dds_buffer *body = &exchange->base.body;
  curl_off_t announced = -1;
  curl_easy_getinfo(exchange->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &announced);
  if (announced <= 0 || announced > RESERVE_LIMIT_BYTES ||
      (size_t)announced > exchange->response_limit_bytes) {
    return;
  }
  if ((size_t)announced > KEPT_BODY_BYTES && !body->is_secret &&
      (size_t)announced < transport->spare_body.capacity) {
    take_spare(transport, body);
  }
  dds_buffer_reserve(body, (size_t)announced);
}

static size_t on_body(char *bytes, size_t size, size_t count, void *context) {
  http_exchange *exchange = context;
  size_t length = size * count;
  if (length > exchange->response_limit_bytes - exchange->base.body.length) {
    exchange->is_too_large = true;
    return CURL_WRITEFUNC_PAUSE - 1; /* any number but `length` ends the transfer */
  }
  if (exchange->base.body.length == 0) {
    reserve_body(exchange);
  }
  exchange->base.body_crc32 = dds_hash_crc32(exchange->base.body_crc32, bytes, length);
  dds_buffer_append(&exchange->base.body, bytes, length);
  return exchange->base.body.failed == DDS_OK ? length : CURL_WRITEFUNC_PAUSE - 1;
}

/* Copies a header's value, trimmed. One that is too long is left out rather than cut, and so is one
 * that is not printable ASCII: it would stand in messages. */
static void copy_value(char *slot, size_t slot_bytes, const char *value, size_t length) {
  while (length > 0 && (*value == ' ' || *value == '\t')) {
    value++;
    length--;
  }
  while (length > 0 && (unsigned char)value[length - 1] <= ' ') {
    length--;
  }
  if (length >= slot_bytes) {
    return;
  }
  for (size_t i = 0; i < length; i++) {
    if ((unsigned char)value[i] < ' ' || (unsigned char)value[i] > '~') {
      return;
    }
  }
  memcpy(slot, value, length);
  slot[length] = '\0';
}

/* The headers that are kept; their names in lower case, with the colon. */
#define WANTED(name, slot) \
  {name ":", sizeof(name), offsetof(dds_exchange, slot), sizeof((dds_exchange *)NULL)->slot}
static const struct {
  const char *name;
  size_t name_length;
  size_t slot;
  size_t slot_bytes;
} wanted_headers[] = {
    WANTED("x-amzn-requestid", request_id),
    WANTED("x-amz-retry-after", retry_after),
    WANTED("x-amz-crc32", crc32),
    WANTED("content-type", content_type),
    WANTED("date", date),
};
#undef WANTED

/* Nearly every line that is not meant has no colon there. */
static bool is_header(const char *line, size_t length, const char *name, size_t name_length) {
  return length > name_length && line[name_length - 1] == ':' &&
         strncasecmp(line, name, name_length) == 0;
}

static size_t on_header(char *line, size_t size, size_t count, void *context) {
  http_exchange *exchange = context;
  size_t length = size * count;
  exchange->header_bytes += length;
  if (exchange->header_bytes > RESPONSE_HEADERS_LIMIT_BYTES) {
    return 0; /* ends the transfer */
  }
  for (size_t i = 0; i < sizeof wanted_headers / sizeof wanted_headers[0]; i++) {
    size_t name_length = wanted_headers[i].name_length;
    if (is_header(line, length, wanted_headers[i].name, name_length)) {
      copy_value((char *)&exchange->base + wanted_headers[i].slot, wanted_headers[i].slot_bytes,
                 line + name_length, length - name_length);
    }
  }
  exchange->base.has_age |= is_header(line, length, "age:", strlen("age:"));
  return length;
}

/* As libcurl opens it, but where neither what the host writes to a standard stream that it has
 * closed nor a program that it starts gets hold of the connection. */
static curl_socket_t open_socket(void *context, curlsocktype purpose,
                                 struct curl_sockaddr *address) {
  (void)context;
  (void)purpose;
  int descriptor = socket(address->family, address->socktype, address->protocol);
  if (descriptor >= 0) {
    dds_descriptor_lift(&descriptor);
  }
  return descriptor < 0 ? CURL_SOCKET_BAD : descriptor;
}

/* A connection may not be shared by two processes: both would write into one TLS stream. */
static bool check_process(const http_transport *transport, dds_error *error) {
  if (transport->process == getpid()) {
    return true;
  }
  return dds_error_set(error, DDS_ERROR,
                       "this database connection was opened by another process and carried across "
                       "fork(): open a new one in each process");
}

/* They hold the authorization and the security token. The room stays. */
static void wipe_headers(http_exchange *exchange) {
  dds_wipe(exchange->headers, exchange->headers_bytes);
}

/* Room for so many bytes; what was in it is wiped already. */
static bool reserve_headers(http_exchange *exchange, size_t bytes, dds_error *error) {
  if (bytes <= exchange->headers_bytes) {
    return true;
  }
  dds_free(exchange->headers);
  exchange->headers = dds_alloc(bytes);
  exchange->headers_bytes = exchange->headers == NULL ? 0 : bytes;
  return exchange->headers != NULL || dds_error_set_nomem(error);
}

/* Writes a line where curl expects one: `Name: value`, or `Name:` to take out a header. */
static char *write_line(struct curl_slist *line, const dds_http_header *header, char *at) {
  size_t name_length = strlen(header->name);
  size_t value_length = strlen(header->value);
  line->data = at;
  memcpy(at, header->name, name_length);
  at += name_length;
  *at++ = ':';
  if (value_length > 0) {
    *at++ = ' ';
    memcpy(at, header->value, value_length);
    at += value_length;
  }
  *at++ = '\0';
  return at;
}

/*
 * The list of headers as curl walks over it, which takes no part of it over: in one piece of
 * memory, because curl_slist_append takes two pieces a header. An empty value takes out a header
 * that curl would send, though not one of the same name in the request: waiting for 100 costs a
 * round trip, what a body is curl does not know, and that any answer is welcome goes without
 * saying.
 */
static bool make_headers(http_exchange *exchange, const dds_http_request *request,
                         dds_error *error) {
  static const dds_http_header taken_out[] = {{"Expect", ""}, {"Content-Type", ""}, {"Accept", ""}};
  size_t count = request->header_count + sizeof taken_out / sizeof taken_out[0];
  size_t bytes = count * sizeof *exchange->headers + sizeof "Expect:Content-Type:Accept:" + 2;
  for (size_t i = 0; i < request->header_count; i++) {
    const dds_http_header *header = &request->headers[i];
    bytes += strlen(header->name) + strlen(header->value) + sizeof ": ";
  }
  if (!reserve_headers(exchange, bytes, error)) {
    return false;
  }
  char *at = (char *)(exchange->headers + count);
  for (size_t i = 0; i < count; i++) {
    const dds_http_header *header =
        i < request->header_count ? &request->headers[i] : &taken_out[i - request->header_count];
    at = write_line(&exchange->headers[i], header, at);
    exchange->headers[i].next = i + 1 < count ? &exchange->headers[i + 1] : NULL;
  }
  return true;
}

static bool check_easy(CURLcode result, dds_error *error) {
  if (result == CURLE_OK) {
    return true;
  }
  if (result == CURLE_OUT_OF_MEMORY) {
    return dds_error_set_nomem(error);
  }
  return dds_error_set(error, DDS_ERROR, "libcurl refuses the request: %s",
                       curl_easy_strerror(result));
}

/* The next option, unless one before was refused. */
#define SET(option, value)                            \
  do {                                                \
    if (result == CURLE_OK)                           \
      result = curl_easy_setopt(easy, option, value); \
  } while (0)

static CURLcode set_constant_options(http_exchange *exchange) {
  CURL *easy = exchange->easy;
  CURLcode result = CURLE_OK;
  SET(CURLOPT_NOSIGNAL, 1L);
  SET(CURLOPT_TCP_NODELAY, 1L);
  SET(CURLOPT_TCP_KEEPALIVE, 1L);
  SET(CURLOPT_BUFFERSIZE, (long)RECEIVE_BUFFER_BYTES);
  SET(CURLOPT_FOLLOWLOCATION, 0L);
  SET(CURLOPT_SSL_VERIFYPEER, 1L);
  SET(CURLOPT_SSL_VERIFYHOST, 2L);
  SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
#if LIBCURL_VERSION_NUM >= 0x075700
  /* Cancelling must not wait for a name server that does not answer. */
  SET(CURLOPT_QUICK_EXIT, 1L);
#endif
#if LIBCURL_VERSION_NUM >= 0x075500
  SET(CURLOPT_PROTOCOLS_STR, "http,https");
#else
  SET(CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
  SET(CURLOPT_ERRORBUFFER, exchange->curl_message);
  SET(CURLOPT_PRIVATE, exchange);
  SET(CURLOPT_PREREQFUNCTION, on_sending);
  SET(CURLOPT_PREREQDATA, exchange);
  SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
  SET(CURLOPT_WRITEFUNCTION, on_body);
  SET(CURLOPT_WRITEDATA, exchange);
  SET(CURLOPT_HEADERFUNCTION, on_header);
  SET(CURLOPT_HEADERDATA, exchange);
  return result;
}

/* A URL that cannot be parsed is left to libcurl: then the exchange fails in libcurl's words. */
static CURLcode set_url(CURL *easy, kept_options *kept) {
  kept->parsed_url = curl_url();
  if (kept->parsed_url == NULL) {
    return CURLE_OUT_OF_MEMORY;
  }
  if (curl_url_set(kept->parsed_url, CURLUPART_URL, kept->url, CURLU_NON_SUPPORT_SCHEME) !=
      CURLUE_OK) {
    return curl_easy_setopt(easy, CURLOPT_URL, kept->url);
  }
  return curl_easy_setopt(easy, CURLOPT_CURLU, kept->parsed_url);
}

static CURLcode set_destination(CURL *easy, kept_options *kept) {
  CURLcode result = set_url(easy, kept);
  SET(CURLOPT_CUSTOMREQUEST, kept->method);
  if (kept->ca_bundle != NULL) {
    SET(CURLOPT_CAINFO, kept->ca_bundle);
  }
  if (kept->bypass_proxy) {
    SET(CURLOPT_PROXY, ""); /* also takes the variables' place */
  }
  return result;
}

static CURLcode set_request_options(http_exchange *exchange, const dds_http_request *request) {
  CURL *easy = exchange->easy;
  CURLcode result = CURLE_OK;
  if (strcmp(request->method, "GET") != 0) {
    SET(CURLOPT_POSTFIELDS, request->body_length == 0 ? "" : request->body);
    SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_length);
  }
  SET(CURLOPT_HTTPHEADER, exchange->headers);
  SET(CURLOPT_CONNECTTIMEOUT_MS, (long)exchange->connect_timeout_ms);
  SET(CURLOPT_TIMEOUT_MS, (long)exchange->request_timeout_ms);
  return result;
}
#undef SET

static bool keeps_options_of(const kept_options *kept, const dds_http_request *request) {
  return dds_text_is_same(kept->url, request->url) &&
         dds_text_is_same(kept->method, request->method) &&
         dds_text_is_same(kept->ca_bundle, request->ca_bundle) &&
         kept->bypass_proxy == request->bypass_proxy;
}

static void free_kept(kept_options *kept) {
  curl_url_cleanup(kept->parsed_url);
  dds_free(kept->method);
  dds_free(kept->url);
  dds_free(kept->ca_bundle);
  *kept = (kept_options){0};
}

/* Sets a handle up anew: what another request needed is gone from it. */
static bool set_kept_options(http_exchange *exchange, const dds_http_request *request,
                             dds_error *error) {
  kept_options *kept = &exchange->kept;
  curl_easy_reset(exchange->easy);
  free_kept(kept);
  kept->bypass_proxy = request->bypass_proxy;
  return dds_text_copy(&kept->method, request->method, error) &&
         dds_text_copy(&kept->url, request->url, error) &&
         dds_text_copy(&kept->ca_bundle, request->ca_bundle, error) &&
         check_easy(set_constant_options(exchange), error) &&
         check_easy(set_destination(exchange->easy, kept), error);
}

static bool set_options(http_exchange *exchange, const dds_http_request *request,
                        dds_error *error) {
  return (keeps_options_of(&exchange->kept, request) ||
          set_kept_options(exchange, request, error)) &&
         make_headers(exchange, request, error) &&
         check_easy(set_request_options(exchange, request), error);
}

static void forget_handle(http_exchange *exchange) {
  curl_easy_cleanup(exchange->easy);
  exchange->easy = NULL;
}

static void free_exchange(http_exchange *exchange) {
  forget_handle(exchange);
  free_kept(&exchange->kept);
  dds_free_secret(exchange->headers, exchange->headers_bytes);
  dds_buffer_free(&exchange->base.body);
  dds_free(exchange);
}

/* One that was released, or a new one; NULL where memory ran out. */
static http_exchange *take_exchange(http_transport *transport) {
  http_exchange *exchange = transport->idle;
  if (exchange != NULL) {
    transport->idle = exchange->next;
    transport->idle_count--;
    return exchange;
  }
  exchange = dds_alloc(sizeof *exchange);
  if (exchange == NULL) {
    return NULL;
  }
  exchange->transport = transport;
  exchange->easy = curl_easy_init();
  if (exchange->easy == NULL) {
    free_exchange(exchange);
    return NULL;
  }
  return exchange;
}

/* False: it is to be freed. What has carried credentials is, and so is one whose transfer failed:
 * libcurl may have left its receive buffer allocated, and then refuses CURLOPT_BUFFERSIZE (seen
 * with 7.88 after a name that does not resolve). */
static bool keep_exchange(http_transport *transport, http_exchange *exchange) {
  dds_buffer *body = &exchange->base.body;
  if (exchange->easy == NULL || body->is_secret || transport->idle_count == KEPT_EXCHANGES) {
    return false;
  }
  if (body->capacity > KEPT_BODY_BYTES) {
    put_by(transport, body);
  }
  exchange->next = transport->idle;
  transport->idle = exchange;
  transport->idle_count++;
  return true;
}

/* Nothing is left of the request before but what both have in common, and memory. */
static void begin(http_exchange *exchange, const dds_http_request *request,
                  dds_exchange_owner *owner) {
  dds_buffer body = exchange->base.body;
  dds_buffer_clear(&body);
  body.maximum = request->response_limit_bytes;
  body.is_secret = request->is_secret;
  *exchange = (http_exchange){
      .base = {.owner = owner, .body = body, .started_ms = http_now_ms(&exchange->transport->base)},
      .transport = exchange->transport,
      .easy = exchange->easy,
      .kept = exchange->kept,
      .headers = exchange->headers,
      .headers_bytes = exchange->headers_bytes,
      .connect_timeout_ms = request->connect_timeout_ms,
      .request_timeout_ms = request->request_timeout_ms,
      .response_limit_bytes = request->response_limit_bytes,
  };
}

/*
 * Before libcurl works on: puts the timeouts of what is in flight off by the time in which it could
 * not. It looks at them before it looks at what has come. Longer absences end in the timeout: where
 * a kept connection turns out to be closed libcurl sends the request again as it is, and its
 * signature holds for five minutes.
 */
static void allow_for_absence(http_transport *transport, int64_t now_ms) {
  int64_t absence_ms = now_ms - transport->worked_ms;
  for (http_exchange *at = transport->in_flight; at != NULL && absence_ms > 0; at = at->next) {
    at->base.away_ms += absence_ms;
    if (at->base.away_ms > LONGEST_ABSENCE_MS) {
      continue;
    }
    curl_easy_setopt(at->easy, CURLOPT_CONNECTTIMEOUT_MS,
                     (long)(at->connect_timeout_ms + at->base.away_ms));
    curl_easy_setopt(at->easy, CURLOPT_TIMEOUT_MS,
                     (long)(at->request_timeout_ms + at->base.away_ms));
  }
}

static void put_in_flight(http_transport *transport, http_exchange *exchange) {
  int64_t now_ms = dds_clock_monotonic_ms();
  allow_for_absence(transport, now_ms);
  transport->worked_ms = now_ms;
  exchange->is_in_flight = true;
  append_exchange(&transport->in_flight, exchange);
}

/* On a kept connection this sends what was started. What goes wrong here shows in the wait. */
static void send_started(http_transport *transport) {
  int running;
  transport->has_unsent = false;
  curl_multi_perform(transport->multi, &running);
}

/* So that the request is under way while the caller does something else before it waits. */
static void send_now(http_transport *transport) {
  pipe_guard guard = block_sigpipe();
  send_started(transport);
  unblock_sigpipe(&guard);
  transport->worked_ms = dds_clock_monotonic_ms();
}

static bool check_multi(CURLMcode result, dds_error *error) {
  if (result == CURLM_OK) {
    return true;
  }
  if (result == CURLM_OUT_OF_MEMORY) {
    return dds_error_set_nomem(error);
  }
  return dds_error_set(error, DDS_ERROR, "libcurl: %s", curl_multi_strerror(result));
}

static bool http_start(dds_transport *base, const dds_http_request *request,
                       dds_exchange_owner *owner, dds_exchange **out, dds_error *error) {
  http_transport *transport = (http_transport *)base;
  *out = NULL;
  if (!check_process(transport, error)) {
    return false;
  }
  http_exchange *exchange = take_exchange(transport);
  if (exchange == NULL) {
    return dds_error_set_nomem(error);
  }
  begin(exchange, request, owner);
  if (!set_options(exchange, request, error) ||
      !check_multi(curl_multi_add_handle(transport->multi, exchange->easy), error)) {
    free_exchange(exchange);
    return false;
  }
  put_in_flight(transport, exchange);
  if (request->is_awaited) {
    transport->has_unsent = true;
  } else {
    send_now(transport);
  }
  *out = &exchange->base;
  return true;
}

/* What would fail again, and is a matter of configuration. */
static bool is_refusal(CURLcode result) {
  static const CURLcode refusals[] = {
      CURLE_PEER_FAILED_VERIFICATION,
      CURLE_SSL_CACERT_BADFILE,
      CURLE_SSL_CERTPROBLEM,
      CURLE_SSL_CIPHER,
      CURLE_SSL_ISSUER_ERROR,
      CURLE_SSL_ENGINE_INITFAILED,
      CURLE_URL_MALFORMAT,
      CURLE_UNSUPPORTED_PROTOCOL,
      CURLE_OUT_OF_MEMORY,
      CURLE_WRITE_ERROR,
      CURLE_BAD_FUNCTION_ARGUMENT,
      CURLE_NOT_BUILT_IN,
  };
  for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
    if (result == refusals[i]) {
      return true;
    }
  }
  return false;
}

/*
 * A single header line over 100 KB does not reach on_header: libcurl before 8.6 (seen with 7.88)
 * calls it out of memory. Once an answer begins libcurl allocates for headers alone; the body's
 * buffer is base's, and has a failure of its own.
 */
static bool has_too_large_headers(const http_exchange *exchange, CURLcode result) {
  curl_off_t first_byte_us = 0;
  if (exchange->header_bytes > RESPONSE_HEADERS_LIMIT_BYTES) {
    return true;
  }
#if LIBCURL_VERSION_NUM >= 0x080600
  if (result == CURLE_TOO_LARGE) {
    return true;
  }
#endif
  return result == CURLE_OUT_OF_MEMORY &&
         curl_easy_getinfo(exchange->easy, CURLINFO_STARTTRANSFER_TIME_T, &first_byte_us) ==
             CURLE_OK &&
         first_byte_us > 0;
}

/* What a proxy answered to the wish for a tunnel to the server, or 0. */
static long proxy_status_of(CURL *easy) {
  long status = 0;
  curl_easy_getinfo(easy, CURLINFO_HTTP_CONNECTCODE, &status);
  return status;
}

/* A server of TLS that is asked in plain HTTP answers with bytes of its own, or ends the
 * connection, which is what any server may do: so the connection is to be new, and no byte to have
 * come. */
static bool may_speak_tls(CURL *easy, CURLcode result) {
  const char *scheme = NULL;
  long new_connections = 0;
  long header_bytes = 0;
  if (curl_easy_getinfo(easy, CURLINFO_SCHEME, &scheme) != CURLE_OK || scheme == NULL ||
      strcasecmp(scheme, "http") != 0) {
    return false;
  }
  curl_easy_getinfo(easy, CURLINFO_NUM_CONNECTS, &new_connections);
  curl_easy_getinfo(easy, CURLINFO_HEADER_SIZE, &header_bytes);
  bool is_no_answer = result == CURLE_UNSUPPORTED_PROTOCOL || result == CURLE_WEIRD_SERVER_REPLY ||
                      result == CURLE_GOT_NOTHING || result == CURLE_RECV_ERROR;
  return is_no_answer && new_connections > 0 && header_bytes == 0;
}

/* The URL's scheme is not what is spoken there; "" where nothing hints at that. OpenSSL reads plain
 * HTTP as a version of TLS that is none. */
static const char *scheme_remedy(CURL *easy, CURLcode result, const char *message) {
  if (result == CURLE_SSL_CONNECT_ERROR && strstr(message, "wrong version number") != NULL) {
    return ": plain HTTP seems to be spoken there: write http:// in the URL, or the proxy's";
  }
  return may_speak_tls(easy, result) ? ": TLS seems to be spoken there: write https:// in the URL"
                                     : "";
}

/* What a user does about it, to stand after libcurl's words; "" where those say enough. */
static const char *remedy(CURL *easy, CURLcode result, const char *message) {
  long verification = 0;
  long proxy_status = proxy_status_of(easy);
  curl_easy_getinfo(easy, CURLINFO_SSL_VERIFYRESULT, &verification);
  if (result == CURLE_PEER_FAILED_VERIFICATION && verification != 0) {
    return ": a certificate authority of your own, such as that of a company's proxy, is named by "
           "AWS_CA_BUNDLE or the profile's ca_bundle";
  }
  if (proxy_status == 407) {
    return ": the proxy asks for a name and a password, as in "
           "https_proxy=http://name:password@host";
  }
  return proxy_status >= 300 ? ": the proxy refuses (see https_proxy and no_proxy)"
                             : scheme_remedy(easy, result, message);
}

/*
 * A proxy that libcurl does not understand. Its message quotes the proxy's URL, in which a password
 * may stand; so may any other message that has an @, of which none is known.
 */
static bool quotes_proxy(const char *message) {
  static const char beginning[] = "Unsupported proxy";
  return strncmp(message, beginning, strlen(beginning)) == 0 || strchr(message, '@') != NULL;
}

static void describe_failure(http_exchange *exchange, CURLcode result) {
  dds_exchange *base = &exchange->base;
  bool is_headers = has_too_large_headers(exchange, result);
  long proxy_status = proxy_status_of(exchange->easy);
  bool is_wrong_proxy = quotes_proxy(exchange->curl_message);
  bool is_refused_by_proxy = proxy_status >= 300 && proxy_status < 500;
  bool is_final = is_headers || is_wrong_proxy || is_refused_by_proxy || is_refusal(result);
  base->failure = is_final                   ? DDS_HTTP_REFUSED
                  : exchange->times_sent > 0 ? DDS_HTTP_INTERRUPTED
                                             : DDS_HTTP_NOT_SENT;
  if (result == CURLE_OUT_OF_MEMORY && !is_headers) {
    base->body.failed = DDS_NOMEM;
  }
  if (is_headers) {
    snprintf(base->failure_message, sizeof base->failure_message,
             "the answer's headers are too large");
  } else if (is_wrong_proxy) {
    snprintf(base->failure_message, sizeof base->failure_message,
             "the proxy's URL is not one that libcurl can use (see https_proxy, http_proxy and "
             "all_proxy)");
  } else if (exchange->is_too_large) {
    snprintf(base->failure_message, sizeof base->failure_message,
             "the answer is larger than %zu bytes", exchange->response_limit_bytes);
  } else {
    snprintf(base->failure_message, sizeof base->failure_message, "%s%s",
             exchange->curl_message[0] != '\0' ? exchange->curl_message
                                               : curl_easy_strerror(result),
             remedy(exchange->easy, result, exchange->curl_message));
  }
}

static void finish(http_transport *transport, CURL *easy, CURLcode result) {
  http_exchange *exchange = NULL;
  long status = 0;
  curl_easy_getinfo(easy, CURLINFO_PRIVATE, &exchange);
  curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  curl_multi_remove_handle(transport->multi, easy);
  exchange->base.finished_ms = http_now_ms(&transport->base);
  exchange->base.status = (int)status;
  if (result != CURLE_OK) {
    describe_failure(exchange, result);
    forget_handle(exchange);
  }
  int answered = result == CURLE_OK ? 1 : 0;
  exchange->base.has_lost_answer = exchange->times_sent > answered;
  wipe_headers(exchange);
  exchange->is_in_flight = false;
  remove_exchange(&transport->in_flight, exchange);
  append_exchange(&transport->finished, exchange);
}

static void collect(http_transport *transport) {
  CURLMsg *message;
  int left;
  while ((message = curl_multi_info_read(transport->multi, &left)) != NULL) {
    if (message->msg == CURLMSG_DONE) {
      finish(transport, message->easy_handle, message->data.result);
    }
  }
}

static dds_exchange *take_finished(http_transport *transport) {
  http_exchange *exchange = transport->finished;
  if (exchange == NULL) {
    return NULL;
  }
  remove_exchange(&transport->finished, exchange);
  return &exchange->base;
}

/* Asks at most every 50 ms; true: stop. */
static bool must_stop(http_transport *transport, int64_t now_ms) {
  if (now_ms - transport->asked_ms < STOP_INTERVAL_MS) {
    return false;
  }
  transport->asked_ms = now_ms;
  return dds_stop_ask(&transport->base.stop);
}

/* How long to look for what comes, before `stop` or the deadline is due. */
static int slice_ms(const http_transport *transport, int64_t deadline_ms, int64_t now_ms) {
  int64_t next_ms = transport->asked_ms + STOP_INTERVAL_MS;
  int64_t until_ms = next_ms < deadline_ms ? next_ms : deadline_ms;
  return until_ms > now_ms ? (int)(until_ms - now_ms) : 0;
}

/* libcurl has worked since the last request was handed to it: so what comes is waited for first. */
static dds_exchange *work_until(http_transport *transport, int64_t now_ms, int64_t deadline_ms,
                                dds_error *error) {
  collect(transport);
  dds_exchange *exchange = take_finished(transport);
  while (exchange == NULL) {
    int running;
    int timeout_ms = slice_ms(transport, deadline_ms, now_ms);
    if (!check_multi(curl_multi_poll(transport->multi, NULL, 0, timeout_ms, NULL), error) ||
        !check_multi(curl_multi_perform(transport->multi, &running), error)) {
      return NULL;
    }
    collect(transport);
    exchange = take_finished(transport);
    if (exchange != NULL) {
      break;
    }
    now_ms = dds_clock_monotonic_ms();
    if (must_stop(transport, now_ms)) {
      dds_error_set(error, DDS_INTERRUPT, "interrupted");
      return NULL;
    }
    if (now_ms >= deadline_ms) {
      return NULL;
    }
  }
  return exchange;
}

static dds_exchange *http_wait(dds_transport *base, int64_t until_ms, dds_error *error) {
  http_transport *transport = (http_transport *)base;
  if (!check_process(transport, error)) {
    return NULL;
  }
  dds_exchange *exchange = take_finished(transport);
  if (exchange != NULL) {
    return exchange;
  }

  /* The deadline is kept on the monotonic clock: a corrected clock must not make a wait long. */
  int64_t start_ms = dds_clock_monotonic_ms();
  int64_t now_ms = http_now_ms(base);
  int64_t deadline_ms = INT64_MAX;
  if (until_ms <= now_ms) {
    deadline_ms = start_ms;
  } else if (until_ms - now_ms < INT64_MAX - start_ms) {
    deadline_ms = start_ms + (until_ms - now_ms);
  }
  /* After a pause the 50 ms begin anew: a lone short request is never the one that asks. */
  if (start_ms - transport->active_ms >= STOP_INTERVAL_MS) {
    transport->asked_ms = start_ms;
  }

  pipe_guard guard = block_sigpipe();
  allow_for_absence(transport, start_ms);
  if (transport->has_unsent) {
    send_started(transport);
  }
  exchange = work_until(transport, start_ms, deadline_ms, error);
  unblock_sigpipe(&guard);
  transport->active_ms = dds_clock_monotonic_ms();
  transport->worked_ms = transport->active_ms;
  return exchange;
}

static void http_release(dds_transport *base, dds_exchange *released) {
  http_transport *transport = (http_transport *)base;
  http_exchange *exchange = (http_exchange *)released;
  bool is_in_flight = exchange->is_in_flight;
  remove_exchange(is_in_flight ? &transport->in_flight : &transport->finished, exchange);
  bool is_kept = !is_in_flight && keep_exchange(transport, exchange);
  if (transport->in_flight == NULL) {
    dds_buffer_free(&transport->spare_body);
  }
  if (is_kept) {
    return;
  }
  if (is_in_flight && transport->process != getpid()) {
    exchange->easy = NULL; /* the parent's: closing it would end the parent's TLS session */
    free_exchange(exchange);
    return;
  }
  pipe_guard guard = block_sigpipe();
  if (is_in_flight) {
    curl_multi_remove_handle(transport->multi, exchange->easy);
  }
  free_exchange(exchange);
  unblock_sigpipe(&guard);
}

static void http_destroy(dds_transport *base) {
  http_transport *transport = (http_transport *)base;
  bool is_own = transport->process == getpid();
  pipe_guard guard = block_sigpipe();
  while (transport->idle != NULL) {
    http_exchange *exchange = take_exchange(transport);
    exchange->easy = is_own ? exchange->easy : NULL;
    free_exchange(exchange);
  }
  if (is_own) {
    curl_multi_cleanup(transport->multi);
  }
  unblock_sigpipe(&guard);
  dds_buffer_free(&transport->spare_body);
  dds_free(transport);
}

bool dds_http_create(const dds_stop *stop, dds_transport **out, dds_error *error) {
  *out = NULL;
  if (!dds_http_initialise(error)) {
    return false;
  }
  http_transport *transport = dds_alloc(sizeof *transport);
  if (transport == NULL) {
    return dds_error_set_nomem(error);
  }
  transport->base = (dds_transport){.start = http_start,
                                    .wait = http_wait,
                                    .release = http_release,
                                    .now_ms = http_now_ms,
                                    .destroy = http_destroy,
                                    .stop = *stop};
  transport->process = getpid();
  transport->multi = curl_multi_init();
  if (transport->multi == NULL) {
    dds_free(transport);
    return dds_error_set_nomem(error);
  }
  curl_multi_setopt(transport->multi, CURLMOPT_MAXCONNECTS, (long)KEPT_CONNECTIONS);
  *out = &transport->base;
  return true;
}
