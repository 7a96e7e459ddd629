"""Reading: which requests a SELECT sends, which attributes they ask for, what the columns show."""

import base64
import hashlib
import json
import re

import pytest

# Fixed, because they stand in the names of tests: long ago, some time between, far ahead.
PAST, BETWEEN, FUTURE = 1_600_000_000, 2_000_000_000, 4_000_000_000
# No test writes here, so a Scan is eventually consistent unless it says otherwise.
COLUMNS = {"user": "TEXT", "visits": "INTEGER"}


def make_item(sid, expires=FUTURE, session='{"views":1}', **extras):
    item = {"sessionId": {"S": sid}, "session_data": {"S": session}}
    if expires is not None:
        item["expireTime"] = {"N": str(expires * 1000)}
        item["expireTime_TTL"] = {"N": str(expires)}
    return {**item, **extras}


@pytest.fixture
def three(make_table):
    """a and b live, c has expired; b and c have extra attributes."""
    return make_table("sessionId", items=[
        make_item("a"),
        make_item("b", user={"S": "42"}, visits={"N": "7"}),
        make_item("c", PAST, user={"S": "43"}, visits={"N": "8"}),
    ])


@pytest.fixture
def open_table(connect, scripted_endpoint):
    """open_table(table, *arguments): a connection with `s` on it; its requests pass the recording
    endpoint, whose `requests` tell what was really sent."""

    def make(table, *arguments):
        connection = connect()
        words = ", ".join(["table='%s'" % table, "endpoint_url='%s'" % scripted_endpoint.url,
                           "total_segments=1", *arguments])
        connection.execute("CREATE VIRTUAL TABLE temp.s USING dynamodb_sessions(%s)" % words)
        return connection

    return make


@pytest.fixture
def log(requests_of):
    """log(connection): (operation, items, scanned) of each request."""
    return lambda connection: [
        (row["operation"], row["items"], row["scanned"]) for row in requests_of(connection)]


def attributes_of(request):
    """The names in a request's ProjectionExpression; None where it asks for the whole item."""
    body = request.json()
    if "ProjectionExpression" not in body:
        return None
    names = body.get("ExpressionAttributeNames", {})
    return {names.get(name.strip(), name.strip())
            for name in body["ProjectionExpression"].split(",")}


# ---- by key -----------------------------------------------------------------------------------


def test_a_point_read_is_one_consistent_get_item(three, open_table, requests_of, scripted_endpoint):
    connection = open_table(three)
    rows = connection.execute("SELECT sid, session FROM s WHERE sid = 'a'").fetchall()
    assert rows == [("a", '{"views":1}')]
    (request,) = requests_of(connection)
    assert (request["operation"], request["table_name"], request["items"], request["scanned"]) == (
        "GetItem", three, 1, None)
    assert request["request"] == "by key; attributes sessionId, session_data; consistent"
    assert (request["status"], request["error"], request["attempts"]) == (200, None, 1)
    assert request["capacity_units"] == 1.0
    (sent,) = scripted_endpoint.requests
    body = sent.json()
    assert body["Key"] == {"sessionId": {"S": "a"}} and body["ConsistentRead"] is True
    assert attributes_of(sent) == {"sessionId", "session_data"}
    assert request["request_bytes"] == len(sent.body)


def test_a_point_read_of_nothing_is_one_request_without_an_item(three, open_table, log):
    connection = open_table(three)
    assert connection.execute("SELECT * FROM s WHERE sid = 'nobody'").fetchall() == []
    assert log(connection) == [("GetItem", 0, None)]


@pytest.mark.parametrize("where", [
    "sid = NULL", "sid IN (NULL)", "sid = ''", "sid = printf('%.2049c', 'x')",
    "expires < NULL", "user = NULL", "sid = 'a' AND expires > NULL",
])
def test_what_no_row_can_match_sends_nothing(where, three, open_table, log):
    connection = open_table(three, "user TEXT")
    assert connection.execute("SELECT * FROM s WHERE " + where).fetchall() == []
    assert log(connection) == []


def test_a_key_of_2048_bytes_is_asked_for(three, open_table, log):
    connection = open_table(three)
    sql = "SELECT * FROM s WHERE sid = printf('%.2048c', 'x')"
    assert connection.execute(sql).fetchall() == []
    assert log(connection) == [("GetItem", 0, None)]


def test_a_number_is_compared_as_sqlite_compares_it(make_table, open_table, log):
    table = make_table("sessionId", items=[make_item("5"), make_item("05"), make_item("a")])
    connection = open_table(table)
    assert connection.execute("SELECT sid FROM s WHERE sid = 5").fetchall() == [("5",)]
    assert log(connection) == [("Scan", 3, 3)]
    assert connection.execute("SELECT sid FROM s WHERE sid = x'61'").fetchall() == []
    assert connection.execute("SELECT sid FROM s WHERE sid = 'A' COLLATE NOCASE").fetchall() == [
        ("a",)]


def test_in_is_one_batch_of_keys(three, open_table, log):
    connection = open_table(three)
    rows = connection.execute("SELECT sid FROM s WHERE sid IN ('c', 'a', 'zz', 'a') ORDER BY 1")
    assert rows.fetchall() == [("a",), ("c",)]
    assert log(connection) == [("BatchGetItem", 2, None)]


def test_keys_from_another_table_are_asked_for(three, open_table, log):
    connection = open_table(three)
    connection.execute("CREATE TABLE suspects(sid TEXT)")
    connection.executemany("INSERT INTO suspects VALUES (?)", [("a",), ("b",), (None,)])
    select = "SELECT s.sid FROM s WHERE sid IN (SELECT sid FROM suspects) ORDER BY 1"
    assert connection.execute(select).fetchall() == [("a",), ("b",)]
    join = "SELECT s.sid FROM suspects JOIN s ON s.sid = suspects.sid ORDER BY 1"
    assert connection.execute(join).fetchall() == [("a",), ("b",)]
    left = "SELECT suspects.rowid, s.sid FROM suspects LEFT JOIN s USING (sid) ORDER BY 1"
    assert connection.execute(left).fetchall() == [(1, "a"), (2, "b"), (3, None)]
    assert log(connection) == [("BatchGetItem", 2, None)] + 4 * [("GetItem", 1, None)]


def test_the_prefix_is_part_of_the_key_alone(make_table, open_table, scripted_endpoint):
    table = make_table("id", items=[
        {"id": {"S": "sess:a"}, "sess": {"S": "{}"}, "expires": {"N": str(FUTURE)}},
        {"id": {"S": "sess:"}, "sess": {"S": "{}"}},
        {"id": {"S": "other:a"}, "sess": {"S": "{}"}},
    ])
    connection = open_table(table, "layout='connect-dynamodb'")
    select = "SELECT sid, expires FROM s WHERE sid = 'a'"
    assert connection.execute(select).fetchall() == [("a", FUTURE)]
    assert scripted_endpoint.requests[0].json()["Key"] == {"id": {"S": "sess:a"}}
    assert connection.execute("SELECT sid FROM s WHERE sid = 'sess:a'").fetchall() == []
    assert connection.execute("SELECT sid FROM s ORDER BY sid").fetchall() == [("",), ("a",)]
    assert connection.execute("SELECT count(*) FROM s").fetchall() == [(2,)]


# ---- scans ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("what", "attributes"), [
    ("count(*)", {"sessionId"}),
    ("1", {"sessionId"}),
    ("sid", {"sessionId"}),
    ("sid_hash", {"sessionId"}),
    ("sid, session", {"sessionId", "session_data"}),
    ("sum(expires)", {"sessionId", "expireTime", "expireTime_TTL"}),
    ("sum(expired)", {"sessionId", "expireTime", "expireTime_TTL"}),
    ("user, visits", {"sessionId", "user", "visits"}),
    ("*", {"sessionId", "session_data", "expireTime", "expireTime_TTL", "user", "visits"}),
    ("size", None),
    ("item", None),
])
def test_only_the_attributes_that_are_used_are_asked_for(
        what, attributes, three, open_table, scripted_endpoint, log):
    connection = open_table(three, "user TEXT", "visits INTEGER")
    connection.execute("SELECT %s FROM s" % what).fetchall()
    (request,) = scripted_endpoint.requests
    assert request.operation == "Scan" and attributes_of(request) == attributes
    assert log(connection) == [("Scan", 3, 3)]
    assert "FilterExpression" not in request.json()


def test_a_condition_needs_its_attributes_too(three, open_table, scripted_endpoint):
    connection = open_table(three, "user TEXT")
    connection.execute("SELECT sid FROM s WHERE session LIKE '%x%'").fetchall()
    connection.execute("SELECT sid FROM s WHERE sid = 'a' AND user = '42'").fetchall()
    assert [attributes_of(request) for request in scripted_endpoint.requests] == [
        {"sessionId", "session_data"}, {"sessionId", "user"}]


@pytest.mark.parametrize(("where", "items", "rows"), [
    ("expires < %d" % BETWEEN, 1, "c"),
    ("expires >= %d" % BETWEEN, 2, "ab"),
    ("expires BETWEEN %d AND %d" % (BETWEEN, FUTURE + 1), 2, "ab"),
    ("expires = %d" % FUTURE, 2, "ab"),
    ("expires IS NULL", 0, ""),
    ("expired = 1", 1, "c"),
    ("expired = 0", 2, "ab"),
    ("expired IS 1", 1, "c"),
    ("user = '42'", 1, "b"),
    ("user > '42'", 1, "c"),
    ("user IS NULL", 1, "a"),
    ("user IN ('42', '43', NULL)", 2, "bc"),
    ("visits IN (8, 9)", 1, "c"),
    ("expires IN (%d, 5)" % FUTURE, 2, "ab"),
    ("sid > 'a'", 2, "bc"),
    ("sid GLOB 'b*'", 1, "b"),
    ("sid BETWEEN 'b' AND 'c'", 2, "bc"),
    ("visits <= 7", 1, "b"),
    ("visits BETWEEN 7 AND 7.5", 1, "b"),
    ("visits = 8 AND expired = 1 AND user = '43'", 1, "c"),
    ("visits = 8 AND expired = 0", 0, ""),
    # What DynamoDB is not asked to judge.
    ("expired", 3, "c"),
    ("user IS NOT NULL", 3, "bc"),
    ("user GLOB '*2'", 3, "b"),
    ("user LIKE '4%'", 3, "bc"),
    ("user = '42' COLLATE NOCASE", 3, "b"),
    ("user = '42' OR visits = 8", 3, "bc"),
    ("session->>'$.views' = 1", 3, "abc"),
])
def test_a_condition_is_filtered_at_the_server(where, items, rows, three, open_table, log):
    connection = open_table(three, "user TEXT", "visits INTEGER")
    found = connection.execute("SELECT sid FROM s WHERE %s ORDER BY sid" % where).fetchall()
    assert "".join(sid for (sid,) in found) == rows
    assert log(connection) == [("Scan", items, 3)]


def test_the_log_says_the_filter_in_words_without_values(three, open_table, requests_of):
    connection = open_table(three, "user TEXT")
    connection.execute("SELECT sid FROM s WHERE user = 'somebody'").fetchall()
    (request,) = requests_of(connection)
    assert "user = ?" in request["request"] and "somebody" not in str(request)


BIG = 380_000  # three such items fill a page of 1 MB


@pytest.fixture
def pages(make_table, dynamodb):
    """Nine items on several pages; one of them has expired. The name, and boto3's pages."""
    items = [make_item("big-%d" % i, session=json.dumps({"text": "x" * BIG})) for i in range(9)]
    items[4]["expireTime"] = {"N": str(PAST * 1000)}
    table = make_table("sessionId", items=items)
    pages = [page["Count"] for page in dynamodb.get_paginator("scan").paginate(TableName=table)]
    assert len(pages) >= 3
    return table, pages


def test_every_page_is_read(pages, open_table, log):
    table, counts = pages
    connection = open_table(table)
    assert connection.execute("SELECT count(*), sum(length(session)) FROM s").fetchone() == (
        9, 9 * (BIG + len('{"text": ""}')))
    assert log(connection) == [("Scan", count, count) for count in counts]


def test_a_page_without_items_is_not_the_end(pages, open_table, log):
    table, counts = pages
    connection = open_table(table)
    assert connection.execute("SELECT sid FROM s WHERE expired = 1").fetchall() == [("big-4",)]
    found = log(connection)
    assert [scanned for _, _, scanned in found] == counts
    assert sorted(items for _, items, _ in found) == [0] * (len(counts) - 1) + [1]
    assert connection.execute("SELECT sid FROM s WHERE expires IS NULL").fetchall() == []
    assert [row[1] for row in log(connection)[len(counts):]] == [0] * len(counts)


def test_a_count_moves_keys_alone(pages, open_table, requests_of):
    table, counts = pages
    connection = open_table(table)
    assert connection.execute("SELECT count(*) FROM s").fetchone() == (9,)
    assert len(requests_of(connection)) == len(counts)
    assert all(request["response_bytes"] < 1000 for request in requests_of(connection))


def test_a_scan_that_is_not_read_to_its_end_is_left(pages, open_table, requests_of):
    table, _ = pages
    connection = open_table(table)
    assert len(connection.execute("SELECT sid FROM s LIMIT 1").fetchall()) == 1
    assert 1 <= len(requests_of(connection)) <= 2


def test_the_same_rows_come_in_one_statement_twice(three, open_table):
    connection = open_table(three)
    select = "SELECT x.sid, y.sid FROM s AS x CROSS JOIN s AS y ORDER BY 1, 2"
    assert connection.execute(select).fetchall() == [(x, y) for x in "abc" for y in "abc"]
    nested = "SELECT sid FROM s WHERE EXISTS (SELECT 1 FROM s AS t WHERE t.expires < s.expires)"
    assert sorted(connection.execute(nested).fetchall()) == [("a",), ("b",)]


# ---- plans ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("sql", "words"), [
    ("SELECT session FROM s WHERE sid = 'a'", "GetItem where sid = ?; columns sid, session"),
    ("SELECT count(*) FROM s", "Scan; columns sid"),
    ("SELECT * FROM s WHERE expires < 5",
     "Scan where expires < ?; columns sid, session, expires, user, \"last visit\", mail"),
    ("SELECT sid FROM s WHERE expired = 1 AND user IS NOT NULL",
     "Scan where expired = ?; columns sid, user, expired"),
    # IS NOT NULL and GLOB come for the left table of an outer join too, unlike other operators.
    ("SELECT sid FROM s LEFT JOIN (SELECT 1) ON user IS NULL", "Scan; columns sid, user"),
    ("SELECT sid FROM s WHERE user IS NULL", "Scan where user is null; columns sid, user"),
    ("SELECT sid FROM s WHERE user IS NULL LIMIT 5",
     "Scan where user is null; limit ?; columns sid, user"),
    ("SELECT sid FROM s WHERE sid GLOB 'a*'", "Scan where sid >= ? and sid < ?; columns sid"),
    ("SELECT sid FROM s WHERE sid LIKE 'a%'", "Scan; columns sid"),
    ("SELECT sid FROM s WHERE session GLOB '*x*'", "Scan; columns sid, session"),
    ("SELECT sid FROM s WHERE sid IS 'a'", "GetItem where sid is ?; columns sid"),
    ("SELECT sid FROM s WHERE sid IN ('a')", "GetItem where sid = ?; columns sid"),
    ("SELECT sid FROM s WHERE sid = 'a' OR sid = 'b'", "BatchGetItem where sid in ?; columns sid"),
    ("SELECT sid FROM s WHERE sid IN ('a', 'b') LIMIT 1",
     "BatchGetItem where sid in ?; columns sid"),
    ("SELECT sid FROM s WHERE sid IN (SELECT name FROM pragma_table_list)",
     "BatchGetItem where sid in ?; columns sid"),
    ("SELECT sid FROM s WHERE sid COLLATE NOCASE IN ('a', 'b')", "Scan; columns sid"),
    ("SELECT sid FROM s WHERE user IN ('a', 'b')", "Scan where user in ?; columns sid, user"),
    ("SELECT sid FROM s WHERE mail = 'm'", "Query by-mail where mail = ?; columns sid, mail"),
    ("SELECT sid FROM s WHERE expires > 5 AND mail = 'm' LIMIT 2",
     "Query by-mail where mail = ? and expires > ?; limit ?; columns sid, expires, mail"),
    ("SELECT sid FROM s WHERE mail = 'm' AND sid = 'a'",
     "GetItem where sid = ? and mail = ?; columns sid, mail"),
    ("SELECT sid FROM s WHERE mail = 'm' COLLATE NOCASE", "Scan; columns sid, mail"),
    ("SELECT sid FROM s WHERE mail IN ('m', 'n')", "Scan where mail in ?; columns sid, mail"),
    ("SELECT sid FROM s LIMIT 3", "Scan; limit ?; columns sid"),
    ("SELECT sid FROM s LIMIT 3 OFFSET 2", "Scan; limit ?; offset ?; columns sid"),
    ("SELECT sid FROM s WHERE session = 'x' LIMIT 3", "Scan; columns sid, session"),
    ("SELECT sid FROM s WHERE expires > 5 OR user = 'u'", "Scan; columns sid, expires, user"),
    ("SELECT sid FROM s WHERE sid = 'a' OR user = 'u'", "Scan; columns sid, user"),
    ("SELECT sid FROM s WHERE \"last visit\" >= 3",
     "Scan where \"last visit\" >= ?; columns sid, \"last visit\""),
    ("SELECT sid FROM s WHERE session LIKE '%x%'", "Scan; columns sid, session"),
    # A date that expires is compared with is refused beside a key as well.
    ("SELECT sid FROM s WHERE expires > 5 AND sid = 'a'",
     "GetItem where sid = ? and expires > ?; columns sid, expires"),
    ("SELECT size FROM s", "Scan; columns sid, size"),
    ("DELETE FROM s WHERE sid = 'a'", "GetItem where sid = ?; columns sid"),
])
def test_explain_query_plan_says_the_request(sql, words, open_table, log):
    connection = open_table("no-such-table", "user TEXT", "\"last visit\" INTEGER", "mail TEXT",
                            "index='by-mail(mail)'")
    rows = [row[3] for row in connection.execute("EXPLAIN QUERY PLAN " + sql)]
    (found,) = [row for row in rows if re.search(r"\bs VIRTUAL TABLE", row)]
    assert re.search(r"VIRTUAL TABLE INDEX \d+:(.*)$", found)[1] == words
    assert log(connection) == []


def test_a_join_asks_by_key_rather_than_scan(open_table):
    connection = open_table("no-such-table")
    connection.execute("CREATE TABLE local(id)")
    join = "EXPLAIN QUERY PLAN SELECT * FROM s JOIN local ON s.sid = local.id"
    plan = [row[3] for row in connection.execute(join)]
    assert plan[0].startswith("SCAN local") and "GetItem where sid = ?" in plan[1]


def test_an_or_is_several_requests_only_where_each_is_by_key(open_table):
    connection = open_table("no-such-table", "mail TEXT", "user TEXT", "index='by-mail(mail)'",
                            "index='by-user(user)'")
    arms = "EXPLAIN QUERY PLAN SELECT sid FROM s WHERE sid = 'a' OR mail = 'm' OR user = 'u'"
    plan = " ".join(row[3] for row in connection.execute(arms))
    assert "GetItem where sid = ?" in plan
    assert "Query by-mail where mail = ?" in plan and "Query by-user where user = ?" in plan
    assert "Scan" not in plan


# ---- consistency ------------------------------------------------------------------------------


def consistency(requests):
    return [(request.operation, request.json().get("ConsistentRead", False))
            for request in requests if request.operation in ("GetItem", "Scan")]


def read_both(connection):
    connection.execute("SELECT * FROM s WHERE sid = 'a'").fetchall()
    connection.execute("SELECT count(*) FROM s").fetchall()


@pytest.mark.parametrize(("option", "before", "after"), [
    ("consistent_read=auto", (True, False), (True, True)),
    ("consistent_read='1'", (True, True), (True, True)),
    ("consistent_read=0", (False, False), (False, False)),
])
def test_consistent_read(option, before, after, three, open_table, scripted_endpoint):
    connection = open_table(three, option)
    read_both(connection)
    assert consistency(scripted_endpoint.requests) == [("GetItem", before[0]), ("Scan", before[1])]
    connection.execute("DELETE FROM s WHERE sid = 'a'")
    del scripted_endpoint.requests[:]
    read_both(connection)
    assert consistency(scripted_endpoint.requests) == [("GetItem", after[0]), ("Scan", after[1])]


def test_what_another_connection_wrote_makes_no_scan_dearer(three, open_table, scripted_endpoint):
    writer, reader = open_table(three), open_table(three)
    writer.execute("DELETE FROM s WHERE sid = 'a'")
    del scripted_endpoint.requests[:]
    read_both(reader)
    assert consistency(scripted_endpoint.requests) == [("GetItem", True), ("Scan", False)]


@pytest.mark.parametrize("sql", [
    "UPDATE s SET session = '{}' WHERE expires < 0", "DELETE FROM s WHERE expired IS 5"])
def test_the_reading_half_of_a_write_is_consistent(sql, three, open_table, scripted_endpoint):
    connection = open_table(three)
    connection.execute(sql)
    assert consistency(scripted_endpoint.requests) == [("Scan", True)]


# ---- columns ----------------------------------------------------------------------------------


def test_the_columns_are_the_designs(open_table):
    connection = open_table("no-such-table", "user TEXT", "visits INTEGER")
    columns = [(name, kind, hidden) for _, name, kind, _, _, _, hidden
               in connection.execute("PRAGMA table_xinfo(s)")]
    assert columns == [
        ("sid", "TEXT", 0), ("session", "TEXT", 0), ("expires", "NUMERIC", 0), ("user", "TEXT", 0),
        ("visits", "INTEGER", 0), ("arguments", "TEXT", 1), ("expired", "INTEGER", 1),
        ("size", "INTEGER", 1), ("sid_hash", "TEXT", 1), ("item", "TEXT", 1),
        ("snapshot", "BLOB", 1)]


# name: (attribute, its value by declared type TEXT, INTEGER, REAL, NUMERIC, BLOB)
DIGITS_38 = "12345678901234567890123456789012345678"
VALUES = {
    "s": ({"S": "abc"}, ["abc"] * 5),
    "s_empty": ({"S": ""}, [""] * 5),
    "s_number": ({"S": "12"}, ["12", 12, 12.0, 12, "12"]),
    "s_fraction": ({"S": "12.5"}, ["12.5", 12.5, 12.5, 12.5, "12.5"]),
    "s_unicode": ({"S": "\U0001f600 é\n\"\\"}, ["\U0001f600 é\n\"\\"] * 5),
    "n": ({"N": "42"}, ["42", 42, 42.0, 42, 42]),
    "n_negative": ({"N": "-7"}, ["-7", -7, -7.0, -7, -7]),
    "n_64": ({"N": "9223372036854775807"},
             ["9223372036854775807", 2**63 - 1, 2.0**63, 2**63 - 1, 2**63 - 1]),
    "n_larger": ({"N": "9223372036854775808"},
                 ["9223372036854775808", 2.0**63, 2.0**63, 2.0**63, 2.0**63]),
    "n_38": ({"N": DIGITS_38}, [DIGITS_38] + [float(DIGITS_38)] * 4),
    "n_fraction": ({"N": "0.1"}, ["0.1", 0.1, 0.1, 0.1, 0.1]),
    "b": ({"B": b"\x00\xffab"}, [b"\x00\xffab"] * 5),
    "b_empty": ({"B": b""}, [b""] * 5),
    "bool": ({"BOOL": True}, ["1", 1, 1.0, 1, 1]),
    "bool_false": ({"BOOL": False}, ["0", 0, 0.0, 0, 0]),
    "null": ({"NULL": True}, [None] * 5),
    "missing": (None, [None] * 5),
}
JSON_VALUES = {
    "l": ({"L": [{"N": "1"}, {"S": "a"}, {"BOOL": True}, {"NULL": True}]}, [1, "a", True, None]),
    "l_empty": ({"L": []}, []),
    "m": ({"M": {"a": {"M": {"b": {"N": "1.5"}}}}}, {"a": {"b": 1.5}}),
    "ss": ({"SS": ["x", "y"]}, ["x", "y"]),
    "ns": ({"NS": ["1", "2.5"]}, [1, 2.5]),
    "bs": ({"BS": [b"x"]}, [base64.b64encode(b"x").decode()]),
}


@pytest.mark.parametrize("place", range(5))
def test_an_attribute_becomes_a_value_by_its_type(place, make_table, open_table):
    declared = ["TEXT", "INTEGER", "REAL", "NUMERIC", "BLOB"][place]
    attributes = {name: value for name, (value, _) in {**VALUES, **JSON_VALUES}.items() if value}
    table = make_table("sessionId", items=[make_item("a", **attributes)])
    columns = ["\"%s\" %s" % (name, declared) for name in [*VALUES, *JSON_VALUES]]
    connection = open_table(table, *columns)
    for name, (_, expected) in VALUES.items():
        value, = connection.execute("SELECT \"%s\" FROM s WHERE sid = 'a'" % name).fetchone()
        assert (value, type(value)) == (expected[place], type(expected[place])), name
    for name, (_, expected) in JSON_VALUES.items():
        value, = connection.execute("SELECT \"%s\" FROM s WHERE sid = 'a'" % name).fetchone()
        found = json.loads(value)
        assert (sorted(found) if name in ("ss", "ns") else found) == expected, name


@pytest.mark.parametrize(("layout", "payload", "expected"), [
    ("serverless-dynamodb-session-store", {"S": "{\"a\": 1}"}, "{\"a\": 1}"),
    ("serverless-dynamodb-session-store", {"M": {"a": {"N": "1"}}}, "{\"a\":1}"),
    ("serverless-dynamodb-session-store", {"S": "no json"}, "no json"),
    ("serverless-dynamodb-session-store", {"N": "5"}, "5"),
    ("serverless-dynamodb-session-store", {"B": b"\x00"}, b"\x00"),
    ("serverless-dynamodb-session-store", {"NULL": True}, None),
    ("serverless-dynamodb-session-store", None, None),
    ("dynamodb-store", {"M": {"a": {"N": DIGITS_38}}}, "{\"a\":%s}" % DIGITS_38),
    ("dynamodb-store", {"M": {}}, "{}"),
    ("dynamodb-store", {"S": "{\"a\":1}"}, "{\"a\":1}"),
])
def test_a_session_is_shown_whatever_it_is_stored_as(
        layout, payload, expected, make_table, open_table):
    name, prefix = (("sess", "sess:") if layout == "dynamodb-store" else ("session_data", ""))
    item = {"sessionId": {"S": prefix + "a"}}
    if payload is not None:
        item[name] = payload
    connection = open_table(make_table("sessionId", items=[item]), "layout='%s'" % layout)
    assert connection.execute("SELECT sid, session, expires, expired FROM s").fetchall() == [
        ("a", expected, None, 0)]


MS, TTL = "expireTime", "expireTime_TTL"


@pytest.mark.parametrize(("layout", "attributes", "expires", "expired"), [
    ("serverless-dynamodb-session-store", {MS: {"N": "1700000000000"}}, 1700000000, 1),
    ("serverless-dynamodb-session-store", {MS: {"N": "1700000000123"}}, 1700000000.123, 1),
    ("serverless-dynamodb-session-store", {TTL: {"N": "1700000000"}}, 1700000000, 1),
    ("serverless-dynamodb-session-store",
     {MS: {"N": "%d000" % FUTURE}, TTL: {"N": str(PAST)}}, FUTURE, 0),
    ("serverless-dynamodb-session-store", {MS: {"NULL": True}, TTL: {"NULL": True}}, None, 0),
    ("serverless-dynamodb-session-store", {MS: {"S": "1700000000000"}}, None, 0),
    ("serverless-dynamodb-session-store", {MS: {"S": "x"}, TTL: {"N": str(PAST)}}, None, 0),
    ("serverless-dynamodb-session-store", {}, None, 0),
    ("serverless-dynamodb-session-store", {MS: {"N": "-1E100"}}, -1e97, 1),
    ("serverless-dynamodb-session-store", {MS: {"N": "1.5E125"}}, 1.5e122, 0),
    ("serverless-dynamodb-session-store", {MS: {"N": "-1.5E-129"}}, -1.5e-132, 1),
    ("connect-dynamodb", {"expires": {"N": "1700000000"}}, 1700000000, 1),
    ("connect-dynamodb", {"expires": {"N": "1700000000.5"}}, 1700000000.5, 1),
    ("connect-dynamodb", {"expires": {"N": "1700000000500"}}, 1700000000.5, 1),
    ("connect-dynamodb", {"expires": {"N": "99999999999"}}, 99999999999, 0),
    ("connect-dynamodb", {"expires": {"N": "100000000000"}}, 100000000, 1),
    ("connect-dynamodb", {"expires": {"BOOL": True}}, None, 0),
])
def test_expires_is_in_seconds_wherever_it_stands(
        layout, attributes, expires, expired, make_table, open_table):
    key = "id" if layout == "connect-dynamodb" else "sessionId"
    prefix = "sess:" if layout == "connect-dynamodb" else ""
    item = {key: {"S": prefix + "a"}, "session_data": {"S": "{}"}, **attributes}
    connection = open_table(make_table(key, items=[item]), "layout='%s'" % layout)
    row = connection.execute("SELECT expires, expired FROM s").fetchone()
    assert row == (expires, expired) and type(row[0]) is type(expires)


def number_size(text):
    """A byte for each pair of digits, counted from the point; one more; and one for a sign."""
    if float(text) == 0:
        return 1
    whole, _, fraction = text.lstrip("-").partition(".")
    whole = whole.zfill(len(whole) + len(whole) % 2)
    fraction += "0" * (len(fraction) % 2)
    digits = whole + fraction
    pairs = [digits[i : i + 2] for i in range(0, len(digits), 2)]
    while pairs[0] == "00":
        del pairs[0]
    while pairs[-1] == "00":
        del pairs[-1]
    return len(pairs) + 1 + text.startswith("-")


def attribute_size(attribute):
    ((kind, value),) = attribute.items()
    if kind == "S":
        return len(value.encode())
    if kind == "N":
        return number_size(value)
    if kind == "B":
        return len(value)
    if kind in ("BOOL", "NULL"):
        return 1
    if kind == "L":
        return 3 + sum(1 + attribute_size(element) for element in value)
    if kind == "M":
        return 3 + sum(1 + len(name.encode()) + attribute_size(member)
                       for name, member in value.items())
    return sum(attribute_size({kind[0]: element}) for element in value)


def test_size_is_dynamodbs_own(make_table, open_table, dynamodb):
    attributes = {name: value for name, (value, _) in {**VALUES, **JSON_VALUES}.items() if value}
    numbers = "0 1 10 120 1200 12345 0.1 0.012 1.5 -1 -120 -0.001".split()
    item = make_item("a", **attributes, ü={"S": "é" * 10},
                     numbers={"L": [{"N": number} for number in numbers]})
    table = make_table("sessionId", items=[item])
    connection = open_table(table)
    expected = sum(len(name.encode()) + attribute_size(value) for name, value in item.items())
    assert connection.execute("SELECT size FROM s").fetchone() == (expected,)
    # DynamoDB Local counts by the same rule.
    assert dynamodb.describe_table(TableName=table)["Table"]["TableSizeBytes"] == expected


def test_sid_hash_is_sha_256_of_the_session_id(make_table, open_table):
    sid = "é-\U0001f600"
    item = {"id": {"S": "sess:" + sid}, "sess": {"S": "{}"}}
    connection = open_table(make_table("id", items=[item]), "layout='connect-dynamodb'")
    assert connection.execute("SELECT sid, sid_hash FROM s").fetchone() == (
        sid, hashlib.sha256(sid.encode()).hexdigest())


def plain(attribute):
    """boto3's form of an attribute in DynamoDB's JSON: bytes in base64, sets in some order."""
    ((kind, value),) = attribute.items()
    if kind == "B":
        return {kind: base64.b64encode(value).decode()}
    if kind == "BS":
        return {kind: sorted(base64.b64encode(element).decode() for element in value)}
    if kind in ("SS", "NS"):
        return {kind: sorted(value)}
    if kind == "L":
        return {kind: [plain(element) for element in value]}
    if kind == "M":
        return {kind: {name: plain(member) for name, member in value.items()}}
    return {kind: value}


def test_item_is_the_whole_item_and_makes_it_again(make_table, open_table, dynamodb):
    attributes = {name: value for name, (value, _) in {**VALUES, **JSON_VALUES}.items() if value}
    item = make_item("a", **attributes)
    table = make_table("sessionId", items=[item])
    connection = open_table(table)
    text, = connection.execute("SELECT item FROM s").fetchone()
    found = json.loads(text)
    for name in found:
        for kind in ("SS", "NS", "BS"):
            if kind in found[name]:
                found[name][kind].sort()
    assert found == {name: plain(value) for name, value in item.items()}
    connection.execute("DELETE FROM s")
    assert dynamodb.scan(TableName=table)["Count"] == 0
    connection.execute("INSERT INTO s(item) VALUES (?)", (text,))
    key = {"sessionId": {"S": "a"}}
    restored = dynamodb.get_item(TableName=table, Key=key)["Item"]
    assert {n: plain(v) for n, v in restored.items()} == {n: plain(v) for n, v in item.items()}
