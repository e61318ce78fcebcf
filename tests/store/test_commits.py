"""The order of commits is the branch's own, whatever their dates say."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from harness.errors import StoreError
from harness.store import commits


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """``main`` with two commits and a merge, whose dates run backwards."""
    folder = tmp_path / "repository"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    commit(folder, "First", 3000)
    git(folder, "switch", "-q", "-c", "side")
    commit(folder, "Side", 2500)
    git(folder, "switch", "-q", "main")
    commit(folder, "Second", 2000)
    git(folder, "merge", "-q", "--no-ff", "-m", "Merge", "side", date=1000)
    return folder


def git(folder: Path, *arguments: str, date: int = 0) -> str:
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", *arguments]
    stamp = f"@{date} +0000"
    env = {**os.environ, "GIT_AUTHOR_DATE": stamp, "GIT_COMMITTER_DATE": stamp}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def commit(folder: Path, title: str, date: int) -> None:
    git(folder, "commit", "-q", "--allow-empty", "-m", title, date=date)


def test_first_parents_oldest_first(repository: Path) -> None:
    order = commits.first_parents(repository, "main")
    titles = {
        place: git(repository, "show", "-s", "--format=%s", one) for one, place in order.items()
    }
    assert titles == {0: "First", 1: "Second", 2: "Merge"}


def test_a_revision_has_a_hash_and_a_date(repository: Path) -> None:
    assert commits.resolve(repository, "main~1") == (
        git(repository, "rev-parse", "main~1"),
        2000_000,
    )


@pytest.mark.parametrize("revision", ["nowhere", "--output=x", "", "a\0b"])
def test_what_git_does_not_know(repository: Path, revision: str) -> None:
    with pytest.raises(StoreError, match=r"git in .* refuses|cannot ask git"):
        commits.resolve(repository, revision)
    assert not (repository / "x").exists()


def test_no_repository(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"git in .* refuses: .*not a git repository"):
        commits.first_parents(tmp_path)
