/*
 * The credentials of a client: found on the first use, kept, and got anew ahead of their expiry.
 *
 * From 15 minutes before the expiry on they are asked for anew, once a minute at most, and a
 * failure is tolerated; from 10 minutes on a failure is an error, and so is that what was got has
 * expired (botocore's windows; for credentials that live shorter than an hour, a quarter and a
 * sixth of their life). Those that outlive their expiry are used on whatever happens.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "aws/config.h"
#include "aws/credentials.h"
#include "aws/credentials_chain.h"
#include "aws/environment.h"
#include "aws/fetch.h"
#include "base/attributes.h"
#include "base/error.h"

/* Made by a client; its memory is released by dds_provider_close. */
typedef struct dds_provider {
  const dds_config *config;           /* borrowed, and so is */
  const dds_environment *environment; /* this one */
  dds_fetcher *fetcher;               /* and this one */
  dds_credentials credentials;        /* wiped when others take their place */
  bool has_credentials;
  int64_t fetched_ms; /* when they came, by the services' clock, which their expiry is by */
  int64_t asked_ms;   /* when sources were asked last, by the transport's clock */
} dds_provider;

/*
 * The credentials for a request now. `region` is the client's. Borrowed until the next call. The
 * profile files are read anew whenever sources are asked, so that a login in another window counts.
 */
DDS_MUST_USE bool dds_provider_get(dds_provider *provider, const char *region,
                                   const dds_credentials **out, dds_error *error);

/* The same without a request or a process: what is at hand, without what is secret in it, else
 * where they would come from (`credentials` owned by the caller). False where no source applies,
 * with the reason. */
DDS_MUST_USE bool dds_provider_describe(const dds_provider *provider, dds_credentials *credentials,
                                        dds_error *error);

/* DynamoDB has refused them: the next use asks the sources again. */
void dds_provider_forget(dds_provider *provider);

/* Wipes and releases. */
void dds_provider_close(dds_provider *provider);
