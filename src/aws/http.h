/*
 * The transport of the real world: one curl multi handle with kept-alive connections. Loaded by
 * CURLOPT_* as the design has it: no signals, TLS verified always, http and https alone, redirects
 * not followed, no Expect, proxies from the environment as libcurl reads it.
 */
#pragma once

#include "aws/transport.h"

/* Initialises libcurl for the process, once however often it is called and from any thread. */
DDS_MUST_USE bool dds_http_initialise(dds_error *error);

/* Owned by the caller, ended by its destroy. `stop` is copied. */
DDS_MUST_USE bool dds_http_create(const dds_stop *stop, dds_transport **out, dds_error *error);
