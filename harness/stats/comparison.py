"""Faster, slower, same or unsure: the verdicts of all benchmarks of one report together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from enum import Enum

from harness.records import Record
from harness.series import Better
from harness.stats import bootstrap, permutation
from harness.stats.adjusting import adjusted
from harness.stats.blocks import Block, differences, middle, table, typical
from harness.stats.bootstrap import LEAST, Interval


class Word(Enum):
    """What is said of a benchmark."""

    FASTER = "faster"
    SLOWER = "slower"
    SAME = "same"
    UNSURE = "unsure"


class Rules(Record, frozen=True):
    """How strictly is judged.

    ``level`` is the share of the reported changes that may be false; a change within ``margin``, a
    relative one, does not matter. ``dependent`` corrects for tests that depend on each other in any
    way, which costs power.
    """

    level: float = 0.05
    margin: float = 0.02
    confidence: float = 0.95
    dependent: bool = False
    seed: int = 1


class Measured(Record, frozen=True):
    """One figure of one benchmark on both sides.

    ``paired`` blocks were taken in turns, their order drawn by lot. Otherwise there is one block,
    whose processes ran whenever they ran. ``detectable`` is the smallest relative change that this
    machine has shown to tell apart.
    """

    benchmark: str
    metric: str
    blocks: tuple[Block, ...]
    unit: str = "ns"
    better: Better = Better.LESS
    paired: bool = True
    detectable: float | None = None


class Judged(Record, frozen=True):
    """A figure with its verdict. ``ratio`` is head over base, with its interval if it is known.

    ``base`` and ``head`` are typical figures, which have that ratio. ``p`` is that of this test
    alone, ``q`` of this test among all of the report. ``why`` says what is missing for a verdict,
    or what decided it.
    """

    benchmark: str
    metric: str
    unit: str
    better: Better
    word: Word
    ratio: float
    interval: tuple[float, float] | None
    base: float
    head: float
    p: float
    q: float
    blocks: int
    processes: tuple[int, int]
    why: str
    detectable: float | None = None


def judge(report: Sequence[Measured], rules: Rules | None = None) -> list[Judged]:
    """The verdicts, in the order of the report.

    *Slower* and *faster* need a q of at most the level and an interval on one side of the smallest
    change that can be told apart; *same* an interval within the margin, which goes first: what is
    certain but does not matter is no change. Everything else is *unsure*.

    Raises ``ValueError`` for figures that are not positive, or blocks of different sizes.
    """
    rules = rules or Rules()
    found = [_test(measured, rules) for measured in report]
    q_values = adjusted([p for _, p in found], dependent=rules.dependent)
    return [
        _judged(measured, interval, p, q, rules)
        for measured, (interval, p), q in zip(report, found, q_values, strict=True)
    ]


def _test(measured: Measured, rules: Rules) -> tuple[Interval, float]:
    if measured.paired:
        logs = table(measured.blocks)
        return (
            bootstrap.paired(logs, rules.confidence, rules.seed),
            permutation.sign_flip(differences(logs), rules.seed),
        )
    (block,) = measured.blocks
    base, head = typical(block.base), typical(block.head)
    return (
        bootstrap.apart(base, head, rules.confidence, rules.seed),
        permutation.relabel(base, head, rules.seed),
    )


def word_of(
    interval: Interval, q: float, better: Better, rules: Rules, detectable: float | None = None
) -> Word:
    """The verdict that an interval of a logarithm of a ratio and a q come to."""
    if not interval.known:
        return Word.UNSURE
    margin = math.log1p(rules.margin)
    if -margin < interval.low and interval.high < margin:
        return Word.SAME
    least = math.log1p(detectable or 0.0)
    if q <= rules.level and (interval.low > least or interval.high < -least):
        worse = (interval.value > 0) == (better is Better.LESS)
        return Word.SLOWER if worse else Word.FASTER
    return Word.UNSURE


def _judged(measured: Measured, interval: Interval, p: float, q: float, rules: Rules) -> Judged:
    base = [process for block in measured.blocks for process in block.base]
    head = [process for block in measured.blocks for process in block.head]
    word = word_of(interval, q, measured.better, rules, measured.detectable)
    # What both sides shared, halfway between them; a ratio of two medians would lack the pairing.
    centre = float(middle(typical([*base, *head])))
    return Judged(
        benchmark=measured.benchmark,
        metric=measured.metric,
        unit=measured.unit,
        better=measured.better,
        word=word,
        ratio=math.exp(interval.value),
        interval=(math.exp(interval.low), math.exp(interval.high)) if interval.known else None,
        base=math.exp(centre - interval.value / 2),
        head=math.exp(centre + interval.value / 2),
        p=p,
        q=q,
        blocks=len(measured.blocks) if measured.paired else 0,
        processes=(len(base), len(head)),
        why=_why(measured, interval, q, word, rules),
        detectable=measured.detectable,
    )


def _why(measured: Measured, interval: Interval, q: float, word: Word, rules: Rules) -> str:
    if not interval.known:
        what = "blocks" if measured.paired else "processes of each side"
        return f"fewer than {LEAST} {what}"
    low, high = (_percent(math.expm1(end)) for end in (interval.low, interval.high))
    if word is Word.SAME:
        return f"{low} to {high} lies within ±{rules.margin:.1%}"
    if word is not Word.UNSURE:
        return f"q {q:.2g}"
    if q > rules.level:
        return f"{low} to {high} is wider than ±{rules.margin:.1%}, and q is {q:.2g}"
    return f"{low} to {high} is not beyond what this machine tells apart"


def _percent(share: float) -> str:
    return f"{share:+.1%}"
