"""The order of commits, as a repository has it."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from harness.errors import StoreError

_HASH = re.compile(r"[0-9a-f]{7,64}")


def first_parents(repository: Path, branch: str = "HEAD") -> dict[str, int]:
    """From hash to place, oldest first: the branch as it was at each time, without what merged in.

    Raises ``StoreError`` if this is no repository of git, or has no such branch.
    """
    listed = _git(repository, "rev-list", "--first-parent", "--reverse", branch, "--")
    return {commit: place for place, commit in enumerate(listed.split())}


class Said(NamedTuple):
    """What a repository says of a commit: its place by first parents, None if it is not on the
    branch; its date in milliseconds since 1970; the first line of its message."""

    place: int | None
    date_ms: int
    subject: str


def told(repository: Path, others: Iterable[str] = (), branch: str = "HEAD") -> dict[str, Said]:
    """Of the branch's commits by first parents, and of ``others`` that the repository has.

    Raises ``StoreError`` if this is no repository of git, or has no such branch.
    """
    form = "--format=%H%x00%ct%x00%s%x00"
    listed = _git(repository, "log", "--first-parent", "--reverse", form, branch, "--")
    found = {
        commit: Said(place, date_ms, subject)
        for place, (commit, date_ms, subject) in enumerate(_spelled(listed))
    }
    missing = [commit for commit in others if _HASH.fullmatch(commit) and commit not in found]
    if missing:
        listed = _git(
            repository, "log", "--no-walk=unsorted", "--ignore-missing", form, "--stdin", "--",
            input="\n".join(missing) + "\n",
        )  # fmt: skip
        for commit, date_ms, subject in _spelled(listed):
            found.setdefault(commit, Said(None, date_ms, subject))
    return found


def _spelled(listed: str) -> Iterator[tuple[str, int, str]]:
    parts = listed.split("\0")
    for commit, seconds, subject in zip(parts[::3], parts[1::3], parts[2::3], strict=False):
        yield commit.strip(), int(seconds) * 1000, subject


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


def _git(repository: Path, *arguments: str, input: str | None = None) -> str:
    command = ["git", "-C", str(repository), *arguments]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", input=input, check=False
        )
    except (OSError, ValueError) as error:
        raise StoreError(f"cannot ask git: {error}") from error
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["it did not say why"]
        raise StoreError(f"git in {repository} refuses: {said[0]}")
    return done.stdout
