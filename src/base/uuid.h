/* Random identifiers: UUIDs of version 4 (RFC 9562, section 5.4). */
#pragma once

#include <stdbool.h>

#include "base/attributes.h"
#include "base/error.h"

enum { DDS_UUID_BYTES = 37 };

enum { DDS_UUID_RANDOM_BYTES = 16 };

/* The text of a UUID made of these random bytes: lower-case, with hyphens and a NUL. */
void dds_uuid_format(const unsigned char random[DDS_UUID_RANDOM_BYTES], char text[DDS_UUID_BYTES]);

/* Of bytes that nobody can guess; an error where libcrypto gives no random numbers. */
DDS_MUST_USE bool dds_uuid_make(char text[DDS_UUID_BYTES], dds_error *error);
