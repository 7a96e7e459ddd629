/* From JSON to credentials, by a table of the members that must be there. */
#include "aws/credentials_json.h"

#include <string.h>

#include "aws/secret_json.h"
#include "base/buffer.h"
#include "base/timestamp.h"

enum { NAMES_LIMIT_BYTES = 256 };

/* NULL also where it is empty. */
static const char *get_text(const cJSON *json, const char *name) {
  const char *text = name == NULL ? NULL : dds_secret_json_text(json, name);
  return text == NULL || text[0] == '\0' ? NULL : text;
}

/* Absent, or null. */
static bool is_missing(const cJSON *json, const char *name) {
  const cJSON *member = cJSON_GetObjectItemCaseSensitive(json, name);
  return member == NULL || cJSON_IsNull(member);
}

static bool check_members(const cJSON *json, const dds_credentials_members *members,
                          const char *source, dds_error *error) {
  const char *const texts[] = {members->access_key_id, members->secret_access_key,
                               members->session_token};
  const size_t needed = members->may_last ? 2 : 3;
  dds_buffer missing = DDS_BUFFER_INIT(NAMES_LIMIT_BYTES);
  for (size_t i = 0; i < needed; i++) {
    if (get_text(json, texts[i]) == NULL) {
      dds_buffer_append_format(&missing, "%s, ", texts[i]);
    }
  }
  if (!members->may_last && is_missing(json, members->expiration)) {
    dds_buffer_append_format(&missing, "%s, ", members->expiration);
  }
  bool is_complete = dds_buffer_check(&missing, error);
  if (is_complete && missing.length > 0) {
    is_complete =
        dds_error_set(error, DDS_AUTH, "%s: the answer is not the JSON that it should be: no %.*s",
                      source, (int)missing.length - 2, missing.data);
  }
  dds_buffer_free(&missing);
  return is_complete;
}

static bool read_time(const cJSON *json, const char *name, int64_t *time_ms) {
  const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, name);
  *time_ms = INT64_MAX;
  if (is_missing(json, name)) {
    return true;
  }
  if (cJSON_IsString(item)) {
    return dds_timestamp_parse_iso(item->valuestring, strlen(item->valuestring), time_ms);
  }
  if (!cJSON_IsNumber(item) || !(item->valuedouble > 0) ||
      !(item->valuedouble <= (double)DDS_TIMESTAMP_MAX_MS)) {
    return false;
  }
  *time_ms = (int64_t)item->valuedouble;
  return true;
}

bool dds_credentials_read_json(const cJSON *json, const dds_credentials_members *members,
                               const char *account_id, const char *source,
                               dds_credentials *credentials, dds_error *error) {
  int64_t expires_ms;
  if (!check_members(json, members, source, error)) {
    return false;
  }
  if (!read_time(json, members->expiration, &expires_ms)) {
    return dds_error_set(error, DDS_AUTH, "%s: %s of the answer is no time", source,
                         members->expiration);
  }
  const char *own_account = get_text(json, members->account_id);
  if (!dds_credentials_set(credentials, get_text(json, members->access_key_id),
                           get_text(json, members->secret_access_key),
                           get_text(json, members->session_token),
                           own_account != NULL ? own_account : account_id, source, error)) {
    return false;
  }
  credentials->expires_ms = expires_ms;
  return true;
}
