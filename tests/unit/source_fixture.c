/* Sources of credentials over a script. */
#include "source_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "failing_allocator.h"

static const char mark[] = "secret-of-";

static bool asked(void *context) {
  source_fixture *f = context;
  return ++f->stop_calls == f->stop_at;
}

static void note(void *context, const dds_record *record) {
  source_fixture *f = context;
  size_t used = strlen(f->log);
  snprintf(f->log + used, sizeof f->log - used, "%s %s %s\n", record->operation,
           record->words == NULL ? "" : record->words, record->error == NULL ? "" : record->error);
}

void source_fixture_set(char **slot, const char *text) {
  dds_free(*slot);
  *slot = dds_alloc_copy(text, strlen(text));
  assert_non_null(*slot);
}

void source_fixture_open(source_fixture *f, const char *config_file,
                         const source_step steps[SOURCE_STEPS]) {
  dds_error error = DDS_ERROR_INIT;
  *f = (source_fixture){0};
  fake_environment_init(&f->environment);
  if (config_file != NULL) {
    fake_environment_add_file(&f->environment, "~/.aws/config", config_file);
  }
  assert_true(dds_profiles_load(&f->environment.base, &f->profiles, &error));
  const dds_stop stop = {.asked = asked, .context = f};
  f->script = scripted_transport_create(&stop);
  for (size_t i = 0; i < SOURCE_STEPS && (steps[i].status != 0 || steps[i].failure != 0); i++) {
    const scripted_answer answer = {.failure = steps[i].failure,
                                    .failure_message = "scripted failure",
                                    .status = steps[i].status,
                                    .body = steps[i].body,
                                    .crc32 = ""};
    scripted_transport_answer_with(f->script, &answer);
  }
  f->observer = (dds_observer){note, f};
  assert_true(
      dds_fetcher_init(&f->fetcher, scripted_transport_base(f->script), &f->observer, &error));
  f->config = (dds_config){
      .service_max_attempts = 2,
      .connect_timeout_ms = 3100,
      .request_timeout_ms = 60000,
      .imds_timeout_ms = 1000,
      .imds_max_attempts = 1,
  };
  source_fixture_set(&f->config.profile, "p");
  source_fixture_set(&f->config.imds_endpoint, "http://169.254.169.254");
  f->context = (dds_credentials_context){
      .config = &f->config,
      .environment = &f->environment.base,
      .profiles = f->profiles,
      .fetcher = &f->fetcher,
      .region = "us-east-1",
      .profile = "p",
      .now_ms = scripted_transport_now(f->script),
  };
}

static bool is_usual(const char *name) {
  static const char *const usual[] = {"Host", "User-Agent", "Accept-Encoding",
                                      "amz-sdk-invocation-id", "amz-sdk-request"};
  for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++) {
    if (strcasecmp(name, usual[i]) == 0) {
      return true;
    }
  }
  return false;
}

void source_fixture_expect_requests(const source_fixture *f, const char *expected) {
  char text[8192] = "";
  size_t used = 0;
  for (size_t i = 0; i < scripted_transport_request_count(f->script); i++) {
    const scripted_request *request = scripted_transport_request(f->script, i);
    used +=
        (size_t)snprintf(text + used, sizeof text - used, "%s %s\n", request->method, request->url);
    for (size_t j = 0; j < request->header_count; j++) {
      if (!is_usual(request->header_names[j])) {
        used += (size_t)snprintf(text + used, sizeof text - used, "%s: %s\n",
                                 request->header_names[j], request->header_values[j]);
      }
    }
    used += (size_t)snprintf(text + used, sizeof text - used, "\n%s%s", request->body,
                             request->body_length > 0 ? "\n" : "");
    assert_in_range(used, 1, sizeof text - 1);
  }
  assert_string_equal(text, expected);
}

static const char *or_dash(const char *text) {
  return text == NULL ? "-" : text;
}

void source_fixture_describe(const dds_credentials *credentials, char *text, size_t size_bytes) {
  snprintf(text, size_bytes, "%s|%s|%s|%s|%" PRId64 "|%s", or_dash(credentials->access_key_id),
           or_dash(credentials->secret_access_key), or_dash(credentials->session_token),
           or_dash(credentials->account_id), credentials->expires_ms / 1000,
           or_dash(credentials->source));
}

void source_fixture_close(source_fixture *f) {
  char message[DDS_ERROR_TEXT_BYTES];
  dds_error_format(&f->error, message, sizeof message);
  if (strstr(message, mark) != NULL || strstr(f->error.service_code, mark) != NULL) {
    fail_msg("the error holds a secret: %s", message);
  }
  if (strstr(f->log, mark) != NULL) {
    fail_msg("the log holds a secret: %s", f->log);
  }
  assert_int_equal(scripted_transport_open_exchanges(f->script), 0);
  for (size_t i = 0; i < scripted_transport_request_count(f->script); i++) {
    assert_true(scripted_transport_request(f->script, i)->is_secret);
  }
  dds_credentials_free(&f->credentials);
  dds_config_free(&f->config);
  dds_profiles_free(f->profiles);
  scripted_transport_destroy(f->script);
}

void source_fixture_refuse_allocations(void (*open)(source_fixture *f),
                                       dds_credentials_source *source) {
  while (failing_allocator_next()) {
    source_fixture f;
    open(&f);
    failing_allocator_start();
    dds_credentials_result result = source(&f.context, &f.credentials, &f.error);
    failing_allocator_check(result == DDS_CREDENTIALS_FOUND, &f.error);
    assert_true(result != DDS_CREDENTIALS_ABSENT);
    source_fixture_close(&f);
  }
}

/* A block with its size before it, so that a release can look at what is in it. */
typedef union block {
  size_t size;
  max_align_t alignment;
} block;

static size_t released, released_with_mark;

/* Zeroed, so that what is found in it was put there. */
static void *allocate(size_t size) {
  block *memory = calloc(1, sizeof *memory + size);
  if (memory == NULL) {
    abort();
  }
  memory->size = size;
  return memory + 1;
}

static void release(void *bytes) {
  block *memory = (block *)bytes - 1;
  if (bytes == NULL) {
    return;
  }
  released++;
  for (size_t i = 0; i + sizeof mark <= memory->size + 1; i++) {
    if (memcmp((const char *)bytes + i, mark, sizeof mark - 1) == 0) {
      released_with_mark++;
      break;
    }
  }
  free(memory);
}

static void *reallocate(void *bytes, size_t size) {
  void *moved = allocate(size);
  if (bytes != NULL) {
    size_t old_size = ((block *)bytes - 1)->size;
    memcpy(moved, bytes, old_size < size ? old_size : size);
    release(bytes);
  }
  return moved;
}

void source_fixture_check_wiping(void (*open)(source_fixture *f), dds_credentials_source *source) {
  static const dds_allocator watching = {allocate, reallocate, release};
  cJSON_Hooks hooks = {allocate, release};
  source_fixture f;
  released = 0;
  released_with_mark = 0;
  dds_alloc_use(&watching);
  cJSON_InitHooks(&hooks);
  open(&f);
  assert_int_equal(source(&f.context, &f.credentials, &f.error), DDS_CREDENTIALS_FOUND);
  source_fixture_close(&f);
  cJSON_InitHooks(NULL);
  failing_allocator_install();
  assert_in_range(released, 10, 1000);
  assert_int_equal(released_with_mark, 0);
}
