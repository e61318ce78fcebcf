"""Stored runs of two sides: which belong together, and whether they may be compared at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec

from harness.errors import PlanError, StoreError
from harness.records import Environment, Level, Record, Run, Target
from harness.run.compare_figures import figures
from harness.stats.blocks import Block, Process
from harness.stats.comparison import Measured
from harness.store import runs

#: What must be the same, by the word that people use for it.
_MACHINE: dict[str, Callable[[Environment], object]] = {
    "system": lambda at: at.platform,
    "kernel": lambda at: at.kernel,
    "CPU model": lambda at: at.cpu_model,
    "CPUs": lambda at: at.cpu_count,
    "memory": lambda at: at.memory_bytes,
    "governor": lambda at: at.governor,
    "Python": lambda at: f"{at.implementation} {at.python}",
}
_SERVER: dict[str, Callable[[Target], object]] = {
    "server version": lambda at: at.version,
    "server program": lambda at: at.exe_sha256,
    "server code": lambda at: at.code_sha256,
    "server module": lambda at: at.module_sha256,
}
_LONG = 24


class Paired(Record, frozen=True):
    """What two sets of runs have in common, and what was left out, in sentences."""

    report: list[Measured]
    #: What differs between the machines or Pythons; empty for comparable runs.
    differences: list[str]
    #: What differs between the servers: they may be what is compared, so that it is only told.
    servers: list[str]
    left_out: list[str]
    #: True if every run of one side is older than those of the other.
    one_after_the_other: bool
    #: Where the first of them was made.
    where: Environment


def read(wanted: str, folder: Path = runs.DEFAULT_FOLDER) -> list[Run]:
    """The runs of a folder, of a file, or the one of an id or a part of it.

    A folder is one as ``harness run --out`` writes it, or one that has run files directly in it.
    Raises ``StoreError`` if there are none, or if one is damaged.
    """
    place = Path(wanted)
    if not place.is_dir():
        return [runs.find(wanted, folder)]
    inside = place / "runs" if (place / "runs").is_dir() else place
    paths = sorted(inside.glob("*.json"))
    if not paths:
        raise StoreError(f"{place} has no runs; `harness run --out {place}` makes some")
    return [runs.load(path) for path in paths]


def pair(base: Sequence[Run], head: Sequence[Run], wanted: Callable[[str], bool]) -> Paired:
    """What has the same scenario on both sides, figure by figure.

    VOID runs say nothing and are left out. Raises ``PlanError`` if nothing is left.
    """
    left_out: list[str] = []
    sides = [_by_scenario(side, wanted, left_out) for side in (base, head)]
    common = [key for key in sides[0] if key in sides[1]]
    for side, other, name in ((sides[0], sides[1], "second"), (sides[1], sides[0], "first")):
        left_out += [
            f"{group[0].scenario.name}: the {name} side has no run of the same scenario"
            for key, group in side.items()
            if key not in other
        ]
    if not common:
        first = f"; {left_out[0]}" if left_out else ""
        raise PlanError(
            "no scenario has a run on both sides that is not VOID; it is the same if its workload, "
            f"load, protocol and options are{first}"
        )
    report: list[Measured] = []
    for key in common:
        report += _measured(sides[0][key], sides[1][key])
    kept = [[run for key in common for run in side[key]] for side in sides]
    return Paired(
        report=report,
        differences=machines(*kept),
        servers=servers(*kept),
        left_out=left_out,
        one_after_the_other=_apart(*kept),
        where=kept[0][0].environment,
    )


def _by_scenario(
    side: Sequence[Run], wanted: Callable[[str], bool], left_out: list[str]
) -> dict[bytes, list[Run]]:
    found: dict[bytes, list[Run]] = {}
    for run in side:
        if not wanted(run.scenario.name):
            continue
        if run.verdict.level is Level.VOID:
            left_out.append(f"{run.id}: {run.verdict}")
            continue
        key = msgspec.json.encode((run.scenario, run.target.kind), order="deterministic")
        found.setdefault(key, []).append(run)
    return found


def _measured(base: Sequence[Run], head: Sequence[Run]) -> list[Measured]:
    sides: list[dict[str, list[Process]]] = []
    known = {}
    for side in (base, head):
        taken: dict[str, list[Process]] = {}
        for run in side:
            for figure in figures(run.scenario, run.metrics, run.notes):
                taken.setdefault(figure.name, []).append(figure.samples)
                known[figure.name] = figure
        sides.append(taken)
    return [
        Measured(
            benchmark=base[0].scenario.name,
            metric=name,
            blocks=(Block(base=tuple(sides[0][name]), head=tuple(sides[1][name])),),
            unit=figure.unit,
            better=figure.better,
            paired=False,
        )
        for name, figure in known.items()
        if name in sides[0] and name in sides[1]
    ]


def machines(base: Sequence[Run], head: Sequence[Run]) -> list[str]:
    """What of machine and Python is not one and the same, with what was found."""
    found = []
    for word, of in _MACHINE.items():
        found += _differs(word, *({of(run.environment) for run in x} for x in (base, head)))
    return found


def servers(base: Sequence[Run], head: Sequence[Run]) -> list[str]:
    """What of the servers is not one and the same, with what was found."""
    found = []
    for word, of in _SERVER.items():
        found += _differs(word, *({of(run.target) for run in x} for x in (base, head)))
    return found


def _differs(word: str, base: set[object], head: set[object]) -> list[str]:
    if len(base | head) == 1:
        return []
    return [f"{word}: {_shown(base)} and {_shown(head)}"]


def _shown(values: Iterable[object]) -> str:
    texts = sorted("none" if value is None else str(value) for value in values)
    return ", ".join(x if len(x) <= _LONG or " " in x else f"{x[:12]}…" for x in texts)


def _apart(base: Sequence[Run], head: Sequence[Run]) -> bool:
    times = [sorted(run.started_at for run in side) for side in (base, head)]
    return times[0][-1] < times[1][0] or times[1][-1] < times[0][0]
