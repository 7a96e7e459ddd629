/*
 * Instance metadata: first a session token is asked for, then what is wanted. Whether there is a
 * service at all shows in the first of these requests: where it finds nobody, none follows.
 */
#include "aws/imds.h"

#include <string.h>

#include "base/utf8.h"

enum { URL_LIMIT_BYTES = 4096, TOKEN_LIMIT_BYTES = 4096, LINE_LIMIT_BYTES = 4096 };

#define TOKEN_PATH "/latest/api/token"
#define REMEDY     "; AWS_EC2_METADATA_DISABLED=true skips instance metadata"

dds_imds dds_imds_begin(dds_fetcher *fetcher, const dds_config *config) {
  return (dds_imds){
      .fetcher = fetcher, .config = config, .token = DDS_BUFFER_INIT_SECRET(TOKEN_LIMIT_BYTES)};
}

void dds_imds_end(dds_imds *imds) {
  dds_buffer_free(&imds->token);
}

/* One request; `header` may be NULL. */
static bool fetch(dds_imds *imds, const char *method, const char *path, const char *operation,
                  const dds_http_header *header, dds_fetch_answer *answer, dds_error *error) {
  const dds_config *config = imds->config;
  const char *token = dds_buffer_text(&imds->token);
  dds_buffer url = DDS_BUFFER_INIT(URL_LIMIT_BYTES);
  dds_buffer_append_format(&url, "%s%s", config->imds_endpoint, path);
  bool is_answered = dds_buffer_check(&url, error);
  if (is_answered) {
    const dds_fetch_request request = {
        .service = "the instance metadata service",
        .operation = operation,
        .words = path,
        .method = method,
        .url = dds_buffer_text(&url),
        .headers = header,
        .header_count = header == NULL ? 0 : 1,
        .secrets = &token,
        .secret_count = 1,
        .connect_timeout_ms = config->imds_timeout_ms,
        .request_timeout_ms = config->imds_timeout_ms,
        .max_attempts = config->imds_max_attempts,
        .bypass_proxy = true,
    };
    is_answered = dds_fetch(imds->fetcher, &request, answer, error);
    imds->has_answered = imds->has_answered || answer->status != 0;
  }
  dds_buffer_free(&url);
  return is_answered;
}

static bool take_token(dds_imds *imds, const dds_buffer *body, dds_error *error) {
  dds_buffer_append(&imds->token, body->data, body->length);
  if (!dds_buffer_check(&imds->token, error)) {
    return false;
  }
  const char *token = dds_buffer_text(&imds->token);
  if (token[0] != '\0' && strlen(token) == imds->token.length && !dds_utf8_has_control(token)) {
    return true;
  }
  return dds_error_set(error, DDS_AUTH,
                       "%s answers with something else than a session token: is it another "
                       "service?" REMEDY,
                       imds->config->imds_endpoint);
}

/* A failure that says nothing of the service. */
static bool is_local(const dds_error *failure) {
  return failure->attempts == 0 || failure->code == DDS_NOMEM || failure->code == DDS_INTERRUPT;
}

/* What a request for a token that failed means: version 1, nothing there, or an error. */
static bool do_without_token(const dds_imds *imds, const dds_fetch_answer *answer,
                             dds_error *failure, bool *is_absent, dds_error *error) {
  if (is_local(failure)) {
    return dds_error_pass_on(error, failure);
  }
  if (answer->is_unreachable) {
    *is_absent = true;
    return false;
  }
  if (answer->status == 400) {
    dds_error_append(failure, REMEDY);
    return dds_error_pass_on(error, failure);
  }
  if (imds->config->imds_v1_is_disabled) {
    dds_error_append(failure, "; this is version 2 of instance metadata, and version 1 is disabled "
                              "by AWS_EC2_METADATA_V1_DISABLED or ec2_metadata_v1_disabled");
    return dds_error_pass_on(error, failure);
  }
  return true;
}

static bool ask_token(dds_imds *imds, bool *is_absent, dds_error *error) {
  /* Six hours, the longest that there is: the figure of the SDKs. */
  static const dds_http_header lifetime = {"x-aws-ec2-metadata-token-ttl-seconds", "21600"};
  dds_error failure = DDS_ERROR_INIT;
  dds_fetch_answer answer = {0};
  if (imds->has_asked_token) {
    return true;
  }
  bool is_answered =
      fetch(imds, "PUT", TOKEN_PATH, "GetMetadataToken", &lifetime, &answer, &failure);
  bool may_go_on = is_answered ? take_token(imds, &answer.body, error)
                               : do_without_token(imds, &answer, &failure, is_absent, error);
  imds->has_asked_token = may_go_on;
  dds_fetch_answer_free(&answer);
  return may_go_on;
}

/* What a failed request for data means: nothing there, or an error. */
static bool do_without_data(const dds_imds *imds, const dds_fetch_answer *answer,
                            dds_error *failure, bool *is_absent, dds_error *error) {
  /* 403 is the answer of an instance whose metadata options switch the service off. */
  *is_absent = !is_local(failure) && (answer->status == 404 || answer->status == 403 ||
                                      (answer->status == 0 && !imds->has_answered));
  if (*is_absent) {
    return false;
  }
  if (answer->status == 401 && imds->token.length == 0) {
    dds_error_append(failure,
                     "; the instance demands a session token and gave none: in a container, raise "
                     "the hop limit of the instance's metadata options to 2");
  } else if (!is_local(failure)) {
    dds_error_append(failure, REMEDY);
  }
  return dds_error_pass_on(error, failure);
}

bool dds_imds_read(dds_imds *imds, const char *path, const char *operation, dds_buffer *text,
                   bool *is_absent, dds_error *error) {
  *is_absent = imds->config->imds_is_disabled;
  if (*is_absent || !ask_token(imds, is_absent, error)) {
    return false;
  }
  dds_error failure = DDS_ERROR_INIT;
  dds_fetch_answer answer = {0};
  const dds_http_header token = {"x-aws-ec2-metadata-token", dds_buffer_text(&imds->token)};
  bool is_read = fetch(imds, "GET", path, operation, imds->token.length == 0 ? NULL : &token,
                       &answer, &failure);
  if (!is_read) {
    do_without_data(imds, &answer, &failure, is_absent, error);
  } else if (answer.body.length == 0) {
    *is_absent = true;
    is_read = false;
  } else {
    dds_buffer_append(text, answer.body.data, answer.body.length);
    is_read = dds_buffer_check(text, error);
  }
  dds_fetch_answer_free(&answer);
  return is_read;
}

/* Takes the end of the line off; false where what is left is not one line of text. */
static bool trim_line(dds_buffer *line) {
  while (line->length > 0 && strchr("\r\n", line->data[line->length - 1]) != NULL) {
    line->data[--line->length] = '\0';
  }
  const char *text = dds_buffer_text(line);
  return text[0] != '\0' && strlen(text) == line->length && !dds_utf8_has_control(text) &&
         dds_utf8_is_valid(text, line->length);
}

bool dds_imds_get(dds_fetcher *fetcher, const dds_config *config, const char *path,
                  const char *operation, dds_buffer *text, bool *is_absent, dds_error *error) {
  dds_imds imds = dds_imds_begin(fetcher, config);
  dds_buffer line = DDS_BUFFER_INIT(LINE_LIMIT_BYTES);
  bool is_read = dds_imds_read(&imds, path, operation, &line, is_absent, error);
  if (is_read && !trim_line(&line)) {
    is_read = dds_error_set(error, DDS_ERROR,
                            "%s of the instance metadata service at %s is not one line of text: is "
                            "it another service?" REMEDY,
                            path, config->imds_endpoint);
  }
  if (is_read) {
    dds_buffer_append(text, line.data, line.length);
    is_read = dds_buffer_check(text, error);
  }
  dds_buffer_free(&line);
  dds_imds_end(&imds);
  return is_read;
}
