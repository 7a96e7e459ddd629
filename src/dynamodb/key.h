/*
 * An item's key: its one key attribute as canonical DynamoDB JSON, `{"id":{"S":"sess:a"}}`, so that
 * equal keys are equal bytes. The buffer of writes knows items by it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/attributes.h"
#include "base/buffer.h"
#include "base/error.h"
#include "dynamodb/item.h"

typedef struct dds_key {
  char *json; /* owned, NUL-terminated; NULL: no key */
  size_t length;
} dds_key;

/* A key that is a string, owned by the caller (dds_key_free). Checks length (DDS_CHECK when empty,
 * DDS_TOOBIG over 2,048 bytes) and UTF-8 (DDS_CHECK). */
DDS_MUST_USE bool dds_key_from_text(const char *attribute, const char *bytes, size_t length,
                                    dds_key *key, dds_error *error);

/* The key of an item by the name of its hash key attribute, owned by the caller. DDS_ERROR where
 * the attribute is missing or is no S, N or B. */
DDS_MUST_USE bool dds_key_from_item(const char *attribute, const dds_item *item, dds_key *key,
                                    dds_error *error);

/* A copy of its own, owned by the caller; of no key it is no key. */
DDS_MUST_USE bool dds_key_copy(const dds_key *from, dds_key *to, dds_error *error);

/* Two that are no key are equal. */
bool dds_key_equal(const dds_key *left, const dds_key *right);

/* Leaves no key; that of no key is allowed. */
void dds_key_free(dds_key *key);

/* What most keys fit in. */
enum { DDS_KEY_USUAL_BYTES = 256 };

/*
 * Writes the keys of one table one after another, where each is looked at and not kept: what they
 * have in common is written once, and memory is taken for long ones alone. May not be copied.
 */
typedef struct dds_key_writer {
  const char *attribute; /* borrowed */
  dds_buffer json;       /* begins in `room` */
  size_t opened_bytes;   /* what stands before the value of a key that is a string */
  char room[DDS_KEY_USUAL_BYTES];
} dds_key_writer;

void dds_key_writer_open(dds_key_writer *writer, const char *attribute);

/* The key of a text or of a typed value, borrowed until the next one. Fails as dds_key_from_text
 * and dds_key_from_item do. */
DDS_MUST_USE bool dds_key_writer_text(dds_key_writer *writer, const char *bytes, size_t length,
                                      dds_key *key, dds_error *error);
DDS_MUST_USE bool dds_key_writer_value(dds_key_writer *writer, const dds_value *value, dds_key *key,
                                       dds_error *error);

/* Makes the last key the caller's own (dds_key_free). */
DDS_MUST_USE bool dds_key_writer_take(dds_key_writer *writer, dds_key *key, dds_error *error);

void dds_key_writer_close(dds_key_writer *writer);
