/*
 * An item's key: one or two typed attributes as canonical DynamoDB JSON, `{"id":{"S":"sess:a"}}`,
 * so that equal keys are equal bytes. The buffer of writes, batches and memos know items by it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/attributes.h"
#include "base/error.h"
#include "dynamodb/item.h"

typedef struct dds_key {
  char *json; /* owned, NUL-terminated; NULL: no key */
  size_t length;
} dds_key;

/* A key of one string attribute. Checks length (DDS_CHECK when empty, DDS_TOOBIG over 2,048
 * bytes) and UTF-8 (DDS_CHECK). */
DDS_MUST_USE bool dds_key_from_text(const char *attribute, const char *bytes, size_t length,
                                    dds_key *key, dds_error *error);

/* The key of an item by the name of its hash key attribute; the attribute must be there. */
DDS_MUST_USE bool dds_key_from_item(const char *attribute, const dds_item *item, dds_key *key,
                                    dds_error *error);

DDS_MUST_USE bool dds_key_copy(const dds_key *from, dds_key *to, dds_error *error);
bool dds_key_equal(const dds_key *left, const dds_key *right);
void dds_key_free(dds_key *key);
