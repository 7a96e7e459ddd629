"""Errors: their words, their SQLite codes, and what never stands in them."""

import hashlib
import re
import sqlite3
import threading

import pytest
from scripted_endpoint import Response, aws_error

FUTURE = 4_000_000_000
SID = "sid-that-nobody-may-see"
DATA = "data-that-nobody-may-see"
# AWS's documented example keys.
KEY_ID, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
TOKEN = "a-session-token-that-nobody-may-see"

EVERY_REQUEST = {
    "Scan": "SELECT * FROM s",
    "GetItem": "SELECT * FROM s WHERE sid = 'a'",
    "PutItem": "INSERT INTO s(sid, session) VALUES ('a', '{}')",
    "DescribeTable": "SELECT dynamodb_create_table('s')",
}


@pytest.fixture
def open_scripted(open_table, scripted_endpoint):
    """On the scripted endpoint, with one attempt: what it answers is what a statement ends with."""

    def make(table="t", *arguments):
        return open_table(
            table, "endpoint_url='%s'" % scripted_endpoint.url, "max_attempts=1", *arguments)

    return make


def failure(connection, sql, values=()):
    with pytest.raises(sqlite3.Error) as caught:
        connection.execute(sql, values).fetchall()
    message = str(caught.value)
    assert message.count("dynamodb_sessions:") == 1 and message.startswith("dynamodb_sessions: ")
    return caught.value.sqlite_errorname, message


# ---- words --------------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", ["Scan", "GetItem", "PutItem"])
def test_a_missing_table_names_its_remedy_and_on_loopback_where_was_looked(
        operation, open_table, table_name):
    connection = open_table(table_name)
    name, message = failure(connection, EVERY_REQUEST[operation])
    assert name == "SQLITE_ERROR"
    assert re.fullmatch(
        r'dynamodb_sessions: %s of "%s" failed: ResourceNotFoundException: .+: check its name, '
        r"the region and the account, or create it with SELECT dynamodb_create_table\('s'\) "
        r"\(asked for in region us-east-1 with access key id "
        r"local: DynamoDB Local without -sharedDb keeps tables apart by both\) "
        r"\(HTTP 400, request [\w-]+, 1 attempt\)" % (operation, re.escape(table_name)), message)


def test_the_remedy_is_sql_that_works(connect, table_name):
    connection = connect()
    connection.execute(
        "CREATE VIRTUAL TABLE temp.\"it's\" USING dynamodb_sessions(table='%s')" % table_name)
    _, message = failure(connection, "SELECT * FROM \"it's\"")
    remedy = re.search(r"SELECT dynamodb_create_table\('it''s'\)", message)[0]
    assert connection.execute(remedy).fetchone() == ("created",)
    assert connection.execute("SELECT * FROM \"it's\"").fetchall() == []


def test_a_renamed_table_is_named_by_its_new_name(connect, table_name):
    connection = connect()
    connection.execute("CREATE VIRTUAL TABLE s USING dynamodb_sessions(table='%s')" % table_name)
    connection.execute("ALTER TABLE s RENAME TO t")
    assert "dynamodb_create_table('t')" in failure(connection, "SELECT * FROM t")[1]


def test_the_table_without_create_is_named_as_it_is_called(connect, scripted_endpoint, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", scripted_endpoint.url)
    scripted_endpoint.inject(aws_error("ResourceNotFoundException", "none"), at=0)
    _, message = failure(connect(), "SELECT * FROM dynamodb_sessions")
    assert 'Scan of "sessions" failed' in message
    assert "dynamodb_create_table('dynamodb_sessions')" in message


def test_touch_and_reap_of_a_missing_table_say_so_too(open_table, table_name):
    connection = open_table(table_name)
    for sql in ("SELECT dynamodb_touch('s', 'a', 60)", "SELECT dynamodb_reap('s')"):
        assert "dynamodb_create_table('s')" in failure(connection, sql)[1]


ANSWERS = [
    # service's code, HTTP status, SQLite's code
    ("AccessDeniedException", 400, "SQLITE_AUTH"),
    ("UnrecognizedClientException", 400, "SQLITE_AUTH"),
    ("InvalidSignatureException", 400, "SQLITE_AUTH"),
    ("ExpiredTokenException", 400, "SQLITE_AUTH"),
    ("MissingAuthenticationTokenException", 400, "SQLITE_AUTH"),
    ("ProvisionedThroughputExceededException", 400, "SQLITE_BUSY"),
    ("ThrottlingException", 400, "SQLITE_BUSY"),
    ("RequestLimitExceeded", 400, "SQLITE_BUSY"),
    ("ValidationException", 400, "SQLITE_ERROR"),
    ("InternalServerError", 500, "SQLITE_ERROR"),
    ("ServiceUnavailable", 503, "SQLITE_ERROR"),
    ("SomethingNewException", 418, "SQLITE_ERROR"),
]


@pytest.mark.parametrize(("code", "status", "name"), ANSWERS)
@pytest.mark.parametrize("operation", EVERY_REQUEST)
def test_every_failure_says_what_where_and_how_often(
        operation, code, status, name, open_scripted, scripted_endpoint, requests_of):
    scripted_endpoint.inject(aws_error(code, "the reason", status=status), at=0)
    connection = open_scripted()
    found, message = failure(connection, EVERY_REQUEST[operation])
    assert found == name
    assert message.startswith('dynamodb_sessions: %s of "t" failed: %s' % (operation, code))
    assert re.search(r"\(HTTP %d, request SCRIPTED\d{16}, 1 attempt\)" % status, message)
    first = requests_of(connection)[0]
    assert (first["operation"], first["status"], first["attempts"]) == (operation, status, 1)
    assert first["error"] in message and first["request_id"] in message


def test_attempts_are_counted(open_table, scripted_endpoint, requests_of):
    scripted_endpoint.inject(aws_error("InternalServerError", "no", status=500), at=0)
    connection = open_table(
        "t", "endpoint_url='%s'" % scripted_endpoint.url, "max_attempts=2")
    assert failure(connection, "SELECT * FROM s")[1].endswith(", 2 attempts)")
    assert [row["attempts"] for row in requests_of(connection)] == [2]


def test_a_failure_in_the_middle_ends_the_statement(make_table, open_scripted, scripted_endpoint):
    items = [{"sessionId": {"S": "s%d" % i}, "session_data": {"S": "x" * 380_000}}
             for i in range(5)]
    table = make_table("sessionId", items=items)
    scripted_endpoint.inject(aws_error("ThrottlingException", "slow down"), operation="Scan", at=2)
    connection = open_scripted(table)
    rows = connection.execute("SELECT sid FROM s")
    with pytest.raises(sqlite3.OperationalError) as caught:
        rows.fetchall()
    assert caught.value.sqlite_errorname == "SQLITE_BUSY"
    assert connection.execute("SELECT count(*) FROM s").fetchone() == (5,)


def test_an_answer_that_is_no_json_is_not_quoted(open_scripted, scripted_endpoint):
    page = Response(status=403, body=b"<html>\r\n<b>Forbidden</b>\n\n\x00\xff</html>",
                    headers={"x-amzn-RequestId": None, "Content-Type": "text/html; charset=x"})
    scripted_endpoint.inject(page, at=0)
    _, message = failure(open_scripted(), "SELECT * FROM s")
    assert "not DynamoDB's (HTTP 403, text/html): is a proxy" in message
    assert "Forbidden" not in message and "(HTTP 403, 1 attempt)" in message


def test_a_message_is_cut_but_keeps_the_request_id(open_scripted, scripted_endpoint):
    scripted_endpoint.inject(aws_error("ValidationException", "é" * 100_000), at=0)
    _, message = failure(open_scripted(), "SELECT * FROM s")
    assert len(message) < 2000 and re.search(r"request SCRIPTED\d{16}, 1 attempt\)$", message)


# ---- endpoint, region, credentials --------------------------------------------------------------


def test_an_endpoint_that_is_down(open_table, requests_of):
    connection = open_table("t", "endpoint_url='http://127.0.0.1:1'", "max_attempts=2")
    name, message = failure(connection, "SELECT * FROM s")
    assert name == "SQLITE_ERROR"
    assert 'Could not connect to the endpoint URL: "http://127.0.0.1:1"' in message
    assert message.endswith("(2 attempts)")
    (request,) = requests_of(connection)
    assert (request["status"], request["attempts"], request["items"]) == (None, 2, None)


@pytest.mark.parametrize("url", [
    "ftp://127.0.0.1", "127.0.0.1:8000", "http://", "http://a b", "http://127.0.0.1:99999",
    "http://127.0.0.1/a b", "http://127.0.0.1/../x", "http://user:%s@127.0.0.1" % DATA,
    "http://127.0.0.1?x=1",
])
def test_an_endpoint_that_is_none_says_where_it_comes_from(url, open_table):
    _, message = failure(open_table("t", "endpoint_url='%s'" % url), "SELECT * FROM s")
    assert "endpoint URL is not valid" in message and "option endpoint_url" in message
    assert DATA not in message


@pytest.fixture
def nowhere(monkeypatch):
    """No region, no endpoint, no credentials."""
    for name in ("AWS_REGION", "AWS_ENDPOINT_URL_DYNAMODB", "AWS_ACCESS_KEY_ID",
                 "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    return monkeypatch


def unsent(requests):
    return all(row["status"] is None and row["attempts"] == 0 for row in requests)


@pytest.mark.parametrize("sql", EVERY_REQUEST.values())
def test_no_region(sql, nowhere, open_table, requests_of):
    nowhere.setenv("AWS_ACCESS_KEY_ID", KEY_ID)
    nowhere.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    connection = open_table("t")
    name, message = failure(connection, sql)
    assert name == "SQLITE_ERROR" and "You must specify a region" in message
    assert all(source in message for source in ("option region", "AWS_REGION", "profile default"))
    assert unsent(requests_of(connection))


@pytest.mark.parametrize("sql", EVERY_REQUEST.values())
def test_no_credentials(sql, nowhere, open_table, requests_of):
    # TEST-NET-1 (RFC 5737): nothing answers there, and nothing is asked.
    connection = open_table("t", "region='us-east-1'", "endpoint_url='http://192.0.2.1:8000'")
    name, message = failure(connection, sql)
    assert name == "SQLITE_AUTH" and "Unable to locate credentials" in message
    assert "AWS_ACCESS_KEY_ID" in message and "aws configure" in message
    assert unsent(requests_of(connection))


def test_on_a_loopback_endpoint_neither_is_needed(nowhere, make_table, open_table, endpoint):
    table = make_table("sessionId")
    connection = open_table(table, "endpoint_url='%s'" % endpoint)
    # DynamoDB Local may keep the tables of other keys apart: it is asked, and answers.
    try:
        assert connection.execute("SELECT * FROM s").fetchall() == []
    except sqlite3.OperationalError as error:
        assert "ResourceNotFoundException" in str(error)


def test_half_of_the_credentials(nowhere, open_table, requests_of):
    nowhere.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    connection = open_table("t", "region='us-east-1'", "endpoint_url='http://192.0.2.1:8000'")
    name, message = failure(connection, "SELECT * FROM s")
    assert name == "SQLITE_AUTH" and "AWS_ACCESS_KEY_ID" in message and SECRET not in message
    assert unsent(requests_of(connection))


def test_wrong_credentials(open_table, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "not letters and digits!")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    name, message = failure(open_table("t"), "SELECT * FROM s")
    assert name == "SQLITE_AUTH"
    assert "UnrecognizedClientException" in message and "environment" in message
    assert SECRET not in message


def test_a_profile_that_is_none(open_table, requests_of):
    connection = open_table("t", "profile='nobody'")
    _, message = failure(connection, "SELECT * FROM s")
    assert "The config profile (nobody) could not be found" in message
    assert "option profile" in message and requests_of(connection) == []


def test_a_mended_environment_works_without_a_new_connection(
        nowhere, make_table, open_table, endpoint):
    """The first request asks the environment; a failure of that is not kept."""
    nowhere.setenv("AWS_REGION", "not a region")
    connection = open_table("no-such-table", "endpoint_url='%s'" % endpoint)
    assert "region is not valid" in failure(connection, "SELECT * FROM s")[1]
    nowhere.setenv("AWS_REGION", "us-east-1")
    assert "ResourceNotFoundException" in failure(connection, "SELECT * FROM s")[1]


# ---- interrupts ---------------------------------------------------------------------------------


@pytest.mark.parametrize("operation", ["Scan", "GetItem", "PutItem"])
def test_an_interrupt_ends_a_wait(operation, open_scripted, scripted_endpoint, requests_of):
    scripted_endpoint.inject(Response(hold=threading.Event()), at=0)
    connection = open_scripted()
    timer = threading.Timer(0.2, connection.interrupt)
    timer.start()
    with pytest.raises(sqlite3.OperationalError, match="interrupted") as caught:
        connection.execute(EVERY_REQUEST[operation]).fetchall()
    timer.join()
    assert caught.value.sqlite_errorname == "SQLITE_INTERRUPT"
    (request,) = requests_of(connection)
    assert request["status"] is None and "interrupted" in request["error"]


def test_a_progress_handler_ends_a_wait(open_scripted, scripted_endpoint):
    scripted_endpoint.inject(Response(hold=threading.Event()), at=0)
    connection = open_scripted()
    connection.set_progress_handler(lambda: 1, 1000)
    with pytest.raises(sqlite3.OperationalError) as caught:
        connection.execute("SELECT * FROM s").fetchall()
    assert caught.value.sqlite_errorname == "SQLITE_INTERRUPT"


# ---- nothing secret -----------------------------------------------------------------------------


def test_nothing_secret_stands_in_errors_log_or_schema(
        make_table, connect, scripted_endpoint, requests_of, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY_ID)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_SESSION_TOKEN", TOKEN)
    connection = connect()
    connection.execute(
        "CREATE VIRTUAL TABLE main.s USING dynamodb_sessions(table='%s', endpoint_url='%s',"
        " max_attempts=1, userId TEXT, create=1)"
        % (make_table("sessionId"), scripted_endpoint.url))
    insert = "INSERT INTO s(sid, session, userId) VALUES (?, json_object('d', ?), ?)"
    connection.execute(insert, (SID, DATA, DATA))
    found = []
    statements = [
        (insert, (SID, DATA, DATA)),
        (insert, (SID + "2", DATA * 50_000, DATA)),
        (insert, (SID * 1000, DATA, DATA)),
        ("INSERT INTO s(sid, session) VALUES (?, ?)", (SID, DATA)),
        ("INSERT INTO s(sid, session, expires) VALUES (?, '{}', ?)", (SID, DATA)),
        ("INSERT INTO s(item) VALUES (?)",
         ('{"sessionId":{"S":"%s"},"x":{"Q":"%s"}}' % (SID, DATA),)),
        ("UPDATE s SET userId = ? WHERE sid = ?", (DATA + "3", SID)),
        ("UPDATE s SET sid = ? WHERE sid = ?", (SID + "4", SID)),
        ("DELETE FROM s WHERE userId = ?", (DATA,)),
        ("DELETE FROM s WHERE sid = ?", (SID,)),
        ("SELECT * FROM s WHERE sid = ?", (SID,)),
        ("SELECT * FROM s WHERE userId = ? AND session LIKE ?", (DATA, DATA)),
        ("SELECT dynamodb_touch('s', ?, 60)", (SID,)),
        ("SELECT dynamodb_touch('s', ?, ?)", (SID, DATA)),
        ("SELECT dynamodb_cookie(?, 5)", (SID,)),
    ]
    errors = [None, aws_error("InternalServerError", "no", status=500),
              aws_error("InvalidSignatureException", "headers %s %s" % (KEY_ID, TOKEN)),
              aws_error("ConditionalCheckFailedException", "no"),
              Response(reset=True), Response(body=b"{")]
    for error in errors:
        del scripted_endpoint._faults[:]
        if error:
            scripted_endpoint.inject(error, at=0)
        for sql, values in statements:
            try:
                connection.execute(sql, values).fetchall()
            except sqlite3.Error as raised:
                found.append(str(raised))
    assert len(found) > len(statements) * 3
    found += map(str, requests_of(connection))
    found += map(str, connection.execute("SELECT sql FROM sqlite_schema").fetchall())
    found += map(str, connection.execute("SELECT * FROM dynamodb_status('s')").fetchall())
    for secret in (SID, DATA, SECRET, TOKEN, "Signature=", "Credential="):
        assert [text for text in found if secret in text] == []


def test_a_changed_session_is_named_by_its_hash(make_table, open_table, dynamodb, connect):
    item = {"sessionId": {"S": SID}, "session_data": {"S": '{"views":1}'},
            "expireTime": {"N": "%d000" % FUTURE}}
    table = make_table("sessionId", items=[item])
    connection = open_table(table)
    connection.execute("BEGIN")
    connection.execute("UPDATE s SET session = '{\"views\":2}' WHERE sid = ?", (SID,))
    visited = {**item, "session_data": {"S": '{"views":7}'}}
    dynamodb.put_item(TableName=table, Item=visited)
    name, message = failure(connection, "COMMIT")
    assert name == "SQLITE_BUSY_SNAPSHOT"
    assert hashlib.sha256(SID.encode()).hexdigest() in message and SID not in message
    assert "changed since it was read" in message and "views" not in message
    assert dynamodb.scan(TableName=table)["Items"] == [visited]


def test_unique_and_locked_are_sqlites_own_codes(make_table, open_table):
    item = {"sessionId": {"S": "a"}, "session_data": {"S": "{}"}}
    connection = open_table(make_table("sessionId", items=[item]))
    with pytest.raises(sqlite3.IntegrityError, match="^UNIQUE constraint failed: s.sid$") as caught:
        connection.execute("INSERT INTO s(sid, session) VALUES ('a', '{}')")
    assert caught.value.sqlite_errorname == "SQLITE_CONSTRAINT_PRIMARYKEY"
    connection.execute("BEGIN")
    connection.execute("INSERT INTO s(sid, session) VALUES ('b', '{}')")
    with pytest.raises(sqlite3.OperationalError) as caught:
        connection.execute("DROP TABLE s")
    # SQLite passes on the code of a failed DROP TABLE, not a virtual table's own words.
    assert caught.value.sqlite_errorname == "SQLITE_LOCKED"
    connection.execute("ROLLBACK")
    connection.execute("DROP TABLE s")
