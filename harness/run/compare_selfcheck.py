"""What a machine can tell apart: the record of a self-check, where it lies, and whom it fits."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from harness.records import Environment, Record
from harness.stats.blocks import table
from harness.stats.comparison import Judged, Measured, Rules, Word, judge
from harness.stats.power import detectable
from harness.stats.proportions import interval
from harness.store import files

#: The form of a stored self-check. Raised when a field changes its meaning.
FORM = 1
_FOLDER = "selfcheck"
#: What must be the same for a self-check to speak for a comparison.
_SAME = (
    "platform", "kernel", "cpu_model", "cpu_count", "memory_bytes", "governor", "python",
    "implementation",
)  # fmt: skip


class Tells(Record, frozen=True):
    """One figure on this machine: the smallest relative change found in 80 % of comparisons.

    ``detectable`` is None where not even ×16 would be. ``seemed`` is by what two equal sides
    differed in all blocks together.
    """

    benchmark: str
    metric: str
    detectable: float | None
    seemed: float
    interval: tuple[float, float] | None
    blocks: int


class SelfCheck(Record, frozen=True):
    """Nothing changed, and this is what came out.

    ``false_alarms`` of ``comparisons`` figures were called slower or faster, in ``false_reports``
    of ``reports``; ``rate`` is the share of figures, ``rate_interval`` its exact 95 % interval.
    """

    #: No default, so that it is always written.
    form: int
    made_at: str
    revision: str
    environment: Environment
    tells: list[Tells]
    comparisons: int
    false_alarms: int
    reports: int
    false_reports: int
    rate_interval: tuple[float, float]
    blocks_per_report: int

    @property
    def rate(self) -> float:
        """The share of figures that were called changed."""
        return self.false_alarms / self.comparisons if self.comparisons else 0.0

    def detectable(self, benchmark: str, metric: str) -> float | None:
        """The smallest relative change to be told apart; None for a figure that is not known."""
        for told in self.tells:
            if (told.benchmark, told.metric) == (benchmark, metric):
                return told.detectable
        return None


def evaluate(
    report: Sequence[Measured],
    *,
    blocks: int,
    environment: Environment,
    revision: str,
    made_at: str,
    rules: Rules | None = None,
) -> SelfCheck:
    """What blocks of the same code on both sides say about this machine.

    They are cut into reports of ``blocks`` blocks, each judged as ``harness compare`` judges its
    own; the power is that of a comparison with all blocks that a figure has.
    """
    rules = rules or Rules()
    reports = _reports(report, blocks)
    judged = [judge(part, rules) for part in reports]
    alarms = [sum(row.word in (Word.SLOWER, Word.FASTER) for row in part) for part in judged]
    comparisons = sum(map(len, judged))
    return SelfCheck(
        form=FORM,
        made_at=made_at,
        revision=revision,
        environment=environment,
        tells=[
            _tells(measured, row, len(report), rules)
            for measured, row in zip(report, judge(report, rules), strict=True)
        ],
        comparisons=comparisons,
        false_alarms=sum(alarms),
        reports=len(reports),
        false_reports=sum(count > 0 for count in alarms),
        rate_interval=interval(sum(alarms), comparisons),
        blocks_per_report=blocks,
    )


def _reports(report: Sequence[Measured], blocks: int) -> list[list[Measured]]:
    """The first blocks of all figures are one report, the next ones the next."""
    found = []
    most = max((len(measured.blocks) for measured in report), default=0)
    for start in range(0, most - blocks + 1, blocks):
        part = [
            msgspec.structs.replace(measured, blocks=measured.blocks[start : start + blocks])
            for measured in report
            if len(measured.blocks) >= start + blocks
        ]
        found.append(part)
    return found


def _tells(measured: Measured, row: Judged, tests: int, rules: Rules) -> Tells:
    logs = table(measured.blocks)
    found = detectable(logs, len(logs), tests, level=rules.level, seed=rules.seed)
    return Tells(
        benchmark=measured.benchmark,
        metric=measured.metric,
        detectable=None if found == float("inf") else found,
        seemed=row.ratio - 1,
        interval=row.interval,
        blocks=len(logs),
    )


# --- kept ----------------------------------------------------------------------------------------


def save(check: SelfCheck, folder: Path) -> Path:
    """Write it to ``folder/selfcheck/<when>.json``; the file appears when it is complete.

    Raises ``StoreError`` if the folder cannot be written.
    """
    name = "".join(sign for sign in check.made_at[:19] if sign.isalnum())
    return files.write_record(folder / _FOLDER / f"{name}.json", check)


def newest(folder: Path, environment: Environment) -> SelfCheck | None:
    """The last self-check that was made on this machine with this Python; None without any.

    Raises ``StoreError`` if a file is damaged or of a newer form.
    """
    for path in sorted((folder / _FOLDER).glob("*.json"), reverse=True):
        check = load(path)
        if all(getattr(check.environment, x) == getattr(environment, x) for x in _SAME):
            return check
    return None


def load(path: Path) -> SelfCheck:
    """A stored self-check. Raises ``StoreError`` if it is missing, damaged, or of a newer form."""
    return files.decoded(files.read(path), SelfCheck, FORM, path, "not a self-check")
