/* Random identifiers: UUIDs of version 4 (RFC 9562, section 5.4). */
#pragma once

#include <stdbool.h>

#include "base/attributes.h"
#include "base/error.h"

enum { DDS_UUID_BYTES = 37 };

/* Lower-case, with hyphens and a NUL; an error where libcrypto gives no random numbers. */
DDS_MUST_USE bool dds_uuid_make(char text[DDS_UUID_BYTES], dds_error *error);
