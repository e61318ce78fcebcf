"""What two words name: git revisions or stored runs."""

from __future__ import annotations

from pathlib import Path

from harness.errors import PlanError, StoreError
from harness.records import Run
from harness.run import compare_stored
from harness.run.environments import Environments


def stored(
    base: str, head: str, repository: Path, folder: Path
) -> tuple[list[Run], list[Run]] | None:
    """The runs of both sides, or None if they are two revisions of the repository.

    What is a folder or a file is taken for runs, then what git knows for a revision, then what is
    part of a stored run's id. Raises ``PlanError`` if one is neither or if they differ in kind,
    ``StoreError`` for runs that cannot be read.
    """
    kinds = [_is_stored(word, repository, folder) for word in (base, head)]
    if kinds[0] != kinds[1]:
        run, revision = (base, head) if kinds[0] else (head, base)
        raise PlanError(
            f"{run} is stored and {revision} is a git revision: a revision is measured now, in "
            "turns with another one; name two of a kind"
        )
    if not kinds[0]:
        return None
    return compare_stored.read(base, folder), compare_stored.read(head, folder)


def _is_stored(word: str, repository: Path, folder: Path) -> bool:
    if Path(word).exists():
        return True
    try:
        Environments(repository).commit(word)
    except PlanError as error:
        try:
            compare_stored.read(word, folder)
        except StoreError:
            raise PlanError(
                f"{word} is no folder, no revision of {repository.resolve()} and no run in "
                f"{folder}: {error}"
            ) from None
        return True
    return False
