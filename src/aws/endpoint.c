/*
 * Endpoint rules. A region's partition follows from its beginning: the rule sets know partitions by
 * regular expressions, whose literal beginnings tell them apart, new regions included. Services
 * differ by name, and DynamoDB alone has endpoints of the region "local" and of accounts.
 */
#include "aws/endpoint.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"

enum { HOST_LABEL_BYTES = 63, PORT_MAXIMUM = 65535, URL_LIMIT_BYTES = 4096 };

#define LETTERS_AND_DIGITS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

typedef struct partition {
  const char *prefix; /* of its regions */
  const char *suffix;
  const char *dualstack_suffix;
  bool plain_is_fips; /* the FIPS endpoints bear the plain names */
  bool has_accounts;  /* all its regions have endpoints of accounts */
} partition;

static const partition *find_partition(const char *region) {
  static const partition partitions[] = {
      {"cn-", "amazonaws.com.cn", "api.amazonwebservices.com.cn", false, false},
      {"eusc-", "amazonaws.eu", "api.amazonwebservices.eu", false, false},
      {"us-iso-", "c2s.ic.gov", "api.aws.ic.gov", false, false},
      {"us-isob-", "sc2s.sgov.gov", "api.aws.scloud", false, false},
      {"eu-isoe-", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk", false, false},
      {"us-isof-", "csp.hci.ic.gov", "api.aws.hci.ic.gov", false, false},
      {"us-gov-", "amazonaws.com", "api.aws", true, false},
      {"", "amazonaws.com", "api.aws", false, true},
  };
  size_t i = 0;
  while (strncmp(region, partitions[i].prefix, strlen(partitions[i].prefix)) != 0) {
    i++;
  }
  return &partitions[i];
}

/* isValidHostLabel of the rule sets, without dots. */
static bool is_host_label(const char *text) {
  size_t length = strlen(text);
  return length > 0 && length <= HOST_LABEL_BYTES &&
         strspn(text, LETTERS_AND_DIGITS "-") == length && text[0] != '-' &&
         text[length - 1] != '-';
}

static const char *or_name(const char *source, const char *name) {
  return source != NULL ? source : name;
}

static bool check_region(const dds_endpoint_parameters *from, dds_error *error) {
  if (is_host_label(from->region)) {
    return true;
  }
  dds_error_set(error, DDS_ERROR,
                "the region is not valid: it may hold letters, digits and hyphens alone, as "
                "us-east-1 does");
  if (from->region_source != NULL) {
    dds_error_append(error, "; it comes from %s", from->region_source);
  }
  return false;
}

/* FIPS and dual-stack lead to endpoints of AWS's, and so to no other. */
static bool check_switches(const dds_endpoint_parameters *from, const char *other,
                           const char *other_source, dds_error *error) {
  const struct {
    bool is_on;
    const char *words, *source;
  } rows[] = {
      {from->use_fips, "FIPS", or_name(from->fips_source, "use_fips_endpoint")},
      {from->use_dualstack, "dual-stack",
       or_name(from->dualstack_source, "use_dualstack_endpoint")},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    if (rows[i].is_on) {
      return dds_error_set(error, DDS_ERROR,
                           "%s (from %s) and %s endpoints (from %s) exclude each other: leave one "
                           "of them out",
                           other, other_source, rows[i].words, rows[i].source);
    }
  }
  return true;
}

/* Whether the user gave DynamoDB's dual-stack endpoint as if it were his own. */
static bool is_dualstack_host(const dds_endpoint_parameters *from, const dds_url *url, bool *is_one,
                              dds_error *error) {
  dds_buffer host = DDS_BUFFER_INIT(URL_LIMIT_BYTES);
  dds_buffer_append_format(&host, "dynamodb.%s.%s", from->region,
                           find_partition(from->region)->dualstack_suffix);
  *is_one = from->service == DDS_SERVICE_DYNAMODB && host.length == url->host_length &&
            strncasecmp(dds_buffer_text(&host), url->host, host.length) == 0;
  bool is_checked = dds_buffer_check(&host, error);
  dds_buffer_free(&host);
  return is_checked;
}

static bool append_custom(const dds_endpoint_parameters *from, dds_buffer *text, dds_error *error) {
  const char *source = or_name(from->custom_source, "endpoint_url");
  bool is_dualstack;
  dds_url url;
  if (!check_switches(from, "an endpoint URL", source, error)) {
    return false;
  }
  if (!dds_endpoint_parse(from->custom_url, &url, error)) {
    dds_error_append(error, "; it comes from %s", source);
    return false;
  }
  if (!is_dualstack_host(from, &url, &is_dualstack, error)) {
    return false;
  }
  if (is_dualstack) {
    return dds_error_set(
        error, DDS_ERROR,
        "the endpoint URL (from %s) is AWS's own dual-stack endpoint: leave it out "
        "and set AWS_USE_DUALSTACK_ENDPOINT=true, or use_dualstack_endpoint in the "
        "profile",
        source);
  }
  size_t length = strlen(from->custom_url);
  dds_buffer_append(text, from->custom_url,
                    from->custom_url[length - 1] == '/' ? length - 1 : length);
  return true;
}

/* DynamoDB Local on its usual port, as every SDK has it. */
static bool append_local(const dds_endpoint_parameters *from, dds_buffer *text, dds_error *error) {
  dds_buffer_append_text(text, "http://localhost:8000");
  return check_switches(from, "region local", or_name(from->region_source, "region"), error);
}

static bool has_account_endpoints(const char *region) {
  static const char *const others[] = {"us-gov-east-1", "us-gov-west-1", "cn-north-1",
                                       "cn-northwest-1"};
  bool has_them = find_partition(region)->has_accounts;
  for (size_t i = 0; i < sizeof others / sizeof others[0] && !has_them; i++) {
    has_them = strcmp(region, others[i]) == 0;
  }
  return has_them;
}

/* Why the account's own endpoint cannot be used, or NULL where it can. */
static const char *find_obstacle(const dds_endpoint_parameters *from) {
  if (from->use_fips) {
    return "FIPS is on, which account endpoints do not have";
  }
  if (!has_account_endpoints(from->region)) {
    return "this region has no account endpoints";
  }
  if (from->account_id == NULL || from->account_id[0] == '\0') {
    return "the credentials name no account: set AWS_ACCOUNT_ID beside the keys, or aws_account_id "
           "in the profile";
  }
  return NULL;
}

static bool choose_account(const dds_endpoint_parameters *from, bool *uses_account,
                           dds_error *error) {
  *uses_account = false;
  if (from->service != DDS_SERVICE_DYNAMODB || from->account_mode == DDS_ACCOUNT_DISABLED) {
    return true;
  }
  const char *obstacle = find_obstacle(from);
  if (obstacle != NULL && from->account_mode == DDS_ACCOUNT_REQUIRED) {
    return dds_error_set(error, DDS_ERROR,
                         "an account endpoint is required (by %s) and cannot be had: %s",
                         or_name(from->account_mode_source, "account_id_endpoint_mode"), obstacle);
  }
  if (obstacle == NULL && !is_host_label(from->account_id)) {
    return dds_error_set(error, DDS_ERROR,
                         "the account id of the credentials is not valid: it has 12 digits");
  }
  *uses_account = obstacle == NULL;
  return true;
}

static bool append_regional(const dds_endpoint_parameters *from, dds_buffer *text,
                            bool *uses_account, dds_error *error) {
  static const char *const names[DDS_SERVICE_COUNT] = {
      [DDS_SERVICE_DYNAMODB] = "dynamodb",
      [DDS_SERVICE_STS] = "sts",
      [DDS_SERVICE_SSO] = "portal.sso",
      [DDS_SERVICE_SSO_OIDC] = "oidc",
  };
  const partition *place = find_partition(from->region);
  const char *suffix = from->use_dualstack ? place->dualstack_suffix : place->suffix;
  if (!choose_account(from, uses_account, error)) {
    return false;
  }
  if (*uses_account) {
    dds_buffer_append_format(text, "https://%s.ddb.%s.%s", from->account_id, from->region, suffix);
    return true;
  }
  bool bears_fips = from->use_fips && !(place->plain_is_fips && !from->use_dualstack);
  dds_buffer_append_format(text, "https://%s%s.%s.%s", names[from->service],
                           bears_fips ? "-fips" : "", from->region, suffix);
  return true;
}

bool dds_endpoint_resolve(const dds_endpoint_parameters *from, dds_endpoint *endpoint,
                          dds_error *error) {
  *endpoint = (dds_endpoint){0};
  dds_buffer text = DDS_BUFFER_INIT(URL_LIMIT_BYTES);
  const char *signing_region = from->region;
  bool is_resolved;
  if (!check_region(from, error)) {
    return false;
  }
  if (from->custom_url != NULL) {
    is_resolved = append_custom(from, &text, error);
  } else if (from->service == DDS_SERVICE_DYNAMODB && strcmp(from->region, "local") == 0) {
    is_resolved = append_local(from, &text, error);
    signing_region = "us-east-1";
  } else {
    is_resolved = append_regional(from, &text, &endpoint->uses_account, error);
  }
  is_resolved = is_resolved && dds_buffer_check(&text, error);
  if (is_resolved) {
    endpoint->url = dds_buffer_take(&text);
    endpoint->signing_region = dds_alloc_copy(signing_region, strlen(signing_region));
    is_resolved = endpoint->signing_region != NULL || dds_error_set_nomem(error);
  }
  if (!is_resolved) {
    dds_endpoint_free(endpoint);
  }
  dds_buffer_free(&text);
  return is_resolved;
}

void dds_endpoint_free(dds_endpoint *endpoint) {
  dds_free(endpoint->url);
  dds_free(endpoint->signing_region);
  *endpoint = (dds_endpoint){0};
}

static bool refuse(dds_error *error, const char *problem) {
  /* The text itself is not repeated: a user's name and password may stand in it. */
  dds_error_set(error, DDS_ERROR,
                "the endpoint URL is not valid: %s (http://localhost:8000 would be)", problem);
  return false;
}

/* Where the host ends, or NULL where it is not one. */
static const char *skip_host(const char *text) {
  if (text[0] != '[') {
    size_t length = strspn(text, LETTERS_AND_DIGITS "-._");
    return length == 0 ? NULL : text + length;
  }
  char address[INET6_ADDRSTRLEN] = "";
  struct in6_addr parsed;
  const char *close = strchr(text, ']');
  size_t length = close == NULL ? 0 : (size_t)(close - text) - 1;
  if (length == 0 || length >= sizeof address) {
    return NULL;
  }
  memcpy(address, text + 1, length);
  return inet_pton(AF_INET6, address, &parsed) == 1 ? close + 1 : NULL;
}

/* Reads digits; 0 where there is no port or too large a one. */
static int read_port(const char **at) {
  int port = 0;
  while (**at >= '0' && **at <= '9' && port <= PORT_MAXIMUM) {
    port = port * 10 + (**at - '0');
    (*at)++;
  }
  return port > PORT_MAXIMUM ? 0 : port;
}

/* Scheme, host and port; what follows them is the path. */
static bool read_authority(const char *text, dds_url *url, dds_error *error) {
  *url = (dds_url){0};
  if (strncasecmp(text, "https://", 8) == 0) {
    url->is_tls = true;
  } else if (strncasecmp(text, "http://", 7) != 0) {
    return refuse(error, "it begins with neither https:// nor http://");
  }
  url->host = text + (url->is_tls ? 8 : 7);

  const char *at = skip_host(url->host);
  if (at == NULL) {
    return refuse(error, "it has no host name");
  }
  url->host_length = (size_t)(at - url->host);
  int default_port = url->is_tls ? 443 : 80;
  url->port = default_port;
  if (*at == ':') {
    at++;
    url->port = read_port(&at);
    if (url->port == 0) {
      return refuse(error, "its port is not a number from 1 to 65535");
    }
  }
  url->port_is_default = url->port == default_port;
  url->path = at;
  return true;
}

/* A path that is the same whether or not it is normalised and encoded. */
static bool is_plain_path(const char *path) {
  while (*path == '/') {
    path++;
    size_t length = strspn(path, LETTERS_AND_DIGITS "-._~");
    if (length == 0) {
      break;
    }
    if (strspn(path, ".") >= length) {
      return false;
    }
    path += length;
  }
  return *path == '\0';
}

bool dds_endpoint_parse(const char *text, dds_url *url, dds_error *error) {
  return read_authority(text, url, error) &&
         (is_plain_path(url->path) ||
          refuse(error, "only scheme, host, port and a plain path belong in it, no user or query"));
}

bool dds_endpoint_parse_any(const char *text, dds_url *url, dds_error *error) {
  static const char allowed[] = LETTERS_AND_DIGITS "-._~!$&'()*+,;=:@/?%";
  if (!read_authority(text, url, error)) {
    return false;
  }
  bool is_path = url->path[0] == '/' || url->path[0] == '\0';
  return (is_path && url->path[strspn(url->path, allowed)] == '\0') ||
         refuse(error, "only a path and a query may follow host and port");
}

void dds_endpoint_append_host(dds_buffer *host, const dds_url *url) {
  dds_buffer_append(host, url->host, url->host_length);
  if (!url->port_is_default) {
    dds_buffer_append_format(host, ":%d", url->port);
  }
}

bool dds_endpoint_is_loopback(const dds_url *url) {
  char host[INET6_ADDRSTRLEN + 2];
  if (url->host_length >= sizeof host) {
    return false;
  }
  memcpy(host, url->host, url->host_length);
  host[url->host_length] = '\0';
  if (strcasecmp(host, "localhost") == 0) {
    return true;
  }

  struct in_addr v4;
  if (inet_pton(AF_INET, host, &v4) == 1) {
    return (ntohl(v4.s_addr) >> 24) == 127;
  }

  static const unsigned char loopback[16] = {[15] = 1};
  struct in6_addr v6;
  if (host[0] != '[') {
    return false;
  }
  host[url->host_length - 1] = '\0';
  return inet_pton(AF_INET6, host + 1, &v6) == 1 && memcmp(&v6, loopback, sizeof loopback) == 0;
}
