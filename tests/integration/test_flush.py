"""The flush: how many calls a COMMIT takes, and what becomes of it when some go wrong."""

import hashlib
import json
import re

import pytest
from scripted_endpoint import Response, aws_error
from session_table import CONNECT, LATER, LONG_AGO, SERVERLESS, SessionTable, refused

INSERT = "INSERT INTO sessions(sid, session) VALUES (?, '{}')"
REPLACE = "REPLACE INTO sessions(sid, session) VALUES (?, '{}')"
NUMBERS = "WITH n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < ?)"
MANY_INSERTS = f"INSERT INTO sessions(sid, session) {NUMBERS} SELECT 's' || i, '{{}}' FROM n"
MANY_REPLACES = MANY_INSERTS.replace("INSERT", "REPLACE", 1)
THROTTLED = "ProvisionedThroughputExceededException"


@pytest.fixture
def sessions(dynamodb, connect, make_table):
    return SessionTable(dynamodb, connect(), make_table, SERVERLESS, "userId TEXT")


@pytest.fixture
def make_scripted(dynamodb, connect, make_table, scripted_endpoint):
    """A table behind a scripted endpoint, with these options."""

    def make(*arguments):
        table = SessionTable(dynamodb, connect(), make_table, SERVERLESS, "userId TEXT",
                             f"endpoint_url='{scripted_endpoint.url}'", *arguments)
        table.endpoint = scripted_endpoint
        return table

    return make


@pytest.fixture
def scripted(make_scripted):
    return make_scripted()


def sid_hash(sid):
    return hashlib.sha256(sid.encode()).hexdigest()


# ---- how many calls -----------------------------------------------------------------------------


def test_a_thousand_replaces_are_forty_calls(sessions):
    with sessions.sends(*["BatchWriteItem"] * 40):
        sessions.sql(MANY_REPLACES, 1000)
    assert len(sessions.sids()) == 1000


def test_a_batch_is_measured_as_it_travels(sessions):
    """Every quote of the session's text is escaped on its way, and 25 of these are over 16 MB."""
    quotes = json.dumps({"t": '"' * 190_000})
    sessions.sql("BEGIN")
    sessions.sql("REPLACE INTO sessions(sid, session)"
                 f" {NUMBERS} SELECT 's' || i, ? FROM n", 25, quotes)
    assert sessions.rows("SELECT call, count(*) FROM dynamodb_pending GROUP BY call") == [
        (1, 21), (2, 4)]
    sessions.sql("ROLLBACK")


def test_a_hundred_inserts_are_one_call(sessions):
    with sessions.sends("TransactWriteItems"):
        sessions.sql(MANY_INSERTS, 100)
    assert len(sessions.sids()) == 100


def test_more_inserts_than_a_transaction_holds_are_single_calls(sessions):
    with sessions.sends(*["PutItem"] * 101):
        sessions.sql(MANY_INSERTS, 101)
    assert len(sessions.sids()) == 101


def test_an_update_by_sid_is_a_read_and_a_write(sessions):
    sessions.put("a")
    with sessions.sends("GetItem", "UpdateItem"):
        sessions.sql("UPDATE sessions SET userId = 'u' WHERE sid = 'a'")


@pytest.mark.parametrize("count, calls", [
    (1, ["PutItem"]), (2, ["BatchWriteItem"]), (25, ["BatchWriteItem"]),
    (26, ["BatchWriteItem", "PutItem"]), (51, ["BatchWriteItem"] * 2 + ["PutItem"]),
    (52, ["BatchWriteItem"] * 3),
])
def test_what_asserts_nothing_goes_in_batches(sessions, count, calls):
    with sessions.sends(*calls):
        sessions.sql(MANY_REPLACES, count)
    assert len(sessions.sids()) == count


def test_a_mixture_that_one_transaction_holds(sessions):
    sessions.put("old")
    sessions.sql("BEGIN")
    sessions.sql("DELETE FROM sessions WHERE sid = 'old'")
    sessions.sql(MANY_REPLACES, 98)
    sessions.sql(INSERT, "new")
    with sessions.sends("TransactWriteItems"):
        sessions.sql("COMMIT")
    assert len(sessions.sids()) == 99


def test_a_mixture_that_no_transaction_holds(sessions):
    sessions.sql("BEGIN")
    sessions.sql(INSERT, "new")
    sessions.sql(MANY_REPLACES, 100)
    sessions.sql(INSERT, "newer")
    with sessions.sends(*["BatchWriteItem"] * 4, "PutItem", "PutItem"):  # batches first
        sessions.sql("COMMIT")
    assert len(sessions.sids()) == 102


@pytest.mark.parametrize("size, calls", [
    (300_000, ["TransactWriteItems"]), (350_000, ["PutItem"] * 13),
])
def test_a_transaction_holds_four_megabytes(sessions, size, calls):
    with sessions.sends(*calls):
        sessions.sql(f"INSERT INTO sessions(sid, session) {NUMBERS} SELECT i, json_object('t', "
                     "replace(hex(zeroblob(? / 2)), '0', 'x')) FROM n", 13, size)
    assert len(sessions.sids()) == 13


def test_the_asserted_values_count_too(sessions):
    """Seven compare-and-sets of 300 KB are more than 4 MB, where seven puts are not."""
    session = json.dumps({"t": "x" * 300_000})
    for sid in "abcdefg":
        sessions.put(sid, session)
    with sessions.sends("Scan", "Scan", *["UpdateItem"] * 7):
        sessions.sql("UPDATE sessions SET session = json_set(session, '$.n', 1)")
    assert all(json.loads(sessions.session(sid))["n"] == 1 for sid in "abcdefg")


def test_changed_sids_are_never_split(sessions):
    for number in range(51):
        sessions.put(f"s{number:02}")
    with sessions.sends("Scan", "TransactWriteItems", "TransactWriteItems"):
        sessions.sql("UPDATE sessions SET sid = 'new-' || sid")
    assert sessions.sids() == [f"new-s{number:02}" for number in range(51)]


def test_two_tables_share_a_transaction_and_batches(sessions, dynamodb, make_table):
    other = SessionTable(dynamodb, sessions.connection, make_table, CONNECT,
                         sql_name="other", name=sessions.name + "-o")
    sessions.sql("BEGIN")
    sessions.sql(REPLACE, "a")
    sessions.sql("REPLACE INTO other(sid, session) VALUES ('b', '{}')")
    with sessions.sends("BatchWriteItem"):
        sessions.sql("COMMIT")
    assert sessions.sids() == ["a"] and other.sids() == ["b"]


def test_each_item_is_written_once(sessions):
    sessions.sql("BEGIN")
    for number in range(3):
        sessions.sql("REPLACE INTO sessions(sid, session, userId) VALUES ('a', '{}', ?)", number)
    with sessions.sends("PutItem"):
        sessions.sql("COMMIT")
    assert sessions.get("a")["userId"] == {"S": "2"}


def test_a_second_name_of_the_table_writes_the_same_item(sessions):
    sessions.create(sessions.connection, "other")
    sessions.sql("BEGIN")
    sessions.sql(REPLACE, "a")
    sessions.sql("REPLACE INTO other(sid, session, expires) VALUES ('a', '{}', ?)", LATER)
    with sessions.sends("PutItem"):
        sessions.sql("COMMIT")
    assert sessions.get("a")["expireTime"] == {"N": f"{LATER}000"}


# ---- what is dropped ----------------------------------------------------------------------------


def test_what_or_ignore_finds_is_taken_out_and_the_rest_sent_again(sessions):
    before = sessions.put("b", '{"views":7}')
    with sessions.sends("TransactWriteItems", "TransactWriteItems"):
        sessions.sql("INSERT OR IGNORE INTO sessions(sid, session) "
                     "VALUES ('a', '{}'), ('b', '{}'), ('c', '{}')")
    assert sessions.sids() == ["a", "b", "c"] and sessions.get("b") == before


def test_what_or_ignore_finds_of_many(sessions):
    sessions.put("s7")
    sessions.put("s100")
    with sessions.sends(*["PutItem"] * 110):
        sessions.sql(MANY_INSERTS.replace("INSERT", "INSERT OR IGNORE", 1), 110)
    assert len(sessions.sids()) == 110


def test_or_ignore_of_rows_that_all_exist(sessions):
    before = [sessions.put("a"), sessions.put("b")]
    with sessions.sends("TransactWriteItems"):
        sessions.sql("INSERT OR IGNORE INTO sessions(sid, session) VALUES ('a', '{}'), ('b', '{}')")
    assert [sessions.get("a"), sessions.get("b")] == before


def test_a_delete_that_no_longer_matches_is_taken_out(sessions):
    for sid in "abc":
        sessions.put(sid, '{"views":1}', LONG_AGO)
    sessions.sql("BEGIN")
    sessions.sql("DELETE FROM sessions WHERE expired = 1")
    sessions.change("b", "expireTime = :e", e={"N": f"{LATER}000"})
    with sessions.sends("TransactWriteItems", "TransactWriteItems"):
        sessions.sql("COMMIT")
    assert sessions.sids() == ["b"]


def test_an_ignored_change_of_sid_is_dropped_whatever_became_of_its_row(scripted):
    """DynamoDB names every reason, DynamoDB Local the first alone."""
    scripted.put("a")
    scripted.sql("BEGIN")
    scripted.sql("UPDATE OR IGNORE sessions SET sid = 'b' WHERE sid = 'a'")
    taken = scripted.put("b", '{"views":7}')
    scripted.change("a", "userId = :u", u={"S": "visitor"})
    changed = scripted.get("a")
    failed = "ConditionalCheckFailed"
    scripted.endpoint.inject(Response(status=400, json={
        "__type": "x#TransactionCanceledException",
        "CancellationReasons": [{"Code": failed, "Item": taken}, {"Code": failed, "Item": changed}],
    }), operation="TransactWriteItems")
    scripted.sql("COMMIT")
    assert scripted.get("b") == taken and scripted.get("a") == changed


def test_an_ignored_change_of_sid_stays_dropped_when_commit_is_tried_again(make_scripted):
    table = make_scripted("max_attempts=1")
    table.put("a")
    table.sql("BEGIN")
    table.sql("UPDATE sessions SET userId = 'u' WHERE sid = 'a'")
    table.sql("UPDATE OR IGNORE sessions SET sid = 'b' WHERE sid = 'a'")
    taken = table.put("b", '{"views":7}')
    table.endpoint.inject(aws_error(THROTTLED), operation="UpdateItem")
    with refused("SQLITE_BUSY", "nothing was applied"):
        table.sql("COMMIT")
    assert table.rows("SELECT sid, userId FROM sessions ORDER BY sid") == [("a", "u"), ("b", None)]
    table.sql("COMMIT")
    assert table.get("b") == taken and table.get("a")["userId"] == {"S": "u"}


def test_a_new_token_for_a_new_set_of_writes(scripted):
    scripted.put("b")
    scripted.sql("INSERT OR IGNORE INTO sessions(sid, session) "
                 "VALUES ('a', '{}'), ('b', '{}'), ('c', '{}')")
    bodies = [request.json() for request in scripted.endpoint.requests
              if request.operation == "TransactWriteItems"]
    assert [len(body["TransactItems"]) for body in bodies] == [3, 2]
    assert len({body["ClientRequestToken"] for body in bodies}) == 2


# ---- which row ----------------------------------------------------------------------------------


def test_an_error_names_the_row_of_several(sessions):
    sessions.put("b")
    with refused("SQLITE_CONSTRAINT_PRIMARYKEY", "sessions.sid", sid_hash("b"), "3 not applied"):
        sessions.sql("INSERT INTO sessions(sid, session) VALUES ('a','{}'), ('b','{}'), ('c','{}')")
    with refused("SQLITE_CONSTRAINT_PRIMARYKEY") as caught:
        sessions.sql(INSERT, "b")
    assert str(caught.value) == "UNIQUE constraint failed: sessions.sid"
    assert sessions.sids() == ["b"]


def test_a_changed_row_fails_the_whole_transaction(sessions):
    for sid in "abc":
        sessions.put(sid)
    sessions.sql("BEGIN")
    sessions.sql("UPDATE sessions SET userId = 'u'")
    sessions.change("b", "userId = :u", u={"S": "visitor"})
    with refused("SQLITE_BUSY_SNAPSHOT", sid_hash("b"), "0 applied, 3 not applied, 0 unknown"):
        sessions.sql("COMMIT")
    assert "userId" not in sessions.get("a") and "userId" not in sessions.get("c")


def test_a_conflict_names_the_rows_it_was_about(make_scripted):
    table = make_scripted("max_attempts=1")
    reasons = [{"Code": "None"}, {"Code": "TransactionConflict"}]
    table.endpoint.queue(Response(status=400, json={
        "__type": "x#TransactionCanceledException", "CancellationReasons": reasons}))
    table.sql("BEGIN")
    table.sql(INSERT, "a")
    table.sql(INSERT, "b")
    with refused("SQLITE_BUSY", sid_hash("b"), "nothing was applied"):
        table.sql("COMMIT")
    table.sql("COMMIT")
    assert table.sids() == ["a", "b"]


# ---- commit='atomic' ----------------------------------------------------------------------------


@pytest.fixture
def atomic(dynamodb, connect, make_table):
    return SessionTable(dynamodb, connect(), make_table, SERVERLESS, "commit='atomic'")


def test_atomic_is_one_transaction_though_nothing_is_asserted(atomic):
    with atomic.sends("TransactWriteItems"):
        atomic.sql(MANY_REPLACES, 100)
    with atomic.sends("PutItem"):
        atomic.sql(REPLACE, "x")
    assert len(atomic.sids()) == 101


def test_atomic_refuses_what_one_transaction_cannot_hold(atomic):
    with atomic.sends(), refused("SQLITE_TOOBIG", "commit='atomic'", "101 writes"):
        atomic.sql(MANY_REPLACES, 101)
    assert atomic.sids() == []


def test_atomic_refuses_two_clients(atomic, dynamodb, make_table, scripted_endpoint):
    SessionTable(dynamodb, atomic.connection, make_table, SERVERLESS,
                 f"endpoint_url='{scripted_endpoint.url}'", sql_name="other",
                 name=atomic.name + "-o")
    atomic.sql("BEGIN")
    atomic.sql(REPLACE, "a")
    atomic.sql("REPLACE INTO other(sid, session) VALUES ('b', '{}')")
    with atomic.sends(), refused("SQLITE_TOOBIG", "2 clients"):
        atomic.sql("COMMIT")
    assert atomic.sids() == []


# ---- commit='through' ---------------------------------------------------------------------------


@pytest.fixture
def through(dynamodb, connect, make_table):
    return SessionTable(dynamodb, connect(), make_table, SERVERLESS, "commit='through'",
                        "userId TEXT")


def test_through_sends_batches_as_they_fill(through):
    through.sql("BEGIN")
    with through.sends(*["BatchWriteItem"] * 3):
        through.sql(MANY_REPLACES, 80)
    assert len(through.sids()) == 75
    with through.sends("BatchWriteItem"):
        through.sql("COMMIT")
    assert len(through.sids()) == 80


def test_through_sends_inserts_side_by_side(through):
    through.sql("BEGIN")
    with through.sends(*["PutItem"] * 32):
        through.sql(MANY_INSERTS, 40)
    with through.sends(*["PutItem"] * 8):
        through.sql("COMMIT")
    assert len(through.sids()) == 40


def test_through_rolls_back_what_is_unsent(through):
    through.sql("BEGIN")
    through.sql(MANY_REPLACES, 30)
    with through.sends():
        through.sql("ROLLBACK")
    assert len(through.sids()) == 25
    with through.sends("PutItem"):
        through.sql(REPLACE, "x")


def test_through_sends_no_write_of_another_table(through, dynamodb, make_table):
    other = SessionTable(dynamodb, through.connection, make_table, SERVERLESS,
                         sql_name="other", name=through.name + "-o")
    through.sql("BEGIN")
    through.sql("INSERT INTO other(sid, session) VALUES ('a', '{}')")
    through.sql(MANY_REPLACES, 30)
    through.sql("ROLLBACK")
    assert len(through.sids()) == 25 and other.sids() == []


def test_through_holds_more_than_memory(through):
    """Ten times what is held at once, with one item written again and again."""
    through.sql("BEGIN")
    through.sql(MANY_REPLACES, 500)
    through.sql(MANY_REPLACES, 500)
    through.sql("COMMIT")
    assert len(through.sids()) == 500


def test_through_that_is_throttled_says_what_is_true(make_scripted):
    """What it has sent before stays, and a statement is nothing that COMMIT would do again."""
    table = make_scripted("max_attempts=1", "commit='through'")
    table.sql("BEGIN")
    table.sql(MANY_REPLACES, 25)
    table.endpoint.inject(aws_error(THROTTLED), operation="BatchWriteItem")
    with refused("SQLITE_ERROR", "0 applied, 25 not applied, 0 unknown") as caught:
        table.sql(MANY_REPLACES, 25)
    assert "COMMIT" not in str(caught.value) and "nothing" not in str(caught.value)
    table.sql(REPLACE, "x")
    table.endpoint.inject(aws_error(THROTTLED), operation="PutItem")
    with refused("SQLITE_BUSY", "nothing more was applied, COMMIT again or ROLLBACK"):
        table.sql("COMMIT")
    table.sql("COMMIT")
    assert len(table.sids()) == 26


# ---- faults: nothing lost, nothing applied twice ------------------------------------------------


def leave_unprocessed(request, some):
    """Answers a BatchWriteItem as if `some` of its requests were put off; None: all were done."""
    items = request.json()["RequestItems"]
    left = {table: [one for place, one in enumerate(requests) if some(place)]
            for table, requests in items.items()}
    return {table: requests for table, requests in left.items() if requests}


class Reluctant:
    """A server that does a part of each BatchWriteItem and gives the rest back."""

    def __init__(self, dynamodb, some):
        self.dynamodb = dynamodb
        self.some = some
        self.calls = 0
        self.applied = []

    def __call__(self, request):
        if request.operation != "BatchWriteItem":
            return None
        self.calls += 1
        left = leave_unprocessed(request, lambda place: self.some(self.calls, place))
        for table, requests in request.json()["RequestItems"].items():
            done = [one for one in requests if one not in left.get(table, [])]
            self.applied += [(table, json.dumps(one, sort_keys=True)) for one in done]
            for one in done:
                if "PutRequest" in one:
                    self.dynamodb.put_item(TableName=table, Item=one["PutRequest"]["Item"])
                else:
                    self.dynamodb.delete_item(TableName=table, Key=one["DeleteRequest"]["Key"])
        return Response(json={"UnprocessedItems": left})


@pytest.mark.parametrize("some", [
    lambda call, place: (place + call) % 2 == 0, lambda call, place: call == 1,
    lambda call, place: place > 0 and call < 12, lambda call, place: place == 24,
], ids=["every other", "the first call", "all but one", "the last"])
def test_unprocessed_items_are_sent_again_and_none_twice(scripted, dynamodb, some):
    for number in range(10):
        scripted.put(f"old{number}")
    reluctant = Reluctant(dynamodb, some)
    scripted.endpoint.handler = reluctant
    scripted.sql("BEGIN")
    scripted.sql("DELETE FROM sessions")
    scripted.sql(MANY_REPLACES, 60)
    scripted.sql("COMMIT")
    assert scripted.sids() == sorted(f"s{number}" for number in range(1, 61))
    assert len(reluctant.applied) == len(set(reluctant.applied)) == 70


@pytest.mark.parametrize("fault", [
    aws_error(THROTTLED, "slow down"), aws_error("InternalServerError", "oh", status=500),
    Response(reset=True), Response(reset=True, forward_first=True),
    aws_error("InternalServerError", "oh", status=500, forward_first=True),
    Response(json={}, crc32="wrong", forward_first=True),
], ids=["throttled", "500", "dropped", "dropped after", "500 after", "crc32 after"])
@pytest.mark.parametrize("statement, count, operation", [
    (MANY_REPLACES, 60, "BatchWriteItem"), (MANY_INSERTS, 60, "TransactWriteItems"),
    (MANY_INSERTS, 110, "PutItem"),
], ids=["batches", "transaction", "single calls"])
def test_faults_between_are_mended(scripted, fault, statement, count, operation):
    for at in (1, 2):
        scripted.endpoint.inject(fault, operation=operation, at=at)
    scripted.sql(statement, count)
    assert len(scripted.sids()) == count


def test_an_update_that_was_applied_by_a_lost_attempt_counts_once(scripted):
    """In a transaction the token tells it apart from another writer's."""
    for sid in "ab":
        scripted.put(sid, '{"views":1}')
    fault = aws_error("InternalServerError", "oh", status=500, forward_first=True)
    scripted.endpoint.inject(fault, operation="TransactWriteItems")
    scripted.sql("UPDATE sessions SET session = json_set(session, '$.views', "
                 "json_extract(session, '$.views') + 1)")
    assert [json.loads(scripted.session(sid))["views"] for sid in "ab"] == [2, 2]


def test_a_batch_of_unknown_fate_names_its_rows(make_scripted):
    table = make_scripted("max_attempts=1", "concurrency=1")
    fault = aws_error("InternalServerError", "oh", status=500, forward_first=True)
    table.endpoint.inject(fault, operation="BatchWriteItem", at=2)
    words = "25 applied, 10 not applied, 25 unknown"
    with refused("SQLITE_ERROR", words, sid_hash("s26")) as caught:
        table.sql(MANY_REPLACES, 60)
    # Ten of the 25, so that the message can be read.
    assert len(re.findall("[0-9a-f]{64}", str(caught.value))) == 10
    assert len(table.sids()) == 50


@pytest.mark.parametrize("statement", [INSERT, MANY_REPLACES], ids=["alone", "batch"])
def test_what_became_of_an_unknown_write_is_read_consistently(make_scripted, statement):
    table = make_scripted("max_attempts=1")
    fault = aws_error("InternalServerError", "oh", status=500, forward_first=True)
    table.endpoint.inject(fault)
    with refused("SQLITE_ERROR", "unknown"):
        table.sql(statement, 2)
    assert table.value("SELECT count(*) FROM sessions") > 0
    scan = table.endpoint.requests[-1]
    assert scan.operation == "Scan" and scan.json()["ConsistentRead"] is True


def test_a_batch_that_stays_unprocessed(make_scripted, monkeypatch):
    table = make_scripted("max_attempts=1")
    table.endpoint.handler = lambda request: (
        Response(json={"UnprocessedItems": request.json()["RequestItems"]})
        if request.operation == "BatchWriteItem" else None)
    table.sql("BEGIN")
    table.sql(REPLACE, "a")
    table.sql(REPLACE, "b")
    with refused("SQLITE_BUSY", "2 items remain unprocessed", "COMMIT again or ROLLBACK"):
        table.sql("COMMIT")
    assert table.connection.in_transaction
    table.endpoint.handler = None
    table.sql("COMMIT")
    assert table.sids() == ["a", "b"]


def transact_bodies(table):
    return [request.json() for request in table.endpoint.requests
            if request.operation == "TransactWriteItems"]


CONFLICT = Response(status=400, json={
    "__type": "x#TransactionCanceledException",
    "CancellationReasons": [{"Code": "TransactionConflict"}, {"Code": "None"}]})


def test_throttled_on_the_last_of_forty_calls(make_scripted):
    """Tried again it is one call more; given up it is counted."""
    table = make_scripted("concurrency=1")
    table.endpoint.inject(aws_error(THROTTLED, "slow down"), operation="BatchWriteItem", at=40)
    table.sql(MANY_REPLACES, 1000)
    assert table.endpoint.operations().count("BatchWriteItem") == 41
    assert len(table.sids()) == 1000


def test_throttled_for_good_on_the_last_of_forty_calls(make_scripted):
    table = make_scripted("concurrency=1", "max_attempts=1")
    table.endpoint.inject(aws_error(THROTTLED, "slow down"), operation="BatchWriteItem", at=40)
    table.sql("BEGIN")
    table.sql(MANY_REPLACES, 1000)
    with refused("SQLITE_ERROR", THROTTLED, "975 applied, 25 not applied, 0 unknown"):
        table.sql("COMMIT")
    assert not table.connection.in_transaction
    assert len(table.sids()) == 975


@pytest.mark.parametrize("fault", [
    CONFLICT, aws_error(THROTTLED, "slow down"), aws_error("TransactionInProgressException", "x"),
    aws_error("InternalServerError", "oh", status=500, forward_first=True),
    Response(reset=True, forward_first=True), Response(json={}, crc32="wrong", forward_first=True),
    Response(json={}, truncate_bytes=1, forward_first=True),
], ids=["conflict", "throttled", "in progress", "500 after", "dropped after", "crc32 after",
        "cut off after"])
def test_a_transaction_is_tried_again_under_its_token(scripted, fault):
    """So that DynamoDB knows what it has applied already."""
    scripted.put("a", '{"views":1}')
    scripted.endpoint.inject(fault, operation="TransactWriteItems")
    scripted.sql("BEGIN")
    scripted.sql("UPDATE sessions SET session = json_set(session, '$.views', 2)")
    scripted.sql(INSERT, "b")
    scripted.sql("COMMIT")
    first, second = transact_bodies(scripted)
    assert first == second
    assert json.loads(scripted.session("a"))["views"] == 2 and scripted.sids() == ["a", "b"]


def test_another_commit_has_another_token(make_scripted):
    table = make_scripted("max_attempts=1")
    table.endpoint.inject(CONFLICT, operation="TransactWriteItems")
    table.sql("BEGIN")
    table.sql(INSERT, "a")
    table.sql(INSERT, "b")
    with refused("SQLITE_BUSY"):
        table.sql("COMMIT")
    table.sql("COMMIT")
    first, second = transact_bodies(table)
    assert first["TransactItems"] == second["TransactItems"]
    assert first["ClientRequestToken"] != second["ClientRequestToken"]


@pytest.mark.parametrize("statement, count, calls, counts", [
    (MANY_INSERTS, 1, 4, "0 applied, 0 not applied, 1 unknown"),
    (MANY_INSERTS, 100, 4, "0 applied, 0 not applied, 100 unknown"),
    (MANY_INSERTS, 101, 8, "0 applied, 99 not applied, 2 unknown"),
    (MANY_REPLACES, 100, 8, "0 applied, 50 not applied, 50 unknown"),
], ids=["one write", "transaction", "single calls", "batches"])
@pytest.mark.parametrize("is_applied", [False, True], ids=["not applied", "applied"])
def test_errors_for_ever(make_scripted, statement, count, calls, counts, is_applied):
    """Two in flight at a time; nobody can tell whether they were applied."""
    table = make_scripted("concurrency=2")
    fault = aws_error("InternalServerError", "oh", status=500, forward_first=is_applied)
    table.endpoint.inject(fault, at=0, matches=lambda request: "Item" in request.operation)
    with refused("SQLITE_ERROR", counts):
        table.sql(statement, count)
    assert not table.connection.in_transaction
    assert len(table.endpoint.requests) == calls
    known = int(counts.split(", ")[2].split()[0]) if is_applied else 0
    assert len(table.sids()) == known


def test_conditional_and_not_in_one_commit(scripted):
    """Two that assert something and 200 that do not, with a fault in each kind of call."""
    for operation in ("BatchWriteItem", "PutItem", "UpdateItem"):
        scripted.endpoint.inject(aws_error(THROTTLED, "slow down"), operation=operation)
    scripted.put("old")
    scripted.sql("BEGIN")
    scripted.sql("UPDATE sessions SET userId = 'u' WHERE sid = 'old'")
    scripted.sql(MANY_REPLACES, 200)
    scripted.sql(INSERT, "new")
    since = scripted.last_request()
    scripted.sql("COMMIT")
    assert sorted(scripted.operations(since)) == ["BatchWriteItem"] * 8 + ["PutItem", "UpdateItem"]
    assert len(scripted.sids()) == 202 and scripted.get("old")["userId"] == {"S": "u"}


def test_two_clients_have_calls_of_their_own(sessions, dynamodb, make_table, scripted_endpoint):
    other = SessionTable(dynamodb, sessions.connection, make_table, SERVERLESS,
                         f"endpoint_url='{scripted_endpoint.url}'", sql_name="other",
                         name=sessions.name + "-o")
    sessions.sql("BEGIN")
    sessions.sql("INSERT INTO other(sid, session) VALUES ('a', '{}')")
    sessions.sql(REPLACE, "b")
    sessions.sql("REPLACE INTO other(sid, session) VALUES ('c', '{}')")
    sessions.sql(REPLACE, "d")
    with sessions.sends("TransactWriteItems", "BatchWriteItem"):
        sessions.sql("COMMIT")
    assert scripted_endpoint.operations() == ["TransactWriteItems"]
    assert other.sids() == ["a", "c"] and sessions.sids() == ["b", "d"]


def test_create_makes_the_table_for_a_transaction_and_for_batches(dynamodb, connect, endpoint,
                                                                  make_table):
    present = SessionTable(dynamodb, connect(), make_table, SERVERLESS)
    for number, statement in enumerate((MANY_INSERTS, MANY_REPLACES)):
        name = f"{present.name}-{number}"
        present.sql(f"CREATE VIRTUAL TABLE temp.fresh{number} USING dynamodb_sessions("
                    f"table='{name}', create=1)")
        present.sql(statement.replace("INTO sessions", f"INTO fresh{number}"), 30)
        try:
            assert dynamodb.scan(TableName=name)["Count"] == 30
        finally:
            dynamodb.delete_table(TableName=name)


def test_a_table_that_is_created_meanwhile_hides_no_unknown_write(make_scripted, dynamodb):
    table = make_scripted("max_attempts=1", "create=1")
    missing = table.name + "-missing"
    table.sql(f"CREATE VIRTUAL TABLE temp.fresh USING dynamodb_sessions(table='{missing}', "
              f"endpoint_url='{table.endpoint.url}', max_attempts=1, create=1)")
    lost = aws_error("InternalServerError", "oh", status=500, delay_s=0.3)
    table.endpoint.inject(lost, matches=lambda request: request.operation == "BatchWriteItem"
                          and table.name in request.json()["RequestItems"])
    table.sql("BEGIN")
    table.sql(MANY_REPLACES.replace("INTO sessions", "INTO fresh"), 25)
    table.sql(MANY_REPLACES, 25)
    try:
        with refused("SQLITE_ERROR", "25 unknown"):
            table.sql("COMMIT")
    finally:
        if missing in dynamodb.list_tables()["TableNames"]:
            dynamodb.delete_table(TableName=missing)


# ---- dynamodb_pending ---------------------------------------------------------------------------


PENDING = ("SELECT position, virtual_table, operation, sid, condition, write_units, call, api "
           "FROM dynamodb_pending")


def test_the_columns_of_dynamodb_pending(sessions):
    columns = [row[1:3] for row in sessions.rows("PRAGMA table_xinfo(dynamodb_pending)")]
    assert columns == [
        ("position", "INTEGER"), ("virtual_table", "TEXT"), ("operation", "TEXT"),
        ("sid_hash", "TEXT"), ("condition", "TEXT"), ("bytes", "INTEGER"),
        ("write_units", "INTEGER"), ("call", "INTEGER"), ("api", "TEXT"), ("sid", "TEXT")]
    assert len(sessions.sql("SELECT * FROM dynamodb_pending").description) == 9


def test_what_a_transaction_would_send(sessions):
    sessions.put("gone", '{"views":1}', LONG_AGO)
    sessions.sql("BEGIN")
    sessions.sql("DELETE FROM sessions WHERE sid = 'gone' AND expired = 1")
    sessions.sql(INSERT, "new")
    sessions.sql("REPLACE INTO sessions(sid, session) VALUES ('big', json_object('t', ?))",
                 "x" * 3000)
    sessions.sql("REPLACE INTO sessions(sid, session) VALUES ('big', json_object('t', ?))",
                 "y" * 3000)
    with sessions.sends():
        rows = sessions.rows(PENDING)
    transaction = (1, "TransactWriteItems")
    assert [row[:4] + row[5:] for row in rows] == [
        (1, "sessions", "DeleteItem", "gone", 2, *transaction),
        (2, "sessions", "PutItem", "new", 2, *transaction),
        (3, "sessions", "PutItem", "big", 8, *transaction)]
    conditions = [row[4] for row in rows]
    assert conditions[1:] == ["attribute_not_exists(sessionId)", None]
    assert "expireTime" in conditions[0]
    hashes = sessions.rows("SELECT sid_hash, bytes > 0 FROM dynamodb_pending")
    assert hashes == [(sid_hash(sid), 1) for sid in ("gone", "new", "big")]
    with sessions.sends("TransactWriteItems"):
        sessions.sql("COMMIT")
    assert sessions.rows("SELECT * FROM dynamodb_pending") == []


def test_the_calls_that_it_would_take_are_those_that_it_takes(sessions):
    for sid in ("moved", "old"):
        sessions.put(sid, userId={"S": "w" * 1500})
    sessions.sql("BEGIN")
    sessions.sql("UPDATE sessions SET expires = expires + 1, "
                 "sid = CASE sid WHEN 'moved' THEN 'moved2' ELSE sid END")
    sessions.sql(MANY_REPLACES, 110)
    calls = sessions.rows("SELECT api, count(*), sum(write_units) FROM dynamodb_pending "
                          "GROUP BY call ORDER BY call")
    assert calls == [*[("BatchWriteItem", 25, 25)] * 4, ("BatchWriteItem", 10, 10),
                     ("TransactWriteItems", 2, 6), ("UpdateItem", 1, 2)]
    since = sessions.last_request()
    sessions.sql("COMMIT")
    # Those in flight together end in any order.
    assert sorted(sessions.operations(since)) == sorted(api for api, _, _ in calls)


def test_nothing_waits_outside_a_transaction(sessions):
    assert sessions.rows("SELECT * FROM dynamodb_pending") == []
    sessions.sql("BEGIN")
    sessions.sql(INSERT, "a")
    sessions.sql("ROLLBACK")
    assert sessions.rows("SELECT * FROM dynamodb_pending") == []


def test_a_statement_that_is_throttled_halfway_is_no_commit_to_try_again(make_scripted):
    """What it sent before stays and what it had not sent is dropped: COMMIT would lose that."""
    sessions = make_scripted("commit='through'")
    sessions.endpoint.inject(aws_error(THROTTLED), operation="BatchWriteItem", at=0,
                             matches=lambda request: b'"s26"' in request.body)
    sessions.sql("BEGIN")
    with refused("SQLITE_ERROR", THROTTLED, "0 applied, 25 not applied, 0 unknown") as caught:
        sessions.sql(MANY_REPLACES, 60)
    assert "COMMIT again" not in str(caught.value)
    assert sessions.connection.in_transaction
    sessions.sql("ROLLBACK")
    assert len(sessions.sids()) == 25
