/*
 * The sessions that the canned endpoint serves: a table of any size, made from one page of a
 * thousand different sessions that repeats under other sids. Each is what express-session and the
 * store serverless-dynamodb-session-store leave in DynamoDB, of 648 to 1,448 bytes by DynamoDB's
 * own rule; any thousand that follow one another are one page of a Scan (1 MB), about 1.2 MB of
 * JSON.
 *
 * Up to MOST_KEPT_PAGES the pages are made at the start, with their sums, and sent as they are; of
 * a larger table each is made when it is asked for, so that a million sessions take no memory.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

enum { PAGE_ITEMS = 1000, SID_BYTES = 32, MOST_KEPT_PAGES = 128, ATTRIBUTES = 4 };

/* Which attributes of an item are sent. */
enum {
  ATTRIBUTE_TTL = 1,
  ATTRIBUTE_SID = 2,
  ATTRIBUTE_DATA = 4,
  ATTRIBUTE_EXPIRY = 8,
  ATTRIBUTES_ALL = 15
};

/* An attribute's name in DynamoDB, by its place: 1 << place is its bit above. */
extern const char *const canned_table_names[ATTRIBUTES];

/* The items of a page as JSON, with commas between them. */
typedef struct canned_page {
  char *text;
  size_t length;
  uint32_t crc32;
} canned_page;

typedef struct canned_table {
  size_t items;
  char *text;                            /* the page that repeats; its sids say page 0 */
  size_t begin[PAGE_ITEMS];              /* of each item in it */
  size_t length[PAGE_ITEMS];             /* of each item */
  size_t bytes[PAGE_ITEMS];              /* of each item, by DynamoDB's rule */
  size_t data_bytes[PAGE_ITEMS];         /* of each session's JSON */
  size_t digits[PAGE_ITEMS];             /* where in the item its page's number stands */
  size_t member[PAGE_ITEMS][ATTRIBUTES]; /* where in the item each attribute begins */
  canned_page *kept[2];                  /* of all attributes, and of the sids alone; NULL: none */
} canned_table;

/* False where there is no memory. */
bool canned_table_make(canned_table *table, size_t items);
void canned_table_free(canned_table *table);

/* The sid of an item, without a NUL. */
void canned_table_sid(const canned_table *table, size_t index, char sid[SID_BYTES]);

/* Which item has the sid; false: none. */
bool canned_table_find(const canned_table *table, const char *sid, size_t length, size_t *index);

/* Appends an item with the chosen attributes. */
void canned_table_append(const canned_table *table, size_t index, unsigned attributes,
                         dds_buffer *buffer);

/* A whole page that is kept; NULL where it is not. */
const canned_page *canned_table_page(const canned_table *table, size_t first, size_t count,
                                     unsigned attributes);

/* What `count` items from `first` on weigh by DynamoDB's rule. */
size_t canned_table_bytes(const canned_table *table, size_t first, size_t count);

/* The length of all sessions' JSON. */
size_t canned_table_data_bytes(const canned_table *table);
