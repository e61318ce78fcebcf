"""``harness build`` without a module: the whole project is checked, and built or not touched."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.cli import main
from harness.wire import schema_json

TABLES = """
from harness.module import table, u32

@table(public=True)
class User:
    id: u32
"""
MAIN = """
import time
from harness.module import ReducerContext, reducer, u32
from app.tables import User

@reducer
def add(ctx: ReducerContext, id: u32) -> None:
    ctx.db[User].insert(User(id=id))
"""


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    import sys

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    write(**{"pyproject.toml": "", "src/app/__init__.py": "", "src/app/tables.py": TABLES,
             "src/app/main.py": MAIN})  # fmt: skip
    yield
    for name in [x for x in sys.modules if x.partition(".")[0] == "app"]:
        del sys.modules[name]


def write(**files: str) -> None:
    for name, text in files.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text)


def say(capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, str, str]:
    code = main(["build", *more])
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    return code, out, err


def test_all_that_the_module_imports_of_its_package(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = say(capsys)
    assert (code, err) == (0, "")
    assert out.startswith("built build/app.wasm: 1 table, 1 reducer, ")
    definition = schema_json.from_json(json.loads(Path("build/app.module.json").read_bytes()))
    assert [x.name for x in definition.tables] == ["user"]
    assert say(capsys, "--check")[:2] == (0, "app.main runs natively and compiles to WebAssembly\n")


def test_from_anywhere(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """By -p, by spacetime.json above, and by the official folder."""
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    assert say(capsys, "-p", "..", "-o", "out")[1].startswith("built out/app.wasm")
    monkeypatch.chdir("..")
    write(**{"spacetime.json": '{"module-path": "."}'})
    monkeypatch.chdir("src/app")
    assert say(capsys)[1].startswith(f"built {Path.cwd().parent.parent}/build/app.wasm")
    monkeypatch.chdir("../..")
    os.rename("spacetime.json", "elsewhere/spacetime.json")
    Path("moved").mkdir()
    for name in ("pyproject.toml", "src"):
        os.renames(name, f"moved/spacetimedb/{name}")
    monkeypatch.chdir("moved")
    assert say(capsys)[1].startswith("built spacetimedb/build/app.wasm")


def test_machines_are_told_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    write(**{"src/app/main.py": MAIN.replace("    ctx.db", "    time.sleep\n    ctx.db")})
    code, out, err = say(capsys, "--json", "--native")
    facts = json.loads(out)
    assert code == 0
    assert (facts["wasm"], facts["definition"]) == (None, "build/app.module.json")
    assert facts["warnings"] == [{
        "file": "src/app/main.py", "line": 8,
        "message": "warning: time.sleep in add reads the machine's clock; use ctx.timestamp",
    }]  # fmt: skip
    assert err.startswith("src/app/main.py:8: warning: time.sleep in add")
    assert os.listdir("build") == ["app.module.json"]


TWICE = "\n@reducer\ndef add2(ctx: ReducerContext) -> None:\n    pass\n"


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("client.py", "def (", ["src/app/client.py:1: SyntaxError: invalid syntax"]),
        ("main.py", MAIN + "    print(1)\n",
         ["src/app/main.py:9: the server prints nothing: use ctx.log.info(…)"]),
        ("main.py", MAIN + TWICE.replace("@reducer", '@reducer(name="add")'),
         ["src/app/main.py:10: reducer 'add' ", "src/app/main.py:6"]),
        ("main.py", MAIN + "print(1)\n" + TWICE.replace("@reducer", '@reducer(name="add")'),
         ["src/app/main.py:9: the server prints", "src/app/main.py:11: reducer 'add' "]),
        ("main.py", "from app import no", ["src/app/main.py:1: the module cannot be imported"]),
        ("main.py", "x = 1", ["app.main declares no table and no reducer"]),
        ("tables.py", TABLES + "    many: dict\n", ["many", "dict"]),
    ],
)  # fmt: skip
def test_what_is_wrong_has_its_place(
    name: str, text: str, said: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    write(**{f"src/app/{name}": text})
    code, out, err = say(capsys)
    assert (code, out) == (1, "")
    for part in said:
        assert part in err
    assert not Path("build").exists()


def test_what_does_not_compile_can_be_built_natively(capsys: pytest.CaptureFixture[str]) -> None:
    write(**{"src/app/main.py": MAIN + "    x = {1: 2}\n"})
    code, _, err = say(capsys)
    assert code == 1
    assert "app does not compile to WebAssembly" in err
    assert "src/app/main.py:9: " in err
    assert not Path("build").exists()
    code, out, _ = say(capsys, "--native")
    assert (code, out.partition(",")[0]) == (0, "built build/app.module.json: 1 table")


def test_looking_can_be_turned_off(capsys: pytest.CaptureFixture[str]) -> None:
    write(**{"src/app/main.py": MAIN + "print(1)\n"})
    assert say(capsys)[0] == 1
    assert say(capsys, "--lint-dir", "")[0] == 0
    write(**{"src/app/below/__init__.py": ""})
    assert say(capsys, "--lint-dir", "src/app/below")[0] == 0
    code, _, err = say(capsys, "--lint-dir", "scr")
    assert (code, err) == (1, f"harness: --lint-dir: there is no folder scr in {Path.cwd()}\n")
    assert say(capsys, "--lint-dir", "src")[0] == 1


@pytest.mark.parametrize("code", ["import sys\nsys.exit(3)", "import os\nos._exit(0)"])
def test_a_module_that_ends_the_program(code: str, capsys: pytest.CaptureFixture[str]) -> None:
    write(**{"src/app/main.py": MAIN + code + "\n"})
    line = len(MAIN.splitlines()) + 2
    assert say(capsys, "--native") == (
        1, "",
        f"harness: src/app/main.py:{line}: the module ends the program when it is imported\n",
    )  # fmt: skip


@pytest.mark.parametrize("mark", ["Cargo.toml", "package.json", "CMakeLists.txt", "x.csproj"])
def test_other_languages(
    mark: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    write(**{mark: ""})
    code, _, err = say(capsys)
    assert code == 1
    assert "needs the official command `spacetime`, which is not on PATH; install it from" in err


def test_no_project(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(**{"bare/requirements.txt": "x", "bare/main.py": "x"})
    monkeypatch.chdir("bare")
    assert say(capsys) == (
        1, "",
        f"harness: No pyproject.toml or setup.py found in {tmp_path}/bare; this does not look like "
        "a Python project. Name a module's file or folder, or run `harness init`.\n",
    )  # fmt: skip
    assert main(["build", "x.py", "-p", "."]) == 2
    assert "are for projects, not for MODULE" in capsys.readouterr().err
