/*
 * The shared configuration and credentials files of AWS: grammar, merging, lookup. Written from
 * the rules that AWS's SDKs and Tools Reference Guide gives for them ("Shared config and
 * credentials files"): which section names count in which file, comments, continuation lines,
 * sub-properties, merging of sections, precedence.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "aws/environment.h"
#include "base/attributes.h"
#include "base/error.h"

typedef enum dds_section_kind {
  DDS_SECTION_PROFILE,
  DDS_SECTION_SSO_SESSION,
  DDS_SECTION_SERVICES,
} dds_section_kind;

typedef struct dds_profiles dds_profiles;

/* Which file a property came from, for messages and for precedence. */
typedef enum dds_profile_file { DDS_PROFILE_CONFIG, DDS_PROFILE_CREDENTIALS } dds_profile_file;

/* No files: an empty set. Owned by the caller, dds_profiles_free. */
DDS_MUST_USE bool dds_profiles_create(dds_profiles **out, dds_error *error);

/* Parses a file's text into the set; a grammar error names `path` and line. */
DDS_MUST_USE bool dds_profiles_parse(dds_profiles *profiles, dds_profile_file file,
                                     const char *path, const char *text, size_t length,
                                     dds_error *error);

/*
 * Reads both files: AWS_CONFIG_FILE or ~/.aws/config, AWS_SHARED_CREDENTIALS_FILE or
 * ~/.aws/credentials. A file that does not exist is an empty one.
 */
DDS_MUST_USE bool dds_profiles_load(const dds_environment *environment, dds_profiles **out,
                                    dds_error *error);

/* Whether the section stands in either file. */
bool dds_profiles_has(const dds_profiles *profiles, dds_section_kind kind, const char *name);

/*
 * A property's value, the credentials file's before the config file's, or NULL. Names are compared
 * without case. A sub-property is asked for as "dynamodb.endpoint_url". Borrowed.
 */
const char *dds_profiles_get(const dds_profiles *profiles, dds_section_kind kind,
                             const char *section, const char *property);

/* As dds_profiles_get, from one file alone. */
const char *dds_profiles_get_from(const dds_profiles *profiles, dds_profile_file file,
                                  dds_section_kind kind, const char *section, const char *property);

/* NULL is allowed. */
void dds_profiles_free(dds_profiles *profiles);
