"""Servers and proxies that repeat the request: nothing of it gets into an error or into
dynamodb_requests. DynamoDB's own messages do."""

import json
import sqlite3

import botocore.exceptions
import pytest
from scripted_endpoint import Response, aws_error
from session_table import SERVERLESS, SessionTable

TOKEN = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQW"
SID = "pGk3fVq0Zr7xT1bYhN5wLm2c"
SECRET = "correcthorsebatterystaple"
SESSION = json.dumps({"note": f'say "{SECRET}"', "name": "Zoë"}, ensure_ascii=False)
KEPT_FROM_VIEW = (TOKEN, SID, SECRET, "Zoë", "AWS4-HMAC")


def everything(request):
    headers = "\n".join(f"{name}: {value}" for name, value in request.headers.items())
    return f"{headers}\n\n{request.body.decode()}"


def dynamodb_error(text, **fields):
    return aws_error("ValidationException", text, **fields)


ECHOES = {
    "the whole request": lambda r: dynamodb_error(everything(r)),
    "the body": lambda r: dynamodb_error(r.body.decode()),
    "the end of the body": lambda r: dynamodb_error(r.body.decode()[-120:]),
    "the token": lambda r: dynamodb_error("with " + r.headers.get("x-amz-security-token", "")),
    "part of the token": lambda r: dynamodb_error("with " + TOKEN[30:50]),
    "the signature": lambda r: dynamodb_error("is " + r.headers["authorization"]),
    "the sid": lambda r: dynamodb_error(f"no session <{SID}>"),
    "the session": lambda r: dynamodb_error(f"cannot read {SESSION}"),
    "the code": lambda r: aws_error(SID, "no"),
    "a later kind of error": lambda r: aws_error("ThrottlingException", SESSION),
    "an error without a code": lambda r: Response(status=400, json={"message": everything(r)}),
    "a page": lambda r: Response(
        status=403, body=f"<html><pre>{everything(r)}</pre></html>".encode(),
        headers={"Content-Type": "text/html; charset=utf-8"}),
    "a page, behind": lambda r: Response(
        status=502, body=everything(r).encode(), headers={"Content-Type": "text/plain"}),
    "the content type": lambda r: Response(
        status=403, body=b"no", headers={"Content-Type": SID}),
    "the request id": lambda r: dynamodb_error("no", headers={"x-amzn-RequestId": SID}),
    "the request id of a success": lambda r: Response(
        json={}, headers={"x-amzn-RequestId": SID}),
    "no JSON": lambda r: Response(body=everything(r).encode()),
}


@pytest.fixture
def table(dynamodb, connect, make_table, scripted_endpoint, monkeypatch):
    monkeypatch.setenv("AWS_SESSION_TOKEN", TOKEN)
    return SessionTable(dynamodb, connect(), make_table, SERVERLESS,
                        f"endpoint_url='{scripted_endpoint.url}'", "max_attempts=1")


@pytest.mark.parametrize("echo", ECHOES.values(), ids=ECHOES.keys())
def test_nothing_of_the_request_is_repeated(table, scripted_endpoint, echo):
    # An echo needs something to repeat: what a statement sends besides gets a short answer.
    scripted_endpoint.handler = lambda request: (
        echo(request) if SID.encode() in request.body else dynamodb_error("no"))
    seen = []
    for statement in ("INSERT INTO sessions(sid, session) VALUES (:sid, :session)",
                      "REPLACE INTO sessions(sid, session) VALUES (:sid, :session)",
                      "UPDATE sessions SET session = '{}' WHERE sid = :sid"):
        try:
            table.connection.execute(statement, {"sid": SID, "session": SESSION}).fetchall()
        except sqlite3.Error as error:
            seen.append(str(error))
    scripted_endpoint.handler = None
    seen += [str(row) for row in table.rows("SELECT * FROM dynamodb_requests")]
    assert len(seen) > 2
    for text in seen:
        for secret in KEPT_FROM_VIEW:
            assert secret not in text
        assert TOKEN[30:50] not in text


def test_what_is_not_dynamodbs_is_said(table, scripted_endpoint):
    scripted_endpoint.handler = ECHOES["a page"]
    with pytest.raises(sqlite3.Error, match=r"an answer that is not DynamoDB's "
                                            r"\(HTTP 403, text/html\): is a proxy or another"):
        table.rows("SELECT sid FROM sessions")


def test_a_hidden_message_is_said_to_be_hidden(table, scripted_endpoint):
    scripted_endpoint.handler = ECHOES["the sid"]
    with pytest.raises(sqlite3.Error, match=r"ValidationException \(its message is not shown"):
        table.rows("SELECT sid FROM sessions WHERE sid = ?", SID)


ITEM = {"sessionId": {"S": SID}, "session_data": {"S": SESSION}}
HONEST = [
    # an operation, its arguments, what DynamoDB Local's message holds
    ("get_item", {"Key": {"wrongKeyAttribute": {"S": SID}}}, "required keys was not given a value"),
    ("put_item", {"Item": {"session_data": {"S": SESSION}}}, "One of the required keys"),
    ("put_item", {"Item": {"sessionId": {"N": "1"}}}, "Type mismatch for key"),
    ("put_item", {"Item": ITEM, "ConditionExpression": "begins_with(sessionId)"}, "begins_with"),
    ("put_item", {"Item": ITEM, "ConditionExpression": "attribute_not_exists(sessionId"},
     "Syntax error"),
    ("put_item", {"Item": ITEM, "ConditionExpression": "#sessionIdentifier = :expected"},
     "#sessionIdentifier"),
    ("scan", {"FilterExpression": "expireTimeAndMore = :expireTimeExpected"},
     ":expireTimeExpected"),
    ("query", {"IndexName": "no-such-index-of-this", "KeyConditionExpression": "a = :a",
               "ExpressionAttributeValues": {":a": {"S": SID}}}, "no-such-index-of-this"),
    ("get_item", {"TableName": "no-such-table-anywhere", "Key": {"sessionId": {"S": SID}}},
     "non-existent table"),
    ("put_item", {"Item": ITEM, "ReturnValues": "SOMETHING_NEW_AND_OLD"}, "Return values"),
    ("put_item", {"Item": ITEM, "ConditionExpression": "attribute_exists(sessionId)"},
     "The conditional request failed"),
]


@pytest.mark.parametrize("operation, arguments, fragment", HONEST)
def test_honest_messages_are_shown(table, scripted_endpoint, dynamodb, operation, arguments,
                                   fragment):
    """DynamoDB Local's own message, recorded, answers a write of the same session."""
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        getattr(dynamodb, operation)(**{"TableName": table.name, **arguments})
    real = caught.value.response["Error"]
    assert fragment in real["Message"]
    scripted_endpoint.inject(aws_error("ValidationException", real["Message"]), at=0)
    with pytest.raises(sqlite3.Error) as caught:
        table.sql("REPLACE INTO sessions(sid, session) VALUES (?, ?)", SID, SESSION)
    assert f"ValidationException: {real['Message']}" in str(caught.value)
