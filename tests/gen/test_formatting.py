"""Formatters: which run, with what settings, and that none of them changes what is generated."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from harness.errors import PlanError
from harness.gen import formatting
from harness.gen.formatting import formatted
from tests.gen import schemas

#: What settings of a project, or of a user, could change; and what nobody asked to be rewritten.
STYLED = """from __future__ import annotations

from b import (
    a,
    c,
)

numbers = [1, 2]


def chosen(long_name: str, other_name: str) -> bool:
    return long_name == None or other_name == True or not long_name in other_name
"""
SETTINGS = {
    "pyproject.toml": "[tool.black]\nline-length = 20\n[tool.autopep8]\naggressive = 3\n"
    "max_line_length = 20\n[tool.isort]\nforce_single_line = true\n[tool.ruff]\nline-length = 20\n",
    "setup.cfg": "[pycodestyle]\nmax_line_length = 20\naggressive = 3\n[isort]\nline_length = 20\n",
    "tox.ini": "[pep8]\naggressive = 3\n",
    ".isort.cfg": "[settings]\nforce_single_line = true\n",
    "config/pep8": "[pep8]\naggressive = 3\nmax-line-length = 20\n",
    "config/pycodestyle": "[pycodestyle]\naggressive = 3\nmax-line-length = 20\n",
}


@pytest.mark.parametrize("choice", ["autopep8", "ruff"])
def test_no_generated_file_is_changed(choice: str) -> None:
    """All packages at once; black and isort have a test of their own, in test_checkers."""
    files = {
        f"{name}/{file}": text
        for name, schema in schemas.SCHEMAS.items()
        for file, text in schemas.made(schema(), "attrs").files.items()
    }
    assert formatted(files, choice) == (files, [])


@pytest.mark.parametrize("choice", ["black", "autopep8", "ruff"])
def test_settings_of_the_project_do_not_count(
    choice: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in SETTINGS.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))  # the files are below the settings
    untidy = STYLED.replace("[1, 2]", "[1 ,2]")  # so that it is seen to have run
    assert formatted({"types.py": untidy}, choice) == ({"types.py": STYLED}, [])


@pytest.mark.parametrize(
    ("there", "choice", "used"),
    [
        ({"black", "autopep8", "isort"}, "auto", ["black", "isort"]),
        ({"autopep8", "isort"}, "auto", ["autopep8", "isort"]),
        ({"autopep8"}, "auto", ["autopep8"]),
        ({"isort"}, "auto", ["isort"]),
        ({"ruff"}, "auto", []),
        ({"ruff", "isort"}, "ruff", ["ruff", "isort"]),
        ({"black", "autopep8", "isort"}, "autopep8", ["autopep8", "isort"]),
        ({"black", "isort"}, "none", []),
    ],
)
def test_which_run(
    there: set[str], choice: str, used: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run: list[str] = []
    monkeypatch.setattr(formatting, "_command", lambda name: [name] if name in there else None)
    monkeypatch.setattr(
        formatting, "_run", lambda command, files: run.append(command[0]) or dict(files)
    )
    assert formatted({"types.py": "x = 1\n"}, choice) == ({"types.py": "x = 1\n"}, [])
    assert run == used


def test_one_that_is_named_and_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formatting, "_command", lambda name: None)
    with pytest.raises(PlanError, match="autopep8 is not installed; install it"):
        formatted({"types.py": "x = 1\n"}, "autopep8")


def test_a_path_that_is_relative_hides_nothing_from_a_formatter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With PYTHONPATH=. black would find our types.py in place of Python's own."""
    monkeypatch.setenv("PYTHONPATH", ".")
    files = schemas.made(schemas.chat()).files
    assert formatted(files, "black") == (files, [])


def test_one_that_does_not_end_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formatting, "LIMIT_S", 0.2)
    waits = [sys.executable, "-c", "import threading; threading.Event().wait()"]
    monkeypatch.setattr(formatting, "_command", lambda name: waits if name == "black" else None)
    made, warnings = formatted({"types.py": "x = 1\n"}, "auto")
    assert made == {"types.py": "x = 1\n"}
    assert warnings == ["Could not format generated files: black: no end within 0.2 s"]
