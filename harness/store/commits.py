"""The order of commits, as a repository has it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from harness.errors import StoreError


def first_parents(repository: Path, branch: str = "HEAD") -> dict[str, int]:
    """From hash to place, oldest first: the branch as it was at each time, without what merged in.

    Raises ``StoreError`` if this is no repository of git, or has no such branch.
    """
    listed = _git(repository, "rev-list", "--first-parent", "--reverse", branch, "--")
    return {commit: place for place, commit in enumerate(listed.split())}


def between(repository: Path, good: str, bad: str) -> list[str]:
    """The commits from good to bad by first parents, both among them, the oldest first.

    Both are full hashes. Raises ``StoreError`` if good is no first parent of bad's before it.
    """
    known = first_parents(repository, bad)
    if good not in known or good == bad:
        raise StoreError(
            f"{good[:10]} is no ancestor of {bad[:10]} by first parents: name a good revision on "
            "the way to the bad one, and fetch the history if the clone is shallow"
        )
    return list(known)[known[good] :]


def spoken(repository: Path, commit: str) -> str:
    """A commit as people know it: short hash, date, author, subject. Raises ``StoreError``."""
    told = _git(repository, "log", "-1", "--date=short", "--format=%h %ad %an: %s", commit, "--")
    return told.strip()


def resolve(repository: Path, revision: str) -> tuple[str, int]:
    """A revision's whole hash, and its commit's date in milliseconds since 1970.

    Raises ``StoreError`` if the repository does not know it.
    """
    told = _git(
        repository, "show", "--no-patch", "--format=%H %ct", "--end-of-options",
        f"{revision}^{{commit}}",
    )  # fmt: skip
    commit, _, seconds = told.strip().partition(" ")
    return commit, int(seconds) * 1000


def _git(repository: Path, *arguments: str) -> str:
    command = ["git", "-C", str(repository), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except (OSError, ValueError) as error:
        raise StoreError(f"cannot ask git: {error}") from error
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["it did not say why"]
        raise StoreError(f"git in {repository} refuses: {said[0]}")
    return done.stdout
