"""``harness generate``: sources, files that are ours and files that are not, and exit codes."""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.cli import main
from harness.gen.rendering import BANNER
from tests.cli.somebody import unknown
from tests.gen import schemas

CHAT = schemas.HERE / "chat.py"
FILES = ["__init__.py", "_schema.py", "procedures.py", "py.typed", "queries.py", "reducers.py",
         "tables.py", "types.py"]  # fmt: skip


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    unknown(tmp_path, monkeypatch)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))  # no server is installed there
    monkeypatch.setenv("PATH", str(tmp_path))


def generate(*arguments: str) -> int:
    return main(["generate", "--format", "none", *arguments])


def definition(name: str = "module.json", module: Any = None) -> str:
    Path(name).write_text(json.dumps(schemas.v9(module or schemas.chat())))
    return name


def files(folder: str = "module_bindings") -> list[str]:
    return sorted(str(x.relative_to(folder)) for x in Path(folder).rglob("*") if x.is_file())


def texts(folder: str = "module_bindings") -> dict[str, str]:
    return {name: (Path(folder) / name).read_text() for name in files(folder)}


# --- sources --------------------------------------------------------------------------------------


def test_from_a_module(capsys: pytest.CaptureFixture[str]) -> None:
    assert generate("-p", str(CHAT)) == 0
    assert files() == FILES
    assert capsys.readouterr().out == (
        "module_bindings: 2 tables, 2 reducers; 8 files written, 0 unchanged\n"
        "Generate finished successfully.\n"
    )
    assert all(text.startswith(BANNER) for name, text in texts().items() if name != "py.typed")


@pytest.mark.parametrize("lang", ["python", "py", "Python", "PY"])
def test_what_the_language_is_called(lang: str) -> None:
    assert generate("-l", lang, "--module-def", definition()) == 0
    assert files() == FILES


def test_from_a_definition() -> None:
    """A file's name may stand where a database could."""
    assert generate("--module-def", definition(), "-o", "a") == 0
    assert generate(definition(), "-o", "b") == 0
    assert generate(str(CHAT), "-o", "c") == 0
    assert texts("a") == texts("b") == texts("c")


def test_from_the_standard_input(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with Path(definition()).open() as file:
        monkeypatch.setattr("sys.stdin", file)
        assert generate("--module-def", "-") == 0
    assert files() == FILES


def test_from_what_was_built() -> None:
    assert main(["build", str(CHAT), "-o", "build"]) == 0
    assert generate("-b", "build/chat.wasm") == 0
    assert generate("build/chat.wasm", "-o", "other") == 0
    assert texts() == texts("other")
    assert files() == FILES


def test_from_another_compiled_module(capsys: pytest.CaptureFixture[str]) -> None:
    Path("other.wasm").write_bytes(b"\0asm\1\0\0\0")
    assert generate("-b", "other.wasm") == 1
    said = capsys.readouterr().err
    assert "the schema of other.wasm cannot be read: there is no other.module.json" in said
    assert "harness server install" in said


def test_from_an_extractor(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("other.js").write_text("//")
    tool = Path("extract.py")
    tool.write_text(
        "import sys\nassert sys.argv[1:] == ['extract-schema', 'other.js'], sys.argv\n"
        f"print(open({definition()!r}).read())\n"
    )
    monkeypatch.setenv("SPACETIMEDB_SCHEMA_EXTRACTOR", f"{sys.executable} extract.py")
    assert generate("-j", "other.js") == 0
    assert files() == FILES


def test_an_extractor_that_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("other.wasm").write_bytes(b"\0asm\1\0\0\0")
    Path("extract.py").write_text("import sys\nsys.exit('no such module')\n")
    monkeypatch.setenv("SPACETIMEDB_SCHEMA_EXTRACTOR", f"{sys.executable} extract.py")
    assert generate("-b", "other.wasm") == 1
    assert "gave no schema of other.wasm: no such module" in capsys.readouterr().err


def test_from_the_project_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = Path("src/my_app")
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    # A table of another file, which main imports, is part of the module wherever it is built.
    (package / "rooms.py").write_text(
        "from harness.module import table\n\n\n@table(public=True)\nclass Room:\n    name: str\n"
    )
    (package / "main.py").write_text(f"{CHAT.read_text()}\nfrom .rooms import Room as Room\n")
    Path("pyproject.toml").write_text(
        '[tool.harness]\nmodule = "my_app.main"\n'
        '[tool.harness.rename]\n"table:user.name" = "nick"\n'
    )
    assert generate() == 0
    assert files("src/my_app/module_bindings") == FILES
    assert "nick: str | None" in texts("src/my_app/module_bindings")["types.py"]
    assert "class Room(" in texts("src/my_app/module_bindings")["types.py"]
    assert generate("-p", ".", "--check") == 0
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert generate("-p", "../work") == 0
    assert files() == FILES


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 1, "there is nothing to generate from: name a module (-p)"),
        (["-p", "nowhere.py"], 1, "there is no file nowhere.py"),
        (["--module-def", "nowhere.json"], 1, "cannot read nowhere.json: No such file"),
        (["--module-def", "bad.json"], 1, "bad.json is no module definition: not JSON"),
        (["-b", "nowhere.wasm"], 1, "there is no file nowhere.wasm"),
        (["-l", "rust"], 1, "rust needs the official command `spacetime`, which is not on PATH"),
        (["chat", "-s", "http://127.0.0.1:1"], 1, "nobody answers at http://127.0.0.1:1"),
        (["-s", "local"], 2, "--server needs the database"),
        (["a", "--database", "b"], 2, "two databases are named: a and b"),
        (["chat", "-p", "x.py"], 2, "give one source, not --module-path and a database"),
        (["-p", "x.py", "--delete", "--keep-stale"], 2, "give one of --delete and --keep-stale"),
        (["-p", "x.py", "--namespace", "N"], 2, "--namespace is not for Python"),
        (["-p", "x.py", "--unreal-module-name", "N"], 2, "--unreal-module-name is not for Python"),
        (["-p", "x.py", "--row-class", "tuple"], 2, "'tuple' is not one of"),
        (["--module-def", "good.json", "--format", "autopep8"], 1, "autopep8 is not installed"),
        (["--module-def", "broken.py"], 1, "broken.py is no module definition"),
        (["-p", "broken.py"], 1, "broken.py:1: SyntaxError"),
        (["-p", "twice.py"], 1, "function 'f'|'f'"),
    ],
)
def test_what_cannot_be_done(
    arguments: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    definition("good.json")
    Path("bad.json").write_text("{")
    Path("broken.py").write_text("def (")
    Path("twice.py").write_text(
        "from harness.module import Module, ReducerContext\nm = Module('m')\n"
        "@m.reducer\ndef f(ctx: ReducerContext) -> None: ...\n"
        "@m.reducer(name='f')\ndef g(ctx: ReducerContext) -> None: ...\n"
    )
    monkeypatch.setattr("harness.gen.formatting.find_spec", lambda name: None)
    assert main(["generate", *arguments]) == code
    told = capsys.readouterr().err
    assert any(part in told for part in said.split("|")), told
    assert "Traceback" not in told
    assert not Path("module_bindings").exists()


def test_many_problems_are_told_together(capsys: pytest.CaptureFixture[str]) -> None:
    module = schemas.definition(
        ("Foo", schemas.t.product(a=schemas.t.U8, A=schemas.t.U8)),
        ("foo", schemas.t.product(x=schemas.t.U8)),
    )
    Path("module.json").write_text(json.dumps(schemas.v9(module)))
    assert generate("--module-def", "module.json") == 1
    first, *rest = capsys.readouterr().err.splitlines()
    assert first == "harness: the schema is not valid: 2 problems"
    assert len(rest) == 2
    assert not Path("module_bindings").exists()


# --- files ----------------------------------------------------------------------------------------


def test_a_second_run_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert generate("--module-def", definition()) == 0
    before = {name: os.stat(f"module_bindings/{name}").st_mtime_ns for name in FILES}
    assert main(["generate", "--module-def", "module.json"]) == 0  # with formatters, too
    assert {name: os.stat(f"module_bindings/{name}").st_mtime_ns for name in FILES} == before
    assert "0 files written, 8 unchanged" in capsys.readouterr().out


def test_check_and_dry_run(capsys: pytest.CaptureFixture[str]) -> None:
    source = ["--module-def", definition()]
    assert generate(*source, "--check") == 1
    assert generate(*source, "--dry-run") == 0
    assert "module_bindings: 8 files would be written, 0 deleted" in capsys.readouterr().out
    assert not Path("module_bindings").exists()
    assert generate(*source) == 0
    assert generate(*source, "--check") == 0
    assert "module_bindings is up to date: 2 tables, 2 reducers" in capsys.readouterr().out
    Path("module_bindings/old.py").write_text(BANNER)
    assert generate(*source, "--check") == 1
    assert "--- a/old.py (would be deleted)" in capsys.readouterr().out
    assert Path("module_bindings/old.py").exists()
    assert generate(*source, "--check", "--keep-stale") == 0
    assert generate(*source, "--row-class", "dataclass", "--check") == 1
    assert "+@dataclass(frozen=True, slots=True)" in capsys.readouterr().out


def test_hand_written_files_are_never_overwritten(capsys: pytest.CaptureFixture[str]) -> None:
    Path("module_bindings").mkdir()
    mine = Path("module_bindings/types.py")
    mine.write_text("x = 1\n")
    assert generate("--module-def", definition()) == 1
    assert "types.py exists and was not generated (no banner); move it or pass --force" in (
        capsys.readouterr().err
    )
    assert files() == ["types.py"]
    assert mine.read_text() == "x = 1\n"
    assert generate("--module-def", "module.json", "--force") == 0
    assert mine.read_text().startswith(BANNER)


def test_names_are_compared_without_capitals(capsys: pytest.CaptureFixture[str]) -> None:
    """There are file systems for which they are one file, and a repository goes to those, too."""
    Path("module_bindings").mkdir()
    mine = Path("module_bindings/Types.py")
    mine.write_text("x = 1\n")
    assert generate("--module-def", definition()) == 1
    assert "Types.py exists and was not generated" in capsys.readouterr().err
    mine.rename("kept")
    assert generate("--module-def", "module.json") == 0
    if not mine.exists():  # here they are two: ours is the one that we look at
        Path("kept").rename(mine)
        assert generate("--module-def", "module.json", "--check") == 0


def test_a_mark_of_somebody_elses_says_what_it_says() -> None:
    Path("module_bindings").mkdir()
    Path("module_bindings/py.typed").write_text("partial\n")
    assert generate("--module-def", definition()) == 0
    assert Path("module_bindings/py.typed").read_text() == "partial\n"
    assert generate("--module-def", "module.json", "--check") == 0


def test_an_empty_file_of_ours_by_name_is_not_ours(capsys: pytest.CaptureFixture[str]) -> None:
    Path("module_bindings").mkdir()
    Path("module_bindings/__init__.py").touch()
    assert generate("--module-def", definition()) == 1
    assert "__init__.py exists and was not generated" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "left", "said"),
    [
        ([], True, "stale generated files are kept; --delete deletes them"),
        (["--keep-stale"], True, ""),
        (["--delete"], False, ""),
        (["-y"], False, ""),
    ],
)
def test_stale_files(
    flags: list[str], left: bool, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path("module_bindings")
    (folder / "deep").mkdir(parents=True)
    (folder / "kept" / ".venv").mkdir(parents=True)
    ours = [folder / "old.py", folder / "deep" / "old.pyi", folder / "slashes.py"]
    for path in ours:
        path.write_text(BANNER if path.name != "slashes.py" else BANNER.replace("#", "//"))
    theirs = [folder / "mine.py", folder / "kept" / "mine.py", folder / "notes.txt",
              folder / "kept" / ".venv" / "old.py", folder / "other.ts"]  # fmt: skip
    for path in theirs:
        path.write_text("x = 1\n" if "mine" in path.name else BANNER)
    (folder / "link.py").symlink_to(Path("elsewhere.py").resolve())
    Path("elsewhere.py").write_text(BANNER)
    assert generate("--module-def", definition(), *flags) == 0
    told = capsys.readouterr()
    assert said in told.err
    assert [path.exists() for path in ours] == [left] * 3
    assert all(path.exists() for path in theirs)
    assert (folder / "link.py").is_symlink()
    assert Path("elsewhere.py").exists()
    assert (folder / "deep").exists() is left
    assert str(folder.resolve() / "old.py") in told.out


@pytest.mark.parametrize(("answer", "left"), [("y", False), ("n", True), ("", True)])
def test_stale_files_are_asked_about(
    answer: str, left: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("module_bindings").mkdir()
    Path("module_bindings/old.py").write_text(BANNER)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda text: answer)
    assert generate("--module-def", definition()) == 0
    assert Path("module_bindings/old.py").exists() is left
    told = capsys.readouterr().out
    assert "were not generated by this command and will be deleted:" in told
    assert ("Files not deleted." in told) is left


@pytest.mark.parametrize(
    ("folder", "said"),
    [
        ("my-bindings", "'my-bindings' cannot be imported; name the folder 'my_bindings'"),
        ("1st", "name the folder '_1st'"),
        ("class", "name the folder 'class_'"),
        ("typing", "would hide a module of Python; name the folder 'typing_bindings'"),
        ("harness", "would hide what generated code needs"),
        (".", "cannot be a folder for generated files"),
        ("/", "cannot be a folder for generated files"),
        ("~", "cannot be a folder for generated files"),
        ("file", "is a file; name another folder with -o"),
        ("file/below", "is a file; name another folder with -o"),
        ("..", "cannot be a folder for generated files"),
        ("project", "cannot be a folder for generated files"),
        ("upwards", "cannot be a folder for generated files"),
        ("nothing", "is a link to nothing; name another folder with -o"),
        ("itself", "Too many levels of symbolic links; name another folder with -o"),
        ("x" * 300, "File name too long; name another folder with -o"),
    ],
)
def test_folders_that_will_not_do(
    folder: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("file").touch()
    Path("upwards").symlink_to("..")
    Path("project").symlink_to(".")
    Path("nothing").symlink_to("nowhere")
    Path("itself").symlink_to("itself")
    folder = str(Path.home()) if folder == "~" else folder
    assert generate("--module-def", definition(), "-o", folder) == 1
    told = capsys.readouterr().err
    assert said in told
    assert "Traceback" not in told


def test_what_was_interrupted_is_swept_up_and_written_whole(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert generate("--module-def", definition()) == 0
    before = texts()
    Path("module_bindings/.types.py.harness-tmp").write_text("half")
    real = Path.replace

    def broken(self: Path, target: Path) -> Path:
        if str(self).endswith("tables.py.harness-tmp"):
            raise OSError(28, "No space left on device")
        return real(self, target)

    monkeypatch.setattr(Path, "replace", broken)
    module = schemas.module_test()
    Path("other.json").write_text(json.dumps(schemas.v10(module)))
    assert generate("--module-def", "other.json") == 1
    assert "No space left on device" in capsys.readouterr().err
    assert [name for name in files() if "tmp" in name] == []
    assert texts() == before


def test_permissions_are_those_of_other_files() -> None:
    assert generate("--module-def", definition()) == 0
    Path("plain").touch()
    mode = stat.S_IMODE(os.stat("plain").st_mode)
    assert {stat.S_IMODE(os.stat(f"module_bindings/{x}").st_mode) for x in FILES} == {mode}


def test_packages_of_submodules(capsys: pytest.CaptureFixture[str]) -> None:
    """They are folders: written, checked and deleted with what is around them."""
    Path("outer.json").write_text(json.dumps(schemas.v10(schemas.submodules())))
    assert generate("--module-def", "outer.json", "--check") == 1
    assert not Path("module_bindings").exists()
    assert generate("--module-def", "outer.json") == 0
    assert "lib/auth_lib/types.py" in files()
    assert generate("--module-def", "outer.json", "--format", "auto", "--check") == 0
    Path("module_bindings/lib/.types.py.harness-tmp").write_text("half")
    Path("module_bindings/lib/types.py").unlink()
    assert generate("--module-def", "outer.json") == 0
    assert "1 files written" in capsys.readouterr().out
    assert [x for x in files() if "tmp" in x] == []
    Path("module_bindings/lib/mine.txt").touch()
    assert generate("--module-def", definition(), "--delete") == 0
    assert files() == [*FILES[:2], "lib/mine.txt", *FILES[2:]]


def test_what_is_half_written_is_written_through_no_link() -> None:
    assert generate("--module-def", definition()) == 0
    Path("precious").write_text("mine")
    Path("module_bindings/types.py").unlink()
    Path("module_bindings/.types.py.harness-tmp").symlink_to(Path("precious").resolve())
    assert generate("--module-def", definition()) == 0
    assert files() == FILES
    assert Path("precious").read_text() == "mine"


def test_a_folder_of_a_submodule_that_leads_elsewhere(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("outer.json").write_text(json.dumps(schemas.v10(schemas.submodules())))
    Path("module_bindings").mkdir()
    Path("elsewhere").mkdir()
    Path("module_bindings/lib").symlink_to(Path("elsewhere").resolve())
    assert generate("--module-def", "outer.json") == 1
    assert "module_bindings/lib is no ordinary folder; move it away" in capsys.readouterr().err
    assert list(Path("elsewhere").iterdir()) == []
    Path("module_bindings/lib").unlink()
    Path("module_bindings/lib").touch()
    assert generate("--module-def", "outer.json") == 1
    assert files() == ["lib"]


def test_a_failure_leaves_no_folder_of_a_submodule(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("outer.json").write_text(json.dumps(schemas.v10(schemas.submodules())))
    assert generate("--module-def", definition()) == 0
    before = texts()
    real = Path.replace

    def broken(self: Path, target: Path) -> Path:
        if str(self).endswith("lib9/.types.py.harness-tmp"):
            raise KeyboardInterrupt
        return real(self, target)

    monkeypatch.setattr(Path, "replace", broken)
    assert generate("--module-def", "outer.json") == 130
    assert texts() == before
    assert [x for x in Path("module_bindings").iterdir() if x.is_dir()] == []


# --- what is told ---------------------------------------------------------------------------------


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    Path("module.json").write_text(json.dumps(schemas.v10(schemas.sdk_test.definition())))
    assert generate("--module-def", "module.json", "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["tables"], facts["written"], facts["stale"]) == (91, FILES, [])
    assert facts["notices"] == [
        "Skipping private tables during codegen: indexed_table, indexed_table_2."
    ]


@pytest.mark.parametrize("choice", ["auto", "autopep8", "ruff", "none"])
def test_formatters_change_nothing_and_are_used(
    choice: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from harness.gen import formatting

    used: list[str] = []
    run = formatting._run

    def noted(command: list[str], found: dict[str, str]) -> dict[str, str]:
        used.append(command[2])
        return run(command, found)

    monkeypatch.setattr(formatting, "_run", noted)
    assert generate("--module-def", definition(), "-o", "plain") == 0
    assert main(["generate", "--module-def", "module.json", "-o", "nice", "--format", choice]) == 0
    assert texts("plain") == texts("nice")
    expected = {"auto": ["black", "isort"], "none": []}.get(choice, [choice, "isort"])
    assert used == expected
    assert capsys.readouterr().err == ""


def test_a_formatter_that_fails_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from harness.gen import formatting

    failing = [sys.executable, "-c", "import sys; sys.exit('it broke')"]
    monkeypatch.setattr(formatting, "_command", lambda name: failing)
    assert main(["generate", "--module-def", definition()]) == 0
    assert "Could not format generated files: black: it broke" in capsys.readouterr().err
    assert files() == FILES


def test_the_official_tool_does_other_languages(tmp_path: Path, monkeypatch: Any) -> None:
    tool = tmp_path / "spacetime"
    tool.write_text(
        f"#!{sys.executable}\nimport sys\nopen('asked', 'w').write(repr(sys.argv[1:]))\n"
    )
    tool.chmod(0o755)
    arguments = ["generate", "--lang", "rust", "-o", "out"]
    monkeypatch.setattr("sys.argv", ["harness", *arguments])
    assert main(arguments) == 0
    assert Path("asked").read_text() == repr(arguments)
