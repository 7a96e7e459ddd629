/*
 * A DynamoDB of canned answers on a loopback port, which is never the bottleneck: one thread, many
 * kept connections, bodies made beforehand and sent by writev. What it answers says
 * canned_answer.h, of which sessions canned_table.h.
 *
 *   .build/release/bench/endpoint [--items 100000] [--port 0] [--latency-us 0]
 *                                 [--certificate key-and-certificate.pem]
 *
 * prints "http://127.0.0.1:PORT" (https:// with a certificate) when it listens, and ends when its
 * standard input closes. The latency delays each answer without blocking other connections.
 * Besides DynamoDB's POSTs it understands, each answered with the counts as JSON:
 *
 *   GET /counts             requests and items of each operation, most requests pending at a time
 *   GET /reset              the same, and then counts from 0
 *   GET /latency?us=2000    the same, and from now on another latency
 *   GET /sids?first=0&count=1000   sids of the table as a JSON list
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "canned_answer.h"

enum {
  MOST_CONNECTIONS = 256,
  FIRST_INPUT_BYTES = 16 << 10,
  MOST_INPUT_BYTES = 32 << 20,
  PARTS = 4,
  MOST_HEADER_BYTES = 512
};

typedef enum phase { READING, DELAYED, WRITING } phase;

typedef struct connection {
  int socket;
  SSL *tls; /* NULL: plain */
  phase phase;
  bool wants_write; /* what TLS waits for while it reads */
  char *input;      /* one byte more than the capacity: a NUL behind a body */
  size_t input_length;
  size_t input_capacity;
  int64_t due_ns;
  canned_answer answer;
  char header[MOST_HEADER_BYTES];
  struct iovec parts[PARTS]; /* what is left to send */
  size_t part;
} connection;

typedef struct server {
  canned_table table;
  canned_counts counts;
  int listener;
  SSL_CTX *tls;
  int64_t latency_ns;
  unsigned long request_number;
  time_t date_of; /* the second that `date` is of */
  char date[40];
  connection *connections[MOST_CONNECTIONS];
  size_t connection_count;
} server;

static void must(bool ok, const char *what) {
  if (!ok) {
    perror(what);
    exit(1);
  }
}

static int64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* ---- answers ---------------------------------------------------------------------------------*/

/* RFC 9110's form, made once a second. */
static const char *date(server *of) {
  time_t now = time(NULL);
  struct tm parts;
  if (now != of->date_of && gmtime_r(&now, &parts) != NULL) {
    strftime(of->date, sizeof of->date, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    of->date_of = now;
  }
  return of->date;
}

static void set_part(connection *to, size_t index, const char *bytes, size_t length) {
  to->parts[index] = (struct iovec){.iov_base = (void *)(uintptr_t)bytes, .iov_len = length};
}

static void begin_answer(server *from, connection *to) {
  const canned_answer *answer = &to->answer;
  size_t body = answer->front.length + answer->items_length + answer->back.length;
  int length = snprintf(to->header, sizeof to->header,
                        "HTTP/1.1 %d %s\r\nServer: Server\r\nDate: %s\r\n"
                        "Content-Type: application/x-amz-json-1.0\r\nContent-Length: %zu\r\n"
                        "Connection: keep-alive\r\nx-amzn-RequestId: CANNED%046lu\r\n"
                        "x-amz-crc32: %lu\r\n\r\n",
                        answer->status, answer->status == 200 ? "OK" : "Bad Request", date(from),
                        body, ++from->request_number, (unsigned long)answer->crc32);
  set_part(to, 0, to->header, (size_t)length);
  set_part(to, 1, dds_buffer_text(&answer->front), answer->front.length);
  set_part(to, 2, answer->items, answer->items_length);
  set_part(to, 3, dds_buffer_text(&answer->back), answer->back.length);
  to->part = 0;
}

static void append_sids(const server *of, const char *target, dds_buffer *buffer) {
  const char *first_at = strstr(target, "first=");
  const char *count_at = strstr(target, "count=");
  size_t first = first_at == NULL ? 0 : strtoul(first_at + 6, NULL, 10);
  size_t count = count_at == NULL ? 1 : strtoul(count_at + 6, NULL, 10);
  dds_buffer_append_char(buffer, '[');
  for (size_t i = 0; i < count && first + i < of->table.items; i++) {
    char sid[SID_BYTES];
    canned_table_sid(&of->table, first + i, sid);
    dds_buffer_append_format(buffer, "%s\"%.*s\"", i == 0 ? "" : ",", SID_BYTES, sid);
  }
  dds_buffer_append_char(buffer, ']');
}

/* GET: what is said at the top. */
static void answer_control(server *of, const char *target, canned_answer *answer) {
  const char *latency = strstr(target, "/latency?us=");
  *answer = (canned_answer){.status = 200,
                            .front = DDS_BUFFER_INIT(MOST_INPUT_BYTES),
                            .own = DDS_BUFFER_INIT(0),
                            .back = DDS_BUFFER_INIT(0)};
  if (strncmp(target, "/sids", 5) == 0) {
    append_sids(of, target, &answer->front);
    return;
  }
  canned_answer_append_counts(&of->table, &of->counts, &answer->front);
  if (latency == target) {
    of->latency_ns = strtoll(target + 12, NULL, 10) * 1000;
  } else if (strncmp(target, "/reset", 6) == 0) {
    of->counts = (canned_counts){.connections = of->counts.connections};
  }
}

/* ---- requests --------------------------------------------------------------------------------*/

typedef struct request {
  const char *target; /* X-Amz-Target's value, or NULL */
  const char *body;
  size_t length; /* of it all */
} request;

/* The value behind a header's name, which may be written in any case; NULL: it is another's. */
static const char *header_value(const char *line, const char *name) {
  size_t length = strlen(name);
  return strncasecmp(line, name, length) == 0 ? line + length + strspn(line + length, " ") : NULL;
}

/* The request at the front; false: not all of its head is there. */
static bool read_head(const connection *from, request *read) {
  const char *end = strstr(from->input, "\r\n\r\n");
  if (end == NULL) {
    return false;
  }
  *read = (request){.body = end + 4, .length = (size_t)(end + 4 - from->input)};
  for (const char *line = strchr(from->input, '\n'); line < end; line = strchr(line, '\n')) {
    line++;
    const char *length = header_value(line, "Content-Length:");
    const char *target = header_value(line, "X-Amz-Target:");
    read->length += length == NULL ? 0 : strtoul(length, NULL, 10);
    read->target = target == NULL ? read->target : target;
  }
  return true;
}

static void answer_request(server *of, connection *from, const request *asked) {
  static const char prefix[] = "DynamoDB_20120810.";
  const char *target = asked->target;
  char operation[40] = "";
  if (strncmp(from->input, "GET ", 4) == 0) {
    answer_control(of, from->input + 4, &from->answer);
    from->due_ns = 0;
    from->phase = DELAYED;
    begin_answer(of, from);
    return;
  }
  if (target != NULL && strncmp(target, prefix, strlen(prefix)) == 0) {
    target += strlen(prefix);
    snprintf(operation, sizeof operation, "%.*s", (int)strcspn(target, "\r "), target);
  }
  canned_answer_make(&of->table, &of->counts, operation, asked->body, &from->answer);
  of->counts.pending++;
  if (of->counts.pending > of->counts.most_pending) {
    of->counts.most_pending = of->counts.pending;
  }
  from->due_ns = of->latency_ns == 0 ? 0 : now_ns() + of->latency_ns;
  from->phase = DELAYED;
  begin_answer(of, from);
}

/* Room for the whole request once its length is known, so that it is not moved as it grows. */
static bool make_room(connection *of, size_t length) {
  if (length > MOST_INPUT_BYTES) {
    return false;
  }
  if (length > of->input_capacity) {
    char *grown = realloc(of->input, length + 1);
    must(grown != NULL, "realloc");
    of->input = grown;
    of->input_capacity = length;
  }
  return true;
}

/* Begins the answer if the whole request is there. False: it is too large. */
static bool look_for_request(server *of, connection *from) {
  request asked = {.length = from->input_length + FIRST_INPUT_BYTES};
  from->input[from->input_length] = '\0';
  if (!read_head(from, &asked) || asked.length > from->input_length) {
    return make_room(from, asked.length);
  }
  char behind = from->input[asked.length];
  from->input[asked.length] = '\0';
  answer_request(of, from, &asked);
  from->input[asked.length] = behind;
  from->input_length -= asked.length;
  memmove(from->input, from->input + asked.length, from->input_length);
  return true;
}

/* ---- reading and writing without blocking ----------------------------------------------------*/

/* Bytes read; 0: none are there now; -1: the connection is over. */
static ssize_t read_some(connection *from) {
  char *to = from->input + from->input_length;
  size_t room = from->input_capacity - from->input_length;
  if (from->tls == NULL) {
    ssize_t count = recv(from->socket, to, room, 0);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
      return 0;
    }
    return count > 0 ? count : -1;
  }
  int count = SSL_read(from->tls, to, (int)room);
  int error = count > 0 ? SSL_ERROR_NONE : SSL_get_error(from->tls, count);
  from->wants_write = error == SSL_ERROR_WANT_WRITE;
  if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
    return 0;
  }
  return count > 0 ? count : -1;
}

static ssize_t write_some(connection *to) {
  struct iovec *part = &to->parts[to->part];
  if (to->tls == NULL) {
    struct msghdr message = {.msg_iov = part, .msg_iovlen = PARTS - to->part};
    ssize_t count = sendmsg(to->socket, &message, MSG_NOSIGNAL);
    return count < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : count;
  }
  int count = SSL_write(to->tls, part->iov_base, (int)part->iov_len);
  int error = count > 0 ? SSL_ERROR_NONE : SSL_get_error(to->tls, count);
  return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? 0 : count;
}

static bool is_sent(connection *to) {
  while (to->part < PARTS && to->parts[to->part].iov_len == 0) {
    to->part++;
  }
  return to->part == PARTS;
}

/* Sends what the socket takes; false: the connection is over. */
static bool go_on_writing(connection *to) {
  while (!is_sent(to)) {
    ssize_t count = write_some(to);
    if (count == 0) {
      return true;
    }
    if (count < 0) {
      return false;
    }
    for (size_t left = (size_t)count; left > 0;) {
      struct iovec *part = &to->parts[to->part];
      size_t taken = left < part->iov_len ? left : part->iov_len;
      part->iov_base = (char *)part->iov_base + taken;
      part->iov_len -= taken;
      left -= taken;
      to->part += part->iov_len == 0;
    }
  }
  canned_answer_free(&to->answer);
  to->phase = READING;
  return true;
}

static bool go_on_reading(server *of, connection *from) {
  while (from->phase == READING) {
    ssize_t count = read_some(from);
    if (count == 0) {
      return true;
    }
    if (count < 0) {
      return false;
    }
    from->input_length += (size_t)count;
    if (!look_for_request(of, from)) {
      return false;
    }
  }
  return true;
}

/* ---- connections -----------------------------------------------------------------------------*/

static void accept_connection(server *of) {
  int on = 1;
  int socket = accept(of->listener, NULL, NULL);
  if (socket < 0 || socket >= FD_SETSIZE || of->connection_count == MOST_CONNECTIONS) {
    if (socket >= 0) {
      close(socket);
    }
    return;
  }
  connection *made = calloc(1, sizeof *made);
  must(made != NULL, "calloc");
  made->socket = socket;
  made->input_capacity = FIRST_INPUT_BYTES;
  made->input = malloc(FIRST_INPUT_BYTES + 1);
  must(made->input != NULL, "malloc");
  must(fcntl(socket, F_SETFL, O_NONBLOCK) == 0, "fcntl");
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (of->tls != NULL) {
    made->tls = SSL_new(of->tls);
    must(made->tls != NULL && SSL_set_fd(made->tls, socket) == 1, "SSL_new");
    SSL_set_accept_state(made->tls);
  }
  of->connections[of->connection_count++] = made;
  of->counts.connections++;
}

static void close_connection(server *of, connection *closed) {
  if (closed->phase != READING) {
    canned_answer_free(&closed->answer);
  }
  if (closed->phase == DELAYED && of->counts.pending > 0) {
    of->counts.pending--;
  }
  SSL_free(closed->tls);
  close(closed->socket);
  free(closed->input);
  free(closed);
}

/* One connection's turn; false: it is over. */
static bool serve(server *of, connection *with, bool is_readable, bool is_writable) {
  if (with->phase == READING && (is_readable || is_writable) && !go_on_reading(of, with)) {
    return false;
  }
  if (with->phase == DELAYED && (with->due_ns == 0 || now_ns() >= with->due_ns)) {
    of->counts.pending -= of->counts.pending > 0;
    with->phase = WRITING;
    is_writable = true;
  }
  return with->phase != WRITING || !is_writable || go_on_writing(with);
}

/* What to wait for, and until when: -1 without an end. */
static int64_t collect(const server *of, fd_set *reads, fd_set *writes, int *highest) {
  int64_t due_ns = -1;
  FD_ZERO(reads);
  FD_ZERO(writes);
  FD_SET(STDIN_FILENO, reads);
  FD_SET(of->listener, reads);
  *highest = of->listener;
  for (size_t i = 0; i < of->connection_count; i++) {
    const connection *with = of->connections[i];
    if (with->phase == READING) {
      FD_SET(with->socket, with->wants_write ? writes : reads);
    } else if (with->phase == WRITING) {
      FD_SET(with->socket, writes);
    } else if (due_ns < 0 || with->due_ns < due_ns) {
      due_ns = with->due_ns;
    }
    *highest = with->socket > *highest ? with->socket : *highest;
  }
  return due_ns;
}

static void run(server *of) {
  for (;;) {
    fd_set reads;
    fd_set writes;
    int highest = 0;
    int64_t due_ns = collect(of, &reads, &writes, &highest);
    int64_t left_ns = due_ns < 0 ? 0 : due_ns - now_ns();
    left_ns = left_ns < 0 ? 0 : left_ns;
    struct timespec timeout = {.tv_sec = left_ns / 1000000000, .tv_nsec = left_ns % 1000000000};
    if (pselect(highest + 1, &reads, &writes, NULL, due_ns < 0 ? NULL : &timeout, NULL) < 0) {
      continue;
    }
    if (FD_ISSET(STDIN_FILENO, &reads)) {
      char ignored[64];
      if (read(STDIN_FILENO, ignored, sizeof ignored) <= 0) {
        return;
      }
    }
    size_t kept = 0;
    for (size_t i = 0; i < of->connection_count; i++) {
      connection *with = of->connections[i];
      if (serve(of, with, FD_ISSET(with->socket, &reads), FD_ISSET(with->socket, &writes))) {
        of->connections[kept++] = with;
      } else {
        close_connection(of, with);
      }
    }
    of->connection_count = kept;
    if (FD_ISSET(of->listener, &reads)) {
      accept_connection(of);
    }
  }
}

/* ---- start -----------------------------------------------------------------------------------*/

static int listen_on(int *port) {
  int on = 1;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)*port)};
  socklen_t size = sizeof address;
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  must(listener >= 0, "socket");
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  must(bind(listener, (struct sockaddr *)&address, size) == 0 && listen(listener, 128) == 0 &&
           getsockname(listener, (struct sockaddr *)&address, &size) == 0,
       "listen");
  *port = ntohs(address.sin_port);
  return listener;
}

static SSL_CTX *make_tls(const char *path) {
  SSL_CTX *made = SSL_CTX_new(TLS_server_method());
  must(made != NULL && SSL_CTX_use_certificate_chain_file(made, path) == 1 &&
           SSL_CTX_use_PrivateKey_file(made, path, SSL_FILETYPE_PEM) == 1,
       path);
  SSL_CTX_set_mode(made, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  return made;
}

static void stop(server *of) {
  for (size_t i = 0; i < of->connection_count; i++) {
    close_connection(of, of->connections[i]);
  }
  close(of->listener);
  SSL_CTX_free(of->tls);
  canned_table_free(&of->table);
}

int main(int count, char **arguments) {
  static server made;
  size_t items = 100000;
  int port = 0;
  const char *certificate = NULL;
  for (int i = 1; i + 1 < count; i += 2) {
    const char *value = arguments[i + 1];
    if (strcmp(arguments[i], "--items") == 0) {
      items = strtoul(value, NULL, 10);
    } else if (strcmp(arguments[i], "--port") == 0) {
      port = (int)strtol(value, NULL, 10);
    } else if (strcmp(arguments[i], "--latency-us") == 0) {
      made.latency_ns = strtoll(value, NULL, 10) * 1000;
    } else if (strcmp(arguments[i], "--certificate") == 0) {
      certificate = value;
    } else {
      fprintf(stderr, "endpoint: unknown option %s; the head of endpoint.c says which there are\n",
              arguments[i]);
      return 2;
    }
  }
  signal(SIGPIPE, SIG_IGN);
  must(canned_table_make(&made.table, items), "no memory for the table");
  made.tls = certificate == NULL ? NULL : make_tls(certificate);
  made.listener = listen_on(&port);
  printf("%s://127.0.0.1:%d\n", certificate == NULL ? "http" : "https", port);
  fflush(stdout);
  run(&made);
  stop(&made);
  return 0;
}
