"""The process killed in the middle of a COMMIT: every session is old or new, and none is lost.

A child process commits through an endpoint that kills it (SIGKILL) when the n-th write request
arrives: before it is done, while it is done, or when its answer is on the way.
"""

import json
import os
import random
import signal
import subprocess
import sys
import textwrap
import threading

import pytest
from scripted_endpoint import Response
from session_table import LATER, SERVERLESS, SessionTable

CHILD = textwrap.dedent("""
    import sqlite3, sys
    extension, arguments, statements = sys.argv[1], sys.argv[2], sys.argv[3:]
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.enable_load_extension(True)
    connection.load_extension(extension)
    connection.execute(f"CREATE VIRTUAL TABLE temp.sessions USING dynamodb_sessions({arguments})")
    for statement in statements:
        connection.execute(statement).fetchall()
    print("committed", flush=True)
""")

WRITES = ("PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems")
MOMENTS = ("before", "during", "after")


class Killer:
    """An endpoint's handler: kills the child at the n-th write request, and does no later one."""

    def __init__(self, endpoint, at, moment):
        self.endpoint = endpoint
        self.at = at
        self.moment = moment
        self.child = None
        self.seen = 0
        self.busy = 0
        self.sent = 0  # writes in the requests that went on to the server
        self.changed = threading.Condition()

    def __call__(self, request):
        if request.operation not in WRITES:
            return None
        with self.changed:
            self.seen += 1
            number = self.seen
            goes_on = number < self.at or number == self.at and self.moment != "before"
            self.busy += 1
            self.sent += count_writes(request) if goes_on else 0
        try:
            if number == self.at and self.moment != "after":
                self.kill()
            answer = self.endpoint._forward(request) if goes_on else Response(reset=True)
            if number == self.at and self.moment == "after":
                self.kill()
            return answer
        finally:
            with self.changed:
                self.busy -= 1
                self.changed.notify_all()

    def kill(self):
        self.child.send_signal(signal.SIGKILL)
        self.child.wait()

    def settle(self):
        """Waits until the server is done with all that went on to it."""
        with self.changed:
            assert self.changed.wait_for(lambda: self.busy == 0, 60)


def count_writes(request):
    body = request.json()
    if request.operation == "BatchWriteItem":
        return sum(len(requests) for requests in body["RequestItems"].values())
    return len(body.get("TransactItems", [body]))


@pytest.fixture
def table(dynamodb, connect, make_table):
    return SessionTable(dynamodb, connect(), make_table, SERVERLESS, "userId TEXT")


@pytest.fixture
def killed(table, scripted_endpoint, extension, host_environment):
    """killed(at, moment, statements, *arguments): how many writes went on to the server.

    None where the child was not killed before its COMMIT's end.
    """

    def run(at, moment, statements, *arguments):
        killer = scripted_endpoint.handler = Killer(scripted_endpoint, at, moment)
        given = [f"table='{table.name}'", "layout='serverless-dynamodb-session-store'",
                 f"endpoint_url='{scripted_endpoint.url}'", "userId TEXT", *arguments]
        killer.child = subprocess.Popen(
            [sys.executable, "-c", CHILD, extension, ", ".join(given), *statements],
            stdout=subprocess.PIPE, env=host_environment())
        output, _ = killer.child.communicate(timeout=60)
        killer.settle()
        was_killed = killer.child.returncode == -signal.SIGKILL and output == b""
        return killer.sent if was_killed else None

    return run


def fill(table, count, version=1):
    sids = [f"s{number:03}" for number in range(count)]
    for start in range(0, count, 25):
        table.dynamodb.batch_write_item(RequestItems={table.name: [
            {"PutRequest": {"Item": item(sid, version)}} for sid in sids[start:start + 25]]})
    return sids


def item(sid, version):
    """A session of which every attribute tells the version."""
    session = json.dumps({"cookie": {"path": "/"}, "version": version}, separators=(",", ":"))
    return SERVERLESS.item(sid, session, LATER + version, userId={"S": f"user-{version}"})


def versions(table):
    """By sid, and only of whole sessions."""
    pages = table.dynamodb.get_paginator("scan").paginate(TableName=table.name, ConsistentRead=True)
    found = {}
    for page in pages:
        for one in page["Items"]:
            sid = one["sessionId"]["S"]
            version = int(one["userId"]["S"].removeprefix("user-"))
            session = json.loads(one["session_data"]["S"])
            assert session["version"] == version, one
            assert one["expireTime"] == {"N": f"{LATER + version}000"}, one
            assert one["expireTime_TTL"] == {"N": f"{LATER + version}"}, one
            found[sid] = version
    return found


UPDATE = (f"UPDATE sessions SET session = json_set(session, '$.version', 2), userId = 'user-2', "
          f"expires = {LATER + 2}")
REPLACE = ("REPLACE INTO sessions(sid, session, userId, expires) SELECT sid, "
           f"json_set(session, '$.version', 2), 'user-2', {LATER + 2} FROM sessions")
MOVE = "UPDATE sessions SET sid = replace(sid, 's', 'm')"


@pytest.mark.parametrize("moment", MOMENTS)
def test_of_one_transaction_all_or_nothing_is_there(table, killed, moment):
    sids = fill(table, 60)
    sent = killed(1, moment, ["BEGIN", UPDATE, "COMMIT"])
    assert sent == (0 if moment == "before" else 60)
    assert versions(table) == dict.fromkeys(sids, 2 if sent else 1)


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_single_session_is_old_or_new(table, killed, moment):
    (sid,) = fill(table, 1)
    sent = killed(1, moment, [UPDATE])
    assert sent == (0 if moment == "before" else 1)
    assert versions(table) == {sid: 2 if sent else 1}


@pytest.mark.parametrize("statement, calls", [(UPDATE, 120), (REPLACE, 5)],
                         ids=["single calls", "batches"])
def test_of_many_calls_each_session_is_old_or_new(table, killed, statement, calls):
    seed = int(os.environ.get("DDS_SEED", random.randrange(1 << 32)))
    print(f"DDS_SEED={seed}")
    rng = random.Random(seed)
    for moment in MOMENTS:
        sids = fill(table, 120)
        at = rng.randrange(1, calls + 1)
        sent = killed(at, moment, ["BEGIN", statement, "COMMIT"], "concurrency=4")
        found = versions(table)
        assert sorted(found) == sids and set(found.values()) <= {1, 2}
        assert list(found.values()).count(2) == sent


@pytest.mark.parametrize("count, calls", [(1, 1), (40, 1), (120, 3)])
def test_a_moved_session_is_at_one_place(table, killed, count, calls):
    seed = int(os.environ.get("DDS_SEED", random.randrange(1 << 32)))
    print(f"DDS_SEED={seed}")
    rng = random.Random(seed)
    for moment in MOMENTS:
        sids = fill(table, count)
        sent = killed(rng.randrange(1, calls + 1), moment, ["BEGIN", MOVE, "COMMIT"])
        found = versions(table)
        assert sorted(sid.replace("m", "s") for sid in found) == sids
        assert 2 * len([sid for sid in found if sid.startswith("m")]) == sent
        for sid in found:
            table.delete(sid)


def test_through_keeps_what_was_sent(table, killed):
    sids = fill(table, 60)
    sent = killed(2, "after", ["BEGIN", REPLACE, "COMMIT"], "commit='through'", "concurrency=1")
    found = versions(table)
    assert sorted(found) == sids and list(found.values()).count(2) == sent == 50


def test_who_is_not_killed_commits(table, killed):
    sids = fill(table, 3)
    assert killed(9, "before", [UPDATE]) is None
    assert versions(table) == dict.fromkeys(sids, 2)
