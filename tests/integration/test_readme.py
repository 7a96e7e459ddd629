"""The README is run: the tour's SQL prints what it shows, and the other examples work.

After a change of the tour this writes what it prints now into the README:

    tests/tools/dynamodb-local run -- .deps/venv/bin/python tests/integration/test_readme.py
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
README = ROOT / "README.md"
STEP = re.compile(r"```sql tour\n(?P<sql>.*?)```\n(?:\n```text\n(?P<output>.*?)```\n)?", re.DOTALL)
MARK = "---- next step ----"


def steps(text):
    return list(STEP.finditer(text))


def script(sqls):
    """The tour as one session of the shell, as `make shell` begins it."""
    start = (ROOT / "sql/shell.sql").read_text()
    start = "\n".join(line for line in start.splitlines() if not line.startswith(".print"))
    create = "SELECT dynamodb_create_table('temp.sessions');"
    return "\n".join([start, create, *(f".print {MARK}\n{sql}" for sql in sqls)])


def outputs(stdout):
    return [part.strip("\n") + "\n" for part in stdout.split(MARK + "\n")[1:]]


def block(heading, language):
    """The first block of a language behind a text of the README."""
    text = README.read_text()
    start = text.index(heading)
    return re.search(rf"```{language}\n(.*?)```", text[start:], re.DOTALL)[1]


@pytest.fixture
def workshop(tmp_path, extension):
    """A folder that looks like the checkout to the tour, which leaves a file there."""
    (tmp_path / "sql").symlink_to(ROOT / "sql")
    (tmp_path / Path(extension).name).symlink_to(extension)
    return tmp_path


def in_own_table(sql, table_name):
    return sql.replace("'sessions');\n.mode", f"'{table_name}');\n.mode").replace(
        "table='sessions'", f"table='{table_name}'"
    )


def test_tour_prints_what_the_readme_shows(sqlite_shell, workshop, table_name):
    shown = steps(README.read_text())
    assert len(shown) >= 11
    sql = in_own_table(script(step["sql"] for step in shown), table_name)
    result = sqlite_shell(sql, cwd=workshop)
    assert result.stderr == ""
    printed = outputs(result.stdout)
    assert len(printed) == len(shown)
    for step, output in zip(shown, printed):
        assert output == (step["output"] or "\n"), step["sql"]


def test_demo_runs(sqlite_shell, workshop, table_name):
    sql = (ROOT / "sql/demo.sql").read_text().replace("dynamodb-sessions-demo", table_name)
    result = sqlite_shell(sql, cwd=workshop)
    assert result.stderr == ""
    assert "reaped" in result.stdout and "make shell" in result.stdout


def test_python_example(host_environment, extension, workshop, make_table):
    python = block("**Python**", "python")
    name = make_table("sessionId")
    session = '{"passport":{"user":"ada"}}'
    setup = f"""
connection.execute("INSERT INTO sessions(sid, session) VALUES ('t1', ?)", ['{session}'])
connection.commit()
"""
    python = python.replace("table='sessions'", f"table='{name}'").replace(
        'connection.execute("UPDATE', setup + 'connection.execute("UPDATE'
    )
    result = subprocess.run(
        [sys.executable, "-c", python],
        cwd=workshop, env=host_environment(), capture_output=True, text=True, timeout=60,
    )
    assert result.stderr == ""
    assert result.stdout == "ada\n"


def test_sqliterc_is_read_only(sqlite_shell, extension, make_table, table_name):
    lines = block("**Always there**", "")
    make_table("sessionId")
    lines = lines.replace("/usr/local/lib/dynamodb_sessions", str(extension)).replace(
        "prod-sessions", table_name
    )
    result = sqlite_shell(lines + "SELECT count(*) FROM sessions; DELETE FROM sessions;\n"
                          "INSERT INTO sessions(sid, session) VALUES ('x', '{}');")
    assert result.stdout == "0\n"
    assert "read-only" in result.stderr


def test_cron_line(host_environment, extension, make_table, table_name, dynamodb, tmp_path):
    command = block("**cron**", "sh")
    make_table("sessionId")
    dynamodb.put_item(
        TableName=table_name,
        Item={"sessionId": {"S": "old"}, "expireTime": {"N": "1000"}},
    )
    command = command.replace("/usr/local/lib/dynamodb_sessions", str(extension)).replace(
        "prod-sessions", table_name
    )
    run = {"env": host_environment(), "cwd": tmp_path, "capture_output": True, "text": True}
    result = subprocess.run(["sh", "-c", command], timeout=60, check=False, **run)
    assert (result.returncode, result.stdout) == (0, "1\n"), result.stderr
    broken = command.replace(table_name, "no-such-table")
    result = subprocess.run(["sh", "-c", broken], timeout=60, check=False, **run)
    assert result.returncode != 0
    assert "ResourceNotFoundException" in result.stderr


def test_every_function_table_and_option_stands_in_the_readme(connect):
    text = README.read_text()
    connection = connect()
    names = [
        name
        for (name,) in connection.execute(
            "SELECT DISTINCT name FROM pragma_function_list WHERE name LIKE 'dynamodb%'"
            " UNION SELECT name FROM pragma_module_list WHERE name LIKE 'dynamodb%'"
        )
    ]
    assert len(names) >= 9
    with pytest.raises(Exception, match="the options are: ") as failure:
        connection.execute("CREATE VIRTUAL TABLE temp.x USING dynamodb_sessions(nonsense=1)")
    options = str(failure.value).split("the options are: ")[1].split()
    assert len(options) >= 19
    layouts = [name for (name,) in connection.execute("SELECT name FROM dynamodb_layouts")]
    for name in [*names, *options, *layouts]:
        assert f"`{name}" in text, f"{name} does not stand in the README"


def write_outputs():
    """Runs the tour on AWS_ENDPOINT_URL_DYNAMODB and writes what it prints into the README."""
    text = README.read_text()
    shown = steps(text)
    result = subprocess.run(
        ["sqlite3", "-batch", "-init", "/dev/null", ":memory:"],
        input=script(step["sql"] for step in shown),
        cwd=ROOT, env=os.environ, capture_output=True, text=True, check=True,
    )
    assert result.stderr == "", result.stderr
    for step, output in reversed(list(zip(shown, outputs(result.stdout)))):
        shows = f"\n```text\n{output}```\n" if output.strip() else ""
        text = text[: step.start()] + f"```sql tour\n{step['sql']}```\n{shows}" + text[step.end() :]
    README.write_text(text)
    (ROOT / "sessions-copy.db").unlink()


if __name__ == "__main__":
    write_outputs()
