"""Runs the C unit tests: each test_*.c here is a cmocka program, each of its tests a subtest."""

from pathlib import Path

import pytest

SOURCES = sorted(Path(__file__).parent.glob("test_*.c"))


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_program(source, build_folder, run_program):
    run_program(build_folder / "unit" / source.stem, CMOCKA_MESSAGE_OUTPUT="TAP")
