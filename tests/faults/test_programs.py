"""Runs the programs that look for faults as a C host: each test_*.c here reports in TAP."""

import os
import re
import subprocess
from pathlib import Path

import pytest

SOURCES = sorted(Path(__file__).parent.glob("test_*.c"))
RESULT = re.compile(r"^(ok|not ok) \d+ - (\S+)(.*)$")


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_program(source, build_folder, extension, subtests):
    program = build_folder / "faults" / source.stem
    assert program.exists(), f"{program} is not built: run make programs"
    environment = dict(os.environ, DDS_EXTENSION=extension)
    # A C program has no interpreter's leftovers: here leaks are looked for.
    if "ASAN_OPTIONS" in environment:
        environment["ASAN_OPTIONS"] += ":detect_leaks=1"
    run = subprocess.run(
        [program], capture_output=True, text=True, errors="replace", timeout=600, env=environment
    )
    results = [match for line in run.stdout.splitlines() if (match := RESULT.match(line))]
    output = f"{run.stdout}\n{run.stderr}"
    for result in results:
        with subtests.test(result[2]):
            assert result[1] == "ok", output
    assert results, f"{program} reported no test:\n{output}"
    assert run.returncode == 0, f"exit code {run.returncode}:\n{output}"
