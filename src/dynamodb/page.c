/*
 * Answers with items. A page is read from its front but for the few members behind Items.
 *
 * Where these begin is guessed: at a `]`, the last one from which the rest of the answer reads as
 * `, members }` without a byte left over. In an answer that is well-formed no session can lead the
 * guess astray. A `]` inside a string cannot: where its text has a backslash before the string
 * ends, that is an error outside of one, and where it has none, each quote to the end opens a
 * string for the guess that in truth it closes, so that the guess ends inside a string. A `]` of a
 * list inside an item cannot: more brackets than one are open there. There remain arrays beside
 * Items, which DynamoDB does not send, and answers that are not well-formed. Both show when the
 * pass comes to the bracket that in truth closes Items.
 */
#include "dynamodb/page.h"

#include <string.h>

#include "base/alloc.h"

enum {
  MOST_GUESSES = 16, /* a key may hold brackets, hostile bytes may hold nothing else */
  FEWEST_ATTRIBUTES = 16,
  FEWEST_ITEMS = 4,
  DEPTH_OF_MEMBERS = 1, /* brackets that are open around them */
  DEPTH_OF_ITEMS = 2,
};

static bool is_items(dds_json name) {
  return dds_json_string_equals(name, "Items", strlen("Items"));
}

static bool add_member(dds_page *page, dds_json name, dds_json value) {
  page->has_too_many = page->member_count == DDS_PAGE_MAX_MEMBERS;
  if (page->has_too_many) {
    return false;
  }
  page->members[page->member_count++] = (dds_page_member){.name = name, .value = value};
  return true;
}

static bool note_items(dds_page *page, dds_json_reader *in, dds_json name);

/* Reads a member's value. In an answer that is read as a whole its items are noted meanwhile. */
static bool read_member_value(dds_page *page, dds_json_reader *in, dds_json name, dds_json *value) {
  const char *start = in->next;
  bool is_noted = page->has_item || page->has_responses;
  if (!page->is_whole || is_noted || !note_items(page, in, name)) {
    return !page->is_out_of_memory && dds_json_reader_value(in, value);
  }
  *value = (dds_json){.text = start, .length = (size_t)(in->next - start)};
  return true;
}

/* Reads the brace behind the last member, and nothing but space behind it. */
static bool read_end(dds_json_reader *in) {
  if (!dds_json_reader_take(in, '}')) {
    return false;
  }
  dds_json_reader_skip_space(in);
  return in->next == in->end;
}

/* Reads members, and what ends the answer; or, once, up to the bracket that opens Items. */
static bool read_members(dds_page *page, dds_json_reader *in) {
  do {
    dds_json name;
    dds_json value;
    if (!dds_json_reader_name(in, &name)) {
      return false;
    }
    dds_json_reader_skip_space(in);
    if (!page->is_whole && !page->has_items && dds_json_reader_peek(in) == '[' && is_items(name)) {
      page->has_items = true;
      return true;
    }
    if (!read_member_value(page, in, name, &value) ||
        (!add_member(page, name, value) && !page->is_whole)) {
      return false;
    }
    dds_json_reader_skip_space(in);
  } while (dds_json_reader_take(in, ','));
  return read_end(in);
}

/* Reads up to Items; an answer without them to its end. */
static bool read_head(dds_page *page, dds_json_reader *in) {
  dds_json_reader_skip_space(in);
  if (!dds_json_reader_take(in, '{')) {
    return false;
  }
  in->depth = DEPTH_OF_MEMBERS;
  dds_json_reader_skip_space(in);
  return dds_json_reader_peek(in) == '}' ? read_end(in) : read_members(page, in);
}

/* Reads what stands behind the bracket that closes Items. */
static bool read_tail(dds_page *page, dds_json_reader *in) {
  dds_json_reader_skip_space(in);
  return dds_json_reader_take(in, ',') ? read_members(page, in) : read_end(in);
}

/* Guesses where Items ends, and reads what is behind it. `in` stands on the opening bracket. */
static bool guess_tail(dds_page *page, const dds_json_reader *in) {
  size_t head_count = page->member_count;
  size_t length = (size_t)(in->end - in->next);
  const char *edge = length > DDS_PAGE_EDGE_BYTES ? in->end - DDS_PAGE_EDGE_BYTES : in->next;
  const char *at = in->end;
  for (int guesses = 0; at > edge && guesses < MOST_GUESSES;) {
    if (*--at != ']') {
      continue;
    }
    dds_json_reader tail = {.next = at + 1, .end = in->end, .depth = DEPTH_OF_MEMBERS};
    if (read_tail(page, &tail)) {
      page->items_end = at;
      return true;
    }
    page->member_count = head_count;
    guesses++;
  }
  return false;
}

/* Finds for certain where Items ends, by reading over it all. */
static bool find_tail(dds_page *page, dds_json_reader *in) {
  dds_json items;
  if (!dds_json_reader_value(in, &items)) {
    return false;
  }
  page->items_end = in->next - 1;
  return read_tail(page, in);
}

/* Sets the error at a place, unless there is one. */
static bool refuse(dds_page *page, const dds_json_reader *in, dds_error *error) {
  page->has_next = false;
  return dds_error_set(error, DDS_ERROR, "unexpected answer: not valid JSON at byte %zu of %zu",
                       (size_t)(in->next - page->body) + 1, (size_t)(in->end - page->body));
}

static bool fail(dds_page *page, const char *what, dds_error *error) {
  page->has_next = false;
  return dds_error_set(error, DDS_ERROR, "unexpected answer: %s", what);
}

/* Reads the bracket that closes Items: it must be where the tail was read from. */
static bool read_items_end(dds_page *page, dds_error *error) {
  if (dds_json_reader_peek(&page->in) != ']') {
    return refuse(page, &page->in, error);
  }
  page->has_next = false;
  return page->in.next == page->items_end ||
         fail(page, "its Items do not end where its last members begin", error);
}

/* Steps behind the opening bracket, on which `in` stands. */
static bool begin_items(dds_page *page, dds_error *error) {
  page->in.next++;
  page->in.depth = DEPTH_OF_ITEMS;
  dds_json_reader_skip_space(&page->in);
  page->has_next = dds_json_reader_peek(&page->in) != ']';
  return page->has_next || read_items_end(page, error);
}

/* Reads what stands around the items, and stands before them; `in` is where it came to. */
static bool read_around(dds_page *page, dds_json_reader *in) {
  if (!read_head(page, in)) {
    return false;
  }
  page->in = *in;
  return !page->has_items || guess_tail(page, in) || find_tail(page, in);
}

bool dds_page_open(const char *body, size_t length, dds_page *page, dds_error *error) {
  dds_json_reader in = {.next = body, .end = body + length};
  dds_json twice;
  bool ok = true;
  *page = (dds_page){.body = body};
  if (!read_around(page, &in)) {
    ok = page->has_too_many ? fail(page, "it has more members than DynamoDB sends", error)
                            : refuse(page, &in, error);
  } else if (page->has_items) {
    ok = dds_page_find(page, "Items", &twice) ? fail(page, "it has Items twice", error)
                                              : begin_items(page, error);
  }
  if (!ok) {
    dds_page_close(page);
  }
  return ok;
}

bool dds_page_find(const dds_page *page, const char *name, dds_json *value) {
  for (size_t i = 0; i < page->member_count; i++) {
    if (dds_json_string_equals(page->members[i].name, name, strlen(name))) {
      *value = page->members[i].value;
      return true;
    }
  }
  return false;
}

/* The place for the next attribute of an item that has `count` of them; NULL: no memory. */
static dds_attribute *add_attribute(dds_page *page, size_t count) {
  count += page->noted_attributes;
  if (count == page->attribute_capacity) {
    size_t capacity = count == 0 ? FEWEST_ATTRIBUTES : 2 * count;
    dds_attribute *grown = dds_realloc(page->attributes, capacity * sizeof *grown);
    if (grown == NULL) {
      return NULL;
    }
    page->attributes = grown;
    page->attribute_capacity = capacity;
  }
  return &page->attributes[count];
}

/* Reads {"TYPE": and gives the name. Most are {"S": and {"N": to the byte. */
static bool read_type(dds_json_reader *in, dds_json *type) {
  const char *start = in->next;
  if (in->end - start > 5 && memcmp(start, "{\"", 2) == 0 && start[2] >= 'A' && start[2] <= 'Z' &&
      memcmp(start + 3, "\":", 2) == 0) {
    *type = (dds_json){.text = start + 1, .length = 3};
    in->next = start + 5;
    return true;
  }
  return dds_json_reader_take(in, '{') && dds_json_reader_name(in, type);
}

/* Reads {"TYPE": content}; false where there is anything else, well-formed or not. */
static bool read_typed(dds_json_reader *in, dds_value *value) {
  dds_json type;
  const char *start = in->next;
  if (!read_type(in, &type)) {
    return false;
  }
  dds_json_reader_skip_space(in);
  in->depth++;
  value->is_plain = false;
  const char *content = in->next;
  bool ok = dds_json_reader_peek(in) == '"' ? dds_json_reader_string(in, &value->is_plain)
                                            : dds_json_reader_value(in, &value->content);
  if (!ok) {
    return false;
  }
  value->content = (dds_json){.text = content, .length = (size_t)(in->next - content)};
  dds_json_reader_skip_space(in);
  if (!dds_json_reader_take(in, '}')) {
    return false;
  }
  value->typed = (dds_json){.text = start, .length = (size_t)(in->next - start)};
  return dds_type_find(type, value->content, &value->type);
}

static bool read_attribute(dds_json_reader *in, dds_attribute *attribute) {
  if (!dds_json_reader_name(in, &attribute->name)) {
    return false;
  }
  dds_json_reader_skip_space(in);
  dds_json_reader typed = *in;
  if (read_typed(&typed, &attribute->value)) {
    in->next = typed.next;
    return true;
  }
  attribute->value = (dds_value){.type = DDS_TYPE_NULL};
  return dds_json_reader_value(in, &attribute->value.typed);
}

/* Reads the attributes of an item, behind its brace and to the brace that closes it; `in->depth` is
 * for the caller to put back. */
static bool read_attributes(dds_page *page, dds_item *item, dds_error *error) {
  dds_json_reader *in = &page->in;
  in->depth++;
  dds_json_reader_skip_space(in);
  if (dds_json_reader_take(in, '}')) {
    return true;
  }
  do {
    dds_attribute *attribute = add_attribute(page, item->attribute_count);
    if (attribute == NULL) {
      return dds_error_set_nomem(error);
    }
    if (!read_attribute(in, attribute)) {
      return refuse(page, in, error);
    }
    item->attribute_count++;
    dds_json_reader_skip_space(in);
  } while (dds_json_reader_take(in, ','));
  return dds_json_reader_take(in, '}') || refuse(page, in, error);
}

static bool read_item(dds_page *page, dds_item *item, dds_error *error) {
  dds_json_reader *in = &page->in;
  dds_json other;
  dds_json_reader_skip_space(in);
  const char *start = in->next;
  size_t depth = in->depth;
  if (!dds_json_reader_take(in, '{')) {
    return dds_json_reader_value(in, &other) ? fail(page, "one of its Items is no object", error)
                                             : refuse(page, in, error);
  }
  if (!read_attributes(page, item, error)) {
    return false;
  }
  in->depth = depth;
  item->json = (dds_json){.text = start, .length = (size_t)(in->next - start)};
  item->attributes = page->attributes;
  return true;
}

bool dds_page_next(dds_page *page, dds_item *item, dds_error *error) {
  dds_item next = {.json = {0}};
  *item = next;
  if (!page->has_next) {
    return true;
  }
  if (!read_item(page, &next, error)) {
    page->has_next = false;
    return false;
  }
  dds_json_reader_skip_space(&page->in);
  if (!dds_json_reader_take(&page->in, ',') && !read_items_end(page, error)) {
    return false;
  }
  *item = next;
  return true;
}

/* ---- an answer as a whole --------------------------------------------------------------------*/

static bool add_noted(dds_page *page, const dds_item *item) {
  if (page->noted_count == page->noted_capacity) {
    size_t capacity = page->noted_capacity == 0 ? FEWEST_ITEMS : 4 * page->noted_capacity;
    dds_item *grown = dds_realloc(page->noted, capacity * sizeof *grown);
    if (grown == NULL) {
      page->is_out_of_memory = true;
      return false;
    }
    page->noted = grown;
    page->noted_capacity = capacity;
  }
  page->noted[page->noted_count++] = *item;
  page->noted_attributes += item->attribute_count;
  return true;
}

static bool note_item(dds_page *page, dds_item *item) {
  dds_error error;
  dds_error_clear(&error);
  *item = (dds_item){.json = {0}};
  bool ok = read_item(page, item, &error);
  page->is_out_of_memory = error.code == DDS_NOMEM;
  return ok;
}

/* Reads the items of a table, from bracket to bracket. */
static bool note_list(dds_page *page) {
  dds_json_reader *in = &page->in;
  if (!dds_json_reader_take(in, '[')) {
    return false;
  }
  dds_json_reader_skip_space(in);
  if (dds_json_reader_take(in, ']')) {
    return true;
  }
  do {
    dds_item item;
    if (!note_item(page, &item) || !add_noted(page, &item)) {
      return false;
    }
    dds_json_reader_skip_space(in);
  } while (dds_json_reader_take(in, ','));
  return dds_json_reader_take(in, ']');
}

/* Reads {"table": [item, …], …}. */
static bool note_tables(dds_page *page) {
  dds_json_reader *in = &page->in;
  dds_json name;
  if (!dds_json_reader_take(in, '{')) {
    return false;
  }
  in->depth += 2; /* this brace, and the bracket of each table */
  dds_json_reader_skip_space(in);
  if (dds_json_reader_take(in, '}')) {
    return true;
  }
  do {
    if (!dds_json_reader_name(in, &name)) {
      return false;
    }
    page->first_table = page->table_count++ == 0 ? name : page->first_table;
    dds_json_reader_skip_space(in);
    if (!note_list(page)) {
      return false;
    }
    dds_json_reader_skip_space(in);
  } while (dds_json_reader_take(in, ','));
  return dds_json_reader_take(in, '}');
}

/* The attributes were moved as they became more, if there are any. */
static void find_attributes(dds_page *page) {
  const dds_attribute *next = page->attributes;
  for (size_t i = 0; next != NULL && i < page->noted_count; i++) {
    page->noted[i].attributes = next;
    next += page->noted[i].attribute_count;
  }
}

/*
 * Reads the value of Item or Responses and notes its items. False, and `in` where it was, for any
 * other member and for a value that is of another form or not well-formed: then nothing is noted,
 * and it is for the plain reader.
 */
static bool note_items(dds_page *page, dds_json_reader *in, dds_json name) {
  page->in = *in;
  if (dds_json_string_equals(name, "Item", strlen("Item"))) {
    page->has_item = note_item(page, &page->item);
  } else if (dds_json_string_equals(name, "Responses", strlen("Responses"))) {
    page->has_responses = note_tables(page);
  }
  if (!page->has_item && !page->has_responses) {
    page->item = (dds_item){.json = {0}};
    page->noted_count = 0;
    page->noted_attributes = 0;
    page->table_count = 0;
    return false;
  }
  find_attributes(page);
  in->next = page->in.next;
  return true;
}

bool dds_page_read_whole(const char *body, size_t length, dds_page *page, dds_json *answer,
                         dds_error *error) {
  dds_json_reader in = {.next = body, .end = body + length};
  *page = (dds_page){.body = body, .is_whole = true};
  *answer = (dds_json){0};
  if (!read_head(page, &in)) {
    if (page->is_out_of_memory) {
      dds_error_set_nomem(error);
    } else {
      refuse(page, &in, error);
    }
    dds_page_close(page);
    return false;
  }
  answer->text = memchr(body, '{', length);
  while (in.next[-1] != '}') {
    in.next--;
  }
  answer->length = (size_t)(in.next - answer->text);
  return true;
}

void dds_page_close(dds_page *page) {
  dds_free(page->noted);
  dds_free(page->attributes);
  *page = (dds_page){0};
}

bool dds_page_peek(const char *body, size_t length, const char *name, dds_json *value) {
  dds_page page = {0};
  dds_json_reader in = {.next = body, .end = body + length};
  bool is_long = length > DDS_PAGE_EDGE_BYTES;
  dds_json_reader head = {.next = body,
                          .end = is_long ? body + DDS_PAGE_EDGE_BYTES : body + length};
  if (!read_head(&page, &head) || (is_long && !page.has_items)) {
    return false;
  }
  in.next = head.next;
  return (!page.has_items || guess_tail(&page, &in)) && dds_page_find(&page, name, value);
}
