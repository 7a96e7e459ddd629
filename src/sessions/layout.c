/* The table of layouts: what the stores' own sources write, version by version as named there. */
#include "sessions/layout.h"

#include <string.h>

enum { DAY_S = 86400 };

static const dds_layout layouts[] = {
    {
        /* 1.0.4; a cookie without an expiry is stored as type NULL in both attributes */
        .name = "serverless-dynamodb-session-store",
        .hash_key = "sessionId",
        .prefix = "",
        .suffix = "",
        .data = "session_data",
        .encoding = DDS_ENCODING_JSON,
        .expires = "expireTime",
        .unit = DDS_MILLISECONDS,
        .ttl = "expireTime_TTL",
        .default_age_s = DDS_NO_AGE,
        .allows_never = true,
    },
    {
        /* 3.0.5; `expires` may have a fraction, and up to 1.0.11 it was in ms */
        .name = "connect-dynamodb",
        .hash_key = "id",
        .prefix = "sess:",
        .suffix = "",
        .data = "sess",
        .encoding = DDS_ENCODING_JSON,
        .expires = "expires",
        .unit = DDS_SECONDS,
        .ttl = "expires",
        .default_age_s = DAY_S,
        .allows_never = true,
        .companion = {"type", DDS_COMPANION_CONSTANT, "connect-session"},
    },
    {
        /* 1.2.0; an item without an expiry counts as expired, and its get deletes it */
        .name = "dynamodb-store",
        .hash_key = "sessionId",
        .prefix = "sess:",
        .suffix = "",
        .data = "sess",
        .encoding = DDS_ENCODING_MAP,
        .expires = "expires",
        .unit = DDS_SECONDS,
        .ttl = "expires",
        .default_age_s = DAY_S,
        .allows_never = false,
        .companion = {"updated", DDS_COMPANION_MEMBER_NOW_MS, NULL},
    },
};

enum { LAYOUT_COUNT = sizeof layouts / sizeof layouts[0] };

const dds_layout *dds_layout_at(size_t index) {
  return index < LAYOUT_COUNT ? &layouts[index] : NULL;
}

const dds_layout *dds_layout_find(const char *name) {
  for (size_t i = 0; i < LAYOUT_COUNT; i++) {
    if (strcmp(layouts[i].name, name) == 0) {
      return &layouts[i];
    }
  }
  return NULL;
}
