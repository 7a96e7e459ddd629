/*
 * What libcurl alone takes for the same exchanges, on the canned endpoint: nothing is signed, no
 * sum is checked, no answer is read beyond what the next request needs. What the extension adds is
 * the difference; run_extension.c has the same options and prints the same line.
 *
 *   .build/release/bench/floor WORK --endpoint URL [--name value …]
 *
 *   download   Scan after Scan to the end of the table            bytes of JSON, rows, calls
 *   keys       the same with the sids alone
 *   get        GetItem on a kept connection, --calls 5000         p50_us
 *   update     GetItem and UpdateItem, --calls 2000 times         p50_us of both together
 *   put        BatchWriteItem of --rows 10000, 25 a call, --in-flight 16 at a time     rows
 *   in         BatchGetItem of --keys 1000, 100 a call, all in flight, --calls 5       p50_us
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "base/buffer.h"
#include "canned_table.h"
#include "measure.h"

enum {
  WARM_UP_CALLS = 50,
  RECEIVE_BYTES = 256 << 10,
  MOST_IN_FLIGHT = 64,
  MOST_BODY_BYTES = 32 << 20,
  BATCH_PUTS = 25,
  BATCH_KEYS = 100,
  TAIL_BYTES = 256 /* of a page: LastEvaluatedKey stands in them */
};

/* One connection and the answer that it got last. */
typedef struct exchange {
  CURL *curl;
  struct curl_slist *headers;
  dds_buffer answer;
} exchange;

typedef struct run {
  const char *endpoint;
  canned_table table;
  size_t items;
  size_t calls;
  size_t keys;
  size_t source_rows;
  size_t in_flight;
  measure measured;
  size_t rows;
  size_t bytes;
  int64_t *times_ns;
} run;

/* ---- one call --------------------------------------------------------------------------------*/

static size_t take(char *bytes, size_t size, size_t count, void *context) {
  dds_buffer_append(context, bytes, size * count);
  return size * count;
}

static void set(CURLcode code) {
  measure_must(code == CURLE_OK, "libcurl", curl_easy_strerror(code));
}

static void open_exchange(const run *of, exchange *made, const char *operation) {
  char target[64];
  snprintf(target, sizeof target, "X-Amz-Target: DynamoDB_20120810.%s", operation);
  made->answer = DDS_BUFFER_INIT(MOST_BODY_BYTES);
  made->curl = curl_easy_init();
  made->headers = curl_slist_append(NULL, "Content-Type: application/x-amz-json-1.0");
  made->headers = curl_slist_append(made->headers, target);
  made->headers = curl_slist_append(made->headers, "Expect:");
  measure_must(made->curl != NULL && made->headers != NULL, "libcurl", "no memory");
  set(curl_easy_setopt(made->curl, CURLOPT_URL, of->endpoint));
  set(curl_easy_setopt(made->curl, CURLOPT_HTTPHEADER, made->headers));
  set(curl_easy_setopt(made->curl, CURLOPT_NOSIGNAL, 1L));
  set(curl_easy_setopt(made->curl, CURLOPT_PROXY, ""));
  set(curl_easy_setopt(made->curl, CURLOPT_BUFFERSIZE, (long)RECEIVE_BYTES));
  set(curl_easy_setopt(made->curl, CURLOPT_WRITEFUNCTION, take));
  set(curl_easy_setopt(made->curl, CURLOPT_WRITEDATA, &made->answer));
  if (getenv("AWS_CA_BUNDLE") != NULL) {
    set(curl_easy_setopt(made->curl, CURLOPT_CAINFO, getenv("AWS_CA_BUNDLE")));
  }
}

static void close_exchange(exchange *closed) {
  curl_easy_cleanup(closed->curl);
  curl_slist_free_all(closed->headers);
  dds_buffer_free(&closed->answer);
}

/* The body is borrowed until the call is over. */
static void prepare(exchange *with, const char *body, size_t length) {
  dds_buffer_clear(&with->answer);
  set(curl_easy_setopt(with->curl, CURLOPT_POSTFIELDS, body));
  set(curl_easy_setopt(with->curl, CURLOPT_POSTFIELDSIZE, (long)length));
}

static void check_status(const exchange *with) {
  long status = 0;
  set(curl_easy_getinfo(with->curl, CURLINFO_RESPONSE_CODE, &status));
  measure_must(status == 200, "the endpoint refused", dds_buffer_text(&with->answer));
}

static void call(exchange *with, const char *body, size_t length) {
  prepare(with, body, length);
  set(curl_easy_perform(with->curl));
  check_status(with);
}

/* ---- scans -----------------------------------------------------------------------------------*/

/* The number behind "Count": in the first bytes of a page. */
static size_t count_of(const dds_buffer *page) {
  const char *at = strstr(dds_buffer_text(page), "\"Count\":");
  return at == NULL ? 0 : strtoul(at + 8, NULL, 10);
}

/* Copies the sid of LastEvaluatedKey out of a page's tail; false: the table ends here. */
static bool find_last_key(const dds_buffer *page, char sid[SID_BYTES + 1]) {
  static const char name[] = "\"LastEvaluatedKey\":{\"sessionId\":{\"S\":\"";
  const char *tail = page->data + (page->length > TAIL_BYTES ? page->length - TAIL_BYTES : 0);
  const char *at = strstr(tail, name);
  if (at == NULL) {
    return false;
  }
  snprintf(sid, SID_BYTES + 1, "%.*s", SID_BYTES, at + strlen(name));
  return true;
}

static void scan(run *of, const char *projection) {
  exchange with;
  char body[512];
  char sid[SID_BYTES + 1] = "";
  bool has_more = true;
  open_exchange(of, &with, "Scan");
  measure_begin(&of->measured);
  of->calls = 0;
  while (has_more) {
    int length = snprintf(body, sizeof body, "{\"TableName\":\"sessions\"%s%s%s%s}", projection,
                          sid[0] == '\0' ? "" : ",\"ExclusiveStartKey\":{\"sessionId\":{\"S\":\"",
                          sid, sid[0] == '\0' ? "" : "\"}}");
    call(&with, body, (size_t)length);
    of->rows += count_of(&with.answer);
    of->bytes += with.answer.length;
    of->calls++;
    has_more = find_last_key(&with.answer, sid);
  }
  measure_end(&of->measured);
  close_exchange(&with);
}

static void download(run *of) {
  scan(of, "");
}

static void keys(run *of) {
  scan(of, ",\"ProjectionExpression\":\"#k\",\"ExpressionAttributeNames\":{\"#k\":\"sessionId\"}");
}

/* ---- calls by key ----------------------------------------------------------------------------*/

static size_t spread(size_t call) {
  return call * 7919;
}

static size_t write_key(const run *of, char *to, size_t size, size_t index, const char *more) {
  char sid[SID_BYTES];
  canned_table_sid(&of->table, index % of->items, sid);
  return (size_t)snprintf(to, size,
                          "{\"TableName\":\"sessions\",\"Key\":{\"sessionId\":{\"S\":\"%.*s\"}}%s}",
                          SID_BYTES, sid, more);
}

static void call_by_sid(run *of, bool updates) {
  static char more[8192];
  char session[1200] = "";
  exchange reads;
  exchange writes;
  open_exchange(of, &reads, "GetItem");
  open_exchange(of, &writes, "UpdateItem");
  memset(session, 'x', sizeof session - 1);
  snprintf(more, sizeof more,
           ",\"UpdateExpression\":\"SET #d = :d\",\"ConditionExpression\":\"#d = :o\","
           "\"ExpressionAttributeNames\":{\"#d\":\"session_data\"},\"ExpressionAttributeValues\":{"
           "\":d\":{\"S\":\"%s\"},\":o\":{\"S\":\"%s\"}}",
           session, session);
  for (size_t i = 0; i < WARM_UP_CALLS + of->calls; i++) {
    static char body[8192 + 256];
    if (i == WARM_UP_CALLS) {
      measure_begin(&of->measured);
      of->rows = 0;
      of->bytes = 0;
    }
    int64_t begin_ns = measure_now_ns();
    call(&reads, body, write_key(of, body, sizeof body, spread(i), ""));
    of->rows += reads.answer.length > 2;
    of->bytes += reads.answer.length;
    if (updates) {
      call(&writes, body, write_key(of, body, sizeof body, spread(i), more));
    }
    of->times_ns[i < WARM_UP_CALLS ? 0 : i - WARM_UP_CALLS] = measure_now_ns() - begin_ns;
  }
  measure_end(&of->measured);
  close_exchange(&reads);
  close_exchange(&writes);
}

static void get(run *of) {
  call_by_sid(of, false);
}

static void update(run *of) {
  call_by_sid(of, true);
}

/* ---- many calls in flight --------------------------------------------------------------------*/

/* Sends `count` bodies over `in_flight` connections, which `multi` keeps. */
static void call_all(CURLM *multi, exchange *with, size_t in_flight, const dds_buffer *bodies,
                     size_t count) {
  size_t sent = 0;
  size_t done = 0;
  for (; sent < in_flight && sent < count; sent++) {
    prepare(&with[sent], bodies[sent].data, bodies[sent].length);
    curl_multi_add_handle(multi, with[sent].curl);
  }
  while (done < count) {
    int running = 0;
    int left = 0;
    curl_multi_perform(multi, &running);
    for (CURLMsg *message; (message = curl_multi_info_read(multi, &left)) != NULL;) {
      exchange *over = NULL;
      set(message->data.result);
      for (size_t i = 0; i < in_flight; i++) {
        over = with[i].curl == message->easy_handle ? &with[i] : over;
      }
      check_status(over);
      curl_multi_remove_handle(multi, over->curl);
      done++;
      if (sent < count) {
        prepare(over, bodies[sent].data, bodies[sent].length);
        curl_multi_add_handle(multi, over->curl);
        sent++;
      }
    }
    if (done < count) {
      curl_multi_poll(multi, NULL, 0, 1000, NULL);
    }
  }
}

/* One exchange for each that may be in flight, connections opened by nobody yet. */
static CURLM *open_exchanges(const run *of, exchange *with, size_t count, const char *operation) {
  CURLM *multi = curl_multi_init();
  measure_must(multi != NULL && count <= MOST_IN_FLIGHT, "--in-flight", "at most 64");
  curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)MOST_IN_FLIGHT);
  for (size_t i = 0; i < count; i++) {
    open_exchange(of, &with[i], operation);
  }
  return multi;
}

static void close_exchanges(CURLM *multi, exchange *with, size_t count) {
  for (size_t i = 0; i < count; i++) {
    close_exchange(&with[i]);
  }
  curl_multi_cleanup(multi);
}

static void put(run *of) {
  exchange with[MOST_IN_FLIGHT];
  size_t count = (of->source_rows + BATCH_PUTS - 1) / BATCH_PUTS;
  dds_buffer *bodies = calloc(count, sizeof *bodies);
  measure_must(bodies != NULL, "calloc", NULL);
  for (size_t i = 0; i < count; i++) {
    bodies[i] = DDS_BUFFER_INIT(MOST_BODY_BYTES);
    dds_buffer_append_text(&bodies[i], "{\"RequestItems\":{\"sessions\":[");
    for (size_t row = 0; row < BATCH_PUTS && i * BATCH_PUTS + row < of->source_rows; row++) {
      dds_buffer_append_text(&bodies[i], row == 0 ? "{\"PutRequest\":{\"Item\":"
                                                  : ",{\"PutRequest\":{\"Item\":");
      canned_table_append(&of->table, i * BATCH_PUTS + row, ATTRIBUTES_ALL, &bodies[i]);
      dds_buffer_append_text(&bodies[i], "}}");
      of->rows++;
    }
    dds_buffer_append_text(&bodies[i], "]}}");
  }
  CURLM *multi = open_exchanges(of, with, of->in_flight, "BatchWriteItem");
  measure_begin(&of->measured);
  call_all(multi, with, of->in_flight, bodies, count);
  measure_end(&of->measured);
  close_exchanges(multi, with, of->in_flight);
  for (size_t i = 0; i < count; i++) {
    of->bytes += bodies[i].length;
    dds_buffer_free(&bodies[i]);
  }
  of->calls = count;
  free(bodies);
}

static void append_keys(const run *of, size_t first, size_t count, dds_buffer *body) {
  dds_buffer_clear(body);
  dds_buffer_append_text(body, "{\"RequestItems\":{\"sessions\":{\"Keys\":[");
  for (size_t i = 0; i < count; i++) {
    char sid[SID_BYTES];
    canned_table_sid(&of->table, spread(first + i) % of->items, sid);
    dds_buffer_append_format(body, "%s{\"sessionId\":{\"S\":\"%.*s\"}}", i == 0 ? "" : ",",
                             SID_BYTES, sid);
  }
  dds_buffer_append_text(body, "]}}}");
}

static void in(run *of) {
  exchange with[MOST_IN_FLIGHT];
  dds_buffer bodies[MOST_IN_FLIGHT];
  size_t count = (of->keys + BATCH_KEYS - 1) / BATCH_KEYS;
  CURLM *multi = open_exchanges(of, with, count, "BatchGetItem");
  for (size_t i = 0; i < count; i++) {
    bodies[i] = DDS_BUFFER_INIT(MOST_BODY_BYTES);
  }
  for (size_t round = 0; round <= of->calls; round++) {
    if (round == 1) {
      measure_begin(&of->measured);
    }
    int64_t begin_ns = measure_now_ns();
    for (size_t i = 0; i < count; i++) {
      size_t first = i * BATCH_KEYS;
      size_t left = of->keys - first;
      append_keys(of, round * of->keys + first, left < BATCH_KEYS ? left : BATCH_KEYS, &bodies[i]);
    }
    call_all(multi, with, count, bodies, count);
    of->times_ns[round == 0 ? 0 : round - 1] = measure_now_ns() - begin_ns;
  }
  measure_end(&of->measured);
  of->rows = of->calls * of->keys;
  close_exchanges(multi, with, count);
  for (size_t i = 0; i < count; i++) {
    dds_buffer_free(&bodies[i]);
  }
}

/* ---- the process -----------------------------------------------------------------------------*/

static const struct {
  const char *name;
  void (*run)(run *of);
  size_t calls;
} works[] = {
    {"download", download, 0}, {"keys", keys, 0}, {"get", get, 5000},
    {"update", update, 2000},  {"put", put, 0},   {"in", in, 5},
};

int main(int count, char **arguments) {
  run of = {0};
  for (size_t i = 0; count > 1 && i < sizeof works / sizeof works[0]; i++) {
    if (strcmp(arguments[1], works[i].name) != 0) {
      continue;
    }
    of.endpoint = measure_option(count, arguments, "--endpoint", "");
    of.items = measure_number(count, arguments, "--items", 100000);
    of.calls = measure_number(count, arguments, "--calls", works[i].calls);
    of.keys = measure_number(count, arguments, "--keys", 1000);
    of.source_rows = measure_number(count, arguments, "--rows", 10000);
    of.in_flight = measure_number(count, arguments, "--in-flight", 16);
    of.times_ns = calloc(of.calls + 1, sizeof *of.times_ns);
    measure_must(of.times_ns != NULL, "calloc", NULL);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    /* More items than pages are kept for: only the template is made. */
    measure_must(canned_table_make(&of.table, (size_t)MOST_KEPT_PAGES * PAGE_ITEMS + of.items),
                 "canned_table", "no memory");
    works[i].run(&of);
    measure_print(&of.measured, of.rows, of.bytes, of.calls,
                  measure_median_us(of.times_ns, works[i].calls == 0 ? 0 : of.calls));
    canned_table_free(&of.table);
    free(of.times_ns);
    curl_global_cleanup();
    return 0;
  }
  fprintf(
      stderr,
      "floor: the first argument is a kind of work; the head of floor.c says which there are\n");
  return 2;
}
