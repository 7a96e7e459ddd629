"""Faults on the way: throttling, 5xx, resets, cut, corrupt and empty answers, in every request.

A request that can be repeated is; a write is applied once however often it was sent; what cannot be
known is said; rows are never lost without an error.
"""

import json
import sqlite3

import pytest
from scripted_endpoint import Response, aws_error
from session_table import LATER, LONG_AGO, MAP, SERVERLESS, SessionTable, refused

# What the endpoint does in place of a good answer; a retry mends each of them.
TRANSIENT = {
    "500": aws_error("InternalServerError", "oh", status=500),
    "503": aws_error("ServiceUnavailable", "later", status=503),
    "502 in HTML": Response(status=502, body=b"<html>Bad Gateway</html>",
                            headers={"Content-Type": "text/html"}),
    "reset": Response(reset=True),
    "wrong crc32": Response(json={"Item": {}}, crc32="wrong"),
    "cut": Response(json={"Item": {"sessionId": {"S": "a"}}}, truncate_bytes=9),
    "empty": Response(body=b""),
    "not JSON": Response(body=b"<html></html>"),
    "half of JSON": Response(body=b'{"Items":[{"session'),
    "an array": Response(body=b"[]"),
    "nothing but a 500": Response(status=500, body=b""),
}
STATEMENTS = {
    # SQL, the operation that meets the fault, whether it writes
    "scan": ("SELECT sid FROM sessions", "Scan"),
    "get": ("SELECT sid FROM sessions WHERE sid = 'a'", "GetItem"),
    "insert": ("INSERT INTO sessions(sid, session) VALUES ('n', '{}')", "PutItem"),
    "replace": ("REPLACE INTO sessions(sid, session) VALUES ('a', '{}')", "PutItem"),
    "update": ("UPDATE sessions SET userId = 'u' WHERE sid = 'a'", "UpdateItem"),
    "update of item": ("UPDATE sessions SET item = json_set(item, '$.x.S', '1')",
                       "TransactWriteItems"),
    "delete": ("DELETE FROM sessions WHERE sid = 'a'", "DeleteItem"),
    "conditional delete": ("DELETE FROM sessions WHERE userId LIKE 'V'", "DeleteItem"),
    "move": ("UPDATE sessions SET sid = 'm' WHERE sid = 'a'", "TransactWriteItems"),
    "touch": ("SELECT dynamodb_touch('sessions', 'a', 60)", "UpdateItem"),
    "reap": ("SELECT dynamodb_reap('sessions')", "DeleteItem"),
    "create": ("SELECT dynamodb_create_table('sessions')", "DescribeTable"),
}
# The rows of one table, before: a lives and belongs to v, dead has expired.
AFTER = {
    "insert": ["a", "dead", "n"], "delete": ["dead"], "conditional delete": ["dead"],
    "move": ["dead", "m"], "reap": ["a"],
}


def make(dynamodb, connect, make_table, endpoint, *arguments):
    table = SessionTable(
        dynamodb, connect(), make_table, SERVERLESS, "userId TEXT",
        f"endpoint_url='{endpoint.url}'", *arguments,
    )
    table.endpoint = endpoint
    table.put("a", '{"views":1}', LATER, userId={"S": "v"})
    table.put("dead", '{"views":1}', LONG_AGO)
    return table


@pytest.fixture
def table(dynamodb, connect, make_table, scripted_endpoint):
    return make(dynamodb, connect, make_table, scripted_endpoint)


@pytest.fixture
def impatient(dynamodb, connect, make_table, scripted_endpoint):
    """Tries each request once."""
    return make(dynamodb, connect, make_table, scripted_endpoint, "max_attempts=1")


def attempts(table, operation):
    return table.value(
        "SELECT attempts FROM dynamodb_requests WHERE operation = ? ORDER BY id LIMIT 1", operation
    )


def sent(table, operation):
    """How often the first request of this operation came: after a reset libcurl sends it again by
    itself, where the connection was an old one."""
    same = [r.body for r in table.endpoint.requests if r.operation == operation]
    return same.count(same[0])


# ---- one fault, mended by a retry -------------------------------------------------------------


# Every fault in one read and one write, and the three kinds of fault in every statement.
MENDED = [
    (name, fault) for name in STATEMENTS for fault in TRANSIENT
    if name in ("scan", "update") or fault in ("500", "reset", "wrong crc32")
]


@pytest.mark.parametrize("name, fault", MENDED)
def test_a_transient_fault_is_mended_by_a_retry(table, name, fault):
    statement, operation = STATEMENTS[name]
    table.endpoint.inject(TRANSIENT[fault], operation=operation)
    table.sql(statement).fetchall()
    assert sent(table, operation) == 2
    assert table.sids() == AFTER.get(name, ["a", "dead"])


@pytest.mark.parametrize("name", [
    name for name, (_, operation) in STATEMENTS.items()
    if operation in ("PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems")
])
@pytest.mark.parametrize("fault", [
    aws_error("InternalServerError", "oh", status=500, forward_first=True),
    Response(reset=True, forward_first=True),
    Response(json={}, crc32="wrong", forward_first=True),
], ids=["500", "reset", "wrong crc32"])
def test_a_write_whose_answer_was_lost_is_applied_once(table, name, fault):
    """The first attempt was applied, so the condition fails on the retry.

    A PUT or DELETE knows its own result. An UPDATE does not: another writer's may look the same.
    """
    statement, operation = STATEMENTS[name]
    table.endpoint.inject(fault, operation=operation)
    if operation == "UpdateItem":
        with refused("SQLITE_ERROR", "0 applied, ", "1 unknown: sid_hash "):
            table.sql(statement).fetchall()
    else:
        table.sql(statement).fetchall()
    assert sent(table, operation) == 2
    assert table.sids() == AFTER.get(name, ["a", "dead"])
    if name == "update":
        assert table.get("a")["userId"] == {"S": "u"}


@pytest.mark.parametrize("applied, theirs", [(False, "vx"), (True, "vxx")])
def test_two_writers_that_add_the_same_and_a_lost_answer_lose_nothing(table, applied, theirs):
    """Both make vx of v: whoever cannot tell whose it is says so, and claims nothing."""
    lost = aws_error("InternalServerError", "oh", status=500, forward_first=applied)
    table.endpoint.inject(lost, operation="UpdateItem")
    seen = []

    def add_in_between(request):
        if request.operation == "UpdateItem" and not seen:
            seen.append(request)
            table.change("a", "userId = :u", u={"S": theirs})

    table.endpoint.handler = add_in_between
    with refused("SQLITE_ERROR", "1 unknown: sid_hash "):
        table.sql("UPDATE sessions SET userId = userId || 'x' WHERE sid = 'a'")
    assert table.get("a")["userId"] == {"S": theirs}


def test_a_lost_answer_and_somebody_elses_write_is_unknown(table):
    """Applied or not, somebody wrote after it: that is never taken for its own success."""
    lost = aws_error("InternalServerError", "oh", status=500, forward_first=True)
    table.endpoint.inject(lost, operation="UpdateItem")
    seen = []

    def write_in_between(request):
        if request.operation == "UpdateItem":
            seen.append(request)
            table.change("a", "userId = :u", u={"S": "somebody"})

    table.endpoint.handler = write_in_between
    with refused("SQLITE_ERROR", "look before you run the statement again", "1 unknown"):
        table.sql("UPDATE sessions SET userId = 'u' WHERE sid = 'a'")
    assert len(seen) == 1
    assert table.get("a")["userId"] == {"S": "somebody"}


def test_an_insert_whose_first_attempt_failed_meets_somebody_elses_row(table):
    table.endpoint.inject(TRANSIENT["500"], operation="PutItem")

    def insert_in_between(request):
        if request.operation == "PutItem":
            table.put("n", '{"by":"somebody"}')

    table.endpoint.handler = insert_in_between
    with refused("SQLITE_ERROR", "0 applied, 0 not applied, 1 unknown: sid_hash "):
        table.sql("INSERT INTO sessions(sid, session) VALUES ('n', '{}')")
    assert table.session("n") == '{"by":"somebody"}'


# ---- a fault that stays -------------------------------------------------------------------------


@pytest.mark.parametrize("fault", TRANSIENT.values(), ids=TRANSIENT.keys())
@pytest.mark.parametrize("name", ["scan", "insert", "delete"])
def test_a_fault_that_stays_is_an_error(impatient, name, fault):
    statement, operation = STATEMENTS[name]
    impatient.endpoint.inject(fault, operation=operation, at=0)
    with refused("SQLITE_ERROR", f'{operation} of "{impatient.name}"') as caught:
        impatient.sql(statement).fetchall()
    if operation in ("PutItem", "UpdateItem") or name == "delete":
        assert "1 unknown" in str(caught.value)
    assert impatient.sids() == ["a", "dead"]
    assert impatient.value("SELECT count(*) FROM dynamodb_requests WHERE error IS NOT NULL") == 1


def test_it_gives_up_after_max_attempts(dynamodb, connect, make_table, scripted_endpoint):
    table = make(dynamodb, connect, make_table, scripted_endpoint, "max_attempts=3")
    table.endpoint.inject(TRANSIENT["500"], operation="Scan", at=0)
    with refused("SQLITE_ERROR", "InternalServerError", "3 attempts"):
        table.rows("SELECT * FROM sessions")
    assert table.endpoint.operations() == ["Scan"] * 3


CODES = {
    "ProvisionedThroughputExceededException": "SQLITE_BUSY", "ThrottlingException": "SQLITE_BUSY",
    "RequestLimitExceeded": "SQLITE_BUSY", "AccessDeniedException": "SQLITE_AUTH",
    "UnrecognizedClientException": "SQLITE_AUTH", "ExpiredTokenException": "SQLITE_AUTH",
    "InvalidSignatureException": "SQLITE_AUTH", "ValidationException": "SQLITE_ERROR",
    "ResourceNotFoundException": "SQLITE_ERROR", "SomethingNew": "SQLITE_ERROR",
    "ItemCollectionSizeLimitExceededException": "SQLITE_ERROR",
}


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("name", ["get", "insert", "reap"])
def test_errors_have_sqlites_codes(impatient, name, code):
    statement, operation = STATEMENTS[name]
    impatient.endpoint.inject(aws_error(code, "because"), operation=operation)
    # What a credential is refused for may quote parts of it: a remedy takes the message's place.
    words = [code] if CODES[code] == "SQLITE_AUTH" else [code, "because"]
    with refused(CODES[code], *words):
        impatient.sql(statement).fetchall()
    assert not impatient.connection.in_transaction
    assert impatient.sids() == ["a", "dead"]
    # It works again.
    impatient.sql(statement).fetchall()


def test_throttling_that_ends(table):
    table.endpoint.inject(aws_error("ProvisionedThroughputExceededException"), operation="PutItem")
    table.sql("INSERT INTO sessions(sid, session) VALUES ('n', '{}')")
    assert sent(table, "PutItem") == 2
    assert attempts(table, "PutItem") == 2


@pytest.mark.parametrize("name", ["insert", "update", "delete"])
def test_an_answer_in_words_that_nobody_understands(table, name):
    """With the right checksum, so no accident of the line: whether it was applied is unknown."""
    statement, operation = STATEMENTS[name]
    garbled = Response(body=b'{"x":"\xff"}', forward_first=True)
    table.endpoint.inject(garbled, operation=operation)
    with refused("SQLITE_ERROR", "not valid JSON", "0 not applied, 1 unknown"):
        table.sql(statement)


# ---- in the middle of a scan --------------------------------------------------------------------


def in_pages(table, size):
    """Every Scan that is forwarded reads so many items a page."""

    def limit(request):
        if request.operation == "Scan":
            body = request.json()
            body["Limit"] = size
            request.body = json.dumps(body).encode()

    table.endpoint.handler = limit


@pytest.mark.parametrize("fault", TRANSIENT.values(), ids=TRANSIENT.keys())
def test_a_fault_between_pages_loses_no_row_and_repeats_none(table, fault):
    for i in range(20):
        table.put(f"s{i:02d}")
    in_pages(table, 4)
    table.endpoint.inject(fault, operation="Scan", at=3)
    sids = [sid for (sid,) in table.rows("SELECT sid FROM sessions")]
    assert sorted(sids) == sorted(["a", "dead"] + [f"s{i:02d}" for i in range(20)])


def test_a_scan_that_breaks_off_is_an_error_not_a_shorter_result(impatient):
    for i in range(20):
        impatient.put(f"s{i:02d}")
    in_pages(impatient, 4)
    impatient.endpoint.inject(TRANSIENT["500"], operation="Scan", at=3)
    with refused("SQLITE_ERROR", "InternalServerError"):
        impatient.rows("SELECT sid FROM sessions")


def test_a_delete_whose_scan_breaks_off_deletes_nothing(impatient):
    for i in range(20):
        impatient.put(f"s{i:02d}")
    in_pages(impatient, 4)
    impatient.endpoint.inject(TRANSIENT["500"], operation="Scan", at=3)
    with refused("SQLITE_ERROR"):
        impatient.sql("DELETE FROM sessions")
    assert len(impatient.sids()) == 22
    assert "DeleteItem" not in impatient.operations()


def test_a_reap_whose_scan_breaks_off_says_what_it_did(impatient):
    for i in range(20):
        impatient.put(f"s{i:02d}", "{}", LONG_AGO)
    in_pages(impatient, 4)
    impatient.endpoint.inject(TRANSIENT["500"], operation="Scan", at=3)
    with pytest.raises(sqlite3.OperationalError) as caught:
        impatient.value("SELECT dynamodb_reap('sessions')")
    done = 21 - sum(1 for sid in impatient.sids() if sid != "a")
    assert f"{done} deleted" in str(caught.value)
    assert impatient.value("SELECT dynamodb_reap('sessions')") == 21 - done


@pytest.mark.parametrize("page", [
    {}, {"Items": None}, {"Items": {}}, {"Items": [1]}, {"Items": [{"sessionId": 5}]},
    {"Items": [{"sessionId": {}}]}, {"Items": [{"sessionId": {"S": "x", "N": "1"}}]},
    {"Items": [], "LastEvaluatedKey": 5},
], ids=range(8))
def test_answers_that_are_no_page_crash_nothing(impatient, page):
    impatient.endpoint.inject(Response(json=page), operation="Scan")
    try:
        impatient.rows("SELECT * FROM sessions")
    except sqlite3.Error as error:
        assert "sessions" in str(error)
    assert len(impatient.rows("SELECT * FROM sessions")) == 2


# ---- in the middle of a COMMIT ------------------------------------------------------------------


@pytest.mark.parametrize("lost", [False, True], ids=["not applied", "applied"])
@pytest.mark.parametrize("at", [1, 50, 101])
def test_a_commit_that_breaks_off_says_what_took_effect(
        dynamodb, connect, make_table, scripted_endpoint, at, lost):
    """More than one transaction holds, one call after another."""
    one = make(dynamodb, connect, make_table, scripted_endpoint, "max_attempts=1", "concurrency=1")
    fault = aws_error("InternalServerError", "oh", status=500, forward_first=lost)
    one.endpoint.inject(fault, operation="PutItem", at=at)
    one.sql("CREATE TABLE main.log(t)")
    one.sql("BEGIN")
    one.sql("INSERT INTO log VALUES (1)")
    sids = [f"s{number:03}" for number in range(101)]
    for sid in sids:
        one.sql("INSERT INTO sessions(sid, session) VALUES (?, '{}')", sid)
    with refused("SQLITE_ERROR", f"{at - 1} applied, {101 - at} not applied, 1 unknown"):
        one.sql("COMMIT")
    assert one.rows("SELECT * FROM log") == []
    assert one.sids() == sorted(["a", "dead", *sids[: at - (not lost)]])


@pytest.mark.parametrize("lost", [False, True], ids=["not applied", "applied"])
def test_a_transaction_that_breaks_off_took_effect_as_a_whole_or_not(impatient, lost):
    fault = aws_error("InternalServerError", "oh", status=500, forward_first=lost)
    impatient.endpoint.inject(fault, operation="TransactWriteItems")
    impatient.sql("BEGIN")
    for sid in "bcdef":
        impatient.sql("INSERT INTO sessions(sid, session) VALUES (?, '{}')", sid)
    with refused("SQLITE_ERROR", "0 applied, 0 not applied, 5 unknown"):
        impatient.sql("COMMIT")
    assert impatient.sids() == sorted(["a", "dead", *("bcdef" if lost else "")])


@pytest.mark.parametrize("fault", TRANSIENT.values(), ids=TRANSIENT.keys())
def test_a_fault_in_a_commit_of_many_is_mended(table, fault):
    table.endpoint.inject(fault, operation="TransactWriteItems")
    table.sql("BEGIN")
    table.sql("DELETE FROM sessions")
    for sid in "bcdef":
        table.sql("INSERT INTO sessions(sid, session) VALUES (?, '{}')", sid)
    table.sql("COMMIT")
    assert table.sids() == list("bcdef")


# ---- slowness, sizes, connections ---------------------------------------------------------------


def test_a_slow_answer_is_waited_for(table):
    table.endpoint.inject(Response(delay_s=0.3, reset=True), operation="Scan")
    table.endpoint.inject(Response(json={"Items": [], "Count": 0, "ScannedCount": 0}, delay_s=0.3),
                          operation="Scan", at=2)
    assert table.rows("SELECT * FROM sessions") == []


def test_a_request_timeout(dynamodb, connect, make_table, scripted_endpoint):
    table = make(dynamodb, connect, make_table, scripted_endpoint, "max_attempts=1",
                 "request_timeout=1")
    table.endpoint.inject(Response(delay_s=30), operation="PutItem")
    with refused("SQLITE_ERROR", "1 unknown"):
        table.sql("INSERT INTO sessions(sid, session) VALUES ('n', '{}')")
    assert table.rows("SELECT sid FROM sessions WHERE sid = 'a'") == [("a",)]


def test_a_connection_that_the_server_closes_is_opened_again(table):
    for _ in range(3):
        table.endpoint.inject(Response(json={}, close=True), operation="GetItem")
        table.rows("SELECT * FROM sessions WHERE sid = 'a'")
        assert table.rows("SELECT sid FROM sessions WHERE sid = 'a'") == [("a",)]


def test_an_endpoint_that_is_down(dynamodb, connect, make_table, scripted_endpoint):
    table = make(dynamodb, connect, make_table, scripted_endpoint, "max_attempts=2")
    scripted_endpoint.stop()
    with refused("SQLITE_ERROR", "Scan of"):
        table.rows("SELECT * FROM sessions")
    # Never connected: nothing can have been applied.
    with pytest.raises(sqlite3.OperationalError) as caught:
        table.sql("INSERT INTO sessions(sid, session) VALUES ('n', '{}')")
    assert "1 unknown" not in str(caught.value)
    assert table.sids() == ["a", "dead"]
    scripted_endpoint.stop = lambda: None


@pytest.mark.parametrize("size", [10_000, 399_000])
def test_large_items_over_a_bad_line(dynamodb, connect, make_table, scripted_endpoint, size):
    table = SessionTable(dynamodb, connect(), make_table, MAP,
                         f"endpoint_url='{scripted_endpoint.url}'")
    table.endpoint = scripted_endpoint
    session = json.dumps({"cookie": {}, "text": "é" * (size // 2)}, ensure_ascii=False)
    for fault in (TRANSIENT["reset"], TRANSIENT["cut"]):
        table.endpoint.inject(fault, operation="PutItem")
        table.sql("REPLACE INTO sessions(sid, session, expires) VALUES ('a', ?, ?)", session, LATER)
        table.endpoint.inject(fault, operation="GetItem")
        (read,) = table.rows("SELECT session FROM sessions WHERE sid = 'a'")[0]
        assert json.loads(read)["text"] == "é" * (size // 2)


def test_no_error_and_no_log_shows_data_or_credentials(impatient, monkeypatch):
    for name, (statement, operation) in STATEMENTS.items():
        impatient.endpoint.inject(TRANSIENT["500"], operation=operation)
        try:
            impatient.sql(statement.replace("'{}'", "'{\"p\":\"hidden-data\"}'")).fetchall()
        except sqlite3.Error as error:
            assert "hidden-data" not in str(error) and "Signature" not in str(error)
    for row in impatient.rows("SELECT * FROM dynamodb_requests"):
        assert "hidden-data" not in str(row) and "Signature" not in str(row)
