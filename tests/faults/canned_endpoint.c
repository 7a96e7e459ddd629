/* A DynamoDB of fixed answers in a child process; what it saw stands in shared memory. */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "canned_endpoint.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST_WRITES = 200, MOST_CONNECTIONS = 60, REQUEST_BYTES = 65536 };

struct canned_endpoint {
  pid_t child;
  int alive; /* the child ends when this pipe's writing end closes */
  volatile int created;
  volatile int failing_writes;
  volatile int throttled_writes;
  volatile size_t request_count;
  volatile size_t write_count;
  canned_write writes[MOST_WRITES];
};

typedef struct connection {
  int socket;
  size_t length;
  char bytes[REQUEST_BYTES + 1];
} connection;

/* ---- answers ---------------------------------------------------------------------------------*/

#define ITEM_A                                                                                     \
  "{\"sessionId\":{\"S\":\"a\"},\"session_data\":{\"S\":\"{\\\"cookie\\\":{\\\"originalMaxAge\\\"" \
  ":3600000,\\\"expires\\\":\\\"2100-01-01T00:00:00.000Z\\\"},\\\"n\\\":1}\"},\"expireTime\":"     \
  "{\"N\":\"4102444800000\"},\"expireTime_TTL\":{\"N\":\"4102444800\"},\"userId\":{\"S\":\"42\"}," \
  "\"score\":{\"N\":\"1.5\"},\"tags\":{\"SS\":[\"x\",\"y\"]}}"
#define ITEM_B                                                                                 \
  "{\"sessionId\":{\"S\":\"b\"},\"session_data\":{\"S\":\"{\\\"cookie\\\":{},\\\"n\\\":2}\"}," \
  "\"expireTime\":{\"N\":\"1000000000000\"},\"expireTime_TTL\":{\"N\":\"1000000000\"},"        \
  "\"userId\":{\"S\":\"43\"}}"
#define ITEM_C                                                                                 \
  "{\"sessionId\":{\"S\":\"c\"},\"session_data\":{\"S\":\"{\\\"cookie\\\":{},\\\"n\\\":3}\"}," \
  "\"expireTime\":{\"N\":\"4102444800500\"},\"expireTime_TTL\":{\"N\":\"4102444801\"}}"
#define TABLE                                                                                      \
  "{\"TableName\":\"sessions\",\"TableStatus\":\"ACTIVE\",\"ItemCount\":3,\"TableSizeBytes\":300," \
  "\"TableArn\":\"arn:aws:dynamodb:us-east-1:000000000000:table/sessions\",\"KeySchema\":["        \
  "{\"AttributeName\":\"sessionId\",\"KeyType\":\"HASH\"}],\"AttributeDefinitions\":["             \
  "{\"AttributeName\":\"sessionId\",\"AttributeType\":\"S\"},{\"AttributeName\":\"userId\","       \
  "\"AttributeType\":\"S\"}],\"BillingModeSummary\":"                                              \
  "{\"BillingMode\":\"PAY_PER_REQUEST\"},\"ProvisionedThroughput\":{\"ReadCapacityUnits\":0,"      \
  "\"WriteCapacityUnits\":0},\"GlobalSecondaryIndexes\":[{\"IndexName\":\"by-user\","              \
  "\"IndexStatus\":\"ACTIVE\",\"KeySchema\":[{\"AttributeName\":\"userId\",\"KeyType\":"           \
  "\"HASH\"}],\"Projection\":{\"ProjectionType\":\"KEYS_ONLY\"}}]}"

static const char page_1[] = "{\"Items\":[" ITEM_A "," ITEM_B "],\"Count\":2,\"ScannedCount\":2,"
                             "\"LastEvaluatedKey\":{\"sessionId\":{\"S\":\"b\"}}}";
static const char page_2[] = "{\"Items\":[" ITEM_C "],\"Count\":1,\"ScannedCount\":1}";
static const char no_table[] =
    "{\"__type\":\"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException\","
    "\"message\":\"Requested resource not found\"}";
static const char server_error[] =
    "{\"__type\":\"com.amazonaws.dynamodb.v20120810#InternalServerError\",\"message\":\"no\"}";
static const char throttled[] =
    "{\"__type\":\"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException\","
    "\"message\":\"no\"}";

static bool is_key(const char *body, const char *key) {
  char member[64];
  snprintf(member, sizeof member, "\"sessionId\":{\"S\":\"%s\"}", key);
  return strstr(body, member) != NULL;
}

/* More attributes than one write can assert. */
static const char *big_item(void) {
  enum { ATTRIBUTES = 160 };
  static char answer[ATTRIBUTES * 32];
  size_t used = (size_t)snprintf(answer, sizeof answer,
                                 "{\"Item\":{\"sessionId\":{\"S\":\"big\"},"
                                 "\"session_data\":{\"S\":\"{\\\"cookie\\\":{}}\"}");
  for (int i = 0; i < ATTRIBUTES; i++) {
    used += (size_t)snprintf(answer + used, sizeof answer - used, ",\"x%d\":{\"N\":\"%d\"}", i, i);
  }
  snprintf(answer + used, sizeof answer - used, "}}");
  return answer;
}

static const char *get_item(const char *body) {
  static const struct {
    const char *key;
    const char *answer;
  } items[] = {
      {"a", "{\"Item\":" ITEM_A "}"},
      {"b", "{\"Item\":" ITEM_B "}"},
      {"c", "{\"Item\":" ITEM_C "}"},
  };
  for (size_t i = 0; i < sizeof items / sizeof items[0]; i++) {
    if (is_key(body, items[i].key)) {
      return items[i].answer;
    }
  }
  return is_key(body, "big") ? big_item() : "{}";
}

/* Of a BatchGetItem: those of the three items whose keys it names. */
static const char *get_items(const char *body) {
  static const struct {
    const char *key;
    const char *item;
  } items[] = {{"a", ITEM_A}, {"b", ITEM_B}, {"c", ITEM_C}};
  static char found[4096];
  size_t used = (size_t)snprintf(found, sizeof found, "{\"Responses\":{\"sessions\":[");
  const char *separator = "";
  for (size_t i = 0; i < sizeof items / sizeof items[0]; i++) {
    if (is_key(body, items[i].key)) {
      used += (size_t)snprintf(found + used, sizeof found - used, "%s%s", separator, items[i].item);
      separator = ",";
    }
  }
  snprintf(found + used, sizeof found - used, "]},\"UnprocessedKeys\":{}}");
  return found;
}

/* `length` bytes of a body. */
static void record_write(canned_endpoint *shared, const char *operation, const char *body,
                         size_t body_length) {
  static const char key_member[] = "\"sessionId\":{\"S\":\"";
  if (shared->write_count == MOST_WRITES) {
    return;
  }
  canned_write *write = &shared->writes[shared->write_count];
  const char *key = strstr(body, key_member);
  size_t length = key == NULL ? 0 : strcspn(key + strlen(key_member), "\"");
  *write = (canned_write){0};
  snprintf(write->operation, sizeof write->operation, "%s", operation);
  if (length < sizeof write->key && key != NULL) {
    memcpy(write->key, key + strlen(key_member), length);
  }
  snprintf(write->body, sizeof write->body, "%.*s", (int)body_length, body);
  shared->write_count++;
}

/* What an element of a transaction or a batch begins with, and what it would be alone. A string in
 * JSON cannot hold it: its quotes would be escaped. */
static const struct {
  const char *begin;
  const char *operation;
} elements[] = {
    {"{\"Put\":{\"TableName\"", "PutItem"},        {"{\"Update\":{\"TableName\"", "UpdateItem"},
    {"{\"Delete\":{\"TableName\"", "DeleteItem"},  {"{\"PutRequest\":{\"Item\"", "PutItem"},
    {"{\"DeleteRequest\":{\"Key\"", "DeleteItem"},
};
enum { ELEMENTS = sizeof elements / sizeof elements[0] };

/* The next element of a body, and which of the above it is; NULL at the end. */
static const char *find_element(const char *body, size_t *kind) {
  const char *first = NULL;
  for (size_t i = 0; i < ELEMENTS; i++) {
    const char *at = strstr(body, elements[i].begin);
    if (at != NULL && (first == NULL || at < first)) {
      first = at;
      *kind = i;
    }
  }
  return first;
}

/* Where the element ends: before the comma in front of the next one, or what closes the list. */
static const char *end_of_element(const char *at, const char *next) {
  static const char *const closing[] = {"],\"ClientRequestToken\":",
                                        "]},\"ReturnConsumedCapacity\""};
  if (next != NULL) {
    return next - 1;
  }
  for (size_t i = 0; i < sizeof closing / sizeof closing[0]; i++) {
    const char *end = strstr(at, closing[i]);
    if (end != NULL) {
      return end;
    }
  }
  return at + strlen(at);
}

/* Each write of a transaction or a batch by itself. */
static void record_writes(canned_endpoint *shared, const char *operation, const char *body) {
  size_t kind = 0;
  size_t next_kind = 0;
  const char *at = find_element(body, &kind);
  if (at == NULL) {
    record_write(shared, operation, body, strlen(body));
  }
  while (at != NULL) {
    const char *next = find_element(at + 1, &next_kind);
    record_write(shared, elements[kind].operation, at, (size_t)(end_of_element(at, next) - at));
    at = next;
    kind = next_kind;
  }
}

#define TAKEN \
  "{\"sessionId\":{\"S\":\"taken\"},\"session_data\":{\"S\":\"{}\"},\"expireTime\":{\"N\":\"1\"}}"

/* `taken` is there for a write that must not find it; a transaction says of each write whether it
 * was refused. NULL: nothing is. */
static const char *refuse_taken(const char *operation, const char *body) {
  static char cancelled[4096];
  size_t kind;
  size_t used = 0;
  if (!is_key(body, "taken") || strstr(body, "attribute_not_exists") == NULL) {
    return NULL;
  }
  if (strcmp(operation, "TransactWriteItems") != 0) {
    return "{\"__type\":\"x#ConditionalCheckFailedException\",\"message\":\"no\",\"Item\":" TAKEN
           "}";
  }
  for (const char *at = find_element(body, &kind); at != NULL; at = find_element(at + 1, &kind)) {
    const char *next = find_element(at + 1, &kind);
    const char *taken = strstr(at, "{\"S\":\"taken\"}");
    bool is_refused = taken != NULL && (next == NULL || taken < next);
    used += (size_t)snprintf(cancelled + used, sizeof cancelled - used, "%s%s",
                             used == 0 ? "{\"__type\":\"x#TransactionCanceledException\","
                                         "\"message\":\"no\",\"CancellationReasons\":["
                                       : ",",
                             is_refused ? "{\"Code\":\"ConditionalCheckFailed\",\"Item\":" TAKEN "}"
                                        : "{\"Code\":\"None\"}");
  }
  snprintf(cancelled + used, sizeof cancelled - used, "]}");
  return cancelled;
}

static const char *answer_write(canned_endpoint *shared, const char *operation, const char *body,
                                int *status) {
  if (shared->throttled_writes > 0) {
    shared->throttled_writes--;
    *status = 400;
    return throttled;
  }
  const char *refusal = refuse_taken(operation, body);
  if (refusal != NULL) {
    *status = 400;
    return refusal;
  }
  record_writes(shared, operation, body);
  if (shared->failing_writes > 0) {
    shared->failing_writes--;
    *status = 500;
    return server_error;
  }
  return "{\"ConsumedCapacity\":{\"TableName\":\"sessions\",\"CapacityUnits\":1.0}}";
}

static const char *answer(canned_endpoint *shared, const char *operation, const char *body,
                          int *status) {
  *status = 200;
  shared->request_count++;
  if (strcmp(operation, "CreateTable") == 0) {
    shared->created = 1;
    return "{\"TableDescription\":" TABLE "}";
  }
  if (!shared->created && strstr(body, "\"sessions\"") == NULL) {
    *status = 400;
    return no_table;
  }
  if (strcmp(operation, "DescribeTable") == 0) {
    return "{\"Table\":" TABLE "}";
  }
  if (strcmp(operation, "GetItem") == 0) {
    return get_item(body);
  }
  if (strcmp(operation, "BatchGetItem") == 0) {
    return get_items(body);
  }
  if (strcmp(operation, "Query") == 0) {
    return "{\"Items\":[" ITEM_A "],\"Count\":1,\"ScannedCount\":1}";
  }
  if (strcmp(operation, "Scan") == 0) {
    return strstr(body, "ExclusiveStartKey") ? page_2 : page_1;
  }
  if (strcmp(operation, "DescribeTimeToLive") == 0) {
    return "{\"TimeToLiveDescription\":{\"TimeToLiveStatus\":\"DISABLED\"}}";
  }
  if (strcmp(operation, "UpdateTimeToLive") == 0) {
    return "{\"TimeToLiveSpecification\":{\"Enabled\":true,\"AttributeName\":\"ttl\"}}";
  }
  return answer_write(shared, operation, body, status);
}

/* ---- HTTP ------------------------------------------------------------------------------------*/

static void send_all(int to, const char *bytes, size_t length) {
  while (length > 0) {
    ssize_t sent = send(to, bytes, length, MSG_NOSIGNAL);
    if (sent <= 0) {
      return;
    }
    bytes += sent;
    length -= (size_t)sent;
  }
}

static void send_answer(int to, int status, const char *body) {
  char response[REQUEST_BYTES];
  int length = snprintf(response, sizeof response,
                        "HTTP/1.1 %d X\r\nContent-Type: application/x-amz-json-1.0\r\n"
                        "x-amzn-RequestId: CANNED\r\nContent-Length: %zu\r\n\r\n%s",
                        status, strlen(body), body);
  send_all(to, response, (size_t)length);
}

/* Answers the request at the front if all of it is there; false where there is none yet. */
static bool answer_request(canned_endpoint *shared, connection *from) {
  static const char target[] = "DynamoDB_20120810.";
  from->bytes[from->length] = '\0';
  char *end = strstr(from->bytes, "\r\n\r\n");
  if (end == NULL) {
    return false;
  }
  char *length_at = strstr(from->bytes, "Content-Length: ");
  char *operation_at = strstr(from->bytes, target);
  if (length_at == NULL || operation_at == NULL) {
    return false;
  }
  size_t body_length = strtoul(length_at + 16, NULL, 10);
  size_t total = (size_t)(end + 4 - from->bytes) + body_length;
  if (from->length < total) {
    return false;
  }
  char operation[32] = "";
  int status = 0;
  operation_at += strlen(target);
  snprintf(operation, sizeof operation, "%.*s", (int)strcspn(operation_at, "\r"), operation_at);
  char behind = from->bytes[total];
  from->bytes[total] = '\0';
  const char *body = answer(shared, operation, end + 4, &status);
  from->bytes[total] = behind;
  send_answer(from->socket, status, body);
  from->length -= total;
  memmove(from->bytes, from->bytes + total, from->length);
  return true;
}

/* False where the client has closed it. */
static bool serve_connection(canned_endpoint *shared, connection *from) {
  ssize_t count = recv(from->socket, from->bytes + from->length, REQUEST_BYTES - from->length, 0);
  if (count <= 0) {
    return false;
  }
  from->length += (size_t)count;
  while (answer_request(shared, from)) {
    continue;
  }
  return true;
}

static connection *accept_connection(int listener) {
  int on = 1;
  connection *made = malloc(sizeof *made);
  if (made == NULL) {
    _exit(1);
  }
  made->socket = accept(listener, NULL, NULL);
  made->length = 0;
  setsockopt(made->socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return made;
}

static void serve(canned_endpoint *shared, int listener, int alive) {
  connection *connections[MOST_CONNECTIONS];
  size_t count = 0;
  for (;;) {
    struct pollfd waits[MOST_CONNECTIONS + 2] = {{.fd = alive, .events = POLLIN},
                                                 {.fd = listener, .events = POLLIN}};
    for (size_t i = 0; i < count; i++) {
      waits[i + 2] = (struct pollfd){.fd = connections[i]->socket, .events = POLLIN};
    }
    if (poll(waits, count + 2, -1) < 0) {
      continue;
    }
    if (waits[0].revents != 0) {
      _exit(0);
    }
    size_t kept = 0;
    size_t before = count;
    for (size_t i = 0; i < before; i++) {
      if (waits[i + 2].revents == 0 || serve_connection(shared, connections[i])) {
        connections[kept++] = connections[i];
      } else {
        close(connections[i]->socket);
        free(connections[i]);
      }
    }
    count = kept;
    if (waits[1].revents != 0 && count < MOST_CONNECTIONS) {
      connections[count++] = accept_connection(listener);
    }
  }
}

/* ---- start and stop --------------------------------------------------------------------------*/

static void must(bool ok, const char *what) {
  if (!ok) {
    perror(what);
    exit(1);
  }
}

static void set_environment(int port) {
  static const char *const unset[] = {
      "AWS_PROFILE",    "AWS_SESSION_TOKEN", "AWS_MAX_ATTEMPTS", "AWS_ENDPOINT_URL",
      "AWS_RETRY_MODE", "http_proxy",        "https_proxy",      "all_proxy",
      "HTTP_PROXY",     "HTTPS_PROXY",       "ALL_PROXY",        "AWS_DEFAULT_REGION",
  };
  char url[64];
  for (size_t i = 0; i < sizeof unset / sizeof unset[0]; i++) {
    unsetenv(unset[i]);
  }
  snprintf(url, sizeof url, "http://127.0.0.1:%d", port);
  setenv("AWS_ENDPOINT_URL_DYNAMODB", url, 1);
  setenv("AWS_REGION", "us-east-1", 1);
  setenv("AWS_ACCESS_KEY_ID", "local", 1);
  setenv("AWS_SECRET_ACCESS_KEY", "local", 1);
  setenv("AWS_CONFIG_FILE", "/dev/null", 1);
  setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null", 1);
}

canned_endpoint *canned_endpoint_start(void) {
  struct sockaddr_in address = {.sin_family = AF_INET};
  socklen_t size = sizeof address;
  int alive[2];
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  canned_endpoint *shared =
      mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  must(shared != MAP_FAILED, "mmap");
  must(listener >= 0 && bind(listener, (struct sockaddr *)&address, sizeof address) == 0 &&
           listen(listener, MOST_CONNECTIONS) == 0 &&
           getsockname(listener, (struct sockaddr *)&address, &size) == 0,
       "listen");
  must(pipe(alive) == 0, "pipe");
  pid_t child = fork();
  must(child >= 0, "fork");
  if (child == 0) {
    close(alive[1]);
    serve(shared, listener, alive[0]);
  }
  close(listener);
  close(alive[0]);
  shared->child = child;
  shared->alive = alive[1];
  set_environment(ntohs(address.sin_port));
  return shared;
}

void canned_endpoint_stop(canned_endpoint *endpoint) {
  close(endpoint->alive);
  waitpid(endpoint->child, NULL, 0);
  munmap(endpoint, sizeof *endpoint);
}

void canned_endpoint_reset(canned_endpoint *endpoint) {
  endpoint->created = 0;
  endpoint->failing_writes = 0;
  endpoint->throttled_writes = 0;
  endpoint->request_count = 0;
  endpoint->write_count = 0;
}

size_t canned_endpoint_request_count(const canned_endpoint *endpoint) {
  return endpoint->request_count;
}

size_t canned_endpoint_write_count(const canned_endpoint *endpoint) {
  return endpoint->write_count;
}

const canned_write *canned_endpoint_write(const canned_endpoint *endpoint, size_t index) {
  return &endpoint->writes[index];
}

void canned_endpoint_fail_writes(canned_endpoint *endpoint, int count) {
  endpoint->failing_writes = count;
}

void canned_endpoint_throttle_writes(canned_endpoint *endpoint, int count) {
  endpoint->throttled_writes = count;
}
