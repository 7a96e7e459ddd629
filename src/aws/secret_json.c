/*
 * JSON that holds secrets. cJSON copies texts into memory of its own, from the C library's
 * allocator, and releases it as it is; so texts are wiped before they go back. (Of a text that
 * turns out to be no JSON, what cJSON had copied by then it has released itself.)
 */
#include "aws/secret_json.h"

#include <stdbool.h>
#include <string.h>

#include "base/alloc.h"

static void wipe(cJSON *item) {
  for (; item != NULL; item = item->next) {
    if (item->valuestring != NULL) {
      dds_wipe(item->valuestring, strlen(item->valuestring));
    }
    if (item->string != NULL) {
      dds_wipe(item->string, strlen(item->string));
    }
    wipe(item->child); /* cJSON parses no deeper than CJSON_NESTING_LIMIT */
  }
}

cJSON *dds_secret_json_parse(const char *text, size_t length) {
  const char *end = NULL;
  cJSON *json = length == 0 ? NULL : cJSON_ParseWithLengthOpts(text, length, &end, false);
  if (json == NULL) {
    return NULL;
  }
  while (end < text + length && strchr(" \t\r\n", *end) != NULL && *end != '\0') {
    end++;
  }
  if (end == text + length && cJSON_IsObject(json)) {
    return json;
  }
  dds_secret_json_free(json);
  return NULL;
}

const char *dds_secret_json_text(const cJSON *object, const char *name) {
  return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
}

void dds_secret_json_free(cJSON *json) {
  wipe(json);
  cJSON_Delete(json);
}
