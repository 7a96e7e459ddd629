"""tests/tools/dynamodb-local: the command's world and exit code; no server stays behind."""

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WRAPPER = str(ROOT / "tests/tools/dynamodb-local")
TELL = 'echo "$AWS_ENDPOINT_URL_DYNAMODB $AWS_REGION $AWS_ACCESS_KEY_ID $DYNAMODB_LOCAL_OWN"; '


def own_server(**changes):
    kept = {k: v for k, v in os.environ.items() if k != "AWS_ENDPOINT_URL_DYNAMODB"}
    return {**kept, **changes}


# Tells its world and waits for a signal, whose default action ends it.
WAIT = """
import os, signal
signal.signal(signal.SIGINT, signal.SIG_DFL)
print(os.environ["AWS_ENDPOINT_URL_DYNAMODB"], flush=True)
while True:
    signal.pause()
"""


# Tells what AWS's tools look at, and what the server answers to one that heeds proxies.
TELL_ALL = """
import json, os, urllib.error, urllib.request
names = [name for name in os.environ if name.startswith("AWS_") or name.lower() == "no_proxy"]
print(json.dumps({name: os.environ[name] for name in names}))
try:
    urllib.request.urlopen(os.environ["AWS_ENDPOINT_URL_DYNAMODB"], timeout=30)
except urllib.error.HTTPError as error:
    print(error.read().decode())
"""


def hear_signals():
    """Under nohup or in the background signals are ignored from the start; a shell keeps that."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)


@pytest.fixture
def start(tmp_path):
    """start(*command, environment=...): the wrapper around a command, ended with the test."""
    processes = []

    def run(*command, environment=None):
        process = subprocess.Popen(
            [WRAPPER, "run", "--", *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**(environment or own_server()), "TMPDIR": str(tmp_path)},
            # A process group of its own stands for the terminal that Ctrl-C is sent to.
            start_new_session=True,
            preexec_fn=hear_signals,
        )
        processes.append(process)
        return process

    yield run
    for process in processes:
        if process.poll() is None:
            process.terminate()
            process.communicate()


def gone(endpoint):
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(endpoint, timeout=5)
    return True


def test_the_command_gets_a_server_and_standard_input(start, tmp_path):
    process = start("bash", "-c", TELL + "cat; exit 7")
    out, err = process.communicate("typed\n", timeout=120)
    told, typed = out.splitlines()
    endpoint, region, key, own = told.split()
    assert endpoint.startswith("http://127.0.0.1:")
    assert (region, key, own, typed) == ("us-east-1", "local", "1", "typed")
    assert (process.returncode, err) == (7, "")
    assert gone(endpoint)
    assert list(tmp_path.iterdir()) == []


def test_an_endpoint_of_the_user_s_is_left_alone(start):
    environment = own_server(
        AWS_ENDPOINT_URL_DYNAMODB="http://127.0.0.1:9", AWS_REGION="eu-west-1",
        AWS_ACCESS_KEY_ID="mine",
    )
    out, err = start("bash", "-c", TELL, environment=environment).communicate(timeout=120)
    assert (out, err) == ("http://127.0.0.1:9 eu-west-1 mine \n", "")


def test_nothing_of_the_user_s_leads_the_command_elsewhere(start, tmp_path):
    config = tmp_path / "config"
    config.write_text("[default]\nignore_configured_endpoint_urls = true\nregion = eu-west-1\n")
    environment = own_server(
        AWS_CONFIG_FILE=str(config), AWS_DEFAULT_PROFILE="gone", AWS_PROFILE="gone",
        AWS_DEFAULT_REGION="eu-west-1", AWS_IGNORE_CONFIGURED_ENDPOINT_URLS="true",
        AWS_USE_FIPS_ENDPOINT="true", AWS_ACCOUNT_ID_ENDPOINT_MODE="required",
        AWS_SESSION_TOKEN="mine", http_proxy="http://127.0.0.1:9", NO_PROXY="host.example",
    )  # fmt: skip
    process = start(sys.executable, "-c", TELL_ALL, environment=environment)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    told, answer = out.splitlines()
    world = json.loads(told)
    assert world.pop("AWS_ENDPOINT_URL_DYNAMODB").startswith("http://127.0.0.1:")
    assert world == {
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "no_proxy": "127.0.0.1,host.example",
        "NO_PROXY": "127.0.0.1,host.example",
    }
    assert "MissingAuthenticationToken" in answer


@pytest.mark.parametrize(
    "number, to_group, code",
    [
        (signal.SIGTERM, False, 143),
        (signal.SIGTERM, True, 143),
        (signal.SIGHUP, False, 129),
        (signal.SIGINT, True, 130),
    ],
)
def test_a_signal_ends_the_command_and_the_server(start, tmp_path, number, to_group, code):
    process = start(sys.executable, "-c", WAIT)
    endpoint = process.stdout.readline().strip()
    if to_group:
        os.killpg(process.pid, number)
    else:
        os.kill(process.pid, number)
    _, err = process.communicate(timeout=120)
    assert process.returncode == code, err
    assert gone(endpoint)
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_is_the_command_s_own_matter(start):
    # Python can take a signal back that was ignored when the run began; a shell cannot.
    script = (
        "import os, signal, sys; "
        # Not print: the signal may come while the main program is still printing.
        "signal.signal(signal.SIGINT, lambda *_: os.write(1, b'caught\\n')); "
        "print('ready', flush=True); print(sys.stdin.readline().strip())"
    )
    process = start(sys.executable, "-c", script)
    assert process.stdout.readline() == "ready\n"
    os.killpg(process.pid, signal.SIGINT)
    # Reading goes on after the signal, as it does at a prompt.
    out, err = process.communicate("still here\n", timeout=120)
    assert out == "caught\nstill here\n", err
    assert process.returncode == 0


def test_it_says_what_is_missing(tmp_path):
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("bash", "dirname", "env"):
        (folder / name).symlink_to(f"/usr/bin/{name}")
    done = subprocess.run(
        [WRAPPER, "run", "--", "true"],
        env=own_server(PATH=str(folder)), capture_output=True, text=True, timeout=120,
    )
    assert done.returncode == 1
    assert "java is missing" in done.stderr and "default-jre-headless" in done.stderr


def test_an_older_java_is_refused(tmp_path):
    java = tmp_path / "java"
    java.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\" 2019-01-15' >&2\n")
    java.chmod(0o755)
    done = subprocess.run(
        [WRAPPER, "run", "--", "true"],
        env=own_server(PATH=f"{tmp_path}:{os.environ['PATH']}"),
        capture_output=True, text=True, timeout=120,
    )
    assert done.returncode == 1
    assert "Java 17 or later is needed" in done.stderr
