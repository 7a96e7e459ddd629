"""Measures the extension beside libcurl alone and its peers, and prints one table.

    make bench                    set-up, build, five rounds
    make bench BENCH_ROUNDS=1     a quick look
    .deps/venv/bin/python tests/bench/bench.py [--rounds N] [--only WORD]… [--build FOLDER]
                                  [--readme]    puts what it prints into the README as well

Every round runs everything, one after the other, so that what disturbs the machine disturbs all
alike; peers, which take seconds, every second round. What a target holds close together takes
turns several times a round: a machine changes its speed within a second. Shown are the medians and
the highest memory; all of it stands in .build/bench.json. A target that is missed is no
error, since machines differ; a wrong answer is, and a peer that does not run is named with the
reason.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
from contextlib import ExitStack
from itertools import groupby
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from certificates import CertificateAuthority  # noqa: E402
from runs import OUR_OWN, ROOT, Endpoint, Unavailable, WrongAnswer, measure  # noqa: E402
from targets import ROWS, RUNS, Result, judge, table  # noqa: E402

MILLION = 1_000_000
BUSY_LOAD = 0.5  # a core
README_BEGIN = "<!-- `make bench` -->"
README_END = "<!-- end of `make bench` -->"


def is_due(run, turn):
    return turn == 0 or (run.every > 0 and turn % run.every == 0)


def in_turn(runs):
    """What a round runs, in this order."""
    for turns, neighbours in groupby(runs, key=lambda run: run.turns):
        yield from list(neighbours) * turns


def endpoints_for(runs, build, stack):
    """One of each kind that a run asks for."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dds-bench-")))
    makers = {
        "plain": lambda: Endpoint(build),
        "million": lambda: Endpoint(build, MILLION),
        "tls": lambda: Endpoint(build, authority=CertificateAuthority(folder)),
    }
    kinds = dict.fromkeys(run.endpoint for run in runs)
    return {kind: stack.enter_context(makers[kind]()) for kind in kinds}


def measure_all(runs, rounds, build, say):
    """{name: samples} and {name: why there are none}."""
    samples, failures = {}, {}
    with ExitStack() as stack:
        endpoints = endpoints_for(runs, build, stack)
        for turn in range(rounds):
            for run in in_turn(runs):
                if run.name in failures or not is_due(run, turn):
                    continue
                say(f"round {turn + 1} of {rounds}: {run.name}")
                try:
                    samples.setdefault(run.name, []).append(measure(run, endpoints, build))
                except Unavailable as error:
                    failures[run.name] = str(error)
                except WrongAnswer as error:
                    failures[run.name] = f"wrong answer: {error}"
    return {name: made for name, made in samples.items() if name not in failures}, failures


def machine():
    model = platform.processor()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        model = names[0].split(":", 1)[1].strip() if names else model
    return {"cpu": model, "cores": os.cpu_count(), "system": platform.platform()}


def put_into(text, shown):
    """A README's text with what was shown between its two marks."""
    before, rest = text.split(README_BEGIN)
    return f"{before}{README_BEGIN}\n\n{shown}\n\n{README_END}{rest.split(README_END)[1]}"


def summary(judged, rounds, load):
    met = [row["is_met"] for row in judged]
    lines = [f"{met.count(True)} of {len(met) - met.count(None)} targets met; medians of {rounds} "
             f"rounds on {machine()['cores']} cores ({machine()['cpu']})"]
    if load > BUSY_LOAD * machine()["cores"]:
        lines.append(f"The machine was busy before (load {load:.1f}): times are too long, by how "
                     "much nobody knows; CPU, memory and `make instructions` hold.")
    return "\n".join(lines)


def say_to(stream):
    """Progress on one line of a terminal, and none elsewhere."""

    def say(text):
        if stream.isatty():
            print(f"\r\x1b[K{text}", end="", file=stream, flush=True)

    return say


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", action="append", default=[], metavar="WORD",
                        help="rows with this word, and what they need")
    parser.add_argument("--build", type=Path, default=ROOT / ".build/release")
    parser.add_argument("--json", type=Path, default=ROOT / ".build/bench.json")
    parser.add_argument("--readme", action="store_true")
    options = parser.parse_args()
    rows = [row for row in ROWS
            if not options.only or any(word in row.work for word in options.only)]
    needed = {name for row in rows for name in row.needs}
    runs = [run for run in RUNS if not options.only or run.name in needed]
    say = say_to(sys.stderr)
    load = os.getloadavg()[0]
    samples, failures = measure_all(runs, max(1, options.rounds), options.build, say)
    say("")
    results = {name: Result(made) for name, made in samples.items()}
    judged = [judge(row, results, failures) for row in rows]
    shown = f"{table(judged)}\n\n{summary(judged, options.rounds, load)}"
    print(shown)
    if options.readme:
        readme = ROOT / "README.md"
        readme.write_text(put_into(readme.read_text(), shown))
    for name, why in failures.items():
        print(f"not run: {name}: {why}")
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(
        {"machine": machine(), "rounds": options.rounds, "table": judged, "runs": samples,
         "failures": failures}, indent=1, ensure_ascii=False) + "\n")
    ours = {run.name for run in runs if run.program in OUR_OWN}
    wrong = any(name in ours or why.startswith("wrong answer") for name, why in failures.items())
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
