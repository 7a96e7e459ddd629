"""Each method of the default layout's store beside what it is in SQL, on the same sessions.

Both run on a table with the same items; then what the table holds and what was answered are
compared. Where SQL differs on purpose (it neither revives a destroyed session nor fails on 26
expired ones), the row of the table says so.
"""

import copy
import json
import sqlite3
from dataclasses import dataclass
from typing import Any

import pytest

STORE = "serverless-dynamodb-session-store"
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


def session_item(sessions, sid, expires_ms, **members):
    session = sessions.make(expires_ms, views=1, **members)
    null = {"NULL": True}
    return {
        "sessionId": {"S": sid},
        "session_data": {"S": sessions.text(session)},
        "expireTime": null if expires_ms is None else {"N": str(expires_ms)},
        "expireTime_TTL": null if expires_ms is None else {"N": str(expires_ms // 1000)},
    }


def usual_items(sessions):
    now = sessions.now_ms()
    items = [
        session_item(sessions, "live", now + HOUR_MS, passport={"user": "ada"}),
        session_item(sessions, "expired", now - HOUR_MS),
        session_item(sessions, "never", None),
    ]
    items[0]["note"] = {"S": "an attribute that the store does not know"}
    return items


def many_expired(sessions):
    now = sessions.now_ms()
    return [
        session_item(sessions, "live", now + HOUR_MS),
        *(session_item(sessions, f"expired-{i}", now - HOUR_MS - i) for i in range(26)),
    ]


def only_live(sessions):
    return [session_item(sessions, "live", sessions.now_ms() + HOUR_MS)]


@dataclass
class Outcome:
    items: dict
    answer: Any = None
    error: str | None = None


class Case:
    """One method: `store` and `sql` are functions of (application or connection, session)."""

    def __init__(self, name, store, sql, *, items=usual_items, sid=None, expires_in_ms=HOUR_MS,
                 session=None, differs=None):  # fmt: skip
        self.name, self.store, self.sql, self.items = name, store, sql, items
        self.sid, self.expires_in_ms, self.members = sid, expires_in_ms, session or {}
        self.differs = differs

    def session(self, sessions):
        expires = None if self.expires_in_ms is None else sessions.now_ms() + self.expires_in_ms
        return sessions.make(expires, **self.members)


def ask(sql):
    """The answer of a statement of one value."""
    return lambda connection, _session: (connection.execute(sql).fetchone() or (None,))[0]


def ask_json(sql):
    def run(connection, _session):
        row = connection.execute(sql).fetchone()
        return row and json.loads(row[0])

    return run


def give(sql):
    """A statement that takes the session's text; it answers nothing."""

    def run(connection, session):
        connection.execute(sql, (session,))

    return run


def change(sql):
    def run(connection, _session):
        connection.execute(sql)

    return run


INSERT = "INSERT INTO sessions(sid, session) VALUES ('fresh', ?)"
REPLACE = "INSERT OR REPLACE INTO sessions(sid, session) VALUES ('expired', ?)"
ALL = "SELECT json_group_object(sid, json(session)) FROM sessions"


# ---- where SQL differs, on purpose ------------------------------------------------------------


def destroys_nothing_without_an_error(store, sql):
    assert store.error == "Not found session ID"
    assert sql.error is None
    assert sql.items == store.items


def has_no_such_method(store, sql):
    assert store.error == "the store has no clear"
    assert sql.items == {}


def does_not_revive(store, sql):
    assert "gone" in store.items
    assert "gone" not in sql.items
    assert (store.error, sql.answer) == (None, 0)


def does_not_revive_the_expired(store, sql):
    assert int(store.items["expired"]["expireTime"]["N"]) > int(
        sql.items["expired"]["expireTime"]["N"]
    )
    assert sql.answer == 0


def does_not_create_by_an_update(store, sql):
    assert "gone" in store.items
    assert "gone" not in sql.items
    assert sql.error is None


def reaps_all_where_the_store_fails(store, sql):
    assert store.error is not None
    assert len(store.items) == 27
    assert sql.answer == 26
    assert set(sql.items) == {"live"}


def reaps_nothing_where_the_store_fails(store, sql):
    assert store.error is not None
    assert (sql.error, sql.answer) == (None, 0)
    assert sql.items == store.items


CASES = [
    Case(
        "get",
        lambda app, _: app.call("get", "live"),
        ask_json("SELECT session FROM sessions WHERE sid = 'live'"),
    ),
    Case(
        "get of an expired session",
        lambda app, _: app.call("get", "expired"),
        ask_json("SELECT session FROM sessions WHERE sid = 'expired'"),
    ),
    Case(
        "get of no session",
        lambda app, _: app.call("get", "gone"),
        ask_json("SELECT session FROM sessions WHERE sid = 'gone'"),
    ),
    Case("set of a new session", lambda app, s: app.call("set", "fresh", s), give(INSERT)),
    Case(
        "set of a session with much in it",
        lambda app, s: app.call("set", "fresh", s),
        give(INSERT),
        session={"name": "Ünïcødé 🍪\n\"'\\", "n": [0, -1, 2.5, None, True], "a": {"b": {"c": []}}},
    ),
    Case(
        "set of a session that never expires",
        lambda app, s: app.call("set", "fresh", s),
        give(INSERT),
        expires_in_ms=None,
    ),
    Case(
        "set of a session that has expired already",
        lambda app, s: app.call("set", "fresh", s),
        give(INSERT),
        expires_in_ms=-1500,
    ),
    Case("set over another", lambda app, s: app.call("set", "expired", s), give(REPLACE)),
    Case(
        "set over another that has an unknown attribute",
        lambda app, s: app.call("set", "live", s),
        give("UPDATE sessions SET session = ? WHERE sid = 'live'"),
        expires_in_ms=DAY_MS,
    ),
    Case(
        "set of a session that is gone, as UPDATE",
        lambda app, s: app.call("set", "gone", s),
        give("UPDATE sessions SET session = ? WHERE sid = 'gone'"),
        differs=does_not_create_by_an_update,
    ),
    Case(
        "destroy",
        lambda app, _: app.call("destroy", "live"),
        change("DELETE FROM sessions WHERE sid = 'live'"),
    ),
    Case(
        "destroy of no session",
        lambda app, _: app.call("destroy", "gone"),
        change("DELETE FROM sessions WHERE sid = 'gone'"),
        differs=destroys_nothing_without_an_error,
    ),
    Case("all", lambda app, _: app.call("all"), ask_json(ALL)),
    Case("length", lambda app, _: app.call("length"), ask("SELECT count(*) FROM sessions")),
    Case(
        "clear",
        lambda app, _: app.call("clear"),
        change("DELETE FROM sessions"),
        differs=has_no_such_method,
    ),
    Case(
        "touch of a session that is gone",
        lambda app, s: app.call("touch", "gone", s),
        ask("SELECT dynamodb_touch('sessions', 'gone', 3600)"),
        differs=does_not_revive,
    ),
    Case(
        "touch of an expired session",
        lambda app, s: app.call("touch", "expired", s),
        ask("SELECT dynamodb_touch('sessions', 'expired', 3600)"),
        differs=does_not_revive_the_expired,
    ),
    Case(
        "reap",
        lambda app, _: {**app.call("reap"), "result": 1},
        ask("SELECT dynamodb_reap('sessions')"),
    ),
    Case(
        "reap of more than 25",
        lambda app, _: app.call("reap"),
        ask("SELECT dynamodb_reap('sessions')"),
        items=many_expired,
        differs=reaps_all_where_the_store_fails,
    ),
    Case(
        "reap of nothing",
        lambda app, _: app.call("reap"),
        ask("SELECT dynamodb_reap('sessions')"),
        items=only_live,
        differs=reaps_nothing_where_the_store_fails,
    ),
]


def by_the_store(app, case, session):
    answer = case.store(app, copy.deepcopy(session))
    return Outcome(app.items(), answer["result"], answer["error"])


def by_sql(app, connection, case, text):
    try:
        answer, error = case.sql(connection, text), None
    except sqlite3.Error as failure:
        answer, error = None, str(failure)
    return Outcome(app.items(), answer, error)


@pytest.mark.parametrize("case", CASES, ids=[case.name.replace(" ", "-") for case in CASES])
def test_a_method_and_its_statement(start_application, sql_on, sessions, case):
    app = start_application(STORE, max_age=HOUR_MS)
    connection = sql_on(app)
    items = case.items(sessions)
    session = case.session(sessions)
    app.put(*items)
    store = by_the_store(app, case, session)
    app.empty()
    app.put(*items)
    sql = by_sql(app, connection, case, sessions.text(session))
    if case.differs:
        case.differs(store, sql)
    else:
        assert sql == store


def test_touch(start_application, sql_on, sessions):
    """The store is told the time, dynamodb_touch tells it: equal but for that time."""
    app = start_application(STORE, max_age=HOUR_MS)
    connection = sql_on(app)
    item = session_item(sessions, "live", sessions.now_ms() + 60_000, passport={"user": "ada"})
    app.put(item)
    start = sessions.now_ms()
    assert connection.execute("SELECT dynamodb_touch('sessions', 'live')").fetchone() == (1,)
    end = sessions.now_ms()
    by_sql = app.item("live")
    expires = int(by_sql["expireTime"]["N"])
    assert start + HOUR_MS <= expires <= end + HOUR_MS
    app.put(item)
    session = json.loads(item["session_data"]["S"])
    session["cookie"]["expires"] = sessions.iso(expires)
    assert app.call("touch", "live", session)["error"] is None
    assert app.item("live") == by_sql


# ---- the table itself -------------------------------------------------------------------------


def description(dynamodb, table):
    return dynamodb.describe_table(TableName=table)["Table"]


def ttl_of(dynamodb, table):
    answer = dynamodb.describe_time_to_live(TableName=table)["TimeToLiveDescription"]
    return answer.get("AttributeName"), answer["TimeToLiveStatus"]


def test_create_table_if_not_exists(start_application, connect, dynamodb, table_name):
    """The same table as the store's constructor makes; TTL at once, not at a second start."""
    app = start_application(STORE, max_age=HOUR_MS)
    connection = connect()
    connection.execute(
        "CREATE VIRTUAL TABLE temp.sessions USING dynamodb_sessions("
        f"table='{table_name}', read_capacity=5, write_capacity=5)"
    )
    create = "SELECT dynamodb_create_table('sessions')"
    assert connection.execute(create).fetchone() == ("created",)
    store, sql = description(dynamodb, app.table), description(dynamodb, table_name)
    assert sql["TableStatus"] == "ACTIVE"
    assert sql["KeySchema"] == store["KeySchema"]
    assert sql["AttributeDefinitions"] == store["AttributeDefinitions"]
    for unit in ("ReadCapacityUnits", "WriteCapacityUnits"):
        assert sql["ProvisionedThroughput"][unit] == store["ProvisionedThroughput"][unit] == 5
    assert ttl_of(dynamodb, table_name) == ("expireTime_TTL", "ENABLED")
    assert ttl_of(dynamodb, app.table) == (None, "DISABLED")
    assert connection.execute(create).fetchone() == ("exists",)


def test_a_table_without_capacity_is_on_demand(connect, dynamodb, table_name):
    connection = connect()
    connection.execute(
        f"CREATE VIRTUAL TABLE temp.sessions USING dynamodb_sessions(table='{table_name}')"
    )
    connection.execute("SELECT dynamodb_create_table('sessions')")
    billing = description(dynamodb, table_name)["BillingModeSummary"]["BillingMode"]
    assert billing == "PAY_PER_REQUEST"


def test_wait_until_table_exists(start_application, sql_on):
    """dynamodb_create_table waits; dynamodb_status tells the state at any time."""
    app = start_application(STORE, max_age=HOUR_MS)
    assert app.call("waitUntilTableExists", 1000) == {"error": None, "result": None}
    status = sql_on(app).execute("SELECT status FROM dynamodb_status('sessions')").fetchone()
    assert status == ("ACTIVE",)
