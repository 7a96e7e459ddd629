"""dynamodb_requests and dynamodb_status: what they tell, and which requests that costs.

dynamodb_layouts stands in test_layouts.py.
"""

import json
import sqlite3
import time

import pytest
from scripted_endpoint import aws_error

FUTURE = 4_000_000_000


def make_item(sid):
    return {"sessionId": {"S": sid}, "session_data": {"S": '{"views":1}'},
            "expireTime": {"N": "%d000" % FUTURE}, "expireTime_TTL": {"N": str(FUTURE)}}


@pytest.fixture
def table(make_table):
    return make_table("sessionId", items=[make_item("a"), make_item("b")])


# ---- dynamodb_requests --------------------------------------------------------------------------


def test_the_columns_of_dynamodb_requests(connect):
    columns = [row[1:3] for row in connect().execute("PRAGMA table_xinfo(dynamodb_requests)")]
    assert columns == [
        ("id", "INTEGER"), ("time", "REAL"), ("operation", "TEXT"), ("table_name", "TEXT"),
        ("request", "TEXT"), ("status", "INTEGER"), ("error", "TEXT"), ("attempts", "INTEGER"),
        ("duration_ms", "INTEGER"), ("request_bytes", "INTEGER"), ("response_bytes", "INTEGER"),
        ("items", "INTEGER"), ("scanned", "INTEGER"), ("capacity_units", "REAL"),
        ("request_id", "TEXT")]


def test_every_request_is_a_row(table, open_table, requests_of):
    connection = open_table(table)
    before = time.time()
    connection.execute("SELECT count(*) FROM s WHERE expired = 0").fetchall()
    connection.execute("SELECT * FROM s WHERE sid = 'a'").fetchall()
    connection.execute("INSERT INTO s(sid, session) VALUES ('c', '{}')")
    connection.execute("INSERT OR REPLACE INTO s(sid, session) VALUES ('c', '{}')")
    connection.execute("UPDATE s SET expires = expires + 1 WHERE sid = 'a'")
    connection.execute("DELETE FROM s WHERE sid = 'b'")
    rows = requests_of(connection)
    assert [(row["operation"], row["items"], row["scanned"]) for row in rows] == [
        ("Scan", 2, 2), ("GetItem", 1, None), ("PutItem", 1, None), ("PutItem", 1, None),
        ("GetItem", 1, None), ("UpdateItem", 1, None), ("GetItem", 1, None),
        ("DeleteItem", 1, None)]
    assert [row["id"] for row in rows] == list(range(1, 9))
    assert rows[0]["time"] >= before - 1 and rows[-1]["time"] <= time.time() + 1
    for row in rows:
        assert (row["table_name"], row["status"], row["error"]) == (table, 200, None)
        assert row["attempts"] == 1 and row["duration_ms"] >= 0 and row["capacity_units"] > 0
        assert row["request_bytes"] > 50 and row["response_bytes"] > 2 and row["request_id"]


def test_the_words_of_writes_say_their_conditions_without_values(table, open_table, requests_of):
    connection = open_table(table)
    connection.execute("INSERT INTO s(sid, session) VALUES ('new-sid', '{\"x\":\"new-data\"}')")
    connection.execute("UPDATE s SET session = json_set(session, '$.views', 9) WHERE sid = 'a'")
    connection.execute("DELETE FROM s WHERE expires < 5000000000 AND sid = 'b'")
    words = {row["operation"]: row["request"] for row in requests_of(connection)}
    assert words["PutItem"] == "put if attribute_not_exists(sessionId)"
    assert "session_data = ?" in words["UpdateItem"]
    assert "expireTime" in words["DeleteItem"]
    assert not any(value in str(words) for value in ("new-sid", "new-data", "views", "5000000000"))


def test_a_call_is_one_row_however_many_attempts_it_took(
        table, open_table, scripted_endpoint, requests_of):
    scripted_endpoint.queue(aws_error("InternalServerError", "try again", status=500))
    connection = open_table(table, "endpoint_url='%s'" % scripted_endpoint.url)
    assert connection.execute("SELECT count(*) FROM s").fetchone() == (2,)
    (row,) = requests_of(connection)
    assert (row["status"], row["error"], row["attempts"], row["items"]) == (200, None, 2, 2)


def test_a_refused_request_is_a_row_with_its_error(open_table, table_name, requests_of):
    connection = open_table(table_name)
    with pytest.raises(sqlite3.OperationalError):
        connection.execute("SELECT * FROM s").fetchall()
    (row,) = requests_of(connection)
    assert (row["status"], row["attempts"], row["items"]) == (400, 1, 0)
    assert row["error"].startswith('Scan of "%s" failed: ResourceNotFoundException' % table_name)
    assert (row["scanned"], row["capacity_units"]) == (None, None)


def test_the_last_thousand_are_kept_and_ids_go_on(table, open_table):
    connection = open_table(table)
    connection.execute(
        "WITH c(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM c WHERE i < 1005)"
        " SELECT count(*) FROM c CROSS JOIN s ON s.sid = 'sid-' || i").fetchall()
    figures = "SELECT count(*), min(id), max(id), count(DISTINCT id) FROM dynamodb_requests"
    assert connection.execute(figures).fetchone() == (1000, 6, 1005, 1000)
    connection.execute("SELECT * FROM s WHERE sid = 'a'").fetchall()
    assert connection.execute(figures).fetchone() == (1000, 7, 1006, 1000)
    assert connection.execute(
        "SELECT items FROM dynamodb_requests ORDER BY id DESC LIMIT 2").fetchall() == [(1,), (0,)]


def test_reading_the_log_while_it_grows_is_no_error(table, open_table):
    connection = open_table(table)
    connection.execute("SELECT count(*) FROM s").fetchall()
    # Each row of the log sends a request of its own; those are not part of what is read.
    rows = connection.execute(
        "SELECT id, (SELECT session FROM s WHERE sid = operation) FROM dynamodb_requests")
    assert rows.fetchall() == [(1, None)]
    assert connection.execute("SELECT count(*) FROM dynamodb_requests").fetchone() == (2,)


def test_what_the_last_requests_cost(table, open_table):
    connection = open_table(table)
    assert connection.execute("SELECT count(*) FROM dynamodb_requests").fetchone() == (0,)
    connection.execute("SELECT count(*) FROM s").fetchall()
    connection.execute("SELECT * FROM s WHERE sid = 'a'").fetchall()
    assert connection.execute(
        "SELECT operation, sum(capacity_units) FROM dynamodb_requests GROUP BY 1 ORDER BY 1"
    ).fetchall() == [("GetItem", 1.0), ("Scan", 0.5)]


@pytest.mark.parametrize("name", ["dynamodb_requests", "dynamodb_layouts", "dynamodb_status"])
def test_no_information_table_can_be_written(name, connect):
    connection = connect()
    for sql in ("DELETE FROM %s", "INSERT INTO %s DEFAULT VALUES", "UPDATE %s SET rowid = 1"):
        with pytest.raises(sqlite3.OperationalError):
            connection.execute(sql % name)
    with pytest.raises(sqlite3.OperationalError):
        connection.execute("CREATE VIRTUAL TABLE temp.x USING " + name)


# ---- dynamodb_status ----------------------------------------------------------------------------


def operations(requests):
    return [row["operation"] for row in requests]


def test_the_columns_of_dynamodb_status(connect):
    columns = [row[1] for row in connect().execute("PRAGMA table_info(dynamodb_status)")]
    assert columns == [
        "table_name", "layout", "status", "items", "bytes", "billing", "read_capacity",
        "write_capacity", "ttl_attribute", "ttl_status", "arn", "indexes", "replicas", "error",
        "region", "region_source", "endpoint", "endpoint_source", "profile", "profile_source",
        "credential_source", "access_key_id"]


def test_status_of_a_table(table, open_table, endpoint, requests_of):
    connection = open_table(table)
    cursor = connection.execute("SELECT * FROM dynamodb_status('s')")
    (row,) = [dict(zip([c[0] for c in cursor.description], row)) for row in cursor.fetchall()]
    arn = row.pop("arn")
    assert arn.startswith("arn:aws:dynamodb:") and arn.endswith("table/" + table)
    bytes_, = connection.execute("SELECT sum(size) FROM s").fetchone()
    assert row == {
        "table_name": table, "layout": "serverless-dynamodb-session-store", "status": "ACTIVE",
        "items": 2, "bytes": bytes_, "billing": "PAY_PER_REQUEST", "read_capacity": None,
        "write_capacity": None, "ttl_attribute": None, "ttl_status": "DISABLED", "indexes": None,
        "replicas": None, "error": None, "region": "us-east-1", "region_source": "AWS_REGION",
        "endpoint": endpoint, "endpoint_source": "AWS_ENDPOINT_URL_DYNAMODB",
        "profile": "default", "profile_source": "default", "credential_source": "environment",
        "access_key_id": "local"}
    assert operations(requests_of(connection)) == ["DescribeTable", "DescribeTimeToLive", "Scan"]


PLACE = ["table_name", "layout", "region", "region_source", "endpoint", "endpoint_source",
         "profile", "profile_source", "credential_source", "access_key_id"]


@pytest.mark.parametrize(("columns", "sent"), [
    (", ".join(PLACE), []),
    ("count(*)", []),
    ("t", []),
    ("status", ["DescribeTable"]),
    ("items, bytes, table_name", ["DescribeTable"]),
    ("billing", ["DescribeTable"]),
    ("read_capacity + write_capacity", ["DescribeTable"]),
    ("arn", ["DescribeTable"]),
    ("indexes", ["DescribeTable"]),
    ("replicas", ["DescribeTable"]),
    ("error", ["DescribeTable"]),
    ("ttl_attribute", ["DescribeTimeToLive"]),
    ("ttl_status, region", ["DescribeTimeToLive"]),
    ("items, ttl_status", ["DescribeTable", "DescribeTimeToLive"]),
])
def test_only_the_columns_that_are_used_cost_a_request(
        columns, sent, table, open_table, requests_of):
    connection = open_table(table)
    assert len(connection.execute("SELECT %s FROM dynamodb_status('s')" % columns).fetchall()) == 1
    assert operations(requests_of(connection)) == sent
    assert all(row["status"] == 200 for row in requests_of(connection))


def test_without_an_argument_it_is_the_table_that_needs_no_create(
        make_table, connect, requests_of):
    connection = connect()
    for sql in ("SELECT table_name, layout, t FROM dynamodb_status",
                "SELECT table_name, layout, t FROM dynamodb_status(NULL)",
                "SELECT table_name, layout, t FROM dynamodb_status('dynamodb_sessions')",
                "SELECT table_name, layout, t FROM dynamodb_status()"):
        assert connection.execute(sql).fetchall() == [
            ("sessions", "serverless-dynamodb-session-store", "dynamodb_sessions")]
    assert requests_of(connection) == []


def test_a_count_without_a_scan(table, open_table, requests_of):
    connection = open_table(table)
    assert connection.execute("SELECT items FROM dynamodb_status('s')").fetchone() == (2,)
    assert operations(requests_of(connection)) == ["DescribeTable"]


def test_a_missing_table_gives_nulls_and_says_why(open_table, table_name, requests_of):
    connection = open_table(table_name)
    row = connection.execute(
        "SELECT table_name, status, items, bytes, billing, read_capacity, ttl_attribute,"
        " ttl_status, arn, indexes, replicas, region FROM dynamodb_status('s')").fetchone()
    assert row == (table_name, *[None] * 10, "us-east-1")
    error, = connection.execute("SELECT error FROM dynamodb_status('s')").fetchone()
    assert "does not exist" in error and "SELECT dynamodb_create_table('s')" in error
    assert operations(requests_of(connection)) == ["DescribeTable"] * 2
    # It is not kept: once the table is there, its status is.
    connection.execute("SELECT dynamodb_create_table('s')").fetchone()
    assert connection.execute("SELECT status, error FROM dynamodb_status('s')").fetchone() == (
        "ACTIVE", None)


@pytest.mark.parametrize("refused", ["DescribeTable", "DescribeTimeToLive"])
def test_a_refused_request_leaves_its_columns_null(
        refused, table, open_table, scripted_endpoint):
    scripted_endpoint.inject(
        aws_error("AccessDeniedException", "not allowed"), operation=refused, at=0)
    connection = open_table(table, "endpoint_url='%s'" % scripted_endpoint.url)
    status, ttl, error, region = connection.execute(
        "SELECT status, ttl_status, error, region FROM dynamodb_status('s')").fetchone()
    assert region == "us-east-1" and ttl is None
    assert status == (None if refused == "DescribeTable" else "ACTIVE")
    assert error.startswith('%s of "%s" failed: AccessDeniedException: not allowed'
                            % (refused, table))


def test_the_place_can_be_read_when_nothing_works(connect, monkeypatch, requests_of):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:1")
    connection = connect()
    assert connection.execute("SELECT %s FROM dynamodb_status" % ", ".join(PLACE)).fetchone() == (
        "sessions", "serverless-dynamodb-session-store", "us-east-1", "AWS_REGION",
        "http://127.0.0.1:1", "AWS_ENDPOINT_URL_DYNAMODB", "default", "default",
        "placeholder for a loopback endpoint", "placeholder")
    assert requests_of(connection) == []
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.delenv("AWS_ENDPOINT_URL_DYNAMODB")
    fresh = connect()
    region, status, error = fresh.execute(
        "SELECT region, status, error FROM dynamodb_status").fetchone()
    assert (region, status) == (None, None) and "You must specify a region" in error
    place, source = fresh.execute(
        "SELECT region_source, credential_source FROM dynamodb_status").fetchone()
    assert place.startswith("no region is configured")
    assert source.startswith("Unable to locate credentials")


def test_options_are_sources(connect, endpoint):
    connection = connect()
    connection.execute(
        "CREATE VIRTUAL TABLE temp.s USING dynamodb_sessions"
        "(table=x, region='eu-central-1', endpoint_url='%s/', layout=dynamodb-store)" % endpoint)
    place = "SELECT %s FROM dynamodb_status('s')" % ", ".join(PLACE)
    assert connection.execute(place).fetchone() == (
        "x", "dynamodb-store", "eu-central-1", "option region", endpoint, "option endpoint_url",
        "default", "default", "environment", "local")
    connection.execute(
        "CREATE VIRTUAL TABLE temp.aws USING dynamodb_sessions(region='cn-north-1')")
    place = "SELECT endpoint, endpoint_source FROM dynamodb_status('aws')"
    assert connection.execute(place).fetchone()[0] in (
        endpoint, "https://dynamodb.cn-north-1.amazonaws.com.cn")


@pytest.mark.parametrize(("config", "variables", "place"), [
    ("[profile p]\naws_access_key_id = id-of-p\naws_secret_access_key = secret-of-p\n",
     {"AWS_PROFILE": "p"}, ("p", "AWS_PROFILE", "profile p", "id-of-p")),
    ("[profile p]\nrole_arn = arn:aws:iam::123456789012:role/reader\nsource_profile = p\n"
     "aws_access_key_id = id-of-p\naws_secret_access_key = secret-of-p\n",
     {"AWS_PROFILE": "p"},
     ("p", "AWS_PROFILE",
      "role arn:aws:iam::123456789012:role/reader of profile p (source: profile p)", None)),
    ("[default]\ncredential_process = /nonexistent\n", {},
     ("default", "default", "credential_process of profile default", None)),
    ("[default]\nsso_start_url = https://x.awsapps.com/start\nsso_region = us-east-1\n"
     "sso_account_id = 123456789012\nsso_role_name = reader\n", {},
     ("default", "default",
      "SSO session https://x.awsapps.com/start, role reader of account 123456789012", None)),
    ("", {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:1/"},
     ("default", "default", "container (AWS_CONTAINER_CREDENTIALS_FULL_URI)", None)),
])
def test_the_source_of_credentials_is_told_without_asking_it(
        config, variables, place, connect, monkeypatch, tmp_path, requests_of):
    (tmp_path / "config").write_text(config)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    connection = connect()
    sql = "SELECT profile, profile_source, credential_source, access_key_id FROM dynamodb_status"
    assert connection.execute(sql).fetchone() == place
    assert requests_of(connection) == []


def test_indexes_capacity_and_ttl(dynamodb, table_name, open_table):
    dynamodb.create_table(
        TableName=table_name,
        KeySchema=[{"AttributeName": "sessionId", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"}
                              for name in ("sessionId", "userId")],
        ProvisionedThroughput={"ReadCapacityUnits": 5, "WriteCapacityUnits": 4},
        GlobalSecondaryIndexes=[{
            "IndexName": "userId-index", "Projection": {"ProjectionType": "KEYS_ONLY"},
            "KeySchema": [{"AttributeName": "userId", "KeyType": "HASH"}],
            "ProvisionedThroughput": {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}}])
    dynamodb.update_time_to_live(
        TableName=table_name,
        TimeToLiveSpecification={"Enabled": True, "AttributeName": "somewhere"})
    connection = open_table(table_name)
    *row, indexes = connection.execute(
        "SELECT billing, read_capacity, write_capacity, ttl_attribute, ttl_status, items, bytes,"
        " indexes FROM dynamodb_status('s')").fetchone()
    assert row == ["PROVISIONED", 5, 4, "somewhere", "ENABLED", 0, 0]
    assert json.loads(indexes) == [{
        "name": "userId-index", "projection": "KEYS_ONLY", "status": "ACTIVE",
        "keys": [{"AttributeName": "userId", "KeyType": "HASH"}]}]
    # A table that has TTL on another attribute keeps it.
    assert connection.execute("SELECT dynamodb_create_table('s')").fetchone() == ("exists",)
    assert connection.execute("SELECT ttl_attribute FROM dynamodb_status('s')").fetchone() == (
        "somewhere",)


def test_the_status_of_several_tables(table, make_table, open_table):
    second = make_table("sessionId", name=table + "-2")
    connection = open_table(table)
    connection.execute(
        "CREATE VIRTUAL TABLE temp.other USING dynamodb_sessions(table='%s')" % second)
    connection.execute("CREATE TABLE names(name TEXT)")
    connection.execute("INSERT INTO names VALUES ('s'), ('other')")
    rows = connection.execute(
        "SELECT name, table_name, items FROM names, dynamodb_status(names.name) ORDER BY name")
    assert rows.fetchall() == [("other", second, 0), ("s", table, 2)]
    rows = connection.execute(
        "SELECT name, (SELECT items FROM dynamodb_status(name)) FROM names ORDER BY name")
    assert rows.fetchall() == [("other", 0), ("s", 2)]
    rows = connection.execute("SELECT items FROM dynamodb_status WHERE t = 's'").fetchall()
    assert rows == [(2,)]


def test_an_unknown_table_is_an_error_that_says_what_to_type(connect, requests_of):
    connection = connect()
    with pytest.raises(sqlite3.OperationalError, match="CREATE VIRTUAL TABLE temp.sessions"):
        connection.execute("SELECT * FROM dynamodb_status('nothing')").fetchall()
    assert requests_of(connection) == []
