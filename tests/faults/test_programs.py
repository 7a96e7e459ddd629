"""Runs the programs that look for faults as a C host: each test_*.c here reports in TAP."""

from pathlib import Path

import pytest

SOURCES = sorted(Path(__file__).parent.glob("test_*.c"))


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_program(source, build_folder, extension, run_program):
    run_program(build_folder / "faults" / source.stem, DDS_EXTENSION=extension)
