"""A built site as a commit on a branch, which other things may lie on too.

Nothing is checked out: git is given the files' contents and the names of the tree. What lay on the
branch stays, but for files of the site as it was published before.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import StoreError
from reports.folder import MEMORY

#: Lists what was published, so that the next time knows what may be removed.
LIST = "published-files.txt"
#: Tells GitHub's pages to serve files as they are.
PLAIN = ".nojekyll"
_AUTHOR = {"NAME": "spacetimedb-harness", "EMAIL": "harness@localhost"}


@dataclass(frozen=True, slots=True)
class Published:
    """``commit`` is the branch's newest; None if the branch has the same files already."""

    branch: str
    commit: str | None
    files: int
    removed: int


def publish(
    site: Path, repository: Path, branch: str, prefix: str = "", message: str = "Publish the site"
) -> Published:
    """Commit a site to a branch, below the folder ``prefix``. The branch is made if need be.

    Raises ``StoreError`` if this is no site, git refuses, or the branch is checked out somewhere.
    """
    if not (site / MEMORY).is_dir() or not (site / "index.html").is_file():
        raise StoreError(f"{site} is no built site: harness report build --out {site}")
    prefix = _checked(prefix)
    git = _Git(repository)
    git.call("check-ref-format", "--branch", branch)
    reference = f"refs/heads/{branch}"
    if f"branch {reference}" in git.call("worktree", "list", "--porcelain").splitlines():
        raise StoreError(
            f"the branch {branch} is checked out in {repository}: choose one that holds pages only"
        )
    parent = git.ask("rev-parse", "--verify", "--quiet", f"{reference}^{{commit}}")
    files = sorted(_files(site))
    names = [path.relative_to(site).as_posix() for path in files]
    with tempfile.TemporaryDirectory() as folder:
        git.index = Path(folder) / "index"
        before: list[str] = []
        if parent:
            git.call("read-tree", parent)
            listed = git.ask("show", f"{parent}:{prefix}{LIST}") or ""
            before = [name for name in listed.split("\n") if name]
        old = [prefix + name for name in before if name not in set(names)]
        if old:
            git.call("update-index", "--force-remove", "-z", "--stdin", input="\0".join(old) + "\0")
        hashes = git.call(
            "hash-object", "-w", "--no-filters", "--stdin-paths",
            input="".join(f"{path.resolve()}\n" for path in files),
        ).split()  # fmt: skip
        extra = {
            LIST: git.call("hash-object", "-w", "--stdin", input="\n".join(names) + "\n").strip(),
            PLAIN: git.call("hash-object", "-w", "--stdin", input="").strip(),
        }
        entries = [*zip(names, hashes, strict=True), *extra.items()]
        git.call(
            "update-index", "--add", "-z", "--index-info",
            input="".join(f"100644 {hash}\t{prefix}{name}\0" for name, hash in entries),
        )  # fmt: skip
        tree = git.call("write-tree").strip()
        if parent and git.call("rev-parse", f"{parent}^{{tree}}").strip() == tree:
            return Published(branch, None, len(names), 0)
        commit = git.call(
            "commit-tree", tree, *(["-p", parent] if parent else []), "-m", message
        ).strip()
    # Refused if somebody else moved the branch in between.
    git.call("update-ref", "-m", message, reference, commit, parent or "0" * 40)
    return Published(branch, commit, len(names), len(old))


def push(repository: Path, branch: str, remote: str) -> None:
    """Send the branch. Raises ``StoreError`` if git refuses, as when somebody else was quicker."""
    _Git(repository).call("push", "--quiet", remote, f"refs/heads/{branch}:refs/heads/{branch}")


def _checked(prefix: str) -> str:
    parts = [part for part in prefix.split("/") if part]
    if any(part in (".", "..", ".git") for part in parts) or "\0" in prefix or "\n" in prefix:
        raise StoreError(f"{prefix!r} is no folder of a branch")
    return "".join(f"{part}/" for part in parts)


def _files(site: Path) -> Iterator[Path]:
    """All files of the site; its memory is no part of it, and links lead elsewhere."""
    for folder, folders, names in os.walk(site):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in names:
            path = Path(folder) / name
            if not name.startswith(".") and path.is_file() and not path.is_symlink():
                yield path


class _Git:
    """Git in one repository, with an index of its own."""

    def __init__(self, repository: Path) -> None:
        self._repository = repository
        self.index: Path | None = None

    def call(self, *words: str, input: str | None = None) -> str:
        """What it says. Raises ``StoreError`` with its first line if it refuses."""
        done = self._run(words, input)
        if done.returncode:
            said = (done.stderr.strip().splitlines() or ["it did not say why"])[0]
            raise StoreError(f"git {words[0]} in {self._repository} refuses: {said}")
        return done.stdout

    def ask(self, *words: str) -> str | None:
        """What it says, None if it refuses."""
        done = self._run(words, None)
        return None if done.returncode else done.stdout.strip()

    def _run(self, words: Sequence[str], input: str | None) -> subprocess.CompletedProcess[str]:
        environment = dict(os.environ)
        if self.index is not None:
            environment["GIT_INDEX_FILE"] = str(self.index)
        for name, value in _AUTHOR.items():
            # Whoever git knows is the author; a machine that knows nobody has this one.
            if not self._knows_somebody():
                environment.setdefault(f"GIT_AUTHOR_{name}", value)
                environment.setdefault(f"GIT_COMMITTER_{name}", value)
        try:
            return subprocess.run(
                ["git", "-C", str(self._repository), *words],
                capture_output=True, text=True, errors="replace", input=input, check=False,
                env=environment,
            )  # fmt: skip
        except OSError as error:
            raise StoreError(f"cannot ask git: {error}") from error

    def _knows_somebody(self) -> bool:
        if not hasattr(self, "_somebody"):
            try:
                done = subprocess.run(
                    ["git", "-C", str(self._repository), "config", "--get", "user.email"],
                    capture_output=True, check=False,
                )  # fmt: skip
                self._somebody = done.returncode == 0
            except OSError:
                self._somebody = False
        return self._somebody
