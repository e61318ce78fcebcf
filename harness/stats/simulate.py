"""Our error rates, measured: ``python -m harness.stats.simulate`` prints the table.

Reports in which nothing changed, and reports with planted changes, judged by our rules and by those
of asv and pyperf on the very same samples. Seeded: the same numbers everywhere.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np

from harness.records import Record
from harness.series import Better
from harness.stats import bootstrap, opponents, permutation
from harness.stats.adjusting import adjusted
from harness.stats.blocks import Array, differences
from harness.stats.comparison import Rules, Word, word_of
from harness.stats.proportions import interval
from harness.stats.weather import Weather, report

REPORTS = 200
#: Reports for each planted change, and benchmarks that have it in each.
PLANTED_REPORTS = 25
PLANTED = 10
CHANGES = (0.02, 0.05, 0.10)
#: Draws for intervals: fewer than for people, since thousands are needed.
_DRAWS = 1_000


class Rate(Record, frozen=True):
    """How often something happened in how many trials, with its 95 % interval."""

    hits: int
    trials: int

    def __str__(self) -> str:
        low, high = interval(self.hits, self.trials)
        return f"{self.hits / self.trials:5.1%} ({low:.1%} to {high:.1%})"


class Outcome(Record, frozen=True):
    """What one way to judge did: reports and benchmarks with a false 'slower', and its power."""

    name: str
    false_reports: Rate
    false_benchmarks: Rate
    power: dict[str, Rate]


Judge = Callable[[Array], Array]


def ours(samples: Array) -> Array:
    """Which benchmarks of a report are slower by our rules, as ``comparison.judge`` says them.

    The same functions on arrays; an interval is drawn only where q leaves it to decide.
    """
    rules = Rules()
    tables = np.log(np.median(samples, axis=-1))
    q_values = adjusted([permutation.sign_flip(differences(logs)) for logs in tables])
    return np.array([
        q <= rules.level
        and word_of(bootstrap.paired(logs, draws=_DRAWS), q, Better.LESS, rules) is Word.SLOWER
        for logs, q in zip(tables, q_values, strict=True)
    ])  # fmt: skip


def _each(judge: Callable[[Array, Array], bool]) -> Judge:
    def judged(samples: Array) -> Array:
        return np.array([judge(of[:, 0].ravel(), of[:, 1].ravel()) for of in samples])

    return judged


#: Ways to judge a report, by the name that is printed.
JUDGES: dict[str, Judge] = {
    "harness compare": ours,
    "asv: p < 0.002, factor 1.1": _each(opponents.asv_slower),
    "asv: p < 0.002, factor 1.02": _each(lambda a, b: opponents.asv_slower(a, b, 1.02)),
    "asv: p < 0.002 alone": _each(lambda a, b: opponents.asv_slower(a, b, 1.0)),
    "pyperf: pooled t, 95 %": _each(opponents.pyperf_slower),
}


def simulate(
    reports: int = REPORTS,
    planted_reports: int = PLANTED_REPORTS,
    weather: Weather | None = None,
    seed: int = 1,
) -> list[Outcome]:
    """How each of ``JUDGES`` does on the same reports."""
    weather = weather or Weather()
    nothing = [[int(judge(samples).sum()) for judge in JUDGES.values()]
               for samples in (report(weather, seed + k) for k in range(reports))]  # fmt: skip
    found = {change: [0] * len(JUDGES) for change in CHANGES}
    for change in CHANGES:
        changes = np.zeros(weather.benchmarks)
        changes[:PLANTED] = change
        for k in range(planted_reports):
            samples = report(weather, seed + reports + k, changes)
            for number, judge in enumerate(JUDGES.values()):
                found[change][number] += int(judge(samples)[:PLANTED].sum())
    return [
        Outcome(
            name=name,
            false_reports=Rate(hits=sum(x[number] > 0 for x in nothing), trials=reports),
            false_benchmarks=Rate(
                hits=sum(x[number] for x in nothing), trials=reports * weather.benchmarks
            ),
            power={
                f"{change:.0%}": Rate(hits=found[change][number], trials=planted_reports * PLANTED)
                for change in CHANGES
            },
        )
        for number, name in enumerate(JUDGES)
    ]


def lines(outcomes: list[Outcome], weather: Weather, reports: int) -> list[str]:
    """The table as text."""
    head = [
        f"{reports} reports of {weather.benchmarks} benchmarks in which nothing changed, "
        f"{weather.blocks} blocks ABBA,",
        f"{weather.samples} samples in each process; 95 % intervals in parentheses",
        "",
        f"{'':28} {'reports with a false':24} {'benchmarks falsely':22}",
        f"{'judged by':28} {'slower':24} {'slower':22}",
    ]
    rows = [f"{x.name:28} {x.false_reports!s:24} {x.false_benchmarks!s:22}" for x in outcomes]
    title = f"named slower of {PLANTED} in a report that are so, by"
    planted = ["", f"{title:28}", f"{'':28} " + " ".join(f"{c:22.0%}" for c in CHANGES)]
    power = [f"{x.name:28} " + " ".join(f"{r!s:>22}" for r in x.power.values()) for x in outcomes]
    return head + rows + planted + power


def main() -> None:
    """Print the table; less is simulated if a number of reports is given."""
    reports = int(sys.argv[1]) if len(sys.argv) > 1 else REPORTS
    planted = min(PLANTED_REPORTS, reports)
    print("\n".join(lines(simulate(reports, planted), Weather(), reports)))


if __name__ == "__main__":
    main()
