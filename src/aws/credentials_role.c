/*
 * Credentials of a profile's role: role_arn, and where the credentials come from that assume it,
 * another profile (source_profile) or a source by its name (credential_source).
 *
 * A source profile may have a role itself, which is assumed first: the sources call each other
 * through the chain, and the profiles on the way stand in the context's list, so that a circle is
 * found before anything is sent.
 */
#include <stddef.h>
#include <string.h>

#include "aws/credentials_chain.h"
#include "aws/sts.h"
#include "base/buffer.h"

/* Each role on the way keeps some of the host's stack; nobody has set up as many. */
enum { MOST_ROLES = 20, WORDS_LIMIT_BYTES = 64 * 1024 };

/* What STS takes (API Reference, AssumeRole, DurationSeconds). */
enum { SHORTEST_SECONDS = 900, LONGEST_SECONDS = 43200, LONGEST_DIGITS = 5 };

/* What credential_source may name; case counts, as in the AWS CLI. */
typedef struct named_source {
  const char *name;
  dds_credentials_source *find;
  const char *absence; /* what is the case where it has nothing */
} named_source;

static const named_source named_sources[] = {
    {"Environment", dds_credentials_environment_find,
     "AWS_ACCESS_KEY_ID is not set in the environment"},
    {"Ec2InstanceMetadata", dds_credentials_instance_find,
     "no instance metadata service with a role answers, or AWS_EC2_METADATA_DISABLED is set"},
    {"EcsContainer", dds_credentials_container_find,
     "neither AWS_CONTAINER_CREDENTIALS_RELATIVE_URI nor AWS_CONTAINER_CREDENTIALS_FULL_URI is "
     "set in the environment"},
};

static bool check_duration(const dds_credentials_context *context, const char *seconds,
                           dds_error *error) {
  size_t digits = strspn(seconds, "0123456789");
  long value = 0;
  for (size_t i = 0; i < digits && digits <= LONGEST_DIGITS; i++) {
    value = value * 10 + (seconds[i] - '0');
  }
  if (seconds[digits] == '\0' && value >= SHORTEST_SECONDS && value <= LONGEST_SECONDS) {
    return true;
  }
  return dds_error_set(error, DDS_AUTH,
                       "duration_seconds of profile %s is not a number from %d to %d",
                       context->profile, SHORTEST_SECONDS, LONGEST_SECONDS);
}

/* A code can be typed into the AWS CLI alone, which hands on what it got for it. */
static bool refuse_mfa(const dds_credentials_context *context, dds_error *error) {
  dds_error_set(error, DDS_AUTH,
                "the role of profile %s asks for a code of an MFA device (mfa_serial), which "
                "cannot be typed in here: run `eval \"$(aws configure export-credentials --profile "
                "%s --format env)\"` first, which asks for it",
                context->profile, context->config->profile);
  if (context->config->profile_is_explicit) {
    dds_error_append(error, ", and leave out the option profile, which skips the environment");
  }
  return false;
}

static bool read_role(const dds_credentials_context *context, dds_sts_request *request,
                      dds_error *error) {
  *request = (dds_sts_request){
      .role_arn = dds_credentials_property(context, "role_arn"),
      .session_name = dds_credentials_property(context, "role_session_name"),
      .external_id = dds_credentials_property(context, "external_id"),
      .duration_seconds = dds_credentials_property(context, "duration_seconds"),
  };
  if (dds_credentials_property(context, "mfa_serial") != NULL) {
    return refuse_mfa(context, error);
  }
  return request->duration_seconds == NULL ||
         check_duration(context, request->duration_seconds, error);
}

static bool set_circle(const dds_profile_chain *visited, const char *source_profile,
                       dds_error *error) {
  dds_error_set(error, DDS_AUTH, "%s", source_profile);
  for (; visited != NULL; visited = visited->previous) {
    dds_error_prefix(error, "%s -> ", visited->name);
  }
  dds_error_prefix(error, "source_profile leads in a circle: ");
  dds_error_append(error, "; the last profile must get credentials otherwise than by role_arn");
  return false;
}

/* `visited` ends with the profile whose role asks. */
static bool check_source_profile(const dds_credentials_context *context,
                                 const dds_profile_chain *visited, const char *source_profile,
                                 dds_error *error) {
  size_t roles = 0;
  if (!dds_profiles_has(context->profiles, DDS_SECTION_PROFILE, source_profile)) {
    return dds_error_set(error, DDS_AUTH,
                         "profile %s names the source_profile %s, which is in neither "
                         "~/.aws/config nor ~/.aws/credentials, nor the files that AWS_CONFIG_FILE "
                         "and AWS_SHARED_CREDENTIALS_FILE name",
                         context->profile, source_profile);
  }
  /* A profile may name itself: its keys are then those that assume its role. */
  if (strcmp(source_profile, context->profile) == 0) {
    return dds_credentials_has_static_keys(context) ||
           dds_error_set(error, DDS_AUTH,
                         "profile %s names itself as source_profile, so it must have "
                         "aws_access_key_id and aws_secret_access_key",
                         context->profile);
  }
  for (const dds_profile_chain *at = visited; at != NULL; at = at->previous, roles++) {
    if (strcmp(source_profile, at->name) == 0) {
      return set_circle(visited, source_profile, error);
    }
  }
  return roles <= MOST_ROLES ||
         dds_error_set(error, DDS_AUTH,
                       "profile %s is at the end of more than %d roles that source_profile chains",
                       context->profile, MOST_ROLES);
}

static dds_credentials_result find_in_profile(const dds_credentials_context *context,
                                              const char *source_profile, dds_credentials *source,
                                              dds_error *error) {
  const dds_profile_chain visited = {context->profile, context->visited};
  dds_credentials_context inner = *context;
  inner.profile = source_profile;
  inner.visited = &visited;
  if (!check_source_profile(context, &visited, source_profile, error)) {
    return DDS_CREDENTIALS_FAILED;
  }
  dds_credentials_result result = dds_credentials_source_profile_find(&inner, source, error);
  if (result == DDS_CREDENTIALS_ABSENT) {
    dds_error_set(error, DDS_AUTH,
                  "profile %s, the source_profile of profile %s, has no credentials: add "
                  "aws_access_key_id and aws_secret_access_key, by `aws configure --profile %s`, "
                  "or another way to them",
                  source_profile, context->profile, source_profile);
  }
  return result;
}

static dds_credentials_result find_by_name(const dds_credentials_context *context, const char *name,
                                           dds_credentials *source, dds_error *error) {
  /* The option profile skips the environment's keys, but this profile asks for them. */
  dds_config config = *context->config;
  dds_credentials_context inner = *context;
  config.profile_is_explicit = false;
  inner.config = &config;
  for (size_t i = 0; i < sizeof named_sources / sizeof named_sources[0]; i++) {
    if (strcmp(name, named_sources[i].name) != 0) {
      continue;
    }
    dds_credentials_result result = named_sources[i].find(&inner, source, error);
    if (result == DDS_CREDENTIALS_ABSENT) {
      dds_error_set(error, DDS_AUTH, "credential_source = %s of profile %s has no credentials: %s",
                    name, context->profile, named_sources[i].absence);
    }
    return result;
  }
  dds_error_set(error, DDS_AUTH,
                "credential_source = %s of profile %s is none of Environment, Ec2InstanceMetadata, "
                "EcsContainer",
                name, context->profile);
  return DDS_CREDENTIALS_FAILED;
}

/* The credentials that assume the role; owned by the caller. */
static bool find_source(const dds_credentials_context *context, dds_credentials *source,
                        dds_error *error) {
  const char *profile = dds_credentials_property(context, "source_profile");
  const char *name = dds_credentials_property(context, "credential_source");
  if ((profile == NULL) == (name == NULL)) {
    return dds_error_set(error, DDS_AUTH,
                         "profile %s has role_arn with %s source_profile %s credential_source: "
                         "give exactly one of them, whose credentials assume the role",
                         context->profile, profile == NULL ? "neither" : "both",
                         profile == NULL ? "nor" : "and");
  }
  dds_credentials_result result = profile != NULL ? find_in_profile(context, profile, source, error)
                                                  : find_by_name(context, name, source, error);
  return result == DDS_CREDENTIALS_FOUND;
}

dds_credentials_result dds_credentials_role_find(const dds_credentials_context *context,
                                                 dds_credentials *credentials, dds_error *error) {
  dds_sts_request request;
  dds_credentials source = {0};
  dds_buffer words = DDS_BUFFER_INIT(WORDS_LIMIT_BYTES);
  dds_credentials_result result = DDS_CREDENTIALS_FAILED;
  if (dds_credentials_property(context, "role_arn") == NULL ||
      dds_credentials_property(context, "web_identity_token_file") != NULL) {
    return DDS_CREDENTIALS_ABSENT;
  }
  if (!read_role(context, &request, error) || !find_source(context, &source, error)) {
    goto done;
  }
  dds_buffer_append_format(&words, "role %s of profile %s (source: %s)", request.role_arn,
                           context->profile, source.source);
  request.words = dds_buffer_text(&words);
  request.source = &source;
  if (dds_buffer_check(&words, error) &&
      dds_sts_assume_role(context, &request, credentials, error)) {
    result = DDS_CREDENTIALS_FOUND;
  }

done:
  dds_buffer_free(&words);
  dds_credentials_free(&source);
  return result;
}
