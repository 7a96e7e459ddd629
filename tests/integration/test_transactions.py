"""Transactions: what is sent when, what ROLLBACK undoes, and what a failed COMMIT says."""

import hashlib
import sqlite3

import pytest
from scripted_endpoint import aws_error
from session_table import CONNECT, SERVERLESS, SessionTable, refused

INSERT = "INSERT INTO sessions(sid, session) VALUES (?, '{}')"


@pytest.fixture
def sessions(dynamodb, connect, make_table):
    return SessionTable(dynamodb, connect(), make_table, SERVERLESS, "userId TEXT")


@pytest.fixture
def scripted(dynamodb, connect, make_table, scripted_endpoint):
    """A table behind a scripted endpoint, that tries each request once."""
    table = SessionTable(
        dynamodb, connect(), make_table, SERVERLESS, "userId TEXT", "max_attempts=1",
        f"endpoint_url='{scripted_endpoint.url}'",
    )
    table.endpoint = scripted_endpoint
    return table


# ---- when things are sent -----------------------------------------------------------------------


def test_nothing_is_sent_before_commit(sessions):
    sessions.put("old")
    sessions.sql("BEGIN")
    with sessions.sends("GetItem"):
        sessions.sql("DELETE FROM sessions WHERE sid = 'old'")
        sessions.sql(INSERT, "a")
        sessions.sql("REPLACE INTO sessions(sid, session) VALUES ('b', '{}')")
    assert sessions.sids() == ["old"]
    with sessions.sends("TransactWriteItems"):
        sessions.sql("COMMIT")
    assert sessions.sids() == ["a", "b"]


def test_rollback_drops_all(sessions):
    before = sessions.put("old")
    sessions.sql("BEGIN")
    with sessions.sends("Scan"):
        sessions.sql("UPDATE sessions SET userId = 'u'")
        sessions.sql(INSERT, "a")
        sessions.sql("ROLLBACK")
    assert sessions.get("old") == before and sessions.sids() == ["old"]
    with sessions.sends():
        sessions.sql("BEGIN")
        sessions.sql("COMMIT")


def test_an_autocommit_statement_is_sent_at_once(sessions):
    with sessions.sends("PutItem"):
        sessions.sql(INSERT, "a")
    assert sessions.sids() == ["a"]


def test_a_failed_autocommit_statement_leaves_nothing_behind(sessions):
    sessions.put("b")
    with refused("SQLITE_CONSTRAINT_PRIMARYKEY", "0 applied, 3 not applied, 0 unknown"):
        sessions.sql("INSERT INTO sessions(sid, session) VALUES ('a','{}'), ('b','{}'), ('c','{}')")
    with sessions.sends("PutItem"):
        sessions.sql(INSERT, "d")
    assert sessions.sids() == ["b", "d"]


def test_a_transaction_of_python(dynamodb, connect, make_table):
    """`with connection:` and implicit BEGIN, as the sqlite3 module has them."""
    table = SessionTable(dynamodb, connect(isolation_level=""), make_table)
    with table.connection:
        table.sql(INSERT, "a")
        assert table.connection.in_transaction and table.sids() == []
    assert table.sids() == ["a"]
    with pytest.raises(ZeroDivisionError), table.connection:
        table.sql(INSERT, "b")
        raise ZeroDivisionError
    assert table.sids() == ["a"]


def test_closing_a_connection_drops_what_waits(dynamodb, connect, make_table):
    table = SessionTable(dynamodb, connect(), make_table)
    table.sql("BEGIN")
    table.sql(INSERT, "a")
    table.connection.close()
    assert table.sids() == []


def test_begin_immediate_and_exclusive(sessions):
    for number, kind in enumerate(("DEFERRED", "IMMEDIATE", "EXCLUSIVE")):
        sessions.sql(f"BEGIN {kind}")
        sessions.sql(INSERT, str(number))
        sessions.sql("COMMIT")
    assert sessions.sids() == ["0", "1", "2"]


# ---- reads beside unsent writes -----------------------------------------------------------------


def test_another_table_can_be_read(sessions, dynamodb, make_table):
    other = SessionTable(dynamodb, sessions.connection, make_table, CONNECT,
                         sql_name="other", name=sessions.name + "-o")
    other.put("x")
    sessions.sql("BEGIN")
    sessions.sql(INSERT, "a")
    assert sessions.rows("SELECT sid FROM other") == [("x",)]
    sessions.sql("INSERT INTO sessions(sid, session) SELECT sid, session FROM other")
    sessions.sql("COMMIT")
    assert sessions.sids() == ["a", "x"]


def test_information_tables_can_be_read_with_unsent_writes(sessions):
    sessions.sql("BEGIN")
    sessions.sql(INSERT, "a")
    sessions.rows("SELECT * FROM dynamodb_requests")
    sessions.rows("SELECT * FROM dynamodb_layouts")
    assert sessions.value("SELECT dynamodb_cookie('a', 'b')")
    sessions.sql("ROLLBACK")


# ---- several tables -----------------------------------------------------------------------------


def test_several_dynamodb_tables_commit_together(sessions, dynamodb, make_table):
    other = SessionTable(dynamodb, sessions.connection, make_table, CONNECT,
                         sql_name="other", name=sessions.name + "-o")
    sessions.sql("BEGIN")
    sessions.sql(INSERT, "a")
    sessions.sql("INSERT INTO other(sid, session) VALUES ('b', '{}')")
    sessions.sql(INSERT, "c")
    with sessions.sends("TransactWriteItems"):
        sessions.sql("COMMIT")
    assert sessions.sids() == ["a", "c"] and other.sids() == ["b"]
    sessions.sql("BEGIN")
    sessions.sql(INSERT, "d")
    sessions.sql("INSERT INTO other(sid, session) VALUES ('e', '{}')")
    sessions.sql("ROLLBACK")
    assert sessions.sids() == ["a", "c"] and other.sids() == ["b"]


def test_a_failure_in_one_table_rolls_back_the_others(sessions, dynamodb, make_table):
    other = SessionTable(dynamodb, sessions.connection, make_table, CONNECT,
                         sql_name="other", name=sessions.name + "-o")
    other.put("b")
    sessions.sql("BEGIN")
    sessions.sql("INSERT INTO other(sid, session) VALUES ('b', '{}')")
    sessions.sql(INSERT, "a")
    with refused("SQLITE_CONSTRAINT_PRIMARYKEY", "other.sid", "0 applied, 2 not applied"):
        sessions.sql("COMMIT")
    assert sessions.sids() == []


def test_local_tables_commit_and_roll_back_with_it(sessions, tmp_path):
    sessions.sql("CREATE TABLE main.log(t)")
    sessions.sql("BEGIN")
    sessions.sql("INSERT INTO log VALUES (1)")
    sessions.sql(INSERT, "a")
    sessions.sql("COMMIT")
    assert sessions.rows("SELECT * FROM log") == [(1,)] and sessions.sids() == ["a"]
    sessions.sql("BEGIN")
    sessions.sql("INSERT INTO log VALUES (2)")
    sessions.sql(INSERT, "a")  # the server has it
    with refused("SQLITE_CONSTRAINT_PRIMARYKEY"):
        sessions.sql("COMMIT")
    assert not sessions.connection.in_transaction
    assert sessions.rows("SELECT * FROM log") == [(1,)]


def test_from_one_account_or_region_to_another(sessions, dynamodb, make_table, scripted_endpoint):
    """Two clients in one transaction, in the order of their first write."""
    other = SessionTable(
        dynamodb, sessions.connection, make_table, SERVERLESS,
        f"endpoint_url='{scripted_endpoint.url}'", "max_attempts=1",
        sql_name="other", name=sessions.name + "-o",
    )
    scripted_endpoint.inject(aws_error("AccessDeniedException", "no"), operation="PutItem")
    sessions.sql("BEGIN")
    sessions.sql(INSERT, "a")
    sessions.sql("INSERT INTO other(sid, session) VALUES ('b', '{}')")
    sessions.sql(INSERT, "c")
    with refused("SQLITE_AUTH", "2 applied, 1 not applied, 0 unknown"):
        sessions.sql("COMMIT")
    assert sessions.sids() == ["a", "c"] and other.sids() == []


# ---- a failed COMMIT ----------------------------------------------------------------------------


def many(table, count):
    """More than one transaction holds are single calls, here one after another."""
    table.create(table.connection, "one", "max_attempts=1", "concurrency=1",
                 f"endpoint_url='{table.endpoint.url}'")
    for number in range(count):
        table.sql("INSERT INTO one(sid, session) VALUES (?, '{}')", f"s{number:03}")


def test_a_failed_commit_says_three_numbers(scripted):
    scripted.endpoint.inject(aws_error("ValidationException", "no"), operation="PutItem", at=3)
    scripted.sql("CREATE TABLE main.log(t)")
    scripted.sql("BEGIN")
    scripted.sql("INSERT INTO log VALUES (1)")
    many(scripted, 103)
    with refused("SQLITE_ERROR", "ValidationException", "2 applied, 101 not applied, 0 unknown"):
        scripted.sql("COMMIT")
    assert not scripted.connection.in_transaction
    assert scripted.sids() == ["s000", "s001"]
    assert scripted.rows("SELECT * FROM log") == []
    # Nothing waits any more.
    with scripted.sends("Scan"):
        scripted.rows("SELECT * FROM sessions")


def sid_hash(sid):
    return hashlib.sha256(sid.encode()).hexdigest()


def test_the_unknown_ones_are_named_by_their_hash(scripted):
    fault = aws_error("InternalServerError", "oh", status=500, forward_first=True)
    scripted.endpoint.inject(fault, operation="PutItem", at=2)
    scripted.sql("BEGIN")
    many(scripted, 101)
    with refused("SQLITE_ERROR", "1 applied, 99 not applied, 1 unknown", sid_hash("s001")):
        scripted.sql("COMMIT")
    assert scripted.sids() == ["s000", "s001"]


def test_up_to_ten_unknown_ones_are_named(scripted):
    fault = aws_error("InternalServerError", "oh", status=500)
    scripted.endpoint.inject(fault, operation="TransactWriteItems")
    scripted.sql("BEGIN")
    for number in range(12):
        scripted.sql(INSERT, str(number))
    with refused("SQLITE_ERROR", "0 applied, 0 not applied, 12 unknown") as caught:
        scripted.sql("COMMIT")
    assert [sid_hash(str(number)) in str(caught.value) for number in range(12)] == (
        [True] * 10 + [False] * 2)


def test_one_write_of_unknown_fate_says_so(scripted):
    fault = aws_error("InternalServerError", "oh", status=500)
    scripted.endpoint.inject(fault, operation="PutItem")
    with refused("SQLITE_ERROR", "0 applied, 0 not applied, 1 unknown"):
        scripted.sql(INSERT, "a")


THROTTLED = "ProvisionedThroughputExceededException"


def test_plain_busy_leaves_the_transaction_open_and_commit_sends_it_again(scripted):
    scripted.endpoint.inject(aws_error(THROTTLED, "slow down"), operation="TransactWriteItems")
    scripted.sql("CREATE TABLE main.log(t)")
    scripted.sql("BEGIN")
    scripted.sql("INSERT INTO log VALUES (1)")
    scripted.sql(INSERT, "a")
    scripted.sql(INSERT, "b")
    with refused("SQLITE_BUSY", THROTTLED):
        scripted.sql("COMMIT")
    assert scripted.connection.in_transaction
    assert scripted.sids() == []
    scripted.sql(INSERT, "c")
    with scripted.sends("TransactWriteItems"):
        scripted.sql("COMMIT")
    assert scripted.sids() == ["a", "b", "c"]
    assert scripted.rows("SELECT * FROM log") == [(1,)]


def test_plain_busy_and_then_rollback(scripted):
    scripted.endpoint.inject(aws_error(THROTTLED, "slow down"), operation="PutItem")
    scripted.sql("BEGIN")
    scripted.sql(INSERT, "a")
    with refused("SQLITE_BUSY"):
        scripted.sql("COMMIT")
    scripted.sql("ROLLBACK")
    assert scripted.sids() == []
    with scripted.sends():
        scripted.sql("BEGIN")
        scripted.sql("COMMIT")


def test_throttled_after_something_was_applied_is_not_plain_busy(scripted):
    scripted.endpoint.inject(aws_error(THROTTLED, "slow down"), operation="PutItem", at=2)
    scripted.sql("BEGIN")
    many(scripted, 101)
    with pytest.raises(sqlite3.OperationalError) as caught:
        scripted.sql("COMMIT")
    assert caught.value.sqlite_errorcode != sqlite3.SQLITE_BUSY
    assert "1 applied, 100 not applied, 0 unknown" in str(caught.value)
    assert not scripted.connection.in_transaction


def test_a_transaction_conflict_is_busy(scripted):
    scripted.endpoint.inject(aws_error("TransactionConflictException", "x"), operation="PutItem")
    scripted.sql("BEGIN")
    scripted.sql(INSERT, "a")
    with refused("SQLITE_BUSY"):
        scripted.sql("COMMIT")
    scripted.sql("COMMIT")
    assert scripted.sids() == ["a"]


def test_busy_in_autocommit_leaves_nothing(scripted):
    scripted.endpoint.inject(aws_error(THROTTLED, "slow down"), operation="PutItem")
    with refused("SQLITE_BUSY"):
        scripted.sql(INSERT, "a")
    assert not scripted.connection.in_transaction
    with scripted.sends("PutItem"):
        scripted.sql(INSERT, "b")
    assert scripted.sids() == ["b"]


def test_a_statement_that_is_throttled_is_undone_alone(scripted):
    scripted.put("old")
    scripted.sql("CREATE TABLE main.log(t)")
    scripted.sql("BEGIN")
    scripted.sql("INSERT INTO log VALUES (1)")
    scripted.endpoint.inject(aws_error(THROTTLED, "slow down"), operation="GetItem")
    with refused("SQLITE_BUSY", THROTTLED):
        scripted.sql("UPDATE sessions SET userId = 'u' WHERE sid = 'old'")
    assert scripted.connection.in_transaction
    scripted.sql("UPDATE sessions SET userId = 'u' WHERE sid = 'old'")
    scripted.sql("COMMIT")
    assert scripted.rows("SELECT * FROM log") == [(1,)]
    assert scripted.get("old")["userId"] == {"S": "u"}


def test_a_row_that_is_too_big_undoes_its_statement_alone(sessions):
    sessions.sql("BEGIN")
    sessions.sql(INSERT, "a")
    with refused("SQLITE_TOOBIG"):
        sessions.sql(
            "INSERT INTO sessions(sid, session) VALUES ('b', '{}'), ('c', ?)",
            '{"x":"%s"}' % ("x" * 410_000),
        )
    sessions.sql("COMMIT")
    assert sessions.sids() == ["a"]


def test_the_writes_of_a_transaction_are_bounded(sessions):
    big = '{"x":"%s"}' % ("x" * 390_000)
    sessions.sql("BEGIN")
    with sessions.sends():
        with refused("SQLITE_TOOBIG", "256 MB"):
            for _ in range(1000):
                sessions.sql("REPLACE INTO sessions(sid, session) VALUES ('a', ?)", big)
    assert sessions.connection.in_transaction
    sessions.sql("ROLLBACK")
    sessions.sql(INSERT, "b")
    assert sessions.sids() == ["b"]


# ---- DDL ----------------------------------------------------------------------------------------


def test_create_and_insert_in_one_transaction(dynamodb, connect, make_table):
    connection = connect()
    connection.execute("BEGIN")
    table = SessionTable(dynamodb, connection, make_table)
    table.sql(INSERT, "a")
    assert table.sids() == []
    table.sql("COMMIT")
    assert table.sids() == ["a"]


def test_create_and_insert_rolled_back(dynamodb, connect, make_table):
    connection = connect()
    connection.execute("BEGIN")
    table = SessionTable(dynamodb, connection, make_table)
    table.sql(INSERT, "a")
    table.sql("ROLLBACK")
    assert table.sids() == []
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        table.rows("SELECT * FROM sessions")
    table.create(connection)
    table.sql(INSERT, "b")
    assert table.sids() == ["b"]


@pytest.mark.parametrize("again", [False, True], ids=["gone", "created again"])
def test_create_that_is_undone_by_a_savepoint(dynamodb, connect, make_table, again):
    connection = connect()
    connection.execute("BEGIN")
    connection.execute("SAVEPOINT one")
    table = SessionTable(dynamodb, connection, make_table)
    table.sql(INSERT, "a")
    table.sql("ROLLBACK TO one")
    if again:
        table.create(connection)
        # Until it writes, nothing tells the new table from the old one connected anew.
        with refused("SQLITE_LOCKED", "create it before BEGIN"):
            table.rows("SELECT * FROM sessions")
        table.sql(INSERT, "b")
        table.sql(INSERT, "a")
    table.sql("COMMIT")
    assert table.sids() == (["a", "b"] if again else [])


def test_create_and_a_savepoint_behind_it(dynamodb, connect, make_table):
    """ROLLBACK TO that undoes other schema makes SQLite connect the table anew."""
    connection = connect()
    connection.execute("BEGIN")
    table = SessionTable(dynamodb, connection, make_table)
    table.sql(INSERT, "a")
    table.sql("SAVEPOINT one")
    table.sql("CREATE TEMP TABLE local(x)")
    table.sql(INSERT, "b")
    table.sql("ROLLBACK TO one")
    table.sql(INSERT, "c")
    table.sql("SAVEPOINT two")
    table.sql("ALTER TABLE sessions RENAME TO visitors")
    table.sql("ROLLBACK TO two")
    table.sql(INSERT, "d")
    table.sql("COMMIT")
    assert table.sids() == ["a", "c", "d"]


def test_drop_with_unsent_writes_is_locked(sessions):
    sessions.sql("BEGIN")
    sessions.sql(INSERT, "a")
    with refused("SQLITE_LOCKED"):
        sessions.sql("DROP TABLE sessions")
    assert sessions.connection.in_transaction
    sessions.sql("COMMIT")
    assert sessions.sids() == ["a"]
    sessions.sql("DROP TABLE sessions")
    assert sessions.sids() == ["a"]  # the DynamoDB table stays


def test_drop_inside_a_transaction_without_writes_of_it(sessions):
    sessions.create(sessions.connection, "second")
    sessions.sql("BEGIN")
    sessions.sql(INSERT, "a")
    sessions.sql("DROP TABLE second")
    sessions.sql("COMMIT")
    assert sessions.sids() == ["a"]


def test_drop_that_is_rolled_back(sessions):
    sessions.sql("BEGIN")
    sessions.sql("DROP TABLE sessions")
    sessions.sql("ROLLBACK")
    sessions.sql(INSERT, "a")
    assert sessions.sids() == ["a"]


def test_detach(sessions, tmp_path):
    sessions.sql("ATTACH ? AS side", str(tmp_path / "side.db"))
    sessions.create(sessions.connection, "elsewhere", schema="side")
    sessions.sql("INSERT INTO side.elsewhere(sid, session) VALUES ('a', '{}')")
    sessions.sql("BEGIN")
    sessions.sql("INSERT INTO side.elsewhere(sid, session) VALUES ('b', '{}')")
    with pytest.raises(sqlite3.OperationalError):
        sessions.sql("DETACH side")
    sessions.sql("COMMIT")
    sessions.sql("DETACH side")
    assert sessions.sids() == ["a", "b"]
    sessions.sql("ATTACH ? AS side", str(tmp_path / "side.db"))
    assert sessions.value("SELECT count(*) FROM side.elsewhere") == 2


def test_rename_in_a_transaction(sessions):
    sessions.sql("BEGIN")
    sessions.sql(INSERT, "a")
    sessions.sql("ALTER TABLE sessions RENAME TO visitors")
    sessions.sql("INSERT INTO visitors(sid, session) VALUES ('b', '{}')")
    with refused("SQLITE_CONSTRAINT_PRIMARYKEY", "visitors.sid"):
        sessions.sql("INSERT INTO visitors(sid, session) VALUES ('a', '{}')")
    sessions.sql("COMMIT")
    assert sessions.sids() == ["a", "b"]
    assert sessions.value("SELECT count(*) FROM visitors") == 2


def test_rename_that_is_rolled_back(sessions):
    sessions.sql("BEGIN")
    sessions.sql("ALTER TABLE sessions RENAME TO visitors")
    sessions.sql("INSERT INTO visitors(sid, session) VALUES ('a', '{}')")
    sessions.sql("ROLLBACK")
    sessions.sql(INSERT, "b")
    with refused("SQLITE_CONSTRAINT_PRIMARYKEY", "sessions.sid"):
        sessions.sql(INSERT, "b")
    assert sessions.sids() == ["b"]


def test_rename_to_nothing_by_a_savepoint(sessions):
    sessions.sql("BEGIN")
    sessions.sql(INSERT, "a")
    sessions.sql("SAVEPOINT one")
    sessions.sql("ALTER TABLE sessions RENAME TO visitors")
    sessions.sql("INSERT INTO visitors(sid, session) VALUES ('b', '{}')")
    sessions.sql("ROLLBACK TO one")
    sessions.sql(INSERT, "c")
    sessions.sql("COMMIT")
    assert sessions.sids() == ["a", "c"]


def test_a_table_in_a_file_and_a_second_connection(dynamodb, connect, make_table, tmp_path):
    path = str(tmp_path / "app.db")
    first, second = connect(path), connect(path)
    table = SessionTable(dynamodb, first, make_table)
    table.create(first, "kept", schema="main")
    second.execute("INSERT INTO kept(sid, session) VALUES ('a', '{}')")
    first.execute("BEGIN")
    first.execute("INSERT INTO kept(sid, session) VALUES ('b', '{}')")
    # Another connection's transaction is its own.
    assert second.execute("SELECT sid FROM kept").fetchall() == [("a",)]
    first.execute("COMMIT")
    assert second.execute("SELECT sid FROM kept ORDER BY sid").fetchall() == [("a",), ("b",)]


def test_no_trigger_and_no_persistent_view_may_reach_it(sessions):
    sessions.put("a")
    sessions.sql("CREATE TABLE main.t(x)")
    sessions.create(sessions.connection, "kept", schema="main")
    sessions.sql("CREATE VIEW main.v AS SELECT * FROM kept")
    with refused("SQLITE_ERROR", "unsafe use"):
        sessions.rows("SELECT * FROM v")
    sessions.sql("CREATE TRIGGER main.r AFTER INSERT ON t BEGIN DELETE FROM kept; END")
    with refused("SQLITE_ERROR", "unsafe use"):
        sessions.sql("INSERT INTO t VALUES (1)")
    assert sessions.sids() == ["a"]
