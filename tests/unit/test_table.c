/* Calls about a table as a whole: bodies, descriptions, waiting, time to live. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "dynamodb/table.h"
#include "failing_allocator.h"
#include "table_fixture.h"

#define NOT_FOUND \
  "{\"__type\":\"a#ResourceNotFoundException\",\"message\":\"Requested resource not found\"}"

#define PROVISIONED_TABLE                                                            \
  "{\"Table\":{\"TableStatus\":\"ACTIVE\",\"ItemCount\":12,\"TableSizeBytes\":3456," \
  "\"TableArn\":\"arn:aws:dynamodb:us-east-1:000000000000:table/prod-sessions\","    \
  "\"AttributeDefinitions\":[{\"AttributeName\":\"sk\",\"AttributeType\":\"N\"},"    \
  "{\"AttributeName\":\"pk\",\"AttributeType\":\"B\"}],"                             \
  "\"KeySchema\":[{\"AttributeName\":\"sk\",\"KeyType\":\"RANGE\"},"                 \
  "{\"AttributeName\":\"pk\",\"KeyType\":\"HASH\"}],"                                \
  "\"ProvisionedThroughput\":{\"ReadCapacityUnits\":5,\"WriteCapacityUnits\":6},"    \
  "\"GlobalSecondaryIndexes\":[{\"IndexName\":\"u\",\"IndexStatus\":\"CREATING\","   \
  "\"KeySchema\":[{\"AttributeName\":\"userId\",\"KeyType\":\"HASH\"}],"             \
  "\"Projection\":{\"ProjectionType\":\"ALL\"}},{\"IndexName\":\"v\"}],"             \
  "\"Replicas\":[{\"RegionName\":\"eu-west-1\"},{\"RegionName\":\"ap-south-1\"}]}}"

static void describes_a_table(void **state) {
  (void)state;
  table_fixture f;
  dds_table_description description;
  table_fixture_set_up(&f);
  scripted_transport_answer(f.script, 200, PROVISIONED_TABLE);
  assert_true(dds_table_describe(&f.table, &description, &f.error));
  assert_string_equal(table_fixture_body(&f, 0), "{\"TableName\":\"prod-sessions\"}");
  assert_true(description.exists);
  assert_string_equal(description.status, "ACTIVE");
  assert_int_equal(description.items, 12);
  assert_int_equal(description.bytes, 3456);
  assert_string_equal(description.billing, "PROVISIONED");
  assert_int_equal(description.read_capacity, 5);
  assert_int_equal(description.write_capacity, 6);
  assert_string_equal(description.arn,
                      "arn:aws:dynamodb:us-east-1:000000000000:table/prod-sessions");
  assert_string_equal(description.hash_key, "pk");
  assert_string_equal(description.hash_key_type, "B");
  assert_string_equal(description.sort_key, "sk");
  assert_string_equal(
      description.indexes,
      "[{\"name\":\"u\",\"keys\":[{\"AttributeName\":\"userId\",\"KeyType\":\"HASH\"}],"
      "\"projection\":\"ALL\",\"status\":\"CREATING\"},{\"name\":\"v\"}]");
  assert_string_equal(description.replicas, "[\"eu-west-1\",\"ap-south-1\"]");
  dds_table_description_free(&description);
  table_fixture_tear_down(&f);
}

static void describes_a_table_on_demand(void **state) {
  (void)state;
  table_fixture f;
  dds_table_description description;
  table_fixture_set_up(&f);
  scripted_transport_answer(
      f.script, 200,
      "{\"Table\":{\"TableStatus\":\"CREATING\",\"BillingModeSummary\":{\"BillingMode\":"
      "\"PAY_PER_REQUEST\"},\"ProvisionedThroughput\":{\"ReadCapacityUnits\":0}}}");
  assert_true(dds_table_describe(&f.table, &description, &f.error));
  assert_string_equal(description.billing, "PAY_PER_REQUEST");
  assert_int_equal(description.read_capacity, -1);
  assert_null(description.indexes);
  assert_null(description.replicas);
  assert_null(description.hash_key);
  dds_table_description_free(&description);
  table_fixture_tear_down(&f);
}

static void a_missing_table_is_no_error(void **state) {
  (void)state;
  table_fixture f;
  dds_table_description description;
  table_fixture_set_up(&f);
  scripted_transport_answer(f.script, 400, NOT_FOUND);
  assert_true(dds_table_describe(&f.table, &description, &f.error));
  assert_false(description.exists);
  scripted_transport_answer(f.script, 200, "{}");
  assert_false(dds_table_describe(&f.table, &description, &f.error));
  assert_int_equal(f.error.code, DDS_ERROR);
  table_fixture_tear_down(&f);
}

static void creates_a_table(void **state) {
  (void)state;
  table_fixture f;
  bool created;
  table_fixture_set_up(&f);
  scripted_transport_answer(f.script, 200, "{\"TableDescription\":{}}");
  scripted_transport_answer(f.script, 200, "{\"TableDescription\":{}}");
  scripted_transport_answer(f.script, 400, "{\"__type\":\"a#ResourceInUseException\"}");
  scripted_transport_answer(f.script, 400, "{\"__type\":\"a#AccessDeniedException\"}");
  assert_true(dds_table_create(&f.table, "id", 0, 0, &created, &f.error) && created);
  assert_true(dds_table_create(&f.table, "i\"d", 5, 6, &created, &f.error) && created);
  assert_true(dds_table_create(&f.table, "id", 0, 0, &created, &f.error) && !created);
  assert_false(dds_table_create(&f.table, "id", 0, 0, &created, &f.error));
  assert_int_equal(f.error.code, DDS_AUTH);
  assert_string_equal(
      table_fixture_body(&f, 0),
      "{\"TableName\":\"prod-sessions\",\"AttributeDefinitions\":[{\"AttributeName\":"
      "\"id\",\"AttributeType\":\"S\"}],\"KeySchema\":[{\"AttributeName\":\"id\","
      "\"KeyType\":\"HASH\"}],\"BillingMode\":\"PAY_PER_REQUEST\"}");
  assert_non_null(
      strstr(table_fixture_body(&f, 1),
             "\"i\\\"d\",\"KeyType\":\"HASH\"}],\"BillingMode\":\"PROVISIONED\","
             "\"ProvisionedThroughput\":{\"ReadCapacityUnits\":5,\"WriteCapacityUnits\":6}}"));
  table_fixture_tear_down(&f);
}

static void answer_status(table_fixture *f, const char *status) {
  dds_buffer body = DDS_BUFFER_INIT(1000);
  dds_buffer_append_format(&body, "{\"Table\":{\"TableStatus\":\"%s\"}}", status);
  scripted_transport_answer(f->script, 200, dds_buffer_text(&body));
  dds_buffer_free(&body);
}

static void waits_until_active(void **state) {
  (void)state;
  table_fixture f;
  table_fixture_set_up(&f);
  int64_t start_ms = scripted_transport_now(f.script);
  scripted_transport_answer(f.script, 400, NOT_FOUND);
  answer_status(&f, "CREATING");
  answer_status(&f, "CREATING");
  answer_status(&f, "ACTIVE");
  assert_true(dds_table_wait_active(&f.table, 60000, &f.error));
  int64_t waited_ms = scripted_transport_now(f.script) - start_ms;
  assert_int_equal(waited_ms, 20 + 40 + 80 + 4); /* and a millisecond for each answer */
  table_fixture_tear_down(&f);
}

static void says_why_a_table_is_not_active(void **state) {
  (void)state;
  static const char *const hopeless[] = {"DELETING", "INACCESSIBLE_ENCRYPTION_CREDENTIALS"};
  for (size_t i = 0; i < 2; i++) {
    table_fixture f;
    table_fixture_set_up(&f);
    answer_status(&f, hopeless[i]);
    assert_false(dds_table_wait_active(&f.table, 60000, &f.error));
    assert_non_null(strstr(f.error.message, hopeless[i]));
    table_fixture_tear_down(&f);
  }
  table_fixture f;
  table_fixture_set_up(&f);
  for (int i = 0; i < 4; i++) {
    answer_status(&f, "CREATING");
  }
  assert_false(dds_table_wait_active(&f.table, 100, &f.error));
  assert_string_equal(f.error.message,
                      "table \"prod-sessions\" is not ACTIVE: its status is CREATING");
  table_fixture_tear_down(&f);
}

static void describes_and_enables_ttl(void **state) {
  (void)state;
  table_fixture f;
  char *attribute;
  char *status;
  table_fixture_set_up(&f);
  scripted_transport_answer(f.script, 200,
                            "{\"TimeToLiveDescription\":{\"TimeToLiveStatus\":\"ENABLED\","
                            "\"AttributeName\":\"expires\"}}");
  assert_true(dds_table_describe_ttl(&f.table, &attribute, &status, &f.error));
  assert_string_equal(attribute, "expires");
  assert_string_equal(status, "ENABLED");
  dds_free(attribute);
  dds_free(status);
  scripted_transport_answer(f.script, 200,
                            "{\"TimeToLiveDescription\":{\"TimeToLiveStatus\":\"DISABLED\"}}");
  assert_true(dds_table_describe_ttl(&f.table, &attribute, &status, &f.error));
  assert_string_equal(attribute, "");
  dds_free(attribute);
  dds_free(status);
  scripted_transport_answer(f.script, 200, "{}");
  scripted_transport_answer(f.script, 400,
                            "{\"__type\":\"a#ValidationException\",\"message\":"
                            "\"TimeToLive is already enabled\"}");
  scripted_transport_answer(f.script, 400,
                            "{\"__type\":\"a#ValidationException\",\"message\":"
                            "\"TimeToLive is active on a different AttributeName\"}");
  assert_true(dds_table_enable_ttl(&f.table, "expires", &f.error));
  assert_true(dds_table_enable_ttl(&f.table, "expires", &f.error));
  assert_false(dds_table_enable_ttl(&f.table, "expires", &f.error));
  assert_string_equal(
      table_fixture_body(&f, 2),
      "{\"TableName\":\"prod-sessions\",\"TimeToLiveSpecification\":{\"Enabled\":true,"
      "\"AttributeName\":\"expires\"}}");
  table_fixture_tear_down(&f);
}

static void script_two_descriptions(table_fixture *f) {
  scripted_transport_answer(f->script, 200, PROVISIONED_TABLE);
  scripted_transport_answer(f->script, 200,
                            "{\"TimeToLiveDescription\":{\"AttributeName\":\"x\"}}");
  scripted_transport_answer(f->script, 200, "{}");
  scripted_transport_answer(f->script, 200, "{}");
}

static bool call_everything(table_fixture *f, dds_error *error) {
  dds_table_description description = {0};
  char *attribute = NULL;
  char *status = NULL;
  bool created;
  bool is_done = dds_table_describe(&f->table, &description, error) &&
                 dds_table_describe_ttl(&f->table, &attribute, &status, error) &&
                 dds_table_create(&f->table, "id", 1, 1, &created, error) &&
                 dds_table_enable_ttl(&f->table, "x", error);
  dds_table_description_free(&description);
  dds_free(attribute);
  dds_free(status);
  return is_done;
}

static void survives_every_refused_allocation(void **state) {
  (void)state;
  table_fixture_sweep(script_two_descriptions, call_everything);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(describes_a_table),
      cmocka_unit_test(describes_a_table_on_demand),
      cmocka_unit_test(a_missing_table_is_no_error),
      cmocka_unit_test(creates_a_table),
      cmocka_unit_test(waits_until_active),
      cmocka_unit_test(says_why_a_table_is_not_active),
      cmocka_unit_test(describes_and_enables_ttl),
      cmocka_unit_test(survives_every_refused_allocation),
  };
  return cmocka_run_group_tests(tests, failing_allocator_set_up, NULL);
}
