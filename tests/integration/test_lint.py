"""The lint can fail: each rule fires on a tree that breaks it, and is silent on a good one."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

LINT = Path(__file__).resolve().parents[1] / "tools" / "lint"

TOP = "/* Top. */\n"
HEADER = TOP + "#pragma once\n"

GOOD = {
    "src/extension.c": TOP + '#include "vtab/module.h"\n#include <sqlite3ext.h>\n',
    "src/base/buffer.h": HEADER + "/* strcpy(a, b) in a comment is no call. */\nint x(void);\n",
    "src/base/buffer.c": (
        TOP + '#include "base/buffer.h"\n#include <openssl/evp.h>\n'
        "static const int table[] = {1};\n\n"
        'int x(void) {\n  return table[0] + "free(x)"[0];\n}\n'
    ),
    "src/base/buffer_copy.c": TOP + '#include "base/buffer.h"\n',
    "src/aws/http.h": HEADER,
    "src/aws/http.c": TOP + '#include "aws/http.h"\n#include <curl/curl.h>\n',
    "src/vtab/module.h": HEADER + '#include <sqlite3ext.h>\n#include "base/buffer.h"\n',
    "sql/reports.sql": "-- What it does.\nSELECT 1;\n",
    "tests/test_x.py": '"""What it tests."""\n',
    "Makefile": "# Top.\nall:\n\ttrue\n",
}

LONG_FUNCTION = TOP + "int f(void)\n{\n" + "  ;\n" * 80 + "}\n"

BAD = [
    ("direction", "src/base/bad.h", HEADER + '#include "aws/http.h"\n'),
    ("direction", "src/aws/bad.h", HEADER + '#include "http.h"\n'),
    ("direction", "src/sessions/bad.h", HEADER + '#include "vtab/module.h"\n'),
    ("foreign", "src/aws/bad.h", HEADER + "#include <curl/curl.h>\n"),
    ("foreign", "src/aws/bad.h", HEADER + "#include <openssl/hmac.h>\n"),
    ("foreign", "src/sessions/bad.h", HEADER + "#include <sqlite3.h>\n"),
    ("foreign", "src/sessions/bad.h", HEADER + "#include <cjson/cJSON.h>\n"),
    ("foreign", "src/vtab/bad.h", HEADER + "#include <pthread.h>\n"),
    ("pair", "src/base/alone.c", TOP),
    ("guard", "src/base/bad.h", "/* Top. #pragma once */\nint f(void);\n"),
    ("unsafe", "tests/unit/bad.c", TOP + "void f(char *a) { strcpy(a, a); }\n"),
    ("unsafe", "src/extension.c", TOP + "int f(char *a) { return atoi (a); }\n"),
    ("banned", "src/extension.c", TOP + "void *f(void) { return malloc(1); }\n"),
    ("banned", "src/extension.c", TOP + "void f(void) { usleep(1); }\n"),
    ("banned", "src/extension.c", TOP + "void *f(void *o) { return cJSON_GetObjectItem(o, 0); }\n"),
    ("state", "src/extension.c", TOP + "static int counter;\n"),
    ("state", "src/extension.c", TOP + "int f(void) {\n  static int n = 0;\n  return n;\n}\n"),
    ("function", "src/extension.c", LONG_FUNCTION),
    ("length", "sql/long.sql", "-- " + "x" * 98 + "\n"),
    ("whitespace", "src/extension.c", TOP + "\tint x;\n"),
    ("whitespace", "src/extension.c", "/* Top. */ \n"),
    ("whitespace", "src/extension.c", "/* Top. */"),
    ("marker", "sql/later.sql", "-- TO" + "DO: later\n"),
    ("top", "src/extension.c", "int x(void);\n"),
    ("top", "sql/bare.sql", "SELECT 1;\n"),
    ("top", "tests/test_bare.py", "import os\n"),
]


def lint(root, changes=None):
    for path, text in {**GOOD, **(changes or {})}.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return subprocess.run([sys.executable, LINT, root], capture_output=True, text=True)


def test_a_good_tree_passes(tmp_path):
    run = lint(tmp_path)
    assert (run.returncode, run.stderr) == (0, ""), run.stdout


@pytest.mark.parametrize("rule, path, text", BAD)
def test_rule_fires(tmp_path, rule, path, text):
    run = lint(tmp_path, {path: text})
    assert run.returncode == 1
    assert re.search(rf"^{re.escape(path)}:\d+: {rule}: ", run.stdout, flags=re.M), run.stdout


def test_every_rule_has_a_case():
    run = subprocess.run([sys.executable, LINT, "--rules"], capture_output=True, text=True)
    assert {line.split()[0] for line in run.stdout.splitlines()} == {rule for rule, _, _ in BAD}


def test_an_empty_tree_is_no_success(tmp_path):
    run = subprocess.run([sys.executable, LINT, tmp_path], capture_output=True, text=True)
    assert run.returncode == 1
