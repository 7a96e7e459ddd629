/* NUL-terminated texts that may be NULL: not given. */
#pragma once

#include <stdbool.h>

#include "base/attributes.h"
#include "base/error.h"

/* Whether both are the same bytes, or both NULL. */
bool dds_text_is_same(const char *left, const char *right);

/* NULL, empty or ASCII white space alone: nothing is given. */
bool dds_text_is_blank(const char *text);

/* Sets `*to` to a copy, which the caller owns (dds_free), NULL for NULL. What `*to` was is not
 * looked at. */
DDS_MUST_USE bool dds_text_copy(char **to, const char *from, dds_error *error);

/* Wipes and releases; NULL is allowed. */
void dds_text_free_secret(char *text);
