"""What a write asserts: whatever an application does between read and COMMIT stays."""

import json
import time

import pytest
from session_table import CONNECT, LATER, LAYOUTS, LONG_AGO, MAP, SERVERLESS, SessionTable, refused

VISIT = '{"cookie":{"originalMaxAge":3600000,"expires":"2096-10-02T07:06:40.000Z"},"views":1}'


@pytest.fixture
def sessions(dynamodb, connect, make_table, scripted_endpoint):
    """A table whose requests go through `scripted_endpoint`, which records them."""
    table = SessionTable(
        dynamodb, connect(), make_table, SERVERLESS,
        "userId TEXT", "visits INTEGER", f"endpoint_url='{scripted_endpoint.url}'",
    )
    table.endpoint = scripted_endpoint
    return table


@pytest.fixture(params=LAYOUTS, ids=lambda layout: layout.name)
def every(request, dynamodb, connect, make_table):
    return SessionTable(dynamodb, connect(), make_table, request.param, "userId TEXT")


def between(table, statement, change, *parameters):
    """BEGIN, the statement, a change by somebody else, COMMIT."""
    table.sql("BEGIN")
    cursor = table.sql(statement, *parameters)
    change()
    try:
        table.sql("COMMIT")
    except Exception:
        assert not table.connection.in_transaction
        raise
    return cursor.rowcount


# ---- UPDATE: compare and set --------------------------------------------------------------------


def test_update_loses_no_visit(every):
    every.put("a", VISIT)
    visited = every.layout.payload('{"views":2}')
    with refused("SQLITE_BUSY_SNAPSHOT", "changed since it was read", "sessions"):
        between(
            every,
            "UPDATE sessions SET session = json_set(session, '$.role', 'admin') WHERE sid = 'a'",
            lambda: every.change("a", f"{every.layout.data} = :s", s=visited),
        )
    assert every.get("a")[every.layout.data] == visited


def test_the_error_names_the_row_by_its_hash(sessions):
    sessions.put("a", VISIT)
    (hashed,) = sessions.rows("SELECT sid_hash FROM sessions")[0]
    with refused("SQLITE_BUSY_SNAPSHOT", hashed):
        between(sessions, "UPDATE sessions SET userId = 'u'",
                lambda: sessions.change("a", "userId = :u", u={"S": "v"}))


OVERWRITTEN = [
    # what the statement writes or reads, what the application changes meanwhile
    ("UPDATE sessions SET userId = 'u'", {"userId": {"S": "w"}}),
    ("UPDATE sessions SET userId = NULL", {"userId": {"S": "w"}}),
    ("UPDATE sessions SET expires = 4000000001", {"expireTime": {"N": "4000000009000"}}),
    ("UPDATE sessions SET expires = 4000000001", {"expireTime_TTL": {"N": "4000000009"}}),
    ("UPDATE sessions SET userId = 'u' WHERE json_extract(session, '$.views') = 1",
     {"session_data": {"S": "{}"}}),
    ("UPDATE sessions SET userId = 'u' || visits", {"visits": {"N": "8"}}),
    ("UPDATE sessions SET userId = 'u' WHERE visits = 1", {"visits": {"N": "8"}}),
    ("UPDATE sessions SET userId = 'u' WHERE visits IS NOT NULL AND visits + 0 = 1",
     {"visits": {"N": "8"}}),
    ("UPDATE sessions SET userId = 'u' WHERE expires > 5", {"expireTime": {"N": "4000000009000"}}),
    ("UPDATE sessions SET userId = 'u' WHERE size > 5", {"visits": {"N": "8"}}),
    ("UPDATE sessions SET userId = 'u' WHERE item LIKE '%views%'", {"visits": {"N": "8"}}),
    ("UPDATE sessions SET userId = 'u' WHERE NOT expired",
     {"expireTime": {"N": "1000"}, "expireTime_TTL": {"N": "1"}}),
    ("UPDATE sessions SET userId = 'u' WHERE expired = 0",
     {"expireTime": {"N": "1000"}, "expireTime_TTL": {"N": "1"}}),
    ("UPDATE sessions SET sid = 'b'", {"visits": {"N": "8"}}),
    ("UPDATE sessions SET item = json_set(item, '$.userId.S', 'q')", {"visits": {"N": "8"}}),
]


@pytest.mark.parametrize("statement, changed", OVERWRITTEN)
def test_update_asserts_what_it_overwrites_and_what_it_read(sessions, statement, changed):
    before = sessions.put("a", VISIT, userId={"S": "v"}, visits={"N": "1"})
    names = {f"v{i}": value for i, value in enumerate(changed.values())}
    assignments = ", ".join(f"{name} = :v{i}" for i, name in enumerate(changed))
    with refused("SQLITE_BUSY_SNAPSHOT", "changed since it was read"):
        between(sessions, statement, lambda: sessions.change("a", assignments, **names))
    assert sessions.get("a") == {**before, **changed}


UNTOUCHED = [
    ("UPDATE sessions SET userId = 'u'", {"session_data": {"S": "{}"}}),
    ("UPDATE sessions SET userId = 'u' WHERE sid = 'a'", {"visits": {"N": "8"}}),
    ("UPDATE sessions SET userId = 'u' WHERE sid LIKE 'a%'", {"visits": {"N": "8"}}),
    ("UPDATE sessions SET visits = 9", {"userId": {"S": "w"}, "fresh": {"S": "x"}}),
    # A visit moves the expiry; it is still not expired.
    ("UPDATE sessions SET userId = 'u' WHERE NOT expired", {"expireTime": {"N": "4100000000000"}}),
]


@pytest.mark.parametrize("statement, changed", UNTOUCHED)
def test_update_leaves_what_it_neither_read_nor_wrote(sessions, statement, changed):
    before = sessions.put("a", VISIT, userId={"S": "v"}, visits={"N": "1"})
    names = {f"v{i}": value for i, value in enumerate(changed.values())}
    assignments = ", ".join(f"{name} = :v{i}" for i, name in enumerate(changed))
    between(sessions, statement, lambda: sessions.change("a", assignments, **names))
    after = sessions.get("a")
    written = {"visits": {"N": "9"}} if "visits = 9" in statement else {"userId": {"S": "u"}}
    assert after == {**before, **changed, **written}


def test_update_of_a_row_that_is_gone_does_not_revive_it(every):
    every.put("a", VISIT)
    with refused("SQLITE_BUSY_SNAPSHOT"):
        between(every, "UPDATE sessions SET userId = 'u'", lambda: every.delete("a"))
    assert every.sids() == []


@pytest.mark.parametrize("statement", [
    "UPDATE sessions SET item = json_set(item, '$.x.S', '1')", "UPDATE sessions SET sid = 'b'",
])
def test_update_of_item_or_sid_of_a_row_that_is_gone(sessions, statement):
    sessions.put("a", VISIT)
    with refused("SQLITE_BUSY_SNAPSHOT"):
        between(sessions, statement, lambda: sessions.delete("a"))
    assert "a" not in sessions.sids()


def test_update_of_a_row_that_became_the_same_meanwhile(sessions):
    """The visit wrote what the statement would: still a change since the read."""
    sessions.put("a", VISIT, userId={"S": "v"})
    with refused("SQLITE_BUSY_SNAPSHOT"):
        between(sessions, "UPDATE sessions SET userId = 'u'",
                lambda: sessions.change("a", "userId = :u", u={"S": "u"}))


def test_update_of_the_item_keeps_an_attribute_that_is_added_meanwhile(sessions):
    before = sessions.put("a", VISIT, userId={"S": "v"})
    between(sessions, "UPDATE sessions SET item = json_set(item, '$.userId.S', 'q')",
            lambda: sessions.change("a", "visits = :v", v={"N": "1"}))
    assert sessions.get("a") == {**before, "userId": {"S": "q"}, "visits": {"N": "1"}}


def test_update_from_asserts_too(sessions):
    sessions.put("a", VISIT, userId={"S": "v"})
    sessions.sql("CREATE TEMP TABLE names(old TEXT, new TEXT)")
    sessions.sql("INSERT INTO names VALUES ('v', 'u')")
    with refused("SQLITE_BUSY_SNAPSHOT"):
        between(sessions, "UPDATE sessions SET visits = 5 FROM names WHERE userId = old",
                lambda: sessions.change("a", "userId = :u", u={"S": "w"}))
    assert sessions.get("a")["userId"] == {"S": "w"} and "visits" not in sessions.get("a")


# ---- DELETE ---------------------------------------------------------------------------------


@pytest.mark.parametrize("condition", [
    "expired", "expired = 1", "expired IS 1", "expires < 2000000000", "expires <= 1500000000",
    "expires BETWEEN 1 AND 1500000000", "expired AND expires < 2000000000",
])
def test_a_visitor_who_comes_back_is_not_logged_out(every, condition):
    every.put("gone", VISIT, LONG_AGO)
    every.put("back", VISIT, LONG_AGO)
    expiry = every.layout.expiry(LATER)
    names = {f"v{i}": value for i, value in enumerate(expiry.values())}
    assignments = ", ".join(f"{name} = :v{i}" for i, name in enumerate(expiry))
    count = between(every, f"DELETE FROM sessions WHERE {condition}",
                    lambda: every.change("back", assignments, **names))
    assert count == 2
    assert every.sids() == ["back"]
    assert every.get("back")[every.layout.expires] == expiry[every.layout.expires]


@pytest.mark.parametrize("condition, changed", [
    ("userId = 'u'", {"userId": {"S": "w"}}),
    ("visits > 0", {"visits": {"N": "0"}}),
    ("visits < 2", {"visits": {"N": "2"}}),
    ("visits >= 1", {"visits": {"N": "0"}}),
    ("visits BETWEEN 1 AND 2", {"visits": {"N": "3"}}),
    ("expires IS NULL", {"expireTime": {"N": "5"}}),
    # One condition is pushed, another is not: it stays by the pushed one.
    ("userId = 'u' AND length(userId) = 1", {"userId": {"S": "w"}}),
])
def test_a_pushed_condition_that_no_longer_holds_leaves_the_row(sessions, condition, changed):
    sessions.put("a", VISIT, None, userId={"S": "u"}, visits={"N": "1"})
    ((name, value),) = changed.items()
    between(sessions, f"DELETE FROM sessions WHERE {condition}",
            lambda: sessions.change("a", f"{name} = :v", v=value))
    assert sessions.get("a")[name] == value


@pytest.mark.parametrize("bound, comes_to", [("<", 0), (">", 0), ("<", 0.125)])
def test_a_session_that_comes_to_the_very_end_of_a_range_stays(every, bound, comes_to):
    every.put("a", VISIT, LATER - 9 if bound == "<" else LATER + 9)
    end = LATER + (comes_to if every.layout.unit_ms == 1 else int(comes_to))
    changed = every.layout.expiry(end)
    names = {f"v{i}": value for i, value in enumerate(changed.values())}
    assignments = ", ".join(f"{name} = :v{i}" for i, name in enumerate(changed))
    between(every, f"DELETE FROM sessions WHERE expires {bound} ?",
            lambda: every.change("a", assignments, **names), end)
    assert every.sids() == ["a"]


@pytest.mark.parametrize("condition, changed", [
    ("userId = 'u'", {"visits": {"N": "2"}}),
    ("sid = 'a'", {"visits": {"N": "2"}}),
    ("sid LIKE 'a'", {"visits": {"N": "2"}}),
    ("visits > 0", {"visits": {"N": "2"}}),  # still true
    ("expired = 0", {"session_data": {"S": "{}"}}),
])
def test_what_no_condition_read_may_change(sessions, condition, changed):
    sessions.put("a", VISIT, userId={"S": "u"}, visits={"N": "1"})
    ((name, value),) = changed.items()
    between(sessions, f"DELETE FROM sessions WHERE {condition}",
            lambda: sessions.change("a", f"{name} = :v", v=value))
    assert sessions.sids() == []


@pytest.mark.parametrize("condition, changed", [
    ("json_extract(session, '$.views') = 1", {"session_data": {"S": '{"views":2}'}}),
    ("session->>'$.views' = 1", {"session_data": {"S": '{"views":1,"x":1}'}}),
    ("userId LIKE 'U'", {"userId": {"S": "w"}}),
    ("userId = 'u' COLLATE NOCASE", {"userId": {"S": "w"}}),
    ("visits % 2 = 1", {"visits": {"N": "2"}}),
    ("expires + 0 < 5000000000", {"expireTime": {"N": "5"}}),
    ("size > 0", {"userId": {"S": "x"}}),
    ("sid = 'a' AND visits % 2 = 1", {"visits": {"N": "2"}}),
    ("sid = 'a' AND expires + 0 > 5", {"expireTime": {"N": "4000000009000"}}),
    ("userId = 'u' OR visits = 7", {"userId": {"S": "w"}}),
])
def test_what_other_conditions_read_must_not_change(sessions, condition, changed):
    before = sessions.put("a", VISIT, userId={"S": "u"}, visits={"N": "1"})
    ((name, value),) = changed.items()
    with refused("SQLITE_BUSY_SNAPSHOT", "changed since it was read"):
        between(sessions, f"DELETE FROM sessions WHERE {condition}",
                lambda: sessions.change("a", f"{name} = :v", v=value))
    assert sessions.get("a") == {**before, name: value}


@pytest.mark.parametrize("condition", [
    "sid = 'a'", "expired", "session->>'$.views' = 1", "userId = 'u'", "visits % 2 = 1", "1",
])
def test_a_row_that_is_gone_already_is_no_error(sessions, condition):
    sessions.put("a", VISIT, LONG_AGO, userId={"S": "u"}, visits={"N": "1"})
    assert between(sessions, f"DELETE FROM sessions WHERE {condition}",
                   lambda: sessions.delete("a")) == 1
    assert sessions.sids() == []


def test_a_forced_log_out_that_meets_a_visit_fails_loudly_and_is_run_again(every):
    every.put("a", '{"user":"eve","views":1}')
    every.put("b", '{"user":"eve","views":1}')
    every.put("c", '{"user":"bob","views":1}')
    statement = "DELETE FROM sessions WHERE session->>'$.user' = 'eve'"
    with refused("SQLITE_BUSY_SNAPSHOT", " applied, ", " not applied, 0 unknown"):
        between(every, statement, lambda: every.change(
            "a", f"{every.layout.data} = :s", s=every.layout.payload('{"user":"eve","views":2}')))
    every.sql(statement)
    assert every.sids() == ["c"]


def test_delete_with_a_subquery_on_the_same_table_asserts_its_own_row(sessions):
    sessions.put("a", VISIT, userId={"S": "u"}, visits={"N": "1"})
    sessions.put("b", VISIT, userId={"S": "u"}, visits={"N": "2"})
    statement = (
        "DELETE FROM sessions WHERE visits % 2 = 1 AND EXISTS"
        " (SELECT 1 FROM sessions o WHERE o.userId LIKE sessions.userId AND o.sid <> sessions.sid)"
    )
    with refused("SQLITE_BUSY_SNAPSHOT"):
        between(sessions, statement, lambda: sessions.change("a", "visits = :v", v={"N": "3"}))
    # What the subquery read of other rows is no part of the row that is written.
    between(sessions, statement, lambda: sessions.change("b", "userId = :v", v={"S": "w"}))
    assert sessions.sids() == ["b"]


def test_a_one_pass_delete_that_checks_more(sessions):
    """SQLite closes the cursor of a unique key before xUpdate."""
    sessions.put("a", VISIT, visits={"N": "1"})
    sessions.sql("DELETE FROM sessions WHERE sid = 'a' AND visits % 2 = 0")
    assert sessions.sids() == ["a"]
    sessions.sql("DELETE FROM sessions WHERE sid = 'a' AND visits % 2 = 1")
    assert sessions.sids() == []


def test_reads_and_writes_of_several_rows_do_not_mix(sessions):
    for i in range(40):
        sessions.put(f"s{i:02d}", VISIT, visits={"N": str(i)})
    with refused("SQLITE_BUSY_SNAPSHOT"):
        between(sessions, "DELETE FROM sessions WHERE visits % 2 = 1",
                lambda: sessions.change("s31", "visits = :v", v={"N": "32"}))
    assert "s31" in sessions.sids() and "s30" in sessions.sids()
    sessions.sql("DELETE FROM sessions WHERE visits % 2 = 1")
    assert sessions.sids() == sorted([f"s{i:02d}" for i in range(0, 40, 2)] + ["s31"])


# ---- the wire -----------------------------------------------------------------------------------


def written(table):
    """The body of the one write that was sent since, its placeholders filled in."""
    writes = [r for r in table.endpoint.requests if r.operation in
              ("PutItem", "UpdateItem", "DeleteItem")]
    table.endpoint.requests.clear()
    (request,) = writes
    body = request.json()
    values = body.pop("ExpressionAttributeValues", {})
    names = body.pop("ExpressionAttributeNames", {})
    for member in ("ConditionExpression", "UpdateExpression"):
        for placeholder in sorted({**names, **values}, key=len, reverse=True):
            if member in body:
                filled = names.get(placeholder) or json.dumps(values[placeholder])
                body[member] = body[member].replace(placeholder, filled)
    assert body.pop("TableName") == table.name
    assert body.pop("ReturnConsumedCapacity") == "TOTAL"
    return request.operation, body


OLD = {"ReturnValuesOnConditionCheckFailure": "ALL_OLD"}


def test_the_exact_condition_of_an_insert(sessions):
    sessions.sql("INSERT INTO sessions(sid, session, expires) VALUES ('a', ?, 5)", '{"cookie":{}}')
    operation, body = written(sessions)
    assert operation == "PutItem"
    item = body.pop("Item")
    assert set(item) == {"sessionId", "session_data", "expireTime", "expireTime_TTL"}
    assert body == {"ConditionExpression": "attribute_not_exists(sessionId)", **OLD}


def test_a_replace_has_no_condition(sessions):
    sessions.sql("REPLACE INTO sessions(sid, session) VALUES ('a', '{}')")
    operation, body = written(sessions)
    assert operation == "PutItem" and set(body) == {"Item"}


def test_the_exact_condition_of_an_update(sessions):
    sessions.put("a", VISIT, userId={"S": "u"})
    sessions.sql("UPDATE sessions SET userId = 'v' WHERE sid = 'a'")
    assert written(sessions) == ("UpdateItem", {
        "Key": {"sessionId": {"S": "a"}},
        "UpdateExpression": 'SET userId = {"S": "v"}',
        "ConditionExpression": 'userId = {"S": "u"}',
        **OLD,
    })


def test_the_exact_condition_of_an_update_of_a_missing_attribute(sessions):
    sessions.put("a", VISIT)
    sessions.sql("UPDATE sessions SET userId = 'v' WHERE sid = 'a'")
    _, body = written(sessions)
    condition = body["ConditionExpression"]
    assert "attribute_not_exists(userId)" in condition
    assert "attribute_exists(sessionId)" in condition
    sessions.sql("UPDATE sessions SET userId = NULL WHERE sid = 'a'")
    _, body = written(sessions)
    assert body["UpdateExpression"] == "REMOVE userId"
    assert body["ConditionExpression"] == 'userId = {"S": "v"}'


def test_the_exact_condition_of_deletes(sessions):
    sessions.put("a", VISIT, userId={"S": "u"}, visits={"N": "1"})
    sessions.sql("DELETE FROM sessions WHERE sid = 'a'")
    assert written(sessions) == ("DeleteItem", {"Key": {"sessionId": {"S": "a"}}})
    sessions.put("a", VISIT, userId={"S": "u"}, visits={"N": "1"})
    sessions.sql("DELETE FROM sessions WHERE visits % 2 = 1")
    _, body = written(sessions)
    condition = body["ConditionExpression"]
    assert 'visits = {"N": "1"}' in condition and "attribute_not_exists(sessionId)" in condition
    assert "userId" not in condition and "session_data" not in condition


def test_the_condition_of_a_delete_of_the_expired_has_the_clock_of_its_scan(sessions):
    sessions.put("a", VISIT, LONG_AGO)
    before = int(time.time() * 1000)
    sessions.sql("DELETE FROM sessions WHERE expired")
    scan = [r for r in sessions.endpoint.requests if r.operation == "Scan"][0].json()
    operation, body = written(sessions)
    assert operation == "DeleteItem"
    condition = body["ConditionExpression"]
    assert "expireTime" in condition and "attribute_not_exists(sessionId)" in condition
    # One now for filter, column and asserted condition.
    nows = [int(word) for word in condition.replace('"', " ").split() if word.isdigit()]
    assert any(before - 1000 <= now <= before + 60_000 for now in nows), condition
    assert "FilterExpression" not in scan or str(max(nows)) in json.dumps(scan)


def test_conditions_that_read_nothing_assert_nothing(sessions):
    sessions.put("a", VISIT, userId={"S": "u"})
    sessions.sql("DELETE FROM sessions")
    _, body = written(sessions)
    assert "ConditionExpression" not in body


def test_a_plain_select_records_nothing(sessions):
    sessions.put("a", VISIT)
    sessions.rows("SELECT * FROM sessions")
    with refused("SQLITE_BUSY_SNAPSHOT"):
        between(sessions, "UPDATE sessions SET userId = 'u'",
                lambda: sessions.change("a", "userId = :u", u={"S": "w"}))


@pytest.mark.parametrize("layout", [CONNECT, MAP], ids=lambda layout: layout.name)
def test_names_that_dynamodb_reserves(dynamodb, connect, make_table, layout):
    """`status` and the like: every name goes by a placeholder where it must."""
    names = ["status", "with space", "a.b", "é", "#x", ":y"]
    columns = [f'"{name}" TEXT' for name in names]
    table = SessionTable(dynamodb, connect(), make_table, layout, *columns)
    table.put("a")
    assignments = ", ".join(f'"{name}" = \'{i}\'' for i, name in enumerate(names))
    table.sql(f"UPDATE sessions SET {assignments} WHERE sid = 'a'")
    item = table.get("a")
    assert [item[name] for name in names] == [{"S": str(i)} for i in range(len(names))]
    where = " AND ".join(f"\"{name}\" LIKE '{i}'" for i, name in enumerate(names))
    table.sql(f"DELETE FROM sessions WHERE {where}")
    assert table.sids() == []


# ---- values of every type are asserted as they are ----------------------------------------------

TYPES = {
    "S": {"S": "ü\n\"\\ \u2028"}, "N": {"N": "12345678901234567890123456789012345678"},
    "small": {"N": "1E-130"}, "B": {"B": bytes(range(256))}, "BOOL": {"BOOL": True},
    "NULL": {"NULL": True}, "SS": {"SS": ["a", "b"]}, "NS": {"NS": ["1", "2.5"]},
    "BS": {"BS": [b"\x00", b"\xff"]}, "L": {"L": [{"N": "1"}, {"M": {"x": {"S": ""}}}]},
    "M": {"M": {"a.b": {"L": []}, "é": {"NULL": True}}},
    "empty S": {"S": ""}, "empty B": {"B": b""},
}


@pytest.mark.parametrize("stored", TYPES.values(), ids=TYPES.keys())
def test_any_type_is_asserted_as_it_was_read(sessions, stored):
    sessions.put("a", VISIT, userId=stored)
    sessions.sql("UPDATE sessions SET userId = 'new' WHERE sid = 'a'")
    assert sessions.get("a")["userId"] != stored
    sessions.put("a", VISIT, userId=stored)
    sessions.sql("UPDATE sessions SET sid = 'b'")
    assert sessions.sids() == ["b"]
    sessions.sql("DELETE FROM sessions WHERE size > 0")
    assert sessions.sids() == []


def test_more_attributes_than_can_be_asserted(sessions):
    sessions.put("a", VISIT, **{f"x{i}": {"N": str(i)} for i in range(400)})
    with refused("SQLITE_TOOBIG", "attributes"):
        sessions.sql("UPDATE sessions SET userId = 'u' WHERE size > 0")
    sessions.sql("UPDATE sessions SET userId = 'u'")
    assert sessions.get("a")["userId"] == {"S": "u"}
