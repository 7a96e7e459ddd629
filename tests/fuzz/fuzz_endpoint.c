/*
 * Endpoints and URLs. An input is lines: a URL, a region, an account id.
 */
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "aws/endpoint.h"
#include "base/buffer.h"
#include "fuzz.h"

enum { TEXT_BYTES = 1 << 16 };

#define HOST_BYTES "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._"

/* Nothing that could end the host, or begin another part of a URL or another header. */
static void check_host(const dds_url *url) {
  char host[TEXT_BYTES];
  HOLDS(url->host_length > 0 && url->host_length < sizeof host);
  memcpy(host, url->host, url->host_length);
  host[url->host_length] = '\0';
  if (host[0] == '[') {
    HOLDS(host[url->host_length - 1] == ']');
    HOLDS(strspn(host, "[]0123456789abcdefABCDEF:.") == url->host_length);
  } else {
    HOLDS(strspn(host, HOST_BYTES) == url->host_length);
  }
  HOLDS(!dds_endpoint_is_loopback(url) || strcasecmp(host, "localhost") == 0 ||
        strncmp(host, "127.", 4) == 0 || host[0] == '[');
}

static void check_path(const char *path, bool is_plain) {
  HOLDS(path[0] == '\0' || path[0] == '/');
  for (const char *at = path; *at != '\0'; at++) {
    HOLDS(*at > ' ' && *at < '\x7f' && strchr("\"<>\\^`{|}#[]", *at) == NULL);
  }
  HOLDS(!is_plain || (strpbrk(path, "?%@:") == NULL && strstr(path, "//") == NULL &&
                      strstr(path, "/../") == NULL && strstr(path, "/./") == NULL));
}

static bool is_same_url(const dds_url *left, const dds_url *right) {
  return left->is_tls == right->is_tls && left->port == right->port &&
         left->port_is_default == right->port_is_default &&
         left->host_length == right->host_length &&
         memcmp(left->host, right->host, left->host_length) == 0 &&
         strcmp(left->path, right->path) == 0;
}

typedef bool parser(const char *text, dds_url *url, dds_error *error);

/* Takes a URL apart, puts it together again, and reads that: the same. */
static bool check_url(parser *parse, const char *text, dds_url *url) {
  dds_error error = DDS_ERROR_INIT;
  dds_url again;
  dds_buffer whole = DDS_BUFFER_INIT(TEXT_BYTES), header = DDS_BUFFER_INIT(TEXT_BYTES);
  bool is_parsed = parse(text, url, &error);
  HOLDS(is_parsed == (error.code == DDS_OK));
  if (is_parsed) {
    check_host(url);
    check_path(url->path, parse == dds_endpoint_parse);
    HOLDS(url->port >= 1 && url->port <= 65535);
    HOLDS(url->port_is_default == (url->port == (url->is_tls ? 443 : 80)));
    dds_endpoint_append_host(&header, url);
    HOLDS(strpbrk(dds_buffer_text(&header), "\r\n /@") == NULL);
    dds_buffer_append_format(&whole, "http%s://%s%s", url->is_tls ? "s" : "",
                             dds_buffer_text(&header), url->path);
    HOLDS(parse(dds_buffer_text(&whole), &again, &error));
    HOLDS(is_same_url(url, &again));
  }
  dds_buffer_free(&whole);
  dds_buffer_free(&header);
  return is_parsed;
}

/* AWS's own endpoint: https, below a suffix of AWS's, whatever region and account are. */
static void check_regional(const dds_endpoint_parameters *parameters) {
  static const char *const suffixes[] = {".amazonaws.com",       ".amazonaws.com.cn",
                                         ".amazonaws.eu",        ".c2s.ic.gov",
                                         ".sc2s.sgov.gov",       ".cloud.adc-e.uk",
                                         ".hci.ic.gov",          ".api.aws",
                                         ".aws.ic.gov",          ".aws.scloud",
                                         ".cloud-aws.adc-e.uk",  ".amazonwebservices.com.cn",
                                         ".amazonwebservices.eu"};
  dds_error error = DDS_ERROR_INIT;
  dds_endpoint endpoint;
  dds_url url;
  if (!dds_endpoint_resolve(parameters, &endpoint, &error)) {
    HOLDS(endpoint.url == NULL && endpoint.signing_region == NULL && error.code != DDS_OK);
    return;
  }
  bool is_below = strcmp(endpoint.url, "http://localhost:8000") == 0;
  size_t length = strlen(endpoint.url);
  for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
    size_t suffix_length = strlen(suffixes[i]);
    is_below = is_below || (length > suffix_length &&
                            strcmp(endpoint.url + length - suffix_length, suffixes[i]) == 0);
  }
  HOLDS(is_below);
  HOLDS(check_url(dds_endpoint_parse, endpoint.url, &url));
  HOLDS(url.path[0] == '\0' && url.is_tls != dds_endpoint_is_loopback(&url));
  dds_endpoint_free(&endpoint);
}

static void check_custom(const char *text, const char *region) {
  const dds_endpoint_parameters parameters = {.region = region, .custom_url = text};
  dds_error error = DDS_ERROR_INIT;
  dds_endpoint endpoint;
  dds_url url, given;
  if (dds_endpoint_resolve(&parameters, &endpoint, &error)) {
    size_t length = strlen(endpoint.url);
    HOLDS(strncmp(endpoint.url, text, length) == 0);
    HOLDS(text[length] == '\0' || strcmp(text + length, "/") == 0);
    HOLDS(endpoint.url[length - 1] != '/');
    HOLDS(strcmp(endpoint.signing_region, region) == 0);
    HOLDS(check_url(dds_endpoint_parse, endpoint.url, &url));
    HOLDS(check_url(dds_endpoint_parse, text, &given));
    HOLDS(url.host_length == given.host_length && url.port == given.port);
  }
  dds_endpoint_free(&endpoint);
}

/* Ends a line with a NUL and gives the next one. */
static char *end_line(char *line) {
  char *end = line + strcspn(line, "\n");
  if (*end != '\0') {
    *end++ = '\0';
  }
  return end;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  char text[TEXT_BYTES / 4];
  dds_url url, any;
  if (size >= sizeof text) {
    return 0;
  }
  memcpy(text, data, size);
  text[size] = '\0';
  char *region = end_line(text), *account = end_line(region);
  end_line(account);

  bool is_endpoint = check_url(dds_endpoint_parse, text, &url);
  bool is_url = check_url(dds_endpoint_parse_any, text, &any);
  HOLDS(!is_endpoint || (is_url && is_same_url(&url, &any)));
  check_custom(text, region);
  check_custom(text, "us-east-1");
  for (unsigned int i = 0; i < 12; i++) {
    const dds_endpoint_parameters parameters = {.service = (dds_service)(size % DDS_SERVICE_COUNT),
                                                .region = region,
                                                .account_id = account,
                                                .use_fips = i % 2 == 1,
                                                .use_dualstack = i / 2 % 2 == 1,
                                                .account_mode = (dds_account_mode)(i / 4 % 3)};
    check_regional(&parameters);
  }
  return 0;
}
