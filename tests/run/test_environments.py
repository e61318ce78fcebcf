"""Environments of revisions: by commit, once, and only of the harness."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from harness.errors import PlanError
from harness.run.environments import Environments
from tests.peers.test_environments import commit, git
from tests.scratch import Scratch


def told(python: str, code: str) -> str:
    command = [python, "-I", "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_each_revision_is_what_it_was_and_is_built_once(tmp_path: Path) -> None:
    scratch = Scratch(tmp_path / "repository")
    old = scratch.commit("old")
    scratch.slow_encoding(5)
    new = scratch.commit("new")
    said: list[str] = []
    made = Environments(scratch.folder, tmp_path / "cache", said.append)
    assert (made.commit("main"), made.commit("main~1")) == (new, old)
    code = "from harness.wire import codec; print(hasattr(codec, '_Slow'), codec.__file__)"
    found = [told(made.python(revision), code).split() for revision in ("main~1", "HEAD")]
    assert [slow for slow, _ in found] == ["False", "True"]
    assert all(file.startswith(str(tmp_path / "cache")) for _, file in found)
    # What it is measured with beside that is what is installed here.
    assert told(made.python(old), "import msgspec; print(msgspec.__file__)")
    said.clear()
    made.python(new[:12])
    Environments(scratch.folder, tmp_path / "cache", said.append).python(old)
    assert not said


@pytest.mark.parametrize("revision", ["nowhere", "", "--help", "HEAD~99"])
def test_a_revision_that_there_is_not_is_refused(revision: str, tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    commit(tmp_path, "1.0")
    with pytest.raises(PlanError, match="no revision"):
        Environments(tmp_path).commit(revision)


def test_what_is_no_repository_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="is not a git repository"):
        Environments(tmp_path).commit("HEAD")
    with pytest.raises(PlanError, match="there is no repository at"):
        Environments(tmp_path / "nowhere").commit("HEAD")


def test_another_client_is_refused_with_the_command_for_it(tmp_path: Path) -> None:
    folder = tmp_path / "client"
    folder.mkdir()
    git(folder, "init", "-q")
    commit(folder, "1.0")
    made = Environments(folder, tmp_path / "cache")
    with pytest.raises(PlanError, match=r"is tiny-client, not spacetimedb-harness; .*`harness cl"):
        made.python("HEAD")
