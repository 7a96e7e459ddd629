/*
 * Credentials that a program prints (SDKs and Tools Reference Guide, "Process credential
 * provider"). The command is split into words as the AWS CLI does, by the rules of Python's
 * shlex.split, and no shell sees it.
 *
 * What the program writes to its standard error may hold anything: a message shows the beginning of
 * it, unless it repeats the output, and without words that look like keys.
 */
#include <string.h>

#include "aws/credentials_chain.h"
#include "aws/credentials_json.h"
#include "aws/echo.h"
#include "aws/secret_json.h"
#include "base/alloc.h"
#include "base/buffer.h"

enum {
  COMMAND_LIMIT_BYTES = 1024 * 1024,
  OUTPUT_LIMIT_BYTES = 1024 * 1024,
  MESSAGE_LIMIT_BYTES = 4096,
  SHOWN_BYTES = 200,
  KEY_BYTES = 32, /* words of so many characters, of all kinds, are taken for keys */
  WORDS_LIMIT_BYTES = 1024,
};

/* ---- the command ---------------------------------------------------------------------------- */

/*
 * Appends the words, each with a NUL behind it. Quotes of both kinds hold white space; a backslash
 * takes the next character as it is, between double quotes only `"` and itself, between single
 * quotes nothing. False where a quote is not closed or nothing stands behind a backslash.
 */
static bool split(const char *command, dds_buffer *words, size_t *count) {
  char quote = '\0';
  bool is_in_word = false;
  *count = 0;
  for (const char *at = command; *at != '\0'; at++) {
    bool is_blank = strchr(" \t\r\n", *at) != NULL;
    if (quote == '\0' && is_blank) {
      if (is_in_word) {
        dds_buffer_append_char(words, '\0');
        ++*count;
      }
      is_in_word = false;
      continue;
    }
    is_in_word = true;
    if (*at == quote) {
      quote = '\0';
    } else if (quote == '\0' && (*at == '"' || *at == '\'')) {
      quote = *at;
    } else if (*at == '\\' && quote != '\'') {
      at++;
      if (*at == '\0') {
        return false;
      }
      if (quote == '"' && *at != '"' && *at != '\\') {
        dds_buffer_append_char(words, '\\');
      }
      dds_buffer_append_char(words, *at);
    } else {
      dds_buffer_append_char(words, *at);
    }
  }
  if (is_in_word) {
    dds_buffer_append_char(words, '\0');
    ++*count;
  }
  return quote == '\0';
}

static bool run_words(const dds_credentials_context *context, const dds_buffer *words, size_t count,
                      dds_process_result *result, dds_error *error) {
  const dds_environment *environment = context->environment;
  const char **arguments = dds_alloc((count + 1) * sizeof *arguments);
  if (arguments == NULL) {
    return dds_error_set_nomem(error);
  }
  const char *word = dds_buffer_text(words);
  for (size_t i = 0; i < count; i++) {
    arguments[i] = word;
    word += strlen(word) + 1;
  }
  bool is_run = environment->run(environment->context, arguments,
                                 &context->fetcher->caller.transport->stop, result, error);
  dds_free(arguments);
  return is_run;
}

static bool run(const dds_credentials_context *context, const char *command,
                dds_process_result *result, dds_error *error) {
  dds_buffer words = DDS_BUFFER_INIT_SECRET(COMMAND_LIMIT_BYTES);
  size_t count;
  bool is_run = split(command, &words, &count) && count > 0;
  if (!is_run) {
    dds_error_set(error, DDS_AUTH, "a quote is not closed, or nothing stands behind a backslash");
  }
  is_run =
      is_run && dds_buffer_check(&words, error) && run_words(context, &words, count, result, error);
  dds_buffer_free(&words);
  return is_run;
}

/* ---- what it says --------------------------------------------------------------------------- */

/* Whether a run of characters looks like a key or a token: long, with letters of both cases and a
 * digit among them. */
static bool is_key_like(const char *run, size_t length) {
  bool has_upper = false, has_lower = false, has_digit = false;
  for (size_t i = 0; i < length; i++) {
    has_upper |= run[i] >= 'A' && run[i] <= 'Z';
    has_lower |= run[i] >= 'a' && run[i] <= 'z';
    has_digit |= run[i] >= '0' && run[i] <= '9';
  }
  return length >= KEY_BYTES && has_upper && has_lower && has_digit;
}

/* Appends a text as one line, with `***` in the place of what looks like a key. */
static void append_shown(dds_buffer *line, const char *text) {
  static const char key_characters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                       "0123456789+/=_-";
  while (*text != '\0') {
    size_t length = strspn(text, key_characters);
    bool is_gap = (unsigned char)*text <= ' ' || *text == 0x7F;
    if (is_key_like(text, length)) {
      dds_buffer_append_text(line, "***");
    } else if (length > 0) {
      dds_buffer_append(line, text, length);
    } else if (!is_gap) {
      dds_buffer_append_char(line, *text);
    } else if (line->length > 0 && line->data[line->length - 1] != ' ') {
      dds_buffer_append_char(line, ' ');
    }
    text += length > 0 ? length : 1;
  }
}

/* Takes the blank from its end; cuts a long line before a character of UTF-8, and says so. */
static void trim(dds_buffer *line) {
  size_t length = SHOWN_BYTES;
  if (line->length > 0 && line->data[line->length - 1] == ' ') {
    line->data[--line->length] = '\0';
  }
  if (line->length <= length) {
    return;
  }
  while (length > 0 && ((unsigned char)line->data[length] & 0xC0) == 0x80) {
    length--;
  }
  line->data[length] = '\0';
  line->length = length;
  dds_buffer_append_text(line, "…");
}

/* Adds the beginning of what it wrote to its standard error, where that may be shown. */
static void append_message(const dds_process_result *result, dds_error *error) {
  const char *const secrets[] = {dds_buffer_text(&result->output)};
  const dds_echo_request echo = {.secrets = secrets, .secret_count = 1};
  dds_buffer line = DDS_BUFFER_INIT_SECRET(2 * MESSAGE_LIMIT_BYTES);
  dds_error failure = DDS_ERROR_INIT;
  append_shown(&line, dds_buffer_text(&result->message));
  trim(&line);
  if (!dds_buffer_check(&line, &failure)) {
    *error = failure;
  } else if (line.length > 0 &&
             (strlen(secrets[0]) != result->output.length || dds_echo_is_in(&echo, line.data))) {
    dds_error_append(error, "; its message is not shown, because it may repeat its output");
  } else if (line.length > 0) {
    dds_error_append(error, ": %s", line.data);
  }
  dds_buffer_free(&line);
}

static bool read_output(const dds_credentials_context *context, const dds_process_result *result,
                        const char *source, dds_credentials *credentials, dds_error *error) {
  static const dds_credentials_members members = {
      .access_key_id = "AccessKeyId",
      .secret_access_key = "SecretAccessKey",
      .session_token = "SessionToken",
      .expiration = "Expiration",
      .account_id = "AccountId",
      .may_last = true,
  };
  const dds_buffer *output = &result->output;
  cJSON *json = dds_secret_json_parse(dds_buffer_text(output), output->length);
  const cJSON *version = cJSON_GetObjectItemCaseSensitive(json, "Version");
  bool is_read = false;
  if (json == NULL) {
    dds_error_set(error, DDS_AUTH, "%s printed no JSON object", source);
    append_message(result, error);
  } else if (!cJSON_IsNumber(version) || version->valuedouble != 1) {
    dds_error_set(error, DDS_AUTH, "%s printed JSON without \"Version\": 1", source);
  } else {
    is_read = dds_credentials_read_json(json, &members,
                                        dds_credentials_property(context, "aws_account_id"), source,
                                        credentials, error);
  }
  dds_secret_json_free(json);
  return is_read;
}

static bool find(const dds_credentials_context *context, const char *command, const char *source,
                 dds_credentials *credentials, dds_error *error) {
  dds_process_result result = {.output = DDS_BUFFER_INIT_SECRET(OUTPUT_LIMIT_BYTES),
                               .message = DDS_BUFFER_INIT_SECRET(MESSAGE_LIMIT_BYTES)};
  bool is_found = run(context, command, &result, error);
  if (!is_found) {
    dds_error_prefix(error, "%s: ", source);
  } else if (result.exit_status != 0) {
    is_found =
        dds_error_set(error, DDS_AUTH, "%s failed with exit status %d", source, result.exit_status);
    append_message(&result, error);
  } else {
    is_found = read_output(context, &result, source, credentials, error);
  }
  dds_buffer_free(&result.output);
  dds_buffer_free(&result.message);
  return is_found;
}

dds_credentials_result dds_credentials_process_find(const dds_credentials_context *context,
                                                    dds_credentials *credentials,
                                                    dds_error *error) {
  const char *command = dds_credentials_property(context, "credential_process");
  dds_buffer source = DDS_BUFFER_INIT(WORDS_LIMIT_BYTES);
  if (command == NULL) {
    return DDS_CREDENTIALS_ABSENT;
  }
  dds_buffer_append_format(&source, "credential_process of profile %s", context->profile);
  bool is_found = dds_buffer_check(&source, error);
  if (is_found && context->fetcher == NULL) {
    is_found = dds_credentials_set_unknown(
        credentials, dds_credentials_property(context, "aws_account_id"), source.data, error);
  } else if (is_found) {
    is_found = find(context, command, source.data, credentials, error);
  }
  if (is_found) {
    credentials->remedy = "its program gives none that are newer: run it by hand to see why";
  }
  dds_buffer_free(&source);
  return is_found ? DDS_CREDENTIALS_FOUND : DDS_CREDENTIALS_FAILED;
}
