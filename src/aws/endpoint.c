/*
 * Endpoint rules: a region's partition by its prefix, and the partition's domain. The rule set
 * knows partitions by regular expressions; their literal beginnings tell them apart.
 */
#include "aws/endpoint.h"

#include <arpa/inet.h>
#include <string.h>
#include <strings.h>

enum { HOST_LABEL_BYTES = 63, PORT_MAXIMUM = 65535 };

static bool is_letter_or_digit(char byte) {
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
         (byte >= '0' && byte <= '9');
}

/* The pattern of a region in the rule set: isValidHostLabel without dots. */
static bool is_host_label(const char *text) {
  size_t length = strlen(text);
  if (length == 0 || length > HOST_LABEL_BYTES || text[0] == '-' || text[length - 1] == '-') {
    return false;
  }
  for (size_t i = 0; i < length; i++) {
    if (!is_letter_or_digit(text[i]) && text[i] != '-') {
      return false;
    }
  }
  return true;
}

bool dds_endpoint_append(dds_buffer *url, const char *region, dds_error *error) {
  static const struct {
    const char *prefix;
    const char *suffix;
  } partitions[] = {
      {"cn-", "amazonaws.com.cn"},  {"us-isob-", "sc2s.sgov.gov"},  {"us-isof-", "csp.hci.ic.gov"},
      {"us-iso-", "c2s.ic.gov"},    {"eu-isoe-", "cloud.adc-e.uk"}, {"eusc-", "amazonaws.eu"},
      {"us-gov-", "amazonaws.com"}, {"", "amazonaws.com"},
  };
  if (!is_host_label(region)) {
    return dds_error_set(error, DDS_ERROR,
                         "the region is not valid: it may hold letters, digits and hyphens alone, "
                         "as us-east-1 does");
  }
  size_t i = 0;
  while (strncmp(region, partitions[i].prefix, strlen(partitions[i].prefix)) != 0) {
    i++;
  }
  dds_buffer_append_format(url, "https://dynamodb.%s.%s", region, partitions[i].suffix);
  return dds_buffer_check(url, error);
}

static bool refuse(dds_error *error, const char *problem) {
  /* The text itself is not repeated: a user's name and password may stand in it. */
  return dds_error_set(error, DDS_ERROR,
                       "the endpoint URL is not valid: %s (http://localhost:8000 would be)",
                       problem);
}

/* Where the host ends, or NULL where it is not one. */
static const char *skip_host(const char *text) {
  const char *at = text;
  if (*at == '[') {
    char address[INET6_ADDRSTRLEN] = "";
    struct in6_addr parsed;
    const char *close = strchr(at, ']');
    size_t length = close == NULL ? 0 : (size_t)(close - at) - 1;
    if (length == 0 || length >= sizeof address) {
      return NULL;
    }
    memcpy(address, at + 1, length);
    return inet_pton(AF_INET6, address, &parsed) == 1 ? close + 1 : NULL;
  }
  while (is_letter_or_digit(*at) || *at == '-' || *at == '.' || *at == '_') {
    at++;
  }
  return at == text ? NULL : at;
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

bool dds_endpoint_parse(const char *text, dds_url *url, dds_error *error) {
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
  if (*at == '/') {
    at++;
  }
  if (*at != '\0') {
    return refuse(error, "only scheme, host and port belong in it, no user, path or query");
  }
  return true;
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
