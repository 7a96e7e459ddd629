"""Transactions: what is sent when, what ROLLBACK undoes, and what a failed COMMIT says."""

import random
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
    with sessions.sends("DeleteItem", "PutItem", "PutItem"):
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
    with refused("SQLITE_CONSTRAINT_PRIMARYKEY", "1 applied, 2 not applied, 0 unknown"):
        sessions.sql("INSERT INTO sessions(sid, session) VALUES ('a','{}'), ('b','{}'), ('c','{}')")
    with sessions.sends("PutItem"):
        sessions.sql(INSERT, "d")
    assert sessions.sids() == ["a", "b", "d"]


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


@pytest.mark.parametrize("read", [
    "SELECT * FROM sessions", "SELECT count(*) FROM sessions",
    "SELECT * FROM sessions WHERE sid = 'a'", "SELECT * FROM sessions WHERE sid = 'other'",
    "SELECT 1 WHERE EXISTS (SELECT 1 FROM sessions)",
    "UPDATE sessions SET userId = 'u'", "DELETE FROM sessions WHERE sid = 'a'",
    "INSERT INTO sessions(sid, session) SELECT sid || 'x', session FROM sessions",
])
def test_a_read_of_a_table_with_unsent_writes_is_an_error_that_loses_nothing(sessions, read):
    sessions.sql("BEGIN")
    sessions.sql(INSERT, "a")
    with sessions.sends():
        with refused("SQLITE_ERROR", "1 unsent write", "COMMIT or ROLLBACK"):
            sessions.rows(read)
    assert sessions.connection.in_transaction
    sessions.sql("COMMIT")
    assert sessions.sids() == ["a"]
    assert sessions.rows("SELECT sid FROM sessions") == [("a",)]


def test_another_name_of_the_same_table_sees_the_unsent_writes_too(sessions):
    sessions.create(sessions.connection, "second")
    sessions.sql("BEGIN")
    sessions.sql(INSERT, "a")
    with refused("SQLITE_ERROR", "unsent"):
        sessions.rows("SELECT * FROM second")
    with refused("SQLITE_CONSTRAINT_PRIMARYKEY", "second.sid"):
        sessions.sql("INSERT INTO second(sid, session) VALUES ('a', '{}')")
    sessions.sql("COMMIT")
    assert sessions.rows("SELECT sid FROM second") == [("a",)]


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
    with sessions.sends("PutItem", "PutItem", "PutItem"):
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
    with refused("SQLITE_AUTH", "1 applied, 2 not applied, 0 unknown"):
        sessions.sql("COMMIT")
    assert sessions.sids() == ["a"] and other.sids() == []


# ---- a failed COMMIT ----------------------------------------------------------------------------


def test_a_failed_commit_says_three_numbers(scripted):
    scripted.endpoint.inject(aws_error("ValidationException", "no"), operation="PutItem", at=3)
    scripted.sql("CREATE TABLE main.log(t)")
    scripted.sql("BEGIN")
    scripted.sql("INSERT INTO log VALUES (1)")
    for sid in "abcde":
        scripted.sql(INSERT, sid)
    with refused("SQLITE_ERROR", "ValidationException", "2 applied, 3 not applied, 0 unknown"):
        scripted.sql("COMMIT")
    assert not scripted.connection.in_transaction
    assert scripted.sids() == ["a", "b"]
    assert scripted.rows("SELECT * FROM log") == []
    # Nothing waits any more.
    with scripted.sends("Scan"):
        scripted.rows("SELECT * FROM sessions")


def test_the_unknown_ones_are_named_by_their_hash(scripted):
    fault = aws_error("InternalServerError", "oh", status=500, forward_first=True)
    scripted.endpoint.inject(fault, operation="PutItem", at=2)
    scripted.sql("BEGIN")
    for sid in "abc":
        scripted.sql(INSERT, sid)
    hashed = "3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d"  # of b
    with refused("SQLITE_ERROR", "1 applied, 1 not applied, 1 unknown", hashed):
        scripted.sql("COMMIT")
    assert scripted.sids() == ["a", "b"]


def test_one_write_of_unknown_fate_says_so(scripted):
    fault = aws_error("InternalServerError", "oh", status=500)
    scripted.endpoint.inject(fault, operation="PutItem")
    with refused("SQLITE_ERROR", "0 applied, 0 not applied, 1 unknown"):
        scripted.sql(INSERT, "a")


THROTTLED = "ProvisionedThroughputExceededException"


def test_plain_busy_leaves_the_transaction_open_and_commit_sends_it_again(scripted):
    scripted.endpoint.inject(aws_error(THROTTLED, "slow down"), operation="PutItem")
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
    with scripted.sends("PutItem", "PutItem", "PutItem"):
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
    scripted.sql(INSERT, "a")
    scripted.sql(INSERT, "b")
    with pytest.raises(sqlite3.OperationalError) as caught:
        scripted.sql("COMMIT")
    assert caught.value.sqlite_errorcode != sqlite3.SQLITE_BUSY
    assert "1 applied, 1 not applied, 0 unknown" in str(caught.value)
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


# ---- thousands of statements beside an ordinary table -------------------------------------------


class SideBySide:
    """The same statement on the extension's table and on SQLite's own: same counts, same errors.

    A read beside unsent writes is an error for the time being, so UPDATE, DELETE and SELECT stand
    outside transactions, or first in one.
    """

    SIDS = [f"s{i}" for i in range(12)]

    def __init__(self, table, random_):
        self.table = table
        self.random = random_
        self.real = table.connection
        self.model = sqlite3.connect(":memory:", isolation_level=None)
        self.model.execute(
            "CREATE TABLE sessions(sid TEXT NOT NULL PRIMARY KEY CHECK (sid <> ''),"
            " session TEXT NOT NULL CHECK (json_valid(session)), userId TEXT) WITHOUT ROWID"
        )
        self.transactions = 0
        self.has_writes = False
        self.log = []

    def run(self, statement, *parameters):
        outcomes = []
        for connection in (self.real, self.model):
            try:
                cursor = connection.execute(statement, parameters)
                outcomes.append(("ok", cursor.rowcount, sorted(cursor.fetchall())))
            except sqlite3.Error as error:
                outcomes.append((error.sqlite_errorname,))
        outcomes = [tuple("SQLITE_CONSTRAINT" if "UNIQUE" in str(part) or "PRIMARYKEY" in str(part)
                          else part for part in outcome) for outcome in outcomes]
        self.log.append((statement, parameters, outcomes))
        assert outcomes[0] == outcomes[1], self.log[-12:]
        assert self.real.in_transaction == self.model.in_transaction, self.log[-12:]
        return outcomes[0][0] == "ok"

    def insert(self):
        """Of keys that are new or in the buffer: other duplicates are found at COMMIT only."""
        clause = self.random.choice(["", "", "OR IGNORE", "OR REPLACE", "OR FAIL", "OR ROLLBACK"])
        if self.real.in_transaction and clause != "OR REPLACE":
            choice = [sid for sid in self.SIDS if sid not in self.on_server]
        else:
            choice = self.SIDS
        rows = self.random.randint(1, 3)
        if not self.real.in_transaction:
            rows = 1
            if clause == "OR IGNORE":  # counts what was buffered
                clause = ""
        choice = choice or [f"only-{self.transactions}-{i}" for i in range(4)]
        values = ", ".join(
            "('%s', '%s', %s)" % (
                self.random.choice(choice),
                # The cookie is what a store would write, so that none is added.
                self.random.choice(['{"cookie":{"expires":null},"n":1}'] * 9 + ["{"]),
                self.random.choice(["NULL", "'u'", "'v'"]),
            )
            for _ in range(rows)
        )
        self.run(f"INSERT {clause} INTO sessions(sid, session, userId) VALUES {values}")
        self.has_writes = True

    def update(self):
        where = self.where()
        what = self.random.choice([
            "userId = 'w'", "userId = NULL", "session = json_set(session, '$.n', 2)",
            "userId = session->>'$.n', session = json_set(session, '$.m', userId)",
            "userId = userId",
        ])
        self.run(f"UPDATE sessions SET {what} WHERE {where}")
        self.has_writes = True

    def delete(self):
        self.run(f"DELETE FROM sessions WHERE {self.where()}")
        self.has_writes = True

    def where(self):
        sid = self.random.choice(self.SIDS)
        return self.random.choice([
            f"sid = '{sid}'", f"sid > '{sid}'", "userId = 'u'", "userId IS NULL", "userId >= 'v'",
            "session->>'$.n' = 2", f"sid = '{sid}' AND userId LIKE 'u'", "userId LIKE 'U'",
            f"sid IN ('{sid}', 's1')", "userId = 'u' OR session->>'$.n' = 1",
        ])

    def begin(self):
        self.on_server = {sid for (sid,) in self.model.execute("SELECT sid FROM sessions")}
        self.run("BEGIN")
        self.transactions += 1
        self.has_writes = False

    def savepoint(self):
        self.run(f"SAVEPOINT p{self.random.randint(1, 3)}")

    def end_savepoint(self):
        self.run(f"{self.random.choice(['RELEASE', 'ROLLBACK TO'])} p{self.random.randint(1, 3)}")

    def step(self):
        if not self.real.in_transaction:
            self.on_server = set()
            choices = [self.begin] * 4 + [self.insert, self.update, self.delete, self.select]
        else:
            choices = [self.insert] * 5 + [self.savepoint] * 2 + [self.end_savepoint] * 2
            choices += [lambda: self.run("COMMIT"), lambda: self.run("ROLLBACK")]
            if not self.has_writes:
                choices += [self.update, self.delete, self.select]
        self.random.choice(choices)()

    def select(self):
        self.run(f"SELECT sid, session, userId FROM sessions WHERE {self.where()}")

    def compare(self):
        if self.real.in_transaction:
            self.run("COMMIT")
        query = "SELECT sid, session, userId FROM sessions ORDER BY sid"
        mine = self.model.execute(query).fetchall()
        assert self.real.execute(query).fetchall() == mine, self.log[-12:]
        assert self.table.sids() == [sid for sid, *_ in mine]
        for sid, session, user in mine:
            item = self.table.get(sid)
            assert item["session_data"] == {"S": session}
            assert item.get("userId") == (None if user is None else {"S": user})


@pytest.mark.parametrize("run", range(3))
def test_thousands_of_statements_beside_an_ordinary_table(sessions, run):
    seed = random.randrange(1 << 32)
    print("seed", seed)
    pair = SideBySide(sessions, random.Random(seed))
    for number in range(1500):
        pair.step()
        if number % 250 == 249:
            pair.compare()
    pair.model.close()
