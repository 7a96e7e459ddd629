/*
 * Operations in the user's own words: any call of DynamoDB's API with a body that he writes as
 * JSON. What the API's parameters are for is his business; what an SDK adds by itself is added
 * here.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/attributes.h"
#include "base/error.h"
#include "dynamodb/operation.h"
#include "dynamodb/table.h"

/* Whether it is the name of an operation, known or not: letters and digits. */
bool dds_raw_is_name(const char *operation);

/* Whether an operation only reads, known (Query) or by its verb (GetX, DescribeX, ListX); one that
 * may do either (ExecuteStatement) does not. */
bool dds_raw_is_read(const char *operation);

/*
 * Sends the operation once, with retries as ever, and waits. `json` must be an object (DDS_CHECK).
 * Where it has none, it gets the table's name, if the operation knows that parameter, and the token
 * that makes a repeated call one, as the SDKs add it. Writes that the table's meter does not allow,
 * by what the request says of their items, are not sent; a read is, since its cost is not known
 * before. The answer, validated JSON, is borrowed from `*holder`, which the caller frees
 * (dds_operation_free) where true is returned.
 */
DDS_MUST_USE bool dds_raw_run(const dds_table *table, const char *operation, const char *json,
                              size_t length, dds_operation **holder, dds_json *answer,
                              dds_error *error);
