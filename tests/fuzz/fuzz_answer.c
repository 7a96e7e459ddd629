/*
 * Answers of services: the first byte of an input chooses status and form, the rest is the body.
 * The request held a secret, which no error may repeat however the body quotes it.
 */
#include <stdbool.h>
#include <string.h>

#include "aws/answer.h"
#include "base/utf8.h"
#include "fuzz.h"

enum { BODY_BYTES = 1 << 14 };

/* Letters and digits alone: the run of them that no error may share. */
static const char secret[] = "SecretOfTheAnswersRequest";

static void read(const dds_exchange *exchange, dds_answer_form form, dds_answer *answer,
                 dds_error *error) {
  static const char *const secrets[] = {NULL, secret};
  const dds_answer_context context = {
      .form = form,
      .service = "DynamoDB",
      .endpoint = "http://localhost:8000",
      .credential_source = "environment",
      .request = {.secrets = secrets, .secret_count = 2, .body = "{}", .body_length = 2},
  };
  dds_answer_read(exchange, &context, answer, error);
}

static void check_text(const char *text) {
  HOLDS(dds_utf8_is_valid(text, strlen(text)));
  HOLDS(strstr(text, secret) == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const int statuses[] = {200, 400, 403, 404, 413, 500, 503, 302};
  dds_exchange exchange = {.body = DDS_BUFFER_INIT(BODY_BYTES)};
  dds_answer answer = {0}, again = {0};
  dds_error error = DDS_ERROR_INIT, error_again = DDS_ERROR_INIT;
  char text[DDS_ERROR_TEXT_BYTES];
  if (size == 0 || size > BODY_BYTES / 2) {
    return 0;
  }
  dds_answer_form form = data[0] % 16 < 8 ? DDS_ANSWER_AWS_JSON : DDS_ANSWER_ANY;
  exchange.status = statuses[data[0] % 8];
  dds_buffer_append(&exchange.body, (const char *)data + 1, size - 1);

  read(&exchange, form, &answer, &error);
  HOLDS(exchange.status == 200 || error.code != DDS_OK);
  check_text(error.message);
  check_text(error.service_code);
  dds_error_format(&error, text, sizeof text);
  check_text(text);
  HOLDS(!answer.is_garbled || (exchange.status == 200 && error.code != DDS_OK));

  read(&exchange, form, &again, &error_again);
  HOLDS(again.retry == answer.retry && error_again.code == error.code);
  HOLDS(strcmp(error_again.message, error.message) == 0);
  dds_buffer_free(&exchange.body);
  return 0;
}
