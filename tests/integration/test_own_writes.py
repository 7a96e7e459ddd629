"""A SELECT inside a transaction: what it would return had the waiting writes been sent; none is.

The strongest witness is the COMMIT itself: what was read before it must be what is read after it.
"""

import hashlib
import json

import pytest
from session_table import CONNECT, LATER, LAYOUTS, LONG_AGO, MAP, SERVERLESS, SessionTable, refused

INSERT = "INSERT INTO sessions(sid, session, expires, userId) VALUES (?, ?, ?, ?)"
EXTRAS = ("userId TEXT", "n INTEGER")
WRITES = ("PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems")


@pytest.fixture
def sessions(dynamodb, connect, make_table):
    """a, b, c and an expired d on the server."""
    return fill(SessionTable(dynamodb, connect(), make_table, SERVERLESS, *EXTRAS))


def fill(table):
    for i, sid in enumerate("abcd"):
        expires = LONG_AGO if sid == "d" else LATER + i
        table.put(sid, '{"n":%d,"cookie":{}}' % i, expires, userId={"S": "u" + str(i % 2)})
    return table


def unsent(table):
    """Nothing that writes has been sent."""
    return not set(table.operations()) & set(WRITES)


# ---- the same before and after COMMIT ---------------------------------------------------------

CHANGES = {
    "insert": ["INSERT INTO sessions(sid, session, expires, userId) VALUES ('e', '{}', 5e9, 'u1')"],
    "insert without expiry": ["INSERT INTO sessions(sid, session) VALUES ('e', '{\"n\":9}')"],
    "insert two": ["INSERT INTO sessions(sid, session) VALUES ('e', '{}'), ('f', '{}')"],
    "replace": ["REPLACE INTO sessions(sid, session, expires) VALUES ('a', '{\"n\":7}', 1.5)"],
    "ignore what is there": [
        "INSERT OR IGNORE INTO sessions(sid, session, userId) VALUES ('a', '{\"n\":7}', 'u9')"],
    "ignore what is not there": [
        "INSERT OR IGNORE INTO sessions(sid, session, userId) VALUES ('e', '{\"n\":7}', 'u9')"],
    "update one": ["UPDATE sessions SET userId = 'u9', n = 4 WHERE sid = 'a'"],
    "update all": ["UPDATE sessions SET expires = expires + 1000, userId = NULL"],
    "update the session": [
        "UPDATE sessions SET session = json_set(session, '$.n', 10) WHERE userId = 'u1'"],
    "update twice": [
        "UPDATE sessions SET userId = userId || '!' WHERE sid <= 'c'",
        "UPDATE sessions SET userId = userId || '!' WHERE sid >= 'b'"],
    "insert and update": [
        "INSERT INTO sessions(sid, session, expires) VALUES ('e', '{\"n\":1}', 5e9)",
        "UPDATE sessions SET userId = 'u7', session = json_set(session, '$.n', 2) WHERE sid = 'e'"],
    "move": ["UPDATE sessions SET sid = 'z' WHERE sid = 'b'"],
    "delete one": ["DELETE FROM sessions WHERE sid = 'a'"],
    "delete the expired": ["DELETE FROM sessions WHERE expired"],
    "delete all": ["DELETE FROM sessions"],
    "delete and insert": [
        "DELETE FROM sessions WHERE userId = 'u1'",
        "INSERT INTO sessions(sid, session, userId) VALUES ('b', '{\"n\":20}', 'u3')"],
    "insert and delete": [
        "INSERT INTO sessions(sid, session, userId) VALUES ('e', '{}', 'u3')",
        "DELETE FROM sessions WHERE userId = 'u3'"],
}
COLUMNS = "sid, session, expires, userId, n, expired, size, sid_hash"
CONDITIONS = [
    "true", "sid = 'a'", "sid = 'e'", "sid IN ('a', 'b', 'e', 'z')", "userId = 'u1'",
    "userId = 'u9'", "userId IS NULL", "userId IS NOT NULL AND n IS NULL", "expires < 4000000002",
    "expires BETWEEN 4000000001 AND 5e9", "expires IS NULL", "expired = 1", "expired",
    "session->>'$.n' > 1", "sid GLOB '[a-c]*'", "userId = 'u0' OR sid = 'e'", "n = 4",
]


def read_all(table):
    """What a number of different SELECTs return."""
    read = {
        where: sorted(table.rows(f"SELECT {COLUMNS} FROM sessions WHERE {where}"))
        for where in CONDITIONS
    }
    read["count"] = table.rows("SELECT count(*), count(userId), max(expires) FROM sessions")
    read["limit"] = table.rows("SELECT sid FROM sessions ORDER BY sid LIMIT 2 OFFSET 1")
    read["some"] = len(table.rows("SELECT sid FROM sessions LIMIT 3"))
    read["join"] = table.rows(
        "SELECT a.sid, b.sid FROM sessions a JOIN sessions b ON b.userId = a.userId ORDER BY 1, 2")
    read["by key"] = table.rows(
        "SELECT v.value, sid FROM json_each('[\"a\",\"e\",\"x\",\"z\"]') v LEFT JOIN sessions"
        " ON sid = v.value ORDER BY 1")
    read["subquery"] = table.rows(
        "SELECT sid, (SELECT count(*) FROM sessions b WHERE b.sid < a.sid)"
        " FROM sessions a ORDER BY 1")
    read["item"] = [
        (sid, json.loads(item)) for sid, item in
        table.rows("SELECT sid, item FROM sessions ORDER BY sid")
    ]
    return read


@pytest.mark.parametrize("changes", CHANGES.values(), ids=CHANGES.keys())
def test_a_read_before_commit_is_the_read_after_it(sessions, changes):
    sessions.sql("BEGIN")
    for change in changes:
        sessions.sql(change)
    server = sessions.sids()
    before = read_all(sessions)
    assert unsent(sessions) and sessions.sids() == server == list("abcd")
    sessions.sql("COMMIT")
    after = read_all(sessions)
    for name, rows in after.items():
        assert before[name] == rows, name
    assert [sid for sid, _ in after["item"]] == sessions.sids()
    for sid, item in after["item"]:
        assert item == sessions.get(sid)


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_every_layout(dynamodb, connect, make_table, layout):
    table = fill(SessionTable(dynamodb, connect(), make_table, layout, *EXTRAS))
    table.sql("BEGIN")
    table.sql("INSERT INTO sessions(sid, session, expires) VALUES ('e', '{\"n\":1.50}', 5e9)")
    table.sql("UPDATE sessions SET session = json_set(session, '$.n', 8), n = 3 WHERE sid < 'c'")
    table.sql("DELETE FROM sessions WHERE expires < 2e9")
    read = (
        "SELECT sid, session->>'$.n', session->>'$.cookie.expires', expires, n, expired, size"
        " FROM sessions ORDER BY sid"
    )
    before = table.rows(read)
    assert [row[0] for row in before] == ["a", "b", "c", "e"] and unsent(table)
    table.sql("COMMIT")
    assert table.rows(read) == before


def test_numbers_are_shown_as_they_will_be_stored(dynamodb, connect, make_table):
    table = SessionTable(dynamodb, connect(), make_table, CONNECT, "n TEXT", "s TEXT")
    item = {
        "id": {"S": "sess:a"}, "sess": {"S": "{}"}, "n": {"N": "1.50"}, "s": {"NS": ["1E2", "0.0"]},
        "expires": {"N": "4e9"},
    }
    table.sql("BEGIN")
    table.sql("INSERT INTO sessions(item) VALUES (?)", json.dumps(item))
    read = "SELECT n, expires, size, item->>'$.n.N', item->>'$.expires.N' FROM sessions"
    before = table.rows(read)
    assert before == [("1.5", 4000000000, before[0][2], "1.5", "4000000000")]
    assert json.loads(table.value("SELECT s FROM sessions")) == [100, 0]
    table.sql("COMMIT")
    assert table.rows(read) == before


# ---- requests ---------------------------------------------------------------------------------


def test_a_decided_key_needs_no_request(sessions):
    sessions.sql("BEGIN")
    sessions.sql(INSERT, "e", "{}", LATER, "u5")
    sessions.sql("REPLACE INTO sessions(sid, session) VALUES ('b', '{\"n\":50}')")
    sessions.sql("DELETE FROM sessions WHERE sid = 'a'")
    with sessions.sends():
        assert sessions.rows("SELECT userId FROM sessions WHERE sid = 'e'") == [("u5",)]
        assert sessions.rows("SELECT session->>'$.n' FROM sessions WHERE sid = 'b'") == [(50,)]
        assert sessions.rows("SELECT * FROM sessions WHERE sid = 'a'") == []
        sessions.sql("UPDATE sessions SET userId = 'u6' WHERE sid = 'e'")
        assert sessions.rows("SELECT userId FROM sessions WHERE sid = 'e'") == [("u6",)]
    with sessions.sends("GetItem"):
        assert sessions.rows("SELECT userId FROM sessions WHERE sid = 'c'") == [("u0",)]
    with sessions.sends("Scan"):
        assert sessions.value("SELECT count(*) FROM sessions") == 4


def test_an_insert_that_yields_asks_what_it_would_yield_to(sessions):
    sessions.sql("BEGIN")
    for sid in "ae":
        sessions.sql(
            "INSERT OR IGNORE INTO sessions(sid, session, userId) VALUES (?, '{}', 'u9')", sid)
    with sessions.sends("GetItem"):
        assert sessions.value("SELECT userId FROM sessions WHERE sid = 'a'") == "u0"
    with sessions.sends("GetItem"):
        assert sessions.value("SELECT userId FROM sessions WHERE sid = 'e'") == "u9"
    with sessions.sends("Scan"):
        assert sessions.rows("SELECT sid, userId FROM sessions ORDER BY sid") == [
            ("a", "u0"), ("b", "u1"), ("c", "u0"), ("d", "u1"), ("e", "u9")]
    # DynamoDB's filter hides that there is an a.
    assert sessions.rows("SELECT sid FROM sessions WHERE userId = 'u9'") == [("e",)]
    # And here it says so.
    with sessions.sends("Scan", "GetItem"):
        assert sorted(sessions.rows("SELECT sid FROM sessions WHERE userId = 'u0'")) == [
            ("a",), ("c",)]


def test_many_inserts_that_yield_are_asked_for_in_batches(sessions):
    sessions.sql("BEGIN")
    sessions.sql(
        "INSERT OR IGNORE INTO sessions(sid, session, userId) SELECT value, '{}', 'u9'"
        " FROM json_each(?)", json.dumps(["a", *map(str, range(150))]))
    with sessions.sends("Scan", "BatchGetItem", "BatchGetItem"):
        assert sessions.value("SELECT count(*) FROM sessions WHERE userId = 'u9'") == 150
    with sessions.sends("Scan"):
        assert sessions.value("SELECT count(*) FROM sessions") == 154


def test_reads_are_consistent_while_writes_wait(sessions):
    sessions.create(sessions.connection, "other")
    sessions.sql("BEGIN")
    sessions.rows("SELECT * FROM other")
    sessions.sql(INSERT, "e", "{}", LATER, "u5")
    sessions.rows("SELECT * FROM other")
    words = sessions.rows(
        "SELECT request FROM dynamodb_requests WHERE operation = 'Scan' ORDER BY id")
    assert ["consistent" in request for (request,) in words] == [False, True]


def test_a_scan_of_several_pages(dynamodb, connect, make_table):
    table = SessionTable(dynamodb, connect(), make_table, SERVERLESS, "userId TEXT")
    payload = json.dumps({"x": "y" * 200_000})
    for i in range(8):
        table.put(f"s{i:02}", payload)
    table.sql("BEGIN")
    table.sql("DELETE FROM sessions WHERE sid IN ('s00', 's05', 's06')")
    table.sql("UPDATE sessions SET userId = 'u' WHERE sid = 's07'")
    table.sql(INSERT, "s99", "{}", None, "u")
    since = table.last_request()
    assert table.rows("SELECT sid, userId FROM sessions WHERE userId = 'u' ORDER BY sid") == [
        ("s07", "u"), ("s99", "u")]
    assert table.value("SELECT count(*) FROM sessions") == 6
    assert set(table.operations(since)) == {"Scan"} and len(table.operations(since)) == 2 * 2


# ---- duplicates -------------------------------------------------------------------------------


def test_a_duplicate_of_a_row_that_waits_is_found_at_the_statement(sessions):
    sessions.sql("BEGIN")
    sessions.sql(INSERT, "e", "{}", LATER, "u5")
    with refused("SQLITE_CONSTRAINT_PRIMARYKEY", "UNIQUE constraint failed: sessions.sid"):
        sessions.sql(INSERT, "e", "{}", LATER, "u6")
    sessions.sql("INSERT OR IGNORE INTO sessions(sid, session) VALUES ('e', '{\"n\":1}')")
    assert sessions.value("SELECT userId FROM sessions WHERE sid = 'e'") == "u5"
    sessions.sql("DELETE FROM sessions WHERE sid = 'e'")
    sessions.sql(INSERT, "e", "{}", LATER, "u7")
    assert sessions.value("SELECT userId FROM sessions WHERE sid = 'e'") == "u7"
    sessions.sql("DELETE FROM sessions WHERE sid = 'a'")
    sessions.sql(INSERT, "a", "{}", LATER, "u8")
    with refused("SQLITE_CONSTRAINT_PRIMARYKEY"):
        sessions.sql("UPDATE sessions SET sid = 'a' WHERE sid = 'e'")
    sessions.sql("INSERT OR IGNORE INTO sessions(sid, session) VALUES ('f', '{}')")
    with refused("SQLITE_CONSTRAINT_PRIMARYKEY"):
        sessions.sql(INSERT, "f", "{}", LATER, "u6")
    sessions.sql("ROLLBACK")
    assert sessions.sids() == list("abcd") and unsent(sessions)


# ---- savepoints, several tables ---------------------------------------------------------------


def test_what_a_savepoint_takes_back_is_not_read(sessions):
    def read():
        return [row[0] for row in sessions.rows("SELECT sid || userId FROM sessions ORDER BY sid")]

    sessions.sql("BEGIN")
    sessions.sql("UPDATE sessions SET userId = 'x' WHERE sid = 'a'")
    first = read()
    assert first == ["ax", "bu1", "cu0", "du1"]
    sessions.sql("SAVEPOINT one")
    sessions.sql("UPDATE sessions SET userId = 'y' WHERE sid <= 'b'")
    sessions.sql("DELETE FROM sessions WHERE sid = 'd'")
    assert read() == ["ay", "by", "cu0"]
    sessions.sql("SAVEPOINT two")
    sessions.sql(INSERT, "d", "{}", LATER, "z")
    sessions.sql("DELETE FROM sessions WHERE userId = 'y'")
    assert read() == ["cu0", "dz"]
    sessions.sql("ROLLBACK TO two")
    assert read() == ["ay", "by", "cu0"]
    sessions.sql("RELEASE one")
    assert read() == ["ay", "by", "cu0"]
    sessions.sql("ROLLBACK")
    assert read() == ["au0", "bu1", "cu0", "du1"] and unsent(sessions)


def test_a_statement_that_failed_is_not_read(sessions):
    sessions.sql("BEGIN")
    with refused("SQLITE_CONSTRAINT_CHECK"):
        sessions.sql("INSERT INTO sessions(sid, session) VALUES ('e', '{}'), ('f', '[]')")
    with refused("SQLITE_CONSTRAINT_CHECK"):
        sessions.sql("UPDATE sessions SET session = iif(sid = 'c', '[]', '{}')")
    assert sessions.rows("SELECT sid, session->>'$.n' FROM sessions ORDER BY sid") == [
        ("a", 0), ("b", 1), ("c", 2), ("d", 3)]
    sessions.sql("ROLLBACK")


def test_two_names_of_one_table_see_each_other(sessions):
    sessions.create(sessions.connection, "other")
    sessions.sql("BEGIN")
    sessions.sql("INSERT INTO other(sid, session, userId) VALUES ('e', '{}', 'o')")
    sessions.sql("UPDATE sessions SET userId = userId || 's' WHERE sid IN ('a', 'e')")
    sessions.sql("DELETE FROM other WHERE userId = 'u0s'")
    for name in ("sessions", "other"):
        assert sessions.rows(f"SELECT sid, userId FROM {name} ORDER BY sid") == [
            ("b", "u1"), ("c", "u0"), ("d", "u1"), ("e", "os")]
    with refused("SQLITE_CONSTRAINT_PRIMARYKEY"):
        sessions.sql(INSERT, "e", "{}", LATER, "u5")


def test_two_layouts_of_one_table_keep_to_their_keys(dynamodb, connect, make_table):
    table = SessionTable(dynamodb, connect(), make_table, MAP)
    table.create(table.connection, "bare", "prefix=''")
    table.sql("BEGIN")
    table.sql("INSERT INTO sessions(sid, session) VALUES ('a', '{}')")
    table.sql("INSERT INTO bare(sid, session) VALUES ('b', '{}')")
    assert table.rows("SELECT sid FROM sessions") == [("a",)]
    assert sorted(table.rows("SELECT sid FROM bare")) == [("b",), ("sess:a",)]
    assert table.rows("SELECT sid FROM bare WHERE sid = 'sess:a'") == [("sess:a",)]


def test_a_table_that_was_renamed(sessions):
    sessions.sql("BEGIN")
    sessions.sql(INSERT, "e", "{}", LATER, "u5")
    sessions.sql("ALTER TABLE sessions RENAME TO renamed")
    assert sessions.rows("SELECT sid, userId FROM renamed WHERE sid >= 'd' ORDER BY sid") == [
        ("d", "u1"), ("e", "u5")]
    sessions.sql("UPDATE renamed SET userId = 'u6' WHERE sid = 'e'")
    assert sessions.rows("SELECT userId FROM renamed WHERE sid = 'e'") == [("u6",)]
    sessions.sql("COMMIT")
    assert sessions.get("e")["userId"] == {"S": "u6"}


def test_a_table_that_was_created_in_the_transaction_and_taken_back(sessions):
    sessions.sql("BEGIN")
    sessions.sql("SAVEPOINT one")
    sessions.create(sessions.connection, "other", "userId TEXT")
    sessions.sql("INSERT INTO other(sid, session) VALUES ('e', '{}')")
    assert sessions.value("SELECT count(*) FROM other") == 5
    assert sessions.value("SELECT count(*) FROM sessions") == 5
    sessions.sql("ROLLBACK TO one")
    assert sessions.value("SELECT count(*) FROM sessions") == 4


# ---- what a statement writes itself -----------------------------------------------------------


@pytest.mark.parametrize("begin", ["BEGIN", None], ids=["in a transaction", "alone"])
@pytest.mark.parametrize("statement, count", [
    ("INSERT INTO sessions(sid, session) SELECT sid || '2', session FROM sessions", 8),
    ("INSERT INTO sessions(sid, session) SELECT sid || '2', session FROM other", 8),
    ("INSERT INTO sessions(sid, session) SELECT sid || '2', session FROM other"
     " UNION ALL SELECT sid || '3', session FROM other", 12),
    ("INSERT INTO sessions(sid, session) SELECT v.value || x.value, '{}'"
     " FROM json_each('[1,2,3]') x, json_each('[\"a\",\"a1\",\"b2\"]') v"
     " WHERE EXISTS (SELECT 1 FROM other WHERE other.sid = v.value)", 7),
    ("INSERT INTO sessions(sid, session) SELECT 'n' || x.value || '-' ||"
     " (SELECT count(*) + 0 * x.value FROM other), '{}' FROM json_each('[1,2,3]') x", 7),
    ("INSERT INTO sessions(sid, session) VALUES ('n' || (SELECT count(*) FROM other), '{}'),"
     " ('m' || (SELECT count(*) FROM other), '{}')", 6),
    ("UPDATE sessions SET sid = sid || '2' WHERE EXISTS"
     " (SELECT 1 FROM other WHERE other.sid = sessions.sid)", 4),
    ("DELETE FROM sessions WHERE EXISTS"
     " (SELECT 1 FROM other WHERE other.sid >= sessions.sid)", 0),
])
def test_a_statement_does_not_see_what_it_writes(sessions, begin, statement, count):
    sessions.create(sessions.connection, "other")
    if begin:
        sessions.sql(begin)
    sessions.sql(statement)
    rows = sessions.rows("SELECT sid FROM sessions ORDER BY sid")
    assert len(rows) == count
    assert not [sid for (sid,) in rows if sid.startswith(("n", "m")) and not sid.endswith("4")]
    if begin:
        # The next statement sees it all.
        sessions.sql("INSERT INTO sessions(sid, session) SELECT sid || '9', '{}' FROM other")
        assert sessions.value("SELECT count(*) FROM other") == 2 * count
        sessions.sql("COMMIT")
        count *= 2
    assert len(sessions.sids()) == count


def test_a_statement_that_ends_later_is_seen_by_others(sessions):
    sessions.sql("BEGIN")
    returned = sessions.sql(
        "INSERT INTO sessions(sid, session) VALUES ('e', '{}'), ('f', '{}') RETURNING sid")
    assert returned.fetchone() == ("e",)
    assert sessions.value("SELECT count(*) FROM sessions") == 6
    sessions.sql("INSERT INTO sessions(sid, session) SELECT sid || '2', '{}' FROM sessions")
    assert sessions.value("SELECT count(*) FROM sessions") == 12
    assert returned.fetchall() == [("f",)]
    assert sessions.value("SELECT count(*) FROM sessions") == 12


def test_the_same_statement_again_and_again(sessions):
    sessions.create(sessions.connection, "other")
    sessions.sql("BEGIN")
    sessions.sql("SAVEPOINT one")
    for _ in range(3):
        sessions.sql(
            "INSERT INTO sessions(sid, session) VALUES ('n' || (SELECT count(*) FROM other), '{}')")
    for suffix in ("1", "2"):
        sessions.sql(
            "INSERT INTO sessions(sid, session) SELECT sid || '+' || ?1, '{}' FROM other"
            " UNION ALL SELECT sid || '-' || ?1, '{}' FROM other", suffix)
    for _ in range(2):
        with refused("SQLITE_CONSTRAINT_PRIMARYKEY"):
            sessions.sql("INSERT INTO sessions(sid, session) VALUES ('x', '{}'), ('n4', '{}')")
    rows = [sid for (sid,) in sessions.sql("SELECT sid FROM other")]
    assert len(rows) == 7 * 3 * 3 and {"n4", "n5", "n6"} < set(rows) and "x" not in rows


def test_touch_twice_in_one_statement(sessions):
    sessions.sql("BEGIN")
    # SQLite may call the one or the other first.
    touched = sessions.rows(
        "SELECT dynamodb_touch('sessions', 'a', 100), dynamodb_touch('sessions', 'a', 100000)"
        " FROM sessions WHERE sid = 'a'")
    assert touched == [(1, 1)]
    left = sessions.value("SELECT expires - unixepoch() FROM sessions WHERE sid = 'a'")
    assert 90_000 < left < 110_000
    assert sessions.value(
        "SELECT sum(dynamodb_touch('sessions', sid, 500)) FROM sessions WHERE expired = 0") == 3
    assert sessions.value("SELECT dynamodb_reap('sessions')") == 1
    assert sessions.value("SELECT count(*) FROM sessions WHERE expires < unixepoch() + 600") == 3
    sessions.sql("ROLLBACK")
    assert unsent(sessions)


# ---- a SELECT that goes on meanwhile ----------------------------------------------------------


@pytest.mark.parametrize("meanwhile", ["", "COMMIT", "ROLLBACK TO one", "DELETE FROM sessions"])
def test_a_loop_that_is_open_shows_each_session_once(sessions, meanwhile):
    sessions.sql("BEGIN")
    sessions.sql("SAVEPOINT one")
    sessions.sql("UPDATE sessions SET userId = 'w' WHERE sid <= 'b'")
    sessions.sql(INSERT, "e", "{}", LATER, "w")
    loop = sessions.sql("SELECT sid, userId, session FROM sessions")
    rows = [loop.fetchone(), loop.fetchone(), loop.fetchone()]
    if meanwhile:
        sessions.sql(meanwhile)
    rows += loop.fetchall()
    sids = sorted(row[0] for row in rows)
    assert len(set(sids)) == len(sids) and set("cd") <= set(sids) <= set("abcde")
    assert meanwhile != "COMMIT" or sids == list("abcde")
    if sessions.connection.in_transaction:
        sessions.sql("ROLLBACK")


def test_writes_inside_a_loop(sessions):
    sessions.sql("BEGIN")
    for sid, user in sessions.sql("SELECT sid, userId FROM sessions"):
        assert user in ("u0", "u1")
        sessions.sql("UPDATE sessions SET userId = userId || '!' WHERE sid = ?", sid)
        sessions.sql(INSERT, sid + "2", "{}", LATER, user)
    assert sessions.value("SELECT count(*) FROM sessions WHERE userId GLOB '*!'") == 4
    assert sessions.value("SELECT count(*) FROM sessions") == 8
    sessions.sql("COMMIT")
    assert len(sessions.sids()) == 8


# ---- the hidden columns -----------------------------------------------------------------------


def test_hidden_columns_of_a_row_that_waits(sessions):
    sessions.sql("BEGIN")
    sessions.sql(INSERT, "e", '{"cookie":{}}', LONG_AGO, "u5")
    row = sessions.rows("SELECT expired, size, sid_hash, item FROM sessions WHERE sid = 'e'")[0]
    sessions.sql("UPDATE sessions SET session = '{\"n\":1,\"cookie\":{}}' WHERE size = ?", row[1])
    assert row[0] == 1 and row[2] == hashlib.sha256(b"e").hexdigest()
    assert json.loads(row[3])["userId"] == {"S": "u5"}
    sessions.sql("UPDATE sessions SET item = json_set(item, '$.extra', json('{\"S\":\"x\"}'))"
                 " WHERE sid = 'e'")
    assert sessions.value("SELECT item->>'$.extra.S' FROM sessions WHERE sid = 'e'") == "x"
    sessions.sql("COMMIT")
    assert sessions.get("e")["extra"] == {"S": "x"}
