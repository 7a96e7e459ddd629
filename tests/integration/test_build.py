"""The build and the set-up as a user meets them: exported symbols, make's targets, no network."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TARGETS = (
    "all demo shell test check lint format asan model planner coverage fuzz bench instructions "
    "install clean help".split()
)
NETWORK_CLIENTS = "apt-get sudo curl wget pip pip3 mvn npm npx".split()


def run(*command, **options):
    options.setdefault("cwd", ROOT)
    return subprocess.run(command, capture_output=True, text=True, timeout=120, **options)


def test_only_the_entry_point_is_exported(extension):
    # The name that SQLite derives from the file's: letters only, in lower case.
    symbols = run("nm", "-D", "--defined-only", extension).stdout.splitlines()
    names = {line.split()[-1].split("@")[0] for line in symbols}
    # The bookkeeping of sanitizers and of gcov (mangle_path) is not ours.
    foreign = re.compile(r"__(asan|ubsan|odr_asan|gcov|llvm)|mangle_path$")
    names = {name for name in names if not foreign.match(name)}
    assert names == {"sqlite3_dynamodbsessions_init"}


def test_the_extension_brings_no_sqlite_of_its_own(extension):
    needed = run("readelf", "-d", extension).stdout
    assert "libcurl" in needed
    assert "libsqlite3" not in needed


def test_help_lists_every_target():
    listed = re.findall(r"^make (\w+) +\S", run("make", "help").stdout, flags=re.M)
    assert sorted(listed) == sorted(TARGETS)


def test_install_puts_the_library_below_destdir_and_prefix(tmp_path):
    done = run("make", "-s", "install", f"DESTDIR={tmp_path}", "PREFIX=/opt/x")
    assert done.returncode == 0, done.stderr
    installed = [path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file()]
    assert [str(path) for path in installed] == ["opt/x/lib/dynamodb_sessions.so"]


def test_a_missing_library_is_named_with_its_remedy(tmp_path):
    done = run("make", "-n", "all", env={**os.environ, "PKG_CONFIG_LIBDIR": str(tmp_path)})
    assert done.returncode == 2
    assert "sqlite3 >= 3.38 is missing" in done.stderr
    assert "tests/setup/install build" in done.stderr and "libsqlite3-dev" in done.stderr


def test_an_unknown_flavour_is_refused():
    assert "unknown; there are release" in run("make", "-n", "FLAVOUR=fast").stderr


@pytest.fixture
def without_network(tmp_path):
    """An environment in which every client of a network fails, and leaves its name in a file."""
    folder = tmp_path / "bin"
    folder.mkdir()
    log = tmp_path / "called"
    for name in NETWORK_CLIENTS:
        program = folder / name
        program.write_text(f'#!/bin/sh\necho "{name} $*" >> "{log}"\nexit 1\n')
        program.chmod(0o755)
    return {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}, log


@pytest.mark.parametrize("stage", ["build", "demo", "test"])
def test_a_second_set_up_needs_no_network(stage, without_network):
    environment, log = without_network
    done = run("tests/setup/install", stage, env=environment)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not log.exists()


def copy_of_set_up(tmp_path):
    """The set-up in a folder of its own, with what the real one made linked into it."""
    root = tmp_path / "copy"
    shutil.copytree(ROOT / "tests/setup", root / "tests/setup")
    (root / ".deps").mkdir()
    (root / ".deps/dynamodb-local").symlink_to(ROOT / ".deps/dynamodb-local")
    return root


def test_a_changed_pin_is_installed_anew_and_a_failure_says_how(tmp_path, without_network):
    environment, log = without_network
    root = copy_of_set_up(tmp_path)
    same = run(root / "tests/setup/install", "demo", env=environment)
    assert same.returncode == 0, same.stderr

    with open(root / "tests/setup/pom.xml", "a", encoding="utf-8") as pins:
        pins.write("<!-- another version -->\n")
    changed = run(root / "tests/setup/install", "demo", env=environment)
    assert changed.returncode == 1
    assert "Maven could not fetch DynamoDB Local" in changed.stderr
    assert log.read_text().startswith("mvn ")
    # What was there stays until its successor is whole.
    assert (root / ".deps/dynamodb-local/.pins").exists()


def test_a_missing_package_that_apt_cannot_install_is_named(tmp_path, without_network):
    environment, log = without_network
    root = copy_of_set_up(tmp_path)
    environment["PKG_CONFIG_LIBDIR"] = str(tmp_path)
    done = run(root / "tests/setup/install", "build", env=environment)
    assert done.returncode == 1
    assert "missing: " in done.stderr and "cJSON, for development" in done.stderr
    assert "libcjson-dev" in done.stderr
    assert "update" in log.read_text()


def test_an_unknown_stage_is_refused():
    done = run("tests/setup/install", "everything")
    assert done.returncode == 1
    assert "usage:" in done.stderr
