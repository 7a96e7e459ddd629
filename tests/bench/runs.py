"""The processes of a benchmark: the canned endpoint, and what is measured on it.

    with Endpoint() as endpoint:
        result = measure(Run("scan", "extension", "scan"), {"plain": endpoint})

A Run is one process of this extension, of libcurl alone, or of a peer. Its result is the line of
JSON that it prints (run_extension.c) with what the endpoint counted meanwhile. What the rows, the
bytes and the items on the endpoint must be follows from the kind of work: anything else is a
WrongAnswer, whoever gave it. A peer that cannot run at all is an Unavailable.
"""

import json
import os
import shutil
import ssl
import subprocess
import tempfile
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ITEMS = 100_000
PAGE_ITEMS = 1000
SID_BYTES = 32
WARM_UP_CALLS = 50  # of each kind of work that is called many times
CLI_ITEMS = 10_000
TIMEOUT_S = 300


class WrongAnswer(Exception):
    """A run saw or wrote something else than what there was."""


class Unavailable(Exception):
    """A peer that is not there, or does not run."""


def isolated_environment(only=None):
    """No key, profile, proxy or endpoint of the user's, or nothing of his but `only` these."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("AWS_") and not name.lower().endswith("_proxy")
    }
    return dict(
        {name: kept[name] for name in kept if only is None or name in only},
        AWS_REGION="us-east-1",
        AWS_DEFAULT_REGION="us-east-1",
        AWS_ACCESS_KEY_ID="local",
        AWS_SECRET_ACCESS_KEY="local",
        AWS_CONFIG_FILE=os.devnull,
        AWS_SHARED_CREDENTIALS_FILE=os.devnull,
        AWS_EC2_METADATA_DISABLED="true",
        AWS_PAGER="",
    )


def cores():
    """The first and the last core that this process may use; None where nobody can be told."""
    if not hasattr(os, "sched_getaffinity"):
        return None
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[0], allowed[-1]


# ---- the endpoint ---------------------------------------------------------------------------


class Endpoint:
    """tests/bench/endpoint.c with a table of so many sessions; by TLS where an authority of
    tests/certificates.py is given."""

    def __init__(self, build, items=ITEMS, authority=None):
        self.items = items
        self.authority = authority
        self._folder = tempfile.TemporaryDirectory(prefix="dds-bench-")
        command = [str(build / "bench/endpoint"), "--items", str(items)]
        if authority is not None:
            certificate = Path(self._folder.name) / "server.pem"
            certificate.write_bytes(authority.server_pem("127.0.0.1"))
            command += ["--certificate", str(certificate)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.url = self.process.stdout.readline().strip()
        if not self.url:
            raise RuntimeError("the endpoint did not start; its message stands above")
        context = None if authority is None else ssl.create_default_context(cafile=authority.path)
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )
        self.table = self.control("/counts")["table"]
        self.sids = Path(self._folder.name) / "sids"
        self.sids.write_text("\n".join(self.control("/sids?count=1000")))

    def control(self, path):
        with self._opener.open(self.url + path, timeout=TIMEOUT_S) as answer:
            return json.load(answer)

    def set(self, latency_ms, core):
        """What the next run finds; counts begin anew."""
        self.control(f"/latency?us={round(latency_ms * 1000)}")
        if core is not None:
            os.sched_setaffinity(self.process.pid, {core})
        self.control("/reset")

    def stop(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
        self._folder.cleanup()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


# ---- one run --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Run:
    """One process. `same_core`: it shares a core with the endpoint; else a libcurl client has one
    of its own, and a peer may use all. `turns`: so often in a round, taking turns with the runs
    beside it that have as many."""

    name: str
    program: str  # a key of PROGRAMS
    work: str
    latency_ms: float = 0
    endpoint: str = "plain"
    same_core: bool = False
    calls: int = 0
    rows: int = 0
    arguments: tuple = ()
    every: int = 1  # in which rounds it runs: each, each second, …; 0: in the first alone
    turns: int = 1


def _native(program):
    def command(build, run, endpoint):
        given = [str(build / "bench" / program), run.work, "--items", str(endpoint.items)]
        given += ["--calls", str(run.calls)] if run.calls else []
        given += ["--rows", str(run.rows)] if run.rows else []
        return [*given, *run.arguments, "--endpoint", endpoint.url]

    return command


def _script(*interpreter_and_file):
    def command(build, run, endpoint):
        del build
        given = [*interpreter_and_file, run.work, "--endpoint", endpoint.url]
        given += ["--calls", str(run.calls)] if run.calls else []
        given += ["--rows", str(run.rows)] if run.rows else []
        return [*given, "--sids", str(endpoint.sids)]

    return command


PROGRAMS = {
    "extension": _native("run_extension"),
    "floor": _native("floor"),
    "node": _script("node", str(ROOT / "tests/bench/peer.js")),
    "boto3": _script(str(ROOT / ".deps/venv/bin/python"), str(ROOT / "tests/bench/peer.py")),
}
OUR_OWN = ("extension", "floor")


def _run_process(command, environment, core):
    def pin():
        if core is not None:
            os.sched_setaffinity(0, {core})

    if shutil.which(command[0]) is None:
        raise Unavailable(f"{command[0]} is not there")
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=TIMEOUT_S,
        env=environment,
        cwd=ROOT,
        preexec_fn=pin,
    )
    if done.returncode != 0:
        said = (done.stderr.strip() or "nothing").splitlines()
        raise Unavailable(f"exit code {done.returncode}: {said[-1]}")
    return json.loads(done.stdout)


def _run_cli(run, endpoint, environment):
    """The AWS CLI as scripts use it: a process for each call, its JSON through jq."""
    aws = ROOT / ".deps/bench/bin/aws"
    query = "[.Items[].session_data.S | utf8bytelength] | length, add"
    arguments = ["scan", "--max-items", str(CLI_ITEMS)]
    if run.work == "get":
        key = json.dumps({"sessionId": {"S": endpoint.sids.read_text().split()[0]}})
        arguments = ["get-item", "--key", key]
        query = "[.Item.session_data.S | utf8bytelength] | length, add"
    for tool in (str(aws), "jq"):
        if shutil.which(tool) is None:
            raise Unavailable(f"{tool} is not there")
    begin, before = time.perf_counter(), os.times()
    first = subprocess.Popen(
        [str(aws), "dynamodb", *arguments, "--table-name", "sessions", "--output", "json",
         "--endpoint-url", endpoint.url],
        stdout=subprocess.PIPE, env=environment,
    )
    second = subprocess.Popen(["jq", query], stdin=first.stdout, stdout=subprocess.PIPE, text=True)
    first.stdout.close()
    output = second.communicate(timeout=TIMEOUT_S)[0]
    _, status, usage = os.wait4(first.pid, 0)
    first.returncode = os.waitstatus_to_exitcode(status)
    wall, after = time.perf_counter() - begin, os.times()
    if first.returncode != 0 or second.returncode != 0:
        raise Unavailable(f"exit codes {first.returncode} of aws, {second.returncode} of jq")
    cpu = usage.ru_utime + usage.ru_stime
    cpu = max(cpu, after.children_user + after.children_system
              - before.children_user - before.children_system)
    rows, size = (int(number) for number in output.split())
    return dict(wall_s=wall, cpu_s=cpu, peak_kb=usage.ru_maxrss, rows=rows, bytes=size, calls=1,
                p50_us=wall * 1e6)


def measure(run, endpoints, build):
    """Runs it once; the result, checked, with `counts` of the endpoint."""
    endpoint = endpoints[run.endpoint]
    environment = isolated_environment()
    if endpoint.authority is not None:
        environment["AWS_CA_BUNDLE"] = str(endpoint.authority.path)
    first, last = cores() or (None, None)
    endpoint.set(run.latency_ms, last)
    if run.program == "cli":
        result = _run_cli(run, endpoint, environment)
    else:
        core = last if run.same_core else first if run.program in OUR_OWN else None
        command = PROGRAMS[run.program](build, run, endpoint)
        result = _run_process(command, environment, core)
    result["counts"] = endpoint.control("/counts")
    check(run, result, endpoint)
    return result


# ---- what must come out ---------------------------------------------------------------------


def expectations(run, result, endpoint):
    """(what, expected, found) of a result."""
    read = result["counts"]["items"]
    calls = result["calls"]
    table = endpoint.table
    if run.program == "cli":
        expected = {"scan": CLI_ITEMS, "get": 1}[run.work]
        yield "rows", expected, result["rows"]
        yield "items read", expected, read.get("Scan" if run.work == "scan" else "GetItem", 0)
    elif run.work in ("scan", "sids", "count", "download", "keys"):
        yield "rows", table["items"], result["rows"]
        yield "items read", table["items"], read.get("Scan", 0)
        if run.work == "scan":
            yield "bytes of sessions", table["session_bytes"], result["bytes"]
    elif run.work in ("get", "store", "connect", "update"):
        yield "rows", run.calls, result["rows"]
        yield "items read", run.calls + WARM_UP_CALLS, read.get("GetItem", 0)
        if run.work == "update":
            yield "items written", run.calls + WARM_UP_CALLS, read.get("UpdateItem", 0)
    elif run.work == "in":
        yield "rows", calls * 1000, result["rows"]
        found = read.get("BatchGetItem", 0) + read.get("GetItem", 0)
        yield "items read", (calls + 1) * 1000, found
    else:
        yield "rows", run.rows, result["rows"]
        yield "items written", run.rows, read.get("BatchWriteItem", 0)


def check(run, result, endpoint):
    for what, expected, found in expectations(run, result, endpoint):
        if expected != found:
            raise WrongAnswer(f"{run.name}: {found} {what}, not {expected}")
