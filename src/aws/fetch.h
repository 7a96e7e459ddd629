/*
 * One request to a service that gives out credentials (STS, SSO, OIDC, instance and container
 * metadata), with its retries, waited for. It is told to the observer like every other call.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "aws/call.h"
#include "aws/credentials.h"
#include "aws/observer.h"
#include "base/attributes.h"
#include "base/buffer.h"
#include "base/error.h"

/* Zero it but for dds_fetcher_init's work. */
typedef struct dds_fetcher {
  dds_caller caller;
  dds_observer observer; /* copied */
} dds_fetcher;

DDS_MUST_USE bool dds_fetcher_init(dds_fetcher *fetcher, dds_transport *transport,
                                   const dds_observer *observer, dds_error *error);

/* At most so many headers and secrets has a request. */
enum { DDS_FETCH_MOST_HEADERS = 8, DDS_FETCH_MOST_SECRETS = 8 };

/* All borrowed until dds_fetch returns. */
typedef struct dds_fetch_request {
  const char *service;   /* for messages: "STS", "the instance metadata service" */
  const char *operation; /* for messages and the log: "AssumeRole" */
  const char *words;     /* for the log; no secret */
  const char *method;
  const char *url; /* whole, with path and query; the Host header is made from it */
  const dds_http_header *headers;
  size_t header_count;
  const char *body; /* or NULL */
  size_t body_length;
  const char *content_type; /* or NULL */
  /* Signed for this service ("sts") in this region where credentials are given. */
  const dds_credentials *credentials;
  const char *signing_region;
  const char *signing_service;
  const char *const *secrets; /* texts that no message may repeat; may be NULL */
  size_t secret_count;
  const char *const *retry_codes; /* service codes to be tried again besides the usual ones */
  size_t retry_code_count;
  const char *ca_bundle;
  int connect_timeout_ms;
  int request_timeout_ms;
  int max_attempts;
  bool bypass_proxy; /* metadata services stand on the machine's own link; nor do they get the
                        headers by which AWS's services know calls and attempts */
} dds_fetch_request;

typedef struct dds_fetch_answer {
  int status;                              /* 0: no answer */
  bool is_unreachable;                     /* no attempt got a connection: there is nobody */
  dds_buffer body;                         /* wiped when freed: dds_fetch_answer_free */
  char service_code[DDS_ERROR_CODE_BYTES]; /* of an error in XML or JSON, else "" */
} dds_fetch_answer;

/*
 * True: HTTP 200, the answer is the caller's. False: `error` says what failed, without a secret;
 * `answer` has the status and the code then, for sources that know what they mean, and no body.
 */
DDS_MUST_USE bool dds_fetch(dds_fetcher *fetcher, const dds_fetch_request *request,
                            dds_fetch_answer *answer, dds_error *error);

/* Wipes and releases. */
void dds_fetch_answer_free(dds_fetch_answer *answer);
