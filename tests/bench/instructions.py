"""Counts the instructions of this extension and of libcurl alone, under valgrind's callgrind.

    make instructions

A count hardly depends on what else the machine does, so a regression shows on a noisy one too: two
runs agree within 1 %. The endpoint runs outside valgrind, on fixed data. Each figure is the
difference of two runs: 10,000 calls and none, ten pages and an empty table; so start, CREATE and
credentials are in none of them. Two things would bring the machine into it. Every 50 ms of a wait
the extension asks whether to stop, by 20,000 steps of SQLite's machine, so that a slower one would
count more: that function is left out. And libcurl looks through the environment, so that the
caller's is not handed on.

It is the count of user code alone; the kernel's share is not seen, and valgrind has no SHA-NI.
"""

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from runs import ROOT, Endpoint, isolated_environment  # noqa: E402

BUILD = ROOT / ".build/release"
STOP_ASKED = "dds_clock_stop_asked"
ROWS = 10_000
KEYS = 1_000


@dataclass(frozen=True)
class Work:
    """Two runs of each program, which differ by so many units of work."""

    what: str
    ours: str
    floors: str
    unit: str
    units: int
    full: tuple = ()
    none: tuple = ()
    floors_none: tuple = ()  # where libcurl's differs
    is_none_empty: bool = False  # the run without the work finds an empty table


def calls(what, work, count, unit="call", units_of_one=1):
    return Work(what, work, work, unit, count * units_of_one, ("--calls", str(count)),
                ("--calls", "0"))


def scan(what, ours, floors):
    return Work(what, ours, floors, "row", ROWS, is_none_empty=True)


WORKS = (
    calls("GetItem", "get", 10_000),
    calls("UPDATE by sid", "update", 1_000),
    calls("sid IN (1,000 keys)", "in", 10, "key", KEYS),
    # The rows that are written are read before, by both runs.
    Work("INSERT OR REPLACE … SELECT", "replace", "put", "row", ROWS, ("--rows", str(ROWS)),
         ("--rows", str(ROWS), "--calls", "0"), ("--rows", "0")),
    scan("scan, all columns", "scan", "download"),
    scan("SELECT sid", "sids", "keys"),
)


def command(program, work, endpoint, arguments):
    """callgrind counts from the start, and not within the function that is left out."""
    left_out = [f"--toggle-collect={STOP_ASKED}", "--collect-atstart=yes"]
    return ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
            *(left_out if program == "run_extension" else []),
            str(BUILD / "bench" / program), work, "--endpoint", endpoint.url,
            "--items", str(max(endpoint.items, 1)), *arguments]


def count(program, work, endpoint, arguments):
    """The instructions of one process."""
    done = subprocess.run(command(program, work, endpoint, arguments), capture_output=True,
                          text=True, cwd=ROOT, env=isolated_environment(only=["PATH"]))
    collected = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or collected is None:
        sys.exit(f"{program} {work}: exit code {done.returncode}\n{done.stderr}")
    return int(collected[1])


def per_unit(program, work, full, empty):
    is_ours = program == "run_extension"
    name = work.ours if is_ours else work.floors
    none = work.none if is_ours or not work.floors_none else work.floors_none
    more = count(program, name, full, work.full)
    less = count(program, name, empty if work.is_none_empty else full, none)
    return (more - less) / work.units


def main():
    print("| work | this extension | libcurl alone | difference |\n| --- | --- | --- | --- |")
    with Endpoint(BUILD, ROWS) as full, Endpoint(BUILD, 0) as empty:
        for work in WORKS:
            ours, floors = (per_unit(program, work, full, empty)
                            for program in ("run_extension", "floor"))
            shown = [f"{figure:,.0f} a {work.unit}" for figure in (ours, floors, ours - floors)]
            print(f"| {work.what} | {' | '.join(shown)} |", flush=True)


if __name__ == "__main__":
    main()
