"""What one statement sends: the requests of its loops, counted, and what they remember.

Rows are always held against an ordinary copy of the table, so that a request that was saved never
costs a row.
"""

import collections
import json
import re
import time

import pytest
from scripted_endpoint import Response, aws_error, ten_pages
from session_table import CONNECT, LATER, SERVERLESS, refused
from session_table import SessionTable as UsualTable

EXTRAS = ("userId TEXT", "n INTEGER")
SESSIONS = 40


class SessionTable(UsualTable):
    """As a user creates it: its first Scan asks for the size."""
    usual_arguments = ()


def put_all(dynamodb, table, items):
    """By BatchWriteItem, 25 at a time."""
    for start in range(0, len(items), 25):
        requests = [{"PutRequest": {"Item": item}} for item in items[start:start + 25]]
        dynamodb.batch_write_item(RequestItems={table.name: requests})


def fill(table, count, **attributes):
    items = [
        table.layout.item(
            f"s{i}", json.dumps({"v": i, "group": i % 10}), LATER + i,
            userId={"S": f"u{i % 10}"}, n={"N": str(i)}, **attributes)
        for i in range(count)
    ]
    put_all(table.dynamodb, table, items)
    return table


@pytest.fixture
def sessions(dynamodb, connect, make_table):
    """s0 … s39 of ten users on the server, and a local table of the same rows."""
    table = fill(SessionTable(dynamodb, connect(), make_table, SERVERLESS, *EXTRAS), SESSIONS)
    table.sql("CREATE TABLE copy(sid TEXT, session TEXT, expires NUMERIC, userId TEXT, n INTEGER)")
    table.connection.executemany(
        "INSERT INTO copy VALUES (?, ?, ?, ?, ?)",
        [(f"s{i}", json.dumps({"v": i, "group": i % 10}), LATER + i, f"u{i % 10}", i)
         for i in range(SESSIONS)])
    return table


def counted(table, statement, *parameters):
    """The rows of a statement, and how often it sent each operation."""
    since = table.last_request()
    rows = table.rows(statement, *parameters)
    return rows, collections.Counter(table.operations(since))


def requests(table, since=0, operation=None):
    """Request lines in words of what was sent since."""
    return [
        words for name, words in table.rows(
            "SELECT operation, request FROM dynamodb_requests WHERE id > ? ORDER BY id", since)
        if operation in (None, name)
    ]


def compare(table, statement, *parameters):
    """The same statement on the copy gives the same rows; how often it sent each operation."""
    rows, sent = counted(table, statement, *parameters)
    expected = table.rows(statement.replace("sessions", "copy"), *parameters)
    assert sorted(rows, key=repr) == sorted(expected, key=repr)
    assert rows, "the statement must find something"
    return sent


def steps(reading, count):
    """The next rows, but for one that Python's module may have fetched ahead, and one more to keep
    the others in pairs."""
    next(reading), next(reading)
    return [next(reading) for _ in range(count)]


def local(table, name, values, kind="TEXT"):
    table.sql(f"CREATE TABLE {name}(v {kind}, i INTEGER PRIMARY KEY)")
    table.connection.executemany(f"INSERT INTO {name}(v) VALUES (?)", [(v,) for v in values])


# ---- by key -----------------------------------------------------------------------------------


def test_a_point_read_is_one_request(sessions):
    assert compare(sessions, "SELECT * FROM sessions WHERE sid = 's7'") == {"GetItem": 1}


def test_a_join_on_sid_asks_once_for_each_key(sessions):
    """500 local rows on 300 distinct sids, of which 40 exist: absence is remembered too."""
    local(sessions, "l", [f"s{(i * 7) % 300}" for i in range(500)])
    statement = "SELECT l.i, sid, n FROM l CROSS JOIN sessions ON sid = l.v"
    assert compare(sessions, statement) == {"GetItem": 300}
    # Nothing outlives the statement.
    assert compare(sessions, statement) == {"GetItem": 300}


@pytest.mark.parametrize("statement", [
    "SELECT i, (SELECT n FROM sessions WHERE sid = l.v) FROM l",
    "SELECT i FROM l WHERE EXISTS (SELECT 1 FROM sessions WHERE sid = l.v AND n < 20)",
    "SELECT i, n FROM l LEFT JOIN sessions ON sid = l.v",
])
def test_a_subquery_by_key_remembers_as_well(sessions, statement):
    """Before SQLite 3.47 or so each run of a correlated subquery opens a cursor of its own."""
    local(sessions, "l", [f"s{i % 50}" for i in range(150)])
    assert compare(sessions, statement) == {"GetItem": 50}


def test_a_statement_that_is_run_again_asks_anew(sessions):
    local(sessions, "l", ["s1", "s1"])
    statement = "SELECT n FROM l CROSS JOIN sessions ON sid = l.v"
    assert counted(sessions, statement) == ([(1,), (1,)], {"GetItem": 1})
    sessions.change("s1", "n = :n", n={"N": "77"})
    assert counted(sessions, statement) == ([(77,), (77,)], {"GetItem": 1})


def test_another_statement_asks_for_itself(sessions):
    """Statements with the same words run side by side, one of them held open."""
    local(sessions, "l", ["s1", "s2"])
    statement = "SELECT n FROM l CROSS JOIN sessions ON sid = l.v"
    held = sessions.connection.cursor().execute(statement + " -- held")
    assert next(held) == (1,)
    for n in range(3):
        sessions.change("s1", "n = :n", n={"N": str(100 + n)})
        assert counted(sessions, f"{statement} -- {n}") == ([(100 + n,), (2,)], {"GetItem": 2})
    assert next(held) == (2,)
    held.close()


def test_both_cursors_of_a_self_join_are_loops_of_their_own(sessions):
    local(sessions, "l", ["s1", "s2", "s1"])
    sent = compare(sessions, "SELECT a.n, b.session FROM l CROSS JOIN sessions a ON a.sid = l.v "
                             "CROSS JOIN sessions b ON b.sid = a.sid")
    assert sent == {"GetItem": 4}


def test_a_recursive_query_remembers_its_keys(sessions):
    sent = compare(sessions, "WITH RECURSIVE walk(sid, depth) AS (SELECT 's0', 0 UNION ALL SELECT "
                             "'s' || ((s.n + 1) % 3), depth + 1 FROM walk CROSS JOIN sessions s ON "
                             "s.sid = walk.sid WHERE depth < 20) SELECT sid, depth FROM walk")
    assert sent == {"GetItem": 3}


def test_own_writes_show_though_the_key_was_remembered(sessions):
    """Written by another statement while the loop runs; sent, and then changed by somebody else."""
    local(sessions, "l", ["s1", "none"] * 8)
    reading = sessions.connection.cursor().execute(
        "SELECT n FROM l LEFT JOIN sessions ON sid = l.v ORDER BY l.i")
    assert [next(reading), next(reading)] == [(1,), (None,)]
    sessions.sql("BEGIN")
    sessions.sql("UPDATE sessions SET n = 50 WHERE sid = 's1'")
    sessions.sql("INSERT INTO sessions(sid, session, n) VALUES ('none', '{}', 60)")
    assert steps(reading, 2) == [(50,), (60,)]
    sessions.sql("COMMIT")
    assert steps(reading, 2) == [(50,), (60,)]
    sessions.sql("DELETE FROM sessions WHERE sid IN ('s1', 'none')")
    assert steps(reading, 2) == [(None,), (None,)]


# ---- lists of keys ----------------------------------------------------------------------------


def quoted(sids):
    return ", ".join("'%s'" % sid for sid in sids)


def test_a_list_of_250_keys_is_three_requests(sessions):
    keys = quoted(f"s{i}" for i in range(250))
    sent = compare(sessions, f"SELECT * FROM sessions WHERE sid IN ({keys})")
    assert sent == {"BatchGetItem": 3}


def test_a_list_of_500_local_keys_is_five_requests(sessions):
    local(sessions, "l", [f"s{i}" for i in range(500)])
    sent = compare(sessions, "SELECT sid, n FROM sessions WHERE sid IN (SELECT v FROM l)")
    assert sent == {"BatchGetItem": 5}


def test_a_list_holds_what_can_be_a_key_and_each_once(sessions):
    local(sessions, "l", ["s1", "s1", None, "", "x" * 2049, "é", "s2"] * 30)
    sent = compare(sessions, "SELECT sid, n FROM sessions WHERE sid IN (SELECT v FROM l)")
    assert sent == {"BatchGetItem": 1}


@pytest.mark.parametrize("values", [["s3"], ["s3", "s3"], ["s3", None, ""]])
def test_a_list_of_one_key_is_a_point_read(sessions, values):
    local(sessions, "l", values)
    sent = compare(sessions, "SELECT sid, n FROM sessions WHERE sid IN (SELECT v FROM l)")
    assert sent == {"GetItem": 1}


def test_a_list_without_a_key_asks_for_nothing(sessions):
    local(sessions, "l", [None, "", "x" * 3000])
    assert counted(sessions, "SELECT sid FROM sessions WHERE sid IN (SELECT v FROM l)") == ([], {})


def test_a_list_with_a_number_is_a_scan(sessions):
    """SQLite compares a number with a text key by other rules than bytes."""
    for sid in ("12", "012", "12.0"):
        sessions.put(sid, "{}", LATER)
        sessions.sql("INSERT INTO copy(sid) VALUES (?)", sid)
    local(sessions, "l", [12, 13], "INTEGER")
    sent = compare(sessions, "SELECT sid FROM sessions WHERE sid IN (SELECT v FROM l)")
    assert sent == {"DescribeTable": 1, "Scan": 1}


def test_a_list_that_is_read_again_asks_for_what_is_new(sessions):
    """The lists of a correlated subquery overlap: 0 to 9, 5 to 14, … 45 to 54."""
    local(sessions, "l", [5 * i for i in range(10)], "INTEGER")
    local(sessions, "keys", [f"s{i}" for i in range(55)])
    sent = compare(sessions, "SELECT l.i, (SELECT sum(n) FROM sessions WHERE sid IN (SELECT v FROM "
                             "keys WHERE i - 1 BETWEEN l.v AND l.v + 9)) FROM l")
    assert sent == {"BatchGetItem": 10}


def test_a_list_in_a_transaction_shows_its_writes(sessions):
    sessions.sql("BEGIN")
    for table in ("sessions", "copy"):
        sessions.sql(f"UPDATE {table} SET n = 90 WHERE sid = 's1'")
        sessions.sql(f"DELETE FROM {table} WHERE sid = 's2'")
        sessions.sql(f"INSERT INTO {table}(sid, session, n) VALUES ('new', '{{}}', 91)")
    sessions.sql("INSERT OR IGNORE INTO sessions(sid, session, n) VALUES ('s3', '{}', 92)")
    sent = compare(sessions, "SELECT sid, n FROM sessions WHERE sid IN ('s1', 's2', 's3', 's4', "
                             "'new', 'none')")
    assert sent == {"BatchGetItem": 1}
    sent = compare(sessions, "SELECT sid, n FROM sessions WHERE sid IN ('s1', 's2', 'new')")
    assert sent == {}
    assert not set(sessions.operations()) & {"PutItem", "UpdateItem", "TransactWriteItems"}


# ---- Scans ------------------------------------------------------------------------------------


def test_a_left_join_on_a_json_path_is_two_scans(sessions):
    local(sessions, "l", [i % 12 for i in range(100)], "INTEGER")
    statement = ("SELECT l.i, s.sid FROM l LEFT JOIN sessions s "
                 "ON json_extract(s.session, '$.group') = l.v")
    assert compare(sessions, statement) == {"DescribeTable": 1, "Scan": 2}
    assert compare(sessions, statement) == {"Scan": 2}


def test_a_join_on_an_extra_column_is_two_scans(sessions):
    """The filter of the second one differs from the first's: it is left out, and all is kept."""
    local(sessions, "l", [f"u{i % 12}" for i in range(100)])
    since = sessions.last_request()
    sent = compare(sessions, "SELECT l.i, s.sid FROM l CROSS JOIN sessions s ON s.userId = l.v")
    assert sent == {"DescribeTable": 1, "Scan": 2}
    scans = requests(sessions, since, "Scan")
    assert "userId" in scans[0].split(";")[0] and scans[1].startswith("all items")


@pytest.mark.parametrize("statement", [
    "SELECT i FROM l WHERE EXISTS (SELECT 1 FROM sessions "
    "WHERE json_extract(session, '$.group') = l.v)",
    "SELECT i, (SELECT count(*) FROM sessions WHERE json_extract(session, '$.v') > l.v) FROM l",
])
def test_a_correlated_subquery_is_two_scans(sessions, statement):
    """One that stops at the first row that it finds keeps what came, and reads on from there."""
    local(sessions, "l", [i % 12 for i in range(60)], "INTEGER")
    assert compare(sessions, statement) == {"DescribeTable": 1, "Scan": 2}


def test_both_sides_of_a_self_join_scan_for_themselves(sessions):
    sent = compare(sessions, "SELECT a.sid, b.sid FROM sessions a JOIN sessions b ON "
                             "json_extract(a.session, '$.group') = json_extract(b.session, '$.v')")
    assert sent == {"DescribeTable": 1, "Scan": 3}


def test_a_kept_scan_shows_what_is_written_meanwhile(sessions):
    """Waiting writes lie over it; once they are sent it is read anew."""
    local(sessions, "l", [1] * 12, "INTEGER")
    reading = sessions.connection.cursor().execute(
        "SELECT count(s.sid), sum(s.n) FROM l LEFT JOIN sessions s ON "
        "json_extract(s.session, '$.group') = l.v GROUP BY l.i")
    assert [next(reading) for _ in range(3)] == [(4, 64)] * 3
    sessions.sql("BEGIN")
    sessions.sql("DELETE FROM sessions WHERE sid = 's1'")
    sessions.sql("INSERT INTO sessions(sid, session, n) VALUES ('new', '{\"group\":1}', 7)")
    sessions.sql(
        "INSERT OR IGNORE INTO sessions(sid, session, n) VALUES ('s11', '{\"group\":1}', 9)")
    assert steps(reading, 2) == [(4, 70)] * 2
    sessions.sql("COMMIT")
    sessions.change("s21", "n = :n", n={"N": "1021"})
    assert steps(reading, 2) == [(4, 1070)] * 2
    reading.close()


def test_statements_that_are_interleaved_keep_their_own(sessions):
    local(sessions, "l", [1] * 6, "INTEGER")
    statement = ("SELECT count(s.sid), max(s.n) FROM l LEFT JOIN sessions s ON "
                 "json_extract(s.session, '$.group') = l.v GROUP BY l.i")
    first = sessions.connection.cursor().execute(statement)
    assert [next(first) for _ in range(3)] == [(4, 31)] * 3
    sessions.change("s31", "n = :n", n={"N": "500"})
    second = sessions.connection.cursor().execute(statement)
    for _ in range(3):
        assert next(first) == (4, 31)
        assert next(second) == (4, 500)
    first.close()
    assert [next(second) for _ in range(3)] == [(4, 500)] * 3
    assert sessions.rows(statement) == [(4, 500)] * 6


def test_a_statement_that_was_reset_keeps_nothing(sessions):
    local(sessions, "l", [1] * 6, "INTEGER")
    statement = ("SELECT count(s.sid), max(s.n) FROM l LEFT JOIN sessions s ON "
                 "json_extract(s.session, '$.group') = l.v GROUP BY l.i")
    cursor = sessions.connection.cursor()
    for n in (31, 600, 700):
        sessions.change("s31", "n = :n", n={"N": str(n)})
        cursor.execute(statement)  # resets what ran
        assert [next(cursor) for _ in range(3)] == [(4, n)] * 3


@pytest.fixture
def large(dynamodb, connect, make_table):
    """Ten pages: 10 MB of sessions of 100 KB."""
    table = SessionTable(dynamodb, connect(), make_table, CONNECT)
    for i in range(100):
        table.put(f"s{i}", json.dumps({"v": i, "filler": "x" * 102000}), LATER)
    return table


def test_a_count_of_ten_pages_is_ten_scans(large):
    rows, sent = counted(large, "SELECT count(*) FROM sessions")
    assert rows == [(100,)]
    assert sent["DescribeTable"] == 1 and 10 <= sent["Scan"] <= 11, sent
    rows, again = counted(large, "SELECT count(*) FROM sessions")
    assert again == {"Scan": sent["Scan"]}


def test_a_scan_that_outgrows_memory_says_what_to_write(connect, scripted_endpoint):
    """More than 64 MB: 90 pages of 800 KB, which an endpoint makes up."""
    def answer(request):
        if request.operation != "Scan":
            return Response(json={"Table": {"TableStatus": "ACTIVE", "TableSizeBytes": 1}})
        page = int(request.json().get("ExclusiveStartKey", {"id": {"S": "0"}})["id"]["S"])
        items = [{"id": {"S": f"sess:{page}-{i}"},
                  "sess": {"S": json.dumps({"v": page, "filler": "x" * 100000})}} for i in range(8)]
        more = {"LastEvaluatedKey": {"id": {"S": str(page + 1)}}} if page < 89 else {}
        return Response(json={"Items": items, "Count": 8, "ScannedCount": 8, **more})

    scripted_endpoint.handler = answer
    connection = connect()
    connection.execute(
        "CREATE VIRTUAL TABLE temp.sessions USING dynamodb_sessions(table='t', "
        f"layout='connect-dynamodb', endpoint_url='{scripted_endpoint.url}')")
    connection.execute("CREATE TABLE l(v)")
    connection.execute("INSERT INTO l VALUES (1), (2), (3)")
    with refused("SQLITE_TOOBIG", "more than 64 MB", "AS MATERIALIZED (SELECT"):
        connection.execute("SELECT count(s.sid) FROM l LEFT JOIN sessions s "
                           "ON json_extract(s.session, '$.v') = l.v").fetchall()
    assert connection.execute(
        "WITH s AS MATERIALIZED (SELECT json_extract(session, '$.v') AS v FROM sessions) "
        "SELECT count(*) FROM l LEFT JOIN s ON s.v = l.v").fetchall() == [(24,)]


# ---- indexes ----------------------------------------------------------------------------------


def index(name, hash_key, kind="S", sort_key=None, **projection):
    return name, hash_key, kind, sort_key, projection or {"ProjectionType": "ALL"}


INDEXES = [
    index("by-user", "userId"),
    index("by-user-keys", "userId", ProjectionType="KEYS_ONLY"),
    index("by-user-some", "userId", ProjectionType="INCLUDE", NonKeyAttributes=["n"]),
    index("by-n", "n", "N"),
    index("by-user-and-n", "userId", sort_key="n"),
]


@pytest.fixture
def indexed(dynamodb, connect, table_name):
    """The same rows as `sessions` in a table with secondary indexes."""
    def make_table(hash_key, name=table_name):
        kinds = {hash_key: "S", **{key: kind for _, key, kind, _, _ in INDEXES}}
        dynamodb.create_table(
            TableName=name,
            KeySchema=[{"AttributeName": hash_key, "KeyType": "HASH"}],
            AttributeDefinitions=[
                {"AttributeName": key, "AttributeType": kind} for key, kind in kinds.items()],
            GlobalSecondaryIndexes=[
                {"IndexName": name, "Projection": projection,
                 "KeySchema": [{"AttributeName": attribute, "KeyType": role} for attribute, role
                               in ((key, "HASH"), (sort_key, "RANGE")) if attribute]}
                for name, key, _, sort_key, projection in INDEXES],
            BillingMode="PAY_PER_REQUEST")
        return name

    table = SessionTable(dynamodb, connect(), make_table, SERVERLESS, *EXTRAS)
    table.sql("DROP TABLE sessions")
    table.sql("CREATE TABLE copy(sid TEXT, session TEXT, expires NUMERIC, userId TEXT, n INTEGER)")
    fill(table, SESSIONS)
    table.connection.executemany(
        "INSERT INTO copy VALUES (?, ?, ?, ?, ?)",
        [(f"s{i}", json.dumps({"v": i, "group": i % 10}), LATER + i, f"u{i % 10}", i)
         for i in range(SESSIONS)])

    def use(name, *options):
        table.create(table.connection, "sessions", *EXTRAS, f"index='{name}'", *options)
        return table
    return use


ALL = "SELECT * FROM sessions WHERE userId = 'u3'"


@pytest.mark.parametrize(("name", "statement", "sent"), [
    ("by-user(userId)", ALL, {"DescribeTable": 1, "Query": 1}),
    ("by-user(userId)", "SELECT sid FROM sessions WHERE userId = 'u3'",
     {"DescribeTable": 1, "Query": 1}),
    ("by-user-keys(userId)", "SELECT sid, userId FROM sessions WHERE userId = 'u3'",
     {"DescribeTable": 1, "Query": 1}),
    ("by-user-and-n(userId, n)", ALL, {"DescribeTable": 1, "Query": 1}),
    ("by-user-and-n(userId, n)", ALL + " AND n BETWEEN 12 AND 14 AND expires > 5",
     {"DescribeTable": 1, "Query": 1}),
    ("by-user-keys(userId)", ALL, {"DescribeTable": 1, "Query": 1, "BatchGetItem": 1}),
    ("by-user-some(userId)", "SELECT sid, n FROM sessions WHERE userId = 'u3' AND n > 4",
     {"DescribeTable": 1, "Query": 1}),
    ("by-user-some(userId)", ALL, {"DescribeTable": 1, "Query": 1, "BatchGetItem": 1}),
    ("by-user(userId)", ALL + " AND expires > 4000000010 AND n IN (13, 23)",
     {"DescribeTable": 1, "Query": 1}),
    ("by-n(n)", "SELECT sid, n FROM sessions WHERE n = 7", {"DescribeTable": 1, "Query": 1}),
])
def test_a_query_reads_what_the_index_holds(indexed, name, statement, sent):
    assert compare(indexed(name), statement) == sent


def test_a_join_on_an_index_keeps_what_it_reads_again(indexed):
    """Asked twice for each key, and then served."""
    table = indexed("by-user(userId)")
    local(table, "l", [f"u{i % 5}" for i in range(40)])
    sent = compare(table, "SELECT l.i, s.* FROM l CROSS JOIN sessions s ON s.userId = l.v")
    assert sent == {"DescribeTable": 1, "Query": 10}


@pytest.mark.parametrize("name", ["by-user(userId)", "by-user-keys(userId)"])
def test_a_transaction_reads_what_an_index_gives_again(indexed, name):
    table = indexed(name)
    table.sql("BEGIN")
    for target in ("sessions", "copy"):
        table.sql(f"UPDATE {target} SET n = 99 WHERE sid = 's13'")
        table.sql(f"UPDATE {target} SET userId = 'u3' WHERE sid = 's1'")
        table.sql(f"DELETE FROM {target} WHERE sid = 's23'")
        table.sql(f"INSERT INTO {target}(sid, session, userId) VALUES ('new', '{{}}', 'u3')")
    since = table.last_request()
    sent = compare(table, "SELECT sid, n, userId FROM sessions WHERE userId = 'u3'")
    assert sent["Query"] == 1 and sent["BatchGetItem"] == 1
    assert "consistent" in requests(table, since, "BatchGetItem")[0]
    assert "consistent" not in requests(table, since, "Query")[0]


def wait_for_index(table, name):
    deadline = time.monotonic() + 60
    while True:
        described = table.dynamodb.describe_table(TableName=table.name)["Table"]
        found = [i for i in described["GlobalSecondaryIndexes"] if i["IndexName"] == name]
        if found and found[0]["IndexStatus"] == "ACTIVE":
            return
        assert time.monotonic() < deadline, described
        time.sleep(0.1)


@pytest.mark.parametrize("statement", [ALL, "SELECT sid FROM sessions WHERE userId = 'u3'"])
@pytest.mark.parametrize(("name", "reason"), [
    ("by-nobody(userId)", "no index of this name"),
    ("By-User(userId)", "no index of this name"),
    ("by-n(userId)", "another hash key"),
    ("by-user(userId, n)", "another sort key, or none"),
    ("by-user-and-n(userId)", "index='by-user-and-n(userId, n)'"),
])
def test_an_index_that_is_not_there_is_an_error(indexed, name, reason, statement):
    with refused("SQLITE_ERROR", reason, "leave") as caught:
        indexed(name).rows(statement)
    listed = str(caught.value).partition("; its indexes: ")[2]
    if "index=" not in reason:
        assert sorted(re.findall(r"[\w-]+\([\w, ]+\)", listed)) == [
            "by-n(n)", "by-user(userId)", "by-user-and-n(userId, n)", "by-user-keys(userId)",
            "by-user-some(userId)"]


def test_a_table_without_an_index_says_so(watched):
    table = watched("index='by-user(userId)'")
    with refused("SQLITE_ERROR", "no index of this name", "it has no index at all"):
        table.rows(ALL)


def test_an_index_that_comes_later_is_found(indexed):
    """What was described before it was there is not held against it."""
    table = indexed("later(userId)")
    assert counted(table, "SELECT count(*) FROM sessions")[1] == {"DescribeTable": 1, "Scan": 1}
    table.dynamodb.update_table(
        TableName=table.name,
        AttributeDefinitions=[{"AttributeName": "userId", "AttributeType": "S"}],
        GlobalSecondaryIndexUpdates=[{"Create": {
            "IndexName": "later", "Projection": {"ProjectionType": "ALL"},
            "KeySchema": [{"AttributeName": "userId", "KeyType": "HASH"}]}}])
    wait_for_index(table, "later")
    assert compare(table, ALL) == {"DescribeTable": 1, "Query": 1}
    assert compare(table, ALL) == {"Query": 1}


# ---- what may be asked, and how ---------------------------------------------------------------


@pytest.fixture
def watched(connect, make_table, dynamodb, scripted_endpoint):
    """watched(*options): the sessions, asked through an endpoint that sees what is sent."""
    def make(*options):
        table = SessionTable(dynamodb, connect(), make_table, SERVERLESS)
        fill(table, SESSIONS)
        table.sql("DROP TABLE sessions")
        table.create(table.connection, "sessions", *EXTRAS,
                     f"endpoint_url='{scripted_endpoint.url}'", *options)
        table.endpoint = scripted_endpoint
        return table
    return make


def consistency(table, statement, *parameters):
    """ConsistentRead of each read that a statement sends, by operation."""
    before = len(table.endpoint.requests)
    table.rows(statement, *parameters)
    flags = []
    for request in table.endpoint.requests[before:]:
        body = request.json()
        body = next(iter(body["RequestItems"].values())) if "RequestItems" in body else body
        if "ConsistentRead" in body:
            flags.append((request.operation, body["ConsistentRead"]))
    return flags


POINT = "SELECT n FROM sessions WHERE sid = 's1'"
LIST = "SELECT n FROM sessions WHERE sid IN ('s1', 's2')"
ANY = "SELECT n FROM sessions WHERE n > 5"


@pytest.mark.parametrize(("option", "point", "scan"), [
    ("consistent_read=auto", True, False),
    ("consistent_read=1", True, True),
    ("consistent_read=0", False, False),
])
def test_reads_are_as_consistent_as_they_are_asked_to_be(watched, option, point, scan):
    table = watched(option)
    assert consistency(table, POINT) == [("GetItem", point)]
    assert consistency(table, LIST) == [("BatchGetItem", point)]
    assert consistency(table, ANY) == [("Scan", scan)]


def test_a_scan_is_consistent_while_and_after_the_connection_writes(watched):
    table = watched()
    assert consistency(table, ANY) == [("Scan", False)]
    assert consistency(table, "UPDATE sessions SET n = 6 WHERE n = 100000") == [("Scan", True)]
    assert consistency(table, "DELETE FROM sessions WHERE n = 100000") == [("Scan", True)]
    # Neither wrote a row.
    assert consistency(table, ANY) == [("Scan", False)]
    table.sql("BEGIN")
    table.sql("UPDATE sessions SET n = 7 WHERE sid = 's7'")
    assert consistency(table, ANY) == [("Scan", True)]
    table.sql("ROLLBACK")
    assert consistency(table, ANY) == [("Scan", False)]
    table.sql("UPDATE sessions SET n = 8 WHERE sid = 's7'")
    assert consistency(table, ANY) == [("Scan", True)]
    other = table.create(table.connection, "others", f"endpoint_url='{table.endpoint.url}'")
    assert other and consistency(table, "SELECT sid FROM others") == [("Scan", True)]


def access_denied(request):
    if request.operation == "DescribeTable":
        return aws_error("AccessDeniedException", "not authorized to perform DescribeTable")
    return None


def test_who_may_not_describe_a_table_reads_it_all_the_same(watched):
    table = watched()
    table.endpoint.handler = access_denied
    for expected in ({"DescribeTable": 1, "Scan": 1}, {"Scan": 1}):
        rows, sent = counted(table, "SELECT count(*) FROM sessions")
        assert rows == [(SESSIONS,)] and sent == expected


def test_an_index_that_is_made_later_is_found(dynamodb, indexed):
    """What DescribeTable told before is not held against it."""
    table = indexed("by-late(userId)")
    with refused("SQLITE_ERROR", "no index of this name"):
        table.rows(ALL)
    dynamodb.update_table(
        TableName=table.name,
        AttributeDefinitions=[{"AttributeName": "userId", "AttributeType": "S"}],
        GlobalSecondaryIndexUpdates=[{"Create": {
            "IndexName": "by-late", "Projection": {"ProjectionType": "ALL"},
            "KeySchema": [{"AttributeName": "userId", "KeyType": "HASH"}]}}])
    waiting = time.monotonic() + 30
    while any(each["IndexStatus"] != "ACTIVE" for each in dynamodb.describe_table(
            TableName=table.name)["Table"]["GlobalSecondaryIndexes"]):
        assert time.monotonic() < waiting
        time.sleep(0.1)
    assert compare(table, ALL)["Query"] == 1


def test_an_index_that_nobody_describes_gives_keys(indexed, scripted_endpoint):
    table = indexed("by-user(userId)", f"endpoint_url='{scripted_endpoint.url}'")
    scripted_endpoint.handler = access_denied
    assert compare(table, ALL) == {"DescribeTable": 1, "Query": 1, "BatchGetItem": 1}
    assert compare(table, ALL) == {"Query": 1, "BatchGetItem": 1}


@pytest.mark.parametrize("is_described", [True, False])
def test_a_value_that_is_no_key_of_the_index_is_looked_for_by_a_scan(
        indexed, scripted_endpoint, is_described):
    """n is a number in the index, and TEXT in this table."""
    table = indexed("by-user(userId)")
    table.sql("DROP TABLE sessions")
    scripted_endpoint.handler = None if is_described else access_denied
    table.create(table.connection, "sessions", "n TEXT", "index='by-n(n)'",
                 f"endpoint_url='{scripted_endpoint.url}'")
    rows, sent = counted(table, "SELECT sid, session, n FROM sessions WHERE n = '7'")
    assert [row[0] for row in rows] == ["s7"]
    assert sent == {"DescribeTable": 1, "Scan": 1, **({} if is_described else {"Query": 1})}


def test_segments_that_are_given_need_no_asking(watched):
    table = watched("total_segments=3")
    assert compare_count(table) == {"Scan": 3}
    segments = [request.json() for request in table.endpoint.requests]
    assert sorted(body["Segment"] for body in segments) == [0, 1, 2]
    assert {body["TotalSegments"] for body in segments} == {3}


def compare_count(table):
    rows, sent = counted(table, "SELECT count(*) FROM sessions")
    assert rows == [(SESSIONS,)]
    return sent


def test_the_size_chooses_the_segments(watched):
    table = watched()
    table.endpoint.handler = lambda request: Response(json={"Table": {
        "TableStatus": "ACTIVE", "TableSizeBytes": 126_000_000,
    }}) if request.operation == "DescribeTable" else None
    assert compare_count(table) == {"DescribeTable": 1, "Scan": 4}
    assert compare_count(table) == {"Scan": 4}


@pytest.mark.parametrize("statement", [
    "SELECT * FROM sessions LIMIT 10", "SELECT sid FROM sessions LIMIT 5 OFFSET 3"])
def test_a_limit_is_one_request_and_asks_for_no_size(watched, statement):
    table = watched()
    assert len(table.rows(statement)) == (10 if "OFFSET" not in statement else 5)
    assert [request.operation for request in table.endpoint.requests] == ["Scan"]


# ---- what it may cost -------------------------------------------------------------------------


def test_a_statement_stops_at_its_capacity_limit(watched):
    table = watched("capacity_limit=2", "consistent_read=1")
    table.sql("CREATE TABLE l(v)")
    table.connection.executemany("INSERT INTO l VALUES (?)", [(f"s{i}",) for i in range(10)])
    assert table.value(POINT) == 1
    join = "SELECT n FROM l CROSS JOIN sessions ON sid = l.v"
    for _ in range(2):
        before = len(table.endpoint.requests)
        with refused("SQLITE_ERROR", "capacity_limit=2", "2 capacity units were used", "2 request"):
            table.rows(join)
        assert len(table.endpoint.requests) == before + 2
    assert table.value(POINT) == 1


@pytest.mark.parametrize("consistent, requests", [("1", 2), ("0", 4)])
def test_keys_count_before_their_answers_come(watched, consistent, requests):
    """A key is a unit, or half of one, whether or not there is an item."""
    table = watched("capacity_limit=200", f"consistent_read={consistent}")
    units = 200 / requests
    table.endpoint.handler = lambda request: Response(json={
        "Responses": {}, "UnprocessedKeys": {},
        "ConsumedCapacity": [{"TableName": table.name, "CapacityUnits": units}]})
    keys = ("WITH RECURSIVE k(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM k WHERE i < 1600) "
            "SELECT 'nobody-' || i FROM k")
    with refused("SQLITE_ERROR", "was not sent: stopped by capacity_limit=200: 200 capacity units "
                 f"were used by {requests} requests"):
        table.rows(f"SELECT n FROM sessions WHERE sid IN ({keys})")
    sent = [request.operation for request in table.endpoint.requests]
    assert sent == ["BatchGetItem"] * requests  # of 16
    few = keys.replace("1600", "150")
    assert table.rows(f"SELECT n FROM sessions WHERE sid IN ({few})") == []


def test_a_long_statement_tells_how_far_it_is(
        sqlite_shell, fast_clock, scripted_endpoint):
    """Each page takes 2 s of the process's time: a report comes with the third."""
    scripted_endpoint.handler = ten_pages
    run = sqlite_shell(
        "CREATE VIRTUAL TABLE temp.s USING dynamodb_sessions(table='t', total_segments=1, "
        f"layout='connect-dynamodb', endpoint_url='{scripted_endpoint.url}');\n"
        "SELECT count(*) FROM s;\n", "-cmd", ".log stderr", environment=fast_clock(20))
    assert run.returncode == 0, run.stderr
    assert run.stdout == "50\n"
    reports = [line for line in run.stderr.splitlines() if 'reading "t"' in line]
    assert reports, run.stderr
    counts = re.compile(r"\d+ pages?, \d+ items, [\d.]+ capacity units so far")
    assert all(counts.search(report) for report in reports), run.stderr
