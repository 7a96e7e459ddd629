"""Every script of sql/, run in the sqlite3 shell, with boto3 as the witness.

A script without a case here fails test_every_script_has_a_case.
"""

import base64
import hashlib
import hmac
import json
import os
import subprocess
import time
from datetime import datetime, timezone
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
SQL = ROOT / "sql"
SCRIPTS = sorted(str(path.relative_to(SQL)) for path in SQL.rglob("*.sql"))

LAYOUTS = {
    "serverless-dynamodb-session-store": ("sessionId", "", "session_data"),
    "connect-dynamodb": ("id", "sess:", "sess"),
    "dynamodb-store": ("sessionId", "sess:", "sess"),
}
DEFAULT_LAYOUT = "serverless-dynamodb-session-store"
HOUR, DAY = 3600, 86_400
MARK = "-- requests --"


class Shell:
    """The sqlite3 shell with the virtual table `sessions` on a table of the test's own."""

    def __init__(self, run, table, layout):
        self.run, self.table, self.layout = run, table, layout

    def script(self, name, then="", **parameters):
        """The script's rows as dicts, and {operation: count} of the requests that it sent.

        `then` is SQL to run afterwards, on the same connection.
        """
        lines = [
            "CREATE VIRTUAL TABLE temp.sessions USING dynamodb_sessions("
            f"table='{self.table}', layout='{self.layout}');",
            *(f""".parameter set :{name} "'{value}'" """ if isinstance(value, str)
              else f".parameter set :{name} {value}" for name, value in parameters.items()),
            ".mode json",
            f".read sql/{name}",
            f".print '{MARK}'",
            "SELECT operation, count(*) AS count FROM dynamodb_requests GROUP BY operation;",
            then,
        ]  # fmt: skip
        done = self.run("\n".join(lines))
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        rows, requests = done.stdout.split(MARK)
        return self._rows(rows), {row["operation"]: row["count"] for row in self._rows(requests)}

    @staticmethod
    def _rows(text):
        return json.loads(text) if text.strip() else []


@pytest.fixture
def shell(sqlite_shell, make_table):
    """shell(layout): the shell on a fresh table of that layout."""

    def make(layout=DEFAULT_LAYOUT):
        return Shell(sqlite_shell, make_table(LAYOUTS[layout][0]), layout)

    return make


@pytest.fixture
def scan(dynamodb):
    def run(shell):
        hash_key, prefix, _ = LAYOUTS[shell.layout]
        pages = dynamodb.get_paginator("scan").paginate(TableName=shell.table, ConsistentRead=True)
        items = {item.pop(hash_key)["S"]: item for page in pages for item in page["Items"]}
        assert all(key.startswith(prefix) for key in items)
        return {key[len(prefix) :]: item for key, item in items.items()}

    return run


def plain(value):
    """DynamoDB's JSON as the JSON that the session was, numbers as floats."""
    kind, content = next(iter(value.items()))
    if kind == "M":
        return {name: plain(member) for name, member in content.items()}
    if kind == "L":
        return [plain(member) for member in content]
    return {"N": float, "NULL": lambda _: None}.get(kind, lambda same: same)(content)


def session_of(shell, item):
    value = item[LAYOUTS[shell.layout][2]]
    return json.loads(value["S"]) if "S" in value else plain(value)


def expires_of(shell, item):
    if shell.layout == DEFAULT_LAYOUT:
        value = item["expireTime"]
        return None if "NULL" in value else float(value["N"]) / 1000
    return float(item["expires"]["N"])


def seconds_of(iso):
    moment = datetime.strptime(iso, "%Y-%m-%dT%H:%M:%S.%fZ")
    return moment.replace(tzinfo=timezone.utc).timestamp()


# ---- fixtures ---------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", LAYOUTS)
def test_fixture_sessions(shell, scan, layout):
    shell = shell(layout)
    now = int(time.time())
    rows, requests = shell.script("fixtures/sessions.sql", n=60, now=now, large=5)
    assert rows == []
    assert requests == {"BatchWriteItem": 3}
    items = scan(shell)
    assert set(items) == {f"fixture-1-{i:06d}" for i in range(1, 61)}
    states = {"expired": 0, "live": 0, "never": 0}
    for item in items.values():
        session, expires = session_of(shell, item), expires_of(shell, item)
        cookie = session["cookie"]
        if cookie["expires"] is None:
            states["never"] += 1
            assert cookie["originalMaxAge"] is None
            if layout == DEFAULT_LAYOUT:
                assert expires is None
            else:
                assert 0 <= expires - now - DAY < 120
        else:
            states["expired" if expires <= now else "live"] += 1
            # dynamodb-store keeps whole seconds.
            assert -0.001 < seconds_of(cookie["expires"]) - expires < 1
            assert cookie["originalMaxAge"] in (DAY * 1000, 14 * DAY * 1000)
        assert session["views"] >= 1
        assert ("cart" in session) == ("passport" in session)
        assert (type(session.get("cart", [])), type(session["flash"])) == (list, dict)
    assert all(states.values()), states
    sessions = [session_of(shell, item) for item in items.values()]
    assert 0 < sum("passport" in session for session in sessions) < 60
    drafts = [len(session["draft"]) for session in sessions if "draft" in session]
    assert drafts and all(10_000 < length < 110_000 for length in drafts)


def test_fixture_sessions_are_made_again(shell, scan):
    shell = shell()
    now = int(time.time())
    shell.script("fixtures/sessions.sql", n=20, now=now)
    first = scan(shell)
    shell.script("fixtures/sessions.sql", n=20, now=now)
    assert scan(shell) == first
    shell.script("fixtures/sessions.sql", n=20, now=now, seed=2)
    both = scan(shell)
    assert len(both) == 40
    assert {sid: both[sid] for sid in first} == first
    contents = {json.dumps(item, sort_keys=True) for item in both.values()}
    assert len(contents) == 40


def test_fixture_sessions_by_default(shell, scan):
    shell = shell()
    shell.script("fixtures/sessions.sql")
    assert len(scan(shell)) == 100


def test_fixture_sessions_are_taken_away(shell, scan, dynamodb):
    """By the statement that the script's head names; nothing else goes."""
    shell = shell()
    dynamodb.put_item(TableName=shell.table, Item=make_item("fixture", None, make_session(None)))
    statement = "DELETE FROM sessions WHERE sid GLOB 'fixture-*'"
    assert statement in (SQL / "fixtures/sessions.sql").read_text()
    shell.script("fixtures/sessions.sql", n=12, then=statement + ";")
    assert list(scan(shell)) == ["fixture"]


@pytest.mark.parametrize(
    ("parameters", "state"),
    [({"expired": 100}, "expired"), ({"expired": 0, "never": 100}, "never"),
     ({"expired": 0, "never": 0}, "live")],
)  # fmt: skip
def test_fixture_shares(shell, scan, parameters, state):
    shell = shell()
    now = int(time.time())
    shell.script("fixtures/sessions.sql", n=15, now=now, large=0, **parameters)
    for item in scan(shell).values():
        expires = expires_of(shell, item)
        found = "never" if expires is None else "expired" if expires <= now else "live"
        assert found == state
        assert len(item[LAYOUTS[shell.layout][2]]["S"]) < 1024


def test_no_fixture_session_at_all(shell, scan):
    shell = shell()
    _, requests = shell.script("fixtures/sessions.sql", n=0)
    assert (requests, scan(shell)) == ({}, {})


def signed(sid, secret):
    mac = base64.b64encode(hmac.digest(secret.encode(), sid.encode(), "sha256")).decode()
    return f"s:{sid}.{mac.rstrip('=')}"


@pytest.mark.parametrize("layout", LAYOUTS)
def test_fixture_test_user(shell, scan, layout):
    shell = shell(layout)
    start = int(time.time())
    rows, requests = shell.script("fixtures/test_user.sql")
    assert rows == [{"user": "tester", "connect.sid": signed("test-user", "keyboard cat")}]
    assert requests == {"PutItem": 1}
    item = scan(shell)["test-user"]
    session = session_of(shell, item)
    assert session["passport"] == {"user": "tester"}
    assert start + DAY - 1 <= expires_of(shell, item) <= int(time.time()) + DAY
    assert abs(seconds_of(session["cookie"]["expires"]) - expires_of(shell, item)) < 0.001


def test_fixture_test_user_of_ones_choice(shell, scan):
    shell = shell()
    parameters = {"sid": "a-1", "user": "ada", "hours": 1, "secret": "another secret"}
    for _ in range(2):
        rows, _ = shell.script("fixtures/test_user.sql", **parameters)
        assert rows == [{"user": "ada", "connect.sid": signed("a-1", "another secret")}]
    items = scan(shell)
    assert list(items) == ["a-1"]
    assert expires_of(shell, items["a-1"]) < time.time() + 2 * HOUR


# ---- reports ----------------------------------------------------------------------------------


def sid_hash(sid):
    return hashlib.sha256(sid.encode()).hexdigest()


def make_item(sid, expires, session):
    ms = None if expires is None else int(expires * 1000)
    null = {"NULL": True}
    return {
        "sessionId": {"S": sid},
        "session_data": {"S": session if isinstance(session, str) else json.dumps(session)},
        "expireTime": null if ms is None else {"N": str(ms)},
        "expireTime_TTL": null if ms is None else {"N": str(ms // 1000)},
    }


def make_session(age, user=None, **members):
    session = {"cookie": {"originalMaxAge": age and age * 1000, "httpOnly": True, "path": "/"}}
    if user:
        session["passport"] = {"user": user}
    return {**session, **members}


@pytest.fixture
def reported(shell, dynamodb):
    """A shell on a table whose every session is known, and the time it was made at."""
    shell = shell()
    now = int(time.time())
    items = [
        # Last visits: 2 minutes, 30 minutes, 5 hours and 50 minutes, 13 days ago.
        make_item("ada-1-secret", now + DAY - 120, make_session(DAY, "ada", views=3)),
        make_item("ada-2-secret", now + 1800, make_session(HOUR, "ada", views=1)),
        make_item("bob-secret", now + 600, make_session(6 * HOUR, "bob", draft="x" * 50_000)),
        make_item("anonymous-secret", now + DAY, make_session(14 * DAY, views=2)),
        make_item("never-secret", None, make_session(None)),
        make_item("broken-secret", now + 3 * HOUR, '{"passport":'),
        make_item("expired-1-secret", now - 600, make_session(DAY, "ada", draft="y" * 2000)),
        make_item("expired-2-secret", now - 30 * HOUR, make_session(DAY, "bob")),
        make_item("expired-3-secret", now - 30 * DAY, make_session(DAY)),
    ]
    for item in items:
        dynamodb.put_item(TableName=shell.table, Item=item)
    return shell, now


def report(reported, name, **parameters):
    """The rows of a report, which sends one Scan and shows no session id."""
    rows, requests = reported[0].script(f"reports/{name}.sql", **parameters)
    assert requests.pop("Scan") == 1
    assert set(requests) <= {"DescribeTable"}
    assert "-secret" not in json.dumps(rows)
    return rows


def stamp(seconds):
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%d %H:%M:%S")


def test_report_active(reported):
    now = reported[1]
    rows = report(reported, "active")
    assert rows == [
        {"who": "all", "sessions": 6, "last_expires": stamp(now + DAY)},
        {"who": "not logged in", "sessions": 3, "last_expires": stamp(now + DAY)},
        {"who": "user ada", "sessions": 2, "last_expires": stamp(now + DAY - 120)},
        {"who": "user bob", "sessions": 1, "last_expires": stamp(now + 600)},
    ]
    assert report(reported, "active", top=1) == rows[:3]


def test_report_who_is_logged_in(reported):
    now = reported[1]
    rows = report(reported, "who_is_logged_in")
    assert rows == [
        {"user": user, "sid_hash": sid_hash(sid), "views": views, "expires": stamp(expires),
         "last_visit": stamp(expires - age)}
        for user, sid, views, expires, age in [
            ("ada", "ada-1-secret", 3, now + DAY - 120, DAY),
            ("ada", "ada-2-secret", 1, now + 1800, HOUR),
            ("bob", "bob-secret", None, now + 600, 6 * HOUR),
        ]
    ]  # fmt: skip
    assert report(reported, "who_is_logged_in", user="bob") == rows[2:]
    assert report(reported, "who_is_logged_in", user="nobody") == []


def test_report_expired(reported, sqlite_shell):
    rows = report(reported, "expired")
    assert [(row["expired"], row["sessions"]) for row in rows] == [
        ("in the last hour", 1), ("in the last day", 0), ("in the last two days", 1),
        ("in the last week", 0), ("longer ago", 1),
    ]  # fmt: skip
    assert [row["write_units"] for row in rows] == [3, 0, 1, 0, 1]
    assert 2000 < rows[0]["bytes"] < 2300
    assert (rows[1]["bytes"], rows[3]["bytes"]) == (0, 0)


def test_report_expiring_soon(reported):
    now = reported[1]
    rows = report(reported, "expiring_soon")
    assert [(row["sid_hash"], row["user"], row["expires"]) for row in rows] == [
        (sid_hash("bob-secret"), "bob", stamp(now + 600)),
        (sid_hash("ada-2-secret"), "ada", stamp(now + 1800)),
    ]
    assert 8 < rows[0]["minutes_left"] <= 10
    assert report(reported, "expiring_soon", minutes=5) == []
    assert len(report(reported, "expiring_soon", minutes=240)) == 3


def test_report_by_size(reported):
    rows = report(reported, "by_size")
    assert len(rows) == 9
    assert [row["size"] for row in rows] == sorted((row["size"] for row in rows), reverse=True)
    largest = rows[0]
    assert largest["sid_hash"] == sid_hash("bob-secret")
    assert 50_000 < largest["size"] < 50_400
    assert largest["write_units"] == -(-largest["size"] // 1024)
    assert largest["percent_of_limit"] == round(largest["size"] / 4096, 1)
    assert (largest["largest_member"], largest["user"], largest["expired"]) == ("draft", "bob", 0)
    assert (rows[1]["sid_hash"], rows[1]["expired"]) == (sid_hash("expired-1-secret"), 1)
    broken = next(row for row in rows if row["sid_hash"] == sid_hash("broken-secret"))
    assert (broken["largest_member"], broken["user"]) == (None, None)
    assert report(reported, "by_size", top=2) == rows[:2]


def test_report_by_age(reported):
    rows = report(reported, "by_age")
    assert [(row["last_request"], row["sessions"], row["users"]) for row in rows] == [
        ("in the last 5 minutes", 1, 1),
        ("in the last hour", 1, 1),
        ("in the last day", 1, 1),
        ("in the last week", 0, 0),
        ("longer ago", 1, 0),
        ("unknown", 2, 0),
    ]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_reports_on_the_fixtures(shell, scan, layout):
    """Every report, on what the fixtures made, in every layout; counts as boto3 sees them."""
    shell = shell(layout)
    shell.script("fixtures/sessions.sql", n=50, large=0)
    items = scan(shell)
    now = time.time()
    expired = sum((expires_of(shell, item) or now + 1) <= now for item in items.values())
    rows = {
        name: report((shell, now), Path(name).stem)
        for name in SCRIPTS
        if name.startswith("reports/")
    }
    assert rows["reports/active.sql"][0]["sessions"] == 50 - expired
    assert sum(row["sessions"] for row in rows["reports/by_age.sql"]) == 50 - expired
    assert sum(row["sessions"] for row in rows["reports/expired.sql"]) == expired
    users = sum("passport" in session_of(shell, item) for item in items.values()
                if (expires_of(shell, item) or now + 1) > now)  # fmt: skip
    assert len(rows["reports/who_is_logged_in.sql"]) == users
    assert len(rows["reports/by_size.sql"]) == 20


@pytest.mark.parametrize("name", [name for name in SCRIPTS if name.startswith("reports/")])
def test_reports_of_an_empty_table(shell, name):
    rows = report((shell(), 0), Path(name).stem)
    assert all(not row.get("sessions") for row in rows)


# ---- the scripts of `make shell` and `make demo` ----------------------------------------------


@pytest.fixture
def checkout(extension, tmp_path):
    """A folder in which the scripts find the extension under test as they do in the repository."""
    (tmp_path / Path(extension).name).symlink_to(extension)
    (tmp_path / "sql").symlink_to(SQL)
    return tmp_path


def test_shell_sql(sqlite_shell, checkout, endpoint):
    done = sqlite_shell(
        ".mode list\nSELECT count(*) FROM dynamodb_requests;"
        "SELECT name FROM pragma_table_list WHERE schema = 'temp' AND type = 'virtual';",
        "-cmd", ".read sql/shell.sql", load=False, cwd=checkout,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-2:] == ["0", "sessions"]


def test_demo_sql(checkout, host_environment):
    """On a DynamoDB Local of its own, as `make demo` runs it: it works on the table `sessions`."""
    command = [os.environ.get("SQLITE3", "sqlite3"), "-batch", "-bail", "-init", os.devnull]
    with open(SQL / "demo.sql", encoding="utf-8") as script:
        done = subprocess.run(
            [ROOT / "tests/tools/dynamodb-local", "run", "--", *command, ":memory:"],
            stdin=script, capture_output=True, text=True, timeout=120, cwd=checkout,
            env=host_environment(AWS_ENDPOINT_URL_DYNAMODB=None),
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout


CASES = {
    "demo.sql": test_demo_sql,
    "shell.sql": test_shell_sql,
    "fixtures/sessions.sql": test_fixture_sessions,
    "fixtures/test_user.sql": test_fixture_test_user,
    "reports/active.sql": test_report_active,
    "reports/by_age.sql": test_report_by_age,
    "reports/by_size.sql": test_report_by_size,
    "reports/expired.sql": test_report_expired,
    "reports/expiring_soon.sql": test_report_expiring_soon,
    "reports/who_is_logged_in.sql": test_report_who_is_logged_in,
}


def test_every_script_has_a_case():
    assert SCRIPTS == sorted(CASES)


@pytest.mark.parametrize("name", [name for name in SCRIPTS if "/" in name])
def test_the_head_says_what_it_does_and_costs(name):
    head = (SQL / name).read_text().split("\n\n")[0]
    assert all(line.startswith("--") for line in head.splitlines())
    assert "-- Parameters:" in head
    assert "-- Costs one " in head
