"""Environments of git revisions of the harness: built once each, kept, told apart by commit."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from harness.errors import PlanError
from harness.peers import environments as made

#: The distribution that a revision must install to be measured.
PACKAGE = "spacetimedb-harness"


class Environments:
    """Environments of the revisions of one repository.

    What the interpreter that runs this has installed is lent to them, so that both sides of a
    comparison have the same libraries beside the one that is compared. ``folder`` is the cache;
    None is the user's.
    """

    def __init__(
        self,
        repository: Path,
        folder: Path | None = None,
        progress: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.repository = repository
        self._folder, self._progress = folder, progress
        self._made: dict[str, str] = {}

    def commit(self, revision: str) -> str:
        """The full hash of a revision. Raises ``PlanError`` for one that there is not."""
        commit = self._source(revision).commit
        assert commit is not None  # a repository always has it
        return commit

    def python(self, revision: str) -> str:
        """The interpreter of an environment in which that revision is installed.

        Raises ``PlanError`` if there is no such revision or if it is no harness, ``TargetError``
        with the end of the output if it cannot be built.
        """
        source = self._source(revision)
        assert source.commit is not None
        if source.commit not in self._made:
            found = made.prepare(source, folder=self._folder, borrow=True, progress=self._progress)
            if re.sub(r"[-_.]+", "-", found.package).lower() != PACKAGE:
                raise PlanError(
                    f"{self.repository} at {source.commit[:12]} is {found.package}, not {PACKAGE}; "
                    "other clients are measured by `harness client`"
                )
            self._made[source.commit] = str(found.python)
        return self._made[source.commit]

    def built(self, commit: str) -> bool:
        """Whether a commit, by its full hash, was asked for already."""
        return commit in self._made

    def _source(self, revision: str) -> made.Source:
        if not revision or revision.startswith("-"):
            raise PlanError(f"{revision!r} is no revision of {self.repository}")
        if not self.repository.is_dir():
            raise PlanError(f"there is no repository at {self.repository}")
        return made.at_revision(self.repository, revision)
