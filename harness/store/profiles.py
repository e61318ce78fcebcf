"""Profiles: a folder for each, with record, stacks and page. Written whole or not at all.

``<folder>/profiles/<id>/`` holds ``profile.json`` (the record), ``flamegraph.html``,
``speedscope.json`` and collapsed stacks. A profile belongs to runs by scenario, target and commit:
it is never made in the run that yields a number.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from msgspec import field

from harness.errors import StoreError
from harness.records import Environment, Record, Run, Scenario
from harness.stacks import Grown
from harness.store import files, history, runs

#: The form of a stored profile. Raised when a field changes its meaning.
FORM = 1
_FOLDER = "profiles"
RECORD = "profile.json"
PAGE = "flamegraph.html"
SPEEDSCOPE = "speedscope.json"
#: Names of the profiles within a file of speedscope's, and of a difference's two sides.
ONE = "profile"
BASE, HEAD = "base", "head"


class Profile(Record, frozen=True):
    """What was profiled and how, and where that lies.

    ``of`` is client or server. ``commit`` is what was profiled; ``base`` is the commit that it is
    compared with, in a difference. ``weights`` are in ``unit`` (ns, wall_ns, bytes, instructions)
    of one operation if ``per_operation``, else of the process. ``samples`` and ``operations`` are
    over all turns; those of base stand in ``base_samples`` and ``base_operations``.
    """

    #: No default, so that it is always written.
    form: int
    id: str
    #: The name in the catalog, as comparisons and histories have it: ``throughput.Noop(v3)``.
    benchmark: str
    profiler: str
    of: str
    unit: str
    made_at: str
    per_operation: bool = True
    scenario: Scenario | None = None
    target: str = ""
    commit: str | None = None
    dirty: bool | None = None
    base: str | None = None
    total: float = 0.0
    samples: int = 0
    operations: int = 0
    base_total: float = 0.0
    base_samples: int = 0
    base_operations: int = 0
    pairs: int = 0
    seconds: float = 0.0
    environment: Environment | None = None
    #: The run that was there already when it was made, if there was one.
    run: str | None = None
    #: The frames that grew or shrank most, as ranked; of a difference alone.
    grown: list[Grown] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    #: What lies in its folder: ``page``, ``speedscope``, ``collapsed``, … -> name.
    files: dict[str, str] = field(default_factory=dict)

    @property
    def is_difference(self) -> bool:
        """Whether it compares two commits."""
        return self.base is not None

    @property
    def title(self) -> str:
        """What it is, for lists and headings."""
        what = f"{self.benchmark}: {self.of}, by {self.profiler}"
        if self.base is not None:
            return f"{what}, {self.base[:10]} → {(self.commit or '?')[:10]}"
        return f"{what} at {self.commit[:10]}" if self.commit else what


def place(profile: Profile, folder: Path) -> Path:
    """The folder of a profile."""
    return folder / _FOLDER / profile.id


def save(profile: Profile, contents: Mapping[str, bytes], folder: Path) -> Path:
    """Write the record and its files, by their names; the folder appears when it is complete.

    Raises ``StoreError`` if that fails or if there is such a profile already.
    """
    whole = place(profile, folder)
    building: Path | None = None
    try:
        whole.parent.mkdir(parents=True, exist_ok=True)
        building = Path(tempfile.mkdtemp(prefix=".building-", dir=whole.parent))
        for name, data in contents.items():
            files.write(building / name, data)
        files.write_record(building / RECORD, profile)
        building.chmod(0o755)
        if whole.exists():
            raise StoreError(f"the profile {profile.id} is stored already in {whole.parent}")
        os.rename(building, whole)
        building = None
    except OSError as error:
        raise StoreError(f"cannot write {whole}: {error.strerror or error}") from error
    finally:
        if building is not None:
            shutil.rmtree(building, ignore_errors=True)
    return whole


def load(path: Path) -> Profile:
    """A stored profile, by its folder or record.

    Raises ``StoreError`` if it is missing, damaged, or of a newer form.
    """
    record = path / RECORD if path.is_dir() else path
    return files.decoded(files.read(record), Profile, FORM, record, "not a profile")


def names(folder: Path) -> Iterator[str]:
    """The ids of all stored profiles, oldest first."""
    for record in sorted((folder / _FOLDER).glob(f"[!.]*/{RECORD}")):
        yield record.parent.name


def all_of(folder: Path) -> list[Profile]:
    """All stored profiles, oldest first; what cannot be read is passed over."""
    found = []
    for name in names(folder):
        try:
            one = load(folder / _FOLDER / name)
        except StoreError:
            continue  # written by a newer version, or damaged: the others can be shown
        if one.id == name:  # else its other files are not where it says
            found.append(one)
    return found


def of_run(run: Run, folder: Path) -> list[Profile]:
    """The profiles that say where a run's time went, oldest first.

    Those made for it, and those of the same scenario on the same kind of target at its commit.
    """
    return explaining_run(all_of(folder), run)


def explaining_run(known: Sequence[Profile], run: Run) -> list[Profile]:
    """Those of ``known`` that ``of_run`` gives."""
    return [x for x in known if x.run == run.id or fits(x, run)]


def fits(profile: Profile, run: Run) -> bool:
    """Whether a profile is of the same scenario, kind of target and commit as a run."""
    commit = run.environment.git_commit
    return (
        profile.scenario is not None
        and commit is not None
        and commit in (profile.commit, profile.base)
        and profile.scenario.name == run.scenario.name
        and profile.target == run.target.kind
    )


def newest_run(profile: Profile, folder: Path) -> str | None:
    """The id of the newest stored run that it explains; None if there is none."""
    if profile.scenario is None or profile.commit is None:
        return None
    # Ids are told by scenario, so that not all runs need to be read.
    mark = runs.slug(profile.scenario.name)
    for name in reversed([name for name in runs.names(folder) if mark in name]):
        try:
            run = runs.load(folder / "runs" / f"{name}.json")
        except StoreError:
            continue  # damaged: it says nothing
        if fits(profile, run):
            return run.id
    return None


def of_change(benchmark: str, before: str, after: str, folder: Path) -> list[Profile]:
    """The profiles that explain a change of a benchmark between two commits, oldest first.

    ``benchmark`` is a name in the catalog, with or without parameters or an asv method behind it,
    or that of a series of our own runs; commits may be short. Differences between just these two,
    and profiles of the later one.
    """
    return explaining_change(all_of(folder), benchmark, before, after)


def explaining_change(
    known: Sequence[Profile], benchmark: str, before: str, after: str
) -> list[Profile]:
    """Those of ``known`` that ``of_change`` gives."""

    def same(known: str | None, asked: str) -> bool:
        if not known or not asked:
            return False
        return known.startswith(asked) or asked.startswith(known)

    return [
        profile
        for profile in known
        if _about(profile, benchmark)
        and same(profile.commit, after)
        and (profile.base is None or same(profile.base, before))
    ]


def _about(profile: Profile, benchmark: str) -> bool:
    """Whether it is of this benchmark, by its name in the catalog or by its scenario's."""
    if _named(profile.benchmark, benchmark):
        return True
    # Series of our own runs: ``throughput-noop-v3.rate(target=embedded)``.
    return profile.scenario is not None and benchmark.partition(".")[0] == history.word(
        profile.scenario.name
    )


def _named(known: str, asked: str) -> bool:
    """Whether a benchmark of a history, such as ``codec.Rows.track_encode(item, 1)``, is meant."""
    name, _, given = known.partition("(")
    asked_name, _, asked_given = asked.partition("(")
    if given and asked_given and _values(given) != _values(asked_given):
        return False
    return asked_name == name or asked_name.startswith(f"{name}.")


def _values(parameters: str) -> list[str]:
    """``v3, 1)`` and ``protocol='v3', rows=1)`` alike."""
    parts = parameters.removesuffix(")").split(",")
    return [part.rpartition("=")[2].strip().strip("'\"") for part in parts]
