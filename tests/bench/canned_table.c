/* Makes the sessions: see the header for what they are. The same on every run. */
#include "canned_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/hash.h"

enum {
  MOST_PAGE_BYTES = 4 << 20,
  MEAN_ITEM_BYTES = 1048, /* with a thousand of them a page is full: see item_bytes */
  MOST_DEVIATION = 400,
  NAME_BYTES = 9 + 12 + 10 + 14, /* of the four attributes */
  SLOT_AT = 24,                  /* a sid: 24 characters, 3 digits of slot, 5 digits of page */
  PAGE_AT = 27,
  MINUTES_OF_DAY = 1440
};

/* 2100-01-01: no session has expired. */
static const long long first_expiry_s = 4102444800;

const char *const canned_table_names[ATTRIBUTES] = {"expireTime_TTL", "sessionId", "session_data",
                                                    "expireTime"};

/* xorshift64*: the same numbers everywhere. */
static uint64_t next_random(uint64_t *state) {
  *state ^= *state >> 12;
  *state ^= *state << 25;
  *state ^= *state >> 27;
  return *state * UINT64_C(2685821657736338717);
}

static size_t next_below(uint64_t *state, size_t limit) {
  return (size_t)(next_random(state) >> 33) % limit;
}

static void append_letters(dds_buffer *buffer, uint64_t *state, size_t count) {
  static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  for (size_t i = 0; i < count; i++) {
    dds_buffer_append_char(buffer, letters[next_below(state, 64)]);
  }
}

/* Two neighbours weigh 2,096 bytes together, so a thousand 1,048,000: no item fits into the rest of
 * a megabyte. */
static size_t item_bytes(size_t slot) {
  uint64_t state = slot / 2 + 1;
  next_random(&state);
  size_t deviation = next_below(&state, MOST_DEVIATION + 1);
  return slot % 2 == 0 ? MEAN_ITEM_BYTES - deviation : MEAN_ITEM_BYTES + deviation;
}

/* A session as express-session, passport, csurf and a shop leave it, of this many bytes. */
static void append_session(dds_buffer *buffer, size_t slot, uint64_t *state, size_t bytes) {
  static const char *const names[] = {"Ada Byron", "Zoë Müller", "Chen Wei", "José Núñez"};
  static const char end[] = "]},\"note\":\"\"}";
  size_t minute = slot % MINUTES_OF_DAY;
  size_t user = 10000 + next_below(state, 90000);
  dds_buffer_append_format(
      buffer,
      "{\"cookie\":{\"originalMaxAge\":86400000,\"expires\":\"2100-01-01T%02zu:%02zu:00.000Z\","
      "\"secure\":true,\"httpOnly\":true,\"path\":\"/\",\"sameSite\":\"lax\"},"
      "\"passport\":{\"user\":{\"id\":\"%zu\",\"name\":\"%s\",\"email\":\"u%zu@example.com\"}},"
      "\"csrfSecret\":\"",
      minute / 60, minute % 60, user, names[slot % 4], user);
  append_letters(buffer, state, 18);
  dds_buffer_append_format(buffer, "\",\"views\":%zu,\"cart\":{\"currency\":\"EUR\",\"items\":[",
                           next_below(state, 500));
  const char *comma = "";
  for (;;) {
    char item[128];
    int length = snprintf(item, sizeof item,
                          "%s{\"sku\":\"%06zu\",\"name\":\"Part %zu\",\"qty\":%zu,\"price\":%zu}",
                          comma, next_below(state, 1000000), next_below(state, 1000),
                          1 + next_below(state, 9), 100 + next_below(state, 9900));
    if (buffer->length + (size_t)length + sizeof end - 1 > bytes) {
      break;
    }
    dds_buffer_append(buffer, item, (size_t)length);
    comma = ",";
  }
  dds_buffer_append_text(buffer, "]},\"note\":\"");
  while (buffer->length + 2 < bytes) {
    dds_buffer_append_char(buffer, "the parcel may stand at the door. "[buffer->length % 34]);
  }
  dds_buffer_append_text(buffer, "\"}");
}

static void begin_member(canned_table *table, size_t slot, size_t place, const dds_buffer *page) {
  table->member[slot][place] = page->length - table->begin[slot];
}

/* Two digits a byte and one byte more, without the zeros at the end. */
static size_t number_bytes(long long number) {
  size_t digits = 0;
  while (number % 10 == 0) {
    number /= 10;
  }
  for (; number > 0; number /= 10) {
    digits++;
  }
  return (digits + 1) / 2 + 1;
}

static void append_item(canned_table *table, size_t slot, dds_buffer *page) {
  uint64_t state = (slot + 1) * UINT64_C(0x9E3779B97F4A7C15);
  dds_buffer session = DDS_BUFFER_INIT(4096);
  long long expiry_s = first_expiry_s + (long long)(slot % MINUTES_OF_DAY) * 60;
  table->bytes[slot] = item_bytes(slot);
  table->data_bytes[slot] =
      table->bytes[slot] - NAME_BYTES - 2 * number_bytes(expiry_s) - SID_BYTES;
  append_session(&session, slot, &state, table->data_bytes[slot]);
  table->begin[slot] = page->length;
  dds_buffer_append_char(page, '{');
  begin_member(table, slot, 0, page);
  dds_buffer_append_format(page, "\"expireTime_TTL\":{\"N\":\"%lld\"},", expiry_s);
  begin_member(table, slot, 1, page);
  dds_buffer_append_text(page, "\"sessionId\":{\"S\":\"");
  table->digits[slot] = page->length - table->begin[slot] + PAGE_AT;
  append_letters(page, &state, SLOT_AT);
  dds_buffer_append_format(page, "%03zu00000\"},", slot);
  begin_member(table, slot, 2, page);
  dds_buffer_append_text(page, "\"session_data\":{\"S\":");
  dds_buffer_append_json_string(page, session.data, session.length);
  dds_buffer_append_text(page, "},");
  begin_member(table, slot, 3, page);
  dds_buffer_append_format(page, "\"expireTime\":{\"N\":\"%lld000\"}}", expiry_s);
  table->length[slot] = page->length - table->begin[slot];
  dds_buffer_free(&session);
}

static void write_page_number(char *digits, size_t page) {
  for (size_t i = SID_BYTES - PAGE_AT; i > 0; i--, page /= 10) {
    digits[i - 1] = (char)('0' + page % 10);
  }
}

void canned_table_sid(const canned_table *table, size_t index, char sid[SID_BYTES]) {
  size_t slot = index % PAGE_ITEMS;
  memcpy(sid, table->text + table->begin[slot] + table->digits[slot] - PAGE_AT, SID_BYTES);
  write_page_number(sid + PAGE_AT, index / PAGE_ITEMS);
}

bool canned_table_find(const canned_table *table, const char *sid, size_t length, size_t *index) {
  char expected[SID_BYTES];
  size_t slot = 0;
  size_t page = 0;
  if (length != SID_BYTES) {
    return false;
  }
  for (size_t i = SLOT_AT; i < SID_BYTES; i++) {
    if (sid[i] < '0' || sid[i] > '9') {
      return false;
    }
    size_t *number = i < PAGE_AT ? &slot : &page;
    *number = *number * 10 + (size_t)(sid[i] - '0');
  }
  *index = page * PAGE_ITEMS + slot;
  if (*index >= table->items) {
    return false;
  }
  canned_table_sid(table, *index, expected);
  return memcmp(sid, expected, SID_BYTES) == 0;
}

void canned_table_append(const canned_table *table, size_t index, unsigned attributes,
                         dds_buffer *buffer) {
  size_t slot = index % PAGE_ITEMS;
  const char *item = table->text + table->begin[slot];
  const char *comma = "";
  if (attributes == ATTRIBUTES_ALL) {
    dds_buffer_append(buffer, item, table->length[slot]);
    if (buffer->failed == DDS_OK) {
      write_page_number(buffer->data + buffer->length - table->length[slot] + table->digits[slot],
                        index / PAGE_ITEMS);
    }
    return;
  }
  dds_buffer_append_char(buffer, '{');
  for (size_t place = 0; place < ATTRIBUTES; place++) {
    /* Behind each stands one character, a comma or the item's brace. */
    size_t begin = table->member[slot][place];
    size_t end = place + 1 < ATTRIBUTES ? table->member[slot][place + 1] : table->length[slot];
    if ((attributes >> place & 1) == 0) {
      continue;
    }
    dds_buffer_append_text(buffer, comma);
    dds_buffer_append(buffer, item + begin, end - begin - 1);
    comma = ",";
    if (1u << place == ATTRIBUTE_SID && buffer->failed == DDS_OK) {
      write_page_number(buffer->data + buffer->length - (end - begin - 1) + table->digits[slot] -
                            begin,
                        index / PAGE_ITEMS);
    }
  }
  dds_buffer_append_char(buffer, '}');
}

const canned_page *canned_table_page(const canned_table *table, size_t first, size_t count,
                                     unsigned attributes) {
  const canned_page *pages = table->kept[attributes == ATTRIBUTE_SID];
  bool is_whole = first % PAGE_ITEMS == 0 && count == PAGE_ITEMS;
  bool is_kept = attributes == ATTRIBUTES_ALL || attributes == ATTRIBUTE_SID;
  return is_whole && is_kept && pages != NULL ? &pages[first / PAGE_ITEMS] : NULL;
}

static size_t sum_of(const size_t *sizes, size_t first, size_t count) {
  size_t sum = 0;
  for (size_t i = 0; i < count; i++) {
    sum += sizes[(first + i) % PAGE_ITEMS];
  }
  return sum;
}

size_t canned_table_bytes(const canned_table *table, size_t first, size_t count) {
  return sum_of(table->bytes, first, count);
}

size_t canned_table_data_bytes(const canned_table *table) {
  return sum_of(table->data_bytes, 0, table->items);
}

static bool keep_pages(canned_table *table, unsigned attributes, canned_page **kept) {
  size_t pages = table->items / PAGE_ITEMS;
  *kept = calloc(pages + 1, sizeof **kept);
  for (size_t page = 0; *kept != NULL && page < pages; page++) {
    dds_buffer text = DDS_BUFFER_INIT(MOST_PAGE_BYTES);
    for (size_t i = 0; i < PAGE_ITEMS; i++) {
      dds_buffer_append_text(&text, i == 0 ? "" : ",");
      canned_table_append(table, page * PAGE_ITEMS + i, attributes, &text);
    }
    size_t length = text.length;
    char *bytes = dds_buffer_take(&text);
    if (bytes == NULL) {
      return false;
    }
    (*kept)[page] = (canned_page){bytes, length, dds_hash_crc32(0, bytes, length)};
  }
  return *kept != NULL;
}

bool canned_table_make(canned_table *table, size_t items) {
  dds_buffer page = DDS_BUFFER_INIT(MOST_PAGE_BYTES);
  *table = (canned_table){.items = items};
  for (size_t slot = 0; slot < PAGE_ITEMS; slot++) {
    append_item(table, slot, &page);
  }
  table->text = dds_buffer_take(&page);
  if (table->text == NULL) {
    return false;
  }
  return items > (size_t)MOST_KEPT_PAGES * PAGE_ITEMS ||
         (keep_pages(table, ATTRIBUTES_ALL, &table->kept[0]) &&
          keep_pages(table, ATTRIBUTE_SID, &table->kept[1]));
}

void canned_table_free(canned_table *table) {
  for (size_t form = 0; form < 2; form++) {
    for (size_t page = 0; table->kept[form] != NULL && page < table->items / PAGE_ITEMS; page++) {
      dds_free(table->kept[form][page].text);
    }
    free(table->kept[form]);
  }
  dds_free(table->text);
}
