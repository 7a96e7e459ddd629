"""Throttling: how often a request is tried, what is then said, and that every wait can be ended.

How long each wait may be is for the unit tests, which have a clock of their own (test_retry.c,
test_call.c). Here the process's time runs faster (tests/tools/fast_clock.c), since the waits of
five throttled attempts add up to half a minute.
"""

import json
import os
import sqlite3
import threading
import time

import pytest
from scripted_endpoint import Response, aws_error
from session_table import refused

THROTTLED = aws_error("ProvisionedThroughputExceededException", "slow down")
# Against hanging alone.
HANGING_S = 30


@pytest.fixture
def run(sqlite_shell, fast_clock, scripted_endpoint, make_table):
    """run(arguments, sql): what the shell said, and the rows of dynamodb_requests, in fast time."""
    table = make_table("sessionId", items=[{"sessionId": {"S": "a"}, "session_data": {"S": "{}"}}])

    def make(arguments, sql):
        shell = sqlite_shell(
            f"CREATE VIRTUAL TABLE temp.s USING dynamodb_sessions(table='{table}', "
            f"endpoint_url='{scripted_endpoint.url}', connect_timeout=600, request_timeout=600"
            f"{arguments});\n{sql};\n"
            "SELECT 'log ' || json_object('attempts', attempts, 'status', status, 'error', error, "
            "'operation', operation) FROM dynamodb_requests;",
            "-cmd", ".bail off", environment=fast_clock(25))
        log = [json.loads(line.removeprefix("log "))
               for line in shell.stdout.splitlines() if line.startswith("log ")]
        return shell, log

    return make


STATEMENTS = {
    "Scan": "SELECT 'rows ' || count(*) FROM s",
    "GetItem": "SELECT 'rows ' || count(*) FROM s WHERE sid = 'a'",
    "PutItem": "INSERT OR REPLACE INTO s(sid, session) VALUES ('a', '{\"x\":1}');"
    "SELECT 'rows ' || changes()",
}


@pytest.mark.parametrize("operation", STATEMENTS)
def test_throttled_five_times_and_well_at_the_sixth_attempt(run, scripted_endpoint, operation):
    for at in range(1, 6):
        scripted_endpoint.inject(THROTTLED, operation=operation, at=at)
    shell, log = run(", max_attempts=6", STATEMENTS[operation])
    assert "rows 1" in shell.stdout and shell.stderr == ""
    assert scripted_endpoint.operations().count(operation) == 6
    assert [row for row in log if row["operation"] == operation] == [
        {"attempts": 6, "status": 200, "error": None, "operation": operation}]


@pytest.mark.parametrize("operation", STATEMENTS)
def test_throttled_five_times_is_too_often_for_four_attempts(run, scripted_endpoint, operation):
    for at in range(1, 6):
        scripted_endpoint.inject(THROTTLED, operation=operation, at=at)
    shell, log = run("", STATEMENTS[operation].partition(";")[0])
    assert "rows" not in shell.stdout
    assert "ProvisionedThroughputExceededException" in shell.stderr
    assert "4 attempts" in shell.stderr
    assert scripted_endpoint.operations().count(operation) == 4
    (row,) = [row for row in log if row["operation"] == operation]
    assert (row["attempts"], row["status"]) == (4, 400)
    assert "ProvisionedThroughputExceededException" in row["error"]


def test_the_attempts_of_one_call_have_one_id_and_count_up(run, scripted_endpoint):
    for at in range(1, 4):
        scripted_endpoint.inject(THROTTLED, operation="Scan", at=at)
    run("", STATEMENTS["Scan"])
    headers = [request.headers for request in scripted_endpoint.requests
               if request.operation == "Scan"]
    assert [h["amz-sdk-request"] for h in headers] == [
        f"attempt={attempt}; max=4" for attempt in range(1, 5)]
    assert len({h["amz-sdk-invocation-id"] for h in headers}) == 1


def test_a_commit_that_stays_throttled_can_be_tried_again(
        open_table, make_table, scripted_endpoint):
    connection = open_table(
        make_table("sessionId"), f"endpoint_url='{scripted_endpoint.url}'", "max_attempts=1")
    scripted_endpoint.inject(THROTTLED, operation="PutItem")
    connection.execute("BEGIN")
    connection.execute("INSERT INTO s(sid, session) VALUES ('a', '{}')")
    with refused("SQLITE_BUSY", "ProvisionedThroughputExceededException"):
        connection.execute("COMMIT")
    assert connection.in_transaction
    connection.execute("COMMIT")
    assert connection.execute("SELECT sid FROM s").fetchall() == [("a",)]


def test_the_bucket_of_a_client_runs_dry(open_table, make_table, scripted_endpoint):
    """Where every request fails, the retries end before max_attempts: 500 tokens, 14 a retry."""
    scripted_endpoint.inject(aws_error("InternalServerError", "no", status=500), at=0)
    connection = open_table(make_table("sessionId"), f"endpoint_url='{scripted_endpoint.url}'",
                            "max_attempts=3")
    for _ in range(25):
        with pytest.raises(sqlite3.OperationalError):
            connection.execute("SELECT * FROM s WHERE sid = 'a'").fetchall()
    # One first attempt a statement, and as many retries as the tokens pay for.
    assert scripted_endpoint.operations().count("GetItem") == 25 + 500 // 14
    assert connection.execute(
        "SELECT attempts FROM dynamodb_requests ORDER BY id DESC LIMIT 1").fetchone() == (1,)


# ---- every wait can be ended --------------------------------------------------------------------

ROLE = "arn:aws:iam::111111111111:role/app"


def role(machine):
    machine.credentials("[base]\n" + machine.keys("Base"))
    machine.config(f"[default]\nrole_arn = {ROLE}\nsource_profile = base\n")


def retry_of_dynamodb(machine):
    machine.environment_keys()
    slow = aws_error("ThrottlingException", "slow", headers={"x-amz-retry-after": "600000"})
    machine.arguments = ["max_attempts=100"]
    machine.aws.inject(slow, "Scan", at=0)


def answer_of_dynamodb(machine):
    machine.environment_keys()
    machine.aws.inject(Response(hold=threading.Event()), "Scan", at=0)


def retry_of_sts(machine):
    role(machine)
    machine.variables["AWS_MAX_ATTEMPTS"] = "100"
    machine.aws.inject(machine.aws.sts_error("Throttling", "slow", 400), "AssumeRole", at=0)


def answer_of_sts(machine):
    role(machine)
    machine.aws.inject(Response(hold=threading.Event()), "AssumeRole", at=0)


def process(machine):
    path = machine.script("hangs", f"echo $$ > {machine.home}/pid\nexec sleep 300\n")
    machine.config(f"[default]\ncredential_process = {path}\n")


def waiting(machine, what):
    """Whether the wait has begun."""
    return (machine.home / "pid").exists() if what is process else bool(machine.aws.requests)


def comes_true(condition):
    for _ in range(HANGING_S * 100):
        if condition():
            return True
        time.sleep(0.01)
    return False


def has_ended(machine):
    """Whether the process of `process` is gone."""
    try:
        os.kill(int((machine.home / "pid").read_text()), 0)
    except ProcessLookupError:
        return True
    return False


def stopped(connection):
    with pytest.raises(sqlite3.OperationalError) as caught:
        connection.execute("SELECT * FROM s").fetchall()
    assert caught.value.sqlite_errorname == "SQLITE_INTERRUPT", caught.value


WAITS = [retry_of_dynamodb, answer_of_dynamodb, retry_of_sts, answer_of_sts, process]


@pytest.mark.parametrize("what", WAITS, ids=[wait.__name__ for wait in WAITS])
def test_an_interrupt_ends_a_wait(machine, connect, monkeypatch, what):
    what(machine)
    connection = machine.connection(lambda: connect(check_same_thread=False), monkeypatch)
    seen = []

    def interrupt():
        seen.append(comes_true(lambda: waiting(machine, what)))
        time.sleep(0.1)
        connection.interrupt()

    thread = threading.Thread(target=interrupt)
    thread.start()
    stopped(connection)
    thread.join()
    assert seen == [True]
    assert what is not process or comes_true(lambda: has_ended(machine))
    machine.shows_no_secret(repr(connection.execute("SELECT * FROM dynamodb_requests").fetchall()))


@pytest.mark.parametrize("what", WAITS, ids=[wait.__name__ for wait in WAITS])
def test_a_progress_handler_ends_a_wait(machine, connect, monkeypatch, what):
    what(machine)
    connection = machine.connection(connect, monkeypatch)
    # It lets the statement begin, and says stop once the wait has.
    connection.set_progress_handler(lambda: int(waiting(machine, what)), 1000)
    stopped(connection)
    connection.set_progress_handler(None, 0)
    assert what is not process or comes_true(lambda: has_ended(machine))
