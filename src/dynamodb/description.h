/*
 * What DescribeTable tells of a table and of its secondary indexes. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attributes.h"
#include "base/error.h"
#include "dynamodb/json.h"

/* A secondary index, global or local. Texts are owned; NULL where the answer has none. */
typedef struct dds_index_description {
  char *name;
  char *status; /* "ACTIVE"; a local one has none */
  char *hash_key;
  char *hash_key_type; /* "S", "N" or "B" */
  char *sort_key;
  bool projects_all;
  char **attributes; /* what it projects besides keys, where it does not project all */
  size_t attribute_count;
} dds_index_description;

/* What DescribeTable says. Texts are owned: dds_table_description_free. */
typedef struct dds_table_description {
  bool exists;
  char *status;  /* "ACTIVE" */
  int64_t items; /* as DynamoDB counted last, about every six hours */
  int64_t bytes;
  char *billing;         /* "PAY_PER_REQUEST" or "PROVISIONED" */
  int64_t read_capacity; /* -1: on demand */
  int64_t write_capacity;
  char *arn;
  char *hash_key; /* attribute name and type "S", "N" or "B" */
  char *hash_key_type;
  char *sort_key; /* or NULL */
  char *indexes;  /* JSON array of the index names with keys, projection and status; or NULL */
  char *replicas; /* JSON array of regions; or NULL */
  dds_index_description *index_list;
  size_t index_count;
} dds_table_description;

/* Reads the member Table of the answer. What was filled is the caller's, also on failure. */
DDS_MUST_USE bool dds_description_read(dds_json table, dds_table_description *description,
                                       dds_error *error);
void dds_table_description_free(dds_table_description *description);

/* A copy of a string member of an object, owned by the caller (dds_free); NULL, and no error, where
 * there is none. */
DDS_MUST_USE bool dds_description_copy_text(dds_json object, const char *name, char **copy,
                                            dds_error *error);
