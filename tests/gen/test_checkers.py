"""What is generated imports, satisfies strict type checkers, and is as black and isort write it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.cli import main
from harness.project.entries import ROW_CLASSES
from tests.gen import schemas

#: All packages of one kind of row lie beside each other and are checked together.
_INI = """[mypy]
strict = True
[mypy-harness.*]
follow_imports = silent
[mypy-brotli.*]
ignore_missing_imports = True
"""


@pytest.fixture(scope="module", params=ROW_CLASSES)
def packages(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp(str(request.param))
    for name, schema in schemas.SCHEMAS.items():
        schemas.write(schemas.made(schema(), request.param), folder / f"{name}_bindings")
    return folder


def run(*command: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip


def test_they_import_without_a_warning(packages: Path) -> None:
    names = ", ".join(f"{name}_bindings" for name in schemas.SCHEMAS)
    statement = f"import {names}\nfor m in ({names}): m.REMOTE_MODULE.codecs, m.__all__"
    done = run(
        sys.executable, "-W", "error", "-c", statement, cwd=packages, PYTHONPATH=str(schemas.ROOT)
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def mypy(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """mypy, which looks at what does not change only once."""
    cache = tmp_path_factory.mktemp("cache")
    return [sys.executable, "-m", "mypy", "--cache-dir", str(cache)]


def test_mypy_strict(packages: Path, mypy: list[str]) -> None:
    (packages / "mypy.ini").write_text(_INI)
    done = run(*mypy, ".", cwd=packages, MYPYPATH=str(schemas.ROOT))
    assert done.returncode == 0, done.stdout + done.stderr


def test_mypy_sees_a_mistake(packages: Path, mypy: list[str], tmp_path: Path) -> None:
    (tmp_path / "mypy.ini").write_text(_INI)
    (tmp_path / "wrong.py").write_text(WRONG)
    path = os.pathsep.join([str(schemas.ROOT), str(packages)])
    done = run(*mypy, "wrong.py", cwd=tmp_path, MYPYPATH=path)
    wrong = [number for number, line in enumerate(WRONG.splitlines(), 1) if line.endswith("# !")]
    told = sorted(
        {int(line.split(":")[1]) for line in done.stdout.splitlines() if ": error:" in line}
    )
    assert told == wrong, done.stdout


def test_a_new_project(mypy: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Checked by its author, who has this package installed and no settings for it."""
    monkeypatch.chdir(tmp_path)
    assert main(["init", "--lang", "python", "my-app"]) == 0
    folder = tmp_path / "my-app"
    monkeypatch.chdir(folder)
    assert main(["generate"]) == 0
    done = run(*mypy, "--strict", "src", cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    source = folder / "src" / "my_app" / "main.py"
    source.write_text(source.read_text().replace("text=text", "txt=text"))
    done = run(*mypy, "--strict", "src", cwd=folder)
    assert 'Unexpected keyword argument "txt" for "Message"' in done.stdout
    for formatter in (["black", "--check", "-q"], ["isort", "--check", "-q", "--profile", "black"]):
        done = run(sys.executable, "-m", *formatter, "src", cwd=folder)
        assert done.returncode == 0, done.stdout + done.stderr


WRONG = """from __future__ import annotations

from typing import assert_never

from chat_bindings import DbConnection, EventContext, Message, Reducer, User, query
from chat_bindings import reducers as r
from every_nesting_bindings import Tree, TreeEmpty, TreeLeaf, TreeNode
from submodules_bindings import DbConnection as SubConnection, lib, query as sub_query
from submodules_bindings.lib import Item


def total(tree: Tree) -> int:
    match tree:
        case TreeLeaf(value):
            return value
        case TreeNode(kids):
            return sum(map(total, kids))
        case TreeEmpty():
            return 0
        case _:
            assert_never(tree)


def partial(tree: Tree) -> int:
    match tree:
        case TreeLeaf(value):
            return value
        case TreeNode(kids):
            return len(kids)
        case _:
            assert_never(tree)  # !


def changed(ctx: EventContext, old: User, new: User) -> None:
    old.nam  # !
    ctx.db.message.count()


def use(conn: DbConnection) -> None:
    conn.db.user.on_update(changed)
    conn.db.message.on_update(changed)  # !
    conn.db.message.on_insert(changed)  # !
    conn.db.usr  # !
    conn.db.user.identity.find("x")  # !
    conn.reducers.set_name(5)  # !
    conn.reducers.set_name(name="x")
    conn.reducers.nothing()  # !
    conn.subscribe(query.user.where(lambda u: u.online))
    conn.subscribe(query.user.where(lambda u: u.name == "x"))  # !
    conn.subscribe(query.user.where(lambda u: u.identity == 5))  # !
    conn.subscribe(query.message.where(lambda m: (m.text == "a") & (m.text != "b")))
    row: Message = next(iter(conn.db.user))  # !


def inside(conn: SubConnection) -> None:
    item: Item | None = conn.db.lib.items.id.find(5)
    conn.db.lib.items.id.find("x")  # !
    conn.db.lib.itms  # !
    conn.db.lib.auth_lib.items.on_insert(lambda ctx, row: print(row.token, ctx.db.lib.items))
    conn.db.lib.auth_lib.items.on_insert(lambda ctx, row: print(row.id))  # !
    conn.reducers.lib.add(5)  # !
    conn.reducers.lib.auth_lib.forget(lib.auth_lib.Item("x"))
    conn.reducers.lib.auth_lib.forget(item)  # !
    conn.subscribe(sub_query.lib.items.where(lambda i: i.id > 5))
    conn.subscribe(sub_query.lib.items.where(lambda i: i.kind == 5))  # !


def describe(call: Reducer) -> str:
    match call:
        case r.SendMessage(text=text):
            return text
        case _:
            assert_never(call)  # !
"""


@pytest.fixture(scope="module")
def pyright() -> str:
    """The program; it gets what it is made of from npm the first time. Skips if there is none."""
    beside = Path(sys.executable).with_name("pyright")
    found = str(beside) if beside.exists() else shutil.which("pyright")
    if found is None:
        pytest.skip("pyright is not installed: pip install pyright")
    done = subprocess.run([found, "--version"], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"pyright cannot be had: {done.stderr.strip()[-200:]}")
    return found


def test_pyright_strict(packages: Path, pyright: str) -> None:
    """The clients of the examples as well, which mypy sees with all of our own code."""
    settings = {"extraPaths": [str(schemas.ROOT)], "typeCheckingMode": "strict"}
    (packages / "pyrightconfig.json").write_text(json.dumps(settings))
    checked = [Path()]
    if packages.name.startswith("msgspec"):  # the kind of row that they have
        clients = sorted(schemas.ROOT.glob("harness/module/examples/*/client.py"))
        assert len(clients) >= 3
        checked += [path for x in clients for path in (x, x.with_name("module_bindings"))]
    done = run(pyright, "--pythonpath", sys.executable, *map(str, checked), cwd=packages)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "command",
    [
        ["black", "--check", "--diff", "--quiet", "--line-length", "88"],
        ["isort", "--check", "--diff", "--quiet", "--profile", "black"],
    ],
    ids=lambda command: command[0],
)
def test_formatters_change_nothing(packages: Path, command: list[str]) -> None:
    pytest.importorskip(command[0], reason=f"{command[0]} is not installed")
    done = run(sys.executable, "-m", *command, ".", cwd=packages)
    assert done.returncode == 0, done.stdout + done.stderr
