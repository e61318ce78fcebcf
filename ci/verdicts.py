"""What a comparison means for a pull request: confirmed or not, within budget or not."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from enum import Enum

from msgspec import structs

from ci.budgets import Budget
from harness.records import Record
from harness.run.compare_result import Comparison
from harness.run.confirming import word_of
from harness.series import Better
from harness.stats.comparison import Judged, Word
from harness.store.confirmations import Confirmation
from harness.store.confirmations import Word as Answered
from harness.units import change

#: Exit codes, as those of ``harness compare``.
FINE, SLOWER, UNTOLD = 0, 3, 4


class State(Enum):
    """What is made of a figure."""

    SLOWER = "slower"
    OVER = "over its limit"
    WITHIN = "slower, within budget"
    DOUBTED = "slower at first, not again"
    FASTER = "faster"
    SAME = "same"
    UNSURE = "unsure"


#: Those that a maintainer has to know, in the order in which they are told.
EVENTS = (State.SLOWER, State.OVER, State.WITHIN, State.DOUBTED, State.FASTER)


class Line(Record, frozen=True):
    """A figure of the report. ``again`` is what the second look found, if there was one."""

    benchmark: str
    metric: str
    unit: str
    base: float
    head: float
    ratio: float
    interval: tuple[float, float] | None
    state: State
    again: Judged | None = None
    q: float | None = None
    detectable: float | None = None
    budget: Budget | None = None
    #: Said of it beside its state: an expired budget, an answer of `harness confirm`.
    remark: str = ""
    #: Whether it was measured again elsewhere, which refuted it.
    settled: bool = False


class Verdict(Record, frozen=True):
    """All lines, and what they come to."""

    lines: list[Line]
    told: bool

    @property
    def code(self) -> int:
        """The exit code."""
        states = {line.state for line in self.lines}
        if states & {State.SLOWER, State.OVER}:
            return SLOWER
        unsettled = any(
            line.state is State.DOUBTED
            and not line.settled
            and (line.again is None or line.again.word is Word.UNSURE)
            for line in self.lines
        )
        return FINE if self.told and not unsettled else UNTOLD


def suspects(comparison: Comparison) -> list[str]:
    """Benchmarks with a figure that seems slower by the clock: they want a second look."""
    return list(dict.fromkeys(row.benchmark for row in comparison.rows if row.word is Word.SLOWER))


def verdict(
    first: Comparison, second: Comparison | None, budgets: Sequence[Budget], today: dt.date
) -> Verdict:
    """What both looks come to. Without a second one the first is believed as it is."""
    found = {} if second is None else {(row.benchmark, row.metric): row for row in second.rows}
    lines = [
        _line(row, found.get((row.benchmark, row.metric)), second is not None, budgets, today)
        for row in first.rows
    ]
    for counted in first.counts:
        state = State(counted.word.value)
        line = Line(
            benchmark=counted.benchmark,
            metric="instructions",
            unit=f"instructions a {counted.operation}",
            base=counted.base,
            head=counted.head,
            ratio=counted.ratio,
            interval=None,
            state=state,
        )
        lines.append(_budgeted(line, Better.LESS, budgets, today))
    return Verdict(lines=lines, told=first.told and bool(lines))


def with_answers(found: Verdict, answers: Sequence[Confirmation]) -> Verdict:
    """The same, with what `harness confirm` said of these figures of these revisions.

    What the gate itself measured a second time stays as it is; else what was refuted stops nobody.
    """
    known = {(one.benchmark, one.metric): one for one in answers}
    return structs.replace(
        found, lines=[_told(line, known.get((line.benchmark, line.metric))) for line in found.lines]
    )


def _told(line: Line, answer: Confirmation | None) -> Line:
    if answer is None or line.state is not State.SLOWER:
        return line
    size = "" if answer.ratio is None else f": {change(answer.ratio)}"
    if answer.interval is not None:
        size += f" ({change(answer.interval[0])} to {change(answer.interval[1])})"
    said = f"{answer.word.value} by `harness confirm` on {answer.made_at[:10]}{size}"
    refuted = answer.word is Answered.REFUTED and line.again is None
    return structs.replace(
        line,
        state=State.DOUBTED if refuted else line.state,
        remark="; ".join(filter(None, (line.remark, said))),
        settled=refuted,
    )


def second_look(first: Comparison, second: Comparison) -> list[Confirmation]:
    """What the second look said of each figure that seemed slower, to be kept."""
    again = {(row.benchmark, row.metric): row for row in second.rows}
    if first.taking is None:
        return []
    about = first.taking.environment
    found = []
    for row in first.rows:
        look = again.get((row.benchmark, row.metric))
        if row.word is not Word.SLOWER or look is None:
            continue
        found.append(
            Confirmation(
                word=word_of(look.word, row.ratio if row.better is Better.LESS else 1 / row.ratio),
                event="",
                series=f"{row.benchmark}:{row.metric}",
                benchmark=row.benchmark,
                metric=row.metric,
                commits=first.taking.commits,
                suspected=row.ratio,
                ratio=look.ratio,
                interval=look.interval,
                why=look.why,
                made_at=second.made_at,
                machine=f"{about.cpu_model} x{about.cpu_count}",
                comparison=second.id,
            )
        )
    return found


def _line(
    row: Judged, again: Judged | None, looked: bool, budgets: Sequence[Budget], today: dt.date
) -> Line:
    state = State(row.word.value)
    if row.word is Word.SLOWER and looked and (again is None or again.word is not Word.SLOWER):
        state = State.DOUBTED
    line = Line(
        benchmark=row.benchmark,
        metric=row.metric,
        unit=row.unit,
        base=row.base,
        head=row.head,
        ratio=row.ratio,
        interval=row.interval,
        state=state,
        again=again,
        q=row.q,
        detectable=row.detectable,
    )
    return _budgeted(line, row.better, budgets, today)


def _budgeted(line: Line, better: Better, budgets: Sequence[Budget], today: dt.date) -> Line:
    """The line with the first budget that changes what is made of it."""
    remark = ""
    for budget in budgets:
        if not budget.fits(line.benchmark, line.metric):
            continue
        if budget.expired(today):
            remark = f"the budget of {budget.owner} expired on {budget.expires}"
            continue
        if budget.limit is not None:
            over = line.head > budget.limit if better is Better.LESS else line.head < budget.limit
            if over:
                return _with(line, State.OVER, budget, remark)
        elif line.state is State.SLOWER and budget.slower_percent is not None:
            factor = 1 + budget.slower_percent / 100
            if (line.ratio if better is Better.LESS else 1 / line.ratio) <= factor:
                return _with(line, State.WITHIN, budget, remark)
    return _with(line, line.state, None, remark)


def _with(line: Line, state: State, budget: Budget | None, remark: str) -> Line:
    return structs.replace(line, state=state, budget=budget, remark=remark)
