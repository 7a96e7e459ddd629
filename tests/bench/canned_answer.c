/* DynamoDB's answers; the header says which. */
#include "canned_answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

enum { MOST_BODY_BYTES = 32 << 20, MOST_BATCH_KEYS = 100, READ_UNIT_BYTES = 4096 };

/* ---- the sum of a body in parts --------------------------------------------------------------*/

/* The product of two polynomials modulo CRC-32's, bits reflected as the sum has them. */
static uint32_t multiply(uint32_t left, uint32_t right) {
  uint32_t product = 0;
  for (uint32_t bit = UINT32_C(1) << 31; bit != 0; bit >>= 1) {
    product ^= (left & bit) != 0 ? right : 0;
    right = right >> 1 ^ ((right & 1) != 0 ? UINT32_C(0xEDB88320) : 0);
  }
  return product;
}

/* The sum of two texts one after the other: the first sum times x^(8 × length of the second). */
static uint32_t join_crc32(uint32_t first, uint32_t second, size_t second_length) {
  uint32_t power = UINT32_C(1) << 31;  /* x^0 */
  uint32_t factor = UINT32_C(1) << 23; /* x^8 */
  for (; second_length > 0; second_length >>= 1) {
    power = (second_length & 1) != 0 ? multiply(power, factor) : power;
    factor = multiply(factor, factor);
  }
  return multiply(power, first) ^ second;
}

static void finish(canned_answer *answer, uint32_t items_crc32) {
  uint32_t sum = dds_hash_crc32(0, dds_buffer_text(&answer->front), answer->front.length);
  sum = join_crc32(sum, items_crc32, answer->items_length);
  answer->crc32 = dds_hash_crc32(sum, dds_buffer_text(&answer->back), answer->back.length);
}

/* ---- reading a request -----------------------------------------------------------------------*/

static const char *skip_blanks(const char *at) {
  return at + strspn(at, " \t\r\n");
}

/* Where the value of the next member of this name (in its quotes) stands, at whatever depth; NULL:
 * there is none. In a string of JSON its quotes would be escaped, so that none is found there. */
static const char *find_member(const char *body, const char *quoted_name) {
  for (const char *at = strstr(body, quoted_name); at != NULL; at = strstr(at, quoted_name)) {
    at += strlen(quoted_name);
    const char *colon = skip_blanks(at);
    if (*colon == ':') {
      return skip_blanks(colon + 1);
    }
  }
  return NULL;
}

static size_t find_number(const char *body, const char *quoted_name, size_t otherwise) {
  const char *at = find_member(body, quoted_name);
  return at == NULL ? otherwise : strtoul(at, NULL, 10);
}

/* The string of {"S": "…"} at `at`; NULL: it is something else. */
static const char *read_string(const char *at, size_t *length) {
  const char *text = *at == '{' ? find_member(at, "\"S\"") : NULL;
  if (text == NULL || *text != '"' || text - at > 64) {
    return NULL;
  }
  *length = strcspn(text + 1, "\"");
  return text + 1;
}

static size_t count_of(const char *body, const char *text) {
  size_t count = 0;
  for (const char *at = strstr(body, text); at != NULL; at = strstr(at + 1, text)) {
    count++;
  }
  return count;
}

static bool is_of_word(char character) {
  return (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') ||
         (character >= '0' && character <= '9') || character == '_';
}

/* The attributes whose names stand before the next `stop` as whole words. */
static unsigned read_words(const char *at, char stop) {
  unsigned attributes = 0;
  while (*at != stop && *at != '\0') {
    const char *word = at;
    while (is_of_word(*at)) {
      at++;
    }
    size_t length = (size_t)(at - word);
    for (size_t place = 0; length > 0 && place < ATTRIBUTES; place++) {
      const char *name = canned_table_names[place];
      bool is_same = strncmp(word, name, length) == 0 && name[length] == '\0';
      attributes |= is_same ? 1u << place : 0;
    }
    at += length == 0;
  }
  return attributes;
}

/* All, unless the request has a projection: then those whose names stand in it, or in its
 * ExpressionAttributeNames, an object of strings. */
static unsigned read_attributes(const char *body) {
  const char *projection = find_member(body, "\"ProjectionExpression\"");
  if (projection == NULL) {
    return ATTRIBUTES_ALL;
  }
  const char *names = find_member(body, "\"ExpressionAttributeNames\"");
  return read_words(projection + 1, '"') | (names == NULL ? 0 : read_words(names, '}'));
}

/* ---- pieces of answers -----------------------------------------------------------------------*/

static bool wants_capacity(const char *body) {
  const char *at = find_member(body, "\"ReturnConsumedCapacity\"");
  return at != NULL && strncmp(at, "\"NONE\"", 6) != 0;
}

static void append_capacity(const char *body, dds_buffer *buffer, size_t halves, bool is_list) {
  if (wants_capacity(body)) {
    dds_buffer_append_format(buffer,
                             "\"ConsumedCapacity\":%s{\"CapacityUnits\":%zu.%c,\"TableName\":"
                             "\"sessions\"}%s,",
                             is_list ? "[" : "", halves / 2, halves % 2 == 0 ? '0' : '5',
                             is_list ? "]" : "");
  }
}

/* Half units that a read of one unit takes. */
static size_t halves_a_unit(const char *body) {
  const char *consistent = find_member(body, "\"ConsistentRead\"");
  return consistent != NULL && *consistent == 't' ? 2 : 1;
}

static size_t read_units(size_t bytes) {
  return (bytes + READ_UNIT_BYTES - 1) / READ_UNIT_BYTES;
}

static void refuse(canned_answer *answer, const char *type, const char *message) {
  answer->status = 400;
  dds_buffer_clear(&answer->front);
  dds_buffer_append_format(
      &answer->front, "{\"__type\":\"com.amazon.coral.%s\",\"message\":\"%s\"}", type, message);
}

/* ---- reads -----------------------------------------------------------------------------------*/

typedef struct call {
  const canned_table *table;
  const char *body;
  canned_answer *answer;
  size_t items;    /* read or written by it */
  size_t segments; /* of a Scan */
} call;

/* The items [first, first + count): a kept page as it is, else made here. */
static uint32_t take_items(const call *to, size_t first, size_t count, unsigned attributes) {
  canned_answer *answer = to->answer;
  const canned_page *page = canned_table_page(to->table, first, count, attributes);
  if (page != NULL) {
    answer->items = page->text;
    answer->items_length = page->length;
    return page->crc32;
  }
  for (size_t i = 0; i < count; i++) {
    dds_buffer_append_text(&answer->own, i == 0 ? "" : ",");
    canned_table_append(to->table, first + i, attributes, &answer->own);
  }
  answer->items = dds_buffer_text(&answer->own);
  answer->items_length = answer->own.length;
  return dds_hash_crc32(0, answer->items, answer->items_length);
}

/* Where in the table a scan goes on, and where its segment ends. False: the key is nobody's. */
static bool read_range(const call *of, size_t *first, size_t *end) {
  size_t segments = find_number(of->body, "\"TotalSegments\"", 1);
  size_t segment = find_number(of->body, "\"Segment\"", 0);
  size_t items = of->table->items;
  size_t length = 0;
  const char *start = find_member(of->body, "\"ExclusiveStartKey\"");
  segments = segments == 0 ? 1 : segments;
  *first = items * segment / segments;
  *end = items * (segment + 1) / segments;
  if (segments > 1) {
    /* Whole pages, where there are enough: what a page costs must not depend on segments. */
    size_t pages = items / PAGE_ITEMS;
    *first = pages < segments ? *first : pages * segment / segments * PAGE_ITEMS;
    *end = pages < segments || segment + 1 == segments
               ? *end
               : pages * (segment + 1) / segments * PAGE_ITEMS;
  }
  if (start == NULL) {
    return true;
  }
  const char *key = find_member(start, "\"sessionId\"");
  const char *sid = key == NULL ? NULL : read_string(key, &length);
  if (sid == NULL || !canned_table_find(of->table, sid, length, first)) {
    return false;
  }
  ++*first;
  return true;
}

static void answer_scan(call *of) {
  canned_answer *answer = of->answer;
  size_t first = 0;
  size_t end = 0;
  size_t limit = find_number(of->body, "\"Limit\"", SIZE_MAX);
  if (find_member(of->body, "\"FilterExpression\"") != NULL ||
      find_member(of->body, "\"Select\"") != NULL) {
    refuse(answer, "validate#ValidationException", "this endpoint knows no filter and no Select");
    return;
  }
  if (!read_range(of, &first, &end)) {
    refuse(answer, "validate#ValidationException", "The provided starting key is invalid");
    return;
  }
  size_t left = end > first ? end - first : 0;
  size_t most = limit < PAGE_ITEMS ? limit : PAGE_ITEMS;
  size_t count = left < most ? left : most;
  size_t bytes = canned_table_bytes(of->table, first, count);
  dds_buffer_append_char(&answer->front, '{');
  append_capacity(of->body, &answer->front, read_units(bytes) * halves_a_unit(of->body), false);
  dds_buffer_append_format(&answer->front, "\"Count\":%zu,\"Items\":[", count);
  uint32_t crc32 = take_items(of, first, count, read_attributes(of->body));
  dds_buffer_append_char(&answer->back, ']');
  /* A page that ends by the limit has a key also where nothing is behind it. */
  if (count < left || (count == limit && count > 0)) {
    char sid[SID_BYTES];
    canned_table_sid(of->table, first + count - 1, sid);
    dds_buffer_append_format(
        &answer->back, ",\"LastEvaluatedKey\":{\"sessionId\":{\"S\":\"%.*s\"}}", SID_BYTES, sid);
  }
  dds_buffer_append_format(&answer->back, ",\"ScannedCount\":%zu}", count);
  of->items = count;
  of->segments = find_number(of->body, "\"TotalSegments\"", 1);
  finish(answer, crc32);
}

/* In the layout of connect-dynamodb; "" where the sid is unknown. */
static void append_connect_item(const call *of, const char *sid, size_t length) {
  static const char prefix[] = "sess:";
  size_t index = 0;
  if (length <= strlen(prefix) || memcmp(sid, prefix, strlen(prefix)) != 0 ||
      !canned_table_find(of->table, sid + strlen(prefix), length - strlen(prefix), &index)) {
    return;
  }
  size_t slot = index % PAGE_ITEMS;
  const char *item = of->table->text + of->table->begin[slot];
  size_t data = of->table->member[slot][2] + strlen("\"session_data\"");
  dds_buffer_append_format(&of->answer->front,
                           "\"Item\":{\"expires\":{\"N\":\"4102444800\"},\"id\":{\"S\":\"%.*s\"},"
                           "\"sess\"%.*s\"type\":{\"S\":\"connect-session\"}}",
                           (int)length, sid, (int)(of->table->member[slot][3] - data), item + data);
}

static void answer_get(call *of) {
  canned_answer *answer = of->answer;
  size_t length = 0;
  size_t index = 0;
  const char *key = find_member(of->body, "\"sessionId\"");
  const char *other_key = key == NULL ? find_member(of->body, "\"id\"") : NULL;
  const char *sid = key == NULL ? NULL : read_string(key, &length);
  bool is_found = sid != NULL && canned_table_find(of->table, sid, length, &index);
  size_t bytes = is_found ? canned_table_bytes(of->table, index, 1) : 1;
  dds_buffer_append_char(&answer->front, '{');
  append_capacity(of->body, &answer->front, read_units(bytes) * halves_a_unit(of->body), false);
  if (is_found) {
    dds_buffer_append_text(&answer->front, "\"Item\":");
    canned_table_append(of->table, index, read_attributes(of->body), &answer->front);
  } else if (other_key != NULL && (sid = read_string(other_key, &length)) != NULL) {
    append_connect_item(of, sid, length);
  }
  /* The comma behind the capacity where nothing follows it. */
  if (answer->front.length > 1 && answer->front.data[answer->front.length - 1] == ',') {
    answer->front.data[answer->front.length - 1] = '}';
  } else {
    dds_buffer_append_char(&answer->front, '}');
  }
  of->items = is_found || length > 0;
  finish(answer, 0);
}

static void answer_batch_get(call *of) {
  canned_answer *answer = of->answer;
  const char *keys = find_member(of->body, "\"Keys\"");
  const char *at = keys == NULL ? NULL : find_member(keys, "\"sessionId\"");
  unsigned attributes = read_attributes(of->body);
  size_t asked = 0;
  size_t units = 0;
  for (; at != NULL && asked <= MOST_BATCH_KEYS; at = find_member(at, "\"sessionId\"")) {
    size_t length = 0;
    size_t index = 0;
    const char *sid = read_string(at, &length);
    asked++;
    if (sid != NULL && canned_table_find(of->table, sid, length, &index)) {
      dds_buffer_append_text(&answer->own, of->items++ == 0 ? "" : ",");
      canned_table_append(of->table, index, attributes, &answer->own);
      units += read_units(canned_table_bytes(of->table, index, 1));
    }
  }
  if (asked == 0 || asked > MOST_BATCH_KEYS) {
    refuse(answer, "validate#ValidationException", "1 to 100 keys by sessionId are allowed");
    return;
  }
  dds_buffer_append_char(&answer->front, '{');
  append_capacity(of->body, &answer->front, units * halves_a_unit(of->body), true);
  dds_buffer_append_text(&answer->front, "\"Responses\":{\"sessions\":[");
  answer->items = dds_buffer_text(&answer->own);
  answer->items_length = answer->own.length;
  dds_buffer_append_text(&answer->back, "]},\"UnprocessedKeys\":{}}");
  finish(answer, dds_hash_crc32(0, answer->items, answer->items_length));
}

static void answer_describe(call *of) {
  size_t items = of->table->items;
  dds_buffer_append_format(
      &of->answer->front,
      "{\"Table\":{\"AttributeDefinitions\":[{\"AttributeName\":\"sessionId\",\"AttributeType\":"
      "\"S\"}],\"BillingModeSummary\":{\"BillingMode\":\"PAY_PER_REQUEST\"},\"CreationDateTime\":"
      "1.7E9,\"DeletionProtectionEnabled\":false,\"ItemCount\":%zu,\"KeySchema\":[{"
      "\"AttributeName\":\"sessionId\",\"KeyType\":\"HASH\"}],\"ProvisionedThroughput\":{"
      "\"NumberOfDecreasesToday\":0,\"ReadCapacityUnits\":0,\"WriteCapacityUnits\":0},\"TableArn\":"
      "\"arn:aws:dynamodb:us-east-1:000000000000:table/sessions\",\"TableName\":\"sessions\","
      "\"TableSizeBytes\":%zu,\"TableStatus\":\"ACTIVE\"}}",
      items, canned_table_bytes(of->table, 0, items));
  finish(of->answer, 0);
}

static void answer_time_to_live(call *of) {
  dds_buffer_append_text(&of->answer->front,
                         "{\"TimeToLiveDescription\":{\"AttributeName\":\"expireTime_TTL\","
                         "\"TimeToLiveStatus\":\"ENABLED\"}}");
  finish(of->answer, 0);
}

/* ---- writes ----------------------------------------------------------------------------------*/

static void answer_write(call *of) {
  of->items = 1;
  if (wants_capacity(of->body)) {
    dds_buffer_append_text(&of->answer->front, "{\"ConsumedCapacity\":{\"CapacityUnits\":2.0,"
                                               "\"TableName\":\"sessions\"}}");
  } else {
    dds_buffer_append_text(&of->answer->front, "{}");
  }
  finish(of->answer, 0);
}

static void answer_batch_write(call *of) {
  of->items = count_of(of->body, "\"PutRequest\"") + count_of(of->body, "\"DeleteRequest\"");
  if (of->items == 0 || of->items > 25) {
    refuse(of->answer, "validate#ValidationException", "1 to 25 writes are allowed");
    return;
  }
  dds_buffer_append_char(&of->answer->front, '{');
  append_capacity(of->body, &of->answer->front, 2 * 2 * of->items, true);
  dds_buffer_append_text(&of->answer->front, "\"UnprocessedItems\":{}}");
  finish(of->answer, 0);
}

static void answer_transact_write(call *of) {
  of->items = count_of(of->body, "\"TableName\"");
  dds_buffer_append_text(&of->answer->front, "{}");
  finish(of->answer, 0);
}

/* ---- operations ------------------------------------------------------------------------------*/

static const struct {
  const char *name;
  void (*answer)(call *of);
} operations[CANNED_OPERATIONS] = {
    {"Scan", answer_scan},
    {"GetItem", answer_get},
    {"BatchGetItem", answer_batch_get},
    {"BatchWriteItem", answer_batch_write},
    {"PutItem", answer_write},
    {"UpdateItem", answer_write},
    {"DeleteItem", answer_write},
    {"TransactWriteItems", answer_transact_write},
    {"DescribeTable", answer_describe},
    {"DescribeTimeToLive", answer_time_to_live},
};

void canned_answer_make(const canned_table *table, canned_counts *counts, const char *operation,
                        const char *body, canned_answer *answer) {
  *answer = (canned_answer){.status = 200,
                            .front = DDS_BUFFER_INIT(MOST_BODY_BYTES),
                            .own = DDS_BUFFER_INIT(MOST_BODY_BYTES),
                            .back = DDS_BUFFER_INIT(MOST_BODY_BYTES)};
  call of = {.table = table, .body = body, .answer = answer};
  for (size_t i = 0; i < CANNED_OPERATIONS; i++) {
    if (strcmp(operation, operations[i].name) == 0) {
      operations[i].answer(&of);
      counts->requests[i]++;
      counts->items[i] += of.items;
      counts->segments = of.segments > counts->segments ? of.segments : counts->segments;
      if (answer->status != 200) {
        finish(answer, 0);
      }
      return;
    }
  }
  refuse(answer, "service#UnknownOperationException", "this endpoint does not know the operation");
  finish(answer, 0);
}

void canned_answer_append_counts(const canned_table *table, const canned_counts *counts,
                                 dds_buffer *buffer) {
  dds_buffer_append_format(buffer,
                           "{\"connections\":%zu,\"most_pending\":%zu,\"segments\":%zu,"
                           "\"table\":{\"items\":%zu,\"bytes\":%zu,\"session_bytes\":%zu}",
                           counts->connections, counts->most_pending, counts->segments,
                           table->items, canned_table_bytes(table, 0, table->items),
                           canned_table_data_bytes(table));
  dds_buffer_append_text(buffer, ",\"requests\":{");
  for (size_t i = 0, shown = 0; i < CANNED_OPERATIONS; i++) {
    if (counts->requests[i] > 0) {
      dds_buffer_append_format(buffer, "%s\"%s\":%zu", shown++ == 0 ? "" : ",", operations[i].name,
                               counts->requests[i]);
    }
  }
  dds_buffer_append_text(buffer, "},\"items\":{");
  for (size_t i = 0, shown = 0; i < CANNED_OPERATIONS; i++) {
    if (counts->requests[i] > 0) {
      dds_buffer_append_format(buffer, "%s\"%s\":%zu", shown++ == 0 ? "" : ",", operations[i].name,
                               counts->items[i]);
    }
  }
  dds_buffer_append_text(buffer, "}}");
}

void canned_answer_free(canned_answer *answer) {
  dds_buffer_free(&answer->front);
  dds_buffer_free(&answer->own);
  dds_buffer_free(&answer->back);
}
