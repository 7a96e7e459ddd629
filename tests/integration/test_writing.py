"""INSERT, UPDATE and DELETE: what arrives on the server, what is refused, and what is counted."""

import json
import math
import sqlite3

import pytest
from session_table import CONNECT, LATER, LAYOUTS, LONG_AGO, MAP, SERVERLESS, SessionTable, refused

VISIT = '{"cookie":{"originalMaxAge":null,"expires":null},"views":1}'


@pytest.fixture
def sessions(dynamodb, connect, make_table):
    return SessionTable(dynamodb, connect(), make_table, SERVERLESS, "userId TEXT")


@pytest.fixture(params=LAYOUTS, ids=lambda layout: layout.name)
def every(request, dynamodb, connect, make_table):
    """A table of each layout in turn."""
    return SessionTable(dynamodb, connect(), make_table, request.param, "userId TEXT")


# ---- INSERT -----------------------------------------------------------------------------------


def test_insert_is_one_put_that_asserts_a_new_key(every):
    with every.sends("PutItem"):
        cursor = every.sql(
            "INSERT INTO sessions(sid, session, expires) VALUES ('a', ?, ?)", VISIT, LATER
        )
    assert cursor.rowcount == 1
    item = every.get("a")
    assert {name: item[name] for name in every.layout.expiry(LATER)} == every.layout.expiry(LATER)
    assert every.layout.data in item


def test_insert_of_a_key_that_only_the_server_has(every):
    before = every.put("a")
    with refused("SQLITE_CONSTRAINT_PRIMARYKEY") as caught:
        every.sql("INSERT INTO sessions(sid, session) VALUES ('a', ?)", VISIT)
    assert str(caught.value) == "UNIQUE constraint failed: sessions.sid"
    assert every.get("a") == before


def test_a_duplicate_on_the_server_is_found_at_commit(sessions):
    sessions.put("a")
    sessions.sql("BEGIN")
    sessions.sql("INSERT INTO sessions(sid, session) VALUES ('a', ?)", VISIT)
    with refused("SQLITE_CONSTRAINT_PRIMARYKEY", "UNIQUE constraint failed: sessions.sid"):
        sessions.sql("COMMIT")
    assert not sessions.connection.in_transaction


@pytest.mark.parametrize("clause", ["ABORT", "FAIL", "ROLLBACK"])
def test_conflict_clauses_at_commit_all_roll_back(sessions, clause):
    before = sessions.put("b")
    sessions.sql("BEGIN")
    sessions.sql(f"INSERT OR {clause} INTO sessions(sid, session) VALUES ('b', ?)", VISIT)
    sessions.sql(f"INSERT OR {clause} INTO sessions(sid, session) VALUES ('c', ?)", VISIT)
    with refused("SQLITE_CONSTRAINT_PRIMARYKEY", "0 applied, 2 not applied, 0 unknown"):
        sessions.sql("COMMIT")
    assert not sessions.connection.in_transaction
    assert sessions.get("b") == before and sessions.get("c") is None


def test_a_duplicate_in_the_buffer_is_found_at_the_statement(sessions):
    sessions.sql("BEGIN")
    sessions.sql("INSERT INTO sessions(sid, session) VALUES ('a', ?)", VISIT)
    with sessions.sends(), refused("SQLITE_CONSTRAINT_PRIMARYKEY", "sessions.sid"):
        sessions.sql("INSERT INTO sessions(sid, session) VALUES ('a', '{}')")
    assert sessions.connection.in_transaction
    sessions.sql("COMMIT")
    assert json.loads(sessions.session("a"))["views"] == 1


@pytest.mark.parametrize(
    "clause, kept, open_after",
    [
        ("ABORT", ["first"], True),
        ("FAIL", ["first", "second"], True),
        ("ROLLBACK", [], False),
        ("IGNORE", ["first", "second", "third"], True),
    ],
)
def test_conflict_clauses_at_the_statement(sessions, clause, kept, open_after):
    sessions.sql("BEGIN")
    sessions.sql("INSERT INTO sessions(sid, session) VALUES ('first', ?)", VISIT)
    insert = (
        f"INSERT OR {clause} INTO sessions(sid, session) "
        "VALUES ('second', '{}'), ('first', '{}'), ('third', '{}')"
    )
    if clause == "IGNORE":
        assert sessions.sql(insert).rowcount == 2
    else:
        with refused("SQLITE_CONSTRAINT_PRIMARYKEY"):
            sessions.sql(insert)
    assert sessions.connection.in_transaction == open_after
    if open_after:
        sessions.sql("COMMIT")
    assert sessions.sids() == kept


def test_insert_or_replace_asserts_nothing(every):
    every.put("a", {"views": 7}, userId={"S": "u"})
    with every.sends("PutItem"):
        cursor = every.sql(
            "INSERT OR REPLACE INTO sessions(sid, session, expires) VALUES ('a', ?, ?)",
            VISIT, LATER + 1,
        )
    assert cursor.rowcount == 1
    item = every.get("a")
    assert item[every.layout.ttl] == {"N": str(LATER + 1)}
    assert "userId" not in item  # a new row, as in SQL


def test_replace_of_a_row_in_the_buffer(sessions):
    sessions.sql("BEGIN")
    sessions.sql("INSERT INTO sessions(sid, session) VALUES ('a', '{\"n\":1}')")
    sessions.sql("REPLACE INTO sessions(sid, session) VALUES ('a', '{\"n\":2}')")
    sessions.sql("REPLACE INTO sessions(sid, session) VALUES ('a', '{\"n\":3}')")
    sessions.sql("COMMIT")
    assert json.loads(sessions.session("a"))["n"] == 3


def test_insert_or_ignore_drops_the_row_that_exists(sessions):
    before = sessions.put("a")
    sessions.sql("BEGIN")
    cursor = sessions.sql(
        "INSERT OR IGNORE INTO sessions(sid, session) VALUES ('a', ?), ('b', ?)", VISIT, VISIT
    )
    # What was buffered is counted: finding out earlier would cost a read a row.
    assert cursor.rowcount == 2
    sessions.sql("COMMIT")
    assert sessions.get("a") == before and sessions.get("b") is not None


def test_insert_from_select(sessions):
    sessions.put("old", '{"views":5}')
    sessions.sql(
        "INSERT INTO sessions(sid, session, expires) SELECT 'new-' || sid, session, expires"
        " FROM sessions WHERE sid = 'old'"
    )
    assert json.loads(sessions.session("new-old"))["views"] == 5


def test_rowcount_changes_and_total_changes(sessions):
    before = sessions.connection.total_changes
    sessions.sql("INSERT INTO sessions(sid, session) VALUES ('a', '{}'), ('b', '{}'), ('c', '{}')")
    assert sessions.value("SELECT changes()") == 3
    sessions.sql("UPDATE sessions SET userId = 'u' WHERE sid <> 'c'")
    assert sessions.value("SELECT changes()") == 2
    sessions.sql("DELETE FROM sessions WHERE sid = 'c'")
    assert sessions.value("SELECT changes()") == 1
    sessions.sql("DELETE FROM sessions WHERE sid = 'c'")
    assert sessions.value("SELECT changes()") == 0
    assert sessions.connection.total_changes - before == 6


def test_insert_returning(sessions):
    rows = sessions.rows(
        "INSERT INTO sessions(sid, session) VALUES ('a', '{}') RETURNING sid, session"
    )
    assert rows == [("a", "{}")]
    assert sessions.sids() == ["a"]


# ---- what is refused before anything is sent --------------------------------------------------

MANY = "x" * (400 * 1024)
REFUSALS = {
    "NULL sid": ("NULL, '{}', NULL", "SQLITE_CONSTRAINT_NOTNULL",
                 "NOT NULL constraint failed: sessions.sid"),
    "NULL session": ("'a', NULL, NULL", "SQLITE_CONSTRAINT_NOTNULL",
                     "NOT NULL constraint failed: sessions.session"),
    "empty sid": ("'', '{}', NULL", "SQLITE_CONSTRAINT_CHECK", "sid is empty"),
    "blob sid": ("x'61', '{}', NULL", "SQLITE_CONSTRAINT_CHECK", "sid"),
    "array": ("'a', '[]', NULL", "SQLITE_CONSTRAINT_CHECK", "session is not a JSON object"),
    "scalar": ("'a', '1', NULL", "SQLITE_CONSTRAINT_CHECK", "session is not a JSON object"),
    "number": ("'a', 1, NULL", "SQLITE_CONSTRAINT_CHECK", "session is not a JSON object"),
    "empty": ("'a', '', NULL", "SQLITE_CONSTRAINT_CHECK", "session is not a JSON object"),
    "JSON5": ("'a', '{a:1}', NULL", "SQLITE_CONSTRAINT_CHECK", "session is not a JSON object"),
    "trailing comma": ("'a', '{\"a\":1,}', NULL", "SQLITE_CONSTRAINT_CHECK", "JSON object"),
    "trailing bytes": ("'a', '{}x', NULL", "SQLITE_CONSTRAINT_CHECK", "JSON object"),
    "blob session": ("'a', CAST('{}' AS BLOB), NULL", "SQLITE_CONSTRAINT_CHECK", "JSON object"),
    "invalid UTF-8": ("'a', CAST(x'7b2261223a22ff227d' AS TEXT), NULL", "SQLITE_CONSTRAINT_CHECK",
                      "JSON object"),
    "sid of invalid UTF-8": ("CAST(x'ff' AS TEXT), '{}', NULL", "SQLITE_CONSTRAINT_CHECK", "UTF-8"),
    "milliseconds": ("'a', '{}', 1700000000000", "SQLITE_CONSTRAINT_CHECK", "milliseconds"),
    "the limit itself": ("'a', '{}', 100000000000", "SQLITE_CONSTRAINT_CHECK", "milliseconds"),
    "text expires": ("'a', '{}', 'tomorrow'", "SQLITE_CONSTRAINT_CHECK", "expires"),
    "date expires": ("'a', '{}', '2030-01-01'", "SQLITE_CONSTRAINT_CHECK", "expires"),
    "blob expires": ("'a', '{}', x'31'", "SQLITE_CONSTRAINT_CHECK", "expires"),
    "endless expires": ("'a', '{}', 9e999", "SQLITE_CONSTRAINT_CHECK", "expires"),
    "long sid": ("printf('%.2049c', 'x'), '{}', NULL", "SQLITE_TOOBIG", "2048"),
    "big item": (f"'a', '{{\"a\":\"{MANY}\"}}', NULL", "SQLITE_TOOBIG", "409600"),
}


@pytest.mark.parametrize("values, code, words", REFUSALS.values(), ids=REFUSALS.keys())
def test_refused_at_the_statement(sessions, values, code, words):
    insert = f"INTO sessions(sid, session, expires) VALUES ('first', '{{}}', 1), ({values})"
    with sessions.sends():
        with refused(code, words):
            sessions.sql(f"INSERT {insert}")
        sessions.sql("BEGIN")
        with refused(code, words):
            sessions.sql(f"INSERT OR REPLACE {insert}")
        assert sessions.connection.in_transaction
        sessions.sql("ROLLBACK")
    if code != "SQLITE_TOOBIG":  # no constraint
        assert sessions.sql(f"INSERT OR IGNORE {insert}").rowcount == 1
        assert sessions.sids() == ["first"]


def test_a_sid_of_2048_bytes_counts_the_prefix(dynamodb, connect, make_table):
    table = SessionTable(dynamodb, connect(), make_table, CONNECT)
    table.sql("INSERT INTO sessions(sid, session) VALUES (printf('%.2043c', 'x'), '{}')")
    assert table.sids() == ["x" * 2043]
    with refused("SQLITE_TOOBIG"):
        table.sql("INSERT INTO sessions(sid, session) VALUES (printf('%.2044c', 'x'), '{}')")


def test_the_message_never_shows_a_sid_or_a_session(sessions):
    sessions.put("secret-sid", '{"views":1}')
    for statement in (
        "INSERT INTO sessions(sid, session) VALUES ('secret-sid', '{\"p\":\"secret-data\"}')",
        "INSERT INTO sessions(sid, session) VALUES ('secret-sid', 'secret-data')",
    ):
        with pytest.raises(sqlite3.IntegrityError) as caught:
            sessions.sql(statement)
        assert "secret" not in str(caught.value)
    for row in sessions.rows("SELECT request, error FROM dynamodb_requests"):
        assert "secret" not in str(row)


@pytest.mark.parametrize("never", [MAP], ids=lambda layout: layout.name)
def test_update_to_never_where_the_store_has_none(dynamodb, connect, make_table, never):
    table = SessionTable(dynamodb, connect(), make_table, never)
    before = table.put("a")
    with refused("SQLITE_CONSTRAINT_CHECK", "never"):
        table.sql("UPDATE sessions SET expires = NULL")
    assert table.get("a") == before


# ---- computed columns -------------------------------------------------------------------------


@pytest.mark.parametrize("column, other", [
    ("expired", "1"), ("size", "1"), ("sid_hash", "'00'"), ("arguments", "'x'"),
])
def test_computed_columns_cannot_be_written(sessions, column, other):
    before = sessions.put("a")
    with refused("SQLITE_ERROR", column):
        sessions.sql(f"UPDATE sessions SET {column} = {other} WHERE sid = 'a'")
    with refused("SQLITE_ERROR", column):
        sessions.sql(f"INSERT INTO sessions(sid, session, {column}) VALUES ('b', '{{}}', {other})")
    with sessions.sends("GetItem"):
        # What was read may be written back: nothing changes.
        sessions.sql(f"UPDATE sessions SET {column} = {column} WHERE sid = 'a'")
    assert sessions.get("a") == before and sessions.sids() == ["a"]


# ---- UPDATE -----------------------------------------------------------------------------------


def test_update_writes_what_changed_and_no_more(every):
    before = every.put("a", VISIT, userId={"S": "u"}, unknown={"SS": ["x", "y"]})
    with every.sends("GetItem", "UpdateItem"):
        cursor = every.sql(
            "UPDATE sessions SET session = json_set(session, '$.views', 2) WHERE sid = 'a'"
        )
    assert cursor.rowcount == 1
    after = every.get("a")
    assert after["unknown"] == before["unknown"] and after["userId"] == before["userId"]
    assert after[every.layout.expires] == before[every.layout.expires]
    session = every.value("SELECT session FROM sessions WHERE sid = 'a'")
    assert json.loads(session)["views"] == 2


def test_update_that_changes_nothing_sends_nothing_and_counts(every):
    every.put("a", VISIT)
    every.put("b", VISIT)
    with every.sends("Scan"):
        cursor = every.sql(
            "UPDATE sessions SET session = session, expires = expires, userId = userId,"
            " sid = sid, item = item"
        )
    assert cursor.rowcount == 2


def test_update_of_no_row(sessions):
    with sessions.sends("GetItem"):
        assert sessions.sql("UPDATE sessions SET userId = 'u' WHERE sid = 'none'").rowcount == 0
    assert sessions.sids() == []


def test_update_from(sessions):
    sessions.put("a", VISIT, userId={"S": "1"})
    sessions.put("b", VISIT, userId={"S": "2"})
    before = sessions.put("c", VISIT, userId={"S": "3"})
    sessions.sql("CREATE TEMP TABLE renamed(old TEXT, new TEXT)")
    sessions.sql("INSERT INTO renamed VALUES ('1', 'one'), ('2', 'two')")
    cursor = sessions.sql("UPDATE sessions SET userId = new FROM renamed WHERE userId = old")
    assert cursor.rowcount == 2
    assert sessions.get("a")["userId"] == {"S": "one"}
    assert sessions.get("b")["userId"] == {"S": "two"}
    assert sessions.get("c") == before


def test_update_from_that_changes_the_sid(sessions):
    sessions.put("a", VISIT, userId={"S": "1"})
    sessions.sql("CREATE TEMP TABLE renamed(old TEXT, new TEXT)")
    sessions.sql("INSERT INTO renamed VALUES ('a', 'z')")
    sessions.sql("UPDATE sessions SET sid = new FROM renamed WHERE sid = old")
    assert sessions.sids() == ["z"]
    assert sessions.get("z")["userId"] == {"S": "1"}


def test_update_of_sid_is_a_put_and_a_delete(every):
    before = every.put("a", VISIT, userId={"S": "u"}, unknown={"N": "12345678901234567890.5"})
    with every.sends("GetItem", "TransactWriteItems"):
        cursor = every.sql("UPDATE sessions SET sid = 'b' WHERE sid = 'a'")
    assert cursor.rowcount == 1
    assert every.get("a") is None
    assert every.get("b") == {**before, **every.layout.key("b")}


def test_update_of_sid_to_one_that_exists(every):
    before = [every.put("a"), every.put("b", {"views": 9})]
    with refused("SQLITE_CONSTRAINT_PRIMARYKEY", "UNIQUE constraint failed: sessions.sid"):
        every.sql("UPDATE sessions SET sid = 'b' WHERE sid = 'a'")
    assert [every.get("a"), every.get("b")] == before


def test_update_or_ignore_and_replace_of_sid(sessions):
    before = [sessions.put("a"), sessions.put("b", '{"views":9}')]
    sessions.sql("UPDATE OR IGNORE sessions SET sid = 'b' WHERE sid = 'a'")
    assert [sessions.get("a"), sessions.get("b")] == before
    sessions.sql("UPDATE OR REPLACE sessions SET sid = 'b' WHERE sid = 'a'")
    assert sessions.sids() == ["b"]
    assert sessions.session("b") == '{"views":1}'


def test_update_of_sid_and_columns_at_once(sessions):
    sessions.put("a", VISIT, unknown={"BOOL": True})
    sessions.sql("UPDATE sessions SET sid = 'b', userId = 'u', expires = ?", LATER + 5)
    item = sessions.get("b")
    assert sessions.sids() == ["b"]
    assert item["userId"] == {"S": "u"} and item["unknown"] == {"BOOL": True}
    assert item["expireTime_TTL"] == {"N": str(LATER + 5)}


def test_update_of_two_sids_to_the_same(sessions):
    sessions.put("a")
    sessions.put("b")
    with refused("SQLITE_CONSTRAINT_PRIMARYKEY"):
        sessions.sql("UPDATE sessions SET sid = 'c'")
    assert sessions.sids() == ["a", "b"]


@pytest.mark.parametrize("value, code", [
    ("NULL", "SQLITE_CONSTRAINT_NOTNULL"), ("''", "SQLITE_CONSTRAINT_CHECK"),
    ("x'62'", "SQLITE_CONSTRAINT_CHECK"),
])
def test_update_of_sid_to_what_is_none(sessions, value, code):
    before = sessions.put("a")
    with sessions.sends("GetItem"), refused(code, "sid"):
        sessions.sql(f"UPDATE sessions SET sid = {value} WHERE sid = 'a'")
    assert sessions.get("a") == before


@pytest.mark.parametrize("value, code", [
    ("NULL", "SQLITE_CONSTRAINT_NOTNULL"), ("'[]'", "SQLITE_CONSTRAINT_CHECK"),
    ("x'7b7d'", "SQLITE_CONSTRAINT_CHECK"),
])
def test_update_of_session_to_what_is_none(every, value, code):
    before = every.put("a")
    with every.sends("GetItem"), refused(code, "session"):
        every.sql(f"UPDATE sessions SET session = {value} WHERE sid = 'a'")
    assert every.get("a") == before


def test_update_or_ignore_skips_the_rows_that_break_a_rule(sessions):
    before = sessions.put("bad")
    sessions.put("good")
    sessions.sql(
        "UPDATE OR IGNORE sessions SET session = CASE sid WHEN 'bad' THEN '[]' ELSE '{\"n\":2}' END"
    )
    assert sessions.get("bad") == before
    assert json.loads(sessions.session("good"))["n"] == 2


def test_a_row_without_session_stays_one_while_other_columns_change(every):
    before = every.put("a", None)
    every.sql("UPDATE sessions SET userId = 'u', expires = ? WHERE sid = 'a'", LATER + 1)
    assert every.get("a") == {**before, "userId": {"S": "u"}, **every.layout.expiry(LATER + 1)}


def test_update_of_the_item(every):
    before = every.put("a", VISIT, userId={"S": "u"})
    item = {**before, "added": {"L": [{"N": "1"}]}}
    del item["userId"]
    with every.sends("GetItem", "UpdateItem"):
        every.sql("UPDATE sessions SET item = ? WHERE sid = 'a'", json.dumps(item))
    assert every.get("a") == item


def test_update_of_the_item_and_of_columns_at_once(every):
    before = every.put("a", VISIT, userId={"S": "u"}, gone={"N": "1"}, same={"SS": ["x", "y"]})
    item = {**before, "userId": {"S": "w"}, "added": {"N": "2"}}
    del item["gone"]
    every.sql(
        "UPDATE sessions SET item = ?, userId = 'v', expires = ?", json.dumps(item), LATER + 1
    )
    after = every.get("a")
    session = every.layout.data
    assert {**after, session: 0} == {
        **item, "userId": {"S": "v"}, **every.layout.expiry(LATER + 1), session: 0
    }


@pytest.mark.parametrize("item, code", [
    (None, "SQLITE_CONSTRAINT_NOTNULL"),
    ("{}", "SQLITE_CONSTRAINT_CHECK"),
    ('{"sessionId":{"S":"b"}}', "SQLITE_CONSTRAINT_CHECK"),
    ('{"sessionId":"a"}', "SQLITE_CONSTRAINT_CHECK"),
    ("not JSON", "SQLITE_CONSTRAINT_CHECK"),
    (b"{}", "SQLITE_CONSTRAINT_CHECK"),
])
def test_update_of_the_item_to_what_is_none(sessions, item, code):
    before = sessions.put("a")
    with sessions.sends("GetItem"), refused(code, "item"):
        sessions.sql("UPDATE sessions SET item = ? WHERE sid = 'a'", item)
    assert sessions.get("a") == before


def test_update_or_delete_with_returning_or_upsert_is_sqlites_to_refuse(sessions):
    before = sessions.put("a")
    for statement in (
        "UPDATE sessions SET userId = 'u' RETURNING sid",
        "DELETE FROM sessions RETURNING sid",
        "INSERT INTO sessions(sid, session) VALUES ('a', '{}')"
        " ON CONFLICT(sid) DO UPDATE SET userId = 'u'",
    ):
        with pytest.raises(sqlite3.OperationalError):
            sessions.sql(statement)
    assert sessions.get("a") == before


# ---- snapshots --------------------------------------------------------------------------------


@pytest.mark.parametrize("forged", ["x'00'", "zeroblob(500)", "'text'", "NULL", "1"])
def test_a_forged_snapshot_is_an_error(sessions, forged):
    before = sessions.put("a")
    with refused("SQLITE_ERROR", "snapshot"):
        sessions.sql(f"UPDATE sessions SET snapshot = {forged}, userId = 'u' WHERE sid = 'a'")
    assert sessions.get("a") == before


@pytest.mark.parametrize("update", [
    "UPDATE sessions SET userId = 'u', snapshot ="
    " (SELECT o.snapshot FROM sessions o WHERE o.sid = 'a') WHERE sid = 'b'",
    "UPDATE sessions SET userId = 'u', snapshot = o.snapshot FROM sessions o"
    " WHERE o.sid = 'a' AND sessions.sid = 'b'",
])
def test_a_snapshot_of_another_row_is_an_error(sessions, update):
    sessions.put("a")
    before = sessions.put("b")
    with refused("SQLITE_ERROR", "snapshot"):
        sessions.sql(update)
    assert sessions.get("b") == before and sessions.sids() == ["a", "b"]


def test_a_snapshot_cannot_be_read_outside_a_write(sessions):
    sessions.put("a")
    assert sessions.rows("SELECT snapshot FROM sessions") == [(None,)]


def test_a_snapshot_given_to_an_insert_is_an_error(sessions):
    with refused("SQLITE_ERROR", "snapshot"):
        sessions.sql("INSERT INTO sessions(sid, session, snapshot) VALUES ('a', '{}', x'00')")
    assert sessions.sids() == []


# ---- DELETE -----------------------------------------------------------------------------------


def test_delete_by_sid_is_one_get_and_one_delete(every):
    every.put("a")
    every.put("b")
    with every.sends("GetItem", "DeleteItem"):
        assert every.sql("DELETE FROM sessions WHERE sid = 'a'").rowcount == 1
    assert every.sids() == ["b"]
    with every.sends("GetItem"):
        assert every.sql("DELETE FROM sessions WHERE sid = 'a'").rowcount == 0


def test_delete_all(every):
    for sid in "abc":
        every.put(sid)
    with every.sends("Scan", "BatchWriteItem"):
        assert every.sql("DELETE FROM sessions").rowcount == 3
    assert every.sids() == []


def test_delete_reaches_no_item_of_another_prefix(dynamodb, connect, make_table):
    table = SessionTable(dynamodb, connect(), make_table, CONNECT)
    table.put("a")
    other = {"id": {"S": "user:1"}, "expires": {"N": "1"}}
    dynamodb.put_item(TableName=table.name, Item=other)
    for statement in ("UPDATE sessions SET expires = 7", "DELETE FROM sessions WHERE expires < 9",
                      "DELETE FROM sessions", "DELETE FROM sessions WHERE sid = 'user:1'"):
        table.sql(statement)
    items = dynamodb.scan(TableName=table.name, ConsistentRead=True)["Items"]
    assert items == [other]


def test_delete_with_a_subquery_on_the_same_table(sessions):
    sessions.put("a", userId={"S": "1"})
    sessions.put("b", userId={"S": "1"})
    sessions.put("c", userId={"S": "2"})
    cursor = sessions.sql(
        "DELETE FROM sessions WHERE userId = (SELECT userId FROM sessions WHERE sid = 'a')"
    )
    assert cursor.rowcount == 2
    assert sessions.sids() == ["c"]


def test_delete_with_exists_on_the_same_table(sessions):
    for sid, user in (("a", "1"), ("b", "1"), ("c", "2")):
        sessions.put(sid, userId={"S": user})
    cursor = sessions.sql(
        "DELETE FROM sessions WHERE EXISTS (SELECT 1 FROM sessions o"
        " WHERE o.userId = sessions.userId AND o.sid > sessions.sid)"
    )
    assert cursor.rowcount == 1
    assert sessions.sids() == ["b", "c"]


def test_delete_by_a_numeric_or_blob_sid(sessions):
    sessions.put("12")
    assert sessions.sql("DELETE FROM sessions WHERE sid = ?", b"12").rowcount == 0
    assert sessions.sql("DELETE FROM sessions WHERE sid = ?", 12).rowcount == 1
    assert sessions.sids() == []


# ---- values -----------------------------------------------------------------------------------


def test_numbers_become_text_where_the_column_is_text(sessions):
    sessions.sql("INSERT INTO sessions(sid, session, userId) VALUES (12, '{}', 34.5)")
    assert sessions.get("12")["userId"] == {"S": "34.5"}


def test_text_becomes_a_number_for_expires(every):
    every.sql(
        "INSERT INTO sessions(sid, session, expires) VALUES ('a', '{}', ' 4000000000 ')"
    )
    item = every.get("a")
    assert {name: item[name] for name in every.layout.expiry(LATER)} == every.layout.expiry(LATER)


AFFINITIES = {
    # declared type: {given: stored}
    "TEXT": {"5": {"S": "5"}, "5.0": {"S": "5.0"}, "'t'": {"S": "t"}, "x'6162'": {"B": b"ab"}},
    "INTEGER": {"5": {"N": "5"}, "'5'": {"N": "5"}, "5.0": {"N": "5"}, "5.5": {"N": "5.5"},
                "'5.0'": {"N": "5"}, "'t'": {"S": "t"}},
    "REAL": {"5": {"N": "5"}, "'5.5'": {"N": "5.5"}, "'t'": {"S": "t"}, "1e30": {"N": "1E+30"}},
    "NUMERIC": {"5": {"N": "5"}, "'12'": {"N": "12"}, "'1e3'": {"N": "1000"}, "'t'": {"S": "t"},
                "9223372036854775807": {"N": "9223372036854775807"}},
    "BLOB": {"5": {"N": "5"}, "'5'": {"S": "5"}, "x''": {"B": b""}, "5.5": {"N": "5.5"}},
}
CASES = [(declared, *case) for declared, cases in AFFINITIES.items() for case in cases.items()]


def as_stored(typed):
    """A number's digits may be written in several ways: 1E+30 is also 1 and thirty zeros."""
    return {"N": float(typed["N"])} if "N" in typed and "E" in typed["N"] + "E" else typed


def test_affinities_on_writing_and_on_reading(dynamodb, connect, make_table):
    columns = [f"{declared.lower()}_column {declared}" for declared in AFFINITIES]
    table = SessionTable(dynamodb, connect(), make_table, SERVERLESS, *columns)
    local = table.connection
    local.execute(f"CREATE TEMP TABLE local(sid, {', '.join(columns)})")
    for number, (declared, given, stored) in enumerate(CASES):
        column = f"{declared.lower()}_column"
        table.sql(
            f"INSERT INTO sessions(sid, session, {column}) VALUES ('s{number}', '{{}}', {given})"
        )
        local.execute(f"INSERT INTO local(sid, {column}) VALUES ('s{number}', {given})")
        found = table.get(f"s{number}")[column]
        assert as_stored(found) == as_stored(stored), (declared, given)
        # The column reads as SQLite's own would.
        query = f"SELECT {column}, typeof({column}) FROM %s WHERE sid = 's{number}'"
        assert table.rows(query % "sessions") == table.rows(query % "local"), (declared, given)


READINGS = [
    ("NUMERIC", {"S": "12"}, 12), ("TEXT", {"N": "12345678901234567890123456789012345678"},
                                   "12345678901234567890123456789012345678"),
    ("INTEGER", {"S": "12"}, 12), ("INTEGER", {"BOOL": True}, 1), ("TEXT", {"BOOL": False}, "0"),
    ("TEXT", {"NULL": True}, None), ("BLOB", {"S": "12"}, "12"),
    ("BLOB", {"B": b"\x00\xff"}, b"\x00\xff"),
    ("TEXT", {"L": [{"N": "1"}, {"S": "x"}]}, '[1,"x"]'),
    ("TEXT", {"M": {"a": {"N": "1"}}}, '{"a":1}'),
    ("NUMERIC", {"N": "9223372036854775807"}, 9223372036854775807),
    ("NUMERIC", {"N": "9223372036854775808"}, 9223372036854775808.0), ("REAL", {"N": "5"}, 5.0),
    ("NUMERIC", {"S": "nine"}, "nine"), ("TEXT", {"N": "1.50"}, "1.5"),
]


@pytest.mark.parametrize("declared, stored, read", READINGS)
def test_affinities_on_reading(dynamodb, connect, make_table, declared, stored, read):
    table = SessionTable(dynamodb, connect(), make_table, SERVERLESS, f"extra {declared}")
    table.put("a", extra=stored)
    (value,) = table.rows("SELECT extra FROM sessions")[0]
    assert value == read and type(value) is type(read)


KEPT = [
    # declared type, stored, written, stored then
    ("INTEGER", {"BOOL": True}, "0", {"BOOL": False}),
    ("TEXT", {"BOOL": False}, "1", {"BOOL": True}),
    ("INTEGER", {"BOOL": True}, "5", {"N": "5"}),
    ("TEXT", {"N": "42"}, "'43'", {"N": "43"}),
    ("TEXT", {"N": "42"}, "'12345678901234567890.25'", {"N": "12345678901234567890.25"}),
    ("TEXT", {"N": "42"}, "'many'", {"S": "many"}),
    ("NUMERIC", {"S": "4"}, "5", {"S": "5"}),
    ("NUMERIC", {"S": "t"}, "5.5", {"S": "5.5"}),
    ("TEXT", {"SS": ["a", "b"]}, "'[\"c\",\"a\"]'", {"SS": ["a", "c"]}),
    ("TEXT", {"NS": ["1", "2"]}, "'[3,1.5]'", {"NS": ["1.5", "3"]}),
    ("TEXT", {"BS": [b"a"]}, "'[\"Yg==\"]'", {"BS": [b"b"]}),
    ("TEXT", {"L": [{"N": "1"}, {"B": b"x"}]}, "'[1,\"eA==\",true,null,{}]'",
     {"L": [{"N": "1"}, {"B": b"x"}, {"BOOL": True}, {"NULL": True}, {"M": {}}]}),
    ("TEXT", {"M": {"b": {"B": b"x"}}}, "'{\"b\":\"eA==\",\"n\":1}'",
     {"M": {"b": {"B": b"x"}, "n": {"N": "1"}}}),
    ("TEXT", {"SS": ["a"]}, "'not JSON'", {"S": "not JSON"}),
    ("BLOB", {"B": b"x"}, "x'7a'", {"B": b"z"}),
    ("BLOB", {"B": b"x"}, "'z'", {"S": "z"}),
    ("BLOB", {"S": "x"}, "x'7a'", {"B": b"z"}),
    ("TEXT", {"NULL": True}, "'now'", {"S": "now"}),
    ("TEXT", {"S": "here"}, "NULL", None),
    ("TEXT", {"NULL": True}, "NULL", {"NULL": True}),
]


def ordered(typed):
    return {kind: sorted(value) if kind in ("SS", "NS", "BS") else value
            for kind, value in typed.items()} if typed else typed


@pytest.mark.parametrize("declared, stored, written, then", KEPT)
def test_an_extra_column_keeps_its_stored_type(
    dynamodb, connect, make_table, declared, stored, written, then
):
    table = SessionTable(dynamodb, connect(), make_table, SERVERLESS, f"extra {declared}")
    before = table.put("a", extra=stored)
    table.sql(f"UPDATE sessions SET extra = {written} WHERE sid = 'a'")
    after = table.get("a")
    assert ordered(after.pop("extra", None)) == ordered(then)
    del before["extra"]
    assert after == before


@pytest.mark.parametrize("stored", [{"SS": ["a"]}, {"NS": ["1"]}, {"BS": [b"a"]}])
def test_an_empty_set_is_refused(dynamodb, connect, make_table, stored):
    table = SessionTable(dynamodb, connect(), make_table, SERVERLESS, "extra TEXT")
    before = table.put("a", extra=stored)
    with table.sends("GetItem"), refused("SQLITE_CONSTRAINT_CHECK", "extra"):
        table.sql("UPDATE sessions SET extra = '[]' WHERE sid = 'a'")
    assert table.get("a") == before


@pytest.mark.parametrize("number", ["1e126", "-1e126", "1e300", "1e-131"])
def test_numbers_that_dynamodb_cannot_hold(dynamodb, connect, make_table, number):
    table = SessionTable(dynamodb, connect(), make_table, SERVERLESS, "extra REAL")
    with table.sends(), refused("SQLITE_TOOBIG"):
        table.sql(f"INSERT INTO sessions(sid, session, extra) VALUES ('a', '{{}}', {number})")
    with table.sends(), refused("SQLITE_TOOBIG"):
        table.sql("INSERT INTO sessions(sid, session, extra) VALUES ('a', '{}', ?)", math.inf)


# ---- the item ---------------------------------------------------------------------------------


def test_an_item_is_restored_verbatim(every, dynamodb, make_table, connect):
    stored = every.put(
        "a", '{"b": 1.0e5,  "a":[]}', userId={"S": "u"}, unknown={"M": {"n": {"N": "38"}}},
        set={"SS": ["a", "b"]}, bytes={"B": b"\x00\x01"}, nothing={"NULL": True},
        number={"N": "12345678901234567890123456789012345678"},
    )
    (item,) = every.rows("SELECT item FROM sessions WHERE sid = 'a'")[0]
    every.delete("a")
    with every.sends("PutItem"):
        every.sql("INSERT INTO sessions(item) VALUES (?)", item)
    restored = every.get("a")
    restored["set"]["SS"].sort()
    assert restored == stored


def test_columns_beside_an_item_are_applied_over_it(every):
    item = every.layout.item("a", VISIT, LATER, userId={"S": "u"}, unknown={"N": "7"})
    every.sql(
        "INSERT INTO sessions(sid, userId, expires, item) VALUES ('b', 'v', ?, ?)",
        LATER + 9, json.dumps(item),
    )
    after = every.get("b")
    assert every.get("a") is None
    assert after["userId"] == {"S": "v"} and after["unknown"] == {"N": "7"}
    assert after[every.layout.ttl] == {"N": str(LATER + 9)}


@pytest.mark.parametrize("item, code", [
    ('{"sessionId":{"S":"a"}}', "SQLITE_CONSTRAINT_NOTNULL"),
    ('{"session_data":{"S":"{}"}}', "SQLITE_CONSTRAINT_NOTNULL"),
    ('{"sessionId":{"N":"1"},"session_data":{"S":"{}"}}', "SQLITE_CONSTRAINT_CHECK"),
    ('{"sessionId":{"S":""},"session_data":{"S":"{}"}}', "SQLITE_CONSTRAINT_CHECK"),
    ('{"sessionId":{"S":"a"},"session_data":{"X":"{}"}}', "SQLITE_CONSTRAINT_CHECK"),
    ('{"sessionId":{"S":"a"},"session_data":{"S":"{}"},"s":{"SS":[]}}', "SQLITE_CONSTRAINT_CHECK"),
    ('{"sessionId":{"S":"a"},"session_data":{"S":"{}"},"n":{"N":"x"}}', "SQLITE_CONSTRAINT_CHECK"),
    ("[]", "SQLITE_CONSTRAINT_CHECK"), ("", "SQLITE_CONSTRAINT_CHECK"),
])
def test_an_item_that_is_none(sessions, item, code):
    with sessions.sends(), refused(code):
        sessions.sql("INSERT INTO sessions(item) VALUES (?)", item)
    assert sessions.sql("INSERT OR IGNORE INTO sessions(item) VALUES (?)", item).rowcount == 0


def test_an_item_of_a_sid_without_the_prefix(dynamodb, connect, make_table):
    table = SessionTable(dynamodb, connect(), make_table, CONNECT)
    with table.sends(), refused("SQLITE_CONSTRAINT_CHECK", "key"):
        table.sql("INSERT INTO sessions(item) VALUES (?)",
                  '{"id":{"S":"a"},"sess":{"S":"{}"},"expires":{"N":"1"}}')


# ---- read_only --------------------------------------------------------------------------------


def test_read_only_binds_every_write(dynamodb, connect, make_table):
    table = SessionTable(dynamodb, connect(), make_table, SERVERLESS, "read_only=1")
    before = table.put("a", '{}', LONG_AGO)
    for statement in (
        "INSERT INTO sessions(sid, session) VALUES ('b', '{}')",
        "REPLACE INTO sessions(sid, session) VALUES ('b', '{}')",
        "UPDATE sessions SET expires = 5",
        "UPDATE sessions SET expires = 5 WHERE sid = 'nobody'",
        "DELETE FROM sessions",
        "SELECT dynamodb_touch('sessions', 'a', 60)",
        "SELECT dynamodb_reap('sessions')",
        "SELECT dynamodb_create_table('sessions')",
    ):
        with refused("SQLITE_READONLY", "read_only"):
            table.sql(statement).fetchall()
    assert table.get("a") == before and table.sids() == ["a"]
    assert table.operations() == []  # nor is anything read for it
    table.sql("ALTER TABLE sessions RENAME TO renamed")
    assert table.value("SELECT sid FROM renamed") == "a"
    table.sql("DROP TABLE renamed")
