"""How many requests a statement sends, and of which operation: on the server's side too.

Each statement has a connection of its own that talks to DynamoDB Local through the scripted
endpoint, which counts what arrives; dynamodb_requests must say the same. The one DescribeTable that
may come before a table's first whole Scan is told apart from the statement's own requests.
"""

import json
from collections import Counter

import pytest
from session_table import LATER, SERVERLESS

BATCH = 25
SIDS = ["s%03d" % i for i in range(300)]
PAGES = 10


def put_all(dynamodb, name, items):
    puts = [{"PutRequest": {"Item": item}} for item in items]
    for start in range(0, len(puts), BATCH):
        answer = dynamodb.batch_write_item(RequestItems={name: puts[start:start + BATCH]})
        assert not answer["UnprocessedItems"]


@pytest.fixture
def sent(connect, scripted_endpoint):
    """sent(table, *statements): (the rows of the last one, what was sent, by operation)."""

    def run(table, *statements):
        connection = connect()
        connection.execute(
            "CREATE VIRTUAL TABLE temp.s USING dynamodb_sessions(table='%s', endpoint_url='%s')"
            % (table, scripted_endpoint.url))
        before = len(scripted_endpoint.operations())
        for statement in statements:
            rows = connection.execute(statement).fetchall()
        arrived = scripted_endpoint.operations()[before:]
        logged = connection.execute("SELECT operation, attempts FROM dynamodb_requests ORDER BY id")
        assert logged.fetchall() == [(operation, 1) for operation in arrived]
        counts = Counter(arrived)
        assert counts.pop("DescribeTable", 0) <= 1
        return rows, dict(counts)

    return run


@pytest.fixture
def sessions(dynamodb, make_table):
    """A table of 300 sessions, each of another user."""
    name = make_table(SERVERLESS.hash_key)
    put_all(dynamodb, name, (
        SERVERLESS.item(sid, json.dumps({"user": "u" + sid}), LATER) for sid in SIDS))
    return name


@pytest.fixture
def long_table(dynamodb, make_table):
    """A table that takes ten pages to scan."""
    name = make_table(SERVERLESS.hash_key)
    text = json.dumps({"text": "x" * 100_000})
    put_all(dynamodb, name, (SERVERLESS.item("s%d" % i, text, LATER) for i in range(110)))
    pages = list(dynamodb.get_paginator("scan").paginate(TableName=name))
    assert len(pages) == PAGES
    return name


def local_table(sids):
    """Statements that make a local table l(v, user) of these sids."""
    rows = ", ".join("('%s', 'u%s')" % (sid, sid) for sid in sids)
    return ["CREATE TABLE l(v TEXT, user TEXT)", "INSERT INTO l VALUES " + rows]


def test_a_point_read_is_one_get_item(sent, sessions):
    rows, counts = sent(sessions, "SELECT * FROM s WHERE sid = 's007'")
    assert len(rows) == 1 and counts == {"GetItem": 1}


def test_250_keys_are_three_batches(sent, sessions):
    keys = ", ".join("'%s'" % sid for sid in SIDS[:250])
    rows, counts = sent(sessions, f"SELECT sid FROM s WHERE sid IN ({keys})")
    assert len(rows) == 250 and counts == {"BatchGetItem": 3}


def test_500_keys_of_a_subquery_are_five_batches(sent, sessions):
    sids = SIDS + ["nobody%d" % i for i in range(200)]
    rows, counts = sent(
        sessions, *local_table(sids), "SELECT sid FROM s WHERE sid IN (SELECT v FROM l)")
    assert len(rows) == 300 and counts == {"BatchGetItem": 5}


def test_a_limit_that_the_first_page_satisfies_is_one_scan(
        sent, long_table, scripted_endpoint):
    rows, counts = sent(long_table, "SELECT sid FROM s LIMIT 10")
    assert len(rows) == 10 and counts == {"Scan": 1}
    (scan,) = [request for request in scripted_endpoint.requests if request.operation == "Scan"]
    assert scan.json()["Limit"] == 10


def test_a_count_is_one_scan_a_page(sent, long_table):
    rows, counts = sent(long_table, "SELECT count(*) FROM s")
    assert rows == [(110,)] and counts == {"Scan": PAGES}


def test_a_join_gets_each_key_once(sent, sessions):
    """500 local rows on 300 distinct sids: SQLite asks for one key at a time."""
    rows, counts = sent(
        sessions, *local_table(SIDS + SIDS[:200]),
        "SELECT l.v, s.sid FROM l JOIN s ON s.sid = l.v")
    assert len(rows) == 500 and counts == {"GetItem": 300}


def test_a_join_on_a_path_keeps_the_scan_from_its_second_time_on(sent, sessions):
    rows, counts = sent(
        sessions, *local_table(SIDS[:99] + ["nobody"]),
        "SELECT l.v, s.sid FROM l LEFT JOIN s ON s.session->>'$.user' = l.user")
    assert sorted(rows) == sorted([*zip(SIDS[:99], SIDS[:99]), ("nobody", None)], key=str)
    assert counts == {"Scan": 2}


def test_40_replaced_sessions_are_two_batches(sent, sessions, dynamodb):
    replace = "INSERT OR REPLACE INTO s(sid, session) VALUES ('%s', '{\"n\":%d}')"
    writes = [replace % (sid, i) for i, sid in enumerate(SIDS[:40])]
    _, counts = sent(sessions, "BEGIN", *writes, "COMMIT")
    assert counts == {"BatchWriteItem": 2}
    item = dynamodb.get_item(TableName=sessions, Key=SERVERLESS.key(SIDS[39]))["Item"]
    assert json.loads(item[SERVERLESS.data]["S"])["n"] == 39
