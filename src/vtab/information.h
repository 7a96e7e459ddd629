/* The tables that tell of the extension itself: dynamodb_layouts, _pending, _requests, _status. */
#pragma once

#include "vtab/rows_module.h"

extern const dds_rows_table dds_layouts_table;
extern const dds_rows_table dds_pending_table;
extern const dds_rows_table dds_requests_table;
extern const dds_rows_table dds_status_table;
