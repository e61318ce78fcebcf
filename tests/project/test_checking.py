"""What is said about a project's files before any of them is imported."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.project import checking
from harness.project.detection import Project


def project(root: Path, **files: str) -> Project:
    folder = root / "app"
    folder.mkdir()
    for name, text in {"__init__": "", **files}.items():
        (folder / f"{name}.py").write_text(text)
    return Project(root, root, "app", "app.main")


def errors(found: Project) -> list[tuple[str, int]]:
    return [(x.file.name, x.line) for x in checking.lint(found, found.folder).errors]


def warnings(found: Project) -> list[str]:
    return [
        f"{x.file.name}:{x.line} {x.message.partition(' ')[0]}"
        for x in checking.lint(found, found.folder).warnings
    ]


def test_every_file_that_does_not_parse_is_told(tmp_path: Path) -> None:
    found = project(tmp_path, one="def (", two="x = 1\nif x:\ny = 2", good="x = 1", nul="a\0b")
    (tmp_path / "app" / "__pycache__").mkdir()
    (tmp_path / "app" / "__pycache__" / "left.py").write_text("def (")
    (tmp_path / "app" / "bytes.py").write_bytes(b"x = '\xff'")
    (tmp_path / "app" / "deep.py").write_text("(" * 1000 + ")" * 1000)
    told = [(x.file.name, x.line) for x in checking.syntax(found.folder)]
    assert told == [
        ("bytes.py", 1), ("deep.py", 1), ("nul.py", 1), ("one.py", 1), ("two.py", 3)
    ]  # fmt: skip


def test_the_server_prints_nothing(tmp_path: Path) -> None:
    found = project(
        tmp_path,
        main="from app import helpers\nfrom .more import x\n\ndef f(ctx):\n    print(1)\n"
        "if __name__ == '__main__':\n    print(2)\nelse:\n    print(3)\n",
        helpers="print('a')\n",
        more="def x():\n    return [print(y) for y in 'ab']\n",
        client="print('a client may')\n",
    )
    assert errors(found) == [("helpers.py", 1), ("main.py", 5), ("main.py", 9), ("more.py", 2)]
    nothing = checking.lint(found, None)
    assert (nothing.errors, nothing.warnings) == ([], [])
    assert checking.lint(found, tmp_path / "elsewhere").errors == []


MODULE = """
import datetime as dt
import os, random, time, uuid
from datetime import datetime
from app import helpers
from .helpers import now
from harness.module import reducer, init

def unused(): return time.time()

def once(): return helpers.later()

@reducer
def go(ctx, random_seed):
    now()
    once()
    print_ = os.environ["X"]
    return random.random(), dt.datetime.now(), ctx.random.thing

@init
def start(ctx):
    uuid.uuid4(); uuid.UUID("x")

@reducer(name="n")
def third(ctx, time):
    time.sleep(1)
    return open("x"), datetime.utcnow()
"""
HELPERS = """
import threading
import requests

def now():
    return requests.get("x")

def later():
    now()
    return threading.Lock()

def never():
    return threading.Lock()
"""


def test_what_reducers_reach_is_looked_at(tmp_path: Path) -> None:
    found = project(tmp_path, main=MODULE, helpers=HELPERS)
    lines = MODULE.splitlines()
    at = {word: next(i for i, x in enumerate(lines, 1) if word in x) for word in
          ("environ", "random.random", "uuid4", "open")}  # fmt: skip
    assert warnings(found) == [
        "helpers.py:6 requests.get",
        "helpers.py:10 threading.Lock",
        f"main.py:{at['environ']} os.environ",
        f"main.py:{at['random.random']} random.random",
        f"main.py:{at['random.random']} datetime.datetime.now",
        f"main.py:{at['uuid4']} uuid.uuid4",
        f"main.py:{at['open']} open",
        f"main.py:{at['open']} datetime.datetime.utcnow",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "from harness.module import reducer\n@reducer\ndef f(ctx):\n    g()\ndef g():\n    f()",
        "from app.main import main\nimport app.nowhere, app",
        "from ..... import x",
        "open = 1\n@reducer\ndef f(ctx): return open",
    ],
)
def test_odd_code_ends(text: str, tmp_path: Path) -> None:
    assert errors(project(tmp_path, main=text)) == []
