"""Ten thousand sessions: every page is read, every expired one reaped, and nothing else."""

import json
import time

import pytest

COUNT, EXPIRED = 10_000, 3_000
HOUR_MS = 3_600_000


def make_items(now_ms):
    """Four MB and more, several pages of 1 MB in a Scan; the expired stand among the live."""
    items = {}
    for i in range(COUNT):
        expired = i % 10 < EXPIRED * 10 // COUNT
        expires_ms = now_ms - HOUR_MS - i if expired else now_ms + 24 * HOUR_MS + i
        session = {"views": i, "passport": {"user": f"user-{i % 100}"}, "note": "n" * (i % 700)}
        items[f"session-{i:05d}"] = {
            "sessionId": {"S": f"session-{i:05d}"},
            "session_data": {"S": json.dumps(session)},
            "expireTime": {"N": str(expires_ms)},
            "expireTime_TTL": {"N": str(expires_ms // 1000)},
        }
    return items


def load(dynamodb, table, items):
    puts = [{"PutRequest": {"Item": item}} for item in items]
    for start in range(0, len(puts), 25):
        answer = dynamodb.batch_write_item(RequestItems={table: puts[start : start + 25]})
        assert not answer["UnprocessedItems"]


def scan(dynamodb, table):
    pages = dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
    return {item["sessionId"]["S"]: item for page in pages for item in page["Items"]}


@pytest.fixture
def full(dynamodb, make_table):
    """A table of ten thousand, without TTL: its name and its items by session id."""
    table = make_table("sessionId")
    items = make_items(time.time_ns() // 1_000_000)
    load(dynamodb, table, items.values())
    return table, items


def columns_of(item):
    return item["session_data"]["S"], int(item["expireTime"]["N"]) / 1000


def requests_since(connection, identity):
    """{operation: (calls, items, scanned)} of the requests after the one of that id."""
    rows = connection.execute(
        "SELECT operation, count(*), sum(items), sum(scanned) FROM dynamodb_requests"
        " WHERE id > ? GROUP BY operation",
        (identity,),
    ).fetchall()
    return {operation: tuple(figures) for operation, *figures in rows}


def last_request(connection):
    return connection.execute("SELECT coalesce(max(id), 0) FROM dynamodb_requests").fetchone()[0]


def test_ten_thousand(connect, dynamodb, full):
    table, items = full
    live = {sid for sid, item in items.items() if int(item["expireTime"]["N"]) > time.time() * 1000}
    assert len(live) == COUNT - EXPIRED
    connection = connect()
    connection.execute(
        f"CREATE VIRTUAL TABLE temp.sessions USING dynamodb_sessions(table='{table}')"
    )

    # Count: of all pages.
    assert connection.execute("SELECT count(*) FROM sessions").fetchone() == (COUNT,)
    calls, returned, scanned = requests_since(connection, 0)["Scan"]
    assert calls > 1
    assert (returned, scanned) == (COUNT, COUNT)

    # A full read: what boto3's Scan has, each session once.
    before = last_request(connection)
    rows = connection.execute("SELECT sid, session, expires FROM sessions").fetchall()
    assert len(rows) == COUNT
    witness = scan(dynamodb, table)
    assert {sid: tuple(columns) for sid, *columns in rows} == {
        sid: columns_of(item) for sid, item in witness.items()
    }
    assert requests_since(connection, before)["Scan"][0] > 1

    # A condition is checked at the server, on every page.
    before = last_request(connection)
    query = "SELECT count(*) FROM sessions WHERE expired = ?"
    assert connection.execute(query, (1,)).fetchone() == (EXPIRED,)
    calls, returned, scanned = requests_since(connection, before)["Scan"]
    assert calls > 1
    assert (returned, scanned) == (EXPIRED, COUNT)
    assert connection.execute(query, (0,)).fetchone() == (COUNT - EXPIRED,)

    # Reap: all of the expired, and nothing but them.
    assert connection.execute("SELECT dynamodb_reap('sessions')").fetchone() == (EXPIRED,)
    assert scan(dynamodb, table) == {sid: items[sid] for sid in live}
    assert connection.execute("SELECT count(*) FROM sessions").fetchone() == (len(live),)
    assert connection.execute("SELECT dynamodb_reap('sessions')").fetchone() == (0,)


def test_a_thousand_in_one_statement(connect, dynamodb, make_table):
    """INSERT … SELECT, and a DELETE of a share."""
    table = make_table("sessionId")
    connection = connect()
    connection.execute(
        f"CREATE VIRTUAL TABLE temp.sessions USING dynamodb_sessions(table='{table}')"
    )
    connection.execute(
        "INSERT INTO sessions(sid, session, expires)"
        " WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)"
        " SELECT printf('s-%04d', i), json_object('i', i), 4000000000 + i FROM n"
    )
    assert connection.execute("SELECT changes()").fetchone() == (1000,)
    assert set(scan(dynamodb, table)) == {f"s-{i:04d}" for i in range(1, 1001)}
    connection.execute("DELETE FROM sessions WHERE session ->> '$.i' % 4 = 0")
    assert connection.execute("SELECT changes()").fetchone() == (250,)
    assert set(scan(dynamodb, table)) == {f"s-{i:04d}" for i in range(1, 1001) if i % 4}
