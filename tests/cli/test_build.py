"""``harness build``: files whole or not at all, the same bytes, and a place for each problem."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import harness.module
from harness.cli import build as command
from harness.cli import main
from harness.errors import PlanError, StoreError
from harness.module import checking
from harness.wire import schema_json

GOOD = """
from harness.module import ReducerContext, reducer, table, u32

print("imported")

@table(public=True)
class User:
    id: u32
    name: str

@reducer
def add(ctx: ReducerContext, id: u32, name: str) -> None:
    ctx.db[User].insert(User(id=id, name=name))
"""
#: The native runtime runs it, the compiler has neither construct.
NATIVE = (
    GOOD
    + """
@reducer
def one(ctx: ReducerContext) -> None:
    x = {1: 2}

@reducer
def two(ctx: ReducerContext) -> None:
    y = {z for z in range(3)}
"""
)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def source(text: str | bytes, name: str = "chat.py") -> str:
    Path(name).write_bytes(text.encode() if isinstance(text, str) else text)
    return name


def left(folder: str = ".") -> list[str]:
    """What lies there, without the sources and their caches."""
    return sorted(x.name for x in Path(folder).iterdir() if x.suffix != ".py" and x.name[0] != "_")


def test_two_files_and_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", source(GOOD), "-o", "a/b"]) == 0
    said = capsys.readouterr()
    wasm = Path("a/b/chat.wasm").read_bytes()
    assert left("a/b") == ["chat.module.json", "chat.wasm"]
    assert wasm.startswith(b"\0asm\1\0\0\0")
    assert said.out.startswith("built a/b/chat.wasm: 1 table, 1 reducer, ")
    assert said.out.endswith(f"sha256 {hashlib.sha256(wasm).hexdigest()[:12]}\n")
    assert said.err == "imported\n"  # what the module prints is not what the command says
    definition = schema_json.from_json(json.loads(Path("a/b/chat.module.json").read_bytes()))
    assert [table.name for table in definition.tables] == ["user"]
    assert [reducer.name for reducer in definition.reducers] == ["add"]


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", source(GOOD), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    wasm = Path(facts["wasm"]).read_bytes()
    assert facts.pop("seconds") >= 0
    assert facts == {
        "module": "chat", "tables": 1, "reducers": 1, "size_bytes": len(wasm),
        "sha256": hashlib.sha256(wasm).hexdigest(),
        "wasm": "build/chat.wasm", "definition": "build/chat.module.json",
    }  # fmt: skip


@pytest.mark.parametrize("module", ["bench", "examples/world/main"])
def test_the_same_source_gives_the_same_bytes(module: str, tmp_path: Path) -> None:
    """In other processes, with other hashes, in other folders."""
    text = (Path(harness.module.__path__[0]) / f"{module}.py").read_text()
    found = set()
    for seed in ("1", "2"):
        folder = tmp_path / f"in-{seed}"
        folder.mkdir()
        (folder / "chat.py").write_text(text)
        subprocess.run(
            [sys.executable, "-m", "harness", "build", "chat.py"],
            cwd=folder, env={**os.environ, "PYTHONHASHSEED": seed}, check=True, capture_output=True,
        )  # fmt: skip
        built = folder / "build"
        found.add(((built / "chat.wasm").read_bytes(), (built / "chat.module.json").read_bytes()))
    assert len(found) == 1
    Path("chat.py").write_text(text.replace("u32", "u64"))
    assert main(["build", "chat.py"]) == 0
    assert Path("build/chat.wasm").read_bytes() not in {wasm for wasm, _ in found}


@pytest.mark.parametrize("what", ["package", "package/__init__.py"])
def test_a_package(what: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("package").mkdir()
    source(GOOD, "package/__init__.py")
    assert main(["build", what, "--check"]) == 0
    assert capsys.readouterr().out == f"{what} runs natively and compiles to WebAssembly\n"
    assert left("package") == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def (", "chat.py:1: SyntaxError: invalid syntax"),
        ("if 1:\nx = 2", "chat.py:2: IndentationError: expected an indented block"),
        (b"\xff\xfe", "chat.py:1: SyntaxError: (unicode error)"),
        ("\nx = 1 / 0", "chat.py:2: the module cannot be imported: ZeroDivisionError: division"),
        ("import nowhere_at_all", "chat.py:1: the module cannot be imported: ModuleNotFoundError"),
        ("import json\njson.loads('{')", "chat.py:2: the module cannot be imported: JSONDecode"),
        ("def f():\n    raise ValueError('a\\nb')\nf()",
         "chat.py:2: the module cannot be imported: ValueError: a b"),
        ("import sys\nsys.exit(0)", "chat.py:2: the module ends the program when it is imported"),
        ("import os\nos._exit(0)", "chat.py:2: the module ends the program when it is imported"),
        ("x = 1", "chat.py declares no table and no reducer"),
        (GOOD.replace("class User", "class Select"), "chat.py:6: table 'select' is a word of SQL"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("check", [False, True])
def test_what_is_no_module(
    text: str | bytes, said: str, check: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["build", source(text), *["--check"] * check]) == 1
    told = capsys.readouterr()
    assert said in told.err
    assert "Traceback" not in told.err
    assert told.out == ""
    assert left() == []


@pytest.mark.parametrize(
    "text",
    [
        "while True:\n    pass",
        "import time\ntime.sleep(600)",
        "try:\n    input()\nexcept Exception:\n    pass",
    ],
)
def test_an_import_that_does_not_end(
    text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    read, write = os.pipe()
    with os.fdopen(read) as nothing, os.fdopen(write):
        monkeypatch.setattr("sys.stdin", nothing)
        monkeypatch.setattr(checking, "IMPORT_S", 0.2)
        assert main(["build", source(text)]) == 1
    said = capsys.readouterr().err
    assert re.search(r"chat.py:[12]: the import of the module did not end within 0.2 s", said)
    assert "Traceback" not in said
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert left() == []


def test_a_missing_module(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", "nowhere.py"]) == 1
    assert capsys.readouterr().err == "harness: there is no file nowhere.py\n"
    assert main(["build", "nowhere.at_all"]) == 1
    assert "there is no module 'nowhere.at_all'" in capsys.readouterr().err


def test_what_does_not_compile_has_its_places(capsys: pytest.CaptureFixture[str]) -> None:
    places = [NATIVE[: NATIVE.index(what)].count("\n") + 1 for what in ("x = {", "y = {")]
    assert main(["build", source(NATIVE)]) == 1
    first, *problems = capsys.readouterr().err.splitlines()[1:]
    assert first == (
        "harness: chat does not compile to WebAssembly; it runs natively, with harness start; "
        "--native writes its definition alone"
    )
    assert [line.partition(": ")[0] for line in problems] == [f"chat.py:{at}" for at in places]
    assert left() == []
    assert main(["build", "chat.py", "--check"]) == 3
    _, verdict, *again = capsys.readouterr().err.splitlines()
    assert verdict == "harness: chat.py runs natively, but does not compile: 2 problems"
    assert again == problems
    assert left() == []


def test_of_many_problems_the_first_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    lines = "".join(f"    x{number} = {{}}\n" for number in range(53))
    text = f"{GOOD}\n@reducer\ndef bad(ctx: ReducerContext) -> None:\n{lines}"
    for arguments, code in (([], 1), (["--check"], 3)):
        assert main(["build", source(text), *arguments]) == code
        _, _, *problems, last = capsys.readouterr().err.splitlines()
        assert len(problems) == 50
        assert last == "and 3 more"
    main(["build", "chat.py", "--check", "--json"])
    assert len(json.loads(capsys.readouterr().out)["problems"]) == 53


@pytest.mark.parametrize(
    ("text", "code", "native", "compiles", "count"),
    [(GOOD, 0, True, True, 0), (NATIVE, 3, True, False, 2), ("x = 1 / 0", 1, False, False, 1)],
)
def test_check_for_machines(
    text: str, code: int, native: bool, compiles: bool, count: int,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    assert main(["build", source(text), "--check", "--json"]) == code
    report = json.loads(capsys.readouterr().out)
    assert (report["native"], report["compiles"]) == (native, compiles)
    assert len(report["problems"]) == count
    for problem in report["problems"]:
        assert problem["file"] == "chat.py"
        assert problem["line"] > 0
        assert problem["message"]


def test_where_nothing_can_be_written(capsys: pytest.CaptureFixture[str]) -> None:
    source(GOOD)
    Path("file").write_text("kept")
    Path("taken/chat.wasm").mkdir(parents=True)
    for out, said in [
        ("file", "cannot write to file: it is a file; name another folder with -o"),
        ("file/below", "cannot write to file/below: Not a directory"),
        ("taken", "cannot write to taken: chat.wasm there is a folder"),
    ]:
        assert main(["build", "chat.py", "-o", out]) == 1
        assert said in capsys.readouterr().err
    assert Path("file").read_text() == "kept"
    assert left() == ["file", "taken"]
    assert left("taken") == ["chat.wasm"]


def test_a_folder_of_others(tmp_path: Path) -> None:
    Path("closed").mkdir()
    Path("closed").chmod(0o555)
    tmp_path.chmod(0o755)
    is_root = os.geteuid() == 0
    if is_root:  # who may write everywhere
        os.seteuid(65_534)
    try:
        with pytest.raises(StoreError, match=r"^cannot write to closed: Permission denied; name"):
            command.write_all({Path("closed/chat.wasm"): b"data"}, Path("closed"))
    finally:
        if is_root:
            os.seteuid(0)
    assert left("closed") == []


@pytest.mark.parametrize("full_at", [1, 2])
def test_a_full_disk_leaves_what_was_there(
    full_at: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whichever of the two files there is no room for."""
    written = 0
    open_ = os.fdopen

    def fdopen(descriptor: int, *args: Any) -> Any:
        nonlocal written
        written += 1
        if written == full_at:
            os.close(descriptor)
            raise OSError(errno.ENOSPC, "No space left on device")
        return open_(descriptor, *args)

    source(GOOD)
    Path("old").mkdir()
    Path("old/chat.wasm").write_text("earlier")
    with monkeypatch.context() as changed:
        changed.setattr(os, "fdopen", fdopen)
        for folder in ("old", "new/below"):
            written = 0
            assert main(["build", "chat.py", "-o", folder]) == 1
            assert f"cannot write to {folder}: No space left on device" in capsys.readouterr().err
    assert left() == ["old"]
    assert left("old") == ["chat.wasm"]
    assert Path("old/chat.wasm").read_text() == "earlier"
    assert main(["build", "chat.py", "-o", "old"]) == 0
    assert left("old") == ["chat.module.json", "chat.wasm"]


def test_the_second_file_fails_at_the_last_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both are complete by then; what the first took the place of comes back."""
    first, second = tmp_path / "a.wasm", tmp_path / "a.module.json"
    whole = Path.replace

    def replace(self: Path, target: Path) -> Path:
        if Path(target) == second and self.name.startswith(".a.module.json-"):
            raise OSError(errno.EIO, "Input/output error")
        return whole(self, target)

    monkeypatch.setattr(Path, "replace", replace)
    for before in (None, b"before"):
        if before is not None:
            first.write_bytes(before)
            second.write_bytes(before)
        with pytest.raises(StoreError, match="Input/output error"):
            command.write_all({first: b"new", second: b"new"}, tmp_path)
        left = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
        assert left == ({} if before is None else {"a.wasm": before, "a.module.json": before})


def test_new_files_are_as_readable_as_others() -> None:
    before = os.umask(0o027)
    try:
        assert main(["build", source(GOOD)]) == 0
    finally:
        os.umask(before)
    assert Path("build/chat.wasm").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../chat", "a/b", "a\\b", "a\0b", ".hidden", "a:b"]
)
def test_a_name_that_is_no_file(name: str) -> None:
    with pytest.raises(PlanError, match="cannot be a file's"):
        command.file_name(name)
    assert command.file_name("chat-2.b_c") == "chat-2.b_c"


def test_a_name_cannot_lead_elsewhere(capsys: pytest.CaptureFixture[str]) -> None:
    text = "from harness.module import Module\nm = Module('../up')\n@m.reducer\ndef a(ctx): pass\n"
    assert main(["build", source(text)]) == 1
    assert "'../up' cannot be a file's" in capsys.readouterr().err


def test_the_help_has_examples_and_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", "--help"]) == 0
    shown = capsys.readouterr().out
    assert "harness build src/chat/main.py" in shown
    assert "3  with --check" in shown
