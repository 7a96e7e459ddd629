"""Several connections and applications at once, and statements that are told to stop."""

import json
import sqlite3
import threading
import time

import pytest
from scripted_endpoint import Response, aws_error
from session_table import LATER, LONG_AGO, SERVERLESS, SessionTable, refused

# Against hanging alone; a statement that is told to stop ends in a fraction of a second.
HANGING_S = 30


@pytest.fixture
def slow(dynamodb, connect, make_table, scripted_endpoint):
    """A table behind an endpoint that can be told not to answer; usable from other threads."""
    table = SessionTable(
        dynamodb, connect(check_same_thread=False), make_table, SERVERLESS, "userId TEXT",
        f"endpoint_url='{scripted_endpoint.url}'",
    )
    table.endpoint = scripted_endpoint
    table.release = threading.Event()
    yield table
    table.release.set()


def hold(table, operation, at=1):
    table.endpoint.inject(Response(hold=table.release, json={}), operation=operation, at=at)


def arrived(table, operation, count=1):
    """Waits until that many requests of this operation have come."""
    for _ in range(HANGING_S * 100):
        if table.endpoint.operations().count(operation) >= count:
            return
        time.sleep(0.01)
    pytest.fail(f"no {operation} came")


def interrupted(table, operation, run, count=1):
    """Runs it in a thread, interrupts it once the request is under way; the error it ended with."""
    errors = []

    def target():
        try:
            run()
        except sqlite3.Error as error:
            errors.append(error)

    thread = threading.Thread(target=target)
    thread.start()
    arrived(table, operation, count)
    table.connection.interrupt()
    thread.join(HANGING_S)
    assert not thread.is_alive(), "it did not end"
    (error,) = errors
    assert error.sqlite_errorname == "SQLITE_INTERRUPT", error
    return error


# ---- interrupts -------------------------------------------------------------------------------


@pytest.mark.parametrize("operation, statement", [
    ("Scan", "SELECT * FROM sessions"), ("GetItem", "SELECT * FROM sessions WHERE sid = 'a'"),
    ("Scan", "UPDATE sessions SET userId = 'u'"), ("Scan", "SELECT dynamodb_reap('sessions')"),
    ("GetItem", "SELECT dynamodb_touch('sessions', 'a', 60)"),
    ("DescribeTable", "SELECT dynamodb_create_table('sessions')"),
])
def test_interrupt_ends_a_statement(slow, operation, statement):
    slow.put("a")
    hold(slow, operation)
    interrupted(slow, operation, lambda: slow.sql(statement).fetchall())
    slow.release.set()
    # The connection goes on.
    assert slow.rows("SELECT sid FROM sessions") == [("a",)]


@pytest.mark.parametrize("operation, statement", [
    ("PutItem", "INSERT INTO sessions(sid, session) VALUES ('b', '{}')"),
    ("UpdateItem", "UPDATE sessions SET userId = 'u'"), ("DeleteItem", "DELETE FROM sessions"),
])
def test_interrupt_ends_a_commit(slow, operation, statement):
    slow.put("a")
    slow.sql("CREATE TABLE main.log(t)")
    slow.sql("BEGIN")
    slow.sql("INSERT INTO log VALUES (1)")
    slow.sql(statement)
    hold(slow, operation)
    error = interrupted(slow, operation, lambda: slow.sql("COMMIT"))
    assert "0 applied, 0 not applied, 1 unknown" in str(error)
    assert not slow.connection.in_transaction
    assert slow.rows("SELECT * FROM log") == []
    slow.release.set()
    with slow.sends("Scan"):
        slow.rows("SELECT * FROM sessions")


def test_interrupt_sends_nothing_further(slow):
    """Of more than one transaction holds, three calls at a time are in flight."""
    slow.create(slow.connection, "three", f"endpoint_url='{slow.endpoint.url}'", "concurrency=3")
    slow.sql("BEGIN")
    for number in range(101):
        slow.sql("INSERT INTO three(sid, session) VALUES (?, '{}')", f"s{number:03}")
    for at in (4, 5, 6):
        hold(slow, "PutItem", at=at)
    error = interrupted(slow, "PutItem", lambda: slow.sql("COMMIT"), count=6)
    assert "3 applied, 95 not applied, 3 unknown" in str(error)
    assert slow.endpoint.operations().count("PutItem") == 6
    assert len(slow.sids()) == 3


def test_interrupt_of_a_write_statement_rolls_the_transaction_back(slow):
    slow.put("a")
    slow.sql("CREATE TABLE main.log(t)")
    slow.sql("BEGIN")
    slow.sql("INSERT INTO log VALUES (1)")
    hold(slow, "Scan")
    interrupted(slow, "Scan", lambda: slow.sql("DELETE FROM sessions"))
    assert not slow.connection.in_transaction
    assert slow.rows("SELECT * FROM log") == [] and slow.sids() == ["a"]


def test_interrupt_between_retries(slow):
    """Throttled again and again: the waits in between end as well."""
    slow.endpoint.inject(aws_error("ProvisionedThroughputExceededException"), at=0)
    errors = []

    def target():
        try:
            slow.sql("SELECT * FROM sessions").fetchall()
        except sqlite3.Error as error:
            errors.append(error)

    thread = threading.Thread(target=target)
    thread.start()
    arrived(slow, "Scan")
    slow.connection.interrupt()
    thread.join(HANGING_S)
    assert not thread.is_alive()
    # It was told in a wait, or had given up just before.
    assert errors[0].sqlite_errorname in ("SQLITE_INTERRUPT", "SQLITE_BUSY")


@pytest.mark.parametrize("statement, operation", [
    ("SELECT * FROM sessions", "Scan"), ("DELETE FROM sessions WHERE sid = 'a'", "GetItem"),
    ("INSERT INTO sessions(sid, session) VALUES ('b', '{}')", "PutItem"),
    ("SELECT * FROM sessions WHERE sid IN ('a', 'b')", "BatchGetItem"),
])
def test_a_progress_handler_ends_it(slow, statement, operation):
    slow.put("a")
    hold(slow, operation)
    slow.connection.set_progress_handler(
        lambda: operation in slow.endpoint.operations(), 1000
    )
    with refused("SQLITE_INTERRUPT"):
        slow.sql(statement).fetchall()
    slow.connection.set_progress_handler(None, 0)
    slow.release.set()
    assert slow.sids() == ["a"]


class Intruder:
    """A host that runs a statement in its progress handler, once an operation is waited for."""

    def __init__(self, table, operation, statement):
        self.table, self.operation, self.statement = table, operation, statement
        self.release = threading.Event()
        self.has_begun = False
        self.errors = []
        table.endpoint.handler = self.hold
        table.connection.set_progress_handler(self.step, 1000)

    def hold(self, request):
        if request.operation == self.operation:
            self.release.wait(HANGING_S)

    def step(self):
        if self.has_begun or self.operation not in self.table.endpoint.operations():
            return 0
        self.has_begun = True
        try:
            self.table.sql(self.statement).fetchall()
        except sqlite3.Error as error:
            self.errors.append(error)
        self.release.set()
        return 0

    def end(self):
        self.table.connection.set_progress_handler(None, 0)
        self.table.endpoint.handler = None


@pytest.mark.parametrize("intrusion", [
    "SELECT * FROM sessions", "SELECT * FROM sessions WHERE sid = 'b'",
    "SELECT * FROM sessions WHERE sid IN ('a', 'b')",
    "INSERT INTO sessions(sid, session) VALUES ('b', '{}')", "DELETE FROM sessions",
    "INSERT OR REPLACE INTO sessions(sid, session) VALUES ('b', '{}')",
    "SELECT dynamodb_touch('sessions', 'a', 60)",
    "SELECT dynamodb_request('sessions', 'Scan', '{}')",
])
@pytest.mark.parametrize("statement, operation, expected", [
    ("SELECT sid FROM sessions ORDER BY sid", "Scan", [("a",)]),
    ("SELECT sid FROM sessions WHERE sid = 'a'", "GetItem", [("a",)]),
    ("SELECT sid FROM sessions WHERE sid IN ('a', 'z')", "BatchGetItem", [("a",)]),
    ("SELECT dynamodb_create_table('sessions')", "DescribeTable", [("exists",)]),
    ("SELECT dynamodb_touch('sessions', 'a', 60)", "UpdateItem", [(1,)]),
    ("INSERT INTO sessions(sid, session) VALUES ('c', '{}')", "PutItem", []),
])
def test_a_statement_in_a_progress_handler_is_refused(
        slow, statement, operation, expected, intrusion):
    """SQLite does not allow it; it harms neither the statement that waits nor the next one."""
    slow.put("a")
    intruder = Intruder(slow, operation, intrusion)
    watchdog = threading.Timer(HANGING_S, slow.connection.interrupt)
    watchdog.start()
    assert slow.sql(statement).fetchall() == expected
    watchdog.cancel()
    (error,) = intruder.errors
    # SQLite itself refuses to write while it commits.
    if error.sqlite_errorname != "SQLITE_LOCKED" or operation not in ("UpdateItem", "PutItem"):
        assert error.sqlite_errorname == "SQLITE_ERROR"
        assert "inside the progress handler" in str(error)
    intruder.end()
    assert slow.sids() == (["a", "c"] if operation == "PutItem" else ["a"])


@pytest.mark.parametrize("intrusion", ["ROLLBACK", "ROLLBACK TO s"])
@pytest.mark.parametrize("statement, operation", [
    ("SELECT * FROM sessions", "Scan"),
    ("SELECT * FROM sessions WHERE sid = 'n'", "GetItem"),
    ("SELECT * FROM sessions WHERE sid IN ('n', 'm', 'a')", "BatchGetItem"),
    ("UPDATE sessions SET userId = 'u' WHERE sid = 'n'", "GetItem"),
    ("UPDATE sessions SET userId = 'u'", "Scan"),
    ("SELECT dynamodb_touch('sessions', 'n', 60)", "GetItem"),
    ("SELECT dynamodb_reap('sessions')", "Scan"),
])
def test_a_rollback_in_a_progress_handler_takes_back_what_is_being_read(
        slow, statement, operation, intrusion):
    """It needs no request, so nobody refuses it: a wait must hold on to no unsent write."""
    slow.put("a")
    slow.sql("BEGIN")
    slow.sql("SAVEPOINT s")
    slow.sql("INSERT OR IGNORE INTO sessions(sid, session) VALUES ('n', '{}')")
    slow.sql("INSERT OR REPLACE INTO sessions(sid, session) VALUES ('m', '{}')")
    intruder = Intruder(slow, operation, intrusion)
    try:
        rows = slow.sql(statement).fetchall()
    except sqlite3.Error:
        rows = []  # SQLite aborts a statement below which everything was rolled back
    intruder.end()
    assert intruder.has_begun
    assert not intruder.errors
    assert all(row[0] not in ("n", "m") for row in rows)
    slow.sql("ROLLBACK" if slow.connection.in_transaction else "BEGIN")
    assert slow.sids() == ["a"]


@pytest.fixture
def through(slow):
    def create(concurrency):
        slow.create(slow.connection, "through", f"endpoint_url='{slow.endpoint.url}'",
                    f"concurrency={concurrency}", "commit='through'")
        slow.sql("BEGIN")
        slow.sql("SAVEPOINT s")
        slow.sql("INSERT INTO sessions(sid, session) VALUES ('other', '{}')")

    return create


@pytest.mark.parametrize("intrusion", ["ROLLBACK", "ROLLBACK TO s"])
@pytest.mark.parametrize("operation, count, concurrency", [
    ("PutItem", 3, 3), ("PutItem", 20, 20), ("PutItem", 60, 2), ("BatchWriteItem", 30, 2)])
def test_a_rollback_in_a_progress_handler_ends_what_is_being_sent(
        slow, through, operation, count, concurrency, intrusion):
    through(concurrency)
    verb = "INSERT OR REPLACE" if operation == "BatchWriteItem" else "INSERT"
    intruder = Intruder(slow, operation, intrusion)
    with pytest.raises(sqlite3.Error):
        slow.sql("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < "
                 f"{count}) {verb} INTO through(sid, session) SELECT 'n' || i, '{{}}' FROM n")
    intruder.end()
    assert intruder.has_begun and not intruder.errors
    if slow.connection.in_transaction:
        slow.sql("ROLLBACK")
    # What was on its way may have arrived, and nothing was sent after that.
    assert set(slow.sids()) <= {f"n{i}" for i in range(1, 1 + min(count, concurrency * 25))}
    slow.sql("INSERT OR REPLACE INTO sessions(sid, session) VALUES ('next', '{}')")
    assert "next" in slow.sids() and "other" not in slow.sids()


def test_a_read_in_a_progress_handler_leaves_the_commit_of_a_new_table(slow):
    slow.sql("BEGIN")
    slow.create(slow.connection, "late", f"endpoint_url='{slow.endpoint.url}'")
    slow.sql("INSERT INTO late(sid, session) VALUES ('a', '{}')")
    intruder = Intruder(slow, "PutItem", "SELECT * FROM late")
    slow.sql("COMMIT")
    intruder.end()
    assert "inside the progress handler" in str(intruder.errors[0])
    assert slow.sids() == ["a"]


def test_a_drop_in_a_progress_handler_waits_for_what_is_being_sent(slow, through):
    through(2)
    slow.create(slow.connection, "second", f"endpoint_url='{slow.endpoint.url}'",
                "concurrency=2", "commit='through'")
    intruder = Intruder(slow, "PutItem", "DROP TABLE second")
    for i in range(4):
        slow.sql(f"INSERT INTO {'second' if i % 2 else 'through'}(sid, session) "
                 f"VALUES ('n{i}', '{{}}')")
    intruder.end()
    assert [error.sqlite_errorname for error in intruder.errors] == ["SQLITE_LOCKED"]
    slow.sql("COMMIT")
    assert slow.sids() == ["n0", "n1", "n2", "n3", "other"]


def test_a_rolled_back_transaction_leaves_no_units_behind(slow):
    slow.create(slow.connection, "limited", f"endpoint_url='{slow.endpoint.url}'",
                "concurrency=3", "commit='through'", "capacity_limit=5")
    insert = "INSERT INTO limited(sid, session) VALUES ('n{}', '{{}}')"
    slow.sql("BEGIN")
    intruder = Intruder(slow, "PutItem", "ROLLBACK")
    with pytest.raises(sqlite3.Error):
        for i in range(3):
            slow.sql(insert.format(i))
    intruder.end()
    slow.sql("BEGIN")
    for i in range(3, 6):
        slow.sql(insert.format(i))
    slow.sql("COMMIT")
    assert {"n3", "n4", "n5"} <= set(slow.sids())


def test_a_write_in_a_progress_handler_does_not_join_what_is_being_sent(slow, through):
    through(16)
    intruder = Intruder(
        slow, "PutItem", "INSERT OR REPLACE INTO through(sid, session) VALUES ('new', '{}')")
    for i in range(16):
        slow.sql(f"INSERT INTO through(sid, session) VALUES ('n{i}', '{{}}')")
    intruder.end()
    (error,) = intruder.errors
    assert "inside the progress handler" in str(error)
    slow.sql("COMMIT")
    assert slow.sids() == sorted(["other", *(f"n{i}" for i in range(16))])


def test_interrupt_of_nothing_harms_nothing(slow):
    slow.connection.interrupt()
    slow.sql("INSERT INTO sessions(sid, session) VALUES ('a', '{}')")
    assert slow.sids() == ["a"]


def test_an_interrupted_reap_keeps_what_it_did(slow):
    for i in range(5):
        slow.put(f"dead-{i}", "{}", LONG_AGO)
    slow.create(slow.connection, "one", f"endpoint_url='{slow.endpoint.url}'", "concurrency=1")
    hold(slow, "DeleteItem", at=3)
    error = interrupted(
        slow, "DeleteItem", lambda: slow.sql("SELECT dynamodb_reap('one')").fetchall(), count=3
    )
    assert "2 deleted" in str(error)
    slow.release.set()
    assert slow.value("SELECT dynamodb_reap('sessions')") == 3


def quoted(sids):
    return ", ".join("'%s'" % sid for sid in sids)


# One of them exists in each of the three calls that a list of all of them takes.
KEYS = [f"s{number:03}" for number in range(250)]
FOUND = ["s000", "s100", "s200"]
LIST = f"SELECT sid FROM sessions WHERE sid IN ({quoted(KEYS)}) ORDER BY sid"


@pytest.mark.parametrize("at", [1, 2, 3])
def test_interrupt_ends_a_list_whichever_answer_is_missing(slow, at):
    for sid in FOUND:
        slow.put(sid)
    hold(slow, "BatchGetItem", at=at)
    interrupted(slow, "BatchGetItem", lambda: slow.rows(LIST), count=3)
    slow.release.set()
    assert slow.rows(LIST) == [(sid,) for sid in FOUND]
    assert slow.endpoint.operations().count("BatchGetItem") == 6


def test_interrupt_of_a_list_sends_nothing_further(slow):
    """What came before it is not remembered either: another statement asks for all of it."""
    for sid in FOUND:
        slow.put(sid)
    slow.create(slow.connection, "one", f"endpoint_url='{slow.endpoint.url}'", "concurrency=1")
    statement = LIST.replace("sessions", "one")
    hold(slow, "BatchGetItem", at=2)
    interrupted(slow, "BatchGetItem", lambda: slow.rows(statement), count=2)
    assert slow.endpoint.operations().count("BatchGetItem") == 2
    slow.release.set()
    with slow.sends("BatchGetItem", "BatchGetItem", "BatchGetItem"):
        assert slow.rows(statement) == [(sid,) for sid in FOUND]


def test_interrupt_between_the_rounds_of_a_list(slow):
    """Nothing is processed, again and again: the pauses in between end as well."""
    slow.put("a")
    left = {slow.name: {"Keys": [slow.layout.key(sid) for sid in ("a", "b")]}}
    slow.endpoint.inject(Response(json={"Responses": {}, "UnprocessedKeys": left}),
                         operation="BatchGetItem", at=0)
    statement = "SELECT sid FROM sessions WHERE sid IN ('a', 'b')"
    interrupted(slow, "BatchGetItem", lambda: slow.rows(statement), count=4)
    assert slow.rows("SELECT sid FROM sessions") == [("a",)]


@pytest.fixture
def indexed(slow):
    """The table `by_user`, whose index gives the keys of a and b, wherever it is asked; nobody may
    describe it."""
    for sid in ("a", "b"):
        slow.put(sid, userId={"S": "u"})
    keys = [slow.layout.key(sid) for sid in ("a", "b")]
    slow.create(slow.connection, "by_user", "userId TEXT", "index='by-user(userId)'",
                f"endpoint_url='{slow.endpoint.url}'")

    def answer(request):
        if request.operation == "DescribeTable":
            return aws_error("AccessDeniedException", "not authorized to perform DescribeTable")
        if request.operation == "Query":
            return Response(json={"Items": keys, "Count": 2, "ScannedCount": 2})
        return None

    slow.endpoint.handler = answer
    return slow


@pytest.mark.parametrize("operation", ["DescribeTable", "Query", "BatchGetItem"])
def test_interrupt_ends_a_query_and_what_completes_it(indexed, operation):
    statement = "SELECT sid, session FROM by_user WHERE userId = 'u'"
    hold(indexed, operation)
    interrupted(indexed, operation, lambda: indexed.rows(statement))
    indexed.release.set()
    assert sorted(sid for sid, _ in indexed.rows(statement)) == ["a", "b"]


REPEATED = ("SELECT l.v, s.sid FROM l LEFT JOIN sessions s ON s.session ->> '$.views' = l.v "
            "ORDER BY l.i")


@pytest.fixture
def rescanned(slow):
    """Sessions with one view and two, and four local rows that a join scans them for."""
    slow.put("a", '{"views":1}')
    slow.put("b", '{"views":2}')
    slow.sql("CREATE TABLE l(v INTEGER, i INTEGER PRIMARY KEY)")
    slow.sql("INSERT INTO l(v) VALUES (1), (2), (3), (1)")
    return slow


@pytest.mark.parametrize("at", [1, 2])
def test_interrupt_ends_a_scan_that_is_kept(rescanned, at):
    """The first is not kept, the second is, and serves those behind it."""
    hold(rescanned, "Scan", at=at)
    interrupted(rescanned, "Scan", lambda: rescanned.rows(REPEATED), count=at)
    rescanned.release.set()
    with rescanned.sends("Scan", "Scan"):
        assert rescanned.rows(REPEATED) == [(1, "a"), (2, "b"), (3, None), (1, "a")]


def test_interrupt_ends_a_kept_scan_in_the_middle(rescanned):
    """Its first page is in memory, its second does not come: the next statement has all."""
    page = {"Items": [rescanned.get("a")], "Count": 1, "ScannedCount": 1,
            "LastEvaluatedKey": rescanned.layout.key("a")}
    rescanned.endpoint.inject(Response(json=page), operation="Scan", at=2)
    hold(rescanned, "Scan", at=3)
    interrupted(rescanned, "Scan", lambda: rescanned.rows(REPEATED), count=3)
    rescanned.release.set()
    with rescanned.sends("Scan", "Scan"):
        assert rescanned.rows(REPEATED) == [(1, "a"), (2, "b"), (3, None), (1, "a")]


# ---- several at once --------------------------------------------------------------------------


def test_increments_of_many_connections_are_all_counted(dynamodb, connect, make_table):
    """Compare and set: whoever loses is told, and tries again."""
    table = SessionTable(dynamodb, connect(), make_table, SERVERLESS)
    table.put("a", '{"n":0}')
    others = [table.create(connect(check_same_thread=False)) for _ in range(4)]
    failures, times = [], 15

    def work(connection):
        done = 0
        while done < times and not failures:
            try:
                connection.execute(
                    "UPDATE sessions SET session = json_set(session, '$.n', session->'$.n' + 1)"
                    " WHERE sid = 'a'"
                )
                done += 1
            except sqlite3.Error as error:
                if error.sqlite_errorname != "SQLITE_BUSY_SNAPSHOT":
                    failures.append(error)

    threads = [threading.Thread(target=work, args=(connection,)) for connection in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert failures == []
    assert json.loads(table.session("a"))["n"] == 4 * times


def test_of_many_inserts_of_one_key_one_wins(dynamodb, connect, make_table):
    table = SessionTable(dynamodb, connect(check_same_thread=False), make_table, SERVERLESS)
    others = [table.create(connect(check_same_thread=False)) for _ in range(4)]
    won = []

    def work(number, connection):
        for key in range(20):
            try:
                connection.execute(
                    "INSERT INTO sessions(sid, session) VALUES (?, ?)",
                    (f"k{key}", json.dumps({"by": number})),
                )
                won.append((key, number))
            except sqlite3.IntegrityError:
                pass

    threads = [threading.Thread(target=work, args=pair) for pair in enumerate(others)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert sorted(key for key, _ in won) == list(range(20))
    for key, number in won:
        assert json.loads(table.session(f"k{key}"))["by"] == number


def test_two_reaps_at_once_delete_each_once(dynamodb, connect, make_table):
    table = SessionTable(dynamodb, connect(check_same_thread=False), make_table, SERVERLESS)
    for i in range(40):
        table.put(f"dead-{i}", "{}", LONG_AGO)
    table.put("live", "{}", LATER)
    other = table.create(connect(check_same_thread=False))
    counts = []

    def work(connection):
        counts.append(connection.execute("SELECT dynamodb_reap('sessions')").fetchone()[0])

    threads = [threading.Thread(target=work, args=(c,)) for c in (table.connection, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert len(counts) == 2 and sum(counts) >= 40
    assert table.sids() == ["live"]


def test_a_cursor_that_is_open_while_rows_are_written(dynamodb, connect, make_table):
    table = SessionTable(dynamodb, connect(), make_table, SERVERLESS, "userId TEXT")
    for i in range(30):
        table.put(f"s{i:02d}")
    seen = []
    for (sid,) in table.connection.execute("SELECT sid FROM sessions"):
        table.sql("UPDATE sessions SET userId = 'u' WHERE sid = ?", sid)
        if sid < "s10":
            table.sql("DELETE FROM sessions WHERE sid = ?", sid)
        seen.append(sid)
    assert sorted(seen) == [f"s{i:02d}" for i in range(30)]
    assert table.sids() == [f"s{i:02d}" for i in range(10, 30)]
    assert all(table.get(sid)["userId"] == {"S": "u"} for sid in table.sids())


def test_a_rollback_while_a_cursor_is_open(dynamodb, connect, make_table):
    table = SessionTable(dynamodb, connect(), make_table, SERVERLESS, "userId TEXT")
    for i in range(5):
        table.put(f"s{i}")
    table.sql("BEGIN")
    cursor = table.connection.execute("SELECT sid FROM sessions")
    cursor.fetchone()
    table.sql("INSERT INTO sessions(sid, session) VALUES ('new', '{}')")
    table.sql("ROLLBACK")
    try:
        assert len(cursor.fetchall()) == 4
    except sqlite3.Error as error:
        assert "ABORT" in error.sqlite_errorname
    assert table.sids() == [f"s{i}" for i in range(5)]
