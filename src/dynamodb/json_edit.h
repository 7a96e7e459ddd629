/*
 * Edits JSON text by cutting and pasting: all that an edit does not touch stays byte for byte as
 * it was, numbers, order and white space too. (SQLite's json_set writes the whole text anew from
 * 3.45 on.)
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/attributes.h"
#include "base/buffer.h"
#include "dynamodb/json.h"

/*
 * Appends `root` (an object) with the member at `path` set to `replacement`, JSON text. The objects
 * on the way must exist, all but the last name; a new member goes to the end. False where one is
 * missing or no object.
 */
DDS_MUST_USE bool dds_json_edit_set(dds_json root, const char *const *path, size_t count,
                                    const char *replacement, size_t length, dds_buffer *edited);
