/*
 * Answers that hold items, read in one pass and without a tree.
 *
 * A page of a Scan or Query: each item is checked, its attributes are noted
 * and it is handed out before the next one is looked at, in one pass over the answer's bytes.
 *
 * What stands around `Items` is small, and is read when the page is opened. What stands behind it
 * is found by looking from the end, which is a guess that the end of the pass checks.
 *
 * Any other answer is read as a whole (dds_page_read_whole). The item of a GetItem and those of a
 * BatchGetItem are noted with their attributes meanwhile, so that nobody walks over them again.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/attributes.h"
#include "base/error.h"
#include "dynamodb/item.h"
#include "dynamodb/json.h"
#include "dynamodb/json_reader.h"

/* DynamoDB's answers have at most a handful of members. */
enum { DDS_PAGE_MAX_MEMBERS = 16 };

/* What is guessed from. A LastEvaluatedKey is some kilobytes at most: keys of 2,048 and 1,024 bytes
 * for a table and as many for an index, each byte perhaps escaped by six. */
enum { DDS_PAGE_EDGE_BYTES = 64 * 1024 };

typedef struct dds_page_member {
  dds_json name;
  dds_json value;
} dds_page_member;

/* All zero: no page. */
typedef struct dds_page {
  dds_page_member members[DDS_PAGE_MAX_MEMBERS]; /* all but Items */
  size_t member_count;
  bool has_items;
  /* Of an answer that was read as a whole: the item, or the items, of the first of these members
   * that is of the usual form. */
  bool has_item;      /* Item: an object */
  bool has_responses; /* Responses: an object with a list of objects for each table */
  dds_item item;      /* of Item */
  dds_item *noted;    /* of Responses */
  size_t noted_count;
  size_t table_count;   /* in Responses */
  dds_json first_table; /* the name of the first one */
  /* The rest is the page's own. */
  const char *body;
  bool has_too_many;     /* members */
  dds_json_reader in;    /* stands before an item */
  bool has_next;         /* there is one */
  const char *items_end; /* where the bracket must stand that closes Items */
  bool is_whole;
  bool is_out_of_memory;
  size_t noted_capacity;
  size_t noted_attributes; /* those of the items that are noted; another item's stand behind them */
  dds_attribute *attributes;
  size_t attribute_capacity;
} dds_page;

/*
 * Reads what stands around the items; the body is borrowed until the page is closed. False, with
 * words that fit behind `Scan of "t" failed: `, where it is no JSON object or has more members than
 * DDS_PAGE_MAX_MEMBERS; the page is then empty.
 */
DDS_MUST_USE bool dds_page_open(const char *body, size_t length, dds_page *page, dds_error *error);

/*
 * Reads all of an answer: its first DDS_PAGE_MAX_MEMBERS members, and the items of its Item or
 * Responses. The body is borrowed until the page is closed; `*answer` is the object in it. False,
 * with words as above, where it is no JSON object or memory runs out; the page is then empty.
 */
DDS_MUST_USE bool dds_page_read_whole(const char *body, size_t length, dds_page *page,
                                      dds_json *answer, dds_error *error);

/* A member of the answer that stands around the items. */
bool dds_page_find(const dds_page *page, const char *name, dds_json *value);

/*
 * The next item with its attributes, borrowed until the next call; `item->json.text` is NULL at the
 * end. False where memory runs out, and where what follows is not what DynamoDB answers: the items
 * that came before were well-formed. The page has no further item then.
 */
DDS_MUST_USE bool dds_page_next(dds_page *page, dds_item *item, dds_error *error);

/* Leaves no page; that of no page is allowed. */
void dds_page_close(dds_page *page);

/*
 * A member that stands around the items of an answer that nobody has checked: a guess, by which the
 * next page can be asked for before this one is read. It is well-formed JSON. Neither the items nor
 * anything beyond their first and last DDS_PAGE_EDGE_BYTES is looked at.
 */
bool dds_page_peek(const char *body, size_t length, const char *name, dds_json *value);
