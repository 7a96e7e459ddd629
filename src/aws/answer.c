/*
 * Reading answers. A success is only looked at from outside (checksum, braces): its page is parsed
 * once, by dynamodb/. An error's body is small and is parsed here, with cJSON.
 */
#include "aws/answer.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

enum { MESSAGE_BYTES = 512, CONTENT_TYPE_BYTES = 48 };

/* Errors of a service that have another code than DDS_ERROR, or a remedy that is known here. */
typedef struct service_error {
  const char *code;
  dds_code result;
  bool hides_message; /* it may repeat signed headers */
  const char *remedy;
} service_error;

#define REMEDY_UNKNOWN_KEY                                                                  \
  "the access key id is unknown there, or its session token is missing or wrong: `aws sts " \
  "get-caller-identity` tells whether the keys work"
#define REMEDY_SIGNATURE \
  "the secret access key does not belong to the access key id, or this machine's clock is wrong"
#define REMEDY_EXPIRED                                                  \
  "the session token has expired: get new credentials, for example by " \
  "`eval \"$(aws configure export-credentials --format env)\"`"
#define REMEDY_DENIED "ask for an IAM policy that allows it"

static const service_error service_errors[] = {
    {"UnrecognizedClientException", DDS_AUTH, false, REMEDY_UNKNOWN_KEY},
    {"InvalidClientTokenId", DDS_AUTH, false, REMEDY_UNKNOWN_KEY},
    {"MissingAuthenticationToken", DDS_AUTH, true, REMEDY_UNKNOWN_KEY},
    {"MissingAuthenticationTokenException", DDS_AUTH, true, REMEDY_UNKNOWN_KEY},
    {"InvalidSignatureException", DDS_AUTH, true, REMEDY_SIGNATURE},
    {"SignatureDoesNotMatch", DDS_AUTH, true, REMEDY_SIGNATURE},
    {"IncompleteSignature", DDS_AUTH, true, REMEDY_SIGNATURE},
    {"IncompleteSignatureException", DDS_AUTH, true, REMEDY_SIGNATURE},
    {"AuthFailure", DDS_AUTH, true, REMEDY_SIGNATURE},
    {"RequestTimeTooSkewed", DDS_AUTH, true, REMEDY_SIGNATURE},
    {"RequestExpired", DDS_AUTH, true, REMEDY_SIGNATURE},
    {"ExpiredToken", DDS_AUTH, true, REMEDY_EXPIRED},
    {"ExpiredTokenException", DDS_AUTH, true, REMEDY_EXPIRED},
    {"AccessDenied", DDS_AUTH, false, REMEDY_DENIED},
    {"AccessDeniedException", DDS_AUTH, false, REMEDY_DENIED},
};

static const service_error *find_service_error(const char *code) {
  for (size_t i = 0; i < sizeof service_errors / sizeof service_errors[0]; i++) {
    if (strcmp(code, service_errors[i].code) == 0) {
      return &service_errors[i];
    }
  }
  return NULL;
}

static bool is_json_space(char byte) {
  return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r';
}

/* Whether the body can be a whole JSON object. */
static bool looks_like_object(const dds_buffer *body) {
  size_t first = 0, last = body->length;
  while (first < last && is_json_space(body->data[first])) {
    first++;
  }
  while (last > first && is_json_space(body->data[last - 1])) {
    last--;
  }
  return last - first >= 2 && body->data[first] == '{' && body->data[last - 1] == '}';
}

/* A header's number, or -1 where it is not one. */
static int64_t read_number(const char *text) {
  char *end;
  if (text[0] < '0' || text[0] > '9') {
    return -1;
  }
  long long number = strtoll(text, &end, 10);
  return *end == '\0' ? number : -1;
}

static bool has_wrong_checksum(const dds_exchange *exchange) {
  int64_t expected = read_number(exchange->crc32);
  return expected >= 0 && expected != dds_hash_crc32(exchange->body.data, exchange->body.length);
}

static void read_failure(const dds_exchange *exchange, const char *endpoint, dds_answer *answer,
                         dds_error *error) {
  const char *reason = exchange->failure_message;
  switch (exchange->failure) {
  case DDS_HTTP_NOT_SENT:
    answer->retry = DDS_RETRY_TRANSIENT;
    dds_error_set(error, DDS_ERROR, "Could not connect to the endpoint URL: \"%s\" (%s)", endpoint,
                  reason);
    break;
  case DDS_HTTP_INTERRUPTED:
    answer->retry = DDS_RETRY_TRANSIENT;
    dds_error_set(error, DDS_ERROR, "no whole answer from \"%s\" (%s)", endpoint, reason);
    break;
  default:
    dds_error_set(error, DDS_ERROR, "the request to \"%s\" failed: %s", endpoint, reason);
  }
}

static bool is_code_byte(char byte) {
  return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
         (byte >= 'a' && byte <= 'z') || byte == '.' || byte == '_';
}

/* "com.amazon.coral.service#SlowDown:http://…" is SlowDown. False, and "", where it is no code. */
static bool copy_code(char code[DDS_ERROR_CODE_BYTES], const char *type) {
  size_t length = strcspn(type, ":");
  for (size_t i = length; i > 0; i--) {
    if (type[i - 1] == '#') {
      type += i;
      length -= i;
      break;
    }
  }
  code[0] = '\0';
  if (length == 0 || length >= DDS_ERROR_CODE_BYTES) {
    return false;
  }
  for (size_t i = 0; i < length; i++) {
    if (!is_code_byte(type[i])) {
      return false;
    }
  }
  memcpy(code, type, length);
  code[length] = '\0';
  return true;
}

static const char *get_text(const cJSON *object, const char *name) {
  const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
  return text == NULL ? "" : text;
}

/* One line of text. */
static void copy_message(char message[MESSAGE_BYTES], const char *text, size_t length) {
  size_t used = 0;
  for (size_t i = 0; i < length && used < MESSAGE_BYTES - 1; i++) {
    unsigned char byte = (unsigned char)text[i];
    bool is_gap = byte <= ' ' || byte == 0x7F;
    if (is_gap && (used == 0 || message[used - 1] == ' ')) {
      continue;
    }
    message[used++] = is_gap ? ' ' : text[i];
  }
  while (used > 0 && message[used - 1] == ' ') {
    used--;
  }
  message[used] = '\0';
}

/* Whether a cancelled transaction met other writers and nothing else: then it is worth a retry. */
static bool is_conflict_alone(const cJSON *body) {
  const cJSON *reasons = cJSON_GetObjectItemCaseSensitive(body, "CancellationReasons");
  const cJSON *reason;
  bool has_conflict = false;
  cJSON_ArrayForEach(reason, reasons) {
    const char *code = get_text(reason, "Code");
    if (strcmp(code, "TransactionConflict") == 0) {
      has_conflict = true;
    } else if (strcmp(code, "None") != 0 && code[0] != '\0') {
      return false;
    }
  }
  return has_conflict;
}

/* The body as JSON to its last byte, or NULL; released by cJSON_Delete. */
static cJSON *parse_body(const dds_buffer *body) {
  const char *end = NULL;
  if (body->length == 0) {
    return NULL;
  }
  cJSON *json = cJSON_ParseWithLengthOpts(body->data, body->length, &end, false);
  if (json == NULL) {
    return NULL;
  }
  while (end < body->data + body->length && is_json_space(*end)) {
    end++;
  }
  if (end == body->data + body->length && cJSON_IsObject(json)) {
    return json;
  }
  cJSON_Delete(json);
  return NULL;
}

/* "text/html" of "text/html; charset=utf-8"; "" where there is none, or it is not one. */
static void copy_content_type(char type[CONTENT_TYPE_BYTES], const dds_exchange *exchange,
                              const dds_echo_request *request) {
  size_t length = strcspn(exchange->content_type, "; ");
  type[0] = '\0';
  if (length >= CONTENT_TYPE_BYTES || dds_echo_is_in(request, exchange->content_type)) {
    return;
  }
  memcpy(type, exchange->content_type, length);
  type[length] = '\0';
}

/* What a proxy, a firewall or a gateway says is not quoted: it may say anything. */
static void set_foreign_error(const dds_exchange *exchange, const dds_answer_context *context,
                              dds_error *error) {
  char type[CONTENT_TYPE_BYTES];
  if (exchange->body.length == 0) {
    dds_error_set(error, DDS_ERROR, "HTTP status %d without a message", exchange->status);
    return;
  }
  copy_content_type(type, exchange, &context->request);
  dds_error_set(error, DDS_ERROR,
                "an answer that is not DynamoDB's (HTTP %d, %s): is a proxy or another service "
                "between?",
                exchange->status, type[0] == '\0' ? "without a content type" : type);
}

static void set_service_error(const cJSON *body, const dds_answer_context *context,
                              dds_retry_kind retry, dds_error *error) {
  char message[MESSAGE_BYTES];
  const char *code = error->service_code;
  const service_error *known = find_service_error(code);
  dds_code result = known != NULL                   ? known->result
                    : retry == DDS_RETRY_THROTTLING ? DDS_BUSY
                                                    : DDS_ERROR;
  const char *text = get_text(body, "message");
  if (text[0] == '\0') {
    text = get_text(body, "Message");
  }
  copy_message(message, text, strlen(text));
  if (message[0] == '\0' || (known != NULL && known->hides_message)) {
    dds_error_set(error, result, "%s", code);
  } else if (dds_echo_is_in(&context->request, message)) {
    dds_error_set(error, result, "%s (its message is not shown: it repeats what was sent)", code);
  } else {
    dds_error_set(error, result, "%s: %s", code, message);
  }
  if (known != NULL) {
    dds_error_append(error, "; credentials of this request: %s; %s", context->credential_source,
                     known->remedy);
  }
}

static void read_error(const dds_exchange *exchange, const dds_answer_context *context,
                       dds_answer *answer, dds_error *error) {
  cJSON *body = parse_body(&exchange->body);
  char *code = error->service_code;
  bool is_service_error = body != NULL && copy_code(code, get_text(body, "__type")) &&
                          !dds_echo_is_in(&context->request, code);
  if (!is_service_error) {
    code[0] = '\0';
  }
  answer->retry = dds_retry_classify(exchange->status, code);
  if (strcmp(code, "TransactionCanceledException") == 0) {
    answer->retry = is_conflict_alone(body) ? DDS_RETRY_THROTTLING : DDS_RETRY_NEVER;
  }
  if (is_service_error) {
    set_service_error(body, context, answer->retry, error);
  } else {
    set_foreign_error(exchange, context, error);
  }
  cJSON_Delete(body);
}

void dds_answer_read(const dds_exchange *exchange, const dds_answer_context *context,
                     dds_answer *answer, dds_error *error) {
  *answer =
      (dds_answer){.retry = DDS_RETRY_NEVER, .retry_after_ms = read_number(exchange->retry_after)};
  if (exchange->body.failed == DDS_NOMEM) {
    dds_error_set_nomem(error);
  } else if (exchange->failure != DDS_HTTP_ANSWERED) {
    read_failure(exchange, context->endpoint, answer, error);
  } else if (has_wrong_checksum(exchange)) {
    answer->retry = DDS_RETRY_TRANSIENT;
    answer->is_garbled = exchange->status == 200;
    dds_error_set(error, DDS_ERROR, "the answer's CRC-32 is not the one that came with it");
  } else if (exchange->status != 200) {
    read_error(exchange, context, answer, error);
  } else if (!looks_like_object(&exchange->body)) {
    answer->retry = DDS_RETRY_TRANSIENT;
    answer->is_garbled = true;
    dds_error_set(error, DDS_ERROR,
                  "the answer is not JSON: is there an AWS endpoint or a captive portal at \"%s\"?",
                  context->endpoint);
  }
}
