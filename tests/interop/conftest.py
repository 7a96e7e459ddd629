"""Real Express applications on real session stores, beside the extension.

An application (app.js) is started once per worker and set of options, on a table that its store
creates itself, so that the table is as the store makes it: without TTL, hence without DynamoDB
Local's sweep. Each test gets it with an empty table.
"""

import http.cookiejar
import json
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parent
SECRET = "keyboard cat"
COOKIE_NAME = "connect.sid"
HOUR_MS = 3_600_000


@dataclass(frozen=True)
class Layout:
    """Where a store keeps what, as its source has it: known to the test, not asked of SQL."""

    hash_key: str
    prefix: str
    data: str
    expires: str
    unit_ms: int


LAYOUTS = {
    "serverless-dynamodb-session-store": Layout("sessionId", "", "session_data", "expireTime", 1),
    "connect-dynamodb": Layout("id", "sess:", "sess", "expires", 1000),
    "dynamodb-store": Layout("sessionId", "sess:", "sess", "expires", 1000),
}


class Visitor:
    """A browser: it keeps the application's cookie, or starts with a pasted one."""

    def __init__(self, url, cookie=None):
        self.url = url
        self.jar = http.cookiejar.CookieJar()
        self.opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(self.jar)
        )
        if cookie is not None:
            self.jar.set_cookie(self._make_cookie(cookie))

    def _make_cookie(self, value):
        host = urllib.parse.urlsplit(self.url).hostname
        return http.cookiejar.Cookie(
            version=0, name=COOKIE_NAME, value=value, port=None, port_specified=False,
            domain=host, domain_specified=False, domain_initial_dot=False, path="/",
            path_specified=True, secure=False, expires=None, discard=True, comment=None,
            comment_url=None, rest={},
        )  # fmt: skip

    def _send(self, request):
        with self.opener.open(request, timeout=60) as response:
            return json.load(response)

    def get(self, path):
        return self._send(self.url + path)

    def post(self, path, body=None):
        data = json.dumps({} if body is None else body).encode()
        headers = {"Content-Type": "application/json"}
        return self._send(urllib.request.Request(self.url + path, data=data, headers=headers))

    @property
    def cookie(self):
        """The signed value as the server set it, percent-decoded; None without one."""
        for cookie in self.jar:
            if cookie.name == COOKIE_NAME:
                return urllib.parse.unquote(cookie.value)
        return None


class Application:
    """A node process with one application, and the table of its store."""

    def __init__(self, store, endpoint, dynamodb, log, **options):
        self.store = store
        names = {name: options[name] for name in ("hash_key", "prefix") if name in options}
        self.layout = replace(LAYOUTS[store], **names)
        self.dynamodb = dynamodb
        self.log = log
        self.table = f"interop-{store}-{uuid.uuid4().hex[:12]}"
        command = ["node", "app.js", "--store", store, "--table", self.table]
        command += ["--endpoint", endpoint, "--secret", SECRET]
        for name, value in options.items():
            flag = "--" + name.replace("_", "-")
            command += [flag] if value is True else [flag, str(value)]
        self.process = subprocess.Popen(
            command, cwd=FOLDER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
            text=True,
        )  # fmt: skip
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            raise RuntimeError(f"the application did not start:\n{self.errors()}")
        self.url = f"http://127.0.0.1:{json.loads(line)['port']}"
        dynamodb.get_waiter("table_exists").wait(
            TableName=self.table, WaiterConfig={"Delay": 1, "MaxAttempts": 30}
        )

    def errors(self):
        self.log.seek(0)
        return self.log.read()

    def stop(self):
        self.process.stdin.close()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.dynamodb.delete_table(TableName=self.table)

    def visitor(self, cookie=None):
        return Visitor(self.url, cookie)

    def call(self, method, *arguments):
        """Calls the store's own method: {"error": message or None, "result": ...}."""
        return Visitor(self.url).post(f"/store/{method}", list(arguments))

    # ---- the table, by boto3 ----

    def key(self, sid):
        return {self.layout.hash_key: {"S": self.layout.prefix + sid}}

    def item(self, sid):
        """The item as the server has it, in DynamoDB's JSON; None without one."""
        answer = self.dynamodb.get_item(
            TableName=self.table, Key=self.key(sid), ConsistentRead=True
        )
        return answer.get("Item")

    def put(self, *items):
        for item in items:
            self.dynamodb.put_item(TableName=self.table, Item=item)

    def items(self):
        """Every item of the table, by its hash key."""
        scan = self.dynamodb.get_paginator("scan")
        pages = scan.paginate(TableName=self.table, ConsistentRead=True)
        return {item[self.layout.hash_key]["S"]: item for page in pages for item in page["Items"]}

    def empty(self):
        for key in self.items():
            self.dynamodb.delete_item(
                TableName=self.table, Key={self.layout.hash_key: {"S": key}}
            )

    def set_expiry(self, sid, expires_s):
        """Moves a session's expiry behind the store's back, in every attribute that has it."""
        names = {"#e": self.layout.expires}
        values = {":e": {"N": str(int(expires_s * 1000) // self.layout.unit_ms)}}
        expression = "SET #e = :e"
        if self.layout.unit_ms == 1:
            names["#t"] = "expireTime_TTL"
            values[":t"] = {"N": str(int(expires_s))}
            expression += ", #t = :t"
        self.dynamodb.update_item(
            TableName=self.table, Key=self.key(sid), UpdateExpression=expression,
            ExpressionAttributeNames=names, ExpressionAttributeValues=values,
        )  # fmt: skip


@pytest.fixture(scope="session")
def start_application(endpoint, dynamodb, tmp_path_factory):
    """start_application(store, **options of app.js): the worker's one such application, emptied."""
    running = {}
    folder = tmp_path_factory.mktemp("interop")

    def start(store, **options):
        identity = (store, tuple(sorted(options.items())))
        if identity not in running:
            log = open(folder / f"{len(running)}.log", "w+")
            running[identity] = Application(store, endpoint, dynamodb, log, **options)
        running[identity].empty()
        return running[identity]

    yield start
    for application in running.values():
        application.stop()
        application.log.close()


@pytest.fixture
def sql_on(connect):
    """sql_on(application): a connection whose table `sessions` is the application's."""

    def make(application, *arguments):
        connection = connect()
        options = [f"table='{application.table}'", f"layout='{application.store}'", *arguments]
        connection.execute(
            f"CREATE VIRTUAL TABLE temp.sessions USING dynamodb_sessions({', '.join(options)})"
        )
        return connection

    return make


# ---- sessions as express-session writes them -------------------------------------------------


class Sessions:
    """Texts as JSON.stringify makes them of an express session."""

    @staticmethod
    def now_ms():
        return time.time_ns() // 1_000_000

    @staticmethod
    def iso(ms):
        seconds, rest = divmod(ms, 1000)
        moment = datetime.fromtimestamp(seconds, timezone.utc)
        return f"{moment:%Y-%m-%dT%H:%M:%S}.{rest:03d}Z"

    @staticmethod
    def ms_of(iso):
        moment = datetime.strptime(iso, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)
        return round(moment.timestamp() * 1000)

    @classmethod
    def make(cls, expires_ms=None, max_age_ms=HOUR_MS, **members):
        cookie = {
            "originalMaxAge": None if expires_ms is None else max_age_ms,
            "expires": None if expires_ms is None else cls.iso(expires_ms),
            "httpOnly": True,
            "path": "/",
        }
        return {"cookie": cookie, **members}

    @staticmethod
    def text(session):
        return json.dumps(session, separators=(",", ":"), ensure_ascii=False)


@pytest.fixture(scope="session")
def sessions():
    """Helpers that make sessions and their texts."""
    return Sessions
