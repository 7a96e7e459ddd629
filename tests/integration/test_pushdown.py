"""Pushed conditions against SQLite itself: thousands of generated ones give the same rows.

A session table with attributes of every type, missing ones among them, is copied into an ordinary
table by a SELECT without a WHERE. From then on each generated condition must find the same rows in
both: DynamoDB's filter may let rows through that SQLite then rejects, but never the other way.
A failure prints the seed; DDS_SEED=… repeats it.
"""

import json
import math
import os
import random
import sqlite3
import time

import pytest

NOW = int(time.time())
ITEMS = 48
CONDITIONS = 900
JOINS = 120

TYPES = {"t": "TEXT", "i": "INTEGER", "r": "REAL", "n": "NUMERIC", "b": "BLOB"}
NUMBERS = [
    "0", "1", "-1", "12", "100", "12.5", "0.1", "-0.1", "1700000000", "1700000000.5",
    "9007199254740992", "9007199254740993", "9223372036854775807", "-9223372036854775808",
    "9223372036854775808", "12345678901234567890123456789012345678", "1E30", "1E-30", "-1E100",
    "0.30000000000000004", "0.3", "99999999999999999999999999999999999999", "1.5E120",
]
TEXTS = [
    "", "a", "A", "abc", "ABC", "ab", "b", "é", "É", "ß", "\ufffd", "\uffee", "\U0001f600", "12",
    "12.0", "012", " 12", "12 ", "1e2", "100", "-1", ".5", "0x10", "abc\ndef", "a'b", 'a"b', "%",
    "a%", ":", "9", "zz", "true", "null", "[1]", "inf", "nan",
]
BYTES = [b"a", b"abc", b"\x00", b"\x00\xff", b"12", b"\xff", b""]
OTHERS = [
    {"BOOL": True}, {"BOOL": False}, {"NULL": True}, {"L": [{"N": "1"}]}, {"L": []},
    {"M": {"a": {"S": "b"}}}, {"SS": ["a", "b"]}, {"NS": ["1", "2.5"]}, {"BS": [b"x"]},
]
SIDS = [
    "a", "A", "12", "012", "12.0", "é", "\U0001f600", "s-1", "s 2", "x" * 60, "sess:", "%", "NULL",
]

# Names -> (hash key, prefix, payload, expiry attribute, its factor, TTL attribute)
LAYOUTS = {
    "serverless-dynamodb-session-store":
        ("sessionId", "", "session_data", "expireTime", 1000, "expireTime_TTL"),
    "connect-dynamodb": ("id", "sess:", "sess", "expires", 1, "expires"),
    "dynamodb-store": ("sessionId", "sess:", "sess", "expires", 1, "expires"),
}


def new_seed():
    return int(os.environ.get("DDS_SEED") or random.SystemRandom().randrange(10**9))


def make_attribute(rng):
    kind = rng.random()
    if kind < 0.15:
        return None
    if kind < 0.45:
        return {"N": rng.choice(NUMBERS)}
    if kind < 0.75:
        return {"S": rng.choice(TEXTS)}
    if kind < 0.85:
        return {"B": rng.choice(BYTES)}
    return rng.choice(OTHERS)


def make_moment(rng, factor):
    """An expiry attribute: most are numbers, in seconds or milliseconds, with fractions or not."""
    kind = rng.random()
    if kind < 0.1:
        return None
    if kind < 0.2:
        return rng.choice([{"S": "1700000000"}, {"S": "soon"}, {"NULL": True}, {"BOOL": True}])
    if kind < 0.3:
        return {"N": rng.choice(NUMBERS)}
    seconds = rng.choice([NOW - 86400, NOW - 5000, NOW + 5000, NOW + 86400, 1700000000])
    if rng.random() < 0.3:
        factor = 1000
    thousandths = rng.choice([0, 0, 0, 1, 500, 999])
    value = seconds * factor + (thousandths if factor == 1000 else 0)
    text = str(value)
    if factor == 1 and thousandths:
        text += ".%03d" % thousandths
    return {"N": text}


def make_items(rng, layout):
    hash_key, prefix, payload, expires, factor, ttl = LAYOUTS[layout]
    sids = SIDS + ["session-%03d" % i for i in range(ITEMS - len(SIDS))]
    for sid in sids:
        item = {hash_key: {"S": prefix + sid}, payload: {"S": json.dumps({"of": sid})}}
        if payload == "sess" and layout == "dynamodb-store":
            item[payload] = {"M": {"of": {"S": sid}}}
        moments = {expires: make_moment(rng, factor)}
        if ttl != expires:
            moments[ttl] = make_moment(rng, 1)
        for name, value in moments.items():
            if value is not None:
                item[name] = value
        for name in TYPES:
            value = make_attribute(rng)
            if value is not None:
                item[name] = value
        yield item
    if prefix:
        # An item of another kind in the same table is no row.
        yield {hash_key: {"S": "other:1"}, payload: {"S": "{}"}, "t": {"S": "abc"}}


class Conditions:
    """Makes conditions; values are literals or, with `parameters`, bound. `stored` has the values
    of each column, which conditions meet and just miss."""

    def __init__(self, rng, parameters, stored):
        self.rng = rng
        self.stored = stored
        self.parameters = [] if parameters else None

    def literal(self, value):
        if self.parameters is not None:
            self.parameters.append(value)
            return "?"
        if value is None:
            return "NULL"
        if isinstance(value, bytes):
            return "x'%s'" % value.hex()
        if isinstance(value, str):
            return "'%s'" % value.replace("'", "''")
        if isinstance(value, float) and math.isinf(value):
            return "9e999" if value > 0 else "-9e999"
        return repr(value)

    def value(self, column):
        rng = self.rng
        kind = rng.random()
        if kind < 0.06:
            return None
        if rng.random() < 0.25:
            value = rng.choice(self.stored[column])
            if isinstance(value, float) and rng.random() < 0.5:
                value = math.nextafter(value, rng.choice([-math.inf, math.inf]))
            elif isinstance(value, int) and rng.random() < 0.5:
                value = self.fitting(value + rng.choice([-1, 1]))
            return value
        if column == "sid" and kind < 0.7:
            return rng.choice(SIDS)
        if column == "expired" and kind < 0.7:
            return rng.choice([0, 1, 0.0, 1.0, "0", "1", 2])
        if column == "expires" and kind < 0.7:
            second = rng.choice([NOW - 5000, NOW + 5000, NOW, 1700000000, NOW - 86400])
            return rng.choice(
                [second, second + 0.5, second + 0.999, str(second), second * 1000, second + 0.001])
        if kind < 0.55:
            number = rng.choice(NUMBERS)
            try:
                return self.fitting(int(number))
            except ValueError:
                return float(number)
        if kind < 0.9:
            return rng.choice(TEXTS)
        return rng.choice(BYTES)

    @staticmethod
    def fitting(number):
        return number if -(2**63) < number < 2**63 else float(number)

    def leaf(self):
        rng = self.rng
        column = rng.choice(["sid", "expires", "expired", *TYPES, *TYPES])
        kind = rng.random()
        term = column
        if rng.random() < 0.08:
            term += rng.choice([" COLLATE NOCASE", " COLLATE RTRIM"])
        elif rng.random() < 0.05:
            term = rng.choice(["+%s", "CAST(%s AS TEXT)", "(%s)", "-%s"]) % column
        if kind < 0.5:
            operator = rng.choice(["=", "<", "<=", ">", ">=", "!=", "IS", "IS NOT", "=="])
            value = self.literal(self.value(column))
            if rng.random() < 0.15:
                return "%s %s %s" % (value, operator, term)
            return "%s %s %s" % (term, operator, value)
        if kind < 0.65:
            words = rng.choice(["BETWEEN %s AND %s", "NOT BETWEEN %s AND %s"])
            low = self.literal(self.value(column))
            return "%s %s" % (term, words % (low, self.literal(self.value(column))))
        if kind < 0.75:
            return "%s IS %sNULL" % (term, rng.choice(["", "NOT "]))
        if kind < 0.85:
            values = [self.literal(self.value(column)) for _ in range(rng.randrange(1, 4))]
            return "%s %sIN (%s)" % (term, rng.choice(["", "NOT "]), ", ".join(values))
        if kind < 0.92:
            other = rng.choice(["sid", "expires", "expired", *TYPES])
            return "%s %s %s" % (term, rng.choice(["=", "<", ">="]), other)
        pattern = rng.choice(["a%", "%2", "1%", "A_C", "é%", "%"])
        if rng.random() < 0.5:
            return "%s GLOB %s" % (term, self.literal(pattern.replace("%", "*")))
        return "%s %sLIKE %s" % (term, rng.choice(["", "NOT "]), self.literal(pattern))

    def make(self, depth=0):
        rng = self.rng
        if depth == 2 or rng.random() < 0.45:
            return self.leaf()
        if rng.random() < 0.15:
            return "NOT (%s)" % self.make(depth + 1)
        words = rng.choice([" AND ", " AND ", " OR "])
        parts = [self.make(depth + 1) for _ in range(rng.randrange(2, 4))]
        return "(" + words.join(parts) + ")"


@pytest.fixture(params=LAYOUTS)
def twins(request, make_table, connect):
    """(connection, rng, stored): `s` is a session table, `r` an ordinary one with the same rows,
    `stored` the values of each column."""
    seed = new_seed()
    print("DDS_SEED=%d" % seed)
    rng = random.Random(seed)
    layout = request.param
    table = make_table(LAYOUTS[layout][0], items=make_items(rng, layout))
    connection = connect()
    columns = ", ".join("%s %s" % column for column in TYPES.items())
    connection.execute(
        "CREATE VIRTUAL TABLE temp.s USING dynamodb_sessions"
        "(table='%s', layout='%s', %s)" % (table, layout, columns))
    connection.execute(
        "CREATE TABLE r(sid TEXT NOT NULL PRIMARY KEY, session TEXT, expires NUMERIC, "
        "expired INTEGER, %s) WITHOUT ROWID" % columns)
    connection.execute(
        "INSERT INTO r SELECT sid, session, expires, expired, %s FROM s" % ", ".join(TYPES))
    assert connection.execute("SELECT count(*) FROM r").fetchone() == (ITEMS,)
    stored = {
        column: [value for (value,) in connection.execute("SELECT %s FROM r ORDER BY sid" % column)]
        for column in ("sid", "expires", "expired", *TYPES)}
    return connection, rng, stored


def test_generated_conditions_find_what_sqlite_finds(twins):
    connection, rng, stored = twins
    found = 0
    for number in range(CONDITIONS):
        conditions = Conditions(rng, number % 2, stored)
        where = conditions.make()
        values = conditions.parameters or []
        what = rng.choice(["sid", "sid, " + ", ".join(TYPES), "sid, session, expires, expired"])
        sql = "SELECT %s FROM %%s WHERE %s ORDER BY sid" % (what, where.replace("%", "%%"))
        rows = connection.execute(sql % "s", values).fetchall()
        expected = connection.execute(sql % "r", values).fetchall()
        assert rows == expected, (sql % "s", values)
        found += len(rows)
    # Most conditions would be worth little if all were false or all true.
    assert CONDITIONS * ITEMS * 0.1 < found < CONDITIONS * ITEMS * 0.9


def test_generated_conditions_filter_at_the_server(twins, requests_of):
    """The same is true of requests: the filter of a condition on one column is really sent."""
    connection, _, _ = twins
    for where in ("expires < %d" % NOW, "expired = 1", "expired = 0", "expires IS NULL",
                  "i BETWEEN 1 AND 100", "t = 'abc'", "b IS NOT NULL", "n IS NULL"):
        expected = connection.execute("SELECT count(*) FROM r WHERE " + where).fetchone()
        assert connection.execute("SELECT count(*) FROM s WHERE " + where).fetchone() == expected
        last = requests_of(connection)[-1]
        assert last["operation"] == "Scan"
        assert expected[0] <= last["items"] < last["scanned"], where


def test_a_prepared_statement_takes_values_of_every_type(twins):
    """The plan is made once, by whatever value came first; Python keeps the statement."""
    connection, rng, stored = twins
    conditions = Conditions(rng, True, stored)
    for column in ("sid", "expires", "expired", *TYPES):
        values = [conditions.value(column) for _ in range(3)] + [5, "a", None, 1.5, b"a"]
        for operator in rng.sample(["=", "<", "<=", ">", ">=", "IS"], 3):
            sql = f"SELECT sid FROM %s WHERE {column} {operator} ? ORDER BY sid"
            for value in rng.sample(values, 5):
                rows = connection.execute(sql % "s", (value,)).fetchall()
                expected = connection.execute(sql % "r", (value,)).fetchall()
                assert rows == expected, (sql, value)


def test_generated_joins_find_what_sqlite_finds(twins):
    """A join hands over values of the other table's affinity; SQLite applies both sides'."""
    connection, rng, stored = twins
    conditions = Conditions(rng, False, stored)
    values = [conditions.value(rng.choice(["sid", "expires", *TYPES])) for _ in range(5)]
    affinities = {"jt": "TEXT", "ji": "INTEGER", "jr": "REAL", "jn": ""}
    for name, affinity in affinities.items():
        connection.execute("CREATE TABLE %s(v %s)" % (name, affinity))
        connection.executemany("INSERT INTO %s VALUES (?)" % name, [(v,) for v in values])
    for _ in range(JOINS):
        name = rng.choice(list(affinities))
        column = rng.choice(["sid", "expires", "expired", *TYPES])
        operator = rng.choice(["=", "<", "<=", ">", ">=", "IS", "!="])
        join = rng.choice(["CROSS JOIN", "LEFT JOIN"])
        sql = f"SELECT {name}.rowid, sid FROM {name} {join} %s"
        sql += f" ON %s.{column} {operator} {name}.v ORDER BY 1, 2"
        rows = connection.execute(sql % ("s", "s")).fetchall()
        assert rows == connection.execute(sql % ("r", "r")).fetchall(), (sql, values)


@pytest.mark.parametrize("operator", ["=", "<", "<=", ">", ">=", "IS"])
def test_a_date_as_text_is_a_mismatch_that_names_unixepoch(
        operator, make_table, connect, requests_of):
    connection = connect()
    table = make_table("sessionId")
    connection.execute("CREATE VIRTUAL TABLE temp.s USING dynamodb_sessions(table='%s')" % table)
    for where in ("expires %s datetime('now')" % operator,
                  "expires %s '2024-02-29'" % operator,
                  "expired = 0 AND expires %s '2024-02-29T10:00:00Z'" % operator,
                  "sid = 'a' AND expires %s datetime('now')" % operator):
        for statement in ("SELECT * FROM s WHERE ", "DELETE FROM s WHERE "):
            with pytest.raises(Exception, match=r"unixepoch\(") as caught:
                connection.execute(statement + where).fetchall()
            assert caught.value.sqlite_errorname == "SQLITE_MISMATCH"
    with pytest.raises(Exception, match=r"unixepoch\("):
        connection.execute("SELECT * FROM s WHERE expires BETWEEN ? AND ?", ("2024-01-01", 5))
    assert requests_of(connection) == []


def test_text_that_is_no_date_is_compared_as_sqlite_does(make_table, connect):
    items = [{"sessionId": {"S": "a"}, "session_data": {"S": "{}"}, "expireTime": {"N": "5000"}}]
    connection = connect()
    table = make_table("sessionId", items=items)
    connection.execute("CREATE VIRTUAL TABLE temp.s USING dynamodb_sessions(table='%s')" % table)
    count = lambda where: connection.execute("SELECT count(*) FROM s WHERE " + where).fetchone()[0]
    assert count("expires = '5'") == 1
    assert count("expires < 'soon'") == 1
    assert count("expires > '20240101'") == 0
    assert count("expires < '2024-1-1'") == 1


# ---- DynamoDB's limits --------------------------------------------------------------------------

MANY = ["column %d of a long name" % i for i in range(40)]
LIMITS = {
    "a filter of too many operators": " AND ".join(
        "\"%s\" BETWEEN %d AND 100" % (name, i) for i, name in enumerate(MANY)),
    "a filter of more than 4 KB": " AND ".join(
        "\"%s\" = %d" % (name, i) for i, name in enumerate(MANY)),
    "one condition many times": " AND ".join("expires > %d" % i for i in range(60)),
    "a value of more than 2 MB": "\"%s\" < printf('%%.*c', 3000000, 'x')" % MANY[1],
    "two values of more than 2 MB together": " AND ".join(
        "\"%s\" < printf('%%.*c', 1500000, 'x')" % name for name in MANY[:2]),
    "a blob of more than 2 MB": "\"%s\" < zeroblob(3000000)" % MANY[1],
    "many values": "expires IN (%s)" % ", ".join(map(str, [*range(60), 4_000_000_000])),
    "many alternatives": " OR ".join("\"%s\" = %d" % (name, i) for i, name in enumerate(MANY)),
}


@pytest.fixture
def wide(make_table, connect):
    """A connection with `s` of 40 extra columns and one row in which each has its number."""
    item = {"id": {"S": "sess:a"}, "sess": {"S": "{}"}, "expires": {"N": "4000000000"},
            **{name: {"N": str(i)} for i, name in enumerate(MANY)}}
    table = make_table("id", items=[item, {**item, "id": {"S": "sess:b"}, MANY[-1]: {"N": "-1"},
                                           MANY[0]: {"N": "-1"}}])
    connection = connect()
    columns = ", ".join("\"%s\" NUMERIC" % name for name in MANY)
    connection.execute("CREATE VIRTUAL TABLE temp.s USING dynamodb_sessions"
                       "(table='%s', layout='connect-dynamodb', %s)" % (table, columns))
    connection.execute("CREATE TABLE r AS SELECT * FROM s")
    return connection


@pytest.mark.parametrize("what", LIMITS)
def test_what_exceeds_dynamodbs_limits_is_left_to_sqlite(what, wide):
    expected = wide.execute("SELECT sid FROM r WHERE " + LIMITS[what]).fetchall()
    assert expected != []
    assert wide.execute("SELECT sid FROM s WHERE " + LIMITS[what]).fetchall() == expected
    wide.execute("DELETE FROM s WHERE " + LIMITS[what])
    left = wide.execute("SELECT sid FROM s").fetchall()
    assert left == [row for row in [("a",), ("b",)] if row not in expected]


# ---- a part of a condition is pushed ------------------------------------------------------------


@pytest.mark.parametrize(("where", "before", "after"), [
    ("t GLOB 'a*x'", {"S": "abx"}, {"S": "aby"}),
    ("t LIKE 'a%x'", {"S": "abx"}, {"S": "aby"}),
    ("t GLOB 'a*x' AND t > 'a'", {"S": "abx"}, {"S": "aby"}),
    ("t BETWEEN 'a' AND (SELECT 'b')", {"S": "abx"}, {"S": "c"}),
    ("t BETWEEN 'a' COLLATE NOCASE AND 'c'", {"S": "abx"}, {"S": "0"}),
    ("i BETWEEN 1 AND 1e300", {"N": "5"}, {"S": "text"}),
    ("i BETWEEN -1e300 AND 7", {"N": "5"}, {"N": "8"}),
    ("i BETWEEN 1 AND 9 AND t < printf('%.*c', 3000000, 'x')", {"N": "5"}, {"N": "10"}),
    (" AND ".join(["expires > 5"] * 40) + " AND i BETWEEN 1 AND 9", {"N": "5"}, {"N": "10"}),
])
def test_a_row_that_matches_no_longer_is_not_deleted(
        where, before, after, make_table, connect, dynamodb):
    """Of a BETWEEN or a pattern DynamoDB may be told a part; a DELETE asserts the whole."""
    name = "i" if where.find("i BETWEEN") >= 0 else "t"
    item = {"sessionId": {"S": "a"}, "session_data": {"S": "{}"}, "t": {"S": "abx"},
            "expireTime": {"N": "4000000000000"}, name: before}
    table = make_table("sessionId", items=[item])
    connection = connect()
    connection.execute("CREATE VIRTUAL TABLE temp.s USING dynamodb_sessions"
                       "(table='%s', t TEXT, i INTEGER)" % table)
    connection.execute("BEGIN")
    assert connection.execute("DELETE FROM s WHERE " + where).rowcount == 1
    changed = {**item, name: after}
    dynamodb.put_item(TableName=table, Item=changed)
    try:
        connection.execute("COMMIT")
    except sqlite3.OperationalError as error:
        assert error.sqlite_errorname == "SQLITE_BUSY_SNAPSHOT"
    assert dynamodb.scan(TableName=table)["Items"] == [changed]
    assert connection.execute("SELECT count(*) FROM s WHERE " + where).fetchone() == (0,)
