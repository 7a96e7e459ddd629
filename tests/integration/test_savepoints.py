"""Savepoints by position: a level takes back the writes that came after it, and no other."""

import sqlite3

import pytest
from session_table import CONNECT, SERVERLESS, SessionTable, refused

INSERT = "INSERT INTO sessions(sid, session) VALUES (?, '{}')"


@pytest.fixture
def sessions(dynamodb, connect, make_table):
    return SessionTable(dynamodb, connect(), make_table, SERVERLESS, "userId TEXT")


@pytest.fixture
def other(sessions, dynamodb, make_table):
    return SessionTable(dynamodb, sessions.connection, make_table, CONNECT,
                        sql_name="other", name=sessions.name + "-o")


def play(table, script):
    """Words: +a inserts a, o+a inserts into `other`, s: SAVEPOINT, r: RELEASE, b: ROLLBACK TO."""
    for word in script.split():
        verb, _, name = word.partition(":")
        if word.startswith("+"):
            table.sql(INSERT, word[1:])
        elif word.startswith("o+"):
            table.sql("INSERT INTO other(sid, session) VALUES (?, '{}')", word[2:])
        else:
            sql = {"s": "SAVEPOINT", "r": "RELEASE", "b": "ROLLBACK TO"}.get(verb, word)
            table.sql(f"{sql} {name}")


@pytest.mark.parametrize("script, left", [
    ("BEGIN +a s:x +b b:x +c COMMIT", "a c"),
    ("BEGIN +a s:x +b r:x +c COMMIT", "a b c"),
    ("BEGIN +a s:x +b s:y +c b:y +d r:x COMMIT", "a b d"),
    ("BEGIN +a s:x +b s:y +c b:x +d COMMIT", "a d"),
    ("BEGIN s:x +a s:y +b r:y +c b:x +d COMMIT", "d"),
    ("BEGIN s:x s:y s:z +a b:y +b b:x +c COMMIT", "c"),
    ("BEGIN s:x +a b:x b:x +b b:x COMMIT", ""),
    ("BEGIN s:x +a s:x +b b:x r:x +c b:x COMMIT", ""),
    ("BEGIN +a s:x +b r:x s:x +c b:x +d COMMIT", "a b d"),
    ("s:x +a s:y +b b:y r:x", "a"),
    ("s:x +a r:x", "a"),
    ("s:x +a b:x r:x", ""),
    ("BEGIN +a s:x +b b:x +b COMMIT", "a b"),
    ("BEGIN s:x +a ROLLBACK", ""),
    ("BEGIN s:a s:b s:c s:d +a s:e +b r:c +c b:b +d COMMIT", "d"),
])
def test_scripts(sessions, script, left):
    calls = {0: [], 1: ["PutItem"]}.get(len(left.split()), ["TransactWriteItems"])
    with sessions.sends(*calls):
        play(sessions, script)
    assert not sessions.connection.in_transaction
    assert sessions.sids() == left.split()


@pytest.mark.parametrize("script, left, others", [
    ("BEGIN +a s:x o+a b:x +b COMMIT", "a b", ""),
    ("BEGIN o+a s:x +a o+b b:x +b COMMIT", "b", "a"),
    ("BEGIN s:x +a s:y o+a b:y +b o+b r:x COMMIT", "a b", "b"),
    ("BEGIN s:x s:y +a r:y o+a b:x o+b COMMIT", "", "b"),
    ("BEGIN +a o+a s:x +b o+b s:y +c o+c b:x COMMIT", "a", "a"),
    ("BEGIN s:x o+a s:y +a b:x +c COMMIT", "c", ""),
])
def test_scripts_of_two_tables(sessions, other, script, left, others):
    play(sessions, script)
    assert sessions.sids() == left.split() and other.sids() == others.split()


def test_two_names_of_one_table(sessions):
    sessions.create(sessions.connection, "other")
    play(sessions, "BEGIN +a s:x o+b +c b:x o+d s:y +e b:y COMMIT")
    assert sessions.sids() == ["a", "d"]


def test_a_savepoint_before_the_table_joined_means_its_state_then(sessions):
    sessions.put("old")
    sessions.sql("BEGIN")
    sessions.sql("SAVEPOINT one")
    sessions.sql("SAVEPOINT two")
    sessions.sql("DELETE FROM sessions WHERE sid = 'old'")
    sessions.sql(INSERT, "a")
    sessions.sql("ROLLBACK TO one")
    assert sessions.rows("SELECT sid FROM sessions") == [("old",)]
    sessions.sql(INSERT, "b")
    sessions.sql("COMMIT")
    assert sessions.sids() == ["b", "old"]


def test_a_multi_row_insert_that_fails_is_undone_alone(sessions):
    sessions.sql("BEGIN")
    sessions.sql(INSERT, "a")
    with refused("SQLITE_CONSTRAINT_PRIMARYKEY"):
        sessions.sql("INSERT INTO sessions(sid, session) VALUES ('b', '{}'), ('a', '{}')")
    with refused("SQLITE_CONSTRAINT_CHECK"):
        sessions.sql("INSERT INTO sessions(sid, session) VALUES ('c', '{}'), ('d', '[]')")
    sessions.sql(INSERT, "b")
    with sessions.sends("TransactWriteItems"):
        sessions.sql("COMMIT")
    assert sessions.sids() == ["a", "b"]


def test_a_multi_row_insert_that_fails_inside_savepoints(sessions):
    sessions.sql("BEGIN")
    sessions.sql(INSERT, "a")
    sessions.sql("SAVEPOINT one")
    sessions.sql(INSERT, "b")
    with refused("SQLITE_CONSTRAINT_CHECK"):
        sessions.sql("INSERT INTO sessions(sid, session) VALUES ('c', '{}'), ('', '{}')")
    sessions.sql(INSERT, "d")
    sessions.sql("SAVEPOINT two")
    with refused("SQLITE_CONSTRAINT_CHECK"):
        sessions.sql("INSERT INTO sessions(sid, session) VALUES ('e', '{}'), ('', '{}')")
    sessions.sql("ROLLBACK TO two")
    sessions.sql(INSERT, "f")
    sessions.sql("RELEASE one")
    sessions.sql("COMMIT")
    assert sessions.sids() == ["a", "b", "d", "f"]


def test_the_first_statement_of_a_transaction_fails(sessions):
    sessions.sql("BEGIN")
    with refused("SQLITE_CONSTRAINT_CHECK"):
        sessions.sql("INSERT INTO sessions(sid, session) VALUES ('a', '{}'), ('', '{}')")
    assert sessions.rows("SELECT * FROM sessions") == []
    sessions.sql(INSERT, "b")
    sessions.sql("COMMIT")
    assert sessions.sids() == ["b"]


def test_an_insert_from_select_that_fails_half_way(sessions, other):
    for sid in "abc":
        other.put(sid)
    sessions.sql("BEGIN")
    sessions.sql(INSERT, "c")
    with refused("SQLITE_CONSTRAINT_PRIMARYKEY"):
        sessions.sql("INSERT INTO sessions(sid, session) SELECT sid, session FROM other ORDER BY 1")
    sessions.sql("COMMIT")
    assert sessions.sids() == ["c"]


def test_an_update_that_fails_half_way_is_undone_alone(sessions):
    before = {sid: sessions.put(sid) for sid in "abc"}
    sessions.sql("BEGIN")
    with refused("SQLITE_CONSTRAINT_CHECK"):
        sessions.sql("UPDATE sessions SET session = iif(sid = 'c', '[]', '{\"n\":1}')")
    sessions.sql("UPDATE sessions SET userId = 'u' WHERE sid = 'a'")
    sessions.sql("COMMIT")
    assert sessions.get("a") == {**before["a"], "userId": {"S": "u"}}
    assert sessions.get("b") == before["b"] and sessions.get("c") == before["c"]


def test_an_update_of_the_sid_that_fails_half_way(sessions):
    for sid in "abc":
        sessions.put(sid)
    sessions.sql("BEGIN")
    with refused("SQLITE_CONSTRAINT_CHECK"):
        sessions.sql("UPDATE sessions SET sid = iif(sid = 'b', '', sid || '2')")
    sessions.sql("COMMIT")
    assert sessions.sids() == ["a", "b", "c"]


def test_rollback_to_brings_back_local_rows_in_step(sessions):
    sessions.sql("CREATE TEMP TABLE log(t)")
    sessions.sql("BEGIN")
    sessions.sql("INSERT INTO log VALUES (1)")
    sessions.sql("SAVEPOINT one")
    sessions.sql("INSERT INTO log VALUES (2)")
    sessions.sql(INSERT, "a")
    sessions.sql("ROLLBACK TO one")
    sessions.sql(INSERT, "b")
    sessions.sql("COMMIT")
    assert sessions.rows("SELECT * FROM log") == [(1,)] and sessions.sids() == ["b"]


def test_a_failed_outermost_release_rolls_back(sessions):
    sessions.put("a")
    sessions.sql("SAVEPOINT one")
    sessions.sql(INSERT, "a")
    with refused("SQLITE_CONSTRAINT_PRIMARYKEY"):
        sessions.sql("RELEASE one")
    if sessions.connection.in_transaction:
        sessions.sql("ROLLBACK")
    with sessions.sends("PutItem"):
        sessions.sql(INSERT, "b")
    assert sessions.sids() == ["a", "b"]


def test_a_key_that_was_taken_back_is_free_again(sessions):
    sessions.sql("BEGIN")
    sessions.sql("SAVEPOINT one")
    sessions.sql(INSERT, "a")
    with refused("SQLITE_CONSTRAINT_PRIMARYKEY"):
        sessions.sql(INSERT, "a")
    sessions.sql("ROLLBACK TO one")
    sessions.sql(INSERT, "a")
    sessions.sql("COMMIT")
    assert sessions.sids() == ["a"]


def test_what_an_earlier_write_made_of_a_key_counts_again(sessions):
    sessions.sql("BEGIN")
    sessions.sql("REPLACE INTO sessions(sid, session) VALUES ('a', '{\"n\":1}')")
    sessions.sql("SAVEPOINT one")
    sessions.sql("REPLACE INTO sessions(sid, session) VALUES ('a', '{\"n\":2}')")
    sessions.sql("ROLLBACK TO one")
    with refused("SQLITE_CONSTRAINT_PRIMARYKEY"):
        sessions.sql(INSERT, "a")
    sessions.sql("COMMIT")
    assert '"n":1' in sessions.session("a")


def test_hundreds_of_writes_and_levels(sessions):
    sessions.sql("BEGIN")
    for level in range(60):
        sessions.sql(f"SAVEPOINT p{level}")
        for i in range(5):
            sessions.sql(INSERT, f"{level:02d}-{i}")
    sessions.sql("ROLLBACK TO p10")
    sessions.sql("RELEASE p5")
    with pytest.raises(sqlite3.OperationalError, match="no such savepoint"):
        sessions.sql("RELEASE p10")
    sessions.sql("COMMIT")
    assert sessions.sids() == [f"{level:02d}-{i}" for level in range(10) for i in range(5)]


def test_a_table_that_is_created_within_another_statement_is_written_to(sessions):
    """SQLite takes it into the transaction without an xBegin."""
    connection = sessions.connection
    connection.execute("CREATE TABLE plain(x)")
    cursor = connection.execute("INSERT INTO plain VALUES (1), (2) RETURNING x")
    assert cursor.fetchone() == (1,)
    sessions.create(connection, "late")
    connection.execute("INSERT INTO late(sid, session) VALUES ('a', '{}')")
    assert cursor.fetchall() == [(2,)]
    assert connection.execute("SELECT sid FROM late").fetchall() == [("a",)]


class RollsBack:
    """An SQL function of the host's that ends the transaction in the middle of a statement."""

    def __init__(self, connection):
        self.connection = connection
        self.has_run = False
        connection.create_function("rolls_back", 0, self)

    def __call__(self):
        if not self.has_run:
            self.has_run = True
            self.connection.execute("ROLLBACK")
        return '{"views":2}'


@pytest.mark.parametrize("commit", ["auto", "through"])
@pytest.mark.parametrize("statement", [
    "UPDATE {} SET session = rolls_back() WHERE sid = 'a'",
    "UPDATE {} SET session = rolls_back()",
    "DELETE FROM {} WHERE sid = 'a' AND rolls_back() IS NOT NULL",
    "INSERT OR REPLACE INTO {}(sid, session) VALUES ('z', rolls_back())",
    "INSERT INTO {}(sid, session) VALUES ('z', rolls_back())",
])
def test_a_rollback_in_the_middle_of_a_statement_ends_it(sessions, statement, commit):
    """As of an ordinary table: nothing of the statement waits for the next transaction."""
    connection = sessions.connection
    sessions.create(connection, "written", f"commit='{commit}'")
    sessions.put("a")
    sessions.put("b")
    connection.execute("CREATE TABLE plain(sid, session)")
    connection.execute("INSERT INTO plain VALUES ('a', '{}'), ('b', '{}')")
    before = sessions.rows("SELECT sid, item FROM sessions ORDER BY sid")
    names = []
    for table in ("plain", "written"):
        RollsBack(connection)
        connection.execute("BEGIN")
        with pytest.raises(sqlite3.Error) as caught:
            connection.execute(statement.format(table)).fetchall()
        names.append(caught.value.sqlite_errorname)
        assert not connection.in_transaction
    assert set(names) == {"SQLITE_ABORT_ROLLBACK"}
    assert connection.execute("SELECT * FROM dynamodb_pending").fetchall() == []
    connection.execute("INSERT INTO written(sid, session) VALUES ('other', '{}')")
    sessions.delete("other")
    assert sessions.rows("SELECT sid, item FROM sessions ORDER BY sid") == before
