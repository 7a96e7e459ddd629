/* Bodies of Scan and Query. */
#include "dynamodb/scan_body.h"

#include <string.h>

#include "dynamodb/placeholders.h"

enum { LARGEST_BODY = 16 * 1024 * 1024 };

/* Appends the expressions: what is looked for, which attributes, what is let through. */
static void append_expressions(const dds_scan_request *request, dds_buffer *members) {
  dds_placeholders placeholders;
  dds_buffer expression = DDS_BUFFER_INIT(LARGEST_BODY);
  dds_placeholders_init(&placeholders);
  if (request->key_condition != NULL) {
    dds_placeholders_append_condition(&placeholders, &expression, request->key_condition);
  }
  dds_placeholders_append_expression(members, "KeyConditionExpression", &expression);
  dds_projection_append(&request->projection, &placeholders, members);
  dds_buffer_clear(&expression);
  if (request->filter != NULL) {
    dds_placeholders_append_condition(&placeholders, &expression, request->filter);
  }
  dds_placeholders_append_expression(members, "FilterExpression", &expression);
  dds_placeholders_append_members(&placeholders, members);
  dds_placeholders_free(&placeholders);
  dds_buffer_free(&expression);
}

static void append_members(const dds_table *table, const dds_scan_request *request,
                           dds_buffer *members) {
  dds_buffer_append_text(members, "{\"TableName\":");
  dds_buffer_append_json_string(members, table->name, strlen(table->name));
  if (request->index != NULL) {
    dds_buffer_append_text(members, ",\"IndexName\":");
    dds_buffer_append_json_string(members, request->index, strlen(request->index));
    /* An index that does not hold them all would leave attributes out without a word. */
    dds_buffer_append_text(members,
                           request->projection.count == 0 ? ",\"Select\":\"ALL_ATTRIBUTES\"" : "");
  }
  append_expressions(request, members);
  dds_buffer_append_format(members, ",\"ConsistentRead\":%s,\"ReturnConsumedCapacity\":\"TOTAL\"",
                           request->consistent ? "true" : "false");
}

static void append_words(const dds_scan_request *request, dds_buffer *words) {
  if (request->index != NULL) {
    dds_buffer_append_format(words, "%s where ", request->index);
    dds_condition_append_words(request->key_condition, words);
    dds_buffer_append_text(words, request->filter != NULL ? "; " : "");
  } else if (request->filter == NULL) {
    dds_buffer_append_text(words, request->wanted > 0 ? "any items" : "all items");
  }
  if (request->filter != NULL) {
    dds_condition_append_words(request->filter, words);
  }
  dds_projection_append_words(&request->projection, request->consistent, words);
}

bool dds_scan_body_open(const dds_table *table, const dds_scan_request *request,
                        dds_scan_body *body, dds_error *error) {
  *body = (dds_scan_body){
      .operation = request->index != NULL ? "Query" : "Scan",
      .members = DDS_BUFFER_INIT(LARGEST_BODY),
      .words = DDS_BUFFER_INIT(LARGEST_BODY),
  };
  append_members(table, request, &body->members);
  append_words(request, &body->words);
  return dds_buffer_check(&body->members, error) && dds_buffer_check(&body->words, error);
}

void dds_scan_body_append_page(const dds_scan_body *body, const dds_scan_place *place,
                               dds_buffer *text, dds_buffer *words) {
  dds_buffer_append(text, dds_buffer_text(&body->members), body->members.length);
  dds_buffer_append(words, dds_buffer_text(&body->words), body->words.length);
  if (place->segments > 1) {
    dds_buffer_append_format(text, ",\"Segment\":%zu,\"TotalSegments\":%zu", place->segment,
                             place->segments);
    dds_buffer_append_format(words, "; segment %zu of %zu", place->segment + 1, place->segments);
  }
  if (place->limit > 0) {
    dds_buffer_append_format(text, ",\"Limit\":%lld", (long long)place->limit);
    dds_buffer_append_format(words, "; limit %lld", (long long)place->limit);
  }
  if (place->start_key != NULL) {
    dds_buffer_append_text(text, ",\"ExclusiveStartKey\":");
    dds_buffer_append(text, place->start_key, place->start_key_length);
  }
  dds_buffer_append_char(text, '}');
}

void dds_scan_body_free(dds_scan_body *body) {
  dds_buffer_free(&body->members);
  dds_buffer_free(&body->words);
}
