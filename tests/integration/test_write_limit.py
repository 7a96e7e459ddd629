"""capacity_limit on writes: a COMMIT is counted before it is sent, a reap as it goes; what a
function call reads and what it writes are counted together."""

import json
import re
import time

import pytest
from scripted_endpoint import Response
from session_table import LATER, LONG_AGO, SERVERLESS, SessionTable, refused

NUMBERS = "WITH n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
MANY_INSERTS = f"INSERT INTO sessions(sid, session) {NUMBERS} SELECT 's' || i, '{{}}' FROM n"
MANY_REPLACES = MANY_INSERTS.replace("INSERT", "REPLACE", 1)
SMALL, LARGE = "{}", '{"t":"' + "x" * 2000 + '"}'
HUGE = '{"t":"' + "x" * 20000 + '"}'  # 5 units to read, 20 to write
TOUCH = "SELECT dynamodb_touch('sessions', 'a', 60)"
REAP = "SELECT dynamodb_reap('sessions')"


@pytest.fixture
def limited(dynamodb, connect, make_table, table_name):
    def make(limit, *arguments, connection=None, sql_name="sessions", name=None):
        return SessionTable(dynamodb, connection or connect(), make_table, SERVERLESS,
                            f"capacity_limit={limit}", *arguments, sql_name=sql_name,
                            name=name and f"{table_name}-{name}")

    return make


@pytest.mark.parametrize("statement, units", [
    (MANY_REPLACES, 40),  # a BatchWriteItem: one each
    (MANY_INSERTS, 80),  # a TransactWriteItems: two each
])
def test_a_commit_is_counted_before_it_is_sent(limited, statement, units):
    exact, short = limited(units), limited(units - 1, name="short")
    exact.sql(statement, 40)
    assert len(exact.sids()) == 40
    with short.sends(), refused("SQLITE_ERROR", f"capacity_limit={units - 1}",
                                f"would take {units} capacity units", "nothing was sent",
                                "0 applied, 40 not applied"):
        short.sql(statement, 40)
    assert short.sids() == []


def test_the_error_counts_as_dynamodb_pending_does(limited):
    sessions = limited(8)
    sessions.put("old", LARGE)
    sessions.put("gone", LARGE)
    sessions.sql("BEGIN")
    sessions.sql("INSERT INTO sessions(sid, session) VALUES ('new', ?), ('small', '{}')", LARGE)
    sessions.sql("UPDATE sessions SET expires = 5000000000 WHERE sid = 'old'")
    sessions.sql("DELETE FROM sessions WHERE sid = 'gone'")
    units = sessions.value("SELECT sum(write_units) FROM dynamodb_pending")
    assert units > 8
    with sessions.sends(), refused("SQLITE_ERROR", f"would take {units} capacity units"):
        sessions.sql("COMMIT")
    assert not sessions.connection.in_transaction
    assert sessions.sids() == ["gone", "old"]


def test_each_table_has_its_own_limit(limited):
    one = limited(3)
    other = limited(30, connection=one.connection, sql_name="other", name="other")
    one.sql("BEGIN")
    one.sql(MANY_REPLACES, 3)
    one.sql(MANY_REPLACES.replace("sessions", "other"), 20)
    one.sql("COMMIT")
    assert len(one.sids()) == 3
    one.sql("BEGIN")
    one.sql(MANY_REPLACES, 4)
    one.sql(MANY_REPLACES.replace("sessions", "other"), 21)
    with refused("SQLITE_ERROR", f'writing to "{one.name}" would take 4 capacity units'):
        one.sql("COMMIT")
    assert (len(one.sids()), len(other.sids())) == (3, 20)


def test_a_commit_is_counted_anew_each_time(limited):
    sessions = limited(10)
    for _ in range(3):
        sessions.sql(MANY_REPLACES, 10)
    assert len(sessions.sids()) == 10


def test_through_counts_what_it_has_sent(limited):
    sessions = limited(60, "commit='through'")
    with sessions.sends("BatchWriteItem", "BatchWriteItem"), refused(
        "SQLITE_ERROR", "would take 25 capacity units more than the 50 that this transaction has"
    ):
        sessions.sql(MANY_REPLACES, 80)
    assert len(sessions.sids()) == 50
    sessions.sql(MANY_REPLACES, 60)
    with sessions.sends("BatchWriteItem", "BatchWriteItem"), refused(
        "SQLITE_ERROR", "would take 11 capacity units more than the 50"
    ):
        sessions.sql(MANY_REPLACES, 61)
    assert len(sessions.sids()) == 60


def test_a_stopped_reap_says_what_is_in_flight(limited, scripted_endpoint):
    """Its figure is of what was answered; those deletes are waited for, and counted as deleted."""
    def answer(request):
        if request.operation == "Scan":
            items = [SERVERLESS.item(f"dead-{number}", SMALL, LONG_AGO) for number in range(20)]
            return Response(json={"Items": items, "Count": 20,
                                  "ConsumedCapacity": {"CapacityUnits": 1}})
        return Response(delay_s=0.2, json={"ConsumedCapacity": {"CapacityUnits": 2}})

    scripted_endpoint.handler = answer
    sessions = limited(2, "concurrency=5", f"endpoint_url='{scripted_endpoint.url}'")
    with refused("SQLITE_ERROR", "stopped by capacity_limit=2",
                 "(5 deleted before that stay deleted)") as caught:
        sessions.value(REAP)
    units, requests, in_flight = map(int, re.search(
        r": (\d+) capacity units were used by (\d+) requests for \d+ items, and more by (\d+) in "
        "flight", str(caught.value)).groups())
    assert requests + in_flight == sessions.value(
        "SELECT count(*) FROM dynamodb_requests WHERE operation IN ('Scan', 'DeleteItem')") == 6
    assert units + 2 * in_flight == 11


def test_reap_stops_at_the_limit_and_says_what_it_did(limited):
    sessions = limited(5, "concurrency=1")
    for number in range(20):
        sessions.put(f"dead-{number}", SMALL, LONG_AGO)
    with refused("SQLITE_ERROR", "stopped by capacity_limit=5", "deleted before that stay deleted"):
        sessions.sql("SELECT dynamodb_reap('sessions')")
    left = len(sessions.sids())
    assert 14 <= left < 20
    while left > 0:
        try:
            sessions.sql("SELECT dynamodb_reap('sessions')").fetchall()
        except sessions.connection.Error:
            pass
        before, left = left, len(sessions.sids())
        assert left < before or left == 0


def test_a_reap_within_the_limit_is_not_stopped(limited):
    sessions = limited(50)
    for number in range(20):
        sessions.put(f"dead-{number}", SMALL, LONG_AGO)
    assert sessions.value("SELECT dynamodb_reap('sessions')") == 20


# ---- a function call has the limit to itself, for all that it does ---------------------------


def test_a_touch_counts_its_read_with_its_write(limited):
    short = limited(24)
    before = short.put("a", HUGE)
    short.sql("UPDATE sessions SET expires = ? WHERE sid = 'a'", LATER + 1)  # a loop, a COMMIT
    changed = short.get("a")
    assert changed != before
    with short.sends("GetItem"), refused(
        "SQLITE_ERROR", "stopped by capacity_limit=24", "would take 20 capacity units",
        "more than the 5 that this call has used",
    ):
        short.sql(TOUCH)
    assert short.get("a") == changed
    exact = limited(25, name="exact")
    exact.put("a", HUGE)
    for _ in range(2):  # each call by itself
        with exact.sends("GetItem", "UpdateItem"):
            assert exact.value(TOUCH) == 1
    with exact.sends("GetItem", "UpdateItem", "GetItem", "UpdateItem"):
        assert exact.rows("SELECT dynamodb_touch('sessions', 'a', column1) FROM (VALUES (9), (8))")


def test_a_touch_that_waits_for_its_commit_is_a_read(limited):
    sessions = limited(24)
    sessions.put("a", HUGE)
    sessions.sql("BEGIN")
    assert sessions.value(TOUCH) == 1
    with sessions.sends("UpdateItem"):
        sessions.sql("COMMIT")


def test_a_call_that_sends_within_a_transaction_counts_both(limited):
    """commit='through' sends a reap's deletes as they come."""
    def begin(limit):
        sessions = limited(limit, "commit='through'", "concurrency=1", name=f"of-{limit}")
        for number in range(20):
            sessions.put(f"dead-{number}", LARGE, LONG_AGO)
        sessions.sql("BEGIN")
        return sessions

    free = begin(1000)
    assert free.value(REAP) == 20
    read = free.value("SELECT sum(capacity_units) FROM dynamodb_requests WHERE operation = 'Scan'")
    assert read >= 5
    exact, short = begin(read + 20), begin(read + 19)
    assert exact.value(REAP) == 20
    with refused("SQLITE_ERROR", "would take 1 capacity unit more",
                 f"than the {read + 19:g} that this call has used"):
        short.value(REAP)
    assert (len(exact.sids()), len(short.sids())) == (0, 1)


def test_a_cursor_opened_within_a_call_outlives_it(limited, scripted_endpoint):
    """SQLite's progress handler, called while the call waits, opens it, and gets a row that needs
    no request. What it counts on must outlive the call, too: AddressSanitizer sees it where it
    does not."""
    found = {"ConsumedCapacity": {"CapacityUnits": 1}}
    cursors = []

    def answer(request):
        if request.operation == "GetItem":
            sid = json.loads(request.body)["Key"]["sessionId"]["S"]
            return Response(json=found | {"Item": SERVERLESS.item(sid, SMALL, LATER)})
        time.sleep(0.3)
        return Response(json=found)

    def step():
        if not cursors and "UpdateItem" in scripted_endpoint.operations():
            cursors.append(None)
            cursors[0] = sessions.connection.execute(
                "SELECT sid FROM (VALUES ('a'), ('b'), ('c')) CROSS JOIN sessions ON sid = column1")

    scripted_endpoint.handler = answer
    sessions = limited(1000, f"endpoint_url='{scripted_endpoint.url}'")
    sessions.connection.set_progress_handler(step, 1000)
    assert sessions.value(TOUCH) == 1
    assert cursors[0].fetchall() == [("a",), ("b",), ("c",)]
    assert scripted_endpoint.operations() == ["GetItem", "UpdateItem", "GetItem", "GetItem"]


@pytest.mark.parametrize("operation, body, units", [
    ("PutItem", {"Item": "huge"}, 20),
    ("PutItem", {"Item": "small"}, 1),
    ("PutItem", {"Item": {"sessionId": "of no type"}}, 1),
    ("UpdateItem", {"Key": {}}, 1),
    ("DeleteItem", {"Key": {}}, 1),
    ("BatchWriteItem", {"RequestItems": {"t": [{"PutRequest": {"Item": "huge"}}] * 2,
                                         "u": [{"DeleteRequest": {"Key": {}}}]}}, 41),
    ("TransactWriteItems", {"TransactItems": [{"Put": {"Item": "huge"}}, {"Update": {}},
                                              {"Delete": {}}, {"ConditionCheck": {}}]}, 46),
    # Not known before, or of another form than DynamoDB's, for it to refuse.
    ("ExecuteStatement", {"Statement": "UPDATE t SET a = 1 WHERE sessionId = 'a'"}, 0),
    ("Scan", {}, 0),
    ("BatchWriteItem", {}, 0),
    ("BatchWriteItem", {"RequestItems": [{"PutRequest": {"Item": "huge"}}]}, 0),
    ("TransactWriteItems", {"TransactItems": {"Put": {"Item": "huge"}}}, 0),
])
def test_a_request_in_own_words_is_counted_before_it_is_sent(
        limited, scripted_endpoint, operation, body, units):
    scripted_endpoint.handler = lambda _: Response(json={"ConsumedCapacity": {"CapacityUnits": 99}})
    statement = "SELECT dynamodb_request('sessions', ?, ?)"
    items = {name: json.dumps(SERVERLESS.item("a", session, LATER))
             for name, session in (("huge", HUGE), ("small", SMALL))}
    text = json.dumps(body)
    for name, item in items.items():
        text = text.replace(f'"{name}"', item)
    arguments = [f"endpoint_url='{scripted_endpoint.url}'", "max_attempts=1"]
    short = limited(max(units - 0.5, 0.5), *arguments)
    if units == 0:
        with short.sends(operation):
            short.sql(statement, operation, text)
        return
    with short.sends(), refused("SQLITE_ERROR", f"would take {units} capacity unit",
                                "and nothing was sent"):
        short.sql(statement, operation, text)
    exact = limited(units, *arguments, connection=short.connection, sql_name="exact",
                    name="exact")
    for _ in range(2):
        with exact.sends(operation):
            exact.sql(statement.replace("sessions", "exact"), operation, text)
