/* Reading: GetItem, and Scan page after page, each page held by the operation that brought it. */
#include "dynamodb/read.h"

#include <string.h>

#include "base/alloc.h"
#include "base/buffer.h"
#include "dynamodb/placeholders.h"

enum { LARGEST_BODY = 16 * 1024 * 1024 };

static void append_table(dds_buffer *body, const char *table_name) {
  dds_buffer_append_text(body, "{\"TableName\":");
  dds_buffer_append_json_string(body, table_name, strlen(table_name));
}

/* Appends what both reads have in common; the body lacks its closing brace still. */
static void append_common(dds_buffer *body, const dds_projection *projection,
                          const dds_condition *filter, bool consistent) {
  dds_placeholders placeholders;
  dds_buffer expression = DDS_BUFFER_INIT(LARGEST_BODY);
  dds_placeholders_init(&placeholders);
  for (size_t i = 0; i < projection->count; i++) {
    if (i > 0) {
      dds_buffer_append_text(&expression, ", ");
    }
    dds_placeholders_append_name(&placeholders, &expression, projection->attributes[i]);
  }
  dds_placeholders_append_expression(body, "ProjectionExpression", &expression);
  dds_buffer_clear(&expression);
  if (filter != NULL) {
    dds_placeholders_append_condition(&placeholders, &expression, filter);
  }
  dds_placeholders_append_expression(body, "FilterExpression", &expression);
  dds_placeholders_append_members(&placeholders, body);
  dds_buffer_append_format(body, ",\"ConsistentRead\":%s,\"ReturnConsumedCapacity\":\"TOTAL\"",
                           consistent ? "true" : "false");
  dds_placeholders_free(&placeholders);
  dds_buffer_free(&expression);
}

/* `; attributes id, expires; consistent` */
static void append_common_words(dds_buffer *words, const dds_projection *projection,
                                bool consistent) {
  for (size_t i = 0; i < projection->count; i++) {
    dds_buffer_append_format(words, "%s%s", i == 0 ? "; attributes " : ", ",
                             projection->attributes[i]);
  }
  if (consistent) {
    dds_buffer_append_text(words, "; consistent");
  }
}

bool dds_read_get(const dds_table *table, const dds_key *key, const dds_projection *projection,
                  bool consistent, dds_operation **holder, dds_item *item, dds_error *error) {
  dds_buffer body = DDS_BUFFER_INIT(LARGEST_BODY);
  dds_buffer words = DDS_BUFFER_INIT(LARGEST_BODY);
  dds_json answer;
  *holder = NULL;
  *item = (dds_item){{0}};
  append_table(&body, table->name);
  dds_buffer_append_text(&body, ",\"Key\":");
  dds_buffer_append(&body, key->json, key->length);
  append_common(&body, projection, NULL, consistent);
  dds_buffer_append_char(&body, '}');
  dds_buffer_append_text(&words, "by key");
  append_common_words(&words, projection, consistent);
  bool ok =
      dds_buffer_check(&words, error) &&
      dds_operation_run(table, "GetItem", &body, dds_buffer_text(&words), holder, &answer, error);
  if (ok && dds_operation_find(*holder, "Item", &item->json) &&
      dds_json_type_of(item->json) != DDS_JSON_OBJECT) {
    ok = dds_error_set(error, DDS_ERROR,
                       "GetItem of \"%s\" failed: unexpected answer: Item is no object",
                       table->name);
    dds_operation_free(*holder);
    *holder = NULL;
    *item = (dds_item){{0}};
  }
  dds_buffer_free(&body);
  dds_buffer_free(&words);
  return ok;
}

struct dds_scan {
  const dds_table *table;
  dds_buffer request; /* a page's body without ExclusiveStartKey and without its closing brace */
  dds_buffer words;
  dds_operation *page; /* in flight, or what `items` walks over */
  dds_json_iterator items;
  bool is_read;      /* the page arrived */
  dds_json last_key; /* where the page behind starts; .text NULL: there is none */
};

/* Starts the page that is behind the current one, whose text the request is made from. */
static bool start_page(dds_scan *scan, dds_error *error) {
  dds_operation *next = NULL;
  dds_buffer body = DDS_BUFFER_INIT(LARGEST_BODY);
  dds_buffer_append(&body, dds_buffer_text(&scan->request), scan->request.length);
  if (scan->last_key.text != NULL) {
    dds_buffer_append_text(&body, ",\"ExclusiveStartKey\":");
    dds_buffer_append(&body, scan->last_key.text, scan->last_key.length);
  }
  dds_buffer_append_char(&body, '}');
  bool ok =
      dds_operation_start(scan->table, "Scan", &body, dds_buffer_text(&scan->words), &next, error);
  if (ok) {
    dds_operation_free(scan->page);
    scan->page = next;
    scan->is_read = false;
    scan->last_key = (dds_json){0};
    scan->items = (dds_json_iterator){0};
  }
  return ok;
}

static bool refuse(const dds_scan *scan, const char *reason, dds_error *error) {
  return dds_error_set(error, DDS_ERROR, "Scan of \"%s\" failed: unexpected answer: %s",
                       scan->table->name, reason);
}

static bool read_page(dds_scan *scan, dds_error *error) {
  dds_json answer;
  dds_json items;
  if (!dds_operation_wait(scan->page, &answer, error)) {
    return false;
  }
  if (!dds_operation_find(scan->page, "Items", &items) ||
      dds_json_type_of(items) != DDS_JSON_ARRAY) {
    return refuse(scan, "it has no Items", error);
  }
  if (dds_operation_find(scan->page, "LastEvaluatedKey", &scan->last_key) &&
      dds_json_type_of(scan->last_key) != DDS_JSON_OBJECT) {
    return refuse(scan, "its LastEvaluatedKey is no key", error);
  }
  scan->items = dds_json_iterate(items);
  scan->is_read = true;
  return true;
}

static bool prepare(dds_scan *scan, const dds_scan_request *request, dds_error *error) {
  scan->request = DDS_BUFFER_INIT(LARGEST_BODY);
  scan->words = DDS_BUFFER_INIT(LARGEST_BODY);
  append_table(&scan->request, scan->table->name);
  append_common(&scan->request, &request->projection, request->filter, request->consistent);
  if (request->limit > 0) {
    dds_buffer_append_format(&scan->request, ",\"Limit\":%lld", (long long)request->limit);
  }
  if (request->filter != NULL) {
    dds_condition_append_words(request->filter, &scan->words);
  } else {
    dds_buffer_append_text(&scan->words, request->limit > 0 ? "any items" : "all items");
  }
  append_common_words(&scan->words, &request->projection, request->consistent);
  if (request->limit > 0) {
    dds_buffer_append_format(&scan->words, "; limit %lld", (long long)request->limit);
  }
  return dds_buffer_check(&scan->request, error) && dds_buffer_check(&scan->words, error);
}

bool dds_scan_open(const dds_table *table, const dds_scan_request *request, dds_scan **out,
                   dds_error *error) {
  *out = NULL;
  dds_scan *scan = dds_alloc(sizeof *scan);
  if (scan == NULL) {
    return dds_error_set_nomem(error);
  }
  scan->table = table;
  if (prepare(scan, request, error) && start_page(scan, error)) {
    *out = scan;
    return true;
  }
  dds_scan_close(scan);
  return false;
}

bool dds_scan_next(dds_scan *scan, dds_item *item, dds_error *error) {
  *item = (dds_item){{0}};
  for (;;) {
    if (!scan->is_read && !read_page(scan, error)) {
      return false;
    }
    if (dds_json_next(&scan->items, NULL, &item->json)) {
      return dds_json_type_of(item->json) == DDS_JSON_OBJECT ||
             refuse(scan, "one of its Items is no object", error);
    }
    if (scan->last_key.text == NULL) {
      return true;
    }
    if (!start_page(scan, error)) {
      return false;
    }
  }
}

void dds_scan_close(dds_scan *scan) {
  if (scan == NULL) {
    return;
  }
  dds_operation_free(scan->page);
  dds_buffer_free(&scan->request);
  dds_buffer_free(&scan->words);
  dds_free(scan);
}
