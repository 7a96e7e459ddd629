"""The item that SQL's INSERT writes beside the one that the store's own `set` writes."""

import json

import pytest

HOUR_MS = 3_600_000
CONTENT = {
    "views": 3,
    "passport": {"user": "ada"},
    "flash": {"info": ["Welcome back", ""]},
    "cart": [{"sku": "A-1", "price": 19.95}, {"sku": "Ünïcødé 🍪", "count": 0, "price": -1}],
    "csrfSecret": "\"quoted\"\\\n\u0001",
    "nothing": None,
    "yes": True,
    "empty": {},
    "none": [],
}


@pytest.fixture
def written(start_application, sql_on, sessions):
    """written(store, expires_in_ms): what the store's set and SQL's INSERT wrote of one session."""

    def write(store, expires_in_ms=HOUR_MS):
        app = start_application(store, max_age=HOUR_MS)
        expires = None if expires_in_ms is None else sessions.now_ms() + expires_in_ms
        session = sessions.make(expires, **CONTENT)
        assert app.call("set", "by-store", session)["error"] is None
        sql_on(app).execute(
            "INSERT INTO sessions(sid, session) VALUES ('by-sql', ?)", (sessions.text(session),)
        )
        by_store, by_sql = app.item("by-store"), app.item("by-sql")
        assert by_store.pop(app.layout.hash_key) == {"S": app.layout.prefix + "by-store"}
        assert by_sql.pop(app.layout.hash_key) == {"S": app.layout.prefix + "by-sql"}
        return by_store, by_sql, expires

    return write


@pytest.mark.parametrize("expires_in_ms", [HOUR_MS, 1, -HOUR_MS, None])
def test_serverless_dynamodb_session_store(written, expires_in_ms):
    by_store, by_sql, _ = written("serverless-dynamodb-session-store", expires_in_ms)
    assert by_sql == by_store


def test_connect_dynamodb(written):
    """Its `expires` is floor(now) + the age that is left, up to a second before the cookie's own;
    SQL's is the cookie's own in whole seconds."""
    by_store, by_sql, expires_ms = written("connect-dynamodb")
    store_expires = float(by_store.pop("expires")["N"])
    sql_expires = by_sql.pop("expires")["N"]
    assert by_sql == by_store
    assert sql_expires == str(expires_ms // 1000)
    assert abs(int(sql_expires) - store_expires) < 1.01


def test_connect_dynamodb_gives_a_session_without_an_age_a_day(written, sessions):
    by_store, by_sql, _ = written("connect-dynamodb", None)
    store_expires = float(by_store.pop("expires")["N"])
    sql_expires = float(by_sql.pop("expires")["N"])
    assert by_sql == by_store
    day = 86_400
    assert day - 60 < store_expires - sessions.now_ms() / 1000 <= day
    assert -1.01 < sql_expires - store_expires < 60


def test_dynamodb_store(written):
    """Its own set stores the cookie with what JavaScript's object has around it; SQL the cookie's
    JSON, which the application reads as well."""
    by_store, by_sql, expires_ms = written("dynamodb-store")
    assert set(by_sql) == set(by_store) == {"expires", "sess"}
    assert by_sql["expires"]["N"].isdigit()
    assert abs(int(by_sql["expires"]["N"]) - int(by_store["expires"]["N"])) <= 1
    assert int(by_sql["expires"]["N"]) == expires_ms // 1000
    store_sess, sql_sess = by_store["sess"]["M"], by_sql["sess"]["M"]
    assert abs(int(sql_sess.pop("updated")["N"]) - int(store_sess.pop("updated")["N"])) < 60_000
    cookie, whole = sql_sess.pop("cookie")["M"], store_sess.pop("cookie")["M"]
    assert sql_sess == store_sess
    for name in ("originalMaxAge", "httpOnly", "path"):
        assert cookie[name] == whole[name]
    assert set(cookie) == {"originalMaxAge", "expires", "httpOnly", "path"}
    assert whole["expires"] == {"M": {}}
    assert list(cookie["expires"]) == ["S"]


@pytest.mark.parametrize("store", ["connect-dynamodb", "serverless-dynamodb-session-store"])
def test_the_text_is_kept_to_the_byte(start_application, sql_on, store, sessions):
    """Order, spelling and spaces of JSON that SQL was given."""
    app = start_application(store, max_age=HOUR_MS)
    text = (
        '{ "z":1.50, "a" : 1e2,"cookie":{"path":"/","expires":"2100-01-01T00:00:00.000Z",'
        '"originalMaxAge":3600000,"httpOnly":true},"u":"\\u00e9\\/","big":12345678901234567890123 }'
    )
    connection = sql_on(app)
    connection.execute("INSERT INTO sessions(sid, session) VALUES ('exact', ?)", (text,))
    assert app.item("exact")[app.layout.data]["S"] == text
    assert connection.execute("SELECT session FROM sessions").fetchone() == (text,)
    assert app.call("get", "exact")["result"]["z"] == json.loads(text)["z"]
