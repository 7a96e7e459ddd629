"""Forms of statements in which SQLite treats a virtual table in ways of its own."""

import sqlite3
import subprocess
import sys

import pytest

MANY = [53, 54, 55, 70]


def session(sid, **attributes):
    item = {"sessionId": {"S": sid}, "session_data": {"S": '{"cookie":{}}'}}
    return {**item, **attributes}


@pytest.fixture
def sessions(connect, make_table):
    table = make_table(
        "sessionId",
        items=[
            session("a", n={"N": "1"}, userId={"S": "abc"}),
            session("b", n={"N": "2"}, userId={"S": "abd"}),
            session("c", n={"N": "3"}, userId={"S": "x"}),
            session("d", n={"N": "4"}),
        ],
    )
    connection = connect()
    connection.execute(
        f"CREATE VIRTUAL TABLE temp.s USING dynamodb_sessions(table='{table}', userId TEXT, "
        "n NUMERIC, total_segments=1)"
    )
    return connection


def left(connection):
    return [sid for (sid,) in connection.execute("SELECT sid FROM s ORDER BY sid")]


@pytest.mark.parametrize(
    ("where", "stays"),
    [
        # Up to 3.50 each arm has a cursor of its own.
        ("sid = 'a' OR n = 2", ["c", "d"]),
        ("n = 2 OR sid = 'a'", ["c", "d"]),
        ("(sid = 'a' AND expired = 0) OR (sid = 'b' AND session LIKE '%cookie%')", ["c", "d"]),
        ("sid = 'a' OR n = 99", ["b", "c", "d"]),
        ("n = 99 OR sid = 'a' OR userId = 'x'", ["b", "d"]),
        ("sid IN ('a', 'c')", ["b", "d"]),
        ("sid IN (SELECT sid FROM s WHERE n > 1)", ["a"]),
        ("n IN (1, 4)", ["b", "c"]),
        ("EXISTS (SELECT 1 FROM s AS other WHERE other.n = s.n + 1)", ["d"]),
        # One arm reads a row by its key, does not take it, and must not undo what another found.
        ("userId = 'abc' OR (sid = 'a' AND n > 5)", ["b", "c", "d"]),
        ("(sid = 'a' AND n > 5) OR userId = 'abc'", ["b", "c", "d"]),
        ("(sid IN ('a', 'b') AND userId = 'abc') OR (sid IN ('a', 'b', 'c') AND n > 2)",
         ["b", "d"]),
        ("(sid = 'a' AND userId = 'abc') OR (sid = 'a' AND expired = 1) OR sid = 'b' AND n > 5",
         ["b", "c", "d"]),
        # Loops that ask for different attributes of one row.
        ("sid IN (SELECT sid FROM s WHERE n = 2 AND sid = 'b') AND userId = 'abd'",
         ["a", "c", "d"]),
        ("userId = 'abd' AND EXISTS (SELECT 1 FROM s AS t WHERE t.sid = s.sid AND t.n < 5)",
         ["a", "c", "d"]),
        ("userId = 'abc' OR sid IN (SELECT sid FROM s WHERE n = 4)", ["b", "c"]),
        ("userId = 'abc' OR sid IN (SELECT sid FROM s WHERE expired)", ["b", "c", "d"]),
    ],
)
def test_delete_with_several_loops(sessions, where, stays):
    cursor = sessions.execute(f"DELETE FROM s WHERE {where}")
    assert cursor.rowcount == 4 - len(stays)
    assert left(sessions) == stays


def test_arms_of_an_or_assert_what_each_has_read(sessions, dynamodb, requests_of):
    sessions.execute("BEGIN")
    sessions.execute("DELETE FROM s WHERE (sid = 'a' AND userId || '' = 'abc') OR n = 2")
    table = requests_of(sessions)[-1]["table_name"]
    dynamodb.put_item(TableName=table, Item=session("a", userId={"S": "another"}))
    with pytest.raises(sqlite3.OperationalError, match="has changed since it was read"):
        sessions.execute("COMMIT")


def delete_beside(sessions, dynamodb, requests_of, where, sid, **attributes):
    """DELETE, and before its COMMIT another writer changes the session; what is left then."""
    sessions.execute("BEGIN")
    sessions.execute(f"DELETE FROM s WHERE {where}")
    table = requests_of(sessions)[-1]["table_name"]
    dynamodb.put_item(TableName=table, Item=session(sid, **attributes))
    sessions.execute("COMMIT")
    return left(sessions)


@pytest.mark.parametrize(
    "where",
    ["n < 5 AND n > 1 AND n < 3", "n = 2", "n BETWEEN 2 AND 2", "sid = 'b' AND n < 5",
     "userId = 'abd'", "sid = 'b' AND userId = 'abd'"],
)
@pytest.mark.parametrize("now", [{"S": "abc"}, {"L": []}, {"BOOL": True}, {"B": b"abd"}])
def test_a_changed_type_is_seen(sessions, dynamodb, requests_of, where, now):
    """A pushed condition lets other types pass; what a DELETE asserts does not."""
    changed = {"n": now, "userId": {"S": "abd"}} if "n " in where else {"userId": now}
    try:
        assert "b" in delete_beside(sessions, dynamodb, requests_of, where, "b", **changed)
    except sqlite3.OperationalError as error:
        assert "has changed since it was read" in str(error)


@pytest.mark.parametrize(
    "where",
    ["userId = 'abc' OR (sid = 'b' AND session ->> '$.x' = 1)",
     "userId = 'abc' OR (sid = 'a' AND session ->> '$.x' = 1)",
     "(expired AND n = 7) OR userId = 'abc'"],
)
def test_arms_that_read_one_row_assert_all_of_it(sessions, dynamodb, requests_of, where):
    try:
        rows = delete_beside(sessions, dynamodb, requests_of, where, "a", n={"N": "1"},
                             userId={"S": "another"})
        assert "a" in rows
    except sqlite3.OperationalError as error:
        assert "has changed since it was read" in str(error)


def test_expired_among_others_is_never_a_silent_miss(sessions, dynamodb, requests_of):
    """The row matched by its user; that it lives again must not let it stay without a word."""
    table = sessions.execute("SELECT table_name FROM dynamodb_status('s')").fetchone()[0]
    dynamodb.put_item(
        TableName=table,
        Item=session("a", n={"N": "1"}, userId={"S": "abc"}, expireTime={"N": "1000"}),
    )
    with pytest.raises(sqlite3.OperationalError, match="has changed since it was read"):
        where = "(expired AND n = 9) OR userId || '' = 'abc'"
        delete_beside(sessions, dynamodb, requests_of, where, "a", n={"N": "1"},
                      userId={"S": "abc"}, expireTime={"N": "9000000000000"})


@pytest.mark.parametrize(
    "where",
    ["userId IN ('abc', 'x')", "userId = 'abc' OR userId = 'x'", "n IN (SELECT 1 UNION SELECT 3)"],
)
def test_in_on_another_column_is_one_scan(sessions, requests_of, where):
    rows = sessions.execute(f"SELECT sid FROM s WHERE {where} ORDER BY sid").fetchall()
    assert rows == [("a",), ("c",)]
    assert [request["operation"] for request in requests_of(sessions)] == ["Scan"]


def test_range_of_text_against_a_parameter_is_filtered_by_dynamodb(sessions, requests_of):
    rows = sessions.execute("SELECT sid FROM s WHERE userId >= ? ORDER BY sid", ["abd"]).fetchall()
    assert rows == [("b",), ("c",)]
    assert requests_of(sessions)[-1]["items"] == 2


def test_key_and_pushed_condition_together_stay_silent_when_it_holds_no_more(sessions, dynamodb,
                                                                            requests_of):
    sessions.execute("BEGIN")
    sessions.execute("DELETE FROM s WHERE sid = 'a' AND n < 2")
    operations = [request["operation"] for request in requests_of(sessions)]
    assert operations == ["GetItem"]
    table = requests_of(sessions)[-1]["table_name"]
    dynamodb.put_item(TableName=table, Item=session("a", n={"N": "7"}))
    sessions.execute("COMMIT")
    assert left(sessions) == ["a", "b", "c", "d"]


@pytest.mark.parametrize("count", MANY)
def test_tables_of_more_columns_than_sqlite_has_bits(connect, make_table, count):
    table = make_table("sessionId", items=[session("a"), session("b")])
    connection = connect()
    columns = ", ".join(f"c{i} TEXT" for i in range(count))
    connection.execute(
        f"CREATE VIRTUAL TABLE temp.s USING dynamodb_sessions(table='{table}', {columns})"
    )
    last = f"c{count - 1}"
    assert connection.execute(f"UPDATE s SET {last} = 'x' WHERE sid = 'a'").rowcount == 1
    assert connection.execute(f"UPDATE s SET c0 = 'y' WHERE {last} = 'x'").rowcount == 1
    assert connection.execute(f"SELECT sid, c0 FROM s WHERE {last} = 'x'").fetchall() == [
        ("a", "y")
    ]
    assert connection.execute(f"DELETE FROM s WHERE {last} = 'x'").rowcount == 1
    assert left(connection) == ["b"]


def test_writes_of_a_table_whose_creation_was_rolled_back_are_not_sent(connect, make_table,
                                                                      requests_of):
    table = make_table("sessionId")
    connection = connect()
    create = f"CREATE VIRTUAL TABLE temp.s USING dynamodb_sessions(table='{table}')"
    insert = "INSERT INTO s(sid, session) VALUES ('{}', '{{}}')"
    for sql in ["BEGIN", "SAVEPOINT a", create, insert.format("ghost"), "ROLLBACK TO a", "COMMIT"]:
        connection.execute(sql)
    assert requests_of(connection) == []
    for sql in ["BEGIN", create, "SAVEPOINT b", insert.format("lost"), "ROLLBACK TO b",
                insert.format("real"), "COMMIT"]:
        connection.execute(sql)
    assert left(connection) == ["real"]


@pytest.mark.parametrize(
    "statements",
    [
        ["CREATE TABLE zz(x)", "INSERT", "ALTER TABLE zz RENAME TO z3"],
        ["INSERT INTO o VALUES (1)", "INSERT", "ALTER TABLE o ADD COLUMN y"],
        ["INSERT INTO o VALUES (1)", "INSERT", "ALTER TABLE o ADD COLUMN y", "INSERT"],
    ],
)
def test_a_schema_that_is_loaded_anew_loses_no_write(connect, make_table, tmp_path, statements):
    table = make_table("sessionId")
    file = str(tmp_path / "local.sqlite")
    first = connect(file)
    first.execute("CREATE TABLE o(x)")
    first.execute(f"CREATE VIRTUAL TABLE s USING dynamodb_sessions(table='{table}')")
    first.close()
    connection = connect(file)
    connection.execute("BEGIN")
    expected = []
    for sql in statements:
        if sql == "INSERT":
            expected.append(f"s{len(expected)}")
            connection.execute("INSERT INTO s(sid, session) VALUES (?, '{}')", [expected[-1]])
        else:
            connection.execute(sql)
    connection.execute("COMMIT")
    assert left(connection) == expected


@pytest.mark.parametrize(
    "change",
    ["ALTER TABLE o ADD COLUMN y", "ALTER TABLE o RENAME TO p", "ALTER TABLE o DROP COLUMN z",
     "PRAGMA writable_schema = RESET"],
)
def test_a_created_table_and_a_schema_loaded_anew_lose_no_write(connect, make_table, dynamodb,
                                                                change):
    """Whether SQLite connects the table anew differs by version: sent, or refused aloud."""
    table = make_table("sessionId")
    connection = connect()
    connection.execute("CREATE TABLE o(x, z)")
    connection.execute("BEGIN")
    connection.execute(f"CREATE VIRTUAL TABLE s USING dynamodb_sessions(table='{table}')")
    connection.execute("INSERT INTO s(sid, session) VALUES ('a', '{}')")
    connection.execute(change)
    sent = ["a"]
    try:
        connection.execute("COMMIT")
    except sqlite3.OperationalError as error:
        assert "create it before BEGIN" in str(error)
        sent = []
    assert not connection.in_transaction
    items = dynamodb.scan(TableName=table)["Items"]
    assert [item["sessionId"]["S"] for item in items] == sent


def test_create_table_refuses_a_table_with_another_key(connect, make_table, dynamodb):
    table = make_table("id")
    connection = connect()
    connection.execute(f"CREATE VIRTUAL TABLE temp.s USING dynamodb_sessions(table='{table}')")
    with pytest.raises(sqlite3.OperationalError, match=r"its key is id \(S\), not the layout's"):
        connection.execute("SELECT dynamodb_create_table('s')").fetchall()
    ttl = dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    assert ttl["TimeToLiveStatus"] == "DISABLED"


@pytest.mark.parametrize("pace", [1e-300, 0, -1, 1e12])
def test_reap_refuses_a_pace_that_means_nothing(sessions, pace):
    with pytest.raises(sqlite3.Error, match="must be a number from 0.001"):
        sessions.execute("SELECT dynamodb_reap('s', ?)", [pace]).fetchall()


LOAD_BESIDE_A_FUNCTION_OF_THE_HOST = """
import sqlite3, sys
connection = sqlite3.connect(":memory:", isolation_level=None)
connection.create_function("dynamodb_touch", 2, lambda name, sid: "host")
connection.execute("CREATE TABLE t AS SELECT 1 AS a UNION SELECT 2")
cursor = connection.execute("SELECT a FROM t")
cursor.fetchone()
connection.enable_load_extension(True)
try:
    connection.load_extension(sys.argv[1])
except sqlite3.OperationalError as error:
    print(error)
cursor.close()
for sql in ["SELECT dynamodb_version()", "SELECT * FROM dynamodb_layouts"]:
    try:
        connection.execute(sql)
    except sqlite3.OperationalError as error:
        print(error)
connection.load_extension(sys.argv[1])
print(len(connection.execute("SELECT * FROM dynamodb_layouts").fetchall()))
"""


def test_a_load_that_fails_leaves_nothing_behind(host_environment, extension):
    result = subprocess.run(
        [sys.executable, "-c", LOAD_BESIDE_A_FUNCTION_OF_THE_HOST, str(extension)],
        env=host_environment(), capture_output=True, text=True, timeout=60,
    )
    assert (result.returncode, result.stderr) == (0, "")
    lines = result.stdout.splitlines()
    assert "unable to delete/modify user-function" in lines[0]
    assert lines[1:] == ["no such function: dynamodb_version", "no such table: dynamodb_layouts",
                         "3"]
