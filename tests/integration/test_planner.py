"""The planner against SQLite itself: generated queries give what an ordinary table would give.

Session tables of generated items and ordinary tables with the same rows answer the same generated
queries (tests/planner_queries.py): conditions, sort orders, limits, joins, subqueries, compounds,
aggregates, also while writes wait in a transaction. On each release of SQLite whose planner
differs, since what xBestIndex is offered does: `make planner` asks 50,000, `make test` fewer.

DDS_SEED=n repeats a run, or begins one; DDS_QUERIES=n is how many queries a release has.
DDS_DIFFERENCES=n goes on until so many differences are found.
"""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent.parent
PINS = TESTS / "setup/requirements-sqlite.txt"
# The releases beside the system's own, by what pins them, and where the set-up has put them.
RELEASES = [
    line.removeprefix("apsw==") for line in PINS.read_text().splitlines() if line[:1] == "a"]
WHEELS = Path(sys.prefix) / "sqlite"
# One set of tables has some 380 of them.
QUERIES = int(os.environ.get("DDS_QUERIES", 300 if "DDS_PRELOAD" in os.environ else 700))


@pytest.fixture(params=["system", *RELEASES])
def run_queries(request, extension, host_environment):
    """run_queries(*arguments): the output of tests/planner_run.py on one release of SQLite."""
    path = [str(TESTS)]
    if request.param != "system":
        wheel = WHEELS / request.param
        if not wheel.is_dir():
            missing = WHEELS / (request.param + ".missing")
            pytest.skip(missing.read_text() if missing.exists() else f"{wheel} is missing: run "
                        "tests/setup/install test")
        path.append(str(wheel))

    def run(*arguments):
        done = subprocess.run(
            [sys.executable, TESTS / "planner_run.py", extension, *map(str, arguments)],
            env=host_environment(PYTHONPATH=os.pathsep.join(path)),
            capture_output=True, text=True, timeout=3600)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    return run


def test_generated_queries_find_what_sqlite_finds(run_queries, request):
    release = request.node.callspec.params["run_queries"]
    # CI repeats the same runs; elsewhere each run is another. Each release has seeds of its own.
    place = ["system", *RELEASES].index(release)
    ours = 1000 * place if os.environ.get("CI") else random.randrange(10**9)
    counts = run_queries("queries", os.environ.get("DDS_SEED", ours), QUERIES)
    print(counts)
    assert release == "system" or release.startswith(counts["sqlite"])
    assert counts["queries"] >= QUERIES
    # Queries that find nothing, or that no SQLite can answer, would prove little.
    assert counts["found"] > counts["queries"] * 0.4
    assert counts.get("errors", 0) < counts["queries"] * 0.02
    assert counts["writes"] > 0
    assert {"Scan", "GetItem", "BatchGetItem", "Query"} <= set(counts["requests"])


# A statement on `s`, which has the columns u TEXT and k INTEGER, and on a local table l(v TEXT),
# and how every release plans the loop over `s`.
PLANS = {
    "SELECT * FROM s": "Scan; columns sid, session, expires, u, k",
    "SELECT session FROM s WHERE sid = 'a'": "GetItem where sid = ?; columns sid, session",
    "SELECT 1 FROM s WHERE sid IN ('a', 'b')": "BatchGetItem where sid in ?; columns sid",
    "SELECT 1 FROM s WHERE sid IN (SELECT v FROM l)": "BatchGetItem where sid in ?; columns sid",
    "SELECT k FROM s WHERE u = 'x'": "Query u-index where u = ?; columns sid, u, k",
    "SELECT sid FROM s WHERE expires < 5": "Scan where expires < ?; columns sid, expires",
    "SELECT sid FROM s WHERE expired = 1": "Scan where expired = ?; columns sid, expired",
    "SELECT sid FROM s WHERE k IS NULL": "Scan where k is null; columns sid, k",
    "SELECT sid FROM s WHERE k = 1 OR u = 'x'": "Scan; columns sid, u, k",
    "SELECT sid FROM s WHERE sid = 'a' COLLATE NOCASE": "Scan; columns sid",
    "SELECT sid FROM s WHERE u COLLATE RTRIM = 'x'": "Scan; columns sid, u",
    "SELECT s.k FROM l CROSS JOIN s ON s.sid = l.v": "GetItem where sid = ?; columns sid, k",
    "SELECT s.k FROM l LEFT JOIN s ON s.sid = l.v": "GetItem where sid = ?; columns sid, k",
}


def test_the_plans_are_the_same_on_every_release(run_queries):
    plans = run_queries("plans", json.dumps(list(PLANS)))
    assert plans == PLANS
