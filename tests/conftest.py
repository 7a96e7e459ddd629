"""What all tests share: one DynamoDB Local, an isolated AWS environment, and ways to the extension.

The server is started once, by the controlling pytest process, through tests/tools/dynamodb-local,
and ends with it. Every test works on tables of its own names (`table_name`), so tests run side by
side. The last line of a run, "N passed, N failed, N skipped", is for CI to count.
"""

import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import urllib.parse
import uuid
from pathlib import Path

import boto3
import botocore.config
import pytest
from certificates import CertificateAuthority
from fake_aws import FakeAws
from machine import Machine
from scripted_endpoint import ScriptedEndpoint

ROOT = Path(__file__).resolve().parent.parent
ENDPOINT_VARIABLE = "AWS_ENDPOINT_URL_DYNAMODB"
REGION = "us-east-1"
# DynamoDB Local takes any keys of letters and digits.
ACCESS_KEY_ID = "local"
SECRET_ACCESS_KEY = "local"
TAP_RESULT = re.compile(r"^(ok|not ok) \d+ - (\S+)(.*)$")


# ---- the run --------------------------------------------------------------------------------


class Server:
    """DynamoDB Local beside the run: lives until its standard input closes, whoever closes it."""

    def __init__(self):
        self.process = subprocess.Popen(
            [
                str(ROOT / "tests/tools/dynamodb-local"), "run", "--",
                "sh", "-c", f'echo "${ENDPOINT_VARIABLE}"; exec cat > /dev/null',
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={k: v for k, v in os.environ.items() if k != ENDPOINT_VARIABLE},
            # Ctrl-C is pytest's: it ends the run and then the server.
            start_new_session=True,
        )
        self.endpoint = self.process.stdout.readline().strip()
        if not self.endpoint:
            self.process.wait()
            raise pytest.UsageError("DynamoDB Local did not start; its message stands above")

    def stop(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


def _is_worker(config):
    return hasattr(config, "workerinput")


def _loopback(url):
    return urllib.parse.urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")


def _isolate_environment(folder):
    """No key, profile, proxy or endpoint of the person who runs the tests reaches them."""
    endpoint = os.environ.get(ENDPOINT_VARIABLE, "")
    for name in list(os.environ):
        proxy = name.lower() in ("http_proxy", "https_proxy", "all_proxy")
        if name.startswith("AWS_") or name == "SSL_CERT_FILE" or proxy:
            del os.environ[name]
    # Tests make and drop tables: never anywhere but on this machine.
    if endpoint and _loopback(endpoint):
        os.environ[ENDPOINT_VARIABLE] = endpoint
    os.environ.update(
        AWS_CONFIG_FILE=str(folder / "config"),
        AWS_SHARED_CREDENTIALS_FILE=str(folder / "credentials"),
        AWS_EC2_METADATA_DISABLED="true",
        AWS_REGION=REGION,
        AWS_ACCESS_KEY_ID=ACCESS_KEY_ID,
        AWS_SECRET_ACCESS_KEY=SECRET_ACCESS_KEY,
    )


def pytest_configure(config):
    if _is_worker(config) or config.getoption("numprocesses", None) in (None, 0):
        # Loaded into this process by now; its children get it only through host_environment().
        os.environ.pop("LD_PRELOAD", None)
    config.dds_folder = Path(tempfile.mkdtemp(prefix="dds-tests-"))
    config.dds_server = None
    _isolate_environment(config.dds_folder)
    if not _is_worker(config) and not config.option.collectonly:
        if ENDPOINT_VARIABLE not in os.environ:
            config.dds_server = Server()
            os.environ[ENDPOINT_VARIABLE] = config.dds_server.endpoint


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config):
    if getattr(config, "dds_server", None):
        config.dds_server.stop()
    if hasattr(config, "dds_folder"):
        shutil.rmtree(config.dds_folder, ignore_errors=True)
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter and not _is_worker(config) and not config.option.collectonly:
        counts = {name: len(reports) for name, reports in reporter.stats.items()}
        failed = counts.get("failed", 0) + counts.get("error", 0)
        skipped = counts.get("skipped", 0) + counts.get("xfailed", 0)
        print(f"{counts.get('passed', 0)} passed, {failed} failed, {skipped} skipped", flush=True)


# ---- the server's side ------------------------------------------------------------------------


@pytest.fixture(scope="session")
def endpoint():
    """The URL of the run's DynamoDB Local."""
    return os.environ[ENDPOINT_VARIABLE]


@pytest.fixture(scope="session")
def dynamodb(endpoint):
    """A boto3 client on it: the witness of what the server really holds."""
    return boto3.client(
        "dynamodb",
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=ACCESS_KEY_ID,
        aws_secret_access_key=SECRET_ACCESS_KEY,
        config=botocore.config.Config(retries={"max_attempts": 3, "mode": "standard"}),
    )


@pytest.fixture
def table_name(request, dynamodb):
    """A name no other test has; a table of that name is dropped after the test."""
    name = re.sub(r"[^A-Za-z0-9_.-]", "-", request.node.name)[:80] + "-" + uuid.uuid4().hex[:12]
    yield name
    try:
        dynamodb.delete_table(TableName=name)
    except dynamodb.exceptions.ResourceNotFoundException:
        pass


@pytest.fixture
def make_table(dynamodb, table_name):
    """make_table(hash_key="id", name=table_name, items=[]): a table made by boto3; its name.

    `items` are in DynamoDB's JSON and are put one by one. No TTL is set: DynamoDB Local's sweep
    would delete expired rows under the test.
    """
    made = []

    def make(hash_key="id", name=None, items=(), range_key=None):
        name = name or table_name
        keys = [(hash_key, "HASH")] + ([(range_key, "RANGE")] if range_key else [])
        dynamodb.create_table(
            TableName=name,
            KeySchema=[{"AttributeName": key, "KeyType": kind} for key, kind in keys],
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key, _ in keys],
            BillingMode="PAY_PER_REQUEST",
        )
        made.append(name)
        for item in items:
            dynamodb.put_item(TableName=name, Item=item)
        return name

    yield make
    for name in made:
        if name != table_name:
            dynamodb.delete_table(TableName=name)


# ---- the extension's side ---------------------------------------------------------------------


@pytest.fixture(scope="session")
def extension():
    """The path of the extension under test: $DDS_EXTENSION, or what `make` builds."""
    path = Path(os.environ.get("DDS_EXTENSION", ROOT / "dynamodb_sessions.so"))
    assert path.exists(), f"{path} is not built: run make"
    return str(path)


@pytest.fixture(scope="session")
def build_folder():
    """Where the programs of this flavour are: $DDS_BUILD, or .build/release."""
    return Path(os.environ.get("DDS_BUILD", ROOT / ".build/release"))


@pytest.fixture
def run_program(subtests):
    """run_program(program, **variables): a C test program; each result it says in TAP a subtest."""

    def run_program(program, **variables):
        assert program.exists(), f"{program} is not built: run make programs"
        environment = dict(os.environ, **variables)
        # A C program has no interpreter's leftovers: here leaks are looked for.
        if "ASAN_OPTIONS" in environment:
            environment["ASAN_OPTIONS"] += ":detect_leaks=1"
        run = subprocess.run(
            [program],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=600,
            env=environment,
        )
        results = [match for line in run.stdout.splitlines() if (match := TAP_RESULT.match(line))]
        output = f"{run.stdout}\n{run.stderr}"
        for result in results:
            with subtests.test(result[2]):
                assert result[1] == "ok", output
        assert results, f"{program} reported no test:\n{output}"
        assert run.returncode == 0, f"exit code {run.returncode}:\n{output}"

    return run_program


@pytest.fixture
def host_environment():
    """host_environment(**changes): the environment for a process that loads the extension.

    A value of None removes the variable. Under `make asan` it names the sanitizer's runtime,
    which must be loaded before the extension; no other child process should get it.
    """

    def make(**changes):
        environment = dict(os.environ)
        if os.environ.get("DDS_PRELOAD"):
            environment["LD_PRELOAD"] = os.environ["DDS_PRELOAD"]
        for name, value in changes.items():
            if value is None:
                environment.pop(name, None)
            else:
                environment[name] = str(value)
        return environment

    return make


@pytest.fixture
def connect(extension, endpoint):
    """connect(path=":memory:", **options of sqlite3.connect): a connection with the extension.

    In autocommit mode unless isolation_level says otherwise, so that BEGIN and COMMIT are the
    test's own. Environment variables are read from this process: use pytest's monkeypatch.
    """
    connections = []

    def make(path=":memory:", **options):
        options.setdefault("isolation_level", None)
        connection = sqlite3.connect(path, **options)
        connections.append(connection)
        connection.enable_load_extension(True)
        connection.load_extension(extension)
        connection.enable_load_extension(False)
        return connection

    yield make
    for connection in connections:
        connection.close()


@pytest.fixture
def open_table(connect):
    """open_table(table, *arguments, **options of connect): a connection with temp.s on it, whose
    Scans ask for no size first."""

    def make(table, *arguments, **options):
        connection = connect(**options)
        connection.execute(
            "CREATE VIRTUAL TABLE temp.s USING dynamodb_sessions(%s)"
            % ", ".join(["table='%s'" % table, "total_segments=1", *arguments])
        )
        return connection

    return make


@pytest.fixture
def requests_of():
    """requests_of(connection): the rows of dynamodb_requests as dicts, oldest first."""

    def read(connection):
        cursor = connection.execute("SELECT * FROM dynamodb_requests ORDER BY id")
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row)) for row in cursor.fetchall()]

    return read


@pytest.fixture
def sqlite_shell(extension, host_environment, endpoint):
    """sqlite_shell(sql, *arguments, load=True, environment={}): a CompletedProcess of the shell.

    Has stdout, stderr (text) and returncode. Runs in the repository's folder, stops at the first
    error, reads no ~/.sqliterc, and loads the extension under test first unless load is False.
    """

    def run(sql, *arguments, load=True, environment=None, cwd=ROOT, timeout=120):
        command = [os.environ.get("SQLITE3", "sqlite3"), "-batch", "-bail", "-init", os.devnull]
        if load:
            command += ["-cmd", f".load '{extension}'"]
        return subprocess.run(
            [*command, *arguments],
            input=sql,
            capture_output=True,
            text=True,
            timeout=timeout,
            cwd=cwd,
            env=host_environment(**(environment or {})),
        )

    return run


@pytest.fixture
def scripted_endpoint(endpoint):
    """A running ScriptedEndpoint (tests/scripted_endpoint.py) that forwards to DynamoDB Local."""
    with ScriptedEndpoint(forward_to=endpoint) as server:
        yield server


@pytest.fixture
def aws(endpoint):
    """A running FakeAws (tests/fake_aws.py): credentials, and DynamoDB Local behind a signature."""
    with FakeAws(forward_to=endpoint) as server:
        yield server


@pytest.fixture(scope="session")
def one_session(dynamodb):
    """The name of a table that holds one session, "a", for tests that only read."""
    name = "one-session-" + uuid.uuid4().hex[:12]
    dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "sessionId", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "sessionId", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    item = {"sessionId": {"S": "a"}, "session_data": {"S": "{}"}}
    dynamodb.put_item(TableName=name, Item=item)
    yield name
    dynamodb.delete_table(TableName=name)


@pytest.fixture
def machine(tmp_path, aws, one_session, sqlite_shell):
    """A Machine (tests/machine.py) that reads the table of `one_session`."""
    return Machine(tmp_path / "home", aws, one_session, sqlite_shell)


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    """A CertificateAuthority (tests/certificates.py) that nothing trusts."""
    return CertificateAuthority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def fast_clock(tmp_path_factory):
    """fast_clock(speed): the variables of a process whose time runs so many times as fast."""
    if sys.platform != "linux":
        pytest.skip("LD_PRELOAD is Linux's")
    library = tmp_path_factory.mktemp("clock") / "fast_clock.so"
    source = ROOT / "tests/tools/fast_clock.c"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)

    def make(speed):
        preload = f"{os.environ.get('DDS_PRELOAD', '')} {library}".strip()
        return {"LD_PRELOAD": preload, "DDS_CLOCK_SPEED": str(speed)}

    return make
