"""Where a site keeps profiles, and which of them explain a run or a change."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from harness.records import Run
from harness.store import profiles
from harness.store.profiles import Profile

#: The folder of profiles within a site.
FOLDER = "p"


def contents(profile: Profile, results: Path) -> list[tuple[str, Path]]:
    """Each file of a profile: its path below the site's top, and where it lies.

    Names come from a stored record, so only plain ones are taken: none leads out of the folder.
    """
    place = profiles.place(profile, results)
    return [
        (f"{FOLDER}/{profile.id}/{name}", place / name)
        for name in profile.files.values()
        if name == Path(name).name and not name.startswith(".") and (place / name).is_file()
    ]


def of_run(known: Sequence[Profile], run: Run, root: str) -> list[dict[str, str]]:
    """Links to the profiles that say where a run's time went, the newest first."""
    return [_link(one, root) for one in reversed(profiles.explaining_run(known, run))]


def of_change(
    known: Sequence[Profile], benchmark: str, before: str, after: str, root: str
) -> list[dict[str, str]]:
    """Links to those that explain a change between two commits: differences first, then newest."""
    found = profiles.explaining_change(known, benchmark, before, after)
    found.sort(key=lambda one: (one.is_difference, one.made_at), reverse=True)
    return [_link(one, root) for one in found]


def _link(profile: Profile, root: str) -> dict[str, str]:
    href = f"{root}{FOLDER}/{quote(profile.id)}/{profiles.PAGE}"
    # The page opens with what grew most in sight.
    top = next((row.frame.name for row in profile.grown if row.word == "grown"), "")
    return {"href": f"{href}#q={quote(top)}" if top else href, "title": profile.title}
