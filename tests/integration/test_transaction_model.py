"""Random transactions on the extension's table and on an ordinary SQLite table, side by side.

Each operation runs on both: INSERT with its conflict clauses, UPDATE, DELETE and SELECT with random
conditions, SAVEPOINT, RELEASE, ROLLBACK TO, ROLLBACK, COMMIT, and statements by themselves. Both
must give the same rows, the same counts and the same errors; after a COMMIT boto3 must find what
SQLite's own table holds. One difference is by design: a duplicate that only DynamoDB knows of shows
at COMMIT, which then fails as a whole.

DDS_SEED=n repeats a run, DDS_OPERATIONS=n is how many operations a test has; `make model` goes on
until it finds something.
"""

import json
import os
import random
import sqlite3

import pytest
from session_table import LATER, LAYOUTS, LONG_AGO, SERVERLESS, SessionTable

# Four runs for each layout make a hundred thousand operations; under a sanitizer a tenth of that.
OPERATIONS = int(os.environ.get("DDS_OPERATIONS", 840 if "DDS_PRELOAD" in os.environ else 8400))
RUNS = 4
NAMES = ("sessions", "again")  # of one DynamoDB table
SIDS = [f"s{i}" for i in range(14)]
USERS = ["u", "v", "w", "user-1"]
COLUMNS = "sid, session->>'$.v', expires, userId, n, expired"
UNIQUE = "SQLITE_CONSTRAINT_PRIMARYKEY"


def quoted(value):
    return "NULL" if value is None else f"'{value}'" if isinstance(value, str) else str(value)


class Statements:
    """Random SQL; @ stands for the table's name."""

    # For reads alone: before 3.41 SQLite may first ask one when an UPDATE or DELETE has changed
    # rows of its own table already.
    SUBQUERIES = [
        "sid IN (SELECT sid FROM @ WHERE userId = '{user}')",
        "n > (SELECT min(n) FROM @ WHERE expired = 0)",
    ]

    def __init__(self, layout, source):
        self.layout = layout
        self.random = source

    def pick(self, choices):
        return self.random.choice(choices)

    def number(self):
        return self.random.randint(0, 6)

    def sid(self):
        return self.pick(SIDS)

    def user(self):
        return self.pick(USERS)

    def expiry(self):
        return self.pick([LONG_AGO, LATER]) + self.number()

    def term(self, subqueries=()):
        form = self.pick([
            "sid = '{sid}'", "sid = '{sid}'", "sid IN ('{sid}', '{sid2}', 'nobody')",
            "sid < '{sid}'", "sid >= '{sid}' AND sid < '{sid2}'", "sid GLOB 's1*'",
            "userId = '{user}'", "userId <> '{user}'", "userId IS NULL", "userId IS NOT NULL",
            "userId IN ('{user}', '{user2}')", "userId LIKE '{user}'", "userId > '{user}'",
            "n = {number}", "n < {number}", "n BETWEEN {number} AND 4", "n IS NULL",
            "n IS {number}", "n = '{number}'", "expires < {expiry}", "expires >= {expiry}",
            "expires IS NULL", "expires = {expiry}", "expired = 1", "expired = 0", "expired",
            "session->>'$.v' > {number}", "session->>'$.v' = {number}", "true",
            "session->>'$.v' = n", "length(userId) = 1", *subqueries,
        ])
        return form.format(
            sid=self.sid(), sid2=self.sid(), user=self.user(), user2=self.user(),
            number=self.number(), expiry=self.expiry(),
        )

    def where(self, subqueries=()):
        first, second = self.term(subqueries), self.term(subqueries)
        kind = self.random.random()
        if kind < 0.6:
            return first
        if kind < 0.8:
            return f"({first}) AND ({second})"
        if kind < 0.95:
            return f"({first}) OR ({second})"
        return f"NOT ({first})"

    def session(self):
        """Seldom none at all, or no object."""
        kind = self.random.random()
        if kind < 0.03:
            return self.pick([None, "[]", "{", "1", ""])
        return self.pick(['{{"v":{0}}}', '{{"v":{0},"cookie":{{}}}}']).format(self.number())

    def row(self, sid):
        if self.layout is SERVERLESS and self.random.random() < 0.2:
            expires = None
        else:
            expires = self.expiry()
        user = self.pick([None, *USERS])
        number = self.pick([None, 1, self.number()])
        return f"({', '.join(map(quoted, (sid, self.session(), expires, user, number)))})"

    def insert(self):
        """The statement, a query for the keys that it writes, and its conflict clause."""
        clause = self.pick(
            ["", "", "", "OR IGNORE", "OR REPLACE", "OR ABORT", "OR FAIL", "OR ROLLBACK"])
        head = f"INSERT {clause} INTO @(sid, session, expires, userId, n)"
        # With FAIL the rows before the failing one stay: which one that is, may differ.
        if clause != "OR FAIL" and self.random.random() < 0.1:
            moved = f"'s' || ((substr(sid, 2) + {self.number()}) % {len(SIDS)})"
            session = quoted('{"v":%d}' % self.number())
            where = self.where(self.SUBQUERIES)
            rest = f"FROM @ WHERE expires IS NOT NULL AND ({where})"
            body = f"SELECT {moved}, {session}, expires, userId, n {rest} ORDER BY sid"
            return f"{head} {body}", f"SELECT {moved} {rest}", clause
        count = 1 if clause == "OR FAIL" else self.pick([1, 1, 1, 2, 3])
        sids = [self.sid() for _ in range(count)]
        rows = ", ".join(map(self.row, sids))
        keys = " UNION ALL ".join(f"SELECT '{sid}'" for sid in sids)
        return f"{head} VALUES {rows}", keys, clause

    def assignment(self):
        choices = [
            f"userId = '{self.user()}'", "userId = NULL", f"n = {self.number()}", "n = NULL",
            "n = n + 1", "n = session->>'$.v'", "userId = userId || '!'", "userId = userId",
            f"session = json_set(session, '$.v', {self.number()})",
            "session = json_set(session, '$.v', n)", f"session = '{{\"v\":{self.number()}}}'",
            f"expires = {self.expiry()}", "expires = expires + 1",
            "n = (SELECT count(*) FROM @)",
        ]
        if self.random.random() < 0.05:
            choices = ["session = NULL", "session = '[]'", "expires = NULL"]
        return self.pick(choices)

    def update(self):
        by_column = {}
        for _ in range(self.pick([1, 1, 2, 3])):
            assignment = self.assignment()
            by_column[assignment.split(" ")[0]] = assignment
        return f"UPDATE @ SET {', '.join(by_column.values())} WHERE {self.where()}"

    def move(self):
        clause = self.pick(["", "", "OR REPLACE"])
        old, new = self.sid(), self.sid()
        more = self.pick(["", "", ", " + self.assignment()])
        condition = self.pick(["", "", " AND " + self.term()])
        return f"UPDATE {clause} @ SET sid = '{new}'{more} WHERE sid = '{old}'{condition}", new

    def delete(self):
        return f"DELETE FROM @ WHERE {self.where()}"

    def select(self):
        where = self.where(self.SUBQUERIES)
        return self.pick([
            f"SELECT {COLUMNS} FROM @ WHERE {where}",
            f"SELECT {COLUMNS} FROM @ WHERE {where}",
            f"SELECT {COLUMNS} FROM @ WHERE sid = '{self.sid()}'",
            f"SELECT sid FROM @ WHERE {where} ORDER BY sid LIMIT {self.number()}",
            f"SELECT count(*), sum(n), min(expires), max(userId) FROM @ WHERE {where}",
            f"SELECT userId, count(*) FROM @ WHERE {where} GROUP BY userId",
            f"SELECT EXISTS (SELECT 1 FROM @ WHERE {where})",
            f"SELECT count(*) FROM (SELECT 1 FROM @ WHERE {where} LIMIT {self.number()})",
            "SELECT v.value, t.n FROM json_each('[\"s1\",\"s2\",\"s3\"]') v LEFT JOIN @ t"
            " ON t.sid = v.value",
        ])


class Pair:
    """The extension's table and SQLite's own."""

    def __init__(self, table, source):
        self.table = table
        self.random = source
        self.statements = Statements(table.layout, source)
        self.real = table.create(table.connection, "again")
        never = "" if table.layout.allows_never else "CHECK (expires IS NOT NULL)"
        self.model = sqlite3.connect(":memory:", isolation_level=None)
        self.model.execute(
            "CREATE TABLE t(sid TEXT NOT NULL PRIMARY KEY, session TEXT NOT NULL CHECK ("
            "CASE WHEN json_valid(session) THEN json_type(session) = 'object' ELSE 0 END),"
            f" expires NUMERIC {never}, userId TEXT, n INTEGER,"
            " expired INTEGER AS (expires IS NOT NULL AND expires < 2e9)) WITHOUT ROWID")
        self.committed = set()
        self.log = []
        self.counts = {}

    # ---- one statement on both

    def attempt(self, connection, sql):
        """What comes of it: the error's name, or how many rows changed and which were read."""
        try:
            cursor = connection.execute(sql)
            return "ok", max(cursor.rowcount, 0), sorted(cursor.fetchall(), key=repr)
        except sqlite3.Error as error:
            return (error.sqlite_errorname,)

    def run_real(self, sql):
        outcome = self.attempt(self.real, sql.replace("@", self.random.choice(NAMES)))
        self.log.append(("  real", sql, outcome))
        return outcome

    def run_model(self, sql):
        outcome = self.attempt(self.model, sql.replace("@", "t"))
        self.log.append(("model", sql, outcome))
        return outcome

    def check(self, condition):
        if not condition:
            lines = "\n".join(f"{who} {sql}\n        {outcome}" for who, sql, outcome in
                              self.log[-40:])
            pytest.fail(f"they differ after {len(self.log)} statements:\n{lines}", pytrace=False)

    def same(self, sql):
        model, real = self.run_model(sql), self.run_real(sql)
        self.check(model == real)
        self.check(self.real.in_transaction == self.model.in_transaction)
        return model[0] == "ok"

    def insert_like(self, sql, keys, is_ignoring):
        """What may meet a duplicate, of one of these keys, that only DynamoDB knows."""
        keys = {sid for (sid,) in self.model.execute(keys.replace("@", "t"))}
        if self.model.in_transaction and keys & self.committed:
            sql = sql.replace("OR ROLLBACK", "OR ABORT")
        model = self.run_model(sql)
        if model[0] != UNIQUE or not self.model.in_transaction:
            real = self.run_real(sql)
            # OR IGNORE counts what waits. Of two errors the one may be found before the other.
            is_other_error = model[0] == UNIQUE and real[0].startswith("SQLITE_CONSTRAINT")
            self.check(
                model == real or (is_ignoring and model[0] == real[0])
                or (is_other_error and keys & self.committed)
            )
            return
        self.run_real("SAVEPOINT duplicate")
        real = self.run_real(sql)
        if real != model:
            self.check(keys & self.committed)
            if real[0] == "ok" and self.random.random() < 0.3:
                self.run_real("RELEASE duplicate")
                self.check(self.run_real("COMMIT") == (UNIQUE,))
                self.run_model("ROLLBACK")
                self.check(not self.real.in_transaction)
                self.compare()
                return
        self.run_real("ROLLBACK TO duplicate")
        self.run_real("RELEASE duplicate")

    # ---- operations

    def insert(self):
        sql, keys, clause = self.statements.insert()
        self.insert_like(sql, keys, clause == "OR IGNORE")

    def move(self):
        sql, new = self.statements.move()
        self.insert_like(sql, f"SELECT '{new}'", False)

    def update(self):
        self.same(self.statements.update())

    def delete(self):
        self.same(self.statements.delete())

    def select(self):
        self.same(self.statements.select())

    def begin(self):
        self.same("BEGIN")

    def savepoint(self):
        self.same(f"SAVEPOINT p{self.random.randint(1, 3)}")

    def release(self):
        self.same(f"RELEASE p{self.random.randint(1, 3)}")

    def rollback_to(self):
        self.same(f"ROLLBACK TO p{self.random.randint(1, 3)}")

    def rollback(self):
        self.same("ROLLBACK")

    def commit(self):
        foretold = None
        if self.random.random() < 0.2:
            rows = self.real.execute("SELECT sid, item, size FROM sessions").fetchall()
            foretold = {sid: (json.loads(item), size) for sid, item, size in rows}
        self.same("COMMIT")
        if foretold is not None:
            self.compare(foretold)

    OUTSIDE = [(begin, 8), (savepoint, 1), (insert, 1), (update, 1), (delete, 1), (select, 1)]
    INSIDE = [
        (insert, 24), (update, 16), (move, 6), (delete, 7), (select, 24), (savepoint, 9),
        (release, 4), (rollback_to, 6), (rollback, 1), (commit, 4),
    ]

    def step(self):
        choices = self.INSIDE if self.real.in_transaction else self.OUTSIDE
        operations, weights = zip(*choices)
        operation = self.random.choices(operations, weights)[0]
        self.counts[operation.__name__] = self.counts.get(operation.__name__, 0) + 1
        operation(self)
        if not self.model.in_transaction:
            self.committed = {sid for (sid,) in self.model.execute("SELECT sid FROM t")}

    # ---- what DynamoDB holds

    def server(self):
        pages = self.table.dynamodb.get_paginator("scan").paginate(
            TableName=self.table.name, ConsistentRead=True)
        key, prefix = self.table.layout.hash_key, self.table.layout.prefix
        return {item[key]["S"][len(prefix):]: item for page in pages for item in page["Items"]}

    def compare(self, foretold=None):
        """Outside transactions: DynamoDB holds the rows, and the items that were foretold."""
        server = self.server()
        query = f"SELECT {COLUMNS} FROM @"
        self.same(query)
        rows = self.model.execute("SELECT sid, userId, n FROM t").fetchall()
        self.check(sorted(server) == sorted(sid for sid, *_ in rows))
        for sid, user, number in rows:
            item = server[sid]
            self.check(item.get("userId") == (None if user is None else {"S": user}))
            self.check(item.get("n") == (None if number is None else {"N": str(number)}))
        if foretold is not None:
            sizes = dict(self.real.execute("SELECT sid, size FROM sessions").fetchall())
            self.check(foretold == {sid: (item, sizes[sid]) for sid, item in server.items()})

    def end(self):
        if self.real.in_transaction:
            self.same("ROLLBACK")
        self.compare()
        self.model.close()


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
@pytest.mark.parametrize("run", range(RUNS))
def test_random_transactions(dynamodb, connect, make_table, layout, run):
    # CI repeats the same runs; elsewhere each run is another.
    ours = run if os.environ.get("CI") else random.randrange(1 << 32)
    seed = int(os.environ.get("DDS_SEED", ours))
    print(f"DDS_SEED={seed}")
    table = SessionTable(dynamodb, connect(), make_table, layout, "userId TEXT", "n INTEGER")
    pair = Pair(table, random.Random(seed))
    for _ in range(OPERATIONS):
        pair.step()
    pair.end()
    print(sum(pair.counts.values()), pair.counts)
    # A run that only ever failed would prove nothing.
    assert all(pair.counts.get(name, 0) > 0 for name in ("insert", "update", "delete", "commit"))
