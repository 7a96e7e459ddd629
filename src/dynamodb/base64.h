/*
 * Binaries in DynamoDB JSON: JSON strings that hold base64 (RFC 4648, section 4), compared and
 * measured without being decoded.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/attributes.h"
#include "base/buffer.h"
#include "dynamodb/json.h"

/* Appends the decoded bytes; false where the text is no base64 with padding. */
DDS_MUST_USE bool dds_base64_append(dds_json string, dds_buffer *bytes);

/* Whether it decodes. */
bool dds_base64_is_valid(dds_json string);

/* Compares two valid ones as unsigned bytes: negative, 0 or positive. */
int dds_base64_compare(dds_json left, dds_json right);

/* Bytes that a valid one stands for. */
size_t dds_base64_decoded_length(dds_json string);
