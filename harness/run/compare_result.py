"""A comparison as a whole: the verdicts, what they rest on, and what was left out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from harness.errors import PlanError
from harness.records import Environment, Record
from harness.run import compare_selfcheck, compare_stored
from harness.run.callgrind import Counted
from harness.run.compare_figures import is_cost
from harness.run.compare_selfcheck import SelfCheck
from harness.run.compare_turns import Effort, Taken
from harness.stats.blocks import Block, Process
from harness.stats.comparison import Judged, Measured, Rules, Word, judge
from harness.store import files

#: The form of a stored comparison. Raised when a field changes its meaning.
FORM = 1
_FOLDER = "comparisons"


class Quoted(Record, frozen=True):
    """What is said of the self-check that a comparison used."""

    made_at: str
    rate: float
    rate_interval: tuple[float, float]
    comparisons: int


class Taking(Record, frozen=True):
    """How two revisions were measured: the full hashes, and what it takes to do it again."""

    commits: tuple[str, str]
    environment: Environment
    server: str
    effort: Effort
    seconds: float
    #: Whether it was ended by hand.
    stopped: bool = False


def _short(side: str) -> str:
    return Path(side).name or side


class Comparison(Record, frozen=True):
    """Two sides, judged. ``kind`` is ``runs`` or ``revisions``.

    ``differences`` are those of the machines, which only ``across_machines`` lets pass.
    ``measured`` are the figures that were judged, each process with its typical one.
    """

    #: No default, so that it is always written.
    form: int
    kind: str
    base: str
    head: str
    made_at: str
    rules: Rules
    rows: list[Judged]
    across_machines: bool = False
    differences: list[str] = msgspec.field(default_factory=list)
    left_out: list[str] = msgspec.field(default_factory=list)
    notes: list[str] = msgspec.field(default_factory=list)
    selfcheck: Quoted | None = None
    taking: Taking | None = None
    #: Instructions, of what does the same each time; empty if they were not counted.
    counts: list[Counted] = msgspec.field(default_factory=list)
    measured: list[Measured] = msgspec.field(default_factory=list)

    @property
    def id(self) -> str:
        """Its name in the store: when, and what with what."""
        when = "".join(sign for sign in self.made_at[:19] if sign.isalnum())
        sides = (
            re.sub(r"[^A-Za-z0-9]+", "-", side).strip("-")[-24:] for side in map(_short, self.sides)
        )
        return "-".join([when, *sides])

    @property
    def sides(self) -> tuple[str, str]:
        """Base and head as they are called in tables."""
        if self.taking is None:
            return self.base, self.head
        base, head = self.taking.commits
        return base[:10], head[:10]

    @property
    def slower(self) -> bool:
        """Whether anything became slower."""
        return Word.SLOWER in self.words

    @property
    def words(self) -> list[Word]:
        """What was said of each figure and each count."""
        return [row.word for row in self.rows] + [row.word for row in self.counts]

    @property
    def told(self) -> bool:
        """Whether enough is known to say that nothing became slower."""
        kept_back = bool(self.left_out) and self.taking is not None
        return bool(self.rows) and not self.untold and not kept_back

    @property
    def untold(self) -> list[str]:
        """Benchmarks of which the leading figures (costs, if any) are all unsure."""
        return _untold(self.rows)


def _untold(judged: Sequence[Judged]) -> list[str]:
    found = []
    for name in dict.fromkeys(row.benchmark for row in judged):
        rows = [row for row in judged if row.benchmark == name]
        leading = [row for row in rows if is_cost(row.metric)] or rows
        if all(row.word is Word.UNSURE for row in leading):
            found.append(name)
    return found


def judged(
    report: Sequence[Measured], rules: Rules, check: SelfCheck | None
) -> tuple[list[Judged], Quoted | None]:
    """The verdicts, with the thresholds of a self-check if there is one."""
    if check is None:
        return judge(report, rules), None
    known = [
        msgspec.structs.replace(
            measured, detectable=check.detectable(measured.benchmark, measured.metric)
        )
        for measured in report
    ]
    quoted = Quoted(
        made_at=check.made_at,
        rate=check.rate,
        rate_interval=check.rate_interval,
        comparisons=check.comparisons,
    )
    return judge(known, rules), quoted


def of_runs(
    base: str, head: str, paired: compare_stored.Paired, rules: Rules, *,
    across_machines: bool, folder: Path, made_at: str,
) -> Comparison:  # fmt: skip
    """Stored runs, judged. Raises ``PlanError`` if their machines differ, unless that is allowed.

    A self-check in ``folder`` speaks for them if it was made where they were.
    """
    if paired.differences and not across_machines:
        raise PlanError(
            f"these runs are not comparable: {'; '.join(paired.differences)}; "
            "--across-machines compares them all the same, and says so"
        )
    check = None if paired.differences else compare_selfcheck.newest(folder, paired.where)
    rows, quoted = judged(paired.report, rules, check)
    return Comparison(
        form=FORM,
        kind="runs",
        base=base,
        head=head,
        made_at=made_at,
        rules=rules,
        rows=rows,
        across_machines=across_machines,
        differences=paired.differences,
        left_out=paired.left_out,
        notes=_notes(rows, paired),
        selfcheck=quoted,
        measured=[_brief(measured) for measured in paired.report],
    )


def of_revisions(
    base: str, head: str, taken: Taken, taking: Taking, rules: Rules, *,
    folder: Path, made_at: str, counts: Sequence[Counted] = (), remarks: Sequence[str] = (),
) -> Comparison:  # fmt: skip
    """Two revisions that were measured in turns, judged; ``remarks`` become notes."""
    check = compare_selfcheck.newest(folder, taking.environment)
    rows, quoted = judged(taken.report, rules, check)
    notes = [
        f"{name}: every cost is unsure: allow more with --budget, or a wider --margin"
        for name in _untold(rows)
    ]
    if taking.commits[0] == taking.commits[1]:
        notes.append("both sides are the same commit: whatever differs is noise")
    return Comparison(
        form=FORM,
        kind="revisions",
        base=base,
        head=head,
        made_at=made_at,
        rules=rules,
        rows=rows,
        left_out=taken.left_out,
        notes=[*notes, *remarks],
        selfcheck=quoted,
        taking=taking,
        counts=list(counts),
        measured=[_brief(measured) for measured in taken.report],
    )


def _brief(measured: Measured) -> Measured:
    """Each process with its median alone, which is all that is judged."""

    def brief(processes: Sequence[Process]) -> tuple[Process, ...]:
        return tuple((float(np.median(process)),) for process in processes)

    blocks = tuple(Block(base=brief(x.base), head=brief(x.head)) for x in measured.blocks)
    return msgspec.structs.replace(measured, blocks=blocks)


def save(comparison: Comparison, folder: Path) -> Path:
    """Write it to ``folder/comparisons/<id>.json``. Raises ``StoreError`` if that fails."""
    return files.write_record(folder / _FOLDER / f"{comparison.id}.json", comparison)


def load(path: Path) -> Comparison:
    """A stored comparison. Raises ``StoreError`` if it is missing, damaged, or of a newer form."""
    return files.decoded(files.read(path), Comparison, FORM, path, "not a comparison")


def _notes(rows: Sequence[Judged], paired: compare_stored.Paired) -> list[str]:
    notes = []
    fewest = min((min(row.processes) for row in rows), default=0)
    if fewest < 4:
        notes.append(
            f"{fewest} run{'s' * (fewest != 1)} a side cannot tell a change from the luck of a "
            "process; store at least 5 of each (harness run --out DIR, again and again, the sides "
            "in turns), or compare two git revisions"
        )
    if paired.servers:
        notes.append(
            f"the servers differ, so that what changed may be theirs: {'; '.join(paired.servers)}"
        )
    if paired.one_after_the_other:
        notes.append(
            "all runs of one side are older than those of the other: what the machine did in "
            "between reads as a change; two git revisions are measured in turns"
        )
    return notes
