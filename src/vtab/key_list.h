/* From the values of `sid = ?` and `sid IN (…)` to keys. */
#pragma once

#include <stdbool.h>

#include "base/attributes.h"
#include "base/error.h"
#include "dynamodb/key.h"
#include "dynamodb/key_set.h"
#include "sessions/layout.h"
#include "vtab/sqlite.h"

/*
 * The key of a session id, borrowed from a writer of the layout's hash key; none where no item can
 * have such a key. `*is_text` is false where the value is no text: SQLite may compare it by other
 * rules than bytes, so that no key finds all of its rows.
 */
DDS_MUST_USE bool dds_key_list_read_one(const dds_layout *layout, sqlite3_value *value,
                                        dds_key_writer *writer, dds_key *key, bool *is_text,
                                        dds_error *error);

/*
 * The keys of a list that sqlite3_vtab_in has asked for, each once; NULL is equal to nothing and
 * left out. `*is_text` is false where one of the others is no text. The set is the caller's, also
 * on failure.
 */
DDS_MUST_USE bool dds_key_list_read(const dds_layout *layout, sqlite3_value *list,
                                    dds_key_set *keys, bool *is_text, dds_error *error);
