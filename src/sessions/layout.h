/*
 * How a session store lays out its items: data, not code. A new store whose payload is JSON text or
 * a map is a row of the table in layout.c.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum dds_encoding {
  DDS_ENCODING_JSON, /* S that holds JSON text */
  DDS_ENCODING_MAP,  /* M */
} dds_encoding;

typedef enum dds_time_unit { DDS_SECONDS, DDS_MILLISECONDS } dds_time_unit;

/* What the store writes beside key, session and expiry. */
typedef enum dds_companion_kind {
  DDS_COMPANION_CONSTANT,      /* an attribute that holds a string, at INSERT */
  DDS_COMPANION_MEMBER_NOW_MS, /* a member of the session: now in ms, at INSERT and whenever session
                                  or expiry is written */
} dds_companion_kind;

typedef struct dds_companion {
  const char *name; /* NULL: the store has none */
  dds_companion_kind kind;
  const char *text; /* of a constant */
} dds_companion;

/* All texts borrowed: from layout.c, or, where options override them, from their table. */
typedef struct dds_layout {
  const char *name;
  const char *hash_key;
  const char *prefix; /* "" for none */
  const char *suffix;
  const char *data;
  dds_encoding encoding;
  const char *expires; /* attribute, in `unit`s */
  dds_time_unit unit;
  const char *ttl;       /* attribute, in seconds; may be the same as `expires` */
  int64_t default_age_s; /* of a session whose cookie says none; DDS_NO_AGE: it never expires */
  bool allows_never;     /* the application keeps a session without an expiry */
  dds_companion companion;
} dds_layout;

#define DDS_NO_AGE INT64_C(-1)

/* The layouts in the order of the table dynamodb_layouts; the first is the default. */
const dds_layout *dds_layout_at(size_t index); /* NULL behind the last */

/* By name, or NULL. */
const dds_layout *dds_layout_find(const char *name);
