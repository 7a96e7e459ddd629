/*
 * A DynamoDB of fixed answers on a loopback port, in a child process: what a fault is looked for
 * under must not depend on a server's moods. The table `sessions` has the items a, b and c in the
 * default layout, in two pages of a Scan; b has expired; by its
 * key alone there is also `big`, of 160 attributes more. Any other table does not exist until
 * CreateTable. Writes are answered and recorded; they change nothing that is read. A write that
 * must not find the key `taken` finds it, and is refused, not recorded.
 *
 *   canned_endpoint *endpoint = canned_endpoint_start();   // sets the AWS environment, too
 *   …
 *   canned_endpoint_reset(endpoint);
 *   …
 *   size_t count = canned_endpoint_write_count(endpoint);
 *   canned_endpoint_stop(endpoint);
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct canned_endpoint canned_endpoint;

/* One write that was asked for: "PutItem", the value of the key, the whole body; of a transaction
 * or a batch each of its writes, as if it had come alone, but for the bytes of its body. */
typedef struct canned_write {
  char operation[32];
  char key[64];
  char body[2000];
} canned_write;

/* Exits the program with a message where it cannot start. */
canned_endpoint *canned_endpoint_start(void);
void canned_endpoint_stop(canned_endpoint *endpoint);

/* Forgets the writes, the count of requests and the tables that were created. */
void canned_endpoint_reset(canned_endpoint *endpoint);

/* Since the last reset. */
size_t canned_endpoint_request_count(const canned_endpoint *endpoint);
size_t canned_endpoint_write_count(const canned_endpoint *endpoint);
const canned_write *canned_endpoint_write(const canned_endpoint *endpoint, size_t index);

/* The next writes are answered with an InternalServerError (HTTP 500), that many times. */
void canned_endpoint_fail_writes(canned_endpoint *endpoint, int count);

/* The next calls that write are refused by throttling, that many times; they are no writes. */
void canned_endpoint_throttle_writes(canned_endpoint *endpoint, int count);
