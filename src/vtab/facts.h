/*
 * What DescribeTable says of a table, asked once for each table and connection and only where it
 * decides how to read: the size chooses the segments of a Scan, the indexes' keys and projections
 * what a Query may ask for. A reader that may not ask does without: refusals are remembered.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/attributes.h"
#include "base/error.h"
#include "dynamodb/description.h"
#include "dynamodb/scan.h"
#include "vtab/target.h"

/*
 * What is known of the target's table, which must be open; borrowed from its connection. NULL:
 * nothing, because the table does not exist, or nobody would tell. AccessDenied is remembered,
 * other failures for a minute. False only where the statement is to end: an interrupt, no memory,
 * no credentials.
 */
DDS_MUST_USE bool dds_facts_of(const dds_target *target, const dds_table_description **facts,
                               dds_error *error);

/* The same for who goes by its indexes: as no older than a minute, since an index, or the table,
 * may be dropped and made again with other keys and projections. */
DDS_MUST_USE bool dds_facts_of_indexes(const dds_target *target,
                                       const dds_table_description **facts, dds_error *error);

/* Forgets it, so that who asks next has the table described anew: tables change, and what does not
 * fit may have been right a while ago. */
void dds_facts_forget(const dds_target *target);

/* Sets the segments of a Scan that wants all of the target's table: total_segments, else by its
 * size, and 1 where that is not known. Of those that the size chose the further ones are begun at
 * once where the server is as far as its description took. False as dds_facts_of. */
DDS_MUST_USE bool dds_facts_divide(const dds_target *target, dds_scan_request *request,
                                   dds_error *error);

/* The index of a name, or NULL. */
const dds_index_description *dds_facts_index(const dds_table_description *facts, const char *name);

/* Whether the index holds all of these attributes itself; all of an item (none named) only where it
 * projects all. */
bool dds_facts_index_covers(const dds_index_description *index, const char *hash_key,
                            const char *const *attributes, size_t count);

/* Forgets all; dds_connection.facts is NULL then. */
void dds_facts_free(struct dds_connection *connection);
