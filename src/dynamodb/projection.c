/* Projections in expressions and in words. */
#include "dynamodb/projection.h"

enum { LARGEST_EXPRESSION = 1024 * 1024 };

void dds_projection_append(const dds_projection *projection, dds_placeholders *placeholders,
                           dds_buffer *body) {
  dds_buffer expression = DDS_BUFFER_INIT(LARGEST_EXPRESSION);
  for (size_t i = 0; i < projection->count; i++) {
    dds_buffer_append_text(&expression, i == 0 ? "" : ", ");
    dds_placeholders_append_name(placeholders, &expression, projection->attributes[i]);
  }
  dds_placeholders_append_expression(body, "ProjectionExpression", &expression);
  dds_buffer_free(&expression);
}

void dds_projection_append_members(const dds_projection *projection, dds_buffer *body) {
  if (projection->members != NULL) {
    dds_buffer_append_text(body, projection->members);
    return;
  }
  dds_placeholders placeholders;
  dds_placeholders_init(&placeholders);
  dds_projection_append(projection, &placeholders, body);
  dds_placeholders_append_members(&placeholders, body);
  dds_placeholders_free(&placeholders);
}

void dds_projection_append_words(const dds_projection *projection, bool consistent,
                                 dds_buffer *words) {
  for (size_t i = 0; i < projection->count; i++) {
    dds_buffer_append_text(words, i == 0 ? "; attributes " : ", ");
    dds_buffer_append_text(words, projection->attributes[i]);
  }
  dds_buffer_append_text(words, consistent ? "; consistent" : "");
}
