"""Pushed conditions against SQLite itself: thousands of generated ones give the same rows.

A session table with attributes of every type, missing ones among them, is copied into an ordinary
table by a SELECT without a WHERE. From then on each generated condition must find the same rows in
both: DynamoDB's filter may let rows through that SQLite then rejects, but never the other way.
A failure prints the seed; DDS_SEED=… repeats it.
"""

import random
import sqlite3

import pytest
from generated_tables import (
    AFFINITIES, LATER, LAYOUTS, TEXTS, TYPES, Conditions, make_items, new_seed)

ITEMS = 48
CONDITIONS = 900
JOINS = 120
LIMITED = 200


@pytest.fixture(params=LAYOUTS)
def twins(request, make_table, connect):
    """(connection, rng, stored): `s` is a session table, `r` an ordinary one with the same rows,
    `stored` the values of each column."""
    seed = new_seed()
    print("DDS_SEED=%d" % seed)
    rng = random.Random(seed)
    layout = request.param
    table = make_table(LAYOUTS[layout][0], items=make_items(rng, layout, ITEMS))
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
    for name, affinity in AFFINITIES.items():
        connection.execute("CREATE TABLE %s(v %s)" % (name, affinity))
        values = [rng.choice([None, "12", "012", 12, 12.5, "abc", "session-003", b"abc", LATER,
                              rng.choice(TEXTS)]) for _ in range(rng.randrange(1, 5))]
        connection.executemany("INSERT INTO %s VALUES (?)" % name, [(v,) for v in values])
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
        values = conditions.parameters
        what = rng.choice(["sid", "sid, " + ", ".join(TYPES), "sid, session, expires, expired"])
        sql = "SELECT %s FROM %%s WHERE %s ORDER BY sid" % (what, where.replace("%", "%%"))
        rows = connection.execute(sql % "s", values).fetchall()
        expected = connection.execute(sql % "r", values).fetchall()
        assert rows == expected, (sql % "s", values)
        found += len(rows)
    # Most conditions would be worth little if all were false or all true.
    assert CONDITIONS * ITEMS * 0.1 < found < CONDITIONS * ITEMS * 0.9


def test_generated_limits_give_as_many_rows(twins):
    """LIMIT and OFFSET are hints to the table; which rows they leave, without an order, is open."""
    connection, rng, stored = twins
    bounds = [-1, 0, 1, 2, 5, ITEMS - 1, ITEMS, 1000, 2**63 - 1]
    for number in range(LIMITED):
        conditions = Conditions(rng, number % 2, stored)
        where = conditions.make() if rng.random() < 0.7 else "1"
        values = conditions.parameters
        limit, offset = rng.choice(bounds), rng.choice([*bounds, 0, 0])
        order = " ORDER BY sid" if rng.random() < 0.2 else ""
        rest = order + (" LIMIT %d OFFSET %d" % (limit, offset) if offset else " LIMIT %d" % limit)
        found = {sid for (sid,) in connection.execute("SELECT sid FROM r WHERE " + where, values)}
        rows = [sid for (sid,) in connection.execute(
            "SELECT sid FROM s WHERE " + where + rest, values)]
        left = max(0, len(found) - max(0, offset))
        assert len(rows) == (left if limit < 0 else min(limit, left)), (where, rest, values)
        assert len(set(rows)) == len(rows) and set(rows) <= found, (where, rest, values)
        if order:
            end = None if limit < 0 else max(0, offset) + limit
            assert rows == sorted(found, key=str.encode)[max(0, offset):end], (where, rest, values)


@pytest.mark.parametrize("limit", ["3", "3 OFFSET 2", "3 OFFSET 44", "-1 OFFSET 5", "0"])
def test_each_arm_of_a_compound_keeps_to_the_whole_limit(limit, twins):
    """SQLite 3.40 hands the compound's LIMIT and OFFSET to each arm."""
    connection, _, _ = twins
    expected = connection.execute(
        "SELECT sid FROM r UNION ALL SELECT sid FROM r LIMIT " + limit).fetchall()
    for arms in ("s UNION ALL SELECT sid FROM s", "s UNION ALL SELECT sid FROM r",
                 "r UNION ALL SELECT sid FROM s"):
        rows = connection.execute("SELECT sid FROM %s LIMIT %s" % (arms, limit)).fetchall()
        assert len(rows) == len(expected), arms


def test_generated_conditions_filter_at_the_server(twins, requests_of):
    """The same is true of requests: the filter of a condition on one column is really sent."""
    connection, _, _ = twins
    for where in ("expires < %d" % LATER, "expired = 1", "expired = 0", "expires IS NULL",
                  "i BETWEEN 1 AND 100", "t = 'abc'", "t IN ('abc', 'b')", "n IS NULL",
                  "n IN (1, 12, NULL)", "expires IN (%d)" % (LATER - 5000),
                  "expires IN (%d, 1700000000)" % (LATER - 5000), "sid > 'session-010'",
                  "sid BETWEEN 'a' AND 'b'", "sid GLOB 'session-01*'"):
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


def test_generated_outer_joins_keep_the_rows_of_their_left_table(twins):
    """A condition of ON narrows the table on the right alone."""
    connection, rng, stored = twins
    for number in range(JOINS):
        conditions = Conditions(rng, number % 2, stored)
        on = conditions.make()
        values = conditions.parameters
        sql = "SELECT sid, v FROM %%s LEFT JOIN vt ON %s ORDER BY 1, 2" % on.replace("%", "%%")
        rows = connection.execute(sql % "s", values).fetchall()
        assert rows == connection.execute(sql % "r", values).fetchall(), (sql, values)
        assert len({sid for sid, _ in rows}) == ITEMS


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


@pytest.mark.parametrize("pattern", ["\uffff*", "\ufffe*", "\ufffd*", "a\ufffeb*", "b*"])
def test_a_glob_finds_what_it_takes_for_another_character(pattern, make_table, connect):
    """SQLite's GLOB takes U+FFFE and U+FFFF for U+FFFD; the range that it makes of one does not."""
    sids = [first + second + "b" for first in ("", "a") for second in "\ufffd\ufffe\uffff"]
    items = [{"sessionId": {"S": sid}, "session_data": {"S": "{}"}, "t": {"S": sid}}
             for sid in [*sids, "b", "c"]]
    connection = connect()
    connection.execute("CREATE VIRTUAL TABLE temp.s USING dynamodb_sessions(table='%s', t TEXT)"
                       % make_table("sessionId", items=items))
    for column in ("sid", "t"):
        found = connection.execute("SELECT sid FROM s WHERE %s GLOB ?" % column, [pattern])
        expected = connection.execute("SELECT sid FROM s WHERE +%s GLOB ?" % column, [pattern])
        rows = sorted(found)
        assert rows == sorted(expected) and rows


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
