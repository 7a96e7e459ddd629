/*
 * The transport on libcurl over real loopback sockets. The server is a thread that serves one
 * connection after the other by a script of actions; every connection's number of requests is
 * counted, so that reuse shows. Nothing depends on how long something takes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "aws/http.h"
#include "base/alloc.h"
#include "base/hash.h"
#include "failing_allocator.h"

enum { REQUEST_BYTES = 1280 * 1024, MOST_ACTIONS = 16, LONG_BODY_BYTES = 500000 };

/* What the server does with a request. */
typedef enum action {
  END,          /* of the script */
  ANSWER,       /* `reply`, and the connection stays */
  LATE_ANSWER,  /* the same, 20 ms later */
  RESET,        /* closes with RST without an answer */
  CLOSE,        /* closes without an answer */
  SILENCE,      /* reads on until the client goes */
  ANSWER_CLOSE, /* `reply`, then closes */
  LONG_LINE,    /* one header line that does not end */
  MANY_LINES,   /* headers that do not end */
  LONG_BODY,    /* LONG_BODY_BYTES of it */
} action;

typedef struct server {
  int listener;
  int port;
  pthread_t thread;
  action actions[MOST_ACTIONS];
  char reply[512];
  char last_request[REQUEST_BYTES];
  int requests; /* read when the thread has ended */
  int connections;
} server;

/* Reads headers and body; 0 where the client has gone. */
static size_t read_request(int client, char *text) {
  size_t length = 0;
  for (;;) {
    ssize_t got = read(client, text + length, REQUEST_BYTES - 1 - length);
    if (got <= 0) {
      return 0;
    }
    length += (size_t)got;
    text[length] = '\0';
    const char *end = strstr(text, "\r\n\r\n");
    const char *field = strstr(text, "Content-Length: ");
    if (end == NULL) {
      continue;
    }
    size_t body = field == NULL ? 0 : strtoul(field + strlen("Content-Length: "), NULL, 10);
    if (length >= (size_t)(end - text) + 4 + body) {
      return length;
    }
  }
}

static void send_text(int client, const char *text, size_t length) {
  while (length > 0) {
    ssize_t sent = send(client, text, length, MSG_NOSIGNAL);
    if (sent <= 0) {
      return;
    }
    text += sent;
    length -= (size_t)sent;
  }
}

/* A status line, then 2 MB of `line`, or less where the client has had enough. */
static void send_headers(int client, const char *line) {
  static const char status[] = "HTTP/1.1 200 OK\r\n";
  size_t length = strlen(line);
  send_text(client, status, sizeof status - 1);
  for (size_t sent = 0; sent < 2 * 1024 * 1024; sent += length) {
    send_text(client, line, length);
  }
}

static void send_long_body(int client) {
  char text[100];
  int length =
      snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", LONG_BODY_BYTES);
  send_text(client, text, (size_t)length);
  for (size_t sent = 0; sent < LONG_BODY_BYTES; sent += (size_t)length) {
    length = snprintf(text, sizeof text, "%010zu", sent);
    send_text(client, text, (size_t)length);
  }
}

/* False: the connection is done with. */
static bool act(server *s, int client, action what) {
  size_t length = strlen(s->reply);
  char ignored[64];
  const struct linger reset = {.l_onoff = 1, .l_linger = 0};
  const struct timespec late = {.tv_nsec = 20 * 1000 * 1000};
  switch (what) {
  case LATE_ANSWER:
    nanosleep(&late, NULL);
    send_text(client, s->reply, length);
    return true;
  case ANSWER:
    send_text(client, s->reply, length);
    return true;
  case LONG_BODY:
    send_long_body(client);
    return true;
  case ANSWER_CLOSE:
    send_text(client, s->reply, length);
    return false;
  case LONG_LINE:
    send_headers(client,
                 "X-Long: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
    return false;
  case MANY_LINES:
    send_headers(
        client, "X-Many: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n");
    return false;
  case RESET:
    setsockopt(client, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    return false;
  case SILENCE:
    while (read(client, ignored, sizeof ignored) > 0) {
    }
    return false;
  default:
    return false;
  }
}

static void *serve(void *context) {
  server *s = context;
  int done = 0;
  while (s->actions[done] != END) {
    int client = accept(s->listener, NULL, NULL);
    if (client < 0) {
      break;
    }
    s->connections++;
    while (s->actions[done] != END && read_request(client, s->last_request) > 0) {
      s->requests++;
      if (!act(s, client, s->actions[done++])) {
        break;
      }
    }
    close(client);
  }
  return NULL;
}

static void start_server(server *s, const char *reply, const action *actions, size_t count) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  assert_true(count <= MOST_ACTIONS);
  memset(s, 0, sizeof *s);
  for (size_t i = 0; i < count; i++) {
    s->actions[i] = actions[i];
  }
  snprintf(s->reply, sizeof s->reply, "%s", reply);
  s->listener = socket(AF_INET, SOCK_STREAM, 0);
  assert_int_equal(bind(s->listener, (struct sockaddr *)&address, sizeof address), 0);
  assert_int_equal(listen(s->listener, 16), 0);
  assert_int_equal(getsockname(s->listener, (struct sockaddr *)&address, &size), 0);
  s->port = ntohs(address.sin_port);
  if (count > 0) {
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
  }
}

#define START(s, reply, ...)                            \
  start_server(s, reply, (const action[]){__VA_ARGS__}, \
               sizeof((const action[]){__VA_ARGS__}) / sizeof(action))

/* The client has gone before: a server that waits for more sees its end. */
static void join_server(server *s) {
  pthread_join(s->thread, NULL);
  close(s->listener);
}

#define OK_REPLY                                                                                   \
  "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nx-amzn-RequestId:  ID1 \r\nX-Amz-Crc32: 2745614147\r\n" \
  "Date: Sun, 30 Aug 2015 12:36:00 GMT\r\nx-amz-retry-after: 17\r\n"                               \
  "Content-Type: application/x-amz-json-1.0\r\n\r\n{}"

static int stop_calls, stop_at;
static dds_exchange_owner owner;

static bool asked(void *context) {
  (void)context;
  return ++stop_calls == stop_at;
}

static dds_transport *create(void) {
  dds_error error = DDS_ERROR_INIT;
  dds_transport *transport = NULL;
  const dds_stop stop = {.asked = asked};
  stop_calls = 0;
  stop_at = 0;
  assert_true(dds_http_create(&stop, &transport, &error));
  return transport;
}

typedef struct sending {
  const char *method; /* NULL: POST */
  const char *host;   /* NULL: 127.0.0.1 */
  int port;
  const char *path;  /* behind the slash; NULL: none */
  const char *token; /* in a header of its own; NULL: none */
  const char *type;  /* in Accept and Content-Type; NULL: neither */
  const char *body;
  size_t limit;
  int timeout_ms;
  bool bypass_proxy;
  bool is_secret;
  bool is_awaited;
} sending;

static dds_exchange *start(dds_transport *transport, const sending *what) {
  dds_http_header headers[5] = {{"X-Amz-Target", "DynamoDB_20120810.GetItem"},
                                {"Accept-Encoding", "identity"}};
  size_t header_count = 2;
  char url[200];
  dds_error error = DDS_ERROR_INIT;
  dds_exchange *exchange = NULL;
  snprintf(url, sizeof url, "http://%s:%d/%s", what->host == NULL ? "127.0.0.1" : what->host,
           what->port, what->path == NULL ? "" : what->path);
  if (what->token != NULL) {
    headers[header_count++] = (dds_http_header){"X-Amz-Security-Token", what->token};
  }
  if (what->type != NULL) {
    headers[header_count++] = (dds_http_header){"accept", what->type};
    headers[header_count++] = (dds_http_header){"content-type", what->type};
  }
  const dds_http_request request = {
      .method = what->method == NULL ? "POST" : what->method,
      .url = url,
      .headers = headers,
      .header_count = header_count,
      .body = what->body,
      .body_length = strlen(what->body),
      .bypass_proxy = what->bypass_proxy,
      .is_secret = what->is_secret,
      .is_awaited = what->is_awaited,
      .connect_timeout_ms = 10000,
      .request_timeout_ms = what->timeout_ms == 0 ? 60000 : what->timeout_ms,
      .response_limit_bytes = what->limit == 0 ? 1000 : what->limit,
  };
  if (!transport->start(transport, &request, &owner, &exchange, &error)) {
    fail_msg("%s", error.message);
  }
  return exchange;
}

static dds_exchange *exchange_one(dds_transport *transport, const sending *what) {
  dds_error error = DDS_ERROR_INIT;
  dds_exchange *started = start(transport, what);
  dds_exchange *finished = transport->wait(transport, INT64_MAX, &error);
  if (finished == NULL) {
    fail_msg("%s", error.message);
  }
  assert_ptr_equal(started, finished);
  return finished;
}

static void test_answer_and_keep_alive(void **state) {
  (void)state;
  server s;
  START(&s, OK_REPLY, ANSWER, ANSWER, ANSWER, END);
  dds_transport *transport = create();
  for (int i = 0; i < 3; i++) {
    dds_exchange *exchange =
        exchange_one(transport, &(sending){.port = s.port, .body = "{\"a\":1}"});
    assert_int_equal(exchange->failure, DDS_HTTP_ANSWERED);
    assert_int_equal(exchange->status, 200);
    assert_ptr_equal(exchange->owner, &owner);
    assert_string_equal(dds_buffer_text(&exchange->body), "{}");
    assert_string_equal(exchange->request_id, "ID1");
    assert_string_equal(exchange->crc32, "2745614147");
    assert_int_equal(exchange->body_crc32, 2745614147);
    assert_string_equal(exchange->retry_after, "17");
    assert_string_equal(exchange->content_type, "application/x-amz-json-1.0");
    assert_string_equal(exchange->date, "Sun, 30 Aug 2015 12:36:00 GMT");
    assert_false(exchange->has_age);
    assert_false(exchange->body.is_secret);
    assert_false(exchange->has_lost_answer);
    assert_true(exchange->finished_ms >= exchange->started_ms);
    transport->release(transport, exchange);
  }
  transport->destroy(transport);
  join_server(&s);
  assert_int_equal(s.requests, 3);
  assert_int_equal(s.connections, 1);
  assert_ptr_equal(strstr(s.last_request, "POST / HTTP/1.1\r\n"), s.last_request);
  assert_non_null(strstr(s.last_request, "\r\nX-Amz-Target: DynamoDB_20120810.GetItem\r\n"));
  assert_non_null(strstr(s.last_request, "\r\n\r\n{\"a\":1}"));
  assert_null(strstr(s.last_request, "Expect"));
}

/* However many pieces it comes in. */
static void test_long_body(void **state) {
  (void)state;
  server s;
  START(&s, "", LONG_BODY, END);
  dds_transport *transport = create();
  dds_exchange *exchange =
      exchange_one(transport, &(sending){.port = s.port, .body = "{}", .limit = LONG_BODY_BYTES});
  assert_int_equal(exchange->failure, DDS_HTTP_ANSWERED);
  assert_int_equal(exchange->body.length, LONG_BODY_BYTES);
  assert_int_equal(exchange->body_crc32, dds_hash_crc32(0, exchange->body.data, LONG_BODY_BYTES));
  assert_string_equal(exchange->body.data + LONG_BODY_BYTES - 20, "00004999800000499990");
  transport->release(transport, exchange);
  transport->destroy(transport);
  join_server(&s);
}

static dds_exchange *exchange_long(dds_transport *transport, const server *s) {
  dds_exchange *exchange =
      exchange_one(transport, &(sending){.port = s->port, .body = "{}", .limit = LONG_BODY_BYTES});
  assert_int_equal(exchange->body.length, LONG_BODY_BYTES);
  assert_int_equal(exchange->body_crc32, dds_hash_crc32(0, exchange->body.data, LONG_BODY_BYTES));
  return exchange;
}

/* While another answer is on its way, a long body's memory is kept for the next. */
static void test_the_memory_of_a_long_body_is_used_again(void **state) {
  (void)state;
  server s, silent;
  START(&s, OK_REPLY, LONG_BODY, LONG_BODY, ANSWER, END);
  START(&silent, "", SILENCE, END);
  dds_transport *transport = create();
  dds_exchange *waiting = start(transport, &(sending){.port = silent.port, .body = "{}"});
  dds_exchange *exchange = exchange_long(transport, &s);
  long blocks_before = failing_allocator_live_blocks();
  transport->release(transport, exchange);
  assert_int_equal(failing_allocator_live_blocks(), blocks_before);
  exchange = exchange_long(transport, &s);
  assert_int_equal(failing_allocator_live_blocks(), blocks_before);
  transport->release(transport, exchange);
  exchange = exchange_one(transport, &(sending){.port = s.port, .body = "{}"});
  assert_string_equal(exchange->body.data, "{}");
  assert_int_equal(failing_allocator_live_blocks(), blocks_before + 1); /* and the spare one */
  transport->release(transport, exchange);
  transport->release(transport, waiting); /* with the exchange: its headers, and the spare body */
  assert_in_range(failing_allocator_live_blocks(), 1, blocks_before - 1);
  transport->destroy(transport);
  join_server(&s);
  join_server(&silent);
}

/* One request that is answered well; the transport is gone when it returns. */
static void send_one(server *s, const sending *what, dds_exchange *answer) {
  dds_transport *transport = create();
  dds_exchange *exchange = exchange_one(transport, what);
  assert_int_equal(exchange->status, 200);
  *answer = *exchange; /* but for its body */
  transport->release(transport, exchange);
  transport->destroy(transport);
  join_server(s);
}

/* What comes from a cache is known by its Age; a header's name is compared without case. */
static void test_age(void **state) {
  (void)state;
  static const struct {
    const char *headers;
    bool has_age;
    const char *date;
  } cases[] = {
      {"AGE: 12\r\ndate: Sun, 30 Aug 2015 12:36:00 GMT\r\n", true, "Sun, 30 Aug 2015 12:36:00 GMT"},
      {"Age:0\r\n", true, ""},
      {"X-Age: 12\r\nAges: 3\r\nX-Date: y\r\n", false, ""},
      {"Date: a date that is far too long to be one, and is left out\r\n", false, ""},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    server s;
    char reply[400];
    dds_exchange answer;
    snprintf(reply, sizeof reply, "HTTP/1.1 200 OK\r\n%sContent-Length: 2\r\n\r\n{}",
             cases[i].headers);
    START(&s, reply, ANSWER, END);
    send_one(&s, &(sending){.port = s.port, .body = "{}"}, &answer);
    assert_int_equal(answer.has_age, cases[i].has_age);
    assert_string_equal(answer.date, cases[i].date);
  }
}

/* As metadata services are asked: nothing is sent that nobody gave. */
static void test_methods(void **state) {
  (void)state;
  static const struct {
    const char *method, *body, *first_line;
    bool has_length;
  } cases[] = {
      {"GET", "", "GET / HTTP/1.1\r\n", false},
      {"PUT", "", "PUT / HTTP/1.1\r\n", true},
      {"POST", "a=b", "POST / HTTP/1.1\r\n", true},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    server s;
    dds_exchange answer;
    char length[40];
    START(&s, OK_REPLY, ANSWER, END);
    send_one(&s, &(sending){.method = cases[i].method, .port = s.port, .body = cases[i].body},
             &answer);
    snprintf(length, sizeof length, "Content-Length: %zu\r\n", strlen(cases[i].body));
    assert_ptr_equal(strstr(s.last_request, cases[i].first_line), s.last_request);
    assert_int_equal(strstr(s.last_request, length) != NULL, cases[i].has_length);
    assert_int_equal(strstr(s.last_request, "Content-Length") != NULL, cases[i].has_length);
    assert_null(strstr(s.last_request, "Content-Type"));
    assert_null(strstr(s.last_request, "Accept:"));
  }
}

/* What libcurl is kept from sending by itself is sent where a request has it, and once. */
static void test_headers_that_are_taken_out_otherwise(void **state) {
  (void)state;
  server s;
  dds_exchange answer;
  START(&s, OK_REPLY, ANSWER, END);
  send_one(&s, &(sending){.port = s.port, .body = "{}", .type = "application/json"}, &answer);
  static const char *const lines[] = {"\r\naccept: application/json\r\n",
                                      "\r\ncontent-type: application/json\r\n"};
  for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
    assert_non_null(strstr(s.last_request, lines[i]));
  }
  assert_null(strstr(s.last_request, "Accept:"));
  assert_null(strstr(s.last_request, "Content-Type"));
}

/* The numbers of ports differ from server to server. */
static void hide_port(char *text, int port) {
  char digits[12];
  snprintf(digits, sizeof digits, "%d", port);
  for (char *at = strstr(text, digits); at != NULL; at = strstr(at, digits)) {
    memset(at, '#', strlen(digits));
  }
}

/* On a transport that has sent others before, each is what a new transport sends. */
static void test_nothing_is_left_of_requests_before(void **state) {
  (void)state;
  static const sending sent[] = {
      {.body = "{\"a\":1}", .token = "token-of-first"},
      {.body = "{}"},
      {.method = "GET", .body = ""},
      {.body = "x"},
      {.method = "PUT", .body = ""},
      {.body = "{}", .path = "a%20path/?query"},
      {.body = "", .is_secret = true},
      {.body = "{}", .token = "token-of-last"},
  };
  enum { COUNT = sizeof sent / sizeof sent[0] };
  static server kept, fresh;
  dds_transport *transport = create();
  START(&kept, OK_REPLY, ANSWER, ANSWER, ANSWER, ANSWER, ANSWER, ANSWER, ANSWER, ANSWER, END);
  for (size_t i = 0; i < COUNT; i++) {
    sending what = sent[i];
    dds_exchange answer;
    START(&fresh, OK_REPLY, ANSWER, END);
    what.port = fresh.port;
    send_one(&fresh, &what, &answer);
    what.port = kept.port;
    dds_exchange *exchange = exchange_one(transport, &what);
    assert_int_equal(exchange->status, 200);
    assert_int_equal(exchange->body.is_secret, what.is_secret);
    hide_port(fresh.last_request, fresh.port);
    hide_port(kept.last_request, kept.port);
    assert_string_equal(kept.last_request, fresh.last_request);
    transport->release(transport, exchange);
  }
  transport->destroy(transport);
  join_server(&kept);
  assert_int_equal(kept.connections, 1);
}

/* An answer that says less than the one before, and then one that is more than is wanted. */
static void test_nothing_is_left_of_answers_before(void **state) {
  (void)state;
  server s;
  START(&s, OK_REPLY, ANSWER, ANSWER, ANSWER, END);
  snprintf(s.reply + strlen(s.reply) - strlen("\r\n{}"), 40, "Age: 1\r\n\r\n{}");
  dds_transport *transport = create();
  const sending what = {.port = s.port, .body = "{}"};
  dds_exchange *exchange = exchange_one(transport, &what);
  assert_true(exchange->has_age);
  transport->release(transport, exchange);

  snprintf(s.reply, sizeof s.reply, "HTTP/1.1 404 Not Found\r\nContent-Length: 1\r\n\r\nx");
  exchange = exchange_one(transport, &what);
  assert_int_equal(exchange->status, 404);
  assert_string_equal(exchange->body.data, "x");
  assert_int_equal(exchange->body_crc32, dds_hash_crc32(0, "x", 1));
  const char *const texts[] = {exchange->request_id, exchange->crc32, exchange->retry_after,
                               exchange->content_type, exchange->date};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    assert_string_equal(texts[i], "");
  }
  assert_false(exchange->has_age);
  assert_false(exchange->has_lost_answer);
  transport->release(transport, exchange);

  snprintf(s.reply, sizeof s.reply, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabcdef");
  exchange = exchange_one(transport, &(sending){.port = s.port, .body = "{}", .limit = 5});
  assert_int_equal(exchange->failure, DDS_HTTP_REFUSED);
  transport->release(transport, exchange);
  transport->destroy(transport);
  join_server(&s);
  assert_int_equal(s.connections, 1);
}

/* An allocator that looks through its blocks. */
enum { MOST_BLOCKS = 64 };
static struct {
  char *bytes;
  size_t size;
} blocks[MOST_BLOCKS];
static int blocks_with_token;

static void look_for_token(const char *bytes, size_t size) {
  static const char token[] = "token-of-request";
  for (size_t i = 0; i + sizeof token <= size; i++) {
    blocks_with_token += memcmp(bytes + i, token, sizeof token - 1) == 0;
  }
}

static size_t find_block(const char *bytes) {
  size_t i = 0;
  while (i < MOST_BLOCKS && blocks[i].bytes != bytes) {
    i++;
  }
  assert_true(i < MOST_BLOCKS);
  return i;
}

static void *watched_allocate(size_t size) {
  size_t i = find_block(NULL);
  blocks[i].bytes = malloc(size);
  blocks[i].size = size;
  return blocks[i].bytes;
}

static void watched_release(void *bytes) {
  size_t i = find_block(bytes);
  look_for_token(bytes, blocks[i].size);
  blocks[i].bytes = NULL;
  free(bytes);
}

static void *watched_reallocate(void *bytes, size_t size) {
  size_t old_size = blocks[find_block(bytes)].size;
  char *moved = watched_allocate(size);
  memcpy(moved, bytes, old_size < size ? old_size : size);
  watched_release(bytes);
  return moved;
}

/* Their memory stays for the next request, but not what is in it. */
static void test_headers_are_wiped(void **state) {
  (void)state;
  static const dds_allocator watched = {watched_allocate, watched_reallocate, watched_release};
  server s;
  dds_alloc_use(&watched);
  blocks_with_token = 0;
  START(&s, OK_REPLY, ANSWER, SILENCE, END);
  dds_transport *transport = create();
  const sending what = {.port = s.port, .body = "{}", .token = "token-of-request"};
  dds_exchange *exchange = exchange_one(transport, &what);
  for (size_t i = 0; i < MOST_BLOCKS; i++) {
    look_for_token(blocks[i].bytes, blocks[i].bytes == NULL ? 0 : blocks[i].size);
  }
  transport->release(transport, exchange);
  exchange = start(transport, &what); /* and is cancelled */
  transport->release(transport, exchange);
  transport->destroy(transport);
  join_server(&s);
  for (size_t i = 0; i < MOST_BLOCKS; i++) {
    assert_null(blocks[i].bytes);
  }
  failing_allocator_install();
  assert_int_equal(blocks_with_token, 0);
}

static void test_secret_body(void **state) {
  (void)state;
  server s;
  dds_exchange answer;
  START(&s, OK_REPLY, ANSWER, END);
  send_one(&s, &(sending){.port = s.port, .body = "{}", .is_secret = true}, &answer);
  assert_true(answer.body.is_secret);
}

/* Through the proxy of the environment, and around it. */
static void test_proxy(void **state) {
  (void)state;
  for (int is_bypassed = 0; is_bypassed < 2; is_bypassed++) {
    server proxy;
    dds_exchange answer;
    char url[64], line[80];
    server origin;
    START(&proxy, OK_REPLY, ANSWER, END);
    START(&origin, OK_REPLY, ANSWER, END);
    server *asked_server = is_bypassed ? &origin : &proxy;
    server *other = is_bypassed ? &proxy : &origin;
    snprintf(url, sizeof url, "http://127.0.0.1:%d", proxy.port);
    setenv("http_proxy", url, 1);
    send_one(asked_server,
             &(sending){.port = origin.port, .body = "{}", .bypass_proxy = is_bypassed == 1},
             &answer);
    unsetenv("http_proxy");
    snprintf(line, sizeof line, "POST http://127.0.0.1:%d/ ", origin.port);
    assert_ptr_equal(strstr(asked_server->last_request, is_bypassed ? "POST / " : line),
                     asked_server->last_request);
    shutdown(other->listener, SHUT_RDWR); /* nobody came: wake it */
    join_server(other);
    assert_int_equal(other->connections, 0);
  }
}

/* What the environment says, and whether it is asked, is a matter of each request. */
static void test_proxy_of_the_moment(void **state) {
  (void)state;
  static const struct {
    bool is_in_environment, bypass_proxy, is_used;
  } cases[] = {{true, false, true},   {true, true, false}, {true, false, true},
               {false, false, false}, {true, false, true}, {false, true, false}};
  static server proxy, origin;
  char url[64];
  dds_transport *transport = create();
  START(&proxy, OK_REPLY, ANSWER, ANSWER, ANSWER, END);
  START(&origin, OK_REPLY, ANSWER, ANSWER, ANSWER, END);
  snprintf(url, sizeof url, "http://127.0.0.1:%d", proxy.port);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    if (cases[i].is_in_environment) {
      setenv("http_proxy", url, 1);
    }
    dds_exchange *exchange = exchange_one(
        transport,
        &(sending){.port = origin.port, .body = "{}", .bypass_proxy = cases[i].bypass_proxy});
    unsetenv("http_proxy");
    assert_int_equal(exchange->status, 200);
    transport->release(transport, exchange);
    server *asked_server = cases[i].is_used ? &proxy : &origin;
    assert_string_not_equal(asked_server->last_request, "");
    asked_server->last_request[0] = '\0';
  }
  transport->destroy(transport);
  join_server(&proxy);
  join_server(&origin);
  assert_int_equal(proxy.connections, 1);
  assert_int_equal(origin.connections, 1);
}

/* libcurl quotes a proxy that it does not understand, the password in it too. */
static void test_proxy_that_is_none(void **state) {
  (void)state;
  static const char *const proxies[] = {
      "foo://me:secret-of-proxy@127.0.0.1:1", "http://me:secret-of-proxy@127.0.0.1:port",
      "http://me:secret-of-proxy@[::1",       "http://me:secret-of-proxy@host name:1",
      "me:secret-of-proxy@127.0.0.1:port",    "http://me:secret-of-proxy@",
  };
  for (size_t i = 0; i < sizeof proxies / sizeof proxies[0]; i++) {
    dds_transport *transport = create();
    setenv("http_proxy", proxies[i], 1);
    dds_exchange *exchange = exchange_one(transport, &(sending){.port = 1, .body = "{}"});
    unsetenv("http_proxy");
    if (exchange->failure != DDS_HTTP_REFUSED ||
        strstr(exchange->failure_message, "http_proxy") == NULL ||
        strstr(exchange->failure_message, "secret") != NULL) {
      fail_msg("%s: %d, %s", proxies[i], (int)exchange->failure, exchange->failure_message);
    }
    transport->release(transport, exchange);
    transport->destroy(transport);
  }
}

/* On a kept connection the request is under way before anybody waits: the server ends first. */
static void test_start_sends(void **state) {
  (void)state;
  server s;
  dds_error error = DDS_ERROR_INIT;
  START(&s, OK_REPLY, ANSWER, ANSWER, END);
  dds_transport *transport = create();
  transport->release(transport, exchange_one(transport, &(sending){.port = s.port, .body = "{}"}));
  dds_exchange *exchange = start(transport, &(sending){.port = s.port, .body = "{}"});
  join_server(&s);
  assert_int_equal(s.requests, 2);
  assert_ptr_equal(transport->wait(transport, INT64_MAX, &error), exchange);
  assert_int_equal(exchange->status, 200);
  transport->release(transport, exchange);
  transport->destroy(transport);
}

/* Nothing of it is sent before the wait, as its release shows: the connection is as it was. */
static void test_the_wait_sends_what_is_awaited(void **state) {
  (void)state;
  server s;
  START(&s, OK_REPLY, ANSWER, ANSWER, ANSWER, END);
  dds_transport *transport = create();
  const sending what = {.port = s.port, .body = "{}", .is_awaited = true};
  for (int i = 0; i < 3; i++) {
    transport->release(transport, start(transport, &what));
    dds_exchange *exchange = exchange_one(transport, &what);
    assert_int_equal(exchange->status, 200);
    transport->release(transport, exchange);
  }
  transport->destroy(transport);
  join_server(&s);
  assert_int_equal(s.requests, 3);
  assert_int_equal(s.connections, 1);
}

/* Time in which nothing was under way is not taken for the caller's absence. */
static void test_nothing_is_away_before_it_is_started(void **state) {
  (void)state;
  static const struct timespec pause = {.tv_nsec = 50 * 1000 * 1000};
  server s;
  START(&s, OK_REPLY, ANSWER, ANSWER, END);
  dds_transport *transport = create();
  const sending what = {.port = s.port, .body = "{}", .is_awaited = true};
  transport->release(transport, exchange_one(transport, &what));
  dds_exchange *before = start(transport, &what);
  nanosleep(&pause, NULL);
  dds_exchange *exchange = start(transport, &what);
  assert_int_equal(exchange->away_ms, 0);
  assert_true(before->away_ms >= 49);
  transport->release(transport, before);
  dds_error error = DDS_ERROR_INIT;
  assert_ptr_equal(transport->wait(transport, INT64_MAX, &error), exchange);
  assert_int_equal(exchange->status, 200);
  transport->release(transport, exchange);
  transport->destroy(transport);
  join_server(&s);
  assert_int_equal(s.requests, 2);
}

/* A body beyond 1 MB is what makes curl ask for "100 Continue" where nobody forbids it. */
static void test_large_body_without_expect(void **state) {
  (void)state;
  server s;
  static char body[1200 * 1024];
  memset(body, 'x', sizeof body - 1);
  START(&s, OK_REPLY, ANSWER, END);
  dds_transport *transport = create();
  dds_exchange *exchange = exchange_one(transport, &(sending){.port = s.port, .body = body});
  assert_int_equal(exchange->status, 200);
  transport->release(transport, exchange);
  transport->destroy(transport);
  join_server(&s);
  assert_null(strstr(s.last_request, "Expect"));
}

static void test_connection_refused(void **state) {
  (void)state;
  server s;
  start_server(&s, "", NULL, 0);
  close(s.listener); /* nobody listens on that port now */
  dds_transport *transport = create();
  dds_exchange *exchange = exchange_one(transport, &(sending){.port = s.port, .body = "{}"});
  assert_int_equal(exchange->failure, DDS_HTTP_NOT_SENT);
  assert_int_equal(exchange->status, 0);
  assert_false(exchange->has_lost_answer);
  assert_true(exchange->failure_message[0] != '\0');
  transport->release(transport, exchange);
  transport->destroy(transport);
}

/* A label of more than 63 bytes is refused before any name server is asked. Twice, because the
 * first failure must not spoil the second request. */
static void test_name_that_does_not_resolve(void **state) {
  (void)state;
  static const char host[] =
      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
      ".invalid";
  dds_transport *transport = create();
  for (int i = 0; i < 2; i++) {
    dds_exchange *exchange =
        exchange_one(transport, &(sending){.host = host, .port = 1, .body = "{}"});
    assert_int_equal(exchange->failure, DDS_HTTP_NOT_SENT);
    assert_non_null(strstr(exchange->failure_message, "resolve"));
    transport->release(transport, exchange);
  }
  transport->destroy(transport);
}

static void test_no_whole_answer(void **state) {
  (void)state;
  static const action actions[] = {RESET, CLOSE, ANSWER_CLOSE};
  static const char long_reply[] = "HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n{\"a\":1}";
  for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
    server s;
    START(&s, long_reply, actions[i], END);
    dds_transport *transport = create();
    dds_exchange *exchange = exchange_one(transport, &(sending){.port = s.port, .body = "{}"});
    assert_int_equal(exchange->failure, DDS_HTTP_INTERRUPTED);
    assert_true(exchange->has_lost_answer);
    transport->release(transport, exchange);
    transport->destroy(transport);
    join_server(&s);
  }
}

/* curl itself sends again where a kept connection turns out to be closed: that must show, but not
 * in the request behind it. */
static void test_sent_again_on_a_closed_connection(void **state) {
  (void)state;
  server s;
  START(&s, OK_REPLY, ANSWER, CLOSE, ANSWER, ANSWER, END);
  dds_transport *transport = create();
  for (int i = 0; i < 3; i++) {
    dds_exchange *exchange = exchange_one(transport, &(sending){.port = s.port, .body = "{}"});
    assert_int_equal(exchange->status, 200);
    assert_int_equal(exchange->has_lost_answer, i == 1);
    transport->release(transport, exchange);
  }
  transport->destroy(transport);
  join_server(&s);
  assert_int_equal(s.requests, 4);
  assert_int_equal(s.connections, 2);
}

static void test_too_large(void **state) {
  (void)state;
  server s;
  START(&s, OK_REPLY, ANSWER, END);
  dds_transport *transport = create();
  dds_exchange *exchange =
      exchange_one(transport, &(sending){.port = s.port, .body = "{}", .limit = 1});
  assert_int_equal(exchange->failure, DDS_HTTP_REFUSED);
  assert_string_equal(exchange->failure_message, "the answer is larger than 1 bytes");
  assert_true(exchange->has_lost_answer);
  transport->release(transport, exchange);
  transport->destroy(transport);
  join_server(&s);
}

static void test_too_large_headers(void **state) {
  (void)state;
  static const action actions[] = {LONG_LINE, MANY_LINES};
  for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
    server s;
    START(&s, "", actions[i], END);
    dds_transport *transport = create();
    dds_exchange *exchange = exchange_one(transport, &(sending){.port = s.port, .body = "{}"});
    assert_int_equal(exchange->failure, DDS_HTTP_REFUSED);
    assert_string_equal(exchange->failure_message, "the answer's headers are too large");
    assert_int_equal(exchange->body.failed, DDS_OK);
    assert_true(exchange->has_lost_answer);
    transport->release(transport, exchange);
    transport->destroy(transport);
    join_server(&s);
  }
}

static void test_timeout(void **state) {
  (void)state;
  server s;
  START(&s, "", SILENCE, END);
  dds_transport *transport = create();
  dds_exchange *exchange =
      exchange_one(transport, &(sending){.port = s.port, .body = "{}", .timeout_ms = 120});
  assert_int_equal(exchange->failure, DDS_HTTP_INTERRUPTED);
  assert_non_null(strstr(exchange->failure_message, "timed out"));
  transport->release(transport, exchange);
  transport->destroy(transport);
  join_server(&s);
}

/* Whoever does something else meanwhile, such as showing the rows of the page before, finds the
 * answer that came: that he was long is no timeout. */
static void test_time_away_is_no_timeout(void **state) {
  (void)state;
  static const struct timespec away = {.tv_nsec = 300 * 1000 * 1000};
  server s;
  START(&s, OK_REPLY, ANSWER, LATE_ANSWER, SILENCE, END);
  dds_transport *transport = create();
  const sending what = {.port = s.port, .body = "{}", .timeout_ms = 120};
  transport->release(transport, exchange_one(transport, &what));
  dds_error error = DDS_ERROR_INIT;
  dds_exchange *exchange = start(transport, &what);
  nanosleep(&away, NULL);
  assert_ptr_equal(transport->wait(transport, INT64_MAX, &error), exchange);
  assert_int_equal(exchange->failure, DDS_HTTP_ANSWERED);
  assert_int_equal(exchange->status, 200);
  assert_true(exchange->away_ms >= 299);
  transport->release(transport, exchange);

  /* The time that is waited counts all the same. */
  exchange = start(transport, &what);
  nanosleep(&away, NULL);
  assert_ptr_equal(transport->wait(transport, INT64_MAX, &error), exchange);
  assert_int_equal(exchange->failure, DDS_HTTP_INTERRUPTED);
  transport->release(transport, exchange);
  transport->destroy(transport);
  join_server(&s);
  assert_int_equal(s.requests, 3);
  assert_int_equal(s.connections, 1);
}

static void test_stop_is_asked_and_obeyed(void **state) {
  (void)state;
  server s;
  START(&s, OK_REPLY, SILENCE, ANSWER, END);
  dds_transport *transport = create();
  dds_error error = DDS_ERROR_INIT;
  dds_exchange *exchange = start(transport, &(sending){.port = s.port, .body = "{}"});
  stop_at = 4;
  assert_null(transport->wait(transport, INT64_MAX, &error));
  assert_int_equal(error.code, DDS_INTERRUPT);
  assert_int_equal(stop_calls, 4);
  transport->release(transport, exchange);

  /* A request that was cancelled leaves the next one alone. */
  transport->release(transport, exchange_one(transport, &(sending){.port = s.port, .body = "{}"}));

  /* Without anything in flight, too; and a wait that ends in time is no error. */
  error = DDS_ERROR_INIT;
  stop_at = stop_calls + 2;
  assert_null(transport->wait(transport, INT64_MAX, &error));
  assert_int_equal(error.code, DDS_INTERRUPT);
  error = DDS_ERROR_INIT;
  assert_null(transport->wait(transport, transport->now_ms(transport) + 5, &error));
  assert_int_equal(error.code, DDS_OK);
  assert_null(transport->wait(transport, 0, &error));
  assert_int_equal(error.code, DDS_OK);
  transport->destroy(transport);
  join_server(&s);
}

static void test_short_requests_do_not_ask(void **state) {
  (void)state;
  server s;
  START(&s, OK_REPLY, ANSWER, END);
  dds_transport *transport = create();
  dds_error error = DDS_ERROR_INIT;
  assert_null(transport->wait(transport, 0, &error));
  assert_int_equal(stop_calls, 0);
  transport->release(transport, exchange_one(transport, &(sending){.port = s.port, .body = "{}"}));
  transport->destroy(transport);
  join_server(&s);
}

static void test_many_in_flight(void **state) {
  (void)state;
  server one, two;
  START(&one, OK_REPLY, ANSWER, END);
  START(&two, OK_REPLY, ANSWER, END);
  dds_transport *transport = create();
  dds_error error = DDS_ERROR_INIT;
  dds_exchange *started[] = {start(transport, &(sending){.port = one.port, .body = "{}"}),
                             start(transport, &(sending){.port = two.port, .body = "{}"})};
  dds_exchange *first = transport->wait(transport, INT64_MAX, &error);
  dds_exchange *second = transport->wait(transport, INT64_MAX, &error);
  assert_true((first == started[0] && second == started[1]) ||
              (first == started[1] && second == started[0]));
  transport->release(transport, first);
  transport->release(transport, second);
  transport->destroy(transport);
  join_server(&one);
  join_server(&two);
}

static void test_signal_mask_is_restored(void **state) {
  (void)state;
  server s;
  sigset_t before, after;
  START(&s, OK_REPLY, RESET, END);
  dds_transport *transport = create();
  pthread_sigmask(SIG_SETMASK, NULL, &before);
  transport->release(transport, exchange_one(transport, &(sending){.port = s.port, .body = "{}"}));
  pthread_sigmask(SIG_SETMASK, NULL, &after);
  assert_int_equal(sigismember(&before, SIGPIPE), sigismember(&after, SIGPIPE));
  transport->destroy(transport);
  join_server(&s);
}

static int broken_pipe;

/* Stands for OpenSSL, which writes to closed sockets while the transport works. */
static bool write_to_nobody(void *context) {
  (void)context;
  stop_calls++;
  return write(broken_pipe, "x", 1) < 0;
}

static void test_a_write_to_a_closed_socket_does_not_kill(void **state) {
  (void)state;
  int ends[2];
  sigset_t pending;
  dds_error error = DDS_ERROR_INIT;
  dds_transport *transport = NULL;
  const dds_stop stop = {.asked = write_to_nobody};
  stop_calls = 0;
  assert_int_equal(pipe(ends), 0);
  close(ends[0]);
  broken_pipe = ends[1];
  signal(SIGPIPE, SIG_DFL);
  assert_true(dds_http_create(&stop, &transport, &error));
  assert_null(transport->wait(transport, INT64_MAX, &error));
  assert_int_equal(error.code, DDS_INTERRUPT);
  assert_int_equal(stop_calls, 1);
  assert_int_equal(sigpending(&pending), 0);
  assert_int_equal(sigismember(&pending, SIGPIPE), 0);
  transport->destroy(transport);
  close(ends[1]);
}

/* In a child the transport says no, and leaves the parent's connection as it is. */
static void test_fork(void **state) {
  (void)state;
  server s;
  START(&s, OK_REPLY, ANSWER, ANSWER, END);
  dds_transport *transport = create();
  transport->release(transport, exchange_one(transport, &(sending){.port = s.port, .body = "{}"}));
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    dds_error error = DDS_ERROR_INIT, wait_error = DDS_ERROR_INIT;
    dds_exchange *exchange = NULL;
    const dds_http_request request = {.method = "POST", .url = "http://127.0.0.1:1/", .body = ""};
    bool is_started = transport->start(transport, &request, NULL, &exchange, &error);
    exchange = transport->wait(transport, 0, &wait_error);
    transport->destroy(transport);
    _exit(!is_started && exchange == NULL && strstr(error.message, "fork()") != NULL &&
                  wait_error.code == DDS_ERROR
              ? 0
              : 1);
  }
  int status = -1;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_int_equal(status, 0);
  transport->release(transport, exchange_one(transport, &(sending){.port = s.port, .body = "{}"}));
  transport->destroy(transport);
  join_server(&s);
  assert_int_equal(s.connections, 1);
}

static bool is_connected_to(int descriptor, int port) {
  struct sockaddr_in peer = {0};
  socklen_t size = sizeof peer;
  return getpeername(descriptor, (struct sockaddr *)&peer, &size) == 0 &&
         peer.sin_family == AF_INET && ntohs(peer.sin_port) == port;
}

/* What a host writes to a standard stream that it has closed must not reach a server, and a program
 * that it starts must not inherit a connection. */
static void test_descriptors(void **state) {
  (void)state;
  enum { MOST_DESCRIPTORS = 256, KEPT_ASIDE = 200 };
  server s;
  START(&s, OK_REPLY, ANSWER, END);
  dds_transport *transport = create();
  int input = fcntl(STDIN_FILENO, F_DUPFD, KEPT_ASIDE);
  int found = 0;
  close(STDIN_FILENO);
  transport->release(transport, exchange_one(transport, &(sending){.port = s.port, .body = "{}"}));
  bool is_standard = is_connected_to(STDIN_FILENO, s.port);
  if (input >= 0) {
    dup2(input, STDIN_FILENO);
    close(input);
  }
  assert_false(is_standard);
  for (int descriptor = 3; descriptor < MOST_DESCRIPTORS; descriptor++) {
    if (is_connected_to(descriptor, s.port)) {
      found++;
      assert_int_equal(fcntl(descriptor, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    }
  }
  assert_int_equal(found, 1);
  transport->destroy(transport);
  join_server(&s);
}

static void test_each_allocation_failing(void **state) {
  (void)state;
  long before = failing_allocator_live_blocks();
  for (long nth = 1;; nth++) {
    server s;
    START(&s, OK_REPLY, ANSWER, END);
    dds_error error = DDS_ERROR_INIT;
    dds_transport *transport = NULL;
    dds_exchange *exchange = NULL, *finished = NULL;
    const dds_stop stop = {.asked = NULL};
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", s.port);
    const dds_http_header header = {"A", "b"};
    const dds_http_request request = {.method = "POST",
                                      .url = url,
                                      .headers = &header,
                                      .header_count = 1,
                                      .body = "{}",
                                      .body_length = 2,
                                      .request_timeout_ms = 60000,
                                      .response_limit_bytes = 100};
    failing_allocator_refuse(nth);
    if (dds_http_create(&stop, &transport, &error) &&
        transport->start(transport, &request, NULL, &exchange, &error)) {
      finished = transport->wait(transport, INT64_MAX, &error);
    }
    bool refused = failing_allocator_has_refused();
    failing_allocator_refuse(0);
    bool is_answered = finished != NULL && finished->failure == DDS_HTTP_ANSWERED;
    assert_int_equal(is_answered, !refused);
    if (finished != NULL && refused) {
      assert_int_equal(finished->body.failed, DDS_NOMEM);
    }
    if (finished == NULL) {
      assert_int_equal(error.code, DDS_NOMEM);
    }
    if (exchange != NULL) {
      transport->release(transport, exchange);
    }
    if (transport != NULL) {
      transport->destroy(transport);
    }
    assert_int_equal(failing_allocator_live_blocks(), before);
    if (finished == NULL) { /* the server still waits for somebody: wake it */
      shutdown(s.listener, SHUT_RDWR);
    }
    join_server(&s);
    if (!refused) {
      break;
    }
    assert_in_range(nth, 1, 100);
  }
}

int main(void) {
  failing_allocator_install();
  static const char *const variables[] = {"http_proxy", "all_proxy", "ALL_PROXY", "no_proxy",
                                          "NO_PROXY"};
  for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
    unsetenv(variables[i]);
  }
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_answer_and_keep_alive),
      cmocka_unit_test(test_long_body),
      cmocka_unit_test(test_the_memory_of_a_long_body_is_used_again),
      cmocka_unit_test(test_age),
      cmocka_unit_test(test_methods),
      cmocka_unit_test(test_headers_that_are_taken_out_otherwise),
      cmocka_unit_test(test_nothing_is_left_of_requests_before),
      cmocka_unit_test(test_nothing_is_left_of_answers_before),
      cmocka_unit_test(test_headers_are_wiped),
      cmocka_unit_test(test_secret_body),
      cmocka_unit_test(test_proxy),
      cmocka_unit_test(test_proxy_of_the_moment),
      cmocka_unit_test(test_proxy_that_is_none),
      cmocka_unit_test(test_start_sends),
      cmocka_unit_test(test_the_wait_sends_what_is_awaited),
      cmocka_unit_test(test_nothing_is_away_before_it_is_started),
      cmocka_unit_test(test_large_body_without_expect),
      cmocka_unit_test(test_connection_refused),
      cmocka_unit_test(test_name_that_does_not_resolve),
      cmocka_unit_test(test_no_whole_answer),
      cmocka_unit_test(test_sent_again_on_a_closed_connection),
      cmocka_unit_test(test_too_large),
      cmocka_unit_test(test_too_large_headers),
      cmocka_unit_test(test_timeout),
      cmocka_unit_test(test_time_away_is_no_timeout),
      cmocka_unit_test(test_stop_is_asked_and_obeyed),
      cmocka_unit_test(test_short_requests_do_not_ask),
      cmocka_unit_test(test_many_in_flight),
      cmocka_unit_test(test_signal_mask_is_restored),
      cmocka_unit_test(test_a_write_to_a_closed_socket_does_not_kill),
      cmocka_unit_test(test_fork),
      cmocka_unit_test(test_descriptors),
      cmocka_unit_test(test_each_allocation_failing),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
