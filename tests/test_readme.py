"""What the README tells people to type exists, and so do the files that it points to."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()
LINES = [
    line.partition("#")[0].strip()
    for block in re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    for line in block.splitlines()
]
HARNESS = [line for line in LINES if line.startswith("harness ")]
#: Commands that have commands of their own.
GROUPS = ("report", "server")
TARGETS = [line.split()[1] for line in LINES if line.startswith("make ")]


@pytest.mark.parametrize("line", HARNESS)
def test_each_command_is_one(line: str) -> None:
    command, *arguments = line.split()[1:]
    words = [command]
    if command in GROUPS:
        words.append(arguments.pop(0))
    result = subprocess.run(
        [sys.executable, "-m", "harness", *words, "--help"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    for option in arguments:
        if option.startswith("--"):
            assert re.search(rf"{option}\b", result.stdout), f"{command} has no {option}"


@pytest.mark.parametrize("target", TARGETS)
def test_each_make_target_is_one(target: str) -> None:
    assert re.search(rf"^{target}:.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_links_and_folders_exist() -> None:
    links = re.findall(r"\]\((?!https?://)([^)#]+)", README)
    folders = re.findall(r"^\| `([\w/]+)`", README, re.MULTILINE)
    assert links
    assert folders
    for name in [*links, *folders]:
        assert (ROOT / name).exists(), name
