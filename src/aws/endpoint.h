/*
 * Endpoint rules for DynamoDB and the services that give out credentials (AWS's published endpoint
 * rule sets): pure.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/attributes.h"
#include "base/buffer.h"
#include "base/error.h"

typedef enum dds_service {
  DDS_SERVICE_DYNAMODB,
  DDS_SERVICE_STS,
  DDS_SERVICE_SSO,      /* portal.sso */
  DDS_SERVICE_SSO_OIDC, /* oidc */
  DDS_SERVICE_COUNT
} dds_service;

/* Whether DynamoDB is asked at the account's own endpoint (AWS_ACCOUNT_ID_ENDPOINT_MODE). */
typedef enum dds_account_mode {
  DDS_ACCOUNT_PREFERRED,
  DDS_ACCOUNT_REQUIRED,
  DDS_ACCOUNT_DISABLED,
} dds_account_mode;

/* What an endpoint follows from. Borrowed. */
typedef struct dds_endpoint_parameters {
  dds_service service;
  const char *region;
  const char *custom_url; /* the user's own endpoint, or NULL */
  bool use_fips;
  bool use_dualstack;
  dds_account_mode account_mode; /* DynamoDB alone */
  const char *account_id;        /* or NULL: not known */
  /* Where these were set, in words for errors; NULL: not known. */
  const char *region_source;
  const char *custom_source;
  const char *fips_source;
  const char *dualstack_source;
  const char *account_mode_source;
} dds_endpoint_parameters;

/* Where requests go. Texts are owned: dds_endpoint_free. */
typedef struct dds_endpoint {
  char *url; /* "https://dynamodb.us-east-1.amazonaws.com", no slash at its end */
  char *signing_region;
  bool uses_account; /* it is the account's own */
} dds_endpoint;

/*
 * Applies the rules. An error where they have no answer: a region that is no host label; a custom
 * endpoint with FIPS or dual-stack; an account endpoint required that cannot be had. It names the
 * settings that lead to it, and `endpoint` is empty then.
 */
DDS_MUST_USE bool dds_endpoint_resolve(const dds_endpoint_parameters *parameters,
                                       dds_endpoint *endpoint, dds_error *error);

/* Releases the texts; an endpoint of zeroes is allowed. */
void dds_endpoint_free(dds_endpoint *endpoint);

/* A URL taken apart; pieces are borrowed from the text. */
typedef struct dds_url {
  bool is_tls;
  const char *host; /* IPv6 in its brackets */
  size_t host_length;
  int port; /* always set */
  bool port_is_default;
  const char
      *path; /* from its first slash to the end, with a query where there is one; "" for none */
} dds_url;

/*
 * Reads "http(s)://host[:port][/path]". A user's name, a query or a fragment is an error, and so is
 * a path with anything but letters, digits, `-._~` and single slashes, or with a segment of dots:
 * it is signed as it stands.
 */
DDS_MUST_USE bool dds_endpoint_parse(const char *text, dds_url *url, dds_error *error);

/*
 * Reads any http(s) URL, such as that of a container's credentials, with its path and query. A
 * user's name, a fragment and bytes that no URL has (RFC 3986) are errors.
 */
DDS_MUST_USE bool dds_endpoint_parse_any(const char *text, dds_url *url, dds_error *error);

/* Appends the Host header: the port only where it is not the scheme's default. */
void dds_endpoint_append_host(dds_buffer *host, const dds_url *url);

/* localhost, 127.0.0.0/8 or ::1. */
bool dds_endpoint_is_loopback(const dds_url *url);
