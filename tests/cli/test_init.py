"""``harness init``: the whole project, or nothing and a sentence."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import harness
from harness.cli import main
from harness.module import load
from harness.project import template
from harness.project.names import safe

BOTH = [
    ".gitignore", "README.md", "pyproject.toml", "requirements.txt", "spacetime.json",
    "src/my_app/__init__.py", "src/my_app/main.py",
]  # fmt: skip
OWN = [f"src/my_app/{x}.py" for x in ("__init__", "__main__", "main", "client")]
CLIENT = ["src/my_app/__main__.py", "src/my_app/client.py"]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def files(folder: str = ".") -> list[str]:
    return sorted(str(x.relative_to(folder)) for x in Path(folder).rglob("*") if x.is_file())


@pytest.mark.parametrize("language", ["python", "py", "Python", "PY"])
@pytest.mark.parametrize("option", ["--lang", "-l"])
def test_a_project(language: str, option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", option, language, "my_app"]) == 0
    out, err = capsys.readouterr()
    assert files("my-app") == sorted(BOTH + CLIENT)
    assert os.listdir() == ["my-app"]
    assert err == ""
    assert out == (
        f"created my-app in {Path.cwd()}/my-app; next:\n  cd my-app\n  pip install -e .\n"
        "  harness build\n  harness start &\n  harness publish\n"
        "  harness generate --lang python\n  python -m my_app.client\n"
    )


def test_server_only_joins_what_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    Path("notes.txt").write_text("mine")
    arguments = ["init", "my-app", "-l", "py", "--server-only", "--project-path", "."]
    assert main(arguments) == 0
    assert files() == sorted([*BOTH, "notes.txt"])
    assert "client" not in capsys.readouterr().out
    assert "client" not in Path("README.md").read_text()
    before = {name: Path(name).read_bytes() for name in files()}
    assert main(arguments) == 1
    assert capsys.readouterr().err == (
        f"harness: {Path.cwd()}/.gitignore exists; move it, or choose another folder\n"
    )
    assert {name: Path(name).read_bytes() for name in files()} == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["-l", "py", "full"],
            "Cannot create new SpacetimeDB project in non-empty directory HERE/",
        ),
        (
            ["-l", "py", "x", "--project-path", "full"],
            "non-empty directory HERE/full: it has a.txt",
        ),
        (["-l", "py", "x", "--project-path", "full/a.txt"], "full/a.txt: it is a file"),
        (["-l", "py", "class"], "class is a keyword of Python; try class_app"),
        (["-l", "py", "json"], "json is a module of Python's standard library; try json_app"),
        (["-l", "py", "a/b"], "a project's name is no path: 'a/b'"),
        (["-l", "go", "x"], "there is no language 'go'; there are python, rust, csharp, types"),
        (["-l", "py"], "the project's name is missing; give it as NAME"),
        (["x"], "the project's language is missing; give it as --lang python"),
        (["x", "--non-interactive"], "the project's language is missing"),
        (["-l", "rust", "x"], "rust needs the official command `spacetime`, which is not on PATH"),
        (["-t", "chat-rs", "x"], "a template needs the official command `spacetime`"),
        (["-t"], "a template needs the official command `spacetime`"),
    ],
)
def test_nothing_is_written(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("PATH", "")
    Path("full").mkdir()
    Path("full/a.txt").write_text("")
    assert main(["init", *arguments]) == 1
    out, err = capsys.readouterr()
    assert said.replace("HERE", str(Path.cwd())) in err
    assert (out, err.count("\n")) == ("", 1)
    assert files() == ["full/a.txt"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["-l", "py", "-t", "x", "y"], "--lang and --template exclude each other"),
     (["-l", "py", "--native-aot", "y"], "are for csharp alone"),
     (["a", "b"], "unexpected extra argument")],
)  # fmt: skip
def test_bad_usage(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", *arguments]) == 2
    assert said in capsys.readouterr().err
    assert files() == []


def test_other_languages_are_handed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """With the same arguments; the official command's exit code is ours."""
    program = tmp_path / "bin" / "spacetime"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\nfor x in "$@"; do echo "<$x>"; done\nexit 7\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/bin:/usr/bin")
    assert main(["init", "-l", "Rust", "my game", "--local"]) == 7
    out, err = capfd.readouterr()
    assert out == "<init>\n<--lang>\n<Rust>\n<my game>\n<--local>\n"
    assert err == f"rust: handing over to {program}\n"


def test_without_git_it_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    assert main(["init", "-l", "py", "x1"]) == 0
    assert "git is not on PATH" in capsys.readouterr().err


# --- what is in it -------------------------------------------------------------------------------


def test_its_names_agree() -> None:
    assert main(["init", "-l", "py", "MyApp"]) == 0
    root = Path("my-app")
    project = tomllib.loads((root / "pyproject.toml").read_text())
    assert project["project"]["name"] == "my-app"
    assert (root / project["project"]["readme"]).is_file()
    needed = f"spacetimedb-harness>={harness.__version__}"
    assert project["project"]["dependencies"] == [needed]
    assert (root / "requirements.txt").read_text() == f"{needed}\n"
    assert project["tool"]["harness"] == {"module": "my_app.main", "database": "my-app"}
    assert json.loads((root / "spacetime.json").read_text()) == {
        "database": "my-app", "server": "local", "module-path": ".",
        "python": {"generate": [{"out-dir": "src/my_app/module_bindings"}],
                   "dev": {"run": "python -m my_app.client"}},
    }  # fmt: skip


@pytest.mark.parametrize("server_only", [False, True])
def test_no_hole_is_left(server_only: bool) -> None:
    for name, text in template.files(safe("my-app"), server_only=server_only).items():
        assert "{{" not in text, name
        assert text.endswith("\n"), name
        assert not re.search(r"[ \t]+$", text, re.M), name


def test_its_module_runs_natively_and_compiles(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "-l", "py", "my-app"]) == 0
    definition = load("my-app/src/my_app/main.py").definition()
    assert {x.name for x in definition.tables} == {"user", "message"}
    assert main(["build", "-p", "my-app"]) == 0
    assert sorted(os.listdir("my-app/build")) == ["my_app.module.json", "my_app.wasm"]
    assert "2 tables, 4 reducers" in capsys.readouterr().out


def test_its_code_is_typed_and_in_style(monkeypatch: pytest.MonkeyPatch) -> None:
    """The module, the client, and the client with the bindings that are made for it."""
    assert main(["init", "-l", "py", "my-app"]) == 0
    with monkeypatch.context() as there:
        there.chdir("my-app")
        assert main(["generate", "--lang", "python"]) == 0
    for tool in (
        ["mypy", "--strict", "--follow-imports=silent", "-p", "my_app"],
        ["ruff", "check", "--select", "E,F,I,B,UP,SIM,RUF", "--line-length", "100", *OWN],
        ["ruff", "format", "--check", "--line-length", "100", *OWN],
    ):
        done = subprocess.run(
            [sys.executable, "-m", *tool], cwd="my-app", capture_output=True, text=True,
            check=False, env={**os.environ, "MYPYPATH": f"src:{Path(harness.__path__[0]).parent}"},
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("how", ["my_app", "my_app.client"])
def test_its_client_says_what_is_missing(how: str) -> None:
    """Importing it needs no bindings; running it does."""
    assert main(["init", "-l", "py", "my-app"]) == 0
    run = {"cwd": "my-app/src", "capture_output": True, "text": True, "check": False}
    done = subprocess.run([sys.executable, "-c", "import my_app.client"], **run)  # type: ignore[call-overload]  # one set of keywords for both
    assert (done.returncode, done.stderr) == (0, "")
    done = subprocess.run([sys.executable, "-m", how], **run)  # type: ignore[call-overload]  # as above
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "There are no bindings yet: run `harness generate`\n"
