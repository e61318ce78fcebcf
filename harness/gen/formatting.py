"""Formatters over generated text. They change nothing in it: it is written as they would.

Each runs once over all files, in a folder of their own, with nothing but the settings given here,
whatever the project around says; so the same schema gives the same bytes everywhere.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

from harness.errors import PlanError
from harness.gen.layout import WIDTH

#: More characters than these, in all, are not formatted unless a tool is named: black takes a
#: second for them.
AUTO_LIMIT = 150_000
#: Seconds for all files together, for each tool.
LIMIT_S = 60.0


_WIDTH = str(WIDTH)
_NOTHING = os.devnull
TOOLS = {
    "black": ("--quiet", "--config", _NOTHING, "--line-length", _WIDTH, "--target-version",
              "py311"),
    "autopep8": ("--ignore-local-config", "--global-config", _NOTHING, "--max-line-length", _WIDTH,
                 "--in-place"),
    "ruff": ("format", "--isolated", "--quiet", "--line-length", _WIDTH),
    "isort": ("--quiet", "--settings-file", _NOTHING, "--profile", "black", "--line-length",
              _WIDTH),
}  # fmt: skip


def formatted(
    files: Mapping[str, str], choice: str, known: Mapping[str, str] | None = None
) -> tuple[dict[str, str], list[str]]:
    """The files, and warnings: where a tool fails they stay as they are.

    ``auto`` uses what is installed, black, else autopep8, and isort beside either; but not for what
    is ``known`` to lie there already, nor for more than ``AUTO_LIMIT``, since it changes nothing.
    Raises ``PlanError`` for a tool that was named and is not there.
    """
    wanted = {name: text for name, text in files.items() if text.strip()}
    if choice == "auto":
        wanted = {x: text for x, text in wanted.items() if (known or {}).get(x) != text}
        if sum(map(len, wanted.values())) > AUTO_LIMIT:
            return dict(files), []
    warnings = []
    for name, command in _tools(choice) if wanted else ():
        try:
            wanted = _run([*command, *TOOLS[name]], wanted)
        except (OSError, subprocess.SubprocessError, UnicodeDecodeError) as error:
            warnings.append(f"Could not format generated files: {name}: {_why(error)}")
    return {**files, **wanted}, warnings


def _tools(choice: str) -> list[tuple[str, list[str]]]:
    """Tools by name, and how to run them."""
    if choice == "none":
        return []
    if choice == "auto":
        first = "black" if _command("black") else "autopep8"
    elif _command(choice) is None:
        raise PlanError(
            f"{choice} is not installed; install it, or leave --format out: what is generated is"
            " formatted already"
        )
    else:
        first = choice
    found = [(name, _command(name)) for name in (first, "isort")]
    return [(name, command) for name, command in found if command is not None]


def _command(name: str) -> list[str] | None:
    """How to run a tool: from this Python, else from PATH; None if it is in neither."""
    if find_spec(name) is not None:
        return [sys.executable, "-m", name]
    path = shutil.which(name)
    return None if path is None else [path]


def _run(command: Sequence[str], files: Mapping[str, str]) -> dict[str, str]:
    with tempfile.TemporaryDirectory() as folder:
        # Not right in the working directory: there the tool would import our types.py for its own.
        places = {name: Path("files", name) for name in files}
        for name, path in places.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(files[name], "utf-8", newline="\n")
        subprocess.run(
            [*command, *map(str, places.values())], cwd=folder, capture_output=True,
            stdin=subprocess.DEVNULL, timeout=LIMIT_S, check=True,
        )  # fmt: skip
        made = {name: (folder / path).read_bytes().decode() for name, path in places.items()}
    return {name: text.replace("\r\n", "\n") for name, text in made.items()}


def _why(error: Exception) -> str:
    if isinstance(error, subprocess.CalledProcessError):
        said = error.stderr.decode(errors="replace").strip().splitlines()
        return said[-1] if said else f"exit code {error.returncode}"
    if isinstance(error, subprocess.TimeoutExpired):
        return f"no end within {LIMIT_S:g} s"
    return str(error)
