"""dynamodb_create_table, _touch, _reap, _cookie and _version."""

import json
import random
import re
import subprocess
import threading
from pathlib import Path

import pytest
from scripted_endpoint import Response, aws_error, ten_pages
from session_table import (
    CONNECT, LATER, LAYOUTS, LONG_AGO, MAP, SERVERLESS, SessionTable, now, refused
)

ROOT = Path(__file__).resolve().parents[2]
HOUR = 3600


@pytest.fixture(params=LAYOUTS, ids=lambda layout: layout.name)
def every(request, dynamodb, connect, make_table):
    return SessionTable(dynamodb, connect(), make_table, request.param)


@pytest.fixture
def sessions(dynamodb, connect, make_table):
    return SessionTable(dynamodb, connect(), make_table, SERVERLESS)


@pytest.fixture
def scripted(dynamodb, connect, make_table, scripted_endpoint):
    table = SessionTable(
        dynamodb, connect(), make_table, SERVERLESS, "max_attempts=1",
        f"endpoint_url='{scripted_endpoint.url}'",
    )
    table.endpoint = scripted_endpoint
    return table


def touch(table, sid="a", *seconds):
    marks = ", ?" * (1 + len(seconds))
    return table.value(f"SELECT dynamodb_touch('sessions'{marks})", sid, *seconds)


def about(table, seconds):
    item = table.get("a")
    own = int(item[table.layout.expires]["N"]) * table.layout.unit_ms / 1000
    assert abs(own - (now() + seconds)) < 120
    assert item[table.layout.ttl] == {"N": str(int(own))}
    return own


def session(**cookie):
    return json.dumps({"cookie": {"path": "/", **cookie}, "views": 1})


# ---- touch ------------------------------------------------------------------------------------


def test_touch_with_seconds(every):
    every.put("a", session(originalMaxAge=1000, expires="2096-10-02T07:06:40.000Z"))
    with every.sends("GetItem", "UpdateItem"):
        assert touch(every, "a", 600) == 1
    about(every, 600)
    changed = json.loads(every.value("SELECT session FROM sessions"))
    assert changed["views"] == 1 and changed["cookie"]["originalMaxAge"] == 1000
    assert changed["cookie"]["expires"] != "2096-10-02T07:06:40.000Z"


@pytest.mark.parametrize("seconds", [(), (None,)], ids=["omitted", "NULL"])
def test_touch_by_its_own_age(every, seconds):
    every.put("a", session(originalMaxAge=HOUR * 1000))
    assert touch(every, "a", *seconds) == 1
    about(every, HOUR)


def test_touch_without_an_age(every):
    before = every.put("a", session(originalMaxAge=None))
    if every.layout.default_age_s is None:
        with every.sends("GetItem"):
            assert touch(every) == 1
        assert every.get("a") == before
    else:
        assert touch(every) == 1
        about(every, every.layout.default_age_s)


@pytest.mark.parametrize("layout", [SERVERLESS, CONNECT], ids=lambda layout: layout.name)
def test_touch_of_a_session_that_never_expires(dynamodb, connect, make_table, layout):
    table = SessionTable(dynamodb, connect(), make_table, layout)
    before = table.put("a", session(originalMaxAge=HOUR * 1000), None)
    with table.sends("GetItem"):
        assert touch(table) == 1
    assert table.get("a") == before
    assert touch(table, "a", 60) == 1
    about(table, 60)


def test_touch_never_creates_and_never_revives(every):
    dead = every.put("dead", session(originalMaxAge=HOUR * 1000), LONG_AGO)
    with every.sends("GetItem", "GetItem", "GetItem", "GetItem"):
        assert touch(every, "none") == 0
        assert touch(every, "none", 60) == 0
        assert touch(every, "dead") == 0
        assert touch(every, "dead", 60) == 0
    assert every.get("dead") == dead and every.sids() == ["dead"]


@pytest.mark.parametrize("seconds", [0, -1, -0.5, "soon", "", b"60", 1e300, float("inf")])
def test_touch_refuses_what_is_no_positive_number(sessions, seconds):
    before = sessions.put("a")
    with sessions.sends(), refused("SQLITE_MISMATCH", "dynamodb_touch", "seconds"):
        touch(sessions, "a", seconds)
    assert sessions.get("a") == before


def test_touch_takes_numbers_as_text_and_fractions(sessions):
    sessions.put("a")
    assert touch(sessions, "a", "600") == 1
    about(sessions, 600)
    assert touch(sessions, "a", 1000.5) == 1
    about(sessions, 1000.5)


HOSTILE = [0, -1, "3600000", True, [], {}, {"a": 1}, "9" * 400, 1e-300, None, "'; DROP TABLE x"]


@pytest.mark.parametrize("age", HOSTILE, ids=range(len(HOSTILE)))
def test_touch_of_a_hostile_age(sessions, age):
    """What is no positive number of milliseconds is no age: the session stays as it is."""
    sessions.put("a", session(originalMaxAge=age))
    assert touch(sessions) == 1
    if age == 1e-300:
        about(sessions, 0)
    else:
        assert sessions.get("a")["expireTime_TTL"] == {"N": str(LATER)}


def test_touch_of_an_age_beyond_all_dates(sessions):
    for age in (10**30, 1e300, 10**17):
        before = sessions.put("a", session(originalMaxAge=age))
        with refused("SQLITE_CONSTRAINT_CHECK", "expires"):
            touch(sessions)
        assert sessions.get("a") == before


@pytest.mark.parametrize("text", ["not JSON", "", "[1]", '{"cookie":1}', '{"cookie":{}}', "null"])
def test_touch_of_a_session_that_is_odd(sessions, text):
    before = sessions.put("a", text)
    assert touch(sessions) == 1
    assert sessions.get("a") == before
    assert touch(sessions, "a", 60) == 1
    about(sessions, 60)


def test_touch_waits_in_a_transaction(every):
    before = every.put("a", session(originalMaxAge=1000))
    every.sql("BEGIN")
    with every.sends("GetItem"):
        assert touch(every, "a", 600) == 1
    assert every.get("a") == before
    every.sql("ROLLBACK")
    assert every.get("a") == before
    every.sql("BEGIN")
    assert touch(every, "a", 600) == 1
    with every.sends("UpdateItem"):
        every.sql("COMMIT")
    about(every, 600)


def test_touch_is_undone_by_a_savepoint(sessions):
    before = sessions.put("a")
    sessions.sql("BEGIN")
    sessions.sql("SAVEPOINT one")
    assert touch(sessions, "a", 600) == 1
    sessions.sql("ROLLBACK TO one")
    with sessions.sends():
        sessions.sql("COMMIT")
    assert sessions.get("a") == before


@pytest.mark.parametrize("meanwhile", ["gone", "expired"])
def test_touch_of_a_session_that_ends_meanwhile(sessions, meanwhile):
    sessions.put("a", session(originalMaxAge=1000))
    sessions.sql("BEGIN")
    assert touch(sessions, "a", 600) == 1
    if meanwhile == "gone":
        sessions.delete("a")
    else:
        sessions.change("a", "expireTime = :e, expireTime_TTL = :t", e={"N": "1000"}, t={"N": "1"})
    with refused("SQLITE_BUSY_SNAPSHOT"):
        sessions.sql("COMMIT")
    assert sessions.sids() == ([] if meanwhile == "gone" else ["a"])


def test_touch_of_many_by_a_select(sessions):
    for i in range(5):
        sessions.put(f"s{i}")
    sessions.sql("CREATE TEMP TABLE wanted AS SELECT sid FROM sessions WHERE sid < 's3'")
    assert sessions.value("SELECT sum(dynamodb_touch('sessions', sid, 60)) FROM wanted") == 3
    live = sessions.value("SELECT count(*) FROM sessions WHERE expires < unixepoch() + 120")
    assert live == 3


@pytest.mark.parametrize("arguments, code", [
    ("'nowhere', 'a'", "SQLITE_ERROR"), ("'sessions', NULL", "SQLITE_MISMATCH"),
    ("'sessions', 5", "SQLITE_MISMATCH"), ("NULL, 'a'", "SQLITE_MISMATCH"),
    ("'sqlite_schema', 'a'", "SQLITE_ERROR"), ("'', 'a'", "SQLITE_ERROR"),
    ("'sess\"ions', 'a'", "SQLITE_ERROR"), ("'sessions; DROP TABLE x', 'a'", "SQLITE_ERROR"),
])
def test_wrong_arguments(sessions, arguments, code):
    sessions.put("a")
    with sessions.sends(), refused(code):
        sessions.sql(f"SELECT dynamodb_touch({arguments})")


@pytest.mark.parametrize("name", ["sessions", "temp.sessions", "SESSIONS", "Temp.Sessions"])
def test_names_of_tables(sessions, name):
    sessions.put("a")
    assert sessions.value("SELECT dynamodb_touch(?, 'a', 60)", name) == 1


def test_names_that_need_quotes(sessions):
    sessions.create(sessions.connection, '"odd ""name"".x"')
    sessions.put("a")
    assert sessions.value("SELECT dynamodb_touch('odd \"name\".x', 'a', 60)") == 1


def test_functions_are_for_direct_use_alone(sessions):
    sessions.put("a")
    sessions.sql("CREATE TABLE main.t(x)")
    for call in ("dynamodb_touch('sessions', 'a', 60)", "dynamodb_reap('sessions')",
                 "dynamodb_create_table('sessions')", "dynamodb_cookie('a', 'b')",
                 "dynamodb_request('sessions', 'DescribeTable', '{}')"):
        sessions.sql(f"CREATE VIEW main.v AS SELECT {call}")
        with sessions.sends(), refused("SQLITE_ERROR", "unsafe use"):
            sessions.rows("SELECT * FROM v")
        sessions.sql("DROP VIEW v")


# ---- reap -------------------------------------------------------------------------------------


def test_reap_deletes_the_expired_and_no_other(every):
    for i in range(30):
        every.put(f"dead-{i}", session(), LONG_AGO + i)
    every.put("live", session(), LATER)
    if every.layout.allows_never:
        every.put("never", session(), None)
    left = ["live", "never"] if every.layout.allows_never else ["live"]
    with every.sends("Scan", *["DeleteItem"] * 30):
        assert every.value("SELECT dynamodb_reap('sessions')") == 30
    assert every.sids() == left
    with every.sends("Scan"):
        assert every.value("SELECT dynamodb_reap('sessions')") == 0


def test_the_dry_run_of_reap_says_the_same(every):
    for i in range(7):
        every.put(f"dead-{i}", session(), LONG_AGO + i)
    every.put("live", session(), LATER)
    assert every.value("SELECT count(*) FROM sessions WHERE expired = 1") == 7
    assert every.value("SELECT dynamodb_reap('sessions')") == 7


def test_reap_reaches_no_item_of_another_prefix(dynamodb, connect, make_table):
    table = SessionTable(dynamodb, connect(), make_table, CONNECT)
    other = {"id": {"S": "user:1"}, "expires": {"N": "1"}}
    dynamodb.put_item(TableName=table.name, Item=other)
    table.put("dead", session(), LONG_AGO)
    assert table.value("SELECT dynamodb_reap('sessions')") == 1
    assert dynamodb.scan(TableName=table.name, ConsistentRead=True)["Items"] == [other]


@pytest.mark.parametrize("odd", [{"S": "1"}, {"NULL": True}, {"BOOL": True}, {"L": []}])
def test_reap_leaves_what_has_no_number_for_an_expiry(sessions, odd):
    before = sessions.put("a", session(), LONG_AGO, expireTime=odd)
    assert sessions.value("SELECT dynamodb_reap('sessions')") == 0
    assert sessions.get("a") == before


def test_reap_is_conditional(scripted):
    """A visitor who comes back between scan and delete stays."""
    for sid in ("a", "b", "c"):
        scripted.put(sid, session(), LONG_AGO)

    def come_back(request):
        if request.operation == "DeleteItem" and request.json()["Key"]["sessionId"]["S"] == "b":
            scripted.change("b", "expireTime = :e, expireTime_TTL = :t",
                            e={"N": f"{LATER}000"}, t={"N": str(LATER)})
        if request.operation == "DeleteItem" and request.json()["Key"]["sessionId"]["S"] == "c":
            scripted.delete("c")

    scripted.endpoint.handler = come_back
    count = scripted.value("SELECT dynamodb_reap('sessions')")
    assert scripted.sids() == ["b"]
    assert count in (1, 2)  # what was gone already may count or not, b does not
    deletes = [r.json() for r in scripted.endpoint.requests if r.operation == "DeleteItem"]
    assert len(deletes) == 3
    assert all("expireTime" in json.dumps(body) for body in deletes)


def test_reap_with_a_pace(sessions):
    for i in range(5):
        sessions.put(f"dead-{i}", session(), LONG_AGO)
    assert sessions.value("SELECT dynamodb_reap('sessions', 200)") == 5
    assert sessions.sids() == []


@pytest.mark.parametrize("pace", [0, -5, "fast", b"1"])
def test_reap_refuses_a_pace_that_is_none(sessions, pace):
    sessions.put("dead", session(), LONG_AGO)
    with sessions.sends(), refused("SQLITE_MISMATCH", "writes_per_second"):
        sessions.value("SELECT dynamodb_reap('sessions', ?)", pace)
    assert sessions.value("SELECT dynamodb_reap('sessions', NULL)") == 1


def test_reap_in_a_transaction_is_a_delete(every):
    every.put("dead", session(), LONG_AGO)
    every.put("live", session(), LATER)
    every.sql("BEGIN")
    with every.sends("Scan"):
        assert every.value("SELECT dynamodb_reap('sessions')") == 1
    every.sql("ROLLBACK")
    assert every.sids() == ["dead", "live"]
    every.sql("BEGIN")
    every.value("SELECT dynamodb_reap('sessions')")
    with every.sends("DeleteItem"):
        every.sql("COMMIT")
    assert every.sids() == ["live"]


def test_reap_in_a_transaction_leaves_who_comes_back(sessions):
    sessions.put("dead", session(), LONG_AGO)
    sessions.put("back", session(), LONG_AGO)
    sessions.sql("BEGIN")
    assert sessions.value("SELECT dynamodb_reap('sessions')") == 2
    sessions.change("back", "expireTime = :e", e={"N": f"{LATER}000"})
    sessions.sql("COMMIT")
    assert sessions.sids() == ["back"]


def test_a_reap_that_fails_says_what_stays_deleted_and_goes_on_when_called_again(scripted):
    for i in range(6):
        scripted.put(f"dead-{i}", session(), LONG_AGO)
    scripted.create(scripted.connection, "one", f"endpoint_url='{scripted.endpoint.url}'",
                    "max_attempts=1", "concurrency=1")
    fault = aws_error("ProvisionedThroughputExceededException", "slow down")
    scripted.endpoint.inject(fault, operation="DeleteItem", at=4)
    with refused("SQLITE_BUSY", "3 deleted"):
        scripted.value("SELECT dynamodb_reap('one')")
    assert len(scripted.sids()) == 3
    assert scripted.value("SELECT dynamodb_reap('one')") == 3
    assert scripted.sids() == []


def test_reap_deletes_several_at_a_time(scripted):
    """The first delete is answered when the third has come."""
    for i in range(40):
        scripted.put(f"dead-{i}", session(), LONG_AGO)
    third = threading.Event()

    def count(request):
        if scripted.endpoint.operations().count("DeleteItem") >= 3:
            third.set()

    scripted.endpoint.handler = count
    held = Response(hold=third, forward_first=True, json={})
    scripted.endpoint.inject(held, operation="DeleteItem", at=1)
    assert scripted.value("SELECT dynamodb_reap('sessions')") == 40
    assert scripted.sids() == []


class Sized(SessionTable):
    usual_arguments = ()


@pytest.mark.parametrize("size_mb, argument, asked, segments", [
    (64, None, 1, 4), (48, None, 1, 3), (1, None, 1, 1), (None, None, 1, 1),
    (64, "total_segments=2", 0, 2),
])
def test_reap_divides_a_table_as_a_scan_does(
        dynamodb, connect, make_table, scripted_endpoint, size_mb, argument, asked, segments):
    def describe(request):
        if request.operation != "DescribeTable":
            return None
        if size_mb is None:
            return aws_error("AccessDeniedException", "not authorized to perform DescribeTable")
        return Response(json={"Table": {"TableStatus": "ACTIVE", "TableSizeBytes": size_mb << 20}})

    arguments = [f"endpoint_url='{scripted_endpoint.url}'", *([argument] if argument else [])]
    table = Sized(dynamodb, connect(), make_table, SERVERLESS, *arguments)
    for i in range(20):
        table.put(f"dead-{i}", session(), LONG_AGO)
    scripted_endpoint.handler = describe
    assert table.value("SELECT dynamodb_reap('sessions')") == 20
    scans = [sent.json() for sent in scripted_endpoint.requests if sent.operation == "Scan"]
    assert {(scan.get("Segment", 0), scan.get("TotalSegments", 1)) for scan in scans} == {
        (number, segments) for number in range(segments)}
    assert table.value("SELECT dynamodb_reap('sessions')") == 0
    assert scripted_endpoint.operations().count("DescribeTable") == asked  # a connection


def test_a_failed_delete_of_several_counts_the_others(scripted):
    for i in range(6):
        scripted.put(f"dead-{i}", session(), LONG_AGO)
    fault = aws_error("ProvisionedThroughputExceededException", "slow down")
    scripted.endpoint.inject(fault, operation="DeleteItem", at=4)
    with refused("SQLITE_BUSY", "5 deleted"):
        scripted.value("SELECT dynamodb_reap('sessions')")
    assert len(scripted.sids()) == 1


def reap_for_long(sqlite_shell, environment, endpoint, statements):
    """Ten pages of five expired sessions, each of which takes 2 s of the process's time; returns
    what the shell prints, and the lines of SQLite's log."""
    endpoint.handler = ten_pages
    run = sqlite_shell(
        "CREATE VIRTUAL TABLE temp.s USING dynamodb_sessions(table='t', total_segments=1, "
        "layout='connect-dynamodb', request_timeout=600, connect_timeout=600, "
        f"endpoint_url='{endpoint.url}');\n{statements}\n",
        "-cmd", ".log stderr", environment=environment)
    assert run.returncode == 0, run.stderr
    return run.stdout, run.stderr.splitlines()


def test_a_long_reap_tells_how_far_it_is(sqlite_shell, fast_clock, scripted_endpoint):
    printed, log = reap_for_long(sqlite_shell, fast_clock(20), scripted_endpoint,
                                 "SELECT dynamodb_reap('s');")
    assert printed == "50\n"
    report = re.compile(
        r'reaping "t": (\d+) deleted, (\d+) requests?, ([\d.]+) capacity units? so far')
    told = [tuple(map(float, found.groups())) for found in map(report.search, log) if found]
    assert told and told == sorted(told), log
    for deleted, requests, units in told:
        scans = 2 * (units - requests)
        deletes = requests - scans
        assert 1 <= scans <= 10 and deletes - 1 <= deleted <= deletes <= 5 * scans


def test_a_long_reap_in_a_transaction_tells_what_it_has_read(
        sqlite_shell, fast_clock, scripted_endpoint):
    printed, log = reap_for_long(sqlite_shell, fast_clock(20), scripted_endpoint,
                                 "BEGIN;\nSELECT dynamodb_reap('s');\nROLLBACK;")
    assert printed == "50\n"
    report = re.compile(r'reading "t": (\d+) pages?, (\d+) items, ([\d.]+) capacity units so far')
    told = [tuple(map(float, found.groups())) for found in map(report.search, log) if found]
    assert told and told == sorted(told), log
    assert all((items, units) == (5 * pages, 1.5 * pages) for pages, items, units in told)


def test_the_deletes_of_reap_stay_when_the_statement_around_it_fails(sessions):
    sessions.put("dead", session(), LONG_AGO)
    with refused("SQLITE_ERROR", "integer overflow"):
        sessions.rows("SELECT dynamodb_reap('sessions') + abs(-9223372036854775808)")
    assert sessions.sids() == []


def test_reap_reads_no_sessions_back(scripted):
    scripted.put("dead", session(), LONG_AGO)
    scripted.value("SELECT dynamodb_reap('sessions')")
    scan = [r.json() for r in scripted.endpoint.requests if r.operation == "Scan"][0]
    names = scan.get("ExpressionAttributeNames", {})
    projected = [names.get(n.strip(), n.strip()) for n in scan["ProjectionExpression"].split(",")]
    assert sorted(projected) == ["expireTime", "expireTime_TTL", "sessionId"]


# ---- create_table -----------------------------------------------------------------------------


@pytest.fixture
def absent(connect, table_name, dynamodb):
    """absent(layout, *arguments): the SQL name of a table that does not exist."""

    def make(layout=SERVERLESS, *arguments):
        connection = connect()
        return SessionTable(dynamodb, connection, lambda *a, **k: table_name, layout, *arguments)

    return make


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_create_table(absent, dynamodb, layout):
    table = absent(layout)
    since = table.last_request()
    assert table.value("SELECT dynamodb_create_table('sessions')") == "created"
    sent = table.operations(since)
    assert sent[:2] == ["DescribeTable", "CreateTable"]
    assert set(sent[2:-2]) == {"DescribeTable"}  # until it is ACTIVE
    assert sent[-2:] == ["DescribeTimeToLive", "UpdateTimeToLive"]
    made = dynamodb.describe_table(TableName=table.name)["Table"]
    assert made["KeySchema"] == [{"AttributeName": layout.hash_key, "KeyType": "HASH"}]
    assert made["AttributeDefinitions"] == [
        {"AttributeName": layout.hash_key, "AttributeType": "S"}
    ]
    assert made["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert made["TableStatus"] == "ACTIVE"
    ttl = dynamodb.describe_time_to_live(TableName=table.name)["TimeToLiveDescription"]
    assert ttl["AttributeName"] == layout.ttl and ttl["TimeToLiveStatus"].startswith("ENABL")
    since = table.last_request()
    assert table.value("SELECT dynamodb_create_table('sessions')") == "exists"
    sent = table.operations(since)
    assert sent == ["DescribeTable", "DescribeTimeToLive"]
    table.sql("INSERT INTO sessions(sid, session) VALUES ('a', '{}')")
    assert table.sids() == ["a"]


def test_create_table_enables_ttl_on_a_table_that_is_there(sessions, dynamodb):
    sessions.put("live", session(), LATER)
    assert sessions.value("SELECT dynamodb_create_table('sessions')") == "exists"
    ttl = dynamodb.describe_time_to_live(TableName=sessions.name)["TimeToLiveDescription"]
    assert ttl["AttributeName"] == "expireTime_TTL"
    assert sessions.value("SELECT dynamodb_create_table('sessions')") == "exists"


def test_create_table_with_capacity(absent, dynamodb):
    table = absent(SERVERLESS, "read_capacity=3", "write_capacity=2")
    assert table.value("SELECT dynamodb_create_table('sessions')") == "created"
    throughput = dynamodb.describe_table(TableName=table.name)["Table"]["ProvisionedThroughput"]
    assert (throughput["ReadCapacityUnits"], throughput["WriteCapacityUnits"]) == (3, 2)


@pytest.mark.parametrize("given, missing", [
    ("read_capacity", "write_capacity"), ("write_capacity", "read_capacity")])
def test_create_table_with_one_capacity_alone(absent, given, missing):
    table = absent(SERVERLESS, f"{given}=3")
    with refused("SQLITE_ERROR", f"option {given} needs {missing}: give both"):
        table.value("SELECT dynamodb_create_table('sessions')")


def test_a_table_that_is_there_needs_no_capacity(sessions):
    sessions.create(sessions.connection, "there", "read_capacity=3")
    assert sessions.value("SELECT dynamodb_create_table('there')") == "exists"


def test_create_table_that_somebody_else_makes_meanwhile(scripted):
    """DescribeTable said no, CreateTable says yes: no error."""
    missing = aws_error("ResourceNotFoundException", "Requested resource not found")
    scripted.endpoint.inject(missing, operation="DescribeTable")
    assert scripted.value("SELECT dynamodb_create_table('sessions')") == "exists"


@pytest.mark.parametrize("status", ["DELETING", "INACCESSIBLE_ENCRYPTION_CREDENTIALS"])
def test_create_table_of_one_that_will_not_be_active(scripted, status):
    answer = Response(json={"Table": {"TableName": scripted.name, "TableStatus": status}})
    scripted.endpoint.inject(answer, operation="DescribeTable", at=0)
    with refused("SQLITE_ERROR", status):
        scripted.value("SELECT dynamodb_create_table('sessions')")


def test_create_table_waits_until_it_is_active(scripted):
    for at in (1, 2, 3):
        answer = Response(json={"Table": {"TableName": scripted.name, "TableStatus": "CREATING"}})
        scripted.endpoint.inject(answer, operation="DescribeTable", at=at)
    assert scripted.value("SELECT dynamodb_create_table('sessions')") == "exists"
    sent = scripted.operations()
    assert sent.count("DescribeTable") >= 4 and "CreateTable" not in sent


def test_a_missing_table_names_the_remedy(absent):
    table = absent()
    for statement in (
        "SELECT * FROM sessions", "INSERT INTO sessions(sid, session) VALUES ('a', '{}')",
        "SELECT dynamodb_reap('sessions')", "SELECT dynamodb_touch('sessions', 'a', 5)",
    ):
        with refused("SQLITE_ERROR", "ResourceNotFoundException", "dynamodb_create_table("):
            table.sql(statement).fetchall()


def test_create_1_makes_the_table_when_a_write_finds_that_it_is_missing(absent, dynamodb):
    table = absent(SERVERLESS, "create=1")
    with table.connection:
        table.sql("INSERT INTO sessions(sid, session) VALUES ('a', '{}')")
    assert table.sids() == ["a"]
    ttl = dynamodb.describe_time_to_live(TableName=table.name)["TimeToLiveDescription"]
    assert ttl["AttributeName"] == "expireTime_TTL"


def test_create_1_at_the_commit_of_a_transaction(absent):
    table = absent(SERVERLESS, "create=1")
    table.sql("BEGIN")
    for sid in "abc":
        table.sql("INSERT INTO sessions(sid, session) VALUES (?, '{}')", sid)
    table.sql("COMMIT")
    assert table.sids() == ["a", "b", "c"]


# ---- cookie and version -----------------------------------------------------------------------


def test_cookie_is_what_cookie_signature_makes(connect):
    connection = connect()
    random_ = random.Random(20261122)
    alphabet = "abcXYZ019-_+/=. ~%üé€😀\\\"'\n\t"
    pairs = [["", "s"], ["a", "k" * 200], ["sid", "keyboard cat"], ["x" * 2000, "é"]]
    for _ in range(500):
        pairs.append(["".join(random_.choices(alphabet, k=random_.randint(1, 60))),
                      "".join(random_.choices(alphabet, k=random_.randint(1, 90)))])
    program = (
        "const {sign} = require('cookie-signature');"
        "const pairs = JSON.parse(require('fs').readFileSync(0, 'utf8'));"
        "console.log(JSON.stringify(pairs.map(([sid, secret]) => 's:' + sign(sid, secret))));"
    )
    made = subprocess.run(["node", "-e", program], input=json.dumps(pairs), text=True,
                          capture_output=True, check=True, cwd=ROOT / "tests/interop")
    for (sid, secret), wanted in zip(pairs, json.loads(made.stdout), strict=True):
        (value,) = connection.execute("SELECT dynamodb_cookie(?, ?)", (sid, secret)).fetchone()
        assert value == wanted
    assert connection.execute("SELECT count(*) FROM dynamodb_requests").fetchone() == (0,)


@pytest.mark.parametrize("arguments", ["NULL, 's'", "'a', NULL", "1, 's'", "x'61', 's'", "'a', 5"])
def test_cookie_takes_text_alone(connect, arguments):
    with refused("SQLITE_MISMATCH", "dynamodb_cookie"):
        connect().execute(f"SELECT dynamodb_cookie({arguments})")


def test_version(connect):
    (version,) = connect().execute("SELECT dynamodb_version()").fetchone()
    assert re.fullmatch(r"\d+\.\d+\.\d+", version)


@pytest.mark.parametrize("call", [
    "dynamodb_touch('sessions')", "dynamodb_touch('sessions', 'a', 1, 2)", "dynamodb_reap()",
    "dynamodb_reap('sessions', 1, 2)", "dynamodb_create_table()", "dynamodb_cookie('a')",
    "dynamodb_version(1)",
])
def test_wrong_numbers_of_arguments(connect, call):
    with refused("SQLITE_ERROR", "wrong number of arguments"):
        connect().execute(f"SELECT {call}")
