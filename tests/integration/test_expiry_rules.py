"""The rules of expiry and of the cookie, store by store, as boto3 sees what was written.

An expiry stands in several places: the expiry attribute, the TTL attribute, the session's cookie.
A write that moves it keeps them in step; a write that does not moves none.
"""

import datetime
import json
from decimal import Decimal

import pytest
from boto3.dynamodb.types import TypeDeserializer
from session_table import (
    CONNECT, LATER, LAYOUTS, LONG_AGO, MAP, SERVERLESS, SessionTable, now, refused
)

NEVER = pytest.mark.parametrize(
    "table", [SERVERLESS, CONNECT], ids=lambda layout: layout.name, indirect=True
)
TEXT = NEVER  # the layouts whose session is text
DAY = 86400
HOUR = 3600


def iso(seconds):
    ms = int(round(seconds * 1000))
    moment = datetime.datetime.fromtimestamp(ms // 1000, datetime.timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + ".%03dZ" % (ms % 1000)


def cookie(expires=None, age_ms=None, **more):
    date = None if expires is None else iso(expires)
    return {"originalMaxAge": age_ms, "expires": date, "httpOnly": True, "path": "/", **more}


@pytest.fixture(params=LAYOUTS, ids=lambda layout: layout.name)
def table(request, dynamodb, connect, make_table):
    return SessionTable(dynamodb, connect(), make_table, request.param, "userId TEXT")


def stored(table, sid="a"):
    """The session as the store would read it."""
    payload = table.get(sid)[table.layout.data]
    if table.layout.is_map:
        plain = TypeDeserializer().deserialize(payload)
        return json.loads(json.dumps(plain, default=lambda n: int(n) if n == int(n) else float(n)))
    return json.loads(payload["S"])


def expiry(table, sid="a"):
    """The two attributes as they are, types and digits."""
    item = table.get(sid)
    return {name: item[name] for name in {table.layout.expires, table.layout.ttl} if name in item}


def insert(table, session=None, expires=None, sid="a"):
    text = session if isinstance(session, str) else json.dumps(session)
    return table.sql(
        "INSERT INTO sessions(sid, session, expires) VALUES (?, ?, ?)", sid, text, expires
    )


def moved_to(table, seconds):
    return expiry(table) == table.layout.expiry(seconds)


def is_about(table, seconds, sid="a"):
    """An expiry that counts from the clock: the attributes agree, and are near."""
    item = table.get(sid)
    own = int(item[table.layout.expires]["N"]) * table.layout.unit_ms / 1000
    assert int(item[table.layout.ttl]["N"]) == int(own)
    assert abs(own - seconds) < 120, (own, seconds)
    return own


# ---- rule 1: an explicit expires ----------------------------------------------------------------


def test_insert_with_expires_and_no_cookie(table):
    insert(table, {"views": 1}, LATER)
    assert moved_to(table, LATER)
    made = stored(table)
    assert made["views"] == 1
    # originalMaxAge = explicit expires - now.
    age = made["cookie"].pop("originalMaxAge")
    assert abs(age - (LATER - now()) * 1000) < 120_000
    assert made["cookie"] == {"expires": iso(LATER), "httpOnly": True, "path": "/"}


def test_insert_with_expires_and_a_cookie_of_another_date(table):
    insert(table, {"cookie": cookie(LONG_AGO, HOUR * 1000), "views": 1}, LATER)
    assert moved_to(table, LATER)
    # The application applies originalMaxAge again at the next visit.
    assert stored(table)["cookie"] == cookie(LATER, HOUR * 1000)


def test_update_of_expires_moves_all_places(table):
    table.put("a", {"cookie": cookie(LATER, HOUR * 1000, secure=True), "views": 1})
    table.sql("UPDATE sessions SET expires = ? WHERE sid = 'a'", LATER + 100)
    assert moved_to(table, LATER + 100)
    changed = stored(table)
    assert changed["cookie"] == cookie(LATER + 100, HOUR * 1000, secure=True)
    assert changed["views"] == 1


def test_explicit_expires_wins_over_a_changed_cookie(table):
    table.put("a", {"cookie": cookie(LATER, HOUR * 1000)})
    table.sql(
        "UPDATE sessions SET expires = ?, session = ?",
        LATER + 7, json.dumps({"cookie": cookie(LATER + 99, 5000)}),
    )
    assert moved_to(table, LATER + 7)
    assert stored(table)["cookie"] == cookie(LATER + 7, 5000)


@NEVER
def test_update_to_never(table):
    table.put("a", {"cookie": cookie(LATER, HOUR * 1000), "views": 1})
    table.sql("UPDATE sessions SET expires = NULL")
    assert moved_to(table, None)
    assert stored(table)["cookie"] == cookie(None, None)


@NEVER
def test_update_from_never(table):
    table.put("a", {"cookie": cookie(), "views": 1}, None)
    table.sql("UPDATE sessions SET expires = ?", LATER)
    assert moved_to(table, LATER)
    assert stored(table)["cookie"] == cookie(LATER, None)


@pytest.mark.parametrize("table", [MAP], ids=lambda layout: layout.name, indirect=True)
def test_a_store_without_never(table):
    before = table.put("a", {"cookie": cookie(LATER)})
    with refused("SQLITE_CONSTRAINT_CHECK", "expires"):
        table.sql("UPDATE sessions SET expires = NULL")
    assert table.get("a") == before


def test_update_of_expires_where_the_session_has_no_cookie(table):
    table.put("a", {"views": 1})
    table.sql("UPDATE sessions SET expires = ?", LATER + 1)
    assert moved_to(table, LATER + 1)
    assert stored(table)["views"] == 1 and "cookie" not in stored(table)


def test_update_of_expires_of_a_session_that_is_none(table):
    table.put("a", None, **{table.layout.data: {"S": "not JSON"}})
    table.sql("UPDATE sessions SET expires = ?", LATER + 1)
    assert moved_to(table, LATER + 1)
    assert table.get("a")[table.layout.data] == {"S": "not JSON"}


FRACTIONS = [(1999999999.25, 1999999999250), (1999999999.999, 1999999999999), (0.001, 1), (0, 0)]


@pytest.mark.parametrize("seconds, ms", FRACTIONS)
def test_a_fraction_of_a_second(table, seconds, ms):
    table.put("a", {"cookie": cookie(LATER)})
    table.sql("UPDATE sessions SET expires = ?", seconds)
    item = table.get("a")
    assert item[table.layout.expires] == {"N": str(ms // table.layout.unit_ms)}
    assert item[table.layout.ttl] == {"N": str(ms // 1000)}
    assert stored(table)["cookie"]["expires"] == iso(ms / 1000)


def test_negative_expires(table):
    before = table.put("a", {"cookie": cookie(LATER)})
    with refused("SQLITE_CONSTRAINT_CHECK", "expires"):
        table.sql("UPDATE sessions SET expires = -1")
    assert table.get("a") == before


# ---- rule 2: the cookie -------------------------------------------------------------------------


def test_insert_follows_the_cookies_date(table):
    insert(table, {"cookie": cookie(LATER, HOUR * 1000)})
    assert moved_to(table, LATER)
    assert stored(table)["cookie"] == cookie(LATER, HOUR * 1000)


@pytest.mark.parametrize("name", ["originalMaxAge", "maxAge"])
def test_insert_follows_the_cookies_age(table, name):
    insert(table, {"cookie": {name: HOUR * 1000}})
    own = is_about(table, now() + HOUR)
    date = stored(table)["cookie"]["expires"]
    assert abs(datetime.datetime.fromisoformat(date[:-1] + "+00:00").timestamp() - own) < 1
    assert stored(table)["cookie"][name] == HOUR * 1000


def test_insert_of_a_cookie_that_says_nothing_gets_the_default_age(table):
    insert(table, {"cookie": cookie(), "views": 1})
    if table.layout.default_age_s is None:
        assert moved_to(table, None)
    else:
        is_about(table, now() + table.layout.default_age_s)
    # The store leaves the cookie of a browser session as it is.
    assert stored(table)["cookie"] == cookie()


def test_insert_without_cookie_and_expires(table):
    insert(table, {"views": 1})
    if table.layout.default_age_s is None:
        assert moved_to(table, None)
    else:
        is_about(table, now() + table.layout.default_age_s)
    assert stored(table)["cookie"] == cookie()


def test_an_update_that_first_writes_a_cookie(table):
    table.put("a", {"views": 1})
    table.sql("UPDATE sessions SET session = ?", json.dumps({"cookie": cookie(LATER + 5)}))
    assert moved_to(table, LATER + 5)


def test_an_update_of_the_cookies_date(table):
    table.put("a", {"cookie": cookie(LATER, HOUR * 1000)})
    table.sql(
        "UPDATE sessions SET session = json_set(session, '$.cookie.expires', ?)", iso(LATER + 9.5)
    )
    item = table.get("a")
    assert item[table.layout.ttl] == {"N": str(LATER + 9)}
    assert item[table.layout.expires]["N"] == str(
        (LATER + 9) * 1000 + 500 if table.layout.unit_ms == 1 else LATER + 9
    )


@pytest.mark.parametrize("name", ["originalMaxAge", "maxAge"])
def test_an_update_of_the_cookies_age_alone(table, name):
    table.put("a", {"cookie": cookie(LATER, HOUR * 1000)})
    table.sql(f"UPDATE sessions SET session = json_set(session, '$.cookie.{name}', ?)", 7200_000)
    own = is_about(table, now() + 7200)
    changed = stored(table)["cookie"]
    assert changed[name] == 7200_000
    date = datetime.datetime.fromisoformat(changed["expires"][:-1] + "+00:00").timestamp()
    assert abs(date - own) < 1


def test_an_update_that_takes_the_date_out_leaves_the_age(table):
    table.put("a", {"cookie": cookie(LATER, HOUR * 1000)})
    table.sql("UPDATE sessions SET session = json_set(session, '$.cookie.expires', NULL)")
    is_about(table, now() + HOUR)


def test_an_update_that_takes_date_and_age_out(table):
    table.put("a", {"cookie": cookie(LATER, HOUR * 1000)})
    table.sql(
        "UPDATE sessions SET session ="
        " json_set(session, '$.cookie.expires', NULL, '$.cookie.originalMaxAge', NULL)"
    )
    if table.layout.default_age_s is None:
        assert moved_to(table, None)
    else:
        is_about(table, now() + table.layout.default_age_s)


@pytest.mark.parametrize("date", ['"soon"', '"2030-13-01T00:00:00.000Z"', '""', "-5", "1e99"])
def test_a_cookie_whose_date_is_none(table, date):
    session = '{"cookie":{"expires":%s}}' % date
    with table.sends(), refused("SQLITE_CONSTRAINT_CHECK", "cookie"):
        insert(table, session)
    # An explicit expires wins.
    insert(table, session, LATER)
    assert moved_to(table, LATER)


@pytest.mark.parametrize("value", ["null", "1", '"text"', "[]"])
def test_a_cookie_that_is_no_object_is_none(table, value):
    insert(table, '{"cookie":%s,"views":1}' % value, LATER)
    assert moved_to(table, LATER)
    assert stored(table)["cookie"]["expires"] == iso(LATER)
    assert stored(table)["views"] == 1


# ---- rule 3: it stays ---------------------------------------------------------------------------


def test_an_edit_does_not_move_the_expiry_back_to_an_older_cookie(table):
    """A touch moves the attribute alone in most stores: the cookie's own date is older."""
    table.put("a", {"cookie": cookie(LATER - 500, HOUR * 1000), "views": 1}, LATER)
    table.sql("UPDATE sessions SET session = json_set(session, '$.views', 2)")
    assert moved_to(table, LATER)
    assert stored(table)["cookie"] == cookie(LATER - 500, HOUR * 1000)
    assert stored(table)["views"] == 2


def test_an_edit_of_another_member_of_the_cookie_does_not_move_it(table):
    table.put("a", {"cookie": cookie(LATER - 500, HOUR * 1000)}, LATER)
    table.sql("UPDATE sessions SET session = json_set(session, '$.cookie.secure', json('true'))")
    assert moved_to(table, LATER)
    assert stored(table)["cookie"] == cookie(LATER - 500, HOUR * 1000, secure=True)


def test_a_cookie_that_was_taken_out_is_written_again_in_step(table):
    table.put("a", {"cookie": cookie(LATER - 500, HOUR * 1000, secure=True), "views": 1}, LATER)
    table.sql("UPDATE sessions SET session = json_remove(session, '$.cookie')")
    assert moved_to(table, LATER)
    assert stored(table)["cookie"] == cookie(LATER, HOUR * 1000, secure=True)
    assert stored(table)["views"] == 1


def test_an_update_of_another_column_touches_no_expiry(table):
    before = table.put("a", {"cookie": cookie(LATER - 500)}, LATER)
    table.sql("UPDATE sessions SET userId = 'u'")
    assert table.get("a") == {**before, "userId": {"S": "u"}}


def test_a_fractional_expiry_stays_as_it_is(table):
    odd = {"N": "4000000000.123456789"}
    table.put("a", {"cookie": cookie(LATER), "views": 1}, **{table.layout.expires: odd})
    table.sql("UPDATE sessions SET session = json_set(session, '$.views', 2), expires = expires")
    assert table.get("a")[table.layout.expires] == odd


def test_an_expiry_of_the_wrong_type_stays_as_it_is(table):
    for odd in ({"S": "tomorrow"}, {"NULL": True}, {"BOOL": True}):
        table.put("a", {"cookie": cookie(LATER), "views": 1}, **{table.layout.expires: odd})
        table.sql("UPDATE sessions SET session = json_set(session, '$.views', 2)")
        assert table.get("a")[table.layout.expires] == odd
        table.sql("UPDATE sessions SET expires = ?", LATER + 3)
        assert moved_to(table, LATER + 3)


# ---- what was not changed stays as it was -------------------------------------------------------

ODD_TEXT = (
    '{ "z" : 1.0e5,\t"cookie":{"expires":"%s", "originalMaxAge" :3600000,"x":[ ]},\n'
    '"big":12345678901234567890123456789012345678, "a" : {"b":[1 ,2.50, -0.0, 1E+2]},'
    ' "u":"\\u00e9\\u2028\\/", "\\u0061":null,"e":""}' % iso(LATER)
)


@TEXT
def test_text_is_stored_byte_for_byte(table):
    insert(table, ODD_TEXT)
    assert table.session("a") == ODD_TEXT
    assert table.value("SELECT session FROM sessions") == ODD_TEXT


@TEXT
def test_a_move_of_the_expiry_changes_the_date_alone(table):
    table.put("a", ODD_TEXT)
    table.sql("UPDATE sessions SET expires = ?", LATER + 60)
    assert table.session("a") == ODD_TEXT.replace(iso(LATER), iso(LATER + 60))
    assert moved_to(table, LATER + 60)


@TEXT
def test_never_changes_date_and_age_alone(table):
    table.put("a", ODD_TEXT)
    table.sql("UPDATE sessions SET expires = NULL")
    wanted = ODD_TEXT.replace('"%s"' % iso(LATER), "null").replace("3600000", "null")
    assert table.session("a") == wanted


@TEXT
def test_replace_to_the_same_text_keeps_the_bytes(table):
    before = table.put("a", ODD_TEXT)
    with table.sends("GetItem"):
        table.sql("UPDATE sessions SET session = ? WHERE sid = 'a'", ODD_TEXT)
    assert table.get("a") == before


@TEXT
def test_a_touch_keeps_the_bytes(table):
    table.put("a", ODD_TEXT)
    assert table.value("SELECT dynamodb_touch('sessions', 'a', 600)") == 1
    after = table.session("a")
    date = json.loads(after)["cookie"]["expires"]
    assert after == ODD_TEXT.replace(iso(LATER), date)


def odd_map():
    return {
        "cookie": {"M": {"expires": {"S": iso(LATER)}, "originalMaxAge": {"N": "3600000"}}},
        "bytes": {"B": b"\x00\xff"}, "set": {"SS": ["a", "b"]}, "numbers": {"NS": ["1", "2.5"]},
        "blobs": {"BS": [b"x"]}, "big": {"N": "12345678901234567890123456789012345678"},
        "small": {"N": "1E-130"}, "list": {"L": [{"B": b"y"}, {"N": "1"}]},
        "nested": {"M": {"s": {"SS": ["q"]}, "n": {"N": "7"}, "e": {"M": {}}}},
        "nothing": {"NULL": True}, "views": {"N": "1"}, "text": {"S": "ü"},
    }


def sorted_sets(value):
    if isinstance(value, dict):
        return {k: sorted(v) if k in ("SS", "NS", "BS") and isinstance(v, list) else sorted_sets(v)
                for k, v in value.items()}
    return [sorted_sets(v) for v in value] if isinstance(value, list) else value


MAP_ONLY = pytest.mark.parametrize(
    "table", [MAP], ids=lambda layout: layout.name, indirect=True
)


@MAP_ONLY
@pytest.mark.parametrize("statement, changed", [
    ("session = json_set(session, '$.views', 2)", {"views": {"N": "2"}}),
    ("session = json_set(session, '$.added', json('[true]'))",
     {"added": {"L": [{"BOOL": True}]}}),
    ("session = json_remove(session, '$.text')", {"text": None}),
    ("session = json_set(session, '$.nested.n', 8)",
     {"nested": {"M": {"s": {"SS": ["q"]}, "n": {"N": "8"}, "e": {"M": {}}}}}),
    ("expires = 4000000060",
     {"cookie": {"M": {"expires": {"S": iso(LATER + 60)}, "originalMaxAge": {"N": "3600000"}}}}),
])
def test_members_of_a_map_keep_their_stored_types(table, statement, changed):
    table.put("a", None, sess={"M": odd_map()})
    before = now()
    table.sql(f"UPDATE sessions SET {statement} WHERE sid = 'a'")
    after = table.get("a")["sess"]["M"]
    # dynamodb-store's own companion: when it was written.
    assert before * 1000 - 60_000 < int(after.pop("updated")["N"]) < (now() + 60) * 1000
    wanted = {**odd_map(), **changed}
    wanted = {name: value for name, value in wanted.items() if value is not None}
    assert sorted_sets(after) == sorted_sets(wanted)


@MAP_ONLY
def test_numbers_of_38_digits_in_a_map(table):
    digits = "1234567890123456789012345678901234567.8"
    insert(table, '{"cookie":{},"n":%s,"m":1.0e5,"z":-0.0}' % digits, LATER)
    session = table.get("a")["sess"]["M"]
    assert Decimal(session["n"]["N"]) == Decimal(digits)
    assert Decimal(session["m"]["N"]) == 100000
    assert digits in table.value("SELECT session FROM sessions")
    with refused("SQLITE_TOOBIG", "38"):
        insert(table, '{"n":%s1}' % digits, LATER, sid="b")


@MAP_ONLY
def test_empty_dates_of_dynamodb_store(table):
    """It stores every Date as an empty map; its touch moves the attribute alone."""
    session = {"cookie": {"expires": {}, "originalMaxAge": 3600000, "path": "/"}, "views": 1}
    table.put("a", session)
    table.sql("UPDATE sessions SET session = json_set(session, '$.views', 2)")
    assert moved_to(table, LATER)
    assert stored(table)["cookie"] == session["cookie"]
    table.sql("UPDATE sessions SET expires = ?", LATER + 1)
    assert moved_to(table, LATER + 1)
    # Dates as ISO text, in dynamodb-store's map too.
    assert stored(table)["cookie"] == {**session["cookie"], "expires": iso(LATER + 1)}


# ---- what a store writes beside -----------------------------------------------------------------


def test_companions_of_a_new_item(table):
    insert(table, {"views": 1}, LATER)
    names = set(table.get("a"))
    own = {table.layout.hash_key, table.layout.data, table.layout.expires, table.layout.ttl}
    if table.layout is CONNECT:
        assert table.get("a")["type"] == {"S": "connect-session"}
        own.add("type")
    if table.layout is MAP:
        assert abs(stored(table)["updated"] - now() * 1000) < 120_000
    assert names == own


@pytest.mark.parametrize("table", [CONNECT], ids=lambda layout: layout.name, indirect=True)
def test_the_type_is_written_at_insert_alone(table):
    table.put("a", {"cookie": cookie(LATER)})
    table.sql("UPDATE sessions SET expires = ?", LATER + 1)
    assert "type" not in table.get("a")


@pytest.mark.parametrize("table", [CONNECT], ids=lambda layout: layout.name, indirect=True)
def test_milliseconds_of_old_versions_are_seconds_again(table):
    table.put("a", {"cookie": cookie(LATER)}, LATER, expires={"N": f"{LATER}000"})
    assert table.value("SELECT expires FROM sessions") == LATER
    table.sql("UPDATE sessions SET expires = ?", LATER + 1)
    assert moved_to(table, LATER + 1)


def test_replace_follows_the_rules_of_insert(table):
    table.put("a", {"cookie": cookie(LONG_AGO)}, LONG_AGO)
    table.sql("REPLACE INTO sessions(sid, session) VALUES ('a', ?)",
              json.dumps({"cookie": cookie(LATER)}))
    assert moved_to(table, LATER)


def test_a_session_moves_from_one_store_to_another(dynamodb, connect, make_table, table):
    insert(table, {"cookie": cookie(LATER, HOUR * 1000), "views": [1, {"x": None}]})
    other = SessionTable(dynamodb, table.connection, make_table, CONNECT,
                         sql_name="other", name=table.name + "-o")
    table.sql("INSERT INTO other(sid, session, expires) SELECT sid, session, expires FROM sessions")
    assert json.loads(other.session("a")) == stored(table)
    assert other.get("a")["expires"] == {"N": str(LATER)}
