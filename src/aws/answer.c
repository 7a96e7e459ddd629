/*
 * Reading answers. A success is only looked at from outside (checksum, braces): its page is parsed
 * once, by dynamodb/. An error's body is parsed here, if it is not larger than any that is real.
 */
#include "aws/answer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "aws/secret_json.h"
#include "aws/xml.h"

enum {
  MESSAGE_BYTES = 512,
  CONTENT_TYPE_BYTES = 48,
  XML_MESSAGE_LIMIT_BYTES = 64 * 1024,
  /* That of a cancelled transaction repeats items, 4 MB of them. cJSON's tree may be 40 times as
   * large as its text. */
  ERROR_LIMIT_BYTES = 16 * 1024 * 1024,
};

enum { NAMES_EACH = 4 };

/* Where an error has its code and its message: the first member that is there counts. */
static const struct {
  const char *code[NAMES_EACH];
  const char *message[NAMES_EACH];
} members[] = {
    [DDS_ANSWER_AWS_JSON] = {{"__type"}, {"message", "Message"}},
    /* OIDC has error and error_description (RFC 6749, section 5.2). */
    [DDS_ANSWER_ANY] = {{"__type", "code", "Code", "error"},
                        {"message", "Message", "error_description"}},
};

/* Errors of a service that have another code than DDS_ERROR, or a remedy that is known here. */
typedef struct service_error {
  const char *code;
  dds_code result;
  unsigned traits;
  const char *remedy;
} service_error;

enum {
  HIDES_MESSAGE = 1, /* it may repeat signed headers */
  REFUSES_KEYS = 2,  /* see dds_answer */
};

#define REMEDY_UNKNOWN_KEY                                                                  \
  "the access key id is unknown there, or its session token is missing or wrong: `aws sts " \
  "get-caller-identity` tells whether the keys work"
#define REMEDY_SIGNATURE \
  "the secret access key does not belong to the access key id, or this machine's clock is wrong"
#define REMEDY_EXPIRED                                                  \
  "the session token has expired: get new credentials, for example by " \
  "`eval \"$(aws configure export-credentials --profile NAME --format env)\"`"
#define REMEDY_DENIED "ask for an IAM policy that allows it"

static const service_error service_errors[] = {
    {"UnrecognizedClientException", DDS_AUTH, REFUSES_KEYS, REMEDY_UNKNOWN_KEY},
    {"InvalidClientTokenId", DDS_AUTH, REFUSES_KEYS, REMEDY_UNKNOWN_KEY},
    {"MissingAuthenticationToken", DDS_AUTH, HIDES_MESSAGE, REMEDY_UNKNOWN_KEY},
    {"MissingAuthenticationTokenException", DDS_AUTH, HIDES_MESSAGE, REMEDY_UNKNOWN_KEY},
    {"InvalidSignatureException", DDS_AUTH, HIDES_MESSAGE, REMEDY_SIGNATURE},
    {"SignatureDoesNotMatch", DDS_AUTH, HIDES_MESSAGE, REMEDY_SIGNATURE},
    {"IncompleteSignature", DDS_AUTH, HIDES_MESSAGE, REMEDY_SIGNATURE},
    {"IncompleteSignatureException", DDS_AUTH, HIDES_MESSAGE, REMEDY_SIGNATURE},
    {"AuthFailure", DDS_AUTH, HIDES_MESSAGE, REMEDY_SIGNATURE},
    {"RequestTimeTooSkewed", DDS_AUTH, HIDES_MESSAGE, REMEDY_SIGNATURE},
    {"RequestExpired", DDS_AUTH, HIDES_MESSAGE, REMEDY_SIGNATURE},
    {"ExpiredToken", DDS_AUTH, HIDES_MESSAGE | REFUSES_KEYS, REMEDY_EXPIRED},
    {"ExpiredTokenException", DDS_AUTH, HIDES_MESSAGE | REFUSES_KEYS, REMEDY_EXPIRED},
    {"AccessDenied", DDS_AUTH, 0, REMEDY_DENIED},
    {"AccessDeniedException", DDS_AUTH, 0, REMEDY_DENIED},
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
  return expected >= 0 && expected != exchange->body_crc32;
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

/* The first of these members that is a text, else "". */
static const char *find_text(const cJSON *object, const char *const names[NAMES_EACH]) {
  const char *text = NULL;
  for (size_t i = 0; i < NAMES_EACH && names[i] != NULL && text == NULL; i++) {
    text = dds_secret_json_text(object, names[i]);
  }
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
    const char *code = dds_secret_json_text(reason, "Code");
    if (code != NULL && strcmp(code, "TransactionConflict") == 0) {
      has_conflict = true;
    } else if (code != NULL && strcmp(code, "None") != 0 && code[0] != '\0') {
      return false;
    }
  }
  return has_conflict;
}

/* What a service says of an error; code "" where the body is not one of its errors. */
typedef struct service_words {
  char code[DDS_ERROR_CODE_BYTES];
  char message[MESSAGE_BYTES]; /* one line */
  bool is_conflict_alone;
} service_words;

static void read_json(const dds_buffer *body, dds_answer_form form, service_words *words) {
  size_t length = body->length <= ERROR_LIMIT_BYTES ? body->length : 0;
  cJSON *json = dds_secret_json_parse(dds_buffer_text(body), length);
  if (json != NULL && copy_code(words->code, find_text(json, members[form].code))) {
    const char *message = find_text(json, members[form].message);
    copy_message(words->message, message, strlen(message));
    words->is_conflict_alone = is_conflict_alone(json);
  }
  dds_secret_json_free(json);
}

/* <ErrorResponse><Error><Code>…</Code><Message>…</Message></Error></ErrorResponse>; false where
 * memory ran out. */
static bool read_xml(const dds_buffer *body, service_words *words, dds_error *error) {
  static const char *const code_path[] = {"Error", "Code"};
  static const char *const message_path[] = {"Error", "Message"};
  dds_buffer code = DDS_BUFFER_INIT_SECRET(DDS_ERROR_CODE_BYTES);
  dds_buffer message = DDS_BUFFER_INIT_SECRET(XML_MESSAGE_LIMIT_BYTES);
  const char *xml = dds_buffer_text(body);
  if (dds_xml_find(xml, body->length, code_path, 2, &code) &&
      dds_xml_find(xml, body->length, message_path, 2, &message)) {
    copy_message(words->message, dds_buffer_text(&message), message.length);
  }
  bool is_read =
      (code.failed != DDS_NOMEM && message.failed != DDS_NOMEM) || dds_error_set_nomem(error);
  if (code.failed != DDS_OK || !copy_code(words->code, dds_buffer_text(&code))) {
    words->message[0] = '\0';
  }
  dds_buffer_free(&message);
  dds_buffer_free(&code);
  return is_read;
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
                "an answer that is not %s's (HTTP %d, %s): is a proxy or another service between?",
                context->service, exchange->status,
                type[0] == '\0' ? "without a content type" : type);
}

static void set_service_error(const service_words *words, const dds_answer_context *context,
                              dds_answer *answer, dds_error *error) {
  const service_error *known = find_service_error(words->code);
  dds_code result = known != NULL                           ? known->result
                    : answer->retry == DDS_RETRY_THROTTLING ? DDS_BUSY
                                                            : DDS_ERROR;
  unsigned traits = known != NULL ? known->traits : 0;
  answer->refuses_keys = (traits & REFUSES_KEYS) != 0;
  memcpy(error->service_code, words->code, sizeof words->code);
  if (words->message[0] == '\0' || (traits & HIDES_MESSAGE) != 0) {
    dds_error_set(error, result, "%s", words->code);
  } else if (dds_echo_is_in(&context->request, words->message)) {
    dds_error_set(error, result, "%s (its message is not shown: it repeats what was sent)",
                  words->code);
  } else {
    dds_error_set(error, result, "%s: %s", words->code, words->message);
  }
  if (known != NULL && context->credential_source != NULL) {
    dds_error_append(error, "; credentials of this request: %s; %s", context->credential_source,
                     known->remedy);
  }
}

static dds_retry_kind classify(const dds_exchange *exchange, const dds_answer_context *context,
                               const service_words *words) {
  if (strcmp(words->code, "TransactionCanceledException") == 0) {
    return words->is_conflict_alone ? DDS_RETRY_THROTTLING : DDS_RETRY_NEVER;
  }
  for (size_t i = 0; i < context->retry_code_count; i++) {
    if (strcmp(words->code, context->retry_codes[i]) == 0) {
      return DDS_RETRY_TRANSIENT;
    }
  }
  return dds_retry_classify(exchange->status, words->code);
}

static void read_error(const dds_exchange *exchange, const dds_answer_context *context,
                       dds_answer *answer, dds_error *error) {
  service_words words = {0};
  read_json(&exchange->body, context->form, &words);
  if (words.code[0] == '\0' && context->form == DDS_ANSWER_ANY &&
      !read_xml(&exchange->body, &words, error)) {
    return;
  }
  if (dds_echo_is_in(&context->request, words.code)) {
    words.code[0] = '\0';
  }
  answer->retry = classify(exchange, context, &words);
  if (words.code[0] != '\0') {
    set_service_error(&words, context, answer, error);
  } else {
    set_foreign_error(exchange, context, error);
  }
}

void dds_answer_read(const dds_exchange *exchange, const dds_answer_context *context,
                     dds_answer *answer, dds_error *error) {
  *answer = (dds_answer){
      .retry = DDS_RETRY_NEVER,
      .retry_after_ms = read_number(exchange->retry_after),
      .hides_request_id = dds_echo_is_in(&context->request, exchange->request_id),
  };
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
  } else if (context->form == DDS_ANSWER_AWS_JSON && !looks_like_object(&exchange->body)) {
    answer->retry = DDS_RETRY_TRANSIENT;
    answer->is_garbled = true;
    dds_error_set(error, DDS_ERROR,
                  "the answer is not JSON: is there an AWS endpoint or a captive portal at \"%s\"?",
                  context->endpoint);
  }
}
