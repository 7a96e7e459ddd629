/*
 * Whether a server's words repeat what only the request may hold: a credential, a signed header,
 * session data. A proxy or a gateway for debugging may quote all of that in its answer, and errors
 * and dynamodb_requests never show it. Pure, and without memory of its own.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* What was sent. Borrowed. */
typedef struct dds_echo_request {
  const char *const *secrets; /* keys and tokens; those that are NULL are passed over */
  size_t secret_count;
  const char *body; /* JSON of DynamoDB's API, or NULL */
  size_t body_length;
} dds_echo_request;

/*
 * True where `text` names a signed header, holds 64 hexadecimal digits in a row, as signatures have
 * them, or a piece of DynamoDB's JSON as requests have it, or shares a run of 12 bytes that count
 * with the secret, the token, or an attribute's value in the body. What is shorter than that is no
 * session id worth the name, and would hide honest messages. Letters, digits and all bytes beyond
 * ASCII count, so that quotes and line breaks hide nothing. Nor do escapes of JSON (RFC 8259),
 * whatever the number of backslashes before them: `uXXXX` counts as the UTF-8 of what it stands for
 * (a pair of surrogates as one character), and b, f, n, r and t, which stand for controls, do not
 * count; so a session's text is found as it is stored, decoded, or escaped once more. Names of
 * tables, indexes and attributes and the words of expressions are not looked for: DynamoDB's own
 * messages repeat those. Looks at the first 512 bytes that count of `text`.
 */
bool dds_echo_is_in(const dds_echo_request *request, const char *text);
