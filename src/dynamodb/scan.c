/*
 * Scan and Query as chains of pages, one chain a segment. A chain holds the page that is read, or
 * that is the next to be read, and once that has come the page behind it:
 *
 *     in flight -> come -> judged and being read -> left
 *                    \-> the page behind: in flight -> come, and waits until this one is left
 *
 * Where the page behind starts is looked up three times: in the bytes as they came (a guess, but
 * the request is on its way before a megabyte is summed up and read), once the answer is judged
 * (it may be another then: a wrong checksum is a reason to ask again), and once the page is read
 * to its end, when nothing of it is a guess any more. Only a request that started from the very
 * key that the last look gives is kept; any other is cancelled, whatever it brought.
 *
 * One thread: requests move while somebody waits for a page, and whenever one is turned. Asking two
 * pages ahead would not make that better, and costs the memory of a third page a segment.
 */
#include "dynamodb/scan.h"

#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "dynamodb/number.h"
#include "dynamodb/operation.h"
#include "dynamodb/scan_body.h"

enum {
  LARGEST_BODY = 16 * 1024 * 1024,
  /* Behind a LIMIT that turns out to be none, pages start with so many items at least. */
  SMALLEST_LIMIT = 128,
  /* More items than fit in a page anyway: 1 MB, and no item has less than two bytes. */
  LARGEST_LIMIT = 500 * 1000,
  /* More than these are read one after another: each has a connection of its own. */
  MOST_SEGMENTS_AT_ONCE = 256,
  /* Before further segments are begun: the first page of a megabyte has to come from near by, too.
   */
  PATIENCE_MS = 3,
  /* So often what has come of the next page is taken in, so that a server can go on sending. */
  POLL_ITEMS = 128,
};

typedef struct scan_page {
  dds_operation *operation; /* owned; NULL: no page */
  dds_buffer start_key;     /* its ExclusiveStartKey; empty: the first page */
} scan_page;

typedef struct scan_segment {
  size_t number;   /* which of the Scan's it is */
  scan_page page;  /* none: it is read to its end, and no other is left to take its place */
  scan_page ahead; /* behind `page`, or none yet */
} scan_segment;

struct dds_scan {
  const dds_table *table;
  dds_scan_body body;
  scan_segment *segments; /* owned; those that are read at one time */
  size_t segment_count;   /* of these */
  size_t most_segments;   /* of these, once the scan waits more than it reads */
  size_t begun;           /* of all */
  size_t total;           /* all that the table is divided into */
  dds_operation **waited; /* owned; room for one of each segment */
  size_t turn;            /* the segment whose page was read last */
  scan_segment *current;  /* the one whose page is being read, or NULL */
  int64_t on_page;        /* items of that page that were given */
  int64_t given;          /* items, of all pages */
  int64_t wanted;         /* 0: all */
  bool has_filter;
  int64_t limit; /* the last page's */
  int64_t
      opened_ms;    /* when the page that is read, or was read last, was opened; the scan, before */
  int64_t spare_ms; /* how long it may wait before it begins further segments */
  dds_error failure; /* of a request ahead, kept until its page is needed */
};

static bool refuse(const dds_scan *scan, const char *reason, dds_error *error) {
  return dds_error_set(error, DDS_ERROR, "%s of \"%s\" failed: unexpected answer: %s",
                       scan->body.operation, scan->table->name, reason);
}

static void drop(scan_page *page) {
  dds_operation_free(page->operation);
  page->operation = NULL;
  dds_buffer_clear(&page->start_key);
}

/* ---- what is asked for -----------------------------------------------------------------------*/

/* A page's Limit, where `expected` items came before it. Who asks for more than he wanted will go
 * on asking: his pages grow. */
static int64_t choose_limit(dds_scan *scan, int64_t expected) {
  if (scan->wanted == 0 || scan->has_filter) {
    return 0;
  }
  if (expected < scan->wanted) {
    scan->limit = scan->wanted - expected;
  } else {
    scan->limit = scan->limit < SMALLEST_LIMIT / 2 ? SMALLEST_LIMIT : scan->limit * 2;
  }
  if (scan->limit > LARGEST_LIMIT) {
    scan->limit = LARGEST_LIMIT;
    return 0;
  }
  return scan->limit;
}

/* Starts `page` of a segment behind `key`, .text NULL for its first one. */
static bool start_page(dds_scan *scan, const scan_segment *segment, dds_json key, int64_t expected,
                       scan_page *page, dds_error *error) {
  dds_buffer text = DDS_BUFFER_INIT(LARGEST_BODY);
  dds_buffer words = DDS_BUFFER_INIT(LARGEST_BODY);
  const dds_scan_place place = {
      .segment = segment->number,
      .segments = scan->total,
      .limit = choose_limit(scan, expected),
      .start_key = key.text,
      .start_key_length = key.length,
  };
  dds_buffer_clear(&page->start_key);
  if (key.text != NULL) {
    dds_buffer_append(&page->start_key, key.text, key.length);
  }
  dds_scan_body_append_page(&scan->body, &place, &text, &words);
  bool ok = dds_buffer_check(&page->start_key, error) && dds_buffer_check(&words, error) &&
            dds_operation_start(scan->table, scan->body.operation, &text, dds_buffer_text(&words),
                                &page->operation, error);
  if (ok) {
    dds_operation_read_as_page(page->operation);
  }
  dds_buffer_free(&text);
  dds_buffer_free(&words);
  return ok;
}

/* ---- fetching ahead --------------------------------------------------------------------------*/

typedef bool find_member(const dds_operation *operation, const char *name, dds_json *value);

/* The page's Count; -1 where it is unknown. */
static int64_t count_of(const dds_operation *operation, find_member *find) {
  dds_json number;
  int64_t count;
  return find(operation, "Count", &number) && dds_json_type_of(number) == DDS_JSON_NUMBER &&
                 dds_number_to_integer(number.text, number.length, &count) && count >= 0
             ? count
             : -1;
}

/* Where the page behind starts; false where none follows. */
static bool find_next_key(const dds_operation *operation, find_member *find, dds_json *key) {
  if (find(operation, "LastEvaluatedKey", key)) {
    return true;
  }
  *key = (dds_json){0};
  return false;
}

static bool starts_at(const scan_page *page, dds_json key) {
  return page->operation != NULL && key.text != NULL && key.length == page->start_key.length &&
         memcmp(key.text, page->start_key.data, key.length) == 0;
}

/* Whether the page behind one of so many items will be needed, as far as that is known. */
static bool is_wanted_behind(const dds_scan *scan, int64_t count) {
  return scan->wanted == 0 || scan->given >= scan->wanted ||
         (count >= 0 && count < scan->wanted - scan->given);
}

/* Has the page ahead be the one that the current look gives: nothing was given of `page` yet. */
static bool look_ahead(dds_scan *scan, scan_segment *segment, find_member *find, dds_error *error) {
  dds_error failure = DDS_ERROR_INIT;
  dds_json key;
  int64_t count = count_of(segment->page.operation, find);
  find_next_key(segment->page.operation, find, &key);
  if (starts_at(&segment->ahead, key)) {
    return true;
  }
  drop(&segment->ahead);
  if (key.text == NULL || dds_json_type_of(key) != DDS_JSON_OBJECT ||
      !is_wanted_behind(scan, count) || scan->failure.code != DDS_OK ||
      start_page(scan, segment, key, scan->given + (count < 0 ? 0 : count), &segment->ahead,
                 &failure)) {
    return true;
  }
  if (failure.code == DDS_INTERRUPT) {
    return dds_error_pass_on(error, &failure);
  }
  scan->failure = failure;
  return true;
}

/* ---- turning pages ---------------------------------------------------------------------------*/

/* The segments that are not read to their end, from the one whose turn it is: their pages are in
 * `waited`; `*come` is the first whose page has come, or NULL. */
static size_t list_pages(const dds_scan *scan, scan_segment **come) {
  size_t count = 0;
  *come = NULL;
  for (size_t i = 1; i <= scan->segment_count; i++) {
    scan_segment *segment = &scan->segments[(scan->turn + i) % scan->segment_count];
    if (segment->page.operation != NULL) {
      scan->waited[count++] = segment->page.operation;
      bool has_come = dds_operation_has_arrived(segment->page.operation);
      *come = *come == NULL && has_come ? segment : *come;
    }
  }
  return count;
}

static scan_segment *find_segment(const dds_scan *scan, const dds_operation *operation) {
  scan_segment *segment = scan->segments;
  while (segment->page.operation != operation) {
    segment++;
  }
  return segment;
}

/* Begins to read a page that was judged. */
static bool open_page(dds_scan *scan, scan_segment *segment, dds_error *error) {
  dds_json answer;
  if (!dds_operation_wait(segment->page.operation, &answer, error)) {
    return false;
  }
  if (!dds_operation_page(segment->page.operation)->has_items) {
    return refuse(scan, "it has no Items", error);
  }
  scan->current = segment;
  scan->opened_ms = dds_client_now_ms(scan->table->client);
  scan->turn = (size_t)(segment - scan->segments);
  scan->on_page = 0;
  return look_ahead(scan, segment, dds_operation_find, error);
}

/* Starts the first page of the next segment that nobody has begun. */
static bool begin_segment(dds_scan *scan, scan_segment *segment, dds_error *error) {
  segment->number = scan->begun++;
  return start_page(scan, segment, (dds_json){0}, scan->given, &segment->page, error);
}

/* Has as many segments be read at one time. */
static bool begin_segments(dds_scan *scan, size_t count, dds_error *error) {
  while (scan->segment_count < count && scan->begun < scan->total) {
    scan_segment *segment = &scan->segments[scan->segment_count];
    segment->page.start_key = DDS_BUFFER_INIT(LARGEST_BODY);
    segment->ahead.start_key = DDS_BUFFER_INIT(LARGEST_BODY);
    if (!begin_segment(scan, segment, error)) {
      scan->begun--; /* it is left to who comes to it next */
      return false;
    }
    scan->segment_count++;
  }
  return true;
}

/* Begins the further segments of a scan that has waited for pages longer than it read them; where
 * reading takes longer they would only fill memory. What refuses them, such as a limit that the
 * page reached which has just come, refuses the page behind it as well: once this one was given. */
static bool weigh_waiting(dds_scan *scan, int64_t read_ms, dds_error *error) {
  if (scan->segment_count == scan->most_segments) {
    return true;
  }
  scan->spare_ms +=
      (read_ms - scan->opened_ms) - (dds_client_now_ms(scan->table->client) - read_ms);
  dds_error refusal = DDS_ERROR_INIT;
  bool ok = scan->spare_ms >= 0 || begin_segments(scan, scan->most_segments, &refusal);
  bool is_over = refusal.code == DDS_INTERRUPT || refusal.code == DDS_NOMEM;
  return ok || !is_over || dds_error_pass_on(error, &refusal);
}

/* Opens the next page of any segment, waiting where none has come; at the end there is no current
 * one. */
static bool turn_page(dds_scan *scan, dds_error *error) {
  int64_t read_ms = dds_client_now_ms(scan->table->client);
  size_t index;
  scan_segment *come;
  size_t count = list_pages(scan, &come);
  if (count == 0) {
    return true;
  }
  if (!dds_client_poll(scan->table->client, error)) {
    return false;
  }
  list_pages(scan, &come);
  if (come == NULL) {
    if (!dds_operation_wait_arrival(scan->waited, count, &index, error)) {
      return false;
    }
    list_pages(scan, &come);
  }
  if (come != NULL && !look_ahead(scan, come, dds_operation_peek, error)) {
    return false;
  }
  return dds_operation_wait_any(scan->waited, count, &index, error) &&
         weigh_waiting(scan, read_ms, error) &&
         open_page(scan, find_segment(scan, scan->waited[index]), error);
}

/* What the end of a page shows: that nothing of it is missing, and where the next one starts. */
static bool check_page(const dds_scan *scan, const scan_page *page, dds_json key,
                       dds_error *error) {
  int64_t count = count_of(page->operation, dds_operation_find);
  if (count >= 0 && count != scan->on_page) {
    return refuse(scan, "its Count is not the number of its Items", error);
  }
  if (key.text != NULL && dds_json_type_of(key) != DDS_JSON_OBJECT) {
    return refuse(scan, "its LastEvaluatedKey is no key", error);
  }
  if (key.text != NULL && key.length == page->start_key.length &&
      memcmp(key.text, page->start_key.data, key.length) == 0) {
    return refuse(scan, "its LastEvaluatedKey is the key that it started from", error);
  }
  return true;
}

/* Leaves the current page, which was read to its end, for the one behind it, or where none is for
 * another segment. */
static bool leave_page(dds_scan *scan, dds_error *error) {
  scan_segment *segment = scan->current;
  dds_json key;
  bool goes_on = find_next_key(segment->page.operation, dds_operation_find, &key);
  if (!check_page(scan, &segment->page, key, error)) {
    return false;
  }
  if (!starts_at(&segment->ahead, key)) {
    drop(&segment->ahead);
    if (goes_on && scan->failure.code != DDS_OK) {
      return dds_error_pass_on(error, &scan->failure);
    }
    if (goes_on && !start_page(scan, segment, key, scan->given, &segment->ahead, error)) {
      return false;
    }
  }
  drop(&segment->page);
  scan_page left = segment->page;
  segment->page = segment->ahead;
  segment->ahead = left;
  scan->current = NULL;
  return goes_on || scan->begun == scan->total || begin_segment(scan, segment, error);
}

/* ---- the scan --------------------------------------------------------------------------------*/

bool dds_scan_open(const dds_table *table, const dds_scan_request *request, dds_scan **out,
                   dds_error *error) {
  *out = NULL;
  dds_scan *scan = dds_alloc(sizeof *scan);
  if (scan == NULL) {
    return dds_error_set_nomem(error);
  }
  bool is_divided = request->segments > 1 && request->wanted == 0 && request->index == NULL;
  scan->table = table;
  scan->opened_ms = dds_client_now_ms(table->client);
  scan->spare_ms = PATIENCE_MS;
  scan->wanted = request->wanted;
  scan->has_filter = request->filter != NULL;
  scan->total = is_divided ? request->segments : 1;
  scan->most_segments = scan->total < MOST_SEGMENTS_AT_ONCE ? scan->total : MOST_SEGMENTS_AT_ONCE;
  scan->segments = dds_alloc(scan->most_segments * sizeof *scan->segments);
  scan->waited = dds_alloc(scan->most_segments * sizeof(dds_operation *));
  if (scan->segments == NULL || scan->waited == NULL) {
    dds_error_set_nomem(error);
  } else if (dds_scan_body_open(table, request, &scan->body, error) &&
             begin_segments(scan, request->is_gradual ? 1 : scan->most_segments, error)) {
    scan->turn = scan->segment_count - 1;
    *out = scan;
    return true;
  }
  dds_scan_close(scan);
  return false;
}

/* Errors of a page lack what was asked. */
static bool read_item(const dds_scan *scan, dds_item *item, dds_error *error) {
  bool is_first_error = error->code == DDS_OK;
  if (dds_page_next(dds_operation_page(scan->current->page.operation), item, error)) {
    return true;
  }
  if (is_first_error) {
    dds_error_prefix(error, "%s of \"%s\" failed: ", scan->body.operation, scan->table->name);
  }
  return false;
}

/* Of several segments there are pages enough to be read, and what came of the others would push
 * this one out of the processor's cache. */
static bool must_take_in(const dds_scan *scan) {
  return scan->segment_count == 1 && scan->on_page % POLL_ITEMS == 0;
}

bool dds_scan_next(dds_scan *scan, dds_item *item, dds_error *error) {
  *item = (dds_item){.json = {0}};
  for (;;) {
    if (scan->current == NULL && !turn_page(scan, error)) {
      return false;
    }
    if (scan->current == NULL) {
      return true;
    }
    if (!read_item(scan, item, error)) {
      return false;
    }
    if (item->json.text != NULL) {
      scan->given++;
      scan->on_page++;
      return !must_take_in(scan) || dds_client_poll(scan->table->client, error);
    }
    if (!leave_page(scan, error)) {
      return false;
    }
  }
}

size_t dds_scan_bytes(const dds_scan *scan) {
  enum { SEGMENT_BYTES = 4096 }; /* requests, and what calls and keys take */
  size_t bytes = scan->segment_count * SEGMENT_BYTES;
  for (size_t i = 0; i < scan->segment_count; i++) {
    const dds_operation *operation = scan->segments[i].page.operation;
    bytes += operation != NULL ? dds_operation_answer_bytes(operation) : 0;
  }
  return bytes;
}

static void free_page(scan_page *page) {
  drop(page);
  dds_buffer_free(&page->start_key);
}

void dds_scan_close(dds_scan *scan) {
  if (scan == NULL) {
    return;
  }
  for (size_t i = 0; scan->segments != NULL && i < scan->segment_count; i++) {
    free_page(&scan->segments[i].page);
    free_page(&scan->segments[i].ahead);
  }
  dds_scan_body_free(&scan->body);
  dds_free(scan->segments);
  dds_free((void *)scan->waited);
  dds_free(scan);
}
