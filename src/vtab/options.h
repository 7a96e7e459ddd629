/*
 * The arguments of CREATE VIRTUAL TABLE … USING dynamodb_sessions(…): options `name=value` and
 * extra columns `name TYPE`. Pure: nothing is looked up or sent.
 *
 * There is no option for a secret, since SQLite keeps the arguments in sqlite_schema. Where one is
 * written all the same, no message repeats it: neither the value of an unknown option, nor anything
 * beside a word like "secret" or "token" or beside the id of an AWS access key.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "aws/config.h"
#include "base/attributes.h"
#include "base/error.h"
#include "sessions/layout.h"
#include "sessions/row.h"
#include "vtab/columns.h"

/* When reads are strongly consistent. */
typedef enum dds_consistency {
  DDS_CONSISTENT_AUTO, /* by key, and while or shortly after this connection writes */
  DDS_CONSISTENT_ALWAYS,
  DDS_CONSISTENT_NEVER,
} dds_consistency;

/* How the writes of a transaction are sent. */
typedef enum dds_commit_mode {
  DDS_COMMIT_AUTO,    /* one TransactWriteItems where that can be */
  DDS_COMMIT_ATOMIC,  /* refused where it cannot */
  DDS_COMMIT_THROUGH, /* as they come, for loads larger than memory */
} dds_commit_mode;

/* Calls in flight where option concurrency does not say otherwise. */
enum { DDS_DEFAULT_CONCURRENCY = 16 };

/* One text option's value. */
typedef enum dds_text_option {
  DDS_OPTION_TABLE,
  DDS_OPTION_REGION,
  DDS_OPTION_ENDPOINT_URL,
  DDS_OPTION_PROFILE,
  DDS_OPTION_HASH_KEY,
  DDS_OPTION_PREFIX,
  DDS_OPTION_SUFFIX,
  DDS_OPTION_DATA,
  DDS_OPTION_EXPIRES,
  DDS_OPTION_TTL,
  DDS_OPTION_TEXT_COUNT,
} dds_text_option;

typedef struct dds_options {
  char *text[DDS_OPTION_TEXT_COUNT]; /* owned; NULL: not given */
  dds_layout layout;                 /* the named one, overrides applied; borrows from `text` */
  dds_extra_column *extras;          /* owned, and the names in them */
  size_t extra_count;
  dds_index *indexes; /* owned, and the texts in them; in the order given */
  size_t index_count;
  int total_segments;    /* of a Scan of the whole table; 0: by its size */
  double capacity_limit; /* capacity units of a statement; 0: none */
  dds_consistency consistency;
  dds_commit_mode commit;
  int concurrency; /* most calls in flight; 0: DDS_DEFAULT_CONCURRENCY */
  bool create;
  bool read_only;
  int64_t read_capacity; /* 0: on demand */
  int64_t write_capacity;
  int max_attempts; /* 0: as the environment says */
  int request_timeout_ms;
  int connect_timeout_ms;
} dds_options;

/* The name of the DynamoDB table where no option names one. */
#define DDS_DEFAULT_TABLE "sessions"

/* Reads the arguments; what was filled is released by dds_options_free, also on failure. */
DDS_MUST_USE bool dds_options_parse(int count, const char *const *arguments, dds_options *options,
                                    dds_error *error);

/* Refuses one of the two capacities alone, for which DynamoDB creates no table. Not asked before a
 * table is created: a virtual table that has but one is good for all else. */
DDS_MUST_USE bool dds_options_check_capacity(const dds_options *options, dds_error *error);

/* The name of the DynamoDB table. */
const char *dds_options_table(const dds_options *options);

/* Most calls in flight, 1 or more. */
size_t dds_options_concurrency(const dds_options *options);

/* What of them concerns a client; borrowed. */
dds_client_options dds_options_client(const dds_options *options);

void dds_options_free(dds_options *options);
