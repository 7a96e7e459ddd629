"""dynamodb_request: any operation in the user's own words, signed and retried like the others."""

import json
import re
import sqlite3

import botocore.session
import pytest
from scripted_endpoint import Response, aws_error
from session_table import LATER, SERVERLESS, SessionTable, refused

MODEL = botocore.session.get_session().get_service_model("dynamodb")
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def parameters(operation):
    shape = MODEL.operation_model(operation).input_shape
    return shape.members if shape else {}


@pytest.fixture
def sessions(dynamodb, connect, make_table):
    return SessionTable(dynamodb, connect(), make_table, SERVERLESS)


@pytest.fixture
def scripted(dynamodb, connect, make_table, scripted_endpoint):
    table = SessionTable(
        dynamodb, connect(), make_table, SERVERLESS, f"endpoint_url='{scripted_endpoint.url}'"
    )
    table.endpoint = scripted_endpoint
    return table


def request(table, operation, body="{}"):
    text = body if isinstance(body, (str, bytes, type(None))) else json.dumps(body)
    return table.value("SELECT dynamodb_request('sessions', ?, ?)", operation, text)


# ---- what is sent ---------------------------------------------------------------------------


def test_the_answer_is_dynamodbs(sessions):
    sessions.put("a")
    answer = json.loads(request(sessions, "DescribeTable"))
    assert answer["Table"]["TableName"] == sessions.name
    assert answer["Table"]["KeySchema"] == [{"AttributeName": "sessionId", "KeyType": "HASH"}]
    key = {"Key": {"sessionId": {"S": "a"}}}
    assert json.loads(request(sessions, "GetItem", key))["Item"] == sessions.get("a")


def test_it_adds_what_an_sdk_adds(scripted):
    """The name of the table where the operation has that parameter, and a token where it has one:
    by botocore's model of DynamoDB."""
    scripted.endpoint.handler = lambda _: Response(json={})
    for operation in MODEL.operation_names:
        assert request(scripted, operation) == "{}"
        sent = scripted.endpoint.requests[-1]
        body = sent.json()
        tokens = {
            name for name, shape in parameters(operation).items()
            if shape.metadata.get("idempotencyToken")
        }
        assert sent.operation == operation
        assert set(body) == tokens | ({"TableName"} & set(parameters(operation))), operation
        assert body.get("TableName", scripted.name) == scripted.name
        assert all(UUID.fullmatch(body[token]) for token in tokens)
    assert len(scripted.endpoint.requests) == len(MODEL.operation_names) > 50


def test_an_operation_that_is_newer_than_this_version_gets_the_table(scripted):
    scripted.endpoint.handler = lambda _: Response(json={"New": True})
    assert json.loads(request(scripted, "DescribeSomethingNew2")) == {"New": True}
    assert scripted.endpoint.requests[0].json() == {"TableName": scripted.name}


@pytest.mark.parametrize("body", [
    '{"TableName":"other","x":1}',
    ' {\n "Zwölf" : 1.000000000000000000000000000000000001 , "TableName":"\\u0061"}\n',
    '{"nested":{"TableName":"not at the top"},"TableName":"t"}',
])
def test_what_is_given_stays_as_it_is(scripted, body):
    scripted.endpoint.handler = lambda _: Response(json={})
    request(scripted, "DescribeTable", body)
    # But for white space at its ends.
    assert scripted.endpoint.requests[0].body.decode() == "{" + body.strip()[1:].lstrip()


def test_what_is_added_goes_before_what_is_given(scripted):
    scripted.endpoint.handler = lambda _: Response(json={})
    request(scripted, "Query", '{ "Limit": 1 }')
    assert scripted.endpoint.requests[0].body.decode() == (
        '{"TableName":"%s","Limit": 1 }' % scripted.name
    )


def test_a_repeated_transaction_keeps_its_token(scripted):
    scripted.endpoint.queue(aws_error("InternalServerError", status=500), Response(reset=True))
    scripted.endpoint.handler = lambda _: Response(json={})
    request(scripted, "TransactWriteItems", {"TransactItems": []})
    bodies = {sent.body for sent in scripted.endpoint.requests}
    assert len(scripted.endpoint.requests) >= 3 and len(bodies) == 1
    request(scripted, "TransactWriteItems", {"TransactItems": [], "ClientRequestToken": "mine"})
    assert scripted.endpoint.requests[-1].json()["ClientRequestToken"] == "mine"


# ---- its part in transactions, reads and the log ---------------------------------------------


def test_it_is_sent_at_once_and_not_undone(sessions):
    item = SERVERLESS.item("a", {"views": 1}, LATER)
    sessions.sql("BEGIN")
    request(sessions, "PutItem", {"Item": item})
    assert sessions.get("a") == item
    sessions.sql("ROLLBACK")
    assert sessions.get("a") == item


def test_reads_after_it_are_consistent(sessions):
    sessions.rows("SELECT * FROM sessions")
    request(sessions, "PutItem", {"Item": SERVERLESS.item("a", {}, LATER)})
    sessions.rows("SELECT * FROM sessions")
    words = sessions.rows("SELECT request FROM dynamodb_requests WHERE operation = 'Scan'")
    assert ["consistent" in word for (word,) in words] == [False, True]


def test_the_log_has_it_without_its_values(sessions):
    sessions.put("a-secret-sid")
    request(sessions, "GetItem", {
        "Key": {"sessionId": {"S": "a-secret-sid"}}, "ReturnConsumedCapacity": "TOTAL",
    })
    (row,) = sessions.rows("SELECT operation, table_name, request, status, items, capacity_units"
                           " FROM dynamodb_requests")
    assert row[:2] == ("GetItem", sessions.name) and row[3:] == (200, 1, 0.5)
    assert "a-secret-sid" not in row[2]


# ---- what is refused --------------------------------------------------------------------------


READS = [
    name for name in MODEL.operation_names if re.match("Get|Describe|List|Query$|Scan$", name)
] + ["BatchGetItem", "TransactGetItems"]


def test_read_only_lets_reads_through_alone(scripted):
    scripted.sql("DROP TABLE sessions")
    scripted.create(scripted.connection, None, "read_only=1",
                    f"endpoint_url='{scripted.endpoint.url}'")
    scripted.endpoint.handler = lambda _: Response(json={})
    for operation in MODEL.operation_names:
        if operation in READS:
            assert request(scripted, operation) == "{}"
        else:
            with refused("SQLITE_READONLY", "read_only=1"):
                request(scripted, operation)
    assert sorted(scripted.endpoint.operations()) == sorted(READS)


@pytest.mark.parametrize("operation", [
    "QueryAndDelete", "ScanAndDelete", "BatchGetItemAndDelete", "TransactGetItemsAndDelete",
    "getItem", "GETITEM", "Listen", "Getaway", "Describes",
])
def test_read_only_takes_nothing_else_for_a_read(scripted, operation):
    scripted.sql("DROP TABLE sessions")
    scripted.create(scripted.connection, None, "read_only=1",
                    f"endpoint_url='{scripted.endpoint.url}'")
    with refused("SQLITE_READONLY", "read_only=1"):
        request(scripted, operation)
    assert scripted.endpoint.operations() == []


@pytest.mark.parametrize("operation, body, code, words", [
    ("GetItem", "{", "SQLITE_CONSTRAINT_CHECK", "not valid JSON at byte 2"),
    ("GetItem", "", "SQLITE_CONSTRAINT_CHECK", "not valid JSON at byte 1"),
    ("GetItem", "[]", "SQLITE_CONSTRAINT_CHECK", "must be a JSON object"),
    ("GetItem", "{} {}", "SQLITE_CONSTRAINT_CHECK", "not valid JSON at byte 4"),
    ("GetItem", None, "SQLITE_MISMATCH", "the request must be text"),
    ("GetItem", b"{}", "SQLITE_MISMATCH", "the request must be text"),
    ("Get Item", "{}", "SQLITE_MISMATCH", "must be a name of DynamoDB's API"),
    ("", "{}", "SQLITE_MISMATCH", "must be a name of DynamoDB's API"),
    ("GetItem\r\nx: y", "{}", "SQLITE_MISMATCH", "must be a name of DynamoDB's API"),
    ("Get\0Item", "{}", "SQLITE_MISMATCH", "the operation has a NUL in it"),
    (None, "{}", "SQLITE_MISMATCH", "the operation must be text"),
])
def test_bad_arguments_are_refused_before_anything_is_sent(scripted, operation, body, code, words):
    with refused(code, words):
        request(scripted, operation, body)
    assert scripted.endpoint.operations() == []


def test_an_unknown_table_is_named(sessions):
    with pytest.raises(sqlite3.OperationalError, match="no dynamodb_sessions table 'nobody'"):
        sessions.sql("SELECT dynamodb_request('nobody', 'DescribeTable', '{}')").fetchall()


def test_dynamodbs_errors_are_sqlites(sessions):
    with refused("SQLITE_ERROR", "GetItem of", "ValidationException", "HTTP 400"):
        request(sessions, "GetItem", {"Key": {"wrong": {"S": "a"}}})
    # DynamoDB Local has no backups.
    with refused("SQLITE_ERROR", "ListBackups of", "DynamoDB Local lacks some"):
        request(sessions, "ListBackups")


@pytest.mark.parametrize("operation, body", [
    ("DescribeTable", {"TableName": "other"}),
    ("GetItem", {"Key": {"wrong": {"S": "a"}}}),
])
def test_a_request_of_the_users_own_gets_no_remedy_for_the_extensions(sessions, operation, body):
    with pytest.raises(sqlite3.OperationalError) as caught:
        request(sessions, operation, body)
    assert "dynamodb_create_table" not in str(caught.value)
    assert "layout=" not in str(caught.value)


def test_it_is_retried(scripted):
    scripted.endpoint.queue(aws_error("InternalServerError", status=500))
    request(scripted, "DescribeTable")
    assert scripted.value("SELECT attempts FROM dynamodb_requests") == 2


def test_a_write_whose_answer_was_lost_says_so(scripted):
    scripted.endpoint.inject(Response(reset=True, forward_first=True), operation="PutItem", at=0)
    with refused("SQLITE_ERROR", "it may have been done all the same"):
        request(scripted, "PutItem", {"Item": SERVERLESS.item("a", {}, LATER)})
    assert scripted.sids() == ["a"]
    scripted.endpoint.inject(Response(reset=True), operation="GetItem", at=0)
    with pytest.raises(sqlite3.OperationalError) as caught:
        request(scripted, "GetItem", {"Key": {"sessionId": {"S": "a"}}})
    assert "may have been done" not in str(caught.value)
