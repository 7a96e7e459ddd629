"""Layouts: the table that lists them, overrides by option, and tables of another layout."""

import json
import time

import pytest

FUTURE = int(time.time()) + 3600

# Layout -> hash key, and an item of it with the sid "a".
ITEMS = {
    "serverless-dynamodb-session-store": ("sessionId", {
        "sessionId": {"S": "a"}, "session_data": {"S": '{"views":1}'},
        "expireTime": {"N": "%d000" % FUTURE}, "expireTime_TTL": {"N": str(FUTURE)}}),
    "connect-dynamodb": ("id", {
        "id": {"S": "sess:a"}, "sess": {"S": '{"views":1}'}, "expires": {"N": str(FUTURE)},
        "type": {"S": "connect-session"}}),
    "dynamodb-store": ("sessionId", {
        "sessionId": {"S": "sess:a"}, "sess": {"M": {"views": {"N": "1"}}},
        "expires": {"N": str(FUTURE)}}),
}


def test_dynamodb_layouts_lists_what_layout_knows(connect, requests_of):
    connection = connect()
    cursor = connection.execute("SELECT * FROM dynamodb_layouts")
    assert [column[0] for column in cursor.description] == [
        "name", "hash_key", "prefix", "suffix", "data", "encoding", "expires", "unit", "ttl",
        "default_age", "writable"]
    assert cursor.fetchall() == [
        ("serverless-dynamodb-session-store", "sessionId", "", "", "session_data", "JSON text",
         "expireTime", "ms", "expireTime_TTL", None, 1),
        ("connect-dynamodb", "id", "sess:", "", "sess", "JSON text", "expires", "s", "expires",
         86400, 1),
        ("dynamodb-store", "sessionId", "sess:", "", "sess", "map", "expires", "s", "expires",
         86400, 1),
    ]
    for name, in connection.execute("SELECT name FROM dynamodb_layouts").fetchall():
        connection.execute(
            "CREATE VIRTUAL TABLE temp.\"%s\" USING dynamodb_sessions(layout='%s')" % (name, name))
    assert requests_of(connection) == []


@pytest.mark.parametrize("layout", ITEMS)
def test_each_layout_reads_its_items(layout, make_table, open_table):
    hash_key, item = ITEMS[layout]
    connection = open_table(make_table(hash_key, items=[item]), "layout='%s'" % layout)
    rows = [("a", '{"views":1}', FUTURE, 0)]
    select = "SELECT sid, session, expires, expired FROM s"
    assert connection.execute(select).fetchall() == rows
    assert connection.execute(select + " WHERE sid = 'a'").fetchall() == rows
    assert connection.execute(select + " WHERE expires = %d" % FUTURE).fetchall() == rows


@pytest.mark.parametrize("layout", ITEMS)
def test_each_layout_writes_what_its_store_writes(layout, make_table, open_table, dynamodb):
    hash_key, item = ITEMS[layout]
    table = make_table(hash_key)
    connection = open_table(table, "layout='%s'" % layout)
    connection.execute("INSERT INTO s(sid, session, expires) VALUES ('a', '{\"views\":1}', ?)",
                       (FUTURE,))
    (written,) = dynamodb.scan(TableName=table)["Items"]
    payload = "session_data" if "session_data" in item else "sess"
    assert set(written) == set(item)
    assert {name: written[name] for name in item if name != payload} == {
        name: item[name] for name in item if name != payload}
    ((kind, value),) = written[payload].items()
    assert kind == ("M" if layout == "dynamodb-store" else "S")
    if kind == "S":
        session = json.loads(value)
        assert session["views"] == 1 and session["cookie"]["originalMaxAge"] <= 3_600_000
    else:
        assert value["views"] == {"N": "1"} and {"cookie", "updated"} < set(value)


def test_every_override_works(make_table, open_table, dynamodb, requests_of):
    item = {"pk": {"S": "app#a#session"}, "body": {"S": '{"views":1}'},
            "until": {"N": "%d000" % FUTURE}, "gone": {"N": str(FUTURE)}, "more": {"S": "x"}}
    others = [{"pk": {"S": key}, "body": {"S": "{}"}}
              for key in ("app#b", "user#a#session", "app#session", "x")]
    table = make_table("pk", items=[item, *others])
    connection = open_table(
        table, "hash_key=pk", "prefix='app#'", "suffix=\"#session\"", "data=[body]",
        "expires=until", "ttl='gone'", "more TEXT")
    assert connection.execute("SELECT * FROM s").fetchall() == [("a", '{"views":1}', FUTURE, "x")]
    assert connection.execute("SELECT sid FROM s WHERE sid = 'a'").fetchall() == [("a",)]
    connection.execute("UPDATE s SET expires = expires + 1, session = '{}' WHERE sid = 'a'")
    key = {"pk": {"S": "app#a#session"}}
    written = dynamodb.get_item(TableName=table, Key=key)["Item"]
    assert set(written) == set(item) and written["more"] == {"S": "x"}
    assert written["until"] == {"N": "%d000" % (FUTURE + 1)}
    assert written["gone"] == {"N": str(FUTURE + 1)}
    # The items of other kinds are out of reach of every condition.
    connection.execute("DELETE FROM s")
    left = {item["pk"]["S"] for item in dynamodb.scan(TableName=table)["Items"]}
    assert left == {"app#b", "user#a#session", "app#session", "x"}


def test_a_layout_with_one_expiry_attribute_keeps_one_when_it_is_overridden(
        make_table, open_table, dynamodb):
    table = make_table("id")
    connection = open_table(table, "layout=connect-dynamodb", "expires=until")
    connection.execute("INSERT INTO s(sid, session, expires) VALUES ('a', '{}', ?)", (FUTURE,))
    (written,) = dynamodb.scan(TableName=table)["Items"]
    assert set(written) == {"id", "sess", "until", "type"}


def test_an_empty_prefix_takes_the_layouts_away(make_table, open_table):
    table = make_table("id", items=[ITEMS["connect-dynamodb"][1]])
    connection = open_table(table, "layout=connect-dynamodb", "prefix=''")
    assert connection.execute("SELECT sid FROM s").fetchall() == [("sess:a",)]


# ---- another layout's table ---------------------------------------------------------------------

MISFITS = [
    ("serverless-dynamodb-session-store", "connect-dynamodb"),
    ("connect-dynamodb", "serverless-dynamodb-session-store"),
    ("connect-dynamodb", "dynamodb-store"),
    ("dynamodb-store", "connect-dynamodb"),
]


@pytest.mark.parametrize(("layout", "stored"), MISFITS)
@pytest.mark.parametrize("sql", [
    "SELECT * FROM s",
    "SELECT count(*) FROM s",
    "SELECT sid FROM s",
    "SELECT item FROM s",
    "SELECT sid FROM s WHERE expired = 1",
    "SELECT sid FROM s WHERE expires > 99999999999",
    "SELECT sid FROM s WHERE sid = 'a'",
    "DELETE FROM s",
    "DELETE FROM s WHERE sid = 'a'",
    "UPDATE s SET expires = 5",
    "INSERT INTO s(sid, session) VALUES ('b', '{}')",
])
def test_another_layouts_table_is_an_error_that_says_which(
        layout, stored, sql, make_table, open_table, dynamodb):
    hash_key, item = ITEMS[stored]
    table = make_table(hash_key, items=[item])
    connection = open_table(table, "layout='%s'" % layout)
    with pytest.raises(Exception) as caught:
        connection.execute(sql).fetchall()
    message = str(caught.value)
    assert caught.value.sqlite_errorname == "SQLITE_ERROR"
    assert "looks like layout='%s'" % stored in message
    assert all(name in message for name in item)
    assert "views" not in message
    assert dynamodb.scan(TableName=table)["Items"] == [item]


def test_stores_that_differ_in_all_but_the_key_show_rows_without_a_session(make_table, open_table):
    """dynamodb-store's items have the default layout's key: they are rows, each with its item."""
    table = make_table("sessionId", items=[ITEMS["dynamodb-store"][1]])
    connection = open_table(table)
    sid, session, expires, item = connection.execute(
        "SELECT sid, session, expires, item FROM s").fetchone()
    assert (sid, session, expires) == ("sess:a", None, None)
    assert set(json.loads(item)) == set(ITEMS["dynamodb-store"][1])


def test_a_table_with_a_sort_key_is_no_session_table(make_table, open_table):
    item = {**ITEMS["connect-dynamodb"][1], "sort": {"S": "x"}}
    table = make_table("id", range_key="sort", items=[item])
    connection = open_table(table, "layout='connect-dynamodb'")
    with pytest.raises(Exception, match="check layout= and hash_key="):
        connection.execute("SELECT * FROM s WHERE sid = 'a'").fetchall()
    # Read as a whole it is fine; written, DynamoDB refuses.
    assert connection.execute("SELECT sid FROM s").fetchall() == [("a",)]
    with pytest.raises(Exception, match="check layout= and hash_key="):
        connection.execute("DELETE FROM s")


def test_a_key_of_another_type_is_no_row(dynamodb, open_table, table_name):
    dynamodb.create_table(
        TableName=table_name, BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "sessionId", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "sessionId", "AttributeType": "N"}])
    dynamodb.put_item(TableName=table_name, Item={"sessionId": {"N": "5"}})
    connection = open_table(table_name)
    assert connection.execute("SELECT * FROM s").fetchall() == []
    with pytest.raises(Exception, match="check layout= and hash_key="):
        connection.execute("SELECT * FROM s WHERE sid = '5'").fetchall()
