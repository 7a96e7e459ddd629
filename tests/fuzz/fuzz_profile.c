/* Profile files: any bytes as a config and as a credentials file. */
#include <stdbool.h>
#include <string.h>

#include "aws/profile.h"
#include "base/buffer.h"
#include "fuzz.h"

enum { ANSWER_BYTES = 1 << 22, TEXT_BYTES = 1 << 18 };

/* Words of the seeds, so that questions have answers. */
static const char *const sections[] = {"default", "prod", "my-sso", "local"};
static const char *const properties[] = {"region", "role_arn", "sso_region",           "x", "x.k",
                                         "X.L",    "no!t",     "dynamodb.endpoint_url"};
static const dds_section_kind kinds[] = {DDS_SECTION_PROFILE, DDS_SECTION_SSO_SESSION,
                                         DDS_SECTION_SERVICES};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static bool is_blank(char byte) {
  return byte == ' ' || byte == '\t';
}

/* A value never begins or ends with a blank, nor does any line of it. */
static void check_value(const char *value) {
  size_t length = strlen(value);
  for (size_t i = 0; i < length; i++) {
    bool is_first = i == 0 || value[i - 1] == '\n';
    bool is_last = i + 1 == length || value[i + 1] == '\n';
    HOLDS(!(is_blank(value[i]) && (is_first || is_last)));
  }
}

/* The credentials file's answer goes before the config file's. */
static void check_question(const dds_profiles *profiles, dds_section_kind kind, const char *section,
                           const char *property, dds_buffer *answers) {
  const char *credentials =
      dds_profiles_get_from(profiles, DDS_PROFILE_CREDENTIALS, kind, section, property);
  const char *config = dds_profiles_get_from(profiles, DDS_PROFILE_CONFIG, kind, section, property);
  const char *value = dds_profiles_get(profiles, kind, section, property);
  HOLDS(value == NULL || value == credentials || value == config);
  HOLDS(credentials == NULL || value == credentials);
  HOLDS(credentials == NULL || kind == DDS_SECTION_PROFILE);
  HOLDS(value == NULL || dds_profiles_has(profiles, kind, section));
  if (value != NULL) {
    check_value(value);
    dds_buffer_append_format(answers, "%d %s %s=", (int)kind, section, property);
    dds_buffer_append_text(answers, value);
    dds_buffer_append_char(answers, '\n');
  }
}

/* Parses, asks everything, and gives the answers as one text; the error where there is one. */
static bool read(dds_profile_file file, const dds_buffer *text, dds_buffer *answers) {
  enum { QUESTIONS = COUNT(kinds) * COUNT(sections) * COUNT(properties) };
  dds_error error = DDS_ERROR_INIT;
  dds_profiles *profiles;
  HOLDS(dds_profiles_create(&profiles, &error));
  bool is_read =
      dds_profiles_parse(profiles, file, "file", dds_buffer_text(text), text->length, &error);
  HOLDS(is_read == (error.code == DDS_OK));
  if (!is_read) {
    HOLDS(strncmp(error.message, "file, line ", 11) == 0);
    dds_buffer_append_text(answers, error.message);
  }
  for (size_t i = 0; i < QUESTIONS && is_read; i++) {
    check_question(profiles, kinds[i % COUNT(kinds)], sections[i / COUNT(kinds) % COUNT(sections)],
                   properties[i / COUNT(kinds) / COUNT(sections)], answers);
  }
  dds_profiles_free(profiles);
  return is_read;
}

/* Whether a text that says the same in other bytes gives the same answers. */
static void check_same(dds_profile_file file, bool is_read, const dds_buffer *answers,
                       const dds_buffer *other) {
  dds_buffer others = DDS_BUFFER_INIT(ANSWER_BYTES);
  HOLDS(read(file, other, &others) == is_read);
  HOLDS(strcmp(dds_buffer_text(answers), dds_buffer_text(&others)) == 0);
  dds_buffer_free(&others);
}

static void check_file(dds_profile_file file, const dds_buffer *text) {
  dds_buffer answers = DDS_BUFFER_INIT(ANSWER_BYTES), other = DDS_BUFFER_INIT(TEXT_BYTES);
  bool is_read = read(file, text, &answers);
  check_same(file, is_read, &answers, text);

  dds_buffer_append(&other, text->data, text->length);
  dds_buffer_append_text(&other, "\n# comment\n \t; indented\n\n");
  check_same(file, is_read, &answers, &other);

  dds_buffer_clear(&other);
  for (size_t i = 0; i < text->length; i++) {
    dds_buffer_append_text(&other, text->data[i] == '\n' ? "\r" : "");
    dds_buffer_append_char(&other, text->data[i]);
  }
  if (text->length == 0 || memchr(text->data, '\r', text->length) == NULL) {
    check_same(file, is_read, &answers, &other);
  }
  dds_buffer_free(&other);
  dds_buffer_free(&answers);
}

/* What stands behind a good text is read as if it stood alone; both files in one set too. */
static void check_appended(const dds_buffer *text) {
  dds_error error = DDS_ERROR_INIT;
  dds_profiles *profiles;
  dds_buffer config = DDS_BUFFER_INIT(TEXT_BYTES), answers = DDS_BUFFER_INIT(ANSWER_BYTES);
  HOLDS(dds_profiles_create(&profiles, &error));
  dds_buffer_append(&config, text->data, text->length);
  dds_buffer_append_text(&config, "\n[profile last]\nlast = here\n");
  if (dds_profiles_parse(profiles, DDS_PROFILE_CONFIG, "file", config.data, config.length,
                         &error)) {
    const char *last = dds_profiles_get(profiles, DDS_SECTION_PROFILE, "last", "last");
    HOLDS(last != NULL && strcmp(last, "here") == 0);
    if (dds_profiles_parse(profiles, DDS_PROFILE_CREDENTIALS, "file", dds_buffer_text(text),
                           text->length, &error)) {
      check_question(profiles, DDS_SECTION_PROFILE, "default", "region", &answers);
      check_question(profiles, DDS_SECTION_PROFILE, "default", "x.k", &answers);
    }
  }
  dds_profiles_free(profiles);
  dds_buffer_free(&config);
  dds_buffer_free(&answers);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  dds_buffer text = DDS_BUFFER_INIT(TEXT_BYTES);
  if (size > TEXT_BYTES / 4) {
    return 0;
  }
  dds_buffer_append(&text, (const char *)data, size);
  check_file(DDS_PROFILE_CONFIG, &text);
  check_file(DDS_PROFILE_CREDENTIALS, &text);
  check_appended(&text);
  dds_buffer_free(&text);
  return 0;
}
