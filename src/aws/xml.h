/*
 * Reading single values from the XML answers of AWS's query protocol (STS). Not a general parser:
 * no document type, no entities but XML's own five and character references, at most 32 levels,
 * names compared with their prefixes as they stand. Pure; no recursion.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/attributes.h"
#include "base/buffer.h"

/*
 * Appends the text of the first element that stands at `path`: its first name at any depth, each
 * further name a child of the one before. {"Credentials", "AccessKeyId"}. References are decoded,
 * white space is kept.
 *
 * False, with nothing appended, where there is none, where it has elements of its own instead of
 * text, or where the document is not well-formed UTF-8 XML from its first byte to its last. That
 * memory ran out, or `text` is too small, shows in `text` (dds_buffer_check).
 */
DDS_MUST_USE bool dds_xml_find(const char *xml, size_t length, const char *const *path,
                               size_t path_length, dds_buffer *text);
