/*
 * The shared configuration and credentials files. A file is parsed once, line by line, into two
 * flat arrays: sections, and properties that point to their section. Parsing only appends, so that
 * its time is linear; sections of one name merge, and the last definition of a property wins, when
 * they are looked up, which happens a dozen times.
 *
 * Values may be secrets: they are wiped when released, and no message quotes a line.
 */
#include "aws/profile.h"

#include <string.h>
#include <strings.h>

#include "base/alloc.h"

typedef struct section {
  dds_profile_file file;
  dds_section_kind kind;
  bool is_prefixed; /* [profile default], which beats [default] */
  char *name;
} section;

typedef struct property {
  size_t section;
  char *name; /* a sub-property: "parent.name" */
  bool is_sub;
  dds_buffer value;
} property;

struct dds_profiles {
  section *sections;
  size_t section_count;
  property *properties;
  size_t property_count;
};

/* Bytes of a line that are borrowed from the file's text. */
typedef struct span {
  const char *text;
  size_t length;
} span;

#define NO_INDEX ((size_t)-1)

typedef struct parser {
  dds_profiles *profiles;
  dds_profile_file file;
  const char *path;
  int line_number;
  bool is_in_section;
  size_t section; /* NO_INDEX: a section that does not count */
  bool is_in_property;
  bool has_sub_properties; /* the open property's own value is empty */
  span property_name;
  size_t property; /* NO_INDEX: one that does not count */
  dds_error *error;
} parser;

enum { FILE_LIMIT_BYTES = 16 * 1024 * 1024, PATH_LIMIT_BYTES = 4096 };

static bool is_blank(char byte) {
  return byte == ' ' || byte == '\t';
}

static bool is_comment(char byte) {
  return byte == '#' || byte == ';';
}

static span trim(span text) {
  while (text.length > 0 && is_blank(text.text[0])) {
    text.text++;
    text.length--;
  }
  while (text.length > 0 && is_blank(text.text[text.length - 1])) {
    text.length--;
  }
  return text;
}

static bool is_identifier(span name) {
  static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                "_-/.%@:+\\";
  for (size_t i = 0; i < name.length; i++) {
    if (name.text[i] == '\0' || strchr(allowed, name.text[i]) == NULL) {
      return false;
    }
  }
  return name.length > 0;
}

static bool equals(span left, const char *right) {
  return strlen(right) == left.length && memcmp(left.text, right, left.length) == 0;
}

static bool fail(parser *at, const char *problem) {
  return dds_error_set(at->error, DDS_ERROR, "%s, line %d: %s", at->path, at->line_number, problem);
}

static size_t find_section(const dds_profiles *profiles, dds_profile_file file,
                           dds_section_kind kind, bool is_prefixed, span name) {
  for (size_t i = 0; i < profiles->section_count; i++) {
    const section *known = &profiles->sections[i];
    if (known->file == file && known->kind == kind && known->is_prefixed == is_prefixed &&
        equals(name, known->name)) {
      return i;
    }
  }
  return NO_INDEX;
}

/* Grows by doubling: an array has a power of two of slots, full exactly when count is one. */
static bool reserve_slot(void **array, size_t count, size_t item_bytes, dds_error *error) {
  if ((count & (count - 1)) != 0) {
    return true;
  }
  void *grown = dds_realloc(*array, (count == 0 ? 1 : count * 2) * item_bytes);
  if (grown == NULL) {
    return dds_error_set_nomem(error);
  }
  *array = grown;
  return true;
}

static bool add_section(parser *at, dds_section_kind kind, bool is_prefixed, span name) {
  dds_profiles *profiles = at->profiles;
  void *array = profiles->sections;
  if (!reserve_slot(&array, profiles->section_count, sizeof(section), at->error)) {
    return false;
  }
  profiles->sections = array;
  char *copy = dds_alloc_copy(name.text, name.length);
  if (copy == NULL) {
    return dds_error_set_nomem(at->error);
  }
  at->section = profiles->section_count++;
  profiles->sections[at->section] =
      (section){.file = at->file, .kind = kind, .is_prefixed = is_prefixed, .name = copy};
  return true;
}

/* `parent` is empty for a property of the section itself. */
static bool add_property(parser *at, span parent, span name, span value, size_t *index) {
  dds_profiles *profiles = at->profiles;
  dds_buffer full = DDS_BUFFER_INIT(FILE_LIMIT_BYTES);
  dds_buffer copy = DDS_BUFFER_INIT_SECRET(FILE_LIMIT_BYTES);
  dds_buffer_append(&full, parent.text, parent.length);
  if (parent.length > 0) {
    dds_buffer_append_char(&full, '.');
  }
  dds_buffer_append(&full, name.text, name.length);
  dds_buffer_append(&copy, value.text, value.length);
  if (!dds_buffer_check(&full, at->error) || !dds_buffer_check(&copy, at->error)) {
    goto done;
  }
  void *array = profiles->properties;
  if (!reserve_slot(&array, profiles->property_count, sizeof(property), at->error)) {
    goto done;
  }
  profiles->properties = array;
  *index = profiles->property_count++;
  profiles->properties[*index] = (property){.section = at->section,
                                            .name = dds_buffer_take(&full),
                                            .is_sub = parent.length > 0,
                                            .value = copy};
  return true;

done:
  dds_buffer_free(&copy);
  dds_buffer_free(&full);
  return false;
}

/* Which section a header opens, if it is one that counts in this file. */
static bool open_section(parser *at, span inside) {
  static const struct {
    const char *prefix;
    dds_section_kind kind;
  } kinds[] = {
      {"profile", DDS_SECTION_PROFILE},
      {"sso-session", DDS_SECTION_SSO_SESSION},
      {"services", DDS_SECTION_SERVICES},
  };
  at->section = NO_INDEX;
  if (at->file == DDS_PROFILE_CREDENTIALS) {
    return !is_identifier(inside) || add_section(at, DDS_SECTION_PROFILE, false, inside);
  }
  if (equals(inside, "default")) {
    return add_section(at, DDS_SECTION_PROFILE, false, inside);
  }

  size_t prefix_length = 0;
  while (prefix_length < inside.length && !is_blank(inside.text[prefix_length])) {
    prefix_length++;
  }
  span prefix = {inside.text, prefix_length};
  span name = trim((span){inside.text + prefix_length, inside.length - prefix_length});
  if (!is_identifier(name)) {
    return true;
  }
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
    if (equals(prefix, kinds[i].prefix)) {
      return add_section(at, kinds[i].kind, true, name);
    }
  }
  return true;
}

static bool read_section(parser *at, span line) {
  const char *close = memchr(line.text, ']', line.length);
  if (close == NULL) {
    return fail(at, "a section's name needs a closing ]");
  }
  span inside = trim((span){line.text + 1, (size_t)(close - line.text) - 1});
  span rest = trim((span){close + 1, line.length - (size_t)(close - line.text) - 1});
  if (rest.length > 0 && !is_comment(rest.text[0])) {
    return fail(at, "only a comment may follow a section's closing ]");
  }
  at->is_in_section = true;
  at->is_in_property = false;
  return open_section(at, inside);
}

/* Without the comment, which white space must precede. */
static span strip_comment(span line) {
  for (size_t i = 1; i < line.length; i++) {
    if (is_comment(line.text[i]) && is_blank(line.text[i - 1])) {
      line.length = i;
      break;
    }
  }
  return trim(line);
}

/* Splits `name = value`; false where there is no `=` or no name. */
static bool split_property(span line, span *name, span *value) {
  line = strip_comment(line);
  const char *equal = memchr(line.text, '=', line.length);
  if (equal == NULL) {
    return false;
  }
  *name = trim((span){line.text, (size_t)(equal - line.text)});
  *value = trim((span){equal + 1, line.length - (size_t)(equal - line.text) - 1});
  return name->length > 0;
}

static bool read_property(parser *at, span line) {
  span value;
  if (!at->is_in_section) {
    return fail(at, "a property stands before any section");
  }
  if (!split_property(line, &at->property_name, &value)) {
    return fail(at, "a property needs a name and =");
  }
  at->is_in_property = true;
  at->has_sub_properties = value.length == 0;
  at->property = NO_INDEX;
  if (at->section == NO_INDEX || !is_identifier(at->property_name)) {
    return true;
  }
  return add_property(at, (span){"", 0}, at->property_name, value, &at->property);
}

static bool read_sub_property(parser *at, span line) {
  span name, value;
  size_t index;
  if (!split_property(line, &name, &value)) {
    return fail(at, "a line under a property without a value needs a name and =");
  }
  if (at->property == NO_INDEX || !is_identifier(name)) {
    return true;
  }
  return add_property(at, at->property_name, name, value, &index);
}

static bool read_continuation(parser *at, span line) {
  line = trim(line);
  if (!at->is_in_property) {
    return fail(at, "a line that begins with white space continues no property");
  }
  if (at->has_sub_properties) {
    return read_sub_property(at, line);
  }
  if (at->property == NO_INDEX) {
    return true;
  }

  dds_buffer *value = &at->profiles->properties[at->property].value;
  dds_buffer_append_char(value, '\n');
  dds_buffer_append(value, line.text, line.length);
  return dds_buffer_check(value, at->error);
}

static bool read_line(parser *at, span line) {
  if (line.length > 0 && line.text[line.length - 1] == '\r') {
    line.length--;
  }
  if (memchr(line.text, '\0', line.length) != NULL) {
    return fail(at, "a NUL byte");
  }
  /* A comment may be indented, in the middle of a property's value too, as the AWS CLI has it. */
  span text = trim(line);
  if (text.length == 0 || is_comment(text.text[0])) {
    return true;
  }
  if (is_blank(line.text[0])) {
    return read_continuation(at, line);
  }
  if (line.text[0] == '[') {
    return read_section(at, line);
  }
  return read_property(at, line);
}

bool dds_profiles_parse(dds_profiles *profiles, dds_profile_file file, const char *path,
                        const char *text, size_t length, dds_error *error) {
  parser at = {.profiles = profiles, .file = file, .path = path, .error = error};
  static const char byte_order_mark[] = "\xEF\xBB\xBF";
  size_t position = length >= 3 && memcmp(text, byte_order_mark, 3) == 0 ? 3 : 0;
  while (position < length) {
    const char *start = text + position;
    const char *end = memchr(start, '\n', length - position);
    size_t line_length = end == NULL ? length - position : (size_t)(end - start);
    at.line_number++;
    if (!read_line(&at, (span){start, line_length})) {
      return false;
    }
    position += line_length + 1;
  }
  return true;
}

bool dds_profiles_create(dds_profiles **out, dds_error *error) {
  *out = dds_alloc(sizeof **out);
  return *out != NULL || dds_error_set_nomem(error);
}

static bool load_file(dds_profiles *profiles, const dds_environment *environment,
                      dds_profile_file file, dds_error *error) {
  static const struct {
    const char *variable;
    const char *path;
  } places[] = {
      [DDS_PROFILE_CONFIG] = {"AWS_CONFIG_FILE", "~/.aws/config"},
      [DDS_PROFILE_CREDENTIALS] = {"AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"},
  };
  dds_buffer path = DDS_BUFFER_INIT(PATH_LIMIT_BYTES);
  dds_buffer contents = DDS_BUFFER_INIT_SECRET(FILE_LIMIT_BYTES);
  bool exists;
  const char *named = dds_environment_get(environment, places[file].variable);
  bool is_loaded =
      dds_environment_expand(environment, named != NULL ? named : places[file].path, &path,
                             error) &&
      environment->read_file(environment->context, dds_buffer_text(&path), &contents, &exists,
                             error) &&
      (!exists || dds_profiles_parse(profiles, file, dds_buffer_text(&path),
                                     dds_buffer_text(&contents), contents.length, error));
  dds_buffer_free(&contents);
  dds_buffer_free(&path);
  return is_loaded;
}

bool dds_profiles_load(const dds_environment *environment, dds_profiles **out, dds_error *error) {
  if (!dds_profiles_create(out, error)) {
    return false;
  }
  if (load_file(*out, environment, DDS_PROFILE_CONFIG, error) &&
      load_file(*out, environment, DDS_PROFILE_CREDENTIALS, error)) {
    return true;
  }
  dds_profiles_free(*out);
  *out = NULL;
  return false;
}

void dds_profiles_free(dds_profiles *profiles) {
  if (profiles == NULL) {
    return;
  }
  for (size_t i = 0; i < profiles->section_count; i++) {
    dds_free(profiles->sections[i].name);
  }
  for (size_t i = 0; i < profiles->property_count; i++) {
    dds_free(profiles->properties[i].name);
    dds_buffer_free(&profiles->properties[i].value);
  }
  dds_free(profiles->sections);
  dds_free(profiles->properties);
  dds_free(profiles);
}

/* The section that counts: a prefixed one before a bare one ([profile default], [default]). */
static size_t choose_section(const dds_profiles *profiles, dds_profile_file file,
                             dds_section_kind kind, const char *name) {
  span text = {name, strlen(name)};
  size_t prefixed = find_section(profiles, file, kind, true, text);
  return prefixed != NO_INDEX ? prefixed : find_section(profiles, file, kind, false, text);
}

bool dds_profiles_has(const dds_profiles *profiles, dds_section_kind kind, const char *name) {
  return choose_section(profiles, DDS_PROFILE_CONFIG, kind, name) != NO_INDEX ||
         choose_section(profiles, DDS_PROFILE_CREDENTIALS, kind, name) != NO_INDEX;
}

static bool is_same_section(const section *left, const section *right) {
  return left == right ||
         (left->file == right->file && left->kind == right->kind &&
          left->is_prefixed == right->is_prefixed && strcmp(left->name, right->name) == 0);
}

static bool is_parent(const char *name, const char *sub_name) {
  size_t length = strlen(name);
  return strncasecmp(name, sub_name, length) == 0 && sub_name[length] == '.';
}

/* The definition that decides: the last one of the property, or of the parent, which takes away
 * what was below it before. */
static const property *find_property(const dds_profiles *profiles, dds_profile_file file,
                                     dds_section_kind kind, const char *section_name,
                                     const char *name) {
  size_t index = choose_section(profiles, file, kind, section_name);
  if (index == NO_INDEX) {
    return NULL;
  }
  const section *wanted = &profiles->sections[index];
  bool is_sub = strchr(name, '.') != NULL;
  for (size_t i = profiles->property_count; i > 0; i--) {
    const property *known = &profiles->properties[i - 1];
    if (is_same_section(&profiles->sections[known->section], wanted) &&
        ((known->is_sub == is_sub && strcasecmp(known->name, name) == 0) ||
         (is_sub && !known->is_sub && is_parent(known->name, name)))) {
      return known;
    }
  }
  return NULL;
}

/* NULL also where the deciding definition is the parent's. */
static const char *value_of(const property *known, const char *name) {
  bool is_sub = strchr(name, '.') != NULL;
  return known != NULL && known->is_sub == is_sub ? dds_buffer_text(&known->value) : NULL;
}

const char *dds_profiles_get_from(const dds_profiles *profiles, dds_profile_file file,
                                  dds_section_kind kind, const char *section_name,
                                  const char *property_name) {
  return value_of(find_property(profiles, file, kind, section_name, property_name), property_name);
}

const char *dds_profiles_get(const dds_profiles *profiles, dds_section_kind kind,
                             const char *section_name, const char *property_name) {
  const property *known =
      find_property(profiles, DDS_PROFILE_CREDENTIALS, kind, section_name, property_name);
  if (known == NULL) {
    known = find_property(profiles, DDS_PROFILE_CONFIG, kind, section_name, property_name);
  }
  return value_of(known, property_name);
}
