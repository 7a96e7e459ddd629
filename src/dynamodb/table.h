/*
 * A DynamoDB table: who asks (client), its name, who is told of each request (observer), and the
 * calls that concern it as a whole.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "aws/client.h"
#include "aws/observer.h"
#include "base/attributes.h"
#include "base/error.h"
#include "dynamodb/description.h"
#include "dynamodb/meter.h"

/* All borrowed. */
typedef struct dds_table {
  dds_client *client;
  const char *name;
  const char *sql_name; /* what it is called in SQL, for remedies; may be NULL */
  dds_observer observer;
  dds_meter *meter; /* what its requests are counted on; NULL: on nothing */
} dds_table;

/* DescribeTable. A table that does not exist is no error: `exists` is false. The description is the
 * caller's where true is returned, and empty else. */
DDS_MUST_USE bool dds_table_describe(const dds_table *table, dds_table_description *description,
                                     dds_error *error);

/* One string hash key. Capacities of 0: on demand. A table that exists already (somebody was
 * faster) is no error and `*created` is false. */
DDS_MUST_USE bool dds_table_create(const dds_table *table, const char *hash_key,
                                   int64_t read_capacity, int64_t write_capacity, bool *created,
                                   dds_error *error);

/* Asks until the table is ACTIVE or the time is over, which is an error that names the status; so
 * are DELETING and INACCESSIBLE_ENCRYPTION_CREDENTIALS, at once. Waits 20 ms at first, then longer,
 * up to 2 s. */
DDS_MUST_USE bool dds_table_wait_active(const dds_table *table, int64_t timeout_ms,
                                        dds_error *error);

/* DescribeTimeToLive: the attribute ("" for none) and the status ("ENABLED", …), both owned by the
 * caller (dds_free); NULL on failure. */
DDS_MUST_USE bool dds_table_describe_ttl(const dds_table *table, char **attribute, char **status,
                                         dds_error *error);

/* UpdateTimeToLive, Enabled true. That it is enabled already on this attribute is no error. */
DDS_MUST_USE bool dds_table_enable_ttl(const dds_table *table, const char *attribute,
                                       dds_error *error);
