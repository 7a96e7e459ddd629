/*
 * TransactWriteItems: up to 100 writes of one client, in any of its tables, that are applied all or
 * none. A ClientRequestToken makes each call's retries idempotent: whatever was lost, success means
 * applied once. Each call has a token of its own, since the set of writes may have changed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/attributes.h"
#include "base/error.h"
#include "dynamodb/item.h"
#include "dynamodb/operation.h"
#include "dynamodb/write.h"

/* API reference, TransactWriteItems. dds_write_payload_bytes is what counts; what the requests'
 * names and expressions take is kept free. */
enum { DDS_TRANSACT_MAX_WRITES = 100, DDS_TRANSACT_MAX_BYTES = 4 * 1024 * 1024 - 64 * 1024 };

/* Starts it; no item may stand in it twice. */
DDS_MUST_USE bool dds_transact_start(const dds_table_write *writes, size_t count,
                                     dds_operation **operation, dds_error *error);

/* Why a transaction was cancelled, for one of its writes. */
typedef struct dds_transact_reason {
  bool is_refused; /* its condition did not hold */
  bool is_other;   /* anything else: a conflict, throttling, an item that became too big */
  dds_item old;    /* is_refused: the item as it was, borrowed; .json.text NULL: there is none */
} dds_transact_reason;

/*
 * Waits for it. `*is_applied` false where true is returned: conditions did not hold, nothing was
 * applied, and `reasons`, one for each write, tell which. Any other failure is an error; DDS_BUSY
 * where other transactions or throttling cancelled it. `*may_have_been_applied` is for failures.
 */
DDS_MUST_USE bool dds_transact_finish(dds_operation *operation, size_t count, bool *is_applied,
                                      dds_transact_reason *reasons, bool *may_have_been_applied,
                                      dds_error *error);
