"""The arguments of CREATE VIRTUAL TABLE, and where a session table may stand in SQL."""

import json
import sqlite3
import time

import pytest
from scripted_endpoint import ScriptedEndpoint, aws_error

FUTURE = int(time.time()) + 3600
OPTIONS = [
    "table", "layout", "region", "endpoint_url", "profile", "hash_key", "prefix", "suffix", "data",
    "expires", "ttl", "index", "consistent_read", "commit", "concurrency", "total_segments",
    "capacity_limit", "create",
    "read_capacity", "write_capacity",
    "request_timeout", "connect_timeout", "max_attempts", "read_only",
]


def make_item(sid, **extras):
    return {"sessionId": {"S": sid}, "session_data": {"S": '{"views":1}'},
            "expireTime": {"N": "%d000" % FUTURE}, **extras}


def create(connection, *arguments, name="temp.s"):
    """Scans ask for no size first, unless an argument is about that."""
    if not any("segments" in argument for argument in arguments):
        arguments = (*arguments, "total_segments=1")
    connection.execute("CREATE VIRTUAL TABLE %s USING dynamodb_sessions(%s)"
                       % (name, ", ".join(arguments)))


def refusal(connection, *arguments):
    """The message that CREATE fails with; nothing of it may stay."""
    with pytest.raises(sqlite3.OperationalError) as caught:
        create(connection, *arguments, name="main.s")
    assert caught.value.sqlite_errorname == "SQLITE_ERROR"
    assert connection.execute("SELECT count(*) FROM sqlite_schema").fetchone() == (0,)
    return str(caught.value)


# ---- what is refused ----------------------------------------------------------------------------


def test_an_unknown_option_lists_the_known_ones(connect):
    message = refusal(connect(), "colour='blue'")
    assert message.startswith("dynamodb_sessions: unknown option colour; the options are: ")
    assert message.partition("are: ")[2].split() == OPTIONS
    assert "blue" not in message


@pytest.mark.parametrize(("wrong", "meant"), [
    ("tabel", "table"), ("Tables", "table"), ("read-only", "read_only"), ("readonly", "read_only"),
    ("hashkey", "hash_key"), ("max_attempt", "max_attempts"), ("expire", "expires"),
    ("endpoint-url", "endpoint_url"), ("consistent_reads", "consistent_read"),
])
def test_an_unknown_option_suggests_the_nearest(wrong, meant, connect):
    message = refusal(connect(), "%s='my value'" % wrong)
    assert f"unknown option {wrong} (did you mean {meant}?); the options are: table " in message
    assert "my value" not in message


@pytest.mark.parametrize("name", [
    "secret", "secret_access_key", "aws_secret_access_key", "AWS_SECRET_ACCESS_KEY", "password",
    "session_token", "aws_session_token", "access_key_id", "credentials", "accessKeyId", "passwd",
])
@pytest.mark.parametrize("form", ["%s='hunter2'", "%s=hunter2", "%s hunter2", "%s 'hunter2'"])
def test_a_secret_is_no_option_and_is_stored_nowhere(name, form, connect, tmp_path):
    path = tmp_path / "local.db"
    connection = connect(str(path))
    connection.execute("CREATE TABLE t(x)")
    connection.execute("DROP TABLE t")
    message = refusal(connection, "table=x", form % name)
    assert name in message and "hunter2" not in message
    assert "stores these arguments in the database file" in message
    assert "hunter2" not in str(connection.execute("SELECT * FROM sqlite_schema").fetchall())
    assert b"hunter2" not in path.read_bytes()


@pytest.mark.parametrize("argument", [
    "userId secret='hunter2'", "table aws_secret_access_key='hunter2'", "profile secret='hunter2'",
    "commit=atomic token 'hunter2'", "commit=auto/**/secret='hunter2'", "[token hunter2]",
    "userId (\"Secret\"='hunter2')", "userId\u00a0secret\u2003hunter2",
    "AKIAIOSFODNN7EXAMPLE hunter2", "index='secret(hunter2)'",
])
def test_a_secret_in_an_argument_that_is_wrong_is_not_shown(argument, connect):
    message = refusal(connect(), "table=x", argument)
    assert "no secret belongs here" in message and "hunter2" not in message


@pytest.mark.parametrize("arguments", [
    ("table=a", "table=b"), ("table='a'", "TABLE='a'"), ("read_only=1", "region=x", "read_only=1"),
])
def test_an_option_given_twice_is_an_error(arguments, connect):
    assert "is given twice" in refusal(connect(), *arguments)


@pytest.mark.parametrize(("argument", "words"), [
    ("layout='express'", "unknown layout 'express': the layouts are serverless-dynamodb-session-"
                         "store, connect-dynamodb, dynamodb-store"),
    ("layout=''", "unknown layout ''"),
    ("table=''", "table is empty"),
    ("hash_key=''", "hash_key is empty"),
    ("data=''", "data is empty"),
    ("expires=''", "expires is empty"),
    ("ttl=''", "ttl is empty"),
    ("data='sessionId'", "same attribute"),
    ("ttl='expireTime'", "same attribute"),
    ("consistent_read='yes'", "auto, 1 or 0, not 'yes'"),
    ("commit='later'", "commit is auto, atomic or through, not 'later'"),
    ("concurrency=0", "concurrency is a number from 1"),
    ("concurrency=1.5", "concurrency is a whole number"),
    ("create='true'", "create is 0 or 1, not 'true'"),
    ("create=", "create is 0 or 1"),
    ("read_only=2", "read_only is 0 or 1, not '2'"),
    ("read_capacity=0", "read_capacity is a number from 1"),
    ("read_capacity=1.5", "read_capacity is a whole number"),
    ("write_capacity=-1", "write_capacity is a number from 1"),
    ("write_capacity='many'", "not 'many'"),
    ("request_timeout=0", "request_timeout is a number from 0.1 to 3600"),
    ("request_timeout='5s'", "not '5s'"),
    ("connect_timeout=9999", "connect_timeout is a number from 0.1 to 3600"),
    ("connect_timeout=1e3", "not '1e3'"),
    ("max_attempts=0", "max_attempts is a number from 1 to 100"),
    ("max_attempts=2.5", "max_attempts is a whole number"),
    ("max_attempts=101", "max_attempts is a number from 1 to 100"),
    ("table='a", "quote"),
    ("table='a' 'b'", "something behind it"),
    ("table='a' region='b'", "comma is missing before region: write as in dynamodb_sessions(tab"),
    ("table=a region=b", "comma is missing before region"),
    ("userId TEXT mail TEXT", "comma is missing before mail"),
    ("'prod'", "DynamoDB table's name, write table='prod'"),
    ("table=\"a\"x", "something behind it"),
    ("= 5", "name=value"),
    ("'' TEXT", "name=value"),
])
def test_a_wrong_value_is_an_error_that_says_what_is_right(argument, words, connect):
    if argument == "table='a":
        # SQLite itself does not let an open quote through.
        with pytest.raises(sqlite3.OperationalError):
            create(connect(), argument)
        return
    assert words in refusal(connect(), argument)


@pytest.mark.parametrize(("argument", "words"), [
    ("userId", "column userId needs a type: write \"userId TEXT\""),
    ("userId VARCHAR(20)", "TEXT, INTEGER, REAL, NUMERIC or BLOB and nothing more"),
    ("userId TEXT PRIMARY KEY", "nothing more"),
    ("userId TEXT HIDDEN", "nothing more"),
    ("userId TEXT, USERID INTEGER", "a column USERID already"),
    ("read_only", "read_only is an option: write read_only=1"),
    ("create", "create is an option: write create=1"),
    ("table sessions", "table is an option: write table=sessions"),
    ("region TEXT", "region is an option: write region=…"),
    ("expires NUMERIC", "expires is an option"),
    ("sid TEXT", "a column sid already"),
    ("Session TEXT", "a column Session already"),
    ("expired INTEGER", "a column expired already"),
    ("size INTEGER", "a column size already"),
    ("item TEXT", "a column item already"),
    ("arguments TEXT", "a column arguments already"),
    ("sessionId TEXT", "sessionId is the layout's hash_key attribute"),
    ("session_data TEXT", "session_data is the layout's data attribute"),
    ("expireTime INTEGER", "expireTime is the layout's expires attribute"),
    ("expireTime_TTL INTEGER", "expireTime_TTL is the layout's ttl attribute"),
    ("'a' 'b' TEXT", "nothing more"),
])
def test_a_wrong_column_says_what_was_meant(argument, words, connect):
    assert words in refusal(connect(), argument)


def test_an_argument_that_is_no_utf_8_is_refused(connect):
    connection = connect()
    connection.text_factory = bytes
    sql = b"CREATE VIRTUAL TABLE temp.s USING dynamodb_sessions(table='a\xffb')"
    with pytest.raises((sqlite3.Error, UnicodeError)):
        connection.execute(sql.decode("utf-8", "surrogateescape"))


# ---- what works ---------------------------------------------------------------------------------


def test_creating_and_connecting_sends_nothing(connect, requests_of, monkeypatch):
    monkeypatch.delenv("AWS_REGION")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    connection = connect()
    create(connection, "table='no-such-table'", "endpoint_url='http://127.0.0.1:1'")
    create(connection, "profile='nobody'", "region='nowhere'", name="temp.other")
    connection.execute("EXPLAIN SELECT * FROM s").fetchall()
    connection.execute("PRAGMA table_xinfo(s)").fetchall()
    connection.execute("DROP TABLE s")
    assert requests_of(connection) == []


@pytest.mark.parametrize("arguments", [
    "()", "", "( )", "(table=sessions)", "(TABLE = 'sessions')", "(table=\"sessions\")",
    "(table=[sessions])", "(table=`sessions`)", "(\n  table = sessions\n)", "('table'=sessions)",
])
def test_a_value_is_bare_or_in_quotes(arguments, connect):
    connection = connect()
    connection.execute("CREATE VIRTUAL TABLE temp.s USING dynamodb_sessions" + arguments)
    assert connection.execute("SELECT table_name FROM dynamodb_status('s')").fetchall() == [
        ("sessions",)]


def test_a_quote_in_a_value_is_doubled(connect):
    connection = connect()
    create(connection, "table='it''s'")
    status = "SELECT table_name FROM dynamodb_status('s')"
    assert connection.execute(status).fetchone() == ("it's",)


def test_columns_of_every_name_and_type(make_table, connect):
    names = ["plain", "with space", "dots.and[0]", "üñí", "order", 'sélect "x"', "#x", ":y", "a'b"]
    item = make_item("a", **{name: {"S": name} for name in names})
    table = make_table("sessionId", items=[item])
    connection = connect()
    columns = ["\"%s\" text" % name.replace('"', '""') for name in names]
    create(connection, "table='%s'" % table, *columns, "bare REAL", "[in brackets] INTEGER",
           "`in ticks` Numeric", "'in quotes' BLOB")
    row = connection.execute("SELECT * FROM s WHERE \"with space\" = 'with space'").fetchone()
    assert row == ("a", '{"views":1}', FUTURE, *names, None, None, None, None)
    for name in names:
        sql = "SELECT sid FROM s WHERE \"%s\" = ?" % name.replace('"', '""')
        assert connection.execute(sql, (name,)).fetchall() == [("a",)]
    types = [row[2] for row in connection.execute("PRAGMA table_info(s)")]
    assert types[3:] == ["TEXT"] * len(names) + ["REAL", "INTEGER", "NUMERIC", "BLOB"]


def test_many_columns(make_table, connect):
    """SQLite tells of the columns from the 64th on together whether one is used."""
    count = 100
    item = make_item("a", **{"c%d" % i: {"N": str(i)} for i in range(count)})
    connection = connect()
    create(connection, "table='%s'" % make_table("sessionId", items=[item]),
           *["c%d INTEGER" % i for i in range(count)])
    assert connection.execute("SELECT c3, c80, c99, size > 0 FROM s").fetchone() == (3, 80, 99, 1)
    assert connection.execute("SELECT * FROM s").fetchone()[3:] == tuple(range(count))
    assert connection.execute("SELECT sid FROM s WHERE c99 = 99 AND c98 < 5").fetchall() == []
    connection.execute("UPDATE s SET c99 = 1 WHERE c98 = 98")
    assert connection.execute("SELECT c98, c99, item->>'$.c0.N' FROM s").fetchone() == (98, 1, "0")


def test_region_endpoint_and_profile(connect, endpoint, make_table, monkeypatch, tmp_path):
    table = make_table("sessionId", items=[make_item("a")])
    config, credentials = tmp_path / "config", tmp_path / "credentials"
    config.write_text("[profile staging]\nregion = us-east-1\n")
    credentials.write_text(
        "[staging]\naws_access_key_id = local\naws_secret_access_key = local\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(credentials))
    for name in ("AWS_ENDPOINT_URL_DYNAMODB", "AWS_REGION", "AWS_ACCESS_KEY_ID"):
        monkeypatch.delenv(name)
    connection = connect()
    create(connection, "table='%s'" % table, "profile=staging", "endpoint_url='%s'" % endpoint)
    assert connection.execute("SELECT sid FROM s").fetchall() == [("a",)]
    create(connection, "table='%s-2'" % table, "profile=staging", "endpoint_url='%s'" % endpoint,
           "region='eu-west-1'", name="temp.elsewhere")
    with pytest.raises(sqlite3.OperationalError, match="region eu-west-1"):
        connection.execute("SELECT sid FROM elsewhere").fetchall()


def test_max_attempts(make_table, connect, scripted_endpoint, requests_of):
    table = make_table("sessionId", items=[make_item("a")])
    scripted_endpoint.inject(aws_error("InternalServerError", "no luck", status=500),
                             operation="Scan", at=0)
    connection = connect()
    for attempts in (1, 3):
        create(connection, "table='%s'" % table, "endpoint_url='%s'" % scripted_endpoint.url,
               "max_attempts=%d" % attempts, name="temp.s%d" % attempts)
        words = "no luck .*%d attempts?\\)" % attempts
        with pytest.raises(sqlite3.OperationalError, match=words):
            connection.execute("SELECT * FROM s%d" % attempts).fetchall()
    assert [row["attempts"] for row in requests_of(connection)] == [1, 3]
    assert scripted_endpoint.operations() == ["Scan"] * 4


def test_request_timeout(make_table, connect, scripted_endpoint):
    table = make_table("sessionId", items=[make_item("a")])
    slow = aws_error("InternalServerError", "too late", status=500, delay_s=20)
    scripted_endpoint.inject(slow, operation="GetItem", at=1)
    connection = connect()
    create(connection, "table='%s'" % table, "endpoint_url='%s'" % scripted_endpoint.url,
           "request_timeout=0.2", "connect_timeout='5'", "max_attempts=2")
    # The first attempt is given up, the second is answered.
    assert connection.execute("SELECT sid FROM s WHERE sid = 'a'").fetchall() == [("a",)]
    assert scripted_endpoint.operations() == ["GetItem"] * 2


@pytest.mark.parametrize("sql", [
    "SELECT * FROM s",
    "SELECT * FROM s WHERE sid = 'a'",
    "INSERT INTO s(sid, session) VALUES ('a', '{}')",
    "DELETE FROM s",
])
def test_create_makes_the_table_when_a_request_misses_it(
        sql, connect, table_name, dynamodb, requests_of):
    connection = connect()
    create(connection, "table='%s'" % table_name, "create=1")
    assert table_name not in dynamodb.list_tables()["TableNames"]
    connection.execute(sql).fetchall()
    described = dynamodb.describe_table(TableName=table_name)["Table"]
    assert described["KeySchema"] == [{"AttributeName": "sessionId", "KeyType": "HASH"}]
    assert described["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    ttl = dynamodb.describe_time_to_live(TableName=table_name)["TimeToLiveDescription"]
    assert (ttl["AttributeName"], ttl["TimeToLiveStatus"]) == ("expireTime_TTL", "ENABLED")
    operations = [row["operation"] for row in requests_of(connection)]
    assert operations.count("CreateTable") == 1 and operations[0] == operations[-1]
    assert dynamodb.scan(TableName=table_name)["Count"] == sql.startswith("INSERT")
    connection.execute("SELECT * FROM s").fetchall()
    assert [row["operation"] for row in requests_of(connection)][len(operations):] == ["Scan"]


def test_without_create_no_table_is_made(connect, table_name, dynamodb):
    connection = connect()
    create(connection, "table='%s'" % table_name)
    with pytest.raises(sqlite3.OperationalError, match="dynamodb_create_table"):
        connection.execute("SELECT * FROM s").fetchall()
    assert table_name not in dynamodb.list_tables()["TableNames"]


def test_capacities(connect, table_name, dynamodb):
    connection = connect()
    create(connection, "table='%s'" % table_name, "read_capacity=3", "write_capacity='2'")
    assert connection.execute("SELECT dynamodb_create_table('s')").fetchone() == ("created",)
    described = dynamodb.describe_table(TableName=table_name)["Table"]["ProvisionedThroughput"]
    assert (described["ReadCapacityUnits"], described["WriteCapacityUnits"]) == (3, 2)
    assert connection.execute(
        "SELECT billing, read_capacity, write_capacity FROM dynamodb_status('s')").fetchone() == (
            "PROVISIONED", 3, 2)


@pytest.mark.parametrize("sql", [
    "INSERT INTO s(sid, session) VALUES ('b', '{}')",
    "INSERT OR REPLACE INTO s(sid, session) VALUES ('a', '{}')",
    "UPDATE s SET session = '{}'",
    "DELETE FROM s WHERE sid = 'a'",
    "DELETE FROM s",
    "SELECT dynamodb_touch('s', 'a', 60)",
    "SELECT dynamodb_reap('s')",
    "SELECT dynamodb_create_table('s')",
])
@pytest.mark.parametrize("create_option", ["create=0", "create=1"])
def test_read_only_binds_everything_that_writes(
        sql, create_option, make_table, connect, dynamodb, requests_of):
    table = make_table("sessionId", items=[make_item("a")])
    connection = connect()
    create(connection, "table='%s'" % table, "read_only=1", create_option)
    with pytest.raises(sqlite3.Error, match="read_only=1") as caught:
        connection.execute(sql).fetchall()
    assert caught.value.sqlite_errorname == "SQLITE_READONLY"
    assert {row["operation"] for row in requests_of(connection)} <= {"GetItem", "Scan"}
    assert dynamodb.scan(TableName=table)["Items"] == [make_item("a")]
    assert connection.execute("SELECT sid FROM s").fetchall() == [("a",)]


def test_read_only_creates_no_missing_table(connect, table_name, dynamodb):
    connection = connect()
    create(connection, "table='%s'" % table_name, "read_only=1", "create=1")
    with pytest.raises(sqlite3.OperationalError, match="ResourceNotFoundException"):
        connection.execute("SELECT * FROM s").fetchall()
    assert table_name not in dynamodb.list_tables()["TableNames"]


# ---- where it stands in SQL ----------------------------------------------------------------------


@pytest.mark.parametrize("sql", [
    "SELECT * FROM dynamodb_sessions('prod')",
    "SELECT count(*) FROM dynamodb_sessions('prod') WHERE expired",
    "DELETE FROM s WHERE arguments = 'prod'",
])
def test_an_argument_in_from_says_the_create_to_type(sql, connect, requests_of):
    connection = connect()
    create(connection)
    with pytest.raises(sqlite3.OperationalError) as caught:
        connection.execute(sql).fetchall()
    assert "CREATE VIRTUAL TABLE temp.my_sessions USING dynamodb_sessions(table='prod')" in str(
        caught.value)
    assert requests_of(connection) == []


@pytest.mark.parametrize("body", [
    "SELECT * FROM dynamodb_sessions", "SELECT * FROM s", "SELECT * FROM dynamodb_requests",
    "SELECT * FROM dynamodb_status", "SELECT * FROM dynamodb_layouts",
    "SELECT dynamodb_reap('dynamodb_sessions')", "SELECT dynamodb_touch('s', 'a', 1)",
    "SELECT dynamodb_create_table('s')", "SELECT dynamodb_cookie('a', 'b')",
    "SELECT dynamodb_version()",
])
def test_no_view_of_a_database_file_uses_it(body, connect, requests_of):
    connection = connect()
    create(connection, name="main.s")
    connection.execute("CREATE VIEW main.v AS " + body)
    with pytest.raises(sqlite3.OperationalError, match="unsafe use of"):
        connection.execute("SELECT * FROM v").fetchall()
    assert requests_of(connection) == []


@pytest.mark.parametrize("statement", [
    "DELETE FROM dynamodb_sessions", "INSERT INTO s(sid, session) VALUES ('x', '{}')",
    "SELECT dynamodb_reap('s')", "SELECT count(*) FROM s",
])
def test_no_trigger_uses_it(statement, connect, requests_of):
    connection = connect()
    create(connection, name="main.s")
    connection.execute("CREATE TABLE t(x)")
    with pytest.raises(sqlite3.OperationalError, match="unsafe use of|cannot"):
        connection.execute("CREATE TRIGGER g AFTER INSERT ON t BEGIN %s; END" % statement)
        connection.execute("INSERT INTO t VALUES (1)")
    assert requests_of(connection) == []


def test_drop_table_leaves_dynamodbs_table(make_table, connect, dynamodb, requests_of):
    table = make_table("sessionId", items=[make_item("a")])
    connection = connect()
    create(connection, "table='%s'" % table)
    connection.execute("SELECT * FROM s").fetchall()
    connection.execute("DROP TABLE s")
    assert [row["operation"] for row in requests_of(connection)] == ["Scan"]
    assert dynamodb.scan(TableName=table)["Count"] == 1
    create(connection, "table='%s'" % table)
    assert connection.execute("SELECT sid FROM s").fetchall() == [("a",)]


def test_alter_table_rename(make_table, connect):
    table = make_table("sessionId", items=[make_item("a")])
    connection = connect()
    create(connection, "table='%s'" % table, name="main.s")
    connection.execute("SELECT * FROM s").fetchall()
    connection.execute("ALTER TABLE s RENAME TO \"my sessions\"")
    assert connection.execute("SELECT sid FROM \"my sessions\"").fetchall() == [("a",)]
    assert connection.execute("SELECT dynamodb_touch('my sessions', 'a', 60)").fetchone() == (1,)
    with pytest.raises(sqlite3.OperationalError, match="no dynamodb_sessions table 's'"):
        connection.execute("SELECT dynamodb_touch('s', 'a', 60)")
    connection.execute("DELETE FROM \"my sessions\"")


def test_a_file_keeps_the_table_for_the_next_connection(make_table, connect, tmp_path):
    table = make_table("sessionId", items=[make_item("a", userId={"S": "42"})])
    path = str(tmp_path / "local.db")
    create(connect(path), "table='%s'" % table, "userId TEXT", name="main.s")
    assert connect(path).execute("SELECT sid, userId FROM s").fetchall() == [("a", "42")]


def test_tables_of_attached_schemas(make_table, connect, tmp_path):
    first = make_table("sessionId", items=[make_item("a")])
    second = make_table("sessionId", name=first + "-2", items=[make_item("b")])
    connection = connect()
    connection.execute("ATTACH ? AS \"other one\"", (str(tmp_path / "other.db"),))
    create(connection, "table='%s'" % first, name="main.s")
    create(connection, "table='%s'" % second, name="\"other one\".s")
    create(connection, "table='%s'" % second, name="temp.\"with.dot\"")
    assert connection.execute("SELECT sid FROM s").fetchall() == [("a",)]
    assert connection.execute("SELECT sid FROM \"other one\".s").fetchall() == [("b",)]
    status = "SELECT table_name FROM dynamodb_status(?)"
    for name, table in (("s", first), ("main.s", first), ("other one.s", second),
                        ("with.dot", second), ("temp.with.dot", second), ("MAIN.S", first)):
        assert connection.execute(status, (name,)).fetchall() == [(table,)], name
    assert connection.execute("SELECT dynamodb_touch('other one.s', 'b', 60)").fetchone() == (1,)
    assert connection.execute("SELECT dynamodb_touch('main.s', 'b', 60)").fetchone() == (0,)
    connection.execute("DROP TABLE \"other one\".s")
    connection.execute("DETACH \"other one\"")
    with pytest.raises(sqlite3.OperationalError, match="other one.s"):
        connection.execute(status, ("other one.s",)).fetchall()
    assert connection.execute("SELECT sid FROM s").fetchall() == [("a",)]


@pytest.mark.parametrize("name", [
    "with space", "it's", 'a"b', "dots.and.dots", "üñï-\U0001f600", "select", "a;b", "[x]", "1"])
def test_sql_names_of_every_kind(name, make_table, connect):
    table = make_table("sessionId", items=[make_item("a")])
    connection = connect()
    quoted = '"%s"' % name.replace('"', '""')
    create(connection, "table='%s'" % table, name="temp." + quoted)
    assert connection.execute("SELECT sid FROM " + quoted).fetchall() == [("a",)]
    assert connection.execute("SELECT dynamodb_touch(?, 'a', 60)", (name,)).fetchone() == (1,)
    assert connection.execute("SELECT dynamodb_reap(?)", (name,)).fetchone() == (0,)
    connection.execute("BEGIN")
    assert connection.execute("SELECT dynamodb_touch(?, 'a', 99)", (name,)).fetchone() == (1,)
    connection.execute("COMMIT")
    assert connection.execute("SELECT status FROM dynamodb_status(?)", (name,)).fetchall() == [
        ("ACTIVE",)]


def test_a_view_or_an_ordinary_table_is_no_session_table(make_table, connect):
    connection = connect()
    create(connection, "table='%s'" % make_table("sessionId"), name="temp.s")
    connection.execute("CREATE TABLE t(x)")
    connection.execute("CREATE TEMP VIEW v AS SELECT * FROM s")
    for name in ("t", "v", "nothing", "", "main.s", "sqlite_schema", "dynamodb_requests"):
        words = "no dynamodb_sessions table '%s'" % name
        for sql in ("SELECT dynamodb_reap(?)", "SELECT * FROM dynamodb_status(?)"):
            with pytest.raises(sqlite3.OperationalError, match=words):
                connection.execute(sql, (name,)).fetchall()


def test_loading_it_twice_changes_nothing(make_table, connect, extension, requests_of):
    connection = connect()
    create(connection, "table='%s'" % make_table("sessionId", items=[make_item("a")]))
    cursor = connection.execute("SELECT sid FROM s")
    connection.enable_load_extension(True)
    connection.load_extension(extension)
    assert cursor.fetchall() == [("a",)]
    assert connection.execute("SELECT sid FROM s").fetchall() == [("a",)]
    assert [row["operation"] for row in requests_of(connection)] == ["Scan", "Scan"]


def test_two_connections_have_each_their_own(make_table, connect, requests_of):
    table = make_table("sessionId", items=[make_item("a")])
    first, second = connect(), connect()
    create(first, "table='%s'" % table)
    create(second, "table='%s'" % table, "read_only=1")
    first.execute("BEGIN")
    first.execute("INSERT INTO s(sid, session) VALUES ('b', '{}')")
    assert second.execute("SELECT sid FROM s").fetchall() == [("a",)]
    first.execute("COMMIT")
    assert second.execute("SELECT sid FROM s ORDER BY 1").fetchall() == [("a",), ("b",)]
    assert [row["operation"] for row in requests_of(first)] == ["PutItem"]
    assert [row["operation"] for row in requests_of(second)] == ["Scan", "Scan"]
    first.close()
    assert second.execute("SELECT count(*) FROM s").fetchone() == (2,)


def test_one_statement_reads_here_and_writes_there(make_table, connect, endpoint, dynamodb):
    """Moving sessions from one place to another, each with its own endpoint and layout."""
    source = make_table("sessionId", items=[make_item("a"), make_item("b")])
    target = make_table("id", name=source + "-2")
    connection = connect()
    create(connection, "table='%s'" % source, name="temp.old")
    with ScriptedEndpoint(forward_to=endpoint) as other:
        create(connection, "table='%s'" % target, "endpoint_url='%s'" % other.url,
               "layout=connect-dynamodb", name="temp.new")
        connection.execute(
            "INSERT INTO new(sid, session, expires) SELECT sid, session, expires FROM old")
        joined = "SELECT old.sid FROM old JOIN new USING (sid) ORDER BY 1"
        assert connection.execute(joined).fetchall() == [("a",), ("b",)]
        assert other.operations() == ["TransactWriteItems"] + ["GetItem"] * 2
    items = dynamodb.scan(TableName=target)["Items"]
    assert sorted(item["id"]["S"] for item in items) == ["sess:a", "sess:b"]
    assert all(json.loads(item["sess"]["S"])["views"] == 1 for item in items)
