"""Runs the fuzz harnesses over changed copies of their seeds: a while of what `make fuzz` does
longer and, with libFuzzer, better. The seed is printed and can be given as DDS_SEED."""

from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
SOURCES = sorted(FOLDER.glob("fuzz_*.c"))


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.stem)
def test_program(source, build_folder, run_program):
    name = source.stem.removeprefix("fuzz_")
    run_program(build_folder / "fuzz" / name, FUZZ_SEEDS=str(FOLDER / "seeds" / name))
