/*
 * JSON that holds secrets: the answers of services that give out credentials, the caches of SSO and
 * `aws login`, the output of a credential process.
 */
#pragma once

#include <stddef.h>

#include <cjson/cJSON.h>

#include "base/attributes.h"

/*
 * The object that a text is from its first byte to its last, white space aside; NULL for anything
 * else, or where there is no memory. Owned by the caller: dds_secret_json_free. The text stays the
 * caller's, who wipes it.
 */
DDS_MUST_USE cJSON *dds_secret_json_parse(const char *text, size_t length);

/* A member that is a text, borrowed; NULL where it is absent or something else. `object` may be
 * NULL, so that members of members can be asked for. */
const char *dds_secret_json_text(const cJSON *object, const char *name);

/* Wipes every text in it, then releases. NULL is allowed. */
void dds_secret_json_free(cJSON *json);
