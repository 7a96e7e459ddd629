"""Bad input: each gives a clear error or a sensible row, and nothing is lost.

What CREATE VIRTUAL TABLE refuses stands in test_options.py; credentials, regions, endpoints and
missing tables stand in test_errors.py; items of another store's layout in test_layouts.py.
"""

import json
import sqlite3

import pytest
from scripted_endpoint import Response

FUTURE = 4_000_000_000
GOOD = {"sessionId": {"S": "good"}, "session_data": {"S": '{"views":1}'},
        "expireTime": {"N": "%d000" % FUTURE}, "expireTime_TTL": {"N": str(FUTURE)},
        "unknown": {"SS": ["kept"]}}


@pytest.fixture
def table(make_table):
    return make_table("sessionId", items=[GOOD])


@pytest.fixture
def s(table, open_table):
    return open_table(table, "userId TEXT", "visits INTEGER")


@pytest.fixture
def refused(s, table, dynamodb, requests_of):
    """refused(sql, values, name, words): it fails so, sends no write, and the good item stays."""

    def check(sql, values=(), name="SQLITE_CONSTRAINT_CHECK", words=""):
        with pytest.raises(sqlite3.Error) as caught:
            s.execute(sql, values).fetchall()
        assert caught.value.sqlite_errorname == name
        assert words in str(caught.value)
        assert {row["operation"] for row in requests_of(s)} <= {"Scan", "GetItem"}
        assert dynamodb.scan(TableName=table)["Items"] == [GOOD]
        return str(caught.value)

    return check


# ---- keys ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("sid", "name", "words"), [
    (None, "SQLITE_CONSTRAINT_NOTNULL", "NOT NULL constraint failed: s.sid"),
    ("", "SQLITE_CONSTRAINT_CHECK", "sid is empty"),
    ("x" * 2049, "SQLITE_TOOBIG", "2048"),
    ("é" * 1025, "SQLITE_TOOBIG", "2048"),
])
def test_a_bad_session_id_is_refused_before_anything_is_sent(sid, name, words, refused):
    refused("INSERT INTO s(sid, session) VALUES (?, '{}')", (sid,), name, words)
    refused("INSERT OR REPLACE INTO s(sid, session) VALUES (?, '{}')", (sid,), name, words)
    refused("UPDATE s SET sid = ? WHERE sid = 'good'", (sid,), name, words)


def test_or_ignore_skips_a_bad_row_and_keeps_the_others(s, table, dynamodb):
    s.execute("INSERT OR IGNORE INTO s(sid, session) VALUES (NULL, '{}'), ('', '{}'), ('b', 'x'),"
              " ('c', NULL), ('d', '{}'), ('e', x'7b7d')")
    found = {item["sessionId"]["S"] for item in dynamodb.scan(TableName=table)["Items"]}
    assert found == {"good", "d"}


def test_the_prefix_counts_in_the_length_of_a_key(make_table, open_table, dynamodb):
    table = make_table("id")
    connection = open_table(table, "layout=connect-dynamodb")
    insert = "INSERT INTO s(sid, session) VALUES (printf('%.*c', ?, 'x'), '{}')"
    with pytest.raises(sqlite3.Error) as caught:
        connection.execute(insert, (2048 - len("sess:") + 1,))
    assert caught.value.sqlite_errorname == "SQLITE_TOOBIG"
    connection.execute(insert, (2048 - len("sess:"),))
    (item,) = dynamodb.scan(TableName=table)["Items"]
    assert len(item["id"]["S"]) == 2048


@pytest.mark.parametrize("sid", [
    "a\0b", "\0", "\n", "'; DROP TABLE s; --", "{\"S\":\"x\"}", "\\u0000", "\U0001f600" * 512,
    "\u2028", "..", "null",
])
def test_a_strange_session_id_is_a_key_like_any_other(sid, s, table, dynamodb):
    s.execute("INSERT INTO s(sid, session) VALUES (?, '{}')", (sid,))
    assert s.execute("SELECT sid FROM s WHERE sid = ?", (sid,)).fetchall() == [(sid,)]
    key = {"sessionId": {"S": sid}}
    assert dynamodb.get_item(TableName=table, Key=key)["Item"]["sessionId"]["S"] == sid
    s.execute("DELETE FROM s WHERE sid = ?", (sid,))
    assert dynamodb.scan(TableName=table)["Items"] == [GOOD]


# ---- sessions -----------------------------------------------------------------------------------


@pytest.mark.parametrize("session", [
    "", " ", "no json", "[]", "5", '"x"', "null", "true", "{", "{}x", "{a:1}", "{'a':1}",
    '{"a":1,}', '{"a":NaN}', '{"a":0x10}', '{"a":+1}', '{"a":.5}', '{"a":"\t"}', '{"a":01}',
    '{"a":"\\x41"}', "{} // comment", b"{}", 5, 1.5,
])
def test_a_session_that_is_no_json_object_is_refused(session, refused):
    for sql in ("INSERT INTO s(sid, session) VALUES ('b', ?)",
                "INSERT OR REPLACE INTO s(sid, session) VALUES ('good', ?)",
                "UPDATE s SET session = ? WHERE sid = 'good'"):
        refused(sql, (session,), words="session")


def test_a_session_of_null_is_refused(refused):
    words = "NOT NULL constraint failed: s.session"
    for sql in ("INSERT INTO s(sid) VALUES ('b')", "UPDATE s SET session = NULL"):
        refused(sql, name="SQLITE_CONSTRAINT_NOTNULL", words=words)


@pytest.mark.parametrize("sql", [
    "INSERT INTO s(sid, session) VALUES (CAST(x'61ff' AS TEXT), '{}')",
    "INSERT INTO s(sid, session) VALUES ('b', CAST(x'7b2261223a22ff227d' AS TEXT))",
    "INSERT INTO s(sid, session, userId) VALUES ('b', '{}', CAST(x'ff' AS TEXT))",
    "INSERT INTO s(item) VALUES (CAST(x'7bff7d' AS TEXT))",
    "UPDATE s SET session = CAST(x'7b2261223a22ff227d' AS TEXT) WHERE sid = 'good'",
    "UPDATE s SET userId = CAST(x'c080' AS TEXT) WHERE sid = 'good'",
])
def test_invalid_utf_8_is_refused(sql, refused):
    refused(sql)


def test_invalid_utf_8_in_a_condition_finds_nothing(s):
    for where in ("sid = CAST(x'ff' AS TEXT)", "userId = CAST(x'ff' AS TEXT)",
                  "userId > CAST(x'ff' AS TEXT)", "sid IN (CAST(x'ff' AS TEXT))"):
        assert s.execute("SELECT sid FROM s WHERE " + where).fetchall() == []


def test_deep_json_is_an_answer_or_an_error_but_no_crash(s, table, dynamodb):
    for depth in (10, 1000, 100_000):
        session = '{"a":' * depth + "1" + "}" * depth
        try:
            s.execute("INSERT OR REPLACE INTO s(sid, session) VALUES ('deep', ?)", (session,))
        except sqlite3.Error as error:
            assert depth > 10 and error.sqlite_errorname == "SQLITE_CONSTRAINT_CHECK"
    assert dynamodb.scan(TableName=table)["Count"] == 2


# ---- sizes and numbers --------------------------------------------------------------------------


def test_an_item_over_400_kb_is_refused_before_it_is_sent(refused, s, table, dynamodb):
    insert = "INSERT INTO s(sid, session) VALUES ('b', json_object('a', printf('%.*c', ?, 'x')))"
    for size in (400 * 1024, 5_000_000):
        refused(insert, (size,), "SQLITE_TOOBIG", "DynamoDB's limit is 409600")
    update = "UPDATE s SET session = json_object('a', printf('%.*c', ?, 'x')) WHERE sid = 'good'"
    refused(update, (400 * 1024,), "SQLITE_TOOBIG", "DynamoDB's limit is 409600")
    s.execute(insert, (400 * 1024 - 500,))
    assert dynamodb.scan(TableName=table, Select="COUNT")["Count"] == 2
    assert s.execute("SELECT size <= 400 * 1024 FROM s WHERE sid = 'b'").fetchone() == (1,)


DIGITS_39 = "1" * 39


@pytest.mark.parametrize(("number", "name"), [
    (DIGITS_39, "SQLITE_TOOBIG"), ("0." + DIGITS_39, "SQLITE_TOOBIG"),
    ("1E126", "SQLITE_CONSTRAINT_CHECK"), ("-1E-131", "SQLITE_CONSTRAINT_CHECK"),
])
def test_a_number_that_dynamodb_cannot_hold_is_refused(
        number, name, make_table, open_table, dynamodb):
    table = make_table("sessionId")
    connection = open_table(table, "layout=dynamodb-store")
    for sql, value in (
            ("INSERT INTO s(sid, session) VALUES ('b', ?)", '{"a":[%s]}' % number),
            ("INSERT INTO s(item) VALUES (?)",
             '{"sessionId":{"S":"sess:b"},"sess":{"M":{}},"a":{"N":"%s"}}' % number)):
        with pytest.raises(sqlite3.Error) as caught:
            connection.execute(sql, (value,))
        assert caught.value.sqlite_errorname == name
    assert dynamodb.scan(TableName=table)["Count"] == 0


@pytest.mark.parametrize("expires", [
    "soon", "", "2030-01-01", "2030-01-01 00:00:00", b"5", FUTURE * 1000, 1e11, 1e300, -1e300])
def test_a_bad_expiry_is_refused(expires, refused):
    refused("INSERT INTO s(sid, session, expires) VALUES ('b', '{}', ?)", (expires,),
            words="expires")
    refused("UPDATE s SET expires = ? WHERE sid = 'good'", (expires,), words="expires")


def test_an_expiry_in_milliseconds_says_so(refused):
    message = refused("INSERT INTO s(sid, session, expires) VALUES ('b', '{}', ?)",
                      (FUTURE * 1000,))
    assert "milliseconds" in message


def test_a_number_as_text_is_an_expiry(s, table, dynamodb):
    s.execute("INSERT INTO s(sid, session, expires) VALUES ('b', '{}', ?)", (str(FUTURE),))
    item = dynamodb.get_item(TableName=table, Key={"sessionId": {"S": "b"}})["Item"]
    assert item["expireTime"] == {"N": "%d000" % FUTURE}


# ---- items and computed columns -----------------------------------------------------------------


@pytest.mark.parametrize("item", [
    "", "no json", "[]", "5", '{"sessionId":"b"}', '{"sessionId":{"N":"5"}}',
    '{"sessionId":{"S":""}}', '{"sessionId":{"S":"b"},"x":{"Q":"1"}}',
    '{"sessionId":{"S":"b"},"x":{"N":"five"}}', '{"sessionId":{"S":"b"},"x":{"B":"%%%"}}',
    '{"sessionId":{"S":"b"},"x":{"S":"a","N":"1"}}', '{"sessionId":{"S":"b"},"x":{}}',
    '{"sessionId":{"S":"b"},"x":{"SS":[]}}', '{"sessionId":{"S":"b"},"x":{"SS":["a","a"]}}',
    '{"sessionId":{"S":"b"},"x":{"NULL":false}}', '{"sessionId":{"S":"b"},"x":{"BOOL":"yes"}}',
    b"{}", 5,
])
def test_an_item_that_is_none_is_refused(item, refused):
    refused("INSERT INTO s(item) VALUES (?)", (item,))


@pytest.mark.parametrize("item", ["{}", '{"session_data":{"S":"{}"}}'])
def test_an_item_without_a_key_has_no_session_id(item, refused):
    refused("INSERT INTO s(item) VALUES (?)", (item,), "SQLITE_CONSTRAINT_NOTNULL",
            "NOT NULL constraint failed: s.sid")


@pytest.mark.parametrize("column", ["expired", "size", "sid_hash", "arguments", "snapshot"])
def test_a_computed_column_cannot_be_written(column, s, table, dynamodb):
    for sql in ("INSERT INTO s(sid, session, %s) VALUES ('b', '{}', 5)",
                "UPDATE s SET %s = 5 WHERE sid = 'good'"):
        with pytest.raises(sqlite3.Error, match=column):
            s.execute(sql % column)
    assert dynamodb.scan(TableName=table)["Items"] == [GOOD]


@pytest.mark.parametrize(("stored", "value"), [
    ({"SS": ["a"]}, "no json"), ({"SS": ["a"]}, "[]"), ({"SS": ["a"]}, '[["a"]]'),
    ({"NS": ["1"]}, '["x"]'), ({"L": []}, "5"), ({"M": {}}, "[]"), ({"BS": [b"x"]}, '["%"]'),
])
def test_an_extra_column_that_does_not_fit_its_set_is_refused(
        stored, value, make_table, open_table, dynamodb):
    item = {**GOOD, "userId": stored}
    table = make_table("sessionId", items=[item])
    connection = open_table(table, "userId TEXT")
    try:
        connection.execute("UPDATE s SET userId = ?", (value,))
    except sqlite3.Error as error:
        assert error.sqlite_errorname == "SQLITE_CONSTRAINT_CHECK" and "userId" in str(error)
        assert dynamodb.scan(TableName=table)["Items"] == [item]
    else:
        # What the type cannot express becomes a string, and nothing else changes.
        assert dynamodb.scan(TableName=table)["Items"] == [{**item, "userId": {"S": value}}]


# ---- arguments of functions ---------------------------------------------------------------------


@pytest.mark.parametrize(("sql", "words"), [
    ("dynamodb_touch('s', 'good', 0)", "dynamodb_touch: seconds must be a number from 0.001"),
    ("dynamodb_touch('s', 'good', -1)", "seconds must be"),
    ("dynamodb_touch('s', 'good', 'soon')", "seconds must be"),
    ("dynamodb_touch('s', 'good', x'31')", "seconds must be"),
    ("dynamodb_touch('s', 'good', 1e11)", "seconds must be"),
    ("dynamodb_touch('s', NULL)", "the session id must be text"),
    ("dynamodb_touch('s', 5, 60)", "the session id must be text"),
    ("dynamodb_touch(NULL, 'good')", "the table's name must be text"),
    ("dynamodb_reap(5)", "the table's name must be text"),
    ("dynamodb_reap('s', 0)", "writes_per_second must be a number from 0.001"),
    ("dynamodb_reap('s', 'fast')", "writes_per_second must be"),
    ("dynamodb_create_table(NULL)", "the table's name must be text"),
    ("dynamodb_cookie(NULL, 'x')", "the session id must be text"),
    ("dynamodb_cookie('a', 5)", "the secret must be text"),
])
def test_a_wrong_argument_of_a_function_is_named(sql, words, refused):
    refused("SELECT " + sql, name="SQLITE_MISMATCH", words=words)


@pytest.mark.parametrize("sql", [
    "dynamodb_touch('s')", "dynamodb_touch('s', 'a', 1, 2)", "dynamodb_reap()",
    "dynamodb_reap('s', 1, 2)", "dynamodb_create_table()", "dynamodb_cookie('a')",
    "dynamodb_version(1)",
])
def test_a_wrong_number_of_arguments_is_sqlites_error(sql, refused):
    refused("SELECT " + sql, name="SQLITE_ERROR", words="wrong number of arguments")


def test_null_seconds_are_as_omitted(s):
    assert s.execute("SELECT dynamodb_touch('s', 'nobody', NULL)").fetchone() == (0,)
    assert s.execute("SELECT dynamodb_touch('s', '')").fetchone() == (0,)
    assert s.execute("SELECT dynamodb_reap('s', NULL)").fetchone() == (0,)


# ---- nothing is lost ----------------------------------------------------------------------------


def test_a_bad_row_in_a_transaction_leaves_the_good_ones(s, table, dynamodb):
    s.execute("BEGIN")
    s.execute("INSERT INTO s(sid, session) VALUES ('b', '{}')")
    for values in ((None, "{}"), ("c", "no json"), ("", "{}"), ("x" * 3000, "{}")):
        with pytest.raises(sqlite3.Error):
            s.execute("INSERT INTO s(sid, session) VALUES (?, ?)", values)
    with pytest.raises(sqlite3.Error):
        s.execute("INSERT INTO s(sid, session) VALUES ('d', '{}'), ('e', 'no json')")
    assert s.in_transaction
    s.execute("COMMIT")
    found = {item["sessionId"]["S"] for item in dynamodb.scan(TableName=table)["Items"]}
    assert found == {"good", "b"}


# ---- odd items of the server's ------------------------------------------------------------------

ODD = [
    # item beside the key -> session, expires, expired
    ({}, None, None, 0),
    ({"expireTime": {"NULL": True}, "expireTime_TTL": {"NULL": True},
      "session_data": {"S": "{}"}}, "{}", None, 0),
    ({"expireTime": {"S": "tomorrow"}, "session_data": {"S": "{}"}}, "{}", None, 0),
    ({"expireTime": {"L": []}, "expireTime_TTL": {"M": {}}}, None, None, 0),
    ({"session_data": {"N": "5"}, "expireTime": {"N": "1000"}}, "5", 1, 1),
    ({"session_data": {"B": b"\x00\xff"}}, b"\x00\xff", None, 0),
    ({"session_data": {"BOOL": False}}, "0", None, 0),
    ({"session_data": {"L": [{"S": "a"}]}}, '["a"]', None, 0),
    ({"session_data": {"S": ""}}, "", None, 0),
    ({"session_data": {"S": "no json"}}, "no json", None, 0),
    ({"expireTime": {"N": "0"}}, None, 0, 1),
    ({"expireTime": {"N": "-1000"}}, None, -1, 1),
]


@pytest.mark.parametrize(("attributes", "session", "expires", "expired"), ODD)
def test_an_odd_item_is_a_row_and_stays_whole(
        attributes, session, expires, expired, make_table, open_table, dynamodb):
    item = {"sessionId": {"S": "odd"}, "unknown": {"NS": ["1"]}, **attributes}
    table = make_table("sessionId", items=[item, GOOD])
    connection = open_table(table)
    rows = connection.execute("SELECT sid, session, expires, expired FROM s ORDER BY sid")
    assert rows.fetchall() == [
        ("good", '{"views":1}', FUTURE, 0), ("odd", session, expires, expired)]
    # A change of the expiry leaves everything else as it was.
    connection.execute("UPDATE s SET expires = ? WHERE sid = 'odd'", (FUTURE,))
    key = {"sessionId": {"S": "odd"}}
    changed = dynamodb.get_item(TableName=table, Key=key)["Item"]
    moments = {"expireTime", "expireTime_TTL"}
    assert changed["expireTime"] == {"N": "%d000" % FUTURE}
    assert {name: value for name, value in changed.items() if name not in moments} == {
        name: value for name, value in item.items() if name not in moments}
    # And a new session mends it.
    connection.execute("UPDATE s SET session = '{\"mended\":true}' WHERE sid = 'odd'")
    changed = dynamodb.get_item(TableName=table, Key=key)["Item"]
    assert json.loads(changed["session_data"]["S"])["mended"] is True
    assert changed["unknown"] == {"NS": ["1"]}
    connection.execute("DELETE FROM s WHERE sid = 'odd'")
    assert dynamodb.scan(TableName=table)["Items"] == [GOOD]


def test_mending_a_session_that_is_no_json_is_sqlites_error(make_table, open_table, dynamodb):
    item = {**GOOD, "session_data": {"S": "no json"}}
    table = make_table("sessionId", items=[item])
    connection = open_table(table)
    with pytest.raises(sqlite3.Error, match="malformed JSON"):
        connection.execute("UPDATE s SET session = json_set(session, '$.a', 1)")
    assert dynamodb.scan(TableName=table)["Items"] == [item]


def test_touch_of_an_odd_item_is_no_error(make_table, open_table, dynamodb):
    item = {"sessionId": {"S": "odd"}, "session_data": {"S": "no json"},
            "expireTime": {"N": "%d000" % FUTURE}}
    table = make_table("sessionId", items=[item])
    connection = open_table(table)
    assert connection.execute("SELECT dynamodb_touch('s', 'odd')").fetchone() == (1,)
    assert connection.execute("SELECT dynamodb_touch('s', 'odd', 9999)").fetchone() == (1,)
    (touched,) = dynamodb.scan(TableName=table)["Items"]
    assert touched["session_data"] == item["session_data"]
    assert touched["expireTime"] != item["expireTime"]


# ---- odd answers --------------------------------------------------------------------------------


def scan_answer(*items):
    return Response(json={"Items": list(items), "Count": len(items), "ScannedCount": len(items)})


@pytest.mark.parametrize("answer", [
    Response(body=b"{}"), Response(body=b'{"Items":5}'), Response(body=b'{"Items":[5]}'),
    Response(body=b'{"Items":[{]}'), Response(body=b'{"Items":[{"sessionId":{"S":"\xff"}}]}'),
    Response(json={"Items": [], "LastEvaluatedKey": 5}),
    scan_answer({}), scan_answer({"other": {"S": "x"}}),
])
def test_an_answer_that_is_none_is_an_error(answer, open_table, scripted_endpoint):
    scripted_endpoint.handler = lambda request: answer
    connection = open_table("t", "endpoint_url='%s'" % scripted_endpoint.url, "max_attempts=1")
    with pytest.raises(sqlite3.Error, match="^dynamodb_sessions: ") as caught:
        connection.execute("SELECT * FROM s").fetchall()
    assert caught.value.sqlite_errorname == "SQLITE_ERROR"


@pytest.mark.parametrize("attribute", [
    {"B": "%%%"}, {"N": "five"}, {"S": 5}, {"Q": "x"}, {}, "x", 5, None, {"BOOL": "x"},
    {"M": []}, {"L": {}}, {"SS": "x"},
])
def test_an_attribute_that_is_none_is_an_error_or_a_value_but_no_crash(
        attribute, open_table, scripted_endpoint):
    item = {"sessionId": {"S": "a"}, "session_data": {"S": "{}"}, "x": attribute}
    scripted_endpoint.handler = lambda request: scan_answer(item, item)
    for declared in ("TEXT", "INTEGER", "BLOB"):
        connection = open_table(
            "t", "endpoint_url='%s'" % scripted_endpoint.url, "x " + declared)
        try:
            rows = connection.execute("SELECT sid, x, size, item FROM s").fetchall()
            assert [row[0] for row in rows] == ["a", "a"]
        except sqlite3.Error as error:
            assert error.sqlite_errorname == "SQLITE_ERROR"
        # Whoever does not read it has his row.
        rows = connection.execute("SELECT sid, session FROM s").fetchall()
        assert rows == [("a", "{}")] * 2
