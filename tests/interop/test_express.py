"""A real Express application and SQL on one table: what one writes, the other reads."""

import base64
import hashlib
import hmac
import json
import sqlite3
import urllib.error
import urllib.parse

import pytest

HOUR = 3600
TEXT_STORES = ["serverless-dynamodb-session-store", "connect-dynamodb"]
STORES = [*TEXT_STORES, "dynamodb-store"]
SECRET = "keyboard cat"


@pytest.fixture(params=STORES)
def app(request, start_application):
    return start_application(request.param, max_age=HOUR * 1000)


@pytest.fixture(params=TEXT_STORES)
def text_app(request, start_application):
    return start_application(request.param, max_age=HOUR * 1000)


@pytest.fixture
def sql(sql_on, app):
    return sql_on(app)


@pytest.fixture
def text_sql(sql_on, text_app):
    return sql_on(text_app)


def one(connection, sql, *arguments):
    rows = connection.execute(sql, arguments).fetchall()
    assert len(rows) == 1, rows
    return rows[0] if len(rows[0]) > 1 else rows[0][0]


def stored_expiry_s(app, sid):
    return float(app.item(sid)[app.layout.expires]["N"]) * app.layout.unit_ms / 1000


def same_moment(left, right):
    """Within what a double of Unix seconds can differ."""
    return abs(left - right) < 0.001


# express-session takes originalMaxAge from the clock, so that it may be a few ms under what it was
# told: the tests ask what it is.

# ---- the application writes, SQL reads --------------------------------------------------------


def test_sql_reads_what_the_application_wrote(text_app, text_sql):
    visitor = text_app.visitor()
    visitor.get("/visit")
    visitor.post("/login", {"user": "ada"})
    content = {"name": "Ünïcødé 🍪", "big": 12345678901234567, "half": 0.5, "e": {}}
    sid = visitor.post("/put", content)["sid"]
    item = text_app.item(sid)
    session, expires, expired = one(
        text_sql, "SELECT session, expires, expired FROM sessions WHERE sid = ?", sid
    )
    assert session == item[text_app.layout.data]["S"]
    assert same_moment(expires, stored_expiry_s(text_app, sid))
    assert expired == 0
    assert one(
        text_sql,
        "SELECT session ->> '$.passport.user', session ->> '$.views' FROM sessions WHERE sid = ?",
        sid,
    ) == ("ada", 1)


def test_a_full_read_has_every_visitor(app, sql):
    sids = {app.visitor().get("/visit")["sid"] for _ in range(7)}
    assert {sid for (sid,) in sql.execute("SELECT sid FROM sessions")} == sids
    assert one(sql, "SELECT count(*) FROM sessions WHERE expired = 0") == 7
    assert one(sql, "SELECT count(*) FROM sessions WHERE expires > unixepoch() + 7200") == 0


def test_the_size_is_dynamodbs(app, sql, dynamodb):
    """DynamoDB tells an item's size through the units that a consistent read of it takes."""
    visitor = app.visitor()
    for length in (3000, 3900, 9000):
        sid = visitor.post("/put", {"text": "é" * (length // 2)})["sid"]
        size = one(sql, "SELECT size FROM sessions WHERE sid = ?", sid)
        answer = dynamodb.get_item(
            TableName=app.table, Key=app.key(sid), ConsistentRead=True,
            ReturnConsumedCapacity="TOTAL",
        )  # fmt: skip
        assert length < size < length + 1000
        assert answer["ConsumedCapacity"]["CapacityUnits"] == -(-size // 4096)


def test_a_map_is_shown_as_json(start_application, sql_on):
    app = start_application("dynamodb-store", max_age=HOUR * 1000)
    content = {
        "text": "Ünïcødé 🍪", "integer": 12345678901234, "half": 0.5, "no": False, "nothing": None,
        "list": [1, "two", [3], {"four": 4}], "empty": {}, "none": [],
    }  # fmt: skip
    sid = app.visitor().post("/put", content)["sid"]
    session = json.loads(one(sql_on(app), "SELECT session FROM sessions WHERE sid = ?", sid))
    assert {name: session[name] for name in content} == content
    stored = app.item(sid)["sess"]["M"]
    assert session["updated"] == int(stored["updated"]["N"])
    age = int(stored["cookie"]["M"]["originalMaxAge"]["N"])
    assert session["cookie"]["originalMaxAge"] == age


# ---- SQL writes, the application reads --------------------------------------------------------


def test_the_application_sees_what_sql_changed(app, sql):
    visitor = app.visitor()
    sid = visitor.get("/visit")["sid"]
    before = app.item(sid)
    sql.execute(
        "UPDATE sessions SET session = json_set(session, '$.views', 41, '$.role', 'admin')"
        " WHERE sid = ?",
        (sid,),
    )
    assert sql.execute("SELECT changes()").fetchone() == (1,)
    after = app.item(sid)
    assert visitor.get("/raw")["role"] == "admin"
    assert visitor.get("/visit") == {"sid": sid, "views": 42}
    unchanged = set(before) - {app.layout.data}
    assert {name: after[name] for name in unchanged} == {name: before[name] for name in unchanged}


def test_an_edit_changes_the_text_only_where_it_says(text_app, text_sql):
    sid = text_app.visitor().get("/visit")["sid"]
    before = text_app.item(sid)[text_app.layout.data]["S"]
    text_sql.execute("UPDATE sessions SET session = json_set(session, '$.views', 7)")
    assert text_app.item(sid)[text_app.layout.data]["S"] == before.replace('"views":1', '"views":7')


def test_a_map_keeps_the_types_of_what_an_edit_did_not_change(start_application, sql_on):
    app = start_application("dynamodb-store", max_age=HOUR * 1000)
    sid = app.visitor().post("/put", {"list": [1, 2], "role": "user"})["sid"]
    item = app.item(sid)
    item["sess"]["M"]["bytes"] = {"B": b"\x00\xff"}
    item["sess"]["M"]["tags"] = {"SS": ["a", "b"]}
    item["note"] = {"S": "an attribute that no store knows"}
    app.put(item)
    sql_on(app).execute("UPDATE sessions SET session = json_set(session, '$.role', 'admin')")
    changed = app.item(sid)
    assert changed["sess"]["M"].pop("role") == {"S": "admin"}
    del item["sess"]["M"]["role"]
    after, before = (int(it["sess"]["M"].pop("updated")["N"]) for it in (changed, item))
    assert after >= before
    changed["sess"]["M"]["tags"]["SS"].sort()
    assert changed == item


def test_sql_logs_a_visitor_out(app, sql):
    ada, bob = app.visitor(), app.visitor()
    ada.post("/login", {"user": "ada"})
    bob.post("/login", {"user": "bob"})
    sql.execute("DELETE FROM sessions WHERE sid = ?", (ada.get("/me")["sid"],))
    assert ada.get("/me")["user"] is None
    assert bob.get("/me")["user"] == "bob"


def test_a_report_shows_a_hash_and_the_hash_logs_out(app, sql):
    ada, bob = app.visitor(), app.visitor()
    sid = ada.post("/login", {"user": "ada"})["sid"]
    bob.post("/login", {"user": "bob"})
    digest = hashlib.sha256(sid.encode()).hexdigest()
    assert one(sql, "SELECT sid_hash FROM sessions WHERE sid = ?", sid) == digest
    sql.execute("DELETE FROM sessions WHERE sid_hash = ?", (digest,))
    assert (ada.get("/me")["user"], bob.get("/me")["user"]) == (None, "bob")


def test_sql_logs_a_user_out_everywhere(text_app, text_sql):
    ada = [text_app.visitor() for _ in range(3)]
    for visitor in ada:
        visitor.post("/login", {"user": "ada"})
    bob = text_app.visitor()
    bob.post("/login", {"user": "bob"})
    text_sql.execute("DELETE FROM sessions WHERE session ->> '$.passport.user' = 'ada'")
    assert [visitor.get("/me")["user"] for visitor in ada] == [None, None, None]
    assert bob.get("/me")["user"] == "bob"


def test_sql_logs_a_user_out_by_an_attribute(start_application, sql_on, requests_of):
    """connect-dynamodb's specialKeys are attributes, and extra columns of the table."""
    app = start_application("connect-dynamodb", max_age=HOUR * 1000, special_key="userId")
    sql = sql_on(app, "userId TEXT")
    visitors = [app.visitor() for _ in range(4)]
    for number, visitor in enumerate(visitors):
        visitor.post("/put", {"userId": str(42 + number % 2), "passport": {"user": "u"}})
    app.visitor().get("/visit")
    groups = sql.execute("SELECT userId, count(*) FROM sessions GROUP BY userId ORDER BY userId")
    assert groups.fetchall() == [(None, 1), ("42", 2), ("43", 2)]
    sql.execute("DELETE FROM sessions WHERE userId = '42'")
    assert [visitor.get("/me")["user"] for visitor in visitors] == [None, "u", None, "u"]
    assert len(app.items()) == 3
    assert [row["operation"] for row in requests_of(sql)] == [
        "DescribeTable", "Scan", "Scan", "TransactWriteItems"]


def test_a_store_with_names_of_its_own(start_application, sql_on):
    app = start_application(
        "connect-dynamodb", max_age=HOUR * 1000, hash_key="session", prefix="shop:"
    )
    sql = sql_on(app, "hash_key='session'", "prefix='shop:'")
    visitor = app.visitor()
    sid = visitor.post("/login", {"user": "ada"})["sid"]
    # Another application's item in the same table is no row, and no condition reaches it.
    other = {"session": {"S": "blog:x"}, "sess": {"S": "{}"}, "expires": {"N": "1"}}
    app.put(other)
    assert sql.execute("SELECT sid FROM sessions").fetchall() == [(sid,)]
    sql.execute("INSERT INTO sessions(sid, session) VALUES ('t1', '{\"views\":4}')")
    cookie = one(sql, "SELECT dynamodb_cookie('t1', ?)", SECRET)
    assert app.visitor(cookie).get("/visit")["views"] == 5
    assert one(sql, "SELECT dynamodb_reap('sessions')") == 0
    sql.execute("DELETE FROM sessions")
    assert app.items() == {"blog:x": other}


def test_a_rollback_leaves_everybody_in(app, sql):
    visitor = app.visitor()
    visitor.post("/login", {"user": "ada"})
    before = app.items()
    sql.execute("BEGIN")
    sql.execute("DELETE FROM sessions")
    sql.execute("ROLLBACK")
    assert app.items() == before
    assert visitor.get("/me")["user"] == "ada"


def test_the_application_accepts_a_session_that_sql_made(app, sql, sessions):
    expires = sessions.now_ms() + HOUR * 1000
    session = sessions.make(expires, views=9, passport={"user": "grace"})
    sql.execute(
        "INSERT INTO sessions(sid, session) VALUES ('made-by-sql', ?)", (sessions.text(session),)
    )
    visitor = app.visitor(one(sql, "SELECT dynamodb_cookie('made-by-sql', ?)", SECRET))
    assert visitor.get("/me") == {"sid": "made-by-sql", "user": "grace"}
    assert visitor.get("/visit")["views"] == 10
    assert list(app.items()) == [app.layout.prefix + "made-by-sql"]


def test_a_session_without_a_cookie_gets_one(app, sql, sessions):
    """express-session throws on a session without `cookie`."""
    sql.execute(
        "INSERT INTO sessions(sid, session, expires)"
        " VALUES ('t1', json_object('passport', json_object('user', 'grace')), unixepoch() + 600)"
    )
    visitor = app.visitor(one(sql, "SELECT dynamodb_cookie('t1', ?)", SECRET))
    assert visitor.get("/me")["user"] == "grace"
    cookie = visitor.get("/raw")["cookie"]
    assert (cookie["httpOnly"], cookie["path"]) == (True, "/")
    assert 590_000 <= cookie["originalMaxAge"] <= 600_000
    # A visit keeps it for as long again, and saves it as the store does.
    assert visitor.get("/visit")["views"] == 1
    left = stored_expiry_s(app, "t1") - sessions.now_ms() / 1000
    assert 580 < left <= 600


def test_the_application_itself_throws_on_a_session_without_a_cookie(text_app):
    """Why the extension adds one: the same session, put there by boto3."""
    key = text_app.key("bare")
    text_app.put({**key, text_app.layout.data: {"S": '{"views":1}'}})
    mac = base64.b64encode(hmac.digest(SECRET.encode(), b"bare", "sha256")).decode().rstrip("=")
    with pytest.raises(urllib.error.HTTPError) as caught:
        text_app.visitor(f"s:bare.{mac}").get("/me")
    assert caught.value.code == 500


@pytest.mark.parametrize("quoted", [False, True])
def test_the_cookie_is_the_applications_own(app, sql, quoted):
    visitor = app.visitor()
    sid = visitor.post("/login", {"user": "ada"})["sid"]
    cookie = one(sql, "SELECT dynamodb_cookie(?, ?)", sid, SECRET)
    assert cookie == visitor.cookie
    pasted = urllib.parse.quote(cookie, safe="") if quoted else cookie
    assert app.visitor(pasted).get("/me") == {"sid": sid, "user": "ada"}


def test_a_cookie_of_another_secret_is_nobody(app, sql):
    visitor = app.visitor()
    sid = visitor.post("/login", {"user": "ada"})["sid"]
    cookie = one(sql, "SELECT dynamodb_cookie(?, 'another secret')", sid)
    assert app.visitor(cookie).get("/me")["user"] is None


def test_a_cookie_that_an_edit_took_out_is_written_again(app, sql, sessions):
    visitor = app.visitor()
    sid = visitor.get("/visit")["sid"]
    before = stored_expiry_s(app, sid)
    sql.execute("""UPDATE sessions SET session = '{"views":5}' WHERE sid = ?""", (sid,))
    assert same_moment(stored_expiry_s(app, sid), before)
    raw = visitor.get("/raw")
    assert (raw["views"], raw["cookie"]["path"]) == (5, "/")
    assert visitor.get("/visit")["views"] == 6
    assert stored_expiry_s(app, sid) > sessions.now_ms() / 1000 + HOUR - 60


def test_an_edit_keeps_what_a_cookie_has_besides(text_app, text_sql, sessions):
    session = sessions.make(sessions.now_ms() + HOUR * 1000, views=1)
    session["cookie"].update(secure=False, domain="127.0.0.1", sameSite="lax")
    text = sessions.text(session)
    text_sql.execute("INSERT INTO sessions(sid, session) VALUES ('t1', ?)", (text,))
    assert text_app.item("t1")[text_app.layout.data]["S"] == text
    text_sql.execute("UPDATE sessions SET expires = 4102444800")
    moved = text.replace(session["cookie"]["expires"], "2100-01-01T00:00:00.000Z")
    assert text_app.item("t1")[text_app.layout.data]["S"] == moved


def test_a_session_gets_another_id(app, sql):
    """As after a login: the old cookie is nobody, the new one has the session."""
    visitor = app.visitor()
    sid = visitor.post("/login", {"user": "ada"})["sid"]
    before = app.item(sid)
    sql.execute("UPDATE sessions SET sid = 'another' WHERE sid = ?", (sid,))
    assert list(app.items()) == [app.layout.prefix + "another"]
    assert app.item("another") == {**before, **app.key("another")}
    assert visitor.get("/me")["user"] is None
    cookie = one(sql, "SELECT dynamodb_cookie('another', ?)", SECRET)
    assert app.visitor(cookie).get("/me")["user"] == "ada"


def test_backup_and_restore(app, sql):
    """The column `item` is the item with its types, whatever the store put there."""
    visitor = app.visitor()
    sid = visitor.post("/login", {"user": "ada"})["sid"]
    visitor.post("/put", {"numbers": [1, 0.5, -7], "nothing": None, "deep": {"a": [{"b": True}]}})
    before = app.items()
    sql.execute("CREATE TEMP TABLE backup AS SELECT sid, item FROM sessions")
    sql.execute("DELETE FROM sessions")
    assert app.items() == {}
    assert app.visitor(visitor.cookie).get("/me")["user"] is None
    sql.execute("INSERT INTO sessions(sid, item) SELECT sid, item FROM backup")
    assert app.items() == before
    assert visitor.get("/me") == {"sid": sid, "user": "ada"}


# ---- expiry -----------------------------------------------------------------------------------


def test_touch_extends_a_session(app, sql, sessions):
    visitor = app.visitor()
    sid = visitor.post("/login", {"user": "ada"})["sid"]
    before = stored_expiry_s(app, sid)
    assert one(sql, "SELECT dynamodb_touch('sessions', ?, 86400)", sid) == 1
    after = stored_expiry_s(app, sid)
    assert HOUR * 23 - 60 < after - before < HOUR * 23 + 60
    assert visitor.get("/me")["user"] == "ada"


def test_the_application_sees_the_new_expiry(text_app, text_sql, sessions):
    """The cookie's date moves with the attribute: it is what req.session.cookie.expires says."""
    sid = text_app.visitor().get("/visit")["sid"]
    age = text_app.call("get", sid)["result"]["cookie"]["originalMaxAge"]
    assert one(text_sql, "SELECT dynamodb_touch('sessions', ?, 86400)", sid) == 1
    got = text_app.call("get", sid)["result"]
    cookie_ms = sessions.ms_of(got["cookie"]["expires"])
    whole = cookie_ms // text_app.layout.unit_ms * text_app.layout.unit_ms
    assert same_moment(stored_expiry_s(text_app, sid), whole / 1000)
    assert got["cookie"]["originalMaxAge"] == age
    assert got["views"] == 1


def test_touch_without_seconds_uses_the_sessions_own_age(app, sql, sessions):
    sid = app.visitor().get("/visit")["sid"]
    app.set_expiry(sid, sessions.now_ms() / 1000 + 60)
    start = sessions.now_ms() / 1000
    assert one(sql, "SELECT dynamodb_touch('sessions', ?)", sid) == 1
    end = sessions.now_ms() / 1000
    # A store of whole seconds rounds down.
    assert start + HOUR - 1 <= stored_expiry_s(app, sid) <= end + HOUR


def test_touch_neither_creates_nor_revives(app, sql, sessions):
    sid = app.visitor().get("/visit")["sid"]
    app.set_expiry(sid, sessions.now_ms() / 1000 - 60)
    before = app.items()
    assert one(sql, "SELECT dynamodb_touch('sessions', ?, 60)", sid) == 0
    assert one(sql, "SELECT dynamodb_touch('sessions', 'nobody', 60)") == 0
    assert app.items() == before


def test_reap_deletes_the_expired_and_only_those(app, sql, sessions):
    visitors = [app.visitor() for _ in range(30)]
    sids = [visitor.get("/visit")["sid"] for visitor in visitors]
    for sid in sids[:26]:
        app.set_expiry(sid, sessions.now_ms() / 1000 - 60)
    assert one(sql, "SELECT count(*) FROM sessions WHERE expired = 1") == 26
    assert one(sql, "SELECT dynamodb_reap('sessions')") == 26
    assert set(app.items()) == {app.layout.prefix + sid for sid in sids[26:]}
    assert one(sql, "SELECT dynamodb_reap('sessions')") == 0
    assert visitors[29].get("/visit")["views"] == 2


def test_an_update_of_expires_reaches_the_application(text_app, text_sql, sessions):
    visitor = text_app.visitor()
    sid = visitor.get("/visit")["sid"]
    age = text_app.call("get", sid)["result"]["cookie"]["originalMaxAge"]
    text_sql.execute("UPDATE sessions SET expires = 4102444800 WHERE sid = ?", (sid,))
    cookie = text_app.call("get", sid)["result"]["cookie"]
    assert cookie["expires"] == "2100-01-01T00:00:00.000Z"
    assert cookie["originalMaxAge"] == age
    # The application then applies its own age again.
    visitor.get("/visit")
    assert stored_expiry_s(text_app, sid) < sessions.now_ms() / 1000 + HOUR + 1


def test_a_visitor_stays_after_an_update_of_expires(app, sql):
    visitor = app.visitor()
    sid = visitor.post("/login", {"user": "ada"})["sid"]
    sql.execute("UPDATE sessions SET expires = expires + 600 WHERE sid = ?", (sid,))
    assert visitor.get("/visit")["views"] == 1
    assert visitor.get("/me")["user"] == "ada"


def test_never_is_never_in_the_application(start_application, sql_on, sessions):
    app = start_application("serverless-dynamodb-session-store", max_age=HOUR * 1000)
    sql = sql_on(app)
    visitor = app.visitor()
    sid = visitor.get("/visit")["sid"]
    sql.execute("UPDATE sessions SET expires = NULL WHERE sid = ?", (sid,))
    item = app.item(sid)
    assert item["expireTime"] == item["expireTime_TTL"] == {"NULL": True}
    cookie = app.call("get", sid)["result"]["cookie"]
    assert (cookie["expires"], cookie["originalMaxAge"]) == (None, None)
    assert visitor.get("/visit")["views"] == 2
    assert app.item(sid)["expireTime"] == {"NULL": True}


# ---- both at once -----------------------------------------------------------------------------


def test_a_visit_between_read_and_commit_is_not_lost(app, sql):
    visitor = app.visitor()
    sid = visitor.get("/visit")["sid"]
    sql.execute("BEGIN")
    sql.execute(
        "UPDATE sessions SET session = json_set(session, '$.role', 'admin') WHERE sid = ?", (sid,)
    )
    assert visitor.get("/visit")["views"] == 2
    with pytest.raises(sqlite3.OperationalError, match="changed since it was read") as caught:
        sql.execute("COMMIT")
    assert caught.value.sqlite_errorname == "SQLITE_BUSY_SNAPSHOT"
    assert sid not in str(caught.value)
    assert not sql.in_transaction
    assert visitor.get("/visit")["views"] == 3
    assert "role" not in visitor.get("/raw")


def test_a_touch_between_read_and_commit(start_application, sql_on):
    """The default store's touch writes the whole session: the edit would undo that."""
    app = start_application("serverless-dynamodb-session-store", max_age=HOUR * 1000, rolling=True)
    sql = sql_on(app)
    visitor = app.visitor()
    sid = visitor.get("/visit")["sid"]
    sql.execute("BEGIN")
    sql.execute("UPDATE sessions SET session = json_set(session, '$.role', 'admin')")
    visitor.get("/me")
    touched = app.item(sid)
    with pytest.raises(sqlite3.OperationalError, match="changed since it was read") as caught:
        sql.execute("COMMIT")
    assert caught.value.sqlite_errorname == "SQLITE_BUSY_SNAPSHOT"
    assert app.item(sid) == touched


def test_an_edit_and_a_touch_of_the_attribute_both_stand(start_application, sql_on, sessions):
    """connect-dynamodb's touch moves `expires` only: the edit goes through, and leaves it there."""
    app = start_application("connect-dynamodb", max_age=HOUR * 1000, rolling=True)
    sql = sql_on(app)
    visitor = app.visitor()
    sid = visitor.get("/visit")["sid"]
    app.set_expiry(sid, sessions.now_ms() / 1000 + 60)
    sql.execute("BEGIN")
    sql.execute("UPDATE sessions SET session = json_set(session, '$.role', 'admin')")
    visitor.get("/me")
    touched = app.item(sid)["expires"]
    sql.execute("COMMIT")
    assert app.item(sid)["expires"] == touched
    assert float(touched["N"]) > sessions.now_ms() / 1000 + 1800
    assert visitor.get("/raw")["role"] == "admin"


def test_a_visitor_who_came_back_is_not_reaped(app, sql, sessions):
    """DELETE … WHERE expired asserts that the session is still expired."""
    visitor = app.visitor()
    sid = visitor.get("/visit")["sid"]
    content = app.call("get", sid)["result"]
    app.set_expiry(sid, sessions.now_ms() / 1000 - 60)
    sql.execute("BEGIN")
    sql.execute("DELETE FROM sessions WHERE expired = 1")
    assert sql.execute("SELECT changes()").fetchone() == (1,)
    # The application sets the session again, as a request that was already running would.
    content["cookie"] = sessions.make(sessions.now_ms() + HOUR * 1000)["cookie"]
    assert app.call("set", sid, content)["error"] is None
    sql.execute("COMMIT")
    assert visitor.get("/visit")["views"] == 2


def test_a_forced_logout_that_meets_a_visit_fails_loudly(app, sql):
    visitor = app.visitor()
    visitor.post("/login", {"user": "ada"})
    sql.execute("BEGIN")
    sql.execute("DELETE FROM sessions WHERE session ->> '$.passport.user' = 'ada'")
    visitor.get("/visit")
    with pytest.raises(sqlite3.OperationalError, match="changed since it was read"):
        sql.execute("COMMIT")
    assert visitor.get("/me")["user"] == "ada"
    sql.execute("DELETE FROM sessions WHERE session ->> '$.passport.user' = 'ada'")
    assert visitor.get("/me")["user"] is None


def test_an_insert_never_takes_over_a_session(app, sql):
    visitor = app.visitor()
    sid = visitor.post("/login", {"user": "ada"})["sid"]
    with pytest.raises(sqlite3.IntegrityError, match=r"UNIQUE constraint failed: sessions\.sid"):
        sql.execute("INSERT INTO sessions(sid, session) VALUES (?, '{}')", (sid,))
    assert visitor.get("/me")["user"] == "ada"
    sql.execute("INSERT OR IGNORE INTO sessions(sid, session) VALUES (?, '{}')", (sid,))
    assert visitor.get("/me")["user"] == "ada"


def test_moving_sessions_to_another_store(start_application, sql_on, sessions):
    """INSERT … SELECT from one layout to another; visitors stay in, by the same cookie."""
    old = start_application("connect-dynamodb", max_age=HOUR * 1000)
    new = start_application("serverless-dynamodb-session-store", max_age=HOUR * 1000)
    visitors = [old.visitor() for _ in range(5)]
    for number, visitor in enumerate(visitors):
        visitor.post("/login", {"user": f"user-{number}"})
    sql = sql_on(old)
    sql.execute(
        "CREATE VIRTUAL TABLE temp.target USING dynamodb_sessions("
        f"table='{new.table}', layout='{new.store}')"
    )
    columns = "sid, session, expires"
    sql.execute(f"INSERT INTO target({columns}) SELECT {columns} FROM sessions")
    expiries = dict(sql.execute("SELECT sid, expires FROM sessions"))
    assert len(expiries) == 5
    for sid, expires in expiries.items():
        # The default layout keeps milliseconds, connect-dynamodb a fraction of any length.
        assert same_moment(stored_expiry_s(new, sid), expires)
    for number, visitor in enumerate(visitors):
        me = {"sid": visitor.get("/me")["sid"], "user": f"user-{number}"}
        assert me["sid"] in expiries
        assert new.visitor(visitor.cookie).get("/me") == me
