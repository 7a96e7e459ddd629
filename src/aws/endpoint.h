/*
 * Endpoint rules for DynamoDB (AWS's published endpoint rule set): pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/attributes.h"
#include "base/buffer.h"
#include "base/error.h"

/* Appends "https://dynamodb.<region>.<suffix>", the suffix by the region's partition. A region
 * that is no host label (letters, digits, hyphens) is an error. */
DDS_MUST_USE bool dds_endpoint_append(dds_buffer *url, const char *region, dds_error *error);

/* A URL taken apart; pieces are borrowed from the text. */
typedef struct dds_url {
  bool is_tls;
  const char *host; /* IPv6 in its brackets */
  size_t host_length;
  int port; /* always set */
  bool port_is_default;
} dds_url;

/* Reads "http(s)://host[:port][/]". A user's name, a query, a fragment or a path is an error. */
DDS_MUST_USE bool dds_endpoint_parse(const char *text, dds_url *url, dds_error *error);

/* localhost, 127.0.0.0/8 or ::1. */
bool dds_endpoint_is_loopback(const dds_url *url);
