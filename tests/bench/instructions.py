"""Counts the instructions of this extension and of libcurl alone, under valgrind's callgrind.

    make instructions

A count does not depend on what else the machine does, so a regression shows on a noisy one too. The
endpoint runs outside valgrind, on fixed data. Each figure is the difference of two runs: 10,000
calls and none, ten pages and an empty table; so start, CREATE and credentials are in none of them.
It is the count of user code alone; the kernel's share is not seen, and valgrind has no SHA-NI.
"""

import re
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from runs import ROOT, Endpoint, isolated_environment  # noqa: E402

BUILD = ROOT / ".build/release"
CALLS = 10_000
SCANNED = 10_000
WORKS = (
    # what, the extension's work, libcurl's, per what
    ("GetItem", "get", "get", "call"),
    ("scan, all columns", "scan", "download", "row"),
    ("SELECT sid", "sids", "keys", "row"),
)


def count(program, work, endpoint, *arguments):
    """The instructions of one process."""
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
               str(BUILD / "bench" / program), work, "--endpoint", endpoint.url,
               "--items", str(max(endpoint.items, 1)), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT,
                          env=isolated_environment())
    collected = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or collected is None:
        sys.exit(f"{program} {work}: exit code {done.returncode}\n{done.stderr}")
    return int(collected[1])


def per_call(program, work, full):
    many = count(program, work, full, "--calls", str(CALLS))
    return (many - count(program, work, full, "--calls", "0")) / CALLS


def per_row(program, work, full, empty):
    return (count(program, work, full) - count(program, work, empty)) / SCANNED


def main():
    print("| work | this extension | libcurl alone | difference |\n| --- | --- | --- | --- |")
    with Endpoint(BUILD, SCANNED) as full, Endpoint(BUILD, 0) as empty:
        for what, ours, floors, unit in WORKS:
            if unit == "call":
                pair = [per_call("run_extension", ours, full), per_call("floor", floors, full)]
            else:
                pair = [per_row("run_extension", ours, full, empty),
                        per_row("floor", floors, full, empty)]
            shown = [f"{figure:,.0f} a {unit}" for figure in (*pair, pair[0] - pair[1])]
            print(f"| {what} | {' | '.join(shown)} |", flush=True)


if __name__ == "__main__":
    main()
